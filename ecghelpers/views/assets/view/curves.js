// The perturbation curves of one record.
import { element } from "./dom.js";
import { blankCanvas, FONT, INK } from "./paper.js";

export const OTHER_STYLE = ["#666666", "dashdot"];
const DASHES = { solid: [], dash: [7, 4], dot: [2, 3], dashdot: [6, 2, 2, 2] };
const NONE = "No perturbation curve is stored for this record.";

const niceStep = (range) => {
  const rough = range / 4 || 1, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= rough);
};

// Where a number of points lies between 0 and 1: none at the left, then by its logarithm.
const along = (points, most) => points <= 0 ? 0 : 0.08 + 0.92 * Math.log(points) / Math.log(Math.max(most, 2));

function drawAxes(pen, x, y, most, ticks, unit, height) {
  const [left, right] = [x(0), x(most)];
  for (const value of ticks) {
    pen.strokeStyle = "#e3e3e3";
    pen.beginPath(); pen.moveTo(left, y(value)); pen.lineTo(right, y(value)); pen.stroke();
    pen.textAlign = "right";
    pen.fillText(String(+value.toPrecision(6)), left - 5, y(value) + 4);
  }
  pen.textAlign = "center";
  for (const points of [0, 1, 10, 100, 1000, 7200]) if (points <= most) pen.fillText(String(points), x(points), height - 24);
  pen.fillText("Points perturbed (of 7200)", (left + right) / 2, height - 6);
  pen.save();
  pen.translate(12, height / 2 - 12);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`Error (${unit})`, 0, 0);
  pen.restore();
}

// curves: [{label, style, points, values}]; values: |error| at so many perturbed points.
export function drawCurves(canvas, curves, unit, width) {
  const height = 200, pen = blankCanvas(canvas, width, curves.length ? height : 30, "#ffffff");
  pen.font = `12px ${FONT}`;
  pen.fillStyle = INK;
  if (!curves.length) {
    pen.fillText(NONE, 0, 20);
    canvas.setAttribute("aria-label", NONE);
    return;
  }
  const most = Math.max(...curves.flatMap((curve) => curve.points));
  const top = Math.max(...curves.flatMap((curve) => curve.values)) || 1, tick = niceStep(top), high = Math.ceil(top / tick) * tick;
  const x = (points) => 50 + along(points, most) * (width - 72), y = (value) => height - 42 - value / high * (height - 56);
  const ticks = Array.from({ length: Math.round(high / tick) + 1 }, (_, k) => k * tick);
  drawAxes(pen, x, y, most, ticks, unit, height);
  for (const curve of curves) {
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(DASHES[curve.style[1]]);
    pen.lineWidth = 2;
    pen.beginPath();
    curve.values.forEach((value, step) => pen.lineTo(x(curve.points[step]), y(value)));
    pen.stroke();
  }
  const ends = curves.map((c) => `${c.label}: ${c.values[0].toPrecision(3)} to ${c.values.at(-1).toPrecision(3)} ${unit}`);
  canvas.setAttribute("aria-label", `Error from untouched to ${most} points perturbed. ${ends.join("; ")}.`);
}

export function drawLegend(list, curves) {
  list.replaceChildren(...curves.map((curve) => {
    const item = element("li"), key = element("canvas", undefined, { width: 34, height: 8 }), pen = key.getContext("2d");
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(DASHES[curve.style[1]]);
    pen.lineWidth = 2;
    pen.moveTo(0, 4); pen.lineTo(34, 4); pen.stroke();
    item.append(key, curve.label);
    return item;
  }));
}
