// A link that leads to a question («Удалить?») asks it in a dialog instead: htmx brings the same
// question from the same address. Without a script the link leads to that page.
"use strict";

(() => {
  const dialog = document.getElementById("dialog");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== dialog || dialog.open) return;
    dialog.showModal();
    // Not what cannot be taken back, though it is written first.
    dialog.querySelector("[data-dialog-close]").focus();
  });
  dialog.addEventListener("click", (event) => {
    const cancel = event.target.closest("[data-dialog-close]");
    if (cancel) event.preventDefault();
    if (cancel || event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
})();
