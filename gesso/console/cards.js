// Jobs as cards with their pictures.
import { fill, h } from "./dom.js";
import { badge, failure, fileAddress, isActive, isPicture, jobAddress, stateOf, thumbnailAddress, timing, titleOf } from "./job_words.js";

/** `address`: where it leads. */
export function card(first, address = jobAddress(first)) {
  const picture = h("div", { class: "picture" });
  const title = h("a", { class: "title", href: address }, titleOf(first));
  const text = h("div", { class: "text" });
  const element = h("li", { class: "card" }, picture, text);
  let drawn = "";
  return {
    element,
    title,
    update(job) {
      if (job.state === drawn) return;
      drawn = job.state;
      element.className = `card ${job.state}`;
      fill(picture, preview(job));
      fill(text, title, job.state === "succeeded" || isActive(job) ? null : badge(job), isActive(job) ? null : h("p", { class: "words" }, timing(job)));
    },
  };
}

function preview(job) {
  const picture = job.files.find(isPicture);
  if (isActive(job)) return h("p", {}, `${stateOf(job).word} …`);
  if (job.state === "failed") return failure(job);
  if (picture) return [thumbnail(picture), job.file_count > 1 ? h("span", { class: "count" }, `${job.file_count} files`) : null];
  if (job.files.length) return h("p", {}, job.files.map((file) => file.filename).join(", "));
  return h("p", {}, job.state === "cancelled" ? "Stopped before it made anything." : "It made no files.");
}

function thumbnail(file) {
  const image = h("img", { src: thumbnailAddress(file), alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(h("p", {}, "The picture is no longer kept.")));
  return image;
}

/** A picture in full, which leads to itself alone. */
export function whole(file, alt) {
  const image = h("img", { src: fileAddress(file), alt, decoding: "async", loading: "lazy" });
  image.addEventListener("error", () => image.replaceWith(h("p", { class: "gone" }, "The picture is no longer kept.")));
  return h("a", { href: fileAddress(file), title: "Open it alone" }, image);
}

/** The first page as it is now, and of what was shown below it all that is older. */
export function joined(page, known) {
  const last = page.jobs.at(-1);
  if (!last || !page.more) return page.jobs;
  const there = new Set(page.jobs.map((job) => job.id));
  return [...page.jobs, ...known.filter((job) => job.finished <= last.finished && !there.has(job.id))];
}
