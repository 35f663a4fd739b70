"""Glyphs-100: an endless, labelled image data set of 100 classes that needs no network.

Every quantity below is a multiple of a power of two with few bits, so float32 arithmetic on it
is exact: the same seed gives the same pixels on every machine, whatever its instruction set.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample
from torch.utils.data import Dataset

from calibkit.checks import check_integer, check_seed

ASSETS = Path(__file__).parent / "assets"
SIZE = 32
CHUNK = 1000


class Glyphs100(Dataset[tuple[Tensor, int]]):
    """Images of warped, coloured and noisy glyphs: digits, letters, Greek, signs.

    Image ``i`` depends on ``seed``, ``severity`` and ``i`` alone, not on ``n``: a longer data set
    continues a shorter one. Another seed gives other images.

    Parameters
    ----------
    n : int
        Number of images, at least 1.
    seed : int, default 0
        Same seed, same pixels, on every machine.
    severity : float, default 0
        Strength of the dataset shift, from 0 (what the embedded model was trained on) to 5
        (warp, move off the centre and noise larger by a half).
    unseen : bool, default False
        Draw glyphs that belong to none of the 100 classes; their targets are -1.

    Attributes
    ----------
    images : Tensor, shape (n, 3, 32, 32), float32
        Pixels in [0, 1].
    targets : Tensor, shape (n,), int64
        Class indices, 0 to 99.
    classes : list of str
        The glyph of every class.

    Examples
    --------
    >>> from calibkit import Glyphs100
    >>> dataset = Glyphs100(3, seed=0)
    >>> image, target = dataset[0]
    >>> image.shape, dataset.classes[target]
    (torch.Size([3, 32, 32]), 'ρ')
    """

    def __init__(self, n: int, *, seed: int = 0, severity: float = 0, unseen: bool = False) -> None:
        check_glyphs100(n, seed, severity)
        self.classes: list[str] = _assets()["classes"].tolist()
        masks = torch.from_numpy(_assets()["out_of_class_masks" if unseen else "class_masks"])
        with torch.device("cpu"):
            chunks = [
                _draw_chunk(masks, _generator(seed, chunk), 1 + severity / 10)
                for chunk in range((n + CHUNK - 1) // CHUNK)
            ]
        self.images = torch.cat([images for images, _ in chunks])[:n]
        self.targets = torch.cat([targets for _, targets in chunks])[:n]
        if unseen:
            self.targets.fill_(-1)

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.images[index], int(self.targets[index])


def check_glyphs100(n: int, seed: int, severity: float) -> None:
    """Raise if no `Glyphs100` has these arguments."""
    check_integer(n, "n", least=1, advice="ask for one image or more")
    check_seed(seed)
    if not 0 <= severity <= 5:
        raise ValueError(
            f"severity must lie between 0 and 5, got {severity}; "
            "0 is the distribution of the training data, 5 the strongest shift"
        )


@cache
def _assets() -> dict[str, np.ndarray]:
    with np.load(ASSETS / "glyph_masks.npz") as arrays:
        return dict(arrays)


def _generator(seed: int, chunk: int) -> torch.Generator:
    # torch's CPU generator keeps 32 bits of a seed, so the two numbers are mixed into 32 bits
    mixed = np.random.SeedSequence([seed, chunk]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(mixed))


def _draw_chunk(
    masks: Tensor, generator: torch.Generator, strength: float
) -> tuple[Tensor, Tensor]:
    n_classes, n_fonts = masks.shape[:2]
    targets = torch.randint(n_classes, (CHUNK,), generator=generator)
    fonts = torch.randint(n_fonts, (CHUNK,), generator=generator)
    glyphs = _warp(masks[targets, fonts].float() / 256, generator, strength)
    images = _colour(glyphs, generator) + _noise(generator, strength)
    return images.clamp_(0, 1), targets


def _uniform(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Uniform multiples of 1/256 from low/256 to high/256, both included."""
    return torch.randint(low, high + 1, shape, generator=generator).float() / 256


def _round(values: Tensor, levels: int = 256) -> Tensor:
    return (values * levels).round() / levels


def _warp(glyphs: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """A random affine map of each glyph: the identity plus uniform noise, and a shift."""
    stretch = _round(strength * _uniform(-80, 80, (CHUNK, 2, 2), generator))
    shift = _round(strength * _uniform(-4 * 256, 4 * 256, (CHUNK, 2), generator))
    axis = torch.arange(SIZE, dtype=torch.float32) - (SIZE - 1) / 2
    pixels = torch.cartesian_prod(axis, axis).flip(-1)
    matrix = torch.eye(2, dtype=torch.float32) + stretch
    # no matmul: torch may be told to lower its precision
    source = (matrix[:, None] * pixels[:, None]).sum(-1) + shift[:, None]
    # sixteenths of a pixel keep the bilinear weights exact
    grid = _round(source, 16).reshape(CHUNK, SIZE, SIZE, 2) / (SIZE / 2)
    return _round(grid_sample(glyphs[:, None], grid, align_corners=False))


def _colour(glyphs: Tensor, generator: torch.Generator) -> Tensor:
    """Paint each glyph on a background whose every channel differs from it by 96/256 or more."""
    background = _uniform(0, 255, (CHUNK, 3, 1, 1), generator)
    foreground = (background + _uniform(96, 160, (CHUNK, 3, 1, 1), generator)) % 1
    return background + glyphs * (foreground - background)


def _noise(generator: torch.Generator, strength: float) -> Tensor:
    """Gaussian pixel noise; each image has its own sigma, 0.12 to 0.24 at severity 0."""
    sigma = _round(strength * _uniform(31, 61, (CHUNK, 1, 1, 1), generator))
    draws = torch.randint(len(_gaussian_quantiles()), (CHUNK, 3, SIZE, SIZE), generator=generator)
    return sigma * _gaussian_quantiles()[draws]


@cache
def _gaussian_quantiles() -> Tensor:
    """4096 equally likely values of a standard normal variable, rounded to 1/256."""
    levels = (torch.arange(4096, dtype=torch.float64) + 0.5) / 4096
    return _round(torch.special.ndtri(levels)).float()
