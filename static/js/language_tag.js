// A browser may name a language that Intl refuses («en-US@posix»): uPlot, which asks for the numbers
// of the browser's language while it loads, would not run. Then the page's language is taken.
"use strict";

(() => {
  try {
    new Intl.NumberFormat(navigator.language);
  } catch {
    const { lang } = document.documentElement;
    Object.defineProperty(navigator, "language", { value: lang, configurable: true });
  }
})();
