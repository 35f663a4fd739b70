"""The binned calibration error, batch by batch."""

from typing import Any, get_args

from torch import Tensor

from calibkit._checks import check_choice
from calibkit._types import Binning
from calibkit.metrics.base import Of, Predictions
from calibkit.metrics.calibration_error import BinnedCalibrationError, Norm, quantile_error
from calibkit.metrics.streamed._base import StreamedConfidences, StreamedSums


class CalibrationError(StreamedSums, StreamedConfidences):
    """The binned calibration error (ECE, RMSCE or MCE), computed batch by batch.

    With bins of equal width, the state is three float64 sums per bin, whatever the number of
    samples is. With bins of equal mass, the confidence of every sample is kept.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    n_bins : int, default 15
        Number of bins.
    norm : {"l1", "l2", "max"}, default "l1"
        How the gaps of the bins are combined.
    binning : {"uniform", "quantile"}, default "uniform"
        Whether the bins have equal width over [0, 1], or hold equally many samples.
    debias : bool, default False
        Whether to subtract what chance alone is expected to add. This needs the norm "l2".
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
        If ``num_classes`` or ``n_bins`` is not an integer, if ``debias`` is neither True nor False,
        or if ``ignore_index`` is neither an integer nor None.
    ValueError
        If ``num_classes`` is less than 2, if ``n_bins`` is less than 1, if ``norm``,
        ``binning`` or ``input`` is not one of its choices, or if ``debias`` is asked for another
        norm than "l2".

    See Also
    --------
    calibkit.calibration_error : Compute the same metric with a function.
    calibkit.ClasswiseCalibrationError : Average the calibration errors of all classes.

    References
    ----------
    See `calibration_error`.

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

    metric: BinnedCalibrationError

    def __init__(
        self,
        num_classes: int,
        n_bins: int = 15,
        norm: Norm = "l1",
        binning: Binning = "uniform",
        *,
        debias: bool = False,
        of: Of | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(num_classes, **kwargs)
        self._judge(of)
        check_choice(binning, "binning", get_args(Binning))
        self.binning = binning
        metric = BinnedCalibrationError(n_bins, norm, debias, of)
        if binning == "uniform":
            self._keep_sums(metric)
        else:
            self.metric = metric
            self._keep_confidences()

    def _add(self, predictions: Predictions) -> None:
        kept = StreamedSums if self.binning == "uniform" else StreamedConfidences
        kept._add(self, predictions)

    def _value(self) -> Tensor:
        if self.binning == "uniform":
            return super()._value()
        return self._as_tensor(quantile_error(self.metric, self._kept()))
