// The rhythm strip: 10 s of lead II and V5 as recorded, with calipers that measure the rate.
import { h } from "./dom.js";
import { blankCanvas, drawCalipers, drawGrid, drawLine, FONT, INK, textSize } from "./paper.js";

const MM_PER_S = 25, LEFT = 6, THINNEST = 2.6; // THINNEST: px per mm; a narrower section scrolls

// Where the strips of a record lie (mm). rhythm: {rate, leads: {II: µV, …}}.
export function stripPage(rhythm) {
  const rows = [];
  let y = 4;
  for (const [lead, values] of Object.entries(rhythm.leads)) {
    const up = Math.max(7, Math.ceil(Math.max(...values) / 100) + 1), down = Math.max(4, Math.ceil(-Math.min(...values) / 100) + 1);
    rows.push({ lead, values, top: y, baseline: y + up, bottom: y + up + down });
    y += up + down + 3;
  }
  const seconds = Math.max(...rows.map((row) => row.values.length)) / rhythm.rate;
  return { rows, seconds, rate: rhythm.rate, width: LEFT + seconds * MM_PER_S, height: y };
}

export function drawStrip(pen, page, k, marks) {
  drawGrid(pen, page.width, page.height, k);
  for (const row of page.rows) {
    drawLine(pen, row.values, 0, row.values.length, LEFT, row.baseline, k, MM_PER_S / page.rate);
    pen.fillStyle = INK;
    pen.font = `600 ${textSize(k, 2.8, 10, 16)}px ${FONT}`;
    pen.textAlign = "left";
    pen.fillText(row.lead, 0.8 * k, (row.baseline + 1) * k);
  }
  if (marks) drawCalipers(pen, { top: 0, bottom: page.height }, marks.map((ms) => LEFT + ms / 1000 * MM_PER_S), rateText(marks), k);
}

function rateText([a, b]) {
  const ms = Math.abs(b - a);
  return `${Math.round(ms)} ms${ms >= 200 ? `, ${Math.round(60000 / ms)} beats/min` : ""}`;
}

// Shows the strip of a case in a section, or hides it. marks: [ms, ms] or null; moved(marks) is called while dragged.
export function showStrip(section, rhythm, width, marks, moved) {
  section.hidden = !rhythm;
  if (!rhythm) return section.replaceChildren();
  const page = stripPage(rhythm), k = Math.max(THINNEST, width / page.width);
  let canvas = section.querySelector("canvas");
  if (!canvas) {
    canvas = h("canvas", { role: "img" });
    section.replaceChildren(h("h2", null, "Rhythm: the 10 s that the median beat comes from"), h("div", { className: "scroll" }, canvas));
    let held = -1;
    canvas.addEventListener("pointerdown", (event) => {
      if (!canvas.marks) return;
      const ms = timeAt(canvas, event), [a, b] = canvas.marks;
      held = Math.abs(ms - a) <= Math.abs(ms - b) ? 0 : 1;
      canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      if (held < 0 || !canvas.marks) return;
      canvas.moved(canvas.marks.map((ms, k) => k === held ? timeAt(canvas, event) : ms));
    });
    for (const kind of ["pointerup", "pointercancel"]) canvas.addEventListener(kind, () => { held = -1; });
  }
  const leads = page.rows.map((row) => row.lead).join(" and ");
  canvas.setAttribute("aria-label", `Rhythm strip of ${Math.round(page.seconds)} s, lead ${leads}${marks ? `; between the calipers ${rateText(marks)}` : ""}.`);
  canvas.classList.toggle("measuring", Boolean(marks));
  drawStrip(blankCanvas(canvas, page.width * k, page.height * k), page, k, marks);
  Object.assign(canvas, { k, seconds: page.seconds, marks, moved });
}

function timeAt(canvas, event) {
  const x = (event.clientX - canvas.getBoundingClientRect().left) / canvas.k;
  return Math.round(Math.min(canvas.seconds, Math.max(0, (x - LEFT) / MM_PER_S)) * 1000);
}
