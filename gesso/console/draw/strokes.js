// What was painted over a picture, stroke by stroke, so that each can be taken back; and the mask that it makes.
import { h } from "../dom.js";
import { pixels } from "./picture.js";

/*
 * One stroke is { size, erase, points: [x, y, x, y, …] } in the picture's pixels, { all: true } what was cleared, or
 * { mask } a mask that was sent before, as a data link.
 */

/** All of `strokes`, in place of what may have been there. `ink` is what is seen of them. */
export async function paint(context, strokes, ink) {
  // The canvas may have more pixels than the picture: never less.
  const { width, height } = context.canvas;
  const masks = await Promise.all(strokes.map(({ mask }) => (mask ? pixels(mask) : null)));
  context.globalCompositeOperation = "source-over";
  context.clearRect(0, 0, width, height);
  strokes.forEach((stroke, index) => {
    if (stroke.all) context.clearRect(0, 0, width, height);
    else if (masks[index]) paintMask(context, masks[index], ink);
    else paintFrom(context, stroke, 0, ink);
  });
}

/** The part of one stroke from its point number `first` on. */
export function paintFrom(context, { size, erase, points }, first, ink) {
  context.globalCompositeOperation = erase ? "destination-out" : "source-over";
  context.strokeStyle = context.fillStyle = ink;
  context.lineWidth = size;
  context.lineCap = context.lineJoin = "round";
  const begin = 2 * Math.max(0, first - 1);
  context.beginPath();
  // A line without length would be nothing: the touch itself is a dot.
  if (first === 0) context.arc(points[0], points[1], size / 2, 0, 2 * Math.PI);
  if (first === 0) context.fill();
  context.beginPath();
  context.moveTo(points[begin], points[begin + 1]);
  for (let at = begin + 2; at < points.length; at += 2) context.lineTo(points[at], points[at + 1]);
  context.stroke();
}

/** Where the mask is transparent, there was paint. */
function paintMask(context, mask, ink) {
  const { naturalWidth: width, naturalHeight: height } = mask;
  context.globalCompositeOperation = "source-over";
  context.fillStyle = ink;
  context.fillRect(0, 0, width, height);
  context.globalCompositeOperation = "destination-out";
  context.drawImage(mask, 0, 0, width, height);
}

/** A PNG of the picture's size, transparent where it was painted, as a data link; null: nothing is painted. */
export async function maskOf({ width, height }, strokes) {
  const painted = h("canvas", { width, height }).getContext("2d");
  await paint(painted, strokes, "black");
  if (new Uint32Array(painted.getImageData(0, 0, width, height).data.buffer).every((pixel) => !pixel)) return null;
  const canvas = h("canvas", { width, height });
  const mask = canvas.getContext("2d");
  mask.fillRect(0, 0, width, height);
  mask.globalCompositeOperation = "destination-out";
  mask.drawImage(painted.canvas, 0, 0);
  return canvas.toDataURL("image/png");
}
