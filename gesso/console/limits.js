// Limits in words and as meters: what there is of each, and how much of it is used.
import { bytes, count, seconds } from "./amounts.js";
import { h } from "./dom.js";

// `write`: how its numbers are written; `unit`: what is used of it; `most`: of what does not add up; `what`: for whoever sets it.
export const LIMITS = {
  jobs_queued: { label: "Queue", write: count, what: "unfinished jobs", unit: "jobs waiting or running" },
  jobs_running: { label: "At the same time", write: count, what: "jobs running at the same time", unit: "jobs running" },
  gpu_seconds_per_day: { label: "Engine time", write: seconds, what: "in 24 hours, such as 8 h", unit: "engine time in the last 24 hours" },
  storage: { label: "Storage", write: bytes, what: "all files together, such as 10GB", unit: "of uploads, pictures and workflows" },
  sockets: { label: "Connections", write: count, what: "open WebSockets", unit: "WebSockets open" },
  requests_per_s: { label: "Requests", write: count, what: "requests in a second", most: (limit) => `at most ${limit} in a second` },
  body: { label: "One request", write: bytes, what: "largest request, such as 20MB", most: (limit) => `at most ${limit}` },
};
const NEARLY = 0.8;

/** A list of what the answer of `/gesso/api/limits` says; limits of nothing that adds up only where there are some. */
export function limitList({ limits, weight }) {
  const lines = Object.entries(LIMITS).map(([name, each]) => line(each, limits[name]));
  if (weight !== 1) lines.push(entry("Share", `${count(weight)} times the usual, while others wait, too`));
  return h("ul", { class: "limits" }, lines);
}

function line({ label, write, unit, most }, { used, limit }) {
  if (used === null) return limit === null ? null : entry(label, most(write(limit)));
  if (limit === null) return entry(label, `${write(used)} ${unit}, no limit`);
  const full = used >= limit;
  const meter = h("meter", { min: "0", max: limit, low: limit * NEARLY, high: limit, optimum: "0", value: used, "aria-label": label });
  return entry(label, `${write(used)} of ${write(limit)} ${unit}`, meter, full ? h("b", { class: "full" }, "The limit is reached.") : null);
}

const entry = (label, text, meter = null, more = null) => h("li", {},
  h("p", { class: "label" }, label), h("p", { class: "amount" }, text, more ? " " : null, more), meter);
