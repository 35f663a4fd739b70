# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Is this ECE good?
=================

A paper reports an expected calibration error (ECE) of 1.7%. Can you trust the probabilities of its
model? The number alone does not tell you.

What you will do
----------------

You will measure the ECE of one network in several ways, and check a test and an interval against
the truth.

What you will learn
-------------------

- how to read a reliability diagram, an ECE, a p-value and an interval
- how to choose the bins
- what an ECE does not see

What you need
-------------

Half a minute on two cores, and lesson 10.
"""

# %% [markdown] tags=["slide"]
# Is this ECE good?
# -----------------
#
# - A paper reports an ECE of 1.7%.
# - What would you ask its authors?
#
# Say: Let the room collect questions before you show anything. Somebody will ask how many images
# were tested, and somebody may ask about the bins. Write the questions down and come back to them
# at the end. The plan for today: first we find out what a perfect model would score, then we learn
# what a test and an interval can tell us, and what they cannot.

# %% [markdown]
# The answer in one picture
# -------------------------
#
# The *confidence* of a model is the probability that it gives to its answer. A model is *calibrated*
# if it is right as often as it claims: for example, eight times in ten when its confidence is eighty
# percent. The *expected calibration error*, or ECE, measures how far a model is from that:
#
# - We sort the answers by their confidence into ranges, the *bins*.
# - The *gap* of a bin, now with its sign, is its *accuracy*, the share of right answers, minus its
#   mean confidence.
# - The ECE is the mean size of the gaps, weighted by the number of images in each bin.
#
# We take the network of lesson 10. *Temperature scaling* divides its logits, the inputs of the
# softmax, by a number that we fit on a *calibration set*. All other images are our test set.

# %% tags=["setup"]
from functools import partial
from itertools import product

import numpy as np
import torch
from matplotlib import pyplot as plt

import calibkit

# %% tags=["setup"]
logits, labels = calibkit.glyphs100_logits()
calib_set, test_set = calibkit.split_calibration(
    labels, 1000, seed=0, stratify=labels
)
calib, test = calib_set.indices, test_set.indices
scaler = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])

# %% tags=["setup"]
plain, scaled = logits[test].softmax(1), scaler(logits[test]).softmax(1)
test_labels = labels[test]
confidence = scaled.amax(1)

# %%
for name, probabilities in (("before", plain), ("after", scaled)):
    ece = calibkit.calibration_error(probabilities, test_labels)
    print(f"ECE {name} scaling: {ece:.1%}, 15 bins, n = {len(test_labels)}")

# %% [markdown]
# Our yardstick is a *perfect model*. It has the confidences of our model, but each answer is right
# with a probability equal to its confidence. Its *true error*, the ECE of endlessly many images, is
# zero. `calibkit.noise_floor` simulates its answers a thousand times. The mean ECE of these
# simulations is the *noise floor*.

# %%
confidences = {
    "n = 900": confidence[:900],
    "n = 9000": confidence,
    "n = 90 000": confidence.repeat(10),  # each one ten times
}
floors = [calibkit.noise_floor(some) for some in confidences.values()]
mean, low, high = 100 * np.array(floors).T

# %%
fig, ax = plt.subplots(figsize=(7.2, 3.4), layout="constrained")
ax.barh(list(confidences), high - low, 0.5, low, color="0.75")
ax.plot(mean, list(confidences), "|", color="black", ms=24, mew=2)
ax.axvline(1.7, color="#D55E00", linestyle="--")
ax.text(1.8, 2.35, "ECE of 1.7%", color="#D55E00")
ax.text(high[0] + 0.1, 0, "95% of\ntest sets", va="center")
ax.text(mean[0], -0.3, "mean: the noise floor", ha="center")
ax.set(xlim=(0, 7.9), ylim=(2.6, -0.7), xlabel="ECE in 15 bins, %")
ax.set_title("The same ECE is low, ordinary or high, depending on n")
plt.show()
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# The same ECE can be good or bad
# -------------------------------
#
# - A perfect model has an ECE above 0.
# - Its ECE shrinks when the test set grows.
#
# Say: Ask which of the three rows worries the room. With 900 images, a perfect model would almost
# always score more than 1.7%. With 9000 images, such a score is ordinary. With 90 000, a perfect
# model would hardly ever score so much, so a model that does almost certainly has a real error. The
# same number tells three different stories, and nobody can choose among them without knowing n.

# %% [markdown]
# In the smallest test set, the perfect model nearly always has a *larger* ECE than ours. In a test
# set like ours, such an ECE is ordinary. In the largest, the perfect model hardly ever reaches it.
# So an ECE means nothing without *n*, the number of images.

# %% [markdown]
# Toss a coin four times
# ----------------------
#
# Why is the ECE of a perfect model above zero? Before each toss of a fair coin, a forecaster says
# "heads, 50%". This forecast is perfectly calibrated. Yet after four tosses in one bin, the gap is
# zero only if exactly two are heads. All sequences are equally likely:

# %%
tosses = np.array(list(product([0, 1], repeat=4)))
sizes = np.abs(tosses.mean(1) - 0.5)
for size in (0, 0.25, 0.5):
    n_such = (sizes == size).sum()
    print(f"gap of size {size:3.0%}: {n_such} of {len(tosses)} sequences")
print(f"mean size of the gap: {sizes.mean():.1%}")

# %% [markdown]
# The noise floor is this mean size. It is above zero because the ECE ignores the signs of the gaps.
# Now we try two bins, and more tosses.


# %%
def noise_floor_of_coin(n_tosses, n_bins):
    tosses = np.array(list(product([0, 1], repeat=n_tosses)))
    shares = tosses.reshape(len(tosses), n_bins, -1).mean(2)
    return np.abs(shares - 0.5).mean()


for n_tosses, n_bins in ((4, 1), (4, 2), (16, 1)):
    floor = noise_floor_of_coin(n_tosses, n_bins)
    print(f"{n_tosses:2} tosses, bins: {n_bins}, noise floor {floor:.1%}")

# %% [markdown] tags=["slide"]
# Toss a coin four times
# ----------------------
#
# - "Heads, 50%" is a perfect forecast of a fair coin.
# - Two heads in four tosses: a gap of 0.
# - Four heads in four tosses: a gap of 50%.
#
# Say: Let the room compute the average gap over the sixteen sequences by hand. Six of them have a
# gap of 0, eight a gap of 25%, and two a gap of 50%. Then ask what happens with two bins of two
# tosses each, and what happens with sixteen tosses. More bins raise the noise floor, and more
# tosses lower it. We shall meet these two effects throughout the lesson.

# %% [markdown]
# Two bins raise the noise floor, because each holds fewer tosses. In one bin, four times as many
# tosses roughly halve it: noise shrinks in proportion to $1 / \sqrt{n}$.

# %% [markdown]
# Read a reliability diagram
# --------------------------
#
# A *reliability diagram* shows each gap as a line from the end of the bar, the accuracy, to the dot,
# the mean confidence. The bar of a perfect model ends inside its own grey band in 95% of test sets.
#
# **Before you run this:** one diagram belongs to our model, the other to a perfect model with the
# same probabilities. Can you tell from the bars which is which?

# %%
generator = torch.Generator().manual_seed(0)
drawn_labels = torch.multinomial(scaled, 1, generator=generator).squeeze(1)
lineup = [("our model", test_labels), ("the perfect model", drawn_labels)]
order = np.random.default_rng(5).permutation(2)

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("Which of the two is the perfect model?")
for ax, i, letter in zip(axes, order, "AB"):
    calibkit.reliability_diagram(scaled, lineup[i][1], title=letter, ax=ax)
    ax.set_xlabel("confidence")  # without the ECE, the answer
plt.show()

# %% [markdown] tags=["slide"]
# Which of the two is perfect?
# ----------------------------
#
# - Bar: accuracy. Dot: mean confidence. Line: gap.
# - A perfect bar ends in its band in 95 of 100 test sets.
#
# Say: Explain bar, dot, line and band on the left diagram. Let the room vote before you run the
# next cell, which gives the answer. Ask the voters for their reasons. Point out that each band is
# made for one bar. Among fourteen bars of a perfect model, one outside its band is nothing special.

# %%
for i, letter in zip(order, "AB"):
    print(f"{letter} is {lineup[i][0]}")
print(f"all of 14 independent bars in their bands: {0.95**14:.0%}")

# %% [markdown]
# One bar outside its band is no cause for alarm: in about half of all test sets, a perfect model has
# at least one.

# %% [markdown]
# Change the bins
# ---------------
#
# The table shows the ECE in different bins, and the *p-value*: the probability that a perfect model
# has an ECE at least as large as ours, with the same *n* and bins. For four heads in four tosses, the
# p-value is two in sixteen, because only four tails have an equally large gap. A *test* rejects
# calibration if p is below 0.05.
#
# **Before you run this:** will the ECE rise or fall with more bins?

# %%
print("      before  after scaling")
print("bins  ECE     ECE   noise floor  p-value")
for n_bins in (1, 5, 10, 15, 30):
    before = calibkit.calibration_error(plain, test_labels, n_bins=n_bins)
    ece, p, floor = calibkit.calibration_test(
        scaled, test_labels, n_bins=n_bins
    )
    print(f"{n_bins:4}  {before:.1%}   {ece:.1%}  {floor.mean:11.1%}", end="")
    print(f"{p:9.2f}" + "  below 0.05" * (p < 0.05))

# %% [markdown]
# Before scaling, the bins do not matter: all gaps have the same sign, so they add up to the same sum.
# After scaling, the ECE rises with the number of bins. Either narrow bins are noisy, because they
# hold few images, or there are true gaps of opposite signs that *cancel* in wide bins.
#
# On our test set, the test rejects calibration with few bins, but not with many. If you try several
# bin counts and report only one, you may obtain whichever verdict you like. So choose the bins
# before you look.

# %% [markdown] tags=["slide"]
# More bins, larger ECE
# ---------------------
#
# - Before scaling: the same ECE in any number of bins.
# - After scaling: the ECE rises with the number of bins.
# - Is it noise, or do wide bins hide gaps?
#
# Say: Show the table of the notebook and ask for an explanation. Before scaling, all gaps have the
# same sign, so they add up to the same total in any bins. After scaling, the ECE rises together
# with the noise floor. Narrow bins are noisier, but they could also reveal gaps that cancel in wide
# bins. Collect votes. The 200 000 images will decide.

# %% [markdown] tags=["slide"]
# The verdict depends on the bins
# -------------------------------
#
# - The p-value: how often a perfect model scores at least as much.
# - With 1, 5 and 10 bins the test rejects calibration.
# - With 15 and 30 bins it does not.
#
# Say: The model is the same, and so are the 9000 images. Only the bins differ. If you try several
# bin counts and report only one, you can obtain whichever verdict you like. So we choose the bins
# before we look. Ask why a single bin can see more than fifteen: small gaps of one sign add up
# there, while their noise averages out.

# %% [markdown]
# Look up the truth
# -----------------
#
# In practice, nobody shows us the truth. Here, 200 000 new images do: `calibkit.glyphs100_population`
# holds their bins. The whiskers show how far chance moves a gap in 95% of test sets.

# %%
for n_bins in (1, 15, 30):
    truth = calibkit.glyphs100_population(n_bins, scaled=True)
    print(f"bins: {n_bins:2}, ECE of 200 000: {truth.calibration_error:.1%}")


# %%
def gaps(bins, more_than=100):
    used = bins.count > more_than
    n = bins.count[used]
    claimed, accuracy = bins.confidence_sum[used] / n, bins.n_correct[used] / n
    error = 1.96 * np.sqrt(accuracy * (1 - accuracy) / n)
    return 100 * claimed, 100 * (accuracy - claimed), 100 * error


# %%
x, gap, error = gaps(calibkit.glyphs100_population(15, scaled=True))
ours = gaps(calibkit.reliability_bins(scaled, test_labels))
fig, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
ax.bar(x, gap, 4, yerr=error, color="#56B4E9", label="200 000 images")
style = {"fmt": "o", "color": "#D55E00", "markeredgecolor": "black"}
ax.errorbar(ours[0] + 1, *ours[1:], **style, label="our 9000 images")
ax.axhline(0, color="black", linewidth=1)
ax.set(xlabel="confidence, %", ylabel="accuracy minus confidence, points")
ax.set_title("After scaling, nearly all true gaps have the same sign")
ax.set_ylim(-9, 11)
ax.legend(loc="upper right")
print(f"{(gap < 0).sum()} of {len(gap)} bars are below 0")

# %% [markdown] tags=["slide"]
# The truth: a small error of one sign
# ------------------------------------
#
# - 200 000 images: an ECE of 1.4% in 1, 15 or 30 bins.
# - Hardly any gaps cancel: the rise was noise.
# - In 15 bins, 9000 images could not show it.
#
# Say: Now we can decide the vote. The ECE of 200 000 images is the same in one bin and in thirty,
# so hardly anything cancels in wide bins, and the rise with the number of bins was noise. Look at
# the picture: nearly all bars lie below 0. The model is still slightly overconfident. The test in
# fifteen bins did not reject, and yet the error was there.

# %% [markdown]
# The true error is about 1.4%, whatever the bins. So hardly any gaps cancel, and our ECE rose
# because of noise. Nearly all true gaps are negative: the model is right less often than it claims.
#
# In a single bin, such gaps add up while their noise averages out, so one bin detects them better
# than many. But it is blind to gaps that cancel.
#
# In 15 bins, the test missed this error: not rejecting calibration does not prove it.

# %% [markdown]
# Draw other test sets
# --------------------
#
# How much of our p-value was luck? We draw other test sets. Each image gets a narrow bin, as often
# as it occurs among the 200 000 images. Its confidence is the bin's mean, and its answer is right
# with the bin's accuracy. We use 2520 bins, the most that were counted, to come close to single
# images.

# %% tags=["setup"]
narrow_bins = calibkit.glyphs100_population(2520, scaled=True)
filled = narrow_bins.count > 0
share = narrow_bins.count[filled] / narrow_bins.count.sum()
claimed = narrow_bins.confidence_sum[filled] / narrow_bins.count[filled]
accuracy = narrow_bins.n_correct[filled] / narrow_bins.count[filled]


def draw_test_set(n, accuracy, rng):
    # calibkit reads one number per image as P(y = 1). Here 1 means "right".
    i = rng.choice(len(share), n, p=share)
    return claimed[i], (rng.random(n) < accuracy[i]).astype(int)


# %%
rng = np.random.default_rng(0)
p_values = {}
for n in (9000, 18_000):
    test_sets = [draw_test_set(n, accuracy, rng) for _ in range(40)]
    for n_bins, name in ((15, "15 bins"), (1, "1 bin")):
        test_in_bins = partial(calibkit.calibration_test, n_bins=n_bins)
        found = [test_in_bins(*test_set).p_value for test_set in test_sets]
        p_values[f"{name}, n = {n}"] = np.array(found)

# %%
fig, ax = plt.subplots(figsize=(7.2, 3.8), layout="constrained")
for row, (name, found) in enumerate(sorted(p_values.items(), reverse=True)):
    height = row + 0.25 * np.sin(np.arange(40))
    ax.plot(found, height, "o", color="#0072B2", alpha=0.7)
    print(f"{name:17}: {(found < 0.05).sum()} of 40 test sets rejected")
ax.axvline(0.05, color="#D55E00", linestyle="--")
ax.text(0.055, -0.75, "p = 0.05", color="#D55E00")
ax.set(xscale="log", xlabel="p-value", ylim=(3.5, -1))
ax.set_yticks(range(4), sorted(p_values, reverse=True))
ax.set_title("One model, one true error: the p-values differ widely")
plt.show()

# %% [markdown] tags=["slide"]
# Another test set, another p-value
# ---------------------------------
#
# - Every dot: the same model and the same true error.
# - Only the drawn test set differs.
# - More images help on average, not every time.
#
# Say: In every row, each dot is another test set, drawn from the same counts of 200 000 images.
# With 9000 images in fifteen bins, the test rejects on about half of the test sets, so the verdict
# is almost a coin toss. With twice as many images, it rejects on most of them. A single bin is the
# sharper test here, because nearly all gaps have one sign. Ask what a reader can conclude from a
# single p-value near 0.05.

# %% [markdown]
# With 15 bins and 9000 images, the verdict is not far from a coin toss. With twice as many images,
# or in a single bin, the test usually rejects.

# %% [markdown]
# Put an interval around it
# -------------------------
#
# How large may the error be? A *95% interval* comes with a promise: in about 95% of all test
# sets, it holds the true error. `calibkit.bootstrap_interval` draws our images again and again with
# replacement (the *bootstrap*), to learn how noisy the gaps are. It returns the range of true
# errors for which our ECE would be no surprise.

# %%
interval_of_ece = partial(
    calibkit.bootstrap_interval, calibkit.calibration_error
)
ece, low, high = interval_of_ece(scaled, test_labels)
print(f"ECE {ece:.1%}, 95% interval {low:.1%} to {high:.1%}")

# %%
rng = np.random.default_rng(0)
truth = calibkit.glyphs100_population(15, scaled=True).calibration_error
two_models = {"our model": (accuracy, truth), "a perfect model": (claimed, 0)}
intervals = {
    name: [interval_of_ece(*draw_test_set(9000, rate, rng)) for _ in range(40)]
    for name, (rate, _) in two_models.items()
}

# %%
fig, axes = plt.subplots(
    1, 2, figsize=(9.6, 4), sharey=True, layout="constrained"
)
fig.suptitle("Nearly every interval holds the true error, even where it is 0")
for ax, (name, (_, true)) in zip(axes, two_models.items()):
    _, low, high = np.array(intervals[name]).T
    holds = (low <= true) & (true <= high)
    for some, label, color, width in (
        (holds, "holds the true error", "0.55", 2),
        (~holds, "misses it", "#D55E00", 5),
    ):
        ends = 100 * low[some], 100 * high[some]
        ax.vlines(np.flatnonzero(some), *ends, color, lw=width, label=label)
    ax.axhline(100 * true, color="black", ls="--", label="true error")
    ax.set(title=name, xlabel="test set", ylim=(-0.1, 4))
    print(f"{name}: {holds.sum()} of 40 intervals hold the true error", end="")
    print(f", {(low == 0).sum()} begin at 0")
axes[0].set_ylabel("ECE in 15 bins, %")
handles = axes[0].get_legend_handles_labels()
fig.legend(*handles, loc="outside lower center", ncols=3)
plt.show()

# %% [markdown] tags=["slide"]
# An interval says how large the error may be
# -------------------------------------------
#
# - Ours: 0.0% to 2.4%. The truth is 1.4%.
# - The promise: about 95 of 100 intervals hold the true error.
# - It may begin at 0 although there is an error.
#
# Say: Each vertical line is the interval of one test set, and the dashed line is the truth. A thick
# orange line misses it. Nearly all hold it, on the left where the error is 1.4% and on the right
# where it is 0. Point out that many lines on the left begin at 0. Such an interval does not say
# that there is no error. It says that there may be none.

# %% [markdown]
# Nearly all intervals hold the true error, and so does ours. Like many of them, it begins at zero,
# which says only that noise *may* explain the ECE. The upper end tells us more: the error is
# probably no larger than 2.4%.

# %% [markdown]
# Judge a model that is always sure
# ---------------------------------
#
# We simulate a model on an easy task. Its confidences are spread evenly above 94%, but every answer
# is right with the same probability.
#
# **Before you run this:** our bins so far had *equal width*. Bins of *equal mass* hold equally many
# images each. Which kind of bins will show the error?

# %% tags=["setup"]
rng = np.random.default_rng(0)
sure = rng.uniform(0.94, 1, 20_000)
sure_right = (rng.random(20_000) < 0.97).astype(int)
sure_right_if_perfect = (rng.random(20_000) < sure).astype(int)

# %%
print(f"confidences {sure.min():.0%} to {sure.max():.0%}", end=", ")
print(f"{sure_right.mean():.0%} of the answers right, 15 bins")
for name, binning in (("equal width", "uniform"), ("equal mass", "quantile")):
    ece = partial(calibkit.calibration_error, sure, binning=binning)
    print(f"{name:11}: ECE {ece(sure_right):.1%}", end=", ")
    print(f"a perfect model {ece(sure_right_if_perfect):.1%}")

# %%
fig, axes = plt.subplots(
    1, 2, figsize=(9.6, 4), sharey=True, layout="constrained"
)
fig.suptitle("One bin of equal width hides what bins of equal mass show")
for ax, binning in zip(axes, ("uniform", "quantile")):
    bins = calibkit.reliability_bins(sure, sure_right, binning=binning)
    ax.plot([94, 100], [3, -3], ":", color="black", label="true gap")
    style = {"fmt": "o", "color": "#0072B2", "capsize": 3}
    ax.errorbar(*gaps(bins), **style, label="measured gap")
    ax.axhline(0, color="black", linewidth=1)
    ax.set(xlim=(93.5, 100.5), xlabel="confidence, %")
axes[0].set_title("equal width: 14 of 15 bins are empty")
axes[1].set_title("equal mass: 15 bins share the images")
axes[0].set_ylabel("accuracy minus confidence, points")
axes[1].legend()
plt.show()

# %% [markdown] tags=["slide"]
# A model that is always sure needs other bins
# --------------------------------------------
#
# - All confidences lie between 94% and 100%.
# - Equal width: one bin holds everything, and gaps cancel.
# - Equal mass: the gaps appear.
#
# Say: On an easy task, a model is nearly always sure. Then fourteen of fifteen bins of equal width
# are empty, and fifteen bins are in fact a single one. On its left side the model is too modest, on
# its right side too sure, and the two cancel. Bins of equal mass share the images evenly and show
# both. Look at the upper panel of a reliability diagram before you trust its ECE.

# %% [markdown]
# All images share one bin of equal width. The less sure answers are right more often than claimed,
# and the surer ones less often, so their gaps cancel. If a few bins hold nearly all images, use bins
# of equal mass.

# %% [markdown]
# What the ECE does not see
# -------------------------
#
# The ECE judges only the confidence in the answer (*top-label* calibration). The *classwise* ECE
# (Kull et al.) computes an ECE for each class and takes their mean. We compare our model with two
# strange ones. The first reverses the order of all probabilities except the largest. The second
# gives every class the same probability.

# %%
others = scaled.argsort(1, descending=True)[:, 1:]  # all but the top class
backwards = scaled.scatter(1, others, scaled.gather(1, others).flip(1))
uniform = torch.full_like(scaled, 0.01)

# %%
print("model      accuracy  ECE  classwise ECE")
models = {"our model": scaled, "reversed": backwards, "1% each": uniform}
for name, probabilities in models.items():
    known = probabilities, test_labels
    print(f"{name:9}  {calibkit.accuracy(*known):8.1%}", end="  ")
    print(f"{calibkit.calibration_error(*known):.1%}", end="  ")
    print(f"{calibkit.classwise_calibration_error(*known):.2%}")

# %% [markdown] tags=["slide"]
# What the ECE does not see
# -------------------------
#
# - All probabilities but the largest.
# - Gaps that cancel within a bin.
# - Whether the model knows anything.
#
# Say: Reversing the order of all probabilities except the largest changes neither accuracy nor ECE.
# The classwise ECE notices it, because it looks at all probabilities. And a model that says 1% for
# each of the hundred classes has the lowest ECE of the three, although it knows nothing. A small
# calibration error alone is no merit. We also need a good accuracy or NLL.

# %% [markdown]
# Only the classwise ECE sees that the reversal ruins almost every probability. The model that knows
# nothing has the lowest ECE of both kinds, because it is right as rarely as it claims. Calibration
# does not replace accuracy.

# %% [markdown]
# Report an ECE
# -------------
#
# `calibkit.evaluate` computes most of this, and adds the NLL of lesson 10 and the *Brier score*, a
# squared error of the probabilities.

# %%
report = calibkit.evaluate(logits[test], test_labels, scaler=scaler)
print(report)

# %% [markdown]
# Is this ECE good? The true error may be anything up to 2.4%. The classwise ECE lies above the
# range of its noise floor ("if calibrated"), so chance alone hardly explains it. (Noise
# tends to raise it, so its interval ends at the measured value.) Whether the error matters depends
# on the use of the probabilities, not on a p-value.

# %% [markdown]
# What we have seen
# -----------------
#
# - A perfect model has an ECE above zero. Its mean, the noise floor, falls with more images and rises
#   with more bins.
# - The verdict of a test depends on the bins and on luck. "Not rejected" does not mean
#   "calibrated".
# - An interval says how large the error may be.
# - The ECE sees only the confidence in the answer, and its bins can hide gaps.
# - Choose the bins before you look, and report them with *n*, the noise floor and the interval.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - No ECE without n, bins and noise floor.
# - Choose the bins before you look. "Not rejected" is not "calibrated".
# - An interval says how large the error may be.
#
# Say: Go back to the questions from the beginning. Which of them can the room answer now? Ask
# everyone to name one thing they will check in the next paper that reports an ECE. For homework,
# exercise 3 is the most surprising: let everyone guess what more data do to the p-value before they
# compute it.

# %% [markdown]
# Exercises
# ---------
#
# 1. How many test images would bring the noise floor of the scaled model in 15 bins down to half a
#    percent?

# %% tags=["answer"]
n_needed = None

# %% tags=["solution"]
floor_of_9000 = calibkit.noise_floor(confidence).mean
n_needed = 9000 * (floor_of_9000 / 0.005) ** 2
print(f"a noise floor of 0.5% needs about n = {round(n_needed, -2):.0f}")

# %% tags=["wrong"]
wrong = [
    9000 * 1.3 / 0.5,
    9000 * (0.5 / 1.3) ** 2,
    9000 * (1.3 / 0.5) ** 4,
    9000,
]

# %% tags=["check"]
if n_needed is not None:
    assert n_needed > 9000, "a lower noise floor takes more images"
    assert n_needed < 200_000, "too many: the floor falls with a square root"
    several = confidence.repeat(23)[: round(n_needed)]
    reached = calibkit.noise_floor(several, n_resamples=200).mean
    assert reached < 0.0055, (
        "too few: by which factor must the floor fall, and how does it fall?"
    )
    assert reached > 0.0045, "too many: which noise floor do 9000 images have?"
    print(f"Yes: with so many images, the noise floor is {reached:.1%}.")

# %% [markdown] tags=["solution"]
# The noise floor must fall by a factor of about two and a half, so *n* must grow by the square of
# that: we need more than six times as many images. The usual mistake is to let the floor fall in
# proportion to *n*. The square root is what makes small calibration errors expensive to see: to
# halve the noise, you pay four times as much.

# %% [markdown]
# 2. With ``norm="max"``, `calibkit.calibration_error` returns the largest gap of any bin. How large is
#    it for a perfect model? Draw a hundred times from ``confidence`` which answers are right, and
#    enter the mean of the largest gaps.

# %% tags=["answer"]
mean_largest_gap = None

# %% tags=["solution"]
largest_gap = partial(calibkit.calibration_error, confidence, norm="max")
generator = torch.Generator().manual_seed(1)
draws = [
    torch.bernoulli(confidence, generator=generator).long() for _ in range(100)
]
mean_largest_gap = np.mean([largest_gap(drawn) for drawn in draws])
measured = calibkit.calibration_error(scaled, test_labels, norm="max")
print(f"our largest gap {measured:.1%}, perfect model {mean_largest_gap:.1%}")
counts = calibkit.reliability_bins(scaled, test_labels).count
print("images in each bin:", *counts)

# %% tags=["wrong"]
wrong = [
    calibkit.calibration_error(scaled, test_labels, norm="max"),
    100 * mean_largest_gap,
    np.median([largest_gap(drawn) for drawn in draws]),
    np.mean([calibkit.calibration_error(confidence, d) for d in draws]),
]

# %% tags=["check"]
if mean_largest_gap is not None:
    measured = calibkit.calibration_error(scaled, test_labels, norm="max")
    assert mean_largest_gap < 1, "enter a fraction, not a percentage"
    assert abs(mean_largest_gap - measured) > 0.001, (
        "this is our own largest gap, or a median: take the mean over "
        "answers that you have drawn"
    )
    assert mean_largest_gap > 0.03, 'small: is norm="max" in every call?'
    assert 0.055 < mean_largest_gap < 0.095, (
        "take the mean, not the median, over about 100 draws in 15 bins"
    )
    print("Yes: on average, even a perfect model has a larger maximum.")

# %% [markdown] tags=["solution"]
# There is no reason for alarm: on average, the largest gap of a perfect model is larger than ours.
# The counts show why. The emptiest bins hold so few images that chance alone moves their accuracy
# by many points, and the maximum picks the noisiest bin. That is why this error, which is known as
# the maximum calibration error, should never be reported without its noise floor.

# %% [markdown]
# 3. ``calibkit.glyphs100_logits(20_000)`` returns our images and, after them, as many new ones. Scale
#    the new ones and join them to our test set. Will the p-value in 15 bins fall? Guess first, and
#    then enter it.

# %% tags=["answer"]
p_value_of_19000 = None

# %% tags=["solution"]
more_logits, more_labels = calibkit.glyphs100_logits(20_000)
new = scaler(more_logits[10_000:]).softmax(1), more_labels[10_000:]
joined = torch.cat([scaled, new[0]]), torch.cat([test_labels, new[1]])
p_value_of_19000 = calibkit.calibration_test(*joined).p_value
parts = {"our 9000": (scaled, test_labels), "10 000 new": new, "all": joined}
for name, part in parts.items():
    for n_bins in (15, 1):
        ece, p, floor = calibkit.calibration_test(*part, n_bins=n_bins)
        print(f"{name:10} bins: {n_bins:2}, ECE {ece:.1%},", end=" ")
        print(f"noise floor {floor.mean:.1%}, p = {p:.3f}")

# %% tags=["solution"]
rng, n_rises = np.random.default_rng(2), 0
for _ in range(40):
    said, came = draw_test_set(18_000, accuracy, rng)
    p_of_half = calibkit.calibration_test(said[:9000], came[:9000]).p_value
    p_of_all = calibkit.calibration_test(said, came).p_value
    n_rises += p_of_all > p_of_half
print(f"p rose with twice the images in {n_rises} of 40 simulations")

# %% tags=["wrong"]
everything = scaler(more_logits).softmax(1), more_labels
unscaled = torch.cat([plain, more_logits[10_000:].softmax(1)]), joined[1]
wrong = [
    calibkit.calibration_test(scaled, test_labels).p_value,
    calibkit.calibration_test(*new).p_value,
    calibkit.calibration_test(*everything).p_value,
    calibkit.calibration_test(*unscaled).p_value,
    calibkit.calibration_test(*joined, n_bins=1).p_value,
]

# %% tags=["check"]
if p_value_of_19000 is not None:
    ours = calibkit.calibration_test(scaled, test_labels).p_value
    assert abs(p_value_of_19000 - ours) > 0.002, (
        "this is the p-value of our 9000: join the new images to them"
    )
    assert p_value_of_19000 > 0.01, (
        "too small: are all logits scaled, and are there 15 bins?"
    )
    assert p_value_of_19000 < 0.2, "join the new images to our 9000"
    assert 0.08 < p_value_of_19000 < 0.125, (
        "join 9000 and 10 000, and leave out the calibration set"
    )
    print("Yes: the p-value has risen, although the error is real.")

# %% [markdown] tags=["solution"]
# The p-value rises, although there is a true error and the noise floor has fallen. The reason is
# luck: on the 10 000 new images, the ECE in 15 bins happens to be close to its noise floor, so they
# dilute the evidence. The simulation shows that this does not happen often, but that it happens
# without any mistake. When there is an error, more data lower the p-value on average, but not every
# time.
#
# In a single bin, the test rejects on each part, because nearly all true gaps have the same sign.
# But if you choose between the two bin counts after seeing both p-values, the chosen one is
# worthless. The usual mistake here is to test all 20 000 images. The temperature was fitted on 1000
# of them, and those do not belong in a test set.

# %% [markdown]
# 4. Write a function ``equal_mass_ece(confidence, right, n_bins)`` that returns the ECE in bins of
#    equal mass. It takes numpy arrays.

# %% tags=["answer"]
equal_mass_ece = None


# %% tags=["solution"]
def ece_of_sorted(confidence, right, n_bins):
    bins = np.array_split(np.argsort(confidence), n_bins)
    gaps = [right[i].mean() - confidence[i].mean() for i in bins]
    sizes = [len(i) for i in bins]
    return np.average(np.abs(gaps), weights=sizes)


equal_mass_ece = ece_of_sorted
print(f"ECE of the sure model: {equal_mass_ece(sure, sure_right, 15):.1%}")

# %% tags=["wrong"]
solved = equal_mass_ece
wrong = [
    lambda c, r, n: calibkit.calibration_error(c, r, n_bins=n),
    lambda c, r, n: 100 * solved(c, r, n),
    lambda c, r, n: abs(r.mean() - c.mean()),
    lambda c, r, n: solved(np.arange(len(c)), r - c + np.arange(len(c)), n),
]

# %% tags=["check"]
if equal_mass_ece is not None:
    for n_bins in (5, 16):
        found = equal_mass_ece(sure[:16_000], sure_right[:16_000], n_bins)
        ece = partial(calibkit.calibration_error, n_bins=n_bins)
        known = sure[:16_000], sure_right[:16_000]
        right_value = ece(*known, binning="quantile")
        assert found is not None, "the function must return its result"
        assert found < 0.1, "return a fraction, not a percentage"
        assert abs(found - ece(*known)) > 1e-9, (
            "these are bins of equal width, or a single bin"
        )
        assert abs(found - right_value) < 1e-4, (
            "this differs from calibkit: are the answers sorted by "
            "confidence, and are gaps taken without their sign?"
        )
    print("Yes: your bins of equal mass find the hidden error.")

# %% [markdown] tags=["solution"]
# Sorting comes first: without it, each bin mixes all confidences, and the gaps cancel as they do in
# a single bin. The absolute value is taken for each bin, before the average. Taken after the
# average, it would give the ECE of a single bin.

# %% [markdown]
# 5. A paper says: "On 10 000 test images, our method lowers the ECE from 1.9% to 1.4%." What
#    should the authors compute?

# %% [markdown] tags=["solution"]
# Ask for the noise floor of both models first, in the same bins: if both ECEs lie within the range
# of perfect models, the paper may compare two pieces of noise. Then ask for the interval of the
# *change* on the same images (`calibkit.paired_difference`). In the change of an NLL, the noise
# that both models share largely cancels. In the change of two small ECEs, it need not cancel. Below
# we compare our temperature with a slightly higher one: the interval of this change extends more
# than two points to both sides of 0, so on such images a change of half a point proves nothing. Ask
# also how bins and method were chosen: if the method was chosen for its low ECE on these images, it
# must be tested on new ones. Finally, ask for accuracy and NLL, because a model that knows nothing
# can have a low ECE. Ask for networks trained with other seeds, too, since one network says little
# about a method. An interval of the change that excludes 0, in bins that were fixed in advance and
# for several training seeds, would be convincing.

# %% tags=["solution"]
softer = (logits[test] / (1.05 * scaler.temperature)).softmax(1)
change = calibkit.paired_difference(
    calibkit.calibration_error, scaled, softer, test_labels
)
print(f"change of the ECE {change.value:+.1%}", end=" ")
print(f"(95% interval {change.low:+.1%} to {change.high:+.1%})")

# %% [markdown]
# References
# ----------
#
# - Bröcker and Smith (2007). Increasing the Reliability of Reliability Diagrams. Weather and
#   Forecasting 22. https://doi.org/10.1175/WAF993.1 It introduces the grey bands.
# - Davison and Hinkley (1997). Bootstrap Methods and Their Application. Cambridge University
#   Press. https://doi.org/10.1017/CBO9780511802843 It explains the bootstrap and its tests.
# - Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond temperature scaling:
#   Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS.
#   https://arxiv.org/abs/1910.12656 It introduces the classwise ECE.
# - Naeini, Cooper and Hauskrecht (2015). Obtaining Well Calibrated Probabilities Using Bayesian
#   Binning. AAAI. https://doi.org/10.1609/aaai.v29i1.9602 It introduces the ECE.
# - Roelofs, Cain, Shlens and Mozer (2022). Mitigating Bias in Calibration Error Estimation.
#   AISTATS. https://arxiv.org/abs/2012.08668 It compares bins of equal width and of equal mass.
# - Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model Calibration
#   in Classification. AISTATS. https://arxiv.org/abs/1902.06977 It compares an ECE with that of a
#   perfect model.
