// The end of an engine's log, and each new line as it comes.
import { pieces } from "./api.js";
import { fill, h, problem } from "./dom.js";

const FIRST = 200;
const KEPT = 2000;
const AGAIN_MS = 3000;

export function engineLog(name) {
  const trouble = h("div");
  const text = h("pre", { class: "log", tabindex: "0", role: "region", "aria-label": `Log of ${name}` });
  const follow = h("input", { type: "checkbox", id: "follow", checked: true });
  const element = h("section", { "aria-labelledby": "log" },
    h("div", { class: "head" }, h("h2", { id: "log" }, "Log"), h("label", { class: "check", for: "follow" }, follow, "Follow")), trouble, text);
  const ended = new AbortController();
  let reading = null;
  let timer = 0;
  let lines = [""];
  let drawing = 0;

  function begin() {
    stop();
    if (!document.hidden && follow.checked) read(reading = new AbortController());
  }

  function stop() {
    clearTimeout(timer);
    reading?.abort();
    reading = null;
  }

  async function read(controller) {
    lines = [""];
    try {
      for await (const piece of pieces(`engines/${encodeURIComponent(name)}/logs`, { lines: FIRST, follow: true }, controller.signal)) {
        if (controller.signal.aborted) return;
        const [first, ...rest] = piece.split("\n");
        lines[lines.length - 1] += first;
        lines = [...lines, ...rest].slice(-KEPT);
        fill(trouble);
        drawing ||= requestAnimationFrame(draw);
      }
    } catch (error) {
      if (controller.signal.aborted) return;
      fill(trouble, problem(error));
    }
    // The line is down, or gesso restarts: begin again.
    if (!controller.signal.aborted) timer = setTimeout(begin, AGAIN_MS);
  }

  function draw() {
    drawing = 0;
    const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 40;
    text.textContent = lines.join("\n");
    if (atEnd) text.scrollTop = text.scrollHeight;
  }

  follow.addEventListener("change", begin);
  document.addEventListener("visibilitychange", begin, { signal: ended.signal });
  begin();
  return { element, stop() { ended.abort(); stop(); } };
}
