"""Arrays of other libraries, columns of tables and nested lists of numbers are accepted."""

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
    missing = labels.astype("Int64").where(labels != 1)
    with pytest.raises(TypeError, match="leave out the samples whose value is missing"):
        ck.TemperatureScaler().fit_logits(logits, missing)
    kept = missing.notna().to_numpy()
    ck.TemperatureScaler().fit_logits(logits[kept], missing[kept].astype(int))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([[0.1, 2.0], [0.3]], "got list; give every row equally many numbers"),
        ([[1, 2], [3, 4]], "floating point, got torch.int64"),
        (None, "got NoneType; pass a tensor, an array or a nested list of numbers"),
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
