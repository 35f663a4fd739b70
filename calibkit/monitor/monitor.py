"""A monitor that tests, after every label, whether a model is still calibrated."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, ClassVar, Self

from calibkit._attributes import CheckedAttributes
from calibkit._types import Floats, Labels, Probabilities
from calibkit.metrics.base import Predictions, what_is_judged
from calibkit.monitor._bets import Direction, Judged, bets_on, outcomes_of
from calibkit.monitor._evidence import Evidence
from calibkit.monitor._merging import check_alike, merged_report
from calibkit.monitor._options import OPTION_CHECKS, check_together
from calibkit.monitor._samples import Input, check_samples
from calibkit.monitor._state import evidence_of
from calibkit.monitor.report import MonitorReport


class CalibrationMonitor(CheckedAttributes):
    """A test of whether a model is still calibrated, which you may look at after every label.

    A test for a fixed number of samples, such as `calibration_test`, raises false alarms if it is
    repeated while labels arrive. This monitor may be looked at as often as you like. If the model
    is calibrated, then the monitor ever raises an alarm with a probability of at most ``alpha``,
    even if it runs forever.

    The monitor bets against the model's probabilities, each time before it sees the outcome. It
    begins with a wealth of 1, and a bet that is fair if the probabilities are right cannot be
    expected to win. The wealth is therefore evidence against calibration, and the monitor raises
    the alarm when the wealth reaches 1 / alpha. The wealth is divided among bets on probabilities
    that are too high, too low, too extreme or not extreme enough, each by several amounts, and
    among all labels as the first one from which on the probabilities are wrong.

    Parameters
    ----------
    alpha : float, default 0.05
        The largest probability of a false alarm, strictly between 0 and 1.
    of : {"positive", "top", "all"}, optional
        What is judged. By default it is "positive" for two classes and "top" for more.

        - "positive": P(y = 1), for two classes or for pairs of a confidence and whether the
          prediction is correct.
        - "top": the probability of the top class.
        - "all": the probabilities of all classes, for three classes or more. They determine the
          probability of every label. Besides the bets of "top", there are bets on a temperature
          other than 1. They find many shifts with fewer labels. But a model counts as calibrated
          only if its probabilities of all classes are right.
    tolerance : float, default 0
        How much the judged probabilities may be wrong without an alarm. With 0.02, the probability
        of a false alarm is at most ``alpha`` as long as the true probability of every event lies
        within 2 points of the one that the model gives. A model whose temperature was fitted on a
        finite calibration set is always a little wrong, so without a tolerance the monitor raises
        the alarm in the end. It needs more labels to find a shift if there is a tolerance.
        ``of="all"`` has none.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.

    Raises
    ------
    TypeError
        If `alpha` or `tolerance` is not a number.
    ValueError
        If `alpha` is not strictly between 0 and 1, if `tolerance` is negative or not below 0.5, if
        `of` or `input` is not one of its choices, or if `of` is "all" and there is a tolerance.

    See Also
    --------
    calibkit.MonitorReport : What the monitor says.
    calibkit.calibration_test : Test calibration once, on a fixed set of samples.
    calibkit.check_shift : Check whether a scaler still helps on labelled samples.
    calibkit.adjust_prior : Correct probabilities for other proportions of the classes.

    Notes
    -----
    *What must hold.* A calibrated model is one for which the judged event has the probability that
    the model gives, whatever the labels before it were. The model may change over time. Labels may
    come late and in any order, but the order and the choice of the samples must not depend on their
    outcomes: if errors are reported sooner than correct answers, the alarm means nothing. Samples
    that are not independent, such as the frames of one video, violate this assumption.

    *What the report says.* ``since`` and ``direction`` belong to the bet that has gained most when
    the evidence is largest. They are estimates without a guarantee. ``since`` is often wrong by
    some hundred labels if the shift is small, and because it was chosen by the outcomes, the
    difference of ``confidence`` and ``frequency`` from then on tends to be too large.

    *Batches.* The samples of a batch are taken in their order. A stream in batches therefore gives
    the same evidence as one label at a time, up to rounding.

    *After an alarm.* The alarm stays. Correct the model, and call `reset` to begin anew. Each new
    beginning has its own probability of a false alarm.

    *Late shifts.* The guarantee is for the whole life of the monitor, so wealth must be kept for
    every later start. The later a shift begins, the more labels the monitor needs, but the delay
    grows only with the logarithm of the time.

    *The bets.* The bet on a shift a and a slope b claims that the true probability is
    sigmoid(a + b logit(p)), as in Cox's recalibration, and its factor is the likelihood ratio of
    the outcome. With a tolerance, the ratio is to the nearest probability that is accepted. A
    tolerance of the rounding error, which is 1e-7 for float32, always applies.

    References
    ----------
    Ville (1939). Étude critique de la notion de collectif. Gauthier-Villars. The inequality.

    Cox (1958). Two Further Applications of a Model for Binary Regression. Biometrika 45. The bets.

    Shiryaev (1963). On Optimum Methods in Quickest Detection Problems. Theory of Probability and
    Its Applications 8. The recursion over the start times.

    Shafer (2021). Testing by Betting: A Strategy for Statistical and Scientific Communication.
    Journal of the Royal Statistical Society A 184.

    Vovk and Wang (2021). E-values: Calibration, Combination, and Applications. Annals of Statistics
    49. What may be multiplied and averaged. https://arxiv.org/abs/1912.06116

    Arnold, Henzi and Ziegel (2023). Sequentially Valid Tests for Forecast Calibration. Annals of
    Applied Statistics 17. https://arxiv.org/abs/2109.11761

    Waudby-Smith and Ramdas (2024). Estimating Means of Bounded Random Variables by Betting. Journal
    of the Royal Statistical Society B 86. https://arxiv.org/abs/2010.09686

    Grünwald, de Heide and Koolen (2024). Safe Testing. Journal of the Royal Statistical Society B
    86. The ratio to the nearest accepted probability. https://arxiv.org/abs/1906.07801

    Examples
    --------
    >>> import torch
    >>> from calibkit import CalibrationMonitor
    >>> generator = torch.Generator().manual_seed(0)
    >>> confidence = 0.5 + 0.5 * torch.rand(3000, generator=generator)
    >>> truth = confidence.clone()
    >>> truth[2000:] -= 0.15  # The model becomes overconfident.
    >>> correct = torch.rand(3000, generator=generator) < truth
    >>> monitor = CalibrationMonitor()
    >>> for i in range(0, 3000, 100):
    ...     alarm = monitor.update(confidence[i : i + 100], correct[i : i + 100])
    >>> print(monitor.report())
    After 3000 labels there is an alarm, raised after 2106.
      evidence against calibration  1.97e+31
      anytime-valid p-value         4.33e-32
      the probabilities are         too high
      probably since label          2051
      mean probability from then on 74.7%
      frequency from then on        56.6%
    """

    _attribute_checks: ClassVar = OPTION_CHECKS

    def __init__(
        self,
        alpha: float = 0.05,
        *,
        of: Judged | None = None,
        tolerance: float = 0,
        input: Input = "probabilities",  # noqa: A002 - the name of the public option
    ) -> None:
        self.alpha: float = alpha
        self.tolerance: float = tolerance
        self.of: Judged | None = of
        self.input: Input = input
        self.reset()

    def __setattr__(self, name: str, value: Any) -> None:
        if name in OPTION_CHECKS and "_evidence" in vars(self) and self.n_labels:
            raise AttributeError(
                f"{name} cannot change after the first label, got {value!r}; call reset before, "
                "which forgets all labels, or make another monitor"
            )
        super().__setattr__(name, value)

    def _check_together(self, attributes: Mapping[str, Any]) -> None:
        check_together(attributes)

    def reset(self) -> None:
        """Forget all labels, as you should after a correction of the model."""
        self._judged: Judged | None = None
        self._n_classes: int | None = None
        self._alarm_at: int | None = None
        self._evidence = Evidence(bets_on("top"))

    def update(self, probabilities: Probabilities | float, labels: Labels | int) -> bool:
        """Add a sample, or a batch in its order, and return whether there is an alarm.

        Parameters
        ----------
        probabilities : Tensor or array, shape (N, C), (N, 1) or (N,), or float
            Probabilities of the C classes, or logits if `input` says so. For two classes, P(y = 1)
            alone is enough. A confidence with an outcome is such a probability. A batch without a
            sample adds nothing.
        labels : Tensor or array, shape (N,), or int or bool
            Class indices from 0 to C - 1. If the label is a single number, then `probabilities`
            are those of one sample: P(y = 1), or one number for each class, of shape (C,).

        Returns
        -------
        bool
            Whether the evidence has reached 1 / alpha, now or earlier.

        Raises
        ------
        TypeError
            If `probabilities` is not a floating-point tensor or array, or if `labels` is not an
            integer tensor or array.
        ValueError
            If a probability is NaN or outside [0, 1], if a row does not sum to 1, if logits look
            like probabilities, if `labels` holds a class outside 0..C-1, if the two differ in
            length, if there are images instead of rows, if the number of classes is not that of
            the batches before, or if `of` does not suit the number of classes. The monitor then
            stays as it was.
        """
        samples = check_samples(probabilities, labels, self.input)
        if samples is None:
            return self.alarm
        flat, y = samples
        judged = self._check_classes(flat.shape[1])
        predictions = Predictions(flat, y, None, self.input)
        outcomes = outcomes_of(predictions, judged, self.tolerance)
        if self._judged is None:
            self._judged, self._n_classes = judged, flat.shape[1]
            self._evidence = Evidence(bets_on(judged))
        crossed = self._evidence.add(outcomes, -math.log(self.alpha))
        if self._alarm_at is None:
            self._alarm_at = crossed
        return self.alarm

    @property
    def n_labels(self) -> int:
        """Number of labels so far."""
        return self._evidence.n

    @property
    def alarm(self) -> bool:
        """Whether the evidence has reached 1 / alpha, now or earlier."""
        return self._alarm_at is not None

    @property
    def e_value(self) -> float:
        """The evidence against calibration after the last label."""
        return self.report().e_value

    @property
    def p_value(self) -> float:
        """The anytime-valid p-value, which is 1 divided by the largest evidence so far."""
        return self.report().p_value

    @property
    def since(self) -> int | None:
        """The index of the label from which on the probabilities are likely to be wrong."""
        return self.report().since

    @property
    def direction(self) -> Direction | None:
        """How the probabilities are wrong, or None if there is no alarm."""
        return self.report().direction

    @property
    def history(self) -> Floats:
        """The number of labels and the logarithm of the evidence after them, in rows (K, 2).

        At most 1000 rows are kept. Of a longer stream, only every second label has a row, or every
        fourth, and so on.
        """
        return self._evidence.points.copy()

    def report(self) -> MonitorReport:
        """Return what the monitor says after the labels so far."""
        evidence = self._evidence
        suspicion = evidence.suspicion if self.alarm else None
        return MonitorReport(
            n_labels=evidence.n,
            alarm=self.alarm,
            alarm_at=self._alarm_at,
            log_e_value=evidence.log_wealth,
            p_value=math.exp(-evidence.log_peak),
            direction=suspicion and suspicion.direction,
            since=suspicion and suspicion.since,
            confidence=suspicion and suspicion.confidence,
            frequency=suspicion and suspicion.frequency,
        )

    @staticmethod
    def merge(monitors: Iterable["CalibrationMonitor"]) -> MonitorReport:
        """Return what several monitors say together, each of which saw other samples.

        For every bet, half of the merged wealth is the product of the monitors' wealths, and the
        other half is their mean. The product is large if all monitors point in the same direction,
        even if none of them raises the alarm alone. The mean is large if one of them is sure. You
        may merge again whenever you like: if all models are calibrated, the merged evidence ever
        reaches 1 / alpha with a probability of at most ``alpha``.

        Parameters
        ----------
        monitors : iterable of CalibrationMonitor
            Monitors with the same options.

        Returns
        -------
        MonitorReport
            The merged report. It has no ``since``, because the monitors count their labels
            separately, and its alarm is about the evidence of this moment.

        Raises
        ------
        TypeError
            If `monitors` is no list, or if there is something else than a monitor among them.
        ValueError
            If there is no monitor, if one is there twice, or if their options differ.

        Notes
        -----
        The product is valid if, given all labels that all monitors have seen so far, the next
        outcome of each monitor has the probability that its model gives. This holds for processes
        that share the requests of one service. It does not hold if two monitors see the same
        samples or copies of them, or if one monitor decides when another is stopped and knows
        outcomes that the other has still to see. In these cases the mean of their e-values is
        valid, but only at a time that was fixed in advance.

        The largest evidences of the monitors, or their p-values, must not be multiplied, because
        their maxima lie at different times.

        Processes of ``torch.distributed`` can pass their states with ``all_gather_object`` and load
        each of them into a new monitor.
        """
        if not isinstance(monitors, Iterable):
            raise TypeError(
                f"monitors must be a list of monitors, got {type(monitors).__name__}; pass several "
                "monitors in a list"
            )
        several = list(monitors)
        for one in several:
            if not isinstance(one, CalibrationMonitor):
                raise TypeError(
                    f"monitors must be CalibrationMonitor, got {type(one).__name__}; load a saved "
                    "state into a monitor with load_state_dict"
                )
        if len(set(map(id, several))) < len(several):
            raise ValueError("monitors must be different, got one of them twice; pass it once")
        check_alike([(one._options(), one._judged) for one in several])
        return merged_report([one._evidence for one in several], several[0].alpha)

    def state_dict(self) -> dict[str, Any]:
        """Return the options and everything that the monitor remembers.

        The dictionary holds tensors and plain values, so that ``torch.load`` reads it with
        ``weights_only=True``.
        """
        return {
            "options": self._options(),
            "judged": self._judged,
            "n_classes": self._n_classes,
            "alarm_at": self._alarm_at,
            "evidence": self._evidence.state(),
        }

    def load_state_dict(self, state: dict[str, Any]) -> Self:
        """Continue from a state, as if this monitor had seen all its labels.

        Parameters
        ----------
        state : dict
            What `state_dict` of a monitor with the same options returned.

        Returns
        -------
        CalibrationMonitor
            The monitor itself.

        Raises
        ------
        ValueError
            If the state is not that of a monitor or is damaged, or if it comes from a monitor with
            other options. The monitor then stays as it was.
        """
        keys = self.state_dict().keys()
        if not isinstance(state, dict) or state.keys() != keys:
            raise ValueError(
                "state must be what state_dict of a CalibrationMonitor returned, with the keys "
                f"{', '.join(keys)}; pass that"
            )
        if state["options"] != self._options():
            raise ValueError(
                f"state must come from a monitor with the options {self._options()}, got "
                f"{state['options']}; make the monitor with those options"
            )
        evidence = evidence_of(state)
        self._judged, self._n_classes = state["judged"], state["n_classes"]
        self._alarm_at, self._evidence = state["alarm_at"], evidence
        return self

    def _options(self) -> dict[str, object]:
        return {
            "alpha": self.alpha,
            "of": self.of,
            "tolerance": self.tolerance,
            "input": self.input,
        }

    def _check_classes(self, n_classes: int) -> Judged:
        if self._n_classes not in (None, n_classes):
            raise ValueError(
                f"{self.input} must have {self._n_classes} classes as in the batches before, got "
                f"{n_classes}; use one monitor for each model"
            )
        if self.of != "all":
            return what_is_judged(self.of, n_classes)
        if n_classes == 2:
            raise ValueError(
                'of="all" needs three classes or more, got 2; pass of="positive", because P(y = 1) '
                "determines both probabilities"
            )
        return "all"

    def __repr__(self) -> str:
        given = [f"alpha={self.alpha:g}"]
        given += [] if self.of is None else [f"of={self.of!r}"]
        given += [f"tolerance={self.tolerance:g}"] if self.tolerance else []
        return f"CalibrationMonitor({', '.join(given)}): {self.n_labels} labels, " + (
            "alarm" if self.alarm else "no alarm"
        )
