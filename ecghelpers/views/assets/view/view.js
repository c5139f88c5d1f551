// The view: reacts to what a reader does, and draws what is chosen. A host gives it the data (see showView).
import { asText, firstChoice, fromText, networksOf, possible, recordsOf, VIEWS } from "./choice.js";
import { drawCurves, drawLegend, OTHER_STYLE } from "./curves.js";
import { fill, h, printed } from "./dom.js";
import { drawBar } from "./heat.js";
import { layOut, LEADS } from "./leads.js";
import { listenForZoom, wholeView, zoomedAt } from "./lens.js";
import { arrangement, leadChoices, mapsShown, meaningOf, NOT_STORED, pointed, sharesOf } from "./maps.js";
import { methodsShown, panelsOf } from "./names.js";
import { drawPanel, leadRow, locate, markAt } from "./paper.js";
import { layOutSheet, printSheet, savePicture, takeSheetAway } from "./picture.js";
import { buildShell } from "./shell.js";
import { showStrip } from "./strip.js";
import { studyForm } from "./study_form.js";
import { drawMeasurements, drawRanking, drawReview, predictedText } from "./tables.js";

const LOCKED = ["target", "model", "record", "previous", "next", "view", "slot", "second", "blind", "names"];
const SETTLE = 100; // ms after the last change of size

/* Shows the view in a root element. The host gives

overview: what there is, as Python's content.overview made it
network(target, model) → a promise of what holds for a network: units, meanings, ranking, …
case(target, model, record) → a promise of a record under a network: {beat, fiducials, truth, prediction, measurements,
  rhythm, mask, map(method), curve(method)}
ratings(reader), keepRating(row): a reader's rows; keptWhere: where they are kept, in words
keys: what listens to keys; state: {get, set, changed} of the choice as text

and where it can: compute(target, model, record, method) → a promise of a map, or null; find(record); open(files).
Returns a function that lets go of everything. */
export function showView(root, host) {
  const { overview } = host, part = buildShell(root, host), closing = [];
  let choice = firstChoice(overview), lens = wholeView(), turns = 0, reader = "", rating = false, added = [...host.added?.() ?? []], shown = null, from = null;
  let stripMarks = [0, 1000], before = null;

  const on = (target, kind, react) => {
    target.addEventListener(kind, react);
    closing.push(() => target.removeEventListener(kind, react));
  };
  const tell = (text) => {
    part("told").textContent = text;
    part("message").hidden = !text;
    if (text) part("message").scrollIntoView({ block: "nearest" });
  };

  // ---- choosing

  function show(change) {
    const before = choice;
    choice = possible({ ...choice, ...change }, overview, added);
    if (choice.view !== before.view || choice.leads !== before.leads || choice.target !== before.target) lens = wholeView();
    if ("view" in change || "target" in change) from = null;
    if (host.state && !rating) host.state.set(asText(choice));
    return refresh();
  }

  const network = () => overview.networks.find((one) => one.target === choice.target && one.model === choice.model);
  const target = () => overview.targets.find((one) => one.name === choice.target);
  const hidden = () => choice.blind && !choice.names;

  function step(by) {
    const records = recordsOf(network(), added), at = records.indexOf(choice.record);
    return show({ record: records[(at + by + records.length) % records.length] });
  }

  function fillControls(methods) {
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

  // ---- drawing

  async function refresh() {
    const turn = ++turns, methods = methodsShown(overview, network(), choice, reader);
    const panels = panelsOf(methods, network(), networksOf(overview, choice.target), choice);
    fillControls(methods);
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
    if (shown && part("told").textContent && !part("message").dataset.kept) tell("");
    shown = { methods, panels, cases, details, record: choice.record };
    draw();
    root.dataset.drawn = Number(root.dataset.drawn ?? 0) + 1;
    prefetch();
    await computeMissing(turn);
  }

  function draw() {
    if (!shown) return;
    drawMaps();
    drawBeside();
  }

  function room() {
    const narrow = root.clientWidth < 700, wide = root.clientWidth >= 1000 && shown.panels.length === 1 && !rating;
    root.classList.toggle("narrow", narrow);
    root.classList.toggle("wide", wide);
    root.classList.toggle("rating", rating);
    const side = rating && root.clientWidth >= 1000 && shown.panels.length === 1;
    root.classList.toggle("side", side);
    const above = part("stage").getBoundingClientRect().top - root.getBoundingClientRect().top;
    const height = Math.max(300, window.innerHeight - Math.min(above, 200) - 92 - (rating && !side ? 150 : 0));
    return { narrow, width: part("panels").clientWidth, height };
  }

  function drawMaps() {
    const { panels, cases, details } = shown, [found] = cases;
    const { layout, page, across, fit } = arrangement(found.beat, choice.leads, choice.view === "difference" ? 1 : panels.length, room());
    const maps = mapsShown(panels, cases, details, choice, layout);
    const box = part("panels"), old = [...box.querySelectorAll("figure")], wide = Math.floor(page.width * fit);
    box.style.gridTemplateColumns = `repeat(${across}, ${wide}px)`;
    box.classList.toggle("measuring", choice.calipers);
    box.classList.toggle("zoomed", lens.zoom > 1);
    Object.assign(shown, { maps, page, layout });
    maps.forEach((entry, k) => {
      const figure = old[k] ?? newFigure(box), canvas = figure.querySelector("canvas"), mine = cases[k] ?? found;
      const shares = sharesOf(entry.map, mine.fiducials, rating, maps.length > 1);
      const averaged = choice.leads === "averaged" ? " · map averaged over leads" : "";
      figure.querySelector("b").textContent = `${entry.label}${maps.length > 1 ? "" : averaged}`;
      figure.querySelector("small").textContent = entry.map ? shares : host.compute ? "computing …" : NOT_STORED;
      figure.querySelector("em").textContent = maps.length > 1 || hidden() ? "" : overview.methods[entry.method]?.sentence ?? "";
      canvas.setAttribute("aria-label", `ECG of record ${choice.record} with heatmap ${entry.label}${averaged}. ${shares}`);
      const calipers = choice.calipers ? { ...choice.caliper, text: caliperText(mine) } : null;
      const what = { beat: mine.beat, map: entry.map, scale: entry.scale, fiducials: choice.marks && !rating ? mine.fiducials : null, mask: mine.mask, calipers };
      drawPanel(canvas, page, what, wide / page.width, lens);
      Object.assign(canvas, { entry, found: mine, slot: k });
    });
    old.slice(maps.length).forEach((figure) => figure.remove());
    const { low, high, text } = meaningOf(maps, choice, details.own, hidden());
    [part("low").textContent, part("high").textContent, part("meaning").textContent] = [low, high, found.mask ? `${text} Green frames: where the plant is, the true map.` : text];
    part("measured").textContent = choice.calipers ? caliperText(found) : "";
    const strip = choice.view === "one" && !rating ? found.rhythm : null;
    showStrip(part("rhythm"), strip, Math.min(root.clientWidth, box.clientWidth), choice.calipers ? stripMarks : null, (marks) => { stripMarks = marks; drawMaps(); });
  }

  function newFigure(box) {
    const figure = h("figure", null, h("figcaption", null, h("b"), h("em"), h("small")), h("canvas", { role: "img" }));
    box.append(figure);
    return figure;
  }

  function drawBeside() {
    const { methods, panels, cases: [found], details: { own } } = shown, { name, unit, digits, label } = target();
    const names = new Map(methods), wanted = new Set(panels.map((one) => one.method));
    if (!hidden()) wanted.add("random");
    const curves = [...wanted].filter((method) => found.truth !== null && found.curve(method)).map((method) => {
      const { points, values } = found.curve(method);
      // While names are hidden a colour would tell them.
      const style = hidden() ? ["#444444", "solid"] : overview.methods[method]?.style ?? OTHER_STYLE;
      return { label: names.get(method) ?? method, style, points, values: values.map((value) => Math.abs(value - found.truth)) };
    });
    part("curve-section").hidden = Boolean(network().planted);
    drawCurves(part("curves"), curves, unit, Math.min(360, root.clientWidth - 24));
    drawLegend(part("legend"), curves);
    drawMeasurements(part("measurements"), found.measurements, { name, unit, digits }, found.prediction, false);
    part("usual").textContent = own.test_mae === null ? "" : `On test records the network errs by ${printed(own.test_mae, unit, digits + 1)} on average.`;
    part("ranking").hidden = part("review").hidden = hidden();
    if (!hidden()) drawRanking(part("ranking"), own.ranking, names);
    if (overview.review) drawReview(part("review"), overview.review, names);
    else part("review").hidden = true;
    part("status").replaceChildren(h("span", null, `${overview.beat} · record ${choice.record}`),
      rating ? "" : h("span", null, `${label}: measured ${printed(found.truth, unit, digits)}, network ${predictedText(found.truth, found.prediction, { digits })} ${found.prediction === null ? "" : unit}`));
  }

  function caliperText(found) {
    const { lead, at: [a, b] } = choice.caliper, row = leadRow(lead) * 600;
    const mv = (found.beat[row + b / 2] - found.beat[row + a / 2]) / 1000;
    return `${Math.abs(b - a)} ms, ${mv >= 0 ? "+" : "−"}${Math.abs(mv).toFixed(2)} mV`;
  }

  function prefetch() {
    const records = recordsOf(network(), added), at = records.indexOf(choice.record);
    for (const by of [1, -1]) {
      const id = records[(at + by + records.length) % records.length];
      if (choice.record !== id) host.case(choice.target, choice.model, id).catch(() => {});
    }
  }

  async function computeMissing(turn) {
    if (!host.compute) return;
    const missing = shown.panels.filter((one, k) => !shown.cases[k].map(one.method));
    for (const one of missing) {
      try {
        await host.compute(one.network.target, one.network.model, choice.record, one.method);
      } catch (error) {
        if (turn === turns) tell(`${one.label} could not be computed: ${error.message}`);
        return;
      }
      if (turn !== turns) return;
      draw();
      root.dataset.drawn = Number(root.dataset.drawn) + 1;
    }
  }

  // ---- reacting

  const study = studyForm(part("study"), {
    overview, host, tell, show, reader: (name) => { if (name !== reader) { reader = name; refresh(); } },
    // The whole map comes into sight, wherever the reader has scrolled to, and the keys are the study's.
    attend() {
      root.focus({ preventScroll: true });
      const { top } = part("status").getBoundingClientRect();
      if (top < 0 || top > window.innerHeight / 3) part("status").scrollIntoView();
    },
    lock(on) {
      if (on && !rating) before = choice;
      rating = on;
      if (on) choice = { ...choice, calipers: false };
      else show(before);
    },
  });

  function zoom(factor) {
    const canvas = part("panels").querySelector("canvas");
    if (canvas) setLens(zoomedAt(lens, canvas.page, canvas.fit, factor, canvas.clientWidth / 2, canvas.clientHeight / 2));
  }

  let waiting = 0;
  function setLens(changed) {
    lens = changed;
    part("zoom").textContent = `${Math.round(100 * lens.zoom)} %`;
    cancelAnimationFrame(waiting);
    waiting = requestAnimationFrame(drawMaps);
  }

  // A click enlarges: a map of several, a lead of twelve; another, or Esc, goes back.
  function enlarge(canvas, at) {
    if (choice.calipers || rating) return;
    const back = { view: choice.view, slot: choice.slot, leads: choice.leads };
    if (choice.view === "methods") show({ view: "one", slot: canvas.slot }).then(() => { from = back; });
    else if (choice.view === "one" && at && !LEADS.includes(choice.leads) && choice.leads !== "averaged") show({ leads: at.name }).then(() => { from = back; });
    else if (from) show(from);
  }

  let dragged = null, pressed = null;
  function pointer(event) {
    const canvas = event.target.closest("canvas");
    if (!canvas?.page) return;
    const at = locate(canvas, event);
    if (event.type === "pointerdown") {
      root.focus({ preventScroll: true });
      pressed = [event.clientX, event.clientY];
    }
    if (event.type === "pointerup" || event.type === "pointercancel") {
      const [x, y] = pressed ?? [NaN, NaN], still = Math.hypot(event.clientX - x, event.clientY - y) < 5;
      if (event.type === "pointerup" && still && !dragged) clicked(canvas, at, event);
      dragged = pressed = null;
      return;
    }
    if (!at) return;
    const value = canvas.entry.map && !hidden() && !rating ? canvas.entry.map[at.row * 600 + at.sample] : null;
    part("pointer").textContent = pointed(at, canvas.found, value, canvas.entry.unit, choice.marks && !rating ? markAt(canvas.found.fiducials, at.sample) : "");
    if (!choice.calipers || !at.single) return;
    const ms = at.sample * 2, { at: marks } = choice.caliper;
    if (event.type === "pointerdown") {
      dragged = Math.abs(ms - marks[0]) <= Math.abs(ms - marks[1]) ? 0 : 1;
      canvas.setPointerCapture(event.pointerId);
    }
    if (dragged === null) return;
    const lead = event.type === "pointerdown" ? at.name : choice.caliper.lead;
    setCaliper(lead, marks.map((old, k) => k === dragged ? ms : old));
  }

  function setCaliper(lead, at) {
    choice = { ...choice, caliper: { lead, at: at.map((ms) => Math.min(1198, Math.max(0, 2 * Math.round(Number(ms) / 2)))) } };
    fillControls(shown.methods);
    drawMaps();
  }

  // A click waits for a second one, which shows all again.
  let clicks = 0;
  function clicked(canvas, at, event) {
    const number = ++clicks;
    if (event.detail > 1 || lens.zoom > 1) return;
    setTimeout(() => { if (number === clicks) enlarge(canvas, at); }, 250);
  }

  function escape() {
    if (!part("message").hidden) return tell("");
    if (from) return show(from);
    if (lens.zoom > 1) setLens(wholeView());
  }

  function press(event) {
    const node = event.target, { key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (study.press(event)) return event.preventDefault();
    if (key === "Escape") return escape();
    if (node.matches?.("textarea, input:not([type=checkbox], [type=radio], [type=range])")) return;
    if (node.matches?.("[type=radio], [type=range]") && key.startsWith("Arrow")) return;
    if (node.matches?.("select") && !/^[bnc]$/.test(key)) return;
    const keys = { c: () => show({ calipers: !choice.calipers }), "+": () => zoom(1.25), "-": () => zoom(0.8) };
    if (!rating) {
      Object.assign(keys, { ArrowLeft: () => step(-1), ArrowRight: () => step(1), b: () => show({ blind: !choice.blind }), n: () => show({ names: !choice.names }) });
      const slot = (Number(key) + 9) % 10;
      if (/^[0-9]$/.test(key) && slot < network().methods.length) keys[key] = () => show({ slot });
    }
    if (!keys[key]) return;
    event.preventDefault();
    event.stopPropagation();
    keys[key]();
  }

  // ---- wiring

  for (const name of ["target", "view", "leads", "record"]) on(part(name), "change", () => show({ [name]: part(name).value }));
  for (const name of ["model", "slot", "second"]) on(part(name), "change", () => show({ [name]: Number(part(name).value) }));
  for (const name of ["marks", "blind", "names", "calipers"]) on(part(name), "change", () => show({ [name]: part(name).checked }));
  on(part("percentile"), "input", () => show({ percentile: Number(part("percentile").value) }));
  for (const name of ["caliper-lead", "mark1", "mark2"]) on(part(name), "change", () => setCaliper(part("caliper-lead").value, [part("mark1").value, part("mark2").value]));
  for (const [name, react] of Object.entries({
    previous: () => step(-1), next: () => step(1), smaller: () => zoom(0.8), larger: () => zoom(1.25), dismiss: () => tell(""),
    picture: () => savePicture(sheet()), print: () => printSheet(sheet()),
    "to-study": () => {
      part("study").scrollIntoView();
      part("reader").focus({ preventScroll: true });
    },
    more: () => {
      part("further").hidden = !part("further").hidden;
      part("more").setAttribute("aria-expanded", String(!part("further").hidden));
      draw();
    },
  })) on(part(name), "click", react);
  on(part("controls"), "submit", (event) => event.preventDefault());
  for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) on(part("panels"), kind, pointer);
  listenForZoom(part("panels"), () => lens, setLens, () => choice.calipers);
  on(host.keys, "keydown", press);
  if (host.find) on(part("find"), "change", () => find(part("find").value.trim()));
  if (host.open) on(part("own"), "change", () => open(part("own").files));

  async function find(id) {
    if (!id) return;
    try {
      await host.find(id);
      part("find").value = "";
      added = [...added, id];
      await show({ record: id });
    } catch (error) {
      tell(error.message);
    }
  }

  async function open(files) {
    try {
      const { records, refused } = await host.open(files);
      added = [...added, ...records];
      if (records.length) await show({ record: records.at(-1) });
      tell(refused.join("; "));
    } catch (error) {
      tell(error.message);
    }
    part("own").value = "";
  }

  // What is shown, for a sheet of paper.
  function sheet() {
    const { maps, cases, layout } = shown, [found] = cases, what = maps.length === 1 ? maps[0].label : VIEWS[choice.view];
    const whats = maps.map(({ label, map, scale }, k) => {
      const { beat, fiducials, mask } = cases[k] ?? found;
      return { label, what: { beat, map, scale, mask, fiducials: choice.marks ? fiducials : null } };
    });
    return {
      whats, found, rating, pages: (choice.leads === "all" ? ["3x4", "6x2"] : [layout]).map((name) => layOut(found.beat, name)), target: target(), title: `${target().label} · ${what}${choice.leads === "averaged" ? " · map averaged over leads" : ""}`,
      line: rating ? `${overview.beat} · record ${choice.record}` : [...part("status").children].map((one) => one.textContent).join(" · "), strip: found.rhythm,
      across: maps.length > 5 ? 5 : maps.length, low: part("low").textContent, high: part("high").textContent, meaning: part("meaning").textContent,
      name: `${choice.record}-${choice.target}-${layout}`,
    };
  }

  let settle = 0;
  const resized = new ResizeObserver(() => { clearTimeout(settle); settle = setTimeout(draw, SETTLE); });
  resized.observe(root);
  on(window, "resize", () => { clearTimeout(settle); settle = setTimeout(draw, SETTLE); });
  on(window, "afterprint", takeSheetAway);
  if (host.wholePage) on(window, "beforeprint", () => { if (shown) layOutSheet(sheet()); });
  host.state?.changed(() => { if (host.state.get() !== asText(choice)) show(fromText(host.state.get())); });
  closing.push(() => resized.disconnect());

  drawBar(part("bar"));
  show(fromText(host.state?.get() ?? ""));
  return () => closing.forEach((close) => close());
}
