// Draws the charts of a report from the numbers in the page. The tables stand in the page already; without this script they are all there is.
import { binX, dodgeY, dot, gridX, gridY, line, plot, rectY, ruleX, ruleY, tickX } from "@observablehq/plot";

const sides = ["without", "with"];
const colours = { domain: sides, range: ["var(--without)", "var(--with)"] };
const style = { fontSize: "13px", fontFamily: "inherit", background: "transparent", color: "currentColor", overflow: "visible" };
const sideDomain = { domain: sides, label: null };

// Every run as a dot, above it the median as a line and its interval as a bar.
function drawRuns(chart, width) {
  const known = chart.runs.filter((run) => run.value !== null);
  const medians = chart.sides.filter((side) => side.median !== null);
  const intervals = medians.filter((side) => side.low !== null);
  return plot({
    width, height: 220, marginLeft: 80, marginRight: 24, marginBottom: 40, style,
    x: { label: labelOf(chart), nice: true, tickFormat: short },
    y: { axis: null },
    fy: { ...sideDomain, padding: 0.08 },
    color: colours,
    opacity,
    marks: [
      gridX({ strokeOpacity: 0.12 }),
      ruleY(intervals, { fy: "name", y: () => 0, x1: "low", x2: "high", stroke: "name", strokeWidth: 14, strokeOpacity: 0.22 }),
      tickX(medians, { fy: "name", x: "median", stroke: "name", strokeWidth: 3 }),
      dot(known, dodgeY({ anchor: "middle", fy: "side", x: "value", r: 4, padding: 1, fill: "side", fillOpacity: filled, stroke: "side", strokeWidth: 1.2, title: titleOf(chart) })),
    ],
  });
}

// How often each value occurred, one side above the other on the same scale.
function drawDistribution(chart, width) {
  const values = chart.sides.flatMap((side) => side.distribution.map((value) => ({ side: side.name, value })));
  const medians = chart.sides.filter((side) => side.distribution.length > 0)
    .map((side) => ({ side: side.name, value: middle(side.distribution) }));
  return plot({
    width, height: 240, marginLeft: 80, marginRight: 24, marginBottom: 40, style,
    x: { label: labelOf(chart), nice: true, tickFormat: short },
    y: { axis: null },
    fy: { ...sideDomain, padding: 0.12 },
    color: colours,
    marks: [
      rectY(values, binX({ y: "proportion-facet" }, { fy: "side", x: "value", fill: "side", fillOpacity: 0.75, thresholds: 28, inset: 0.5 })),
      ruleX(medians, { fy: "side", x: "value", stroke: "currentColor", strokeWidth: 1.5, strokeDasharray: "4 3" }),
      ruleY([0], { strokeOpacity: 0.4 }),
    ],
  });
}

// The runs in the order they were made, and below each other what the host did meanwhile.
function drawTimeline(chart, width) {
  const rows = [
    { name: chart.metric, unit: chart.unit === chart.metric ? "" : chart.unit, values: chart.runs.map((run) => run.value) },
    ...chart.counters,
  ];
  const last = Math.max(1, ...chart.runs.map((run) => run.seconds));
  return rows.map((row, index) => {
    const points = chart.runs.map((run, i) => ({ ...run, value: row.values[i] })).filter((point) => point.value !== null);
    const isLast = index === rows.length - 1;
    return [heading(`${row.name}${row.unit ? `, ${row.unit}` : ""}`), plot({
      width, height: isLast ? 106 : 76, marginLeft: 80, marginRight: 24, marginTop: 10, marginBottom: isLast ? 38 : 10, style,
      x: { domain: [0, last], label: isLast ? "seconds since the first run" : null, ticks: isLast ? undefined : [] },
      y: { label: null, zero: index > 0, nice: true, ticks: 3, tickFormat: short },
      color: colours,
      opacity,
      marks: [
        gridY({ ticks: 3, strokeOpacity: 0.12 }),
        line(points, { x: "seconds", y: "value", stroke: "currentColor", strokeOpacity: 0.25, strokeWidth: 1 }),
        dot(points, { x: "seconds", y: "value", r: 3.5, fill: "side", fillOpacity: filled, stroke: "side", strokeWidth: 1.2, title: titleOf(chart, row) }),
      ],
    })];
  });
}

// One load without a pause: a band for what counts of each slot in the colour of its side, the load's reports as dots, and below it by how much
// the two slots of each pair differ.
function drawSlots(chart, width) {
  const samples = chart.slots.flatMap((slot) => slot.samples.map((sample) => ({ ...sample, side: slot.side })));
  const last = Math.max(...chart.slots.map((slot) => slot.to));
  const x = { domain: [0, last], label: "seconds since the load began" };
  const layout = { width, marginLeft: 80, marginRight: 24, marginTop: 10, marginBottom: 38, style, color: colours, opacity };
  return [
    heading(labelOf(chart)),
    plot({
      ...layout, height: 224, x,
      y: { label: null, nice: true, tickFormat: short },
      marks: [
        rectY(chart.slots.filter((slot) => slot.value !== null), { x1: "from", x2: "to", y1: 0, y2: "value", fill: "side", fillOpacity: (slot) => (slot.isCounted ? 0.3 : 0.08) }),
        dot(samples, { x: "at", y: "value", r: 1.6, fill: "side", fillOpacity: (sample) => (sample.isUsed ? 1 : 0), stroke: "side", strokeWidth: 0.8 }),
      ],
    }),
    heading("with the change against without it in each pair, %"),
    plot({
      ...layout, height: 134, x,
      y: { label: null, nice: true, tickFormat: short },
      marks: [
        ruleY([0], { strokeOpacity: 0.5 }),
        ruleX(chart.pairs, { x: "at", y1: 0, y2: "percent", strokeOpacity: 0.4 }),
        dot(chart.pairs, { x: "at", y: "percent", r: 3, fill: "var(--with)", title: (pair) => `pair ${pair.number}\n${short(pair.percent)} %` }),
      ],
    }),
  ];
}

// A row's name above its frame, where the label of an axis would be cut off. It wraps on a narrow screen.
function heading(words) {
  const text = document.createElement("p");
  text.className = "row";
  text.textContent = words;
  return text;
}

// A run that does not count is a ring.
const filled = (run) => (run.isCounted ? 1 : 0);
const opacity = { type: "linear", domain: [0, 1] };
const labelOf = (chart) => (chart.unit === chart.metric ? chart.metric : `${chart.metric} (${chart.unit})`);
const short = (value) => value.toLocaleString("en", { maximumSignificantDigits: 4 }).replaceAll(",", "\u202f");
const titleOf = (chart, row = { unit: chart.unit }) => (run) =>
  `run ${run.number}, ${run.side} the change${run.isCounted ? "" : ` (${run.state}, does not count)`}\n${short(run.value)} ${row.unit}`;

function middle(values) {
  const sorted = [...values].sort((a, b) => a - b);
  return (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;
}

const kinds = { runs: drawRuns, distribution: drawDistribution, timeline: drawTimeline, slots: drawSlots };

function legend() {
  const box = document.createElement("p");
  box.className = "legend";
  box.setAttribute("aria-hidden", "true");
  for (const [kind, words] of [["without", "without the change"], ["with", "with the change"], ["quiet", "does not count"]]) {
    const item = box.appendChild(document.createElement("span"));
    item.className = kind;
    item.append(words);
  }
  return box;
}

// The description of a figure says all; what is drawn is not read out beside it.
function draw(chapter, chart) {
  for (const figure of chapter.querySelectorAll("figure.chart")) {
    const drawn = [kinds[figure.dataset.chart](chart, Math.max(260, Math.min(figure.clientWidth || 760, 860)))].flat(2);
    for (const part of drawn) part.setAttribute("aria-hidden", "true");
    figure.replaceChildren(...(figure.dataset.chart === "distribution" ? [] : [legend()]), ...drawn);
  }
}

const charts = JSON.parse(document.getElementById("charts").textContent);
for (const chapter of document.querySelectorAll("section.chapter")) draw(chapter, charts[chapter.dataset.chapter]);

// A table that is wider than its box is scrolled by the keyboard too, so the keyboard has to reach it.
function reachTables() {
  for (const box of document.querySelectorAll(".table")) {
    if (box.scrollWidth > box.clientWidth) {
      box.tabIndex = 0;
      box.setAttribute("role", "group");
      box.setAttribute("aria-label", box.querySelector("caption").textContent);
    } else {
      for (const name of ["tabindex", "role", "aria-label"]) box.removeAttribute(name);
    }
  }
}
reachTables();
addEventListener("resize", reachTables);
for (const details of document.querySelectorAll("details")) details.addEventListener("toggle", reachTables);

// On paper nothing can be unfolded, so all is, but for the licences and the long tables of runs.
let unfolded = [];
addEventListener("beforeprint", () => {
  unfolded = [...document.querySelectorAll("details:not([open]):not(.licences):not(.runs)")];
  for (const details of unfolded) details.open = true;
});
addEventListener("afterprint", () => {
  for (const details of unfolded) details.open = false;
});
