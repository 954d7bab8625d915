// Draw: what to draw, the picture as it comes, and what was drawn before.
import { get } from "../api.js";
import { fill, h, problem } from "../dom.js";
import { Polling } from "../polling.js";
import { drawForm } from "./form.js";
import { drawings, drawingAddress } from "./history.js";
import { stage } from "./stage.js";

const WAITING_MS = 3000;
const SLOW_MS = 60_000;
const EXAMPLES = ["a big red heart left of a small blue star", "a yellow moon on a night background", "a purple star above an orange circle"];

export function drawView(me, id = null) {
  const trouble = h("div");
  const place = h("div", { class: "place" }, welcome());
  const history = drawings((newest) => { if (newest && !open) show(newest.id); });
  const form = drawForm(me, (job) => {
    ordered = job;
    history.soon();
    location.hash = drawingAddress(job);
  });
  const board = h("div", { class: "draw", hidden: true }, form.element, h("div", { class: "gallery" }, place, history.element));
  const none = noModels(me);
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "Draw"), trouble, board, none);
  let models = null;
  let open = null;
  let ordered = null;

  const looking = new Polling(async (signal) => {
    const { data } = await get("/v1/models", {}, signal);
    models = data.filter((model) => !model.alias_of);
    board.hidden = !models.length;
    none.hidden = models.length > 0;
    form.offer(models);
  }, {
    everyMs: () => (models?.every((model) => model.available) ? SLOW_MS : WAITING_MS),
    onProblem: (error) => fill(trouble, error ? problem(error) : null),
  });

  /** The drawing with this id, large. */
  function show(wanted) {
    open?.stop();
    history.choose(wanted);
    open = stage(me, wanted, { change: form.change, again: form.fill, ended: history.soon });
    fill(place, open.element);
  }

  function welcome() {
    return h("section", { class: "empty" },
      h("h2", {}, "Nothing drawn yet"),
      h("p", {}, "Say in a sentence what the picture shall show, and press ", h("b", {}, "Draw"), ". It appears here while it is drawn."),
      h("p", { class: "tools" }, EXAMPLES.map((words) => h("button", { type: "button", class: "quiet small", onclick: () => form.write(words) }, words))));
  }

  if (id) show(id);
  return {
    title: "Draw",
    element,
    /** Another of its drawings is asked for by the address; what stands in the form stays. */
    open(wanted) {
      if (!wanted) return;
      show(wanted);
      open.element.scrollIntoView({ block: "nearest" });
      // Who has just pressed Draw goes on writing.
      if (wanted !== ordered) open.heading.focus({ preventScroll: true });
      ordered = null;
    },
    stop() {
      looking.stop();
      history.stop();
      open?.stop();
      form.stop();
    },
  };
}

function noModels(me) {
  return h("section", { class: "empty", hidden: true },
    h("h2", {}, "There is no model to draw with"),
    h("p", {}, "A model is a name, bound to a workflow that draws from a sentence. ", me.may("engines:control")
      ? ["Name one with ", h("code", {}, "[[model]]"), " in gesso.toml; docs/how-to/openai.md says how."]
      : "Whoever runs this gesso can add one."),
    h("p", {}, h("a", { class: "button", href: "/" }, "Open ComfyUI")));
}
