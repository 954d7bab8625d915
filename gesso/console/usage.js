// What everybody used in a time, for administrators.
import { get } from "./api.js";
import { bytes, count, jobs, seconds } from "./amounts.js";
import { select } from "./dialogs.js";
import { fill, h, problem, say, url } from "./dom.js";
import { Polling } from "./polling.js";
import { table } from "./tables.js";

const EVERY_MS = 30_000;
const TIMES = { "24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days", "365d": "the last year" };
const BY = { user: "User", engine: "Engine", day: "Day" };
const NUMBERS = [
  ["jobs", "Jobs", count], ["succeeded", "Done", count], ["failed", "Failed", count], ["cancelled", "Cancelled", count],
  ["gpu_seconds", "Engine time", seconds], ["storage", "Storage", bytes],
];

export function usageView() {
  const trouble = h("div");
  const by = select("by", { user: "by user", engine: "by engine", day: "by day (UTC)" }, "user");
  const since = select("since", TIMES, "30d");
  const csv = h("a", { class: "button quiet", download: "usage.csv" }, "Download CSV");
  const sums = h("p", { class: "lead" });
  const place = h("div", { class: "sheet" });
  const empty = h("p", { class: "empty", hidden: true }, "No job has ended in this time, and nothing is stored. Choose a longer one.");
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "Usage of all users"),
    h("form", { class: "filters", role: "search" }, labelled("Rows", by), labelled("Time", since), csv), trouble, sums, place, empty);
  const query = () => ({ by: by.value, since: since.value, all: true });
  let shown = null;

  const polling = new Polling(async (signal) => {
    const asked = query();
    csv.href = url("/gesso/api/usage", { ...asked, format: "csv" });
    const { rows } = await get("usage", asked, signal);
    if (shown?.by !== asked.by) {
      shown = { by: asked.by, table: rowsBy(asked.by) };
      fill(place, shown.table.element);
    }
    shown.table.show(rows);
    const all = (name) => rows.reduce((sum, row) => sum + row[name], 0);
    say(sums, rows.length ? `In all ${seconds(all("gpu_seconds"))} of engine time, for ${jobs(all("jobs"))}.` : "");
    place.hidden = !rows.length;
    csv.hidden = !rows.length;
    empty.hidden = rows.length > 0;
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  for (const each of [by, since]) each.addEventListener("change", () => polling.now());
  element.querySelector("form").addEventListener("submit", (event) => event.preventDefault());
  return { title: "Usage", element, stop: () => polling.stop() };
}

function rowsBy(by) {
  const days = by === "day";
  return table({
    name: `Usage by ${by}`,
    key: (row) => row.key,
    sorted: days ? { index: 0, down: true } : { index: 5, down: true },
    columns: [
      { label: BY[by], by: (row) => row.key, cell: (row) => row.key || "none: never came to one" },
      ...NUMBERS.map(([name, label, write]) => ({ label: name === "storage" && by === "user" ? "Storage now" : label,
        number: true, by: (row) => row[name], cell: (row) => write(row[name]) })),
    ],
  });
}

export function labelled(label, input) {
  input.id = `filter-${input.getAttribute("name")}`;
  return h("div", {}, h("label", { for: input.id }, label), input);
}
