"""Make the four-choice questions that `ask_smollm2` asks, from facts and rules.

All of them follow from the tables of `smollm2_facts` and from rules in this module. A seed fixes
the questions. Each of the eight subjects has 300 questions, and four more as examples, which come
from other facts and stand in every prompt of that subject.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from calibkit.data.assets import smollm2_facts as facts

SEED = 100
N_PER_SUBJECT = 300
N_EXAMPLES = 4
LETTERS = "ABCD"
EXAMPLE_ANSWERS = (1, 3, 0, 2)  # Each letter is the answer of one example.


class Question(NamedTuple):
    """A question with its options in their first order."""

    text: str
    options: tuple[str, ...]
    answer: int  # the index of the right option


class Draft(NamedTuple):
    """A question before three of the wrong options are drawn."""

    fact: str
    text: str
    right: str
    wrong: list[str]


def all_questions() -> dict[str, tuple[list[Question], list[Question]]]:
    """Return the examples and the questions of each subject."""
    made = {}
    for i, (subject, drafts_of) in enumerate(SUBJECTS.items()):
        rng = np.random.default_rng([SEED, i])
        drafts = list(drafts_of(rng))
        drafts = [drafts[j] for j in rng.permutation(len(drafts))]
        examples = drafts[:N_EXAMPLES]
        known = {draft.fact for draft in examples}
        others = [draft for draft in drafts[N_EXAMPLES:] if draft.fact not in known]
        questions = {question(draft, int(rng.integers(4)), rng): None for draft in others}
        made[subject] = (
            [question(*pair, rng) for pair in zip(examples, EXAMPLE_ANSWERS, strict=True)],
            list(questions)[:N_PER_SUBJECT],
        )
    return made


def question(draft: Draft, answer: int, rng: np.random.Generator) -> Question:
    """Draw three different wrong options, and put the right one at `answer`."""
    wrong = sorted(set(draft.wrong) - {draft.right})
    options = [wrong[i] for i in rng.choice(len(wrong), 3, replace=False)]
    options.insert(answer, draft.right)
    return Question(draft.text, tuple(options), answer)


def rows(table: str) -> list[list[str]]:
    """Return the entries of a table, each of which has a name and one or two values."""
    return [[word.replace("_", " ") for word in entry.split(":")] for entry in table.split()]


def capitals(_: np.random.Generator) -> Iterator[Draft]:
    """Ask for the capital of a country or for the country, with others of the continent."""
    for table in facts.CAPITALS.values():
        pairs = rows(table)
        countries, cities = ([pair[i] for pair in pairs] for i in (0, 1))
        for country, city in pairs:
            yield Draft(country, f"What is the capital of {country}?", city, cities)
            text = f"Which country has the capital {city}?"
            yield Draft(country, text, country, countries)


def elements(_: np.random.Generator) -> Iterator[Draft]:
    """Ask for symbols, names and atomic numbers, with wrong options that look similar."""
    pairs = rows(facts.ELEMENTS)
    for number, (name, symbol) in enumerate(pairs, 1):
        alike = [pair for pair in pairs if pair[1][0] == symbol[0]]
        if len(alike) < 4:
            alike = [pair for pair in pairs if abs(ord(pair[1][0]) - ord(symbol[0])) < 3]
        text = f"What is the chemical symbol of {name.lower()}?"
        yield Draft(name, text, symbol, [other for _, other in alike])
        text = f"Which element has the chemical symbol {symbol}?"
        yield Draft(name, text, name, [other for other, _ in alike])
        near = [str(n) for n in range(max(1, number - 8), min(118, number + 8) + 1)]
        text = f"What is the atomic number of {name.lower()}?"
        yield Draft(name, text, str(number), near)


def arithmetic(rng: np.random.Generator) -> Iterator[Draft]:
    """Ask for sums, differences and products of one or two digits each."""
    for _ in range(150):
        a, b = (int(n) for n in rng.integers(3, 90, 2))
        small, other = (int(n) for n in rng.integers(3, 13, 2))
        large, less = max(a, b) + 1, min(a, b)
        for text, right in (
            (f"What is {a} plus {b}?", a + b),
            (f"What is {large} minus {less}?", large - less),
            (f"What is {small} times {other}?", small * other),
        ):
            near = [right + step for step in (-10, -2, -1, 1, 2, 10) if right + step > 0]
            yield Draft(text, text, str(right), [str(n) for n in near])


def calendar(rng: np.random.Generator) -> Iterator[Draft]:
    """Ask for days, months and leap years, and convert units of time."""
    for kind, table, most in (("day", facts.DAYS, 6), ("month", facts.MONTHS, 5)):
        names = table.split()
        for i, name in enumerate(names):
            for n in range(1, most + 1):
                steps = f"{n} {kind}s" if n > 1 else f"1 {kind}"
                for word, sign in (("after", 1), ("before", -1)):
                    text = f"Which {kind} is {steps} {word} {name}?"
                    yield Draft(text, text, names[(i + sign * n) % len(names)], names)
    for small, large, factor in rows(facts.UNITS):
        for n in range(2, 10):
            right = n * int(factor)
            wrong = {right + int(factor), right - int(factor), right + 10, n * 10, n * 30}
            text = f"How many {small} are there in {n} {large}?"
            yield Draft(text, text, str(right), [str(number) for number in wrong])
    leap_years = np.arange(1904, 2096, 4)
    for year in rng.choice(leap_years, 44, replace=False):
        wrong = {int(year) + step for step in (-7, -6, -5, -3, -2, -1, 1, 2, 3, 5, 6, 7)}
        text = "Which of these years is a leap year?"
        yield Draft(f"{year}", text, f"{year}", [str(number) for number in wrong])


def number_order(rng: np.random.Generator) -> Iterator[Draft]:
    """Ask for the largest, the smallest and the second of four numbers, which are named."""
    for _ in range(105):
        for word, rank in (("largest", 3), ("smallest", 0), ("second largest", 2)):
            numbers = rng.choice(np.arange(10, 1000), 4, replace=False)
            first, second, third, last = map(str, numbers)
            right = str(np.sort(numbers)[rank])
            text = f"Which is the {word} of the numbers {first}, {second}, {third} and {last}?"
            yield Draft(text, text, right, [first, second, third, last])


def spelling(_: np.random.Generator) -> Iterator[Draft]:
    """Ask which of four spellings is right."""
    for word in dict.fromkeys(facts.SPELLING.split()):
        yield Draft(word, "Which word is spelled correctly?", word, misspelt(word))


def misspelt(word: str) -> list[str]:
    """Return spellings with two letters swapped, one left out, doubled or replaced."""
    found = []
    for i in range(1, len(word) - 1):
        before, letter, following, after = word[:i], word[i], word[i + 1], word[i + 2 :]
        found.append(before + following + letter + after)
        if letter in "aeiou":
            found += [before + vowel + following + after for vowel in "aeiou"]
        if letter == following:
            found.append(before + following + after)
        elif letter in "clmnprst":
            found.append(before + letter + letter + following + after)
    words = set(facts.SPELLING.split())
    return [spelt for spelt in found if spelt not in words]


def word_forms(_: np.random.Generator) -> Iterator[Draft]:
    """Ask for plurals, past tenses, comparatives and superlatives, against those of other rules."""
    for one, many in rows(facts.PLURALS):
        wrong = [one, one + "s", one + "es", one + "en", one[:-1] + "ies", one[:-1] + "ves"]
        yield Draft(one, f"What is the plural of {one}?", many, wrong)
    for verb, past, participle in rows(facts.VERBS):
        stem = verb.removesuffix("e")
        wrong = [stem + "ed", participle, stem + "ing", verb + "s", past + "ed", verb]
        yield Draft(verb, f"What is the past tense of {verb}?", past, wrong)
    for base, more, most in rows(facts.ADJECTIVES):
        stem = base.removesuffix("e")
        wrong = [f"more {more}", most, f"{stem}er", f"{stem}est", base, f"most {base}er"]
        yield Draft(base, f"What is the comparative of {base}?", more, wrong)
        wrong = [f"most {most}", more, f"{stem}er", f"{stem}est", base, f"more {base}est"]
        yield Draft(base, f"What is the superlative of {base}?", most, wrong)


def opposites(_: np.random.Generator) -> Iterator[Draft]:
    """Ask for the opposite of a word, with others of its kind."""
    for table in facts.OPPOSITES.values():
        pairs = rows(table)
        words = [word for pair in pairs for word in pair]
        for one, other in pairs:
            rest = [word for word in words if word != one]
            yield Draft(one, f"What is the opposite of {one}?", other, rest)
            rest = [word for word in words if word != other]
            yield Draft(one, f"What is the opposite of {other}?", one, rest)


SUBJECTS = {
    "capitals": capitals,
    "elements": elements,
    "arithmetic": arithmetic,
    "calendar": calendar,
    "number order": number_order,
    "spelling": spelling,
    "word forms": word_forms,
    "opposites": opposites,
}
