// The levers of an engine, for those who may control engines; a question first where work can be lost.
import { post } from "./api.js";
import { confirm } from "./dialogs.js";
import { action, h, notice } from "./dom.js";
import { seconds } from "./amounts.js";
import { evidence } from "./evidence.js";

const stopped = (engine) => engine.state.startsWith("stopped");
const again = "The jobs it runs are run again";
// Whoever runs an engine starts and stops it; which jobs it is given, gesso decides.
const LEVERS = [
  { act: "test", label: "Test", fits: (engine) => ["ready", "busy"].includes(engine.state), anybodys: true },
  { act: "drain", label: "Drain", fits: (engine) => !engine.draining && !stopped(engine), anybodys: true,
    done: "finishes what it has, and is given no more" },
  { act: "resume", label: "Resume", fits: (engine) => engine.draining, anybodys: true, done: "is given jobs again" },
  { act: "start", label: "Start", fits: (engine) => stopped(engine) && !engine.asleep, done: "is started" },
  { act: "start", label: "Wake", fits: (engine) => engine.asleep, done: "is woken" },
  { act: "restart", label: "Restart", fits: (engine) => !stopped(engine), done: "is restarted",
    text: `It is stopped and started anew. ${again}.` },
  { act: "stop", label: "Stop", fits: (engine) => !stopped(engine) || engine.asleep, done: "is stopped",
    text: `It stays stopped until somebody starts it. ${again}, on another engine or when it is back.` },
];

/** { buttons, update(engine) }; what goes wrong, and what a test says, stands in `place`. */
export function leversOf(first, lookAgain, place) {
  const own = LEVERS.filter((lever) => lever.anybodys || !first.external);
  const levers = own.map((lever) => ({ ...lever, button: lever.act === "test" ? tester(first.name, lookAgain, place) : button(lever, first.name, lookAgain, place) }));
  return {
    buttons: levers.map((each) => each.button),
    update(engine) { for (const { button: each, fits } of levers) each.hidden = !fits(engine); },
  };
}

const path = (name, act) => `engines/${encodeURIComponent(name)}/${act}`;

function button(lever, name, lookAgain, place) {
  const act = () => post(path(name, lever.act));
  return action(lever.label, async () => {
    const done = lever.text ? await confirm({ title: `${lever.label} ${name}?`, text: lever.text, yes: lever.label, act }) : await act();
    if (!done) return;
    notice(`${name} ${lever.done}.`);
    await lookAgain();
  }, { danger: lever.act === "stop", name: `${lever.label} ${name}`, place });
}

/** It may have to wait for a job of somebody: what came of it is said when it is there. */
function tester(name, lookAgain, place) {
  let said = null;
  return action("Test", async () => {
    said?.remove();
    said = h("p", { class: "hint", role: "status" }, "It is to make a small picture; that waits for what it does now, 20 seconds at most …");
    place.append(said);
    try {
      const result = await post(path(name, "test"));
      const outcome = resultOf(name, result);
      said.replaceWith(outcome);
      said = outcome;
    } catch (error) {
      said.remove();
      throw error;
    }
    await lookAgain();
  }, { name: `Test ${name}`, place });
}

function resultOf(name, { ok, evidence: seen, took_s: took, steps }) {
  const close = h("button", { type: "button", class: "quiet small", "aria-label": `Close what the test of ${name} said`, onclick: () => said.remove() }, "Close");
  const words = { yes: `The test is passed, in ${seconds(took)}: it ${seen}.`, no: "The test is not passed.", unknown: `It could not be tested: ${seen}.` }[ok];
  const said = h("div", { class: `tested ${{ yes: "good", no: "problem", unknown: "warning" }[ok]}`, role: "status" },
    h("p", {}, words, " ", close),
    ok === "no" ? evidence(seen) : null,
    steps.length ? h("p", { class: "hint" }, steps.map((each) => `${each.name} after ${seconds(each.took_s)}`).join(", ")) : null);
  return said;
}
