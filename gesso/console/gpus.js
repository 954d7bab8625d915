// Cards: what each is at, who holds its memory, which engines are held to it, and what it does not tell.
import { gib } from "./amounts.js";
import { copyButton } from "./clipboard.js";
import { fill, h, keyed, say } from "./dom.js";
import { readings, remarks } from "./gpu_words.js";
import { memoryBar } from "./memory_bar.js";
import { when } from "./times.js";

const READERS = { nvml: "by NVML", "nvidia-smi": "by nvidia-smi", recorded: "from a recording" };

/** `show(gpus, engines)`: the answer of `/gesso/api/gpus`, and the names of all engines. */
export function gpuSection() {
  const about = h("p", { class: "hint" });
  const warning = h("p", { class: "warning", hidden: true });
  const list = h("ul", { class: "gpus" });
  const element = h("section", { "aria-labelledby": "gpus", hidden: true }, h("div", { class: "head" }, h("h2", { id: "gpus" }, "Cards"), about), warning, list);
  const draw = keyed(list, box, (each) => each.card.uuid);
  let words = "";

  function show(told, engines) {
    // A machine without cards, which nobody asks about, needs no section.
    element.hidden = !told.cards.length && told.reader === null;
    warning.hidden = !told.problem;
    say(warning, told.problem ? `Not all is known of the cards: ${told.problem.replace(/\.$/, "")}.` : "");
    const now = JSON.stringify([told.driver, told.cuda_driver, told.reader, told.at]);
    if (now !== words) {
      words = now;
      const facts = [["driver", told.driver], ["CUDA", told.cuda_driver], ["read", READERS[told.reader] ?? told.reader]].filter(([, value]) => value);
      fill(about, facts.map((each) => each.join(" ")).join(", "), told.at === null ? null : [facts.length ? ", " : null, when(told.at)]);
    }
    draw(told.cards.map((card) => ({ card, parent: told.cards.find((each) => each.uuid === card.parent)?.name ?? null, engines })));
  }
  return { element, show };
}

function box({ card: first }) {
  const title = h("h3");
  const memory = h("div");
  const facts = h("dl", { class: "readings" });
  const notes = h("ul", { class: "remarks" });
  const claims = h("p", { class: "words" });
  const summary = h("summary");
  const holders = h("ul", { class: "holders" });
  const processes = h("details", {}, summary, holders);
  const element = h("li", { class: "gpu" }, title,
    h("p", { class: "uuid" }, h("code", {}, first.uuid), copyButton(first.uuid, `the UUID of ${first.name}`)), memory, facts, notes, claims, processes);
  let drawn = "";
  return {
    element,
    update(told) {
      const version = JSON.stringify(told);
      if (version === drawn) return;
      drawn = version;
      const { card, parent, engines } = told;
      element.classList.toggle("part", card.parent !== null);
      fill(title, card.name, card.parent === null ? h("span", { class: "kind" }, ` NVML ${card.nvml_index}`) : null, card.lost ? h("span", { class: "badge failed" }, "Lost") : null);
      fill(memory, memoryBar(card, (engine) => Math.max(0, engines.indexOf(engine))));
      fill(facts, readings(card).map(([term, value, more]) => h("div", { class: value === "not known" ? "unknown" : null, title: more }, h("dt", {}, term), h("dd", {}, value))));
      fill(notes, parent ? h("li", {}, `A part of ${parent}, which has the other readings.`) : null,
        remarks(card).map(({ text, look }) => h("li", { class: look }, text)));
      fill(claims, card.claimed_by.length ? ["Held to it: ", card.claimed_by.map((name, index) => [index ? ", " : null, engineLink(name)])] : "No engine is held to it.");
      processes.hidden = !card.processes?.length;
      say(summary, card.processes?.length === 1 ? "1 process" : `${card.processes?.length} processes`);
      fill(holders, (card.processes ?? []).map(holder));
    },
  };
}

export const engineLink = (name) => h("a", { href: `#/engines/${encodeURIComponent(name)}` }, name);

function holder({ whose, engine, pid, memory, name, user, command }) {
  const kind = whose === "desktop" ? "the desktop" : "";
  const who = engine ? ["engine ", engineLink(engine)] : [user, kind].filter(Boolean).join(", ") || "somebody else's";
  return h("li", {}, h("span", { class: "size" }, memory === null ? "not told" : gib(memory)), h("span", {}, who, pid === null ? null : `, PID ${pid}`),
    command || name ? h("code", {}, command ?? name) : null);
}
