# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
How do I correct an overconfident network?
==========================================

A classifier gives a probability, the *confidence*, to each of its answers. It is *calibrated* if its
confidence tells us how often it is right. For example, of a hundred answers with a confidence of
90 percent, about ninety should be right. Many modern networks are *overconfident*: they are right
less often than they say. We correct most of this overconfidence with a single number, the
*temperature*.

What you will do
----------------

You will compare a network's confidence with its *accuracy*, the share of right answers, before and
after you fit a temperature.

What you will learn
-------------------

- what logits and a temperature are, and why networks become overconfident
- how to compute a calibration error and read a reliability diagram
- how to fit `calibkit.TemperatureScaler`, and what it does not promise

What you need
-------------

Basic PyTorch, and less than a minute on two CPU cores.
"""

# %% [markdown] tags=["slide"]
# How do I correct an overconfident network?
# ------------------------------------------
#
# - A classifier attaches a confidence to each answer.
# - Many modern networks are right less often than they say.
# - One number, the temperature, corrects most of this overconfidence.
#
# Say: Ask the room: if a network says that it is 90 percent sure, a hundred times, how many of these
# answers should be right? If it is about ninety, and if this works for every confidence, we call
# the network calibrated. Today's network is not. By the end of this hour you will have corrected it
# with one division, and you will know what this correction does not promise.

# %% [markdown]
# Step 1: load the utilities
# --------------------------
#
# torchmetrics measures calibration, and calibkit improves it.

# %% tags=["setup"]
import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchmetrics import CalibrationError

import calibkit

# %% [markdown]
# Here is the answer in a picture. A network classified many images that it had never seen. Each point
# stands for a group of answers with similar confidence. If the network were calibrated, the points
# would lie on the dashed line.

# %%
fig, ax = plt.subplots(figsize=(6, 4.6), layout="constrained")
ax.plot([0, 1], [0, 1], "--", color="black", label="calibrated")
for name, style, color, scaled in (
    ("with a temperature", "o-", "#0072B2", True),
    ("as trained", "s-", "#D55E00", False),
):
    bins = calibkit.glyphs100_population(15, scaled=scaled)
    full = bins.count > 100
    confidence = bins.confidence_sum[full] / bins.count[full]
    accuracy = bins.n_correct[full] / bins.count[full]
    ax.plot(confidence, accuracy, style, color=color, label=name)
ax.set(xlabel="confidence (200 000 images)", ylabel="accuracy")
ax.legend(loc="upper left")
_ = ax.set_title("With a temperature, the confidence is close to the truth")

# %% [markdown] tags=["slide"]
# The answer first
# ----------------
#
# - Each point: a group of answers with similar confidence.
# - Dashed line: right as often as the network says.
#
# Say: Each point is a group of answers out of 200 000. Let the room read one square: how sure was
# the network, and how often was it right? Squares below the dashed line mean that the network is
# too sure of itself. The circles are the same network on the same images. All that changed is that
# its outputs were divided by one number.

# %% [markdown]
# As trained (squares), the network is overconfident in every group. With a temperature (circles), it
# is nearly calibrated.
#
# Three logits and a temperature
# ------------------------------
#
# For each image, a network returns one number per class, its *logits*. Suppose that for a photograph
# they are 2 for cat, 1 for dog and 0 for bird.
#
# The *softmax* turns logits into probabilities: it raises e to the power of each logit, and then
# divides each result by their sum. The class with the largest probability is the network's answer,
# and this probability is the confidence.
#
# A *temperature* $T$ is a positive number that divides all logits before the softmax. With the logits
# $z_k$, the probabilities become $p_k = e^{z_k/T} / \sum_j e^{z_j/T}$.
#
# **Before you run this:** does a temperature of 2 make the network more sure of the cat, or less?

# %%
photograph = torch.tensor([2.0, 1.0, 0.0])
for T in (0.5, 1.0, 2.0):
    a, b, c = (photograph / T).exp()
    total = a + b + c
    print(f"T = {T}: {a:.2f} + {b:.2f} + {c:.2f} = {total:.2f}", end="; ")
    print(f"cat {a / total:.2f}, dog {b / total:.2f}, bird {c / total:.2f}")

# %%
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for place, (T, color) in enumerate(
    ((0.5, "#D55E00"), (1.0, "#56B4E9"), (2.0, "#004466"))
):
    positions = [k + 0.27 * (place - 1) for k in range(3)]
    p = (photograph / T).softmax(-1).tolist()
    ax.bar(positions, p, width=0.25, color=color, label=f"T = {T}")
ax.set_xticks(range(3), ["cat", "dog", "bird"])
ax.set(ylabel="probability", ylim=(0, 1))
ax.legend()
_ = ax.set_title("A higher temperature makes the network less sure")

# %% [markdown] tags=["slide"]
# Three logits and a temperature
# ------------------------------
#
# - Softmax: e to the power of each logit, divided by the sum.
# - Temperature: divide all logits by T first.
# - The answer remains the cat.
#
# Say: Compute the middle bars on the board: e squared is 7.39, e is 2.72, and one. The sum is 11.11,
# and so the cat gets two thirds. Then divide the logits by two and let the room do it again. Which
# class wins at T = 2? Still the cat, and it wins at every temperature, because dividing by a positive
# number keeps the order of the logits.

# %% [markdown]
# The network becomes less sure. At $T = 2$ the logits are half as large, so the probabilities move
# closer together. But the logits keep their order. A temperature therefore changes neither the
# answers nor the accuracy.
#
# Ten predictions and a calibration error
# ---------------------------------------
#
# The *expected calibration error*, or ECE (Naeini et al.), compares confidence and accuracy in three
# steps:
#
# - Sort the predictions by their confidence into ranges, the *bins*.
# - In each bin, compute the *gap*: the distance between mean confidence and accuracy.
# - Average the gaps, each weighted by the number of predictions in its bin.
#
# We do this for ten predictions, in two bins.

# %%
confidence = torch.tensor(
    [0.55, 0.60, 0.60, 0.60, 0.65, 0.85, 0.90, 0.90, 0.90, 0.95]
)
right = torch.tensor([1.0, 1, 0, 1, 1, 1, 0, 1, 0, 1])

# %%
ece = 0
for bin in (confidence < 0.75, confidence >= 0.75):
    mean, accuracy = confidence[bin].mean(), right[bin].mean()
    gap = (mean - accuracy).abs()
    ece += gap * bin.sum() / 10
    print(f"confidence {mean:.2f}, accuracy {accuracy:.2f}, gap {gap:.2f}")
print(f"ECE {ece:.2f}")
difference = confidence.mean() - right.mean()
print(f"overall: {confidence.mean():.2f} and {right.mean():.2f}", end=", ")
print(f"difference {difference:.2f}")

# %% [markdown]
# In the first bin, this classifier is right more often than it says, and in the second less often.
# In the overall difference, these two errors nearly cancel. In the ECE they cannot, because a
# distance has no sign.

# %% [markdown] tags=["slide"]
# Ten predictions and a calibration error
# ---------------------------------------
#
# - Sort the predictions into bins by their confidence.
# - Gap of a bin: distance between mean confidence and accuracy.
# - ECE: the average of the gaps, weighted by the bins' counts.
#
# Say: Write the ten confidences on the board and mark which answers are right. The first five have a
# mean confidence of 0.60 and an accuracy of 0.80; for the other five it is 0.90 and 0.60. What is the
# ECE? Someone will say 0.05, because that is the difference of the overall means. Let the room find
# out why the ECE is 0.25: gaps in opposite directions do not cancel.

# %% [markdown]
# Why are networks overconfident?
# -------------------------------
#
# Training lowers the *negative log-likelihood*, or NLL: minus the logarithm of the probability of the
# true class, averaged over the images. We compute it for our photograph, first as if it showed a cat,
# and then as if it showed a dog.

# %%
for T in (0.5, 1.0, 2.0):
    log_p = (photograph / T).log_softmax(-1)
    print(f"T = {T}: NLL {-log_p[0]:.2f} for a cat, {-log_p[1]:.2f} for a dog")

# %% [markdown]
# A smaller T makes the logits larger. This lowers the NLL if the answer "cat" is right, and raises
# the NLL if the answer is wrong. Now look at the training images of the network in the first picture.

# %%
train_logits, train_labels = calibkit.glyphs100_logits(
    3150, seed=1, progress=False
)

# %%
p = train_logits.softmax(-1)
n_right = (p.argmax(-1) == train_labels).sum()
nll = calibkit.negative_log_likelihood(p, train_labels)
print(f"training images: {n_right} of {len(p)} answers are right")
print(f"mean confidence {p.amax(-1).mean():.1%}, NLL {nll:.3f}")

# %% [markdown]
# Every answer is right, so further training can lower the NLL only by making right answers even
# more confident. Guo et al. explain overconfidence like this: training keeps enlarging the logits,
# and on new images the wrong answers have large logits too.

# %% [markdown] tags=["slide"]
# Why are networks overconfident?
# -------------------------------
#
# - Training lowers the NLL of the training images.
# - Where every answer is right, larger logits always lower it.
# - New images bring wrong answers, with large logits too.
#
# Say: Remind the room that training only ever sees the training images. Our network answers all 3150
# of them correctly. What can the optimiser still improve? It can only make right answers more
# confident, by enlarging the logits. Nobody tells it to stop. Ask: what happens to a wrong answer on
# a new image when all logits are large? It comes with high confidence as well.

# %% [markdown]
# Step 2: load a pretrained model
# -------------------------------
#
# `calibkit.glyphs100_resnet20` returns the network of the first picture. It comes in *eval mode*: its
# batch normalisation uses statistics from the training. In training mode, each answer would depend on
# the other images in its batch.

# %%
model = calibkit.glyphs100_resnet20(pretrained=True)
print(f"in training mode: {model.training}")

# %% [markdown]
# Step 3: set up the data
# -----------------------
#
# A *datamodule* prepares the data and returns a list of loaders. The first loader reads the test
# images. They show letters, digits and signs, all warped, coloured and noisy.

# %%
dm = calibkit.Glyphs100DataModule(batch_size=100)
dm.prepare_data()
dm.setup("test")
images, labels = next(iter(dm.test_dataloader()[0]))
print(f"{len(dm.test)} test images of {len(dm.test.classes)} classes")

# %% [markdown]
# Above each image you see the network's answer and its confidence. If the answer is wrong, the true
# class stands between them in brackets.

# %%
with torch.inference_mode():
    confidences, answers = model(images).softmax(-1).max(-1)
names = dm.test.classes

# %%
fig, axes = plt.subplots(2, 6, figsize=(7.2, 3.2), layout="constrained")
fig.suptitle("The network is sometimes sure and wrong")
for ax, image, label, answer, p in zip(
    axes.flat, images, labels, answers, confidences
):
    pixels = (image - image.min()) / (image.max() - image.min())
    ax.imshow(pixels.permute(1, 2, 0).numpy())
    truth = "" if answer == label else f" ({names[label]})"
    ax.set_title(f"{names[answer]}{truth} {p:.0%}", fontsize=11)
    ax.axis("off")
print(f"{(answers == labels)[:12].sum()} of these 12 answers are right")

# %% [markdown] tags=["slide"]
# The data: glyphs of 100 classes
# -------------------------------
#
# - Each title: answer, true class if the answer is wrong, confidence.
#
# Say: These are test images, which the network never saw. Let the room find the wrong answers; the
# true class stands in brackets. Is the confidence lower where the answer is wrong? Often it is, but
# some wrong answers come with high confidence. One image proves nothing about calibration. We need
# many images, and so we count.

# %% [markdown]
# Step 4: measure the calibration error
# -------------------------------------
#
# We split these images at random into a *calibration set*, to fit the temperature, and a *test set*,
# to measure the ECE. Images that were used for a fit would make the result look too good. So the two
# sets share no image, and the network was trained on neither. ``stratify`` gives each class the same
# share in both.

# %%
calib_set, test_set = calibkit.split_calibration(
    dm.test, 1000, seed=0, stratify=dm.test.targets
)
calib_loader = DataLoader(calib_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)
print(f"{len(calib_set)} images to calibrate, {len(test_set)} to test")

# %% [markdown]
# We compute the ECE in 15 bins of equal width. The ECE needs probabilities, so we apply the
# softmax. It judges only the probability of the answer. This is called *top-label calibration*.
# PyTorch calls the NLL ``cross_entropy``.

# %%
ece = CalibrationError(task="multiclass", num_classes=100, n_bins=15)
logits = []
with torch.inference_mode():
    for sample, target in test_loader:
        logits.append(model(sample))
        ece.update(logits[-1].softmax(-1), target)
logits = torch.cat(logits)
ece_before = ece.compute()
print(f"ECE before scaling: {ece_before:.1%}")

# %%
labels = torch.as_tensor(dm.test.targets)[test_set.indices]
accuracy = (logits.argmax(-1) == labels).double().mean()
confidence = logits.softmax(-1).amax(-1).mean()
nll_before = cross_entropy(logits, labels)
print(f"accuracy {accuracy:.1%}, mean confidence {confidence:.1%}")
print(f"NLL before scaling: {nll_before:.3f}, n = {len(labels)}")

# %% [markdown]
# The mean confidence is 73.5%, but only 59.5% of the answers are right. A *reliability diagram*
# shows this difference bin by bin. Each bar ends at the accuracy of its bin, the dot is the mean
# confidence, and the line between them is the gap. The upper panel counts the images.

# %%
before = logits.softmax(-1)
title = "Before scaling, the network is overconfident"
ax = calibkit.reliability_diagram(before, labels, title=title)

# %% [markdown] tags=["slide"]
# Read a reliability diagram
# --------------------------
#
# - Bar: accuracy of a bin. Dot: its mean confidence.
# - Line between them: the gap that enters the ECE.
# - Grey band: where a calibrated bar would usually end.
#
# Say: Let the room read one bin aloud: about this sure, and right about this often. Then ask which
# bins count most; the upper panel shows the number of images in each. Every bar ends below
# its dot, which means overconfidence. The grey band shows where this one bar would end in 95 of 100
# test sets if the network were calibrated.

# %% [markdown]
# Every bar ends below its dot, and most end below their grey bands: the network is overconfident.
# If it were calibrated, each bar would end inside its own band in 95 of 100 test sets.
#
# Step 5: fit the temperature
# ---------------------------
#
# The scaler chooses the temperature with the lowest NLL on the calibration set.

# %%
scaler = calibkit.TemperatureScaler()
scaler = scaler.fit(model=model, calib_loader=calib_loader)
print(f"T = {scaler.temperature:.3f}, fitted on n = {len(calib_set)} images")

# %% [markdown]
# The temperature is above 1: the logits were too large. Now we plot the NLL against the temperature,
# for the calibration set and for the training images.
#
# **Before you run this:** on the training images, every answer is right. Which temperature has the
# lowest NLL on them?

# %%
calib_logits, calib_labels = calibkit.collect_logits(model, calib_loader)
temperatures = torch.linspace(0.5, 3, 51)

# %%
fig, ax = plt.subplots(figsize=(6, 3.8), layout="constrained")
for name, style, color, z, y in (
    ("calibration set", "-", "#0072B2", calib_logits, calib_labels),
    ("training images", "--", "#D55E00", train_logits, train_labels),
):
    nll = torch.stack([cross_entropy(z / t, y) for t in temperatures])
    ax.plot(temperatures, nll, style, color=color, label=name)
    print(f"{name}: lowest at T = {temperatures[nll.argmin()]:.2f}")
ax.axvline(scaler.temperature, color="black", linestyle=":", label="scaler")
ax.set(xlabel="temperature T", ylabel="NLL", ylim=(-0.1, 3))
ax.legend(loc="upper right")
_ = ax.set_title("Only images that are new to the network show its best T")

# %% [markdown] tags=["slide"]
# Fit the temperature on new images
# ---------------------------------
#
# - The scaler takes the lowest NLL of the calibration set.
# - Training images would ask for still larger logits.
#
# Say: Ask before you show the figure: where is the lowest point of each curve? The solid curve has
# one valley, and the scaler stands in it. The dashed curve, of the training images, falls all the way
# to the left: if every answer is right, more confidence is always better. This is why we must fit
# the temperature on images that the network has not seen.

# %% [markdown]
# The best temperature for the training images is the smallest one that we plotted: they ask for
# still larger logits. These would make the network even more overconfident on new images. Only the
# curve of the calibration set has a valley. The scaler found its lowest point.
#
# Step 6: measure again
# ---------------------
#
# The scaler is a torch module, so we can put it behind the model. We reset ``ece``, which would
# otherwise add the new answers to the old ones.

# %%
calibrated_model = torch.nn.Sequential(model, scaler)
ece.reset()
scaled = []
with torch.inference_mode():
    for sample, target in test_loader:
        scaled.append(calibrated_model(sample))
        ece.update(scaled[-1].softmax(-1), target)
scaled = torch.cat(scaled)
ece_after = ece.compute()
print(f"ECE after scaling: {ece_after:.1%}")

# %%
nll_after = cross_entropy(scaled, labels)
confidence = scaled.softmax(-1).amax(-1).mean()
same = (scaled.argmax(-1) == logits.argmax(-1)).all()
print(f"mean confidence {confidence:.1%}, the same answers: {same}")
print(f"NLL {nll_before:.3f} -> {nll_after:.3f}, n = {len(labels)}")

# %%
after = scaled.softmax(-1)
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("One number brings the confidence close to the accuracy")
_ = calibkit.reliability_diagram(
    before, labels, title="Before scaling", ax=axes[0]
)
_ = calibkit.reliability_diagram(
    after, labels, title="After scaling", ax=axes[1]
)
# sphinx_gallery_thumbnail_number = 6

# %% [markdown] tags=["slide"]
# One number closes most of the gap
# ---------------------------------
#
# - Same network, same 9000 images, same answers.
#
# Say: None of these images was used to fit the temperature, and none to train the network. What
# changed from left to right? The bars and the dots have come together, and the images have moved to
# lower confidences. What did not change? The answers, and so the accuracy. Then ask: does this
# picture prove that the network is now calibrated?

# %% [markdown]
# ECE and NLL have fallen, and no answer has changed. Is the network calibrated now? In every finite
# test set, chance makes gaps, so even a perfectly calibrated network has an ECE above zero. Its
# average ECE is the *noise floor* (Vaicenavicius et al.). Beside it, we print the *range* that holds
# the ECE of such a network in 95% of test sets.

# %%
for name, p in (("before", before), ("after", after)):
    value = calibkit.calibration_error(p, labels)
    floor = calibkit.noise_floor(p)
    print(f"{name}: ECE {value:.1%}, noise floor {floor.mean:.1%}", end=", ")
    print(f"in 95% of test sets {floor.low:.1%} to {floor.high:.1%}")
many = calibkit.glyphs100_population(15, scaled=True)
print(f"after, on 200 000 images: ECE {many.calibration_error:.1%}")

# %% [markdown]
# Before scaling, the ECE is far above its range. After scaling, it lies inside: a perfectly
# calibrated network could have such an ECE. But this does not prove calibration. The first picture
# shows more than twenty times as many images. There, chance plays a much smaller part, yet an ECE
# of 1.4% remains.

# %% [markdown] tags=["published"]
# Move to CIFAR-100
# -----------------
#
# Replace two lines, and you can correct a public network on real photographs in the same way. Both
# are downloaded once.
#
# - ``model = calibkit.cifar100_resnet20(pretrained=True)``
# - ``dm = calibkit.CIFAR100DataModule(root="./data", batch_size=100)``
#
# A tutorial of the library Torch Uncertainty does the same, but in training mode. Lesson 90 shows
# what that changes.

# %% [markdown]
# When does it hold?
# ------------------
#
# This method, *temperature scaling*, relies on one assumption: the calibration set and the test set
# come from the same *distribution*, that is, from the same source under the same conditions. Now we
# draw new images with more warp and noise, and keep the temperature.
#
# **Before you run this:** the accuracy will fall. Will the confidence fall as far?

# %% tags=["setup"]
shifted_logits, shifted_labels = calibkit.glyphs100_logits(
    3000, seed=7, severity=2, progress=False
)

# %%
shifted = scaler(shifted_logits).softmax(-1)
for name, p, y in (
    ("test set", after, labels),
    ("more warp and noise", shifted, shifted_labels),
):
    value, floor = calibkit.calibration_error(p, y), calibkit.noise_floor(p)
    print(f"{name}, n = {len(y)}: accuracy {calibkit.accuracy(p, y):.1%}")
    print(f"    mean confidence {p.amax(-1).mean():.1%}", end=", ")
    print(f"ECE {value:.1%}, range {floor.low:.1%} to {floor.high:.1%}")

# %% [markdown]
# No: the accuracy falls about twice as far as the mean confidence. The network is overconfident
# again, and its ECE is far above the range of a perfectly calibrated one.

# %% [markdown] tags=["slide"]
# When does it hold?
# ------------------
#
# - A temperature fits the distribution that it was fitted on.
# - More warp and noise: accuracy falls further than confidence.
#
# Say: Tell the room that we only made the images harder. We kept the network and its temperature.
# Would you expect the confidence to fall? It does fall, but accuracy falls about twice as far, and
# so the network is overconfident again. Where would this happen in your own work: another camera,
# another hospital, another year?

# %% [markdown]
# What we have seen
# -----------------
#
# - A temperature divides all logits by one number. It changes the confidences, but no answer.
# - Training rewards ever larger logits, and wrong answers on new images get them too.
# - The ECE averages the gaps between confidence and accuracy over bins. Read it beside its noise
#   floor.
# - Fit the temperature in eval mode, on images used neither for training nor for testing.
# - On images from another distribution, the temperature may be wrong.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Divide the logits by T: other confidences, same answers.
# - Fit T on images that are new to the network.
# - Read an ECE beside its noise floor, with n and bins.
#
# Say: Ask three questions and wait for answers. Why does a temperature leave the accuracy as it is?
# Why can we not fit it on the training images? And if the ECE lies within the range of a perfectly
# calibrated network, what have we shown, and what not? Then point to the exercises: the first one is
# a single line.

# %% [markdown]
# Exercises
# ---------
#
# The exercises need only the network's logits.

# %% tags=["setup"]
all_logits, all_labels = calibkit.glyphs100_logits(progress=False)
_, test_part = calibkit.split_calibration(
    all_labels, 1000, seed=0, stratify=all_labels
)
test_logits = all_logits[test_part.indices]
test_labels = all_labels[test_part.indices]

# %% [markdown]
# 1. What is the mean confidence of ``test_logits`` at $T = 3$? Replace ``None`` by one line of code.

# %% tags=["answer"]
confidence_at_3 = None

# %% tags=["solution"]
confidence_at_3 = (test_logits / 3).softmax(-1).amax(-1).mean()

# %% tags=["wrong"]
wrong = [
    test_logits.softmax(-1).amax(-1).mean(),
    (test_logits * 3).softmax(-1).amax(-1).mean(),
    (test_logits.softmax(-1) / 3).amax(-1).mean(),
    (test_logits / 3).softmax(0).amax(-1).mean(),
    (test_logits / 3).softmax(-1).mean(),
    (test_logits / 3).softmax(-1).amax(-1).mean() * 100,
    (test_logits / 3).amax(-1).mean(),
]

# %% tags=["check"]
if confidence_at_3 is not None:
    value = torch.as_tensor(confidence_at_3)
    assert value.numel() == 1, "take the mean over all images"
    assert value < 1, "enter a mean probability, between 0 and 1"
    assert value < 0.7, "a temperature above 1 must lower the mean confidence"
    p = calibkit.TemperatureScaler(3.0)(test_logits).softmax(-1)
    bins = calibkit.reliability_bins(p, test_labels)
    mean = bins.confidence_sum.sum() / bins.count.sum()
    assert abs(value - mean) < 2e-3, (
        "divide the logits first, then take the softmax over the classes, "
        "the largest probability of each image, and the mean"
    )
    right = calibkit.accuracy(p, test_labels)
    print(f"At T = 3 the network says {mean:.1%} and is right", end=" ")
    print(f"for {right:.1%} of the images:")
    print("a temperature that is too high makes it underconfident.")

# %% [markdown] tags=["solution"]
# We divide the logits before the softmax, take the largest probability of each image, and average.
# The accuracy is the same as at every other temperature, but now the network claims much less than
# it achieves. Dividing the probabilities by 3 is a frequent mistake: they would no longer sum to 1.

# %% [markdown]
# 2. Write a function ``my_ece(confidence, right)`` that returns the ECE in 15 bins of equal width.
#    It takes two tensors with one entry for each image, and ``right`` holds True or False.

# %% tags=["answer"]
my_ece = None


# %% tags=["solution"]
def ece_in_15_bins(confidence, right):
    bin = (confidence * 15).ceil()
    ece = 0
    for b in bin.unique():
        inside = bin == b
        gap = confidence[inside].mean() - right[inside].float().mean()
        ece += gap.abs() * inside.float().mean()
    return ece


my_ece = ece_in_15_bins


# %% tags=["wrong"]
def gaps(confidence, right):
    bin = (confidence * 15).ceil().long()
    n = torch.bincount(bin, minlength=16)
    total = torch.bincount(bin, confidence - right.float(), 16)
    return total, n


wrong = [
    lambda c, r: abs(c.mean() - r.float().mean()),
    lambda c, r: gaps(c, r)[0].sum() / len(c),
    lambda c, r: (gaps(c, r)[0] / gaps(c, r)[1].clamp(1)).abs().mean(),
    lambda c, r: (gaps(c, r)[0] / gaps(c, r)[1].clamp(1)).abs().max(),
    lambda c, r: gaps(c, r)[0].abs().sum(),
    lambda c, r: 100 * gaps(c, r)[0].abs().sum() / len(c),
    lambda c, r: 0.14,
    lambda c, r: None,
]

# %% tags=["check"]
if my_ece is not None:
    for T in (1.0, 1.5, 3.0):
        p = (test_logits / T).softmax(-1)
        confidence, answers = p.max(-1)
        value = my_ece(confidence, answers == test_labels)
        assert value is not None, "the function must return its result"
        assert value == value, "the mean of an empty bin is not a number"
        assert value < 1, "weight each gap by a share, not by a count"
        expected = calibkit.calibration_error(p, test_labels)
        assert abs(float(value) - expected) < 1e-3, (
            f"at T = {T} the result is {float(value):.3f}, but should be "
            f"{expected:.3f}: take the distance in each of 15 bins, and "
            "weight it by the share of the images in this bin"
        )
        print(f"T = {T}: ECE {float(value):.1%}, as calibkit computes it")
    print("The ECE is high where T is too small and where T is too large.")

# %% [markdown] tags=["solution"]
# Three details matter. The distance is taken in each bin, before the average; if you take it after,
# gaps in opposite directions cancel. Each bin is weighted by its share of the images, so that a bin
# with three images does not count as much as one with a thousand. And empty bins must be left out,
# because the mean of nothing is not a number.

# %% [markdown]
# 3. Are 100 calibration images enough? Split ``all_labels`` as above, but draw only 100, once with
#    each seed in ``range(5)``. Fit each time with ``fit_logits(logits, labels)``, and enter the five
#    temperatures.

# %% tags=["answer"]
temperatures_from_100 = None


# %% tags=["solution"]
def fit_on(n, seed):
    part, _ = calibkit.split_calibration(
        all_labels, n, seed=seed, stratify=all_labels
    )
    z, y = all_logits[part.indices], all_labels[part.indices]
    return calibkit.TemperatureScaler().fit_logits(z, y).temperature


temperatures_from_100 = [fit_on(100, seed) for seed in range(5)]
from_1000 = [fit_on(1000, seed) for seed in range(5)]
print(f"from 1000 images: {min(from_1000):.2f} to {max(from_1000):.2f}")

# %% tags=["wrong"]
wrong = [
    [1.465] * 5,
    [1.35, 1.4, 1.45, 1.5, 1.55],
    temperatures_from_100[:1],
    temperatures_from_100[0],
    temperatures_from_100[1:] + temperatures_from_100[:1],
    [t / 1.465 for t in temperatures_from_100],
    from_1000,
]

# %% tags=["check"]
if temperatures_from_100 is not None:
    found = torch.as_tensor(temperatures_from_100).flatten().tolist()
    assert len(found) == 5, "five seeds give five temperatures"
    for seed, T in enumerate(found):
        few, _ = calibkit.split_calibration(
            all_labels, 100, seed=seed, stratify=all_labels
        )
        z, y = all_logits[few.indices], all_labels[few.indices]
        nll = [cross_entropy(z / t, y) for t in (T - 0.03, T, T + 0.03)]
        assert min(nll) == nll[1], (
            f"{T:.3f} does not have the lowest NLL on the 100 images of seed "
            f"{seed}: is stratify=all_labels set, and are the logits unscaled?"
        )
    print(f"From 100 images, T lies between {min(found):.2f}", end=" ")
    print(f"and {max(found):.2f}: the choice of images decides.")

# %% [markdown] tags=["solution"]
# From 100 images the temperature varies several times as much as from 1000, because it follows the
# accidents of the few images that were drawn. Every one of these temperatures is above 1, so that
# even 100 images tell us the direction. But 1000 images tell us more precisely how far above. A
# frequent mistake is to fit on the scaled logits: the temperature is then close to 1.

# %% [markdown]
# 4. Which temperature do the images with more warp and noise need? Fit it on the first third of
#    ``shifted_logits``. The check will measure the ECE on the rest.

# %% tags=["answer"]
temperature_under_shift = None

# %% tags=["solution"]
new_scaler = calibkit.TemperatureScaler()
new_scaler.fit_logits(shifted_logits[:1000], shifted_labels[:1000])
temperature_under_shift = new_scaler.temperature
print(f"T = {temperature_under_shift:.2f}")

# %% tags=["wrong"]
other = calibkit.TemperatureScaler()
wrong = [
    1.0,
    1.465,
    temperature_under_shift / 1.465,
    1 / temperature_under_shift,
    other.fit_logits(shifted_logits[1000:], shifted_labels[1000:]).temperature,
    other.fit_logits(shifted_logits, shifted_labels).temperature,
]

# %% tags=["check"]
if temperature_under_shift is not None:
    T = float(temperature_under_shift)
    z, y = shifted_logits[:1000].double(), shifted_labels[:1000]
    nll = [cross_entropy(z / t, y) for t in (T - 0.008, T, T + 0.008)]
    assert T > 1.3, "fit on the logits themselves, not on scaled ones"
    assert min(nll) == nll[1], (
        "this is not the minimum of the NLL on the first 1000 shifted images: "
        "which images did you fit on, and did you round the temperature?"
    )
    z_new, y_new = shifted_logits[1000:], shifted_labels[1000:]
    p = (z_new / T).softmax(-1)
    floor = calibkit.noise_floor(p)
    ece = calibkit.calibration_error(p, y_new)
    print(f"Other 2000: ECE {ece:.1%}", end=", ")
    print(f"if calibrated {floor.low:.1%} to {floor.high:.1%}")
    old = calibkit.calibration_error((z_new / 1.465).softmax(-1), y_new)
    print(f"With the old temperature it would be {old:.1%}.")

# %% [markdown] tags=["solution"]
# These harder images need a higher temperature, and it removes most of the ECE that the old one
# leaves on the other 2000 images. But we needed labels of shifted images to find it, and in
# practice such labels are often missing. The usual mistake is to fit and to measure on the same
# images, which makes the result look better than it is.

# %% [markdown]
# 5. A manufacturer fitted a temperature to X-ray images from one hospital, and writes: "Our ECE is
#    1.7%. Where our network says 90%, it is right nine times in ten." What do you ask before you
#    agree?

# %% [markdown] tags=["solution"]
# A good answer asks at least three of these questions. On how many images was the ECE measured,
# with how many bins, and what is its noise floor? Were they separate from the images on which the
# network and the temperature were fitted? Do they come from the hospitals where the network will be
# used, or only from the one where it was fitted? And does the claim hold for each group of patients
# and each disease? The ECE averages over all images, so overconfidence in one group can hide behind
# underconfidence in another. It looks only at the answer, and not at the probabilities of the other
# classes. And a small ECE in 15 bins is no statement about any one of these bins.

# %% [markdown]
# References
# ----------
#
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Naeini, Cooper and Hauskrecht (2015). Obtaining Well Calibrated Probabilities Using Bayesian
#   Binning. AAAI. https://arxiv.org/abs/1411.0160
# - Vaicenavicius, Widmann, Andersson, Lindsten, Roll and Schön (2019). Evaluating Model Calibration
#   in Classification. AISTATS. https://arxiv.org/abs/1902.06977
# - Torch Uncertainty (2024). Improve Top-label Calibration with Temperature Scaling. The published
#   tutorial that this lesson follows. https://torch-uncertainty.github.io
