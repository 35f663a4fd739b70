"""The likelihood of class proportions, given logits of samples without labels, and its maximum."""

import math
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import gammaln
from torch import Tensor

from calibkit._rows import Rows
from calibkit._types import Floats

# Without smoothing, the search ends when complementary slackness is violated by this at most.
_LEAST_BARRIER = 1e-12
_LARGEST_RESIDUAL, _LARGEST_RELATIVE_RESIDUAL = 1e-10, 1e-9
_MAX_ITERATIONS = 200
_MAX_KEPT_ELEMENTS = 2**24
# So many additional samples per class tell a class that is gone from one that looks like others.
_WEAK_SMOOTHING = 0.1
_LARGEST_SHARE_UNKNOWN = 0.25


class Moments(NamedTuple):
    """The likelihood of proportions and its derivatives, as means over samples.

    Attributes
    ----------
    log_likelihood : float
        The mean log-likelihood, up to a constant.
    gradient : array, shape (C,)
        Its gradient. At a maximum without smoothing, no entry is above 1.
    information : array, shape (C, C)
        Minus its second derivatives.
    """

    log_likelihood: float
    gradient: Floats
    information: Floats


class Optimum(NamedTuple):
    """The proportions that maximise the likelihood with a number of additional samples.

    Attributes
    ----------
    proportions : array, shape (C,)
        The maximiser, which sums to 1.
    smoothing : float
        The number of additional samples, which have the proportions of the source.
    gap : float
        By how much the objective per sample could be larger elsewhere, at most.
    moments : Moments
        The likelihood at the maximiser.
    """

    proportions: Floats
    smoothing: float
    gap: float
    moments: Moments


class ProportionsLikelihood:
    """The likelihood of the class proportions q of samples without labels.

    A sample whose probabilities p are right under the proportions ``source`` has the likelihood
    sum_k q_k p_k / source_k, up to a constant. The mean log-likelihood is concave in q.
    """

    def __init__(self, rows: Rows, source: Floats) -> None:
        self.rows = rows
        self.n = rows.total_weight
        self.source = source
        self._kept: list[tuple[Tensor, Tensor | None]] | None = None

    def at(self, q: Floats) -> Moments:
        """Return the mean log-likelihood and its derivatives at positive numbers q."""
        device = self.rows.scores.device
        q_here = torch.from_numpy(q).to(device)
        log_likelihood, gradient = 0.0, torch.zeros_like(q_here)
        information = torch.zeros_like(torch.outer(gradient, gradient))
        for ratio, weights in self._ratios():
            likelihood = ratio @ q_here
            relative = ratio / likelihood[:, None]
            weighted = relative if weights is None else weights[:, None] * relative
            logarithm = likelihood.log()
            log_likelihood += float(logarithm.sum() if weights is None else logarithm @ weights)
            gradient += weighted.sum(0)
            information += relative.T @ weighted
        return Moments(
            log_likelihood / self.n,
            gradient.cpu().numpy() / self.n,
            information.cpu().numpy() / self.n,
        )

    def _ratios(self) -> Iterable[tuple[Tensor, Tensor | None]]:
        """Return p / source (m, C) and weights (m,) in chunks, which are kept if they are small."""
        if self._kept is None:
            source = torch.from_numpy(self.source).to(self.rows.scores.device)
            ratios = (
                (scores.double().softmax(1) / source, weights)
                for scores, _, weights in self.rows.chunks()
            )
            if self.rows.scores.numel() > _MAX_KEPT_ELEMENTS:
                return ratios
            self._kept = list(ratios)
        return self._kept

    def best_smoothing(self) -> float:
        """Return the most probable number of additional samples, given the logits.

        Before we see the logits, its distribution is log-logistic around the number of classes.
        With many classes the logits outweigh this. With few classes they hardly tell the number.
        """
        steps = range(math.ceil(2 * math.log10(100 * max(self.n, 1))), -1, -1)
        search = _Search(self)
        found = [search.optimum(10 ** (step / 2)) for step in steps]
        return max(found, key=self._log_posterior).smoothing

    def _log_posterior(self, optimum: Optimum) -> float:
        n_classes, smoothing = len(self.source), optimum.smoothing
        prior = math.log(n_classes * smoothing) - 2 * math.log(n_classes + smoothing)
        return self.log_evidence(optimum) + prior

    def maximise(self, smoothing: float) -> Optimum:
        """Return the best proportions with so many additional samples."""
        return _Search(self).optimum(smoothing)

    def log_evidence(self, optimum: Optimum) -> float:
        """Return the logarithm of the probability of the logits, by Laplace's approximation.

        The proportions have a Dirichlet distribution around the source with a strength that is the
        smoothing. The approximation is in the logarithms of ratios of proportions, which are closer
        to normally distributed than the proportions.
        """
        q, smoothing, source = optimum.proportions, optimum.smoothing, self.source
        prior = gammaln(smoothing) - gammaln(smoothing * source).sum()
        prior += smoothing * (source @ np.log(q)) + (len(q) - 1) / 2 * math.log(2 * math.pi)
        # This is the determinant of the information on log(q_k / q_0), k > 0.
        log_determinant = np.linalg.slogdet(self._information(optimum))[1]
        log_determinant += np.log(q).sum() - math.log(self.n + smoothing)
        return float(self.n * optimum.moments.log_likelihood + prior - log_determinant / 2)

    def variance(self, optimum: Optimum) -> Floats:
        """Return the variances of the proportions under the distribution of `log_evidence`."""
        q, total = optimum.proportions, self.n + optimum.smoothing
        inverse = np.linalg.inv(self._information(optimum))
        return np.asarray(q * (inverse.diagonal() - q / total))

    def undetermined(self) -> NDArray[np.intp]:
        """Return the classes of which the samples do not determine the proportion.

        The logits are worth a number of labels, which depends on the direction in which the
        proportions change. Where classes look the same, it is 0. A class is returned if a part of
        what one label would say about it is in directions with less than one label per class.
        """
        n_classes = len(self.source)
        optimum = self.maximise(_WEAK_SMOOTHING * n_classes)
        n_labels, directions = np.linalg.eigh(self._information(optimum))
        unknown = directions[:, n_labels < (1 + _WEAK_SMOOTHING) * n_classes]
        share = (unknown**2).sum(1) / (1 - optimum.proportions)
        return np.flatnonzero(share > _LARGEST_SHARE_UNKNOWN)

    def _information(self, optimum: Optimum) -> Floats:
        """Return the information on changes of q, in units of its standard deviations.

        A change u stands for log q + u / sqrt(q). One label has the information 1 on all u but
        sqrt(q), in which the sum of q changes.
        """
        q, root = optimum.proportions, np.sqrt(optimum.proportions)
        of_samples = self.n * np.outer(root, root) * optimum.moments.information
        return np.asarray(of_samples + np.diag(optimum.smoothing * self.source / q))


class _Search:
    """A primal-dual interior-point search, which continues from one optimum to the next.

    With s for the source and m for the smoothing per sample, q maximises
    ``log_likelihood(q) - sum(q) + m sum(s log q)``. The numbers q then sum to 1 + m, and divided by
    their sum they are the best proportions. At the optimum the slacks z are 1 - gradient, and
    q z = m s.
    """

    def __init__(self, likelihood: ProportionsLikelihood) -> None:
        self.likelihood = likelihood
        self.q = likelihood.source.copy()
        self.slack = np.ones_like(self.q)
        self.barrier = 1.0

    def optimum(self, smoothing: float) -> Optimum:
        likelihood, source = self.likelihood, self.likelihood.source
        m = smoothing / likelihood.n
        self._go_to(max(m, _LEAST_BARRIER))
        q = self.q
        if smoothing == 0:  # Of q and its slack, the one that is 0 at the maximum is tiny here.
            q = np.where(q < np.minimum(self.slack, 1e-6), 0, q)
        q = q / q.sum()
        moments = likelihood.at(q)
        slope = moments.gradient + m * source / np.maximum(q, 1e-300)
        return Optimum(q, smoothing, float(slope.max() - 1 - m), moments)

    def _go_to(self, barrier: float) -> None:
        """Move to the optimum with this barrier, along the path of larger barriers."""
        source = self.likelihood.source
        if barrier >= self.barrier / 10:  # The present optimum is near, but not its slacks.
            self.barrier = barrier
            self.slack = barrier * source / self.q
        moments = self.likelihood.at(self.q)
        for _ in range(_MAX_ITERATIONS):
            products = self.q * self.slack / source
            off_path = np.abs(1 - moments.gradient - self.slack).max() / (1 + barrier)
            off_target = np.abs(products / barrier - 1).max()
            if off_path <= _LARGEST_RESIDUAL and off_target <= _LARGEST_RELATIVE_RESIDUAL:
                return
            self.barrier = max(barrier, min(self.barrier, float(source @ products) / 10))
            moments = self._step(moments)

    def _step(self, moments: Moments) -> Moments:
        q, z, target = self.q, self.slack, self.barrier * self.likelihood.source
        curvature = moments.information + np.diag(z / q)
        dq = np.linalg.solve(curvature, moments.gradient - 1 + target / q)
        dz = (target - q * z - z * dq) / q
        length = min(1.0, 0.99 / max(float((-dq / q).max()), float((-dz / z).max()), 1e-300))
        before = self._residual(q, z, moments)
        while True:
            new_q, new_z = q + length * dq, z + length * dz
            found = self.likelihood.at(new_q)
            after = self._residual(new_q, new_z, found)
            if after <= (1 - 0.01 * length) * before or length < 1e-6:
                self.q, self.slack = new_q, new_z
                return found
            length /= 2

    def _residual(self, q: Floats, z: Floats, moments: Moments) -> float:
        off_target = q * z - self.barrier * self.likelihood.source
        return float(np.linalg.norm(np.concatenate([1 - moments.gradient - z, off_target])))
