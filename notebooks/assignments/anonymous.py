"""Show what students wrote without saying who they are.

Comments go, and so do texts that the teacher's notebook does not hold, because anybody's name can
stand in them. A word of the code that names a student of the class becomes ``someone``.
"""

import builtins
import keyword
import re
from collections.abc import Iterable, Iterator
from typing import Any

from pygments.lexers import PythonLexer
from pygments.token import Comment, Error, String

SOMEONE = "someone"
LEFT_OUT = "…"
LONGEST_MESSAGE = 400
# Shorter names and numbers are too common in code to tell who wrote it.
SHORTEST_NAME, SHORTEST_NUMBER, SHORTEST_INSIDE_A_WORD = 2, 4, 5
# Digits alone are no word here: "got 3" tells nobody's name.
WORD = re.compile(r"\b(?!\d+\b)\w+")
QUOTED = re.compile(r"'[^'\n]*'|\"[^\"\n]*\"")
PATH = re.compile(r"(?<![\w)\]])(?:~|\.{1,2}|[A-Za-z]:)?[/\\][^\s'\"]+")


class Anonymous:
    """Removes from code and messages what could name a student.

    Parameters
    ----------
    names : iterable of str
        Names, ids and addresses of all students.
    shown : str
        All text of the teacher's notebook. A word that it holds names nobody.
    """

    def __init__(self, names: Iterable[str], shown: str) -> None:
        every = [name.partition("@")[0].casefold() for name in names]
        parts = {part for name in every for part in re.findall(r"[^\W_]+", name)}
        whole = {"".join(re.findall(r"[^\W_]+", name)) for name in every}
        self._names = {name for name in parts | whole if len(name) >= _least(name)}
        self._inside = {name for name in self._names if len(name) >= SHORTEST_INSIDE_A_WORD}
        self._shown = {*re.findall(r"\w+", shown), *keyword.kwlist, *dir(builtins)}

    def code(self, source: str) -> str:
        """Return code without comments, docstrings, own texts and names of students."""
        kept, is_broken = [], False
        for kind, text in _tokens(source):
            is_broken = (is_broken or kind in Error) and "\n" not in text
            if is_broken or kind in Error or kind in Comment:
                kept.append("\n" * text.count("\n"))
            elif kind in String.Affix:
                kept.append(text)
            elif kind in String.Doc:
                kept.append('"""' + LEFT_OUT + '"""')
            elif kind in String and not self._is_shown(text):
                kept.append(LEFT_OUT)
            else:
                kept.append(self._without_names(text))
        code = re.sub(f"{LEFT_OUT}+", LEFT_OUT, "".join(kept))
        return "\n".join(line.rstrip() for line in code.splitlines() if line.strip())

    def own_words(self, source: str) -> set[str]:
        """Return words of comments and texts in a student's code that the teacher did not write."""
        texts = (text for kind, text in _tokens(source) if kind in Comment or kind in String)
        return {word for text in texts for word in WORD.findall(text)} - self._shown

    def message(self, text: str, own_words: set[str]) -> str:
        """Return the message of an error without what could name a student.

        The student's own words go too, because an answer can raise an error that says a name.
        """
        text = PATH.sub(LEFT_OUT, QUOTED.sub(lambda found: self._quoted(found[0]), text))
        text = WORD.sub(lambda word: LEFT_OUT if word[0] in own_words else word[0], text)
        text = re.sub(f"{LEFT_OUT}( ?{LEFT_OUT})+", LEFT_OUT, self._without_names(text))
        return text if len(text) <= LONGEST_MESSAGE else text[:LONGEST_MESSAGE] + LEFT_OUT

    def _quoted(self, text: str) -> str:
        return text if self._is_shown(text) else text[0] + LEFT_OUT + text[0]

    def _is_shown(self, text: str) -> bool:
        return not PATH.search(text) and self._shown.issuperset(WORD.findall(text))

    def _without_names(self, text: str) -> str:
        return re.sub(r"\w+", lambda word: SOMEONE if self._names_one(word[0]) else word[0], text)

    def _names_one(self, word: str) -> bool:
        if word in self._shown:
            return False
        # "solutionOfAnna" holds Anna as much as "solution_of_anna" does.
        split = re.sub(r"(?<=[^\W\d_])(?=[A-Z])", "_", word)
        parts = {part.casefold() for part in re.findall(r"[^\W_]+", f"{word}_{split}")}
        together = word.replace("_", "").casefold()
        return not parts.isdisjoint(self._names) or any(name in together for name in self._inside)


def _tokens(source: str) -> Iterator[tuple[Any, str]]:
    """Yield the tokens of code, which need not be valid, without the commands of IPython.

    These commands, such as "%cd" and "!ls", are no Python, and may hold paths.
    """
    lines = source.splitlines()
    python = "\n".join(line for line in lines if not line.lstrip().startswith(("%", "!")))
    yield from PythonLexer(ensurenl=False, stripnl=False).get_tokens(python)


def _least(name: str) -> int:
    return SHORTEST_NUMBER if name.isdigit() else SHORTEST_NAME
