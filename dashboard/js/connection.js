// The header: whether the API answers, what to do when it does not, and how fresh the results are.
// The statistics' polls tell it how they went; when they succeed again after a failure, it calls
// `recovered`, so that every other panel asks at once instead of at the end of its pause.

import { API_ADDRESS, notReady } from "./api.js";
import { byId, text } from "./dom.js";
import { ago, clock } from "./format.js";
import { explain } from "./panel.js";

/** Wires up the header. `retry` asks for the statistics at once. */
export function header({ retry, recovered }) {
  const [pill, banner, message, wait, freshness] = ["connection", "banner", "banner-text", "banner-wait", "freshness"].map(byId);
  let healthy = null;
  let ticker = 0;
  let asking = null;

  byId("banner-now").addEventListener("click", () => {
    text(wait, "asking …");
    retry();
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden) setPill("paused", "paused");
  });

  function setPill(state, words) {
    pill.dataset.state = state;
    text(pill, words);
  }

  function countDown(until) {
    clearInterval(ticker);
    const show = () => text(wait, until > Date.now() ? `next try in ${Math.ceil((until - Date.now()) / 1000)} s` : "asking …");
    show();
    ticker = setInterval(show, 1000);
  }

  async function nameDependencies(problem) {
    asking?.abort();
    asking = new AbortController();
    try {
      const missing = await notReady(asking.signal);
      if (healthy || missing.length === 0) return;
      const list = missing.map((one) => `${one.name} is ${one.status}${one.detail ? ` (${one.detail})` : ""}`).join("; ");
      text(message, `${explain(problem)} Not ready: ${list}.`);
    } catch {
      // Only an extra; the statistics' own problem is shown already.
    }
  }

  return {
    /** The statistics came. */
    up(stats) {
      const before = healthy;
      healthy = true;
      asking?.abort();
      clearInterval(ticker);
      banner.hidden = true;
      setPill("live", "live");
      showFreshness(freshness, stats.processing);
      if (before === false) recovered();
    },
    /** The statistics failed; the next try comes in `waitMs`. */
    down(problem, waitMs) {
      healthy = false;
      banner.hidden = false;
      countDown(Date.now() + waitMs);
      if (problem.reachable === false) {
        setPill("down", "API down");
        text(message, unreachable());
      } else if (problem.status === 429) {
        setPill("slow", "slowed down");
        text(message, explain(problem));
      } else {
        setPill("trouble", "API in trouble");
        text(message, explain(problem));
        nameDependencies(problem);
      }
    },
  };
}

function unreachable() {
  return `The API at ${API_ADDRESS} does not answer. Start it with scripts/demo, or look at the terminal it runs in; this page goes on by itself as soon as it answers.`;
}

function showFreshness(element, processing) {
  if (!processing?.watermark) {
    text(element, "Nothing processed yet: start the processor");
    element.removeAttribute("title");
    return;
  }
  const work = processing.drained ? "all read" : "reading";
  text(element, `Results to ${clock(processing.watermark)} · final to ${clock(processing.complete_until)} · ${work}`);
  element.title =
    `Events up to ${processing.watermark} are counted (${ago(processing.watermark)}). ` +
    `Results before ${processing.complete_until ?? "–"} can no longer change. ` +
    (processing.drained ? "Every topic is read to its end." : "There is more to read in the topics.");
}
