"""Prediction sets that contain the label with a chosen probability."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction
from functools import partial
from typing import Any, ClassVar, Literal, NoReturn, Self, get_args

import numpy as np
import torch
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import (
    check_choice,
    check_flag,
    check_integer,
    check_not_negative,
    check_number,
    check_probabilities,
    check_probabilities_and_labels,
    check_seed,
)
from calibkit._conversion import as_tensor
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities

Score = Literal["lac", "aps"]

# The draws for the calibration set and for predictions are two streams of one seed.
_CALIBRATION, _PREDICTION = 0, 1
_OPTIONS_OF_A_FIT = "coverage", "score", "randomized", "regularization", "k_reg", "per_class"


def _check_coverage(value: object) -> float:
    return check_number(value, "coverage", low=0, high=1, advice="0.9 is usual")


def _check_score(value: object) -> object:
    check_choice(value, "score", get_args(Score))
    return value


def _check_regularization(value: object) -> float:
    advice = "0 leaves it out"
    return check_not_negative(value, "regularization", high=math.inf, advice=advice)


def _refuse_what_a_fit_sets(value: object, name: str) -> NoReturn:
    raise AttributeError(
        f"{name} is what a fit found and cannot be set, got {value!r}; choose a coverage and call "
        "fit, which finds the threshold"
    )


def _check_k_reg(value: object) -> int:
    return check_integer(value, "k_reg", least=0, advice="1 spares the top class")


class ConformalSets(CheckedAttributes):
    """Split conformal prediction: sets of classes that contain the label with a chosen probability.

    A score measures how badly a class fits a sample, and a threshold decides which classes are in
    the set. The threshold is the ceil((n + 1) coverage)-th smallest of the scores that the labels
    of the n calibration samples have. If the calibration samples and a test sample are
    exchangeable, as independent draws from one distribution are, then the set of the test sample
    contains its label with a probability of at least ``coverage``, however wrong the model's
    probabilities are. This guarantee is an average over calibration sets and test samples. It need
    not hold for each class separately unless you ask for that with ``per_class=True``, and it does
    not hold if the test samples come from another distribution.

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
          probable as this one, itself included. A class is in the set if its score is at most the
          threshold. The most probable class is in every set, and therefore its score counts as 0.
          Equally probable classes enter a set together. If two scores are equal, as those of the
          least probable classes are, which is 1, then the class of the larger probability comes
          first. A class of probability 0 therefore comes last.
    randomized : bool, default False
        Whether a random draw decides if the last class of an "aps" set stays in it. The coverage is
        then exactly ceil((n + 1) coverage) / (n + 1), also where scores would be equal, and some
        sets may be empty.
    regularization : float, default 0
        If positive, the sets are RAPS sets: the "aps" score grows by this much for every class by
        which the rank of a class exceeds `k_reg`. The rank is the number of classes that are at
        least as probable. This makes the largest sets smaller. RAPS calls the number lambda.
    k_reg : int, default 1
        Number of the most probable classes that the regularization spares. Choose this and
        `regularization` on samples that are not in the calibration set.
    per_class : bool, default False
        Whether every class has a threshold of its own, found on the calibration samples of that
        class. The guarantee then holds among the samples of each class. The calibration set needs
        at least coverage / (1 - coverage) samples of every class: 9 for a coverage of 0.9, and 99
        for 0.99.
    seed : int, default 0
        Seed of the random draws, which only ``randomized=True`` uses. The same seed gives the same
        result.

    Raises
    ------
    TypeError
        If `coverage` or `regularization` is not a number, if `randomized` or `per_class` is neither
        True nor False, or if `k_reg` or `seed` is not an integer.
    ValueError
        If `coverage` is not strictly between 0 and 1, if `score` is neither "lac" nor "aps", if
        `regularization` is negative or infinite, if `k_reg` or `seed` is negative, or if `score`
        is "lac" and `randomized` or `regularization` is set.

    See Also
    --------
    calibkit.risk_coverage_curve : Answer only the most confident samples, and plot the error rate.
    calibkit.split_calibration : Split a data set into a calibration set and a test set.
    calibkit.check_shift : Test whether new samples come from another distribution.

    Notes
    -----
    Without ``randomized=True``, "aps" covers more than was asked for if the most probable class is
    right more often than ``coverage``. The sets then hold only that class. Otherwise, and if no two
    samples have equal probabilities, the coverage exceeds the chosen one by less than 1 / (n + 1).

    With ``randomized=True`` the score is the sum of the probabilities of all classes that are more
    probable, plus u times the probability of the class and of those that are equally probable. The
    number u is drawn between 0 and 1 for each sample: for the i-th calibration sample it is 1 minus
    the i-th number of ``numpy.random.default_rng([seed, 0]).random``, and for the i-th sample of a
    prediction it is 1 minus the i-th number of ``numpy.random.default_rng([seed, 1]).random``.

    References
    ----------
    Sadinle, Lei and Wasserman (2019). Least Ambiguous Set-Valued Classifiers with Bounded Error
    Levels. JASA 114. Section 2 defines the score "lac", and thresholds for each class.
    https://arxiv.org/abs/1609.00451

    Romano, Sesia and Candès (2020). Classification with Valid and Adaptive Coverage. NeurIPS.
    Section 2 defines the score "aps", with a random draw. https://arxiv.org/abs/2006.02544

    Angelopoulos, Bates, Malik and Jordan (2021). Uncertainty Sets for Image Classifiers using
    Conformal Prediction. ICLR. Section 2 adds the regularization. https://arxiv.org/abs/2009.14193

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

    The classes have thresholds of their own with ``per_class=True``:

    >>> labels = torch.tensor([0, 1, 2])
    >>> ConformalSets(0.5, per_class=True).fit(probabilities, labels).threshold
    tensor([0.2500, 0.7500, 1.0000], dtype=torch.float64)
    """

    _attribute_checks: ClassVar = {
        "randomized": partial(check_flag, name="randomized"),
        "per_class": partial(check_flag, name="per_class"),
        "coverage": _check_coverage,
        "score": _check_score,
        "regularization": _check_regularization,
        "k_reg": _check_k_reg,
        "seed": check_seed,
        **{
            name: partial(_refuse_what_a_fit_sets, name=name) for name in ("threshold", "n_samples")
        },
    }

    def __init__(
        self,
        coverage: float = 0.9,
        score: Score = "lac",
        *,
        randomized: bool = False,
        regularization: float = 0.0,
        k_reg: int = 1,
        per_class: bool = False,
        seed: int = 0,
    ) -> None:
        self.coverage: float = coverage
        self.regularization: float = regularization
        self.randomized: bool = randomized
        self.per_class: bool = per_class
        self.k_reg: int = k_reg
        self.score: Score = score
        self.seed: int = seed
        self._n_samples: int | None = None
        # The largest score in a set and its tie-break, as _scores returns them, shape (1 or C, 2).
        self._limits = torch.empty(0, 2)
        self._n_classes = 0

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name in _OPTIONS_OF_A_FIT:
            self._n_samples = None  # A threshold that was found with other options is wrong now.

    def _check_together(self, attributes: Mapping[str, Any]) -> None:
        randomized, regularization = attributes.get("randomized"), attributes.get("regularization")
        if attributes.get("score") == "lac" and (randomized or regularization):
            raise ValueError(
                'randomized and regularization must be left out for the score "lac", got '
                f'{randomized!r} and {regularization!r}; pass score="aps"'
            )

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
            samples for the coverage, in total or, with ``per_class=True``, of one class. An earlier
            fit is then kept.
        """
        _refuse_pixels(probabilities)
        scores, targets, _ = check_probabilities_and_labels(probabilities, labels)
        n, n_classes = scores.shape
        y = targets.cpu()
        counts = y.bincount(minlength=n_classes).tolist() if self.per_class else [n]
        ranks = self._ranks(counts)
        draws = self._draws(n, self.seed, _CALIBRATION)
        label_scores = torch.cat(
            [
                found[torch.arange(len(chosen)), chosen]
                for found, chosen in self._chunks(Rows(scores, y), draws)
            ]
        )
        if self.per_class:
            label_scores = label_scores[y.argsort()]
        groups = zip(label_scores.split(counts), ranks, strict=True)
        limits = torch.stack([_pair_of_rank(group, rank) for group, rank in groups])
        self._limits, self._n_samples, self._n_classes = limits, n, n_classes
        return self

    @property
    def threshold(self) -> float | Tensor | None:
        """The threshold of the score, or those of the C classes with ``per_class=True``.

        It is None before a fit, and after a change of an option other than the seed.
        """
        if self._n_samples is None:
            return None
        threshold = self._limits[:, 0] + (1 if self.score == "aps" else 0)
        return threshold if self.per_class else float(threshold)

    @property
    def n_samples(self) -> int | None:
        """Number of samples in the calibration set, or None where `threshold` is None."""
        return self._n_samples

    def predict(self, probabilities: Probabilities, *, seed: int | None = None) -> Tensor:
        """Return which classes are in the set of every sample.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C)
            Probabilities of the C classes. Every row lies in [0, 1] and sums to 1.
        seed : int, optional
            Seed of the random draws, which only ``randomized=True`` uses. By default it is the seed
            of the constructor. If you predict in batches, pass another one for each, because one
            seed gives the first sample of every batch the same draw.

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
            If `probabilities` is not a floating-point tensor or array, or if `seed` is neither an
            integer nor None.
        ValueError
            If a probability is outside [0, 1], if a row does not sum to 1, if there is no sample,
            if `probabilities` holds images instead of rows, if it has another number of classes
            than the calibration set, or if `seed` is negative.
        """
        if self.threshold is None:
            raise RuntimeError("this ConformalSets is not fitted; call fit first")
        if seed is not None:
            check_seed(seed)
        _refuse_pixels(probabilities)
        scores = check_probabilities(probabilities).scores
        if scores.shape[1] != self._n_classes:
            raise ValueError(
                f"probabilities must have {self._n_classes} classes as in the fit, got "
                f"{tuple(scores.shape)}; fit a ConformalSets for this model"
            )
        rows = Rows(scores, torch.zeros(len(scores), dtype=torch.int64))
        draws = self._draws(len(scores), self.seed if seed is None else seed, _PREDICTION)
        limit, tie_limit = self._limits.unbind(1)
        sets = []
        for found, _ in self._chunks(rows, draws):
            score, tie = found.unbind(-1)
            sets.append((score < limit) | ((score == limit) & (tie <= tie_limit)))
        # If that device has no float64, the scores are on the CPU.
        return torch.cat(sets).to(as_tensor(probabilities, "probabilities").device)

    def _ranks(self, counts: list[int]) -> list[int]:
        """Return the place of the threshold among so many sorted scores, or raise an error."""
        # Fractions are exact, whereas in floating point 100 * 0.55 exceeds 55.
        coverage = Fraction(str(self.coverage))
        least = math.ceil(coverage / (1 - coverage))
        fewest = min(counts)
        if fewest < least and not self.per_class:
            raise ValueError(
                f"labels must hold at least {least} samples for a coverage of "
                f"{self.coverage:g}, got {fewest}; pass more samples, or ask for less coverage"
            )
        if fewest < least:
            n_rare = sum(count < least for count in counts)
            raise ValueError(
                f"labels must hold at least {least} samples of every class for a coverage of "
                f"{self.coverage:g} in each, got {fewest} of class {counts.index(fewest)}, and too "
                f"few of {n_rare} in {len(counts)} classes; pass more samples of these classes, "
                "ask for less coverage, or leave per_class out"
            )
        return [math.ceil((count + 1) * coverage) for count in counts]

    def _draws(self, n: int, seed: int, stream: int) -> Tensor:
        """Return a number above 0 and up to 1 for each sample, which is 1 if nothing is random."""
        if not self.randomized:
            return torch.ones(n, 1, dtype=torch.float64)
        return torch.from_numpy(1 - np.random.default_rng([seed, stream]).random((n, 1)))

    def _chunks(self, rows: Rows, draws: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the scores (m, C, 2) of all classes, on the CPU, and the labels (m,), in chunks."""
        start = 0
        for chunk, labels, _ in rows.chunks():
            stop = start + len(labels)
            # The sums are computed on the CPU, so that the same rows give the same sums everywhere.
            yield self._scores(chunk.cpu().double(), draws[start:stop]), labels
            start = stop

    def _scores(self, p: Tensor, u: Tensor) -> Tensor:
        """Return the scores, for "aps" less 1, and what decides between equal ones (m, C, 2).

        Near 1, where the scores of a confident model are, 1 minus a small number would be rounded.
        The sums of the less probable classes, which are taken here, keep all their digits.
        """
        if self.score == "lac":
            return torch.stack([1 - p, torch.zeros_like(p)], -1)
        p = p.clamp(min=0).contiguous()  # Rounding may have left a number below 0.
        ascending = p.sort(1).values
        sums = torch.nn.functional.pad(ascending.cumsum(1), (1, 0))
        n_below = torch.searchsorted(ascending, p)
        below = sums.gather(1, n_below)
        up_to = sums.gather(1, torch.searchsorted(ascending, p, right=True))
        score = -u * below - (1 - u) * up_to
        if self.regularization:
            rank = p.shape[1] - n_below
            score += self.regularization * (rank - self.k_reg).clamp(min=0)
        found = torch.stack([score, torch.where(p > 0, -p, u)], -1)
        if not self.randomized:
            found[p == ascending[:, -1:]] = -1  # This is the least of both numbers.
        return found


def _pair_of_rank(pairs: Tensor, rank: int) -> Tensor:
    """Return the pair (2,) that has this rank among pairs (n, 2) in lexicographic order."""
    first, second = pairs.numpy().T
    value = np.partition(first, rank - 1)[rank - 1]
    rank -= int((first < value).sum())
    return torch.tensor([value, np.partition(second[first == value], rank - 1)[rank - 1]])


def _refuse_pixels(probabilities: Probabilities) -> None:
    shape = tuple(as_tensor(probabilities, "probabilities").shape)
    if len(shape) > 2:
        raise ValueError(
            f"probabilities must have shape (samples, classes), got {shape}; "
            "pixels of one image are not exchangeable, so pass one row per sample"
        )
