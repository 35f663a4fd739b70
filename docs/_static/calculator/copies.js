// Samples that stand in a file more than once, as calibkit's reports/_copies.py finds them.
(self.calculatorParts ??= {}).copies = function () {
  "use strict";

  const { answerOf } = self.statistics;
  // A smaller share of copies changes no result by much.
  const LEAST_SHARE = 0.01;
  // If so many samples of different scores all occur equally often, a whole file was copied.
  const LEAST_OF_FILE = 20;
  // If so many labels of samples with the next scores differ, those of samples with equal scores
  // would differ as well, unless they are copies.
  const LEAST_MIXED = 15;

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
    return countMixed({ logits, labels, C }, found) >= LEAST_MIXED ? nCopies : 0;
  }

  /**
   * Return after how many repeated samples the one with the next scores has another label. In
   * their order, those of the same answer stand together, among these those of the same second
   * answer, and among these the less sure ones first.
   */
  function countMixed({ logits, labels, C }, found) {
    const order = found.map(([first, times]) => {
      const answer = answerOf(logits, C, first);
      const scores = Float64Array.from(logits.subarray(first * C, (first + 1) * C));
      const highest = scores[answer];
      scores[answer] = -Infinity;
      const second = answerOf(scores, C, 0);
      return { answer, second, lead: highest - scores[second], times, label: labels[first] };
    });
    order.sort((a, b) => a.answer - b.answer || a.second - b.second || a.lead - b.lead);
    const isMixed = ({ answer, label, times }, next) =>
      times > 1 && answer === next.answer && label !== next.label;
    return order.filter((one, k) => k + 1 < order.length && isMixed(one, order[k + 1])).length;
  }

  self.copies = { count };
};
