// Pictures are covered until somebody looks: a press uncovers one, "Uncover all" all of a page.

import {t} from "./page.js";

export function uncover(veil, open = true) {
  veil.setAttribute("aria-pressed", String(open));
}

document.addEventListener("click", (event) => {
  const veil = event.target.closest?.(".veil");
  if (veil) uncover(veil, veil.getAttribute("aria-pressed") !== "true");
});

const all = document.getElementById("uncover");
all?.addEventListener("click", () => {
  const open = all.getAttribute("aria-pressed") !== "true";
  all.setAttribute("aria-pressed", String(open));
  all.textContent = open ? t("Cover all") : t("Uncover all");
  for (const veil of document.querySelectorAll(".veil")) uncover(veil, open);
});

// How many are chosen stands on the button that does something with them.
const split = document.getElementById("split");
if (split) {
  const boxes = [...document.querySelectorAll("#members input[type=checkbox]")];
  const count = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    split.disabled = !chosen || chosen === boxes.length;
    split.textContent = chosen ? `${split.dataset.chosen} (${chosen})` : split.dataset.chosen;
  };
  for (const box of boxes) box.addEventListener("change", count);
  count();
}
