// Shows a part of a form only while it matters: data-when="field=value", "field!=value" or "field>0".
// An unticked box has no value: data-when="field=".
// Hidden parts are still sent, so nothing that was typed is lost by choosing something else for a moment.
// Only a part that came back with a mistake though it should be hidden stays: it has to be found.
"use strict";

(() => {
  const parts = [...document.querySelectorAll("[data-when]")];

  // Read from the controls: what a form would send leaves out the disabled ones, and a person who
  // may only look has no others. A list of radio buttons gives the value of the chosen one.
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

  const matters = (part) => holds(part.closest("form"), part.dataset.when);
  const kept = parts.filter((part) => part.querySelector(".errorlist") && !matters(part));

  function refresh() {
    for (const part of parts) part.hidden = !matters(part) && !kept.includes(part);
  }

  document.addEventListener("input", refresh);
  document.addEventListener("change", refresh);
  refresh();
})();
