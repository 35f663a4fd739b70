"""Make the data of the page on a prior that shifts: ``python docs/make_shifting_prior_data.py``.

They are the logits of the plain model of lesson 55, each from the fold that did not train on its
image, and the labels.
"""

from pathlib import Path

import numpy as np
from packed_columns import packed_script
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FILE = Path(__file__).parent / "_static" / "explore" / "shifting_prior_data.js"
STEP = 1e-6  # so fine that no image changes its bin


def make_data() -> str:
    """Return a script that defines ``shiftingPriorData``, the logits and the labels."""
    pixels, digit = load_digits(return_X_y=True)
    images = pixels.reshape(-1, 8, 8)
    ink = np.hstack([images.sum(axis=1), images.sum(axis=2)])
    is_event = (digit == 8).astype(np.int64)
    model = make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky"))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    logits = cross_val_predict(model, ink, is_event, cv=folds, method="decision_function")
    steps = np.rint(logits / STEP).astype(np.int64)
    columns = [(STEP, steps), (1, is_event)]
    return packed_script("docs/make_shifting_prior_data.py", "shiftingPriorData", columns)


if __name__ == "__main__":
    FILE.write_text(make_data())
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")
