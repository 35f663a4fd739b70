"""A hundredth of the smallest probability stands for 0, and T stays near the truth."""

import pytest
import torch

from calibkit._command_line.checking import _floor
from tests.simulations.rounded_probabilities import STAND_INS, outcomes, usable_files

OURS = "smallest / 100"


@pytest.mark.slow
def test_the_interval_of_t_holds_the_truth_although_the_file_is_rounded():
    files = list(usable_files(range(10)))
    assert len(files) > 150
    found = outcomes(files)
    assert found[OURS].covered == max(one.covered for one in found.values())
    assert found[OURS].covered > 0.92
    assert found[OURS].most < found["1e-12"].most / 2


def test_the_readers_use_this_stand_in():
    p = torch.tensor([0.0, 0.25, 0.004, 1.0], dtype=torch.float64)
    assert _floor(p) == pytest.approx(STAND_INS[OURS](0.004))
