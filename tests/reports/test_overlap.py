"""Test sets that hold calibration samples are refused, and others are not."""

import pytest
import torch

from calibkit import TemperatureScaler, evaluate
from tests.helpers import calibrated_problem


@pytest.fixture(scope="module")
def problem():
    logits, labels = calibrated_problem(3000, 10, 2)
    scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    return scaler, logits[1000:], labels[1000:]


FORMS = {
    "as they were": lambda z: z,
    "of other batches": lambda z: z * (1 + 1e-7 * torch.sign(z)),
    "in float32": lambda z: z.float(),
    "shifted": lambda z: z + 5,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("part", [slice(0, 2000), slice(0, 60), slice(400, 2000)])
def test_calibration_samples_in_the_test_set_are_refused(problem, form, part):
    _, logits, labels = problem
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    shuffled = torch.randperm(2000, generator=torch.Generator().manual_seed(0))
    shuffled = shuffled[(shuffled >= part.start) & (shuffled < part.stop)]
    with pytest.raises(ValueError, match="holds samples that the scaler was fitted on"):
        evaluate(FORMS[form](logits[shuffled]), labels[shuffled], scaler=scaler)
    assert evaluate(logits[500:], labels[500:], scaler=scaler, n_resamples=10)


def test_a_leak_shows_in_other_forms_of_binary_logits_too():
    logits, labels = calibrated_problem(400, 2, 2)
    z = logits[:, 1] - logits[:, 0]
    scaler = TemperatureScaler().fit_logits(z, labels)
    with pytest.raises(ValueError, match="holds samples that the scaler was fitted on"):
        evaluate(logits, labels, scaler=scaler)


@pytest.mark.parametrize("n_classes", [2, 3, 100])
def test_other_samples_are_no_overlap_however_many(n_classes):
    logits, labels = calibrated_problem(60_000, n_classes, 2)
    scaler = TemperatureScaler().fit_logits(logits[:10_000], labels[:10_000])
    assert evaluate(logits[10_000:], labels[10_000:], scaler=scaler, n_resamples=2)


def test_equal_rows_of_different_samples_are_no_overlap():
    """As a decision tree gives them."""
    logits, labels = calibrated_problem(600, 3, 1)
    logits = logits.round()
    scaler = TemperatureScaler().fit_logits(logits[:300], labels[:300])
    assert evaluate(logits[300:], labels[300:], scaler=scaler, n_resamples=10)


def test_two_images_that_are_there_twice_are_no_overlap(problem):
    _, logits, labels = problem
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    assert evaluate(logits[498:], labels[498:], scaler=scaler, n_resamples=10)


def test_a_loaded_scaler_does_not_know_its_calibration_set_any_more(problem):
    scaler, logits, labels = problem
    loaded = TemperatureScaler()
    loaded.load_state_dict(scaler.state_dict())
    again = evaluate(logits, labels, scaler=loaded, n_resamples=10)
    assert again.to_dict() == evaluate(logits, labels, scaler=scaler, n_resamples=10).to_dict()


def test_rows_without_a_fingerprint_are_no_overlap():
    # A row whose logits are all equal has no distance to its largest logit.
    logits, labels = calibrated_problem(1000, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits, labels)
    assert evaluate(torch.zeros(50, 4), labels[:50], scaler=scaler, n_resamples=10)
