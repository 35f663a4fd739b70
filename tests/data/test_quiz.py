import importlib.util
import json

import nbformat
import pytest
from nbclient import NotebookClient

import calibkit
from calibkit.data import quiz

NUMERIC = {
    "question": "What is the gap?",
    "type": "numeric",
    "answers": [{"type": "value", "value": 0.25, "correct": True, "feedback": "It is a quarter."}],
}
CHOICE = {
    "question": "Which answer is right?",
    "type": "multiple_choice",
    "answers": [
        {"answer": "this one", "correct": True, "feedback": "It is the first one."},
        {
            "answer": "the other " + "very " * 20 + "long one",
            "correct": False,
            "feedback": "It is the first one.",
        },
    ],
}


@pytest.fixture
def two_questions(tmp_path, monkeypatch):
    (tmp_path / "10_a_lesson.json").write_text(json.dumps([CHOICE, NUMERIC]))
    (tmp_path / "100_a_third.json").write_text("[]")
    (tmp_path / "20_another.json").write_text("[]")
    monkeypatch.setattr(quiz, "QUIZZES", tmp_path)


@pytest.fixture
def notebook(monkeypatch):
    monkeypatch.setattr(quiz, "in_a_notebook", lambda: True)


@pytest.mark.usefixtures("two_questions", "notebook")
def test_without_jupyterquiz_the_questions_are_a_plain_list(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    calibkit.check_yourself(10)
    text = capsys.readouterr().out
    first, second, install = text.split("\n\n")
    assert first.startswith("1. Which answer is right?\n   - this one\n   - the other very")
    assert second == "2. What is the gap?"
    assert 'pip install "calibkit[course]"' in install
    assert "It is" not in text
    assert max(map(len, text.splitlines())) <= 88


@pytest.mark.usefixtures("two_questions")
def test_outside_a_notebook_the_questions_are_printed(capsys):
    calibkit.check_yourself(10)
    assert capsys.readouterr().out.startswith("1. Which answer is right?")


def test_a_kernel_is_a_notebook(tmp_path):
    cell = nbformat.v4.new_code_cell(
        "from calibkit.data.quiz import in_a_notebook\nprint(in_a_notebook())"
    )
    executed = NotebookClient(nbformat.v4.new_notebook(cells=[cell])).execute(cwd=tmp_path)
    assert executed.cells[0].outputs[0].text == "True\n"


@pytest.mark.usefixtures("two_questions", "notebook")
def test_with_jupyterquiz_the_notebook_shows_them(monkeypatch):
    jupyterquiz = pytest.importorskip("jupyterquiz")
    shown = []
    monkeypatch.setattr(jupyterquiz, "display_quiz", lambda questions, **_: shown.append(questions))
    calibkit.check_yourself(10)
    assert shown == [quiz.with_verdicts([CHOICE, NUMERIC])]


def test_the_notebook_says_in_words_whether_an_answer_is_right():
    choice, numeric = quiz.with_verdicts([CHOICE, NUMERIC])
    assert [answer["feedback"] for answer in choice["answers"]] == [
        "Right. It is the first one.",
        "Not quite. It is the first one.",
    ]
    assert numeric["answers"][0]["feedback"] == "Right. It is a quarter."
    assert CHOICE["answers"][0]["feedback"] == "It is the first one."


@pytest.mark.usefixtures("two_questions", "notebook")
def test_jupyterquiz_takes_the_questions_as_they_are(monkeypatch):
    pytest.importorskip("jupyterquiz")
    from jupyterquiz.dynamic import display

    scripts = []
    monkeypatch.setattr(display, "display", lambda shown: scripts.append(shown.data))
    calibkit.check_yourself(10)
    assert json.dumps(quiz.with_verdicts([CHOICE, NUMERIC])) in "".join(scripts)


@pytest.mark.usefixtures("two_questions")
@pytest.mark.parametrize(
    ("lesson", "error"), [(15, ValueError), (-1, ValueError), ("10", TypeError)]
)
def test_a_lesson_that_is_not_there_is_refused(lesson, error):
    with pytest.raises(error, match=r"the lessons are 10, 20, 100$"):
        calibkit.check_yourself(lesson)
