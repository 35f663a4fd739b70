// What the names of arrays and columns say, as calibkit's _command_line/names.py reads them.
(self.calculatorParts ??= {}).names = function () {
  "use strict";

  const { sentences, patterns } = self;
  const { BadFile } = self.refusals;

  const kindOf = (areProbabilities) => (areProbabilities ? "probabilities" : "logits");

  /** Return the names that say that they hold something of these kinds, beside that of a set. */
  const declaredIn = (own, ...kinds) =>
    [...own.keys()].filter((name) => kinds.some((kind) => patterns[kind].test(own.get(name))));

  const asThemselves = (names) => new Map(names.map((name) => [name, name]));
  const declared = (names, ...kinds) => declaredIn(asThemselves(names), ...kinds);

  /** Return the names of labels, without the word of a set if no other name says it. */
  function labelsAmong(names) {
    const found = declared(names, "labels");
    const ofSets = ["calibration", "test"].flatMap((set) => [...arraysOfSet(names, set)]);
    return found.length ? found : declaredIn(new Map(ofSets), "labels");
  }

  /** Return the arrays of one set of a file, each with its name without the word of the set. */
  function arraysOfSet(names, which) {
    const pattern = patterns[`${which}Set`];
    const found = names.map((name) => [name, name.match(pattern)]).filter(([, match]) => match);
    return new Map(found.map(([name, match]) => [name, match[1] ?? match[2]]));
  }

  /**
   * Return the arrays to choose from: all, or those of one set if a file holds a calibration set
   * and a test set. `other` tells whether it holds a test set beside the set that is taken, and
   * `ofOther` names the arrays of that other set.
   */
  function arraysOf(names, { picked, which }) {
    const every = asThemselves(names);
    const only = { own: every, other: false, ofOther: [] };
    if (declaredIn(every, "labels").length) return only;
    const sets = ["calibration", "test"].map((set) => [set, arraysOfSet(names, set)]);
    const isWhole = (own) =>
      declaredIn(own, "labels").length > 0 && declaredIn(own, "logits", "probabilities").length > 0;
    const whole = new Map(sets.filter(([, own]) => isWhole(own)));
    const named = picked.scores?.[0] ?? picked.labels;
    const own =
      named === undefined
        ? whole.get(which) ?? [...whole.values()][0]
        : sets.map(([, set]) => set).find((set) => set.has(named));
    if (own === undefined) return only;
    const other = whole.size === 2 && own === whole.get("calibration");
    const others = [...whole.values()].filter((set) => set !== own);
    return { own, other, ofOther: others.flatMap((set) => [...set.keys()]) };
  }

  /** Return the names of the scores, and whether they are probabilities. */
  function namesOfScores(own, others, described, path, { probabilities, picked }) {
    if (picked.scores?.length === 0) {
      throw new BadFile(
        `no column of ${path} is ticked; tick one column of scores for each class, or a single ` +
          "one for two classes",
        "ticks"
      );
    }
    const kinds = ["logits", "probabilities"];
    const [logits, declaredProbabilities] = kinds.map((kind) => declaredIn(own, kind));
    const order = probabilities ? [declaredProbabilities, logits] : [logits, declaredProbabilities];
    const choices = picked.scores ? [picked.scores] : [...order, others];
    const found = choices.find((some) => some.length > 0);
    if (!found) throw new BadFile(sentences.NO_SCORES({ path, described }), "scores");
    const areProbabilities = probabilities || sayProbabilities(found.map((c) => own.get(c) ?? ""));
    return { found, logits, areProbabilities };
  }

  /** Say whether the names of scores say that these are probabilities. */
  const sayProbabilities = (names) =>
    names.every((name) => [patterns.probabilities, patterns.endInProb].some((p) => p.test(name)));

  /** Say whether these are probabilities by the name that scikit-learn gives to scores. */
  const isYScore = (found, bare, dataOf) =>
    found.length === 1 && /^y_score$/i.test(bare[0]) && dataOf().every((p) => p >= 0 && p <= 1);

  /** Return a name without the word of its set. */
  const withoutSet = (name) =>
    ["calibration", "test"]
      .map((set) => arraysOfSet([name], set).get(name))
      .find((bare) => bare !== undefined) ?? name;

  /**
   * Say whether a single column tells how likely the answer of a model is to be right. Beside a
   * column such as p_ok, the labels called is_ok tell of a class.
   */
  const isConfidence = (scores, labels) =>
    patterns.confidence.test(withoutSet(scores)) ||
    (patterns.right.test(withoutSet(labels)) && !patterns.right.test(classOf(scores)));

  const classOf = (column) =>
    plain(column.replace(patterns.beforeClass, "").replace(/^(?:\((.*)\)|\[(.*)\])$/, "$1$2"));

  /** Return the name of a class, or 1 for 1.0, as programs write it among missing labels. */
  const plain = (name) => name.replace(/^(\d+)\.0$/, "$1");

  const lowered = (texts) => texts.map((text) => text.toLowerCase());

  /**
   * Return the classes that columns name, as the labels spell them. The column p_cat names the
   * label Cat as well, unless there is also a label or a column that differs in nothing but capital
   * letters.
   */
  function classesOf(columns, labels) {
    const exact = exactClassesOf(columns, [...labels]);
    const spelt = new Map([...labels].map((label) => [label.toLowerCase(), label]));
    const areAllNamed = [...labels].every((label) => exact.includes(label));
    if (areAllNamed || spelt.size < new Set(labels).size) return exact;
    const found = exactClassesOf(lowered(columns), [...spelt.keys()]);
    if (new Set(found).size < found.length) return exact;
    return found.map((name, k) => spelt.get(name) ?? exact[k]);
  }

  /**
   * Return the classes that columns name, without what stands around every label. So the columns
   * s_cat and s_dog name the labels cat and dog, whatever s may mean, and z1 and z2 name the labels
   * 1 and 2.
   */
  function exactClassesOf(columns, labels) {
    const classes = columns.map(classOf);
    const texts = labels.sort();
    if (texts.every((text) => classes.includes(text))) return classes;
    if (!self.strays.areWords(texts)) {
      const numbers = self.strays.numbersOf(columns);
      // Numbers that count up from 0 say no more than the order does.
      return Math.min(...numbers) === 1 ? numbers.map(String) : classes;
    }
    const [one] = texts.sort((a, b) => b.length - a.length);
    // A label such as a may stand in the word class as well.
    const places = columns.flatMap((column) =>
      Array.from({ length: column.length }, (_, at) => [column, at]).filter(([, at]) =>
        column.startsWith(one, at)
      )
    );
    for (const [column, at] of places) {
      const [before, after] = [column.slice(0, at), column.slice(at + one.length)];
      if (!texts.every((text) => columns.includes(before + text + after))) continue;
      const isAround = (name) =>
        name.startsWith(before) && name.endsWith(after) && name.length > (before + after).length;
      return columns.map((name, k) =>
        isAround(name) ? name.slice(before.length, name.length - after.length) : classes[k]
      );
    }
    return classes;
  }

  /** Return the one of some labels that the name of a single column of scores ends with. */
  function endOf(column, names) {
    const named = classOf(column.replace(patterns.beforePositive, ""));
    const isEnd = (name) =>
      column.endsWith(name) && /[^\p{L}\p{N}]$/u.test(column.slice(0, -name.length));
    const [end] = names.filter(isEnd).sort((one, other) => other.length - one.length);
    return [named, end].find((name) => names.includes(name));
  }

  /** Return that label, or undefined. It may be written in other letters: p_yes for Yes. */
  function namedPositive(column, names) {
    const lower = new Map(names.map((name) => [name.toLowerCase(), name]));
    const exact = endOf(column, names);
    if (exact !== undefined || lower.size < names.length) return exact;
    return lower.get(endOf(column.toLowerCase(), [...lower.keys()]));
  }

  /** Say whether a column is named after one of the labels. */
  function areNamed(labels, columns) {
    const classes = classesOf(columns, labels);
    const words = [...labels].sort();
    return (
      words.some((label) => classes.includes(label)) ||
      columns.some((column) => namedPositive(column, words) !== undefined)
    );
  }

  /** Return the class, in lower case, of which labels of 0 and 1 tell by their name. */
  const eventOf = (labelName) => labelName.replace(patterns.beforeEvent, "").toLowerCase();

  /** Say whether labels are called is_spam, for example, and a column p_spam. */
  const namesScore = (labelName, columns) =>
    patterns.events.test(labelName) &&
    columns.some((name) => classOf(name).toLowerCase() === eventOf(labelName));

  /** Say whether labels have the name of a class, for which another column holds scores. */
  const isOfClassIn = (labelName, columns) =>
    columns
      .filter((name) => name !== labelName)
      .some((name) => classOf(name).toLowerCase() === eventOf(labelName));

  /** Return columns in the order of their numbers, if their names differ in nothing else. */
  function inOrder(columns) {
    const numbers = self.strays.numbersOf(columns);
    const order = numbers.map((number, k) => [number, columns[k]]).sort(([a], [b]) => a - b);
    return numbers.length ? order.map(([, column]) => column) : columns;
  }

  const shortly = (names) =>
    names.length < 5 ? names.join(", ") : `${names[0]}, ${names[1]}, ..., ${names.at(-1)}`;

  function listed(word, names) {
    if (names.length === 1) return names[0] === "" ? "its array" : `the ${word} ${names[0]}`;
    return `the columns ${shortly(names)}`;
  }

  const shapeText = (shape) => `(${shape.join(", ")}${shape.length === 1 ? "," : ""})`;

  self.names = {
    kindOf, declaredIn, asThemselves, declared, labelsAmong, arraysOf, namesOfScores,
    sayProbabilities, isYScore, isConfidence, plain, classOf, classesOf, inOrder, namedPositive,
    areNamed, eventOf, isOfClassIn, namesScore, shortly, listed, shapeText,
  };
};
