// The filters beside the results: the category tree level by level, the price, stars, stock, brands and
// what the products found tell apart. Each shows how many products it would leave. A change goes to
// `change(part)`, which searches again.

import { categoryName, learn } from "./categories.js";
import { byId, h, replace } from "./dom.js";
import { count, money, words } from "./format.js";

const BRANDS_SHOWN = 8;

/** Builds the filters once; `show(search, answer)` brings them up to date. */
export function facets(change) {
  const price = priceForm(change);
  let allBrands = false;
  let last = null;

  // On a narrow page the filters fold away; on a wide one they are always open.
  const wide = matchMedia("(min-width: 761px)");
  const fold = () => (byId("facets").open = wide.matches);
  wide.addEventListener("change", fold);
  fold();

  function show(search, answer) {
    last = [search, answer];
    for (const one of answer.facets.category) learn(one.value, one.label);
    replace(byId("facet-category"), h("h3", {}, "Category"), tree(search, answer.facets.category, change));
    replace(byId("facet-brand"), brands(search, answer.facets.brand));
    replace(byId("facet-rating"), h("h3", {}, "Rating and stock"), quality(search, answer.facets, change));
    replace(byId("facet-attributes"), answer.facets.attributes.map((one) => attribute(one, search, change)));
    price.show(search, answer.facets.price, answer.currency);
  }

  function brands(search, found) {
    const missing = search.brand.filter((name) => !found.some((one) => one.value === name));
    const every = [...missing.map((value) => ({ value, count: 0 })), ...found];
    const shown = every.filter((one, index) => allBrands || index < BRANDS_SHOWN || search.brand.includes(one.value));
    const flip = () => {
      allBrands = !allBrands;
      show(...last);
    };
    const rows = shown.map((one) => valueRow(one, `brand ${one.value}`, search.brand, (brand) => change({ brand })));
    const more = every.length > BRANDS_SHOWN;
    return [
      h("h3", {}, "Brand"),
      rows.length ? h("ul", {}, rows) : h("p", { class: "small muted" }, "none"),
      more && h("button", { type: "button", class: "link small", "data-key": "more-brands", onclick: flip }, allBrands ? "Fewer brands" : `All ${every.length} brands`),
    ];
  }

  return { show };
}

/** What narrows the search now, each with a button that takes it away. */
export function chips(search, currency, change) {
  const chip = (label, part) =>
    h("button", { type: "button", class: "chip", "aria-label": `Remove ${label}`, onclick: () => change(part) }, label, h("span", { "aria-hidden": "true" }, " ×"));
  const list = search.brand.map((name) => chip(name, { brand: search.brand.filter((other) => other !== name) }));
  if (search.category) list.unshift(chip(categoryName(search.category), { category: "" }));
  if (search.min_price || search.max_price) {
    list.push(chip(range(search.min_price, search.max_price, currency), { min_price: "", max_price: "" }));
  }
  if (search.min_rating) list.push(chip(`★ ${search.min_rating} and up`, { min_rating: "" }));
  if (search.in_stock) list.push(chip("in stock", { in_stock: "" }));
  for (const [name, values] of Object.entries(search.attr)) {
    const { [name]: _, ...others } = search.attr;
    list.push(chip(`${words(name)}: ${values.join(" or ")}`, { attr: others }));
  }
  return list;
}

function tree(search, found, change) {
  const chosen = search.category;
  const parent = (path) => path.split(".").slice(0, -1).join(".");
  const below = (path) => found.filter((one) => parent(one.value) === path && one.count > 0);
  // A leaf has nothing below it: its siblings stay in sight, so that one click goes across.
  const base = chosen && below(chosen).length === 0 ? parent(chosen) : chosen;
  const levels = base ? base.split(".") : [];
  const chain = ["", ...levels.map((_, index) => levels.slice(0, index + 1).join("."))];
  const name = (path) => categoryName(path || "all");
  const line = (path, depth, number) =>
    h(
      "li",
      { vars: { depth } },
      h(
        "button",
        { type: "button", class: "facet-row", "data-key": `category ${path}`, "aria-current": path === chosen ? "true" : null, onclick: () => change({ category: path }) },
        h("span", { class: "clip" }, name(path)),
        number !== undefined && h("span", { class: "muted" }, count(number)),
      ),
    );
  const numberOf = (path) => found.find((one) => one.value === path)?.count;
  return h(
    "ul",
    {},
    chain.map((path, depth) => line(path, depth, path ? numberOf(path) : undefined)),
    below(base).map((one) => line(one.value, chain.length, one.count)),
  );
}

function row(input, label, number) {
  return h("li", {}, h("label", { class: "facet-row" }, input, h("span", { class: "clip" }, label), number !== undefined && h("span", { class: "muted" }, count(number))));
}

/** A value that can be chosen beside others; `pick(values)` is given all that are chosen then. */
function valueRow({ value, count: number }, key, chosen, pick) {
  const flip = (event) => pick(event.target.checked ? [...chosen, value] : chosen.filter((other) => other !== value));
  return row(h("input", { type: "checkbox", "data-key": key, checked: chosen.includes(value), onchange: flip }), value, number);
}

/** Stars as a choice of one, and a box that leaves out what is sold out. */
function quality(search, found, change) {
  const star = (from, label, number) =>
    row(h("input", { type: "radio", name: "min_rating", "data-key": `stars ${from}`, checked: search.min_rating === from, onchange: () => change({ min_rating: from }) }), label, number);
  const stock = (event) => change({ in_stock: event.target.checked ? "true" : "" });
  return h(
    "ul",
    {},
    star("", "Any rating"),
    found.rating.filter((one) => one.count > 0 || search.min_rating === String(one.from)).map((one) => star(String(one.from), `★ ${one.from} and up`, one.count)),
    row(h("input", { type: "checkbox", "data-key": "in_stock", checked: search.in_stock === "true", onchange: stock }), "In stock only", found.in_stock),
  );
}

/** What the products found tell apart, folded away but for what narrows the search. */
function attribute({ name, values }, search, change) {
  const chosen = search.attr[name] ?? [];
  const pick = (next) => {
    const { [name]: _, ...others } = search.attr;
    change({ attr: next.length ? { ...others, [name]: next } : others });
  };
  return h(
    "details",
    { class: "attribute", "data-key": `attribute ${name}`, open: chosen.length > 0 },
    h("summary", {}, words(name)),
    h("ul", {}, values.map((one) => valueRow(one, `${name} ${one.value}`, chosen, pick))),
  );
}

// Its boxes are made once: somebody may be typing into the second when the first one's answer comes.
function priceForm(change) {
  const box = (name, label) => h("input", { type: "number", min: "0", step: "any", inputmode: "decimal", "aria-label": label, placeholder: label.split(" ")[0], "data-key": name });
  const [low, high, bars] = [box("min_price", "from price"), box("max_price", "to price"), h("div", { class: "price-bars" })];
  const apply = () => change({ min_price: low.value, max_price: high.value });
  for (const input of [low, high]) input.addEventListener("change", apply);
  replace(byId("facet-price"), h("h3", {}, "Price"), bars, h("div", { class: "price-boxes" }, low, h("span", { "aria-hidden": "true" }, "–"), high));

  function show(search, found, currency) {
    for (const [input, value] of [[low, search.min_price], [high, search.max_price]]) {
      if (document.activeElement !== input) input.value = value;
    }
    const buckets = found?.buckets ?? [];
    const most = Math.max(1, ...buckets.map((bucket) => bucket.count));
    replace(bars, buckets.map((bucket) => bar(bucket, most)));

    function bar(bucket, tallest) {
      const highest = highestIn(bucket);
      const name = `${range(bucket.from, highest, currency)}: ${count(bucket.count)} products`;
      const pick = () => change({ min_price: String(bucket.from ?? ""), max_price: String(highest ?? "") });
      const inside = sameOrEmpty(search.min_price, bucket.from) && sameOrEmpty(search.max_price, highest);
      return h("button", {
        type: "button",
        title: name,
        "aria-label": name,
        "aria-pressed": String(inside && Boolean(search.min_price || search.max_price)),
        disabled: bucket.count === 0,
        "data-key": `price ${bucket.from}`,
        vars: { share: bucket.count / tallest },
        onclick: pick,
      });
    }
  }
  return { show };
}

// A bucket ends below its `to`, whereas `max_price` includes its own value.
const highestIn = ({ to }) => (typeof to === "number" ? Number((to - 0.01).toFixed(2)) : null);

const sameOrEmpty = (typed, edge) => (typed === "" ? edge === null || edge === undefined : Number(typed) === edge);

function range(low, high, currency) {
  const amount = (value) => money(Number(value), currency, Number.isInteger(Number(value)));
  const given = (value) => value !== "" && value !== null && value !== undefined;
  if (given(low) && given(high)) return `${amount(low)} – ${amount(high)}`;
  return given(low) ? `from ${amount(low)}` : `up to ${amount(high)}`;
}
