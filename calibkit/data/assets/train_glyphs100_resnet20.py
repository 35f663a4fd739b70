"""Train the embedded ResNet-20 on Glyphs-100.

The model sees few images and is trained without weight decay, which makes it overconfident.

``python calibkit/data/assets/train_glyphs100_resnet20.py`` writes
``glyphs100_resnet20-<first digits of its SHA-256>.pt`` into its own folder and deletes the old
weights. A run that was interrupted continues after the last epoch that it completed. The seed
fixes the images, their order and the initial weights. The last bits of the trained weights also
depend on the machine.
"""

import argparse
from pathlib import Path
from typing import Any

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
from calibkit.data.resnet import sha256_digits

SEED = 1  # the test set has another seed
N_TRAIN = 3150
N_EPOCHS = 40
BATCH_SIZE = 128
LEARNING_RATE = 0.1
ASSETS = Path(__file__).parent
CHECKPOINT = ASSETS / "training.checkpoint"
Resumable = nn.Module | torch.optim.Optimizer | torch.optim.lr_scheduler.LRScheduler


def main() -> None:
    """Train the model, write its weights and print how well it is calibrated."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--device", default="cpu", help="where to train (default: cpu)")
    model = train(torch.device(parser.parse_args().device))
    print(f"wrote {save_weights(model).name}")
    print_measurements(model)
    CHECKPOINT.unlink()


def train(device: torch.device) -> ResNet20:
    """Train from the last checkpoint, or from random weights, and return the model."""
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
    first_epoch = resume(parts, CHECKPOINT).get("epoch", 0)
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
            write_complete_file(
                {"epoch": epoch + 1} | {name: part.state_dict() for name, part in parts.items()},
                CHECKPOINT,
            )
    return model.cpu().eval()


def resume(parts: dict[str, Resumable], checkpoint: Path) -> dict[str, Any]:
    """Restore the last complete epoch, and return all that was stored then, if there was one."""
    if not checkpoint.exists():
        return {}
    state: dict[str, Any] = torch.load(checkpoint, map_location="cpu", weights_only=True)
    for name, part in parts.items():
        part.load_state_dict(state[name])
    return state


def save_weights(model: ResNet20) -> Path:
    """Replace the embedded weights, and return the path of the new file."""
    complete = ASSETS / "weights.checkpoint"
    write_complete_file(model.state_dict(), complete)
    digits = sha256_digits(complete)
    for old in ASSETS.glob("glyphs100_resnet20-*.pt"):
        old.unlink()
    return complete.rename(ASSETS / f"glyphs100_resnet20-{digits}.pt")


def write_complete_file(state: dict[str, object], path: Path) -> None:
    """Write a file so that an interruption leaves either the old one or the new one complete."""
    partial = path.with_suffix(".partial.checkpoint")
    torch.save(state, partial)
    partial.replace(path)


def print_measurements(model: ResNet20) -> None:
    """Print the accuracy, and the NLL and ECE before and after temperature scaling."""
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
