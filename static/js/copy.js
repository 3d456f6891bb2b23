// Buttons that copy a value. They appear only where the browser lets a page write the clipboard.
"use strict";

if (navigator.clipboard) {
  for (const button of document.querySelectorAll("[data-copy]")) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      button.classList.add("copied");
      button.setAttribute("aria-label", button.dataset.copied);
      setTimeout(() => {
        button.classList.remove("copied");
        button.removeAttribute("aria-label");
      }, 2000);
    });
  }
}
