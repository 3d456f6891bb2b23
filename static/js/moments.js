// «3 минуты назад» for recent moments; the server writes the full date, which stays in the title.
"use strict";

(() => {
  const STEPS = [
    [60, 1, "second"],
    [3600, 60, "minute"],
    [86400, 3600, "hour"],
    [604800, 86400, "day"],
  ];
  const words = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

  function refresh() {
    for (const moment of document.querySelectorAll("time[data-relative]")) {
      moment.dataset.written ??= moment.textContent;
      const seconds = (Date.now() - new Date(moment.dateTime).getTime()) / 1000;
      const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
      moment.textContent = step
        ? words.format(-Math.trunc(seconds / step[1]), step[2])
        : moment.dataset.written;
    }
  }

  refresh();
  setInterval(refresh, 30000);
  document.addEventListener("htmx:afterSwap", refresh);
})();
