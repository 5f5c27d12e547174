// The graph of clusters, drawn by vis-network on a canvas. The server says where each node lies, so that it is there at once; forces
// are only let loose when somebody asks for them.

import {ask, el, note, outside, root, t, tell} from "./page.js";

const card = document.getElementById("graph");
const canvas = document.getElementById("canvas");
const chosen = document.getElementById("chosen");
const told = document.getElementById("told");
const list = document.getElementById("list");
const FEW_LABELS = 150;

const colour = (name) => {
  // What light-dark() comes to is only known once it is on an element.
  const probe = el("span", {class: "probe"});
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const found = getComputedStyle(probe).color;
  probe.remove();
  return found;
};

function palette() {
  return {
    surface: colour("surface"), ink: colour("ink"), quiet: colour("quiet"), line: colour("line-strong"), accent: colour("accent"), soft: colour("accent-soft"),
    yes: colour("yes"), maybe: colour("maybe"), bad: colour("bad"),
  };
}

const shapes = {picture: "dot", domain: "diamond", event: "square", object: "triangle", chat: "triangleDown"};

function nodeOf([id, kind, label, cluster, weight, , x, y], look, labels) {
  const picture = kind === "picture";
  return {
    id, x, y, shape: shapes[kind] ?? "dot", size: picture ? 14 : 12 + Math.min(18, 3 * Math.sqrt(weight)),
    label: labels || !picture ? (label.length > 24 ? `${label.slice(0, 23)}…` : label) : undefined,
    color: picture ? {background: look.soft, border: look.accent, highlight: {background: look.accent, border: look.ink}} : {background: look.surface, border: look.maybe, highlight: {background: look.maybe, border: look.ink}},
    font: {color: look.ink, size: 12, strokeWidth: 3, strokeColor: look.surface}, borderWidth: 2,
  };
}

function edgeOf([from, to, how, distance], look) {
  const drawn = {found: [look.line, false, 1], reviewed: [look.yes, false, 3], "by hand": [look.yes, false, 3], proposed: [look.maybe, [6, 6], 2], different: [look.bad, [3, 5], 2], seen: [look.line, [1, 4], 1]};
  const [color, dashes, width] = drawn[how] ?? drawn.found;
  return {from, to, dashes, width, color: {color, highlight: look.ink, opacity: how === "seen" ? 0.6 : 1}, how, distance};
}

let network = null;
let nodes = null;
let data = null;

function draw() {
  const look = palette();
  const labels = data.nodes.length <= FEW_LABELS;
  nodes = new vis.DataSet(data.nodes.map((one) => nodeOf(one, look, labels)));
  const edges = new vis.DataSet(data.edges.map((one) => edgeOf(one, look)));
  network?.destroy();
  network = new vis.Network(canvas, {nodes, edges}, {
    physics: false, layout: {improvedLayout: false}, nodes: {scaling: {label: {drawThreshold: 6}}},
    edges: {smooth: false, selectionWidth: 1.5}, interaction: {hover: false, hideEdgesOnDrag: data.edges.length > 2000, keyboard: {enabled: false}, tooltipDelay: 200},
  });
  network.on("selectNode", ({nodes: [id]}) => tell(() => choose(id)));
  network.once("afterDrawing", () => {
    card.dataset.drawn = String(data.nodes.length);
    card.dataset.milliseconds = String(Math.round(performance.now()));
  });
  network.fit();
}

async function load() {
  const asked = new URLSearchParams();
  if (card.dataset.cluster) asked.set("cluster", card.dataset.cluster);
  if (document.getElementById("places").checked) asked.set("places", "1");
  data = await ask("GET", `?${asked}`, {base: card.dataset.address});
  const pictures = data.nodes.filter((one) => one[1] === "picture").length;
  told.textContent = data.left_out
    ? t("{pictures} pictures, {ties} ties; {left} more pictures are left out", {pictures, ties: data.edges.length, left: data.left_out})
    : t("{pictures} pictures, {ties} ties", {pictures, ties: data.edges.length});
  draw();
  write();
}

// The list is for those who cannot see the drawing; it is written after that is there.
function write() {
  setTimeout(() => {
    const near = new Map();
    for (const [a, b] of data.edges) for (const one of [a, b]) near.set(one, (near.get(one) ?? 0) + 1);
    list.replaceChildren(...data.nodes.map(([id, kind, label]) => el("li", {}, el("button", {type: "button", class: "link", onclick: () => tell(() => find(id))}, outside(label)), ` ${t(kind)}, ${t("{count} ties", {count: near.get(id) ?? 0})}`)));
  }, 0);
}

async function find(id) {
  network.selectNodes([id]);
  network.focus(id, {scale: 1});
  await choose(id);
}

async function choose(id) {
  const [, kind, label, cluster, weight, link] = data.nodes.find((one) => one[0] === id);
  const ties = data.edges.filter(([a, b]) => a === id || b === id);
  const parts = [el("h2", {}, outside(label))];
  if (kind === "picture") {
    const {tile} = await ask("GET", `/tile/${id}`, {base: "/graph"});
    if (tile) parts.push(shown(tile));
    parts.push(el("div", {class: "row"},
      el("a", {class: "button small-button", href: `${root}/search?what=${id}`}, t("Open")),
      cluster && !card.dataset.cluster ? el("a", {class: "button small-button", href: `${root}/clusters/${cluster}`}, t("Cluster")) : null));
  } else {
    parts.push(el("p", {class: "quiet"}, t("{count} pictures were seen there", {count: weight})));
    if (link) parts.push(el("a", {class: "button small-button", href: link, rel: "noreferrer", target: "_blank"}, t("Open")));
  }
  const nearest = ties.filter((one) => one[3] !== null && one[3] !== undefined).sort((one, other) => one[3] - other[3]).slice(0, 8);
  parts.push(el("h3", {}, t("{count} ties", {count: ties.length})), el("ul", {class: "places"}, nearest.map(([a, b, how, distance]) => {
    const other = data.nodes.find((one) => one[0] === (a === id ? b : a));
    return el("li", {}, el("button", {type: "button", class: "link place-name", onclick: () => tell(() => find(other[0]))}, outside(other[2])), el("span", {class: "quiet small"}, `${t(how)}, ${distance.toFixed(3)}`));
  })));
  chosen.replaceChildren(...parts);
}

function shown(tile) {
  const facts = [[t("picture"), `${tile.format}, ${tile.size[0]} × ${tile.size[1]}`], ["SHA-256", tile.sha256.slice(0, 24) + "…"]];
  if (tile.banks.length) facts.push([t("banks"), tile.banks.join(", ")]);
  if (tile.tags.length) facts.push([t("tags"), tile.tags.slice(0, 6).join(", ")]);
  const list = el("dl", {class: "facts small"}, facts.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, outside(value))]));
  if (!tile.thumbnail || tile.sensitive) return list;
  const veil = el("button", {type: "button", class: "veil", "aria-pressed": "false", "aria-label": t("Show the picture")}, el("img", {src: tile.thumbnail, alt: ""}));
  return el("div", {class: "stack"}, el("div", {class: "tile-picture"}, veil), list);
}

document.getElementById("fit").addEventListener("click", () => network?.fit({animation: false}));
document.getElementById("places").addEventListener("change", () => tell(load));
document.getElementById("forces").addEventListener("change", (event) => {
  const on = event.target.checked;
  network?.setOptions({physics: on ? {enabled: true, solver: "forceAtlas2Based", stabilization: false, forceAtlas2Based: {gravitationalConstant: -40, springLength: 90}} : false});
});
document.getElementById("find").addEventListener("change", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const found = wanted && data?.nodes.find(([id, , label]) => id.startsWith(wanted) || label.toLowerCase().includes(wanted));
  if (found) tell(() => find(found[0]));
  else if (wanted) note(t("Nothing in the graph is called so."));
});
document.getElementById("png").addEventListener("click", () => {
  const drawn = canvas.querySelector("canvas");
  const copy = el("canvas", {width: drawn.width, height: drawn.height});
  const pen = copy.getContext("2d");
  pen.fillStyle = colour("surface");
  pen.fillRect(0, 0, copy.width, copy.height);
  pen.drawImage(drawn, 0, 0);
  copy.toBlob((blob) => {
    const address = URL.createObjectURL(blob);
    el("a", {href: address, download: "clusters.png"}).click();
    setTimeout(() => URL.revokeObjectURL(address), 10000);
  }, "image/png");
});
document.addEventListener("click", (event) => {
  const veil = event.target.closest?.("#chosen .veil");
  if (veil) veil.setAttribute("aria-pressed", String(veil.getAttribute("aria-pressed") !== "true"));
});
new MutationObserver(() => data && draw()).observe(document.documentElement, {attributes: true, attributeFilter: ["data-look"]});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => data && draw());
tell(load);
