"""How often the leak check refuses independent test sets, and how often it finds an overlap.

Run it with ``python -m tests.simulations.leak_check``. It prints the table of docs/toolkit.rst.
Each cell counts the test sets that are refused, cannot be checked, or pass.
"""

from collections import Counter
from collections.abc import Callable
from itertools import product

import torch
from torch import Tensor

from calibkit._fingerprints import fingerprints
from calibkit._rows import Rows
from calibkit.reports._overlap import check_no_overlap

CLASSES = 2, 3, 10, 100
DTYPES = torch.float32, torch.float16, torch.bfloat16
SIZES = 200, 1000, 10_000


def verdict(fitted: Tensor, tested: Tensor) -> str:
    """Return "refused", "passed" or "cannot be checked"."""
    calibration = fingerprints(rows_of(fitted))
    try:
        unchecked = check_no_overlap(calibration, rows_of(tested))
    except ValueError:
        return "refused"
    return "passed" if unchecked is None else "cannot be checked"


def rows_of(logits: Tensor) -> Rows:
    if logits.ndim == 1:
        logits = torch.stack([torch.zeros_like(logits), logits], 1)
    return Rows(logits, torch.zeros(len(logits), dtype=torch.int64))


def draw(n: int, n_classes: int, generator: torch.Generator) -> Tensor:
    return 4 * torch.randn(n, n_classes, generator=generator)


def verdicts(
    n_classes: int,
    sizes: tuple[int, int],
    overlap: int,
    n_simulations: int,
    form: Callable[[Tensor], Tensor] = lambda z: z,
) -> Counter[str]:
    """Count the verdicts on simulated pairs of sets that share so many samples."""
    counts: Counter[str] = Counter()
    n, m = sizes
    for seed in range(n_simulations):
        generator = torch.Generator().manual_seed(seed)
        logits = form(draw(n + m - overlap, n_classes, generator))
        counts[verdict(logits[:n], logits[n - overlap :])] += 1
    return counts


def main(n_simulations: int = 50) -> None:
    """Print, for every size, how often an overlap of 1% is found, open, or passes."""
    n_refused = 0
    print("logits, classes, " + ", ".join(f"n = {n}" for n in SIZES))
    for dtype, n_classes in product(DTYPES, CLASSES):
        cells = [str(dtype).removeprefix("torch."), str(n_classes)]
        for n in SIZES:
            options = n_simulations, lambda z, dtype=dtype: z.to(dtype)
            n_refused += verdicts(n_classes, (n, n), 0, *options)["refused"]
            found = verdicts(n_classes, (n, n), n // 100, *options)
            shown = ("refused", "cannot be checked", "passed")
            cells.append(" / ".join(str(found[name]) for name in shown))
        print(", ".join(cells), flush=True)
    print(f"independent test sets that were refused: {n_refused}")


if __name__ == "__main__":
    main()
