// The part of a map that is shown, the strength of its colours, and the bar beside it.
import { LEADS, SAMPLES, WAVES } from "./leads.js";

const NEGATIVE = [0, 87, 200], POSITIVE = [213, 94, 0], FULL = 0.9;

// The map (7200) itself, or its mean over the leads behind every lead.
export function shownMap(map, averaged) {
  if (!averaged) return map;
  const out = new Float32Array(map.length);
  for (let i = 0; i < SAMPLES; i++) {
    let sum = 0;
    for (let row = 0; row < LEADS.length; row++) sum += map[row * SAMPLES + i];
    for (let row = 0; row < LEADS.length; row++) out[row * SAMPLES + i] = sum / LEADS.length;
  }
  return out;
}

export const PERCENTILE = 99; // of |value| over the rows shown: full colour

// Full colour of a map; its largest value where the percentile is 0, 1 for all 0.
export function heatScale(values, rows) {
  const sizes = new Float32Array(rows.length * SAMPLES);
  rows.forEach((row, k) => {
    for (let i = 0; i < SAMPLES; i++) sizes[k * SAMPLES + i] = Math.abs(values[row * SAMPLES + i]);
  });
  sizes.sort();
  const at = (sizes.length - 1) * PERCENTILE / 100, below = Math.floor(at);
  const above = Math.min(below + 1, sizes.length - 1);
  return sizes[below] + (at - below) * (sizes[above] - sizes[below]) || sizes[sizes.length - 1] || 1;
}

// One row of a map as pixels; zero is clear.
export function heatRow(values, row, scale) {
  const image = new ImageData(SAMPLES, 1);
  for (let i = 0; i < SAMPLES; i++) {
    const value = values[row * SAMPLES + i] / scale || 0;
    image.data.set(value < 0 ? NEGATIVE : POSITIVE, 4 * i);
    image.data[4 * i + 3] = Math.round(255 * FULL * Math.min(1, Math.abs(value)));
  }
  return image;
}

export function drawBar(canvas) {
  const pen = canvas.getContext("2d"), image = pen.createImageData(canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x++) {
    const value = 2 * x / (canvas.width - 1) - 1, alpha = FULL * Math.abs(value);
    const colour = (value < 0 ? NEGATIVE : POSITIVE).map((part) => 255 + alpha * (part - 255));
    for (let y = 0; y < canvas.height; y++) image.data.set([...colour, 255], 4 * (y * canvas.width + x));
  }
  pen.putImageData(image, 0, 0);
}

// Share of |map| within each wave and outside of them, in words; fiducials: six samples, null where missing.
export function waveShares(map, fiducials) {
  const { sums, known } = byWave(map, fiducials, Math.abs), total = sums.reduce((sum, one) => sum + one, 0);
  const share = (k) => known[k] && total ? `${Math.round(100 * sums[k] / total)} %` : "unknown";
  return [...WAVES, "elsewhere"].map((name, k) => `${name} ${share(k)}`);
}

// Sums of f(value) over P, QRS, T and everything else, of all leads or of some rows.
function byWave(map, fiducials, f, rows = LEADS.map((_, row) => row)) {
  const sums = [0, 0, 0, 0], known = [0, 2, 4].map((k) => fiducials[k] !== null && fiducials[k + 1] !== null);
  const waveOf = (sample) => known.findIndex((there, k) => there && sample >= fiducials[2 * k] && sample <= fiducials[2 * k + 1]);
  for (let i = 0; i < SAMPLES; i++) {
    const wave = waveOf(i);
    for (const row of rows) sums[wave < 0 ? 3 : wave] += f(map[row * SAMPLES + i]);
  }
  return { sums, known: [...known, true] };
}

const GROUPS = [["limb leads", 0, 6], ["V1–V3", 6, 9], ["V4–V6", 9, 12]], MOST_PARTS = 4;

// The sum of a map of contributions and its largest parts: {total, parts: [[name, sum], …], rest}.
export function sumOf(map, fiducials) {
  const parts = GROUPS.flatMap(([leads, from, to]) => {
    const rows = LEADS.map((_, row) => row).slice(from, to);
    return byWave(map, fiducials, (value) => value, rows).sums.map((sum, k) => [`${WAVES[k] ?? "elsewhere"} in ${leads}`, sum]);
  }).sort((a, b) => Math.abs(b[1]) - Math.abs(a[1]));
  const total = parts.reduce((sum, [, one]) => sum + one, 0), largest = parts.slice(0, MOST_PARTS);
  return { total, parts: largest, rest: total - largest.reduce((sum, [, one]) => sum + one, 0) };
}
