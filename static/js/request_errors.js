// Handles htmx responses that are not the requested page: sign-in page, errors, no response.
"use strict";

(() => {
  const error = document.getElementById("request-error");

  // After a sign-out the response is the sign-in page. A reload leads there and back here.
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (event.detail.serverResponse.includes('id="page"')) return;
    event.detail.shouldSwap = false;
    if (event.detail.xhr.status < 400) location.reload();
  });

  function showError() {
    error.hidden = false;
  }

  document.addEventListener("htmx:responseError", showError);
  document.addEventListener("htmx:sendError", showError);
  document.addEventListener("htmx:beforeRequest", () => {
    error.hidden = true;
  });
})();
