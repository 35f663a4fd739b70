// This script finds the temperature, as calibkit.TemperatureScaler does.
(self.calculatorParts ??= {}).temperature = function () {
  "use strict";

  const MOST_STEPS = 200;
  const TOLERANCE = 1e-10;
  const NORMAL_QUANTILE = 1.959964;
  const ADVICE = "use a larger calibration set, one that the model was not trained on";

  /** Thrown if no temperature is best. */
  class NoOptimumError extends Error {}

  /**
   * Return means over the rows at the inverse temperature b: the NLL and its first two derivatives,
   * and the squares of the rows' first derivatives.
   */
  function derivatives({ logits, labels, n, C }, b) {
    let [nll, slope, curvature, squares] = [0, 0, 0, 0];
    for (let i = 0, start = 0; i < n; i++, start += C) {
      let top = -Infinity;
      for (let c = 0; c < C; c++) top = Math.max(top, logits[start + c]);
      let [norm, first, second] = [0, 0, 0];
      for (let c = 0; c < C; c++) {
        const z = logits[start + c] - top;
        const weight = Math.exp(b * z);
        norm += weight;
        first += weight * z;
        second += weight * z * z;
      }
      const mean = first / norm;
      const ofLabel = logits[start + labels[i]] - top;
      nll += Math.log(norm) - b * ofLabel;
      slope += mean - ofLabel;
      curvature += second / norm - mean * mean;
      squares += (mean - ofLabel) ** 2;
    }
    return { nll: nll / n, slope: slope / n, curvature: curvature / n, squares: squares / n };
  }

  /** Return what tells whether there is an optimum, and near which b it is. */
  function startingSums({ logits, labels, n, C }) {
    const sums = { descent: 0, curvature: 0, distance: 0, belowTop: 0, size: 0 };
    for (let i = 0, start = 0; i < n; i++, start += C) {
      let [top, lowest] = [-Infinity, Infinity];
      for (let c = 0; c < C; c++) {
        top = Math.max(top, logits[start + c]);
        lowest = Math.min(lowest, logits[start + c]);
      }
      let [mean, square] = [0, 0];
      for (let c = 0; c < C; c++) {
        const z = logits[start + c] - top;
        mean += z / C;
        square += (z * z) / C;
      }
      const ofLabel = logits[start + labels[i]] - top;
      sums.descent += ofLabel - mean;
      sums.curvature += square - mean * mean;
      sums.distance -= mean;
      sums.belowTop += ofLabel < 0 ? 1 : 0;
      sums.size += top - lowest;
    }
    return sums;
  }

  /** Refuse data for which no finite temperature above 0 is best. */
  function checkOptimumExists(rows, sums) {
    const { labels, n } = rows;
    if (labels.every((label) => label === labels[0])) {
      throw new NoOptimumError(self.sentences.ONE_CLASS({ n, label: labels[0] }));
    }
    if (sums.distance === 0) throw new NoOptimumError(self.sentences.SAME_LOGITS({ n }));
    if (sums.descent <= 8 * Number.EPSILON * sums.distance) {
      const error = new NoOptimumError(self.sentences.TEMPERATURE_INFINITE({ n }));
      throw Object.assign(error, { isInfinite: true });
    }
    if (sums.belowTop === 0) {
      const error = new NoOptimumError(self.sentences.TEMPERATURE_ZERO({ n, advice: ADVICE }));
      throw Object.assign(error, { isZero: true });
    }
  }

  /** Minimise the NLL over the inverse temperature by Newton's method within a bracket. */
  function fit(rows, onStep = () => {}) {
    const sums = startingSums(rows);
    checkOptimumExists(rows, sums);
    let [low, high] = [0, Infinity];
    let b = sums.descent / sums.curvature;
    if (!(b > 0 && b < Infinity)) b = rows.n / sums.size;
    let lastStep = 0; // 0 says that there is no earlier step to compare with.
    for (let iterations = 1; iterations <= MOST_STEPS; iterations++) {
      onStep(iterations);
      const at = derivatives(rows, b);
      [low, high] = at.slope < 0 ? [b, high] : [low, b];
      const better = b - at.slope / at.curvature;
      const step = Math.abs(better - b) / b;
      // Newton's steps shrink quadratically.
      const next = step < Math.min(0.01, lastStep) ? step ** 3 / lastStep ** 2 : Infinity;
      if (Math.min(step, next) <= TOLERANCE) return found(rows, better, iterations);
      const isWithin = low < better && better < high;
      lastStep = isWithin ? step : 0;
      b = isWithin ? better : pointWithin(low, high);
    }
    throw new NoOptimumError(self.sentences.NO_CONVERGENCE({ steps: MOST_STEPS, found: b }));
  }

  function found(rows, b, iterations) {
    const { nll, curvature, squares } = derivatives(rows, b);
    // The standard error follows from the sandwich formula (White 1982).
    const relativeError = Math.sqrt(squares / rows.n) / curvature / b;
    const factor = Math.exp(Math.min(NORMAL_QUANTILE * relativeError, 700));
    const interval = [1 / b / factor, factor / b];
    return { temperature: 1 / b, interval, iterations, n: rows.n, nll };
  }

  /** Return a point well within a bracket. */
  function pointWithin(low, high) {
    if (low === 0) return high / 16;
    return high === Infinity ? low * 16 : Math.sqrt(low * high);
  }

  self.temperature = { fit, derivatives, NoOptimumError };
};
