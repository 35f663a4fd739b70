"""The tests of the assignments: right answers keep their points, wrong ones lose them."""

import builtins

import pytest

from tests.answers import NAMES, Assignment, right_answers, submissions, wrong_answers
from tests.mutants import kept, mutants

pytestmark = pytest.mark.usefixtures("without_coverage_in_module")


@pytest.fixture(scope="module", params=NAMES)
def name(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def assignment(name) -> Assignment:
    return Assignment(name)


@pytest.fixture(scope="module")
def faults(assignment, name) -> dict[str, str | None]:
    """What the tests say about every wrong answer."""
    return {label: assignment.fault(*answer) for label, answer in wrong_answers(name).items()}


def test_a_wrong_answer_loses_its_points(assignment, name, faults):
    wrong = wrong_answers(name)
    assert [label for label, fault in faults.items() if fault is None] == []
    for question in assignment.questions:
        own = [answer for asked, answer in wrong.values() if asked == question]
        assert len(set(own)) >= 8, f"{question} has only {len(set(own))} wrong answers"


def test_a_wrong_answer_runs_until_a_message_says_why(assignment, name, faults):
    """A crash teaches nothing. At most one of eight wrong answers may end without a message."""
    wrong = wrong_answers(name)
    for question in assignment.questions:
        own = [faults[label] or "" for label, (asked, _) in wrong.items() if asked == question]
        crashed = [fault for fault in own if not fault.startswith("AssertionError: ")]
        assert len(crashed) <= len(own) / 8, f"{question}: {crashed}"


def test_training_mode_is_named_before_batch_normalisation_stops_at_a_batch_of_one():
    name = "ps3_calibrate_a_digit_classifier"
    assignment, wrong = Assignment(name), wrong_answers(name)
    for label in ("logits_in_training_mode", "dropout_alone_is_switched_off"):
        fault = assignment.fault(*wrong[label])
        assert fault.startswith("AssertionError: these are not the logits of eval mode"), fault


def test_a_right_answer_keeps_its_points_however_it_is_written(assignment, name):
    right = right_answers(name)
    for question, (solution, *_) in assignment.questions.items():
        own = {answer for asked, answer in right if asked == question}
        assert len(own) >= 4, f"{question} has only {len(own)} right answers beside the model"
        for answer in [solution, *own]:
            assert assignment.fault(question, answer) is None, answer


def test_tests_depend_on_no_name_that_an_answer_can_overwrite(assignment, name):
    """After the answer, every other name and every builtin stands for None."""
    for question, (solution, tests, _) in assignment.questions.items():
        names = assignment.names_for(question)
        exec(solution, names)
        public = {n for n in [*names, *dir(builtins)] if not n.startswith("_")}
        names |= dict.fromkeys(public - {question})
        exec(tests, names)


def test_no_question_gives_more_than_three_points(assignment, name):
    """All or nothing is too much for four."""
    assert max(question.points for question in assignment.questions.values()) <= 3


def test_a_changed_answer_keeps_its_points_only_for_a_reason(assignment, name):
    reasons = submissions(name)["KEPT"]
    survivors = {
        (question, mutant.change)
        for question in assignment.questions
        for mutant in kept(assignment, question)
        if mutant
    }
    assert survivors - set(reasons) == set(), "they keep their points without a reason"
    assert set(reasons) - survivors == set(), "these reasons are for answers that lose their points"
    assert all(len(reason.split()) >= 4 for reason in reasons.values())


def test_mutants_change_one_thing_at_a_time():
    answer = '''
def ece(confidence, correct, n_bins=15):
    """The docstring stays."""
    total = 0.0
    for b in range(n_bins):
        inside = confidence > b / n_bins
        if inside.any():
            total += abs((correct - confidence)[inside].sum(axis=0))
    return total / len(correct)
'''
    changes = {mutant.change for mutant in mutants(answer)}
    assert changes >= {
        "def ece(confidence, correct, n_bins=15): total = 0.0"
        " -> def ece(confidence, correct, n_bins=15): n_bins = 15",
        "inside = confidence > b / n_bins -> inside = confidence >= b / n_bins",
        "inside = confidence > b / n_bins -> inside = confidence < b / n_bins",
        "if inside.any(): -> if False:",
        "if inside.any(): -> if inside.all():",
        "total += abs((correct - confidence)[inside].sum(axis=0))"
        " -> total += abs((correct - confidence)[inside].mean(axis=0))",
        "total += abs((correct - confidence)[inside].sum(axis=0))"
        " -> total += abs((correct - confidence)[inside].sum(axis=1))",
        "total += abs((correct - confidence)[inside].sum(axis=0))"
        " -> total += (correct - confidence)[inside].sum(axis=0)",
        "return total / len(correct) -> return total",
    }
    assert all('"""The docstring stays."""' in mutant.answer for mutant in mutants(answer))
    answers = [mutant.answer for mutant in mutants(answer)]
    assert len(set(answers)) == len(answers) == 30
