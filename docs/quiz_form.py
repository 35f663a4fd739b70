"""The questions of a lesson as a form in plain HTML, which ``_static/quiz.js`` explains.

Where scripts are switched off, the style sheet shows all explanations at once.
"""

import json
from html import escape
from typing import Any

from calibkit.data.quiz import QUIZZES, verdict


def quiz_form(stem: str) -> str:
    """Return the form with all questions of a lesson."""
    questions = json.loads((QUIZZES / f"{stem}.json").read_text(encoding="utf-8"))
    blocks = [question_block(number, question) for number, question in enumerate(questions, 1)]
    return "\n".join(['<form class="quiz">', *blocks, "</form>"])


def question_block(number: int, question: dict[str, Any]) -> str:
    """Return one question with its answers, its button and its explanations."""
    answers = question["answers"]
    numeric = question["type"] == "numeric"
    unit = " data-percent" if question.get("percent") else ""
    choices = [number_field(number, unit)] if numeric else choice_fields(number, question)
    explanations = [explanation(answer) for answer in answers]
    return "\n".join(
        [
            f'<fieldset class="quiz-question" data-type="{question["type"]}"'
            f' data-precision="{question.get("precision", "")}"{unit}>',
            f"<legend>{number}. {escape(question['question'])}</legend>",
            *choices,
            f'<button type="button">Check<span class="visually-hidden"> answer {number}</span>'
            "</button>",
            '<div class="quiz-explanations" role="status">',
            *explanations,
            "</div>",
            "</fieldset>",
        ]
    )


def choice_fields(number: int, question: dict[str, Any]) -> list[str]:
    """Return a button to choose each answer."""
    kind = "checkbox" if question["type"] == "many_choice" else "radio"
    return [
        f'<label><input type="{kind}" name="question-{number}" value="{place}"> '
        f"{escape(answer['answer'])}</label>"
        for place, answer in enumerate(question["answers"])
    ]


def number_field(number: int, unit: str) -> str:
    """Return a field for a number, and below it the ways in which one may write the number."""
    ways = "25 or 25%" if unit else "0.25, 1/4 or 25%"
    return (
        f'<label>Your answer: <input type="text" inputmode="decimal" name="question-{number}"'
        f' autocomplete="off" aria-describedby="ways-{number}"></label>'
        f'<p class="quiz-ways" id="ways-{number}">Type a number, such as {ways}.</p>'
    )


def explanation(answer: dict[str, Any]) -> str:
    """Return what is said about an answer, hidden until somebody gives it."""
    correct = bool(answer.get("correct"))
    given = answer.get("answer", answer.get("value", answer.get("range")))
    of_answer = "" if given is None else f'<span class="quiz-given">{escape(str(given))}</span> '
    values = f' data-value="{answer["value"]}"' if "value" in answer else ""
    if "range" in answer:
        values = ' data-low="{}" data-high="{}"'.format(*answer["range"])
    return (
        f'<p class="quiz-explanation" data-correct="{str(correct).lower()}"{values} hidden>'
        f"{of_answer}<strong>{verdict(answer)}</strong> {escape(answer['feedback'])}</p>"
    )
