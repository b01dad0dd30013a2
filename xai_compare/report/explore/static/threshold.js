// The threshold: a slider, the scores at it, and their curves with floors and ceiling.

import { chart } from "./chart.js";
import { page, scoreOf, tableOf } from "./data.js";
import { announce, el, number, oncePerFrame } from "./dom.js";
import { FLOORS, floorOf, nullCurves } from "./floors.js";
import { curves, METRICS, under } from "./overlap.js";
import { get, set } from "./state.js";

/** @typedef {import("./chart.js").Known} Known */

/**
 * The slider, the scores at its threshold, and their curves with floors and ceiling.
 * @param {HTMLElement} main
 * @param {import("./pair.js").Side} first
 * @param {import("./pair.js").Side} second
 * @param {(cut: number) => void} repaint
 */
export async function thresholds(main, first, second, repaint) {
  const toMask = second.kind === "mask";
  const level = Math.floor(page.diceLevel);
  const tableCut = toMask ? first.map.otsu : level;
  const start = Number(get("t", String(tableCut ?? level)));
  const all = curves({ levels: first.map.levels, mask: false }, { levels: second.map.levels, mask: toMask });
  const means = first.kind !== "picture" && second.kind !== "picture" && first.expression === second.expression;
  /** @type {[import("./overlap.js").Metric, string][]} */
  const named = METRICS;
  const rows = await Promise.all(
    named.map(async ([metric, title]) => {
      const inTable = toMask ? (metric === "dice" ? "f1" : metric) : metric;
      /** @type {Known | null} */
      const row = means
        ? (scoreOf(inTable, first.source, second.source, first.expression) ?? null)
        : imageScore(first, second, inTable);
      // The floor belongs to the order of the table's row: the null stands in place of its first source.
      const [a, b] =
        row?.a === second.source && !toMask
          ? [second.source, first.source]
          : [first.source, toMask ? "" : second.source];
      const nulls = means && row ? await nullCurves(a, b, first.expression, metric) : new Map();
      return {
        metric,
        title,
        curve: all[metric],
        row,
        floor: nulls.size ? floorOf(nulls) : null,
        live: el("td", { class: "n", "data-live": metric }),
        floorLive: el("td", { class: "n", "data-floor": metric }),
      };
    }),
  );
  const chosen = get("metric", toMask ? "iou" : "dice");
  const shown = rows.find((row) => row.metric === chosen) ?? rows[0];
  const slider = el("input", {
    type: "range",
    id: "threshold",
    min: 0,
    max: 254,
    step: 1,
    value: start,
    "aria-describedby": "marks",
  });
  const written = el("output", { for: "threshold" });
  /** @type {[number, string][]} */
  const marks = [[level, `the level of Dice in the tables, ${level}`]];
  if (first.map.otsu !== null) marks.push([first.map.otsu, `Otsu's of the first, ${first.map.otsu}`]);
  if (!toMask && second.map.otsu !== null) marks.push([second.map.otsu, `Otsu's of the second, ${second.map.otsu}`]);
  const figure = chart(rows, shown, marks);
  const move = oncePerFrame((/** @type {boolean} */ aloud) => {
    const cut = Number(slider.value);
    written.textContent = `Threshold ${cut} of 255`;
    for (const row of rows) {
      row.live.textContent = number(row.curve[cut]);
      row.floorLive.textContent = row.floor ? number(row.floor[cut]) : "–";
    }
    figure.move(cut);
    repaint(cut);
    if (aloud)
      announce(`Threshold ${cut}: ${rows.map((row) => `${row.title} ${number(row.curve[cut], 3)}`).join(", ")}`);
  });
  const jump = (/** @type {number} */ cut) => {
    slider.value = String(cut);
    set({ t: cut }, { quiet: true });
    move(true);
  };
  slider.addEventListener("input", () => {
    set({ t: slider.value }, { quiet: true });
    move(true);
  });
  const heads = [
    "score",
    "at the threshold",
    "its floor there",
    "in the table",
    "floor in the table",
    "people agree with people",
  ];
  const body = rows.map((row) => {
    const of = row.row;
    const ceiling =
      typeof of?.ceiling_low === "number" ? `${number(of.ceiling_low, 3)} to ${number(of.ceiling_high, 3)}` : "–";
    const kind = of?.floor_kind ? ` (${FLOORS[of.floor_kind] ?? of.floor_kind})` : "";
    return el(
      "tr",
      {},
      el("th", { scope: "row" }, row.title),
      row.live,
      row.floorLive,
      el("td", { class: "n", "data-table": row.metric }, number(row.row?.value)),
      el("td", {}, number(of?.floor) + kind),
      el("td", { class: "n" }, ceiling),
    );
  });
  main.append(
    el("h3", {}, "Cut at a threshold"),
    el(
      "div",
      { class: "tools", role: "group", "aria-label": "Which score's floor and ceiling are drawn" },
      ...rows.map((row) =>
        el(
          "button",
          { type: "button", "aria-pressed": String(row === shown), click: () => set({ metric: row.metric }) },
          row.title,
        ),
      ),
    ),
    el(
      "div",
      { class: "cut" },
      figure.element,
      el("label", { for: "threshold", class: "unseen" }, "Threshold, level of 255"),
      slider,
    ),
    figure.legend,
    el(
      "p",
      { id: "marks", class: "tools" },
      written,
      ...marks.map(([at, text]) => el("button", { type: "button", click: () => jump(at) }, text)),
    ),
    el("p", { class: "finding", id: "under" }, sentenceOf(shown)),
    el(
      "div",
      { class: "scroll" },
      el(
        "table",
        { class: "numbers" },
        el("thead", {}, el("tr", {}, ...heads.map((name) => el("th", { scope: "col" }, name)))),
        el("tbody", {}, ...body),
      ),
    ),
    el("p", { class: "small" }, howItIsCut(toMask, means, first)),
  );
  move(false);
}

/**
 * The table's score of a single picture.
 * @param {import("./pair.js").Side} first
 * @param {import("./pair.js").Side} second
 * @param {string} metric
 * @returns {Known | null}
 */
function imageScore(first, second, metric) {
  if (first.kind !== "picture" || second.kind !== "picture") return null;
  const { columns, scores: known } = page.pictures,
    row = Number(first.key.slice(2));
  if (columns.image[row] !== columns.image[Number(second.key.slice(2))]) return null;
  const found = known.find((one) => one.metric === metric && one.b === second.source);
  return found ? { value: found.values[row] } : null;
}

/**
 * @param {import("./chart.js").Row} shown
 */
function sentenceOf(shown) {
  if (!shown.floor) return `No floor of ${shown.title} is known for these two.`;
  const ranges = under(shown.curve, shown.floor);
  if (!ranges.length) return `${shown.title} lies above its floor at every threshold.`;
  const text = ranges.map(([from, to]) => (from === to ? String(from) : `${from} to ${to}`)).join(", ");
  const random =
    shown.row?.floor_kind === "surrogate"
      ? " Random maps, which set the floor in the table, are not among the floors that move."
      : "";
  return `${shown.title} does not exceed its floor at thresholds ${text}.${random}`;
}

/**
 * @param {boolean} toMask
 * @param {boolean} means
 * @param {import("./pair.js").Side} first
 */
function howItIsCut(toMask, means, first) {
  const scaled =
    "Each map is stretched from its least (or 0, if that is negative) to its greatest value over the levels 0 to 255; a pixel is in if its level is above the threshold.";
  const table = !means
    ? ""
    : toMask
      ? " The table cuts the map at Otsu's threshold; what it calls F1 is Dice here. Its floors that are maps are cut at their own Otsu threshold."
      : tableOf("scores")
        ? ` The table cuts both maps at ${page.diceLevel}, for Dice alone.`
        : "";
  const single =
    first.map.step > 1
      ? " Single maps are compared here at every second pixel, in the tables on blocks of 4 × 4 pixels: their scores may differ by some hundredths."
      : "";
  return `${scaled}${table}${single} Precision is the share of the first that lies in the second, recall the share of the second that the first covers.`;
}
