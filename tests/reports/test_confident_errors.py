"""A report does not clear a model that is wrong too often where it is nearly certain."""

import pytest
import torch
from scipy.stats import poisson

from calibkit import TemperatureScaler, _result_sentences, evaluate
from calibkit._rows import Rows
from calibkit.reports._confident_errors import ConfidentErrors, confident_errors
from tests.helpers import calibrated_problem


def two_kinds(
    n: int, claimed: float = 0.9999, true: float = 0.99, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (N,) and outcomes: half are calibrated, and half claim more than is true."""
    generator = torch.Generator().manual_seed(seed)
    honest = 0.3 + 0.4 * torch.rand(n // 2, generator=generator, dtype=torch.float64)
    sure = torch.full((n // 2,), claimed, dtype=torch.float64)
    share = torch.cat([honest, torch.full_like(sure, true)])
    outcomes = (torch.rand(n // 2 * 2, generator=generator) < share).long()
    return torch.logit(torch.cat([honest, sure])), outcomes


def many_classes(logits: torch.Tensor) -> torch.Tensor:
    """Give the first two of five classes the probabilities of a binary model."""
    rest = torch.full((len(logits), 3), -40.0, dtype=logits.dtype)
    return torch.cat([torch.stack([0 * logits, logits], 1), rest], 1)


FORMS = {
    "(N,)": lambda z: z,
    "(N, 2)": lambda z: torch.stack([-z / 2, z / 2], 1),
    "(N, 5)": many_classes,
    "of the other class": lambda z: torch.stack([z / 2, -z / 2], 1),
}


@pytest.mark.parametrize("form", FORMS)
def test_too_many_wrong_answers_at_a_high_confidence_are_named(form):
    """The ECE of these samples is what chance gives a calibrated model."""
    logits, outcomes = two_kinds(1000)
    labels = 1 - outcomes if form == "of the other class" else outcomes
    report = evaluate(FORMS[form](logits), labels, progress=False)
    n_wrong = int((outcomes[500:] == 0).sum())
    assert report.before.p_value > 0.05
    assert report.doubts.warnings == [
        _result_sentences.CONFIDENT_ERRORS.format(
            when="Without scaling",
            n_wrong=n_wrong,
            n=500,
            confidence="99%",
            expected="fewer than 0.1",
        )
    ]
    assert report.doubts.warnings[0] in " ".join(str(report).split())
    assert report.to_dict()["warnings"] == report.doubts.warnings


def test_each_side_of_scaling_has_its_own_sentence():
    logits, outcomes = two_kinds(1000)
    scaler = TemperatureScaler().fit_logits(*calibrated_problem(1000, 2, 1.0))
    report = evaluate(FORMS["(N, 2)"](logits), outcomes, scaler=scaler, progress=False)
    assert report.doubts.confident_errors == ("Before scaling", "After scaling")
    begins = [text.partition(",")[0] for text in report.doubts.warnings]
    assert begins == ["Before scaling", "After scaling"]


def test_an_error_that_a_test_finds_needs_no_such_warning():
    logits, labels = calibrated_problem(2000, 10, 1.0)
    report = evaluate(4 * logits, labels, progress=False)
    assert report.before.p_value < 0.05
    assert confident_errors(Rows(4 * logits, labels)) is not None
    assert report.doubts.confident_errors == ()


def test_weighted_samples_are_not_counted():
    logits, outcomes = two_kinds(1000)
    weights = 1 + torch.arange(1000) % 2
    report = evaluate(logits, outcomes, sample_weight=weights, progress=False)
    assert report.doubts.confident_errors == ()


@pytest.mark.parametrize(("n_wrong", "expected"), [(1, 1e-3), (4, 0.05), (12, 5.0), (90, 60.0)])
def test_the_p_value_is_that_of_a_poisson_distribution(n_wrong, expected):
    errors = ConfidentErrors(0.99, n_wrong, 1000, expected)
    assert errors.p_value == pytest.approx(poisson.sf(n_wrong - 1, expected), rel=1e-9)
    assert ConfidentErrors(0.99, 0, 1000, expected).p_value == 1


def test_a_calibrated_model_is_hardly_ever_warned_of():
    """The promise is one percent; 1200 models of several kinds, with three standard errors."""
    generator = torch.Generator().manual_seed(1)
    alarms, n_models = 0, 0
    for n, n_classes, scale in ((300, 2, 8), (2000, 2, 20), (1000, 10, 8), (1000, 10, 20)):
        for _ in range(300):
            logits = scale * torch.randn(n, n_classes, generator=generator).double()
            labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
            alarms += confident_errors(Rows(logits, labels)) is not None
            n_models += 1
    assert alarms / n_models <= 0.01 + 3 * (0.01 * 0.99 / n_models) ** 0.5


def test_a_confidence_of_1_that_is_wrong_is_named():
    logits, labels = calibrated_problem(500, 3, 1.0)
    logits[0] = torch.tensor([2000.0, 0.0, 0.0])
    labels[0] = 1
    errors = confident_errors(Rows(logits, labels))
    assert errors is not None
    assert (errors.n_wrong, errors.p_value) == (1, 0)
