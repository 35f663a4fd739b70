// This script computes what calibkit computes, on the images of data.js, as window.playground.
"use strict";

(() => {
  const data = window.playgroundData;
  const N_BINS = 15;
  const [lowest, highest] = data.temperatures;
  const middle = Math.log(lowest * highest) / 2;
  const half = Math.log(highest / lowest) / 2;

  const columns = window.decodeColumns(data);
  const calibrates = columns.pop();
  // This is how far the logit of the label is below that of the answer: 0 if the answer is right.
  const below = columns.pop();
  // For each image, these coefficients give the logarithm of a sum as a function of log T. The sum
  // is that of exp((logit - the answer's logit) / T) over all classes but the answer.
  const coefficients = columns;

  const images = Array.from({ length: data.rows }, (_, i) => i);
  const calibration = images.filter((i) => calibrates[i]);
  const test = images.filter((i) => i < data.testSet && !calibrates[i]);
  const pool = images.slice(data.testSet);

  /** Return the Chebyshev polynomials at x, and their first and second derivatives. */
  function chebyshev(x) {
    const value = [1, x];
    const first = [0, 1];
    const second = [0, 0];
    for (let k = 1; k < coefficients.length - 1; k++) {
      value.push(2 * x * value[k] - value[k - 1]);
      first.push(2 * value[k] + 2 * x * first[k] - first[k - 1]);
      second.push(4 * first[k] + 2 * x * second[k] - second[k - 1]);
    }
    return { value, first, second };
  }

  /** Return the polynomials times the coefficients of each image, summed column by column. */
  function combine(polynomials, of) {
    const sums = new Float64Array(of.length);
    polynomials.forEach((polynomial, k) => {
      const column = coefficients[k];
      for (let j = 0; j < sums.length; j++) sums[j] += polynomial * column[of[j]];
    });
    return sums;
  }

  const isRight = (i) => below[i] === 0;
  const clip = (T) => Math.min(Math.max(T, lowest), highest);

  /** Return the odds against the answers of these images at the temperature T. */
  function oddsAgainst(T, of) {
    const { value } = chebyshev((Math.log(clip(T)) - middle) / half);
    return combine(value, of).map(Math.exp);
  }

  /** Return the confidences in the answers of these images at the temperature T. */
  function confidences(T, of = test) {
    return oddsAgainst(T, of).map((odds) => 1 / (1 + odds));
  }

  /** Return the ECE of these confidences, and the bins of the reliability diagram. */
  function binned(confidences, right, nBins) {
    const bins = Array.from({ length: nBins }, () => ({ count: 0, correct: 0, confidence: 0 }));
    confidences.forEach((confidence, k) => {
      const bin = bins[Math.min(Math.floor(nBins * confidence), nBins - 1)];
      bin.count += 1;
      bin.correct += right[k];
      bin.confidence += confidence;
    });
    const gaps = bins.map((bin) => Math.abs(bin.correct - bin.confidence));
    return { ece: gaps.reduce((sum, gap) => sum + gap, 0) / right.length, bins };
  }

  /** Return the scores at the temperature T, and the bins of the reliability diagram. */
  function measure(T, of = test) {
    const odds = oddsAgainst(T, of);
    const right = of.map((i) => (isRight(i) ? 1 : 0));
    const { ece, bins } = binned(odds.map((against) => 1 / (1 + against)), right, N_BINS);
    const mean = (values) => values.reduce((sum, value) => sum + value, 0) / of.length;
    return {
      nll: mean(odds.map((against, k) => Math.log1p(against) + below[of[k]] / clip(T))),
      ece,
      accuracy: mean(right),
      confidence: mean(bins.map((bin) => bin.confidence)),
      bins,
    };
  }

  /** Find the temperature with the lowest NLL on these images by Newton's method in a bracket. */
  function optimum(of) {
    // x is log T, scaled so that it is -1 at the lowest T and 1 at the highest.
    let [low, high, x] = [-1, 1, 0];
    for (let step = 1; Math.abs(step) > 1e-10; x += step) {
      const { value, first, second } = chebyshev(x);
      const [logOdds, slopes, bends] = [value, first, second].map((each) => combine(each, of));
      const inverse = Math.exp(-(middle + half * x));
      let slope = 0;
      let curvature = 0;
      of.forEach((i, j) => {
        const rivals = Math.exp(logOdds[j]);
        const p = rivals / (1 + rivals);
        slope += p * slopes[j] - half * inverse * below[i];
        curvature += p * (1 - p) * slopes[j] ** 2 + p * bends[j];
        curvature += half ** 2 * inverse * below[i];
      });
      [low, high] = slope < 0 ? [x, high] : [low, x];
      const newton = x - slope / curvature;
      step = (low < newton && newton < high ? newton : (low + high) / 2) - x;
    }
    return Math.exp(middle + half * x);
  }

  let random;
  function restart() {
    random = window.randomNumbers(2017);
  }

  /** Draw images that neither the figure nor the first calibration set uses, with replacement. */
  function draw(size) {
    return Array.from({ length: size }, () => pool[Math.floor(random() * pool.length)]);
  }

  restart();
  window.playground = {
    lowest, highest, nBins: N_BINS, calibration, test, pool, isRight, confidences, binned, measure,
    optimum, draw, restart,
  };
})();
