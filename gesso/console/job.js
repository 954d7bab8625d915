// One job: its pictures in full, how it went, what was asked for.
import { post } from "./api.js";
import { whole } from "./cards.js";
import { action, fill, h, notice, problem, refill } from "./dom.js";
import { following } from "./following.js";
import { badge, failureOf, fileAddress, isActive, isPicture, timing, titleOf } from "./job_words.js";
import { when } from "./times.js";

export function jobView(me, id) {
  const heading = h("h1", { tabindex: "-1" }, "Job");
  const trouble = h("div");
  const state = h("p", { class: "line" });
  const tools = h("div", { class: "tools" });
  const pictures = h("div", { class: "pictures" });
  const error = h("div");
  const facts = h("dl", { class: "facts" });
  const asked = h("div");
  const followed = following(id, progressWords, { changed: draw, trouble: (raised) => fill(trouble, raised ? problem(raised) : null) });
  const element = h("article", { class: "one-job" },
    h("p", { class: "back" }, h("a", { href: "#/jobs" }, "← My jobs")),
    heading, trouble, state, followed.progress, tools, error, pictures, h("h2", { hidden: true }, "About this job"), facts, asked);
  let job = null;

  function draw(found) {
    job = found;
    const mine = job.owner === me.account;
    fill(heading, titleOf(job));
    document.title = `${titleOf(job)} · gesso`;
    fill(state, badge(job), " ", timing(job, followed.outlook));
    refill(tools, heading, isActive(job) && !job.cancel_asked ? action("Cancel this job", cancel) : null,
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
    await followed.now();
  }

  return { title: "Job", element, stop: () => followed.stop() };
}

function made(job) {
  return job.files.map((file) => {
    const address = fileAddress(file);
    const download = h("a", { class: "button quiet", href: address, download: file.filename }, "Download");
    const caption = h("figcaption", {}, h("span", {}, file.subfolder ? `${file.subfolder}/${file.filename}` : file.filename), download);
    if (!isPicture(file)) return h("figure", { class: "file" }, caption);
    return h("figure", {}, whole(file, `What the job made: ${file.filename}`), caption);
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
