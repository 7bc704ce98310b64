// What the page shows, kept in its address, so that reload, back and a shared link show the same:
// the search (`q`, `category`, `brand`, `min_price`, `max_price`, `min_rating`, `in_stock`, `attr.<name>`,
// `sort`, `fuzzy`, `page`), with values as they are, one for each time a name is given, and the choices
// of the other panels (`trending`, `by`, `of`, `trending-in`, `funnels`, `source`, `in`, `searches`, `order`, `severity`). Other parameters are kept.

const SINGLE = ["q", "category", "min_price", "max_price", "min_rating", "in_stock", "sort"];
const SEARCH = [...SINGLE, "brand", "fuzzy", "page"];
const ATTRIBUTE = "attr.";

/** The search in the address; an unreadable page number counts as the first. */
export function readSearch() {
  const query = new URLSearchParams(location.search);
  const attr = {};
  for (const [name, value] of query) {
    if (name.startsWith(ATTRIBUTE) && value) (attr[name.slice(ATTRIBUTE.length)] ??= []).push(value);
  }
  return {
    ...Object.fromEntries(SINGLE.map((name) => [name, query.get(name) ?? ""])),
    brand: query.getAll("brand"),
    attr,
    fuzzy: query.get("fuzzy") !== "false",
    page: Math.max(1, Number.parseInt(query.get("page") ?? "1", 10) || 1),
  };
}

/** Puts the search into the address as a new step of the browser's history, if it differs. */
export function writeSearch(search) {
  const query = new URLSearchParams(location.search);
  for (const name of [...query.keys()]) if (SEARCH.includes(name) || name.startsWith(ATTRIBUTE)) query.delete(name);
  for (const name of SINGLE) if (search[name]) query.set(name, search[name]);
  for (const brand of search.brand) query.append("brand", brand);
  for (const [name, values] of Object.entries(search.attr)) for (const value of values) query.append(ATTRIBUTE + name, value);
  if (!search.fuzzy) query.set("fuzzy", "false");
  if (search.page > 1) query.set("page", String(search.page));
  const url = address(query);
  if (url !== location.pathname + location.search + location.hash) history.pushState(null, "", url);
}

/** The search as the API wants it: a comma in a value is escaped there, since it also separates values. */
export function question({ attr, brand, ...rest }) {
  const escaped = (values) => values.map((value) => value.replaceAll(",", "\\,"));
  const attributes = Object.entries(attr).map(([name, values]) => [ATTRIBUTE + name, escaped(values)]);
  return { ...rest, brand: escaped(brand), ...Object.fromEntries(attributes) };
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
