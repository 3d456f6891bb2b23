// Choosing counters: search, «Выбрать все» for the visible rows, and the number of chosen ones.
"use strict";

(() => {
  const form = document.querySelector("[data-pick]");
  const boxes = [...form.querySelectorAll("input[name=numbers]")];
  const all = form.querySelector("[data-pick-all]");
  const count = form.querySelector("[data-pick-count]");
  const submit = form.querySelector("[data-pick-submit]");
  const search = form.querySelector("[data-pick-search]");
  const nothing = form.querySelector("[data-pick-nothing]");

  // «е» matches «ё» and the other way round: few people type the dots.
  const plain = (text) => text.toLocaleLowerCase("ru").replaceAll("ё", "е");
  // Counters that were added before are ticked and disabled.
  const enabled = boxes.filter((box) => !box.disabled);
  const choosable = () => enabled.filter((box) => !box.closest("tr").hidden);

  function recount() {
    const chosen = enabled.filter((box) => box.checked).length;
    const shown = choosable();
    const shownChosen = shown.filter((box) => box.checked).length;
    count.textContent = chosen;
    submit.disabled = chosen === 0;
    all.disabled = shown.length === 0;
    all.checked = shown.length > 0 && shownChosen === shown.length;
    all.indeterminate = shownChosen > 0 && shownChosen < shown.length;
  }

  function filter() {
    const words = plain(search.value.trim());
    let found = 0;
    for (const row of form.querySelectorAll("tbody tr")) {
      row.hidden = !plain(row.textContent).includes(words);
      if (!row.hidden) found += 1;
    }
    nothing.hidden = found > 0;
    recount();
  }

  for (const hidden of form.querySelectorAll("[data-needs-script]")) hidden.hidden = false;
  all.addEventListener("change", () => {
    for (const box of choosable()) box.checked = all.checked;
    recount();
  });
  search.addEventListener("input", filter);
  search.addEventListener("keydown", (event) => {
    if (event.key === "Enter") event.preventDefault();
  });
  form.addEventListener("change", recount);
  // A click anywhere in the row ticks it.
  form.querySelector("tbody").addEventListener("click", (event) => {
    const box = event.target.closest("tr").querySelector("input[name=numbers]");
    if (box.disabled || event.target.closest("input, label, a")) return;
    if (window.getSelection().toString()) return;
    box.checked = !box.checked;
    recount();
  });
  window.addEventListener("pageshow", filter);
})();
