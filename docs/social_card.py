"""The picture that a chat shows beside a link to the site: the diagram before and after scaling."""

import json
from pathlib import Path

from landing_figure import FRAMES, N_BINS, caption
from sphinx.application import Sphinx

NAME = "social_card.png"
ALT = "Two reliability diagrams of the same network, before and after temperature scaling"


def draw(app: Sphinx, exception: Exception | None) -> None:
    """Write the picture into the site, 1200 x 630 pixels large."""
    if exception is not None or app.builder.format != "html":
        return
    from matplotlib.figure import Figure

    from calibkit.plots.reliability import BLUE, VERMILION

    data = json.loads(FRAMES.read_text(encoding="utf-8"))
    fig = Figure(figsize=(12, 6.3))
    fig.text(0.05, 0.83, "calibkit", size=58, weight="bold")
    fig.text(0.95, 0.83, "a course on classifier calibration", size=29, ha="right")
    for place, name, frame in ((0, "Before", data["frames"][0]), (1, "After", data["frames"][-1])):
        ax = fig.add_axes((0.05 + 0.48 * place, 0.14, 0.42, 0.56))
        centres = [(k + 0.5) / N_BINS for k in data["bins"]]
        accuracy = [share / 1000 for share in frame["accuracy"]]
        confidence = [share / 1000 for share in frame["confidence"]]
        ax.bar(centres, accuracy, 0.8 / N_BINS, color=BLUE)
        ax.vlines(confidence, accuracy, confidence, color=VERMILION, linewidth=4)
        ax.plot(confidence, confidence, "o", color=VERMILION, markersize=10)
        ax.set(xlim=(0.1, 1), ylim=(0, 1.03), xticks=[], yticks=[])
        ax.spines[["top", "right"]].set_visible(False)
        ax.set_xlabel(f"{name}: {caption(frame)}", size=25, labelpad=12)
    fig.savefig(Path(app.outdir) / "_static" / NAME, dpi=100)
