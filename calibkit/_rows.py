"""Scores with their labels, one row per sample or pixel, which can be read in chunks."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import repeat
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

# The sizes of the smallest and the largest chunk, in elements. A small problem is read in small
# chunks, because fresh memory would cost more than the arithmetic. A large problem is read in
# chunks that keep all threads busy.
_CHUNK_ELEMENTS = 2**17, 2**20


class Chunk(NamedTuple):
    """Scores (m, C), labels (m,) and weights (m,) of some rows. No weights mean that all are 1."""

    scores: Tensor
    labels: Tensor
    weights: Tensor | None

    def chosen(self, index: Tensor | Sequence[int]) -> "Chunk":
        """Return the rows with these indices, or those where a mask is true."""
        scores, labels, weights = self
        return Chunk(scores[index], labels[index], None if weights is None else weights[index])


@dataclass(frozen=True, eq=False)
class Rows:
    """Scores (N, C, ...) and labels (N, ...), which the methods return as rows (M, C) and (M,).

    Attributes
    ----------
    scores : Tensor, shape (N, C) or (N, C, ...)
        Logits or probabilities, with the classes in dimension 1.
    labels : Tensor of int64, shape (N,) or (N, ...)
        Class indices.
    ignore_index : int, optional
        Rows with this label are left out.
    weights : Tensor of float64, shape (N,) or (N, ...), optional
        How much each row counts. Rows of weight 0 are left out.
    """

    scores: Tensor
    labels: Tensor
    ignore_index: int | None = None
    weights: Tensor | None = None

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return self.scores.shape[1]

    def __len__(self) -> int:
        counted = self.counted
        return self.labels.numel() if counted is None else int(counted.sum())

    @property
    def counted(self) -> Tensor | None:
        """Which of the labels count, or None if all of them do."""
        return self._counted(self.labels, self.weights)

    @property
    def total_weight(self) -> float:
        """The sum of the weights, which is the number of rows if all weights are 1."""
        weights = self.counted_weights
        return len(self) if weights is None else float(weights.sum())

    @property
    def counted_labels(self) -> Tensor:
        """The labels (M,) that count, without a copy of their scores."""
        counted = self.counted
        return self.labels.flatten() if counted is None else self.labels[counted]

    @property
    def counted_weights(self) -> Tensor | None:
        """The weights (M,) of the rows that count, without a copy of their scores."""
        return None if self.weights is None else self.weights[self.counted]

    def with_mean_weight_1(self) -> Self:
        """Return these rows with weights whose mean is 1, so that their size does not matter."""
        if self.weights is None:
            return self
        return replace(self, weights=self.weights / (self.total_weight / len(self)))

    def chunks(self, n_elements: int | None = None) -> Iterator[Chunk]:
        """Yield scores (m, C), labels (m,) and weights (m,) in chunks, as views where possible.

        A chunk holds about ``n_elements`` scores. By default this number grows with the problem.
        """
        for chunk in self._all_chunks(n_elements or self._usual_chunk_elements()):
            counted = self._without_ignored(chunk)
            if len(counted.labels):
                yield counted

    def _usual_chunk_elements(self) -> int:
        least, most = _CHUNK_ELEMENTS
        return min(max(self.scores.numel() // 32, least), most)

    def _all_chunks(self, n_elements: int) -> Iterator[Chunk]:
        size = max(1, n_elements // max(1, self.n_classes))
        if self.scores.ndim == 2 and len(self.scores) <= size:
            yield Chunk(self.scores, self.labels, self.weights)
            return
        if self.scores.ndim == 2:
            yield from map(Chunk, *(_split(part, size) for part in self._parts()))
            return
        # Small images are read many at a time. A large image alone stays a view.
        images = max(1, size // max(1, self.scores.shape[2:].numel()))
        for group in zip(*(_split(part, images) for part in self._parts()), strict=False):
            scores, labels, weights = group
            pixels = scores.flatten(2).movedim(1, 0).flatten(1).split(size, 1)
            flat = labels.flatten(), None if weights is None else weights.flatten()
            parts = zip(pixels, *(_split(part, size) for part in flat), strict=False)
            for part, targets, pixel_weights in parts:
                yield Chunk(part.T, targets, pixel_weights)

    def _parts(self) -> tuple[Tensor, Tensor, Tensor | None]:
        return self.scores, self.labels, self.weights

    def every_nth(self, step: int) -> Self:
        """Return every step-th sample or pixel as a view, or every step-th of small images."""
        scores, labels, weights = self._parts()
        if scores.ndim > 2:
            scores, labels = scores.flatten(2), labels.flatten(1)
            weights = None if weights is None else weights.flatten(1)
            if labels.shape[1] >= step:
                weights = None if weights is None else weights[:, ::step]
                return self._with(scores[..., ::step], labels[:, ::step], weights)
        return self._with(
            scores[::step], labels[::step], None if weights is None else weights[::step]
        )

    def flat(self) -> Chunk:
        """Return the scores (M, C), labels (M,) and weights (M,) of all rows at once."""
        scores, labels, weights = self._parts()
        if scores.ndim > 2:
            scores, labels = scores.movedim(1, -1).reshape(-1, self.n_classes), labels.flatten()
            weights = None if weights is None else weights.flatten()
        return self._without_ignored(Chunk(scores, labels, weights))

    def _without_ignored(self, chunk: Chunk) -> Chunk:
        counted = self._counted(chunk.labels, chunk.weights)
        return chunk if counted is None else chunk.chosen(counted)

    def _counted(self, labels: Tensor, weights: Tensor | None) -> Tensor | None:
        """Return which rows count, or None if all of them do."""
        if weights is not None:
            positive = weights > 0
            return positive if self.ignore_index is None else positive & self._labelled(labels)
        return None if self.ignore_index is None else self._labelled(labels)

    def _labelled(self, labels: Tensor) -> Tensor:
        assert self.ignore_index is not None
        return labels.ne(self.ignore_index)

    def _with(self, scores: Tensor, labels: Tensor, weights: Tensor | None) -> Self:
        return replace(self, scores=scores, labels=labels, weights=weights)

    def to(self, device: torch.device | str) -> Self:
        """Return these rows on a device."""
        weights = None if self.weights is None else self.weights.to(device)
        return self._with(self.scores.to(device), self.labels.to(device), weights)

    def position(self, index: int) -> str:
        """Describe the place of the label with this index, which also counts ignored labels."""
        if self.labels.ndim == 1:
            return f"row {index}"
        place = np.unravel_index(index, tuple(self.labels.shape))
        return f"position {tuple(int(i) for i in place)}"


def _split(part: Tensor | None, size: int) -> Iterable[Tensor | None]:
    return repeat(None) if part is None else part.split(size)
