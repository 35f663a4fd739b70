"""The functions that an export to ONNX writes out are those of torch, to the last digits."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from calibkit.scalers import _exportable as written_out
from tests.scalers.test_states import KINDS, fit, problem

numbers = st.floats(-1e4, 1e4) | st.floats(-1e-10, 1e-10) | st.sampled_from([-math.inf, 0.0])


@pytest.fixture(autouse=True)
def exporting(monkeypatch):
    """Torch says that an export is on its way."""
    monkeypatch.setattr(torch.onnx, "is_in_onnx_export", lambda: True)


def float64(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def are_close(found: torch.Tensor, expected: torch.Tensor) -> None:
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-300)


@given(numbers, numbers)
def test_log_add_exp(a, b):
    are_close(
        written_out.log_add_exp(float64(a), float64(b)), torch.logaddexp(*float64(a, b)[:, None])
    )


@given(numbers | st.just(math.inf))
def test_log_sigmoid(z):
    are_close(written_out.log_sigmoid(float64(z)), torch.nn.functional.logsigmoid(float64(z)))


@given(st.floats(0, 1) | st.floats(0, 1e-10))
def test_log1p(x):
    are_close(written_out.log1p(float64(x)), float64(x).log1p())


@given(st.floats(-1e4, 0) | st.floats(-1e-10, 0) | st.just(-math.inf))
def test_expm1(x):
    are_close(written_out.expm1(float64(x)), float64(x).expm1())


@given(st.lists(st.lists(st.integers(0, 9), min_size=6, max_size=6), min_size=1, max_size=3))
def test_search_sorted(rows):
    rows = torch.tensor(rows, dtype=torch.float64).sort().values[:, : 1 + len(rows)].contiguous()
    values = torch.arange(-0.5, 10, 0.5, dtype=torch.float64).repeat(len(rows), 1)
    assert torch.equal(written_out.search_sorted(rows, values), torch.searchsorted(rows, values))


@pytest.mark.parametrize("kind", KINDS)
def test_every_scaler_gives_the_same(kind, monkeypatch):
    logits, labels = problem(kind)
    logits[::3] *= 30
    scaler = fit(kind, logits, labels)
    logits[::5, 1] = -math.inf
    found = scaler(logits)
    monkeypatch.undo()
    torch.testing.assert_close(found, scaler(logits), rtol=1e-12, atol=1e-12)
