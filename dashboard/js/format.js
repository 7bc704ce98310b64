// Words and numbers for people: counts, money, rates, times, and names of rules and
// figures. Pure functions; the browser's language decides how numbers look.

const LOCALE = undefined; // the browser's
const whole = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumFractionDigits: 1 });
const tenth = new Intl.NumberFormat(LOCALE, { minimumFractionDigits: 1, maximumFractionDigits: 1 });
const plain = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });
const percents = new Intl.NumberFormat(LOCALE, { style: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const clocks = new Intl.DateTimeFormat(LOCALE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const days = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "medium" });
const currencies = new Map();

/** Shown for what is not known. */
export const NOTHING = "–";

const known = (value) => typeof value === "number" && Number.isFinite(value);

/** `12,345`. */
export const count = (value) => (known(value) ? whole.format(value) : NOTHING);

/** `12.3K` from ten thousand on, else all digits. */
export const compact = (value) => (known(value) ? (Math.abs(value) >= 10_000 ? short : whole).format(value) : NOTHING);

/** `4.2`, and no decimals from a hundred on. */
export const decimal = (value) => (known(value) ? (Math.abs(value) >= 100 ? whole : tenth).format(value) : NOTHING);

/** `12.3 %`. */
export const percent = (value) => (known(value) ? percents.format(value) : NOTHING);

/** A difference of two shares in percentage points, `+1.2 pp`. */
export const points = (value) => (known(value) ? `${value > 0 ? "+" : value < 0 ? "−" : "±"}${tenth.format(Math.abs(value) * 100)} pp` : NOTHING);

/** An amount in major units, without cents when `round` is set; a bare number while no answer has named the currency. */
export function money(value, currency, round = false) {
  if (!known(value)) return NOTHING;
  if (!currency) return (round ? whole : plain).format(value);
  const key = `${currency} ${round}`;
  if (!currencies.has(key)) {
    const digits = round ? { maximumFractionDigits: 0, minimumFractionDigits: 0 } : {};
    currencies.set(key, new Intl.NumberFormat(LOCALE, { style: "currency", currency, ...digits }));
  }
  return currencies.get(key).format(value);
}

/** The time of day, `12:03:04`. */
export const clock = (iso) => (iso ? clocks.format(new Date(iso)) : NOTHING);

/** Day and time. */
export const moment = (iso) => (iso ? days.format(new Date(iso)) : NOTHING);

/** `3 s`, `5 min`, `2 h`, `4 d`. */
export function duration(ms) {
  if (!known(ms)) return NOTHING;
  const seconds = Math.max(0, ms) / 1000;
  if (seconds < 10 && seconds % 1 !== 0) return `${plain.format(Math.round(seconds * 10) / 10)} s`;
  if (seconds < 90) return `${Math.round(seconds)} s`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86_400)} d`;
}

/** How long before `nowMs` the instant lies: `3 s ago`. */
export function ago(iso, nowMs = Date.now()) {
  if (!iso) return NOTHING;
  const ms = nowMs - Date.parse(iso);
  return ms < 1500 ? "just now" : `${duration(Math.round(ms / 1000) * 1000)} ago`;
}

/** `hedge_trimmers` becomes `Hedge trimmers`. */
export function words(name) {
  const spaced = String(name).replace(/[-_]+/g, " ").trim();
  return spaced.charAt(0).toUpperCase() + spaced.slice(1);
}

/** Name and value of a fraud signal's figure, read from its unit suffix. */
export function figure(name, value, currency) {
  const [, stem, unit] = /^(.*?)(?:_(cents|ms|seconds|minutes|hours|rate|share|ratio))?$/.exec(name);
  if (!known(value)) return [words(name), String(typeof value === "object" ? JSON.stringify(value) : value)];
  if (unit === "cents") return [words(stem), money(value / 100, currency)];
  if (unit === "ms") return [words(stem), duration(value)];
  if (unit === "seconds") return [words(stem), duration(value * 1000)];
  if (unit === "minutes") return [words(stem), duration(value * 60_000)];
  if (unit === "hours") return [words(stem), duration(value * 3_600_000)];
  if (unit && value >= 0 && value <= 1) return [words(name), percent(value)];
  return [words(name), plain.format(value)];
}
