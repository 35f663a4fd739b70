// The verdicts on the calibration, as calibkit's _command_line/verdicts.py gives them.
(self.calculatorParts ??= {}).verdicts = function () {
  "use strict";

  const { sentences } = self;
  const { N_RESAMPLES, format, percent, pText, isBound, sharesOf, wordsOf } = self.measures;
  const { whyNoVerdict, mayBe1, isOpen, on1, outside1, shiftRemains, nllRises } = self.doubts;
  const { LEVEL, findingsOf, decisive, isClose } = self.errors;
  const { isCalibrated, wayOf, isShift, isWorse } = self.errors;
  // As in calibkit's _command_line/verdicts.py.
  const WEAK = 0.1;

  function verdicts(found) {
    const why = whyNoVerdict(found);
    if (why) return [why];
    const { before, after } = found.report;
    const parts = [["Before scaling", before], ["After scaling", after]];
    const isPlain = (values) =>
      isCalibrated(values) && !isClose(values) && !values.confidentErrors;
    if (parts.every(([, values]) => isPlain(values))) {
      const ofPValues = parts.flatMap(([when, values]) => onPValue(when, values));
      const said = notFound("Before and after scaling", found, before, after);
      return [...ofTemperature(found), [said, ...ofPValues].join(" ")];
    }
    const said = parts.map(([when, values]) =>
      [verdict(when, values, found), ...onPValue(when, values)].join(" ")
    );
    return [...ofTemperature(found), ...said];
  }

  function verdict(when, values, found) {
    if (!isCalibrated(values)) return errorFound(when, values, found);
    if (values.confidentErrors) return sentences.ONLY_CONFIDENT_ERRORS({ when });
    return notFound(when, found, values);
  }

  /** Explain a p-value that other random draws could turn, or that seems to be small enough. */
  function onPValue(when, values) {
    const { p, error } = decisive(values);
    const { limit } = findingsOf(values);
    const words = { error, when: when.toLowerCase(), p: p.toFixed(3), limit: inWords(limit) };
    if (isClose(values)) return [sentences.CLOSE({ ...words, n: N_RESAMPLES })];
    return limit <= p && p < LEVEL ? [sentences.NOT_BELOW(words)] : [];
  }

  /** Say whether T may be 1, in the sentence that the verdicts follow. */
  const ofTemperature = (found) => (mayBe1(found) ? [on1(found)] : outside1(found));

  /** Say that the values show no error, and how large an error could still hide. */
  function notFound(when, found, ...values) {
    // One bin holds so many samples that the ECE says little of them.
    const isCrowded = found.report.before.groups !== undefined;
    if (isCrowded) return sentences.ONE_BIN({ when, ...wordsOf(found.report) });
    // Labels that fit unusually well may make the interval end below what chance can hide.
    const ends = [
      ...values.map(({ noiseFloor }) => [noiseFloor.high, "ECE if calibrated"]),
      ...values.map(({ ece }) => [ece.high, "ECE"]),
    ];
    const [high, row] = ends.reduce((most, end) => (end[0] > most[0] ? end : most));
    // "After scaling" alone says that T has corrected the error.
    const isUnseen = when !== "After scaling" && outside1(found).length > 0;
    const words = { when, n: found.report.n, high: percent(high), row };
    return sentences[isUnseen ? "UNSEEN" : "CALIBRATED"](words);
  }

  /** Say which errors are more than chance, and how the model errs. */
  function errorFound(when, values, found) {
    const { limit, errors } = findingsOf(values);
    const how = howItErrs(values, found);
    const isWeak = Math.min(...errors.map(([, , p]) => p)) > WEAK * limit;
    const listed = errors.map(([name, value, p]) => {
      return `its ${name} of ${percent(value)} (p ${pText(p, "= ")})`;
    });
    const verb = errors.length > 1 ? "are" : "is";
    const words = { when, how, errors: listed.join(" and "), verb, limit: inWords(limit) };
    if (isWorse(found.report)) {
      const before = `p ${pText(decisive(found.report.before).p, "= ")}`;
      return sentences.MADE_WORSE({ ...words, before, leave: sentences.LEAVE_UNSCALED({}) });
    }
    const said = sentences[isWeak ? "SOME_EVIDENCE" : "NOT_CALIBRATED"](words);
    const isLeft = shiftRemains(found).length || nllRises(found).length;
    if (when === "Before scaling" || isLeft) return said;
    // The sentence about T = 1 has said that another temperature need not help.
    const best = isOpen(found) ? [] : [sentences.ALREADY_BEST({})];
    const ofOthers = found.isSplit ? [] : [sentences.OTHER_DATA({})];
    return [said, ...best, sentences.CHOOSE({}), ...ofOthers].join(" ");
  }

  /** Say below which p-value an error is called more than chance. */
  const inWords = (limit) =>
    limit === LEVEL ? limit : sentences.LIMIT_OF_TWO_TESTS({ limit, level: LEVEL });

  /** Return a p-value as a share of test sets, of which the smallest one is only a bound. */
  const shareOf = (p) => (isBound(p) ? sentences.AT_MOST({ share: percent(p) }) : percent(p));

  /** Say how the model errs. */
  function howItErrs(values, found) {
    const way = wayOf(values, found.report.C);
    // If T may be 1, over- and underconfidence are both possible.
    const isOpen = mayBe1(found) && !isShift(values, found.report.C);
    const { mean, rate } = sharesOf(values.bins);
    const shares = { mean: percent(mean), rate: percent(rate) };
    return sentences[isOpen ? "MISCALIBRATED" : way]({ ...wordsOf(found.report), ...shares });
  }

  /** Say how the verdicts follow from the p-values. */
  function explanations(found) {
    if (whyNoVerdict(found)) return [];
    const { before, after } = found.report;
    return [testsOf("Before scaling", before), testsOf("After scaling", after)];
  }

  function testsOf(when, { ece, pValue, classwiseEce, classwisePValue }) {
    const p = `p ${pText(pValue, "= ")}`;
    const words = { when, ece: percent(ece.value), share: shareOf(pValue), p };
    if (classwisePValue === undefined) {
      return sentences.ONE_TEST({ ...words, level: format(LEVEL, "percent", 0) });
    }
    return sentences.TWO_TESTS({
      ...words,
      classwise_ece: percent(classwiseEce.value),
      classwise_share: shareOf(classwisePValue),
      classwise_p: `p ${pText(classwisePValue, "= ")}`,
      level: percent(LEVEL / 2),
    });
  }

  self.verdicts = { verdicts, explanations };
};
