"""Does what was fitted on one distribution still help on another?"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass

import torch
from torch import nn

from calibkit.bins import Labels, Probabilities
from calibkit.bootstrap import Interval
from calibkit.distributed import alone
from calibkit.report import Report, check_fitted, evaluate, logits_of
from calibkit.scalers import FitSummary, Scaler, TemperatureScaler
from calibkit.tables import with_range


@dataclass(frozen=True, eq=False)
class ShiftCheck:
    """What `check_shift` found; printed, a few lines.

    Attributes
    ----------
    verdict : {"helps", "hurts", "makes no clear difference"}
        By the interval of the change in NLL.
    report : Report
        Before and after the scaler, on the shifted set.
    refit : FitSummary or None
        Of temperature scaling fitted on the shifted set itself, with the temperature that it asks
        for; None where no temperature is best.
    """

    verdict: str
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
        return "\n".join(lines)

    def to_dict(self) -> dict[str, object]:
        """Everything as plain numbers in nested dictionaries, ready for JSON."""
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
    ignore_index: int | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> ShiftCheck:
    """Tell whether a scaler fitted in distribution helps or hurts on another set.

    It helps if the 95 % interval of the paired change in NLL lies below 0, and hurts if above.

    Parameters
    ----------
    scaler : Scaler
        Fitted in distribution.
    model_or_logits : nn.Module, or Tensor or array of shape (N, C), (N, C, ...), (N, 1) or (N,)
        A model, run in eval mode and given back as it came, or its unscaled logits.
    loader_or_labels : iterable, or Tensor or array of shape (N,) or (N, ...)
        With a model a loader over the shifted set, with logits the labels.
    n_bins : int, default 15
        Number of bins of equal width for the ECE.
    n_resamples : int, default 1000
        For the intervals.
    seed : int, default 0
        Same seed, same result.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    progress : bool, default True
        Show a progress bar on stderr while the model runs.
    device : torch.device or str, optional
        Where to run the model. Default: where it is.

    Returns
    -------
    ShiftCheck
        The verdict, the report on this set, and the temperature that this set asks for.

    Raises
    ------
    TypeError, ValueError, RuntimeError
        As `evaluate` does.

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
      ECE  +16.2% (+15.8% to +16.5%)
      fitted temperature 3.05
      this set asks for  0.511 (0.489 to 0.534)
    """
    check_fitted(scaler)
    rows = logits_of(
        model_or_logits,
        loader_or_labels,
        ignore_index=ignore_index,
        progress=progress,
        device=device,
    )
    logits, labels = rows.flat()
    report = evaluate(
        logits, labels, scaler=scaler, n_bins=n_bins, n_resamples=n_resamples, seed=seed
    )
    assert report.change is not None
    return ShiftCheck(_verdict(report.change.nll), report, _refit(logits, labels))


def _verdict(change: Interval) -> str:
    if change.high < 0:
        return "helps"
    return "hurts" if change.low > 0 else "makes no clear difference"


def _refit(logits: torch.Tensor, labels: torch.Tensor) -> FitSummary | None:
    try:
        with alone():
            return TemperatureScaler().fit_logits(logits, labels).summary
    except ValueError:  # no temperature is best, or one class only
        return None
