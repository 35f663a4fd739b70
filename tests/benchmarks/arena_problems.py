"""The problems of the arena: logits and labels of many models, made without a network.

``all_problems()`` yields them in a fixed order. Each has a name, a seed and a half. The problems of
a kind alternate between half A, for choosing a default, and half B, which is only for the report.
The kinds begin alternately with A and B, so that both halves hold every kind and every size. The
logits are stored in the cache folder of calibkit.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from sklearn.datasets import load_breast_cancer, load_digits, make_classification
from sklearn.ensemble import (
    AdaBoostClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from torch import Tensor

from calibkit import glyphs100_logits
from calibkit.data.cached_logits import cache_folder

N_SPLITS = 5
MOST_TESTED = 10_000  # test samples of a split, where the problem has so many
LEAST_PROBABILITY = 1e-6  # of a model that returns probabilities, before the logarithm

Data = tuple[np.ndarray, np.ndarray]
Split = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Problem:
    """Logits and labels of a model, and how many of them a map is fitted to."""

    kind: str
    detail: str
    n_classes: int
    n: int
    seed: int
    half: str
    draw: Callable[[int, int], Data]  # (n, seed) -> logits, labels

    @property
    def name(self) -> str:
        return f"{self.kind}, {self.detail}, n={self.n}"

    def split(self, i: int) -> Split:
        """Return calibration logits and labels and test logits and labels, drawn at random."""
        logits, labels = self._pool()
        generator = np.random.default_rng([self.seed, i])
        order = generator.permutation(len(labels))[: self.n + MOST_TESTED]
        calib, test = order[: self.n], order[self.n :]
        return (
            torch.from_numpy(logits[calib].astype(np.float64)),
            torch.from_numpy(labels[calib]),
            torch.from_numpy(logits[test].astype(np.float64)),
            torch.from_numpy(labels[test]),
        )

    def _pool(self) -> Data:
        """Return the logits of the cache; where it has none, compute them and store them."""
        stem = hashlib.sha256(f"{self.name}, {self.seed}".encode()).hexdigest()[:12]
        path = cache_folder() / "arena" / f"{stem}-{_hash_of_code()}.npz"
        if not path.exists():
            logits, labels = self.draw(self.n, self.seed)
            path.parent.mkdir(parents=True, exist_ok=True)
            # another process may read at the same time: the file appears when it is complete
            with TemporaryDirectory(dir=path.parent) as folder:
                unfinished = Path(folder) / "pool.npz"
                np.savez(unfinished, logits=logits.astype(np.float32), labels=labels)
                unfinished.replace(path)
        with np.load(path) as stored:
            return stored["logits"], stored["labels"].astype(np.int64)


def _hash_of_code() -> str:
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


# models of scikit-learn


MODELS = {
    "logistic regression": lambda seed: LogisticRegression(C=100, max_iter=2000),
    "naive Bayes": lambda seed: GaussianNB(var_smoothing=1e-3),
    "random forest": lambda seed: RandomForestClassifier(100, random_state=seed),
    "boosted trees": lambda seed: HistGradientBoostingClassifier(
        max_iter=40, early_stopping=False, random_state=seed
    ),
    "MLP": lambda seed: MLPClassifier((100,), max_iter=150, random_state=seed),
    "neighbours": lambda seed: KNeighborsClassifier(10),
    "SVC": lambda seed: SVC(C=3),
    "AdaBoost": lambda seed: AdaBoostClassifier(n_estimators=60, random_state=seed),
}


def noisy_digits(n: int, seed: int) -> Data:
    """Images of digits with so much noise that a good model is wrong in one of ten."""
    images, labels = load_digits(return_X_y=True)
    return images + np.random.default_rng(seed).normal(0, 5, images.shape), labels


def odd_digits(n: int, seed: int) -> Data:
    images, labels = noisy_digits(n, seed)
    return images, labels % 2


def cancer(n: int, seed: int) -> Data:
    return load_breast_cancer(return_X_y=True)


def blobs(n_classes: int, n_train: int, n: int, seed: int) -> Data:
    features, labels = make_classification(
        n_train + n + MOST_TESTED,
        n_features=25,
        n_informative=12,
        n_redundant=5,
        n_classes=n_classes,
        n_clusters_per_class=2,
        flip_y=0.05,
        class_sep=1.2,
        random_state=seed,
    )
    return features, labels


def of_model(
    family: str, data: Callable[[int, int], Data], n_train: int, n: int, seed: int
) -> Data:
    """Train a model on the first samples and return the logits and labels of all others."""
    features, labels = data(n, seed)
    order = np.random.default_rng(seed).permutation(len(labels))
    train, other = order[:n_train], order[n_train:]
    model = make_pipeline(StandardScaler(), MODELS[family](seed))
    model.fit(features[train], labels[train])
    return outputs(model, features[other]), labels[other]


def outputs(model, features: np.ndarray) -> np.ndarray:
    """Return what comes closest to logits: decisions if there are any, or log-probabilities."""
    classifier = model[-1]
    if isinstance(classifier, LogisticRegression | SVC | HistGradientBoostingClassifier):
        decisions = model.decision_function(features)
        if decisions.ndim == 1:  # two classes
            return np.column_stack([-decisions / 2, decisions / 2])
        return decisions
    if isinstance(classifier, GaussianNB):  # its probabilities are often 0 and 1 in float64
        return model.predict_log_proba(features)
    return np.log(model.predict_proba(features).clip(LEAST_PROBABILITY, 1))


# made-up logits, with labels drawn from what the true logits say


def sharpened(true: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return 2.5 * true


def with_class_bias(true: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return 1.5 * true + 1.5 * generator.normal(size=true.shape[1])


def mixed(true: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    """Each class sees a little of the others, some of which are alike."""
    n_classes = true.shape[1]
    mixing = generator.normal(size=(n_classes, n_classes)) / np.sqrt(n_classes)
    return true @ (1.5 * np.eye(n_classes) + 0.6 * mixing)


def with_heavy_tails(true: np.ndarray, generator: np.random.Generator) -> np.ndarray:
    return 1.5 * np.sinh(true / 2)


def made_up(kind: str, n_classes: int, n: int, seed: int) -> Data:
    generator = np.random.default_rng(seed)
    true = 2 * generator.normal(size=(n + MOST_TESTED, n_classes))
    if kind == "imbalanced":  # the model knows half of the imbalance
        log_prior = -1.5 * np.log(np.arange(1, n_classes + 1))
        true += log_prior
        logits = 1.8 * (true - log_prior / 2)
    elif kind == "label noise":
        logits = 1.5 * true
    else:
        logits = DISTORTIONS[kind](true, generator)
    # the largest of logits plus Gumbel noise is a draw from the softmax
    labels = (true + generator.gumbel(size=true.shape)).argmax(1)
    if kind == "label noise":
        labels = _some_at_random(labels, n_classes, 0.15, generator)
    return logits, labels


DISTORTIONS = {
    "sharpened": sharpened,
    "class bias": with_class_bias,
    "mixing": mixed,
    "heavy tails": with_heavy_tails,
}


def _some_at_random(
    labels: np.ndarray, n_classes: int, share: float, generator: np.random.Generator
) -> np.ndarray:
    any_class = generator.integers(n_classes, size=len(labels))
    return np.where(generator.random(len(labels)) < share, any_class, labels)


# Glyphs-100


def glyphs(severity: float, noise: float, n: int, seed: int) -> Data:
    logits, labels = (
        x.numpy() for x in glyphs100_logits(10_000, severity=severity, progress=False)
    )
    generator = np.random.default_rng(seed)
    return logits, _some_at_random(labels, 100, noise, generator)


# which there are

FAMILIES = ("logistic regression", "naive Bayes", "random forest", "boosted trees", "MLP")
DATA = {  # data: classes, training samples, calibration samples, families
    "noisy digits": (noisy_digits, 10, 700, 400, (*FAMILIES, "neighbours")),
    "odd digits": (odd_digits, 2, 500, 200, (*FAMILIES, "neighbours", "SVC", "AdaBoost")),
    "cancer": (cancer, 2, 120, 100, (*FAMILIES, "neighbours")),
    "3 blobs": (partial(blobs, 3, 500), 3, 500, 300, (*FAMILIES, "neighbours")),
    "10 blobs": (
        partial(blobs, 10, 1500), 10, 1500, 1000, (*FAMILIES, "neighbours", "SVC", "AdaBoost")
    ),
    "2 blobs": (partial(blobs, 2, 500), 2, 500, 2000, FAMILIES),
    "20 blobs": (
        partial(blobs, 20, 2000), 20, 2000, 3000, ("naive Bayes", "random forest", "MLP")
    ),
}  # fmt: skip
KINDS = ("sharpened", "class bias", "mixing", "label noise", "heavy tails", "imbalanced")
SIZES = ((2, 500), (3, 200), (10, 1000), (30, 3000))  # classes, calibration samples
LARGE = (("class bias", 100, 2000), ("imbalanced", 100, 5000))
GLYPHS = (  # severity, label noise, calibration samples
    (0, 0, 1000),
    (0, 0, 5000),
    (1, 0, 3000),
    (2, 0, 1000),
    (0, 0.1, 1000),
    (0, 0.2, 3000),
)


def all_problems() -> Iterator[Problem]:
    """Yield the problems of the arena, those of a kind alternately in half A and half B."""
    so_far = Counter[str]()
    kinds: list[str] = []
    for seed, (kind, detail, n_classes, n, draw) in enumerate(_descriptions(), 1):
        if kind not in kinds:
            kinds.append(kind)
        half = "AB"[(kinds.index(kind) + so_far[kind]) % 2]
        so_far[kind] += 1
        yield Problem(kind, detail, n_classes, n, seed, half, draw)


def _descriptions() -> Iterator[tuple[str, str, int, int, Callable[[int, int], Data]]]:
    """Yield kind, detail, number of classes, calibration samples and how to draw the logits."""
    for detail, (data, n_classes, n_train, n, families) in DATA.items():
        for family in families:
            yield family, detail, n_classes, n, partial(of_model, family, data, n_train)
    made = [(kind, n_classes, n) for kind in KINDS for n_classes, n in SIZES]
    for kind, n_classes, n in (*made, *LARGE):
        yield kind, f"C={n_classes}", n_classes, n, partial(made_up, kind, n_classes)
    for severity, noise, n in GLYPHS:
        detail = f"severity {severity}, label noise {noise:g}"
        yield "Glyphs-100", detail, 100, n, partial(glyphs, severity, noise)


SHORT = (  # one of each kind that needs no long training, in continuous integration
    "logistic regression, noisy digits, n=400",
    "naive Bayes, odd digits, n=200",
    "random forest, cancer, n=100",
    "neighbours, 3 blobs, n=300",
    "sharpened, C=3, n=200",
    "class bias, C=2, n=500",
    "mixing, C=10, n=1000",
    "label noise, C=3, n=200",
    "heavy tails, C=10, n=1000",
    "imbalanced, C=10, n=1000",
)


def short_problems() -> Iterator[Problem]:
    """Yield ten small problems, which take seconds."""
    return (problem for problem in all_problems() if problem.name in SHORT)
