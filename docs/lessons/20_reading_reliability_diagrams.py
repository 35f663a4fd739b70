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

A paper reports an expected calibration error, an ECE, of 1.7 %. Is the model well calibrated? The
number alone does not tell. It depends on the number of test images, on the bins, and on chance.

What you will do
----------------

Take the ResNet-20 of the first lesson, change the bins and the size of the test set, and watch its
ECE move. Then hold the estimates against what 200 000 fresh images say.

What you will learn
-------------------

- why a perfectly calibrated model does not score 0, and what it does score
- what the number of bins does to an ECE, and when it does nothing
- how to read an interval and a p-value, and what a large p-value does not say
- what other calibration errors measure, and how to report one

What you need
-------------

Half a minute on two cores, and the lesson on temperature scaling. No GPU, no network.
"""

# %% [markdown]
# Load the answers of the model
# -----------------------------
#
# An ECE needs no images, only logits and labels. `calibkit.glyphs100_logits` runs the model once
# and keeps its logits. We split and scale as in the first lesson, 1000 images to fit the
# temperature on and 9000 to measure with: ``fit_logits`` is ``fit`` for logits that we already
# have.

# %%
from functools import partial

import numpy as np
import torch
from matplotlib import pyplot as plt

import calibkit

# %%
logits, labels = calibkit.glyphs100_logits()
calib_set, test_set = calibkit.split_calibration(labels, 1000, seed=0, stratify=labels)
calib, test = calib_set.indices, test_set.indices
scaler = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])
plain, scaled = logits[test].softmax(1), scaler(logits[test]).softmax(1)
test_labels = labels[test]

# %%
ece_before = calibkit.calibration_error(plain, test_labels)
ece_after = calibkit.calibration_error(scaled, test_labels)
print(f"T = {scaler.temperature:.3f}, n = {len(test)}, 15 bins")
print(f"ECE {ece_before:.1%} before scaling, {ece_after:.1%} after")

# %% [markdown]
# These are the numbers of the first lesson: 14.0 % and 1.7 %. The second one is the ECE that we
# shall try to read.
#
# Build a perfect model
# ---------------------
#
# To know what a good ECE looks like, we need a model that is perfectly calibrated for certain.
# There is a trick (Vaicenavicius et al. 2019): we keep the model's probabilities and draw new
# labels from them. If the model gives *A* a probability of 0.8 and *B* 0.2, then the label is *A*
# with probability 0.8. So each answer is right exactly as often as the model claims.
#
# In code we put the probabilities of an image end to end, which fills the line from 0 to 1. Then
# we throw a random point on that line and take the class where it lands.

# %%
perfect = logits.softmax(1)


def draw_labels(probabilities, generator):
    ends = probabilities.double().cumsum(1)
    point = torch.rand(len(ends), 1, generator=generator, dtype=torch.float64)
    return torch.searchsorted(ends, point).squeeze(1).clamp(max=ends.shape[1] - 1)


# %%
drawn = [draw_labels(perfect, torch.Generator().manual_seed(seed)) for seed in range(3)]
for y in drawn:
    small = calibkit.calibration_error(perfect[:1000], y[:1000])
    large = calibkit.calibration_error(perfect, y)
    print(f"perfect model: n = 1000 ECE {small:.0%}, n = {len(y)} ECE {large:.0%}")

# %% [markdown]
# The same perfect model scores 3 or 4 % on 1000 images, and 1 % on 10 000. Its true calibration
# error is 0. What it shows is chance: in a bin of 50 images even a perfect model is sometimes right
# too often and sometimes not often enough. The ECE takes every gap without its sign, so gaps up
# cannot make up for gaps down.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("One perfect model: with few images it looks miscalibrated")
few, many = (perfect[:1000], drawn[2][:1000]), (perfect, drawn[2])
_ = calibkit.reliability_diagram(*few, title="1000 images", ax=axes[0])
_ = calibkit.reliability_diagram(*many, title="10 000 images", ax=axes[1])

# %% [markdown]
# Both pictures use the third set of labels. The gaps on the left are chance: most bars end in the
# grey band. With ten times the images the band is thinner and the gaps are smaller. An ECE without
# its *n* cannot be read.
#
# Watch chance fade with n
# ------------------------
#
# `calibkit.noise_floor` draws a thousand times which answers are right. It gives the mean ECE and
# the range of 95 % of the draws.

# %%
for n in (1000, 10_000):
    floor = calibkit.noise_floor(perfect[:n])
    print(f"n = {n:5}, before scaling: mean {floor.mean:.1%}", end=", ")
    print(f"{floor.low:.1%} to {floor.high:.1%} in 95 % of draws")

# %% [markdown]
# On average the perfect model shows 3.3 % on 1000 images and 1.0 % on 10 000. Now the scaled
# probabilities: we put our model's ECE on the first *n* test images beside the floor.

# %%
sizes = [300, 1000, 3000, 9000]
floors = [calibkit.noise_floor(scaled[:n]) for n in sizes]
before = [calibkit.calibration_error(plain[:n], test_labels[:n]) for n in sizes]
after = [calibkit.calibration_error(scaled[:n], test_labels[:n]) for n in sizes]
for n, measured, floor in zip(sizes, after, floors):
    print(f"n = {n:4}, after scaling: ECE {measured:.1%}, floor {floor.mean:.1%}", end=" ")
    print(f"({floor.low:.1%} to {floor.high:.1%})")

# %%
fig, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
mean, low, high = 100 * np.array(floors).T
ax.fill_between(sizes, low, high, color="0.5", alpha=0.35, label="perfect model, 95 % of draws")
ax.plot(sizes, mean, color="0.3", label="perfect model, mean")
ax.plot(sizes, 100 * np.array(before), "s", color="#D55E00", label="our model before scaling")
ax.plot(sizes, 100 * np.array(after), "o", color="#0072B2", label="our model after scaling")
ax.set(xscale="log", yscale="log", xlabel="n, test images", ylabel="ECE in 15 bins, %")
ax.set_ylim(0.4, 25)
ax.set_xticks(sizes, sizes)
ax.set_yticks([0.5, 1, 2, 5, 10, 20], [0.5, 1, 2, 5, 10, 20])
ax.minorticks_off()
ax.set_title("The floor falls with n, the error before scaling hardly does")
_ = ax.legend(loc="lower left")

# %% [markdown]
# With nine times the images, 9000 for 1000, the floor is a third: 1.3 % for 3.8 %. It falls with
# the square root of *n*. The ECE before scaling hardly falls, and stays far above the band. After
# scaling all four dots lie in the band: in 15 bins even 9000 images do not show whether any error
# is left.
#
# Change the number of bins
# -------------------------
#
# Nothing says that there must be 15 bins. We take the same 9000 scaled answers in 6 bins and in
# 120.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("The same 9000 answers: smooth in 6 bins, ragged in 120")
for ax, n_bins in zip(axes, (6, 120)):
    calibkit.reliability_diagram(scaled, test_labels, n_bins=n_bins, title=f"{n_bins} bins", ax=ax)
    ax.lines[-1].set_markersize(3)  # smaller dots

# %% [markdown]
# Most of the ragged bars end in their grey bands, so chance can explain them. On the left one bar
# of six ends just below its band, as chance alone makes one in twenty do. As numbers:

# %%
for n_bins in (1, 6, 15, 30, 120):
    ece_plain = calibkit.calibration_error(plain, test_labels, n_bins=n_bins)
    ece_scaled = calibkit.calibration_error(scaled, test_labels, n_bins=n_bins)
    floor = calibkit.noise_floor(scaled, n_bins=n_bins)
    print(f"bins {n_bins:3}: before {ece_plain:.1%}, after {ece_scaled:.1%}", end=", ")
    print(f"floor after {floor.mean:.1%}")

# %% [markdown]
# Before scaling the ECE is 14.0 % with 1 bin and with 30. The model is too sure in nearly every
# bin, so the gaps add up to the mean confidence less the accuracy, wherever the edges lie.
#
# After scaling the ECE goes from 1.0 % with 1 bin to 3.7 % with 120, and the floor climbs beside
# it, from 0.4 % to 3.6 %. Two things can do that. In a wide bin gaps up and gaps down cancel, in
# narrow ones they add up. And the narrower a bin, the fewer images it holds, and the noisier its
# gap. We shall see below which of the two it is here.
#
# The edges matter as well. Bins of *equal mass* hold equally many images each, instead of being
# equally wide.

# %%
for n_bins in (6, 15):
    width = calibkit.calibration_error(scaled, test_labels, n_bins=n_bins)
    mass = calibkit.calibration_error(scaled, test_labels, n_bins=n_bins, binning="quantile")
    print(f"{n_bins:2} bins after scaling: equal width {width:.1%}, equal mass {mass:.1%}")

# %% [markdown]
# With 6 bins equal mass makes the ECE larger, with 15 smaller. Neither is wrong. They are two noisy
# estimates.
#
# Test the hypothesis
# -------------------
#
# Is the model calibrated, after scaling? `calibkit.calibration_test` counts how often a perfect
# model shows an ECE as large as ours, or larger. That share is the *p-value*. Where it is below
# 0.05, the custom is to say that chance does not explain the ECE: the test *rejects* that the model
# is calibrated. We stay with the 15 bins of the first lesson.

# %%
test_before = calibkit.calibration_test(plain, test_labels)
test_after = calibkit.calibration_test(scaled, test_labels)
print(f"before: ECE {test_before.calibration_error:.1%}, p = {test_before.p_value:.3f}")
print(f"after: ECE {test_after.calibration_error:.1%}, p = {test_after.p_value:.1f}", end=", ")
print("below 0.05" if test_after.p_value < 0.05 else "not below 0.05")
assert 0.05 < test_after.p_value < 0.1

# %% [markdown]
# Before scaling none of 1000 draws reaches 14.0 %, so that p is 0.001, the least that 1000 draws
# can give. After scaling p is 0.1, rounded: between 5 and 10 perfect models in 100 look as bad as
# ours, or worse. The test does not reject. The number of bins has to be chosen before looking, and
# here is why:

# %%
for n_bins in (5, 10, 15, 30):
    p_value = calibkit.calibration_test(scaled, test_labels, n_bins=n_bins).p_value
    print(f"{n_bins:2} bins: {'rejected' if p_value < 0.05 else 'not rejected'}")

# %% [markdown]
# On the same answers the test rejects in 5 and 10 bins, and does not in 15 and 30. Whoever tries
# several and reports one can have either verdict.
#
# Put an interval around it
# -------------------------
#
# A p-value does not say how large the error may be. A 95 % interval does: of 100 made in the same
# way, about 95 hold the error that endless images would show. The *bootstrap* (Davison and Hinkley
# 1997) draws 9000 of the 9000 images with replacement, a thousand times, and looks how much the gap
# of every bin varies. From this `calibkit.bootstrap_interval` finds all true errors with which an
# ECE like ours would be no surprise. They are the interval.

# %%
for name, p in (("before", plain), ("after", scaled)):
    interval = calibkit.bootstrap_interval(calibkit.calibration_error, p, test_labels)
    print(f"{name}: {interval.value:.1%}, 95 % interval {interval.low:.1%} to {interval.high:.1%}")
lows = [calibkit.bootstrap_interval(calibkit.calibration_error, perfect, y).low for y in drawn]
print("intervals of the perfect model begin at", ", ".join(f"{low:.1%}" for low in lows))

# %% [markdown]
# After scaling the interval goes from 0.0 % to 2.4 %. It begins at 0 because a perfect model could
# show an ECE of this size, too. The intervals of the perfect model itself also begin at 0, with
# each of its three sets of labels. The upper end says how large the error may be.
#
# Look up the truth
# -----------------
#
# In practice the story ends here. But we can draw as many glyphs as we like.
# `calibkit.glyphs100_population` holds the bins of 200 000 fresh images, counted once, also with
# the temperature that we have fitted. The noise floor of so many images follows from the square
# root.

# %%
for n_bins in (1, 6, 15, 30, 120):
    truth = calibkit.glyphs100_population(n_bins, scaled=True)
    print(f"after scaling, {n_bins:3} bins: {truth.calibration_error:.1%}")
n = truth.count.sum()
floor = floors[-1].mean * (9000 / n) ** 0.5
print(f"n = {n}, mean floor in 15 bins about {floor:.1%}")

# %% [markdown]
# The ECE of 200 000 images after scaling is 1.4 %, far above a floor of 0.3 %. It was there all the
# time.
#
# The first lesson said of the 1.7 % that it "cannot be told from chance", and of 9000 images in 15
# bins that is correct. To read it as "is chance" would be wrong. *Absence of evidence is not
# evidence of absence.* The interval of 0.0 % to 2.4 % was the better guide: it holds the truth.
#
# The number of bins hardly matters now: 1.4 % with 1 to 30 of them, 1.5 % with 120. So hardly
# anything cancels in wide bins, and the climb to 3.7 % above was noise. The gaps show why nothing
# cancels. For each bin we take the accuracy less the mean confidence, give or take about two
# standard errors of the accuracy: a 95 % interval again, from a formula.

# %%
centres = (np.arange(15) + 0.5) / 15


def gaps(bins):
    count = np.where(bins.count > 100, bins.count, np.nan)  # fewer images say little
    accuracy = bins.n_correct / count
    error = 1.96 * np.sqrt(accuracy * (1 - accuracy) / count)
    return 100 * (accuracy - bins.confidence_sum / count), 100 * error


# %%
true, true_error = gaps(calibkit.glyphs100_population(15, scaled=True))
gap, error = gaps(calibkit.reliability_bins(scaled, test_labels))
fig, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
ax.bar(centres, true, 0.055, yerr=true_error, color="#0072B2", label="200 000 images")
ax.errorbar(centres + 0.012, gap, error, fmt="o", color="#D55E00", label="9000 images")
ax.axhline(0, color="0.3", linewidth=1)
ax.set(xlabel="confidence of the top class", ylabel="accuracy less confidence, points")
ax.set_title("After scaling: a little too sure in nearly every bin")
_ = ax.legend()
print(f"{(true < 0).sum()} of {np.isfinite(true).sum()} blue bars are below 0")

# %% [markdown]
# Both come with 95 % intervals. 13 of the 14 blue bars are below 0: the scaled model is still a
# little too sure nearly everywhere. The orange intervals of the 9000 images are longer than the
# bars, so that hardly one keeps clear of 0. It takes more images to see gaps this small.
#
# Ask other questions
# -------------------
#
# The ECE has many relatives. Each answers its own question.
#
# - **Equal mass**: the ECE again, in bins that share the images evenly.
# - **Smooth** (Błasiok and Nakkiran 2024): the ECE without bins. It smooths the gaps along the
#   confidence, over a width that it finds itself.
# - **Kolmogorov-Smirnov** (Gupta et al. 2021): also without bins. It adds the gaps up from left to
#   right, with their signs, and takes the sum furthest from 0. Gaps of one sign pile up, noise
#   cancels.
# - **Root mean square**, ``norm="l2"``: squares the gaps before it takes the mean, and then the
#   root, so that large gaps count more. **Debiased** (Kumar et al. 2019): takes from each square
#   what chance is expected to add.
# - **Classwise** (Kull et al. 2019): asks of each of the 100 classes whether its probability can be
#   trusted, not only that of the top class, and takes the mean.
#
# Chance adds to each of them, so we draw perfect labels a hundred times and compare. We call our
# error *above* if at most 5 of the 100 perfect ones reach it, else *within*.

# %%
ece = calibkit.calibration_error
relatives = {
    "ECE, equal width": ece,
    "ECE, equal mass": partial(ece, binning="quantile"),
    "smooth": calibkit.smooth_calibration_error,
    "Kolmogorov-Smirnov": calibkit.ks_calibration_error,
    "root mean square": partial(ece, norm="l2"),
    "the same, debiased": partial(ece, norm="l2", debias=True),
    "classwise": calibkit.classwise_calibration_error,
}

# %%
generator = torch.Generator().manual_seed(1)
draws = [draw_labels(scaled, generator) for _ in range(100)]
results = {}
for name, error in relatives.items():
    before, after = error(plain, test_labels), error(scaled, test_labels)
    chance = np.array([error(scaled, y) for y in draws])
    results[name] = after, *np.quantile(chance, [0.05, 0.95])
    verdict = "above" if (chance >= after).sum() <= 5 else "within"
    print(f"{name:18} before {before:4.1%}, perfect {chance.mean():.1%}; after: {verdict}")

# %%
fig, axes = plt.subplots(2, 1, figsize=(7.2, 4.4), height_ratios=[6, 1.3], layout="constrained")
fig.suptitle("After scaling, only two of seven errors stand out from chance")
for ax, names in zip(axes, (list(results)[:-1], ["classwise"])):
    after, low, high = 100 * np.array([results[name] for name in names]).T
    ax.barh(names, high - low, 0.5, low, color="0.7", label="perfect model, middle 90 of 100 draws")
    ax.plot(after, names, "o", color="#0072B2", label="our model")
    ax.invert_yaxis()
axes[0].set_xlim(0, 2.5)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
_ = axes[1].set(xlabel="calibration error, %", xlim=(0.15, 0.3))

# %% [markdown]
# Before scaling four of them agree on 14.0 %. The root mean square is larger, because large gaps
# count more. The classwise error, 0.4 %, is not to be compared with the others: most of the 100
# probabilities of an image are close to 0, and so are their gaps. It has an axis of its own.
#
# After scaling they part. Five lie within chance. Debiasing takes the mean of a perfect model from
# 1.6 % to 0.4 %, but does not make the grey bar shorter. Kolmogorov-Smirnov stands above: our gaps
# are small and mostly of one sign, just what it looks for. Classwise stands above by far: it looks
# at all 100 probabilities of an image, of which the other six see one.
#
# We know the truth, so we know that Kolmogorov-Smirnov is right here. Without it we should beware:
# whoever tries seven errors may well find one that stands out by chance. Like the number of bins,
# the error is chosen before looking.
#
# Report an ECE
# -------------
#
# `calibkit.evaluate` takes all of this at once. From its fields we make the lines that go into a
# paper.

# %%
report = calibkit.evaluate(logits[test], test_labels, scaler=scaler)
after, change = report.after, report.change.ece
print(f"top-label ECE, {report.n_bins} bins of equal width, n = {report.n_samples}:", end=" ")
print(f"{after.ece.value:.1%} (95 % interval {after.ece.low:.1%} to {after.ece.high:.1%})")
floor = after.noise_floor
print(f"a perfect model: {floor.mean:.1%} ({floor.low:.1%} to {floor.high:.1%})", end=", ")
print(f"p = {after.p_value:.1f}")
print(f"change by scaling: {change.value:+.1%} ({change.low:+.1%} to {change.high:+.1%})")

# %% [markdown]
# The interval begins at 0.0 % and the test does not reject: the report leaves room for a perfect
# model. The change of -12.3 points is no chance: its interval stays far from 0.
#
# So, is an ECE of 1.7 % good? From 9000 images, the error may be 0 and may be 2.4 %. We know that
# it is near 1.4 %: confidence is off by little more than 1 point. Whether that is good enough is
# for the use to say, not for a p-value.
#
# A checklist for every ECE that we write or read:
#
# - Which error is it: top-label or classwise, which norm, how many bins, of equal width or mass?
# - How many test images, and were they kept out of training and fitting?
# - What would a perfect model show on them, and what is the interval?
# - Were the bins and the kind of error chosen before looking?
# - Is a small ECE called "not told from chance" and not "calibrated"?

# %% [markdown]
# What we have seen
# -----------------
#
# - One and the same perfectly calibrated model scores 3.3 % on 1000 images and 1.0 % on 10 000, on
#   average. An ECE is read beside this floor.
# - More bins mean more noise. While all gaps have one sign, the number of bins hardly matters.
# - After scaling, 9000 images in 15 bins could not tell our 1.7 % from chance. 200 000 could: the
#   true error is near 1.4 %. A test that does not reject has not shown that there is nothing.
# - Other calibration errors answer other questions. On a large error of one sign most agree, on a
#   small one they need not.

# %% [markdown]
# Exercises
# ---------
#
# 1. How many test images would bring the mean noise floor of the scaled model, 15 bins, down to
#    half a percent? Use the 1.3 % at n = 9000 and the way in which the floor falls with *n*.

# %%
n_needed = None
if n_needed is not None:
    assert n_needed > 9000, "the floor falls as n grows"
    assert n_needed > 40_000, "too few: how many images does it take to halve the floor?"
    assert n_needed < 75_000, "too many: the floor falls with the square root of n"

# %% [markdown]
# 2. A colleague is alarmed. The largest gap of any bin after scaling, the maximum calibration error
#    of ``norm="max"``, is nearly five points. Take the mean of this error over the 100 sets
#    of perfect labels in ``draws``. Is there reason for alarm? Which bins make it so large?

# %%
mean_maximum_if_perfect = None
if mean_maximum_if_perfect is not None:
    measured = calibkit.calibration_error(scaled, test_labels, norm="max")
    assert mean_maximum_if_perfect < 1, "enter a fraction, not a percentage"
    assert abs(mean_maximum_if_perfect - measured) > 0.001, "take the drawn labels, not the true"
    assert mean_maximum_if_perfect > 0.03, "this is small: is norm 'max' in every call?"
    assert 0.071 < mean_maximum_if_perfect < 0.076, "take the mean over all draws, with 15 bins"

# %% [markdown]
# 3. Collect more data. ``calibkit.glyphs100_logits(20_000)`` holds our 10 000 images and 10 000 new
#    ones behind them. Scale, join the new ones to the 9000, and enter the p-value of the 19 000
#    with 15 bins. Does the test find the error now? Then look at 1 bin.

# %%
p_value_of_19000 = None
if p_value_of_19000 is not None:
    assert abs(p_value_of_19000 - test_after.p_value) > 0.002, (
        "this is the p-value of 9000: join the new images"
    )
    assert p_value_of_19000 > 0.01, "too small: are all logits scaled, with 15 bins?"
    assert 0.085 < p_value_of_19000 < 0.14, "join 9000 and 10 000, without the calibration set"

# %% [markdown]
# References
# ----------
#
# - Błasiok and Nakkiran (2024). Smooth ECE: Principled Reliability Diagrams via Kernel Smoothing.
#   ICLR. https://arxiv.org/abs/2309.12236
# - Davison and Hinkley (1997). Bootstrap Methods and Their Application. Cambridge University
#   Press. https://doi.org/10.1017/CBO9780511802843
# - Gupta, Rahimi, Ajanthan, Mensink, Sminchisescu and Hartley (2021). Calibration of Neural
#   Networks using Splines. ICLR. https://arxiv.org/abs/2006.12800
# - Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond temperature scaling:
#   Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS.
#   https://arxiv.org/abs/1910.12656
# - Kumar, Liang and Ma (2019). Verified Uncertainty Calibration. NeurIPS.
#   https://arxiv.org/abs/1909.10155
# - Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model Calibration
#   in Classification. AISTATS. https://arxiv.org/abs/1902.06977
