// Maps as colours: ramps of 256, one lightness each from least to greatest, so that they read in grey too.

import { bytesOf, page } from "./data.js";

/** Each colour as one number of four bytes: red, green, blue and 255 (opaque), lowest first. */
const ramps = Object.fromEntries(
  Object.entries(page.colours).map(([name, text]) => {
    const bytes = bytesOf(text);
    return [
      name,
      Uint32Array.from({ length: 256 }, (_, i) =>
        new DataView(Uint8Array.of(...bytes.subarray(3 * i, 3 * i + 3), 255).buffer).getUint32(0, true),
      ),
    ];
  }),
);

/** The ramps to choose from, for maps without negative values. */
export const RAMPS = /** @type {[string, string][]} */ ([
  ["heat", "as in the report"],
  ["viridis", "viridis"],
  ["grey", "grey"],
]);

/**
 * Paint levels into a canvas.
 * @param {HTMLCanvasElement} canvas
 * @param {number} width
 * @param {number} height
 * @param {(index: number) => number} level 0 to 255
 * @param {string} ramp
 * @param {((index: number) => number) | null} [share] how opaque a pixel is, 0 to 255
 */
export function paint(canvas, width, height, level, ramp, share = null) {
  if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const pixels = context.createImageData(width, height),
    whole = new Uint32Array(pixels.data.buffer),
    colours = ramps[ramp] ?? ramps.heat;
  if (share) for (let i = 0; i < whole.length; i++) whole[i] = (colours[level(i)] & 0xffffff) | (share(i) << 24);
  else for (let i = 0; i < whole.length; i++) whole[i] = colours[level(i)];
  context.putImageData(pixels, 0, 0);
}

/**
 * The levels in which a map is drawn: from least to greatest; of a signed map around 0, which lies in the middle.
 * @param {import("./data.js").LevelMap} map
 * @returns {(index: number) => number}
 */
export function shown(map) {
  const { levels, below } = map;
  if (!map.signed || !below) return (index) => levels[index];
  const most = Math.max(map.greatest, -map.least);
  const up = Math.max(map.greatest, 0) / most,
    down = -map.least / most;
  return (index) => Math.round(127.5 + 0.5 * (levels[index] ? levels[index] * up : -below[index] * down));
}

/**
 * Paint a map.
 * @param {HTMLCanvasElement} canvas
 * @param {import("./data.js").LevelMap} map
 * @param {string} ramp
 * @param {{over?: boolean, mask?: boolean, cut?: number | null}} [how] over: the lower, the clearer, for a picture lies below;
 *   cut: levels up to it are faint
 */
export function paintMap(canvas, map, ramp, how = {}) {
  if (how.mask) return paint(canvas, map.width, map.height, (index) => (map.levels[index] ? 170 : 8), "grey");
  const level = shown(map),
    signed = map.signed;
  /** @type {((index: number) => number) | null} */
  let share = null;
  if (how.cut !== null && how.cut !== undefined) {
    const cut = how.cut;
    share = (index) => (map.levels[index] > cut ? 255 : 70);
  } else if (how.over) {
    share = (index) => 20 + 185 * Math.pow((signed ? Math.abs(2 * level(index) - 255) : level(index)) / 255, 0.8);
  }
  paint(canvas, map.width, map.height, level, signed ? "diverging" : ramp, share);
}
