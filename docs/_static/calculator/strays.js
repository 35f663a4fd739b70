// Columns of a table that are no class, as calibkit's _command_line/strays.py finds them.
(self.calculatorParts ??= {}).strays = function () {
  "use strict";

  const { numberFrom } = self.files;
  const { mean } = self.statistics;
  // Programs write the class 1 as 1.0 if the labels are floating-point numbers.
  const NUMBERED = /^(.*?)[[(]?(\d+)(?:\.0)?[\])]?$/;
  const FIRST_WORD = /^\p{L}+(?=\P{L})/u;
  const LAST_WORD = /(?<=\P{L})\p{L}+$/u;

  // So many rows do not count up by chance, and so many not one by one.
  const [LEAST_RISING, LEAST_COUNTING] = [20, 5];
  // A class without samples has about such a part of the probability, and a weight or an age has
  // none or all of it.
  const [LEAST_SHARE, MOST_SHARE] = [0.01, 0.9];
  // Beside so many classes, another column hardly ever keeps the order of the alphabet by chance.
  const LEAST_IN_ORDER = 3;

  /** Say whether columns have the numbers of classes, from 0 up. */
  function areNumbered(columns) {
    const numbers = columns.map((column) => Number(column.match(NUMBERED)?.[2]));
    return numbers.sort((a, b) => a - b).every((number, k) => number === k);
  }

  /** Say whether a column of n cells numbers or names the samples. */
  function isNumberOfSamples(name, n, { isNumeric, isWhole, rises, counts }) {
    const isNamed = self.patterns.numbersOfSamples.test(name);
    if (!isNumeric) return isNamed;
    const goesUp = (counts && n >= LEAST_COUNTING) || (rises && n >= LEAST_RISING);
    return isWhole && (isNamed || goesUp);
  }

  /** Say whether a column holds the model's answers: words or whole numbers, by its name. */
  const isPrediction = (name, { isNumeric, isWhole }) =>
    self.patterns.predictions.test(name) && (!isNumeric || isWhole);

  /**
   * Return the columns that seem to be classes, a column that may be none or null, and whether
   * names say so. `classes` are the classes that the names of the columns name, and `labels` is
   * the set of labels that occur.
   */
  function find(columns, classes, labels) {
    const named = namedBy(labels, columns, classes);
    const numbered = siblings(columns);
    const areEnough = numbered.length > 0 && numbered.length >= labels.size;
    if (areEnough && named.every((column) => numbered.includes(column))) {
      return { kept: numbered, stray: null, areSure: true };
    }
    if (named.length) {
      const span = columns.slice(columns.indexOf(named[0]), columns.indexOf(named.at(-1)) + 1);
      // A column among the others may be a class that no sample has, as the alphabet may say.
      const isInOrder = [...span].sort().every((column, k) => column === span[k]);
      if (named.length >= LEAST_IN_ORDER && isInOrder) {
        return { kept: span, stray: null, areSure: true };
      }
      const stray = span.find((column) => !named.includes(column)) ?? null;
      return { kept: stray === null ? named : columns, stray, areSure: stray === null };
    }
    const stray = labels.size < columns.length ? oddOne(columns) : null;
    return { kept: columns, stray, areSure: stray === null && shareAWord(columns) };
  }

  /**
   * Return one of the other columns that may be a score, as those that are called scores, or
   * undefined. It has the same word in its name, or the numbers of the logits do not count up
   * without it. Rows of probabilities that lack one do not sum to 1.
   */
  function overlooked(scores, others, word) {
    const called = others.filter((name) => name.toLowerCase().includes(word));
    const lacking = word === "logit" && lackNumbers(scores) ? others : [];
    return [...called, ...lacking][0];
  }

  /** Return the numbers with which the names of columns end, if they have the rest in common. */
  function numbersOf(columns) {
    const found = columns.map((column) => column.match(NUMBERED));
    const stems = new Set(found.map((match) => match?.[1]));
    const areNumbers = found.every(Boolean) && stems.size === 1;
    return areNumbers ? found.map(([, , number]) => Number(number)) : [];
  }

  /** Say whether columns have numbers that do not count up from 0 or from 1. */
  function lackNumbers(columns) {
    const numbers = numbersOf(columns).sort((a, b) => a - b);
    if (numbers.length === 0) return false;
    const first = Math.min(numbers[0], 1);
    return numbers.length === 1 || !numbers.every((number, k) => number === first + k);
  }

  /**
   * Add those of the columns that stand next to the classes and are classes without samples. Where
   * probabilities sum to 1 only with such a column, it is a class. Beside logits, it may be one if
   * it would take neither nearly none nor nearly all of the probability. `names` are those of the
   * file, and `valuesOf` returns the values of a column.
   */
  function withClassesBeside(found, columns, names, valuesOf) {
    const { kept } = found;
    const [first, last] = [kept[0], kept.at(-1)].map((name) => names.indexOf(name));
    const runOf = (some) => {
      const end = some.findIndex((name) => !columns.includes(name));
      return end < 0 ? some : some.slice(0, end);
    };
    const before = runOf(names.slice(0, first).reverse());
    const after = runOf(names.slice(last + 1));
    if (before.length + after.length === 0) return found;
    const values = kept.map(valuesOf);
    if (values.every((column) => column.every((p) => p >= 0 && p <= 1))) {
      const sums = values[0].map((_, i) => values.reduce((sum, column) => sum + column[i], 0));
      return { ...found, kept: summingTo1(sums, before, kept, after, valuesOf) };
    }
    const ofKept = values[0].map((_, i) => logSum(values.map((column) => column[i])));
    const shareOf = (name) =>
      mean(Array.from(valuesOf(name), (z, i) => 1 / (1 + Math.exp(ofKept[i] - z))));
    const stray = [...before.reverse(), ...after].find((name) => {
      const share = shareOf(name);
      return share > LEAST_SHARE && share < MOST_SHARE;
    });
    return stray === undefined ? found : { kept: found.kept, stray, areSure: false };
  }

  function logSum(values) {
    const highest = Math.max(...values);
    return highest + Math.log(values.reduce((sum, z) => sum + Math.exp(z - highest), 0));
  }

  /** Return those of the columns around the kept ones with which the rows sum to 1, if any do. */
  function summingTo1(sums, before, kept, after, valuesOf) {
    const errorOf = (totals) => mean(Array.from(totals, (total) => Math.abs(total - 1)));
    const choices = [[errorOf(sums), kept]];
    const grow = (totals, columns, more, isBefore) => {
      for (const name of more) {
        const values = valuesOf(name);
        totals = totals.map((total, i) => total + values[i]);
        columns = isBefore ? [name, ...columns] : [...columns, name];
        choices.push([errorOf(totals), columns]);
      }
      return [totals, columns];
    };
    grow(sums, kept, before, true);
    grow(...grow(sums, kept, after, false), before, true);
    const [error, columns] = choices.reduce((one, other) => (other[0] < one[0] ? other : one));
    return 4 * error < choices[0][0] ? columns : kept;
  }

  /**
   * Say whether one of these columns may be no class, if their names share no pattern. A second
   * column may be the other class, or stand beside the single score of two classes.
   */
  function areUnclear(columns, labels) {
    const areLetters = columns.every((column) => [...column].length === 1);
    return labels.size < columns.length || (columns.length === 2 && !areLetters);
  }

  const areWords = (labels) => labels.some((text) => numberFrom(text) === undefined);

  /** Return the columns that labels name, if the labels are words and every one names a column. */
  function namedBy(labels, columns, classes) {
    const texts = [...labels].map(String);
    const allName = texts.length > 1 && texts.every((text) => classes.includes(text));
    return areWords(texts) && allName ? columns.filter((_, k) => texts.includes(classes[k])) : [];
  }

  /** Return the only columns of one name with the numbers from 0 or from 1, in this order. */
  function siblings(columns) {
    const families = new Map();
    for (const column of columns) {
      const [, stem, number] = column.match(NUMBERED) ?? [];
      if (number === undefined) continue;
      families.set(stem, [...(families.get(stem) ?? []), [Number(number), column]]);
    }
    const several = [...families.values()].filter((family) => family.length > 1);
    if (several.length !== 1) return [];
    const family = several[0].sort(([one], [other]) => one - other);
    const first = family[0][0];
    const isWhole = first <= 1 && family.every(([number], k) => number === first + k);
    return isWhole ? family.map(([, column]) => column) : [];
  }

  /** Return the first column that lacks the word with which most names begin or end, or null. */
  function oddOne(columns) {
    for (const words of wordsOf(columns)) {
      const count = (word) => words.filter((other) => other === word).length;
      const common = words.find((one) => one && count(one) > columns.length / 2);
      const odd = common && columns.find((_, k) => words[k] !== common);
      if (odd) return odd;
    }
    return null;
  }

  /** Say whether all names begin or end with the same word. */
  const shareAWord = (columns) =>
    wordsOf(columns).some((words) => words[0] && words.every((word) => word === words[0]));

  /** Return the words with which the names begin, and those with which they end. */
  const wordsOf = (columns) =>
    [FIRST_WORD, LAST_WORD].map((word) => columns.map((column) => column.match(word)?.[0]));

  self.strays = {
    find, withClassesBeside, overlooked, areUnclear, areNumbered, areWords, numbersOf,
    isNumberOfSamples, isPrediction,
  };
};
