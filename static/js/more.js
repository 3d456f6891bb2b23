// «Показать ещё» is drawn anew below what it brought. Without this the keyboard would be back at
// the top of the page instead of on the first of the new rows.
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
