"""The calibration error in bins: against its definition, by hand, and at its edges."""

import numpy as np
import pytest
import torch
import torchmetrics
from hypothesis import given, settings
from hypothesis import strategies as st

import calibkit
from calibkit import (
    calibration_error,
    noise_floor,
    reliability_bins,
)
from tests.helpers import REAL, needs_real_data
from tests.metrics.references import (
    draw,
    few_examples,
    judged,
    problems,
    reference_error,
)


def reference_ece(probabilities: np.ndarray, labels: np.ndarray, n_bins: int) -> float:
    """The definition, sample by sample and bin by bin, in float64."""
    confidence, correct = judged(torch.from_numpy(probabilities), torch.from_numpy(labels))
    total = 0.0
    for k in range(n_bins):
        last = k == n_bins - 1
        low, high = k / n_bins, (k + 1) / n_bins
        inside = [low <= p < high or (last and p == 1) for p in confidence]
        if any(inside):
            share = np.mean(inside)
            total += share * abs(correct[inside].mean() - confidence[inside].mean())
    return total


def random_problem(n: int, n_classes: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    return logits.softmax(1), torch.randint(n_classes, (n,), generator=generator)


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(2, 12), st.integers(1, 40), st.integers(0, 99))
def test_ece_agrees_with_the_definition(n, n_classes, n_bins, seed):
    probabilities, labels = random_problem(n, n_classes, seed)
    expected = reference_ece(probabilities.numpy(), labels.numpy(), n_bins)
    assert calibration_error(probabilities, labels, n_bins=n_bins) == pytest.approx(
        expected, abs=1e-12
    )


def test_ece_agrees_with_torchmetrics():
    probabilities, labels = random_problem(5000, 100, 0)
    peer = torchmetrics.CalibrationError(task="multiclass", num_classes=100, n_bins=15)
    expected = peer(probabilities.float(), labels).item()
    assert calibration_error(probabilities, labels) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("norm", "debias", "expected"),
    [
        ("l1", False, 0.5 * 0.05 + 0.5 * 0.25),
        ("l2", False, np.sqrt(0.5 * 0.05**2 + 0.5 * 0.25**2)),
        ("l2", True, 0.0),  # .0025 - .25 and .0625 - 0, on average below 0
        ("max", False, 0.25),
    ],
)
def test_two_bins_by_hand(norm, debias, expected):
    # Two samples at .55, one of them correct, and two at .75, both correct.
    confidence = torch.tensor([0.55, 0.55, 0.75, 0.75], dtype=torch.float64)
    probabilities, labels = torch.stack([confidence, 1 - confidence], 1), torch.tensor([0, 1, 0, 0])
    found = calibration_error(probabilities, labels, n_bins=10, norm=norm, debias=debias)
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_gives_what_its_rounded_probabilities_give(dtype):
    probabilities, labels = random_problem(500, 4, 0)
    rounded = probabilities.to(dtype)
    expected = reference_ece(rounded.double().numpy(), labels.numpy(), 15)
    assert calibration_error(rounded, labels) == pytest.approx(expected, abs=1e-12)


def test_confidence_one_belongs_to_the_last_bin():
    # by hand: one bin holds both, |1 - .95 - 1| / 2; torchmetrics 1.9 gives .525
    probabilities = np.array([[0.95, 0.05], [1.0, 0.0]])
    assert calibration_error(probabilities, np.array([0, 1])) == pytest.approx(0.475, abs=1e-12)


def test_bins_count_every_sample_once():
    probabilities, labels = random_problem(1000, 10, 1)
    bins = reliability_bins(probabilities, labels, n_bins=20)
    confidences = probabilities.amax(1)
    assert bins.count.sum() == 1000
    assert bins.n_correct.sum() == (probabilities.argmax(1) == labels).sum()
    assert bins.confidence_sum.sum() == pytest.approx(confidences.sum().item())


def test_round_confidences_belong_to_the_bin_above():
    # .6 opens the bin [.6, .7): by hand, (|1 - .6| + |0 - .55|) / 2
    error = calibration_error(np.array([0.6, 0.55]), np.array([1, 0]), n_bins=10)
    assert error == pytest.approx(0.475, abs=1e-12)


def test_confidences_a_rounding_above_one_count_as_one():
    probabilities = torch.tensor([[1.0000001, 0.0], [0.9, 0.1]])
    assert probabilities.max() > 1
    assert calibration_error(probabilities, torch.tensor([0, 1])) == pytest.approx(0.45)


def test_edges_belong_to_the_bin_above():
    probabilities = np.array([0.5, 0.75, 0.74])
    bins = reliability_bins(probabilities, np.array([1, 1, 1]), n_bins=4)
    assert bins.count.tolist() == [0, 0, 2, 1]


@needs_real_data
def test_real_networks():
    for file, expected in {
        "densenet-bc-100-cifar-100": 0.1422,
        "wideresnet-16-4-cifar-100": 0.0581,
    }.items():
        with np.load(REAL / f"{file}.npz") as arrays:
            probabilities, labels = arrays["predictions"], arrays["ground_truth"]
        assert calibration_error(probabilities, labels) == pytest.approx(expected, abs=5e-5)


def test_softmax_in_bfloat16_still_counts_as_probabilities():
    probabilities = random_problem(500, 1000, 0)[0].float().log().bfloat16().softmax(1)
    assert (probabilities.float().sum(1) - 1).abs().max() > 1e-4
    assert 0 < noise_floor(probabilities, n_resamples=40).mean < 1


PROBABILITIES = torch.tensor([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1]])


@pytest.mark.parametrize(
    ("probabilities", "labels", "error", "message"),
    [
        (PROBABILITIES.log(), [0, 1], ValueError, r"must lie in \[0, 1\] .*logits.softmax\(1\)"),
        (torch.tensor([[0.9, 0.2, -0.1]]), [0], ValueError, r"must lie in \[0, 1\]"),
        (torch.eye(3)[:2] * 0.985, [0, 1], ValueError, "every row must sum to 1"),
        (np.ma.array(PROBABILITIES.numpy()), [0, 1], TypeError, "must not be masked"),
        (PROBABILITIES.to_sparse(), [0, 1], TypeError, r"must be dense, got torch.sparse_coo"),
        (PROBABILITIES / 2, [0, 1], ValueError, "every row must sum to 1, .* 0.5 to 0.5"),
        (PROBABILITIES * float("nan"), [0, 1], ValueError, "probabilities must be finite"),
        (PROBABILITIES, [0, 3], ValueError, "got 3 at position 1"),
        (PROBABILITIES, [0], ValueError, "got 1 labels for 2 rows"),
        (PROBABILITIES[0], [0], ValueError, "got 1 labels for 3 rows"),
        (torch.tensor(0.5), [0], ValueError, r"shape \(samples, classes\), .*\.reshape\(1\)"),
        (list(PROBABILITIES), [0, 1], TypeError, r"must be a torch tensor .* torch.stack"),
        ([[0.1, 0.9], [1.0]], [0, 1], TypeError, "probabilities must be a torch tensor"),
    ],
)
def test_bad_input_is_refused(probabilities, labels, error, message):
    with pytest.raises(error, match=message):
        calibration_error(probabilities, torch.tensor(labels))


@pytest.mark.parametrize("wrong", [0, -3, 2.5, True, None])
@pytest.mark.parametrize("argument", ["n_bins", "n_resamples", "seed"])
def test_what_is_no_such_integer_is_refused(argument, wrong):
    if argument == "seed" and wrong == 0:
        wrong = -1
    with pytest.raises((TypeError, ValueError), match=f"{argument} must be an integer of at least"):
        noise_floor(PROBABILITIES, **{argument: wrong})


def test_bins_that_are_none_are_refused_by_the_metric_too():
    with pytest.raises(ValueError, match="n_bins must be an integer of at least"):
        calibration_error(PROBABILITIES, torch.tensor([0, 1]), n_bins=-1)


@few_examples
@given(
    **problems,
    n_bins=st.integers(1, 25),
    norm=st.sampled_from(["l1", "l2", "max"]),
    binning=st.sampled_from(["uniform", "quantile"]),
    debias=st.booleans(),
    of=st.sampled_from([None, "top"]),
)
def test_calibration_error(n, n_classes, seed, n_bins, norm, binning, debias, of):
    probabilities, labels = draw(n, n_classes, seed)
    debias = debias and norm == "l2"
    options = {"n_bins": n_bins, "norm": norm, "binning": binning, "debias": debias}
    confidence, correct = judged(probabilities, labels, of)
    expected = reference_error(confidence, correct, n_bins, norm, binning, debias)
    found = calibkit.calibration_error(probabilities, labels, of=of, **options)
    assert found == pytest.approx(expected, abs=1e-9)
