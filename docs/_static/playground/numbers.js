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

  function combine(polynomials, i) {
    let sum = 0;
    for (let k = 0; k < polynomials.length; k++) sum += polynomials[k] * coefficients[k][i];
    return sum;
  }

  /** Return the scores at the temperature T, and the bins of the reliability diagram. */
  function measure(T, of = test) {
    const clipped = Math.min(Math.max(T, lowest), highest);
    const { value } = chebyshev((Math.log(clipped) - middle) / half);
    const bins = Array.from({ length: N_BINS }, () => ({ count: 0, correct: 0, confidence: 0 }));
    let nll = 0;
    for (const i of of) {
      const rivals = Math.exp(combine(value, i));
      const confidence = 1 / (1 + rivals);
      nll += Math.log1p(rivals) + below[i] / clipped;
      const bin = bins[Math.min(Math.floor(N_BINS * confidence), N_BINS - 1)];
      bin.count += 1;
      bin.correct += below[i] === 0 ? 1 : 0;
      bin.confidence += confidence;
    }
    const mean = (share) => bins.reduce((sum, bin) => sum + share(bin), 0) / of.length;
    return {
      nll: nll / of.length,
      ece: mean((bin) => Math.abs(bin.correct - bin.confidence)),
      accuracy: mean((bin) => bin.correct),
      confidence: mean((bin) => bin.confidence),
      bins,
    };
  }

  /** Find the temperature with the lowest NLL on these images by Newton's method in a bracket. */
  function optimum(of) {
    // x is log T, scaled so that it is -1 at the lowest T and 1 at the highest.
    let [low, high, x] = [-1, 1, 0];
    for (let step = 1; Math.abs(step) > 1e-10; x += step) {
      const { value, first, second } = chebyshev(x);
      const inverse = Math.exp(-(middle + half * x));
      let slope = 0;
      let curvature = 0;
      for (const i of of) {
        const rivals = Math.exp(combine(value, i));
        const p = rivals / (1 + rivals);
        const dx = combine(first, i);
        slope += p * dx - half * inverse * below[i];
        curvature += p * (1 - p) * dx ** 2 + p * combine(second, i);
        curvature += half ** 2 * inverse * below[i];
      }
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
  window.playground = { lowest, highest, calibration, test, pool, measure, optimum, draw, restart };
})();
