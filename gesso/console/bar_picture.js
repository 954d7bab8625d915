// A small picture of numbers as bars, and the same as a table for whoever reads it otherwise.
import { h, s } from "./dom.js";

const [HIGH, STEP, GAP] = [100, 10, 2];

/** `bars`: [{ label, value, told }]; `write(value)`: a value in words; `columns`: heads of the table; `first`, `last`: under the ends. */
export function barPicture({ name, bars, write, columns, first, last }) {
  const most = Math.max(...bars.map((bar) => bar.value));
  const picture = s("svg", { viewBox: `0 0 ${bars.length * STEP} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": name });
  bars.forEach((bar, index) => picture.append(column(bar, index, most)));
  return h("figure", { class: "bars" },
    h("p", { class: "scale", "aria-hidden": "true" }, write(most)),
    picture,
    h("p", { class: "ends", "aria-hidden": "true" }, h("span", {}, first), h("span", {}, last)),
    h("details", {}, h("summary", {}, "As a table"), table(bars, columns)));
}

function column({ value, told }, index, most) {
  // What is not nothing can be seen.
  const high = value && most ? Math.max(2, (HIGH * value) / most) : 0;
  const at = index * STEP + GAP / 2;
  const group = s("g", {}, s("rect", { class: "ground", x: at, y: 0, width: STEP - GAP, height: HIGH }),
    s("rect", { class: "bar", x: at, y: HIGH - high, width: STEP - GAP, height: high }));
  const title = s("title");
  title.textContent = told.join(": ");
  group.append(title);
  return group;
}

function table(bars, columns) {
  const rows = bars.filter((bar) => bar.value).reverse();
  return h("div", { class: "wide-table", tabindex: "0", role: "region", "aria-label": "Table" }, h("table", {},
    h("thead", {}, h("tr", {}, columns.map((each) => h("th", { scope: "col" }, each)))),
    h("tbody", {}, rows.map(({ told: [key, ...cells] }) => h("tr", {}, h("th", { scope: "row" }, key), cells.map((each) => h("td", {}, each)))))));
}
