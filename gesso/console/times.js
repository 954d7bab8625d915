// Times: how long ago, with the moment itself on pointing at it; durations that run.
import { now } from "./api.js";
import { h, say } from "./dom.js";

const STEPS = [[86_400, "day"], [3600, "hour"], [60, "min"], [1, "s"]];
const WORDS = new Intl.RelativeTimeFormat("en", { numeric: "auto" });

/** "0.4 s", "12 s", "3 min 5 s", "1 h 4 min" */
export function duration(seconds) {
  if (seconds < 0.05) return "under 0.1 s";
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const count = Math.round(seconds);
  if (count < 60) return `${count} s`;
  if (count < 3600) return joined(Math.floor(count / 60), "min", count % 60, "s");
  if (count < 86_400) return joined(Math.floor(count / 3600), "h", Math.floor((count % 3600) / 60), "min");
  return joined(Math.floor(count / 86_400), "d", Math.floor((count % 86_400) / 3600), "h");
}

const joined = (first, unit, second, smaller) => (second ? `${first} ${unit} ${second} ${smaller}` : `${first} ${unit}`);

export function relative(at) {
  const seconds = at - now();
  const size = Math.abs(seconds);
  if (size < 5) return "just now";
  const [step, unit] = STEPS.find(([each]) => size >= each);
  // What was made to end in 90 days ends in 90 days, also a moment later.
  const count = seconds > 0 ? Math.round(seconds / step) : Math.trunc(seconds / step);
  if (unit === "day" || unit === "hour") return WORDS.format(count, unit);
  return count < 0 ? `${-count} ${unit} ago` : `in ${count} ${unit}`;
}

const exact = (at) => new Date(at * 1000).toLocaleString("en", { dateStyle: "full", timeStyle: "medium" });

/** A moment, told relative to now, and kept true. */
export function when(at) {
  return h("time", { datetime: new Date(at * 1000).toISOString(), title: exact(at), "data-at": at }, relative(at));
}

/** How long something has been going on, and kept true. */
export function elapsed(since) {
  return h("time", { title: `since ${exact(since)}`, "data-since": since }, soFar(since));
}

function soFar(since) {
  const seconds = Math.max(0, Math.round(now() - since));
  return seconds < 10 ? `${seconds} s` : duration(seconds);
}

const living = new Set();

/** A text that is asked for anew each second, as long as it is shown. */
export function live(text) {
  const element = h("span", {}, text());
  living.add({ element, text });
  return element;
}

export function keepTrue() {
  setInterval(() => {
    if (document.hidden) return;
    for (const each of living) {
      if (each.element.isConnected) say(each.element, each.text());
      else living.delete(each);
    }
    for (const each of document.querySelectorAll("time[data-since]")) say(each, soFar(Number(each.dataset.since)));
    for (const each of document.querySelectorAll("time[data-at]")) say(each, relative(Number(each.dataset.at)));
  }, 1000);
}
