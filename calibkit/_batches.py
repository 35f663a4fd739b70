"""The forms of batches that a loader may give, and the call of a model on a batch."""

import inspect
from collections.abc import Mapping
from typing import NoReturn

import numpy as np
import torch
from torch import Tensor, nn

_LABEL_KEYS = "labels", "label"
# The name under which models of Hugging Face return their logits, and that of torchvision's
# segmentation models.
_LOGIT_KEYS = "logits", "out"

Inputs = Tensor | tuple[Tensor, ...] | dict[str, Tensor]


def check_batch(batch: object) -> tuple[Inputs, Tensor]:
    """Return the inputs and the labels of a batch, or raise an error.

    A batch is a pair (inputs, labels), or a dictionary with the labels under "labels" or "label".
    Inputs are a tensor, several tensors or a dictionary of tensors. From a dictionary, only the
    tensors are used. Indices and texts may follow the labels.
    """
    match batch:
        case [inputs, Tensor() as labels, *rest] if (found := _as_inputs(inputs)) is not None:
            for part in rest:
                if not _is_harmless(part):
                    _refuse_what_follows(batch, part)
            _refuse_single_sample(labels)
            return found, labels
        case Mapping():
            tensors = _tensors(batch)
            keys = [key for key in _LABEL_KEYS if key in tensors]
            if len(keys) == 1 and len(tensors) > 1:
                labels = tensors.pop(keys[0])
                _refuse_single_sample(labels)
                return tensors, labels
            got = f"{type(batch).__name__} with tensors {list(tensors)}"
            advice = (
                'name the labels "labels", or pass pairs, such as '
                '((batch["image"], batch["target"]) for batch in loader)'
            )
            if len(tensors) == 2:
                first, second = tensors
                advice = f"pass ((batch[{first!r}], batch[{second!r}]) for batch in loader)"
        case [*parts]:
            if len(parts) > 1 and isinstance(parts[1], int | np.integer):
                _refuse_single_sample(torch.tensor(int(parts[1])))
            got = _names_of(parts)
            advice = _advice_on_parts(parts)
        case _:
            got = type(batch).__name__
            advice = "wrap it in a generator that yields such pairs"
            if hasattr(batch, "__iter__") and not isinstance(batch, Tensor):
                advice = "pass a single loader, not a list of loaders"
    raise TypeError(f"the loader must give pairs of tensors (inputs, labels), got {got}; {advice}")


def _refuse_single_sample(label: Tensor) -> None:
    """Raise an error if a label has no dimension, as that of one sample of a data set."""
    if label.ndim == 0:
        raise TypeError(
            f"the loader must give batches, got a single sample with the label {label.item()}; if "
            "it is a data set, pass torch.utils.data.DataLoader(loader, batch_size=64)"
        )


def run_model(
    model: nn.Module, inputs: Inputs, device: torch.device, *, non_blocking: bool = False
) -> object:
    """Return the output of a model for the inputs of a batch.

    Several inputs are passed by their names if they have names. If the output has logits under
    their name, as models of Hugging Face do, then the logits are returned.
    """
    positional, named = _arguments(model, inputs)
    output = model(
        *(to_device(value, device, non_blocking=non_blocking) for value in positional),
        **{
            name: to_device(value, device, non_blocking=non_blocking)
            for name, value in named.items()
        },
    )
    if isinstance(output, Mapping):
        return next((output[key] for key in _LOGIT_KEYS if key in output), output)
    return output if isinstance(output, Tensor) else getattr(output, "logits", output)


def to_device(tensor: Tensor, device: torch.device, *, non_blocking: bool) -> Tensor:
    """Return a tensor on a device.

    If ``non_blocking`` says that nobody writes into the tensor any more, a copy from pinned memory
    to a GPU does not wait for its end. Elsewhere such a copy might be read before it is complete.
    """
    pinned = non_blocking and device.type == "cuda" and tensor.is_pinned()
    return tensor.to(device, non_blocking=pinned)


def _as_inputs(inputs: object) -> Inputs | None:
    match inputs:
        case Tensor():
            return inputs
        case Mapping():
            return _tensors(inputs) or None
        case [Tensor(), *_]:
            tensors = tuple(part for part in inputs if isinstance(part, Tensor))
            return tensors if len(tensors) == len(inputs) else None
    return None


def _arguments(model: nn.Module, inputs: Inputs) -> tuple[tuple[Tensor, ...], dict[str, Tensor]]:
    """Return what a model gets by position and what by name.

    Of a dictionary, the model gets what it has parameters for. A single input whose name is not
    that of a parameter is passed by position.
    """
    if isinstance(inputs, Tensor):
        return (inputs,), {}
    if isinstance(inputs, tuple):
        return inputs, {}
    names, takes_all = _parameters(model)
    known = {name: value for name, value in inputs.items() if name in names}
    others = {name: value for name, value in inputs.items() if name not in names}
    if takes_all and len(inputs) > 1:
        # A model that takes inputs of any name may ignore what it does not know.
        known = inputs
        others = {name: value for name, value in others.items() if "weight" in name}
    if len(inputs) > 1:
        others = {name: value for name, value in others.items() if not _is_index(value)}
    if not others and known:
        return (), known
    if len(others) == 1 and not known:
        return tuple(others.values()), {}
    if isinstance(model, nn.Sequential):
        raise TypeError(
            f"nn.Sequential takes one input without a name, got the tensors {list(inputs)}; write "
            "a module whose forward(self, **batch) returns scaler(model(**batch).logits)"
        )
    name = next(iter(others or inputs))
    raise TypeError(
        f"every tensor of a batch must be an input of the model, got {name!r}, which is not; "
        f"leave it out with ({{**batch, {name!r}: None}} for batch in loader), and pass sample "
        "weights as sample_weight to fit_logits or evaluate"
    )


def _parameters(model: nn.Module) -> tuple[set[str], bool]:
    """Return the names of a model's inputs, and whether it takes inputs of any name."""
    try:
        parameters = inspect.signature(model.forward).parameters.values()
    except (TypeError, ValueError):  # A compiled program may not tell.
        return set(), True
    kinds = {parameter.kind for parameter in parameters}
    named = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY
    names = {parameter.name for parameter in parameters if parameter.kind in named}
    return names, inspect.Parameter.VAR_KEYWORD in kinds


def _tensors(batch: Mapping[object, object]) -> dict[str, Tensor]:
    return {str(key): value for key, value in batch.items() if isinstance(value, Tensor)}


def _is_harmless(part: object) -> bool:
    """Return whether a part of a batch cannot be the labels, their weights or another input."""
    match part:
        case None | str() | bytes():
            return True
        case Tensor():
            return _is_index(part)
        case Mapping():
            return all(map(_is_harmless, part.values()))
        case [*parts]:
            return all(isinstance(one, str | bytes) for one in parts)
    return False


def _is_index(tensor: Tensor) -> bool:
    """Return whether a tensor may say which samples these are, with a whole number for each."""
    whole = not (tensor.is_floating_point() or tensor.is_complex() or tensor.dtype == torch.bool)
    return whole and tensor.ndim == 1 and len(tensor.unique()) == len(tensor)


def _refuse_what_follows(batch: object, part: object) -> NoReturn:
    assert isinstance(batch, list | tuple)
    weights = isinstance(part, Tensor) and part.is_floating_point()
    advice = (
        "if the labels are second, leave the rest out with "
        "((batch[0], batch[1]) for batch in loader)"
    )
    if weights:
        advice += (
            ", and pass sample weights as sample_weight to fit_logits or evaluate, as the notes of "
            "collect_logits show"
        )
    else:
        advice += ", and if they are last, pass ((batch[:-1], batch[-1]) for batch in loader)"
    raise TypeError(
        "after inputs and labels, the loader may only give indices, which are all different, and "
        f"texts, got {_names_of(batch)}; {advice}"
    )


def _names_of(parts: list[object] | tuple[object, ...]) -> str:
    return "(" + ", ".join(type(part).__name__ for part in parts) + ")"


def _advice_on_parts(parts: list[object]) -> str:
    wrap = "wrap it in a generator that yields such pairs"
    if len(parts) == 2 and isinstance(parts[0], Tensor):
        if isinstance(parts[1], list) and all(isinstance(part, Tensor) for part in parts[1]):
            # The loader has turned a list of labels for each sample into one tensor a label.
            return f"{wrap}: ((x, torch.stack(y, 1)) for x, y in loader)"
        return f"{wrap}: ((x, torch.as_tensor(y)) for x, y in loader)"
    return wrap
