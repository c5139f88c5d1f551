// The view: holds the choice and the cases shown, and reacts to the user. A host provides the data.
import { asText, firstChoice, fromText, methodsShown, networksOf, panelsOf, possible, recordsOf } from "./choice.js";
import { drawBeside, drawMaps, fillControls, sheetOf } from "./drawing.js";
import { editing } from "./edit.js";
import { drawBar } from "./heat.js";
import { listenForKeys } from "./keys.js";
import { layOutSheet, printSheet, savePicture, takeSheetAway } from "./picture.js";
import { enlarged, listenForPointer } from "./pointing.js";
import { buildShell } from "./shell.js";
import { studyForm } from "./study_form.js";

const SETTLE = 100; // ms after the last change of size

/* Shows the view in an element. The host gives

overview: of Python's content.overview
network(target, model) → a promise of content.network_content: units, meanings, orders, edits, …
case(target, model, record) → a promise of a record under a network: {beat, fiducials, truth, prediction, measurements,
  rhythm, source, own, outside, map(method, baseline)}
for the reading study (see study_form.js): ratings(rater), keepRating(row), keptWhere, …
keys: the element that listens to keys; state: {get, set, changed} of the choice as text

and optionally: edit(target, model, record, {edit, dose, method, baseline, exact}) → a promise of {beat, fiducials, prediction,
  map, later}; compute(target, model, record, method, baseline) → a promise of whether the case has the map now;
find(record); open(files); added(): ids beside those with maps; wholePage: whether printing the page prints the sheet.
Returns a function that removes all listeners. */
export function showView(element, host) {
  const { overview } = host, { root, part } = buildShell(element, host), closing = [];
  let turns = 0, before = null, settle = 0;

  const on = (target, kind, react) => {
    target.addEventListener(kind, react);
    closing.push(() => target.removeEventListener(kind, react));
  };

  function notify(text) {
    part("notice").textContent = text;
    part("message").hidden = !text;
    if (text) part("message").scrollIntoView({ block: "nearest" });
  }

  const view = {
    root, host, overview, part, choice: firstChoice(overview), added: [...host.added?.() ?? []], rater: "", rating: false,
    shown: null, edited: null, details: new Map(), measured: null, stripMarks: [1000, 2000], show, step, escape, enlarge, toReview,
    network: () => overview.networks.find((one) => one.target === view.choice.target && one.model === view.choice.model),
    target: () => overview.targets.find((one) => one.name === view.choice.target),
    methods: () => methodsShown(overview, view.network(), view.choice, view.rater),
    hidden: () => view.choice.blind,
    calipers: () => view.measured ?? ownEdges(),
    measure(lead, at) { view.measured = { lead, at }; drawMaps(view); },
    print: () => printSheet(sheetOf(view)),
  };
  view.edit = editing(view, draw, notify);

  // The calipers start at the edges that define the target.
  function ownEdges() {
    const { edges, lead } = view.target(), { fiducials } = view.shown.cases[0];
    const at = edges.map((mark, k) => 2 * Math.round(fiducials[mark] ?? [200, 400][k]));
    return { lead, at };
  }

  // ---- choosing

  async function show(change) {
    const old = view.choice, choice = view.choice = possible({ ...old, ...change }, overview, view.added, view.details.get(view.network()));
    if (["target", "model", "record", "slot", "baseline", "edit", "editing"].some((name) => choice[name] !== old[name])) view.edited = null;
    if (choice.target !== old.target) view.measured = null;
    if (choice.edit && choice.leads === "target") choice.leads = "all";
    const network = view.network();
    if (!view.details.has(network)) { // for its orders of records
      try {
        view.details.set(network, await host.network(network.target, network.model));
      } catch (error) {
        return notify(error.message);
      }
      if (choice !== view.choice) return;
      view.choice = possible(choice, overview, view.added, view.details.get(network));
    }
    if (!view.rating) host.state.set(asText(view.choice));
    return refresh();
  }

  const records = () => recordsOf(view.network(), view.added, view.choice, view.details.get(view.network()));

  function step(by) {
    const all = records(), at = all.indexOf(view.choice.record);
    return show({ record: all[(at + by + all.length) % all.length] });
  }

  // A click enlarges; another, or Esc, goes back: from one lead to all, from one map to all.
  function enlarge(canvas, at) {
    if (view.choice.calipers || view.choice.edit || view.rating) return;
    const change = enlarged(view.choice, canvas, at);
    if (change) show(change);
    else back();
  }

  function back() {
    const { view: shape, leads } = view.choice, whole = leads === "all" || leads === "averaged";
    if (shape !== "methods") show(whole ? { view: "methods", leads: "target" } : { leads: "all" });
  }

  function escape() {
    if (!part("message").hidden) return notify("");
    if (part("more").open) part("more").open = false;
    else if (view.edited) undo();
    else back();
  }

  function undo() {
    view.edited = null;
    draw();
  }

  function toReview(method) {
    const row = part("review").querySelector(`[data-method="${method}"]`);
    part("review").scrollIntoView({ behavior: "smooth" });
    row?.focus({ preventScroll: true });
  }

  // ---- drawing

  async function refresh() {
    const turn = ++turns, { choice } = view, methods = view.methods();
    const panels = panelsOf(methods, view.network(), networksOf(overview, choice.target), choice);
    fillControls(view);
    host.wanted?.(turn);
    let cases, details;
    try {
      cases = await Promise.all(panels.map((one) => host.case(one.network.target, one.network.model, choice.record)));
      details = await Promise.all(panels.map((one) => host.network(one.network.target, one.network.model)));
    } catch (error) {
      if (turn === turns) notify(error.message);
      return;
    }
    if (turn !== turns) return; // the choice has changed meanwhile
    details.own = view.details.get(view.network());
    if (view.shown) notify("");
    view.shown = { panels, cases, details };
    draw();
    element.dataset.drawn = Number(element.dataset.drawn ?? 0) + 1;
    prefetch();
    await computeMissing(turn);
  }

  function draw() {
    if (!view.shown) return;
    drawMaps(view);
    drawBeside(view);
  }

  // Loads the neighbouring records, so that stepping shows them at once.
  function prefetch() {
    const all = records(), at = all.indexOf(view.choice.record), { target, model } = view.choice;
    for (const by of [1, all.length - 1]) host.case(target, model, all[(at + by) % all.length]).catch(() => {});
  }

  async function computeMissing(turn) {
    if (!host.compute) return;
    const { panels, cases } = view.shown, { record, baseline } = view.choice;
    for (const [k, { network, method }] of panels.entries()) {
      if (turn !== turns) return;
      if (cases[k].map(method, baseline)) continue;
      try {
        if (!await host.compute(network.target, network.model, record, method, baseline)) return;
      } catch (error) {
        if (turn === turns) notify(error.message);
        return;
      }
      if (turn !== turns) return;
      draw();
      element.dataset.drawn = Number(element.dataset.drawn) + 1;
    }
  }

  // ---- the reading study

  const study = studyForm(part("study"), {
    overview, host, show, toggle: part("to-study"), rater: (name) => { if (name !== view.rater) { view.rater = name; refresh(); } },
    target: () => view.choice.target,
    // Scrolls the whole map into view and gives the study the keys.
    attend() {
      root.focus({ preventScroll: true });
      const { top } = part("status").getBoundingClientRect();
      if (top < 0 || top > window.innerHeight / 3) part("status").scrollIntoView();
    },
    lock(locked) {
      if (locked && !view.rating) before = view.choice;
      view.rating = locked;
      if (locked) view.choice = { ...view.choice, calipers: false, edit: false };
      else show(before);
    },
  });

  // ---- further records

  async function add(ids, refused = "") {
    view.added = [...new Set([...view.added, ...ids])];
    if (ids.length) await show({ record: ids.at(-1) });
    notify(refused);
  }

  async function find(id) {
    try {
      await host.find(id);
      part("find").value = "";
      await add([id]);
    } catch (error) {
      notify(error.message);
    }
  }

  async function open(files) {
    try {
      const { records: ids, refused } = await host.open(files);
      await add(ids, refused.join("; "));
    } catch (error) {
      notify(error.message);
    }
    part("own").value = "";
    part("more").open = false;
  }

  // ---- wiring

  for (const name of ["target", "view", "leads", "record", "baseline", "order"]) on(part(name), "change", () => show({ [name]: part(name).value }));
  for (const name of ["model", "slot", "second"]) on(part(name), "change", () => show({ [name]: Number(part(name).value) }));
  for (const name of ["marks", "blind", "calipers", "edit"]) if (part(name)) on(part(name), "change", () => show({ [name]: part(name).checked }));
  on(part("edited"), "change", () => show({ editing: part("edited").value }));
  on(part("dose"), "input", () => view.edit(Number(part("dose").value), false));
  on(part("dose"), "change", () => view.edit(Number(part("dose").value), true));
  for (const [name, react] of Object.entries({
    previous: () => step(-1), next: () => step(1), dismiss: () => notify(""), undo, picture: () => savePicture(sheetOf(view)), print: view.print,
  })) on(part(name), "click", react);
  on(part("controls"), "submit", (event) => event.preventDefault());
  on(root, "pointerdown", (event) => { if (!event.target.closest("[name=more]")) part("more").open = false; });
  listenForPointer(part("panels"), view);
  listenForKeys(host.keys, view, study, on);
  // Not on change: JupyterLab keeps Enter from ending the input.
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
  view.choice = possible(view.choice, overview, view.added, null);
  show(fromText(host.state.get()));
  notify(overview.left_out);
  return () => closing.forEach((close) => close());
}
