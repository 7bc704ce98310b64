// The products or categories that get more attention than expected, best first, with why the API says so
// and how they moved since the window before. A click on a product searches for it, one on a category opens its parts.

import { get } from "./api.js";
import { readChoice, writeChoice } from "./address.js";
import { categoryName, learnFromPath } from "./categories.js";
import { choices } from "./choices.js";
import { byId, h, replace } from "./dom.js";
import { count, decimal, money, percent } from "./format.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const WINDOWS = [["5", "5 min"], ["10", "10 min"], ["30", "30 min"], ["60", "60 min"]];
const MEASURES = [["views", "Views"], ["carts", "Carts"], ["purchases", "Orders"], ["revenue", "Revenue"]];
const KINDS = [["products", "Products"], ["categories", "Categories"]];
const ROOT = "all";
const SHOWN = 10;
const EVERY_MS = 5_000;
const SLOWEST_MS = 60_000;

/** Starts the panel; `find(text)` searches the catalogue. Returns the poll. */
export function trending({ find }) {
  const view = panel(byId("trending"));
  const chosen = {};
  let below = readChoice("trending-in", ROOT);

  const asking = poll({
    everyMs: EVERY_MS,
    slowestMs: SLOWEST_MS,
    load: (signal) => {
      const question = { minutes: chosen.minutes, by: chosen.by, size: SHOWN };
      if (chosen.kind === "products") return get("/trending", question, signal);
      return get("/trending/categories", { ...question, category: below === ROOT ? "" : below }, signal);
    },
    fail: (problem) => view.error(problem),
    show(answer) {
      const best = Math.max(0, ...answer.items.map((item) => item.score));
      for (const item of answer.items) if (item.label) learnFromPath(item.category, item.label);
      path();
      replace(view.body, answer.items.map((item) => row(item, best, answer.currency, title)));
      replace(byId("trending-bots"), answer.bots_share > 0 ? `${percent(answer.bots_share)} of this was bots and is left out.` : "");
      if (answer.items.length > 0) view.ready();
      else if (!answer.watermark) view.empty("No events yet: start the generator and the processor.");
      else view.empty(`Nothing stood out in the last ${chosen.minutes} minutes. Try a longer window, or start the generator.`);
    },
  });

  function ask() {
    view.loading();
    asking.now();
  }

  function open(category) {
    below = category;
    writeChoice("trending-in", category, ROOT);
    ask();
  }

  function path() {
    const isInside = chosen.kind === "categories" && below !== ROOT;
    const back = () => h("button", { type: "button", class: "link", onclick: () => open(ROOT) }, categoryName(ROOT));
    replace(byId("trending-path"), isInside ? [back(), h("span", {}, ` › ${categoryName(below)}`)] : []);
  }

  function title(item) {
    const [name, act] = item.label ? [categoryName(item.category), () => open(item.category)] : [item.name, () => find(item.name)];
    const key = item.product_id ?? item.category;
    return h("button", { type: "button", class: "link clip", "data-key": key, title: name, onclick: act }, name);
  }

  for (const [key, parameter, id, legend, options] of [
    ["minutes", "trending", "trending-window", "Window of the trends", WINDOWS],
    ["by", "by", "trending-by", "What is counted", MEASURES],
    ["kind", "of", "trending-of", "What trends", KINDS],
  ]) {
    const [[fallback]] = options;
    chosen[key] = readChoice(parameter, fallback, options.map(([value]) => value));
    const pick = (value) => {
      chosen[key] = value;
      writeChoice(parameter, value, fallback);
      ask();
    };
    choices(byId(id), { name: id, legend, options, value: chosen[key], pick });
  }
  return asking;
}

function row(item, best, currency, title) {
  const share = best > 0 ? Math.max(0, item.score) / best : 0;
  const what = item.label ? (item.level > 1 ? item.category : "") : [item.brand, categoryName(item.category)].filter(Boolean).join(" · ");
  return h(
    "li",
    { class: "trend" },
    h("div", { class: "place" }, h("span", { class: "rank" }, String(item.rank)), movement(item)),
    h("div", { class: "trend-what" }, title(item), h("p", { class: "muted small clip" }, what), h("p", { class: "small reason" }, item.reason)),
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

// Where it stood in the window before.
function movement({ rank, rank_before: before }) {
  if (before === null) return h("span", { class: "moved new", title: "not listed in the window before" }, "new");
  const [way, sign] = before > rank ? ["up", "▲"] : before < rank ? ["down", "▼"] : ["same", "="];
  const places = before === rank ? "" : String(Math.abs(before - rank));
  return h("span", { class: `moved ${way}`, title: `${before}. in the window before` }, h("span", { class: "unseen" }, `${way} `), sign + places);
}
