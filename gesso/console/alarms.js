// Alarms: what is open, what is over, whether those who should be told are, and a test of that.
import { get, post } from "./api.js";
import { seconds } from "./amounts.js";
import { evidence, worded } from "./evidence.js";
import { action, fill, h, keyed, notice, problem } from "./dom.js";
import { Polling } from "./polling.js";
import { table } from "./tables.js";
import { duration, when } from "./times.js";
import { latest } from "./wrong.js";

const OPEN_MS = 4000;
const ENDED_MS = 15_000;
const RULES_MS = 60_000;
const MOST = 100;
const LOOKS = { critical: "failed", warning: "warm" };
const WORDS = { critical: "Critical", warning: "Warning" };

const badge = (severity) => h("span", { class: `badge ${LOOKS[severity] ?? ""}` }, WORDS[severity] ?? severity);

export function alarmsView(me) {
  const whole = me.may("engines:control");
  const parts = [openPart(), ...(whole ? [toldPart(), endedPart(), rulesPart()] : [])];
  const element = h("div", {}, h("p", { class: "back" }, h("a", { href: "#/engines" }, "← Machine")), h("h1", { tabindex: "-1" }, "Alarms"),
    parts.map((each) => each.element));
  return { title: "Alarms", element, stop() { for (const each of parts) each.stop(); } };
}

/** A part that asks for itself, and says in its own place when it is not answered. */
function part({ id, title, tools = null, content, path, query = {}, everyMs, draw }) {
  const trouble = h("div");
  const element = h("section", { "aria-labelledby": id }, h("div", { class: "head" }, h("h2", { id }, title), tools), trouble, content);
  let drawn = "";
  const polling = new Polling(async (signal) => {
    const found = await get(path, query, signal);
    const version = JSON.stringify(found);
    if (version === drawn) return;
    drawn = version;
    draw(found);
  }, { everyMs: () => everyMs, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { element, stop: () => polling.stop() };
}

function openPart() {
  const list = h("ul", { class: "wrongs" });
  const calm = h("p", { class: "calm", hidden: true }, "No alarm is open.");
  const show = keyed(list, openAlarm);
  return part({ id: "open", title: "Open", content: [list, calm], path: "alerts", everyMs: OPEN_MS, draw({ alarms }) {
    show(alarms);
    calm.hidden = alarms.length > 0;
  } });
}

function openAlarm(first) {
  const title = h("h3");
  const state = h("span");
  const undelivered = h("div");
  const now = h("span");
  const element = h("li", { class: `wrong-entry is-${first.severity}` }, h("div", { class: "head" }, state, title),
    h("p", { class: "words" }, first.subject, " · ", h("code", {}, first.rule), " · raised ", when(first.raised), now),
    h("div", { class: "causes" }, h("div", { class: "cause" },
      first.remedy ? h("p", { class: "todo" }, h("b", {}, "What to do: "), worded(first.remedy)) : null, evidence(first.evidence))), undelivered);
  return {
    element,
    update(alarm) {
      fill(title, alarm.summary);
      fill(now, latest(alarm) ? ` · now: ${latest(alarm)}` : null);
      fill(state, badge(alarm.severity));
      element.className = `wrong-entry is-${alarm.severity}`;
      fill(undelivered, notDelivered(alarm));
    },
  };
}

function notDelivered({ undelivered }) {
  const failed = Object.entries(undelivered ?? {});
  return failed.length ? h("p", { class: "warning" }, "Not delivered to ", failed.map(([name, why], index) => [index ? "; " : null, h("b", {}, name), `: ${why}`])) : null;
}

function toldPart() {
  const list = h("ul", { class: "rows" });
  const results = h("ul", { class: "results", role: "status" });
  const test = action("Send a test", async () => {
    fill(results);
    const { tested } = await post("alerts/test");
    const failed = tested.filter((each) => !each.delivered).length;
    notice(failed ? `${failed} of ${tested.length} tests did not arrive.` : "Every address has taken its test.");
    fill(results, tested.map(({ name, delivered, why, seconds: took }) => h("li", { class: delivered ? "tested good" : "problem" },
      h("b", {}, name), delivered ? `: taken, in ${seconds(took)}` : `: ${why}`)));
  }, { place: results });
  test.hidden = true;
  const hint = h("p", { class: "hint", hidden: true }, "Nobody is told: no address is configured. ", h("code", {}, "[[alerts.notify]]"), " in ", h("code", {}, "gesso.toml"), " takes some.");
  return part({ id: "told", title: "Who is told", tools: test, content: [list, hint, results], path: "alerts/rules", everyMs: RULES_MS, draw({ addresses }) {
    const names = Object.entries(addresses);
    test.hidden = !names.length;
    hint.hidden = names.length > 0;
    fill(list, names.map(([name, least]) => h("li", { class: "row" }, h("p", { class: "title" }, name), h("p", { class: "words" }, least === "critical" ? "critical alarms only" : "every alarm"))));
  } });
}

function endedPart() {
  const lines = table({ name: "Alarms that are over", key: (alarm) => alarm.id, columns: [
    { label: "Raised", cell: (alarm) => when(alarm.raised) },
    { label: "Severity", cell: (alarm) => badge(alarm.severity) },
    { label: "What", cell: (alarm) => h("div", {}, alarm.summary, notDelivered(alarm)) },
    { label: "Rule", cell: (alarm) => h("code", {}, alarm.rule) },
    { label: "Lasted", number: true, cell: (alarm) => duration(alarm.ended - alarm.raised) },
    { label: "How it ended", cell: (alarm) => alarm.ending },
  ] });
  const place = h("div", { class: "sheet", hidden: true }, lines.element);
  const empty = h("p", { class: "hint", hidden: true }, "None was over in the last 90 days.");
  return part({ id: "ended", title: "Over", content: [place, empty], path: "alerts/ended", query: { limit: MOST }, everyMs: ENDED_MS, draw({ alarms }) {
    lines.show(alarms);
    place.hidden = !alarms.length;
    empty.hidden = alarms.length > 0;
  } });
}

function rulesPart() {
  const lines = table({ name: "Rules", key: (rule) => rule.name, columns: [
    { label: "Rule", cell: (rule) => h("code", {}, rule.name) },
    { label: "Raised when", cell: (rule) => rule.when },
    { label: "Over when", cell: (rule) => rule.ends },
    { label: "Severity", cell: (rule) => h("span", { class: "badges" }, rule.severities.map(badge)) },
  ] });
  return part({ id: "rules", title: "What is an alarm", content: h("div", { class: "sheet" }, lines.element), path: "alerts/rules", everyMs: RULES_MS,
    draw: ({ rules }) => lines.show(rules) });
}
