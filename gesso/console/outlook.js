// What awaits a job, in words: its place and when it starts, how far it is and how much is left. Unknown stays unsaid.
import { now } from "./api.js";
import { Events } from "./events.js";
import { h, say, url } from "./dom.js";

const MINUTES_FROM_S = 120;
const HOURS_FROM_S = 7200;

/** "2 jobs ahead, starts in about 40 s (25–70 s)", of what was told at the moment `at`; "" of what does not wait. */
export function placeWords(position, at) {
  if (!position?.place) return "";
  const ahead = position.ahead === 0 ? "next" : position.ahead === 1 ? "1 job ahead" : `${position.ahead} jobs ahead`;
  if (position.hindered) return `${ahead}; ${position.hindered}`;
  if (!position.starts_in_s) return ahead;
  const gone = now() - at;
  const left = later(position.starts_in_s, gone);
  return left.likely < 1 ? `${ahead}, starts any moment` : `${ahead}, starts in ${spread(left)}`;
}

/** "about 20 s left" of a job that runs; "" where it is not known. */
export function leftWords(job) {
  const takes = job.position?.takes_s;
  if (!takes || job.position.place || job.started === null) return "";
  const left = later(takes, now() - job.started);
  if (left.high <= 0) return "longer than usual";
  return left.likely < 1 ? "should end any moment" : `about ${amount(left.likely, left.likely)} left`;
}

const later = (seconds, gone) => ({
  low: Math.max(0, seconds.low - gone), likely: Math.max(0, seconds.likely - gone), high: Math.max(0, seconds.high - gone),
});

function spread({ low, likely, high }) {
  const about = amount(likely, high);
  const [from, to] = [amount(low, high), amount(high, high)];
  return from === to ? `about ${about}` : `about ${about} (${from.split(" ")[0]}–${to})`;
}

/** Coarse, as it is only likely; in the unit that fits `most`. */
function amount(seconds, most) {
  if (most < MINUTES_FROM_S) return `${seconds < 20 ? Math.round(seconds) : Math.round(seconds / 5) * 5} s`;
  return most < HOURS_FROM_S ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** How far a job is that runs, as its engine tells: a bar, and `said(progress)` in words. Begins to listen when told to. */
export function progressOf(id, said, on = {}) {
  const query = { previews: on.preview ? true : null };
  const bar = h("progress", { max: "1", value: "0", "aria-label": "How far it is" });
  const words = h("span");
  const element = h("div", { class: "progress", hidden: true }, bar, words);
  let events = null;
  function progress(told) {
    element.hidden = false;
    bar.value = told.fraction;
    say(words, said(told));
  }
  return {
    element,
    get heard() { return Boolean(events?.heard); },
    listen() { events ??= new Events(url(`jobs/${encodeURIComponent(id)}/events`, query), { ...on, progress }); },
    hide() { element.hidden = true; },
    stop() {
      events?.stop();
      events = null;
      element.hidden = true;
    },
  };
}
