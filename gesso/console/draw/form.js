// What to draw: the words, the picture to start from, and how.
import { field, mark } from "../dialogs.js";
import { enable, enabled, fill, h, problem } from "../dom.js";
import { keepDraft, keptDraft } from "./draft.js";
import { sizeWithin, takes } from "./models.js";
import { order, routeOf } from "./order.js";
import { settingsFields } from "./settings.js";
import { droppable, sourceField } from "./source.js";

const LONGEST = 32_000;
const KEEP_MS = 250;

/** `drawn(id)`: a job was submitted. */
export function drawForm(me, drawn) {
  let draft = keptDraft(me.account);
  let models = [];
  let told = "";
  let keeping = 0;

  const words = (name, rows) => h("textarea", { name, rows, maxlength: LONGEST, spellcheck: "true", enterkeyhint: "go" });
  const prompt = words("prompt", 3);
  const negative = words("negative_prompt", 1);
  const settings = settingsFields((seed) => put({ seed: String(seed) }));
  const inputs = { prompt, negative_prompt: negative, ...settings.inputs };
  const source = sourceField((picture, strokes) => {
    draft = { ...draft, source: picture, strokes };
    keep();
    offer();
  });
  const trouble = h("div");
  const draw = h("button", { class: "go" }, "Draw");
  const negativeField = field("Not in the picture", negative);
  const element = h("form", { class: "sheet draw-form", novalidate: true },
    field("Prompt", prompt, "Enter draws; Shift and Enter begin a new line."), source.element, negativeField, settings.elements, trouble, draw);

  const chosen = () => models.find((each) => each.id === draft.model) ?? models.find((each) => each.available) ?? models[0];

  /** Offer what the chosen model takes, and show what stands in the draft. */
  function offer() {
    const one = chosen();
    if (!one) return;
    const route = routeOf(draft);
    draft = { ...draft, ...sizeWithin(one, route, draft) };
    settings.offer(models, one, draft);
    negativeField.hidden = !takes(one, route, "negative_prompt");
    prompt.placeholder = route === "edits" ? "make the heart green" : "a big red heart left of a small blue star";
    prompt.value = draft.prompt;
    negative.value = draft.negative_prompt;
  }

  /** Into the draft and the fields. */
  function put(values) {
    draft = { ...draft, ...values };
    keep();
    offer();
  }

  /** Soon: each letter would be a megabyte written, where there is a picture. */
  function keep() {
    clearTimeout(keeping);
    keeping = setTimeout(() => keepDraft(me.account, draft), KEEP_MS);
  }

  function keepNow() {
    clearTimeout(keeping);
    keepDraft(me.account, draft);
  }

  async function submit() {
    if (!enabled(draw) || !chosen()) return;
    for (const input of element.querySelectorAll("[aria-invalid]")) mark(input, null);
    fill(trouble);
    if (!prompt.value.trim()) {
      mark(prompt, { message: draft.source ? "Say what shall change." : "Say what to draw." });
      return;
    }
    enable(draw, false);
    try {
      drawn(await order({ ...draft, n: inputs.n.value }, chosen()));
    } catch (error) {
      const input = element.elements[error.field === "images" || error.field === "mask" ? "image" : error.field];
      if (input) mark(input, error);
      else fill(trouble, problem(error));
    } finally {
      enable(draw, true);
    }
  }

  element.addEventListener("input", ({ target }) => {
    if (!(target.name in inputs)) return;
    draft = { ...draft, [target.name]: target.value };
    keep();
    if (target === inputs.model || target === inputs.size) offer();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.target.tagName !== "TEXTAREA") return;
    event.preventDefault();
    element.requestSubmit();
  });
  element.addEventListener("submit", (event) => {
    event.preventDefault();
    submit();
  });
  addEventListener("pagehide", keepNow);
  document.addEventListener("paste", source.onPaste);
  droppable(element, source.take);
  if (draft.source) source.use(draft.source, draft.strokes);

  return {
    element,
    /** The same again changes nothing: somebody may be choosing. */
    offer(found) {
      if (told === (told = JSON.stringify(found))) return;
      models = found;
      offer();
    },
    /** Take all of this in place of what stands there. */
    async fill({ source: picture, strokes, ...values }) {
      put(values);
      await source.use(picture, strokes);
      prompt.focus();
    },
    write(text) { put({ prompt: text }); prompt.focus(); },
    async change(picture) {
      await source.use(picture);
      prompt.focus();
      prompt.select();
    },
    stop() {
      keepNow();
      removeEventListener("pagehide", keepNow);
      document.removeEventListener("paste", source.onPaste);
    },
  };
}
