// After a study: the rater's own ranking beside the review's. Notebook 09 shows all raters.
import { h } from "./dom.js";
import { mapOfRow } from "./study.js";
import { badgeOf } from "./tables.js";

const HEADS = ["Method", "Your mean score", "Maps", "Review"];

// [[method, mean score, maps], …], best first, of one rater's rows.
function meansOf(overview, rows) {
  const scores = new Map();
  for (const row of rows) {
    const map = mapOfRow(overview, row);
    if (map) scores.set(map.method, [...scores.get(map.method) ?? [], Number(row.score)]);
  }
  return [...scores].map(([method, all]) => [method, all.reduce((sum, one) => sum + one, 0) / all.length, all.length]).sort((a, b) => b[1] - a[1]);
}

export function drawReport(place, overview, rows, targets) {
  const target = targets.length === 1 ? targets[0] : "all";
  const lines = meansOf(overview, rows).map(([method, score, maps]) => h("tr", null,
    h("th", { scope: "row" }, overview.methods[method]?.label ?? method),
    ...[score.toFixed(1), String(maps), badgeOf(overview.review, method, target)?.text ?? "–"].map((text) => h("td", null, text))));
  place.replaceChildren(h("h2", null, "You against the tests"),
    h("div", { className: "scroll" }, h("table", null,
      h("thead", null, h("tr", null, ...HEADS.map((text) => h("th", { scope: "col" }, text)))), h("tbody", null, ...lines))),
    h("p", { className: "quiet" }, "So few maps show your impression, not a ranking of the methods. The table of the review is below; notebook 09 shows the scores of all raters."));
}
