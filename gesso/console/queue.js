// The queue of all, for administrators: who waits for what, since when. What they wrote and made is theirs.
import { get, now, post } from "./api.js";
import { confirm } from "./dialogs.js";
import { action, fill, further, h, keyed, notice, problem } from "./dom.js";
import { badge, timing, titleOf } from "./job_words.js";
import { Polling } from "./polling.js";

const EVERY_MS = 2000;
const STEP = 100;

export function queueView() {
  const trouble = h("div");
  const counts = h("p", { class: "lead" });
  const rows = h("ul", { class: "rows" });
  const more = further("Show more", () => { limit = Math.min(limit + STEP, 1000); return polling.now(); });
  const empty = h("p", { class: "empty", hidden: true }, "Nothing runs, and nobody waits.");
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "Queue of all users"), trouble, counts, rows, more.element, empty);
  const show = keyed(rows, (job) => row(job, () => polling.now()));
  let limit = STEP;
  let seen = null;

  const polling = new Polling(async (signal) => {
    const at = now();
    const found = await get("jobs", { all: true, state: ["running", "queued"], limit }, signal);
    const places = found.jobs.map((job) => ({ ...job, told: { position: job.position, at } }));
    show(places.sort((one, other) => placeOf(one) - placeOf(other)));
    if (found === seen) return;
    seen = found;
    const running = found.jobs.filter((job) => job.state === "running" && !job.at_engine).length;
    const people = new Set(found.jobs.map((job) => job.owner)).size;
    fill(counts, found.jobs.length
      ? `${running} ${running === 1 ? "runs" : "run"}, ${found.jobs.length - running}${found.more ? " and more" : ""} wait, of ${people} ${people === 1 ? "user" : "users"}. Users take turns: jobs stand in the order in which they are expected to start.` : null);
    empty.hidden = found.jobs.length > 0;
    more.offer(found.more);
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { title: "Queue", element, stop: () => polling.stop() };
}

/** Running ones first; last those that are so far back that their place is not certain. */
function placeOf(job) {
  if (job.state === "running" && !job.at_engine) return 0;
  return job.position?.place ?? Number.MAX_SAFE_INTEGER;
}

function row(first, lookAgain) {
  const state = h("div", { class: "state" });
  const words = h("p", { class: "words" });
  const cancel = action("Cancel", async () => {
    const done = await confirm({
      title: `Cancel this job of ${first.owner}?`, text: "It is stopped wherever it is. It is not run again.", yes: "Cancel the job",
      act: () => post(`jobs/${encodeURIComponent(first.id)}/cancel`),
    });
    if (!done) return;
    notice(`A job of ${first.owner} is cancelled.`);
    await lookAgain();
  }, { name: `Cancel the job of ${first.owner}: ${titleOf(first)}` });
  const element = h("li", { class: "row job" }, state,
    h("div", { class: "text" }, h("p", { class: "title" }, h("span", { class: "owner" }, first.owner), titleOf(first)), words), cancel);
  let drawn = "";
  let last = null;
  return {
    element,
    update(job) {
      last = job.told;
      const version = JSON.stringify({ ...job, position: null, told: null });
      if (version === drawn) return;
      drawn = version;
      fill(state, badge(job));
      fill(words, timing(job, () => last));
      cancel.hidden = job.cancel_asked;
    },
  };
}
