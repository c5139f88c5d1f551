// The elements of the reading study, without behaviour. Parts are found by their name.
import { h } from "./dom.js";

const action = (text, name, options) => h("button", { type: "button", name, ...options }, text);

function setup(host) {
  const { overview } = host, rated = overview.targets.filter(({ name }) => name in overview.study.questions);
  return h("div", { name: "setup" },
    h("p", null, "You rate maps from 1 to 5 without knowing their methods. Measurements and predictions are hidden meanwhile. ",
      h("span", { name: "kept" }, host.keptWhere)),
    h("p", { className: "row" },
      h("label", null, "Your initials ", h("input", { name: "rater", maxLength: 60, size: 10, autocomplete: "off" })),
      action("Start", "start", { className: "first" }),
      h("span", { name: "estimate", "aria-live": "polite" })),
    h("details", null, h("summary", null, "A longer study"),
      h("p", { className: "row" },
        h("label", null, "ECGs ", h("input", { type: "number", name: "records", min: 1, step: 1 }), h("span", { name: "most" }))),
      h("p", { className: "row", role: "group", "aria-label": "Targets", name: "targets" }, "Targets ",
        ...rated.map(({ name, label }) => h("label", null, h("input", { type: "checkbox", value: name }), ` ${label}`)))),
    h("p", { className: "row" }, action("Export ratings (CSV)", "export", { hidden: true }), action("Results", "results", { hidden: true })));
}

const rating = () => h("div", { name: "rating", hidden: true, role: "group", "aria-label": "Rating" },
  h("p", null, h("strong", { name: "question" }), h("span", { name: "scale", className: "quiet" })),
  h("div", { name: "ratings" }),
  h("p", { className: "row" },
    action("Back", "back", { title: "The previous map, with its score (Backspace)" }),
    action("Save and next", "save", { className: "first", title: "Enter" }),
    action("Stop", "stop", { title: "Stop; you can continue at any time" }),
    h("output", { name: "progress", className: "quiet", "aria-live": "polite" }),
    h("span", { className: "quiet keys" }, "Keys: 1 … 5, Enter; Backspace for the previous map.")));

export const studySection = (host) => h("section", { name: "study", className: "study", "aria-label": "Reading study", hidden: true },
  h("h2", null, "Reading study"), setup(host), rating(),
  h("p", { name: "study-message", className: "caution", role: "alert", hidden: true }), h("div", { name: "report", hidden: true }));

// The score and the remark of a map; row: an earlier rating of it, if any.
export function scoreRow(item, row) {
  const scores = h("span", { className: "scores", role: "radiogroup", "aria-label": `Score of map ${item.code}` },
    ...[1, 2, 3, 4, 5].map((score) => h("label", null,
      h("input", { type: "radio", name: "score", value: score, checked: Number(row?.score) === score }), String(score))));
  return h("p", { className: "row" }, scores, h("input", { name: "remark", className: "remark", maxLength: 1000, size: 24,
    value: row?.text ?? "", placeholder: "Remark (optional)", "aria-label": `Remark on map ${item.code}` }));
}
