// Signs that classes are exchanged, as calibkit's reports/_doubts.py finds them.
(self.calculatorParts ??= {}).exchanged = function () {
  "use strict";

  const { sum, mean } = self.statistics;
  // So many samples of a class show which answer it mostly gets.
  const LEAST_OF_CLASS = 10;
  // Chance hardly ever turns a score round by so many standard errors.
  const CLEARLY_LOWER = 3;

  /** Return pairs of classes that seem to be exchanged. Two classes are such a pair, or none. */
  const find = (rows) => {
    if (rows.C === 2) return isWrongWayRound(rows) ? [[0, 1]] : [];
    return exchangedPairs(rows);
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

  /** Return the pairs of classes of which each is mostly taken for the other. */
  function exchangedPairs({ logits, labels, n, C }) {
    const answers = new Map();
    for (let i = 0; i < n; i++) {
      const row = logits.subarray(i * C, (i + 1) * C);
      const answer = row.indexOf(row.reduce((most, z) => Math.max(most, z)));
      if (!answers.has(labels[i])) answers.set(labels[i], []);
      answers.get(labels[i]).push(answer);
    }
    const mostly = (a, b) => {
      const own = answers.get(a) ?? [];
      const isMost = own.filter((answer) => answer === b).length > own.length / 2;
      return isMost && own.length >= LEAST_OF_CLASS;
    };
    const classes = [...answers.keys()].sort((a, b) => a - b);
    return classes.flatMap((a) => {
      const b = classes.find((other) => other > a && mostly(a, other));
      return b !== undefined && mostly(b, a) ? [[a, b]] : [];
    });
  }

  self.exchanged = { find };
};
