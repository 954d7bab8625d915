// The console: who is signed in, which places there are for them, and the one that is open.
import { accountView } from "./account.js";
import { alarmsView } from "./alarms.js";
import { get } from "./api.js";
import { auditView } from "./audit.js";
import { fill, h, problem } from "./dom.js";
import { drawView } from "./draw/view.js";
import { engineView } from "./engines.js";
import { jobView } from "./job.js";
import { jobsView } from "./jobs.js";
import { keysView } from "./keys.js";
import { machineView } from "./machine.js";
import { queueView } from "./queue.js";
import { keepTrue } from "./times.js";
import { usageView } from "./usage.js";
import { usersView } from "./users.js";

// Only what the caller's key may do is offered. The API holds everybody to it, whatever stands here.
const PLACES = [
  { name: "jobs", label: "My jobs", scope: "jobs:own", view: jobsView, one: jobView },
  { name: "draw", label: "Draw", scope: "jobs:own", view: drawView, one: drawView },
  { name: "keys", label: "My keys", scope: "keys:own", view: keysView },
  { name: "account", label: "My account", scope: null, view: accountView },
  { name: "queue", label: "Queue", all: true, scope: "jobs:all", view: queueView },
  { name: "engines", label: "Machine", all: true, scope: "engines:read", view: machineView, one: engineView },
  { name: "alarms", within: "engines", scope: "engines:read", view: alarmsView },
  { name: "users", label: "Users", scope: "accounts:manage", view: usersView },
  { name: "usage", label: "Usage", scope: "jobs:all", view: usageView },
  { name: "audit", label: "Audit", scope: "accounts:manage", view: auditView },
];
const ROLES = { admin: "administrator", user: "user" };
const main = document.getElementById("main");
let me = null;
let places = [];
let current = null;
let at = null;

async function begin() {
  try {
    me = await get("whoami");
  } catch (error) {
    fill(main, problem(error), h("p", {}, h("button", { type: "button", onclick: begin }, "Try again")));
    return;
  }
  me.may = (scope) => scope === null || me.scopes.includes(scope);
  places = PLACES.filter((place) => me.may(place.scope));
  fill(document.getElementById("who"), h("strong", {}, me.account), h("span", {}, ROLES[me.role] ?? me.role));
  const links = places.filter((place) => !place.within);
  const first = links.find((place) => place.all);
  fill(document.getElementById("places"), links.map((place) => h("a", { href: `#/${place.name}`, class: place === first ? "others" : null }, place.label)));
  addEventListener("hashchange", () => show(true));
  document.getElementById("skip").addEventListener("click", (event) => {
    event.preventDefault();
    main.focus();
  });
  keepTrue();
  show(false);
}

/** Open the place that the address names. `moved`: the focus goes along. */
function show(moved) {
  const [name, ...rest] = location.hash.replace(/^#\/?/, "").split("/");
  const id = rest.length ? decode(rest.join("/")) : null;
  const place = places.find((each) => each.name === name && (id === null || each.one));
  if (!place && name) {
    location.replace("#/");
    return;
  }
  const open = place ?? places[0];
  for (const link of document.querySelectorAll("#places a")) {
    const here = link.getAttribute("href") === `#/${open.within ?? open.name}`;
    if (here) link.setAttribute("aria-current", id === null && !open.within ? "page" : "true");
    else link.removeAttribute("aria-current");
    if (here) link.scrollIntoView({ block: "nearest", inline: "nearest" });
  }
  if (open === at && current.open) {
    current.open(id);
    return;
  }
  current?.stop();
  at = open;
  current = id === null ? open.view(me) : open.one(me, id);
  document.title = `${current.title} · gesso`;
  fill(main, current.element);
  scrollTo(0, 0);
  if (moved) main.querySelector("h1")?.focus({ preventScroll: true });
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

begin();
