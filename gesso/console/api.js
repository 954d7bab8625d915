// gesso's own API: JSON in and out; what goes wrong is a Problem, with what to do about it.
import { url } from "./dom.js";

const REMEMBERED = 60;
const remembered = new Map();
let skewS = 0;

/** `field`: the name of the field of a form that it is about, if it is about one. */
export class Problem extends Error {
  constructor(message, remedy = "", status = 0) {
    super(message);
    this.remedy = remedy;
    this.status = status;
    this.field = null;
  }
}

/** Seconds since 1970 by the server's clock, which all times of the API are told by. */
export const now = () => Date.now() / 1000 + skewS;

/** A path that begins with "/" is one of another API. */
const addressOf = (path, query) => url(path.startsWith("/") ? path : `/gesso/api/${path}`, query);

/** The answer to a GET; the very same object as before while nothing has changed. */
export async function get(path, query = {}, signal) {
  const address = addressOf(path, query);
  const known = remembered.get(address);
  const answer = await ask(address, { signal, headers: known ? { "If-None-Match": known.etag } : {} });
  if (answer.status === 304) return known.value;
  const value = await answer.json();
  const etag = answer.headers.get("ETag");
  remembered.delete(address);
  if (etag) remembered.set(address, { etag, value });
  if (remembered.size > REMEMBERED) remembered.delete(remembered.keys().next().value);
  return value;
}

export const post = (path, body, headers) => send("POST", path, body, headers);
export const put = (path, body) => send("PUT", path, body);
export const patch = (path, body) => send("PATCH", path, body);
export const remove = (path) => send("DELETE", path);

async function send(method, path, body, more = {}) {
  const headers = body === undefined ? more : { "Content-Type": "application/json", ...more };
  const answer = await ask(addressOf(path), { method, headers, body: JSON.stringify(body) });
  return answer.json();
}

/** Each piece of a text as it comes, until it ends or `signal` says so. */
export async function* pieces(path, query, signal) {
  const answer = await ask(url(`/gesso/api/${path}`, query), { signal });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield value;
  }
}

async function ask(address, options) {
  const answer = await reach(address, options);
  const date = Date.parse(answer.headers.get("Date") ?? "");
  // The header has whole seconds: a smaller difference is none.
  if (!Number.isNaN(date)) skewS = Math.abs(date - Date.now()) > 2000 ? (date - Date.now()) / 1000 : 0;
  if (answer.ok || answer.status === 304) return answer;
  if (answer.status === 401) signIn();
  throw await problemOf(answer);
}

async function reach(address, options) {
  try {
    return await fetch(address, { cache: "no-store", ...options });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem("gesso does not answer.", "It may be restarting, or the network is down.");
  }
}

async function problemOf(answer) {
  try {
    const { error } = await answer.json();
    const told = new Problem(error.message, error.remedy, answer.status);
    told.field = error.param ?? null;
    return told;
  } catch {
    return new Problem(`gesso answered ${answer.status}, without a reason.`, "Look at its log.", answer.status);
  }
}

/** The login has ended: sign in, and come back to this place. */
function signIn() {
  location.assign(url("/gesso/login", { ended: true, next: `/gesso/${location.hash}` }));
}
