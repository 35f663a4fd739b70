"""Test sets that hold calibration samples are refused, and others are not."""

import time
from itertools import product

import pytest
import torch

from calibkit import TemperatureScaler, check_shift, evaluate, language_model_answers
from tests.helpers import calibrated_problem
from tests.simulations.leak_check import draw, verdict, verdicts


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
    assert evaluate(logits[500:], labels[500:], scaler=scaler, n_resamples=40)


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
    assert evaluate(logits[10_000:], labels[10_000:], scaler=scaler, n_resamples=40)


def test_equal_rows_of_different_samples_are_no_overlap():
    """As a decision tree gives them."""
    logits, labels = calibrated_problem(600, 3, 1)
    logits = logits.round()
    scaler = TemperatureScaler().fit_logits(logits[:300], labels[:300])
    assert evaluate(logits[300:], labels[300:], scaler=scaler, n_resamples=40)


def test_two_images_that_are_there_twice_are_no_overlap(problem):
    _, logits, labels = problem
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    assert evaluate(logits[498:], labels[498:], scaler=scaler, n_resamples=40)


def test_a_loaded_scaler_does_not_know_its_calibration_set_any_more(problem):
    scaler, logits, labels = problem
    loaded = TemperatureScaler()
    loaded.load_state_dict(scaler.state_dict())
    again = evaluate(logits, labels, scaler=loaded, n_resamples=40)
    assert again.to_dict() == evaluate(logits, labels, scaler=scaler, n_resamples=40).to_dict()


def test_rows_without_a_fingerprint_are_no_overlap():
    # A row whose logits are all equal has no distance to its largest logit.
    logits, labels = calibrated_problem(1000, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits, labels)
    assert evaluate(torch.zeros(50, 4), labels[:50], scaler=scaler, n_resamples=40)


SIZES = [(200, 200), (8000, 150), (300, 9000), (10_000, 10_000)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_classes", [2, 3, 10, 100])
def test_independent_test_sets_are_no_leak_however_the_logits_are_stored(n_classes, dtype):
    for sizes in SIZES[: 3 if n_classes == 100 else 4]:
        counts = verdicts(n_classes, sizes, 0, 3, lambda z: z.to(dtype))
        assert counts["refused"] == 0, sizes


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("n_classes", [2, 3, 10, 100])
def test_no_independent_test_set_of_hundreds_is_a_leak_and_one_per_cent_passes_nowhere(
    n_classes, dtype
):
    """A short form of the table in docs/toolkit.rst."""
    for n, n_pairs in ((200, 50), (1000, 50), (10_000, 5)):
        options = n_pairs, lambda z: z.to(dtype)
        assert not verdicts(n_classes, (n, n), 0, *options)["refused"]
        assert not verdicts(n_classes, (n, n), n // 100, *options)["passed"]


@pytest.mark.parametrize("seed", range(3))
def test_independent_binary_test_sets_are_no_leak(seed):
    generator = torch.Generator().manual_seed(seed)
    logits = 3.4 * torch.randn(8150, generator=generator)
    labels = torch.bernoulli((logits / 2).sigmoid(), generator=generator).long()
    scaler = TemperatureScaler().fit_logits(logits[:8000], labels[:8000])
    assert evaluate(logits[8000:], labels[8000:], scaler=scaler, n_resamples=40)


@pytest.mark.parametrize("sizes", [(200_000, 200_000), (200_000, 20_000), (20_000, 200_000)])
def test_one_per_cent_is_found_among_200_000_binary_samples(sizes):
    assert verdicts(2, sizes, 0, 1) == {"passed": 1}
    assert verdicts(2, sizes, min(sizes) // 100, 1) == {"refused": 1}


def test_a_binary_calibration_set_evaluated_on_itself_is_a_leak():
    logits, labels = calibrated_problem(200_000, 2, 2)
    logits = (logits[:, 1] - logits[:, 0]).float()
    scaler = TemperatureScaler().fit_logits(logits, labels)
    with pytest.raises(ValueError, match="of 200000 calibration samples are among the 200000"):
        evaluate(logits, labels, scaler=scaler, n_resamples=40)


@pytest.mark.parametrize("stored", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("fitted_in", [torch.float32, torch.float16])
@pytest.mark.parametrize("n_classes", [10, 100])
def test_one_per_cent_is_found_after_rounding(n_classes, fitted_in, stored):
    generator = torch.Generator().manual_seed(0)
    logits = draw(5950, n_classes, generator)
    assert verdict(logits[:1000].to(fitted_in), logits[990:1990].to(stored)) == "refused"
    assert verdict(logits[:3000].to(fitted_in), logits[2970:].to(stored)) == "refused"
    assert verdict(logits[:2000].to(fitted_in), logits[2000:].to(stored)) == "passed"


@pytest.mark.parametrize("n_classes", [2, 3, 10, 100])
def test_one_per_cent_is_found_although_other_batches_change_the_last_digits(n_classes):
    generator = torch.Generator().manual_seed(0)
    logits = draw(3960, n_classes, generator)
    noisy = logits * (1 + 2e-7 * torch.randn(logits.shape, generator=generator))
    assert verdict(logits[:2000], noisy[1960:]) == "refused"


def test_an_overlap_is_found_where_the_first_pixels_are_ignored():
    generator = torch.Generator().manual_seed(0)
    logits = draw(40 * 32 * 32, 5, generator).reshape(40, 32, 32, 5).movedim(-1, 1)
    labels = logits.argmax(1)
    labels[torch.rand(labels.shape, generator=generator) < 0.3] = 0
    labels[:, :, :8] = labels[:, :4] = -1
    scaler = TemperatureScaler().fit_logits(logits[:20], labels[:20], ignore_index=-1)
    options = {"scaler": scaler, "n_resamples": 40, "ignore_index": -1}
    with pytest.raises(ValueError, match="holds samples that the scaler was fitted on"):
        evaluate(logits[19:39], labels[19:39], **options)
    assert evaluate(logits[20:], labels[20:], **options).leak_check is None


FORMS_THAT_CANNOT_TELL = {
    "rounded": lambda z: z.round(),
    "of one decimal": lambda z: (10 * z).round() / 10,
    "clamped": lambda z: z.clamp(-2, 2),
    "of few values": lambda z: z.sign(),
    "in half precision": lambda z: z.half(),
    "of half precision, widened": lambda z: z.half().float(),
    "constant": lambda z: 0 * z,
}


@pytest.mark.parametrize("sizes", [(10_000, 10_000), (10_000, 500), (500, 10_000)])
@pytest.mark.parametrize("form", FORMS_THAT_CANNOT_TELL)
def test_logits_that_cannot_tell_are_neither_refused_nor_cleared(form, sizes):
    counts = verdicts(2, sizes, 0, 3, FORMS_THAT_CANNOT_TELL[form])
    assert counts == {"cannot be checked": 3}


@pytest.mark.parametrize("decimals", range(7))
@pytest.mark.parametrize("n_classes", [2, 3])
def test_decimals_of_a_text_file_are_no_leak(n_classes, decimals):
    for sizes in ((200, 200), (1000, 300), (3000, 3000)):
        counts = verdicts(n_classes, sizes, 0, 10, lambda z: z.double().round(decimals=decimals))
        assert not counts["refused"], sizes


@pytest.mark.parametrize("form", [lambda z: z, lambda z: z.half(), lambda z: z.clamp(-3, 3)])
@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("sizes", [(20_000, 500), (500, 20_000), (5000, 5000)])
def test_sets_of_different_distributions_are_no_leak(sizes, n_classes, form):
    generator = torch.Generator().manual_seed(0)
    wide, narrow = draw(sizes[0], n_classes, generator), draw(sizes[1], n_classes, generator) / 8
    assert verdict(form(wide), form(narrow)) != "refused"
    assert verdict(form(wide), form(narrow + torch.eye(n_classes)[0])) != "refused"


def test_the_report_says_where_the_check_could_not_be_made(problem):
    logits, labels = calibrated_problem(2000, 2, 2)
    logits = logits.round()
    scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    report = evaluate(logits[1000:], labels[1000:], scaler=scaler, n_resamples=40)
    assert "cannot be checked" in report.leak_check
    assert report.to_dict()["leak_check"] == report.leak_check
    for shown in (str(report), report.to_markdown()):
        assert shown.splitlines()[-1] == report.leak_check
    assert report._repr_html_().endswith(f"</table><p>{report.leak_check}</p>")
    shifted = check_shift(scaler, logits[1000:], labels[1000:], n_resamples=40)
    assert str(shifted).endswith(report.leak_check)
    scaler, logits, labels = problem
    ordinary = evaluate(logits, labels, scaler=scaler, n_resamples=40)
    assert ordinary.leak_check is None
    assert "leak_check" not in ordinary.to_dict()
    assert "checked" not in str(ordinary) + ordinary.to_markdown() + ordinary._repr_html_()


def test_the_refusal_counts_all_shared_samples(problem):
    _, logits, labels = problem
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    with pytest.raises(ValueError, match="of 123 of 500 calibration samples are among the 1623 of"):
        evaluate(logits[377:], labels[377:], scaler=scaler, n_resamples=40)


def test_a_fit_on_new_data_replaces_the_fingerprints(problem):
    _, logits, labels = problem
    scaler = TemperatureScaler().fit_logits(logits[:500], labels[:500])
    scaler.fit_logits(logits[500:1000], labels[500:1000])
    assert evaluate(logits[:500], labels[:500], scaler=scaler, n_resamples=40)
    with pytest.raises(ValueError, match="holds samples that the scaler was fitted on"):
        evaluate(logits[500:1000], labels[500:1000], scaler=scaler, n_resamples=40)


def test_masked_classes_hide_no_leak():
    generator = torch.Generator().manual_seed(0)
    logits = draw(3000, 10, generator)
    logits[:, 4:6] = -1e9
    assert verdict(logits[:1000], logits[990:1990]) == "refused"
    assert verdict(logits[:1000], logits[1000:]) == "passed"


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize(
    "form", [lambda z: z.clamp(-2, 2), lambda z: z * (z.abs() > 8), lambda z: z.round()]
)
def test_repeated_logits_do_not_make_the_leak_check_quadratic(form, n_classes):
    def seconds(n):
        logits = form(draw(2 * n, n_classes, torch.Generator().manual_seed(1)))
        start = time.process_time()
        verdict(logits[:n], logits[n:])
        return time.process_time() - start

    # Eight times the samples would take 64 times as long if the cost were quadratic.
    assert min(seconds(80_000) for _ in range(2)) < 24 * min(seconds(10_000) for _ in range(3))


@pytest.mark.parametrize(("fitted", "tested"), [(2, 2), (1, 2), (2, 1), (1, 3), (3, 1)])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_sets_that_hold_samples_several_times_are_not_cleared(fitted, tested, n_classes):
    z = draw(500, n_classes, torch.Generator().manual_seed(0))
    others = draw(900, n_classes, torch.Generator().manual_seed(1))
    some = torch.cat([others, z[:200].repeat(tested, 1)])
    for test in (z.repeat(tested, 1), some):
        assert verdict(z.repeat(fitted, 1), test) == "cannot be checked"


@pytest.mark.parametrize("n_classes", [2, 4, 10])
@pytest.mark.parametrize("spread", [0.02, 0.1])
def test_independent_sets_that_share_a_dense_place_are_no_leak(n_classes, spread):
    """Few calibration samples lie there and nearly all test samples, so chance is not the same."""
    for seed in range(12):
        generator = torch.Generator().manual_seed(seed)
        z = 3 * draw(2100, n_classes, generator)
        dense = spread * torch.randn(600, n_classes, generator=generator)
        z[:300] = dense[:300]
        assert verdict(z, dense[300:]) != "refused"
        assert verdict(z, torch.cat([dense[300:], z[::50]])) == "refused"


def test_one_subject_of_a_language_model_is_no_leak_into_the_others():
    """The logits of a subject lie close together, and many of them look alike."""
    answers = language_model_answers()
    for subject in set(answers.subject):
        is_test = torch.tensor(answers.subject == subject)
        logits = answers.text_logits
        assert verdict(logits[~is_test], logits[is_test]) != "refused"


@pytest.mark.parametrize(("fitted", "tested"), [(2, 2), (1, 2), (2, 1), (4, 4)])
def test_independent_sets_that_hold_samples_several_times_are_no_leak(fitted, tested):
    for seed in range(20):
        generator = torch.Generator().manual_seed(seed)
        for form in (lambda z: z, torch.Tensor.round, lambda z: z.bfloat16().float()):
            z, other = (form(draw(500, 3, generator)) for _ in range(2))
            assert verdict(z.repeat(fitted, 1), other.repeat(tested, 1)) != "refused"


def test_logits_of_few_inputs_are_no_leak():
    """Both sets are drawn from the same few rows of a table, and equal rows have equal logits."""
    for seed, n_rows in product(range(50), (300, 700, 2000)):
        generator = torch.Generator().manual_seed(seed)
        table = draw(n_rows, 10, generator)
        rows = torch.randint(n_rows, (1500,), generator=generator)
        assert verdict(table[rows[:900]], table[rows[900:]]) == "cannot be checked"


def test_the_reason_of_a_check_that_cannot_be_made_is_true():
    z, y = calibrated_problem(500, 10, 2)
    scaler = TemperatureScaler().fit_logits(z.repeat(4, 1), y.repeat(4))
    new, labels = calibrated_problem(500, 10, 2, seed=1)
    report = evaluate(new.repeat(4, 1), labels.repeat(4), scaler=scaler, n_resamples=40)
    assert "some samples of the same set have equal logits" in report.leak_check


def test_a_single_test_sample_is_no_overlap():
    logits, labels = calibrated_problem(1000, 4, 2)
    scaler = TemperatureScaler().fit_logits(logits, labels)
    assert evaluate(logits[:1], labels[:1], scaler=scaler, n_resamples=40).n_samples == 1
