// From nothing to a baseline bank: makes the bank, then gives it the dropped pictures one by one, by the API.

import {Failure, ask, el, note, outside, t, tell} from "./page.js";

const form = document.getElementById("set-up");
const drop = document.getElementById("drop");
const files = document.getElementById("files");
const list = document.getElementById("dropped");
const progress = document.getElementById("progress");
const dropped = [];

function take(some) {
  for (const file of some) {
    const known = dropped.some((one) => one.file.name === file.name && one.file.size === file.size && one.file.lastModified === file.lastModified);
    if (!file.type.startsWith("image/")) note(t("{name} is no picture", {name: file.name}), "bad");
    else if (file.size > Number(form.dataset.limit)) note(t("{name} is too large", {name: file.name}), "bad");
    else if (!known) add(file);
  }
}

function add(file) {
  const address = URL.createObjectURL(file);
  const said = el("span", {class: "dropped-said small quiet"}, `${Math.ceil(file.size / 1024)} kB`);
  const one = {file, said};
  one.row = el("li", {class: "dropped-one"}, el("img", {src: address, alt: "", onload: () => URL.revokeObjectURL(address)}), el("span", {class: "dropped-name"}, outside(file.name)), said,
    el("button", {type: "button", class: "link", "aria-label": t("Leave {name} out", {name: file.name}), onclick: () => { dropped.splice(dropped.indexOf(one), 1); one.row.remove(); }}, t("Leave out")));
  dropped.push(one);
  list.append(one.row);
}

files.addEventListener("change", () => { take(files.files); files.value = ""; });
for (const kind of ["dragenter", "dragover"]) drop.addEventListener(kind, (event) => { event.preventDefault(); drop.classList.add("drop-over"); });
for (const kind of ["dragleave", "drop"]) drop.addEventListener(kind, () => drop.classList.remove("drop-over"));
drop.addEventListener("drop", (event) => { event.preventDefault(); take(event.dataTransfer.files); });
document.addEventListener("paste", (event) => take(event.clipboardData.files));

const lines = (id) => [...new Set(document.getElementById(id).value.split(/[\n,]+/).map((line) => line.trim()).filter(Boolean))];

async function bankOf(name) {
  const domains = lines("domains"), tags = lines("tags");
  try {
    return await ask("POST", "/banks", {body: {name, kind: "baseline", domains, tags}});
  } catch (error) {
    if (!(error instanceof Failure) || error.status !== 409) throw error;
    // It is there already, from an earlier try perhaps: it gains what is given now.
    const path = `/banks/${name.split("/").map(encodeURIComponent).join("/")}`;
    const there = await ask("GET", path);
    return ask("PATCH", path, {body: {domains: [...new Set([...there.domains, ...domains])], tags: [...new Set([...there.tags, ...tags])]}});
  }
}

async function give(one, bank) {
  const body = new FormData();
  body.append("picture", one.file, one.file.name);
  const details = {banks: [bank.name], sources: [{kind: "file", id: one.file.name}]};
  body.append("details", new Blob([JSON.stringify(details)], {type: "application/json"}));
  const {new: fresh, picture} = await ask("POST", "/pictures", {body});
  one.row.classList.add("dropped-good");
  one.said.textContent = fresh ? t("remembered") : t("was known, is in the bank now");
  return picture;
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  const name = document.getElementById("name").value.trim();
  if (!dropped.length) return note(t("Drop at least one picture first."), "bad");
  const begin = document.getElementById("begin");
  begin.disabled = true;
  return tell(async () => {
    try {
      const bank = await bankOf(name);
      let good = 0;
      for (const [n, one] of dropped.entries()) {
        progress.textContent = t("{n} of {count} …", {n: n + 1, count: dropped.length});
        try {
          await give(one, bank);
          good += 1;
        } catch (error) {
          one.row.classList.add("dropped-bad");
          one.said.textContent = error.message;
        }
      }
      progress.textContent = "";
      finish(bank, good);
    } finally {
      begin.disabled = false;
    }
  });
});

function finish(bank, good) {
  const done = document.getElementById("done");
  const address = `${form.dataset.bank}?name=${encodeURIComponent(bank.name)}`;
  done.replaceChildren(
    el("h2", {}, good === dropped.length ? t("The bank is ready") : t("The bank is there, but not all pictures are in it")),
    el("p", {}, outside(bank.name), ": ", t("{count} pictures, {domains} domains", {count: good, domains: bank.domains.length}), ". ",
      bank.domains.length ? t("Who shows these pages on another domain is told from now on.") : t("Give it domains, so that its own pages are not taken for copies.")),
    el("div", {class: "row"}, el("a", {class: "button main-button", href: address}, t("Look at it")), el("a", {class: "button", href: "search"}, t("Try it: search a picture"))));
  done.querySelector("a:last-child").href = new URL("../search", location.href).pathname;
  done.hidden = false;
  done.focus();
}
