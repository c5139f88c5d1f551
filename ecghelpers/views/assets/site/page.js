// The page: what is chosen, where its data is, and drawing it.
"use strict";
{
const $ = (id) => document.getElementById(id);
const chunks = new Map();   // "qt|1" → data of a network, or a promise of it
const decoded = new Map();  // maps of the record shown
let zoom = 1, rating = null, drawn = 0;

// ---- data, which comes in through <script> elements

ECG.records = (data) => {
  ECG.data = data;
  start();
};
ECG.network = (key, data) => chunks.get(key).done(data);

function load(target, model) {
  const key = `${target}|${model}`;
  if (!chunks.has(key)) {
    const script = ECG.element("script", undefined, { src: `data/${target}-model${model}.js` });
    const entry = { data: null };
    entry.promise = new Promise((resolve, reject) => {
      entry.done = (data) => { entry.data = data; resolve(data); };
      script.onerror = () => { chunks.delete(key); reject(new Error(`data/${target}-model${model}.js is missing`)); };
    });
    chunks.set(key, entry);
    document.head.append(script);
  }
  return chunks.get(key).promise;
}

function bytes(text) {
  const raw = atob(text), out = new Uint8Array(raw.length);
  for (let i = 0; i < raw.length; i++) out[i] = raw.charCodeAt(i);
  return out.buffer;
}

// A map was stored as sign · round(127 · √(|value| / peak)), one byte a sample.
function mapOf(network, record, method) {
  const key = [network.target, network.model, record, method].join("|");
  if (!decoded.has(key)) {
    if (decoded.size > 200) decoded.clear();
    const row = network.records.indexOf(record), stored = network.maps[method];
    const peak = stored.peak[row] / 127 ** 2;
    decoded.set(key, Float32Array.from(new Int8Array(bytes(stored.data[row])), (q) => q * Math.abs(q) * peak));
  }
  return decoded.get(key);
}

function beatOf(record) {
  const found = ECG.data.records[record];
  found.samples ??= Float32Array.from(new Int16Array(bytes(found.beat)));
  return found;
}

// ---- what is chosen

const value = (id) => $(id).value;
const checked = (id) => $(id).checked;
const chosenNetwork = () => ECG.data.networks.find((n) => n.target === value("target") && n.model === Number(value("model")));
const targetOf = (name) => ECG.data.targets.find((target) => target.name === name);
const networksOf = (target) => ECG.data.networks.filter((network) => network.target === target);

function fill(id, options, kept = value(id)) {
  $(id).replaceChildren(...options.map(([text, key]) => ECG.element("option", text, { value: key })));
  if (options.some(([, key]) => String(key) === kept)) $(id).value = kept;
}

// Methods in the order shown, with the names shown for them.
function methodsShown(network) {
  const all = network.methods;
  if (!checked("blind")) return all.map((method) => [method, ECG.data.labels[method] ?? method]);
  const reader = rating?.reader ?? value("reader");
  const order = ECG.blindOrder(all, ECG.data.seed, reader, network.target, network.model, value("record"));
  return order.map((method, k) => {
    const letter = String.fromCharCode(65 + k);
    return [method, checked("names") ? `${letter}: ${ECG.data.labels[method] ?? method}` : letter];
  });
}

function panelsOf(network, methods) {
  const one = (slot) => ({ network, method: methods[slot][0], label: methods[slot][1] });
  const first = Number(value("method")) || 0, second = Number(value("second")) || 0;
  switch (value("view")) {
    case "methods": return methods.map((_, slot) => one(slot));
    case "models": return networksOf(network.target).filter((n) => n.records.includes(value("record")))
      .map((n) => ({ ...one(first), network: n, label: `${methods[first][1]}, model ${n.model}` }));
    case "two": case "difference": return [one(first), one(second)];
    default: return [one(first)];
  }
}

function fillMethods(network) {
  const methods = methodsShown(network), slots = methods.map(([, label], slot) => [label, slot]);
  const fresh = !$("second").options.length;
  fill("method", slots);
  fill("second", slots, fresh ? "1" : undefined);
  return methods;
}

// ---- drawing

async function refresh() {
  const number = ++drawn, network = chosenNetwork();
  $("message").textContent = "";
  $("pointer").textContent = "\u00a0";
  const methods = fillMethods(network);
  $("second-label").hidden = !["two", "difference"].includes(value("view"));
  $("names-label").hidden = !checked("blind") || rating !== null;
  $("caliper-row").hidden = !checked("calipers");
  const panels = panelsOf(network, methods);
  try {
    await Promise.all([...panels, { network }].map((panel) => load(panel.network.target, panel.network.model)));
  } catch (error) {
    $("message").textContent = error.message;
    return;
  }
  if (number !== drawn) return;  // something else was chosen meanwhile
  const data = chunks.get(`${network.target}|${network.model}`).data;
  drawMaps(panels);
  drawBeside(network, data, methods, panels);
  tell(network, data);
  document.body.dataset.drawn = drawn;
}

const short = (x) => x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5) ? x.toExponential(2) : String(+x.toPrecision(3));

// Twelve leads on a page (on a phone, two columns), or the one lead where all would show the same.
function layoutFor(mode, count) {
  if (value("layout") !== "automatic") return value("layout");
  const lead = mode.replace(" only", "");
  if (ECG.LEADS.includes(lead)) return lead;
  if (mode === "averaged" && count > 1) return "V5";
  return document.documentElement.clientWidth < 600 && count === 1 ? "6x2" : "3x4";
}

function drawMaps(panels) {
  const record = value("record"), found = beatOf(record), percentile = Number(value("percentile"));
  const single = panels.length === 1;
  let maps = panels.map((panel) => {
    const data = chunks.get(`${panel.network.target}|${panel.network.model}`).data;
    const map = ECG.shown(mapOf({ ...panel.network, ...data }, record, panel.method), value("mode"));
    return { label: panel.label, unit: data.units[panel.method], map, scale: ECG.heatScale(map, percentile) };
  });
  let label = `Attribution, each map divided by percentile ${percentile} of its |value|`;
  let ends = ["−1", "1"];
  if (value("view") === "difference") {
    const [a, b] = maps, map = a.map.map((v, i) => v / a.scale - b.map[i] / b.scale);
    maps = [{ label: `${a.label} − ${b.label}`, map, scale: 1, unit: "" }];
    label = `Difference of two maps, each divided by percentile ${percentile} of its |value|`;
  } else if (single && !checked("blind")) {
    const [{ unit, scale }] = maps;
    label = `Attribution${unit ? ` (${unit})` : ""}, full colour at percentile ${percentile} of |value|`;
    ends = [`−${short(scale)}`, short(scale)];
  }
  const mode = value("mode"), layout = layoutFor(mode, maps.length);
  $("stage").classList.toggle("one", maps.length === 1 && document.documentElement.clientWidth >= 1100);
  const width = panelWidth(maps.length, layout, ECG.layOut(found.samples, layout));
  $("panels").style.gridTemplateColumns = `repeat(auto-fill, ${width}px)`;
  $("panels").classList.toggle("measuring", checked("calipers"));
  const old = [...$("panels").querySelectorAll("figure")];
  maps.forEach((entry, i) => {
    const figure = old[i] ?? newFigure();
    const canvas = figure.querySelector("canvas");
    canvas.values = entry.map;
    const shares = ECG.waveShares(entry.map, found.fiducials).join(", ");
    figure.querySelector("b").textContent = entry.label;
    // Told to a reader who rates the map, they would rate it.
    figure.querySelector("small").textContent = rating ? "" : `share of |attribution|: ${shares}`;
    const said = rating ? "" : ` Share of attribution: ${shares}.`;
    canvas.setAttribute("aria-label", `ECG of record ${record} with heatmap ${entry.label}, ${mode}.${said}`);
    const fiducials = checked("fiducials") && found.fiducials.filter((mark) => mark !== null);
    const marks = checked("calipers") && { lead: value("caliper-lead"), at: [Number(value("mark1")), Number(value("mark2"))] };
    ECG.drawPanel(canvas, { beat: found.samples, map: entry.map, scale: entry.scale, fiducials, marks }, layout, width);
  });
  old.slice(maps.length).forEach((figure) => figure.remove());
  $("bar-label").textContent = `${ends[0]} … 0 … ${ends[1]}   ${label}`;
  measure(found);
}

function newFigure() {
  const figure = ECG.element("figure"), caption = ECG.element("figcaption");
  caption.append(ECG.element("b"), ECG.element("small"));
  const canvas = ECG.element("canvas");
  canvas.setAttribute("role", "img");
  figure.append(caption, canvas);
  $("panels").append(figure);
  return figure;
}

// CSS pixels of a panel: three by three and more for a grid; one alone fits on the screen.
function panelWidth(count, layout, page) {
  const room = $("panels").clientWidth, columns = layout.includes("x") ? Number(layout.split("x")[1]) : 1;
  const least = columns === 4 ? 380 : 150 * columns;
  const across = Math.max(1, Math.min(count, columns === 4 ? 3 : 5, Math.floor(room / least)));
  const share = !rating ? 0.75 : count > 1 ? 0.42 : 0.55;  // of the window; the rating's form needs the rest
  const tall = Math.max(window.innerHeight * share, rating ? 240 : 420) * page.width / page.height;
  const wide = layout === "12x1" ? 320 : layout === "6x2" || count > 1 ? 700 : tall;
  const most = rating && layout === "3x4" ? Math.min(wide, tall) : wide;
  return Math.floor(Math.min(most, (room - 10 * (across - 1)) / across) * zoom);
}

function drawBeside(network, data, methods, panels) {
  const row = data.records.indexOf(value("record")), truth = ECG.data.records[value("record")].truth[network.target];
  const hidden = checked("blind") && !checked("names");
  const names = new Map(methods), wanted = new Set(panels.map((panel) => panel.method));
  if (!hidden) wanted.add("random");
  const curves = [...wanted].filter((method) => truth !== null && data.curves[method]?.[row]).map((method) => ({
    label: names.get(method) ?? method,
    style: hidden ? ["#444444", []] : ECG.style(method),  // a colour would tell the name
    values: data.curves[method][row].map((prediction) => Math.abs(prediction - truth)),
  }));
  ECG.drawCurves($("curves"), curves, targetOf(network.target).unit);
  ECG.drawLegend($("legend"), curves);
  if (hidden) {
    $("rank").replaceChildren(ECG.element("p", "Hidden while blinded.", { className: "quiet" }));
  } else {
    const rows = data.ranking.map((entry) => ({ ...entry, label: names.get(entry.method) ?? entry.method }));
    ECG.drawRank($("rank"), rows, targetOf(network.target).unit);
  }
  const review = ECG.data.review;
  $("review").hidden = hidden || !review;
  if (review && !hidden) ECG.drawReview($("answer"), $("tests"), review, names);
}

function tell(network, data) {
  const row = data.records.indexOf(value("record")), { unit, label } = targetOf(network.target);
  const truth = ECG.data.records[value("record")].truth[network.target], predicted = data.prediction[row];
  const number = (x) => `${x.toFixed(1)} ${unit}`.replace("-", "−");
  const error = truth === null ? "unknown" : (predicted > truth ? "+" : "") + number(predicted - truth);
  const parts = [`${label}: measured ${truth === null ? "missing" : number(truth)}`, `predicted ${number(predicted)}`,
    `error of this record ${error}`];
  if (data.test_mae !== null) parts.push(`mean absolute error on test records ${data.test_mae.toPrecision(3)} ${unit}`);
  $("status").replaceChildren(...parts.map((part) => ECG.element("span", part)));
}

// ---- calipers

function measure(found) {
  const row = ECG.LEADS.indexOf(value("caliper-lead"));
  const [a, b] = ["mark1", "mark2"].map((id) => Math.min(599, Math.max(0, Math.round(Number(value(id)) / 2))));
  [$("mark1").value, $("mark2").value] = [2 * a, 2 * b];
  const ms = Math.abs(b - a) * 2, mv = (found.samples[row * 600 + b] - found.samples[row * 600 + a]) / 1000;
  $("measured").textContent = `${ms} ms, ${mv >= 0 ? "+" : "−"}${Math.abs(mv).toFixed(2)} mV in ${value("caliper-lead")}`;
}

let dragged = null;
function drag(event) {
  const canvas = event.target;
  if (!canvas.page) return;
  const at = ECG.locate(canvas, event);
  if (event.type === "pointerup" || event.type === "pointercancel") { dragged = null; return; }
  if (!at) return;
  const ms = at.sample * 2, index = at.row * 600 + at.sample, found = beatOf(value("record"));
  const map = canvas.values?.[index];
  $("pointer").textContent = `${at.lead}: ${ms} ms, ${(found.samples[index] / 1000).toFixed(2)} mV` +
    (map === undefined || Number.isNaN(map) || checked("blind") ? "" : `, attribution ${short(map)}`);
  if (!checked("calipers")) return;
  if (event.type === "pointerdown") {
    $("caliper-lead").value = at.lead;
    dragged = Math.abs(ms - value("mark1")) <= Math.abs(ms - value("mark2")) ? "mark1" : "mark2";
    canvas.setPointerCapture(event.pointerId);
  }
  if (dragged) {
    $(dragged).value = ms;
    refresh();
  }
}

// ---- the reading study

async function next() {
  const { items, done, total } = ECG.nextScreen(rating.reader, Number(value("together")));
  $("progress").textContent = items ? `${done} of ${total} maps rated` : `All ${total} maps are rated. Thank you.`;
  if (!items) return stop();
  rating.items = items;
  $("target").value = items[0].target;
  chooseTarget(items[0].model, items[0].record);
  $("view").value = items.length > 1 ? "two" : "one";
  $("blind").checked = true;
  $("names").checked = false;
  fillMethods(chosenNetwork());
  items.forEach((item, i) => { $(["method", "second"][i]).value = item.code.charCodeAt(0) - 65; });
  $("question").textContent = `${targetOf(items[0].target).label}: does the map mark where you would measure it?`;
  $("ratings").replaceChildren(...items.map(ratingRow));
  await refresh();
  const controls = $("controls"), above = getComputedStyle(controls).position === "sticky" ? controls.offsetHeight : 0;
  window.scrollBy(0, $("status").getBoundingClientRect().top - above);
}

// The score and the remark of one map.
function ratingRow(item, number) {
  const row = ECG.element("p"), scores = ECG.element("span"), remark = ECG.element("label", "Remark ");
  scores.setAttribute("role", "radiogroup");
  scores.setAttribute("aria-label", `Score of map ${item.code}`);
  scores.append(...[1, 2, 3, 4, 5].map((score) => {
    const label = ECG.element("label");
    label.append(ECG.element("input", undefined, { type: "radio", name: `score${number}`, value: score }),
      { 1: "1 not at all", 5: "5 exactly there" }[score] ?? String(score));
    return label;
  }));
  remark.append(ECG.element("input", undefined, { id: `remark${number}`, maxLength: 1000, size: 40 }));
  row.append(ECG.element("b", item.code), scores, remark);
  return row;
}

function begin() {
  const reader = value("reader").trim();
  if (!reader) {
    $("message").textContent = "Write who reads (initials, for example) before starting.";
    $("reader").focus();
    return;
  }
  rating = { reader };
  lock(true);
  next();
}

function stop() {
  rating = null;
  lock(false);
  refresh();
}

// While a study runs, only leads, layout, zoom and the like may be changed.
function lock(on) {
  for (const id of ["target", "model", "record", "previous", "next", "view", "method", "second", "blind", "names", "reader", "together", "start"]) {
    $(id).disabled = on;
  }
  $("rating").hidden = !on;
  $("stop").hidden = !on;
  document.body.classList.toggle("rating", on);
}

// A digit scores the first map that has no score yet, or else the last.
function giveScore(score) {
  const rows = [...$("ratings").children], open = rows.find((row) => !row.querySelector(":checked")) ?? rows.at(-1);
  open.querySelector(`[value="${score}"]`).checked = true;
}

function save() {
  const { reader, items } = rating;
  const scores = items.map((_, number) => document.querySelector(`[name=score${number}]:checked`)?.value);
  if (!scores.every(Boolean)) {
    $("message").textContent = "Choose a score from 1 to 5 first.";
    return;
  }
  try {
    items.forEach((item, i) => ECG.keepRating(ECG.ratingRow(reader, item, items, Number(scores[i]), value(`remark${i}`))));
  } catch (error) {
    $("message").textContent = `This browser does not keep ratings (${error.message}); allow site data for this file.`;
    return;
  }
  next();
}

// ---- controls

function chooseTarget(model, record) {
  const networks = networksOf(value("target"));
  fill("model", networks.map((network) => [String(network.model), network.model]), model === undefined ? undefined : String(model));
  fill("record", chosenNetwork().records.map((id) => [id, id]), record);
}

function step(by) {
  const { options, selectedIndex } = $("record");
  $("record").selectedIndex = (selectedIndex + by + options.length) % options.length;
  refresh();
}

function rescale(by) {
  zoom = Math.min(4, Math.max(0.5, zoom * by));
  $("zoom").textContent = `${Math.round(100 * zoom)} %`;
  refresh();
}

function toggle(id) {
  if ($(id).disabled) return;
  $(id).checked = !$(id).checked;
  refresh();
}

function press(event) {
  const node = event.target;
  if (event.key === "Enter" && node.matches("#ratings input")) { event.preventDefault(); return save(); }
  if (event.key === "Enter" && node.id === "reader" && !rating) return begin();
  const typing = node.matches("input:not([type=checkbox], [type=radio], [type=range])");
  if (node.matches("[type=radio], [type=range]") && event.key.startsWith("Arrow")) return;
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
  if (node.matches("select") && !/^[bnc]$/.test(event.key)) return;
  const keys = { ArrowLeft: () => step(-1), ArrowRight: () => step(1), b: () => toggle("blind"), n: () => toggle("names"),
    c: () => toggle("calipers"), "+": () => rescale(1.25), "-": () => rescale(0.8) };
  if (rating) {
    for (const key of ["ArrowLeft", "ArrowRight", "b", "n"]) delete keys[key];
    for (const score of [1, 2, 3, 4, 5]) keys[score] = () => giveScore(score);
    if (!node.matches("button")) keys.Enter = save;
  }
  if (keys[event.key]) {
    keys[event.key]();
  } else if (/^[0-9]$/.test(event.key) && !rating) {
    const slot = (Number(event.key) + 9) % 10;
    if (slot < $("method").options.length) $("method").value = slot;
    refresh();
  } else {
    return;
  }
  event.preventDefault();
}

function start() {
  const data = ECG.data;
  $("about").textContent = `${data.source}. ${Object.keys(data.records).length} records, ${data.networks.length} networks; made by version ${data.version}.`;
  $("reading").textContent = "Blue: the value falls with the attribution; orange: it rises. Paper: 25 mm/s, 10 mm/mV; one large box is 200 ms × 0.5 mV, a small one 40 ms × 0.1 mV, " +
    "the pulse on the left 1 mV × 200 ms. P, QRS and T lie between dotted lines. Maps are stored in one byte a sample, so attributions are rounded by up to 0.8 % of the largest.";
  fill("target", data.targets.map((target) => [`${target.label} (${target.unit})`, target.name]));
  fill("mode", ["all leads", "averaged", ...ECG.LEADS.map((lead) => `${lead} only`)].map((mode) => [mode, mode]));
  fill("layout", ["automatic", ...Object.keys(ECG.LAYOUTS)].map((layout) => [layout.replace("x", " × "), layout]));
  fill("caliper-lead", ECG.LEADS.map((lead) => [lead, lead]), "II");
  chooseTarget();
  ECG.drawBar($("bar"));
  $("target").addEventListener("change", () => { chooseTarget(); refresh(); });
  $("model").addEventListener("change", () => { chooseTarget(value("model")); refresh(); });
  for (const id of ["record", "view", "method", "second", "mode", "layout", "fiducials", "blind", "names", "calipers",
    "caliper-lead", "mark1", "mark2", "reader"]) $(id).addEventListener("change", refresh);
  $("percentile").addEventListener("input", () => { $("percentile-value").textContent = value("percentile"); refresh(); });
  $("previous").addEventListener("click", () => step(-1));
  $("next").addEventListener("click", () => step(1));
  $("smaller").addEventListener("click", () => rescale(0.8));
  $("larger").addEventListener("click", () => rescale(1.25));
  $("start").addEventListener("click", begin);
  $("stop").addEventListener("click", stop);
  $("save").addEventListener("click", save);
  $("export").addEventListener("click", () => {
    const reader = value("reader").trim();
    if (ECG.ratings(reader).length) ECG.exportRatings(reader);
    else $("message").textContent = reader ? `${reader} has rated no map of this page in this browser.` : "Write whose ratings to export.";
  });
  $("controls").addEventListener("submit", (event) => event.preventDefault());
  for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) $("panels").addEventListener(kind, drag);
  document.addEventListener("keydown", press);
  let waiting;
  window.addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(refresh, 100); });
  refresh();
}
}
