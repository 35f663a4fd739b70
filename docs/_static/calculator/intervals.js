// Intervals of calibration errors by test inversion, as calibkit's _test_inversion.py finds them.
(self.calculatorParts ??= {}).intervals = function () {
  "use strict";

  const STEPS = 16;
  const FAR = 12;
  const CLEAR = 2;
  const MOST_CHANGED = 2;
  const TINY = 1e-300;
  const TAIL = 0.025;

  const absoluteSum = (values) => values.reduce((sum, value) => sum + Math.abs(value), 0);
  const { sum } = self.statistics;

  /** The gaps of a calibration error, with draws of their noise in a matrix of R rows. */
  class Gaps {
    /**
     * measured: the K gaps; noise: R rows of K numbers, one after the other; scale: the error is
     * the sum of the sizes of the gaps times this; variance: gives the variances of the noise if
     * these are the true gaps; mostlyNoise: whether most of what is measured may be noise.
     */
    constructor({ measured, noise, scale, variance = null, mostlyNoise = false }) {
      Object.assign(this, { measured, noise, scale, variance, mostlyNoise });
      this.n = measured.length;
      this.draws = noise.length / this.n;
      if (variance) this.fillSilentGaps();
      this.sizeOfNoise = this.rootMeanSquare();
      this.standardErrors = this.sizeOfNoise;
      if (variance) {
        const [here, none] = [variance(measured), variance(new Float64Array(this.n))];
        this.standardErrors = here.map((value, k) => Math.sqrt(Math.max(value, none[k])));
      }
      this.value = this.error(measured);
      const errorOf = (k) => Math.max(this.standardErrors[k], TINY);
      const ratios = measured.map((gap, k) => Math.abs(gap) / errorOf(k));
      this.largestRatio = Math.min(ratios.reduce((a, b) => Math.max(a, b), 0), 1e6);
      const total = absoluteSum(measured) / Math.max(sum(this.standardErrors), TINY);
      this.distanceToZero = Math.max(this.largestRatio, total);
    }

    rootMeanSquare() {
      const squares = new Float64Array(this.n);
      for (let at = 0; at < this.noise.length; ) {
        for (let k = 0; k < this.n; k++, at++) squares[k] += this.noise[at] ** 2;
      }
      return squares.map((square) => Math.sqrt(square / this.draws));
    }

    /** Give normal noise to gaps that are the same in all resamples. */
    fillSilentGaps() {
      const silent = this.rootMeanSquare().map((size) => (size < 1e-12 ? 1 : 0));
      if (!silent.includes(1)) return;
      const standardErrors = this.variance(new Float64Array(this.n)).map(Math.sqrt);
      const normal = self.statistics.normal(0);
      this.noise = this.noise.slice();
      for (let r = 0; r < this.draws; r++) {
        const drawn = normal();
        for (let k = 0; k < this.n; k++) {
          if (silent[k]) this.noise[r * this.n + k] = drawn * standardErrors[k];
        }
      }
    }

    error(gaps) {
      return absoluteSum(gaps) * this.scale;
    }

    /** Draw measured errors if these are the true gaps. */
    drawErrors(gaps) {
      const factors = this.variance
        ? this.variance(gaps).map((v, k) => Math.sqrt(v) / Math.max(this.sizeOfNoise[k], TINY))
        : new Float64Array(this.n).fill(1);
      const errors = new Float64Array(this.draws);
      for (let r = 0, at = 0; r < this.draws; r++) {
        let error = 0;
        for (let k = 0; k < this.n; k++, at++) {
          error += Math.abs(gaps[k] + this.noise[at] * factors[k]);
        }
        errors[r] = error * this.scale;
      }
      return errors;
    }

    /** Move every gap towards 0 by so many of its standard errors, once it has been moved. */
    each(distance, moved = null) {
      return this.measured.map((gap, k) => {
        const first = gap + (moved ? moved[k] : 0);
        const size = Math.max(Math.abs(first) - distance * this.standardErrors[k], 0);
        return first >= 0 ? size : -size;
      });
    }

    /** Multiply all gaps by one factor. */
    all(distance) {
      const total = absoluteSum(this.measured);
      const share = total ? sum(this.standardErrors) / total : 0;
      const factor = Math.max(1 - distance * share, 0);
      return this.measured.map((gap) => gap * factor);
    }

    /** Give all gaps the same ratio to their standard errors. */
    even(distance) {
      const ratio = Math.max(this.largestRatio - distance, 0);
      return this.measured.map((gap, k) => (gap >= 0 ? 1 : -1) * ratio * this.standardErrors[k]);
    }
  }

  /** Return the ends of the interval of an error. */
  function endsOfError(gaps) {
    gaps.ends ??= [lowerEnd(gaps), upperEnd(gaps)]; // The interval of a change asks again.
    return gaps.ends;
  }

  /** Return the ends of the interval of the change of an error on the same samples. */
  function endsOfChange(before, after) {
    const [endsBefore, endsAfter] = [endsOfError(before), endsOfError(after)];
    let [low, high] = [endsAfter[0] - endsBefore[1], endsAfter[1] - endsBefore[0]];
    if (endsBefore[0] > 0 && endsAfter[0] > 0) {
      [low, high] = whereNoiseCancels(before, after, endsBefore, endsAfter);
    }
    const changes = after.measured.map((gap, k) => gap - before.measured[k]);
    const most = MOST_CHANGED * after.error(changes);
    return [Math.max(low, -most), Math.min(high, most)];
  }

  /** Return the interval of a change from both intervals and their correlation (Zou 2007). */
  function whereNoiseCancels(before, after, endsBefore, endsAfter) {
    const [shrunkBefore, shrunkAfter] = [before, after].map(shrunk);
    const draws = [before.drawErrors(shrunkBefore), after.drawErrors(shrunkAfter)];
    const correlation = correlationOf(...draws);
    const [b, a] = [before.error(shrunkBefore), after.error(shrunkAfter)];
    const distance = (ofAfter, ofBefore) =>
      Math.sqrt(Math.max(ofAfter ** 2 + ofBefore ** 2 - 2 * correlation * ofAfter * ofBefore, 0));
    return [
      a - b - distance(a - endsAfter[0], endsBefore[1] - b),
      a - b + distance(a - endsAfter[1], endsBefore[0] - b),
    ];
  }

  function correlationOf(x, y) {
    const [meanX, meanY] = [self.statistics.mean(x), self.statistics.mean(y)];
    let [xx, yy, xy] = [0, 0, 0];
    for (let r = 0; r < x.length; r++) {
      xx += (x[r] - meanX) ** 2;
      yy += (y[r] - meanY) ** 2;
      xy += (x[r] - meanX) * (y[r] - meanY);
    }
    return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : 0;
  }

  /** Return the gaps, times the factor with which the measured error is the median. */
  function shrunk(gaps) {
    let [near, far] = [0, gaps.distanceToZero];
    for (let step = 0; step < STEPS; step++) {
      const middle = (near + far) / 2;
      const [median] = self.statistics.quantiles(gaps.drawErrors(gaps.all(middle)), [0.5]);
      [near, far] = median > gaps.value ? [middle, far] : [near, middle];
    }
    return gaps.all(far);
  }

  /** Return the lowest error with which a measured one this high is no surprise. */
  function lowerEnd(gaps) {
    const end = gaps.distanceToZero;
    const paths = [
      { gapsAt: (d) => gaps.each(d), start: -FAR, end },
      { gapsAt: (d) => gaps.all(d), start: -FAR, end },
    ];
    if (gaps.mostlyNoise) {
      const moved = gaps.measured.map((gap, k) =>
        Math.abs(gap) < CLEAR * gaps.standardErrors[k] ? -gap : 0
      );
      paths.push({ gapsAt: (d) => gaps.each(d, moved), start: 0, end });
    }
    const isPlausible = (errors) => isCommon(errors, (error) => error >= gaps.value);
    const errors = errorsAtEnds(gaps, paths, isPlausible);
    return errors.length ? Math.min(...errors) : 0;
  }

  /** Return the highest error with which a measured one this low is no surprise. */
  function upperEnd(gaps) {
    const paths = [
      { gapsAt: (d) => gaps.each(-d), start: -FAR, end: FAR },
      { gapsAt: (d) => gaps.all(-d), start: -FAR, end: FAR },
      { gapsAt: (d) => gaps.even(-d), start: -gaps.distanceToZero, end: FAR },
    ];
    const isPlausible = (errors) => isCommon(errors, (error) => error <= gaps.value);
    return Math.max(0, ...errorsAtEnds(gaps, paths, isPlausible));
  }

  /** Return whether something happened in so many draws that it is no surprise. */
  function isCommon(errors, happened) {
    const needed = Math.max(1, Math.floor(TAIL * (1 + errors.length) + 1e-9));
    return errors.reduce((count, error) => count + happened(error), 0) >= needed;
  }

  /** Return the error of the last plausible gaps on each path that has any. */
  function errorsAtEnds(gaps, paths, isPlausible) {
    return paths.flatMap(({ gapsAt, start, end }) => {
      const distance = lastPlausible((d) => isPlausible(gaps.drawErrors(gapsAt(d))), start, end);
      return distance === null ? [] : [gaps.error(gapsAt(distance))];
    });
  }

  function lastPlausible(plausible, start, end) {
    if (plausible(end)) return end;
    if (!plausible(start)) {
      // An error that is measured lower than gaps of 0 allow may fit somewhat larger gaps.
      const point = (i) => start + ((end - start) * i) / (2 * STEPS - 1);
      let last = 2 * STEPS - 2;
      while (last > 0 && !plausible(point(last))) last--;
      if (last === 0) return null;
      [start, end] = [point(last), point(last + 1)];
    }
    for (let step = 0; step < STEPS; step++) {
      const middle = (start + end) / 2;
      [start, end] = plausible(middle) ? [middle, end] : [start, middle];
    }
    return start;
  }

  self.intervals = { Gaps, endsOfError, endsOfChange };
};
