"use strict";
// Sorts and searches the table; without scripts it is in the order of ranks.
const table = document.getElementById("board"), body = table.tBodies[0];
const search = document.getElementById("search"), show = document.getElementById("show");
const count = document.getElementById("count");
const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase(), is: row.dataset.is.split(" ") }));
const heads = [...table.tHead.rows[0].cells];

const value = (entry, column) => {
  const text = entry.row.cells[column].dataset.value;
  return column === 1 ? text.toLowerCase() : text === "" ? NaN : Number(text);
};

const sort = (head, direction) => {
  const column = Number(head.dataset.column), sign = direction === "ascending" ? 1 : -1;
  const keyed = rows.map((entry, index) => ({ entry, index, key: value(entry, column) }));
  keyed.sort((a, b) => {
    if (column === 1) return sign * a.key.localeCompare(b.key) || a.index - b.index;
    // runs that are not ranked come last in either direction
    if (Number.isNaN(a.key) || Number.isNaN(b.key)) return Number.isNaN(a.key) - Number.isNaN(b.key) || a.index - b.index;
    return sign * (a.key - b.key) || a.index - b.index;
  });
  body.append(...keyed.map(({ entry }) => entry.row));
  for (const one of heads) one.removeAttribute("aria-sort");
  head.setAttribute("aria-sort", direction);
};

for (const head of heads) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const now = head.getAttribute("aria-sort");
    sort(head, now ? (now === "ascending" ? "descending" : "ascending") : head.dataset.first);
  });
}

const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text, is } of rows) {
    row.hidden = !words.every((word) => text.includes(word)) || (show.value !== "" && !is.includes(show.value));
    if (!row.hidden) shown += 1;
  }
  count.textContent = shown + " of " + rows.length + " submissions";
};

search.addEventListener("input", filter);
show.addEventListener("change", filter);
document.getElementById("controls").hidden = false;
filter();
