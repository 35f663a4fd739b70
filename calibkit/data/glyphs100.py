"""Glyphs-100, a labelled image data set of 100 classes with any number of images.

Every number that the drawing computes is a multiple of 1/65536 and small enough for float32 to
hold it without rounding. The arithmetic is therefore exact, and the same seed gives the same
pixels on every machine, whatever instructions its processor has.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import grid_sample
from torch.utils.data import Dataset

from calibkit._checks import check_integer, check_seed

ASSETS = Path(__file__).parent / "assets"
SIZE = 32
CHUNK_SIZE = 1000


class Glyphs100(Dataset[tuple[Tensor, int]]):
    """Images of warped, coloured and noisy glyphs: digits, Latin and Greek letters, and signs.

    Image ``i`` depends on `seed`, on `severity` and on ``i``, but not on `n`. A longer data set
    therefore begins with the images of a shorter one. Another seed gives other images.

    Parameters
    ----------
    n : int
        Number of images, at least 1.
    seed : int, default 0
        Seed of the random draws. The same seed gives the same pixels on every machine.
    severity : float, default 0
        Strength of the dataset shift, from 0 to 5. The embedded model was trained on severity 0.
        At severity 5, the warp, the distance from the centre and the noise are half as strong
        again.
    unseen : bool, default False
        Whether to draw glyphs that belong to none of the 100 classes. Their targets are -1.

    Attributes
    ----------
    images : Tensor, shape (n, 3, 32, 32), float32
        Pixels in [0, 1].
    targets : Tensor, shape (n,), int64
        Class indices from 0 to 99, or -1 everywhere if `unseen`.
    classes : list of str
        The glyph of every class.

    Raises
    ------
    TypeError
        If `n` or `seed` is not an integer, or if `severity` is not a number.
    ValueError
        If `n` is less than 1, if `seed` is negative, or if `severity` is outside [0, 5].

    See Also
    --------
    calibkit.Glyphs100DataModule : Draw the test set and return its loader.
    calibkit.glyphs100_resnet20 : Load the model that was trained on these images.
    calibkit.glyphs100_logits : Get the logits of that model on these images.

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
        arrays = _load_glyph_masks()
        self.classes: list[str] = arrays["classes"].tolist()
        masks = torch.from_numpy(arrays["out_of_class_masks" if unseen else "class_masks"])
        with torch.device("cpu"):
            chunks = [
                _draw_chunk(masks, _generator(seed, chunk), 1 + severity / 10)
                for chunk in range((n + CHUNK_SIZE - 1) // CHUNK_SIZE)
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
    """Raise an error if `Glyphs100` cannot be drawn with these arguments."""
    check_integer(n, "n", least=1, advice="ask for one image or more")
    check_seed(seed)
    if not 0 <= severity <= 5:
        raise ValueError(
            f"severity must lie between 0 and 5, got {severity}; "
            "0 is the distribution of the training data, 5 is the strongest shift"
        )


@cache
def _load_glyph_masks() -> dict[str, np.ndarray]:
    with np.load(ASSETS / "glyph_masks.npz") as arrays:
        return dict(arrays)


def _generator(seed: int, chunk: int) -> torch.Generator:
    # The CPU generator of torch keeps only 32 bits of its seed, so the two numbers are mixed.
    mixed = np.random.SeedSequence([seed, chunk]).generate_state(1)[0]
    return torch.Generator().manual_seed(int(mixed))


def _draw_chunk(
    masks: Tensor, generator: torch.Generator, strength: float
) -> tuple[Tensor, Tensor]:
    n_classes, n_fonts = masks.shape[:2]
    targets = torch.randint(n_classes, (CHUNK_SIZE,), generator=generator)
    fonts = torch.randint(n_fonts, (CHUNK_SIZE,), generator=generator)
    glyphs = _warp(masks[targets, fonts].float() / 256, generator, strength)
    images = _colour(glyphs, generator) + _noise(generator, strength)
    return images.clamp_(0, 1), targets


def _uniform(low: int, high: int, shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Draw multiples of 1/256 uniformly from low/256 to high/256, both included."""
    return torch.randint(low, high + 1, shape, generator=generator).float() / 256


def _round_to_fractions(values: Tensor, denominator: int = 256) -> Tensor:
    return (values * denominator).round() / denominator


def _warp(glyphs: Tensor, generator: torch.Generator, strength: float) -> Tensor:
    """Transform each glyph by a random affine map, the identity plus uniform noise and a shift."""
    stretch = _round_to_fractions(strength * _uniform(-80, 80, (CHUNK_SIZE, 2, 2), generator))
    shift = _round_to_fractions(strength * _uniform(-4 * 256, 4 * 256, (CHUNK_SIZE, 2), generator))
    axis = torch.arange(SIZE, dtype=torch.float32) - (SIZE - 1) / 2
    pixels = torch.cartesian_prod(axis, axis).flip(-1)
    matrix = torch.eye(2, dtype=torch.float32) + stretch
    # This is a sum of products and not a matmul, whose precision the user may have lowered.
    source = (matrix[:, None] * pixels[:, None]).sum(-1) + shift[:, None]
    # Positions in sixteenths of a pixel keep the bilinear weights exact.
    positions = _round_to_fractions(source, 16).reshape(CHUNK_SIZE, SIZE, SIZE, 2)
    warped = grid_sample(glyphs[:, None], positions / (SIZE / 2), align_corners=False)
    return _round_to_fractions(warped)


def _colour(glyphs: Tensor, generator: torch.Generator) -> Tensor:
    """Paint each glyph on a background that differs from it by 96/256 or more in each channel."""
    background = _uniform(0, 255, (CHUNK_SIZE, 3, 1, 1), generator)
    foreground = (background + _uniform(96, 160, (CHUNK_SIZE, 3, 1, 1), generator)) % 1
    return background + glyphs * (foreground - background)


def _noise(generator: torch.Generator, strength: float) -> Tensor:
    """Draw Gaussian pixel noise. Each image has its own sigma, 0.12 to 0.24 at severity 0."""
    sigma = _round_to_fractions(strength * _uniform(31, 61, (CHUNK_SIZE, 1, 1, 1), generator))
    quantiles = _gaussian_quantiles()
    draws = torch.randint(len(quantiles), (CHUNK_SIZE, 3, SIZE, SIZE), generator=generator)
    return sigma * quantiles[draws]


@cache
def _gaussian_quantiles() -> Tensor:
    """Return 4096 equally likely values of a standard normal variable, rounded to 1/256."""
    levels = (torch.arange(4096, dtype=torch.float64) + 0.5) / 4096
    return _round_to_fractions(torch.special.ndtri(levels)).float()
