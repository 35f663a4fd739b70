"""Prediction sets that contain the label with a chosen probability."""

import math
from fractions import Fraction
from typing import ClassVar, Literal, Self, get_args

import torch
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import (
    check_choice,
    check_number,
    check_probabilities,
    check_probabilities_and_labels,
)
from calibkit._conversion import as_tensor
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities

Score = Literal["lac", "aps"]


def _check_coverage(value: object) -> float:
    return check_number(value, "coverage", low=0, high=1, advice="0.9 is usual")


def _check_score(value: object) -> object:
    check_choice(value, "score", get_args(Score))
    return value


class ConformalSets(CheckedAttributes):
    """Split conformal prediction: sets of classes that contain the label with a chosen probability.

    A score measures how badly a class fits a sample, and a threshold decides which classes are in
    the set. The threshold is the ceil((n + 1) coverage)-th smallest of the scores that the labels
    of the n calibration samples have. If the calibration samples and a test sample are
    exchangeable, as independent draws from one distribution are, then the set of the test sample
    contains its label with a probability of at least ``coverage``, however wrong the model's
    probabilities are. This guarantee is an average over calibration sets and test samples. It need
    not hold for each class separately, and it does not hold if the test samples come from another
    distribution.

    Parameters
    ----------
    coverage : float, default 0.9
        The probability that a set contains the label, strictly between 0 and 1. It is read as the
        decimal number that you write: 0.55 means exactly 55 / 100.
    score : {"lac", "aps"}, default "lac"
        - "lac": the score is 1 minus the probability of the class. A class is in the set if its
          score is at most the threshold. The sets are small on average, and some may be empty. If
          no two scores are equal, the coverage exceeds the chosen one by less than 1 / (n + 1).
        - "aps": the score is the sum of the probabilities of all classes that are at least as
          probable as this one, itself included. The set adds classes in order of decreasing
          probability until their sum reaches the threshold, so no set is empty. Equally
          probable classes are added together. Unlike in the paper, nothing is random: the class
          that reaches the threshold is always added. The sets are therefore conservative, which
          means that they cover more than was asked for.

    Attributes
    ----------
    threshold : float or None
        The threshold of the score, or None before a fit.
    n_samples : int or None
        Number of samples in the calibration set, or None before a fit.

    Raises
    ------
    TypeError
        If `coverage` is not a number.
    ValueError
        If `coverage` is not strictly between 0 and 1, or if `score` is neither "lac" nor "aps".

    See Also
    --------
    calibkit.risk_coverage_curve : Answer only the most confident samples, and plot the error rate.
    calibkit.split_calibration : Split a data set into a calibration set and a test set.
    calibkit.check_shift : Test whether new samples come from another distribution.

    References
    ----------
    Sadinle, Lei and Wasserman (2019). Least Ambiguous Set-Valued Classifiers with Bounded Error
    Levels. JASA 114. Section 2 defines the score "lac". https://arxiv.org/abs/1609.00451

    Romano, Sesia and Candès (2020). Classification with Valid and Adaptive Coverage. NeurIPS.
    Section 2 defines the score "aps". https://arxiv.org/abs/2006.02544

    Angelopoulos and Bates (2023). Conformal Prediction: A Gentle Introduction. Foundations and
    Trends in Machine Learning 16. Section 1 defines the threshold, and Section 2.1 the score "aps"
    without randomness. https://arxiv.org/abs/2107.07511

    Examples
    --------
    >>> import torch
    >>> from calibkit import ConformalSets
    >>> probabilities = torch.tensor([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25], [0.5, 0.5, 0.0]])
    >>> sets = ConformalSets(coverage=0.5).fit(probabilities, torch.tensor([0, 1, 0]))
    >>> sets.threshold  # the second smallest of the scores 0.25, 0.5 and 0.75
    0.5
    >>> sets.predict(probabilities).int()
    tensor([[1, 0, 0],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """

    _attribute_checks: ClassVar = {"coverage": _check_coverage, "score": _check_score}

    def __init__(self, coverage: float = 0.9, score: Score = "lac") -> None:
        self.coverage: float = coverage
        self.score: Score = score
        self.threshold: float | None = None
        self.n_samples: int | None = None
        self._n_classes = 0

    def fit(self, probabilities: Probabilities, labels: Labels) -> Self:
        """Find the threshold on a calibration set.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C)
            Probabilities of the C classes. Every row lies in [0, 1] and sums to 1. Neither the
            model nor a scaler may have been trained on these samples.
        labels : Tensor or array, shape (N,)
            Class indices from 0 to C - 1.

        Returns
        -------
        ConformalSets
            The object itself.

        Raises
        ------
        TypeError
            If `probabilities` is not a floating-point tensor or array, or if `labels` is not an
            integer tensor or array.
        ValueError
            If a probability is outside [0, 1], if a row does not sum to 1, if `labels` holds a
            class outside 0..C-1, if `probabilities` and `labels` differ in length, if there is no
            sample, if `probabilities` holds images instead of rows, or if there are too few
            samples for the coverage. An earlier fit is then kept.
        """
        _refuse_pixels(probabilities)
        scores, targets = check_probabilities_and_labels(probabilities, labels)
        n, coverage = len(targets), Fraction(str(self.coverage))
        # Fractions are exact, whereas in floating point 100 * 0.55 exceeds 55.
        rank = math.ceil((n + 1) * coverage)
        if rank > n:
            least = math.ceil(coverage / (1 - coverage))
            raise ValueError(
                f"labels must hold at least {least} samples for a coverage of "
                f"{self.coverage:g}, got {n}; pass more samples, or ask for less coverage"
            )
        label_scores = torch.cat(
            [
                self._scores(chunk)[0].gather(1, y.cpu()[:, None])[:, 0]
                for chunk, y in Rows(scores, targets).chunks()
            ]
        )
        self.threshold = float(label_scores.sort().values[rank - 1])
        self.n_samples, self._n_classes = n, scores.shape[1]
        return self

    def predict(self, probabilities: Probabilities) -> Tensor:
        """Return which classes are in the set of every sample.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C)
            Probabilities of the C classes. Every row lies in [0, 1] and sums to 1.

        Returns
        -------
        Tensor of bool, shape (N, C)
            The entries are True where the class is in the set. The tensor is on the device of
            `probabilities`.

        Raises
        ------
        RuntimeError
            If the sets are not fitted.
        TypeError
            If `probabilities` is not a floating-point tensor or array.
        ValueError
            If a probability is outside [0, 1], if a row does not sum to 1, if there is no sample,
            if `probabilities` holds images instead of rows, or if it has another number of classes
            than the calibration set.
        """
        if self.threshold is None:
            raise RuntimeError("this ConformalSets is not fitted; call fit first")
        _refuse_pixels(probabilities)
        scores = check_probabilities(probabilities)
        if scores.shape[1] != self._n_classes:
            raise ValueError(
                f"probabilities must have {self._n_classes} classes as in the fit, got "
                f"{tuple(scores.shape)}; fit a ConformalSets for this model"
            )
        no_labels = torch.zeros(len(scores), dtype=torch.int64)
        sets = []
        for chunk, _ in Rows(scores, no_labels).chunks():
            score, before = self._scores(chunk)
            # Both comparisons are needed: where rounding hides a small probability, the sum before
            # the class is added equals its score.
            sets.append((score <= self.threshold) | (before < self.threshold))
        return torch.cat(sets).to(scores.device)

    def _scores(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores (N, C), and the sums (N, C) before each class is added, in float64.

        For the score "lac" there are no such sums, so the scores are returned twice.
        """
        # The sums are computed on the CPU, so that the same rows give the same sums everywhere.
        p = probabilities.cpu().double().contiguous()
        if self.score == "lac":
            return 1 - p, 1 - p
        descending = -p.sort(1, descending=True).values
        sums = torch.nn.functional.pad(-descending.cumsum(1), (1, 0))
        score = sums.gather(1, torch.searchsorted(descending, -p, right=True))
        before = sums.gather(1, torch.searchsorted(descending, -p))
        return score, before


def _refuse_pixels(probabilities: Probabilities) -> None:
    shape = tuple(as_tensor(probabilities, "probabilities").shape)
    if len(shape) > 2:
        raise ValueError(
            f"probabilities must have shape (samples, classes), got {shape}; "
            "pixels of one image are not exchangeable, pass one row per sample"
        )
