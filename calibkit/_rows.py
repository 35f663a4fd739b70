"""Scores with their labels, one row per sample or pixel, which can be read in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

# The sizes of the smallest and the largest chunk, in elements. A small problem is read in small
# chunks, because fresh memory would cost more than the arithmetic. A large problem is read in
# chunks that keep all threads busy.
_CHUNK_ELEMENTS = 2**17, 2**20


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
    """

    scores: Tensor
    labels: Tensor
    ignore_index: int | None = None

    @property
    def n_classes(self) -> int:
        """The number of classes."""
        return self.scores.shape[1]

    def __len__(self) -> int:
        if self.ignore_index is None:
            return self.labels.numel()
        return int((self.labels != self.ignore_index).sum())

    def chunks(self, n_elements: int | None = None) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield scores (m, C) and labels (m,) chunk by chunk, as views wherever possible.

        A chunk holds about ``n_elements`` scores. By default this number grows with the problem.
        """
        for scores, labels in self._all_chunks(n_elements or self._usual_chunk_elements()):
            counted_scores, counted_labels = self._without_ignored(scores, labels)
            if len(counted_labels):
                yield counted_scores, counted_labels

    def _usual_chunk_elements(self) -> int:
        least, most = _CHUNK_ELEMENTS
        return min(max(self.scores.numel() // 32, least), most)

    def _all_chunks(self, n_elements: int) -> Iterator[tuple[Tensor, Tensor]]:
        size = max(1, n_elements // max(1, self.n_classes))
        if self.scores.ndim == 2 and len(self.scores) <= size:
            yield self.scores, self.labels
            return
        if self.scores.ndim == 2:
            yield from zip(self.scores.split(size), self.labels.split(size), strict=True)
            return
        # Small images are read many at a time. A large image alone stays a view.
        images = max(1, size // max(1, self.scores.shape[2:].numel()))
        groups = zip(self.scores.split(images), self.labels.split(images), strict=True)
        for group, group_labels in groups:
            pixels = group.flatten(2).movedim(1, 0).flatten(1).split(size, 1)
            for part, targets in zip(pixels, group_labels.flatten().split(size), strict=True):
                yield part.T, targets

    def every_nth(self, step: int) -> Self:
        """Return every step-th sample or pixel as a view, or every step-th of small images."""
        scores, labels = self.scores, self.labels
        if scores.ndim > 2:
            scores, labels = scores.flatten(2), labels.flatten(1)
            if labels.shape[1] >= step:
                return type(self)(scores[..., ::step], labels[:, ::step], self.ignore_index)
        return type(self)(scores[::step], labels[::step], self.ignore_index)

    def flat(self) -> tuple[Tensor, Tensor]:
        """Return the scores (M, C) and labels (M,) of all rows at once."""
        scores, labels = self.scores, self.labels
        if scores.ndim > 2:
            scores, labels = scores.movedim(1, -1).reshape(-1, self.n_classes), labels.flatten()
        return self._without_ignored(scores, labels)

    def _without_ignored(self, scores: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        if self.ignore_index is None:
            return scores, labels
        counted = labels != self.ignore_index
        return scores[counted], labels[counted]

    def to(self, device: torch.device | str) -> Self:
        """Return these rows on a device."""
        return type(self)(self.scores.to(device), self.labels.to(device), self.ignore_index)

    def position(self, index: int) -> str:
        """Describe the place of the label with this index, which also counts ignored labels."""
        if self.labels.ndim == 1:
            return f"row {index}"
        place = np.unravel_index(index, tuple(self.labels.shape))
        return f"position {tuple(int(i) for i in place)}"
