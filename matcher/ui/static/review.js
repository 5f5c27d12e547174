// The review page: one pair after the other, by keyboard alone. Some pairs are held ready, so that the next one is there at once;
// a verdict is sent while the visitor looks at the next pair already, and told where it could not be kept.

import {ask, note, root, t, tell} from "./page.js";
import {reveal, revealable} from "./shots.js";

const place = document.getElementById("pairs");
const busy = document.getElementById("busy");
const nothing = document.getElementById("nothing");
const judging = document.getElementById("judge");
const undoing = document.getElementById("undo");
const whole = document.getElementById("whole");
const mix = document.getElementById("mix");
const clear = document.getElementById("clear");

const ready = []; // articles that come next
const met = new Set(); // pairs that were judged or skipped, or are ready
const done = []; // what can be undone: {article, verdict, sent}
let skipped = 0;
let judged = 0;
let mode = "side";
let shown = false;
let fetching = null;
let blinking = 0;

const name = (article) => `${article.dataset.a}/${article.dataset.b}`;
const current = () => place.querySelector(".review-pair");

function more() {
  fetching ??= (async () => {
    // Verdicts on their way still count as waiting on the server.
    await Promise.allSettled(done.map((each) => each.sent));
    const answer = await fetch(`${root}/review/next?skip=${skipped}`, {headers: {Accept: "text/html"}, credentials: "same-origin"});
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (!answer.ok || answer.redirected) throw new Error(page.querySelector("#main p bdi")?.textContent ?? t("You are no longer logged in; load the page anew."));
    const found = [...page.querySelectorAll(".review-pair")].filter((article) => !met.has(name(article)));
    for (const article of found) {
      met.add(name(article));
      ready.push(document.importNode(article, true));
    }
    const count = page.querySelector("[data-count]")?.dataset.count;
    if (count && document.getElementById("count")) document.getElementById("count").textContent = count;
    return found.length;
  })().finally(() => (fetching = null));
  return fetching;
}

async function advance() {
  stopBlinking();
  place.replaceChildren();
  if (!ready.length) {
    busy.hidden = false;
    try {
      await more();
    } catch (error) {
      note(error.message, "bad");
    }
    busy.hidden = true;
  }
  const article = ready.shift();
  nothing.hidden = Boolean(article);
  judging.hidden = !article;
  if (article) put(article);
  if (ready.length < 2) more().catch(() => undefined);
}

function put(article) {
  nothing.hidden = true;
  judging.hidden = false;
  place.replaceChildren(article);
  const [one, other] = article.dataset.sizes.split(" ").map(Number);
  whole.disabled = one < 2 && other < 2;
  whole.checked = false;
  arrange();
}

// How the pair is compared.

function arrange() {
  const article = current();
  if (!article) return;
  const overlay = article.querySelector(".overlay");
  const pair = article.querySelector(".pair");
  const pictures = [...pair.querySelectorAll(".shot .canvas")];
  const possible = pictures.every((each) => each.querySelector(".seen"));
  const used = possible ? mode : "side";
  pair.hidden = used !== "side";
  overlay.hidden = used === "side";
  document.getElementById("slide").hidden = used !== "overlay";
  for (const button of document.querySelectorAll("[data-mode]")) {
    button.setAttribute("aria-pressed", String(button.dataset.mode === used));
    button.disabled = !possible && button.dataset.mode !== "side";
  }
  for (const button of article.querySelectorAll(".reveal")) reveal(button, shown);
  overlay.replaceChildren();
  overlay.classList.remove("overlay-second");
  stopBlinking();
  if (used === "side") return;
  overlay.append(...pictures.map((each) => each.cloneNode(true)));
  overlay.classList.toggle("overlay-clear", shown);
  if (used === "overlay") mixed();
  else blinking = setInterval(() => overlay.classList.toggle("overlay-second"), 600);
}

function stopBlinking() {
  clearInterval(blinking);
  blinking = 0;
}

function mixed() {
  const over = current()?.querySelector(".overlay")?.children[1];
  if (over) over.style.opacity = mix.value / 100;
}

function setMode(wanted) {
  mode = wanted;
  arrange();
}

function setShown(wanted) {
  shown = wanted;
  clear.setAttribute("aria-pressed", String(shown));
  clear.querySelector("span").textContent = shown ? t("Blur pictures") : t("Show pictures");
  arrange();
}

// Verdicts.

function send(article, verdict, clusters) {
  const body = {a: article.dataset.a, b: article.dataset.b, verdict};
  if (!clusters) return ask("POST", "/reviews", {body}).then((review) => [review]);
  return ask("POST", "/reviews/clusters", {body}).then((given) => given.reviews);
}

function judge(verdict) {
  const article = current();
  if (!article) return;
  const entry = {article, verdict, sent: Promise.resolve([])};
  if (verdict === "skip") {
    skipped += 1;
  } else {
    entry.sent = send(article, verdict, whole.checked && !whole.disabled);
    entry.sent.then((given) => {
      if (given.length > 1) note(t("{count} pairs were judged together.", {count: given.length}), "good");
    }).catch((error) => {
      note(t("The verdict was not kept: {why}", {why: error.message}), "bad");
      done.splice(done.indexOf(entry), 1);
      count(-1);
      ready.unshift(article);
    });
    count(1);
  }
  done.push(entry);
  undoing.disabled = false;
  advance();
}

function count(by) {
  judged += by;
  document.getElementById("done").textContent = String(judged);
  const left = document.getElementById("count");
  if (left) left.textContent = String(Math.max(0, Number(left.textContent) - by));
}

async function undo() {
  const entry = done.pop();
  undoing.disabled = !done.length;
  if (!entry) return;
  if (entry.verdict === "skip") {
    skipped -= 1;
  } else {
    const given = await entry.sent;
    for (const review of given) await ask("DELETE", `/reviews/${review.a}/${review.b}`);
    count(-1);
  }
  if (current()) ready.unshift(current());
  put(entry.article);
}

async function again() {
  skipped = 0;
  met.clear();
  await advance();
}

const keys = {
  a: () => judge("same"),
  r: () => judge("different"),
  s: () => judge("skip"),
  u: () => tell(undo),
  c: () => !whole.disabled && (whole.checked = !whole.checked),
  b: () => setShown(!shown),
  1: () => setMode("side"),
  2: () => setMode("overlay"),
  3: () => setMode("blink"),
  ArrowLeft: () => slide(-5),
  ArrowRight: () => slide(5),
};

function slide(by) {
  if (mode !== "overlay") return;
  mix.value = Number(mix.value) + by;
  mixed();
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  const into = event.target.closest("select, textarea, dialog, input:not([type=checkbox], [type=range])");
  const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
  if (into || !act || (event.target === mix && event.key.startsWith("Arrow"))) return;
  event.preventDefault();
  act();
});
judging.addEventListener("click", (event) => {
  const button = event.target.closest("[data-verdict]");
  if (button) judge(button.dataset.verdict);
});
undoing.addEventListener("click", () => tell(undo));
document.getElementById("again").addEventListener("click", again);
for (const button of document.querySelectorAll("[data-mode]")) button.addEventListener("click", () => setMode(button.dataset.mode));
mix.addEventListener("input", mixed);
clear.addEventListener("click", () => setShown(!shown));
revealable(place);

advance();
