// The message over the work goes when it is closed, when the next answer has another one or none,
// and by itself when it has been there long enough and nobody is at it.
"use strict";

(() => {
  const SHOWN_MS = 15000;
  const toast = document.getElementById("toast");
  let asker;
  let timer;

  function wait() {
    clearTimeout(timer);
    timer = setTimeout(() => {
      if (toast.matches(":hover, :focus-within")) wait();
      else toast.replaceChildren();
    }, SHOWN_MS);
  }

  document.addEventListener("htmx:beforeRequest", () => {
    if (!toast.contains(document.activeElement)) asker = document.activeElement.id;
  });
  // Never over what was pressed: a second press must meet the same switch.
  function place() {
    toast.classList.remove("toast--high");
    const pressed = document.getElementById(asker)?.getBoundingClientRect();
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
    document.getElementById(asker)?.focus();
  });
})();
