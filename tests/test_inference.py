import copy
from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from calibkit import TemperatureScaler, collect_logits
from calibkit.inference import collect_logits_of_process
from tests.helpers import calibrated_problem


@pytest.fixture
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 5), nn.Dropout(0.5))


def test_gives_every_logit_once_and_in_order(model):
    inputs, labels = torch.randn(70, 3), torch.arange(70) % 5
    loader = DataLoader(TensorDataset(inputs, labels), batch_size=32)
    logits, collected = collect_logits(model, loader, progress=False)
    assert torch.equal(collected, labels)
    torch.testing.assert_close(logits, model.eval()(inputs))


def test_a_stream_without_a_length_is_collected_whole(model):
    class Stream(IterableDataset):
        def __iter__(self):
            yield from ((torch.full((3,), float(i)), i % 5) for i in range(7))

    logits, labels = collect_logits(model, DataLoader(Stream(), batch_size=2), progress=False)
    assert labels.tolist() == [0, 1, 2, 3, 4, 0, 1]
    torch.testing.assert_close(logits, model.eval()(torch.arange(7.0)[:, None].expand(7, 3)))


def test_logits_carry_no_graph_yet_can_enter_one(model):
    batches = [(torch.ones(4, 3), torch.arange(4))]
    logits, _ = collect_logits(model, batches, progress=False)
    weight = torch.ones((), requires_grad=True)
    (logits * weight).sum().backward()
    assert not logits.requires_grad
    assert weight.grad == logits.sum()


@pytest.mark.parametrize("fails", [False, True])
def test_the_model_visits_the_device_and_returns(fails):
    class Traveller(nn.Module):
        visited: tuple[torch.device, ...] = ()

        def to(self, device):
            self.visited += (device,)
            return self

        def forward(self, inputs):
            assert inputs.device.type == "meta"
            if fails:
                raise KeyboardInterrupt
            return inputs @ torch.ones(3, 5, device="meta")

    model = Traveller()
    batches = [(torch.ones(4, 3), torch.arange(4))]
    with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
        logits, labels = collect_logits(model, batches, device="meta", progress=False)
        assert logits.device.type == labels.device.type == "meta"
    assert model.visited == (torch.device("meta"), torch.device("cpu"))


@pytest.mark.parametrize("layer", [nn.Linear(3, 5), nn.BatchNorm1d(3, affine=False)])
@pytest.mark.parametrize("device", ["meta", torch.device("meta"), "meta:0"])
def test_a_model_does_not_lose_its_weights_on_the_meta_device(layer, device):
    batches = [(torch.ones(4, 3), torch.arange(4) % 3)]
    before = copy.deepcopy(layer.state_dict())
    for call in (collect_logits, TemperatureScaler().fit):
        with pytest.raises(ValueError, match=r"got meta.*leave device=None, or pass .*'cpu'"):
            call(layer, batches, device=device, progress=False)
    for name, value in layer.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_model_spread_over_several_devices_is_not_moved():
    spread = nn.Sequential(nn.Linear(3, 3), nn.Linear(3, 3, device="meta"))
    with pytest.raises(ValueError, match=r"spread over 2 devices .* leave device=None"):
        collect_logits(spread, [(torch.ones(2, 3), torch.arange(2))], device="cpu")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_on_a_gpu_logits_stay_there_and_the_model_comes_back(model):
    batches = [(torch.ones(4, 3), torch.arange(4))]
    logits, labels = collect_logits(model, batches, device="cuda", progress=False)
    assert logits.is_cuda
    assert labels.is_cuda
    assert next(model.parameters()).device.type == "cpu"


@pytest.mark.parametrize(
    ("batches", "error", "message"),
    [
        ([], ValueError, "the loader gave no batch"),
        ([torch.ones(2, 3)], TypeError, r"pairs of tensors \(inputs, labels\), got Tensor"),
        ([{"image": 1}], TypeError, "got dict"),
        ([(torch.ones(2, 3),)], TypeError, r"got \(Tensor\)"),
        ([(torch.ones(2, 3), [0, 1])], TypeError, r"got \(Tensor, list\)"),
        ([(torch.ones(2, 3), torch.zeros(3))], ValueError, r"got \(2, 5\) for \(3,\)"),
        ([(torch.ones(2, 4, 3), torch.zeros(2))], ValueError, r"got \(2, 4, 5\) for \(2,\)"),
    ],
)
def test_bad_loaders_are_refused(model, batches, error, message):
    with pytest.raises(error, match=message):
        collect_logits(model, batches, progress=False)


def test_a_function_is_not_a_model():
    with pytest.raises(TypeError, match=r"model must be a torch.nn.Module, got function"):
        collect_logits(lambda images: images, [])


def test_a_model_that_does_not_return_a_tensor_is_refused():
    class Pair(nn.Module):
        def forward(self, inputs):
            return inputs, inputs

    with pytest.raises(TypeError, match="must return a tensor of logits, got tuple"):
        collect_logits(Pair(), [(torch.ones(2, 3), torch.arange(2))], progress=False)


def test_one_of_several_processes_may_have_no_sample(model):
    logits, labels = collect_logits_of_process(model, [], progress=False)
    assert logits.shape == (0, 0)
    assert labels.shape == (0,)
    assert model.training


def stream_in_one_buffer(inputs, labels, size=800):
    """A stream of unknown length that writes every batch into the same memory."""
    x, y = torch.empty_like(inputs[:size]), torch.empty_like(labels[:size])
    for i in range(0, len(inputs), size):
        yield x.copy_(inputs[i : i + size]), y.copy_(labels[i : i + size])


def test_a_stream_that_reuses_its_buffers_is_collected_right():
    logits, labels = calibrated_problem(2400, 6, 3)
    found = collect_logits(nn.Identity(), stream_in_one_buffer(logits, labels), progress=False)
    assert torch.equal(found[0], logits)
    assert torch.equal(found[1], labels)
    scaler = TemperatureScaler().fit(
        nn.Identity(), stream_in_one_buffer(logits, labels), progress=False
    )
    assert scaler.temperature == TemperatureScaler().fit_logits(logits, labels).temperature


def test_a_model_that_reuses_its_output_is_collected_right():
    class Reusing(nn.Module):
        def __init__(self):
            super().__init__()
            self.output = torch.empty(100, 6, dtype=torch.float64)

        def forward(self, inputs):
            return self.output.copy_(inputs)

    logits, labels = calibrated_problem(300, 6, 3)
    batches = list(zip(logits.split(100), labels.split(100), strict=True))
    for loader in (batches, iter(batches)):
        found, _ = collect_logits(Reusing(), loader, progress=False)
        assert torch.equal(found, logits)


@pytest.mark.parametrize("known", [True, False], ids=["list", "stream"])
@pytest.mark.parametrize(
    "dtypes",
    [
        (torch.uint8, torch.int64),
        (torch.int64, torch.uint8),
        (torch.uint8, torch.int16, torch.uint8),
        (torch.int8, torch.uint16),
        (torch.uint16, torch.uint8),
        (torch.uint32, torch.int32),
    ],
    ids=str,
)
def test_labels_of_several_dtypes_keep_their_values(dtypes, known):
    labels, batches = [], []
    for k, dtype in enumerate(dtypes):
        y = torch.randint(0, min(400, torch.iinfo(dtype).max), (20,))
        y[0] = min(399, torch.iinfo(dtype).max)
        labels.append(y)
        batches.append((torch.full((20, 400), float(k)), y.to(dtype)))
    _, found = collect_logits(nn.Identity(), batches if known else iter(batches), progress=False)
    assert found.tolist() == torch.cat(labels).tolist()


def test_labels_of_one_dtype_keep_it():
    batches = [(torch.zeros(2, 3), torch.tensor([0, 1], dtype=torch.uint8))] * 2
    assert collect_logits(nn.Identity(), iter(batches), progress=False)[1].dtype == torch.uint8


def test_whole_labels_joined_with_others_are_not_cut_off():
    batches = [(torch.zeros(1, 3), torch.tensor([1])), (torch.zeros(1, 3), torch.tensor([1.5]))]
    assert collect_logits(nn.Identity(), batches, progress=False)[1].tolist() == [1, 1.5]


@pytest.mark.parametrize("known", [True, False], ids=["list", "stream"])
@pytest.mark.parametrize(
    ("dtypes", "joined"),
    [
        ((torch.float16, torch.float32), torch.float32),
        ((torch.float32, torch.float16), torch.float32),
        ((torch.float16, torch.bfloat16), torch.float32),
        ((torch.float32, torch.float64, torch.float16), torch.float64),
    ],
    ids=str,
)
def test_logits_of_several_dtypes_keep_their_values(dtypes, joined, known):
    logits = [torch.tensor([[1000.5, 1 / 3]], dtype=torch.float64).to(dtype) for dtype in dtypes]
    batches = [(z, torch.tensor([0])) for z in logits]
    found, _ = collect_logits(nn.Identity(), batches if known else iter(batches), progress=False)
    assert found.dtype == joined
    assert found.tolist() == [z[0].double().tolist() for z in logits]
