# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Can training avoid overconfidence?
==================================

The *confidence* of a network is the largest of its probabilities. The network is *overconfident* if
its mean confidence is higher than its *accuracy*, the share of right answers. If it is lower, the
network is *underconfident*. So far we have corrected overconfidence after training. Could we train
differently instead?

What you will do
----------------

You compare networks that were trained in seven ways, with and without a temperature.

What you will learn
-------------------

- why training makes a network overconfident, and what label smoothing does about it
- why you should compare networks after temperature scaling
- why an average of networks needs a temperature of its own

What you need
-------------

Lessons 10 and 20, and half a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Can training avoid overconfidence?
# ----------------------------------
#
# - So far we corrected the probabilities after training
# - Many training methods promise better confidence
# - Do we still need a temperature?
#
# Say: Ask who trains with label smoothing, weight decay or mixup, and who has heard that this makes
# a network better calibrated. Then ask who has checked it with more than one seed. Keep the answers
# on the board. Today we compare seven ways of training, each with the same three seeds, and we look
# at what is left after a temperature.

# %% [markdown]
# The answer in one picture
# -------------------------
#
# A *seed* fixes the initial weights of a network and the order of its training images. Networks
# with the same seed are *twins*: only their methods of training differ. Training compares the
# network's probabilities with a *target*, which normally gives probability one to the true class
# and zero to all others. We compare five methods on the images of lesson 10, with the same three
# seeds:
#
# - *plain*: training does nothing against overconfidence.
# - *label smoothing*: the target spreads a tenth of the probability over all classes.
# - *weight decay*: training pulls all weights towards zero.
# - *more data*: training uses three times as many images, in the same number of steps.
# - *mixup*: training shows mixtures of two images, with mixed targets.
#
# Two rules of early stopping follow later. We did not tune the methods, so this is not a contest.

# %% tags=["setup"]
import itertools

import torch
from matplotlib import pyplot as plt

import calibkit

calib, test, history = calibkit.training_twins()
calib_truth, truth = calib["labels"], test["labels"]
methods, seeds = list(test["logits"]), range(3)

# %% [markdown]
# Every network gets its own *temperature*, a number that divides its *logits*, the outputs before
# the softmax. We fit it on 2000 calibration images and measure on 2000 test images, which all
# networks share.
#
# The *negative log-likelihood* (NLL) is the mean of minus the logarithm of the probability of the
# true class. The *scaled NLL* is the NLL after the temperature. The *expected calibration error*
# (ECE) is the weighted mean distance between confidence and accuracy, in bins of the confidence. As
# in lesson 20, the *gap* is accuracy minus mean confidence.


# %% tags=["setup"]
def scale(calib_logits, test_logits):
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(calib_logits, calib_truth)
    return scaler(test_logits), scaler.temperature


def measure(logits):
    p = logits.softmax(1)
    accuracy = calibkit.accuracy(p, truth)
    return {
        "accuracy": accuracy,
        "gap": accuracy - p.amax(1).double().mean().item(),
        "ECE": calibkit.calibration_error(p, truth),
        "NLL": calibkit.negative_log_likelihood(p, truth),
        "area": calibkit.area_under_risk_coverage_curve(p, truth),
    }


# %% tags=["setup"]
before, after, temperature, scaled = {}, {}, {}, {}
for method in methods:
    before[method] = [measure(z) for z in test["logits"][method]]
    pairs = zip(calib["logits"][method], test["logits"][method])
    scaled[method], temperature[method] = zip(*[scale(*p) for p in pairs])
    after[method] = [measure(z) for z in scaled[method]]

# %%
trained = methods[:5]
fig, axes = plt.subplots(
    1, 2, figsize=(8.4, 4), sharey=True, layout="constrained"
)
fig.suptitle("A temperature lowers every NLL, however the network was trained")
for ax, name in zip(axes, ("gap", "NLL")):
    for row, method in enumerate(trained):
        for values, place, look in (
            (before, row - 0.15, {"color": "#D55E00", "marker": "o"}),
            (after, row + 0.15, {"color": "#0072B2", "marker": "s"}),
        ):
            x = [values[method][seed][name] for seed in seeds]
            ax.plot(x, [place] * len(x), linestyle="", mfc="none", **look)
axes[0].axvline(0, color="0.4", linestyle=":")
axes[0].set_yticks(range(5), [m.replace("_", "\n") for m in trained])
axes[0].set(xlabel="accuracy − mean confidence", ylim=(4.5, -0.5))
axes[1].set(xlabel="NLL (lower is better)", xlim=(0, None))
fig.legend(
    axes[0].lines[:2],
    ["before scaling", "after one temperature"],
    loc="outside lower center",
    ncols=2,
)
plt.show()
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# Every seed is a point
# ---------------------
#
# - Left: plain training claims too much, the others too little
# - One temperature brings all of them near zero
# - Right: even after scaling, the NLL differs from seed to seed
#
# Say: Start with the left panel. Circles are the networks as they were trained. Ask the room which
# side is overconfident. Then look at the squares: after a temperature, all methods are close to
# zero. Now the right panel. Which method would you choose, and would you choose the same one if you
# had seen one seed only?

# %% [markdown]
# Each point is one network. Only the plain networks are overconfident, with gaps below zero. The
# other four methods gave underconfident networks. A temperature brings every gap close to zero.

# %% [markdown]
# What a target asks for, by hand
# -------------------------------
#
# Suppose that the first of four classes is the true one, and a network already gives it the largest
# logit. We multiply the logits by ever larger numbers.

# %%
for factor in (1, 2, 4, 6):
    p = (factor * torch.tensor([2.0, 1.0, 0.0, 0.0])).softmax(0)
    print(f"times {factor:2}: p = {p[0]:.3f}, NLL = {-p[0].log():.3f}")

# %% [markdown]
# The NLL keeps falling. Once a network gets its training images right, it can lower its NLL with
# larger logits. It becomes certain, but makes mistakes on new images. Label smoothing changes
# the target. The true class keeps nine tenths, and all four classes share the last tenth equally.
# So the true class gets a quarter of it back. The *loss* is now the mean of the NLLs of all four
# classes, weighted by the target. We give the other three equal probabilities.
#
# **Before you run this:** which probability of the true class has the lowest loss?

# %%
p = torch.linspace(0.5, 0.999, 500).double()
target = torch.tensor([0.925, 0.025, 0.025, 0.025])
losses = {
    "plain target": -p.log(),
    "smoothed target": -0.925 * p.log() - 0.075 * ((1 - p) / 3).log(),
}
fig, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
ax.set_title("A smoothed target asks for some doubt")
for (name, loss), style in zip(losses.items(), ("-", "--")):
    best = loss.argmin()
    print(f"{name}: the lowest loss is at p = {p[best]:.3f}")
    ax.plot(p, loss, style, color="#0072B2", label=name)
    ax.plot(p[best], loss[best], "o", color="#D55E00", clip_on=False)
ax.set(xlabel="probability of the true class", ylabel="loss")
ax.legend(loc="lower left")
plt.show()

# %% [markdown] tags=["slide"]
# A smoothed target asks for doubt
# --------------------------------
#
# - Plain target: larger logits always pay
# - Smoothed target: too much certainty costs
# - The network is taught to claim too little
#
# Say: Let the room guess the lowest point of the dashed curve before you show it. It is the target
# itself: this loss is lowest where the probabilities equal the target. So on an image that is
# certain, the network should not say that it is certain. Ask what this means for images that are
# easy: their confidence is wrong on purpose.

# %% [markdown]
# For the plain target, the lowest loss is at the end of our grid. For the smoothed target, it is at
# the target itself, 0.925. So the network learns some doubt even about clear images. This is not
# calibration: the target asks for the same doubt whether it is justified or not.

# %% [markdown]
# Compare all methods
# -------------------
#
# For every method we print the mean over three seeds ± the *standard deviation*, which
# says how much seeds differ. The *noise floor* is the mean ECE that the scaled networks would show
# by chance if they were calibrated.


# %%
def cell(values):
    values = torch.tensor(values, dtype=torch.double)
    return f"{values.mean():.3f} ± {values.std():.3f}"


def row(values, names):
    cells = [cell([values[i][n] for i in seeds]) for n in names]
    return "".join(f"{text:15}" for text in cells)


print(f"{'':17}accuracy       NLL            NLL scaled")
for method in methods:
    cells = row(before[method], ["accuracy", "NLL"])
    print((f"{method:17}{cells}" + row(after[method], ["NLL"])).rstrip())

# %%
print(f"{'':17}ECE            ECE scaled     floor  temperatures")
for method in methods:
    cells = row(before[method], ["ECE"]) + row(after[method], ["ECE"])
    p = [scaled[method][i].softmax(1) for i in seeds]
    floor = sum(calibkit.noise_floor(x).mean for x in p) / len(p)
    t = [temperature[method][i] for i in seeds]
    print(f"{method:17}{cells}{floor:.3f}  {min(t):.2f} to {max(t):.2f}")

# %% [markdown]
# With every seed, the temperature is above one after plain training and below one after smoothing,
# weight decay, more data and mixup. Before scaling, the smoothed networks have a larger ECE than
# the plain ones. Their mean confidence is about a half (accuracy minus gap), although their target
# asks for nine tenths. After scaling, every mean ECE is small, although most lie above their floor.
# So training can avoid overconfidence, but here it brought the opposite error.

# %% [markdown] tags=["slide"]
# Underconfidence needs a temperature, too
# ----------------------------------------
#
# - Plain: the temperature is above one
# - Smoothing, decay, mixup, more data: below one
# - After scaling, every ECE is small
#
# Say: Show the table and ask for the surprise. You may expect that label smoothing makes a
# temperature superfluous. Here its networks have a larger calibration error than the plain ones, in
# the other direction. Nobody tuned the amount of smoothing. But how would you tune it, and why
# should you, if one number does the job afterwards?

# %% [markdown]
# Refine first, then calibrate
# ----------------------------
#
# A temperature is cheap, so we should compare what it cannot correct (Berta et al. 2025).
# `calibkit.score_decomposition` splits the NLL into a *calibration part*, which the best
# temperature removes, and the *refinement*, which no temperature can change.
#
# Two networks with the same seed make a *pair*. For each pair we choose the network with the lower
# ECE, NLL or refinement on the calibration images. How often does it also have the lower scaled NLL
# on the test images?

# %%
pairs = list(itertools.combinations(trained, 2))
print("right choices among 10 pairs:    ECE    NLL    refinement")
for seed in seeds:
    scores, wanted = {}, {m: after[m][seed]["NLL"] for m in trained}
    for method in trained:
        p = calib["logits"][method][seed].softmax(1)
        nll, _, refinement = calibkit.score_decomposition(p, calib_truth)
        ece = calibkit.calibration_error(p, calib_truth)
        scores[method] = (ece, nll, refinement)
    right = [
        sum(
            (scores[a][i] < scores[b][i]) == (wanted[a] < wanted[b])
            for a, b in pairs
        )
        for i in range(3)
    ]
    print(f"seed {seed}" + "{:29}{:7}{:10}".format(*right))

# %% [markdown]
# The refinement chooses right in every pair, and the NLL errs at most once per seed. The ECE errs
# in two or more pairs of every seed. (Pairs share networks, so the choices are not independent.)
#
# The ECE ignores the refinement. The scaled NLL nearly equals it, so the refinement had to do well.
#
# We compare each method with its plain twin.

# %%
base = [v["NLL"] for v in after["plain"]]
print("scaled NLL minus that of the plain twin, seeds 0, 1, 2")
for method in methods[1:]:
    change = [v["NLL"] - b for v, b in zip(after[method], base)]
    signs = "".join(f"{c:+9.3f}" for c in change)
    print(f"{method:17}{signs}   mean {cell(change)}")

# %%
shares = [f"{v['accuracy']:.3f}" for v in after["more_data"]]
print("accuracy of more_data:", *shares)

# %% [markdown]
# Only *more data* lowers the scaled NLL with all three seeds. Three random signs agree one time in
# four. Its seed 0 stayed far less accurate, so the size of the gain is uncertain. For label
# smoothing, weight decay and mixup, the signs differ, so we claim nothing. With the first seed
# alone, we would have praised all three. A bootstrap interval for one pair would say nothing about
# other seeds.

# %% [markdown] tags=["slide"]
# Refine first, then calibrate
# ----------------------------
#
# - The ECE rewards what a temperature gives for free
# - Compare networks by the NLL after scaling
# - The first seed alone would have praised four methods
#
# Say: Read the first column of the last table: the first four methods look like a success. Then
# uncover the other two seeds. The same can happen in any paper with one seed. Ask the room how they
# would plan a comparison with a limited budget. More seeds, and the same test images and seeds for
# all methods, so that the differences are paired.

# %% [markdown]
# Stop early
# ----------
#
# After each *epoch*, a pass through the images, *early stopping* measures the NLL on 1000
# validation images. It keeps the network with the lowest NLL. The refined rule uses the NLL after
# scaling.

# %%
fig, axes = plt.subplots(
    1, 3, figsize=(8.4, 3.2), sharey=True, layout="constrained"
)
fig.suptitle("Both rules choose the same epoch, and they gain nothing here")
for seed, ax in enumerate(axes):
    for name, style, marker, color in (
        ("nll", "-", "o", "#D55E00"),
        ("scaled_nll", "--", "s", "#0072B2"),
    ):
        losses = history[name][seed]
        best = losses.argmin().item()
        ax.plot(range(1, 31), losses, style, color=color)
        ax.plot(best + 1, losses[best], marker, color=color, mfc="none")
        print(f"seed {seed}, {name:10}: epoch {best + 1}")
    ax.set(title=f"seed {seed}", xlim=(15, 31), ylim=(0.5, 2))
    ax.set_xlabel("epoch (marks: chosen)")
axes[0].set(ylabel="validation NLL")
axes[2].legend(axes[2].lines[::2], ["NLL", "after scaling"])
plt.show()

# %% [markdown]
# Both rules choose the same epoch, so they keep the same networks. These hardly differ from their
# plain twins. Their temperatures are above one: they are overconfident, too.

# %% [markdown]
# A temperature below one is not what it seems
# --------------------------------------------
#
# A temperature below one makes probabilities more extreme, so it seems to undo the smoothing. Does
# it? The *coverage* is the share of images that a network answers, the most confident ones first.
# The *risk* is the share of errors among them. The *risk-coverage curve* shows the risk for every
# coverage, and the area below it is small if there are few errors, or if confidence ranks the
# answers well.
#
# **Before you run this:** a temperature changes no answer. Can it change the risk-coverage curve?

# %%
print("                        images above 0.95   area under the curve")
print("                        before   after      before   after")
for method in trained:
    for seed in seeds:
        z, s = test["logits"][method][seed], scaled[method][seed]
        sure = [(x.softmax(1).amax(1) > 0.95).double().mean() for x in (z, s)]
        area = [v[method][seed]["area"] for v in (before, after)]
        print(f"{method:16} {seed}  ", end="   ")
        print(f"{sure[0]:6.1%}  {sure[1]:6.1%}", end="      ")
        print(f"{area[0]:.4f}   {area[1]:.4f}")

# %%
fig, axes = plt.subplots(
    1, 3, figsize=(8.4, 3.4), sharey=True, layout="constrained"
)
fig.suptitle("Smoothed or plain: the seeds do not agree on the lower curve")
coverage = torch.arange(1, 2001) / 2000
for seed, ax in enumerate(axes):
    smoothed = test["logits"]["label_smoothing"][seed]
    for label, z, style, color in (
        ("plain, scaled", scaled["plain"][seed], "-", "#D55E00"),
        ("smoothed", smoothed, ":", "black"),
        ("smoothed, scaled", scaled["label_smoothing"][seed], "--", "#0072B2"),
    ):
        confidence, answer = z.softmax(1).max(1)
        wrong = (answer != truth)[confidence.argsort(descending=True)]
        risk = wrong.cumsum(0) / torch.arange(1, 2001)
        ax.plot(coverage[50:], risk[50:], style, color=color, label=label)
    ax.set(title=f"seed {seed}", xlabel="coverage", ylim=(0, 0.3))
axes[0].set(ylabel="risk")
axes[0].legend(loc="upper left")
plt.show()

# %% [markdown] tags=["slide"]
# A temperature below one is not what it seems
# --------------------------------------------
#
# - Smoothing leaves few images above 0.95
# - The temperature moves many above it, and reorders images
# - Smoothed or plain: the seeds disagree
#
# Say: A temperature keeps the order of the classes of one image, but not the order of two images.
# Ask for an example: an image with one strong rival against an image with many weak rivals. If both
# images have the same confidence, a temperature below one raises that of the second more. For the
# smoothed networks this lowers the area with every seed. Against the plain twins, the seeds do not
# agree, so we claim nothing.

# %% [markdown]
# Smoothing leaves few images above a confidence of 0.95, and the temperature moves many above. The
# answers stay those of the smoothed network, so the smoothing is not undone. But the order of the
# images by confidence changes. Take two images of equal confidence, one with a single strong rival
# class, one with many weak rivals. A temperature below one raises the confidence of the second
# more, because weak rivals lose most. For label smoothing, weight decay and mixup, scaling lowers
# the area with all three seeds, but not by much.
#
# Others found that smoothing spoils the ranking, even after scaling (Xia et al. 2025). Here the
# seeds disagree about the area, which also depends on the accuracy.

# %% [markdown]
# Average the networks
# --------------------
#
# An *ensemble* answers with the mean of its *members'* probabilities. Our members are the three
# plain networks and two with other seeds. All five are overconfident.
#
# **Before you run this:** is their ensemble overconfident, too?


# %% tags=["setup"]
def average(logits):
    return logits.softmax(-1).double().mean(0).log()


z_calib, z_test = calib["logits"]["plain"], test["logits"]["plain"]
t = torch.tensor(temperature["plain"]).reshape(5, 1, 1)
members = {
    "raw": (z_calib, z_test),
    "scaled": (z_calib / t, z_test / t),
}

# %% tags=["setup"]
groups = [
    list(g) for n in range(1, 6) for g in itertools.combinations(range(5), n)
]
ensembles = {kind: {} for kind in members}
for kind, (z_c, z_t) in members.items():
    for group in groups:
        mean = average(z_t[group])
        own = scale(average(z_c[group]), mean)
        ensembles[kind][tuple(group)] = measure(mean), measure(own[0]), own[1]

# %%
fig, ax = plt.subplots(figsize=(6.8, 4), layout="constrained")
ax.set_title("Averages of two or more networks are underconfident")
for kind, shift, marker, color in (
    ("raw", -0.1, "o", "#D55E00"),
    ("scaled", 0.1, "s", "#0072B2"),
):
    n = [len(g) + shift for g in ensembles[kind]]
    gaps = [m[0]["gap"] for m in ensembles[kind].values()]
    label = f"average of {kind} members"
    ax.plot(n, gaps, marker, color=color, mfc="none", label=label)
ax.axhline(0, color="0.4", linestyle=":")
ax.set(xlabel="number of members", ylabel="accuracy − mean confidence")
ax.legend(loc="lower right")
plt.show()

# %% [markdown] tags=["slide"]
# An average of overconfident networks
# ------------------------------------
#
# - Members disagree, so the average is less confident
# - The votes of many lower the errors
# - Two members are enough for underconfidence here
#
# Say: Take a vote before you show the figure. You may expect that an average of overconfident
# networks is overconfident. When two members choose different classes, the confidence of the
# average is lower than the mean of their two confidences, and yet the ensemble makes fewer errors.
# Both move the gap up. Members that were calibrated first end up further above zero. Ask what to
# do: fit a temperature last.

# %% [markdown]
# Raw members lie below zero and scaled ones near it, but every ensemble lies above. Why?

# %%
raw = ensembles["raw"]
for n in range(1, 6):
    found = [m[0] for g, m in raw.items() if len(g) == n]
    accuracy = sum(v["accuracy"] for v in found) / len(found)
    gap = sum(v["gap"] for v in found) / len(found)
    print(f"{n} raw members: accuracy {accuracy:.3f}", end=", ")
    print(f"confidence {accuracy - gap:.3f}")

# %% [markdown]
# The confidence falls, because the members favour different classes. Yet the accuracy rises. The
# overconfidence of raw members cancels part of this gap, so the averages of scaled members lie even
# higher. The average needs its own temperature, fitted last.

# %%
print("NLL                      as averaged     with its own temperature")
for kind, found in ensembles.items():
    raw, own, t_own = found[0, 1, 2, 3, 4]
    print(f"five {kind:6} members {raw['NLL']:14.3f}", end=" ")
    print(f"{own['NLL']:14.3f}, T = {t_own:.2f}, ECE {own['ECE']:.3f}")

# %%
many = [g for g in ensembles["raw"] if len(g) > 1]
for i, name in ((0, "as averaged"), (1, "with own temperature")):
    nll = [[ensembles[k][g][i]["NLL"] for k in members] for g in many]
    better = sum(r < s for r, s in nll)
    print(f"{name}: raw members win in {better} of {len(many)} groups")
single = [v["NLL"] for v in after["plain"]]
found = {g: m[1]["NLL"] for g, m in ensembles["raw"].items()}
better = sum(found[g] < min(single[i] for i in g) for g in many)
print(f"both scaled: groups beat their best member in {better} of {len(many)}")

# %% [markdown]
# Before the last temperature, raw members make the better average in every group, and after it,
# scaled members do. (The groups share five networks.) After scaling, every group of raw members has
# a lower NLL than its best member, so averaging improves the refinement.

# %% [markdown]
# What we have seen
# -----------------
#
# - Training can avoid overconfidence, but here each method that did so made the network
#   underconfident.
# - A temperature corrects most of either error. What it cannot change is the refinement.
# - Compare methods by the scaled NLL, with the same seeds, and claim nothing if the signs
#   differ.
# - A temperature can change the ranking of the images, though not the answers.
# - An ensemble of overconfident networks can be underconfident. Fit its temperature last.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - Training can avoid overconfidence, and easily overshoots
# - Refine first, then calibrate, and calibrate last
# - Look at several seeds before you believe a method
#
# Say: Return to the answers on the board. Which of them survived? Ask for one sentence from each
# group: what would you do tomorrow in your own training? A good answer is: choose the training that
# gives the lowest NLL after scaling, over several seeds, perhaps average some networks, and then
# fit one temperature to the result.

# %% [markdown]
# Exercises
# ---------
#
# 1. There are ten classes, and label smoothing spreads a fifth of the target over all of them.
#    Which probability of the true class does the target ask for?

# %% tags=["answer"]
asked = None

# %% tags=["solution"]
asked = 0.8 + 0.2 / 10

# %% tags=["wrong"]
wrong = [0.8, 0.925, 0.98, 0.9, 0.2]

# %% tags=["check"]
if asked is not None:
    hint = "the true class keeps its share and also gets a part of the rest"
    assert abs(asked - (1 - 0.2 * 9 / 10)) < 1e-6, hint
    print(f"the smoothed target of the true class is {asked:.2f}")

# %% [markdown] tags=["solution"]
# Four fifths stay with the true class, and a tenth of the last fifth comes back to it. If you
# answered four fifths, you spread the fifth over the other nine classes only. Some programs do
# that, so look at the documentation of yours.

# %% [markdown]
# 2. With `calibkit.paired_difference`, compare the scaled NLL of each smoothed network with that of
#    its plain twin: give it the metric, the probabilities of both networks and the labels. Enter
#    the intervals as a list.

# %% tags=["answer"]
intervals = None

# %% tags=["solution"]
intervals = [
    calibkit.paired_difference(
        calibkit.negative_log_likelihood,
        *(plain.softmax(1), smoothed.softmax(1), truth),
    )
    for plain, smoothed in zip(scaled["plain"], scaled["label_smoothing"])
]
for seed, interval in enumerate(intervals):
    print(f"seed {seed}: {interval.value:+.3f}", end=" ")
    print(f"({interval.low:+.3f} to {interval.high:+.3f})")

# %% tags=["wrong"]
wrong = [
    intervals[:1],
    [
        calibkit.paired_difference(
            calibkit.negative_log_likelihood,
            *(s.softmax(1), p.softmax(1), truth),
        )
        for p, s in zip(scaled["plain"], scaled["label_smoothing"])
    ],
    [
        calibkit.paired_difference(
            calibkit.negative_log_likelihood,
            *(p.softmax(1), s.softmax(1), truth),
        )
        for p, s in zip(
            test["logits"]["plain"], test["logits"]["label_smoothing"]
        )
    ],
]

# %% tags=["check"]
if intervals is not None:
    assert len(intervals) == 3, "enter one interval for each of the seeds"
    for seed, interval in enumerate(intervals):
        pair = [after[m][seed]["NLL"] for m in ("plain", "label_smoothing")]
        hint = "the sign is wrong: the plain twin comes first"
        assert abs(interval.value + pair[1] - pair[0]) > 0.01, hint
        hint = "compare the scaled networks, and twins of the same seed"
        assert abs(interval.value - pair[1] + pair[0]) < 0.002, hint
    print("each interval is about test images, and not about seeds")

# %% [markdown] tags=["solution"]
# Every interval excludes zero, and yet their signs differ. Each interval answers a question about
# these two networks: would other test images reverse their order? It says nothing about other
# networks that the same method would train. A narrow interval from a single pair of networks is
# therefore no evidence about a method.

# %% [markdown]
# 3. Somebody scales the ensemble of five raw members with the mean of its members' temperatures.
#    What NLL does it have on the test images?

# %% tags=["answer"]
borrowed = None

# %% tags=["solution"]
borrowed = measure(average(z_test) / t.mean())["NLL"]

# %% tags=["wrong"]
wrong = [
    measure(average(z_test))["NLL"],
    measure(average(z_test / t))["NLL"],
    measure(average(z_test) * t.mean())["NLL"],
    ensembles["raw"][0, 1, 2, 3, 4][1]["NLL"],
]

# %% tags=["check"]
if borrowed is not None:
    unscaled, own, _ = ensembles["raw"][0, 1, 2, 3, 4]
    hint = "average the probabilities, take the logarithm, then divide"
    expected = measure(average(z_test) / t.mean())["NLL"]
    assert abs(float(borrowed) - expected) < 0.002, hint
    print(f"borrowed {borrowed:.3f}, none {unscaled['NLL']:.3f}", end=", ")
    print(f"own {own['NLL']:.3f}")

# %% [markdown] tags=["solution"]
# The borrowed temperature is worse than none. The members are overconfident and the ensemble is
# underconfident, so the correction has the wrong direction. A temperature belongs to the model on
# whose outputs it was fitted.

# %% [markdown]
# 4. A colleague trained one network with mixup and one without, and reports that mixup "ruins
#    calibration", because its ECE is much larger. What do you reply?

# %% [markdown] tags=["solution"]
# The observation is right and the conclusion is hasty. In this lesson the mixup networks are also
# far from calibrated, in the cautious direction, and one temperature removes the error. So the
# colleague should fit a temperature for each network on calibration images and compare the NLL
# after scaling on test images. One pair of networks cannot tell the method from the seed, so the
# comparison needs several seeds, with the same seeds and test images for both methods. If the signs
# differ, there is no result. The amount of mixing was not tuned either. A good answer also asks
# what the network is for: if images with low confidence go to a human, compare the risk-coverage
# curves, again after scaling.

# %% [markdown]
# References
# ----------
#
# - Berta, Holzmüller, Jordan and Bach (2025). Rethinking Early Stopping: Refine, Then Calibrate.
#   https://arxiv.org/abs/2501.19195
# - Müller, Kornblith and Hinton (2019). When Does Label Smoothing Help? NeurIPS.
#   https://arxiv.org/abs/1906.02629
# - Rahaman and Thiery (2021). Uncertainty Quantification and Deep Ensembles. NeurIPS.
#   https://arxiv.org/abs/2007.08792
# - Xia, Laurent, Franchi and Bouganis (2025). Towards Understanding Why Label Smoothing Degrades
#   Selective Classification and How to Fix It. ICLR. https://arxiv.org/abs/2403.14715
# - Zhang, Cisse, Dauphin and Lopez-Paz (2018). mixup: Beyond Empirical Risk Minimization. ICLR.
#   https://arxiv.org/abs/1710.09412
