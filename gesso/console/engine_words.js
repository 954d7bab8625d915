// An engine in words: its state and why, the card it is held to, whether it has shown that it works.
import { jobs } from "./amounts.js";
import { now } from "./api.js";
import { reasonOf } from "./evidence.js";
import { h } from "./dom.js";
import { duration, when } from "./times.js";

const LOOKS = { ready: "succeeded", busy: "running", stopped: "cancelled", starting: "waiting", alive: "waiting", unknown: "warm" };
const PROVEN = { yes: "seen there", no: "seen on another card", unknown: "not seen there yet" };
const NOT_KNOWN = "not known";

export function badges(engine) {
  const [look, words] = engine.asleep ? ["cancelled", "Asleep"] : [LOOKS[engine.state] ?? "failed", stateWords(engine.state)];
  return [
    h("span", { class: `badge ${look}` }, words),
    engine.draining ? h("span", { class: "badge warm" }, engine.drained ? "Drained" : "Draining") : null,
  ];
}

function stateWords(state) {
  const words = state.replaceAll("-", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** Why it is as it is; of one that drains, how far that is. */
export function reasonWords(engine) {
  const [words] = reasonOf(engine);
  if (!engine.draining) return words;
  if (!["ready", "busy"].includes(engine.state)) return `${words}; it is given no jobs until it is resumed`;
  if (engine.drained) return "Drained: it has nothing to do and is given nothing. It can be stopped now, or resumed.";
  const left = engine.jobs_left === null ? "it does not tell how many jobs it has" : `${jobs(engine.jobs_left)} left`;
  return `Draining: ${left}. It is given no more.`;
}

/** Nothing needs saying but that it is so. */
export const isCalm = (engine) => ["ready", "busy"].includes(engine.state) && !engine.draining;

/** In a row: what one wants to know of each engine, parted by dots; last what it is known from, where that is all. */
export function briefly(engine) {
  const parts = [
    [h("span", {}, "since "), when(engine.since)],
    engine.gpu && [h("span", { class: engine.gpu.proven === "no" ? "bad" : null, title: engine.gpu.evidence },
      `card ${engine.gpu.name ?? NOT_KNOWN}, ${PROVEN[engine.gpu.proven]}`)],
    functional(engine),
    engine.queue_remaining !== null && engine.queue_remaining > 0 && `${engine.queue_remaining} in its queue`,
    engine.restarts > 0 && (engine.restarts === 1 ? "1 restart" : `${engine.restarts} restarts`),
    engine.outdated && h("span", { class: "warm" }, "runs with older settings: restart it"),
    engine.external && "run by somebody else",
    isCalm(engine) && engine.reason,
  ];
  return parts.filter(Boolean).map((each, index) => [index ? " · " : null, each]);
}

function functional(engine) {
  if (engine.functional) return [engine.functional.how === "test" ? "made its test picture " : "made a picture ", when(engine.functional.at)];
  return engine.ready || engine.state === "busy" ? h("span", { class: "soft" }, "never seen to make a picture") : null;
}

/** [term, value, look?] of all that is known, for the engine's own page. */
export function allFacts(engine) {
  return [
    ["Since", when(engine.since)],
    ["Made a picture", engine.functional
      ? [when(engine.functional.at), engine.functional.how === "test" ? ": its test, " : ": a job, ", engine.functional.evidence] : "not since it came up, as far as gesso knows"],
    ["Card", engine.gpu ? [engine.gpu.name ?? NOT_KNOWN, `, ${PROVEN[engine.gpu.proven]}`, h("span", { class: "seen" }, engine.gpu.evidence)] : "any: it sees all cards"],
    ["Prompts it has", engine.queue_remaining === null ? NOT_KNOWN : String(engine.queue_remaining)],
    ["Restarts", String(engine.restarts)],
    ["A start takes", engine.started_s === null ? NOT_KNOWN : `usually ${duration(engine.started_s)}`],
    ["Nodes", engine.nodes === null ? NOT_KNOWN : String(engine.nodes)],
    ["Version", engine.version ?? NOT_KNOWN],
    engine.external ? ["Run by", "somebody else: gesso only watches it"] : ["Process", engine.pid === null ? "none" : String(engine.pid)],
    ["Address", h("code", {}, engine.url), "address"],
    engine.outdated && ["Settings", "older ones than the configuration has today: restart it"],
  ].filter(Boolean);
}

/** Of an engine that starts: a bar against what its starts usually take, kept true by whoever calls `tick`. */
export function startBar() {
  const bar = h("progress", { max: "1", "aria-label": "How far its start is" });
  const words = h("span");
  const element = h("div", { class: "progress", hidden: true }, bar, words);
  let begun = null;
  let usual = null;
  let phase = "";

  function tick() {
    if (element.hidden) return;
    const gone = Math.max(0, now() - begun);
    // Nearly there stays nearly there: only the engine says when it is.
    if (usual) bar.value = Math.min(gone / usual, 0.97);
    else bar.removeAttribute("value");
    const expected = usual === null ? "" : gone > usual ? `, usually ${duration(usual)}` : ` of usually ${duration(usual)}`;
    words.textContent = `${phase} · ${Math.round(gone)} s${expected}`;
  }
  return {
    element,
    tick,
    update(engine) {
      // Its state changes on the way: the start began when a phase was told first.
      const starts = engine.phase !== null && ["starting", "alive"].includes(engine.state);
      begun = starts ? begun ?? engine.since : null;
      element.hidden = !starts;
      usual = engine.started_s;
      phase = engine.phase ?? "";
      tick();
    },
  };
}
