"""Train the embedded ResNet-20 on Glyphs-100, on purpose with few images and no weight decay.

``python calibkit/assets/train_glyphs100_resnet20.py`` writes
``glyphs100_resnet20-<first digits of its SHA-256>.pt`` beside itself in the place of the old one.
An interrupted run goes on from its last epoch. The seed fixes data, initial weights and order of
the images; the last bits of the weights also depend on the machine that trains.
"""

import argparse
import os
from pathlib import Path

import numpy as np
import torch
from torch import nn
from tqdm import tqdm

from calibkit import (
    Glyphs100,
    Glyphs100DataModule,
    ResNet20,
    TemperatureScaler,
    calibration_error,
    collect_logits,
    noise_floor,
    split_calibration,
)
from calibkit.models import sha256_digits

SEED = 1  # the test set is drawn with another one
N_TRAIN = 3150
N_EPOCHS = 40
BATCH_SIZE = 128
LEARNING_RATE = 0.1
ASSETS = Path(__file__).parent
CHECKPOINT = ASSETS / "training.checkpoint"
Resumable = nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="where to train (default: cpu)")
    model = train(torch.device(parser.parse_args().device))
    print(f"wrote {save_weights(model).name}")
    print_measurements(model)
    CHECKPOINT.unlink()


def train(device: torch.device) -> ResNet20:
    torch.manual_seed(SEED)
    data = Glyphs100(N_TRAIN, seed=SEED)
    images, labels = data.images.to(device), data.targets.to(device)
    model = ResNet20().to(device)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE, momentum=0.9, nesterov=True)
    n_batches = N_TRAIN // BATCH_SIZE
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, LEARNING_RATE, total_steps=N_EPOCHS * n_batches
    )
    parts: dict[str, Resumable] = {"model": model, "optimizer": optimizer, "schedule": schedule}
    first_epoch = resume(parts)
    with tqdm(total=N_EPOCHS * n_batches, initial=first_epoch * n_batches, unit="batch") as bar:
        for epoch in range(first_epoch, N_EPOCHS):
            model.train()
            order = np.random.default_rng([SEED, epoch]).permutation(N_TRAIN)
            for batch in torch.from_numpy(order).to(device).split(BATCH_SIZE)[:n_batches]:
                loss = nn.functional.cross_entropy(model(images[batch]), labels[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                bar.update()
            bar.set_postfix(epoch=epoch + 1, loss=f"{loss.item():.3f}")
            write_whole(
                {"epoch": epoch + 1} | {name: part.state_dict() for name, part in parts.items()},
                CHECKPOINT,
            )
    return model.cpu().eval()


def resume(parts: dict[str, Resumable]) -> int:
    """Restore the last whole epoch, and return how many are done."""
    if not CHECKPOINT.exists():
        return 0
    state = torch.load(CHECKPOINT, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return int(state["epoch"])


def save_weights(model: ResNet20) -> Path:
    whole = ASSETS / "weights.checkpoint"
    write_whole(model.state_dict(), whole)
    digits = sha256_digits(whole)
    for old in ASSETS.glob("glyphs100_resnet20-*.pt"):
        old.unlink()
    return whole.rename(ASSETS / f"glyphs100_resnet20-{digits}.pt")


def write_whole(state: dict[str, object], path: Path) -> None:
    """Write to a file beside it first: an interruption leaves the old file or the new one."""
    partial = path.with_suffix(".partial.checkpoint")
    torch.save(state, partial)
    os.replace(partial, path)


def print_measurements(model: ResNet20) -> None:
    data = Glyphs100DataModule(batch_size=250)
    data.setup("test")
    calibration, test = (
        collect_logits(model, torch.utils.data.DataLoader(part, batch_size=250))
        for part in split_calibration(data.test, 1000, stratify=data.test.targets)
    )
    scaler = TemperatureScaler().fit_logits(*calibration)
    logits, labels = test
    accuracy = (logits.argmax(1) == labels).double().mean()
    print(f"n = {len(labels)}, T = {scaler.temperature:.3f}, accuracy {accuracy:.1%}")
    for name, scores in {"before": logits, "after": scaler(logits)}.items():
        nll = nn.functional.cross_entropy(scores, labels)
        error = calibration_error(scores.softmax(-1), labels)
        floor = noise_floor(scores.softmax(-1)).mean
        print(f"{name}: NLL {nll:.3f}, ECE {error:.1%}, noise floor {floor:.1%}")


if __name__ == "__main__":
    main()
