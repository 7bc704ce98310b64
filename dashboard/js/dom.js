// Builds and replaces elements. All text goes in as text nodes and all attributes through
// `setAttribute`, so data from the API can never become markup; sizes that depend on data are set
// as CSS custom properties through the CSSOM, which a strict `style-src 'self'` allows.

const SVG = "http://www.w3.org/2000/svg";

/**
 * Makes an HTML element. `props`: attributes by name; `on…` functions become listeners; `vars`
 * become CSS custom properties; `false`, `null` and `undefined` leave an attribute out.
 */
export function h(tag, props, ...children) {
  return fill(document.createElement(tag), props, children);
}

/** The same for SVG. */
export function s(tag, props, ...children) {
  return fill(document.createElementNS(SVG, tag), props, children);
}

function fill(element, props, children) {
  for (const [name, value] of Object.entries(props ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "vars") {
      for (const [key, size] of Object.entries(value)) element.style.setProperty(`--${key}`, String(size));
    } else if (name.startsWith("on")) {
      element.addEventListener(name.slice(2), value);
    } else {
      element.setAttribute(name, value === true ? "" : String(value));
    }
  }
  element.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/**
 * Replaces what `parent` holds and leaves the keyboard where it was: an element with the
 * `data-key` that had the focus gets it back, and a `<details>` that was open stays open.
 */
export function replace(parent, ...children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.dataset.key : undefined;
  const open = new Set([...parent.querySelectorAll("details[open][data-key]")].map((details) => details.dataset.key));
  parent.replaceChildren(...children.flat(Infinity).filter(Boolean));
  for (const details of parent.querySelectorAll("details[data-key]")) details.open ||= open.has(details.dataset.key);
  if (focused) parent.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
}

/** Sets text only when it differs, so that selections and screen readers are left alone. */
export function text(element, value) {
  if (element.textContent !== value) element.textContent = value;
}

/** The element with this id; the page's skeleton has it. */
export const byId = (id) => document.getElementById(id);
