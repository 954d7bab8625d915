// One job: its pictures in full, how it went, what was asked for.
import { get, now, post } from "./api.js";
import { action, fill, h, notice, problem } from "./dom.js";
import { badge, failureOf, fileAddress, isActive, isPicture, timing, titleOf } from "./job_words.js";
import { progressOf } from "./outlook.js";
import { Polling } from "./polling.js";
import { when } from "./times.js";

const EVERY_MS = 1500;
const HEARING_MS = 4000;

export function jobView(me, id) {
  const heading = h("h1", { tabindex: "-1" }, "Job");
  const trouble = h("div");
  const state = h("p", { class: "line" });
  const tools = h("div", { class: "tools" });
  const pictures = h("div", { class: "pictures" });
  const error = h("div");
  const facts = h("dl", { class: "facts" });
  const asked = h("div");
  const progress = progressOf(id, progressWords, {
    open: () => polling.soon(),
    job: (told) => { polling.soon(); if (!isActive(told)) progress.stop(); },
    position: (position) => { told = { position, at: now() }; },
  });
  const element = h("article", { class: "one-job" },
    h("p", { class: "back" }, h("a", { href: "#/jobs" }, "← My jobs")),
    heading, trouble, state, progress.element, tools, error, pictures, h("h2", { hidden: true }, "About this job"), facts, asked);
  let job = null;
  let told = null;

  const polling = new Polling(async (signal) => {
    const asked = now();
    const found = await get(`jobs/${encodeURIComponent(id)}`, {}, signal);
    if (!told || told.at < asked) told = { position: found.position, at: asked };
    const changed = differs(found, job);
    job = found;
    if (isActive(job)) progress.listen();
    else progress.stop();
    if (changed) draw();
  }, {
    everyMs: () => (job && !isActive(job) ? null : progress.heard ? HEARING_MS : EVERY_MS),
    onProblem: (raised) => fill(trouble, raised ? problem(raised) : null),
  });

  function draw() {
    const mine = job.owner === me.account;
    fill(heading, titleOf(job));
    document.title = `${titleOf(job)} · gesso`;
    fill(state, badge(job), " ", timing(job, () => told));
    fill(tools, isActive(job) && !job.cancel_asked ? action("Cancel this job", cancel) : null,
      workflows(job));
    fill(error, failed(job));
    fill(pictures, mine ? [made(job), texts(job)] : notMine(job));
    element.querySelector("h2").hidden = false;
    fill(facts, aboutIt(job));
    fill(asked, nodes(job.payload.prompt));
  }

  function progressWords({ node, step, steps, fraction }) {
    const kind = job?.payload.prompt?.[node]?.class_type;
    const where = kind ? `${kind} (node ${node})` : `node ${node}`;
    return `${Math.floor(fraction * 100)}\u202f% · ${where}${steps ? `, step ${step} of ${steps}` : ""}`;
  }

  async function cancel() {
    const asked = await post(`jobs/${encodeURIComponent(id)}/cancel`);
    notice(isActive(asked) ? "Its engine is told to stop it." : "Cancelled.");
    await polling.now();
  }

  return { title: "Job", element, stop() { polling.stop(); progress.stop(); } };
}

/** Whether there is more news than the estimate, which moves all the time and is told by itself. */
function differs(job, before) {
  if (job === before || !before) return job !== before;
  return JSON.stringify({ ...job, position: null }) !== JSON.stringify({ ...before, position: null });
}

function made(job) {
  return job.files.map((file) => {
    const address = fileAddress(file);
    const download = h("a", { class: "button quiet", href: address, download: file.filename }, "Download");
    const caption = h("figcaption", {}, h("span", {}, file.subfolder ? `${file.subfolder}/${file.filename}` : file.filename), download);
    if (!isPicture(file)) return h("figure", { class: "file" }, caption);
    const image = h("img", { src: address, alt: `What the job made: ${file.filename}`, decoding: "async", loading: "lazy" });
    image.addEventListener("error", () => image.replaceWith(h("p", { class: "gone" }, "The picture is no longer kept.")));
    return h("figure", {}, h("a", { href: address, title: "Open it alone" }, image), caption);
  });
}

/** What nodes show as text, such as ComfyUI's "Preview Any". */
function texts(job) {
  return Object.entries(job.outputs ?? {}).flatMap(([node, output]) => [output?.text ?? []].flat()
    .filter((text) => typeof text === "string")
    .map((text) => h("figure", { class: "written" }, h("pre", { tabindex: "0" }, text), h("figcaption", {}, `Text of node ${node}`))));
}

const notMine = (job) => (job.file_count
  ? h("p", { class: "hint" }, `It made ${job.file_count} ${job.file_count === 1 ? "file" : "files"}, which only ${job.owner} can see.`) : null);

function failed(job) {
  const found = failureOf(job);
  if (!found) return null;
  const trace = job.error.traceback?.length ? job.error.traceback.join("") : "";
  return h("div", { class: "problem" },
    h("p", {}, found.where ? [h("b", {}, found.where), " failed: "] : null, found.message),
    job.error.exception_type ? h("p", { class: "remedy" }, job.error.exception_type) : null,
    found.remedy ? h("p", { class: "remedy" }, found.remedy) : null,
    trace ? h("details", {}, h("summary", {}, "Traceback"), h("pre", { tabindex: "0" }, trace)) : null);
}

function aboutIt(job) {
  const rows = [
    ["Submitted", when(job.created)],
    job.started !== null && ["Begun", when(job.started)],
    job.finished !== null && ["Ended", when(job.finished)],
    job.engine && ["Engine", job.engine],
    ["Owner", job.owner],
    job.attempt > 1 && ["Attempts", `${job.attempt} of at most ${job.max_attempts}`],
    job.priority && ["Priority", String(job.priority)],
    ["Id", h("code", {}, job.id)],
  ];
  return rows.filter(Boolean).map(([name, value]) => [h("dt", {}, name), h("dd", {}, value)]);
}

function workflows(job) {
  const editor = job.payload.extra_data?.extra_pnginfo?.workflow;
  return [
    saving("workflow (API format)", `${job.id}-api.json`, job.payload.prompt),
    editor ? saving("workflow (for ComfyUI's editor)", `${job.id}.json`, editor) : null,
  ];
}

function saving(label, name, value) {
  return h("button", { type: "button", class: "quiet", onclick: () => {
    const address = URL.createObjectURL(new Blob([JSON.stringify(value, null, 2)], { type: "application/json" }));
    h("a", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 60_000);
  } }, `Download ${label}`);
}

/** Every node with what was set in it; links between nodes say where they lead. */
function nodes(prompt) {
  const parts = Object.entries(prompt ?? {}).map(([id, node]) => h("li", {},
    h("b", {}, node?._meta?.title ?? node?.class_type ?? "?"), h("span", { class: "number" }, ` node ${id}`),
    h("dl", {}, Object.entries(node?.inputs ?? {}).map(([name, value]) => [h("dt", {}, name), h("dd", {}, written(value))]))));
  return h("details", { class: "nodes" }, h("summary", {}, `What was asked for: ${parts.length} ${parts.length === 1 ? "node" : "nodes"}`), h("ul", {}, parts));
}

function written(value) {
  if (Array.isArray(value) && value.length === 2 && typeof value[0] === "string") return `from node ${value[0]}`;
  return typeof value === "string" ? value : JSON.stringify(value);
}
