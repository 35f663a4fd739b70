"""calibkit: classifier calibration, exact and honest about its noise."""

from calibkit.beta_scaler import BetaScaler
from calibkit.binning_scalers import HistogramScaler, IsotonicScaler
from calibkit.bins import ReliabilityBins, reliability_bins
from calibkit.bootstrap import Interval, bootstrap_interval, paired_difference
from calibkit.cached_logits import glyphs100_logits
from calibkit.compare import Comparison, Trial, compare
from calibkit.conformal import ConformalSets
from calibkit.curves import learning_curve, risk_coverage_curve, temperature_curve
from calibkit.datamodules import CIFAR100DataModule, Glyphs100DataModule
from calibkit.explore import explore_temperature
from calibkit.functional import (
    calibration_error,
    classwise_calibration_error,
    ks_calibration_error,
    smooth_calibration_error,
)
from calibkit.glyphs100 import Glyphs100
from calibkit.inference import collect_logits
from calibkit.linear_scalers import DirichletScaler, MatrixScaler, VectorScaler
from calibkit.metrics import (
    CalibrationError,
    ClasswiseCalibrationError,
    KSCalibrationError,
    SmoothCalibrationError,
)
from calibkit.models import ResNet20, cifar100_resnet20, glyphs100_resnet20
from calibkit.newton import NoOptimumError
from calibkit.noise import CalibrationTest, NoiseFloor, calibration_test, noise_floor
from calibkit.plots import confidence_histogram, reliability_diagram
from calibkit.population import glyphs100_population
from calibkit.report import Change, Measures, Report, evaluate
from calibkit.scalers import FitSummary, Scaler, TemperatureScaler
from calibkit.score_metrics import BrierScore, NegativeLogLikelihood, ScoreDecomposition
from calibkit.scores import (
    Decomposition,
    accuracy,
    brier_score,
    negative_log_likelihood,
    score_decomposition,
)
from calibkit.shift import ShiftCheck, check_shift
from calibkit.splits import split_calibration
from calibkit.uniform_mixture_scaler import UniformMixtureScaler

__all__ = [
    "BetaScaler",
    "BrierScore",
    "CIFAR100DataModule",
    "CalibrationError",
    "CalibrationTest",
    "Change",
    "ClasswiseCalibrationError",
    "Comparison",
    "ConformalSets",
    "Decomposition",
    "DirichletScaler",
    "FitSummary",
    "Glyphs100",
    "Glyphs100DataModule",
    "HistogramScaler",
    "Interval",
    "IsotonicScaler",
    "KSCalibrationError",
    "MatrixScaler",
    "Measures",
    "NegativeLogLikelihood",
    "NoOptimumError",
    "NoiseFloor",
    "ReliabilityBins",
    "Report",
    "ResNet20",
    "Scaler",
    "ScoreDecomposition",
    "ShiftCheck",
    "SmoothCalibrationError",
    "TemperatureScaler",
    "Trial",
    "UniformMixtureScaler",
    "VectorScaler",
    "accuracy",
    "bootstrap_interval",
    "brier_score",
    "calibration_error",
    "calibration_test",
    "check_shift",
    "cifar100_resnet20",
    "classwise_calibration_error",
    "collect_logits",
    "compare",
    "confidence_histogram",
    "evaluate",
    "explore_temperature",
    "glyphs100_logits",
    "glyphs100_population",
    "glyphs100_resnet20",
    "ks_calibration_error",
    "learning_curve",
    "negative_log_likelihood",
    "noise_floor",
    "paired_difference",
    "reliability_bins",
    "reliability_diagram",
    "risk_coverage_curve",
    "score_decomposition",
    "smooth_calibration_error",
    "split_calibration",
    "temperature_curve",
]
