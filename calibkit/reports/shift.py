"""A check of whether a scaler that was fitted on one distribution still helps on another."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Literal

import torch
from torch import nn

from calibkit._distributed import single_process
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of
from calibkit.reports._measuring import check_fitted, logits_of
from calibkit.reports._tables import with_range
from calibkit.reports.evaluate import evaluate
from calibkit.reports.report import Report
from calibkit.scalers.base import FitSummary, Scaler
from calibkit.scalers.temperature import TemperatureScaler
from calibkit.uncertainty.bootstrap import Interval

# Five changes of the same sign are chance in more than 5 of 100 cases, and six are not. The
# interval of a single sample has no width at all.
_LEAST_FOR_VERDICT = 6

Verdict = Literal["helps", "hurts", "makes no clear difference"]


@dataclass(frozen=True, eq=False)
class ShiftCheck:
    """The result of `check_shift`, which prints as a few lines.

    Attributes
    ----------
    verdict : {"helps", "hurts", "makes no clear difference"}
        What the scaler does to the NLL, judged by the 95% interval of the change.
    report : Report
        The metrics before and after scaling, on the shifted test set.
    refit : FitSummary or None
        The fit of temperature scaling on the shifted test set itself, whose temperature is the one
        that this set asks for. It is None if no temperature is best, or if all labels are the same.

    See Also
    --------
    calibkit.check_shift : Run the check.
    """

    verdict: Verdict
    report: Report
    refit: FitSummary | None

    def __str__(self) -> str:
        change = self.report.change
        assert change is not None
        scaler = self.report.summary.scaler if self.report.summary else "the scaler"
        lines = [
            f"On these {self.report.n_samples} samples the fitted {scaler} {self.verdict}.",
            f"  NLL  {with_range(change.nll, '+.3f')}",
            f"  ECE  {with_range(change.ece, '+.1%')}",
        ]
        if self.report.summary and self.report.summary.temperature is not None:
            lines.append(f"  fitted temperature {self.report.summary.temperature:.3g}")
        if self.refit and self.refit.temperature_interval:
            low, high = self.refit.temperature_interval
            lines.append(
                f"  this set asks for  {self.refit.temperature:.3g} ({low:.3g} to {high:.3g})"
            )
        lines += [f"  {note}" for note in self.report.notes]
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Return everything but the bins in nested dictionaries of plain values, ready for JSON."""
        refit = None if self.refit is None else asdict(self.refit)
        return {"verdict": self.verdict, "report": self.report.to_dict(), "refit": refit}


def check_shift(
    scaler: Scaler,
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    of: Of | None = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> ShiftCheck:
    """Check whether a fitted scaler helps or hurts on a test set from another distribution.

    The scaler helps if the 95% interval of the paired change of the NLL is below 0, and it hurts
    if the interval is above 0. Otherwise it makes no clear difference. Fewer than six samples, or
    weights that leave as little information, never show a clear difference.

    Parameters
    ----------
    scaler : Scaler
        A scaler that was fitted on samples from the original distribution.
    model_or_logits : nn.Module, or Tensor or array of shape (N, C), (N, C, ...), (N, 1) or (N,)
        A model or its unscaled logits. A model runs in eval mode, and afterwards it is in the mode
        and on the device that it had before.
    loader_or_labels : iterable, or Tensor or array of shape (N,) or (N, ...)
        A loader over the shifted test set if a model is given, or the labels if logits are given.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for the ECE.
    n_resamples : int, default 1000
        Number of resamples for the intervals, the noise floor and the p-value, at least 40.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts, as for `evaluate`. By default every weight is 1.
    progress : bool, default True
        Whether to show a progress bar on stderr while the model runs.
    device : torch.device or str, optional
        Where the model runs. By default it runs where it is.

    Returns
    -------
    ShiftCheck
        The verdict, the report on this test set, and the temperature that it asks for.

    Raises
    ------
    TypeError
        If `scaler` is not a scaler of calibkit, or for another reason that `evaluate` names.
    ValueError
        For a reason that `evaluate` names.
    RuntimeError
        If the scaler is not fitted.

    See Also
    --------
    calibkit.evaluate : Measure a model on a test set from the same distribution.

    References
    ----------
    Ovadia, Fertig, Ren, Nado, Sculley, Nowozin, Dillon, Lakshminarayanan and Snoek (2019). Can You
    Trust Your Model's Uncertainty? NeurIPS. https://arxiv.org/abs/1906.02530

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler, check_shift
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(3000, 10, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> scaler = TemperatureScaler().fit_logits(3 * logits[:1000], labels[:1000])
    >>> print(check_shift(scaler, logits[1000:] / 2, labels[1000:]))
    On these 2000 samples the fitted TemperatureScaler hurts.
      NLL  +0.436 (+0.418 to +0.453)
      ECE  +16.2% (+15.8% to +17.1%)
      fitted temperature 3.05
      this set asks for  0.511 (0.489 to 0.534)
    """
    check_fitted(scaler)
    rows = logits_of(
        model_or_logits,
        loader_or_labels,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        progress=progress,
        device=device,
    )
    logits, labels, weights = rows.flat()
    report = evaluate(
        logits,
        labels,
        scaler=scaler,
        n_bins=n_bins,
        n_resamples=n_resamples,
        seed=seed,
        of=of,
        sample_weight=weights,
    )
    assert report.change is not None
    n = report.effective_n_samples or report.n_samples
    return ShiftCheck(_verdict(report.change.nll, n), report, _refit(logits, labels, weights))


def _verdict(change: Interval, n: float) -> Verdict:
    if round(n) < _LEAST_FOR_VERDICT:
        return "makes no clear difference"
    if change.high < 0:
        return "helps"
    return "hurts" if change.low > 0 else "makes no clear difference"


def _refit(
    logits: torch.Tensor, labels: torch.Tensor, weights: torch.Tensor | None
) -> FitSummary | None:
    try:
        with single_process():
            return TemperatureScaler().fit_logits(logits, labels, sample_weight=weights).summary
    except ValueError:  # no temperature is best, or all labels are the same
        return None
