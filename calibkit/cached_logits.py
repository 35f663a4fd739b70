"""Logits of the embedded model: computed once, then read from the user's cache folder."""

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import BadZipFile

import numpy as np
import torch
from filelock import FileLock
from platformdirs import user_cache_path
from torch import Tensor
from torch.utils.data import DataLoader

from calibkit.datamodules import N_TEST, TEST_SEED
from calibkit.glyphs100 import ASSETS, Glyphs100, check_glyphs100
from calibkit.inference import collect_logits
from calibkit.models import glyphs100_resnet20, glyphs100_weights

_BATCH_SIZE = 100


def glyphs100_logits(
    n: int = N_TEST,
    *,
    seed: int = TEST_SEED,
    severity: float = 0,
    unseen: bool = False,
    progress: bool = True,
) -> tuple[Tensor, Tensor]:
    """The logits of `glyphs100_resnet20` on `Glyphs100` images, and the labels.

    The first call with these arguments draws the images and runs the model, with a progress bar on
    stderr; later ones read what it kept. Calls at the same time compute it once. The folder is
    ``$CALIBKIT_CACHE``, by default that of the user's caches; where it cannot be written, the
    logits are computed every time. It may be deleted at any time.

    Parameters
    ----------
    n : int, default 10_000
        Number of images.
    seed : int, default 2
        Seed of the images; 2 is that of the test set of `Glyphs100DataModule`, 1 gave the 3150
        training images.
    severity : float, default 0
        Strength of the dataset shift, from 0 to 5.
    unseen : bool, default False
        Take glyphs that belong to no class, labelled -1.
    progress : bool, default True
        Show a progress bar where the model runs.

    Returns
    -------
    logits : Tensor, shape (n, 100), float32
    labels : Tensor, shape (n,), int64

    Raises
    ------
    ValueError
        If ``n``, ``seed`` or ``severity`` is out of range.

    Warns
    -----
    UserWarning
        If the logits could not be kept.

    Examples
    --------
    >>> from calibkit import glyphs100_logits
    >>> logits, labels = glyphs100_logits(100, progress=False)
    >>> logits.shape, labels.shape
    (torch.Size([100, 100]), torch.Size([100]))
    """
    check_glyphs100(n, seed, severity)
    path = cache_folder() / f"{_name(n, seed, severity, unseen)}.npz"
    kept = _read(path, n)
    if kept is not None:
        return kept
    try:
        with _alone_with(path):
            kept = _read(path, n)  # another process may have been faster
            if kept is None:
                kept = _compute(n, seed, severity, unseen, progress)
                _write(path, *kept)
    except OSError as error:
        warnings.warn(
            f"the logits cannot be kept in {path.parent} ({error}) and are computed at every call; "
            "set CALIBKIT_CACHE to a folder that can be written",
            stacklevel=2,
        )
    return _compute(n, seed, severity, unseen, progress) if kept is None else kept


def cache_folder() -> Path:
    """Where logits are kept: ``$CALIBKIT_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("CALIBKIT_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("calibkit")


def _name(n: int, seed: int, severity: float, unseen: bool) -> str:
    """A name that changes with the images and with the model."""
    kind = "unseen" if unseen else "seen"
    return f"glyphs100-{kind}-n{n}-seed{seed}-severity{float(severity)}-{_origin()}"


def _origin() -> str:
    code = Path(__file__).parent
    sources = (code / "glyphs100.py", code / "models.py", ASSETS / "glyph_masks.npz")
    contents = [path.read_bytes() for path in (*sources, glyphs100_weights())]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:8]


@contextmanager
def _alone_with(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_name(".lock")):
        yield


def _compute(
    n: int, seed: int, severity: float, unseen: bool, progress: bool
) -> tuple[Tensor, Tensor]:
    images = Glyphs100(n, seed=seed, severity=severity, unseen=unseen)
    loader = DataLoader(images, batch_size=_BATCH_SIZE)
    return collect_logits(glyphs100_resnet20(), loader, progress=progress)


def _read(path: Path, n: int) -> tuple[Tensor, Tensor] | None:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            logits, labels = arrays["logits"], arrays["labels"]
    except (OSError, EOFError, KeyError, ValueError, BadZipFile):  # not there, or damaged
        return None
    if logits.shape != (n, 100) or labels.shape != (n,):
        return None
    return torch.from_numpy(logits), torch.from_numpy(labels)


def _write(path: Path, logits: Tensor, labels: Tensor) -> None:
    """Only a whole file ever stands at the path."""
    with TemporaryDirectory(prefix=".logits-", dir=path.parent) as folder:
        whole = Path(folder, path.name)
        np.savez(whole, logits=logits.numpy(), labels=labels.numpy())
        whole.replace(path)
