// Methods in the order shown, and what is shown of them while names are hidden.
import { blindOrder, letter } from "./blinding.js";

// [[method, label], …] for a network, as chosen.
export function methodsShown(overview, network, choice, reader) {
  const labelOf = (method) => overview.methods[method]?.label ?? method;
  if (!choice.blind) return network.methods.map((method) => [method, labelOf(method)]);
  const order = blindOrder(network.methods, overview.seed, reader, network.target, network.model, choice.record);
  return order.map((method, slot) => [method, choice.names ? `${letter(slot)}: ${labelOf(method)}` : letter(slot)]);
}

// The panels of a view: [{network, method, label}, …].
export function panelsOf(methods, network, others, choice) {
  const one = (slot) => ({ network, method: methods[slot][0], label: methods[slot][1] });
  switch (choice.view) {
    case "methods": return methods.map((_, slot) => one(slot));
    case "models": return others.filter((other) => other.records.includes(choice.record))
      .map((other) => ({ ...one(choice.slot), network: other, label: `${methods[choice.slot][1]}, model ${other.model}` }));
    case "two": case "difference": return [one(choice.slot), one(choice.second)];
    default: return [one(choice.slot)];
  }
}
