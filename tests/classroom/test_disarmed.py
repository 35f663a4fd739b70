"""Does each test of each assignment bite when nonsense replaces the answer?"""

import contextlib
import io

import jupytext
import pytest

from tests.answers import ASSIGNMENTS, NAMES, Assignment, right_answers

pytestmark = pytest.mark.slow


def read(name):
    """Return an assignment, and the cells that test nonsense in place of its answers."""
    import disarmed
    from make_assignments import with_nbgrader_metadata

    script = jupytext.read(ASSIGNMENTS / f"{name}.py", fmt="py:percent")
    source = with_nbgrader_metadata(script)
    again = {
        cell.metadata.nbgrader.grade_id: cell.source for cell in disarmed.again(source, source)
    }
    return Assignment(name), again


def passes(assignment, again, question, answer):
    names = assignment.names_for(question)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        exec(answer, names)
        try:
            exec(again[f"again: tests_{question}"], names)
        except Exception:
            return False
    return True


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_fails_the_tests_of_every_model_answer(name):
    assignment, again = read(name)
    assert len(again) == len(assignment.questions) > 4
    assert all("= _nonsense(" in source for source in again.values())
    models = {question: found.solution for question, found in assignment.questions.items()}
    assert [q for q, answer in models.items() if passes(assignment, again, q, answer)] == []


@pytest.mark.parametrize("name", NAMES)
def test_nonsense_fails_the_tests_of_right_answers_in_other_styles(name):
    """They return other types, or change what they are given."""
    assignment, again = read(name)
    assert [pair for pair in right_answers(name) if passes(assignment, again, *pair)] == []
