// A ZIP of files that are compressed already, and so stored as they are.
// Format: APPNOTE.TXT of PKWARE, sections 4.3.7 (local header), 4.3.12 (directory), 4.3.16 (end).

import { Refusal } from "./api.js";

const LIMIT = 2 ** 32 - 1; // beyond it a ZIP64 would be needed
const DOS_EPOCH_DATE = (1 << 5) | 1; // 1980-01-01: results hold no time
const UTF8_NAMES = 1 << 11;

const CRC = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? (n >>> 1) ^ 0xedb88320 : n >>> 1;
  return n;
});

async function crc32(blob) {
  let crc = ~0;
  const reader = blob.stream().getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    for (const byte of part.value) crc = CRC[(crc ^ byte) & 255] ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

function record(...fields) {
  const size = fields.reduce((sum, [bytes]) => sum + bytes, 0);
  const view = new DataView(new ArrayBuffer(size));
  let at = 0;
  for (const [bytes, value] of fields) {
    if (bytes === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += bytes;
  }
  return view.buffer;
}

/** `files` are {name, blob}; names that are there twice get a number. Gives a Blob. */
export async function zip(files) {
  const parts = [];
  const directory = [];
  const taken = new Set();
  let offset = 0;
  for (const { name, blob } of files) {
    const bytes = new TextEncoder().encode(unique(name, taken));
    const common = [
      [2, 20], [2, UTF8_NAMES], [2, 0], [2, 0], [2, DOS_EPOCH_DATE],
      [4, await crc32(blob)], [4, blob.size], [4, blob.size], [2, bytes.length], [2, 0],
    ];
    const local = record([4, 0x04034b50], ...common);
    const entry = record(
      [4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset],
    );
    parts.push(local, bytes, blob);
    directory.push(entry, bytes);
    offset += local.byteLength + bytes.length + blob.size;
    if (offset > LIMIT) {
      throw new Refusal({
        title: "More than 4 GB do not fit in one ZIP",
        hint: "Download the largest one by one, and remove them here.",
      });
    }
  }
  const size = directory.reduce((sum, part) => sum + part.byteLength, 0);
  const end = record(
    [4, 0x06054b50], [2, 0], [2, 0], [2, files.length], [2, files.length],
    [4, size], [4, offset], [2, 0],
  );
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

function unique(name, taken) {
  const dot = name.indexOf(".", 1) < 0 ? name.length : name.indexOf(".", 1);
  let found = name;
  for (let n = 2; taken.has(found.toLowerCase()); n++) {
    found = `${name.slice(0, dot)} (${n})${name.slice(dot)}`;
  }
  taken.add(found.toLowerCase());
  return found;
}
