// Menus and hints are <details>. They close on Escape, on a click outside, and when focus leaves.
"use strict";

(() => {
  const OPENED = "details.menu[open], details.hint[open]";

  function closeOthers(kept) {
    for (const opened of document.querySelectorAll(OPENED)) {
      if (!opened.contains(kept)) opened.open = false;
    }
  }

  document.addEventListener("click", (event) => closeOthers(event.target));
  document.addEventListener("focusin", (event) => closeOthers(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const opened of document.querySelectorAll(OPENED)) {
      const hadFocus = opened.contains(document.activeElement);
      opened.open = false;
      if (hadFocus) opened.querySelector("summary").focus();
    }
  });

  // A hint near the right edge opens to the left, and one near the lower edge is scrolled into view,
  // so that none is cut off. On a narrow screen it is as wide as its field (menus.css).
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
