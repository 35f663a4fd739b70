"""The numbers of a report: the metrics of a model, and how much a scaler changes them."""

from collections.abc import Sequence
from typing import NamedTuple

from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports._tables import with_range
from calibkit.uncertainty._resampled_metrics import Resampled
from calibkit.uncertainty.bootstrap import Interval, interval_of_change, interval_of_value
from calibkit.uncertainty.noise_floor import CalibrationTest, NoiseFloor

# A model that is calibrated is called otherwise with this probability.
LEVEL = 0.05
# The rows of the printed table, each with its name, its field and its format.
_SHOWN = (
    ("accuracy", "accuracy", ".1%"),
    ("NLL", "nll", ".3f"),
    ("Brier score", "brier", ".3f"),
    ("ECE", "ece", ".1%"),
    ("ECE if calibrated", "noise_floor", ".1%"),
    ("p-value", "p_value", ".3f"),
    ("top-label ECE", "top_label_ece", ".1%"),
    ("classwise ECE", "classwise_ece", ".2%"),
    ("if calibrated", "classwise_noise_floor", ".2%"),
    ("its p-value", "classwise_p_value", ".3f"),
)


class MetricValues(NamedTuple):
    """The metrics of one set of probabilities, each with its 95% interval.

    Attributes
    ----------
    accuracy, nll, brier, ece : Interval
        Value and interval. The NLL is in nats, and the ECE is a fraction. The interval of the ECE
        begins at 0 if noise alone may explain the ECE.
    noise_floor : NoiseFloor
        The ECE that a perfectly calibrated model would show.
    p_value : float
        How often a perfectly calibrated model would show this ECE or a larger one.
    top_label_ece : Interval or None
        The ECE of the top class where `ece` is that of P(y = 1), otherwise None.
    classwise_ece : Interval or None
        The classwise ECE for more than two classes, otherwise None.
    classwise_noise_floor : NoiseFloor or None
        The classwise ECE that a perfectly calibrated model would show.
    classwise_p_value : float or None
        How often a perfectly calibrated model would show this classwise ECE or a larger one.

    See Also
    --------
    calibkit.evaluate : Measure a model.
    calibkit.Report : The report that holds these values.
    """

    accuracy: Interval
    nll: Interval
    brier: Interval
    ece: Interval
    noise_floor: NoiseFloor
    p_value: float
    top_label_ece: Interval | None = None
    classwise_ece: Interval | None = None
    classwise_noise_floor: NoiseFloor | None = None
    classwise_p_value: float | None = None


class Change(NamedTuple):
    """How much each metric changes on the same samples, with 95% intervals.

    Attributes
    ----------
    accuracy, nll, brier, ece : Interval
        The value after scaling minus the value before.
    top_label_ece : Interval or None
        The change of the ECE of the top class where `ece` is that of P(y = 1), otherwise None.
    classwise_ece : Interval or None
        The change of the classwise ECE for more than two classes, otherwise None.

    See Also
    --------
    calibkit.evaluate : Measure a model.
    calibkit.Report : The report that holds these values.
    """

    accuracy: Interval
    nll: Interval
    brier: Interval
    ece: Interval
    top_label_ece: Interval | None = None
    classwise_ece: Interval | None = None


class LabelMeans(NamedTuple):
    """The metrics of a multi-label model as means over the labels, each of which counts the same.

    Attributes
    ----------
    nll, brier : Interval
        Value and 95% interval, for which only the samples need to be independent, not the labels
        of a sample.
    ece : float
        The mean of the ECEs of the labels.
    noise_floor : float
        The mean of the ECEs that a perfectly calibrated model would show.
    n_small_p_values : int
        How many labels have a p-value below 0.05. If the model is calibrated, one label of 20 has
        one by chance.

    See Also
    --------
    calibkit.MultiLabelReport : The report that holds these means.
    """

    nll: Interval
    brier: Interval
    ece: float
    noise_floor: float
    n_small_p_values: int


def values_of(
    metrics: dict[str, Resampled], test: CalibrationTest, classwise: CalibrationTest | None
) -> MetricValues:
    """Return the metrics with their intervals, beside the tests of calibration."""
    intervals = {name: interval_of_value(resampled) for name, resampled in metrics.items()}
    return MetricValues(
        **intervals,
        noise_floor=test.floor,
        p_value=test.p_value,
        classwise_noise_floor=classwise.floor if classwise else None,
        classwise_p_value=classwise.p_value if classwise else None,
    )


def rejected(values: MetricValues, level: float) -> dict[str, float]:
    """Return the p-values that speak against a calibrated model, with the names of the errors.

    If there are two tests, each may reject half as often. A calibrated model is then rejected with
    a probability of at most ``level``.
    """
    named = {"ECE": values.p_value, "classwise ECE": values.classwise_p_value}
    p_values = {name: p for name, p in named.items() if p is not None}
    return {name: p for name, p in p_values.items() if p < level / len(p_values)}


def change_of(before: dict[str, Resampled], after: dict[str, Resampled]) -> Change:
    """Return the change of every metric with its interval."""
    return Change(**{name: interval_of_change(before[name], after[name]) for name in before})


def as_dict(values: MetricValues | Change | LabelMeans) -> dict[str, object]:
    """Return the numbers in nested dictionaries, without those that do not apply."""
    return {
        name: value._asdict() if isinstance(value, Interval | NoiseFloor) else value
        for name, value in values._asdict().items()
        if value is not None
    }


def p_value_text(p_value: float, n_resamples: int, equals: str = "") -> str:
    """Return a p-value as text. The smallest one that so many draws can show is only a bound."""
    sign = "<= " if p_value_is_bound(p_value, n_resamples) else equals
    return f"{sign}{p_value:.3f}"


def p_value_is_bound(p_value: float, n_resamples: int) -> bool:
    """Say whether a p-value is the smallest one that so many draws can show."""
    return p_value * (n_resamples + 1) < 1.5


def table_of(
    before: MetricValues, after: MetricValues | None, change: Change | None, n_resamples: int
) -> list[list[str]]:
    """Return the cells of the printed table."""
    columns = [before] if after is None else [before, after]
    table = [["", "before", "after", "change"] if after else ["", "value"]]
    for name, attribute, show in _SHOWN:
        numbers = [getattr(values, attribute) for values in columns]
        if numbers[0] is None:
            continue
        row = [
            p_value_text(number, n_resamples)
            if isinstance(number, float)
            else with_range(number, show)
            for number in numbers
        ]
        if change is not None:
            changed = getattr(change, attribute, None)
            row.append(_change_text(changed, f"+{show}") if changed else "")
        table.append([name, *row])
    return table


def _change_text(change: Interval, form: str) -> str:
    """Return a change with its range as text. A temperature never changes the accuracy."""
    if not any(change):
        return "none"
    digits = form.strip("+")
    smallest = 10.0 ** -(int(digits[1]) + 2 * digits.endswith("%"))
    # Where all would be shown as 0, signs would only puzzle.
    is_tiny = all(abs(number) < smallest / 2 for number in change)
    return f"below {smallest:{digits}}" if is_tiny else with_range(change, form)


def rows_of_event(bins: Sequence[ReliabilityBins], event: str) -> list[list[str]]:
    """Return the rows of the mean probability of an event and of its frequency."""
    no_change = [""] if len(bins) > 1 else []
    return [
        [f"mean P({event})", *(f"{one.mean_confidence:.1%}" for one in bins), *no_change],
        ["its frequency", *(f"{one.accuracy:.1%}" for one in bins), *no_change],
    ]
