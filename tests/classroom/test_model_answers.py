"""A teacher who changed an assignment hears whether its model answers still pass."""

import shutil

import nbformat
import pytest

from .test_grade import TINY


@pytest.mark.slow
def test_a_changed_test_that_the_model_answer_fails_is_refused(tmp_path):
    import make_assignments

    from .conftest import ASSIGNMENTS

    course = tmp_path / "course"
    course.mkdir()
    shutil.copy(ASSIGNMENTS / "nbgrader_config.py", course)
    script = tmp_path / "tiny.py"
    script.write_text(TINY, encoding="utf-8")
    released = make_assignments.make_assignment(script, course)
    source = course / "source" / "tiny" / "tiny.ipynb"
    before = source.read_bytes(), released.read_bytes()
    script.write_text(TINY.replace("halve(2) == 1", "halve(3) == 1, 'three'"), encoding="utf-8")
    with pytest.raises(SystemExit, match="the cell tests_halve ends with AssertionError: three"):
        make_assignments.make_assignment(script, course)
    assert (source.read_bytes(), released.read_bytes()) == before
    script.write_text(TINY.replace("halve(2) == 1", "halve(6) == 3"), encoding="utf-8")
    make_assignments.make_assignment(script, course)
    assert "halve(6) == 3" in [c.source for c in nbformat.read(source, 4).cells][-3]


def test_the_essays_of_the_trial_class_differ_but_for_those_that_are_copied(course, tmp_path):
    import make_trial_class
    import same_answers

    name = "ps1_temperature_scaling"
    own = tmp_path / "course"
    for step in ("source", "release"):
        shutil.copytree(course / step / name, own / step / name)
    folder = make_trial_class.make_trial_class(own, name)
    notebooks = {path.stem.partition("_")[0]: nbformat.read(path, 4) for path in folder.iterdir()}
    same = same_answers.identical(
        notebooks, nbformat.read(own / "source" / name / f"{name}.ipynb", 4)
    )
    essays = [set(who) for who, what in same.items() for one in what if one.startswith("essay")]
    assert essays
    assert all(who == {"arslanayla", "garciagil"} for who in essays)
