// What stands beside the paper in words and numbers: measurements, ranking, review.
import { element, h, minus, printed, signed } from "./dom.js";

// measurements: [{name, label, value, unit, digits}]. target: {name, unit, digits}; predicted may be null.
export function drawMeasurements(table, measurements, target, predicted, hidden) {
  const head = element("thead"), top = head.insertRow(), body = element("tbody");
  for (const text of ["", "measured", "network"]) top.append(element("th", text, { scope: "col", className: text ? "number" : "" }));
  for (const { name, label, value, unit, digits } of measurements) {
    const row = body.insertRow(), rated = name === target.name;
    row.append(element("th", label, { scope: "row" }));
    row.append(element("td", hidden && rated ? "hidden" : printed(value, unit, digits), { className: "number" }));
    const said = rated && !hidden ? predictedText(value, predicted, target) : "";
    row.append(element("td", said, { className: "number" }));
    if (rated) row.className = "target";
  }
  table.replaceChildren(head, body);
}

export function predictedText(truth, predicted, { digits }) {
  if (predicted === null) return "–";
  // Of the values as printed, so that they add up.
  const error = truth === null ? "" : ` (${signed((predicted.toFixed(digits) - truth.toFixed(digits)).toFixed(digits))})`;
  return `${minus(predicted.toFixed(digits))}${error}`;
}

// ranking: {title, columns: [[text, is a number], …], rows: [[method, cell, …], …], note}, as Python made it.
export function drawRanking(place, ranking, names) {
  const title = element("h2", ranking.title);
  if (!ranking.rows.length) return place.replaceChildren(title, element("p", ranking.note, { className: "quiet" }));
  const table = element("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  for (const [text, number] of ranking.columns) head.append(element("th", text, { scope: "col", className: number ? "number" : "" }));
  for (const [method, ...cells] of ranking.rows) {
    const line = body.insertRow();
    line.insertCell().textContent = names.get(method) ?? method;
    cells.forEach((cell, k) => {
      Object.assign(line.insertCell(), { textContent: cell, className: ranking.columns[k + 1][1] ? "number" : "" });
    });
  }
  const wide = element("div", undefined, { className: "scroll" });
  wide.append(table);
  place.replaceChildren(title, wide, element("p", ranking.note, { className: "quiet" }));
}

// review: {answer, tests: [[method, what it passes and fails]]}, of all targets.
export function drawReview(place, review, names) {
  const list = element("dl");
  list.append(...review.tests.flatMap(([method, told]) => [element("dt", names.get(method) ?? method), element("dd", told)]));
  const [tests, whole, ...rest] = review.answer.split(/(?<=\.) /);
  const more = h("details", { open: Boolean(place.querySelector("details")?.open) }, h("summary", null, "Test by test"), ...rest.map((sentence) => h("p", null, sentence)));
  place.replaceChildren(element("h2", "Which heatmaps can be believed?"), h("p", null, [tests, whole].filter(Boolean).join(" ")), list, rest.length ? more : "");
}
