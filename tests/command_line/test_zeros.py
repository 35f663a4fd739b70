"""What probabilities of 0 count as, and when they leave no usable temperature."""

import numpy as np
import pytest
from scipy.special import expit

from calibkit import HistogramScaler, TemperatureScaler, _result_sentences, _sentences
from calibkit._command_line.samples import Choice, read_samples
from tests.helpers import calibrated_problem

NOTE = _sentences.OF_CONFIDENCE


def softmax(z: np.ndarray) -> np.ndarray:
    p = np.exp(z - z.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def problem(n: int, n_classes: int, temperature: float) -> tuple[np.ndarray, np.ndarray]:
    return tuple(x.numpy() for x in calibrated_problem(n, n_classes, temperature))


def read(path):
    return read_samples(path, Choice(), labels_needed=True)


def temperature_of(path) -> float:
    samples = read(path)
    return TemperatureScaler().fit_logits(samples.logits, samples.labels).temperature


def write_rounded(folder, p, labels, digits):
    """Write a table in which every probability has so many decimals."""
    columns = [p] if p.ndim == 1 else p.T
    names = ["p"] if p.ndim == 1 else [f"p_{k}" for k in range(len(columns))]
    path = folder / f"rounded_{digits}.csv"
    table = np.stack([*columns, labels], 1)
    formats = [f"%.{digits}f"] * len(columns) + ["%d"]
    np.savetxt(path, table, formats, ",", header=",".join([*names, "label"]), comments="")
    return path


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("temperature", [8.0, 14.0])
def test_a_small_probability_that_the_file_holds_counts_as_what_it_is(tmp_path, dtype, temperature):
    logits, labels = problem(1500, 3, temperature)
    np.savez(tmp_path / "p.npz", probs=softmax(logits).astype(dtype), labels=labels)
    expected = TemperatureScaler().fit_logits(logits, labels).temperature
    assert temperature_of(tmp_path / "p.npz") == pytest.approx(expected, rel=0.01)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_single_column_holds_small_probabilities_and_small_distances_from_1(tmp_path, shape):
    """Next to 1, float32 has no number closer than 6e-8, but next to 0 it has very small ones."""
    p = np.array([1e-30, 0, 1, 1 - 2**-24, 0.5], np.float32).reshape(shape)
    np.savez(tmp_path / "p.npz", probs=p, labels=[0, 1, 1, 1, 0])
    samples = read(tmp_path / "p.npz")
    z = np.log([1e-30, 1e-32, 100 * 2**24, 2**24, 1])
    np.testing.assert_allclose(samples.logits.flatten(), z, atol=1e-6)
    assert (
        "(2 of 5 probabilities are 0, or 1 in a single column, and were moved by 1e-32 or 6e-10)"
        in samples.said
    )
    assert samples.zeros[2:] == (5, 2, 1)


def test_the_smallest_numbers_have_a_finite_logarithm(tmp_path):
    p = np.array([[1, 5e-324], [1, 0], [0.5, 0.5]])
    np.savez(tmp_path / "p.npz", probs=p, labels=[0, 0, 1])
    assert read(tmp_path / "p.npz").logits.isfinite().all()


def test_a_file_without_other_numbers_than_0_and_1_has_a_small_one_for_0(tmp_path):
    np.savez(tmp_path / "p.npz", probs=np.eye(3)[[0, 1, 2, 2]], labels=[0, 1, 2, 1])
    samples = read(tmp_path / "p.npz")
    assert samples.logits.min() == pytest.approx(np.log(1e-12))
    assert "were moved by 1e-12)" in samples.said


@pytest.mark.parametrize(
    ("n_classes", "digits", "temperature"),
    [(2, 3, 2.0), (2, 2, 1.5), (3, 4, 2.5), (3, 2, 1.5), (10, 3, 2.0), (10, 4, 2.5)],
)
def test_rounding_hardly_changes_the_temperature(tmp_path, n_classes, digits, temperature):
    logits, labels = problem(3000, n_classes, temperature)
    p = softmax(logits)
    path = write_rounded(tmp_path, p[:, 1] if n_classes == 2 else p, labels, digits)
    expected = TemperatureScaler().fit_logits(logits, labels).temperature
    assert read(path).zeros.n_zero > 0
    assert temperature_of(path) == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("n_columns", [1, 3])
def test_the_labels_that_have_a_probability_of_0_are_counted(tmp_path, n_columns):
    p = np.array([[0, 0.25, 0.75], [0, 0.5, 0.5], [0.25, 0.25, 0.5], [0, 1, 0]])
    labels = np.array([0, 1, 2, 2])
    if n_columns == 1:
        p, labels = np.array([0.0, 0.5, 1, 1]), np.array([1, 0, 0, 1])
    np.savez(tmp_path / "p.npz", probs=p, labels=labels)
    assert read(tmp_path / "p.npz").zeros[2:] == (4, 3, 2)


def run_report(here, digits, temperature=3.0):
    """Write two rounded sets, report on one of them with the other, and return the card."""
    logits, labels = problem(2400, 10, temperature)
    p = softmax(logits)
    (here.folder / "fit").mkdir()
    path = write_rounded(here.folder / "fit", p[:1200], labels[:1200], digits)
    test = write_rounded(here.folder, p[1200:], labels[1200:], 12)
    assert here.run("report", str(test), "--calibration", str(path), "--markdown", "c.md") == 0
    return path, (here.folder / "c.md").read_text()


def test_too_many_labels_of_probability_0_leave_no_verdict(here):
    path, card = run_report(here, digits=2)
    zeros = read(path).zeros
    assert zeros.n_of_label >= 12
    expected = _result_sentences.ZEROS_OF_LABELS.format(**zeros._asdict())
    assert f"**Warning:** {expected}\n\n{_result_sentences.NO_VERDICT_WITH_ZEROS}" in card
    assert expected in here.out
    assert "T = 1 lies" not in here.out + card
    assert here.run("fit", str(path), "--output", "t.pt") == 0
    assert expected in here.out
    assert "T = 1 lies" not in here.out
    # Without a temperature, the zeros change no verdict.
    assert here.run("report", str(path), "--markdown", "c.md") == 0
    assert "There is no verdict" not in (here.folder / "c.md").read_text()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_advice_on_the_votes_of_a_forest_leads_on(tmp_path, n_classes):
    """More trees leave hardly a zero, and the histogram hardly depends on a small number."""
    assert "counts votes" in _result_sentences.ZEROS
    assert "counts votes" in _result_sentences.ZEROS_OF_LABELS
    logits, labels = problem(1000, n_classes, 1.5)
    rng = np.random.default_rng(0)
    n_zero = {}
    for n_trees in (10, 1000):
        p = rng.multinomial(n_trees, softmax(logits)) / n_trees
        np.savez(tmp_path / "x.npz", probs=p, labels=labels)
        n_zero[n_trees] = read(tmp_path / "x.npz").zeros.n_of_label
        if n_trees == 10:
            few = p
    assert n_zero[10] >= 10 > n_zero[1000]
    found = []
    for floor in (1e-2, 1e-9):
        z = np.log(np.clip(few, floor, 1))
        found.append(HistogramScaler().fit_logits(z[::2], labels[::2])(z[1::2]).softmax(1))
    np.testing.assert_allclose(*found, atol=0.005)


def test_fewer_labels_of_probability_0_are_only_warned_of(here):
    path, card = run_report(here, digits=4, temperature=1.5)
    zeros = read(path).zeros
    assert zeros.n_of_label < 12 <= zeros.n_zero
    assert _result_sentences.ZEROS.format(**zeros._asdict()) in card
    assert "There is no verdict" not in card
    assert "T = 1 lies outside" in card


@pytest.mark.parametrize(
    ("scores", "labels", "is_noted"),
    [
        ("confidence", "correct", True),
        ("p", "is_correct", True),
        ("prob", "matched", True),
        ("conf", "label", True),
        ("test_conf", "test_correct", True),
        ("p", "outcome", False),
        ("logit", "correct", False),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_the_temperature_of_a_confidence_is_not_that_of_the_model(
    here, kind, scores, labels, is_noted
):
    logits, outcomes = problem(300, 2, 2.0)
    z = logits[:, 1] - logits[:, 0]
    held = {scores: z if scores == "logit" else expit(z), labels: outcomes}
    if kind == "npz":
        np.savez("x.npz", **held)
    else:
        rows = zip(*held.values(), strict=True)
        (here.folder / "x.csv").write_text(
            "\n".join([",".join(held), *(f"{a},{b}" for a, b in rows)])
        )
    options = ["--score-names", scores] if scores == "test_conf" and kind == "csv" else []
    options += ["--probabilities"] if options else []
    assert here.run("fit", f"x.{kind}", *options, "--output", "t.pt") == 0
    assert (f"; {NOTE}\n" in here.out) == is_noted
    if not options:
        assert here.run("apply", "t.pt", f"x.{kind}", "--output", f"y.{kind}") == 0
        assert NOTE not in here.out


def test_probabilities_of_several_classes_need_no_note(tmp_path):
    logits, labels = problem(50, 3, 2.0)
    np.savez(tmp_path / "x.npz", confidences=softmax(logits), correct=labels)
    assert NOTE not in read(tmp_path / "x.npz").said
