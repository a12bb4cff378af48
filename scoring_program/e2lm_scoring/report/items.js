// Filters and sorts the table of items; without scripts, the page shows its first rows.
const itemsSource = document.getElementById("items-data");
if (itemsSource) {
  const data = JSON.parse(itemsSource.textContent);
  const find = (id) => document.getElementById("items-" + id);
  const body = find("rows"), search = find("search"), kind = find("kind"), order = find("order"), more = find("more");
  const STEP = 50;
  let rows = [], drawn = 0;

  const cells = (index) => [
    data.subsets.length > 1 ? data.subsets[data.subset[index]] : null,
    data.kinds[data.kind[index]], data.mean[index], data.rise[index], data.trend[index], data.influence[index],
  ];

  const matches = (index) => {
    if (kind.value && data.kinds[data.kind[index]] !== kind.value) return false;
    const text = search.value.trim().toLowerCase();
    if (!text) return true;
    const range = text.match(/^(\d+)(?:\s*-\s*(\d+))?$/);
    if (range) return index >= +range[1] && index <= +(range[2] || range[1]);
    return data.subsets[data.subset[index]].toLowerCase().includes(text) || data.kinds[data.kind[index]].includes(text);
  };

  const draw = () => {
    for (const index of rows.slice(drawn, drawn + STEP)) {
      const row = document.createElement("tr");
      const head = document.createElement("th");
      head.scope = "row";
      head.textContent = index;
      row.append(head);
      for (const value of cells(index)) {
        if (value === null) continue;
        const cell = document.createElement("td");
        cell.textContent = typeof value === "number" ? String(value).replace(/-/g, "\u2212") : value;
        row.append(cell);
      }
      body.append(row);
    }
    drawn = Math.min(rows.length, drawn + STEP);
    more.hidden = drawn >= rows.length;
    find("count").textContent = rows.length + (rows.length === 1 ? " item" : " items") + ", " + drawn + " shown";
  };

  const update = () => {
    const [by, direction] = order.value.split(" ");
    rows = data.kind.map((_, index) => index).filter(matches);
    if (by !== "item") rows.sort((a, b) => (data[by][a] - data[by][b]) * (direction === "down" ? -1 : 1) || a - b);
    drawn = 0;
    body.replaceChildren();
    draw();
  };

  search.addEventListener("input", update);
  for (const control of [kind, order]) control.addEventListener("change", update);
  more.addEventListener("click", draw);
  find("controls").hidden = false;
  update();
}
