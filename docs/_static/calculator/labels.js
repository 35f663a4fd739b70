// Labels of a file as class indices, as calibkit's _command_line/labels.py reads them.
(self.calculatorParts ??= {}).labels = function () {
  "use strict";

  const { sentences, patterns } = self;
  const { BadFile, BadValue } = self.refusals;
  const { numberFrom } = self.files;
  const { classOf, eventOf, isOfClassIn, namedPositive, plain, shapeText, shortly } = self.names;
  // So many probabilities of one class do not exceed 1/2 by chance.
  const LEAST_CONFIDENCES = 20;
  const OUTCOMES = { false: 0, true: 1 };
  // So many standard errors are more than chance.
  const CLEAR = 3;
  const CHOOSE_LABELS =
    "choose which of them holds the true labels, or add the labels if none does";
  const BOX_FROM_1 = '"The labels count from 1"';

  function noLabels(path, word, { found, areNamed, described, advice = CHOOSE_LABELS }) {
    const several = areNamed ? sentences.TWO_NAMES_OF_LABELS : sentences.SEVERAL_MAY_BE_LABELS;
    const reason = (found.length ? several : sentences.NO_NAME_OF_LABELS)({ path });
    return new BadFile(sentences.NO_LABELS({ word, reason, described, advice }));
  }

  function refuseMissing(labels, isMissing, path, placeOf) {
    const row = Array.prototype.findIndex.call(labels, isMissing);
    if (row >= 0) throw new BadFile(sentences.NO_LABEL({ path, place: placeOf(row) }));
  }

  const isNoLabel = (label) => label === "" || Number.isNaN(label);

  /** Return the two names of the classes, if the labels are two names other than 0 and 1. */
  function twoNames(labels) {
    const names = new Set();
    for (const label of labels) if (names.add(label).size > 2) return null;
    const numbers = [...names].map(indexFrom);
    const isNamed = numbers.some((number) => ![0, 1].includes(number));
    const areFractions = numbers.some((number) => number % 1 > 0);
    const areNames = names.size === 2 && !names.has("") && isNamed && !areFractions;
    return areNames ? [...names].sort() : null;
  }

  /** Refuse a column that seems to say how sure the model is of one answer or the other. */
  function refuseConfidences(path, name, p, labels, labelName) {
    if (p.length < LEAST_CONFIDENCES || !p.every((value) => value >= 0.5 && value <= 1)) return;
    const names = [...new Set(labels)].sort();
    const isKnown = patterns.right.test(labelName) || namedPositive(name, names) !== undefined;
    if (isKnown || names.length < 2) return;
    throw new BadFile(sentences.CONFIDENCES({ path, name, event: names.at(-1) }));
  }

  /** Refuse a single column that names class 0, although the labels are 0 and 1. */
  function refuseClass0(path, name, labels, areProbabilities) {
    const named = classOf(name.replace(patterns.beforePositive, ""));
    const areOutcomes = Array.prototype.every.call(labels, (label) =>
      [0, 1].includes(indexFrom(label))
    );
    if (named !== "0" || name === "0" || !areOutcomes) return;
    const change = areProbabilities ? "1 - z" : "-z";
    const ofClass1 = name.replace(/0(?=[^0]*$)/, "1");
    throw new BadFile(sentences.CLASS_0({ path, name, change, new: ofClass1 }));
  }

  /** Refuse labels of more than two classes beside a single score. */
  function refuseManyClasses(path, labels, labelName) {
    const names = [...new Set(labels)].map(String).sort();
    if (names.length < 3 || patterns.right.test(labelName)) return;
    if (new Set(names.map((name) => name.toLowerCase())).size < 3) {
      throw new BadFile(sentences.SEVERAL_SPELLINGS({ path, names: names.join(", ") }));
    }
    const numbers = names.map(indexFrom);
    const areIndices = numbers.every((number) => Number.isInteger(number) && number >= 0);
    if (!areIndices && numbers.some((number) => number !== undefined)) return;
    throw new BadFile(sentences.ONE_SCORE({ path, n: names.length, names: shortly(names) }));
  }

  /** Refuse names of scores and labels that do not fit together. */
  function refuseNames(path, columns, { classes, occurring, label, oneHot }) {
    if ([...occurring].every((text) => [0, 1].includes(indexFrom(text)))) {
      refuseEventFirst(path, columns, label);
      refuseOneOfSeveral(path, columns, label, oneHot);
    }
    refuseRepeatedClass(path, columns, classes ?? []);
  }

  /** Refuse labels of 0 and 1 that tell of one of several classes. */
  function refuseOneOfSeveral(path, columns, label, oneHot) {
    if (columns.length < 3 || !isOfClassIn(label, columns)) return;
    const all = oneHot();
    if (all.includes(label)) {
      throw new BadFile(sentences.ONE_HOT_COLUMNS({ path, names: shortly(all) }));
    }
    const event = columns.map(classOf).find((name) => name.toLowerCase() === eventOf(label));
    const words = { path, labels: label, event, n: columns.length - 1 };
    throw new BadFile(sentences.ONE_OF_SEVERAL(words));
  }

  /** Refuse two columns of scores that name one class. */
  function refuseRepeatedClass(path, columns, classes) {
    const name = classes.find((one, k) => classes.indexOf(one) !== k);
    if (name === undefined) return;
    const names = columns.filter((_, k) => classes[k] === name).join(" and ");
    throw new BadFile(sentences.REPEATED_CLASS({ path, names, name }), "ticks");
  }

  /** Refuse labels of 0 and 1 that tell of the class whose scores come first. */
  function refuseEventFirst(path, columns, labelName) {
    if (columns.length !== 2) return;
    const [first, second] = columns;
    const event = classOf(first);
    if (event.toLowerCase() !== eventOf(labelName)) return;
    const words = { path, labels: labelName, event, first, second };
    throw new BadFile(sentences.FIRST_IS_EVENT(words), "scores");
  }

  /** Refuse labels of several scores that seem to say whether an answer was right. */
  function refuseRightAnswers({ path, data, labels, labelName, areBooleans }, n, indices) {
    const found = [...new Set(labels)];
    const areWords = areBooleans || found.every((label) => /^(false|true)$/i.test(label));
    const isNamed = patterns.right.test(labelName);
    const areOutcomes = found.every((label) => [0, 1].includes(indexFrom(label)));
    const isRight = isNamed && areOutcomes && (n > 2 || tellOfAnswers(data, indices));
    if (!isRight && !(areWords && n > 2)) return;
    throw new BadFile(sentences.RIGHT_ANSWERS({ path, n, name: labelName || "False and True" }));
  }

  /**
   * Say whether labels of two scores tell which answers are right, and not the class. Among the
   * samples to which the model answers class 0, it is then surer of those with label 1.
   */
  function tellOfAnswers(data, indices) {
    const leads = [[], []];
    indices.forEach((label, i) => {
      const lead = data[2 * i] - data[2 * i + 1];
      if (lead > 0) leads[label].push(lead);
    });
    const [of0, of1] = leads.map((some) => (some.length ? self.statistics.mean(some) : 0));
    return of1 > of0;
  }

  /** Return the label that a high score means, which only the name of its column may say. */
  function positiveOf(path, column, names, { positive }) {
    const found = names.includes(positive) ? positive : namedPositive(column, names);
    if (found !== undefined) return found;
    const [one, other] = names;
    const advice = "choose which label a high score means";
    throw new BadFile(sentences.TWO_NAMES({ path, one, other, advice }));
  }

  function wrongPositiveOf(event, outcomes) {
    const other = outcomes.find((name) => name !== event);
    const advice = "if so, choose it as the label of a high score";
    return sentences.WRONG_POSITIVE({ event, other, advice });
  }

  /** Return the name of the second of two classes that have names, of which the ECE is measured. */
  function nameOfEvent(classes) {
    const isNamed = classes?.length === 2 && numberFrom(classes[1]) === undefined;
    return isNamed ? classes[1] : null;
  }

  /** Return what to do about labels of which each sample has a row. */
  function adviceOnRows(labels, [n, width, ...more]) {
    if (more.length) return sentences.ONE_LABEL({});
    if (width === 1) return sentences.RAVEL({});
    const numbers = Array.from(labels, Number);
    if (!areOutcomes(numbers)) return sentences.ONE_LABEL({});
    const name = isOneHot(numbers, n, width) ? "ARGMAX" : "SEVERAL_LABELS";
    return sentences[name]({});
  }

  const areOutcomes = (numbers) => numbers.every((number) => number === 0 || number === 1);

  /** Say whether one number of each row is 1 and the others are 0. */
  function isOneHot(numbers, n, width) {
    if (width < 2 || !areOutcomes(numbers)) return false;
    const rows = Array.from({ length: n }, (_, i) => numbers.slice(i * width, (i + 1) * width));
    return rows.every((row) => row.filter((number) => number === 1).length === 1);
  }

  /**
   * Refuse labels that are right far more often if the first class is 1, although none is 0. The
   * model may take most samples of class 1 for an absent class 0, or those of class 2 for class 1,
   * such as a frequent class or the next grade. So both the labels 1 and those above 1 must tell.
   */
  function refuseFrom1(data, indices, width) {
    let [lowest, highest] = [Infinity, 0];
    const [of1, above1] = [0, 1].map(() => ({ right: 0, asGiven: 0 }));
    indices.forEach((label, i) => {
      const answer = self.statistics.answerOf(data, width, i);
      [lowest, highest] = [Math.min(lowest, label), Math.max(highest, label)];
      const counts = label > 1 ? above1 : of1;
      if (answer === label - 1) counts.right++;
      if (answer === label) counts.asGiven++;
    });
    const { right, asGiven } = above1;
    const isClear = right > 2 * asGiven && right - asGiven > CLEAR * Math.sqrt(right + asGiven);
    if (lowest !== 1 || of1.right <= of1.asGiven || !isClear) return;
    const share = (key) => `${((100 * (of1[key] + above1[key])) / indices.length).toFixed(1)}%`;
    const advice = `if they count from 1, tick ${BOX_FROM_1}`;
    const words = { highest, right: share("right"), as_given: share("asGiven"), advice };
    throw new BadValue(sentences.SEEM_TO_COUNT_FROM_1(words), "countFrom1");
  }

  /** Return the labels as class indices, by the names of the columns wherever all have one. */
  function asIndices(labels, labelShape, classes, where) {
    const { path, name, n, width, C, place, countFrom1, others } = where;
    if (labelShape.length !== 1) {
      throw new BadValue(
        `labels must have shape (samples,), got ${shapeText(labelShape)}; ` +
          adviceOnRows(labels, labelShape)
      );
    }
    if (labels.length !== n) {
      const isTransposed = labels.length === width;
      const passOthers = "pass the labels of exactly these samples";
      const advice = isTransposed ? sentences.TRANSPOSE({}) : passOthers;
      const words = { name, n_labels: labels.length, n, advice };
      throw new BadValue(sentences.NOT_ONE_LABEL_EACH(words));
    }
    const names = classes;
    const placeOf = new Map(names?.map((text, c) => [text, c]));
    const isNamed = (label) => placeOf.has(plain(String(label)));
    const byName = names && Array.prototype.every.call(labels, isNamed);
    const first = byName ? 0 : firstClass(labels, C, countFrom1);
    const indices = new Int32Array(n);
    for (let i = 0; i < n; i++) {
      const label = byName ? placeOf.get(plain(String(labels[i]))) : indexFrom(labels[i]) - first;
      if (!Number.isInteger(label)) {
        const among = names ? `, or among ${names.slice(0, 10).join(", ")}` : "";
        const expected = `class indices from 0${among}`;
        // The known names are not at fault.
        const row = Array.prototype.some.call(labels, isNamed)
          ? Array.prototype.findIndex.call(labels, (text) => !isNamed(text))
          : i;
        const text = String(labels[row]);
        const words = { path, classes: expected, found: `'${text}'`, place: place(row) };
        const alike = names?.find((name) => name.toLowerCase() === text.toLowerCase());
        const { NO_FRACTIONS, WRITE_ALIKE } = sentences;
        const ofWord =
          alike === undefined ? adviceOnWord(text, others) : WRITE_ALIKE({ name: alike });
        const advice = Number.isFinite(numberFrom(text)) ? NO_FRACTIONS({}) : ofWord;
        throw new BadFile(`${sentences.WRONG_LABEL(words)}; ${advice}`, names && "scores");
      }
      if (label < 0 || label >= C) {
        const advice = "count classes from 0, and leave out samples without a label";
        const range = { highest: C - 1, n_classes: C };
        const words = { ...range, label: label + first, place: place(i), advice };
        throw new BadValue(sentences.LABEL_OUTSIDE(words));
      }
      indices[i] = label;
    }
    return { indices, byName: byName ? names : null, first };
  }

  /** Return what to do about a label that names no column of scores. */
  function adviceOnWord(label, others) {
    const advice = sentences.COUNT_CLASSES({ label });
    const name = others.find((other) => patterns.labelNumbers.test(other));
    return name === undefined ? advice : sentences.OR_LABEL_NUMBERS({ name, advice });
  }

  /** Return the number of the first class, which is 1 only if the user says so. */
  function firstClass(labels, C, countFrom1) {
    let [lowest, highest] = [Infinity, -Infinity];
    for (const label of labels) {
      const index = indexFrom(label);
      if (!Number.isInteger(index)) return 0;
      [lowest, highest] = [Math.min(lowest, index), Math.max(highest, index)];
    }
    if (countFrom1 && lowest >= 1) return 1;
    if (lowest !== 1 || highest !== C) return 0;
    const advice = `if they count from 1, tick ${BOX_FROM_1}`;
    throw new BadValue(sentences.LABELS_FROM_1({ highest, advice }), "countFrom1");
  }

  function indexFrom(label) {
    if (typeof label !== "string") return Number(label);
    return OUTCOMES[label.toLowerCase()] ?? numberFrom(label);
  }

  self.labels = {
    CHOOSE_LABELS, noLabels, refuseMissing, isNoLabel, twoNames, refuseConfidences, refuseClass0,
    refuseNames, refuseManyClasses, refuseRightAnswers, refuseFrom1, positiveOf,
    wrongPositiveOf, nameOfEvent, isOneHot, asIndices,
  };
};
