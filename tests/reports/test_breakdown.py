"""Reports on every class and on every group of samples."""

import json
from collections.abc import Set
from decimal import Decimal
from functools import partial

import numpy as np
import pytest
import torch

import calibkit as ck
from tests.helpers import calibrated_problem

few = partial(ck.evaluate, n_resamples=100)


@pytest.fixture(scope="module")
def biased():
    """Logits in which class 3 of five is too high, with labels and a temperature."""
    logits, labels = calibrated_problem(3000, 5, 1)
    logits[:, 3] += 0.7
    return logits, labels


def test_every_class_by_hand():
    probabilities = torch.tensor([[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], dtype=torch.float64)
    labels = torch.tensor([0, 1, 0, 2, 0]).repeat(200)
    found = few(probabilities.repeat(500, 1).log(), labels).by_class()
    rows = {part.name: part for part in found.parts}
    assert [rows[k].n for k in range(3)] == [600, 200, 200]
    assert [rows[k].frequency for k in range(3)] == pytest.approx([0.6, 0.2, 0.2])
    assert [rows[k].mean_probability for k in range(3)] == pytest.approx([0.45, 0.45, 0.1])
    p = probabilities.repeat(500, 1)
    for k in range(3):
        expected = ck.calibration_error(p[:, k], (labels == k).long())
        assert rows[k].error.value == pytest.approx(expected, abs=1e-12)
    errors = [part.error.value for part in found.parts]
    assert errors == sorted(errors, reverse=True)


def test_the_errors_of_the_classes_average_to_the_classwise_error(biased):
    report = few(*biased)
    found = report.by_class()
    average = np.mean([part.error.value for part in found.parts])
    assert average == pytest.approx(report.before.classwise_ece.value)
    assert average == pytest.approx(ck.classwise_calibration_error(biased[0].softmax(1), biased[1]))
    assert sum(part.n for part in found.parts) == 3000
    assert all(part.error.low <= part.error.value <= part.error.high for part in found.parts)


def test_a_class_that_is_too_probable_is_the_worst(biased):
    worst = few(*biased).by_class().parts[0]
    assert worst.name == 3
    assert worst.mean_probability > worst.frequency + 0.05
    assert worst.error.low > 0.03


def test_classes_without_a_sample_are_shown():
    logits, labels = calibrated_problem(400, 4, 1)
    logits, labels = logits[labels != 2], labels[labels != 2]
    empty = {part.name: part for part in few(logits, labels).by_class().parts}[2]
    assert (empty.n, empty.frequency) == (0, 0)
    assert empty.error.value == pytest.approx(empty.mean_probability)


def test_both_classes_of_two_have_the_same_error():
    logits, labels = calibrated_problem(500, 2, 2)
    first, second = few(logits, labels).by_class().parts
    assert first.error.value == pytest.approx(second.error.value, abs=5e-3)
    assert first.mean_probability + second.mean_probability == pytest.approx(1)


def test_scaled_and_unscaled_logits_can_be_broken_down(biased):
    logits, labels = biased
    scaler = ck.VectorScaler(intercept=0.1).fit_logits(logits[:1500], labels[:1500])
    report = few(logits[1500:], labels[1500:], scaler=scaler)
    before = report.by_class(scaled=False).parts[0].error.value
    assert report.by_class().parts[0].error.value < before / 2
    assert str(report.by_class(scaled=True)) == str(report.by_class())
    unscaled = few(logits[1500:], labels[1500:])
    assert str(report.by_class(scaled=False)) == str(unscaled.by_class())
    with pytest.raises(ValueError, match="scaled=True needs a scaler; pass one to evaluate"):
        unscaled.by_class(scaled=True)


def test_a_long_table_shows_the_ten_worst_and_keeps_the_others():
    logits, labels = calibrated_problem(600, 25, 2)
    found = few(logits, labels).by_class()
    assert len(str(found).splitlines()) == 13
    assert str(found).endswith("and 15 more with smaller errors")
    assert "and 15 more" in found._repr_html_()
    assert len(found.to_markdown().splitlines()) == 29
    values = json.loads(json.dumps(found.to_dict()))
    assert len(values["parts"]) == 25
    assert values["by"] == "class"


def test_small_errors_have_enough_digits_to_tell_them_apart():
    found = few(*calibrated_problem(10_000, 100, 2)).by_class()
    worst = found.parts[0]
    assert worst.error.value < 0.01
    row = str(found).splitlines()[2]
    for number in (worst.frequency, worst.mean_probability, worst.error.value):
        assert f"{number:.2%}" in row


GROUPS = np.where(np.arange(1000) % 4 == 0, "left", "right")


class Column:
    """A column of a table, as pandas has them."""

    def __array__(self, dtype=None, copy=None):
        return GROUPS.astype(object)


@pytest.mark.parametrize("groups", [GROUPS, GROUPS.tolist(), Column()])
def test_a_group_is_measured_as_if_it_were_alone(groups):
    logits, labels = calibrated_problem(1000, 5, 2)
    found = few(logits, labels, groups=groups).by_group()
    assert {part.name for part in found.parts} == {"left", "right"}
    for part in found.parts:
        inside = part.name == GROUPS
        alone = few(logits[inside], labels[inside]).before
        assert part.n == inside.sum()
        assert part.frequency == pytest.approx(alone.accuracy.value)
        assert part.error.value == pytest.approx(alone.ece.value)
        assert part.p_value == pytest.approx(alone.p_value)
    assert found.parts[0].error.value >= found.parts[1].error.value


def test_groups_of_numbers_and_of_two_classes():
    logits, labels = calibrated_problem(1000, 2, 2)
    numbers = torch.arange(1000) % 3
    found = few(logits, labels, groups=numbers).by_group()
    assert sorted(part.name for part in found.parts) == ["0", "1", "2"]
    one = next(part for part in found.parts if part.name == "1")
    p, y = logits.softmax(1)[numbers == 1, 1], labels[numbers == 1]
    assert one.frequency == pytest.approx(y.double().mean().item())
    assert one.mean_probability == pytest.approx(p.mean().item())
    assert one.error.value == pytest.approx(ck.calibration_error(p, y))
    assert "group" in str(found)


def test_a_group_that_is_wrong_is_found_where_the_whole_looks_right():
    logits, labels = calibrated_problem(4000, 5, 1)
    wrong = np.arange(4000) < 400
    logits[:400] *= 2
    report = ck.evaluate(logits, labels, groups=wrong, n_resamples=200)
    worst = report.by_group().parts[0]
    assert worst.name == "True"
    assert worst.p_value < 0.01
    assert worst.error.low > 0.05


def test_pixels_belong_to_the_group_of_their_image_or_to_their_own():
    logits, labels = calibrated_problem(20 * 9, 3, 2)
    images = logits.reshape(20, 3, 3, 3).movedim(-1, 1)
    masks = labels.reshape(20, 3, 3).clone()
    masks[:, 0, 0] = 255
    cameras = np.arange(20) % 2
    by_image = few(images, masks, groups=cameras, ignore_index=255).by_group()
    by_pixel = few(
        images, masks, groups=np.tile(cameras[:, None, None], (1, 3, 3)), ignore_index=255
    ).by_group()
    assert str(by_image) == str(by_pixel)
    assert [part.n for part in by_image.parts] == [80, 80]


def counts(groups: object) -> dict[object, int]:
    logits, labels = calibrated_problem(60, 3, 2)
    return {part.name: part.n for part in few(logits, labels, groups=groups).by_group().parts}


def test_equal_values_are_one_group_and_others_are_not():
    assert counts([1, "1"] * 30) == {"1": 30, "'1'": 30}
    assert counts(np.array([1, 1.0] * 30, dtype=object)) == {"1": 60}
    assert counts(torch.tensor([0.5, 1.5] * 30, dtype=torch.bfloat16)) == {"0.5": 30, "1.5": 30}
    assert counts(torch.ones(60, requires_grad=True)) == {"1.0": 60}
    assert counts(np.ones((60, 1), dtype=int)) == {"1": 60}
    assert counts([b"\xff", b"a"] * 30) == {"b'\\xff'": 30, "b'a'": 30}


@pytest.mark.parametrize("of", [torch.tensor, np.array])
def test_a_list_of_numbers_without_dimensions_names_groups(of):
    logits, labels = calibrated_problem(200, 3, 1)
    plain = [i % 2 for i in range(200)]
    found, expected = (
        few(logits, labels, groups=groups).by_group() for groups in ([*map(of, plain)], plain)
    )
    assert found.parts == expected.parts
    assert {part.name for part in found.parts} == {"0", "1"}


def test_groups_whose_names_differ_in_null_characters_are_not_merged():
    logits, labels = calibrated_problem(200, 3, 1)
    report = few(logits, labels, groups=["a", "a\0"] * 100).by_group()
    assert [part.n for part in report.parts] == [100, 100]


def test_a_group_may_have_several_names():
    sites, years = ["a", "b"] * 30, [1] * 30 + [2] * 30
    expected = {"a, 1": 15, "b, 1": 15, "a, 2": 15, "b, 2": 15}
    assert counts(list(zip(sites, years, strict=True))) == expected
    assert counts(tuple(zip(sites, years, strict=True))) == expected
    assert counts([("a", 1), "b", ("c",)] * 20) == {"a, 1": 20, "b": 20, "c": 20}
    assert counts([("a", "b, c"), ("a, b", "c")] * 30) == {
        "('a', 'b, c')": 30,
        "('a, b', 'c')": 30,
    }


def test_the_advice_on_groups_in_several_columns_works():
    columns = np.array([["a", "1"], ["b", "2"]] * 30)
    for groups in (columns, columns.tolist(), columns.astype(object)):
        with pytest.raises(ValueError, match=r"join the columns with (.*)$") as refused:
            counts(groups)
        advice = str(refused.value).split("join the columns with ")[1]
        joined = eval(advice, {"np": np, "groups": groups})
        assert counts(joined) == {"a, 1": 30, "b, 2": 30}


def test_tuples_name_the_groups_of_pixels_only_if_there_is_one_for_each():
    logits, labels = torch.randn(6, 3, 2, 2), torch.zeros(6, 2, 2, dtype=torch.int64)
    by_image = few(logits, labels, groups=[("a", 1, 2), ("b", 1, 2)] * 3).by_group()
    assert sorted((part.name, part.n) for part in by_image.parts) == [
        ("a, 1, 2", 12),
        ("b, 1, 2", 12),
    ]
    tokens = few(logits[..., 0], labels[..., 0], groups=[("a", "b")] * 6).by_group()
    assert sorted((part.name, part.n) for part in tokens.parts) == [("a", 6), ("b", 6)]


def test_groups_that_are_no_list_of_names_are_refused():
    for iterable in (range(60), iter(range(60)), {i: 1 for i in range(60)}.keys()):
        advice = "list" if not isinstance(iterable, Set) else "a list of the samples' groups"
        with pytest.raises(TypeError, match=f"got {type(iterable).__name__}; pass .*{advice}"):
            counts(iterable)
    assert counts(list(range(2)) * 30) == {"0": 30, "1": 30}
    for wrong in ("a" * 60, 5, {"a": 1}, {"a", "b"}):
        with pytest.raises(TypeError, match=r"; pass a list of the samples' groups$"):
            counts(wrong)


def test_arrays_of_several_shapes_are_no_names():
    with pytest.raises(ValueError, match="must name the group of every sample, got array"):
        counts([np.zeros((2, 2)), np.zeros((2, 3))] * 30)


def test_times_name_groups():
    days = np.array(["2026-01-01", "2026-01-02"] * 30, dtype="datetime64[ns]")
    named = {"2026-01-01T00:00:00.000000000": 30, "2026-01-02T00:00:00.000000000": 30}
    assert counts(days) == named
    assert counts(list(days)) == named


def test_a_name_of_two_lines_keeps_the_table_whole():
    logits, labels = calibrated_problem(60, 3, 2)
    found = few(logits, labels, groups=["a\nb", "c"] * 30).by_group()
    assert len(found.to_markdown().splitlines()) == 6
    assert "a b" in found.to_markdown()


@pytest.mark.parametrize(
    "missing",
    [None, float("nan"), [1], np.float32("nan"), Decimal("NaN"), np.datetime64("NaT"), ("a", None)],
)
def test_a_sample_without_a_group_is_refused(missing):
    with pytest.raises(ValueError, match=r"group of every sample, got .* at sample 3; give such"):
        counts(["a", "a", "b", missing] * 15)


def test_a_sample_that_is_left_out_needs_no_group():
    logits, labels = calibrated_problem(60, 3, 2)
    labels[3] = 255
    groups = ["a", "b", "a", None] + ["a", "b"] * 28
    found = few(logits, labels, groups=groups, ignore_index=255).by_group()
    assert {part.name: part.n for part in found.parts} == {"a": 30, "b": 29}
    labels[3], weights = 0, torch.ones(60)
    weights[3] = 0
    found = few(logits, labels, groups=groups, sample_weight=weights).by_group()
    assert {part.name: part.n for part in found.parts} == {"a": 30, "b": 29}
    with pytest.raises(ValueError, match=r"group of every sample, got None at sample 3; give"):
        few(logits, labels, groups=groups)
    pixels, masks = (
        logits.T.reshape(1, 3, 30, 2).movedim(2, 0)[:, 0, :, None],
        labels.view(30, 1, 2),
    )
    masks[1] = 255  # all pixels of the second image
    for one in (None, [1], float("nan")):
        names = ["a", one] + ["b"] * 28
        found = few(pixels, masks, groups=names, ignore_index=255).by_group()
        assert {part.name: part.n for part in found.parts} == {"a": 2, "b": 56}


def test_a_masked_group_is_missing():
    for names in (["a", "b"], [1, 2]):
        groups = np.ma.MaskedArray(names * 30, mask=[False] * 3 + [True] + [False] * 56)
        with pytest.raises(ValueError, match=r"group of every sample, got None at sample 3; give"):
            counts(groups)
        assert counts(np.ma.MaskedArray(names * 30)) == {str(name): 30 for name in names}


def test_wrong_groups_are_refused():
    logits, labels = calibrated_problem(100, 3, 2)
    with pytest.raises(ValueError, match=r"each of the 100 samples, got the shape \(99,\)"):
        few(logits, labels, groups=np.arange(99))
    with pytest.raises(TypeError, match=r"got generator; pass for instance list\(groups\)"):
        few(logits, labels, groups=(k for k in range(100)))
    with pytest.raises(ValueError, match=r"pass them to evaluate, .*groups=groups"):
        few(logits, labels).by_group()


def test_what_the_top_class_hides_shows_in_the_classwise_p_value():
    # Class 1 takes from class 0, but nothing changes for a top class.
    logits, labels = calibrated_problem(4000, 6, 1)
    moved = logits.softmax(1)
    top, answer = moved.max(1)
    taken = 0.8 * moved[:, 0] * ((answer > 1) & (moved[:, 1] + 0.8 * moved[:, 0] < top))
    moved[:, 0] -= taken
    moved[:, 1] += taken
    report = ck.evaluate(moved.log(), labels, n_resamples=200)
    assert report.before.p_value > 0.05
    assert report.before.classwise_p_value < 0.01
    assert report.before.classwise_ece.value > report.before.classwise_noise_floor.high
    assert report.before.classwise_ece.low > 0


def test_a_report_of_two_classes_has_no_classwise_rows():
    report = few(*calibrated_problem(300, 2, 2))
    assert report.before.classwise_ece is None
    assert "classwise" not in str(report)
    assert "classwise_ece" not in report.to_dict()["before"]


@pytest.mark.usefixtures("without_coverage")
def test_classwise_p_values_of_calibrated_models_are_uniform():
    generator = torch.Generator().manual_seed(0)
    logits = 2 * torch.randn(200, 4, generator=generator, dtype=torch.float64)
    p_values = []
    for seed in range(300):
        labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
        report = ck.evaluate(logits, labels, n_resamples=40, seed=seed)
        p_values.append(report.before.classwise_p_value)
    for level in (0.05, 0.25, 0.5, 0.75):
        assert (np.array(p_values) <= level).mean() == pytest.approx(level, abs=0.07)


def test_the_classwise_floor_is_what_calibrated_models_show():
    generator = torch.Generator().manual_seed(0)
    p = (2 * torch.randn(500, 4, generator=generator, dtype=torch.float64)).softmax(1)
    draws = [torch.multinomial(p, 1, generator=generator)[:, 0] for _ in range(400)]
    shown = [ck.classwise_calibration_error(p, labels) for labels in draws]
    floor = ck.evaluate(p.log(), draws[0], n_resamples=400).before.classwise_noise_floor
    assert floor.mean == pytest.approx(np.mean(shown), rel=0.02)
    assert floor.low == pytest.approx(np.quantile(shown, 0.025), rel=0.06)
    assert floor.high == pytest.approx(np.quantile(shown, 0.975), rel=0.06)
