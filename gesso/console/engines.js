// Engines: how each fares and why, and its levers; and the page of one, with its log.
import { get, now } from "./api.js";
import { fill, h, keepingFocus, keyed, problem, say } from "./dom.js";
import { engineLog } from "./engine_log.js";
import { allFacts, badges, briefly, isCalm, reasonWords, startBar } from "./engine_words.js";
import { evidence, reasonOf } from "./evidence.js";
import { leversOf } from "./levers.js";
import { Polling } from "./polling.js";
import { wrongSection } from "./wrong.js";

const EVERY_MS = 2000;

/** `show(engines)` draws; `lookAgain()` is called when a lever was pulled. */
export function engineSection(me, lookAgain) {
  const rows = h("ul", { class: "rows engines" });
  const empty = h("p", { class: "empty", hidden: true }, "The configuration names no engine.");
  const element = h("section", { "aria-labelledby": "engines" }, h("h2", { id: "engines" }, "Engines"), rows, empty);
  const draw = keyed(rows, (engine) => panel(me, engine, lookAgain, true), (engine) => engine.name);
  return {
    element,
    show(engines) {
      draw(engines);
      empty.hidden = engines.length > 0;
    },
    stop: () => draw([]),
  };
}

export function engineView(me, name) {
  const trouble = h("div");
  const rows = h("ul", { class: "rows" });
  const below = h("div");
  const wrong = wrongSection({ scope: `engine ${name}` });
  const element = h("div", {}, h("p", { class: "back" }, h("a", { href: "#/engines" }, "← Machine")),
    h("h1", { tabindex: "-1" }, name), trouble, wrong.element, rows, below);
  const draw = keyed(rows, (engine) => panel(me, engine, () => polling.now(), false), (engine) => engine.name);
  let log = null;
  const polling = new Polling(async (signal) => {
    const [engine, alarms] = await Promise.all([get(`engines/${encodeURIComponent(name)}`, {}, signal), alarmsOf(signal)]);
    draw([engine]);
    wrong.show({ engines: [engine], alarms, cards: [], asked: now() });
    if (!log && !engine.external && me.may("engines:control")) {
      log = engineLog(name);
      fill(below, log.element);
    }
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { title: name, element, stop() { polling.stop(); log?.stop(); draw([]); } };
}

/** Without them the page says less, and stays. */
async function alarmsOf(signal) {
  try {
    return (await get("alerts", {}, signal)).alarms;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    return null;
  }
}

function panel(me, first, lookAgain, brief) {
  const state = h("div", { class: "state" });
  const found = h("span");
  const reason = h("p", { class: "reason" });
  const quoted = h("div");
  const start = startBar();
  const facts = brief ? h("p", { class: "words" }) : h("dl", { class: "facts" });
  const trouble = h("div");
  const page = `#/engines/${encodeURIComponent(first.name)}`;
  const levers = me.may("engines:control") ? leversOf(first, lookAgain, trouble) : null;
  const log = brief && levers && !first.external ? h("a", { class: "button quiet", href: page, "aria-label": `Log of ${first.name}` }, "Log") : null;
  const title = h("p", { class: "title" }, brief ? [h("a", { href: page }, first.name), " "] : null, h("span", { class: "kind" }, first.kind), found);
  const element = h("li", { class: brief ? "row engine brief" : "row engine" }, state,
    h("div", { class: "text" }, title, reason, quoted, start.element, facts, trouble),
    levers ? h("div", { class: "tools" }, log, levers.buttons) : null);
  const timer = setInterval(start.tick, 1000);
  let drawn = null;
  return {
    element,
    stop: () => clearInterval(timer),
    update(engine) {
      if (engine === drawn || JSON.stringify(engine) === JSON.stringify(drawn)) return;
      const quotes = reasonOf(engine)[1];
      if (!brief && quotes !== (drawn && reasonOf(drawn)[1])) fill(quoted, evidence(quotes, "Last lines of its log"));
      drawn = engine;
      fill(state, badges(engine));
      reason.hidden = brief && isCalm(engine);
      say(reason, reasonWords(engine));
      fill(found, engine.findings.map((each) => h("span", { class: "badge warm", title: each.summary }, each.name)));
      start.update(engine);
      if (brief) fill(facts, briefly(engine));
      else fill(facts, allFacts(engine).map(([term, value, look]) => h("div", { class: look }, h("dt", {}, term), h("dd", {}, value))));
      if (levers) keepingFocus(element, () => levers.update(engine), { opposite: true });
    },
  };
}
