"use strict";
// Sorts and searches the table; without scripts it is in the order of ranks.
const table = document.getElementById("board"), body = table.tBodies[0];
const search = document.getElementById("search"), show = document.getElementById("show");
const count = document.getElementById("count"), metric = document.getElementById("metric");
const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase(), is: row.dataset.is.split(" "), metric: row.dataset.metric }));
const heads = [...table.tHead.rows[0].cells].filter((head) => head.dataset.column);

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
    remember();
  });
}

const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  for (const { row, text, is, metric: own } of rows) {
    row.hidden =
      !words.every((word) => text.includes(word)) ||
      (show.value !== "" && !is.includes(show.value)) ||
      (metric !== null && metric.value !== "" && metric.value !== own);
    if (!row.hidden) shown += 1;
  }
  count.textContent = shown + " of " + rows.length + " submissions";
  document.getElementById("empty").hidden = shown > 0;
  table.hidden = shown === 0;
};

// The address holds the search, the filters and the order, so that a view can be linked to.
const remember = () => {
  const state = new URLSearchParams();
  if (search.value) state.set("search", search.value);
  if (show.value) state.set("show", show.value);
  if (metric !== null && metric.value) state.set("metric", metric.value);
  const head = heads.find((one) => one.hasAttribute("aria-sort"));
  const column = head.dataset.column, direction = head.getAttribute("aria-sort");
  if (column !== "0" || direction !== "ascending") state.set("sort", column + "-" + direction);
  history.replaceState(null, "", "#" + state);
};

const choose = (select, value) => {
  if (select !== null) select.value = [...select.options].some((option) => option.value === value) ? value : "";
};

const recall = () => {
  const state = new URLSearchParams(location.hash.slice(1));
  search.value = state.get("search") ?? "";
  choose(show, state.get("show") ?? "");
  choose(metric, state.get("metric") ?? "");
  const [column, direction] = (state.get("sort") ?? "0-ascending").split("-");
  const head = heads.find((one) => one.dataset.column === column);
  const known = head && (direction === "ascending" || direction === "descending");
  if (known && head.getAttribute("aria-sort") !== direction) sort(head, direction);
  filter();
};

const change = () => {
  filter();
  remember();
};

search.addEventListener("input", change);
for (const select of [show, metric]) select?.addEventListener("change", change);
document.getElementById("clear").addEventListener("click", () => {
  search.value = "";
  choose(show, "");
  choose(metric, "");
  change();
  search.focus();
});
addEventListener("hashchange", recall);
document.getElementById("controls").hidden = false;
recall();
