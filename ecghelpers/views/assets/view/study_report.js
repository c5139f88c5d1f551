// The results of the reading study: scores with intervals, agreement, ranks beside the review.
import { element, h, minus } from "./dom.js";

const percent = (score) => `${(100 * (score - 1)) / 4}%`;
const two = (value) => minus(value.toFixed(2));
const interval = ({ low, high }) => low === null ? "" : ` (${two(low)} to ${two(high)})`;
const AGAINST = { yes: "above random", no: "below random", unclear: "not told from random", "": "" };

// A line from 1 to 5 with the score, its interval, and random's score as a dotted line.
function scoreStrip(row) {
  const line = h("span", { className: "strip", role: "img", "aria-label": `${two(row.score)}${interval(row)}` });
  const put = (className, from, to) => {
    const mark = element("i", undefined, { className });
    mark.style.left = percent(from);
    if (to !== undefined) mark.style.width = `${25 * (to - from)}%`;
    line.append(mark);
  };
  if (row.chance !== null) put("chance", row.chance);
  if (row.low !== null) put("reach", row.low, row.high);
  put("score", row.score);
  return line;
}

function agreementText({ alpha, maps, ...ends }) {
  return alpha === null ? "Agreement cannot be told: it takes two readers of the same maps, and two scores."
    : `Agreement on the ${maps} maps that at least two readers rated: α ${two(alpha)}${interval(ends)}; 1: they agree, 0: as chance would have it.`;
}

// found: of Python's for_views.answers or of resultsOf. lack: what this host cannot say, in words.
export function drawReport(place, found, overview, lack) {
  const { tests } = overview.study, ranked = tests.filter(([test]) => Object.values(found.ranks).some((row) => test in row));
  const table = element("table"), head = table.createTHead().insertRow(), body = table.createTBody();
  const judged = found.scores.some((row) => row.verdict);
  const columns = ["Method", "1 … 5", "Score (95 %)", "Maps", ...judged ? ["Against random"] : [], ...ranked.length ? ["Rank: readers", ...ranked.map(([, label]) => label)] : []];
  for (const text of columns) head.append(element("th", text, { scope: "col" }));
  for (const row of found.scores) {
    const line = body.insertRow(), ranks = found.ranks[row.method] ?? {};
    line.append(element("th", overview.methods[row.method]?.label ?? row.method, { scope: "row" }));
    line.insertCell().append(scoreStrip(row));
    const cells = [`${two(row.score)}${interval(row)}`, row.n, ...judged ? [AGAINST[row.verdict]] : []];
    if (ranked.length) cells.push(...["readers", ...ranked.map(([test]) => test)].map((name) => ranks[name] ?? ""));
    for (const cell of cells) line.insertCell().textContent = cell;
  }
  const rho = ranked.filter(([test]) => test in found.rho).map(([test, label]) => `${label} ${two(found.rho[test])}`).join(" · ");
  const people = `${found.ratings} ratings by ${found.readers.length} reader${found.readers.length > 1 ? "s" : ""} (${found.readers.join(", ")}).`;
  const lines = [people, agreementText(found.agreement),
    rho ? `Do readers rank methods as the tests of the review do? Spearman's ρ, 1 the same order, −1 the opposite: ${rho}.` : "",
    "Intervals speak of other ECGs, not of other readers. While you still rate, what stands here may sway you.", lack,
    found.left_out.length ? `Left out: ${found.left_out.join("; ")}.` : ""];
  const wide = h("div", { className: "scroll" }, table);
  place.replaceChildren(h("h2", null, "What readers see"), wide, ...lines.filter(Boolean).map((text) => h("p", null, text)));
}
