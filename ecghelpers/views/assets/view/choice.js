// What is chosen: its defaults, what it may be, and as text for an address.

export const VIEWS = { one: "One map", methods: "All methods", models: "All models", two: "Two maps", difference: "Difference" };
const FLAGS = ["marks", "blind", "names", "calipers"];

export const firstChoice = (overview) => ({
  target: (overview.targets.find((target) => target.name === "qt") ?? overview.targets[0]).name,
  model: null, record: null, view: "one", slot: 0, second: 1, leads: "all", marks: true, blind: false, names: false,
  percentile: 99, calipers: false, caliper: { lead: "II", at: [400, 800] },
});

export const networksOf = (overview, target) => overview.networks.filter((network) => network.target === target);

// The same choice, made possible: what is not there is replaced by the first that is. added: ids of further records.
export function possible(choice, overview, added) {
  const found = { ...choice };
  if (!overview.targets.some((target) => target.name === found.target)) found.target = firstChoice(overview).target;
  const networks = networksOf(overview, found.target);
  const network = networks.find((one) => one.model === found.model) ?? networks[0];
  found.model = network.model;
  const records = recordsOf(network, added);
  if (!records.includes(found.record)) [found.record] = records;
  const last = network.methods.length - 1;
  found.slot = Math.min(Math.max(0, found.slot), last);
  found.second = Math.min(Math.max(0, found.second), last);
  if (!(found.view in VIEWS) || found.view === "models" && networks.length < 2) found.view = "one";
  return found;
}

// Records with maps, and those that the reader added (of no planted network, whose beats are its own).
export const recordsOf = (network, added) => network.planted ? network.records : [...new Set([...network.records, ...added])];

const SHOWN = ["target", "model", "record", "view", "slot", "second", "leads", "percentile"];

export function asText(choice) {
  const parts = SHOWN.map((name) => [name, choice[name]]);
  parts.push(...FLAGS.filter((name) => choice[name] !== (name === "marks")).map((name) => [name, Number(choice[name])]));
  return new URLSearchParams(parts).toString();
}

export function fromText(text) {
  const given = Object.fromEntries(new URLSearchParams(text)), found = {};
  for (const name of SHOWN) if (name in given) found[name] = given[name];
  for (const name of ["model", "slot", "second", "percentile"]) {
    if (name in found) found[name] = Number(found[name]);
    if (Number.isNaN(found[name])) delete found[name];
  }
  if ("percentile" in found) found.percentile = Math.min(100, Math.max(80, found.percentile));
  for (const name of FLAGS) if (name in given) found[name] = given[name] === "1";
  return found;
}
