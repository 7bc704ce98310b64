// Sessions and users that behave as fraudsters or bots do: newest first, with the figures that the
// rule looked at and the limits it holds them to. New ones come by themselves; whoever has the admin token
// confirms and dismisses them.

import { get, listen, patch } from "./api.js";
import { readChoice, writeChoice } from "./address.js";
import { choices } from "./choices.js";
import { byId, h, replace, text } from "./dom.js";
import { ago, count, figure, moment, NOTHING, words } from "./format.js";
import { explain, panel } from "./panel.js";
import { poll } from "./poll.js";
import { SEVERITIES } from "./stats.js";

const EVERY = "";
const PAGE = 8;
/** The most that the API gives in one answer. */
const SHOWN_MAX = 100;
const EVERY_MS = 5_000;
/** Many signals that come at once are asked for once. */
const NEWS_WAIT_MS = 1_000;
const SLOWEST_MS = 60_000;

/**
 * Starts the panel. Once `settled`, `noEvents()` says whether the statistics know of none, which
 * tells a shop without fraud from one without visitors. Returns the poll.
 */
export function fraud({ settled, noEvents, currency }) {
  const view = panel(byId("fraud"));
  let severity = readChoice("severity", EVERY, SEVERITIES);
  let size = PAGE;
  const decide = deciding(() => asking.now());

  const asking = poll({
    everyMs: EVERY_MS,
    slowestMs: SLOWEST_MS,
    async load(signal) {
      const answer = await get("/fraud", { severity, size }, signal);
      await settled;
      return answer;
    },
    fail: (problem) => view.error(problem),
    show(answer) {
      text(byId("fraud-total"), answer.total > 0 ? count(answer.total) : "");
      replace(view.body, list(answer, currency(), decide), more(answer));
      if (answer.items.length > 0) view.ready();
      else if (noEvents()) view.empty("No events yet: start the generator and the processor.");
      else view.empty(severity ? `No signals of ${severity} severity.` : "No fraud signals: nobody behaves suspiciously.");
    },
  });

  function more(answer) {
    if (answer.items.length >= Math.min(answer.total, SHOWN_MAX)) return null;
    const grow = () => {
      size = Math.min(SHOWN_MAX, size + 20);
      asking.now();
    };
    return h("button", { type: "button", class: "button", "data-key": "more", onclick: grow }, "Show more");
  }

  choices(byId("fraud-severity"), {
    name: "fraud-severity",
    legend: "Severity of the signals",
    options: [[EVERY, "All"], ...SEVERITIES.map((value) => [value, words(value)])],
    value: severity,
    pick(value) {
      severity = value;
      size = PAGE;
      writeChoice("severity", value, EVERY);
      view.loading();
      asking.now();
    },
  });
  let news = 0;
  const ask = () => {
    news = 0;
    asking.now();
  };
  listen("/fraud/stream", () => {
    if (!document.hidden) news ||= setTimeout(ask, NEWS_WAIT_MS);
  });
  return asking;
}

/** Gives what sends a decision to the API, and asks for the admin token before the first; it is kept in memory only. */
function deciding(decided) {
  const [form, told] = ["fraud-token", "fraud-decision"].map(byId);
  const field = form.querySelector("input");
  let token = "";
  let waiting = null;

  async function decide(item, status) {
    if (!token) {
      waiting = [item, status];
      form.hidden = false;
      field.focus();
      return;
    }
    text(told, "");
    try {
      await patch(`/fraud/${encodeURIComponent(item.id)}`, { status }, token);
      text(told, `${words(item.rule)} of ${who(item)} is ${status} now.`);
      decided();
    } catch (problem) {
      const refused = problem.status === 401;
      if (refused) token = "";
      text(told, refused ? "The API does not take this token. Decide again to give another." : explain(problem));
    }
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    token = field.value;
    field.value = "";
    form.hidden = true;
    if (waiting) decide(...waiting);
    waiting = null;
  });
  return decide;
}

function list(answer, currency, decide) {
  return h("ul", { class: "signals" }, answer.items.map((item) => signal(item, currency, decide)));
}

function signal(item, currency, decide) {
  return h(
    "li",
    { class: "signal" },
    h("span", { class: "badge", "data-severity": item.severity }, words(item.severity)),
    h(
      "div",
      { class: "signal-what" },
      h("p", {}, h("b", {}, words(item.rule)), h("span", { class: "muted small" }, ` ${who(item)}`)),
      h("p", {}, item.summary),
      figures(item, currency),
      decisions(item, decide),
    ),
    h("time", { class: "small muted", datetime: item.last_seen, title: `${moment(item.first_seen)} to ${moment(item.last_seen)}` }, ago(item.last_seen)),
  );
}

/** What may be done next: an open case is confirmed or dismissed, a decision taken back. */
function decisions(item, decide) {
  const next = item.status === "open" ? [["Confirm", "confirmed"], ["Dismiss", "dismissed"]] : [["Open again", "open"]];
  const button = ([label, status]) =>
    h("button", { type: "button", class: "link", "data-key": `${item.id} ${status}`, onclick: () => decide(item, status) }, label);
  return h("p", { class: "small decide" }, item.status === "open" ? null : h("b", {}, `${words(item.status)}. `), next.map(button));
}

function who(item) {
  if (item.user_id) return `user ${item.user_id}`;
  return item.session_id ? `session ${item.session_id}` : (item.visitor ?? NOTHING);
}

function figures(item, currency) {
  const limits = item.thresholds ?? {};
  const entries = Object.entries(item.figures ?? {});
  if (entries.length === 0) return null;
  return h(
    "dl",
    { class: "figures small" },
    entries.map(([name, value]) => {
      const [label, shown] = figure(name, value, currency);
      const limit = name in limits ? h("span", { class: "muted" }, ` (limit ${figure(name, limits[name], currency)[1]})`) : null;
      return h("div", {}, h("dt", {}, label), h("dd", {}, shown, limit));
    }),
  );
}
