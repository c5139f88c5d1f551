// The elements of the reading study, without behaviour. Parts are found by their name.
import { h } from "./dom.js";

const action = (text, name, options) => h("button", { type: "button", name, ...options }, text);

function setup(host) {
  const { overview } = host, rated = overview.targets.filter(({ name }) => name in overview.study.questions);
  return h("div", { name: "setup" },
    h("p", null, "Rate maps from 1 to 5 without knowing their methods, in an order of your own. Marks, measured values and the network's prediction are hidden. ",
      h("span", { name: "kept" }, host.keptWhere)),
    h("p", { className: "row" },
      h("label", null, "Reader ", h("input", { name: "reader", maxLength: 60, placeholder: "your initials", size: 14, autocomplete: "off" })),
      h("label", null, "ECGs ", h("input", { type: "number", name: "records", min: 1, step: 1 }), h("span", { name: "most" })),
      h("label", null, "At a time ", h("select", { name: "together" },
        h("option", { value: 1 }, "one map"), h("option", { value: 2 }, "two side by side")))),
    h("p", { className: "row", role: "group", "aria-label": "Targets", name: "asked" }, "Targets ",
      ...rated.map(({ name, label }) => h("label", null, h("input", { type: "checkbox", value: name }), ` ${label}`))),
    h("p", { name: "estimate", "aria-live": "polite" }),
    h("p", { className: "row" },
      action("Start", "start", { className: "first" }),
      action("Results", "results", { hidden: true, "aria-expanded": "false" }),
      action("Export (CSV)", "export"),
      h("label", { className: "file" }, "Import ratings ", h("input", { type: "file", name: "import", multiple: true, accept: ".csv" }))));
}

const rating = () => h("div", { name: "rating", hidden: true, role: "group", "aria-label": "Rating" },
  h("p", null, h("strong", { name: "question" }), h("span", { name: "scale", className: "quiet" })),
  h("div", { name: "ratings" }),
  h("p", { className: "row" },
    action("Back", "back", { title: "The map before, with its score (Backspace)" }),
    action("Save and next", "save", { className: "first", title: "Enter" }),
    action("Stop", "stop", { title: "Stop here; you can go on at any time" }),
    h("output", { name: "progress", className: "quiet", "aria-live": "polite" }),
    h("span", { className: "quiet keys" }, "Keys: 1 … 5, Enter, Backspace for the map before.")));

export const studySection = (host) => h("section", { name: "study", className: "study", "aria-label": "Reading study" },
  h("h2", null, "Reading study"), setup(host), rating(), h("div", { name: "report", hidden: true }));

// The score and the remark of one map; number: which of those shown; row: an earlier rating of it, if any.
export function scoreRow(item, number, alone, row) {
  const scores = h("span", { className: "scores", role: "radiogroup", "aria-label": `Score of map ${item.code}` },
    ...[1, 2, 3, 4, 5].map((score) => h("label", null,
      h("input", { type: "radio", name: `score${number}`, value: score, checked: Number(row?.score) === score }), String(score))));
  return h("p", { className: "row" }, alone ? null : h("b", null, item.code), scores,
    h("input", { name: `remark${number}`, className: "remark", maxLength: 1000, size: 24, value: row?.text ?? "", placeholder: "Remark, if any",
      "aria-label": `Remark on map ${item.code}` }));
}
