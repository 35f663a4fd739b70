import torch
from torch.utils.data import TensorDataset

import calibkit


def coverage_of_halves(lesson, *, one_threshold=False):
    confidence = lesson.after.amax(1)
    fit_on, measure_on = torch.tensor(lesson.fit_on), torch.tensor(lesson.measure_on)
    found = []
    for half in (confidence < confidence.median(), confidence >= confidence.median()):
        fit = fit_on if one_threshold else fit_on[half[fit_on]]
        rest = measure_on[half[measure_on]]
        sets = calibkit.ConformalSets().fit(lesson.after[fit], lesson.y[fit])
        hits = sets.predict(lesson.after[rest])[range(len(rest)), lesson.y[rest]]
        found.append(hits.double().mean().item())
    return found


def mean_size(lesson, **options):
    fit, rest = calibkit.split_calibration(TensorDataset(lesson.shifted_labels), 1000, seed=0)
    sets = calibkit.ConformalSets(**options)
    sets.fit(lesson.shifted[fit.indices], lesson.shifted_labels[fit.indices])
    return sets.predict(lesson.shifted[rest.indices]).sum(1).double().mean().item()


def mean_size_of_the_old_sets(lesson):
    sets = calibkit.ConformalSets().fit(lesson.after[lesson.fit_on], lesson.y[lesson.fit_on])
    return sets.predict(lesson.shifted).sum(1).double().mean().item()


def right(lesson):
    return {
        "threshold_with_mistakes": 1 - (3 + 10 / 20) / 10,
        "coverage_of_halves": coverage_of_halves(lesson),
        "mean_size_under_shift": mean_size(lesson),
    }


def wrong(lesson):
    one_threshold = coverage_of_halves(lesson, one_threshold=True)
    return {
        "threshold_with_mistakes": [lesson.threshold, 0.75, 0.35, 1 - 3.05 / 10],
        "coverage_of_halves": [one_threshold, one_threshold[::-1], [90.1, 90.1], [0.9]],
        "mean_size_under_shift": [
            mean_size_of_the_old_sets(lesson),
            mean_size(lesson, score="aps"),
            mean_size(lesson, coverage=0.8),
        ],
    }
