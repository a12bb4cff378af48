"use strict";
// Shows the values of a chart, by pointer or with the arrow keys. Hiding curves needs no script, only the style sheet.
const EDGE = 8; // pixels between the readout and the edge of the window
for (const canvas of document.querySelectorAll(".canvas")) {
  const data = JSON.parse(document.getElementById(canvas.id + "-reading").textContent);
  const readout = canvas.querySelector(".readout");
  const line = document.createElement("i");
  line.className = "crosshair";
  line.hidden = true;
  canvas.append(line);
  let current = -1;

  const shown = (series) => {
    const box = canvas.closest("#all-curves") && document.getElementById("show-" + series.slot);
    return !box || box.checked;
  };

  const hide = () => {
    current = -1;
    readout.hidden = line.hidden = true;
    for (const mark of canvas.querySelectorAll(".mark")) mark.remove();
  };

  // Places the readout beside the crosshair, on the side with more room and wholly inside the window.
  const place = () => {
    if (current < 0) return;
    const box = canvas.getBoundingClientRect();
    const right = document.documentElement.clientWidth, bottom = window.innerHeight;
    const width = readout.offsetWidth, height = readout.offsetHeight;
    const within = (start, size, end) => Math.max(EDGE, Math.min(start, end - EDGE - size));
    const at = box.left + data.x[current] * box.width;
    const left = at < right / 2 ? at + 12 : at - 12 - width;
    readout.style.left = within(left, width, right) - box.left + "px";
    readout.style.top = within(box.top + 6, height, bottom) - box.top + "px";
  };

  // Drops the lowest values where the window is too low for all rows, and says how many were dropped.
  const fit = () => {
    const room = window.innerHeight - 2 * EDGE;
    const rows = readout.querySelectorAll("p");
    const rest = document.createElement("small");
    for (let left = rows.length - 1; left > 0 && readout.offsetHeight > room; left--) {
      rows[left].remove();
      rest.textContent = "and " + (rows.length - left) + " more";
      readout.append(rest);
    }
    place();
  };

  const show = (index) => {
    const rows = data.series
      .filter((series) => shown(series) && series.y[index] !== null)
      .sort((a, b) => b.y[index] - a.y[index]);
    hide();
    if (!rows.length) return;
    current = index;
    const x = data.x[index];
    line.style.left = 100 * x + "%";
    readout.replaceChildren();
    const head = document.createElement("strong");
    head.textContent = data.at[index];
    readout.append(head);
    for (const series of rows) {
      const row = document.createElement("p");
      row.className = series.style;
      const name = document.createElement("bdi");
      name.textContent = series.name;
      const value = document.createElement("b");
      value.textContent = series.text[index];
      row.append(name, " ", value);
      readout.append(row);
      const mark = document.createElement("i");
      mark.className = "mark " + series.style;
      mark.style.left = 100 * x + "%";
      mark.style.bottom = 100 * series.y[index] + "%";
      canvas.append(mark);
    }
    readout.hidden = line.hidden = false;
    fit();
  };

  const nearest = (fraction) => {
    let best = -1;
    data.x.forEach((x, index) => {
      const read = data.series.some((series) => shown(series) && series.y[index] !== null);
      if (read && (best < 0 || Math.abs(x - fraction) < Math.abs(data.x[best] - fraction))) best = index;
    });
    return best;
  };

  const follow = (event) => {
    const box = canvas.getBoundingClientRect();
    const index = nearest((event.clientX - box.left) / box.width);
    if (index >= 0 && index !== current) show(index);
  };

  canvas.tabIndex = 0;
  canvas.setAttribute("role", "group");
  canvas.setAttribute("aria-label", canvas.dataset.name + ". Left and right arrow keys read values.");
  canvas.addEventListener("pointermove", follow);
  canvas.addEventListener("pointerdown", follow);
  canvas.addEventListener("pointerleave", hide);
  canvas.addEventListener("blur", hide);
  window.addEventListener("scroll", place, { passive: true });
  window.addEventListener("resize", () => current >= 0 && show(current));
  canvas.addEventListener("keydown", (event) => {
    const last = data.x.length - 1;
    const from = current < 0 ? (event.key === "ArrowLeft" ? last + 1 : -1) : current;
    const to = { ArrowLeft: from - 1, ArrowRight: from + 1, Home: 0, End: last }[event.key];
    if (event.key === "Escape") hide();
    if (to === undefined) return;
    event.preventDefault();
    show(Math.max(0, Math.min(last, to)));
  });
}
