// The samples for the fit and those for the test: split from one file, or compared.
(self.calculatorParts ??= {}).sets = function () {
  "use strict";

  const { BadFile } = self.refusals;
  // If a smaller share of the rows differ, equal rows need not be equal samples.
  const MOSTLY = 0.9;
  // Equal rows are the same samples if chance would hardly put so many of them on both sides.
  const CLEAR = 4; // standard errors
  // So many samples of a class stand in both halves, unless the order of the rows is to blame.
  const LEAST_OF_CLASS = 20;

  /** Return every second row for the fit, and the others for the test. */
  function split({ logits, labels, n, C, classes }) {
    const part = (first) => {
      const size = Math.floor((n - first + 1) / 2);
      const empty = { logits: new logits.constructor(size * C), labels: new Int32Array(size) };
      const own = { ...empty, n: size, C };
      for (let i = 0; i < size; i++) {
        const from = first + 2 * i;
        own.logits.set(logits.subarray(from * C, (from + 1) * C), i * C);
        own.labels[i] = labels[from];
      }
      return own;
    };
    const halves = [part(0), part(1)];
    refuseOrder(halves, C, classes);
    return halves;
  }

  /** Refuse a file in which the order of the rows puts a class in one half only. */
  function refuseOrder(halves, C, classes) {
    const counts = halves.map(({ labels }) => {
      const count = new Array(C).fill(0);
      for (const label of labels) count[label]++;
      return count;
    });
    const hasOneClass = counts[0].filter((count) => count > 0).length === 1;
    const least = hasOneClass ? 1 : LEAST_OF_CLASS;
    const totals = counts[0].map((count, c) => count + counts[1][c]);
    const lost = totals.findIndex(
      (total, c) => total >= least && counts.some((count) => count[c] === 0)
    );
    if (lost < 0) return;
    const name = classes?.[lost] ?? lost;
    if (totals[lost] === 1) {
      throw new BadFile(
        `the file holds a single sample of the class ${name}, which cannot serve both to find T ` +
          "and to test it; use a file with more samples of this class, or drop a second file for " +
          "the test"
      );
    }
    throw new BadFile(
      "every second row is used to find T, and the others to test it, but only one of these " +
        `halves would hold samples of the class ${name}, because of the order of the rows; ` +
        "shuffle the rows, or drop a second file for the test"
    );
  }

  /**
   * Return how many samples of the test are among those of the fit, or null if the logits do not
   * tell samples apart. Refuse a test of which they are the most. `isSplit` says whether both are
   * halves of one file.
   */
  function countShared(fit, test, isSplit) {
    const [ofFit, ofTest] = [fit, test].map(keysOf);
    const known = new Set(ofFit);
    if (known.size < MOSTLY * fit.n) return null;
    const n = ofTest.filter((key) => known.has(key)).length;
    const advice = isSplit
      ? "keep every row of the file once, or drop a second file for the test"
      : "choose other samples for the test, or none, so that the first file is split";
    if (n > test.n / 2) {
      throw new BadFile(
        `${n} of the ${test.n} samples for the test are also among those that the temperature is ` +
          `fitted to, so the test would say nothing about new samples; ${advice}`
      );
    }
    return n === 0 || areSamples(ofFit, ofTest) ? n : null;
  }

  /**
   * Say whether two equal rows are one sample. Rows that are equal by chance, for example because
   * they are rounded, stand on the same side about as often as on both.
   */
  function areSamples(ofFit, ofTest) {
    const counts = new Map();
    [ofFit, ofTest].forEach((keys, side) => {
      for (const key of keys) {
        const count = counts.get(key) ?? [0, 0];
        count[side]++;
        counts.set(key, count);
      }
    });
    const pairs = [...counts.values()].filter(([a, b]) => a + b === 2);
    const across = pairs.filter(([a]) => a === 1).length;
    const share = ofFit.length / (ofFit.length + ofTest.length);
    const chance = 2 * share * (1 - share);
    const deviation = Math.sqrt(pairs.length * chance * (1 - chance));
    return across > 0.8 * pairs.length && across - chance * pairs.length > CLEAR * deviation;
  }

  const lower = (name) => name.toLowerCase();

  /** Return the classes of some samples that others lack, if the labels of both name columns. */
  function missingIn(others, { classes }) {
    if (!classes || !others.classes) return [];
    const known = new Set(others.classes.map(lower));
    return classes.filter((name) => !known.has(lower(name)));
  }

  /** Refuse to test a temperature on samples of another model. Columns may change their order. */
  function refuseOthers(fit, test) {
    const [ofFit, ofTest] = [missingIn(test, fit), missingIn(fit, test)].map(self.names.shortly);
    const got =
      test.C !== fit.C
        ? `${fit.C} classes for the fit and ${test.C} for the test`
        : ofFit && `${ofFit} only for the fit and ${ofTest} only for the test`;
    if (got) {
      const advice = "drop files of one model";
      throw new BadFile(`both files must have the same classes, got ${got}; ${advice}`);
    }
    const events = { fit: fit.event, test: test.event };
    const areNamed = fit.event !== null && test.event !== null;
    // In two columns, the names of the classes may stand in any order.
    if (areNamed && !(fit.classes && test.classes) && lower(fit.event) !== lower(test.event)) {
      throw new BadFile(self.sentences.OTHER_EVENT(events));
    }
  }

  /** Return a number for each row, which is the same for rows of the same logits. */
  function keysOf({ logits, n, C }) {
    const value = new Float64Array(1);
    const [low, high] = [0, 1];
    const bits = new Uint32Array(value.buffer);
    return Array.from({ length: n }, (_, i) => {
      let [a, b] = [17, 31];
      for (let k = i * C; k < (i + 1) * C; k++) {
        value[0] = logits[k] + 0; // This gives -0 the bits of 0.
        a = Math.imul(a ^ bits[low], 0x9e3779b1);
        a = Math.imul((a ^ (a >>> 15)) + bits[high], 0x85ebca6b);
        b = Math.imul(b ^ bits[high], 0xc2b2ae35);
        b = Math.imul((b ^ (b >>> 13)) + bits[low], 0x27d4eb2f);
      }
      return (a >>> 0) * 2 ** 21 + (b >>> 11);
    });
  }

  self.sets = { split, countShared, refuseOthers, keysOf };
};
