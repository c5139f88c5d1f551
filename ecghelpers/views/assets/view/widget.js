// Host in JupyterLab and the web app: everything comes as messages of an anywidget, maps as binary buffers.
import { showView } from "./view.js";

const KEPT = 60; // cases in memory

// Asks Python; each question has a number that its answer carries.
function connection(model) {
  const open = new Map();
  let last = 0;
  model.on("msg:custom", (answer, buffers) => {
    const asked = open.get(answer.number);
    if (!asked) return;
    open.delete(answer.number);
    if (answer.error) asked.reject(new Error(answer.error));
    else asked.resolve([answer.content, buffers]);
  });
  return (ask, content = {}, buffers = []) => new Promise((resolve, reject) => {
    last += 1;
    open.set(last, { resolve, reject });
    model.send({ number: last, ask, ...content }, undefined, buffers);
  });
}

const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));

// buffers: the beat, then what content.buffers names.
function caseOf(content, buffers) {
  const held = new Map(content.buffers.map((name, k) => [name, floats(buffers[k])]));
  return {
    ...content, beat: held.get("beat"), mask: held.get("mask") ?? null,
    rhythm: content.rhythm && { rate: content.rhythm, leads: Object.fromEntries([...held].filter(([name]) => name.startsWith("rhythm ")).map(([name, values]) => [name.slice(7), values])) },
    curve: (method) => content.curves[method] ? { points: content.points, values: content.curves[method] } : null,
    map: (method) => held.get(`map ${method}`) ?? null,
    put: (method, values) => held.set(`map ${method}`, values),
  };
}

function render({ model, el }) {
  const ask = connection(model), cases = new Map(), networks = new Map();
  const host = {
    overview: model.get("overview"),
    keptWhere: "Each rating is saved at once, in the folder readings of the results.",
    network(target, number) {
      const key = `${target}|${number}`;
      if (!networks.has(key)) networks.set(key, ask("network", { target, model: number }).then(([content]) => content));
      return networks.get(key);
    },
    case(target, number, record) {
      const key = JSON.stringify([target, number, record]);
      if (!cases.has(key)) {
        if (cases.size > KEPT) cases.clear();
        const found = ask("case", { target, model: number, record }).then(([content, buffers]) => caseOf(content, buffers));
        found.catch(() => cases.delete(key));
        cases.set(key, found);
      }
      return cases.get(key);
    },
    // Computes a map; null where something else has been asked for meanwhile.
    async compute(target, number, record, method) {
      const [content, buffers] = await ask("compute", { target, model: number, record, method });
      if (!buffers.length) return null;
      const values = floats(buffers[0]), found = await host.case(target, number, record);
      found.put(method, values);
      found.prediction = content.prediction;
      return values;
    },
    added: () => model.get("added"),
    wanted: (turn) => { model.send({ number: 0, ask: "wanted", turn }); },
    find: async (record) => { await ask("find", { record }); },
    // Measures files of the reader's own; {records, refused}.
    async open(files) {
      const contents = await Promise.all([...files].map((file) => file.arrayBuffer()));
      return (await ask("open", { names: [...files].map((file) => file.name) }, contents))[0];
    },
    ratings: async (reader) => (await ask("ratings", { reader }))[0],
    keepRating: (row) => host.keepRatings([row]),
    keepRatings: async (rows) => { await ask("keep", { rows }); },
    results: async () => (await ask("results"))[0],
    state: {
      get: () => model.get("state"),
      set: (text) => { if (text !== model.get("state")) { model.set("state", text); model.save_changes(); } },
      changed: (react) => model.on("change:state", react),
    },
    keys: el,
  };
  const close = showView(el, host);
  return close;
}

export default { render };
