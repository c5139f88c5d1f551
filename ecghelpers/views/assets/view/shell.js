// The elements of the view, without behaviour, in a shadow tree that the styles of a host page cannot reach.
import { h } from "./dom.js";
import { studySection } from "./study_shell.js";

export const RESEARCH = "Research only, not for diagnosis";
const NEEDS_PYTHON = "JupyterLab (notebook 05) and the web app also open your own ECGs, compute missing maps and edit beats freely.";
const KEYS = "Keys: ← → record, 1 … 9 and 0 method, i intervention map, b blind, c calipers, Esc back. A click enlarges a map or a lead.";

const choose = (text, name) => h("label", { name: `${name}-label`, className: "stacked" }, h("span", null, text), h("select", { name }));
const tick = (text, name) => h("label", { name: `${name}-label` }, h("input", { type: "checkbox", name }), ` ${text}`);
const push = (text, name, title) => h("button", { type: "button", name, title, "aria-label": title }, text);

const controls = (host) => h("form", { name: "controls", className: "row", "aria-label": "Display", autocomplete: "off" },
  choose("Target", "target"),
  choose("Model", "model"),
  h("span", { className: "group" }, push("◀", "previous", "Previous record (←)"), choose("Record", "record"), push("▶", "next", "Next record (→)")),
  choose("Order of records", "order"),
  choose("Show", "view"),
  choose("Method", "slot"),
  choose("and", "second"),
  choose("Leads", "leads"),
  choose("Explained against", "baseline"),
  tick("Blind", "blind"),
  tick("Edit beat", "edit"),
  h("details", { name: "more" }, h("summary", null, "More"), h("div", { className: "menu" },
    tick("P, QRS and T marks", "marks"),
    tick("Calipers: drag on the ECG (c)", "calipers"),
    push("Save picture", "picture", "Save a PNG of one A4 page at 300 dpi"),
    push("Print report", "print", "Print one A4 page, or save it as a PDF, at 25 mm/s and 10 mm/mV"),
    host.find ? h("label", null, "Go to ", h("input", { name: "find", placeholder: "id of any record", size: 14 })) : null,
    host.open ? h("label", { className: "file" }, "Own ECG ", h("input", { type: "file", name: "own", multiple: true })) : null,
    host.open ? h("p", { className: "quiet" }, `At most ${host.mostMegabytes} MB a file.`) : h("p", { className: "quiet", name: "needs" }, NEEDS_PYTHON),
    h("p", { className: "quiet" }, KEYS))),
);

const editor = () => h("div", { name: "editor", className: "row", hidden: true, role: "group", "aria-label": "Edit the beat" },
  h("label", null, "Drag ", h("select", { name: "edited" })),
  h("label", null, "by ", h("input", { type: "range", name: "dose" }), h("output", { name: "dosed" })),
  push("Reset", "undo", "Show the ECG as recorded (Esc)"),
  h("output", { name: "effect", "aria-live": "polite" }),
);

const beside = () => h("div", { className: "beside", name: "beside" },
  h("section", { "aria-label": "This ECG" }, h("h2", null, "This ECG"), h("table", { name: "measurements" }),
    h("p", { name: "usual", className: "quiet" }), h("p", { name: "outside", className: "caution" })),
);

// Builds the view in the shadow tree of an element; returns its root and a function that finds a part by its name.
export function buildShell(element, host) {
  const { overview } = host, shade = element.shadowRoot ?? element.attachShadow({ mode: "open" });
  const style = new CSSStyleSheet();
  style.replaceSync(VIEW_CSS); // the bundle declares it
  shade.adoptedStyleSheets = [style];
  const root = h("div", { className: "view", tabIndex: -1 },
    h("header", null, h("h1", null, "ECG heatmaps"), h("span", { className: "quiet", name: "about" }, overview.about),
      h("button", { type: "button", name: "to-study", title: "Rate maps without knowing their methods", "aria-expanded": "false" }, "Reading study"),
      h("strong", { className: "research" }, `${RESEARCH}.`)),
    controls(host), editor(),
    h("p", { name: "message", role: "alert", hidden: true }, h("span", { name: "notice" }), push("×", "dismiss", "Close (Esc)")),
    h("p", { name: "status", role: "status", "aria-live": "polite" }),
    h("div", { name: "stage" },
      h("div", { className: "maps" },
        h("div", { name: "panels" }),
        h("p", { name: "pointer", className: "quiet" }, "\u00a0"),
        h("figure", { className: "scale" }, h("span", { name: "low" }), h("canvas", { name: "bar", width: 260, height: 14, "aria-hidden": "true" }),
          h("span", { name: "high" }), h("figcaption", { name: "meaning" })),
        h("p", { name: "sum" }),
        h("section", { name: "rhythm", "aria-label": "Rhythm strip", hidden: true })),
      beside(), studySection(host)),
    h("section", { name: "review", className: "review", "aria-label": "Review" }),
    h("footer", { className: "quiet" }, h("p", { name: "reading" }, `${overview.reading} ${overview.left_out}`)),
  );
  shade.replaceChildren(root);
  element.classList.add("ecg-view");
  element.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: these keys are ours
  return { root, part: (name) => root.querySelector(`[name="${name}"]`) };
}
