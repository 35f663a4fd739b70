"""The figure of the landing page: the diagram of lesson 10 at T = 1 and at the optimum.

Both diagrams are drawn here. Where scripts run and motion is welcome, the page shows the second one
alone, and ``_static/landing.js`` lets it glide from T = 1 to the optimum and back.
"""

import json
from pathlib import Path

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FRAMES = Path(__file__).parent / "landing_frames.json"
N_BINS = 15
WIDTH, HEIGHT = 450, 225  # landing.js knows this height too


def caption(frame: dict) -> str:
    """Return the temperature and the ECE in words."""
    return f"T = {frame['t'] / 1000:.2f}, ECE {frame['ece'] / 10:.1f}%"


def axes() -> str:
    """Draw the axes with their labels, each in the middle between its ends, and the diagonal."""
    below = "".join(
        f'<text x="{WIDTH * share:g}" y="{HEIGHT + 20}" text-anchor="middle">{share:.0%}</text>'
        for share in (0, 1)
    )
    beside = '<text x="-7" y="5" text-anchor="end">100%</text>'
    return (
        f'<path class="landing-line" d="M0 0V{HEIGHT}H{WIDTH}"/>'
        f'<path class="landing-line landing-diagonal" d="M0 {HEIGHT}L{WIDTH} 0"/>{below}{beside}'
        f'<text x="{WIDTH / 2:g}" y="{HEIGHT + 20}" text-anchor="middle">confidence</text>'
        f'<text transform="translate(-14 {HEIGHT / 2:g}) rotate(-90)" '
        'text-anchor="middle">accuracy</text>'
    )


def diagram(frame: dict, bins: list[int], words: str) -> str:
    """Draw the bars, and for each of them the dot that it would reach in a calibrated network."""
    parts = []
    for place, accuracy, confidence in zip(
        bins, frame["accuracy"], frame["confidence"], strict=True
    ):
        top, dot = (HEIGHT * (1 - share / 1000) for share in (accuracy, confidence))
        x = WIDTH * confidence / 1000
        parts.append(
            f'<rect x="{WIDTH * (place + 0.1) / N_BINS:.1f}" width="{WIDTH * 0.8 / N_BINS:.1f}" '
            f'y="{top:.1f}" height="{HEIGHT - top:.1f}"/>'
            f'<path class="landing-gap" d="M{x:.1f} {top:.1f}V{dot:.1f}"/>'
            f'<circle cx="{x:.1f}" cy="{dot:.1f}" r="5"/>'
        )
    return (
        f'<svg viewBox="-64 -8 548 262" role="img" aria-label="{words}">'
        f"{axes()}{''.join(parts)}</svg>"
    )


class LandingFigure(SphinxDirective):
    """Shows the figure, and hands the frames over to its script."""

    def run(self) -> list[nodes.Node]:
        """Return the figure as HTML."""
        self.env.note_dependency(FRAMES)
        text = FRAMES.read_text(encoding="utf-8")
        data = json.loads(text)
        first, last = data["frames"][0], data["frames"][-1]
        before = f"Reliability diagram at {caption(first)}. Every bar ends below its dot."
        after = f"Reliability diagram at {caption(last)}. The bars end close to their dots."
        now = f'<span class="landing-now">{caption(last)}</span>'
        html = f"""
<div class="landing-figure">
<figure class="landing-before">{diagram(first, data["bins"], before)}
<figcaption>Before: {caption(first)}</figcaption></figure>
<figure class="landing-after">{diagram(last, data["bins"], after)}
<figcaption><span class="landing-name">After: </span>{now}
<button type="button">Pause</button></figcaption></figure>
<p><span class="landing-bar"></span> share of right answers
<span class="landing-dot"></span> mean confidence</p>
<script type="application/json">{text}</script>
<script src="_static/landing.js" defer></script>
</div>"""
        return [nodes.raw("", html, format="html")]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive with Sphinx."""
    app.add_directive("landing-figure", LandingFigure)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
