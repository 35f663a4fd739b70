"""An assignment goes to a student and comes back through nbgrader's shared folder."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from .test_grade import FULL, class_of, grade, hand_in, isolation, sandbox, tiny  # noqa: F401


@pytest.mark.slow
def test_the_command_of_the_page_hands_out_feedback(class_of, grade, isolation, tmp_path, capsys):  # noqa: F811
    """A second student has sent the notebook by mail, and is named instead."""
    import check_grades
    import feedback

    shared, of_student = tmp_path / "shared", tmp_path / "student"
    for folder in (shared, of_student):
        folder.mkdir()
    shared.chmod(0o777)
    course = class_of()
    with (course / "nbgrader_config.py").open("a", encoding="utf-8") as file:
        file.write(f"\nc.Exchange.root = {str(shared)!r}\n")
    (of_student / ".jupyter").mkdir()
    (of_student / ".jupyter" / "nbgrader_config.py").write_text(
        f"c = get_config()\nc.Exchange.root = {str(shared)!r}\n", encoding="utf-8"
    )

    run("release_assignment", "tiny", cwd=course)
    run("fetch_assignment", "tiny", "--course", "calibkit", cwd=of_student)
    solved = hand_in(course, "solved", FULL)
    shutil.move(solved / "tiny.ipynb", of_student / "tiny" / "tiny.ipynb")
    shutil.rmtree(solved.parent)
    run("submit", "tiny", "--course", "calibkit", cwd=of_student)
    run("collect", "tiny", cwd=course)
    hand_in(course, "mailed", FULL)
    assert grade.main(["tiny", "--course", str(course)]) == 0
    assert "does not belong" not in capsys.readouterr().out
    assert check_grades.main(course) == 0

    assert feedback.main(["tiny", "--course", str(course)]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.startswith("Send their pages to mailed, who did not hand in through the shared")
    command = said.partition("run: nbgrader ")[2].split()
    assert command[:2] == ["release_feedback", "tiny"]
    run(*command, cwd=course)
    run("fetch_feedback", "tiny", "--course", "calibkit", cwd=of_student)
    (page,) = of_student.rglob("feedback/*/tiny.html")
    (own,) = set((course / "feedback").glob("*/tiny/tiny.html")) - set(
        (course / "feedback").glob("mailed/tiny/tiny.html")
    )
    assert page.read_bytes() == own.read_bytes()

    shutil.rmtree(course / "autograded" / "mailed")
    assert feedback.main(["tiny", "--course", str(course)]) == 0
    said = capsys.readouterr().out.splitlines()[-1]
    assert said.endswith("in the shared folder, run: nbgrader release_feedback tiny")


def run(*command: str, cwd: Path) -> None:
    """Run nbgrader as somebody whose own folder is the one where it runs."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    own = {"PATH": path, "HOME": str(cwd), "JUPYTER_DATA_DIR": str(cwd / ".jupyter")}
    done = subprocess.run(
        [sys.executable, "-m", "nbgrader", *command],
        check=False,
        cwd=cwd,
        env={**os.environ, **own},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
