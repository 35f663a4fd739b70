"""What was measured once on real CIFAR-100 images, which do not come with calibkit."""

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

import numpy as np

from calibkit.data.glyphs100 import ASSETS
from calibkit.metrics._binning import uniform_edges
from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports.values import Change, MetricValues
from calibkit.uncertainty.bootstrap import Interval
from calibkit.uncertainty.noise_floor import NoiseFloor

MEASUREMENTS_FILE = ASSETS / "cifar100_measurements.json"

_Values = TypeVar("_Values", MetricValues, Change)


@dataclass(frozen=True, eq=False)
class CIFAR100Measurement:
    """One measurement of a network on images of the CIFAR-100 test set.

    Attributes
    ----------
    network : {"ResNet-20", "DenseNet-BC-100", "WRN-16-4"}
        The network that was measured.
    mode : {"eval", "training"}
        Whether batch normalisation used its stored statistics, or those of each batch.
    batch_size : int or None
        Number of images in a batch. It is None in eval mode, where it makes no difference.
    seed : int or None
        Seed of the split into a calibration set and a test set. None if there is no split, and all
        images are measured without a scaler.
    n_calibration : int
        Number of images that the temperature was fitted on, which is 0 without a split.
    n_test : int
        Number of other images, on which everything else was measured.
    temperature : Interval or None
        The fitted temperature with its 95% interval, or None without a split.
    before : MetricValues
        The metrics of the unscaled logits.
    after : MetricValues or None
        The metrics of the scaled logits, or None without a split.
    change : Change or None
        The values after scaling minus those before, on the same images, or None without a split.
    bins : tuple of ReliabilityBins
        The 15 bins of the ECE before scaling and, with a split, after it.

    See Also
    --------
    calibkit.cifar100_measurements : Read all measurements.
    calibkit.Report : Hold the same values of your own model.
    """

    network: str
    mode: Literal["eval", "training"]
    batch_size: int | None
    seed: int | None
    n_calibration: int
    n_test: int
    temperature: Interval | None
    before: MetricValues
    after: MetricValues | None
    change: Change | None
    bins: tuple[ReliabilityBins, ...]


def cifar100_measurements() -> tuple[CIFAR100Measurement, ...]:
    """Return what three networks showed on real images of the CIFAR-100 test set.

    A ResNet-20 was run on the first 916 test images, in eval mode and in training mode. The
    temperature was fitted on 300 of them and measured on the other 616, in ten splits with the
    seeds 0 to 9. It is not the network that `cifar100_resnet20` downloads, although it has the same
    shape. Of a DenseNet-BC-100 and a WRN-16-4, the probabilities of all 10 000 test images were
    split into 1000 and 9000, with the same seeds. The ten splits of a network share its images, so
    that they are not independent.

    ``calibkit/data/assets/measure_cifar100.py`` made these measurements once, with
    `split_calibration` and `evaluate`. Neither images nor weights come with calibkit. This function
    reads the results.

    Returns
    -------
    tuple of CIFAR100Measurement
        For the ResNet-20, all 916 images without a split, in eval mode and in training mode with
        batches of several sizes, and then the splits in eval mode and those in training mode with
        batches of 32. The splits of the other two networks, in eval mode, follow.

    See Also
    --------
    calibkit.CIFAR100Measurement : Look up what a measurement holds.
    calibkit.CIFAR100DataModule : Download the images and measure for yourself.
    calibkit.glyphs100_population : Read the counts of 200 000 images that are drawn.

    References
    ----------
    The weights of the ResNet-20 come from forge-tta (MIT licence), and the probabilities of the
    other two networks from the examples of netcal (Apache-2.0).
    https://github.com/EFS-OpenSource/calibration-framework

    Examples
    --------
    >>> from calibkit import cifar100_measurements
    >>> first = cifar100_measurements()[0]
    >>> first.network, first.mode, first.n_test
    ('ResNet-20', 'eval', 916)
    >>> f"{first.before.accuracy.value:.1%}"
    '70.0%'
    """
    records = json.loads(MEASUREMENTS_FILE.read_text(encoding="utf-8"))
    return tuple(_measurement(**record) for record in records)


def _measurement(
    *,
    temperature: list[float] | None,
    before: dict[str, Any],
    after: dict[str, Any] | None,
    change: dict[str, Any] | None,
    bins: list[dict[str, Any]],
    **setting: Any,
) -> CIFAR100Measurement:
    return CIFAR100Measurement(
        temperature=None if temperature is None else Interval(*temperature),
        before=_values(MetricValues, before),
        after=None if after is None else _values(MetricValues, after),
        change=None if change is None else _values(Change, change),
        bins=tuple(_bins(**columns) for columns in bins),
        **setting,
    )


def _values(kind: type[_Values], numbers: dict[str, Any]) -> _Values:
    """Return the numbers with their names: two ends make an interval, a mean makes a floor."""
    named: dict[str, Any] = {}
    for name, number in numbers.items():
        if isinstance(number, float):
            named[name] = number
        else:
            named[name] = NoiseFloor(**number) if "mean" in number else Interval(**number)
    return kind(**named)


def _bins(count: list[int], n_correct: list[int], confidence_sum: list[float]) -> ReliabilityBins:
    edges = uniform_edges(len(count)).numpy()
    return ReliabilityBins(
        edges, np.array(count), np.array(n_correct), np.array(confidence_sum, dtype=np.float64)
    )
