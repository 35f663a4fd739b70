// Signs that logits are probabilities in disguise, as calibkit's _disguises.py finds them.
(self.calculatorParts ??= {}).disguises = function () {
  "use strict";

  const { sum } = self.statistics;
  const SAMPLE_SIZE = 1024;
  const ROUNDING = 1e-2;
  const MIN_ROWS = 5;
  // Percentages, the bytes of a quantised model, and per mille.
  const SCALES = [100, 255, 1000];
  const count = (values, holds) => values.reduce((n, value) => n + (holds(value) ? 1 : 0), 0);
  const isInside = (row) => row.every((x) => x >= -ROUNDING && x <= 1 + ROUNDING);

  function variance(values) {
    const mean = sum(values) / values.length;
    return sum(values.map((x) => (x - mean) ** 2)) / (values.length - 1);
  }

  /** Say what makes logits look like probabilities, as a clause, or return null. */
  function find(data, n, width) {
    const step = Math.max(1, Math.floor(n / SAMPLE_SIZE));
    const rows = [];
    for (let i = 0; i < n; i += step) {
      rows.push(Array.from(data.subarray(i * width, (i + 1) * width)));
    }
    const isPositive = (row) => row.every((x) => x >= -ROUNDING);
    if (rows.length < MIN_ROWS || count(rows, isPositive) < 0.5 * rows.length) return null;
    if (width === 1) return singleSigmoids(rows.map(([z]) => z));
    const mapped = (change) => rows.map((row) => row.map(change));
    const isLarge = rows.some((row) => row.some((x) => x > 1));
    // A one-hot row times a number is a way to write logits that are sure of their class.
    const isOneHot = rows.every((row) => count(row, (x) => x > 0) <= 1);
    for (const scale of isLarge && !isOneHot ? SCALES : []) {
      const said = `[0, ${scale}] and sum to nearly ${scale}`;
      const found = sumsTo1(mapped((x) => x / scale), said);
      if (found) return found;
    }
    return (
      sumsTo1(rows, "[0, 1] and sum to nearly 1") ||
      sumsTo1(mapped((x) => 1 - x), `[0, 1] and sum to nearly ${width - 1}`) ||
      sigmoids(rows, width)
    );
  }

  function sumsTo1(rows, said) {
    const [n, width] = [rows.length, rows[0].length];
    const tolerance = Math.min(0.1, 0.01 + 0.005 * width);
    const near = rows.filter((row) => isInside(row) && Math.abs(sum(row) - 1) <= tolerance);
    if (near.length < Math.max(MIN_ROWS, 0.5 * n)) return null;
    // The rounding of many classes makes the sums of rows vary more.
    const largest = width > 200 ? 0.5 : 0.1;
    const columns = near[0].map((_, c) => near.map((row) => row[c]));
    const spread = Math.sqrt(sum(columns.map(variance)));
    if (!(Math.sqrt(variance(near.map(sum))) < largest * spread)) return null;
    const share = near.length === n ? `all ${n} rows` : `${near.length} of ${n} rows`;
    return `${share} looked at are in ${said}`;
  }

  function sigmoids(rows, width) {
    const inside = rows.filter(isInside);
    if (rows.length * width < 60 || inside.length < 0.98 * rows.length) return null;
    const negative = sum(rows.map((row) => count(row, (x) => x < 0)));
    const columns = inside[0].map((_, c) => inside.map((row) => row[c]));
    const ends = (take) => columns.map((column) => column.reduce((a, b) => take(a, b)));
    const [lowest, highest] = [ends(Math.min), ends(Math.max)];
    const isConstant = highest.some((high, c) => high === lowest[c]);
    if (width === 2 && isConstant && Math.min(...lowest) === 0) return null;
    const isCrowded = (x, c) => x <= 0.05 * highest[c] && highest[c] > lowest[c];
    const crowded = sum(inside.map((row) => row.filter(isCrowded).length));
    const crowds = crowded >= Math.max(20, 0.02 * inside.length * width, 10 * negative);
    const range = highest.reduce((most, high, c) => Math.max(most, high - lowest[c]), 0);
    if (!crowds && range < (width > 3 ? 0.5 : 0.7)) return null;
    const { length: n } = rows;
    const share = inside.length === n ? "all rows" : `${inside.length} of ${n} rows`;
    return `${share} looked at lie in [0, 1]`;
  }

  function singleSigmoids(z) {
    const [low, high] = [Math.min(...z), Math.max(...z)];
    if (z.length >= 100 && low >= 0 && high <= 100 && high - low >= 50) {
      return "all lie in [0, 100], as percentages do";
    }
    const inside = count(z, (x) => isInside([x]));
    if (z.length < 20 || inside < 0.995 * z.length || z.every((x) => x === 0)) return null;
    return inside === z.length ? "all lie in [0, 1]" : `${inside} of ${z.length} lie in [0, 1]`;
  }

  self.disguises = { find };
};
