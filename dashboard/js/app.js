// Joins the panels: the statistics' polls drive the header, and every panel asks again at once
// when the API is back.

import { get } from "./api.js";
import { header } from "./connection.js";
import { fraud } from "./fraud.js";
import { funnels } from "./funnels.js";
import { poll } from "./poll.js";
import { queries } from "./queries.js";
import { search } from "./search.js";
import { statistics } from "./stats.js";
import { trending } from "./trending.js";

const STATS_EVERY_MS = 2_000;
/** Short, because this poll is also what notices that the API is back. */
const STATS_SLOWEST_MS = 8_000;

let latest = null;
let panels = [];
let settle = () => {};
/** Done when the statistics were answered or refused for the first time. */
const settled = new Promise((resolve) => (settle = resolve));

const tiles = statistics();
const top = header({
  retry: () => stats.now(),
  recovered: () => {
    products.retry();
    for (const panel of panels) panel.now();
  },
});
const stats = poll({
  everyMs: STATS_EVERY_MS,
  slowestMs: STATS_SLOWEST_MS,
  load: (signal) => get("/stats", {}, signal),
  show(answer) {
    latest = answer;
    tiles.show(answer);
    top.up(answer);
    settle();
  },
  fail(problem, waitMs) {
    tiles.fail(problem);
    top.down(problem, waitMs);
    settle();
  },
});

const products = search();
panels = [
  trending({ find: products.find }),
  funnels(),
  queries({ find: products.find }),
  fraud({ settled, noEvents: () => latest?.events?.total === 0, currency: () => latest?.currency }),
];
