// Shows that there are unsaved changes, and warns before the page is left with them.
"use strict";

(() => {
  const form = document.querySelector("[data-unsaved]");
  const note = document.querySelector("[data-unsaved-note]");
  const saved = document.querySelector("[data-saved-note]");
  const content = (of) => new URLSearchParams(new FormData(of)).toString();
  // A form redisplayed with errors or after a conflict has unsaved changes from the start.
  const initial = form.dataset.unsaved === "changed" ? null : content(asServed());
  let leaving = false;

  // The form with the values that the server sent. A person may have edited the form already: the page
  // is usable before this script is loaded, and browsers restore what was typed after a reload.
  function asServed() {
    const copy = form.cloneNode(true);
    // Outside of the page a control belongs to the form around it, whatever its attribute says.
    for (const foreign of copy.querySelectorAll("[form]")) foreign.remove();
    copy.reset();
    return copy;
  }

  const changed = () => content(form) !== initial;

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
