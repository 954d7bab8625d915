// Tables that stay readable on a narrow screen, where each row becomes a card; sorted by pressing a head.
import { h, keyed } from "./dom.js";

/**
 * `columns`: [{ label, cell(item), number?, by?(item) }]; a cell is a text, an element or null; those with `by` sort.
 * `show(items)` draws; rows stay the same elements while their `key` does.
 */
export function table({ name, columns, key, sorted = null }) {
  const body = h("tbody", { role: "rowgroup" });
  const heads = columns.map((column, index) => head(column, () => sort(index)));
  const element = h("table", { class: "stacks", role: "table", "aria-label": name },
    h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, heads)), body);
  const draw = keyed(body, (item) => row(columns, item), key);
  let by = sorted;
  let items = [];

  function sort(index) {
    const down = by?.index === index ? !by.down : Boolean(columns[index].number);
    by = { index, down };
    show(items);
  }

  function show(wanted) {
    items = wanted;
    const value = by && columns[by.index].by;
    draw(value ? [...items].sort((a, b) => compare(value(a), value(b)) * (by.down ? -1 : 1)) : items);
    heads.forEach((each, index) => {
      if (columns[index].by) each.setAttribute("aria-sort", by?.index !== index ? "none" : by.down ? "descending" : "ascending");
    });
  }
  return { element, show };
}

const compare = (a, b) => (typeof a === "string" ? a.localeCompare(b) : a - b);

function head({ label, number, by }, sort) {
  return h("th", { scope: "col", role: "columnheader", class: number ? "number" : null },
    by ? h("button", { type: "button", class: "sorting", onclick: sort }, label) : label);
}

function row(columns, first) {
  const cells = columns.map(({ label, number }, index) => h(index ? "td" : "th",
    { role: index ? "cell" : "rowheader", scope: index ? null : "row", class: number ? "number" : null, "data-label": label }));
  const element = h("tr", { role: "row" }, cells);
  let drawn = "";
  return {
    element,
    update(item = first) {
      const version = JSON.stringify(item);
      if (version === drawn) return;
      drawn = version;
      columns.forEach(({ cell }, index) => {
        const shown = cell(item);
        cells[index].replaceChildren(shown ?? "–");
        cells[index].classList.toggle("nothing", shown === null);
      });
    },
  };
}
