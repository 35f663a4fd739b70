"""Files of scalers: every kind comes back, and nothing else does."""

import pickle

import pytest
import torch

from calibkit import Scaler
from calibkit.__main__ import _SCALERS
from calibkit._command_line.scaler_file import load_scaler, new_scaler, save_scaler
from tests.helpers import calibrated_problem
from tests.scalers.test_states import BINARY, KINDS


def fitted(kind: type[Scaler]) -> Scaler:
    return kind().fit_logits(*calibrated_problem(300, 2 if kind in BINARY else 3, 2.0))


def refusal(path) -> str:
    with pytest.raises(ValueError, match=str(path)) as caught:
        load_scaler(path)
    return str(caught.value)


def test_every_scaler_has_a_name_on_the_command_line():
    assert {type(new_scaler(name)) for name in _SCALERS if name != "auto"} == set(KINDS)


@pytest.mark.parametrize("kind", KINDS)
def test_a_scaler_comes_back(kind, tmp_path):
    scaler = fitted(kind)
    save_scaler(scaler, tmp_path / "scaler.pt")
    loaded = load_scaler(tmp_path / "scaler.pt")
    logits = calibrated_problem(50, 2 if kind in BINARY else 3, 2.0, seed=1)[0]
    assert type(loaded) is kind
    assert loaded.summary == scaler.summary
    assert torch.equal(loaded(logits), scaler(logits))


def test_python_reads_and_writes_the_same_file(tmp_path):
    scaler = fitted(KINDS[0])
    torch.save(scaler.state_dict(), tmp_path / "scaler.pt")
    assert load_scaler(tmp_path / "scaler.pt").temperature == scaler.temperature
    save_scaler(scaler, tmp_path / "scaler.pt")
    other = KINDS[0]()
    other.load_state_dict(torch.load(tmp_path / "scaler.pt", weights_only=True))
    assert other.temperature == scaler.temperature


def test_what_is_refused(tmp_path):
    path = tmp_path / "scaler.pt"
    path.write_text("hello")
    assert "is not a file of a scaler" in refusal(path)
    torch.save([1], path)
    assert "state of a scaler alone" in refusal(path)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), fitted(KINDS[0]))
    torch.save(model.state_dict(), path)
    assert "state of a scaler alone" in refusal(path)
    torch.save({"_extra_state": {"scaler": "Trap", "summary": None}}, path)
    assert "must hold one of TemperatureScaler, " in refusal(path)
    torch.save(KINDS[0]().state_dict(), path)
    assert "must hold a fitted TemperatureScaler" in refusal(path)
    state = fitted(KINDS[0]).state_dict()
    state["_extra_state"]["temperature"] = -1.0
    torch.save(state, path)
    assert "temperature must be a positive" in refusal(path)
    torch.save(fitted(KINDS[0]).state_dict() | {"more": torch.zeros(1)}, path)
    assert "more" in refusal(path)
    with pytest.raises(FileNotFoundError):
        load_scaler(tmp_path / "none.pt")


@pytest.mark.parametrize(
    "write", [torch.save, lambda trap, path: path.write_bytes(pickle.dumps(trap))]
)
def test_no_code_in_a_file_is_run(tmp_path, write):
    class Trap:
        def __reduce__(self):
            return (exec, ("raise SystemExit('the file ran code')",))

    write(Trap(), tmp_path / "scaler.pt")
    assert "is not a file of a scaler" in refusal(tmp_path / "scaler.pt")
