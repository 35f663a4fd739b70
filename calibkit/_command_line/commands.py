"""The three commands of ``python -m calibkit``: report, fit and apply."""

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

import torch

from calibkit import _sentences
from calibkit._command_line.card import Card, rejected
from calibkit._command_line.samples import Choice, Samples, read_samples
from calibkit._command_line.scaler_file import load_scaler, new_scaler, save_scaler
from calibkit._command_line.writing import check_outputs, replacing
from calibkit.reports.best_scaler import best_scaler
from calibkit.reports.report import Report, evaluate
from calibkit.scalers.base import Scaler

REJECTED = 3


def report(options: Namespace) -> int:
    """Measure the logits of a file, before and after a scaler, and return the exit code."""
    wanted = (options.html, Card.to_html), (options.markdown, Card.to_markdown)
    cards = [(path, render) for path, render in wanted if path is not None]
    read = options.file, options.labels, options.calibration, options.calibration_labels
    check_outputs([path for path, _ in cards], [*read, options.scaler_file])
    test = _read(options.file, options, options.labels)
    assert test.labels is not None  # A file without them was refused.
    scaler = _scaler_of_report(options, test)
    found = evaluate(
        test.logits,
        test.labels,
        scaler=scaler,
        n_bins=options.bins,
        seed=options.seed,
        ignore_index=options.ignore_index,
        progress=False,
    )
    print(found)
    title = " ".join((options.title or f"Calibration of {options.file.stem}").split())
    card = Card(found, title, options.seed, separate=options.calibration is not None)
    texts = [(path, render(card)) for path, render in cards]
    for path, text in texts:
        with replacing(path) as unfinished:
            unfinished.write_text(text, encoding="utf-8", newline="\n")
        print(f"wrote {path}")
    return _exit_code(found, options.min_p_value)


def fit(options: Namespace) -> int:
    """Fit a scaler on the logits of a file, write it, and return the exit code."""
    check_outputs([options.output], [options.file, options.labels])
    scaler = _fit(_read(options.file, options, options.labels, which="calibration"), options)
    save_scaler(scaler, options.output)
    print(f"wrote {options.output}")
    return 0


def apply(options: Namespace) -> int:
    """Write a copy of a file with scaled logits, and return the exit code."""
    check_outputs([options.output], [options.scaler_file, options.file])
    if options.output.suffix.lower() != options.file.suffix.lower():
        raise ValueError(
            f"{options.output} must end in {options.file.suffix}, as the file that it is a copy of"
        )
    scaler = load_scaler(options.scaler_file)
    samples = _read(options.file, options, None, labels_needed=False)
    with torch.inference_mode():
        scaled = scaler(samples.logits)
    with replacing(options.output) as unfinished:
        samples.write_scaled(scaled, unfinished)
    print(f"wrote {options.output}")
    return 0


def _read(
    path: Path,
    options: Namespace,
    labels: Path | None,
    *,
    labels_needed: bool = True,
    which: str = "test",
) -> Samples:
    choice = Choice(
        labels=labels,
        probabilities=options.probabilities,
        score_names=options.score_names,
        label_name=options.label_name,
        ignore_index=getattr(options, "ignore_index", None),  # Nothing is left out of a copy.
        which=which,
    )
    samples = read_samples(path, choice, labels_needed=labels_needed)
    print(samples.said)
    return samples


def _scaler_of_report(options: Namespace, test: Samples) -> Scaler | None:
    if options.scaler_file is not None:
        return load_scaler(options.scaler_file)
    if options.calibration is None:
        return None
    labels = options.calibration_labels
    calibration = _read(options.calibration, options, labels, which="calibration")
    classes = test.source.class_names(test.names)
    others = calibration.source.class_names(calibration.names)
    if classes is not None and others is not None and classes != others:
        raise ValueError(
            f"{options.file} and {options.calibration} must have the same columns of scores in the "
            f"same order, got {', '.join(classes)} and {', '.join(others)}"
        )
    if None not in (test.positive, calibration.positive) and test.positive != calibration.positive:
        raise ValueError(
            _sentences.OTHER_EVENT.format(fit=calibration.positive, test=test.positive)
        )
    return _fit(calibration, options)


def _fit(samples: Samples, options: Namespace) -> Scaler:
    assert samples.labels is not None  # A file without them was refused.
    name = options.scaler or "temperature"
    if name == "auto":
        scaler = best_scaler(
            samples.logits,
            samples.labels,
            seed=options.seed,
            ignore_index=options.ignore_index,
            progress=False,
        )
    else:
        scaler = new_scaler(name)
        scaler.fit_logits(samples.logits, samples.labels, ignore_index=options.ignore_index)
    print(scaler.summary)
    return scaler


def _exit_code(found: Report, min_p_value: float | None) -> int:
    if min_p_value is None:
        return 0
    against = rejected(found.after or found.before, min_p_value)
    for name, p_value in against.items():
        print(f"calibkit: not calibrated: {name} with p = {p_value:.3f}", file=sys.stderr)
    return REJECTED if against else 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {"report": report, "fit": fit, "apply": apply}
