"""Scalers: fitted on a calibration set, they map logits to calibrated logits."""

import math
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibkit.checks import check_logits_and_labels, check_several_classes
from calibkit.inference import collect_logits

# two megabytes of float64: fits the cache, and is large enough to share among threads
_CHUNK_ELEMENTS = 2**18
_MAX_ITERATIONS = 200
_RELATIVE_TOLERANCE = 1e-10


class TemperatureScaler(nn.Module):
    """Divide logits by the one number T > 0 that minimises the NLL of a calibration set.

    The optimum is found exactly: the NLL is convex in the inverse temperature, and a bracketed
    Newton iteration with float64 sums finds its minimum without a learning rate.

    Parameters
    ----------
    init_temperature : float, default 1.0
        The temperature before a fit.

    Attributes
    ----------
    temperature : float
        What the logits are divided by. Above 1 it lowers the confidences, below 1 it raises
        them.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2, equation 9. https://arxiv.org/abs/1706.04599

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> labels = torch.tensor([0, 1, 0, 0])
    >>> scaler = TemperatureScaler().fit_logits(logits, labels)
    >>> round(scaler.temperature, 4)  # three of four right: T = 4 / log 3
    3.641
    >>> scaler(logits).softmax(-1)[0]
    tensor([0.7500, 0.2500])
    """

    def __init__(self, init_temperature: float = 1.0) -> None:
        super().__init__()
        # a plain float: exact in every precision of the model and on every device
        self.temperature = _check_temperature(init_temperature)

    def fit(
        self,
        model: nn.Module,
        calib_loader: Iterable[object],
        *,
        progress: bool = True,
        device: torch.device | str | None = None,
    ) -> Self:
        """Find T from a model and a loader over the calibration set.

        The model runs in eval mode and is given back as it came.

        Parameters
        ----------
        model : nn.Module
            Maps a batch of inputs to logits of shape (batch, C).
        calib_loader : iterable
            Gives batches ``(inputs, labels)`` of samples that the model was not trained on.
        progress : bool, default True
            Show a progress bar on stderr.
        device : torch.device or str, optional
            Where to run the model. Default: where it is.

        Returns
        -------
        TemperatureScaler
            The scaler itself.

        Raises
        ------
        TypeError, ValueError
            As `collect_logits` and `fit_logits` do.
        """
        logits, labels = collect_logits(model, calib_loader, progress=progress, device=device)
        return self.fit_logits(logits, labels)

    def fit_logits(
        self, logits: Tensor | NDArray[np.floating], labels: Tensor | NDArray[np.integer]
    ) -> Self:
        """Find T from the logits and the labels of the calibration set.

        Parameters
        ----------
        logits : Tensor or array, shape (N, C)
            What the model gives before the softmax.
        labels : Tensor or array, shape (N,)
            Class indices from 0 to C - 1.

        Returns
        -------
        TemperatureScaler
            The scaler itself.

        Raises
        ------
        TypeError, ValueError
            If logits or labels are of the wrong kind, shape, range or length, if logits are
            probabilities, if the labels hold one class only, or if no finite T > 0 minimises
            the NLL. The temperature is then what it was.
        """
        scores, targets = check_logits_and_labels(logits, labels)
        check_several_classes(targets)
        if scores.device.type == "mps":  # Apple's GPUs have no float64
            scores, targets = scores.cpu(), targets.cpu()
        self.temperature = 1 / _best_inverse_temperature(scores, targets)
        return self

    def forward(self, logits: Tensor) -> Tensor:
        """Return logits / T, in the shape and precision of the logits."""
        return logits / self.temperature

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.temperature, dtype=torch.float64)

    def set_extra_state(self, state: Tensor) -> None:
        self.temperature = _check_temperature(float(state))

    def extra_repr(self) -> str:
        return f"temperature={self.temperature:.4g}"


def _check_temperature(temperature: float) -> float:
    if not isinstance(temperature, int | float | np.number) or not 0 < temperature < math.inf:
        raise ValueError(
            f"a temperature must be a positive, finite number, got {temperature!r}; "
            "1.0 leaves the logits as they are"
        )
    return float(temperature)


class _Derivatives(NamedTuple):
    slope: float
    curvature: float


def _nll_derivatives(logits: Tensor, labels: Tensor, inverse_temperature: float) -> _Derivatives:
    """Of NLL(b) = mean(logsumexp(b z) - b z_y): slope E_p[z] - z_y, curvature Var_p[z]."""
    totals = torch.zeros(2, dtype=torch.float64, device=logits.device)
    rows = max(1, _CHUNK_ELEMENTS // logits.shape[1])
    for chunk, targets in zip(logits.split(rows), labels.split(rows), strict=True):
        z = chunk.to(torch.float64)
        z = z - z.amax(1, keepdim=True)
        z_y = z.gather(1, targets[:, None])[:, 0]
        weights = (z * inverse_temperature).exp_()
        norm = weights.sum(1)
        mean = weights.mul_(z).sum(1) / norm
        mean_square = weights.mul_(z).sum(1) / norm
        totals += torch.stack([(mean - z_y).sum(), (mean_square - mean**2).sum()])
    return _Derivatives(*(totals / len(logits)).tolist())


def _best_inverse_temperature(logits: Tensor, labels: Tensor) -> float:
    _check_optimum_exists(logits, labels)
    low, high = 0.0, math.inf
    here = 1.0
    for _ in range(_MAX_ITERATIONS):
        slope, curvature = _nll_derivatives(logits, labels, here)
        low, high = (here, high) if slope < 0 else (low, here)
        newton = here - slope / curvature if curvature > 0 else math.nan
        if abs(newton - here) <= _RELATIVE_TOLERANCE * here:
            return newton
        here = newton if low < newton < high else _middle(low, high)
    raise RuntimeError(
        f"the search for T did not settle within {_MAX_ITERATIONS} steps, 1 / T is between "
        f"{low:.6g} and {high:.6g}; look for logits of very different sizes"
    )


def _middle(low: float, high: float) -> float:
    """A point well inside the bracket, by ratio, where it has two positive ends."""
    if low == 0:
        return high / 16
    if high == math.inf:
        return low * 16
    return math.sqrt(low * high)


def _check_optimum_exists(logits: Tensor, labels: Tensor) -> None:
    """The NLL, convex in 1 / T, has a minimum if it falls at 0 and rises at infinity."""
    at_zero = _nll_derivatives(logits, labels, 0.0)
    rounding = 1e-12 * math.sqrt(at_zero.curvature)
    if at_zero.slope >= -rounding:
        raise ValueError(
            f"no temperature is best: over the {len(labels)} samples the logit of the label is on "
            "average no higher than the other logits, so the NLL falls for ever as T goes to "
            "infinity; check that labels and logits belong together and count classes alike"
        )
    if (logits.gather(1, labels[:, None])[:, 0] == logits.amax(1)).all():
        raise ValueError(
            f"no temperature is best: all {len(labels)} labels are the model's top class, so the "
            "NLL falls for ever as T goes to 0; use a larger calibration set, one that the model "
            "was not trained on"
        )
