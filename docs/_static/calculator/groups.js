// Groups of samples of about equal size, for diagrams in which one bin holds nearly all samples.
(self.calculatorParts ??= {}).groups = function () {
  "use strict";

  const N_GROUPS = 10;
  // One bin with more than this share of the samples leaves little to see in the others.
  const CROWDED = 0.8;

  function areCrowded(bins) {
    const counts = bins.map(({ count }) => count);
    return Math.max(...counts) > CROWDED * counts.reduce((sum, count) => sum + count, 0);
  }

  /**
   * Return the samples in groups, from the lowest confidence to the highest, as bins. Samples of
   * the same confidence share a group, because nothing but chance could tell them apart.
   */
  function inGroups({ confidence, outcome }) {
    const n = confidence.length;
    const order = Uint32Array.from(confidence, (_, i) => i);
    order.sort((i, j) => confidence[i] - confidence[j]);
    const areTied = (k) => k < n && confidence[order[k]] === confidence[order[k - 1]];
    const bins = [];
    const ofSample = new Uint8Array(n);
    for (let start = 0, end; start < n; start = end) {
      const number = Math.floor((N_GROUPS * start) / n) + 1;
      end = Math.ceil((number * n) / N_GROUPS);
      while (areTied(end)) end++;
      const group = { count: end - start, correct: 0, confidence: 0 };
      for (const i of order.subarray(start, end)) {
        group.correct += outcome[i];
        group.confidence += confidence[i];
        ofSample[i] = bins.length;
      }
      bins.push(group);
    }
    return { bins, ofSample };
  }

  self.groups = { areCrowded, inGroups };
};
