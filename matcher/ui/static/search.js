// The search page: takes a picture, or what one has of it, and does with the answer what the visitor wants.

import {ask, el, note, root, t, tell} from "./page.js";
import {revealable, showOwn} from "./shots.js";

const form = document.getElementById("ask");
const drop = document.getElementById("drop");
const chooser = document.getElementById("file");
const what = document.getElementById("what");
const busy = document.getElementById("busy");
const place = document.getElementById("answer");

// What was asked last: {file, url} or {what}; it is asked again after each verdict, so that the answer is that of now.
let asked = null;
let running = null;

async function fragment(path, body) {
  running?.abort();
  running = new AbortController();
  const headers = {"X-Kuato-Token": document.querySelector('meta[name="kuato-token"]').content, Accept: "text/html"};
  const answer = await fetch(root + path, {method: "POST", body, headers, signal: running.signal, credentials: "same-origin"});
  const text = await answer.text();
  const page = new DOMParser().parseFromString(text, "text/html");
  if (answer.redirected || answer.status === 401) throw new Error(t("You are no longer logged in; load the page anew."));
  if (!answer.ok) throw new Error(page.querySelector("#main p bdi")?.textContent ?? t("Kuato could not answer."));
  return page.body;
}

async function run(question) {
  if (asked?.url && asked.url !== question.url) URL.revokeObjectURL(asked.url);
  asked = question;
  busy.hidden = false;
  place.setAttribute("aria-busy", "true");
  const body = new FormData();
  if (question.file) body.append("picture", question.file, question.file.name || "pasted.png");
  else body.append("what", question.what);
  if (question.url && !question.file) body.append("own", "yes");
  try {
    const found = await fragment(question.file ? "/search/picture" : "/search/known", body);
    place.replaceChildren(...found.childNodes);
    if (question.url) place.querySelectorAll('[data-shot="own"]').forEach((shot) => showOwn(shot, question.url));
    const sha = place.querySelector(".answer")?.dataset.sha;
    const known = place.querySelector(".answer")?.dataset.known === "yes";
    history.replaceState(null, "", known ? `${location.pathname}?what=${sha}` : location.pathname);
  } catch (error) {
    if (error.name === "AbortError") return;
    place.replaceChildren(el("p", {class: "alarm", role: "alert"}, error.message));
  } finally {
    busy.hidden = true;
    place.removeAttribute("aria-busy");
  }
}

function take(files) {
  const file = [...(files ?? [])].find((each) => each.size > 0);
  if (file) run({file, url: URL.createObjectURL(file)});
  chooser.value = ""; // so that the same file can be chosen again
}

chooser.addEventListener("change", () => take(chooser.files));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (what.value.trim()) run({what: what.value.trim()});
});
for (const name of ["dragenter", "dragover"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    drop.classList.add("drop-over");
  });
}
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) drop.classList.remove("drop-over");
});
document.addEventListener("drop", (event) => {
  event.preventDefault();
  drop.classList.remove("drop-over");
  take(event.dataTransfer.files);
});
document.addEventListener("paste", (event) => {
  if (event.clipboardData.files.length) {
    event.preventDefault();
    take(event.clipboardData.files);
  }
});

// The answer.

revealable(place);

place.addEventListener("click", (event) => {
  const choice = event.target.closest("[data-what]");
  if (choice) {
    event.preventDefault();
    run({what: choice.dataset.what});
    return;
  }
  const tab = event.target.closest(".match-tab");
  if (tab) {
    for (const each of place.querySelectorAll(".match-tab")) each.setAttribute("aria-pressed", String(each === tab));
    for (const panel of place.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== tab.dataset.match;
    return;
  }
  const button = event.target.closest("[data-act]");
  if (button) tell(() => acts[button.dataset.act](button));
});

const answer = () => place.querySelector(".answer");
const other = () => place.querySelector("[data-panel]:not([hidden])")?.dataset.other;

// Remember the searched picture, so that it can be judged, tagged and put into banks.
async function remembered(details = {}) {
  const shown = answer();
  if (shown.dataset.known === "yes" && !Object.keys(details).length) return shown.dataset.sha;
  if (shown.dataset.known === "yes") {
    await ask("PATCH", `/pictures/${shown.dataset.sha}`, {body: {add_tags: details.tags ?? [], add_banks: details.banks ?? []}});
    return shown.dataset.sha;
  }
  if (shown.dataset.url) return (await ask("POST", "/pictures/fetch", {body: {url: shown.dataset.url, ...details}})).picture.sha256;
  const body = new FormData();
  body.append("picture", asked.file, asked.file.name || "pasted.png");
  const sources = [{kind: "file", id: asked.file.name || "pasted.png"}];
  body.append("details", JSON.stringify({sources, ...details}));
  return (await ask("POST", "/pictures", {body})).picture.sha256;
}

// Ask again for what is known now: a picture that was remembered meanwhile is no longer among its own matches.
const anew = (sha) => run(asked.url ? {what: sha, url: asked.url} : {what: sha});

async function judge(verdict, done) {
  const pair = {a: await remembered(), b: other()};
  await ask("POST", "/reviews", {body: {...pair, verdict}});
  await anew(pair.a);
  note(done, "good", {
    text: t("Undo"),
    run: () => tell(async () => {
      await ask("DELETE", `/reviews/${pair.a}/${pair.b}`);
      await anew(pair.a);
    }),
  });
}

function opened(dialog, act) {
  dialog.returnValue = "no";
  dialog.querySelector('[value="known"]').disabled = !other();
  dialog.querySelector('[value="own"]').checked = true;
  dialog.showModal();
  dialog.addEventListener("close", () => dialog.returnValue === "yes" && tell(() => act(new FormData(dialog.querySelector("form")))), {once: true});
}

async function given(details, which, done) {
  if (which === "known") {
    await ask("PATCH", `/pictures/${other()}`, {body: {add_tags: details.tags ?? [], add_banks: details.banks ?? []}});
    await run(asked);
  } else {
    await anew(await remembered(details));
  }
  note(done, "good");
}

const acts = {
  remember: () => given({}, "own", t("The picture is remembered.")),
  confirm: () => judge("same", t("Confirmed: the two match with YES from now on.")),
  reject: () => judge("different", t("Rejected: the two will not match again.")),
  tag: () => opened(document.getElementById("tag-dialog"), (form) => given({tags: [form.get("tag").trim()]}, form.get("which"), t("The tag is given."))),
  bank: () => opened(document.getElementById("bank-dialog"), (form) => given({banks: [form.get("bank")]}, form.get("which"), t("It is in the bank {bank}.", {bank: form.get("bank")}))),
  async ignore() {
    const bank = document.querySelector('#bank-dialog option[data-kind="ignore"]');
    if (!bank) return note(t("There is no bank of the kind “ignore”; an admin makes one."), "bad");
    return given({banks: [bank.value]}, "own", t("It is ignored from now on, by the bank {bank}.", {bank: bank.value}));
  },
};

if (form.dataset.what) run({what: form.dataset.what});
