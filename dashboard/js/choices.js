// A row of exclusive choices (a window of time, a severity) as native radio buttons, so that
// arrow keys, focus and screen readers work by themselves.

import { h, replace } from "./dom.js";

/**
 * Fills `root` with `options` of `[value, label]`; `pick(value)` is called when one is chosen.
 */
export function choices(root, { name, legend, options, value, pick }) {
  replace(
    root,
    h(
      "fieldset",
      { class: "segments" },
      h("legend", { class: "unseen" }, legend),
      options.map(([key, label]) =>
        h(
          "label",
          {},
          h("input", { type: "radio", name, value: key, checked: key === value, onchange: () => pick(key) }),
          h("span", {}, label),
        ),
      ),
    ),
  );
}
