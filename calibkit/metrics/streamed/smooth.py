"""The smooth calibration error, batch by batch."""

from typing import Any

from calibkit.metrics.base import Of
from calibkit.metrics.smooth import SmoothError
from calibkit.metrics.streamed._base import StreamedSums


class SmoothCalibrationError(StreamedSums):
    """The smooth calibration error (smECE), computed batch by batch.

    The state is a histogram of 32 768 float64 sums, whatever the number of samples is.

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
    calibkit.smooth_calibration_error : Compute the same metric with a function.
    calibkit.CalibrationError : Compute the error in bins.

    References
    ----------
    See `smooth_calibration_error`.

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

    def __init__(self, num_classes: int, *, of: Of | None = None, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._judge(of)
        self._keep_sums(SmoothError(of))
