// A panel is a section of the page with a `.note` line and a `.body`. This module owns the four
// states it may be in: loading, ready, empty (with what to do about it) and error (with what the
// API said). After an error the last content stays, dimmed, because old numbers beat none.

import { text } from "./dom.js";
import { API_NAME } from "./api.js";

/** Wraps the section `root` and gives the functions that switch its state. */
export function panel(root) {
  const note = root.querySelector(".note");
  let filled = false;

  const set = (state, message) => {
    root.dataset.state = state;
    root.toggleAttribute("data-filled", filled);
    root.setAttribute("aria-busy", String(state === "loading"));
    note.hidden = !message;
    text(note, message);
  };

  return {
    root,
    body: root.querySelector(".body"),
    /** Something was asked for that the content does not show yet. */
    loading: () => set("loading", filled ? "" : "Loading …"),
    ready() {
      filled = true;
      set("ready", "");
    },
    empty(message) {
      filled = false;
      set("empty", message);
    },
    error(problem) {
      // Nobody answers: the header says so once and loudly, the panels only quietly.
      root.toggleAttribute("data-quiet", problem.reachable === false);
      set("error", explain(problem));
    },
  };
}

/** What went wrong, in one or two sentences for people. */
export function explain(problem) {
  if (problem.reachable === false) return `Waiting for ${API_NAME} to answer again.`;
  const where = problem.parameter ? ` (${problem.parameter})` : "";
  const detail = problem.detail || problem.title || problem.message || "unknown failure";
  const sentence = detail.charAt(0).toUpperCase() + detail.slice(1);
  return `${sentence}${/[.!?]$/.test(sentence) ? "" : "."}${where}`;
}
