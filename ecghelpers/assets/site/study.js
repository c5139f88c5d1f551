// The reading study: a seeded order per reader, ratings kept in this browser, exported as CSV.
"use strict";
{
const COLUMNS = ["reader", "time", "version", "study", "target", "model", "record", "code", "score", "text"];

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

const place = (reader) => `ecg-study|${ECG.data.study}|${reader}`;
const itemKey = (item) => [item.target, item.model, item.record, item.code].join("|");

// The rows that a reader has saved, oldest first.
ECG.ratings = (reader) => {
  try {
    return JSON.parse(localStorage.getItem(place(reader)) || "[]");
  } catch {
    return [];
  }
};

// Keeps one row; a second rating of the same map replaces the first. Throws where nothing can be kept.
ECG.keepRating = (row) => {
  const rows = ECG.ratings(row.reader).filter((old) => itemKey(old) !== itemKey(row));
  localStorage.setItem(place(row.reader), JSON.stringify([...rows, row]));
};

ECG.codeOf = (reader, item, methods) => {
  const order = ECG.blindOrder(methods, ECG.data.seed, reader, item.target, item.model, item.record);
  return String.fromCharCode(65 + order.indexOf(item.method));
};

// The first item without a rating, with its number; item is undefined when all are done.
ECG.nextItem = (reader) => {
  const items = ECG.studyItems(reader), done = new Set(ECG.ratings(reader).map(itemKey));
  for (const item of items) {
    const network = ECG.data.networks.find((n) => n.target === item.target && n.model === item.model);
    item.code = ECG.codeOf(reader, item, network.methods);
  }
  return { item: items.find((item) => !done.has(itemKey(item))), done: done.size, total: items.length };
};

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
