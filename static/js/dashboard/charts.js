// Charts, each drawn from the table beside it: what cannot be seen can be read, and nothing is said twice.

import uPlot from "uplot";
import { size } from "../sizes.js";

const HEIGHT = 220;
const lang = document.documentElement.lang === "es" ? "es-MX" : "en";
const compact = new Intl.NumberFormat(lang, { notation: "compact", maximumFractionDigits: 1 });

/** Unit → how a number of it stands at an axis. */
const WRITE = {
  count: (value) => (Number.isInteger(value) ? compact.format(value) : ""),
  bytes: size,
  ms: (value) => (value < 1_000 ? `${compact.format(value)} ms` : `${compact.format(value / 1_000)} s`),
};

const drawn = new Map();

function drawAll() {
  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    if (figure.querySelector("[data-canvas]") && !drawn.has(figure)) drawn.set(figure, draw(figure));
  }
  for (const [figure, chart] of drawn) {
    if (figure.isConnected) continue;
    chart.destroy();
    drawn.delete(figure);
  }
}

function redraw() {
  for (const chart of drawn.values()) chart.destroy();
  drawn.clear();
  drawAll();
}

/** @param {HTMLElement} figure */
function draw(figure) {
  const rows = [...figure.querySelectorAll("tbody tr")];
  const place = figure.querySelector("[data-canvas]");
  const tones = [...figure.querySelectorAll("[data-tone]")].map((one) => getComputedStyle(one).getPropertyValue("border-left-color"));
  const columns = tones.map((_, column) => rows.map((row) => number(row.cells[column + 1].dataset.value)));
  const bars = figure.dataset.chart === "bars";
  const ink = getComputedStyle(place).color;
  const line = getComputedStyle(figure).borderTopColor;
  const axis = { stroke: ink, font: "12px system-ui", grid: { stroke: line, width: 1 }, ticks: { show: false } };
  const chart = new uPlot(
    {
      width: place.clientWidth,
      height: HEIGHT,
      legend: { show: false },
      cursor: { y: false, points: { show: !bars }, drag: { setScale: false } },
      scales: { x: { time: false, range: [-0.5, rows.length - 0.5] }, y: { range: (_, __, most) => [0, (most || 1) * 1.05] } },
      axes: [
        { ...axis, size: 32, grid: { show: false }, incrs: whole(rows.length), values: (_, splits) => splits.map((at) => rows[at]?.dataset.short ?? "") },
        { ...axis, size: 64, values: (_, splits) => splits.map(WRITE[figure.dataset.unit]) },
      ],
      series: [{}, ...(bars ? stacked(tones) : lines(tones))],
      hooks: { setCursor: [({ cursor }) => read(figure, rows[cursor.idx])] },
    },
    [rows.map((_, at) => at), ...(bars ? heaped(columns).reverse() : columns)],
    place,
  );
  new ResizeObserver(() => chart.setSize({ width: place.clientWidth, height: HEIGHT })).observe(place);
  return chart;
}

function number(written) {
  return written === "" ? null : Number(written);
}

/** Steps of the axis: whole ones, so many that their words have room. */
function whole(count) {
  return [1, 2, 3, 4, 6, 7, 12, 14, 30].filter((step) => step <= Math.max(count, 1));
}

/** Each series on those before it; the highest is drawn first, and the others over it. */
function heaped(columns) {
  let below = columns[0].map(() => 0);
  return columns.map((column) => (below = column.map((value, at) => below[at] + (value ?? 0))));
}

function stacked(tones) {
  return tones.toReversed().map((tone) => ({ fill: tone, width: 0, points: { show: false }, paths: uPlot.paths.bars({ size: [0.8, 64] }) }));
}

function lines(tones) {
  return tones.map((tone) => ({ stroke: tone, width: 2, spanGaps: true, points: { show: true, size: 5, fill: tone } }));
}

/** Writes what lies under the pointer, in the table's own words. */
function read(figure, row) {
  const heads = [...figure.querySelectorAll("thead th")].slice(1);
  const said = row && heads.map((head, at) => `${head.textContent} ${row.cells[at + 1].textContent.trim()}`);
  figure.querySelector("[data-readout]").textContent = row ? `${row.cells[0].textContent}: ${said.join(", ")}` : "\u00a0";
}

drawAll();
document.addEventListener("htmx:after:swap", drawAll);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
