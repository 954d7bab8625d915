// One's drawings, the newest first: those under way, then those that have ended.
import { get } from "../api.js";
import { card, joined } from "../cards.js";
import { fill, further, h, keyed, problem } from "../dom.js";
import { isActive } from "../job_words.js";
import { Polling } from "../polling.js";

const PAGE = 24;
const ACTIVE = ["running", "queued"];
const ENDED = ["succeeded", "failed"];
const QUICK_MS = 2000;
const SLOW_MS = 15_000;

export const drawingAddress = (id) => `#/draw/${encodeURIComponent(id)}`;

/** `first(job | null)` hears once which drawing is the newest. */
export function drawings(first) {
  const trouble = h("div");
  const cards = h("ul", { class: "cards" });
  const older = further("Show older ones", showOlder);
  const element = h("section", { "aria-labelledby": "drawings", hidden: true }, h("h2", { id: "drawings" }, "Your drawings"), trouble, cards, older.element);
  const titles = new Map();
  const show = keyed(cards, (job) => {
    const made = card(job, drawingAddress(job.id));
    titles.set(job.id, made.title);
    point();
    return { ...made, stop: () => titles.delete(job.id) };
  });
  let active = [];
  let known = [];
  let page = null;
  let more = false;
  let told = false;
  let chosen = null;

  const polling = new Polling(async (signal) => {
    const [now, ended] = await Promise.all([
      get("jobs", { kind: "openai", state: ACTIVE, limit: PAGE }, signal),
      get("jobs", { kind: "openai", state: ENDED, limit: PAGE }, signal),
    ]);
    active = now.jobs;
    if (ended !== page) known = joined(ended, known);
    if (page === null || !ended.more) more = ended.more;
    page = ended;
    draw();
    if (!told) first(active.at(-1) ?? known[0] ?? null);
    told = true;
  }, {
    everyMs: () => (active.length ? QUICK_MS : SLOW_MS),
    onProblem: (error) => { element.hidden &&= !error; fill(trouble, error ? problem(error) : null); },
  });

  function draw() {
    const all = [...active.toReversed(), ...known.filter((job) => !isActive(job))];
    show(all);
    element.hidden = !all.length;
    older.offer(more);
  }

  async function showOlder() {
    const next = await get("jobs", { kind: "openai", state: ENDED, limit: PAGE, after: known.at(-1).id });
    known = [...known, ...next.jobs];
    more = next.more;
    draw();
  }

  function point() {
    for (const [id, title] of titles) {
      if (id === chosen) title.setAttribute("aria-current", "true");
      else title.removeAttribute("aria-current");
    }
  }

  return {
    element,
    soon: () => polling.soon(),
    choose(id) { chosen = id; point(); },
    stop: () => polling.stop(),
  };
}
