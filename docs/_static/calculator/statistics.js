// Random numbers, quantiles and answers. The same seed gives the same numbers in every browser.
(self.calculatorParts ??= {}).statistics = function () {
  "use strict";

  /** Return a function that draws whole numbers from 0 to 2^32 - 1 (Doty-Humphrey's sfc32). */
  function generator(seed) {
    let [a, b, c, counter] = [0, seed | 0, 0x9e3779b9, 1];
    function next() {
      const sum = (a + b + counter++) | 0;
      a = b ^ (b >>> 9);
      b = (c + (c << 3)) | 0;
      c = (((c << 21) | (c >>> 11)) + sum) | 0;
      return sum >>> 0;
    }
    for (let k = 0; k < 15; k++) next(); // The first numbers still look like the seed.
    return next;
  }

  /** Return a function that draws from the uniform distribution over [0, 1). */
  function uniform(seed) {
    const next = generator(seed);
    return () => next() / 2 ** 32;
  }

  /** Return a function that draws from the standard normal distribution (Box and Muller). */
  function normal(seed) {
    const random = uniform(seed);
    return () => {
      const radius = Math.sqrt(-2 * Math.log(1 - random()));
      return radius * Math.cos(2 * Math.PI * random());
    };
  }

  /** Return quantiles of some values, linear between two of them. */
  function quantiles(values, shares) {
    const ordered = Float64Array.from(values).sort();
    return shares.map((share) => {
      const place = share * (ordered.length - 1);
      const below = Math.floor(place);
      const above = Math.min(below + 1, ordered.length - 1);
      return ordered[below] + (place - below) * (ordered[above] - ordered[below]);
    });
  }

  function sum(values) {
    let total = 0;
    for (const value of values) total += value;
    return total;
  }

  const mean = (values) => sum(values) / values.length;

  /** Return the place of the largest score in a row, which is the model's answer. */
  function answerOf(data, width, row) {
    let answer = 0;
    for (let c = 1; c < width; c++) {
      if (data[row * width + c] > data[row * width + answer]) answer = c;
    }
    return answer;
  }

  self.statistics = { generator, uniform, normal, quantiles, sum, mean, answerOf };
};
