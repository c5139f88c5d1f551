// The reading study: set up, then one blinded map at a time with a score and a remark, then its results.
import { slotOf } from "./blinding.js";
import { save } from "./dom.js";
import {
  durationText, itemsOf, keyOf, latest, practiceItem, ratedMaps, ratedNetworks, ratingRow, ratingsCsv, raterName, settingsOf,
} from "./study.js";
import { drawReport } from "./study_report.js";
import { scoreRow } from "./study_shell.js";

const FIELDS = "input:not([type=checkbox], [type=radio], [type=range])";

// place: the section of the form. view: {overview, host, toggle, show(choice), lock(on), rater(name), target(), attend()}.
export function studyForm(place, view) {
  const { overview, host } = view, setup = overview.study, part = (name) => place.querySelector(`[name="${name}"]`);
  const boxes = [...part("targets").querySelectorAll("input")];
  const most = Math.min(setup.pool, Math.max(1, ...ratedNetworks(overview).map((network) => network.records.length)));
  let rating = null, proposed = false; // rating: {rater, settings, items, at, item, rows, practice, done}

  function notify(text) {
    part("study-message").textContent = text;
    part("study-message").hidden = !text;
  }

  // ---- setting up

  const settings = () => ({
    targets: boxes.filter((box) => box.checked).map((box) => box.value),
    records: Math.min(most, Math.max(1, Math.round(Number(part("records").value)) || 1)),
  });

  function propose({ targets, records }) {
    for (const box of boxes) box.checked = targets.includes(box.value);
    part("records").value = records;
  }

  const own = async () => {
    const rater = raterName(part("rater").value);
    return { rater, rows: rater ? latest(overview, await host.ratings(rater)).map(({ row }) => row) : [] };
  };

  // How many maps, how many are rated, and how long the rest takes.
  async function estimate() {
    const { rater, rows } = await own(), chosen = settings();
    const done = ratedMaps(overview, rater, rows), items = itemsOf(overview, rater, chosen);
    const left = items.filter((item) => !done.has(keyOf(item))).length, whole = items.length && !left;
    const so = left < items.length ? `${items.length - left} of ${items.length} maps rated` : `${items.length} maps`;
    const time = left ? `, about ${durationText(left * setup.seconds)}${left < items.length ? " more" : ""}` : "";
    part("estimate").textContent = chosen.targets.length ? `${so}${time}. You can stop at any time and continue later.` : "Choose at least one target.";
    part("start").textContent = left < items.length ? "Continue" : "Start";
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
    if (!proposed) propose({ ...setup, targets: view.target() in setup.questions ? [view.target()] : setup.targets });
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
    rating = { rater, settings: chosen, items: itemsOf(overview, rater, chosen), rows, at: -1, practice: fresh };
    view.rater(rater);
    lock(true);
    await (fresh ? showItem(practiceItem(overview, rater, chosen)) : next());
  }

  // The first map that has no rating yet.
  function next() {
    rating.practice = false;
    rating.done = ratedMaps(overview, rating.rater, rating.rows);
    rating.at = rating.items.findIndex((item) => !rating.done.has(keyOf(item)));
    if (rating.at >= 0) return showItem(rating.items[rating.at]);
    return stop(`Done: all ${rating.items.length} maps are rated. Thank you.`);
  }

  function back() {
    if (rating.practice || rating.at < 1) return notify("This is the first map.");
    rating.at -= 1;
    return showItem(rating.items[rating.at]);
  }

  async function showItem(item) {
    rating.item = item;
    const { target, model, record } = item, all = rating.items;
    const done = rating.practice ? 0 : all.filter((one) => rating.done.has(keyOf(one))).length;
    part("question").textContent = setup.questions[target];
    part("scale").textContent = ` ${Object.entries(setup.scale).map(([score, words]) => `${score} ${words}`).join(" … ")}`;
    part("ratings").replaceChildren(scoreRow(item, rating.practice ? null : rating.done.get(keyOf(item))));
    part("progress").textContent = rating.practice ? `Practice: this score is not kept. ${all.length} maps follow.`
      : `${done} of ${all.length} maps rated, about ${durationText((all.length - done) * setup.seconds)} to go`;
    part("back").hidden = rating.practice || rating.at < 1;
    notify("");
    await view.show({ target, model, record, view: "one", slot: slotOf(item.code), blind: true, leads: "all", baseline: "flat" });
    view.attend();
  }

  async function saveScore() {
    const { rater, item, settings: chosen } = rating, score = place.querySelector("[name=score]:checked")?.value;
    if (!score) return notify("Choose a score from 1 to 5 first.");
    if (!rating.practice) {
      const row = ratingRow(overview, rater, item, Number(score), part("remark").value, chosen);
      await host.keepRating(row);
      rating.rows.push(row);
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

  function giveScore(score) {
    place.querySelector(`[name=score][value="${score}"]`).checked = true;
  }

  // ---- results and files

  async function showResults() {
    const { rows } = await own();
    drawReport(part("report"), overview, rows, settings().targets);
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
  const acts = Object.fromEntries(Object.entries({ start: begin, stop: () => stop(), back, save: saveScore, results: showResults, export: exportRatings })
    .map(([name, act]) => [name, guarded(act)]));
  for (const [name, act] of Object.entries(acts)) part(name).addEventListener("click", act);
  for (const name of ["records", "targets"]) part(name).addEventListener("change", guarded(estimate));
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
