"""What several test files share."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from torchvision.datasets import CIFAR100

SHARED = Path(__file__).resolve().parents[2] / "shared"
REAL = SHARED / "data" / "real"
needs_real_data = pytest.mark.skipif(
    not REAL.is_dir(), reason="real CIFAR-100 outputs are not beside this checkout (../shared)"
)
NOBODY = "http://127.0.0.1:9"  # the discard port: connections are refused at once


CIFAR100_ARCHIVE = "cifar-100-python.tar.gz"


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def publish_cifar100(folder: Path, images: np.ndarray, labels: list[int], monkeypatch) -> None:
    """Write images (N, 3, 32, 32) as CIFAR-100's archive and unpacked, and declare its hashes."""
    inner = folder / "cifar-100-python"
    inner.mkdir(parents=True)
    for name, rows in {"train": slice(2), "test": slice(None)}.items():
        data = images[rows].reshape(-1, 3 * 32 * 32)
        entry = {"data": data, "fine_labels": labels[rows], "coarse_labels": [0] * len(data)}
        (inner / name).write_bytes(pickle.dumps(entry))
    names = {"fine_label_names": [f"class {k}" for k in range(100)], "coarse_label_names": ["c"]}
    (inner / "meta").write_bytes(pickle.dumps(names))
    with tarfile.open(folder / CIFAR100_ARCHIVE, "w:gz", compresslevel=1) as archive:
        archive.add(inner, "cifar-100-python")
    meta = {"filename": "meta", "key": "fine_label_names", "md5": md5(inner / "meta")}
    monkeypatch.setattr(CIFAR100, "tgz_md5", md5(folder / CIFAR100_ARCHIVE))
    monkeypatch.setattr(CIFAR100, "train_list", [["train", md5(inner / "train")]])
    monkeypatch.setattr(CIFAR100, "test_list", [["test", md5(inner / "test")]])
    monkeypatch.setattr(CIFAR100, "meta", meta)
    monkeypatch.setattr(CIFAR100, "url", f"{NOBODY}/{CIFAR100_ARCHIVE}")
