// Host of the offline page: data come in through <script> elements, ratings stay in this browser.
import { latest, mapOfRow, readerName } from "./study.js";
import { showView } from "./view.js";

let overview = null, records = null;
const chunks = new Map(); // "qt|1" → data of a network, or a promise of it
const KEPT = "ecg-study|"; // and the reader: her rows in this browser

function load(target, model) {
  const key = `${target}|${model}`;
  if (!chunks.has(key)) {
    const { script: name } = overview.networks.find((one) => one.target === target && one.model === model);
    const script = Object.assign(document.createElement("script"), { src: `data/${name}` }), entry = {};
    entry.promise = new Promise((resolve, reject) => {
      entry.done = resolve;
      script.onerror = () => { chunks.delete(key); reject(new Error(`data/${name} is missing`)); };
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

const beatOf = (text) => Float32Array.from(new Int16Array(bytes(text)));

// A map was stored as sign · round(levels · √(|value| / peak)), two bytes a sample or, with 127 levels, one.
function mapOf(stored, row, levels) {
  const peak = stored.peak[row] / levels ** 2, kind = levels === 127 ? Int8Array : Int16Array;
  return Float32Array.from(new kind(bytes(stored.data[row])), (q) => q * Math.abs(q) * peak);
}

// A record under a network, its maps decoded when they are asked for.
function caseOf(data, id) {
  const row = data.records.indexOf(id), known = data.planted ? data.cases[row] : records[id];
  const decoded = new Map();
  return {
    beat: beatOf(known.beat), fiducials: known.fiducials, measurements: known.measurements,
    rhythm: known.rhythm && { rate: known.rhythm.rate, leads: Object.fromEntries(Object.entries(known.rhythm.leads).map(([lead, text]) => [lead, beatOf(text)])) },
    truth: data.truth[row], prediction: data.prediction[row],
    mask: known.mask ? maskOf(known.mask) : null,
    curve: (method) => data.curves[method]?.[row] ? { points: data.points, values: data.curves[method][row] } : null,
    map(method) {
      if (!data.maps[method]) return null;
      if (!decoded.has(method)) decoded.set(method, mapOf(data.maps[method], row, data.levels));
      return decoded.get(method);
    },
  };
}

// [[row, from, to], …] as a mask (7200).
function maskOf(runs) {
  const mask = new Uint8Array(7200);
  for (const [row, from, to] of runs) mask.fill(1, row * 600 + from, row * 600 + to);
  return mask;
}

const cases = new Map();

const host = {
  keptWhere: "Ratings stay in this browser until you export them.",
  network: load,
  async case(target, model, record) {
    const key = JSON.stringify([target, model, record]);
    if (cases.size > 60) cases.clear();
    if (!cases.has(key)) cases.set(key, caseOf(await load(target, model), record));
    return cases.get(key);
  },
  resultsLack: "This page knows the ratings in this browser and those imported here. Files in readings/ of the results, and whether a method is told from random maps, are in notebook 08 (./run_all.sh --only review), JupyterLab and the web app.",
  async allRatings() {
    try {
      const names = Object.keys(localStorage).filter((name) => name.startsWith(KEPT));
      return names.flatMap((name) => JSON.parse(localStorage.getItem(name))).filter((row) => row?.mark);
    } catch {
      return []; // what is kept is none of ours, or nothing may be kept
    }
  },
  ratings: async (reader) => (await host.allRatings()).filter((row) => readerName(row.reader) === reader),
  keepRating: (row) => host.keepRatings([row]),
  // Of several ratings of a map by one reader the latest is kept.
  async keepRatings(rows) {
    for (const reader of new Set(rows.map((row) => row.reader))) {
      const all = [...await host.ratings(reader), ...rows.filter((row) => row.reader === reader)];
      const here = latest(overview, all).map(({ row }) => row), elsewhere = all.filter((row) => !mapOfRow(overview, row));
      try {
        localStorage.setItem(`${KEPT}${reader}`, JSON.stringify([...elsewhere, ...here]));
      } catch (error) {
        throw new Error(`This browser does not keep ratings (${error.message}); allow site data for this file.`);
      }
    }
  },
  // The state stands in the address, so that a view can be reloaded and linked.
  state: {
    get: () => location.hash.slice(1),
    set: (text) => { if (text !== location.hash.slice(1)) history.replaceState(null, "", `#${text}`); },
    changed: (react) => window.addEventListener("hashchange", react),
  },
  keys: document,
  wholePage: true, // so that printing it prints the sheet
};

window.ECG = {
  records(content) {
    ({ records, ...overview } = content);
    host.overview = overview;
    showView(document.getElementById("view"), host);
  },
  network: (key, data) => chunks.get(key).done(data),
};
