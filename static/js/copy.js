// Buttons that copy a value. They are shown only where the browser has a clipboard API.
"use strict";

if (navigator.clipboard) {
  const show = () => {
    for (const button of document.querySelectorAll("[data-copy]")) button.hidden = false;
  };
  show();
  // Content loaded by htmx may have buttons too.
  document.addEventListener("htmx:afterSettle", show);

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    await navigator.clipboard.writeText(button.dataset.copy);
    button.classList.add("copied");
    button.setAttribute("aria-label", button.dataset.copied);
    setTimeout(() => {
      button.classList.remove("copied");
      button.removeAttribute("aria-label");
    }, 2000);
  });
}
