// The maps on their ECGs: layout and size, the content of each panel, and the bar below.
import { BASELINES } from "./choice.js";
import { minus, short, signed } from "./dom.js";
import { heatScale, PERCENTILE, shownMap, sumOf, waveShares } from "./heat.js";
import { LAYOUTS, layOut, LEADS, rowsShown, TOGETHER } from "./leads.js";

const BETWEEN = 12, CAPTION = 56; // px between panels, and above each
export const NOT_STORED = "This map is not stored; computing it needs Python.";
const STRONGEST = `full colour: the strongest ${100 - PERCENTILE} % of samples`;

export const leadChoices = (target) => [[`${target.lead} (target)`, "target"], ["All twelve", "all"], ["Averaged map", "averaged"],
  ...LEADS.map((lead) => [`${lead} alone`, lead])];

// Panels side by side and px a mm, so that all fit the room {width, height}; on a narrow screen the page scrolls.
function arrange(count, page, room) {
  const most = room.narrow ? Math.min(count, 2) : Math.min(count, 5);
  const fitOf = (across) => {
    const wide = (room.width - BETWEEN * (across - 1)) / across / page.width;
    const tall = (room.height - CAPTION * Math.ceil(count / across)) / Math.ceil(count / across) / page.height;
    return Math.min(wide, room.narrow ? Infinity : Math.max(tall, 1.1));
  };
  const choices = room.narrow && count > 2 ? [most] : Array.from({ length: most }, (_, k) => k + 1);
  const across = choices.reduce((best, now) => fitOf(now) > fitOf(best) * 1.02 ? now : best);
  return { across, fit: Math.min(fitOf(across), 20) };
}

// {layout, page, across, fit} of a number of panels.
export function arrangement(beat, leads, count, room) {
  const twelve = room.narrow ? "6x2" : "3x4", layout = leads === "averaged" ? (count > 1 ? TOGETHER : twelve) : leads in LAYOUTS ? leads : twelve;
  const page = layOut(beat, layout);
  return { layout, page, ...arrange(count, page, room) };
}

// The maps of the panels: [{label, map, scale, unit, method}], map null where it is missing.
export function mapsShown(panels, cases, details, choice, layout) {
  const rows = rowsShown(layout);
  return panels.map(({ method, label, network }, k) => {
    const stored = cases[k].map(method, choice.baseline), map = stored && shownMap(stored, choice.leads === "averaged");
    return { label, method, network, map, scale: map ? heatScale(map, rows) : 1, unit: details[k].units[method] ?? "" };
  });
}

// The texts at the ends of the colour bar and beside it.
export function meaningOf(maps, choice, details, hidden) {
  if (maps.length > 1 || hidden) {
    const rule = `Each map on its own scale (${STRONGEST}), so strengths of different maps cannot be compared.`;
    return { low: "−", high: "+", text: hidden ? rule : `${rule} ${details.signs}` };
  }
  const [{ method, scale, unit }] = maps, end = `${short(scale)}${unit ? ` ${unit}` : ""}`;
  return { low: `−${end}`, high: `+${end}`, text: `${details.meanings[`${method}${choice.baseline === "mean" ? "@mean" : ""}`] ?? details.meanings[method] ?? "Attribution"} (${STRONGEST}).` };
}

// The sum of a map of contributions in words: "Sum +18 ms against the average beat: T in V1–V3 +14, …".
export function sumText({ map, method }, found, { unit }, details, baseline) {
  if (!map || !details.adds_up?.includes(method)) return "";
  const { total, parts, rest } = sumOf(map, found.fiducials), said = (value) => signed(value.toFixed(0));
  const terms = parts.map(([name, sum]) => `${name} ${said(sum)}`).join(", ");
  return `Contributions against the ${BASELINES[baseline]} add up to ${said(total)} ${unit}: ${terms}, rest ${said(rest)}.`;
}

// The line under a caption: how much of the colour lies on each wave; "" where a rater rates the map.
export function sharesOf(map, fiducials, rating, brief) {
  if (rating || !map) return "";
  const shares = waveShares(map, fiducials);
  return brief ? shares.join(" · ").replaceAll(" %", "").replace("elsewhere", "other") + " %" : `Share of the colour: ${shares.join(" · ")}`;
}

// The text about the point under the pointer.
export function pointed(at, found, value, unit, mark) {
  const ms = `${at.sample * 2} ms`, mv = at.single ? `, ${minus((found.beat[at.row * 600 + at.sample] / 1000).toFixed(2))} mV` : "";
  return `${at.name}: ${ms}${mark ? ` (${mark})` : ""}${mv}${value === null ? "" : ` · map ${short(value)}${unit ? ` ${unit}` : ""}`}`;
}
