// One place of the face, marked in every map that is shown, and what is known of it.

import { mapOf, page } from "./data.js";
import { announce, el, oncePerFrame, svg } from "./dom.js";

const [HEIGHT, WIDTH] = page.shape;

/** The place, in pixels of the full size. */
export const place = { x: Math.round(WIDTH / 2), y: Math.round(HEIGHT / 2), there: false };

/** @type {Set<() => void>} */
const followers = new Set();

/**
 * Be told when the place changes, for as long as the element is on the page.
 * @param {Element} element
 * @param {() => void} follower
 */
export function follow(element, follower) {
  const whole = () => {
    if (element.isConnected) follower();
    else followers.delete(whole);
  };
  followers.add(whole);
}

const tell = oncePerFrame(() => {
  const style = document.documentElement.style;
  style.setProperty("--cx", `${((place.x + 0.5) / WIDTH) * 100}%`);
  style.setProperty("--cy", `${((place.y + 0.5) / HEIGHT) * 100}%`);
  document.documentElement.classList.toggle("pointed", place.there);
  followers.forEach((follower) => follower());
});

/**
 * Go to a place.
 * @param {number} x
 * @param {number} y
 */
export function goTo(x, y) {
  place.x = Math.min(Math.max(Math.round(x), 0), WIDTH - 1);
  place.y = Math.min(Math.max(Math.round(y), 0), HEIGHT - 1);
  place.there = true;
  tell();
}

/**
 * Let the pointer move the place.
 * @param {HTMLElement} element
 * @param {HTMLElement} face what shows the whole face in it, without its border
 */
export function pointable(element, face) {
  const moved = (/** @type {PointerEvent} */ event) => {
    const box = face.getBoundingClientRect();
    goTo(
      ((event.clientX - box.left) / box.width) * WIDTH - 0.5,
      ((event.clientY - box.top) / box.height) * HEIGHT - 0.5,
    );
  };
  element.addEventListener("pointermove", moved);
  element.addEventListener("pointerdown", moved);
}

/**
 * Move the place by an arrow key, ten pixels with Shift.
 * @param {KeyboardEvent} event
 * @returns {boolean} whether it was such a key
 */
export function arrow(event) {
  const far = event.shiftKey ? 10 : 1;
  /** @type {Record<string, [number, number]>} */
  const ways = { ArrowLeft: [-far, 0], ArrowRight: [far, 0], ArrowUp: [0, -far], ArrowDown: [0, far] };
  const way = ways[event.key];
  if (!way || event.altKey || event.ctrlKey || event.metaKey) return false;
  event.preventDefault();
  goTo(place.x + way[0], place.y + way[1]);
  return true;
}

/** The place as two numbers: for who types, and for screen readers, which keep the arrow keys to themselves. */
export function placeInputs() {
  const inputs = [WIDTH, HEIGHT].map((size) => el("input", { type: "number", min: 0, max: size - 1, size: 4 }));
  const [x, y] = inputs;
  const write = () => {
    for (const [input, value] of /** @type {[HTMLInputElement, number][]} */ ([
      [x, place.x],
      [y, place.y],
    ])) {
      if (document.activeElement !== input) input.value = String(value);
    }
  };
  for (const input of inputs) {
    input.addEventListener("input", () => {
      if (x.value !== "" && y.value !== "") goTo(Number(x.value), Number(y.value));
      announce(placeInWords());
    });
  }
  write();
  follow(x, write);
  const labelled = inputs.map((input, i) =>
    el("label", { class: "choice" }, el("span", {}, i ? "Cursor y" : "Cursor x"), input),
  );
  return el("div", { class: "tools place" }, ...labelled);
}

/** @type {Uint8Array | null} */
let parts = null;
/** @type {{number: number, name: string, levels: Uint8Array}[]} */
const units = [];

/** Unpack what is known of the face's places. */
export async function readFace() {
  if (!page.face) return;
  parts = (await mapOf(page.face.parts.tile)).levels;
  for (const unit of page.face.units) units.push({ ...unit, levels: (await mapOf(unit.tile)).levels });
}

/**
 * The part of the face at a place; "" where it is not known.
 * @param {number} [x]
 * @param {number} [y]
 */
export function partAt(x = place.x, y = place.y) {
  return parts && page.face ? page.face.parts.names[parts[y * WIDTH + x]] : "";
}

/** What is known of the place, in words. */
export function placeInWords() {
  const here = units.filter((unit) => unit.levels[place.y * WIDTH + place.x]);
  const names = here.map((unit) => `AU ${unit.number} ${unit.name}`);
  const region = names.length ? names.join(", ") : page.face ? "no action unit's region" : "";
  return [`x ${place.x}, y ${place.y}`, partAt(), region].filter(Boolean).join(" · ");
}

/** Parts of the face by name, as their labels on every pixel; null where it is not known. */
export function partLabels() {
  return parts && page.face ? { names: page.face.parts.names, labels: parts } : null;
}

/** The features of the standard face as thin lines. */
export function faceLines() {
  const lines = svg("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, class: "lines", "aria-hidden": "true" });
  for (const line of page.face?.lines ?? []) {
    const points = line.map(([x, y]) => `${x + 0.5},${y + 0.5}`).join(" ");
    lines.append(svg("polyline", { points, class: "seam" }), svg("polyline", { points }));
  }
  return lines;
}

/**
 * A box that shows the whole face: a canvas, perhaps a picture below it, the face's lines and the cursor.
 * @param {{picture?: string, lines?: boolean, label: string}} how
 */
export function faceBox(how) {
  const canvas = el("canvas", { role: "img", "aria-label": how.label });
  const box = el("div", { class: "face", style: `aspect-ratio: ${WIDTH} / ${HEIGHT}` });
  if (how.picture) box.append(el("img", { src: `data:image/webp;base64,${how.picture}`, alt: "", decoding: "async" }));
  box.append(canvas);
  if (how.lines !== false) box.append(faceLines());
  box.append(el("i", { class: "across" }), el("i", { class: "down" }));
  pointable(box, canvas);
  return { box, canvas };
}
