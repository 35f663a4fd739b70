"""Tables as users write them are read, or refused with the true reason and a way out."""

from pathlib import Path

import numpy as np
import pytest
import torch

from calibkit import _sentences
from calibkit._command_line.samples import Choice, Samples, read_samples
from tests.command_line.tables_of_users import (
    ANIMALS,
    FOREGROUND,
    OF_FIVE,
    OF_FOREGROUND,
    OF_TWO,
    ONE,
    P_OF_FIVE,
    READ,
    READ_OF_OTHERS,
    REFUSED,
    WITHOUT_2,
    WITHOUT_4,
    WITHOUT_LAST,
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


@pytest.mark.parametrize("names", WITHOUT_LAST)
def test_probabilities_that_sum_to_1_show_a_class_without_samples(tmp_path, names):
    samples = read(tmp_path / "x.csv", WITHOUT_LAST[names], probabilities=True)
    np.testing.assert_allclose(samples.logits.exp(), P_OF_FIVE, atol=1e-4)
    assert f"; classes without samples: {names.split()[4]}" in samples.said


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
        ("an empty cell", "; fill in the cell, delete the row, or "),
        ("a decimal comma in quotes", "; write decimal points, or separate the columns by semicol"),
        ("blanks between", "; separate the columns by commas, semicolons or tabs"),
        ("a label in two spellings", "; spell this label as its column does: bee"),
        ("a list in a cell", "; write a column of its own for each class instead of a list"),
        ("percentages of names", "; divide them by 100 and add --probabilities if they are"),
        *(
            (f"a cell with {cell}", "; fill in the cell, delete the row, or ")
            for cell in ("NA", "?", "n.a.", "#DIV/0!", "#WERT!")
        ),
        ("a cell with 93 %", "; write shares instead of percentages, such as 0.93 for 93%"),
        ("percentages and an outcome", "; write shares instead of percentages, such as 0.93"),
        *(
            (f"a cell with {cell}", "; write numbers without a sign or blank between the thousands")
            for cell in ("1,000.5", "1 000.5", "1,000,000")
        ),
        ("a cell with about 2", "; correct the cell, delete the row or, if the column holds no"),
        ("a cell with <0.01", "; write the number itself or delete the row, because < and >"),
        ("a cell with \u22121.5", "; write a hyphen as the minus sign, as in -1.5"),
        *(
            (
                f"a cell with {cell} beside decimal commas",
                "; write numbers without a sign or blank between",
            )
            for cell in ("1.000,5", "1 000,5", "1.000.000")
        ),
        ("a cell with 2.5 beside decimal commas", "; use either commas or points as decimal poin"),
        ("decimal commas between commas", " if commas are the decimal points, separate the colu"),
        ("a row that ends early", "; complete the row or delete it"),
        (
            "classes with a number in their names",
            "; name each column of scores after its label, such as p_LABEL_2",
        ),
        (
            "numbers from 1 without the last class",
            "; if they count from 1, subtract 1 from all of them",
        ),
        ("two risk models and y", "choose only one of them as the scores, or, if"),
        (
            "two models, p1 and p2",
            "; if the columns are the probabilities that several models give",
        ),
        (
            "models, logit_lr logit_xgb",
            "no label has one of these names; name one of them with --score-names, or all",
        ),
        (
            "an ensemble",
            "; if the columns are the probabilities that several models give to one event, ",
        ),
        ("sigmoids", "; if each class has a probability of its own, as sigmoids give it, save the"),
        ("an answer and its confidence", "; write one row for each sample with a column of scores"),
        ("soft labels", "; labels are no fractions: if these are scores, add the true labels, and"),
        ("a submission", "; labels are no fractions: if these are scores, add the true labels"),
        ("one-hot labels, label_{}", "; write a single column label with the class of each row"),
        ("class 0 alone, p(0)", "; replace each number z by 1 - z, and call the column p(1)"),
        ("class 0 alone, logit_0", "; replace each number z by -z, and call the column logit_1"),
        ("benign", "; if a high score means class 0, replace each probability p by 1 - p, or each"),
    ],
)
def test_the_advice_leads_on(here, kind, advice):
    (here.folder / "x.csv").write_text(REFUSED[kind][0])
    assert advice in here.refusal("fit", "x.csv", "--output", "scaler.pt")


@pytest.mark.parametrize(
    ("labels", "advice"),
    [
        (Y[:, None], "save labels.ravel(), which"),
        (np.eye(3)[Y], "one-hot, save labels.argmax(1)"),
        ((Z > 0).astype(int), "; a sample may have several labels here, which neither"),
        (Z > 0, "; a sample may have several labels here, which neither"),
        (np.stack([Y, Y], 1), "; save one label for each sample"),
    ],
)
def test_labels_of_two_dimensions_are_told_how_to_become_one(tmp_path, labels, advice):
    np.savez(tmp_path / "x.npz", logits=Z, labels=labels)
    with pytest.raises(ValueError, match="labels must have shape") as caught:
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    assert advice in str(caught.value)


@pytest.mark.parametrize("length", [3, 4])
def test_the_advice_on_the_scores_of_tokens_leads_on(tmp_path, length):
    logits, labels = Z.reshape(-1, length, 3), Y.reshape(-1, length).copy()
    labels[::2, 1:] = -100
    np.savez(tmp_path / "x.npz", predictions=logits, label_ids=labels)
    with pytest.raises(ValueError, match="; if the classes stand in the last axis") as caught:
        read_samples(tmp_path / "x.npz", Choice(label_name="label_ids"), labels_needed=True)
    assert str(caught.value).endswith(_sentences.OF_TOKENS.format(n_classes=3))
    assert ("leave samples out with --ignore-index" in str(caught.value)) == (length == 3)
    kept = labels.ravel() != -100
    np.savez(tmp_path / "x.npz", logits=logits.reshape(-1, 3)[kept], labels=labels.ravel()[kept])
    samples = read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    np.testing.assert_allclose(samples.logits, Z[kept])
    assert samples.labels.tolist() == Y[kept].tolist()


def test_scores_whose_rows_are_the_classes_are_to_be_transposed(tmp_path):
    for names in ("logits labels", "probs labels"):
        np.savez(tmp_path / "x.npz", **dict(zip(names.split(), (Z.T, Y), strict=True)))
        with pytest.raises(ValueError, match=r"save the transposed array, such as logits\.T"):
            read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    np.savez(tmp_path / "x.npz", logits=Z[:-1], labels=Y)
    with pytest.raises(ValueError, match="; pass the labels of exactly these samples"):
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)


def test_one_score_for_each_sample_of_three_classes_is_too_few(tmp_path):
    np.savez(tmp_path / "x.npz", logits=ONE, labels=Y)
    with pytest.raises(ValueError, match=r"name 3 classes \(0, 1, 2\), but there is only one sco"):
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    labels = YES.copy()
    labels[3] = -100
    np.savez(tmp_path / "x.npz", logits=ONE, labels=labels)
    with pytest.raises(ValueError, match="got -100 at row 3"):
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    samples = read_samples(tmp_path / "x.npz", Choice(ignore_index=-100), labels_needed=True)
    assert samples.logits.ndim == 1


@pytest.mark.parametrize("names", ["logit_no logit_yes", "logit_ham logit_spam", "s_a s_b"])
@pytest.mark.parametrize("shift", ["none", "chance", "score"])
def test_two_classes_of_one_model_are_read_whatever_was_added_to_both(tmp_path, names, shift):
    chance = np.random.default_rng(2).standard_normal(240)
    added = {"none": 0 * ONE, "chance": 9 * chance, "score": ONE + chance}[shift]
    text = table(f"{names} label", *(OF_TWO + added[:, None]).T, YES)
    assert read(tmp_path / "x.csv", text).logits.shape == (240, 2)


def test_columns_that_are_named_as_the_labels_are_the_classes_of_one_model(tmp_path):
    two = (ONE, 2 * ONE)
    for names, labels in {
        "logit_0 logit_1 label": YES,
        "c0 c1 label": YES,
        "logit_no logit_yes label": np.array(["no", "yes"])[YES],
    }.items():
        assert read(tmp_path / "x.csv", table(names, *two, labels)).names == names.split()[:2]
    text = table("logit_lr logit_xgb label", *two, YES)
    both = read(tmp_path / "x.csv", text, score_names=["logit_lr", "logit_xgb"])
    assert both.logits.shape == (240, 2)
    assert read(tmp_path / "x.csv", text, score_names=["logit_xgb"]).logits.ndim == 1


@pytest.mark.parametrize("values", [["0", "1"], ["False", "True"], ["0.0", "1.0"]])
def test_the_only_outcomes_of_an_event_are_the_labels(tmp_path, values):
    names = [f"x{i}" for i in range(240)]
    kg = 40 + np.arange(240) % 7 / 2
    text = table("uuid kg is_spam p", names, kg, np.array(values)[YES], 1 / (1 + np.exp(-ONE)))
    assert "labels from the column is_spam; not used" in read(tmp_path / "x.csv", text).said


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


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("x.xlsx", "; in the program for spreadsheets, save the sheet as a csv file"),
        ("x.txt", "; if it holds a table, let its name end in .csv"),
        ("x.pt", "; in Python, load it and write np.savez('samples.npz', logits=logits.cpu()"),
        ("x.json", "; write the arrays with np.savez, or the table as a csv file"),
        ("x", "; write the arrays with np.savez, or the table as a csv file"),
    ],
)
def test_a_file_of_another_kind_is_told_how_to_become_one_of_ours(here, name, advice):
    (here.folder / name).write_text(READ["the name true"])
    said = here.refusal("fit", name, "--output", "scaler.pt")
    assert advice in said
    if ".txt" in name:
        (here.folder / name).rename(here.folder / "x.csv")
        assert here.run("fit", "x.csv", "--output", "scaler.pt") == 0


def test_the_advice_on_tensors_works(here, monkeypatch):
    """The line that the message gives is run as it stands there."""
    said = here.refusal("fit", "x.pt", "--output", "scaler.pt")
    line = said.partition("in Python, load it and write ")[2]
    monkeypatch.chdir(here.folder)
    exec(line, {"np": np, "logits": torch.from_numpy(Z), "labels": torch.from_numpy(Y)})
    assert here.run("fit", "samples.npz", "--output", "scaler.pt") == 0


def test_labels_that_count_from_1_are_not_suspected_without_cause(tmp_path):
    """The first class has no sample, and the model is right in the usual share of the others."""
    kept = Y > 0
    samples = read(tmp_path / "x.csv", table("c0 c1 c2 label", *Z[kept].T, Y[kept]))
    assert samples.labels.tolist() == Y[kept].tolist()


@pytest.mark.parametrize("kind", READ_OF_OTHERS)
def test_a_table_of_other_classes_is_read(tmp_path, kind):
    text, scores, labels = READ_OF_OTHERS[kind]
    samples = read(tmp_path / "x.csv", text)
    np.testing.assert_allclose(samples.logits, scores)
    assert samples.labels.tolist() == labels.tolist()


@pytest.mark.parametrize(
    ("names", "is_said"),
    [("p is_ok", True), ("p_ok is_ok", False), ("p_hit hit", False), ("confidence hit", True)],
)
def test_a_single_column_is_a_confidence_unless_it_names_a_class(tmp_path, names, is_said):
    samples = read(tmp_path / "x.csv", table(names, 1 / (1 + np.exp(-ONE)), YES))
    assert ("T divides the logit of this confidence" in samples.said) == is_said


def test_logits_that_are_all_equal_are_not_called_answers(tmp_path):
    samples = read(tmp_path / "x.csv", table("a b c label", *np.zeros((3, 240)), Y))
    assert samples.labels.tolist() == Y.tolist()


@pytest.mark.parametrize("classes", [[1], [1, 2, 3]])
def test_a_class_that_is_taken_for_an_absent_background_does_not_count_from_1(tmp_path, classes):
    kept = np.isin(OF_FOREGROUND, classes)
    text = table("c0 c1 c2 c3 label", *FOREGROUND[kept].T, OF_FOREGROUND[kept])
    samples = read(tmp_path / "x.csv", text)
    assert samples.labels.tolist() == OF_FOREGROUND[kept].tolist()


@pytest.mark.parametrize("names", ["score share label", "score_yes share label"])
def test_percentages_beside_scores_are_left_out(tmp_path, names):
    shares = [f"{k % 40}%" for k in range(240)]
    labels = np.array(["no", "yes"])[YES] if "yes" in names else YES
    samples = read(tmp_path / "x.csv", table(names, ONE, shares, labels))
    assert samples.said.endswith("; not used: share")
    np.testing.assert_allclose(samples.logits, ONE)


def test_whole_numbers_as_scores_are_told_how_to_be_saved(tmp_path):
    np.savez(tmp_path / "x.npz", logits=(10 * Z).astype(np.int64), labels=Y)
    with pytest.raises(ValueError, match="logits is int64") as caught:
        read_samples(tmp_path / "x.npz", Choice(), labels_needed=True)
    assert str(caught.value).endswith(
        "; if these are the scores, save them with .astype(np.float32)"
    )


@pytest.mark.parametrize(
    ("scores", "labels", "is_said"),
    [
        ("confidences", "correct", True),
        ("probabilities", "correct", True),
        ("conf_test", "labels", True),
        ("probabilities", "labels", False),
    ],
)
def test_the_names_of_two_files_say_that_they_hold_confidences(tmp_path, scores, labels, is_said):
    p = 1 / (1 + np.exp(-np.abs(ONE)))
    paths = [tmp_path / f"{name}.npy" for name in (scores, labels)]
    for path, numbers in zip(paths, (p, YES), strict=True):
        np.save(path, numbers)
    choice = Choice(labels=paths[1], probabilities=True)
    said = read_samples(paths[0], choice, labels_needed=True).said
    assert ("T divides the logit of this confidence" in said) == is_said


def test_two_files_of_right_answers_are_refused_as_one_is(tmp_path):
    paths = [tmp_path / f"{name}.npy" for name in ("logits", "correct")]
    for path, numbers in zip(paths, (Z, (Z.argmax(1) == Y).astype(int)), strict=True):
        np.save(path, numbers)
    with pytest.raises(ValueError, match="seem to say whether the answer was right"):
        read_samples(paths[0], Choice(labels=paths[1]), labels_needed=True)


@pytest.mark.parametrize("name", ["hit", "ok", "right", "is_ok", "correct"])
def test_a_confidence_beside_right_answers_is_read(tmp_path, name):
    p = 1 / (1 + np.exp(-np.abs(ONE)))
    samples = read(tmp_path / "x.csv", table(f"confidence {name}", p, YES))
    assert samples.labels.tolist() == YES.tolist()
    assert "T divides the logit of this confidence" in samples.said


@pytest.mark.parametrize("name", ["hit", "ok", "right"])
def test_right_answers_that_were_chosen_as_labels_are_refused(tmp_path, name):
    text = table(f"logit_a logit_b logit_c {name}", *Z.T, (Z.argmax(1) == Y).astype(int))
    said = refusal(tmp_path / "x.csv", text, label_name=name)
    assert f"its labels ({name}) seem to say whether the answer was right" in said


def test_the_advice_on_a_class_without_samples_leads_on(tmp_path):
    text = table("A B C D E label", *OF_FIVE.T, np.array(list("ABCDE"))[WITHOUT_4])
    assert "no label names the column E, so it may be no class" in refusal(tmp_path / "x.csv", text)
    samples = read(tmp_path / "x.csv", text, score_names=list("ABCDE"))
    np.testing.assert_allclose(samples.logits, OF_FIVE)


def test_the_advice_on_samples_of_the_training_leads_on(tmp_path):
    split = np.array(["train", "val"])[np.arange(240) % 2]
    said = refusal(tmp_path / "x.csv", table("split logit y", split, ONE, YES))
    assert said.endswith(
        "delete these rows, or the whole column if the model was trained on none of them"
    )
    rows = split != "train"
    others = read(tmp_path / "x.csv", table("split logit y", split[rows], ONE[rows], YES[rows]))
    assert others.labels.tolist() == YES[rows].tolist()
    assert len(read(tmp_path / "x.csv", table("logit y", ONE, YES)).labels) == 240


def test_the_advice_on_the_order_of_two_classes_leads_on(tmp_path):
    text = table("is_spam p_spam p_ham", YES, 1 / (1 + np.exp(-ONE)), 1 / (1 + np.exp(ONE)))
    said = refusal(tmp_path / "x.csv", text)
    assert said.endswith("put the column p_ham before it")
    samples = read(tmp_path / "x.csv", text, score_names=["p_ham", "p_spam"])
    np.testing.assert_allclose(samples.logits.diff(dim=1)[:, 0], ONE)
    assert samples.labels.tolist() == YES.tolist()


def test_the_first_class_may_be_the_one_without_samples(tmp_path):
    words = np.array(["ant", "bee", "cow", "dog", "elk"])[np.where(WITHOUT_2 == 0, 2, WITHOUT_2)]
    names = "kg ant bee cow dog elk loss label"
    columns = 40 + ONE[:1].repeat(len(words)), *P_OF_FIVE.T, -np.log(P_OF_FIVE[:, 1])
    samples = read(tmp_path / "x.csv", table(names, *columns, words), probabilities=True)
    assert samples.names == names.split()[1:6]
    assert "; classes without samples: ant; not used: kg, loss" in samples.said
