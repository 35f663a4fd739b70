// This script opens files of named numbers: the arrays of npz and npy files, and csv tables.
(self.calculatorParts ??= {}).files = function () {
  "use strict";

  const { BadFile } = self.refusals;
  const { refusal, readNpy, readNpz } = self.numpyFiles;
  const { UNKNOWN_KIND, NO_ROWS, NO_CSV, NO_NUMBER, FILL_IN } = self.sentences;
  const { REPEATED_COLUMNS, WRONG_LENGTH_OF_ROW, NOT_UTF_8, FIRST_ROW_IS_DATA } = self.sentences;
  const { WRITE_POINTS, CORRECT, NO_DELIMITER } = self.sentences;
  const KINDS = [".npz", ".npy", ".csv", ".tsv"];
  const ADVICE_ON_KIND = {
    OF_A_SPREADSHEET: [".xlsx", ".xls", ".ods"],
    OF_A_TEXT: [".txt", ".dat", ".tab"],
    OF_TENSORS: [".pt", ".pth"],
  };
  // How programs write that a cell is empty.
  const MISSING =
    /^(|na|n\/a|n\. ?a\.|<na>|null|none|missing|unknown|-|--|\?|\.|#[a-z]+[!?]|#(n|div)\/[a0]!?)$/i;
  // A column of percentages holds no names of classes.
  const PERCENTAGE = /^[+-]?[\d.,]+\s?%$/;
  const THOUSANDS = [
    /(\.\d{3})+,\d*/, /(,\d{3})+\.\d*/, /(\.\d{3}){2,}/, /(,\d{3}){2,}/,
    /([\s'\u2019]\d{3})+([.,]\d*)?/,
  ];
  const ADVICE_ON_CELLS = [
    [/^\[/, "A_LIST"],
    [PERCENTAGE, "WRITE_SHARES"],
    [/^[<>\u2264\u2265].*\d/, "NO_BOUNDS"],
    [/^[\u2212\u2013]\s?[\d.,]+$/, "WRITE_HYPHENS"],
    [
      new RegExp(`^[+-]?\\d{1,3}(${THOUSANDS.map(({ source }) => source).join("|")})$`),
      "NO_THOUSANDS",
    ],
  ];
  const DECIMAL_COMMA = /^[+-]?(\d+,\d*|,\d+)(e[+-]?\d+)?$/i;
  // The first line with which Excel is told what separates the cells.
  const DELIMITER_OF_EXCEL = /^"?sep=(.)"?$/i;
  // A line such as NumPy writes above the samples, and the sign before its first name.
  const COMMENT = /^ *"?[#%]/;
  const SIGN = /^( *"?)[#%]+ *(?!"?[#% ,;\t]|\s*$)(?!.*[,;\t] *"?[#%])/;
  // Python's csv reader refuses a longer cell, of which the closing quote is usually missing.
  const LONGEST_CELL = 131072;
  // So much of a row is shown that has no delimiters.
  const LONGEST_SHOWN = 60;
  // So many words of a column are kept, to know how often they repeat.
  const MOST_WORDS = 10000;
  // What a browser says of a file that is no longer as it was, or where it was.
  const GONE = ["NotReadableError", "NotFoundError"];

  const placeInTable = (row) => self.sentences.ROW_OF_TABLE({ row });

  const kindOf = ({ name }) => name.toLowerCase().match(/\.[^.]*$/)?.[0];

  /** Refuse what is no set of samples at first sight, by the names and the first bytes. */
  async function refuseAtOnce(files) {
    for (const file of files) await explained(file, refuseFile(file));
    if (files.length > 2 || (files.length === 2 && files.some((file) => kindOf(file) !== ".npy"))) {
      throw new BadFile(
        `one file or a pair of npy files is expected, got ${files.length} files; choose the ` +
          "logits and the labels of one set of samples, and choose a second set in the field " +
          '"Other samples for the test"'
      );
    }
  }

  async function refuseFile(file) {
    const [path, kind] = [file.name, kindOf(file)];
    if (!KINDS.includes(kind)) {
      const [name = "OF_ANOTHER_KIND"] =
        Object.entries(ADVICE_ON_KIND).find(([, kinds]) => kinds.includes(kind)) ?? [];
      const advice = self.sentences[name]({});
      throw new BadFile(UNKNOWN_KIND({ path, known: KINDS.join(", "), advice }));
    }
    const isTable = kind === ".csv" || kind === ".tsv";
    if (file.size === 0 && isTable) throw new BadFile(NO_ROWS({ path }));
    const first = new Uint8Array(await file.slice(0, 1024).arrayBuffer());
    if (isTable && first.includes(0) && !utf16Of(first)) {
      throw new BadFile(NO_CSV({ path, why: "it holds bytes that no text has" }));
    }
    const begins = String.fromCharCode(...first.slice(0, 6));
    const isRight = kind === ".npz" ? begins.startsWith("PK") : begins.endsWith("NUMPY");
    if (!isTable && !isRight) throw refusal(path, kind.slice(1));
  }

  /** Return which kind of UTF-16 a table is written in, by the mark at its beginning, or null. */
  function utf16Of([one, other]) {
    if (one === 0xff && other === 0xfe) return "utf-16le";
    return one === 0xfe && other === 0xff ? "utf-16be" : null;
  }

  /** Say in our own words that a file cannot be read any more. */
  function explained({ name }, reading) {
    return reading.catch((error) => {
      if (!GONE.includes(error.name)) throw error;
      throw new BadFile(
        `${name} has changed or was moved since you chose it, so the browser no longer reads it; ` +
          "choose it once more"
      );
    });
  }

  /** Return what a file holds: {path, word, names, arrays} or {path, word, names, table}. */
  function open(file, columns, onProgress = () => {}) {
    return explained(file, openFile(file, columns, onProgress));
  }

  async function openFile(file, columns, onProgress) {
    const [path, kind] = [file.name, kindOf(file)];
    if (kind === ".csv" || kind === ".tsv") return readTable(file, columns, onProgress);
    const bytes = new Uint8Array(await file.arrayBuffer());
    onProgress(0.5);
    const isNpz = kind === ".npz";
    const arrays = isNpz ? await readNpz(path, bytes) : { "": readNpy(path, "npy", bytes) };
    onProgress(1);
    return { path, word: "array", names: Object.keys(arrays), arrays };
  }

  /** Return the number that a cell stands for, as Python's float does, or undefined. */
  function numberFrom(text) {
    const cell = text.trim().replace(/(?<=\d)_(?=\d)/g, "");
    if (/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(cell)) return Number(cell);
    if (/^[+-]?nan$/i.test(cell)) return NaN;
    if (/^[+-]?inf(inity)?$/i.test(cell)) return cell.startsWith("-") ? -Infinity : Infinity;
    return undefined;
  }

  /**
   * Return the cells of a line. A cell in quotes may hold the delimiter, and the end of a line:
   * then the line goes on, and null is returned unless it is the last one.
   */
  function cellsOf(line, delimiter, isLast) {
    if (!line.includes('"')) return line.split(delimiter);
    const cells = [];
    let [cell, quoted, isNew] = ["", false, true];
    for (let k = 0; k < line.length; k++) {
      const sign = line[k];
      if (sign === '"' && quoted && line[k + 1] === '"') (cell += '"'), k++;
      else if (sign === '"' && (quoted || isNew)) quoted = !quoted;
      else if (sign === delimiter && !quoted) cells.push(cell), (cell = "");
      else cell += sign;
      isNew = sign === delimiter && !quoted;
    }
    return quoted && !isLast ? null : [...cells, cell];
  }

  /** Leave out the empty cells at the end of a row, as far as it is longer than the first row. */
  function trimmed(cells, width) {
    let length = cells.length;
    while (length > width && cells[length - 1].trim() === "") length--;
    return cells.slice(0, length);
  }

  /** Say whether a cell holds several numbers or words, of which one has a decimal point. */
  function isUnseparated(cell) {
    const parts = cell.trim().split(/[\s|:]+/);
    const isDecimal = (part) => part.includes(".") && numberFrom(part) !== undefined;
    return parts.length > 1 && parts.some(isDecimal);
  }

  const isWithComma = (cell) => cell.includes(",") && DECIMAL_COMMA.test(cell.trim());

  /** Return what is known of a column before its first cell. */
  const newFacts = () => ({
    isNumeric: true, holdsNumber: false, holdsStrangeNumber: false, isWhole: true, rises: true,
    counts: true, holdsFraction: false, last: null, words: new Set(), lowest: Infinity,
    highest: -Infinity,
  });

  /** Add what a cell tells of its column. `number` is undefined if it holds none. */
  function learn(facts, number, text) {
    if (facts.words.size < (number === undefined ? MOST_WORDS : 3)) facts.words.add(text);
    const step = facts.last === null ? 1 : number - facts.last;
    facts.isNumeric &&= number !== undefined;
    facts.holdsNumber ||= number !== undefined;
    facts.holdsStrangeNumber ||=
      number === undefined && (PERCENTAGE.test(text.trim()) || isWithComma(text));
    facts.isWhole &&= Number.isInteger(number);
    facts.holdsFraction ||= Math.abs(number % 1) > 0;
    facts.rises &&= step > 0;
    facts.counts &&= step === 1;
    facts.last = number ?? NaN;
    facts.lowest = Math.min(facts.lowest, facts.last);
    facts.highest = Math.max(facts.highest, facts.last);
  }

  /**
   * Read a table line by line. `columns` chooses, from the names of the columns and of those that
   * begin with a number, those that are read as numbers and those that are read as text: it
   * returns {numbers, texts, needsFacts}.
   */
  async function readTable(file, columns, onProgress) {
    const path = file.name;
    const utf16 = utf16Of(new Uint8Array(await file.slice(0, 2).arrayBuffer()));
    let [names, hasHead, hasBlanks, delimiter] = [null, true, false, null];
    let [hasCommas, hasEmptyRows, begun] = [false, false, ""];
    let [chosen, places, textPlaces, facts] = [null, null, null, null];
    let [isFirst, record, words] = [true, 0, []];
    let [comments, nLines, nComments, nSkipped, hasSign] = [[], 0, 0, 0, false];
    const records = [];
    let numbers = new Float64Array(1024);
    let [used, row] = [0, 0];
    let texts = [];
    let [wrongLength, haveRowNames] = [null, true];
    const trimmedTexts = new Set();
    const noNumbers = {};
    const withPoint = {};

    /** Return the number of a cell. Where no comma ends it, a comma is its decimal point. */
    const numberIn = (cell) =>
      numberFrom(delimiter !== "," && isWithComma(cell) ? cell.replace(",", ".") : cell);

    const delimiterIn = (line) => ["\t", ";", ","].find((sign) => line.includes(sign)) ?? ",";

    /** Of the comments before the samples, take the last one if it holds the names. */
    function takeComments(below) {
      const head = comments.at(-1);
      delimiter ??= delimiterIn(below.trim() ? below : head);
      const [own, other] = [head, below].map((line) => cellsOf(line, delimiter, true).length);
      const isHead = below.trim() === "" || own === other;
      const bare = head.replace(SIGN, "$1");
      record += comments.length - (isHead ? 1 : 0);
      hasSign = isHead && bare !== head;
      nSkipped = isHead && !hasSign ? nComments - 1 : nComments;
      comments = [];
      if (isHead) takeCells(bare, false);
    }

    function take(line, isLast) {
      nLines++;
      const declared = isFirst && line.trim().match(DELIMITER_OF_EXCEL);
      isFirst = false;
      if (declared) {
        [delimiter, nSkipped] = [declared[1], 1];
        return;
      }
      if (names === null && begun === "" && COMMENT.test(line)) {
        comments.push(line);
        nComments = nLines;
        return;
      }
      if (begun === "" && line.trim() === "") {
        record++;
        return;
      }
      if (comments.length) takeComments(line);
      takeCells(line, isLast);
    }

    function takeCells(line, isLast) {
      delimiter ??= delimiterIn(line);
      const whole = begun + line;
      const cells = cellsOf(whole, delimiter, isLast);
      begun = cells === null ? `${whole}\n` : "";
      if (begun.length > LONGEST_CELL) {
        const why = `field larger than field limit (${LONGEST_CELL})`;
        throw new BadFile(NO_CSV({ path, why }));
      }
      if (cells === null) return;
      record++;
      const kept = trimmed(cells, names?.length ?? 0);
      if (kept.every((cell) => cell.trim() === "")) {
        hasEmptyRows ||= names !== null;
        return;
      }
      hasCommas ||= delimiter !== "," && kept.some(isWithComma);
      if (names === null) start(kept);
      else add(kept);
    }

    function start(cells) {
      const head = cells.map((cell) => cell.trim().replace(/\s+/g, " "));
      hasBlanks = cells.some((cell, k) => cell !== head[k]);
      // A class may be called 0 or 1, but none is called 0.3.
      const numbers = head.map(numberIn).map((number) => (Number.isFinite(number) ? number : null));
      hasHead = numbers.includes(null) && numbers.every((x) => x === null || Number.isInteger(x));
      // A sample such as 3,cat may stand in the place of the names.
      if (hasHead && numbers.some((number) => number !== null)) {
        words = head.flatMap((cell, k) => (numbers[k] === null && cell ? [k] : []));
      }
      names = hasHead ? head : head.map((_, k) => String(k + 1));
      const repeated = names.filter((name, k) => names.indexOf(name) !== k);
      if (repeated.length) {
        throw new BadFile(REPEATED_COLUMNS({ path, names: [...new Set(repeated)].join(", ") }));
      }
      if (!hasHead) add(cells);
    }

    /** Refuse a row that is too long or too short. If all are, they may begin with a name. */
    function refuseLength() {
      const [expected, { found, place }] = [names.length, wrongLength];
      const advice = haveRowNames ? "ROW_NAMES" : found > expected ? "MORE_CELLS" : "FEWER_CELLS";
      const words = { path, expected, found, place, advice: self.sentences[advice]({}) };
      throw new BadFile(WRONG_LENGTH_OF_ROW(words));
    }

    function choose(numeric) {
      chosen = columns({ path, names, hasHead, numeric });
      places = chosen.numbers.map((name) => names.indexOf(name));
      textPlaces = chosen.texts.map((name) => names.indexOf(name));
      texts = textPlaces.map(() => []);
      facts = chosen.needsFacts ? names.map(newFacts) : null;
    }

    function add(cells) {
      row++;
      records.push(record);
      const place = placeInTable(record);
      if (cells.length !== names.length) wrongLength ??= { found: cells.length, place };
      haveRowNames &&= cells.length === names.length + 1;
      if (wrongLength) {
        if (!haveRowNames) refuseLength();
        return;
      }
      if (words.some((k) => cells[k].trim() === names[k])) {
        throw new BadFile(FIRST_ROW_IS_DATA({ path, found: `'${names.join(delimiter)}'` }));
      }
      if (names.length === 1 && chosen === null && isUnseparated(cells[0])) {
        throw new BadFile(NO_DELIMITER({ path, found: `'${cells[0].slice(0, LONGEST_SHOWN)}'` }));
      }
      if (chosen === null) choose(names.filter((_, k) => numberIn(cells[k]) !== undefined));
      if (used + places.length > numbers.length) {
        const larger = new Float64Array(2 * numbers.length + places.length);
        larger.set(numbers);
        numbers = larger;
      }
      for (const k of places) {
        const number = numberIn(cells[k]);
        const faultHere = () => ({ found: `'${cells[k].trim()}'`, place, record });
        // Only when all labels are known is it clear whether the column is a score.
        if (number === undefined) noNumbers[names[k]] ??= faultHere();
        else if (delimiter !== "," && cells[k].includes(".")) withPoint[names[k]] ??= faultHere();
        numbers[used++] = number ?? NaN;
      }
      textPlaces.forEach((k, i) => {
        const text = cells[k].trim();
        if (text !== cells[k]) trimmedTexts.add(names[k]);
        texts[i].push(text);
      });
      facts?.forEach((known, k) => learn(known, numberIn(cells[k]), cells[k].trim()));
    }

    let [rest, done] = ["", 0];
    const decoder = new TextDecoderStream(utf16 ?? "utf-8", { fatal: true });
    const reader = file.stream().pipeThrough(decoder).getReader();
    const refuseBytes = (error) => {
      throw error instanceof TypeError ? new BadFile(NO_CSV({ path, why: NOT_UTF_8({}) })) : error;
    };
    for (;;) {
      const { value, done: ended } = await reader.read().catch(refuseBytes);
      const lines = (rest + (value ?? "")).split(/\r\n|\n|\r(?!$)/);
      rest = ended ? "" : lines.pop();
      for (const line of lines) take(line, false);
      done += value?.length ?? 0;
      if (file.size) onProgress(Math.min(done / file.size, 1));
      if (ended) break;
    }
    if (begun !== "") take("", true);
    if (comments.length) takeComments("");
    if (names === null) throw new BadFile(NO_ROWS({ path }));
    if (wrongLength) refuseLength();
    // Beside decimal commas, a point may separate thousands.
    for (const [name, fault] of Object.entries(hasCommas ? withPoint : {})) {
      if (!(noNumbers[name]?.record < fault.record)) noNumbers[name] = fault;
    }
    if (chosen === null) choose(names);
    const data = numbers.subarray(0, used);
    const pointed = (text) => (hasCommas && isWithComma(text) ? text.replace(",", ".") : text);
    const byName = new Map(chosen.texts.map((name, k) => [name, texts[k].map(pointed)]));
    const isUtf16 = utf16 !== null;
    const form = {
      hasHead, hasBlanks, hasCommas, hasEmptyRows, delimiter, isUtf16, nSkipped, hasSign,
    };
    const factsOf = facts && new Map(names.map((name, k) => [name, facts[k]]));
    const place = (i) => placeInTable(records[i]);
    const found = { data, texts: byName, trimmed: trimmedTexts, factsOf, noNumbers, place };
    const table = { ...chosen, ...form, n: row, ...found };
    return { path, word: "column", names, table };
  }

  /** Return what to do about a cell that holds no number. */
  function adviceOn(cell, hasCommas) {
    const advice = "choose the columns of scores";
    if (MISSING.test(cell)) return FILL_IN({ advice });
    const [, known] = ADVICE_ON_CELLS.find(([pattern]) => pattern.test(cell)) ?? [];
    if (known) return self.sentences[known]({ advice });
    if (numberFrom(cell) !== undefined) return self.sentences.ONE_POINT({});
    if (!hasCommas && isWithComma(cell)) return WRITE_POINTS({});
    return CORRECT({ advice });
  }

  /** Refuse the first cell that is no number in one of these columns of a table. */
  function refuseText(path, { noNumbers, hasCommas }, columns) {
    const name = columns.find((column) => column in noNumbers);
    if (name === undefined) return;
    const { found, place } = noNumbers[name];
    const advice = adviceOn(found.slice(1, -1), hasCommas);
    throw new BadFile(NO_NUMBER({ path, name, found, place, advice }), "scores");
  }

  self.files = { open, refuseText, refuseAtOnce, numberFrom };
};
