"""Names that a spreadsheet program would run, in the csv files of a course."""

import csv

import pytest

COLUMNS = ("student", "points")


@pytest.mark.parametrize("name", ["=1+1", "+cmd", "-rf", "@sum", "\t=1", "\r=1", "'=1", "''@a"])
def test_a_name_is_harmless_in_a_spreadsheet_and_the_same_when_it_is_read(tmp_path, name):
    import spreadsheet

    path = tmp_path / "grades.csv"
    spreadsheet.write(path, COLUMNS, [{"student": name, "points": "-1.5"}])
    with path.open(newline="", encoding="utf-8-sig") as file:
        (row,) = csv.DictReader(file)
    assert row == {"student": f"'{name}", "points": "-1.5"}
    assert spreadsheet.read(path) == [{"student": name, "points": "-1.5"}]


@pytest.mark.parametrize("name", ["anna", "o'neill", "'anna", "+49", "Åsa"])
def test_other_names_stay(tmp_path, name):
    import spreadsheet

    path = tmp_path / "grades.csv"
    spreadsheet.write(path, COLUMNS, [{"student": name, "points": ""}])
    assert path.read_text(encoding="utf-8-sig").splitlines()[1] == f"{name},"
    assert spreadsheet.read(path) == [{"student": name, "points": ""}]
