"""Make the data of the page on option positions: ``python docs/make_option_positions_data.py``.

For each question, order and place, the file says how far the log-probability of this place lies
below the highest one. A softmax needs no more. The stored log-probabilities of the letters are
float16, so steps of 2 ** -12 lose nothing.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
import torch
from packed_columns import packed_script

import calibkit

FILE = Path(__file__).parent / "_static" / "explore" / "option_positions_data.js"
LETTER_STEP, LISTED_STEP = 2**-12, 2**-15
SUBJECTS = ("capitals", "opposites")  # whose questions were put in both ways
QUESTIONS_PER_SUBJECT = 20


def packed(name: str, logits: torch.Tensor, labels: torch.Tensor, step: float) -> str:
    """Return a script with the logits (n, orders, places) and the labels (n,)."""
    exact = logits.double().numpy()
    below = np.rint((exact.max(-1, keepdims=True) - exact) / step)
    columns = [
        (step, below[:, order, place].astype(np.int64))
        for order, place in product(range(4), repeat=2)
    ]
    return packed_script(
        "docs/make_option_positions_data.py", name, [*columns, (1, labels.numpy())]
    )


def questions(answers: calibkit.LanguageModelAnswers) -> list[dict[str, object]]:
    """Return the questions that a reader can choose, and their rows in both tables."""
    listed_rows = (answers.is_listed.cumsum(0) - 1).tolist()
    return [
        {
            "subject": subject,
            "rows": {"letters": int(row), "listed": listed_rows[row]},
            "text": str(answers.question[row]),
            "options": answers.options[row].tolist(),
        }
        for subject in SUBJECTS
        for row in np.flatnonzero(answers.subject == subject)[:QUESTIONS_PER_SUBJECT]
    ]


def make_data() -> str:
    """Return a script that defines the answers in both ways, and the questions to choose from."""
    answers = calibkit.language_model_answers()
    labels, in_list = answers.labels, answers.is_listed
    return (
        packed("optionLetters", answers.letter_logits, labels, LETTER_STEP)
        + packed("optionsListed", answers.listed_logits, labels[in_list], LISTED_STEP)
        + f"window.optionQuestions = {json.dumps(questions(answers))};\n"
    )


if __name__ == "__main__":
    FILE.write_text(make_data())
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")
