"""Logits of the embedded model, which are computed once and then read from a cache folder."""

import hashlib
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from filelock import FileLock
from numpy.typing import NDArray
from platformdirs import user_cache_path
from torch import Tensor
from torch.utils.data import DataLoader

from calibkit.data.datamodules import N_TEST, TEST_SEED
from calibkit.data.glyphs100 import ASSETS, Glyphs100, check_glyphs100
from calibkit.data.resnet import glyphs100_resnet20, glyphs100_weights
from calibkit.inference import collect_logits

_BATCH_SIZE = 100


def glyphs100_logits(
    n: int = N_TEST,
    *,
    seed: int = TEST_SEED,
    severity: float = 0,
    unseen: bool = False,
    progress: bool = True,
) -> tuple[Tensor, Tensor]:
    """Return the logits of `glyphs100_resnet20` on `Glyphs100` images, and the labels.

    The first call with these arguments draws the images, runs the model and stores the result in
    a file. Later calls read that file. If several processes ask for the same logits at once, one
    of them computes the logits and the others wait. If the model or the code that draws the images
    changes, the logits are computed again.

    The files are in the folder that the environment variable ``CALIBKIT_CACHE`` names, or else in
    the user's cache folder. The folder may be deleted at any time.

    Parameters
    ----------
    n : int, default 10_000
        Number of images.
    seed : int, default 2
        Seed of the images. Seed 2 draws the test set of `Glyphs100DataModule`. The 3150 training
        images were drawn with seed 1.
    severity : float, default 0
        Strength of the dataset shift, from 0 to 5.
    unseen : bool, default False
        Whether to draw glyphs that belong to no class. Their labels are -1.
    progress : bool, default True
        Whether to show a progress bar on stderr while the model runs.

    Returns
    -------
    logits : Tensor, shape (n, 100), float32
        What the model returns before the softmax.
    labels : Tensor, shape (n,), int64
        Class indices from 0 to 99, or -1 everywhere if `unseen`.

    Raises
    ------
    TypeError
        If `n` or `seed` is not an integer, or if `severity` is not a number.
    ValueError
        If `n` is less than 1, if `seed` is negative, or if `severity` is outside [0, 5].
    RuntimeError
        If the file of the embedded weights is damaged or missing.

    Warns
    -----
    UserWarning
        If the cache folder cannot be written. The logits are then computed at every call.

    See Also
    --------
    calibkit.Glyphs100 : Draw the images themselves.
    calibkit.glyphs100_resnet20 : Load the model.
    calibkit.collect_logits : Get the logits of your own model.
    calibkit.glyphs100_population : Read the counts of 200 000 images.

    Examples
    --------
    >>> from calibkit import glyphs100_logits
    >>> logits, labels = glyphs100_logits(100, progress=False)
    >>> logits.shape, labels.shape
    (torch.Size([100, 100]), torch.Size([100]))
    """
    check_glyphs100(n, seed, severity)
    path = cache_folder() / f"{_file_stem(n, seed, severity, unseen)}.npz"
    result = _read(path, n)
    if result is not None:
        return result
    try:
        with _file_lock(path):
            result = _read(path, n)  # another process may have written it in the meantime
            if result is None:
                result = _compute(n, seed, severity, unseen, progress)
                _write(path, *result)
    except OSError as error:
        warnings.warn(
            f"the logits cannot be stored in {path.parent} ({error}) and are computed at every "
            "call; set CALIBKIT_CACHE to a folder that can be written",
            stacklevel=2,
        )
    return _compute(n, seed, severity, unseen, progress) if result is None else result


def cache_folder() -> Path:
    """Return the folder of the stored logits: ``$CALIBKIT_CACHE``, or the user's cache folder."""
    chosen = os.environ.get("CALIBKIT_CACHE")
    return Path(chosen).expanduser() if chosen else user_cache_path("calibkit")


def _file_stem(n: int, seed: int, severity: float, unseen: bool) -> str:
    """Return a file name that changes whenever the images or the model change."""
    kind = "unseen" if unseen else "seen"
    version = _hash_of_code_and_weights()
    return f"glyphs100-{kind}-n{n}-seed{seed}-severity{float(severity)}-{version}"


def _hash_of_code_and_weights() -> str:
    code = Path(__file__).parent
    sources = (code / "glyphs100.py", code / "resnet.py", ASSETS / "glyph_masks.npz")
    contents = [path.read_bytes() for path in (*sources, glyphs100_weights())]
    return hashlib.sha256(b"".join(contents)).hexdigest()[:8]


@contextmanager
def _file_lock(path: Path) -> Iterator[None]:
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
    """Return the stored logits and labels, or None if the file is missing or damaged."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            logits, labels, digest = arrays["logits"], arrays["labels"], str(arrays["digest"])
    except Exception:  # Damaged files raise errors of many kinds.
        return None
    if logits.shape != (n, 100) or labels.shape != (n,) or digest != _digest(path, logits, labels):
        return None
    return torch.from_numpy(logits), torch.from_numpy(labels)


def _write(path: Path, logits: Tensor, labels: Tensor) -> None:
    # Only a complete file is moved to its path, so that no process ever reads half a file.
    with TemporaryDirectory(prefix=".logits-", dir=path.parent) as folder:
        complete = Path(folder, path.name)
        digest = _digest(path, logits.numpy(), labels.numpy())
        np.savez(complete, logits=logits.numpy(), labels=labels.numpy(), digest=np.array(digest))
        complete.replace(path)


def _digest(path: Path, logits: NDArray[np.generic], labels: NDArray[np.generic]) -> str:
    """Return a hash of the name and the content, which a file with other numbers does not have."""
    described = f"{path.name} {logits.dtype} {labels.dtype}".encode()
    return hashlib.sha256(described + logits.tobytes() + labels.tobytes()).hexdigest()
