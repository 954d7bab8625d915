// What stands in the form, as a request to OpenAI's API; and what was asked for once, as the form has it.
import { post } from "../api.js";
import { fileAddress } from "../job_words.js";
import { EMPTY } from "./draft.js";
import { OTHER, takes } from "./models.js";
import { fetchPicture } from "./picture.js";
import { maskOf } from "./strokes.js";

export const routeOf = (draft) => (draft.source ? "edits" : "generations");

/** Have it drawn; the job's id. It is kept and goes on, also when this page is closed. */
export async function order(draft, model) {
  const route = routeOf(draft);
  const taken = (name, value) => (value !== "" && takes(model, route, name) ? value : undefined);
  const size = draft.size === OTHER ? `${draft.width}x${draft.height}` : draft.size;
  const mask = draft.source && takes(model, route, "mask") ? await maskOf(draft.source, draft.strokes) : null;
  const { job } = await post(`/v1/images/${route}`, {
    prompt: draft.prompt,
    model: model.id,
    n: Number(draft.n),
    size: model.size ? size : undefined,
    negative_prompt: taken("negative_prompt", draft.negative_prompt.trim()),
    seed: taken("seed", draft.seed === "" ? "" : Number(draft.seed)),
    images: draft.source ? [{ image_url: draft.source.data }] : undefined,
    mask: mask ? { image_url: mask } : undefined,
  }, { Prefer: "respond-async" });
  return job;
}

/** What a job was asked for, as the form has it, with its pictures. */
export async function asked(job) {
  const { prompt, negative_prompt, model, width, height, count, seed, image, mask } = job.payload.openai;
  const source = image ? await fetchPicture(fileAddress(inputOf(image)), "The same picture") : null;
  return {
    ...EMPTY,
    prompt: prompt ?? "",
    negative_prompt: negative_prompt ?? "",
    model,
    size: width ? `${width}x${height}` : "auto",
    n: String(count ?? 1),
    // Beyond that a browser's numbers are not exact.
    seed: Number.isSafeInteger(seed) ? String(seed) : "",
    source,
    strokes: source && mask ? [{ mask: (await fetchPicture(fileAddress(inputOf(mask)), "The same mask")).data }] : [],
  };
}

/** The picture that the job's `image` names. */
export function inputOf(name) {
  const [filename, ...folders] = name.split("/").reverse();
  return { filename, subfolder: folders.reverse().join("/"), type: "input" };
}
