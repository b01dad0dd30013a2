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
  const from = row * (width + 1),
    to = row * width,
    filter = packed[from];
  for (let x = 0; x < width; x++) {
    const left = x ? levels[to + x - 1] : 0;
    const up = row ? levels[to + x - width] : 0;
    let guess = 0;
    if (filter === 1) guess = left;
    else if (filter === 2) guess = up;
    else if (filter === 3) guess = (left + up) >> 1;
    else if (filter === 4) {
      const corner = x && row ? levels[to + x - width - 1] : 0;
      const sum = left + up - corner;
      const [a, b, c] = [Math.abs(sum - left), Math.abs(sum - up), Math.abs(sum - corner)];
      guess = a <= b && a <= c ? left : b <= c ? up : corner;
    }
    levels[to + x] = packed[from + x + 1] + guess;
  }
}
