// Pictures on the pages: blurred until somebody wants to see them, in the shape of the file, with the region that agrees drawn on them.

import {svg, t} from "./page.js";

// The picture of a frame becomes what a file of the visitor's own machine shows; nothing is sent for that.
export function showOwn(shot, url) {
  if ("hidden" in shot.dataset) return;
  const picture = new Image();
  picture.addEventListener("load", () => {
    const canvas = shot.querySelector(".canvas");
    const [wide, high] = [picture.naturalWidth || 4, picture.naturalHeight || 3];
    canvas.setAttribute("viewBox", `0 0 ${wide} ${high}`);
    canvas.prepend(svg("image", {class: "seen", href: url, width: wide, height: high, preserveAspectRatio: "none"}));
    shot.classList.remove("shot-blank");
    shot.querySelector("[data-note]").hidden = true;
    shot.querySelector(".reveal").hidden = false;
  });
  picture.src = url;
}

// Let the buttons on pictures show and blur them again.
export function revealable(within) {
  within.addEventListener("click", (event) => {
    const button = event.target.closest(".reveal");
    if (button) reveal(button, button.getAttribute("aria-pressed") !== "true");
  });
}

export function reveal(button, shown) {
  button.setAttribute("aria-pressed", String(shown));
  button.closest(".shot").classList.toggle("shot-clear", shown);
  button.querySelector("span").textContent = shown ? t("Blur") : t("Show");
}
