# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Does calibration hold outside the lab?
======================================

A classifier's *confidence* is the largest of its probabilities. The classifier is *calibrated* if
it is right as often as its confidence claims. We calibrate a network on images from the lab. Then
it meets other data, which is called a *dataset shift*. What is its confidence worth there?

What you will do
----------------

You expose a calibrated network to three kinds of shift: harder images, other class proportions and
unknown classes. Then you repair what can be repaired.

What you will learn
-------------------

- when calibration in one place helps in another, and when it hurts
- how to correct changed class proportions, and when that goes wrong
- what you can check without labels

What you need
-------------

You need lesson 10 and less than a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Does calibration hold outside the lab?
# --------------------------------------
#
# - We calibrate a network once, in the lab
# - Then the images, the classes or their proportions change
# - What still holds, and what can we repair?
#
# Say: Until now, most of our test images came from the same source as the calibration images. In
# practice that is rarely true. Ask the room for examples of what changes between the day a model
# is calibrated and the day it is used. Sort the answers into three columns: the images change, the
# class proportions change, or things turn up that belong to no class. We meet all three today.

# %% [markdown]
# The answer in one picture
# -------------------------
#
# We fetch the *logits* of a network, its outputs before the softmax, and fit a *temperature* on
# images from the lab. *Temperature scaling* divides all logits by this number.

# %% tags=["setup"]
import torch
from matplotlib import pyplot as plt

import calibkit

logits, labels = calibkit.glyphs100_logits()
at = [logits[:2000]] + [
    calibkit.glyphs100_logits(2000, severity=s)[0] for s in range(1, 6)
]
truth = labels[:2000]

# %% tags=["setup"]
others, others_truth = logits[2000:], labels[2000:]
calib, test = calibkit.split_calibration(
    others_truth, 1000, seed=0, stratify=others_truth
)
lab_scaler = calibkit.TemperatureScaler()
lab_scaler.fit_logits(others[calib.indices], others_truth[calib.indices])
lab, lab_truth = others[test.indices], others_truth[test.indices]

# %% [markdown]
# We test at six strengths of shift, called *severities*, from zero (no shift) to five. For each
# severity, the list ``at`` holds the logits of 2000 images. The first 500 are for later use, and
# the others are our test images. After scaling, we compare their mean confidence with the
# *accuracy*, the share of right answers.

# %%
after = [lab_scaler(z[500:]).softmax(-1) for z in at]
accuracy = [calibkit.accuracy(p, truth[500:]) for p in after]
confidence = [float(p.amax(-1).mean()) for p in after]
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.plot(confidence, "o--", color="#0072B2", label="mean confidence")
ax.plot(accuracy, "s-", color="black", label="accuracy")
ax.fill_between(range(6), accuracy, confidence, color="0.85")
ax.text(4.35, 0.345, "gap", ha="center", va="center", fontsize=11)
ax.set(xlabel="severity", ylabel="accuracy, confidence", ylim=(0, 0.8))
ax.set_title("Outside the lab, confidence falls more slowly than accuracy")
_ = ax.legend(loc="upper right")
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# Confidence falls, but not fast enough
# -------------------------------------
#
# - One network, one temperature, six strengths of shift
# - Confidence notices the shift
# - Accuracy falls further than confidence
#
# Say: Show the picture at the start and leave it on the wall. At severity 0 the two lines almost
# meet. Ask what a model would look like that has perfect knowledge of its own limits: its lines
# would coincide everywhere, even while both fall. Calibration does not mean being good. It means
# knowing how good you are, and that knowledge is lost here.

# %% [markdown]
# Without shift the two lines meet. As the images become harder, both lines fall, but confidence
# falls too slowly. The network notices that something is wrong, but not how much.

# %% [markdown]
# Work through three logits by hand
# ---------------------------------
#
# Suppose that in the lab a network returns the first logits below and is right seven times in ten.
# A temperature of 1.5 makes its confidence match this. In the rain the largest logit is lower, and
# the network is right only five times in ten.
#
# **Before you run this:** the temperature stays. Will the confidence fall to about one half?

# %%
dry, rain = [3.0, 1.0, 0.0], [2.4, 1.0, 0.0]
for z, t in ((dry, 1.5), (rain, 1.5), (rain, 2.7)):
    p = (torch.tensor(z) / t).softmax(-1)
    print(f"logits {z} with T = {t}: confidence {p.max():.2f}")

# %% [markdown]
# The confidence does not fall far enough. The rain needs a larger temperature, and only counting
# right answers in the rain can tell us so.

# %% [markdown]
# Meet the shifted images
# -----------------------
#
# Our images are glyphs, such as letters and digits, of a hundred classes. Warp, noise and the
# distance from the centre grow with the severity. We draw four glyphs that the network reads
# correctly without shift and misreads at the highest severity.

# %%
chosen = (2, 16, 26, 39)
fig, axes = plt.subplots(2, 4, figsize=(7.6, 4.6), layout="constrained")
fig.suptitle("The same four glyphs without shift and at severity 5")
for severity, row in zip((0, 5), axes):
    drawn = calibkit.Glyphs100(40, seed=2, severity=severity)
    row[0].set_ylabel(f"severity {severity}", fontsize=12)
    for i, ax in zip(chosen, row):
        glyph = drawn.classes[drawn.targets[i]]
        answer = drawn.classes[at[severity][i].argmax()]
        ax.imshow(drawn.images[i].permute(1, 2, 0).numpy())
        ax.set_title(f"{glyph}, answer {answer}", fontsize=12)
        ax.set(xticks=[], yticks=[])

# %% [markdown] tags=["slide"]
# The same glyphs, only harder to read
# ------------------------------------
#
# - More warp, more noise, further from the centre
# - The labels stay the same
# - Every glyph has one role: to fit or to test
#
# Say: The network misreads all four glyphs at severity 5, because we chose them so. Can the room
# still read them? Point out that the same glyph exists at every severity. If we fitted on a glyph
# at severity 3 and tested on its twin at severity 0, we would test on images that we had already
# used. Real data sets hide such twins too: frames of one video, or several scans of one patient.

# %% [markdown]
# The same glyphs return at every severity. A test is fair only if we have fitted on none of its
# glyphs at any severity. So each glyph has one role. The first 500 are for new fits, and the next
# 1500 for tests under shift. The others belong to the lab.

# %% [markdown]
# Measure the damage
# ------------------
#
# The *expected calibration error* (ECE) sorts the images by confidence into bins of equal width
# and takes the gap between accuracy and mean confidence in each bin. It averages these gaps,
# weighted by the number of images in the bin.
#
# The *noise floor* is the mean ECE that a perfectly calibrated network shows by chance. In
# brackets we print its *range*, which holds the ECE of such a network on 95% of test sets.

# %%
print("n = 1500 images, 15 bins, confidence before -> after scaling")
print("severity  accuracy  confidence        ECE   noise floor (95% range)")
for s, p in enumerate(after):
    before = at[s][500:].softmax(-1).amax(-1).mean()
    ece = calibkit.calibration_error(p, truth[500:])
    floor = calibkit.noise_floor(p)
    print(
        f"{s:8}  {accuracy[s]:8.1%}  {before:.1%} -> {confidence[s]:.1%}",
        end="",
    )
    print(f"  {ece:5.1%}  {floor.mean:.1%}", end=" ")
    print(f"({floor.low:.1%} to {floor.high:.1%})")

# %% [markdown]
# Without shift the ECE lies within the range, so these images show no sign of miscalibration. The
# ECE grows with every step of the severity, until it lies far above the range. At the highest
# severity, the network claims to be right about twice as often as it is.

# %% [markdown]
# Use the old temperature elsewhere
# ---------------------------------
#
# Should we switch the temperature off outside the lab? `calibkit.check_shift` compares the
# *negative log-likelihood* (NLL) with and without the temperature. The NLL is the mean of minus
# the logarithm of the probability of the true class, and lower is better. The verdict is "helps"
# or "hurts" only if the 95% interval of the change excludes zero. (About 95 of a hundred such
# intervals hold the true value.)
#
# **Before you run this:** at which severity does the temperature help most?

# %%
print("change in NLL with its 95% interval")
for s, z in enumerate(at):
    check = calibkit.check_shift(lab_scaler, z[500:], truth[500:])
    nll = check.report.change.nll
    print(f"severity {s}: {check.verdict}, {nll.value:+.2f}", end=" ")
    print(f"({nll.low:+.2f} to {nll.high:+.2f})")

# %% [markdown]
# The temperature helps most at the highest severity. The table above shows why: without scaling,
# confidence is too high even in the lab, and far more so under shift. The temperature of the lab
# lowers confidence, but not enough. So "helps" does not mean "calibrated".
#
# Can a temperature also hurt? We fit one at the highest severity and use it in the lab.

# %%
rainy = calibkit.TemperatureScaler().fit_logits(at[5][:500], truth[:500])
check = calibkit.check_shift(rainy, lab, lab_truth)
nll = check.report.change.nll
print(f"T = {rainy.temperature:.1f} in the lab {check.verdict}", end=": ")
print(f"NLL {nll.value:+.2f} ({nll.low:+.2f} to {nll.high:+.2f})")

# %% [markdown]
# This temperature is worse than none, because it lowers confidence too far. A temperature suits
# images like those that it was fitted on.

# %% [markdown] tags=["slide"]
# Better than nothing is not calibrated
# -------------------------------------
#
# - On harder images, the temperature of the lab helps
# - It does not go far enough to calibrate them
# - On easier images, a temperature can hurt
#
# Say: Take a vote before you show the output: does the old temperature help or hurt at severity 5?
# Many expect that it hurts. It helps more than anywhere else, because the network without a
# temperature is furthest off there. Then turn the question round. What happens to a temperature
# from bad images that is used on good ones?

# %% [markdown]
# Fit a temperature for each severity
# -----------------------------------
#
# With labels from the new place, we can fit again. At each severity we fit on the first 500 glyphs
# and test as before.

# %% tags=["setup"]
local = [
    calibkit.TemperatureScaler().fit_logits(z[:500], truth[:500]) for z in at
]

# %%
new = [scaler(z[500:]).softmax(-1) for scaler, z in zip(local, at)]
ece = [
    [calibkit.calibration_error(p, truth[500:]) for p in ps]
    for ps in (after, new)
]
floors = [calibkit.noise_floor(p) for p in new]
print("T:", ", ".join(f"{scaler.temperature:.1f}" for scaler in local))
print("ECE:", ", ".join(f"{e:.1%}" for e in ece[1]))
highest = ", ".join(f"{floor.high:.1%}" for floor in floors)
print("noise floor, upper end of its range:", highest)

# %%
ranges = [scaler.summary.temperature_interval for scaler in local]
centre = [scaler.temperature for scaler in local]
below = [t - low for t, (low, high) in zip(centre, ranges)]
above = [high - t for t, (low, high) in zip(centre, ranges)]
fig, (left, right) = plt.subplots(1, 2, figsize=(8, 3.8), layout="constrained")
fig.suptitle("Harder images need a larger temperature, which lowers the ECE")
bars = {"fmt": "o-", "color": "#009E73", "capsize": 4}
left.errorbar(
    range(6), centre, [below, above], **bars, label="local T, 95% interval"
)
lab_line = {"color": "#0072B2", "linestyle": "--"}
left.axhline(lab_scaler.temperature, **lab_line, label="T of the lab")
right.plot(ece[0], "s", **lab_line, label="T of the lab")
right.plot(ece[1], "o-", color="#009E73", label="local T")
right.plot([floor.mean for floor in floors], ":k", label="noise floor")
low, high = zip(*[(floor.low, floor.high) for floor in floors])
right.fill_between(range(6), low, high, color="0.88", label="its 95% range")
left.set(xlabel="severity", ylabel="temperature", ylim=(1, 3.5))
right.set(xlabel="severity", ylabel="ECE, 15 bins", ylim=(0, 0.3))
_ = left.legend(loc="upper left"), right.legend(loc="upper left")

# %% [markdown] tags=["slide"]
# New labels repair most of it
# ----------------------------
#
# - The temperature that images need rises with the severity
# - 500 labelled images bring the ECE down again
# - No temperature repairs the accuracy
#
# Say: A new temperature needs labels from the new place, and one temperature serves one place
# only. Ask how the model would know at run time which of the six temperatures to use. It would
# need something that recognises the severity. Ask also what did not get better: the accuracy,
# because dividing all logits by the same number never changes which of them is the largest.

# %% [markdown]
# The temperature that the images need rises with the severity. With such a temperature, the ECE
# lies within the range of the noise floor or close to it. The price is labels from every new
# place.

# %% [markdown]
# Correct class proportions by hand
# ---------------------------------
#
# In a *label shift* the classes become more or less frequent, while the images of each class look
# as before. Suppose that a network cannot decide between the digit zero and the letter O, which
# were equally frequent in the lab. At a cash desk, the digit is ten times as frequent as the
# letter. Bayes' rule multiplies the *odds*, the ratio of the two probabilities, by ten.
# `calibkit.adjust_prior` does this for logits.

# %%
undecided = torch.tensor([[0.0, 0.0]])
moved = calibkit.adjust_prior(undecided, source=[1, 1], target=[10, 1])
print(moved.softmax(-1))

# %% [markdown]
# Estimate the proportions without labels
# ---------------------------------------
#
# Nobody tells us the proportions. `calibkit.estimate_prior` finds those that explain the unlabelled
# images best (Saerens et al. 2002). It needs calibrated logits and the *source*, the mean
# probability of each class in the calibration set. Our cash desk keeps all digits of the lab's test
# images and one in ten of the others.

# %% tags=["setup"]
source = lab_scaler(others[calib.indices]).softmax(-1).mean(0)
kept = lab_truth < 10
kept[1::10] = True
desk, desk_truth = lab_scaler(lab[kept]), lab_truth[kept]

# %%
estimate = calibkit.estimate_prior(desk, source)
print(f"{len(desk)} images, share of the ten digits")
print(f"  in the calibration set {source[:10].sum():.0%}")
print(f"  at the cash desk, true {(desk_truth < 10).float().mean():.0%}")
print(f"  estimated {estimate.proportions[:10].sum():.0%}")

# %% [markdown]
# The estimate finds most of the change, but is too low. It used no labels, so we may test the
# correction on the same images.

# %%
formats = {
    calibkit.accuracy: ".1%",
    calibkit.negative_log_likelihood: ".2f",
    calibkit.calibration_error: ".1%",
}


def correct(z, y):
    estimate = calibkit.estimate_prior(z, source)
    adjusted = calibkit.adjust_prior(z, source, estimate.proportions)
    before, after = z.softmax(-1), adjusted.softmax(-1)
    for metric, f in formats.items():
        change = calibkit.paired_difference(metric, before, after, y)
        print(f"{metric.__name__:23} {metric(before, y):{f}}", end=" -> ")
        print(f"{metric(after, y):{f}}, change {change.value:+{f}}", end=" ")
        print(f"({change.low:+{f}} to {change.high:+{f}})")
    floor, low, high = calibkit.noise_floor(after)
    print(f"noise floor afterwards  {floor:.1%} ({low:.1%} to {high:.1%})")


correct(desk, desk_truth)

# %% [markdown]
# On this split, accuracy and NLL improve, and both intervals exclude zero. The interval of the ECE
# contains zero, so the ECE does not show this improvement. Both ECEs lie close to the noise floor,
# so most of each may be chance.
#
# The method assumes that the images of each class look as in the lab. At the highest severity that
# is false, while the proportions are unchanged.

# %%
correct(lab_scaler(at[5][500:]), truth[500:])

# %% [markdown]
# All three measures become worse. The method explains strange images by a change of proportions
# that never happened. Use it only if you know that nothing else has changed.

# %% [markdown] tags=["slide"]
# A correction without labels, and its price
# ------------------------------------------
#
# - Label shift: classes more frequent, images unchanged
# - The proportions can be estimated without a label
# - On images that changed, the same correction does harm
#
# Say: This correction feels like magic, because it needs no labels. The price is an assumption:
# that the images of each class look exactly as they did in the lab. Ask how you would know. Here
# the labels told us, because we had kept them for the test. Without them you can only know it from
# how the data came about.

# %% [markdown]
# Show the network what it has never seen
# ---------------------------------------
#
# The third shift brings *unseen classes*, such as Cyrillic letters and arrows. The network must
# still choose among the classes that it knows, so every answer is wrong.

# %% tags=["setup"]
unseen, unseen_truth = calibkit.glyphs100_logits(2000, seed=3, unseen=True)

# %%
names = {0: "Ч", 2: "Я", 4: "→", 8: "Ж", 9: "↑", 12: "∃"}
# calibkit gives all unseen glyphs the label -1. We named these by eye.
confidences, answers = lab_scaler(unseen).softmax(-1).max(-1)
glyphs = calibkit.Glyphs100(20, seed=3, unseen=True)
fig, axes = plt.subplots(2, 3, figsize=(6.4, 5), layout="constrained")
fig.suptitle("The network knows none of these six glyphs and answers anyway")
for i, ax in zip(names, axes.flat):
    answer = glyphs.classes[answers[i]]
    ax.imshow(glyphs.images[i].permute(1, 2, 0).numpy())
    ax.set_title(f"{names[i]}, answer {answer}: {confidences[i]:.0%}")
    ax.axis("off")

# %% [markdown] tags=["slide"]
# It answers what it cannot know
# ------------------------------
#
# - These six glyphs belong to none of the classes
# - Every answer is wrong, whatever its confidence
# - Some wrong answers come with high confidence
#
# Say: Let the room guess what the network answers before you show the titles. Many answers are
# sensible: the arrow resembles an equals sign, and the mirrored E resembles a three. A person
# would say that this sign is not in the list. The network has no such answer, so it picks the most
# similar class that it knows.

# %% [markdown]
# We compare the confidence on all unseen glyphs with the confidence of right and of wrong answers
# in the lab.

# %%
of_lab, of_lab_answers = lab_scaler(lab).softmax(-1).max(-1)
right = of_lab_answers == lab_truth
groups = {
    "right": of_lab[right],
    "wrong": of_lab[~right],
    "unseen": confidences,
}
for name, values in groups.items():
    print(f"{name:6} n = {len(values)}, median {values.median():.2f}")

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
styles = (("#0072B2", "s-"), ("black", "^:"), ("#D55E00", "o--"))
bins = torch.linspace(0, 1, 11)
middles = (bins[1:] + bins[:-1]) / 2
for (name, values), (color, line) in zip(groups.items(), styles):
    share = torch.histogram(values, bins).hist / len(values)
    ax.plot(middles, share, line, color=color, linewidth=2, label=name)
ax.set(xlabel="confidence, T of the lab", xlim=(0, 1), ylim=(0, 0.3))
ax.set_ylabel("share of the group, bins of 0.1")
ax.set_title(
    "Unseen glyphs get about the confidence of wrong answers, or more"
)
_ = ax.legend(loc="upper center", ncols=3)

# %% [markdown] tags=["slide"]
# Low confidence means hard, and not unknown
# ------------------------------------------
#
# - Every answer to an unseen glyph is wrong
# - Its confidence resembles that of ordinary mistakes
# - Calibration knows only the classes of the lab
#
# Say: Look at where the dashed line lies. If confidence recognised the unknown, it would pile up at
# the far left. Instead it follows the line of wrong answers, and even lies a little to the right of
# it. The probabilities of the known classes add up to one. They leave nothing for the answer "none
# of these".

# %% [markdown]
# If confidence recognised the unknown, the dashed line would peak at the far left. Instead it
# resembles the line of the wrong answers, with a higher median. Low confidence means "hard", not
# "unknown". The network has no answer "none of these".

# %% [markdown]
# Check what you can without labels
# ---------------------------------
#
# The mean confidence needs no labels. After ± we print two *standard errors*. A standard error is
# the typical amount by which chance moves a mean.
#
# **Before you run this:** which of the three shifts will move the mean confidence?

# %%
places = {
    "lab": (lab, lab_truth),
    "severity 2": (at[2][500:], truth[500:]),
    "cash desk": (lab[kept], lab_truth[kept]),
    "unseen": (unseen, unseen_truth),
}
for name, (z, y) in places.items():
    p, answer = lab_scaler(z).softmax(-1).max(-1)
    error = 2 * p.std() / len(p) ** 0.5
    print(f"{name:10} mean confidence {p.mean():.0%} ± {error:.0%}", end=", ")
    print(f"accuracy {(answer == y).double().mean():.0%}")

# %% [markdown]
# The mean confidence falls at severity two. It falls about as far on the unseen glyphs, where no
# answer is right. At the cash desk it hardly moves, although digits are about five times as
# frequent there. So a fall does not tell you what has changed, and a steady mean does not tell you
# that all is well.

# %% [markdown] tags=["published"]
# What others have found
# ----------------------
#
# Ovadia et al. (2019) found that temperature scaling falls short under many shifts. Alexandari et
# al. (2020) found that correcting a label shift works well after calibration.

# %% [markdown] tags=["slide"]
# Remember
# --------
#
# - A temperature is good for the images it was fitted on
# - Each repair needs labels or an assumption about the shift
# - Without either you can raise an alarm, but repair nothing
#
# Say: Ask everyone to name, for their own project, one change that will happen after calibration
# and how they would notice it. If the honest answer is that they would not notice, the remedy is
# to plan for a small stream of labels from the place where the model works.

# %% [markdown]
# What we have seen
# -----------------
#
# - As images become harder, confidence falls more slowly than accuracy.
# - The temperature of the lab helps on harder images but does not repair the ECE. A temperature
#   from hard images hurts in the lab.
# - Changed class proportions can be corrected without labels, if nothing else has changed.
# - Confidence does not recognise unseen classes. Without labels, you cannot tell what it is worth
#   after an unknown shift.

# %% [markdown]
# Exercises
# ---------

# %% [markdown]
# 1. A repaired camera delivers severity 1 instead of 3, but ``local[3]`` is still in use. Enter
#    what `calibkit.check_shift` returns for this scaler on the test glyphs. Is "helps" the whole
#    story?

# %% tags=["answer"]
repaired_camera = None

# %% tags=["solution"]
repaired_camera = calibkit.check_shift(local[3], at[1][500:], truth[500:])

# %% tags=["wrong"]
wrong = [
    calibkit.check_shift(local[3], at[3][500:], truth[500:]),
    calibkit.check_shift(lab_scaler, at[1][500:], truth[500:]),
    calibkit.check_shift(local[3], at[1], truth),
    calibkit.check_shift(local[3], at[1][:500], truth[:500]),
    calibkit.check_shift(local[1], at[1][500:], truth[500:]),
    calibkit.check_shift(local[3], local[3](at[1][500:]), truth[500:]),
    "helps",
]

# %% tags=["check"]
if repaired_camera is not None:
    hint = "enter what check_shift returns, not only its verdict"
    assert isinstance(repaired_camera, calibkit.ShiftCheck), hint
    report = repaired_camera.report
    assert report.n_samples == 1500, "use the 1500 glyphs from number 500 on"
    used = report.summary.temperature
    hint = "this is another temperature: local[3] is still in use"
    assert abs(used - local[3].temperature) < 1e-4, hint
    now = calibkit.accuracy(at[1][500:].softmax(-1), truth[500:])
    hint = "these images are not those of severity 1, after the repair"
    assert abs(report.before.accuracy.value - now) < 1e-4, hint
    hint = "pass the network's own logits: check_shift applies the scaler"
    assert repaired_camera.refit.temperature > 1.3, hint
    print(f"local[3] {repaired_camera.verdict} at severity 1", end=": ")
    print(f"change in NLL {report.change.nll.value:+.2f}")

# %% tags=["solution"]
usual = calibkit.check_shift(lab_scaler, at[1][500:], truth[500:])
print(f"temperature of the lab: {usual.report.change.nll.value:+.2f}")

# %% [markdown] tags=["solution"]
# The verdict is "helps", and so it is for the temperature of the lab, which lowers the NLL
# further. `calibkit.check_shift` compares a scaler with no scaling at all. It does not compare it
# with its rivals, so "helps" does not mean that no better temperature exists. The usual mistake is
# to stop at the verdict. Always look at the temperature that the images themselves ask for.

# %% [markdown]
# 2. A product answers only if the scaled confidence reaches a threshold. One in twenty of the
#    lab's test images stays below it. Which fraction of the unseen glyphs does the product answer?

# %% tags=["answer"]
unseen_answered = None

# %% tags=["solution"]
confidence_lab = lab_scaler(lab).softmax(-1).amax(-1)
confidence_unseen = lab_scaler(unseen).softmax(-1).amax(-1)
threshold = confidence_lab.quantile(0.05)
unseen_answered = (confidence_unseen >= threshold).double().mean()

# %% tags=["wrong"]
confidence_lab = lab_scaler(lab).softmax(-1).amax(-1)
confidence_unseen = lab_scaler(unseen).softmax(-1).amax(-1)
raw = unseen.softmax(-1).amax(-1)
wrong = [
    (confidence_unseen >= confidence_lab.quantile(0.95)).double().mean(),
    (confidence_unseen < confidence_lab.quantile(0.05)).double().mean(),
    (raw >= confidence_lab.quantile(0.05)).double().mean(),
    (raw >= lab.softmax(-1).amax(-1).quantile(0.05)).double().mean(),
    (confidence_unseen >= 0.95).double().mean(),
    90.1,
    0.95,
]

# %% tags=["check"]
if unseen_answered is not None:
    share = float(unseen_answered)
    assert 0 <= share <= 1, "enter a fraction between 0 and 1"
    hint = "images above the threshold are answered, and in the lab most are"
    assert share > 0.5, hint
    reference = lab_scaler(lab).softmax(-1).amax(-1).sort().values
    limit = reference[len(reference) // 20]
    passed = lab_scaler(unseen).softmax(-1).amax(-1) >= limit
    hint = "use scaled confidences, both for the threshold and for the glyphs"
    assert abs(share - passed.double().mean()) < 0.004, hint
    print(f"{share:.0%} of the unseen glyphs are answered, all wrongly")

# %% tags=["solution"]
limit = lab.softmax(-1).amax(-1).quantile(0.05)
unscaled = (unseen.softmax(-1).amax(-1) >= limit).double().mean()
print(f"without scaling, with a threshold of its own: {unscaled:.0%}")

# %% [markdown] tags=["solution"]
# A threshold that spares nearly all lab images lets nearly all unseen glyphs through as well,
# because the two groups overlap so much. People often expect calibration to help here. Without
# scaling the result is almost the same: the temperature changes how large the confidences are, but
# hardly changes the order of the images. The usual mistake is to take the threshold from one kind
# of confidence and compare it with the other.

# %% [markdown]
# 3. From which temperature on is the NLL of the lab's test images higher than without scaling?
#    Give one decimal place.

# %% tags=["answer"]
hurts_from = None


# %% tags=["solution"]
def nll(t, z=lab, y=lab_truth):
    return calibkit.negative_log_likelihood((z / t).softmax(-1), y)


grid = torch.arange(1.5, 4, 0.02).tolist()
without = nll(1)
hurts_from = next(t for t in grid if nll(t) > without)

# %% tags=["wrong"]
wrong = [1.0, 1.5, 2.0, 2.5, 2.9, 4.0, 6.0]

# %% tags=["check"]
if hurts_from is not None:
    hint = "at this temperature scaling still helps, or changes nothing at all"
    t = float(hurts_from)
    assert t > 1.1, hint
    change = calibkit.negative_log_likelihood((lab / t).softmax(-1), lab_truth)
    change -= calibkit.negative_log_likelihood(lab.softmax(-1), lab_truth)
    assert change > -0.016, hint
    assert change < 0.016, "scaling already hurts at lower temperatures"
    print(f"at T = {t:.1f} the benefit is used up: change in NLL near 0")

# %% tags=["solution"]
z, y = at[5][500:], truth[500:]
print(f"severity 5: NLL {nll(1, z, y):.2f} without scaling", end=", ")
print(f"{nll(1e6, z, y):.2f} for a huge T")

# %% [markdown] tags=["solution"]
# Between the best temperature, about 1.5, and the first one that hurts there is much room, so a
# temperature must be badly wrong before none would be better. If no temperature on your grid
# hurts, its last value is merely the end of the grid. At severity 5 there is no crossing at all. A
# huge temperature makes all 100 classes equally probable, which costs an NLL of 4.61, and even
# that is better than the confidence of the network without scaling.

# %% [markdown]
# 4. How steady is a temperature from few labels? At severity 3, fit one on each of the first ten
#    groups of 50 glyphs, and enter the list.

# %% tags=["answer"]
ten_temperatures = None

# %% tags=["solution"]
ten_temperatures = []
for i in range(0, 500, 50):
    part = calibkit.TemperatureScaler()
    part.fit_logits(at[3][i : i + 50], truth[i : i + 50])
    ten_temperatures.append(part.temperature)


# %% tags=["wrong"]
def fits(z, y, step):
    scalers = [
        calibkit.TemperatureScaler().fit_logits(
            z[i : i + step], y[i : i + step]
        )
        for i in range(0, 10 * step, step)
    ]
    return [scaler.temperature for scaler in scalers]


wrong = [
    [local[3].temperature] * 10,
    fits(at[0], truth, 50),
    fits(at[3][500:], truth[500:], 50),
    fits(at[3], truth, 50)[:5],
    local[3].temperature,
    [
        calibkit.TemperatureScaler()
        .fit_logits(at[3][: 50 * k], truth[: 50 * k])
        .temperature
        for k in range(1, 11)
    ],
]

# %% tags=["check"]
if ten_temperatures is not None:
    given = torch.as_tensor(ten_temperatures, dtype=torch.float64)
    assert given.shape == (10,), "enter ten temperatures, one for each group"
    hint = "ten different groups of images should give ten temperatures"
    assert given.std() > 0.02, hint
    z, y = at[3][:500].reshape(10, 50, 100), truth[:500].reshape(10, 50)
    hint = (
        "each group is 50 of the first 500 glyphs, all at severity 3, "
        "and each temperature needs two decimals or more"
    )
    for t, group, target in zip(given.tolist(), z, y):
        own = calibkit.TemperatureScaler().fit_logits(group, target)
        assert abs(t - own.temperature) < 0.01, hint
    print(f"ten temperatures from {given.min():.1f} to {given.max():.1f}")

# %% tags=["solution"]
z, y = at[3][500:], truth[500:]
temperatures = [lab_scaler.temperature, *ten_temperatures]
errors = [
    calibkit.calibration_error((z / t).softmax(-1), y) for t in temperatures
]
print(f"ECE on 1500 others: lab {errors[0]:.1%}", end=", ")
print(f"groups {min(errors[1:]):.1%} to {max(errors[1:]):.1%}")

# %% [markdown] tags=["solution"]
# The temperatures scatter widely, and yet each of the ten gives a lower ECE on the other 1500
# glyphs than the temperature of the lab does. Here even 50 labels from the right place beat 1000
# from the wrong one. Does that hold under a weaker shift as well? Replace ``at[3]`` by ``at[1]``
# and see. A common mistake is to judge each temperature on the 50 images that it was fitted on,
# where it looks better than it is.

# %% [markdown]
# 5. A network that reads forms was calibrated in one country and will work in another, with other
#    pens, letters and frequencies. What will you check without labels, and how many forms will you
#    label?

# %% [markdown] tags=["solution"]
# A good answer separates the three shifts of this lesson. Other pens change the images of each
# class, other frequencies change the proportions, and other letters are unseen classes. Without
# labels you can compare mean confidence and estimated proportions with those of the first country,
# as an alarm. Neither tells which shift caused it, and the estimate is wrong if the images have
# changed too. A hundred or a few hundred labelled forms, drawn at random, give the accuracy, a
# verdict of `calibkit.check_shift` and a rough new temperature, to be tested on forms that were
# not used to fit it. They also show how many letters are unknown, for which no temperature helps:
# these need a class of their own, new training or a person. An answer is incomplete if it trusts
# the old confidences until labels arrive, or if it plans no labels at all.

# %% [markdown]
# References
# ----------
#
# - Ovadia, Fertig, Ren, Nado, Sculley, Nowozin, Dillon, Lakshminarayanan and Snoek (2019). Can You
#   Trust Your Model's Uncertainty? Evaluating Predictive Uncertainty Under Dataset Shift. NeurIPS.
#   https://arxiv.org/abs/1906.02530
# - Saerens, Latinne and Decaestecker (2002). Adjusting the Outputs of a Classifier to New a Priori
#   Probabilities: A Simple Procedure. Neural Computation 14.
#   https://doi.org/10.1162/089976602753284446
# - Alexandari, Kundaje and Shrikumar (2020). Maximum Likelihood with Bias-Corrected Calibration is
#   Hard-To-Beat at Label Shift Adaptation. ICML. https://arxiv.org/abs/1901.06852
