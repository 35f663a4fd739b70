"""Repair submitted notebooks, so that damage to one cell costs at most the points of its question.

``read`` gets a notebook out of a file, and ``repaired`` gives it the marked cells of the source:
each exactly once, in the order of the source, with the source's metadata and tests. Both also
return a sentence for each thing that they repaired.
"""

import ast
import codecs
import html
import json
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any

import nbformat
from course import marked_cells_of
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_raw_cell
from nbgrader.preprocessors import ClearHiddenTests, ClearSolutions
from nbgrader.utils import compute_checksum

BYTE_ORDER_MARKS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
MAGIC = TransformerManager()
# An honest notebook has less of everything, and what is longer would cost the others their time.
MOST_BYTES = 50 * 2**20  # of a submitted file
MOST_CELLS = 2000
MOST_PICTURE_BYTES = 5 * 2**20  # of all pictures that were pasted into a notebook
LONGEST_CODE = 50_000  # characters of a cell
MOST_COMMANDS = 50  # of IPython in a cell, which it finds one by one, each time from the top
PICTURES = ("image/png", "image/jpeg", "image/gif")
COMMAND = re.compile(r"^\s*[%!?,;/]|\?\s*$|=\s*[%!]", re.MULTILINE)
TAG = re.compile(r"<(?=[A-Za-z/!?])")
SCHEMES = re.compile(r"(?:javascript|vbscript):|data:(?!image/(?:png|jpeg|gif))", re.IGNORECASE)
SEEDS = re.compile(r"^.*SEED\b.*=.*$", re.MULTILINE)
MOST_PARTS = 6
NEW_CELL: dict[str, Callable[..., NotebookNode]] = {
    "code": new_code_cell,
    "markdown": new_markdown_cell,
    "raw": new_raw_cell,
}


# --- from a file to a notebook --------------------------------------------------------------------


def read(path: Path) -> tuple[NotebookNode, list[str]]:
    """Read a notebook of any format; raise ValueError if the file holds none."""
    text, remarks = _decoded(content(path))
    try:
        found, end = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        what = "is incomplete" if text.startswith("{") else "is not a notebook"
        raise ValueError(
            f"{path.name} {what} ({error}); ask the student for the file that Jupyter saved"
        ) from None
    if text[end:].strip("\0 \r\n\t"):
        remarks.append("Text after the end of the notebook was dropped.")
    try:
        version = found.get("nbformat")
        notebook = nbformat.from_dict(found)
        if version != 4:
            notebook = nbformat.reads(json.dumps(found), as_version=4)
            remarks.append(f"The notebook was converted from format {version}.")
        if not isinstance(notebook.cells, list):
            raise TypeError("its cells are no list")
        if len(notebook.cells) > MOST_CELLS:
            raise ValueError(f"it has more than {MOST_CELLS} cells")
    except Exception as error:  # nbformat raises errors of many kinds for what it cannot convert
        raise ValueError(
            f"{path.name} cannot be graded ({error}); ask the student for another file"
        ) from None
    return notebook, remarks


def content(path: Path) -> bytes:
    """Return what a file holds; raise ValueError for what is no file of its own, or too large.

    A link can lead anywhere.
    """
    if any(part.is_symlink() for part in (path, path.parent, path.parent.parent)):
        raise ValueError(
            f"{path.name} is a link or in a linked folder; put the notebook itself there"
        )
    if not path.is_file():
        raise ValueError(f"the folder holds no {path.name}; give the notebook this name")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(
            f"{path.name} is larger than {MOST_BYTES} bytes; ask for one without outputs"
        )
    return path.read_bytes()


def _decoded(content: bytes) -> tuple[str, list[str]]:
    """Decode as UTF-8, or as what a byte-order mark says, or as the code page of Windows."""
    for mark, encoding in BYTE_ORDER_MARKS.items():
        if content.startswith(mark):
            text = content.removeprefix(mark).decode(encoding, errors="replace")
            return text.lstrip(), [f"The file was read as {encoding}, which its first bytes say."]
    try:
        return content.decode().lstrip(), []
    except UnicodeDecodeError:
        text = content.decode("cp1252", errors="replace")
        return text.lstrip(), ["The file is not in UTF-8, and was read as cp1252."]


# --- from a notebook to one that nbgrader can grade -----------------------------------------------


@dataclass
class Piece:
    """A cell of the submission: its text in a new cell, and what the old one was."""

    cell: NotebookNode
    id: str
    name: str | None  # of the marked cell that it is
    follows: str = ""  # the text of the cell before it
    has_empty_mark: bool = False  # JupyterLab leaves ``nbgrader: {}`` in a part of a split cell
    is_as_released: bool = False  # by the checksum that nbgrader noted when it released the cell


def repaired(submitted: NotebookNode, source: NotebookNode) -> tuple[NotebookNode, list[str]]:
    """Return a notebook that nbgrader can grade, and a sentence for each repair.

    ``source`` is the notebook of source/ or of release/. No line of a solution gets into the
    result, but the hidden tests of the source do.
    """
    originals = marked_cells_of(source)
    shown = released(source)
    marked = marked_cells_of(shown)
    given = {cell.source for cell in shown.cells}
    remarks: list[str] = []
    pieces = [_piece(cell, marked) for cell in submitted.get("cells", ()) if isinstance(cell, dict)]
    for before, piece in pairwise(pieces):
        piece.follows = before.cell.source
    remarks += _name_again(pieces, shown)
    remarks += _retype(pieces, marked)
    pieces = _keep_one_of_each(pieces, marked, remarks)
    pieces = _join_splits(pieces, marked, remarks)
    pieces = _in_order(pieces, marked, remarks)
    # A cell that was moved between the parts of an answer is back at its place now.
    pieces = _join_splits(pieces, marked, remarks)
    remarks += _edited(pieces, shown)
    pieces = _setup(pieces, source, remarks) + pieces
    remarks += _drop_pictures(pieces)
    for place, piece in enumerate(pieces):
        piece.cell.id = f"cell-{place}"
        if piece.cell.cell_type == "markdown" and piece.cell.source not in given:
            remarks += _disarm(piece)
        if piece.name is not None:
            remarks += _restore(piece, originals[piece.name], marked[piece.name].source)
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    metadata = {"kernelspec": kernel, **source.metadata}
    asked = _mapping(_mapping(submitted.get("metadata")).get("kernelspec")).get("name", "python3")
    if asked != metadata["kernelspec"]["name"]:
        remarks.append(f"The notebook names the kernel {asked!s:.60}, and is run with python3.")
    result = new_notebook(cells=[piece.cell for piece in pieces], metadata=metadata)
    nbformat.validate(result)
    return result, remarks


def is_locked(cell: NotebookNode) -> bool:
    """Say whether a marked cell is a test, which no student may change."""
    return not cell.metadata.nbgrader.solution


def released(source: NotebookNode) -> NotebookNode:
    """Return a notebook of source/ without its secrets, and one of release/ as it is."""
    if not any("### BEGIN SOLUTION" in cell.source for cell in source.cells):
        return source
    notebook, resources = deepcopy(source), {}
    for clear in (ClearSolutions(), ClearHiddenTests()):
        notebook, resources = clear.preprocess(notebook, resources)
    return notebook


@lru_cache(maxsize=10_000)
def parses(text: str) -> bool:
    """Say whether Jupyter could run a cell with this text: magic commands are allowed."""
    if len(text) > LONGEST_CODE or len(COMMAND.findall(text)) > MOST_COMMANDS:
        return False
    try:
        ast.parse(MAGIC.transform_cell(text))
    except (SyntaxError, ValueError, RuntimeError, MemoryError):
        return False
    return True


def _mapping(value: Any) -> dict:
    return value if isinstance(value, dict) else {}


def _piece(cell: dict, marked: dict[str, NotebookNode]) -> Piece:
    """Make a new cell with nothing but the text (and pasted images) of a submitted one."""
    text = cell.get("source", "")
    text = "".join(map(str, text)) if isinstance(text, list) else str(text or "")
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    asked = cell.get("cell_type")
    kind = asked if isinstance(asked, str) and asked in NEW_CELL else "raw"
    new = NEW_CELL[kind](text)
    if kind == "markdown" and (pictures := _pictures(cell.get("attachments"))):
        new.attachments = pictures
    metadata = _mapping(cell.get("metadata"))
    name = _mapping(metadata.get("nbgrader")).get("grade_id")
    return Piece(
        new,
        id=str(cell.get("id")),
        name=name if isinstance(name, str) and name in marked else None,
        has_empty_mark=metadata.get("nbgrader") == {},
        is_as_released=_is_as_released(cell, text),
    )


def _pictures(attachments: Any) -> dict[str, dict[str, str]]:
    """Return the pictures that a cell holds, without what is none."""
    found = {
        str(name): {
            kind: data
            for kind, data in _mapping(of_kinds).items()
            if kind in PICTURES and isinstance(data, str)
        }
        for name, of_kinds in _mapping(attachments).items()
    }
    return {name: of_kinds for name, of_kinds in found.items() if of_kinds}


def _drop_pictures(pieces: list[Piece]) -> Iterator[str]:
    """Leave out the pictures of the cells for which there is no room in the notebook."""
    room = MOST_PICTURE_BYTES
    for piece in pieces:
        pictures = piece.cell.get("attachments", {}).values()
        room -= sum(len(data) for of_kinds in pictures for data in of_kinds.values())
        if pictures and room < 0:
            del piece.cell["attachments"]
            name = f"The cell {piece.name}" if piece.name else "A cell without a question"
            yield f"{name} holds more pictures than there is room for, and they are left out."


def _is_as_released(cell: dict, text: str) -> bool:
    try:
        return bool(
            cell["metadata"]["nbgrader"]["checksum"]
            == compute_checksum(nbformat.from_dict({**cell, "source": text}))
        )
    except (AttributeError, KeyError, TypeError):  # The notes of nbgrader are damaged.
        return False


def _name_again(pieces: list[Piece], shown: NotebookNode) -> Iterator[str]:
    """Find marked cells that lost their mark: by the id, the text, what they define, or the place.

    The place is right behind the same cell as in the notebook that students were shown.
    """
    given = {cell.source for cell in shown.cells}
    for name, cell in marked_cells_of(shown).items():
        place = next(k for k, other in enumerate(shown.cells) if other is cell)
        before = shown.cells[place - 1].source if place else ""
        defined = set() if is_locked(cell) else _defined(cell.source)
        for is_it in (
            lambda piece, cell=cell: piece.id == cell.get("id"),
            lambda piece, cell=cell: piece.cell.source == cell.source,
            lambda piece, defined=defined: bool(defined & _defined(piece.cell.source)),
            lambda piece, before=before, kind=cell.cell_type: (
                piece.follows == before
                and piece.cell.cell_type == kind
                and piece.cell.source not in given
            ),
        ):
            if any(piece.name == name for piece in pieces):
                break
            found = [piece for piece in pieces if piece.name is None and is_it(piece)]
            if found:
                found[-1].name = name
                yield f"The cell {name} had lost its mark, and was marked again."


def _defined(text: str) -> set[str]:
    """Return the functions and classes that a text defines."""
    return set(re.findall(r"^(?:def|class) +(\w+)", text, re.MULTILINE))


def _retype(pieces: list[Piece], marked: dict[str, NotebookNode]) -> Iterator[str]:
    """Turn code that became text into code again, and text that became code into text."""
    for piece in pieces:
        kind = piece.cell.cell_type if piece.name is None else marked[piece.name].cell_type
        if kind != piece.cell.cell_type:
            yield f"The cell {piece.name} was {piece.cell.cell_type}, and is {kind} again."
            piece.cell = NEW_CELL[kind](piece.cell.source)


def _keep_one_of_each(
    pieces: list[Piece], marked: dict[str, NotebookNode], remarks: list[str]
) -> list[Piece]:
    """Let the last copy of an answer be marked, as it counts if the notebook is run from the top.

    The other copies stay where they are, since the student may need what they define. Copies
    without an answer, and copies of test cells, are dropped.
    """
    dropped: list[Piece] = []
    for name, cell in marked.items():
        copies = [piece for piece in pieces if piece.name == name]
        if len(copies) < 2:
            continue
        answered = [piece for piece in copies if piece.cell.source != cell.source]
        kept = (answered or copies)[-1]
        for piece in copies:
            if piece is not kept:
                piece.name = None
                same = piece.cell.source == kept.cell.source
                if same or is_locked(cell) or piece not in answered:
                    dropped.append(piece)
        remarks.append(f"There were {len(copies)} cells {name}, and the last answer counts.")
    return [piece for piece in pieces if not any(piece is other for other in dropped)]


def _join_splits(
    pieces: list[Piece], marked: dict[str, NotebookNode], remarks: list[str]
) -> list[Piece]:
    """Join an answer that was split into cells which make no sense alone.

    Parts that do run alone stay cells of their own: they run in the same order.
    """
    for name, cell in marked.items():
        if is_locked(cell):
            continue
        while run := _split(pieces, name):
            joined = next(piece for piece in run if piece.name == name)
            joined.cell.source = "\n".join(piece.cell.source for piece in run)
            pieces = [p for p in pieces if p is joined or not any(p is part for part in run)]
            remark = f"The cell {name} was split, and was joined again."
            if remark not in remarks:
                remarks.append(remark)
    return pieces


def _split(pieces: list[Piece], name: str) -> list[Piece]:
    """Return the shortest run of neighbours that belong together with a marked cell."""
    place = next((k for k, piece in enumerate(pieces) if piece.name == name), None)
    if place is None:
        return []
    before = [k for k in range(place) if pieces[k].name is not None]
    after = [k for k in range(place + 1, len(pieces)) if pieces[k].name is not None]
    kind = pieces[place].cell.cell_type
    window = [
        piece
        for piece in pieces[max(before, default=-1) + 1 : min(after, default=len(pieces))]
        if piece.cell.cell_type == kind or piece.has_empty_mark
    ]
    own = next(k for k, piece in enumerate(window) if piece.name == name)
    # Nobody splits an answer into more parts, and to try all runs of many cells takes long.
    first = max(0, own - MOST_PARTS)
    window, own = window[first : own + MOST_PARTS + 1], own - first
    runs = [
        window[first:last]
        for first, last in combinations(range(len(window) + 1), 2)
        if first <= own < last and last - first > 1
    ]
    for run in sorted(runs, key=len):
        text = "\n".join(piece.cell.source for piece in run)
        is_broken = kind == "code" and not all(parses(piece.cell.source) for piece in run)
        others = [piece for piece in run if piece.name is None]
        if all(piece.has_empty_mark for piece in others) and (kind != "code" or parses(text)):
            return run
        if is_broken and parses(text):
            return run
    return []


def _in_order(
    pieces: list[Piece], marked: dict[str, NotebookNode], remarks: list[str]
) -> list[Piece]:
    """Bring the marked cells into the order of the source, and put missing ones back.

    As few cells as possible are moved, and rather tests than answers.
    """
    order = list(marked)
    staying = _staying(pieces, marked)
    elsewhere = {piece.name: piece for piece in pieces if piece.name not in {None, *staying}}
    pieces = [piece for piece in pieces if piece.name is None or piece.name in staying]
    for rank, name in enumerate(order):
        if name in staying:
            continue
        cell = marked[name]
        if name in elsewhere:
            piece = elsewhere[name]
            remarks.append(f"The cell {name} was moved, and is back at its place.")
        else:
            piece = Piece(NEW_CELL[cell.cell_type](cell.source), "", name)
            remarks.append(f"The cell {name} was deleted, and was put back.")
        names = [other.name for other in pieces]
        start = names.index(order[rank - 1]) + 1 if rank else 0
        end = next((k for k in range(start, len(names)) if names[k] is not None), len(names))
        if is_locked(cell):  # behind all the code that may belong to its answer
            while end > start and pieces[end - 1].cell.cell_type != "code":
                end -= 1
        pieces.insert(end, piece)
    return pieces


def _staying(pieces: list[Piece], marked: dict[str, NotebookNode]) -> set[str]:
    """Return the names of the marked cells that are in order already: the heaviest such series."""
    rank = {name: k for k, name in enumerate(marked)}
    series: list[tuple[int, list[str]]] = []
    for name in (piece.name for piece in pieces if piece.name is not None):
        earlier = [found for found in series if rank[found[1][-1]] < rank[name]]
        weight, names = max(earlier, key=lambda found: found[0], default=(0, []))
        own = 1 if is_locked(marked[name]) else 1 + len(marked)
        series.append((weight + own, [*names, name]))
    return set(max(series, key=lambda found: found[0])[1]) if series else set()


def _setup(pieces: list[Piece], source: NotebookNode, remarks: list[str]) -> list[Piece]:
    """Return the given code in front of all questions that the submission lacks."""
    ids = {piece.id for piece in pieces if piece.cell.cell_type == "code"}
    texts = {piece.cell.source for piece in pieces if piece.cell.cell_type == "code"}
    missing = []
    for cell in source.cells:
        if "nbgrader" in cell.metadata:
            break
        if cell.cell_type == "code" and cell.get("id") not in ids and cell.source not in texts:
            missing.append(Piece(new_code_cell(cell.source), "", None))
    if missing:
        remarks.append("Given code before the first question was deleted, and was put back.")
    return missing


def _edited(pieces: list[Piece], shown: NotebookNode) -> Iterator[str]:
    """Name the given code that a student edited: it runs as it is, and belongs to no question.

    It is found by its id, or else right behind the same cell as in what students were shown.
    """
    code = [piece for piece in pieces if piece.name is None and piece.cell.cell_type == "code"]
    here = {_meaning(piece.cell.source) for piece in code}
    for before, cell in pairwise([new_markdown_cell(), *shown.cells]):
        is_given = cell.cell_type == "code" and "nbgrader" not in cell.metadata
        if not is_given or _meaning(cell.source) in here:
            continue
        places = (
            lambda piece, cell=cell: piece.id == cell.get("id"),
            lambda piece, before=before: piece.follows == before.source,
        )
        if any(is_it(piece) for is_it in places for piece in code):
            yield f"The given cell that begins with {cell.source.splitlines()[0]!r} was edited."


def _meaning(text: str) -> str:
    """Return what two texts of the same code share; a student can have seeds of their own."""
    text = SEEDS.sub(lambda line: re.sub(r"\d+", "0", line[0]), text)
    return ast.dump(ast.parse(MAGIC.transform_cell(text))) if parses(text) else text


def _disarm(piece: Piece) -> Iterator[str]:
    """Let a page show what a student wrote as text, where it would run in the teacher's browser."""
    text = piece.cell.source
    name = f"The cell {piece.name}" if piece.name else "A cell without a question"
    if SCHEMES.search(re.sub(r"[\s\x00-\x1f]", "", html.unescape(text))):
        fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=2))
        piece.cell.source = f"{fence}text\n{text}\n{fence}"
        yield f"{name} holds a link that runs code, and is shown as it was typed."
    elif TAG.search(text):
        yield f"{name} holds HTML, which is shown as text."
    piece.cell.source = TAG.sub("&lt;", piece.cell.source)


def _restore(piece: Piece, original: NotebookNode, shown: str) -> Iterator[str]:
    """Give a marked cell the metadata of the source, and a test cell its text."""
    cell = piece.cell
    cell.metadata = nbformat.from_dict({"nbgrader": dict(original.metadata.nbgrader)})
    if is_locked(original):
        if cell.source.rstrip() not in (shown.rstrip(), original.source.rstrip()):
            name = original.metadata.nbgrader.grade_id
            if piece.is_as_released:
                yield f"The test cell {name} is from an earlier release, and was renewed."
            else:
                yield f"The test cell {name} was edited, and was restored."
        cell.source = original.source
