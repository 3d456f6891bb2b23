// «3 минуты назад» for recent times; the full date from the server stays in the title.
"use strict";

(() => {
  const STEPS = [
    [60, 1, "second"],
    [3600, 60, "minute"],
    [86400, 3600, "hour"],
    [604800, 86400, "day"],
  ];
  const format = new Intl.RelativeTimeFormat(document.documentElement.lang, { numeric: "auto" });

  function refresh() {
    for (const time of document.querySelectorAll("time[data-relative]")) {
      time.dataset.written ??= time.textContent;
      const seconds = (Date.now() - new Date(time.dateTime).getTime()) / 1000;
      const step = STEPS.find(([limit]) => Math.abs(seconds) < limit);
      time.textContent = step
        ? format.format(-Math.trunc(seconds / step[1]), step[2])
        : time.dataset.written;
    }
  }

  refresh();
  setInterval(refresh, 30000);
  document.addEventListener("htmx:afterSwap", refresh);
})();
