# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Find out why calibration failed
===============================

Temperature scaling (Guo et al. 2017) is one division, and still it goes wrong in many projects.
*Why did calibration fail on my model?* Often nothing crashes: a wrong number simply looks like a
result.

What you will do
----------------

Make common mistakes on purpose, one in each section. Each time we look for the number or the
picture that gives the mistake away, and then mend it.

What you will learn
-------------------

- which numbers show a mistake, and which hide it
- which mistakes calibkit refuses, and in what words
- a checklist that leads from the symptom to the cure

What you need
-------------

The lesson on temperature scaling, and under a minute on two cores. No GPU, no network.
"""

# %%
import copy

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy
from torch.utils.data import DataLoader, Subset, TensorDataset
from torchmetrics import CalibrationError

import calibkit

# %% [markdown]
# Set the baseline
# ----------------
#
# First we do it right, to have something to compare with. `calibkit.glyphs100_logits` gives the
# logits of the 10 000 test images: 1000 of them to fit the temperature on, 9000 to measure with.

# %%
logits, labels = calibkit.glyphs100_logits(progress=False)
everything = TensorDataset(logits, labels)
calib_set, test_set = calibkit.split_calibration(everything, 1000, seed=0, stratify=labels)
calib_logits, calib_labels = everything[calib_set.indices]
test_logits, test_labels = everything[test_set.indices]

# %% [markdown]
# We fit the temperature: ``fit_logits`` is ``fit`` for logits that we already have. A small
# function prints accuracy, NLL and ECE side by side, because we shall need all three.

# %%
scaler = calibkit.TemperatureScaler().fit_logits(calib_logits, calib_labels)
scaled = scaler(test_logits)


def show(name, logits, labels):
    p = logits.softmax(-1)
    correct, ece = calibkit.accuracy(p, labels), calibkit.calibration_error(p, labels)
    nll = cross_entropy(logits, labels)
    print(f"{name:29} accuracy {correct:.1%}, NLL {nll:.3f}, ECE {ece:.0%}")


show("before", test_logits, test_labels)
show(f"T = {scaler.temperature:.3f}", scaled, test_labels)
floor = calibkit.noise_floor(scaled.softmax(-1))
print(f"noise floor {floor.low:.0%} to {floor.high:.0%}, n = {len(scaled)}")

# %% [markdown]
# This is success: the accuracy stays at 59.5 %, the NLL falls from 1.552 to 1.397, and the ECE from
# 14 % to 2 %, as low as that of a perfectly calibrated model may be here.

# %% [markdown]
# Forget eval mode
# ----------------
#
# In training mode, batch normalisation (Ioffe and Szegedy 2015) uses the mean and the variance of
# the batch at hand in place of those that it has learned. We make this mistake with a copy of the
# model, on 3000 test images in batches of 16.

# %%
model = calibkit.glyphs100_resnet20()
images = calibkit.Glyphs100(3000, seed=2)
careless = copy.deepcopy(model).train()
with torch.inference_mode():
    train_mode = torch.cat([careless(batch) for batch, _ in DataLoader(images, batch_size=16)])

# %% [markdown]
# These are the first 3000 images of the test set, so that we have their right logits too. We
# calibrate both, on 500 images, and measure on the other 2500.

# %%
calibrated = {}
for name, z in (("eval mode", logits[:3000]), ("training mode", train_mode)):
    fitted = calibkit.TemperatureScaler().fit_logits(z[:500], labels[:500])
    calibrated[name] = fitted(z[500:])
    show(name, z[500:], labels[500:3000])
    show(f"{name}, T = {fitted.temperature:.2f}", calibrated[name], labels[500:3000])

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 5.2), layout="constrained")
fig.suptitle("Both look calibrated after scaling: the diagram does not show which one is damaged")
for ax, (name, z) in zip(axes, calibrated.items()):
    _ = calibkit.reliability_diagram(z.softmax(-1), labels[500:3000], title=name, ax=ax)

# %% [markdown]
# The mistake costs 7 points of accuracy, from 58.9 % to 52.1 %, and the NLL after scaling is 1.702
# where it should be 1.409. The ECE after scaling does not reveal it: it is 2 % for both. The ECE
# asks whether a model knows how often it is right, not how often it is right.
#
# Accuracy gives the mistake away only to those who know what to expect. One test needs neither that
# nor labels: show the same images in another order.

# %%
order = torch.randperm(500, generator=torch.Generator().manual_seed(2))
shuffled = DataLoader(Subset(images, order.tolist()), batch_size=16)
with torch.inference_mode():
    again = torch.cat([careless(batch) for batch, _ in shuffled])
right, _ = calibkit.collect_logits(model, shuffled, progress=False)
for name, z, other in (("eval", logits, right), ("training", train_mode, again)):
    changed = (z[order].argmax(-1) != other.argmax(-1)).double().mean()
    print(f"{name} mode: {changed:.0%} of 500 answers change with the order")

# %% [markdown]
# In training mode the answer depends on the neighbours in the batch, so 38 % of the answers change,
# against 0 % in eval mode.
#
# **Mended:** call ``model.eval()``, or let calibkit run the model: `calibkit.collect_logits` and
# ``fit`` switch to eval mode and back. The means and variances that a model has learned are kept in
# its *buffers*. Which of our copies still has them?

# %%
fresh = copy.deepcopy(model).train()
first = DataLoader(Subset(images, range(500)), batch_size=100)
mended, _ = calibkit.collect_logits(fresh, first, progress=False)
print(f"collect_logits gives the right logits: {torch.allclose(mended, logits[:500], atol=1e-3)}")
for name, used in (("collect_logits", fresh), ("our loop", careless)):
    kept = all(torch.equal(a, b) for a, b in zip(used.buffers(), model.buffers()))
    print(f"{name} left the buffers as they were: {kept}")

# %% [markdown]
# Our loop did lasting damage: the means and variances have moved, and eval mode does not bring them
# back. Load such a model again.

# %% [markdown]
# Pass probabilities as logits
# ----------------------------
#
# Many models end in a softmax, and then what they give are probabilities. Whoever takes these for
# logits applies the softmax twice. No crash: a softmax takes any numbers.

# %%
probabilities = test_logits.softmax(-1)
show("softmax twice", probabilities, test_labels)
print(f"highest confidence: {probabilities.softmax(-1).max():.1%}")

# %% [markdown]
# The confidence gives it away: it is 2.7 % at most, and the model, 59.5 % accurate, seems to know
# nothing. No number that went into the second softmax was above 1, so it has little to tell apart.
#
# A fit by hand does not complain either. We try temperatures on a grid, and take the best.

# %%
twice = calib_logits.softmax(-1)
temperatures = torch.logspace(-2, 1, 301)
nll = torch.stack([cross_entropy(twice / t, calib_labels) for t in temperatures])
wrong = temperatures[nll.argmin()]
show(f"probabilities / {wrong:.3f}", probabilities / wrong, test_labels)

# %% [markdown]
# The fit finds T = 0.135: far below 1, for a model that is overconfident. With it the ECE of 10 %
# may pass for an improvement on 14 %. The NLL tells the truth: 2.157 is worse than the 1.552 of
# the model as it came.
#
# **Mended:** pass what comes before the softmax. Where there is nothing else, take the logarithms
# of the probabilities: their softmax is the same. calibkit refuses rows that sum to 1.

# %%
try:
    calibkit.TemperatureScaler().fit_logits(twice, calib_labels)
except ValueError as error:
    print(error)
from_logs = calibkit.TemperatureScaler().fit_logits(twice.log(), calib_labels)
print(f"T from the logarithms: {from_logs.temperature:.3f}")

# %% [markdown]
# From the logarithms T is 1.465 again.
#
# Let a metric guess
# ------------------
#
# Some metrics take both logits and probabilities and guess which they got. torchmetrics (Lightning
# AI 2025) looks at the values of each batch: if one is outside [0, 1], it applies the softmax to
# the whole batch, if none is, it does not. Logits may lie in [0, 1] too, for instance where they
# are similarities. We make such ones out of ours: we divide them, as a temperature of 70 would, and
# add the same number to all, which changes no softmax.

# %%
scores = 0.5 + test_logits / 70
outside = ((scores < 0) | (scores > 1)).any(-1)
print(f"{outside.sum()} of {len(scores)} images has a score outside [0, 1]")
for size in (10, 100, 1000, 9000):
    metric = CalibrationError(task="multiclass", num_classes=100, n_bins=15)
    for batch, target in zip(scores.split(size), test_labels.split(size)):
        metric.update(batch, target)
    print(f"ECE in batches of {size}: {metric.compute():.0%}")
show("softmax applied by us", scores, test_labels)

# %% [markdown]
# One image in 9000 decides. Its batch is taken for logits, all others for probabilities: so the ECE
# is 13 % in batches of 10 and 58 % in a single batch. Only the last is right: divided by 70, these
# logits claim next to nothing. An ECE that changes with the batch size gives the mistake away.
#
# **Mended:** declare what you have, and apply the softmax yourself. calibkit's metrics take
# probabilities only, and say so.

# %%
try:
    calibkit.calibration_error(scores, test_labels)
except ValueError as error:
    print(error)

# %% [markdown]
# Rows that sum to about 50 are no probabilities.
#
# Fit on training images
# ----------------------
#
# A temperature must come from images that the model was not trained on. What happens if it does
# not? The embedded model has learned its training images by heart. These are 1000 of them.

# %%
train_logits, train_labels = calibkit.glyphs100_logits(1000, seed=1, progress=False)
show("training images", train_logits, train_labels)
for t in (1, 0.5, 0.2):
    print(f"NLL at T = {t}: {cross_entropy(train_logits.double() / t, train_labels):.0e}")
try:
    calibkit.TemperatureScaler().fit_logits(train_logits, train_labels)
except calibkit.NoOptimumError as error:
    print(error)

# %% [markdown]
# Every answer is right, so more confidence is better without end: the NLL keeps falling as T goes
# to 0. There is no best temperature, and calibkit says so.
#
# It can say so only where every answer is right. Let us mix: a calibration set of 1000 images, of
# which some were trained on.

# %%
for n in (0, 500, 900):
    z = torch.cat([train_logits[:n], calib_logits[n:]])
    y = torch.cat([train_labels[:n], calib_labels[n:]])
    mixed = calibkit.TemperatureScaler().fit_logits(z, y)
    print(f"{n} trained on, accuracy {calibkit.accuracy(z.softmax(-1), y):.0%}")
    show(f"  T = {mixed.temperature:.3f}, test set", mixed(test_logits), test_labels)

# %% [markdown]
# No error, but T falls from 1.465 to 1.099, and the ECE on the test set rises from 2 % to 11 %.
# The accuracy on the calibration set gives it away: 80 % on half trained-on images, where the test
# set shows 59.5 %.
#
# **Mended:** take the calibration set out before training, or from the held-out set, and compare
# the two accuracies.
#
# Fit on the test images
# ----------------------
#
# Another mistake is to measure on the images that the temperature was fitted to. How much does
# that flatter? We take two halves of our images, measure on one, and fit either on the same or on
# the other. We do so for temperature scaling and for `calibkit.IsotonicScaler` (Zadrozny and Elkan
# 2002), which bends the probabilities of each class along a curve of its own: many parameters in
# place of one.

# %%
pool_set, other_set = calibkit.split_calibration(everything, 5000, seed=0, stratify=labels)
pool_logits, pool_labels = everything[pool_set.indices]
other_logits, other_labels = everything[other_set.indices]
for kind in (calibkit.TemperatureScaler(), calibkit.IsotonicScaler()):
    print(type(kind).__name__)
    leaky = kind.fit_logits(other_logits, other_labels)(other_logits)
    show("  fitted on the same images", leaky, other_labels)
    clean = kind.fit_logits(pool_logits, pool_labels)(other_logits)
    show("  fitted on others", clean, other_labels)

# %% [markdown]
# With one parameter the flattery is too small to see: the NLL is 1.419 and the ECE 2 % either way.
# With many it is large: on its own images isotonic regression shows an NLL of 1.205, better than
# temperature scaling, and on others 1.631, which is worse. So this mistake can make us choose the
# wrong method.
#
# **Mended:** split first. A scaler remembers which logits it was fitted on, and `calibkit.evaluate`
# looks for them. Let us give it all 10 000, the 1000 for calibration among them.

# %%
try:
    calibkit.evaluate(logits, labels, scaler=scaler)
except ValueError as error:
    print(error)

# %% [markdown]
# It has found all 1000 again.
#
# Calibrate on too few images
# ---------------------------
#
# How many images does a temperature need? We take one of the halves as a pool, draw 20, 100 or
# 1000 from it, thirty times each, and fit. A fit's ``summary`` holds a 95 % interval: where T would
# lie if there were endless images, as far as these ones tell.

# %%
generator = torch.Generator().manual_seed(3)
found = {}
for n in (20, 100, 1000):
    draws = [torch.randperm(5000, generator=generator)[:n] for _ in range(30)]
    fits = [calibkit.TemperatureScaler().fit_logits(pool_logits[i], pool_labels[i]) for i in draws]
    found[n] = torch.tensor([fit.temperature for fit in fits])
    low, high = fits[0].summary.temperature_interval
    print(f"n = {n}: T from {found[n].min():.2f} to {found[n].max():.2f}", end=", ")
    print(f"95 % interval of the first fit {low:.2f} to {high:.2f}")

# %%
whole = calibkit.TemperatureScaler().fit_logits(pool_logits, pool_labels)
fig, ax = plt.subplots(figsize=(5.6, 3.4), layout="constrained")
for place, values in enumerate(found.values()):
    ax.plot([place] * len(values), values, "o", color="#0072B2", alpha=0.4)
ax.axhline(whole.temperature, color="#D55E00", linestyle="--", label="T of all 5000")
ax.set(title="The fewer images, the more T is chance", ylabel="T, 30 draws each")
ax.set_xticks(range(len(found)), [str(n) for n in found])
ax.set_xlabel("images to calibrate on")
_ = ax.legend(loc="lower right")
# sphinx_gallery_thumbnail_number = 2

# %%
show("before", other_logits, other_labels)
for n in (20, 1000):
    for t in (found[n].min(), found[n].max()):
        show(f"n = {n}, T = {t:.2f}", other_logits / t, other_labels)

# %% [markdown]
# In these draws of 20 images T lies anywhere from 0.97 to 2.00. The lowest makes it worse: the ECE
# on the other 5000 images is 16 %, where it was 15 % before scaling. The highest leaves 12 %. With
# 1000 images even the two extremes are good: 3 % and 2 %.
#
# **Mended:** take 1000 images where you can, and read the interval: from 1.14 to 1.82 for the first
# draw of 20, and from 1.44 to 1.59 for the first of 1000.

# %% [markdown]
# Calibrate on the wrong images
# -----------------------------
#
# Enough images are not enough. Say that somebody collected hundreds of images, but only of the ten
# classes that the model finds easiest, or hardest.

# %%
hits = (pool_logits.argmax(-1) == pool_labels).double()
accuracies = torch.stack([hits[pool_labels == c].mean() for c in range(100)])
by_ease = accuracies.argsort(stable=True)
for name, classes in (("easiest", by_ease[-10:]), ("hardest", by_ease[:10]), ("all", by_ease)):
    chosen = torch.isin(pool_labels, classes)
    fit = calibkit.TemperatureScaler().fit_logits(pool_logits[chosen], pool_labels[chosen])
    low, high = fit.summary.temperature_interval
    print(f"{len(classes)} classes, {name}: T = {fit.temperature:.2f} ({low:.2f} to {high:.2f})")
    show(f"  n = {chosen.sum()}", fit(other_logits), other_labels)

# %% [markdown]
# The easy classes ask for T = 1.16, the hard ones for 1.95, all of them for 1.50. On images of all
# classes the wrong ones leave an ECE of 10 % and 11 %, in place of 2 %. Here the interval
# does not warn: 1.06 to 1.26 is narrow, and wrong. It knows about chance only, not about how the
# images were chosen.
#
# **Mended:** draw the calibration set as the images in use are drawn, and count its labels with
# ``labels.bincount()``. `calibkit.split_calibration` keeps the share of every class when it gets
# ``stratify=labels``.

# %% [markdown]
# Copy an optimiser from the web
# ------------------------------
#
# Many projects fit T with LBFGS, a general optimiser. The loop below is set up as a widely copied
# one (Pleiss 2017): start at 1.5, learning rate 0.01, at most 50 iterations, and no line search,
# which would check that each step leads down. We only add a list of the temperatures that it
# visits.

# %%
start = torch.tensor([1.5], dtype=torch.float64)


def web_fit(logits, labels, lr=0.01):
    temperature = torch.nn.Parameter(start.clone())
    optimizer = torch.optim.LBFGS([temperature], lr=lr, max_iter=50)
    path = []

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(logits.double() / temperature, labels)
        loss.backward()
        path.append(temperature.item())
        return loss

    optimizer.step(closure)
    return [*path, temperature.item()]


path = web_fit(calib_logits, calib_labels)
print(f"from {path[0]:.1f} to {path[-1]:.2f}, where the best T is {scaler.temperature:.2f}")

# %% [markdown]
# It stops early, at 1.49 in place of 1.47. That does no harm, because 1.5 happens to be a good
# start. Let us take logits ten times larger and ten times smaller, so that the best T is too, and
# also try LBFGS's own learning rate, which is 1.

# %%
paths = {}
for factor, lr in ((10, 0.01), (10, 1), (0.1, 0.01), (0.1, 1)):
    path = paths[factor, lr] = web_fit(factor * calib_logits, calib_labels, lr)
    z = factor * test_logits / path[-1]
    show(f"{factor} * logits, lr={lr}, T={path[-1]:.3g}", z, test_labels)
assert paths[10, 0.01][-1] < 10
assert paths[0.1, 1][-1] < 0

# %% [markdown]
# Only one of four fits is right. With 0.01 the search is still close to its start, at 1.92 or 1.17,
# and the ECE is 36 % or 56 %. With 1 the small logits get a T of -74.4. Its ECE of 1 % looks
# better than the 2 % of the good fit, but its accuracy is 0.0 %. A negative T turns the order of
# the classes round, and one of this size makes them all but equally likely. So the model is not
# right and does not claim to be, and the ECE asks no more.
#
# How did it come to that? We draw the NLL over 1 / T, the number that the logits are multiplied
# with.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.8), layout="constrained")
fig.suptitle("A general optimiser can stop far from the minimum, even at a negative temperature")
for ax, low, high, (factor, lr) in zip(axes, (0, -6), (0.8, 9), ((10, 0.01), (0.1, 1))):
    z, visited = factor * calib_logits, 1 / torch.tensor(paths[factor, lr])
    best = 1 / calibkit.TemperatureScaler().fit_logits(z, calib_labels).temperature
    grid = torch.linspace(low, high, 101)
    ax.plot(grid, [cross_entropy(z * b, calib_labels) for b in grid], color="0.5", label="NLL")
    nll = [cross_entropy(z * b, calib_labels) for b in visited]
    ax.plot(visited, nll, ".", color="#D55E00", label="web_fit on its way")
    ax.plot(visited[-1], nll[-1], "X", color="#D55E00", markersize=10, label="where it stops")
    ax.plot(best, cross_entropy(z * best, calib_labels), "o", color="#0072B2", label="calibkit")
    ax.set(title=f"{factor} * logits, lr={lr}", xlabel="1 / T", ylabel="NLL, n = 1000")
_ = axes[0].legend()

# %% [markdown]
# The NLL is a single bowl. On the left the steps are too short, and 50 of them are too few. On the
# right the second step is too long: it lands left of 0, where T is negative. The next one leads to
# -74.4. There the NLL as a function of T is all but flat, and the search does not get away.
#
# **Mended:** calibkit finds the one minimum without a learning rate. Whoever writes the loop checks
# three things: T is positive, the slope of the NLL is 0, and another start gives the same T.

# %% [markdown]
# See the ECE rise while the NLL falls
# ------------------------------------
#
# Last, a case without a slip in the code: after a fit the NLL is lower, as it should be, and the
# ECE is higher, by more than chance. We make the labels worse, those to calibrate on and those to
# test on: with a chance of one in ten a label is replaced with a random one. On these labels we fit
# again.

# %%
generator = torch.Generator().manual_seed(0)
hit = torch.rand(len(labels), generator=generator) < 0.1
noisy = torch.where(hit, torch.randint(100, (len(labels),), generator=generator), labels)
noisy_calib, noisy_test = noisy[calib_set.indices], noisy[test_set.indices]
refitted = calibkit.TemperatureScaler().fit_logits(calib_logits, noisy_calib)
rescaled = refitted(test_logits)
for t, z in ((scaler.temperature, scaled), (refitted.temperature, rescaled)):
    show(f"T = {t:.3f}", z, noisy_test)
    print(f"  mean confidence {z.softmax(-1).amax(-1).mean():.1%}")

# %% [markdown]
# The NLL falls from 2.401 to 2.187, and the ECE rises from 7 % to 12 %, where chance alone makes
# 1 % to 2 %. The confidence falls from 60.5 %, above the accuracy of 53.5 %, to 41.6 %, far below
# it. Let us see all temperatures.

# %%
ax = calibkit.temperature_curve(
    test_logits, noisy_test, title="With random labels NLL and ECE disagree on T"
)

# %% [markdown]
# The ECE, the dashed line, is lowest at a temperature well below the best one for the NLL. Which
# images push T up? We take the NLL apart.

# %%
hit_test = hit[test_set.indices]
for name, z in (("old T", scaled), ("new T", rescaled)):
    terms = cross_entropy(z, noisy_test, reduction="none")
    print(f"{name}: NLL {terms[hit_test].mean():.2f} where labels are random", end=", ")
    print(f"{terms[~hit_test].mean():.2f} elsewhere")

# %% [markdown]
# The model gives almost no probability to a random label, and the NLL makes that expensive: 11.12
# an image. A higher T lowers this to 7.90, and raises the NLL of the others from 1.40 to 1.53 only.
# The ECE looks at the top class alone, and sees a model that has become too modest. Neither is
# wrong: they measure different things, and here no single temperature serves both.
#
# **Mended:** somebody looks at the 100 images of the calibration set with the largest NLL, and
# corrects their labels. We fit once more, and measure on true labels.

# %%
worst = cross_entropy(calib_logits, noisy_calib, reduction="none").topk(100).indices
corrected = noisy_calib.clone()
corrected[worst] = calib_labels[worst]
print(f"{(corrected != noisy_calib).sum()} of these 100 labels were wrong")
show("fitted on wrong labels", rescaled, test_labels)
mended = calibkit.TemperatureScaler().fit_logits(calib_logits, corrected)
show(f"corrected, T = {mended.temperature:.3f}", mended(test_logits), test_labels)
assert abs(mended.temperature - scaler.temperature) < 0.1

# %% [markdown]
# 91 of the 100 labels were wrong. With them corrected T is 1.504, and the ECE on true labels 2 % in
# place of 18 %.

# %% [markdown]
# Check these first
# -----------------
#
# What you see, why it may be so, and what to do:
#
# - **The accuracy is lower than it was after training, or answers change with the order.** The
#   model is in training mode. Load it again and call ``model.eval()``.
# - **All confidences are tiny, and T is far below 1.** Probabilities were passed as logits. Pass
#   what comes before the softmax, or logarithms.
# - **The ECE changes with the batch size.** The metric guesses. Apply the softmax yourself.
# - **There is no best T, or the accuracy is higher on the calibration set than on the test set.**
#   The model was trained on these images. Take held-out ones.
# - **Many parameters look far better than one.** The fit may have seen the test set. Split first.
# - **T changes much with the seed, or its interval is wide.** There are too few images. Take 1000.
# - **The interval is narrow, but the ECE in use is large.** The images were not drawn as those in
#   use are. Count the labels.
# - **T is close to its start, negative, or changes with the learning rate.** The optimiser stopped
#   early or went astray. Take an exact fit.
# - **The ECE rises by more than chance while the NLL falls.** They measure different things. Look
#   at the images with the largest NLL for wrong labels.

# %% [markdown]
# What we have seen
# -----------------
#
# - The ECE alone hides mistakes: it was low at an accuracy of 52.1 %, and at one of 0.0 %. Read
#   accuracy, NLL and ECE together.
# - calibkit refuses probabilities as logits, logits as probabilities, a fit without an optimum, and
#   a test set that holds calibration images.
# - It cannot refuse what it cannot see: logits that were made in training mode, trained-on images
#   among others, images of the wrong classes, wrong labels.

# %% [markdown]
# Exercises
# ---------
#
# 1. What if only the calibration images ran in training mode? Fit T on the first 500 rows of
#    ``train_mode``, apply it to the right logits of the images 500 to 2999, and enter the ECE
#    there. Compare it with the 2 % above.

# %%
ece_of_the_wrong_temperature = None
if ece_of_the_wrong_temperature is not None:
    assert ece_of_the_wrong_temperature < 1, "enter a fraction, not a percentage"
    assert ece_of_the_wrong_temperature > 0.03, "too good: fit on train_mode, measure on logits"
    assert ece_of_the_wrong_temperature < 0.07, "too bad: is the temperature applied?"

# %% [markdown]
# 2. Another mistake: somebody counts the classes from 1, so that every label is one too high, and
#    the last class becomes 0. Guess what the fit makes of it, then do it with ``calib_labels`` and
#    enter T. Which of the numbers that ``show`` prints would have told you?

# %%
temperature_of_shifted_labels = None
if temperature_of_shifted_labels is not None:
    assert temperature_of_shifted_labels > 2, "are these the shifted labels of the calibration set?"
    assert abs(temperature_of_shifted_labels - 58.5) < 1, "one too high, and class 100 becomes 0"

# %% [markdown]
# 3. Mend ``web_fit``, still with LBFGS: write a function of logits and labels that returns T, for
#    logits of any size. Two hints: T cannot become negative if the parameter is its logarithm, and
#    ``torch.optim.LBFGS`` has a ``line_search_fn``.

# %%
mended_fit = None
if mended_fit is not None:
    for factor in (0.1, 0.5, 1, 10):
        z = factor * calib_logits
        exact = calibkit.TemperatureScaler().fit_logits(z, calib_labels).temperature
        assert abs(mended_fit(z, calib_labels) / exact - 1) < 0.01, f"wrong for logits * {factor}"

# %% [markdown]
# References
# ----------
#
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Ioffe and Szegedy (2015). Batch Normalization: Accelerating Deep Network Training by Reducing
#   Internal Covariate Shift. ICML. https://arxiv.org/abs/1502.03167
# - Pleiss (2017). temperature_scaling. The code that ``web_fit`` follows.
#   https://github.com/gpleiss/temperature_scaling
# - Zadrozny and Elkan (2002). Transforming classifier scores into accurate multiclass probability
#   estimates. KDD. https://doi.org/10.1145/775047.775151
# - Lightning AI (2025). TorchMetrics, Calibration Error. "If preds has values outside [0,1] range
#   we consider the input to be logits and will auto apply softmax per sample."
#   https://lightning.ai/docs/torchmetrics/stable/classification/calibration_error.html
