"""The arena as a picture: NLL of every map relative to one temperature, one dot a problem."""

import csv
from pathlib import Path
from statistics import fmean

import numpy as np
from matplotlib import pyplot as plt

from calibkit.plots.reliability import BLUE, VERMILION

PEERS = ("probmetrics", "scikit-learn", "netcal", "venn-abers")

# Sphinx runs this script in the folder in which the script is stored.
with Path("benchmarks", "arena_all_maps.csv").open(encoding="utf-8", newline="") as file:
    problems = list(csv.DictReader(file))

maps = {
    name: np.sort([float(problem[name]) for problem in problems if problem[name]])
    for name in list(problems[0])[4:]
}
best_last = sorted(maps, key=lambda name: fmean(maps[name]), reverse=True)

fig, ax = plt.subplots(figsize=(7.6, 0.36 * len(maps) + 1.4), layout="constrained")
for row, name in enumerate(best_last):
    losses = maps[name]
    colour = VERMILION if name.startswith(PEERS) else "grey" if name == "no scaling" else BLUE
    heights = row + np.linspace(-0.36, 0.36, len(losses))
    ax.scatter(losses, heights, s=9, color=colour, alpha=0.7, linewidths=0, zorder=2)
    ax.plot([fmean(losses)] * 2, [row - 0.4, row + 0.4], color="black", linewidth=2, zorder=3)
ax.axvline(0, color="dimgrey", linewidth=1, zorder=1)
for row in range(1, len(maps)):
    ax.axhline(row - 0.5, color="gainsboro", linewidth=0.6, zorder=0)
ax.set_xscale("symlog", linthresh=1, linscale=0.7)
ticks = [-30, -10, -3, -1, 0, 1, 3, 10, 30, 100, 300]
ax.set_xticks(ticks, labels=[f"{tick:+d}" if tick else "0" for tick in ticks])
ax.minorticks_off()
# A map for two classes takes part in few problems, and its mean is over these.
counts = [f" ({len(maps[name])})" if len(maps[name]) < len(problems) else "" for name in best_last]
ax.set_yticks(range(len(maps)), labels=map(str.__add__, best_last, counts))
ax.set(
    title="Left is better. Blue: calibkit; vermilion: peers; bars: means",
    xlabel="NLL on the test set relative to one temperature, in %",
    ylim=(-0.6, len(maps) - 0.4),
)
