// The reading study: what is rated in which order, and a rating as a row of a reader's file.
// Where rows are kept is the host's: host.ratings(reader) and host.keepRating(row).
import { blindOrder, letter, markOf, shuffled } from "./blinding.js";

const COLUMNS = ["reader", "time", "version", "study", "target", "model", "record", "code", "beside", "score", "text", "mark", "settings"];

// What a reader is called, without regard to case and spaces.
export const readerName = (text) => text.normalize("NFC").trim().split(/\s+/u).join(" ").toUpperCase();

// The networks that are rated: the first model of each target, no planted ones.
const rated = (overview) => overview.targets
  .map((target) => overview.networks.find((network) => network.target === target.name && network.study))
  .filter(Boolean);

export const networkOf = (overview, item) => overview.networks.find((n) => n.target === item.target && n.model === item.model);

// Every map in an order of the reader's own, each with the letter that hides its method as code.
export function studyItems(overview, reader) {
  const items = new Map();
  for (const { target, model, records, methods } of rated(overview)) {
    for (const record of records) {
      blindOrder(methods, overview.seed, reader, target, model, record).forEach((method, slot) => {
        items.set([target, model, record, method].join("|"), { target, model, record, method, code: letter(slot) });
      });
    }
  }
  return shuffled([...items.keys()], `${overview.seed}|${reader}|study`).map((key) => items.get(key));
}

// The same maps, one or two of a record at a time: [[item, …], …].
export function studyScreens(overview, reader, together) {
  const items = studyItems(overview, reader), pairs = new Map();
  if (together === 1) return items.map((item) => [item]);
  for (const item of [...items].sort((a, b) => a.code < b.code ? -1 : 1)) {
    const key = [item.target, item.model, item.record, Math.floor((item.code.charCodeAt(0) - 65) / 2)].join("|");
    pairs.set(key, [...pairs.get(key) ?? [], item]);
  }
  return shuffled([...pairs.keys()], `${overview.seed}|${reader}|pairs`).map((key) => pairs.get(key));
}

export const itemKey = (overview, item) =>
  [item.study ?? networkOf(overview, item).study, item.target, item.model, item.record, item.code].join("|");

// The rows that rate maps of these networks.
export function ratingsOf(overview, rows) {
  const here = new Set(rated(overview).map((network) => network.study));
  return rows.filter((row) => here.has(row.study));
}

// The first screen with a map that has no rating yet, or none; how many are done, and of how many.
export function nextScreen(overview, reader, together, rows) {
  const screens = studyScreens(overview, reader, together);
  const done = new Set(ratingsOf(overview, rows).map((row) => itemKey(overview, row)));
  const all = screens.flat(), isDone = (item) => done.has(itemKey(overview, item));
  return { items: screens.find((items) => !items.every(isDone)), done: all.filter(isDone).length, total: all.length };
}

// A rating of one of the items shown, as a row of the file.
export function ratingRow(overview, reader, item, items, score, text) {
  const { study } = networkOf(overview, item);
  return {
    reader, time: new Date().toISOString(), version: overview.version, study, target: item.target, model: item.model,
    record: item.record, code: item.code,
    beside: items.filter((other) => other !== item).map((other) => other.code).join(""), score, text,
    mark: markOf(study, item.target, item.model, item.record, item.code, item.method), settings: "",
  };
}

const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;

export const ratingsCsv = (rows) => [COLUMNS.map(quoted).join(",")]
  .concat(rows.map((row) => COLUMNS.map((name) => quoted(row[name])).join(",")))
  .join("\r\n") + "\r\n";
