// Tables and badges beside the paper: measurements and the review.
import { fill, h, minus, printed, signed } from "./dom.js";

const ALL = "all", SIGNS = { passes: "✓", fails: "✗", unclear: "?" };

// The measurements as text: {columns, rows: [{label, cells, shown}]}; shown: the row of the target.
// The electrocardiograph has a column where the file holds any of its values.
export function measurementTable({ measurements, program, prediction, truth }, target) {
  const machine = measurements.some((row) => row.machine !== null);
  const rows = measurements.map(({ name, label, value, unit, network, machine: stored }) => {
    const shown = name === target.name, measured = shown ? truth : value;
    const cells = [...machine ? [printed(stored)] : [], printed(measured, unit), name ? predictedText(measured, shown ? prediction : network) : ""];
    return { label, cells, shown };
  });
  return { columns: [...machine ? [program] : [], "Measured", "Network"], rows };
}

export function drawMeasurements(table, found, target) {
  const { columns, rows } = measurementTable(found, target), head = h("thead"), body = h("tbody");
  head.append(h("tr", null, h("th"), ...columns.map((text) => h("th", { scope: "col", className: "number" }, text))));
  body.append(...rows.map(({ label, cells, shown }) => h("tr", { className: shown ? "target" : "" },
    h("th", { scope: "row" }, label), ...cells.map((text) => h("td", { className: "number" }, text)))));
  table.replaceChildren(head, body);
}

export function predictedText(truth, predicted) {
  if (predicted === null) return "–";
  // The error of the values as printed, so that they add up.
  const error = truth === null ? "" : ` (${signed((predicted.toFixed(0) - truth.toFixed(0)).toFixed(0))})`;
  return `${minus(predicted.toFixed(0))}${error}`;
}

// The rows of a method for a target, or those of all targets: {test: cell}, a cell being {verdict, text}.
const cellsOf = (review, method, target) => ({ ...review.rows[ALL]?.[method], ...review.rows[target]?.[method] });

// "passes 5 of 8 tests", or null where the method, explained against a baseline, was not tested.
export function badgeOf(review, method, target, baseline = "flat") {
  if (!review) return null;
  const row = baseline === "mean" && review.rows[ALL]?.[`${method}@mean`] ? `${method}@mean` : method, cells = cellsOf(review, row, target);
  const tested = review.tests.filter(({ name }) => cells[name]?.verdict), verdicts = tested.map(({ name }) => cells[name].verdict);
  if (!tested.length) return null;
  const passed = verdicts.filter((verdict) => verdict === "passes").length, lines = tested.map(({ label }, k) => `${SIGNS[verdicts[k]]} ${label}`);
  const title = `${lines.join("\n")}\n(click: the whole table)`;
  return { row, text: `passes ${passed} of ${tested.length} tests`, short: `✓ ${passed}/${tested.length}`, title };
}

// Draws the table of the review for another target; a redraw for the same would take the focus and the sentence
// that a user has just opened.
export function showReview(place, review, target) {
  if (place.dataset.target === target.name) return;
  place.dataset.target = target.name;
  drawReview(place, review, target, ALL);
}

// A row for each method and control map, a column for each test; for all targets together, or the one shown.
function drawReview(place, review, target, chosen) {
  const sentence = h("p", { name: "cell", className: "quiet", "aria-live": "polite" }, "\u00a0");
  const select = h("select", { name: "review-target", onchange: () => drawReview(place, review, target, select.value) });
  fill(select, [["all targets", ALL], ...review.rows[target.name] ? [[target.label, target.name]] : []], chosen);
  const heads = review.tests.map(({ label, question, void: by }) => h("th", { scope: "col",
    title: by ? `${question} Void: also passed by ${by}, independent of the network.` : question }, by ? `${label} (void)` : label));
  const rows = review.methods.map(({ name, label, control }) => {
    const row = h("tr", { tabIndex: -1, className: control ? "control" : "" }, h("th", { scope: "row" }, control ? `${label} (control)` : label));
    const cells = cellsOf(review, name, chosen);
    for (const test of review.tests) {
      const { verdict, text } = cells[test.name] ?? {}, title = text ? `${label}, ${test.label}: ${text}` : "";
      row.append(h("td", { className: verdict || "none", title, onclick: () => { sentence.textContent = title || "\u00a0"; } }, text ? SIGNS[verdict] ?? "·" : ""));
    }
    row.dataset.method = name;
    return row;
  });
  place.replaceChildren(h("h2", null, "Which heatmaps can be trusted? ", h("label", null, "for ", select)),
    h("div", { className: "scroll" }, h("table", null, h("thead", null, h("tr", null, h("th", { scope: "col" }, "Method"), ...heads)), h("tbody", null, ...rows))),
    sentence,
    h("p", { className: "quiet" }, "✓ passes, ✗ fails, ? unclear, · no verdict, because passing proves nothing or a control passes too (void); empty: not tested. Hover over or click a cell for its value and interval."),
    h("dl", null, ...review.tests.flatMap(({ label, question }) => [h("dt", null, label), h("dd", null, question)])));
}
