"""The commands: what they print, write and return, and what an error leaves behind."""

import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit

from calibkit import TemperatureScaler, _result_sentences, best_scaler, evaluate
from calibkit._command_line import commands, writing
from tests.command_line.test_card import shifted
from tests.helpers import calibrated_problem


def test_report_prints_what_evaluate_gives(files, problem):
    assert files.run("report", "test.npz", "--calibration", "calibration.npz") == 0
    scaler = TemperatureScaler().fit_logits(*problem["calibration"])
    assert str(evaluate(*problem["test"], scaler=scaler)) in files.out
    assert str(scaler.summary) in files.out
    assert files.out.startswith("test.npz: n = 400, logits of 3 classes from the array logits, ")
    assert files.err == ""


def test_options_of_a_report(files, problem):
    options = "--bins", "5", "--seed", "3"
    assert files.run("report", "test.npz", *options) == 0
    assert str(evaluate(*problem["test"], n_bins=5, seed=3)) in files.out


def test_report_of_confidences(here):
    rng = np.random.default_rng(0)
    p = expit(2 * rng.standard_normal(300))
    outcomes = (rng.random(300) < p).astype(int)
    lines = [f"{x},{y}" for x, y in zip(p.tolist(), outcomes, strict=True)]
    (here.folder / "x.csv").write_text("\n".join(["confidence,correct", *lines]))
    assert here.run("report", "x.csv") == 0
    found = evaluate(np.log(p) - np.log1p(-p), outcomes)
    # The accuracy of the other model is the frequency of correct answers, and not this row.
    expected = str(replace(found, _accuracy="accuracy at 1/2"))
    assert "\naccuracy at 1/2 " in expected
    assert expected in here.out


def test_fit_then_apply_then_report(files, problem):
    assert files.run("fit", "calibration.npz", "--output", "scaler.pt") == 0
    assert "  temperature " in files.out
    assert files.run("apply", "scaler.pt", "test.npz", "--output", "scaled.npz") == 0
    logits, labels = problem["test"]
    scaler = TemperatureScaler().fit_logits(*problem["calibration"])
    with np.load("scaled.npz", allow_pickle=False) as scaled:
        assert set(scaled) == {"logits", "labels"}
        np.testing.assert_array_equal(scaled["logits"], scaler(logits).numpy())
        np.testing.assert_array_equal(scaled["labels"], labels)
    assert files.run("report", "test.npz", "--scaler-file", "scaler.pt") == 0
    assert str(evaluate(logits, labels, scaler=scaler)) in files.out


def test_fit_chooses_a_scaler(files, problem):
    command = "fit", "calibration.npz", "--scaler", "auto", "--seed", "1", "--output", "s.pt"
    assert files.run(*command) == 0
    chosen = best_scaler(*problem["calibration"], seed=1, progress=False)
    assert str(chosen.summary) in files.out


@pytest.mark.parametrize("name", ["vector", "uniform-mixture"])
def test_fit_another_scaler(files, name):
    assert files.run("fit", "calibration.npz", "--scaler", name, "--output", "s.pt") == 0
    assert files.run("report", "test.npz", "--scaler-file", "s.pt", "--bins", "5") == 0


def test_apply_keeps_everything_else_and_probabilities(here):
    p = np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]])
    (here.folder / "p.csv").write_text(
        "id;prob_a;prob_b\n" + "".join(f"x{i};{a};{b}\n" for i, (a, b) in enumerate(p))
    )
    scaler = TemperatureScaler().fit_logits(np.log(np.tile(p, (9, 1))), [0, 1, 1] * 9)
    torch.save(scaler.state_dict(), "s.pt")
    assert here.run("apply", "s.pt", "p.csv", "--output", "q.csv") == 0
    assert here.out.endswith("not used: id\nwrote q.csv\n")
    head, *rows = (here.folder / "q.csv").read_text().splitlines()
    assert head == "id;prob_a;prob_b"
    assert [row.split(";")[0] for row in rows] == ["x0", "x1", "x2"]
    found = np.array([[float(x) for x in row.split(";")[1:]] for row in rows])
    expected = scaler(np.log(p)).softmax(1).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_apply_to_single_logits_keeps_shape_and_precision(here):
    z = np.linspace(-3, 3, 60, dtype=np.float32)
    scaler = TemperatureScaler().fit_logits(z, (z > 0) ^ (np.arange(60) % 5 == 0))
    torch.save(scaler.state_dict(), "s.pt")
    for shape in ((60,), (60, 1)):
        np.save("z.npy", z.reshape(shape))
        assert here.run("apply", "s.pt", "z.npy", "--output", "scaled.npy") == 0
        scaled = np.load("scaled.npy", allow_pickle=False)
        assert (scaled.shape, scaled.dtype) == (shape, np.float32)
        np.testing.assert_array_equal(scaled, scaler(z.reshape(shape)).numpy())
    np.savez("p.npz", p=expit(z))
    assert here.run("apply", "s.pt", "p.npz", "--output", "q.npz") == 0
    with np.load("q.npz") as file:
        np.testing.assert_allclose(file["p"], scaler(z).sigmoid().numpy(), atol=1e-6)
    (here.folder / "h.csv").write_text("\n".join(map(str, z)))
    assert here.run("apply", "s.pt", "h.csv", "--output", "scaled.csv") == 0
    np.testing.assert_allclose(np.loadtxt("scaled.csv"), scaler(z).numpy(), atol=1e-6)


def test_apply_does_not_look_at_labels(files):
    files.run("fit", "calibration.npz", "--output", "s.pt")
    labels = np.array([255, -1, 7])
    np.savez("x.npz", logits=5 * np.eye(3) - 1, labels=labels)
    assert files.run("apply", "s.pt", "x.npz", "--output", "y.npz") == 0
    assert files.out == "x.npz: n = 3, logits of 3 classes from the array logits\nwrote y.npz\n"
    with np.load("y.npz") as file:
        np.testing.assert_array_equal(file["labels"], labels)


def test_a_rejection_has_an_exit_code_of_its_own(files):
    assert files.run("report", "test.npz", "--min-p-value", "0.05") == 3
    assert files.err.startswith("calibkit: not calibrated: ECE with p <= 0.001\n")
    calibrated = "report", "test.npz", "--calibration", "calibration.npz"
    assert files.run(*calibrated, "--min-p-value", "0.01") == 0
    assert files.err == ""


def test_two_tests_share_the_level(files, monkeypatch):
    class Values:
        p_value, classwise_p_value = 0.03, 0.6

    assert commands.rejected(Values, 0.05) == {}
    assert commands.rejected(Values, 0.07) == {"ECE": 0.03}
    Values.classwise_p_value = None
    assert commands.rejected(Values, 0.05) == {"ECE": 0.03}


@pytest.mark.parametrize(
    "command",
    [
        "",
        "draw test.npz",
        "report",
        "report test.npz --scaler vector",
        "report test.npz --calibration-labels labels.npy",
        "report test.npz --scaler-file s.pt --calibration calibration.npz",
        "report test.npz --title Mine",
        "report test.npz --bins 0",
        "report test.npz --seed -1",
        "report test.npz --min-p-value 5",
        "report test.npz --min-p-value x",
        "report test.npz --calib calibration.npz",
        "fit calibration.npz",
        "fit calibration.npz --scaler none --output s.pt",
        "apply s.pt test.npz",
    ],
)
def test_wrong_commands(files, command):
    assert files.run(*command.split()) == 2
    assert "python -m calibkit" in files.err
    assert "Traceback" not in files.err


def test_refusals_are_one_sentence(files):
    assert files.refusal("report", "none.npz") == "none.npz: no such file or directory"
    assert "no such file" in files.refusal("apply", "none.pt", "test.npz", "--output", "x.npz")
    said = files.refusal("report", "test.npz", "--calibration", "test.npz")
    assert said.startswith("the test set holds samples that the scaler was fitted on")
    said = files.refusal("fit", "calibration.npz", "--scaler", "beta", "--output", "s.pt")
    assert said.startswith("BetaScaler is for binary models")
    (files.folder / "bad.pt").write_text("hello")
    assert "bad.pt" in files.refusal("report", "test.npz", "--scaler-file", "bad.pt")


def test_columns_of_two_files_must_match(here):
    rows = "".join(f"{k - 9},{9 - k},{k % 2}\n" for k in range(20))
    (here.folder / "a.csv").write_text(f"logit_cat,logit_dog,label\n{rows}")
    (here.folder / "b.csv").write_text(f"logit_dog,logit_cat,label\n{rows}")
    said = here.refusal("report", "a.csv", "--calibration", "b.csv")
    assert said.endswith(
        "must have the same columns of scores, and in the same order unless the labels are their "
        "names, got logit_cat, logit_dog in the first and logit_dog, logit_cat in the second"
    )


def write_animals(folder: Path, file: str, order: list[int], seed: int) -> None:
    """Write a table whose labels are the names of its columns, which stand in this order."""
    n = len(order)
    logits, labels = (part.numpy() for part in calibrated_problem(300, n, 2.0, seed=seed))
    names = np.array(["ant", "bee", "cat"][:n])
    head = ",".join([*(f"logit_{name}" for name in names[order]), "label"])
    rows = [
        ",".join([*map(str, z[order]), name]) for z, name in zip(logits, names[labels], strict=True)
    ]
    (folder / file).write_text("\n".join([head, *rows]))


@pytest.mark.parametrize("scaler", ["temperature", "vector"])
@pytest.mark.parametrize("order", [[1, 0], [2, 0, 1]])
def test_columns_that_labels_name_may_stand_in_any_order(here, order, scaler):
    """A vector scaler has numbers of its own for each class."""
    write_animals(here.folder, "test.csv", sorted(order), seed=1)
    write_animals(here.folder, "same.csv", sorted(order), seed=2)
    write_animals(here.folder, "other.csv", order, seed=2)
    found = []
    for file in ("same.csv", "other.csv"):
        command = "report", "test.csv", "--calibration", file, "--scaler", scaler
        assert here.run(*command) == 0, here.err
        found.append(here.out.splitlines()[2:])
    assert found[0] == found[1]


def test_the_scores_of_two_files_must_be_of_one_class(here):
    for name in ("cat", "dog"):
        rows = [f"{0.1 + 0.08 * (i % 10)},{'cat' if i % 3 else 'dog'}" for i in range(40)]
        (here.folder / f"{name}.csv").write_text("\n".join([f"p_{name},label", *rows]))
    said = here.refusal("report", "dog.csv", "--calibration", "cat.csv")
    assert said.startswith("both files must have the same positive class, got cat for the fit and")
    assert "dog for the test" in said


def test_an_event_is_the_same_with_and_without_a_capital_letter(here):
    for k, (cat, dog) in enumerate([("cat", "dog"), ("Cat", "Dog")]):
        words = [cat if i % 10 > 4 or i % 7 == 0 else dog for i in range(40)]
        rows = [f"{0.1 + k / 50 + 0.08 * (i % 10)},{word}" for i, word in enumerate(words)]
        (here.folder / f"{k}.csv").write_text("\n".join([f"p_{cat},label", *rows]))
    assert here.run("report", "1.csv", "--calibration", "0.csv") == 0, here.err


def test_outputs_that_cannot_be_are_refused_first(files):
    assert "create nowhere first" in files.refusal("report", "none.npz", "--html", "nowhere/c.html")
    assert "two outputs" in files.refusal("report", "none.npz", "--html", "c", "--markdown", "./c")
    assert "it is a folder" in files.refusal("fit", "none.npz", "--output", ".")
    assert "is read" in files.refusal("fit", "test.npz", "--output", str(files.folder / "test.npz"))
    said = files.refusal("apply", "s.pt", "test.npz", "--output", "scaled.csv")
    assert said == "scaled.csv must end in .npz, like the file that it copies"


def test_an_error_leaves_an_output_as_it_was(files, monkeypatch):
    files.run("fit", "calibration.npz", "--output", "s.pt")
    before = (files.folder / "s.pt").read_bytes()
    names = sorted(path.name for path in files.folder.iterdir())
    files.refusal("fit", "calibration.npz", "--scaler", "beta", "--output", "s.pt")

    def fail(*_):
        raise OSError(28, "No space left on device", "s.pt")

    monkeypatch.setattr(torch, "save", fail)
    assert "no space left" in files.refusal("fit", "calibration.npz", "--output", "s.pt")
    assert (files.folder / "s.pt").read_bytes() == before
    assert sorted(path.name for path in files.folder.iterdir()) == names


def test_an_interrupted_write_leaves_nothing(tmp_path):
    path = tmp_path / "x"
    path.write_text("before")
    (tmp_path / "link").symlink_to(path)

    def write_half():
        with writing.replacing(path) as unfinished:
            unfinished.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [p.name for p in tmp_path.iterdir() if not p.is_symlink()] == ["x"]
    assert path.read_text() == "before"
    with writing.replacing(tmp_path / "link") as unfinished:
        unfinished.write_text("after")
    assert (tmp_path / "link").is_symlink()
    assert path.read_text() == "after"


def test_an_interrupt_ends_quietly(files, monkeypatch):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "evaluate", interrupt)
    assert files.run("report", "test.npz") == 130
    assert files.err == ""


@pytest.mark.parametrize("command", [[], ["report"], ["fit"], ["apply"]])
def test_help_is_complete_and_needs_no_torch(command):
    program = (
        "import sys; from calibkit.__main__ import main\n"
        f"try: main({[*command, '--help']})\n"
        "finally: print('torch' in sys.modules)"
    )
    printed = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert printed.endswith("False\n")
    assert "exit codes:" in printed
    assert ".csv" in printed
    assert not command or f"python -m calibkit {command[0]} " in printed.partition("examples:")[2]
    assert max(map(len, printed.splitlines())) <= 100


def test_two_columns_that_only_their_order_tells_apart_are_named(here):
    """The advice, followed, gives the temperature."""
    z = np.random.default_rng(0).standard_normal(200).round(3)
    churn = (np.random.default_rng(1).random(200) < 1 / (1 + np.exp(-z))).astype(int)
    head, rows = (
        "logit_yes,logit_no,label",
        [f"{a},{-a},{b}" for a, b in zip(z, churn, strict=True)],
    )
    (here.folder / "x.csv").write_text("\n".join([head, *rows]))
    said = here.refusal("fit", "x.csv", "--output", "scaler.pt")
    assert "the label 0 was read as logit_yes, and 1 as logit_no; if 1 means logit_yes, put" in said
    assert "put the column logit_no before it; otherwise no temperature is best, because" in said
    swapped = [f"{-a},{a},{b}" for a, b in zip(z, churn, strict=True)]
    (here.folder / "x.csv").write_text("\n".join(["logit_no,logit_yes,label", *swapped]))
    assert here.run("fit", "x.csv", "--output", "scaler.pt") == 0


def test_as_a_program(files):
    def run(*arguments):
        command = [sys.executable, "-m", "calibkit", *arguments]
        return subprocess.run(
            command, check=False, cwd=files.folder, capture_output=True, text=True
        )

    done = run("fit", "calibration.npz", "--output", "s.pt")
    assert (done.returncode, done.stderr) == (0, "")
    assert re.search(r"^wrote s\.pt$", done.stdout, re.MULTILINE)
    piped = f"{sys.executable} -m calibkit fit none.npz --output s.pt | true"
    done = subprocess.run(
        piped, check=False, shell=True, cwd=files.folder, capture_output=True, text=True
    )
    assert done.stderr == "calibkit: none.npz: no such file or directory\n"


def test_a_fit_says_what_makes_its_temperature_doubtful(here):
    """The labels of these few samples fit the logits, so the fit does not say that they do not."""
    rng = np.random.default_rng(0)
    z = rng.standard_normal(20)
    labels = np.where(rng.random(20) < 1 / (1 + np.exp(-z)), "yes", "no")
    rows = [f"{i},{a:.2f},{b}" for i, (a, b) in enumerate(zip(z, labels, strict=True))]
    (here.folder / "few.csv").write_text("\n".join(["id,score_yes,label", *rows]))
    assert here.run("fit", "few.csv", "--output", "few.pt") == 0
    *_, uncertain, few, no_direction, wrote = here.out.splitlines()
    assert uncertain.startswith("The samples say little about T: its 95% interval reaches from 0.3")
    assert few.startswith("20 samples are very few, so all results are uncertain.")
    # A fit does not look for an error that another scaler may correct.
    assert no_direction == _result_sentences.NO_DIRECTION
    assert wrote == "wrote few.pt"


@pytest.mark.parametrize(("temperature", "side"), [(1.6, "above"), (0.6, "below")])
def test_a_fit_and_a_report_name_the_direction_that_the_interval_settles(here, temperature, side):
    for name, seed in (("fit.npz", 0), ("test.npz", 1)):
        logits, labels = calibrated_problem(1000, 3, temperature, seed=seed)
        np.savez(here.folder / name, logits=logits, labels=labels)
    said = f"in the sense that a temperature {side} 1 lowers its negative log-likelihood (NLL)."
    assert here.run("fit", "fit.npz", "--output", "t.pt") == 0
    assert here.out.count(said) == 1
    for source in (["--calibration", "fit.npz"], ["--scaler-file", "t.pt"]):
        assert here.run("report", "test.npz", *source) == 0
        assert here.out.count(said) == 1


def test_a_shift_that_remains_is_warned_of_below_the_table(here):
    for name, part in (("fit.npz", slice(None, None, 2)), ("test.npz", slice(1, None, 2))):
        z, labels = shifted(1.1)
        np.savez(here.folder / name, logits=z[part], labels=labels[part])
    assert here.run("report", "test.npz", "--calibration", "fit.npz", "--markdown", "c.md") == 0
    assert here.out.count(_result_sentences.SHIFT_REMAINS) == 1
    card = (here.folder / "c.md").read_text(encoding="utf-8")
    assert f"**Warning:** {_result_sentences.SHIFT_REMAINS}" in card
    assert here.run("report", "test.npz") == 0
    assert _result_sentences.SHIFT_REMAINS not in here.out
