"""What the names of arrays and columns say about what these hold.

The calculator of the site reads the same names: docs/make_calculator_words.py hands them over.
"""

import re

from calibkit._command_line.named_numbers import is_number

# Names, in lower case, that say what an array or a column holds.
LABELS = re.compile(
    r"((true|gold|target|actual)[_ .-]?)?(labels?|class)|y|y[_ .-]?(true|gold)|true|"
    r"y[_ .-]?actual|actuals?|gold([_ .-]?standard)?|targets?|outcomes?|events?|(is_)?correct|"
    r"matched|klasse|gt([_ .-]?(labels?|class))?|(ground[_ .-]?)?truth|diagnos[ei]s?"
)
# Names of labels that tell whether the model's answer is right. A column of scores may have some of
# these names as well, for a class such as ok or right.
RIGHT = re.compile(r"(is_)?(correct|right|ok)|matched|hit")
# Names of outcomes, which are the labels only where no other column holds outcomes.
EVENTS = re.compile(r"is[_ .-](?!(train|val|valid|validation|dev|cal|calib|test|holdout)).+")
# What a column of words says if it tells to which set a sample belongs.
SET = re.compile(r"train(ing)?|val|valid(ation)?|dev|cal|calib(ration)?|test(ing)?|holdout")
BEFORE_EVENT = re.compile(r"is[_ .-]", re.IGNORECASE)
# Names of columns that tell to which set a sample belongs, and what they say of the samples that
# the model was trained on.
SPLIT = re.compile(
    r"(data[_ .-]?)?(split|set|subset|partition)|((is|in)[_ .-])?train(ing)?([_ .-]set)?"
)
TRAINED = re.compile(r"train(ing)?([_ .-]set)?|1|1\.0|true|yes")
# Names of one-hot labels, before that of a class.
ONE_HOT = re.compile(r"((true|gold)[_ .-])?(labels?|class|target|y|gt)([_ .-]true)?[_ .-].+")
# Names of numbers that stand for the labels beside them.
LABEL_NUMBERS = re.compile(
    r"(labels?|class|targets?|y|gt)[_ .-]?(ids?|idx|index|num|number|no|nr|code)"
)
LOGITS = re.compile(r"logit.*")
CONFIDENCE = re.compile(r"conf.*")
PROBABILITIES = re.compile(r"(y_)?(prob|conf).*|p|p[_(\[ ]?\d+.*|p_.*|pr? ?(\(.+\)|\[.+\])")
# These names say that scores are probabilities, but not that a column or an array holds scores. The
# logarithms of probabilities may have names such as log_prob or ln_p_prob.
END_IN_PROB = re.compile(
    r"(?!(.*[_ .-])?(neg|minus)?(log(its?|10|2)?|ln|nll)[_ .-])"
    r".+[_ .-]prob(as?|abilit(y|ies)|s)?"
)
# Before the name of a class in the name of its column.
BEFORE_CLASS = re.compile(
    r"(logits?|prob(as?|abilit(y|ies)|s)?|pr?)([ _.:-]+(?=.)|(?=[\d(\[]))", re.IGNORECASE
)
BEFORE_POSITIVE = re.compile("score_", re.IGNORECASE)
# Programs write the class 1 as 1.0 if the labels are floating-point numbers.
NUMBERED = re.compile(r"(.*?)[\[(]?(\d+)(?:\.0)?[\])]?")
_FLOATING = re.compile(r"^(\d+)\.0$")
# Beside the name of an array, these words say which set it belongs to.
_SETS = {"calibration": "val|valid|validation|dev|cal|calib|calibration", "test": "test"}
OF_SET = {
    name: re.compile(rf"(?:{words})[_.-](.+)|(.+)[_.-](?:{words})", re.IGNORECASE)
    for name, words in _SETS.items()
}


def declared(names: dict[str, str], *kinds: re.Pattern[str]) -> list[str]:
    """Return the names that say that they hold something of these kinds."""
    return [
        name for name, bare in names.items() if any(kind.fullmatch(bare.lower()) for kind in kinds)
    ]


def names_of_set(names: list[str], pattern: re.Pattern[str]) -> dict[str, str]:
    """Return the names of one set, each with what it is without the word of the set."""
    found = {name: pattern.fullmatch(name) for name in names}
    return {name: match[1] or match[2] for name, match in found.items() if match}


def whole_sets(names: list[str]) -> dict[str, dict[str, str]]:
    """Return the names of each set that has both scores and labels."""
    sets = {which: names_of_set(names, pattern) for which, pattern in OF_SET.items()}
    return {
        which: found
        for which, found in sets.items()
        if declared(found, LABELS) and declared(found, LOGITS, PROBABILITIES)
    }


def names_of_other_set(names: list[str], own: dict[str, str]) -> set[str]:
    """Return the names of the set that is not read, if there are two."""
    whole = list(whole_sets(names).values())
    return {name for found in whole if own in whole and found != own for name in found}


def names_of_columns(names: list[str]) -> dict[str, str]:
    """Return the names, that of the labels without the word of a set if no other name says it."""
    every = {name: name for name in names}
    if declared(every, LABELS):
        return every
    of_sets = {
        name: bare
        for pattern in OF_SET.values()
        for name, bare in names_of_set(names, pattern).items()
    }
    return every | {name: of_sets[name] for name in declared(of_sets, LABELS)}


def is_confidence(scores: str, labels: str) -> bool:
    """Say whether a single column tells how likely the answer of a model is to be right.

    Beside a column such as p_ok, the labels called is_ok tell of a class.
    """
    if CONFIDENCE.fullmatch(_without_set(scores).lower()):
        return True
    names_class = RIGHT.fullmatch(class_of(scores).lower())
    return bool(RIGHT.fullmatch(_without_set(labels).lower())) and not names_class


def _without_set(name: str) -> str:
    """Return a name without the word of its set."""
    found = (names_of_set([name], pattern) for pattern in OF_SET.values())
    return next((bare[name] for bare in found if bare), name)


def class_of(column: str) -> str:
    """Return the class that the name of a single column names."""
    name = BEFORE_CLASS.sub("", column, count=1)
    return plain(name[1:-1] if name[:1] + name[-1:] in {"()", "[]"} else name)


def plain(name: str) -> str:
    """Return the name of a class, or 1 for 1.0, as programs write it among missing labels."""
    return _FLOATING.sub(r"\1", name)


def are_words(labels: set[str]) -> bool:
    return not all(map(is_number, labels))


def classes_of(columns: list[str], labels: set[str]) -> list[str]:
    """Return the classes that columns name, as the labels spell them.

    The column p_cat names the label Cat as well, unless there is also a label or a column that
    differs in nothing but capital letters.
    """
    exact = _classes_of(columns, labels)
    spelt = {label.lower(): label for label in labels}
    if labels <= set(exact) or len(spelt) < len(labels):
        return exact
    found = _classes_of([column.lower() for column in columns], set(spelt))
    if len(set(found)) < len(found):
        return exact
    return [spelt.get(name, own) for name, own in zip(found, exact, strict=True)]


def _classes_of(columns: list[str], labels: set[str]) -> list[str]:
    """Return the classes that columns name, without what stands around every label.

    So the columns s_cat and s_dog name the labels cat and dog, whatever s may mean, and z1 and z2
    name the labels 1 and 2.
    """
    classes = [class_of(column) for column in columns]
    if not labels or labels <= set(classes):
        return classes
    if not are_words(labels):
        numbers = numbers_of(columns)
        # Numbers that count up from 0 say no more than the order does.
        return [str(k) for k in numbers] if numbers and min(numbers) == 1 else classes
    one = max(sorted(labels), key=len)
    # A label such as a may stand in the word class as well.
    places = [(name, at) for name in columns for at in range(len(name)) if name.startswith(one, at)]
    for column, at in places:
        before, after = column[:at], column[at + len(one) :]
        if all(f"{before}{label}{after}" in columns for label in labels):
            return [
                name.removeprefix(before).removesuffix(after)
                if _is_around(name, before, after)
                else own
                for name, own in zip(columns, classes, strict=True)
            ]
    return classes


def in_order(columns: list[str]) -> list[str]:
    """Return columns in the order of their numbers, if their names differ in nothing else."""
    numbers = dict(zip(columns, numbers_of(columns), strict=False))
    return sorted(columns, key=numbers.__getitem__) if numbers else columns


def numbers_of(columns: list[str]) -> list[int]:
    """Return the numbers with which the names of columns end, if they have the rest in common."""
    found = [NUMBERED.fullmatch(column) for column in columns]
    stems = {match[1] if match else None for match in found}
    return [int(match[2]) for match in found if match] if len(stems) == 1 else []


def _is_around(name: str, before: str, after: str) -> bool:
    return name.startswith(before) and name.endswith(after) and len(name) > len(before + after)


def shortly(names: list[str]) -> str:
    return ", ".join(names) if len(names) < 5 else f"{names[0]}, {names[1]}, ..., {names[-1]}"


def are_named(labels: set[str], columns: list[str]) -> bool:
    """Say whether a column is named after one of the labels."""
    if labels & set(classes_of(columns, labels)):
        return True
    return any(positive_of(column, sorted(labels)) is not None for column in columns)


def event_of(label_name: str) -> str:
    """Return the class, in lower case, of which labels of 0 and 1 tell by their name."""
    return BEFORE_EVENT.sub("", label_name, count=1).lower()


def names_score(label_name: str, columns: list[str]) -> bool:
    """Say whether labels are called is_spam, for example, and a column p_spam."""
    if not EVENTS.fullmatch(label_name.lower()):
        return False
    return event_of(label_name) in {class_of(name).lower() for name in columns}


def is_of_class(label_name: str, columns: list[str]) -> bool:
    """Say whether labels have the name of a class, for which another column holds scores."""
    others = {class_of(name).lower() for name in columns if name != label_name}
    return event_of(label_name) in others


def positive_of(column: str, names: list[str]) -> str | None:
    """Return the one of some labels that the name of a single column of scores ends with.

    It may be written in other letters, such as p_yes for the label Yes.
    """
    lower = {name.lower(): name for name in names}
    exact = _end_of(column, names)
    if exact is not None or len(lower) < len(names):
        return exact
    return lower.get(_end_of(column.lower(), list(lower)) or "")


def _end_of(column: str, names: list[str]) -> str | None:
    whole = class_of(BEFORE_POSITIVE.sub("", column, count=1))
    ends = [name for name in names if re.search(rf"[\W_]{re.escape(name)}$", column)]
    return whole if whole in names else max(ends, key=len, default=None)
