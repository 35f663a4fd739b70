# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
How do I calibrate my own model?
================================

A model is *calibrated* if its probabilities tell us how often it is right. To calibrate your own
model, you need its *logits*: the numbers that it returns before the softmax, one for each class.
You also need the right labels, for samples that the model was not trained on.

What you will do
----------------

Calibrate a network from a file and from a loader, a scikit-learn classifier, and a model that
labels pixels. Then save and report the result.

What you will learn
-------------------

- how to turn probabilities into logits, even where a probability is zero
- why the pixels of one picture are not independent samples
- how several processes find one temperature
- how to read a report

What you need
-------------

Lessons 10 and 30, and less than a minute on two cores, without GPU or internet.
"""

# %% [markdown] tags=["slide"]
# How do I calibrate my own model?
# --------------------------------
#
# - You need logits, labels, and samples that are new to the model.
# - It does not matter where the logits come from.
#
# Say: So far we have calibrated the network that comes with the course. Today it is your turn. Ask
# the room: what do your models look like? Write down the answers: a torch network, a file from
# another framework, a scikit-learn classifier, a segmentation model. By the end of the hour each of
# them should have a way to a temperature and to a report.

# %% [markdown]
# The answer in one picture
# -------------------------
#
# *Temperature scaling* divides all logits by one number, the *temperature* T (Guo et al. 2017). We
# fit T on a *calibration set* and measure on other samples, the *test set*.

# %% tags=["setup"]
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
from sklearn.neighbors import KNeighborsClassifier
from torch.utils.data import DataLoader, TensorDataset

import calibkit

# %%
fig, ax = plt.subplots(figsize=(7.6, 3.6), layout="constrained")
ax.set(xlim=(-0.5, 9.8), ylim=(0, 4))
ax.axis("off")
ax.set_title("Every model takes the same road once it has logits")
box = {"boxstyle": "round,pad=0.5", "facecolor": "#DCEBF5", "edgecolor": "0.3"}
look = {"va": "center", "fontsize": 12, "bbox": box}
road = ("logits\nand labels", "fit T", "report on\nother samples")
for x, text in zip((4.9, 6.85, 8.85), road):
    ax.text(x, 2, text, ha="center", **look)
starts = ("logits in a file", "torch model and loader")
starts += ("scikit-learn classifier", "probabilities (logarithm)")
line = {"arrowstyle": "->", "color": "0.3", "lw": 1.5}
for y, text in zip((3.6, 2.55, 1.45, 0.4), starts):
    ax.text(3.0, y, text, ha="right", **look)
    ax.annotate("", (4.15, 2), (3.15, y), arrowprops=line)
ax.annotate("", (6.4, 2), (5.65, 2), arrowprops=line)
ax.annotate("", (7.9, 2), (7.3, 2), arrowprops=line)
plt.show()

# %% [markdown] tags=["slide"]
# Every model takes the same road
# -------------------------------
#
# - First get logits and labels of samples that are new to the model.
# - Fit T on some of them, and report on the others.
#
# Say: Read the picture from left to right. Only the first step depends on the kind of model. Once
# you have an array of logits and an array of labels, all the rest is the same. Ask the room: which
# of the four boxes on the left is yours? And where do you get samples that your model was not
# trained on?

# %% [markdown]
# Five votes and their logarithms
# -------------------------------
#
# If your model gives probabilities and no logits, take their logarithms. The *softmax* turns these
# into probabilities again: it takes exponentials and divides them by their sum.

# %%
votes = torch.tensor([0.6, 0.2, 0.2])
logits = votes.log()
print("logits: ", [f"{z:.2f}" for z in logits])
print("softmax:", [f"{p:.2f}" for p in logits.softmax(0)])

# %% [markdown]
# But the logarithm of zero is minus infinity. So we first raise every zero to a small number, the
# *floor*.
#
# Here are twenty predictions for two classes, each made by five votes. In the first ten, all votes
# go to the first class, which is right nine times. In the other ten, three votes go to the first
# class, which is right six times. So 0.90 and 0.60 would be calibrated probabilities.
#
# **Before you run this:** which floor gives probabilities close to these two?

# %%
p = np.array([[1.0, 0.0]] * 10 + [[0.6, 0.4]] * 10)
y = np.array([0] * 9 + [1] + [0] * 6 + [1] * 4)

# %%
for floor in (1e-12, 1e-3, 0.1):
    z = np.log(p.clip(floor))
    fitted = calibkit.TemperatureScaler().fit_logits(z, y)
    sure, unsure = fitted(torch.from_numpy(z)).softmax(1)[[0, 10], 0]
    print(f"floor {floor:g}: T = {fitted.temperature:.1f}, ", end="")
    print(f"{sure:.2f} and {unsure:.2f}, NLL {fitted.summary.nll_after:.3f}")

# %% [markdown]
# All three floors correct the sure predictions, because T makes up for the floor. But a smaller
# floor needs a higher T, and the unsure predictions get the same T. Only the largest floor, half a
# vote, serves both. The *NLL* (negative log-likelihood) shows this. It is the mean of minus the
# logarithm of the label's probability, and lower is better.

# %% [markdown] tags=["slide"]
# A probability of 0 needs a floor
# --------------------------------
#
# - Logarithms of probabilities are logits, but 0 has no logarithm.
# - A tiny floor forces a high T on all predictions.
# - Half a vote serves both the sure and the unsure.
#
# Say: Put the twenty predictions on the board. Ten are sure, and nine of them are right. Ten are
# unsure, and six of them are right. With a floor of one in a million million, a sure mistake is
# terribly expensive, so T goes up. Who pays? The unsure predictions, which were right all along.
# Which floor would you choose, and how would you find it without looking at the test set?

# %% [markdown]
# Logits in a file
# ----------------
#
# Any framework can save logits and labels in an ``.npz`` file of NumPy. Our file comes from an
# image classifier.

# %% tags=["setup"]
temporary = TemporaryDirectory()
folder = Path(temporary.name)
logits, labels = calibkit.glyphs100_logits(progress=False)
np.savez(folder / "model.npz", logits=logits.numpy(), labels=labels.numpy())

# %% tags=["setup"]
with np.load(folder / "model.npz", allow_pickle=False) as arrays:
    logits, labels = arrays["logits"], arrays["labels"]
calib, test = calibkit.split_calibration(labels, 1000, stratify=labels)
calib, test = calib.indices, test.indices
scaler = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])

# %%
print(f"logits {logits.shape}, labels {labels.shape}")
print(scaler.summary)

# %% [markdown]
# Each row is a sample, and each column is a class. With ``stratify``, both sets hold every class in
# the same proportion. Beside T stands its *95% interval*. About 95 of a hundred such intervals
# hold the value that endless data would give. On the test set, `calibkit.evaluate` computes a
# report.

# %%
report = calibkit.evaluate(logits[test], labels[test], scaler=scaler)
print(report)

# %% [markdown]
# The *answer* is the class with the highest probability, and the *accuracy* is the share of right
# answers. The other rows are:
#
# - *Brier score*: the squared differences between the probabilities and the label (one for its
#   class, zero for the others), summed over the classes and averaged over the samples.
# - *ECE* (expected calibration error): in bins of similar *confidence* (the probability of the
#   answer), the gap between accuracy and mean confidence, averaged over all samples.
# - *ECE if calibrated*, or *noise floor* (not the floor above): the mean ECE of a perfectly
#   calibrated model on such test sets. The brackets hold about 95 of a hundred of these ECEs.
# - *p-value*: the share of such test sets on which a perfectly calibrated model shows at least the
#   measured ECE.
# - *classwise ECE*: for each class, in bins of its probability, the gap between its share and its
#   mean probability, averaged over samples and classes.
#
# After scaling, the p-value is 0.072, too large to rule out chance. So in these bins, the ECE
# cannot tell this model from a calibrated one. This is no proof of calibration: the very small
# p-value of the classwise ECE reveals an error.

# %% [markdown] tags=["slide"]
# Read the report
# ---------------
#
# - First read accuracy and NLL, before and after.
# - Hold the ECE against the ECE of a calibrated model.
# - A p-value of 0.072 proves nothing.
#
# Say: Read the table with the room, row by row. Which rows have changed, and which cannot change?
# The accuracy cannot. Is this model calibrated now? The ECE does not tell it from a calibrated model.
# The classwise ECE does: it looks at the probabilities of all classes, and there one temperature is
# not enough.

# %% [markdown]
# A torch model and its loader
# ----------------------------
#
# ``fit`` takes a torch model and a *loader*, which gives batches of inputs and labels. It runs the
# model in *eval mode*, in which an answer does not depend on the rest of the batch. On a GPU, add
# ``device="cuda"``.

# %% tags=["setup"]
model = calibkit.glyphs100_resnet20()
images = calibkit.Glyphs100(500, seed=2)

# %%
loader = DataLoader(images, batch_size=100)
by_loader = calibkit.TemperatureScaler().fit(model, loader, progress=False)
by_file = calibkit.TemperatureScaler().fit_logits(logits[:500], labels[:500])
print(f"loader: T = {by_loader.temperature:.3f}")
print(f"file:   T = {by_file.temperature:.3f}, the same 500 images")

# %% [markdown]
# A scikit-learn classifier
# -------------------------
#
# The *nearest-neighbours* classifier lets the five closest training samples vote. The share of
# votes for a class is its probability. Our samples are noisy digits.

# %%
X, y = load_digits(return_X_y=True)
noisy = X + 6 * np.random.default_rng(0).normal(size=X.shape)

# %%
rest, X_test, rest_y, y_test = train_test_split(
    noisy, y, test_size=1000, random_state=0, stratify=y
)
X_train, X_calib, y_train, y_calib = train_test_split(
    rest, rest_y, test_size=400, random_state=0, stratify=rest_y
)

# %%
neighbours = KNeighborsClassifier(5).fit(X_train, y_train)
p_calib = neighbours.predict_proba(X_calib)
p_test = neighbours.predict_proba(X_test)

# %%
no_vote = p_calib[range(400), y_calib] == 0
print(f"{(p_calib == 0).mean():.0%} of the probabilities are 0,", end=" ")
print(f"and {no_vote.sum()} of 400 right classes got no vote")

# %% [markdown]
# The floor is a second number to fit, so we choose it like T: by the NLL of the calibration set
# after scaling. The test set only checks our choice.

# %%
floors = [0.15, 0.1, 0.05, 0.02, 0.01, 1e-3, 1e-6, 1e-9, 1e-12]
scalers, calib_nll, test_nll = [], [], []

# %%
for floor in floors:
    fitted = calibkit.TemperatureScaler()
    fitted.fit_logits(np.log(p_calib.clip(floor)), y_calib)
    scaled = fitted(torch.from_numpy(np.log(p_test.clip(floor)))).softmax(1)
    scalers.append(fitted)
    calib_nll.append(fitted.summary.nll_after)
    test_nll.append(calibkit.negative_log_likelihood(scaled, y_test))
best = int(np.argmin(calib_nll))

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.set_title("The NLL is lowest for a floor of about half a vote")
ax.plot(floors, calib_nll, "o-", color="#0072B2", label="400 to calibrate")
ax.plot(floors, test_nll, "s--", color="#D55E00", label="1000 to test")
ax.axvline(floors[best], color="0.3", linestyle=":", label="our choice")
ax.set(xscale="log", xlabel="floor", ylabel="NLL after scaling")
ax.legend(loc="lower left")
plt.show()

# %% [markdown] tags=["slide"]
# Choose the floor by the NLL
# ---------------------------
#
# - The floor is a second parameter: fit it like T.
# - The calibration set chooses, the test set only watches.
# - If the model votes, start at half a vote.
#
# Say: Read the solid curve first, because it is the only one that may decide. Where is its lowest
# point? At 0.1, which is half a vote of five neighbours. Then look at the dashed curve: half a vote
# is best on new samples too. What would have happened with the smallest floor? The ECE after
# scaling would have been higher than before it.

# %%
for k in (-1, best):
    z = torch.from_numpy(np.log(p_test.clip(floors[k])))
    scaled = scalers[k](z).softmax(1)
    print(f"floor {floors[k]:g}, T = {scalers[k].temperature:.2f}: ", end="")
    print(f"ECE {calibkit.calibration_error(scaled, y_test):.1%}")

# %%
noise = calibkit.noise_floor(scaled)
print(f"before: ECE {calibkit.calibration_error(p_test, y_test):.1%}")
print(f"if calibrated: {noise.low:.1%} to {noise.high:.1%}, in 15 bins")

# %% [markdown]
# In our split, half a vote is best on both sets. With the smallest floor, scaling makes the ECE
# worse. With our choice, the ECE falls, though not to the level of a calibrated model. (With this
# floor, the confidences are too low, so T is below one.) For another model that votes, begin at
# half a vote. Use the same floor when you predict.
#
# `calibkit.CalibratedClassifier` chooses a floor and fits T for you. It leaves each fifth of the
# samples out of training in turn, and fits T on these parts. So you set no samples aside.

# %%
classifier = calibkit.CalibratedClassifier(
    KNeighborsClassifier(5), scaler=calibkit.TemperatureScaler()
).fit(rest, rest_y)
values = classifier.evaluate(X_test, y_test).after
print(f"T = {classifier.scalers_[0].temperature:.2f},", end=" ")
print(f"NLL {values.nll.value:.2f} in place of {test_nll[best]:.2f}")

# %% [markdown]
# Its NLL is lower than ours. But this classifier could train on our calibration samples too.
#
# A model that labels pixels
# --------------------------
#
# A *segmentation* model gives logits for every pixel. For N pictures of H times W pixels and C
# classes, the logits have the shape (N, C, H, W), and the labels (N, H, W). Pixels that should not
# count carry a label of their own, the *ignore_index*, often 255. In our pictures of four noisy
# digits, every pixel with ink is labelled with its digit.

# %% tags=["setup"]
X, y = load_digits(return_X_y=True)
generator = torch.Generator().manual_seed(2)
order = torch.randperm(1796, generator=generator)
ink = torch.from_numpy(X)[order].view(-1, 2, 2, 8, 8) / 16
digit = torch.from_numpy(y)[order].view(-1, 2, 2, 1, 1)

# %% tags=["setup"]
masks = torch.where(ink >= 0.5, digit, 255)
masks = masks.transpose(2, 3).reshape(-1, 16, 16)
pictures = ink.transpose(2, 3).reshape(-1, 1, 16, 16)
noise = torch.randn(pictures.shape, generator=generator).double()
pictures = pictures + 0.1 * noise

# %%
fig, axes = plt.subplots(2, 3, figsize=(6.6, 4.2), layout="constrained")
fig.suptitle("Every pixel with ink has a label; white ones are ignored")
for column in range(3):
    shown = np.ma.masked_equal(masks[column].numpy(), 255)
    axes[0, column].imshow(pictures[column, 0].numpy(), cmap="gray_r")
    axes[1, column].imshow(shown, "tab10", alpha=0.5, vmin=-0.5, vmax=9.5)
    for i, j in ((4, 4), (4, 12), (12, 4), (12, 12)):
        inside = masks[column, i - 4 : i + 4, j - 4 : j + 4]
        name = inside[inside != 255][0].item()
        axes[1, column].text(j, i, name, ha="center", fontsize=16)
for ax in axes.flat:
    ax.set(xticks=[], yticks=[])
axes[0, 0].set_ylabel("picture", fontsize=12)
axes[1, 0].set_ylabel("labels", fontsize=12)
plt.show()

# %% [markdown] tags=["slide"]
# A model that labels pixels
# --------------------------
#
# - Top: what the model sees. Bottom: the label of each pixel.
# - White pixels have the ignore_index and do not count.
#
# Say: Here is a toy segmentation problem: four noisy digits in a picture, and every pixel with ink
# gets the name of its digit. Ask the room how we should divide such data into a calibration set and
# a test set. By pixel or by picture? If we divide by pixel, half of an eight is in one set and the
# other half in the other, and they are hardly independent.

# %% [markdown]
# We split by picture, so that no digit has pixels in both sets. A tiny network learns from other
# pictures.

# %% tags=["setup"]
torch.manual_seed(2)
net = torch.nn.Sequential(
    torch.nn.Conv2d(1, 32, 9, padding=4),
    torch.nn.ReLU(),
    torch.nn.Conv2d(32, 32, 1),
    torch.nn.ReLU(),
    torch.nn.Conv2d(32, 10, 1),
).double()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
loss = torch.nn.CrossEntropyLoss(ignore_index=255)

# %% tags=["setup"]
for step in range(300):
    batch = slice(10 * (step % 5), 10 * (step % 5) + 10)
    optimizer.zero_grad()
    loss(net(pictures[batch]), masks[batch]).backward()
    optimizer.step()

# %% tags=["setup"]
calib_pictures = TensorDataset(pictures[50:250], masks[50:250])
test_pictures = TensorDataset(pictures[250:], masks[250:])
pixel_scaler = calibkit.TemperatureScaler().fit(
    net, DataLoader(calib_pictures, 50), ignore_index=255, progress=False
)

# %% tags=["setup"]
pixel_report = calibkit.evaluate(
    net,
    DataLoader(test_pictures, 50),
    scaler=pixel_scaler,
    ignore_index=255,
    progress=False,
)

# %%
whole = pixel_scaler.summary
low, high = whole.temperature_interval
print(f"T = {whole.temperature:.2f}, 95% interval {low:.2f} to {high:.2f}")
print(f"fitted on {whole.n_samples} pixels of {len(calib_pictures)} pictures")

# %%
before, after = pixel_report.before.ece, pixel_report.after.ece
print(f"ECE on {pixel_report.n_samples} other pixels: ", end="")
print(f"{before.value:.1%} before, {after.value:.1%} after")

# %% [markdown]
# The interval of T assumes independent samples. But the pixels of a digit tend to be right or
# wrong together.
#
# We fit T on twenty groups of ten pictures each. Then we deal out the same pixels at random to
# groups of the same sizes.
#
# **Before you run this:** how many of twenty intervals will hold the T of all pixels, for whole
# pictures and for random pixels?

# %%
z, y_pixel = calibkit.collect_logits(
    net, DataLoader(calib_pictures, 50), progress=False
)
counted = y_pixel != 255

# %%
z, y_pixel = z.movedim(1, -1)[counted], y_pixel[counted]
picture = counted.nonzero()[:, 0]
shuffled = picture[torch.randperm(len(picture), generator=generator)]

# %%
fig, ax = plt.subplots(figsize=(7, 3.8), layout="constrained")
ax.set_title("Intervals that assume independent pixels miss too often")
looks = ("#D55E00", "o", "whole pictures"), ("#0072B2", "s", "random pixels")
for part, (of_pixel, look) in enumerate(zip((picture, shuffled), looks)):
    held = 0
    for k in range(20):
        i = of_pixel // 10 == k
        fitted = calibkit.TemperatureScaler().fit_logits(z[i], y_pixel[i])
        low, high = fitted.summary.temperature_interval
        held += low < whole.temperature < high
        place = k + 23 * part
        ax.plot([place, place], [low, high], color=look[0])
        ax.plot(place, fitted.temperature, look[1], color=look[0])
    print(f"{look[2]}: {held} of 20 intervals hold the T of all")
style = {"color": "0.3", "linestyle": "--", "label": "T of all pixels"}
ax.axhline(whole.temperature, **style)
ax.legend(loc="lower right")
ax.set_xticks([9.5, 32.5], ["groups of ten pictures", "random pixels"])
ax.set_ylabel("T and its 95% interval")
plt.show()

# %% [markdown] tags=["slide"]
# Pixels of one picture are not independent
# -----------------------------------------
#
# - Left: groups of ten pictures. Right: the same pixels, dealt at random.
# - Random pixels: every interval holds T.
# - Whole pictures: many miss it, because they assume independent pixels.
#
# Say: Both halves of this figure use the same pixels, and every group has as many of them as its
# partner. Only the way they were dealt differs. On the right, the intervals do what they promise.
# On the left, they are just as narrow, but T scatters far more. Ask the room: in your own data, what
# plays the role of the picture? A patient, a video, a sentence, a user?

# %% [markdown]
# All intervals from random pixels hold this T. Far fewer from whole pictures do, and this
# matters: new data are whole pictures too.
#
# A *bootstrap* over pictures gives a wider interval (Field and Welsh 2007). We draw as many
# pictures as we have, with replacement. Then we weight each pixel by how often its picture was
# drawn, and fit T again. The interval holds the middle 95% of many such T.

# %%
refits = []
for _ in range(200):
    drawn = torch.randint(200, (200,), generator=generator)
    weight = drawn.bincount(minlength=200)[picture].double()
    refit = calibkit.TemperatureScaler()
    refit.fit_logits(z, y_pixel, sample_weight=weight)
    refits.append(refit.temperature)

# %%
low, high = np.quantile(refits, [0.025, 0.975])
print(f"drawing whole pictures: T from {low:.2f} to {high:.2f}", end=", ")
a, b = whole.temperature_interval
print(f"{(high - low) / (b - a):.1f} times as wide")

# %% [markdown]
# The intervals, noise floors and p-values of the report assume independent pixels too. State the
# number of pictures, and draw whole pictures where an interval matters.
#
# A model in several processes
# ----------------------------
#
# A large model may run in several processes, each with a part of the calibration set. How can they
# find one T without collecting all logits? Plot the NLL over $1 / T$. At the best T, the slope of
# this curve is zero. The slope is a sum over samples, divided by their number, so each process adds
# up its own part.


# %%
def slope(z, y):
    z = torch.from_numpy(z).double()
    p = (z / scaler.temperature).softmax(1)
    return ((p * z).sum(1) - z[range(len(y)), y]).sum()


# %%
halves = calib[::2], calib[1::2]
first, second = (slope(logits[i], labels[i]) for i in halves)
print(f"slopes {first:.1f} and {second:.1f}, sum {abs(first + second):.1f}")

# %% [markdown]
# Alone, each half would move T in its own direction. Together, their slopes cancel. At each step of
# its search, calibkit adds such sums over all processes. So all processes take the same step and
# end at the T of the whole set.
#
# You only need to start torch's *process group* with a *backend*, which carries the messages:
# ``"gloo"`` between CPUs, ``"nccl"`` between NVIDIA GPUs.

# %%
script = """
import sys
import numpy as np
from torch import distributed
from calibkit import TemperatureScaler

distributed.init_process_group("gloo")
rank, n = distributed.get_rank(), distributed.get_world_size()
with np.load(sys.argv[1], allow_pickle=False) as arrays:
    logits, labels = arrays["logits"][rank::n], arrays["labels"][rank::n]
scaler = TemperatureScaler().fit_logits(logits, labels)
if rank == 0:
    print(f"process 0 holds {len(labels)} samples, ", end="")
    print(f"T = {scaler.temperature:.3f} from {scaler.summary.n_samples}")
distributed.destroy_process_group()
"""
_ = (folder / "fit.py").write_text(script)

# %% [markdown]
# The program ``torchrun`` (here ``torch.distributed.run``) starts this script in two processes.

# %%
np.savez(folder / "calib.npz", logits=logits[calib], labels=labels[calib])
torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
torchrun += ["--local-addr=127.0.0.1", "--nproc-per-node=2"]

# %%
done = subprocess.run(
    [*torchrun, folder / "fit.py", folder / "calib.npz"],
    env={**os.environ, "OMP_NUM_THREADS": "1"},
    capture_output=True,
    text=True,
)
print(done.stdout or done.stderr)
print(f"T = {scaler.temperature:.3f} from one process with all samples")

# %% [markdown] tags=["slide"]
# How several processes find one temperature
# ------------------------------------------
#
# - The slope of the NLL is a sum over samples.
# - Each process sums its part, and all get the total.
# - So all take the same step and find the same T.
#
# Say: Draw two boxes on the board, each with half of the samples. Left to itself, each box would find
# a temperature of its own. Would the mean of the two be right? Not in general. Instead, the boxes
# send each other a few sums at each step, never the logits. So both know the slope of the whole NLL,
# and both take the same step.

# %% [markdown]
# Save and report
# ---------------
#
# A scaler is a torch module. Its ``state_dict`` holds T and the summary of the fit.

# %%
torch.save(scaler.state_dict(), folder / "scaler.pt")

# %%
loaded = calibkit.TemperatureScaler()
state = torch.load(folder / "scaler.pt", weights_only=True)
_ = loaded.load_state_dict(state)
print(f"the same temperature: {loaded.temperature == scaler.temperature}")
print(f"fitted on n = {loaded.summary.n_samples}")
temporary.cleanup()

# %% [markdown]
# A *model card* tells others what a model is for and how well it does (Mitchell et al. 2019).

# %%
low, high = loaded.summary.temperature_interval
card = f"""Use the confidences for images drawn like the test set. On
other images they were not measured.

Temperature scaling, T = {loaded.temperature:.2f} ({low:.2f} to {high:.2f}),
fitted on {loaded.summary.n_samples} images. The model was not trained on
them, and none of them is in the table.

{report.to_markdown()}"""
print(card)

# %% [markdown]
# What we have seen
# -----------------
#
# - With logits and labels, every model takes the same road.
# - Logarithms of probabilities are logits. A zero needs a floor, chosen on the calibration set.
# - Pixels of one picture are not independent: split by picture, and draw whole pictures.
# - Several processes add up their sums and find the T of the whole set.
# - A report states its data, n, bins, and what a calibrated model would show.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Get logits and labels; the rest is the same for every model.
# - A probability of 0 needs a floor, chosen without the test set.
# - Ask what is independent: pixels are not.
#
# Say: Ask everybody to name their own model again. Where will its logits come from? Are there
# probabilities of 0? What is an independent sample in your data: a pixel, a picture, a patient? And
# what will you write down, so that somebody else knows on which data the confidences were measured?

# %% [markdown]
# Exercises
# ---------

# %% tags=["setup"]
p_one = torch.tensor([0.1, 0.5, 0.8])
draws = torch.randint(199, (1000, 199), generator=generator.manual_seed(0))

# %% [markdown]
# 1. For samples of two classes, a file holds only the probability of the positive class. Then
#    calibkit takes one logit for each sample: the number $z$ whose sigmoid, $1 / (1 + e^{-z})$, is
#    this probability. Turn ``p_one`` into logits, in one line.

# %% tags=["answer"]
binary_logits = None

# %% tags=["solution"]
binary_logits = (p_one / (1 - p_one)).log()

# %% tags=["wrong"]
wrong = [
    p_one,
    p_one.log(),
    (1 - p_one).log(),
    ((1 - p_one) / p_one).log(),
    (p_one / (1 - p_one)).log10(),
    p_one / (1 - p_one),
    p_one.sigmoid(),
    torch.tensor([0.0, 0.0, 0.0]),
    1.386,
]

# %% tags=["check"]
if binary_logits is not None:
    found = torch.as_tensor(binary_logits).double().flatten()
    assert len(found) == 3, "three probabilities give three logits"
    back = [f"{p:.2f}" for p in found.sigmoid()]
    assert (found.sigmoid() - p_one).abs().max() < 0.002, (
        f"the sigmoid of your logits is {', '.join(back)}, but it should "
        "give p_one back: solve the formula of the sigmoid for z"
    )
    print(f"Right: the sigmoid gives {', '.join(back)} back.")

# %% [markdown] tags=["solution"]
# The logit of one probability is its *log-odds*, the logarithm of $p / (1 - p)$, and
# ``p_one.logit()`` computes the same. A frequent mistake is to take the logarithm of p alone. That
# is right if you pass the logarithms of both probabilities as two columns: the softmax then uses
# only their difference, which is the log-odds. As a single column it is wrong, because no
# probability could exceed one half. Here you must clip at both ends, since neither 0 nor
# 1 has finite log-odds.

# %% [markdown]
# 2. How well do we know the accuracy of the segmentation model? Each row of ``draws`` holds indices
#    of pictures in ``test_pictures``, drawn with replacement. For each row, pool the pixels with
#    ink from all its pictures, and enter their accuracy as a fraction.

# %% tags=["answer"]
accuracies = None

# %% tags=["solution"]
z_test, y_pixels = calibkit.collect_logits(
    net, DataLoader(test_pictures, 50), progress=False
)
right = (z_test.argmax(1) == y_pixels).sum((1, 2))
n_pixels = (y_pixels != 255).sum((1, 2))
accuracies = right[draws].sum(1) / n_pixels[draws].sum(1)

# %% tags=["solution"]
ends = pixel_report.before.accuracy
low, high = np.quantile(accuracies, [0.025, 0.975])
print(f"from pixels:   {ends.low:.1%} to {ends.high:.1%}")
print(f"from pictures: {low:.1%} to {high:.1%}")

# %% tags=["wrong"]
each = right / n_pixels
batches = draws.split(50, 1)
batches = [right[k].sum(1) / n_pixels[k].sum(1) for k in batches]
wrong = [
    each[draws].mean(1),
    torch.stack(batches).mean(0),
    right[draws].sum(1) / n_pixels.sum(),
    right[draws].sum(1) / (199 * 256),
    right[draws[:, :50]].sum(1) / n_pixels[draws[:, :50]].sum(1),
    accuracies.sort().values,
    100 * accuracies,
    torch.full((1000,), ends.value),
    each,
    [low, high],
]

# %% tags=["check"]
if accuracies is not None:
    found = np.asarray(accuracies, dtype=float)
    assert found.shape == (1000,), "enter one accuracy for each row of draws"
    assert found.max() <= 1, "enter fractions"
    z_all, y_all = calibkit.collect_logits(
        net, DataLoader(test_pictures, 50), progress=False
    )
    for row in range(10):
        rows = z_all[draws[row]].softmax(1), y_all[draws[row]]
        gap = abs(found[row] - calibkit.accuracy(*rows, ignore_index=255))
        assert gap < 0.1, "did you count pixels that are ignored?"
        assert gap < 0.01, (
            f"row {row}: use the pictures of this row, all of them"
        )
        assert gap < 1e-6, (
            "close, but not pooled: a picture with more ink must count more, "
            "so do not average the accuracies of pictures or of batches, and "
            "divide by the pixels of the pictures drawn"
        )
    low, high = np.quantile(found, [0.025, 0.975])
    value = pixel_report.before.accuracy
    ratio = (high - low) / (value.high - value.low)
    print(f"Right: 95% of them lie between {low:.1%} and {high:.1%}.")
    print(f"That is {ratio:.1f} times as wide as the interval from pixels.")

# %% [markdown] tags=["solution"]
# A picture brings all its pixels along, so we count once for each picture and draw the counts. The
# quantiles of the accuracies are the 95% interval of the accuracy. The interval from pixels is too
# narrow because it assumes that each pixel is a new piece of evidence.
#
# Two mistakes are frequent. The mean of the accuracies of single pictures is another measure, in
# which a picture with little ink counts as much as one with much ink. And if you draw fewer
# pictures than there are, the interval belongs to a smaller test set.

# %% [markdown]
# 3. Build a ``torch.nn.Sequential`` from ``model`` and ``scaler`` that gives calibrated
#    probabilities, in eval mode. Call ``torch.export.export`` with it and the example
#    ``(images.images[:2],)``, and enter what it returns. Add
#    ``dynamic_shapes=({0: torch.export.Dim("batch")},)``, so that the program takes any number of
#    images.

# %% tags=["answer"]
probability_program = None

# %% tags=["solution"]
whole_model = torch.nn.Sequential(model, scaler, torch.nn.Softmax(1)).eval()
probability_program = torch.export.export(
    whole_model,
    (images.images[:2],),
    dynamic_shapes=({0: torch.export.Dim("batch")},),
)


# %% tags=["wrong"]
def exported(*parts):
    return torch.export.export(
        torch.nn.Sequential(*parts).eval(),
        (images.images[:2],),
        dynamic_shapes=({0: torch.export.Dim("batch")},),
    )


softmax = torch.nn.Softmax(1)
wrong = [
    exported(model, scaler),
    exported(model, softmax),
    exported(model, softmax, scaler),
    exported(model, softmax, scaler, softmax),
    exported(model, scaler, scaler, softmax),
    torch.export.export(whole_model, (images.images[:2],)),
    whole_model,
]

# %% tags=["check"]
if probability_program is not None:
    assert isinstance(probability_program, torch.export.ExportedProgram), (
        "enter what torch.export.export returns"
    )
    module = probability_program.module()
    with torch.inference_mode():
        try:
            found = module(images.images[:7])
        except Exception:
            found = None
        expected = scaler(model.eval()(images.images[:7])).softmax(1)
    assert found is not None, "it does not take 7 images: set dynamic_shapes"
    assert torch.allclose(found.sum(1), torch.ones(7), atol=1e-3), (
        "the rows do not sum to 1: these are no probabilities"
    )
    assert torch.allclose(found, expected, atol=1e-3), (
        "these are other probabilities: which numbers does T divide?"
    )
    print("Right: exported with 2 images, it calibrates 7.")

# %% [markdown] tags=["solution"]
# The temperature divides logits, so the softmax comes last. If it stands before the scaler, the
# numbers that come out are no longer probabilities, and with a second softmax behind it the
# confidences are far too low. Without ``dynamic_shapes``, the program takes only as many
# images as the example had. ``torch.export.save`` writes the program to a file, which runs wherever
# torch is installed, without calibkit.

# %% [markdown]
# 4. What do you write about calibration in the model card of the segmentation model, and what do you
#    leave out of the report?

# %% [markdown] tags=["solution"]
# There is no single right text. A good card states:
#
# - which pixels count: those with ink. On the background nothing was measured.
# - that the split was made by picture, with the number of pictures beside that of the pixels.
# - T with the interval from whole pictures, and accuracy, NLL and ECE before and after, with the
#   number of bins.
# - on which pictures this holds: digits in this noise, from these writers.
#
# It leaves out the p-values, noise floors and intervals of the report, or says plainly that they
# assume independent pixels. A common mistake is to quote the number of pixels alone, which makes a
# small test set look large.

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
