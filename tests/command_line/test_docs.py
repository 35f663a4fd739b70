"""The page on the command line: its scripts run, and its commands print what it shows.

To write the outputs anew, run ``python -m tests.command_line.test_docs``.
"""

import contextlib
import io
import re
import shlex
import textwrap
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from calibkit.__main__ import main

PAGE = Path(__file__).parents[2] / "docs" / "command_line.rst"
BLOCK = re.compile(r"(?<=^\.\. code-block:: )(python|console)\n\n((?:   .*\n|\n)+)", re.MULTILINE)


def printed(command: str) -> str:
    """What a line such as ``$ python -m calibkit report`` prints, stdout before stderr."""
    arguments = shlex.split(command.removeprefix("$ python -m calibkit "))
    streams = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(streams[0]), contextlib.redirect_stderr(streams[1]):
        main(arguments)
    return streams[0].getvalue() + streams[1].getvalue()


def run(page: str) -> Iterator[tuple[str, str]]:
    """Run all blocks in this folder; yield every console block as it is and as it should be."""
    names: dict[str, object] = {}
    for language, indented in BLOCK.findall(page):
        block = textwrap.dedent(indented).strip()
        if language == "python":
            exec(block, names)
        else:
            command = block.splitlines()[0]
            yield indented, textwrap.indent(f"{command}\n{printed(command)}", "   ") + "\n"


def without_search(block: str) -> str:
    """Leave out how a search ended, which depends on the machine and on scipy."""
    return re.sub(r"^     (iterations|optimum) .*\n", "", block, flags=re.MULTILINE)


def test_the_page_shows_what_the_commands_print(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    blocks = list(run(PAGE.read_text(encoding="utf-8")))
    assert len(blocks) == 5
    for shown, right in blocks:
        assert without_search(shown) == without_search(right)
    assert (tmp_path / "card.html").is_file()


def test_the_page_names_every_option_that_a_file_may_need():
    page = PAGE.read_text(encoding="utf-8")
    for option in ("--labels", "--probabilities", "--score-names", "--label-name"):
        assert f"``{option}" in page


if __name__ == "__main__":
    text = PAGE.read_text(encoding="utf-8")
    with TemporaryDirectory() as folder, contextlib.chdir(folder):
        for shown, right in list(run(text)):
            text = text.replace(shown, right)
    PAGE.write_text(text, encoding="utf-8")
