// Autocomplete under the search box: an ARIA combobox with a list. Arrows move, Enter takes,
// Escape closes (and, when closed, empties the box as browsers do), Tab leaves.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { compact } from "./format.js";

const PAUSE_MS = 120; // shorter than between two slow keystrokes, so that fast typing asks once
const SHOWN = 8;

/**
 * Wires `input` to `list`. `take(suggestion)` is called for a chosen one. Returns `close()`, for
 * when the search itself is submitted.
 */
export function suggest(input, list, take) {
  let items = [];
  let active = -1;
  let timer = 0;
  let asking = null;

  async function ask() {
    const q = input.value.trim();
    asking?.abort();
    if (!q) return close();
    const controller = new AbortController();
    asking = controller;
    try {
      const answer = await get("/autocomplete", { q, size: SHOWN }, controller.signal);
      if (asking === controller && document.activeElement === input) show(answer.suggestions);
    } catch {
      // Suggestions are a comfort: without them the search still works and says what is wrong.
      if (asking === controller) close();
    }
  }

  function show(suggestions) {
    items = suggestions;
    active = -1;
    replace(list, items.map((item, index) => option(item, index)));
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  }

  function option(item, index) {
    const kind = item.kind === "query" ? "popular search" : item.kind;
    const more = item.count > 0 && item.kind !== "query" ? `${kind} · ${compact(item.count)}` : kind;
    return h(
      "li",
      {
        id: `suggestion-${index}`,
        role: "option",
        "aria-selected": "false",
        "data-kind": item.kind,
        onmousedown: (event) => event.preventDefault(), // the box keeps the focus
        onclick: () => choose(index),
      },
      h("span", { class: "clip" }, item.parts.map(({ text, matched }) => (matched ? h("mark", {}, text) : text))),
      h("span", { class: "small muted" }, more),
    );
  }

  function move(step) {
    if (list.hidden) return ask();
    // One more place than options: the box itself, where nothing is marked.
    active = ((active + 1 + step + items.length + 1) % (items.length + 1)) - 1;
    [...list.children].forEach((element, index) => element.setAttribute("aria-selected", String(index === active)));
    if (active < 0) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", `suggestion-${active}`);
    list.children[active].scrollIntoView({ block: "nearest" });
  }

  function choose(index) {
    const item = items[index];
    close();
    take(item);
  }

  function close() {
    clearTimeout(timer);
    asking?.abort();
    asking = null;
    show([]);
  }

  input.addEventListener("input", () => {
    clearTimeout(timer);
    timer = setTimeout(ask, PAUSE_MS);
  });
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (event.isComposing) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Enter" && active >= 0) {
      event.preventDefault();
      choose(active);
    } else if (event.key === "Escape" && !list.hidden) {
      event.preventDefault();
      close();
    }
  });
  return { close };
}
