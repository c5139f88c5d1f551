// A canvas as a PNG with its resolution.
export const DPI = 300;

const CRC = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

const crc32 = (bytes) => (bytes.reduce((c, byte) => CRC[(c ^ byte) & 0xff] ^ (c >>> 8), 0xffffffff) ^ 0xffffffff) >>> 0;

// The chunk with dots per metre: length, "pHYs", x, y, unit, checksum.
function resolution(dpi) {
  const bytes = new Uint8Array(21), view = new DataView(bytes.buffer), metre = Math.round(dpi / 0.0254);
  view.setUint32(0, 9);
  bytes.set(new TextEncoder().encode("pHYs"), 4);
  view.setUint32(8, metre);
  view.setUint32(12, metre);
  bytes[16] = 1;
  view.setUint32(17, crc32(bytes.subarray(4, 17)));
  return bytes;
}

const HEAD = 33; // signature and IHDR

export async function pngOf(canvas, dpi = DPI) {
  const blob = await new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
  return new Blob([blob.slice(0, HEAD), resolution(dpi), blob.slice(HEAD)], { type: "image/png" });
}
