// Host in JupyterLab and the web app: data are messages of an anywidget, maps binary buffers.
import { showView } from "./view.js";

const KEPT = 60; // cases in memory
const MOST_MB = 8; // of a user's own file: the limit of a server's websocket message
const PATIENCE_S = 120;

// Sends requests to Python; a request has a number, which its answer repeats.
function connection(model) {
  const open = new Map();
  let last = 0;
  model.on("msg:custom", (answer, buffers) => {
    const request = open.get(answer.number);
    if (!request) return;
    open.delete(answer.number);
    if (answer.error) request.reject(new Error(answer.error));
    else request.resolve([answer.content, buffers]);
  });
  return (ask, content = {}, buffers = []) => new Promise((resolve, reject) => {
    const number = ++last;
    open.set(number, { resolve, reject });
    setTimeout(() => { if (open.delete(number)) reject(new Error("Python does not answer; run the notebook's cells again or reload the page")); }, PATIENCE_S * 1000);
    model.send({ number, ask, ...content }, undefined, buffers);
  });
}

const floats = (view) => new Float32Array(view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength));
const named = (content, buffers) => new Map(content.buffers.map((name, k) => [name, floats(buffers[k])]));

function caseOf(content, buffers) {
  const held = named(content, buffers);
  const key = (method, baseline) => `map ${method}${baseline === "mean" && content.by_baseline.includes(method) ? "@mean" : ""}`;
  return {
    ...content, beat: held.get("beat"),
    rhythm: content.rhythm && { rate: content.rhythm, leads: Object.fromEntries([...held].filter(([name]) => name.startsWith("rhythm ")).map(([name, values]) => [name.slice(7), values])) },
    map: (method, baseline) => held.get(key(method, baseline)) ?? null,
    put: (method, baseline, values) => held.set(key(method, baseline), values),
  };
}

function render({ model, el }) {
  const wholePage = !document.querySelector(".jp-NotebookPanel"); // the web app, not JupyterLab
  const ask = connection(model), cases = new Map(), networks = new Map();
  const host = {
    overview: model.get("overview"),
    mostMegabytes: MOST_MB,
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
    // Computes a map of a case; returns whether it did, false if the choice has changed meanwhile.
    async compute(target, number, record, method, baseline) {
      const [, buffers] = await ask("compute", { target, model: number, record, method, baseline });
      if (buffers.length) (await host.case(target, number, record)).put(method, baseline, floats(buffers[0]));
      return buffers.length > 0;
    },
    async edit(target, number, record, wish) {
      const [content, buffers] = await ask("edit", { target, model: number, record, ...wish });
      if (content.refused) return content;
      const held = named(content, buffers);
      return { ...content, beat: held.get("beat"), map: held.get("map") ?? null };
    },
    added: () => model.get("added"),
    wanted: (turn) => { model.send({ number: 0, ask: "wanted", turn }); },
    find: async (record) => { await ask("find", { record }); },
    // Sends the user's files one by one, then has them measured together; {records, refused}.
    async open(files) {
      const refused = [], sent = [];
      for (const file of files) {
        if (file.size > MOST_MB * 2 ** 20) refused.push(`${file.name} has ${(file.size / 2 ** 20).toFixed(1)} MB; at most ${MOST_MB} MB are read`);
        else {
          await ask("file", { name: file.name }, [await file.arrayBuffer()]);
          sent.push(file.name);
        }
      }
      const [answer] = sent.length ? await ask("open") : [{ records: [], refused: [] }];
      return { records: answer.records, refused: [...refused, ...answer.refused] };
    },
    ratings: async (rater) => (await ask("ratings", { rater }))[0],
    keepRating: async (row) => { await ask("keep", { row }); },
    state: {
      get: () => model.get("state"),
      set: (text) => { if (text !== model.get("state")) { model.set("state", text); model.save_changes(); } },
      changed: (react) => model.on("change:state", react),
    },
    keys: wholePage ? document : el,
    wholePage,
  };
  return showView(el, host);
}

export default { render };
