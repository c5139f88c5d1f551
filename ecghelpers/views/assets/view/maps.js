// The maps on their ECGs: which layout and size, what each panel shows, and the bar below.
import { printed, short } from "./dom.js";
import { heatScale, shownMap, waveShares } from "./heat.js";
import { LAYOUTS, layOut, LEADS, rowsShown, TOGETHER } from "./leads.js";

const BETWEEN = 12, CAPTION = 44; // px between panels, and above each
export const NOT_STORED = "This map is not stored; computing it needs Python.";

export const leadChoices = [["all", "All twelve"], ["3x4", "Twelve, 3 × 4"], ["6x2", "Twelve, 6 × 2"], ["12x1", "Twelve, 12 × 1"],
  ["averaged", "Averaged map"], ...LEADS.map((lead) => [lead, `${lead} alone`])].map(([value, text]) => [text, value]);

// Panels side by side and px a mm, so that all fit the room {width, height}; on a narrow screen the page scrolls.
function arrange(count, page, room) {
  const most = room.narrow ? Math.min(count, 2) : Math.min(count, 5);
  const fitOf = (across) => {
    const wide = (room.width - BETWEEN * (across - 1)) / across / page.width;
    const tall = (room.height - CAPTION * Math.ceil(count / across)) / Math.ceil(count / across) / page.height;
    return Math.min(wide, room.narrow ? Infinity : Math.max(tall, 1.1));
  };
  const choices = count > 5 ? [most] : Array.from({ length: most }, (_, k) => k + 1);
  const across = choices.reduce((best, now) => fitOf(now) > fitOf(best) * 1.05 ? now : best);
  return { across, fit: Math.min(fitOf(across), 20) };
}

// {layout, page, across, fit} of so many panels.
export function arrangement(beat, leads, count, room) {
  const many = count > 1;
  const names = leads === "averaged" ? [many ? TOGETHER : room.narrow ? "6x2" : "3x4"]
    : leads !== "all" && leads in LAYOUTS ? [leads] : room.narrow ? ["6x2"] : ["3x4", "6x2"];
  const found = names.map((layout) => {
    const page = layOut(beat, layout);
    return { layout, page, ...arrange(count, page, room) };
  });
  return found.reduce((best, now) => now.fit > best.fit * 1.25 ? now : best);
}

// What the panels show: [{label, map, scale, unit, method}], map null where there is none.
export function mapsShown(panels, cases, details, choice, layout) {
  const rows = rowsShown(layout);
  const maps = panels.map(({ method, label, network }, k) => {
    const stored = cases[k].map(method);
    const map = stored && shownMap(stored, choice.leads === "averaged");
    return { label, method, network, map, scale: map ? heatScale(map, choice.percentile, rows) : 1, unit: details[k].units[method] ?? "" };
  });
  if (choice.view !== "difference") return maps;
  const [a, b] = maps;
  const map = a.map && b.map ? a.map.map((v, i) => v / a.scale - b.map[i] / b.scale) : null;
  return [{ label: `${a.label} − ${b.label}`, method: null, map, scale: 1, unit: "" }];
}

const strongest = (percentile) => percentile === 100 ? "full colour: the strongest sample" : `full colour: the strongest ${short(100 - percentile)} % of samples`;

// What stands at the ends of the bar and beside it.
export function meaningOf(maps, choice, details, hidden) {
  if (choice.view === "difference") {
    return { low: "second", high: "first", text: "The first map minus the second, each divided by its own full colour: orange where the first is higher, blue where the second is." };
  }
  if (maps.length > 1 || hidden) {
    const rule = `Each map on its own scale (${strongest(choice.percentile)}), so strengths of different maps do not compare.`;
    return { low: "−", high: "+", text: hidden ? rule : `${rule} ${details.signs}` };
  }
  const [{ method, scale, unit }] = maps, end = `${short(scale)}${unit ? ` ${unit}` : ""}`;
  return { low: `−${end}`, high: `+${end}`, text: `${details.meanings[method] ?? "Attribution"} (${strongest(choice.percentile)}).` };
}

// The line under a caption: how much of the colour lies on each wave; "" where a reader rates the map.
export function sharesOf(map, fiducials, rating, brief) {
  if (rating || !map) return "";
  return `${brief ? "" : "of the colour, "}${waveShares(map, fiducials).join(" · ")}`;
}

// What is under the pointer.
export function pointed(at, found, value, unit, mark) {
  const ms = `${at.sample * 2} ms`, mv = at.single ? `, ${printed(found.beat[at.row * 600 + at.sample] / 1000, "mV", 2)}` : "";
  return `${at.name}: ${ms}${mark ? ` (${mark})` : ""}${mv}${value === null ? "" : ` · map ${short(value)}${unit ? ` ${unit}` : ""}`}`;
}
