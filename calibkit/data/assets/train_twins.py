"""Train the twins of the embedded network, which differ from it only in how they are trained.

``python calibkit/data/assets/train_twins.py --work FOLDER`` trains 17 networks on one thread, and
writes ``training_twins.npz`` into its own folder. An interrupted run continues after the last epoch
that it completed. ``--assemble`` trains nothing, and writes the file from the twins that FOLDER
already holds. At the end, the script prints how accurate and how well calibrated the twins are.

All twins are a ResNet-20 and see the 3150 training images of the embedded network, with the same
momentum and the same one-cycle schedule. A batch has half as many images, the learning rate is half
as large, and there are 30 epochs and not 40. A twin then takes three to five minutes on a free core
and is more accurate than the embedded network. Fewer images are no alternative: in two trials with
2400 of them, for 27 and 40 epochs, both networks soon knew the training images by heart. Before the
end, one recognised 55% of the validation images, the other only 28%. The methods are:

- plain: nothing is done against overconfidence. Five seeds, which are also an ensemble of five.
- label_smoothing: the target gives a tenth of the probability to all classes alike.
- weight_decay: every weight is pulled towards 0, ten times as strongly as is usual, because
  there are few steps.
- more_data: three times as many training images for the same number of steps. The first 3150 of
  them are the images of the other twins.
- mixup: each image is a mixture of two, and so is its target.
- early_stopping: a plain network after the epoch in which the NLL of 1000 validation images was
  smallest. It needs no training of its own.
- refined_stopping: a plain network after the epoch in which that NLL was smallest after the best
  temperature had been fitted to the same validation images (Berta et al. 2025).

The methods other than plain have three seeds. A seed fixes the initial weights, the order of the
images and all other random draws. With the same seed, all methods have the same initial weights,
and all but more_data see the same images in the same batches. The last bits of the trained weights
also depend on the machine.

The validation, calibration and test images are independent draws, and none of them was trained on.
The calibration and the test images are the first 4000 images of the test set of
`calibkit.Glyphs100DataModule`.

A logit is a sum over the 64 features that enter the last layer. The file holds these features, with
7 bits each, and the last layer. From them `calibkit.training_twins` computes the logits. The
logits themselves would take three times the space in float16.
"""

import argparse
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from tqdm import tqdm

from calibkit import (
    Glyphs100,
    NoOptimumError,
    ResNet20,
    TemperatureScaler,
    accuracy,
    area_under_risk_coverage_curve,
    calibration_error,
    negative_log_likelihood,
    training_twins,
)
from calibkit.data.assets import train_glyphs100_resnet20 as embedded
from calibkit.data.assets.train_glyphs100_resnet20 import (
    ASSETS,
    Resumable,
    resume,
    write_complete_file,
)
from calibkit.data.datamodules import TEST_SEED
from calibkit.data.training_twins import TWINS_FILE

LEARNING_RATE = embedded.LEARNING_RATE / 2
VALIDATION_SEED = 4  # no other data of the course have it
N_LEVELS = 127
State = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """What one method does differently from plain training."""

    n_seeds: int = 3
    n_stopped: int = 0  # so many of the seeds are also stopped early
    label_smoothing: float = 0.0
    weight_decay: float = 0.0
    data_factor: int = 1
    mixup: float = 0.0  # both parameters of the beta distribution of the mixing share


@dataclass(frozen=True)
class Size:
    """How long the training is and how many images there are. A test makes it small."""

    n_train: int = embedded.N_TRAIN
    n_epochs: int = 30
    batch_size: int = embedded.BATCH_SIZE // 2
    n_validation: int = 1000
    n_calibration: int = 2000
    n_test: int = 2000

    @property
    def n_batches(self) -> int:
        """Number of steps in an epoch."""
        return self.n_train // self.batch_size


RECIPES = {
    "plain": Recipe(n_seeds=5, n_stopped=3),
    "label_smoothing": Recipe(label_smoothing=0.1),
    "weight_decay": Recipe(weight_decay=5e-3),
    "more_data": Recipe(data_factor=3),
    "mixup": Recipe(mixup=0.4),
}
STOPPED = {"early_stopping": "nll", "refined_stopping": "scaled_nll"}


def main() -> None:
    """Train what is missing, write the file and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument(
        "--work",
        type=Path,
        default=ASSETS / "twins.checkpoint",
        help="folder of the checkpoints and of the finished twins",
    )
    parser.add_argument(
        "--assemble", action="store_true", help="train nothing, use the twins that are finished"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)  # The order in which sums are added depends on the threads.
    if not arguments.assemble:
        train_all(arguments.work)
    write_asset(arguments.work)
    print_table()


def twins(recipes: dict[str, Recipe]) -> list[tuple[str, int]]:
    """Return method and seed of all twins, so that the first seeds of all methods come first."""
    pairs = [(name, seed) for name, recipe in recipes.items() for seed in range(recipe.n_seeds)]
    return sorted(pairs, key=lambda pair: pair[1])


def train_all(
    work: Path, recipes: dict[str, Recipe] = RECIPES, size: Size = Size(), *, progress: bool = True
) -> None:
    """Train all twins that the folder does not hold yet."""
    work.mkdir(parents=True, exist_ok=True)
    most_images = size.n_train * max(recipe.data_factor for recipe in recipes.values())
    train = Glyphs100(most_images, seed=embedded.SEED)
    validation = Glyphs100(size.n_validation, seed=VALIDATION_SEED)
    order = twins(recipes)
    n_steps = size.n_epochs * size.n_batches
    with tqdm(total=len(order) * n_steps, unit="batch", mininterval=2, disable=not progress) as bar:
        for method, seed in order:
            bar.set_description(f"{method} {seed}")
            if not finished(work, method, seed).exists():
                for done in train_twin(
                    work, method, seed, recipes[method], size, train, validation
                ):
                    bar.n = order.index((method, seed)) * n_steps + done
                    bar.update(0)
            checkpoint_of(work, method, seed).unlink(missing_ok=True)
            bar.n = (order.index((method, seed)) + 1) * n_steps
            bar.refresh()


def finished(work: Path, method: str, seed: int) -> Path:
    """Return the path of the twin's file, which exists when its training is complete."""
    return work / f"{method}-{seed}.pt"


def checkpoint_of(work: Path, method: str, seed: int) -> Path:
    """Return the path of the file that holds the twin while it is trained."""
    return work / f"{method}-{seed}.checkpoint"


def train_twin(
    work: Path,
    method: str,
    seed: int,
    recipe: Recipe,
    size: Size,
    train: Glyphs100,
    validation: Glyphs100,
) -> Iterator[int]:
    """Train one twin from its last checkpoint, and yield the number of steps after each step."""
    checkpoint = checkpoint_of(work, method, seed)
    n_images = recipe.data_factor * size.n_train
    images = train.images[:n_images].contiguous(memory_format=torch.channels_last)
    torch.manual_seed(seed)
    # This memory format is a third faster than the usual one on one thread.
    model = ResNet20().to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        model.parameters(),
        LEARNING_RATE,
        momentum=0.9,
        nesterov=True,
        weight_decay=recipe.weight_decay,
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=size.n_epochs * size.n_batches
    )
    parts: dict[str, Resumable] = {"model": model, "optimizer": optimizer, "schedule": schedule}
    state: State = {"epoch": 0, "history": {"nll": [], "scaled_nll": []}, "stopped": {}}
    state |= resume(parts, checkpoint)
    for epoch in range(state["epoch"], size.n_epochs):
        model.train()
        for step, (batch, targets) in enumerate(
            batches(images, train.targets[:n_images], seed, epoch, recipe, size)
        ):
            loss = nn.functional.cross_entropy(
                model(batch), targets, label_smoothing=recipe.label_smoothing
            )
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            yield epoch * size.n_batches + step + 1
        if seed < recipe.n_stopped:
            note_validation(state, model, validation)
        state |= {"epoch": epoch + 1} | {name: part.state_dict() for name, part in parts.items()}
        write_complete_file(state, checkpoint)
    kept = ("model", "stopped", "history")
    write_complete_file({name: state[name] for name in kept}, finished(work, method, seed))


def batches(
    images: Tensor, labels: Tensor, seed: int, epoch: int, recipe: Recipe, size: Size
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield the images and the targets of an epoch, which has equally many for every method."""
    # With more images, several epochs go through all of them once.
    passes, part = divmod(epoch, recipe.data_factor)
    order = np.random.default_rng([seed, passes]).permutation(len(images))
    chosen = torch.from_numpy(np.split(order, recipe.data_factor)[part])
    mixing = np.random.default_rng([seed, epoch, 1])
    for batch in chosen.split(size.batch_size)[: size.n_batches]:
        if recipe.mixup == 0:
            yield images[batch], labels[batch]
        else:
            share = mixing.beta(recipe.mixup, recipe.mixup)
            other = batch[torch.from_numpy(mixing.permutation(len(batch)))]
            targets = nn.functional.one_hot(labels, 100).float()
            yield (
                share * images[batch] + (1 - share) * images[other],
                share * targets[batch] + (1 - share) * targets[other],
            )


def note_validation(state: State, model: ResNet20, validation: Glyphs100) -> None:
    """Append the two validation losses of this epoch, and keep the weights if one is the least."""
    features, weight, bias = last_layer(model, validation.images)
    logits, labels = features @ weight.T + bias, validation.targets
    try:
        scaled = TemperatureScaler().fit_logits(logits, labels)(logits)
    except NoOptimumError:  # The logits of the first epochs may be worse than none.
        scaled = torch.zeros_like(logits)
    for name, scores in (("nll", logits), ("scaled_nll", scaled)):
        losses = state["history"][name]
        losses.append(negative_log_likelihood(scores.softmax(1), labels))
        if losses[-1] == min(losses):
            state["stopped"][name] = {k: v.clone() for k, v in model.state_dict().items()}


def last_layer(model: ResNet20, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features that enter the model's last layer, and the weight and bias of it."""
    features: list[Tensor] = []
    hook = model.fc.register_forward_pre_hook(lambda _, inputs: features.append(inputs[0]))
    model.eval()
    with torch.inference_mode():
        for batch in images.split(250):
            model(batch.contiguous(memory_format=torch.channels_last))
    hook.remove()
    return torch.cat(features).clone(), model.fc.weight.detach(), model.fc.bias.detach()


def write_asset(
    work: Path,
    path: Path = TWINS_FILE,
    recipes: dict[str, Recipe] = RECIPES,
    size: Size = Size(),
    *,
    progress: bool = True,
) -> None:
    """Write the file of all twins that are finished, in the order of the methods."""
    data = Glyphs100(size.n_calibration + size.n_test, seed=TEST_SEED)
    rows: list[tuple[str, dict[str, NDArray[np.generic]]]] = []
    models = list(finished_models(work, recipes))
    for method, weights in tqdm(models, unit="twin", disable=not progress):
        model = ResNet20().to(memory_format=torch.channels_last)
        model.load_state_dict(weights)
        rows.append((method, round_features(*last_layer(model, data.images))))
    arrays: dict[str, NDArray[np.generic]] = {
        name: np.stack([row[name] for _, row in rows]) for name in rows[0][1]
    }
    for loss in STOPPED.values():
        histories = [state["history"][loss] for state in stopped_twins(work, recipes)]
        arrays[loss] = np.array(histories, np.float32)
    arrays["method"] = np.array([method for method, _ in rows])
    arrays["labels"] = data.targets.numpy().astype(np.uint8)
    arrays["is_test"] = np.arange(len(data)) >= size.n_calibration
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]
    print(f"wrote {path.name}, {path.stat().st_size / 1000:.0f} kB, {len(rows)} twins")


def finished_models(
    work: Path, recipes: dict[str, Recipe]
) -> Iterator[tuple[str, dict[str, Tensor]]]:
    """Yield method and weights of each twin that is finished, and of each that was stopped."""
    for method, recipe in recipes.items():
        for seed in range(recipe.n_seeds):
            if finished(work, method, seed).exists():
                yield method, torch.load(finished(work, method, seed), weights_only=True)["model"]
    for method, loss in STOPPED.items():
        for state in stopped_twins(work, recipes):
            yield method, state["stopped"][loss]


def stopped_twins(work: Path, recipes: dict[str, Recipe]) -> list[State]:
    """Return what is kept of each finished twin that is also stopped early."""
    paths = [finished(work, "plain", seed) for seed in range(recipes["plain"].n_stopped)]
    return [torch.load(path, weights_only=True) for path in paths if path.exists()]


def round_features(
    features: Tensor, weight: Tensor, bias: Tensor
) -> dict[str, NDArray[np.generic]]:
    """Return the features as whole numbers from 0 to 127, and the layer that is applied to them."""
    step = features.amax(0).clamp(min=1e-6) / N_LEVELS  # A ReLU made them: none is below 0.
    return {
        "features": (features / step).round().to(torch.uint8).numpy(),
        "weight": (weight * step).half().numpy(),
        "bias": bias.half().numpy(),
    }


def print_table() -> None:
    """Print mean and standard deviation over the seeds, before and after one temperature."""
    calibration, test, _ = training_twins()
    values = {
        method: [
            measure((logits, calibration["labels"]), (test_logits, test["labels"]))
            for logits, test_logits in zip(
                calibration["logits"][method], test["logits"][method], strict=True
            )
        ]
        for method in test["logits"]
    }
    members = len(values["plain"])
    if members > 2:
        for name, left_out in (("ensemble", [None]), ("one left out", list(range(members)))):
            values[f"{name} of {members}"] = [
                measure(
                    (ensemble(calibration["logits"]["plain"], one), calibration["labels"]),
                    (ensemble(test["logits"]["plain"], one), test["labels"]),
                )
                for one in left_out
            ]
    print(f"{'':18}n" + "".join(f"{name:>16}" for name in values["plain"][0]))
    for method, of_seeds in values.items():
        cells = []
        for name in of_seeds[0]:
            column = np.array([row[name] for row in of_seeds])
            spread = column.std(ddof=1) if len(column) > 1 else np.nan
            cells.append(f"{column.mean():9.4f}±{spread:.4f}")
        print(f"{method:18}{len(of_seeds)}" + "".join(cells))


def ensemble(logits: Tensor, left_out: int | None) -> Tensor:
    """Return the logarithms of the mean probabilities of all members but one."""
    kept = [k for k in range(len(logits)) if k != left_out]
    return logits[kept].log_softmax(-1).logsumexp(0) - math.log(len(kept))


def measure(calibration: tuple[Tensor, Tensor], test: tuple[Tensor, Tensor]) -> dict[str, float]:
    """Return what the table shows of one model."""
    scaler = TemperatureScaler().fit_logits(*calibration)
    logits, labels = test
    before, after = logits.softmax(1), scaler(logits).softmax(1)
    return {
        "accuracy": accuracy(before, labels),
        "confidence": before.amax(1).double().mean().item(),
        "NLL": negative_log_likelihood(before, labels),
        "ECE": calibration_error(before, labels),
        "T": scaler.temperature,
        "scaled NLL": negative_log_likelihood(after, labels),
        "scaled ECE": calibration_error(after, labels),
        "AURC": area_under_risk_coverage_curve(before, labels),
        "scaled AURC": area_under_risk_coverage_curve(after, labels),
    }


if __name__ == "__main__":
    main()
