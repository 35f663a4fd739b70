// The errors that chance does not explain, and their direction, as calibkit's
// _command_line/verdicts.py finds them.
(self.calculatorParts ??= {}).errors = function () {
  "use strict";

  const { N_RESAMPLES } = self.measures;
  const LEVEL = 0.05;
  // As in calibkit's _command_line/verdicts.py.
  const CLEAR = 1.96;
  const CLOSE = 2;

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

  /** Return the p-value that decides the verdict, the smaller one of two tests, and its error. */
  const decisive = ({ pValue, classwisePValue }) =>
    classwisePValue < pValue
      ? { p: classwisePValue, error: "classwise ECE" }
      : { p: pValue, error: "ECE" };

  /** Say whether other random draws could reverse the verdict. */
  function isClose(values) {
    const { p } = decisive(values);
    const standardError = Math.sqrt((p * (1 - p)) / N_RESAMPLES);
    return Math.abs(p - findingsOf(values).limit) <= CLOSE * standardError;
  }

  const isCalibrated = (values) => findingsOf(values).errors.length === 0;

  /** Return the name of the sentence that says how the model errs. */
  function wayOf(values, C) {
    if (findingsOf(values).errors[0]?.[0] !== "ECE") return "MISCALIBRATED";
    return C === 2 ? directionOfEvent(values.bins) : directionOfConfidence(values.bins);
  }

  /** Say whether the model gives one event too high or too low a probability. */
  const isShift = (values, C) => wayOf(values, C).endsWith("ESTIMATES");

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

  /** Say whether only the scaled model shows an error. */
  const isWorse = ({ before, after }) => isCalibrated(before) && !isCalibrated(after);

  self.errors = {
    LEVEL, findingsOf, decisive, isClose, isCalibrated, wayOf, isShift, isWorse,
  };
};
