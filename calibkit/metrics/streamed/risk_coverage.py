"""The area under the risk-coverage curve, batch by batch."""

from typing import Any

from torch import Tensor

from calibkit.metrics.base import Of
from calibkit.metrics.risk_coverage import area_under
from calibkit.metrics.streamed._base import StreamedConfidences


class AreaUnderRiskCoverageCurve(StreamedConfidences):
    """The area under the risk-coverage curve (AURC), computed batch by batch.

    The confidence of every sample is kept, because the definition needs their order.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
    of : {"top", "positive"}, default "top"
        Which probability orders the samples. With "top" a model answers with its top class. With
        "positive" a detector answers that y = 1, so every y = 0 is an error.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        Further options, which are passed to ``torchmetrics.Metric``.

    Raises
    ------
    TypeError
        If ``num_classes`` is not an integer, or if ``ignore_index`` is neither an integer nor None.
    ValueError
        If ``num_classes`` is less than 2, or if ``input`` or ``of`` is not one of its choices.

    See Also
    --------
    calibkit.area_under_risk_coverage_curve : Compute the same metric with a function.
    calibkit.risk_coverage_curve : Plot the curve.

    References
    ----------
    See `area_under_risk_coverage_curve`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import AreaUnderRiskCoverageCurve
    >>> metric = AreaUnderRiskCoverageCurve(num_classes=2)
    >>> metric.update(torch.tensor([[0.9, 0.1], [0.6, 0.4]]), torch.tensor([0, 1]))
    >>> metric.update(torch.tensor([[0.8, 0.2], [0.7, 0.3]]), torch.tensor([0, 0]))
    >>> metric.compute().item()
    0.0625
    """

    def __init__(self, num_classes: int, *, of: Of = "top", **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._judge(of)
        self._keep_confidences()

    def _value(self) -> Tensor:
        return self._as_tensor(area_under(self._kept()))
