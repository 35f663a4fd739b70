"""Tables for a terminal, a notebook and a Markdown file, and numbers with their ranges.

In every table, the first row of the cells is the head.
"""

from html import escape


def text_table(caption: str, cells: list[list[str]]) -> str:
    """Return a table in plain text."""
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([caption, *lines])


def html_table(caption: str, cells: list[list[str]]) -> str:
    """Return a table in HTML, in which the first cell of every row is its header."""
    head, *body = cells
    # A header without text would only puzzle a screen reader.
    rows = ["".join(f"<th>{escape(cell)}</th>" if cell else "<td></td>" for cell in head)]
    for name, *values in body:
        data = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f'<th scope="row" style="text-align: left">{escape(name)}</th>{data}')
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption>{table}</table>"


def markdown_table(caption: str, cells: list[list[str]]) -> str:
    """Return a GitHub-flavoured table that is padded, so that it also reads well as plain text."""
    escaped = [[cell.replace("|", r"\|") for cell in row] for row in cells]
    widths = [max(3, *map(len, column)) for column in zip(*escaped, strict=True)]
    head, *body = (
        [cell.ljust(width) for cell, width in zip(row, widths, strict=True)] for row in escaped
    )
    rows = [head, ["-" * width for width in widths], *body]
    return "\n".join([caption, "", *(f"| {' | '.join(row)} |" for row in rows)])


def with_range(numbers: tuple[float, float, float], form: str) -> str:
    """Return a value and the two ends of its range as text, all in one format."""
    shown = _with_sign if form.startswith("+") else format
    value, low, high = (shown(number, form) for number in numbers)
    return f"{value} ({low} to {high})"


def _with_sign(number: float, form: str) -> str:
    """Return a number as text with its sign. If it would be shown as 0, more decimals follow."""
    digits, kind = int(form[2]), form[3]
    texts = (f"{number:+.{digits + more}{kind}}" for more in range(3))
    return next((text for text in texts if float(text.strip("%"))), f"{0:.{digits}{kind}}")
