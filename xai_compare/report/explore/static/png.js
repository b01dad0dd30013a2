// Grey 8-bit PNG to levels. A canvas may change what is read back from it (colour profiles, protection against
// fingerprinting), so the page unpacks its sprites itself: every level is the one that was stored.

/**
 * @param {Uint8Array<ArrayBuffer>} bytes a PNG of 8-bit grey, not interlaced
 * @returns {Promise<Uint8Array>} its levels, row by row
 */
export async function decodePng(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let width = 0,
    height = 0;
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const parts = [];
  for (let at = 8; at < bytes.length;) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (kind === "IHDR") [width, height] = [view.getUint32(at + 8), view.getUint32(at + 12)];
    if (kind === "IDAT") parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += length + 12;
  }
  const stream = new Blob(parts).stream().pipeThrough(new DecompressionStream("deflate"));
  const packed = new Uint8Array(await new Response(stream).arrayBuffer());
  const levels = new Uint8Array(width * height);
  for (let row = 0; row < height; row++) unfilter(packed, levels, row, width);
  return levels;
}

/**
 * Undo the filter of one row, see the PNG specification, section 9.
 * @param {Uint8Array} packed
 * @param {Uint8Array} levels
 * @param {number} row
 * @param {number} width
 */
function unfilter(packed, levels, row, width) {
  const from = row * (width + 1) + 1,
    to = row * width,
    filter = packed[from - 1];
  // The row above the first counts as 0, and so does what lies left of a row.
  const above = row ? to - width : -1;
  if (filter === 0 || (filter === 2 && above < 0)) levels.set(packed.subarray(from, from + width), to);
  else if (filter === 1)
    for (let x = 0, left = 0; x < width; x++) left = levels[to + x] = (packed[from + x] + left) & 255;
  else if (filter === 2) for (let x = 0; x < width; x++) levels[to + x] = packed[from + x] + levels[above + x];
  else {
    for (let x = 0, left = 0, corner = 0; x < width; x++) {
      const up = above < 0 ? 0 : levels[above + x];
      left = (packed[from + x] + (filter === 3 ? (left + up) >> 1 : paeth(left, up, corner))) & 255;
      levels[to + x] = left;
      corner = up;
    }
  }
}

/**
 * The neighbour that lies nearest to left + up - corner.
 * @param {number} left
 * @param {number} up
 * @param {number} corner
 */
function paeth(left, up, corner) {
  const sum = left + up - corner;
  const a = Math.abs(sum - left),
    b = Math.abs(sum - up),
    c = Math.abs(sum - corner);
  return a <= b && a <= c ? left : b <= c ? up : corner;
}
