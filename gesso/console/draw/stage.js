// One drawing: what is seen of it while it is drawn, its pictures, and what it was made of.
import { post } from "../api.js";
import { whole } from "../cards.js";
import { action, fill, h, problem, refill, s, say } from "../dom.js";
import { following } from "../following.js";
import { badge, failureOf, fileAddress, isActive, isPicture, jobAddress, stateOf, timing, titleOf } from "../job_words.js";
import { asked, inputOf } from "./order.js";
import { fetchPicture } from "./picture.js";

/** `change(picture)` takes one to be edited, `again(draft)` the settings of this drawing; `ended()`: it has ended just now. */
export function stage(me, id, { change, again, ended }) {
  const heading = h("h2", { tabindex: "-1", class: "asked" });
  const trouble = h("div");
  const state = h("p", { class: "line" });
  const board = h("div", { class: "drawn" });
  const tools = h("div", { class: "tools" });
  const facts = h("dl", { class: "facts" });
  const preview = h("img", { class: "preview", alt: "The picture so far" });
  const heard = h("p", { class: "unseen", role: "status" });
  let job = null;
  const followed = following(id, words, {
    changed: draw,
    trouble: (raised) => fill(trouble, raised ? problem(raised) : null),
    preview({ image }) {
      preview.src = image;
      if (isActive(job) && !preview.isConnected) fill(board, preview);
    },
  });
  const element = h("section", { class: "sheet stage", "aria-label": "Drawing" }, heading, trouble, board, state, followed.progress, tools, facts, heard);

  function draw(found) {
    const endedNow = job && isActive(job) && !isActive(found);
    job = found;
    const wanted = job.payload.openai;
    if (job.owner !== me.account || !wanted) {
      location.replace(jobAddress(job));
      return;
    }
    fill(heading, wanted.prompt || titleOf(job));
    fill(state, badge(job), " ", timing(job, followed.outlook));
    const files = job.files.filter(isPicture);
    if (!isActive(job)) fill(board, instead(job) ?? pictures(files));
    else if (!preview.isConnected) fill(board, blank(wanted));
    refill(tools, heading, files.length === 1 ? uses(files[0]) : null,
      isActive(job) ? (job.cancel_asked ? null : action("Cancel", cancel)) : action("Again with these settings", async () => again(await asked(job))),
      h("a", { class: "button quiet", href: jobAddress(job) }, "About this job"));
    fill(facts, made(wanted));
    if (isActive(job)) say(heard, `${stateOf(job).word} …`);
    if (!endedNow) return;
    say(heard, job.state === "succeeded" ? "Drawn." : job.state === "cancelled" ? "Cancelled." : "It failed.");
    ended();
  }

  function pictures(files) {
    const alt = job.payload.openai.prompt || titleOf(job);
    if (files.length === 1) return h("div", { class: "one" }, whole(files[0], alt));
    return h("ul", { class: "several" }, files.map((file, index) => h("li", {},
      whole(file, `${alt}, picture ${index + 1}`), h("div", { class: "tools" }, uses(file)))));
  }

  const uses = (file) => [
    h("a", { class: "button quiet", href: fileAddress(file), download: file.filename }, "Download"),
    action("Edit this", async () => change(await fetchPicture(fileAddress(file), file.filename))),
  ];

  async function cancel() {
    await post(`jobs/${encodeURIComponent(id)}/cancel`);
    await followed.now();
  }

  return { element, heading, stop: () => followed.stop() };
}

/** What is told of a drawing that has no picture. */
function instead(job) {
  if (job.state === "cancelled") return h("p", { class: "nothing" }, "Cancelled before there was a picture.");
  const failed = failureOf(job);
  return failed && h("div", { class: "problem" }, h("p", {}, failed.where ? [h("b", {}, failed.where), " failed: "] : null, failed.message),
    failed.remedy ? h("p", { class: "remedy" }, failed.remedy) : null);
}

const words = ({ fraction, step, steps }) => `${Math.floor(fraction * 100)}\u202f%${steps ? ` · step ${step} of ${steps}` : ""}`;

/** Paper of the picture's shape, until there is something to see. */
const blank = ({ width, height }) => s("svg", { class: "blank", viewBox: `0 0 ${width ?? 1} ${height ?? 1}`, "aria-hidden": "true" });

function made(wanted) {
  const { model, width, height, seed, steps, guidance, count, negative_prompt: negative, image, mask } = wanted;
  const rows = [
    ["Model", model],
    ["Seed", seed === undefined ? null : h("code", {}, seed)],
    ["Size", width && `${width} × ${height}`],
    ["Steps", steps],
    ["Guidance", guidance],
    ["Pictures", count > 1 ? count : null],
    ["Not in the picture", negative],
    ["Changed from", image && h("img", { class: "from", src: fileAddress(inputOf(image)), alt: mask ? "the picture to start from, of which a part was painted over" : "the picture to start from" })],
  ];
  return rows.filter(([, value]) => value).map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value)));
}
