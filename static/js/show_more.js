// «Показать ещё» is replaced when its rows are loaded, and the focus would be lost. This moves the
// focus to the first of the new rows.
"use strict";

(() => {
  let last;

  document.addEventListener("htmx:beforeSwap", (event) => {
    const isMore = event.detail.requestConfig.elt.closest("#show-more");
    last = isMore ? event.detail.target.lastElementChild : undefined;
  });
  document.addEventListener("htmx:afterSwap", () => {
    last?.nextElementSibling?.querySelector("a").focus();
    last = undefined;
  });
})();
