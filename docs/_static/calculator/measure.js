// This script measures what calibkit.evaluate measures.
(self.calculatorParts ??= {}).measure = function () {
  "use strict";

  const { uniform, quantiles, sum, mean } = self.statistics;
  const { Gaps, endsOfError, endsOfChange } = self.intervals;
  const { groups } = self;
  const N_BINS = 15;
  const ROUNDING_ERROR = 1e-14;
  const N_RESAMPLES = 1000;
  const ENDS = [0.025, 0.975];
  // With more gaps, fewer draws of their noise are enough.
  const MOST_NOISE = 2 ** 19;

  /**
   * Return the bin of equal width of a probability. An edge belongs to the bin above it, also if
   * the softmax of a logarithm gives 0.39999999999999997 where the file says 0.4.
   */
  function binOf(p) {
    const bin = Math.min(Math.max(Math.floor(p * N_BINS), 0), N_BINS - 1);
    return bin < N_BINS - 1 && p >= (bin + 1) / N_BINS - ROUNDING_ERROR ? bin + 1 : bin;
  }

  /** Write softmax(b z) of a row, and return its largest entry's place and its NLL. */
  function softmax({ logits, labels, C }, i, b, p) {
    const start = i * C;
    let [top, place] = [-Infinity, 0];
    for (let c = 0; c < C; c++) if (logits[start + c] > top) [top, place] = [logits[start + c], c];
    let norm = 0;
    for (let c = 0; c < C; c++) norm += p[c] = Math.exp(b * (logits[start + c] - top));
    for (let c = 0; c < C; c++) p[c] /= norm;
    return { place, nll: Math.log(norm) - b * (logits[start + labels[i]] - top) };
  }

  /** Everything about one set of probabilities: those of the logits times b. */
  class MeasuredSet {
    constructor(rows, b) {
      const { n, C } = rows;
      Object.assign(this, { rows, b, n, C });
      this.correct = new Uint8Array(n);
      this.nll = new Float64Array(n);
      this.brier = new Float64Array(n);
      // What is judged: P(y = 1) of two classes, and the probability of the top class of more.
      this.judged = { confidence: new Float64Array(n), outcome: new Uint8Array(n) };
      this.top = C === 2 ? { confidence: new Float64Array(n), outcome: this.correct } : null;
      this.classwise = C === 2 ? null : new ClasswiseCounts(rows);
      this.p = new Float64Array(C);
    }

    /** Measure a row. Labels are drawn from its probabilities with these random numbers. */
    add(i, numbers) {
      const { rows, p, C } = this;
      const label = rows.labels[i];
      const { place, nll } = softmax(rows, i, this.b, p);
      this.correct[i] = place === label ? 1 : 0;
      this.nll[i] = nll;
      let squares = 1 - 2 * p[label];
      for (let c = 0; c < C; c++) squares += p[c] * p[c];
      this.brier[i] = squares;
      if (this.top) {
        this.judged.confidence[i] = p[1];
        this.judged.outcome[i] = label;
        this.top.confidence[i] = p[place];
      } else {
        this.judged.confidence[i] = p[place];
        this.judged.outcome[i] = this.correct[i];
        this.classwise.add(p, label, numbers);
      }
    }

    /** The errors that are resampled: their bins and what each sample adds to a gap. */
    get errors() {
      return [this.judged, ...(this.top ? [this.top] : [])];
    }
  }

  /** What samples and labels drawn from their probabilities add to the bins of every class. */
  class ClasswiseCounts {
    constructor({ n, C }) {
      this.n = n;
      this.cells = N_BINS * C;
      this.excess = new Float64Array(this.cells);
      this.squares = new Float64Array(this.cells);
      this.expected = new Float64Array(this.cells);
      this.counts = new Int32Array(N_RESAMPLES * this.cells);
      this.cellOf = new Int32Array(C);
      this.bounds = new Float64Array(C);
    }

    add(p, label, numbers) {
      const { excess, squares, expected, counts, cellOf, bounds, cells } = this;
      const C = cellOf.length;
      let total = 0;
      for (let c = 0; c < C; c++) {
        const cell = N_BINS * c + binOf(p[c]);
        const more = (c === label ? 1 : 0) - p[c];
        cellOf[c] = cell;
        excess[cell] += more;
        squares[cell] += more * more;
        expected[cell] += p[c];
        bounds[c] = total += p[c];
      }
      for (let r = 0; r < numbers.length; r++) {
        let [low, high] = [0, C - 1];
        while (low < high) {
          const middle = (low + high) >> 1;
          if (numbers[r] < bounds[middle]) high = middle;
          else low = middle + 1;
        }
        counts[r * cells + cellOf[low]]++;
      }
    }

    error(of) {
      let sum = 0;
      for (let cell = 0; cell < this.cells; cell++) sum += Math.abs(of(cell));
      return sum / this.n / (this.cells / N_BINS);
    }

    /** Compare the measured error with those of drawn labels. */
    test() {
      const errors = Float64Array.from({ length: N_RESAMPLES }, (_, r) => {
        const first = r * this.cells;
        return this.error((cell) => this.counts[first + cell] - this.expected[cell]);
      });
      return compareWithDraws(this.error((cell) => this.excess[cell]), errors);
    }

    /** Return the gaps of all classes, with the noise of drawn labels. */
    gaps(set, seed) {
      const { n, cells } = this;
      const draws = Math.max(100, Math.min(N_RESAMPLES, Math.floor(MOST_NOISE / cells)));
      const measured = this.excess.map((excess) => excess / n);
      const variance = this.squares.map((square, k) => (square / n - measured[k] ** 2) / n);
      const noise = new Float64Array(draws * cells);
      for (let r = 0, at = 0; r < draws; r++) {
        for (let k = 0; k < cells; k++, at++) noise[at] = (this.counts[at] - this.expected[k]) / n;
      }
      resampleSurprisingGaps(set, { measured, variance, noise, draws }, seed);
      const ofDrawn = new Float64Array(cells);
      for (let at = 0; at < noise.length; ) {
        for (let k = 0; k < cells; k++, at++) ofDrawn[k] += noise[at] ** 2 / draws;
      }
      const size = (gaps) => sum(gaps.map(Math.abs));
      const [totalOfDrawn, sizeOfMeasured] = [sum(ofDrawn), size(measured)];
      const excess = sum(variance) - totalOfDrawn;
      return new Gaps({
        measured,
        noise,
        scale: 1 / (cells / N_BINS),
        mostlyNoise: true,
        // The variance is that of drawn labels where the gaps are 0, and more where they grow.
        variance: (gaps) => {
          const share = size(gaps) / Math.max(sizeOfMeasured, 1e-300);
          const factor = Math.max(1 + (share * excess) / Math.max(totalOfDrawn, 1e-300), 0.25);
          return ofDrawn.map((value) => value * factor);
        },
      });
    }
  }

  /** Where labels occur that are hardly ever drawn, let resamples of the samples show the noise. */
  function resampleSurprisingGaps(set, { measured, variance, noise, draws }, seed) {
    const { n, C, p, rows, b } = set;
    const cells = measured.length;
    const surprising = [];
    for (let k = 0; k < cells; k++) {
      let square = 0;
      for (let r = 0; r < draws; r++) square += noise[r * cells + k] ** 2;
      const drawn = (square / draws) * n ** 2;
      const found = (variance[k] * n + measured[k] ** 2) * n;
      if (found > 4 * drawn && (found >= 10 || (drawn < 1e-3 && found > 0.5))) surprising.push(k);
    }
    if (surprising.length === 0) return;
    const rowOfCell = new Int32Array(cells).fill(-1);
    surprising.forEach((cell, row) => (rowOfCell[cell] = row));
    const bySample = Array.from({ length: n }, () => []);
    for (let i = 0; i < n; i++) {
      softmax(rows, i, b, p);
      for (let c = 0; c < C; c++) {
        const row = rowOfCell[N_BINS * c + binOf(p[c])];
        const excess = (c === rows.labels[i] ? 1 : 0) - p[c];
        if (row >= 0 && excess !== 0) bySample[i].push(row, excess);
      }
    }
    const random = uniform(seed);
    const sums = new Float64Array(surprising.length);
    for (let r = 0; r < draws; r++) {
      sums.fill(0);
      for (let drawn = 0; drawn < n; drawn++) {
        const added = bySample[Math.floor(random() * n)];
        for (let k = 0; k < added.length; k += 2) sums[added[k]] += added[k + 1];
      }
      surprising.forEach((cell, row) => (noise[r * cells + cell] = sums[row] / n - measured[cell]));
    }
  }

  function compareWithDraws(value, errors) {
    // Two errors that should be equal may differ by a rounding error.
    const asLarge = errors.reduce((count, error) => count + (error >= value - 1e-12), 0);
    const [low, high] = quantiles(errors, ENDS);
    const pValue = (1 + asLarge) / (1 + errors.length);
    return { value, pValue, floor: { value: mean(errors), low, high } };
  }

  /** Return count, number of right samples and sum of the confidences of every bin. */
  function countIntoBins({ confidence, outcome }) {
    const bins = Array.from({ length: N_BINS }, () => ({ count: 0, correct: 0, confidence: 0 }));
    const ofSample = new Uint8Array(confidence.length);
    confidence.forEach((p, i) => {
      const bin = bins[(ofSample[i] = binOf(p))];
      bin.count++;
      bin.correct += outcome[i];
      bin.confidence += p;
    });
    return { bins, ofSample };
  }

  const sizeOfGaps = (bins, n) =>
    bins.reduce((sum, bin) => sum + Math.abs(bin.correct - bin.confidence), 0) / n;

  /** Draw which samples are right if the confidences are calibrated, and count them in the bins. */
  function drawnCounts({ confidence }, { bins, ofSample }, seed) {
    const random = uniform(seed);
    const n = confidence.length;
    const correct = bins.map(() => new Float64Array(N_RESAMPLES));
    for (let r = 0; r < N_RESAMPLES; r++) {
      for (let i = 0; i < n; i++) if (random() < confidence[i]) correct[ofSample[i]][r]++;
    }
    return correct;
  }

  /** Return bins with the band in which the share of right samples is in 95% of all draws. */
  const withBands = (bins, drawn) =>
    bins.map((bin, k) => {
      return { ...bin, band: quantiles(drawn[k], ENDS).map((end) => end / bin.count) };
    });

  /** Compare the ECE with those of the drawn counts. */
  function calibrationTest(bins, n, drawn) {
    const errors = Float64Array.from({ length: N_RESAMPLES }, (_, r) => {
      return bins.reduce((sum, bin, k) => sum + Math.abs(drawn[k][r] - bin.confidence), 0) / n;
    });
    return compareWithDraws(sizeOfGaps(bins, n), errors);
  }

  /** Return the gaps of an ECE, with the noise that the sums on resamples show. */
  function binnedGaps(bins, n, resampled) {
    const measured = Float64Array.from(bins, (bin) => (bin.correct - bin.confidence) / n);
    const noise = resampled.map((sum, at) => sum / n - measured[at % N_BINS]);
    const variance = (gaps) =>
      gaps.map((gap, k) => {
        const { count, confidence } = bins[k];
        if (count === 0) return 0;
        const [least, residual] = [0.5 / count, (gap * n) / count];
        const accuracy = Math.min(Math.max(confidence / count + residual, least), 1 - least);
        const ofResiduals = accuracy * (1 - accuracy) + residual ** 2;
        return Math.max((count / n) * ofResiduals - gap ** 2, 0) / n;
      });
    return new Gaps({ measured, noise, scale: 1, variance });
  }

  /** Resample the samples of all sets alike, and return the means and the gaps of every set. */
  function resample(sets, seed, onProgress) {
    const n = sets[0].n;
    const means = sets.flatMap((set) => [set.correct, set.nll, set.brier]);
    const errors = sets.flatMap((set) => set.errors);
    const counted = errors.map(countIntoBins);
    // What belongs to one sample lies together in memory, because samples are drawn at random.
    const width = means.length + errors.length;
    const table = new Float64Array(n * width);
    const bins = new Uint8Array(n * errors.length);
    for (let i = 0; i < n; i++) {
      means.forEach((column, k) => (table[i * width + k] = column[i]));
      errors.forEach(({ outcome, confidence }, k) => {
        table[i * width + means.length + k] = outcome[i] - confidence[i];
        bins[i * errors.length + k] = counted[k].ofSample[i];
      });
    }
    const random = uniform(seed);
    const resampledMeans = means.map(() => new Float64Array(N_RESAMPLES));
    const sums = errors.map(() => new Float64Array(N_RESAMPLES * N_BINS));
    const total = new Float64Array(means.length);
    for (let r = 0; r < N_RESAMPLES; r++) {
      if (r % 50 === 0) onProgress(r / N_RESAMPLES);
      total.fill(0);
      for (let drawn = 0; drawn < n; drawn++) {
        const i = Math.floor(random() * n);
        const first = i * width;
        for (let k = 0; k < total.length; k++) total[k] += table[first + k];
        for (let k = 0; k < errors.length; k++) {
          const bin = bins[i * errors.length + k];
          sums[k][r * N_BINS + bin] += table[first + total.length + k];
        }
      }
      total.forEach((sum, k) => (resampledMeans[k][r] = sum / n));
    }
    return { means, resampledMeans, errors, counted, sums };
  }

  const withEnds = (value, draws) => {
    const [low, high] = quantiles(draws, ENDS);
    return { value, low, high };
  };

  function intervalOfError(gaps) {
    const [low, high] = endsOfError(gaps);
    const { value } = gaps;
    return {
      value,
      low: Math.max(0, Math.min(low, value)),
      high: Math.max(value, Math.min(high, 1)),
    };
  }

  function intervalOfChange(before, after) {
    const value = after.value - before.value;
    const [low, high] = endsOfChange(before, after);
    return {
      value,
      low: Math.min(Math.max(low, -1), value),
      high: Math.max(Math.min(high, 1), value),
    };
  }

  /**
   * Measure the logits of a test set and, with a temperature, the scaled logits.
   *
   * onProgress gets the share of the work that is done.
   */
  function evaluate(rows, temperature = null, { seed = 0, onProgress = () => {} } = {}) {
    const sets = [1, ...(temperature === null ? [] : [1 / temperature])].map(
      (b) => new MeasuredSet(rows, b)
    );
    const random = uniform(seed + 1);
    const numbers = new Float64Array(rows.C === 2 ? 0 : N_RESAMPLES);
    for (let i = 0; i < rows.n; i++) {
      if (i % 500 === 0) onProgress((0.6 * i) / rows.n);
      for (let r = 0; r < numbers.length; r++) numbers[r] = random();
      for (const set of sets) set.add(i, numbers);
    }
    const found = resample(sets, seed + 2, (share) => onProgress(0.6 + 0.2 * share));
    const { means, resampledMeans, errors, counted, sums } = found;
    const gaps = counted.map(({ bins }, k) => binnedGaps(bins, rows.n, sums[k]));
    const perSet = errors.length / sets.length;
    const classwise = sets.map((set) => set.classwise && set.classwise.gaps(set, seed + 3));
    onProgress(0.9);
    const areCrowded =
      rows.C === 2 && sets.some((_, s) => groups.areCrowded(counted[s * perSet].bins));
    const names = ["accuracy", "nll", "brier"];
    const values = sets.map((set, s) => {
      const measured = {};
      names.forEach((name, k) => {
        const at = s * names.length + k;
        measured[name] = withEnds(mean(means[at]), resampledMeans[at]);
      });
      const { bins } = counted[s * perSet];
      const drawn = drawnCounts(set.judged, counted[s * perSet], seed + 4);
      const test = calibrationTest(bins, rows.n, drawn);
      measured.ece = intervalOfError(gaps[s * perSet]);
      measured.noiseFloor = test.floor;
      measured.pValue = test.pValue;
      if (set.top) measured.topLabelEce = intervalOfError(gaps[s * perSet + 1]);
      if (set.classwise) {
        const ofClasses = set.classwise.test();
        measured.classwiseEce = intervalOfError(classwise[s]);
        measured.classwiseNoiseFloor = ofClasses.floor;
        measured.classwisePValue = ofClasses.pValue;
      }
      measured.confidentErrors = self.confident.find(set.top ?? set.judged);
      measured.bins = withBands(bins, drawn);
      if (areCrowded) {
        const grouped = groups.inGroups(set.judged);
        measured.groups = withBands(grouped.bins, drawnCounts(set.judged, grouped, seed + 5));
      }
      return measured;
    });
    const [before, after = null] = values;
    const drawn = { names, resampledMeans, gaps, perSet, classwise };
    const change = after && changeOf(values, drawn);
    onProgress(1);
    const counts = new Float64Array(rows.C);
    for (const label of rows.labels) counts[label]++;
    const majority = Math.max(...counts) / rows.n;
    const onlyLabel = majority === 1 && rows.n > 1 ? rows.labels[0] : null;
    const signs = { majority, onlyLabel, exchanged: self.exchanged.find(rows) };
    return { n: rows.n, C: rows.C, nBins: N_BINS, ...signs, before, after, change };
  }

  function changeOf([before, after], { names, resampledMeans, gaps, perSet, classwise }) {
    const change = {};
    names.forEach((name, k) => {
      const [first, second] = [resampledMeans[k], resampledMeans[names.length + k]];
      change[name] = withEnds(
        after[name].value - before[name].value,
        second.map((value, r) => value - first[r])
      );
    });
    change.ece = intervalOfChange(gaps[0], gaps[perSet]);
    if (before.topLabelEce) change.topLabelEce = intervalOfChange(gaps[1], gaps[perSet + 1]);
    if (before.classwiseEce) change.classwiseEce = intervalOfChange(...classwise);
    return change;
  }

  self.measure = { evaluate, binOf };
};
