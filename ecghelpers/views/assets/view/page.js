// Host of the offline page: data come from <script> elements, ratings stay in this browser.
import { raterName } from "./study.js";
import { showView } from "./view.js";

let overview = null, records = null;
const chunks = new Map(); // "qt|1" → data of a network, or a promise of it
const KEPT = "ecg-study|"; // followed by the rater: key of the ratings in this browser

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

// A map was stored as sign · round(levels · √(|value| / peak)).
function mapOf({ peak, at }, { pack, levels }) {
  return Float32Array.from(new Int16Array(pack, at, 7200), (q) => q * Math.abs(q) * peak / levels ** 2);
}

// The data of a network with its maps' bytes, which come compressed.
async function unpacked(data) {
  const stream = new Blob([bytes(data.pack)]).stream().pipeThrough(new DecompressionStream("deflate"));
  return { ...data, pack: await new Response(stream).arrayBuffer() };
}

// A record under a network; its maps are decoded when they are needed.
function caseOf(data, id) {
  const row = data.records.indexOf(id), known = records[id], decoded = new Map();
  return {
    beat: beatOf(known.beat), fiducials: known.fiducials, measurements: known.measurements, program: known.program, source: known.source,
    rhythm: known.rhythm && { rate: known.rhythm.rate, leads: Object.fromEntries(Object.entries(known.rhythm.leads).map(([lead, text]) => [lead, beatOf(text)])) },
    truth: data.truth[row], prediction: data.prediction[row],
    map(method, baseline) {
      const name = baseline === "mean" && data.maps[`${method}@mean`] ? `${method}@mean` : method, stored = data.maps[name]?.[row];
      if (!stored) return null;
      if (!decoded.has(name)) decoded.set(name, mapOf(stored, data));
      return decoded.get(name);
    },
  };
}

// The stored edit of a record with the nearest dose; its beat is stored as the change.
async function edited(target, model, record, { dose, method }) {
  const data = await load(target, model), known = data.edited[record], { beat, fiducials, prediction } = await host.case(target, model, record);
  if (!known?.length) return { refused: "No edited beats are stored for this record." };
  const nearest = [{ dose: 0 }, ...known].reduce((best, one) => Math.abs(one.dose - dose) < Math.abs(best.dose - dose) ? one : best);
  if (!nearest.dose) return { dose: 0, prediction, beat, fiducials };
  const change = mapOf(nearest.change, data), map = method === data.edited_method ? mapOf(nearest.map, data) : null;
  return { dose: nearest.dose, prediction: nearest.prediction, beat: beat.map((value, i) => value + change[i]), fiducials: nearest.fiducials, map };
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
  edit: edited,
  async ratings(rater) {
    try {
      return JSON.parse(localStorage.getItem(`${KEPT}${rater}`) ?? "[]").filter((row) => row?.mark && raterName(row.reader) === rater);
    } catch {
      return []; // not our data, or storage is not allowed
    }
  },
  async keepRating(row) {
    const rows = [...await host.ratings(row.reader), row];
    try {
      localStorage.setItem(`${KEPT}${row.reader}`, JSON.stringify(rows));
    } catch (error) {
      throw new Error(`This browser does not keep ratings (${error.message}); allow site data for this file.`);
    }
  },
  // The state is in the address, so that a view can be reloaded and linked.
  state: {
    get: () => location.hash.slice(1),
    set: (text) => { if (text !== location.hash.slice(1)) history.replaceState(null, "", `#${text}`); },
    changed: (react) => window.addEventListener("hashchange", react),
  },
  keys: document,
  wholePage: true, // so that printing it prints the report
};

window.ECG = {
  records(content) {
    ({ records, ...overview } = content);
    host.overview = overview;
    showView(document.getElementById("view"), host);
  },
  network: (key, data) => chunks.get(key).done(unpacked(data)),
};
