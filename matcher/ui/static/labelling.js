// The board of a labelling: pictures are dragged between groups (mouse, pen or finger), or moved by keys. What is changed is kept at once.

import {Failure, ask, el, icon, note, outside, root, t} from "./page.js";

const read = (id) => JSON.parse(document.getElementById(id).textContent);
const board = document.getElementById("board");
const told = document.getElementById("told");
const pictures = read("pictures");
let state = read("state");
const chosen = new Set();
const uncovered = new Set();
const past = [];
let saving = Promise.resolve();

const copy = (one) => JSON.parse(JSON.stringify(one));
const zones = () => [
  ...state.groups.map(([name, members], n) => ({key: `group-${n}`, title: name || t("Group {n}", {n: n + 1}), name, members, n})),
  {key: "singles", title: t("Belong to no other"), members: state.singles},
  {key: "undecided", title: t("Undecided"), members: state.undecided},
];

// Where everything is.

function draw(focus = null) {
  const all = zones();
  const undecided = all.pop();
  const singles = all.pop();
  const fresh = el("section", {class: "lane lane-new", data: {zone: "new"}, "aria-label": t("A new group")}, el("p", {}, icon("M12 5v14M5 12h14"), t("Drop here for a new group")));
  board.replaceChildren(
    el("div", {class: "lanes-left"}, lane(undecided, "lane-undecided"), lane(singles, "lane-singles")),
    el("div", {class: "lanes"}, fresh, ...all.map((zone) => lane(zone))));
  const count = Object.keys(pictures).length;
  told.textContent = t("{decided} of {count} decided, {groups} groups", {decided: count - state.undecided.length, count, groups: state.groups.length});
  if (focus) board.querySelector(`[data-picture="${focus}"]`)?.focus();
}

function lane(zone, kind = "") {
  const head = zone.n === undefined
    ? el("h2", {}, zone.title, el("span", {class: "count"}, String(zone.members.length)))
    : el("div", {class: "lane-head"}, zone.n < 9 ? el("kbd", {}, String(zone.n + 1)) : null,
      el("input", {value: zone.name, maxlength: 100, placeholder: t("Group {n}", {n: zone.n + 1}), "aria-label": t("Name of group {n}", {n: zone.n + 1}), dir: "auto",
        onchange: (event) => change(() => { state.groups[zone.n][0] = event.target.value.trim(); })}),
      el("span", {class: "count"}, String(zone.members.length)));
  return el("section", {class: `lane ${kind}`, data: {zone: zone.key}, "aria-label": zone.title}, head, el("div", {class: "lane-pictures"}, zone.members.map(card)));
}

function card(sha) {
  const one = pictures[sha];
  const open = uncovered.has(sha);
  const inside = !one ? el("span", {class: "tile-none"}, t("no longer known"))
    : one.thumbnail && !one.sensitive ? el("img", {src: one.thumbnail, alt: "", draggable: "false"})
      : el("span", {class: "tile-none"}, el("span", {class: "tile-format"}, one.format), el("span", {}, `${one.size[0]} × ${one.size[1]}`));
  return el("button", {
    type: "button", class: `piece${open ? " piece-open" : ""}`, "aria-pressed": String(chosen.has(sha)), title: one?.label ?? sha,
    data: {picture: sha}, onpointerdown: (event) => grasp(event, sha), onkeydown: (event) => key(event, sha), onclick: (event) => press(event, sha),
  }, inside, el("span", {class: "piece-name"}, outside(one?.label ?? sha.slice(0, 12))));
}

// What changes it.

function change(run, focus = null) {
  past.push(copy(state));
  if (past.length > 100) past.shift();
  run();
  keep(focus);
}

function keep(focus) {
  state.groups = state.groups.filter(([, members]) => members.length);
  draw(focus);
  saving = saving.then(save);
}

async function save() {
  board.dataset.saved = "no";
  try {
    const {version} = await ask("POST", "", {base: board.dataset.save, body: state});
    state.version = version;
    board.dataset.version = String(version);
    board.dataset.saved = "yes";
  } catch (error) {
    note(error.message, "bad", error instanceof Failure && error.status === 409 ? {text: t("Load anew"), run: () => location.reload()} : null);
  }
}

function move(some, to, focus = null) {
  const moved = new Set(some);
  if (zones().some((zone) => zone.key === to && [...moved].every((sha) => zone.members.includes(sha)))) return;
  change(() => {
    const target = to === "new" ? null : to.startsWith("group-") ? state.groups[Number(to.slice(6))][1] : state[to];
    const without = (members) => members.filter((sha) => !moved.has(sha));
    const into = (members) => (members === target ? [...without(members), ...moved] : without(members));
    const groups = state.groups.map(([name, members]) => [name, into(members)]);
    if (to === "new") groups.push(["", [...moved]]);
    state = {...state, groups, singles: into(state.singles), undecided: into(state.undecided)};
    chosen.clear();
  }, focus);
}

function back() {
  if (!past.length) return note(t("There is nothing to take back."));
  const version = state.version;
  state = {...past.pop(), version};
  return keep();
}

const company = (sha) => (chosen.has(sha) ? [...chosen] : [sha]);

// Pressing chooses, and uncovers.

function press(event, sha) {
  if (dragged) return;
  const more = event.ctrlKey || event.metaKey || event.shiftKey;
  const was = chosen.has(sha);
  if (!more) chosen.clear();
  if (was) chosen.delete(sha);
  else chosen.add(sha);
  uncovered.add(sha);
  draw(sha);
}

// Keys.

function key(event, sha) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const all = [...board.querySelectorAll("[data-picture]")];
  const here = all.findIndex((one) => one.dataset.picture === sha);
  const next = all[here + 1]?.dataset.picture ?? all[here - 1]?.dataset.picture;
  const steps = {ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1};
  const letter = event.key.toLowerCase();
  const to = {n: "new", a: "singles", u: "undecided"}[letter] ?? (/^[1-9]$/.test(event.key) && Number(event.key) <= state.groups.length ? `group-${Number(event.key) - 1}` : null);
  if (event.key in steps) all[here + steps[event.key]]?.focus();
  else if (event.key === " " ) {
    if (chosen.has(sha)) chosen.delete(sha);
    else chosen.add(sha);
    uncovered.add(sha);
    draw(sha);
  } else if (to) move(company(sha), to, next);
  else if (letter === "z") back();
  else return;
  event.preventDefault();
}

// Dragging: by pointer events, which mouse, pen and finger have in common.

let dragged = false;

function grasp(event, sha) {
  if (event.button !== 0 || !event.isPrimary) return;
  dragged = false;
  const piece = event.currentTarget;
  const from = [event.clientX, event.clientY];
  let ghost = null;
  let over = null;
  const finger = event.pointerType === "touch";
  const begin = () => {
    dragged = true;
    const count = company(sha).length;
    ghost = el("div", {class: "ghost", "aria-hidden": "true"}, piece.cloneNode(true), count > 1 ? el("span", {class: "ghost-count"}, String(count)) : null);
    document.body.append(ghost);
    document.body.classList.add("dragging");
  };
  const moved = (now) => {
    if (!ghost && Math.hypot(now.clientX - from[0], now.clientY - from[1]) > (finger ? 12 : 6)) begin();
    if (!ghost) return;
    ghost.style.transform = `translate(${now.clientX - 50}px, ${now.clientY - 40}px)`;
    const zone = document.elementFromPoint(now.clientX, now.clientY)?.closest("[data-zone]");
    if (zone !== over) {
      over?.classList.remove("lane-over");
      zone?.classList.add("lane-over");
      over = zone;
    }
    const edge = 60;
    if (now.clientY < edge) scrollBy(0, -14);
    else if (now.clientY > innerHeight - edge) scrollBy(0, 14);
  };
  const end = (now) => {
    for (const [name, run] of Object.entries(heard)) document.removeEventListener(name, run);
    ghost?.remove();
    document.body.classList.remove("dragging");
    over?.classList.remove("lane-over");
    if (ghost && over && now.type === "pointerup") move(company(sha), over.dataset.zone, sha);
    setTimeout(() => { dragged = false; }, 0);
  };
  const heard = {pointermove: moved, pointerup: end, pointercancel: end};
  for (const [name, run] of Object.entries(heard)) document.addEventListener(name, run);
}

const all = document.getElementById("uncover");
all.addEventListener("click", () => {
  const open = uncovered.size < Object.keys(pictures).length;
  uncovered.clear();
  if (open) for (const sha of Object.keys(pictures)) uncovered.add(sha);
  all.textContent = open ? t("Cover all") : t("Uncover all");
  draw();
});
document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() === "z" && !event.target.closest("input, [data-picture]")) back();
});

board.dataset.root = root;
draw();
