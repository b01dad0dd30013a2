// How far two maps overlap where they are cut, at every level at once: a pixel lies in both cuts as long as the lower of
// its two levels is above the threshold, so one histogram of the lower levels holds all 256 overlaps.

/**
 * @typedef {"dice" | "iou" | "precision" | "recall"} Metric
 * @typedef {{levels: Uint8Array, mask: boolean}} Cuttable a map, or a mask (levels 0 and 255) that no threshold changes
 */

/** @type {[Metric, string][]} */
export const METRICS = [
  ["dice", "Dice"],
  ["iou", "IoU"],
  ["precision", "Precision"],
  ["recall", "Recall"],
];

/**
 * Pixels above each level.
 * @param {(index: number) => number} level
 * @param {number} size
 */
function above(level, size) {
  const counts = new Float64Array(257);
  for (let i = 0; i < size; i++) counts[level(i)]++;
  for (let t = 254; t >= 0; t--) counts[t] += counts[t + 1];
  // counts[t + 1]: pixels of a level greater than t.
  return counts.subarray(1, 257);
}

/**
 * Dice, IoU, precision and recall of a map against another map or a mask, at each threshold 0 to 254; NaN where they
 * are undefined. Precision is the share of `a` that lies in `b`.
 * @param {Cuttable} a
 * @param {Cuttable} b
 * @returns {Record<Metric, Float64Array>}
 */
export function curves(a, b) {
  const size = a.levels.length,
    [one, two] = [a.levels, b.levels];
  const both = above((i) => (one[i] < two[i] ? one[i] : two[i]), size);
  const first = above((i) => one[i], size),
    second = above((i) => two[i], size);
  const made = {
    dice: new Float64Array(255),
    iou: new Float64Array(255),
    precision: new Float64Array(255),
    recall: new Float64Array(255),
  };
  // A map that is 0 everywhere could not be scaled, and has no cut.
  const known = first[0] > 0 && second[0] > 0;
  for (let t = 0; t < 255; t++) {
    const hits = both[t],
      [left, right] = [first[t], second[t]];
    made.dice[t] = known ? (2 * hits) / (left + right) : NaN;
    made.iou[t] = known ? hits / (left + right - hits) : NaN;
    made.precision[t] = known ? hits / left : NaN;
    made.recall[t] = known ? hits / right : NaN;
  }
  return made;
}

/**
 * The same with `a` cut at one level, whatever the threshold: what is compared with a mask is cut at its own.
 * @param {Cuttable} a
 * @param {Cuttable} b
 * @param {number} cut
 */
export function curvesAt(a, b, cut) {
  return curves({ levels: a.levels.map((level) => (level > cut ? 255 : 0)), mask: true }, b);
}

/**
 * The best of several curves at each threshold; NaN where all are.
 * @param {Float64Array[]} all
 */
export function best(all) {
  const top = new Float64Array(255).fill(NaN);
  for (const one of all)
    one.forEach((value, t) => {
      if (!(value <= top[t]) && !Number.isNaN(value)) top[t] = value;
    });
  return top;
}

/**
 * Where one curve lies at or below another, as ranges of thresholds.
 * @param {Float64Array} curve
 * @param {Float64Array} floor
 * @returns {[number, number][]}
 */
export function under(curve, floor) {
  /** @type {[number, number][]} */
  const ranges = [];
  for (let t = 0; t < 255; t++) {
    if (!(curve[t] <= floor[t])) continue;
    const last = ranges[ranges.length - 1];
    if (last && last[1] === t - 1) last[1] = t;
    else ranges.push([t, t]);
  }
  return ranges;
}
