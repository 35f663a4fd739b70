import hashlib
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import calibkit.data.resnet
from calibkit import (
    CIFAR100DataModule,
    Glyphs100,
    ResNet20,
    TemperatureScaler,
    calibration_error,
    cifar100_resnet20,
    collect_logits,
    glyphs100_resnet20,
)
from calibkit.data.assets import train_glyphs100_resnet20 as training
from tests.helpers import NOBODY, REAL, SHARED, needs_real_data


@pytest.fixture
def hub(tmp_path, monkeypatch) -> Path:
    """Make the hub folder an empty one, and return where torch.hub stores weights in it."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "hub"))
    return tmp_path / "hub" / "checkpoints"


@pytest.fixture
def published(tmp_path) -> Path:
    """Save random weights under a name that ends with the first digits of their hash."""
    folder = tmp_path / "published"
    folder.mkdir()
    torch.manual_seed(0)
    torch.save(ResNet20().state_dict(), folder / "weights")
    digits = hashlib.sha256((folder / "weights").read_bytes()).hexdigest()[:8]
    return (folder / "weights").rename(folder / f"cifar100_resnet20-{digits}.pt")


@needs_real_data
def test_parameters_are_those_of_the_public_checkpoint():
    lines = (SHARED / "reference" / "cifar100_resnet20_state_dict_keys.txt").read_text()
    expected = [line.split("\t")[:2] for line in lines.splitlines()]
    state = ResNet20().state_dict()
    assert [[name, str(tuple(value.shape))] for name, value in state.items()] == expected


def test_the_network_has_278_324_parameters_and_any_number_of_classes():
    assert sum(p.numel() for p in ResNet20().parameters()) == 278_324
    assert ResNet20(7)(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


@needs_real_data
def test_real_images_and_weights_give_the_published_numbers():
    model = cifar100_resnet20(pretrained=False)
    weights = torch.load(REAL / "resnet20_cifar100_state_dict.pt", weights_only=True)
    model.load_state_dict(weights)
    with np.load(REAL / "cifar100_test_first916.npz") as arrays:
        pixels, labels = arrays["images"], torch.from_numpy(arrays["fine_labels"]).long()
    transform = CIFAR100DataModule().transform
    images = torch.stack([transform(Image.fromarray(image.transpose(1, 2, 0))) for image in pixels])
    batches = list(zip(images.split(32), labels.split(32), strict=True))

    logits, _ = collect_logits(model, batches, progress=False)
    assert (logits.argmax(1) == labels).double().mean() == pytest.approx(0.6998, abs=5e-5)
    assert torch.nn.functional.cross_entropy(logits, labels) == pytest.approx(1.1549, abs=5e-5)

    assert calibration_error(logits.softmax(1), labels) == pytest.approx(0.061, abs=5e-4)

    model.train()
    with torch.inference_mode():
        wrong = torch.cat([model(batch) for batch, _ in batches])
    assert (wrong.argmax(1) == labels).double().mean() == pytest.approx(0.5895, abs=2e-3)
    assert torch.nn.functional.cross_entropy(wrong, labels) == pytest.approx(1.5169, abs=2e-3)
    assert calibration_error(wrong.softmax(1), labels) == pytest.approx(0.063, abs=3e-3)


def test_the_embedded_model_is_overconfident_and_a_temperature_corrects_it():
    model = glyphs100_resnet20()
    assert not model.training
    dataset = Glyphs100(3000, seed=4)
    batches = zip(dataset.images.split(250), dataset.targets.split(250), strict=True)
    logits, labels = collect_logits(model, batches, progress=False)
    scaler = TemperatureScaler().fit_logits(logits[:1000], labels[:1000])
    logits, labels = logits[1000:], labels[1000:]
    assert 0.55 < (logits.argmax(1) == labels).double().mean() < 0.80
    assert 1.3 < scaler.temperature < 3
    before = calibration_error(logits.softmax(1), labels)
    after = calibration_error(scaler(logits).softmax(1), labels)
    assert 0.07 < before < 0.16
    # a perfectly calibrated model has an ECE of about 0.02 on 2000 samples
    assert after < 0.035


def test_untrained_models_are_random_and_in_eval_mode():
    for build in (glyphs100_resnet20, cifar100_resnet20):
        model = build(pretrained=False)
        assert not model.training
        assert not torch.equal(model.fc.weight, build(pretrained=False).fc.weight)


def test_damaged_embedded_weights_are_refused(tmp_path, monkeypatch):
    source = next(calibkit.data.resnet.ASSETS.glob("glyphs100_resnet20-*.pt"))
    copy = tmp_path / source.name
    content = bytearray(source.read_bytes())
    content[len(content) // 2] ^= 1
    copy.write_bytes(content)
    monkeypatch.setattr(calibkit.data.resnet, "ASSETS", tmp_path)
    with pytest.raises(RuntimeError, match=r"is damaged: its SHA-256 begins with .*, expected"):
        glyphs100_resnet20()


def test_weights_are_downloaded_once(hub, published, serve, monkeypatch, capsys):
    url = f"{serve(published.parent)}/{published.name}"
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", url)
    expected = torch.load(published, weights_only=True)["fc.weight"]
    assert torch.equal(cifar100_resnet20().fc.weight, expected)
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", f"{NOBODY}/{published.name}")
    assert torch.equal(cifar100_resnet20().fc.weight, expected)


def test_without_a_network_one_sentence_says_how_to_go_on(hub, monkeypatch):
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", f"{NOBODY}/cifar100-00000000.pt")
    with pytest.raises(ConnectionError) as caught:
        cifar100_resnet20()
    message = str(caught.value)
    assert str(hub / "cifar100-00000000.pt") in message
    assert f"could not be downloaded from {NOBODY}" in message
    assert "glyphs100_resnet20()" in message
    assert "put it there" in message
    assert "\n" not in message
    assert caught.value.__suppress_context__
    assert not list(hub.glob("*"))


def test_an_interrupted_download_leaves_nothing(hub, published, serve, monkeypatch):
    url = f"{serve(published.parent, cut=(published.name,))}/{published.name}"
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", url)
    with pytest.raises(
        (ConnectionError, RuntimeError), match="download that file on another machine"
    ):
        cifar100_resnet20()
    assert not list(hub.glob("*"))


def test_a_corrupted_download_leaves_nothing(hub, published, serve, monkeypatch):
    published.write_bytes(published.read_bytes()[::-1])
    url = f"{serve(published.parent)}/{published.name}"
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", url)
    with pytest.raises(RuntimeError, match=r"is not the expected file .* was not kept"):
        cifar100_resnet20()
    assert not list(hub.glob("*"))


def test_a_broken_file_in_the_hub_folder_is_not_trusted(hub, published, monkeypatch):
    hub.mkdir(parents=True)
    broken = hub / published.name
    shutil.copy(published, broken)
    with broken.open("r+b") as file:
        file.truncate(1000)
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", f"{NOBODY}/{published.name}")
    with pytest.raises(RuntimeError, match=r"is damaged.*delete the file and get it again"):
        cifar100_resnet20()


class Trap:
    """A pickle that runs code when it is loaded without weights_only."""

    def __reduce__(self):
        return (exec, ("import pathlib; pathlib.Path('sprung').touch()",))


def test_no_code_of_a_weights_file_is_run(hub, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    torch.save({"fc.weight": Trap()}, tmp_path / "trap")
    digits = hashlib.sha256((tmp_path / "trap").read_bytes()).hexdigest()[:8]
    hub.mkdir(parents=True)
    for folder, name in [(hub, "cifar100_resnet20"), (tmp_path, "glyphs100_resnet20")]:
        shutil.copy(tmp_path / "trap", folder / f"{name}-{digits}.pt")
    url = f"{NOBODY}/cifar100_resnet20-{digits}.pt"
    monkeypatch.setattr(calibkit.data.resnet, "CIFAR100_WEIGHTS", url)
    monkeypatch.setattr(calibkit.data.resnet, "ASSETS", tmp_path)
    for build in (cifar100_resnet20, glyphs100_resnet20):
        with pytest.raises(pickle.UnpicklingError, match="Weights only load failed"):
            build()
    assert not (tmp_path / "sprung").exists()


def test_missing_embedded_weights_are_reported(tmp_path, monkeypatch):
    monkeypatch.setattr(calibkit.data.resnet, "ASSETS", tmp_path)
    with pytest.raises(RuntimeError, match="holds no weights; install calibkit again"):
        glyphs100_resnet20()


def test_an_interrupted_training_ends_as_an_uninterrupted_one(tmp_path, monkeypatch):
    monkeypatch.setattr(training, "N_TRAIN", 256)
    monkeypatch.setattr(training, "N_EPOCHS", 3)
    monkeypatch.setattr(training, "CHECKPOINT", tmp_path / "whole.checkpoint")
    uninterrupted = training.train(torch.device("cpu")).state_dict()

    def write_and_stop(state: dict, path: Path) -> None:
        write(state, path)
        raise KeyboardInterrupt

    write = training.write_complete_file
    monkeypatch.setattr(training, "CHECKPOINT", tmp_path / "cut.checkpoint")
    monkeypatch.setattr(training, "write_complete_file", write_and_stop)
    with pytest.raises(KeyboardInterrupt):
        training.train(torch.device("cpu"))
    monkeypatch.setattr(training, "write_complete_file", write)
    resumed = training.train(torch.device("cpu")).state_dict()
    for name, value in uninterrupted.items():
        torch.testing.assert_close(resumed[name], value)
