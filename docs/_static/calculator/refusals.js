// What is thrown for files that cannot be meant.
(self.calculatorParts ??= {}).refusals = function () {
  "use strict";

  /** Thrown for a file that holds what cannot be meant. `asks` is what the user can choose. */
  class BadFile extends Error {
    constructor(sentence, asks = null) {
      super(sentence);
      this.asks = asks;
    }
  }

  /** Thrown for values that cannot be meant. */
  class BadValue extends BadFile {}

  self.refusals = { BadFile, BadValue };
};
