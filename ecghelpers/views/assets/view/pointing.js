// The pointer on the paper: a readout, calipers and edges that are dragged, and clicks that enlarge.
import { dragged, editOf } from "./edit.js";
import { pointed } from "./maps.js";
import { locate, markAt, pointOf } from "./paper.js";

const STILL = 5; // px that a click may move
const GRIP = 8; // px around a caliper's leg within which a press grabs it

// view: see view.js; this module calls its measure(lead, at), edit(dose, exact) and enlarge(canvas, at).
export function listenForPointer(panels, view) {
  let drag = null, pressed = null, still = false;

  function read(canvas, at) {
    const { entry, found } = canvas, { choice, rating } = view, secret = view.hidden() || rating;
    const value = entry.map && !secret ? entry.map[at.row * 600 + at.sample] : null;
    view.part("pointer").textContent = pointed(at, found, value, entry.unit, choice.marks && !rating ? markAt(found.fiducials, at.sample) : "");
  }

  // What a press drags: a leg of the calipers or a new measurement, or the edge that is edited.
  function begin(canvas, at, event) {
    const edit = view.choice.edit && editOf(view), dose = view.edited?.dose ?? 0;
    if (edit) return edit.moves === "none" ? null : { kind: "edit", ...pointOf(canvas, event), dose };
    if (!view.choice.calipers || !at?.single) return null;
    const ms = at.sample * 2, { lead, at: marks } = view.calipers(), reach = GRIP / canvas.fit * 40;
    const [near, other] = Math.abs(marks[0] - ms) < Math.abs(marks[1] - ms) ? marks : [marks[1], marks[0]];
    return { kind: "calipers", lead: at.name, from: lead === at.name && Math.abs(near - ms) < reach ? other : ms };
  }

  function move(canvas, at, event, done) {
    const { x, y } = pointOf(canvas, event);
    if (drag.kind === "edit") return view.edit(dragged(editOf(view), drag.dose, x - drag.x, y - drag.y), done);
    if (at?.name === drag.lead && at.sample * 2 !== drag.from) view.measure(drag.lead, [drag.from, at.sample * 2].sort((a, b) => a - b));
  }

  function release(canvas, at, event) {
    const [x, y] = pressed ?? [NaN, NaN];
    still = !drag && Math.hypot(event.clientX - x, event.clientY - y) < STILL;
    if (drag?.kind === "edit" && view.edited) move(canvas, at, event, true);
    drag = pressed = null;
  }

  function react(event) {
    const canvas = event.target.closest("canvas");
    if (!canvas?.page) return;
    const at = locate(canvas, event);
    if (event.type === "pointerup" || event.type === "pointercancel") return release(canvas, at, event);
    if (event.type === "pointerdown") {
      view.root.focus({ preventScroll: true }); // so that keys work
      pressed = [event.clientX, event.clientY];
      drag = begin(canvas, at, event);
      if (drag) canvas.setPointerCapture(event.pointerId);
    }
    if (at) read(canvas, at);
    if (drag && event.type === "pointermove") move(canvas, at, event, false);
  }

  for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) panels.addEventListener(kind, react);
  panels.addEventListener("click", (event) => { // not the second one of a double click
    const canvas = event.target.closest("canvas");
    if (canvas?.page && still && event.detail < 2) view.enlarge(canvas, locate(canvas, event));
  });
  panels.addEventListener("pointerleave", () => { view.part("pointer").textContent = "\u00a0"; });
}

// The choice after a click: a map among all or a lead among twelve is enlarged; null for neither.
export function enlarged({ view, leads }, canvas, at) {
  if (view === "methods") return { view: "one", slot: canvas.slot, leads: "all" };
  if (view === "one" && at?.single && (leads === "all" || leads === "averaged")) return { leads: at.name };
  return null;
}
