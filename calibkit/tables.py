"""Tables of text cells, the first row the head, for a terminal and for a notebook."""

from html import escape


def text_table(caption: str, cells: list[list[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]
    return "\n".join([caption, *lines])


def html_table(caption: str, cells: list[list[str]]) -> str:
    head, *body = cells
    rows = ["".join(f"<th>{escape(cell)}</th>" for cell in head)]
    for name, *values in body:
        data = "".join(f"<td>{escape(value)}</td>" for value in values)
        rows.append(f'<th scope="row" style="text-align: left">{escape(name)}</th>{data}')
    table = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<table><caption>{escape(caption)}</caption>{table}</table>"
