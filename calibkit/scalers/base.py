"""The interface that all scalers share, and the summary of a fit."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import partial
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from calibkit._checks import check_logits_and_labels
from calibkit._conversion import as_tensor, refuse_unusual
from calibkit._devices import without_autocast
from calibkit._distributed import fail_together, gather_rows, n_processes
from calibkit._fingerprints import fingerprints
from calibkit._rows import Rows
from calibkit._types import SampleWeight
from calibkit.inference import collect_calibration_set
from calibkit.scalers._fitted_parameters import as_float64, check_parameter, own_copy
from calibkit.scalers._shared_set import agree_with_other_processes


@dataclass(frozen=True)
class FitSummary:
    """A record of what a fit did, which prints as a small table.

    Attributes
    ----------
    scaler : str
        Name of the scaler's class.
    n_samples : int
        Number of samples, pixels or entries of multi-hot labels that the scaler was fitted on.
    n_parameters : int
        Number of parameters that were fitted.
    nll_before, nll_after : float
        NLL of the calibration set in nats per sample, without the scaler and with it. The NLL of
        a test set is usually a little higher than `nll_after`.
    iterations : int
        Number of steps of the search, or 0 if a formula gives the parameters.
    message : str
        How we know that the parameters are the best ones.
    temperature : float or None
        The fitted temperature. Only temperature scaling sets it.
    temperature_interval : tuple of two floats, or None
        A 95% confidence interval of the temperature that an infinitely large calibration set
        would give. Only temperature scaling sets it.
    comparison : str or None
        What `calibkit.best_scaler` compared. Only a scaler that it chose has it.

    See Also
    --------
    calibkit.Scaler : Fit a scaler, which then holds such a summary.
    calibkit.TemperatureScaler : Fit the scaler whose summary has an interval.
    """

    scaler: str
    n_samples: int
    n_parameters: int
    nll_before: float
    nll_after: float
    iterations: int
    message: str
    temperature: float | None = None
    temperature_interval: tuple[float, float] | None = None
    comparison: str | None = None

    def __str__(self) -> str:
        lines = {
            "samples": str(self.n_samples),
            "parameters": str(self.n_parameters),
            "NLL before": f"{self.nll_before:.4f}",
            "NLL after": f"{self.nll_after:.4f}",
            "iterations": str(self.iterations),
            "optimum": self.message,
        }
        if self.temperature is not None and self.temperature_interval is not None:
            low, high = self.temperature_interval
            lines["temperature"] = f"{self.temperature:.4g} (95%: {low:.4g} to {high:.4g})"
        if self.comparison is not None:
            lines["comparison"] = self.comparison.replace("\n", "\n" + 14 * " ")
        return "\n".join([self.scaler, *(f"  {name:12}{text}" for name, text in lines.items())])


class Scaler(nn.Module, ABC):
    """The common base of all scalers, which fits, saves and loads them.

    It is abstract: use one of the scalers that inherit from it.

    Attributes
    ----------
    summary : FitSummary or None
        What the fit did. None before a fit.
    calibration_fingerprints : Tensor or None
        Fingerprints with which `calibkit.evaluate` recognises calibration samples in a test set.
        They are not saved. None before a fit.

    See Also
    --------
    calibkit.TemperatureScaler : Fit one parameter, the temperature, which suits most models.
    calibkit.VectorScaler : Fit a factor and a bias for each class.
    calibkit.FitSummary : Read what a fit did.
    calibkit.compare : Compare several scalers on the same logits.
    """

    # These are the attributes that a fit sets. The state dict holds them as float64 tensors.
    fitted_names: ClassVar[tuple[str, ...]]
    # Their shapes, with a letter for each dimension. The same letter stands for the same number.
    _shapes: ClassVar[Mapping[str, str]] = {}
    # The least and the largest value that a parameter may have, if a state can hold a wrong one.
    _bounds: ClassVar[Mapping[str, tuple[float, float]]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.summary: FitSummary | None = None
        self.calibration_fingerprints: Tensor | None = None

    def __call__(self, logits: Any) -> Any:
        """Return the scaled logits. An array or a table becomes a tensor, as it does in a fit."""
        if isinstance(logits, Tensor):
            refuse_unusual(logits, "logits")
            return super().__call__(logits)
        return super().__call__(as_tensor(logits, "logits"))

    def __setattr__(self, name: str, value: Any) -> None:
        has_own_check = name in getattr(self, "_attribute_checks", ())
        if name in self.fitted_names and not has_own_check:
            allowed = self._shapes.get(name), self._bounds.get(name)
            value = check_parameter(value, name, type(self).__name__, *allowed)
        super().__setattr__(name, value)

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Restore a copy or a pickle, which may have been made in inference mode."""
        super().__setstate__(state)  # type: ignore[no-untyped-call]
        for name in self.fitted_names:
            if isinstance(value := vars(self).get(name), Tensor):
                vars(self)[name] = own_copy(value)

    @property
    def fitted(self) -> bool:
        """Whether the scaler is fitted, or was fitted before it was saved and loaded."""
        return self.summary is not None

    def check_fitted(self) -> None:
        """Raise an error if the scaler is not fitted.

        Raises
        ------
        RuntimeError
            If neither `fit` nor `fit_logits` has succeeded, and no fitted state was loaded.
        """
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
        """Fit on the logits that a model returns for the calibration set.

        The model runs in eval mode. Afterwards every module is in the mode and on the device that
        it had before.

        Parameters
        ----------
        model : nn.Module
            A model that maps a batch of inputs to logits of shape (batch, C), or (batch, C, ...) if
            every pixel has a class, or (batch,) or (batch, 1) if the model is binary.
        calib_loader : iterable
            A source of batches ``(inputs, labels)`` of samples that the model was not trained on,
            in one of the forms that `calibkit.collect_logits` accepts.
        ignore_index : int, optional
            Samples or pixels with this label are left out.
        progress : bool, default True
            Whether to show a progress bar on stderr.
        device : torch.device or str, optional
            Where the model runs. By default it runs where it is.

        Returns
        -------
        Scaler
            The scaler itself.

        Raises
        ------
        TypeError
            If `model` is not an ``nn.Module``, if `calib_loader` is not an iterable of batches, if
            a batch has none of these forms, if the model does not return a tensor, or for a reason
            that `fit_logits` names.
        ValueError
            If `calib_loader` gives no sample, if the model does not return one row of logits for
            each label, if the batches differ in shape beyond the first dimension, if `device` is
            given and the model is spread over several devices, if it is "meta", or for a reason
            that `fit_logits` names. The scaler then stays as it was.
        RuntimeError
            For a reason that `fit_logits` names.

        See Also
        --------
        calibkit.Scaler.fit_logits : Fit on logits that you already have.
        calibkit.collect_logits : Keep the logits, in order to fit several scalers on them.
        """
        collect = partial(
            collect_calibration_set, model, calib_loader, progress=progress, device=device
        )
        return self._fit_calibration_set(collect, ignore_index, None)

    def fit_logits(
        self,
        logits: Tensor | NDArray[np.floating],
        labels: Tensor | NDArray[np.integer],
        *,
        ignore_index: int | None = None,
        sample_weight: SampleWeight | None = None,
    ) -> Self:
        """Fit on the logits and the labels of the calibration set.

        Parameters
        ----------
        logits : Tensor or array, shape (N, C), (N, C, ...), (N, 1) or (N,)
            What the model returns before the softmax, or before the sigmoid for a binary model. A
            masked class needs a large negative number here, such as -10000, because -inf is
            refused. A fitted scaler accepts -inf, and the class keeps the probability 0.
        labels : Tensor or array, shape (N,) or (N, ...)
            Class indices from 0 to C - 1.
        ignore_index : int, optional
            Samples or pixels with this label are left out.
        sample_weight : Tensor or array, shape (N,) or (N, ...), optional
            How much each sample or pixel counts. A sample of weight 2 counts like two samples, and
            a sample of weight 0 is left out. By default every weight is 1. Where a scaler weighs
            the samples against a penalty, the weights should therefore sum to about N.

        Returns
        -------
        Scaler
            The scaler itself.

        Raises
        ------
        TypeError
            If `logits` is not a dense floating-point tensor or array, if `labels` is not an integer
            tensor or array, or if `ignore_index` is neither an integer nor None.
        ValueError
            If a logit is NaN, infinite or larger than 1e100 in magnitude, if a weight is negative,
            NaN or infinite, if all weights are 0, if the logits look like probabilities, if
            `labels` holds a class outside 0..C-1, if `logits` and `labels` differ in length, if
            there is no sample, if all labels are the same, or if the scaler has
            parameters for each class and a class has no sample. A `BetaScaler` also raises this
            error if there are more than two classes or fewer than three different probabilities,
            or if no sample of class 1 has a lower probability of class 1 than a sample of class 0.
            If several processes share the calibration set, all of them raise this error if none
            has a sample, or if their logits differ in the number of classes. After any error, the
            scaler stays as it was.
        NoOptimumError
            If the NLL has no minimum at a finite temperature above 0. This error is a ValueError.
        RuntimeError
            If the search does not reach the minimum of the NLL, if several processes share the
            calibration set and the scaler is fitted in one process, as its message says, or if
            another process refuses its part of the calibration set.

        See Also
        --------
        calibkit.Scaler.fit : Run the model and fit on its logits.
        calibkit.split_calibration : Split a data set into a calibration set and a test set.
        """
        return self._fit_calibration_set(lambda: (logits, labels), ignore_index, sample_weight)

    def _fit_calibration_set(
        self,
        calibration_set: Callable[[], tuple[object, object]],
        ignore_index: int | None,
        sample_weight: SampleWeight | None,
    ) -> Self:
        with self._unchanged_on_failure(), fail_together():
            several = n_processes() > 1
            rows = self._check(
                *calibration_set(),
                ignore_index=ignore_index,
                sample_weight=sample_weight,
                empty=several,
            )
            rows = agree_with_other_processes(rows, self._described()) if several else rows
            with without_autocast(rows.scores.device):
                self._fit(rows)
                self.calibration_fingerprints = gather_rows(fingerprints(self._samples(rows)))
        return self

    def _described(self) -> str:
        """Return the class and the options, which are the numbers that no fit sets."""
        options = {
            name: value
            for name, value in vars(self).items()
            if isinstance(value, int | float) and name not in {*self.fitted_names, "training"}
        }
        given = ", ".join(f"{name}={value!r}" for name, value in options.items())
        return f"{type(self).__name__}({given})"

    def _check(self, logits: object, labels: object, **options: Any) -> Rows:
        """Return a calibration set as rows, or raise an error."""
        return check_logits_and_labels(logits, labels, **options)

    def _samples(self, rows: Rows) -> Rows:
        """Return one row for each sample, by which a test set with the same sample is found."""
        return rows

    @contextmanager
    def _unchanged_on_failure(self) -> Iterator[None]:
        """Restore all attributes if an error is raised, so that none is new beside old ones."""
        before = self.__dict__.copy()
        try:
            yield
        except BaseException:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    @abstractmethod
    def _fit(self, rows: Rows) -> None: ...

    def get_extra_state(self) -> dict[str, object]:
        """Return what `state_dict` saves: the class, the summary and the fitted parameters."""
        name = type(self).__name__
        fitted = {key: as_float64(getattr(self, key), key, name) for key in self.fitted_names}
        summary = None if self.summary is None else asdict(self.summary)
        return {"scaler": name, "summary": summary, **fitted}

    def set_extra_state(self, state: dict[str, object]) -> None:
        """Restore what `get_extra_state` returned.

        Raises
        ------
        ValueError
            If the state was saved from another kind of scaler or by another version of calibkit, or
            if it holds a parameter that cannot be right. The scaler then stays as it was.
        """
        name = type(self).__name__
        wanted = {"scaler", "summary", *self.fitted_names}
        if not isinstance(state, dict) or set(state) != wanted:
            found = sorted(state) if isinstance(state, dict) else type(state).__name__
            raise ValueError(
                f"the state of a {name} holds {sorted(wanted)}, got {found}; "
                "load it into the kind of scaler that it was saved from"
            )
        if state["scaler"] != name:
            raise ValueError(
                f"the state must come from a {name}, got one that was saved from a "
                f"{state['scaler']}; load it into the kind of scaler that it was saved from"
            )
        summary = _restore_summary(state["summary"])
        fitted = {key: as_float64(state[key], key, name) for key in self.fitted_names}
        self._check_shapes(fitted, may_be_empty=summary is None)
        with self._unchanged_on_failure():
            self._set_fitted(fitted)
            self.summary = summary
            self.calibration_fingerprints = None

    def _check_shapes(self, fitted: dict[str, Tensor], *, may_be_empty: bool) -> None:
        if may_be_empty and all(value.numel() == 0 for value in fitted.values()):
            return
        sizes: dict[str, int] = {}
        for name, value in fitted.items():
            letters = self._shapes.get(name)
            if letters is None:
                continue
            right = value.ndim == len(letters) and value.numel() > 0
            for letter, size in zip(letters, value.shape, strict=False):
                right &= sizes.setdefault(letter, size) == size
            if not right:
                shapes = {name: tuple(value.shape) for name, value in fitted.items()}
                raise ValueError(
                    f"the parameters of a {type(self).__name__} must have shapes that belong "
                    f"together, got {shapes}; save the state again from a fitted scaler"
                )

    def _set_fitted(self, values: dict[str, Tensor]) -> None:
        for name, value in values.items():
            setattr(self, name, value)


def _restore_summary(summary: object) -> FitSummary | None:
    if summary is None:
        return None
    if not isinstance(summary, dict):
        raise ValueError(
            f"the saved summary must be a dictionary or None, got {type(summary).__name__}; save "
            "the scaler again"
        )
    wanted = {field.name for field in fields(FitSummary)}
    if set(summary) != wanted:
        raise ValueError(
            f"the saved summary must hold {sorted(wanted)}, got {sorted(summary)}, which another "
            "version of calibkit has written; fit the scaler again and save it again"
        )
    numbers = "n_samples", "n_parameters", "nll_before", "nll_after", "iterations"
    for name in numbers:
        if isinstance(summary[name], bool) or not isinstance(summary[name], int | float):
            raise ValueError(
                f"the saved summary must hold a number as {name}, got {summary[name]!r}; save the "
                "scaler again"
            )
    if not isinstance(summary["comparison"], str | None):
        raise ValueError(
            "the saved summary must hold a text or None as comparison, got "
            f"{summary['comparison']!r}; save the scaler again"
        )
    return FitSummary(**summary)
