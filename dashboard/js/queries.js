// What people search for and what comes of it: the whole shop's figures now and before, their course,
// and the queries that come first by the chosen order. Bots are left out by the API.

import { get } from "./api.js";
import { readChoice, writeChoice } from "./address.js";
import { sparkline } from "./chart.js";
import { choices } from "./choices.js";
import { byId, h, replace } from "./dom.js";
import { compact, count, decimal, money, NOTHING, percent } from "./format.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const WINDOWS = [["60", "1 h"], ["1440", "24 h"], ["10080", "7 d"]];
const WINDOW = "60";
const ORDERS = [["top", "Most"], ["rising", "Rising"], ["failing", "Failing"], ["revenue", "Revenue"], ["refunded", "Returned"]];
const ORDER = "top";
const NONE = {
  top: "Nobody searched in this window. Try a longer one, or start the generator.",
  rising: "Nothing is searched for more than before.",
  failing: "No query fails so often that it could not be chance.",
  revenue: "No search led to an order in this window.",
  refunded: "Nothing that searches led to came back in this window.",
};
const SHOWN = 10;
const EVERY_MS = 10_000;
const SLOWEST_MS = 60_000;

const keys = (options) => options.map(([value]) => value);

/** Starts the panel; `find(text)` searches the catalogue. Returns the poll. */
export function queries({ find }) {
  const view = panel(byId("searches"));
  let minutes = readChoice("searches", WINDOW, keys(WINDOWS));
  let sort = readChoice("order", ORDER, keys(ORDERS));

  const asking = poll({
    everyMs: EVERY_MS,
    slowestMs: SLOWEST_MS,
    load: (signal) =>
      Promise.all([get("/analytics/overview", { minutes }, signal), get("/analytics/queries", { minutes, sort, size: SHOWN }, signal)]),
    fail: (problem) => view.error(problem),
    show([overview, list]) {
      const listed = list.items.length > 0 ? table(list, find) : h("p", { class: "small muted" }, NONE[sort]);
      replace(view.body, tiles(overview), course(overview), listed, filters(overview));
      if (overview.now.searches > 0) view.ready();
      else if (!overview.watermark) view.empty("No events yet: start the generator and the processor.");
      else view.empty(NONE.top);
    },
  });

  const pick = (parameter, fallback, set) => (value) => {
    set(value);
    writeChoice(parameter, value, fallback);
    view.loading();
    asking.now();
  };
  choices(byId("searches-window"), {
    name: "searches-window",
    legend: "Window of the searches",
    options: WINDOWS,
    value: minutes,
    pick: pick("searches", WINDOW, (value) => (minutes = value)),
  });
  choices(byId("searches-order"), {
    name: "searches-order",
    legend: "Which queries come first",
    options: ORDERS,
    value: sort,
    pick: pick("order", ORDER, (value) => (sort = value)),
  });
  return asking;
}

function tiles({ now, before, currency }) {
  const amount = (value) => money(value, currency);
  const shown = [
    ["Searches", "searches", compact],
    ["Found nothing", "zero_result_rate", percent],
    ["No click", "no_click_rate", percent],
    ["Clicked", "click_through_rate", percent],
    ["Led to an order", "conversion", percent],
    ["Revenue a search", "revenue_per_search", amount],
    ["Returned", "refund_rate", percent],
  ];
  return h(
    "dl",
    { class: "search-tiles" },
    shown.map(([label, name, write]) =>
      h("div", {}, h("dt", { class: "small muted" }, label), h("dd", {}, h("b", {}, write(now[name])), h("span", { class: "small muted" }, `before ${write(before[name])}`))),
    ),
  );
}

function course({ series, interval_minutes, bots }) {
  const points = series.map((point) => ({ at: Date.parse(point.start), value: point.searches }));
  const span = points.length > 1 ? points.at(-1).at - points[0].at : 1;
  const step = { 1: "a minute", 60: "an hour", 1440: "a day" }[interval_minutes] ?? `in ${interval_minutes} min`;
  const left = bots.share_of_searches === null ? NOTHING : percent(bots.share_of_searches);
  return h(
    "figure",
    {},
    sparkline(points, span, 800, 44),
    h("figcaption", { class: "small muted" }, `Searches ${step}. Bots, left out everywhere, made ${left} of all searches${bots.told_apart ? "" : " or less"}.`),
  );
}

function table(list, find) {
  const head = ["Query", "Searches", "Sessions", "Nothing", "No click", "Clicked", "Place", "Cart", "Order", "Revenue", "Returned"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Queries", "data-key": "queries" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map((name, index) => h("th", { scope: "col", class: index ? "number" : null }, name)))),
      h("tbody", {}, list.items.map((item) => row(item, list, find))),
    ),
  );
}

function row(item, { currency, sort }, find) {
  const searches = sort === "rising" ? `${count(item.sessions)} (before ${count(item.sessions_before)})` : count(item.sessions);
  const numbers = [
    count(item.searches),
    searches,
    percent(item.zero_result_rate),
    percent(item.no_click_rate),
    percent(item.click_through_rate),
    decimal(item.mean_click_position),
    percent(item.cart_rate),
    percent(item.conversion),
    money(item.revenue, currency, true),
    percent(item.refund_rate),
  ];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("button", { type: "button", class: "link clip", "data-key": item.key, onclick: () => find(item.key) }, item.label)),
    numbers.map((number) => h("td", { class: "number" }, number)),
  );
}

function filters({ filters: used }) {
  if (used.length === 0) return null;
  const shown = used.slice(0, 6).map((one) => `${one.filter} ${percent(one.share_of_searches)}`);
  return h("p", { class: "small muted" }, `Filters set, by share of searches: ${shown.join(" · ")}`);
}
