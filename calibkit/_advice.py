"""What to do about labels that do not fit their scores, as code wherever possible."""

import math

import torch
from torch import Tensor


class LabelAdvice:
    """Advice on labels for scores of shape (N, C, ...), with the code that names both.

    Parameters
    ----------
    labels : Tensor
        The labels, of any shape and type.
    scores : Tensor, shape (N, C) or (N, C, ...)
        Logits or probabilities.
    labels_code, scores_code : str
        Code for the labels and the scores as tensors.
    """

    def __init__(self, labels: Tensor, scores: Tensor, labels_code: str, scores_code: str) -> None:
        self.labels, self.scores = labels, scores
        self.labels_code, self.scores_code = labels_code, scores_code
        self.expected = (scores.shape[0], *scores.shape[2:])
        integer = not (labels.is_floating_point() or labels.dtype == torch.bool)
        self._to_integer = "" if integer else ".long()"

    def on_type(self) -> str:
        """Say how to turn labels that are not integers into class indices."""
        labels, code = self.labels, self.labels_code
        values = labels.double()
        if tuple(labels.shape) != self.expected and (special := self._on_shape()):
            return special
        if values.isnan().any() and labels.ndim == 1:
            return (
                f"leave out the samples without a label: keep = ~{code}.isnan(), then "
                f"{self.scores_code}[keep] and {code}[keep].long()"
            )
        if (values == values.trunc()).all():
            return f"convert with {code}.long() if they are whole numbers"
        if self.scores.shape[1] == 2:
            return f"they are not whole numbers, so choose a class, such as ({code} > 0.5).long()"
        return "they are not whole numbers, so choose a class for each sample"

    def on_shape(self, otherwise: str) -> str:
        """Say how to bring labels and scores to matching shapes."""
        return self._on_shape() or otherwise

    def _on_shape(self) -> str | None:
        labels, scores, code = self.labels, self.scores, self.labels_code
        shape, expected = tuple(labels.shape), self.expected
        if shape in {tuple(scores.shape), (*expected, scores.shape[1])}:
            return self._on_rows(1 if shape == tuple(scores.shape) else -1)
        if labels.ndim == len(expected) + 1 and shape[1] == 1:
            return f"take the single column with {code}.squeeze(1){self._to_integer}"
        if move := self._move_classes():
            return f"{move[0]}, pass {self.scores_code}{move[1]}"
        if labels.numel() == math.prod(expected) and shape != expected:
            return f"bring them to one shape with {code}.reshape{expected}{self._to_integer}"
        return None

    def _move_classes(self) -> tuple[str, str] | None:
        """Return where the classes seem to stand, and the code that moves them to dimension 1."""
        shape, of_scores = tuple(self.labels.shape), tuple(self.scores.shape)
        if len(of_scores) == 2 and shape == of_scores[1:]:
            return "if the classes stand in the first dimension", ".T"
        if len(of_scores) > 2 and shape == of_scores[:-1]:
            return "if the classes stand in the last dimension", ".movedim(-1, 1)"
        if len(of_scores) > 2 and shape == (math.prod(of_scores[:-1]),):
            return "if the classes stand in the last dimension", ".flatten(0, -2)"
        return None

    def _on_rows(self, dim: int) -> str | None:
        """Say what to do with one number for each class: one-hot rows, or several labels a row."""
        labels, code = self.labels, self.labels_code
        if not labels.numel():
            return None
        values = labels.double()
        totals = values.sum(dim)
        if ((values == 0) | (values == 1)).all():
            if (totals == 1).all():
                rows = f"{code}.int()" if labels.dtype == torch.bool else code
                return f"turn one-hot rows into indices with {rows}.argmax({dim})"
            first = "[:, 0]" if dim == 1 else "[..., 0]"
            label = f"{code}{first}{self._to_integer}"
            column = f"{self.scores_code}[:, 0]"
            return (
                f"a row has {totals.min():.0f} to {totals.max():.0f} labels, so use "
                "MultiLabelTemperatureScaler and evaluate_multi_label, or treat each label on its "
                f"own: for the first one pass {column} with {label}"
            )
        if (values >= 0).all() and ((totals - 1).abs() < 1e-3).all():
            return f"take the most probable class of soft labels with {code}.argmax({dim})"
        return None

    def on_range(self, label: int) -> str:
        """Say how to bring class indices into the range 0..C-1."""
        labels, code = self.labels, self.labels_code
        advice = "count classes from 0"
        if labels.min() == 1 and labels.max() == self.scores.shape[1]:
            return f"{advice}, with {code} - 1"
        if self.scores.shape[1] == 2 and labels.unique().tolist() == [-1, 1]:
            return f"if -1 stands for class 0, pass ({code} > 0).long()"
        if self.scores.ndim > 2:
            return f"{advice}, and pass the label of pixels to leave out as ignore_index"
        if label < 0 or label == 255:
            advice += (
                f", and leave out other samples: keep = {code} != {label}, then "
                f"{self.scores_code}[keep] and {code}[keep]"
            )
        return advice
