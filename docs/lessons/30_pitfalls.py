# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Why did calibration fail on my model?
=====================================

Temperature scaling is a single division, yet much can go wrong. Usually nothing crashes, and a
wrong number looks like any other.

What you will do
----------------

Make seven mistakes on purpose, see what gives each away, and correct it.

What you will learn
-------------------

- three questions to ask: Are these the right logits? Is this the right calibration set? Is this a
  fair measurement?
- which numbers reveal a mistake, and which hide it

What you need
-------------

The first lesson, and half a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Why did calibration fail on my model?
# -------------------------------------
#
# - Are these the right logits?
# - Is this the right calibration set?
# - Is this a fair measurement?
#
# Say: Temperature scaling is one division, so what can go wrong? A great deal, and usually without
# an error message. Today we make seven mistakes on purpose. They fall into three families, and
# each family has its own question. Before we begin: who has had a calibration that made things
# worse, and how did you notice?

# %% [markdown]
# The answer in one picture
# -------------------------
#
# A classifier computes a number for each class, its *logit*. The *softmax* turns logits into
# probabilities: it takes the exponentials of all logits and divides each by their sum. Temperature
# scaling first divides all logits by one number, the *temperature* T. We fit T on a *calibration
# set*: labelled images that the model was not trained on.
#
# We split the 10 000 images of the first lesson into a calibration half and a test half.

# %% tags=["setup"]
import torch
from matplotlib import pyplot as plt
from torch.utils.data import DataLoader, Subset, TensorDataset

import calibkit

# %% tags=["setup"]
logits, labels = calibkit.glyphs100_logits(progress=False)
everything = TensorDataset(logits, labels)
calib_set, test_set = calibkit.split_calibration(
    everything, 5000, seed=0, stratify=labels
)
calib_logits, calib_labels = everything[calib_set.indices]
test_logits, test_labels = everything[test_set.indices]

# %% [markdown]
# To make mistakes, we need images that the model was trained on, noisier images from "another
# camera", and some wrong labels.

# %%
seen_logits, seen_labels = calibkit.glyphs100_logits(
    1500, seed=1, progress=False
)
other_logits, other_labels = calibkit.glyphs100_logits(
    4000, seed=7, severity=3, progress=False
)

# %% tags=["setup"]
generator = torch.Generator().manual_seed(0)
replaced = torch.rand(5000, generator=generator) < 0.1
random_labels = torch.randint(100, (5000,), generator=generator)
wrong_labels = torch.where(replaced, random_labels, calib_labels)

# %% [markdown]
# We fit T on five kinds of calibration sets, ten of each. Sets of one kind share no image.


# %% tags=["setup"]
def fit(logits, labels):
    return calibkit.TemperatureScaler().fit_logits(logits, labels)


scaler = fit(calib_logits, calib_labels)

# %%
fits = {"good": [], "few": [], "seen": [], "other": [], "wrong": []}
for k in range(10):
    i = torch.arange(200 * k, 200 * k + 200)
    few, new, seen = i[:20], i[:50], torch.arange(150 * k, 150 * k + 150)
    mixed_logits = torch.cat([seen_logits[seen], calib_logits[new]])
    mixed_labels = torch.cat([seen_labels[seen], calib_labels[new]])
    fits["good"].append(fit(calib_logits[i], calib_labels[i]))
    fits["few"].append(fit(calib_logits[few], calib_labels[few]))
    fits["seen"].append(fit(mixed_logits, mixed_labels))
    fits["other"].append(fit(other_logits[i], other_labels[i]))
    fits["wrong"].append(fit(calib_logits[i], wrong_labels[i]))

# %%
names = ("200 like the test images", "20 like the test images")
names += ("200, of which 150 trained on", "200 from another camera")
names += ("200, one label in ten random",)
fig, ax = plt.subplots(figsize=(7, 3.4), layout="constrained")
fig.suptitle("Too few images scatter the temperature, wrong ones shift it")
colors = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")
for row, (ten, mark) in enumerate(zip(fits.values(), "o^sDv")):
    values = [fitted.temperature for fitted in ten]
    ax.plot(values, [row] * 10, mark, color=colors[row], ms=8, alpha=0.7)
ax.axvline(scaler.temperature, color="0.3", linestyle="--")
ax.set_yticks(range(5), names)
ax.invert_yaxis()
ax.set_xlabel("T of ten calibration sets; dashed: T of the whole half")
plt.show()

# %% [markdown] tags=["slide"]
# Too few images scatter T, wrong ones shift it
# ---------------------------------------------
#
# - Every mark is a fit that ran without an error.
# - Few images: T scatters around the right value.
# - Wrong images or wrong labels: T moves away.
#
# Say: Each row holds ten fits of the same model. Only the kind of calibration set changes. Which
# rows would worry you more, the one that scatters or the ones that move? More images help against
# scatter. They do not help at all against a shift, because all ten fits agree on a wrong answer.

# %% [markdown]
# Every mark is a fit that ran without an error. With 20 images, T scatters widely. With wrong images
# or labels, all ten fits of a row miss the dashed line on the same side. More such images would not
# help.
#
# Three logits, and the softmax applied twice
# -------------------------------------------
#
# Many models end in a softmax, so their output holds probabilities. If you treat this output as
# logits, you apply the softmax twice.

# %%
once = torch.tensor([3.0, 1.0, 0.0]).softmax(0)
print("once: ", [f"{p:.2f}" for p in once])
print("twice:", [f"{p:.2f}" for p in once.softmax(0)])
certain = torch.tensor([1.0, 0.0, 0.0])
print("twice, when certain:", [f"{p:.2f}" for p in certain.softmax(0)])

# %% [markdown]
# The largest probability is the *confidence*, and its class is the model's *answer*. The second
# softmax keeps the answer and lowers the confidence from 0.84 to 0.52. Even a model that is certain
# of its answer shows only 0.58.

# %% [markdown] tags=["slide"]
# The softmax applied twice
# -------------------------
#
# - If you pass probabilities as logits, the softmax runs twice.
# - The answers stay, and the confidences collapse.
# - Nothing crashes: a softmax accepts any numbers.
#
# Say: Take three logits, 3, 1 and 0, and work out the softmax on the board. Then put the three
# probabilities into the softmax again. Ask the room: what is the highest confidence that can come
# out, even if the model is certain? The inputs lie between 0 and 1, so their exponentials differ
# by a factor of e at most.

# %% [markdown]
# Do it right first
# -----------------
#
# We compare three numbers:
#
# - The *accuracy* is the share of right answers.
# - The *NLL* (negative log-likelihood) is the mean of $-\log p$, where *p* is the probability that
#   the model gives to the label. Lower is better.
# - The *ECE* (expected calibration error) sorts the images into 15 bins by their confidence. In each
#   bin it takes the distance between accuracy and mean confidence. The ECE is the mean of these
#   distances, weighted by the number of images.
#
# A model is *calibrated* if it is right as often as its confidence says. By chance, even such a
# model shows an ECE above zero. After ``if calibrated`` we print the range that holds this ECE in
# 95% of test sets.


# %% tags=["setup"]
def show(name, logits, labels):
    p = logits.softmax(-1)
    nll = calibkit.negative_log_likelihood(p, labels)
    ece = calibkit.calibration_error(p, labels)
    floor = calibkit.noise_floor(p)
    print(f"{name:16} accuracy {calibkit.accuracy(p, labels):.1%}, ", end="")
    print(f"NLL {nll:.2f}, ECE {ece:.1%}, ", end="")
    print(f"if calibrated {100 * floor.low:.1f} to {floor.high:.1%}")


# %%
show("before", test_logits, test_labels)
show(f"T = {scaler.temperature:.2f}", scaler(test_logits), test_labels)

# %% [markdown]
# This is success: the accuracy stays, the NLL falls, and the ECE lies within the range.
#
# Leave the model in training mode
# --------------------------------
#
# **Are these the right logits?** A layer of *batch normalisation* subtracts a mean from its inputs
# and divides by a standard deviation. In *eval mode* the layer uses the values that it stored during
# training. In *training mode* it uses those of the current batch. On our first 2000 images, we
# forget to switch to eval mode.

# %%
model = calibkit.glyphs100_resnet20()
careless = calibkit.glyphs100_resnet20().train()
images = calibkit.Glyphs100(2000, seed=2)

# %%
batches = DataLoader(images, batch_size=16)
with torch.inference_mode():
    careless_logits = torch.cat([careless(x) for x, _ in batches])

# %% [markdown]
# In each mode, we fit T on a quarter of them and measure on the rest.
#
# **Before you run this:** which of the three numbers will reveal the mistake after the fit?

# %%
scaled = {}
for name, z in (("eval", logits[:2000]), ("training", careless_logits)):
    fitted = fit(z[:500], labels[:500])
    scaled[name] = fitted(z[500:])
    show(f"{name} mode", z[500:], labels[500:2000])
    show(f"  T = {fitted.temperature:.2f}", scaled[name], labels[500:2000])

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("Both look calibrated: the diagram does not show the damage")
for ax, (name, z) in zip(axes, scaled.items()):
    calibkit.reliability_diagram(
        z.softmax(-1), labels[500:2000], title=f"{name} mode", ax=ax
    )
plt.show()

# %% [markdown] tags=["slide"]
# Training mode damages the model, and the ECE is blind
# -----------------------------------------------------
#
# - Accuracy and NLL reveal the damage.
# - ECE and reliability diagram do not.
# - Call model.eval(), or let calibkit run the model.
#
# Say: One of these two diagrams belongs to a damaged model. Could you tell which without the
# titles? You could not, and that is the point. The ECE asks whether the model knows how often it
# is right. It does not ask how often it is right. A weak model that knows its weakness passes.

# %% [markdown]
# The accuracy and the NLL reveal the mistake. The ECE does not: after the fit it lies within the
# range in both modes. The ECE only asks whether a model knows how often it is right.
#
# Another check needs no labels: we put the images in another order.

# %%
order = torch.randperm(500, generator=torch.Generator().manual_seed(1))
batches = DataLoader(Subset(images, order.tolist()), batch_size=16)
again, _ = calibkit.collect_logits(model, batches, progress=False)
with torch.inference_mode():
    careless_again = torch.cat([careless(x) for x, _ in batches])

# %%
pairs = {
    "eval": (logits, again),
    "training": (careless_logits, careless_again),
}
for name, (z, new) in pairs.items():
    changed = (z[order].argmax(-1) != new.argmax(-1)).double().mean()
    print(f"{name} mode: {changed:.0%} of the answers change with the order")

# %% [markdown]
# In training mode, an answer depends on the other images of the batch. **The right way:** load the
# model again, because training mode has overwritten its stored values. Then call ``model.eval()``,
# or let `calibkit.collect_logits` do so.
#
# Pass probabilities as logits
# ----------------------------
#
# Can a temperature repair a softmax that was applied twice? calibkit refuses to try.

# %%
twice = calib_logits.softmax(-1)
try:
    fit(twice, calib_labels)
except ValueError as error:
    print(error)

# %% [markdown]
# We fool this check: we subtract 1 from every probability, which does not change the second softmax.

# %%
fooled = fit(twice - 1, calib_labels)
probabilities = test_logits.softmax(-1)
show("before", test_logits, test_labels)
show("softmax twice", probabilities, test_labels)
show(f"  T = {fooled.temperature:.2f}", fooled(probabilities - 1), test_labels)

# %% [markdown]
# By the ECE, the result looks better than the untouched model. By the NLL, it is far worse. A T far
# below 1 is another sign. **The right way:** pass what comes before the softmax, or the logarithms of
# the probabilities.
#
# Fit on training images
# ----------------------
#
# **Is this the right calibration set?** Our model knows its training images by heart.

# %%
try:
    fit(seen_logits, seen_labels)
except calibkit.NoOptimumError as error:
    print(error)

# %% [markdown]
# If every answer is right, a lower T is always better. We add new images.

# %%
mixed_logits = torch.cat([seen_logits, calib_logits[:500]])
mixed_labels = torch.cat([seen_labels, calib_labels[:500]])
mixed = fit(mixed_logits, mixed_labels)
show("calibration set", mixed_logits, mixed_labels)
show("test half", test_logits, test_labels)
show(f"  T = {mixed.temperature:.2f}", mixed(test_logits), test_labels)

# %% [markdown]
# Now the fit succeeds, but T is too low. The accuracy gives the mistake away: it is far higher on
# the calibration set than on the test half. **The right way:** set the calibration images aside
# before training.
#
# Fit on too few images
# ---------------------
#
# The ``summary`` of a fit holds a 95% interval for T. From large calibration sets, about 95% of
# such intervals hold the T of endlessly many images.

# %%
parts = zip(calib_logits.split(1000), calib_labels.split(1000))
sets = {20: fits["few"], 200: fits["good"], 1000: [fit(*p) for p in parts]}
for n, fitted in sets.items():
    scaled = [f(test_logits).softmax(-1) for f in fitted]
    ece = [calibkit.calibration_error(p, test_labels) for p in scaled]
    print(f"n = {n}: ECE on the test half {min(ece):.1%} to {max(ece):.1%}")
    low, high = fitted[0].summary.temperature_interval
    print(f"  95% interval of the first fit {low:.2f} to {high:.2f}")

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.set_title("The interval knows about chance, not about wrong images")
place, groups = 0, [*sets.values(), fits["other"]]
looks = ("#D55E00", "^"), ("#0072B2", "o"), ("0.2", "s"), ("#CC79A7", "D")
for fitted, (color, mark) in zip(groups, looks):
    for f in fitted:
        low, high = f.summary.temperature_interval
        ax.plot([place, place], [low, high], color=color)
        ax.plot(place, f.temperature, mark, color=color)
        place += 1
    place += 2
ax.axhline(scaler.temperature, color="0.3", linestyle="--")
ticks = ["n = 20", "n = 200", "n = 1000", "n = 200,\nother camera"]
ax.set_xticks([4.5, 16.5, 26, 35.5], ticks)
ax.set_ylabel("T and its 95% interval")
plt.show()

# %% [markdown] tags=["slide"]
# Too few images: read the interval
# ---------------------------------
#
# - Each line is one calibration set. Dashed: T of all 5000.
# - With 20 images, T depends on luck.
# - The interval knows about chance, not about wrong images.
#
# Say: How many images does one number need? Read the picture from left to right. A fit on 20
# images can land far from the dashed line. With 1000 the five fits nearly agree. The interval
# warns you, but only of chance. If the images are wrong, it lies around a wrong value.

# %% [markdown]
# With 20 images, the result depends on luck. Two of these ten intervals miss the dashed line.
# **The right way:** take 1000 images where you can, and read the interval. But the interval knows
# only about chance: with images from the other camera, all ten miss the dashed line.
#
# Use one temperature for different groups
# ----------------------------------------
#
# We fit one common T on 2000 images from each camera, and measure on as many others.
#
# **Before you run this:** will the ECE of all images together lie above the ECEs of both cameras,
# between the two, or below both?

# %%
one = fit(
    torch.cat([calib_logits[:2000], other_logits[:2000]]),
    torch.cat([calib_labels[:2000], other_labels[:2000]]),
)
cameras = {
    "first camera": (test_logits[:2000], test_labels[:2000]),
    "other camera": (other_logits[2000:], other_labels[2000:]),
}
both = [torch.cat(pair) for pair in zip(*cameras.values())]
show("both cameras", one(both[0]), both[1])
for name, (z, y) in cameras.items():
    show(name, one(z), y)

# %%
fig, ax = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
ax.set_title("One T is wrong for both cameras, and the errors partly cancel")
groups = {**cameras, "both cameras": both}
looks = ("#0072B2", "o-"), ("#CC79A7", "D--"), ("0.2", "s:")
for (name, (z, y)), (color, look) in zip(groups.items(), looks):
    bins = calibkit.reliability_bins(one(z).softmax(-1), y)
    full = bins.count >= 50
    confidence = bins.confidence_sum[full] / bins.count[full]
    gap = bins.n_correct[full] / bins.count[full] - confidence
    ax.plot(confidence, gap, look, color=color, label=name)
ax.axhline(0, color="0.6", lw=1)
ax.set_xlabel("mean confidence of a bin with at least 50 images")
ax.set_ylabel("accuracy minus confidence")
ax.legend(loc="upper left", bbox_to_anchor=(0, -0.18), ncols=3)
plt.show()

# %% [markdown] tags=["slide"]
# One temperature for two cameras fits neither
# --------------------------------------------
#
# - First camera: the model is right more often than it claims.
# - Other camera: the model is right less often than it claims.
# - Together the errors partly cancel: measure each group.
#
# Say: The same model, the same temperature, two cameras. For the first camera the accuracy lies
# above the confidence, for the other below it. Mix the images, and the two errors partly cancel
# within each bin. What groups do your own images have: hospitals, cameras, countries? To scale each
# group on its own, you must know which group an image belongs to when the model is in use.

# %% [markdown]
# The ECE of all images lies below those of both cameras. For the first camera, the model is right
# more often than it claims in nearly all bins, and for the other, less often. These errors partly
# cancel. **The right way:** fit a T for each group, and measure each.

# %%
first = fit(calib_logits[:2000], calib_labels[:2000])
other = fit(other_logits[:2000], other_labels[:2000])
for fitted, (z, y) in zip((first, other), cameras.values()):
    show(f"own T = {fitted.temperature:.2f}", fitted(z), y)

# %% [markdown]
# Now both ECEs lie within their ranges.
#
# Measure on the images of the fit
# --------------------------------
#
# **Is this a fair measurement?** We measure on the test half after a fit on the same half, and after
# a fit on the other. Besides temperature scaling we try *isotonic regression*. It corrects the
# probabilities of each class with a curve of its own, and so has many parameters.

# %%
for kind in (calibkit.TemperatureScaler(), calibkit.IsotonicScaler()):
    print(type(kind).__name__, "fitted on")
    leaky = kind.fit_logits(test_logits, test_labels)(test_logits)
    show("  the same half", leaky, test_labels)
    fair = kind.fit_logits(calib_logits, calib_labels)(test_logits)
    show("  the other half", fair, test_labels)

# %% [markdown]
# With one parameter, the mistake hardly matters. With many it does: the NLL of isotonic regression
# is the lowest of all on the half of its fit, and the highest on the other. You would choose the
# wrong method. **The right way:** split first. `calibkit.evaluate` refuses images that a scaler was
# fitted on.

# %%
try:
    calibkit.evaluate(logits, labels, scaler=scaler)
except ValueError as error:
    print(error)

# %% [markdown] tags=["slide"]
# Measured on its own images, the wrong method wins
# -------------------------------------------------
#
# - Temperature scaling: one parameter, almost the same NLL on both.
# - Isotonic regression: best on its own images, worst on others.
# - Split first, and fit on one part only.
#
# Say: Isotonic regression bends the probabilities of every class along its own curve. On the
# images of the fit it beats temperature scaling. On new images it loses. What would you have put
# into the paper? A method with many parameters gains much from being measured on the images
# that it has already seen.

# %% [markdown]
# Choose on the images of the fit
# -------------------------------
#
# Your product needs ten of the 100 classes, and you may choose which. On half of the calibration
# images, you find the ten classes with the highest accuracy. You fit T on their images.
#
# **Before you run this:** will the accuracy of the chosen classes be the same on new images,
# higher or lower?


# %%
def choose(seed):
    generator = torch.Generator().manual_seed(seed)
    first, second = torch.randperm(5000, generator=generator).split(2500)
    z, y = calib_logits[first], calib_labels[first]
    right = (z.argmax(-1) == y).double()
    accuracies = torch.stack([right[y == c].mean() for c in range(100)])
    ranked = accuracies.argsort(stable=True)
    return first, second, {"easiest": ranked[-10:], "hardest": ranked[:10]}


def images_of(classes, i):
    i = i[torch.isin(calib_labels[i], classes)]
    return calib_logits[i], calib_labels[i]


# %%
first, second, chosen = choose(seed=0)
asked = torch.isin(test_labels, chosen["easiest"])
for name, i in (("the same images", first), ("other images", second)):
    z, y = images_of(chosen["easiest"], i)
    fitted = fit(z, y)
    print(f"fitted on {name}, T = {fitted.temperature:.2f}")
    if i is first:
        show("  on these", fitted(z), y)
    show("  on test half", fitted(test_logits[asked]), test_labels[asked])

# %% [markdown]
# The accuracy on new images is lower. With about 25 images per class, some classes are among the
# best ten by luck, and luck does not come again. On the images of the choice, the model looks
# better than it is, so T is lower. Here the lower T hardly raises the NLL on the test half, but the
# first accuracy was too high. We repeat this for ten random cuts, and choose the hardest classes
# too.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
fig.suptitle("On other images, the chosen classes are less extreme")
for cut in range(10):
    first, second, chosen = choose(seed=cut)
    for name, mark, color in zip(chosen, "os", colors):
        pairs = [images_of(chosen[name], i) for i in (first, second)]
        right = [calibkit.accuracy(z.softmax(-1), y) for z, y in pairs]
        best = [fit(z, y).temperature for z, y in pairs]
        for ax, values in zip(axes, (right, best)):
            ax.plot(values, [cut, cut], color=color)
            ax.plot(values[0], cut, mark, color=color, mfc="white", ms=8)
            ax.plot(values[1], cut, mark, color=color, ms=8)
axes[0].set(xlabel="accuracy", ylabel="random cut")
axes[1].set(xlabel="T")
axes[0].set_title("circles: easiest classes, squares: hardest")
axes[1].set_title("hollow: images that chose, filled: others")
plt.show()

# %% [markdown] tags=["slide"]
# Do not choose and fit on the same images
# ----------------------------------------
#
# - Hollow: the images that chose the classes. Filled: other images.
# - The easiest classes are harder than they looked, and the hardest are easier.
# - Choose, fit and measure: three sets.
#
# Say: The authors made this mistake themselves in an earlier edition of this lesson. They chose the
# easiest classes and fitted the temperature on the same images, and the result looked plausible.
# Look at the lines from hollow to filled: on the left all of them point inward. Why? Part of being
# among the best is luck, and luck does not come again. Where else do you choose the best of many?

# %% [markdown]
# In these ten cuts, the accuracy on the other images is lower for the easiest classes, and higher for
# the hardest. T mostly becomes less extreme too. (The cuts share images, so they are not independent.)
# **The right way:** choose on one set, fit on a second, and measure on a third.
#
# What we have seen
# -----------------
#
# - **Wrong logits:** in training mode the accuracy falls, and answers change with the order of the
#   images. Probabilities passed as logits give a T far below 1.
# - **Wrong calibration set:** compare its accuracy with that of the test set, read the interval for
#   T, and measure each group.
# - **Unfair measurement:** choosing, fitting and measuring each need their own images.
# - The ECE alone hides mistakes. Read accuracy and NLL beside it.
# - calibkit refuses probabilities, a fit without a best T, and a test set with calibration images.
#   You must find other mistakes yourself.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Right logits? Compare the accuracy, and change the order of images.
# - Right calibration set? Compare accuracies, read the interval, measure groups.
# - Fair measurement? Choose, fit and measure on three sets.
#
# Say: If you remember one sentence, let it be this one: never read the ECE alone. Put accuracy and
# NLL next to it, and say on how many images it was measured. When a calibration fails, ask the
# three questions in this order, because a wrong answer to one makes the next meaningless.

# %% [markdown]
# Exercises
# ---------
#
# 1. Somebody applies the softmax twice to the logits of 100 classes. What is the highest confidence
#    that can come out?

# %% tags=["answer"]
highest_confidence = None

# %% tags=["solution"]
highest_confidence = torch.eye(100)[0].softmax(0).max().item()

# %% tags=["wrong"]
e = 2.71828
wrong = [0.01, e / (e + 2), 1.0, 2.6724, e / 100, e / (e + 100)]

# %% tags=["check"]
if highest_confidence is not None:
    assert highest_confidence <= 1, "enter a probability between 0 and 1"
    assert highest_confidence < 0.5, (
        "are these 100 classes, with the softmax applied twice?"
    )
    assert abs(highest_confidence - 0.02672) < 1e-4, (
        "close, or rounded? What does the first softmax give at best: 1 to "
        "one class, and how much to how many others?"
    )
    print("Right: even a certain model seems to know almost nothing.")

# %% [markdown] tags=["solution"]
# At best the first softmax gives 1 to one class and 0 to the other 99. The second softmax turns the
# 1 into $e / (e + 99)$, because $e^0 = 1$. A frequent slip is to forget that the exponential of 0
# is 1 and not 0. With three classes, the highest confidence is still more than one half, so a
# softmax applied twice is easily overlooked. With many classes, a tiny highest confidence gives it
# away.

# %% [markdown]
# 2. About a tenth of ``wrong_labels`` is random. Take the 500 to which the model gives the lowest
#    probability, and restore them from ``calib_labels``. Fit T again on the whole calibration half.

# %% tags=["answer"]
repaired_temperature = None

# %% tags=["solution"]
p_label = calib_logits.softmax(-1)[range(5000), wrong_labels]
suspects = p_label.argsort()[:500]
repaired = wrong_labels.clone()
repaired[suspects] = calib_labels[suspects]
repaired_temperature = fit(calib_logits, repaired).temperature

# %% tags=["solution"]
share = replaced[suspects].double().mean()
print(f"random labels among the 500 suspects: {share:.0%}")
for name, y in (("wrong", wrong_labels), ("repaired", repaired)):
    fitted = fit(calib_logits, y)
    print(f"T of {name} labels: {fitted.temperature:.2f}")
    show("  on test half", fitted(test_logits), test_labels)
print(f"T of right labels: {scaler.temperature:.2f}")

# %% tags=["wrong"]
best_500 = calib_logits.softmax(-1)[range(5000), wrong_labels].argsort()[-500:]
useless = wrong_labels.clone()
useless[best_500] = calib_labels[best_500]
wrong = [
    1.0,
    scaler.temperature,
    fit(calib_logits, wrong_labels).temperature,
    fit(calib_logits, useless).temperature,
]

# %% tags=["check"]
if repaired_temperature is not None:
    assert repaired_temperature < 2, "did you restore the lowest 500?"
    assert repaired_temperature > 1.51, (
        "too low: restore the labels of the 500 images only, not of all"
    )
    assert repaired_temperature < 1.55, "did you restore 500 labels?"
    print("Right: looking at 500 labels has undone most of the harm.")

# %% [markdown] tags=["solution"]
# The model gives next to no probability to a random label, and the NLL makes that expensive. A high
# T makes it less expensive, so the fit on wrong labels lowers the confidence of all images, and the
# model becomes underconfident. About nine of ten suspects were really wrong. In practice you do not
# have the right labels, so a person must look at the suspects. Change only labels that are wrong:
# if you change every label that the model doubts to the model's own answer, you calibrate the model
# against itself.

# %% [markdown]
# 3. Scale with ``scaler``. The *excess* of a group of images is its mean confidence minus its
#    accuracy. Group the calibration half by answer, and find the ten answers with the largest
#    excess. On the test half, enter the excess of all images that get one of these answers.

# %% tags=["answer"]
overconfidence = None

# %% tags=["solution"]
confidence, answer = scaler(calib_logits).softmax(-1).max(-1)
excess = confidence - (answer == calib_labels).float()
by_answer = torch.stack([excess[answer == c].mean() for c in range(100)])
worst = by_answer.topk(10).indices
test_confidence, test_answer = scaler(test_logits).softmax(-1).max(-1)
test_excess = test_confidence - (test_answer == test_labels).float()
overconfidence = test_excess[torch.isin(test_answer, worst)].mean().item()

# %% tags=["solution"]
same_half = excess[torch.isin(answer, worst)].mean()
print(f"on the half that chose the answers: {same_half:.1%}")
print(f"on the other half: {overconfidence:.1%}")

# %% tags=["wrong"]
raw_confidence, raw_answer = test_logits.softmax(-1).max(-1)
raw_excess = raw_confidence - (raw_answer == test_labels).float()
wrong = [
    same_half.item(),
    100 * overconfidence,
    -overconfidence,
    raw_excess[torch.isin(raw_answer, worst)].mean().item(),
    test_excess[torch.isin(test_labels, worst)].mean().item(),
    test_excess.mean().item(),
]

# %% tags=["check"]
if overconfidence is not None:
    assert abs(overconfidence) < 1, "enter a fraction, not a percentage"
    assert overconfidence > 0, "subtract the accuracy from the confidence"
    assert overconfidence < 0.25, "do you use the scaled logits?"
    assert overconfidence < 0.19, "is this the half that chose the answers?"
    assert overconfidence > 0.15, (
        "too low: select by the answer of an image and not by its label, "
        "and average over images and not over classes"
    )
    assert abs(overconfidence - 0.16) < 0.006, "did you take ten answers?"
    print("Right: part of what you saw on the first half was chance.")

# %% [markdown] tags=["solution"]
# On the half that chose them, these answers look worse than they are, because chance helped to make
# them the worst of a hundred. But most of the excess remains on the test half, so it is real: one
# temperature cannot correct the answers one by one. Note that when the model is in use, you can
# select images by their answer, but not by their label.

# %% [markdown]
# 4. Write a function ``my_fit(logits, labels)`` that finds T without calibkit. It must also work for
#    logits that are ten times larger or smaller.

# %% tags=["answer"]
my_fit = None


# %% tags=["solution"]
def bisect(logits, labels):
    low, high = 1e-3, 1e3
    for _ in range(50):
        middle = (low * high) ** 0.5
        t = torch.tensor(middle, dtype=torch.float64, requires_grad=True)
        log_p = (logits.double() / t).log_softmax(-1)
        torch.nn.functional.nll_loss(log_p, labels).backward()
        low, high = (low, middle) if t.grad > 0 else (middle, high)
    return middle


my_fit = bisect


# %% tags=["solution"]
def common_loop(logits, labels, lr):
    t = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([t], lr=lr, max_iter=50)

    def closure():
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(logits.double() / t, labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return t.item()


z, y = calib_logits[:1000], calib_labels[:1000]
for factor in (0.1, 1, 10):
    found = [common_loop(factor * z, y, lr) for lr in (0.01, 1)]
    found = [f"{t:.2f}" if t > 0 else "a negative T" for t in found]
    print(f"best T {my_fit(factor * z, y):.2f}, ", end="")
    print(f"loop: {found[0]} with lr 0.01, {found[1]} with lr 1")

# %% tags=["wrong"]
wrong = [
    lambda logits, labels: 1.5,
    lambda logits, labels: fit(calib_logits, calib_labels).temperature,
    lambda logits, labels: common_loop(logits, labels, lr=0.01),
    lambda logits, labels: common_loop(logits, labels, lr=1),
    lambda logits, labels: 1 / fit(logits, labels).temperature,
]

# %% tags=["check"]
if my_fit is not None:
    z, y = calib_logits[:1000], calib_labels[:1000]
    for factor in (1, 10, 0.1):
        exact = fit(factor * z, y).temperature
        assert abs(float(my_fit(factor * z, y)) / exact - 1) < 0.01, (
            f"wrong for logits times {factor}: is the search still close "
            "to its start, or did T become negative?"
        )
    print("Right: your search does not depend on where it starts.")

# %% [markdown] tags=["solution"]
# The NLL has a single minimum, so its slope tells on which side of it you are. Halving the interval
# needs no learning rate and no starting value. ``common_loop`` has the settings of a widely copied
# program (Pleiss 2017): the optimiser LBFGS, which estimates the curvature from the slopes it has
# seen, a start of 1.5 and a learning rate of 0.01. For ordinary logits it ends close to the
# minimum, because 1.5 happens to be a good start. For logits of another size it stops long before
# the minimum, and with a learning rate of 1 a step can be so long that T becomes negative. A fit of
# your own should check that T is positive, and that another starting value gives the same T.

# %% [markdown]
# 5. A colleague reports that temperature scaling has made the ECE almost zero. Which questions do
#    you ask before you believe this report?

# %% [markdown] tags=["solution"]
# There is no single right list. A good one follows the three questions of this lesson.
#
# - The logits: what are the accuracy and the NLL, and is the accuracy that of the last run of
#   training? Was the model in eval mode? Does it end in a softmax?
# - The calibration set: was the model trained on any of these images? How many are there, and how
#   wide is the interval of T? Do they come from where the model will be used?
# - The measurement: how many test images and how many bins are there, and which ECE would a calibrated
#   model show? Were the same images used to fit T, or to choose the method, the classes or the
#   number of bins? What is the ECE of each group?
#
# What usually goes wrong is to ask about the method first. A better method cannot repair the wrong
# images.

# %% [markdown]
# References
# ----------
#
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Ioffe and Szegedy (2015). Batch Normalization: Accelerating Deep Network Training by Reducing
#   Internal Covariate Shift. ICML. https://arxiv.org/abs/1502.03167
# - Zadrozny and Elkan (2002). Transforming classifier scores into accurate multiclass probability
#   estimates. KDD. https://doi.org/10.1145/775047.775151
# - Pleiss (2017). temperature_scaling. Source code. https://github.com/gpleiss/temperature_scaling
