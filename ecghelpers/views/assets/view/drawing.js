// Draws the controls, the maps and the tables beside them. view: see view.js.
import { BASELINES, networksOf, ORDERS, recordsOf, VIEWS } from "./choice.js";
import { dosed, editOf, effectText, handleOf } from "./edit.js";
import { fill, h, minus, printed } from "./dom.js";
import { layOut, LEADS } from "./leads.js";
import { arrangement, leadChoices, mapsShown, meaningOf, NOT_STORED, sharesOf, sumText } from "./maps.js";
import { drawPanel } from "./paper.js";
import { badgeOf, drawMeasurements, predictedText, showReview } from "./tables.js";
import { showStrip } from "./strip.js";

const LOCKED = ["target", "model", "record", "order", "previous", "next", "view", "slot", "second", "blind", "baseline"];
const NARROW = 700, BROAD = 1000, BROADEST = 1700; // px of the view
const AROUND = 96, FORM = 150, LOWEST = 300; // px below the paper, of a study's form, of the paper

export function fillControls(view) {
  const { part, choice, overview, added, rating, network, target, details } = view;
  const networks = networksOf(overview, choice.target), slots = view.methods().map(([, label], slot) => [label, slot]);
  const own = network(), views = Object.entries(VIEWS).filter(([name]) => name !== "models" || networks.length > 1);
  fill(part("target"), overview.targets.map((one) => [`${one.label} (${one.unit})`, one.name]), choice.target);
  fill(part("model"), networks.map((one) => [one.model, one.model]), choice.model);
  fill(part("record"), recordsOf(own, added, choice, details.get(own)).map((id) => [id, id]), choice.record);
  fill(part("order"), Object.entries(ORDERS).map(([name, text]) => [text, name]), choice.order);
  fill(part("view"), views.map(([name, text]) => [text, name]), choice.view);
  fill(part("slot"), slots, choice.slot);
  fill(part("second"), slots, choice.second);
  fill(part("leads"), leadChoices(target()), choice.leads);
  fill(part("baseline"), own.baselines.map((name) => [BASELINES[name], name]), choice.baseline);
  for (const name of ["marks", "blind", "calipers"]) part(name).checked = choice[name];
  // A control without effect is hidden.
  part("model-label").hidden = networks.length < 2;
  part("slot-label").hidden = choice.view === "methods";
  part("second-label").hidden = choice.view !== "two";
  part("baseline-label").hidden = own.baselines.length < 2 || rating;
  const editable = choice.view === "one" && !choice.blind && !rating;
  if (part("edit")) {
    part("edit").checked = choice.edit;
    part("edit-label").hidden = !editable;
  }
  part("editor").hidden = !choice.edit || !editable;
  for (const name of LOCKED) part(name).disabled = rating;
}

// The space for the maps; the view's classes pass it to the style sheet.
function room({ root, part, shown, rating }) {
  const single = shown.panels.length === 1, wide = root.clientWidth, side = rating && wide >= BROAD && single;
  const is = { narrow: wide < NARROW, side, rating, wide: !rating && wide >= (single ? BROAD : BROADEST), many: !single };
  for (const [name, on] of Object.entries(is)) root.classList.toggle(name, on);
  const above = part("panels").getBoundingClientRect().top - root.getBoundingClientRect().top;
  const height = Math.max(LOWEST, window.innerHeight - Math.min(above, 200) - AROUND - (rating && !side ? FORM : 0));
  return { narrow: is.narrow, width: part("panels").clientWidth, height };
}

export function drawMaps(view) {
  const { part, choice, shown, rating } = view, { panels, details } = shown, cases = casesShown(view), [found] = cases;
  const leads = choice.leads === "target" ? view.target().lead : choice.leads;
  const { layout, page, across, fit } = arrangement(shown.cases[0].beat, leads, panels.length, room(view));
  const maps = mapsShown(panels, cases, details, choice, layout);
  const box = part("panels"), old = [...box.querySelectorAll("figure")], wide = Math.floor(page.width * fit);
  box.style.gridTemplateColumns = `repeat(${across}, ${maps.length > 1 ? `minmax(${wide}px, 1fr)` : `${wide}px`})`; // room for captions
  box.classList.toggle("measuring", choice.calipers || choice.edit);
  Object.assign(shown, { maps, page, layout });
  maps.forEach((entry, k) => drawFigure(view, old[k] ?? newFigure(box), entry, cases[k] ?? found, k, wide));
  old.slice(maps.length).forEach((figure) => figure.remove());
  const { low, high, text } = meaningOf(maps, choice, details.own, view.hidden());
  [part("low").textContent, part("high").textContent, part("meaning").textContent] = [low, high, text];
  part("sum").textContent = maps.length > 1 || view.hidden() ? "" : sumText(maps[0], found, view.target(), details.own, choice.baseline);
  const strip = choice.view === "one" && !rating ? found.rhythm : null, marks = choice.calipers ? view.stripMarks : null;
  showStrip(part("rhythm"), strip, box.clientWidth, marks, (moved) => { view.stripMarks = moved; drawMaps(view); });
  if (choice.edit) drawEditor(view);
}

// The cases of the panels; an edited beat in place of the record's own.
const casesShown = ({ shown: { cases }, edited }) => edited ? cases.map((one) => ({ ...one, ...edited.shown })) : cases;

function drawEditor(view) {
  const { part, shown, edited, choice, details, network, overview } = view, edit = editOf(view);
  const { edits, edited_method: following } = details.get(network());
  fill(part("edited"), edits.map((one) => [one.label, one.name]), edit.name);
  Object.assign(part("dose"), { min: edit.low, max: edit.high, step: edit.step, value: edited?.dose ?? 0 });
  part("dosed").textContent = dosed(edited?.dose ?? 0, edit);
  part("effect").textContent = effectText(edit, edited, shown.cases[0], choice.target, overview.methods[following]?.label);
}

function newFigure(box) {
  const figure = h("figure", null, h("figcaption", null, h("b"), h("button", { type: "button", className: "badge" }), h("em"), h("small")), h("canvas", { role: "img" }));
  box.append(figure);
  return figure;
}

function drawFigure(view, figure, entry, found, slot, wide) {
  const { choice, rating, host, overview, shown: { maps, page }, hidden } = view;
  const many = maps.length > 1, canvas = figure.querySelector("canvas"), averaged = choice.leads === "averaged" ? " · averaged" : "";
  const shares = sharesOf(entry.map, found.fiducials, rating, many);
  figure.querySelector("b").textContent = entry.label + averaged;
  figure.querySelector("small").textContent = entry.map ? shares : host.compute ? "computing …" : NOT_STORED;
  figure.querySelector("em").textContent = many || hidden() || rating ? "" : overview.methods[entry.method]?.sentence ?? "";
  const badge = hidden() || rating ? null : badgeOf(overview.review, entry.method, choice.target, choice.baseline), button = figure.querySelector("button");
  Object.assign(button, { textContent: badge ? many ? badge.short : badge.text : "", title: badge?.title ?? "", hidden: !badge, onclick: () => view.toReview(entry.method) });
  canvas.setAttribute("aria-label", `ECG of record ${choice.record} with heatmap ${entry.label}${averaged}. ${shares}`);
  const calipers = choice.calipers ? { ...view.calipers(), text: caliperText(view.calipers(), found) } : null;
  const what = { beat: found.beat, map: entry.map, scale: entry.scale, fiducials: choice.marks && !rating ? found.fiducials : null,
    calipers, handle: choice.edit ? handleOf(view) : null };
  drawPanel(canvas, page, what, wide / page.width);
  Object.assign(canvas, { entry, found, slot });
}

function caliperText({ lead, at: [a, b] }, { beat }) {
  const row = LEADS.indexOf(lead) * 600, mv = (beat[row + b / 2] - beat[row + a / 2]) / 1000;
  return `${Math.abs(b - a)} ms, ${mv >= 0 ? "+" : "−"}${Math.abs(mv).toFixed(2)} mV`;
}

export function drawBeside(view) {
  const { part, overview, choice, rating, shown: { cases: [found], details: { own } } } = view;
  const target = view.target(), { unit, label } = target, hidden = view.hidden();
  drawMeasurements(part("measurements"), found, target);
  part("outside").textContent = found.outside ?? "";
  part("usual").textContent = usualText(found, own, target);
  part("review").hidden = hidden || rating || !overview.review;
  if (!part("review").hidden) showReview(part("review"), overview.review, target);
  const predicted = predictedText(found.truth, found.prediction);
  const line = `${label}: measured ${printed(found.truth, unit)}, network ${predicted} ${unit}`;
  part("status").replaceChildren(h("span", null, `Record ${choice.record} · ${found.source}`),
    ...rating ? [] : [h("span", { name: "values" }, line), own.follows ? h("span", { name: "follows", title: own.follows.title }, own.follows.text) : "",
      found.outside ? h("span", { name: "warning", title: found.outside }, "outside the training range") : ""]);
}

function usualText({ own }, { test_mae: error }, { unit, label }) {
  if (error === null) return "";
  const usual = `On test records of its own data the ${label} network errs by ${minus(error.toFixed(1))} ${unit} on average`;
  return own ? `${usual}; for this ECG its error is unknown.` : `${usual}.`;
}

// The content of a report (see picture.js).
export function sheetOf(view) {
  const { overview, part, choice, rating, shown: { maps, layout, details: { own } } } = view, cases = casesShown(view), [found] = cases;
  const target = view.target(), single = maps.length === 1, secret = rating || view.hidden();
  const whats = maps.map(({ label, map, scale }, k) => {
    const { beat, fiducials } = cases[k] ?? found;
    return { label, what: { beat, map, scale, fiducials: choice.marks && !rating ? fiducials : null } };
  });
  const badge = single && !secret ? badgeOf(overview.review, maps[0].method, choice.target, choice.baseline) : null;
  const text = (name) => part(name).textContent;
  return {
    whats, found, rating, target, page: layOut(found.beat, layout === "6x2" ? "3x4" : layout), across: Math.min(maps.length, 4),
    title: `${target.label} · ${single ? maps[0].label : VIEWS[choice.view]}${choice.leads === "averaged" ? " · averaged over leads" : ""}`,
    line: [...part("status").children].slice(0, 2).map((one) => one.textContent).join(" · "),
    notes: [text("meaning"), ...secret ? [] : [text("sum"), badge ? `${maps[0].label} ${badge.text} of the review.` : "", text("outside"), text("usual")]].filter(Boolean),
    network: `Network: ${target.label}, model ${choice.model}${secret || !own.follows ? "" : `, ${own.follows.text}`}. ${overview.about}.`,
    strip: single ? found.rhythm : null, low: text("low"), high: text("high"), name: `${choice.record}-${choice.target}-${layout}`,
  };
}
