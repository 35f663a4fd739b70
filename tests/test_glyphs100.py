import hashlib

import pytest
import torch

from calibkit import Glyphs100
from calibkit.glyphs100 import _assets, _gaussian_quantiles


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


def test_noise_is_standard_normal():
    quantiles = _gaussian_quantiles().double()
    assert quantiles.mean().abs() < 1e-3
    assert abs(quantiles.std() - 1) < 2e-3


def test_class_names_are_one_hundred_different_glyphs():
    classes = Glyphs100(1).classes
    assert len(set(classes)) == len(classes) == 100
    assert {"7", "Q", "g", "Ψ", "ξ", "€"} <= set(classes)


def test_no_unseen_mask_is_the_mask_of_a_class():
    assets = _assets()
    seen = {mask.tobytes() for masks in assets["class_masks"] for mask in masks}
    unseen = {mask.tobytes() for masks in assets["out_of_class_masks"] for mask in masks}
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
def test_what_is_no_integer_is_refused(arguments):
    with pytest.raises(TypeError, match="must be an integer of at least"):
        Glyphs100(**arguments)


def test_unseen_glyphs_carry_no_class():
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
