// The keyboard: what a key does, wherever the focus is.
import { INTERVENTION } from "./choice.js";

const isText = (node) => node.matches?.("textarea, input:not([type=checkbox], [type=radio], [type=range])");
const OWN = /^(ArrowLeft|ArrowRight|[0-9bci])$/; // in a <select> these are ours; up and down stay its own

// view: see view.js. study: the form, whose keys come first.
export function listenForKeys(target, view, study, on) {
  function actions(key) {
    const { choice, show, step } = view;
    if (view.rating) return {};
    const found = {
      ArrowLeft: () => step(-1), ArrowRight: () => step(1),
      b: () => show({ blind: !choice.blind }), c: () => show({ calipers: !choice.calipers }),
    };
    const methods = view.methods(), first = methods[0][0] === INTERVENTION ? 1 : 0, slot = first + (Number(key) + 9) % 10;
    const open = (at) => show({ slot: at, ...choice.view === "methods" ? { view: "one", leads: "all" } : {} });
    if (/^[0-9]$/.test(key) && slot < methods.length) found[key] = () => open(slot);
    if (first) found.i = () => open(0);
    return found;
  }

  on(target, "keydown", (event) => {
    const { key } = event, [node] = event.composedPath(); // the element within the shadow tree
    if ((event.ctrlKey || event.metaKey) && key === "p" && view.shown) {
      event.preventDefault();
      return view.print();
    }
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (study.press(event, node)) return event.preventDefault();
    if (key === "Escape") return view.escape();
    if (isText(node) || node.matches?.("[type=radio], [type=range]") && key.startsWith("Arrow")) return;
    if (node.matches?.("select") && !OWN.test(key)) return;
    const action = actions(key)[key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}
