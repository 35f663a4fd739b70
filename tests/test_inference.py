from contextlib import nullcontext

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from calibkit import collect_logits
from calibkit.inference import collect_logits_of_process


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
    class Traveller(nn.Linear):
        visited: tuple[torch.device, ...] = ()

        def to(self, device):
            self.visited += (device,)
            return self

        def forward(self, inputs):
            assert inputs.device.type == "meta"
            if fails:
                raise KeyboardInterrupt
            return inputs @ torch.ones(3, 5, device="meta")

    model = Traveller(3, 5)
    batches = [(torch.ones(4, 3), torch.arange(4))]
    with pytest.raises(KeyboardInterrupt) if fails else nullcontext():
        logits, labels = collect_logits(model, batches, device="meta", progress=False)
        assert logits.device.type == labels.device.type == "meta"
    assert model.visited == (torch.device("meta"), torch.device("cpu"))


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
