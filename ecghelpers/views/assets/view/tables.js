// What stands beside the paper in words and numbers: measurements, badges, the review.
import { element, fill, h, minus, printed, signed } from "./dom.js";

// One row a measurement: ours, the networks', and the machine's where its file has any. target: the one shown.
export function drawMeasurements(table, { measurements, prediction, truth }, target) {
  const machine = measurements.some((row) => row.machine !== undefined && row.machine !== null);
  const head = element("thead"), top = head.insertRow(), body = element("tbody");
  for (const text of ["", ...machine ? ["machine"] : [], "measured", "network"]) top.append(element("th", text, { scope: "col", className: text ? "number" : "" }));
  for (const { name, label, value, unit, digits, network, machine: printedThere } of measurements) {
    const row = body.insertRow(), shown = name === target.name, predicted = shown ? prediction : network;
    row.append(element("th", label, { scope: "row" }));
    const cells = [...machine ? [printed(printedThere, unit, digits)] : [], printed(shown ? truth : value, unit, digits),
      name ? predictedText(shown ? truth : value, predicted ?? null, { digits }) : ""];
    for (const cell of cells) row.append(element("td", cell, { className: "number" }));
    if (shown) row.className = "target";
  }
  table.replaceChildren(head, body);
}

export function predictedText(truth, predicted, { digits }) {
  if (predicted === null || predicted === undefined) return "–";
  // Of the values as printed, so that they add up.
  const error = truth === null ? "" : ` (${signed((predicted.toFixed(digits) - truth.toFixed(digits)).toFixed(digits))})`;
  return `${minus(predicted.toFixed(digits))}${error}`;
}

const SIGNS = { passes: "✓", fails: "✗", unclear: "?" };
const ALL = "all";

// The rows of a method for a target, or those of all targets: {test: cell}, a cell being {verdict, text}.
const cellsOf = (review, method, target) => ({ ...review.rows[ALL]?.[method], ...review.rows[target]?.[method] });

// "passes 5 of 8 tests", or null where the method, explained against a baseline, was not tested.
export function badgeOf(review, method, target, baseline = "flat") {
  if (!review) return null;
  const row = baseline === "mean" && review.rows[ALL]?.[`${method}@mean`] ? `${method}@mean` : method;
  const cells = Object.entries(cellsOf(review, row, target)).filter(([, { verdict }]) => verdict);
  if (!cells.length) return null;
  const passed = cells.filter(([, { verdict }]) => verdict === "passes").length, labels = new Map(review.tests.map((test) => [test.name, test.label]));
  const lines = cells.map(([test, { verdict }]) => `${SIGNS[verdict]} ${labels.get(test) ?? test}`);
  return { passed, text: `passes ${passed} of ${cells.length} tests`, short: `✓ ${passed} of ${cells.length}`, title: `${lines.join("\n")}\n(click: the whole table)` };
}

// The table of the review. It is drawn anew only for another review or target: a redraw would take
// the focus and the sentence that a reader has just opened.
const drawn = new WeakMap();
export function showReview(place, overview, target) {
  const last = drawn.get(place);
  if (last?.review === overview.review && last.target === target.name) return;
  drawn.set(place, { review: overview.review, target: target.name });
  drawReview(place, overview, target);
}

// A row a method and a control map, a column a test; its target can be chosen.
function drawReview(place, overview, target) {
  const { review, methods, targets } = overview, label = (name) => methods[name]?.label ?? review.labels[name] ?? name;
  const chosen = place.querySelector("select")?.value === target.name ? target.name : ALL;
  const known = targets.filter(({ name }) => review.rows[name]), told = h("p", { name: "cell", className: "quiet", "aria-live": "polite" }, "\u00a0");
  const select = h("select", { name: "review-target", onchange: () => drawReview(place, overview, target) });
  fill(select, [["all targets", ALL], ...known.filter(({ name }) => name === target.name).map(({ name, label: text }) => [text, name])], chosen);
  const table = element("table"), top = table.createTHead().insertRow(), body = table.createTBody();
  top.append(element("th", "Method", { scope: "col" }), ...review.tests.map(({ name, label: text, question }) => element("th", review.void[name] ? `${text} (void)` : text,
    { scope: "col", title: review.void[name] ? `${question} Void: ${review.void[name].join(", ")} passes too, without knowing the network.` : question })));
  const controls = Object.keys(review.controls), names = Object.keys(review.rows[ALL] ?? {}), tested = names.filter((name) => !controls.includes(name));
  for (const name of [...tested, ...controls.filter((one) => names.includes(one))]) {
    const row = body.insertRow(), cells = chosen === ALL ? review.rows[ALL][name] ?? {} : cellsOf(review, name, chosen);
    Object.assign(row, { tabIndex: -1, className: controls.includes(name) ? "control" : "" });
    row.dataset.method = name;
    row.append(element("th", review.controls[name] ?? label(name), { scope: "row" }));
    for (const test of review.tests) {
      const { verdict, text } = cells[test.name] ?? {}, sentence = text ? `${label(name)}, ${test.label}: ${text}` : "";
      const cell = element("td", text ? SIGNS[verdict] ?? "·" : "", { className: verdict || "none", title: sentence });
      cell.onclick = () => { told.textContent = sentence || "\u00a0"; };
      row.append(cell);
    }
  }
  place.replaceChildren(h("h2", null, "Which heatmaps can be trusted? ", h("label", null, "for ", select)),
    h("div", { className: "scroll" }, table), told,
    h("p", { className: "quiet" }, "✓ passes, ✗ fails, ? unclear, · no verdict, because passing proves nothing or a control passes too (void); empty: not tested. Hover over or click a cell for its value and interval."),
    h("dl", null, ...review.tests.flatMap(({ label: name, question }) => [h("dt", null, name), h("dd", null, question)])));
}
