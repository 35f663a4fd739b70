// This script finds the logits and the labels in files, and refuses what cannot be meant.
(self.calculatorParts ??= {}).samples = function () {
  "use strict";

  const { sentences, patterns } = self;
  const { open, refuseAtOnce, refuseText, numberFrom, BadFile } = self.files;
  // Smaller probabilities count as this one, because the logarithm of 0 is no number.
  const FLOOR = 1e-12;
  const LARGEST = 1e100;
  // A little less than what the library accepts, so that both readers decide alike.
  const EXACT = 0.95e-3;
  const MOST_DECIMALS = 6;
  // If a smaller share of the rows differ, equal rows need not be equal samples.
  const MOSTLY = 0.9;
  const OUTCOMES = { false: 0, true: 1 };
  const CHOOSE_LABELS = "choose which of them holds the true labels";
  const CHOOSE_BOTH = "choose both files, the logits and the labels, at once";
  const CHOOSE_SCORES = "choose the columns that hold logits";
  const CHECK_SCORES = "untick those that hold none, then press Calibrate again";
  // More columns that stand side by side are named by the first and the last one.
  const FEW_COLUMNS = 4;
  // Scores of few samples may be whole numbers that differ by chance.
  const LEAST_IDENTIFIERS = 20;
  // The name of a box of the page.
  const BOX = '"These are probabilities, not logits"';
  const BOX_FROM_1 = '"The labels count from 1"';
  const ARE_PROBABILITIES = `tick ${BOX} if they are`;

  const kindOf = (areProbabilities) => (areProbabilities ? "probabilities" : "logits");
  /** Return the names that say that they hold something of these kinds, beside that of a set. */
  const declaredIn = (own, ...kinds) =>
    [...own.keys()].filter((name) => kinds.some((kind) => patterns[kind].test(own.get(name))));
  const asThemselves = (names) => new Map(names.map((name) => [name, name]));
  const declared = (names, ...kinds) => declaredIn(asThemselves(names), ...kinds);

  /** Return the arrays of one set of a file, each with its name without the word of the set. */
  function arraysOfSet(names, which) {
    const pattern = patterns[`${which}Set`];
    const found = names.map((name) => [name, name.match(pattern)]).filter(([, match]) => match);
    return new Map(found.map(([name, match]) => [name, match[1] ?? match[2]]));
  }

  /**
   * Return the arrays to choose from: all, or those of one set if a file holds a calibration set
   * and a test set. `other` tells whether it holds a test set beside the set that is taken.
   */
  function arraysOf(names, { picked, which }) {
    const every = asThemselves(names);
    if (declaredIn(every, "labels").length) return { own: every, other: false };
    const sets = ["calibration", "test"].map((set) => [set, arraysOfSet(names, set)]);
    const isWhole = (own) =>
      declaredIn(own, "labels").length > 0 && declaredIn(own, "logits", "probabilities").length > 0;
    const whole = new Map(sets.filter(([, own]) => isWhole(own)));
    const named = picked.scores?.[0] ?? picked.labels;
    const own =
      named === undefined
        ? whole.get(which) ?? [...whole.values()][0]
        : sets.map(([, set]) => set).find((set) => set.has(named));
    return { own: own ?? every, other: whole.size === 2 && own === whole.get("calibration") };
  }

  /** Return the names of the scores, and whether they are probabilities. */
  function namesOfScores(own, others, described, path, { probabilities, picked }) {
    const kinds = ["logits", "probabilities"];
    const [logits, declaredProbabilities] = kinds.map((kind) => declaredIn(own, kind));
    const order = probabilities ? [declaredProbabilities, logits] : [logits, declaredProbabilities];
    const choices = picked.scores ? [picked.scores] : [...order, others];
    const found = choices.find((some) => some.length > 0);
    if (!found) throw new BadFile(sentences.NO_SCORES({ path, described }), "scores");
    const areProbabilities = found.every((name) => declaredProbabilities.includes(name));
    return { found, areProbabilities: probabilities || areProbabilities };
  }

  /** Say whether these are probabilities by the name that scikit-learn gives to scores. */
  const isYScore = (found, bare, dataOf) =>
    found.length === 1 && /^y_score$/i.test(bare[0]) && dataOf().every((p) => p >= 0 && p <= 1);

  function refuseMissing(labels, isMissing, path, placeOf) {
    const row = Array.prototype.findIndex.call(labels, isMissing);
    if (row >= 0) throw new BadFile(sentences.NO_LABEL({ path, place: placeOf(row) }));
  }

  const noLabels = (path, word, found, described, advice = CHOOSE_LABELS) =>
    new BadFile(
      sentences.NO_LABELS({
        path, word, how_many: found.length ? "more than one" : "none", described, advice,
      })
    );

  /**
   * Say which columns of a table are read, from its head and from what the user has picked. What
   * they are is decided when all cells are known.
   */
  const columnsOf = ({ picked }) => ({ names, numeric }) => {
    const useful = names.filter((name) => name !== "" && name !== "Unnamed: 0");
    const declaredLabels = picked.labels ? [picked.labels] : declared(names, "labels");
    const label = declaredLabels.length === 1 ? declaredLabels[0] : null;
    const scores = picked.scores ?? declared(names, "logits", "probabilities");
    const isKnown = label !== null && scores.length > 0;
    return {
      numbers: (isKnown ? scores : useful).filter((name) => name !== label),
      texts: label === null ? useful.filter((name) => !numeric.includes(name)) : [label],
      needsFacts: !isKnown,
      numeric,
      useful,
    };
  };

  /** Say whether a column holds words that repeat, as the names of classes do. */
  const holdsClasses = ({ holdsNumber, words }, n) =>
    !holdsNumber && 2 * words.size <= Math.max(n, 4);

  /** Return the only column that can hold the labels, or ask for it. */
  function labelOfTable({ path, names, table }, { picked }, besideScores) {
    const found = picked.labels ? [picked.labels] : declared(names, "labels");
    const { n, useful, hasHead, factsOf } = table;
    const scores = picked.scores ?? declared(names, "logits", "probabilities");
    if (found.length === 0) {
      const others = useful.filter((name) => !besideScores.includes(name));
      // Of more columns, it may be a number of the row or a prediction as well.
      const mayBe = hasHead && others.length > 2 ? [] : others;
      // The only column of words that repeat is that of the labels.
      const words = others.filter((name) => holdsClasses(factsOf.get(name), n));
      const whole = mayBe.filter((name) => factsOf.get(name).isWhole);
      found.push(...(words.length === 1 ? words : whole));
    }
    const labels = found.filter((name) => !scores.includes(name));
    if (labels.length === 1) return labels[0];
    throw noLabels(path, "column", labels, `the columns ${names.join(", ")}`);
  }

  /** Return the scores and the labels of a table, of which columnsOf has chosen the columns. */
  function fromTable(source, options, layout) {
    const { path, names, table } = source;
    const { picked } = options;
    // The choice is shown only for a file that could be read as a table.
    Object.assign(layout, { path, word: "column", names: table.useful, labels: null, scores: null });
    const { n, useful, numbers, factsOf } = table;
    const facts = [...(factsOf ?? [])];
    const { isNumberOfSamples, isPrediction } = self.strays;
    const isBeside = (name, known) => isNumberOfSamples(name, n, known) || isPrediction(name, known);
    const besideScores = useful.filter((name) => factsOf && isBeside(name, factsOf.get(name)));
    // A single word may be a fault in a column of scores.
    const isWordy = ([, { holdsNumber }]) => !holdsNumber;
    layout.words = facts.filter(isWordy).map(([name]) => name);
    layout.outcomes = Object.fromEntries(facts.map(([name, { words }]) => [name, twoNames(words)]));
    const mayBeScores = useful.filter((name) => !besideScores.includes(name));
    const declaredScores = declared(names, "logits", "probabilities");
    layout.proposed = declaredScores.length
      ? declaredScores
      : mayBeScores.filter((name) => !layout.words.includes(name));
    const label = (layout.labels = labelOfTable(source, options, besideScores));
    const isOther = (name) => name !== label;
    const dataOf = (columns) =>
      columns.length === numbers.length && columns.every((name, k) => name === numbers[k])
        ? table.data
        : columnsOfData(table.data, n, numbers.length, columns.map((c) => numbers.indexOf(c)));
    let labels = table.texts.get(label) ?? Array.from(dataOf([label]), String);
    const others = useful.filter((name) => isOther(name) && !layout.words.includes(name));
    const { found, ...given } = namesOfScores(
      asThemselves(names.filter(isOther)), others, `the columns ${names.join(", ")}`, path,
      { ...options, picked: { scores: picked.scores?.filter(isOther) } }
    );
    Object.assign(layout, { scores: found, kind: kindOf(given.areProbabilities) });
    refuseMissing(labels, (text) => text === "", path, table.place);
    let columns = found;
    const occurring = new Set(labels.map(String));
    if (found === others) {
      // A label may name a class that is called id.
      const isScore = (name) => !besideScores.includes(name) || occurring.has(classOf(name));
      const rest = found.filter(isScore);
      columns = layout.scores = rest.length ? rest : found;
      const data = dataOf(columns);
      columns = layout.scores = withoutStrays({ path, columns, occurring, data, table });
    }
    refuseText(path, table, columns);
    const areProbabilities =
      given.areProbabilities || isYScore(columns, columns, () => dataOf(columns));
    layout.kind = kindOf(areProbabilities);
    const classes = table.hasHead && columns.length > 1 ? classesOf(columns, occurring) : null;
    const nLabels = new Set(labels).size;
    const outcomes = columns.length === 1 ? twoNames(labels) : null;
    layout.outcomes[label] = twoNames(labels);
    const positive = outcomes && positiveOf(path, columns[0], outcomes, picked);
    layout.positive = positive;
    if (positive !== null) labels = Int8Array.from(labels, (label) => Number(label === positive));
    const of = positive === null ? "" : `, where ${positive} is the positive class`;
    const mark = table.hasCommas ? `; ${sentences.DECIMAL_COMMAS({})}` : "";
    layout.areFound = picked.scores === undefined && columns.length > 1;
    return {
      path, data: dataOf(columns), shape: columns.length === 1 ? [n] : [n, columns.length],
      code: codeOfTable(path, { ...table, names, columns, text: label, positive }),
      half: false, areProbabilities, labels, classes, positive, place: table.place,
      from: { scores: listed("column", columns), labels: `the column ${label}${of}${mark}` },
      suspicion: suspicionOf(columns, nLabels),
      wrongPositive: outcomes && wrongPositiveOf(positive, outcomes),
      unused: names.filter((name) => name !== "" && name !== label && !columns.includes(name)),
    };
  }

  /** Return the columns that are scores, without such as an identifier or a weight. */
  function withoutStrays({ path, columns, occurring, data, table }) {
    const { kept, stray, areSure } =
      table.hasHead && columns.length > 1
        ? self.strays.find(columns, classesOf(columns, occurring), occurring)
        : { kept: columns, stray: null, areSure: false };
    refuseText(path, table, kept);
    const isWhole = (name) => isIdentifier(data, columns.indexOf(name), columns.length, table.n);
    const [identifier, ...more] = kept.length > 1 ? kept.filter(isWhole) : [];
    const isInExcess = kept.length - 1 === occurring.size && occurring.size > 1;
    if (identifier !== undefined) {
      if (isInExcess && more.length === 0) return kept.filter((name) => name !== identifier);
      const words = { path, name: identifier, advice: CHOOSE_SCORES };
      throw new BadFile(sentences.AN_IDENTIFIER(words), "scores");
    }
    if (stray !== null) {
      throw new BadFile(sentences.A_STRAY({ path, name: stray, advice: CHOOSE_SCORES }), "scores");
    }
    if (!areSure && self.strays.areUnclear(kept, occurring)) {
      const words = { path, n: kept.length, names: shortly(kept), advice: CHECK_SCORES };
      throw new BadFile(sentences.UNCLEAR_SCORES(words), "ticks");
    }
    return kept;
  }

  /** Return the columns at some places of a table of numbers. */
  function columnsOfData(data, n, width, places) {
    const kept = new Float64Array(n * places.length);
    for (let i = 0, at = 0; i < n; i++) {
      for (const place of places) kept[at++] = data[i * width + place];
    }
    return kept;
  }

  /** Return what may be wrong if no temperature is best, as a sentence, or an empty text. */
  function suspicionOf(columns, nLabels) {
    if (columns.length <= nLabels || columns.length === 1) return "";
    const classes = `${nLabels} class${nLabels === 1 ? "" : "es"}`;
    return (
      `Read ${columns.length} columns (${shortly(columns)}), but the labels name ${classes}.`
    );
  }

  function wrongPositiveOf(event, outcomes) {
    const other = outcomes.find((name) => name !== event);
    return sentences.WRONG_POSITIVE({ event, other });
  }

  /** Return the two names of the classes, if the labels are two names other than 0 and 1. */
  function twoNames(labels) {
    const names = new Set();
    for (const label of labels) if (names.add(label).size > 2) return null;
    const isNamed = [...names].some((name) => ![0, 1].includes(indexFrom(name)));
    return names.size === 2 && !names.has("") && isNamed ? [...names].sort() : null;
  }

  /** Return the label that a high score means, which only the name of its column may say. */
  function positiveOf(path, column, names, { positive }) {
    const named = classOf(column.replace(patterns.beforePositive, ""));
    const isEnd = (name) =>
      column.endsWith(name) && /[^\p{L}\p{N}]$/u.test(column.slice(0, -name.length));
    const [end] = names.filter(isEnd).sort((one, other) => other.length - one.length);
    const found = [positive, named, end].find((name) => names.includes(name));
    if (found !== undefined) return found;
    const [one, other] = names;
    const advice = "choose which label a high score means";
    throw new BadFile(sentences.TWO_NAMES({ path, one, other, advice }));
  }

  /** Say whether a column holds whole numbers that are all different. */
  function isIdentifier(data, column, width, n) {
    const values = new Set();
    for (let i = 0; i < n; i++) {
      const value = data[i * width + column];
      if (!Number.isInteger(value)) return false;
      values.add(value);
    }
    return n >= LEAST_IDENTIFIERS && values.size === n;
  }

  const shortly = (names) =>
    names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]}, ..., ${names.at(-1)}`;

  function listed(word, names) {
    if (names.length === 1) return names[0] === "" ? "its array" : `the ${word} ${names[0]}`;
    return `the columns ${shortly(names)}`;
  }

  const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  /** Return the scores and the labels of arrays, which may come from two files. */
  function fromArrays({ path, arrays, labelsPath = null }, options, layout) {
    const { picked } = options;
    const names = Object.keys(arrays);
    if (labelsPath === null) {
      Object.assign(layout, { path, word: "array", names, labels: null, scores: null });
    }
    const described = names
      .map((name) => `${name || "an array"} ${arrays[name].type} ${shapeText(arrays[name].shape)}`)
      .join(", ");
    const { own, other } = arraysOf(names, options);
    const named = picked.labels ? [picked.labels] : declaredIn(own, "labels");
    const whole = names.filter((name) => "iub".includes(arrays[name].kind));
    const scores = picked.scores ?? declaredIn(own, "logits", "probabilities");
    const candidates = (named.length ? named : whole).filter((name) => !scores.includes(name));
    if (candidates.length !== 1) {
      const advice = names.length > 1 ? CHOOSE_LABELS : CHOOSE_BOTH;
      throw noLabels(path, "array", candidates, described, advice);
    }
    const [label] = candidates;
    const tell = (words) => labelsPath === null && Object.assign(layout, words);
    tell({ labels: label });
    const rest = names.filter((name) => name !== label);
    const floats = rest.filter((name) => arrays[name].kind === "f");
    const ofScores = new Map([...own].filter(([name]) => name !== label));
    const { found, ...given } = namesOfScores(ofScores, floats, described, path, options);
    const { shape, data, type, kind } = arrays[found[0]];
    const areProbabilities =
      given.areProbabilities || isYScore(found, [own.get(found[0]) ?? ""], () => Array.from(data));
    tell({ scores: found, kind: kindOf(areProbabilities) });
    if (found.length > 1) throw new BadFile(sentences.NO_SCORES({ path, described }));
    if (kind !== "f") throw new BadFile(sentences.NO_FLOATS({ path, name: found[0], dtype: type }));
    const placeOf = (row) => sentences.ROW_OF_ARRAY({ row });
    refuseMissing(arrays[label].data, isNoLabel, labelsPath ?? path, placeOf);
    return {
      path, data, shape, half: type === "float16", areProbabilities, classes: null,
      place: placeOf,
      labels: arrays[label].data, labelShape: arrays[label].shape, hasTestSet: other,
      code: codeOfArrays(path, found[0], label, labelsPath, arrays[label].kind === "f"),
      from: { scores: listed("array", found), labels: labelsPath ?? `the array ${label}` },
      unused: rest.filter((name) => !found.includes(name)),
    };
  }

  const isNoLabel = (label) => label === "" || Number.isNaN(label);

  const isNamed = ({ path }, ...kinds) =>
    declared([path.replace(/\.npy$/i, "")], ...kinds).length > 0;

  // What tells the labels from the logits, one after the other until one tells them apart.
  const SIGNS_OF_LABELS = [
    ({ arrays }, other) => arrays[""].shape.length === 1 && other.arrays[""].shape.length > 1,
    ({ arrays }) => arrays[""].kind !== "f",
    (file) => isNamed(file, "labels"),
    (_, other) => isNamed(other, "logits", "probabilities"),
  ];

  /** Return [scores, labels] of two npy files, or ask which is which. */
  function orderOfPair([one, other], { labels, scores = [] }, layout) {
    const paths = [one.path, other.path];
    const path = paths.join(" and ");
    Object.assign(layout, { path, word: "file", names: paths, labels: null, scores: null });
    const chosen = labels ?? paths.find((name) => scores[0] && name !== scores[0]);
    if (chosen !== undefined) return chosen === one.path ? [other, one] : [one, other];
    const sign = SIGNS_OF_LABELS.find((is) => is(one, other) !== is(other, one));
    if (sign) return sign(one, other) ? [other, one] : [one, other];
    const rowWise = [one, other].filter(({ arrays }) => arrays[""].shape.length === 1);
    if (rowWise.length === 0) {
      throw noLabels(path, "array", [], "no array has one label for each row", CHOOSE_BOTH);
    }
    throw new BadFile(`${path} are alike, so either of them may hold the labels; ${CHOOSE_LABELS}`);
  }

  /** Name the arrays of two npy files by what they hold. */
  function pairOfFiles(files, { picked }, layout) {
    const [scores, labels] = orderOfPair(files, picked, layout);
    const name = isNamed(scores, "probabilities") ? "probabilities" : "logits";
    Object.assign(layout, { labels: labels.path, scores: [scores.path], kind: name });
    const arrays = { [name]: scores.arrays[""], labels: labels.arrays[""] };
    return { path: scores.path, arrays, labelsPath: labels.path };
  }

  /**
   * Return {logits, labels, n, C, said} from one file, or from two npy files. `picked` holds what the
   * user has chosen: {labels, scores, positive}. `which` is the set that is read if a file holds
   * two: "calibration" or "test". `layout` gets what there is to choose from.
   */
  async function read(chosen, given = {}, layout = {}, onProgress = () => {}) {
    const options = { probabilities: false, picked: {}, which: "calibration", ...given };
    try {
      return await readChosen(chosen, options, layout, onProgress);
    } catch (error) {
      layout.asks = error.asks ?? null;
      throw error;
    }
  }

  async function readChosen(chosen, options, layout, onProgress) {
    await refuseAtOnce(chosen);
    const opened = [];
    for (const file of chosen) opened.push(await open(file, columnsOf(options), onProgress));
    const isPair = opened.length === 2;
    const source = isPair ? pairOfFiles(opened, options, layout) : opened[0];
    const found = source.table
      ? fromTable(source, options, layout)
      : fromArrays(source, isPair ? { ...options, picked: {} } : options, layout);
    try {
      return rowsOf(found, layout, options.picked);
    } catch (error) {
      if (error instanceof BadValue) {
        throw new BadFile(`${found.path}: ${error.message}`, error.asks);
      }
      throw error;
    }
  }

  /** Thrown for values that cannot be meant. */
  class BadValue extends BadFile {}

  function rowsOf(found, layout, { countFrom1 }) {
    const { path, data, shape, half, areProbabilities, code, from, unused } = found;
    const { suspicion, wrongPositive, labels, labelShape, classes, positive = null, hasTestSet = false, place } = found;
    const name = kindOf(areProbabilities);
    if (shape.length < 1 || shape.length > 2) {
      const advice = "use the library for images, which takes pixels as samples";
      throw new BadValue(sentences.SHAPE_OF_LOGITS({ name, shape: shapeText(shape), advice }));
    }
    const [n, width] = [shape[0], shape[1] ?? 1];
    if (n * width === 0) throw new BadValue(sentences.EMPTY({ name, shape: shapeText(shape) }));
    const C = width === 1 ? 2 : width;
    const where = { path, name, n, C, place, countFrom1 };
    const { indices, byName, first } = asIndices(labels, labelShape ?? [labels.length], classes, where);
    layout.isByOrder = classes !== null && byName === null;
    checkFinite(data, name, n, width, place);
    let [logits, raised, rounded] = [data, "", ""];
    if (areProbabilities) {
      if (checkProbabilities(data, n, width, half, place)) rounded = `; ${sentences.ROUNDED({})}`;
      if (width === 1) logits = logitsOfEvents(data);
      else logits = data.map((p) => Math.log(Math.max(p, FLOOR)));
      const nRaised = countRaised(data, width);
      if (nRaised) raised = ` (${nRaised} within ${FLOOR} of 0 or 1 count as ${FLOOR} away from it)`;
    } else {
      refuseProbabilities(data, n, width, half);
      if (width === 1) logits = beside0(data);
    }
    const leftOut = unused.length ? `; not used: ${unused.join(", ")}` : "";
    const given = `${path}: n = ${n}, ${name} of ${C} classes from ${from.scores}${raised}`;
    const said = `${given}, labels from ${from.labels}${rounded}${leftOut}`;
    const python = pythonOf({ ...code, byName, first }, areProbabilities, width);
    const event = positive ?? nameOfEvent(byName);
    const suspicions = { suspicion, wrongPositive };
    const ofEvents = width === 1 ? "probability" : "probabilities";
    const form = { input: areProbabilities ? ofEvents : "logits", classes: positive ? null : byName };
    const about = { n, C, said, ...form, ...suspicions, code: python, event, hasTestSet };
    return { logits, labels: indices, ...about };
  }

  /** Return the name of the second of two classes that have names, of which the ECE is measured. */
  function nameOfEvent(classes) {
    const isNamed = classes?.length === 2 && numberFrom(classes[1]) === undefined;
    return isNamed ? classes[1] : null;
  }

  const classOf = (column) =>
    column.replace(patterns.beforeClass, "").replace(/^[()[\]]+|[()[\]]+$/g, "");

  /**
   * Return the classes that columns name, without what stands around every label. So the columns
   * s_cat and s_dog name the labels cat and dog, whatever s may mean.
   */
  function classesOf(columns, labels) {
    const classes = columns.map(classOf);
    const texts = [...labels].sort();
    const areWords = texts.some((text) => numberFrom(text) === undefined);
    if (!areWords || texts.every((text) => classes.includes(text))) return classes;
    const [one] = texts.sort((a, b) => b.length - a.length);
    for (const column of columns) {
      const at = column.indexOf(one);
      const [before, after] = [column.slice(0, Math.max(at, 0)), column.slice(at + one.length)];
      if (at < 0 || !texts.every((text) => columns.includes(before + text + after))) continue;
      const isAround = (name) =>
        name.startsWith(before) && name.endsWith(after) && name.length > (before + after).length;
      return columns.map((name, k) =>
        isAround(name) ? name.slice(before.length, name.length - after.length) : classes[k]
      );
    }
    return classes;
  }

  const quoted = (text) => JSON.stringify(text);

  function codeOfArrays(path, scores, label, labelsPath, areFloats) {
    const load = (file) => `np.load(${quoted(file)})`;
    const both = labelsPath
      ? [load(path), load(labelsPath)]
      : [`${load(path)}[${quoted(scores)}]`, `${load(path)}[${quoted(label)}]`];
    const labels = areFloats ? `${both[1]}.astype(int)` : both[1];
    return { imports: ["import numpy as np"], scores: both[0], labels };
  }

  function codeOfTable(path, { names, columns, text, positive, hasHead, hasBlanks, ...form }) {
    const { delimiter, hasCommas, isUtf16, hasEmptyRows, isDeclared } = form;
    const skipped = isDeclared ? ", skiprows=1" : "";
    const sep = delimiter === "," ? "" : `, sep=${quoted(delimiter)}`;
    const decimal = hasCommas ? ', decimal=","' : "";
    const encoding = isUtf16 ? ', encoding="utf-16"' : "";
    const filled = hasEmptyRows ? '.dropna(how="all")' : "";
    const noHead = hasHead ? "" : ", header=None";
    const trimmed = hasHead && hasBlanks ? ".rename(columns=lambda name: ' '.join(name.split()))" : "";
    // Without a head, pandas calls the columns 0, 1, 2 and so on.
    const key = (name) => (hasHead ? quoted(name) : names.indexOf(name));
    const places = columns.map((name) => names.indexOf(name));
    const inARow = places.every((place, k) => place === places[0] + k);
    let chosen = `[[${columns.map(key).join(", ")}]]`;
    if (columns.length === 1) chosen = `[${key(columns[0])}]`;
    else if (inARow && columns.length > FEW_COLUMNS) {
      chosen = `.loc[:, ${key(columns[0])}:${key(columns.at(-1))}]`;
    }
    return {
      imports: ["import pandas as pd"],
      table: `pd.read_csv(${quoted(path)}${sep}${decimal}${encoding}${skipped}${noHead})${trimmed}${filled}`,
      scores: `table${chosen}.to_numpy(float)`,
      labels: `table[${key(text)}]`,
      positive: positive === null ? null : String(numberFrom(positive) ?? quoted(positive)),
    };
  }

  /** Return what reads logits and labels in Python: imports, a table, and an expression. */
  function pythonOf({ imports, table, scores, labels, positive, byName, first }, areProbabilities, width) {
    let [read, given, classes] = [scores, labels, null];
    if (areProbabilities) {
      read = width === 1 ? `special.logit(np.clip(${scores}, 1e-12, 1 - 1e-12))` : `np.log(np.clip(${scores}, 1e-12, 1))`;
    }
    if (positive) given = `(${labels} == ${positive}).to_numpy(int)`;
    else if (table) {
      if (byName) classes = `[${byName.map(quoted).join(", ")}]`;
      given = byName ? `pd.Categorical(${labels}.astype(str), classes).codes` : `${labels}.to_numpy(int)`;
    }
    if (first) given += ` - ${first}`;
    const more = areProbabilities ? ["import numpy as np", ...(width === 1 ? ["from scipy import special"] : [])] : [];
    return { imports: [...imports, ...more], table, classes, logits: read, labels: given };
  }

  /** Return a binary logit z as the row (0, z). */
  function beside0(z) {
    const rows = new z.constructor(2 * z.length);
    for (let i = 0; i < z.length; i++) rows[2 * i + 1] = z[i];
    return rows;
  }

  /** Return how many probabilities, or their complements, are raised to the smallest one. */
  function countRaised(p, width) {
    let n = 0;
    for (const value of p) {
      if (value < FLOOR) n++;
      if (width === 1 && 1 - value < FLOOR) n++;
    }
    return n;
  }

  function logitsOfEvents(p) {
    const z = Float64Array.from(p, (value) => {
      const [yes, no] = [Math.max(value, FLOOR), Math.max(1 - value, FLOOR)];
      return Math.log(yes) - Math.log(no);
    });
    return beside0(z);
  }

  /** Return the labels as class indices, by the names of the columns wherever all have one. */
  function asIndices(labels, labelShape, classes, where) {
    const { path, name, n, C, place, countFrom1 } = where;
    if (labelShape.length !== 1) {
      throw new BadValue(
        `labels must have shape (samples,), got ${shapeText(labelShape)}; save one label for each row`
      );
    }
    if (labels.length !== n) {
      const advice = "pass the labels of exactly these samples";
      throw new BadValue(sentences.NOT_ONE_LABEL_EACH({ name, n_labels: labels.length, n, advice }));
    }
    const names = classes;
    const placeOf = new Map(names?.map((text, c) => [text, c]));
    const byName = names && Array.prototype.every.call(labels, (label) => placeOf.has(String(label)));
    const first = byName ? 0 : firstClass(labels, C, countFrom1);
    const indices = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      const label = byName ? placeOf.get(String(labels[i])) : indexFrom(labels[i]) - first;
      if (!Number.isInteger(label)) {
        const among = names ? `, or among ${names.slice(0, 10).join(", ")}` : "";
        const expected = `class indices from 0${among}`;
        const words = { path, classes: expected, found: `'${labels[i]}'`, place: place(i) };
        throw new BadFile(sentences.WRONG_LABEL(words), names && "scores");
      }
      if (label < 0 || label >= C) {
        const advice = "count classes from 0, and leave out samples without a label";
        const words = { highest: C - 1, n_classes: C, label: label + first, place: place(i), advice };
        throw new BadValue(sentences.LABEL_OUTSIDE(words));
      }
      indices[i] = label;
    }
    return { indices, byName: byName ? names : null, first };
  }

  /** Return the number of the first class, which is 1 only if the user says so. */
  function firstClass(labels, C, countFrom1) {
    let [lowest, highest] = [Infinity, -Infinity];
    for (const label of labels) {
      const index = indexFrom(label);
      if (!Number.isInteger(index)) return 0;
      [lowest, highest] = [Math.min(lowest, index), Math.max(highest, index)];
    }
    if (lowest !== 1 || highest !== C) return 0;
    if (countFrom1) return 1;
    const advice = `if they count from 1, tick ${BOX_FROM_1}`;
    throw new BadValue(sentences.LABELS_FROM_1({ highest, advice }), "countFrom1");
  }

  function indexFrom(label) {
    if (typeof label !== "string") return Number(label);
    return OUTCOMES[label.toLowerCase()] ?? numberFrom(label);
  }

  function checkFinite(data, name, n, width, place) {
    let [nWrong, first, isMasked, largest] = [0, -1, true, 0];
    for (let i = 0, at = 0; i < n; i++) {
      let wrong = false;
      for (let c = 0; c < width; c++, at++) {
        const value = data[at];
        if (!Number.isFinite(value)) {
          wrong = true;
          if (value !== -Infinity) isMasked = false;
        } else largest = Math.max(largest, Math.abs(value));
      }
      if (wrong && nWrong++ === 0) first = i;
    }
    const advice = sentences.LOOK_AT_THE_MODEL({});
    if (nWrong) {
      const more = isMasked && name === "logits" ? `, or ${sentences.MASKED_CLASSES({})}` : "";
      const words = { name, n_wrong: nWrong, n, place: place(first), advice: advice + more };
      throw new BadValue(sentences.NOT_FINITE(words));
    }
    if (largest > LARGEST) {
      const words = { name, most: "1e+100", found: largest.toPrecision(6), advice };
      throw new BadValue(sentences.TOO_LARGE(words));
    }
  }

  /** Return the lowest and the highest value, and the lowest and the highest sum of a row. */
  function extremes(data, n, width) {
    const found = { lowest: Infinity, highest: -Infinity, least: Infinity, most: -Infinity };
    for (let i = 0, at = 0; i < n; i++) {
      let sum = 0;
      for (let c = 0; c < width; c++, at++) {
        sum += data[at];
        found.lowest = Math.min(found.lowest, data[at]);
        found.highest = Math.max(found.highest, data[at]);
      }
      found.least = Math.min(found.least, sum);
      found.most = Math.max(found.most, sum);
    }
    return found;
  }

  const isInside = ({ lowest, highest }) => lowest >= -1e-6 && highest <= 1 + 1e-6;
  const sumsTo1 = ({ least, most }, half) => {
    const tolerance = half ? 1e-2 : 1e-3;
    return least > 1 - tolerance && most < 1 + tolerance;
  };
  const short = (value) => String(Number(value.toPrecision(4)));

  /** Return how far from 1 the rows may sum to, if each number was rounded. */
  function toleranceOf(data, width) {
    for (let digits = 1; digits <= MOST_DECIMALS; digits++) {
      const unit = 10 ** digits;
      if (data.every((p) => Math.abs(p * unit - Math.round(p * unit)) < 1e-3)) {
        return Math.min(0.5, (width * 0.5) / unit) + 1e-6;
      }
    }
    return 0;
  }

  /** Refuse what are no probabilities, and return whether each row is to be divided by its sum. */
  function checkProbabilities(data, n, width, half, place) {
    const found = extremes(data, n, width);
    if (width === 1 && isInside(found)) return false;
    const { lowest, highest, least, most } = found;
    const tolerance = width === 1 || half ? 0 : toleranceOf(data, width);
    const furthest = Math.max(1 - least, most - 1);
    if (furthest > EXACT && furthest <= tolerance && lowest >= 0 && highest <= 1) return true;
    if (isInside(found) && sumsTo1(found, half)) return false;
    if (width > 1 && lowest >= 0) refuseFewRows(data, n, width, Math.max(EXACT, tolerance), place);
    const words = Object.fromEntries(Object.entries(found).map(([key, value]) => [key, short(value)]));
    const percentages = found.lowest >= 0 && found.highest > 1 && found.highest <= 100;
    const advice = percentages
      ? "if these are percentages, divide them by 100"
      : `if these are logits, do not tick ${BOX}, and call them logits`;
    const sentence = width === 1 ? sentences.NO_EVENTS : sentences.NO_PROBABILITIES;
    throw new BadValue(sentence({ ...words, advice }), percentages ? null : "probabilities");
  }

  /** Say which row does not sum to 1, if most of them do. */
  function refuseFewRows(data, n, width, tolerance, place) {
    const sumOf = (i) => data.subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0);
    const wrong = [];
    for (let i = 0; i < n; i++) if (Math.abs(sumOf(i) - 1) > tolerance) wrong.push(i);
    if (wrong.length === 0 || wrong.length >= n / 2) return;
    const [first] = wrong;
    const words = { place: place(first), sum: short(sumOf(first)), n_wrong: wrong.length, n };
    throw new BadValue(sentences.WRONG_SUM(words));
  }

  function refuseProbabilities(data, n, width, half) {
    const found = extremes(data, n, width);
    const advice = `${ARE_PROBABILITIES}, or subtract 1 from all of them if they are logits, which changes no probability`;
    if (width > 1 && n > 2 && isInside(found) && sumsTo1(found, half)) {
      const sentence = sentences.ARE_PROBABILITIES({ advice: ARE_PROBABILITIES });
      throw new BadValue(sentence, "probabilities");
    }
    const why = self.disguises.find(data, n, width);
    const ofOne = `${ARE_PROBABILITIES}, or save two columns if they are logits: 0 and the logit`;
    if (why) {
      const words = { why, advice: width === 1 ? ofOne : advice };
      throw new BadValue(sentences.LOOK_LIKE_PROBABILITIES(words), "probabilities");
    }
  }

  /**
   * Return how many samples of the test are among those of the fit, or null if the logits do not
   * tell samples apart. Refuse a test of which they are the most.
   */
  function countShared(fit, test) {
    const known = new Set(keysOf(fit));
    if (known.size < MOSTLY * fit.n) return null;
    const n = keysOf(test).filter((key) => known.has(key)).length;
    if (n > test.n / 2) {
      throw new BadFile(
        `${n} of the ${test.n} samples for the test are also among those that the temperature is ` +
          "fitted to, so the test would say nothing about new samples; choose other samples for " +
          "the test, or none, so that the first file is split"
      );
    }
    return n;
  }

  /** Return a number for each row, which is the same for rows of the same logits. */
  function keysOf({ logits, n, C }) {
    const value = new Float64Array(1);
    const [low, high] = [0, 1];
    const bits = new Uint32Array(value.buffer);
    return Array.from({ length: n }, (_, i) => {
      let [a, b] = [17, 31];
      for (let k = i * C; k < (i + 1) * C; k++) {
        value[0] = logits[k];
        a = Math.imul(a ^ bits[low], 0x9e3779b1);
        a = Math.imul((a ^ (a >>> 15)) + bits[high], 0x85ebca6b);
        b = Math.imul(b ^ bits[high], 0xc2b2ae35);
        b = Math.imul((b ^ (b >>> 13)) + bits[low], 0x27d4eb2f);
      }
      return (a >>> 0) * 2 ** 21 + (b >>> 11);
    });
  }

  /** Return every second row for the fit, and the others for the test. */
  function split({ logits, labels, n, C }) {
    const part = (first) => {
      const size = Math.floor((n - first + 1) / 2);
      const own = { logits: new logits.constructor(size * C), labels: new Int32Array(size), n: size, C };
      for (let i = 0; i < size; i++) {
        const from = first + 2 * i;
        own.logits.set(logits.subarray(from * C, (from + 1) * C), i * C);
        own.labels[i] = labels[from];
      }
      return own;
    };
    return [part(0), part(1)];
  }

  self.samples = { read, countShared, split, BadValue };
};
