// Samples that stand in a file more than once, as calibkit's reports/_copies.py finds them.
(self.calculatorParts ??= {}).copies = function () {
  "use strict";

  const { answerOf } = self.statistics;
  // A smaller share of copies changes no result by much.
  const LEAST_SHARE = 0.01;
  // If so many samples of different scores all occur equally often, a whole file was copied.
  const LEAST_OF_FILE = 20;
  // So many wrong answers of samples with equal scores do not agree by chance.
  const LEAST_WRONG = 10;

  /**
   * Return how many samples repeat the scores and the label of another one, or 0 if labels of
   * samples with equal scores differ, because these may be equal by chance.
   */
  function count({ logits, labels, n, C }) {
    const samples = new Map();
    const keys = self.sets.keysOf({ logits, n, C });
    keys.forEach((key, i) => {
      const sample = `${key} ${labels[i]}`;
      const [first, times] = samples.get(sample) ?? [i, 0];
      samples.set(sample, [first, times + 1]);
    });
    const nCopies = n - samples.size;
    if (nCopies < LEAST_SHARE * n) return 0;
    const found = [...samples.values()];
    const [, times] = found[0];
    const areAll = times > 1 && found.every(([, other]) => other === times);
    const nScores = new Set(keys).size;
    if (areAll && nScores >= LEAST_OF_FILE) return nCopies;
    if (nScores < samples.size) return 0;
    const isWrong = ([first, times]) => times > 1 && answerOf(logits, C, first) !== labels[first];
    return found.filter(isWrong).length >= LEAST_WRONG ? nCopies : 0;
  }

  self.copies = { count };
};
