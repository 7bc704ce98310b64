// The product search: reads what to search for from the page's address, asks, and shows results,
// filters and hints. Every change of the search goes through `go`, which writes the address, so
// that reload and back always show what they showed before.

import { get } from "./api.js";
import { question, readSearch, writeSearch } from "./address.js";
import { byId, h, replace, text } from "./dom.js";
import { chips, facets } from "./facets.js";
import { count } from "./format.js";
import { panel } from "./panel.js";
import { showPages, showResults } from "./results.js";
import { suggest } from "./suggest.js";

const SIZE = 12; // divides by 2, 3 and 4 columns
const RETRY_MS = 4_000;
const RETRY_SLOWEST_MS = 60_000;
const FILTERS = ["category", "min_price", "max_price", "min_rating", "in_stock"];
const EMPTY = { q: "", ...Object.fromEntries(FILTERS.map((name) => [name, ""])), brand: [], attr: {}, page: 1 };
const RELAXED = {
  similar_words: "Some words are in no product, so similar ones were taken.",
  any_word: "Few products have all of these words, so these have at least one of them.",
  fuzzier: "Nothing was found, so words that look roughly alike were taken.",
  best_sellers: "Nothing was found, so these are the best sellers of the department within the other filters.",
};

/** Starts the panel. Returns `find(text)`, a new search, and `retry()` after a failure. */
export function search() {
  const view = panel(byId("search"));
  const [form, input, fuzzy, sort, summary] = ["search-form", "search-input", "search-fuzzy", "search-sort", "search-summary"].map(byId);
  let wanted = readSearch();
  let asking = null;
  let failures = 0;
  let timer = 0;

  const filters = facets(go);
  const list = suggest(input, byId("suggestions"), take);

  function go(change) {
    wanted = { ...wanted, page: 1, ...change };
    writeSearch(wanted);
    fillForm();
    load();
  }

  async function load() {
    clearTimeout(timer);
    asking?.abort();
    const controller = new AbortController();
    asking = controller;
    view.loading();
    try {
      const answer = await get("/search", { ...question(wanted), size: SIZE }, controller.signal);
      if (asking !== controller) return;
      failures = 0;
      show(answer);
    } catch (problem) {
      if (asking !== controller) return;
      failures += 1;
      fail(problem);
    }
    asking = null;
  }

  function show(answer) {
    filters.show(wanted, answer);
    showResults(answer.items);
    showPages(answer, (page) => {
      go({ page });
      view.root.scrollIntoView({ block: "start" });
    });
    const hint = answer.total > 0 && RELAXED[answer.relaxation];
    const widened = answer.total > 0 && answer.relaxation && answer.relaxation !== "none";
    replace(
      summary,
      h("span", {}, h("b", { id: "search-total" }, count(answer.total)), ` ${answer.total === 1 ? "product" : "products"} in ${count(answer.took_ms)} ms`),
      chips(wanted, answer.currency, go),
      narrowed() && h("button", { type: "button", class: "link small", onclick: () => go({ ...EMPTY, q: wanted.q }) }, "Clear filters"),
      widened && h("span", { class: "hint", id: "search-relaxed" }, hint || `The search was widened (${answer.relaxation}).`),
    );
    view.root.toggleAttribute("data-bare", answer.total === 0 && !narrowed());
    view.ready();
    if (answer.items.length === 0) nothingFound(answer);
  }

  function nothingFound(answer) {
    const what = wanted.q ? `for “${wanted.q}”` : "here";
    if (answer.total > 0) view.empty("There are no more results on this page.");
    else if (narrowed()) view.empty(`Nothing found ${what} with these filters. Clear the filters to look everywhere.`);
    else if (!wanted.q) view.empty("The catalogue is empty: run the seeder.");
    else view.empty(`Nothing found ${what}. ${wanted.fuzzy ? "Try fewer or other words." : "Let it forgive typos, or try other words."}`);
  }

  function fail(problem) {
    view.error(problem);
    if (problem.reachable === undefined) console.error(problem); // a bug of ours, not of the network
    if (problem.reachable && problem.status < 500 && problem.status !== 429) return; // asking again would not help
    const wait = Math.min(RETRY_SLOWEST_MS, RETRY_MS * 2 ** (failures - 1));
    timer = setTimeout(load, Math.max(problem.retryAfterMs ?? 0, wait));
  }

  const narrowed = () => FILTERS.some((name) => wanted[name]) || wanted.brand.length > 0 || Object.keys(wanted.attr).length > 0;

  function take(suggestion) {
    if (suggestion.kind === "category") go({ ...EMPTY, category: suggestion.value });
    else if (suggestion.kind === "brand") go({ ...EMPTY, brand: [suggestion.value] });
    else go({ ...EMPTY, q: suggestion.text });
  }

  function fillForm() {
    input.value = wanted.q;
    fuzzy.checked = wanted.fuzzy;
    sort.value = wanted.sort;
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    list.close();
    go({ q: input.value.trim() });
  });
  fuzzy.addEventListener("change", () => go({ fuzzy: fuzzy.checked }));
  sort.addEventListener("change", () => go({ sort: sort.value }));
  addEventListener("popstate", () => {
    const before = JSON.stringify(wanted);
    wanted = readSearch();
    if (JSON.stringify(wanted) === before) return; // only the #section changed
    fillForm();
    load();
  });
  fillForm();
  text(summary, "");
  load();

  return {
    find(q) {
      go({ ...EMPTY, q });
      view.root.scrollIntoView({ block: "start" });
    },
    retry: () => view.root.dataset.state === "error" && load(),
  };
}
