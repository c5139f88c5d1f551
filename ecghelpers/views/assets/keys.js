// Tells Python which key was pressed while the explorer has the focus, and how much room there is.
function render({ model, el }) {
  el.style.height = "0";
  let box = null;
  const typing = (node) =>
    node.matches("textarea, input:not([type=checkbox]):not([type=button])") ||
    node.isContentEditable;
  const press = (event) => {
    const wanted = ["ArrowLeft", "ArrowRight"].includes(event.key) || /^[0-9bn]$/.test(event.key);
    if (!wanted || event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    if (event.target.matches("select, [role=slider]") && event.key.startsWith("Arrow")) return;
    event.preventDefault();
    event.stopPropagation();
    model.set("pressed", [event.key, (model.get("pressed")[1] || 0) + 1]);
    model.save_changes();
  };
  const measure = new ResizeObserver(() => {
    const room = [Math.floor(box.clientWidth), window.innerHeight];
    if (room[0] > 0 && String(room) !== String(model.get("room"))) {
      model.set("room", room);
      model.save_changes();
    }
  });
  const attach = () => {
    box = el.closest(".ecg-explorer");
    if (!box) return void window.requestAnimationFrame(attach);
    box.tabIndex = 0;
    box.setAttribute("role", "application");
    box.setAttribute("aria-label", "ECG heatmap explorer: arrows change the record, digits the method, b blinds");
    box.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: these keys are ours
    box.addEventListener("keydown", press, true);
    measure.observe(box);
  };
  attach();
  return () => {
    measure.disconnect();
    if (box) box.removeEventListener("keydown", press, true);
  };
}
export default { render };
