// The perturbation curves of one record, and the rank of the methods.
"use strict";
{
const OTHER = ["#666666", [6, 2, 2, 2]];
const DASHES = { solid: [], dash: [7, 4], dot: [2, 3] };

ECG.style = (method) => {
  const style = ECG.data.styles[method];
  return style ? [style[0], DASHES[style[1]]] : OTHER;
};

// curves: [{label, style, values}], |error| by step; drawn in CSS pixels.
ECG.drawCurves = (canvas, curves, unit) => {
  const width = Math.min(430, document.documentElement.clientWidth - 24), height = 230;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = width * ratio;
  canvas.height = height * ratio;
  canvas.style.width = `${width}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.font = "12px system-ui, sans-serif";
  pen.fillStyle = "#1a1a1a";
  if (!curves.length) {
    pen.fillText("No perturbation curve is stored for this record.", 10, 40);
    canvas.setAttribute("aria-label", "No perturbation curve is stored for this record.");
    return;
  }
  const steps = Math.max(...curves.map((curve) => curve.values.length)) - 1;
  const top = Math.max(...curves.flatMap((curve) => curve.values)) || 1;
  const tick = ECG.niceStep(top), most = Math.ceil(top / tick) * tick;
  const x = (step) => 55 + step / Math.max(steps, 1) * (width - 70);
  const y = (value) => height - 42 - value / most * (height - 60);
  for (let value = 0; value <= most + tick / 2; value += tick) {
    pen.strokeStyle = "#e3e3e3";
    pen.beginPath(); pen.moveTo(x(0), y(value)); pen.lineTo(x(steps), y(value)); pen.stroke();
    pen.textAlign = "right";
    pen.fillText(String(+value.toPrecision(6)), 50, y(value) + 4);
  }
  pen.textAlign = "center";
  const across = Math.max(1, ECG.niceStep(steps));
  for (let step = 0; step <= steps; step += across) pen.fillText(String(step), x(step), height - 25);
  pen.fillText("Points perturbed (of 7200)", (x(0) + x(steps)) / 2, height - 6);
  pen.save();
  pen.translate(12, height / 2 - 12);
  pen.rotate(-Math.PI / 2);
  pen.fillText(`|error| (${unit})`, 0, 0);
  pen.restore();
  for (const curve of curves) {
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(curve.style[1]);
    pen.lineWidth = 2;
    pen.beginPath();
    curve.values.forEach((value, step) => pen.lineTo(x(step), y(value)));
    pen.stroke();
  }
  const ends = curves.map((c) => `${c.label}: ${c.values[0].toPrecision(3)} to ${c.values.at(-1).toPrecision(3)} ${unit}`);
  canvas.setAttribute("aria-label", `Error from untouched to ${steps} points perturbed. ${ends.join("; ")}.`);
};

ECG.niceStep = (range) => {
  const rough = range / 4, power = 10 ** Math.floor(Math.log10(rough));
  return [1, 2, 5, 10].map((f) => f * power).find((step) => step >= rough);
};

ECG.element = (tag, text, options) => {
  const node = document.createElement(tag);
  if (text !== undefined) node.textContent = text;
  return Object.assign(node, options);
};

ECG.drawLegend = (list, curves) => {
  list.replaceChildren(...curves.map((curve) => {
    const item = ECG.element("li"), key = ECG.element("canvas", undefined, { width: 34, height: 8 });
    const pen = key.getContext("2d");
    [pen.strokeStyle] = curve.style;
    pen.setLineDash(curve.style[1]);
    pen.lineWidth = 2;
    pen.moveTo(0, 4); pen.lineTo(34, 4); pen.stroke();
    item.append(key, curve.label);
    return item;
  }));
};

// rows: [{label, gain, verdict}], best first.
ECG.drawRank = (place, rows, unit) => {
  if (!rows.length) return place.replaceChildren(ECG.element("p", "No ranking is stored for this network.", { className: "quiet" }));
  const table = ECG.element("table"), head = table.createTHead().insertRow();
  for (const [text, number] of [["Rank"], ["Method"], [`Gain (${unit})`, 1], ["Better than random?"]]) {
    head.append(ECG.element("th", text, { scope: "col", className: number ? "number" : "" }));
  }
  rows.forEach((row, index) => {
    const line = table.insertRow();
    line.insertCell().textContent = index + 1;
    line.insertCell().textContent = row.label;
    Object.assign(line.insertCell(), { textContent: row.gain.toPrecision(2).replace("-", "−"), className: "number" });
    line.insertCell().textContent = row.verdict;
  });
  const note = "Gain: how much more than random maps do the error grows while noise is added to the points that the map marks most.";
  place.replaceChildren(table, ECG.element("p", note, { className: "quiet" }));
};

// review: {answer, tests: [[method, what it passes and fails]]}, of all targets.
ECG.drawReview = (place, list, review, names) => {
  place.textContent = review.answer;
  list.replaceChildren(...review.tests.flatMap(([method, told]) =>
    [ECG.element("dt", names.get(method) ?? method), ECG.element("dd", told)]));
};
}
