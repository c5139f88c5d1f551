// ECG paper on a canvas: 25 mm/s, 10 mm/mV, a heatmap behind the trace.
"use strict";
{
const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
const SAMPLES = 600, MM_PER_SAMPLE = 0.05, MM_PER_UV = 0.01, BEAT = 30, GAP = 5, MARGIN = 10;
const NEGATIVE = [0, 87, 200], POSITIVE = [213, 94, 0], FULL = 0.9;
const INK = "#1a1a1a", MARK = "#3b6e4f", CALIPER = "#6a00a8";
const columns = (n) => Array.from({ length: 12 / n }, (_, row) =>
  Array.from({ length: n }, (_, column) => LEADS[column * (12 / n) + row]));
const LAYOUTS = { "3x4": columns(4), "6x2": columns(2), "12x1": columns(1) };
for (const lead of LEADS) LAYOUTS[lead] = [[lead]];

// Places the leads (mm, y down from 0); rows as tall as the beat needs, in large boxes.
function layOut(beat, layout) {
  const cells = [];
  let y = 0;
  const rows = LAYOUTS[layout];
  for (const leads of rows) {
    let high = 0, low = 0;
    for (const lead of leads) {
      const start = LEADS.indexOf(lead) * SAMPLES;
      for (let i = start; i < start + SAMPLES; i++) {
        if (beat[i] > high) high = beat[i];
        if (beat[i] < low) low = beat[i];
      }
    }
    const up = Math.max(10, 5 * Math.ceil(high * MM_PER_UV / 5));
    const down = Math.max(5, 5 * Math.ceil(-low * MM_PER_UV / 5));
    y += GAP;
    leads.forEach((lead, column) => cells.push({
      lead, row: LEADS.indexOf(lead), left: MARGIN + column * (BEAT + GAP),
      top: y, baseline: y + up, bottom: y + up + down, first: column === 0,
    }));
    y += up + down;
  }
  return { cells, width: MARGIN + rows[0].length * (BEAT + GAP), height: y + GAP };
}

// What a mode shows of a map (7200), as Float32Array with NaN where nothing is shown.
function shown(map, mode) {
  if (mode === "all leads") return map;
  const out = new Float32Array(map.length).fill(NaN);
  if (mode === "averaged") {
    for (let i = 0; i < SAMPLES; i++) {
      let sum = 0;
      for (let row = 0; row < 12; row++) sum += map[row * SAMPLES + i];
      for (let row = 0; row < 12; row++) out[row * SAMPLES + i] = sum / 12;
    }
  } else {
    const start = LEADS.indexOf(mode.replace(" only", "")) * SAMPLES;
    out.set(map.subarray(start, start + SAMPLES), start);
  }
  return out;
}

// Full colour at this percentile of |value|; the largest where that is 0, 1 for all 0.
function heatScale(values, percentile) {
  const sizes = values.filter((value) => !Number.isNaN(value)).map(Math.abs).sort();
  if (!sizes.length) return 1;
  const at = (sizes.length - 1) * percentile / 100, below = Math.floor(at);
  const above = Math.min(below + 1, sizes.length - 1);
  const found = sizes[below] + (at - below) * (sizes[above] - sizes[below]);
  return found || sizes[sizes.length - 1] || 1;
}

function colours(values, start, scale) {
  const image = new ImageData(SAMPLES, 1);
  for (let i = 0; i < SAMPLES; i++) {
    const value = values[start + i] / scale || 0;
    image.data.set(value < 0 ? NEGATIVE : POSITIVE, 4 * i);
    image.data[4 * i + 3] = Math.round(255 * FULL * Math.min(1, Math.abs(value)));
  }
  return image;
}

function drawGrid(pen, page, k) {
  const steps = k >= 2.6 ? [[1, 0.14, 0.6], [5, 0.3, 1]] : [[5, 0.25, 0.7]];
  for (const [step, alpha, width] of steps) {
    pen.strokeStyle = `rgba(200,50,50,${alpha})`;
    pen.lineWidth = width;
    pen.beginPath();
    for (let x = 0; x <= page.width; x += step) { pen.moveTo(x * k, 0); pen.lineTo(x * k, page.height * k); }
    for (let y = 0; y <= page.height; y += step) { pen.moveTo(0, y * k); pen.lineTo(page.width * k, y * k); }
    pen.stroke();
  }
}

const strip = document.createElement("canvas");
strip.width = SAMPLES;
strip.height = 1;

function drawHeat(pen, cell, values, scale, k) {
  strip.getContext("2d").putImageData(colours(values, cell.row * SAMPLES, scale), 0, 0);
  const half = MM_PER_SAMPLE / 2;
  pen.drawImage(strip, (cell.left - half) * k, cell.top * k, BEAT * k, (cell.bottom - cell.top) * k);
}

function drawTrace(pen, cell, beat, k) {
  pen.strokeStyle = INK;
  pen.lineWidth = Math.min(1.6, Math.max(0.9, k / 3));
  pen.lineJoin = "round";
  pen.beginPath();
  for (let i = 0; i < SAMPLES; i++) {
    const y = cell.baseline - beat[cell.row * SAMPLES + i] * MM_PER_UV;
    pen.lineTo((cell.left + i * MM_PER_SAMPLE) * k, y * k);
  }
  pen.stroke();
}

function upright(pen, cell, samples, k, style, dash, width) {
  pen.strokeStyle = style;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  for (const sample of samples) {
    const x = (cell.left + sample * MM_PER_SAMPLE) * k;
    pen.moveTo(x, cell.top * k);
    pen.lineTo(x, cell.bottom * k);
  }
  pen.stroke();
  pen.setLineDash([]);
}

function drawText(pen, page, cell, k) {
  const size = Math.min(15, Math.max(9, k * 2.6));
  pen.fillStyle = INK;
  pen.font = `${size}px system-ui, sans-serif`;
  pen.textAlign = "left";
  pen.fillText(cell.lead, cell.left * k, (cell.top - 0.8) * k);
  const last = cell.bottom + GAP >= page.height - 0.01;
  if (last) {
    pen.textAlign = "center";
    pen.font = `${Math.min(12, size)}px system-ui, sans-serif`;
    const times = k >= 3.2 ? [0, 400, 800] : [0, 800];
    for (const time of times) {
      pen.fillText(time + (time === 800 || k >= 5.5 && time ? " ms" : ""), (cell.left + time / 40) * k, (page.height - 1) * k);
    }
  }
  if (cell.first) {
    pen.strokeStyle = INK;
    pen.lineWidth = 1;
    pen.beginPath();
    for (const [x, y] of [[1, 0], [2, 0], [2, -10], [7, -10], [7, 0], [8, 0]]) {
      pen.lineTo(x * k, (cell.baseline + y) * k);
    }
    pen.stroke();
    pen.textAlign = "left";
    pen.font = `${Math.min(11, size)}px system-ui, sans-serif`;
    if (k >= 2) pen.fillText("1 mV", 1.2 * k, (cell.baseline - 11) * k);
  }
}

// Draws one panel into a canvas of so many CSS pixels. what: {beat, map, scale, fiducials, marks}.
function drawPanel(canvas, what, layout, width) {
  const page = layOut(what.beat, layout), k = width / page.width;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(page.height * k * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${page.height * k}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = "#fffdfc";
  pen.fillRect(0, 0, width, page.height * k);
  if (what.map) for (const cell of page.cells) drawHeat(pen, cell, what.map, what.scale, k);
  drawGrid(pen, page, k);
  for (const cell of page.cells) {
    if (what.fiducials) upright(pen, cell, what.fiducials, k, MARK, [2, 2], k >= 2.6 ? 1 : 0.6);
    drawTrace(pen, cell, what.beat, k);
    drawText(pen, page, cell, k);
    if (what.marks && what.marks.lead === cell.lead) {
      upright(pen, cell, what.marks.at.map((ms) => ms / 2), k, CALIPER, [], 2);
    }
  }
  canvas.page = page;
  canvas.k = k;
}

// The lead and the sample under a pointer event, or null.
function locate(canvas, event) {
  const box = canvas.getBoundingClientRect();
  const x = (event.clientX - box.left) / canvas.k, y = (event.clientY - box.top) / canvas.k;
  for (const cell of canvas.page.cells) {
    const sample = Math.round((x - cell.left) / MM_PER_SAMPLE);
    if (sample >= 0 && sample < SAMPLES && y >= cell.top - GAP && y <= cell.bottom) {
      return { lead: cell.lead, row: cell.row, sample };
    }
  }
  return null;
}

function drawBar(canvas) {
  const pen = canvas.getContext("2d");
  const image = pen.createImageData(canvas.width, canvas.height);
  for (let x = 0; x < canvas.width; x++) {
    const value = 2 * x / (canvas.width - 1) - 1, alpha = FULL * Math.abs(value);
    const colour = (value < 0 ? NEGATIVE : POSITIVE).map((part) => 255 + alpha * (part - 255));
    for (let y = 0; y < canvas.height; y++) image.data.set([...colour, 255], 4 * (y * canvas.width + x));
  }
  pen.putImageData(image, 0, 0);
}

// Share of |map| within each wave; fiducials: six samples, null where missing.
function waveShares(map, fiducials) {
  const sums = [0, 0, 0];
  let total = 0;
  map.forEach((value, index) => {
    if (Number.isNaN(value)) return;
    const size = Math.abs(value), sample = index % SAMPLES;
    total += size;
    for (let wave = 0; wave < 3; wave++) {
      const from = fiducials[2 * wave], to = fiducials[2 * wave + 1];
      if (from !== null && to !== null && sample >= from && sample <= to) sums[wave] += size;
    }
  });
  return ["P", "QRS", "T"].map((wave, i) =>
    `${wave} ${fiducials[2 * i] === null || fiducials[2 * i + 1] === null || !total ? "unknown" : Math.round(100 * sums[i] / total) + " %"}`);
}

Object.assign(ECG, { LEADS, LAYOUTS, shown, heatScale, drawPanel, locate, drawBar, waveShares, layOut });
}
