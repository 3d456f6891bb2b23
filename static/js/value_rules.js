// Adds further empty rows to the value rules. Without a script one rule is added at a time.
"use strict";

(() => {
  const button = document.querySelector("[data-add-rule]");
  const pattern = document.querySelector("[data-rule-pattern]");
  const count = document.querySelector("[data-rules-count]");

  button.hidden = false;
  button.addEventListener("click", () => {
    const row = pattern.content.cloneNode(true);
    for (const element of row.querySelectorAll("[id], [for], [name]")) {
      for (const name of ["id", "for", "name"]) {
        const value = element.getAttribute(name);
        if (value) element.setAttribute(name, value.replace("__n__", count.value));
      }
    }
    count.value = Number(count.value) + 1;
    const first = row.querySelector("input, select");
    button.before(row);
    first.focus();
    count.dispatchEvent(new Event("change", { bubbles: true }));
  });
})();
