"""The command line: ``python -m calibkit report``, ``fit`` and ``apply``.

This module holds the parser alone, so that ``--help`` needs no torch.
"""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError, Namespace, RawDescriptionHelpFormatter
from collections.abc import Sequence
from pathlib import Path

_SCALERS = (
    "temperature",
    "vector",
    "matrix",
    "dirichlet",
    "histogram",
    "isotonic",
    "logistic",
    "quadratic",
    "beta",
    "uniform-mixture",
    "auto",
)

_ABOUT = "Measure how far the probabilities of a classifier can be trusted, and correct them."
_FILES = """\
files:
  .npz      arrays called logits (or probabilities) and labels; logits have the shape
            (N, C), or (N,) for two classes, or (N, C, H, W) with a label for each pixel;
            of val_logits, val_labels, test_logits and test_labels, fit and --calibration
            read the first two, and report reads the others
  .npy      logits alone; pass the labels with --labels
  .csv      a column of logits for each class and one called label, or two columns:
            confidence, a probability, and correct, its outcome 0 or 1; labels cat and
            dog need a column called p_dog or score_dog if a high score means dog
  .parquet  as .csv; needs pandas and pyarrow

  Names that begin with logit hold logits. Names that begin with prob or conf hold
  probabilities, and so do p and names such as p_dog and churn_prob. Under another name,
  numbers count as logits unless you add --probabilities. The output begins with what
  was read. No code in a file is ever run.
"""
_EXIT_CODES = """\
exit codes:
  0  done
  1  a file was refused, for the reason on stderr; no output file has changed
  2  the command is wrong
  3  report --min-p-value only: the probabilities are not calibrated
"""
_REPORT = """\
Print the accuracy, NLL, Brier score and calibration errors of a test set. Each comes with
its 95% interval. For a calibration error, the table also shows how large it would be for a
calibrated model, and the p-value of the hypothesis that the model is calibrated.

With --calibration, a scaler is fitted on that file first, and the table shows the test set
before and after. The two files must not share samples.
"""
_REPORT_EXAMPLES = """\
examples:
  python -m calibkit report test.npz
  python -m calibkit report test.npz --calibration calibration.npz --html card.html
  python -m calibkit report test.npz --scaler-file scaler.pt --min-p-value 0.05
  python -m calibkit report confidences.csv
  python -m calibkit report logits.npy --labels labels.npy
"""
_FIT = """\
Fit a scaler on samples that the model was not trained on, print what the fit did, and write
the scaler to a file. In Python, torch.load(path, weights_only=True) reads its state dict.
"""
_FIT_EXAMPLES = """\
examples:
  python -m calibkit fit calibration.npz --output scaler.pt
  python -m calibkit fit calibration.npz --scaler vector --output scaler.pt
  python -m calibkit fit confidences.csv --scaler logistic --output scaler.pt
"""
_APPLY = """\
Write a copy of a file in which the logits are scaled. Probabilities stay probabilities, and
everything else in the file stays as it is. Labels are not needed. The classes must stand in
the order that they had in the calibration set.
"""
_APPLY_EXAMPLES = """\
examples:
  python -m calibkit apply scaler.pt logits.npz --output scaled.npz
  python -m calibkit apply scaler.pt confidences.csv --output calibrated.csv
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    options = _parse(arguments)
    # The import stands here because torch takes long to load.
    from calibkit._command_line.commands import COMMANDS

    try:
        code: int = COMMANDS[options.command](options)
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of the output, such as head, has seen enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            message = f"{error.filename}: {error.strerror.lower()}"
        print(f"calibkit: {message}", file=sys.stderr)
        return 1
    return code


def _parse(arguments: Sequence[str] | None) -> Namespace:
    parser = ArgumentParser(
        "python -m calibkit",
        description=_ABOUT,
        epilog=f"{_FILES}\n{_EXIT_CODES}",
        formatter_class=RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    def add(name: str, in_short: str, said: str, examples: str) -> ArgumentParser:
        return commands.add_parser(
            name,
            help=in_short,
            description=said,
            epilog=f"{examples}\n{_FILES}\n{_EXIT_CODES}",
            formatter_class=RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )

    report = add("report", "print a report and write a model card", _REPORT, _REPORT_EXAMPLES)
    _add_report(report)
    _add_fit(add("fit", "fit a scaler and write it to a file", _FIT, _FIT_EXAMPLES))
    _add_apply(add("apply", "write a file with scaled logits", _APPLY, _APPLY_EXAMPLES))
    options = parser.parse_args(arguments)
    if options.command == "report":
        _check_report(report, options)
    return options


def _add_report(parser: ArgumentParser) -> None:
    _add_input(parser, "the test set")
    _add_file(parser, "--labels", "the labels, if they are not in the test set's own file")
    _add_file(parser, "--calibration", "a calibration set, to fit a scaler on")
    _add_file(parser, "--calibration-labels", "its labels, if they are not in its own file")
    _add_scaler(parser)
    _add_file(parser, "--scaler-file", "a scaler that fit wrote, to use in place of a fit")
    _add_file(parser, "--html", "write a model card with diagrams, as one HTML page")
    _add_file(parser, "--markdown", "write the model card as one Markdown file")
    parser.add_argument("--title", help="title of the card (default: the name of the file)")
    parser.add_argument(
        "--bins",
        type=_whole_number(1),
        default=15,
        metavar="N",
        help="number of bins for the calibration errors (default: 15)",
    )
    parser.add_argument(
        "--min-p-value",
        type=_probability,
        metavar="P",
        help="exit with 3 if the p-value after scaling, or without a scaler the only one, is below "
        "P; for more than two classes, both p-values are held against P / 2, so that a calibrated "
        "model fails with a probability of at most P",
    )


def _add_fit(parser: ArgumentParser) -> None:
    _add_input(parser, "the calibration set")
    _add_file(parser, "--labels", "the labels, if they are not in the calibration set's own file")
    _add_scaler(parser)
    _add_file(parser, "--output", "where to write the scaler", required=True)


def _add_apply(parser: ArgumentParser) -> None:
    parser.add_argument("scaler_file", type=Path, metavar="SCALER", help="a scaler that fit wrote")
    _add_input(parser, "the logits or probabilities")
    _add_file(parser, "--output", "where to write the copy", required=True)


def _add_input(parser: ArgumentParser, what: str) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help=what)
    parser.add_argument(
        "--probabilities",
        action="store_true",
        help="the file holds probabilities, which need not be named so",
    )
    parser.add_argument(
        "--score-names",
        type=lambda text: text.split(","),
        metavar="NAME,...",
        help="which array, or which columns, hold the logits or probabilities",
    )
    parser.add_argument("--label-name", metavar="NAME", help="which array or column holds labels")


def _add_scaler(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--scaler",
        choices=_SCALERS,
        metavar="NAME",
        help=f"one of {', '.join(_SCALERS)}, which chooses by cross-validation "
        "(default: temperature)",
    )
    parser.add_argument(
        "--ignore-index", type=int, metavar="N", help="leave out samples or pixels with this label"
    )
    parser.add_argument(
        "--seed",
        type=_whole_number(0),
        default=0,
        metavar="N",
        help="seed of the random draws; the same seed gives the same result (default: 0)",
    )


def _add_file(parser: ArgumentParser, name: str, what: str, *, required: bool = False) -> None:
    parser.add_argument(name, type=Path, metavar="FILE", help=what, required=required)


def _whole_number(least: int):  # type: ignore[no-untyped-def]
    def whole_number(text: str) -> int:
        if not text.isdecimal() or int(text) < least:
            raise ArgumentTypeError(f"{text!r} is not a whole number of at least {least}")
        return int(text)

    return whole_number


def _probability(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < 1:
        raise ArgumentTypeError(f"{text!r} is not a number between 0 and 1")
    return value


def _check_report(parser: ArgumentParser, options: Namespace) -> None:
    if options.scaler_file and (options.calibration or options.scaler):
        parser.error("--scaler-file is a fitted scaler, so leave out --calibration and --scaler")
    if options.calibration is None and (options.scaler or options.calibration_labels):
        parser.error("add --calibration FILE, which names the samples to fit a scaler on")
    if options.title is not None and not (options.html or options.markdown):
        parser.error("add --html FILE or --markdown FILE, which the title is for")


if __name__ == "__main__":
    sys.exit(main())
