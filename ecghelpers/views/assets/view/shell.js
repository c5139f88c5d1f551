// The elements of the view, without behaviour. Parts are found by their name.
import { h } from "./dom.js";
import { LEADS } from "./leads.js";
import { studySection } from "./study_shell.js";

export const RESEARCH = "Research only, not for diagnosis";
const NEEDS_PYTHON = "Opening an ECG of your own and computing maps that are not stored need Python: the notebook 05_explore or the web app.";

const choose = (text, name) => h("label", { name: `${name}-label` }, `${text} `, h("select", { name }));
const tick = (text, name) => h("label", { name: `${name}-label` }, h("input", { type: "checkbox", name }), ` ${text}`);
const push = (text, name, title) => h("button", { type: "button", name, title, "aria-label": title }, text);

function controls() {
  return h("form", { name: "controls", className: "row", "aria-label": "What to show", autocomplete: "off" },
    choose("Target", "target"),
    choose("Model", "model"),
    h("span", { className: "group" }, choose("Record", "record"),
      push("◀", "previous", "Previous record (←)"), push("▶", "next", "Next record (→)")),
    choose("Show", "view"),
    choose("Method", "slot"),
    choose("and", "second"),
    choose("Leads", "leads"),
    tick("Blind", "blind"),
    tick("Names", "names"),
    h("button", { type: "button", name: "more", "aria-expanded": "false" }, "More"),
  );
}

function moreControls(host) {
  return h("div", { name: "further", className: "row", hidden: true },
    tick("P, QRS, T marks", "marks"),
    tick("Calipers (c)", "calipers"),
    h("span", { className: "group", role: "group", "aria-label": "Zoom" }, "Zoom ", push("−", "smaller", "Smaller (-)"),
      h("output", { name: "zoom" }, "100 %"), push("+", "larger", "Larger (+)")),
    h("label", null, "Samples in full colour ", h("input", { type: "range", name: "percentile", min: 80, max: 100, step: 0.5 }),
      h("output", { name: "full" })),
    push("Save picture", "picture", "Save a PNG at 300 dpi, in millimetres of ECG paper"),
    push("Print", "print", "Print one A4 page, 25 mm/s and 10 mm/mV"),
    host.find ? h("label", null, "Go to ", h("input", { name: "find", placeholder: "id of any record", size: 14 })) : null,
    host.open ? h("label", { className: "file" }, "Own ECG ", h("input", { type: "file", name: "own", multiple: true, accept: ".csv,.hea,.dat,.mat" })) : null,
    host.open ? null : h("span", { className: "quiet", name: "needs" }, NEEDS_PYTHON),
  );
}

const caliperRow = () => h("p", { name: "caliper-row", className: "row", hidden: true },
  h("label", null, "Calipers in ", h("select", { name: "caliper-lead" }, ...LEADS.map((lead) => h("option", { value: lead }, lead)))),
  h("label", null, "from ", h("input", { type: "number", name: "mark1", min: 0, max: 1198, step: 2 }), " ms"),
  h("label", null, "to ", h("input", { type: "number", name: "mark2", min: 0, max: 1198, step: 2 }), " ms"),
  h("output", { name: "measured", "aria-live": "polite" }),
);

const beside = () => h("div", { className: "beside", name: "beside" },
  h("section", { "aria-label": "This ECG" }, h("h2", null, "This ECG"), h("table", { name: "measurements" }), h("p", { name: "usual", className: "quiet" })),
  h("section", { name: "curve-section", "aria-label": "Perturbation" },
    h("h2", null, "Error as relevant points are perturbed"),
    h("canvas", { name: "curves", role: "img" }), h("ul", { name: "legend" })),
  h("section", { name: "ranking", "aria-label": "Ranking" }),
);

// Puts the view into a root element; returns a function that finds a part by its name.
export function buildShell(root, host) {
  const { overview } = host;
  root.classList.add("ecg-view");
  root.replaceChildren(
    h("header", null, h("h1", null, "ECG heatmaps"), h("span", { className: "quiet", name: "about" }, overview.about),
      push("Reading study", "to-study", "Rate blinded maps"),
      h("strong", { className: "research" }, `${RESEARCH}.`)),
    controls(), moreControls(host), caliperRow(),
    h("p", { name: "message", role: "alert", hidden: true }, h("span", { name: "told" }), push("×", "dismiss", "Close (Esc)")),
    h("p", { name: "status", role: "status", "aria-live": "polite" }),
    h("div", { name: "stage" },
      h("div", { className: "maps" },
        h("div", { name: "panels" }),
        h("p", { name: "pointer", className: "quiet" }, "\u00a0"),
        h("figure", { className: "scale" }, h("span", { name: "low" }), h("canvas", { name: "bar", width: 260, height: 14, "aria-hidden": "true" }),
          h("span", { name: "high" }), h("figcaption", { name: "meaning" })),
        h("section", { name: "rhythm", "aria-label": "Rhythm strip", hidden: true })),
      beside(), studySection(host)),
    h("section", { name: "review", className: "review", "aria-label": "Review" }),
    h("footer", { className: "quiet" }, h("p", { name: "reading" }, overview.reading),
      h("p", null, "Keyboard: ← → record · 1 … 9, 0 method · b blind · n names · c calipers · + − zoom · Esc back. ",
        "Wheel or pinch zooms where you point, double click shows all; click a map or a lead to enlarge it.")),
  );
  root.tabIndex = -1;
  root.setAttribute("data-lm-suppress-shortcuts", "true"); // JupyterLab: these keys are ours
  return (name) => root.querySelector(`[name="${name}"]`);
}
