// What the page shows, kept in its address, so that reload, back and a shared link show the same:
// the search (`q`, `category`, `brand`, `min_price`, `max_price`, `fuzzy`, `page`) and the choices
// of the other panels (`trending`, `funnels`, `in`, `severity`). Other parameters are kept.

const SEARCH = ["q", "category", "brand", "min_price", "max_price", "fuzzy", "page"];

/** The search in the address; an unreadable page number counts as the first. */
export function readSearch() {
  const query = new URLSearchParams(location.search);
  return {
    q: query.get("q") ?? "",
    category: query.get("category") ?? "",
    brand: query.getAll("brand"),
    min_price: query.get("min_price") ?? "",
    max_price: query.get("max_price") ?? "",
    fuzzy: query.get("fuzzy") !== "false",
    page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
  };
}

/** Puts the search into the address as a new step of the browser's history, if it differs. */
export function writeSearch(search) {
  const query = new URLSearchParams(location.search);
  for (const name of SEARCH) query.delete(name);
  for (const name of ["q", "category", "min_price", "max_price"]) if (search[name]) query.set(name, search[name]);
  for (const brand of search.brand) query.append("brand", brand);
  if (!search.fuzzy) query.set("fuzzy", "false");
  if (search.page > 1) query.set("page", String(search.page));
  const url = address(query);
  if (url !== location.pathname + location.search + location.hash) history.pushState(null, "", url);
}

/** One choice of a panel, or `fallback` when the address does not name an allowed one. */
export function readChoice(name, fallback, allowed) {
  const value = new URLSearchParams(location.search).get(name);
  return value !== null && (!allowed || allowed.includes(value)) ? value : fallback;
}

/** Keeps one choice without a step in the history; the fallback leaves the address short. */
export function writeChoice(name, value, fallback) {
  const query = new URLSearchParams(location.search);
  if (value === fallback) query.delete(name);
  else query.set(name, value);
  history.replaceState(null, "", address(query));
}

const address = (query) => `${location.pathname}${query.size ? `?${query}` : ""}${location.hash}`;
