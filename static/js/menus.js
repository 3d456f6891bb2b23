// Menus and hints are <details>. They close on Escape, on a click elsewhere, and when the focus leaves.
"use strict";

(() => {
  const OPENED = "details.menu[open], details.hint[open]";

  function closeAllBut(kept) {
    for (const opened of document.querySelectorAll(OPENED)) {
      if (!opened.contains(kept)) opened.open = false;
    }
  }

  document.addEventListener("click", (event) => closeAllBut(event.target));
  document.addEventListener("focusin", (event) => closeAllBut(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const opened of document.querySelectorAll(OPENED)) {
      const held = opened.contains(document.activeElement);
      opened.open = false;
      if (held) opened.querySelector("summary").focus();
    }
  });

  // A hint near the right edge opens to the left, and one near the lower edge is brought up: none
  // is cut. On a narrow screen it is as wide as its field (menus.css).
  document.addEventListener(
    "toggle",
    (event) => {
      if (!event.target.matches("details.hint[open]")) return;
      const text = event.target.querySelector(".hint__text");
      text.classList.remove("hint__text--left");
      const cut = text.getBoundingClientRect().right > document.documentElement.clientWidth - 8;
      text.classList.toggle("hint__text--left", cut);
      text.scrollIntoView({ block: "nearest" });
    },
    true,
  );
})();
