// Names of categories for people. The API gives a label with most paths; this module remembers
// them, so that places which know only the path (trends, breadcrumbs) say the same words.

import { words } from "./format.js";

const LABELS_MAX = 2_000; // far more than a taxonomy has; a bound for a page that stays open for weeks
const labels = new Map([["all", "All categories"]]);

/** Remembers what the catalogue calls a category. */
export function learn(path, label) {
  if (path && label && path !== "all" && labels.size < LABELS_MAX) labels.set(path, label);
}

/** Remembers what analytics call a category, which know its path alone: not where the catalogue has said it. */
export function learnFromPath(path, label) {
  if (!labels.has(path)) learn(path, label);
}

/** The API's label, or the last level of the path in words. */
export const categoryName = (path) => labels.get(path) ?? words(String(path).split(".").pop());
