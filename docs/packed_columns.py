"""Pack columns of integers into a script that a page loads, which explore/columns.js reads."""

import base64
import json
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Column = tuple[float, NDArray[np.int64]]  # a step, and integers that count these steps


def packed_script(made_by: str, name: str, columns: Sequence[Column], **more: object) -> str:
    """Return a script that defines ``window.name``, columns of integers as packed bits.

    The value of a row in a column is ``step * (low + integer)``; ``bits`` is the integers' size.
    """
    heads, bits = [], []
    for step, column in columns:
        low = int(column.min())
        size = int(column.max() - low).bit_length()
        heads.append({"step": step, "low": low, "bits": size})
        bits.append((column - low)[:, None] >> np.arange(size)[::-1] & 1)
    packed = np.packbits(np.concatenate([b.ravel() for b in bits]).astype(np.uint8))
    data = {
        "rows": len(columns[0][1]),
        **more,
        "columns": heads,
        "base64": base64.b64encode(packed.tobytes()).decode(),
    }
    return f"// made by {made_by}\nwindow.{name} = {json.dumps(data)};\n"
