// Wrong answers at a very high confidence, as calibkit's reports/_confident_errors.py finds them.
(self.calculatorParts ??= {}).confident = function () {
  "use strict";

  const CONFIDENCES = [0.99, 0.999, 0.9999, 0.99999];
  const FALSE_ALARMS = 0.01;

  /** Return the probability that a Poisson distribution gives a number of at least k. */
  function poissonTail(k, mean) {
    if (k === 0) return 1;
    if (mean === 0) return 0;
    if (mean > k) return 1; // So few are no surprise, and the exact value does not matter.
    let logTerm = -mean;
    for (let j = 1; j <= k; j++) logTerm += Math.log(mean / j);
    let [term, total] = [Math.exp(logTerm), 0];
    for (let j = k + 1; term > 1e-17 * total; j++) {
      total += term;
      term *= mean / j;
    }
    return total;
  }

  /** Return the most surprising errors at a very high confidence, or null. */
  function find({ confidence, outcome }) {
    const found = CONFIDENCES.map((above) => {
      const errors = { above, nWrong: 0, n: 0, expected: 0 };
      confidence.forEach((p, i) => {
        if (p <= above) return;
        errors.n += 1;
        errors.nWrong += 1 - outcome[i];
        errors.expected += 1 - p;
      });
      return { ...errors, pValue: poissonTail(errors.nWrong, errors.expected) };
    });
    const worst = found.reduce((least, other) => (other.pValue < least.pValue ? other : least));
    return worst.pValue < FALSE_ALARMS / CONFIDENCES.length ? worst : null;
  }

  self.confident = { find };
};
