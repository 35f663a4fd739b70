"""The course as a map: an arrow leads from each lesson to those that are best read after it."""

from matplotlib import pyplot as plt

from calibkit.plots.reliability import BLUE, VERMILION

# The place of a lesson, its number and what it is about, and the lessons before it.
LESSONS = {
    10: (0, 2, "one\ntemperature", ()),
    20: (1, 4, "reading\ndiagrams", (10,)),
    50: (1, 3, "proper\nscores", (10,)),
    30: (1, 2, "pitfalls", (10,)),
    60: (1, 1, "dataset\nshift", (10,)),
    70: (1, 0, "decisions", (10,)),
    40: (2, 5.1, "richer\nmaps", (20,)),
    45: (2, 4.4, "training", (20,)),
    55: (2, 3.65, "two\nclasses", (50,)),
    65: (2, 0.05, "after\nrelease", (60,)),
    80: (2, 2.9, "your own\nmodel", (30,)),
    90: (2, 0.85, "CIFAR-100", (30,)),
    99: (3, 1.9, "capstone", (40, 55, 60, 80)),
    100: (2, 2.15, "language\nmodel", (20, 30)),
}
WIDTH, HEIGHT = 0.74, 0.56

fig, ax = plt.subplots(figsize=(8, 5.9), layout="constrained")
for number, (x, y, topic, before) in LESSONS.items():
    colour = VERMILION if number in (10, 99) else BLUE
    box = plt.Rectangle(
        (x - WIDTH / 2, y - HEIGHT / 2), WIDTH, HEIGHT, fill=False, edgecolor=colour, linewidth=2
    )
    ax.add_patch(box)
    ax.text(x - 0.34, y, str(number), ha="left", va="center", weight="bold", fontsize=13)
    ax.text(x - 0.11, y, topic, ha="left", va="center", fontsize=10, linespacing=1.1)
    for earlier in before:
        x_earlier, y_earlier, *_ = LESSONS[earlier]
        ax.annotate(
            "",
            (x - WIDTH / 2, y),
            (x_earlier + WIDTH / 2, y_earlier),
            arrowprops={"arrowstyle": "->", "color": "dimgrey", "shrinkA": 2, "shrinkB": 2},
        )
ax.set(xlim=(-0.45, 3.45), ylim=(-0.4, 5.5))
ax.set_title("A good order: begin with lesson 10, and go where an arrow leads")
ax.axis("off")
