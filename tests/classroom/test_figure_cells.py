"""The cells that show what the answers give, and count for nothing, run with every right answer."""

import contextlib
import functools
import inspect
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor

from tests.answers import NAMES, Assignment, right_answers

# How an answer may return a number
FORMS = {"Python": float, "NumPy": np.float64, "0-d": lambda number: torch.tensor(float(number))}
# What an argument must be, by the first word that the docstring says about it
TYPES = {"float": (int, float), "int": int, "Tensor": Tensor, "tensor": Tensor, "array": np.ndarray}
DESCRIBED = re.compile(r"^ *(\w+(?:, \w+)*) : (\w+?)s?\b", re.MULTILINE)


@pytest.fixture(scope="module", params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def assignment(name) -> Assignment:
    """The assignment; its figures draw a network after few epochs as they draw a good one."""
    made = Assignment(name)
    if "N_EPOCHS" in made.space:
        made.space["N_EPOCHS"] = 5
    return made


def show_figures(
    assignment: Assignment,
    answers: dict[str, str],
    change: Callable[[Callable, str], Callable] = lambda function, documented: function,
) -> None:
    """Run the notebook without its tests, with some answers in place of the model answers."""
    names = dict(assignment.space)
    with contextlib.redirect_stdout(io.StringIO()):
        for question, source in assignment.answers_and_figures:
            exec(answers.get(question, source), names)
            if question:
                exec("from builtins import *", names)  # as the tests of each answer do
                names[question] = change(names[question], source)
    plt.close("all")


def as_documented(function: Callable, source: str, form: Callable[[Any], Any]) -> Callable:
    """Check the arguments of an answer, and let it return its numbers in another form."""
    parameters = source.partition("Returns\n")[0]
    types = {
        name: TYPES[word]
        for described, word in DESCRIBED.findall(parameters)
        for name in described.split(", ")
        if word in TYPES
    }
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*values: Any, **options: Any) -> Any:
        for name, value in signature.bind(*values, **options).arguments.items():
            assert isinstance(value, types.get(name, object)), f"{name} is {type(value)}"
        return in_form(function(*values, **options), form)

    return checked


def in_form(result: Any, form: Callable[[Any], Any]) -> Any:
    """Change the form of every single number with a fraction in a result."""
    if isinstance(result, dict):
        return {key: in_form(value, form) for key, value in result.items()}
    if type(result) in (list, tuple):
        return type(result)(in_form(value, form) for value in result)
    is_array = isinstance(result, Tensor | np.ndarray)
    is_number = isinstance(result, float) or (is_array and result.ndim == 0)
    return form(result) if is_number else result


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS)
def test_a_figure_takes_a_number_in_every_form_and_gives_what_is_documented(assignment, form):
    """A figure that gives a tensor, where a number is documented, would break a right answer."""
    show_figures(assignment, {}, lambda *answer: as_documented(*answer, form))


@pytest.mark.slow
def test_a_right_answer_breaks_no_figure_however_it_is_written(assignment, name):
    left = right_answers(name)
    while left:
        answers = dict(reversed(left))  # the first of each question
        show_figures(assignment, answers)
        left = [pair for pair in left if answers[pair[0]] != pair[1]]
