"""Arrays of other libraries, columns of tables and nested lists of numbers are accepted."""

import re
from types import SimpleNamespace

import numpy as np
import pytest
import torch

import calibkit as ck
from tests.helpers import calibrated_problem
from tests.test_advice import Column

LOGITS, LABELS = calibrated_problem(200, 3, 2)
T = ck.TemperatureScaler().fit_logits(LOGITS, LABELS).temperature


class Exported:
    """An array on a device that numpy does not know, as those of JAX and CuPy are."""

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor

    def __dlpack__(self, **options: object) -> object:
        return self.tensor.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.tensor.__dlpack_device__()


class ReadOnly(Exported):
    def __dlpack__(self, **options: object) -> object:
        raise BufferError("cannot export")

    def __array__(self, dtype: object = None, copy: object = None) -> np.ndarray:
        return self.tensor.numpy()


FORMS = {
    "nested lists": lambda x: x.tolist(),
    "nested tuples": lambda x: tuple(map(tuple, x.tolist())) if x.ndim > 1 else tuple(x.tolist()),
    "rows of numpy numbers": lambda x: [list(row) if x.ndim > 1 else row for row in x.numpy()],
    "a column": Column,
    "a column of objects": lambda x: Column(x.tolist(), object),
    "DLPack": Exported,
    "DLPack that is not exported": ReadOnly,
    "another byte order": lambda x: x.numpy().astype(x.numpy().dtype.newbyteorder()),
    "a read-only array": lambda x: np.broadcast_to(x.numpy(), x.shape),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_values(form):
    logits, labels = FORMS[form](LOGITS), FORMS[form](LABELS)
    p = FORMS[form](LOGITS.softmax(1))
    assert ck.TemperatureScaler().fit_logits(logits, labels).temperature == T
    expected = ck.calibration_error(LOGITS.softmax(1), LABELS)
    assert ck.calibration_error(p, labels) == expected
    sets = ck.ConformalSets(0.8).fit(p, labels)
    assert torch.equal(sets.predict(p), sets.predict(LOGITS.softmax(1)))
    assert ck.brier_score(p, labels) == ck.brier_score(LOGITS.softmax(1), LABELS)


def test_pandas_columns_and_tables_are_accepted():
    pandas = pytest.importorskip("pandas", reason="pandas is not installed")
    labels = pandas.Series(LABELS.numpy(), index=np.arange(200)[::-1])
    logits = pandas.DataFrame(LOGITS.numpy(), columns=["a", "b", "c"])
    assert ck.TemperatureScaler().fit_logits(logits, labels).temperature == T
    assert ck.TemperatureScaler().fit_logits(logits, labels.astype("Int64")).temperature == T
    for kind in ("Int64", "Float64", "category", "object", "string", "float64"):
        missing = labels.astype("Int64").where(labels != 1).astype(kind)
        with pytest.raises(TypeError, match=WITHOUT_MISSING) as refused:
            ck.TemperatureScaler().fit_logits(logits, missing)
        assert fitted_as_advised(refused, logits=logits, labels=missing) == WITHOUT_CLASS_1
    holes = logits.set_index(labels.index).astype(object)
    holes.loc[labels == 1, "b"] = pandas.NA
    with pytest.raises(TypeError, match=WITHOUT_MISSING) as refused:
        ck.TemperatureScaler().fit_logits(holes, labels)
    assert fitted_as_advised(refused, logits=holes, labels=labels) == WITHOUT_CLASS_1


WITHOUT_MISSING = "leave out the samples (whose value is missing|without a label): keep = "
KEPT = LABELS != 1
WITHOUT_CLASS_1 = ck.TemperatureScaler().fit_logits(LOGITS[KEPT], LABELS[KEPT]).temperature


def fitted_as_advised(refused: pytest.ExceptionInfo[TypeError], **values: object) -> float:
    """Follow the advice on missing values, and return the temperature of the others."""
    message = str(refused.value)
    keep, kept = re.search(r"keep = (.*), then (.*)$", message).groups()
    code = {"np": np, "torch": torch, **values}
    code["keep"] = eval(keep, code)
    for name in values:
        found = [
            part
            for part in kept.split(" and ")
            if part.startswith((name, f"torch.as_tensor(np.asarray({name})"))
        ]
        values[name] = eval(found[0], code) if found else values[name][np.asarray(code["keep"])]
    return ck.TemperatureScaler().fit_logits(**values).temperature


class Nullable(Column):
    """A column or a table that may hold missing values, as those of pandas."""

    def notna(self) -> "Nullable":
        return Nullable(np.vectorize(lambda value: value is not None, otypes=[bool])(self.values))

    def all(self, axis: int) -> "Nullable":
        return Nullable(self.values.all(axis))

    def to_numpy(self) -> np.ndarray:
        return self.values

    def __getitem__(self, keep: object) -> "Nullable":
        return Nullable(self.values[keep])

    def astype(self, dtype: type) -> "Nullable":
        return Nullable(self.values.astype(dtype))


def test_the_advice_on_missing_values_works():
    labels = Nullable(np.where(KEPT, LABELS, None))
    with pytest.raises(TypeError, match=WITHOUT_MISSING) as refused:
        ck.TemperatureScaler().fit_logits(LOGITS, labels)
    assert fitted_as_advised(refused, logits=LOGITS, labels=labels) == WITHOUT_CLASS_1
    logits = Nullable(np.where(KEPT[:, None], LOGITS, None))
    with pytest.raises(TypeError, match=WITHOUT_MISSING) as refused:
        ck.TemperatureScaler().fit_logits(logits, LABELS)
    assert fitted_as_advised(refused, logits=logits, labels=LABELS) == WITHOUT_CLASS_1


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name", ["TemperatureScaler", "VectorScaler", "UniformMixtureScaler", "IsotonicScaler"]
)
def test_a_scaler_accepts_what_its_fit_accepts(name, form):
    scaler = getattr(ck, name)().fit_logits(LOGITS, LABELS)
    assert torch.equal(scaler(FORMS[form](LOGITS)), scaler(LOGITS))


@pytest.mark.parametrize("form", FORMS)
def test_a_scaler_of_two_classes_accepts_what_its_fit_accepts(form):
    logits, labels = calibrated_problem(200, 2, 2)
    scaler = ck.BetaScaler().fit_logits(logits, labels)
    z = logits[:, 1] - logits[:, 0]
    assert torch.equal(scaler(FORMS[form](z)), scaler(z))


def test_a_scaler_refuses_what_is_no_table_of_numbers():
    scaler = ck.TemperatureScaler(2)
    with pytest.raises(TypeError, match="logits must be a torch tensor or a numeric numpy array"):
        scaler({"a": [1.0]})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.1, 2.0], [0.3]], "got list; give every row equally many numbers"),
        ([[1, 2], [3, 4]], "floating point, got torch.int64"),
        (None, "got NoneType; pass a tensor, an array or a nested list of numbers"),
        ({"out": torch.ones(2, 2)}, r"got dict; pass the tensor in it, such as logits\['out'\]"),
        (SimpleNamespace(logits=torch.ones(2, 2)), r"pass the tensor in it, logits\.logits"),
        ({"a": [1.0]}, "got dict; pass a tensor"),
        ("0.5", "got str"),
        (np.array([None, 1.0]), "missing"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), "array of datetime64"),
        (np.ndarray, "got type"),
        ([np.zeros((2, 3)), np.zeros((4, 3))], r"np.concatenate\(logits\)"),
        ([torch.zeros(2, 3), torch.zeros(4, 3)], r"torch.cat\(logits\)"),
        ([], "got torch.float64|shape"),
    ],
)
def test_what_is_ambiguous_is_refused(values, message):
    with pytest.raises((TypeError, ValueError), match=message):
        ck.TemperatureScaler().fit_logits(values, LABELS)
