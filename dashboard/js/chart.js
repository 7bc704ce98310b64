// Pictures as SVG: the line of the event rate, the funnel, and the placeholder for a product's
// picture. Pure functions from numbers to elements; colours come from the style sheet, except the
// placeholder's, which come from the category and are set as SVG attributes.

import { s } from "./dom.js";

/** A line with a filled area over `points` of `{at, value}` (ms, number), `spanMs` wide. */
export function sparkline(points, spanMs, width = 240, height = 44) {
  const root = s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "spark", "aria-hidden": "true" });
  if (points.length < 2) return root;
  const end = points.at(-1).at;
  const start = Math.max(points[0].at, end - spanMs);
  const top = Math.max(1, ...points.map((point) => point.value)) * 1.08;
  const x = (point) => (((point.at - start) / Math.max(1, end - start)) * width).toFixed(1);
  const y = (point) => (height - 1 - (point.value / top) * (height - 4)).toFixed(1);
  const line = points.filter((point) => point.at >= start).map((point) => `${x(point)},${y(point)}`).join("L");
  root.append(
    s("path", { class: "spark-area", d: `M0,${height}L${line}L${width},${height}Z` }),
    s("path", { class: "spark-line", d: `M${line}`, "vector-effect": "non-scaling-stroke" }),
  );
  return root;
}

/**
 * A funnel lying on its side: one block for each of `counts`, its height in proportion to the
 * first one's, with a soft step to the next. Stretches to the width it is given.
 */
export function funnel(counts, width = 400, height = 120) {
  const first = Math.max(1, counts[0] ?? 0);
  const step = width / counts.length;
  const slope = step * 0.3;
  const half = (value) => Math.max(1, (Math.min(1, (value ?? 0) / first) * height) / 2);
  const middle = height / 2;
  const blocks = counts.map((value, index) => {
    const here = half(value);
    const next = half(counts[index + 1] ?? value);
    const [left, flat, right] = [index * step, (index + 1) * step - slope, (index + 1) * step];
    const bend = flat + slope / 2;
    const upper = `M${left},${middle - here}H${flat}C${bend},${middle - here} ${bend},${middle - next} ${right},${middle - next}`;
    const lower = `V${middle + next}C${bend},${middle + next} ${bend},${middle + here} ${flat},${middle + here}H${left}Z`;
    return s("path", { class: `funnel-block funnel-${index}`, d: upper + lower });
  });
  return s("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", class: "funnel-shape", "aria-hidden": "true" }, blocks);
}

/** A quiet tile that stands for a product's picture: the category's colour and initials. */
export function tile(product) {
  const hue = hash(product.category ?? product.name) % 360;
  const seed = hash(product.id);
  const [x, y, radius] = [20 + (seed % 120), 10 + ((seed >> 7) % 70), 26 + ((seed >> 14) % 30)];
  const shade = (saturation, light) => `hsl(${hue} ${saturation}% ${light}%)`;
  return s(
    "svg",
    { viewBox: "0 0 160 100", preserveAspectRatio: "xMidYMid slice", class: "picture", "aria-hidden": "true" },
    s("rect", { width: 160, height: 100, fill: shade(34, 84) }),
    s("circle", { cx: x, cy: y, r: radius, fill: shade(38, 76) }),
    s("circle", { cx: 160 - x, cy: 104 - y, r: radius * 0.7, fill: shade(42, 90) }),
    s("text", { x: 80, y: 50, "text-anchor": "middle", "dominant-baseline": "central", fill: shade(38, 30) }, initials(product)),
  );
}

function initials(product) {
  const names = (product.category_label || product.category?.split(".").pop() || product.name).split(/[\s_-]+/).filter(Boolean);
  const letters = names.length > 1 ? names[0].charAt(0) + names[1].charAt(0) : (names[0] ?? "?").slice(0, 2);
  return letters.charAt(0).toUpperCase() + letters.slice(1);
}

// FNV-1a, for colours that stay the same from visit to visit.
function hash(value) {
  let state = 2166136261;
  for (const letter of String(value)) state = Math.imul(state ^ letter.codePointAt(0), 16777619);
  return state >>> 8;
}
