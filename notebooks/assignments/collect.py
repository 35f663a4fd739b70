"""Find out whose each handed-in file is, and collect the newest of each student.

Teachers put what they downloaded into downloaded/ASSIGNMENT/archive/: files, folders and zips, as
Canvas, Moodle or a mail program named them. A name says whose a file is. Nothing is guessed: a
file that says nothing, or two things, is named and left.
"""

import hashlib
import io
import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from zipfile import ZipFile

import spreadsheet

COLUMNS = ("assignment", "student", "platform_id", "late", "file", "sha256")
# "doejane_LATE_123_456_homework-1.ipynb": the ids of the student and of the upload, which grows
# from one upload to the next. Where students are anonymous, "anon_x7Yq2" stands for name and id.
CANVAS = re.compile(
    r"(?:(?P<student>.+?)_)??(?:(?P<late>LATE)_)?(?P<id>(?(student)\d+|anon_\w+?))"
    r"_(?P<upload>\d+)_.+"
)
# "Jane Doe_123_assignsubmission_file_", a folder or the beginning of a file's name
MOODLE = re.compile(r"(?P<student>.+?)_(?P<id>\d+)_assignsubmission_file(?:_.*)?")
NO_STUDENT = re.compile(r'[\x00-\x1f\x7f-\x9f\ud800-\udfff<>:"/\\|?*\[\]+]|^[.=@-]|[. ]$|^.{101}')
SYSTEM_FILES = {"__MACOSX", ".ipynb_checkpoints", ".DS_Store", "Thumbs.db", "desktop.ini"}
LARGEST = 50_000_000  # bytes; a submission has a few hundred thousand
LONGEST_NAME = 2000  # characters with all folders and zips; a csv file takes no cell of any length
MOST_FILES = 1000  # in the zip of a student
MOST_NAMED = 10  # files of a student, or of a folder without a student's name; the rest is counted
IS_NEWER, DIFFER = "is newer", "say that they are of"  # as parts of the remarks below
ZIP_ENTRY = b"PK\x01\x02"  # begins the line of a file in the list of contents


@dataclass(frozen=True)
class File:
    """A file of the archive. Its path leads through folders and zips."""

    path: tuple[str, ...]
    content: bytes
    time: datetime

    @property
    def name(self) -> str:
        """The path as one text, which messages and submissions.csv show."""
        return "/".join(self.path).encode(errors="backslashreplace").decode()

    @property
    def sha256(self) -> str:
        """The digest of the content, by which a second collection knows the file again."""
        return hashlib.sha256(self.content).hexdigest()


@dataclass(frozen=True)
class Unused:
    """A file that is no submission, and a sentence that says why."""

    path: tuple[str, ...]
    remark: str


@dataclass(frozen=True)
class Submission:
    """A notebook, and what its file's name says about it."""

    student: str
    file: File
    platform_id: str = ""
    late: str = ""
    upload: int = 0
    is_from_platform: bool = False
    inside: str = ""  # the zip with no student's name, in which the file or folder with the name is


@dataclass
class Room:
    """What may still come out of a zip and the zips in it: a small one can hold very much."""

    is_of_student: bool
    n_files: int = field(init=False)
    n_bytes: int = field(init=False)

    def __post_init__(self) -> None:
        """Give a class the room of a hundred students."""
        times = 1 if self.is_of_student else 100
        self.n_files, self.n_bytes = times * MOST_FILES, times * LARGEST

    def take(self, n_files: int, n_bytes: int) -> None:
        """Take room for files; raise ValueError where there is not enough."""
        if n_files > self.n_files:
            raise ValueError(f"it holds more than {self.n_files:,} files")
        if n_bytes > self.n_bytes:
            raise ValueError(f"its files have more than {self.n_bytes:,} bytes")
        self.n_files, self.n_bytes = self.n_files - n_files, self.n_bytes - n_bytes


def collect(course: Path, assignment: str) -> list[str]:
    """Copy the newest notebook of each student to submitted/, and say what was not used and why.

    What the platform says about each student is written to submissions.csv. The archive stays as
    it is. A notebook in submitted/ that the teacher placed or changed stays too, until the archive
    has a newer one.
    """
    submissions, remarks = sort_out(course, assignment)
    rows = noted(course)
    own = [row for row in rows if row["assignment"] == assignment]
    known = {row["student"]: row["sha256"] for row in own}
    # A name without an id leaves the one that a teacher wrote into submissions.csv.
    ids = {row["student"]: row["platform_id"] for row in own}
    collected = []
    for submission in submissions:
        student, file = submission.student, submission.file
        target = course / "submitted" / student / assignment / f"{assignment}.ipynb"
        if not target.exists() or known.get(student, file.sha256) != file.sha256:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            time = target.with_name("timestamp.txt")
            if time.exists():
                time.unlink()
                remarks.append(
                    f"the timestamp.txt of {student} was removed, because it was the time of an "
                    "earlier notebook; write the new time if the student is late"
                )
        elif student not in known and target.read_bytes() != file.content:
            remarks.append(
                f"{file.name} was not used: another notebook of {student} lies in submitted/; "
                "remove the wrong one of the two"
            )
            continue
        platform_id = submission.platform_id or ids.get(student, "")
        about = (platform_id, submission.late, file.name, file.sha256)
        collected.append((assignment, student, *about))
    _write_rows(course, [row for row in rows if row["assignment"] != assignment], collected)
    return remarks


def sort_out(course: Path, assignment: str) -> tuple[list[Submission], list[str]]:
    """Return the newest submission of each student, and a sentence for each file not used."""
    archive = course / "downloaded" / assignment / "archive"
    others = {folder.name for folder in (course / "source").glob("*/")} - {assignment}
    by_student: dict[str, list[Submission]] = defaultdict(list)
    unused = []
    for path in sorted(path for path in archive.rglob("*") if path.is_file()):
        for found in _found(path, archive, assignment):
            result = found if isinstance(found, Unused) else _whose(found, assignment, others)
            if isinstance(result, Submission):
                by_student[result.student].append(result)
            else:
                unused.append(result)
    remarks = list(_remarks_on(unused, assignment))
    newest = []
    before = {r["student"]: r["file"] for r in noted(course) if r["assignment"] == assignment}
    without_clashes = _without_clashes(by_student, assignment, before, remarks)
    for student, submissions in _apart(without_clashes, remarks).items():
        *older, last = sorted(submissions, key=lambda s: _age(s, assignment))
        newest.append(last)
        told = [
            f"{s.file.name} was not used: {last.file.name} of {student} {IS_NEWER}"
            for s in older
            if s.file.content != last.file.content
        ]
        remarks += _shortened(told, f"of {student}")
    return newest, remarks


def asks_for_action(remark: str) -> bool:
    """Say whether a person has to look; whoever hands in again leaves an older file."""
    is_lost = "was not used" in remark and not remark.endswith(IS_NEWER)
    return is_lost or DIFFER in remark


def _remarks_on(unused: list[Unused], assignment: str) -> Iterator[str]:
    """Yield the sentences, those on one student or one folder together."""
    groups: dict[str, list[str]] = defaultdict(list)
    for file in unused:
        claims = (claim for part in file.path for claim in _claims(part, assignment))
        folder = f"in {'/'.join(file.path[:-1]) or 'archive/'}"
        groups[next((f"of {claim.student}" for claim in claims), folder)].append(file.remark)
    for whose, remarks in groups.items():
        yield from _shortened(remarks, whose)


def _shortened(remarks: list[str], whose: str) -> Iterator[str]:
    """Yield the first sentences, and how many files the others are about."""
    yield from remarks[:MOST_NAMED]
    if more := remarks[MOST_NAMED:]:
        yield f"{len(more)} more files {whose} were not used"


def _found(path: Path, archive: Path, assignment: str) -> Iterator[File | Unused]:
    """Yield a file of the archive, or what is in it, also if it cannot be read."""
    parts = path.relative_to(archive).parts
    is_of_class = path.suffix.lower() == ".zip" and not _names_student(parts, assignment)
    if path.is_symlink():  # It could lead to the solutions.
        yield Unused(parts, f"{'/'.join(parts)} was not used: it is a link to another file")
        return
    try:
        if path.stat().st_size > LARGEST and not is_of_class:
            remark = f"{'/'.join(parts)} was not used: it is larger than {LARGEST:,} bytes"
            yield Unused(parts, remark)
            return
        time = datetime.fromtimestamp(path.stat().st_mtime)
        file = File(parts, path.read_bytes(), time)
    except OSError as error:
        yield Unused(parts, f"{'/'.join(parts)} was not used: it cannot be read ({error})")
        return
    yield from _unpacked(file, assignment, Room(is_of_student=False))


def _unpacked(file: File, assignment: str, room: Room) -> Iterator[File | Unused]:
    """Yield a file, or all files in a zip, also those that cannot be read."""
    if SYSTEM_FILES & set(file.path) or file.path[-1].startswith("._"):
        return
    if len(file.name) > LONGEST_NAME:
        yield Unused(file.path, f"{file.name[:200]}... was not used: its name is too long")
        return
    if not file.path[-1].lower().endswith(".zip"):
        yield file
        return
    if not room.is_of_student and _names_student(file.path, assignment):
        room = Room(is_of_student=True)
    try:
        room.take(file.content.count(ZIP_ENTRY), 0)  # before there is an object for each
        archive = ZipFile(io.BytesIO(file.content))
        entries = [entry for entry in archive.infolist() if not entry.is_dir()]
        room.take(0, sum(entry.file_size for entry in entries))
    except Exception as error:  # a damaged zip can raise nearly anything
        remark = f"{file.name} was not used: it cannot be unpacked ({error}); unpack it by hand"
        yield Unused(file.path, remark)
        return
    for entry in entries:
        inside = replace(file, path=(*file.path, *re.split(r"[/\\]", entry.filename)))
        if entry.file_size > LARGEST:
            remark = f"{inside.name} was not used: it is larger than {LARGEST:,} bytes"
            yield Unused(inside.path, remark)
            continue
        try:
            content, time = archive.read(entry), datetime(*entry.date_time)
        except Exception as error:
            remark = (
                f"{inside.name} was not used: it cannot be unpacked ({error}); unpack it by hand"
            )
            yield Unused(inside.path, remark)
            continue
        yield from _unpacked(replace(inside, content=content, time=time), assignment, room)


def _names_student(path: tuple[str, ...], assignment: str) -> bool:
    return any(True for part in path for _ in _claims(part, assignment))


def _whose(file: File, assignment: str, others: set[str]) -> Submission | Unused:
    """Return the submission that a file is, or why it is none."""
    claims = [claim for part in file.path for claim in _claims(part, assignment)]
    students = {claim.student for claim in claims}
    if not claims:
        return Unused(
            file.path,
            f"{file.name} was not used: its name does not say whose it is; rename it to "
            f"STUDENT_{assignment}.ipynb",
        )
    # a platform names the outermost file or folder, and the student what is in it
    if len(students) > 1 and not claims[0].is_from_platform:
        return Unused(
            file.path,
            f"{file.name} was not used: its path names {' and '.join(sorted(students))}; rename it "
            f"to STUDENT_{assignment}.ipynb, outside of a folder or zip with a student's name",
        )
    student = claims[0].student
    if NO_STUDENT.search(student) or ".." in file.path:
        return Unused(
            file.path,
            f"{file.name} was not used: no folder may have the name {student!r}; rename the file "
            f"to STUDENT_{assignment}.ipynb",
        )
    if not file.path[-1].lower().endswith(".ipynb"):
        return Unused(file.path, f"{file.name} of {student} was not used: it is not an .ipynb file")
    if any(_has(file.path[-1], other) for other in others):
        remark = f"{file.name} of {student} was not used: it belongs to another assignment"
        return Unused(file.path, remark)
    named = next(k for k, part in enumerate(file.path) if _names_student((part,), assignment))
    zips = [k for k, part in enumerate(file.path[:named]) if part.lower().endswith(".zip")]
    return replace(claims[0], file=file, inside="/".join(file.path[: zips[-1] + 1]) if zips else "")


def _claims(part: str, assignment: str) -> Iterator[Submission]:
    """Yield whose a part of a path says that the file is, if it says so."""
    part = unicodedata.normalize("NFC", part)
    no_file = File((), b"", datetime.min)
    match = _platform_name(part)
    if match and match.re is MOODLE:
        student = match["student"].strip()
        yield Submission(student, no_file, match["id"], is_from_platform=True)
    elif match:
        yield Submission(
            match["student"] or match["id"],
            no_file,
            match["id"],
            match["late"] or "",
            int(match["upload"]),
            is_from_platform=True,
        )
    elif match := re.match(rf"(.+?)[ _-]+{re.escape(assignment)}", part, re.IGNORECASE):
        yield Submission(match[1].strip(), no_file)


def _platform_name(part: str) -> re.Match[str] | None:
    """Return what a platform wrote in front of a file's name, in which a student can write more."""
    matches = [match for match in (MOODLE.fullmatch(part), CANVAS.fullmatch(part)) if match]
    return min(matches, key=lambda match: match.end("id"), default=None)


def _has(name: str, assignment: str) -> bool:
    return assignment.lower() in name.lower()


def _age(submission: Submission, assignment: str) -> tuple[bool, int, datetime, int]:
    """Return what is larger for a newer file: of the platform first, then the time."""
    stem = submission.file.path[-1].removesuffix(".ipynb")
    copy = re.search(r"(?:-|\()(\d+)\)?$", stem)
    return (
        _has(stem, assignment),
        submission.upload,
        submission.file.time,
        int(copy[1]) if copy else 0,
    )


def _without_clashes(
    by_student: dict[str, list[Submission]],
    assignment: str,
    before: dict[str, str],
    remarks: list[str],
) -> dict[str, list[Submission]]:
    """Keep both notebooks where a name in a zip is also the name of another file.

    Anybody can write any name into a zip, and can make one that looks like a platform's export. So
    only files that lie outside of zips, or in the same zip, replace each other. The plain name
    stays with the file outside of zips, or with the zip that was collected before.
    """
    kept: dict[str, list[Submission]] = defaultdict(list)
    taken = set(by_student)
    for student, submissions in by_student.items():
        origins: dict[str, list[Submission]] = defaultdict(list)
        for s in submissions:
            origins[s.inside].append(s)
        if len(origins) == 1 or len({s.file.content for s in submissions}) == 1:
            kept[student] += submissions
            continue
        collected = [o for o in origins if before.get(student, "").startswith(f"{o}/")]
        own = "" if "" in origins else max(collected, key=len, default=None)
        names = {}
        for origin in origins:
            name = f"{student} from {re.sub(r'[^0-9A-Za-z_]', '_', origin)[:50]}"
            while name in taken:
                name += "_"
            taken.add(name)
            names[origin] = student if origin == own else name
        files = [max(found, key=lambda s: _age(s, assignment)).file for found in origins.values()]
        remarks.append(
            f"{' and '.join(file.name for file in files)} {DIFFER} {student}, and "
            "differ. None replaces another: they are in the folders "
            f"{', '.join(names.values())} of submitted/. Find out whose they are. If they are from "
            "two exports of your platform, remove the older export and these folders."
        )
        for origin, found in origins.items():
            kept[names[origin]] += [replace(s, student=names[origin]) for s in found]
    return kept


def _apart(by_student: dict[str, list[Submission]], remarks: list[str]) -> dict:
    """Tell students of one name apart by their ids."""
    apart: dict[str, list[Submission]] = defaultdict(list)
    for student, submissions in by_student.items():
        ids = sorted({s.platform_id for s in submissions})
        if len(ids) > 1:
            names = [f"{student}_{one}" if one else student for one in ids]
            remarks.append(
                f"{len(ids)} students have the name {student}; their folders are {', '.join(names)}"
            )
        for s in submissions:
            name = f"{student}_{s.platform_id}" if len(ids) > 1 and s.platform_id else student
            apart[name].append(replace(s, student=name))
    return apart


def noted(course: Path) -> list[dict[str, str]]:
    """Return the rows of submissions.csv."""
    return spreadsheet.read(course / "submissions.csv")


def is_of_canvas(file: str) -> bool:
    """Say whether a file of submissions.csv has a name that Canvas gave, with a mark if late."""
    names = filter(None, map(_platform_name, file.split("/")))
    return any(name.re is CANVAS for name in [*names][:1])


def _write_rows(course: Path, kept: list[dict[str, str]], new: list[tuple[str, ...]]) -> None:
    rows = sorted([tuple(row[column] for column in COLUMNS) for row in kept] + new)
    cells = [dict(zip(COLUMNS, row, strict=True)) for row in rows]
    spreadsheet.write(course / "submissions.csv", COLUMNS, cells)
