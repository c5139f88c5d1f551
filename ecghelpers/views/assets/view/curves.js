// The perturbation curves of one record.
import { element } from "./dom.js";
import { blankCanvas, FONT, INK } from "./paper.js";

export const OTHER_STYLE = ["#666666", "dashdot"];
const DASHES = { solid: [], dash: [7, 4], dot: [2, 3], dashdot: [6, 2, 2, 2] };
const NONE = "No perturbation curve is stored for this record.";
export const TOGETHER_AT_MOST = 4; // curves; more are drawn apart, each in a plot of its own
const PLOT_LEFT = 50, PLOT_FOOT = 42, PLOT_ROW = 74, PLOT_TITLE = 15; // px of a plot's surroundings

const niceStep = (range) => {
  const rough = range / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= rough);
};

// Where a number of points lies between 0 and 1: none at the left, then by its logarithm.
const along = (points, most) => points <= 0 ? 0 : 0.08 + 0.92 * Math.log(points) / Math.log(Math.max(most, 2));

// What all plots share: how far the axes go, and the ticks of the error.
function axesOf(curves) {
  const most = Math.max(...curves.flatMap((curve) => curve.points));
  const top = Math.max(...curves.flatMap((curve) => curve.values)) || 1, tick = niceStep(top), high = Math.ceil(top / tick) * tick;
  return { most, high, ticks: Array.from({ length: Math.round(high / tick) + 1 }, (_, k) => k * tick) };
}

// Curves in a box {left, top, width, height}, with the numbers that it has room for: first of a row, last of a column.
function drawPlot(pen, box, curves, { most, high, ticks }, { first, last }) {
  const x = (points) => box.left + along(points, most) * box.width, y = (value) => box.top + box.height * (1 - value / high);
  pen.fillStyle = INK;
  pen.textAlign = "right";
  const step = box.height / ticks.length < 14 ? ticks.length - 1 : 1;
  for (const [k, value] of ticks.entries()) {
    if (k % step) continue;
    pen.strokeStyle = "#e3e3e3";
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(0), y(value)); pen.lineTo(x(most), y(value)); pen.stroke();
    if (first) pen.fillText(String(+value.toPrecision(6)), box.left - 5, y(value) + 4);
  }
  pen.textAlign = "center";
  const counts = box.width > 150 ? [0, 1, 10, 100, 1000, 7200] : [0, 10, 1000];
  if (last) for (const points of counts) if (points <= most) pen.fillText(String(points), x(points), box.top + box.height + 18);
  for (const curve of curves) {
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(DASHES[curve.style[1]]);
    pen.lineWidth = 2;
    pen.beginPath();
    curve.values.forEach((value, k) => pen.lineTo(x(curve.points[k]), y(value)));
    pen.stroke();
  }
  pen.setLineDash([]);
}

function nameAxes(pen, unit, width, height) {
  pen.fillStyle = INK;
  pen.textAlign = "center";
  pen.fillText("Points perturbed (of 7200)", (PLOT_LEFT + width) / 2, height - 6);
  pen.save();
  pen.translate(12, (height - PLOT_FOOT) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`Error (${unit})`, 0, 0);
  pen.restore();
}

// Small multiples: each curve in a plot of its own, with the floor's in every one.
function drawApart(canvas, curves, floor, unit, width) {
  const columns = curves.length > 9 ? 4 : 3, rows = Math.ceil(curves.length / columns), height = rows * (PLOT_ROW + PLOT_TITLE) + PLOT_FOOT;
  const pen = blankCanvas(canvas, width, height, "#ffffff"), axes = axesOf([...curves, ...floor]), wide = (width - PLOT_LEFT) / columns;
  curves.forEach((curve, k) => {
    const column = k % columns, row = Math.floor(k / columns);
    const box = { left: PLOT_LEFT + column * wide, top: row * (PLOT_ROW + PLOT_TITLE) + PLOT_TITLE + 4, width: wide - 12, height: PLOT_ROW - 8 };
    pen.font = `11px ${FONT}`;
    pen.fillStyle = INK;
    pen.textAlign = "left";
    pen.fillText(curve.label, box.left, box.top - 5, wide - 6);
    drawPlot(pen, box, [...floor, curve], axes, { first: column === 0, last: k + columns >= curves.length });
  });
  pen.font = `12px ${FONT}`;
  nameAxes(pen, unit, width, height);
}

// curves: [{label, style, points, values}]; values: |error| at so many perturbed points. floor: random's curve among them, if any.
export function drawCurves(canvas, curves, floor, unit, width) {
  const height = 200;
  if (curves.length > TOGETHER_AT_MOST) {
    drawApart(canvas, curves.filter((curve) => curve !== floor), floor ? [floor] : [], unit, width);
  } else {
    const pen = blankCanvas(canvas, width, curves.length ? height : 30, "#ffffff");
    pen.font = `12px ${FONT}`;
    pen.fillStyle = INK;
    if (!curves.length) {
      pen.fillText(NONE, 0, 20);
      canvas.setAttribute("aria-label", NONE);
      return;
    }
    drawPlot(pen, { left: PLOT_LEFT, top: 14, width: width - PLOT_LEFT - 22, height: height - PLOT_FOOT - 14 }, curves, axesOf(curves), { first: true, last: true });
    nameAxes(pen, unit, width, height);
  }
  const ends = curves.map((c) => `${c.label}: ${c.values[0].toPrecision(3)} to ${c.values.at(-1).toPrecision(3)} ${unit}`);
  canvas.setAttribute("aria-label", `Error from untouched to ${axesOf(curves).most} points perturbed. ${ends.join("; ")}.`);
}

// What the lines are; of curves that are drawn apart only the floor's needs saying.
export function drawLegend(list, curves, floor) {
  const apart = curves.length > TOGETHER_AT_MOST, named = apart ? [floor].filter(Boolean) : curves;
  list.replaceChildren(...named.map((curve) => {
    const item = element("li"), key = element("canvas", undefined, { width: 34, height: 8 }), pen = key.getContext("2d");
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(DASHES[curve.style[1]]);
    pen.lineWidth = 2;
    pen.moveTo(0, 4); pen.lineTo(34, 4); pen.stroke();
    item.append(key, apart ? `${curve.label}, in each` : curve.label);
    return item;
  }));
}
