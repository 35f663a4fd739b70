"""Measure three networks on real CIFAR-100 images, before and after temperature scaling.

``python calibkit/data/assets/measure_cifar100.py FOLDER`` writes ``cifar100_measurements.json``
into its own folder, which takes about a minute on one quiet core. FOLDER holds

- ``cifar100_test_first916.npz``: the first 916 images of the CIFAR-100 test set, bit-exact, as
  ``images`` (916, 3, 32, 32) of bytes and ``fine_labels``;
- ``resnet20_cifar100_state_dict.pt``: the weights of a ResNet-20, from forge-tta (MIT licence);
- ``densenet-bc-100-cifar-100.npz`` and ``wideresnet-16-4-cifar-100.npz``: ``predictions``
  (10 000, 100) and ``ground_truth`` of the test set, from the examples of netcal (Apache-2.0).
"""

import copy
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import TensorDataset
from tqdm import tqdm

from calibkit import (
    CIFAR100DataModule,
    ReliabilityBins,
    Report,
    ResNet20,
    TemperatureScaler,
    cifar100_resnet20,
    evaluate,
    split_calibration,
)
from calibkit.data.measurements import MEASUREMENTS_FILE

SEEDS = range(10)
BATCH_SIZES = (4, 8, 16, 32, 64, 128, 916)
TUTORIAL_BATCH_SIZE = 32
N_CALIBRATION = {916: 300, 10_000: 1000}
NETCAL_FILES = {
    "DenseNet-BC-100": "densenet-bc-100-cifar-100.npz",
    "WRN-16-4": "wideresnet-16-4-cifar-100.npz",
}
N_DIGITS = 7


def main(folder: Path) -> None:
    """Make all measurements and write them."""
    records = [*resnet20_records(folder), *netcal_records(folder)]
    lines = ",\n".join(json.dumps(record, separators=(",", ":")) for record in records)
    MEASUREMENTS_FILE.write_text(f"[\n{lines}\n]\n", encoding="utf-8")
    kilobytes = MEASUREMENTS_FILE.stat().st_size / 1000
    print(f"wrote {MEASUREMENTS_FILE.name}: {len(records)} measurements, {kilobytes:.0f} kB")


def resnet20_records(folder: Path) -> Iterator[dict[str, object]]:
    """Measure the ResNet-20 without a split, with batches of each size, and with each split."""
    images, labels = images_and_labels(folder)
    model = resnet20(folder)
    logits: dict[int | None, Tensor] = {None: logits_of(model, images, TUTORIAL_BATCH_SIZE)}
    for batch_size in BATCH_SIZES:
        training = copy.deepcopy(model).train()  # the copy changes its stored statistics
        logits[batch_size] = logits_of(training, images, batch_size)
    for size_or_eval, scores in logits.items():
        yield record("ResNet-20", size_or_eval, scores, labels, seed=None)
    for size_or_eval in (None, TUTORIAL_BATCH_SIZE):
        for seed in tqdm(SEEDS, unit="split"):
            yield record("ResNet-20", size_or_eval, logits[size_or_eval], labels, seed)


def netcal_records(folder: Path) -> Iterator[dict[str, object]]:
    """Measure the other two networks with each split."""
    for network, file in NETCAL_FILES.items():
        with np.load(folder / file) as arrays:
            logits = torch.from_numpy(arrays["predictions"]).double().log()
            labels = torch.from_numpy(arrays["ground_truth"])
        for seed in tqdm(SEEDS, unit="split"):
            yield record(network, None, logits, labels, seed)


def images_and_labels(folder: Path) -> tuple[Tensor, Tensor]:
    """Return the images, normalised as the data module does, and their labels."""
    with np.load(folder / "cifar100_test_first916.npz") as arrays:
        pixels = torch.from_numpy(arrays["images"]).float() / 255
        labels = torch.from_numpy(arrays["fine_labels"]).long()
    statistics = CIFAR100DataModule.mean, CIFAR100DataModule.std
    mean, std = (torch.tensor(channels)[:, None, None] for channels in statistics)
    return (pixels - mean) / std, labels


def resnet20(folder: Path) -> ResNet20:
    """Return the network in eval mode."""
    model = cifar100_resnet20(pretrained=False)
    model.load_state_dict(torch.load(folder / "resnet20_cifar100_state_dict.pt", weights_only=True))
    return model


@torch.inference_mode()
def logits_of(model: ResNet20, images: Tensor, batch_size: int) -> Tensor:
    """Run the model in the mode in which it is, on the images in their order."""
    return torch.cat([model(batch) for batch in images.split(batch_size)]).double()


def record(
    network: str, batch_size: int | None, logits: Tensor, labels: Tensor, seed: int | None
) -> dict[str, object]:
    """Fit a temperature on one part of the images, measure on the other, and note everything."""
    n_calibration = 0 if seed is None else N_CALIBRATION[len(labels)]
    temperature = None
    if seed is None:
        report = evaluate(logits, labels)
    else:
        parts = split_calibration(TensorDataset(labels), n_calibration, seed=seed)
        calib, test = (list(part.indices) for part in parts)
        scaler = TemperatureScaler().fit_logits(logits[calib], labels[calib])
        report = evaluate(logits[test], labels[test], scaler=scaler)
        assert scaler.summary is not None  # A fit sets it.
        assert scaler.summary.temperature_interval is not None  # The optimum is finite.
        temperature = [scaler.temperature, *scaler.summary.temperature_interval]
    return {
        "network": network,
        "mode": "eval" if batch_size is None else "training",
        "batch_size": batch_size,
        "seed": seed,
        "n_calibration": n_calibration,
        "n_test": report.n_samples,
        "temperature": rounded(temperature),
        **numbers_of(report),
        "bins": [columns_of(bins) for bins in report.bins],
    }


def numbers_of(report: Report) -> dict[str, object]:
    """Return the metrics before and after scaling, and how much they change."""
    numbers = report.to_dict()
    return {name: rounded(numbers[name]) for name in ("before", "after", "change")}


def columns_of(bins: ReliabilityBins) -> dict[str, object]:
    """Return what is in each bin."""
    return {
        "count": bins.count.tolist(),
        "n_correct": bins.n_correct.tolist(),
        "confidence_sum": rounded(bins.confidence_sum.tolist()),
    }


def rounded(value: object) -> object:
    """Round all numbers inside a value, which keeps the file small."""
    if isinstance(value, dict):
        return {name: rounded(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [rounded(inner) for inner in value]
    return round(value, N_DIGITS) if isinstance(value, float) else value


if __name__ == "__main__":
    main(Path(sys.argv[1]))
