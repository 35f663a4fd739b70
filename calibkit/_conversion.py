"""Conversion of arrays, columns of tables and nested lists of numbers to tensors."""

from collections.abc import Iterable, Mapping, Set
from decimal import Decimal

import numpy as np
import torch
import torch.utils.dlpack
from numpy.typing import NDArray
from torch import Tensor

_NUMBERS = int | float | np.number | np.bool_
_TEXT_KINDS = "USTO"


def as_tensor(values: object, name: str) -> Tensor:
    """Return values as a tensor, or raise an error if they are not numbers in rows of one length.

    Accepted are tensors, arrays, whatever has ``__dlpack__`` or ``__array__`` (JAX, CuPy, pandas),
    and nested lists of numbers.
    """
    if isinstance(values, Tensor):
        refuse_unusual(values, name)
        if values.is_meta:
            raise TypeError(
                f'{name} must hold numbers, got a tensor on the device "meta", which has only a '
                "shape; pass what the model gives on another device"
            )
        return values
    if isinstance(values, np.ma.MaskedArray):
        raise TypeError(f"{name} must not be masked; pass only the rows to use, without a mask")
    if not isinstance(values, np.ndarray | type) and hasattr(values, "__dlpack__"):
        try:
            return torch.utils.dlpack.from_dlpack(values)
        except (BufferError, RuntimeError, TypeError, ValueError):
            pass  # Not every array can be shared, and then it may still be copied.
    array = _as_array(values)
    if array is None or array.dtype.kind not in "fiub" or array.itemsize > 8:
        kind = type(values).__name__ if array is None else f"array of {array.dtype}"
        raise TypeError(
            f"{name} must be a torch tensor or a numeric numpy array, got {kind}; "
            f"{_advice(values, array, name)}"
        )
    native = array.dtype.newbyteorder("=")
    return torch.from_numpy(np.require(array, native, ["C_CONTIGUOUS", "WRITEABLE"]))


def refuse_unusual(tensor: Tensor, name: str) -> None:
    """Raise an error if torch cannot compute with a tensor as with an ordinary one."""
    if tensor.is_nested:
        advice = f"join its rows with torch.cat({name}.unbind()), and those of everything else"
        raise TypeError(f"{name} must be one tensor, got a nested one; {advice}")
    if tensor.layout != torch.strided:
        advice = f"convert with {name}.to_dense()"
        raise TypeError(f"{name} must be dense, got {tensor.layout}; {advice}")
    if tensor.is_quantized:
        advice = f"convert with {name}.dequantize()"
        raise TypeError(f"{name} must not be quantized, got {tensor.dtype}; {advice}")
    if tensor.is_complex():
        advice = f"pass the real part, {name}.real{'.long()' if name == 'labels' else ''}"
        raise TypeError(f"{name} must be real, got {tensor.dtype}; {advice}")
    if tensor.is_floating_point() and tensor.dtype.itemsize < 2:
        advice = f"convert with {name}.to(torch.{'int64' if name == 'labels' else 'float32'})"
        raise TypeError(f"{name} must be of half precision or more, got {tensor.dtype}; {advice}")


def as_code(values: object, name: str) -> str:
    """Return the code that turns these values, which have this name, into a tensor."""
    if isinstance(values, Tensor):
        return name
    if isinstance(values, np.ndarray | list | tuple):
        return f"torch.as_tensor({name})"
    if hasattr(values, "__array__"):
        return f"torch.as_tensor(np.asarray({name}))"
    return f"torch.from_dlpack({name})"


def _as_array(values: object) -> NDArray[np.generic] | None:
    """Return values as an array, or None if they are neither an array nor a list of numbers."""
    if isinstance(values, list | tuple):
        return _from_list(values)
    if isinstance(values, type) or not hasattr(values, "__array__"):
        return None
    array = np.asarray(values)
    if isinstance(values, np.ndarray):
        return array
    # A table column of Python numbers, or one that may hold missing values, is made of objects.
    if array.dtype == object and array.size and isinstance(array.flat[0], _NUMBERS):
        inferred = _from_list(array.tolist())
        return array if inferred is None else inferred
    return array


def _from_list(values: list[object] | tuple[object, ...]) -> NDArray[np.generic] | None:
    leaf: object = values
    while isinstance(leaf, list | tuple) and leaf:
        leaf = leaf[0]
    if not isinstance(leaf, _NUMBERS | str | list | tuple):
        return None
    try:
        return np.asarray(values)
    except ValueError:  # The rows differ in length.
        return None


def _advice(values: object, array: NDArray[np.generic] | None, name: str) -> str:
    if isinstance(values, list | tuple) and any(map(_is_array, values)):
        library, cat = ("torch", "cat") if _holds_tensors(values) else ("np", "concatenate")
        return (
            f"join the batches with {library}.{cat}({name}), or the rows with "
            f"{library}.stack({name})"
        )
    if isinstance(values, list | tuple) and array is None:
        return "give every row equally many numbers"
    is_sparse = hasattr(values, "toarray")  # as scipy's matrices have it
    unordered = isinstance(values, Mapping | Set | str | bytes | type)
    if array is None and isinstance(values, Iterable) and not unordered and not is_sparse:
        return f"pass list({name})"
    if array is None:
        return _advice_on_outputs(values, name)
    if array.dtype.kind == "O" and any(map(is_missing, array.flat)):
        return _advice_on_missing(values, array, name)
    return _advice_on_array(array, name)


def _advice_on_outputs(values: object, name: str) -> str:
    """Return what to do with an object, such as a sparse matrix or what a model returns."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            if isinstance(value, Tensor):
                return f"pass the tensor in it, such as {name}[{key!r}]"
    if hasattr(values, "toarray"):
        return f"convert with {name}.toarray(){'.ravel()' if name == 'labels' else ''}"
    if isinstance(getattr(values, "logits", None), Tensor):
        return f"pass the tensor in it, {name}.logits"
    return "pass a tensor, an array or a nested list of numbers"


def _advice_on_missing(values: object, array: NDArray[np.generic], name: str) -> str:
    if hasattr(values, "notna"):  # a column or a table of pandas
        keep = f"{name}.notna(){'.all(axis=1)' if array.ndim > 1 else ''}.to_numpy()"
        return (
            f"leave out the samples whose value is missing: keep = {keep}, then {name}[keep]"
            f".astype({_number(name)}) and the same samples of everything else"
        )
    return "leave out the samples whose value is missing, and pass numbers"


def _advice_on_array(array: NDArray[np.generic], name: str) -> str:
    kind = array.dtype.kind
    is_text = kind in _TEXT_KINDS and (kind != "O" or isinstance(next(array.flat, None), str))
    if is_text and name == "labels":
        return (
            "number the classes as the model does, in sorted order with np.unique(labels, "
            "return_inverse=True)[1]"
        )
    if is_text:
        return f"convert with np.asarray({name}, dtype=float) if they are written numbers"
    if kind == "c":
        return f"pass the real part, np.real({name})"
    return f"convert with np.asarray({name}).astype({_number(name)})"


def _number(name: str) -> str:
    return "int" if name == "labels" else "float"


def _is_array(value: object) -> bool:
    return isinstance(value, Tensor | np.ndarray)


def _holds_tensors(values: Iterable[object]) -> bool:
    return all(isinstance(value, Tensor) for value in values)


def is_missing(value: object) -> bool:
    """Return whether a value stands for a missing one, such as None, NaN or the NA of pandas."""
    # NaN, in every precision, and numpy's "not a time" differ from themselves.
    is_nan = isinstance(value, float | Decimal | np.generic) and bool(value != value)  # noqa: PLR0124
    return value is None or is_nan or type(value).__name__ in {"NAType", "NaTType"}
