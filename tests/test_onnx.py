"""Every scaler behind a model, exported to ONNX, gives in onnxruntime what it gives in torch."""

import math

import numpy as np
import pytest
import torch

from calibkit import IsotonicScaler, Scaler, TemperatureScaler
from tests.helpers import calibrated_problem
from tests.scalers.test_states import BINARY, KINDS

missing = 'it is not installed: the extra "bench" has it'
for library in ("onnx", "onnxscript"):
    pytest.importorskip(library, reason=missing)
onnxruntime = pytest.importorskip("onnxruntime", reason=missing)
BATCH = torch.export.Dim("batch")


def fitted(kind: type[Scaler], n_classes: int) -> Scaler:
    return kind().fit_logits(*calibrated_problem(300, n_classes, 2.5))


def as_logits(shape: str, n_classes: int) -> torch.Tensor:
    """Return logits, some of which are far from 0 and some masked."""
    logits = calibrated_problem(240, n_classes, 2.5, seed=1)[0]
    logits[:60] *= 100
    if shape == "pixels":
        logits = logits.reshape(4, 60, n_classes).movedim(-1, 1).reshape(4, n_classes, 6, 10)
        logits[1, 1, :2] = -math.inf
        return logits.contiguous()
    if shape == "rows":
        logits[::7, 1] = -math.inf
        return logits
    single = logits[:, 1] - logits[:, 0]
    single[0], single[1] = -math.inf, math.inf
    return single if shape == "single" else single[:, None]


class OfSeveralInputs(torch.nn.Module):
    """A scaler of several inputs at once, because an export takes a second whatever it holds."""

    def __init__(self, scaler: Scaler) -> None:
        super().__init__()
        self.scaler = scaler

    def forward(self, *inputs: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return tuple(self.scaler(logits) for logits in inputs)


def run_in_onnx(scaler: Scaler, *inputs: torch.Tensor) -> list[torch.Tensor]:
    """Export a scaler with the first samples of the inputs, and run it on all samples."""
    batches = [{0: torch.export.Dim(f"batch_{i}")} for i in range(len(inputs))]
    program = torch.onnx.export(
        OfSeveralInputs(scaler).eval(),
        tuple(logits[:3] for logits in inputs),
        dynamo=True,
        dynamic_shapes=(tuple(batches),),
        verbose=False,
    )
    session = onnxruntime.InferenceSession(program.model_proto.SerializeToString())
    names = [given.name for given in session.get_inputs()]
    arrays = dict(zip(names, (logits.numpy() for logits in inputs), strict=True))
    return [torch.from_numpy(returned) for returned in session.run(None, arrays)]


@pytest.mark.parametrize(
    "inputs",
    [
        [("rows", torch.float32), ("rows", torch.float64), ("pixels", torch.float32)],
        [("single", torch.float32), ("column", torch.float32)],
    ],
    ids=["a logit for each class", "one logit"],
)
@pytest.mark.parametrize("kind", KINDS)
def test_onnx_gives_what_torch_gives(kind, inputs):
    n_classes = 2 if kind in BINARY or ("single", torch.float32) in inputs else 5
    scaler = fitted(kind, n_classes)
    given = [as_logits(shape, n_classes).to(dtype) for shape, dtype in inputs]
    for logits, found in zip(given, run_in_onnx(scaler, *given), strict=True):
        # Large logits have a relative precision only. The dtypes must be the same.
        torch.testing.assert_close(found, scaler(logits), rtol=1e-5, atol=1e-5)


def test_confidences_near_one_keep_their_place_on_a_steep_curve():
    """The corners of an isotonic curve may differ by less than the rounding of 1 - p."""
    z = torch.linspace(30, 60, 400, dtype=torch.float64)
    labels = (torch.arange(400) > 250) | (torch.arange(400) % 3 == 0)
    scaler = IsotonicScaler().fit_logits(z, labels)
    (found,) = run_in_onnx(scaler, z)
    torch.testing.assert_close(found, scaler(z), rtol=1e-5, atol=1e-5)


def test_a_whole_model_is_exported_with_its_scaler(tmp_path):
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 5))
    images = torch.randn(50, 4)
    with torch.no_grad():
        labels = network(images).argmax(1).roll(5)
        labels[:35] = network(images).argmax(1)[:35]
        scaler = TemperatureScaler().fit_logits(network(images), labels)
    model = torch.nn.Sequential(network, scaler).eval()
    torch.onnx.export(
        model, (images[:2],), tmp_path / "m.onnx", dynamic_shapes=({0: BATCH},), verbose=False
    )
    session = onnxruntime.InferenceSession(tmp_path / "m.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: images.numpy()})
    np.testing.assert_allclose(found, model(images).detach().numpy(), atol=1e-5)


def test_a_scaler_without_a_fit_is_not_exported():
    with pytest.raises(Exception, match="IsotonicScaler is not fitted; call fit or fit_logits"):
        run_in_onnx(IsotonicScaler(), torch.zeros(3, 5))
