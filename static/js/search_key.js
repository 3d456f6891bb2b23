// «/» puts the cursor into the search of the cabinet, unless something is being typed.
"use strict";

(() => {
  const TYPED_IN = "input, textarea, select, [contenteditable]";

  document.addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest(TYPED_IN) || document.querySelector("dialog[open]")) return;
    const fields = document.querySelectorAll("#cabinet-search, #page-search");
    const field = [...fields].find((one) => one.checkVisibility());
    if (!field) return;
    event.preventDefault();
    field.focus();
    field.select();
  });
})();
