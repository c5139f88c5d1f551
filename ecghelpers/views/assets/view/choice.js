// The user's choice: its defaults, its possible values, and its text in an address.
import { blindOrder, letter } from "./blinding.js";

export const VIEWS = { methods: "All methods", one: "One map", two: "Two maps", models: "All models" };
export const ORDERS = { stored: "as stored", error: "largest error first", agreement: "maps agree least first" };
export const BASELINES = { flat: "flat line", mean: "average beat" };
export const INTERVENTION = "intervention"; // shown like a method, but made without one
const FLAGS = ["marks", "blind", "calipers", "edit"];
const NUMBERS = ["model", "slot", "second"];
const SHOWN = ["target", "record", "view", "leads", "baseline", "order", ...NUMBERS];

export const firstChoice = (overview) => ({
  target: (overview.targets.find((target) => target.name === "qt") ?? overview.targets[0]).name,
  model: null, record: null, view: "methods", slot: 0, second: 1, leads: "target", baseline: "flat", order: "stored",
  marks: true, blind: false, calipers: false, edit: false,
});

export const networksOf = (overview, target) => overview.networks.filter((network) => network.target === target);

// Records with maps in the chosen order, then those that the user added.
// detail: of host.network, or null while it loads.
export function recordsOf(network, added, choice, detail) {
  const stored = detail?.orders?.[choice.order] ?? network.records;
  return [...new Set([...stored, ...added])];
}

// The choice with every impossible value replaced by the first possible one.
export function possible(choice, overview, added, detail) {
  const found = { ...choice };
  if (!overview.targets.some((target) => target.name === found.target)) found.target = firstChoice(overview).target;
  const networks = networksOf(overview, found.target);
  const network = networks.find((one) => one.model === found.model) ?? networks[0];
  found.model = network.model;
  const records = recordsOf(network, added, found, detail);
  if (!records.includes(found.record)) [found.record] = records;
  const last = methodsShown(overview, network, found, "").length - 1;
  found.slot = Math.min(Math.max(0, found.slot), last);
  found.second = Math.min(Math.max(0, found.second), last);
  if (!(found.view in VIEWS) || found.view === "models" && networks.length < 2) found.view = "one";
  if (!(found.baseline in BASELINES) || !network.baselines.includes(found.baseline)) [found.baseline] = network.baselines;
  if (!(found.order in ORDERS)) found.order = "stored";
  if (found.view !== "one" || found.blind) found.edit = false;
  return found;
}

export function asText(choice) {
  const parts = SHOWN.map((name) => [name, choice[name]]);
  parts.push(...FLAGS.filter((name) => choice[name] !== (name === "marks")).map((name) => [name, Number(choice[name])]));
  return new URLSearchParams(parts).toString();
}

export function fromText(text) {
  const given = Object.fromEntries(new URLSearchParams(text)), found = {};
  for (const name of SHOWN) if (name in given) found[name] = given[name];
  for (const name of NUMBERS) {
    if (name in found) found[name] = Number(found[name]);
    if (Number.isNaN(found[name])) delete found[name];
  }
  for (const name of FLAGS) if (name in given) found[name] = given[name] === "1";
  return found;
}

// [[method, label], …] of a network as chosen: the intervention map first, letters while methods are blinded.
export function methodsShown(overview, network, choice, rater) {
  if (!choice.blind) {
    const all = network.intervention ? [INTERVENTION, ...network.methods] : network.methods;
    return all.map((method) => [method, overview.methods[method]?.label ?? method]);
  }
  const order = blindOrder(network.methods, overview.seed, rater, network.target, network.model, choice.record);
  return order.map((method, slot) => [method, letter(slot)]);
}

// The panels of a view: [{network, method, label}, …].
export function panelsOf(methods, network, others, choice) {
  const one = (slot) => ({ network, method: methods[slot][0], label: methods[slot][1] });
  switch (choice.view) {
    case "methods": return methods.map((_, slot) => one(slot));
    case "models": return others.filter((other) => other.records.includes(choice.record))
      .map((other) => ({ ...one(choice.slot), network: other, label: `${methods[choice.slot][1]}, model ${other.model}` }));
    case "two": return [one(choice.slot), one(choice.second)];
    default: return [one(choice.slot)];
  }
}
