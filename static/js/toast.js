// The message over the page disappears when it is closed, with the next htmx response, and after
// SHOWN_MS without pointer or focus on it.
"use strict";

(() => {
  const SHOWN_MS = 15000;
  const toast = document.getElementById("toast");
  let focusedId;
  let timer;

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) wait();
      else toast.replaceChildren();
    }, SHOWN_MS);
  }

  document.addEventListener("htmx:beforeRequest", () => {
    if (!toast.contains(document.activeElement)) focusedId = document.activeElement.id;
  });
  // Never over the pressed control: a second click must hit the same switch.
  function place() {
    toast.classList.remove("toast--high");
    const pressed = document.getElementById(focusedId)?.getBoundingClientRect();
    if (pressed?.bottom > toast.getBoundingClientRect().top) toast.classList.add("toast--high");
  }

  document.addEventListener("htmx:oobAfterSwap", (event) => {
    if (event.detail.target !== toast) return;
    place();
    wait();
  });
  toast.addEventListener("click", (event) => {
    if (!event.target.closest("[data-toast-close]")) return;
    toast.replaceChildren();
    document.getElementById(focusedId)?.focus();
  });
})();
