"""Rows are read in few chunks, whatever the form of the logits is."""

import pytest
import torch

from calibkit import TemperatureScaler
from calibkit._rows import Rows
from tests.helpers import calibrated_problem

FORMS = [(1, 1), (1,), (2, 2), (3, 3), (7,), (5, 1, 2), (30, 40)]


def images(n: int, n_classes: int, form: tuple[int, ...], *, channels_last: bool = False) -> Rows:
    generator = torch.Generator().manual_seed(0)
    scores = torch.randn(n, *form, n_classes, generator=generator).movedim(-1, 1)
    if not channels_last:
        scores = scores.contiguous()
    return Rows(scores, torch.randint(n_classes, (n, *form), generator=generator))


@pytest.mark.parametrize("channels_last", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_chunks_hold_every_row_once_and_in_order(form, channels_last):
    rows = images(50, 3, form, channels_last=channels_last)
    for n_elements in (1, 10, 1000, 10**6):
        scores, labels, _ = zip(*rows.chunks(n_elements), strict=True)
        assert torch.equal(torch.cat(scores), rows.flat()[0])
        assert torch.equal(torch.cat(labels), rows.flat()[1])
        assert max(part.numel() for part in scores) <= max(n_elements, 3)


@pytest.mark.parametrize("form", FORMS)
def test_small_images_are_read_in_about_as_many_chunks_as_flat_rows(form):
    rows = images(120_000 // torch.Size(form).numel(), 10, form)
    flat = Rows(*rows.flat()[:2])
    assert len(list(rows.chunks())) <= 2 * len(list(flat.chunks()))
    rows = Rows(rows.scores, rows.labels, ignore_index=3)
    assert len(list(rows.chunks())) <= 2 * len(list(flat.chunks()))
    n_rows = sum(len(labels) for _, labels, _ in rows.chunks())
    assert n_rows == len(rows) == int((flat.labels != 3).sum())


def test_a_large_image_is_not_copied():
    rows = images(2, 3, (100, 200))
    storage = rows.scores.untyped_storage().data_ptr()
    parts = [scores for scores, _, _ in rows.chunks(3000)]
    assert len(parts) == 40
    assert all(part.untyped_storage().data_ptr() == storage for part in parts)


@pytest.mark.parametrize("form", [(), *FORMS])
@pytest.mark.parametrize("step", [2, 8, 100])
def test_a_subsample_is_a_small_part_whatever_the_form_is(form, step):
    rows = images(5000 // torch.Size(form).numel(), 3, form)
    assert 0.8 * len(rows) / step < len(rows.every_nth(step)) < 2 * len(rows) / step
    storage = rows.scores.untyped_storage().data_ptr()
    assert rows.every_nth(step).scores.untyped_storage().data_ptr() == storage


@pytest.mark.parametrize("ignore_index", [None, 3])
@pytest.mark.parametrize("form", [(1, 1), (1,), (2, 2), (3, 3), (5,)])
def test_small_images_fit_as_their_flat_rows_do(form, ignore_index):
    n = 360 * torch.Size(form).numel()
    logits, labels = calibrated_problem(n, 5, 2)
    dense = logits.view(-1, *form, 5).movedim(-1, 1), labels.view(-1, *form)
    kept = labels != (-1 if ignore_index is None else ignore_index)
    expected = TemperatureScaler().fit_logits(logits[kept], labels[kept])
    found = TemperatureScaler().fit_logits(*dense, ignore_index=ignore_index)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-12)
    contiguous = TemperatureScaler().fit_logits(
        dense[0].contiguous(), dense[1], ignore_index=ignore_index
    )
    assert contiguous.temperature == pytest.approx(expected.temperature, rel=1e-12)


def test_only_the_ratios_of_weights_are_left_when_their_mean_is_1():
    weights = torch.tensor([0.0, 14.0, 7.0, 21.0], dtype=torch.float64)
    rows = Rows(torch.zeros(4, 2), torch.tensor([0, 1, 0, 255]), 255, weights)
    relative = rows.with_mean_weight_1()
    assert relative.flat().weights.tolist() == pytest.approx([4 / 3, 2 / 3])
    assert relative.total_weight == pytest.approx(len(relative))
    assert rows.counted.tolist() == [False, True, True, False]
    plain = Rows(torch.zeros(4, 2), torch.tensor([0, 1, 0, 1]))
    assert plain.with_mean_weight_1() is plain
    assert plain.counted is None


def test_chosen_rows_keep_their_weights():
    chunk = Rows(torch.eye(3), torch.tensor([0, 1, 2]), None, torch.tensor([1.0, 2, 3])).flat()
    assert chunk.chosen([2, 0]).weights.tolist() == [3, 1]
    assert chunk.chosen(chunk.labels > 0).labels.tolist() == [1, 2]
