"""Definitions of the metrics in float64, sample by sample, and problems to try them on."""

from itertools import pairwise

import numpy as np
import torch
from hypothesis import settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq
from scipy.special import softmax


def draw(n: int, n_classes: int, seed: int, sharpness: float = 2.0):
    """Probabilities with labels that follow them in part; few distinct values, so with ties.

    They are rounded, because softmax gives rows of the same scores in another order probabilities
    that differ by a rounding error, and the definitions here would tell these apart.
    """
    rng = np.random.default_rng(seed)
    probabilities = softmax(sharpness * rng.integers(-3, 4, (n, n_classes)) / 2, axis=1).round(13)
    labels = np.array([rng.choice(n_classes, p=p) for p in probabilities])
    labels[: n // 3] = rng.integers(n_classes, size=n // 3)
    return torch.from_numpy(probabilities), torch.from_numpy(labels)


def top(probabilities, labels):
    p, y = probabilities.numpy(), labels.numpy()
    return p.max(1), (p.argmax(1) == y).astype(float)


def judged(probabilities, labels, of=None):
    """What is judged: P(y = 1) and y for two classes, unless the top class is asked for."""
    if of == "top" or probabilities.shape[1] > 2:
        return top(probabilities, labels)
    return probabilities.numpy()[:, 1], labels.numpy().astype(float)


def in_bins(confidence, n_bins, binning):
    """The bin of every sample, one by one."""
    n = len(confidence)
    if binning == "quantile":
        smaller = [int((confidence < c).sum()) for c in confidence]
        return np.array([rank * n_bins // n for rank in smaller])
    return np.array(
        [max(k for k in range(n_bins) if k / n_bins <= c or k == 0) for c in confidence]
    )


def reference_error(confidence, correct, n_bins, norm, binning="uniform", debias=False):
    index = in_bins(confidence, n_bins, binning)
    shares, gaps = [], []
    for k in np.unique(index):
        inside = index == k
        m, accuracy = inside.sum(), correct[inside].mean()
        gap = abs(accuracy - confidence[inside].mean())
        if norm == "l2":
            gap = gap**2
            if debias:
                gap = gap - accuracy * (1 - accuracy) / (m - 1) if m > 1 else 0
        shares.append(m / len(index))
        gaps.append(gap)
    if norm == "max":
        return max(gaps)
    total = float(np.dot(shares, gaps))
    return total if norm == "l1" else np.sqrt(max(total, 0))


few_examples = settings(deadline=None, max_examples=40)
problems = {"n": st.integers(2, 200), "n_classes": st.integers(2, 6), "seed": st.integers(0, 999)}


def reference_smooth_error(confidence, correct):
    """Gaussians mirrored at 0 and 1, zeros by bisection, integrals by quadrature."""
    mirrored = np.concatenate([confidence + 2 * k for k in range(-8, 9)])
    mirrored = np.concatenate([mirrored, -mirrored])
    residual = np.tile(correct - confidence, 34) / len(confidence)

    def smoothed(t, width):
        kernel = np.exp(-((t - mirrored) ** 2) / (2 * width**2)) / (np.sqrt(2 * np.pi) * width)
        return float(kernel @ residual)

    def error(width):
        mesh = np.linspace(0, 1, 1 + int(20 / width))
        values = [smoothed(t, width) for t in mesh]
        pairs = zip(pairwise(mesh), pairwise(values), strict=True)
        zeros = [
            brentq(smoothed, *ends, (width,), xtol=1e-14) for ends, (u, v) in pairs if u * v < 0
        ]
        ends = [0.0, *zeros, 1.0]
        return sum(
            abs(quad(smoothed, a, b, (width,), epsabs=1e-11, limit=200)[0])
            for a, b in pairwise(ends)
        )

    return brentq(lambda width: error(width) - width, 0.02, 1, xtol=1e-11)
