// Asks for one thing again and again: never two requests at once, not while the tab is hidden,
// slower after each failure, and not before the time that a 429 names.

const JITTER = 0.1;
/** Longest time that a held pointer keeps new numbers back. */
const HELD_MS = 2_000;

/**
 * Starts polling. `load(signal)` gives a promise; its value goes to `show`, its failure to `fail`
 * with the milliseconds until the next try. `everyMs` is counted from the end of a request, and
 * after failures doubles up to `slowestMs`.
 *
 * Returns `now()`, which drops the request under way and asks at once.
 */
export function poll({ everyMs, slowestMs, load, show, fail }) {
  let timer = 0;
  let running = null;
  let failures = 0;
  let notBefore = 0;

  async function run() {
    clearTimeout(timer);
    const controller = new AbortController();
    running = controller;
    let wait = everyMs;
    try {
      const value = await load(controller.signal);
      await pointerUp();
      if (running !== controller) return;
      failures = 0;
      notBefore = 0;
      show(value);
    } catch (problem) {
      if (running !== controller) return;
      failures += 1;
      wait = Math.max(problem.retryAfterMs ?? 0, Math.min(slowestMs, everyMs * 2 ** failures));
      notBefore = Date.now() + (problem.retryAfterMs ?? 0);
      if (problem.reachable === undefined) console.error(problem); // a bug of ours, not of the network
      fail(problem, wait);
    }
    running = null;
    schedule(wait * (1 + JITTER * Math.random()));
  }

  function schedule(waitMs) {
    clearTimeout(timer);
    if (!document.hidden) timer = setTimeout(run, waitMs);
  }

  /** Asks now, or as soon as a 429 allows. */
  function now() {
    running?.abort();
    running = null;
    schedule(Math.max(0, notBefore - Date.now()));
  }

  document.addEventListener("visibilitychange", () => {
    if (document.hidden) clearTimeout(timer);
    else if (!running) now();
  });
  now();
  return { now };
}

// A button that is replaced between press and release never gets its click, so nothing is drawn
// while a pointer is down.
let held = false;
const release = () => setTimeout(() => (held = false)); // the click comes right after
addEventListener("pointerdown", () => (held = true), true);
addEventListener("pointerup", release, true);
addEventListener("pointercancel", release, true);

async function pointerUp() {
  const until = Date.now() + HELD_MS;
  while (held && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 50));
}
