"""The common base of the scalers that have parameters for every class."""

from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from calibkit._devices import with_float64, without_autocast
from calibkit._distributed import (
    count_over_processes,
    refuse_several_processes,
    total_over_processes,
)
from calibkit._rows import Rows
from calibkit.scalers.base import FitSummary, Scaler


class FitDetails(NamedTuple):
    """What the fit of a `ClassScaler` contributes to its summary."""

    n_parameters: int
    iterations: int
    message: str


class ClassScaler(Scaler):
    """A scaler that has parameters for every class."""

    # Whether a fit sums over all processes that share the calibration set.
    _sums_over_processes: ClassVar[bool] = False

    def _fit(self, rows: Rows) -> None:
        if not self._sums_over_processes:
            refuse_several_processes(type(self).__name__)
        scores, labels, weights = rows.flat()
        _check_every_class(labels, rows.n_classes)
        logits = scores.double()
        details = self._fit_classes(logits, labels, weights)
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=count_over_processes(len(labels)),
            n_parameters=details.n_parameters,
            nll_before=_mean_nll(logits, labels, weights),
            nll_after=_mean_nll(self._calibrate(logits), labels, weights),
            iterations=details.iterations,
            message=details.message,
        )

    @abstractmethod
    def _fit_classes(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> FitDetails:
        """Fit on float64 logits (N, C), labels (N,) and, unless all are 1, weights (N,).

        A fit that fails raises an error and leaves the parameters as they were.
        """

    @abstractmethod
    def _calibrate(self, logits: Tensor) -> Tensor:
        """Map logits (..., C) to calibrated logits (..., C).

        A logit of -inf marks a class that is masked. What becomes of it does not matter, but the
        other classes must get finite values.
        """

    @property
    @abstractmethod
    def n_classes(self) -> int:
        """Number of classes that the scaler was fitted on."""

    def forward(self, logits: Tensor) -> Tensor:
        """Return calibrated logits in the shape and precision of the given logits.

        A class whose logit is -inf is masked and keeps the logit -inf. A row with NaN or with the
        logit infinity becomes NaN.

        Raises
        ------
        RuntimeError
            If the scaler is not fitted.
        ValueError
            If `logits` does not have the number of classes that the scaler was fitted on.
        """
        self.check_fitted()
        if not logits.is_floating_point():
            logits = logits.float()
        single = logits.ndim < 2 or logits.shape[1] == 1
        if single:
            z = logits.reshape(logits.shape[:1] + logits.shape[2:])
            # A logit of infinity means that class 0 is masked.
            class_0_masked = z.isposinf()
            rows = torch.stack(
                [
                    torch.zeros_like(z).masked_fill(class_0_masked, -torch.inf),
                    z.masked_fill(class_0_masked, 0),
                ],
                -1,
            )
        else:
            rows = logits.movedim(1, -1)
        if rows.shape[-1] != self.n_classes:
            one_sample = logits.shape == (self.n_classes,)
            advice = f"fit a {type(self).__name__} for this model"
            raise ValueError(
                f"logits must have {self.n_classes} classes as in the fit, got "
                f"{tuple(logits.shape)}; {'pass logits[None]' if one_sample else advice}"
            )
        # The type float16 cannot represent the logarithms of small probabilities.
        precise = with_float64(rows.to(torch.promote_types(rows.dtype, torch.float32)))
        # A row with NaN or infinity, or one whose classes are all masked, says nothing.
        top = precise.amax(-1, keepdim=True)
        says_nothing = top.isnan() | top.isinf()
        with without_autocast(precise.device):
            calibrated = self._calibrate(precise.masked_fill(says_nothing, 0))
        # A finite number must not become infinite, because the softmax of infinity is NaN.
        limits = torch.finfo(logits.dtype)
        calibrated = calibrated.clamp(limits.min, limits.max)
        calibrated = calibrated.masked_fill(says_nothing, torch.nan)
        calibrated = calibrated.masked_fill(precise.isneginf(), -torch.inf)
        calibrated = calibrated.to(logits.device, logits.dtype)
        if single:
            return (calibrated[..., 1] - calibrated[..., 0]).reshape(logits.shape)
        return calibrated.movedim(-1, 1)


def logit_of_class_1(logits: Tensor) -> Tensor:
    """Return the single logit of class 1, which is equivalent to the logits of both classes."""
    return logits[..., 1] - logits[..., 0]


def ones_unless_given(weights: Tensor | None, labels: Tensor) -> Tensor:
    """Return the weights (N,), which are 1 by default, as float64."""
    return torch.ones_like(labels, dtype=torch.float64) if weights is None else weights


def _mean_nll(logits: Tensor, labels: Tensor, weights: Tensor | None) -> float:
    each = ones_unless_given(weights, labels)
    nll = cross_entropy(logits, labels, reduction="none").double() @ each
    total, n = total_over_processes(torch.stack([nll, each.sum()]))
    return float(total / n)


def _check_every_class(labels: Tensor, n_classes: int) -> None:
    counts = total_over_processes(torch.bincount(labels, minlength=n_classes).double())
    missing = (counts == 0).nonzero()[:, 0].tolist()
    if missing:
        n = f"{counts.sum():.0f}"
        shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(
            f"labels must hold every class, got no sample of {len(missing)} of the {n_classes} "
            f"classes ({shown}) among {n}; use a larger or stratified calibration set, "
            "or TemperatureScaler, which shares one parameter among all classes"
        )
