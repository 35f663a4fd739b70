"""Model cards of a report: one HTML page, or one Markdown file, with the diagrams inside.

The same report gives the same card, byte for byte.
"""

import base64
import io
import re
from dataclasses import replace
from html import escape
from importlib.metadata import PackageNotFoundError, version
from typing import NamedTuple

import numpy as np

from calibkit._command_line.verdicts import explanations, verdicts, warnings, words
from calibkit.metrics.reliability_bins import ReliabilityBins
from calibkit.reports._tables import html_table, markdown_table
from calibkit.reports.report import Report
from calibkit.reports.values import LEVEL

MEANINGS = {
    "NLL": "the mean negative logarithm of the probability that the true class was given; smaller "
    "is better",
    "Brier score": "the mean squared distance of the probabilities from the truth; smaller is "
    "better",
    "ECE": "the expected calibration error, which is the mean distance between how sure the model "
    "is and how often it is right, bin by bin",
    "ECE if calibrated": "the ECE that chance alone would give a perfectly calibrated model on so "
    "many samples",
    "p-value": "how often a perfectly calibrated model would show such an ECE or a larger one",
    "classwise ECE": "the ECE of the probabilities of each class, averaged over the classes, with "
    "its own value if calibrated and its own p-value",
}
# The event of two classes may be that another model is right, whose accuracy is another number.
ACCURACY_OF_EVENT = "accuracy at 1/2"
# A class with a name of its own, such as spam, says nothing about another model.
OF_ANOTHER_MODEL = (
    "; if y = 1 says whether another model was right, the accuracy of that model is the frequency "
    "of y = 1"
)
# What two classes change: their ECE is that of one event.
MEANINGS_OF_TWO_CLASSES = {
    ACCURACY_OF_EVENT: "how often the answer is right if it is y = 1 wherever P(y = 1) is above "
    f"1/2, and the other class elsewhere{OF_ANOTHER_MODEL}",
    "NLL": MEANINGS["NLL"],
    "Brier score": "the mean squared distance of the probabilities from the truth, summed over "
    "both classes; scikit-learn's brier_score_loss is half of it; smaller is better",
    "ECE": "the expected calibration error of P(y = 1), which is the mean distance between "
    "P(y = 1) and the frequency of y = 1, bin by bin",
    "ECE if calibrated": MEANINGS["ECE if calibrated"],
    "p-value": MEANINGS["p-value"],
    "top-label ECE": "the mean distance between how sure the model is of its answer and how often "
    "this answer is right, bin by bin",
}
ENDS_AT_VALUE = (
    "Chance makes an ECE look larger than it is. So the interval of an ECE may lie mostly below "
    "the measured value, and may even end at it."
)
LIMITS = (
    "These results hold for data that are drawn like the test set. For other data, measure the "
    "calibration again.",
    "The intervals and p-values assume independent samples. Pixels of one image, or several "
    "samples of one person, are not independent, and then the intervals are too narrow.",
    # The last limit is about verdicts, so it goes where there is none.
    f"The verdict on the ECE is wrong about a perfectly calibrated model in at most {LEVEL:.0%} of "
    "all test sets. After scaling, an error of the correction counts as an error of the model. The "
    "verdict says whether there is more error than chance alone produces, not whether the error is "
    "large. With few samples, a large error can remain unseen.",
)
DIAGRAM = (
    "A bar shows the {share} of the samples in a bin, and a dot their mean {confidence}. If the "
    "model is calibrated, the bars end within the grey bands in about 95% of the bins."
)
DIAGRAM_IN_WORDS = (
    "Reliability diagram {name}, ECE {ece}: the {share} is below the mean {confidence} in "
    "{n_below} and above it in {n_above} of {n_filled} bins that hold samples."
)
_FORMULA = re.compile(r"\S+ [=≤] \S+")
_STYLE = """
body { font: 1rem/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
  max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1, h2 { line-height: 1.2; }
.wide { overflow-x: auto; }
.whole { white-space: nowrap; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
caption { text-align: left; padding-bottom: 0.5rem; }
th, td { text-align: left; padding: 0.25rem 0.75rem 0.25rem 0; border-bottom: 1px solid #bbb;
  white-space: nowrap; }
.diagrams { display: flex; flex-wrap: wrap; gap: 1rem; }
figure { margin: 0; flex: 1 1 18rem; max-width: 30rem; }
img { width: 100%; height: auto; }
pre { overflow-x: auto; }
@media screen and (prefers-color-scheme: dark) {
  :root { color-scheme: dark; }
  body { color: #e6e6e6; background: #14181e; }
  th, td { border-color: #5a6270; }
}
@media (max-width: 40rem) {
  th, td { white-space: normal; vertical-align: top; }
  pre { white-space: pre-wrap; }
}
@media print {
  body { max-width: none; padding: 0; font-size: 10pt; }
  figure, table, pre { break-inside: avoid; }
  figure { flex-basis: 40%; }
  .wide { overflow: visible; }
  pre { white-space: pre-wrap; }
}
"""


class Card(NamedTuple):
    """What a card says of a report.

    Attributes
    ----------
    report : Report
        The report.
    title : str
        The title of the card.
    seed : int
        The seed of the report.
    separate : bool
        Whether the report has looked for calibration samples in the test set.
    """

    report: Report
    title: str
    seed: int
    separate: bool

    def to_html(self) -> str:
        """Return the card as a page that needs no other file and no network."""
        report = self.report
        pictures = zip(_pictures(report), self._alternatives(), strict=True)
        figures = "".join(
            f'<figure><img src="{picture}" alt="{escape(text)}"></figure>'
            for picture, text in pictures
        )
        numbers = "".join(
            f"<details><summary>Numbers of the diagram {name}</summary>"
            f"{_scrolling(html_table(caption, cells), caption)}</details>"
            for name, caption, cells in self._numbers()
        )
        meanings = "".join(
            f"<li><strong>{name}</strong>: {_as_html(meaning)}.</li>"
            for name, meaning in self._meanings()
        )
        parts = [
            f"<h1>{escape(self.title)}</h1>",
            *(f"<p><strong>Warning:</strong> {_as_html(text)}</p>" for text in warnings(report)),
            *(f"<p>{_as_html(line)}</p>" for line in verdicts(report)),
            "<h2>Measures</h2>",
            _scrolling(self._measures()._repr_html_(), "Measures"),
            f"<ul>{meanings}</ul>",
            *(f"<p>{_as_html(line)}</p>" for line in [ENDS_AT_VALUE, *explanations(report)]),
            "<h2>Reliability diagrams</h2>",
            f"<p>{_as_html(self._legend())}</p>",
            f'<div class="diagrams">{figures}</div>',
            numbers,
            *([f"<h2>Scaler</h2><pre>{escape(str(report.summary))}</pre>"] if report.after else []),
            "<h2>Limits</h2>",
            f"<ul>{''.join(f'<li>{_as_html(limit)}</li>' for limit in self._limits())}</ul>",
            f"<p>{escape(self._made_with())}</p>",
        ]
        body = "\n".join(parts)
        return (
            '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            f"<title>{escape(self.title)}</title>\n<style>{_STYLE}</style>\n</head>\n"
            f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
        )

    def to_markdown(self) -> str:
        """Return the card as Markdown, with the pictures at the end, where nobody reads."""
        report = self.report
        blocks = [
            f"# {self.title}",
            *(f"**Warning:** {text}" for text in warnings(report)),
            *verdicts(report),
            "## Measures",
            self._measures().to_markdown(),
            "\n".join(f"- **{name}**: {meaning}." for name, meaning in self._meanings()),
            ENDS_AT_VALUE,
            *explanations(report),
            "## Reliability diagrams",
            self._legend(),
            "\n".join(f"![{text}][diagram {i}]" for i, text in enumerate(self._alternatives(), 1)),
            *(markdown_table(caption, cells) for _, caption, cells in self._numbers()),
            *(["## Scaler", f"```text\n{report.summary}\n```"] if report.after else []),
            "## Limits",
            "\n".join(f"- {limit}" for limit in self._limits()),
            self._made_with(),
            "\n".join(f"[diagram {i}]: {p}" for i, p in enumerate(_pictures(report), 1)),
        ]
        return "\n\n".join(blocks) + "\n"

    def _measures(self) -> Report:
        """Return the report without what stands above, in the warnings and verdicts."""
        doubts = self.report.doubts._replace(warnings=[], on_1=None)
        return replace(self.report, doubts=doubts)

    def _meanings(self) -> list[tuple[str, str]]:
        event = self.report.event
        meanings = MEANINGS if self.report.n_classes > 2 else MEANINGS_OF_TWO_CLASSES
        left_out = "" if event == "y = 1" else OF_ANOTHER_MODEL
        return [
            (name, text.removesuffix(left_out).replace("y = 1", event))
            for name, text in meanings.items()
        ]

    def _legend(self) -> str:
        confidence, share = words(self.report.bins[0], self.report.event)
        return DIAGRAM.format(share=share, confidence=confidence)

    def _names(self) -> list[str]:
        return ["before scaling", "after scaling"] if self.report.after else ["of the model"]

    def _alternatives(self) -> list[str]:
        """Return the texts of the diagrams for those who do not see them."""
        texts = []
        for name, bins in zip(self._names(), self.report.bins, strict=True):
            confidence, share = words(bins, self.report.event)
            filled = bins.count > 0
            gaps = (bins.n_correct - bins.confidence_sum)[filled]
            texts.append(
                DIAGRAM_IN_WORDS.format(
                    name=name,
                    ece=f"{bins.calibration_error:.1%}",
                    share=share,
                    confidence=confidence,
                    n_below=(gaps < 0).sum(),
                    n_above=(gaps > 0).sum(),
                    n_filled=filled.sum(),
                )
            )
        return texts

    def _numbers(self) -> list[tuple[str, str, list[list[str]]]]:
        """Return the bins of every diagram as a table with its caption."""
        return [
            (name, f"Bins of the diagram {name}", _bin_cells(bins, self.report.event))
            for name, bins in zip(self._names(), self.report.bins, strict=True)
        ]

    def _limits(self) -> list[str]:
        limits = list(LIMITS[:-1] if self.report.doubts.no_verdict else LIMITS)
        if self.report.after is not None:
            limits.append(
                (
                    self.report.leak_check
                    or "No sample of the calibration set was found in the test set."
                )
                if self.separate
                else "The scaler was read from a file, so it was not checked whether the test set "
                "holds samples that the scaler was fitted on."
            )
        return limits

    def _made_with(self) -> str:
        try:
            name = f"calibkit {version('calibkit')}"
        except PackageNotFoundError:  # The package runs from a folder and was not installed.
            name = "calibkit"
        return f"Made with {name}, {self.report.n_bins} bins, seed {self.seed}."


def _bin_cells(bins: ReliabilityBins, event: str) -> list[list[str]]:
    confidence, share = words(bins, event)
    cells = [["bin", "samples", f"mean {confidence}", share]]
    for i in np.flatnonzero(bins.count):
        n = bins.count[i]
        cells.append(
            [
                f"{bins.edges[i]:.3f} to {bins.edges[i + 1]:.3f}",
                str(n),
                f"{bins.confidence_sum[i] / n:.1%}",
                f"{bins.n_correct[i] / n:.1%}",
            ]
        )
    return cells


def _pictures(report: Report) -> list[str]:
    """Return the diagrams as addresses that hold the pictures themselves."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    addresses = []
    # The settings of a user must not change a card, and neither must chance.
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "calibkit"
        figures = [Figure(figsize=(4.8, 5.2), layout="constrained") for _ in report.bins]
        report.plot([figure.subplots() for figure in figures])
        for figure in figures:
            buffer = io.BytesIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None})
            inside = base64.b64encode(buffer.getvalue()).decode()
            addresses.append(f"data:image/svg+xml;base64,{inside}")
    return addresses


def _as_html(text: str) -> str:
    """Return text in which no line ends within a formula such as P(y = 1)."""
    return _FORMULA.sub(r'<span class="whole">\g<0></span>', escape(text))


def _scrolling(table: str, label: str) -> str:
    """Let a table scroll on a narrow screen, also by keyboard."""
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="{escape(label)}">{table}</div>'
    )
