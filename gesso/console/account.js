// My account: who I am here, what I have of my limits, what I used, my password.
import { get, now } from "./api.js";
import { count, jobs, seconds } from "./amounts.js";
import { barPicture } from "./bar_picture.js";
import { action, fill, h, problem, url } from "./dom.js";
import { SCOPES } from "./keys.js";
import { limitList } from "./limits.js";
import { ownPassword, removePassword } from "./password.js";
import { Polling } from "./polling.js";
import { when } from "./times.js";

const EVERY_MS = 10_000;
const USAGE_EVERY_MS = 60_000;
const DAYS = 30;
const DAY_S = 86_400;
const ROLES = { admin: "Administrator", user: "User" };

export function accountView(me) {
  const parts = [limitsPart(), me.may("jobs:own") ? usagePart() : null].filter(Boolean);
  const element = h("div", { class: "account" }, h("h1", { tabindex: "-1" }, "My account"),
    whoPart(me), parts.map((part) => part.element), passwordPart(me));
  return { title: "My account", element, stop() { for (const part of parts) part.stop(); } };
}

function whoPart(me) {
  const how = h("dd", {}, me.key ? "with a key" : "with your password");
  if (me.key && me.may("keys:own")) {
    get("keys").then(({ keys }) => {
      const key = keys.find((each) => each.id === me.key);
      if (key) fill(how, `with the key “${key.name}”`, me.expires ? [", which ends ", when(me.expires)] : null);
    }, () => {});
  } else if (me.expires) how.append(", until ", when(me.expires));
  const less = ["jobs:own", "engines:read", "keys:own"].some((scope) => !me.may(scope));
  return h("dl", { class: "facts" },
    h("dt", {}, "Name"), h("dd", {}, me.account),
    h("dt", {}, "Role"), h("dd", {}, ROLES[me.role] ?? me.role),
    h("dt", {}, "Signed in"), how,
    less ? [h("dt", {}, "This key may"), h("dd", {}, me.scopes.map((scope) => SCOPES[scope] ?? scope).join(", ") || "nothing")] : null);
}

function limitsPart() {
  const trouble = h("div");
  const list = h("div");
  const element = h("section", { class: "sheet loading", "aria-labelledby": "limits" }, h("h2", { id: "limits" }, "What I have of my limits"), trouble, list);
  let seen = null;
  const polling = new Polling(async (signal) => {
    const found = await get("limits", {}, signal);
    if (found === seen) return;
    seen = found;
    element.classList.remove("loading");
    fill(list, limitList(found));
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });
  return { element, stop: () => polling.stop() };
}

function usagePart() {
  const trouble = h("div");
  const sums = h("p", { class: "lead" });
  const picture = h("div");
  const since = dayOf(now() - (DAYS - 1) * DAY_S);
  const csv = h("a", { class: "button quiet", download: "usage.csv", href: url("/gesso/api/usage", { by: "day", since, format: "csv" }) }, "Download CSV");
  const element = h("section", { class: "sheet loading", "aria-labelledby": "usage" },
    h("div", { class: "head" }, h("h2", { id: "usage" }, `Engine time per day, the last ${DAYS} days`), csv), trouble, sums, picture);
  let drawn = "";
  const polling = new Polling(async (signal) => {
    const { rows } = await get("usage", { by: "day", since }, signal);
    const version = JSON.stringify(rows);
    // Drawn anew only for news: somebody may have opened the table.
    if (version === drawn) return;
    drawn = version;
    element.classList.remove("loading");
    draw(rows);
  }, { everyMs: () => USAGE_EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });

  function draw(rows) {
    const known = new Map(rows.map((row) => [row.key, row]));
    const worked = rows.reduce((sum, row) => sum + row.gpu_seconds, 0);
    const ended = rows.reduce((sum, row) => sum + row.jobs, 0);
    fill(sums, ended ? `${seconds(worked)} for ${jobs(ended)}. Days are those of UTC.`
      : "No job of yours has ended in this time. Each one's time on an engine is counted here.");
    csv.hidden = !ended;
    fill(picture, ended ? barPicture({
      name: `Engine time per day: ${seconds(worked)} in ${DAYS} days`,
      bars: Array.from({ length: DAYS }, (_, index) => bar(dayOf(now() - (DAYS - 1 - index) * DAY_S), known)),
      write: seconds, columns: ["Day", "Engine time", "Jobs", "Failed", "Cancelled"],
      first: shortDay(since), last: "today",
    }) : null);
  }
  return { element, stop: () => polling.stop() };
}

function bar(day, known) {
  const row = known.get(day) ?? { gpu_seconds: 0, jobs: 0, failed: 0, cancelled: 0 };
  return { value: row.gpu_seconds, told: [shortDay(day), seconds(row.gpu_seconds), count(row.jobs), count(row.failed), count(row.cancelled)] };
}

const dayOf = (at) => new Date(at * 1000).toISOString().slice(0, 10);
const shortDay = (day) => new Date(`${day}T00:00Z`).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" });

function passwordPart(me) {
  const words = h("p", { class: "lead" });
  const change = action("", async () => { if (await ownPassword(me)) draw(); }, { quiet: false });
  const remove = action("Remove password", async () => {
    if (!(await removePassword(me.account, true))) return;
    me.has_password = false;
    draw();
    change.focus();
  }, { danger: true });
  function draw() {
    fill(words, me.has_password ? ["You can sign in as ", h("b", {}, me.account), " with your password, besides your keys."]
      : ["You sign in with keys only. With a password, you can also sign in by your name, ", h("b", {}, me.account), "."]);
    fill(change, me.has_password ? "Change password" : "Set a password");
    // One's own password is taken away only by an administrator: others could lock themselves out.
    remove.hidden = !me.has_password || !me.may("accounts:manage");
  }
  draw();
  return h("section", { class: "sheet", "aria-labelledby": "password" }, h("h2", { id: "password" }, "Password"), words,
    h("div", { class: "tools" }, change, remove));
}
