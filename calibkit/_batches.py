"""The forms of batches that a loader may give, and the call of a model on a batch."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

_LABEL_KEYS = "labels", "label"

Inputs = Tensor | dict[str, Tensor]


def check_batch(batch: object) -> tuple[Inputs, Tensor]:
    """Return the inputs and the labels of a batch, or raise an error.

    A batch is a pair (inputs, labels), or a dictionary with the labels under "labels" or "label".
    Inputs are a tensor or a dictionary of tensors. From a dictionary, only the tensors are used.
    """
    match batch:
        case [Tensor() as inputs, Tensor() as labels]:
            return inputs, labels
        case [Mapping() as inputs, Tensor() as labels] if tensors := _tensors(inputs):
            return tensors, labels
        case Mapping():
            tensors = _tensors(batch)
            keys = [key for key in _LABEL_KEYS if key in tensors]
            if len(keys) == 1 and len(tensors) > 1:
                labels = tensors.pop(keys[0])
                return tensors, labels
            found = f"{type(batch).__name__} with tensors {list(tensors)}"
            advice = (
                'name the labels "labels", or pass pairs, such as '
                '((batch["image"], batch["target"]) for batch in loader)'
            )
            if len(tensors) == 2:
                first, second = tensors
                advice = f"pass ((batch[{first!r}], batch[{second!r}]) for batch in loader)"
        case [*parts]:
            found = "(" + ", ".join(type(part).__name__ for part in parts) + ")"
            advice = _advice_on_parts(parts)
        case _:
            found = type(batch).__name__
            advice = "wrap it in a generator that yields such pairs"
    raise TypeError(
        f"the loader must give pairs of tensors (inputs, labels), got {found}; {advice}"
    )


def run_model(model: nn.Module, inputs: Inputs, device: torch.device) -> object:
    """Return the output of a model for the inputs of a batch.

    One input is passed by its position, and several are passed by their names. If the output has
    logits under that name, as models of Hugging Face do, then the logits are returned.
    """
    if isinstance(inputs, Tensor):
        output = model(inputs.to(device))
    else:
        moved = {name: value.to(device) for name, value in inputs.items()}
        output = model(*moved.values()) if len(moved) == 1 else model(**moved)
    if isinstance(output, Mapping) and "logits" in output:
        return output["logits"]
    return output if isinstance(output, Tensor) else getattr(output, "logits", output)


def _tensors(batch: Mapping[object, object]) -> dict[str, Tensor]:
    return {str(key): value for key, value in batch.items() if isinstance(value, Tensor)}


def _advice_on_parts(parts: list[object]) -> str:
    wrap = "wrap it in a generator that yields such pairs"
    if len(parts) == 2 and isinstance(parts[0], Tensor):
        return f"{wrap}: ((x, torch.as_tensor(y)) for x, y in loader)"
    if len(parts) > 2 and isinstance(parts[0], Tensor) and isinstance(parts[1], Tensor):
        return f"{wrap}: ((batch[0], batch[1]) for batch in loader)"
    return wrap
