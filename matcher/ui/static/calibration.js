// The calibration: a drawing an algorithm with two handles, and what would change while they are moved.

import {ask, decision, el, outside, root, svg, t, tell} from "./page.js";

const card = document.getElementById("calibration");
const base = card.dataset.base;
const byId = (id) => document.getElementById(id);
const WIDE = 480, HIGH = 150, LOW = HIGH - 16;
let found = null;
let bounds = {};
let waiting = null;

const rounded = (value) => Math.round(value * 1e4) / 1e4;
const changed = () => found.algorithms.some(({name, yes, maybe}) => bounds[`${name}.yes`] !== yes || bounds[`${name}.maybe`] !== maybe);

byId("labels").addEventListener("submit", (event) => {
  event.preventDefault();
  const labellings = [...document.querySelectorAll("#labels [name=labelling]:checked")].map((box) => box.value);
  const button = byId("compare");
  button.disabled = true;
  byId("told").textContent = t("Comparing …");
  tell(async () => {
    try {
      found = await ask("POST", "/compare", {base, body: {labellings, reviews: byId("reviews").checked}});
      byId("told").textContent = t("{pictures} pictures, {same} pairs that belong together, {different} different ones", {
        pictures: found.pictures, same: found.what.same[0].reduce((a, b) => a + b), different: found.what.different[0].reduce((a, b) => a + b),
      }) + (found.settled ? ` · ${t("{count} pairs were said to be both; the review holds", {count: found.settled})}` : "");
      for (const id of ["found", "what"]) byId(id).hidden = false;
      byId("nothing").hidden = true;
      inForce();
    } catch (error) {
      byId("told").textContent = "";
      throw error;
    } finally {
      button.disabled = false;
    }
  });
});

function inForce() {
  bounds = {};
  for (const {name, yes, maybe} of found.algorithms) Object.assign(bounds, {[`${name}.yes`]: yes, [`${name}.maybe`]: maybe});
  byId("worth").replaceChildren();
  draw();
  told(found.what);
}

byId("reset").addEventListener("click", inForce);

// The drawings.

function draw() {
  byId("curves").replaceChildren(...found.algorithms.map(drawing));
}

function drawing(one) {
  const at = (distance) => Math.max(0, Math.min(1, distance)) * WIDE;
  const top = Math.max(1, ...one.same_counts.map((count, n) => Math.sqrt(Math.max(count, one.different_counts[n]))));
  const area = (counts, kind) => {
    const steps = counts.map((count, n) => `L${(n / counts.length) * WIDE} ${LOW - (Math.sqrt(count) / top) * (LOW - 6)}L${((n + 1) / counts.length) * WIDE} ${LOW - (Math.sqrt(count) / top) * (LOW - 6)}`);
    return svg("path", {class: kind, d: `M0 ${LOW}${steps.join("")}L${WIDE} ${LOW}Z`});
  };
  const line = (shares, kind) => svg("polyline", {class: kind, points: shares.map((share, n) => `${(n / (shares.length - 1)) * WIDE},${LOW - share * (LOW - 6)}`).join(" ")});
  const handles = {yes: svg("g", {class: "handle handle-yes"}), maybe: svg("g", {class: "handle handle-maybe"})};
  for (const [kind, group] of Object.entries(handles)) group.append(svg("line", {x1: 0, x2: 0, y1: 0, y2: LOW}), svg("rect", {x: -7, y: kind === "yes" ? 0 : 22, width: 14, height: 20, rx: 4}));
  const drawn = svg("svg", {class: "curve", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": t("Distances by {name}: pairs that belong together on the left, different ones on the right", {name: one.name})},
    area(one.different_counts, "area-different"), area(one.same_counts, "area-same"), line(one.different, "line-different"), line(one.same, "line-same"),
    svg("line", {class: "axis", x1: 0, x2: WIDE, y1: LOW, y2: LOW}), ...[0, 0.25, 0.5, 0.75, 1].map((tick) => svg("text", {class: "tick", x: Math.min(Math.max(at(tick), 8), WIDE - 8), y: HIGH - 2, "text-anchor": "middle"}, String(tick))), handles.maybe, handles.yes);
  const sliders = {};
  const show = () => {
    for (const kind of ["yes", "maybe"]) {
      const value = bounds[`${one.name}.${kind}`];
      handles[kind].setAttribute("transform", `translate(${at(value)} 0)`);
      handles[kind].classList.toggle("handle-off", value < 0);
      sliders[kind].value = String(Math.max(value, 0));
      sliders[kind].output.textContent = value < 0 ? t("none") : value.toFixed(3);
    }
  };
  const set = (kind, value) => {
    const now = rounded(Math.max(0, Math.min(1, value)));
    bounds[`${one.name}.${kind}`] = now;
    // A MAYBE reaches at least as far as a YES.
    const other = kind === "yes" ? "maybe" : "yes";
    const there = bounds[`${one.name}.${other}`];
    if (kind === "yes" ? there < now : there > now) bounds[`${one.name}.${other}`] = now;
    show();
    soon();
  };
  drawn.addEventListener("pointerdown", (event) => {
    const place = (now) => { const box = drawn.getBoundingClientRect(); return (now.clientX - box.left) / box.width; };
    const near = (kind) => Math.abs(Math.max(bounds[`${one.name}.${kind}`], 0) - place(event));
    const upper = (event.clientY - drawn.getBoundingClientRect().top) / drawn.getBoundingClientRect().height * HIGH < 21;
    const kind = Math.abs(near("yes") - near("maybe")) < 0.02 ? (upper ? "yes" : "maybe") : near("yes") < near("maybe") ? "yes" : "maybe";
    if (near(kind) > 0.05) return;
    event.preventDefault();
    drawn.setPointerCapture(event.pointerId);
    const moved = (now) => set(kind, place(now));
    drawn.addEventListener("pointermove", moved);
    for (const end of ["pointerup", "pointercancel"]) drawn.addEventListener(end, () => drawn.removeEventListener("pointermove", moved), {once: true});
  });
  const slider = (kind, title) => {
    const output = el("output", {class: "mono small"});
    const input = el("input", {type: "range", min: 0, max: 1, step: 0.001, "aria-label": `${one.name}: ${title}`, data: {bound: `${one.name}.${kind}`}, oninput: (event) => set(kind, Number(event.target.value))});
    input.output = output;
    sliders[kind] = input;
    return el("div", {class: `slider slider-${kind}`}, el("span", {class: "small"}, title), input, output);
  };
  const made = el("section", {class: "card curve-card"}, el("h3", {}, one.name), drawn, slider("yes", t("YES up to")), slider("maybe", t("MAYBE up to")));
  show();
  return made;
}

// What would change.

function soon() {
  clearTimeout(waiting);
  waiting = setTimeout(() => tell(async () => told((await ask("POST", "/what-if", {base, body: {comparison: found.comparison, bounds}})).what)), 150);
}

function told(what) {
  const row = (name, [before, after]) => ["YES", "MAYBE", "NO"].map((said, n) => el("tr", {}, n ? null : el("th", {rowspan: 3, scope: "rowgroup"}, name), el("td", {}, decision(said)), el("td", {class: "figure"}, String(before[n])), el("td", {class: `figure ${after[n] === before[n] ? "" : "moved"}`}, String(after[n]))));
  byId("counts").replaceChildren(el("table", {class: "small"}, el("thead", {}, el("tr", {}, el("th", {}, t("pairs that")), el("th", {}, t("decision")), el("th", {class: "figure"}, t("now")), el("th", {class: "figure"}, t("then")))),
    el("tbody", {}, row(t("belong together"), what.same)), el("tbody", {}, row(t("are different"), what.different))));
  byId("changed").hidden = !what.changes.length;
  byId("many").textContent = String(what.changes.length + what.more);
  byId("changes").replaceChildren(...what.changes.map((one) => el("li", {class: one.worse ? "change change-worse" : "change"}, face(what.tiles[one.a], one.a), face(what.tiles[one.b], one.b),
    el("div", {class: "stack-small"}, el("span", {}, decision(one.before), " → ", decision(one.after)), el("span", {class: "small quiet"}, one.same ? t("they belong together") : t("they are different")), one.worse ? el("strong", {class: "small worse"}, t("worse")) : null))));
  card.dataset.told = changed() ? "changed" : "in force";
}

function face(tile, sha) {
  const link = el("a", {class: "small change-name", href: `${root}/search?what=${sha}`}, outside(tile?.label ?? sha.slice(0, 12)));
  const picture = tile?.thumbnail && !tile.sensitive
    ? el("button", {type: "button", class: "veil", "aria-pressed": "false", "aria-label": t("Show the picture")}, el("img", {src: tile.thumbnail, alt: "", loading: "lazy"}))
    : el("span", {class: "tile-none"}, tile ? `${tile.format} ${tile.size[0]} × ${tile.size[1]}` : t("no longer known"));
  return el("div", {class: "change-face"}, el("div", {class: "tile-picture"}, picture), link);
}

// Bounds for accepted errors.

byId("targets").addEventListener("submit", (event) => {
  event.preventDefault();
  const button = byId("find");
  button.disabled = true;
  byId("worth").replaceChildren(t("Looking for bounds …"));
  tell(async () => {
    try {
      const body = {comparison: found.comparison, false_positive: Number(byId("false-positive").value) / 1000, false_negative: Number(byId("false-negative").value) / 100};
      const made = await ask("POST", "/find", {base, body});
      for (const [name, [yes, maybe]] of Object.entries(made.bounds)) Object.assign(bounds, {[`${name}.yes`]: rounded(yes), [`${name}.maybe`]: rounded(Math.max(yes, maybe))});
      draw();
      soon();
      byId("worth").replaceChildren(
        made.unseen ? el("p", {}, t("On pictures not used: {wrong} wrong YES, {missed} wrong NO, {review} of the different pairs a MAYBE.", {wrong: made.unseen[0], missed: made.unseen[1], review: made.unseen[2]})) : "",
        ...made.warnings.map((text) => el("p", {class: "warning"}, outside(text))));
    } catch (error) {
      byId("worth").replaceChildren();
      throw error;
    } finally {
      button.disabled = false;
    }
  });
});

byId("narrow").addEventListener("click", () => tell(async () => {
  const made = await ask("POST", "/narrow", {base, body: {comparison: found.comparison}});
  inForce();
  for (const [name, value] of Object.entries(made.bounds)) bounds[name] = rounded(value);
  draw();
  soon();
  byId("worth").replaceChildren(el("p", {}, t("Of {rejected} rejected pairs that were a MAYBE {left} still are; of {confirmed} confirmed ones {kept} are found.", {
    rejected: made.rejected[0], left: made.rejected[1], confirmed: made.confirmed[0], kept: made.confirmed[1],
  })));
}));

byId("rules")?.addEventListener("submit", (event) => {
  event.target.elements.asked.value = JSON.stringify({comparison: found.comparison, bounds});
});
