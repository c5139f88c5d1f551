// Heat: what of a map is shown, how strong a colour is, and the bar beside it.
import { LEADS, SAMPLES } from "./leads.js";

export const NEGATIVE = [0, 87, 200], POSITIVE = [213, 94, 0], FULL = 0.9;

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

// Full colour at this percentile of |value| over the rows shown; the largest where that is 0, 1 for all 0.
export function heatScale(values, percentile, rows) {
  const sizes = new Float32Array(rows.length * SAMPLES);
  rows.forEach((row, k) => {
    for (let i = 0; i < SAMPLES; i++) sizes[k * SAMPLES + i] = Math.abs(values[row * SAMPLES + i]);
  });
  sizes.sort();
  const at = (sizes.length - 1) * percentile / 100, below = Math.floor(at);
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

// Share of |map| within each wave, in words; fiducials: six samples, null where missing.
export function waveShares(map, fiducials) {
  const sums = [0, 0, 0];
  let total = 0;
  map.forEach((value, index) => {
    const size = Math.abs(value), sample = index % SAMPLES;
    total += size;
    for (let wave = 0; wave < 3; wave++) {
      const from = fiducials[2 * wave], to = fiducials[2 * wave + 1];
      if (from !== null && to !== null && sample >= from && sample <= to) sums[wave] += size;
    }
  });
  const known = (wave) => fiducials[2 * wave] !== null && fiducials[2 * wave + 1] !== null && total;
  return ["P", "QRS", "T"].map((wave, k) => `${wave} ${known(k) ? `${Math.round(100 * sums[k] / total)} %` : "unknown"}`);
}
