"""Measure a model on a test set, which gives a report."""

from collections.abc import Iterable

import torch
from torch import nn

from calibkit._checks import check_n_bins, check_n_resamples, check_seed
from calibkit._rows import Rows
from calibkit._types import Labels, Probabilities, SampleWeight
from calibkit.metrics.base import Of
from calibkit.reports._confident_errors import with_confident_errors
from calibkit.reports._doubts import doubts_about
from calibkit.reports._measuring import check_fitted, effective_number, logits_of, measure_sets
from calibkit.reports._overlap import check_no_overlap
from calibkit.reports.breakdown import Measured, check_groups
from calibkit.reports.report import Report
from calibkit.reports.values import change_of, values_of
from calibkit.scalers.base import Scaler


def evaluate(
    model_or_logits: nn.Module | Probabilities,
    loader_or_labels: Iterable[object] | Labels,
    *,
    scaler: Scaler | None = None,
    n_bins: int = 15,
    n_resamples: int = 1000,
    seed: int = 0,
    of: Of | None = None,
    groups: object = None,
    ignore_index: int | None = None,
    sample_weight: SampleWeight | None = None,
    progress: bool = True,
    device: torch.device | str | None = None,
) -> Report:
    """Measure a model on a test set, before and after scaling.

    The report holds the accuracy, the NLL, the Brier score and the ECE with their 95% intervals.
    For two classes, the ECE, its test and the diagrams judge P(y = 1), and the report also holds
    the ECE of the top class. With a scaler, it also holds the change of each metric with its paired
    interval. For the ECE, it gives the noise floor and the p-value of the hypothesis that the model
    is calibrated. All intervals assume independent samples. Pixels of the same image are not
    independent, so for segmentation the intervals are too narrow.

    An ECE hardly shows errors of a model that is nearly certain. Where the tests find no error, the
    report therefore warns of a model whose answers with a confidence above 99% are wrong more often
    than it says. At most 1% of calibrated models get this warning.

    A test set is refused if it holds samples that the scaler was fitted on, at least 1% of the
    smaller of the two sets. They are recognised by their logits. If the logits cannot tell, because
    they are rounded or clamped or because a binary model has very many samples, the report says so.

    Parameters
    ----------
    model_or_logits : nn.Module, or Tensor or array of shape (N, C), (N, C, ...), (N, 1) or (N,)
        A model or its logits. A model runs in eval mode, and afterwards it is in the mode and on
        the device that it had before.
    loader_or_labels : iterable, or Tensor or array of shape (N,) or (N, ...)
        A loader over the test set if a model is given, or the labels if logits are given.
    scaler : Scaler, optional
        A scaler that was fitted on a calibration set without any sample of the test set.
    n_bins : int, default 15
        Number of bins of equal width over [0, 1] for the ECE.
    n_resamples : int, default 1000
        Number of resamples for the intervals, the noise floor and the p-value, at least 40.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same result.
    of : {"positive", "top"}, optional
        Which probability is judged: P(y = 1) or that of the top class. By default it is "positive"
        for two classes and "top" for more.
    groups : array, list or column of length N, or with the shape of the labels, optional
        The group of each sample, such as the hospital that it comes from, or a tuple of several
        names. ``report.by_group()`` measures each group on its own.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts, in the order of the labels or of the loader. All
        values count a sample of weight 2 like two samples. But for the intervals, the noise floor
        and the p-values, every sample is one independent observation, whatever its weight is. By
        default every weight is 1.
    progress : bool, default True
        Whether to show a progress bar on stderr while the model runs.
    device : torch.device or str, optional
        Where the model runs. By default it runs where it is.

    Returns
    -------
    Report
        The report, which prints as a table and shows as one in a notebook.

    Raises
    ------
    TypeError
        If `scaler` is not a scaler of calibkit, if the logits are not a floating-point tensor or
        array, if the labels are not an integer tensor or array, if a batch of the loader is not a
        pair of tensors, if `n_bins`, `n_resamples` or `seed` is not an integer, if `ignore_index`
        is neither an integer nor None, or if `groups` is neither an array nor a list.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if a label is outside
        0..C-1, if logits and labels differ in length, if there is no sample, if the scaler was
        fitted on samples of this test set or has parameters for another number of classes, if
        `groups` differs in length from the labels or names no group for a sample, if `n_bins` is
        less than 1, if `n_resamples` is less than 40, or if `seed` is negative. The same holds if a
        weight is negative, NaN or infinite, or if all of them are 0.
    RuntimeError
        If the scaler is not fitted.

    See Also
    --------
    calibkit.compare : Compare several scalers over splits and sizes.
    calibkit.check_shift : Check a fitted scaler on a shifted test set.
    calibkit.bootstrap_interval : Compute the interval of any metric.
    calibkit.calibration_test : Run the test that gives the p-value.

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler, evaluate
    >>> generator = torch.Generator().manual_seed(0)
    >>> logits = 2 * torch.randn(2000, 10, generator=generator)
    >>> labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    >>> logits = 2 * logits  # twice too sure
    >>> scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    >>> report = evaluate(logits[1000:], labels[1000:], scaler=scaler)
    >>> print(report)
    n = 1000, 10 classes, ECE in 15 bins; in brackets 95% intervals
                       before                  after                   change
    accuracy           53.8% (50.7% to 56.9%)  53.8% (50.7% to 56.9%)  none
    NLL                1.489 (1.376 to 1.607)  1.259 (1.197 to 1.322)  -0.230 (-0.290 to -0.175)
    Brier score        0.642 (0.603 to 0.683)  0.584 (0.557 to 0.611)  -0.058 (-0.074 to -0.042)
    ECE                20.8% (18.0% to 23.7%)  2.7% (0.0% to 3.0%)     -18.1% (-23.7% to -14.9%)
    ECE if calibrated  3.2% (1.8% to 4.7%)     3.8% (2.3% to 5.5%)
    p-value            <= 0.001                0.911
    classwise ECE      4.60% (2.75% to 5.02%)  2.43% (0.00% to 2.43%)  -2.17% (-5.02% to -0.56%)
    if calibrated      1.78% (1.57% to 2.01%)  2.16% (1.89% to 2.49%)
    its p-value        <= 0.001                0.044
    """
    n_bins = check_n_bins(n_bins)
    check_n_resamples(n_resamples)
    check_seed(seed)
    if scaler is not None:
        check_fitted(scaler)
    rows = logits_of(
        model_or_logits,
        loader_or_labels,
        ignore_index=ignore_index,
        sample_weight=sample_weight,
        progress=progress,
        device=device,
    ).to("cpu")
    scores, labels, weights = rows.flat()
    # The metrics compute in float64, whatever the dtype is.
    sets = [Rows(scores, labels, weights=weights)]
    leak_check = None
    if scaler is not None:
        leak_check = check_no_overlap(scaler.calibration_fingerprints, rows)
        sets.append(Rows(scaler(scores.double()), labels, weights=weights))
    named_groups = None if groups is None else check_groups(groups, rows)
    measured = measure_sets(sets, n_bins, n_resamples, seed, of)
    values = [values_of(one.metrics, one.test, one.test_of_classes) for one in measured]
    summary = None if scaler is None else scaler.summary
    doubts = doubts_about(summary, values[0].accuracy.value, sets[0], values[0])
    return Report(
        n_samples=len(labels),
        n_classes=scores.shape[1],
        n_bins=n_bins,
        before=values[0],
        after=None if scaler is None else values[1],
        change=None if scaler is None else change_of(*(one.metrics for one in measured)),
        summary=summary,
        bins=tuple(one.bins for one in measured),
        leak_check=leak_check,
        effective_n_samples=effective_number(weights),
        doubts=with_confident_errors(doubts, sets, values),
        _measured=Measured(sets, named_groups, n_bins, of, n_resamples, seed),
    )
