"""The proper scores, batch by batch."""

from typing import Any

from calibkit.metrics.proper_scores import NLL, Brier
from calibkit.metrics.streamed._base import StreamedSums


class BrierScore(StreamedSums):
    """The Brier score, computed batch by batch.

    The state is a count and a float64 sum.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
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
    calibkit.brier_score : Compute the same metric with a function.
    calibkit.NegativeLogLikelihood : Compute the other proper score.

    References
    ----------
    See `brier_score`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import BrierScore
    >>> metric = BrierScore(num_classes=2)
    >>> metric.update(torch.tensor([[0.75, 0.25], [0.75, 0.25]]), torch.tensor([0, 1]))
    >>> metric.compute().item()
    0.625
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._keep_sums(Brier())


class NegativeLogLikelihood(StreamedSums):
    """The negative log-likelihood (NLL) in nats, computed batch by batch.

    The state is a count and a float64 sum.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
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
    calibkit.negative_log_likelihood : Compute the same metric with a function.
    calibkit.BrierScore : Compute the other proper score.

    References
    ----------
    See `negative_log_likelihood`.

    Examples
    --------
    >>> import torch
    >>> from calibkit import NegativeLogLikelihood
    >>> metric = NegativeLogLikelihood(num_classes=2, input="logits")
    >>> metric.update(torch.tensor([[1000.0, 0.0]]), torch.tensor([1]))
    >>> metric.compute().item()
    1000.0
    """

    def __init__(self, num_classes: int, **kwargs: Any) -> None:
        super().__init__(num_classes, **kwargs)
        self._keep_sums(NLL())
