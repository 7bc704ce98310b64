"""A browser for tests: starts chromedriver on a free port and speaks the WebDriver protocol.

Standard library only. `Browser` is a context manager; whatever happens, the browser, the driver and
the profile are gone at its end. Nothing here waits a fixed time: `eventually` asks until a
condition holds or its deadline has passed.
"""

import base64
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"  # the protocol's name for a reference to an element
START_S = 30
REQUEST_S = 60
WAIT_S = 20
CLICK_S = 5
PAUSE_S = 0.05

KEY = {"down": "\ue015", "up": "\ue013", "enter": "\ue007", "escape": "\ue00c", "backspace": "\ue003"}
CHROMIUM = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
MISSING = (
    "{what} was not found. On Debian: apt-get install -y chromium chromium-driver. "
    "Elsewhere put it into the PATH or name it with {setting}."
)


class Missing(Exception):
    """The browser or its driver is not installed."""


class Refused(Exception):
    """The driver refused a command, or did not answer."""


class Late(Exception):
    """A condition did not come true before its deadline."""


def eventually(condition, what, seconds=WAIT_S):
    """Asks `condition` until it gives something true, and returns that."""
    deadline = time.monotonic() + seconds
    while True:
        value, problem = None, None
        try:
            value = condition()
        except Refused as error:  # an element that was just replaced, for one
            problem = error
        if value:
            return value
        if time.monotonic() > deadline:
            raise Late(f"{what}: not within {seconds} s" + (f" ({problem})" if problem else ""))
        time.sleep(PAUSE_S)


def number(text):
    """The first number in a text as people read it: `12,345`, `1.2M`, `$310`; 0 when there is none."""
    match = re.search(r"([\d,]*\.?\d+)\s*([KMB]?)\b", text)
    if not match:
        return 0
    return float(match[1].replace(",", "")) * {"": 1, "K": 1e3, "M": 1e6, "B": 1e9}[match[2]]


def find(names, what, setting):
    """The path of the first program there is; the environment's `setting` goes first."""
    for name in filter(None, (os.environ.get(setting), *names)):
        path = shutil.which(name)
        if path:
            return path
    raise Missing(MISSING.format(what=what, setting=setting))


def reason(error):
    """What the driver says about a refused command, without its stack."""
    answer = error.read().decode(errors="replace")
    try:
        return json.loads(answer)["value"]["message"].splitlines()[0]
    except (ValueError, KeyError, TypeError, IndexError):
        return answer[:300]


class Browser:
    """One headless window, in English, with an empty profile."""

    def __init__(self):
        self.driver_path = find(("chromedriver", "/usr/lib/chromium/chromedriver"), "chromedriver", "CHROMEDRIVER")
        self.chromium_path = find(CHROMIUM, "chromium", "CHROMIUM")

    def __enter__(self):
        self.profile = tempfile.mkdtemp(prefix="shoplens-browser-")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.base = f"http://127.0.0.1:{probe.getsockname()[1]}"
        self.process = subprocess.Popen(
            [self.driver_path, f"--port={self.base.rpartition(':')[2]}"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )
        self.session = None
        try:
            eventually(self._ready, "chromedriver answers", START_S)
            self.session = "/session/" + self._send("POST", "/session", self._capabilities())["sessionId"]
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        try:
            if self.session:
                self._send("DELETE", self.session)
        except Refused:
            pass  # it is ended below in any case
        try:
            os.killpg(self.process.pid, signal.SIGTERM)
        except ProcessLookupError:
            pass
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        shutil.rmtree(self.profile, ignore_errors=True)

    def open(self, url):
        """Loads a page and returns when it is loaded."""
        self._send("POST", f"{self.session}/url", {"url": url})

    def run(self, script, *arguments):
        """Runs JavaScript in the page; `return` gives its value."""
        return self._send("POST", f"{self.session}/execute/sync", {"script": script, "args": list(arguments)})

    def click(self, selector):
        """Scrolls to the first such element and clicks it as a mouse does."""
        # Live panels are drawn anew every few seconds, so what was found may be gone by now.
        clicked = lambda: self._send("POST", f"{self._element(selector)}/click", {}) is None
        eventually(clicked, f"a click on {selector}", CLICK_S)

    def type(self, selector, keys):
        """Types into the element, at the end of what it holds."""
        self._send("POST", f"{self._element(selector)}/value", {"text": keys})

    def clear(self, selector):
        """Empties a box."""
        self._send("POST", f"{self._element(selector)}/clear", {})

    def text(self, selector):
        """The text of the first such element that a user sees; empty when there is none."""
        return self.run("return document.querySelector(arguments[0])?.innerText ?? ''", selector)

    def texts(self, selector):
        """The text of each such element."""
        return self.run("return [...document.querySelectorAll(arguments[0])].map((one) => one.innerText)", selector)

    def visible(self, selector):
        """Whether the first such element takes up room."""
        return self.run("return (document.querySelector(arguments[0])?.getClientRects().length ?? 0) > 0", selector)

    def title(self):
        """The page's title."""
        return self._send("GET", f"{self.session}/title")

    def back(self):
        """One step back in the history."""
        self._send("POST", f"{self.session}/back", {})

    def reload(self):
        """Loads the page again."""
        self._send("POST", f"{self.session}/refresh", {})

    def resize(self, width, height):
        """Gives the page this size; a window could not be as narrow as a telephone."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
        self.devtools("Emulation.setDeviceMetricsOverride", size)

    def offline(self, is_offline):
        """Cuts the page off the network, or connects it again."""
        rates = {"offline": is_offline, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self.devtools("Network.enable", {})
        self.devtools("Network.emulateNetworkConditions", rates)

    def block(self, urls):
        """Lets every request to these addresses fail, in which `*` stands for anything; none allows all again."""
        self.devtools("Network.enable", {})
        self.devtools("Network.setBlockedURLs", {"urls": urls})

    def devtools(self, command, parameters):
        """Sends one command of Chromium's own protocol."""
        return self._send("POST", f"{self.session}/goog/cdp/execute", {"cmd": command, "params": parameters})

    def errors(self):
        """The console's errors since the last call."""
        entries = self._send("POST", f"{self.session}/se/log", {"type": "browser"})
        return [entry["message"] for entry in entries if entry["level"] == "SEVERE"]

    def requests(self):
        """The addresses that pages asked for since the last call."""
        entries = self._send("POST", f"{self.session}/se/log", {"type": "performance"})
        messages = [json.loads(entry["message"])["message"] for entry in entries]
        sent = [one["params"] for one in messages if one["method"] == "Network.requestWillBeSent"]
        urls = [one["request"]["url"] for one in sent]
        return [url for url in urls if not url.startswith(("chrome:", "chrome-extension:", "about:"))]

    def screenshot(self, path):
        """Saves what the window shows; the name's end says whether as .png, .webp or .jpg."""
        ending = os.path.splitext(path)[1].lower()
        kind = {".webp": "webp", ".jpg": "jpeg", ".jpeg": "jpeg"}.get(ending, "png")
        quality = {} if kind == "png" else {"quality": 85}
        picture = self.devtools("Page.captureScreenshot", {"format": kind, **quality})
        with open(path, "wb") as file:
            file.write(base64.b64decode(picture["data"]))

    def _element(self, selector):
        found = self._send("POST", f"{self.session}/element", {"using": "css selector", "value": selector})
        return f"{self.session}/element/{found[ELEMENT]}"

    def _capabilities(self):
        flags = [
            "--headless=new", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
            "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--lang=en-US",
            "--force-prefers-reduced-motion",  # a click must not aim at what is still scrolling
            "--window-size=1280,900", f"--user-data-dir={self.profile}",
        ]
        if os.geteuid() == 0:
            flags.append("--no-sandbox")  # Chromium's sandbox refuses to run as root
        chrome = {"binary": self.chromium_path, "args": flags}
        logs = {"browser": "ALL", "performance": "ALL"}
        wanted = {"browserName": "chrome", "goog:chromeOptions": chrome, "goog:loggingPrefs": logs}
        return {"capabilities": {"alwaysMatch": wanted}}

    def _ready(self):
        if self.process.poll() is not None:
            raise Missing(f"{self.driver_path} ended at once with code {self.process.returncode}")
        return self._send("GET", "/status")["ready"]

    def _send(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(self.base + path, data, headers, method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=REQUEST_S) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise Refused(f"{path.rpartition('/')[2]}: {reason(error)}") from error
        except OSError as error:
            raise Refused(f"{path}: {error}") from error
