// Zoom: by wheel and pinch on the spot under the pointer, moved by dragging; one lens for all panels.

const MOST = 12;

export const wholeView = () => ({ zoom: 1, x: 0, y: 0 });

// Keeps the paper in sight.
function held(lens, page) {
  lens.x = Math.min(Math.max(0, lens.x), page.width * (1 - 1 / lens.zoom));
  lens.y = Math.min(Math.max(0, lens.y), page.height * (1 - 1 / lens.zoom));
  return lens;
}

// The lens after zooming by a factor around a point of the canvas (CSS px).
function zoomedAt(lens, page, fit, factor, px, py) {
  const zoom = Math.min(MOST, Math.max(1, lens.zoom * factor));
  const x = lens.x + px / (fit * lens.zoom) - px / (fit * zoom), y = lens.y + py / (fit * lens.zoom) - py / (fit * zoom);
  return held({ zoom, x, y }, page);
}

const pageCanvas = (event) => event.target.closest?.("canvas")?.page ? event.target : null;
const middle = (touches) => ({ clientX: (touches[0].clientX + touches[1].clientX) / 2, clientY: (touches[0].clientY + touches[1].clientY) / 2 });
const apart = (touches) => Math.hypot(touches[0].clientX - touches[1].clientX, touches[0].clientY - touches[1].clientY);

// Listens on the element with the panels. get and set: the lens. busy: whether a drag means something else.
export function listenForZoom(panels, get, set, busy) {
  const around = (canvas, at, factor) => {
    const box = canvas.getBoundingClientRect();
    set(zoomedAt(get(), canvas.page, canvas.fit, factor, at.clientX - box.left, at.clientY - box.top));
  };
  panels.addEventListener("wheel", (event) => {
    const canvas = pageCanvas(event);
    // At full view, scrolling on is scrolling the page.
    if (!canvas || event.deltaY > 0 && get().zoom === 1) return;
    event.preventDefault();
    around(canvas, event, Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : 0.0018)));
  }, { passive: false });

  let pinch = null;
  panels.addEventListener("touchstart", (event) => {
    const canvas = pageCanvas(event);
    pinch = canvas && event.touches.length === 2 ? { canvas, apart: apart(event.touches) } : null;
    if (pinch) event.preventDefault();
  }, { passive: false });
  panels.addEventListener("touchmove", (event) => {
    if (!pinch || event.touches.length !== 2) return;
    event.preventDefault();
    const now = apart(event.touches);
    around(pinch.canvas, middle(event.touches), now / pinch.apart);
    pinch.apart = now;
  }, { passive: false });
  panels.addEventListener("touchend", () => { pinch = null; });

  let from = null;
  panels.addEventListener("pointerdown", (event) => {
    const canvas = pageCanvas(event);
    from = canvas && !busy() && get().zoom > 1 ? { canvas, x: event.clientX, y: event.clientY } : null;
    if (from) canvas.setPointerCapture(event.pointerId);
  });
  panels.addEventListener("pointermove", (event) => {
    if (!from || pinch) return;
    const lens = get(), { page, fit } = from.canvas;
    const x = lens.x - (event.clientX - from.x) / (fit * lens.zoom), y = lens.y - (event.clientY - from.y) / (fit * lens.zoom);
    Object.assign(from, { x: event.clientX, y: event.clientY });
    set(held({ ...lens, x, y }, page));
  });
  for (const kind of ["pointerup", "pointercancel"]) panels.addEventListener(kind, () => { from = null; });
  panels.addEventListener("dblclick", (event) => { if (pageCanvas(event)) set(wholeView()); });
}
