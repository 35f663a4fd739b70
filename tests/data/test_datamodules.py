import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.io import savemat
from torch.utils.data import DataLoader
from torchvision.datasets import CIFAR100, SVHN
from torchvision.datasets.utils import calculate_md5, extract_archive

from calibkit import CIFAR100DataModule, Glyphs100, Glyphs100DataModule
from tests.helpers import NOBODY, publish_cifar100


@pytest.fixture
def published(tmp_path, monkeypatch) -> Path:
    """A small CIFAR-100 and SVHN in the formats of the real ones, with their hashes declared."""
    folder = tmp_path / "published"
    generator = np.random.default_rng(0)
    images = generator.integers(256, size=(4, 3, 32, 32), dtype=np.uint8)
    publish_cifar100(folder, images, [90, 91, 92, 93], monkeypatch)
    images = generator.integers(256, size=(32, 32, 3, 5), dtype=np.uint8)
    savemat(folder / "test_32x32.mat", {"X": images, "y": np.arange(1, 6)[:, None]})
    publish_at(NOBODY, folder, monkeypatch)
    return folder


def publish_at(address: str, folder: Path, monkeypatch) -> None:
    monkeypatch.setattr(CIFAR100, "url", f"{address}/{CIFAR100.filename}")
    svhn = [f"{address}/test_32x32.mat", "test_32x32.mat", calculate_md5(folder / "test_32x32.mat")]
    monkeypatch.setattr(SVHN, "split_list", {"test": svhn})


def test_glyphs_loaders():
    dm = Glyphs100DataModule(batch_size=500)
    dm.prepare_data()
    dm.setup("test")
    (loader,) = dm.test_dataloader()
    assert isinstance(loader, DataLoader)
    assert len(dm.test) == 10_000
    images, labels = next(iter(loader))
    assert images.shape == (500, 3, 32, 32)
    assert torch.equal(labels, dm.test.targets[:500])


def test_glyphs_loaders_with_unseen_glyphs_under_shift():
    dm = Glyphs100DataModule(ood_detection=True, severity=2)
    dm.setup()
    test, ood = dm.test_dataloader()
    assert test.batch_size == ood.batch_size == 32
    assert len(ood.dataset) == 10_000
    assert (next(iter(ood))[1] == -1).all()
    assert torch.equal(dm.test.images[:9], Glyphs100(9, seed=2, severity=2).images)


def test_only_the_module_that_downloads_takes_a_folder():
    with pytest.raises(TypeError, match="root"):
        Glyphs100DataModule(root="data")
    with pytest.raises(TypeError, match="positional argument"):
        Glyphs100DataModule("data")


def test_unseen_glyphs_are_not_the_test_images_and_shift_with_them():
    dm = Glyphs100DataModule(ood_detection=True, severity=2)
    dm.setup()
    expected = Glyphs100(9, seed=3, severity=2, unseen=True).images
    assert torch.equal(dm.ood.images[:9], expected)
    dm = Glyphs100DataModule()
    dm.setup()
    dm.ood_detection = True
    with pytest.raises(RuntimeError, match=r'call setup\("test"\) before test_dataloader'):
        dm.test_dataloader()


def test_worker_processes_give_the_same_batches():
    dm = Glyphs100DataModule(batch_size=5000, num_workers=2)
    dm.setup("test")
    assert dm.test_dataloader()[0].num_workers == 2
    images = torch.cat([images for images, _ in dm.test_dataloader()[0]])
    assert torch.equal(images, dm.test.images)


def test_the_embedded_model_was_not_trained_on_the_test_set():
    dm = Glyphs100DataModule()
    dm.setup("test")
    both = torch.cat([Glyphs100(10_000, seed=1).images, dm.test.images]).flatten(1)[:, :96]
    assert len(both.unique(dim=0)) == 20_000


def test_cifar_from_download_to_batch(published, serve, monkeypatch, tmp_path):
    publish_at(serve(published), published, monkeypatch)
    dm = CIFAR100DataModule(root=tmp_path / "data", batch_size=3, ood_detection=True)
    dm.prepare_data()
    dm.setup("test")
    test, ood = dm.test_dataloader()
    images, labels = next(iter(test))
    assert images.shape == (3, 3, 32, 32)
    assert images.dtype == torch.float32
    assert labels.tolist() == [90, 91, 92]
    assert [tuple(batch.shape) for batch, _ in ood] == [(3, 3, 32, 32), (2, 3, 32, 32)]
    assert all((labels == -1).all() for _, labels in ood)

    pixels = torch.from_numpy(dm.test.data[0]).permute(2, 0, 1) / 255
    expected = (pixels - torch.tensor(dm.mean)[:, None, None]) / torch.tensor(dm.std)[:, None, None]
    torch.testing.assert_close(images[0], expected)

    publish_at(NOBODY, published, monkeypatch)
    dm.prepare_data()  # nothing is downloaded twice


def test_two_that_prepare_at_once_unpack_once(published, serve, monkeypatch, tmp_path):
    publish_at(serve(published), published, monkeypatch)
    unpacked = []

    def slowly(*args):
        unpacked.append(args)
        time.sleep(0.2)
        return extract_archive(*args)

    monkeypatch.setattr("torchvision.datasets.utils.extract_archive", slowly)
    modules = [CIFAR100DataModule(root=tmp_path / "data", ood_detection=True) for _ in range(3)]
    with ThreadPoolExecutor(3) as threads:
        list(threads.map(lambda module: module.prepare_data(), modules))
    assert len(unpacked) == 1
    for module in modules:
        module.setup("test")


def test_cifar_from_files_downloaded_elsewhere(published, monkeypatch):
    monkeypatch.setenv("HOME", str(published))
    shutil.rmtree(published / "cifar-100-python")
    dm = CIFAR100DataModule(root="~")
    dm.prepare_data()
    dm.setup()
    assert len(dm.test) == 4
    assert len(dm.test_dataloader()) == 1


@pytest.mark.parametrize("ood_detection", [False, True])
def test_without_a_network_one_sentence_says_how_to_go_on(published, tmp_path, ood_detection):
    root = published if ood_detection else tmp_path / "data"
    if ood_detection:
        (root / "test_32x32.mat").unlink()
    with pytest.raises(ConnectionError) as caught:
        CIFAR100DataModule(root, ood_detection=ood_detection).prepare_data()
    message = str(caught.value)
    assert ("SVHN" if ood_detection else "CIFAR-100") in message
    assert f"is not in {root}" in message
    assert f"could not be downloaded from {NOBODY}" in message
    assert "Glyphs100DataModule" in message
    assert f"put it at {root}" in message
    assert "\n" not in message
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("kind", ["interrupted", "corrupted"])
def test_a_bad_download_is_refused_and_not_kept(published, serve, monkeypatch, tmp_path, kind):
    if kind == "corrupted":
        archive = published / CIFAR100.filename
        archive.write_bytes(archive.read_bytes()[::-1])
        address = serve(published)
    else:
        address = serve(published, cut=(CIFAR100.filename,))
    publish_at(address, published, monkeypatch)
    dm = CIFAR100DataModule(root=tmp_path / "data")
    with pytest.raises((RuntimeError, ConnectionError), match="on another machine"):
        dm.prepare_data()
    assert not list((tmp_path / "data").iterdir())
    with pytest.raises(FileNotFoundError, match="CIFAR-100 not found, or damaged"):
        dm.setup("test")


@pytest.mark.parametrize("part", ["train", "test", "meta"])
def test_a_file_damaged_on_disk_is_not_trusted(published, part):
    dm = CIFAR100DataModule(root=published)
    with (published / "cifar-100-python" / part).open("ab") as file:
        file.write(b"x")
    with pytest.raises(FileNotFoundError, match=r"damaged, in .*; call prepare_data\(\) first"):
        dm.setup("test")
    dm.prepare_data()  # unpacks the archive again
    dm.setup("test")
    assert len(dm.test) == 4


@pytest.mark.parametrize("module", [Glyphs100DataModule, CIFAR100DataModule])
def test_wrong_order_and_stage_are_refused(module):
    with pytest.raises(RuntimeError, match=r'call setup\("test"\) before test_dataloader'):
        module().test_dataloader()
    with pytest.raises(ValueError, match="stage must be"):
        module().setup("fit")
