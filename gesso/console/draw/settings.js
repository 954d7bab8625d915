// How to draw: the model, and as far as it takes them, the size, the number of pictures and the seed.
import { field, mark } from "../dialogs.js";
import { fill, h, s, say } from "../dom.js";
import { OTHER, hindrance, modelOptions, sizeBounds, sizeOptions, takes } from "./models.js";
import { routeOf } from "./order.js";

/** `roll(seed)`: somebody wants a seed to be rolled. */
export function settingsFields(roll) {
  const number = (name, more) => h("input", { name, type: "number", inputmode: "numeric", autocomplete: "off", ...more });
  const model = h("select", { name: "model" });
  const size = h("select", { name: "size" });
  const width = number("width", { min: 1, "aria-label": "Width in pixels" });
  const height = number("height", { min: 1, "aria-label": "Height in pixels" });
  const bounds = h("p", { class: "hint" });
  const sides = h("div", {}, h("div", { class: "sides" }, width, " × ", height), bounds);
  const n = h("select", { name: "n" });
  const seed = number("seed", { min: 0, max: Number.MAX_SAFE_INTEGER, placeholder: "random" });
  const dice = h("button", { type: "button", class: "quiet dice", "aria-label": "Roll a seed", title: "Roll a seed", onclick: () => roll(rolled()) }, die());
  const sizeField = field("Size", size);
  const seedField = field("Seed", seed);
  size.after(sides);
  const line = h("div", { class: "with-dice" });
  seed.replaceWith(line);
  line.append(seed, dice);
  let hindered = null;

  return {
    elements: [field("Model", model), h("div", { class: "pair" }, sizeField, field("Pictures", n)), seedField],
    inputs: { model, size, width, height, n, seed },
    /** Offer what `one` of the models takes, and show what of it is in the draft. */
    offer(models, one, draft) {
      const route = routeOf(draft);
      const sizes = sizeOptions(one, route);
      const most = takes(one, route, "count") ? one.count : 1;
      fill(model, modelOptions(models, one.id));
      fill(size, sizes.map(([value, label]) => h("option", { value }, label)));
      fill(n, Array.from({ length: most }, (_, index) => h("option", {}, index + 1)));
      const shown = { ...draft, model: one.id, n: Math.min(draft.n, most) };
      for (const each of [model, size, width, height, n, seed]) each.value = shown[each.name];
      sizeField.hidden = !sizes.length;
      sides.hidden = draft.size !== OTHER;
      say(bounds, sizeBounds(one));
      seedField.hidden = !takes(one, route, "seed");
      const why = hindrance(one, route);
      if (why || hindered) mark(model, why && { message: why }, false);
      hindered = why;
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
