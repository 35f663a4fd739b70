# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Can you trust the probability of a rare event?
==============================================

A model looks at a payment and says: fraud, with probability 0.9. Should you believe it? Fraud is
rare, but such a model is often trained as if fraud were common. Its probabilities are then far too
high, and a popular measure hardly notices.

What you will do
----------------

You train a scikit-learn model to find one digit among ten, inflate its probabilities and correct
them. Then you take the model to other places.

What you will learn
-------------------

- why a popular measure misses such errors
- how events that count for more in training change probabilities
- how to correct them, and when to raise an alarm

What you need
-------------

You need lesson 10, some scikit-learn, and less than a minute on two cores.
"""

# %% [markdown] tags=["slide"]
# Can you trust the probability of a rare event?
# ----------------------------------------------
#
# - A model says: fraud, with probability 0.9.
# - Fraud is rare, but the model was trained as if it were common.
# - How often is such an alarm right?
#
# Say: Ask the room how often such an alarm is right, and write the guesses on the board. Then ask
# how the training set was made: did anyone weight the classes, or leave out most of the honest
# payments? By the end of the lesson the room can compute the answer.

# %% [markdown]
# A picture of the answer
# -----------------------
#
# scikit-learn ships images of handwritten digits. Our *event* is an eight, and all remaining
# images are the *others*. The label *y* is one for an event and zero for the others, and $P(y=1)$
# is the probability that a model gives to the event. To keep the task hard, the model sees only
# how much ink each row and each column of the image holds.

# %% tags=["setup"]
import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import calibkit

# %% tags=["setup"]
pixels, digit = load_digits(return_X_y=True)
images = pixels.reshape(-1, 8, 8)
ink = np.hstack([images.sum(axis=1), images.sum(axis=2)])
y = torch.tensor(digit == 8).long()
share = y.double().mean().item()

# %%
print(f"n = {len(y)} images with {ink.shape[1]} numbers each")
print(f"{y.sum()} events, a share of {share:.1%}")
print(f"{(1 - share) / share:.1f} others for each event")

# %% [markdown]
# The model is a logistic regression. For each image it computes a *logit*, a number whose sigmoid
# is $P(y=1)$. We judge the model on images that it has not seen. So we divide the images into five
# *folds*, parts with equal shares of events, and train a model for each fold on the other four.


# %% tags=["setup"]
def logistic(class_weight=None):
    regression = LogisticRegression(
        class_weight=class_weight, solver="newton-cholesky"
    )
    return make_pipeline(StandardScaler(), regression)


def five_folds(seed, labels=y):
    splitter = StratifiedKFold(5, shuffle=True, random_state=seed)
    return list(splitter.split(ink, labels))


def logits_of(model, folds, labels=y):
    z = cross_val_predict(
        model, ink, labels, cv=folds, method="decision_function"
    )
    return torch.tensor(z)


# %% [markdown]
# A *class weight* says how many times each sample of a class counts in training. For rare events,
# many people set ``class_weight="balanced"``, so that both classes count equally. Each event then
# counts about nine times here. We do so, and correct the logits with one line.

# %% tags=["setup"]
weighted = logits_of(logistic("balanced"), five_folds(0))
corrected = calibkit.adjust_prior(weighted, source=0.5, target=share)

# %%
fig, ax = plt.subplots(figsize=(5.8, 5), layout="constrained")
ax.plot([0, 1], [0, 1], ":", color="0.4", label="calibrated")
for name, z, style, color in (
    ("trained with weights", weighted, "o-", "#D55E00"),
    ("the same, corrected", corrected, "s--", "#0072B2"),
):
    bins = calibkit.reliability_bins(
        z.sigmoid(), y, n_bins=10, binning="quantile"
    )
    x = bins.confidence_sum / bins.count
    ax.plot(x, bins.n_correct / bins.count, style, color=color, label=name)
ax.set(xlabel="mean P(y = 1)", ylabel="share of events", aspect="equal")
ax.set_title("One line corrects most of what the weights inflate")
_ = ax.legend(loc="upper left")
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# One line corrects most of what the weights inflate
# --------------------------------------------------
#
# - The event: an eight among handwritten digits.
# - A calibrated model's dots lie on the diagonal, apart from chance.
# - Each dot stands for a tenth of the images.
#
# Say: One digit in ten is an eight. Where the weighted model says nine in ten, fewer than half of
# the images are eights. The corrected model is the same model. Nothing was trained again, and one
# constant was added to all logits. Where does this constant come from? We will derive it by
# counting.

# %% [markdown]
# A model is *calibrated* if events happen as often as it says. Its dots then lie on the diagonal,
# apart from chance. The last dot of the weighted model lies far below: the model says about 0.9,
# but fewer than half of these images are events. The correction brings all dots but the last close
# to the diagonal.
#
# Each dot stands for a *bin*, a range of $P(y=1)$ that holds a tenth of the images. Bins of equal
# width would be almost empty at the right, as the first row shows:

# %%
for binning in ("uniform", "quantile"):
    bins = calibkit.reliability_bins(
        corrected.sigmoid(), y, n_bins=10, binning=binning
    )
    print(f"{binning:8}", *(f"{count:4}" for count in bins.count))
last = weighted >= weighted.quantile(0.9)
print(f"last dot, weighted: P(y = 1) {weighted[last].sigmoid().mean():.1f}")
print(f"share of events {y[last].double().mean():.0%}, n = {last.sum()}")

# %% [markdown]
# Count ten predictions by hand
# -----------------------------
#
# Which measure sees such an error? A model says that $P(y=1)$ is 0.8 for two samples, and one of
# the two is an event. For eight samples it says 0.2, and one of the eight is an event.
#
# The *ECE*, the expected calibration error, takes the gap between the mean $P(y=1)$ and the share
# of events in each bin. It averages these gaps, weighted by the number of samples in the bin.
#
# The *top-label ECE* judges the model's *answer* instead, which is the more probable class,
# "event" or "other". The probability of the answer is its *confidence*. The gaps are now those
# between the mean confidence and the share of right answers.
#
# **Before you run this:** what are the ten confidences, and how many answers are right?

# %%
ten_p = torch.tensor([0.8] * 2 + [0.2] * 8)
ten_y = torch.tensor([1, 0] + [1] + [0] * 7)
for p, right in ((0.8, 1 / 2), (0.2, 1 / 8)):
    print(f"P(y = 1) {p}, share of events {right}, gap {p - right:.2g}")
print(f"ECE of P(y = 1): {calibkit.calibration_error(ten_p, ten_y):.2f}")
top = calibkit.calibration_error(ten_p, ten_y, of="top")
print(f"top-label ECE: {top:.2f}")

# %% [markdown]
# Every confidence is 0.8, and eight of the ten answers are right, so the top-label ECE is zero.
# Yet both answers are miscalibrated. "Event" is *overconfident*, which means right less often than
# its confidence says. "Other" is *underconfident*, which means right more often. The two answers
# share a bin, where their errors cancel. For two classes, calibkit therefore judges $P(y=1)$
# unless you ask for ``of="top"``.

# %% [markdown] tags=["slide"]
# Ten predictions, two verdicts
# -----------------------------
#
# - P(y = 1) is 0.8 for two samples; one is an event.
# - It is 0.2 for eight samples; one is an event.
# - Top-label ECE zero, ECE of P(y = 1) 0.12.
#
# Say: Draw the ten samples on the board, and let the room compute both numbers. The answers are
# event, twice, and other, eight times, each with the same confidence. Eight answers are right.
# Which of the two answers would you rather not rely on? The top-label ECE cannot tell, because both
# answers share a bin.

# %% [markdown]
# Look beneath the top label
# --------------------------
#
# `calibkit.evaluate` reports both measures. We apply it to the weighted model:

# %%
print(calibkit.evaluate(weighted, y, n_bins=10))

# %% [markdown]
# The ECE is many times as large as the top-label ECE. It also lies far above the ECE of a
# calibrated model, *ECE if calibrated*. The *p-value* is the probability that a calibrated model
# shows at least this ECE. The other brackets hold 95% intervals: about 95 of a hundred such
# intervals hold the true value.
#
# The next figure shows the bins of both measures. If the model were calibrated, each bar would end in its
# grey band in 95% of test sets.

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 4.8), layout="constrained")
fig.suptitle("The top label hides what P(y = 1) shows")
p = weighted.sigmoid()
calibkit.reliability_diagram(
    p, y, n_bins=10, of="top", title="The model's answer", ax=axes[0]
)
_ = calibkit.ReliabilityDisplay.from_predictions(
    y, p, n_bins=10, name="The probability of the event", ax=axes[1]
)

# %% [markdown] tags=["slide"]
# The top label hides what P(y = 1) shows
# ---------------------------------------
#
# - Both diagrams show the same model and the same images.
# - "Event" is overconfident, and "other" is underconfident.
# - In the bins of the top label their errors cancel.
#
# Say: On the left, the bars nearly reach the diagonal, and a reviewer would be satisfied. On the
# right, the bars are far too short. Ask why the left diagram begins at one half. The reason is
# that the more probable of two classes never has less than half of the probability. Then ask which
# diagram helps a doctor who reads the probability of a disease.

# %% [markdown]
# The bars on the left begin at one half, because the more probable of two classes has at least
# half of the probability. Do the errors of the answers cancel again?

# %%
says_event = p >= 0.5
for name, chosen in (("event", says_event), ("other", ~says_event)):
    confidence = torch.where(says_event, p, 1 - p)[chosen].mean()
    right = (says_event.long() == y)[chosen].double().mean()
    print(f"answer {name}: n = {chosen.sum():4}, ", end="")
    print(f"confidence {confidence:.0%}, right {right:.0%}")

# %% [markdown]
# Multiply the odds
# -----------------
#
# Again, "event" is overconfident and "other" is underconfident. Why does a weight cause this?
# Think of a hundred images that look alike, ten of them events. The *odds*, the probability of the
# event divided by that of no event, are ten to ninety. If each event counts nine times, the odds
# become even, and the model learns to say one half. *Undersampling* leaves out some of the others
# at random. If ten others remain, the odds are even as well.
#
# Both methods change the *prior*, the weighted share of events. Bayes' rule undoes this: divide
# the odds of each image by the odds of the prior in training, and multiply them by the odds of the
# prior in use. The logit is the logarithm of the odds, so `calibkit.adjust_prior` adds the same
# number to all logits.
#
# The prior in training is the ``source``, and the prior in use is the ``target``. The correction is
# exact if the model is calibrated for the source, and if the samples of each class look the same in
# training as in use.

# %%
undecided = torch.tensor([0.0])
print(f"the model says {undecided.sigmoid().item():.1f}, ", end="")
z = calibkit.adjust_prior(undecided, source=0.5, target=0.1)
print(f"corrected to {z.sigmoid().item():.1f}")

# %%
says = torch.linspace(0.001, 0.999, 999)
fig, ax = plt.subplots(figsize=(5.6, 4.6), layout="constrained")
for target, style, color in (
    (0.5, ":", "0.4"),
    (0.3, "-", "#0072B2"),
    (0.1, "--", "#D55E00"),
    (0.03, "-.", "#009E73"),
):
    z = calibkit.adjust_prior(says.logit(), source=0.5, target=target)
    ax.plot(says, z.sigmoid(), style, color=color, label=f"{target:.0%}")
ax.set(xlabel="P(y = 1) of a model trained with equal classes")
ax.set(ylabel="corrected P(y = 1)", xlim=(0, 1), ylim=(0, 1))
ax.set_title("The rarer the event, the less a high P(y = 1) means")
_ = ax.legend(title="prior in use", loc="upper left")

# %% [markdown] tags=["slide"]
# Weights multiply the odds
# -------------------------
#
# - Ten events among 100 images that look alike: odds 10 to 90.
# - Weight 9: odds 90 to 90, and the model says 0.5.
# - The correction divides the odds by 9.
#
# Say: Count with the room. A weight of nine turns ten events into ninety, so the model sees equal
# classes. Undersampling keeps ten of the ninety others, and the odds are even again. Dividing the
# odds by nine undoes both. In logits, that is one constant for all samples, so their order stays
# as it was.

# %% [markdown]
# Correct real models
# -------------------
#
# We correct the weighted model and an undersampled one, and compare both with a plain model,
# trained on all images without weights.
#
# If nobody knows the prior in training, labels help: `calibkit.CalibratedClassifier` fits a scaler
# on folds of the training data. `calibkit.TemperatureScaler` divides all logits by one number, and
# `calibkit.LogisticScaler` also adds a second number, the *bias*.
#
# **Before you run this:** which of the two scalers can move a $P(y=1)$ of one half?


# %% tags=["setup"]
def thinned(folds, seed):
    rng, parts = np.random.default_rng(seed), []
    for train, test in folds:
        events, others = (train[y[train] == label] for label in (1, 0))
        kept = rng.choice(others, len(events), replace=False)
        parts.append((np.concatenate([events, kept]), test))
    return parts


# %%
def seven_models(seed):
    folds, balanced = five_folds(seed), logistic("balanced")
    z = {"plain": logits_of(logistic(), folds)}
    z["weighted"] = logits_of(balanced, folds)
    z["undersampled"] = logits_of(logistic(), thinned(folds, seed))
    for name in ("weighted", "undersampled"):
        fixed = calibkit.adjust_prior(z[name], source=0.5, target=share)
        z[f"{name}, corrected"] = fixed
    for scaler in (calibkit.TemperatureScaler(), calibkit.LogisticScaler()):
        scaled = calibkit.CalibratedClassifier(balanced, scaler)
        name = type(scaler).__name__
        z[f"weighted, {name}"] = logits_of(scaled, folds)
    return z


repeats = [seven_models(seed) for seed in range(5)]

# %%
print(f"n = {len(y)}, five repeats           ECE     top-label ECE   NLL")
for name in repeats[0]:
    ps = [z[name].sigmoid() for z in repeats]
    row = f"{name:27}"
    for of in ("positive", "top"):
        e = [calibkit.calibration_error(p, y, n_bins=10, of=of) for p in ps]
        row += f"  {min(e):5.1%} to {max(e):5.1%}"
    nll = [calibkit.negative_log_likelihood(p, y) for p in ps]
    print(f"{row}  {np.mean(nll):.2f}")
floor = calibkit.noise_floor(repeats[0]["plain"].sigmoid(), n_bins=10)
print(f"ECE of plain if calibrated: {floor.low:.1%} to {floor.high:.1%}")

# %% [markdown]
# A temperature leaves one half where it is, because the logit of one half is zero. It does not
# help, and the top-label ECE hardly shows that. The known prior brings the weighted model close to
# the plain one, and the bias comes nearly as close. The *NLL*, the loss of logistic regression,
# agrees. If you need probabilities, the simplest remedy is training without weights.
#
# The ranges come from new folds of the same images. The few events keep the results uncertain,
# however many others you add.
#
# Take the model to another place
# -------------------------------
#
# What if nobody knows the prior in use? `calibkit.estimate_prior` estimates it from logits, without
# labels. It needs the prior for which these logits are calibrated: here the plain model's mean
# $P(y=1)$. To imitate two places, we draw 500 of our images, of which 3% or 30% are events.

# %% tags=["setup"]
plain = logits_of(logistic(), five_folds(0))
assumed = plain.sigmoid().mean().item()


def draw(n_events, n, seed):
    rng = np.random.default_rng(seed)
    events = rng.choice(np.flatnonzero(y == 1), n_events, replace=False)
    others = rng.choice(np.flatnonzero(y == 0), n - n_events, replace=False)
    return np.concatenate([events, others])


# %%
def ece(z, i):
    return calibkit.calibration_error(z.sigmoid(), y[i], n_bins=10)


for events in (15, 150):
    rows = []
    for seed in range(20):
        i = draw(events, 500, seed)
        prior, error = calibkit.estimate_prior(plain[i], assumed)[:2]
        z = calibkit.adjust_prior(plain[i], assumed, prior)
        rows.append((prior[1], error[1], ece(plain[i], i), ece(z, i)))
    prior, error, before, after = np.array(rows).T
    print(f"share {events / 500:3.0%}: estimate {prior[0]:.1%}", end="")
    print(f" ± {error[0]:.1%}; 20 draws {prior.min():.1%} to", end="")
    print(f" {prior.max():.1%}\n  mean ECE {before.mean():.1%}", end="")
    print(f" -> {after.mean():.1%}, lower in {(after < before).sum()} draws")

# %% [markdown]
# Each estimate comes from the first of twenty draws. The number after "±" is its *standard error*,
# the typical error by chance. The correction lowers the ECE in every draw, without labels.
#
# With few events, an estimate may be off by as much as the share itself. The draws share images, so
# their ranges are too narrow. If the events change, as with a new kind of fraud, the estimate can
# be wrong without warning.

# %% [markdown] tags=["slide"]
# Take the model to another place
# -------------------------------
#
# - A new place often has another share of events.
# - The logits alone, without labels, can reveal this share.
# - Condition: the samples of each class look as before.
#
# Say: A clinic for patients with symptoms sees more disease than a screening programme. If the
# disease looks the same in both, the distribution of the logits reveals the new share, and the
# correction follows. Ask for cases where the condition fails: a new scanner, a new kind of fraud,
# younger patients. Then only labels help.

# %% [markdown]
# Derive the threshold from costs
# -------------------------------
#
# We raise an alarm if the probability of the event, $p$, reaches a *threshold*. Suppose that a
# missed event costs ten and a false alarm costs one. Without an alarm, the expected cost is $10p$.
# With an alarm, it is $1 - p$. The two are equal at $p = 1/11$, so this is the threshold.
#
# **Before you run this:** will the weighted model raise too many or too few alarms there?

# %% tags=["setup"]
missed, false_alarm = 10, 1
threshold = false_alarm / (missed + false_alarm)


def mean_cost(p, labels, threshold=threshold):
    alarm = p >= threshold
    missed_events = (~alarm & (labels == 1)).double()
    false_alarms = (alarm & (labels == 0)).double()
    return (missed * missed_events + false_alarm * false_alarms).mean()


# %%
grid = torch.linspace(0.01, 0.95, 95)
fig, ax = plt.subplots(figsize=(6.4, 4), layout="constrained")
for name, z, style, color in (
    ("weighted", weighted, "-", "#D55E00"),
    ("corrected", corrected, "--", "#0072B2"),
):
    curve = [mean_cost(z.sigmoid(), y, t) for t in grid]
    ax.plot(grid, curve, style, color=color, label=name)
    for t in (threshold, 0.5):
        alarms = (z.sigmoid() >= t).double().mean()
        print(f"{name:9}, threshold {t:.2f}: alarms {alarms:3.0%}", end="")
        print(f", mean cost {mean_cost(z.sigmoid(), y, t):.2f}, n = {len(y)}")
ax.axvline(threshold, color="0.4", linestyle=":", label="threshold 1/11")
ax.set(xlabel="threshold", ylabel="mean cost of an image", ylim=(0, 1))
ax.set_title("After the correction, the costs give a cheap threshold")
_ = ax.legend(loc="lower right")

# %% [markdown] tags=["slide"]
# Costs give the threshold
# ------------------------
#
# - A missed event costs 10, and a false alarm costs 1.
# - Raise the alarm if P(y = 1) is at least 1/11.
# - That is right for calibrated probabilities only.
#
# Say: Derive it on the board: no alarm costs ten times the probability of the event, an alarm costs
# the probability of no event, and the two are equal at one in eleven. At this threshold the
# weighted model raises alarms for most images. At one half it is about as cheap as the corrected
# model at one in eleven. Why? The weights have put a cost ratio of about nine to one into the
# probabilities.

# %%
difference = calibkit.paired_difference(
    lambda p, labels: mean_cost(p[:, 1], labels).item(),  # P(y = 1)
    weighted.sigmoid(),
    corrected.sigmoid(),
    y,
)
print(f"n = {len(y)}, mean cost corrected minus weighted", end=" ")
print(f"{difference.value:.2f}")
print(f"95% interval {difference.low:.2f} to {difference.high:.2f}")

# %% [markdown]
# At this threshold, the weighted model raises far too many alarms, and the correction lowers the
# cost. At one half, the weighted model is about as cheap as the corrected one at 1/11. Its one half
# means about one tenth. Balanced weights act as if a missed event cost nine times as much as a
# false alarm.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - For two classes, judge P(y = 1), not the top label.
# - Weights and undersampling change the prior; correct it, or avoid them.
# - Costs give the threshold; the number of events limits what you know.
#
# Say: Return to the fraud alarm of the first slide, and let the room compute: the model was trained
# with equal classes and says nine in ten, so the odds are nine to one. In use, one payment in a
# thousand is fraud. What are the corrected odds? They are nine to 999, which is less than one in a
# hundred. Compare that with the guesses on the board.

# %% [markdown]
# What we have seen
# -----------------
#
# - The top-label ECE hides errors of rare events, because the errors of "event" and "other" may
#   cancel. Judge the probability of the event.
# - Class weights and undersampling multiply the odds. `calibkit.adjust_prior` undoes this.
# - `calibkit.estimate_prior` estimates an unknown prior if each class looks as before.
# - Costs give the threshold if the probabilities are calibrated.

# %% [markdown]
# Exercises
# ---------
#
# 1. A model was trained with equal classes and says 0.9. In use, one sample in a hundred is an
#    event. Enter the corrected probability.

# %% tags=["answer"]
probability_in_use = None

# %% tags=["solution"]
logit = torch.tensor([0.9]).logit()
z = calibkit.adjust_prior(logit, source=0.5, target=0.01)
probability_in_use = z.sigmoid().item()
print(f"{probability_in_use:.3f}")

# %% tags=["wrong"]
wrong = [0.9, 0.009, 0.01, 0.09, 0.0909, 0.5, 1.0, 9 / 99, 0.9989]

# %% tags=["check"]
if probability_in_use is not None:
    p = float(probability_in_use)
    assert 0 < p < 1, "a probability lies between 0 and 1"
    assert p < 0.9, "in use the event is rarer, so the probability falls"
    assert p > 0.05, "multiply the odds, not the probability"
    assert p < 0.2, "the odds are divided by those of the prior in use"
    assert abs(p - 0.09) > 0.0012, "are these the odds, or the probability?"
    assert abs(p - 1 / 12) < 0.0035, "what are the odds of one in a hundred?"
    print("Right: in use, only about one such alarm in twelve is an event.")

# %% [markdown] tags=["solution"]
# The model's odds are nine to one. The prior in training has odds of one, and the prior in use has
# odds of 1 to 99, so the corrected odds are 9 to 99, or 1 to 11. Odds of 1 to 11 are a probability
# of one in twelve, about 0.083. People often multiply the probability instead of the odds, or
# forget to turn the odds back into a probability. A model that says 0.9 is not wrong about its own
# training data. It answers a question about another population.

# %% [markdown]
# 2. You train on our images with a class weight of five for events and one for the others. Which
#    ``source`` corrects the logits?

# %% tags=["answer"]
source_of_weight_5 = None

# %% tags=["solution"]
source_of_weight_5 = 5 * share / (5 * share + 1 - share)
z = logits_of(logistic({0: 1, 1: 5}), five_folds(0))
fixed = calibkit.adjust_prior(z, source=source_of_weight_5, target=share)
for name, logits in (("weight 5", z), ("corrected", fixed)):
    e = calibkit.calibration_error(logits.sigmoid(), y, n_bins=10)
    print(f"{name}: ECE {e:.1%}, n = {len(y)}")
print(f"source {source_of_weight_5:.2f}")

# %% tags=["wrong"]
wrong = [0.5, 5 / 6, 1 / 6, 1 / 5, share, 5 * share, 0.2368, [1, 5]]

# %% tags=["check"]
if source_of_weight_5 is not None:
    s = torch.as_tensor(source_of_weight_5, dtype=torch.float64).flatten()
    s = s.item() if len(s) == 1 else (s[1] / s.sum()).item()
    assert 0 < s < 1, "a share lies between 0 and 1"
    assert s > share, "the weights make the events count for more"
    assert abs(s - 5 / 6) > 0.01, "the events are still rarer than the others"
    assert abs(s - 0.5) > 0.01, "these weights do not balance the classes"
    assert abs(s - 5 * share) > 0.01, "divide by the sum of all weights"
    right = 5 * y.sum() / (5 * y.sum() + (y == 0).sum())
    assert abs(s - right) < 0.005, "count all images with their weights"
    print("Right: the source is the share of events with weights counted.")

# %% [markdown] tags=["solution"]
# Each event counts five times, so the training loss sees five times 174 events beside 1623 others.
# That is a share of 0.35. The weights alone are not enough to find the source, because it also
# depends on the number of samples of each class. You may pass the two weighted counts as a list
# instead. The mean $P(y=1)$ of the weighted model on our images is no substitute: it is the mean
# over the images as they are, and not over the weighted ones.

# %% [markdown]
# 3. At which threshold does the weighted model raise the same alarms as the corrected one at 1/11?

# %% tags=["answer"]
threshold_for_weighted = None

# %% tags=["solution"]
logit = torch.tensor([threshold]).logit()
z = calibkit.adjust_prior(logit, source=share, target=0.5)
threshold_for_weighted = z.sigmoid().item()
print(f"{threshold_for_weighted:.3f}")

# %% tags=["wrong"]
wrong = [0.5, 1 / 11, 10 / 11, share, 0.0106, 0.474]

# %% tags=["check"]
if threshold_for_weighted is not None:
    t = float(threshold_for_weighted)
    same = (weighted.sigmoid() >= t) == (corrected.sigmoid() >= threshold)
    assert 0 < t < 1, "a threshold lies between 0 and 1"
    assert t > threshold, "the weights raise P(y = 1) of every image"
    assert t < 0.9, "that many alarms would be lost"
    hint = "move the logit of 1/11 by the constant, with the exact share"
    assert abs(t - 0.4826) < 0.004, hint
    assert same.double().mean() > 0.995, hint
    print("Right: a threshold moves with the prior, and the alarms stay.")

# %% [markdown] tags=["solution"]
# The correction adds one constant to all logits. A threshold can move by the same constant in the
# other direction, so we exchange source and target. If you only need alarms, you can therefore
# move the threshold instead of the probabilities. If people read the probabilities, or if the
# costs change, it is safer to correct the probabilities. The result is close to one half because
# the costs have nearly the ratio of others to events.

# %% [markdown]
# 4. We chose the eight because it is hard to find. Train a weighted model for each digit, with
#    ``five_folds(0, labels)``, and enter the list of the ECEs. Does the number of bins matter?

# %% tags=["answer"]
ece_of_each_digit = None

# %% tags=["solution"]
ece_of_each_digit = []
for event in range(10):
    labels = torch.tensor(digit == event).long()
    z = logits_of(logistic("balanced"), five_folds(0, labels), labels)
    p = z.sigmoid()
    e = calibkit.calibration_error(p, labels, n_bins=10)
    ece_of_each_digit.append(e)
    one_bin = calibkit.calibration_error(p, labels, n_bins=1)
    top = calibkit.calibration_error(p, labels, n_bins=10, of="top")
    in_order = (z[labels == 1][:, None] > z[labels == 0]).double().mean()
    print(f"{event}: ECE {e:5.1%}, in one bin {one_bin:5.1%}, ", end="")
    print(f"top-label {top:.1%}, pairs in order {in_order:.1%}")
print(f"n = {len(labels)}")

# %% tags=["wrong"]
wrong = [
    [0.212] * 10,
    [0.005, 0.017, 0.006, 0.016, 0.004, 0.011, 0.003, 0.009, 0.02, 0.016],
    [0.006, 0.019, 0.009, 0.018, 0.004, 0.018, 0.007, 0.013, 0.027, 0.016],
    [0.01, 0.012, 0.01, 0.013, 0.007, 0.01, 0.007, 0.008, 0.012, 0.01],
    [0.031, 0.078, 0.047],
]

# %% tags=["check"]
if ece_of_each_digit is not None:
    e = torch.as_tensor(ece_of_each_digit, dtype=torch.float64)
    assert len(e) == 10, "enter ten numbers, one for each digit"
    own = calibkit.calibration_error(weighted.sigmoid(), y, n_bins=10)
    hint = "evaluate showed the ECE of the eight: use weights and P(y = 1)"
    assert abs(e[8] - own) < 0.005, hint
    assert e.argmin() != e.argmax(), "did each digit get its own labels?"
    assert e.argmin() == 4, "train with weights, and judge P(y = 1)"
    assert abs(e.sum() - 0.695) < 0.03, "five folds with seed 0 each time?"
    print("Right: the weights inflate every digit, and the eight most.")

# %% [markdown] tags=["solution"]
# For every digit the ECE of $P(y=1)$ is larger than the top-label ECE, but its size varies a lot.
# The last column shows why: it is the share of all pairs of an event and an image without it in
# which the event has the higher logit. A model that finds its event easily has logits far from
# zero, where a constant hardly changes the probabilities. The prior matters most where the model
# is unsure. By choosing the eight we chose the case with the largest effect, so expect a smaller
# one for an easier task. Your number of bins hardly matters: the weights inflate $P(y=1)$ in
# nearly every bin, so hardly any gaps cancel, and even a single bin shows the same ECE.

# %% [markdown]
# 5. One person in a hundred has a disease. A model was trained with balanced weights and has a
#    small top-label ECE on five thousand people. A clinic where more people are ill wants to use
#    it. What do you do?

# %% [markdown] tags=["solution"]
# Ask first for the ECE of $P(y=1)$ with its noise floor and for the diagram, because the top label
# says little about rare events. Among 5000 people there are about 50 patients, so ask for
# intervals as well: no measure can be more certain than 50 events allow. Find out the prior in
# training with all weights counted, and correct the logits for the prior of the clinic. If it is
# unknown, estimate it from the logits of the clinic's patients, after you have asked whether the
# disease looks the same there. Milder or later stages would break this condition, and then you
# need labels from the clinic. Finally, let the clinic name its costs, and derive the threshold
# from them.

# %% [markdown]
# References
# ----------
#
# - Alpaydin and Kaynak (1998). Optical Recognition of Handwritten Digits. UCI Machine Learning
#   Repository. https://archive.ics.uci.edu/ml/datasets/optical+recognition+of+handwritten+digits
# - Elkan (2001). The Foundations of Cost-Sensitive Learning. IJCAI.
#   https://cseweb.ucsd.edu/~elkan/rescale.pdf
# - Saerens, Latinne and Decaestecker (2002). Adjusting the Outputs of a Classifier to New a Priori
#   Probabilities: A Simple Procedure. Neural Computation 14.
#   https://doi.org/10.1162/089976602753284446
# - van den Goorbergh, van Smeden, Timmerman and Van Calster (2022). The Harm of Class Imbalance
#   Corrections for Risk Prediction Models: Illustration and Simulation Using Logistic Regression.
#   Journal of the American Medical Informatics Association 29.
#   https://doi.org/10.1093/jamia/ocac093
