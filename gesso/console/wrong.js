// What is wrong, first: open alarms and what was found about engines, one entry for each that has something.
import { evidence, reasonOf, worded } from "./evidence.js";
import { fill, h, keyed } from "./dom.js";
import { live, relative, when } from "./times.js";

const BAD = ["failing", "wedged", "stopped-after-failures", "unknown"];
const RANK = { critical: 0, warning: 1, found: 2 };
const BADGES = { critical: ["failed", "Critical"], warning: ["warm", "Warning"], found: ["warm", "Found"] };

/** `show({ engines, alarms, cards })`; null: not known, or not yet. `asked`: when the last of them was told. */
export function wrongSection({ scope = null } = {}) {
  const list = h("ul", { class: "wrongs" });
  const calm = h("p", { class: "calm", hidden: true });
  const element = h("section", { class: "wrong-part", "aria-label": "What is wrong" }, list, calm);
  const draw = keyed(list, entry, (each) => each.subject);
  let at = null;
  let words = "";

  function show({ engines, alarms, cards, asked }) {
    if (!engines) return;
    at = asked;
    const entries = entriesOf(engines, alarms ?? [], cards ?? []).filter((each) => !scope || each.subject === scope);
    draw(entries);
    calm.hidden = entries.length > 0;
    const said = calmWords(engines, alarms);
    if (said === words) return;
    words = said;
    fill(calm, said, live(() => (at === null ? "" : ` Told by gesso ${relative(at)}.`)));
  }
  return { element, show };
}

function calmWords(engines, alarms) {
  const ready = engines.filter((each) => each.ready).length;
  const told = engines.length === 1 ? (ready ? "the engine is ready" : "the engine is not ready, on purpose") : `${ready} of ${engines.length} engines are ready`;
  return alarms ? `Nothing is wrong: no alarm is open, nothing was found, ${told}.` : `Nothing was found about the engines: ${told}. Whether an alarm is open is not known.`;
}

/** [{ subject, title, look, since, causes, engine, alarms }], the worst first, then the oldest. */
export function entriesOf(engines, alarms, cards) {
  const subjects = new Map();
  const entryOf = (subject) => {
    if (!subjects.has(subject)) subjects.set(subject, { subject, engine: null, alarms: [], findings: [] });
    return subjects.get(subject);
  };
  for (const alarm of alarms) entryOf(alarm.subject).alarms.push(alarm);
  for (const engine of engines) {
    const subject = `engine ${engine.name}`;
    if (!engine.findings.length && !BAD.includes(engine.state) && !subjects.has(subject)) continue;
    Object.assign(entryOf(subject), { engine, findings: engine.findings });
  }
  const all = [...subjects.values()].map((each) => ({ ...each, ...headOf(each, cards) }));
  return all.sort((one, other) => RANK[one.look] - RANK[other.look] || one.since - other.since || one.subject.localeCompare(other.subject));
}

function headOf({ subject, engine, alarms, findings }, cards) {
  if (alarms.length) {
    const worst = alarms.find((each) => each.severity === "critical") ?? alarms[0];
    return { look: worst.severity, since: worst.raised, title: worst.summary, now: latest(worst), name: nameOf(subject, cards) };
  }
  const title = findings.length ? `Engine ${engine.name}: ${findings[0].summary}.` : `Engine ${engine.name} is ${engine.state.replaceAll("-", " ")}.`;
  return { look: BAD.includes(engine.state) ? "warning" : "found", since: findings[0]?.at ?? engine.since, title, name: nameOf(subject, cards) };
}

/** What was seen last of an alarm, where that is something else than what raised it. */
export const latest = (alarm) => (alarm.now && alarm.now !== alarm.summary ? alarm.now : null);

/** "card GPU-…" by its name, where it is known. */
function nameOf(subject, cards) {
  const card = cards.find((each) => `card ${each.uuid}` === subject);
  return card ? `card ${card.name}` : subject;
}

function entry() {
  const badge = h("span", { class: "badge" });
  const title = h("h3");
  const about = h("p", { class: "words" });
  const causes = h("div", { class: "causes" });
  const element = h("li", { class: "wrong-entry" }, h("div", { class: "head" }, badge, title), about, causes);
  let drawn = "";
  return {
    element,
    update(told) {
      const version = JSON.stringify([told.title, told.now, told.look, told.since, told.name, told.findings, told.alarms, told.engine?.state, told.engine?.reason]);
      if (version === drawn) return;
      drawn = version;
      const [look, word] = BADGES[told.look];
      element.className = `wrong-entry is-${told.look}`;
      badge.className = `badge ${look}`;
      fill(badge, word);
      fill(title, told.title);
      const names = told.alarms.length ? told.alarms.map((each) => each.rule) : told.findings.slice(0, 1).map((each) => each.name);
      fill(about, told.engine ? h("a", { href: `#/engines/${encodeURIComponent(told.engine.name)}` }, told.name) : told.name, names.map((each) => [" · ", h("code", {}, each)]), " · since ", when(told.since), told.now ? ` · now: ${told.now}` : null);
      keepingFolds(causes, () => fill(causes, causesOf(told)));
    },
  };
}

/** Findings explain an engine's alarm; what has none is explained by its alarms, or by its state. */
function causesOf({ engine, alarms, findings }) {
  if (findings.length) {
    // Without an alarm the first one is the title.
    const whole = (each) => cause(h("code", {}, each.name), each.summary, each.evidence, each.remedy, each.at);
    return findings.map((each, index) => (index || alarms.length ? whole(each) : cause(null, null, each.evidence, each.remedy)));
  }
  const [words, lines] = engine ? reasonOf(engine) : ["", null];
  if (!alarms.length) return cause(null, words, lines, null);
  return alarms.map((each) => [
    alarms.length > 1 ? h("p", {}, each.summary) : null,
    cause(null, null, each.evidence ?? engine?.reason, each.remedy),
  ]);
}

function cause(name, words, seen, remedy, at = null) {
  return h("div", { class: "cause" },
    name || words ? h("p", {}, name, name ? " " : null, words, at === null ? null : [", found ", when(at)]) : null,
    remedy ? h("p", { class: "todo" }, h("b", {}, "What to do: "), worded(remedy)) : null,
    evidence(seen));
}

/** What somebody has opened or closed stays so, when the words in it change. */
function keepingFolds(place, change) {
  const before = [...place.querySelectorAll("details")].map((each) => each.open);
  change();
  [...place.querySelectorAll("details")].forEach((each, index) => { if (index in before) each.open = before[index]; });
}
