"""calibkit: classifier calibration, exact and honest about its noise."""

from calibkit.datamodules import CIFAR100DataModule, Glyphs100DataModule
from calibkit.glyphs100 import Glyphs100
from calibkit.inference import collect_logits
from calibkit.metrics import (
    NoiseFloor,
    ReliabilityBins,
    calibration_error,
    noise_floor,
    reliability_bins,
)
from calibkit.models import ResNet20, cifar100_resnet20, glyphs100_resnet20
from calibkit.plots import reliability_diagram
from calibkit.scalers import TemperatureScaler
from calibkit.splits import split_calibration

__all__ = [
    "CIFAR100DataModule",
    "Glyphs100",
    "Glyphs100DataModule",
    "NoiseFloor",
    "ReliabilityBins",
    "ResNet20",
    "TemperatureScaler",
    "calibration_error",
    "cifar100_resnet20",
    "collect_logits",
    "glyphs100_resnet20",
    "noise_floor",
    "reliability_bins",
    "reliability_diagram",
    "split_calibration",
]
