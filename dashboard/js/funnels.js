// How many sessions get from the first look to a purchase: a picture of the root or of the chosen
// category, how its rates changed since the range before, how long the steps take, what is lost to refunds,
// how those that searched compare with those that browsed, and its parts as a table.

import { get } from "./api.js";
import { readChoice, writeChoice } from "./address.js";
import { categoryName, learnFromPath } from "./categories.js";
import { funnel } from "./chart.js";
import { choices } from "./choices.js";
import { byId, h, replace } from "./dom.js";
import { count, duration, money, percent, points } from "./format.js";
import { panel } from "./panel.js";
import { poll } from "./poll.js";

const ROOT = "all";
const WINDOWS = [["5", "5 min"], ["15", "15 min"], ["60", "1 h"], ["360", "6 h"], ["1440", "24 h"]];
const WINDOW = "60";
const EVERY_MS = 5_000;
const SLOWEST_MS = 60_000;
const STAGES = [
  ["entered", "Came", null, "sessions", null],
  ["viewed", "Viewed", "view_rate", "of those who came", "view"],
  ["carted", "In cart", "cart_rate", "of those who viewed", "cart"],
  ["purchased", "Bought", "purchase_rate", "of those with a cart", "purchase"],
];
const SOURCES = [["", "All"], ["search", "Search"], ["browse", "Browse"]];

/** Starts the panel and returns the poll. */
export function funnels() {
  const view = panel(byId("funnels"));
  let minutes = readChoice("funnels", WINDOW, WINDOWS.map(([value]) => value));
  let category = readChoice("in", ROOT);
  let source = readChoice("source", "", SOURCES.map(([value]) => value));

  const asking = poll({
    everyMs: EVERY_MS,
    slowestMs: SLOWEST_MS,
    load: (signal) => get("/funnels", { minutes, source, category: category === ROOT ? "" : category }, signal),
    fail: (problem) => view.error(problem),
    show(answer) {
      for (const one of answer.categories) learnFromPath(one.category, one.label);
      crumbs(category, open); // now that the names are known
      const [top, ...parts] = answer.categories;
      replace(view.body, top ? [picture(top, answer.currency), compared(answer), byOrigin(top), table(parts, answer.currency, open)] : []);
      if (top?.entered > 0) view.ready();
      else if (!answer.watermark) view.empty("No events yet: start the generator and the processor.");
      else view.empty("No session began in this window. Try a longer one, or start the generator.");
    },
  });

  function open(path) {
    category = path;
    writeChoice("in", path, ROOT);
    crumbs(category, open);
    view.loading();
    asking.now();
  }

  crumbs(category, open);
  choices(byId("funnels-window"), {
    name: "funnels-window",
    legend: "Window of the funnel",
    options: WINDOWS,
    value: minutes,
    pick(value) {
      minutes = value;
      writeChoice("funnels", value, WINDOW);
      view.loading();
      asking.now();
    },
  });
  choices(byId("funnels-source"), {
    name: "funnels-source",
    legend: "How sessions came",
    options: SOURCES,
    value: source,
    pick(value) {
      source = value;
      writeChoice("source", value, "");
      view.loading();
      asking.now();
    },
  });
  return asking;
}

function crumbs(category, open) {
  const levels = category === ROOT ? [] : category.split(".");
  const paths = [ROOT, ...levels.map((_, index) => levels.slice(0, index + 1).join("."))];
  const links = paths.map((path, index) => {
    const last = index === paths.length - 1;
    if (last) return h("span", { "aria-current": "page" }, categoryName(path));
    return [h("button", { type: "button", class: "link", "data-key": path, onclick: () => open(path) }, categoryName(path)), h("span", { "aria-hidden": "true" }, " › ")];
  });
  replace(byId("funnels-path"), links);
}

function picture(top, currency) {
  return h(
    "div",
    { class: "funnel" },
    h(
      "ol",
      { class: "stages" },
      STAGES.map(([key, name, rate, of, step]) =>
        h(
          "li",
          {},
          h("span", { class: "small muted" }, name),
          h("b", { "data-stage": key }, count(top[key])),
          h("span", { class: "small rate" }, rate ? percent(top[rate]) : of, rate && h("span", { class: "unseen" }, ` ${of}`)),
          rate && change(top.before[rate]),
          step && top.median_seconds && h("span", { class: "small muted", title: "half of the sessions took at most so long" }, took(top.median_seconds[step])),
        ),
      ),
    ),
    funnel(STAGES.map(([key]) => top[key])),
    h(
      "p",
      { class: "small funnel-sum" },
      h("b", {}, percent(top.conversion)),
      " of these sessions bought",
      top.revenue !== null && [", for ", h("b", {}, money(top.revenue, currency, true)), ` of ${money(top.carted_value, currency, true)} put into carts`],
      top.refunded > 0 && `; ${count(top.refunded)} gave back ${money(top.refunded_value, currency, true)}`,
      ".",
    ),
  );
}

const took = (seconds) => (seconds === null ? "" : `after ${duration(Math.round(seconds) * 1000)}`);

// A change since the range before; one that may be chance is pale.
function change({ before, difference, p_value: chance, significant }) {
  if (difference === null) return null;
  const title = `${percent(before)} in the range before; by chance alone in ${percent(chance)} of cases`;
  const way = significant ? (difference > 0 ? "up" : "down") : "same";
  return h("span", { class: `small change ${way}`, title }, points(difference), h("span", { class: "unseen" }, significant ? " significant" : " may be chance"));
}

function compared({ complete, rates_compared: compared }) {
  if (compared === 0) return null;
  const open = complete ? "" : " Sessions may still be under way, so the last steps may yet rise.";
  return h("p", { class: "small muted" }, `Changes are against the range before; pale ones may be chance.${open}`);
}

function byOrigin(top) {
  const line = (name, part) =>
    part?.entered > 0 && h("li", {}, h("span", {}, name), ` ${count(part.entered)} sessions, `, h("b", {}, percent(part.purchased / part.entered)), " bought");
  return h("ul", { class: "origins small" }, line("By search:", top.by_search), line("By browsing:", top.by_browse));
}

function table(parts, currency, open) {
  if (parts.length === 0) return h("p", { class: "small muted" }, "This category has no parts.");
  const head = ["Category", "Came", "Viewed", "Cart", "Bought", "Conversion", "Revenue"];
  return h(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Funnel by category", "data-key": "table" },
    h(
      "table",
      {},
      h("thead", {}, h("tr", {}, head.map((name, index) => h("th", { scope: "col", class: index ? "number" : null }, name)))),
      h("tbody", {}, parts.map((part) => tableRow(part, currency, open))),
    ),
  );
}

function tableRow(part, currency, open) {
  const numbers = [count(part.entered), count(part.viewed), count(part.carted), count(part.purchased), percent(part.conversion), money(part.revenue, currency, true)];
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, h("button", { type: "button", class: "link", "data-key": part.category, onclick: () => open(part.category) }, categoryName(part.category))),
    numbers.map((number) => h("td", { class: "number" }, number)),
  );
}
