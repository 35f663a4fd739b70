"""Labels that are drawn from the probabilities, and counted in the bins of every class."""

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.random import PCG64, Generator
from torch import Tensor
from tqdm import tqdm

from calibkit._rows import Rows
from calibkit._types import Counts, Floats
from calibkit.metrics.base import Predictions, ScoreKind
from calibkit.metrics.classwise import ClasswiseError

# At most about this many random numbers, and as many probabilities, are in memory at a time.
_CHUNK_ELEMENTS = 2**18


class Block(NamedTuple):
    """Draws that use the random numbers of a seed sample by sample, from the first of them on."""

    first: int
    n_draws: int


class DrawnLabels:
    """What n samples and their drawn labels add to the K bins of all classes.

    A drawn label counts as much as its sample. If the samples have weights, their mean must be 1.

    Attributes
    ----------
    n : int
        Number of samples.
    excess, squares : array, shape (K,)
        Sums of what each sample adds to the classwise error, and of its squares.
    expected : array, shape (K,)
        Sums of the probabilities, which are the expected counts of drawn labels.
    """

    def __init__(self, n_cells: int, blocks: Iterable[Block], weighted: bool) -> None:
        self.n = 0
        self.excess, self.squares, self.expected = np.zeros((3, n_cells))
        dtype = np.float64 if weighted else np.int32
        self._counts = {block: np.zeros((block.n_draws, n_cells), dtype) for block in blocks}

    def noise(self, block: Block) -> Floats:
        """Return how far the shares of drawn labels are from the probabilities (R, K)."""
        return np.asarray((self._counts[block] - self.expected) / self.n)

    def add(
        self, metric: ClasswiseError, predictions: Predictions, numbers: dict[Block, Tensor]
    ) -> None:
        """Add samples, with one random number for each sample and draw."""
        terms = metric.terms(predictions)
        assert terms.cells is not None
        probabilities = predictions.probabilities.double()
        self.n += len(probabilities)
        cells = terms.cells.numpy().ravel()
        excess, expected = terms.columns[0].numpy(), probabilities.numpy()
        weights = None if predictions.weights is None else predictions.weights.numpy()[:, None]
        if weights is not None:
            excess, expected = weights * excess, weights * expected
        n_cells = len(self.expected)
        self.excess = _added(self.excess, cells, excess.ravel())
        self.squares = _added(self.squares, cells, excess.ravel() ** 2)
        self.expected = _added(self.expected, cells, expected.ravel())
        bounds = probabilities.cumsum(1)[:, :-1].contiguous()
        for block, counts in self._counts.items():
            label = torch.searchsorted(bounds, numbers[block], right=True)
            cell = terms.cells.gather(1, label).add_(torch.arange(block.n_draws) * n_cells)
            if weights is None:
                np.add.at(counts.ravel(), cell.numpy().ravel(), np.int32(1))
            else:
                each = np.broadcast_to(weights, cell.shape).ravel()
                np.add.at(counts.ravel(), cell.numpy().ravel(), each)


def _added(sums: Floats, cells: Counts, numbers: Floats) -> Floats:
    """Return sums with more numbers, the same to the last digit however the samples are chunked."""
    cells = np.concatenate([np.arange(len(sums)), cells])
    return np.bincount(cells, np.concatenate([sums, numbers])).astype(np.float64, copy=False)


def draw_labels(
    metric: ClasswiseError,
    sets: list[Rows],
    scores_are: ScoreKind,
    blocks: list[Block],
    seed: int,
) -> list[DrawnLabels]:
    """Draw labels from several sets of scores of the same samples.

    The labels of all sets are drawn with the same random numbers, because the sets belong to the
    same samples.
    """
    n_classes = sets[0].n_classes
    weighted = sets[0].weights is not None
    found = [DrawnLabels(metric.n_cells(n_classes), blocks, weighted) for _ in sets]
    generators = {block: Generator(PCG64(seed).advance(block.first)) for block in blocks}
    widest = max(n_classes, *(block.n_draws for block in blocks))
    n_elements = max(1, _CHUNK_ELEMENTS // widest) * n_classes
    chunks = zip(*(rows.chunks(n_elements) for rows in sets), strict=True)
    with tqdm(total=len(sets[0]), desc="labels", delay=2) as bar:
        for chunk in chunks:
            n = len(chunk[0][1])
            numbers = {
                block: torch.from_numpy(generator.random((n, block.n_draws)))
                for block, generator in generators.items()
            }
            for drawn, one in zip(found, chunk, strict=True):
                weights = None if one.weights is None else one.weights.cpu()
                predictions = Predictions(one.scores.cpu(), one.labels.cpu(), weights, scores_are)
                drawn.add(metric, predictions, numbers)
            bar.update(n)
    return found


def blocks_of(n_samples: int, n_draws: int, at_a_time: int) -> list[Block]:
    """Return the blocks of so many draws, which together use the first random numbers."""
    return [
        Block(n_samples * start, min(at_a_time, n_draws - start))
        for start in range(0, n_draws, at_a_time)
    ]


def in_rounds(blocks: list[Block], most_draws: int) -> list[list[Block]]:
    """Return the blocks in lists that hold at most so many draws, or a single block."""
    rounds: list[list[Block]] = []
    for block in blocks:
        if rounds and sum(other.n_draws for other in rounds[-1]) + block.n_draws <= most_draws:
            rounds[-1].append(block)
        else:
            rounds.append([block])
    return rounds
