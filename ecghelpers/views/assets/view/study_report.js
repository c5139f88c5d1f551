// After a study: the rater's own ranking beside the review's, and all raters' scores where Python computed them.
import { h } from "./dom.js";
import { mapOfRow } from "./study.js";
import { badgeOf } from "./tables.js";

const tableOf = (columns, rows) => h("div", { className: "scroll" }, h("table", null,
  h("thead", null, h("tr", null, ...columns.map((text) => h("th", { scope: "col" }, text)))),
  h("tbody", null, ...rows.map(([name, ...cells]) => h("tr", null, h("th", { scope: "row" }, name), ...cells.map((text) => h("td", null, String(text))))))));

// [[method, mean score, maps], …], best first, of one rater's rows.
function meansOf(overview, rows) {
  const scores = new Map();
  for (const row of rows) {
    const map = mapOfRow(overview, row);
    if (map) scores.set(map.method, [...scores.get(map.method) ?? [], Number(row.score)]);
  }
  return [...scores].map(([method, all]) => [method, all.reduce((sum, one) => sum + one, 0) / all.length, all.length]).sort((a, b) => b[1] - a[1]);
}

// rows: the rater's ratings. all: of Python's study.for_views.answers, or null.
export function drawReport(place, overview, rows, targets, all) {
  const label = (method) => overview.methods[method]?.label ?? method, target = targets.length === 1 ? targets[0] : "all";
  const mine = meansOf(overview, rows).map(([method, score, maps]) => [label(method), score.toFixed(1), maps, badgeOf(overview.review, method, target)?.text ?? "–"]);
  const parts = [h("h2", null, "You against the tests"),
    tableOf(["Method", "Your mean score", "Maps", "Review"], mine),
    h("p", { className: "quiet" }, "So few maps show your impression, not a ranking of the methods. The table of the review is below.")];
  if (all) parts.push(h("h2", null, "All raters"), tableOf(all.columns, all.rows), ...all.sentences.map((text) => h("p", { className: "quiet" }, text)));
  place.replaceChildren(...parts);
}
