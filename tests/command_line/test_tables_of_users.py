"""Tables as users write them are read, or refused with the true reason and a way out."""

from pathlib import Path

import numpy as np
import pytest

from calibkit._command_line.samples import Choice, Samples, read_samples
from tests.command_line.tables_of_users import (
    ANIMALS,
    OF_FIVE,
    ONE,
    READ,
    REFUSED,
    WITHOUT_SAMPLES,
    YES,
    Y,
    Z,
    table,
)


def read(path: Path, text: str, **choice) -> Samples:
    path.write_text(text)
    return read_samples(path, Choice(**choice), labels_needed=True)


def refusal(path: Path, text: str, **choice) -> str:
    with pytest.raises(ValueError, match=str(path)) as caught:
        read(path, text, **choice)
    return str(caught.value)


@pytest.mark.parametrize("kind", READ)
def test_a_table_of_a_user_is_read(tmp_path, kind):
    samples = read(tmp_path / "x.csv", READ[kind])
    np.testing.assert_allclose(samples.logits, Z)
    assert samples.labels.tolist() == Y.tolist()


@pytest.mark.parametrize("kind", WITHOUT_SAMPLES)
def test_a_class_without_samples_is_a_class_and_is_said(tmp_path, kind):
    samples = read(tmp_path / "x.csv", WITHOUT_SAMPLES[kind])
    np.testing.assert_allclose(samples.logits, OF_FIVE)
    said = f"; classes without samples: {2 if kind == 'numbers' else 'cow'}"
    assert samples.said.removesuffix("; not used: age").endswith(said)


def test_an_array_has_classes_without_samples_as_well(tmp_path):
    np.savez(tmp_path / "x.npz", logits=OF_FIVE, labels=np.arange(len(OF_FIVE)) % 2)
    samples = read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    assert samples.said.endswith("; classes without samples: 2, 3, 4")


@pytest.mark.parametrize("kind", REFUSED)
def test_a_table_of_a_user_is_refused(here, kind):
    text, said = REFUSED[kind]
    (here.folder / "x.csv").write_text(text)
    assert said in here.refusal("fit", "x.csv", "--output", "scaler.pt")


@pytest.mark.parametrize("kind", [kind for kind in READ if "sign" in kind or "comment" in kind])
def test_a_copy_keeps_the_comments(tmp_path, kind):
    samples = read(tmp_path / "x.csv", READ[kind])
    samples.write_scaled(2 * samples.logits, tmp_path / "copy.csv")
    copy = (tmp_path / "copy.csv").read_text()
    np.testing.assert_allclose(read(tmp_path / "y.csv", copy).logits, 2 * Z)
    assert copy.startswith(READ[kind].lstrip('"')[0])


def test_a_place_counts_the_comments(tmp_path):
    faulty = "# by hand\n# logit_0,logit_1,label\n1,2,0\n1,x,1\n"
    assert "got 'x' in row 4 (as a spreadsheet counts)" in refusal(tmp_path / "x.csv", faulty)


def test_confidences_have_two_ways_out(tmp_path):
    p = 1 / (1 + np.exp(-np.abs(ONE)))
    assert read(tmp_path / "x.csv", table("confidence correct", p, YES)).names == ["confidence"]
    words = np.array(["no", "yes"])[YES]
    assert read(tmp_path / "x.csv", table("p_yes label", p, words)).event == "yes"
    few = table("p label", p[:19], YES[:19])
    assert read(tmp_path / "x.csv", few).names == ["p"]


def test_who_takes_the_answers_for_labels_is_asked(here):
    (here.folder / "x.csv").write_text(table("a b c label", *Z.T, Z.argmax(1)))
    said = here.refusal("fit", "x.csv", "--output", "scaler.pt")
    assert "; if the labels are the model's own answers, take the true labels, and other" in said


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        ("an empty cell", "; fill the cell in or delete the row, and if the column is no score, "),
        ("a decimal comma in quotes", "; write decimal points, or separate the columns by semicol"),
        ("blanks between", "; separate the columns by commas, semicolons or tabs"),
        ("labels in capitals", "; write the labels and the columns alike, such as "),
        ("a list in a cell", "; write a column of its own for each class instead of a list"),
        ("percentages of names", "; divide them by 100 and add --probabilities if they are"),
        ("two risk models and y", "the same event by another model, read only one of them, or, if"),
        ("two models, p1 and p2", "; if each column is the probability of the same event by anoth"),
        ("class 0 alone, p(0)", "; write 1 minus each number into it and call it p(1)"),
        ("class 0 alone, logit_0", "; write minus each number into it and call it logit_1"),
        ("benign", "; if a high score means class 0, take 1 minus each probability or minus each"),
    ],
)
def test_the_advice_leads_on(here, kind, advice):
    (here.folder / "x.csv").write_text(REFUSED[kind][0])
    assert advice in here.refusal("fit", "x.csv", "--output", "scaler.pt")


@pytest.mark.parametrize(
    ("labels", "advice"),
    [(Y[:, None], "save labels.ravel(), which"), (np.eye(3)[Y], "one-hot, save labels.argmax(1)")],
)
def test_labels_of_two_dimensions_are_told_how_to_become_one(tmp_path, labels, advice):
    np.savez(tmp_path / "x.npz", logits=Z, labels=labels)
    with pytest.raises(ValueError, match="labels must have shape") as caught:
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    assert advice in str(caught.value)


def test_a_column_without_a_name_is_not_listed(tmp_path):
    text = table(["", "ant", "bee", "cat", "y_test"], range(240), *Z.T, ANIMALS[Y])
    assert read(tmp_path / "x.csv", text).said.endswith("labels from the column y_test")


def test_a_single_score_needs_no_other_column(tmp_path):
    """A whole number beside it is no score, and whoever names the scores means them."""
    years = 2000 + np.arange(240) % 7
    kg = years / 40
    text = table("year logit_1 label", years, ONE, YES)
    np.testing.assert_allclose(read(tmp_path / "x.csv", text).logits, ONE)
    text = table("kg logit_1 label", kg, ONE, YES)
    assert "has a column kg that was not read" in refusal(tmp_path / "x.csv", text)
    assert read(tmp_path / "x.csv", text, score_names=["logit_1"]).logits.ndim == 1
    text = table("kg p_1 label", kg, 1 / (1 + np.exp(-ONE)), YES)
    assert read(tmp_path / "x.csv", text).names == ["p_1"]
