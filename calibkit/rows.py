"""Logits with their labels, one row a sample or a pixel, read in chunks and never copied whole."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from torch import Tensor

# little memory to touch anew where there is little to do, enough to share among threads where not
_CHUNK_ELEMENTS = 2**17, 2**20


@dataclass(frozen=True, eq=False)
class Rows:
    """Scores (N, C, ...) with labels (N, ...), flattened on the way out.

    Attributes
    ----------
    scores : Tensor, shape (N, C) or (N, C, ...)
        Logits or probabilities, classes in dimension 1.
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
        return self.scores.shape[1]

    def __len__(self) -> int:
        if self.ignore_index is None:
            return self.labels.numel()
        return int((self.labels != self.ignore_index).sum())

    def chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Give scores (m, C) and labels (m,), as views where that is possible."""
        for scores, labels in self._all_chunks():
            if self.ignore_index is not None:
                kept = labels != self.ignore_index
                scores, labels = scores[kept], labels[kept]
            if len(labels):
                yield scores, labels

    def _all_chunks(self) -> Iterator[tuple[Tensor, Tensor]]:
        least, most = _CHUNK_ELEMENTS
        elements = min(max(self.scores.numel() // 32, least), most)
        size = max(1, elements // max(1, self.n_classes))
        if self.scores.ndim == 2 and len(self.scores) <= size:
            yield self.scores, self.labels
            return
        if self.scores.ndim == 2:
            yield from zip(self.scores.split(size), self.labels.split(size), strict=True)
            return
        for image, labels in zip(self.scores, self.labels, strict=True):
            pixels = image.flatten(1).split(size, 1)
            for part, targets in zip(pixels, labels.flatten().split(size), strict=True):
                yield part.T, targets

    def every(self, step: int) -> Self:
        """Every step-th sample, or pixel, as a view."""
        if self.scores.ndim == 2:
            return type(self)(self.scores[::step], self.labels[::step], self.ignore_index)
        scores, labels = self.scores.flatten(2)[..., ::step], self.labels.flatten(1)[:, ::step]
        return type(self)(scores, labels, self.ignore_index)

    def flat(self) -> tuple[Tensor, Tensor]:
        """Scores (M, C) and labels (M,) of all rows at once."""
        scores, labels = self.scores, self.labels
        if scores.ndim > 2:
            scores, labels = scores.movedim(1, -1).reshape(-1, self.n_classes), labels.flatten()
        if self.ignore_index is not None:
            kept = labels != self.ignore_index
            scores, labels = scores[kept], labels[kept]
        return scores, labels

    def to(self, device: torch.device | str) -> Self:
        return type(self)(self.scores.to(device), self.labels.to(device), self.ignore_index)

    def position(self, index: int) -> str:
        """Where the index-th label of all, ignored ones too, stands."""
        if self.labels.ndim == 1:
            return f"row {index}"
        place = np.unravel_index(index, tuple(self.labels.shape))
        return f"position {tuple(int(i) for i in place)}"
