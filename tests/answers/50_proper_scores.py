import math

import torch

import calibkit


def spreads(lesson, n, n_bins=15):
    by_nll, by_ece = [], []
    for seed in range(20):
        part, _ = calibkit.split_calibration(lesson.labels, n, seed=seed, stratify=lesson.labels)
        logits, labels = lesson.logits[part.indices], lesson.labels[part.indices]
        by_nll.append(calibkit.TemperatureScaler().fit_logits(logits, labels).temperature)
        curve = lesson.ece_curve(logits, labels, n_bins)
        by_ece.append(lesson.temperatures[curve.argmin()].item())
    return torch.tensor(by_nll).std().item(), torch.tensor(by_ece).std().item()


def spherical(lesson, root):
    q, truth = lesson.q, lesson.truth
    return (truth * q + (1 - truth) * (1 - q)) / root


def nll_after(lesson, raise_calib, raise_test, subset):
    scores = []
    for scaler in (calibkit.TemperatureScaler(), calibkit.BetaScaler()):
        z = lesson.z[lesson.calib.indices] + raise_calib
        scaler.fit_logits(z, lesson.y[lesson.calib.indices])
        p = scaler(lesson.z[subset.indices] + raise_test).sigmoid()
        scores.append(
            calibkit.negative_log_likelihood(torch.stack([1 - p, p], 1), lesson.y[subset.indices])
        )
    return tuple(scores)


def right(lesson):
    squares = lesson.q**2 + (1 - lesson.q) ** 2
    best = lesson.q[spherical(lesson, squares.sqrt()).argmax()]
    return {
        "spreads_from_300": spreads(lesson, 300),
        "best_by_spherical": best,
        "nll_with_pos_weight": nll_after(lesson, math.log(5), math.log(5), lesson.test),
    }


def wrong(lesson):
    squares = lesson.q**2 + (1 - lesson.q) ** 2
    by_nll, by_ece = spreads(lesson, 300)
    return {
        "spreads_from_300": [(by_ece, by_nll), spreads(lesson, 1000), (by_nll**2, by_ece**2)],
        "best_by_spherical": [
            lesson.q[spherical(lesson, squares.sqrt()).argmin()],
            lesson.q[spherical(lesson, squares).argmax()],
            lesson.q[spherical(lesson, 1).argmax()],
        ],
        "nll_with_pos_weight": [
            nll_after(lesson, math.log(5), math.log(5), lesson.test)[::-1],
            nll_after(lesson, 0, 0, lesson.test),
            nll_after(lesson, 0, math.log(5), lesson.test),
            nll_after(lesson, math.log10(5), math.log10(5), lesson.test),
            nll_after(lesson, math.log(5), math.log(5), lesson.calib),
        ],
    }
