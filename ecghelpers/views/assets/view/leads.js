// Leads, their arrangement on paper, and the millimetres they take.

export const LEADS = ["I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6"];
export const SAMPLES = 600, MS = 2;  // of a median beat; milliseconds a sample
export const MM_PER_SAMPLE = 0.05, MM_PER_UV = 0.01, BEAT = 30, GAP = 5, MARGIN = 10;
export const FIDUCIALS = ["P onset", "P end", "QRS onset", "QRS end", "T onset", "T end"];
export const WAVES = ["P", "QRS", "T"];
export const TOGETHER = "average of 12 leads";

const columns = (n) => Array.from({ length: 12 / n }, (_, row) =>
  Array.from({ length: n }, (_, column) => LEADS[column * (12 / n) + row]));

// Six rows of two are for a narrow screen.
export const LAYOUTS = { "3x4": columns(4), "6x2": columns(2), [TOGETHER]: [[TOGETHER]] };
for (const lead of LEADS) LAYOUTS[lead] = [[lead]];

const rowsOf = (name) => name === TOGETHER ? LEADS.map((_, row) => row) : [LEADS.indexOf(name)];

// The rows of a map that a layout shows.
export const rowsShown = (layout) => [...new Set(LAYOUTS[layout].flat().flatMap(rowsOf))];

// Places the leads of a beat (7200 µV) in mm, y down from 0; rows as tall as it needs, in large boxes.
export function layOut(beat, layout) {
  const cells = [];
  let y = 0;
  for (const names of LAYOUTS[layout]) {
    let high = 0, low = 0;
    for (const row of names.flatMap(rowsOf)) {
      for (let i = row * SAMPLES; i < (row + 1) * SAMPLES; i++) {
        if (beat[i] > high) high = beat[i];
        if (beat[i] < low) low = beat[i];
      }
    }
    const up = Math.max(10, 5 * Math.ceil(high * MM_PER_UV / 5)), down = Math.max(5, 5 * Math.ceil(-low * MM_PER_UV / 5));
    y += GAP;
    names.forEach((name, column) => cells.push({
      name, rows: rowsOf(name), left: MARGIN + column * (BEAT + GAP),
      top: y, baseline: y + up, bottom: y + up + down, first: column === 0,
    }));
    y += up + down;
  }
  return { cells, width: MARGIN + LAYOUTS[layout][0].length * (BEAT + GAP), height: y + GAP };
}
