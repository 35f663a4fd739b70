"""Time the import of calibkit: ``python tests/benchmarks/import_time.py [--quick] [...]``.

How long ``import torch``, ``import calibkit`` and the first uses of calibkit take, and how much
memory. Each runs in a fresh interpreter, in turn with the others. The exit status is 1 if calibkit
makes ``import torch`` more than 1.25 times as long. ``--output FOLDER`` writes the table as a CSV
file, too.
"""

import os
import sys

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ["OMP_NUM_THREADS"] = "1"

import json
import subprocess
from random import Random
from statistics import median
from typing import NamedTuple

from timing import Report, arguments, paired_ratio
from tqdm import trange

BASELINE = "import torch"
LIMIT = 1.25  # times the baseline
LIMITED = ("import calibkit", "import torch; import calibkit")
STATEMENTS = (
    "pass",
    BASELINE,
    *LIMITED,
    "import calibkit; calibkit.calibration_error",
    "from calibkit import TemperatureScaler",
    "import calibkit; calibkit.evaluate",
    "from calibkit import *",
)
# The peak is read from /proc, because getrusage's also counts the memory of the parent process.
CHILD = """
import json, sys, time
start = time.perf_counter()
exec(sys.argv[1])
seconds = time.perf_counter() - start
try:
    with open("/proc/self/status") as file:
        kilobytes = next(line.split()[1] for line in file if line.startswith("VmHWM"))
except OSError:
    kilobytes = "nan"
print(json.dumps([seconds, float(kilobytes) / 1000]))
"""


class Run(NamedTuple):
    """What one fresh interpreter needed for a statement."""

    seconds: float
    megabytes: float  # the peak of the whole process; not a number if this is not Linux


def run(statement: str) -> Run:
    done = subprocess.run(
        [sys.executable, "-c", CHILD, statement], capture_output=True, text=True, check=True
    )
    return Run(*json.loads(done.stdout))


def measure(turns: int) -> dict[str, list[Run]]:
    """Run every statement once in each turn, in another order each time."""
    for statement in STATEMENTS:
        run(statement)  # from now on the files are in the cache of the operating system
    shuffled = Random(0)
    runs: dict[str, list[Run]] = {statement: [] for statement in STATEMENTS}
    for _ in trange(turns, desc="imports", unit="turn"):
        for statement in shuffled.sample(STATEMENTS, len(STATEMENTS)):
            runs[statement].append(run(statement))
    return runs


def main() -> None:
    chosen = arguments(__doc__.partition(":")[0])
    report = Report(chosen.output)
    report.machine("import_machine", ["torch", "calibkit"])
    runs = measure(turns=3 if chosen.quick else 15)
    seconds = {statement: [one.seconds for one in many] for statement, many in runs.items()}
    ratios = {name: paired_ratio(taken, seconds[BASELINE]) for name, taken in seconds.items()}
    rows = [
        [
            statement,
            f"{median(seconds[statement]):.3f}",
            f"{min(seconds[statement]):.3f}",
            f"{ratios[statement]:.2f}",
            f"{median(one.megabytes for one in runs[statement]):.0f}",
        ]
        for statement in STATEMENTS
    ]
    header = ["statement", "median, s", "fastest, s", "time / import torch's", "peak memory, MB"]
    report.table("import_time", "What an import takes, in a fresh interpreter", header, rows)
    too_slow = [name for name in LIMITED if ratios[name] > LIMIT]
    if too_slow:
        sys.exit(f"more than {LIMIT} times as slow as {BASELINE}: {', '.join(too_slow)}")


if __name__ == "__main__":
    main()
