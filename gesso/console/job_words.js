// A job in words: its state, how long it waited and ran, what went wrong; and where its files are.
import { h, url } from "./dom.js";
import { leftWords, placeWords } from "./outlook.js";
import { duration, elapsed, live, when } from "./times.js";

const STATES = { queued: "Waiting", running: "Running", succeeded: "Done", failed: "Failed", cancelled: "Cancelled" };
const PICTURE = /\.(png|jpe?g|webp|gif|avif|bmp)$/i;

export const isActive = (job) => job.state === "queued" || job.state === "running";
export const titleOf = (job) => job.title || "A workflow without a name";
export const jobAddress = (job) => `#/jobs/${encodeURIComponent(job.id)}`;
export const isPicture = (file) => PICTURE.test(file.filename);
export const fileAddress = (file) => url("/view", { filename: file.filename, subfolder: file.subfolder, type: file.type });
export const thumbnailAddress = (file) => `${fileAddress(file)}&preview=webp%3B80`;

export function stateOf(job) {
  const begun = job.state === "running" && !job.at_engine;
  if (isActive(job) && job.cancel_asked) return { word: "Being cancelled", look: "waiting" };
  if (isActive(job) && !begun) return { word: "Waiting", look: "waiting" };
  return { word: STATES[job.state] ?? job.state, look: job.state };
}

export function badge(job) {
  const { word, look } = stateOf(job);
  return h("span", { class: `badge ${look}` }, word);
}

/**
 * "for 12 s on sketch, after waiting 3 s" – elements and texts in a row.
 * `outlook()` gives the { position, at } of an unfinished job as last told; `place`: its place among one's own.
 */
export function timing(job, outlook = null, place = null) {
  const stands = () => {
    const told = outlook?.() ?? {};
    const words = placeWords(told.position, told.at);
    return words ? ` · ${words}` : "";
  };
  if (job.state === "queued") {
    const again = job.attempt ? ` · tried again: attempt ${job.attempt + 1} of ${job.max_attempts}` : "";
    const own = place === 0 ? " · next in your queue" : place ? ` · number ${place + 1} in your queue` : "";
    return ["for ", elapsed(job.created), live(() => stands() || own), again];
  }
  if (job.state === "running" && job.at_engine) {
    return ["for ", elapsed(job.created), " · at ", h("b", {}, job.engine), ", which finishes another job first", live(stands)];
  }
  if (job.state === "running") {
    const left = () => {
      const words = leftWords({ ...job, ...outlook?.() });
      return words ? ` · ${words}` : "";
    };
    return ["for ", elapsed(job.started), " on ", h("b", {}, job.engine), waited(job, ", after waiting "), live(left)];
  }
  if (job.started === null) return [when(job.finished), " · waited ", duration(job.finished - job.created)];
  return [when(job.finished), " · ran ", duration(job.finished - job.started), " on ", h("b", {}, job.engine ?? "an engine"),
    waited(job, " · waited ")];
}

function waited(job, words) {
  const seconds = job.started - job.created;
  return seconds < 0.1 ? null : `${words}${duration(seconds)}`;
}

/** { where, message, remedy } of a failed job, or null. */
export function failureOf(job) {
  if (!job.error || job.state === "succeeded") return null;
  const { class_type: kind, node, message, remedy } = job.error;
  const where = kind ? `${kind}${node ? ` (node ${node})` : ""}` : node ? `Node ${node}` : "";
  return { where, message: message || "It failed without a reason.", remedy: remedy ?? "" };
}

export function failure(job) {
  const found = failureOf(job);
  if (!found) return null;
  return h("p", { class: "failure" }, found.where ? [h("b", {}, found.where), ": "] : null, found.message,
    found.remedy ? ` ${found.remedy}` : null);
}
