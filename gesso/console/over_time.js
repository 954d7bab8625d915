// Cards and jobs over the last hour, day or week, for those who may read what was measured.
import { get, now } from "./api.js";
import { count, gib } from "./amounts.js";
import { lineChart, range, spread } from "./charts.js";
import { fill, h, keyed, problem, say, url } from "./dom.js";
import { Polling } from "./polling.js";

// In each about a hundred points.
const TIMES = {
  hour: { label: "Hour", since: "1h", lengthS: 3600, everyS: 60, againMs: 15_000 },
  day: { label: "Day", since: "24h", lengthS: 86_400, everyS: 900, againMs: 60_000 },
  week: { label: "Week", since: "7d", lengthS: 604_800, everyS: 3600, againMs: 300_000 },
};
const SERIES = ["gpu.*.utilisation", "gpu.*.memory", "gpu.*.temperature", "queue.queued", "queue.running", "queue.succeeded", "queue.failed"];
const JOBS = "queue";

const whole = (unit) => (value) => `${Math.round(value)}\u202f${unit}`;
const said = (write) => (points) => {
  const { min, avg, max } = spread(points);
  return write(min) === write(max) ? write(avg) : `${write(avg)} on average, ${write(min)} to ${write(max)}`;
};
const tenths = (value) => count(Math.round(value * 10) / 10);
// In a small place, whole ones where there are many.
const memory = (size) => gib(size >= 10 * 2 ** 30 ? Math.round(size / 2 ** 30) * 2 ** 30 : size);
const CARD = [
  { name: "utilisation", label: "Utilisation", write: whole("%"), most: () => 100 },
  { name: "memory", label: "Memory", write: memory, most: (card) => card.memory_total ?? null },
  { name: "temperature", label: "Temperature", write: whole("°C"), most: () => 100 },
];
const QUEUE = [
  { name: "queued", label: "Waiting", write: tenths, most: () => null },
  { name: "running", label: "Running", write: tenths, most: () => null },
  { name: "succeeded", label: "Done", write: tenths, most: () => null, counts: true },
  { name: "failed", label: "Failed", write: tenths, most: () => null, counts: true },
];

export function overTime() {
  const trouble = h("div");
  const rows = h("div", { class: "sheet over" });
  const csv = h("a", { class: "button quiet small", download: "samples.csv" }, "Download CSV");
  const choice = h("fieldset", { class: "segments" }, h("legend", { class: "unseen" }, "How long"),
    Object.entries(TIMES).map(([name, { label }]) => h("label", {},
      h("input", { type: "radio", name: "time", value: name, checked: name === "hour", onchange: () => choose(name) }), h("span", {}, label))));
  const element = h("section", { "aria-labelledby": "over-time", hidden: true },
    h("div", { class: "head" }, h("h2", { id: "over-time" }, "Over time"), h("div", { class: "tools" }, choice, csv)), trouble, rows,
    h("p", { class: "hint" }, "Lines are averages, bands reach from the least to the greatest; where there is a gap, nothing is known."));
  const show = keyed(rows, (each) => row(each), (each) => each.source);
  let time = TIMES.hour;
  let cards = null;
  let frame = null;
  let samples = [];

  const polling = new Polling(async (signal) => {
    const asked = time;
    const until = now();
    const from = until - asked.lengthS;
    // The last span was not over yet: from there on it is asked for again.
    const again = samples.length ? samples.at(-1).at : from;
    const found = await get("samples", { since: new Date(again * 1000).toISOString(), series: SERIES, every_s: asked.everyS }, signal);
    if (asked !== time) return;
    samples = [...samples.filter((each) => each.at < again && each.at + each.span_s > from), ...found.samples];
    frame = { from, until, everyS: asked.everyS };
    draw();
  }, {
    everyMs: () => time.againMs,
    onProblem: (error) => {
      fill(trouble, error && error.status !== 404 ? problem(error) : null);
      element.hidden = error?.status === 404;
    },
  });

  function choose(name) {
    time = TIMES[name];
    samples = [];
    csv.href = url("/gesso/api/samples", { since: time.since, format: "csv" });
    polling.now();
  }

  function titleOf(card) {
    return cards.filter((each) => each.name === card.name).length > 1 ? `${card.name}, NVML ${card.nvml_index}` : card.name;
  }

  function draw() {
    // Without its cards' names nobody knows what is what.
    if (!cards || !frame) return;
    element.hidden = false;
    const known = new Map(cards.map((card) => [`gpu.${card.uuid}`, card]));
    const gone = [...new Set(samples.map((each) => each.source))].filter((source) => source !== JOBS && !known.has(source));
    const sources = [...known.keys(), ...gone, JOBS];
    show(sources.map((source) => ({
      source, frame, card: known.get(source) ?? {},
      title: source === JOBS ? "Jobs" : known.has(source) ? titleOf(known.get(source)) : `${source.slice("gpu.".length)}, which is not there now`,
      samples: samples.filter((each) => each.source === source),
    })));
  }

  csv.href = url("/gesso/api/samples", { since: time.since, format: "csv" });
  return {
    element,
    cards(told) {
      const changed = JSON.stringify(told.map(nameOf)) !== JSON.stringify(cards?.map(nameOf));
      cards = told;
      if (changed) draw();
    },
    stop: () => polling.stop(),
  };
}

const nameOf = (card) => [card.uuid, card.name];

function row(first) {
  const readings = first.source === JOBS ? QUEUE : CARD;
  const charts = readings.map(({ label, write, counts }) => lineChart({
    name: label, write, sums: counts ? added : (points) => range(spread(points), write), said: counts ? added : said(write),
  }));
  const title = h("h3");
  const element = h("div", { class: first.source === JOBS ? "series jobs" : "series" }, title,
    h("div", { class: "charts" }, charts.map((each) => each.element)));
  return {
    element,
    update({ frame, card, title: words, samples }) {
      say(title, words);
      readings.forEach(({ name, most, counts }, index) => {
        const points = samples.filter((each) => each.name === name).map((each) => pointOf(each, counts));
        charts[index].show({ ...frame, points, most: most(card) });
      });
    },
  };
}

function pointOf({ at, span_s: spanS, min, avg, max, n }, counts) {
  const sum = Math.round(avg * n);
  return counts ? { at, spanS, n, min: sum, avg: sum, max: sum } : { at, spanS, n, min, avg, max };
}

const added = (points) => `${count(points.reduce((sum, each) => sum + each.avg, 0))} in all`;
