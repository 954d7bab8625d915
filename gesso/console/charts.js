// One reading over time as a small picture: its average as a line, from least to greatest as a band, gaps where nothing is known.
import { fill, h, s, say } from "./dom.js";
import { duration } from "./times.js";

const MOMENT = { weekday: "short", hour: "2-digit", minute: "2-digit", hourCycle: "h23" };
const [WIDE, HIGH] = [1000, 100];
let count = 0;

/**
 * `write(value)`: a value in words; `sums(points)`: all of them in few words, `said(points)`: in whole ones.
 * `show({ points, from, until, everyS, most })`: points are [{ at, min, avg, max }] of spans of `everyS`, the oldest first;
 * `most` is the top of the scale (null: the greatest there is).
 */
export function lineChart({ name, write, sums, said }) {
  const id = `chart-${count += 1}`;
  const title = s("title", { id });
  const band = s("path", { class: "band" });
  const line = s("path", { class: "line" });
  const cursor = s("path", { class: "cursor" });
  const picture = s("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-labelledby": id }, title, band, line, cursor);
  const told = h("span", { class: "told" });
  const scale = h("span", { "aria-hidden": "true" });
  const element = h("figure", { class: "chart" },
    h("figcaption", {}, h("span", { class: "label" }, name, scale), told), h("div", { class: "plot" }, picture));
  let shown = null;

  function show(data) {
    const most = data.most ?? Math.max(1, ...data.points.map((each) => each.max));
    shown = { ...data, most, runs: runsOf(data.points) };
    band.setAttribute("d", shown.runs.map((run) => area(run, shown)).join(""));
    line.setAttribute("d", shown.runs.map((run) => path(corners(run, "avg", shown))).join(""));
    say(scale, data.points.length ? `, 0 to ${write(most)}` : "");
    element.classList.toggle("unknown", !data.points.length);
    say(title, `${name}: ${inWords(shown)}`);
    rest();
  }

  function rest() {
    cursor.setAttribute("d", "");
    say(told, shown.points.length ? sums(shown.points) : "not known");
  }

  function point({ clientX }) {
    if (!shown) return;
    const { left, width } = picture.getBoundingClientRect();
    const at = shown.from + ((clientX - left) / width) * (shown.until - shown.from);
    const found = shown.points.find((each) => each.at <= at && at < each.at + each.spanS);
    const place = x(at, shown);
    cursor.setAttribute("d", `M${place} 0V${HIGH}`);
    const moment = new Date(at * 1000).toLocaleString("en", MOMENT);
    say(told, found ? `${moment}: ${range(found, write)}` : `${moment}: not known`);
  }

  const inWords = ({ points, from, until, everyS }) => {
    if (!points.length) return "not known";
    const silent = Math.max(0, until - from - points.reduce((sum, each) => sum + each.spanS, 0));
    return `${said(points)}${silent > 2 * everyS ? `; not known for ${duration(silent)} of ${duration(until - from)}` : ""}`;
  };
  picture.addEventListener("pointermove", point);
  picture.addEventListener("pointerleave", () => shown && rest());
  fill(title, name);
  return { element, show };
}

/** "76 °C", "76 °C (71–79)" */
export function range({ min, avg, max }, write) {
  const [least, most] = [write(min), write(max)];
  return least === most ? write(avg) : `${write(avg)} (${bare(least)}–${bare(most)})`;
}

const bare = (words) => words.replace(/[\s\u202f]\D+$/, "");

/** Average, least and greatest of all points together. */
export function spread(points) {
  const n = points.reduce((sum, each) => sum + each.n, 0);
  return {
    min: Math.min(...points.map((each) => each.min)),
    avg: points.reduce((sum, each) => sum + each.avg * each.n, 0) / n,
    max: Math.max(...points.map((each) => each.max)),
  };
}

/** What follows each other without a gap. */
function runsOf(points) {
  const runs = [];
  for (const each of points) {
    const last = runs.at(-1)?.at(-1);
    if (last && each.at - last.at < 1.5 * last.spanS) runs.at(-1).push(each);
    else runs.push([each]);
  }
  return runs;
}

const round = (number) => Math.round(number * 10) / 10;
const x = (at, { from, until }) => round((WIDE * Math.min(Math.max(at - from, 0), until - from)) / (until - from));
// A little room, so that a line at the top or the bottom is seen whole.
const y = (value, { most }) => round(HIGH - 3 - ((HIGH - 6) * Math.min(value, most)) / (most || 1));

/** From the begin of the first span to the end of the last: one that stands alone is seen, too. */
function corners(run, which, shown) {
  const [first, last] = [run[0], run.at(-1)];
  return [
    [x(first.at, shown), y(first[which], shown)],
    ...run.map((each) => [x(each.at + each.spanS / 2, shown), y(each[which], shown)]),
    [x(last.at + last.spanS, shown), y(last[which], shown)],
  ];
}

const path = (places) => `M${places.map((each) => each.join(" ")).join("L")}`;
const area = (run, shown) => `${path([...corners(run, "max", shown), ...corners(run, "min", shown).reverse()])}Z`;
