# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Why fit the NLL and not the ECE?
================================

A model is *calibrated* if it is right as often as it claims. The usual measure is the *ECE*, the
expected calibration error. It sorts the predictions into bins by their *confidence*, the
probability of the predicted class. In each bin it takes the gap between the mean confidence and the
*accuracy*, the share of right predictions. The ECE is the average gap, weighted by the number of
predictions. Yet temperature scaling minimises the *NLL*, the negative log-likelihood. It takes minus
the logarithm of the probability that the true class received, and averages over all images. Why not
minimise the ECE? Even a model that never looks at the images can have an ECE close to zero.

What you will do
----------------

Score a coin forecast by hand and split a score into two parts. Then fit a temperature to the NLL
and to the ECE.

What you will learn
-------------------

- what makes a score proper, and what other scores reward
- how a score splits into calibration and refinement
- what goes wrong when a fit minimises the ECE

What you need
-------------

Basic PyTorch, the first lesson, and half a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Why fit the NLL and not the ECE?
# --------------------------------
#
# - Papers report the ECE.
# - Temperature scaling minimises the NLL.
# - Is that a contradiction?
#
# Say: Most of you have seen the expected calibration error in a paper, and you know that
# temperature scaling minimises the negative log-likelihood instead. Why not minimise the number
# that we report? Collect guesses from the room, and keep them on the board until the last slide.

# %% [markdown]
# A picture of the answer
# -----------------------
#
# We take 10 000 images and their *logits*, the outputs of a network before the softmax. We fit on
# the *calibration set*, a tenth of the images, and measure on the rest, the *test set*.

# %% tags=["setup"]
import torch
from matplotlib import pyplot as plt

import calibkit

# %% tags=["setup"]
logits, labels = calibkit.glyphs100_logits(progress=False)
logits = logits.double()
calib, test = calibkit.split_calibration(labels, 1000, seed=0, stratify=labels)
calib_logits, calib_labels = logits[calib.indices], labels[calib.indices]
test_logits, test_labels = logits[test.indices], labels[test.indices]

# %% [markdown]
# Three models compete. The first is the network itself. The second is the network after *temperature
# scaling*, which divides all logits by one number, the temperature *T*. The third is a *guesser*. It
# gives every class the same probability and predicts the first class.

# %%
scaler = calibkit.TemperatureScaler().fit_logits(calib_logits, calib_labels)
models = {
    "network": test_logits.softmax(-1),
    "scaled network": scaler(test_logits).softmax(-1),
    "guesser": torch.full_like(test_logits, 1 / 100),
}

# %%
fig, axes = plt.subplots(
    1, 2, figsize=(8, 2.6), sharey=True, layout="constrained"
)
fig.suptitle("The model that never looks has the lowest ECE and the worst NLL")
for ax, measure, name, factor, fmt in (
    (axes[0], calibkit.calibration_error, "ECE in %", 100, "%.1f"),
    (axes[1], calibkit.negative_log_likelihood, "NLL", 1, "%.2f"),
):
    values = [factor * measure(p, test_labels) for p in models.values()]
    bars = ax.barh(list(models), values, color="#0072B2")
    ax.bar_label(bars, fmt=fmt, padding=3)
    ax.set(xlabel=f"{name} (lower is better)", xlim=(0, 1.25 * max(values)))
axes[0].invert_yaxis()
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# The model that never looks wins by ECE
# --------------------------------------
#
# - The guesser gives every class the same probability.
# - By the ECE it beats the scaled network.
# - By the NLL it comes last.
#
# Say: The guesser claims to be right once in a hundred times, and it is right about that often. So
# its claims come true, and its ECE is almost zero. Would you use it? Ask the room what the ECE fails
# to notice, before you go on.

# %% [markdown]
# By the ECE, the guesser wins: it claims to be right once in a hundred times, and it is right about
# that often. By the NLL, it comes last.
#
# Score a coin forecast by hand
# -----------------------------
#
# A forecast says that a bent coin shows heads with probability 0.75. Four tosses give heads,
# heads, heads and tails. A *score* rates a forecast by what happened, and here lower is better.
# Let *p* be the probability that the forecast gave to what happened.
#
# - The NLL is the mean of $-\log p$.
# - The *absolute error* is the mean of $1 - p$.
# - The *Brier score* (Brier 1950) squares the errors of both probabilities, that of heads and that
#   of tails, and adds them. Both errors are equal, so it is the mean of $2 (1 - p)^2$.

# %%
scores = {
    "NLL": lambda p: -p.log(),
    "Brier score": lambda p: 2 * (1 - p) ** 2,
    "absolute error": lambda p: 1 - p,
}

# %%
p = torch.tensor([0.75, 0.75, 0.75, 0.25])
print("4 tosses:         heads   heads   heads   tails    mean")
print(f"{'p':15}" + "".join(f"{value:8.2f}" for value in p))
for name, score in scores.items():
    row = "".join(f"{value:8.3f}" for value in score(p))
    print(f"{name:15}{row}{score(p).mean():8.3f}")

# %% [markdown]
# The functions of calibkit agree. They take the probability of heads.

# %%
q, heads = torch.full((4,), 0.75), torch.tensor([1, 1, 1, 0])
print(f"NLL {calibkit.negative_log_likelihood(q, heads):.3f}")
print(f"Brier score {calibkit.brier_score(q, heads):.3f}")

# %% [markdown] tags=["slide"]
# A coin forecast, scored by hand
# -------------------------------
#
# - Forecast: heads with probability 0.75.
# - Outcome: heads, heads, heads, tails.
# - NLL 0.562, Brier score 0.375; lower is better.
#
# Say: Work this out on the board. With p the probability given to what happened, the NLL averages
# minus the logarithm of p, and the Brier score averages the squared distance of both probabilities
# from one and zero. The three heads are cheap, and the single tail is expensive. Would a bolder
# forecast have been better?

# %% [markdown]
# Which forecast does a score reward?
# -----------------------------------
#
# Suppose that heads really has probability 0.75, and that you may say any probability *q*. Your
# *expected score* is the mean of the scores of heads and tails, weighted by their true
# probabilities.
#
# **Before you run this:** which *q* has the lowest expected absolute error?

# %% tags=["setup"]
forecasts = torch.linspace(0.001, 0.999, 999).double()


# %% tags=["setup"]
def expected_score(score, truth):
    return truth * score(forecasts) + (1 - truth) * score(1 - forecasts)


# %%
for name, score in scores.items():
    best = forecasts[expected_score(score, truth=0.75).argmin()]
    print(f"{name:15} is lowest at q = {best:.2f}")

# %%
styles = ["-", "--", "-."]
colors = ["#56B4E9", "black", "#D55E00"]

# %%
fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for (name, score), style, color in zip(scores.items(), styles, colors):
    curve = expected_score(score, truth=0.75)
    best = curve.argmin()
    ax.plot(forecasts, curve, style, color=color, label=name)
    ax.plot(forecasts[best], curve[best], "o", color=color, clip_on=False)
ax.axvline(0.75, color="0.7", linewidth=1, zorder=0)
ax.set(xlabel="forecast q", ylabel="expected score", xlim=(0, 1), ylim=(0, 2))
ax.set_title("Two of the three scores are lowest at the truth, 0.75")
_ = ax.legend(loc="upper center")

# %% [markdown] tags=["slide"]
# Some scores reward a lie
# ------------------------
#
# - NLL and Brier score: say what you believe.
# - Absolute error: claim to be certain.
#
# Say: The coin shows heads with probability 0.75, and each curve shows what a forecast costs in
# the long run. The dots mark the cheapest forecasts. Two of them are at the truth. Before you
# reveal the third, ask which forecast has the lowest absolute error, and why it is not 0.75.

# %% [markdown]
# With the NLL and the Brier score, honesty pays. The absolute error rewards a lie: it is lowest if
# you claim that heads is certain.
#
# What makes a score proper
# -------------------------
#
# A score is *proper* if no forecast has a lower expected score than the truth, whatever the truth
# is. The score is *strictly proper* if every other forecast has a higher expected score. One coin
# cannot show this, so we vary the truth.

# %%
truths = torch.linspace(0.01, 0.99, 99).double()
fig, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
for (name, score), style, color in zip(scores.items(), styles, colors):
    best = [forecasts[expected_score(score, t).argmin()] for t in truths]
    width = 5 if name == "NLL" else 2
    ax.plot(truths, best, style, color=color, linewidth=width, label=name)
ax.set(xlabel="true probability of heads", ylabel="best forecast q")
ax.set_title("A proper score asks you to say the truth")
_ = ax.legend(loc="upper left")

# %% [markdown] tags=["slide"]
# A proper score asks for the truth, whatever it is
# -------------------------------------------------
#
# - Proper: no forecast beats the truth on average.
# - Strictly proper: every other forecast is worse.
# - NLL and Brier score are strictly proper.
#
# Say: Now the truth runs along the horizontal axis, and each curve shows the best forecast for
# each truth. A strictly proper score must follow the diagonal everywhere. The absolute error jumps
# from zero to one, which is exaggeration. What would the curve of a score look like that rewards
# hedging?

# %% [markdown]
# The best forecasts for the NLL and the Brier score follow the diagonal. Both are strictly proper,
# and Gneiting and Raftery show this for any number of classes. For the absolute error, the best
# forecast jumps from one end to the other, so this score is not proper.
#
# An ECE of zero may be worthless
# -------------------------------
#
# The ECE does not rate single forecasts. It compares averages: here, the mean forecast of a bin with
# the share of heads in the bin. Take two coins that show heads with probabilities 0.6 and 0.9. To
# keep chance out, ten tosses of each coin have exactly this share of heads. Three people forecast:
#
# - The *expert* knows both coins.
# - The *hedger* always says the share of heads over all tosses.
# - The *pessimist* knows both coins, but says 0.1 too little.
#
# **Before you run this:** rank the three forecasters by ECE.

# %%
heads = torch.tensor([1] * 6 + [0] * 4 + [1] * 9 + [0])
expert = torch.tensor([0.6] * 10 + [0.9] * 10).double()

# %%
forecasters = {
    "expert": expert,
    "hedger": torch.full_like(expert, 0.75),
    "pessimist": expert - 0.1,
}

# %%
print("n = 20, 15 bins    says      ECE    NLL  Brier score")
for name, q in forecasters.items():
    ece = calibkit.calibration_error(q, heads)
    nll = calibkit.negative_log_likelihood(q, heads)
    brier = calibkit.brier_score(q, heads)
    says = f"{q[0]:.3g} or {q[-1]:.3g}"
    print(f"{name:12}{says:>14}{ece:7.1%}{nll:7.3f}{brier:13.3f}")

# %% [markdown]
# The ECE puts the pessimist last. It cannot tell the hedger from the expert, because the claims of
# both come true on average. The NLL and the Brier score put the hedger last, because the hedger
# cannot tell the coins apart.

# %% [markdown] tags=["slide"]
# An ECE of zero may be worthless
# -------------------------------
#
# - Expert: says 0.6 and 0.9. Its ECE is zero.
# - Hedger: says 0.75 every time. Its ECE is zero.
# - Pessimist: always 0.1 below the expert. Its ECE is 10.0%.
#
# Say: There are two coins with ten tosses each. Let the room rank the three forecasters by
# usefulness first. The ECE ties the expert with the hedger, who cannot tell the coins apart, and it
# puts the pessimist last. The NLL and the Brier score put the hedger last. You can correct a
# pessimist, but what could you do with a hedger?

# %% [markdown]
# Split a score in two
# --------------------
#
# What does each forecaster pay for? Put all tosses with the same forecast into a group, and take each
# group's share of heads. A proper score is the sum of two prices (Bröcker 2009):
#
# - The *refinement* is the price of not telling the tosses of a group apart. It is the score of a
#   forecaster who says the shares.
# - The *calibration part* is the price of saying something other than the shares. For the Brier
#   score, it is the mean squared distance of the forecast probabilities from the shares.

# %%
print("n = 20     Brier = calibration + refinement")
for name, q in forecasters.items():
    share = torch.stack([heads[q == value].double().mean() for value in q])
    calibration = 2 * ((q - share) ** 2).mean()
    refinement = calibkit.brier_score(share, heads)
    brier = calibkit.brier_score(q, heads)
    print(f"{name:10} {brier:.3f} = {calibration:11.3f} + {refinement:.3f}")

# %% [markdown]
# Even the expert's refinement is not zero, because nobody can foresee a single toss. The pessimist
# can save the calibration part by saying the shares. The hedger can save nothing: all tosses are in
# one group, and the hedger already says its share. The ECE looks at the calibration part alone.
#
# Split the score of a network
# ----------------------------
#
# Hardly any two images receive the same probabilities, so we cannot count shares.
# `calibkit.score_decomposition` goes another way (Berta et al. 2025). It finds the temperature with
# the lowest NLL on the very images that we measure. This lowest NLL is the refinement, and what the
# temperature saves is the calibration part. An error that no temperature can fix counts as
# refinement.
#
# A hedger joins the three models. It predicts the same class as the network, and its confidence is
# always the accuracy on the calibration set. The other classes share the rest equally.


# %%
def hedge(logits, confidence):
    rest = torch.full_like(logits, (1 - confidence) / 99)
    return rest.scatter(1, logits.argmax(1, keepdim=True), confidence)


# %%
calib_accuracy = calibkit.accuracy(calib_logits.softmax(-1), calib_labels)
models["hedger"] = hedge(test_logits, calib_accuracy)

# %% [markdown]
# The table also holds the *noise floor*, the mean ECE that a calibrated model would show by chance.

# %%
parts = {}
print("n = 9000, 15 bins  ECE  floor  accuracy    NLL = calib. + refinement")
for name, p in models.items():
    parts[name] = calibkit.score_decomposition(p, test_labels)
    ece = calibkit.calibration_error(p, test_labels)
    floor = calibkit.noise_floor(p).mean
    accuracy = calibkit.accuracy(p, test_labels)
    print(f"{name:15}{ece:7.1%}{floor:7.1%}{accuracy:10.1%}", end="  ")
    print("{:5.3f} = {:6.3f} + {:.3f}".format(*parts[name]))

# %%
fig, ax = plt.subplots(figsize=(6.4, 3), layout="constrained")
fig.suptitle("Scaling removes the calibration part and keeps the refinement")
calibration = [part.calibration for part in parts.values()]
refinement = [part.refinement for part in parts.values()]
look = {"edgecolor": "black", "height": 0.6}
ax.barh(list(parts), refinement, color="#56B4E9", label="refinement", **look)
look.update(left=refinement, color="#D55E00", hatch="///")
ax.barh(list(parts), calibration, label="calibration part", **look)
ax.set(xlabel="NLL, n = 9000", xlim=(0, 5))
ax.invert_yaxis()
_ = ax.legend(loc="upper right")

# %% [markdown] tags=["slide"]
# NLL = calibration part + refinement
# -----------------------------------
#
# - Calibration part: the price of claims that do not come true.
# - Refinement: the price of not telling images apart.
# - The ECE looks at the calibration part alone.
#
# Say: The hatched part is what a temperature can save. Scaling removes it and leaves the rest of
# the bar as it was. The guesser and the hedger have nothing to save. Their claims come true, but
# the guesser does not tell images apart at all. The hedger gives every image the same confidence, and
# it does not say which other classes are likely.

# %% [markdown]
# Scaling removes nearly all of the calibration part and keeps the refinement. The hedger has the
# accuracy of the network and, on this split, an even lower ECE than the scaled network. But its NLL is
# far higher, and all of it is refinement. Its confidence is the same for easy and hard images, and it
# does not say which other classes are likely.
#
# Fit a temperature to the ECE
# ----------------------------
#
# Can we minimise the ECE all the same? The ECE jumps whenever an image moves to another bin. Its
# slope is no guide, so we try a grid of temperatures.

# %%
temperatures = torch.linspace(1, 2.2, 121).double()


def over_grid(measure, logits, labels, **options):
    scaled = [(logits / t).softmax(-1) for t in temperatures]
    return torch.tensor([measure(p, labels, **options) for p in scaled])


# %%
nll = over_grid(calibkit.negative_log_likelihood, calib_logits, calib_labels)

# %%
ece = {}
for n in (5, 15, 30):
    ece[n] = over_grid(
        calibkit.calibration_error, calib_logits, calib_labels, n_bins=n
    )
    best = temperatures[ece[n].argmin()]
    print(f"The ECE with {n} bins is lowest at T = {best:.2f}.")

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
fig.suptitle("On 1000 images, the NLL has one valley, but the ECE has many")
axes[0].plot(temperatures, nll, color="black")
axes[0].plot(temperatures[nll.argmin()], nll.min(), "o", color="black")
axes[0].set(xlabel="temperature T", ylabel="NLL, calibration set")
for (n, values), style, color in zip(ece.items(), styles, colors):
    y, x = 100 * values, temperatures
    axes[1].plot(x, y, style, color=color, label=f"{n} bins")
    axes[1].plot(x[y.argmin()], y.min(), "o", color=color)
axes[1].set(xlabel="temperature T", ylabel="ECE in %, calibration set")
axes[1].set(ylim=(0, None))
_ = axes[1].legend(loc="upper center")

# %% [markdown] tags=["slide"]
# The ECE is hard to minimise
# ---------------------------
#
# - The NLL never has more than one valley.
# - The ECE jumps, and it has many valleys.
# - The best temperature depends on the number of bins.
#
# Say: Both panels show the same 1000 images. In the inverse of the temperature, the NLL is convex,
# so it has no second valley. The ECE jumps whenever an image moves to another bin. Its lowest point
# depends on the number of bins, a choice that has nothing to do with the model.

# %% [markdown]
# The NLL has one valley. The ECE has many, and the number of bins decides which one is the
# lowest. We draw twenty calibration sets, fit *T* to each in both ways, and measure on the other
# images.

# %%
splits = []
for seed in range(20):
    fit, rest = calibkit.split_calibration(
        labels, 1000, seed=seed, stratify=labels
    )
    splits.append(
        [(logits[i], labels[i]) for i in (fit.indices, rest.indices)]
    )

# %%
found = {"NLL": [], "ECE": []}
for (x, y), _ in splits:
    by_nll = calibkit.TemperatureScaler().fit_logits(x, y)
    by_ece = over_grid(calibkit.calibration_error, x, y).argmin()
    found["NLL"].append(by_nll.temperature)
    found["ECE"].append(temperatures[by_ece].item())

# %%
results = {}
print("fit to  T, and its standard deviation  mean NLL  median ECE")
for name, values in found.items():
    rows = []
    for t, (_, (x, y)) in zip(values, splits):
        p = (x / t).softmax(-1)
        nll = calibkit.negative_log_likelihood(p, y)
        rows.append((t, nll, calibkit.calibration_error(p, y)))
    t, nll, ece = results[name] = torch.tensor(rows).T
    print(f"{name}     {t.min():.2f} to {t.max():.2f}, {t.std():.2f}", end="")
    print(f"{nll.mean():26.3f}{ece.quantile(0.5):12.1%}")

# %%
lower = results["ECE"][2] < results["NLL"][2]
print(f"the fit to the ECE has the lower test ECE in {lower.sum()} of 20")

# %% [markdown]
# The temperature fitted to the ECE varies more from set to set. Nothing is gained: the ECE on
# the other images is lower in about half of the splits. Little is lost either: the mean NLL
# hardly changes. One number for all images cannot hide which of them the network finds easy. (All
# splits share their images, so they are not independent.)
#
# Let the fit forget
# ------------------
#
# What if a fit has more freedom? On the calibration set, we blend the probabilities of the scaled
# network and the hedger. At weight 1 the network is alone, and at weight 0 the hedger.
#
# **Before you run this:** at which weight is the NLL lowest, and at which is the ECE lowest?

# %%
weights = torch.linspace(0, 1, 21).double()


def blend_curves(x, y, temperature):
    network = (x / temperature).softmax(-1)
    hedger = hedge(x, calibkit.accuracy(network, y))
    blends = [w * network + (1 - w) * hedger for w in weights]
    nll = [calibkit.negative_log_likelihood(p, y) for p in blends]
    ece = [calibkit.calibration_error(p, y) for p in blends]
    return torch.tensor([nll, ece])


# %%
nll, ece = blend_curves(calib_logits, calib_labels, scaler.temperature)
fig, axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")
fig.suptitle("The NLL keeps the network, and the ECE forgets it")
for ax, values, name in zip(axes, (nll, 100 * ece), ("NLL", "ECE in %")):
    ax.plot(weights, values, color="#0072B2")
    best = values.argmin()
    ax.plot(weights[best], values[best], "o", color="black", clip_on=False)
    ax.set(xlabel="weight of the network", ylim=(0, None))
    ax.set(ylabel=f"{name}, calibration set")

# %% [markdown] tags=["slide"]
# A fit to the ECE may forget what the network knows
# --------------------------------------------------
#
# - Weight 1: the scaled network. Weight 0: the hedger.
# - The NLL is lowest at 1, the ECE at 0.
# - The same happens in all twenty splits.
#
# Say: Here the fit may blend the network with the hedger. Ask for predictions before you show the
# curves. The ECE is exactly zero at weight 0, because the hedger's confidence is the accuracy on
# these very images. A method with enough freedom, told to minimise the ECE, would throw the network
# away.

# %%
pairs = zip(found["NLL"], splits)
curves = [blend_curves(x, y, t) for t, ((x, y), _) in pairs]
best = weights[torch.stack(curves).argmin(-1)]
print(f"NLL lowest at weight 1 in {(best[:, 0] == 1).sum()} of 20 splits")
print(f"ECE lowest at weight 0 in {(best[:, 1] == 0).sum()} of 20 splits")

# %% [markdown]
# In all twenty splits, the two lowest points are at opposite ends. The hedger's ECE must be zero,
# because its confidence is the accuracy on these very images. A method that chose the weight by the
# ECE would throw away what the network knows about single images. So minimise the NLL, and report
# the ECE beside it.

# %% [markdown]
# What we have seen
# -----------------
#
# - Under a proper score, no forecast has a lower expected score than the truth. The NLL and the Brier
#   score are strictly proper. The absolute error rewards exaggeration.
# - A proper score is the sum of a calibration part and refinement. The ECE looks at the
#   calibration part alone, so a model with an ECE of zero may be worthless.
# - A fit to the ECE makes the temperature less certain. With more freedom, such a fit can forget
#   what the network knows.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Fit a proper score: it rewards neither lying nor hedging.
# - Report the ECE beside accuracy and NLL.
# - An ECE near zero says nothing about refinement.
#
# Say: Go back to the guesses on the board. There is no contradiction between reporting one number
# and fitting another. The ECE says how far the claims are from what happens on average. The NLL
# also asks how much a model can tell apart, so a fit gains nothing by hedging.

# %% [markdown]
# Exercises
# ---------

# %% [markdown]
# 1. A guesser gives each of ten classes the same probability. What is its NLL?

# %% tags=["answer"]
guesser_nll = None

# %% tags=["solution"]
guesser_nll = -torch.tensor(1 / 10).log()

# %% tags=["wrong"]
wrong = [0.1, 0.9, 1.0, -2.303, 4.605, 0.105]

# %% tags=["check"]
if guesser_nll is not None:
    nll = float(guesser_nll)
    assert nll > 0, "the NLL is minus a logarithm: it is never negative"
    assert abs(nll - 1) > 0.11, "use the natural logarithm of a probability"
    assert nll > 1.5, "which probability does the true class receive?"
    assert nll < 4, "there are ten classes here, not a hundred"
    assert abs(nll - 2.3026) < 0.02, "natural logarithm, two decimals?"
    print(f"An NLL of {nll:.2f} is what you get for knowing nothing here.")

# %% [markdown] tags=["solution"]
# The true class always receives the probability 1/10, so every image costs the same. This is a good
# yardstick: a model with a higher NLL is worse than one that knows only the number of classes. With
# 100 classes the yardstick is twice as high, because 100 is ten times ten. A frequent mistake is the
# logarithm to the base 10.

# %% [markdown]
# 2. Object detectors are often trained with the *focal loss*, the mean of $-(1 - p)^2 \log p$. Which
#    forecast *q* has the lowest expected focal loss if the truth is 0.75?

# %% tags=["answer"]
best_by_focal_loss = None


# %% tags=["solution"]
def focal_loss(p):
    return -((1 - p) ** 2) * p.log()


best = expected_score(focal_loss, truth=0.75).argmin()
best_by_focal_loss = forecasts[best].item()

# %% tags=["wrong"]
wrong = [0.75, 0.5, 0.999, 0.25, 0.65, 0.55, 0.399]

# %% tags=["check"]
if best_by_focal_loss is not None:
    q = float(best_by_focal_loss)
    assert q < 0.95, "certainty is what the absolute error rewards"
    assert abs(q - 0.75) > 0.05, "is the truth really the lowest point?"
    assert q >= 0.5, "heads is the likelier side: check the two weights"
    assert abs(q - 0.601) < 0.008, "look for the lowest point of the curve"
    print(f"The focal loss rewards hedging: you should say {q:.2f}.")

# %% [markdown] tags=["solution"]
# The focal loss (Lin et al. 2017) is lowest at 0.60, so it rewards hedging and is not strictly
# proper (Charoenphakdee et al. 2021). It gives little weight to an outcome that was already
# thought likely, so it hardly pays to be more confident. A network that has minimised it is
# underconfident. A network that has learned its training images by heart tends to be
# overconfident, and then the two errors can partly cancel. A frequent mistake is to expect the
# truth here because the formula contains the logarithm.

# %% [markdown]
# 3. Damage the test logits in two ways. First multiply them by 3. Then start again, and add normal
#    noise with a standard deviation of 2. Enter the refinement of the NLL after each, as a pair.

# %% tags=["answer"]
refinements = None

# %% tags=["solution"]
generator = torch.Generator().manual_seed(0)
noise = 2 * torch.randn(test_logits.shape, generator=generator)
refinements = []
for damaged in (3 * test_logits, test_logits + noise):
    parts = calibkit.score_decomposition(damaged.softmax(-1), test_labels)
    print("{:.2f} = {:.2f} + {:.2f}".format(*parts))
    refinements.append(parts.refinement)

# %% tags=["wrong"]
wrong = [
    (1.80, 1.40),
    (3.67, 2.28),
    (2.27, 0.48),
    (1.40, 1.40),
    (0.54, 0.67),
]

# %% tags=["check"]
if refinements is not None:
    sharp, noisy = (float(value) for value in refinements)
    assert max(sharp, noisy) < 2, "refinement is one part of the score"
    assert min(sharp, noisy) > 1, "the NLL, not the Brier score?"
    assert sharp <= noisy, "first the factor, then the noise"
    hint = "multiply the logits of the test set, and nothing else"
    assert abs(sharp - 1.396) < 0.02, hint
    assert 1.7 < noisy < 1.9, "add the noise to the logits of the test set"
    print("The refinement survives the factor, but not the noise.")

# %% [markdown] tags=["solution"]
# Multiplying by 3 makes the NLL far worse, and yet the refinement stays at 1.40: a temperature
# three times as large undoes the factor. The noise raises the refinement to 1.80, because it hides
# what the network knew, and no temperature brings that back. The noise also makes the network
# overconfident, so the calibration part grows as well. A frequent mistake is to enter the first
# number, which is the whole score.

# %% [markdown]
# 4. Open question: how would you win a competition that ranks models by ECE alone, and which rule
#    would be better?

# %% [markdown] tags=["solution"]
# You would win with a hedger: predict any class, and claim the accuracy that this prediction has
# on labelled data. On a large test set its ECE is close to zero. A better rule ranks by a strictly
# proper score such as the NLL, and publishes accuracy and ECE beside it, with their intervals. It
# does not help to require a minimum accuracy, because a hedger may borrow the predictions of a
# good network. The NLL has a price too: a single true class with a probability of zero makes it
# infinite. This is a reason to prefer the Brier score, which is bounded.

# %% [markdown]
# References
# ----------
#
# - Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
#   Preprint. https://arxiv.org/abs/2501.19195
# - Brier (1950). Verification of Forecasts Expressed in Terms of Probability. Monthly Weather
#   Review 78. https://doi.org/10.1175/1520-0493(1950)078%3C0001:VOFEIT%3E2.0.CO;2
# - Bröcker (2009). Reliability, Sufficiency, and the Decomposition of Proper Scores. Quarterly
#   Journal of the Royal Meteorological Society 135. https://doi.org/10.1002/qj.456
# - Charoenphakdee, Vongkulbhisal, Chairatanakul and Sugiyama (2021). On Focal Loss for
#   Class-Posterior Probability Estimation: A Theoretical Perspective. CVPR.
#   https://arxiv.org/abs/2011.09172
# - Gneiting and Raftery (2007). Strictly Proper Scoring Rules, Prediction, and Estimation. Journal
#   of the American Statistical Association 102. https://doi.org/10.1198/016214506000001437
# - Lin, Goyal, Girshick, He and Dollár (2017). Focal Loss for Dense Object Detection. ICCV.
#   https://arxiv.org/abs/1708.02002
