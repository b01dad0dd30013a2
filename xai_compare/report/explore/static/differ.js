// By how much two maps differ, and where.

import { goTo, partAt, partLabels } from "./cursor.js";
import { page } from "./data.js";
import { el, number } from "./dom.js";

/** @typedef {import("./data.js").LevelMap} LevelMap */

/**
 * A map in shares of its range: 0 to 1, of a signed map −1 to 1.
 * @param {LevelMap} map
 * @param {number} index
 */
function share(map, index) {
  if (!map.signed) return map.levels[index] / 255;
  return map.at(index) / Math.max(map.greatest, -map.least);
}

/**
 * @param {LevelMap} a
 * @param {LevelMap} b
 */
export function differenceOf(a, b) {
  return Float32Array.from(a.levels, (_, index) => share(a, index) - share(b, index));
}

/**
 * Where two maps differ most: the place, and the parts of the face.
 * @param {{map: LevelMap}} first
 * @param {{map: LevelMap}} second
 * @returns {HTMLElement[]}
 */
export function whereTheyDiffer(first, second) {
  const difference = differenceOf(first.map, second.map),
    { width, step } = first.map;
  let at = 0;
  difference.forEach((value, index) => {
    if (Math.abs(value) > Math.abs(difference[at])) at = index;
  });
  const [x, y] = [(at % width) * step, Math.floor(at / width) * step];
  const part = partAt(x, y);
  const text = `They differ most at x ${x}, y ${y}${part ? `, ${part}` : ""}: ${number(share(first.map, at), 2)} of the first's range, ${number(share(second.map, at), 2)} of the second's.`;
  const sentence = el(
    "p",
    { class: "finding", id: "differ" },
    text,
    " ",
    el("button", { type: "button", click: () => goTo(x, y) }, "Show the place"),
  );
  const parts = partLabels();
  if (!parts) return [sentence];
  /** @type {{sum: [number, number], size: number}[]} */
  const sums = parts.names.map(() => ({ sum: [0, 0], size: 0 }));
  difference.forEach((_, index) => {
    const label = parts.labels[Math.floor(index / width) * step * page.shape[1] + (index % width) * step];
    sums[label].sum[0] += share(first.map, index);
    sums[label].sum[1] += share(second.map, index);
    sums[label].size++;
  });
  const rows = parts.names
    .map((name, label) => ({
      name,
      one: sums[label].sum[0] / sums[label].size,
      two: sums[label].sum[1] / sums[label].size,
    }))
    .filter((row) => !Number.isNaN(row.one))
    .sort((a, b) => Math.abs(b.one - b.two) - Math.abs(a.one - a.two));
  const table = el(
    "table",
    { class: "numbers" },
    el(
      "thead",
      {},
      el(
        "tr",
        {},
        ...["part of the face", "first", "second", "difference"].map((name) => el("th", { scope: "col" }, name)),
      ),
    ),
    el(
      "tbody",
      {},
      ...rows.map((row) =>
        el(
          "tr",
          {},
          el("th", { scope: "row" }, row.name),
          ...[row.one, row.two, row.one - row.two].map((value) => el("td", { class: "n" }, number(value, 3))),
        ),
      ),
    ),
  );
  return [
    sentence,
    el(
      "details",
      {},
      el("summary", {}, "Means over the parts of the face, in shares of each map's range"),
      el("div", { class: "scroll" }, table),
    ),
  ];
}
