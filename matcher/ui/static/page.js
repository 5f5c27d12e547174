// What every script of the pages needs: words, elements, and asking the server.

const words = JSON.parse(document.getElementById("words")?.textContent || "{}");
const meta = (name) => document.querySelector(`meta[name="${name}"]`)?.content ?? "";

export const root = meta("kuato-root");

// The text in the visitor's language; {name} is replaced by values.name.
export function t(text, values = {}) {
  return (words[text] ?? text).replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

// An element: el("button", {class: "button", type: "button", onclick: f}, "text", child, ...). Text is never taken for HTML.
export function el(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (key === "data") Object.assign(made.dataset, value);
    else made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

const shape = "http://www.w3.org/2000/svg";

// An element of SVG.
export function svg(name, attributes = {}, ...children) {
  const made = document.createElementNS(shape, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const icon = (path) => svg("svg", {class: "icon", viewBox: "0 0 24 24", width: 20, height: 20, "aria-hidden": "true"}, svg("path", {d: path}));

// A text from outside: in any script, its direction its own matter, invisible characters made visible.
export function outside(text) {
  const seen = String(text).replace(/[\p{Cc}\p{Cf}\p{Co}\p{Cn}\u2028\u2029]/gu, (c) => `\\u{${c.codePointAt(0).toString(16)}}`);
  return el("bdi", {}, seen);
}

export class Failure extends Error {
  constructor(code, message, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

// Ask the API (a path below /api/v1) or a page of ours. body: FormData, a file, or what becomes JSON. Throws Failure.
export async function ask(method, path, {body, signal, base = "/api/v1"} = {}) {
  const headers = {Accept: "application/json", "X-Kuato-Token": meta("kuato-token")};
  const asIs = body === undefined || body instanceof FormData || body instanceof Blob;
  if (!asIs) headers["Content-Type"] = "application/json";
  if (body instanceof Blob) headers["Content-Type"] = "application/octet-stream";
  let answer;
  try {
    answer = await fetch(root + base + path, {method, headers, signal, body: asIs ? body : JSON.stringify(body), credentials: "same-origin"});
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("away", t("Kuato does not answer; is it running?"), 0);
  }
  if (answer.status === 204) return null;
  const found = await answer.json().catch(() => null);
  if (answer.status === 401) throw new Failure("unauthorized", t("You are no longer logged in; load the page anew."), 401);
  if (!answer.ok) throw new Failure(found?.code ?? "error", found?.message ?? t("Kuato could not answer."), answer.status);
  return found;
}

// Tell the visitor something at the edge of the page. kind: "good", "bad" or "". act: {text, run} for a button.
export function note(text, kind = "", act = null) {
  const made = el("div", {class: `note ${kind ? `note-${kind}` : ""}`}, el("span", {}, text));
  if (act) made.append(el("button", {type: "button", class: "link", onclick: () => (made.remove(), act.run())}, act.text));
  made.append(el("button", {type: "button", class: "note-close", "aria-label": t("Close"), onclick: () => made.remove()}, "×"));
  document.getElementById("notes").append(made);
  setTimeout(() => made.remove(), kind === "bad" ? 15000 : 6000);
}

// Run something; what goes wrong is told.
export async function tell(run) {
  try {
    return await run();
  } catch (error) {
    if (error.name === "AbortError") return undefined;
    note(error.message, "bad");
    if (!(error instanceof Failure)) throw error;
    return undefined;
  }
}

export const decision = (value) => el("span", {class: `decision decision-${value.toLowerCase()}`}, value);
