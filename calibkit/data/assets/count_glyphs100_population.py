"""Count the embedded model's confidence on 200 000 fresh images, before and after scaling.

``python calibkit/data/assets/count_glyphs100_population.py`` takes two minutes on two cores. It
writes ``glyphs100_population.npz`` into its own folder. Run it again when the images or the
weights change.
"""

import numpy as np
from torch.utils.data import DataLoader
from tqdm import tqdm

from calibkit import (
    Glyphs100,
    Glyphs100DataModule,
    TemperatureScaler,
    collect_logits,
    glyphs100_resnet20,
    reliability_bins,
    split_calibration,
)
from calibkit.data.population import N_FINE_BINS, POPULATION_FILE

FIRST_SEED = 1000  # far from the seeds 1 to 3 of the training, test and unseen images
N_PARTS = 20
N_PER_PART = 10_000


def main() -> None:
    """Count all parts, with and without the temperature, and write the sums."""
    model = glyphs100_resnet20()
    scaler = first_lesson_scaler()
    sums = {"plain": np.zeros((3, N_FINE_BINS)), "scaled": np.zeros((3, N_FINE_BINS))}
    for part in tqdm(range(N_PARTS), unit="part"):
        loader = DataLoader(Glyphs100(N_PER_PART, seed=FIRST_SEED + part), batch_size=100)
        logits, labels = collect_logits(model, loader, progress=False)
        for name, scores in (("plain", logits), ("scaled", scaler(logits))):
            bins = reliability_bins(scores.double().softmax(1), labels, n_bins=N_FINE_BINS)
            sums[name] += np.stack([bins.count, bins.n_correct, bins.confidence_sum])
    np.savez_compressed(POPULATION_FILE, plain=sums["plain"], scaled=sums["scaled"])
    print(f"wrote {POPULATION_FILE.name}: n = {sums['plain'][0].sum():.0f}", end=", ")
    print(f"T = {scaler.temperature:.4f}")


def first_lesson_scaler() -> TemperatureScaler:
    """Fit the temperature exactly as the first lesson does."""
    dm = Glyphs100DataModule()
    dm.setup("test")
    calib_set, _ = split_calibration(dm.test, 1000, seed=0, stratify=dm.test.targets)
    return TemperatureScaler().fit(glyphs100_resnet20(), DataLoader(calib_set, batch_size=100))


if __name__ == "__main__":
    main()
