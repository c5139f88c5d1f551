// The reading study: a seeded order per reader, ratings kept in this browser, exported as CSV.
"use strict";
{
const COLUMNS = ["reader", "time", "version", "study", "target", "model", "record", "code", "beside", "score", "text", "mark"];

// Every map of the first model of each target, in an order of the reader's own.
ECG.studyItems = (reader) => {
  const data = ECG.data, items = new Map();
  for (const target of data.targets) {
    const network = data.networks.find((n) => n.target === target.name);
    for (const record of network.records) {
      for (const method of network.methods) {
        const item = { target: target.name, model: network.model, record, method };
        items.set([item.target, item.model, record, method].join("|"), item);
      }
    }
  }
  return ECG.shuffled([...items.keys()], `${data.seed}|${reader}|study`).map((key) => items.get(key));
};

// The same maps, one or two of a record at a time: [[item, …], …], each with its letter as code.
ECG.studyScreens = (reader, together) => {
  const items = ECG.studyItems(reader), pairs = new Map();
  for (const item of items) {
    const order = ECG.blindOrder(networkOf(item).methods, ECG.data.seed, reader, item.target, item.model, item.record);
    item.code = String.fromCharCode(65 + order.indexOf(item.method));
  }
  if (together === 1) return items.map((item) => [item]);
  for (const item of [...items].sort((a, b) => a.code < b.code ? -1 : 1)) {
    const key = [item.target, item.model, item.record, Math.floor((item.code.charCodeAt(0) - 65) / 2)].join("|");
    pairs.set(key, [...pairs.get(key) ?? [], item]);
  }
  return ECG.shuffled([...pairs.keys()], `${ECG.data.seed}|${reader}|pairs`).map((key) => pairs.get(key));
};

const networkOf = (item) => ECG.data.networks.find((n) => n.target === item.target && n.model === item.model);
const place = (reader) => `ecg-study|${reader}`;
const itemKey = (item) => [item.study ?? networkOf(item).study, item.target, item.model, item.record, item.code].join("|");

// A reader's rows on all pages that this browser keeps together, oldest first.
const kept = (reader) => {
  try {
    const rows = JSON.parse(localStorage.getItem(place(reader)));
    return Array.isArray(rows) ? rows : [];
  } catch {
    return [];
  }
};

// Those that rate maps of this page.
ECG.ratings = (reader) => {
  const here = new Set(ECG.data.networks.map((network) => network.study));
  return kept(reader).filter((row) => here.has(row.study));
};

// Keeps one row; a second rating of the same map replaces the first. Throws where nothing can be kept.
ECG.keepRating = (row) => {
  const rows = kept(row.reader).filter((old) => itemKey(old) !== itemKey(row));
  localStorage.setItem(place(row.reader), JSON.stringify([...rows, row]));
};

// The first screen with a map that has no rating yet, or none; how many are done, and of how many.
ECG.nextScreen = (reader, together) => {
  const screens = ECG.studyScreens(reader, together), done = new Set(ECG.ratings(reader).map(itemKey));
  const all = screens.flat(), isDone = (item) => done.has(itemKey(item));
  return { items: screens.find((items) => !items.every(isDone)), done: all.filter(isDone).length, total: all.length };
};

// A rating of one of the items shown, as a row of the file.
ECG.ratingRow = (reader, item, items, score, text) => ({
  reader, time: new Date().toISOString(), version: ECG.data.version, study: networkOf(item).study, target: item.target,
  model: item.model, record: item.record, code: item.code,
  beside: items.filter((other) => other !== item).map((other) => other.code).join(""), score, text,
  mark: ECG.mark(networkOf(item).study, item.target, item.model, item.record, item.code, item.method),
});

const quoted = (value) => `"${String(value).replaceAll('"', '""')}"`;
ECG.ratingsCsv = (reader) => [COLUMNS.map(quoted).join(",")]
  .concat(ECG.ratings(reader).map((row) => COLUMNS.map((name) => quoted(row[name])).join(",")))
  .join("\r\n") + "\r\n";

ECG.exportRatings = (reader) => {
  const file = new Blob([ECG.ratingsCsv(reader)], { type: "text/csv;charset=utf-8" });
  const link = ECG.element("a", undefined, {
    href: URL.createObjectURL(file), download: `ratings-${reader.replace(/[^\w-]+/g, "_") || "reader"}.csv`,
  });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
};
}
