// Pictures that people bring, made fit to be sent.
import { Problem } from "../api.js";
import { h } from "../dom.js";

const LONGEST = 2048;
const HEAVIEST = 1_500_000;
const QUALITY = 0.92;

/**
 * { name, data, width, height } of a picture; `data` is a link with all of it. A small PNG stays as it is; all else is
 * drawn anew: upright, as cameras only note how they were held, and no larger than models take.
 */
export async function readPicture(blob, name) {
  let bitmap;
  try {
    bitmap = await createImageBitmap(blob);
  } catch {
    throw new Problem(`“${name}” is no picture that this browser can read.`, "Choose a PNG, JPEG or WebP.");
  }
  const scale = Math.min(1, LONGEST / Math.max(bitmap.width, bitmap.height));
  const [width, height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  if (blob.type === "image/png" && scale === 1 && blob.size <= HEAVIEST) return { name, data: await linked(blob), width, height };
  const canvas = h("canvas", { width, height });
  const context = canvas.getContext("2d");
  // A JPEG has no transparency: else it would become black.
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, width, height);
  return { name, data: canvas.toDataURL("image/jpeg", QUALITY), width, height };
}

/** The first picture among what was dropped, pasted or chosen. */
export const pictureAmong = (files) => [...(files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;

export async function fetchPicture(address, name) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Problem(`“${name}” is no longer kept.`);
  return readPicture(await answer.blob(), name);
}

/** The pixels behind a data link, to be drawn on a canvas. */
export async function pixels(data) {
  const image = h("img", { src: data });
  await image.decode();
  return image;
}

function linked(blob) {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    reader.onload = () => resolve(reader.result);
    reader.onerror = () => reject(new Problem("The picture cannot be read.", "Choose it again."));
    reader.readAsDataURL(blob);
  });
}
