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

A classifier's *confidence* is the largest of its softmax probabilities. It is *calibrated* if it
is right as often as it claims: 80 times in 100 where its confidence is 0.8, and so for every other
confidence. Many modern networks are surer than they are right (Guo et al. 2017). Temperature
scaling often mends most of that with one number. Because it looks at the top class only, this is
called top-label calibration.

What you will do
----------------

Take a trained ResNet-20, measure how far its confidence is from its accuracy, fit a single
temperature on 1000 images, and measure again on 9000 others.

What you will learn
-------------------

- what the expected calibration error, the ECE, measures, and how to read a reliability diagram
- how to fit `calibkit.TemperatureScaler`, and on which data
- why eval mode, a held-out calibration set and the noise floor matter

What you need
-------------

Under a minute on two cores, and basic PyTorch. No GPU, no network: images and weights come with
calibkit. A section near the end tells how to move on to CIFAR-100.
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
# `calibkit.glyphs100_resnet20` is a ResNet-20 that was trained on few images until it had learned
# them by heart. It comes in eval mode, and that matters: in training mode batch normalisation
# would use the statistics of each batch in place of those it has learned, so that an image's
# prediction would depend on its neighbours.

# %%
model = calibkit.glyphs100_resnet20(pretrained=True)
print(f"in training mode: {model.training}")

# %% [markdown]
# Step 3: set up the data
# -----------------------
#
# A datamodule prepares the data and hands out a list of loaders; no trainer is needed. The first
# one gives the test set. A second, of images that belong to no class, is in the list only with
# `ood_detection=True`. The images are glyphs of 100 classes, warped, coloured and noisy, drawn from
# a fixed seed: the same pixels on every machine.

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
print(f"{(answers == labels)[:16].sum()} of these 16 answers are right")

# %% [markdown]
# Some wrong answers come with little confidence, as they should. Others come with much.
#
# Step 4: measure the calibration error
# -------------------------------------
#
# We split the 10 000 test images: 1000 to fit the temperature on, the calibration set, and 9000
# to measure with. They must not overlap, and neither may hold training images: on images that a
# model or a temperature was fitted to, the numbers look too good. The split is seeded, so it is the
# same on every machine, and stratified, so that each class is in both.

# %%
calib_set, test_set = calibkit.split_calibration(dm.test, 1000, seed=0, stratify=dm.test.targets)
calib_loader = DataLoader(calib_set, batch_size=100)
test_loader = DataLoader(test_set, batch_size=100)
print(f"{len(calib_set)} images to calibrate on, {len(test_set)} to test on")

# %% [markdown]
# The ECE (Naeini et al. 2015) sorts the test images into 15 bins by the confidence of the model's
# answer, takes the gap between accuracy and mean confidence in each bin, and averages the gaps,
# weighted by the number of images. It needs probabilities, so we apply the softmax. We keep the
# logits too.

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
# confidence; the orange line between them is the gap that enters the ECE. The bars of a calibrated
# model would end in the grey bands in 95 of 100 test sets. The upper panel counts the images.

# %%
ax = calibkit.reliability_diagram(
    logits.softmax(-1), labels, title="Before scaling: surer than right in every bin"
)

# %% [markdown]
# All bars stay below the dots: the model is overconfident throughout, and so the ECE is just the
# difference between mean confidence and accuracy. It need not be: gaps up and down both count.
#
# How much of an ECE of 14.0 % is chance? Even a perfectly calibrated model would not score 0 on
# finitely many images. What it would score is the noise floor: we draw labels that are right
# exactly as often as the model claims, a thousand times, and take the ECE each time
# (Vaicenavicius et al. 2019).

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
# Temperature scaling (Guo et al. 2017) divides all logits by one number *T* before the softmax. A
# *T* above 1 makes every prediction less sure. No *T* changes an answer, because the largest logit
# stays the largest. We take the *T* with the lowest NLL on the calibration set, not the one with
# the lowest ECE: the ECE jumps whenever an image changes its bin, while the NLL is smooth and has
# one minimum.

# %%
scaler = calibkit.TemperatureScaler()
scaler = scaler.fit(model=model, calib_loader=calib_loader)
print(f"T = {scaler.temperature:.3f}, found on n = {len(calib_set)} images")

# %% [markdown]
# The temperature is 1.465, well above 1: the logits were too large. The scaler has no learning rate
# to tune, it goes to the minimum directly. We can check that by drawing the curve.

# %%
calib_logits, calib_labels = calibkit.collect_logits(model, calib_loader)
temperatures = torch.linspace(0.9, 3, 43)
nll = [cross_entropy(calib_logits / t, calib_labels) for t in temperatures]

fig, ax = plt.subplots(figsize=(4.8, 3), layout="constrained")
ax.plot(temperatures, nll, color="#0072B2")
ax.axvline(scaler.temperature, color="#D55E00", linestyle="--")
_ = ax.set(title="The scaler stands at the minimum", xlabel="T", ylabel="NLL, calibration set")

# %% [markdown]
# The dashed line, the temperature that the scaler found, meets the curve at its lowest point.
#
# Step 6: measure again
# ---------------------
#
# The scaler is a torch module, so the calibrated model is the model with the scaler behind it.
# We reset the metric first: otherwise it would add the new images to the old ones.

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
# The ECE fell from 14.0 % to 1.7 %, and the NLL from 1.552 to 1.397. The ECE that is left lies
# between 0.8 % and 1.8 %, the range of a perfectly calibrated model: it cannot be told from chance.
# Side by side, the gaps have all but closed.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("One number closes the gap between confidence and accuracy")
_ = calibkit.reliability_diagram(logits.softmax(-1), labels, title="Before scaling", ax=axes[0])
_ = calibkit.reliability_diagram(scaled.softmax(-1), labels, title="After scaling", ax=axes[1])
# sphinx_gallery_thumbnail_number = 4

# %% [markdown]
# None of the 9000 images in these bars was used to fit the temperature. That makes the result
# honest.

# %% [markdown]
# Move the temperature by hand
# ----------------------------
#
# Would another temperature have done better? In JupyterLab the next cell shows a slider, if
# ipywidgets is installed (``pip install "calibkit[course]"``): move it, and curves and bins
# follow. Elsewhere you see the same picture without the slider. The website has it too, as its
# playground.

# %%
calibkit.explore_temperature(logits, labels, temperature=scaler.temperature)

# %% [markdown]
# The NLL has one valley. The grey line is the best temperature of these 9000 images, the dotted one
# that of the 1000 calibration images: the lines nearly touch. The ECE is low near them too, but a
# slider shows that it jumps whenever an image changes its bin.

# %% [markdown] tags=["published"]
# Move to CIFAR-100
# -----------------
#
# Two lines change. The code up to here then runs as it stands, with other numbers than those in
# the text. Weights, by Y. Chen (github.com/chenyaofo/pytorch-cifar-models), and images are fetched
# once.
#
# - ``model = calibkit.cifar100_resnet20(pretrained=True)``
# - ``dm = calibkit.CIFAR100DataModule(root="./data", batch_size=100)``
#
# The published tutorial on this model and data reports an ECE of 10.8 % before scaling and 1.4 %
# after. Two things hide in these numbers:
#
# - It never calls `model.eval()`: batch normalisation ran in training mode. On 916 real CIFAR-100
#   images and a ResNet-20 of the same shape, calibkit's tests measure what that costs: accuracy
#   70.0 % becomes 59.0 %, and the NLL grows by 0.36. The ECE, 6.1 % and 6.3 %, does not reveal it.
# - A perfectly calibrated toy model shows 1.0 % on 10 000 images. An ECE of 1.4 % is hardly above
#   its noise floor.

# %% [markdown]
# When does it hold?
# ------------------
#
# Temperature scaling can be counted on only when the calibration set is drawn as the test set is:
# the two share one distribution. In use, data often drift away from it, and then the old
# temperature no longer fits. We draw the same glyphs with more warp and noise, and let the
# calibrated model answer.

# %%
shifted = calibkit.Glyphs100DataModule(batch_size=100, severity=2)
shifted.setup("test")
subset = torch.utils.data.Subset(shifted.test, range(2000))
shifted_loader = DataLoader(subset, batch_size=100)
shifted_logits, shifted_labels = calibkit.collect_logits(calibrated_model, shifted_loader)

# %%
probabilities = shifted_logits.softmax(-1)
accuracy_shifted = (shifted_logits.argmax(-1) == shifted_labels).double().mean()
print(f"under shift: accuracy {accuracy_shifted:.1%}, n = {len(shifted_labels)}")
print(f"mean confidence {probabilities.amax(-1).mean():.1%}")
print(f"ECE {calibkit.calibration_error(probabilities, shifted_labels):.1%}", end=", ")
print(f"noise floor {calibkit.noise_floor(probabilities).mean:.1%}")

# %% [markdown]
# The images are harder, and the model does not know it: accuracy falls to 44.1 %, confidence
# only to 53.1 %. An ECE of 9.3 % over a floor of 2.8 % is not chance: the calibrated model is
# overconfident again.

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
# 1. Are 100 calibration images enough? Split with 100 of them and five different seeds, fit each
#    time, and enter the five temperatures. How far apart are they, and from the one above?

# %%
temperatures_from_100 = []
if temperatures_from_100:
    ratios = torch.tensor(temperatures_from_100) / scaler.temperature
    assert len(ratios) == 5, "five seeds give five temperatures"
    assert ((ratios > 0.8) & (ratios < 1.25)).all(), "too far off: fit on model, not on its scaling"
    assert ratios.max() / ratios.min() > 1.02, "too close: is n_calibration 100 in every split?"

# %% [markdown]
# 2. What does training mode cost? Measure the accuracy of `copy.deepcopy(model).train()` on the
#    test set, in batches of 16. It must be a copy, because training mode changes the statistics
#    that batch normalisation has learned. Write the loop yourself: `calibkit.collect_logits` goes
#    to eval mode.

# %%
accuracy_in_training_mode = None
if accuracy_in_training_mode is not None:
    logits_now = calibkit.collect_logits(model, test_loader, progress=False)[0]
    assert not model.training, "the model was changed: run the lesson again, then use a copy"
    assert torch.allclose(logits_now, logits, atol=1e-3), (
        "the model was changed: run the lesson again, then use a copy"
    )
    assert accuracy_in_training_mode < 1, "enter a fraction, not a percentage"
    assert abs(accuracy_in_training_mode - 0.525) < 0.02, "training mode, batches of 16, in order?"

# %% [markdown]
# 3. Which temperature does the shifted data need? Split `shifted.test` into 1000 images to fit on
#    and the rest to measure with. Enter the temperature. What is the ECE now?

# %%
temperature_under_shift = None
if temperature_under_shift is not None:
    assert temperature_under_shift > scaler.temperature, "fit on model, not on calibrated_model"
    assert 1.65 < temperature_under_shift < 2.05, "fit on shifted images, 1000 of them"

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
