# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Calibrate your own model
========================

How do I calibrate mine? Three things are needed: logits, labels, and samples that the model was not
trained on. It does not matter which framework the logits come from. We go through the usual
places, one short section each, and end with a text for the model card.

What you will do
----------------

Fit a temperature to logits from a file, to a scikit-learn classifier, to a torch model with its
loader and to a segmentation model. Then fit one in several processes, save it, export the
calibrated model, and write down what it is good for.

What you will learn
-------------------

- how to turn probabilities into logits, and what to do with zeros
- why the intervals of a segmentation model are too narrow, and how to measure by how much
- how to save, load and export a calibrated model, and what belongs in its model card

What you need
-------------

Under a minute on two cores. *Calibrate a network with one number* explains the words: logits, ECE,
NLL, temperature, noise floor. No GPU, no network: the data come with calibkit and scikit-learn.
The sections can be read in any order, and all cells run from top to bottom.
"""

# %% [markdown]
# Load the utilities
# ------------------
#
# All files of this lesson go into a temporary folder, which we delete at the end.

# %%
import io
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from torch.utils.data import DataLoader, TensorDataset

import calibkit

temporary = TemporaryDirectory()
folder = Path(temporary.name)

# %% [markdown]
# Start from logits in a file
# ---------------------------
#
# A model in TensorFlow, JAX or anything else can leave its logits and labels in an ``.npz`` file,
# the format of NumPy. Here the file holds what our ResNet-20 says about 10 000 images. We load it
# with ``allow_pickle=False``, so that a file from somebody else cannot run code.

# %%
logits, labels = calibkit.glyphs100_logits(progress=False)
np.savez(folder / "logits.npz", logits=logits.numpy(), labels=labels.numpy())

with np.load(folder / "logits.npz", allow_pickle=False) as arrays:
    logits, labels = arrays["logits"], arrays["labels"]
print(f"logits {logits.shape}, labels {labels.shape}")

# %% [markdown]
# Each sample is a row and each class a column. We split the row numbers with
# `calibkit.split_calibration`, then fit with ``fit_logits``, which takes arrays.

# %%
rows = range(len(labels))
calib, test = calibkit.split_calibration(rows, 1000, seed=0, stratify=labels)
calib, test = calib.indices, test.indices
scaler = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])
print(scaler.summary)

# %% [markdown]
# The temperature is 1.465, as in the first lesson, because these are the same images. The line
# ``optimum`` says how we know that it gives the lowest NLL: another step of the search would not
# change it. The interval in brackets says how far off it may be by chance, with 1000 samples. On
# the other samples, `calibkit.evaluate` measures everything at once.

# %%
report = calibkit.evaluate(logits[test], labels[test], scaler=scaler, progress=False)
print(report)

# %% [markdown]
# The ECE falls from 14.0 % to 1.7 % and the accuracy stays. The Brier score is the mean squared
# distance of the probabilities from the truth, smaller is better. "ECE if calibrated" is the noise
# floor. The p-value says how often a perfectly calibrated model would show this ECE or more: after
# scaling it is 0.072, about 7 times in 100, not rare enough to call the model miscalibrated.
#
# The three lines below repeat this for the classwise ECE, which looks at the probabilities of all
# 100 classes and not of the answer alone. Its p-value is 0.001 also after scaling: one temperature
# does not calibrate every class. Which classes are worst? ``report.by_class()`` tells.

# %% [markdown]
# Calibrate a scikit-learn classifier
# -----------------------------------
#
# Most classifiers of scikit-learn give probabilities, not logits. Naive Bayes is one that is often
# too sure (Niculescu-Mizil and Caruana 2005): it takes all pixels for independent evidence, though
# neighbours are alike. We train it on 597 of scikit-learn's digits and keep 400 to calibrate on and
# 800 to test on.

# %%
X, y = load_digits(return_X_y=True)
X_train, X_rest, y_train, y_rest = train_test_split(
    X, y, train_size=597, random_state=0, stratify=y
)
X_calib, X_test, y_calib, y_test = train_test_split(
    X_rest, y_rest, train_size=400, random_state=0, stratify=y_rest
)
bayes = GaussianNB().fit(X_train, y_train)
p = bayes.predict_proba(X_calib)
print(f"n = {len(p)}, {(p == 0).mean():.0%} of the probabilities are exactly 0")

# %% [markdown]
# The logarithm of a probability is a logit: the softmax takes the exponential, which gives the
# probability back, and divides by the sum, which is 1. But the logarithm of 0 is minus infinity,
# and 44 % of our probabilities are 0. We lift them to a small floor first.

# %%
z = np.log(p.clip(1e-12))
back = torch.from_numpy(z).softmax(1).numpy()
print(f"the softmax gives the probabilities back: {np.allclose(back, p, atol=1e-9)}")

# %%
bayes_scaler = calibkit.TemperatureScaler().fit_logits(z, y_calib)
z_test = np.log(bayes.predict_proba(X_test).clip(1e-12))
bayes_report = calibkit.evaluate(z_test, y_test, scaler=bayes_scaler, progress=False)
print(f"T = {bayes_scaler.temperature:.1f}")
print(bayes_report)

# %% [markdown]
# The temperature is 6.1, and the ECE falls from 13.8 % to 2.8 %, on n = 800. The p-value of 0.222
# says that this may be chance. The last line is about the check that no calibration sample is in
# the test set: it compares logits, and so many of ours stand at the floor that it cannot tell.

# %%
axes = bayes_report.plot()
axes[1].get_legend().remove()
axes[0].figure.suptitle("T = 6.1 takes away the false certainty of naive Bayes")
top = bayes_scaler(torch.from_numpy(z_test)).softmax(1).max()
print(f"the largest confidence after scaling: {top:.0%}")

# %% [markdown]
# Before scaling nearly all digits are in the last bin, well below the diagonal. After scaling no
# confidence is above 91 %: the floor keeps the nine other classes above 0, and dividing the
# logarithms by 6.1 lifts them further.
#
# The floor is a choice of ours. Does it matter? We try a higher one, and none at all: the method
# ``predict_log_proba`` gives the logarithms also where a probability is too small for a float.

# %%
log_p, log_p_test = bayes.predict_log_proba(X_calib), bayes.predict_log_proba(X_test)
for lowest in (np.log(1e-3), np.log(1e-12), -np.inf):
    fitted = calibkit.TemperatureScaler().fit_logits(log_p.clip(lowest), y_calib)
    scaled = fitted(torch.from_numpy(log_p_test.clip(lowest)))
    ece = calibkit.calibration_error(scaled.softmax(1), y_test)
    print(f"floor {np.exp(lowest):.0e}: T = {fitted.temperature:.2g}, ECE after scaling {ece:.0%}")
of_truth = log_p[np.arange(len(p)), y_calib]
print(f"{(of_truth < -1e6).sum()} true classes have a logarithm below -1 000 000")

# %% [markdown]
# It does. Without a floor the temperature is 23 million and the ECE 70 %. Some pixels are blank in
# all training images of a class, so that one dot makes the class all but impossible. This happens
# to the true class of 7 calibration digits. They outweigh all the others in the NLL, and only a
# huge temperature lowers it. So the floor belongs to the model: we choose it before we look at the
# test set, and clip in the same way in use.

# %% [markdown]
# Calibrate a torch model with its loader
# ---------------------------------------
#
# For a torch model there is no need to collect logits: ``fit`` takes the model and a loader. It
# switches to eval mode, turns gradients off, and gives the model back as it came.

# %%
model = calibkit.glyphs100_resnet20().train()
images = calibkit.Glyphs100(10_000, seed=2)
calib_set = torch.utils.data.Subset(images, calib)
torch_scaler = calibkit.TemperatureScaler().fit(
    model, DataLoader(calib_set, batch_size=100), progress=False
)
print(f"T = {torch_scaler.temperature:.3f}, in training mode still: {model.training}")
assert abs(torch_scaler.temperature - scaler.temperature) < 1e-4
model = model.eval()

# %% [markdown]
# The same images give the same temperature, 1.465, although we handed the model over in training
# mode. To run it on a GPU, pass ``device="cuda"``.

# %% [markdown]
# Calibrate a segmentation model
# ------------------------------
#
# A segmentation model gives logits for every pixel: their shape is (N, C, H, W), and that of the
# labels (N, H, W). Pixels that shall not count carry a label of their own, often 255, the
# *ignore_index*.
#
# We make a small problem: four digits in a noisy picture. Every ink pixel is to be labelled with
# its digit. Faint pixels and the background are ignored.

# %%
generator = torch.Generator().manual_seed(2)
order = torch.randperm(len(X), generator=generator)[:1000]
tiles = torch.nn.functional.pad(torch.from_numpy(X).view(-1, 8, 8)[order] / 16, (1, 1, 1, 1))
masks = torch.where(tiles >= 0.5, torch.from_numpy(y)[order, None, None], 255)


def four_in_one(tiles):
    return tiles.view(-1, 2, 2, 10, 10).transpose(2, 3).reshape(-1, 20, 20)


pictures, masks = four_in_one(tiles)[:, None], four_in_one(masks)
noise = torch.randn(pictures.shape, generator=generator, dtype=pictures.dtype)
pictures = pictures + 0.1 * noise
print(f"{len(pictures)} pictures, {(masks == 255).double().mean():.0%} of the pixels are ignored")

# %%
fig, axes = plt.subplots(2, 4, figsize=(7.4, 4), layout="constrained")
fig.suptitle("Four digits in a picture: every ink pixel has a label, white ones are ignored")
for column, (picture, mask) in enumerate(zip(pictures[:4], masks[:4])):
    shown = np.ma.masked_equal(mask.numpy(), 255)
    axes[0, column].imshow(picture[0].numpy(), cmap="gray_r")
    drawn = axes[1, column].imshow(shown, cmap="tab10", vmin=-0.5, vmax=9.5)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("picture")
axes[1, 0].set_ylabel("labels")
_ = fig.colorbar(drawn, ax=axes[1], ticks=range(10), label="digit")

# %% [markdown]
# We split by picture, not by pixel: pixels of one digit are alike, and a split by pixel would put
# the same digit into both sets. 50 pictures train a tiny network, 100 calibrate it, and 100 test
# it. Training is in double precision only so that its numbers come out alike on every machine.

# %%
torch.manual_seed(2)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 9, padding=4),
    torch.nn.ReLU(),
    torch.nn.Conv2d(32, 32, 1),
    torch.nn.ReLU(),
    torch.nn.Conv2d(32, 10, 1),
).double()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for step in range(400):
    batch = slice(10 * (step % 5), 10 * (step % 5) + 10)
    loss = torch.nn.functional.cross_entropy(net(pictures[batch]), masks[batch], ignore_index=255)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"logits {tuple(net(pictures[:1]).shape)}, loss on the last batch {loss.item():.2f}")

# %% [markdown]
# We pass the ``ignore_index`` to ``fit`` and to `calibkit.evaluate`. Every pixel that is left
# counts as a sample.

# %%
calib_loader = DataLoader(TensorDataset(pictures[50:150], masks[50:150]), batch_size=50)
test_loader = DataLoader(TensorDataset(pictures[150:], masks[150:]), batch_size=50)
dense_scaler = calibkit.TemperatureScaler()
dense_scaler.fit(net, calib_loader, ignore_index=255, progress=False)
dense_report = calibkit.evaluate(
    net, test_loader, scaler=dense_scaler, ignore_index=255, progress=False
)
low, high = dense_scaler.summary.temperature_interval
print(f"T = {dense_scaler.temperature:.2f} ({low:.2f} to {high:.2f})", end=", ")
print(f"n = {dense_scaler.summary.n_samples} pixels in 100 pictures")
print(dense_report)

# %% [markdown]
# The network is overconfident, with T = 2.00, and the ECE falls from 14.9 % to 3.4 %. The table
# takes the 8236 test pixels for as many independent samples. They are not: the pixels of a digit
# tend to be right or wrong together. There is less information in them than their number says, so
# the intervals come out too narrow and the p-value too small. The noise floor of 1.3 % is too low
# to judge the remaining 3.4 % by.
#
# By how much is the interval of T too narrow? We draw 100 whole pictures with replacement, so that
# pixels that belong together stay together, and fit again. We do so 200 times. This is a bootstrap
# over pictures (Field and Welsh 2007). To be quick we keep only the logits of ink pixels, and for
# each picture the list of its rows.

# %%
calib_logits, calib_masks = calibkit.collect_logits(net, calib_loader, progress=False)
ink = calib_masks != 255
ink_logits, ink_labels = calib_logits.movedim(1, -1)[ink], calib_masks[ink]
rows_of_picture = torch.arange(len(ink_labels)).split(ink.sum((1, 2)).tolist())
refits = []
for _ in range(200):
    drawn = torch.randint(100, (100,), generator=generator)
    rows = torch.cat([rows_of_picture[k] for k in drawn])
    refit = calibkit.TemperatureScaler().fit_logits(ink_logits[rows], ink_labels[rows])
    refits.append(refit.temperature)
low_pictures, high_pictures = np.quantile(refits, [0.025, 0.975])
print(f"taking pixels for independent: {low:.2f} to {high:.2f}")
print(f"drawing whole pictures:        {low_pictures:.2f} to {high_pictures:.2f}")
print(f"wider by a factor of {(high_pictures - low_pictures) / (high - low):.1f}")

# %%
fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
ax.hist(refits, bins=20, color="#0072B2", rwidth=0.9, label="refits on drawn pictures")
ax.axvline(low, color="#D55E00", linestyle="--", label="interval from pixels")
ax.axvline(high, color="#D55E00", linestyle="--")
ax.set(xlabel="T", ylabel="number of refits")
ax.set_title("The temperature is less certain than the pixels claim")
ax.legend(fontsize=9)
outside = np.mean([not low < t < high for t in refits])
print(f"{outside:.0%} of {len(refits)} refits fall outside")

# %% [markdown]
# The interval from whole pictures, 1.89 to 2.15, is wider than the one from pixels by a factor of
# 2.4. Of 100 refits 5 should fall outside the dashed lines, and 47 do. Other seeds of data and
# noise give factors of about two to three. So for a segmentation model we state the number of
# pictures beside the number of pixels, and draw pictures where an interval matters.

# %% [markdown]
# Fit in several processes
# ------------------------
#
# Large models run in several processes, one for each GPU, started by ``torchrun``. Each process
# passes its own part of the calibration set to ``fit`` or ``fit_logits``, and all get the
# temperature of the whole. We write a script for logits. Each process takes every second of the
# 1000 rows of the first section.

# %%
script = """
import sys
import numpy as np
from torch import distributed
from calibkit import TemperatureScaler

distributed.init_process_group("gloo")
rank, n_processes = distributed.get_rank(), distributed.get_world_size()
with np.load(sys.argv[1], allow_pickle=False) as arrays:
    logits, labels = arrays["logits"][rank::n_processes], arrays["labels"][rank::n_processes]
scaler = TemperatureScaler().fit_logits(logits, labels)
if rank == 0:
    print(len(labels), scaler.summary.n_samples, scaler.temperature)
distributed.destroy_process_group()
"""
(folder / "fit.py").write_text(script)
np.savez(folder / "calibration.npz", logits=logits[calib], labels=labels[calib])

# %% [markdown]
# On the command line we would type
# ``torchrun --standalone --nproc-per-node 2 fit.py calibration.npz``. From Python we start the same
# program as a module. The processes talk to each other within the machine, without a network.

# %%
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
options = ["--local-addr=127.0.0.1", "--nproc-per-node=2"]
done = subprocess.run(
    [*torchrun, *options, str(folder / "fit.py"), str(folder / "calibration.npz")],
    env={**os.environ, "OMP_NUM_THREADS": "1"},
    capture_output=True,
    text=True,
    timeout=200,
)
assert done.returncode == 0, done.stderr
n_part, n_whole, temperature = done.stdout.split()
difference = abs(float(temperature) - scaler.temperature)
print(f"process 0 held {n_part} samples, and its fit saw {n_whole}")
print(f"T = {float(temperature):.3f}, as in one process: {difference < 1e-9}")

# %% [markdown]
# Process 0 held 500 samples and still found the temperature of all 1000. With GPUs the backend is
# ``"nccl"`` in place of ``"gloo"``, and each process first picks its GPU with
# ``torch.cuda.set_device``.
#
# One trap: if the samples cannot be shared out evenly, torch's ``DistributedSampler`` repeats some,
# and these would count twice. Slicing by rank, as in the script, repeats none.

# %% [markdown]
# Save and load the scaler
# ------------------------
#
# A scaler is a torch module with a ``state_dict``. That holds the temperature and the summary of
# the fit, nothing that needs pickled code, so ``weights_only=True`` can read it.

# %%
torch.save(scaler.state_dict(), folder / "scaler.pt")
loaded = calibkit.TemperatureScaler()
loaded.load_state_dict(torch.load(folder / "scaler.pt", weights_only=True))
print(f"the same temperature: {loaded.temperature == scaler.temperature}")
print(f"fitted on n = {loaded.summary.n_samples}; {loaded.summary.message}")

# %% [markdown]
# The temperature comes back to the last bit, with the number of samples it was fitted on.

# %% [markdown]
# Export the calibrated model
# ---------------------------
#
# In use nobody should have to remember the temperature. We put the scaler behind the model and
# export both as one program with ``torch.export``. The batch dimension is declared as dynamic, so
# that the program takes any number of images.

# %%
calibrated_model = torch.nn.Sequential(model, scaler).eval()
some_images = images.images[:7]
batch = torch.export.Dim("batch")
program = torch.export.export(calibrated_model, (some_images[:2],), dynamic_shapes=({0: batch},))
buffer = io.BytesIO()
torch.export.save(program, buffer)

# %%
buffer.seek(0)
exported_model = torch.export.load(buffer).module()
with torch.inference_mode():
    same = torch.allclose(exported_model(some_images), calibrated_model(some_images), atol=1e-5)
print(f"exported with 2 images, called with {len(some_images)}, the same logits: {same}")

# %% [markdown]
# The program was exported with 2 images and takes 7, with the same logits. It can be loaded where
# torch is installed, without calibkit.

# %% [markdown]
# Write the model card
# --------------------
#
# A model card tells others what a model is for and how well it does (Mitchell et al. 2019). Its
# section on calibration needs four things: on what data the confidences hold, the temperature with
# its interval, how many samples it was fitted and measured on, and the measures before and after.
# ``to_markdown`` gives the table.

# %%
low, high = scaler.summary.temperature_interval
card = f"""## Calibration

Intended use: the confidence of the top class, on images drawn like the test set. On others, for
instance on noisier ones, nothing is promised: measure there, and fit T again.

Temperature scaling, T = {scaler.temperature:.3f} (95 % interval {low:.3f} to {high:.3f}), fitted \
on {scaler.summary.n_samples} images.
None of them was trained on, and none is in the table.

{report.to_markdown()}
"""
print(card)

# %% [markdown]
# The section is plain Markdown and can be pasted as it is. `calibkit.Report.to_dict` gives the same
# numbers for a machine. The files are no longer needed.

# %%
temporary.cleanup()

# %% [markdown]
# What we have seen
# -----------------
#
# - Logits and labels are all that calibkit needs: ``fit_logits`` takes arrays from any framework,
#   ``fit`` a torch model with its loader.
# - The logarithms of probabilities are logits. Zeros need a floor, and the floor is part of the
#   model: without one the ECE of naive Bayes was 70 % after scaling, with one 3 %.
# - Pixels are not independent. The interval that took them so was too narrow, by a factor of 2.4.
# - Several processes find the temperature of one.
# - The calibrated model is exported as a whole. Its card says on what data the confidences hold.

# %% [markdown]
# Exercises
# ---------
#
# 1. A classifier without probabilities: scikit-learn's ``RidgeClassifier`` has only a
#    ``decision_function``, a number whose sign is the answer. For two classes calibkit takes such
#    numbers, of shape (N,), for logits: their sigmoid is the probability of class 1. Train it on
#    ``X_train`` to tell even from odd digits, ``y_train % 2``, fit a temperature on ``X_calib`` and
#    enter it. The targets in training were -1 and 1. What is the sigmoid of 1, and why does the
#    temperature come out as it does?

# %%
ridge_temperature = None
if ridge_temperature is not None:
    assert ridge_temperature < 1, "the sigmoid of 1 is 73 %, too unsure: T must raise it"
    assert 0.22 < ridge_temperature < 0.25, "train on X_train, fit on X_calib, labels modulo 2"

# %% [markdown]
# 2. The report gives the accuracy of the segmentation model, 62.9 %, with an interval that takes
#    pixels for independent. How wide is it in truth? Draw 100 pictures from the 100 test pictures
#    with replacement, 1000 times, and take the accuracy over all their pixels that count. Enter the
#    ends of the 95 % interval, as fractions.

# %%
accuracy_interval = None
if accuracy_interval is not None:
    low, high = accuracy_interval
    assert 0 <= low < high <= 1, "enter the lower and the upper end, as fractions"
    assert low < dense_report.before.accuracy.value < high, "leave the ignored pixels out"
    assert high - low > 0.035, "too narrow: draw pictures, not pixels"
    assert high - low < 0.065, "too wide: draw as many pictures as there are, 100"

# %% [markdown]
# 3. Export a model that gives calibrated probabilities, not logits. Enter what
#    ``torch.export.export`` returns. In which order do scaler and softmax come?

# %%
probability_program = None
if probability_program is not None:
    with torch.inference_mode():
        p = probability_program.module()(some_images)
        expected = calibrated_model(some_images).softmax(1)
    assert torch.allclose(p.sum(1), torch.ones(len(p)), atol=1e-4), "these are no probabilities"
    assert torch.allclose(p, expected, atol=1e-4), "the temperature divides logits: softmax last"

# %% [markdown]
# References
# ----------
#
# - Field and Welsh (2007). Bootstrapping Clustered Data. Journal of the Royal Statistical Society
#   B 69. https://doi.org/10.1111/j.1467-9868.2007.00593.x
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Mitchell, Wu, Zaldivar, Barnes, Vasserman, Hutchinson, Spitzer, Raji and Gebru (2019). Model
#   Cards for Model Reporting. FAT*. https://arxiv.org/abs/1810.03993
# - Niculescu-Mizil and Caruana (2005). Predicting Good Probabilities with Supervised Learning.
#   ICML. Naive Bayes and margins. https://doi.org/10.1145/1102351.1102430
