"""What a file is read as, in every format, and what is refused."""

import builtins
import gc
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax

from calibkit._command_line.samples import Choice, Samples, read_samples

LOGITS = 3 * np.random.default_rng(0).standard_normal((40, 3))
LABELS = np.arange(40) % 3
P = softmax(LOGITS, 1)
HEAD = ["logit_0", "logit_1", "label"]
HEAD3 = ["logit_0", "logit_1", "logit_2", "label"]
NAMES = np.array(["ant", "bee", "cat"])
OUTCOMES = np.array(["well", "sick"])[LABELS % 2]


def read(path: Path, *, labels_needed: bool = True, **choice) -> Samples:
    return read_samples(path, Choice(**choice), labels_needed=labels_needed)


def refusal(path: Path, **choice) -> str:
    with pytest.raises(ValueError, match=str(path)) as caught:
        read(path, **choice)
    return str(caught.value)


def is_right(samples: Samples, labels=LABELS) -> None:
    found = samples.logits.double().softmax(1).numpy()
    np.testing.assert_allclose(found, P, atol=1e-6)
    assert samples.labels.dtype == torch.int64
    assert samples.labels.tolist() == list(labels)


def write_csv(path: Path, head: list[str] | None, *columns, delimiter: str = ",") -> Path:
    rows = zip(*columns, strict=True)
    lines = [delimiter.join(map(str, row)) for row in rows]
    if head is not None:
        lines.insert(0, delimiter.join(head))
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize(
    "arrays",
    [
        {"logits": LOGITS, "labels": LABELS},
        {"labels": LABELS.astype(np.uint8), "logits": LOGITS.astype(np.float32)},
        {"a": LOGITS, "b": LABELS},
        {"z": LOGITS, "y_true": LABELS, "ids": np.arange(40)},
        {"logits": LOGITS, "features": np.ones((40, 7)), "labels": LABELS.astype(float)},
        {"logits": LOGITS.astype(">f4"), "labels": LABELS.astype(">i2")},
    ],
    ids="-".join,
)
def test_arrays_are_known_by_their_names_or_types(tmp_path, arrays):
    np.savez(tmp_path / "x.npz", **arrays)
    samples = read(tmp_path / "x.npz")
    is_right(samples)
    assert not samples.are_probabilities


def test_what_was_read_is_said(tmp_path):
    np.savez(tmp_path / "x.npz", logits=LOGITS, y=LABELS, ids=np.arange(40))
    assert read(tmp_path / "x.npz").said == (
        f"{tmp_path / 'x.npz'}: n = 40, logits of 3 classes from the array logits, labels from the "
        "array y; not used: ids"
    )


def test_a_name_declares_probabilities(tmp_path):
    np.savez(tmp_path / "x.npz", probs=P, labels=LABELS)
    samples = read(tmp_path / "x.npz")
    is_right(samples)
    assert samples.are_probabilities
    np.savez(tmp_path / "x.npz", probs=P, logits=LOGITS, labels=LABELS)
    assert not read(tmp_path / "x.npz").are_probabilities
    assert read(tmp_path / "x.npz", probabilities=True).names == ["probs"]


def test_nothing_is_guessed_from_the_values(tmp_path):
    np.savez(tmp_path / "x.npz", scores=P, labels=LABELS)
    said = refusal(tmp_path / "x.npz")
    assert "; add --probabilities if they are" in said
    assert "torch" not in said
    is_right(read(tmp_path / "x.npz", probabilities=True))
    np.savez(tmp_path / "x.npz", scores=LOGITS, labels=LABELS)
    assert "; if they are logits, leave out --probabilities" in refusal(
        tmp_path / "x.npz", probabilities=True
    )


def test_labels_in_another_file(tmp_path):
    np.save(tmp_path / "z.npy", LOGITS)
    np.save(tmp_path / "y.npy", LABELS)
    is_right(read(tmp_path / "z.npy", labels=tmp_path / "y.npy"))
    np.savez(tmp_path / "y.npz", labels=LABELS, other=LABELS)
    is_right(read(tmp_path / "z.npy", labels=tmp_path / "y.npz"))
    is_right(read(tmp_path / "z.npy", labels=tmp_path / "y.npz", label_name="other"))
    write_csv(tmp_path / "y.csv", None, LABELS)
    is_right(read(tmp_path / "z.npy", labels=tmp_path / "y.csv"))
    assert "--labels" in refusal(tmp_path / "z.npy")
    np.save(tmp_path / "y.npy", LABELS[:30])
    assert "got 30 labels for 40 rows" in refusal(tmp_path / "z.npy", labels=tmp_path / "y.npy")


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize(
    ("head", "columns"),
    [
        (["logit_0", "logit_1", "logit_2", "label"], [*LOGITS.T, LABELS]),
        (["Label", "a", "b", "c"], [LABELS, *LOGITS.T]),
        (None, [*LOGITS.T, LABELS]),
        (["", "p_0", "p_1", "p_2", "y"], [range(40), *P.T, LABELS]),
        (["id", "prob_0", "prob_1", "prob_2", "y"], [["x"] * 40, *P.T, LABELS]),
        (["ant", "bee", "cat", "class"], [*LOGITS.T, NAMES[LABELS]]),
        (["prob_ant", "prob_bee", "prob_cat", "class"], [*P.T, NAMES[LABELS]]),
        (["p(1)", "p(2)", "p(3)", "y"], [*P.T, LABELS + 1]),
        (["logit1", "logit2", "logit3", "y"], [*LOGITS.T, [f"{k}.0" for k in LABELS]]),
    ],
    ids=lambda value: "" if isinstance(value, list) and len(value) > 5 else None,
)
def test_columns(tmp_path, head, columns, delimiter):
    is_right(read(write_csv(tmp_path / "x.csv", head, *columns, delimiter=delimiter)))


def test_numbered_classes_need_no_order(tmp_path):
    order = [2, 0, 1]
    head = [f"logit_{k}" for k in order]
    path = write_csv(tmp_path / "x.csv", [*head, "label"], *LOGITS.T[order], LABELS)
    is_right(read(path))
    head = ["logit_10", "logit_2", "logit_1"]
    names = np.array([1, 2, 10])
    is_right(read(write_csv(path, [*head, "label"], *LOGITS.T[::-1], names[LABELS])))


def test_a_table_as_excel_writes_it(tmp_path):
    path = write_csv(
        tmp_path / "x.csv", ["logit_0", "logit_1", "logit_2", "label"], *LOGITS.T, LABELS
    )
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes().replace(b"\n", b"\r\n") + b"\r\n")
    is_right(read(path))


def test_decimal_commas_between_semicolons(tmp_path):
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, LABELS)
    text = path.read_text().replace(",", ";").replace(".", ",")
    path.write_text(text)
    samples = read(path)
    is_right(samples)
    assert samples.said.endswith("; a comma in a number was read as its decimal point")
    samples.write_scaled(samples.logits, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == text
    path.write_text(text.partition("\n")[2])
    is_right(read(path))
    lines = text.splitlines()
    for cell in ("1.234", "1.234,5"):
        path.write_text("\n".join([*lines, f"1,5;{cell};2,5;0"]))
        place = f"row {len(lines) + 1} (as a spreadsheet counts)"
        assert f"the column logit_1, got '{cell}' in {place}" in refusal(path)
    path.write_text("logit_0;logit_1;label\n1,5;2;1,0\n2,5;1;0,0\n")
    assert read(path).labels.tolist() == [1, 0]
    path.write_text('logit_0,logit_1,label\n"1,5",2,1\n')
    assert "got '1,5' in row 2 (as" in refusal(path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-be"])
def test_a_table_in_another_encoding(tmp_path, encoding):
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, LABELS)
    mark = "\ufeff" if encoding.endswith("be") else ""
    path.write_text(mark + path.read_text().replace(",", "\t"), encoding=encoding)
    is_right(read(path))


def test_a_table_that_is_not_in_utf_8(tmp_path):
    (tmp_path / "x.csv").write_bytes("logit_Bär,logit_Löwe,label\n1.5,2,0\n".encode("latin-1"))
    assert "x.csv is not a valid csv file: it is not written in UTF-8; save it" in refusal(
        tmp_path / "x.csv"
    )


def test_empty_cells_at_the_end_and_empty_rows_do_not_count(tmp_path):
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, LABELS)
    path.write_text(path.read_text().replace("\n", ",,\n") + ",,,,,\n \n")
    is_right(read(path))
    path.write_text("logit_0,logit_1,label,\n1.5,2,0,7\n")
    assert "must have 3 columns in every row, got 4 in row 2 (as" in refusal(path)


@pytest.mark.parametrize(
    "names",
    [
        ("val_logits", "val_labels", "test_logits", "test_labels"),
        ("logits_valid", "y_valid", "logits_test", "y_test"),
        ("Cal-probs", "Cal-target", "test-probs", "test-target"),
    ],
)
def test_a_file_of_two_sets_gives_the_one_that_is_needed(tmp_path, names):
    path, places = tmp_path / "x.npz", (slice(0, 15), slice(15, 40))
    scores = P if "probs" in names[0] else LOGITS
    held = [array[place] for place in places for array in (scores, LABELS)]
    np.savez(path, **dict(zip(names, held, strict=True)), train_logits=LOGITS)
    for which, place, (_, label) in zip(
        ("calibration", "test"), places, (names[:2], names[2:]), strict=True
    ):
        samples = read(path, which=which)
        assert samples.labels.tolist() == LABELS[place].tolist()
        np.testing.assert_allclose(samples.logits.softmax(1), P[place], atol=1e-12)
        assert samples.said.endswith(f"labels from the array {label}; not used: train_logits")
    samples = read(path, which="test", label_name=names[1])
    assert len(samples.logits) == 15
    np.savez(path, **dict(zip(names[2:], held[2:], strict=True)))
    assert len(read(path, which="calibration").logits) == 25


@pytest.mark.parametrize(
    ("head", "names"),
    [("p_dog", "cat dog"), ("score_dog", "cat dog"), ("logit_dog", "a dog"), ("score_1", "-1 1")],
)
def test_two_names_beside_the_score_of_one(tmp_path, head, names):
    z = LOGITS[:, 0]
    scores = expit(z) if head == "p_dog" else z
    words = np.array(names.split())[LABELS % 2]
    positive = names.split()[1]
    for label in ("label", "kind"):
        path = write_csv(tmp_path / "x.csv", [head, label], scores, words)
        samples = read(path)
        assert samples.labels.tolist() == (LABELS % 2).tolist()
        np.testing.assert_allclose(samples.logits, z)
        assert f"the column {label}, where {positive} is the positive class" in samples.said


def test_two_names_beside_a_score_of_nobody(tmp_path):
    words = np.array(["cat", "dog"])[LABELS % 2]
    for head, prefix in (("score", "score"), ("confidence", "p")):
        scores = LOGITS[:, 0] if head == "score" else P[:, 0]
        path = write_csv(tmp_path / "x.csv", [head, "label"], scores, words)
        assert refusal(path) == (
            f"{path} names its two classes cat and dog, and has a single column of scores; rename "
            f"the column {head} to {prefix}_cat if a high score means cat, or {prefix}_dog if it "
            "means dog"
        )
        renamed = path.read_text().replace(head, f"{prefix}_dog", 1)
        path.write_text(renamed)
        assert read(path).labels.tolist() == (LABELS % 2).tolist()
    path = write_csv(tmp_path / "x.csv", ["score_b", "label"], LOGITS[:, 0], words)
    assert "rename the column score_b" in refusal(path)


@pytest.mark.parametrize(
    "right", [["0", "1"], ["False", "True"], ["false", "true"], ["0.0", "1.0"]]
)
@pytest.mark.parametrize(
    "head", [["confidence", "correct"], ["p", "outcome"], ["probability", "y"]]
)
def test_confidences_with_outcomes(tmp_path, head, right):
    p, outcomes = expit(LOGITS[:, 0]), LABELS % 2
    path = write_csv(tmp_path / "x.csv", head, p, np.array(right)[outcomes])
    samples = read(path)
    assert samples.are_probabilities
    assert samples.logits.shape == (40,)
    np.testing.assert_allclose(samples.logits.sigmoid().numpy(), p, atol=1e-12)
    assert samples.labels.tolist() == outcomes.tolist()


def test_confidences_need_outcomes(tmp_path):
    path = write_csv(tmp_path / "x.csv", ["confidence", "label"], P.max(1), LABELS)
    assert refusal(path).endswith(
        "or call the scores confidence and put a column correct, which is 1 where the answer is "
        "right, in the place of the labels"
    )
    path = write_csv(tmp_path / "x.csv", ["confidence", "correct"], P.max(1), LABELS)
    assert refusal(path).endswith(
        "a single column needs outcomes 0 and 1, such as whether the answer is right"
    )
    path = write_csv(tmp_path / "x.csv", ["confidence", "correct"], P.max(1), NAMES[LABELS])
    assert "got 'ant' in row 2 (as" in refusal(path)


def test_probabilities_of_0_count_as_a_small_one(tmp_path):
    np.savez(tmp_path / "x.npz", probs=np.array([[1.0, 0.0], [0.5, 0.5]]), labels=[0, 1])
    samples = read(tmp_path / "x.npz")
    assert (
        "(1 of 4 probabilities are 0, or 1 in a single column, and were moved by 0.005)"
        in samples.said
    )
    assert samples.logits[0].tolist() == [0, pytest.approx(np.log(0.005))]
    np.savez(tmp_path / "x.npz", probs=np.array([1.0, 0.0, 0.5]), labels=[1, 0, 1])
    samples = read(tmp_path / "x.npz")
    assert (
        "(2 of 3 probabilities are 0, or 1 in a single column, and were moved by 0.005)"
        in samples.said
    )
    assert samples.logits.tolist() == pytest.approx([-np.log(0.005), np.log(0.005), 0])


def test_pixels(tmp_path):
    logits, labels = LOGITS.reshape(2, 20, 3).transpose(0, 2, 1), LABELS.reshape(2, 20).copy()
    labels[0, 0] = 255
    arrays = {"logits": logits.reshape(2, 3, 4, 5), "labels": labels.reshape(2, 4, 5)}
    np.savez(tmp_path / "x.npz", **arrays)
    assert "got 255 at position (0, 0, 0)" in refusal(tmp_path / "x.npz")
    samples = read(tmp_path / "x.npz", ignore_index=255)
    assert samples.logits.shape == (2, 3, 4, 5)
    assert ": n = 39 of 40 pixels in 2 images, logits of 3 classes from" in samples.said


def test_a_column_of_whole_numbers_may_be_a_prediction(tmp_path):
    x = write_csv(tmp_path / "x.csv", ["a", "b", "guess"], *LOGITS[:, :2].T, LABELS % 2)
    assert refusal(x).startswith(f"Which column holds the true labels? No name in {x} says it, as")
    x = write_csv(tmp_path / "x.csv", ["a", "answer"], LOGITS[:, 0], LABELS % 2)
    assert read(x).said.endswith(
        "logits of 2 classes from the column a, labels from the column answer"
    )


def test_names_can_be_given(tmp_path):
    head = ["a", "b", "c", "u", "truth", "y"]
    path = write_csv(tmp_path / "x.csv", head, *LOGITS.T, LABELS, LABELS, LABELS)
    said = refusal(path)
    assert f"More than one name in {path} says it, as label, target or y_true would. The" in said
    assert "file holds the columns a, b, c, u, truth, y; name it with --label-name" in said
    is_right(read(path, score_names=["a", "b", "c"], label_name="truth"))
    assert "has no column d; it holds the columns a," in refusal(path, label_name="d")
    np.savez(tmp_path / "x.npz", u=LOGITS, v=LOGITS + 1, w=LABELS)
    said = refusal(tmp_path / "x.npz")
    assert "has 2 arrays that may hold the scores (u, v); name one of them with --score" in said
    is_right(read(tmp_path / "x.npz", score_names=["u"]))
    np.savez(tmp_path / "x.npz", u=LOGITS, v=LABELS, w=LABELS)
    said = refusal(tmp_path / "x.npz")
    assert f"More than one in {tmp_path / 'x.npz'} may hold them, and no name says it" in said
    is_right(read(tmp_path / "x.npz", label_name="v", score_names=["u"]))


@pytest.mark.parametrize(
    ("head", "columns", "said"),
    [
        (HEAD, [[1, 2], [2, "x"], [0, 1]], "column logit_1, got 'x' in row 3 (as"),
        (HEAD, [[1, 2], [2, ""], [0, 1]], "column logit_1, got '' in row 3 (as"),
        (HEAD, [[1, 2], [2, 3], [0, "dog"]], "or among 0, 1, got 'dog' in row 3 (as"),
        (HEAD, [[1, 2], [2, 3], [0, 0.5]], "or among 0, 1, got '0.5' in row 3 (as"),
        (HEAD, [[1, 2], [2, "nan"], [0, 1]], "in 1 of 2 rows, first in row 3 (as a spreadsheet"),
        (HEAD, [[1, 2], [2, 3], [0, 7]], "got 7 at row 3 (as a spreadsheet counts)"),
        (["score", "label"], [[1.5, 2.5], ["", 0]], ": row 2 (as a spreadsheet counts) has no l"),
        (["a", "a", "label"], [[1, 2], [2, 3], [0, 1]], "a name of its own, got a twice"),
        (["logit_0", "logit_1"], [[1.5, 2], [2, 3]], "No name in "),
        (["label"], [[0, 1]], "must hold logits or probabilities beside the labels"),
    ],
)
def test_tables_that_are_refused(tmp_path, head, columns, said):
    assert said in refusal(write_csv(tmp_path / "x.csv", head, *columns))


@pytest.mark.parametrize("labels", [1, [0, 1]])
def test_a_single_number_is_no_array_of_scores(tmp_path, labels):
    np.savez(tmp_path / "a.npz", logits=np.array(0.5), labels=np.array(labels))
    np.save(tmp_path / "a.npy", np.array(0.5))
    said = refusal(tmp_path / "a.npz")
    assert "logits must have shape (samples, classes), " in said
    assert said.endswith("got (); save a row per sample")
    assert refusal(tmp_path / "a.npy", labels=tmp_path / "a.npz").endswith("row per sample")


def test_files_that_are_refused(tmp_path):
    x = tmp_path / "x.csv"
    x.write_text("")
    assert "is empty" in refusal(x)
    x.write_text("logit_0,logit_1,label\n1,2,0\n1,1\n")
    assert "3 columns in every row, got 2 in row 3 (as" in refusal(x)
    x.write_text("sep=,\nlogit_0,logit_1,label\n\n1,2,0\n1,1\n")
    assert "3 columns in every row, got 2 in row 4 (as" in refusal(x)
    x.write_text(f'a,b\n"{"1" * 200_000}",1\n')
    assert "is not a valid csv file" in refusal(x)
    for name in ("x.npz", "x.npy", "x.parquet"):
        (tmp_path / name).write_text("hello")
        assert str(tmp_path / name) in refusal(tmp_path / name)
    assert ".csv" in refusal(tmp_path / "x.json")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.npz")
    np.savez(tmp_path / "x.npz", logits=LOGITS.astype(int), labels=LABELS)
    assert "floating-point scores, and its logits is int64" in refusal(tmp_path / "x.npz")
    np.savez(tmp_path / "y.npz", logits=LOGITS, labels=LABELS)
    (tmp_path / "y.npz").rename(tmp_path / "x.npy")
    assert "is not a valid npy file" in refusal(tmp_path / "x.npy")
    np.save(tmp_path / "z.npy", LOGITS)
    (tmp_path / "z.npy").rename(tmp_path / "x.npz")
    assert "is not a valid npz file" in refusal(tmp_path / "x.npz")


@pytest.mark.parametrize("order", [1, -1])
def test_a_number_of_the_sample_is_no_score(tmp_path, order):
    numbers, z = np.arange(40)[::order] + 1000, LOGITS[:, 0].round(3)
    path = write_csv(tmp_path / "x.csv", ["txn_id", "score", "label"], numbers, z, LABELS % 2)
    assert read(path).said.endswith("; not used: txn_id")
    shuffled = (numbers * 7) % 1039
    path = write_csv(tmp_path / "x.csv", ["txn", "score", "label"], shuffled, z, LABELS % 2)
    assert "a column txn that seems to number the samples" in refusal(path)
    assert read(path, score_names=["score"]).logits.ndim == 1  # the advice
    path = write_csv(tmp_path / "y.csv", ["a", "b", "label"], numbers % 7, z, LABELS % 2)
    assert read(path).logits.shape == (40, 2)  # whole numbers that repeat may be scores
    path = write_csv(tmp_path / "z.csv", ["logit_a", "logit_b", "label"], numbers, z, LABELS % 2)
    assert read(path).logits.shape == (40, 2)  # whoever calls it a logit means it


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("id", np.arange(40)),
        ("index", np.arange(40)[::-1]),
        ("Sample", [f"img_{i}.png" for i in range(40)]),
        ("image id", np.arange(40) % 7),
        ("when", np.arange(40) ** 2),
        ("", np.arange(40)),
    ],
)
def test_what_numbers_the_samples_is_neither_a_score_nor_the_labels(tmp_path, name, values):
    z, answers = LOGITS[:, 0], np.array(["no", "yes"])[LABELS % 2]
    head = [name, "score_yes", "answer"]
    samples = read(write_csv(tmp_path / "x.csv", head, values, z, answers))
    np.testing.assert_allclose(samples.logits, z)
    assert "labels from the column answer, where yes" in samples.said
    head = [name, "score", "label"]
    assert "cat and dog" in refusal(
        write_csv(tmp_path / "x.csv", head, values, z, np.array(["cat", "dog"])[LABELS % 2])
    )


def test_scores_and_classes_that_look_like_numbers_of_samples_stay(tmp_path):
    z = LOGITS.T
    words = np.array(["en", "id", "it"])[LABELS]
    is_right(read(write_csv(tmp_path / "x.csv", ["en", "id", "it", "y"], *z, words)))
    is_right(read(write_csv(tmp_path / "x.csv", ["s_en", "s_id", "s_it", "y"], *z, LABELS)))
    path = write_csv(tmp_path / "x.csv", ["a", "b", "y"], range(4), [3, 1, 0, 2], [0, 1, 1, 0])
    assert read(path).logits.shape == (4, 2)


@pytest.mark.parametrize("first_line", ["sep=;", '"sep=;"', "SEP=;"])
def test_the_first_line_of_excel_is_no_row(tmp_path, first_line):
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, LABELS, delimiter=";")
    path.write_text(f"{first_line}\n{path.read_text()}")
    samples = read(path)
    is_right(samples)
    samples.write_scaled(samples.logits, tmp_path / "copy.csv")
    assert (tmp_path / "copy.csv").read_text() == path.read_text()


def test_decimal_commas_between_tabs_and_underscores_in_numbers(tmp_path):
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, LABELS, delimiter="\t")
    path.write_text(path.read_text().replace(".", ","))
    samples = read(path)
    is_right(samples)
    assert samples.said.endswith("; a comma in a number was read as its decimal point")
    path.write_text("logit_0,logit_1,label\n1_000,2,0\n-3,1_0.5,1\n")
    assert read(path).logits.tolist() == [[1000, 2], [-3, 10.5]]


def test_a_first_row_of_data_is_a_sample(tmp_path):
    words = np.array(["cat", "dog"])[LABELS % 2]
    path = write_csv(tmp_path / "x.csv", None, LOGITS[:, 0], words)
    said = refusal(path)
    assert "a new first row, and call the scores score_cat if a high score means cat" in said
    path.write_text(f"score_cat,label\n{path.read_text()}")
    assert read(path).labels.tolist() == (1 - LABELS % 2).tolist()
    is_right(read(write_csv(tmp_path / "y.csv", None, *LOGITS.T, LABELS)))
    path = write_csv(tmp_path / "z.csv", None, [3, -1, 2], ["cat", "dog", "cat"])
    assert refusal(path) == (
        f"{path} must name its columns in the first row, got '3,cat', which seems to be a sample; "
        "write a row such as score,label above it"
    )


WEIGHTS = 40 + 0.5 * (np.arange(40) % 37)


@pytest.mark.parametrize(
    ("left_out", "head", "columns"),
    [
        ("age", "age c0 c1 c2 y", [WEIGHTS, *LOGITS.T, LABELS]),
        ("age", "c[1] c[2] c[3] age y", [*LOGITS.T, WEIGHTS, LABELS]),
        ("age, kg", "age kg 2 0 1 y", [WEIGHTS, WEIGHTS, *LOGITS.T[[2, 0, 1]], LABELS]),
        ("kg", "kg ant bee cat y", [WEIGHTS, *LOGITS.T, NAMES[LABELS]]),
        ("x1, x2", "ant bee cat x1 x2 y", [*LOGITS.T, WEIGHTS, WEIGHTS, NAMES[LABELS]]),
        ("race", "ant bee cat race y", [*LOGITS.T, ["x"] * 40, NAMES[LABELS]]),
        ("id", "id u v w y", [range(40), *LOGITS.T, LABELS]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_column_that_is_no_class_is_left_out(tmp_path, left_out, head, columns):
    samples = read(write_csv(tmp_path / "x.csv", head.split(), *columns))
    is_right(samples)
    assert samples.said.endswith(f"; not used: {left_out}")


@pytest.mark.parametrize(
    ("head", "labels"),
    [
        ("kg s_ant s_bee s_cat", LABELS),
        ("kg ant_s bee_s cat_s", LABELS),
        ("ant kg bee cat", NAMES[LABELS]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_column_that_may_be_no_class_is_asked_for(tmp_path, head, labels):
    logits = iter(LOGITS.T)
    columns = [WEIGHTS if name == "kg" else next(logits) for name in head.split()]
    path = write_csv(tmp_path / "x.csv", [*head.split(), "y"], *columns, labels)
    assert refusal(path).startswith(
        f"{path}: no label names the column kg, so it may be no class; name the columns"
    )


@pytest.mark.parametrize("form", ["c{}", "s_{}", "{}_score", "z[{}]"])
def test_a_class_that_no_sample_has_stays_a_class(tmp_path, form):
    """Its column is named like the others, so it is no other number."""
    names = NAMES if "_" in form else range(3)
    head = [*(form.format(name) for name in names), "y"]
    path = write_csv(tmp_path / "x.csv", head, *LOGITS.T, LABELS % 2)
    assert read(path).logits.shape == (40, 3)


YEARS, FOLDS = 2000 + np.arange(40) % 7, np.arange(40) % 5


@pytest.mark.parametrize(
    ("head", "columns", "labels"),
    [
        ("a b c year", [*LOGITS.T, YEARS], LABELS),
        ("fold a b c", [FOLDS, *LOGITS.T], LABELS),
        ("ant bee cat kg", [*LOGITS.T, WEIGHTS], LABELS),
        ("ant bee cat", LOGITS.T, LABELS % 2),
        ("u v number", [*LOGITS.T[:2], YEARS], LABELS % 2),
        ("score age", [LOGITS[:, 0], WEIGHTS], LABELS % 2),
        ("year score", [YEARS, LOGITS[:, 0]], LABELS % 2),
        ("score age", [LOGITS[:, 0], WEIGHTS], OUTCOMES),
        ("score fold kg", [LOGITS[:, 0], FOLDS, WEIGHTS], OUTCOMES),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_columns_that_nothing_calls_scores_are_asked_for(tmp_path, head, columns, labels):
    path = write_csv(tmp_path / "x.csv", [*head.split(), "y"], *columns, labels)
    n, listed = len(columns), ", ".join(head.split())
    assert refusal(path) == (
        f"{path} has {n} columns that may hold scores ({listed}), and neither their names nor the "
        "labels say that all of them do; name the columns of the scores with --score-names"
    )
    if labels is not OUTCOMES:
        assert read(path, score_names=head.split()).logits.shape == (40, n)


def test_a_copy_with_scaled_scores_asks_as_well(tmp_path):
    path = write_csv(tmp_path / "x.csv", ["score", "age"], LOGITS[:, 0], WEIGHTS)
    with pytest.raises(ValueError, match="has 2 columns that may hold scores"):
        read(path, labels_needed=False)
    kept = read(path, labels_needed=False, score_names=["score"])
    assert kept.logits.ndim == 1


def test_two_columns_of_one_pattern_are_the_scores_of_two_classes(tmp_path):
    z = LOGITS.T[:2]
    for names in ("a b", "s_no s_yes", "no-score yes-score", "c0 c1", "1 0"):
        path = write_csv(tmp_path / "x.csv", [*names.split(), "y"], *z, LABELS % 2)
        assert read(path).logits.shape == (40, 2), names
    path = write_csv(tmp_path / "x.csv", ["well", "sick", "y"], *z, OUTCOMES)
    assert read(path).logits.shape == (40, 2)


@pytest.mark.parametrize("names", [["c0", "c1", "c2"], ["s_ant", "s_bee", "s_cat"]])
def test_the_label_of_samples_that_are_left_out_names_no_class(tmp_path, names):
    labels = LABELS.copy()
    labels[:5] = -100
    path = write_csv(tmp_path / "x.csv", [*names, "year", "y"], *LOGITS.T, YEARS, labels)
    if names[0] == "c0":
        samples = read(path, ignore_index=-100)
        assert samples.logits.shape == (40, 3)
        assert samples.said.endswith("; not used: year")
    else:
        with pytest.raises(ValueError, match="no label names the column year"):
            read(path, ignore_index=-100)


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.parametrize("name", ["x.npz", "x.npy"])
@pytest.mark.parametrize("kept", [0, 3, 60, 700])
def test_a_torn_file_is_refused_and_closed(tmp_path, name, kept):
    np.savez(tmp_path / "whole.npz", logits=LOGITS, labels=LABELS)
    (tmp_path / name).write_bytes((tmp_path / "whole.npz").read_bytes()[:kept])
    assert f"is not a valid {name[2:]} file" in refusal(tmp_path / name)
    gc.collect()  # this warns of a file that is still open


def test_no_code_in_a_file_is_run(tmp_path):
    class Trap:
        def __reduce__(self):
            return (builtins.exec, ("raise SystemExit('the file ran code')",))

    np.savez(tmp_path / "x.npz", logits=np.array([Trap()], dtype=object), labels=LABELS)
    assert "could run code" in refusal(tmp_path / "x.npz")
    np.save(tmp_path / "x.npy", np.array([Trap()], dtype=object))
    assert "could run code" in refusal(tmp_path / "x.npy")


@pytest.mark.parametrize("rows", [LOGITS.astype(object), [*LOGITS, None]])
def test_the_advice_on_rows_that_are_objects_leads_on(tmp_path, rows):
    logits = np.array(rows, dtype=object)[: len(LABELS)]
    np.savez(tmp_path / "x.npz", logits=logits, labels=LABELS)
    advice = "np.stack(logits).astype(float)"
    assert f"save logits as {advice} and labels as" in refusal(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", logits=eval(advice, {"np": np, "logits": logits}), labels=LABELS)
    is_right(read(tmp_path / "x.npz"))


def test_the_advice_on_labels_that_are_objects_leads_on(tmp_path):
    labels = LABELS.astype(object)
    np.savez(tmp_path / "x.npz", logits=LOGITS, labels=labels)
    advice = "np.stack(labels).astype(int)"
    assert f"labels as {advice}, or names of classes in a csv file" in refusal(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", logits=LOGITS, labels=eval(advice, {"np": np, "labels": labels}))
    is_right(read(tmp_path / "x.npz"))


def test_the_advice_on_labels_that_name_no_column_leads_on(tmp_path):
    names = NAMES[LABELS]
    path = write_csv(tmp_path / "x.csv", HEAD3, *LOGITS.T, names)
    said = refusal(path)
    assert f"name each column of scores after its label, such as p_{names[0]} or logit_" in said
    head = [f"logit_{name}" for name in NAMES] + ["label"]
    is_right(read(write_csv(path, head, *LOGITS.T, names)))


def test_a_masked_class_is_accepted_where_there_are_no_labels(tmp_path):
    masked = LOGITS.copy()
    masked[0, 0] = -np.inf
    np.savez(tmp_path / "x.npz", logits=masked)
    assert read(tmp_path / "x.npz", labels_needed=False).logits[0, 0] == -torch.inf


def test_parquet(tmp_path):
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    pytest.importorskip("pyarrow", reason="pyarrow is not installed")
    table = pandas.DataFrame(LOGITS, columns=["ant", "bee", "cat"])
    table["label"] = pandas.Categorical(NAMES[LABELS])
    table.to_parquet(tmp_path / "x.parquet")
    samples = read(tmp_path / "x.parquet")
    is_right(samples)
    samples.write_scaled(samples.logits / 2, tmp_path / "y.parquet")
    written = pandas.read_parquet(tmp_path / "y.parquet")
    pandas.testing.assert_frame_equal(
        written[["ant", "bee", "cat"]], table[["ant", "bee", "cat"]] / 2
    )
    assert written["label"].tolist() == NAMES[LABELS].tolist()
    (tmp_path / "x.parquet").write_text("hello")
    assert "is not a valid parquet file" in refusal(tmp_path / "x.parquet")
    with pytest.raises(FileNotFoundError):
        read(tmp_path / "none.parquet")


def test_parquet_needs_pandas(tmp_path, monkeypatch):
    def without(name):
        raise ImportError(name)

    monkeypatch.setattr("calibkit._command_line.parquet.import_module", without)
    assert "only with pandas and pyarrow" in refusal(tmp_path / "x.parquet")


def test_binary_logits_in_one_column_are_not_told_to_subtract_1(tmp_path):
    """That would change their probabilities. The advice leads to the same ones."""
    logits = np.linspace(0.01, 0.99, 300)
    labels = np.random.default_rng(0).random(300) < 1 / (1 + np.exp(-logits))
    np.savez(tmp_path / "one.npz", logits=logits, labels=labels.astype(int))
    advice = "; if they are probabilities, add --probabilities; if they are logits, write "
    with pytest.raises(ValueError, match=advice):
        read_samples(tmp_path / "one.npz", Choice(), labels_needed=True)
    both = np.stack([0 * logits, logits], 1)
    np.savez(tmp_path / "two.npz", logits=both, labels=labels.astype(int))
    assert read_samples(tmp_path / "two.npz", Choice(), labels_needed=True).logits.shape == (300, 2)
    write_csv(tmp_path / "two.csv", ["logit_0", "logit_1", "label"], *both.T, labels.astype(int))
    assert read_samples(tmp_path / "two.csv", Choice(), labels_needed=True).logits.shape == (300, 2)


def test_columns_of_words_are_no_scores(tmp_path):
    patients = [f"p{i}" for i in range(40)]
    head = ["patient", "score_sick", "label"]
    samples = read(write_csv(tmp_path / "x.csv", head, patients, LOGITS[:, 0], OUTCOMES))
    assert samples.said.endswith("where sick is the positive class; not used: patient")
    head = ["note", "a", "b", "c", "label"]
    samples = read(write_csv(tmp_path / "y.csv", head, patients, *LOGITS.T, LABELS))
    is_right(samples)
    # A single word is a fault in a column of scores.
    faulty = ["high", *LOGITS[1:, 1]]
    path = write_csv(tmp_path / "z.csv", ["a", "b", "label"], LOGITS[:, 0], faulty, LABELS % 2)
    assert "must hold numbers in the column b, got 'high' in row 2" in refusal(path)


def test_the_only_words_that_repeat_are_the_labels(tmp_path):
    names = [f"p{i}" for i in range(40)]
    head = ["who", "ant", "bee", "cat", "befund"]
    samples = read(write_csv(tmp_path / "x.csv", head, names, *LOGITS.T, NAMES[LABELS]))
    is_right(samples)
    assert "labels from the column befund" in samples.said


@pytest.mark.parametrize("name", ["diagnosis", "Klasse", "ground_truth", "Diagnose"])
def test_more_names_of_labels(tmp_path, name):
    is_right(read(write_csv(tmp_path / "x.csv", ["a", "b", "c", name], *LOGITS.T, LABELS)))


@pytest.mark.parametrize(
    "form", ["proba_{}", "s_{}", "model.output.{}", "pred{}", "{}_score", "z[{}]"]
)
def test_what_stands_around_every_class_is_no_part_of_it(tmp_path, form):
    # The classes are in another order than the alphabet's, and one column is no class.
    head = ["age", *(form.format(name) for name in ("cat", "ant", "bee")), "y"]
    columns = [WEIGHTS, *LOGITS.T[[2, 0, 1]], NAMES[LABELS]]
    if form.startswith("proba"):
        columns[1:4] = P.T[[2, 0, 1]]
    samples = read(write_csv(tmp_path / "x.csv", head, *columns))
    is_right_in_order = samples.logits.double().softmax(1).numpy()[:, [1, 2, 0]]
    np.testing.assert_allclose(is_right_in_order, P, atol=1e-6)
    assert samples.labels.tolist() == [[1, 2, 0][label] for label in LABELS]


@pytest.mark.parametrize(
    ("column", "positive"), [("proba_sick", "sick"), ("s.well", "well"), ("score for sick", "sick")]
)
def test_a_single_score_ends_with_its_class(tmp_path, column, positive):
    path = write_csv(tmp_path / "x.csv", [column, "label"], P[:, 0], OUTCOMES)
    samples = read(path, probabilities=True)
    assert samples.outcomes[1] == positive
    assert samples.labels.tolist() == (positive == OUTCOMES).astype(int).tolist()


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_rounded_probabilities_are_divided_by_their_sums(tmp_path, digits):
    p = P.round(digits)
    head = ["p_0", "p_1", "p_2", "label"]
    samples = read(write_csv(tmp_path / "x.csv", head, *p.T, LABELS))
    assert samples.said.endswith("its sum, because its probabilities were rounded")
    expected = p.clip(p[p > 0].min() / 100)
    expected /= expected.sum(1, keepdims=True)
    np.testing.assert_allclose(samples.logits.softmax(1).numpy(), expected, atol=1e-9)
    exact = read(write_csv(tmp_path / "y.csv", head, *P.T, LABELS))
    assert "divided by its sum" not in exact.said


def test_a_row_with_a_wrong_sum_is_named(tmp_path):
    for digits in (2, 9):
        p = P.round(digits)
        p[5] = [0.5, 1.25, 0]
        path = write_csv(tmp_path / "x.csv", ["p_0", "p_1", "p_2", "label"], *p.T, LABELS)
        assert refusal(path).startswith(
            f"{path}: row 7 (as a spreadsheet counts) sums to 1.75 (a wrong sum in 1 of 40 rows)"
        )
    path = write_csv(tmp_path / "y.csv", ["p_0", "p_1", "p_2", "label"], *(1.5 * P.T), LABELS)
    assert "every row must sum to 1" in refusal(path)


def test_the_answers_of_the_model_are_no_scores(tmp_path):
    numbers, answers = 100200 + 7 * np.arange(40), (P[:, 0] > 0.5).astype(int)
    p, y = P[:, 0], LABELS % 2
    for score in ("y_prob", "y_score"):
        head = ["mrn", "y_true", score, "y_pred"]
        samples = read(write_csv(tmp_path / "x.csv", head, numbers, y, p, answers))
        assert samples.are_probabilities
        assert samples.said.endswith("not used: mrn, y_pred")
    head = ["y_score", "predicted", "y_true"]
    samples = read(write_csv(tmp_path / "x.csv", head, LOGITS[:, 0], OUTCOMES, y))
    assert not samples.are_probabilities
    assert samples.said.endswith("not used: predicted")


def test_a_missing_label_is_named(tmp_path):
    for labels in (NAMES[LABELS].tolist(), LABELS.tolist()):
        labels[3] = ""
        head = ["p_ant", "p_bee", "p_cat", "label"]
        path = write_csv(tmp_path / "x.csv", head, *P.T, labels)
        said = "row 5 (as a spreadsheet counts) has no label; fill it in or delete the row"
        assert refusal(path) == f"{path}: {said}"
    np.savez(tmp_path / "x.npz", logits=LOGITS, labels=np.where(LABELS == 2, np.nan, LABELS))
    assert "row 2 (counted from 0) has no label" in refusal(tmp_path / "x.npz")


def test_labels_from_1_are_asked_about(tmp_path):
    np.savez(tmp_path / "x.npz", logits=LOGITS, labels=LABELS + 1)
    assert "labels run from 1 to 3; if they count from 1, subtract 1" in refusal(tmp_path / "x.npz")
    np.savez(tmp_path / "x.npz", logits=LOGITS, labels=2 * LABELS)
    assert "labels must lie between 0 and 2" in refusal(tmp_path / "x.npz")
