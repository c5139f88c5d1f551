// The perturbation curves of one record.
import { element } from "./dom.js";
import { blankCanvas, FONT, INK } from "./paper.js";

export const OTHER_STYLE = ["#666666", "dashdot"];
const DASHES = { solid: [], dash: [7, 4], dot: [2, 3], dashdot: [6, 2, 2, 2] };
const PLOT_LEFT = 50, PLOT_FOOT = 42; // px of a plot's surroundings

const niceStep = (range) => {
  const rough = range / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= rough);
};

// Where a number of points lies between 0 and 1: none at the left, then by its logarithm.
const along = (points, most) => points <= 0 ? 0 : 0.08 + 0.92 * Math.log(points) / Math.log(Math.max(most, 2));

// curves: [{label, style, points, values}]; values: |error| at so many perturbed points.
export function drawCurves(canvas, curves, unit, width) {
  const height = 200, pen = blankCanvas(canvas, width, height, "#ffffff"), box = { left: PLOT_LEFT, top: 14, width: width - PLOT_LEFT - 22, height: height - PLOT_FOOT - 14 };
  const most = Math.max(...curves.flatMap((curve) => curve.points));
  const top = Math.max(...curves.flatMap((curve) => curve.values)) || 1, tick = niceStep(top), high = Math.ceil(top / tick) * tick;
  const x = (points) => box.left + along(points, most) * box.width, y = (value) => box.top + box.height * (1 - value / high);
  pen.font = `12px ${FONT}`;
  pen.fillStyle = INK;
  pen.textAlign = "right";
  for (let value = 0; value <= high * 1.001; value += tick) {
    pen.strokeStyle = "#e3e3e3";
    pen.lineWidth = 1;
    pen.beginPath(); pen.moveTo(x(0), y(value)); pen.lineTo(x(most), y(value)); pen.stroke();
    pen.fillText(String(+value.toPrecision(6)), box.left - 5, y(value) + 4);
  }
  pen.textAlign = "center";
  for (const points of [0, 1, 10, 100, 1000, 7200]) if (points <= most) pen.fillText(String(points), x(points), box.top + box.height + 18);
  for (const curve of curves) {
    drawStyle(pen, curve.style);
    pen.beginPath();
    curve.values.forEach((value, k) => pen.lineTo(x(curve.points[k]), y(value)));
    pen.stroke();
  }
  pen.fillText("Points perturbed (of 7200)", (PLOT_LEFT + width) / 2, height - 6);
  pen.save();
  pen.translate(12, (height - PLOT_FOOT) / 2);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`Error (${unit})`, 0, 0);
  pen.restore();
  const ends = curves.map((c) => `${c.label}: ${c.values[0].toPrecision(3)} to ${c.values.at(-1).toPrecision(3)} ${unit}`);
  canvas.setAttribute("aria-label", `Error from untouched to ${most} points perturbed. ${ends.join("; ")}.`);
}

function drawStyle(pen, [colour, dash]) {
  pen.strokeStyle = colour;
  pen.setLineDash(DASHES[dash]);
  pen.lineWidth = 2;
}

export function drawLegend(list, curves) {
  list.replaceChildren(...curves.map((curve) => {
    const key = element("canvas", undefined, { width: 34, height: 8 }), pen = key.getContext("2d");
    drawStyle(pen, curve.style);
    pen.moveTo(0, 4); pen.lineTo(34, 4); pen.stroke();
    const item = element("li");
    item.append(key, curve.label);
    return item;
  }));
}
