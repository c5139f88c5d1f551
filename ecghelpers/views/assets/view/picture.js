// A sheet of A4, landscape: the ECG at true 25 mm/s and 10 mm/mV, as a PNG at 300 dpi or printed.
import { h, printed, save } from "./dom.js";
import { drawBar } from "./heat.js";
import { layOut, LEADS } from "./leads.js";
import { meaningOf } from "./maps.js";
import { blankCanvas, drawPaper, FONT, INK } from "./paper.js";
import { drawStrip, stripPage } from "./strip.js";
import { predictedText } from "./tables.js";
import { RESEARCH } from "./shell.js";

export async function savePicture(sheet) {}
export function printSheet(sheet) {}
export function takeSheetAway() {}
