// This script reads the arrays of npz and npy files.
(self.calculatorParts ??= {}).numpyFiles = function () {
  "use strict";

  const { BadFile } = self.refusals;
  const { WRONG_KIND, PYTHON_OBJECTS } = self.sentences;
  const TYPES = {
    f8: Float64Array, f4: Float32Array, i8: BigInt64Array, u8: BigUint64Array, i4: Int32Array,
    u4: Uint32Array, i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
    b1: Uint8Array, f2: Uint16Array,
  };
  const NAMES = {
    f: (size) => `float${8 * size}`, i: (size) => `int${8 * size}`, u: (size) => `uint${8 * size}`,
    b: () => "bool",
  };

  const refusal = (path, kind) =>
    new BadFile(WRONG_KIND({ path, kind, function: kind === "npz" ? "np.savez" : "np.save" }));

  /** Return the array of an npy file as {shape, type, kind, data}. */
  function readNpy(path, kind, bytes) {
    const isNpy = bytes.length > 10 && String.fromCharCode(...bytes.slice(1, 6)) === "NUMPY";
    if (!isNpy) throw refusal(path, kind);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const [start, length] =
      bytes[6] === 1 ? [10, view.getUint16(8, true)] : [12, view.getUint32(8, true)];
    const head = new TextDecoder("latin1").decode(bytes.subarray(start, start + length));
    const described = head.match(/'descr':\s*'([<>|=])([a-zA-Z])(\d+)'/);
    const shapeText = head.match(/'shape':\s*\(([^)]*)\)/)?.[1];
    if (/'descr':\s*'\|O/.test(head)) throw new BadFile(PYTHON_OBJECTS({ path }));
    if (!described || shapeText === undefined) throw refusal(path, kind);
    const [, order, letter, size] = described;
    const shape = shapeText.split(",").filter((part) => part.trim()).map(Number);
    const type = NAMES[letter]?.(Number(size)) ?? `${letter}${size}`;
    const Type = TYPES[`${letter}${size}`];
    const n = shape.reduce((product, length) => product * length, 1);
    if (letter === "U") {
      const data = textsOf(bytes.subarray(start + length), n, Number(size), order === "<");
      return { shape, type: `${order}U${size}`, kind: letter, data };
    }
    if (!Type) return { shape, type, kind: letter, data: [] };
    const first = start + length;
    if (bytes.length < first + n * Number(size)) throw refusal(path, kind);
    // A copy starts at a place that is a multiple of the size of a number.
    const own = bytes.slice(first, first + n * Number(size));
    if (order === ">") reverseBytes(own, Number(size));
    let data = new Type(own.buffer);
    if (letter === "f" && size === "2") data = fromHalf(data);
    if (/'fortran_order':\s*True/.test(head) && shape.length === 2) data = transposed(data, shape);
    return { shape, type, kind: letter, data };
  }

  /** Return words, which NumPy stores with four bytes for each letter. */
  function textsOf(bytes, n, size, isLittleEndian) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const letter = (at) => String.fromCodePoint(view.getUint32(4 * at, isLittleEndian));
    return Array.from({ length: n }, (_, i) =>
      Array.from({ length: size }, (_, k) => letter(i * size + k)).join("").replace(/\0+$/, "")
    );
  }

  function reverseBytes(bytes, size) {
    for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
  }

  /** Return numbers of half precision as float32. */
  function fromHalf(bits) {
    return Float32Array.from(bits, (half) => {
      const [exponent, fraction] = [(half >> 10) & 31, half & 1023];
      const sign = half >> 15 ? -1 : 1;
      if (exponent === 31) return fraction ? NaN : sign * Infinity;
      return sign * (exponent ? 2 ** (exponent - 25) * (1024 + fraction) : 2 ** -24 * fraction);
    });
  }

  /** Return in rows what was written in columns. */
  function transposed(data, [rows, columns]) {
    const turned = new data.constructor(data.length);
    for (let i = 0; i < rows; i++) {
      for (let k = 0; k < columns; k++) turned[i * columns + k] = data[k * rows + i];
    }
    return turned;
  }

  /** Return the arrays of an npz file, which is a zip archive of npy files. */
  async function readNpz(path, bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const arrays = {};
    for (const { name, method, start, size } of entriesOf(path, view)) {
      if (!name.endsWith(".npy")) continue;
      let inside = bytes.subarray(start, start + size);
      if (method === 8) {
        const whole = new DecompressionStream("deflate-raw");
        const stream = new Blob([inside]).stream().pipeThrough(whole);
        try {
          inside = new Uint8Array(await new Response(stream).arrayBuffer());
        } catch {
          throw refusal(path, "npz");
        }
      } else if (method !== 0) throw refusal(path, "npz");
      arrays[name.slice(0, -4)] = readNpy(path, "npz", inside);
    }
    return arrays;
  }

  /** Yield where the files in a zip archive are, from its directory at the end. */
  function* entriesOf(path, view) {
    let end = view.byteLength - 22;
    while (end >= 0 && view.getUint32(end, true) !== 0x06054b50) end--;
    if (end < 0) throw refusal(path, "npz");
    const count = view.getUint16(end + 10, true);
    let at = view.getUint32(end + 16, true);
    for (let k = 0; k < count; k++) {
      if (at + 46 > view.byteLength || view.getUint32(at, true) !== 0x02014b50) {
        throw refusal(path, "npz");
      }
      const [method, size] = [view.getUint16(at + 10, true), view.getUint32(at + 20, true)];
      const [nameLength, extra, comment] = [28, 30, 32].map((o) => view.getUint16(at + o, true));
      const local = view.getUint32(at + 42, true);
      const letters = new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength);
      const name = new TextDecoder().decode(letters);
      if (local + 30 > view.byteLength) throw refusal(path, "npz");
      const start =
        local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + size > view.byteLength) throw refusal(path, "npz");
      yield { name, method, start, size };
      at += 46 + nameLength + extra + comment;
    }
  }

  self.numpyFiles = { refusal, readNpy, readNpz };
};
