// Scores at every threshold, drawn above the slider, with floor, ceiling and marks on one axis with it.

import { el, svg } from "./dom.js";

const HEIGHT = 190,
  BOTTOM = 22,
  TOP = 14;
/** Room at both ends: the slider's thumb is 16 pixels wide, so the axis begins in its middle. */
const LEFT = 34,
  RIGHT = 8;

/**
 * @typedef {{a?: string, value: number | null, floor?: number | null, floor_kind?: string,
 *   ceiling_low?: number | null, ceiling_high?: number | null}} Known what the tables hold of a score
 * @typedef {{metric: string, title: string, curve: Float64Array, floor: Float64Array | null, row: Known | null}} Row
 */

/**
 * @param {Row[]} rows
 * @param {Row} shown
 * @param {[number, string][]} marks
 * @returns {{element: HTMLElement, legend: HTMLElement, move: (cut: number) => void}}
 */
export function chart(rows, shown, marks) {
  const element = el("div", { class: "chart" });
  let width = 600,
    cut = 0;
  const x = (/** @type {number} */ level) => LEFT + (level / 254) * (width - LEFT - RIGHT);
  const y = (/** @type {number} */ value) => TOP + (1 - value) * (HEIGHT - TOP - BOTTOM);
  const path = (/** @type {Float64Array} */ curve) => {
    let text = "",
      on = false;
    curve.forEach((value, level) => {
      if (!Number.isNaN(value)) text += `${on ? "L" : "M"}${x(level).toFixed(1)},${y(value).toFixed(1)}`;
      on = !Number.isNaN(value);
    });
    return text;
  };
  /** @type {SVGElement} */
  let needle;
  const draw = () => {
    const picture = svg("svg", {
      width,
      height: HEIGHT,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      role: "img",
      "aria-label": `${rows.map((row) => row.title).join(", ")} at thresholds 0 to 254; ${shown.title} is drawn thick`,
    });
    for (const value of [0, 0.5, 1]) {
      picture.append(
        svg("line", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value), class: "rule" }),
        svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)),
      );
    }
    for (const level of [0, 64, 128, 192, 254])
      picture.append(
        svg(
          "text",
          { x: x(level), y: HEIGHT - 5, "text-anchor": level === 254 ? "end" : level ? "middle" : "start" },
          String(level),
        ),
      );
    const { ceiling_low: low, ceiling_high: high } = shown.row ?? {};
    if (typeof low === "number" && typeof high === "number") {
      picture.append(
        svg("rect", {
          x: LEFT,
          width: width - LEFT - RIGHT,
          y: y(high),
          height: Math.max(y(low) - y(high), 2),
          class: "ceiling",
        }),
        svg("text", { x: width - RIGHT - 4, y: y(high) - 4, "text-anchor": "end" }, "people with people"),
      );
    }
    for (const [level] of marks)
      picture.append(svg("line", { x1: x(level), x2: x(level), y1: TOP - 6, y2: HEIGHT - BOTTOM, class: "mark" }));
    for (const row of rows) if (row !== shown) picture.append(svg("path", { d: path(row.curve), class: "other" }));
    if (shown.floor) picture.append(svg("path", { d: path(shown.floor), class: "floor" }));
    picture.append(svg("path", { d: path(shown.curve), class: "score" }));
    needle = svg("line", { y1: TOP - 8, y2: HEIGHT - BOTTOM, class: "needle" });
    picture.append(needle);
    element.replaceChildren(picture);
    move(cut);
  };
  const move = (/** @type {number} */ level) => {
    cut = level;
    needle?.setAttribute("x1", String(x(level)));
    needle?.setAttribute("x2", String(x(level)));
  };
  new ResizeObserver(() => {
    const now = Math.floor(element.clientWidth);
    if (now && now !== width) {
      width = now;
      draw();
    }
  }).observe(element);
  draw();
  const legend = el(
    "p",
    { class: "small key" },
    el("span", {}, el("b", { class: "line score" }), shown.title),
    shown.floor ? el("span", {}, el("b", { class: "line floor" }), "its floor") : null,
    el("span", {}, el("b", { class: "line other" }), "the other scores"),
    el("span", {}, el("b", { class: "line mark" }), "thresholds of the tables"),
  );
  return { element, legend, move };
}
