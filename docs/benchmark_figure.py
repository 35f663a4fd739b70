"""The first benchmark table as a picture: error of T against time."""

import csv
from pathlib import Path

from matplotlib import pyplot as plt

from calibkit.plots.reliability import BLUE, VERMILION

# Sphinx runs this script in the folder in which the script is stored.
with Path("benchmarks", "temperature_fits.csv").open(encoding="utf-8", newline="") as file:
    rows = list(csv.DictReader(file))

fig, ax = plt.subplots(figsize=(7.6, 4.2), layout="constrained")
for row in rows:
    name, x = row["fit"], float(row["time / calibkit's"])
    low, high = float(row["error of T: median"]), float(row["largest"])
    colour = BLUE if name == "calibkit" else VERMILION
    ax.plot([x, x], [low, high], "-", color=colour)
    ax.plot(x, low, "o", color=colour)
    ax.plot(x, high, "_", color=colour, markersize=10)
    ax.annotate(
        name,
        (x, high),
        xytext=(0, 5),
        textcoords="offset points",
        ha="center",
        fontsize="small",
        bbox={"pad": 0, "facecolor": "white", "edgecolor": "none"},
    )
ax.axhline(1e-6, color="grey", linestyle="--")
ax.text(36, 1.4e-6, "right to 1e-6", color="dimgrey", ha="right", fontsize="small")
ax.set(
    title="Low and to the left is better: the error of T, and the time to find it",
    xlabel="time of a fit, relative to calibkit's (median of 96 problems, log scale)",
    ylabel="error of T: median and largest",
    xscale="log",
    yscale="log",
    ylim=(1e-16, 1e3),
    xlim=(0.3, 40),
)
ax.set_xticks([0.5, 1, 2, 5, 10, 20], labels=["0.5", "1", "2", "5", "10", "20"])
ax.minorticks_off()
