"""Class proportions that differ between training and use: how to adjust logits, and for what."""

import warnings
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit._checks import check_logits, check_not_negative
from calibkit._class_proportions import ProportionsLikelihood
from calibkit._conversion import as_tensor
from calibkit._types import Floats, Probabilities, SampleWeight

Proportions = Tensor | Floats | list[float] | float

_LARGEST_GAP = 1e-6


def adjust_prior(logits: Probabilities, source: Proportions, target: Proportions) -> Tensor:
    r"""Return logits for other class proportions than those that the given logits assume.

    By Bayes' rule, the probability of a class is multiplied by the ratio of its proportions, and
    the logarithm of this ratio is added to its logit:
    :math:`z_k + \log \mathrm{target}_k - \log \mathrm{source}_k`. This is exact if the given logits
    are calibrated for the source and if the samples of every class look the same in both places.

    The proportions that a model assumes are not those of the data if negatives were left out, if
    the loss had class weights, or if a sampler drew the classes equally often. Pass as `source`
    what the training loss saw, and as `target` what the model will meet.

    If the calibration set has the target proportions, adjust first, and then fit a scaler on the
    adjusted logits. A scaler that has a bias for each class, such as `VectorScaler` or
    `LogisticScaler`, finds the adjustment itself there. If the calibration set has the source
    proportions, because negatives are missing from it too, fit the scaler on the logits as they
    are, and then adjust what it returns. A scaler that is fitted to adjusted logits on such a set
    works against the adjustment.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        What the model returns before the softmax, or before the sigmoid for a binary model.
    source, target : Tensor, array, list or float
        One number for each class, such as its proportion or its number of samples. They need not
        sum to 1. For two classes, P(y = 1) alone is enough.

    Returns
    -------
    Tensor
        Logits in the shape and precision of the given ones. A class whose target is 0 has the logit
        -inf.

    Raises
    ------
    TypeError
        If `logits` is not a floating-point tensor or array, or if `source` or `target` does not
        hold numbers.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if there is no sample,
        if `source` or `target` does not have one number for each class, if one of these numbers is
        negative, NaN or infinite, if all of them are 0, if the source of a class is 0 and its
        target is not, or if a table of pandas does not list the classes in order.

    See Also
    --------
    calibkit.estimate_prior : Estimate the target from samples without labels.
    calibkit.VectorScaler : Learn a bias of every class from labelled samples.
    calibkit.check_shift : Check a scaler on data that may differ in other ways.

    References
    ----------
    Saerens, Latinne and Decaestecker (2002). Adjusting the Outputs of a Classifier to New a Priori
    Probabilities: A Simple Procedure. Neural Computation 14. Equation 2.4.
    https://doi.org/10.1162/089976602753284446

    Elkan (2001). The Foundations of Cost-Sensitive Learning. IJCAI. Section 3.2 treats a sample
    from which negatives were left out.

    Examples
    --------
    A model that was trained on balanced data is undecided. If only one sample in ten is positive,
    then the probability is 0.1:

    >>> import torch
    >>> from calibkit import adjust_prior
    >>> adjust_prior(torch.tensor([0.0]), source=0.5, target=0.1).sigmoid()
    tensor([0.1000])

    Of 9000 negatives, 900 were used in training, with all 1000 positives:

    >>> logits = torch.tensor([-1.5, 0.0, 1.5])
    >>> adjust_prior(logits, source=[900, 1000], target=[9000, 1000]).sigmoid()
    tensor([0.0218, 0.0909, 0.3095])

    The loss was ``BCEWithLogitsLoss(pos_weight=9)``, or XGBoost had ``scale_pos_weight=9``, so each
    positive counted as nine:

    >>> adjust_prior(logits, source=[9000, 9 * 1000], target=[9000, 1000]).sigmoid()
    tensor([0.0242, 0.1000, 0.3324])

    The loss was ``CrossEntropyLoss(weight=weights)``:

    >>> counts, weights = torch.tensor([600, 300, 100]), torch.tensor([1.0, 2.0, 6.0])
    >>> logits = torch.tensor([[0.0, 0.0, 0.0], [0.0, 0.0, 2.0]])
    >>> adjust_prior(logits, source=weights * counts, target=counts).softmax(1)
    tensor([[0.6000, 0.3000, 0.1000],
            [0.3661, 0.1830, 0.4509]])

    A ``WeightedRandomSampler`` drew every class equally often, or a model of scikit-learn had
    ``class_weight="balanced"``:

    >>> adjust_prior(logits, source=[1, 1, 1], target=counts).softmax(1)
    tensor([[0.6000, 0.3000, 0.1000],
            [0.3661, 0.1830, 0.4509]])
    """
    n_classes, shape = check_logits(logits).n_classes, as_tensor(logits, "logits").shape
    old = _check_proportions(source, "source", n_classes, shape)
    new = _check_proportions(target, "target", n_classes, shape)
    unknown = np.flatnonzero((old == 0) & (new > 0))
    if len(unknown):
        raise ValueError(
            f"source must be above 0 for every class that has a target, got 0 for {_names(unknown)}"
            "; no logit tells a class that the model has never seen, so set its target to 0 too"
        )
    with np.errstate(divide="ignore"):
        shift = torch.from_numpy(np.where(new > 0, np.log(new), -np.inf))
        shift -= torch.from_numpy(np.where(old > 0, np.log(old), 0))
    z = as_tensor(logits, "logits")
    single = z.ndim == 1 or z.shape[1] == 1
    shift = shift[1] - shift[0] if single else shift.reshape(-1, *[1] * (z.ndim - 2))
    precise = torch.promote_types(z.dtype, torch.float32)
    return (z.to(precise) + shift.to(precise).to(z.device)).to(z.dtype)


class PriorEstimate(NamedTuple):
    """Class proportions that were estimated from logits without labels.

    Attributes
    ----------
    proportions : Tensor of float64, shape (C,)
        The estimated proportions, which sum to 1.
    standard_errors : Tensor of float64, shape (C,)
        How far the estimates may be off by chance. They contain the noise of these samples, but not
        an error of the logits or of the source. A few of every hundred estimates are off by more
        than twice this number.
    smoothing : float
        The number of additional samples with the proportions of the source. If it is much larger
        than the number of samples, the logits show no change.
    message : str
        How we know that the proportions are the best ones.

    See Also
    --------
    calibkit.estimate_prior : Estimate the proportions.
    calibkit.adjust_prior : Adjust logits to them.
    """

    proportions: Tensor
    standard_errors: Tensor
    smoothing: float
    message: str


def estimate_prior(
    logits: Probabilities,
    source: Proportions,
    *,
    smoothing: float | None = None,
    sample_weight: SampleWeight | None = None,
) -> PriorEstimate:
    r"""Estimate the class proportions of samples without labels, from calibrated logits.

    If the proportions are :math:`q`, a sample has the likelihood
    :math:`\sum_k q_k p_k / \mathrm{source}_k`, where :math:`p` are its probabilities. Expectation
    maximisation (EM) is known as the way to maximise the product of these likelihoods. Its steps
    become very small where classes resemble each other, so Newton's method finds the same maximum
    here. The likelihood is concave in :math:`q`, and the slopes at the maximum prove that no other
    proportions are better.

    With many classes, the maximum fits the noise of the samples and gives some classes the
    proportion 0. By default the estimate therefore counts a number of additional samples that have
    the proportions of the source. The samples themselves choose this number: with it, they are most
    probable if the proportions have a Dirichlet distribution around the source. On Glyphs-100, the
    maximum of the likelihood alone ruled out classes that occurred, in each of five shifts.

    The logits must be calibrated, and the samples of every class must look the same in both places.
    The estimate is only as good as the source, which must be the proportions that the logits
    assume: their own mean on the calibration set, as in the example. The class counts of that
    set are a good source only after a scaler that has a bias for every class.

    Parameters
    ----------
    logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
        Calibrated logits of samples with unknown labels.
    source : Tensor, array, list or float
        The proportions for which the logits are calibrated, with one number for each class. They
        need not sum to 1. For two classes, P(y = 1) alone is enough.
    smoothing : float, optional
        Number of additional samples with the proportions of the source. By default the logits
        choose it. With 0, the estimate is where EM ends.
    sample_weight : Tensor or array, shape (N,) or (N, ...), optional
        How much each sample or pixel counts. A sample of weight 2 counts like two samples, and a
        sample of weight 0 is left out. By default every weight is 1. Since the samples are weighed
        against the additional ones, the weights should sum to about N.

    Returns
    -------
    PriorEstimate
        The proportions with their standard errors.

    Raises
    ------
    TypeError
        If `logits` is not a floating-point tensor or array, if `source` does not hold numbers, or
        if `smoothing` is neither a number nor None.
    ValueError
        If a logit is NaN or infinite, if the logits look like probabilities, if there is no sample,
        if `source` does not have one number for each class, if one of these numbers is not positive
        and finite, if a table of pandas does not list the classes in order, or if `smoothing` is
        negative or infinite. The same holds if a weight is negative, NaN or infinite, or if all of
        them are 0.
    RuntimeError
        If the search does not reach the maximum.

    Warns
    -----
    UserWarning
        If the logits do not determine the proportions of some classes, for instance because they
        are the same for all samples or do not tell two classes apart. Then one label of each class
        would say more about these proportions than all logits. A warning is also given if
        ``smoothing=0`` leads to a proportion of 0.

    See Also
    --------
    calibkit.adjust_prior : Adjust logits to the estimated proportions.
    calibkit.VectorScaler : Calibrate the logits first, with a bias for every class.
    calibkit.check_shift : Check a scaler on new data with labels.

    References
    ----------
    Saerens, Latinne and Decaestecker (2002). Adjusting the Outputs of a Classifier to New a Priori
    Probabilities: A Simple Procedure. Neural Computation 14. Section 2.3.
    https://doi.org/10.1162/089976602753284446

    Alexandari, Kundaje and Shrikumar (2020). Maximum Likelihood with Bias-Corrected Calibration is
    Hard-To-Beat at Label Shift Adaptation. ICML. On calibration and the source.
    https://arxiv.org/abs/1901.06852

    MacKay (1998). Choice of Basis for Laplace Approximation. Machine Learning 33. On the evidence
    that chooses the smoothing. https://doi.org/10.1023/A:1007558615313

    Examples
    --------
    A scaler is fitted where 30% of the samples are positive. In another place 60% are:

    >>> import torch
    >>> from calibkit import LogisticScaler, adjust_prior, estimate_prior
    >>> def draw(n, share, seed):
    ...     generator = torch.Generator().manual_seed(seed)
    ...     labels = torch.rand(n, generator=generator) < share
    ...     return 3 * labels + torch.randn(n, generator=generator), labels.long()
    >>> scaler = LogisticScaler().fit_logits(*draw(5000, 0.3, seed=0))
    >>> source = scaler(draw(5000, 0.3, seed=0)[0]).sigmoid().mean()
    >>> logits = scaler(draw(1000, 0.6, seed=1)[0])
    >>> estimate = estimate_prior(logits, source)
    >>> estimate.proportions, estimate.standard_errors
    (tensor([0.4155, 0.5845], dtype=torch.float64), tensor([0.0174, 0.0174], dtype=torch.float64))
    >>> adjusted = adjust_prior(logits, source, estimate.proportions)
    """
    rows = check_logits(logits, sample_weight=sample_weight)
    shape = as_tensor(logits, "logits").shape
    old = _check_proportions(source, "source", rows.n_classes, shape)
    unseen = np.flatnonzero(old == 0)
    if len(unseen):
        raise ValueError(
            f"source must be above 0 for every class, got 0 for {_names(unseen)}; leave "
            "out the logits of a class that the model has never seen"
        )
    if smoothing is not None:
        advice = "0 adds no samples, and None lets the logits choose"
        check_not_negative(smoothing, "smoothing", high=np.inf, advice=advice)
    likelihood = ProportionsLikelihood(rows, old)
    number = likelihood.best_smoothing() if smoothing is None else float(smoothing)
    best = likelihood.maximise(number)
    relative_gap = best.gap / (1 + number / likelihood.n)
    if not relative_gap <= _LARGEST_GAP:
        raise RuntimeError(
            f"the search for the proportions stopped where the log-likelihood per sample could "
            f"rise by {relative_gap:.2g}; look for logits of very different magnitudes"
        )
    unknown = likelihood.undetermined()
    if len(unknown):
        warnings.warn(
            f"the logits of these {len(rows)} samples do not determine the proportion of "
            f"{_names(unknown)}, on which one label per class would say more; label some samples "
            "and count them, or keep the logits as they are",
            stacklevel=2,
        )
    zero = np.flatnonzero(best.proportions == 0)
    if len(zero):
        warnings.warn(
            f"with smoothing={number:g}, the proportion of {_names(zero)} is 0, and adjust_prior "
            "rules out what has no proportion; leave smoothing out to keep every class possible",
            stacklevel=2,
        )
    # One additional sample per class keeps the errors finite, whatever the logits are.
    variance = likelihood.variance(likelihood.maximise(rows.n_classes))
    return PriorEstimate(
        torch.from_numpy(best.proportions),
        torch.from_numpy(np.sqrt(variance)),
        number,
        f"no other proportions raise the log-likelihood per sample by more than {best.gap:.0e}",
    )


def _check_proportions(
    values: Proportions, name: str, n_classes: int, shape: tuple[int, ...]
) -> Floats:
    """Return proportions (C,) that sum to 1, or raise an error. The logits have this shape."""
    is_number = isinstance(values, int | float | np.number) and not isinstance(values, bool)
    if is_number or (isinstance(values, Tensor | np.ndarray) and values.ndim == 0):
        values = _from_event(float(cast(Any, values)), name, n_classes)
    table = cast(Any, values)
    if hasattr(values, "sort_index") and not table.index.is_monotonic_increasing:
        raise ValueError(
            f"{name} must list the classes in order, got the index {list(table.index[:5])}; pass "
            f"{name}.sort_index(), with labels from 0 to {n_classes - 1}"
        )
    numbers = as_tensor(values, name).detach().cpu().double().numpy()
    if numbers.shape != (n_classes,):
        advice = f"count labels with labels.bincount(minlength={n_classes})"
        if numbers.shape == shape:
            advice = "pass logits[None] if these are the logits of a single sample"
        raise ValueError(
            f"{name} must have one number for each of the {n_classes} classes, got shape "
            f"{numbers.shape} for logits of shape {tuple(shape)}; {advice}"
        )
    if not (np.isfinite(numbers).all() and (numbers >= 0).all() and numbers.any()):
        raise ValueError(
            f"{name} must hold finite numbers of at least 0 and one above 0, got "
            f"{numbers.min():.4g} to {numbers.max():.4g}; pass proportions or counts of the classes"
        )
    numbers = numbers / numbers.max()  # The sum of very large numbers could overflow.
    return np.asarray(numbers / numbers.sum())


def _from_event(p: float, name: str, n_classes: int) -> list[float]:
    if n_classes != 2 or not 0 <= p <= 1:
        raise ValueError(
            f"{name} must be P(y = 1) of two classes or one number for each class, got {p:g} for "
            f"{n_classes} classes; pass proportions or counts of the classes"
        )
    return [1 - p, p]


def _names(classes: NDArray[np.intp]) -> str:
    shown = ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")
    return f"class {shown}" if len(classes) == 1 else f"{len(classes)} classes ({shown})"
