// The look switch and the choice of a language, without loading the page anew where that can be.

import {root} from "./page.js";

for (const button of document.querySelectorAll("#look button")) {
  button.addEventListener("click", (event) => {
    event.preventDefault();
    const look = button.value;
    document.cookie = `kuato_look=${look}; path=${root}/; max-age=31536000; samesite=lax${location.protocol === "https:" ? "; secure" : ""}`;
    if (look === "auto") delete document.documentElement.dataset.look;
    else document.documentElement.dataset.look = look;
    for (const each of document.querySelectorAll("#look button")) each.setAttribute("aria-pressed", String(each === button));
  });
}

document.querySelector("#language select")?.addEventListener("change", (event) => event.target.form.submit());
