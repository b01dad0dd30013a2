// What the page was made with: the payload, and maps unpacked when they are first asked for.

import { decodePng } from "./png.js";

/**
 * @typedef {{name: string, label: string, kind: string, network: string, explainer: string, simulated: boolean,
 *   control: boolean}} Source
 * @typedef {{source: string, expression: string, tile: number, n: number | null}} MeanMap
 * @typedef {{name: string, numbers?: (number | null)[], words?: string[], at?: number[]}} Column
 * @typedef {{name: string, title: string, rows: number, of: number, columns: Column[]}} Table
 * @typedef {{source: string, simulated: boolean, note?: string, participants?: string[], images?: string[],
 *   participant?: number[], image?: number[], x?: number[], y?: number[], weight?: number[], sigma?: number[],
 *   time?: number[], of?: number}} People
 * @typedef {{metric: string, b: string, values: (number | null)[]}} ImageScores
 * @typedef {{columns: {source: string[], fold: string[], image: number[], group: string[], label: string[],
 *   predicted: string[], against: string[], probability: (number | null)[], tile: number[]}, images: string[],
 *   faces: string[], total: number, imagesTotal: number, undefined: number, note: string,
 *   scores: ImageScores[]}} Pictures
 * @typedef {{parts: {names: string[], tile: number}, units: {number: number, name: string, tile: number}[],
 *   lines: [number, number][][]}} Face
 * @typedef {{version: string, title: string, kind: string, shape: [number, number], diceLevel: number,
 *   expressions: string[], sources: Source[], maps: MeanMap[], report: string, meanFace: string,
 *   nulls: {prior: number, mean_map?: number, other_map: {source: string, expression: string, tile: number}[]},
 *   masks: {name: string, title: string, tiles: Record<string, number>}, face: Face | null,
 *   colours: Record<string, string>, tables: Table[], people: People[], pictures: Pictures,
 *   tiles: [number, number, number, number, number | null][], sheets: [number, number][]}} Payload
 */

/** @type {Payload} */
export const page = JSON.parse(document.getElementById("payload")?.textContent ?? "{}");

/** A map: levels 0 to 255 for values from its least (or 0, if that is negative) to its greatest. */
export class LevelMap {
  /**
   * @param {number} width
   * @param {number} height
   * @param {Uint8Array} levels
   * @param {Uint8Array | null} below of a map with negative values, levels for values from 0 down to the least
   * @param {number} least
   * @param {number} greatest
   * @param {number | null} otsu
   */
  constructor(width, height, levels, below, least, greatest, otsu) {
    this.width = width;
    this.height = height;
    this.levels = levels;
    this.below = below;
    this.least = least;
    this.greatest = greatest;
    this.otsu = otsu;
  }

  /** Whether it is drawn around 0: its negative values are no mere noise. */
  get signed() {
    return this.least < -0.01 * Math.max(Math.abs(this.least), Math.abs(this.greatest));
  }

  /** By how much a value may differ from the map that was stored. */
  get precision() {
    return (this.below ? Math.max(this.greatest, -this.least) : this.greatest - this.least) / 510;
  }

  /**
   * The value of a pixel.
   * @param {number} index
   */
  at(index) {
    const level = this.levels[index];
    if (!this.below) return this.least + (level / 255) * (this.greatest - this.least);
    if (level) return (level / 255) * this.greatest;
    return (this.below[index] / 255) * this.least;
  }

  /**
   * The value at a place of the whole face, x and y in pixels of the full size.
   * @param {number} x
   * @param {number} y
   */
  atPlace(x, y) {
    const step = this.step;
    return this.at(Math.floor(y / step) * this.width + Math.floor(x / step));
  }

  /** 2 where only every second pixel travels. */
  get step() {
    return Math.round(page.shape[1] / this.width);
  }

  /** The same map at every second pixel. */
  halved() {
    if (this.step > 1) return this;
    const width = Math.ceil(this.width / 2),
      height = Math.ceil(this.height / 2);
    const take = (/** @type {Uint8Array} */ all) => {
      const some = new Uint8Array(width * height);
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) some[y * width + x] = all[2 * y * this.width + 2 * x];
      }
      return some;
    };
    const below = this.below ? take(this.below) : null;
    return new LevelMap(width, height, take(this.levels), below, this.least, this.greatest, this.otsu);
  }
}

/** @type {Map<number, Promise<Uint8Array>>} */
const sheets = new Map();
/** @type {Map<number, LevelMap>} */
const unpacked = new Map();
const KEPT = 60;

/**
 * Bytes of base64.
 * @param {string} text
 */
export function bytesOf(text) {
  const binary = atob(text);
  const bytes = new Uint8Array(binary.length);
  for (let i = 0; i < binary.length; i++) bytes[i] = binary.charCodeAt(i);
  return bytes;
}

/** @param {number} number */
function sheet(number) {
  let levels = sheets.get(number);
  if (!levels) {
    levels = decodePng(bytesOf(document.getElementById(`sheet-${number}`)?.textContent ?? ""));
    sheets.set(number, levels);
    if (sheets.size > KEPT) sheets.delete(/** @type {number} */ (sheets.keys().next().value));
  }
  return levels;
}

/**
 * The map of a tile.
 * @param {number} tile
 * @returns {Promise<LevelMap>}
 */
export async function mapOf(tile) {
  const known = unpacked.get(tile);
  if (known) return known;
  const [number, place, least, greatest, otsu] = page.tiles[tile];
  const [width, height] = page.sheets[number],
    size = width * height;
  const all = await sheet(number);
  const levels = all.subarray(place * size, (place + 1) * size);
  const below = least < 0 ? all.subarray((place + 1) * size, (place + 2) * size) : null;
  const map = new LevelMap(width, height, levels, below, least, greatest, otsu);
  // Single maps come by the thousand: they are unpacked again rather than kept.
  if (width === page.shape[1]) unpacked.set(tile, map);
  return map;
}

/** @type {Map<string, MeanMap>} */
const byKey = new Map(page.maps.map((map) => [`${map.source}\n${map.expression}`, map]));

/**
 * A source's mean map of an expression, if there is one.
 * @param {string} source
 * @param {string} expression
 */
export function meanMap(source, expression) {
  return byKey.get(`${source}\n${expression}`);
}

/** @type {Map<string, Source>} */
const byName = new Map(page.sources.map((source) => [source.name, source]));

/**
 * What a source is called on the page.
 * @param {string} name
 */
export function labelOf(name) {
  const source = byName.get(name);
  if (!source) return name === page.masks.name ? page.masks.title : name;
  return source.label + (source.simulated ? " (simulated)" : "");
}

/**
 * The cell of a column, null where it is empty.
 * @param {Column} column
 * @param {number} row
 * @returns {number | string | null}
 */
export function cell(column, row) {
  if (column.numbers) return column.numbers[row];
  return column.words && column.at ? column.words[column.at[row]] : null;
}

/**
 * A table of the run by name.
 * @param {string} name
 */
export function tableOf(name) {
  return page.tables.find((table) => table.name === name);
}

/**
 * Rows of the scores of mean maps as objects.
 * @typedef {{metric: string, a: string, b: string, expression: string, fold: string, value: number | null,
 *   n: number | null, ci_low: number | null, ci_high: number | null, floor: number | null, floor_kind: string,
 *   ceiling_low: number | null, ceiling_high: number | null, note: string}} Score
 * @returns {Score[]}
 */
function readScores() {
  const table = tableOf("scores");
  if (!table) return [];
  const rows = [];
  for (let row = 0; row < table.rows; row++) {
    /** @type {any} */
    const made = {};
    for (const column of table.columns) made[column.name] = cell(column, row);
    rows.push(made);
  }
  return rows;
}

/** @type {Score[]} */
export const scores = readScores();
/** @type {Map<string, Score>} */
const scoresByKey = new Map();
for (const one of scores) {
  if (one.fold === "all") scoresByKey.set([one.metric, one.a, one.b, one.expression].join("\n"), one);
}

/**
 * The table's score of two sources' mean maps, whichever comes first there.
 * @param {string} metric
 * @param {string} a
 * @param {string} b
 * @param {string} expression
 */
export function scoreOf(metric, a, b, expression) {
  return (
    scoresByKey.get([metric, a, b, expression].join("\n")) ?? scoresByKey.get([metric, b, a, expression].join("\n"))
  );
}
