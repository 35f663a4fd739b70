"""Make the frames of the landing page's figure: ``python docs/make_landing_frames.py``.

A frame is the reliability diagram of lesson 10's test set at one temperature. The first is at
T = 1 and the last at the optimum of lesson 10's calibration set. Numbers are in thousandths.
"""

import json
from pathlib import Path

import numpy as np

import calibkit

FILE = Path(__file__).parent / "landing_frames.json"
N_TEST_SET, N_CALIBRATION = 10_000, 1000  # as in lesson 10
N_FRAMES = 21
FEWEST = 20  # a bar of fewer images would jump while the others glide


def thousandths(shares: np.ndarray) -> list[int]:
    """Return shares as integers."""
    return np.rint(1000 * shares).astype(int).tolist()


def figure() -> tuple[list[int], list[dict[str, object]]]:
    """Return which bins are shown, and for each frame T, the ECE, and the ends of bars and dots."""
    logits, labels = calibkit.glyphs100_logits(20_000)  # lesson 40 has computed them
    logits, labels = logits[:N_TEST_SET].double(), labels[:N_TEST_SET]
    calibration, test = (
        list(part.indices)
        for part in calibkit.split_calibration(
            range(N_TEST_SET), N_CALIBRATION, seed=0, stratify=labels
        )
    )
    scaler = calibkit.TemperatureScaler().fit_logits(logits[calibration], labels[calibration])
    temperatures = np.geomspace(1, scaler.temperature, N_FRAMES)
    diagrams = [
        calibkit.reliability_bins((logits[test] / t).softmax(1), labels[test]) for t in temperatures
    ]
    shown = np.min([bins.count for bins in diagrams], axis=0) >= FEWEST
    frames = [
        {
            "t": round(1000 * float(t)),
            "ece": round(1000 * bins.calibration_error),
            "accuracy": thousandths(bins.n_correct[shown] / bins.count[shown]),
            "confidence": thousandths(bins.confidence_sum[shown] / bins.count[shown]),
        }
        for t, bins in zip(temperatures, diagrams, strict=True)
    ]
    return np.flatnonzero(shown).tolist(), frames


def make_frames() -> str:
    """Return them as JSON, with one frame in a line."""
    bins, frames = figure()
    lines = ",\n".join(json.dumps(frame, separators=(",", ":")) for frame in frames)
    return f'{{"bins": {bins}, "frames": [\n{lines}\n]}}\n'


if __name__ == "__main__":
    FILE.write_text(make_frames(), encoding="utf-8")
    print(f"{FILE.name}: {FILE.stat().st_size / 1000:.1f} kB")
