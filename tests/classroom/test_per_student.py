import csv
import shutil
import subprocess
import sys
from zipfile import ZipFile

import jupytext
import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tests.classroom import many_seeds
from tests.classroom.conftest import ASSIGNMENTS, ROOT

NAME = "ps1_temperature_scaling"
SCRIPTS = sorted(ASSIGNMENTS.glob("ps*.py"))
SETTINGS = (
    "import math\n\nN, IMAGES_SEED = 10, 2  # é\nÄ, SPLIT_SEED, M = 'é', 0, 5\nSEED = 3  # of all\n"
)


def notebook(*cells):
    return new_notebook(cells=list(cells))


def essay(text):
    own = {"grade_id": "essay_a", "grade": True, "solution": True, "locked": False, "points": 3}
    return new_markdown_cell(text, metadata={"nbgrader": {**own, "schema_version": 3}})


def write(course, step, student, *cells):
    folder = course.joinpath(*filter(None, (step, student, NAME)))
    folder.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook(*cells), folder / f"{NAME}.ipynb")


def write_seeds(course, **of_students):
    import seeds

    with (course / "seeds.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(seeds.COLUMNS)
        writer.writerows([s, "", NAME, "SPLIT_SEED", seed] for s, seed in of_students.items())


def test_only_the_values_of_the_seeds_change():
    import seeds

    others = new_markdown_cell("SEED = 1"), new_code_cell("SPLIT_SEED")
    before = notebook(others[0], new_code_cell(SETTINGS), others[1])
    assert seeds.seeds_in(before) == {"SPLIT_SEED": 0, "SEED": 3}
    after = seeds.with_seeds(before, {"SPLIT_SEED": 12345678, "SEED": 9})
    expected = SETTINGS.replace("'é', 0,", "'é', 12345678,").replace("SEED = 3", "SEED = 9")
    assert [cell.source for cell in after.cells] == ["SEED = 1", expected, "SPLIT_SEED"]
    assert before.cells[1].source == SETTINGS


def test_a_name_of_the_roster_is_harmless_in_a_spreadsheet(released):
    import make_assignments
    import seeds

    make_assignments.make_for_each_student(released, {"-cmd": "101"})
    assert "\n'-cmd,101," in (released / "seeds.csv").read_text(encoding="utf-8-sig")
    assert {student for student, _ in seeds.remembered(released)} == {"-cmd"}


def test_seeds_follow_from_secret_assignment_and_student():
    import seeds

    cases = [("s", "ps1", "anna"), ("t", "ps1", "anna"), ("s", "ps2", "anna"), ("s", "ps1", "ben")]
    found = [seeds.drawn(*case, ["A_SEED", "B_SEED"]) for case in cases]
    values = {value for drawn in found for value in drawn.values()}
    assert len(values) == 8
    assert all(0 <= value < 10**8 for value in values)
    assert seeds.drawn(*cases[0], ["A_SEED", "B_SEED"]) == found[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.stem)
def test_every_assignment_has_data_of_ones_own(script):
    import seeds

    assert seeds.seeds_in(jupytext.read(script, fmt="py:percent"))


@pytest.fixture
def released(tmp_path):
    """A course folder with the released notebooks, without nbgrader."""
    for script in SCRIPTS:
        folder = tmp_path / "release" / script.stem
        folder.mkdir(parents=True)
        nbformat.write(jupytext.read(script, fmt="py:percent"), folder / f"{script.stem}.ipynb")
    return tmp_path


def test_each_student_gets_notebooks_and_a_zip(released):
    import make_assignments
    import seeds

    folder = make_assignments.make_for_each_student(released, {"anna": "101", "o_neill": ""})
    given = seeds.remembered(released)
    for student in ("anna", "o_neill"):
        with ZipFile(folder / f"{student}.zip") as archive:
            assert archive.namelist() == [f"{s.stem}/{s.stem}.ipynb" for s in SCRIPTS]
        for script in SCRIPTS:
            own = nbformat.read(folder / student / f"{script.stem}.ipynb", as_version=4)
            assert seeds.seeds_in(own) == given[student, script.stem]
    assert given["anna", NAME] != given["o_neill", NAME]
    assert {row["platform_id"] for row in seeds.remembered_rows(released)} == {"101", ""}
    # one who comes later gets seeds too, and nobody's seeds change, even without the secret
    (released / "course_secret.txt").unlink()
    make_assignments.make_for_each_student(released, {"anna": "101", "late": ""})
    later = seeds.remembered(released)
    assert {key: later[key] for key in given} == given
    assert ("late", NAME) in later


def test_a_zip_for_all_never_lies_beside_the_zips_of_the_students(released, monkeypatch, capsys):
    import make_assignments

    notebooks = sorted(released.glob("release/*/*.ipynb"))
    monkeypatch.setattr(make_assignments, "make_course", lambda _: notebooks)
    for_all, roster = released / "students.zip", released / "roster.csv"
    roster.write_text("student\nanna\n")
    make_assignments.main([str(released)])
    assert for_all.is_file()
    make_assignments.main([str(released), "--per-student", str(roster)])
    assert not for_all.exists()
    capsys.readouterr()
    make_assignments.main([str(released)])  # the page says to add --per-student after a change
    assert "add --per-student to write these anew" in capsys.readouterr().out
    assert not for_all.exists()
    shutil.rmtree(released / "release_per_student")
    make_assignments.main([str(released)])
    assert for_all.is_file()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name\nanna\n", "one named student is needed"),
        ("student\n../anna\n", "becomes a folder"),
        ("student\n.\n", "becomes a folder"),
        ('student\n""\nben\n', "becomes a folder"),
        ("student\nanna\nAnna\n", "twice"),
    ],
)
def test_a_wrong_roster_gets_one_sentence_and_nothing_is_made(tmp_path, text, message):
    import make_assignments

    roster = tmp_path / "roster.csv"
    roster.write_text(text)
    course = tmp_path / "course"
    with pytest.raises(SystemExit, match=message):
        make_assignments.main([str(course), "--per-student", str(roster)])
    assert not course.exists()
    with pytest.raises(SystemExit, match="There is no file"):
        make_assignments.main([str(course), "--per-student", str(tmp_path / "other.csv")])


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("SPLIT_SEED = 11", []),
        ("%matplotlib inline\nA, SPLIT_SEED = 1, 11", []),
        ("SPLIT_SEED = 7", ["SPLIT_SEED is set to 7, but this student got 11"]),
        (
            "SPLIT_SEED = 22",
            ["SPLIT_SEED is set to 22, which is a seed of ben, but this student got 11"],
        ),
        (
            "SPLIT_SEED = 11\nSPLIT_SEED = int('7')",
            ["SPLIT_SEED is set to int('7'), but this student got 11"],
        ),
        (
            "SPLIT_SEED = 11\nfor SPLIT_SEED in (7,): pass",
            ["SPLIT_SEED is set to another value, but this student got 11"],
        ),
        ("A = 1", ["SPLIT_SEED is no longer set, but this student got 11"]),
    ],
)
def test_a_student_who_changes_a_seed_is_found(tmp_path, source, told):
    import seeds

    write_seeds(tmp_path, anna=11, ben=22)
    write(tmp_path, "release", "", new_code_cell("SPLIT_SEED = 0"))
    for step in ("submitted", "autograded"):
        write(tmp_path, step, "anna", new_code_cell("a = 1"), new_code_cell(source))
    assert list(seeds.remarks_on_seeds(tmp_path, "anna", NAME)) == told
    assert seeds.main([NAME, "--course", str(tmp_path)]) == bool(told)
    write(tmp_path, "autograded", "guest", new_code_cell(source))
    assert list(seeds.remarks_on_seeds(tmp_path, "guest", NAME)) == []
    assert seeds.main([NAME, "--course", str(tmp_path)]) == 1  # nothing was compared for the guest


def numbers(*printed):
    return new_code_cell("p", outputs=[new_output("stream", text=" ".join(printed))])


def test_copied_numbers_show(tmp_path):
    """Cara copies what Anna wrote; Ben, who rounds and computes, copies nothing."""
    import seeds

    write_seeds(tmp_path, anna=1, ben=2, cara=3)
    write(tmp_path, "release", "", essay("Write it here, as in 1.234."))
    printed = {
        "anna": ("T = 1.3721", "0.1534", "0.0482", "0.9512", "20.5"),
        "ben": ("T = 1.4108", "0.1622", "0.0517", "0.9488", "20.5"),
        "cara": ("T = 1.2950", "0.1498", "0.0455", "0.9561", "20.5"),
    }
    written = {
        "anna": "T is 1.372. The ECE falls from 0.153 to 0.0482, by 0.105, to 95.12%.",
        # honest: three numbers of Anna, who is a friend, beside four that are his own
        "ben": "T is 1.41 (Anna 1.372). ECE falls from 0.162 (0.153) to 0.0517 (0.0482) at 94.9.",
        "cara": "The temperature 1.372 lets it fall from 0.153 to 0.0482, far below 20.5.",
    }
    for student, text in written.items():
        cells = numbers(*printed[student]), essay(text)
        write(tmp_path, "submitted", student, *cells)
        write(tmp_path, "autograded", student, *cells)
    found = dict(seeds.copied_numbers(tmp_path, NAME))
    assert found == {"cara": "writes 0.0482, 0.153, 1.372, which the seeds of anna produce"}


@pytest.mark.parametrize("comma", [",", "{,}"])
def test_copied_numbers_with_a_decimal_comma_show(tmp_path, comma):
    """Ben's own numbers have a comma too, and copy nobody."""
    import seeds

    write_seeds(tmp_path, anna=1, ben=2, cara=3)
    write(tmp_path, "release", "", essay("Write it here."))
    of_anna, of_ben = ("1.372", "0.153", "0.0482"), ("1.41", "0.162", "0.0517")
    texts = {"anna": of_anna, "ben": of_ben, "cara": of_anna}
    printed = {"anna": of_anna, "ben": of_ben, "cara": ("1.29", "0.149", "0.0455")}
    for student, numbers_of in texts.items():
        text = " to ".join(numbers_of).replace(".", comma)
        write(tmp_path, "submitted", student, essay(text))
        write(tmp_path, "autograded", student, numbers(*printed[student]), essay(text))
    assert dict(seeds.copied_numbers(tmp_path, NAME)) == {
        "cara": "writes 0.0482, 0.153, 1.372, which the seeds of anna produce"
    }


def test_numbers_that_are_typed_into_the_code_show(tmp_path):
    """Ben types Anna's numbers into a cell that prints them, so that his notebook prints them."""
    import seeds

    write_seeds(tmp_path, anna=1, ben=2)
    write(tmp_path, "release", "", essay("Write it here."))
    typed = numbers("1.372", "0.153", "0.0482")
    typed.source = "print(1.372, 0.153, 0.0482)"
    text = essay("The temperature 1.372 lets it fall from 0.153 to 0.0482.")
    for student, cell in (("anna", numbers("1.372", "0.153", "0.0482")), ("ben", typed)):
        write(tmp_path, "submitted", student, text)
        write(tmp_path, "autograded", student, cell, text)
    assert [student for student, _ in seeds.copied_numbers(tmp_path, NAME)] == ["ben"]


@pytest.mark.parametrize(
    "code", ["match 5:\n    case SEED:\n        pass", "import x as SEED", "def SEED(): pass"]
)
def test_other_ways_to_set_a_seed_are_seen(code):
    import seeds

    assert list(seeds.settings(code)) == [("SEED", None)]


def test_copied_outputs_show(tmp_path):
    """Dan hands in Anna's notebook with his own seeds in it, and has not run it again."""
    import seeds

    write_seeds(tmp_path, anna=1, dan=2)
    write(tmp_path, "release", "", essay("Write it here."))
    for student, numbers_of in {"anna": "1.3721 0.1534 0.0482", "dan": "1.41 0.162 0.051"}.items():
        write(tmp_path, "submitted", student, numbers("1.3721", "0.1534", "0.0482", "20.5"))
        write(tmp_path, "autograded", student, numbers(numbers_of, "20.5"))
    ((student, told),) = seeds.copied_numbers(tmp_path, NAME)
    assert student == "dan"
    assert told.startswith("handed in outputs with 0.0482, 0.1534, 1.3721, which the seeds")


def test_a_name_that_the_roster_spells_in_another_way_is_told(tmp_path, capsys):
    import seeds

    write_seeds(tmp_path, annlee=1)
    write(tmp_path, "release", "", essay("Write it here."))
    write(tmp_path, "autograded", "Ann Lee", numbers("1.3721", "0.1534"))
    command = [NAME, "--course", str(tmp_path)]
    assert seeds.main(command) == 1
    told = "seeds.csv knows no seeds of Ann Lee, so nothing was compared for them."
    assert told in capsys.readouterr().out
    write_seeds(tmp_path, **{"Ann Lee": 1})
    write(tmp_path, "autograded", "Ann Lee", nbformat.v4.new_code_cell("SPLIT_SEED = 1"))
    assert seeds.main(command) == 0
    assert "knows no seeds" not in capsys.readouterr().out


def test_a_roster_takes_the_names_that_platforms_give(tmp_path):
    import seeds

    roster = tmp_path / "roster.csv"
    roster.write_text("student\nMary_Ann O'Neil\nNúñez D’Arcy\n", encoding="utf-8")
    assert list(seeds.read_roster(roster)) == ["Mary_Ann O'Neil", "Núñez D’Arcy"]


@pytest.mark.parametrize("content", ["utf-16", "torn", "odd outputs"])
def test_an_odd_notebook_stops_no_comparison(tmp_path, capsys, content):
    import seeds

    write_seeds(tmp_path, anna=1, dan=2)
    write(tmp_path, "release", "", essay("Write it here."))
    for student, numbers_of in {"anna": "1.3721 0.1534 0.0482", "dan": "1.41 0.162 0.051"}.items():
        write(tmp_path, "submitted", student, numbers("1.3721", "0.1534", "0.0482", "20.5"))
        write(tmp_path, "autograded", student, numbers(numbers_of, "20.5"))
    path = tmp_path / "submitted" / "dan" / NAME / f"{NAME}.ipynb"
    text = path.read_text(encoding="utf-8")
    written = {
        "utf-16": text.encode("utf-16"),
        "torn": b"{ torn",
        "odd outputs": b'{"nbformat": 4, "cells": [{"outputs": 5}]}',
    }
    path.write_bytes(written[content])
    told = list(seeds.copied_numbers(tmp_path, NAME))
    assert [student for student, _ in told] == (["dan"] if content == "utf-16" else [])
    printed = capsys.readouterr().out
    assert ("dan: the outputs that were handed in could not be read" in printed) == (not told)


@pytest.mark.slow
def test_model_answers_are_right_with_any_seeds():
    """The short form of ``python -m tests.classroom.many_seeds``."""
    command = [sys.executable, "-m", "tests.classroom.many_seeds", "--seeds", "2"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{2 * len(SCRIPTS)} notebooks, 0 failures" in done.stdout


def test_a_wrong_model_answer_is_reported_with_its_question(tmp_path):
    script = tmp_path / f"{NAME}.py"
    script.write_text(
        "# %%\nA_SEED = 1\n\n# %% [markdown]\n# ## Question 1: Add\n\n"
        "# %% tests=\"add\" points=1\nassert A_SEED == 1, 'other seed'\n"
    )
    (told,) = many_seeds.failures(script, "anna")
    assert told.endswith("## Question 1: Add (add): AssertionError: other seed")


def test_making_assignments_shows_how_far_it_is(monkeypatch, tmp_path, capsys):
    import make_assignments

    made = tmp_path / "made.ipynb"
    made.touch()
    monkeypatch.setattr(make_assignments, "make_assignment", lambda script, course: made)
    make_assignments.make_course(tmp_path / "course")
    assert f"{len(SCRIPTS)}/{len(SCRIPTS)}" in capsys.readouterr().err
