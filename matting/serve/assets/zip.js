// A zip of files that are compressed already: stored as they are.

const TABLE = new Uint32Array(256).map((_, byte) => {
  for (let bit = 0; bit < 8; bit++) byte = byte & 1 ? 0xedb88320 ^ (byte >>> 1) : byte >>> 1;
  return byte;
});

function checksum(bytes) {
  let value = 0xffffffff;
  for (const byte of bytes) value = TABLE[(value ^ byte) & 255] ^ (value >>> 8);
  return (value ^ 0xffffffff) >>> 0;
}

// Numbers of a header, lowest byte first: pairs of how many bytes and the value.
function header(...pairs) {
  const bytes = [];
  for (const [length, value] of pairs) {
    for (let place = 0; place < length; place++) bytes.push(Math.floor(value / 256 ** place) & 255);
  }
  return new Uint8Array(bytes);
}

// Return a Blob of files, each {name, blob}; names in UTF-8, as flag 0x800 says.
export async function zip(files) {
  const parts = [], list = [];
  let offset = 0, listed = 0;
  for (const { name, blob } of files) {
    const label = new TextEncoder().encode(name);
    const sum = checksum(new Uint8Array(await blob.arrayBuffer()));
    const common = [[2, 20], [2, 0x800], [2, 0], [2, 0], [2, 0x21], [4, sum], [4, blob.size], [4, blob.size], [2, label.length], [2, 0]];
    const local = header([4, 0x04034b50], ...common);
    const entry = header([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    parts.push(local, label, blob);
    list.push(entry, label);
    offset += local.length + label.length + blob.size;
    listed += entry.length + label.length;
  }
  const count = files.length;
  const end = header([4, 0x06054b50], [2, 0], [2, 0], [2, count], [2, count], [4, listed], [4, offset], [2, 0]);
  return new Blob([...parts, ...list, end], { type: "application/zip" });
}
