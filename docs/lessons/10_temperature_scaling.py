# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Calibrate a network with one number
===================================

A network that says "99 % sure" should be right 99 times in 100. Modern networks are not:
they are surer than they are right. Temperature scaling mends most of it with one number.

What you will do
----------------

Take a trained ResNet-20, measure how far its confidence is from its accuracy, fit a single
temperature on 1000 images, and measure again on 9000 others.

What you will learn
-------------------

- what the expected calibration error (ECE) measures, and how to read a reliability diagram
- how to fit `calibkit.TemperatureScaler`, and on which data
- why eval mode, a held-out calibration set and the noise floor matter

What you need
-------------

Half a minute on two cores and basic PyTorch. No GPU, no network: images and weights come with
calibkit. One section moves on to CIFAR-100.
"""

# %% [markdown]
# Step 1: load the utilities
# --------------------------
#
# From torchmetrics we take the ECE, from calibkit the data, the model, the split, the scaler and
# the picture.

# %%
import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader
from torchmetrics import CalibrationError

import calibkit

# %% [markdown]
# Step 2: load a pretrained model
# -------------------------------
#
# `calibkit.glyphs100_resnet20` is a ResNet-20 trained to the end on few images, as networks often
# are in practice. It comes in eval mode, and that matters: in training mode batch normalisation
# would use the statistics of each batch in place of those it has learned, so that an image's
# prediction would depend on its neighbours.

# %%
model = calibkit.glyphs100_resnet20(pretrained=True)
print(f"in training mode: {model.training}")

# %% [markdown]
# Step 3: set up the data
# -----------------------
#
# A datamodule prepares the data and hands out loaders; no trainer is needed. The images are
# glyphs of 100 classes, warped, coloured and noisy. The seed fixes every pixel.

# %%
dm = calibkit.Glyphs100DataModule(batch_size=100)
dm.prepare_data()
dm.setup("test")
images, labels = next(iter(dm.test_dataloader()[0]))

# %% [markdown]
# Let us see what the model makes of the first images: its answer, its confidence, and in
# brackets the truth where the answer is wrong.

# %%
with torch.inference_mode():
    confidences, answers = model(images).softmax(-1).max(-1)

fig, axes = plt.subplots(2, 8, figsize=(9.6, 3.2), layout="constrained")
fig.suptitle("Sixteen test images: what the model answers, and how sure it is")
for ax, image, label, answer, p in zip(axes.flat, images, labels, answers, confidences):
    pixels = (image - image.min()) / (image.max() - image.min())
    ax.imshow(pixels.permute(1, 2, 0).numpy())
    truth = "" if answer == label else f" ({dm.test.classes[label]})"
    ax.set_title(f"{dm.test.classes[answer]}{truth} {p:.0%}", fontsize=10)
    ax.axis("off")

# %% [markdown]
# Step 4: measure the calibration error
# -------------------------------------
#
# We split the 10 000 test images: 1000 to fit the temperature on, the calibration set, and 9000
# to measure with. They must not overlap, and neither may hold training images. The split is
# seeded, so it is the same on every machine, and stratified, so that each class is in both.

# %%
calib_set, test_set = calibkit.split_calibration(dm.test, 1000, seed=0, stratify=dm.test.targets)
calib_loader = DataLoader(calib_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)
print(f"{len(calib_set)} images to calibrate on, {len(test_set)} to test on")

# %% [markdown]
# The ECE sorts the test images into 15 bins by the confidence of the model's answer, takes the
# gap between accuracy and mean confidence in each bin, and averages the gaps, weighted by the
# number of images. It needs probabilities, so we apply the softmax. We keep the logits too.

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

# %% [markdown]
# Accuracy and negative log-likelihood (NLL) complete the picture. The NLL is the mean of the
# negative logarithm of the probability that the model gives to the true class: it punishes being
# sure and wrong.

# %%
labels = torch.as_tensor(dm.test.targets)[test_set.indices]
accuracy = (logits.argmax(-1) == labels).double().mean()
confidence = logits.softmax(-1).amax(-1).mean()
nll_before = cross_entropy(logits, labels)
print(f"accuracy {accuracy:.1%}, mean confidence {confidence:.1%}, n = {len(labels)}")
print(f"NLL before scaling: {nll_before:.3f}")

# %% [markdown]
# The model claims to be right in 73.5 % of the cases, and is right in 59.5 %. Bin by bin, the
# reliability diagram shows where the gap is. Each bar is the accuracy of a bin, each dot its mean
# confidence; the orange line between them is the gap that enters the ECE.

# %%
ax = calibkit.reliability_diagram(
    logits.softmax(-1), labels, title="Before: surer than right in almost every bin"
)

# %% [markdown]
# The bars stay below the dots: the model is overconfident.
#
# How much of an ECE of 14.0 % is chance? Even a perfectly calibrated model would not score 0 on
# finitely many images. Its score is the noise floor: we draw labels that are right exactly as
# often as the model claims, a thousand times, and take the ECE each time.

# %%
floor = calibkit.noise_floor(logits.softmax(-1))
print(f"a perfectly calibrated model would show {floor.mean:.1%} here", end=" ")
print(f"({floor.low:.1%} to {floor.high:.1%} in 95 % of test sets of n = {len(labels)})")

# %% [markdown]
# Our model stands far above a floor of 1.1 %: its overconfidence is real.

# %% [markdown]
# Step 5: fit the temperature
# ---------------------------
#
# Temperature scaling divides all logits by one number *T* before the softmax. A *T* above 1 makes
# every prediction less sure; none changes its answer, because the largest logit stays the
# largest. The best *T* is the one with the lowest NLL on the calibration set. It is unique, and
# the scaler finds it exactly: there is no learning rate to tune.

# %%
scaler = calibkit.TemperatureScaler()
scaler = scaler.fit(model=model, calib_loader=calib_loader)
print(f"T = {scaler.temperature:.3f}, found on n = {len(calib_set)} images")

# %% [markdown]
# The temperature is 1.465, well above 1: the logits were too large.

# %% [markdown]
# Step 6: measure again
# ---------------------
#
# The scaler is a torch module, so the calibrated model is the model with the scaler behind it.
# We reset the metric first: it would add the new images to the old ones.

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
same = (scaled.argmax(-1) == logits.argmax(-1)).all()
floor = calibkit.noise_floor(scaled.softmax(-1))
print(f"NLL {nll_before:.3f} -> {nll_after:.3f}, the same answers: {same}")
print(f"noise floor now: {floor.mean:.1%} ({floor.low:.1%} to {floor.high:.1%})")
assert ece_after < ece_before
assert nll_after < nll_before

# %% [markdown]
# The ECE fell from 14.0 % to 1.7 %, and the NLL from 1.552 to 1.397. Side by side, the gaps
# have all but closed.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("One number closes the gap between confidence and accuracy")
_ = calibkit.reliability_diagram(logits.softmax(-1), labels, title="Before scaling", ax=axes[0])
_ = calibkit.reliability_diagram(scaled.softmax(-1), labels, title="After scaling", ax=axes[1])

# %% [markdown]
# The temperature was fitted on 1000 images that none of these bars saw. That is what makes the
# result honest.

# %% [markdown] tags=["published"]
# Move to CIFAR-100
# -----------------
#
# Two lines change, and everything on this page up to here runs as it stands. Weights and images
# are fetched once.
#
# - ``model = calibkit.cifar100_resnet20(pretrained=True)``
# - ``dm = calibkit.CIFAR100DataModule(root="./data", batch_size=100)``
#
# The published tutorial on this model and data reports an ECE of 10.8 % before scaling and 1.4 %
# after. Two things hide in these numbers:
#
# - It never calls `model.eval()`: batch normalisation ran in training mode. On 916 real CIFAR-100
#   images and a ResNet-20 of the same shape this mistake costs 11 points of accuracy (70.0 % fall
#   to 59.0 %) and 0.36 of NLL. The ECE, 6.1 % and 6.3 %, does not reveal it.
# - A perfectly calibrated toy model shows 1.0 % on 10 000 images, so 1.4 % is hardly more than
#   chance.
#
# Expect other numbers than the published ones here: this page measures in eval mode.

# %% [markdown]
# When does it hold?
# ------------------
#
# Temperature scaling works when the calibration set is drawn as the test set is: the two share
# one distribution. In use, data often drift away from it, and then the old temperature no longer
# fits. We draw the same glyphs with more warp and noise, and let the calibrated model answer.

# %%
shifted = calibkit.Glyphs100DataModule(batch_size=100, severity=2)
shifted.setup("test")
subset = torch.utils.data.Subset(shifted.test, range(2000))
answers = calibkit.collect_logits(calibrated_model, DataLoader(subset, batch_size=100))
shifted_logits, shifted_labels = answers

# %%
probabilities = shifted_logits.softmax(-1)
accuracy_shifted = (shifted_logits.argmax(-1) == shifted_labels).double().mean()
print(f"under shift: accuracy {accuracy_shifted:.1%}, n = {len(shifted_labels)}")
print(f"mean confidence {probabilities.amax(-1).mean():.1%}")
print(f"ECE {calibkit.calibration_error(probabilities, shifted_labels):.1%}", end=", ")
print(f"noise floor {calibkit.noise_floor(probabilities).mean:.1%}")

# %% [markdown]
# The images are harder, and the model does not know it: accuracy falls to 44.1 %, confidence
# only to 53.1 %. The calibrated model is overconfident again. A temperature is as good as its
# calibration set is like the data in use.

# %% [markdown]
# What we have seen
# -----------------
#
# - The ECE compares confidence with accuracy, bin by bin; the reliability diagram shows where
#   they part.
# - One temperature, fitted on 1000 held-out images, took the ECE from 14.0 % to 1.7 % and
#   changed no answer.
# - An ECE is read beside its noise floor: a perfect model does not score 0.
# - Eval mode, a seeded split and separate calibration and test sets make the numbers mean
#   something.
# - A temperature is good for the distribution that it was fitted on.

# %% [markdown]
# Exercises
# ---------
#
# 1. How many images does a temperature need? Split again with 100 calibration images and another
#    seed, fit, and enter the temperature below.

# %%
temperature_from_100 = None
if temperature_from_100 is not None:
    ratio = temperature_from_100 / scaler.temperature
    assert ratio != 1, "this is the temperature from 1000 images: fit a new scaler"
    assert 0.75 < ratio < 1.33, "further off than 100 images explain: is n_calibration 100?"

# %% [markdown]
# 2. What does training mode cost? Work on a copy, `copy.deepcopy(model).train()`, because training
#    mode changes the statistics that batch normalisation has learned. Measure its accuracy on the
#    test set in batches of 16. What happens with smaller batches?

# %%
accuracy_in_training_mode = None
if accuracy_in_training_mode is not None:
    assert accuracy_in_training_mode < accuracy - 0.03, "did the copy run in training mode?"

# %% [markdown]
# 3. Which temperature does the shifted set need? Split the shifted test set into 1000 images to fit
#    on and the rest to measure on. Enter the temperature that you find.

# %%
temperature_under_shift = None
if temperature_under_shift is not None:
    assert temperature_under_shift > scaler.temperature, "more overconfident needs a larger T"

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
