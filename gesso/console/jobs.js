// My jobs: what runs and waits, then what has ended as pictures, the newest first.
import { get, now, post } from "./api.js";
import { card, joined } from "./cards.js";
import { action, fill, further, h, keyed, notice, problem } from "./dom.js";
import { Events } from "./events.js";
import { badge, jobAddress, stateOf, timing, titleOf } from "./job_words.js";
import { progressOf } from "./outlook.js";
import { Polling } from "./polling.js";

const PAGE = 24;
const ACTIVE = ["running", "queued"];
const ENDED = ["succeeded", "failed", "cancelled"];
const QUICK_MS = 2000;
const SLOW_MS = 5000;
const HEARING_MS = 20_000;
// Of so many running jobs the progress is heard; each takes one of a browser's six connections.
const FOLLOWED = 2;

export function jobsView(me) {
  const trouble = h("div");
  const warning = h("p", { class: "warning", hidden: true });
  const nowRows = h("ul", { class: "rows" });
  const nowMore = further("Show more of what waits", () => { shown += 100; return polling.now(); });
  const nowPart = h("section", { "aria-labelledby": "now", hidden: true }, h("h2", { id: "now" }, "Now"), warning, nowRows, nowMore.element);
  const cards = h("ul", { class: "cards" });
  const older = further("Show older ones", showOlder);
  const earlier = h("section", { "aria-labelledby": "earlier", hidden: true }, h("h2", { id: "earlier" }, "Earlier"), cards, older.element);
  const empty = firstSteps();
  empty.hidden = true;
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "My jobs"), trouble, nowPart, earlier, empty);

  const showNow = keyed(nowRows, (job) => row(job, () => polling.now()));
  const showEnded = keyed(cards, (job) => card(job));
  let shown = PAGE;
  let known = [];
  let moreOlder = null;
  let seen = {};
  let asked = 0;
  let drawing = 0;
  const heard = new Map();

  async function look(signal) {
    asked = now();
    const [active, page] = await Promise.all([
      get("jobs", { state: ACTIVE, limit: shown }, signal),
      get("jobs", { state: ENDED, limit: PAGE }, signal),
    ]);
    await warn(active, signal);
    if (page !== seen.page) known = joined(page, known);
    if (moreOlder === null || !page.more) moreOlder = page.more;
    seen = { active, page };
    draw(active);
  }

  function draw(active) {
    const running = active.jobs.filter((job) => job.state === "running").length;
    const begun = active.jobs.filter((job) => job.state === "running" && !job.at_engine).slice(0, FOLLOWED);
    showNow(active.jobs.map((job, index) => ({ ...job, place: index - running, told: toldOf(job), followed: begun.includes(job) })));
    nowMore.offer(active.more);
    nowPart.hidden = !active.jobs.length;
    showEnded(known);
    earlier.hidden = !known.length;
    empty.hidden = Boolean(active.jobs.length || known.length);
    older.offer(moreOlder);
  }

  /** What was said last of where it stands, by the list, which may not know, or by the stream, which tells what is new. */
  function toldOf(job) {
    const later = heard.get(job.id);
    return later && (later.at > asked || !job.position) ? later : { position: job.position, at: asked };
  }

  function onPosition({ id, ...position }) {
    if (!seen.active?.jobs.some((job) => job.id === id)) return;
    heard.set(id, { position, at: now() });
    drawing ||= requestAnimationFrame(() => { drawing = 0; draw(seen.active); });
  }

  async function showOlder() {
    const page = await get("jobs", { state: ENDED, limit: PAGE, after: known.at(-1).id });
    known = [...known, ...page.jobs];
    moreOlder = page.more;
    draw(seen.active);
  }

  async function warn(active, signal) {
    const waits = active.jobs.length && active.jobs.every((job) => job.state === "queued");
    if (!waits || !me.may("engines:read")) {
      warning.hidden = true;
      return;
    }
    const { engines } = await get("engines", {}, signal);
    warning.hidden = engines.some((engine) => engine.ready);
    fill(warning, "No engine is ready at the moment. What waits here begins by itself when one is.");
  }

  const polling = new Polling(look, {
    everyMs: () => (seen.active?.jobs.length ? QUICK_MS : events.heard ? HEARING_MS : SLOW_MS),
    onProblem: (error) => fill(trouble, error ? problem(error) : null),
  });
  const events = new Events("events", { open: () => { heard.clear(); polling.soon(); }, job: () => polling.soon(), position: onPosition });
  return { title: "My jobs", element, stop() { polling.stop(); events.stop(); cancelAnimationFrame(drawing); showNow([]); } };
}

function row(first, lookAgain) {
  const state = h("div", { class: "state" });
  const title = h("a", { href: jobAddress(first), class: "title" }, titleOf(first));
  const words = h("p", { class: "words" });
  const problems = h("div");
  const cancel = action("Cancel", async () => {
    const job = await post(`jobs/${encodeURIComponent(first.id)}/cancel`);
    notice(job.state === "cancelled" ? "Cancelled. A job that had not begun is not kept in the list."
      : job.cancel_asked ? "Its engine is told to stop it." : `It had ended already: ${stateOf(job).word}.`);
    await lookAgain();
  }, { name: `Cancel: ${titleOf(first)}`, place: problems });
  const progress = progressOf(first.id, ({ fraction }) => `${Math.floor(fraction * 100)}\u202f%`);
  const element = h("li", { class: "row job" }, state, h("div", { class: "text" }, title, words, progress.element, problems), cancel);
  let drawn = "";
  let last = null;
  return {
    element,
    stop: () => progress.stop(),
    update(job) {
      last = job.told;
      const version = JSON.stringify({ ...job, position: null, told: null });
      if (job.followed) progress.listen();
      else progress.stop();
      if (version === drawn) return;
      drawn = version;
      fill(state, badge(job));
      fill(words, timing(job, () => last, job.state === "queued" ? job.place : null));
      cancel.hidden = job.cancel_asked;
    },
  };
}

function firstSteps() {
  return h("section", { class: "empty" },
    h("h2", {}, "No jobs yet"),
    h("p", {}, "Open ComfyUI, choose one of its workflows and press ", h("b", {}, "Run"), ": the job appears here, and then its pictures. Or say in a sentence what to draw."),
    h("p", { class: "tools" }, h("a", { class: "button", href: "/" }, "Open ComfyUI"), h("a", { class: "button quiet", href: "#/draw" }, "Draw")),
    h("p", { class: "hint" }, "From a script, it takes ", h("a", { href: "#/keys" }, "a key"),
      " and the address of this page: gesso answers everything that ComfyUI answers. ",
      h("a", { href: "/gesso/api/docs" }, "Its own API"), " is described, too."));
}
