// Blinding: which letter hides which method, and in which order a rater sees the maps. An order depends on
// text alone (seed, rater, record …), so that it is the same in every host; ecghelpers/study/reading_study.py has the same text_hash.

export function textHash(text) {
  let value = 0x811c9dc5;
  for (const byte of new TextEncoder().encode(text)) value = Math.imul(value ^ byte, 0x01000193);
  value = Math.imul(value ^ (value >>> 16), 0x85ebca6b);
  value = Math.imul(value ^ (value >>> 13), 0xc2b2ae35);
  return (value ^ (value >>> 16)) >>> 0;
}

export function shuffled(items, key) {
  const keyed = items.map((item) => [textHash(`${key}|${item}`), item]);
  keyed.sort((a, b) => a[0] - b[0] || (a[1] < b[1] ? -1 : 1));
  return keyed.map((pair) => pair[1]);
}

export const letter = (slot) => String.fromCharCode(65 + slot);
export const slotOf = (code) => code.charCodeAt(0) - 65;

// Letter k (A, B, …) hides the k-th method of this order; another at each place.
export const blindOrder = (methods, seed, rater, ...place) => shuffled(methods, [seed, rater, ...place].join("|"));

// The hash in a rating by which it is later matched with its map.
export const markOf = (...place) => textHash(place.join("|")).toString(16).padStart(8, "0");
