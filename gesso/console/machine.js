// The machine: what is wrong first, then engines, cards, and how all of it went.
import { get, now } from "./api.js";
import { fill, h, problem } from "./dom.js";
import { engineSection } from "./engines.js";
import { gpuSection } from "./gpus.js";
import { overTime } from "./over_time.js";
import { Polling } from "./polling.js";
import { wrongSection } from "./wrong.js";

const ENGINES_MS = 2000;
const ALARMS_MS = 4000;
const CARDS_MS = 4000;

/** Each part asks for itself: where one is not answered, it says so, and the others go on. */
export function machineView(me) {
  const wrong = wrongSection();
  const engines = engineSection(me, () => asking[0].now());
  const gpus = gpuSection();
  const charts = me.may("monitoring:read") ? overTime() : null;
  const troubles = [h("div"), h("div"), h("div")];
  const more = h("p", { class: "more-alarms", hidden: true }, h("a", { href: "#/alarms" }, "All alarms, and who is told of them"));
  const element = h("div", { class: "machine" },
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Machine"), more),
    troubles[0], troubles[1], wrong.element, engines.element, troubles[2], gpus.element, charts?.element);
  const seen = { engines: null, alarms: null, cards: null, asked: null };

  const asks = [
    { path: "engines", everyMs: ENGINES_MS, draw(found) {
      Object.assign(seen, { engines: found.engines, asked: now() });
      engines.show(found.engines);
    } },
    { path: "alerts", everyMs: ALARMS_MS, draw(found) {
      seen.alarms = found.alarms;
      more.hidden = false;
    }, failed() { seen.alarms = null; } },
    { path: "gpus", everyMs: CARDS_MS, draw(found) {
      seen.cards = found.cards;
      charts?.cards(found.cards);
      gpus.show(found, (seen.engines ?? []).map((each) => each.name));
    }, failed() { if (!seen.cards) charts?.cards([]); } },
  ];
  const asking = asks.map(({ path, everyMs, draw, failed }, index) => new Polling(async (signal) => {
    draw(await get(path, {}, signal));
    wrong.show(seen);
  }, {
    everyMs: () => everyMs,
    onProblem(error) {
      // A gesso without this part has nothing wrong with it.
      fill(troubles[index], error && error.status !== 404 ? problem(error) : null);
      if (error) failed?.();
      wrong.show(seen);
    },
  }));

  return {
    title: "Machine",
    element,
    stop() {
      for (const each of asking) each.stop();
      charts?.stop();
      engines.stop();
    },
  };
}
