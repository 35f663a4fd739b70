"""From a model and a loader to logits and labels."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm


def collect_logits(
    model: nn.Module,
    loader: Iterable[object],
    *,
    progress: bool = True,
    device: torch.device | str | None = None,
    empty: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a model once over a loader and keep its logits and the labels.

    The model is put in eval mode and given back as it came: every module in its former mode, on
    its former device, its running statistics untouched. From a ``DataLoader`` over a data set
    with a length, or a list of batches, the logits are never held twice; a stream of unknown
    length is joined at its end, which holds them twice for a moment.

    Parameters
    ----------
    model : nn.Module
        Maps a batch of inputs to logits of shape (batch, C), or (batch, C, ...) with a class for
        every pixel, or (batch,) or (batch, 1) for a binary model.
    loader : iterable
        Gives batches ``(inputs, labels)``, such as a ``torch.utils.data.DataLoader``.
    progress : bool, default True
        Show a progress bar on stderr.
    device : torch.device or str, optional
        Where to run. Default: where the model is.
    empty : bool, default False
        Let a loader without a batch pass, as the part of one process may be; the logits are then
        of shape (0, 0).

    Returns
    -------
    logits : Tensor, shape (N, C), (N, C, ...) or (N,)
        On the device of the run, in the model's precision.
    labels : Tensor, shape (N,) or (N, ...)
        On the same device.

    Raises
    ------
    TypeError
        If the model is no ``nn.Module`` or a batch is no pair of tensors.
    ValueError
        If the loader is empty, or the model does not give one row of logits a label, or gives
        logits of another shape than before.

    Examples
    --------
    >>> import torch
    >>> from calibkit import collect_logits
    >>> batches = [(torch.zeros(2, 3), torch.tensor([0, 1]))] * 4
    >>> logits, labels = collect_logits(torch.nn.Linear(3, 5), batches, progress=False)
    >>> logits.shape, labels.shape
    (torch.Size([8, 5]), torch.Size([8]))
    """
    if not isinstance(model, nn.Module):
        raise TypeError(
            f"model must be a torch.nn.Module, got {type(model).__name__}; "
            "if you have logits already, use fit_logits"
        )
    if not isinstance(loader, Iterable) or isinstance(loader, Tensor | str):
        raise TypeError(
            f"the loader must give batches (inputs, labels), got {type(loader).__name__}; pass for "
            "instance a torch.utils.data.DataLoader"
        )
    logits, labels = _Stack(_expected_length(loader)), _Stack(_expected_length(loader))
    with _on_device(model, device) as target, _eval_mode(model), torch.no_grad():
        for batch in tqdm(loader, desc="logits", unit="batch") if progress else loader:
            inputs, batch_labels = _check_batch(batch)
            batch_logits = model(inputs.to(target))
            _check_rows(batch_logits, batch_labels)
            logits.add(batch_logits)
            labels.add(batch_labels.to(target))
    if not len(logits):
        if not empty:
            raise ValueError("the loader gave no batch; pass a loader over one sample or more")
        return torch.empty(0, 0), torch.empty(0, dtype=torch.int64)
    return logits.joined(), labels.joined()


class _Stack:
    """Batches copied into place where their number is known, joined at the end where not."""

    def __init__(self, expected: int) -> None:
        self._expected = expected
        self._place: Tensor | None = None
        self._filled = 0
        self._rest: list[Tensor] = []

    def __len__(self) -> int:
        return self._filled + sum(map(len, self._rest))

    def add(self, batch: Tensor) -> None:
        if self._place is None:
            self._place = batch.new_empty(self._expected, *batch.shape[1:])
        if batch.shape[1:] != self._place.shape[1:]:
            raise ValueError(
                f"all batches must have the same shape behind the first dimension, got "
                f"{tuple(batch.shape)} after {(len(self), *self._place.shape[1:])}; bring the "
                "inputs to one size"
            )
        end = self._filled + len(batch)
        if end > self._expected:
            self._rest.append(batch)
            return
        self._place[self._filled : end] = batch
        self._filled = end

    def joined(self) -> Tensor:
        assert self._place is not None
        filled = self._place[: self._filled]
        return torch.cat([filled, *self._rest]) if self._rest else filled


def _expected_length(loader: Iterable[object]) -> int:
    if isinstance(loader, list | tuple):
        return sum(len(labels) for _, labels in map(_check_batch, loader))
    if not isinstance(loader, DataLoader) or loader.batch_size is None:
        return 0
    try:
        return len(loader.sampler)  # type: ignore[arg-type]
    except TypeError:  # a stream without an end in sight
        return 0


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        # train() first, for modules that do more in it than set the flag
        for module, training in modes:
            if module.training != training:
                module.train(training)
        for module, training in modes:
            module.training = training


@contextmanager
def _on_device(model: nn.Module, device: torch.device | str | None) -> Iterator[torch.device]:
    homes = {tensor.device for tensor in chain(model.parameters(), model.buffers())}
    home = next(iter(homes), torch.device("cpu"))
    if device is None:
        yield home
        return
    if len(homes) > 1:
        raise ValueError(
            f"the model is spread over {len(homes)} devices and cannot be moved to {device} "
            "and back; leave device=None"
        )
    target = torch.device(device)
    try:
        model.to(target)
        yield target
    finally:
        model.to(home)


def _check_batch(batch: object) -> tuple[Tensor, Tensor]:
    match batch:
        case [Tensor() as inputs, Tensor() as labels]:
            return inputs, labels
        case [*parts]:
            came = "(" + ", ".join(type(part).__name__ for part in parts) + ")"
        case _:
            came = type(batch).__name__
    raise TypeError(
        f"the loader must give pairs of tensors (inputs, labels), got {came}; "
        "wrap it in a generator that yields such pairs"
    )


def _check_rows(logits: object, labels: Tensor) -> None:
    if not isinstance(logits, Tensor):
        raise TypeError(
            f"the model must return a tensor of logits, got {type(logits).__name__}; "
            "wrap it in a module that returns the logits alone"
        )
    if logits.ndim == 0 or logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ValueError(
            f"the model must give logits (batch, classes) for labels (batch,), or (batch, classes, "
            f"...) for (batch, ...), got {tuple(logits.shape)} for {tuple(labels.shape)}; bring "
            "both to one row a sample"
        )
