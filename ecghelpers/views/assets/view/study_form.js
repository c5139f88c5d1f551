// The reading study: set up, then one or two blinded maps at a time with a score and a remark for each, then its results.
import { slotOf } from "./blinding.js";
import { save } from "./dom.js";
import {
  durationText, keyOf, latest, paceOf, practiceScreen, ratedMaps, ratedNetworks, ratingRow, ratingsCsv, ratingsOfCsv, readerName, settingsOf,
  studyScreens,
} from "./study.js";
import { drawReport } from "./study_report.js";
import { resultsOf } from "./study_results.js";
import { scoreRow } from "./study_shell.js";

const FIELDS = "input:not([type=checkbox], [type=radio], [type=range])";

// place: the section of the form. view: {overview, host, show(choice), tell(text), lock(on), reader(name), attend()}.
export function studyForm(place, view) {
  const { overview, host } = view, asked = overview.study, part = (name) => place.querySelector(`[name="${name}"]`);
  const boxes = [...part("asked").querySelectorAll("input")];
  const most = Math.min(asked.pool, Math.max(...ratedNetworks(overview).map((network) => network.records.length)));
  let rating = null; // {reader, settings, screens, at, rows, practice}

  // ---- setting up

  const settings = () => ({
    targets: boxes.filter((box) => box.checked).map((box) => box.value),
    records: Math.min(most, Math.max(1, Math.round(Number(part("records").value)) || 1)), together: Number(part("together").value),
  });

  function propose({ targets, records, together }) {
    for (const box of boxes) box.checked = targets.includes(box.value);
    [part("records").value, part("together").value] = [records, together];
  }

  // How many maps, how many are rated, and how long the rest takes.
  async function estimate() {
    const reader = readerName(part("reader").value), chosen = settings(), rows = reader ? await host.ratings(reader) : [];
    const done = ratedMaps(overview, reader, rows), screens = studyScreens(overview, reader, chosen).flat();
    const left = screens.filter((item) => !done.has(keyOf(item))).length, seconds = paceOf(overview, rows);
    const so = left < screens.length ? `${screens.length - left} of ${screens.length} maps rated` : `${screens.length} maps`;
    const time = left ? `, about ${durationText(left * seconds)}${left < screens.length ? " more" : ""} at ${Math.round(seconds)} s a map` : "";
    const few = chosen.records < asked.least ? ` With fewer than ${asked.least} ECGs no single method can be told from random maps.` : "";
    part("estimate").textContent = chosen.targets.length
      ? `${so}${time}. Stop when you like: what is rated counts, and you can go on where you were.${few}` : "Choose at least one target.";
    part("start").textContent = left < screens.length ? "Go on" : "Start";
    part("start").disabled = !chosen.targets.length;
  }

  // A reader who has begun finds what she was asked for.
  async function known() {
    const reader = readerName(part("reader").value);
    view.reader(reader);
    const rows = reader ? latest(overview, await host.ratings(reader)).map(({ row }) => row) : [];
    const last = settingsOf(rows.at(-1)?.settings);
    if (last && last.targets.some((target) => boxes.some((box) => box.value === target))) propose(last);
    await estimate();
  }

  // ---- rating

  async function begin() {
    const reader = readerName(part("reader").value), chosen = settings();
    if (!reader) {
      view.tell("Write who reads (initials, for example) before starting.");
      return part("reader").focus();
    }
    const rows = await host.ratings(reader), fresh = !ratedMaps(overview, reader, rows).size;
    rating = { reader, settings: chosen, screens: studyScreens(overview, reader, chosen), rows, at: -1, practice: fresh };
    view.reader(reader);
    lock(true);
    await (fresh ? showScreen(practiceScreen(overview, reader, chosen)) : next());
  }

  const isRated = (items) => items.every((item) => rating.done.has(keyOf(item)));

  // The first screen with a map that has no rating yet.
  function next() {
    rating.practice = false;
    rating.done = ratedMaps(overview, rating.reader, rating.rows);
    rating.at = rating.screens.findIndex((items) => !isRated(items));
    if (rating.at >= 0) return showScreen(rating.screens[rating.at]);
    stop();
    return showResults();
  }

  function back() {
    if (rating.practice || rating.at < 1) return view.tell("There is no map before this one.");
    rating.at -= 1;
    return showScreen(rating.screens[rating.at]);
  }

  async function showScreen(items) {
    rating.items = items;
    const { target, model, record } = items[0], slots = items.map((item) => slotOf(item.code)), all = rating.screens.flat();
    const done = rating.practice ? 0 : all.filter((item) => rating.done.has(keyOf(item))).length;
    part("question").textContent = asked.questions[target];
    part("scale").textContent = ` ${Object.entries(asked.scale).map(([score, words]) => `${score} ${words}`).join(" … ")}`;
    part("ratings").replaceChildren(...items.map((item, number) => scoreRow(item, number, items.length === 1, rating.practice ? null : rating.done.get(keyOf(item)))));
    part("progress").textContent = rating.practice ? `Practice: this score is not kept. Then ${all.length} maps.`
      : `${done} of ${all.length} maps rated, about ${durationText((all.length - done) * paceOf(overview, rating.rows))} to go`;
    part("back").hidden = rating.practice || rating.at < 1;
    view.tell("");
    await view.show({ target, model, record, view: items.length > 1 ? "two" : "one", slot: slots[0], second: slots[1] ?? 1, blind: true, names: false });
    view.attend();
  }

  async function saveScores() {
    const { reader, items } = rating;
    const scores = items.map((_, number) => place.querySelector(`[name=score${number}]:checked`)?.value);
    if (!scores.every(Boolean)) return view.tell("Choose a score from 1 to 5 first.");
    if (!rating.practice) {
      for (const [number, item] of items.entries()) {
        const row = ratingRow(overview, reader, item, items, Number(scores[number]), part(`remark${number}`).value, rating.settings);
        await host.keepRating(row);
        rating.rows.push(row);
      }
    }
    await next();
  }

  function stop() {
    rating = null;
    lock(false);
    return refresh();
  }

  // While a study runs, only leads, zoom and the like may be changed.
  function lock(on) {
    part("setup").hidden = on;
    part("rating").hidden = !on;
    if (on) part("report").hidden = true;
    view.lock(on);
  }

  // A digit scores the first map that has no score yet, or else the last.
  function giveScore(score) {
    const rows = [...part("ratings").children], open = rows.find((row) => !row.querySelector(":checked")) ?? rows.at(-1);
    open.querySelector(`[value="${score}"]`).checked = true;
  }

  // ---- results and files

  const results = async () => host.results ? host.results() : resultsOf(overview, await host.allRatings());

  async function refresh() {
    part("results").hidden = !(await results()).ratings;
    await estimate();
  }

  async function showResults() {
    const report = part("report"), shown = !report.hidden && !rating;
    report.hidden = shown;
    part("results").setAttribute("aria-expanded", String(!shown));
    if (shown) return;
    drawReport(report, await results(), overview, host.results ? "" : host.resultsLack);
    report.scrollIntoView({ block: "nearest" });
  }

  async function exportRatings() {
    const reader = readerName(part("reader").value), rows = reader ? latest(overview, await host.ratings(reader)).map(({ row }) => row) : [];
    if (!rows.length) return view.tell(reader ? `${reader} has rated no map of these networks here.` : "Write whose ratings to export.");
    save(new Blob([ratingsCsv(rows)], { type: "text/csv;charset=utf-8" }), `ratings-${reader.replace(/[^\w-]+/g, "_") || "reader"}.csv`);
  }

  async function importRatings() {
    const told = [];
    for (const file of part("import").files) {
      try {
        const rows = ratingsOfCsv(await file.text()), fit = latest(overview, rows).map(({ row }) => row);
        await host.keepRatings(fit.map((row) => ({ ...row, reader: readerName(row.reader) })));
        if (!fit.length) told.push(`${file.name}: none of its ${rows.length} ratings is of these maps`);
      } catch (error) {
        told.push(`${file.name}: ${error.message}`);
      }
    }
    part("import").value = "";
    await refresh();
    part("report").hidden = true;
    if (!part("results").hidden) await showResults();
    view.tell(told.join("; "));
  }

  // What goes wrong is told; a study that cannot go on ends.
  const guarded = (act) => async () => {
    try {
      await act();
    } catch (error) {
      view.tell(error.message);
    }
  };
  const acts = Object.fromEntries(Object.entries({ start: begin, stop, back, save: saveScores, results: showResults, export: exportRatings })
    .map(([name, act]) => [name, guarded(act)]));
  for (const [name, act] of Object.entries(acts)) part(name).addEventListener("click", act);
  for (const name of ["records", "together", "asked"]) part(name).addEventListener("change", guarded(estimate));
  part("reader").addEventListener("change", guarded(known));
  part("import").addEventListener("change", guarded(importRatings));
  part("records").max = most;
  part("most").textContent = `of ${most}`;
  propose(asked);
  part("together").value = 1;
  guarded(refresh)();

  return {
    get running() { return rating !== null; },
    // Handles a key; whether it was one of the study's.
    press({ target, key }) {
      const typing = target.matches?.(FIELDS);
      if (key === "Enter" && target === part("reader") && !rating) acts.start();
      else if (!rating) return false;
      else if (key === "Enter" && !target.matches?.("button")) acts.save();
      else if (key === "Backspace" && !typing) acts.back();
      else if (/^[1-5]$/.test(key) && !typing) giveScore(key);
      else return false;
      return true;
    },
  };
}
