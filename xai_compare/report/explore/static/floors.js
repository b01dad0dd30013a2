// Floors at every threshold: the best score of the maps that do not know the answer, as in the run's table of nulls. Of
// those only the random surrogates are missing here, for they do not travel.

import { mapOf, meanMap, page, scores } from "./data.js";
import { best, curves, curvesAt } from "./overlap.js";

/** @typedef {import("./overlap.js").Metric} Metric */

/** @param {import("./data.js").LevelMap} map */
const cuttable = (map) => ({ levels: map.levels, mask: false });

/** A mask of the whole face. */
function whole() {
  return { levels: new Uint8Array(page.shape[0] * page.shape[1]).fill(255), mask: true };
}

/**
 * The expressions of which the table has scores of these two, besides one.
 * @param {string} a
 * @param {string} b
 * @param {string} expression
 */
function others(a, b, expression) {
  const named = new Set(
    scores.filter((one) => one.a === a && one.b === b && one.fold === "all").map((one) => one.expression),
  );
  return [...named].filter((name) => name !== expression && name !== "all");
}

/** @param {Float64Array[]} all */
function mean(all) {
  const made = new Float64Array(255).fill(NaN);
  for (let t = 0; t < 255; t++) {
    const finite = all.map((one) => one[t]).filter((value) => !Number.isNaN(value));
    if (finite.length) made[t] = finite.reduce((sum, value) => sum + value, 0) / finite.length;
  }
  return made;
}

/**
 * Curves of the nulls of a score, by metric and null.
 * @param {string} a a source
 * @param {string} b a source, or "" for the masks
 * @param {string} expression
 * @param {Metric} metric
 * @returns {Promise<Map<string, Float64Array>>}
 */
export async function nullCurves(a, b, expression, metric) {
  const masks = page.masks.tiles,
    toMask = b === "";
  const target = toMask ? masks[expression] : meanMap(b, expression)?.tile;
  /** @type {Map<string, Float64Array>} */
  const made = new Map();
  if (target === undefined) return made;
  const reference = { ...cuttable(await mapOf(target)), mask: toMask };
  made.set("whole", curves(whole(), reference)[metric]);
  /** @type {[string, number | undefined][]} */
  const tiles = [
    ["prior", page.nulls.prior],
    ["mean_map", page.nulls.mean_map],
    ["other_map", page.nulls.other_map.find((one) => one.source === a && one.expression === expression)?.tile],
  ];
  for (const [name, tile] of tiles) {
    if (tile === undefined) continue;
    const map = await mapOf(tile);
    if (!toMask) made.set(name, curves(cuttable(map), reference)[metric]);
    else if (map.otsu !== null) made.set(name, curvesAt(cuttable(map), reference, map.otsu)[metric]);
  }
  const own = meanMap(a, expression);
  if (own && expression !== "all") {
    const map = cuttable(await mapOf(own.tile)),
      all = [];
    for (const name of others(a, toMask ? page.masks.name : b, expression)) {
      const tile = toMask ? masks[name] : meanMap(b, name)?.tile;
      if (tile !== undefined) all.push(curves(map, { ...cuttable(await mapOf(tile)), mask: toMask })[metric]);
    }
    if (all.length) made.set("other", mean(all));
  }
  return made;
}

/**
 * The floor at each threshold.
 * @param {Map<string, Float64Array>} nulls
 */
export function floorOf(nulls) {
  return best([...nulls.values()]);
}

/** What a kind of floor is, in words. */
export const FLOORS = /** @type {Record<string, string>} */ ({
  whole: "the whole face",
  prior: "a map of where faces are",
  mean_map: "the mean of all networks' maps",
  other: "other expressions",
  other_map: "the same source's other expressions",
  surrogate: "random maps as smooth as this one",
  permuted: "expressions in another order",
});
