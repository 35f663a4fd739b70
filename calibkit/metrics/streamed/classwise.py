"""The classwise calibration error, batch by batch."""

from typing import Any

from calibkit.metrics.classwise import ClasswiseError
from calibkit.metrics.streamed._base import StreamedSums


class ClasswiseCalibrationError(StreamedSums):
    """The mean over classes of the ECE of each class, computed batch by batch.

    The state is one float64 sum per class and bin.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1].
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        Further options, which are passed to ``torchmetrics.Metric``.

    Raises
    ------
    TypeError
        If ``num_classes`` or ``n_bins`` is not an integer, or if ``ignore_index`` is neither an
        integer nor None.
    ValueError
        If ``num_classes`` is less than 2, if ``n_bins`` is less than 1, or if ``input`` is not one
        of its choices.

    See Also
    --------
    calibkit.classwise_calibration_error : Compute the same metric with a function.
    calibkit.CalibrationError : Compute the error of the top class alone.

    References
    ----------
    See `classwise_calibration_error`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import ClasswiseCalibrationError
    >>> metric = ClasswiseCalibrationError(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 0]))
    >>> metric.compute().item()
    0.25
    """

    def __init__(self, num_classes: int, n_bins: int = 15, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._keep_sums(ClasswiseError(n_bins))
