// Elements from data. Data becomes text or an attribute, never markup.

/** h("p", { class: "x", onclick: f, "aria-live": "polite" }, "text", element, null) */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...shown(children));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** The same for pictures: s("rect", { x: 0, width: 10 }) */
export function s(tag, attributes = {}, ...children) {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) if (value !== null) element.setAttribute(name, value);
  element.append(...shown(children));
  return element;
}

/** Exchange what is in `element`. */
export function fill(element, ...children) {
  element.replaceChildren(...shown(children));
  return element;
}

const shown = (children) => children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== false);

/** Write only what differs: a text that is set again would be read out, and deselected, again. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function url(path, query = {}) {
  const pairs = Object.entries(query).flatMap(([name, value]) => [value].flat().map((each) => [name, each]));
  const wanted = pairs.filter(([, value]) => value !== undefined && value !== null);
  return wanted.length ? `${path}?${new URLSearchParams(wanted)}` : path;
}

/**
 * A list that follows its data: rows stay the same elements (focus, loaded pictures) while their key does.
 * `make(item)` gives { element, update(item), stop()? }.
 */
export function keyed(list, make, key = (item) => item.id) {
  const rows = new Map();
  return (items) => {
    const wanted = new Map(items.map((item) => [key(item), item]));
    for (const [id, row] of rows) {
      if (wanted.has(id)) continue;
      const hadFocus = row.element.contains(document.activeElement);
      row.element.remove();
      row.stop?.();
      rows.delete(id);
      if (hadFocus) document.querySelector("main h1")?.focus();
    }
    let place = list.firstElementChild;
    for (const [id, item] of wanted) {
      if (!rows.has(id)) rows.set(id, make(item));
      const row = rows.get(id);
      row.update(item);
      if (row.element === place) place = place.nextElementSibling;
      else list.insertBefore(row.element, place);
    }
  };
}

/** `change` may hide what has the focus: then the first button in `place` gets it; with `opposite`, the one that has appeared. */
export function keepingFocus(place, change, { opposite = false } = {}) {
  const at = place.contains(document.activeElement) ? document.activeElement : null;
  const hidden = [...place.querySelectorAll("button[hidden]")];
  change();
  if (!at?.hidden) return;
  const next = opposite && hidden.find((each) => !each.hidden);
  (next || place.querySelector("button:not([hidden])"))?.focus();
}

/** Exchange what is in `element`; the focus stays on what has the same words, or else goes to `otherwise`. */
export function refill(element, otherwise, ...children) {
  const words = element.contains(document.activeElement) ? document.activeElement.textContent : null;
  fill(element, ...children);
  if (words === null) return;
  const same = [...element.querySelectorAll("a, button")].find((each) => each.textContent === words);
  (same ?? otherwise).focus({ preventScroll: true });
}

/** What went wrong, where it happened. */
export function problem(error) {
  return h("div", { class: "problem", role: "alert" },
    h("p", {}, error.message),
    error.remedy ? h("p", { class: "remedy" }, error.remedy) : null);
}

/** Not `disabled`: that would take the keyboard's focus away. Who listens for the click asks `enabled` first. */
export function enable(button, on) {
  if (on) button.removeAttribute("aria-disabled");
  else button.setAttribute("aria-disabled", "true");
}

export const enabled = (button) => !button.hasAttribute("aria-disabled");

/**
 * A button that does something and says how it went: it waits, a problem appears in `place`, or beside it.
 */
export function action(label, act, { quiet = true, danger = false, name = null, place = null } = {}) {
  const button = h("button", { type: "button", class: [quiet && "quiet", danger && "danger"].filter(Boolean).join(" "),
    "aria-label": name }, label);
  let told = null;
  button.addEventListener("click", async () => {
    if (!enabled(button)) return;
    told?.remove();
    enable(button, false);
    try {
      await act();
    } catch (error) {
      told = problem(error);
      if (place) place.append(told);
      else button.after(told);
    } finally {
      enable(button, true);
    }
  });
  return button;
}

/** A button below a list, shown while `offer(more)` says that there is more: the same one, which keeps the focus. */
export function further(label, act) {
  const element = h("p", { class: "more", hidden: true }, action(label, act));
  return { element, offer(more) { element.hidden = !more; } };
}

/** Tell what was done, to eyes and to screen readers, for a while. */
export function notice(text) {
  const place = document.getElementById("notice");
  place.textContent = text;
  clearTimeout(notice.timer);
  notice.timer = setTimeout(() => { place.textContent = ""; }, 6000);
}
