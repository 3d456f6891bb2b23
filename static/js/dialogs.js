// A link to a confirmation page («Удалить?») opens it in a dialog: htmx loads the confirmation from
// the same URL. Without a script the link leads to that page.
"use strict";

(() => {
  const dialog = document.getElementById("dialog");

  document.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target !== dialog || dialog.open) return;
    dialog.showModal();
    // The focus goes to «Отмена», not to the irreversible button, which comes first.
    dialog.querySelector("[data-dialog-close]").focus();
  });
  dialog.addEventListener("click", (event) => {
    const cancel = event.target.closest("[data-dialog-close]");
    if (cancel) event.preventDefault();
    if (cancel || event.target === dialog) dialog.close();
  });
  dialog.addEventListener("close", () => dialog.replaceChildren());
})();
