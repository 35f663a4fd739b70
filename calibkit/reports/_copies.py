"""Samples that stand in a test set more than once, as after the rows of a class were oversampled.

The calculator of the site follows the same rules, in docs/_static/calculator/copies.js.
"""

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from calibkit import _result_sentences
from calibkit._rows import Rows

# A smaller share of copies changes no result by much.
_LEAST_SHARE = 0.01
# If so many samples of different scores all occur equally often, a whole file was copied.
_LEAST_OF_FILE = 20
# Different samples may have equal scores, as those of a tree do. Their labels then differ about as
# often as those of samples with the next scores. So if this many of the next labels differ, and
# none of those of equal scores, that is chance in fewer than one of 20 000 sets.
_LEAST_MIXED = 15


def copies(rows: Rows) -> list[str]:
    """Return a warning, in one sentence, if samples are copies of others."""
    n_copies, n = count_copies(rows), rows.labels.numel()
    return [_result_sentences.COPIES.format(n_copies=n_copies, n=n)] if n_copies else []


def count_copies(rows: Rows) -> int:
    """Return how many samples repeat the scores and the label of another one.

    Samples may have equal scores by chance, but then their labels differ now and then. So 0 is
    returned if the labels of any samples with equal scores differ, or if there are too few samples
    to know.
    """
    labels = rows.labels.numpy()
    rows_of_scores = np.unique(_keys(rows), return_inverse=True)[1]
    samples = rows_of_scores * rows.n_classes + labels
    _, first, sizes = np.unique(samples, return_index=True, return_counts=True)
    n_copies = len(labels) - len(sizes)
    if n_copies < _LEAST_SHARE * len(labels):
        return 0
    n_scores = int(rows_of_scores.max()) + 1
    if n_scores >= _LEAST_OF_FILE and sizes.min() == sizes.max() > 1:
        return n_copies
    do_agree = len(sizes) == n_scores
    return n_copies if do_agree and _n_mixed(rows, first, sizes > 1) >= _LEAST_MIXED else 0


def _n_mixed(rows: Rows, first: NDArray[np.int64], is_repeated: NDArray[np.bool_]) -> int:
    """Return after how many repeated samples the one with the next scores has another label.

    ``first`` are the places of different samples. In their order, those of the same answer stand
    together, among these those of the same second answer, and among these the less sure ones first.
    """
    scores = rows.scores[first].double().numpy()
    every = np.arange(len(scores))
    answers = scores.argmax(1)
    highest = scores[every, answers]
    scores[every, answers] = -np.inf
    seconds = scores.argmax(1)
    order = np.lexsort((highest - scores[every, seconds], seconds, answers))
    answers, labels = answers[order], rows.labels.numpy()[first[order]]
    is_mixed = (answers[1:] == answers[:-1]) & (labels[1:] != labels[:-1])
    return int((is_mixed & is_repeated[order[:-1]]).sum())


def _keys(rows: Rows) -> NDArray[np.uint64]:
    """Return a number for each sample, which is the same for samples of the same scores."""
    weights = np.random.default_rng(0).integers(2**64, size=rows.n_classes, dtype=np.uint64)
    return np.concatenate(
        [_hashes(chunk.scores, weights | np.uint64(1)) for chunk in rows.chunks()]
    )


def _hashes(scores: Tensor, weights: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return a number for each row. Beside a masked class, no other score must get lost in it."""
    bits = (scores.double().numpy() + 0.0).view(np.uint64)  # This gives -0 the bits of 0.
    bits ^= bits >> np.uint64(32)
    bits *= np.uint64(0xBF58476D1CE4E5B9)
    bits ^= bits >> np.uint64(29)
    bits *= weights
    return np.asarray(bits.sum(1, dtype=np.uint64))
