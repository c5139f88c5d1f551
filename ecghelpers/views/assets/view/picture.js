// The report, one page of A4, landscape: the ECG at 25 mm/s and 10 mm/mV, as a PNG or printed.
import { h, save } from "./dom.js";
import { drawBar } from "./heat.js";
import { drawPaper, FONT, INK } from "./paper.js";
import { RESEARCH } from "./shell.js";
import { drawStrip, stripPage } from "./strip.js";
import { measurementTable } from "./tables.js";

const PAGE_WIDE = 297, PAGE_TALL = 210, EDGE = 10, WIDE = PAGE_WIDE - 2 * EDGE, TALL = PAGE_TALL - 2 * EDGE - 1; // mm
const HEADER = 19, FOOTER = 13, BESIDE = 88, TITLE = 6, ROW = 4.7, APART_MM = 3;
const MM = 96 / 25.4; // CSS pixels, in which everything is drawn
const PICTURE_DPI = 300, PRINT_DPI = 4 * 96; // Chromium prints a canvas as lines, and rounds its scale down to 1/64
const PRINT = `.ecg-sheet { display: none; }
@media print {
  html.ecg-printing, html.ecg-printing body { background: #fff; margin: 0; padding: 0; overflow: visible; height: auto; }
  html.ecg-printing body > :not(.ecg-sheet) { display: none !important; }
  html.ecg-printing .ecg-sheet { display: block; page: ecg-sheet; height: ${PAGE_TALL - 0.5}mm; overflow: hidden; }
}
@page ecg-sheet { size: A4 landscape; margin: 0; }`;

function write(pen, text, x, y, { size = 3.2, weight = 400, align = "left", colour = INK } = {}) {
  pen.font = `${weight} ${size * MM}px ${FONT}`;
  pen.textAlign = align;
  pen.fillStyle = colour;
  pen.fillText(text, x * MM, y * MM);
}

// Text broken into lines of a given width in mm; returns the y of the next line.
function wrap(pen, text, x, y, width, size = 2.9) {
  let line = "";
  pen.font = `${size * MM}px ${FONT}`;
  for (const word of text.split(" ")) {
    if (line && pen.measureText(`${line} ${word}`).width > width * MM) {
      write(pen, line, x, y, { size });
      y += size * 1.35;
      line = "";
    }
    line += line ? ` ${word}` : word;
    pen.font = `${size * MM}px ${FONT}`;
  }
  write(pen, line, x, y, { size });
  return y + size * 1.35;
}

function drawTable(pen, { found, target }, x, y, width) {
  const { columns, rows } = measurementTable(found, target), at = (k) => x + width - (columns.length - 1 - k) * Math.min(24, width / 4);
  columns.forEach((text, k) => write(pen, text, at(k), y, { size: 2.8, align: "right", colour: "#555555" }));
  for (const { label, cells, shown } of rows) {
    const style = { weight: shown ? 700 : 400, size: 3 };
    y += ROW;
    write(pen, label, x, y, style);
    cells.forEach((text, k) => write(pen, text, at(k), y, { ...style, align: "right" }));
  }
  return y + ROW + 2;
}

// The bar of colours, a scale to check with a ruler, and the date.
function drawFoot(pen, sheet, y, scale) {
  const bar = h("canvas", { width: 260, height: 14 });
  drawBar(bar);
  pen.drawImage(bar, 0, y * MM, 60 * MM, 4 * MM);
  write(pen, sheet.low, 0, y + 8, { size: 2.8 });
  write(pen, sheet.high, 60, y + 8, { size: 2.8, align: "right" });
  pen.strokeStyle = INK;
  pen.lineWidth = 0.3 * MM;
  pen.beginPath();
  for (let x = 0; x <= 50; x += 10) { pen.moveTo((80 + x) * MM, y * MM); pen.lineTo((80 + x) * MM, (y + 3) * MM); }
  pen.moveTo(80 * MM, (y + 3) * MM); pen.lineTo(130 * MM, (y + 3) * MM);
  pen.stroke();
  const reduced = `ECG reduced to ${Math.round(100 * scale)} %: ${(25 * scale).toFixed(1)} mm/s and ${(10 * scale).toFixed(1)} mm/mV`;
  write(pen, `50 mm on A4; check with a ruler. ${scale === 1 ? "25 mm/s, 10 mm/mV" : reduced}.`, 80, y + 8, { size: 2.8 });
  write(pen, `Made ${new Date().toLocaleString("sv").slice(0, 16)}. ${RESEARCH}.`, WIDE, y + 8, { size: 2.8, align: "right" });
}

// The page of a rhythm strip that fits a height: both leads, the first alone, or null.
function stripThatFits(rhythm, height) {
  if (!rhythm) return null;
  const [first] = Object.keys(rhythm.leads), alone = { ...rhythm, leads: { [first]: rhythm.leads[first] } };
  return [rhythm, alone].map(stripPage).find((page) => page.height <= height) ?? null;
}

// sheet: of drawing.sheetOf.
function drawSheet(pen, sheet) {
  const { across, whats, rating, page } = sheet, single = whats.length === 1, rows = Math.ceil(whats.length / across), title = single ? 0 : TITLE;
  const room = TALL - HEADER - FOOTER, scale = Math.min(1, (WIDE - BESIDE) / across / (page.width + 2), (room / rows - title) / page.height);
  const tall = rows * (page.height * scale + title), x = Math.max((page.width * scale + 2) * across + 4, WIDE - 120), width = WIDE - x;
  write(pen, sheet.title, 0, 5, { size: 5, weight: 600 });
  write(pen, `${RESEARCH}.`, WIDE, 5, { weight: 600, align: "right", colour: "#8a1c00" });
  write(pen, sheet.line, 0, 10.5);
  write(pen, sheet.network, 0, 15.5, { size: 2.8, colour: "#555555" });
  whats.forEach(({ label, what }, k) => {
    const x = (k % across) * (page.width * scale + 2), y = HEADER + Math.floor(k / across) * (page.height * scale + title);
    if (!single) write(pen, label, x, y + 4.5, { weight: 600, size: 3.2 });
    pen.save();
    pen.translate(x * MM, (y + title) * MM);
    drawPaper(pen, page, what, scale * MM);
    pen.restore();
  });
  let y = rating ? HEADER + 4 : drawTable(pen, sheet, x, HEADER + 3, width);
  for (const note of sheet.notes) y = wrap(pen, note, x, y, width) + 1;
  const below = Math.max(HEADER + tall + APART_MM, y), strip = stripThatFits(sheet.strip, TALL - FOOTER - below);
  if (strip) {
    pen.save();
    pen.translate(0, below * MM);
    drawStrip(pen, strip, MM, null);
    pen.restore();
  }
  drawFoot(pen, sheet, TALL - FOOTER + 4, scale);
}

function canvasOf(sheet, dpi) {
  const canvas = h("canvas", { width: Math.round(PAGE_WIDE / 25.4 * dpi), height: Math.round(PAGE_TALL / 25.4 * dpi) }), pen = canvas.getContext("2d");
  pen.scale(dpi / 96, dpi / 96);
  pen.fillStyle = "#ffffff";
  pen.fillRect(0, 0, PAGE_WIDE * MM, PAGE_TALL * MM);
  pen.translate(EDGE * MM, EDGE * MM);
  drawSheet(pen, sheet);
  return canvas;
}

export async function savePicture(sheet) {
  const blob = await new Promise((resolve) => canvasOf(sheet, PICTURE_DPI).toBlob(resolve, "image/png"));
  save(blob, `${sheet.name.replace(/[^\w-]+/g, "_")}.png`);
}

// Puts the sheet into the document, where a print style shows nothing else.
export function layOutSheet(sheet) {
  takeSheetAway();
  const canvas = canvasOf(sheet, PRINT_DPI), style = new CSSStyleSheet();
  style.replaceSync(PRINT);
  style.ecgSheet = true;
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, style];
  Object.assign(canvas.style, { width: `${canvas.width / 4}px`, height: `${canvas.height / 4}px`, display: "block" });
  document.body.append(h("div", { className: "ecg-sheet" }, canvas));
  document.documentElement.classList.add("ecg-printing");
}

export function printSheet(sheet) {
  layOutSheet(sheet);
  window.print();
}

export function takeSheetAway() {
  document.documentElement.classList.remove("ecg-printing");
  document.adoptedStyleSheets = document.adoptedStyleSheets.filter((style) => !style.ecgSheet);
  document.querySelectorAll(".ecg-sheet").forEach((old) => old.remove());
}
