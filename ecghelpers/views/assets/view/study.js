// The reading study: which maps are rated in which order, and a rating as a row of a rater's file.
// The host keeps the rows. Settings are {targets, records}, of overview.study.
import { blindOrder, letter, markOf, shuffled } from "./blinding.js";

const COLUMNS = ["reader", "time", "version", "study", "target", "model", "record", "code", "beside", "score", "text", "mark", "settings"];

// A rater's name without regard to case and spaces, as Python's reader_name.
export const raterName = (text) => text.normalize("NFC").trim().split(/\s+/).join(" ").toUpperCase();

// The networks that are rated: the first model of each target.
export const ratedNetworks = (overview) => overview.targets
  .map((target) => overview.networks.find((network) => network.target === target.name));

const settingsText = ({ targets, records }) => `targets=${targets.join(" ")}; records=${records}; maps=1`;

export function settingsOf(text) {
  const found = /^targets=([\w ]+); records=(\d{1,9});/.exec(text ?? "");
  return found && { targets: found[1].split(" "), records: Number(found[2]) };
}

// The same records for every rater, and for every target where the networks have them; a larger study contains a smaller one.
const chosenRecords = (overview, network) => shuffled(network.records.slice(0, overview.study.pool), `${overview.seed}|records`);

// The maps of the settings in an order that depends on the rater; code is the letter that hides the method.
export function itemsOf(overview, rater, settings) {
  const items = new Map();
  for (const network of ratedNetworks(overview).filter((one) => settings.targets.includes(one.target))) {
    for (const record of chosenRecords(overview, network).slice(0, settings.records)) {
      for (const item of mapsOfRecord(overview, rater, network, record)) {
        items.set([item.target, item.model, record, item.method].join("|"), item);
      }
    }
  }
  return shuffled([...items.keys()], `${overview.seed}|${rater}|study`).map((key) => items.get(key));
}

const mapsOfRecord = (overview, rater, { target, model, methods }, record) =>
  blindOrder(methods, overview.seed, rater, target, model, record).map((method, slot) => ({ target, model, record, method, code: letter(slot) }));

// An item for practice, of a record that is not in the study where possible.
export function practiceItem(overview, rater, settings) {
  const network = ratedNetworks(overview).find((one) => settings.targets.includes(one.target));
  const records = chosenRecords(overview, network);
  return mapsOfRecord(overview, rater, network, records[settings.records] ?? records.at(-1))[0];
}

const networkOf = (overview, item) => overview.networks.find((one) => one.target === item.target && one.model === Number(item.model));

// The map of a row: {target, model, record, method}; null where its mark fits none.
export function mapOfRow(overview, row) {
  const network = networkOf(overview, row);
  if (!network || network.study !== row.study) return null;
  const place = [row.study, row.target, row.model, row.record, row.code];
  const method = network.methods.find((one) => markOf(...place, one) === row.mark);
  return method === undefined ? null : { target: row.target, model: Number(row.model), record: row.record, method };
}

export const keyOf = ({ target, model, record, method }) => JSON.stringify([target, Number(model), record, method]);

// The latest rating of each map by each rater: [{row, rater, map}, …], rows of other maps left out.
export function latest(overview, rows) {
  const found = new Map();
  for (const row of [...rows].sort((a, b) => a.time < b.time ? -1 : 1)) {
    const map = mapOfRow(overview, row), rater = raterName(row.reader);
    if (map) found.set(`${rater}|${keyOf(map)}`, { row, rater, map });
  }
  return [...found.values()];
}

// The rater's rating of each map: key → row.
export const ratedMaps = (overview, rater, rows) =>
  new Map(latest(overview, rows).filter((one) => one.rater === rater).map(({ row, map }) => [keyOf(map), row]));

// A rating of an item as a row of the file.
export function ratingRow(overview, rater, item, score, text, settings) {
  const { study } = networkOf(overview, item);
  return {
    reader: rater, time: new Date().toISOString(), version: overview.version, study, target: item.target, model: item.model,
    record: item.record, code: item.code, beside: "", score, text,
    mark: markOf(study, item.target, item.model, item.record, item.code, item.method), settings: settingsText(settings),
  };
}

export function durationText(seconds) {
  const minutes = Math.max(1, Math.round(seconds / 60)), hours = Math.floor(minutes / 60);
  if (minutes < 60) return `${minutes} min`;
  return minutes < 600 ? `${hours} h ${5 * Math.round(minutes % 60 / 5) % 60} min`.replace(" 0 min", "") : `${Math.round(minutes / 60)} h`;
}

const quoted = (value) => `"${String(value ?? "").replaceAll('"', '""')}"`;

export const ratingsCsv = (rows) => [COLUMNS.map(quoted).join(",")]
  .concat(rows.map((row) => COLUMNS.map((name) => quoted(row[name])).join(",")))
  .join("\r\n") + "\r\n";
