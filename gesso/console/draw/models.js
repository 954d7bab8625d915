// The models to draw with, what each takes, and why one cannot.
import { h } from "../dom.js";

export const OTHER = "other";
const USUAL = ["64x64", "128x128", "256x256", "512x512", "768x512", "512x768", "1024x1024", "1536x1024", "1024x1536"];

/** As a list to choose from; those that cannot draw stay in it, with a word. */
export function modelOptions(models, chosen) {
  return models.map(({ id, available }) => h("option", { value: id, selected: id === chosen }, available ? id : `${id} (unavailable)`));
}

/** Why `model` cannot do what `route` asks for; null: it can. */
export function hindrance(model, route) {
  const told = model.routes[route];
  if (told) return told.available ? null : `It cannot draw now: ${told.reason}.`;
  return route === "edits" ? "It changes no pictures: choose another model, or remove the picture." : "It only changes pictures: bring one.";
}

/** Whether `model` takes this parameter there. */
export const takes = (model, route, parameter) => Boolean(model?.routes[route]?.parameters.includes(parameter));

/** The sizes to choose from, as [value, label]; empty where the model decides. */
export function sizeOptions({ size }, route) {
  if (!size) return [];
  const auto = ["auto", route === "edits" ? "As the picture" : size.usual ? `Usual, ${shown(size.usual)}` : "Usual"];
  const choices = size.choices.length ? size.choices : USUAL.filter((each) => fits(each, size));
  return [auto, ...choices.map((each) => [each, shown(each)]), ...(size.choices.length ? [] : [[OTHER, "Another …"]])];
}

/** The size of the draft as this model offers it: { size, width?, height? }. */
export function sizeWithin(model, route, { size, width }) {
  const values = sizeOptions(model, route).map(([value]) => value);
  if (values.includes(size)) return { size };
  const [across, down] = size.includes("x") ? size.split("x") : [];
  if (!values.includes(OTHER) || !(across || width)) return { size: "auto" };
  return across ? { size: OTHER, width: across, height: down } : { size: OTHER };
}

/** What another size must be like. */
export function sizeBounds({ size }) {
  if (!size) return "";
  const { least, most, multiple, pixels } = size;
  return [least && `from ${shown(least)}`, most && `to ${shown(most)}`, multiple > 1 && `in steps of ${multiple}`, pixels && `at most ${pixels} pixels`]
    .filter(Boolean).join(", ");
}

const shown = (size) => size.replace("x", "×");
const sides = (size) => size.split("x").map(Number);

function fits(wanted, { least, most, multiple, pixels }) {
  const [width, height] = sides(wanted);
  const within = (bound, holds) => !bound || sides(bound).every((side, index) => holds([width, height][index], side));
  return within(least, (side, bound) => side >= bound) && within(most, (side, bound) => side <= bound)
    && width % multiple === 0 && height % multiple === 0 && (!pixels || width * height <= pixels);
}
