// Who decided what: a verdict can be taken back.

import {ask, note, t, tell} from "./page.js";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-withdraw]");
  if (!button) return;
  tell(async () => {
    await ask("DELETE", `/reviews/${button.dataset.withdraw}`);
    button.closest("tr").remove();
    note(t("The verdict is withdrawn; what it alone tied is parted."), "good");
  });
});
