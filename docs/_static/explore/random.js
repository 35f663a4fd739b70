// This script gives everyone the same random numbers.
"use strict";

/** Return a function that gives random numbers between 0 and 1, by Marsaglia's xorshift. */
window.randomNumbers = (seed) => {
  let state = seed;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
};
