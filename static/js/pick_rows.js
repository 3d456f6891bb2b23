// Ticking rows of a list: by a click anywhere in the row, a range with Shift, all of the page; the
// number of ticked rows; buttons that need one. Without this script the boxes and buttons work too.
"use strict";

(() => {
  const table = document.querySelector("[data-rows]");
  const all = document.querySelector("[data-rows-all]");
  if (!table || !all) return;
  const everything = document.querySelector("[data-rows-everything]");
  const count = document.querySelector("[data-rows-count]");
  const buttons = document.querySelectorAll("[data-rows-act]");
  const boxes = () => [...table.querySelectorAll("input[name=numbers]")];
  let last = null;

  function refresh() {
    const ticked = boxes().filter((box) => box.checked).length;
    const isEverything = Boolean(everything?.checked);
    count.textContent = isEverything ? everything.dataset.count : ticked;
    all.checked = ticked > 0 && ticked === boxes().length;
    all.indeterminate = ticked > 0 && ticked < boxes().length;
    for (const button of buttons) button.disabled = !isEverything && ticked === 0;
  }

  function tickRange(from, to, checked) {
    const rows = boxes();
    const [first, end] = [rows.indexOf(from), rows.indexOf(to)].sort((one, other) => one - other);
    for (const box of rows.slice(first, end + 1)) box.checked = checked;
  }

  table.addEventListener("click", (event) => {
    const box = event.target.closest("tbody tr")?.querySelector("input[name=numbers]");
    if (!box || event.target.closest("a, button, label, summary")) return;
    if (window.getSelection().toString()) return;
    if (event.target !== box) box.checked = !box.checked;
    if (event.shiftKey && last && boxes().includes(last)) tickRange(last, box, box.checked);
    last = box;
    refresh();
  });
  all.addEventListener("change", () => {
    for (const box of boxes()) box.checked = all.checked;
    refresh();
  });
  everything?.addEventListener("change", refresh);
  table.addEventListener("change", refresh);
  document.addEventListener("htmx:afterSettle", refresh);
  window.addEventListener("pageshow", refresh);
  refresh();
})();
