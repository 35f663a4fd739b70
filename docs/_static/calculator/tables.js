// Scores and labels from the columns of a table, as calibkit's _command_line/samples.py finds them.
(self.calculatorParts ??= {}).tables = function () {
  "use strict";

  const { sentences, patterns } = self;
  const { BadFile } = self.refusals;
  const { refuseText } = self.files;
  const { kindOf, declared, asThemselves, labelsAmong, namesOfScores } = self.names;
  const { sayProbabilities, isYScore, areNamed, inOrder, namesScore, plain } = self.names;
  const { classOf, classesOf, isConfidence, isOfClassIn, shortly, listed } = self.names;
  const { noLabels, refuseMissing, twoNames, refuseConfidences, refuseClass0 } = self.labels;
  const { refuseNames, positiveOf, wrongPositiveOf } = self.labels;
  const { codeOfTable } = self.pythonCode;
  const { areWords, overlooked } = self.strays;
  const CHOOSE_SCORES = "choose the columns that hold scores, then press Calibrate again";
  const TICK_SCORES = "tick all columns that hold scores, then press Calibrate again";
  const CHECK_SCORES = "untick those that hold none, then press Calibrate again";
  // Scores of few samples may be whole numbers that differ by chance.
  const LEAST_IDENTIFIERS = 20;
  const OUTCOMES = ["0", "1", "0.0", "1.0", "false", "true"];

  /**
   * Say which columns of a table are read, from its head and from what the user has picked. What
   * they are is decided when all cells are known.
   */
  const columnsOf = ({ picked }) => ({ names, numeric }) => {
    const useful = names.filter((name) => name !== "" && name !== "Unnamed: 0");
    const declaredLabels = picked.labels ? [picked.labels] : labelsAmong(names);
    const label = declaredLabels.length === 1 ? declaredLabels[0] : null;
    const scores = picked.scores ?? declared(names, "logits", "probabilities");
    const isOneOfSeveral = scores.length > 2 && label !== null && isOfClassIn(label, scores);
    const isKnown = label !== null && scores.length > 0 && !isOneOfSeveral;
    // Facts about all columns cost time, so they are collected only where they may be needed.
    const others = useful.filter((name) => name !== label && !scores.includes(name));
    const mayBeOverlooked =
      !picked.scores && ["logit", "prob"].some((word) => overlooked(scores, others, word));
    const mayBeTrainedOn = others.some((name) => patterns.split.test(name));
    return {
      numbers: (isKnown ? scores : useful).filter((name) => name !== label),
      texts: label === null ? useful.filter((name) => !numeric.includes(name)) : [label],
      needsFacts: !isKnown || mayBeOverlooked || mayBeTrainedOn,
      numeric,
      useful,
    };
  };

  /** Say whether a column holds words that repeat, as the names of classes do. */
  const holdsClasses = ({ holdsNumber, holdsStrangeNumber, words }, n) =>
    !holdsNumber && !holdsStrangeNumber && 2 * words.size <= Math.max(n, 4) && !areSets([...words]);

  /** Say whether these words tell to which set a sample belongs. */
  const areSets = (words) => words.every((word) => patterns.set.test(word));

  const holdsOutcomes = ({ words }) =>
    words.size === 2 && [...words].every((word) => OUTCOMES.includes(word.toLowerCase()));

  const isFraction = ({ isNumeric, holdsFraction }) => isNumeric && holdsFraction;

  /** Return the columns of words or of outcomes that may be the labels, or null. */
  function mayBeLabels({ n, useful, factsOf }, names) {
    const outcomes = names.filter((name) => holdsOutcomes(factsOf.get(name)));
    const nFractions = useful.filter((name) => isFraction(factsOf.get(name))).length;
    const countsClasses = ({ isWhole, lowest, highest }) =>
      isWhole && lowest >= 0 && lowest <= 1 && highest > 1 && highest <= nFractions;
    const others = [...outcomes, ...names.filter((name) => countsClasses(factsOf.get(name)))];
    const isWordy = (name) => !outcomes.includes(name) && holdsClasses(factsOf.get(name), n);
    const allWords = names.filter(isWordy);
    const scores = useful.filter((name) => !allWords.includes(name) && !others.includes(name));
    const nameScores = (name) => areNamed(factsOf.get(name).words, scores);
    const naming = allWords.filter(nameScores);
    const words = naming.length === 1 ? naming : allWords;
    // The only column of words that repeat is that of the labels, unless another one may be.
    if (words.length === 1 && (others.length === 0 || nameScores(words[0]))) return words;
    const events = outcomes.filter((name) => namesScore(name, names));
    if (events.length === 1) return events;
    if (words.length === 1) return [...words, ...others];
    const answers = outcomes.filter((name) => !factsOf.get(name).holdsNumber);
    if (words.length === 0 && answers.length === 1) return answers;
    return outcomes.length === 1 && patterns.events.test(outcomes[0]) ? outcomes : null;
  }

  /** Return the columns of labels of which each class has its own, or none. */
  function oneHotAmong({ n, useful, numbers, texts, data, factsOf }) {
    const isOutcome = ({ isWhole, ...facts }) => isWhole && holdsOutcomes(facts);
    const isOfClass = (name) => patterns.oneHot.test(name) || isOfClassIn(name, useful);
    const found = useful.filter((name) => isOfClass(name) && isOutcome(factsOf.get(name)));
    if (found.length < 2) return [];
    const numbersOf = (name) => columnsOfData(data, n, numbers.length, [numbers.indexOf(name)]);
    const columns = found.map((name) => texts.get(name)?.map(Number) ?? numbersOf(name));
    const sumOf = (i) => columns.reduce((sum, values) => sum + values[i], 0);
    return Array.from({ length: n }, (_, i) => sumOf(i)).every((sum) => sum === 1) ? found : [];
  }

  const described = (names) =>
    `the columns ${names.map((name) => name || "(no name)").join(", ")}`;

  /** Return the only column that can hold the labels, or ask for it. */
  function labelOfTable({ path, names, table }, { picked }, besideScores) {
    const found = picked.labels ? [picked.labels] : labelsAmong(names);
    const areNamed = found.length > 0;
    const { n, useful, hasHead, factsOf } = table;
    const named = picked.scores ?? declared(names, "logits", "probabilities");
    // Whoever has chosen a column as the labels does not mean it as a score.
    const scores = named.filter((name) => name !== picked.labels);
    if (found.length === 0) {
      const others = useful.filter((name) => !besideScores.includes(name));
      // Of more columns, it may be a number of the row or a prediction as well.
      const candidates = hasHead && others.length > 2 ? [] : others;
      const whole = candidates.filter((name) => factsOf.get(name).isWhole);
      found.push(...(mayBeLabels(table, others) ?? whole));
    }
    const mayBe = found.filter((name) => !scores.includes(name));
    // A class may be called true or target, and its scores are fractions.
    const isLabel = (name) => !isFraction(factsOf.get(name));
    const whole = mayBe.length > 1 ? mayBe.filter(isLabel) : [];
    let labels = whole.length ? whole : mayBe;
    if (labels.length > 1 && scores.length === 1 && patterns.confidence.test(scores[0])) {
      const right = labels.filter((name) => patterns.right.test(name));
      labels = right.length ? right : labels;
    }
    if (labels.length === 1) return labels[0];
    const oneHot = shortly(oneHotAmong(table));
    if (oneHot) throw new BadFile(sentences.ONE_HOT_COLUMNS({ path, names: oneHot }));
    throw noLabels(path, "column", { found: labels, areNamed, described: described(names) });
  }

  /** Return the scores and the labels of a table, of which columnsOf has chosen the columns. */
  function fromTable(source, options, layout) {
    const { path, names, table } = source;
    const { picked } = options;
    // The choice is shown only for a file that could be read as a table.
    const { n, useful, numbers, factsOf } = table;
    Object.assign(layout, { path, word: "column", names: useful, labels: null, scores: null });
    const facts = [...(factsOf ?? [])];
    const { isNumberOfSamples, isPrediction } = self.strays;
    const isBeside = (name, known) =>
      isNumberOfSamples(name, n, known) || isPrediction(name, known);
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
    const areTrimmed = table.trimmed.has(label);
    let labels = table.texts.get(label) ?? Array.from(dataOf([label]), String);
    const others = useful.filter((name) => isOther(name) && !layout.words.includes(name));
    if (factsOf && others.every((name) => besideScores.includes(name))) {
      // These are no numbers yet, but the error about them says how they become some.
      const isStrange = (name) => isOther(name) && factsOf.get(name).holdsStrangeNumber;
      others.push(...layout.words.filter(isStrange));
    }
    const { found, ...given } = namesOfScores(
      asThemselves(names.filter(isOther)), others, described(names), path,
      { ...options, picked: { scores: picked.scores?.filter(isOther) } }
    );
    Object.assign(layout, { scores: found, kind: kindOf(given.areProbabilities) });
    refuseMissing(labels, (text) => text === "", path, table.place);
    let columns = found;
    const occurring = new Set(labels.map((label) => plain(String(label))));
    if (found === others) {
      // A label may name a class that is called id.
      const isScore = (name) => !besideScores.includes(name) || occurring.has(classOf(name));
      const rest = found.filter(isScore);
      columns = layout.scores = rest.length ? rest : found;
      const data = dataOf(columns);
      columns = layout.scores = withoutStrays({ path, names, columns, occurring, data, table });
    } else if (factsOf && !picked.scores) {
      const others = mayBeScores.filter((name) => name !== label);
      refuseOverlooked(path, columns, others, { ...given, declaredScores, factsOf });
    }
    columns = inOrder(columns);
    const unused = useful.filter((name) => isOther(name) && !columns.includes(name));
    refuseOtherSets(path, unused, factsOf);
    refuseText(path, table, columns);
    if (columns.length === 1) refuseConfidences(path, columns[0], dataOf(columns), labels, label);
    const isTold = given.areProbabilities || sayProbabilities(columns);
    const areProbabilities = isTold || isYScore(columns, columns, () => dataOf(columns));
    layout.kind = kindOf(areProbabilities);
    if (columns.length === 1) refuseClass0(path, columns[0], labels, areProbabilities);
    const classes = table.hasHead && columns.length > 1 ? classesOf(columns, occurring) : null;
    refuseNames(path, columns, { classes, occurring, label, oneHot: () => oneHotAmong(table) });
    const nLabels = new Set(labels).size;
    const outcomes = columns.length === 1 ? twoNames(labels) : null;
    layout.outcomes[label] = twoNames(labels);
    const positive = outcomes && positiveOf(path, columns[0], outcomes, picked);
    layout.positive = positive;
    const words = [...new Set(labels)];
    if (positive !== null) labels = Int8Array.from(labels, (label) => Number(label === positive));
    const prefix = options.which === "test" ? "test_" : "";
    const of = positive === null ? "" : `, where ${positive} is the positive class`;
    const mark = table.hasCommas ? `; ${sentences.DECIMAL_COMMAS({})}` : "";
    layout.areFound = picked.scores === undefined && columns.length > 1;
    return {
      path, data: dataOf(columns), shape: columns.length === 1 ? [n] : [n, columns.length],
      labelName: label,
      code: codeOfTable(path, {
        ...table, prefix, names, columns, text: label, words, areTrimmed, positive,
      }),
      half: false, areProbabilities, labels, classes, positive, place: table.place,
      from: { scores: listed("column", columns), labels: `the column ${label}${of}${mark}` },
      isConfidence: isConfidence(columns[0], label),
      suspicion: suspicionOf(columns, nLabels),
      wrongPositive: outcomes && wrongPositiveOf(positive, outcomes),
      unused: names.filter((name) => name !== "" && name !== label && !columns.includes(name)),
    };
  }

  /** Ask if a column beside the declared scores may be one as well. */
  function refuseOverlooked(path, found, mayBe, { logits, declaredScores, factsOf }) {
    const isNoWhole = ({ holdsNumber, isWhole }) => holdsNumber && !isWhole;
    const others = mayBe.filter(
      (name) => !declaredScores.includes(name) && isNoWhole(factsOf.get(name))
    );
    const word = found === logits ? "logit" : "prob";
    const name = overlooked(found, others, word);
    if (name === undefined) return;
    const words = { path, name, used: found[0], advice: TICK_SCORES };
    throw new BadFile(sentences.OVERLOOKED(words), "ticks");
  }

  /** Refuse a table in which another column says that some samples belong to another set. */
  function refuseOtherSets(path, others, factsOf) {
    for (const name of others.filter((other) => patterns.split.test(other))) {
      const found = [...factsOf.get(name).words].sort();
      const word = found.find((text) => patterns.trained.test(text));
      if (word !== undefined) throw new BadFile(sentences.TRAINED_ON({ path, name, word }));
      const words = found.join(", ");
      const areSeveral = found.length > 1 && areSets(found);
      if (areSeveral) throw new BadFile(sentences.SEVERAL_SETS({ path, name, words }));
    }
  }

  /** Return the columns that are scores, without such as an identifier or a weight. */
  function withoutStrays({ path, names, columns, occurring, data, table }) {
    let found = { kept: columns, stray: null, areSure: false };
    if (table.hasHead && columns.length > 1) {
      found = self.strays.find(columns, classesOf(columns, occurring), occurring);
      if (found.stray === null && found.kept.length < columns.length && areWords([...occurring])) {
        const { n, factsOf } = table;
        const holdsFractions = (name) => isFraction(factsOf.get(name));
        const valuesOf = (name) =>
          columnsOfData(data, n, columns.length, [columns.indexOf(name)]);
        const beside = columns.filter(holdsFractions);
        found = self.strays.withClassesBeside(found, beside, names, valuesOf);
      }
    }
    const { kept, stray, areSure } = found;
    const isWhole = (name) => isIdentifier(data, columns.indexOf(name), columns.length, table.n);
    const [identifier, ...more] = kept.length > 1 ? kept.filter(isWhole) : [];
    const isInExcess = kept.length - 1 === occurring.size && occurring.size > 1;
    if (identifier !== undefined) {
      if (isInExcess && more.length === 0) return kept.filter((name) => name !== identifier);
      const words = { path, name: identifier, advice: CHOOSE_SCORES };
      throw new BadFile(sentences.AN_IDENTIFIER(words), "scores");
    }
    if (stray !== null) {
      throw new BadFile(sentences.A_STRAY({ path, name: stray, advice: CHOOSE_SCORES }), "ticks");
    }
    if (!areSure && self.strays.areUnclear(kept, occurring)) {
      const words = { path, n: kept.length, names: shortly(kept), advice: CHECK_SCORES };
      throw new BadFile(sentences.UNCLEAR_SCORES(words), "ticks");
    }
    return kept;
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

  self.tables = { columnsOf, fromTable };
};
