"""Calibration errors as torchmetrics classes, fed batch by batch."""

from abc import abstractmethod
from typing import Any, Self
from zlib import crc32

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat

from calibkit.bins import binned_error, count_outcomes, quantile_bins, top_label, uniform_bin
from calibkit.checks import (
    check_choice,
    check_ignore_index,
    check_integer,
    check_logits_and_labels,
    check_n_bins,
    check_probability_rows,
)
from calibkit.functional import check_norm, count_class_bins, ks_distance
from calibkit.scores import log_probabilities
from calibkit.smooth import GRID_SIZE, add_residuals, smooth_error


class CalibrationMetric(torchmetrics.Metric):
    """What all metrics here share: the input is declared and checked, the samples are counted."""

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    n: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        input: str = "probabilities",
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer(num_classes, "num_classes", least=2, advice="a binary model has 2")
        check_choice(input, "input", ("probabilities", "logits"))
        check_ignore_index(ignore_index)
        self.num_classes = num_classes
        self.input = input
        self.ignore_index = ignore_index
        self.add_state("n", torch.tensor(0), dist_reduce_fx="sum")
        # a MetricCollection takes metrics of equal states for one metric
        declared = crc32(f"{type(self).__name__} of {input} without {ignore_index}".encode())
        self.add_state("declared", torch.tensor(declared), dist_reduce_fx="max")
        self._of_no_samples: dict[str, Tensor] = {}

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Add a batch.

        Parameters
        ----------
        preds : Tensor, shape (N, C) or (N, C, ...)
            Probabilities or logits, as declared.
        target : Tensor, shape (N,) or (N, ...)
            Class indices from 0 to C - 1.
        """
        check = check_logits_and_labels if self.input == "logits" else check_probability_rows
        rows = check(preds, target, ignore_index=self.ignore_index, empty=True)
        if len(rows) == 0:
            return
        scores, labels = rows.flat()
        if scores.shape[1] != self.num_classes:
            raise ValueError(
                f"preds must have num_classes = {self.num_classes} classes, got "
                f"{scores.shape[1]}; make the metric for this model"
            )
        self._leave_inference_mode()
        # in place: a module's attributes are slow to set
        self._add(scores, labels)
        self.n.add_(len(labels))

    def set_dtype(self, dst_type: str | torch.dtype) -> Self:
        """Change nothing: counts stay integers and sums float64."""
        return self

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot one value or several, as torchmetrics does."""
        return self._plot(val, ax)

    def _leave_inference_mode(self) -> None:
        """Copy states that were made in it, which cannot be changed outside."""
        if self.n.is_inference() and not torch.is_inference_mode_enabled():
            for name in self._defaults:
                state = getattr(self, name)
                if isinstance(state, Tensor):
                    setattr(self, name, state.clone())

    @abstractmethod
    def _add(self, scores: Tensor, labels: Tensor) -> None:
        """Add scores (N, C), probabilities or logits as declared, and labels (N,)."""

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the states of all processes, also of one that has seen no sample."""
        for name, empty in self._of_no_samples.items():
            state = getattr(self, name)
            if isinstance(state, list) and not state:
                state.append(empty.to(self.n.device))
        super().sync(*args, **kwargs)

    def _keep(self, name: str, of_no_samples: Tensor) -> None:
        self.add_state(name, [], dist_reduce_fx="cat")
        self._of_no_samples[name] = of_no_samples

    def _probabilities(self, scores: Tensor) -> Tensor:
        return scores.double().softmax(1) if self.input == "logits" else scores

    def _log_probabilities(self, scores: Tensor) -> Tensor:
        if self.input == "logits":
            return scores.double().log_softmax(1)
        return log_probabilities(scores)

    def _check_not_empty(self) -> None:
        if self.n == 0:
            raise RuntimeError(
                f"{type(self).__name__} has seen no sample; call update before compute"
            )

    def _value(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64, device=self.n.device)


class CalibrationError(CalibrationMetric):
    """`calibration_error`, batch by batch: ECE, RMSCE or MCE of the top class.

    With bins of equal width the state is a few integer counts and float64 sums, exact for any
    number of samples; with bins of equal mass the confidences are kept.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    n_bins : int, default 15
        Number of bins.
    norm : {"l1", "l2", "max"}, default "l1"
        How the bins' gaps are averaged.
    binning : {"uniform", "quantile"}, default "uniform"
        Bins of equal width, or of equal mass.
    debias : bool, default False
        For norm "l2", subtract what chance alone is expected to give.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import CalibrationError
    >>> metric = CalibrationError(num_classes=2, n_bins=5)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> metric.update(torch.tensor([[0.0, 1.0]]), torch.tensor([1]))
    >>> round(metric.compute().item(), 6)  # two thirds of .25
    0.166667
    """

    wrong_and_right: Tensor
    total: Tensor
    confidence: list[Tensor]
    correct: list[Tensor]

    def __init__(
        self,
        num_classes: int,
        n_bins: int = 15,
        norm: str = "l1",
        binning: str = "uniform",
        *,
        debias: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        check_n_bins(n_bins)
        check_norm(norm, debias)
        check_choice(binning, "binning", ("uniform", "quantile"))
        self.n_bins, self.norm, self.binning, self.debias = n_bins, norm, binning, debias
        if binning == "uniform":
            outcomes, total = torch.zeros(n_bins, 2, dtype=torch.int64), torch.zeros(n_bins)
            self.add_state("wrong_and_right", outcomes, dist_reduce_fx="sum")
            self.add_state("total", total.double(), dist_reduce_fx="sum")
        else:
            add_sample_states(self)

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        confidence, correct = top_label(self._probabilities(scores), labels)
        if self.binning == "quantile":
            self.confidence.append(confidence)
            self.correct.append(correct)
            return
        index = uniform_bin(confidence, self.n_bins)
        self.wrong_and_right.add_(count_outcomes(index, correct, self.n_bins))
        self.total.index_add_(0, index, confidence)

    def compute(self) -> Tensor:
        """The calibration error of all samples so far."""
        self._check_not_empty()
        if self.binning == "quantile":
            bins = quantile_bins(*samples(self), self.n_bins)
            count, hits, total = bins.count, bins.correct, bins.confidence
        else:
            outcomes, total = self.wrong_and_right.cpu().numpy(), self.total.cpu().numpy()
            count, hits = outcomes.sum(1), outcomes[:, 1]
        return self._value(float(binned_error(count, hits, total, self.norm, self.debias)))


class ClasswiseCalibrationError(CalibrationMetric):
    """`classwise_calibration_error`, batch by batch; the state is counts and float64 sums.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    n_bins : int, default 15
        Number of bins.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `classwise_calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import ClasswiseCalibrationError
    >>> metric = ClasswiseCalibrationError(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 0]))
    >>> metric.compute().item()
    0.25
    """

    count: Tensor
    positive: Tensor
    total: Tensor

    def __init__(
        self,
        num_classes: int,
        n_bins: int = 15,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        check_n_bins(n_bins)
        self.n_bins = n_bins
        for name, dtype in {
            "count": torch.int64,
            "positive": torch.int64,
            "total": torch.float64,
        }.items():
            zeros = torch.zeros(num_classes, n_bins, dtype=dtype)
            self.add_state(name, zeros, dist_reduce_fx="sum")

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        count, positive, total = count_class_bins(self._probabilities(scores), labels, self.n_bins)
        self.count.add_(count)
        self.positive.add_(positive)
        self.total.add_(total)

    def compute(self) -> Tensor:
        """The mean over classes of all samples so far."""
        self._check_not_empty()
        count, positive, total = (x.cpu().numpy() for x in (self.count, self.positive, self.total))
        return self._value(float(binned_error(count, positive, total).mean()))


class SmoothCalibrationError(CalibrationMetric):
    """`smooth_calibration_error`, batch by batch; the state is 32 768 float64 sums.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `smooth_calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import SmoothCalibrationError
    >>> metric = SmoothCalibrationError(num_classes=2)
    >>> for _ in range(10):
    ...     metric.update(torch.tensor([[0.8, 0.2]]).repeat(10, 1), (torch.arange(10) >= 7).long())
    >>> round(metric.compute().item(), 6)
    0.1
    """

    grid: Tensor

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self.add_state("grid", torch.zeros(GRID_SIZE, dtype=torch.float64), dist_reduce_fx="sum")

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        add_residuals(self.grid, *top_label(self._probabilities(scores), labels))

    def compute(self) -> Tensor:
        """The smooth calibration error of all samples so far."""
        self._check_not_empty()
        return self._value(smooth_error(self.grid.cpu().numpy(), int(self.n)))


class KSCalibrationError(CalibrationMetric):
    """`ks_calibration_error`, batch by batch; the confidences are kept, as its definition needs.

    Parameters
    ----------
    num_classes : int
        Number of classes; 2 for a binary model.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` is given. It is checked, never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        As for ``torchmetrics.Metric``.

    References
    ----------
    As for `ks_calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import KSCalibrationError
    >>> metric = KSCalibrationError(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> metric.compute().item()
    0.25
    """

    confidence: list[Tensor]
    correct: list[Tensor]

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        add_sample_states(self)

    def _add(self, scores: Tensor, labels: Tensor) -> None:
        confidence, correct = top_label(self._probabilities(scores), labels)
        self.confidence.append(confidence)
        self.correct.append(correct)

    def compute(self) -> Tensor:
        """The Kolmogorov-Smirnov calibration error of all samples so far."""
        self._check_not_empty()
        confidence, correct = samples(self)
        return self._value(ks_distance(confidence.numpy(), correct.numpy()))


def add_sample_states(metric: CalibrationMetric) -> None:
    metric._keep("confidence", torch.empty(0, dtype=torch.float64))
    metric._keep("correct", torch.empty(0, dtype=torch.bool))


def samples(metric: "CalibrationError | KSCalibrationError") -> tuple[Tensor, Tensor]:
    return dim_zero_cat(metric.confidence).cpu(), dim_zero_cat(metric.correct).cpu()
