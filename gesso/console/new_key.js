// Making a key: asked for in one dialog, shown in another, this once.
import { post } from "./api.js";
import { field, form, open, select } from "./dialogs.js";
import { h, notice, say } from "./dom.js";

const DAY_S = 86_400;
const ENDS = { 30: "in 30 days", 90: "in 90 days", 365: "in a year", never: "never, until it is revoked" };

/** Ask for a key of `account` (null: one's own), make it and show it. Resolves to whether it was made. */
export async function newKey({ account = null, name = "" } = {}) {
  let made = null;
  const done = await form({
    title: account ? `New key for ${account}` : "New key",
    yes: "Create key",
    content: [
      field("Name", h("input", { name: "name", required: true, maxlength: "100", value: name, autocomplete: "off" }),
        "What it is for, such as “laptop” or “render script”."),
      field("It may", select("scopes", {
        all: account ? "do all that this account may" : "do all that I may",
        jobs: "only submit jobs, and see and cancel its account's",
      }, "all")),
      field("It ends", select("ends", ENDS, "90")),
      inAddress(),
    ],
    act: async (fields) => {
      made = await post("keys", {
        name: fields.name,
        account: account ?? undefined,
        scopes: fields.scopes === "jobs" ? ["jobs:own"] : undefined,
        in_url: fields.in_url === "on",
        expires_in_s: fields.ends === "never" ? undefined : Number(fields.ends) * DAY_S,
      });
    },
  });
  if (done) await show(made);
  return done;
}

function inAddress() {
  const warning = h("p", { class: "warning", id: "in-address", hidden: true },
    "Addresses stay in histories, logs and chats, and whoever has this one is let in as the account. Let the key do little, and end soon.");
  const box = h("input", { type: "checkbox", name: "in_url", "aria-describedby": "in-address", onchange: () => { warning.hidden = !box.checked; } });
  return h("div", { class: "field" }, h("label", { class: "check" }, box, "It may also stand in an address"),
    h("p", { class: "hint" }, "For a program that knows an address and nothing else, such as a picture frame."), warning);
}

function show({ key, token }) {
  return new Promise((resolve) => {
    const dialog = h("dialog", { "aria-labelledby": "made", class: key.in_url ? "wide" : null },
      h("h2", { id: "made" }, `The key “${key.name}”`),
      h("p", { id: "once" }, "This is the only time it is shown: copy it now. Whoever has it can do what it may do, as ",
        h("b", {}, key.account), "."),
      copyable("Key", "token", token),
      h("p", { class: "hint" }, "Programs send it as ", h("code", {}, "Authorization: Bearer gesso_…"),
        "; in a browser it opens ", h("code", {}, `${location.origin}/gesso/login`), "."),
      key.in_url ? [
        copyable("ComfyUI's address with the key in it", "prefixed", `${location.origin}/k/${token}/`),
        copyable("Or at the end of any address of ComfyUI", "parameter", `?token=${token}`),
        h("p", { class: "hint" }, "Give these addresses to nobody whom you would not give the key."),
      ] : null,
      h("div", { class: "choices" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "I have it")));
    open(dialog, resolve);
    const value = dialog.querySelector("#token");
    value.focus();
    value.select();
  });
}

/** A line to be copied, with the button that does it. */
function copyable(label, id, text) {
  const value = h("input", { id, class: "token", readonly: true, value: text, "aria-describedby": "once" });
  const copy = h("button", { type: "button", "aria-label": `Copy: ${label}`, onclick: async () => {
    say(copy, (await copied(value)) ? "Copied" : "Press Ctrl+C");
    notice(copy.textContent === "Copied" ? `Copied: ${label}` : copy.textContent);
  } }, "Copy");
  return [h("label", { for: id, class: "copied" }, label), h("div", { class: "token-line" }, value, copy)];
}

/** Into the clipboard; without TLS browsers give pages the old way only. */
async function copied(input) {
  input.select();
  try {
    await navigator.clipboard.writeText(input.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
