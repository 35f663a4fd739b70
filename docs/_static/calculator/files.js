// This script opens files of named numbers: the arrays of npz and npy files, and csv tables.
(self.calculatorParts ??= {}).files = function () {
  "use strict";

  const { UNKNOWN_KIND, WRONG_KIND, PYTHON_OBJECTS, NO_ROWS, NO_CSV, NO_NUMBER } = self.sentences;
  const { REPEATED_COLUMNS, WRONG_LENGTH_OF_ROW } = self.sentences;
  const KINDS = [".npz", ".npy", ".csv", ".tsv"];
  const TYPES = {
    f8: Float64Array, f4: Float32Array, i8: BigInt64Array, u8: BigUint64Array, i4: Int32Array,
    u4: Uint32Array, i2: Int16Array, u2: Uint16Array, i1: Int8Array, u1: Uint8Array,
    b1: Uint8Array, f2: Uint16Array,
  };
  const NAMES = {
    f: (size) => `float${8 * size}`, i: (size) => `int${8 * size}`, u: (size) => `uint${8 * size}`,
    b: () => "bool",
  };

  /** Thrown for a file that cannot be read, or that holds what cannot be meant. */
  class BadFile extends Error {}

  const kindOf = ({ name }) => name.toLowerCase().match(/\.[^.]*$/)?.[0];

  /** Refuse what is no set of samples at first sight, by the names and the first bytes. */
  async function refuseAtOnce(files) {
    for (const file of files) await refuseFile(file);
    if (files.length > 2 || (files.length === 2 && files.some((file) => kindOf(file) !== ".npy"))) {
      throw new BadFile(
        `one file or a pair of npy files is expected, got ${files.length} files; choose the logits ` +
          "and the labels of one set of samples"
      );
    }
  }

  async function refuseFile(file) {
    const [path, kind] = [file.name, kindOf(file)];
    if (!KINDS.includes(kind)) throw new BadFile(UNKNOWN_KIND({ path, known: KINDS.join(", ") }));
    const isTable = kind === ".csv" || kind === ".tsv";
    if (file.size === 0 && isTable) throw new BadFile(NO_ROWS({ path }));
    const first = new Uint8Array(await file.slice(0, 1024).arrayBuffer());
    if (isTable && first.includes(0)) {
      throw new BadFile(NO_CSV({ path, why: "it holds bytes that no text has" }));
    }
    const begins = String.fromCharCode(...first.slice(0, 6));
    const isRight = kind === ".npz" ? begins.startsWith("PK") : begins.endsWith("NUMPY");
    if (!isTable && !isRight) throw refusal(path, kind.slice(1));
  }

  /** Return what a file holds: {path, word, names, arrays} or {path, word, names, table}. */
  async function open(file, columns, onProgress = () => {}) {
    const [path, kind] = [file.name, kindOf(file)];
    if (kind === ".csv" || kind === ".tsv") return readTable(file, columns, onProgress);
    const bytes = new Uint8Array(await file.arrayBuffer());
    onProgress(0.5);
    const found = kind === ".npz" ? await readNpz(path, bytes) : { "": readNpy(path, "npy", bytes) };
    onProgress(1);
    return { path, word: "array", names: Object.keys(found), arrays: found };
  }

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
        const stream = new Blob([inside]).stream().pipeThrough(new DecompressionStream("deflate-raw"));
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
      const name = new TextDecoder().decode(new Uint8Array(view.buffer, view.byteOffset + at + 46, nameLength));
      if (local + 30 > view.byteLength) throw refusal(path, "npz");
      const start =
        local + 30 + view.getUint16(local + 26, true) + view.getUint16(local + 28, true);
      if (start + size > view.byteLength) throw refusal(path, "npz");
      yield { name, method, start, size };
      at += 46 + nameLength + extra + comment;
    }
  }

  /** Return the number that a cell stands for, as Python's float does, or undefined. */
  function numberFrom(text) {
    const cell = text.trim();
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell)) return Number(cell);
    if (/^[+-]?nan$/i.test(cell)) return NaN;
    if (/^[+-]?inf(inity)?$/i.test(cell)) return cell.startsWith("-") ? -Infinity : Infinity;
    return undefined;
  }

  const isNumber = (text) => numberFrom(text) !== undefined;

  /** Return the cells of a line. A cell in quotes may hold the delimiter. */
  function cellsOf(line, delimiter) {
    if (!line.includes('"')) return line.split(delimiter);
    const cells = [];
    let [cell, quoted] = ["", false];
    for (let k = 0; k < line.length; k++) {
      const sign = line[k];
      if (sign === '"' && quoted && line[k + 1] === '"') (cell += '"'), k++;
      else if (sign === '"') quoted = !quoted;
      else if (sign === delimiter && !quoted) cells.push(cell), (cell = "");
      else cell += sign;
    }
    return [...cells, cell];
  }

  /**
   * Read a table line by line. `columns` chooses, from the names of the columns and of those that
   * begin with a number, those that are read as numbers and the one that is read as text: it
   * returns {numbers, text}.
   */
  async function readTable(file, columns, onProgress) {
    const path = file.name;
    let [names, hasHead, hasBlanks, delimiter] = [null, true, false, ","];
    let [chosen, places, textPlace] = [null, null, -1];
    let numbers = new Float64Array(1024);
    let [used, row] = [0, 0];
    const texts = [];
    const noNumbers = {};

    function start(line) {
      delimiter = ["\t", ";", ","].find((sign) => line.includes(sign)) ?? ",";
      const cells = cellsOf(line, delimiter);
      const head = cells.map((cell) => cell.trim());
      hasBlanks = cells.some((cell, k) => cell !== head[k]);
      hasHead = !head.every(isNumber);
      names = hasHead ? head : head.map((_, k) => String(k + 1));
      const repeated = names.filter((name, k) => names.indexOf(name) !== k);
      if (repeated.length) {
        throw new BadFile(REPEATED_COLUMNS({ path, names: [...new Set(repeated)].join(", ") }));
      }
      if (!hasHead) add(line);
    }

    function choose(numeric) {
      chosen = columns({ path, names, hasHead, numeric });
      places = chosen.numbers.map((name) => names.indexOf(name));
      textPlace = chosen.text === null ? -1 : names.indexOf(chosen.text);
    }

    function add(line) {
      const cells = cellsOf(line, delimiter);
      row++;
      if (cells.length !== names.length) {
        const [expected, found] = [names.length, cells.length];
        throw new BadFile(WRONG_LENGTH_OF_ROW({ path, expected, found, row }));
      }
      if (chosen === null) choose(names.filter((_, k) => isNumber(cells[k])));
      if (used + places.length > numbers.length) {
        const larger = new Float64Array(2 * numbers.length + places.length);
        larger.set(numbers);
        numbers = larger;
      }
      for (const place of places) {
        const number = numberFrom(cells[place]);
        // Only when all labels are known is it clear whether the column is a score.
        if (number === undefined) noNumbers[names[place]] ??= { found: `'${cells[place].trim()}'`, row };
        numbers[used++] = number ?? NaN;
      }
      if (textPlace >= 0) texts.push(cells[textPlace].trim());
    }

    let [rest, done] = ["", 0];
    const reader = file.stream().pipeThrough(new TextDecoderStream("utf-8")).getReader();
    for (;;) {
      const { value, done: ended } = await reader.read();
      const lines = (rest + (value ?? "")).split(/\r\n|\n|\r(?!$)/);
      rest = ended ? "" : lines.pop();
      for (const line of lines) {
        if (line.trim() === "") continue;
        if (names === null) start(line.replace(/^\ufeff/, ""));
        else add(line);
      }
      done += value?.length ?? 0;
      if (file.size) onProgress(Math.min(done / file.size, 1));
      if (ended) break;
    }
    if (names === null) throw new BadFile(NO_ROWS({ path }));
    if (chosen === null) choose(names);
    const data = numbers.subarray(0, used);
    const table = { ...chosen, hasHead, hasBlanks, delimiter, n: row, data, texts, noNumbers };
    return { path, word: "column", names, table };
  }

  /** Refuse the first cell that is no number in one of these columns of a table. */
  function refuseText(path, { noNumbers }, columns) {
    const faults = columns.filter((name) => name in noNumbers);
    if (faults.length === 0) return;
    const [name] = faults.sort((one, other) => noNumbers[one].row - noNumbers[other].row);
    const advice = "if the column is no score, choose those that are";
    throw new BadFile(NO_NUMBER({ path, name, ...noNumbers[name], advice }));
  }

  self.files = { open, refuseText, refuseAtOnce, numberFrom, BadFile };
};
