"""Scalers: fitted on a calibration set, they map logits to calibrated logits."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import ClassVar, NamedTuple, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from calibkit.checks import check_logits_and_labels
from calibkit.distributed import fail_together, n_processes, refuse_several_processes
from calibkit.inference import collect_logits
from calibkit.newton import find_optimum
from calibkit.overlap import sample_fingerprints
from calibkit.rows import Rows


@dataclass(frozen=True)
class FitSummary:
    """What a fit did; printed, it is a small table.

    Attributes
    ----------
    scaler : str
        Name of the scaler's class.
    n_samples : int
        Samples, or pixels, that the fit saw.
    n_parameters : int
        Numbers that were fitted.
    nll_before, nll_after : float
        NLL in nats a sample on the calibration set. What a test set shows is a little more.
    iterations : int
        Steps of the search; 0 where there is a formula.
    converged : bool
        Whether the search reached its optimum.
    message : str
        How that is known.
    temperature : float or None
        For temperature scaling.
    temperature_interval : tuple of two floats, or None
        Where the temperature of an endless calibration set lies with 95 % confidence.
    """

    scaler: str
    n_samples: int
    n_parameters: int
    nll_before: float
    nll_after: float
    iterations: int
    converged: bool
    message: str
    temperature: float | None = None
    temperature_interval: tuple[float, float] | None = None

    def __str__(self) -> str:
        lines = {
            "samples": str(self.n_samples),
            "parameters": str(self.n_parameters),
            "NLL before": f"{self.nll_before:.4f}",
            "NLL after": f"{self.nll_after:.4f}",
            "iterations": str(self.iterations),
            "converged": f"{'yes' if self.converged else 'NO'}, {self.message}",
        }
        if self.temperature is not None and self.temperature_interval is not None:
            low, high = self.temperature_interval
            lines["temperature"] = f"{self.temperature:.4g} (95 %: {low:.4g} to {high:.4g})"
        return "\n".join([self.scaler, *(f"  {name:12}{text}" for name, text in lines.items())])


class Scaler(nn.Module, ABC):
    """What all scalers share; use one of its children.

    Attributes
    ----------
    summary : FitSummary or None
        What the fit did; None before a fit.
    calibration_rows : Tensor or None
        Fingerprints by which `evaluate` knows calibration samples again; not saved.
    """

    # the names of what a fit finds, tensors that the state dict keeps in float64
    fitted_names: ClassVar[tuple[str, ...]]

    def __init__(self) -> None:
        super().__init__()
        self.summary: FitSummary | None = None
        self.calibration_rows: Tensor | None = None

    @property
    def fitted(self) -> bool:
        """Whether the scaler was fitted, also before it was saved and loaded."""
        return self.summary is not None

    def check_fitted(self) -> None:
        """Raise a RuntimeError where the scaler was not fitted."""
        if not self.fitted:
            raise RuntimeError(
                f"this {type(self).__name__} is not fitted; call fit or fit_logits first"
            )

    def fit(
        self,
        model: nn.Module,
        calib_loader: Iterable[object],
        *,
        ignore_index: int | None = None,
        progress: bool = True,
        device: torch.device | str | None = None,
    ) -> Self:
        """Fit on a model and a loader over the calibration set.

        The model runs in eval mode and is given back as it came.

        Parameters
        ----------
        model : nn.Module
            Maps a batch of inputs to logits of shape (batch, C), (batch, C, ...) with a class
            for every pixel, or (batch,) or (batch, 1) for a binary model.
        calib_loader : iterable
            Gives batches ``(inputs, labels)`` of samples that the model was not trained on.
        ignore_index : int, optional
            Samples or pixels with this label are left out.
        progress : bool, default True
            Show a progress bar on stderr.
        device : torch.device or str, optional
            Where to run the model. Default: where it is.

        Returns
        -------
        Scaler
            The scaler itself.

        Raises
        ------
        TypeError, ValueError
            As `collect_logits` and `fit_logits` do.
        """

        def collect() -> tuple[Tensor, Tensor]:
            empty = n_processes() > 1
            return collect_logits(
                model, calib_loader, progress=progress, device=device, empty=empty
            )

        return self._fit_to(collect, ignore_index)

    def fit_logits(
        self,
        logits: Tensor | NDArray[np.floating],
        labels: Tensor | NDArray[np.integer],
        *,
        ignore_index: int | None = None,
    ) -> Self:
        """Fit on the logits and the labels of the calibration set.

        Parameters
        ----------
        logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
            What the model gives before the softmax, or before the sigmoid.
        labels : Tensor or array, shape (N,) or (N, ...)
            Class indices from 0 to C - 1.
        ignore_index : int, optional
            Samples or pixels with this label are left out.

        Returns
        -------
        Scaler
            The scaler itself.

        Raises
        ------
        TypeError, ValueError
            If logits or labels are of the wrong kind, shape, range or length, if logits are
            probabilities, if the labels hold too few classes, or if no finite optimum exists.
            The scaler is then what it was.
        RuntimeError
            If the search did not reach its optimum.
        """
        return self._fit_to(lambda: (logits, labels), ignore_index)

    def _fit_to(
        self, calibration_set: Callable[[], tuple[object, object]], ignore_index: int | None
    ) -> Self:
        with fail_together():
            rows = check_logits_and_labels(
                *calibration_set(), ignore_index=ignore_index, empty=n_processes() > 1
            )
        if rows.scores.device.type == "mps":  # Apple's GPUs have no float64
            rows = rows.to("cpu")
        self._fit(rows)
        self.calibration_rows = sample_fingerprints(rows)
        return self

    @abstractmethod
    def _fit(self, rows: Rows) -> None: ...

    def get_extra_state(self) -> dict[str, object]:
        fitted = {
            name: torch.as_tensor(getattr(self, name), dtype=torch.float64)
            for name in self.fitted_names
        }
        summary = None if self.summary is None else asdict(self.summary)
        return {"scaler": type(self).__name__, "summary": summary, **fitted}

    def set_extra_state(self, state: dict[str, object]) -> None:
        wanted = {"scaler", "summary", *self.fitted_names}
        if not isinstance(state, dict) or set(state) != wanted:
            came = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(
                f"the state of a {type(self).__name__} holds {sorted(wanted)}, got {came}; "
                "load it into the kind of scaler that it was saved from"
            )
        if state["scaler"] != type(self).__name__:
            raise ValueError(
                f"the state must be that of a {type(self).__name__}, got that of a "
                f"{state['scaler']}; load it into the kind of scaler that it was saved from"
            )
        self._set_fitted({name: state[name] for name in self.fitted_names})
        summary = state["summary"]
        self.summary = FitSummary(**summary) if isinstance(summary, dict) else None
        self.calibration_rows = None

    def _set_fitted(self, values: dict[str, object]) -> None:
        for name, value in values.items():
            setattr(self, name, value)


class TemperatureScaler(Scaler):
    """Divide logits by the one number T > 0 that minimises the NLL of a calibration set.

    The optimum is found exactly: the NLL is convex in the inverse temperature, and a bracketed
    Newton iteration with float64 sums finds its minimum without a learning rate. Under
    ``torch.distributed`` every process fits on its own part of the calibration set, and all get
    the temperature of the whole.

    Parameters
    ----------
    init_temperature : float, default 1.0
        The temperature before a fit.

    Attributes
    ----------
    temperature : float
        What the logits are divided by. Above 1 it lowers the confidences, below 1 it raises
        them.
    summary : FitSummary or None
        What the fit did, with an interval for the temperature; None before a fit.

    References
    ----------
    Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
    Section 4.2, equation 9. https://arxiv.org/abs/1706.04599

    White (1982). Maximum Likelihood Estimation of Misspecified Models. Econometrica 50. The
    sandwich formula behind the interval. https://doi.org/10.2307/1912526

    Examples
    --------
    >>> import torch
    >>> from calibkit import TemperatureScaler
    >>> logits = torch.tensor([[4.0, 0.0], [0.0, 4.0], [4.0, 0.0], [0.0, 4.0]])
    >>> labels = torch.tensor([0, 1, 0, 0])
    >>> scaler = TemperatureScaler().fit_logits(logits, labels)
    >>> round(scaler.temperature, 4)  # three of four right: T = 4 / log 3
    3.641
    >>> scaler(logits).softmax(-1)[0]
    tensor([0.7500, 0.2500])
    >>> print(scaler.summary)
    TemperatureScaler
      samples     4
      parameters  1
      NLL before  1.0181
      NLL after   0.5623
      iterations  3
      converged   yes, the next Newton step would move T by less than 1e-10 of it
      temperature 3.641 (95 %: 0.464 to 28.57)
    """

    fitted_names = ("temperature",)

    def __init__(self, init_temperature: float = 1.0) -> None:
        super().__init__()
        # a plain float: exact in every precision of the model and on every device
        self.temperature = _check_temperature(init_temperature)

    def _fit(self, rows: Rows) -> None:
        found = find_optimum(rows)
        self.temperature = 1 / found.inverse_temperature
        # beyond that the interval is everything, in float64
        factor = math.exp(min(1.959964 * found.relative_error, 700))
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=found.n_samples,
            n_parameters=1,
            nll_before=found.nll_before,
            nll_after=found.nll_after,
            iterations=found.iterations,
            converged=True,
            message=f"the next Newton step would move T by less than {found.tolerance:g} of it",
            temperature=self.temperature,
            temperature_interval=(self.temperature / factor, self.temperature * factor),
        )

    def forward(self, logits: Tensor) -> Tensor:
        """Return logits / T, in the shape and precision of the logits."""
        return logits / self.temperature

    def _set_fitted(self, values: dict[str, object]) -> None:
        self.temperature = _check_temperature(float(values["temperature"]))  # type: ignore[arg-type]

    def extra_repr(self) -> str:
        return f"temperature={self.temperature:.4g}"


class FitOutcome(NamedTuple):
    """What the fit of a `ClassScaler` reports; the fitted values it has stored itself."""

    n_parameters: int
    iterations: int
    message: str


class ClassScaler(Scaler):
    """A scaler with parameters for every class, fitted in one process."""

    def _fit(self, rows: Rows) -> None:
        refuse_several_processes(type(self).__name__)
        scores, labels = rows.flat()
        _check_every_class(labels, rows.n_classes)
        logits = scores.double()
        outcome = self._fit_classes(logits, labels)
        self.summary = FitSummary(
            scaler=type(self).__name__,
            n_samples=len(labels),
            n_parameters=outcome.n_parameters,
            nll_before=float(cross_entropy(logits, labels)),
            nll_after=float(cross_entropy(self._calibrate(logits), labels)),
            iterations=outcome.iterations,
            converged=True,
            message=outcome.message,
        )

    @abstractmethod
    def _fit_classes(self, logits: Tensor, labels: Tensor) -> FitOutcome:
        """Fit on float64 logits (N, C) and labels (N,); raise, and change nothing, on failure."""

    @abstractmethod
    def _calibrate(self, logits: Tensor) -> Tensor:
        """Map logits (..., C) to calibrated logits (..., C)."""

    @property
    @abstractmethod
    def n_classes(self) -> int:
        """How many classes the fit saw."""

    def forward(self, logits: Tensor) -> Tensor:
        """Return calibrated logits, in the shape and precision of the logits."""
        self.check_fitted()
        single = logits.ndim == 1 or logits.shape[1] == 1
        if single:
            z = logits.reshape(logits.shape[0], *logits.shape[2:])
            rows = torch.stack([torch.zeros_like(z), z], -1)
        else:
            rows = logits.movedim(1, -1)
        if rows.shape[-1] != self.n_classes:
            raise ValueError(
                f"logits must have {self.n_classes} classes as in the fit, got "
                f"{tuple(logits.shape)}; fit a {type(self).__name__} for this model"
            )
        # half a precision is too little for logarithms of small probabilities
        precise = rows.to(torch.promote_types(rows.dtype, torch.float32))
        calibrated = self._calibrate(precise)
        if logits.is_floating_point():
            calibrated = calibrated.to(logits.dtype)
        if single:
            return (calibrated[..., 1] - calibrated[..., 0]).reshape(logits.shape)
        return calibrated.movedim(-1, 1)


def _check_temperature(temperature: float) -> float:
    number = isinstance(temperature, int | float | np.number) and temperature is not True
    if not number or not 0 < temperature < math.inf:
        raise ValueError(
            f"a temperature must be a positive, finite number, got {temperature!r}; "
            "1.0 leaves the logits as they are"
        )
    return float(temperature)


def _check_every_class(labels: Tensor, n_classes: int) -> None:
    missing = (torch.bincount(labels, minlength=n_classes) == 0).nonzero()[:, 0].tolist()
    if missing:
        shown = ", ".join(map(str, missing[:5])) + (", ..." if len(missing) > 5 else "")
        raise ValueError(
            f"labels must hold every class, got no sample of {len(missing)} of the {n_classes} "
            f"classes ({shown}) among {len(labels)}; use a larger or stratified calibration set, "
            "or TemperatureScaler, which shares one parameter among all classes"
        )
