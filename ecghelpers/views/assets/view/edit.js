// Editing the beat: the drag, and the change of the prediction.
import { minus, signed } from "./dom.js";
import { LEADS, MM_PER_SAMPLE, MM_PER_UV, MS, SAMPLES } from "./leads.js";

const within = (value, { low, high, step }) => step * Math.round(Math.min(high, Math.max(low, value)) / step);

export const dosed = (dose, { unit }) => `${signed(String(dose))} ${unit}`;

export const editOf = ({ choice, details, network }) => {
  const edits = details.get(network())?.edits ?? [];
  return edits.find((one) => one.name === choice.editing) ?? edits[0];
};

// The position of the grip: at the edge or the peak that the edit moves; null for an edit without one.
export function handleOf(view) {
  const edit = editOf(view), [found] = view.shown.cases, { fiducials, beat } = view.edited?.shown ?? found;
  if (!edit || edit.mark === null) return null;
  const row = LEADS.indexOf(edit.lead ?? "II"), first = found.fiducials[edit.mark];
  if (first === null) return null;
  if (edit.moves === "x") return { edit, sample: fiducials[edit.mark], level: 0, before: found.beat };
  const sample = peakOf(found.beat, row, found.fiducials, edit);
  return { edit, sample, level: beat[row * SAMPLES + sample], before: found.beat };
}

// The sample of the largest |voltage| between the two fiducials of a wave.
function peakOf(beat, row, fiducials, { mark, end }) {
  let best = Math.round(fiducials[mark]);
  for (let i = best; i <= (fiducials[end] ?? best); i++) if (Math.abs(beat[row * SAMPLES + i]) > Math.abs(beat[row * SAMPLES + best])) best = i;
  return best;
}

// The dose after a drag by dx and dy mm that began at a dose.
export function dragged(edit, dose, dx, dy) {
  const by = edit.moves === "x" ? edit.sign * dx / MM_PER_SAMPLE * MS : -dy / MM_PER_UV;
  return within(dose + by, edit);
}

// "End of T +18 ms: QT by definition +18 ms, network +17 ms (395 → 412)."
// following: the label of the only method whose map follows an edit on the offline page, else undefined.
export function effectText(edit, edited, found, target, following) {
  if (!edited) return `Drag the ${edit.moves === "none" ? "slider" : "dot or the slider"}: the network's prediction and the map follow.`;
  if (edited.refused) return edited.refused;
  const { prediction, shown } = edited, change = prediction - found.prediction, same = edit.name === target;
  const round = (value) => value.toFixed(Math.abs(value) < 10 ? 1 : 0);
  const truth = same ? `true change ${dosed(edited.dose, edit)}` : `${edit.target} ${dosed(edited.dose, edit)}, true change of this target 0`;
  if (edited.of !== edited.dose) return `${truth}, network …`; // its prediction is pending
  const network = `network ${signed(round(change))} ${edited.unit} (${minus(found.prediction.toFixed(0))} → ${minus(prediction.toFixed(0))})`;
  if (shown.map || !edited.dose) return `${truth}, ${network}.`;
  const still = `The map is that of the unedited beat${following ? `; on this page only ${following} maps follow an edit` : ""}.`;
  return `${truth}, ${network}. ${edited.later ? "The map follows when you let go." : still}`;
}

// Requests edited beats from the host, one at a time; while one is pending, only the latest request is kept.
export function editing(view, draw, notify) {
  let busy = false, wish = null;
  async function go() {
    if (busy || !wish) return;
    const { edit, dose, exact, record } = wish, { choice, host, shown } = view, [panel] = shown.panels;
    busy = true;
    wish = null;
    try {
      const found = await host.edit(choice.target, choice.model, choice.record, { edit: edit.name, dose, method: panel.method, baseline: choice.baseline, exact });
      if (view.edited && view.choice.record === record && view.choice.edit) {
        const { map, beat, fiducials, refused, dose: stored = dose } = found, old = view.edited.shown;
        const now = refused ? old : { beat, fiducials, ...map ? { map: () => map } : {} };
        view.edited = { ...view.edited, ...found, dose: exact ? stored : view.edited.dose, of: exact ? stored : dose, unit: view.target().unit, shown: now };
        draw();
      }
    } catch (error) {
      notify(error.message);
    }
    busy = false;
    go();
  }
  return (dose, exact) => {
    const edit = editOf(view);
    if (!edit) return;
    view.edited = { ...view.edited, dose: within(dose, edit), refused: undefined };
    wish = { edit, dose: view.edited.dose, exact, record: view.choice.record };
    draw();
    go();
  };
}
