// Autocomplete under the search box: an ARIA combobox with a list. Arrows move, Enter takes,
// Escape closes (and, when closed, empties the box as browsers do), Tab leaves.

import { get } from "./api.js";
import { h, replace } from "./dom.js";
import { compact } from "./format.js";

const PAUSE_MS = 120; // shorter than between two slow keystrokes, so that fast typing asks once
const SHOWN = 8;
const KINDS = { product: "product", category: "category", brand: "brand" };

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
      if (asking === controller && document.activeElement === input) show(answer.suggestions, q);
    } catch {
      // Suggestions are a comfort: without them the search still works and says what is wrong.
      if (asking === controller) close();
    }
  }

  function show(suggestions, q) {
    items = suggestions;
    active = -1;
    replace(list, items.map((item, index) => option(item, index, q)));
    list.hidden = items.length === 0;
    input.setAttribute("aria-expanded", String(!list.hidden));
    input.removeAttribute("aria-activedescendant");
  }

  function option(item, index, q) {
    const more = item.count > 0 ? `${KINDS[item.kind] ?? item.kind} · ${compact(item.count)}` : (KINDS[item.kind] ?? item.kind);
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
      h("span", { class: "clip" }, marked(item.text, q)),
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
    show([], "");
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

/** The text with the part that was typed in bold. */
function marked(text, q) {
  const at = text.toLowerCase().indexOf(q.toLowerCase());
  if (at < 0) return [text];
  return [text.slice(0, at), h("mark", {}, text.slice(at, at + q.length)), text.slice(at + q.length)];
}
