// A text into the clipboard, and a small button that does it.
import { h, notice } from "./dom.js";

export function copyButton(text, what) {
  return h("button", { type: "button", class: "quiet small", "aria-label": `Copy ${what}`, onclick: async (event) => {
    notice((await copied(text, event.currentTarget)) ? `Copied: ${text}` : "This browser does not let a page copy: select the text.");
  } }, "Copy");
}

/** Without TLS browsers give pages the old way only, by what is selected. */
async function copied(text, button) {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = h("textarea", { class: "unseen", readonly: true });
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    button.focus();
    return done;
  }
}
