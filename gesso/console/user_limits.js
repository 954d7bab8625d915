// The limits of one user, for administrators: the role's, or other ones, or none.
import { get, patch, Problem } from "./api.js";
import { secondsOf } from "./amounts.js";
import { field, form } from "./dialogs.js";
import { h, notice } from "./dom.js";
import { LIMITS } from "./limits.js";

const ROLES = { admin: "administrators", user: "users" };

/** Show and change them. Resolves to whether they were changed. */
export async function limitsOf(account) {
  const { limits, usual, weight, role } = await get("limits", { account });
  const fields = Object.entries(LIMITS).map(([name, each]) => limitField(name, each, limits[name], usual[name]));
  const share = h("input", { name: "weight", inputmode: "decimal", autocomplete: "off", placeholder: "1", value: weight === 1 ? null : String(weight) });
  const done = await form({
    title: `Limits of ${account}`, yes: "Save limits", wide: true,
    content: [
      h("p", { class: "hint" }, `What is left empty is as ${ROLES[role] ?? role} have it. Changes count at once, also for jobs that wait.`),
      h("div", { class: "two" }, fields.map((each) => each.element), field("Share", share, "of engine time while others wait; 2: twice the usual")),
    ],
    act: async (given) => {
      const change = Object.assign({}, ...fields.map((each) => each.changed()));
      const wanted = (given.weight ?? "").trim();
      if (wanted !== (weight === 1 ? "" : String(weight))) change.weight = wanted ? number("weight", wanted) : null;
      if (!Object.keys(change).length) return;
      try {
        await patch(`users/${encodeURIComponent(account)}/limits`, change);
      } catch (error) {
        // The answer begins with the name of what it is about, between backticks.
        const found = /^`(\w+)`: (.*)$/.exec(error.message);
        if (!found) throw error;
        throw wrong(found[1], `This ${found[2]}`.replace(/^This '.*?' is/, "This is"));
      }
    },
  });
  if (done) notice(`The limits of ${account} are saved.`);
  return done;
}

function limitField(name, { label, write, what }, { used, limit, own }, usual) {
  const before = own && limit !== null ? write(limit) : "";
  const none = own && limit === null;
  const input = h("input", { name, value: before, disabled: none, autocomplete: "off", spellcheck: "false",
    placeholder: usual === null ? "no limit" : write(usual) });
  const box = h("input", { type: "checkbox", checked: none, onchange: () => { input.disabled = box.checked; } });
  const hint = used === null ? what : `${what}; now ${write(used)}`;
  const element = field(label, input, hint);
  element.append(h("label", { class: "check" }, box, "No limit", h("span", { class: "unseen" }, `: ${label}`)));
  return {
    element,
    changed() {
      const text = input.value.trim();
      if (box.checked) return none ? {} : { [name]: "none" };
      if (text === before && !none) return {};
      return { [name]: text === "" ? null : parsed(name, text) };
    },
  };
}

function parsed(name, text) {
  if (name === "storage" || name === "body") return text;
  if (name === "gpu_seconds_per_day") return secondsOf(text) ?? number(name, text);
  return number(name, text);
}

function number(name, text) {
  const value = Number(text.replace(/[\s\u202f]/g, ""));
  if (!Number.isNaN(value)) return value;
  throw wrong(name, "This is no number.");
}

function wrong(name, message) {
  const error = new Problem(message);
  error.field = name;
  return error;
}
