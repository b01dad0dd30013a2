// Scores as dots: one row for each source, one dot for each expression, with interval, floor and ceiling.

import { labelOf, meanMap, page, scores } from "./data.js";
import { announce, choice, el, number, svg } from "./dom.js";
import { FLOORS } from "./floors.js";
import { get, set } from "./state.js";

const ROW = 22,
  TOP = 6,
  BOTTOM = 26;

/** @param {HTMLElement} main */
export function dots(main) {
  const there = scores.filter((one) => one.fold === "all" && one.value !== null);
  const metrics = [...new Set(there.map((one) => one.metric))];
  const metric = metrics.includes(get("score2")) ? get("score2") : (metrics[0] ?? "");
  const withs = [...new Set(there.filter((one) => one.metric === metric).map((one) => one.b))];
  const b = withs.includes(get("with"))
    ? get("with")
    : withs.includes(page.masks.name)
      ? page.masks.name
      : (withs[0] ?? "");
  const here = there.filter((one) => one.metric === metric && (one.b === b || one.a === b));
  const expressions = [...new Set(here.map((one) => one.expression))];
  const expression = expressions.includes(get("of")) ? get("of") : "";
  const rows = here.filter((one) => !expression || one.expression === expression);
  const sort = get("dots", "table");
  if (sort === "value") rows.sort((x, y) => Number(y.value) - Number(x.value));
  const named = (/** @type {string} */ name) =>
    /** @type {[string, string]} */ ([name, name === "all" ? "all together" : name]);
  main.append(
    el("h3", {}, "Scores of mean maps"),
    el(
      "div",
      { class: "tools" },
      choice(
        "Score",
        metrics.map((name) => [name, name]),
        metric,
        (value) => set({ score2: value }),
      ),
      choice(
        "Compared with",
        withs.map((name) => [name, labelOf(name)]),
        b,
        (value) => set({ with: value }),
      ),
      choice("Expression", [["", "every one"], ...expressions.map(named)], expression, (value) => set({ of: value })),
      choice(
        "Order",
        [
          ["table", "as in the table"],
          ["value", "highest first"],
        ],
        sort,
        (value) => set({ dots: value }),
      ),
    ),
    el(
      "p",
      { class: "small key" },
      el("span", {}, el("b", { class: "dot" }), "score and its 95 % interval over pictures"),
      el("span", {}, el("b", { class: "tickmark" }), "floor: the best of the maps that do not know the answer"),
      el("span", {}, el("b", { class: "ceiling" }), "people with people"),
    ),
    rows.length ? plot(rows, b) : el("p", {}, "No such scores."),
    el("p", { class: "small" }, "A click on a row, or Enter, shows the two maps behind it."),
  );
}

/**
 * @param {import("./data.js").Score[]} rows
 * @param {string} b
 */
function plot(rows, b) {
  const values = rows
    .flatMap((row) => [row.value, row.ci_low, row.ci_high, row.floor, row.ceiling_low, row.ceiling_high])
    .filter((value) => typeof value === "number")
    .map(Number);
  const low = Math.min(0, ...values),
    high = Math.max(...values, low + 1e-9);
  const list = el("div", { class: "dots", role: "list", "aria-label": "Scores" });
  const at = (/** @type {number} */ value) => `${(((value - low) / (high - low)) * 100).toFixed(2)}%`;
  for (const row of rows) {
    const other = row.a === b ? row.b : row.a;
    const name = `${labelOf(other)}, ${row.expression === "all" ? "all together" : row.expression}`;
    const line = svg("svg", { class: "dotline", height: ROW, "aria-hidden": "true" });
    line.append(svg("line", { x1: "0%", x2: "100%", y1: ROW / 2, y2: ROW / 2, class: "rule" }));
    const [from, to] = [row.ceiling_low, row.ceiling_high];
    if (typeof from === "number" && typeof to === "number")
      line.append(
        svg("rect", {
          x: at(from),
          width: `${(((to - from) / (high - low)) * 100).toFixed(2)}%`,
          y: 3,
          height: ROW - 6,
          class: "ceiling",
        }),
      );
    if (typeof row.ci_low === "number" && typeof row.ci_high === "number")
      line.append(
        svg("line", { x1: at(row.ci_low), x2: at(row.ci_high), y1: ROW / 2, y2: ROW / 2, class: "interval" }),
      );
    if (typeof row.floor === "number")
      line.append(svg("line", { x1: at(row.floor), x2: at(row.floor), y1: 3, y2: ROW - 3, class: "floortick" }));
    line.append(svg("circle", { cx: at(Number(row.value)), cy: ROW / 2, r: 5, class: "dot" }));
    const floor =
      typeof row.floor === "number"
        ? `, floor ${number(row.floor, 3)} (${FLOORS[row.floor_kind] ?? row.floor_kind})`
        : "";
    const interval =
      typeof row.ci_low === "number" ? `, 95 % interval ${number(row.ci_low, 3)} to ${number(row.ci_high, 3)}` : "";
    const open = mapsBehind(row);
    const button = el(
      "button",
      {
        type: "button",
        class: "dotrow",
        disabled: open === null,
        title: `${number(row.value)}${interval}${floor}`,
        click: () => open && set(open),
      },
      el("span", { class: "dotname" }, name),
      line,
      el("span", { class: "dotvalue" }, number(row.value, 3)),
      el("span", { class: "unseen" }, `${interval}${floor}`),
    );
    button.addEventListener("focus", () => announce(`${name}: ${number(row.value, 3)}${interval}${floor}`));
    list.append(el("div", { role: "listitem" }, button));
  }
  const axis = svg("svg", { class: "dotline", height: BOTTOM - TOP, "aria-hidden": "true" });
  const step = (high - low) / 4;
  for (let i = 0; i <= 4; i++)
    axis.append(
      svg(
        "text",
        { x: `${i * 25}%`, y: 14, "text-anchor": i === 0 ? "start" : i === 4 ? "end" : "middle" },
        number(low + i * step, 2),
      ),
    );
  list.append(
    el(
      "div",
      { class: "dotrow axis", "aria-hidden": "true" },
      el("span", { class: "dotname" }),
      axis,
      el("span", { class: "dotvalue" }),
    ),
  );
  return list;
}

/**
 * The state that shows the maps behind a score; null where they are not here.
 * @param {import("./data.js").Score} row
 * @returns {Record<string, string> | null}
 */
function mapsBehind(row) {
  if (!meanMap(row.a, row.expression)) return null;
  const b = meanMap(row.b, row.expression)
    ? `m:${row.b}:${row.expression}`
    : row.b === page.masks.name && row.expression in page.masks.tiles
      ? `k:${row.expression}`
      : "";
  const drawn = { f1: "dice" }[row.metric] ?? row.metric;
  const metric = ["dice", "iou", "precision", "recall"].includes(drawn) ? drawn : "";
  return b ? { view: "pair", a: `m:${row.a}:${row.expression}`, b, metric, t: "" } : null;
}
