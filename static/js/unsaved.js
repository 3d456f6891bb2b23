// Says that there are unsaved changes, and asks before they are left behind.
"use strict";

(() => {
  const form = document.querySelector("[data-unsaved]");
  const note = document.querySelector("[data-unsaved-note]");
  const saved = document.querySelector("[data-saved-note]");
  const content = () => new URLSearchParams(new FormData(form)).toString();
  // A form that came back with errors or after a conflict holds what is not saved yet.
  const atFirst = form.dataset.unsaved === "changed" ? null : content();
  let leaving = false;

  const changed = () => content() !== atFirst;

  function refresh() {
    note.hidden = !changed();
    if (saved) saved.hidden = changed();
  }

  form.addEventListener("input", refresh);
  form.addEventListener("change", refresh);
  document.addEventListener("htmx:afterSettle", refresh);
  form.addEventListener("submit", () => {
    leaving = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && changed()) event.preventDefault();
  });
  refresh();
})();
