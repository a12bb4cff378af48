// Filters and sorts the table of items; without scripts, the page shows its first rows.
const itemsSource = document.getElementById("items-data");
if (itemsSource) {
  const data = JSON.parse(itemsSource.textContent);
  const find = (id) => document.getElementById("items-" + id);
  const body = find("rows"), search = find("search"), kind = find("kind"), order = find("order"), more = find("more");
  const STEP = 50;
  let rows = [], drawn = 0;

  const shownSource = document.getElementById("items-shown");
  const shown = shownSource ? JSON.parse(shownSource.textContent) : null;
  const shownAt = new Map(shown ? shown.items.map((item) => [item.number, item]) : []);

  const element = (name, text, kind) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (kind) made.className = kind;
    return made;
  };

  // The item's mean score at each early checkpoint, as a small line.
  const sparkline = (scores) => {
    const low = Math.min(0, ...scores), span = Math.max(1, ...scores) - low || 1, last = Math.max(1, scores.length - 1);
    const points = scores.map((score, at) => 100 * at / last + " " + (29 - 28 * (score - low) / span)).join("L");
    const box = element("div");
    box.innerHTML = `<svg viewBox="0 0 100 30" preserveAspectRatio="none" role="img"><path d="M${points}"/></svg>`;
    box.firstChild.setAttribute("aria-label", "Mean score at each early checkpoint: " + scores.join(", "));
    return box;
  };

  // One row a signal model: what it preferred or wrote at each early checkpoint.
  const answers = (item) => {
    const table = element("table"), head = element("tr");
    head.append(element("th", "billions of tokens"), ...shown.tokens.map((amount) => element("th", amount)));
    const top = element("thead");
    top.append(head);
    const rows = element("tbody");
    shown.models.forEach((model, at) => {
      const row = element("tr");
      row.append(element("th", model));
      for (const choice of item.preferred[at] || []) {
        const right = item.right.includes(choice);
        row.append(element("td", choice + 1 + (right ? " \u2713" : ""), right ? "hit" : "miss"));
      }
      for (const text of item.wrote[at] || []) row.append(element("td", shown.written[text] || "(nothing)"));
      rows.append(row);
    });
    table.append(top, rows);
    const around = element("div", undefined, "scroll");
    around.tabIndex = 0;
    around.append(table);
    return around;
  };

  const details = (item) => {
    const box = element("div", undefined, "item");
    if (item.text) box.append(element("pre", item.text));
    const choices = element("ol");
    item.choices.forEach((choice, at) => {
      const one = element("li", choice.trim());
      if (item.right.includes(at)) one.append(element("b", " \u2713 right"));
      choices.append(one);
    });
    box.append(choices, element("p", "Mean score of the signal models over the early window", "caption"), sparkline(item.scores));
    if (item.preferred.length) box.append(element("p", "The likeliest choice at each early checkpoint", "caption"), answers(item));
    if (item.wrote.length) box.append(element("p", "What each model wrote at each early checkpoint", "caption"), answers(item));
    return box;
  };

  const opener = (item, row) => {
    const button = element("button", item.number, "open");
    button.type = "button";
    button.setAttribute("aria-expanded", "false");
    button.setAttribute("aria-label", "Item " + item.number + ": text and answers");
    button.addEventListener("click", () => {
      const open = button.getAttribute("aria-expanded") === "true";
      button.setAttribute("aria-expanded", String(!open));
      if (open) return row.nextSibling.remove();
      const below = element("tr"), cell = element("td");
      cell.colSpan = row.children.length;
      cell.append(details(item));
      below.append(cell);
      row.after(below);
    });
    return button;
  };

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
      if (shownAt.has(index)) head.append(opener(shownAt.get(index), row));
      else head.textContent = index;
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
