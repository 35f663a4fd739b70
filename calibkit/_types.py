"""Types that the signatures of several modules share."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
Probabilities = Tensor | NDArray[np.floating]
Labels = Tensor | NDArray[np.integer]
SampleWeight = Tensor | NDArray[np.floating] | NDArray[np.integer]
Binning = Literal["uniform", "quantile"]
