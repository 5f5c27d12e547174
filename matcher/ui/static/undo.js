// U undoes what was decided a moment ago, as on the review page.

document.addEventListener("keydown", (event) => {
  if (event.key.toLowerCase() !== "u" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (!event.target.closest?.("input, textarea, select")) document.getElementById("undo")?.click();
});
