"""Temperature scaling, which divides all logits by one number."""

import math
from typing import ClassVar

import torch
from torch import Tensor

from calibkit._attributes import CheckedAttributes
from calibkit._checks import check_not_negative, check_temperature
from calibkit._rows import Rows
from calibkit._temperature_search import find_best_inverse_temperature
from calibkit.scalers.base import FitSummary, Scaler


def check_smoothing(value: float) -> float:
    """Return a number of random labels as a float, or raise an error if it is negative."""
    advice = "0 adds no random label, and 1 adds one"
    return check_not_negative(value, "smoothing", high=math.inf, advice=advice)


def without_overflow(scaled: Tensor, logits: Tensor, dtype: torch.dtype) -> Tensor:
    """Return scaled logits in a type in which every finite logit stays finite.

    The softmax of infinity is NaN, and so is the cross-entropy.
    """
    limits = torch.finfo(dtype)
    finite = scaled.clamp(limits.min, limits.max)
    return torch.where(logits.isinf(), scaled, finite).to(dtype)


class TemperatureScaler(CheckedAttributes, Scaler):
    """A scaler that divides the logits by one number, the temperature T > 0.

    The temperature minimises the NLL of the calibration set, and the scaler finds this minimum
    exactly. The NLL is convex in the inverse temperature, so a bracketed Newton iteration with
    float64 sums reaches the minimum without a learning rate. Under ``torch.distributed`` every
    process fits on its own part of the calibration set, and all processes get the temperature of
    the whole set. If their logits differ in precision, all compute in the highest one.

    Parameters
    ----------
    init_temperature : float, default 1.0
        The temperature before a fit.
    smoothing : float, default 0.0
        How many samples with random labels a fit adds, for a very small calibration set or one on
        which all answers are right. Their label is equally likely to be any of the C classes. This
        is label smoothing. Laplace's rule of succession would add C of them, one of each class. It
        keeps the temperature above 0 but raises it: the surer a model is, the more does one random
        label matter. A fit refuses more than 10 000 of them for each sample.

    Attributes
    ----------
    temperature : float
        The number that the logits are divided by. A temperature above 1 lowers the confidences,
        and one below 1 raises them. It can be set to any positive and finite number.
    summary : FitSummary or None
        What the fit did, with a confidence interval of the temperature. None before a fit. Its NLL
        does not count the random labels. With them, the interval follows from the curvature of the
        NLL alone, because the differences between so few samples say too little. For 10 and for 30
        samples, it then holds the true temperature more often than 95 times in 100.

    Raises
    ------
    TypeError
        If `smoothing` is not a number.
    ValueError
        If `init_temperature` is not a positive and finite number, or if `smoothing` is negative or
        not finite.

    See Also
    --------
    calibkit.VectorScaler : Give each class a factor and a bias.
    calibkit.UniformMixtureScaler : Calibrate a model if some labels are noise.
    calibkit.temperature_curve : Plot NLL and ECE over the temperature.
    calibkit.evaluate : Report what a scaler gains on a test set.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2, equation 9. https://arxiv.org/abs/1706.04599

    Szegedy, Vanhoucke, Ioffe, Shlens and Wojna (2016). Rethinking the Inception Architecture for
    Computer Vision. CVPR. Section 7, label smoothing. https://arxiv.org/abs/1512.00567

    White (1982). Maximum Likelihood Estimation of Misspecified Models. Econometrica 50.
    This is the source of the sandwich formula for the interval. https://doi.org/10.2307/1912526

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> labels = torch.tensor([0, 1, 0, 0])
    >>> scaler = TemperatureScaler().fit_logits(logits, labels)
    >>> round(scaler.temperature, 4)  # three of four answers are right, so T = 4 / log 3
    3.641
    >>> scaler(logits).softmax(-1)[0]
    tensor([0.7500, 0.2500])
    >>> print(scaler.summary)
    TemperatureScaler
      samples     4
      parameters  1
      NLL before  1.0181
      NLL after   0.5623
      iterations  3
      optimum     the next Newton step would move T by less than 1e-10 of it
      temperature 3.641 (95%: 0.464 to 28.57)
    """

    fitted_names = ("temperature",)
    _shapes: ClassVar = {"temperature": ""}
    _attribute_checks: ClassVar = {"temperature": check_temperature, "smoothing": check_smoothing}

    def __init__(self, init_temperature: float = 1.0, smoothing: float = 0.0) -> None:
        super().__init__()
        self.smoothing = smoothing
        # A plain float stays exact in every precision of the model and on every device.
        self.temperature: float = check_temperature(init_temperature)

    def _fit(self, rows: Rows) -> None:
        found = find_best_inverse_temperature(rows, self.smoothing)
        self.temperature = 1 / found.inverse_temperature
        # A larger exponent would overflow, and with this one the interval is already unbounded in
        # practice.
        factor = math.exp(min(1.959964 * found.relative_error, 700))
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=found.n_samples,
            n_parameters=1,
            nll_before=found.nll_before,
            nll_after=found.nll_after,
            iterations=found.iterations,
            message=f"the next Newton step would move T by less than {found.tolerance:g} of it",
            temperature=self.temperature,
            temperature_interval=(self.temperature / factor, self.temperature * factor),
        )

    def forward(self, logits: Tensor) -> Tensor:
        """Return the logits divided by T, in their shape and precision."""
        scaled = logits / self.temperature
        if self.temperature >= 1:
            return scaled
        return without_overflow(scaled, logits, scaled.dtype)

    def _set_fitted(self, values: dict[str, Tensor]) -> None:
        self.temperature = float(values["temperature"])

    def extra_repr(self) -> str:
        """Return the temperature as part of the printed scaler."""
        smoothing = f", smoothing={self.smoothing:g}" if self.smoothing else ""
        return f"temperature={self.temperature:.4g}{smoothing}"
