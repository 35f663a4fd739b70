"""The bases of the torchmetrics classes, which receive their samples batch by batch."""

import math
from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Literal, Self, get_args
from zlib import crc32

import torch
import torchmetrics
from torch import Tensor
from torchmetrics.utilities import dim_zero_cat
from torchmetrics.utilities.distributed import gather_all_tensors

from calibkit._checks import (
    check_choice,
    check_ignore_index,
    check_integer,
    check_logits_and_labels,
    check_probability_rows,
)
from calibkit._devices import has_float64
from calibkit.metrics.base import JudgedSamples, Of, Predictions, SumsMetric, what_is_judged

Input = Literal["probabilities", "logits"]

# What a metric is made with.
_OPTIONS = frozenset({"num_classes", "input", "ignore_index", "of", "binning", "metric"})


class CalibrationMetric(torchmetrics.Metric):
    """The base of the torchmetrics classes, which checks the declared input and counts samples.

    The states are integers and float64 numbers in a module of any precision. On a device without
    float64, they are on the CPU.

    Parameters
    ----------
    num_classes : int
        Number of classes. A binary model has 2.
    input : {"probabilities", "logits"}, default "probabilities"
        What `update` receives. The input is checked, and its kind is never guessed.
    ignore_index : int, optional
        Samples or pixels with this label are left out.
    **kwargs
        Further options, which are passed to ``torchmetrics.Metric``.
    """

    is_differentiable = False
    higher_is_better = False
    full_state_update = False

    n: Tensor
    surplus_weight: Tensor
    declared: Tensor

    def __init__(
        self,
        num_classes: int,
        *,
        input: Input = "probabilities",  # noqa: A002 - the name of the public option
        ignore_index: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_integer(num_classes, "num_classes", least=2, advice="a binary model has 2")
        check_choice(input, "input", get_args(Input))
        check_ignore_index(ignore_index)
        self.num_classes = num_classes
        self.input = input
        self.ignore_index = ignore_index
        self.add_state("n", torch.tensor(0), dist_reduce_fx="sum")
        # The total weight is n and this, which is 0 if no sample has a weight.
        no_surplus = torch.zeros((), dtype=torch.float64)
        self.add_state("surplus_weight", no_surplus, dist_reduce_fx="sum")
        self._declared: tuple[object, ...] = (type(self).__name__, num_classes, input, ignore_index)
        self._declare()
        self._lists_of_no_samples: dict[str, Tensor] = {}
        self._computes_one_batch = False
        self._met_other_processes = False

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OPTIONS and name in vars(self):
            raise AttributeError(
                f"{name} cannot change, because the states depend on it, got {value!r}; make "
                f"another {type(self).__name__}"
            )
        super().__setattr__(name, value)

    def _declare(self, *options: object) -> None:
        # A MetricCollection merges metrics whose states are equal. This state keeps metrics apart
        # that differ in their class or in these options.
        self._declared += options
        number = torch.tensor(crc32(repr(self._declared).encode()))
        self.add_state("declared", number, dist_reduce_fx=_the_only_one)

    def _judge(self, of: Of | None) -> None:
        self.of = what_is_judged(of, self.num_classes)
        self._declare(self.of)

    def update(self, preds: Tensor, target: Tensor, sample_weight: Tensor | None = None) -> None:
        """Add a batch.

        Parameters
        ----------
        preds : Tensor, shape (N, C), (N, C, ...), (N, 1) or (N,)
            Probabilities or logits, as `input` declares. One number for each sample stands for
            two classes: P(y = 1) or its logit. A batch without a sample adds nothing.
        target : Tensor, shape (N,) or (N, ...)
            Class indices from 0 to C - 1.
        sample_weight : Tensor, shape (N,) or (N, ...), optional
            How much each sample or pixel counts. A sample of weight 2 counts like two samples, and
            a sample of weight 0 is left out. By default every weight is 1.

        Raises
        ------
        TypeError
            If ``preds`` is not a floating-point tensor, or if ``target`` is not an integer tensor.
        ValueError
            If ``preds`` is not what `input` declares, if it does not have ``num_classes`` classes,
            if ``target`` holds a class outside 0..C-1, if the two differ in length, or if a weight
            is negative, NaN or infinite.
        """
        check = check_logits_and_labels if self.input == "logits" else check_probability_rows
        rows = check(
            preds,
            target,
            ignore_index=self.ignore_index,
            sample_weight=sample_weight,
            empty=True,
        )
        if len(rows) == 0:
            return
        scores, labels, weights = rows.flat()
        if scores.shape[1] != self.num_classes:
            raise ValueError(
                f"preds must have num_classes = {self.num_classes} classes, got "
                f"{scores.shape[1]}; make the metric for this model"
            )
        self._leave_inference_mode()
        # An interrupt or a lack of memory must not leave sums without their number of samples.
        with self._restored_on_failure():
            self._add(Predictions(scores, labels, weights, self.input))
            # States change in place, because setting an attribute of a module is slow.
            self.n.add_(len(labels))
            if weights is not None:
                self.surplus_weight.add_((weights - 1).sum())

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Add a batch and return its metric, which is NaN if the batch holds no sample.

        If the batch is refused, all states stay as they were. With ``dist_sync_on_step=True``, the
        other processes then return the metric of their batches.

        Raises
        ------
        TypeError, ValueError
            For a reason that `update` names.
        """
        with self._restored_on_failure():
            self._computes_one_batch = True
            self._met_other_processes = False
            try:
                return super().forward(*args, **kwargs)
            except Exception:
                if self.dist_sync_on_step and not self._met_other_processes:
                    # The others wait, so this process takes part without a sample.
                    self.reset()
                    self.sync(self.dist_sync_fn)
                raise
            finally:
                self._computes_one_batch = False

    def compute(self) -> Any:
        """Return the metric of all samples that were added.

        Raises
        ------
        RuntimeError
            If no sample was added.
        """
        if self.n == 0 and self._computes_one_batch:
            return self._value_of_no_samples()
        if self.n == 0:
            raise RuntimeError(
                f"{type(self).__name__} has seen no sample; call update before compute"
            )
        return self._value()

    def set_dtype(self, dst_type: str | torch.dtype) -> Self:
        """Do nothing, so that counts stay integers and sums stay float64."""
        return self

    def _apply(self, fn: Callable[[Tensor], Tensor], exclude_state: Sequence[str] = "") -> Self:
        """Move the states to another device, but never change their precision.

        On a device without float64, the states stay where they are.
        """

        def move(tensor: Tensor) -> Tensor:
            probe = torch.empty(0, dtype=torch.float32, device=tensor.device)
            if not has_float64(fn(probe).device):
                return tensor
            moved = fn(tensor)
            return moved if moved.dtype == tensor.dtype else tensor.to(moved.device)

        super()._apply(move, exclude_state)
        return self

    def sync(self, *args: Any, **kwargs: Any) -> None:
        """Gather the states of all processes, or keep those of this process if that fails."""
        with self._restored_on_failure():
            super().sync(*args, **kwargs)

    def _sync_dist(
        self,
        dist_sync_fn: Callable[..., Any] = gather_all_tensors,
        process_group: Any | None = None,
    ) -> None:
        self._met_other_processes = True
        # Metrics that differ may have states of other shapes, and then gathering would never end.
        group = process_group or self.process_group
        _the_only_one(torch.stack(dist_sync_fn(self.declared, group=group)))
        # A process that has seen no sample takes part with tensors of the right type and shape.
        for name, empty in self._lists_of_no_samples.items():
            state = getattr(self, name)
            if isinstance(state, list) and not state:
                setattr(self, name, [empty.to(self.n.device)])
        super()._sync_dist(dist_sync_fn, process_group)

    @contextmanager
    def sync_context(self, *args: Any, **kwargs: Any) -> Iterator[None]:
        """Gather the states for a while, and go back to those of this process in every case."""
        with self._restored_on_failure(), super().sync_context(*args, **kwargs):
            yield

    def _load_from_state_dict(self, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(*args, **kwargs)
        for name, default in self._defaults.items():
            state = getattr(self, name)
            if isinstance(state, Tensor) and isinstance(default, Tensor):
                # States change in place, so they must not share memory with what was loaded.
                setattr(self, name, state.to(default.dtype, copy=True))

    def plot(self, val: Any = None, ax: Any = None) -> Any:
        """Plot one value or several values, as torchmetrics does."""
        return self._plot(val, ax)

    @abstractmethod
    def _add(self, predictions: Predictions) -> None:
        """Add a batch that has been checked."""

    @abstractmethod
    def _value(self) -> Any:
        """Return the metric of all samples that were added. There is at least one sample."""

    def _value_of_no_samples(self) -> Any:
        return self._as_tensor(math.nan)

    @contextmanager
    def _restored_on_failure(self) -> Iterator[None]:
        """Restore everything that torchmetrics changes while it handles a batch."""
        states = {
            name: state.clone() if isinstance(state, Tensor) else list(state)
            for name, state in self.metric_state.items()
        }
        before = self.__dict__ | states
        try:
            yield
        except BaseException:
            self.__dict__.update(before)
            raise

    def _as_tensor(self, value: float) -> Tensor:
        return torch.tensor(value, dtype=torch.float64, device=self.n.device)

    def _add_list_state(self, name: str, of_no_samples: Tensor) -> None:
        self.add_state(name, [], dist_reduce_fx="cat")
        self._lists_of_no_samples[name] = of_no_samples

    def _leave_inference_mode(self) -> None:
        """Copy states that were made in inference mode, because they cannot change outside it."""
        if self.n.is_inference() and not torch.is_inference_mode_enabled():
            for name in self._defaults:
                state = getattr(self, name)
                if isinstance(state, Tensor):
                    setattr(self, name, state.clone())


class StreamedSums(CalibrationMetric):
    """A torchmetrics class that keeps the sums of a `SumsMetric`, in constant memory."""

    sums: Tensor

    def _keep_sums(self, metric: SumsMetric) -> None:
        self.metric = metric
        no_sums = metric.no_sums(self.num_classes)
        self._declare(tuple(no_sums.shape))  # Sums in other bins have another shape.
        self.add_state("sums", no_sums, dist_reduce_fx="sum")

    def _add(self, predictions: Predictions) -> None:
        self.metric.terms(predictions).add_to(self.sums, predictions.weights)

    def _value(self) -> Tensor:
        total_weight = int(self.n) + float(self.surplus_weight)
        return self._as_tensor(float(self.metric.value(self.sums.cpu().numpy(), total_weight)))


class StreamedConfidences(CalibrationMetric):
    """A torchmetrics class that keeps the confidence of every sample and whether it is correct.

    It also keeps the weight of every sample.
    """

    confidence: list[Tensor]
    correct: list[Tensor]
    weights: list[Tensor]

    def _keep_confidences(self) -> None:
        self._add_list_state("confidence", torch.empty(0, dtype=torch.float64))
        self._add_list_state("correct", torch.empty(0, dtype=torch.bool))
        self._add_list_state("weights", torch.empty(0, dtype=torch.float64))

    def _add(self, predictions: Predictions) -> None:
        # All are computed before one is kept, so that a failure leaves lists of equal length.
        confidence, correct = predictions.confidence(self.of), predictions.outcome(self.of)
        weights = weights_of(predictions)
        self.confidence.append(confidence)
        self.correct.append(correct)
        self.weights.append(weights)

    def _kept(self) -> JudgedSamples:
        confidence, correct, weights = map(
            dim_zero_cat, (self.confidence, self.correct, self.weights)
        )
        return JudgedSamples(confidence.cpu(), correct.cpu(), weights.cpu())


def _the_only_one(declared: Tensor) -> Tensor:
    """Return what all processes have declared, or raise an error if they differ."""
    if (declared != declared[0]).any():
        raise ValueError(
            "all processes must make a metric with the same options, got different ones; pass the "
            "same num_classes, n_bins, input, ignore_index and of in every process"
        )
    return declared[0]


def weights_of(predictions: Predictions) -> Tensor:
    """Return the weights of a batch, which are 1 if it has none.

    The weights may share their memory with the batch, which a stream may use again.
    """
    if predictions.weights is None:
        return torch.ones_like(predictions.labels, dtype=torch.float64)
    return predictions.weights.clone()
