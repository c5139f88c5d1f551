// Blinding: the same order as ecghelpers/study/blinding.py, from the same text.
"use strict";
const ECG = {};

ECG.textHash = (text) => {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
};

ECG.shuffled = (items, key) => {
  const keyed = items.map((item) => [ECG.textHash(`${key}|${item}`), item]);
  keyed.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
  return keyed.map((pair) => pair[1]);
};

// Letter k (A, B, …) hides the k-th method of this order; another at each place.
ECG.blindOrder = (methods, seed, reader, ...place) =>
  ECG.shuffled(methods, [seed, reader, ...place].join("|"));

// What a rating carries of the map it is about, so that it can be told later whether it still fits.
ECG.mark = (...place) => ECG.textHash(place.join("|")).toString(16).padStart(8, "0");
