"""Which confidences are equal, and which lie on an edge, whatever rounding did to them.

A confidence of 0.4 in a file may be 0.39999999999999997 after a logarithm and a softmax. It must
still be equal to the other confidences of 0.4, and on the edge of the same bin.
"""

import numpy as np
from numpy.typing import NDArray

from calibkit._types import Floats

ROUNDING_ERROR = 1e-14


def starts_a_group(ordered: Floats) -> NDArray[np.bool_]:
    """Return for every ordered number, rising or falling, whether it differs from the last one."""
    return np.append(True, np.abs(np.diff(ordered)) > ROUNDING_ERROR)
