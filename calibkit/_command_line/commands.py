"""The three commands of ``python -m calibkit``: report, fit and apply."""

import math
import sys
from argparse import Namespace
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from calibkit import _result_sentences, _sentences
from calibkit._checks import check_logits_and_labels
from calibkit._command_line.card import ACCURACY_OF_EVENT, Card
from calibkit._command_line.samples import Choice, Samples, read_samples
from calibkit._command_line.scaler_file import load_scaler, new_scaler, save_scaler
from calibkit._command_line.verdicts import notes, outside_1
from calibkit._command_line.writing import check_outputs, replacing
from calibkit._rows import Rows
from calibkit._temperature_search import NoOptimumError
from calibkit.reports._doubts import Doubts, doubts_about
from calibkit.reports._measuring import measure_logits
from calibkit.reports.best_scaler import best_scaler
from calibkit.reports.evaluate import evaluate
from calibkit.reports.report import Report
from calibkit.reports.values import p_value_text, rejected
from calibkit.scalers.base import Scaler

REJECTED = 3
# From this share of the samples on, probabilities of 0 make T doubtful. If so many labels have one,
# the interval of T missed the true one in most of the simulated files, and hardly ever before.
_MANY_ZEROS = 0.01


def report(options: Namespace) -> int:
    """Measure the logits of a file, before and after a scaler, and return the exit code."""
    wanted = (options.html, Card.to_html), (options.markdown, Card.to_markdown)
    cards = [(path, render) for path, render in wanted if path is not None]
    read = options.file, options.labels, options.calibration, options.calibration_labels
    check_outputs([path for path, _ in cards], [*read, options.scaler_file])
    test = _read(options.file, options, options.labels)
    assert test.labels is not None  # A file without them was refused.
    scaler, fitted_on = _scaler_of_report(options, test)
    found = evaluate(
        test.logits,
        test.labels,
        scaler=scaler,
        n_bins=options.bins,
        seed=options.seed,
        ignore_index=options.ignore_index,
        progress=False,
    )
    if test.event is not None:
        found = replace(found, event=test.event)
    if found.n_classes == 2:
        found = replace(found, _accuracy=ACCURACY_OF_EVENT)
    if found.summary is not None and found.summary.temperature is not None:
        found = replace(found, doubts=_with_zeros(found.doubts, fitted_on))
    print("\n".join([str(found), *notes(found)]))
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
    samples = _read(options.file, options, options.labels, which="calibration")
    scaler = _fit(samples, options)
    for sentence in _doubts(scaler, samples, options):
        print(sentence)
    save_scaler(scaler, options.output)
    print(f"wrote {options.output}")
    return 0


def apply(options: Namespace) -> int:
    """Write a copy of a file with scaled logits, and return the exit code."""
    check_outputs([options.output], [options.scaler_file, options.file])
    if options.output.suffix.lower() != options.file.suffix.lower():
        raise ValueError(
            f"{options.output} must end in {options.file.suffix}, like the file that it copies"
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


def _scaler_of_report(options: Namespace, test: Samples) -> tuple[Scaler | None, Samples]:
    """Return the scaler, and the samples whose zeros tell how sure its temperature is.

    What the scaler of a file was fitted on is not known, but it was usually written alike.
    """
    if options.scaler_file is not None:
        return load_scaler(options.scaler_file), test
    if options.calibration is None:
        return None, test
    labels = options.calibration_labels
    calibration = _read(options.calibration, options, labels, which="calibration")
    matched = _with_columns_of(test, calibration)
    return _fit(matched, options), matched


def _with_columns_of(test: Samples, calibration: Samples) -> Samples:
    """Return the samples of a calibration set with their columns in the order of the test set."""
    first, second = (one.source.class_names(one.names) for one in (test, calibration))
    if first is None or second is None:
        events = {one.event.lower() for one in (test, calibration) if one.event is not None}
        if len(events) == 2:
            raise ValueError(_sentences.OTHER_EVENT.format(fit=calibration.event, test=test.event))
        return calibration
    if first == second:
        return calibration
    if sorted(first) == sorted(second) and test.are_by_name and calibration.are_by_name:
        return _in_order(calibration, first)
    raise ValueError(
        f"{test.source.path} and {calibration.source.path} must have the same columns of scores, "
        "and in the same order unless the labels are their names, got "
        f"{', '.join(first)} in the first and {', '.join(second)} in the second"
    )


def _in_order(samples: Samples, names: list[str]) -> Samples:
    """Return the same samples with the columns of their scores in this order."""
    order = [samples.names.index(name) for name in names]
    return replace(
        samples,
        logits=samples.logits[:, order],
        labels=torch.tensor(order).argsort()[samples.labels],
        names=names,
        outcomes=[samples.outcomes[k] for k in order] if samples.outcomes else [],
    )


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
        try:
            scaler.fit_logits(samples.logits, samples.labels, ignore_index=options.ignore_index)
        except NoOptimumError as error:
            said, _, advice = str(error).partition("; ")
            if error.limit == 0:
                answers = _sentences.OWN_ANSWERS.format(said=said, advice=advice)
                raise ValueError(answers) from error
            if said.startswith("no temperature") and samples.may_mean_class_0:
                name = samples.said_of_scores
                raise ValueError(_sentences.MEANS_CLASS_0.format(name=name)) from error
            if error.limit == math.inf and samples.are_in_order:
                first, second = samples.names
                advice = f"put the column {second} before it"
                words = {"first": first, "second": second, "advice": advice, "said": error}
                raise ValueError(_sentences.READ_IN_ORDER.format(**words)) from error
            if not samples.outcomes or len(samples.names) > 1 or error.limit != math.inf:
                raise
            other, event = samples.outcomes
            advice = f"if so, write {other} for {event} into the name of the column of scores"
            words = {"event": event, "other": other, "advice": advice}
            raise ValueError(_sentences.WRONG_POSITIVE.format(**words)) from error
    print(scaler.summary)
    return scaler


def _doubts(scaler: Scaler, samples: Samples, options: Namespace) -> list[str]:
    """Return what makes a temperature doubtful, as a report on its own samples would say it."""
    ignored = options.ignore_index
    rows = check_logits_and_labels(samples.logits, samples.labels, ignore_index=ignored)
    accuracy = measure_logits(rows, n_bins=1)["accuracy"]
    summary = scaler.summary
    has_temperature = summary is not None and summary.temperature is not None
    found = doubts_about(summary, accuracy, Rows(*rows.flat()[:2]))
    if has_temperature:
        found = _with_zeros(found, samples)
    return [*found.sentences, *([] if found.no_verdict else outside_1(summary))]


def _with_zeros(doubts: Doubts, fitted_on: Samples) -> Doubts:
    """Add that so many probabilities are 0 that T depends on what stands for them."""
    zeros = fitted_on.zeros
    if zeros is None or zeros.n_zero == 0 or zeros.n_zero < _MANY_ZEROS * zeros.n:
        return doubts
    is_lost = zeros.n_of_label > 0 and zeros.n_of_label >= _MANY_ZEROS * zeros.n
    sentence = _result_sentences.ZEROS_OF_LABELS if is_lost else _result_sentences.ZEROS
    found = doubts._replace(warnings=[sentence.format(**zeros._asdict()), *doubts.warnings])
    if not is_lost or doubts.no_verdict:
        return found
    return found._replace(no_verdict=_result_sentences.NO_VERDICT_WITH_ZEROS, on_1=None)


def _exit_code(found: Report, min_p_value: float | None) -> int:
    if min_p_value is None:
        return 0
    against = rejected(found.after or found.before, min_p_value)
    for name, p_value in against.items():
        p = p_value_text(p_value, found.n_resamples, "= ")
        print(f"calibkit: not calibrated: {name} with p {p}", file=sys.stderr)
    return REJECTED if against else 0


COMMANDS: dict[str, Callable[[Namespace], int]] = {"report": report, "fit": fit, "apply": apply}
