// A sheet of A4, landscape: the ECG at true 25 mm/s and 10 mm/mV, as a PNG at 300 dpi or printed.
import { h, printed, save } from "./dom.js";
import { drawBar } from "./heat.js";
import { drawPaper, FONT, INK } from "./paper.js";
import { DPI, pngOf } from "./png.js";
import { RESEARCH } from "./shell.js";
import { drawStrip, stripPage } from "./strip.js";
import { predictedText } from "./tables.js";

const WIDE = 277, TALL = 186, HEADER = 15, FOOTER = 16, BESIDE = 100, TITLE = 6, NOTE = 10; // mm
const MM = 96 / 25.4; // CSS pixels, in which everything is drawn

function write(pen, text, x, y, { size = 3.2, weight = 400, align = "left", colour = INK } = {}) {
  pen.font = `${weight} ${size * MM}px ${FONT}`;
  pen.textAlign = align;
  pen.fillStyle = colour;
  pen.fillText(text, x * MM, y * MM);
}

// Text in lines of so many mm; returns where it ends.
function wrap(pen, text, x, y, width, size = 3) {
  let line = "";
  pen.font = `${size * MM}px ${FONT}`;
  for (const word of text.split(" ")) {
    if (line && pen.measureText(`${line} ${word}`).width > width * MM) {
      write(pen, line, x, y, { size });
      y += size * 1.35;
      line = "";
    }
    line += line ? ` ${word}` : word;
  }
  write(pen, line, x, y, { size });
  return y + size * 1.35;
}

function drawTable(pen, sheet, x, y) {
  const { found, target } = sheet;
  write(pen, "measured", x + 68, y, { size: 2.8, align: "right", colour: "#555555" });
  write(pen, "network", x + 94, y, { size: 2.8, align: "right", colour: "#555555" });
  for (const { name, label, value, unit, digits } of found.measurements) {
    const weight = name === target.name ? 700 : 400;
    y += 5;
    write(pen, label, x, y, { weight });
    write(pen, printed(value, unit, digits), x + 68, y, { weight, align: "right" });
    if (weight === 700) write(pen, predictedText(value, found.prediction, target), x + 94, y, { weight, align: "right" });
  }
  return y + 8;
}

// The bar of colours with its ends, and a scale that a ruler checks.
function drawFoot(pen, sheet, y, scale) {
  const bar = h("canvas", { width: 260, height: 14 });
  drawBar(bar);
  pen.drawImage(bar, 0, y * MM, 60 * MM, 4 * MM);
  write(pen, sheet.low, 0, y + 8, { size: 2.8 });
  write(pen, sheet.high, 60, y + 8, { size: 2.8, align: "right" });
  pen.strokeStyle = INK;
  pen.lineWidth = 0.3 * MM;
  pen.beginPath();
  for (let x = 0; x <= 50; x += 10) { pen.moveTo((90 + x) * MM, y * MM); pen.lineTo((90 + x) * MM, (y + 3) * MM); }
  pen.moveTo(90 * MM, (y + 3) * MM); pen.lineTo(140 * MM, (y + 3) * MM);
  pen.stroke();
  const speed = scale === 1 ? "ECG at 25 mm/s and 10 mm/mV" : `ECG reduced to ${Math.round(100 * scale)} %: ${(25 * scale).toFixed(1)} mm/s and ${(10 * scale).toFixed(1)} mm/mV`;
  write(pen, `50 mm on A4; check with a ruler. ${speed}.`, 90, y + 8, { size: 2.8 });
}

// sheet: {title, line, pages to choose from, across, whats: [{label, what}], strip, found, target, rating, low, high, meaning}.
function drawSheet(pen, sheet) {
  const { across, whats, rating } = sheet, single = whats.length === 1, rows = Math.ceil(whats.length / across);
  const title = single ? 0 : TITLE, strip = sheet.strip && single ? stripPage(sheet.strip) : null;
  const room = TALL - HEADER - FOOTER - (single ? 0 : NOTE);
  const fit = (page, height) => Math.min(1, (WIDE / across - 2) / page.width, (height / rows - title) / page.height);
  const page = sheet.pages.reduce((best, now) => fit(now, room) > fit(best, room) * 1.1 ? now : best);
  const kept = strip && fit(page, room - strip.height - 4) === fit(page, room) ? strip : null;
  const scale = fit(page, kept ? room - strip.height - 4 : room);
  write(pen, sheet.title, 0, 5, { size: 5, weight: 600 });
  write(pen, `${RESEARCH}.`, WIDE, 5, { weight: 600, align: "right", colour: "#8a1c00" });
  write(pen, sheet.line, 0, 11);
  whats.forEach(({ label, what }, k) => {
    const x = (k % across) * (page.width * scale + 2), y = HEADER + Math.floor(k / across) * (page.height * scale + title);
    if (!single) write(pen, label, x, y + 4.5, { weight: 600, size: 3.4 });
    pen.save();
    pen.translate(x * MM, (y + title) * MM);
    drawPaper(pen, page, what, scale * MM);
    pen.restore();
  });
  const below = HEADER + rows * (page.height * scale + title) + 3;
  if (kept) {
    pen.save();
    pen.translate(0, below * MM);
    drawStrip(pen, kept, MM, null);
    pen.restore();
  }
  drawFoot(pen, sheet, TALL - FOOTER + 4, scale);
  const x = (page.width * scale + 2) * across + 4;
  if (WIDE - x >= BESIDE) {
    const y = rating ? HEADER + 4 : drawTable(pen, sheet, x, HEADER + 4);
    wrap(pen, sheet.meaning, x, y, WIDE - x);
  } else {
    wrap(pen, sheet.meaning, 0, below + (kept ? kept.height : 0) + 2, WIDE, 2.6);
  }
}

function canvasOf(sheet) {
  const canvas = h("canvas", { width: Math.round(WIDE / 25.4 * DPI), height: Math.round(TALL / 25.4 * DPI) }), pen = canvas.getContext("2d");
  pen.scale(DPI / 96, DPI / 96);
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, WIDE * MM, TALL * MM);
  drawSheet(pen, sheet);
  return canvas;
}

export async function savePicture(sheet) {
  save(await pngOf(canvasOf(sheet)), `${sheet.name.replace(/[^\w-]+/g, "_")}.png`);
}

// Puts the sheet into the document, where a print style shows nothing else.
export function layOutSheet(sheet) {
  takeSheetAway();
  const canvas = canvasOf(sheet);
  Object.assign(canvas.style, { width: `${WIDE}mm`, height: `${TALL}mm`, display: "block" });
  document.body.append(h("div", { className: "ecg-sheet" }, canvas));
  document.documentElement.classList.add("ecg-printing");
}

export function printSheet(sheet) {
  layOutSheet(sheet);
  window.print();
}

export function takeSheetAway() {
  document.documentElement.classList.remove("ecg-printing");
  document.querySelectorAll(".ecg-sheet").forEach((old) => old.remove());
}
