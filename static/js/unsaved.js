// Shows that there are unsaved changes, and warns before the page is left with them.
"use strict";

(() => {
  const form = document.querySelector("[data-unsaved]");
  const note = document.querySelector("[data-unsaved-note]");
  const saved = document.querySelector("[data-saved-note]");
  const content = () => new URLSearchParams(new FormData(form)).toString();
  // A form redisplayed with errors or after a conflict has unsaved changes from the start.
  const initial = form.dataset.unsaved === "changed" ? null : content();
  let leaving = false;

  const changed = () => content() !== initial;

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
