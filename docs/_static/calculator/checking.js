// Checks of the scores of a file, as calibkit's _command_line/checking.py makes them.
(self.calculatorParts ??= {}).checking = function () {
  "use strict";

  const { sentences } = self;
  const { BadValue } = self.refusals;
  const { shortly } = self.names;
  // As in calibkit's _command_line/checking.py: what a probability of 0 counts as.
  const [PART, FLOOR] = [0.01, 1e-12];
  const LARGEST = 1e100;
  // A little less than what the library accepts, so that both readers decide alike.
  const EXACT = 0.95e-3;
  const MOST_DECIMALS = 6;
  // Rounding does not move the sum of two probabilities so far from 1.
  const FAR_FROM_1 = 0.02;
  // Of so many probabilities, some are neither 0 nor 1.
  const LEAST_ANSWERS = 20;
  // So many standard errors are more than chance.
  const CLEAR = 3;
  // The name of a box of the page.
  const BOX = '"These are probabilities, not logits"';
  const ARE_PROBABILITIES = `tick ${BOX} if they are`;

  function checkFinite(data, name, { n, width, place }, labels) {
    let [nWrong, first, isMasked, largest] = [0, -1, true, 0];
    for (let i = 0, at = 0; i < n; i++) {
      let wrong = false;
      for (let c = 0; c < width; c++, at++) {
        const value = data[at];
        if (!Number.isFinite(value)) {
          wrong = true;
          if (value !== -Infinity) isMasked = false;
        } else largest = Math.max(largest, Math.abs(value));
      }
      if (wrong && nWrong++ === 0) first = i;
    }
    const advice = sentences.LOOK_AT_THE_MODEL({});
    if (nWrong) {
      const isZero = labels.some((label, i) => width > 1 && data[i * width + label] === -Infinity);
      const way = sentences[isZero ? "LOG_OF_ZERO" : "MASKED_CLASSES"]({});
      const more = isMasked && name === "logits" ? `, or ${way}` : "";
      const words = { name, n_wrong: nWrong, n, place: place(first), advice: advice + more };
      throw new BadValue(sentences.NOT_FINITE(words));
    }
    if (largest > LARGEST) {
      const words = { name, most: "1e+100", found: largest.toPrecision(6), advice };
      throw new BadValue(sentences.TOO_LARGE(words));
    }
  }

  /** Return the lowest and the highest value, and the lowest and the highest sum of a row. */
  function extremes(data, n, width) {
    const found = { lowest: Infinity, highest: -Infinity, least: Infinity, most: -Infinity };
    for (let i = 0, at = 0; i < n; i++) {
      let sum = 0;
      for (let c = 0; c < width; c++, at++) {
        sum += data[at];
        found.lowest = Math.min(found.lowest, data[at]);
        found.highest = Math.max(found.highest, data[at]);
      }
      found.least = Math.min(found.least, sum);
      found.most = Math.max(found.most, sum);
    }
    return found;
  }

  /** Refuse scores that are answers. A few probabilities may be rounded to 0 and 1. */
  function refuseAnswers(data, n) {
    const areAnswers = data.every((score) => score === 0 || score === 1);
    if (n < LEAST_ANSWERS || !areAnswers || !data.includes(0) || !data.includes(1)) return;
    throw new BadValue(sentences.ONLY_ANSWERS({}), "scores");
  }

  const isInside = ({ lowest, highest }) => lowest >= -1e-6 && highest <= 1 + 1e-6;

  const sumsTo1 = ({ least, most }, half) => {
    const tolerance = half ? 1e-2 : 1e-3;
    return least > 1 - tolerance && most < 1 + tolerance;
  };

  /** Return a number as Python's format .4g writes it, or with another number of digits. */
  function short(value, digits = 4) {
    const number = Number(value.toPrecision(digits));
    const size = Math.abs(number);
    if (size === 0 || (size >= 1e-4 && size < 1e4)) return String(number);
    return number.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
  }

  /** Return how far from 1 the rows may sum to, if each number was rounded. */
  function toleranceOf(data, width) {
    for (let digits = 1; digits <= MOST_DECIMALS; digits++) {
      const unit = 10 ** digits;
      if (data.every((p) => Math.abs(p * unit - Math.round(p * unit)) < 1e-3)) {
        return Math.min(0.5, (width * 0.5) / unit) + 1e-6;
      }
    }
    return 0;
  }

  /** Refuse what are no probabilities, and return whether each row is to be divided by its sum. */
  function checkProbabilities(data, n, width, { half, place, areOutcomes, isTicked }) {
    const found = extremes(data, n, width);
    if (width === 1 && isInside(found)) return false;
    const { lowest, highest, least, most } = found;
    const tolerance = width === 1 || half ? 0 : toleranceOf(data, width);
    const furthest = Math.max(1 - least, most - 1);
    if (furthest > EXACT && furthest <= tolerance && lowest >= 0 && highest <= 1) return true;
    if (isInside(found) && sumsTo1(found, half)) return false;
    if (width > 1 && lowest >= 0) refuseFewRows(data, n, width, Math.max(EXACT, tolerance), place);
    const rounded = Object.entries(found).map(([key, value]) => [key, short(value)]);
    const words = Object.fromEntries(rounded);
    const percentages = found.lowest >= 0 && found.highest > 1 && found.highest <= 100;
    const untick = isTicked ? `do not tick ${BOX}, and ` : "";
    let advice = `if these are logits, ${untick}call them logits`;
    if (percentages) advice = "if these are percentages, divide them by 100";
    else if (mayBeModels(data, n, width, areOutcomes)) advice = sentences.MODELS({});
    else if (areNoClasses(data, n, width)) advice = sentences.SIGMOIDS({});
    const sentence = width === 1 ? sentences.NO_EVENTS : sentences.NO_PROBABILITIES;
    throw new BadValue(sentence({ ...words, advice }), percentages ? null : "probabilities");
  }

  const sumOfRow = (data, i, width) =>
    data.subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0);

  /** Say whether columns may hold the probability of one event by several models. */
  const mayBeModels = (data, n, width, areOutcomes) =>
    areNoClasses(data, n, width) && (areOutcomes || width === 2);

  /** Say whether columns hold probabilities, but not those of the classes of one model. */
  function areNoClasses(data, n, width) {
    if (width === 1 || !data.every((p) => p >= 0 && p <= 1)) return false;
    let nFar = 0;
    for (let i = 0; i < n; i++) {
      if (Math.abs(sumOfRow(data, i, width) - 1) > FAR_FROM_1) nFar++;
    }
    return nFar > n / 2;
  }

  /** Refuse columns whose names name no label, if they seem to come from several models. */
  function refuseModels(names, data, labels) {
    if (new Set(labels).size !== 2 || labels.some((label) => label > 1)) return;
    if (self.strays.areNumbered(names) || !tellOfOneEvent(data, labels, names.length)) return;
    const advice =
      "untick all but one of them, or press Calibrate again if they are the classes of one model";
    throw new BadValue(sentences.SEVERAL_MODELS({ names: shortly(names), advice }), "ticks");
  }

  /**
   * Say whether each column tells of label 1, and one of them as well as their difference. The
   * scores of two classes of one model tell more by their difference than each of them alone,
   * whatever was added to both.
   */
  function tellOfOneEvent(data, labels, width) {
    const n = labels.length;
    const n1 = labels.reduce((sum, label) => sum + label, 0);
    const chance = Math.sqrt((n + 1) / (12 * n1 * (n - n1)));
    const column = (c) => Float64Array.from(labels, (_, i) => data[i * width + c]);
    const columns = Array.from({ length: width }, (_, c) => column(c));
    const areas = columns.map((values) => areaUnderCurve(values, labels));
    const [zeros, ones] = columns;
    const between = areaUnderCurve(ones.map((value, i) => value - zeros[i]), labels);
    return Math.min(...areas) > 0.5 + CLEAR * chance && between <= Math.max(...areas);
  }

  /** Return how often a sample of class 1 has a higher value than one of class 0. */
  function areaUnderCurve(values, labels) {
    const n = labels.length;
    const order = Uint32Array.from(labels, (_, i) => i).sort((a, b) => values[a] - values[b]);
    let [n1, above] = [0, 0];
    for (let first = 0, end = 0; first < n; first = end) {
      let ones = 0;
      while (end < n && values[order[end]] === values[order[first]]) ones += labels[order[end++]];
      const zeros = end - first - ones;
      const zerosBelow = first - n1;
      above += ones * (zerosBelow + zeros / 2);
      n1 += ones;
    }
    return above / (n1 * (n - n1));
  }

  /** Say which row does not sum to 1, if most of them do. */
  function refuseFewRows(data, n, width, tolerance, place) {
    const sumOf = (i) => sumOfRow(data, i, width);
    const wrong = [];
    for (let i = 0; i < n; i++) if (Math.abs(sumOf(i) - 1) > tolerance) wrong.push(i);
    if (wrong.length === 0 || wrong.length >= n / 2) return;
    const [first] = wrong;
    const words = { place: place(first), sum: short(sumOf(first)), n_wrong: wrong.length, n };
    throw new BadValue(sentences.WRONG_SUM(words));
  }

  function refuseProbabilities(data, n, width, { half, areOutcomes }) {
    const found = extremes(data, n, width);
    const advice =
      `${ARE_PROBABILITIES}, or subtract 1 from all of them if they are logits, which changes no ` +
      "probability";
    if (width > 1 && n > 2 && isInside(found) && sumsTo1(found, half)) {
      const sentence = sentences.ARE_PROBABILITIES({ advice: ARE_PROBABILITIES });
      throw new BadValue(sentence, "probabilities");
    }
    const why = self.disguises.find(data, n, width);
    const ofOne = sentences.ONE_COLUMN_IN_0_1({ advice: `tick ${BOX}` });
    if (why) {
      const scale = why.match(/\[0, (\d{2,})\]/)?.[1];
      const words = { why, advice: width === 1 ? ofOne : advice };
      if (scale) words.advice = `divide them by ${scale} and tick ${BOX} if they are`;
      else if (mayBeModels(data, n, width, areOutcomes)) {
        words.advice =
          `${sentences.MODELS({})}, or, if they are logits, subtract 1 from all of them`;
      }
      throw new BadValue(sentences.LOOK_LIKE_PROBABILITIES(words), "probabilities");
    }
  }

  /** Return a binary logit z as the row (0, z). */
  function beside0(z) {
    const rows = new z.constructor(2 * z.length);
    for (let i = 0; i < z.length; i++) rows[2 * i + 1] = z[i];
    return rows;
  }

  /** Return what a probability of 0 counts as, which is less than any other in the file. */
  function floorOf(p) {
    let least = 1;
    for (const value of p) if (value > 0 && value < least) least = value;
    return least < 1 ? Math.max(PART * least, Number.MIN_VALUE) : FLOOR;
  }

  /**
   * Return {logits, floors, zeros} of probabilities. `floors` holds what a probability of 0 counts
   * as, and for a single column also what its distance from 1 counts as. `zeros` tells which
   * probabilities are 0: {nValues, floor, n, nZero, nOfLabel}.
   */
  function asLogarithms(p, width, labels) {
    const sides = width === 1 ? [p, Float64Array.from(p, (value) => 1 - value)] : [p];
    const floors = sides.map(floorOf);
    const [yes, no] = sides.map((side, k) => side.map((x) => Math.log(Math.max(x, floors[k]))));
    const logits = width === 1 ? beside0(Float64Array.from(yes, (z, i) => z - no[i])) : yes;
    const counts = sides.map((side) => side.reduce((n, value) => n + (value <= 0 ? 1 : 0), 0));
    const found = floors.filter((_, k) => counts[k]).map((floor) => short(floor, 2));
    const isZero = (i, c) => (width === 1 ? sides[1 - c][i] : p[i * width + c]) <= 0;
    const classes = Array.from({ length: Math.max(width, 2) }, (_, c) => c);
    const zeros = {
      nValues: counts.reduce((a, b) => a + b), floor: [...new Set(found)].join(" or "),
      n: labels.length, nZero: 0, nOfLabel: 0,
    };
    labels.forEach((label, i) => {
      if (classes.some((c) => isZero(i, c))) zeros.nZero++;
      if (isZero(i, label)) zeros.nOfLabel++;
    });
    return { logits, floors, zeros };
  }

  self.checking = {
    checkFinite, refuseAnswers, checkProbabilities, refuseProbabilities, refuseModels, beside0,
    asLogarithms,
  };
};
