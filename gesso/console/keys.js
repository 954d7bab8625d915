// Keys: whose they are, what they may, when they end; new ones, and the end of old ones.
import { get, now, remove } from "./api.js";
import { confirm } from "./dialogs.js";
import { action, fill, h, keyed, notice, problem } from "./dom.js";
import { newKey } from "./new_key.js";
import { Polling } from "./polling.js";
import { when } from "./times.js";

const EVERY_MS = 15_000;
export const SCOPES = {
  "jobs:own": "own jobs and pictures",
  "engines:read": "see engines",
  "keys:own": "own keys",
  "jobs:for-others": "draw for others",
  "jobs:all": "everybody's jobs",
  "engines:control": "control engines",
  "accounts:manage": "manage users",
};

export function keysView(me) {
  const add = action("New key", async () => { if (await newKey()) await list.again(); }, { quiet: false });
  const list = keyList(me, {});
  const element = h("div", {},
    h("div", { class: "head" }, h("h1", { tabindex: "-1" }, "My keys"), add),
    h("p", { class: "lead" }, "A key is what programs and browsers show to be let in as you. Give each its own, so that one can be revoked without the others."),
    list.element);
  return { title: "My keys", element, stop: list.stop };
}

/** The keys of one account (`query`: whose), in use and former, kept up to date. */
export function keyList(me, query) {
  const trouble = h("div");
  const rows = h("ul", { class: "rows" });
  const none = h("p", { class: "empty", hidden: true }, "No key is in use. Make one with “New key”.");
  const formerRows = h("ul", { class: "rows" });
  const summary = h("summary", {});
  const former = h("details", { class: "former", hidden: true }, summary, formerRows);
  const showUsed = keyed(rows, (key) => row(key, me, () => polling.now()));
  const showFormer = keyed(formerRows, (key) => row(key, me));
  let seen = null;

  const polling = new Polling(async (signal) => {
    const found = await get("keys", query, signal);
    if (found === seen) return;
    seen = found;
    const newest = [...found.keys].reverse();
    const used = newest.filter((key) => !isOver(key));
    const over = newest.filter(isOver);
    showUsed(used);
    showFormer(over);
    none.hidden = used.length > 0;
    former.hidden = !over.length;
    fill(summary, `Revoked and expired (${over.length})`);
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { element: h("div", {}, trouble, rows, none, former), again: () => polling.now(), stop: () => polling.stop() };
}

const isOver = (key) => key.revoked !== null || (key.expires !== null && key.expires <= now());

function row(first, me, lookAgain = null) {
  const words = h("p", { class: "words" });
  const here = first.id === me.key;
  const revoke = lookAgain && action("Revoke", async () => {
    const done = await confirm({
      title: `Revoke “${first.name}”?`,
      text: here ? "You are signed in with this key: this browser is signed out, too. It cannot be undone."
        : "Whatever uses it is locked out at once. It cannot be undone.",
      yes: "Revoke",
      act: () => remove(`keys/${encodeURIComponent(first.id)}`),
    });
    if (!done) return;
    notice(`“${first.name}” is revoked.`);
    await lookAgain();
  }, { danger: true, name: `Revoke ${first.name}` });
  const element = h("li", { class: "row key" },
    h("div", { class: "text" },
      h("p", { class: "title" }, first.name, here ? h("span", { class: "badge" }, "this browser") : null,
        first.in_url ? h("span", { class: "badge warm", title: "It may be sent in an address, where more can see it." }, "also in addresses") : null),
      h("p", { class: "prefix" }, h("code", {}, `${first.prefix}…`), h("span", {}, may(first.scopes))), words),
    revoke);
  return {
    element,
    update(key) {
      fill(words, "made ", when(key.created), key.used === null ? ", never used" : [", last used ", when(key.used)], ending(key));
    },
  };
}

function ending(key) {
  if (key.revoked !== null) return [", revoked ", when(key.revoked)];
  if (key.expires === null) return ", does not end by itself";
  return [key.expires <= now() ? ", ended " : ", ends ", when(key.expires)];
}

const may = (scopes) => (scopes === null ? "all that the account may" : scopes.map((scope) => SCOPES[scope] ?? scope).join(", ") || "nothing");
