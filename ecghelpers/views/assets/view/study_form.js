// The reading study: set up, then one or two blinded maps at a time with a score and a remark for each, then its results.
import { slotOf } from "./blinding.js";
import { save } from "./dom.js";
import {
  durationText, keyOf, latest, paceOf, practiceScreen, ratedMaps, ratedNetworks, ratingRow, ratingsCsv, raterName, settingsOf, studyScreens,
} from "./study.js";
import { drawReport } from "./study_report.js";
import { scoreRow } from "./study_shell.js";

const FIELDS = "input:not([type=checkbox], [type=radio], [type=range])";

// place: the section of the form. view: {overview, host, toggle, show(choice), lock(on), rater(name), target(), attend()}.
export function studyForm(place, view) {
  const { overview, host } = view, setup = overview.study, part = (name) => place.querySelector(`[name="${name}"]`);
  const boxes = [...part("targets").querySelectorAll("input")];
  const most = Math.min(setup.pool, Math.max(1, ...ratedNetworks(overview).map((network) => network.records.length)));
  let rating = null, proposed = false; // rating: {rater, settings, screens, at, rows, practice, done}

  function notify(text) {
    part("study-message").textContent = text;
    part("study-message").hidden = !text;
  }

  // ---- setting up

  const settings = () => ({
    targets: boxes.filter((box) => box.checked).map((box) => box.value),
    records: Math.min(most, Math.max(1, Math.round(Number(part("records").value)) || 1)), together: Number(part("together").value),
  });

  function propose({ targets, records, together }) {
    for (const box of boxes) box.checked = targets.includes(box.value);
    [part("records").value, part("together").value] = [records, together];
  }

  const own = async () => {
    const rater = raterName(part("rater").value);
    return { rater, rows: rater ? latest(overview, await host.ratings(rater)).map(({ row }) => row) : [] };
  };

  // How many maps, how many are rated, and how long the rest takes.
  async function estimate() {
    const { rater, rows } = await own(), chosen = settings();
    const done = ratedMaps(overview, rater, rows), screens = studyScreens(overview, rater, chosen).flat();
    const left = screens.filter((item) => !done.has(keyOf(item))).length, whole = screens.length && !left;
    const so = left < screens.length ? `${screens.length - left} of ${screens.length} maps rated` : `${screens.length} maps`;
    const time = left ? `, about ${durationText(left * paceOf(overview, rows))}${left < screens.length ? " more" : ""}` : "";
    part("estimate").textContent = chosen.targets.length ? `${so}${time}. You can stop at any time and continue later.` : "Choose at least one target.";
    part("start").textContent = left < screens.length ? "Continue" : "Start";
    part("start").disabled = !chosen.targets.length || whole;
    part("results").hidden = !whole; // results shown earlier would unblind the remaining maps
    part("export").hidden = !rows.length;
  }

  // Proposes the last settings of a rater.
  async function known() {
    const { rater, rows } = await own(), last = settingsOf(rows.at(-1)?.settings);
    view.rater(rater);
    notify("");
    if (last && last.targets.some((target) => boxes.some((box) => box.value === target))) propose(last);
    await estimate();
  }

  function toggle() {
    const open = place.hidden;
    if (rating) return;
    place.hidden = !open;
    view.toggle.setAttribute("aria-expanded", String(open));
    if (!open) return;
    if (!proposed) propose({ ...setup, targets: view.target() in setup.questions ? [view.target()] : setup.targets, together: 1 });
    proposed = true;
    estimate();
    place.scrollIntoView({ block: "nearest" });
    part("rater").focus({ preventScroll: true });
  }

  // ---- rating

  async function begin() {
    const { rater, rows } = await own(), chosen = settings();
    if (!rater) {
      notify("Enter your initials first.");
      return part("rater").focus();
    }
    const fresh = !ratedMaps(overview, rater, rows).size;
    rating = { rater, settings: chosen, screens: studyScreens(overview, rater, chosen), rows, at: -1, practice: fresh };
    view.rater(rater);
    lock(true);
    await (fresh ? showScreen(practiceScreen(overview, rater, chosen)) : next());
  }

  const isRated = (items) => items.every((item) => rating.done.has(keyOf(item)));

  // The first screen with a map that has no rating yet.
  function next() {
    rating.practice = false;
    rating.done = ratedMaps(overview, rating.rater, rating.rows);
    rating.at = rating.screens.findIndex((items) => !isRated(items));
    if (rating.at >= 0) return showScreen(rating.screens[rating.at]);
    return stop(`Done: all ${rating.screens.flat().length} maps are rated. Thank you.`);
  }

  function back() {
    if (rating.practice || rating.at < 1) return notify("This is the first map.");
    rating.at -= 1;
    return showScreen(rating.screens[rating.at]);
  }

  async function showScreen(items) {
    rating.items = items;
    const { target, model, record } = items[0], slots = items.map((item) => slotOf(item.code)), all = rating.screens.flat();
    const done = rating.practice ? 0 : all.filter((item) => rating.done.has(keyOf(item))).length;
    part("question").textContent = setup.questions[target];
    part("scale").textContent = ` ${Object.entries(setup.scale).map(([score, words]) => `${score} ${words}`).join(" … ")}`;
    part("ratings").replaceChildren(...items.map((item, number) => scoreRow(item, number, items.length === 1, rating.practice ? null : rating.done.get(keyOf(item)))));
    part("progress").textContent = rating.practice ? `Practice: this score is not kept. ${all.length} maps follow.`
      : `${done} of ${all.length} maps rated, about ${durationText((all.length - done) * paceOf(overview, rating.rows))} to go`;
    part("back").hidden = rating.practice || rating.at < 1;
    notify("");
    await view.show({ target, model, record, view: items.length > 1 ? "two" : "one", slot: slots[0], second: slots[1] ?? 1, blind: true, leads: "all", baseline: "flat" });
    view.attend();
  }

  async function saveScores() {
    const { rater, items } = rating;
    const scores = items.map((_, number) => place.querySelector(`[name=score${number}]:checked`)?.value);
    if (!scores.every(Boolean)) return notify("Choose a score from 1 to 5 first.");
    if (!rating.practice) {
      for (const [number, item] of items.entries()) {
        const row = ratingRow(overview, rater, item, items, Number(scores[number]), part(`remark${number}`).value, rating.settings);
        await host.keepRating(row);
        rating.rows.push(row);
      }
    }
    await next();
  }

  async function stop(text = "") {
    rating = null;
    lock(false);
    await estimate();
    if (!text) return;
    await showResults();
    part("estimate").textContent = text;
    place.scrollIntoView({ block: "start" });
  }

  // While a study runs, only the leads may be changed.
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

  async function showResults() {
    const { rows } = await own();
    drawReport(part("report"), overview, rows, settings().targets, await host.results?.() ?? null);
    part("report").hidden = false;
  }

  async function exportRatings() {
    const { rater, rows } = await own();
    save(new Blob([ratingsCsv(rows)], { type: "text/csv;charset=utf-8" }), `ratings-${rater.replace(/[^\w-]+/g, "_") || "rater"}.csv`);
  }

  const guarded = (act) => async () => {
    try {
      await act();
    } catch (error) {
      notify(error.message);
    }
  };
  const acts = Object.fromEntries(Object.entries({ start: begin, stop: () => stop(), back, save: saveScores, results: showResults, export: exportRatings })
    .map(([name, act]) => [name, guarded(act)]));
  for (const [name, act] of Object.entries(acts)) part(name).addEventListener("click", act);
  for (const name of ["records", "together", "targets"]) part(name).addEventListener("change", guarded(estimate));
  part("rater").addEventListener("change", guarded(known));
  view.toggle.addEventListener("click", toggle);
  part("records").max = most;
  part("most").textContent = `of ${most}`;

  return {
    // Handles a key pressed at a node; returns whether it was one of the study's keys.
    press({ key }, node) {
      const typing = node.matches?.(FIELDS);
      if (key === "Enter" && node === part("rater") && !rating) acts.start();
      else if (!rating) return false;
      else if (key === "Enter" && !node.matches?.("button")) acts.save();
      else if (key === "Backspace" && !typing) acts.back();
      else if (/^[1-5]$/.test(key) && !typing) giveScore(key);
      else return false;
      return true;
    },
  };
}
