// A card's memory as a bar: what each engine holds, what others do, what nobody accounts for; and the same in words.
import { gib } from "./amounts.js";
import { h, s } from "./dom.js";

const HUES = 6;
const WIDE = 1000;

/** The bar and its legend; `hueOf(engine)`: a number that stays the engine's own. */
export function memoryBar(card, hueOf) {
  const { memory_used: used, memory_total: total } = card;
  if (used === null || total === null) {
    return h("div", { class: "memory" }, h("p", { class: "amount" }, "Memory ", h("b", {}, "not known"), total === null ? null : ` of ${gib(total)}`),
      s("svg", { class: "memory-bar unknown", "aria-hidden": "true" }));
  }
  const parts = partsOf(card, hueOf);
  const percent = total ? Math.round((100 * used) / total) : 0;
  const words = parts.map((each) => `${each.label} ${gib(each.size)}`).join(", ");
  return h("div", { class: "memory" },
    h("p", { class: "amount" }, "Memory ", h("b", {}, `${gib(used)} of ${gib(total)}`), ` · ${percent}\u202f%`),
    picture(parts, Math.max(total, used), `Memory: ${gib(used)} of ${gib(total)} in use${words ? `: ${words}` : ""}`),
    parts.length ? h("ul", { class: "legend" }, parts.map((each) => h("li", { class: each.look },
      s("svg", { class: "swatch", viewBox: "0 0 10 10", "aria-hidden": "true" }, s("rect", { width: 10, height: 10, rx: 2 })),
      `${each.label} `, h("b", {}, gib(each.size))))) : null);
}

function picture(parts, total, words) {
  const bar = s("svg", { class: "memory-bar", viewBox: `0 0 ${WIDE} 10`, preserveAspectRatio: "none", role: "img", "aria-label": words });
  let at = 0;
  for (const { size, look, label } of parts) {
    const width = (WIDE * size) / (total || 1);
    bar.append(s("rect", { class: look, x: at, y: 0, width, height: 10 }, s("title", {}, `${label}: ${gib(size)}`)));
    at += width;
  }
  return bar;
}

/** [{ label, size, look }] of what is in use, engines first. */
function partsOf(card, hueOf) {
  const sizes = new Map();
  for (const { whose, engine, memory } of card.processes ?? []) {
    const name = whose === "engine" ? `engine ${engine}` : whose;
    sizes.set(name, (sizes.get(name) ?? 0) + (memory ?? 0));
  }
  const engines = [...new Set((card.processes ?? []).filter((each) => each.whose === "engine").map((each) => each.engine))].sort();
  const told = [
    ...engines.map((engine) => ({ label: engine, size: sizes.get(`engine ${engine}`), look: `hue-${hueOf(engine) % HUES}` })),
    { label: "the desktop", size: sizes.get("desktop"), look: "desktop" },
    { label: "others", size: sizes.get("other"), look: "other" },
  ].filter((each) => each.size);
  const known = told.reduce((sum, each) => sum + each.size, 0);
  const rest = Math.max(0, card.memory_used - known);
  const label = card.mig ? "its instances" : card.remainder === null ? "not told whose" : "unaccounted for";
  // A thousandth of the card is seen by nobody.
  return rest > card.memory_total / 1000 ? [...told, { label, size: rest, look: "rest" }] : told;
}
