"""Write the words that the calculator shares with calibkit into a script.

``python docs/make_calculator_words.py`` writes docs/_static/calculator/words.js: its
sentences, and the names that tell what an array or a column of a file holds.
"""

import json
from pathlib import Path

from calibkit import _result_sentences, _sentences
from calibkit._command_line import card, names, strays

SCRIPT = Path(__file__).parent / "_static" / "calculator" / "words.js"
CODE = """\
// made by docs/make_calculator_words.py
(self.calculatorParts ??= {}).words = function () {
  "use strict";

  const sentences = %(sentences)s;
  const patterns = %(patterns)s;

  self.cardTexts = {
    meanings: %(meanings)s,
    meaningsOfTwoClasses: %(meaningsOfTwoClasses)s,
    accuracyOfEvent: %(accuracyOfEvent)s,
    ofAnotherModel: %(ofAnotherModel)s,
    endsAtValue: %(endsAtValue)s,
    limits: %(limits)s,
  };

  /** Return a function that fills in the names in braces. */
  const filled = (sentence) => (values) =>
    sentence.replace(/\\{(\\w+)\\}/g, (_, name) => String(values[name]));

  self.sentences = Object.fromEntries(
    Object.entries(sentences).map(([name, sentence]) => [name, filled(sentence)])
  );
  self.patterns = Object.fromEntries(
    Object.entries(patterns).map(([name, pattern]) => [name, new RegExp(pattern, "i")])
  );
};
"""


def make_script() -> str:
    """Return the script with all sentences and names."""
    every = vars(_sentences) | vars(_result_sentences)
    sentences = {name: text for name, text in every.items() if name.isupper()}
    sentences |= {"DIAGRAM": card.DIAGRAM, "DIAGRAM_IN_WORDS": card.DIAGRAM_IN_WORDS}
    whole = {
        "labels": names.LABELS,
        "right": names.RIGHT,
        "events": names.EVENTS,
        "set": names.SET,
        "split": names.SPLIT,
        "trained": names.TRAINED,
        "oneHot": names.ONE_HOT,
        "labelNumbers": names.LABEL_NUMBERS,
        "logits": names.LOGITS,
        "confidence": names.CONFIDENCE,
        "probabilities": names.PROBABILITIES,
        "endInProb": names.END_IN_PROB,
        "numbersOfSamples": strays.NUMBERS_OF_SAMPLES,
        "predictions": strays.PREDICTIONS,
    }
    patterns = {name: f"^(?:{pattern.pattern})$" for name, pattern in whole.items()}
    patterns["beforeClass"] = names.BEFORE_CLASS.pattern
    patterns["beforeEvent"] = f"^{names.BEFORE_EVENT.pattern}"
    patterns["beforePositive"] = f"^{names.BEFORE_POSITIVE.pattern}"
    for which, pattern in names.OF_SET.items():
        patterns[f"{which}Set"] = f"^(?:{pattern.pattern})$"
    words = {
        "sentences": sentences,
        "patterns": patterns,
        "meanings": card.MEANINGS,
        "meaningsOfTwoClasses": card.MEANINGS_OF_TWO_CLASSES,
        "accuracyOfEvent": card.ACCURACY_OF_EVENT,
        "ofAnotherModel": card.OF_ANOTHER_MODEL,
        "endsAtValue": card.ENDS_AT_VALUE,
        "limits": card.LIMITS,
    }
    return CODE % {name: _as_code(value) for name, value in words.items()}


def _as_code(words: object) -> str:
    return json.dumps(words, indent=4).replace("\n}", "\n  }").replace("\n]", "\n  ]")


if __name__ == "__main__":
    SCRIPT.write_text(make_script(), encoding="utf-8")
    print(f"wrote {SCRIPT.name}")
