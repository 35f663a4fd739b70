"""Sets of classes that hold the label as often as asked for."""

import math
from fractions import Fraction
from typing import Self

import torch
from torch import Tensor

from calibkit.bins import Labels, Probabilities
from calibkit.checks import (
    check_choice,
    check_number,
    check_probabilities,
    check_probabilities_and_labels,
)
from calibkit.rows import Rows


class ConformalSets:
    """Sets of classes that hold the label with a given probability, by split conformal prediction.

    A score says how badly a class fits a sample. The threshold is the ceil((n + 1) coverage)-th
    smallest score of the labels of n calibration samples. If these and a test sample are
    exchangeable, as independent draws from one distribution are, the test sample's set holds its
    label with at least that probability, however wrong the model's probabilities are. That is a
    mean over calibration sets and test samples: it need not hold for every class, and it does
    not hold under shift.

    Parameters
    ----------
    coverage : float, default 0.9
        The probability, strictly between 0 and 1, read as the decimal that is written.
    score : {"lac", "aps"}, default "lac"
        - "lac": 1 minus the probability of the class. A class is in the set if its score is no
          larger than the threshold. The sets are small on average, and some may be empty. Where
          no two scores are equal, the coverage exceeds the wanted one by less than 1 / (n + 1).
        - "aps": the sum of the probabilities of all classes that are at least as probable,
          the class itself included. The set takes classes in order of their probability until
          that sum reaches the threshold, so that no set is empty; equal ones come in together.
          Nothing is left to chance, unlike in the paper: the class that reaches the threshold is
          always taken, the sets are conservative, and cover more than asked for.

    Attributes
    ----------
    threshold : float or None
        The threshold of the score; None before a fit.
    n_samples : int or None
        Samples that the fit saw; None before a fit.

    References
    ----------
    Sadinle, Lei and Wasserman (2019). Least Ambiguous Set-Valued Classifiers with Bounded Error
    Levels. JASA 114. Section 2, the score "lac". https://arxiv.org/abs/1609.00451

    Romano, Sesia and Candès (2020). Classification with Valid and Adaptive Coverage. NeurIPS.
    Section 2, the score "aps". https://arxiv.org/abs/2006.02544

    Angelopoulos and Bates (2023). Conformal Prediction: A Gentle Introduction. Foundations and
    Trends in Machine Learning 16. Sections 1 and 2.1, the threshold, and "aps" without chance.
    https://arxiv.org/abs/2107.07511

    Examples
    --------
    >>> import torch
    >>> from calibkit import ConformalSets
    >>> probabilities = torch.tensor([[0.75, 0.25, 0.0], [0.5, 0.25, 0.25], [0.5, 0.5, 0.0]])
    >>> sets = ConformalSets(coverage=0.5).fit(probabilities, torch.tensor([0, 1, 0]))
    >>> sets.threshold  # the second smallest of 0.25, 0.5 and 0.75
    0.5
    >>> sets.predict(probabilities).int()
    tensor([[1, 0, 0],
            [1, 0, 0],
            [1, 1, 0]], dtype=torch.int32)
    """

    def __init__(self, coverage: float = 0.9, score: str = "lac") -> None:
        self.coverage = check_number(coverage, "coverage", low=0, high=1, advice="0.9 is usual")
        check_choice(score, "score", ("lac", "aps"))
        self.score = score
        self.threshold: float | None = None
        self.n_samples: int | None = None
        self._n_classes = 0

    def fit(self, probabilities: Probabilities, labels: Labels) -> Self:
        """Find the threshold on a calibration set.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C)
            Rows in [0, 1] that sum to 1, of samples on which nothing else was trained.
        labels : Tensor or array, shape (N,)
            Class indices from 0 to C - 1.

        Returns
        -------
        ConformalSets
            The object itself.

        Raises
        ------
        TypeError, ValueError
            If an argument is of the wrong kind, shape, range or length, or if the samples are too
            few for the coverage. The object is then what it was.
        """
        scores, targets = check_probabilities_and_labels(probabilities, labels)
        _refuse_pixels(probabilities)
        n, coverage = len(targets), Fraction(str(self.coverage))
        # exact: in floating point 100 * 0.55 exceeds 55
        rank = math.ceil((n + 1) * coverage)
        if rank > n:
            least = math.ceil(coverage / (1 - coverage))
            raise ValueError(
                f"labels must be of at least {least} samples for a coverage of "
                f"{self.coverage:g}, got {n}; pass more samples, or ask for less coverage"
            )
        of_labels = torch.cat(
            [
                self._scores(chunk)[0].gather(1, y.cpu()[:, None])[:, 0]
                for chunk, y in Rows(scores, targets).chunks()
            ]
        )
        self.threshold = float(of_labels.sort().values[rank - 1])
        self.n_samples, self._n_classes = n, scores.shape[1]
        return self

    def predict(self, probabilities: Probabilities) -> Tensor:
        """Tell which classes are in the sets.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C)
            Rows in [0, 1] that sum to 1.

        Returns
        -------
        Tensor of bool, shape (N, C)
            True where the class is in the set, on the device of the probabilities.

        Raises
        ------
        RuntimeError
            Before a fit.
        TypeError, ValueError
            If the probabilities are of the wrong kind, shape or range.
        """
        if self.threshold is None:
            raise RuntimeError("this ConformalSets is not fitted; call fit first")
        scores = check_probabilities(probabilities)
        _refuse_pixels(probabilities)
        if scores.shape[1] != self._n_classes:
            raise ValueError(
                f"probabilities must have {self._n_classes} classes as in the fit, got "
                f"{tuple(scores.shape)}; fit a ConformalSets for this model"
            )
        no_labels = torch.zeros(len(scores), dtype=torch.int64)
        sets = []
        for chunk, _ in Rows(scores, no_labels).chunks():
            score, before = self._scores(chunk)
            # both: where rounding hides a small probability, before equals score
            sets.append((score <= self.threshold) | (before < self.threshold))
        return torch.cat(sets).to(scores.device)

    def _scores(self, probabilities: Tensor) -> tuple[Tensor, Tensor]:
        """The scores (N, C) in float64, and from where on a threshold lets the class in."""
        # of the same rows the same sums, wherever they are
        p = probabilities.cpu().double().contiguous()
        if self.score == "lac":
            return 1 - p, 1 - p
        descending = -p.sort(1, descending=True).values
        sums = torch.nn.functional.pad(-descending.cumsum(1), (1, 0))
        score = sums.gather(1, torch.searchsorted(descending, -p, right=True))
        before = sums.gather(1, torch.searchsorted(descending, -p))
        return score, before


def _refuse_pixels(probabilities: Probabilities) -> None:
    if probabilities.ndim > 2:
        raise ValueError(
            f"probabilities must have shape (samples, classes), got {tuple(probabilities.shape)}; "
            "pixels of one image are not exchangeable, pass one row a sample"
        )
