"""Make the data of the playground page: ``python docs/make_playground_data.py``.

At the temperature T the model's confidence in its answer is 1 / (1 + exp(L)), where L is the
logarithm of the sum, over all other classes, of exp((their logit - the answer's logit) / T). As a
function of log T this L is smooth, so 12 Chebyshev coefficients an image are as good as its 100
logits. With how far the label's logit lies below the answer's, they give the NLL too.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.polynomial import chebyshev
from numpy.typing import NDArray
from packed_columns import Column, packed_script

import calibkit

FILE = Path(__file__).parent / "_static" / "playground" / "data.js"
N_TEST_SET, N_IMAGES = 10_000, 12_000  # lesson 10 splits the first; the others are for new draws
LOWEST_T, HIGHEST_T = 0.5, 4.0
DEGREE = 11
STEP, LABEL_STEP = 4e-6, 6e-4  # what the coefficients, and how far the label is below, round to


def coefficients(below: torch.Tensor) -> NDArray[np.float64]:
    """Of L as a function of log T, (DEGREE + 1, n); ``below`` is how far the rivals are below."""
    nodes = chebyshev.chebpts1(4 * DEGREE)
    middle, half = np.log(HIGHEST_T * LOWEST_T) / 2, np.log(HIGHEST_T / LOWEST_T) / 2
    values = [torch.logsumexp(-below / t, 1).numpy() for t in np.exp(middle + half * nodes)]
    return chebyshev.chebfit(nodes, np.stack(values), DEGREE)


def columns() -> list[Column]:
    """For every column its step, and integers that count these steps."""
    logits, labels = calibkit.glyphs100_logits(20_000)  # lesson 40 has computed them
    logits, labels = logits[:N_IMAGES].double(), labels[:N_IMAGES]
    calibration, _ = calibkit.split_calibration(
        range(N_TEST_SET), 1000, seed=0, stratify=labels[:N_TEST_SET]
    )
    below = logits.amax(1, keepdim=True) - logits
    of_label = below.gather(1, labels[:, None])[:, 0].numpy()
    rivals = below.sort(1).values[:, 1:]
    rounded = np.rint(coefficients(rivals) / STEP)
    # 0 is for right answers only
    label_steps = np.where(of_label > 0, np.maximum(np.rint(of_label / LABEL_STEP), 1), 0)
    calibrates = np.isin(np.arange(N_IMAGES), calibration.indices)
    found = [*((STEP, column) for column in rounded), (LABEL_STEP, label_steps), (1, calibrates)]
    return [(step, column.astype(np.int64)) for step, column in found]


def make_data() -> str:
    """Return a script that defines ``playgroundData``."""
    made_by = "docs/make_playground_data.py"
    temperatures = [LOWEST_T, HIGHEST_T]
    return packed_script(
        made_by, "playgroundData", columns(), testSet=N_TEST_SET, temperatures=temperatures
    )


if __name__ == "__main__":
    FILE.write_text(make_data())
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")
