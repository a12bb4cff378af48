"use strict";
// Computes P(A > B) from quantiles of the draws of each score: every quantile of A against every one of B.
const data = JSON.parse(document.getElementById("data").textContent);
const find = (id) => document.getElementById(id);
const bytes = Uint8Array.from(atob(data.draws), (character) => character.charCodeAt(0));
const view = new DataView(bytes.buffer);
const one = find("one"), other = find("other");

const draws = (run, key) => {
  const first = (run * data.keys.length + key) * data.quantiles;
  return Array.from({ length: data.quantiles }, (_, index) => view.getUint16(2 * (first + index), true));
};

const probability = (a, b, key) => {
  let above = 0;
  const theirs = draws(b, key);
  for (const x of draws(a, key)) for (const y of theirs) above += x > y ? 1 : x === y ? 0.5 : 0;
  return above / data.quantiles ** 2;
};

const element = (name, className, text) => {
  const made = document.createElement(name);
  made.className = className;
  made.textContent = text;
  return made;
};

const cell = (letter, run, key) => {
  const made = element("td", "", run.scores[key].toFixed(4) + " ");
  made.append(element("small", "", run.low[key].toFixed(3) + " to " + run.high[key].toFixed(3)));
  made.dataset.name = letter;
  const bar = element("span", "reach-bar", "");
  bar.setAttribute("aria-hidden", "true");
  const reach = document.createElement("i"), dot = document.createElement("b");
  reach.style.left = 100 * run.low[key] + "%";
  reach.style.right = 100 * (1 - run.high[key]) + "%";
  dot.style.left = 100 * run.scores[key] + "%";
  bar.append(reach, dot);
  made.append(bar);
  return made;
};

const shown = (chance) => (chance < 0.01 ? "< 0.01" : chance > 0.99 ? "> 0.99" : chance.toFixed(2));

const verdict = (a, b, chance) => {
  const text = "P(A > B) " + shown(chance).replace(/^0/, "= 0") + ". ";
  if (chance >= data.sure) return text + a.name + " is above " + b.name + ", beyond noise.";
  if (chance <= 1 - data.sure) return text + b.name + " is above " + a.name + ", beyond noise.";
  return text + "Their order is within noise.";
};

const link = (run) => {
  const made = element("a", "action", run.name);
  made.href = "submissions/" + run.id + ".html";
  return made;
};

const path = (curve, first, last) => {
  const low = Math.min(...curve.scores), height = Math.max(...curve.scores) - low;
  const points = curve.tokens.map((tokens, index) => {
    const x = (100 * (tokens - first)) / (last - first);
    const y = height ? 38 - (36 * (curve.scores[index] - low)) / height : 20;
    return x.toFixed(2) + " " + y.toFixed(2);
  });
  return "M" + points.join("L");
};

const ends = (run) => run.name + " (" + run.metric + ") from " + run.curve.scores[0] + " to " + run.curve.scores.at(-1);

const overlay = (a, b) => {
  const shown = a.curve !== null && b.curve !== null && a.curve.tokens.length > 1 && b.curve.tokens.length > 1;
  find("curves").hidden = !shown;
  if (!shown) return;
  const tokens = [...a.curve.tokens, ...b.curve.tokens], first = Math.min(...tokens), last = Math.max(...tokens);
  find("curve-one").setAttribute("d", path(a.curve, first, last));
  find("curve-other").setAttribute("d", path(b.curve, first, last));
  find("curves-first").textContent = first.toPrecision(3) + " billion tokens";
  find("curves-last").textContent = last.toPrecision(3);
  find("curves-said").textContent =
    "Mean scores of the signal models over the early checkpoints, each between its own lowest and highest value: " +
    "solid, A: " + ends(a) + "; dashed, B: " + ends(b) + ".";
};

const update = () => {
  const a = Number(one.value), b = Number(other.value), runs = [data.runs[a], data.runs[b]];
  const same = a === b;
  find("table").hidden = same;
  find("rows").replaceChildren();
  find("links").replaceChildren();
  if (same) {
    find("curves").hidden = true;
    find("answer").textContent = "Choose two different submissions.";
    return;
  }
  history.replaceState(null, "", "#" + runs[0].id + "," + runs[1].id);
  find("answer").textContent = verdict(...runs, probability(a, b, 0));
  find("one-name").textContent = "A: " + runs[0].name;
  find("other-name").textContent = "B: " + runs[1].name;
  data.keys.forEach((name, key) => {
    const row = document.createElement("tr");
    const head = element("th", "", name);
    head.scope = "row";
    const difference = runs[0].scores[key] - runs[1].scores[key];
    const signed = (difference < 0 ? "\u2212" : "+") + Math.abs(difference).toFixed(4);
    row.append(head, cell("A", runs[0], key), cell("B", runs[1], key));
    const gap = element("td", "number", signed), chance = element("td", "number", shown(probability(a, b, key)));
    gap.dataset.name = "A \u2212 B";
    chance.dataset.name = "P(A > B)";
    row.append(gap, chance);
    find("rows").append(row);
  });
  overlay(...runs);
  find("links").append(...runs.map(link));
};

const choose = () => {
  const asked = location.hash.slice(1).split(",").map((id) => data.runs.findIndex((run) => run.id === id));
  const a = Math.max(0, asked[0]);
  one.value = a;
  other.value = asked.length > 1 && asked[1] >= 0 ? asked[1] : a === 0 ? Math.min(1, data.runs.length - 1) : 0;
  update();
};

for (const select of [one, other]) {
  select.append(...data.runs.map((run, index) => new Option(run.rank + "  " + run.name + " (" + run.team + ")", index)));
  select.addEventListener("change", update);
}
find("swap").addEventListener("click", () => {
  [one.value, other.value] = [other.value, one.value];
  update();
});
addEventListener("hashchange", choose);
find("controls").hidden = false;
choose();
