"""The NLL of scaled logits and its derivatives, summed over all samples and processes."""

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from calibkit._distributed import count_over_processes, n_processes, sum_over_processes
from calibkit._rows import Rows

# The search keeps this many shifted logits at most. More are shifted in every pass, because new
# memory would cost more than the arithmetic.
_MAX_KEPT_ELEMENTS = 2**17
_MEDIUM_CHUNK_ELEMENTS = 2**18
# With at most this many classes, logits are laid out column by column.
_MAX_FEW_CLASSES = 32


class Derivatives(NamedTuple):
    """Means over samples at one inverse temperature b: the NLL and what follows from its slope.

    For one sample, p = softmax(b z). The slope is the first derivative of the NLL in b, which is
    E_p[z] - z_y. The curvature is the second derivative, which is Var_p[z]. The third derivative is
    the third central moment of z under p, or what was known of it before if nobody asked for it.

    All are weighted means. The squared slope has the squared weights, divided by the sum of the
    weights, because that is what the sandwich formula needs.
    """

    nll: float
    slope: float
    curvature: float
    squared_slope: float
    third: float = 0.0


class StartingSums(NamedTuple):
    """Sums over samples that show whether there is an optimum, and near which b it is.

    Those of labels have no weights, so that they are exact.
    """

    descent_at_zero: float  # minus the slope of the NLL at b = 0
    curvature_at_zero: float
    distance_to_top: float  # from the mean logit of a row to the largest
    n_label_below_top: float
    label_sum: float
    squared_label_sum: float


class _ShiftedChunk(NamedTuple):
    """Some rows of logits, shifted so that the largest logit of each row is 0."""

    logits: Tensor
    of_labels: Tensor
    labels: Tensor
    weights: Tensor | None


class ScaledNLL:
    """The NLL of softmax(b z) as a function of the inverse temperature b, over all processes.

    The logits z are divided by ``unit``, so that the squares of very large logits stay finite and
    those of very small logits stay positive. Random labels add ``pull`` to the slope. ``third`` is
    what is known of the third derivative, or None if it is to be measured, too.

    Attributes
    ----------
    n_samples : int
        Number of samples, over all processes.
    n : float
        The sum of their weights.
    nll_before : float
        The mean NLL at T = 1, which the first call of `derivatives` measures if it is wanted.
    """

    def __init__(
        self,
        rows: Rows,
        dtype: torch.dtype,
        unit: float = 1.0,
        *,
        third: float | None = 0.0,
        before: bool = False,
        tops: list[Tensor] | None = None,
        pull: float = 0.0,
    ) -> None:
        self.rows = rows
        self.dtype = dtype
        self.unit = unit
        self.third = third
        self.pull = pull
        self.nll_before = math.nan
        self._measures_before = before
        self._shifted = torch.empty(0, dtype=dtype, device=rows.scores.device)
        self._terms = torch.empty_like(self._shifted)
        self._kept: list[_ShiftedChunk] = []
        # The largest logits of the rows, chunk by chunk. All passes over the same rows share them.
        self.tops = [] if tops is None else tops
        self.n_samples = count_over_processes(len(rows))
        self.n, self.sum_of_squared_weights = float(self.n_samples), float(self.n_samples)
        if rows.weights is not None or n_processes() > 1:
            # Another process may have weights even if this one has none.
            self.n, self.sum_of_squared_weights = _sums_of_weights(rows)

    def derivatives(self, inverse_temperature: float) -> Derivatives:
        n_sums = 5 + self._measures_before
        total = torch.zeros(n_sums, dtype=torch.float64, device=self.rows.scores.device)
        for z, z_y, _, sample_weights in self._chunks():
            terms_of_mean = _view_of_buffer(self._terms, z)
            norm = exp_(torch.mul(z, inverse_temperature, out=terms_of_mean)).sum(1).double()
            mean = terms_of_mean.mul_(z).sum(1).double().div_(norm)
            if self.third is None:
                mean_square = terms_of_mean.mul_(z).sum(1).double().div_(norm)
                mean_cube = _dots_of_rows(terms_of_mean, z).double().div_(norm)
                third = mean_cube - mean * (3 * mean_square - 2 * mean * mean)
            else:
                mean_square = _dots_of_rows(terms_of_mean, z).double().div_(norm)
                third = torch.full_like(mean, self.third)
            slope = mean - z_y
            nll = norm.log() - inverse_temperature * z_y
            squared_slope = slope * slope
            if sample_weights is not None:
                squared_slope *= sample_weights
            terms = [nll, slope, mean_square - mean * mean, squared_slope, third]
            if self._measures_before:
                terms.append(self._nll_before(z, z_y, terms_of_mean))
            total += _weighted_sums(terms, sample_weights)
        means = [entry / self.n for entry in sum_over_processes(total)]
        if self._measures_before:
            self.nll_before = means.pop()
            self._measures_before = False
        means[0] += self.pull * inverse_temperature
        means[1] += self.pull
        return Derivatives(*means)

    def _nll_before(self, z: Tensor, z_y: Tensor, buffer: Tensor) -> Tensor:
        # If no later step needs z, its exponentials take its place. That saves a pass.
        scaled = torch.mul(z, self.unit, out=buffer) if self._kept or self.unit != 1 else z
        return exp_(scaled).sum(1).double().log() - self.unit * z_y

    def starting_sums(self) -> StartingSums:
        total = torch.zeros(6, dtype=torch.float64, device=self.rows.scores.device)
        for z, z_y, labels, sample_weights in self._chunks():
            mean = z.sum(1).double().div_(z.shape[1])
            mean_square = _dots_of_rows(z, z).double().div_(z.shape[1])
            y = labels.double()
            weighted = [z_y - mean, mean_square - mean * mean, -mean]
            total[:3] += _weighted_sums(weighted, sample_weights)
            total[3:] += torch.stack([(z_y < 0).double(), y, y * y]).sum(1)
        return StartingSums(*sum_over_processes(total))

    def _chunks(self) -> Iterator["_ShiftedChunk"]:
        if self._kept:
            yield from self._kept
            return
        n_elements = self.rows.scores.numel()
        keep = n_elements <= _MAX_KEPT_ELEMENTS
        # The buffers are used again, so that larger chunks than usual hide the cost of the calls.
        medium = _MAX_KEPT_ELEMENTS < n_elements < 32 * _MEDIUM_CHUNK_ELEMENTS
        chunks = self.rows.chunks(_MEDIUM_CHUNK_ELEMENTS if medium else None)
        for index, (logits, labels, weights) in enumerate(chunks):
            z = torch.empty_like(self._shifted) if keep else self._shifted
            z = _view_of_buffer(z, logits)
            if index == len(self.tops):
                self.tops.append(logits.amax(1, keepdim=True))
            top = self.tops[index]
            if logits.dtype == self.dtype:
                torch.sub(logits, top, out=z)
            else:
                z.copy_(logits).sub_(top)
            if self.unit != 1:
                z.div_(self.unit)
            of_labels = z.gather(1, labels[:, None])[:, 0].double()
            chunk = _ShiftedChunk(z, of_labels, labels, weights)
            if keep:
                self._kept.append(chunk)
            yield chunk


def _sums_of_weights(rows: Rows) -> list[float]:
    """Return the sum of the weights and that of their squares, over all processes."""
    sums = torch.full((2,), float(len(rows)), dtype=torch.float64, device=rows.scores.device)
    if (weights := rows.counted_weights) is not None:
        sums = torch.stack([weights.sum(), weights.square().sum()])
    return sum_over_processes(sums)


def _weighted_sums(terms: list[Tensor], weights: Tensor | None) -> Tensor:
    stacked = torch.stack(terms)
    return stacked.sum(1) if weights is None else (stacked * weights).sum(1)


def _dots_of_rows(first: Tensor, second: Tensor) -> Tensor:
    """Return the dot product (N,) of each row of one tensor (N, C) with that of another."""
    if _suits_numpy(first) and first.is_contiguous():
        rows, columns = first.numpy()[:, None, :], second.numpy()[:, :, None]
        with np.errstate(over="ignore", invalid="ignore"):  # as torch does
            return torch.from_numpy(np.matmul(rows, columns)[:, 0, 0])
    return (first * second).sum(1)


def _suits_numpy(values: Tensor) -> bool:
    """Whether numpy takes about half of torch's time: on the CPU, with one or two threads."""
    return values.device.type == "cpu" and torch.get_num_threads() <= 2


def exp_(values: Tensor) -> Tensor:
    """Replace values by their exponentials, and return them."""
    # On other processors, numpy computes one exponential at a time and takes twice torch's time.
    if _suits_numpy(values) and torch.backends.cpu.get_cpu_capability() == "AVX512":
        array = values.numpy()
        np.exp(array, out=array)
        return values
    return values.exp_()


def _view_of_buffer(buffer: Tensor, like: Tensor) -> Tensor:
    """Return a view of the buffer in the shape of a tensor, and enlarge the buffer if necessary.

    The buffer is used again for every chunk, because new memory costs more than the arithmetic. Few
    classes are laid out column by column, because sums over short rows are slow.
    """
    if buffer.numel() < like.numel():
        buffer.resize_(like.numel())
    used = buffer[: like.numel()]
    if like.shape[1] <= _MAX_FEW_CLASSES:
        return used.view(like.shape[1], like.shape[0]).T
    return used.view(like.shape)
