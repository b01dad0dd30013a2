// Two maps: side by side, their difference, one under the other, and how far they overlap at any threshold.

import { paint, paintMap, RAMPS } from "./colours.js";
import { arrow, faceBox, follow, place, placeInputs, placeInWords } from "./cursor.js";
import { labelOf, mapOf, meanMap, page } from "./data.js";
import { differenceOf, whereTheyDiffer } from "./differ.js";
import { announce, choice, el, mapValue, tick } from "./dom.js";
import { splitKey } from "./grid.js";
import { get, set } from "./state.js";
import { thresholds } from "./threshold.js";

/**
 * @typedef {import("./data.js").LevelMap} LevelMap
 * @typedef {{key: string, kind: string, source: string, expression: string, name: string, map: LevelMap, face: string}} Side
 */

const MODES = /** @type {[string, string][]} */ ([
  ["side", "side by side"],
  ["difference", "difference"],
  ["swipe", "swipe"],
  ["overlap", "overlap at the threshold"],
]);
/** Where two cuts agree and differ; apart in grey, too. */
const CUTS = /** @type {[string, string][]} */ ([
  ["#1F3A6E", "both"],
  ["#E08A1E", "the first alone"],
  ["#A6CFEA", "the second alone"],
  ["#F4F4F1", "neither"],
]);

/**
 * What a key names: m:SOURCE:EXPRESSION, k:EXPRESSION (a mask) or p:ROW (a single map).
 * @param {string} key
 * @returns {Promise<Side | null>}
 */
async function sideOf(key) {
  if (key.startsWith("k:")) {
    const expression = key.slice(2),
      tile = page.masks.tiles[expression];
    if (tile === undefined) return null;
    return {
      key,
      kind: "mask",
      source: page.masks.name,
      expression,
      name: `${page.masks.title}, ${expression}`,
      map: await mapOf(tile),
      face: "",
    };
  }
  const { columns, images, faces } = page.pictures;
  if (key.startsWith("p:")) {
    const row = Number(key.slice(2)),
      tile = columns.tile?.[row];
    if (tile === undefined) return null;
    const source = columns.source[row],
      image = columns.image[row];
    return {
      key,
      kind: "picture",
      source,
      expression: columns.group[row],
      name: `${labelOf(source)}, picture ${images[image]}`,
      map: await mapOf(tile),
      face: faces[image],
    };
  }
  const [source, expression] = splitKey(key),
    mean = meanMap(source, expression);
  if (!mean) return null;
  return {
    key,
    kind: "mean",
    source,
    expression,
    name: `${labelOf(source)}, ${expression}`,
    map: await mapOf(mean.tile),
    face: "",
  };
}

/** The first map that there is, and what it is best compared with. */
function defaults() {
  const first = page.maps[0];
  const a = get("a", first ? `m:${first.source}:${first.expression}` : "");
  const expression = a.startsWith("m:") ? splitKey(a)[1] : "";
  const other = page.maps.find((one) => one.expression === expression && a !== `m:${one.source}:${one.expression}`);
  const b = expression in page.masks.tiles ? `k:${expression}` : other ? `m:${other.source}:${other.expression}` : a;
  return { a, b: get("b", b) };
}

/**
 * Selects for one side: whose map, and of which expression.
 * @param {"a" | "b"} which
 * @param {Side} side
 */
function sideTools(which, side) {
  /** @type {[string, string][]} */
  const whose = page.sources
    .filter((one) => page.maps.some((map) => map.source === one.name))
    .map((one) => [`m:${one.name}`, labelOf(one.name)]);
  if (which === "b" && Object.keys(page.masks.tiles).length) whose.push(["k", page.masks.title]);
  if (side.kind === "picture") whose.unshift([side.key, side.name]);
  const own = side.kind === "mask" ? "k" : side.kind === "picture" ? side.key : `m:${side.source}`;
  const there =
    side.kind === "mask"
      ? Object.keys(page.masks.tiles)
      : page.maps.filter((one) => one.source === side.source).map((one) => one.expression);
  const pick = (/** @type {string} */ value) => {
    if (value.startsWith("p:")) return set({ [which]: value });
    const known =
      value === "k"
        ? Object.keys(page.masks.tiles)
        : page.maps.filter((one) => one.source === value.slice(2)).map((one) => one.expression);
    const expression = known.includes(side.expression) ? side.expression : known[0];
    return set({ [which]: value === "k" ? `k:${expression}` : `${value}:${expression}` });
  };
  return el(
    "fieldset",
    {},
    el("legend", {}, which === "a" ? "First" : "Second"),
    choice("Source", whose, own, pick),
    side.kind === "picture"
      ? null
      : choice(
          "Expression",
          there.map((name) => [name, name === "all" ? "all together" : name]),
          side.expression,
          (value) => set({ [which]: side.kind === "mask" ? `k:${value}` : `m:${side.source}:${value}` }),
        ),
  );
}

/** @param {HTMLElement} main */
export async function showPair(main) {
  const keys = defaults();
  const [first, second] = [await sideOf(keys.a), await sideOf(keys.b)];
  main.append(el("h2", {}, "Two maps"));
  if (!first || !second) {
    main.append(
      el("p", { class: "notice" }, "A map that this address names is not in this file."),
      el("button", { type: "button", click: () => set({ a: "", b: "" }) }, "Begin with the first two"),
    );
    return;
  }
  if (first.map.step !== second.map.step) [first.map, second.map] = [first.map.halved(), second.map.halved()];
  const sides = el("div", { class: "tools" }, sideTools("a", first), sideTools("b", second));
  // One click takes both sides to another expression.
  if (first.kind !== "picture" && second.kind !== "picture") {
    sides.append(
      el(
        "button",
        {
          type: "button",
          click: () =>
            set({ a: second.kind === "mask" ? keys.a : keys.b, b: second.kind === "mask" ? keys.b : keys.a }),
          disabled: second.kind === "mask",
        },
        "Swap",
      ),
    );
  }
  const mode = get("mode", "side");
  const buttons = el(
    "div",
    { class: "tools", role: "group", "aria-label": "How the two are shown" },
    ...MODES.map(([name, title]) =>
      el("button", { type: "button", "aria-pressed": String(name === mode), click: () => set({ mode: name }) }, title),
    ),
    choice("Colours", RAMPS, get("ramp", "heat"), (value) => set({ ramp: value })),
    placeInputs(),
    tick("dim what lies below the threshold", get("dim", "0") === "1", (on) => set({ dim: on ? "1" : "0" })),
  );
  const readout = el("p", { class: "readout", id: "readout" }, "Point at a face, or use the arrow keys on it.");
  const pictures = el("div", {
    class: "pair",
    tabindex: 0,
    role: "group",
    "aria-label": `${first.name} and ${second.name}; arrow keys move the cursor`,
  });
  const left = el("div"),
    right = el("div");
  left.append(readout, pictures);
  main.append(sides, buttons, el("div", { class: "beside" }, left, right));
  const repaint = drawMode(mode, first, second, pictures);
  pictures.addEventListener("keydown", (event) => {
    if (event.target === pictures && arrow(event))
      requestAnimationFrame(() => requestAnimationFrame(() => announce(readout.textContent ?? "")));
  });
  const tell = () => {
    const values = [first, second].map((side) => side.map.atPlace(place.x, place.y));
    const spans = [first, second].map((side) => side.map.greatest - side.map.least);
    readout.textContent = `${placeInWords()} · first ${mapValue(values[0], spans[0])} · second ${mapValue(values[1], spans[1])}`;
  };
  follow(pictures, tell);
  left.append(...whereTheyDiffer(first, second));
  await thresholds(right, first, second, repaint);
  if (place.there) tell();
}

/**
 * Draw the two in a mode.
 * @returns {(cut: number) => void} draws again with another threshold
 * @param {string} mode
 * @param {Side} first
 * @param {Side} second
 * @param {HTMLElement} into
 */
function drawMode(mode, first, second, into) {
  const ramp = get("ramp", "heat"),
    dim = get("dim", "0") === "1";
  const one = (/** @type {Side} */ side) => (/** @type {HTMLCanvasElement} */ canvas, /** @type {number} */ cut) =>
    paintMap(canvas, side.map, ramp, {
      mask: side.kind === "mask",
      over: side.face !== "",
      cut: dim && side.kind !== "mask" ? cut : null,
    });
  const framed = (/** @type {HTMLElement} */ box, /** @type {string} */ text) =>
    el("figure", {}, box, el("figcaption", {}, text));
  if (mode === "difference") {
    const { box, canvas } = faceBox({ label: `Difference of ${first.name} and ${second.name}` });
    into.append(
      framed(box, "Red: higher in the first. Blue: higher in the second. Each map in shares of its own range."),
    );
    const difference = differenceOf(first.map, second.map);
    const most = first.map.signed || second.map.signed ? 2 : 1;
    paint(
      canvas,
      first.map.width,
      first.map.height,
      (i) => Math.round(127.5 + (127.5 * difference[i]) / most),
      "diverging",
    );
    return () => {};
  }
  if (mode === "overlap") {
    const { box, canvas } = faceBox({ label: `Where ${first.name} and ${second.name} lie above the threshold` });
    into.append(
      framed(box, ""),
      el(
        "ul",
        { class: "key" },
        ...CUTS.map(([colour, text]) => el("li", {}, el("b", { style: `background:${colour}` }), text)),
      ),
    );
    return (cut) => paintCuts(canvas, first, second, cut);
  }
  const left = faceBox({ label: first.name, picture: first.face }),
    right = faceBox({ label: second.name, picture: second.face });
  const repaint = (/** @type {number} */ cut) => {
    one(first)(left.canvas, cut);
    one(second)(right.canvas, cut);
  };
  if (mode === "swipe") {
    const top = left.box,
      slider = el("input", {
        type: "range",
        min: 0,
        max: 100,
        value: get("swipe", "50"),
        "aria-label": "How much of the first is shown",
      });
    const stack = el("div", { class: "stack" }, right.box, top);
    const move = () => {
      top.style.clipPath = `inset(0 ${100 - Number(slider.value)}% 0 0)`;
      set({ swipe: slider.value }, { quiet: true });
    };
    slider.addEventListener("input", move);
    top.style.clipPath = `inset(0 ${100 - Number(slider.value)}% 0 0)`;
    into.append(el("figure", {}, stack, slider, el("figcaption", {}, `Left: ${first.name}. Right: ${second.name}.`)));
    return repaint;
  }
  into.append(framed(left.box, first.name), framed(right.box, second.name));
  return repaint;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Side} first
 * @param {Side} second
 * @param {number} cut
 */
function paintCuts(canvas, first, second, cut) {
  const { width, height } = first.map;
  if (canvas.width !== width) [canvas.width, canvas.height] = [width, height];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(width, height);
  const colours = CUTS.map(([hex]) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
  for (let i = 0; i < width * height; i++) {
    const one = first.map.levels[i] > cut,
      two = second.map.levels[i] > cut;
    const colour = colours[one ? (two ? 0 : 1) : two ? 2 : 3];
    pixels.data.set(colour, 4 * i);
    pixels.data[4 * i + 3] = 255;
  }
  context.putImageData(pixels, 0, 0);
}
