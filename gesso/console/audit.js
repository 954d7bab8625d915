// The audit, for administrators: who did what to what, from where; the latest first.
import { get } from "./api.js";
import { select } from "./dialogs.js";
import { fill, further, h, problem } from "./dom.js";
import { Polling } from "./polling.js";
import { table } from "./tables.js";
import { when } from "./times.js";
import { labelled } from "./usage.js";

const EVERY_MS = 10_000;
const PAGE = 50;
const ACTIONS = {
  "login.key": "signed in with a key", "login.password": "signed in with a password", "login.failed": "could not sign in", logout: "signed out",
  "key.create": "made a key", "key.revoke": "revoked a key",
  "user.create": "made a user", "user.disable": "disabled a user", "user.enable": "enabled a user", "user.limits": "changed limits",
  "user.password": "changed a password",
  "engine.start": "started an engine", "engine.stop": "stopped an engine", "engine.restart": "restarted an engine",
  "engine.drain": "drained an engine", "engine.resume": "resumed an engine", "engine.logs": "read a log",
  "engine.test": "tested an engine", "alerts.test": "tested the alarms",
  "job.cancel": "cancelled a job", "job.view": "looked at a job", "jobs.view_all": "looked at all jobs", "route.control": "used a route",
};
const GROUPS = {
  "": "everything", login: "sign-ins", "login.failed": "failed sign-ins", key: "keys", user: "users", engine: "engines",
  job: "jobs of others", jobs: "looks at all jobs", route: "routes that change ComfyUI",
};
const TIMES = { "": "ever", "24h": "the last 24 hours", "7d": "the last 7 days", "30d": "the last 30 days" };

export function auditView() {
  const trouble = h("div");
  const filters = [
    labelled("What", select("action", GROUPS, "")), labelled("Since", select("since", TIMES, "")),
    labelled("Who", h("input", { name: "actor", maxlength: "64", autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: "anybody" })),
    labelled("To what", h("input", { name: "target", maxlength: "200", autocomplete: "off", autocapitalize: "none", spellcheck: "false", placeholder: "a name or an id" })),
  ];
  const search = h("form", { class: "filters", role: "search" }, filters, h("button", { class: "quiet" }, "Show"));
  const lines = table({ name: "Audit", key: (entry) => entry.seq, columns: [
    { label: "When", cell: (entry) => when(entry.at) },
    { label: "Who", cell: (entry) => who(entry) },
    { label: "From", cell: (entry) => entry.address },
    { label: "What", cell: (entry) => h("span", { title: entry.action }, ACTIONS[entry.action] ?? entry.action) },
    { label: "To what", cell: (entry) => entry.target },
    { label: "More", cell: (entry) => details(entry.detail) },
  ] });
  const place = h("div", { class: "sheet audit", hidden: true }, lines.element);
  const empty = h("p", { class: "empty", hidden: true }, "Nothing of this kind is written down. Choose less, or a longer time.");
  const more = further("Show older ones", showOlder);
  const element = h("div", {}, h("h1", { tabindex: "-1" }, "Audit"),
    h("p", { class: "lead" }, "What was done to accounts, keys, engines and the jobs of others. Lines are only ever added."), search, trouble, place, empty, more.element);
  let known = [];
  let older = null;

  const query = () => Object.fromEntries([...new FormData(search)].map(([name, value]) => [name, value.trim() || null]));
  const polling = new Polling(async (signal) => {
    const page = await get("audit", { ...query(), limit: PAGE }, signal);
    const last = page.entries.at(-1)?.seq ?? 0;
    // What is older than this page stays as it is: lines are never changed.
    const below = page.more ? known.filter((entry) => entry.seq < last) : [];
    known = [...page.entries, ...below];
    if (older === null || !below.length) older = page.more;
    draw();
  }, { everyMs: () => EVERY_MS, onProblem: (error) => fill(trouble, error ? problem(error) : null) });

  async function showOlder() {
    const page = await get("audit", { ...query(), limit: PAGE, before: known.at(-1).seq });
    known = [...known, ...page.entries];
    older = page.more;
    draw();
  }

  function draw() {
    lines.show(known);
    place.hidden = !known.length;
    empty.hidden = known.length > 0;
    more.offer(older);
  }

  function again() {
    known = [];
    older = null;
    polling.now();
  }
  search.addEventListener("change", again);
  search.addEventListener("submit", (event) => {
    event.preventDefault();
    again();
  });
  return { title: "Audit", element, stop: () => polling.stop() };
}

function who({ actor, account_id: account }) {
  if (account !== null || actor !== "-") return actor;
  return h("span", { class: "reason" }, "not signed in");
}

/** {"account": "ada", "in_url": false} as "account ada, in url no"; what is null says nothing. */
function details(detail) {
  const told = (value) => (value === true ? "yes" : value === false ? "no" : typeof value === "object" ? JSON.stringify(value) : String(value));
  const said = Object.entries(detail ?? {}).filter(([, value]) => value !== null);
  return said.map(([name, value]) => `${name.replaceAll("_", " ")} ${told(value)}`).join(", ") || null;
}
