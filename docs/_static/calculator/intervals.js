// Intervals of calibration errors by test inversion, as calibkit's _test_inversion.py finds them.
(self.calculatorParts ??= {}).intervals = function () {
  "use strict";

  const STEPS = 16;
  const FAR = 12;
  const RATIOS = [1, 5, 0.2];
  const MOST_MOVED = 2;
  const CLEAR = 2;
  const NEARLY_ALL_CANCELS = 0.2;
  const MANY = 100;
  const TINY = 1e-300;
  const TAIL = 0.025;

  const absoluteSum = (values) => values.reduce((sum, value) => sum + Math.abs(value), 0);
  const { sum } = self.statistics;
  const norm = (values) => Math.sqrt(values.reduce((total, value) => total + value * value, 0));

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
      const ratios = measured.map((gap, k) => Math.abs(gap) / Math.max(this.standardErrors[k], TINY));
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
        for (let k = 0; k < this.n; k++, at++) error += Math.abs(gaps[k] + this.noise[at] * factors[k]);
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

    /** Return how far these gaps are from others of the same samples. */
    minus(other) {
      return new Gaps({
        measured: this.measured.map((gap, k) => gap - other.measured[k]),
        noise: this.noise.map((drawn, at) => drawn - other.noise[at]),
        scale: this.scale,
      });
    }

    /** Return how far the noise moves the gaps in all but a tail of the draws. */
    reachOfNoise() {
      const norms = Float64Array.from({ length: this.draws }, (_, r) =>
        norm(this.noise.subarray(r * this.n, (r + 1) * this.n))
      );
      return self.statistics.quantiles(norms, [1 - TAIL])[0];
    }
  }

  /** Return the ends of the interval of an error. */
  function endsOfError(gaps) {
    // An error that is measured lower than chance allows is surprising with all true gaps.
    return [lowest(null, gaps), Math.max(0, -lowest(gaps, null))];
  }

  /** Return the ends of the interval of the change of an error on the same samples. */
  function endsOfChange(before, after) {
    const isSame = before.measured.every((gap, k) => gap === after.measured[k]);
    if (isSame && before.noise.every((drawn, at) => drawn === after.noise[at])) return [0, 0];
    if (after.mostlyNoise && after.n > MANY) return combined(before, after);
    const ends = [lowest(before, after), -lowest(after, before)];
    if (!after.mostlyNoise) return ends;
    const others = combined(before, after);
    return [Math.min(ends[0], others[0]), Math.max(ends[1], others[1])];
  }

  /** Return the interval of a change from both intervals and their correlation (Zou 2007). */
  function combined(before, after) {
    const shrunkGaps = [before, after].map(shrunk);
    const draws = [before.drawErrors(shrunkGaps[0]), after.drawErrors(shrunkGaps[1])];
    // Distances to ends add up as they are if the errors are independent.
    const shared = 2 * correlationOf(...draws) - 1;
    const [b, a] = [before.error(shrunkGaps[0]), after.error(shrunkGaps[1])];
    const [[lowB, highB], [lowA, highA]] = [endsOfError(before), endsOfError(after)];
    const distance = (ofAfter, ofBefore) =>
      Math.sqrt(Math.max(ofAfter ** 2 + ofBefore ** 2 - 2 * shared * ofAfter * ofBefore, 0));
    return [a - b - distance(a - lowA, highB - b), a - b + distance(highA - a, b - lowB)];
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

  /** Return the lowest plausible value of the error of one set of gaps minus that of another. */
  function lowest(growing, shrinking) {
    const measured = (shrinking ? shrinking.value : 0) - (growing ? growing.value : 0);
    const change = growing && shrinking ? growing.minus(shrinking) : null;
    const furthest = change ? MOST_MOVED * change.reachOfNoise() : Infinity;
    let least = Infinity;
    for (const path of paths(growing, shrinking, change)) {
      const { grow, shrink, start = -FAR, end = FAR, tail = 1 } = path;
      const plausible = (distance) => {
        const draws = shrink ? shrinking.drawErrors(shrink(distance)) : new Float64Array(growing.draws);
        if (grow) growing.drawErrors(grow(distance)).forEach((error, r) => (draws[r] -= error));
        const needed = Math.max(1, Math.floor(tail * TAIL * (1 + draws.length) + 1e-9));
        return draws.reduce((count, error) => count + (error >= measured), 0) >= needed;
      };
      const agrees = (distance) => {
        if (!change || !grow || !shrink) return true;
        const [grown, shrunkGaps] = [grow(distance), shrink(distance)];
        const moved = grown.map((gap, k) => gap - shrunkGaps[k] - change.measured[k]);
        return norm(moved) <= furthest;
      };
      let distance = lastPlausible(plausible, start, end);
      if (distance !== null) distance = lastPlausible(agrees, Math.min(distance, 0), distance);
      if (distance === null) continue; // Nothing on this path agrees with what was measured.
      const error =
        (shrink ? shrinking.error(shrink(distance)) : 0) - (grow ? growing.error(grow(distance)) : 0);
      least = Math.min(least, error);
    }
    return least;
  }

  function lastPlausible(plausible, start, end) {
    if (plausible(end)) return end;
    if (!plausible(start)) {
      // Between two sets that share their noise, a change is plausible only beyond some point.
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

  /** Yield what the growing and the shrinking gaps are at each distance. */
  function* paths(growing, shrinking, change) {
    if (!growing) {
      const end = shrinking.distanceToZero;
      yield { shrink: (d) => shrinking.each(d), end };
      yield { shrink: (d) => shrinking.all(d), end };
      if (shrinking.mostlyNoise) {
        const moved = shrinking.measured.map((gap, k) =>
          Math.abs(gap) < CLEAR * shrinking.standardErrors[k] ? -gap : 0
        );
        yield { shrink: (d) => shrinking.each(d, moved), start: 0, end };
      }
    } else if (!shrinking) {
      yield { grow: (d) => growing.each(-d) };
      yield { grow: (d) => growing.all(-d) };
      yield { grow: (d) => growing.even(-d), start: -growing.distanceToZero };
    } else {
      for (const kind of ["each", "all"]) {
        for (const ratio of RATIOS) {
          yield {
            grow: (d) => growing[kind](-d / ratio),
            shrink: (d) => shrinking[kind](ratio * d),
          };
        }
      }
      const moved = untilSignsAreClear(growing, shrinking);
      yield { grow: (d) => growing.each(-d, moved), shrink: (d) => shrinking.each(d, moved) };
      if (norm(change.standardErrors) < NEARLY_ALL_CANCELS * norm(shrinking.standardErrors)) {
        yield {
          grow: (d) => shrinking.each(d).map((gap, k) => gap + change.measured[k]),
          shrink: (d) => shrinking.each(d),
          start: 0,
        };
      }
      const none = () => new Float64Array(shrinking.n);
      if (!shrinking.drawErrors(none()).some((error) => error >= shrinking.value)) return;
      yield { grow: (d) => change.all(-d), shrink: none, tail: 0.5 };
      yield {
        grow: (d) => change.even(-d),
        shrink: none,
        start: -change.distanceToZero,
        tail: 0.5,
      };
    }
  }

  /** Return how far to move both gaps of a bin away from 0, if both have the same sign. */
  function untilSignsAreClear(one, other) {
    return one.measured.map((gap, k) => {
      if (gap * other.measured[k] <= 0) return 0;
      const clear = CLEAR * Math.max(one.standardErrors[k], other.standardErrors[k]);
      const lacking = clear - Math.min(Math.abs(gap), Math.abs(other.measured[k]));
      return Math.sign(gap) * Math.max(lacking, 0);
    });
  }

  self.intervals = { Gaps, endsOfError, endsOfChange };
};
