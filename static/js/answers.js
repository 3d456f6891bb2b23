// What to do when htmx gets an answer that is not the page it asked for.
"use strict";

(() => {
  const trouble = document.getElementById("trouble");

  // Signed out meanwhile: the answer is the sign-in page. A reload leads there and back here.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.serverResponse.includes('id="page"')) return;
    event.detail.shouldSwap = false;
    if (event.detail.xhr.status < 400) location.reload();
  });

  function tell() {
    trouble.hidden = false;
  }

  document.addEventListener("htmx:responseError", tell);
  document.addEventListener("htmx:sendError", tell);
  document.addEventListener("htmx:beforeRequest", () => {
    trouble.hidden = true;
  });
})();
