// Users, for administrators: who may in, as what; new ones, keys for them, and shutting them out.
import { get, post } from "./api.js";
import { confirm, field, form, open, select } from "./dialogs.js";
import { action, fill, h, keepingFocus, keyed, notice, problem } from "./dom.js";
import { keyList } from "./keys.js";
import { newKey } from "./new_key.js";
import { passwordOf } from "./password.js";
import { Polling } from "./polling.js";
import { when } from "./times.js";
import { limitsOf } from "./user_limits.js";

const EVERY_MS = 15_000;
const ROLES = { user: "User", admin: "Administrator" };

export function usersView(me) {
  const trouble = h("div");
  const rows = h("ul", { class: "rows" });
  const add = action("New user", async () => {
    const name = await newUser();
    if (!name) return;
    await polling.now();
    await newKey({ account: name, name: "first key" });
  }, { quiet: false });
  const element = h("div", {}, h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "Users"), add), trouble, rows);
  const show = keyed(rows, (user) => row(user, me, () => polling.now()));
  let seen = null;
  const polling = new Polling(async (signal) => {
    const found = await get("users", {}, signal);
    if (found === seen) return;
    seen = found;
    show(found.users);
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { title: "Users", element, stop: () => polling.stop() };
}

/** The name of the user that was made, or null. */
async function newUser() {
  let name = null;
  await form({
    title: "New user",
    yes: "Create user",
    content: [
      field("Name", h("input", { name: "name", required: true, maxlength: "64", autocomplete: "off", autocapitalize: "none", spellcheck: "false" })),
      field("Role", select("role", ROLES, "user"), "An administrator may do everything, for and to everybody."),
      h("p", { class: "hint" }, "Next, the user gets a key, to be handed over: with it one signs in."),
    ],
    act: async (fields) => { name = (await post("users", fields)).name; },
  });
  return name;
}

function row(first, me, lookAgain) {
  const state = h("div", { class: "state" });
  const trouble = h("div");
  const path = `users/${encodeURIComponent(first.name)}`;
  const key = action("New key", () => newKey({ account: first.name }), { name: `New key for ${first.name}` });
  const keys = action("Keys", () => showKeys(me, first.name), { name: `Keys of ${first.name}` });
  const limits = action("Limits", () => limitsOf(first.name), { name: `Limits of ${first.name}`, place: trouble });
  let hasPassword = false;
  const password = action("Password", () => passwordOf(first.name, hasPassword, lookAgain), { name: `Password of ${first.name}` });
  const words = h("span");
  const disable = action("Disable", async () => {
    const done = await confirm({
      title: `Disable ${first.name}?`, yes: "Disable", act: () => post(`${path}/disable`),
      text: "All keys and logins of this user open nothing from now on, until the user is enabled again. Jobs, pictures and keys are kept.",
    });
    if (!done) return;
    notice(`${first.name} is disabled.`);
    await lookAgain();
  }, { danger: true, name: `Disable ${first.name}` });
  const enable = action("Enable", async () => {
    await post(`${path}/enable`);
    notice(`${first.name} is enabled.`);
    await lookAgain();
  }, { name: `Enable ${first.name}`, place: trouble });
  const itself = first.name === me.account;
  const element = h("li", { class: "row user" },
    h("div", { class: "text" },
      h("p", { class: "title" }, first.name, itself ? h("span", { class: "badge" }, "you") : null),
      h("p", { class: "words" }, ROLES[first.role] ?? first.role, words, ", created ", when(first.created)), trouble),
    state, h("div", { class: "tools" }, key, keys, limits, itself ? null : [password, disable, enable]));
  return {
    element,
    update(user) {
      fill(state, user.disabled ? h("span", { class: "badge failed" }, "Disabled") : null);
      keepingFocus(element, () => {
        disable.hidden = user.disabled;
        enable.hidden = !user.disabled;
        key.hidden = user.disabled;
      });
      hasPassword = user.has_password;
      fill(words, hasPassword ? ", has a password" : null);
    },
  };
}

function showKeys(me, account) {
  return new Promise((resolve) => {
    const list = keyList(me, { account });
    const dialog = h("dialog", { class: "wide", "aria-labelledby": "keys-of" }, h("h2", { id: "keys-of" }, `Keys of ${account}`), list.element,
      h("div", { class: "choices" }, h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Close")));
    open(dialog, () => { list.stop(); resolve(); });
  });
}
