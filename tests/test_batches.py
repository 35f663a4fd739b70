"""Loaders as people have them: each form of a batch reaches the model as its author meant it."""

import re
from collections import OrderedDict, UserDict, namedtuple
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, TensorDataset

import calibkit as ck
from calibkit import _batches
from tests.helpers import calibrated_problem

LOGITS, LABELS = calibrated_problem(200, 4, 2)
INDEX = torch.arange(200)
WEIGHTS = torch.rand(200, generator=torch.Generator().manual_seed(0))
T = ck.TemperatureScaler().fit_logits(LOGITS, LABELS).temperature
CPU = torch.device("cpu")


def batches(*tensors):
    return list(zip(*(tensor.split(50) for tensor in tensors), strict=True))


def dictionaries(kind=dict, **tensors):
    return [kind(zip(tensors, parts, strict=True)) for parts in batches(*tensors.values())]


def check(model, loader):
    logits, labels = ck.collect_logits(model, loader, progress=False)
    assert torch.equal(logits, LOGITS)
    assert torch.equal(labels, LABELS)
    assert ck.TemperatureScaler().fit(model, loader, progress=False).temperature == T


class Encoding(UserDict):
    """A mapping that is no dictionary, as the BatchEncoding of Hugging Face."""


class Output(OrderedDict):
    """A dictionary with attributes, as the ModelOutput of Hugging Face."""

    def __getattr__(self, name):
        return self[name]


class Text(nn.Module):
    """A model of several inputs, the first of which a batch may lack."""

    def forward(self, pixel_values=None, input_ids=None, attention_mask=None, labels=None):
        assert labels is None
        assert pixel_values is None
        mask = 1 if attention_mask is None else attention_mask
        return Output(loss=None, logits=input_ids * mask)


class TakesAll(Text):
    def forward(self, input_ids, **options):
        return Output(logits=input_ids * options.get("attention_mask", 1))


class Two(nn.Module):
    def forward(self, first, second):
        return first + second


Pair = namedtuple("Pair", ["x", "y"])
ONES = torch.ones_like(LOGITS)
FORMS = {
    "pairs": (nn.Identity(), batches(LOGITS, LABELS)),
    "lists": (nn.Identity(), [list(batch) for batch in batches(LOGITS, LABELS)]),
    "named tuples": (nn.Identity(), [Pair(*batch) for batch in batches(LOGITS, LABELS)]),
    "indices behind": (nn.Identity(), batches(LOGITS, LABELS, INDEX.flip(0))),
    "file names behind": (
        nn.Identity(),
        [(x, y, [f"{i}.png" for i in range(50)]) for x, y in batches(LOGITS, LABELS)],
    ),
    "notes behind": (
        nn.Identity(),
        [(x, y, {"id": i, "site": "a"}, None) for x, y, i in batches(LOGITS, LABELS, INDEX)],
    ),
    "two inputs": (Two(), [((x, 0 * x), y) for x, y in batches(LOGITS, LABELS)]),
    "two inputs in a list": (Two(), [[[x, 0 * x], y] for x, y in batches(LOGITS, LABELS)]),
    "one input in a list": (nn.Identity(), [([x], y) for x, y in batches(LOGITS, LABELS)]),
    "a dictionary": (nn.Identity(), dictionaries(image=LOGITS, label=LABELS)),
    "a mapping": (Text(), dictionaries(Encoding, input_ids=LOGITS, labels=LABELS)),
    "several inputs by name": (
        Text(),
        dictionaries(Encoding, attention_mask=ONES, input_ids=LOGITS, labels=LABELS),
    ),
    "a single input that is not the first": (Text(), dictionaries(input_ids=LOGITS, labels=LABELS)),
    "an index in a dictionary": (
        Text(),
        dictionaries(idx=INDEX, input_ids=LOGITS, labels=LABELS),
    ),
    "an index and an input of another name": (
        nn.Identity(),
        dictionaries(idx=INDEX, image=LOGITS, label=LABELS),
    ),
    "texts in a dictionary": (
        Text(),
        [
            {"input_ids": x, "labels": y, "text": ["a"] * 50, "meta": {"a": 1}, "none": None}
            for x, y in batches(LOGITS, LABELS)
        ],
    ),
    "any name": (TakesAll(), dictionaries(attention_mask=ONES, input_ids=LOGITS, labels=LABELS)),
    "a dictionary and labels": (
        Text(),
        [({"input_ids": x, "idx": i}, y) for x, y, i in batches(LOGITS, LABELS, INDEX)],
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_each_form_reaches_the_model(name):
    check(*FORMS[name])


@pytest.mark.parametrize(
    "output",
    [
        lambda z: Output(loss=None, logits=z),
        lambda z: {"logits": z, "out": None},
        lambda z: OrderedDict(out=z, aux=2 * z),
        lambda z: SimpleNamespace(logits=z, hidden_states=None),
    ],
    ids=["ModelOutput", "dictionary", "torchvision's segmentation", "object"],
)
def test_each_form_of_an_output_is_read(output):
    class Model(nn.Module):
        def forward(self, x):
            return output(x)

    check(Model(), batches(LOGITS, LABELS))


def test_a_data_parallel_model_and_a_compiled_one_get_the_same():
    loader = dictionaries(input_ids=LOGITS, attention_mask=ONES, labels=LABELS)
    check(nn.DataParallel(Text()), loader)
    check(torch.compile(Text(), backend="eager"), loader)


def test_a_model_that_does_not_tell_its_inputs_gets_them_by_name():
    class Program(nn.Module):
        forward = staticmethod(torch.add)  # a compiled function, which has no signature

    class Copy(nn.Module):
        forward = staticmethod(torch.positive)

    check(Program(), dictionaries(other=0 * LOGITS, input=LOGITS, labels=LABELS))
    check(Copy(), dictionaries(image=LOGITS, labels=LABELS))


REFUSED = {
    "weights behind": (
        nn.Identity(),
        batches(LOGITS, LABELS, WEIGHTS),
        "((batch[0], batch[1]) for batch in loader)",
        "pass sample weights as sample_weight",
    ),
    "groups behind": (
        nn.Identity(),
        batches(LOGITS, LABELS, LABELS),
        "((batch[0], batch[1]) for batch in loader)",
        r"got (Tensor, Tensor, Tensor)",
    ),
    "labels last": (
        Two(),
        batches(LOGITS, 0 * LABELS[:, None], LABELS),
        "((batch[:-1], batch[-1]) for batch in loader)",
        "if they are last",
    ),
    "numbers behind": (
        nn.Identity(),
        [(x, y, [0.5] * 50) for x, y in batches(LOGITS, LABELS)],
        "((batch[0], batch[1]) for batch in loader)",
        "may only give indices, which are all different, and texts",
    ),
    "an object behind": (
        nn.Identity(),
        [(x, y, object()) for x, y in batches(LOGITS, LABELS)],
        "((batch[0], batch[1]) for batch in loader)",
        "got (Tensor, Tensor, object)",
    ),
    "weights in a dictionary": (
        Text(),
        dictionaries(input_ids=LOGITS, labels=LABELS, weight=WEIGHTS),
        "({**batch, 'weight': None} for batch in loader)",
        "pass sample weights as sample_weight",
    ),
    "weights in a dictionary for a model that takes all": (
        TakesAll(),
        dictionaries(input_ids=LOGITS, labels=LABELS, sample_weight=WEIGHTS),
        "({**batch, 'sample_weight': None} for batch in loader)",
        "got 'sample_weight'",
    ),
    "an input that the model does not know": (
        Text(),
        dictionaries(input_ids=LOGITS, token_type_ids=LABELS[:, None], labels=LABELS),
        "({**batch, 'token_type_ids': None} for batch in loader)",
        "got 'token_type_ids', which is not",
    ),
    "two inputs that the model does not know": (
        nn.Identity(),
        dictionaries(depth=ONES, image=LOGITS, label=LABELS),
        "({**batch, 'depth': None} for batch in loader)",
        "must be an input of the model",
    ),
    "masks with a channel": (
        nn.Identity(),
        [(LOGITS.view(10, 20, 4).movedim(-1, 1), LABELS.view(10, 1, 20))],
        "((x, y.squeeze(1)) for x, y in loader)",
        "(batch, classes, ...)",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_may_be_weights_or_labels_is_not_ignored(name):
    model, loader, code, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=re.escape(words)) as raised:
        ck.collect_logits(model, loader, progress=False)
    assert code in str(raised.value)
    repaired = list(eval(code, {"loader": loader}))
    logits, _ = ck.collect_logits(model, repaired, progress=False)
    assert logits.numel() == LOGITS.numel()


def test_weights_behind_the_labels_can_be_collected_beside_the_logits():
    dataset = TensorDataset(LOGITS, LABELS, WEIGHTS)
    shuffled = DataLoader(
        dataset, batch_size=50, shuffle=True, generator=torch.Generator().manual_seed(1)
    )
    loader = list(shuffled)
    logits, labels = ck.collect_logits(nn.Identity(), [(x, y) for x, y, _ in loader])
    weights = torch.cat([weight for _, _, weight in loader])
    assert not torch.equal(weights, WEIGHTS)
    found = ck.TemperatureScaler().fit_logits(logits, labels, sample_weight=weights)
    expected = ck.TemperatureScaler().fit_logits(LOGITS, LABELS, sample_weight=WEIGHTS)
    assert found.temperature == pytest.approx(expected.temperature, rel=1e-9)


def test_a_batch_of_indices_alone_is_refused():
    with pytest.raises(TypeError, match="got 'idx'"):
        ck.collect_logits(Text(), dictionaries(idx=INDEX, number=INDEX, labels=LABELS))


class Pictures(Dataset):
    def __getitem__(self, i):
        return LOGITS[i], int(LABELS[i])

    def __len__(self):
        return len(LABELS)


def test_what_is_no_loader_is_told_what_to_pass():
    module = SimpleNamespace(val_dataloader=lambda: batches(LOGITS, LABELS))
    with pytest.raises(TypeError, match=r"such as datamodule\.val_dataloader\(\)"):
        ck.collect_logits(nn.Identity(), module)
    check(nn.Identity(), module.val_dataloader())
    dataset = Pictures()
    with pytest.raises(TypeError, match=r"pass torch\.utils\.data\.DataLoader\(dataset, b"):
        ck.collect_logits(nn.Identity(), dataset)
    check(nn.Identity(), DataLoader(dataset, batch_size=64))
    loader = DataLoader(TensorDataset(LOGITS, LABELS), batch_size=64)
    with pytest.raises(TypeError, match="got DataLoader; pass a single loader"):
        ck.collect_logits(nn.Identity(), [loader])
    with pytest.raises(TypeError, match="pass for instance a torch"):
        ck.collect_logits(nn.Identity(), 3)


def test_an_output_without_logits_is_named():
    class Model(nn.Module):
        def forward(self, x):
            return {"scores": x}

    with pytest.raises(TypeError, match=r"got dict with \['scores'\]; wrap it in a module"):
        ck.collect_logits(Model(), batches(LOGITS, LABELS))


class Host:
    """A tensor in pinned memory or not, which notes how it was copied."""

    def __init__(self, pinned):
        self.pinned = pinned

    def is_pinned(self):
        return self.pinned

    def to(self, device, *, non_blocking):
        return device.type, non_blocking


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("safe", [False, True])
@pytest.mark.parametrize("device", ["cpu", "cuda", "mps"])
def test_only_a_copy_from_pinned_memory_to_a_gpu_does_not_block(device, pinned, safe):
    copied = _batches.to_device(Host(pinned), torch.device(device), non_blocking=safe)
    assert copied == (device, device == "cuda" and pinned and safe)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"batch_size": 50}, False),
        ({"batch_size": 50, "pin_memory": True}, True),
        ({"batch_size": None, "pin_memory": True}, False),
        (None, False),
    ],
)
@pytest.mark.filterwarnings("ignore:'pin_memory' argument")
def test_only_batches_in_memory_of_their_own_are_copied_without_waiting(
    options, expected, monkeypatch
):
    seen = set()

    def to_device(tensor, device, *, non_blocking):
        seen.add(non_blocking)
        return tensor.to(device)

    monkeypatch.setattr(_batches, "to_device", to_device)
    monkeypatch.setattr("calibkit.inference.to_device", to_device)
    loader = batches(LOGITS, LABELS)
    if options is not None:
        dataset = TensorDataset(LOGITS, LABELS) if options["batch_size"] else loader
        loader = DataLoader(dataset, **options)
    check(nn.Identity(), loader)
    assert seen == {expected}


def test_labels_that_may_be_several_are_declared():
    several = (LOGITS > 0).float()
    loader = batches(LOGITS, several)
    logits, labels = ck.collect_logits(nn.Identity(), loader, progress=False, multi_label=True)
    assert torch.equal(labels, several)
    assert torch.equal(logits, LOGITS)
    with pytest.raises(ValueError, match=r"collect_logits\(\.\.\., multi_label=True\)"):
        ck.collect_logits(nn.Identity(), loader, progress=False)
    with pytest.raises(TypeError, match="multi_label must be True or False, got 1"):
        ck.collect_logits(nn.Identity(), loader, progress=False, multi_label=1)


def segmentation(n: int, seed: int):
    """Images whose pixels are their own logits, with a label to ignore in one of ten pixels."""
    logits, labels = calibrated_problem(n * 8 * 8, 3, 2, seed)
    ignored = torch.arange(len(labels)) % 10 == 0
    labels = labels.masked_fill(ignored, 255)
    return logits.view(n, 8, 8, 3).movedim(-1, 1), labels.view(n, 8, 8)


class Segmenter(nn.Module):
    """A model as torchvision's, which also returns auxiliary logits."""

    def __init__(self):
        super().__init__()
        self.dropout = nn.Dropout2d(0.5)

    def forward(self, images):
        return OrderedDict(out=self.dropout(images), aux=images)


def test_a_segmentation_model_with_an_ignored_label_goes_from_loader_to_report():
    model = Segmenter()
    loaders = [DataLoader(TensorDataset(*segmentation(40, seed)), batch_size=16) for seed in (0, 1)]
    scaler = ck.TemperatureScaler().fit(model, loaders[0], ignore_index=255, progress=False)
    assert scaler.temperature == pytest.approx(2, rel=0.15)
    options = {"scaler": scaler, "ignore_index": 255, "n_resamples": 100, "progress": False}
    report = ck.evaluate(model, loaders[1], **options)
    images, masks = segmentation(40, 1)
    assert report.n_samples == int((masks != 255).sum()) < masks.numel()
    assert report.after.nll.value < report.before.nll.value
    flat = ck.evaluate(
        images.movedim(1, -1)[masks != 255], masks[masks != 255], scaler=scaler, n_resamples=40
    )
    assert report.after.nll.value == pytest.approx(flat.after.nll.value)
    assert model.training


def test_logits_of_a_lower_resolution_are_told_how_to_grow():
    images, masks = segmentation(4, 0)

    class Coarse(nn.Module):
        grow = False

        def forward(self, x):
            logits = x[..., ::2, ::2]
            return eval(self.grow, {"logits": logits, "torch": torch}) if self.grow else logits

    model = Coarse()
    with pytest.raises(ValueError, match="lower resolution") as raised:
        ck.collect_logits(model, [(images, masks)], progress=False)
    model.grow = re.search(r"return (torch\S+ \(8, 8\)\))", str(raised.value))[1]
    assert ck.collect_logits(model, [(images, masks)], progress=False)[0].shape == images.shape


def test_a_module_of_lightning_is_run_by_its_forward():
    class Lightning(nn.Module):
        """A stand-in with the methods that a trainer would call."""

        def __init__(self):
            super().__init__()
            self.dropout = nn.Dropout(0.5)

        def forward(self, x):
            return self.dropout(x)

        def predict_step(self, batch, batch_idx):
            raise AssertionError

        training_step = validation_step = predict_step

    model = Lightning()
    check(model, batches(LOGITS, LABELS))
    assert model.training
    assert model.dropout.training


class Outputs(nn.Module):
    """A model that takes names and returns an object, as those of Hugging Face do."""

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=input_ids * attention_mask[:, None])


def test_the_advice_for_a_model_with_its_scaler_in_a_sequence_works():
    batches_of_two = dictionaries(input_ids=LOGITS, attention_mask=torch.ones(200), labels=LABELS)
    scaler = ck.TemperatureScaler(2.0)
    with pytest.raises(TypeError, match=r"Sequential takes one input without a name, got the .*"):
        ck.collect_logits(nn.Sequential(Outputs(), scaler), batches_of_two, progress=False)

    class Calibrated(nn.Module):
        def __init__(self):
            super().__init__()
            self.model = Outputs()

        def forward(self, **batch):
            return scaler(self.model(**batch).logits)

    logits, _ = ck.collect_logits(Calibrated(), batches_of_two, progress=False)
    assert torch.equal(logits, LOGITS / 2)


def test_the_advice_on_a_list_of_labels_for_each_sample_works():
    """The loader turns such lists into one tensor for each label."""
    hot = (LOGITS > 0).long()
    loader = DataLoader([(x, y.tolist()) for x, y in zip(LOGITS, hot, strict=True)], batch_size=50)
    with pytest.raises(TypeError, match=r"\(\(x, torch.stack\(y, 1\)\) for x, y in loader\)"):
        ck.collect_logits(nn.Identity(), loader, progress=False, multi_label=True)
    stacked = ((x, torch.stack(y, 1)) for x, y in loader)
    _, labels = ck.collect_logits(nn.Identity(), stacked, progress=False, multi_label=True)
    assert torch.equal(labels, hot)
