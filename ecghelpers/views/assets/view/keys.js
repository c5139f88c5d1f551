// The keyboard: what a key does, wherever the focus is.

const isText = (node) => node.matches?.("textarea, input:not([type=checkbox], [type=radio], [type=range])");

// view: see view.js. study: the form, whose keys come first.
export function listenForKeys(target, view, study, on) {
  function actions(key) {
    const { choice, show, step } = view;
    const found = { c: () => show({ calipers: !choice.calipers }), "+": () => view.zoom(1.25), "-": () => view.zoom(0.8) };
    if (view.rating) return found;
    Object.assign(found, {
      ArrowLeft: () => step(-1), ArrowRight: () => step(1),
      b: () => show({ blind: !choice.blind }), n: () => show({ names: !choice.names }),
    });
    const slot = (Number(key) + 9) % 10;
    if (/^[0-9]$/.test(key) && slot < view.network().methods.length) found[key] = () => show({ slot });
    return found;
  }

  on(target, "keydown", (event) => {
    const { target: node, key } = event;
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (study.press(event)) return event.preventDefault();
    if (key === "Escape") return view.escape();
    if (isText(node) || node.matches?.("[type=radio], [type=range]") && key.startsWith("Arrow")) return;
    if (node.matches?.("select") && !/^[bnc]$/.test(key)) return;
    const action = actions(key)[key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  });
}
