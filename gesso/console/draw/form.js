// What to draw: the words, the picture to start from, and how.
import { field, mark } from "../dialogs.js";
import { fill, h, problem, s, say } from "../dom.js";
import { keepDraft, keptDraft } from "./draft.js";
import { OTHER, hindrance, modelOptions, sizeBounds, sizeOptions, takes } from "./models.js";
import { order, routeOf } from "./order.js";
import { droppable, sourceField } from "./source.js";

const LONGEST = 32_000;
const SEEDS = Number.MAX_SAFE_INTEGER;
const KEEP_MS = 250;

/** `drawn(id)`: a job was submitted. */
export function drawForm(me, drawn) {
  let draft = keptDraft(me.account);
  let models = [];
  let told = "";
  let keeping = 0;

  const words = (name, rows) => h("textarea", { name, rows, maxlength: LONGEST, spellcheck: "true", enterkeyhint: "go" });
  const number = (name, most) => h("input", { name, type: "number", min: 0, max: most, step: 1, inputmode: "numeric", autocomplete: "off" });
  const prompt = words("prompt", 3);
  const negative = words("negative_prompt", 1);
  const model = h("select", { name: "model" });
  const size = h("select", { name: "size" });
  const width = h("input", { name: "width", type: "number", min: 1, "aria-label": "Width in pixels" });
  const height = h("input", { name: "height", type: "number", min: 1, "aria-label": "Height in pixels" });
  const bounds = h("p", { class: "hint" });
  const sides = h("div", {}, h("div", { class: "sides" }, width, " × ", height), bounds);
  const n = h("select", { name: "n" });
  const seed = number("seed", SEEDS);
  seed.placeholder = "random";
  const dice = h("button", { type: "button", class: "quiet dice", "aria-label": "Roll a seed", title: "Roll a seed", onclick: () => put({ seed: String(rolled()) }) }, die());
  const source = sourceField((picture, strokes) => {
    draft = { ...draft, source: picture, strokes };
    keep();
    offer();
  });
  const trouble = h("div");
  const draw = h("button", { class: "go" }, "Draw");
  const promptField = field("Prompt", prompt, "Enter draws; Shift and Enter begin a new line.");
  const negativeField = field("Not in the picture", negative);
  const modelField = field("Model", model);
  const sizeField = field("Size", size);
  const seedField = field("Seed", seed);
  size.after(sides);
  seedField.insertBefore(h("div", { class: "with-dice" }, seed, dice), seedField.querySelector(".wrong"));
  const element = h("form", { class: "sheet draw-form", novalidate: true },
    promptField, source.element, negativeField,
    modelField, h("div", { class: "pair" }, sizeField, field("Pictures", n)), seedField, trouble, draw);
  const inputs = { prompt, negative_prompt: negative, model, size, width, height, n, seed };

  const chosen = () => models.find((each) => each.id === draft.model) ?? models.find((each) => each.available) ?? models[0];

  /** Offer what the chosen model takes, and show what stands in the draft. */
  function offer() {
    const one = chosen();
    if (!one) return;
    const route = routeOf(draft);
    fill(model, modelOptions(models, one.id));
    const sizes = sizeOptions(one, route);
    const known = sizes.some(([value]) => value === draft.size);
    if (!known && /^\d+x\d+$/.test(draft.size)) [draft.width, draft.height] = draft.size.split("x");
    const at = known ? draft.size : draft.width && sizes.length ? OTHER : "auto";
    draft = { ...draft, size: at };
    fill(size, sizes.map(([value, label]) => h("option", { value }, label)));
    const most = takes(one, route, "count") ? one.count : 1;
    fill(n, Array.from({ length: most }, (_, index) => h("option", {}, index + 1)));
    sizeField.hidden = !sizes.length;
    sides.hidden = at !== OTHER;
    say(bounds, sizeBounds(one));
    negativeField.hidden = !takes(one, route, "negative_prompt");
    seedField.hidden = !takes(one, route, "seed");
    prompt.placeholder = route === "edits" ? "make the heart green" : "a big red heart left of a small blue star";
    for (const [name, input] of Object.entries(inputs)) input.value = name === "model" ? one.id : draft[name];
    if (Number(draft.n) > most) n.value = most;
    const why = hindrance(one, route);
    if (why || model.dataset.hindered) mark(model, why && { message: why }, false);
    model.dataset.hindered = why ?? "";
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
    if (draw.getAttribute("aria-disabled") || !chosen()) return;
    for (const input of element.querySelectorAll("[aria-invalid]")) mark(input, null);
    fill(trouble);
    if (!prompt.value.trim()) {
      mark(prompt, { message: draft.source ? "Say what shall change." : "Say what to draw." });
      return;
    }
    draw.setAttribute("aria-disabled", "true");
    try {
      drawn(await order({ ...draft, n: n.value }, chosen()));
    } catch (error) {
      const input = element.elements[error.field === "images" || error.field === "mask" ? "image" : error.field];
      if (input) mark(input, error);
      else fill(trouble, problem(error));
    } finally {
      draw.removeAttribute("aria-disabled");
    }
  }

  element.addEventListener("input", ({ target }) => {
    if (!(target.name in inputs)) return;
    draft = { ...draft, [target.name]: target.value };
    keep();
    if (target === model || target === size) offer();
  });
  element.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "TEXTAREA") return;
    if (event.shiftKey) return;
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

const die = () => s("svg", { viewBox: "0 0 24 24", "aria-hidden": "true" }, s("rect", { x: 3, y: 3, width: 18, height: 18, rx: 4 }),
  [[8, 8], [12, 12], [16, 16]].map(([cx, cy]) => s("circle", { cx, cy, r: 1.7 })));

function rolled() {
  const [high, low] = crypto.getRandomValues(new Uint32Array(2));
  // 53 bits: what a number holds exactly.
  return (high >>> 11) * 2 ** 32 + low;
}
