// The reading study's form: who reads, one or two blinded maps at a time, a score and a remark for each.
import { slotOf } from "./blinding.js";
import { element, save } from "./dom.js";
import { nextScreen, ratingRow, ratingsCsv, ratingsOf, readerName } from "./study.js";

// place: the section of the form. view: {overview, host, show(choice), tell(text), lock(on), reader(name)}.
export function studyForm(place, view) {
  const { overview, host } = view, part = (name) => place.querySelector(`[name=${name}]`);
  let rating = null;

  // The score and the remark of one map.
  function scoreRow(item, number) {
    const row = element("p"), scores = element("span"), remark = element("label", "Remark ");
    scores.setAttribute("role", "radiogroup");
    scores.setAttribute("aria-label", `Score of map ${item.code}`);
    scores.append(...[1, 2, 3, 4, 5].map((score) => {
      const label = element("label");
      label.append(element("input", undefined, { type: "radio", name: `score${number}`, value: score }),
        { 1: "1 not at all", 5: "5 exactly there" }[score] ?? String(score));
      return label;
    }));
    remark.append(element("input", undefined, { name: `remark${number}`, maxLength: 1000, size: 30 }));
    row.append(element("b", item.code), scores, remark);
    return row;
  }

  async function next() {
    const { items, done, total } = nextScreen(overview, rating.reader, Number(part("together").value), await host.ratings(rating.reader));
    part("progress").textContent = items ? `${done} of ${total} maps rated` : `All ${total} maps are rated. Thank you.`;
    if (!items) return stop();
    rating.items = items;
    const { target, model, record } = items[0];
    const { label } = overview.targets.find((one) => one.name === target);
    part("question").textContent = `${label}: does the map mark where you would measure it?`;
    part("ratings").replaceChildren(...items.map(scoreRow));
    const slots = items.map((item) => slotOf(item.code));
    await view.show({ target, model, record, view: items.length > 1 ? "two" : "one", slot: slots[0], second: slots[1] ?? 1, blind: true, names: false });
  }

  async function begin() {
    const reader = readerName(part("reader").value);
    if (!reader) {
      view.tell("Write who reads (initials, for example) before starting.");
      return part("reader").focus();
    }
    rating = { reader };
    view.reader(reader);
    lock(true);
    try {
      await next();
    } catch (error) {
      view.tell(error.message);
      stop();
    }
  }

  function stop() {
    rating = null;
    lock(false);
    view.show({});
  }

  // While a study runs, only leads, zoom and the like may be changed.
  function lock(on) {
    for (const name of ["reader", "together", "start"]) part(name).disabled = on;
    part("rating").hidden = part("stop").hidden = !on;
    view.lock(on);
  }

  // A digit scores the first map that has no score yet, or else the last.
  function giveScore(score) {
    const rows = [...part("ratings").children], open = rows.find((row) => !row.querySelector(":checked")) ?? rows.at(-1);
    open.querySelector(`[value="${score}"]`).checked = true;
  }

  async function saveScores() {
    const { reader, items } = rating;
    const scores = items.map((_, number) => place.querySelector(`[name=score${number}]:checked`)?.value);
    if (!scores.every(Boolean)) return view.tell("Choose a score from 1 to 5 first.");
    try {
      for (const [i, item] of items.entries()) {
        await host.keepRating(ratingRow(overview, reader, item, items, Number(scores[i]), part(`remark${i}`).value));
      }
    } catch (error) {
      return view.tell(error.message);
    }
    await next();
  }

  async function exportRatings() {
    const reader = readerName(part("reader").value), rows = reader ? ratingsOf(overview, await host.ratings(reader)) : [];
    if (!rows.length) return view.tell(reader ? `${reader} has rated no map of these networks here.` : "Write whose ratings to export.");
    save(new Blob([ratingsCsv(rows)], { type: "text/csv;charset=utf-8" }), `ratings-${reader.replace(/[^\w-]+/g, "_") || "reader"}.csv`);
  }

  part("start").addEventListener("click", begin);
  part("stop").addEventListener("click", stop);
  part("save").addEventListener("click", saveScores);
  part("export").addEventListener("click", exportRatings);
  part("reader").addEventListener("change", () => view.reader(readerName(part("reader").value)));
  part("kept").textContent = host.keptWhere;

  return {
    get running() { return rating !== null; },
    // Handles a key; whether it was one of the study's.
    press(event) {
      const { target, key } = event;
      if (key === "Enter" && target === part("reader") && !rating) return begin(), true;
      if (!rating) return false;
      if (key === "Enter" && !target.matches("button")) return saveScores(), true;
      if (/^[1-5]$/.test(key) && !target.matches("input:not([type=checkbox], [type=radio], [type=range])")) return giveScore(key), true;
      return false;
    },
  };
}
