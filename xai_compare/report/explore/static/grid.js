// Sources by expressions: every mean map, one cursor in all of them.

import { paintMap, RAMPS } from "./colours.js";
import { arrow, faceBox, follow, place, placeInputs, placeInWords } from "./cursor.js";
import { labelOf, mapOf, meanMap, page } from "./data.js";
import { announce, choice, el, mapValue, tick } from "./dom.js";
import { get, set } from "./state.js";

/**
 * @typedef {{key: string, name: string, map: import("./data.js").LevelMap | null, box: HTMLElement,
 *   canvas: HTMLCanvasElement, value: HTMLElement}} Cell
 */

/** Explainers, people and regions that rows can be limited to. */
function rowChoices() {
  const explainers = [...new Set(page.sources.filter((one) => one.explainer).map((one) => one.explainer))];
  /** @type {[string, string][]} */
  const options = [["", "all sources"]];
  for (const name of explainers) options.push([`e:${name}`, name]);
  for (const name of new Set(page.sources.filter((one) => one.kind === "model").map((one) => one.network))) {
    options.push([`n:${name}`, name]);
  }
  if (page.sources.some((one) => one.kind !== "model")) options.push(["people", "people and known regions"]);
  return options;
}

/** @param {import("./data.js").Source} source */
function isShown(source) {
  const rows = get("rows");
  if (!rows) return true;
  // People stay, for they are what networks are compared with.
  if (source.kind !== "model") return true;
  return rows === `e:${source.explainer}` || rows === `n:${source.network}`;
}

/** @param {HTMLElement} main */
export async function showGrid(main) {
  const readout = el("p", { class: "readout", id: "readout" }, "Point at a face: its value is written in every map.");
  const sources = page.sources.filter((one) => isShown(one) && page.maps.some((map) => map.source === one.name));
  const rows = el("tbody");
  const lines = get("lines", "1") === "1";
  /** @type {Cell[]} */
  const cells = [];
  for (const source of sources) {
    const row = el("tr", {}, el("th", { scope: "row" }, labelOf(source.name)));
    for (const expression of page.expressions) row.append(gridCell(source.name, expression, lines, cells));
    rows.append(row);
  }
  const heads = page.expressions.map((name) => el("th", { scope: "col" }, name === "all" ? "all together" : name));
  const table = el(
    "table",
    { class: "maps", tabindex: 0, "aria-label": "Mean maps; arrow keys move the cursor", "aria-describedby": "keys" },
    el("thead", {}, el("tr", {}, el("td"), ...heads)),
    rows,
  );
  main.append(
    el("h2", {}, "Mean maps"),
    el(
      "div",
      { class: "tools" },
      choice("Sources", rowChoices(), get("rows"), (value) => set({ rows: value })),
      choice("Colours", RAMPS, get("ramp", "heat"), (value) => set({ ramp: value })),
      placeInputs(),
      tick("outline of the face", lines, (on) => set({ lines: on ? "1" : "0" })),
    ),
    readout,
    el("div", { class: "scroll" }, table),
    el(
      "p",
      { class: "small", id: "keys" },
      "Keys: arrows move the cursor by a pixel (with Shift by ten), N and P go to the next and previous map, Enter opens it " +
        "beside another. Each map is coloured from its own least to its greatest value; signed maps around 0, red for, blue " +
        "against. Values are those of the stored map, to 1/255 of its range.",
    ),
  );
  let at = 0;
  const tell = () => {
    readout.textContent = placeInWords();
    for (const one of cells) {
      if (one.map)
        one.value.textContent = mapValue(one.map.atPlace(place.x, place.y), one.map.greatest - one.map.least);
    }
  };
  follow(table, tell);
  table.addEventListener("keydown", (event) => {
    const step = { n: 1, N: 1, p: -1, P: -1 }[event.key];
    if (step && !event.ctrlKey && !event.metaKey && !event.altKey) {
      cells[at]?.box.classList.remove("at");
      at = (at + step + cells.length) % cells.length;
      cells[at].box.classList.add("at");
      cells[at].box.scrollIntoView({ block: "nearest", inline: "nearest" });
    } else if (event.key === "Enter" && event.target === table && cells[at]) {
      set({ view: "pair", a: cells[at].key });
      return;
    } else if (!arrow(event)) return;
    requestAnimationFrame(() =>
      requestAnimationFrame(() => {
        announce(`${cells[at].name}: ${cells[at].value.textContent}. ${placeInWords()}`);
      }),
    );
  });
  await paintCells(cells, table);
  if (place.there) tell();
}

/**
 * @param {string} source
 * @param {string} expression
 * @param {boolean} lines
 * @param {Cell[]} cells
 */
function gridCell(source, expression, lines, cells) {
  const mean = meanMap(source, expression);
  if (!mean) return el("td", { class: "none" }, "no image");
  const name = `${labelOf(source)}, ${expression}`;
  const { box, canvas } = faceBox({ label: name, lines });
  const value = el("span", { class: "value" }, " ");
  const count = mean.n === null ? "" : `n = ${mean.n}`;
  const key = `m:${source}:${expression}`;
  box.addEventListener("click", () => set({ view: "pair", a: key }));
  cells.push({ key, name, map: null, box, canvas, value });
  return el("td", {}, box, el("div", { class: "foot" }, value, el("span", { class: "muted" }, count)));
}

/**
 * Paint row after row; the page stays free between them.
 * @param {Cell[]} cells
 * @param {HTMLElement} table
 */
async function paintCells(cells, table) {
  for (const [i, one] of cells.entries()) {
    const [source, expression] = splitKey(one.key);
    const mean = meanMap(source, expression);
    if (!mean || !table.isConnected) continue;
    one.map = await mapOf(mean.tile);
    paintMap(one.canvas, one.map, get("ramp", "heat"));
    if (i % 8 === 7) await new Promise((resolve) => setTimeout(resolve));
  }
  table.dataset.painted = "yes";
}

/**
 * Source and expression of a mean map's key; either may hold a colon, an expression does not.
 * @param {string} key
 * @returns {[string, string]}
 */
export function splitKey(key) {
  const end = key.lastIndexOf(":");
  return [key.slice(2, end), key.slice(end + 1)];
}
