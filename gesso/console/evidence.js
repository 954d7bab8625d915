// What was seen, word for word: a log line in a box that folds.
import { h } from "./dom.js";

const SHORT = 240;

/** Open from the beginning where it is short; null of nothing. */
export function evidence(text, summary = "Evidence") {
  if (!text?.trim()) return null;
  const short = text.length <= SHORT && !text.includes("\n");
  return h("details", { class: "evidence", open: short }, h("summary", {}, summary), h("pre", { tabindex: "0" }, text.trim()));
}

/** Words of gesso, in which `commands` stand between backticks. */
export const worded = (text) => text.split("`").map((each, index) => (index % 2 ? h("code", {}, each) : each));

const LOG = "; last lines of its log:\n";
const NEXT = /; (restart \d+ of \d+ in [\d.]+ s)$/;

/** The reason of a state, apart from the lines of the log that it may quote: [words, lines | null] */
export function reasonOf(engine) {
  const [words, ...rest] = engine.reason.split(LOG);
  if (!rest.length) return [words, null];
  const lines = rest.join(LOG);
  const next = NEXT.exec(lines);
  return next ? [`${words}; ${next[1]}`, lines.slice(0, next.index)] : [words, lines];
}
