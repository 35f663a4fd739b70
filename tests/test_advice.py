"""Every piece of advice in an error message works: each bad input is paired with it as code.

The code in the message is executed where it is code, on the very values that were refused. So the
message cannot promise what Python refuses.
"""

import re
from collections.abc import Callable, Iterable
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from scipy.sparse import csr_matrix
from torch import nn

import calibkit as ck
from tests.helpers import calibrated_problem

LOGITS, LABELS = calibrated_problem(200, 4, 2)
P = LOGITS.softmax(1)
BINARY, OUTCOMES = LOGITS[:, 1] - LOGITS[:, 0], LABELS.clamp(max=1)
TOKENS, TOKEN_LABELS = LOGITS.view(10, 20, 4), LABELS.view(10, 20)
IMAGES, MASKS = LOGITS.view(2, 10, 10, 4).movedim(-1, 1), LABELS.view(2, 10, 10)
T = ck.TemperatureScaler().fit_logits(LOGITS, LABELS).temperature
GENERATOR = torch.Generator().manual_seed(0)
SEVERAL = (LOGITS.sigmoid() > torch.rand(LOGITS.shape, generator=GENERATOR)).long()
UNLABELLED = LABELS.double().masked_fill(torch.arange(200) % 9 == 0, float("nan"))
NAMES = np.array(["ape", "bee", "cat", "dog"])


class Column:
    """A column or a table that is no array but can be made one, as those of pandas."""

    def __init__(self, values: object, dtype: object = None) -> None:
        self.values = np.asarray(values, dtype)

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.values if dtype is None else self.values.astype(dtype)

    def __getitem__(self, keep: object) -> "Column":
        return Column(self.values[keep])


def fit(logits: object, labels: object, **options: object) -> float:
    return ck.TemperatureScaler().fit_logits(logits, labels, **options).temperature


def ece(probabilities: object, labels: object, **options: object) -> float:
    return ck.calibration_error(probabilities, labels, **options)


# Bad logits and labels for a fit, and code from the message that gives the right ones. The code
# names the two as the message does.
FITS: dict[str, tuple[object, object, str, str]] = {
    "one-hot labels": (LOGITS, nn.functional.one_hot(LABELS), "logits", "labels.argmax(1)"),
    "one-hot labels in an array": (
        LOGITS,
        np.eye(4, dtype=int)[LABELS],
        "logits",
        "torch.as_tensor(labels).argmax(1)",
    ),
    "one-hot labels in lists": (
        LOGITS,
        np.eye(4, dtype=int)[LABELS].tolist(),
        "logits",
        "torch.as_tensor(labels).argmax(1)",
    ),
    "one-hot labels in a table": (
        LOGITS,
        Column(np.eye(4, dtype=int)[LABELS]),
        "logits",
        "torch.as_tensor(np.asarray(labels)).argmax(1)",
    ),
    "one-hot floats": (LOGITS, torch.eye(4)[LABELS], "logits", "labels.argmax(1)"),
    "one-hot booleans": (LOGITS, torch.eye(4)[LABELS] > 0, "logits", "labels.int().argmax(1)"),
    "one-hot pixels, classes last": (
        IMAGES,
        nn.functional.one_hot(MASKS),
        "logits",
        "labels.argmax(-1)",
    ),
    "one-hot pixels": (IMAGES, torch.eye(4)[MASKS].movedim(-1, 1), "logits", "labels.argmax(1)"),
    "soft labels": (LOGITS, 0.9 * torch.eye(4)[LABELS] + 0.025, "logits", "labels.argmax(1)"),
    "several labels a row": (LOGITS, SEVERAL, "logits[:, 0]", "labels[:, 0]"),
    "several labels a row as floats": (
        LOGITS,
        SEVERAL.float(),
        "logits[:, 0]",
        "labels[:, 0].long()",
    ),
    "several labels a row in an array": (
        LOGITS.numpy(),
        SEVERAL.numpy(),
        "torch.as_tensor(logits)[:, 0]",
        "torch.as_tensor(labels)[:, 0]",
    ),
    "tokens with classes last": (TOKENS, TOKEN_LABELS, "logits.movedim(-1, 1)", "labels"),
    "tokens with classes last in an array": (
        TOKENS.numpy(),
        TOKEN_LABELS.numpy(),
        "torch.as_tensor(logits).movedim(-1, 1)",
        "labels",
    ),
    "tokens with flat labels": (TOKENS, LABELS, "logits.flatten(0, -2)", "labels"),
    "pixels with classes last": (
        IMAGES.movedim(1, -1),
        MASKS,
        "logits.movedim(-1, 1)",
        "labels",
    ),
    "pixels with flat labels": (IMAGES, MASKS.flatten(), "logits", "labels.reshape(2, 10, 10)"),
    "pixels with one channel of labels": (IMAGES, MASKS[:, None], "logits", "labels.squeeze(1)"),
    "classes first": (LOGITS.T, LABELS, "logits.T", "labels"),
    "labels in a column": (LOGITS, LABELS[:, None], "logits", "labels.squeeze(1)"),
    "labels in a column of an array": (
        LOGITS,
        LABELS[:, None].numpy(),
        "logits",
        "torch.as_tensor(labels).squeeze(1)",
    ),
    "labels in a table of one column": (
        LOGITS,
        Column(LABELS[:, None]),
        "logits",
        "torch.as_tensor(np.asarray(labels)).squeeze(1)",
    ),
    "float labels": (LOGITS, LABELS.float(), "logits", "labels.long()"),
    "float labels in an array": (
        LOGITS,
        LABELS.numpy().astype(float),
        "logits",
        "torch.as_tensor(labels).long()",
    ),
    "float labels with gaps": (
        LOGITS,
        UNLABELLED,
        "logits[keep]",
        "labels[keep].long()",
    ),
    "labels of BCE": (BINARY, OUTCOMES.float(), "logits", "labels.long()"),
    "columns of BCE": (
        BINARY[:, None],
        OUTCOMES[:, None].float(),
        "logits",
        "labels.squeeze(1).long()",
    ),
    "smooth labels of BCE": (
        BINARY,
        0.9 * OUTCOMES + 0.05,
        "logits",
        "(labels > 0.5).long()",
    ),
    "logits in 8 bits": (
        LOGITS.to(torch.float8_e4m3fn),
        LABELS,
        "logits.to(torch.float32)",
        "labels",
    ),
    "quantized logits": (
        torch.quantize_per_tensor(LOGITS.float(), 0.1, 0, torch.qint8),
        LABELS,
        "logits.dequantize()",
        "labels",
    ),
    "complex logits in a tensor": (LOGITS + 0j, LABELS, "logits.real", "labels"),
    "nested logits": (
        torch.nested.nested_tensor([LOGITS[:50], LOGITS[50:]], layout=torch.jagged),
        LABELS,
        "torch.cat(logits.unbind())",
        "labels",
    ),
    "nested labels": (
        LOGITS,
        torch.nested.nested_tensor([LABELS[:50], LABELS[50:]], layout=torch.jagged),
        "logits",
        "torch.cat(labels.unbind())",
    ),
    "sparse labels": (LOGITS, LABELS.to_sparse(), "logits", "labels.to_dense()"),
    "a sparse column of labels": (
        LOGITS,
        csr_matrix(LABELS.numpy()[:, None]),
        "logits",
        "labels.toarray().ravel()",
    ),
    "labels in 8 bits": (
        LOGITS,
        LABELS.to(torch.float8_e4m3fn),
        "logits",
        "labels.to(torch.int64)",
    ),
    "complex labels": (BINARY, OUTCOMES + 0j, "logits", "labels.real.long()"),
    "strings": (LOGITS, NAMES[LABELS], "logits", "np.unique(labels, return_inverse=True)[1]"),
    "strings in a list": (
        LOGITS,
        NAMES[LABELS].tolist(),
        "logits",
        "np.unique(labels, return_inverse=True)[1]",
    ),
    "strings in a column": (
        LOGITS,
        Column(NAMES[LABELS], object),
        "logits",
        "np.unique(labels, return_inverse=True)[1]",
    ),
    "labels from 1": (LOGITS, LABELS + 1, "logits", "labels - 1"),
    "labels -1 and 1": (BINARY, 2 * OUTCOMES - 1, "logits", "(labels > 0).long()"),
    "labels -1 and 1 of two classes": (
        torch.stack([0 * BINARY, BINARY], 1).numpy(),
        2 * OUTCOMES.numpy() - 1,
        "logits",
        "(torch.as_tensor(labels) > 0).long()",
    ),
    "labels -1 and 1 of pixels": (
        IMAGES[:, :2],
        2 * MASKS.clamp(max=1) - 1,
        "logits",
        "(labels > 0).long()",
    ),
    "labels to leave out": (
        LOGITS,
        LABELS.where(LABELS != 3, -100),
        "logits[keep]",
        "labels[keep]",
    ),
    "labels in a view": (
        LOGITS,
        dict(enumerate(LABELS.tolist())).values(),
        "logits",
        "list(labels)",
    ),
    "labels in batches": (LOGITS, list(LABELS.split(50)), "logits", "torch.cat(labels)"),
    "logits in batches": (list(LOGITS.split(50)), LABELS, "torch.cat(logits)", "labels"),
    "logits in rows": (list(LOGITS), LABELS, "torch.stack(logits)", "labels"),
    "logits in arrays": (list(LOGITS.numpy()), LABELS, "np.stack(logits)", "labels"),
    "logits as text": (
        np.asarray(LOGITS.numpy(), str),
        LABELS,
        "np.asarray(logits, dtype=float)",
        "labels",
    ),
    "logits in long doubles": (
        LOGITS.numpy().astype(np.longdouble),
        LABELS,
        "np.asarray(logits).astype(float)",
        "labels",
    ),
    "complex logits": (LOGITS.numpy() + 0j, LABELS, "np.real(logits)", "labels"),
    "sparse logits": (LOGITS.to_sparse(), LABELS, "logits.to_dense()", "labels"),
    "a sparse matrix of logits": (csr_matrix(LOGITS.numpy()), LABELS, "logits.toarray()", "labels"),
    "probabilities": (P, LABELS, "logits.log()", "labels"),
    "rounded probabilities": ((P * 50).round() / 50, LABELS, "logits - 1", "labels"),
    "sigmoids": (LOGITS.sigmoid(), LABELS, "logits - 1", "labels"),
    "single sigmoids": (
        BINARY.sigmoid(),
        OUTCOMES,
        "torch.stack([0 * logits, logits], 1)",
        "labels",
    ),
    "a column of sigmoids": (
        BINARY.sigmoid()[:, None],
        OUTCOMES,
        "torch.cat([0 * logits, logits], 1)",
        "labels",
    ),
    "sigmoids in an array": (
        BINARY.sigmoid().numpy(),
        OUTCOMES,
        "torch.stack([0 * torch.as_tensor(logits), torch.as_tensor(logits)], 1)",
        "labels",
    ),
}
# What the message says in words.
IN_WORDS = {"probabilities": "the logarithm of the probabilities"}


def _in_message(code: str, message: str) -> bool:
    return code in {"logits", "labels"} or code in message


@pytest.mark.parametrize("name", FITS)
def test_the_advice_of_a_refused_fit_works(name):
    logits, labels, logits_code, labels_code = FITS[name]
    with pytest.raises((TypeError, ValueError)) as raised:
        fit(logits, labels)
    message = str(raised.value)
    assert len(message) < 400
    values = {"logits": logits, "labels": labels, "torch": torch, "np": np}
    if keep := re.search(r"keep = (.*), then", message):
        values["keep"] = eval(keep[1], values)
    for code in (logits_code, labels_code):
        assert _in_message(code, message) or IN_WORDS[name] in message, message
    temperature = fit(eval(logits_code, values), eval(labels_code, values))
    assert temperature > 0


@pytest.mark.parametrize(
    "name", ["logits in 8 bits", "quantized logits", "complex logits in a tensor", "sparse logits"]
)
def test_a_fitted_scaler_gives_the_same_advice_on_unusual_tensors(name):
    logits, _, code, _ = FITS[name]
    scaler = ck.TemperatureScaler().fit_logits(LOGITS, LABELS)
    with pytest.raises(TypeError, match=re.escape(code)):
        scaler(logits)
    scaler(eval(code, {"logits": logits, "torch": torch}))


def test_the_advice_restores_the_temperature_and_not_only_a_fit():
    right = fit(TOKENS.movedim(-1, 1), TOKEN_LABELS)
    assert right == pytest.approx(T)
    names = np.unique(NAMES[LABELS], return_inverse=True)[1]
    assert fit(LOGITS, names) == T
    assert fit(LOGITS - 1, LABELS) == pytest.approx(T, rel=1e-6)
    binary = fit(BINARY, OUTCOMES)
    both = torch.stack([0 * BINARY, BINARY], 1)
    assert fit(both, OUTCOMES) == pytest.approx(binary)


METRICS: dict[str, tuple[object, object, str, str]] = {
    "logits": (LOGITS, LABELS, "logits.softmax(1)", "labels"),
    "logits in an array": (
        LOGITS.numpy(),
        LABELS,
        "torch.as_tensor(logits).softmax(1)",
        "labels",
    ),
    "percentages": (100 * P, LABELS, "probabilities / 100", "labels"),
    "rounded probabilities": (
        (P * 10).round() / 10,
        LABELS,
        "probabilities / probabilities.sum(1, keepdim=True)",
        "labels",
    ),
    "tokens with classes last": (
        P.view(10, 20, 4),
        TOKEN_LABELS,
        "probabilities.movedim(-1, 1)",
        "labels",
    ),
    "several labels a row": (P, SEVERAL, "probabilities[:, 0]", "labels[:, 0]"),
    "logits of an event": (P[:, 0].logit(), OUTCOMES, "torch.sigmoid(probabilities)", "labels"),
    "logits of an event in an array": (
        P[:, :1].logit().numpy(),
        OUTCOMES,
        "torch.sigmoid(torch.as_tensor(probabilities))",
        "labels",
    ),
    "percentages of an event": (100 * P[:, 0], OUTCOMES, "probabilities / 100", "labels"),
    "one probability alone": (P[0, 0], OUTCOMES[:1], "probabilities.reshape(1)", "labels"),
    "masked labels": (
        P,
        LABELS.where(LABELS != 3, 255),
        "probabilities[keep]",
        "labels[keep]",
    ),
}


@pytest.mark.parametrize("name", METRICS)
def test_the_advice_of_a_refused_metric_works(name):
    probabilities, labels, probabilities_code, labels_code = METRICS[name]
    with pytest.raises((TypeError, ValueError)) as raised:
        ece(probabilities, labels)
    message = str(raised.value)
    values = {"probabilities": probabilities, "logits": probabilities, "labels": labels}
    values |= {"torch": torch, "np": np}
    for variable, code in re.findall(r"(?:where )?(keep|p) = (.*?)(?:, then|$)", message):
        values[variable] = eval(code, values)
    for code in (probabilities_code, labels_code):
        assert code in {"labels"} or code in message, message
    assert 0 <= ece(eval(probabilities_code, values), eval(labels_code, values)) <= 1


class TakesNames(nn.Module):
    """A model of several inputs that returns an object with logits, as Hugging Face's do."""

    def forward(self, input_ids, attention_mask):
        return SimpleNamespace(logits=input_ids * attention_mask, loss=None)


class TokenModel(nn.Module):
    def forward(self, inputs):
        return inputs.view(-1, 20, 4)


def halves(*tensors: object) -> Iterable[tuple[object, ...]]:
    return list(zip(*(tensor.split(100) for tensor in tensors), strict=True))


ONES = torch.ones_like(LOGITS)
LOADERS: dict[str, tuple[nn.Module, Iterable[object]]] = {
    "a dictionary of a picture and its label": (
        nn.Identity(),
        [{"pixel_values": x, "labels": y} for x, y in halves(LOGITS, LABELS)],
    ),
    "a dictionary with file names": (
        nn.Identity(),
        [{"image": x, "path": ["a.png"] * 100, "label": y} for x, y in halves(LOGITS, LABELS)],
    ),
    "a dictionary of several inputs": (
        TakesNames(),
        [
            {"input_ids": x, "attention_mask": m, "labels": y}
            for x, m, y in halves(LOGITS, ONES, LABELS)
        ],
    ),
    "inputs in a dictionary": (
        TakesNames(),
        [({"input_ids": x, "attention_mask": m}, y) for x, m, y in halves(LOGITS, ONES, LABELS)],
    ),
}


@pytest.mark.parametrize("name", LOADERS)
def test_batches_in_dictionaries_are_accepted(name):
    model, loader = LOADERS[name]
    logits, labels = ck.collect_logits(model, loader, progress=False)
    assert torch.equal(logits, LOGITS)
    assert torch.equal(labels, LABELS)
    assert ck.TemperatureScaler().fit(model, loader, progress=False).temperature == T


def test_a_model_may_return_a_dictionary_of_logits():
    class Model(nn.Module):
        def forward(self, inputs):
            return {"logits": inputs, "features": inputs}

    logits, _ = ck.collect_logits(Model(), [(LOGITS, LABELS)], progress=False)
    assert torch.equal(logits, LOGITS)


BAD_LOADERS: dict[str, tuple[nn.Module, list[object], str]] = {
    "labels under another name": (
        nn.Identity(),
        [{"image": x, "target": y} for x, y in halves(LOGITS, LABELS)],
        "((batch['image'], batch['target']) for batch in loader)",
    ),
    "three parts": (
        nn.Identity(),
        [(x, y, x) for x, y in halves(LOGITS, LABELS)],
        "((batch[0], batch[1]) for batch in loader)",
    ),
    "labels in a list": (
        nn.Identity(),
        [(x, y.tolist()) for x, y in halves(LOGITS, LABELS)],
        "((x, torch.as_tensor(y)) for x, y in loader)",
    ),
    "a data set of tensors": (
        nn.Identity(),
        list(zip(LOGITS, LABELS, strict=True)),
        "torch.utils.data.DataLoader(loader, batch_size=64)",
    ),
    "a data set of numbers": (
        nn.Identity(),
        list(zip(LOGITS, LABELS.tolist(), strict=True)),
        "torch.utils.data.DataLoader(loader, batch_size=64)",
    ),
    "a data set of numbers of numpy": (
        nn.Identity(),
        list(zip(LOGITS, LABELS.numpy(), strict=True)),
        "torch.utils.data.DataLoader(loader, batch_size=64)",
    ),
    "a data set of dictionaries": (
        nn.Identity(),
        [{"inputs": x, "labels": y} for x, y in zip(LOGITS, LABELS, strict=True)],
        "torch.utils.data.DataLoader(loader, batch_size=64)",
    ),
    "labels in a column": (
        nn.Identity(),
        halves(LOGITS, LABELS[:, None]),
        "((x, y.squeeze(1)) for x, y in loader)",
    ),
    "one-hot labels": (
        nn.Identity(),
        halves(LOGITS, nn.functional.one_hot(LABELS)),
        "((x, y.argmax(1)) for x, y in loader)",
    ),
}


@pytest.mark.parametrize("name", BAD_LOADERS)
def test_the_advice_on_a_loader_works(name):
    model, loader, code = BAD_LOADERS[name]
    with pytest.raises((TypeError, ValueError)) as raised:
        ck.TemperatureScaler().fit(model, loader, progress=False)
    assert code in str(raised.value)
    batches = eval(code, {"loader": loader, "torch": torch})
    assert ck.TemperatureScaler().fit(model, batches, progress=False).temperature == T


def test_a_model_with_classes_last_is_told_how_to_move_them():
    class Moved(TokenModel):
        def forward(self, inputs):
            logits = super().forward(inputs)
            return logits.movedim(-1, 1)

    loader = [(LOGITS, TOKEN_LABELS)]
    with pytest.raises(ValueError, match=r"let the model return logits.movedim\(-1, 1\)"):
        ck.TemperatureScaler().fit(TokenModel(), loader, progress=False)
    fitted = ck.TemperatureScaler().fit(Moved(), loader, progress=False)
    assert fitted.temperature == pytest.approx(T)


def test_a_function_is_called_in_a_module():
    class Wrapped(nn.Module):
        def forward(self, inputs):
            return torch.positive(inputs)

    with pytest.raises(TypeError, match=r"call it in the forward of a torch\.nn\.Module"):
        ck.collect_logits(torch.positive, [(LOGITS, LABELS)])
    ck.collect_logits(Wrapped(), [(LOGITS, LABELS)], progress=False)


VOID = MASKS.masked_fill(MASKS == 3, 255)
PLOTS: dict[str, tuple[Callable[..., object], bool]] = {
    "reliability_diagram": (ck.reliability_diagram, True),
    "confidence_histogram": (ck.confidence_histogram, True),
    "risk_coverage_curve": (ck.risk_coverage_curve, True),
    "temperature_curve": (ck.temperature_curve, False),
    "explore_temperature": (ck.explore_temperature, False),
}


@pytest.mark.parametrize("name", PLOTS)
def test_plots_take_the_ignore_index_that_they_advise(name):
    plot, of_probabilities = PLOTS[name]
    scores = IMAGES.softmax(1) if of_probabilities else IMAGES
    with pytest.raises(ValueError, match="pixels to leave out as ignore_index"):
        plot(scores, VOID)
    ax = plot(scores, VOID, ignore_index=255)
    if ax is not None:
        n = int((VOID != 255).sum())
        texts = [text.get_text() for text in ax.texts] + [ax.get_xlabel(), ax.get_ylabel()]
        assert any(str(n) in text for text in texts)


def test_scalers_that_a_refusal_recommends_can_be_fitted():
    few = LABELS.clamp(max=2)
    with pytest.raises(ValueError, match="or TemperatureScaler"):
        ck.VectorScaler().fit_logits(LOGITS, few)
    ck.TemperatureScaler().fit_logits(LOGITS, few)
    with pytest.raises(ValueError, match="use DirichletScaler"):
        ck.BetaScaler().fit_logits(LOGITS, LABELS)
    ck.DirichletScaler().fit_logits(LOGITS, LABELS)
    with pytest.raises(ValueError, match="use TemperatureScaler"):
        ck.BetaScaler().fit_logits(BINARY.sign(), OUTCOMES)
    ck.TemperatureScaler().fit_logits(BINARY.sign(), OUTCOMES)
    with pytest.raises(ValueError, match="or LogisticScaler"):
        ck.BetaScaler().fit_logits(BINARY, (BINARY > 0).long())
    ck.LogisticScaler().fit_logits(BINARY, (BINARY > 0).long())
    with pytest.raises(ValueError, match=r"or TemperatureScaler\(smoothing=1\)"):
        ck.TemperatureScaler().fit_logits(LOGITS, LOGITS.argmax(1))
    ck.TemperatureScaler(smoothing=1).fit_logits(LOGITS, LOGITS.argmax(1))
    with pytest.raises(RuntimeError, match="subtract their mean"):
        ck.QuadraticScaler().fit_logits(BINARY + 1e8, OUTCOMES)
    ck.QuadraticScaler().fit_logits(BINARY - BINARY.mean(), OUTCOMES)


def test_logits_that_are_constant_in_every_row_are_refused_for_that_reason():
    constant = LOGITS[:, :1].expand(-1, 4)
    for logits in (constant, constant.float(), 0 * LOGITS, 1e-30 * constant, constant.half()):
        for scaler in (ck.TemperatureScaler(), ck.UniformMixtureScaler(), ck.VectorScaler()):
            with pytest.raises(ValueError, match="same value for all classes") as raised:
                scaler.fit_logits(logits, LABELS)
            assert "for ever" not in str(raised.value)
    with pytest.raises(ValueError, match="same value for all classes"):
        ck.TemperatureScaler().fit_logits(0 * BINARY, OUTCOMES)
