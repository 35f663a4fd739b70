"""What several test files share."""

import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.overrides import TorchFunctionMode
from torchvision.datasets import CIFAR100
from torchvision.datasets.utils import calculate_md5

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL = SHARED / "data" / "real"
needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="real CIFAR-100 outputs are not beside this checkout (../shared)"
)
NOBODY = "http://127.0.0.1:9"  # the discard port: connections are refused at once


def calibrated_problem(
    n: int, n_classes: int, temperature: float, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits whose softmax is the truth, sharpened by T: the best temperature is near T."""
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return temperature * logits, labels


def distorted_problem(n: int, n_classes: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Sharpened logits, mixed a little, with a bias of every class: temperature is not enough."""
    logits, labels = calibrated_problem(n, n_classes, 2, seed)
    generator = torch.Generator().manual_seed(seed + 1)
    noise = torch.randn(n_classes, n_classes + 1, generator=generator, dtype=torch.float64)
    mixing = torch.eye(n_classes) + 0.1 * noise[:, 1:]
    return logits @ mixing + noise[:, 0], labels


def publish_cifar100(folder: Path, images: np.ndarray, labels: list[int], monkeypatch) -> None:
    """Write images (N, 3, 32, 32) as CIFAR-100's archive and unpacked, and declare its hashes."""
    inner = folder / CIFAR100.base_folder
    inner.mkdir(parents=True)
    for name, rows in {"train": slice(2), "test": slice(None)}.items():
        data = images[rows].reshape(-1, 3 * 32 * 32)
        entry = {"data": data, "fine_labels": labels[rows], "coarse_labels": [0] * len(data)}
        (inner / name).write_bytes(pickle.dumps(entry))
    names = {"fine_label_names": [f"class {k}" for k in range(100)], "coarse_label_names": ["c"]}
    (inner / "meta").write_bytes(pickle.dumps(names))
    with tarfile.open(folder / CIFAR100.filename, "w:gz", compresslevel=1) as archive:
        archive.add(inner, CIFAR100.base_folder)
    meta = {"filename": "meta", "key": "fine_label_names", "md5": calculate_md5(inner / "meta")}
    monkeypatch.setattr(CIFAR100, "tgz_md5", calculate_md5(folder / CIFAR100.filename))
    monkeypatch.setattr(CIFAR100, "train_list", [["train", calculate_md5(inner / "train")]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", calculate_md5(inner / "test")]])
    monkeypatch.setattr(CIFAR100, "meta", meta)
    monkeypatch.setattr(CIFAR100, "url", f"{NOBODY}/{CIFAR100.filename}")


class Failure(TorchFunctionMode):
    """Raise an error at the n-th call of a function of torch."""

    def __init__(self, at: float, error: type[BaseException]) -> None:
        super().__init__()
        self.at, self.error, self.n_calls = at, error, 0

    def __torch_function__(self, func, types, args=(), kwargs=None):
        # A failure of the call that switches gradients on again would leave them off for all tests.
        if func is not torch._C._set_grad_enabled:
            self.n_calls += 1
            if self.n_calls == self.at:
                raise self.error("injected")
        return func(*args, **(kwargs or {}))
