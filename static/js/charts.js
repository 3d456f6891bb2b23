// Draws each <figure data-chart> from the table inside it: columns with data-series as stacked bars,
// those with data-line as lines over them. The table stays: it is
// what a screen reader, a keyboard and a page without scripts have. Series differ by pattern, too.
"use strict";

(() => {
  // Without the library (a browser that it does not run in) the tables tell all.
  if (typeof uPlot === "undefined") return;

  const HEIGHT = 220;
  const drawn = new Map();

  function read(figure) {
    const table = figure.querySelector("table");
    const heads = [...table.tHead.rows[0].cells];
    const rows = [...table.tBodies[0].rows];
    const marked = (mark) => heads.flatMap((head, place) => (head.hasAttribute(mark) ? [{
      title: head.textContent.trim(),
      values: rows.map((row) => Number(row.cells[place].dataset.value ?? 0)),
    }] : []));
    return {
      labels: rows.map((row) => row.cells[0].textContent.trim()),
      links: rows.map((row) => row.cells[0].querySelector("a")),
      series: marked("data-series"),
      lines: marked("data-line"),
    };
  }

  // Tiles of 6×6 px: solid, diagonal, horizontal, vertical, dots.
  const PATTERNS = [
    null,
    (tile) => [-6, 0, 6].forEach((x) => {
      tile.moveTo(x, 6);
      tile.lineTo(x + 6, 0);
    }),
    (tile) => { tile.moveTo(0, 3); tile.lineTo(6, 3); },
    (tile) => { tile.moveTo(3, 0); tile.lineTo(3, 6); },
    (tile) => { tile.moveTo(2, 3); tile.lineTo(4, 3); },
  ];

  function fillOf(color, place, context) {
    const draw = PATTERNS[Math.min(place, PATTERNS.length - 1)];
    if (!draw) return color;
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 6;
    const tile = canvas.getContext("2d");
    tile.strokeStyle = color;
    tile.lineWidth = 2;
    tile.beginPath();
    draw(tile);
    tile.stroke();
    return context.createPattern(canvas, "repeat");
  }

  // The highest sum is drawn first, and the lower ones over it, each on a ground of its own.
  function stacked(series) {
    const sums = series[0].values.map(() => 0);
    return series.map(({ values }) => values.map((value, at) => (sums[at] += value)));
  }

  function options(figure, data, width) {
    const keys = [...figure.querySelectorAll("[data-key]")].map((key) => getComputedStyle(key).color);
    const canvas = figure.querySelector("[data-canvas]");
    const soft = getComputedStyle(canvas).color;
    const line = getComputedStyle(document.documentElement).getPropertyValue("--chart-line") || soft;
    const surface = getComputedStyle(figure.closest(".panel") ?? document.body).backgroundColor;
    const bars = uPlot.paths.bars({ size: [0.7, 48] });
    const layers = data.series
      .map((one, place) => ({
        label: one.title,
        stroke: keys[place],
        width: 1,
        fill: (plot) => fillOf(keys[place], place, plot.ctx),
        paths: bars,
        points: { show: false },
      }))
      .reverse();
    // Under each layer the ground: a pattern lets the layer behind it through.
    const grounded = layers.flatMap((layer) => [
      { ...layer, fill: surface, stroke: surface },
      layer,
    ]);
    const lines = data.lines.map((one, place) => ({
      label: one.title,
      stroke: keys[data.series.length + place],
      width: 2,
      dash: [6, 3],
      points: { show: true, size: 6, fill: surface },
    }));
    const axis = { stroke: soft, grid: { stroke: line, width: 0.5, dash: [2, 4] }, ticks: { show: false } };
    return {
      width,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: false }, drag: { x: false, y: false } },
      scales: { x: { time: false, range: (_plot, low, high) => [low - 0.6, high + 0.6] }, y: { range: (_plot, _low, high) => [0, Math.max(1, high * 1.05)] } },
      axes: [
        { ...axis, grid: { show: false }, incrs: [1, 2, 3, 4, 7, 14, 28], values: (_plot, places) => places.map((place) => data.labels[place] ?? "") },
        { ...axis, size: 56, incrs: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000, 50000, 100000] },
      ],
      series: [{}, ...grounded, ...lines],
    };
  }

  function draw(figure) {
    const canvas = figure.querySelector("[data-canvas]");
    drawn.get(figure)?.destroy();
    const data = read(figure);
    if (!data.labels.length || !data.series.length) return;
    figure.dataset.drawn = "";
    const box = getComputedStyle(canvas);
    const width = canvas.clientWidth - parseFloat(box.paddingLeft) - parseFloat(box.paddingRight);
    const layers = stacked(data.series).reverse().flatMap((values) => [values, values]);
    const over = data.lines.map((one) => one.values);
    const plot = new uPlot(options(figure, data, width), [data.labels.map((_, at) => at), ...layers, ...over], canvas);
    canvas.toggleAttribute("data-linked", data.links.some(Boolean));
    plot.over.addEventListener("click", () => data.links[plot.cursor.idx]?.click());
    plot.over.addEventListener("mousemove", () => {
      const at = plot.cursor.idx;
      plot.over.title = at == null ? "" : [data.labels[at], ...[...data.series, ...data.lines].map((one) => `${one.title}: ${one.values[at]}`)].join("\n");
    });
    drawn.set(figure, plot);
  }

  function drawAll() {
    document.querySelectorAll("figure[data-chart]").forEach(draw);
  }

  let width = window.innerWidth;
  window.addEventListener("resize", () => {
    if (window.innerWidth !== width) drawAll();
    width = window.innerWidth;
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
  new MutationObserver(drawAll).observe(document.documentElement, { attributeFilter: ["data-theme"] });
  document.addEventListener("htmx:afterSwap", drawAll);
  drawAll();
})();
