// The tiles at the top: catalogue, events, rate with the last minutes that this page has seen
// itself, what shoppers did, revenue, and fraud signals by severity.

import { sparkline } from "./chart.js";
import { byId, h, replace } from "./dom.js";
import { compact, count, decimal, money, words } from "./format.js";
import { panel } from "./panel.js";

/** How much of the past the sparkline shows: three minutes, so that a burst is seen at once. */
const SPAN_MS = 180_000;
/** At one sample in two seconds twice the span; a bound also for a clock that jumps. */
const SAMPLES_MAX = 180;
const TYPES = [
  ["search", "Searches"],
  ["view", "Views"],
  ["add_to_cart", "Into the cart"],
  ["purchase", "Purchases"],
  ["refund", "Refunds"],
];
/** From worst to least, as they are read. */
export const SEVERITIES = ["critical", "high", "medium", "low"];

/** Gives the functions that the statistics' polls feed. */
export function statistics() {
  const view = panel(byId("stats"));
  const samples = [];
  return {
    show(stats) {
      samples.push({ at: Date.now(), value: stats.events?.per_second ?? 0 });
      if (samples.length > SAMPLES_MAX) samples.shift();
      replace(view.body, tiles(stats, samples));
      view.ready();
    },
    fail: (problem) => view.error(problem),
  };
}

function tiles(stats, samples) {
  const { events = {}, fraud = {}, processing = {} } = stats;
  return [
    tile("products", "Products", count(stats.products), stats.products ? "in the catalogue" : "run the seeder to fill the catalogue"),
    tile("events", "Events", compact(events.total), events.total ? losses(processing) : "no events yet: start the generator", {
      title: count(events.total),
    }),
    tile("rate", "Events per second", decimal(events.per_second), `${count(events.last_minute)} in the last minute`, {
      picture: sparkline(samples, SPAN_MS),
    }),
    tile("revenue", "Revenue, last hour", money(stats.revenue?.last_hour, stats.currency, true), "from purchases"),
    h("div", { class: "tile tile-types" }, h("h3", {}, "What shoppers did"), bars(events.by_type ?? {})),
    h(
      "div",
      { class: "tile tile-fraud" },
      h("h3", {}, "Fraud signals"),
      h("p", { class: "figure", id: "tile-fraud" }, count(fraud.total)),
      h("ul", { class: "severities" }, SEVERITIES.map((severity) => severityCount(severity, fraud.by_severity?.[severity]))),
    ),
  ];
}

function tile(id, name, value, hint, { title, picture } = {}) {
  return h(
    "div",
    { class: `tile tile-${id}` },
    h("h3", {}, name),
    h("p", { class: "figure", id: `tile-${id}`, title }, value),
    picture,
    h("p", { class: "hint" }, hint),
  );
}

function losses(processing) {
  const parts = [
    [processing.duplicate, "repeated"],
    [processing.late, "late"],
    [processing.dead, "unreadable"],
  ].filter(([number]) => number > 0);
  return parts.length ? parts.map(([number, name]) => `${compact(number)} ${name}`).join(" · ") : "none lost, none repeated";
}

function bars(byType) {
  const most = Math.max(1, ...TYPES.map(([type]) => byType[type] ?? 0));
  return h(
    "dl",
    { class: "bars" },
    TYPES.map(([type, name]) =>
      h(
        "div",
        { title: `${count(byType[type])} ${name.toLowerCase()}` },
        h("dt", {}, name),
        h("dd", {}, h("span", { class: "bar", vars: { share: (byType[type] ?? 0) / most } }), h("b", { "data-type": type }, compact(byType[type] ?? 0))),
      ),
    ),
  );
}

function severityCount(severity, number) {
  return h("li", { "data-severity": severity }, h("b", {}, compact(number ?? 0)), ` ${words(severity)}`);
}
