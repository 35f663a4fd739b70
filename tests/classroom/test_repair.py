"""Damaged notebooks: each damage costs at most its own question, and nbgrader grades the rest."""

import json
import os
import subprocess
import sys
import time
from copy import deepcopy
from pathlib import Path

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

QUESTIONS = ("one", "two", "three")
ANSWERS = {name: f"def {name}():\n    value = '{name}'\n    return value" for name in QUESTIONS}
ESSAY = "I think so, because the three words are right."


def marked(cell, name, *, grade, solution):
    cell.metadata["nbgrader"] = {
        "schema_version": 3,
        "grade_id": name,
        "grade": grade,
        "solution": solution,
        "locked": not solution,
        "task": False,
        **({"points": 1} if grade else {}),
    }
    return cell


def make_source():
    """A tiny assignment: three functions, each with its tests, and an essay."""
    cells = [new_markdown_cell("# Three words"), new_code_cell("END = ''")]
    for name in QUESTIONS:
        stub = f"def {name}():\n    ### BEGIN SOLUTION\n    return '{name}'\n    ### END SOLUTION"
        tests = (
            f"assert isinstance({name}(), str)\n### BEGIN HIDDEN TESTS\n"
            f"assert {name}() == '{name}'\n### END HIDDEN TESTS"
        )
        cells += [
            new_markdown_cell(f"## Question {name}"),
            marked(new_code_cell(stub), name, grade=False, solution=True),
            marked(new_code_cell(tests), f"tests_{name}", grade=True, solution=False),
        ]
    essay = "### BEGIN SOLUTION\nYes.\n### END SOLUTION"
    cells.append(marked(new_markdown_cell(essay), "essay_why", grade=True, solution=True))
    for place, cell in enumerate(cells):
        cell.id = f"cell-{place}"
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


SOURCE = make_source()
STUB = "def two():\n    # YOUR CODE HERE\n    raise NotImplementedError()"


def names(nb):
    return [cell.metadata.nbgrader.grade_id for cell in nb.cells if "nbgrader" in cell.metadata]


def place_of(nb, name):
    for place, cell in enumerate(nb["cells"]):
        mark = cell.get("metadata", {}).get("nbgrader", {})
        if isinstance(mark, dict) and mark.get("grade_id") == name:
            return place
    return None


def handed_in():
    """The released notebook with right answers, as the file of a student holds it."""
    from repair import released

    nb = deepcopy(released(SOURCE))
    for cell in nb.cells:
        name = cell.metadata.get("nbgrader", {}).get("grade_id")
        cell.source = ANSWERS.get(name, cell.source)
        if name == "essay_why":
            cell.source = ESSAY
    return json.loads(nbformat.writes(nb))


def split(nb, name, lines=1, *, empty_mark=True):
    place = place_of(nb, name)
    cell = nb["cells"][place]
    text = "".join(cell["source"]).splitlines(keepends=True)
    second = {**deepcopy(cell), "id": f"second-{place}", "source": text[lines:]}
    second["metadata"] = {"nbgrader": {}} if empty_mark else {}
    cell["source"] = text[:lines]
    nb["cells"].insert(place + 1, second)


def delete(nb, *which):
    nb["cells"] = [
        cell
        for k, cell in enumerate(nb["cells"])
        if k not in {place_of(nb, name) for name in which}
    ]


def copy(nb, name, text=None):
    place = place_of(nb, name)
    again = deepcopy(nb["cells"][place])
    again["id"] += "-again"
    if text is not None:
        again["source"] = text
    nb["cells"].insert(place + 1, again)


def move(nb, name, to):
    cell = nb["cells"].pop(place_of(nb, name))
    nb["cells"].insert(to, cell)


def retype(nb, name, kind):
    cell = nb["cells"][place_of(nb, name)]
    cell["cell_type"] = kind
    cell.pop("outputs", None)
    cell.pop("execution_count", None)


def mark_again(nb, name, mark):
    cell = nb["cells"][place_of(nb, name)]
    if mark is None:
        del cell["metadata"]["nbgrader"]
    elif isinstance(mark, dict):
        cell["metadata"]["nbgrader"].update(mark)
    else:
        cell["metadata"]["nbgrader"] = mark


def strip(nb):
    for cell in nb["cells"]:
        cell.pop("id", None)
        cell["metadata"] = {}


def old(nb):
    """Format 4.0: no ids, and no outputs or counts of execution."""
    nb["nbformat_minor"] = 0
    nb["metadata"] = {}
    for cell in nb["cells"]:
        for key in ("id", "outputs", "execution_count"):
            cell.pop(key, None)


# what a student did: (what it does to the notebook, what the repair says, lost questions)
DAMAGES = {
    "split": (lambda nb: split(nb, "two"), "two was split", ()),
    "split_in_the_body": (lambda nb: split(nb, "two", 2), "two was split", ()),
    "split_without_a_trace": (lambda nb: split(nb, "two", empty_mark=False), "two was split", ()),
    "split_in_three": (lambda nb: [split(nb, "two", 2), split(nb, "two")], "two was split", ()),
    "split_essay": (lambda nb: split(nb, "essay_why", 0), "essay_why was split", ()),
    "copied": (lambda nb: copy(nb, "two"), "2 cells two", ()),
    "copied_stub": (
        lambda nb: copy(nb, "two", STUB),
        "2 cells two",
        (),
    ),
    "copied_first_try": (
        lambda nb: nb["cells"].insert(
            4, {**deepcopy(nb["cells"][place_of(nb, "two")]), "source": "def two(:"}
        ),
        "2 cells two",
        (),
    ),
    "copied_tests": (lambda nb: copy(nb, "tests_two"), "2 cells tests_two", ()),
    "moved_tests": (lambda nb: move(nb, "tests_two", 0), "tests_two was moved", ()),
    "moved_answer": (lambda nb: move(nb, "one", 9), "was moved", ()),
    "moved_essay": (lambda nb: move(nb, "essay_why", 0), "essay_why was moved", ()),
    "markdown": (lambda nb: retype(nb, "two", "markdown"), "two was markdown", ()),
    "raw": (lambda nb: retype(nb, "two", "raw"), "two was raw", ()),
    "raw_tests": (lambda nb: retype(nb, "tests_two", "raw"), "tests_two was raw", ()),
    "essay_as_code": (lambda nb: retype(nb, "essay_why", "code"), "essay_why was code", ()),
    "no_answer": (lambda nb: delete(nb, "two"), "two was deleted", ("two",)),
    "no_tests": (lambda nb: delete(nb, "tests_two"), "tests_two was deleted", ()),
    "neither": (lambda nb: delete(nb, "two", "tests_two"), "tests_two was deleted", ("two",)),
    "first_gone": (lambda nb: delete(nb, "one", "tests_one"), "one was deleted", ("one",)),
    "all_gone": (lambda nb: nb["cells"].clear(), "one was deleted", QUESTIONS),
    "no_setup": (lambda nb: nb["cells"].pop(1), "Given code", ()),
    "edited_tests": (
        lambda nb: nb["cells"][place_of(nb, "tests_two")].update(source="pass"),
        "tests_two was edited",
        (),
    ),
    "empty_mark": (lambda nb: mark_again(nb, "two", None), "two had lost its mark", ()),
    "list_as_mark": (lambda nb: mark_again(nb, "two", ["x"]), "two had lost its mark", ()),
    "number_as_name": (lambda nb: mark_again(nb, "two", {"grade_id": 2}), "lost its mark", ()),
    "changed_points": (lambda nb: mark_again(nb, "tests_two", {"points": 99}), "", ()),
    "points_as_text": (lambda nb: mark_again(nb, "tests_two", {"points": "many"}), "", ()),
    "unlocked": (lambda nb: mark_again(nb, "tests_two", {"locked": "no", "grade": 0}), "", ()),
    "old_schema": (lambda nb: mark_again(nb, "two", {"schema_version": 1}), "", ()),
    "unknown_name": (
        lambda nb: nb["cells"].append(
            {**deepcopy(nb["cells"][place_of(nb, "two")]), "metadata": {
                "nbgrader": {"grade_id": "mine", "grade": True, "solution": True}}}
        ),
        "",
        (),
    ),
    "no_metadata": (strip, "two had lost its mark", ()),
    "old_format": (old, "", ()),
    "other_kernel": (
        lambda nb: nb["metadata"].update(kernelspec={"name": "conda-ml", "display_name": "x"}),
        "kernel conda-ml",
        (),
    ),
    "skipped_tests": (
        lambda nb: nb["cells"][place_of(nb, "tests_two")]["metadata"].update(
            tags=["skip-execution"]
        ),
        "",
        (),
    ),
    "half_a_character": (
        lambda nb: nb["cells"][place_of(nb, "two")].update(source=ANSWERS["two"] + "  # \ud83d"),
        "",
        (),
    ),
    "no_text": (lambda nb: nb["cells"][place_of(nb, "two")].pop("source"), "", ("two",)),
}  # fmt: skip


def run_alone(nb):
    """Run the code cells one after another as a kernel does; returns the questions that fail."""
    space, failed = {}, set()
    for cell in nb.cells:
        if cell.cell_type == "code":
            try:
                exec(cell.source, space)
            except Exception:
                name = cell.metadata.get("nbgrader", {}).get("grade_id", "")
                if name.startswith("tests_"):
                    failed.add(name.removeprefix("tests_"))
    return failed


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damage_costs_its_own_question_at_most(damage):
    from repair import repaired

    do, said, lost = DAMAGES[damage]
    nb = handed_in()
    do(nb)
    result, remarks = repaired(nbformat.from_dict(nb), SOURCE)
    assert names(result) == names(SOURCE)
    assert run_alone(result) == set(lost)
    assert any(said in remark for remark in remarks) if said else True
    assert "BEGIN SOLUTION" not in str(result)
    essay = next(
        c
        for c in result.cells
        if c.metadata.get("nbgrader", {}).get("points") and c.cell_type == "markdown"
    )
    assert damage == "all_gone" or essay.source.strip() == ESSAY


def test_an_undamaged_notebook_stays_as_it_is_and_nothing_is_said():
    from repair import repaired

    nb = nbformat.from_dict(handed_in())
    result, remarks = repaired(nb, SOURCE)
    assert remarks == []
    assert [cell.cell_type for cell in result.cells] == [cell.cell_type for cell in SOURCE.cells]


def test_tests_that_the_teacher_changed_are_not_called_edited():
    from nbgrader.utils import compute_checksum
    from repair import repaired

    nb = nbformat.from_dict(handed_in())
    tests = {c.metadata.get("nbgrader", {}).get("grade_id"): c for c in nb.cells}
    older, edited = tests["tests_one"], tests["tests_two"]
    for cell in (older, edited):
        cell.source = "assert True  # as it was released"
        cell.metadata.nbgrader.checksum = compute_checksum(cell)
    edited.source = "pass"
    _, remarks = repaired(nb, SOURCE)
    assert remarks == [
        "The test cell tests_one is from an earlier release, and was renewed.",
        "The test cell tests_two was edited, and was restored.",
    ]


@pytest.mark.parametrize(
    ("text", "said", "shown"),
    [
        ("<script>alert(1)</script>", "holds HTML", "&lt;script>"),
        ("a <svg onload=alert(1)>", "holds HTML", "&lt;svg"),
        ("```mermaid\n</pre><script>\n```", "holds HTML", "&lt;script>"),
        ("[x](javascript:alert(1))", "link that runs code", "```text\n[x]("),
        ("[x](java&#115;cript:alert(1))", "link that runs code", "```text\n[x]("),
        ("[x](java\tscript:alert(1))", "link that runs code", "```text\n[x]("),
        ("![x](data:text/html,1)", "link that runs code", "```text\n![x]("),
    ],
)
def test_nothing_that_a_student_writes_runs_in_the_browser_of_a_teacher(text, said, shown):
    from repair import repaired

    nb = handed_in()
    essay = next(c for c in nb["cells"] if "essay_why" in json.dumps(c["metadata"]))
    essay["source"] = text
    fixed, remarks = repaired(nb, SOURCE)
    (found,) = (
        c.source
        for c in fixed.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == "essay_why"
    )
    assert shown in found
    assert "<s" not in found
    assert [remark for remark in remarks if said in remark]


@pytest.mark.parametrize("text", ["a < b and $p<q$, 3 <4", "see https://example.org", "*yes*"])
def test_honest_essays_stay_as_they_are(text):
    from repair import repaired

    nb = handed_in()
    essay = next(c for c in nb["cells"] if "essay_why" in json.dumps(c["metadata"]))
    essay["source"] = text.replace("p<q", "p < q")
    fixed, remarks = repaired(nb, SOURCE)
    (found,) = (
        c.source
        for c in fixed.cells
        if c.metadata.get("nbgrader", {}).get("grade_id") == "essay_why"
    )
    assert (found, remarks) == (essay["source"], [])


@pytest.mark.parametrize(
    "odd",
    [
        {"cell_type": ["code"]},
        {"cell_type": {}},
        {"attachments": {"a": 5}},
        {"attachments": {"a.png": {"image/png": {"x": 1}}}},
        {"source": {"a": 1}},
        {"metadata": []},
    ],
    ids=str,
)
def test_odd_values_cost_nothing_else(odd):
    from repair import repaired

    nb = handed_in()
    nb["cells"][0] |= odd
    fixed, _ = repaired(nb, SOURCE)
    assert names(fixed) == names(SOURCE)


def test_many_cells_around_an_answer_take_no_longer_than_few():
    from repair import repaired

    nb = handed_in()
    empty = {
        "cell_type": "code",
        "source": "pass",
        "metadata": {},
        "outputs": [],
        "execution_count": None,
    }
    nb["cells"][3:3] = [dict(empty, id=f"own-{k}") for k in range(500)]
    fixed, _ = repaired(nb, SOURCE)
    assert names(fixed) == names(SOURCE)


def test_cells_of_the_student_keep_their_order_around_the_answers():
    from repair import repaired

    nb = handed_in()
    nb["cells"].insert(place_of(nb, "two"), new_code_cell("helper = 'two'"))
    nb["cells"][place_of(nb, "two")]["source"] = "def two():\n    return helper"
    split(nb, "three", 1, empty_mark=False)
    delete(nb, "tests_two")
    assert run_alone(repaired(nbformat.from_dict(nb), SOURCE)[0]) == set()


def test_the_last_copy_is_the_answer_and_what_the_others_define_stays():
    from repair import repaired

    nb = handed_in()
    copy(nb, "two", "def two():\n    return first\n")
    nb["cells"][place_of(nb, "two")]["source"] = "first = 'two'\ndef two():\n    return 'no'"
    result, _ = repaired(nbformat.from_dict(nb), SOURCE)
    assert run_alone(result) == set()
    assert "return first" in result.cells[place_of(result, "two")].source


def test_parts_of_an_answer_are_joined_although_a_test_was_moved_between_them():
    from repair import repaired

    nb = handed_in()
    split(nb, "one", 1)
    move(nb, "tests_two", place_of(nb, "one") + 1)
    assert run_alone(repaired(nbformat.from_dict(nb), SOURCE)[0]) == set()


def test_rather_tests_than_answers_are_moved_and_back_to_their_own_question():
    from repair import repaired

    nb = handed_in()
    move(nb, "tests_one", place_of(nb, "one"))
    move(nb, "tests_three", place_of(nb, "three"))
    result, remarks = repaired(nbformat.from_dict(nb), SOURCE)
    assert [remark.split()[2] for remark in remarks] == ["tests_one", "tests_three"]
    assert place_of(result, "tests_one") == place_of(result, "one") + 1


# damages to one question that leave the answer's text somewhere
HARMLESS = st.sampled_from(
    ["split", "copy", "move", "retype", "unmark", "tests_gone", "answer_gone"]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(HARMLESS, st.sampled_from(QUESTIONS), st.integers(0, 12)), max_size=6))
def test_no_series_of_damages_loses_an_undamaged_answer(damages):
    from repair import repaired

    nb, lost = handed_in(), set()
    for kind, name, number in damages:
        if place_of(nb, name) is None:
            continue
        match kind:
            case "split":
                split(nb, name, 1 + number % 2)
            case "copy":
                copy(nb, name)
            case "move":
                tests = place_of(nb, f"tests_{name}")
                if tests is not None:
                    move(nb, f"tests_{name}", number % len(nb["cells"]))
            case "retype":
                retype(nb, name, ("markdown", "raw")[number % 2])
            case "unmark":
                mark_again(nb, name, (None, "x", {}, {"grade_id": None})[number % 4])
            case "tests_gone":
                delete(nb, f"tests_{name}")
            case "answer_gone":
                delete(nb, name)
        lost.add(name)
    result, _ = repaired(nbformat.from_dict(nb), SOURCE)
    assert names(result) == names(SOURCE)
    assert run_alone(result) <= lost
    texts = [cell.source for cell in result.cells]
    assert all(ANSWERS[name] in texts for name in set(QUESTIONS) - lost)
    again, remarks = repaired(result, SOURCE)
    assert [cell.source for cell in again.cells] == texts
    assert not [remark for remark in remarks if "moved" in remark or "deleted" in remark]


# --- files ----------------------------------------------------------------------------------------


def as_format_3(nb):
    return nbformat.writes(nbformat.reads(json.dumps(nb), as_version=3), version=3)


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (lambda nb: json.dumps(nb).encode(), ""),
        (lambda nb: b"\xef\xbb\xbf" + json.dumps(nb).encode(), "utf-8"),
        (lambda nb: json.dumps(nb).encode("utf-16"), "utf-16"),
        (lambda nb: json.dumps(nb, ensure_ascii=False).encode("cp1252"), "cp1252"),
        (lambda nb: json.dumps(nb).encode() + b"\n}{ rubbish", "after the end"),
        (lambda nb: as_format_3(nb).encode(), "format 3"),
    ],
    ids=["plain", "byte_order_mark", "utf_16", "cp1252", "trailing", "format_3"],
)
def test_a_file_in_another_form_is_read(tmp_path, written, said):
    from repair import read, repaired

    nb = handed_in()
    nb["cells"][place_of(nb, "essay_why")]["source"] = "Später — “so”."
    path = tmp_path / "words.ipynb"
    path.write_bytes(written(nb))
    found, remarks = read(path)
    result, _ = repaired(found, SOURCE)
    assert run_alone(result) == set()
    assert result.cells[-1].source == "Später — “so”."
    assert said in " ".join(remarks)
    assert bool(said) == bool(remarks)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (json.dumps({"nbformat": 4, "cells": []})[:-3].encode(), "is incomplete"),
        (b"def one():\n    return 'one'\n", "is not a notebook"),
        (b"", "is not a notebook"),
        (b"[1, 2]", "cannot be graded"),
        (b'{"nbformat": 4, "cells": 3}', "cannot be graded"),
        (b'{"nbformat": 99, "cells": []}', "cannot be graded"),
        (b"PK\x03\x04\x00\xff", "is not a notebook"),
        (b"[" * 100_000, "is not a notebook"),
    ],
)
def test_a_file_that_holds_no_notebook_is_named(tmp_path, content, said):
    from repair import read

    path = tmp_path / "words.ipynb"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=said):
        read(path)


# --- through nbgrader -----------------------------------------------------------------------------


def nbgrader(*arguments: str, course: Path) -> None:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *arguments],
        check=False,
        cwd=course,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_nbgrader_grades_all_repaired_notebooks(tmp_path):
    """Its own steps run on each; only the kernel is left out, since ``run_alone`` stands for it."""
    from nbgrader.preprocessors import (
        CheckCellMetadata,
        ClearOutput,
        DeduplicateIds,
        OverwriteCells,
        OverwriteKernelspec,
    )
    from repair import repaired
    from traitlets.config import Config

    source = tmp_path / "source" / "words" / "words.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(SOURCE, source)
    nbgrader("generate_assignment", "words", "--create", course=tmp_path)
    resources = {
        "nbgrader": {
            "notebook": "words",
            "assignment": "words",
            "student": "anna",
            "db_url": f"sqlite:///{tmp_path / 'gradebook.db'}",
        }
    }
    overwrite = OverwriteCells(config=Config({"OverwriteCells": {"add_missing_cells": True}}))
    steps = (ClearOutput(), DeduplicateIds(), OverwriteKernelspec(), overwrite, CheckCellMetadata())
    changes = []
    overwrite.report_change = lambda *change: changes.append(change)
    for damage, (do, _, lost) in DAMAGES.items():
        nb = handed_in()
        do(nb)
        result, _ = repaired(nbformat.from_dict(nb), SOURCE)
        for step in steps:
            result, _ = step.preprocess(result, resources)
        assert names(result) == names(SOURCE)
        assert run_alone(result) == set(lost), damage
    assert changes == []  # so nothing warns that a checksum has changed


@pytest.mark.slow
def test_nbgrader_autogrades_repaired_notebooks(tmp_path):
    from nbgrader.api import Gradebook
    from repair import repaired

    source = tmp_path / "source" / "words" / "words.ipynb"
    source.parent.mkdir(parents=True)
    nbformat.write(SOURCE, source)
    nbgrader("generate_assignment", "words", "--create", course=tmp_path)
    tried = ("split", "neither", "moved_tests", "skipped_tests", "other_kernel")
    for damage in tried:
        nb = handed_in()
        DAMAGES[damage][0](nb)
        result, _ = repaired(nbformat.from_dict(nb), SOURCE)
        path = tmp_path / "submitted" / damage / "words" / "words.ipynb"
        path.parent.mkdir(parents=True)
        nbformat.write(result, path)
    nbgrader("autograde", "words", course=tmp_path)
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        scores = {
            damage: gradebook.find_submission_notebook("words", "words", damage).score
            for damage in tried
        }
    assert scores == {damage: 3 - len(DAMAGES[damage][2]) for damage in tried}


def test_pictures_without_room_are_left_out_and_named(monkeypatch):
    import repair
    from nbformat.v4 import new_markdown_cell, new_notebook

    monkeypatch.setattr(repair, "MOST_PICTURE_BYTES", 100)
    cells = [new_markdown_cell(f"![](attachment:{k})") for k in range(3)]
    for cell in cells:
        cell.attachments = {"x.png": {"image/png": "0" * 60}}
    notebook = new_notebook(cells=cells)
    found, remarks = repair.repaired(notebook, new_notebook())
    assert [bool(cell.get("attachments")) for cell in found.cells] == [True, False, False]
    assert sum("more pictures than there is room for" in remark for remark in remarks) == 2


def test_a_notebook_of_very_many_cells_is_refused(tmp_path, monkeypatch):
    import repair

    monkeypatch.setattr(repair, "MOST_CELLS", 2)
    path = tmp_path / "x.ipynb"
    path.write_text('{"nbformat": 4, "cells": [{}, {}, {}]}', encoding="utf-8")
    with pytest.raises(ValueError, match="more than 2 cells"):
        repair.read(path)


def test_magic_commands_take_no_long_time():
    import repair

    start = time.process_time()
    assert not repair.parses("%time x\n" * 20_000)
    assert not repair.parses("!ls\n" * 1000)
    assert not repair.parses("x?\n" * 1000)
    assert time.process_time() - start < 2


GIVEN = "import math\n\nN, SPLIT_SEED = 10, 2\nlimit = math.sqrt(2)"
FIGURE = "plot(limit)"


def with_given_code():
    """A source with given code in front of the questions and behind one, and a copy handed in."""
    from repair import released

    source = deepcopy(SOURCE)
    source.cells[1].source = GIVEN
    figure = new_code_cell(FIGURE)
    figure.id = "cell-figure"
    source.cells.insert(place_of(source, "tests_one") + 1, figure)
    return source, json.loads(nbformat.writes(released(source)))


@pytest.mark.parametrize("has_ids", [True, False])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (GIVEN, GIVEN.replace("sqrt(2)", "sqrt(3)")),
        (GIVEN, ""),
        (FIGURE, "limit = 0"),
        (FIGURE, "("),
    ],
)
def test_given_code_that_was_edited_is_named(before, after, has_ids):
    from repair import repaired

    source, submitted = with_given_code()
    cell = next(c for c in submitted["cells"] if "".join(c["source"]) == before)
    cell["source"] = after
    for one in [] if has_ids else submitted["cells"]:
        del one["id"]
    _, remarks = repaired(submitted, source)
    edited = [remark for remark in remarks if remark.startswith("The given cell")]
    first = before.splitlines()[0]
    assert edited == [f"The given cell that begins with {first!r} was edited."]


@pytest.mark.parametrize(
    "after",
    [
        GIVEN.replace("= 10, 2", "= 10, 46702081"),
        f"# my notes\n{GIVEN}  # about 1.41",
        None,
    ],
)
def test_seeds_of_ones_own_comments_and_new_cells_are_no_edit(after):
    from repair import repaired

    source, submitted = with_given_code()
    if after is None:
        own = {"cell_type": "code", "id": "own", "source": "x = 1", "metadata": {}, "outputs": []}
        submitted["cells"].insert(1, own)
    else:
        submitted["cells"][1]["source"] = after
    _, remarks = repaired(submitted, source)
    assert [remark for remark in remarks if "given" in remark.lower()] == []
