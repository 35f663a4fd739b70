"""A check of the names of the labels of a multi-label model."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from torch import Tensor


def check_names(names: Sequence[Hashable] | None, n_labels: int) -> list[Hashable]:
    """Return the names, which are numbers by default, or raise an error if two are the same."""
    found: list[Hashable] = list(range(n_labels)) if names is None else _in_order(names)
    if len(set(found)) != n_labels or len(found) != n_labels:
        raise ValueError(
            f"names must hold a different name for each of the {n_labels} labels, got "
            f"{len(found)} names, {len(set(found))} of them different; pass them in the order of "
            "the logits"
        )
    # 1 and "1" would be one key of the dictionary of the report.
    texts = list(map(str, found))
    if len(set(texts)) < n_labels:
        twice = next(text for text in texts if texts.count(text) > 1)
        raise ValueError(
            f"names must differ as text, got {twice} twice; pass other names for these labels"
        )
    return found


def _in_order(names: Iterable[object]) -> list[Hashable]:
    """Return names as a list, or raise an error if they have no order or are no names."""
    if isinstance(names, set | frozenset | str | bytes):
        raise TypeError(
            "names must be a list with a name for each label, in the order of the logits, got "
            f"{type(names).__name__}; pass such a list"
        )
    if isinstance(names, Tensor | np.ndarray):
        names = names.tolist()
    found = list(names)
    wrong = next((name for name in found if not isinstance(name, Hashable)), None)
    if wrong is not None:
        raise TypeError(
            f"names must be texts or numbers, got {wrong!r}; pass one text for each label"
        )
    return found
