"""Cached logits are those of the model, computed once; the population is that of the test set."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader

import calibkit
from calibkit import (
    Glyphs100,
    TemperatureScaler,
    collect_logits,
    glyphs100_logits,
    glyphs100_population,
    glyphs100_resnet20,
    noise_floor,
    reliability_bins,
    split_calibration,
)
from calibkit.data import cached_logits as module
from calibkit.data.assets import count_glyphs100_population as counting


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CALIBKIT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def model_runs(monkeypatch) -> list[object]:
    """Return a list that gets one entry each time the model runs."""
    calls: list[object] = []

    def collect(model, loader, **options):
        calls.append(loader)
        return collect_logits(model, loader, **options)

    monkeypatch.setattr(module, "collect_logits", collect)
    return calls


@pytest.fixture
def other_version(tmp_path) -> Path:
    """Copy the package, so that a test can change its files and run it."""
    copy = tmp_path / "installed" / "calibkit"
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(calibkit.__file__).parent, copy, ignore=ignored)
    return copy


def logits_of_version(package: Path) -> torch.Tensor:
    program = (
        "from calibkit.data.cached_logits import glyphs100_logits; import torch;"
        "torch.save(glyphs100_logits(20, progress=False)[0], 'logits.pt')"
    )
    subprocess.run([sys.executable, "-c", program], cwd=package.parent, check=True, timeout=120)
    return torch.load(package.parent / "logits.pt", weights_only=True)


def cached_files(folder):
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


@pytest.mark.parametrize("options", [{}, {"severity": 2, "seed": 5}, {"unseen": True}])
def test_logits_are_those_of_the_model_and_computed_once(options, model_runs):
    expected = collect_logits(
        glyphs100_resnet20(),
        DataLoader(Glyphs100(30, **{"seed": 2, **options}), batch_size=100),
        progress=False,
    )
    for _ in range(2):
        logits, labels = glyphs100_logits(30, **options, progress=False)
        torch.testing.assert_close(logits, expected[0])
        assert torch.equal(labels, expected[1])
    assert len(model_runs) == 1


def test_every_argument_has_its_own_logits(folder, model_runs):
    for options in ({}, {"seed": 3}, {"severity": 0.1234567}, {"severity": 1}, {"unseen": True}):
        glyphs100_logits(20, **options, progress=False)
    glyphs100_logits(21, progress=False)
    assert len(model_runs) == len(cached_files(folder)) == 6
    glyphs100_logits(20, severity=1.0, progress=False)
    assert len(model_runs) == 6


def draw_other_colours(package):
    replace_in(package / "data" / "glyphs100.py", "_uniform(0, 255,", "_uniform(0, 254,")


def pool_by_maximum(package):
    replace_in(package / "data" / "resnet.py", ".mean((-2, -1))", ".amax((-2, -1))")


def replace_in(path: Path, old: str, new: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(old) == 1
    path.write_text(source.replace(old, new), encoding="utf-8")


def mirror_the_glyphs(package):
    path = package / "data" / "assets" / "glyph_masks.npz"
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **arrays | {"class_masks": arrays["class_masks"][..., ::-1]})


def train_other_weights(package):
    (path,) = (package / "data" / "assets").glob("glyphs100_resnet20-*.pt")
    weights = torch.load(path, weights_only=True)
    weights["fc.bias"] += torch.arange(100)
    torch.save(weights, path)
    digits = hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path.rename(path.with_name(f"glyphs100_resnet20-{digits}.pt"))


@pytest.mark.parametrize(
    "change", [draw_other_colours, pool_by_maximum, mirror_the_glyphs, train_other_weights]
)
def test_a_version_with_other_images_or_another_model_computes_anew(change, folder, other_version):
    logits, _ = glyphs100_logits(20, progress=False)
    change(other_version)
    assert not torch.allclose(logits_of_version(other_version), logits, atol=0.1)
    assert len(cached_files(folder)) == 2


def test_a_version_with_the_same_images_and_model_reads_the_file(folder, other_version):
    glyphs100_logits(20, progress=False)
    (name,) = cached_files(folder)
    module._write(folder / name, torch.full((20, 100), 7.0), torch.zeros(20))
    replace_in(other_version / "data" / "datamodules.py", "N_TEST = 10_000", "N_TEST = 20_000")
    assert (logits_of_version(other_version) == 7).all()
    assert cached_files(folder) == [name]


@pytest.mark.parametrize("content", [b"", b"half of an arch", "other shape", "other name"])
def test_a_damaged_file_is_replaced(content, folder, model_runs):
    expected, _ = glyphs100_logits(20, progress=False)
    (name,) = cached_files(folder)
    if content == "other shape":
        np.savez(folder / name, logits=np.zeros((3, 100)), labels=np.zeros(3))
    elif content == "other name":
        np.savez(folder / name, scores=np.zeros((20, 100)))
    else:
        (folder / name).write_bytes(content)
    for _ in range(2):
        torch.testing.assert_close(glyphs100_logits(20, progress=False)[0], expected)
    assert len(model_runs) == 2


@pytest.mark.parametrize(
    "spoil",
    [
        lambda content, name: content.update(logits=content["logits"] + 1e-3),
        lambda content, name: content.update(labels=content["labels"][::-1].copy()),
        lambda content, name: content.update(logits=content["logits"].astype(np.float64)),
        lambda content, name: content.pop("digest"),
    ],
    ids=["other logits", "other labels", "other type", "no digest"],
)
def test_a_file_of_other_content_is_replaced(spoil, folder, model_runs):
    expected = glyphs100_logits(20, progress=False)
    (name,) = cached_files(folder)
    with np.load(folder / name) as arrays:
        content = dict(arrays)
    spoil(content, name)
    np.savez(folder / name, **content)
    for _ in range(2):
        assert all(map(torch.equal, glyphs100_logits(20, progress=False), expected))
    assert len(model_runs) == 2


def test_a_file_of_other_arguments_under_this_name_is_replaced(folder, model_runs):
    expected, _ = glyphs100_logits(20, progress=False)
    (name,) = cached_files(folder)
    glyphs100_logits(20, seed=7, progress=False)
    (other,) = set(cached_files(folder)) - {name}
    (folder / other).replace(folder / name)
    assert torch.equal(glyphs100_logits(20, progress=False)[0], expected)
    assert len(model_runs) == 3


def test_a_file_with_a_changed_byte_is_not_believed(folder):
    """Some bytes say how the file is compressed, and lead to errors of unusual kinds."""
    expected = glyphs100_logits(20, progress=False)
    path = folder / cached_files(folder)[0]
    content = path.read_bytes()
    for place in (*range(200), *range(200, len(content) - 400, 97), *range(-400, 0)):
        changed = bytearray(content)
        changed[place] ^= 0xFF
        path.write_bytes(changed)
        found = module._read(path, 20)
        assert found is None or all(map(torch.equal, found, expected)), place


def test_no_pickle_is_read(folder, model_runs):
    glyphs100_logits(20, progress=False)
    (name,) = cached_files(folder)
    np.savez(folder / name, logits=np.array([print], dtype=object), labels=np.zeros(20))
    glyphs100_logits(20, progress=False)
    assert len(model_runs) == 2


def test_processes_at_the_same_time_run_the_model_once(folder):
    program = """
from calibkit.data import cached_logits as module
collect_logits = module.collect_logits
def announce_and_collect(*arguments, **options):
    print("computed")
    return collect_logits(*arguments, **options)
module.collect_logits = announce_and_collect
print(float(module.glyphs100_logits(1000, progress=False)[0].double().sum()))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    lines = [process.communicate(timeout=120)[0].split() for process in started]
    assert sorted(map(len, lines)) == [1, 1, 2]
    assert len({line[-1] for line in lines}) == 1
    assert len(cached_files(folder)) == 1


def test_without_a_writable_folder_a_warning_and_the_logits_come(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("no folder")
    monkeypatch.setenv("CALIBKIT_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.warns(UserWarning, match="cannot be stored in .* set CALIBKIT_CACHE to a folder"):
        logits, _ = glyphs100_logits(20, progress=False)
    assert logits.shape == (20, 100)


def test_a_write_that_fails_leaves_no_file_and_returns_the_logits(folder, monkeypatch, model_runs):
    def full(path, **arrays):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(module.np, "savez", full)
    with pytest.warns(UserWarning, match="no space left"):
        logits, _ = glyphs100_logits(20, progress=False)
    assert logits.shape == (20, 100)
    assert cached_files(folder) == []
    assert len(model_runs) == 1


def test_the_default_folder_is_in_the_users_cache(monkeypatch):
    monkeypatch.delenv("CALIBKIT_CACHE")
    assert module.cache_folder().name == "calibkit"


@pytest.mark.parametrize("options", [{"n": 0}, {"n": 10, "severity": 6}, {"n": 10, "seed": -1}])
def test_bad_arguments_are_refused_and_leave_no_file(options, folder):
    with pytest.raises(ValueError, match="must"):
        glyphs100_logits(**options)
    assert not folder.exists()


def test_population_bins_of_any_number_count_the_same_images():
    for scaled in (False, True):
        fine = glyphs100_population(2520, scaled=scaled)
        for n_bins in (1, 10, 15):
            bins = glyphs100_population(n_bins, scaled=scaled)
            assert bins.count.sum() == 200_000
            assert bins.n_correct.sum() == fine.n_correct.sum()
            assert bins.confidence_sum.sum() == pytest.approx(fine.confidence_sum.sum(), rel=1e-12)
            inside = bins.confidence_sum / np.maximum(bins.count, 1)
            filled = bins.count > 0
            assert (inside >= bins.edges[:-1])[filled].all()
            assert (inside <= bins.edges[1:])[filled].all()


@pytest.mark.parametrize("n_bins", [11, 16, 5040])
def test_population_bins_that_were_not_counted_are_refused(n_bins):
    with pytest.raises(ValueError, match=f"must divide the 2520 bins .* got {n_bins}; use"):
        glyphs100_population(n_bins)


@pytest.mark.slow
def test_population_and_test_set_agree_within_their_noise():
    logits, labels = glyphs100_logits(10_000, progress=False)
    calib, _ = split_calibration(range(10_000), 1000, seed=0, stratify=labels)
    scaler = TemperatureScaler().fit_logits(logits[calib.indices], labels[calib.indices])
    for scaled, scores in ((False, logits), (True, scaler(logits))):
        probabilities = scores.double().softmax(1)
        here = reliability_bins(probabilities, labels)
        there = glyphs100_population(scaled=scaled)
        shares = there.count / there.count.sum()
        error = np.sqrt(shares / 10_000) + 1e-4
        assert (np.abs(here.count / 10_000 - shares) < 5 * error).all()
        accuracy = there.n_correct / np.maximum(there.count, 1)
        error = np.sqrt(accuracy * (1 - accuracy) / np.maximum(here.count, 1)) + 1e-2
        assert (np.abs(here.n_correct / np.maximum(here.count, 1) - accuracy) < 5 * error).all()
        assert (
            abs(here.calibration_error - there.calibration_error)
            < 2 * noise_floor(probabilities).mean
        )


def test_the_script_that_counts_writes_what_is_read(tmp_path, monkeypatch):
    path = tmp_path / "population.npz"
    monkeypatch.setattr(counting, "POPULATION_FILE", path)
    monkeypatch.setattr(counting, "N_PARTS", 2)
    monkeypatch.setattr(counting, "N_PER_PART", 40)
    monkeypatch.setattr(counting, "first_lesson_scaler", lambda: TemperatureScaler(1.465))
    counting.main()
    monkeypatch.setattr("calibkit.data.population.POPULATION_FILE", path)
    images = [Glyphs100(40, seed=1000 + part) for part in range(2)]
    logits = torch.cat(
        [
            collect_logits(glyphs100_resnet20(), DataLoader(part), progress=False)[0]
            for part in images
        ]
    )
    labels = torch.cat([part.targets for part in images])
    for scaled, scores in ((False, logits), (True, logits / 1.465)):
        expected = reliability_bins(scores.double().softmax(1), labels)
        found = glyphs100_population(scaled=scaled)
        assert found.count.tolist() == expected.count.tolist()
        assert found.n_correct.tolist() == expected.n_correct.tolist()
        np.testing.assert_allclose(found.confidence_sum, expected.confidence_sum, rtol=1e-5)
