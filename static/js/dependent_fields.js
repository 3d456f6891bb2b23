// Shows a part of a form only while it matters: data-when="field=value" or "field>0".
// Hidden parts are still sent, so nothing that was typed is lost by choosing something else for a moment.
"use strict";

(() => {
  const parts = [...document.querySelectorAll("[data-when]")];

  function holds(form, condition) {
    const [, name, sign, value] = condition.match(/^(\w+)([=>])(.*)$/);
    const current = new FormData(form).get(name);
    return sign === ">" ? Number(current) > Number(value) : current === value;
  }

  function refresh() {
    for (const part of parts) part.hidden = !holds(part.closest("form"), part.dataset.when);
  }

  document.addEventListener("input", refresh);
  document.addEventListener("change", refresh);
  refresh();
})();
