// Checks of the scores of a file, as calibkit's _command_line/checking.py makes them.
(self.calculatorParts ??= {}).checking = function () {
  "use strict";

  const { sentences } = self;
  const { BadValue } = self.refusals;
  // Smaller probabilities count as this one, because the logarithm of 0 is no number.
  const FLOOR = 1e-12;
  const LARGEST = 1e100;
  // A little less than what the library accepts, so that both readers decide alike.
  const EXACT = 0.95e-3;
  const MOST_DECIMALS = 6;
  // Rounding does not move the sum of two probabilities so far from 1.
  const FAR_FROM_1 = 0.02;
  // The name of a box of the page.
  const BOX = '"These are probabilities, not logits"';
  const ARE_PROBABILITIES = `tick ${BOX} if they are`;

  function checkFinite(data, name, n, width, place) {
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
      const more = isMasked && name === "logits" ? `, or ${sentences.MASKED_CLASSES({})}` : "";
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

  const isInside = ({ lowest, highest }) => lowest >= -1e-6 && highest <= 1 + 1e-6;

  const sumsTo1 = ({ least, most }, half) => {
    const tolerance = half ? 1e-2 : 1e-3;
    return least > 1 - tolerance && most < 1 + tolerance;
  };

  /** Return a number as Python's format .4g writes it. */
  function short(value) {
    const number = Number(value.toPrecision(4));
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
  function checkProbabilities(data, n, width, half, place) {
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
    let advice = `if these are logits, do not tick ${BOX}, and call them logits`;
    if (percentages) advice = "if these are percentages, divide them by 100";
    else if (mayBeModels(data, n, width)) advice = sentences.MODELS({});
    const sentence = width === 1 ? sentences.NO_EVENTS : sentences.NO_PROBABILITIES;
    throw new BadValue(sentence({ ...words, advice }), percentages ? null : "probabilities");
  }

  /** Say whether two columns hold probabilities that belong to no two classes of one model. */
  function mayBeModels(data, n, width) {
    if (width !== 2 || !data.every((p) => p >= 0 && p <= 1)) return false;
    let nFar = 0;
    for (let i = 0; i < n; i++) {
      if (Math.abs(data[2 * i] + data[2 * i + 1] - 1) > FAR_FROM_1) nFar++;
    }
    return nFar > n / 2;
  }

  /** Say which row does not sum to 1, if most of them do. */
  function refuseFewRows(data, n, width, tolerance, place) {
    const sumOf = (i) => data.subarray(i * width, (i + 1) * width).reduce((a, b) => a + b, 0);
    const wrong = [];
    for (let i = 0; i < n; i++) if (Math.abs(sumOf(i) - 1) > tolerance) wrong.push(i);
    if (wrong.length === 0 || wrong.length >= n / 2) return;
    const [first] = wrong;
    const words = { place: place(first), sum: short(sumOf(first)), n_wrong: wrong.length, n };
    throw new BadValue(sentences.WRONG_SUM(words));
  }

  function refuseProbabilities(data, n, width, half) {
    const found = extremes(data, n, width);
    const advice =
      `${ARE_PROBABILITIES}, or subtract 1 from all of them if they are logits, which changes no ` +
      "probability";
    if (width > 1 && n > 2 && isInside(found) && sumsTo1(found, half)) {
      const sentence = sentences.ARE_PROBABILITIES({ advice: ARE_PROBABILITIES });
      throw new BadValue(sentence, "probabilities");
    }
    const why = self.disguises.find(data, n, width);
    const ofOne = `${ARE_PROBABILITIES}, or save two columns if they are logits: 0 and the logit`;
    if (why) {
      const scale = why.match(/\[0, (\d{2,})\]/)?.[1];
      const words = { why, advice: width === 1 ? ofOne : advice };
      if (scale) words.advice = `divide them by ${scale} and tick ${BOX} if they are`;
      else if (mayBeModels(data, n, width)) {
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

  /** Return how many probabilities, or their complements, are raised to the smallest one. */
  function countRaised(p, width) {
    let n = 0;
    for (const value of p) {
      if (value < FLOOR) n++;
      if (width === 1 && 1 - value < FLOOR) n++;
    }
    return n;
  }

  function logitsOfEvents(p) {
    const z = Float64Array.from(p, (value) => {
      const [yes, no] = [Math.max(value, FLOOR), Math.max(1 - value, FLOOR)];
      return Math.log(yes) - Math.log(no);
    });
    return beside0(z);
  }

  self.checking = {
    FLOOR, checkFinite, checkProbabilities, refuseProbabilities, beside0, countRaised,
    logitsOfEvents,
  };
};
