"use strict";
// Reading values off the pictures, by pointer or with the arrow keys. Hiding curves needs no script: see the style.
for (const canvas of document.querySelectorAll(".canvas")) {
  const data = JSON.parse(document.getElementById(canvas.id + "-reading").textContent);
  const readout = canvas.querySelector(".readout");
  const line = document.createElement("i");
  line.className = "crosshair";
  line.hidden = true;
  canvas.append(line);
  let current = -1;

  const shown = (series) => {
    const box = canvas.id === "curves" && document.getElementById("show-" + series.slot);
    return !box || box.checked;
  };

  const hide = () => {
    current = -1;
    readout.hidden = line.hidden = true;
    for (const mark of canvas.querySelectorAll(".mark")) mark.remove();
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
    // beside the crosshair, on the side with more room, and never out of the canvas
    const width = canvas.clientWidth, at = x * width, room = readout.offsetWidth;
    const left = x < 0.5 ? at + 12 : at - 12 - room;
    readout.style.left = Math.max(0, Math.min(left, width - room)) + "px";
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
