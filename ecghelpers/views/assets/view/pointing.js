// The pointer on the paper: a readout, calipers that are dragged, and clicks that enlarge.
import { LEADS } from "./leads.js";
import { pointed } from "./maps.js";
import { locate, markAt } from "./paper.js";

const STILL = 5, WAIT = 250; // px that a click may move; ms in which a second one makes a double click

// view: see view.js; it gets setCaliper(lead, at) and enlarge(canvas, at) called.
export function listenForPointer(panels, view) {
  let dragged = null, pressed = null, clicks = 0;

  function read(canvas, at) {
    const { entry, found } = canvas, { choice, rating } = view, secret = view.hidden() || rating;
    const value = entry.map && !secret ? entry.map[at.row * 600 + at.sample] : null;
    view.part("pointer").textContent = pointed(at, found, value, entry.unit, choice.marks && !rating ? markAt(found.fiducials, at.sample) : "");
  }

  function drag(canvas, at, event) {
    const ms = at.sample * 2, { lead, at: marks } = view.choice.caliper;
    if (event.type === "pointerdown") {
      dragged = Math.abs(ms - marks[0]) <= Math.abs(ms - marks[1]) ? 0 : 1;
      canvas.setPointerCapture(event.pointerId);
    }
    if (dragged === null) return;
    view.setCaliper(event.type === "pointerdown" ? at.name : lead, marks.map((old, k) => k === dragged ? ms : old));
  }

  // A click waits for a second one, which shows all again.
  function clicked(canvas, at, event) {
    const number = ++clicks;
    if (event.detail > 1 || view.lens.zoom > 1) return;
    setTimeout(() => { if (number === clicks) view.enlarge(canvas, at); }, WAIT);
  }

  function release(canvas, at, event) {
    const [x, y] = pressed ?? [NaN, NaN], still = Math.hypot(event.clientX - x, event.clientY - y) < STILL;
    if (event.type === "pointerup" && still && dragged === null) clicked(canvas, at, event);
    dragged = pressed = null;
  }

  function react(event) {
    const canvas = event.target.closest("canvas");
    if (!canvas?.page) return;
    const at = locate(canvas, event);
    if (event.type === "pointerdown") {
      view.root.focus({ preventScroll: true }); // so that keys work
      pressed = [event.clientX, event.clientY];
    }
    if (event.type === "pointerup" || event.type === "pointercancel") return release(canvas, at, event);
    if (!at) return;
    read(canvas, at);
    if (view.choice.calipers && at.single) drag(canvas, at, event);
  }

  for (const kind of ["pointerdown", "pointermove", "pointerup", "pointercancel"]) panels.addEventListener(kind, react);
  panels.addEventListener("pointerleave", () => { view.part("pointer").textContent = "\u00a0"; });
}

// What a click enlarges: {change} of a map among all, or of a lead among twelve; null for neither.
export function enlarged({ view, leads }, canvas, at) {
  if (view === "methods") return { view: "one", slot: canvas.slot };
  if (view === "one" && at?.single && !LEADS.includes(leads)) return { leads: at.name };
  return null;
}
