// ECG paper on a canvas: 25 mm/s, 10 mm/mV, a heatmap behind the trace.
import { BEAT, FIDUCIALS, GAP, MM_PER_SAMPLE, MM_PER_UV, MS, SAMPLES, WAVES } from "./leads.js";
import { heatRow } from "./heat.js";

export const INK = "#1a1a1a", PAPER = "#fffdfc", FONT = "system-ui, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif";
const CALIPER = "#6a00a8", HANDLE = "#b00060";
const MARK = "#3b6e4f";

export function drawGrid(pen, width, height, k) {
  const steps = k >= 2.6 ? [[1, 0.14, 0.6], [5, 0.3, 1]] : [[5, 0.25, 0.7]];
  for (const [step, alpha, thick] of steps) {
    pen.strokeStyle = `rgba(200,50,50,${alpha})`;
    pen.lineWidth = thick;
    pen.beginPath();
    for (let x = 0; x <= width; x += step) { pen.moveTo(x * k, 0); pen.lineTo(x * k, height * k); }
    for (let y = 0; y <= height; y += step) { pen.moveTo(0, y * k); pen.lineTo(width * k, y * k); }
    pen.stroke();
  }
}

let strip = null;

function drawHeat(pen, cell, values, scale, k) {
  strip ??= Object.assign(document.createElement("canvas"), { width: SAMPLES, height: 1 });
  strip.getContext("2d").putImageData(heatRow(values, cell.rows[0], scale), 0, 0);
  const half = MM_PER_SAMPLE / 2;
  pen.drawImage(strip, (cell.left - half) * k, cell.top * k, BEAT * k, (cell.bottom - cell.top) * k);
}

const lineWidth = (k) => Math.min(1.7, Math.max(0.9, k / 3));

export function drawLine(pen, values, start, count, left, baseline, k, mmPerSample = MM_PER_SAMPLE) {
  pen.strokeStyle = INK;
  pen.lineWidth = lineWidth(k);
  pen.lineJoin = "round";
  pen.beginPath();
  for (let i = 0; i < count; i++) pen.lineTo((left + i * mmPerSample) * k, (baseline - values[start + i] * MM_PER_UV) * k);
  pen.stroke();
}

// Vertical lines at some x (mm), as tall as a cell.
function upright(pen, { top, bottom }, xs, k, style, dash, width) {
  pen.strokeStyle = style;
  pen.lineWidth = width;
  pen.setLineDash(dash);
  pen.beginPath();
  for (const x of xs) { pen.moveTo(x * k, top * k); pen.lineTo(x * k, bottom * k); }
  pen.stroke();
  pen.setLineDash([]);
}

const xOf = (cell, sample) => cell.left + sample * MM_PER_SAMPLE;

export const textSize = (k, mm, least, most) => Math.min(most, Math.max(least, k * mm));

// P, QRS and T above their waves, between dotted lines. name: the place of the lead's name, which is kept free.
function drawMarks(pen, cell, fiducials, k, name) {
  upright(pen, cell, fiducials.filter((mark) => mark !== null).map((mark) => xOf(cell, mark)), k, MARK, [2, 2], k >= 2.6 ? 1 : 0.6);
  if (k < 2.4) return;
  pen.fillStyle = MARK;
  pen.textAlign = "center";
  pen.font = `${textSize(k, 2.2, 9, 13)}px ${FONT}`;
  let before = Infinity; // the left end of the next name: a short PR leaves little room
  for (const [number, wave] of [...WAVES.entries()].reverse()) {
    const [from, to] = fiducials.slice(2 * number, 2 * number + 2), half = pen.measureText(wave).width / 2;
    if (from === null || to === null) continue;
    const x = Math.min(xOf(cell, (from + to) / 2) * k, before - half - 3), y = (cell.top - 0.5) * k;
    before = x - half;
    const beside = x - half > name.right + 1 || x + half < name.left - 1 || Math.abs(y - name.y) > name.height;
    if (beside) pen.fillText(wave, x, y);
  }
}

// Calipers at two x (mm) of a cell, with the text between them.
export function drawCalipers(pen, cell, xs, text, k) {
  const [a, b] = xs.map((x) => x * k), y = (cell.bottom - 1.2) * k;
  upright(pen, cell, xs, k, CALIPER, [], 2);
  pen.beginPath();
  pen.moveTo(a, y);
  pen.lineTo(b, y);
  pen.stroke();
  pen.font = `600 ${textSize(k, 2.4, 11, 15)}px ${FONT}`;
  pen.textAlign = "center";
  const half = pen.measureText(text).width / 2 + 3, middle = Math.max((a + b) / 2, half);
  pen.fillStyle = "rgba(255,255,255,.85)";
  pen.fillRect(middle - half, y - 19, 2 * half, 17);
  pen.fillStyle = CALIPER;
  pen.fillText(text, middle, y - 6);
}

// The place of a lead's name.
function placeName(pen, cell, k) {
  const height = textSize(k, 2.8, 10, 16), font = `600 ${height}px ${FONT}`;
  pen.font = font;
  const left = cell.left * k, y = (cell.top - 0.8) * k;
  // A cell with several leads has its name in the caption.
  return { left, right: cell.rows.length > 1 ? left : left + pen.measureText(cell.name).width, y, height, font };
}

function drawName(pen, cell, place) {
  if (cell.rows.length > 1) return;
  pen.fillStyle = INK;
  pen.font = place.font;
  pen.textAlign = "left";
  pen.fillText(cell.name, place.left, place.y);
}

function drawScale(pen, page, cell, k) {
  if (cell.bottom + GAP >= page.height - 0.01) {
    pen.fillStyle = INK;
    pen.textAlign = "center";
    pen.font = `${textSize(k, 2.2, 9, 12)}px ${FONT}`;
    for (const time of k >= 3.2 ? [0, 400, 800] : [0, 800]) {
      const room = k >= 2.4 || cell.left + BEAT + GAP >= page.width - 0.01; // for the unit
      pen.fillText(time + (room && (time === 800 || k >= 5.5 && time) ? " ms" : ""), (cell.left + time / 40) * k, (page.height - 1) * k);
    }
  }
  if (!cell.first) return;
  pen.strokeStyle = INK;
  pen.lineWidth = lineWidth(k) * 0.8;
  pen.beginPath();
  for (const [x, y] of [[1, 0], [2, 0], [2, -10], [7, -10], [7, 0], [8, 0]]) pen.lineTo(x * k, (cell.baseline + y) * k);
  pen.stroke();
  if (k < 2.8) return;
  pen.fillStyle = INK;
  pen.textAlign = "left";
  pen.font = `${textSize(k, 2, 8, 11)}px ${FONT}`;
  pen.fillText("1 mV", 1.2 * k, (cell.baseline + 3) * k);
}

// The grip of an edit, on a vertical line where it moves in time; before: the unedited beat, drawn faintly.
function drawHandle(pen, cell, { edit, sample, level, before }, k) {
  if (edit.lead && cell.name !== edit.lead || cell.rows.length > 1) return;
  pen.globalAlpha = 0.45;
  drawLine(pen, before, cell.rows[0] * SAMPLES, SAMPLES, cell.left, cell.baseline, k);
  pen.globalAlpha = 1;
  if (edit.moves === "x") upright(pen, cell, [xOf(cell, sample)], k, HANDLE, [], 2);
  const x = xOf(cell, sample) * k, y = (edit.moves === "x" ? cell.top + 2 : cell.baseline - level * MM_PER_UV) * k;
  pen.fillStyle = HANDLE;
  pen.beginPath();
  pen.arc(x, y, Math.max(5, Math.min(9, k * 1.2)), 0, 7);
  pen.fill();
}

// Draws the paper of a page at k px a mm. what: {beat, map, scale, fiducials, calipers, handle}, parts may be null.
export function drawPaper(pen, page, what, k) {
  if (what.map) for (const cell of page.cells) drawHeat(pen, cell, what.map, what.scale, k);
  drawGrid(pen, page.width, page.height, k);
  for (const cell of page.cells) {
    const name = placeName(pen, cell, k);
    if (what.fiducials) drawMarks(pen, cell, what.fiducials, k, name);
    for (const row of cell.rows) drawLine(pen, what.beat, row * SAMPLES, SAMPLES, cell.left, cell.baseline, k);
    if (what.handle) drawHandle(pen, cell, what.handle, k);
    drawName(pen, cell, name);
    drawScale(pen, page, cell, k);
  }
  const measured = what.calipers && page.cells.find((cell) => cell.name === what.calipers.lead);
  if (measured) drawCalipers(pen, measured, what.calipers.at.map((ms) => xOf(measured, ms / MS)), what.calipers.text, k);
}

// Sets the size of a canvas in CSS pixels and returns its pen on blank paper.
export function blankCanvas(canvas, width, height, colour = PAPER) {
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  canvas.style.width = `${width}px`;
  canvas.style.height = `${height}px`;
  const pen = canvas.getContext("2d");
  pen.scale(ratio, ratio);
  pen.fillStyle = colour;
  pen.fillRect(0, 0, width, height);
  return pen;
}

// A panel; fit: px per mm.
export function drawPanel(canvas, page, what, fit) {
  drawPaper(blankCanvas(canvas, page.width * fit, page.height * fit), page, what, fit);
  Object.assign(canvas, { page, fit });
}

// The position of a pointer event on the paper, in mm.
export function pointOf(canvas, event) {
  const { left, top } = canvas.getBoundingClientRect();
  return { x: (event.clientX - left) / canvas.fit, y: (event.clientY - top) / canvas.fit };
}

// The lead and the sample under a pointer event, or null.
export function locate(canvas, event) {
  const { x, y } = pointOf(canvas, event);
  for (const cell of canvas.page.cells) {
    const sample = Math.round((x - cell.left) / MM_PER_SAMPLE);
    if (sample >= 0 && sample < SAMPLES && y >= cell.top - GAP && y <= cell.bottom) {
      return { name: cell.name, row: cell.rows[0], single: cell.rows.length === 1, sample };
    }
  }
  return null;
}

// The fiducial near a sample, "T end" for example, or "".
export function markAt(fiducials, sample) {
  const near = fiducials.map((mark, k) => [mark === null ? Infinity : Math.abs(mark - sample), FIDUCIALS[k]]);
  const [distance, name] = near.sort((a, b) => a[0] - b[0])[0];
  return distance <= 3 ? name : "";
}
