"""Tables of cells."""

from calibkit.reports._tables import markdown_table


def test_markdown_escapes_what_would_end_a_cell():
    text = markdown_table("caption", [["", "b"], ["p(y|x)", "1"]])
    lines = ["caption", "", "|         | b   |", "| ------- | --- |", r"| p(y\|x) | 1   |"]
    assert text.splitlines() == lines
