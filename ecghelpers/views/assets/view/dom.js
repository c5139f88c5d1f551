// Elements and numbers as text.

// An element with properties, attributes and children: h("label", { className: "x" }, "text", node, …).
export function h(tag, options, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(options ?? {})) {
    if (name.includes("-") || name === "role" || name === "name") node.setAttribute(name, value);
    else node[name] = value;
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

// Replaces the options of a <select> by [[text, value], …] and selects one.
export function fill(select, options, chosen) {
  const old = [...select.options].map((option) => `${option.text}|${option.value}`).join("\n");
  if (old !== options.map(([text, value]) => `${text}|${value}`).join("\n")) {
    select.replaceChildren(...options.map(([text, value]) => h("option", { value }, String(text))));
  }
  select.value = String(chosen);
}

export const minus = (text) => text.replaceAll("-", "−");

const raised = (digits) => digits.replace(/[-\d]/g, (one) => one === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[one]);

// Two digits, or two and a power of ten: the page stores no more.
export function short(x) {
  if (x === 0 || Math.abs(x) >= 1e-3 && Math.abs(x) < 1e5) return minus(String(+x.toPrecision(2)));
  const [digits, power] = x.toExponential(1).split("e");
  return minus(`${digits} × 10${raised(power.replace("+", ""))}`);
}

export const signed = (text) => Number(text) ? text.startsWith("-") ? minus(text) : `+${text}` : text.replace("-", "");

// A value as an electrocardiograph prints it, a dash for null.
export const printed = (value, unit) => value === null ? "–" : `${minus(value.toFixed(0))}${unit ? ` ${unit}` : ""}`;

export function save(blob, name) {
  const link = h("a", { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10000);
}
