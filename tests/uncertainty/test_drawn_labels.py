"""Labels that are drawn from the probabilities of every class."""

import numpy as np
import pytest
import torch

import calibkit as ck
from calibkit._rows import Rows
from calibkit.metrics.classwise import ClasswiseError
from calibkit.uncertainty import _classwise_test, _drawn_labels, noise_floor
from calibkit.uncertainty._drawn_labels import Block, blocks_of, draw_labels
from tests.helpers import calibrated_problem


def drawn_one_by_one(rows: Rows, n_bins: int, n_draws: int, skipped: int) -> np.ndarray:
    """Return the noise of labels that are drawn sample by sample, as the definition says."""
    p = rows.scores.double().softmax(1).numpy()
    n, n_classes = p.shape
    weights = np.ones(n) if rows.weights is None else rows.weights.numpy()
    bins = np.minimum((p * n_bins).astype(int), n_bins - 1) + n_bins * np.arange(n_classes)
    generator = np.random.default_rng(3)
    generator.random(skipped)
    counts = np.zeros((n_draws, n_classes * n_bins))
    for i in range(n):
        for draw, number in enumerate(generator.random(n_draws)):
            label = int((p[i].cumsum()[:-1] <= number).sum())
            counts[draw, bins[i, label]] += weights[i]
    expected = np.bincount(bins.ravel(), (weights[:, None] * p).ravel(), n_classes * n_bins)
    return (counts - expected) / n


@pytest.mark.parametrize("chunk", [1, 64, 2**18])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_classes", [2, 3, 12])
def test_labels_are_drawn_from_the_probabilities(n_classes, weighted, chunk, monkeypatch):
    monkeypatch.setattr(_drawn_labels, "_CHUNK_ELEMENTS", chunk)
    weights = torch.linspace(0.5, 1.5, 70, dtype=torch.float64) if weighted else None
    rows = Rows(*calibrated_problem(70, n_classes, 2), weights=weights)
    blocks = [Block(0, 5), Block(70 * 5, 4)]
    (drawn,) = draw_labels(ClasswiseError(7), [rows], "logits", blocks, 3)
    for block in blocks:
        expected = drawn_one_by_one(rows, 7, block.n_draws, block.first)
        np.testing.assert_allclose(drawn.noise(block), expected, atol=1e-15)


def test_the_blocks_of_all_draws_use_each_random_number_once():
    blocks = blocks_of(10, 250, 100)
    assert blocks == [Block(0, 100), Block(1000, 100), Block(2000, 50)]


@pytest.mark.parametrize("n_classes", [3, 12])
def test_how_the_draws_are_divided_changes_no_number(n_classes, monkeypatch):
    logits, labels = calibrated_problem(300, n_classes, 2)
    scaler = ck.TemperatureScaler().fit_logits(*calibrated_problem(200, n_classes, 2, seed=1))

    def numbers() -> dict[str, object]:
        report = ck.evaluate(logits, labels, scaler=scaler, n_resamples=350)
        return report.to_dict() | {"classes": report.by_class().to_dict()}

    # Blocks of 100 draws, as with very many classes, all in one round.
    monkeypatch.setattr(_classwise_test, "_BLOCK_ELEMENTS", 1)
    expected = numbers()
    monkeypatch.setattr(_classwise_test, "_MOST_COUNTS", 1)  # one block in a round
    monkeypatch.setattr(_drawn_labels, "_CHUNK_ELEMENTS", 50)
    monkeypatch.setattr(noise_floor, "_BLOCK_ELEMENTS", 1000)
    assert numbers() == expected


def test_the_classes_of_a_set_are_read_once(monkeypatch):
    # Where a model is far too sure, they are read again for resamples.
    logits, labels = calibrated_problem(300, 5, 1)
    seen = []
    terms = ClasswiseError.terms

    def counted(self, predictions):
        seen.append(len(predictions.labels))
        return terms(self, predictions)

    monkeypatch.setattr(ClasswiseError, "terms", counted)
    ck.evaluate(logits, labels, n_resamples=1000)
    assert sum(seen) == 300


def test_the_floor_draws_the_same_numbers_one_by_one_or_at_once(monkeypatch):
    probabilities = torch.rand(500, generator=torch.Generator().manual_seed(0))
    at_once = ck.noise_floor(probabilities)
    for size in (1, 1700, 2**18):
        monkeypatch.setattr(noise_floor, "_BLOCK_ELEMENTS", size)
        assert ck.noise_floor(probabilities) == at_once
