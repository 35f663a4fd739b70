"""Whose a handed-in file is: names as Canvas, Moodle and mail programs write them."""

import csv
import io
import os
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import pytest

NAME = "ps1_temperature_scaling"


@pytest.fixture
def folder(tmp_path):
    """A course folder with two assignments, without anything handed in."""
    for name in (NAME, "ps2_measuring_calibration"):
        (tmp_path / "source" / name).mkdir(parents=True)
    archive(tmp_path).mkdir(parents=True)
    return tmp_path


def archive(course):
    return course / "downloaded" / NAME / "archive"


def put(course, path, content="{}", time=1_000_000_000):
    target = archive(course) / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(content, encoding="utf-8")
    os.utime(target, (time, time))


def zipped(files, compression=ZIP_STORED):
    buffer = io.BytesIO()
    with ZipFile(buffer, "w", compression) as file:
        for name, content in files.items():
            file.writestr(name, content)
    return buffer.getvalue()


def submitted(course):
    return {
        path.parent.parent.name: path.read_text(encoding="utf-8")
        for path in course.glob(f"submitted/*/{NAME}/{NAME}.ipynb")
    }


def rows(course):
    with (course / "submissions.csv").open(newline="", encoding="utf-8-sig") as file:
        return {row["student"]: row for row in csv.DictReader(file)}


@pytest.mark.parametrize(
    ("path", "student", "platform_id", "late"),
    [
        (f"doejane_123_456_{NAME}.ipynb", "doejane", "123", ""),
        (f"doejane_LATE_123_456_{NAME}-1.ipynb", "doejane", "123", "LATE"),
        ("doejane_123_456_My homework (final).ipynb", "doejane", "123", ""),
        (f"o_neill_LATE_9_10_{NAME}.ipynb", "o_neill", "9", "LATE"),
        (f"late_12_13_{NAME}.ipynb", "late", "12", ""),
        (f"anon_aB3xZ_77_{NAME}.ipynb", "anon_aB3xZ", "anon_aB3xZ", ""),
        (f"LATE_anon_aB3xZ_77_{NAME}.ipynb", "anon_aB3xZ", "anon_aB3xZ", "LATE"),
        (f"Jane Doe_123_assignsubmission_file_/{NAME}.ipynb", "Jane Doe", "123", ""),
        (f"Jane Doe_123_assignsubmission_file/{NAME}.ipynb", "Jane Doe", "123", ""),
        (f"Jane Doe_123_assignsubmission_file_{NAME}.ipynb", "Jane Doe", "123", ""),
        (f"Jane Doe_123_assignsubmission_file_/work/{NAME}.ipynb", "Jane Doe", "123", ""),
        (f"Jos\u0065\u0301 Núñez_7_assignsubmission_file_/{NAME}.ipynb", "José Núñez", "7", ""),
        (f"Seán O'Neill_7_assignsubmission_file_/{NAME} (1).ipynb", "Seán O'Neill", "7", ""),
        (f"anna_{NAME}.ipynb", "anna", "", ""),
        (f"o_neill_{NAME}.ipynb", "o_neill", "", ""),
        (f"12345_{NAME}.ipynb", "12345", "", ""),
        (f"2026_12345_{NAME}.ipynb", "2026_12345", "", ""),
        (f"anna_{NAME} (1).ipynb", "anna", "", ""),
        ("Anna-PS1_Temperature_Scaling(2).IPYNB", "Anna", "", ""),
        (f"week 1/anna_{NAME}/{NAME}.ipynb", "anna", "", ""),
    ],
)
def test_a_name_says_whose_a_file_is(folder, path, student, platform_id, late):
    from collect import collect

    put(folder, path, "mine")
    assert collect(folder, NAME) == []
    assert submitted(folder) == {student: "mine"}
    row = rows(folder)[student]
    assert (row["assignment"], row["platform_id"], row["late"]) == (NAME, platform_id, late)


def test_zips_are_unpacked_also_those_of_students(folder):
    from collect import collect

    inner = zipped({f"work/{NAME}.ipynb": "inner", "__MACOSX/work/._x.ipynb": "mac"})
    outer = zipped(
        {
            f"doejane_1_2_{NAME}.ipynb": "canvas",
            "roe_3_4_homework.zip": inner,
            f"Max Mus_5_assignsubmission_file_/{NAME}.ipynb": "moodle",
            f"anna_{NAME}.ipynb": "plain",
        }
    )
    (archive(folder) / "submissions.zip").write_bytes(outer)
    assert collect(folder, NAME) == []
    assert submitted(folder) == {
        "doejane": "canvas",
        "roe": "inner",
        "Max Mus": "moodle",
        "anna": "plain",
    }


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        (f"doejane_1_20_{NAME}.ipynb", f"doejane_1_100_{NAME}-1.ipynb"),
        (f"doejane_1_20_{NAME}-2.ipynb", f"doejane_LATE_1_21_{NAME}.ipynb"),
        (f"anna_{NAME}.ipynb", f"anna_{NAME} (1).ipynb"),
        (f"anna_{NAME} (2).ipynb", f"anna_{NAME} (10).ipynb"),
        ("doejane_1_50_scratch.ipynb", f"doejane_1_49_{NAME}.ipynb"),
    ],
)
def test_the_newest_of_two_files_counts_and_the_other_is_named(folder, older, newer):
    from collect import collect

    put(folder, newer, "newer")
    put(folder, older, "older")
    (remark,) = collect(folder, NAME)
    assert list(submitted(folder).values()) == ["newer"]
    assert remark.startswith(f"{older} was not used")
    assert newer in remark


def test_the_time_decides_where_the_platform_says_nothing(folder):
    from collect import collect

    put(folder, f"anna_{NAME} (1).ipynb", "first", time=1_000_000_000)
    put(folder, f"anna_{NAME}.ipynb", "second", time=1_000_100_000)
    assert "(1).ipynb was not used" in collect(folder, NAME)[0]
    assert submitted(folder) == {"anna": "second"}


def test_one_name_with_two_ids_is_two_people(folder):
    from collect import collect

    put(folder, f"doejane_1_20_{NAME}.ipynb", "first")
    put(folder, f"doejane_2_21_{NAME}.ipynb", "second")
    (remark,) = collect(folder, NAME)
    assert submitted(folder) == {"doejane_1": "first", "doejane_2": "second"}
    assert "2 students have the name doejane" in remark


@pytest.mark.parametrize(
    ("path", "said"),
    [
        (f"{NAME}.ipynb", "does not say whose"),
        (f"{NAME} (1).ipynb", "does not say whose"),
        ("homework.ipynb", "does not say whose"),
        (f"doejane_1_2_{NAME}.py", "of doejane was not used: it is not an .ipynb file"),
        (f"doejane_1_2_{NAME}.ipynb.txt", "of doejane was not used: it is not an .ipynb file"),
        ("doejane_1_2_ps2_measuring_calibration.ipynb", "another assignment"),
        (f".._{NAME}.ipynb", "no folder may have the name"),
        (f"a[b]_{NAME}.ipynb", "no folder may have the name"),
        (f"-rf_{NAME}.ipynb", "no folder may have the name"),
        (f"anna_{NAME}/bob_{NAME}.ipynb", "names anna and bob"),
        (f"class_{NAME}.zip", "cannot be unpacked"),
    ],
)
def test_nothing_is_lost_in_silence(folder, path, said):
    from collect import collect

    put(folder, path)
    (remark,) = collect(folder, NAME)
    assert remark.startswith(path)
    assert said in remark
    assert submitted(folder) == {}


def test_a_zip_cannot_write_outside_of_its_student(folder):
    from collect import collect

    evil = zipped(
        {
            f"../../../../escaped/anna_{NAME}.ipynb": "evil",
            f"/etc/bob_{NAME}.ipynb": "evil",
            f"..\\..\\carl_{NAME}.ipynb": "evil",
        }
    )
    (archive(folder) / "all.zip").write_bytes(evil)
    before = {path for path in folder.parent.rglob("*") if "submitted" not in path.parts}
    remarks = collect(folder, NAME)
    assert len(remarks) == 2  # the leading / of the third makes no difference
    assert set(submitted(folder)) == {"bob"}
    after = {path for path in folder.parent.rglob("*") if "submitted" not in path.parts}
    assert after - before == {folder / "submissions.csv"}


def test_a_student_cannot_hand_in_for_another(folder):
    from collect import collect

    inside = zipped({f"victim_8_999_{NAME}.ipynb": "evil", f"victim_{NAME}.ipynb": "evil"})
    (archive(folder) / "mallory_6_7_work.zip").write_bytes(inside)
    collect(folder, NAME)
    assert set(submitted(folder)) == {"mallory"}


def test_a_large_file_in_a_zip_is_named_and_not_read(folder, monkeypatch):
    import collect

    monkeypatch.setattr(collect, "LARGEST", 10)
    content = zipped({f"anna_{NAME}.ipynb": "x" * 11, f"bob_{NAME}.ipynb": "x" * 10})
    (archive(folder) / "all.zip").write_bytes(content)
    (remark,) = collect.collect(folder, NAME)
    assert "larger than 10 bytes" in remark
    assert set(submitted(folder)) == {"bob"}


def test_a_second_collection_takes_what_is_newer_and_leaves_what_the_teacher_changed(folder):
    from collect import collect

    put(folder, f"anna_{NAME}.ipynb", "first")
    put(folder, f"bob_{NAME}.ipynb", "first")
    assert collect(folder, NAME) == []
    (folder / "submitted" / "anna" / NAME / f"{NAME}.ipynb").write_text("of the teacher")
    put(folder, f"bob_{NAME}.ipynb", "second")
    assert collect(folder, NAME) == []
    assert submitted(folder) == {"anna": "of the teacher", "bob": "second"}


def test_the_time_of_an_earlier_notebook_does_not_stay_beside_a_newer_one(folder):
    from collect import collect

    put(folder, f"anna_{NAME}.ipynb", "first")
    collect(folder, NAME)
    time = folder / "submitted" / "anna" / NAME / "timestamp.txt"
    time.write_text("2026-03-07 08:30:00 UTC")
    assert collect(folder, NAME) == []
    assert time.exists()
    put(folder, f"anna_{NAME}.ipynb", "second")
    (remark,) = collect(folder, NAME)
    assert "the timestamp.txt of anna was removed" in remark
    assert not time.exists()


def test_a_notebook_that_was_placed_by_hand_is_not_overwritten(folder):
    from collect import collect

    target = folder / "submitted" / "anna" / NAME / f"{NAME}.ipynb"
    target.parent.mkdir(parents=True)
    target.write_text("by hand")
    put(folder, f"anna_{NAME}.ipynb", "from the archive")
    (remark,) = collect(folder, NAME)
    assert "another notebook of anna" in remark
    assert submitted(folder) == {"anna": "by hand"}


def test_rows_of_other_assignments_stay(folder):
    from collect import collect

    other = "ps2_measuring_calibration"
    path = folder / "downloaded" / other / "archive" / f"anna_{other}.ipynb"
    path.parent.mkdir(parents=True)
    path.write_text("{}")
    collect(folder, other)
    put(folder, f"bob_{NAME}.ipynb")
    collect(folder, NAME)
    assert {student: row["assignment"] for student, row in rows(folder).items()} == {
        "anna": other,
        "bob": NAME,
    }


def test_an_id_that_the_teacher_wrote_stays(folder):
    from collect import collect

    put(folder, f"anna_{NAME}.ipynb")
    collect(folder, NAME)
    path = folder / "submissions.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace(f"{NAME},anna,,", f"{NAME},anna,1008,"), encoding="utf-8")
    collect(folder, NAME)
    assert rows(folder)["anna"]["platform_id"] == "1008"
    put(folder, f"anna_1009_7_{NAME}.ipynb", time=2_000_000_000)
    (archive(folder) / f"anna_{NAME}.ipynb").unlink()
    collect(folder, NAME)
    assert rows(folder)["anna"]["platform_id"] == "1009"


def test_a_bomb_costs_its_own_student_one_sentence(folder, monkeypatch):
    """However deep it is: many files, many bytes, or a zip in a zip."""
    import collect

    monkeypatch.setattr(collect, "MOST_FILES", 20)
    monkeypatch.setattr(collect, "LARGEST", 5000)
    many = zipped({f"{k}.txt": "" for k in range(21)}, ZIP_DEFLATED)
    large = zipped({"a": "0" * 3000, "b": "0" * 3000}, ZIP_DEFLATED)
    inner = zipped({"a.txt": "0" * 2000}, ZIP_DEFLATED)
    nested = zipped({f"{k}.zip": inner for k in range(4)}, ZIP_DEFLATED)
    names = {"mia_1_2_a.zip": many, "lea_3_4_b.zip": large, "nina_5_6_c.zip": nested}
    names[f"anna_7_8_{NAME}.ipynb"] = "{}"
    (archive(folder) / "submissions.zip").write_bytes(zipped(names))
    remarks = collect.collect(folder, NAME)
    assert set(submitted(folder)) == {"anna"}
    told = {name: [r for r in remarks if r.startswith(f"submissions.zip/{name}")] for name in names}
    (of_mia,) = told["mia_1_2_a.zip"]
    (of_lea,) = told["lea_3_4_b.zip"]
    assert "it holds more than 20 files" in of_mia
    assert "its files have more than 5,000 bytes" in of_lea
    assert "its files have more than" in told["nina_5_6_c.zip"][-1]


def test_one_odd_entry_costs_no_other_student(folder):
    from collect import collect

    content = zipped({f"anna_1_2_{NAME}.ipynb": "a" * 99, f"bob_3_4_{NAME}.ipynb": "b"})
    torn = content.replace(b"a" * 99, b"c" * 99)  # its checksum is wrong
    (archive(folder) / "submissions.zip").write_bytes(torn)
    (remark,) = collect(folder, NAME)
    assert "anna_1_2" in remark
    assert set(submitted(folder)) == {"bob"}


def test_a_second_upload_that_is_too_large_leaves_the_first(folder, monkeypatch):
    import collect

    monkeypatch.setattr(collect, "LARGEST", 10)
    put(folder, f"anna_1_2_{NAME}.ipynb", "first")
    put(folder, f"anna_1_3_{NAME}.ipynb", "second" * 10)
    (remark,) = collect.collect(folder, NAME)
    assert "larger than 10 bytes" in remark
    assert submitted(folder) == {"anna": "first"}


def test_a_name_in_a_zip_of_somebody_displaces_nobody(folder):
    from collect import collect

    put(folder, f"anna_{NAME}.ipynb", "of anna")
    (archive(folder) / "work.zip").write_bytes(zipped({f"anna_{NAME}.ipynb": "of mallory"}))
    (remark,) = collect(folder, NAME)
    assert submitted(folder) == {"anna": "of anna", "anna from work_zip": "of mallory"}
    assert f"anna_{NAME}.ipynb and work.zip/anna_{NAME}.ipynb" in remark


def test_no_name_of_a_zip_displaces_anybody(folder):
    """Two zips have nearly the same name, one lies in another, and a student has an odd name."""
    from collect import collect

    inner = zipped({f"anna_{NAME}.ipynb": "of mallory"})
    (archive(folder) / "mail.zip").write_bytes(
        zipped({f"anna_{NAME}.ipynb": "of anna", "work.zip": inner})
    )
    for number, name in enumerate(("b-1.zip", "b_1.zip")):
        content = zipped({f"anna_{NAME}.ipynb": f"of mallory {number}"})
        (archive(folder) / name).write_bytes(content)
    put(folder, f"anna from b_1_zip_{NAME}.ipynb", "of a student with this name")
    collect(folder, NAME)
    assert submitted(folder) == {
        "anna from mail_zip": "of anna",
        "anna from mail_zip_work_zip": "of mallory",
        "anna from b_1_zip_": "of mallory 0",
        "anna from b_1_zip__": "of mallory 1",
        "anna from b_1_zip": "of a student with this name",
    }


def put_export(course, name, number, **contents):
    files = {f"{who}_{number}_{NAME}.ipynb": text for who, text in contents.items()}
    (archive(course) / name).write_bytes(zipped(files))


def test_what_looks_like_an_export_displaces_nobody(folder):
    """Whether the first one is a zip or was unpacked, and whether it was collected before."""
    from collect import collect

    fake = {"anna_8": "of mallory", "ben_9": "of ben", "carl_10": "of mallory"}
    put_export(folder, "a.zip", 20, anna_8="of anna", ben_9="of ben")
    assert collect(folder, NAME) == []
    put_export(folder, "b.zip", 30, **fake)
    (remark,) = collect(folder, NAME)
    kept = {"anna": "of anna", "anna from b_zip": "of mallory"}
    others = {"ben": "of ben", "carl": "of mallory"}
    assert submitted(folder) == {**kept, **others}
    assert rows(folder)["anna"]["file"] == f"a.zip/anna_8_20_{NAME}.ipynb"
    assert remark.startswith(
        f"a.zip/anna_8_20_{NAME}.ipynb and b.zip/anna_8_30_{NAME}.ipynb say that they are of anna"
    )
    assert "anna, anna from b_zip" in remark
    assert collect(folder, NAME) == [remark]
    (archive(folder) / "a.zip").unlink()
    put(folder, f"anna_8_20_{NAME}.ipynb", "of anna")
    (remark,) = collect(folder, NAME)
    assert submitted(folder) == {**kept, **others}
    assert remark.startswith(f"anna_8_20_{NAME}.ipynb and b.zip/anna_8_30_{NAME}.ipynb say that")


def test_of_two_new_exports_that_differ_both_are_kept_until_the_older_is_removed(folder):
    from collect import collect

    for number, name in enumerate(("a.zip", "b.zip")):
        put_export(folder, name, number, a_1=f"{number}", b_2=f"{number}", c_3="same")
    remarks = collect(folder, NAME)
    assert submitted(folder) == {
        "a from a_zip": "0", "a from b_zip": "1", "b from a_zip": "0", "b from b_zip": "1",
        "c": "same",
    }  # fmt: skip
    assert len(remarks) == 2
    assert all("remove the older export" in remark for remark in remarks)
    (archive(folder) / "a.zip").unlink()
    assert collect(folder, NAME) == []
    assert rows(folder).keys() == {"a", "b", "c"}
    assert {who: submitted(folder)[who] for who in "abc"} == {"a": "1", "b": "1", "c": "same"}


@pytest.mark.parametrize(
    ("path", "student", "platform_id", "late"),
    [
        ("mal_LATE_6_7_x_2_assignsubmission_file_.ipynb", "mal", "6", "LATE"),
        ("Mal Lory_6_assignsubmission_file_x_2_assignsubmission_file_.ipynb", "Mal Lory", "6", ""),
        (f"Mal Lory_6_assignsubmission_file_/mal_2_3_{NAME}.ipynb", "Mal Lory", "6", ""),
    ],
)
def test_a_name_of_one_platform_in_that_of_another_changes_nothing(
    folder, path, student, platform_id, late
):
    from collect import collect, is_of_canvas

    put(folder, path)
    assert collect(folder, NAME) == []
    (row,) = rows(folder).values()
    assert (row["student"], row["platform_id"], row["late"]) == (student, platform_id, late)
    assert is_of_canvas(row["file"]) == path.startswith("mal_LATE")


def test_names_that_no_table_holds_stop_nobody(folder):
    from collect import collect, noted

    put(folder, f"anna_1_2_{NAME}.ipynb")
    inner = zipped({f"{'b' * 60_000}.ipynb": "{}"})
    for _ in range(2):
        inner = zipped({f"{'a' * 60_000}.zip": inner})
    (archive(folder) / "bob_3_4_x.zip").write_bytes(inner)
    (archive(folder) / os.fsdecode(b"carl_5_6_\xff.ipynb")).write_text("{}")
    (remark,) = collect(folder, NAME)
    assert "its name is too long" in remark
    assert {row["student"] for row in noted(folder)} == {"anna", "carl"}


def test_a_link_to_the_solutions_is_not_collected(folder):
    from collect import collect

    solutions = folder / "source" / NAME / f"{NAME}.ipynb"
    solutions.write_text("secret")
    (archive(folder) / f"mal_1_2_{NAME}.ipynb").symlink_to(solutions)
    assert collect(folder, NAME) == [
        f"mal_1_2_{NAME}.ipynb was not used: it is a link to another file"
    ]
    assert submitted(folder) == {}


@pytest.mark.parametrize(
    ("names", "others"),
    [
        ("mia_1_2_work.zip", "of mia"),
        ("notes.zip", "in notes.zip"),
    ],
)
def test_very_many_odd_files_are_counted_and_hide_nobody(folder, names, others):
    """A file of another student is still named, also after them in the same export."""
    from collect import collect

    odd = zipped({f"{k}.txt": "" for k in range(999)})
    files = {names: odd, "zoe_5_6_homework.pdf": ""}
    (archive(folder) / "export.zip").write_bytes(zipped(files))
    remarks = collect(folder, NAME)
    assert len(remarks) == 12
    assert remarks[10] == f"989 more files {others.replace('in ', 'in export.zip/')} were not used"
    assert remarks[11].startswith("export.zip/zoe_5_6_homework.pdf of zoe was not used")


def test_very_many_older_files_are_counted(folder):
    from collect import asks_for_action, collect

    odd = zipped({f"{NAME} ({k}).ipynb": str(k) for k in range(30)})
    (archive(folder) / "mia_1_2_work.zip").write_bytes(odd)
    remarks = collect(folder, NAME)
    assert len(remarks) == 11
    assert remarks[10] == "19 more files of mia were not used"
    assert not any(map(asks_for_action, remarks))
