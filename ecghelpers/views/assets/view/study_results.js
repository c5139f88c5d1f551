// What ratings say, as ecghelpers/study/results.py says it: for the page, which has no Python.
import { latest } from "./study.js";

const FLOOR = "random";
const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;

function grouped(items, keyOfItem) {
  const groups = new Map();
  for (const item of items) {
    const key = keyOfItem(item);
    groups.set(key, [...groups.get(key) ?? [], item]);
  }
  return groups;
}

// {readers, ratings, scores, agreement, ranks, rho, left_out} of rows, as Python's for_views.answers; verdicts need Python.
export function resultsOf(overview, rows) {
  const rated = latest(overview, rows).map(({ row, reader, map }) => ({ ...map, reader, score: Number(row.score) }));
  const { ranks, rho } = ranksBeside(overview.study.tests, rated);
  return {
    readers: [...new Set(rated.map((one) => one.reader))].sort(), ratings: rated.length,
    scores: scoresOf(overview.study, rated), agreement: agreementOf(overview.study.quantiles, rated), ranks, rho, left_out: [],
  };
}

// Readers averaged within a map: [{method, record, value}, …].
function perMap(rated) {
  const maps = grouped(rated, ({ target, model, record, method }) => JSON.stringify([target, model, record, method]));
  return [...maps.values()].map((same) => ({ method: same[0].method, record: same[0].record, value: mean(same.map((one) => one.score)) }));
}

// The error is that of sums over records (or patients), each with as many maps as it has.
function scoresOf({ quantiles, patients }, rated) {
  const rows = [...grouped(perMap(rated), (map) => map.method)].map(([method, maps]) => {
    const score = mean(maps.map((map) => map.value)), clusters = [...grouped(maps, ({ record }) => patients[record] ?? record).values()];
    const apart = clusters.map((own) => own.reduce((sum, map) => sum + map.value - score, 0)), count = clusters.length;
    const spread = apart.reduce((sum, value) => sum + value ** 2, 0) * count / (count - 1);
    const reach = count > 1 ? quantiles[count] * Math.sqrt(spread) / maps.length : null;
    const end = (side) => reach === null ? null : Math.min(5, Math.max(1, score + side * reach));
    return { method, n: maps.length, records: count, score, low: end(-1), high: end(1), verdict: "" };
  });
  const chance = rows.find((row) => row.method === FLOOR)?.score ?? null;
  return rows.map((row) => ({ ...row, chance })).sort((a, b) => b.score - a.score || (a.method < b.method ? -1 : 1));
}

// Krippendorff's α of units [[score, …], …], ordinal; null with one value throughout.
function alphaOf(units) {
  const pairs = Array.from({ length: 6 }, () => new Float64Array(6)), totals = new Float64Array(6);
  for (const scores of units) {
    scores.forEach((a, i) => scores.forEach((b, j) => { if (i !== j) pairs[a][b] += 1 / (scores.length - 1); }));
  }
  for (let a = 1; a <= 5; a++) for (let b = 1; b <= 5; b++) totals[a] += pairs[a][b];
  let seen = 0, expected = 0;
  for (let a = 1; a <= 5; a++) {
    for (let b = a + 1, between = totals[a]; b <= 5; b++) {
      between += totals[b];
      const apart = (between - (totals[a] + totals[b]) / 2) ** 2;
      seen += pairs[a][b] * apart;
      expected += totals[a] * totals[b] * apart;
    }
  }
  const count = totals.reduce((sum, value) => sum + value, 0);
  return expected ? 1 - (count - 1) * seen / expected : null;
}

// Between readers, with a jackknife's interval over records.
function agreementOf(quantiles, rated) {
  const maps = [...grouped(rated, ({ target, model, record, method }) => JSON.stringify([target, model, record, method])).values()];
  const units = maps.filter((same) => same.length > 1).map((same) => ({ record: same[0].record, scores: same.map((one) => one.score) }));
  const of = (some) => alphaOf(some.map((unit) => unit.scores)), alpha = of(units);
  const records = [...new Set(units.map((unit) => unit.record))], count = records.length;
  const without = records.map((record) => of(units.filter((unit) => unit.record !== record)));
  const known = count > 1 && !without.includes(null), middle = known ? mean(without) : 0;
  const reach = known ? quantiles[count] * Math.sqrt(without.reduce((sum, value) => sum + (value - middle) ** 2, 0) * (count - 1) / count) : null;
  return { alpha, low: known ? alpha - reach : null, high: known ? Math.min(1, alpha + reach) : null, maps: units.length, records: count };
}

// Ranks of values (method → value), 1 the highest, ties shared.
function ranksOf(values) {
  const all = Object.values(values);
  return Object.fromEntries(Object.entries(values).map(([method, value]) => {
    const above = all.filter((other) => other > value).length, same = all.filter((other) => other === value).length;
    return [method, above + (same + 1) / 2];
  }));
}

function correlation(a, b) {
  const x = mean(a), y = mean(b);
  const sum = (f) => a.reduce((total, _, k) => total + f(a[k] - x, b[k] - y), 0);
  return sum((p, q) => p * q) / Math.sqrt(sum((p) => p * p) * sum((_, q) => q * q));
}

// Ranks by readers and by each test of the review, random left out, and Spearman's ρ between them.
function ranksBeside(tests, rated) {
  const scores = {}, rho = {};
  for (const [method, maps] of grouped(perMap(rated), (map) => map.method)) if (method !== FLOOR) scores[method] = mean(maps.map((map) => map.value));
  if (!tests.length || !rated.length) return { ranks: {}, rho };
  const readers = ranksOf(scores), ranks = Object.fromEntries(Object.keys(scores).map((method) => [method, { readers: readers[method] }]));
  for (const [test, , values] of tests) {
    const both = Object.keys(scores).filter((method) => method in values);
    const mine = ranksOf(Object.fromEntries(both.map((method) => [method, scores[method]])));
    const theirs = ranksOf(Object.fromEntries(both.map((method) => [method, values[method]])));
    for (const method of Object.keys(scores)) ranks[method][test] = theirs[method] ?? null;
    const found = both.length > 2 ? correlation(both.map((method) => mine[method]), both.map((method) => theirs[method])) : NaN;
    if (Number.isFinite(found)) rho[test] = found;
  }
  return { ranks, rho };
}
