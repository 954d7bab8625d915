// Questions, each in a <dialog>: Escape is no, the focus comes back to where it was.
import { enable, enabled, fill, h, problem } from "./dom.js";

/** Ask, and do it on yes; what goes wrong is told in the dialog. Resolves to whether it was done. */
export function confirm({ title, text, yes, act, danger = true }) {
  return form({ title, content: [h("p", {}, text)], yes, act, danger });
}

/**
 * A form in a dialog. `act(fields)` does it; the dialog stays open with the reason if that fails.
 * `other`: { label, act }, what else may be done in its place.
 */
export function form({ title, content, yes, act, danger = false, wide = false, other = null }) {
  return new Promise((resolve) => {
    const trouble = h("div");
    const submit = h("button", { class: danger ? "danger" : "" }, yes);
    const instead = other && h("button", { type: "button", class: "quiet danger other", onclick: async () => {
      dialog.close();
      await other.act();
    } }, other.label);
    const body = h("form", { method: "dialog" },
      h("h2", { id: "dialog-title" }, title), content, trouble,
      h("div", { class: "choices" }, instead,
        h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"), submit));
    const dialog = h("dialog", { class: wide ? "wide" : null, "aria-labelledby": "dialog-title" }, body);
    let done = false;
    body.addEventListener("submit", async (event) => {
      event.preventDefault();
      if (!enabled(submit)) return;
      enable(submit, false);
      fill(trouble);
      for (const input of body.querySelectorAll("[aria-invalid]")) mark(input, null);
      try {
        await act(Object.fromEntries(new FormData(body)));
        done = true;
        dialog.close();
      } catch (error) {
        const input = error.field && body.elements[error.field];
        if (input) mark(input, error);
        else fill(trouble, problem(error));
      } finally {
        enable(submit, true);
      }
    });
    open(dialog, () => resolve(done));
  });
}

/** What is wrong with a field, said at it; null: nothing is. `focus`: somebody has just sent it. */
export function mark(input, error, focus = true) {
  const place = document.getElementById(`${input.id}-problem`);
  fill(place, error ? [error.message, error.remedy ? ` ${error.remedy}` : null] : null);
  if (!error) {
    input.removeAttribute("aria-invalid");
    return;
  }
  input.setAttribute("aria-invalid", "true");
  if (focus) input.focus();
}

/** Show `dialog` until it is closed, then forget it with all that stood in it. */
export function open(dialog, onClose) {
  dialog.addEventListener("close", () => {
    dialog.remove();
    onClose();
  });
  document.body.append(dialog);
  dialog.showModal();
}

/** A labelled field of a form. */
export function field(label, input, hint = null) {
  const id = `field-${input.getAttribute("name")}`;
  input.id = id;
  input.setAttribute("aria-describedby", hint ? `${id}-problem ${id}-hint` : `${id}-problem`);
  return h("div", { class: "field" }, h("label", { for: id }, label), input,
    h("p", { class: "wrong", id: `${id}-problem` }), hint ? h("p", { class: "hint", id: `${id}-hint` }, hint) : null);
}

export function select(name, options, value) {
  return h("select", { name },
    Object.entries(options).map(([each, label]) => h("option", { value: each, selected: each === value }, label)));
}
