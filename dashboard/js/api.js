// The only module that speaks to the API: builds the address, reads the answer, and turns every
// failure into a `Problem` (RFC 9457) that says whether anybody answered at all and when to come
// back. The API is the server that this page came from: no link can put another's numbers into it.

const TIMEOUT_MS = 15_000;
/** How long to wait after a 429 that does not say. */
const LIMITED_MS = 5_000;

/** The API's address for people. */
export const API_ADDRESS = location.origin;
/** How messages call the API. */
export const API_NAME = "the API";

/** A failed request: nobody answered (`reachable` is false), or somebody refused. */
export class Problem extends Error {
  constructor({ reachable, status = 0, title = "", detail = "", parameter = "", retryAfterMs = 0 }) {
    super(detail || title);
    Object.assign(this, { reachable, status, title, detail, parameter, retryAfterMs });
  }
}

/**
 * Gets `path` with `params`; arrays repeat their name, empty values are left out. Throws a
 * `Problem`, or the abort of `signal` unchanged.
 */
export async function get(path, params, signal) {
  return judged(path, await ask(path, params, { signal }));
}

/** Changes what is at `path`, on behalf of who has the admin token. Throws a `Problem`. */
export async function patch(path, change, token) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  return judged(path, await ask(path, {}, { method: "PATCH", headers, body: JSON.stringify(change) }));
}

/** Calls `tell` with each message that the API sends of its own accord at `path`. The browser connects again by itself. */
export function listen(path, tell) {
  new EventSource(API_ADDRESS + path).addEventListener("message", ({ data }) => tell(parse(data)));
}

function judged(path, { response, body }) {
  if (response.ok && body !== undefined) return body;
  throw new Problem({
    reachable: true,
    status: response.status,
    title: body?.title ?? "",
    detail: body?.detail ?? (body ? `${path} answered ${response.status}` : notTheApi(path, response.status)),
    parameter: body?.parameter ?? "",
    retryAfterMs: retryAfter(response),
  });
}

/** Names of the dependencies that the API says are not ready, each with its detail. */
export async function notReady(signal) {
  const { body } = await ask("/health/ready", {}, { signal });
  return (body?.dependencies ?? []).filter((dependency) => !["up", "ready", "ok"].includes(dependency.status));
}

async function ask(path, params, { signal, headers, ...request }) {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(params ?? {})) {
    for (const one of [value].flat()) if (one !== undefined && one !== null && one !== "") query.append(name, one);
  }
  const url = `${API_ADDRESS}${path}${query.size ? `?${query}` : ""}`;
  const deadline = AbortSignal.timeout(TIMEOUT_MS);
  try {
    const response = await fetch(url, {
      signal: signal ? AbortSignal.any([signal, deadline]) : deadline,
      headers: { accept: "application/json", ...headers },
      credentials: "omit",
      ...request,
    });
    return { response, body: parse(await response.text()) };
  } catch (error) {
    signal?.throwIfAborted();
    throw new Problem({ reachable: false, detail: `${url} does not answer`, title: error.message });
  }
}

function parse(json) {
  try {
    return JSON.parse(json);
  } catch {
    return undefined; // not JSON: `get` says so
  }
}

function notTheApi(path, status) {
  return `${API_ADDRESS} answered ${path} with ${status} and no JSON, so it is not the shoplens API; open this page at the address of the API itself`;
}

function retryAfter(response) {
  const value = response.headers.get("retry-after");
  const seconds = Number(value);
  if (value && Number.isFinite(seconds)) return Math.max(0, seconds * 1000);
  const at = value ? Date.parse(value) : NaN;
  if (!Number.isNaN(at)) return Math.max(0, at - Date.now());
  return response.status === 429 ? LIMITED_MS : 0;
}
