// Shows a part of a form only while its condition holds: data-when="field=value", "field!=value" or
// "field>0". An unticked box has no value: data-when="field=".
// Hidden parts are still submitted, so what was typed is not lost by choosing something else.
// A part with an error is never hidden on load: the error must be visible.
"use strict";

(() => {
  const parts = [...document.querySelectorAll("[data-when]")];

  // Read from the controls, not from FormData: that leaves out disabled controls, and all are
  // disabled for a viewer. A RadioNodeList has the value of the checked button.
  function valueOf(form, name) {
    const control = form.elements.namedItem(name);
    return control.type === "checkbox" && !control.checked ? "" : control.value;
  }

  function holds(form, condition) {
    const [, name, sign, value] = condition.match(/^(\w+)(=|!=|>)(.*)$/);
    const current = valueOf(form, name);
    if (sign === ">") return Number(current) > Number(value);
    return (current === value) === (sign === "=");
  }

  const applies = (part) => holds(part.closest("form"), part.dataset.when);
  const withErrors = parts.filter((part) => part.querySelector(".errorlist") && !applies(part));

  function refresh() {
    for (const part of parts) part.hidden = !applies(part) && !withErrors.includes(part);
  }

  document.addEventListener("input", refresh);
  document.addEventListener("change", refresh);
  refresh();
})();
