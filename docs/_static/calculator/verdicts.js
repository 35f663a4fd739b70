// The verdicts on the calibration, as calibkit's _command_line/verdicts.py gives them.
(self.calculatorParts ??= {}).verdicts = function () {
  "use strict";

  const { sentences } = self;
  const { format, percent, pText, sharesOf, wordsOf } = self.measures;
  const { whyNoVerdict, mayBe1 } = self.doubts;
  const LEVEL = 0.05;
  // As in calibkit's _command_line/verdicts.py.
  const [WEAK, CLEAR] = [0.1, 1.96];

  function verdicts(found) {
    const why = whyNoVerdict(found);
    if (why) return [why];
    const { before, after, n } = found.report;
    const parts = [["Before scaling", before], ["After scaling", after]];
    if (parts.every(([, values]) => isCalibrated(values))) {
      return [notFound("Before and after scaling", n, before, after)];
    }
    const said = parts.map(([when, values]) =>
      isCalibrated(values) ? notFound(when, n, values) : errorFound(when, values, found)
    );
    return mayBe1(found) ? [sentences.NO_DIRECTION({}), ...said] : said;
  }

  /** Return the p-values that speak against a calibrated model, with the names of the errors. */
  function findingsOf({ ece, pValue, classwiseEce, classwisePValue }) {
    const tests = [
      ["ECE", ece.value, pValue],
      ["classwise ECE", classwiseEce?.value, classwisePValue],
    ].filter(([, , p]) => p !== undefined);
    // If there are two tests, each may reject half as often.
    const limit = LEVEL / tests.length;
    return { limit, errors: tests.filter(([, , p]) => p < limit) };
  }

  const isCalibrated = (values) => findingsOf(values).errors.length === 0;

  /** Say that the values show no error, and how large an error could still hide. */
  function notFound(when, n, ...values) {
    // Labels that fit unusually well may make the interval end below what chance can hide.
    const ends = [
      ...values.map(({ noiseFloor }) => [noiseFloor.high, "ECE if calibrated"]),
      ...values.map(({ ece }) => [ece.high, "ECE"]),
    ];
    const [high, row] = ends.reduce((most, end) => (end[0] > most[0] ? end : most));
    return sentences.CALIBRATED({ when, n, high: percent(high), row });
  }

  /** Say which errors are more than chance, and how the model errs. */
  function errorFound(when, values, found) {
    const { limit, errors } = findingsOf(values);
    const { how, isShift } = howItErrs(values, errors[0][0] === "ECE", found);
    const isWeak = Math.min(...errors.map(([, , p]) => p)) > WEAK * limit;
    const listed = errors.map(([name, value, p]) => {
      return `its ${name} of ${percent(value)} (p ${pText(p, "= ")})`;
    });
    const verb = errors.length > 1 ? "are" : "is";
    const words = { when, how, errors: listed.join(" and "), verb, limit };
    const said = sentences[isWeak ? "SOME_EVIDENCE" : "NOT_CALIBRATED"](words);
    if (when === "Before scaling") return said;
    if (isShift) return `${said} ${sentences.SHIFT_REMAINS({})}`;
    const ofOthers = found.isSplit ? "" : ` ${sentences.OTHER_DATA({})}`;
    return `${said} ${sentences.CHOOSE({})}${ofOthers}`;
  }

  /** Say how the model errs, and whether it gives an event too high or too low a probability. */
  function howItErrs({ bins }, isClear, found) {
    const isOfEvent = found.report.C === 2 && isClear;
    const way = isOfEvent ? directionOfEvent(bins) : directionOfConfidence(bins);
    if (way.endsWith("ESTIMATES")) {
      const { mean, rate } = sharesOf(bins);
      const shares = { mean: percent(mean), rate: percent(rate) };
      return { how: sentences[way]({ ...wordsOf(found.report), ...shares }), isShift: true };
    }
    const isKnown = isClear && !mayBe1(found);
    return { how: sentences[isKnown ? way : "MISCALIBRATED"]({}), isShift: false };
  }

  /** Say how the verdicts follow from the p-values. */
  function explanations(found) {
    if (whyNoVerdict(found)) return [];
    const { before, after } = found.report;
    return [testsOf("Before scaling", before), testsOf("After scaling", after)];
  }

  function testsOf(when, { ece, pValue, classwiseEce, classwisePValue }) {
    const p = `p ${pText(pValue, "= ")}`;
    const words = { when, ece: percent(ece.value), share: percent(pValue), p };
    if (classwisePValue === undefined) {
      return sentences.ONE_TEST({ ...words, level: format(LEVEL, "percent", 0) });
    }
    return sentences.TWO_TESTS({
      ...words,
      classwise_ece: percent(classwiseEce.value),
      classwise_share: percent(classwisePValue),
      classwise_p: `p ${pText(classwisePValue, "= ")}`,
      level: percent(LEVEL / 2),
    });
  }

  const gapsOf = (bins) =>
    bins.map(({ count, confidence, correct }) => ({
      gap: confidence - correct,
      // Labels that are drawn from the probabilities would have this variance.
      variance: confidence * (1 - confidence / Math.max(count, 1)),
      isLow: confidence < count / 2,
    }));

  const sumOf = (gaps) => gaps.reduce((sum, { gap }) => sum + gap, 0);
  const sizeOf = (gaps) => gaps.reduce((sum, { gap }) => sum + Math.abs(gap), 0);

  /** Say whether the model is too sure or not sure enough, if that is most of its error. */
  function directionOfConfidence(bins) {
    const gaps = gapsOf(bins);
    const sum = sumOf(gaps);
    if (Math.abs(sum) < sizeOf(gaps) / 2) return "MISCALIBRATED";
    return sum > 0 ? "OVERCONFIDENT" : "UNDERCONFIDENT";
  }

  /**
   * Say how P(y = 1) errs, if that is most of its error. An overconfident model errs outwards on
   * both sides of one half. If it errs to one side only, it over- or underestimates the event.
   */
  function directionOfEvent(bins) {
    const gaps = gapsOf(bins);
    const error = sizeOf(gaps);
    const low = clearSum(gaps.filter(({ isLow }) => isLow));
    const high = clearSum(gaps.filter(({ isLow }) => !isLow));
    if (low * high < 0 && Math.abs(high - low) >= error / 2) {
      return high > 0 ? "OVERCONFIDENT" : "UNDERCONFIDENT";
    }
    const shift = clearSum(gaps);
    if (shift === 0 || Math.abs(shift) < error / 2) return "MISCALIBRATED";
    return shift > 0 ? "OVERESTIMATES" : "UNDERESTIMATES";
  }

  /** Return the sum of the gaps, or 0 where chance alone may produce it. */
  function clearSum(gaps) {
    const variance = gaps.reduce((sum, gap) => sum + gap.variance, 0);
    const total = sumOf(gaps);
    return Math.abs(total) > CLEAR * Math.sqrt(variance) ? total : 0;
  }

  self.verdicts = { verdicts, explanations };
};
