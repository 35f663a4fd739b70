"""An attribute that the constructor would refuse is refused on assignment too."""

import copy
import io
import math
import pickle

import numpy as np
import pytest
import torch

import calibkit as ck
from tests.helpers import calibrated_problem

LOGITS, LABELS = calibrated_problem(300, 3, 2)
WRONG_TEMPERATURES = [-1, 0, math.nan, math.inf, "2", None, True, torch.tensor(2.0)]
WRONG = {
    (ck.TemperatureScaler, "temperature"): WRONG_TEMPERATURES,
    (ck.TemperatureScaler, "smoothing"): [-1, math.nan, math.inf, "1", None, True],
    (ck.UniformMixtureScaler, "temperature"): WRONG_TEMPERATURES,
    (ck.UniformMixtureScaler, "uniform_weight"): [-0.1, 1, math.nan, "0", None],
    (ck.VectorScaler, "diagonal"): [-1, 0, math.inf, math.nan, None],
    (ck.VectorScaler, "intercept"): [-1, 0, "a"],
    (ck.MatrixScaler, "off_diagonal"): [-1, 0, math.inf],
    (ck.DirichletScaler, "diagonal"): [-1, None],
    (ck.HistogramScaler, "n_bins"): [0, -3, 2.5, True, None],
    (ck.ConformalSets, "coverage"): [0, 1, 1.5, 90, "0.9", None],
    (ck.ConformalSets, "score"): ["raps", None],
}


@pytest.mark.parametrize(("kind", "name"), WRONG)
def test_a_wrong_value_is_refused_and_changes_nothing(kind, name):
    thing = kind()
    before = getattr(thing, name)
    for value in WRONG[kind, name]:
        with pytest.raises((TypeError, ValueError), match=rf"{name}.* got "):
            setattr(thing, name, value)
        assert getattr(thing, name) == before


FITTED = {
    (ck.VectorScaler, "weight"): [torch.ones(3, 3), torch.tensor([1.0, math.nan, 1.0])],
    (ck.MatrixScaler, "weight"): [torch.ones(3), torch.full((3, 3), math.inf)],
    (ck.DirichletScaler, "inverse_temperature"): [-1.0, torch.ones(3)],
    (ck.HistogramScaler, "values"): [torch.zeros(3), torch.ones(3, 15)],
    (ck.IsotonicScaler, "n_samples"): [-1, torch.ones(2)],
    (ck.BetaScaler, "a"): [-0.5, [1.0, 2.0]],
    (ck.LogisticScaler, "coefficients"): [1.0, torch.tensor([0.0, math.nan])],
}


@pytest.mark.parametrize(("kind", "name"), FITTED)
def test_a_parameter_that_cannot_be_right_is_refused_and_changes_nothing(kind, name):
    binary = kind in (ck.BetaScaler, ck.LogisticScaler)
    logits, labels = calibrated_problem(300, 2, 2) if binary else (LOGITS, LABELS)
    scaler = kind().fit_logits(logits, labels)
    expected = scaler(logits)
    for value in [*FITTED[kind, name], math.nan, math.inf, "2", None, True, torch.tensor(1j)]:
        with pytest.raises((TypeError, ValueError), match=rf"{name}.* got "):
            setattr(scaler, name, value)
        assert torch.equal(scaler(logits), expected)


def test_a_parameter_may_be_given_as_an_array_or_a_list():
    scaler = ck.VectorScaler().fit_logits(LOGITS, LABELS)
    expected = scaler(LOGITS)
    scaler.weight = scaler.weight.numpy()
    scaler.bias = scaler.bias.tolist()
    scaler.n_samples = int(scaler.n_samples)
    assert torch.equal(scaler(LOGITS), expected)


def test_a_right_value_is_kept_as_a_plain_number():
    scaler = ck.TemperatureScaler()
    scaler.temperature = np.float32(2)
    assert type(scaler.temperature) is float
    assert torch.equal(scaler(LOGITS), LOGITS / 2)
    scaler = ck.HistogramScaler()
    scaler.n_bins = np.int64(4)
    assert type(scaler.n_bins) is int
    assert scaler.fit_logits(LOGITS, LABELS).values.shape == (3, 4)


@pytest.mark.parametrize("kind", [ck.TemperatureScaler, ck.UniformMixtureScaler, ck.VectorScaler])
def test_pickles_copies_and_states_keep_working(kind):
    scaler = kind().fit_logits(LOGITS, LABELS)
    expected = scaler(LOGITS)
    for other in (copy.deepcopy(scaler), pickle.loads(pickle.dumps(scaler))):
        assert torch.equal(other(LOGITS), expected)
    file = io.BytesIO()
    torch.save(scaler.state_dict(), file)
    file.seek(0)
    other = kind()
    other.load_state_dict(torch.load(file))
    assert torch.equal(other(LOGITS), expected)
    assert "temperature" not in vars(scaler) or type(scaler.temperature) is float


@pytest.mark.parametrize("kind", [ck.TemperatureScaler, ck.UniformMixtureScaler])
def test_export_and_compile_see_an_ordinary_number(kind):
    scaler = kind().fit_logits(LOGITS, LABELS)
    program = torch.export.export(scaler, (LOGITS,)).module()
    torch.testing.assert_close(program(LOGITS), scaler(LOGITS))
    compiled = torch.compile(scaler, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(LOGITS), scaler(LOGITS))
