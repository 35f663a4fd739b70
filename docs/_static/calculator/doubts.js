// What makes the results doubtful, as calibkit's reports/_doubts.py says it.
(self.calculatorParts ??= {}).doubts = function () {
  "use strict";

  const { sentences } = self;
  const { percent, short, htmlOf } = self.measures;
  const { isCalibrated, isShift, isWorse } = self.errors;
  // What makes a temperature doubtful, as in calibkit's reports/_doubts.py.
  const [LARGEST, SMALLEST, WIDEST, LEAST_GAIN, LEAST_SAMPLES] = [10, 0.1, 10, 0.1, 100];
  const MANY_ZEROS = 0.01;
  // More exchanged classes than this are not all named.
  const MOST_NAMED = 6;

  /** Return which sentence says what is strange about the temperature, or null. */
  function doubtOf({ fit, report }) {
    const { temperature, interval: [low, high] } = fit;
    const accuracy = report.before.accuracy.value;
    const isWide = high > WIDEST * low;
    const isChance = accuracy - report.majority < LEAST_GAIN * (1 - report.majority);
    // If a usual T may be 1, the labels may fit the logits: few samples make all this uncertain.
    const fitsNot = temperature > LARGEST || (isWide && !(low <= 1 && 1 <= high));
    if (isChance && fitsNot) return "UNRELATED";
    if (temperature > LARGEST) return "LARGE_TEMPERATURE";
    if (isWide) return "UNCERTAIN_TEMPERATURE";
    return temperature < SMALLEST ? "SMALL_TEMPERATURE" : null;
  }

  /** Say what makes the results doubtful: a strange temperature, or very few samples. */
  function warnings(found) {
    const { fit, report } = found;
    const { temperature, interval } = fit;
    const [t, low, high] = [temperature, ...interval].map(short);
    const accuracy = percent(report.before.accuracy.value);
    const isBetter = report.before.accuracy.value > report.majority;
    const better = isBetter ? "hardly better" : "not better";
    const shares = { accuracy, majority: percent(report.majority), better };
    const words = { temperature: t, low, high, ...shares };
    const name = doubtOf(found);
    const n = Math.min(fit.n, report.n);
    return [
      ...(found.nShared ? [sharedSamples(found)] : []),
      ...copies(found),
      ...manyZeros(found),
      ...(name ? [sentences[name](words)] : []),
      ...exchanged(report),
      ...oneClass(report),
      ...(n < LEAST_SAMPLES ? [sentences.FEW_SAMPLES({ n, least: LEAST_SAMPLES })] : []),
      ...confidentErrors(report),
      ...nllRises(found),
      ...shiftRemains(found),
    ];
  }

  /** Warn of wrong answers at a very high confidence, where no test has found another error. */
  function confidentErrors({ before, after }) {
    return [["Before scaling", before], ["After scaling", after]]
      .filter(([, values]) => values.confidentErrors && isCalibrated(values))
      .map(([when, { confidentErrors: { above, nWrong, n, expected } }]) =>
        sentences.CONFIDENT_ERRORS({
          when,
          n,
          n_wrong: nWrong,
          confidence: `${Number((100 * above).toPrecision(6))}%`,
          expected: expected < 0.1 ? "fewer than 0.1" : `about ${expected.toFixed(1)}`,
        })
      );
  }

  const isMuch = (count, { n }) => count > 0 && count >= MANY_ZEROS * n;

  /** Say whether T depends so much on what stands for 0 that it is of no use. */
  const isLost = ({ zeros }) => zeros !== null && isMuch(zeros.nOfLabel, zeros);

  /** Warn of probabilities of 0, for which a small number stands. */
  function manyZeros(found) {
    const { zeros } = found;
    if (zeros === null || !isMuch(zeros.nZero, zeros)) return [];
    const { n, nZero, nOfLabel, floor } = zeros;
    const name = isLost(found) ? "ZEROS_OF_LABELS" : "ZEROS";
    return [sentences[name]({ n, n_zero: nZero, n_of_label: nOfLabel, floor })];
  }

  /** Warn of an error that no temperature corrects. */
  function shiftRemains(found) {
    const { report } = found;
    const isLeft = !whyNoVerdict(found) && !isSpoilt(found) && isShift(report.after, report.C);
    return isLeft ? [sentences.SHIFT_REMAINS({})] : [];
  }

  /** Warn of a temperature without which the model is better, unless it may be 1. */
  function nllRises(found) {
    const { value, low, high } = found.report.change.nll;
    if (whyNoVerdict(found) || mayBe1(found) || low <= 0) return [];
    const [rise, least, most] = [value, low, high].map((number) => number.toFixed(3));
    const words = { value: rise, low: least, high: most, leave: sentences.LEAVE_UNSCALED({}) };
    return [sentences.NLL_RISES(words)];
  }

  /** Say whether the model is better without the temperature. */
  const isSpoilt = (found) => isWorse(found.report) || nllRises(found).length > 0;

  const htmlWarnings = (found) =>
    warnings(found)
      .map((text) => `<p class="cc-refusal"><strong>Warning:</strong> ${htmlOf(text)}</p>`)
      .join("");

  /** Return what speaks for exchanged classes, in sentences. */
  function exchanged({ C, exchanged: rings }) {
    if (C === 2) return rings.map(() => sentences.WRONG_WAY_ROUND({}));
    return rings.map((ring) => {
      const [a, b] = ring;
      if (ring.length === 2) return sentences.EXCHANGED({ a, b });
      const more = ring.length > MOST_NAMED ? ["..."] : [];
      const named = [...ring].sort((one, other) => one - other).slice(0, MOST_NAMED);
      const names = [...named, ...more].join(", ");
      return sentences.OTHER_ORDER({ n: ring.length, names });
    });
  }

  /** Warn of a test of one class only, whose samples may have been chosen by their label. */
  const oneClass = ({ n, onlyLabel: label }) =>
    label === null ? [] : [sentences.ONE_CLASS_IN_TEST({ n, label })];

  /** Return why the samples allow no verdict, as a sentence, or null. */
  function whyNoVerdict(found) {
    if (doubtOf(found) === "UNRELATED") return sentences.NO_VERDICT({});
    if (exchanged(found.report).length > 0) return sentences.NO_VERDICT_WHEN_EXCHANGED({});
    return isLost(found) ? sentences.NO_VERDICT_WITH_ZEROS({}) : null;
  }

  /** Say whether the samples of the fit leave open in which direction the model errs. */
  function mayBe1(found) {
    const [low, high] = found.fit.interval;
    return low <= 1 && 1 <= high && !whyNoVerdict(found);
  }

  /** Say whether T may be 1 although the unscaled model errs. */
  const isOpen = (found) => mayBe1(found) && !isCalibrated(found.report.before);

  /** Say what to do if T may be 1. */
  const on1 = (found) => sentences[isOpen(found) ? "NO_DIRECTION" : "NEED_NOT_SCALE"]({});

  /** Say in which direction the model errs, if the interval of T settles it. */
  function outside1(found) {
    if (whyNoVerdict(found) || mayBe1(found)) return [];
    const { C, before, after } = found.report;
    const isAbove = found.fit.interval[0] > 1;
    const how = sentences[isAbove ? "OVERCONFIDENT" : "UNDERCONFIDENT"]({});
    const isOfShift = [before, after].some((values) => isShift(values, C));
    const name = isOfShift ? "OUTSIDE_1_OF_A_SHIFT" : "OUTSIDE_1";
    return [sentences[name]({ how, side: isAbove ? "above" : "below" })];
  }

  const sharedSamples = ({ nShared, report }) =>
    `${nShared} of the ${report.n} test samples were also used to find T, so the test makes the ` +
    "model look better than it is.";

  const copies = (found) =>
    found.copies
      .filter(({ nCopies }) => nCopies > 0)
      .map(({ n, nCopies }) => sentences.COPIES({ n, n_copies: nCopies }));

  /** Say that no samples stand on both sides, or that this was not checked. */
  const unchecked = ({ isSplit, nShared, copies: found }) => {
    const none = "No sample of the test was also used to find T.";
    if (!isSplit) {
      if (nShared) return []; // There is a warning.
      const open =
        "It was not checked whether single samples of the test were also used to find T.";
      return [nShared === 0 ? none : open];
    }
    const haveCopies = found.some(({ nCopies }) => nCopies > 0);
    const open = haveCopies ? "copies stand on both sides" : "a sample stands in the file twice";
    const twice = nShared === null ? `${open}, or whether ` : "";
    return [
      "The temperature was fitted on every second row of the file and measured on the others. " +
        `${nShared === 0 ? `${none} ` : ""}It was not checked whether ${twice}rows belong ` +
        "together, such as two pictures of one thing. They may stand on both sides.",
    ];
  };

  self.doubts = {
    warnings, htmlWarnings, whyNoVerdict, mayBe1, isOpen, on1, outside1, shiftRemains, nllRises,
    isSpoilt, unchecked,
  };
};
