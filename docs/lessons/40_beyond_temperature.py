# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Would a richer map than one temperature be better?
==================================================

A classifier computes a number for each class, its *logit*, and the softmax turns the logits into
probabilities. A *map* corrects these probabilities. The simplest map divides all logits by one
number, the *temperature*. Richer maps have hundreds or thousands of parameters. They can do more,
but they need more images.

What you will do
----------------

Compare six maps, choose one without the test images, and repair a case in which no temperature can
be right.

What you will learn
-------------------

- what richer maps can do, and how many images they need
- what a penalty does, and how to choose it without the test images
- what to do if some labels are random

What you need
-------------

The first lesson, and a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Would a richer map than one temperature be better?
# --------------------------------------------------
#
# - A temperature has one parameter and treats all classes alike.
# - Matrix scaling of 100 classes has more than ten thousand.
# - More parameters can do more, and need more images.
#
# Say: Ask the room: your network has one hundred classes and you have one thousand labelled images.
# Would you trust a correction with ten thousand parameters? Let them vote, and keep the result.
# We will see that the honest answer is neither yes nor no. It depends on the number of images and
# on how strongly we hold the parameters back, and both can be checked without a test set.

# %% [markdown]
# Look at the answer first
# ------------------------
#
# We fit six maps on one set of labelled images, the *calibration set*. We measure them on other
# images, the *test set*. The measure is the *NLL* (negative log-likelihood), the mean of $-\log p$.
# Here *p* is the probability that the true class received. Lower is better.

# %% tags=["setup"]
import numpy as np
import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

import calibkit

logits, labels = calibkit.glyphs100_logits(20_000, progress=False)
logits = logits.double()

# %%
scalers = [
    calibkit.TemperatureScaler(),
    calibkit.VectorScaler(),
    calibkit.MatrixScaler(),
    calibkit.DirichletScaler(),
    calibkit.HistogramScaler(),
    calibkit.IsotonicScaler(),
]
sizes = [100, 300, 1000, 5000]
pool = logits[:15_000], labels[:15_000]
found = calibkit.compare(
    scalers, *pool, n_calibration=sizes, repeats=4, progress=False
)


# %%
def gain(name, metric="nll"):
    base = [found.values("TemperatureScaler", n, metric) for n in sizes]
    return [found.values(name, n, metric) for n in sizes] - np.array(base)


def draw(ax, names, styles, colors):
    for name, style, color in zip(names, styles, colors):
        change = gain(name + "Scaler")
        low, mean, high = change.min(1), change.mean(1), change.max(1)
        bars = [mean - low, high - mean]
        ax.errorbar(sizes, mean, bars, fmt=style, color=color, label=name)
    ax.axhline(0, color="0.4", linestyle=":", label="Temperature")
    ax.set(xscale="log", xlabel="calibration images (log scale)")
    ax.legend()


fig, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
fig.suptitle("Three maps overtake the temperature, and two do not")
linear, free = ("Vector", "Dirichlet", "Matrix"), ("Isotonic", "Histogram")
draw(axes[0], linear, ("o-", "^-.", "s--"), ("#0072B2", "#009E73", "#D55E00"))
draw(axes[1], free, ("v--", "D-"), ("#CC79A7", "#E69F00"))
_ = axes[0].set_ylabel("NLL minus that of the temperature")
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# The number of images decides
# ----------------------------
#
# - Below the dotted line, a map beats the temperature.
# - One image per class: too few for a reliable gain.
# - Histogram and isotonic lose at every size that we tried.
#
# Say: Point out the two different vertical scales. On the left, a few hundredths decide. On the
# right, both maps lose by more than one at the smallest size. Every bar goes from the lowest to
# the highest of four random splits. Ask why most bars are so short: all splits share the same
# network and the same pool of images, so this is not the spread between models.

# %% [markdown]
# Below the dotted line, a map is better than the temperature. Three maps get there, and two do not,
# even with the most images. Each point is the mean over four random splits of a pool of images, with
# 10 000 test images each. A bar goes from the lowest to the highest value. The two vertical scales
# differ.
#
# Move three logits by hand
# -------------------------
#
# We divide three logits by a temperature. Then we either add a *bias*, a constant for each class, or
# mix in equal probabilities of one third each.
#
# **Before you run this:** the model's *answer* is the class with the largest probability. Which of
# the three steps can change the answer?

# %%
z = torch.tensor([2.0, 1.5, 0.0])
cooled = z / 2
biased = cooled + torch.tensor([0.0, 0.5, 0.0])
mixed = 0.7 * cooled.softmax(-1) + 0.3 / 3
print("as trained      ", *(f"{p:.2f}" for p in z.softmax(-1)))
print("temperature     ", *(f"{p:.2f}" for p in cooled.softmax(-1)))
print("with a bias     ", *(f"{p:.2f}" for p in biased.softmax(-1)))
print("mixed with equal", *(f"{p:.2f}" for p in mixed))

# %% [markdown]
# Only the bias changes the answer. The other two steps keep the order of the classes. A map that
# changes answers can raise or lower the *accuracy*, the share of right answers.

# %% [markdown] tags=["slide"]
# What can a map do to three logits?
# ----------------------------------
#
# - A temperature moves probabilities together and keeps their order.
# - A bias for each class can put another class on top.
# - Mixing with equal probabilities keeps the order too.
#
# Say: Do this on the board with the logits two, one and a half, and zero. Divide by two, and the
# first class stays on top. Now add one half to the second class, and the second class wins. That is
# a new answer. It may be right or wrong, and only labelled images can tell us which. Maps that
# change answers need to be judged by accuracy as well.

# %% [markdown]
# Meet the maps
# -------------
#
# Each of these maps can change answers:
#
# - `calibkit.VectorScaler` starts from the best temperature and gives each class a factor and a bias.
# - `calibkit.MatrixScaler` makes every new logit a weighted sum of all old logits, plus a bias.
# - `calibkit.DirichletScaler` does the same with the logarithms of the probabilities.
# - `calibkit.HistogramScaler` sorts the probabilities of a class into bins. It replaces each
#   probability by the share of images in its bin that belong to the class.
# - `calibkit.IsotonicScaler` fits an increasing curve to the probabilities of each class.
#
# We draw 2000 calibration images and count the parameters.

# %% tags=["setup"]
calib, test = (
    part.indices
    for part in calibkit.split_calibration(TensorDataset(labels), 2000, seed=0)
)
temperature = calibkit.TemperatureScaler()
vector = calibkit.VectorScaler()
for scaler in (temperature, vector):
    scaler.fit_logits(logits[calib], labels[calib])

# %%
for scaler in scalers:
    scaler.fit_logits(logits[calib], labels[calib])
    print(f"{scaler.summary.scaler:18}{scaler.summary.n_parameters:6}")
per_class = labels[calib].bincount(minlength=100)
print(f"images of a class: {per_class.min()} to {per_class.max()}")

# %% [markdown]
# What happens if a class has no image?

# %%
few = torch.randperm(20_000, generator=torch.Generator().manual_seed(0))[:100]
absent = 100 - len(labels[few].unique())
print(f"classes without an image: {absent} of 100")
try:
    calibkit.VectorScaler().fit_logits(logits[few], labels[few])
except ValueError as error:
    print("refused:", str(error).partition(",")[0])

# %% [markdown]
# A temperature could still be fitted here. For the first figure, `calibkit.compare` drew sets that
# hold every class.
#
# Compare split by split
# ----------------------
#
# An easy test set is easy for all maps. In each split, we therefore subtract the temperature's NLL on
# the same images. We print the lowest and the highest difference.
#
# **Before you run this:** is one image of each class enough for vector scaling to beat the
# temperature?

# %%
for name in ("VectorScaler", "MatrixScaler"):
    for n, row in zip(sizes, gain(name)):
        print(f"{name:14}n = {n:5}: {row.min():+.3f} to {row.max():+.3f}")

# %% [markdown]
# With one image of each class, both maps win in some of these splits and lose in others. From 300
# images on, both win in all four. But all splits draw from the same pool of images. Does another pool
# agree?

# %%
other = calibkit.glyphs100_logits(3000, seed=5, progress=False)
second = calibkit.compare(
    scalers[:2], *other, n_calibration=[100, 300], repeats=5, progress=False
)
for n in second.sizes:
    nll = [second.values(name, n, "nll") for name in second.scalers[1:]]
    row = np.subtract(nll[1], nll[0])
    print(f"vector, n = {n}: {row.min():+.3f} to {row.max():+.3f}")

# %% [markdown]
# The second pool agrees: with one image of each class, vector scaling does not win reliably.
#
# What about the *ECE*, the expected calibration error? It sorts the images into 15 bins by
# *confidence*, the probability of the answer. Then it averages the gaps between accuracy and mean
# confidence of the bins.

# %%
for name in ("unscaled", *found.scalers[1:]):
    cells = []
    for metric, form in (("nll", ".2f"), ("ece", ".1%"), ("accuracy", ".1%")):
        mean = np.mean(found.values(name, 5000, metric))
        cells.append(f"{metric} {mean:{form}}")
    print(f"{name:18}", ", ".join(cells))
lead = gain("VectorScaler", "ece")[-1]
print(f"ECE, vector minus temperature: {lead.min():+.2%} to {lead.max():+.2%}")

# %% [markdown]
# These are means at 5000 images. Vector scaling beats the temperature in NLL and accuracy, but its
# ECE is *higher* in all four splits. The histogram roughly halves the ECE of the unscaled network, but
# its NLL is the highest of all. The ECE does not reward better answers.

# %% [markdown] tags=["slide"]
# Do not choose a map by its ECE
# ------------------------------
#
# - Vector scaling: lower NLL, higher accuracy, and higher ECE.
# - The histogram: lower ECE than the network, much higher NLL.
# - The ECE looks at the top class only.
#
# Say: Ask the room which map they would buy if the seller shows them the ECE alone. The histogram
# roughly halves it, and yet it has the worst negative log-likelihood of all, worse than the
# network without any map. Vector scaling is the opposite case: better answers, better likelihood,
# and an ECE that is a little higher. The ECE asks only whether the top class is as sure as it should
# be.

# %% [markdown]
# Hold the matrix back
# --------------------
#
# With 1000 images, matrix scaling has ten times as many parameters as images. Yet it beat the
# temperature. How is that possible?

# %% [markdown] tags=["published"]
# Guo et al. (2017) fitted the matrix without holding it back. On CIFAR-100, it raised the ECE of a
# deep network.

# %% [markdown]
# Our matrix is held back. To the NLL, the fit adds a sum of squares that grows as the parameters move
# away from temperature scaling. The *penalty* is the number by which this sum is multiplied. We lower
# it step by step, and measure the NLL on the images of the fit and on the test images.
#
# **Before you run this:** one of the two curves falls all the way. Which one?

# %% tags=["setup"]
penalties = (10, 1, 0.1, 0.01, 0.001, 0.0003)


def matrix(penalty):
    return calibkit.MatrixScaler(
        diagonal=penalty, off_diagonal=penalty, intercept=penalty
    )


# %%
on_calib, on_test = [], []
for penalty in penalties:
    scaler = matrix(penalty).fit_logits(logits[calib], labels[calib])
    scaled = scaler(logits[test])
    on_calib.append(scaler.summary.nll_after)
    on_test.append(cross_entropy(scaled, labels[test]).item())
    ece = calibkit.calibration_error(scaled.softmax(-1), labels[test])
    print(f"penalty {penalty:<7} test NLL {on_test[-1]:.2f}, ECE {ece:.0%}")

# %%
base = cross_entropy(temperature(logits[test]), labels[test])
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
ax.plot(penalties, on_test, "o-", color="#D55E00", label="matrix, test images")
ax.plot(
    penalties, on_calib, "s--", color="#0072B2", label="matrix, own images"
)
ax.axhline(base, color="0.4", linestyle=":", label="temperature, test images")
ax.set(xscale="log", xlabel="penalty (log scale)", ylabel="NLL")
ax.set_title("With too small a penalty the matrix learns its images by heart")
ax.invert_xaxis()
_ = ax.legend(loc="lower left")

# %% [markdown] tags=["slide"]
# A penalty holds ten thousand parameters back
# --------------------------------------------
#
# - A large penalty keeps the matrix near the temperature.
# - A small one lets it learn its own images by heart.
# - The best penalty lies between the two.
#
# Say: Read the figure from left to right. The matrix becomes freer. On its own images it gets better
# and better. On the test images it gets better at first, passes the best point and then becomes
# much worse. Ask: may we take the penalty at the lowest point of the test curve and report the
# value there? No, because we would choose and measure on the same images.

# %% [markdown]
# The curve of the fit's own images falls all the way. The test curve falls at first and ends above
# the temperature. Where the test curve rises, the map *overfits*: it describes its own images better
# and others worse. May we report the lowest point of the test curve? No: we would choose and measure
# on the same images, and the result would look too good.
#
# Let cross-validation choose
# ---------------------------
#
# *Cross-validation* needs the calibration set alone. It divides the set into five parts. On each
# part, it measures a map that was fitted to the other four parts. `calibkit.best_scaler` compares
# several maps in this way. Some are matrices with a smaller penalty on the weights that connect
# different classes (``off_diagonal``). One is the mixture of the next section. The temperature stays
# unless a richer map is clearly better.

# %%
best = calibkit.best_scaler(logits[calib], labels[calib], progress=False)
print(f"{'map':37} NLL  difference ± standard error")
for line in best.summary.comparison.splitlines()[1:7]:
    name, _, rest = line.partition("  ")
    _, _, values = rest.partition("parameters  NLL ")
    print(f"{name:34} {values}")

# %%
for name, scaler in {"temperature": temperature, "chosen": best}.items():
    scaled = scaler(logits[test])
    nll = cross_entropy(scaled, labels[test])
    accuracy = calibkit.accuracy(scaled.softmax(-1), labels[test])
    print(f"{name:12}NLL {nll:.2f}, accuracy {accuracy:.1%}, n = {len(test)}")

# %% [markdown]
# The first table shows by how much each NLL differs from that of the chosen map. The *standard error*
# tells how much this difference typically varies by chance. The test images played no part in the
# choice and confirm the gain. We repeat this on another split.

# %%
split = calibkit.split_calibration(TensorDataset(labels), 2000, seed=1)
fit, rest = (part.indices for part in split)
again = calibkit.best_scaler(logits[fit], labels[fit], progress=False)
alone = calibkit.TemperatureScaler().fit_logits(logits[fit], labels[fit])
nll = [cross_entropy(s(logits[rest]), labels[rest]) for s in (again, alone)]
print(f"chosen: off_diagonal={again.off_diagonal}", end=", ")
print(f"NLL minus that of the temperature: {nll[0] - nll[1]:+.2f}")

# %% [markdown] tags=["slide"]
# Choose on the calibration set, measure on the test set
# ------------------------------------------------------
#
# - Cross-validation fits on four parts and measures on the fifth.
# - best_scaler keeps the simplest map unless another is clearly better.
# - The test images then measure the winner once.
#
# Say: This is the habit to take home. The calibration set chooses, and the test set measures. Here
# cross-validation prefers a matrix with a small penalty, in both splits, and the test images
# confirm it. With another network or fewer images it may well return the temperature. Then
# these images did not show clearly that a richer map is better.

# %% [markdown]
# The choice is the same, and the gain is similar.
#
# Meet a case that no temperature repairs
# ---------------------------------------
#
# A model is *calibrated* if its answers are right as often as its confidence says. Suppose that a
# temperature *T* calibrates the model, and that a share *w* of the labels is then replaced with
# random classes, all equally likely. Now we need a *mixture* of the old probabilities and equal ones:
#
# $$p = (1 - w) \, \mathrm{softmax}(z / T) + w / C$$
#
# Here *z* are the logits and *C* is the number of classes. `calibkit.UniformMixtureScaler` fits *T*
# and the *weight* *w* together. We replace 15 percent of all labels, also in the test set.


# %% tags=["setup"]
def make_noisy(labels, share, seed):
    generator = torch.Generator().manual_seed(seed)
    hit = torch.rand(len(labels), generator=generator) < share
    drawn = torch.randint(100, (len(labels),), generator=generator)
    return torch.where(hit, drawn, labels)


noisy = make_noisy(labels, 0.15, seed=100)
hot = calibkit.TemperatureScaler().fit_logits(logits[calib], noisy[calib])
mixture = calibkit.UniformMixtureScaler()
_ = mixture.fit_logits(logits[calib], noisy[calib])

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("With random labels, a mixture fits and a temperature does not")
for ax, title, scaler in zip(axes, ("Temperature", "Mixture"), (hot, mixture)):
    scaled = scaler(logits[test]).softmax(-1)
    calibkit.reliability_diagram(scaled, noisy[test], title=title, ax=ax)
print(f"T {temperature.temperature:.1f} for clean labels", end=", ")
print(f"{hot.temperature:.1f} for noisy ones", end=", ")
print(f"{mixture.temperature:.1f} in the mixture")

# %% [markdown] tags=["slide"]
# With random labels, a temperature cannot be right
# -------------------------------------------------
#
# - A sure answer with a random label raises the NLL sharply.
# - The temperature lowers all confidences to avoid that cost.
# - A mixture leaves every class a small probability instead.
#
# Say: On the left the bars stand above the dots in most bins. The network has become
# underconfident. Ask why: what does the fit do about a sure and correct answer whose label was
# replaced? It can only lower every confidence. The mixture says openly that some labels are
# random, so the temperature no longer has to account for them.

# %% [markdown]
# On the left, most bars stand above their dots. The model has become *underconfident*: it is right
# more often than it says. A sure answer with a random label raises the NLL sharply. To avoid this, a
# temperature must lower all confidences together, so *T* rises. We repeat this with five splits,
# each with its own random labels.

# %%
rows = []
for seed in range(5):
    split = calibkit.split_calibration(TensorDataset(labels), 2000, seed=seed)
    fit, rest = (part.indices for part in split)
    y = make_noisy(labels, 0.15, seed + 100)
    for kind in ("Temperature", "Vector", "UniformMixture"):
        scaler = getattr(calibkit, kind + "Scaler")()
        scaler.fit_logits(logits[fit], y[fit])
        scaled = scaler(logits[rest]).softmax(-1)
        check = calibkit.calibration_test(scaled, y[rest], n_resamples=200)
        rows.append((kind, check.calibration_error, check.p_value < 0.05))
for kind in ("Temperature", "Vector", "UniformMixture"):
    ece = [row[1] for row in rows if row[0] == kind]
    rejected = sum(row[2] for row in rows if row[0] == kind)
    print(f"{kind:15}ECE {min(ece):.1%} to {max(ece):.1%}", end=", ")
    print(f"calibration rejected in {rejected} of 5")

# %% [markdown]
# The mixture removes most of the error in every split, and vector scaling does not. The last
# column is from `calibkit.calibration_test`, with 15 bins. It rejects calibration if a calibrated
# model would reach so large an ECE in fewer than one of twenty test sets. Passing this test is no
# proof of calibration.
#
# Read the weight with care
# -------------------------
#
# Does the weight tell us how many labels are random? We replace several shares, and fit each time on
# five random sets of 1000 images. The last line shows distorted images with true labels.

# %%
rates, weights = (0, 0.1, 0.2, 0.4), []
for rate in rates:
    for seed in range(5):
        split = calibkit.split_calibration(
            TensorDataset(labels), 1000, seed=seed
        )
        fit = split[0].indices
        y = make_noisy(labels, rate, seed + 100)[fit]
        scaler = calibkit.UniformMixtureScaler().fit_logits(logits[fit], y)
        weights.append(scaler.uniform_weight)
for rate, row in zip(rates, np.reshape(weights, (-1, 5))):
    print(f"{rate:.0%} replaced: weight {row.min():.1%} to {row.max():.1%}")
shifted = calibkit.glyphs100_logits(4000, seed=3, severity=5, progress=False)
fooled = calibkit.UniformMixtureScaler().fit_logits(*shifted)
print(f"distorted images, none random: weight {fooled.uniform_weight:.1%}")

# %% [markdown]
# The weight follows the share, with a spread of a few points. But on distorted images the weight is
# above zero, although no label is random. When an answer is sure and wrong, the mixture cannot tell
# whether the label or the network is to blame. So the weight gives the share of random labels only if
# a temperature alone would calibrate the model on clean labels.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Few images: one temperature. More images: let cross-validation choose.
# - Judge maps by NLL and accuracy; the ECE sees only the top class.
# - Random labels: a mixture. Read its weight with care.
#
# Say: Return to the vote of the beginning. Ten thousand parameters on two thousand images were
# worth it here, because the penalty was right, and cross-validation found it. With a very small
# penalty the same map was worse than the temperature. The map is less important than the habit:
# choose on the calibration set and measure on the test set.

# %% [markdown]
# What we have seen
# -----------------
#
# - With one image of each class, no map was clearly better than the temperature. From 300 images on,
#   vector and matrix scaling won. Histogram and isotonic scaling always lost.
# - A map can give the true class more probability on the whole, which lowers the NLL, and yet leave
#   larger gaps between accuracy and confidence, which raises the ECE.
# - The penalty decides whether a matrix helps or overfits. Cross-validation chooses the penalty.
# - If some labels are random, use a mixture. But a weight above zero does not prove that any are.

# %% [markdown]
# Exercises
# ---------
#
# 1. On what share of the images in ``test`` does ``vector`` change the answer of the network?

# %% tags=["answer"]
changed = None

# %% tags=["solution"]
changed = (
    (vector(logits).argmax(-1) != logits.argmax(-1))[test].double().mean()
)

# %% tags=["wrong"]
wrong = [0.0, 6.3, vector(logits[test]).argmax(-1) != labels[test], 0.4, 0.02]

# %% tags=["check"]
if changed is not None:
    share = torch.as_tensor(changed)
    assert share.numel() == 1, "enter one number: take the mean"
    assert 0 <= share <= 1, "a share lies between 0 and 1"
    assert share > 0, (
        "vector scaling does change answers; is it a temperature?"
    )
    new, old = vector(logits[test]).argmax(-1), logits[test].argmax(-1)
    right = 1 - (new == old).double().mean()
    assert abs(share - right) < 0.002, "compare answers, not labels, on test"
    change = calibkit.accuracy(vector(logits[test]).softmax(-1), labels[test])
    change -= calibkit.accuracy(logits[test].softmax(-1), labels[test])
    print(f"Vector scaling changes {right:.1%} of the answers,", end=" ")
    print(f"and the accuracy by {change:+.1%}. A temperature changes none.")

# %% [markdown] tags=["solution"]
# A change of answer can fix a mistake or make one, or replace one mistake with another. So the
# share does not tell us the gain in accuracy, which the check prints beside it and which is much
# smaller. A frequent slip is to compare the new answers with the labels, which gives the error
# rate instead.

# %% [markdown]
# 2. Choose a penalty without the test images. After the labels, give `calibkit.best_scaler` the list
#    of ``matrix(p)`` for each ``p`` in ``penalties[:5]``, and enter the scaler that it returns.

# %% tags=["answer"]
chosen = None

# %% tags=["solution"]
candidates = [matrix(p) for p in penalties[:5]]
chosen = calibkit.best_scaler(
    logits[calib], labels[calib], candidates, progress=False
)

# %% tags=["wrong"]
wrong = [
    0.01,
    matrix(0.01),
    matrix(0.01).fit_logits(logits[calib], labels[calib]),
    temperature,
]

# %% tags=["check"]
if chosen is not None:
    hint = "enter the scaler that best_scaler returns"
    assert isinstance(chosen, calibkit.MatrixScaler), hint
    assert chosen.summary is not None, "this scaler was never fitted"
    assert chosen.summary.n_samples == len(calib), "use the images in calib"
    table = chosen.summary.comparison
    assert table is not None, "nothing was compared: call best_scaler"
    assert table.count("MatrixScaler(") >= 5, "give it all five candidates"
    nll = cross_entropy(chosen(logits[test]), labels[test])
    print(f"penalty {chosen.diagonal}: NLL {nll:.2f} on the test images")

# %% [markdown] tags=["solution"]
# Cross-validation finds the low region of the test curve without looking at it. The value on the
# test images is an honest measurement now, because they played no part in the choice. What usually
# goes wrong is to fit on all images and compare the NLL on the same ones: then the smallest penalty
# always wins.

# %% [markdown]
# 3. Call ``make_noisy`` with a share of 30 percent and ``seed=1``. Fit a temperature and a mixture on
#    ``calib``, and enter both temperatures, that of the mixture second.

# %% tags=["answer"]
two_temperatures = None

# %% tags=["solution"]
noisier = make_noisy(labels, 0.3, seed=1)
fits = [calibkit.TemperatureScaler(), calibkit.UniformMixtureScaler()]
for scaler in fits:
    scaler.fit_logits(logits[calib], noisier[calib])
two_temperatures = [scaler.temperature for scaler in fits]
print([f"{t:.2f}" for t in two_temperatures])

# %% tags=["wrong"]
wrong = [
    two_temperatures[::-1],
    (hot.temperature, mixture.temperature),
    (two_temperatures[0], two_temperatures[0]),
    (4.5, 1.5),
    (4.5, 1.6),
]

# %% tags=["check"]
if two_temperatures is not None:
    alone, beside = two_temperatures
    assert alone > beside, "the temperature of the mixture comes second"
    assert alone > hot.temperature + 0.3, "are 30 percent of labels replaced?"
    y = make_noisy(labels, 0.3, seed=1)
    for scaler, value in (
        (calibkit.TemperatureScaler(), alone),
        (calibkit.UniformMixtureScaler(), beside),
    ):
        scaler.fit_logits(logits[calib], y[calib])
        name = scaler.summary.scaler
        hint = f"{name}: fit on calib, with noise in the clean labels"
        assert abs(value - scaler.temperature) < 0.02, hint
    print(f"Noise raises a lone temperature to {float(alone):.1f}.", end=" ")
    print(f"The mixture's is {float(beside):.1f}, near that of clean labels.")

# %% [markdown] tags=["solution"]
# The temperature alone has to explain two things at once, how overconfident the network is and how
# many labels are random. The mixture has one parameter for each. If you want probabilities of the
# true class and not of a noisy label, keep the mixture's temperature and leave out its weight.

# %% [markdown]
# 4. Wrong labels may favour one class. Give the label 0 to every image whose labels in ``noisy`` and
#    ``labels`` differ. Fit vector scaling and the mixture on ``calib`` with these labels. Enter their
#    NLL on ``test`` with these labels, vector scaling first.

# %% tags=["answer"]
two_nlls = None

# %% tags=["solution"]
skewed = torch.where(noisy != labels, 0, labels)
two_nlls = []
for scaler in (calibkit.VectorScaler(), calibkit.UniformMixtureScaler()):
    scaler.fit_logits(logits[calib], skewed[calib])
    scaled = scaler(logits[test])
    two_nlls.append(cross_entropy(scaled, skewed[test]).item())
    ece = calibkit.calibration_error(scaled.softmax(-1), skewed[test])
    print(f"{scaler.summary.scaler:22}NLL {two_nlls[-1]:.2f}, ECE {ece:.0%}")

# %% tags=["wrong"]
wrong = [
    two_nlls[::-1],
    (1.39, 1.40),
    (two_nlls[0], 2.4),
    [cross_entropy(s(logits[test]), noisy[test]) for s in (vector, mixture)],
]

# %% tags=["check"]
if two_nlls is not None:
    first, second = (float(value) for value in two_nlls)
    assert first > 1.8, "measure with the changed labels too"
    assert first < second, "vector scaling comes first; fit it on these labels"
    y = torch.where(noisy != labels, 0, labels)
    for scaler, value in (
        (calibkit.VectorScaler(), first),
        (calibkit.UniformMixtureScaler(), second),
    ):
        scaler.fit_logits(logits[calib], y[calib])
        nll = cross_entropy(scaler(logits[test]), y[test])
        hint = f"{scaler.summary.scaler}: fit it on the changed labels"
        assert abs(value - nll) < 0.01, hint
    print("A map that can favour one class gains when the noise favours one.")

# %% [markdown] tags=["solution"]
# Vector scaling can raise the bias of class 0, where the wrong labels are, and the NLL rewards that.
# The mixture spreads them over all classes, which is the wrong form. Yet its ECE is lower, because
# the ECE only asks whether the top class is as sure as it should be, and the mixture lowers the
# highest confidences. Neither map has the right form: that would be a mixture with class 0.

# %% [markdown]
# 5. An open question: a hospital has 400 labelled images of twenty classes, but only three images of
#    the rarest class. In cross-validation, a matrix beats a temperature by one standard error. What
#    would you do?

# %% [markdown] tags=["solution"]
# Chance alone often produces a difference of one standard error, so these images do not show that the
# matrix is better. The temperature needs no images of the rare classes, keeps every answer that the
# doctors may have tested before, and is easy to explain. Before using a richer map, collect more
# images of the rare classes, repeat the comparison, measure the accuracy of each class, and keep a
# test set that plays no part in the choice.

# %% [markdown]
# References
# ----------
#
# - Berta, Holzmüller, Jordan and Bach (2025). Structured Matrix Scaling for Multi-Class
#   Calibration. https://arxiv.org/abs/2511.03685
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Kull, Perello-Nieto, Kängsepp, Silva Filho, Song and Flach (2019). Beyond temperature scaling:
#   Obtaining well-calibrated multiclass probabilities with Dirichlet calibration. NeurIPS.
#   https://arxiv.org/abs/1910.12656
# - Patrini, Rozza, Menon, Nock and Qu (2017). Making Deep Neural Networks Robust to Label Noise: a
#   Loss Correction Approach. CVPR. https://arxiv.org/abs/1609.03683
# - Zadrozny and Elkan (2001). Obtaining calibrated probability estimates from decision trees and
#   naive Bayesian classifiers. ICML. https://dl.acm.org/doi/10.5555/645530.655658
# - Zadrozny and Elkan (2002). Transforming classifier scores into accurate multiclass probability
#   estimates. KDD. https://doi.org/10.1145/775047.775151
# - Zhang, Kailkhura and Han (2020). Mix-n-Match: Ensemble and Compositional Methods for Uncertainty
#   Calibration in Deep Learning. ICML. https://arxiv.org/abs/2003.07329
