// The products that get more attention than expected, best first, with why the API says so. A
// click on a name searches for it.

import { get } from "./api.js";
import { readChoice, writeChoice } from "./address.js";
import { categoryName } from "./categories.js";
import { choices } from "./choices.js";
import { byId, h, replace } from "./dom.js";
import { count, decimal, money } from "./format.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const WINDOWS = ["5", "10", "30", "60"];
const SHOWN = 10;
const EVERY_MS = 5_000;
const SLOWEST_MS = 60_000;

/** Starts the panel; `find(text)` searches the catalogue. Returns the poll. */
export function trending({ find }) {
  const view = panel(byId("trending"));
  let minutes = readChoice("trending", WINDOWS[0], WINDOWS);

  const asking = poll({
    everyMs: EVERY_MS,
    slowestMs: SLOWEST_MS,
    load: (signal) => get("/trending", { minutes, size: SHOWN }, signal),
    fail: (problem) => view.error(problem),
    show(answer) {
      const best = Math.max(0, ...answer.items.map((item) => item.score));
      replace(view.body, answer.items.map((item) => row(item, best, answer.currency, find)));
      if (answer.items.length > 0) view.ready();
      else if (!answer.watermark) view.empty("No events yet: start the generator and the processor.");
      else view.empty(`Nothing stood out in the last ${minutes} minutes. Try a longer window, or start the generator.`);
    },
  });

  choices(byId("trending-window"), {
    name: "trending-window",
    legend: "Window of the trends",
    options: WINDOWS.map((value) => [value, `${value} min`]),
    value: minutes,
    pick(value) {
      minutes = value;
      writeChoice("trending", value, WINDOWS[0]);
      view.loading();
      asking.now();
    },
  });
  return asking;
}

function row(item, best, currency, find) {
  const share = best > 0 ? Math.max(0, item.score) / best : 0;
  return h(
    "li",
    { class: "trend" },
    h("span", { class: "rank" }, String(item.rank)),
    h(
      "div",
      { class: "trend-what" },
      h("button", { type: "button", class: "link clip", "data-key": item.product_id, title: item.name, onclick: () => find(item.name) }, item.name),
      h("p", { class: "muted small clip" }, [item.brand, categoryName(item.category)].filter(Boolean).join(" · ")),
      h("p", { class: "small reason" }, item.reason),
    ),
    h(
      "div",
      { class: "trend-how" },
      h("p", { class: "trend-money" }, money(item.revenue, currency, true)),
      h("p", { class: "small muted" }, `${count(item.views)} viewed · ${count(item.carts)} in cart · ${count(item.purchases)} sold`),
      h(
        "p",
        { class: "score", title: `score ${decimal(item.score)}` },
        h("span", { class: "bar", vars: { share } }),
        h("span", { class: "small" }, h("span", { class: "unseen" }, "score "), decimal(item.score)),
      ),
    ),
  );
}
