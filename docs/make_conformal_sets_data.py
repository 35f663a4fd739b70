"""Make the data of the explorable on conformal sets: ``python docs/make_conformal_sets_data.py``.

For every coverage that the slider of the page can ask for, the file holds the threshold that
`calibkit.ConformalSets` finds on the calibration images of lesson 70, and what its sets do on the
test images. For a few of these test images it holds the picture and all probabilities.
"""

import base64
import io
from pathlib import Path

import numpy as np
from packed_columns import packed_script
from PIL import Image
from torch import Tensor

import calibkit

FILE = Path(__file__).parent / "_static" / "explore" / "conformal_sets_data.js"
LEVELS = [level / 200 for level in range(100, 199)]  # from 50% to 99%, in steps of 0.5%
SHOWN = (15, 22, 3, 0, 19)  # the four of lesson 70, and one that is harder
STEP = 1e-7  # what thresholds and probabilities round to


def picture(pixels: Tensor) -> str:
    """Return the address of a picture that is part of the page."""
    stream = io.BytesIO()
    Image.fromarray((255 * pixels.permute(1, 2, 0)).round().byte().numpy()).save(stream, "png")
    return f"data:image/png;base64,{base64.b64encode(stream.getvalue()).decode()}"


def make_data() -> str:
    """Return a script that defines ``conformalSetsData``."""
    logits, labels = calibkit.glyphs100_logits()
    calibration, test = calibkit.split_calibration(labels, 1000, stratify=labels)
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(logits[calibration.indices], labels[calibration.indices])
    p, y = scaler(logits[test.indices].double()).softmax(1), labels[test.indices]
    fit_on, measure_on = (part.indices for part in calibkit.split_calibration(y, 1000, seed=0))
    columns = []
    for level in LEVELS:
        conformal = calibkit.ConformalSets(level).fit(p[fit_on], y[fit_on])
        sets = conformal.predict(p[measure_on])
        holds_label = sets.gather(1, y[measure_on][:, None])
        columns.append((conformal.threshold / STEP, holds_label.sum().item(), sets.sum().item()))
    thresholds, covered, sizes = np.rint(columns).astype(np.int64).T
    glyphs = calibkit.Glyphs100(100, seed=2)
    images = []
    for i in SHOWN:
        ordered, classes = p[i].sort(descending=True)
        images.append(
            {
                "picture": picture(glyphs.images[test.indices[i]]),
                "label": glyphs.classes[y[i]],
                "classes": [glyphs.classes[k] for k in classes],
                "probabilities": [round(value, 7) for value in ordered.tolist()],
            }
        )
    return packed_script(
        "docs/make_conformal_sets_data.py",
        "conformalSetsData",
        [(STEP, thresholds), (1, covered), (1, sizes)],
        levels=LEVELS,
        testImages=len(measure_on),
        images=images,
    )


if __name__ == "__main__":
    FILE.write_text(make_data())
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.0f} kB")
