// Handles htmx responses that are not the requested page: sign-in page, errors, no response.
"use strict";

(() => {
  const error = document.getElementById("request-error");

  // After a sign-out the response is the sign-in page. A reload leads there and back here. Requested
  // are a page of the cabinet, or the element of a page that the response replaces.
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { serverResponse, target, xhr } = event.detail;
    const requested = ["page", target.id].filter(Boolean);
    if (requested.some((id) => serverResponse.includes(`id="${id}"`))) return;
    event.detail.shouldSwap = false;
    if (xhr.status < 400) location.reload();
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
