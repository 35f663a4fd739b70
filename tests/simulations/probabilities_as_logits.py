"""How often are probabilities taken for logits, and how often are logits taken for probabilities?

    python -m tests.simulations.probabilities_as_logits 3000 > docs/simulations/disguises.csv

The number is that of problems of each kind. For a disguise, the table shows how many problems were
accepted as logits. For logits, it shows how many were refused. Real logits are drawn from the
outputs of trained networks: random samples and random classes of them.
"""

import sys
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor

from calibkit import glyphs100_logits
from calibkit._checks import check_logits_and_labels
from tests.helpers import REAL

_LARGEST = 20_000  # values of a made-up problem


def is_refused(logits: Tensor) -> bool:
    """Say whether the logits are refused because they look like probabilities."""
    try:
        labels = torch.zeros(len(logits), *logits.shape[2:], dtype=torch.int64)
        check_logits_and_labels(logits, labels)
    except ValueError as error:
        return "look like probabilities" in str(error)
    return False


def uniform(low: float, high: float) -> float:
    return low + (high - low) * float(torch.rand(()))


def log_uniform(low: float, high: float) -> float:
    return float(np.exp(uniform(np.log(low), np.log(high))))


def size(fewest: int = 5) -> tuple[int, int]:
    n_classes = round(log_uniform(2, 1000))
    return round(log_uniform(fewest, max(2 * fewest, min(3000, _LARGEST / n_classes)))), n_classes


def normal(fewest: int = 5, low: float = 0.01, high: float = 30) -> Tensor:
    n, n_classes = size(fewest)
    z = torch.randn(n, n_classes) + uniform(0, 1) * torch.randn(n_classes)
    return log_uniform(low, high) * z


def trained(fewest: int = 30) -> Tensor:
    """Logits of a model that knows the classes: one logit is larger than the others."""
    n, n_classes = size(fewest)
    top = nn_one_hot(torch.randint(n_classes, (n,)), n_classes) * log_uniform(1, 4)
    return log_uniform(0.7, 5) * (torch.randn(n, n_classes) + top)


def nn_one_hot(labels: Tensor, n_classes: int) -> Tensor:
    return torch.nn.functional.one_hot(labels, n_classes).float()


def untrained() -> Tensor:
    n, n_classes = size()
    features = torch.randn(n, 64).mul(uniform(0.05, 1)).add(torch.rand(64)).relu()
    return torch.nn.Linear(64, max(3, n_classes))(features).detach()


def cosines() -> Tensor:
    n, n_classes = size()
    return uniform(0.15, 0.3) + 0.03 * torch.randn(n, n_classes)


def single(scale: float = 1.0, fewest: int = 20) -> Tensor:
    z = torch.randn(round(log_uniform(fewest, 3000)))
    return scale * log_uniform(1, 8) * (z + uniform(-1.5, 1.5))


LOGITS: dict[str, Callable[[], Tensor]] = {
    "normal, with a bias of every class": normal,
    "one class on top": trained,
    "heavy tails": lambda: normal() / torch.rand(()).clamp(min=0.05) * torch.rand(1).exp(),
    "log-probabilities": lambda: trained().log_softmax(1),
    "log-probabilities of the softmax's precision": lambda: trained().half().log_softmax(1).float(),
    "centred rows": lambda: (z := normal()) - z.mean(1, keepdim=True),
    "two logits of opposite sign": lambda: torch.stack([z := single(0.5), -z], 1),
    "single logits of a binary model": single,
    "half precision": lambda: normal().half(),
    "an untrained network": untrained,
    "cosine similarities": cosines,
    "pixels": lambda: normal(64)[:64].T.reshape(1, -1, 8, 8),
}


def _spoilt(p: Tensor, share: float, spoil: Callable[[Tensor], Tensor]) -> Tensor:
    p = p.clone()
    rows = torch.randperm(len(p))[: max(1, int(share * len(p)))]
    p[rows] = spoil(p[rows])
    return p


def _p() -> Tensor:
    return trained().softmax(1)


def _bytes() -> Tensor:
    """Draw what a quantised model gives, without so many classes that most of them become 0."""
    p = _p()
    while p.shape[1] > 50:
        p = _p()
    return (255 * p).round()


DISGUISES: dict[str, Callable[[], Tensor]] = {
    "plain": _p,
    "float16": lambda: trained().half().softmax(1),
    "float16, widened": lambda: trained().half().softmax(1).float(),
    "bfloat16, widened": lambda: trained().bfloat16().softmax(1).float(),
    "rounded to 2 digits": lambda: (_p() * 100).round() / 100,
    "rounded to 3 digits": lambda: (_p() * 1000).round() / 1000,
    "sigmoids": lambda: trained().sigmoid(),
    "sigmoids, rounded to 2 digits": lambda: (trained().sigmoid() * 100).round() / 100,
    "1 - p": lambda: 1 - _p(),
    "percentages": lambda: 100 * _p(),
    "percentages, rounded": lambda: (100 * _p()).round(decimals=1),
    "bytes of a quantised model": _bytes,
    "per mille": lambda: 1000 * _p(),
    "clipped": lambda: _p().clamp(1e-4, 1 - 1e-4),
    "one row too small": lambda: _spoilt(_p(), 0, lambda rows: 0.97 * rows),
    "one row too large": lambda: _spoilt(_p(), 0, lambda rows: 1.1 * rows),
    "a tenth are logits": lambda: _spoilt(_p(), 0.1, lambda rows: rows.log()),
    "a fifth are noisy": lambda: _spoilt(_p(), 0.2, lambda p: p + 0.1 * torch.randn_like(p)),
    "pixels": lambda: trained(36)[:36].softmax(1).T.reshape(1, -1, 6, 6),
    "single": lambda: single().sigmoid(),
    "single, in a column": lambda: single().sigmoid()[:, None],
    "single, rounded to 2 digits": lambda: (single().sigmoid() * 100).round() / 100,
    "100 single percentages or more": lambda: 100 * single(fewest=100).sigmoid(),
    "single, bfloat16, widened": lambda: single().bfloat16().sigmoid().float(),
}


def real_logits() -> dict[str, Tensor]:
    """Return the logits of trained networks: the embedded one, and those beside the checkout."""
    found = {"ResNet-20 on Glyphs-100": glyphs100_logits(2000, seed=4, progress=False)[0]}
    for path in sorted(REAL.glob("*-cifar-100.npz")):
        p = torch.from_numpy(np.load(path)["predictions"]).double().clamp(min=1e-40)
        found[path.stem] = p.log()
        # A softmax hides the mean of each row, which is near 0 in a trained network.
        found[f"{path.stem}, centred"] = p.log() - p.log().mean(1, keepdim=True)
    return found


def draw(logits: Tensor) -> Tensor:
    """Return random samples and random classes, divided by a random temperature."""
    n, n_classes = len(logits), logits.shape[1]
    rows = torch.randint(n, (round(log_uniform(5, 1000)),))
    classes = torch.randperm(n_classes)[: round(log_uniform(2, n_classes))]
    return logits[rows[:, None], classes] / log_uniform(0.2, 5)


def count(make: Callable[[], Tensor], problems: int) -> int:
    """Count the problems that are refused."""
    return sum(is_refused(make()) for _ in range(problems))


def rows_of_tables(problems: int) -> Iterator[tuple[str, str, int]]:
    """Yield the kind of each problem, its name, and how many were treated wrongly."""
    torch.manual_seed(0)
    for name, make in DISGUISES.items():
        yield "disguise", name, problems - count(make, problems)
    for name, make in LOGITS.items():
        yield "logits", name, count(make, problems)
    for name, logits in real_logits().items():
        yield "real logits", name, count(lambda logits=logits: draw(logits), problems)


def main(problems: int) -> None:
    print("passed as logits,kind,problems,treated wrongly")
    for kind, name, wrong in rows_of_tables(problems):
        print(f'{kind},"{name}",{problems},{wrong}', flush=True)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
