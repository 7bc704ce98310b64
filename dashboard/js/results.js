// The products that were found: cards, the pages below them, and a dialog with all that is known
// about one product.

import { categoryName } from "./categories.js";
import { tile } from "./chart.js";
import { byId, h, replace } from "./dom.js";
import { count, decimal, money, words } from "./format.js";

/** `page * size` may not go beyond this; the API refuses it. */
const DEPTH_MAX = 10_000;
const NEIGHBOURS = 1;

/** Fills the grid. */
export function showResults(items) {
  replace(byId("results"), items.map(card));
}

/** Links to the pages; `turn(page)` goes to one. */
export function showPages(answer, turn) {
  const last = Math.max(1, Math.ceil(Math.min(answer.total, DEPTH_MAX) / answer.size));
  const here = answer.page;
  const button = (page, label, extra = {}) =>
    h("button", { type: "button", class: "page", "data-key": `page ${label}`, disabled: page < 1 || page > last, onclick: () => turn(page), ...extra }, label);
  const near = [...new Set([1, ...around(here, last), last])].filter((page) => page >= 1 && page <= last);
  const numbers = near.flatMap((page, index) => {
    const gap = index > 0 && page - near[index - 1] > 1 ? [h("span", { class: "muted" }, "…")] : [];
    const current = page === here ? { "aria-current": "page" } : {};
    return [...gap, button(page, count(page), { "aria-label": `Page ${page}`, ...current })];
  });
  const bar = [
    button(here - 1, "‹", { "aria-label": "Previous page" }),
    ...numbers,
    button(here + 1, "›", { "aria-label": "Next page" }),
  ];
  replace(byId("pages"), last > 1 || here > 1 ? bar : []);
}

function around(here, last) {
  const from = Math.max(1, Math.min(here, last) - NEIGHBOURS);
  return Array.from({ length: 2 * NEIGHBOURS + 1 }, (_, index) => from + index);
}

function card(product) {
  return h(
    "li",
    { class: "card", "data-category": product.category ?? "" },
    tile(product),
    h(
      "div",
      { class: "card-text" },
      h("p", { class: "small muted clip" }, [product.brand, product.category_label || (product.category && categoryName(product.category))].filter(Boolean).join(" · ")),
      h("button", { type: "button", class: "card-name", "data-key": product.id, onclick: () => open(product) }, product.name),
      rating(product),
      h("p", { class: "card-foot" }, price(product), stock(product)),
    ),
  );
}

// A catalogue may know nothing of a product but its name: what is missing is left out.
function price(product) {
  return product.price == null ? h("span", { class: "small muted" }, "no price") : h("b", {}, money(product.price, product.currency));
}

function rating(product) {
  if (product.rating == null || product.review_count === 0) return h("p", { class: "small muted rating" }, "no reviews yet");
  return h(
    "p",
    { class: "small rating" },
    h("span", { class: "star", "aria-hidden": "true" }, "★ "),
    h("span", { class: "unseen" }, "rated "),
    decimal(product.rating),
    product.review_count && h("span", { class: "muted" }, ` (${count(product.review_count)})`),
  );
}

function stock(product) {
  if (!product.in_stock) return h("span", { class: "small stock", "data-stock": "none" }, "sold out");
  const few = product.stock > 0 && product.stock <= 5;
  return h("span", { class: "small stock", "data-stock": few ? "few" : "some" }, few ? `${product.stock} left` : "in stock");
}

/** The category's levels as the catalogue spells them. */
function breadcrumb(product) {
  if (!product.category) return undefined;
  return [...(product.categories_above ?? []), product.category_label ?? categoryName(product.category)].join(" › ");
}

function open(product) {
  const dialog = byId("product");
  const facts = [
    ["Brand", product.brand],
    ["Category", breadcrumb(product)],
    ...Object.entries(product.attributes ?? {}).map(([name, value]) => [words(name), value === true ? "yes" : value === false ? "no" : [value].flat().join(", ")]),
    ["Stock", product.stock == null ? undefined : count(product.stock)],
    ["Product number", product.id],
    ["Place in this search", `${count(product.position)} (score ${decimal(product.score)})`],
  ].filter(([, value]) => value != null);
  replace(
    dialog,
    tile(product),
    h(
      "div",
      { class: "product-text" },
      h("h2", { id: "product-name" }, product.name),
      h("p", { class: "card-foot" }, price(product), rating(product), stock(product)),
      product.description && h("p", {}, product.description),
      h("dl", { class: "facts small" }, facts.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, String(value))))),
      h("form", { method: "dialog" }, h("button", { class: "button primary" }, "Close")),
    ),
  );
  dialog.onclick = (event) => event.target === dialog && dialog.close(); // the backdrop
  dialog.showModal();
}
