"""A function that runs a model over a loader and collects its logits and labels."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader
from tqdm import tqdm

from calibkit._batches import check_batch, run_model, to_device
from calibkit._checks import check_flag
from calibkit._distributed import n_processes


def collect_logits(
    model: nn.Module,
    loader: Iterable[object],
    *,
    progress: bool = True,
    device: torch.device | str | None = None,
    multi_label: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a model once over a loader and return its logits and the labels.

    The model runs in eval mode and without gradients. Afterwards every module is in the mode and
    on the device that it had before, and its running statistics have not changed.

    Parameters
    ----------
    model : nn.Module
        A model that maps a batch of inputs to logits of shape (batch, C), or (batch, C, ...) if
        every pixel has a class, or (batch,) or (batch, 1) if the model is binary. It may also
        return an object or a dictionary that holds them as ``logits``, or a dictionary that holds
        them as ``out``. A LightningModule is called like any other model, so its ``forward`` must
        return logits, whatever its ``predict_step`` does.
    loader : iterable
        A source of batches ``(inputs, labels)``, such as a ``torch.utils.data.DataLoader``. The
        inputs are a tensor, a list or a tuple of tensors, which the model gets by position, or a
        dictionary. A batch may also be a dictionary with the labels under "labels" or "label". The
        model gets the tensors of a dictionary by name if its ``forward`` has parameters of these
        names. A single tensor of another name is passed by position. The notes say what else a
        batch may hold.
    progress : bool, default True
        Whether to show a progress bar on stderr.
    device : torch.device or str, optional
        Where the model runs. By default it runs where it is.
    multi_label : bool, default False
        Whether any number of labels may apply to a sample. The labels of a batch then have the
        shape of the logits. The data set should return them as tensors: of a list of L numbers for
        each sample, a ``DataLoader`` makes a list of L tensors, which is refused.

    Returns
    -------
    logits : Tensor, shape (N, C), (N, C, ...), (N, 1) or (N,)
        What the model returned, in its precision and on the device where it ran.
    labels : Tensor, shape (N,) or (N, ...), or for a multi-label model that of the logits
        The labels of the loader, on the same device.

    Raises
    ------
    TypeError
        If `model` is not an ``nn.Module``, if `loader` is not an iterable of batches, if a batch
        has none of these forms, if it holds something that may be weights or a further input, if
        the model does not return logits as a tensor, or if `multi_label` is not True or False.
    ValueError
        If the loader gives no sample, if the model does not return one row of logits for each
        label, if the batches differ in shape beyond the first dimension, or if `device` is given
        and the model is spread over several devices, or if it is "meta".

    See Also
    --------
    calibkit.TemperatureScaler : Fit a temperature on these logits with `fit_logits`.
    calibkit.evaluate : Report on a model and a loader, or on logits and labels.
    calibkit.split_calibration : Split a data set before you build the loaders.
    calibkit.glyphs100_logits : Get the stored logits of the embedded model.

    Notes
    -----
    After the inputs and the labels, a batch may hold the indices of its samples, which are whole
    numbers that are all different, and texts such as file names. They are ignored, and so are
    entries of a dictionary that are not tensors. Anything else is refused, because it may be the
    weights of the samples, or another part may be the labels. If a third part holds weights, read
    the loader only once, because it may shuffle::

        batches = list(loader)
        logits, labels = collect_logits(model, [(x, y) for x, y, _ in batches])
        sample_weight = torch.cat([weight for _, _, weight in batches])

    The batches are copied to the device of the model. If a ``DataLoader`` puts them into pinned
    memory, the program does not wait for the end of the copy.

    If the loader is a list of batches, or a ``DataLoader`` over a data set with a length, memory
    never holds the logits twice. The batches of a stream of unknown length are joined at its end,
    and for that moment memory holds them twice.

    Examples
    --------
    >>> import torch
    >>> from calibkit import collect_logits
    >>> batches = [(torch.zeros(2, 3), torch.tensor([0, 1]))] * 4
    >>> logits, labels = collect_logits(torch.nn.Linear(3, 5), batches, progress=False)
    >>> logits.shape, labels.shape
    (torch.Size([8, 5]), torch.Size([8]))

    A model and a batch of the kind that Hugging Face's libraries have:

    >>> class TextModel(torch.nn.Module):
    ...     def forward(self, input_ids, attention_mask):
    ...         return {"logits": torch.nn.functional.one_hot(input_ids * attention_mask).float()}
    >>> batch = {
    ...     "input_ids": torch.tensor([0, 2]),
    ...     "attention_mask": torch.tensor([1, 1]),
    ...     "text": ["yes", "no"],
    ...     "labels": torch.tensor([0, 1]),
    ... }
    >>> logits, labels = collect_logits(TextModel(), [batch], progress=False)
    >>> logits.shape
    torch.Size([2, 3])
    """
    logits, labels = collect_logits_of_process(
        model, loader, progress=progress, device=device, multi_label=multi_label
    )
    if not len(logits):
        raise ValueError("the loader gave no batch; pass a loader over one sample or more")
    return logits, labels


def collect_logits_of_process(
    model: nn.Module,
    loader: Iterable[object],
    *,
    progress: bool = True,
    device: torch.device | str | None = None,
    multi_label: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a model over the samples of this process, which may have none.

    Several processes may share a calibration set, and a process may get no part of it. Its logits
    then have the shape (0, 0). In every other respect this function behaves as `collect_logits`.
    """
    if not isinstance(model, nn.Module):
        advice = "if you have logits already, use fit_logits"
        if callable(model):
            advice = "call it in the forward of a torch.nn.Module"
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}; {advice}")
    if not isinstance(loader, Iterable) or isinstance(loader, Tensor | str):
        raise TypeError(
            f"the loader must give batches (inputs, labels), got {type(loader).__name__}; "
            f"{_advice_on_loader(loader)}"
        )
    check_flag(multi_label, "multi_label")
    # A loader that collates and pins its batches gives each of them in memory of its own. Others
    # may write the next batch into the same memory, before a copy that nobody waits for has ended.
    non_blocking = (
        isinstance(loader, DataLoader) and loader.pin_memory and loader.batch_sampler is not None
    )
    n_expected = _expected_length(loader)
    logits, labels = _BatchBuffer(n_expected), _BatchBuffer(n_expected)
    with _on_device(model, device) as target, _eval_mode(model), torch.no_grad():
        for batch in tqdm(loader, desc="logits", unit="batch") if progress else loader:
            inputs, batch_labels = check_batch(batch)
            output = run_model(model, inputs, target, non_blocking=non_blocking)
            batch_logits = _check_shapes(output, batch_labels, multi_label)
            logits.append(batch_logits)
            labels.append(to_device(batch_labels, target, non_blocking=non_blocking))
    if not len(logits):
        return torch.empty(0, 0), torch.empty(0, dtype=torch.int64)
    return logits.concatenate(), labels.concatenate()


def collect_calibration_set(
    model: nn.Module,
    loader: Iterable[object],
    *,
    progress: bool,
    device: torch.device | str | None,
    multi_label: bool = False,
) -> tuple[Tensor, Tensor]:
    """Run a model over a calibration set, or over the part of it that this process has."""
    # If several processes share the calibration set, one of them may have no sample.
    collect = collect_logits_of_process if n_processes() > 1 else collect_logits
    return collect(model, loader, progress=progress, device=device, multi_label=multi_label)


class _BatchBuffer:
    """Batches of rows that are copied into one tensor, which has room for the expected rows.

    Rows beyond the expected number are kept apart and joined at the end.
    """

    def __init__(self, n_expected: int) -> None:
        self._n_expected = n_expected
        self._allocated: Tensor | None = None
        self._n_filled = 0
        self._surplus: list[Tensor] = []

    def __len__(self) -> int:
        return self._n_filled + sum(map(len, self._surplus))

    def append(self, batch: Tensor) -> None:
        if self._allocated is None:
            self._allocated = batch.new_empty(self._n_expected, *batch.shape[1:])
        if batch.dtype != self._allocated.dtype:
            self._widen(batch.dtype)
        if batch.shape[1:] != self._allocated.shape[1:]:
            raise ValueError(
                f"all batches must have the same shape beyond the first dimension, got "
                f"{tuple(batch.shape)} after {(len(self), *self._allocated.shape[1:])}; bring the "
                "inputs to one size"
            )
        end = self._n_filled + len(batch)
        if end > self._n_expected:
            # A stream may write its next batch into the same memory, so the rows are copied.
            self._surplus.append(batch.to(self._allocated, copy=True))
            return
        self._allocated[self._n_filled : end] = batch
        self._n_filled = end

    def _widen(self, dtype: torch.dtype) -> None:
        """Change the type of all rows to one that also holds the values of the given type."""
        assert self._allocated is not None
        both = self._allocated.dtype, dtype
        if all(not (kind.is_floating_point or kind.is_complex) for kind in both):
            wider = torch.int64  # torch has no common type for some pairs of integers.
        else:
            wider = torch.promote_types(*both)
        self._allocated = self._allocated.to(wider)
        self._surplus = [batch.to(wider) for batch in self._surplus]

    def concatenate(self) -> Tensor:
        assert self._allocated is not None
        filled = self._allocated[: self._n_filled]
        return torch.cat([filled, *self._surplus]) if self._surplus else filled


def _expected_length(loader: Iterable[object]) -> int:
    """Return how many samples the loader will give, or 0 if that is not known."""
    if isinstance(loader, list | tuple):
        return sum(len(labels) for _, labels in map(check_batch, loader))
    if not isinstance(loader, DataLoader) or loader.batch_size is None:
        return 0
    try:
        return len(loader.sampler)  # type: ignore[arg-type]
    except TypeError:  # the sampler of a stream has no length
        return 0


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    modes = [(module, module.training) for module in model.modules()]
    try:
        model.eval()
        yield
    finally:
        # Some modules override train() to do more than set the flag, so it is called first. It
        # also changes the flags of the children, so the second loop restores them one by one.
        for module, training in modes:
            if module.training != training:
                module.train(training)
        for module, training in modes:
            module.training = training


@contextmanager
def _on_device(model: nn.Module, device: torch.device | str | None) -> Iterator[torch.device]:
    devices = {tensor.device for tensor in chain(model.parameters(), model.buffers())}
    original = next(iter(devices), torch.device("cpu"))
    if device is None:
        yield original
        return
    if len(devices) > 1:
        raise ValueError(
            f"the model is spread over {len(devices)} devices and cannot be moved to {device} "
            "and back; leave device=None"
        )
    target = torch.device(device)
    if target.type == "meta" and devices - {target}:
        raise ValueError(
            "device must be one that holds numbers, got meta, where the model would lose its "
            "weights; leave device=None, or pass for instance device='cpu'"
        )
    try:
        model.to(target)
        yield target
    finally:
        model.to(original)


def _check_shapes(logits: object, labels: Tensor, multi_label: bool) -> Tensor:
    if not isinstance(logits, Tensor):
        found = type(logits).__name__
        if isinstance(logits, Mapping):
            found += f" with {list(logits)}"
        raise TypeError(
            f"the model must return a tensor of logits, got {found}; "
            "wrap it in a module that returns only the logits"
        )
    if multi_label:
        if logits.ndim < 2 or logits.shape != labels.shape:
            raise ValueError(
                "a multi-label model must give logits (batch, labels) in the shape of the "
                f"multi-hot labels, got {tuple(logits.shape)} for {tuple(labels.shape)}; "
                "bring both to one row for each sample, with 0 or 1 for every logit"
            )
    elif logits.ndim == 0 or logits.shape[:1] + logits.shape[2:] != labels.shape:
        raise ValueError(
            f"the model must give logits (batch, classes) for labels (batch,), or (batch, classes, "
            f"...) for (batch, ...), got {tuple(logits.shape)} for {tuple(labels.shape)}; "
            f"{_advice_on_shapes(logits, labels)}"
        )
    return logits


def _advice_on_shapes(logits: Tensor, labels: Tensor) -> str:
    if labels.ndim == logits.ndim >= 2 and labels.shape[1] == 1:
        return "let the loader give ((x, y.squeeze(1)) for x, y in loader)"
    if logits.ndim > 2 and labels.shape == logits.shape[:-1]:
        return "let the model return logits.movedim(-1, 1), which has the classes second"
    if labels.ndim > 1 and labels.shape == logits.shape:
        return (
            "let the loader give ((x, y.argmax(1)) for x, y in loader) if rows are one-hot, or, if "
            "several labels may apply, use MultiLabelTemperatureScaler, evaluate_multi_label and "
            "collect_logits(..., multi_label=True)"
        )
    if logits.ndim == 4 and labels.ndim == 3 and len(labels) == len(logits):
        return (
            "let the model return torch.nn.functional.interpolate(logits, "
            f"{tuple(labels.shape[1:])}) if its logits are of a lower resolution"
        )
    return "bring both to one row for each sample"


def _advice_on_loader(loader: object) -> str:
    if hasattr(loader, "val_dataloader"):
        return "pass one of its loaders, such as datamodule.val_dataloader()"
    if hasattr(loader, "__getitem__"):
        return "pass torch.utils.data.DataLoader(dataset, batch_size=64)"
    return "pass for instance a torch.utils.data.DataLoader"
