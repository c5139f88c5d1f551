// The view: holds what is chosen and shown, and reacts to what a reader does. A host gives it the data.
import { asText, firstChoice, fromText, networksOf, possible, recordsOf } from "./choice.js";
import { drawBeside, drawMaps, fillControls, sheetOf } from "./drawing.js";
import { drawBar } from "./heat.js";
import { listenForKeys } from "./keys.js";
import { listenForZoom, wholeView, zoomedAt } from "./lens.js";
import { methodsShown, panelsOf } from "./names.js";
import { layOutSheet, printSheet, savePicture, takeSheetAway } from "./picture.js";
import { enlarged, listenForPointer } from "./pointing.js";
import { buildShell } from "./shell.js";
import { studyForm } from "./study_form.js";

const SETTLE = 100; // ms after the last change of size

/* Shows the view in a root element. The host gives

overview: what there is, as Python's content.overview made it
network(target, model) → a promise of what holds for a network: units, meanings, ranking, …
case(target, model, record) → a promise of a record under a network: {beat, fiducials, truth, prediction, measurements,
  rhythm, mask, map(method), curve(method)}
what the reading study needs (see study_form.js): ratings(reader), keepRating(row), keptWhere, …
keys: what listens to keys; state: {get, set, changed} of the choice as text

and where it can: compute(target, model, record, method) → a promise of a map, or null; find(record); open(files);
added(): ids beside those with maps; wholePage: whether printing the page prints the sheet.
Returns a function that lets go of everything. */
export function showView(root, host) {
  const { overview } = host, part = buildShell(root, host), closing = [];
  let turns = 0, from = null, before = null, waiting = 0, settle = 0;

  const on = (target, kind, react) => {
    target.addEventListener(kind, react);
    closing.push(() => target.removeEventListener(kind, react));
  };

  function tell(text) {
    part("told").textContent = text;
    part("message").hidden = !text;
    if (text) part("message").scrollIntoView({ block: "nearest" });
  }

  const view = {
    root, host, overview, part, choice: firstChoice(overview), lens: wholeView(), added: [...host.added?.() ?? []], reader: "", rating: false,
    shown: null, stripMarks: [1000, 2000], show, step, zoom, escape, setCaliper, enlarge,
    network: () => overview.networks.find((one) => one.target === view.choice.target && one.model === view.choice.model),
    target: () => overview.targets.find((one) => one.name === view.choice.target),
    hidden: () => view.choice.blind && !view.choice.names,
  };

  // ---- choosing

  function show(change) {
    const { view: oldView, leads, target } = view.choice;
    const choice = view.choice = possible({ ...view.choice, ...change }, overview, view.added);
    if (choice.view !== oldView || choice.leads !== leads || choice.target !== target) view.lens = wholeView();
    if ("view" in change || "target" in change || "leads" in change) from = null;
    if (!view.rating) host.state.set(asText(choice));
    return refresh();
  }

  function step(by) {
    const records = recordsOf(view.network(), view.added), at = records.indexOf(view.choice.record);
    return show({ record: records[(at + by + records.length) % records.length] });
  }

  // A click enlarges; another, or Esc, goes back.
  function enlarge(canvas, at) {
    if (view.choice.calipers || view.rating) return;
    const { view: shape, slot, leads } = view.choice, change = enlarged(view.choice, canvas, at);
    if (!change) return from ? show(from) : undefined;
    const back = { ...from, view: shape, slot, leads };
    show(change);
    from = back;
  }

  function escape() {
    if (!part("message").hidden) return tell("");
    if (view.lens.zoom > 1) return setLens(wholeView());
    if (from) show(from);
  }

  // ---- drawing

  async function refresh() {
    const turn = ++turns, { choice } = view, methods = methodsShown(overview, view.network(), choice, view.reader);
    const panels = panelsOf(methods, view.network(), networksOf(overview, choice.target), choice);
    fillControls(view, methods);
    host.wanted?.(turn);
    let cases, details;
    try {
      cases = await Promise.all(panels.map((one) => host.case(one.network.target, one.network.model, choice.record)));
      details = await Promise.all(panels.map((one) => host.network(one.network.target, one.network.model)));
      details.own = await host.network(choice.target, choice.model);
    } catch (error) {
      if (turn === turns) tell(error.message);
      return;
    }
    if (turn !== turns) return; // something else was chosen meanwhile
    if (view.shown) tell("");
    view.shown = { methods, panels, cases, details };
    draw();
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1;
    prefetch();
    await computeMissing(turn);
  }

  function draw() {
    if (!view.shown) return;
    drawMaps(view);
    drawBeside(view);
  }

  function prefetch() {
    const { target, model, record } = view.choice, records = recordsOf(view.network(), view.added), at = records.indexOf(record);
    for (const by of [1, -1]) {
      const id = records[(at + by + records.length) % records.length];
      if (id !== record) host.case(target, model, id).catch(() => {});
    }
  }

  async function computeMissing(turn) {
    const { shown: { panels, cases }, choice: { record } } = view;
    for (const one of host.compute ? panels.filter((panel, k) => !cases[k].map(panel.method)) : []) {
      try {
        await host.compute(one.network.target, one.network.model, record, one.method);
      } catch (error) {
        if (turn === turns) tell(`${one.label} could not be computed: ${error.message}`);
        return;
      }
      if (turn !== turns) return;
      draw();
      root.dataset.drawn = Number(root.dataset.drawn) + 1;
    }
  }

  function setLens(changed) {
    view.lens = changed;
    part("zoom").textContent = `${Math.round(100 * changed.zoom)} %`;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(() => drawMaps(view));
  }

  function zoom(factor) {
    const canvas = part("panels").querySelector("canvas");
    if (canvas) setLens(zoomedAt(view.lens, canvas.page, canvas.fit, factor, canvas.clientWidth / 2, canvas.clientHeight / 2));
  }

  function setCaliper(lead, at) {
    const inside = at.map((ms) => Math.min(1198, Math.max(0, 2 * Math.round(Number(ms) / 2))));
    view.choice = { ...view.choice, caliper: { lead, at: inside } };
    fillControls(view, view.shown.methods);
    drawMaps(view);
  }

  // ---- the reading study

  const study = studyForm(part("study"), {
    overview, host, tell, show, reader: (name) => { if (name !== view.reader) { view.reader = name; refresh(); } },
    // The whole map comes into sight, wherever the reader has scrolled to, and the keys are the study's.
    attend() {
      root.focus({ preventScroll: true });
      const { top } = part("status").getBoundingClientRect();
      if (top < 0 || top > window.innerHeight / 3) part("status").scrollIntoView();
    },
    lock(locked) {
      if (locked && !view.rating) before = view.choice;
      view.rating = locked;
      if (locked) view.choice = { ...view.choice, calipers: false };
      else show(before);
    },
  });

  // ---- further records

  async function add(ids, refused = "") {
    view.added = [...new Set([...view.added, ...ids])];
    if (ids.length) await show({ record: ids.at(-1) });
    tell(refused);
  }

  async function find(id) {
    try {
      await host.find(id);
      part("find").value = "";
      await add([id]);
    } catch (error) {
      tell(error.message);
    }
  }

  async function open(files) {
    try {
      const { records, refused } = await host.open(files);
      await add(records, refused.join("; "));
    } catch (error) {
      tell(error.message);
    }
    part("own").value = "";
  }

  // ---- wiring

  function further() {
    part("further").hidden = !part("further").hidden;
    part("more").setAttribute("aria-expanded", String(!part("further").hidden));
    draw();
  }

  function toStudy() {
    part("study").scrollIntoView();
    part("reader").focus({ preventScroll: true });
  }

  for (const name of ["target", "view", "leads", "record"]) on(part(name), "change", () => show({ [name]: part(name).value }));
  for (const name of ["model", "slot", "second"]) on(part(name), "change", () => show({ [name]: Number(part(name).value) }));
  for (const name of ["marks", "blind", "names", "calipers"]) on(part(name), "change", () => show({ [name]: part(name).checked }));
  on(part("percentile"), "input", () => show({ percentile: Number(part("percentile").value) }));
  for (const name of ["caliper-lead", "mark1", "mark2"]) on(part(name), "change", () => setCaliper(part("caliper-lead").value, [part("mark1").value, part("mark2").value]));
  for (const [name, react] of Object.entries({
    previous: () => step(-1), next: () => step(1), smaller: () => zoom(0.8), larger: () => zoom(1.25), dismiss: () => tell(""), more: further,
    "to-study": toStudy, picture: () => savePicture(sheetOf(view)), print: () => printSheet(sheetOf(view)),
  })) on(part(name), "click", react);
  on(part("controls"), "submit", (event) => event.preventDefault());
  listenForPointer(part("panels"), view);
  listenForZoom(part("panels"), () => view.lens, setLens, () => view.choice.calipers);
  listenForKeys(host.keys, view, study, on);
  // Not at its change: JupyterLab keeps Enter from ending the input.
  if (host.find) on(part("find"), "keydown", (event) => { if (event.key === "Enter" && part("find").value.trim()) find(part("find").value.trim()); });
  if (host.open) on(part("own"), "change", () => open(part("own").files));
  on(window, "afterprint", takeSheetAway);
  if (host.wholePage) on(window, "beforeprint", () => { if (view.shown) layOutSheet(sheetOf(view)); });
  const soon = () => { clearTimeout(settle); settle = setTimeout(draw, SETTLE); }, resized = new ResizeObserver(soon);
  resized.observe(root);
  on(window, "resize", soon);
  closing.push(() => resized.disconnect());
  host.state.changed(() => { if (host.state.get() !== asText(view.choice)) show(fromText(host.state.get())); });

  drawBar(part("bar"));
  show(fromText(host.state.get()));
  return () => closing.forEach((close) => close());
}
