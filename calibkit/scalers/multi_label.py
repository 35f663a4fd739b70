"""Temperature scaling of a multi-label model, which gives the logit of a sigmoid for each label."""

import math
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_flag
from calibkit._conversion import as_tensor
from calibkit._distributed import (
    gather_from_processes,
    sum_over_processes,
    total_over_processes,
)
from calibkit._multi_label import check_multi_label, rows_of_label, samples_of
from calibkit._rows import Rows
from calibkit._temperature_search import (
    NoOptimumError,
    TemperatureOptimum,
    find_best_inverse_temperature,
)
from calibkit._types import SampleWeight
from calibkit.inference import collect_calibration_set
from calibkit.scalers.base import FitSummary, Scaler
from calibkit.scalers.temperature import check_smoothing, without_overflow

# This many label entries are in memory at a time as float64 copies.
_CHUNK_ELEMENTS = 2**18


def _check_temperatures(value: Any) -> Tensor:
    found = as_tensor(value, "temperatures").detach().to("cpu", torch.float64)
    wrong = found[~(found.isfinite() & (found > 0))]
    if found.ndim != 1 or len(wrong):
        shown = f"{wrong[0]:g}" if len(wrong) else f"the shape {tuple(found.shape)}"
        raise ValueError(
            "temperatures must be positive, finite numbers in one row, one for all labels or one "
            f"for each, got {shown}; [1.0] leaves the logits as they are"
        )
    return found


class MultiLabelTemperatureScaler(CheckedAttributes, Scaler):
    r"""A scaler that divides the logits of a multi-label model by a temperature.

    A multi-label model gives one logit $z$ for each label and says with
    :math:`\mathrm{sigmoid}(z)` how likely it is that the label applies to the sample. Any number of
    labels may apply. The scaler divides all logits by one temperature T > 0, or those of each label
    by a temperature of their own. It minimises the NLL of the labels, which is the mean binary
    cross-entropy, in the same exact way as `calibkit.TemperatureScaler`: one temperature is that of
    all N x L entries, and one for each label is that of L binary models.

    Parameters
    ----------
    per_label : bool, default False
        Whether each label gets its own temperature. Every label must then apply to some samples of
        the calibration set and not to others.
    smoothing : float, default 0.0
        How many entries with random labels a fit adds, for a very small calibration set or one on
        which all answers are right. With ``per_label=True`` every label gets so many.

    Attributes
    ----------
    temperatures : Tensor of float64, shape (1,) or (L,)
        One temperature for all labels, or that of each label. It is empty before a fit.
    temperature_intervals : Tensor of float64, shape (1, 2) or (L, 2)
        The 95% confidence intervals of the temperatures that an infinitely large calibration set
        would give. Only the samples need to be independent, not the labels of a sample. If the
        intervals of most labels hold the temperature that is best for all of them, one temperature
        for each is not worth it.
    summary : FitSummary or None
        What the fit did. None before a fit. Its number of samples counts the entries of the labels.

    Raises
    ------
    TypeError
        If `per_label` is not True or False, or if `smoothing` is not a number.
    ValueError
        If `smoothing` is negative or not finite.

    See Also
    --------
    calibkit.evaluate_multi_label : Report what the scaler gains on a test set, label by label.
    calibkit.TemperatureScaler : Calibrate a model of which one class applies to each sample.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2, equation 9, here with a sigmoid. https://arxiv.org/abs/1706.04599

    Liang and Zeger (1986). Longitudinal Data Analysis Using Generalized Linear Models. Biometrika
    73. The interval sums the slopes of each sample. https://doi.org/10.1093/biomet/73.1.13

    Examples
    --------
    >>> import torch
    >>> from calibkit import MultiLabelTemperatureScaler
    >>> generator = torch.Generator().manual_seed(0)
    >>> truth = 2 * torch.randn(2000, 3, generator=generator)
    >>> labels = torch.bernoulli(truth.sigmoid(), generator=generator)  # any number of labels a row
    >>> logits = truth * torch.tensor([1.0, 2.0, 4.0])  # the third label is four times too sure
    >>> scaler = MultiLabelTemperatureScaler(per_label=True).fit_logits(logits, labels)
    >>> scaler.temperatures
    tensor([1.0993, 2.0005, 3.9288], dtype=torch.float64)
    >>> scaler(logits).sigmoid().shape
    torch.Size([2000, 3])
    """

    fitted_names = ("temperatures", "temperature_intervals")
    _shapes: ClassVar = {"temperatures": "L", "temperature_intervals": "LE"}
    _attribute_checks: ClassVar = {
        "temperatures": _check_temperatures,
        "smoothing": check_smoothing,
        "per_label": partial(check_flag, name="per_label"),
    }

    def __init__(self, per_label: bool = False, smoothing: float = 0.0) -> None:
        super().__init__()
        self.per_label = per_label
        self.smoothing = smoothing
        self.temperatures = torch.empty(0, dtype=torch.float64)
        self.temperature_intervals = torch.empty(0, 2, dtype=torch.float64)

    def fit(
        self,
        model: nn.Module,
        calib_loader: Iterable[object],
        *,
        ignore_index: int | None = None,
        progress: bool = True,
        device: torch.device | str | None = None,
    ) -> Self:
        """Fit on the logits that a multi-label model returns for the calibration set.

        The model runs in eval mode. Afterwards every module is in the mode and on the device that
        it had before.

        Parameters
        ----------
        model : nn.Module
            A model that maps a batch of inputs to logits of shape (batch, L), or (batch, L, ...).
        calib_loader : iterable
            A source of batches, as for `calibkit.collect_logits`, with multi-hot labels in the
            shape of the logits.
        ignore_index : int, optional
            Entries of the labels with this value are left out, such as -1 for missing ones.
        progress : bool, default True
            Whether to show a progress bar on stderr.
        device : torch.device or str, optional
            Where the model runs. By default it runs where it is.

        Returns
        -------
        MultiLabelTemperatureScaler
            The scaler itself.

        Raises
        ------
        TypeError
            If `model` is not an ``nn.Module``, if `calib_loader` gives no batches that
            `calibkit.collect_logits` accepts, or for a reason that `fit_logits` names.
        ValueError
            If `calib_loader` gives no sample, if logits and labels of a batch differ in shape, or
            for a reason that `calibkit.collect_logits` or `fit_logits` names.
        """
        collect = partial(
            collect_calibration_set,
            model,
            calib_loader,
            progress=progress,
            device=device,
            multi_label=True,
        )
        return self._fit_calibration_set(collect, ignore_index, None)

    def fit_logits(
        self,
        logits: Tensor | NDArray[np.floating],
        labels: Tensor | NDArray[np.generic],
        *,
        ignore_index: int | None = None,
        sample_weight: SampleWeight | None = None,
    ) -> Self:
        """Fit on the logits and the multi-hot labels of the calibration set.

        Parameters
        ----------
        logits : Tensor or array, shape (N, L) or (N, L, ...)
            What the model returns before the sigmoid, one number for each of the L labels.
        labels : Tensor or array, of the same shape
            1 where a label applies and 0 where it does not, as integers, booleans or floats.
        ignore_index : int, optional
            Entries of the labels with this value are left out, such as -1 for missing ones.
        sample_weight : Tensor or array, shape (N,) or that of the labels, optional
            How much each sample, or each entry of the labels, counts. A sample of weight 2 counts
            like two samples, and a sample of weight 0 is left out. By default every weight is 1.

        Returns
        -------
        MultiLabelTemperatureScaler
            The scaler itself.

        Raises
        ------
        TypeError
            If `logits` is not a dense floating-point tensor or array, if `labels` is no tensor or
            array of numbers, or if `ignore_index` is neither an integer nor None.
        ValueError
            If `logits` and `labels` differ in shape, if a logit is NaN, infinite or larger than
            1e100 in magnitude, if the logits look like probabilities, if an entry of the labels is
            neither 0 nor 1, if a weight is negative, NaN or infinite, if there is no sample, or if
            all entries are the same. With ``per_label=True``, also if all entries of one label are
            the same. After any error, the scaler stays as it was.
        NoOptimumError
            If the NLL, or with ``per_label=True`` that of one label, has no minimum at a finite
            temperature above 0. This error is a ValueError.
        """
        return self._fit_calibration_set(lambda: (logits, labels), ignore_index, sample_weight)

    def _check(self, logits: object, labels: object, **options: Any) -> Rows:
        return check_multi_label(logits, labels, **options)

    def _samples(self, rows: Rows) -> Rows:
        # A sample is recognised by the logits of all its labels.
        return samples_of(rows)

    def _fit(self, rows: Rows) -> None:
        n_labels = _agree_on_number_of_labels(rows)
        parts = [rows_of_label(rows, k) for k in range(n_labels)] if self.per_label else [rows]
        found = [self._find(part, k) for k, part in enumerate(parts)]
        self.temperatures = torch.tensor(
            [1 / one.inverse_temperature for one in found], dtype=torch.float64
        )
        weights = torch.tensor([part.total_weight for part in parts], dtype=torch.float64)
        share = total_over_processes(weights)
        share = share / share.sum()
        nlls = torch.tensor([(one.nll_before, one.nll_after) for one in found], dtype=torch.float64)
        nll_before, nll_after = (share @ nlls).tolist()
        each = "each T" if self.per_label else "T"
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=sum(one.n_samples for one in found),
            n_parameters=len(found),
            nll_before=nll_before,
            nll_after=nll_after,
            iterations=max(one.iterations for one in found),
            message=f"the next Newton step would move {each} by less than "
            f"{max(one.tolerance for one in found):g} of it",
        )
        errors = [one.relative_error for one in found]
        if not self.per_label:
            clustered = _relative_error(rows, found[0].inverse_temperature)
            errors = [max(clustered, *errors) if self.smoothing else clustered]
        factors = torch.tensor(
            # A larger exponent would overflow, and with this one the interval is already unbounded
            # in practice.
            [math.exp(min(1.959964 * error, 300)) for error in errors],
            dtype=torch.float64,
        )
        ends = self.temperatures / factors, self.temperatures * factors
        self.temperature_intervals = torch.stack(ends, 1)
        if not self.per_label:
            low, high = self.temperature_intervals[0].tolist()
            self.summary = replace(
                self.summary,
                temperature=float(self.temperatures),
                temperature_interval=(low, high),
            )

    def _find(self, rows: Rows, k: int) -> TemperatureOptimum:
        """Return the best temperature of these entries, or say which label has none."""
        of_label = f"label {k}" if self.per_label else "the labels"
        share = ", or per_label=False, which shares one temperature" if self.per_label else ""
        labels = rows.counted_labels
        counts = torch.stack([(labels == value).sum() for value in (0, 1)]).double()
        n_0, n_1 = sum_over_processes(counts)
        if 0 in {n_0, n_1}:
            found = f"{n_0 or n_1:.0f} times {int(n_0 == 0)}" if n_0 or n_1 else "no entry"
            raise ValueError(
                f"{of_label} must hold both 0 and 1, got {found}; use a larger calibration "
                f"set{share}"
            )
        try:
            return find_best_inverse_temperature(rows, self.smoothing)
        except NoOptimumError as error:
            if error.limit == 0:
                reason = (
                    "the sign of the logit is right for every entry, so the NLL falls for ever as "
                    "T goes to 0; use a larger calibration set, one that the model was not trained "
                    f"on, or MultiLabelTemperatureScaler(smoothing=1){share}"
                )
            else:
                reason = (
                    "the logits are no higher where a label applies than where it does not, so the "
                    "NLL falls for ever as T grows; check that the columns of logits "
                    f"and labels belong together{share}"
                )
            raise NoOptimumError(
                f"no temperature is best for {of_label}: {reason}", error.limit
            ) from None

    def forward(self, logits: Tensor) -> Tensor:
        """Return the logits (N, L, ...) divided by the temperatures, in their shape and precision.

        Raises
        ------
        RuntimeError
            If the scaler is not fitted.
        ValueError
            If each label has its own temperature, and `logits` has another number of labels.
        """
        self.check_fitted()
        n_labels = len(self.temperatures)
        if n_labels > 1 and (logits.ndim < 2 or logits.shape[1] != n_labels):
            raise ValueError(
                f"logits must have {n_labels} labels as in the fit, got {tuple(logits.shape)}; fit "
                f"a {type(self).__name__} for this model"
            )
        dtype = logits.dtype if logits.is_floating_point() else torch.get_default_dtype()
        precise = logits.to(torch.promote_types(dtype, torch.float32))
        representable = torch.finfo(precise.dtype)
        temperatures = self.temperatures.clamp(representable.tiny, representable.max)
        temperatures = temperatures.to(precise.device, precise.dtype)
        shape = (n_labels, *(1,) * (logits.ndim - 2))
        scaled = precise / temperatures.reshape(shape)
        return without_overflow(scaled, precise, dtype)

    def extra_repr(self) -> str:
        """Return the temperatures as part of the printed scaler."""
        shown = [f"{value:.4g}" for value in self.temperatures[:10].tolist()]
        more = ", ..." if len(self.temperatures) > 10 else ""
        smoothing = f", smoothing={self.smoothing:g}" if self.smoothing else ""
        return f"per_label={self.per_label}, temperatures=[{', '.join(shown)}{more}]{smoothing}"


def _agree_on_number_of_labels(rows: Rows) -> int:
    here = rows.scores.shape[2] if rows.scores.ndim > 2 else 0
    numbers = {number for (number,) in gather_from_processes([here])} - {0}
    if len(numbers) > 1:
        raise ValueError(
            f"all processes must pass logits of the same labels, got {sorted(numbers)} labels in "
            "different processes; run the same model in every process"
        )
    return max(numbers)


def _relative_error(rows: Rows, b: float) -> float:
    """Return the standard error of the optimal inverse temperature b, divided by b.

    It is that of the sandwich formula, in which the slopes of all entries of a sample count as one,
    because the labels of a sample may depend on each other.
    """
    z = rows.scores[:, 1:].flatten(1)
    labels = rows.labels.reshape(z.shape)
    weights = torch.ones_like(z, dtype=torch.float64)
    if rows.weights is not None:
        weights = rows.weights.reshape(z.shape)
    if rows.ignore_index is not None:
        weights = weights.masked_fill(labels == rows.ignore_index, 0)
    total = torch.zeros(2, dtype=torch.float64, device=z.device)
    size = max(1, _CHUNK_ELEMENTS // max(1, z.shape[1]))
    parts = (tensor.split(size) for tensor in (z, labels, weights))
    for scores, y, w in zip(*parts, strict=True):
        x = scores.double().masked_fill(w == 0, 0)  # What is left out may be NaN.
        p = (b * x).sigmoid()
        slopes = (w * (p - y) * x).sum(1)
        curvatures = w * p * (1 - p) * x.square()
        total += torch.stack([slopes.square().sum(), curvatures.sum()])
    squares, curvature = sum_over_processes(total)
    return math.sqrt(squares) / curvature / b
