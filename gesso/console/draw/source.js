// The picture to start from: chosen, dropped, pasted, or one that was drawn before; and where in it something shall change.
import { fill, h, problem } from "../dom.js";
import { brush } from "./brush.js";
import { pictureAmong, readPicture } from "./picture.js";

/** `changed(source, strokes)`: another picture (null: none), or other strokes on it. */
export function sourceField(changed) {
  const trouble = h("div");
  const choose = h("input", { type: "file", name: "image", id: "field-image", accept: "image/*", class: "unseen", "aria-describedby": "field-image-problem" });
  const wrong = h("p", { class: "wrong", id: "field-image-problem" });
  const label = h("label", { for: "field-image", class: "button quiet choose" }, "Choose a picture");
  const offer = h("p", { class: "hint" }, "or drop one here, or paste it, to change it instead of drawing anew.");
  const remove = h("button", { type: "button", class: "quiet small", onclick: () => { use(null); choose.focus(); } }, "Remove");
  const name = h("p", { class: "name" });
  const painting = brush((strokes) => changed(source, strokes));
  const hint = h("p", { class: "hint" },
    "Paint over what shall change; unpainted, anything may. It takes a mouse, a pen or a finger: without one, say in the prompt where.");
  const used = h("div", { class: "used", hidden: true }, h("div", { class: "head" }, name, remove), painting.element, hint);
  const element = h("div", { class: "source field" },
    h("div", { class: "offer" }, choose, label, offer), used, wrong, trouble);
  let source = null;

  async function use(picture, strokes = []) {
    source = picture;
    fill(trouble);
    fill(wrong);
    used.hidden = !picture;
    element.firstChild.hidden = Boolean(picture);
    changed(source, strokes);
    if (!picture) return;
    fill(name, picture.name, h("span", { class: "hint" }, ` ${picture.width} × ${picture.height}`));
    await painting.show(picture, strokes);
  }

  /** What was brought, if it is a picture. */
  async function take(file) {
    if (!file) return;
    try {
      await use(await readPicture(file, file.name || "picture"));
    } catch (error) {
      fill(trouble, problem(error));
    }
  }

  choose.addEventListener("change", () => {
    take(choose.files[0]);
    choose.value = "";
  });
  return {
    element,
    use,
    take,
    onPaste(event) {
      const file = pictureAmong(event.clipboardData?.files);
      if (!file || isText(event)) return;
      event.preventDefault();
      take(file);
    },
  };
}

/** Offices copy a picture of the text along with it. */
const isText = ({ target, clipboardData: { types } }) =>
  target.matches?.("textarea, input") && ["text/plain", "text/html"].every((each) => types.includes(each));

/** Pictures may be dropped anywhere on `place`. */
export function droppable(place, take) {
  const carries = (event) => event.dataTransfer?.types.includes("Files");
  const mark = (on) => place.classList.toggle("dropping", on);
  place.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(true);
  });
  place.addEventListener("dragleave", (event) => { if (!place.contains(event.relatedTarget)) mark(false); });
  place.addEventListener("drop", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    mark(false);
    take(pictureAmong(event.dataTransfer.files) ?? event.dataTransfer.files[0]);
  });
}
