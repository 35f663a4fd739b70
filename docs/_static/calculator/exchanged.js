// Signs that the scores have the classes in another order than the labels, as calibkit's
// reports/_exchanged_classes.py finds them.
(self.calculatorParts ??= {}).exchanged = function () {
  "use strict";

  const { sum, mean, answerOf } = self.statistics;
  // So many samples of a class show which answer it mostly gets.
  const LEAST_OF_CLASS = 10;
  // Chance hardly ever turns a score round by so many standard errors.
  const CLEARLY_LOWER = 3;
  // A model that cannot tell two classes apart takes most samples of each for the other one in a
  // quarter of all test sets. Even of 50 such pairs, chance hardly ever exchanges one by so many
  // standard errors.
  const CLEARLY_MORE = 4;

  /** Return rings of classes that are mostly taken for the next. Two classes are one, or none. */
  const find = (rows) => {
    if (rows.C === 2) return isWrongWayRound(rows) ? [[0, 1]] : [];
    const usual = usualAnswers(rows);
    const usualOf = new Map([...usual].map(([label, { answer }]) => [label, answer]));
    return rings(usualOf).filter((ring) => isClear(ring, usual));
  };

  /** Say whether two classes have scores that clearly rise towards the other class. */
  function isWrongWayRound({ logits, labels }) {
    const groups = [[], []];
    labels.forEach((label, i) => {
      groups[label].push(1 / (1 + Math.exp(logits[2 * i] - logits[2 * i + 1])));
    });
    if (groups.some((group) => group.length < LEAST_OF_CLASS)) return false;
    const difference = mean(groups[0]) - mean(groups[1]);
    return difference > CLEARLY_LOWER * Math.sqrt(sum(groups.map(squaredErrorOfMean)));
  }

  function squaredErrorOfMean(values) {
    const middle = mean(values);
    const variance = sum(values.map((value) => (value - middle) ** 2)) / (values.length - 1);
    return variance / values.length;
  }

  /**
   * Return the answer that most samples of a class get, for each class with enough samples, with
   * how many get it, and how many the right one.
   */
  function usualAnswers({ logits, labels, n, C }) {
    const answers = new Map();
    for (let i = 0; i < n; i++) {
      if (!answers.has(labels[i])) answers.set(labels[i], []);
      answers.get(labels[i]).push(answerOf(logits, C, i));
    }
    const usual = new Map();
    for (const [label, own] of answers) {
      const counts = new Map();
      for (const answer of own) counts.set(answer, (counts.get(answer) ?? 0) + 1);
      const [most, count] = [...counts].reduce((one, other) => (other[1] > one[1] ? other : one));
      if (own.length < LEAST_OF_CLASS || count <= own.length / 2) continue;
      usual.set(label, { answer: most, nUsual: count, nRight: counts.get(label) ?? 0 });
    }
    return usual;
  }

  /** Say whether the samples of a ring get the next class more often than chance turns answers. */
  function isClear(ring, usual) {
    const nNext = sum(ring.map((label) => usual.get(label).nUsual));
    const nRight = sum(ring.map((label) => usual.get(label).nRight));
    return nNext - nRight > CLEARLY_MORE * Math.sqrt(nNext + nRight);
  }

  /** Return the classes that are mostly taken for the next of them, and the last for the first. */
  function rings(usualOf) {
    const found = [];
    for (const first of [...usualOf.keys()].sort((a, b) => a - b)) {
      const ring = [first];
      let answer = usualOf.get(first);
      while (usualOf.has(answer) && !ring.includes(answer)) {
        ring.push(answer);
        answer = usualOf.get(answer);
      }
      if (answer === first && first === Math.min(...ring) && ring.length > 1) found.push(ring);
    }
    return found;
  }

  self.exchanged = { find };
};
