"use strict";
// Marks the phase of today; without scripts the table shows all dates alike.
const today = new Date().toISOString().slice(0, 10);
for (const row of document.querySelectorAll("[data-first]")) {
  if (row.dataset.first > today || today > row.dataset.last) continue;
  row.setAttribute("aria-current", "date");
  const mark = document.createElement("span");
  mark.className = "badge now";
  mark.textContent = "now";
  row.cells[0].append(" ", mark);
}
