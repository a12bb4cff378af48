// Filters by model and name, sorts table and panels, and fills a panel's table of values when it is opened.
const boxes = [...document.querySelectorAll("[id^=show-]")];
const search = document.getElementById("search"), order = document.getElementById("order");
const table = document.getElementById("benchmarks"), body = table.tBodies[0];
const rows = [...body.rows], panels = document.getElementById("panels"), articles = [...panels.children];
const count = document.getElementById("count");

const filter = () => {
  const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
  const slots = new Set(boxes.filter((box) => box.checked).map((box) => box.id.slice(5)));
  const named = (name) => words.every((word) => name.includes(word));
  for (const row of rows) row.hidden = !named(row.dataset.name) || !slots.has(row.dataset.slot);
  let shown = 0;
  for (const article of articles) {
    article.hidden = !named(article.dataset.name) || !article.dataset.slots.split(" ").some((slot) => slots.has(slot));
    shown += !article.hidden;
  }
  count.textContent = shown + " of " + articles.length + " shown";
};

const number = (text) => (text === undefined || text === "" ? NaN : Number(text));

// What has no value comes last in either direction.
const compared = (a, b, sign) => {
  if (Number.isNaN(a) || Number.isNaN(b)) return Number.isNaN(a) - Number.isNaN(b);
  return sign * (a - b);
};

const arrange = () => {
  const key = order.value;
  const sorted = articles.map((article, index) => ({ article, index }));
  sorted.sort((a, b) =>
    key === "name"
      ? a.article.dataset.name.localeCompare(b.article.dataset.name)
      : compared(number(a.article.dataset[key]), number(b.article.dataset[key]), -1) || a.index - b.index);
  panels.append(...sorted.map(({ article }) => article));
};

for (const head of table.tHead.rows[0].cells) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = head.textContent;
  button.title = head.title;
  head.replaceChildren(button);
  button.addEventListener("click", () => {
    const first = head.classList.contains("number") ? "descending" : "ascending";
    const now = head.getAttribute("aria-sort");
    const direction = now ? (now === "ascending" ? "descending" : "ascending") : first;
    const sign = direction === "ascending" ? 1 : -1, at = head.cellIndex;
    const sorted = rows.map((row, index) => ({ row, index }));
    sorted.sort((a, b) => {
      const one = a.row.cells[at], other = b.row.cells[at];
      const by = head.classList.contains("number")
        ? compared(number(one.dataset.value), number(other.dataset.value), sign)
        : sign * one.textContent.localeCompare(other.textContent);
      return by || a.index - b.index;
    });
    body.append(...sorted.map(({ row }) => row));
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", direction);
  });
}

const cell = (row, text, kind = "td") => {
  const made = document.createElement(kind);
  made.textContent = text;
  if (kind === "th") made.scope = row.parentNode.tagName === "THEAD" ? "col" : "row";
  row.append(made);
};

for (const details of panels.querySelectorAll("details")) {
  details.addEventListener("toggle", () => {
    const values = details.querySelector("table.values");
    if (!details.open || values.tHead) return;
    const data = JSON.parse(document.getElementById(values.dataset.of + "-reading").textContent);
    const head = values.createTHead().insertRow();
    cell(head, values.dataset.axis, "th");
    for (const series of data.series) cell(head, series.name, "th");
    const into = values.createTBody();
    data.at.forEach((at, index) => {
      const row = into.insertRow();
      cell(row, at, "th");
      for (const series of data.series) cell(row, series.y[index] === null ? "" : series.text[index]);
    });
  });
}

const open = () => {
  const target = location.hash && document.getElementById(location.hash.slice(1));
  const details = target && target.querySelector("details");
  if (!details) return;
  details.open = true;
  target.scrollIntoView();
};

for (const box of boxes) box.addEventListener("change", filter);
search.addEventListener("input", filter);
order.addEventListener("change", arrange);
window.addEventListener("hashchange", open);
document.getElementById("controls").hidden = false;
filter();
open();
