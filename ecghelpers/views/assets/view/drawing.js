// Draws what a view holds: its controls, the maps and what stands beside them. view: see view.js.
import { networksOf, recordsOf, VIEWS } from "./choice.js";
import { drawCurves, drawLegend, OTHER_STYLE } from "./curves.js";
import { fill, h, printed } from "./dom.js";
import { layOut } from "./leads.js";
import { arrangement, leadChoices, mapsShown, meaningOf, NOT_STORED, sharesOf } from "./maps.js";
import { drawPanel, leadRow } from "./paper.js";
import { showStrip } from "./strip.js";
import { drawMeasurements, drawRanking, drawReview, predictedText } from "./tables.js";

const LOCKED = ["target", "model", "record", "previous", "next", "view", "slot", "second", "blind", "names"];
const NARROW = 700, BROAD = 1000; // px of the view
const AROUND = 92, FORM = 150, LOWEST = 300; // px below the paper, of a study's form, of the paper
const PLANTED = " Green frames: where the plant is, the true map.";

export function fillControls({ part, choice, overview, added, rating, lens, network }, methods) {
  const networks = networksOf(overview, choice.target), slots = methods.map(([, label], slot) => [label, slot]);
  const views = Object.entries(VIEWS).filter(([name]) => name !== "models" || networks.length > 1);
  fill(part("target"), overview.targets.map((one) => [`${one.label} (${one.unit})`, one.name]), choice.target);
  fill(part("model"), networks.map((one) => [one.model, one.model]), choice.model);
  fill(part("record"), recordsOf(network(), added).map((id) => [id, id]), choice.record);
  fill(part("view"), views.map(([name, text]) => [text, name]), choice.view);
  fill(part("slot"), slots, choice.slot);
  fill(part("second"), slots, choice.second);
  fill(part("leads"), leadChoices, choice.leads);
  for (const name of ["marks", "blind", "names", "calipers"]) part(name).checked = choice[name];
  part("percentile").value = choice.percentile;
  part("full").textContent = `${100 - choice.percentile} %`;
  // What does nothing is not there.
  part("model-label").hidden = networks.length < 2;
  part("slot-label").hidden = choice.view === "methods";
  part("second-label").hidden = !["two", "difference"].includes(choice.view);
  part("names-label").hidden = !choice.blind;
  for (const name of LOCKED) part(name).disabled = rating;
  part("caliper-row").hidden = !choice.calipers;
  part("caliper-lead").value = choice.caliper.lead;
  [part("mark1").value, part("mark2").value] = choice.caliper.at;
  part("zoom").textContent = `${Math.round(100 * lens.zoom)} %`;
}

// How much room the maps have; the view's classes say it to the style sheet.
function room({ root, part, shown, rating }) {
  const single = shown.panels.length === 1, narrow = root.clientWidth < NARROW, side = rating && root.clientWidth >= BROAD && single;
  const is = { narrow, side, rating, wide: root.clientWidth >= BROAD && single && !rating, many: !single };
  for (const [name, on] of Object.entries(is)) root.classList.toggle(name, on);
  const above = part("stage").getBoundingClientRect().top - root.getBoundingClientRect().top;
  const height = Math.max(LOWEST, window.innerHeight - Math.min(above, 200) - AROUND - (rating && !side ? FORM : 0));
  return { narrow, width: part("panels").clientWidth, height };
}

export function drawMaps(view) {
  const { part, choice, shown, rating, lens } = view, { panels, cases, details } = shown, [found] = cases;
  const { layout, page, across, fit } = arrangement(found.beat, choice.leads, choice.view === "difference" ? 1 : panels.length, room(view));
  const maps = mapsShown(panels, cases, details, choice, layout);
  const box = part("panels"), old = [...box.querySelectorAll("figure")], wide = Math.floor(page.width * fit);
  box.style.gridTemplateColumns = `repeat(${across}, ${maps.length > 1 ? `minmax(${wide}px, 1fr)` : `${wide}px`})`; // room for captions
  box.classList.toggle("measuring", choice.calipers);
  box.classList.toggle("zoomed", lens.zoom > 1);
  Object.assign(shown, { maps, page, layout });
  maps.forEach((entry, k) => drawFigure(view, old[k] ?? newFigure(box), entry, cases[k] ?? found, k, wide));
  old.slice(maps.length).forEach((figure) => figure.remove());
  const { low, high, text } = meaningOf(maps, choice, details.own, view.hidden());
  [part("low").textContent, part("high").textContent, part("meaning").textContent] = [low, high, text + (found.mask ? PLANTED : "")];
  part("measured").textContent = choice.calipers ? caliperText(choice.caliper, found) : "";
  const strip = choice.view === "one" && !rating ? found.rhythm : null, marks = choice.calipers ? view.stripMarks : null;
  showStrip(part("rhythm"), strip, box.clientWidth, marks, (moved) => { view.stripMarks = moved; drawMaps(view); });
}

function newFigure(box) {
  const figure = h("figure", null, h("figcaption", null, h("b"), h("em"), h("small")), h("canvas", { role: "img" }));
  box.append(figure);
  return figure;
}

function drawFigure({ choice, rating, host, overview, shown: { maps, page }, lens, hidden }, figure, entry, found, slot, wide) {
  const many = maps.length > 1, canvas = figure.querySelector("canvas"), averaged = choice.leads !== "averaged" ? "" : many ? " · averaged" : " · averaged over leads";
  const shares = found.mask ? "" : sharesOf(entry.map, found.fiducials, rating, many);
  figure.querySelector("b").textContent = entry.label + averaged;
  figure.querySelector("small").textContent = entry.map ? shares : host.compute ? "computing …" : NOT_STORED;
  figure.querySelector("em").textContent = many || hidden() ? "" : overview.methods[entry.method]?.sentence ?? "";
  canvas.setAttribute("aria-label", `ECG of record ${choice.record} with heatmap ${entry.label}${averaged}. ${shares}`);
  const calipers = choice.calipers ? { ...choice.caliper, text: caliperText(choice.caliper, found) } : null;
  const fiducials = choice.marks && !rating ? found.fiducials : null;
  drawPanel(canvas, page, { beat: found.beat, map: entry.map, scale: entry.scale, fiducials, mask: found.mask, calipers }, wide / page.width, lens);
  Object.assign(canvas, { entry, found, slot });
}

function caliperText({ lead, at: [a, b] }, { beat }) {
  const row = leadRow(lead) * 600, mv = (beat[row + b / 2] - beat[row + a / 2]) / 1000;
  return `${Math.abs(b - a)} ms, ${mv >= 0 ? "+" : "−"}${Math.abs(mv).toFixed(2)} mV`;
}

// The error of the record shown, |prediction − truth|, while points are perturbed; random beside what is shown.
function curvesOf({ overview, shown: { methods, panels, cases: [found] }, hidden }) {
  const names = new Map(methods), wanted = new Set(panels.map((one) => one.method));
  if (!hidden()) wanted.add("random");
  return [...wanted].filter((method) => found.truth !== null && found.curve(method)).map((method) => {
    const { points, values } = found.curve(method);
    // While names are hidden a colour would tell them.
    const style = hidden() ? ["#444444", "solid"] : overview.methods[method]?.style ?? OTHER_STYLE;
    return { method, label: names.get(method) ?? method, style, points, values: values.map((value) => Math.abs(value - found.truth)) };
  });
}

export function drawBeside(view) {
  const { part, overview, choice, rating, root, hidden, shown: { methods, cases: [found], details: { own } } } = view;
  const { name, unit, digits, label } = view.target(), names = new Map(methods), curves = curvesOf(view);
  part("curve-section").hidden = Boolean(view.network().planted);
  const floor = hidden() ? undefined : curves.find(({ method }) => method === "random");
  drawCurves(part("curves"), curves, floor, unit, Math.min(360, root.clientWidth - 24));
  drawLegend(part("legend"), curves, floor);
  drawMeasurements(part("measurements"), found.measurements, { name, unit, digits }, found.prediction, false);
  part("usual").textContent = own.test_mae === null ? "" : `On test records the network errs by ${printed(own.test_mae, unit, digits + 1)} on average.`;
  part("ranking").hidden = view.hidden();
  part("review").hidden = view.hidden() || !overview.review;
  if (!view.hidden()) drawRanking(part("ranking"), own.ranking, names);
  if (overview.review) drawReview(part("review"), overview.review, names);
  const predicted = predictedText(found.truth, found.prediction, { digits });
  part("status").replaceChildren(h("span", null, `${overview.beat} · record ${choice.record}`),
    rating ? "" : h("span", null, `${label}: ${own.planted ? "true value" : "measured"} ${printed(found.truth, unit, digits)}, network ${predicted}${found.prediction === null ? "" : ` ${unit}`}`));
}

// What is shown, for a sheet of paper (see picture.js).
export function sheetOf({ overview, part, choice, rating, target, shown: { maps, cases, layout } }) {
  const [found] = cases, what = maps.length === 1 ? maps[0].label : VIEWS[choice.view];
  const whats = maps.map(({ label, map, scale }, k) => {
    const { beat, fiducials, mask } = cases[k] ?? found;
    return { label, what: { beat, map, scale, mask, fiducials: choice.marks && !rating ? fiducials : null } };
  });
  const layouts = choice.leads === "all" ? ["3x4", "6x2"] : [layout];
  return {
    whats, found, rating, target: target(), pages: layouts.map((name) => layOut(found.beat, name)), across: Math.min(maps.length, 5),
    title: `${target().label} · ${what}${choice.leads === "averaged" ? " · averaged over leads" : ""}`,
    line: rating ? `${overview.beat} · record ${choice.record}` : [...part("status").children].map((one) => one.textContent).join(" · "),
    strip: found.rhythm, low: part("low").textContent, high: part("high").textContent, meaning: part("meaning").textContent,
    name: `${choice.record}-${choice.target}-${layout}`,
  };
}
