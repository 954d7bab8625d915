// A picture to paint on with mouse, pen or finger: what is painted is what may change.
import { enable, enabled, h, s } from "../dom.js";
import { paint, paintFrom } from "./strokes.js";

// In hundredths of the picture's longer side.
const SIZES = { min: 1, max: 40, value: 12 };
// Small pictures are shown enlarged; what is painted on them is drawn as finely as on others.
const FINEST = 640;
const STRIPE = 8;

/** `changed(strokes)` hears of each stroke when it is done. */
export function brush(changed) {
  const image = h("img", { alt: "" });
  const canvas = h("canvas", { class: "paint", "aria-hidden": "true" });
  const ring = s("circle", {});
  const pointer = s("svg", { "aria-hidden": "true", class: "pointer" }, ring);
  const board = h("div", { class: "board" }, image, canvas, pointer);
  const size = h("input", { type: "range", id: "brush-size", ...SIZES });
  const erase = tool("Erase", () => press(!erasing()), { "aria-pressed": "false" });
  const undo = tool("Undo", () => set(strokes.slice(0, -1)));
  const clear = tool("Clear", () => set([...strokes, { all: true }]));
  const tools = h("div", { class: "brush", role: "group", "aria-label": "Brush" },
    h("p", {}, h("label", { for: "brush-size" }, "Brush"), size), erase, undo, clear);
  const element = h("div", {}, board, tools);
  const context = canvas.getContext("2d");
  let strokes = [];
  let stroke = null;
  let ink = "black";
  let picture = { width: 1, height: 1 };

  const erasing = () => erase.getAttribute("aria-pressed") === "true";
  const press = (on) => erase.setAttribute("aria-pressed", String(on));
  const width = () => Math.max(1, Math.round(size.value / 100 * Math.max(picture.width, picture.height)));

  async function set(next) {
    strokes = next;
    tell();
    await paint(context, strokes, ink);
    changed(strokes);
  }

  function tell() {
    const painted = strokes.length > 0 && !strokes.at(-1).all;
    enable(undo, strokes.length > 0);
    enable(clear, painted);
    enable(erase, painted);
    if (!painted) press(false);
  }

  /** Where the pointer is, in the picture's pixels. */
  function place(event) {
    const { left, top, width: across, height: down } = canvas.getBoundingClientRect();
    return [(event.clientX - left) * picture.width / across, (event.clientY - top) * picture.height / down].map(Math.round);
  }

  function follow(event) {
    const [x, y] = place(event);
    for (const [name, value] of Object.entries({ cx: x, cy: y, r: width() / 2 })) ring.setAttribute(name, value);
    if (!stroke) return;
    const first = stroke.points.length / 2;
    const passed = event.getCoalescedEvents?.() ?? [];
    stroke.points.push(...(passed.length ? passed : [event]).flatMap(place));
    paintFrom(context, stroke, first, ink);
  }

  function end() {
    if (!stroke) return;
    strokes = [...strokes, stroke];
    stroke = null;
    tell();
    changed(strokes);
  }

  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || !event.isPrimary) return;
    event.preventDefault();
    canvas.setPointerCapture(event.pointerId);
    stroke = { size: width(), erase: erasing(), points: place(event) };
    paintFrom(context, stroke, 0, ink);
  });
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);

  return {
    element,
    /** Show this picture, with what was painted on it before. */
    async show(shown, painted) {
      picture = shown;
      const scale = Math.max(1, Math.ceil(FINEST / Math.max(picture.width, picture.height)));
      for (const side of ["width", "height"]) {
        image.setAttribute(side, picture[side]);
        canvas[side] = picture[side] * scale;
      }
      context.scale(scale, scale);
      pointer.setAttribute("viewBox", `0 0 ${picture.width} ${picture.height}`);
      image.src = picture.data;
      ink = stripes(context, Math.max(picture.width, picture.height), scale);
      await set(painted);
    },
  };
}

function tool(label, act, more = {}) {
  const button = h("button", { type: "button", class: "quiet small", ...more,
    onclick: () => { if (enabled(button)) act(); } }, label);
  return button;
}

/** Seen on every picture: stripes of two colours, as wide on large pictures as on small ones. */
function stripes(context, longest, scale) {
  const side = 2 * Math.round(longest * scale / FINEST * STRIPE);
  const tile = h("canvas", { width: side, height: side }).getContext("2d");
  tile.fillStyle = "#fff";
  tile.fillRect(0, 0, side, side);
  tile.strokeStyle = "#c2185b";
  tile.lineWidth = side * 0.5;
  tile.lineCap = "square";
  tile.beginPath();
  for (const shift of [-side, 0, side]) {
    tile.moveTo(shift, side);
    tile.lineTo(shift + side, 0);
  }
  tile.stroke();
  const pattern = context.createPattern(tile.canvas, "repeat");
  pattern.setTransform(new DOMMatrix().scale(1 / scale));
  return pattern;
}
