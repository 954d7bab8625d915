// Passwords, asked for in a dialog: one's own, or, for administrators, another's.
import { post, Problem, put } from "./api.js";
import { confirm, field, form } from "./dialogs.js";
import { h, notice } from "./dom.js";

const SHORTEST = 10;

/** Set or change one's own. Resolves to whether it was done. */
export async function ownPassword(me) {
  const done = await form({
    title: me.has_password ? "Change password" : "Set a password",
    yes: me.has_password ? "Change password" : "Set password",
    content: [name(me.account), me.has_password ? field("Present password", secret("old", "current-password")) : null, twice()],
    act: async ({ old, fresh, again }) => {
      check(fresh, again);
      try {
        await post("password", { old: old ?? null, new: fresh });
      } catch (error) {
        if (old !== undefined && error.status === 403) error.field = "old";
        else if (error.status === 400) error.field = "fresh";
        throw error;
      }
    },
  });
  if (!done) return false;
  me.has_password = true;
  notice("Your password is set. Your other browsers are signed out; keys go on.");
  return true;
}

/** An administrator sets or removes that of `account`. */
export async function passwordOf(account, hasOne, lookAgain) {
  const done = await form({
    other: hasOne ? { label: "Remove it", act: async () => { if (await removePassword(account, false)) await lookAgain(); } } : null,
    title: `Password of ${account}`, yes: "Set password",
    content: [h("p", { class: "hint" }, `Hand it over in person: with it, one signs in as ${account}. All browsers of the account are signed out; its keys go on.`),
      name(account), twice()],
    act: async ({ fresh, again }) => {
      check(fresh, again);
      try {
        await put(path(account), { new: fresh });
      } catch (error) {
        if (error.status === 400) error.field = "fresh";
        throw error;
      }
    },
  });
  if (!done) return;
  notice(`The password of ${account} is set.`);
  await lookAgain();
}

export async function removePassword(account, itself) {
  const done = await confirm({
    title: itself ? "Remove your password?" : `Remove the password of ${account}?`, yes: "Remove",
    text: itself ? "From now on you sign in with keys only. Your other browsers are signed out. Have a key at hand before."
      : "From now on one signs in with keys only. All browsers of the account are signed out; its keys go on.",
    act: () => put(path(account), { new: null }),
  });
  if (done) notice(itself ? "Your password is removed." : `The password of ${account} is removed.`);
  return done;
}

const path = (account) => `users/${encodeURIComponent(account)}/password`;

function check(fresh, again) {
  if ([...fresh].length < SHORTEST) throw at("fresh", `A password has at least ${SHORTEST} characters.`, "Four words do well.");
  if (fresh !== again) throw at("again", "This is not the same.");
}

function at(name, message, remedy) {
  const error = new Problem(message, remedy);
  error.field = name;
  return error;
}

const twice = () => [
  field("New password", secret("fresh", "new-password"), "At least 10 characters, and no other rules."),
  field("The same again", secret("again", "new-password")),
];
const secret = (id, autocomplete) => h("input", { name: id, type: "password", required: true, maxlength: "1024", autocomplete });
// For the browser's own store of passwords.
const name = (account) => h("input", { name: "username", value: account, autocomplete: "username", readonly: true, hidden: true });
