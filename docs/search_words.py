"""Titles of lessons in a list of results, and words under which one looks for a lesson.

A page of the site itself gives its words in a directive ``index``. The script of a lesson cannot
hold one, because it is also the source of the notebook. An entry counts much if it has a "!".
"""

from lesson_pages import Lesson, lessons
from sphinx.application import Sphinx

WORDS = {
    "10": ("temperature", "temperature scaling", "overconfidence"),
    "20": ("reliability diagram", "noise floor"),
    "30": ("leak", "data leakage", "pitfalls"),
    "40": ("vector scaling", "isotonic regression"),
    "45": ("label smoothing", "training"),
    "50": ("Brier", "Brier score", "proper score", "sharpness"),
    "55": ("binary classification", "rare event"),
    "60": ("dataset shift",),
    "65": ("prior shift", "monitoring"),
    "70": ("conformal", "decisions"),
    "80": ("your own model",),
    "90": ("CIFAR-100",),
    "99": ("capstone",),
    "100": ("language model", "logprobs", "LLM"),
}


def title(lesson: Lesson, solutions: bool) -> str:
    """Return the title of a page, as search engines and our own search show it."""
    name = lesson.name.removeprefix(f"{lesson.number} ")
    if solutions:
        return f"Solutions to lesson {lesson.number}, {name}"
    return f"Lesson {lesson.number}, {name}: {lesson.question}"


def add_title_and_words(app: Sphinx, docname: str, content: list[str]) -> None:
    """Put both on top of the page of a lesson, and the title on top of its solutions."""
    for lesson in lessons():
        if docname == f"auto_lessons/{lesson.stem}":
            words = ", ".join(f"! {word}" for word in WORDS[lesson.number])
            top = f".. title:: {title(lesson, False)}\n.. index:: {words}\n\n"
            content[0] = top + content[0]
        elif docname == f"auto_solutions/{lesson.stem}_solutions":
            content[0] = f".. title:: {title(lesson, True)}\n\n{content[0]}"


def setup(app: Sphinx) -> dict[str, bool]:
    """Register this with Sphinx."""
    # lesson_pages cuts off the top of the solutions, with priority 500
    app.connect("source-read", add_title_and_words, priority=600)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
