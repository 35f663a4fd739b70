"""The Kolmogorov-Smirnov calibration error, batch by batch."""

from typing import Any

from torch import Tensor

from calibkit.metrics.base import Of
from calibkit.metrics.kolmogorov_smirnov import ks_distance
from calibkit.metrics.streamed._base import StreamedConfidences


class KSCalibrationError(StreamedConfidences):
    """The Kolmogorov-Smirnov calibration error, computed batch by batch.

    The confidence of every sample is kept, because the definition needs their order.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        Further options, which are passed to ``torchmetrics.Metric``.

    Raises
    ------
    TypeError
        If ``num_classes`` is not an integer, or if ``ignore_index`` is neither an integer nor None.
    ValueError
        If ``num_classes`` is less than 2, or if ``input`` is not one of its choices.

    See Also
    --------
    calibkit.ks_calibration_error : Compute the same metric with a function.
    calibkit.SmoothCalibrationError : Compute an error without bins, in constant memory.

    References
    ----------
    See `ks_calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import KSCalibrationError
    >>> metric = KSCalibrationError(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> metric.compute().item()
    0.25
    """

    def __init__(self, num_classes: int, *, of: Of | None = None, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._judge(of)
        self._keep_confidences()

    def _value(self) -> Tensor:
        return self._as_tensor(ks_distance(self._kept()))
