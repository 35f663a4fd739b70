"""Find students who gave the same answers, also where a few names, lines or words differ."""

import ast
import io
import re
import tokenize
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from course import marked_cells_of
from nbformat import NotebookNode
from repair import is_locked, released
from syntax import bound, own_tree_of

MOST_SHARED = 0.7  # of the runs of words of an essay that another one may have, too
# The same for tokens of code. Of 850 pairs of right answers in tests/submissions, none shares more
# than 0.81. A copy with one other line or token shares 0.9 and more.
MOST_SHARED_OF_CODE = 0.85
SHORT = 80  # nodes of a syntax tree; whoever writes less may well write the same as another student


@dataclass
class Group:
    """Students whose answers to a question are alike: by their runs, the first student's first."""

    students: dict[frozenset[int], list[str]]
    share: float = 1.0  # the smallest that another answer has with the first


def identical(
    notebooks: dict[str, NotebookNode], source: NotebookNode
) -> dict[tuple[str, ...], list[str]]:
    """Return for each group of students the questions to which they gave the same answer.

    Names of variables, comments, docstrings and the layout do not count, and few other changes do
    not hide a copy: the question then says how alike the answers are. Answers as they were released
    do not count, nor do short ones, which many students write.
    """
    given = {name: _runs(essence(cell)) for name, cell in marked_cells_of(released(source)).items()}
    found: dict[str, list[Group]] = defaultdict(list)
    for student, notebook in notebooks.items():
        for name, cell in marked_cells_of(notebook).items():
            runs, is_code = _runs(essence(cell)), cell.cell_type == "code"
            if runs and not is_locked(cell) and not _share(runs, given[name], is_code):
                _add(found[name], student, runs, is_code)
    groups: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for name, of_question in found.items():
        for group in of_question:
            for who in group.students.values():
                if len(who) > 1:
                    groups[tuple(who)].append(name)
            if len(group.students) > 1:
                everybody = tuple(one for who in group.students.values() for one in who)
                groups[everybody].append(f"{name} ({100 * group.share:.0f}% alike)")
    return groups


def like_the_model(notebook: NotebookNode, source: NotebookNode) -> Iterator[str]:
    """Yield the questions to which a notebook gives the same answer as ``source``, or nearly."""
    handed_out, models = marked_cells_of(released(source)), marked_cells_of(source)
    for name, cell in marked_cells_of(notebook).items():
        runs, is_code = _runs(essence(cell)), cell.cell_type == "code"
        if runs and not is_locked(cell) and name in models:
            given, model = (_runs(essence(one[name])) for one in (handed_out, models))
            if model and _share(runs, model, is_code) and not _share(runs, given, is_code):
                yield name


def _add(groups: list[Group], student: str, runs: frozenset[int], is_code: bool) -> None:
    """Add a student to the group that has the same answer, or the first one with one like it."""
    for group in groups:
        if runs in group.students:
            group.students[runs].append(student)
            return
    for group in groups:
        if share := _share(runs, next(iter(group.students)), is_code):
            group.students[runs] = [student]
            group.share = min(group.share, share)
            return
    groups.append(Group({runs: [student]}))


def _share(runs: frozenset[int], others: frozenset[int], is_code: bool) -> float:
    """Return the share of their runs that two answers have in common, or 0 if it is too small.

    An essay can also be a part of another one. Whoever copies code copies all of it.
    """
    sizes = len(runs), len(others)
    share = len(runs & others) / max(1.0, sum(sizes) / 2 if is_code else min(sizes))
    return share if share > (MOST_SHARED_OF_CODE if is_code else MOST_SHARED) else 0.0


def _runs(words: list[str]) -> frozenset[int]:
    """Return all runs of three words, as numbers; those that repeat each time as another one."""
    seen: Counter[tuple[str, ...]] = Counter()
    numbers = set()
    for run in zip(words, words[1:], words[2:], strict=False):
        seen[run] += 1
        numbers.add(hash((*run, seen[run])))
    return frozenset(numbers) or frozenset(map(hash, words))


def essence(cell: NotebookNode) -> list[str]:
    """Return the words, or the tokens of code, that copies share; nothing for a short answer."""
    if cell.cell_type != "code":
        text = " ".join(cell.source.lower().split())
        return (re.findall(r"\w+", text) or [text]) if len(text) > 2 * SHORT else []
    tree = own_tree_of(cell.source)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.Module):
            node.body = [one for one in node.body if not _is_prose(one)] or [ast.Pass()]
    if sum(1 for _ in ast.walk(tree)) < SHORT:
        return []
    own = bound(tree)
    try:
        lines = io.StringIO(ast.unparse(tree)).readline
        tokens = [token.string.strip() for token in tokenize.generate_tokens(lines)]
    # Deep nesting or a huge number must not stop the check.
    except (RecursionError, ValueError, SyntaxError, tokenize.TokenError):
        return cell.source.split()
    return ["own name" if token in own else token for token in tokens]


def _is_prose(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
