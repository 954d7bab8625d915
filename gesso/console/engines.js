// Engines, for administrators: how each fares and why, and the levers.
import { get, post } from "./api.js";
import { jobs } from "./amounts.js";
import { confirm } from "./dialogs.js";
import { action, fill, h, keepingFocus, keyed, notice, problem, say } from "./dom.js";
import { engineLog } from "./engine_log.js";
import { Polling } from "./polling.js";
import { when } from "./times.js";

const EVERY_MS = 2000;
const LOOKS = { ready: "succeeded", busy: "running", stopped: "cancelled", starting: "waiting", alive: "waiting", unknown: "waiting" };
const stopped = (engine) => engine.state.startsWith("stopped");
// Whoever runs an engine starts and stops it; which jobs it is given, gesso decides.
const LEVERS = [
  { act: "drain", label: "Drain", fits: (engine) => !engine.draining && !stopped(engine), anybodys: true,
    done: "finishes what it has, and is given no more" },
  { act: "resume", label: "Resume", fits: (engine) => engine.draining, anybodys: true, done: "is given jobs again" },
  { act: "start", label: "Start", fits: stopped, done: "is started" },
  { act: "restart", label: "Restart", fits: (engine) => !stopped(engine), done: "is restarted",
    text: "It is stopped and started anew. The jobs it runs are run again." },
  { act: "stop", label: "Stop", fits: (engine) => !stopped(engine), done: "is stopped",
    text: "It stays stopped until somebody starts it. The jobs it runs are run again, on another engine or when it is back." },
];

export function enginesView() {
  const trouble = h("div");
  const rows = h("ul", { class: "rows" });
  const empty = h("p", { class: "empty", hidden: true }, "The configuration names no engine.");
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "Engines"), trouble, rows, empty);
  const show = keyed(rows, (engine) => panel(engine, () => polling.now(), true), (engine) => engine.name);
  const polling = new Polling(async (signal) => {
    const { engines } = await get("engines", {}, signal);
    show(engines);
    empty.hidden = engines.length > 0;
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { title: "Engines", element, stop: () => polling.stop() };
}

export function engineView(me, name) {
  const trouble = h("div");
  const rows = h("ul", { class: "rows" });
  const below = h("div");
  const element = h("div", {}, h("p", { class: "back" }, h("a", { href: "#/engines" }, "← Engines")),
    h("h1", { tabindex: "-1" }, name), trouble, rows, below);
  const show = keyed(rows, (engine) => panel(engine, () => polling.now(), false), (engine) => engine.name);
  let log = null;
  const polling = new Polling(async (signal) => {
    const engine = await get(`engines/${encodeURIComponent(name)}`, {}, signal);
    show([engine]);
    if (!log && !engine.external) {
      log = engineLog(name);
      fill(below, log.element);
    }
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { title: name, element, stop() { polling.stop(); log?.stop(); } };
}

function panel(first, lookAgain, linked) {
  const state = h("div", { class: "state" });
  const reason = h("p", { class: "reason" });
  const facts = h("dl", { class: "facts" });
  const trouble = h("div");
  const levers = LEVERS.filter((lever) => lever.anybodys || !first.external).map((lever) => ({ ...lever, button: leverOf(lever, first.name, lookAgain, trouble) }));
  const log = linked && !first.external
    ? h("a", { class: "button quiet", href: `#/engines/${encodeURIComponent(first.name)}` }, "Log") : null;
  const element = h("li", { class: "row engine" }, state,
    h("div", { class: "text" }, h("p", { class: "title" }, linked ? `${first.name} ` : null, h("span", { class: "kind" }, first.kind)), reason, facts, trouble),
    h("div", { class: "tools" }, log, levers.map(({ button }) => button)));
  let drawn = null;
  return {
    element,
    update(engine) {
      if (engine === drawn || JSON.stringify(engine) === JSON.stringify(drawn)) return;
      drawn = engine;
      fill(state, h("span", { class: `badge ${LOOKS[engine.state] ?? "failed"}` }, stateWords(engine.state)),
        engine.draining ? h("span", { class: "badge warm" }, engine.drained ? "Drained" : "Draining") : null);
      say(reason, reasonWords(engine));
      fill(facts, factsOf(engine));
      keepingFocus(element, () => { for (const { button, fits } of levers) button.hidden = !fits(engine); });
    },
  };
}

/** Why it is as it is; of one that drains, how far that is. */
function reasonWords(engine) {
  if (!engine.draining) return engine.reason;
  if (!["ready", "busy"].includes(engine.state)) return `${engine.reason}; it is given no jobs until it is resumed`;
  if (engine.drained) return "Drained: it has nothing to do and is given nothing. It can be stopped now, or resumed.";
  const left = engine.jobs_left === null ? "it does not tell how many jobs it has" : `${jobs(engine.jobs_left)} left`;
  return `Draining: ${left}. It is given no more.`;
}

function stateWords(state) {
  const words = state.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

function leverOf(lever, name, lookAgain, trouble) {
  const act = () => post(`engines/${encodeURIComponent(name)}/${lever.act}`);
  return action(lever.label, async () => {
    const done = lever.text ? await confirm({ title: `${lever.label} ${name}?`, text: lever.text, yes: lever.label, act }) : await act();
    if (!done) return;
    notice(`${name} ${lever.done}.`);
    await lookAgain();
  }, { danger: lever.act === "stop", name: `${lever.label} ${name}`, place: trouble });
}

function factsOf(engine) {
  const rows = [
    ["Since", when(engine.since)],
    ["Restarts", String(engine.restarts)],
    ["Prompts it has", engine.queue_remaining === null ? "not known" : String(engine.queue_remaining)],
    ["Nodes", engine.nodes === null ? "not known" : String(engine.nodes)],
    ["Version", engine.version ?? "not known"],
    ["Address", h("code", {}, engine.url), "address"],
    engine.external ? ["Run by", "somebody else: gesso only watches it"] : ["Process", engine.pid === null ? "none" : String(engine.pid)],
  ];
  return rows.map(([term, value, look]) => h("div", { class: look }, h("dt", {}, term), h("dd", {}, value)));
}
