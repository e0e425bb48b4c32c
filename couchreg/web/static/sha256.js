// The SHA-256 of a file, piece by piece: the one that browsers have takes no more than memory holds, and only
// over HTTPS. A worker, so that the page stays at hand; it is sent {file} and sends {read: bytes} as it goes on,
// then {sha256: hex}, or {problem: text}.
// Source: FIPS 180-4.

const PIECE = 4 << 20; // bytes
const PRIMES = [];
for (let n = 2; PRIMES.length < 64; n++) if (PRIMES.every((p) => n % p)) PRIMES.push(n);
const bits = (root) => ((root - Math.floor(root)) * 2 ** 32) | 0;
const K = Int32Array.from(PRIMES, (p) => bits(Math.cbrt(p)));
const FIRST = PRIMES.slice(0, 8).map((p) => bits(Math.sqrt(p)));
const W = new Int32Array(64);

function block(h, view, at) {
  for (let i = 0; i < 16; i++) W[i] = view.getInt32(at + 4 * i);
  for (let i = 16; i < 64; i++) {
    const x = W[i - 15], y = W[i - 2];
    const s = ((x >>> 7) | (x << 25)) ^ ((x >>> 18) | (x << 14)) ^ (x >>> 3);
    const t = ((y >>> 17) | (y << 15)) ^ ((y >>> 19) | (y << 13)) ^ (y >>> 10);
    W[i] = (W[i - 16] + s + W[i - 7] + t) | 0;
  }
  let [a, b, c, d, e, f, g, i] = h;
  for (let n = 0; n < 64; n++) {
    const s = ((e >>> 6) | (e << 26)) ^ ((e >>> 11) | (e << 21)) ^ ((e >>> 25) | (e << 7));
    const one = (i + s + ((e & f) ^ (~e & g)) + K[n] + W[n]) | 0;
    const t = ((a >>> 2) | (a << 30)) ^ ((a >>> 13) | (a << 19)) ^ ((a >>> 22) | (a << 10));
    const two = (t + ((a & b) ^ (a & c) ^ (b & c))) | 0;
    i = g; g = f; f = e; e = (d + one) | 0; d = c; c = b; b = a; a = (one + two) | 0;
  }
  h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e; h[5] += f; h[6] += g; h[7] += i;
}

async function digest(file) {
  const h = Int32Array.from(FIRST);
  for (let at = 0; at < file.size; at += PIECE) {
    const view = new DataView(await file.slice(at, at + PIECE).arrayBuffer());
    let place = 0;
    for (; place + 64 <= view.byteLength; place += 64) block(h, view, place);
    if (at + PIECE < file.size) postMessage({ read: PIECE });
    else end(h, view, place, file.size);
  }
  if (!file.size) end(h, new DataView(new ArrayBuffer(0)), 0, 0);
  return Array.from(h, (word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}

function end(h, view, place, size) {
  const rest = view.byteLength - place;
  const last = new Uint8Array(rest < 56 ? 64 : 128);
  last.set(new Uint8Array(view.buffer, place, rest));
  last[rest] = 0x80;
  const tail = new DataView(last.buffer);
  tail.setUint32(last.length - 8, Math.floor(size / 2 ** 29));
  tail.setUint32(last.length - 4, (size * 8) % 2 ** 32);
  for (let at = 0; at < last.length; at += 64) block(h, tail, at);
}

onmessage = async ({ data }) => {
  try {
    postMessage({ sha256: await digest(data.file) });
  } catch (error) {
    postMessage({ problem: String(error.message || error) });
  }
};
