"""Files that hold a fitted scaler: its state dict, which `torch.load` reads without running code.

A file is what ``torch.save(scaler.state_dict(), path)`` writes, so Python and the command line can
read each other's files.
"""

import warnings
from pathlib import Path

import torch

from calibkit._command_line.writing import replacing
from calibkit.scalers.base import Scaler
from calibkit.scalers.beta import BetaScaler
from calibkit.scalers.binning import HistogramScaler, IsotonicScaler
from calibkit.scalers.linear import DirichletScaler, MatrixScaler, VectorScaler
from calibkit.scalers.logistic import LogisticScaler, QuadraticScaler
from calibkit.scalers.temperature import TemperatureScaler
from calibkit.scalers.uniform_mixture import UniformMixtureScaler

# A file names its class, and no other class is ever made because of a file.
_CLASSES: dict[str, type[Scaler]] = {
    kind.__name__: kind
    for kind in (
        TemperatureScaler,
        VectorScaler,
        MatrixScaler,
        DirichletScaler,
        HistogramScaler,
        IsotonicScaler,
        LogisticScaler,
        QuadraticScaler,
        BetaScaler,
        UniformMixtureScaler,
    )
}


def new_scaler(name: str) -> Scaler:
    """Return an unfitted scaler, such as a `UniformMixtureScaler` for "uniform-mixture"."""
    words = name.split("-")
    return _CLASSES["".join(word.capitalize() for word in words) + "Scaler"]()


def save_scaler(scaler: Scaler, path: Path) -> None:
    """Write a scaler to a file."""
    with replacing(path) as unfinished:
        torch.save(scaler.state_dict(), unfinished)


def load_scaler(path: Path) -> Scaler:
    """Return the fitted scaler that a file holds, or raise an error if it holds something else."""
    advice = "write one with python -m calibkit fit"
    with path.open("rb") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What torch says of the format is of no use here.
        try:
            state = torch.load(file, map_location="cpu", weights_only=True)
        except Exception as error:
            # What torch raises depends on what the file is, and its text is about torch.
            raise ValueError(f"{path} is not a file of a scaler; {advice}") from error
    inside = state.get("_extra_state") if isinstance(state, dict) else None
    name = inside.get("scaler") if isinstance(inside, dict) else None
    if not isinstance(name, str):
        raise ValueError(f"{path} must hold the state of a scaler alone; {advice}")
    if name not in _CLASSES:
        known = ", ".join(_CLASSES)
        raise ValueError(f"{path} must hold one of {known}, got {name!r}; {advice}")
    scaler = _CLASSES[name]()
    try:
        scaler.load_state_dict(state)
    except (RuntimeError, ValueError) as error:
        raise ValueError(f"{path}: {error}") from error
    if not scaler.fitted:
        raise ValueError(
            f"{path} must hold a fitted {name}, got one that was never fitted; {advice}"
        )
    return scaler
