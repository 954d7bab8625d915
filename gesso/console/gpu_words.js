// What a card tells, in words: readings with their limits, and what is wrong or not known.

const THROTTLES = {
  applications_clocks_setting: "somebody has set its clocks lower",
  sw_power_cap: "it is at its power limit",
  hw_slowdown: "its hardware slows down: too hot, or too little power",
  sync_boost: "it keeps pace with other cards",
  sw_thermal_slowdown: "it is too hot",
  hw_thermal_slowdown: "its hardware slows down: it is far too hot",
  hw_power_brake_slowdown: "the power supply asks it to slow down",
  display_clock_setting: "the screen's clock holds it",
  board_limit: "it is at a limit of its board",
  reliability: "its voltage is at a limit",
};
// What somebody has set is no trouble.
const CALM = ["applications_clocks_setting", "sync_boost", "display_clock_setting"];
const READINGS = {
  memory_used: "memory", utilisation: "utilisation", temperature_c: "temperature", power_w: "power", clock_mhz: "clock",
  throttled_by: "throttle reasons", processes: "processes",
};
// A MIG instance has no more readings than these; the others are its card's.
const OF_INSTANCES = ["memory_used", "processes"];

/** [label, value, more?] of each reading that such a card has. */
export function readings(card) {
  if (card.parent !== null) return [];
  return [
    card.mig ? null : ["Utilisation", of(card.utilisation, null, "%")],
    ["Temperature", of(card.temperature_c, null, "°C")],
    ["Power", of(card.power_w, card.power_limit_w, "W")],
    ["Clock", of(card.clock_mhz, null, "MHz"), card.clock_limit_mhz === null ? null : `at most ${Math.round(card.clock_limit_mhz)} MHz`],
  ].filter(Boolean);
}

function of(value, limit, unit) {
  if (value === null) return "not known";
  return limit === null ? `${Math.round(value)}\u202f${unit}` : `${Math.round(value)} / ${Math.round(limit)}\u202f${unit}`;
}

/** [{ text, look }]: what is wrong ("bad", "warm") and what is only to be known (""), the worst first. */
export function remarks(card) {
  const told = [];
  if (card.lost) told.push({ look: "bad", text: `Lost: ${card.problems.join("; ") || "it does not answer any more"}. What else stands here is from before.` });
  if (card.xid) told.push({ look: "bad", text: `The driver reported Xid error ${card.xid}. The alarm about it says what that means.` });
  for (const reason of card.throttled_by ?? []) {
    told.push({ look: CALM.includes(reason) ? "" : "warm", text: `Clocks are lowered: ${THROTTLES[reason] ?? "for a reason without words here"} (${reason})` });
  }
  if (card.mig) told.push({ look: "", text: "Divided into MIG instances: CUDA takes one of these, not the card." });
  const silent = card.lost ? "" : missing(card);
  if (silent) told.push({ look: "", text: `Not known: ${silent}` });
  return told;
}

/** By reason: "power, clock (not supported); processes (no permission)" */
function missing(card) {
  const reasons = new Map();
  for (const each of card.problems) {
    const [what, ...rest] = each.split(": ");
    const reason = rest.join(": ");
    reasons.set(reason, [...(reasons.get(reason) ?? []), what]);
  }
  const told = [...reasons.values()].flat();
  const names = card.parent === null ? Object.keys(READINGS) : OF_INSTANCES;
  const silent = names.filter((name) => card[name] === null && !told.includes(READINGS[name]) && !(card.mig && name === "utilisation"));
  const parts = [...reasons].map(([reason, what]) => (reason ? `${what.join(", ")} (${reason})` : what.join(", ")));
  return [...parts, ...(silent.length ? [silent.map((name) => READINGS[name]).join(", ")] : [])].join("; ");
}
