import hashlib
import subprocess
import sys

import numpy as np
import pytest
import torch

from calibkit import Glyphs100
from calibkit.data.glyphs100 import ASSETS


def digest(tensor: torch.Tensor) -> str:
    return hashlib.sha256(tensor.numpy().tobytes()).hexdigest()[:16]


def test_same_seed_gives_the_same_pixels_on_every_machine():
    dataset = Glyphs100(1500, seed=2)
    assert digest(dataset.targets) == "5ab8d97d1df5d8d8"
    assert digest(dataset.images) == "259831e230f71f2d"
    assert digest(Glyphs100(100, seed=2, severity=3.3).images) == "5340e83bd2a86b2b"


def test_pixels_are_exact_so_that_no_instruction_set_rounds_them():
    scaled = Glyphs100(200, severity=5).images.double() * 2**16
    assert torch.equal(scaled, scaled.round())


def test_shapes_and_range():
    image, target = Glyphs100(5)[3]
    assert image.shape == (3, 32, 32)
    assert image.dtype == torch.float32
    assert 0 <= image.min() < image.max() <= 1
    assert isinstance(target, int)


def test_a_longer_data_set_continues_a_shorter_one():
    longer = Glyphs100(1300, seed=5)
    shorter = Glyphs100(700, seed=5)
    assert torch.equal(longer.images[:700], shorter.images)
    assert torch.equal(longer.targets[:700], shorter.targets)


def test_seeds_and_chunks_share_no_image():
    first, second = Glyphs100(2000, seed=0).images, Glyphs100(1000, seed=1).images
    images = torch.cat([first, second]).flatten(1)
    assert len(images.unique(dim=0)) == 3000


def test_large_seeds_are_not_cut_to_32_bits():
    assert not torch.equal(Glyphs100(1, seed=2**32).images, Glyphs100(1, seed=0).images)


def test_every_class_is_drawn_about_equally_often():
    counts = Glyphs100(10_000, seed=1).targets.bincount(minlength=100)
    assert len(counts) == 100
    assert counts.min() > 60
    assert counts.max() < 140


def test_severity_strengthens_the_same_images():
    calm, shifted = Glyphs100(500), Glyphs100(500, severity=5)
    assert torch.equal(calm.targets, shifted.targets)
    assert shifted.images.std() > calm.images.std() + 0.02


def test_noise_is_gaussian_with_sigma_from_31_to_61_256ths():
    images = Glyphs100(3000).images.double()
    # glyphs hardly ever reach the corners; noise on a grey background is hardly ever clipped
    corners = torch.cat([images[:, :, :3], images[:, :, -3:]], 2)
    edge = torch.cat([corners[..., 0], corners[..., -1]], 2)
    neighbours = torch.cat([corners[..., 1], corners[..., -2]], 2)
    grey = (torch.cat([edge, neighbours], 2).quantile(0.5, dim=2) - 0.5).abs() < 0.1
    differences = (edge - neighbours)[grey].abs()
    sigma = torch.arange(31, 62, dtype=torch.float64) / 256
    for limit in (0.05, 0.1, 0.2, 0.3, 0.4, 0.5):
        expected = torch.erf(limit / (2 * sigma)).mean()
        assert abs((differences < limit).double().mean() - expected) < 0.006


def test_class_names_are_one_hundred_different_glyphs():
    classes = Glyphs100(1).classes
    assert len(set(classes)) == len(classes) == 100
    assert {"7", "Q", "g", "Ψ", "ξ", "€"} <= set(classes)


def test_no_unseen_mask_is_the_mask_of_a_class():
    with np.load(ASSETS / "glyph_masks.npz") as arrays:
        seen = {mask.tobytes() for masks in arrays["class_masks"] for mask in masks}
        unseen = {mask.tobytes() for masks in arrays["out_of_class_masks"] for mask in masks}
    assert len(seen) > 100
    assert len(unseen) > 30
    assert not seen & unseen


def test_pixels_do_not_depend_on_torchs_defaults():
    expected = Glyphs100(3).images
    torch.set_default_dtype(torch.float64)
    try:
        with torch.device("meta"):
            images = Glyphs100(3).images
    finally:
        torch.set_default_dtype(torch.float32)
    assert torch.equal(images, expected)


@pytest.mark.parametrize("arguments", [{"n": 5.0}, {"n": True}, {"n": 5, "seed": None}])
def test_a_size_or_seed_that_is_not_an_integer_is_refused(arguments):
    with pytest.raises(TypeError, match="must be an integer of at least"):
        Glyphs100(**arguments)


def test_unseen_glyphs_have_the_label_of_no_class():
    unseen = Glyphs100(50, seed=2, unseen=True)
    assert (unseen.targets == -1).all()
    assert not torch.equal(unseen.images, Glyphs100(50, seed=2).images)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be an integer of at least 1, got 0"),
        ({"n": 5, "seed": -1}, "seed must be an integer of at least 0, got -1"),
        ({"n": 5, "severity": 6}, "severity must lie between 0 and 5, got 6"),
        ({"n": 5, "severity": -0.5}, "severity must lie between 0 and 5"),
        ({"n": 5, "severity": float("nan")}, "severity must lie between 0 and 5"),
    ],
)
def test_bad_input_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Glyphs100(**arguments)


IMPORT_AND_LIST = """
import sys
import {imports}
print(*sorted({{name.partition(".")[0] for name in sys.modules}}))
"""


@pytest.mark.parametrize(
    ("imports", "allowed"),
    [
        ("calibkit.data.glyphs100, calibkit.inference, calibkit.splits", set()),
        ("calibkit.data.resnet, calibkit.data.datamodules", set()),
        ("calibkit.data.cached_logits", {"filelock", "platformdirs"}),
    ],
)
def test_an_import_does_not_load_what_it_does_not_use(imports, allowed):
    program = IMPORT_AND_LIST.format(imports=imports)
    completed = subprocess.run(
        [sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=120
    )
    slow = {"torchvision", "scipy", "sklearn", "matplotlib", "torchmetrics"}
    loaded = set(completed.stdout.split())
    assert "torch" in loaded
    assert loaded & (slow | {"filelock", "platformdirs"}) - allowed == set()
