# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
"""
Would you sign this report?
===========================

A museum asks you to examine a network that you have never seen. Somebody has calibrated it already,
and the numbers look good. Yet two faults are hidden in the data. Find them, repair what can be
repaired, and write the report.

What you will do
----------------

We take the first steps together, and then the work is yours. The exercises lead from fault to fault
to a report of one page.

What you will learn
-------------------

- how to examine a model that others made, with the tools of the course
- how to decide between several explanations of the same error
- how to write down what you found, what you repaired, and what you cannot know

What you need
-------------

Lessons 10 to 40, 50, 55, 60 and 80, and less than a minute on two cores. For the exercises, take
about forty minutes to find the faults and thirty to write the report.
"""

# %% [markdown] tags=["slide"]
# Would you sign this report?
# ---------------------------
#
# - A museum sends you the logits of an unknown network.
# - Somebody has calibrated it, and the numbers look good.
# - Two faults are hidden in the data.
#
# Say: Today nobody tells you which mistake to look for. You receive what a real project gives you:
# logits, labels, a few columns, and a colleague who says that everything is fine. Ask the room:
# what would you want to see before you put your name under a report? Collect the answers on the
# board, and keep them for the end.

# %% [markdown]
# A picture that looks like the answer
# ------------------------------------
#
# The museum owns old metal type, single letters and signs for printing. It photographs each
# *piece*. The network says in which of ten *drawers*, numbered from zero to nine, the piece
# belongs. Its *logits* are ten numbers for each piece, which the softmax turns into probabilities.
# The *label* is the drawer that a person wrote down.
#
# Your colleague has fitted a *temperature*, one number by which all logits are divided. The fit
# used the *calibration set*, labelled pieces that the network was not trained on. We repeat this
# fit. Then we judge it on the *test set*, other labelled pieces.

# %% tags=["setup"]
import hashlib

import numpy as np
import torch
from matplotlib import pyplot as plt

import calibkit

# %% tags=["setup"]
calibration, test = calibkit.capstone_data()
scaler = calibkit.TemperatureScaler()
_ = scaler.fit_logits(calibration["logits"], calibration["labels"])

# %% [markdown]
# The *confidence* is the largest probability of a piece, and the drawer with this probability is
# the network's *answer*. A *bin* is a range of confidences. The network is *calibrated* if, at
# every confidence, the share of right answers equals this confidence.

# %%
fig, ax = plt.subplots(figsize=(5.6, 5.6), layout="constrained")
calibkit.reliability_diagram(
    scaler(test["logits"]).softmax(-1),
    test["labels"],
    title=f"With T = {scaler.temperature:.1f}, the network looks calibrated",
    ax=ax,
)
plt.show()
# sphinx_gallery_thumbnail_number = 1

# %% [markdown] tags=["slide"]
# One temperature, and the network looks calibrated
# -------------------------------------------------
#
# - Before, the network claimed far too much.
# - Now the bars follow the diagonal.
# - Would you sign?
#
# Say: This is the picture that your colleague would put into the report. The network was
# overconfident, and one temperature has corrected it. Let the room vote: who would sign now? Then
# ask what such a diagram cannot show. Think of lesson 30: which mistakes left the diagram
# untouched?

# %% [markdown]
# The bars follow the diagonal. Your colleague wants to send this picture to the museum.
#
# Look at the data
# ----------------
#
# Each set is a dictionary with five columns.

# %%
for name, samples in (("calibration", calibration), ("test", test)):
    print(f"{name}: n = {len(samples['labels'])}, {list(samples)}")
confidence, answer = torch.max(scaler(test["logits"]).softmax(-1), -1)
for i in range(5):
    print(f"{test['camera'][i]:6}  {test['labelled_by'][i]:4} ", end="")
    print(f"{test['day'][i]}  label {test['labels'][i]}, ", end="")
    print(f"answer {answer[i]}, confidence {confidence[i]:.2f}")

# %% [markdown]
# Two cameras took the photographs on five days, and three people wrote the labels. The museum
# assures you that the pieces were shuffled first, before they were photographed, labelled and
# divided into two sets. So a piece's camera, person, day and set tell you nothing about the piece
# itself. You may rely on this.

# %% tags=["setup"]
columns = ("camera", "labelled_by", "day")


def part_of(samples, chosen):
    return {name: column[chosen] for name, column in samples.items()}


# %%
for column in columns:
    names, counts = np.unique(test[column], return_counts=True)
    print(f"{column:11}", *(f"{a} {b}," for a, b in zip(names, counts)))
monday = part_of(test, test["day"] == "Mon")
print(f"part_of(test, Monday): n = {len(monday['labels'])}")

# %% [markdown] tags=["slide"]
# What the museum sends
# ---------------------
#
# - 4000 pieces for calibration, 6000 for the test, ten drawers.
# - Columns: camera, person who wrote the label, day.
# - Pieces were shuffled, so no column says anything about the piece.
#
# Say: Look at the rows first, as you would with any data. Who took the photograph, who wrote the
# label, and on which day? The pieces were shuffled before all of this. Ask the room what follows
# from the shuffling: if two groups differ by more than chance, the difference comes from the
# camera, the person or the day, and not from the pieces.

# %% [markdown]
# Read the first report
# ---------------------
#
# The report has four measures:
#
# - The *accuracy* is the share of right answers.
# - The *NLL* is the mean of minus the logarithm of the probability of the label.
# - The *Brier score* adds up the squared differences between the ten probabilities and the label
#   (one for its drawer, zero for the others), and averages these sums over the pieces.
# - The *ECE* is the gap between accuracy and mean confidence in each bin, averaged over the pieces.
#
# Beside each stands a *95% interval*. About 95 of a hundred such intervals hold the true value.
#
# **Before you run this:** which of the four can a temperature change, and which can it not change?

# %%
report = calibkit.evaluate(test["logits"], test["labels"], scaler=scaler)
print(report)

# %% [markdown]
# A temperature changes no answer, so the accuracy stays the same. NLL, Brier score and ECE fall.
# The last column compares before and after in pairs, on the same pieces. If its interval excludes
# zero, chance hardly explains the change. NLL and Brier score are *proper scores*: on average, no
# probabilities score better than the true ones (lesson 50).
#
# The row "ECE if calibrated" shows the *noise floor*, the mean ECE that a calibrated network shows
# by chance. In about 95 of a hundred test sets, the ECE of such a network lies in the range in
# brackets. The new ECE lies in this range. The *p-value* is the probability that a calibrated
# network shows at least this ECE in these bins.
#
# `calibkit.evaluate` also compared the logits of the two sets. It refuses a test set that shares
# many pieces with the calibration set.
#
# Does this settle the matter? A large p-value only says that this measure finds no error on these
# pieces. The last three rows of the table are about another measure, the *classwise ECE*. It judges
# the probabilities of all ten drawers, and not only that of the answer. Read these rows before you
# go on.

# %% [markdown] tags=["slide"]
# The first report
# ----------------
#
# - The accuracy stays the same, while NLL and ECE fall.
# - The ECE lies within the range of its noise floor.
# - What do the last three rows say?
#
# Say: Read the table aloud, row by row. Let the room say for each row what it measures and whether
# it worries them. A large p-value is no proof of calibration. It means that this measure finds
# nothing on these pieces. Do not discuss the last three rows now. Ask everybody to write down one
# sentence about them, and return to it after the third exercise.

# %% [markdown]
# Look into the groups
# --------------------
#
# With ``groups``, the report measures every group on its own. We try it on the days.
#
# **Before you run this:** suppose that the network is calibrated on each of the five days. How
# surprised would you be to see at least one p-value below 0.05?

# %%
report = calibkit.evaluate(
    test["logits"], test["labels"], scaler=scaler, groups=test["day"]
)
print(report.by_group())
print(f"at least one of five below 0.05 by chance: {1 - 0.95**5:.0%}")

# %% [markdown]
# You should not be very surprised. Count the groups that you look at, and write the count into the
# report. A simple rule is to multiply each p-value by the number of tests.
#
# "Frequency" is the accuracy of a group, and "mean probability" is its mean confidence. In fifteen
# bins, no day has a small p-value. If you look again in other bins, that counts as five new tests.

# %% [markdown] tags=["slide"]
# Look into the groups, and keep count
# ------------------------------------
#
# - report.by_group() measures every group on its own.
# - Five tests: one false alarm is no great surprise.
# - Multiply each p-value by the number of tests.
#
# Say: Show the table of the days. Nothing stands out. But if something had stood out, would you
# have believed it? Let the room compute how often at least one of five calibrated groups has a
# p-value below one in twenty. Then ask how many groups the whole data set offers, and agree on a
# rule before anybody looks.

# %% [markdown]
# Questions that guide you
# ------------------------
#
# Ask all of these questions, and note each answer, even where nothing is wrong.
#
# - **The logits:** are these logits or probabilities? Are they damaged? (lesson 30)
# - **The sets:** do they share pieces? Do they have the same shares of drawers? (lessons 30, 55)
# - **The groups:** does one temperature suit every group of every column, or do errors cancel? If
#   groups need different temperatures, do you know the group of a piece before its label?
#   (lesson 30)
# - **The classes:** does the mean probability of each drawer agree with the share of its labels?
#   The method ``by_class()`` of `calibkit.Report` shows both. (lessons 40, 55)
# - **The parts:** is an error the same in every part of the data? (lesson 30)
# - **The labels:** they judge the network. Who judges the labels?
# - **The noise:** how large is n? How many bins suit the question? How many tests did you make?
#   (lesson 20)
# - **The repair:** on which pieces was it fitted, and on which was it judged? A map with more
#   parameters also learns more of the noise in its own pieces. (lessons 30, 40, 80)
# - **The use:** will the museum use the network on photographs like these? The report says little
#   about others. (lessons 10, 60)
#
# Does an error have several explanations? Then look where in the data they predict different
# things.

# %% [markdown] tags=["slide"]
# If an error has several explanations
# ------------------------------------
#
# - What does each explanation predict elsewhere in the data?
# - Look there before you repair anything.
# - A repair that improves the number may still be wrong.
#
# Say: Work in pairs from here. One of you proposes an explanation, the other asks what it predicts
# in another part of the data. Change roles after each fault. Forty minutes for the faults, thirty
# for the report, and then each pair marks the report of another pair with the rubric. Do not read
# the script that made the data.

# %% [markdown]
# What we have seen
# -----------------
#
# - An ECE within the range of its noise floor reveals no error. But the ECE sees only some errors,
#   and chance can hide small ones.
# - If you test many groups, you will find a small p-value sooner or later. Keep count.
# - A report says what was examined, even where nothing was found.

# %% [markdown] tags=["slide"]
# What to remember
# ----------------
#
# - A low ECE is no proof: it sees only some errors.
# - Count your tests, and doubt the data too.
# - Say what you found, what you repaired, what you cannot know.
#
# Say: Return to the list on the board from the beginning. What is missing from it now? Read two
# reports aloud, one that names a fault without evidence and one that says how it was found. Which
# of the two would the museum be able to act on? That is the skill that this course set out to
# teach.

# %% [markdown]
# Exercises
# ---------
#
# Some checks compare a hash of your answer, a code that does not reveal it.


# %% tags=["setup"]
def seal(*words):
    text = " ".join(str(word).strip().lower() for word in words)
    return hashlib.sha256(text.encode()).hexdigest()[:12]


# %% [markdown]
# 1. Your colleague's temperature does not fit every group. In one group of one column, the network
#    claims more than it achieves, and chance does not explain this. Enter the column, the group and
#    the *excess*. The excess is the mean confidence minus the accuracy of the group's test pieces,
#    scaled with ``scaler``.

# %% tags=["answer"]
first_fault = None  # for example ("day", "Mon", 0.01)

# %% tags=["solution"]
for column in columns:
    report = calibkit.evaluate(
        test["logits"], test["labels"], scaler=scaler, groups=test[column]
    )
    print(report.by_group(), "\n")
    for part in report.by_group().parts:
        if part.name == "phone":
            excess = part.mean_probability - part.frequency
            first_fault = ("camera", "phone", excess)
print(f"excess {excess:.1%}")

# %% tags=["solution"]
for column in columns:
    report = calibkit.evaluate(
        test["logits"],
        test["labels"],
        scaler=scaler,
        groups=test[column],
        n_bins=1,
    )
    print(report.by_group(), "\n")

# %% tags=["wrong"]
one_p = scaler(test["logits"]).softmax(-1)
raw_p = test["logits"].softmax(-1)


def excess_of(p, column, group):
    i = test[column] == group
    right = calibkit.accuracy(p[i], test["labels"][i])
    return (p[i].max(-1).values.mean() - right).item()


wrong = [
    ("day", "Mon", excess_of(one_p, "day", "Mon")),
    ("labelled_by", "Cleo", excess_of(one_p, "labelled_by", "Cleo")),
    ("camera", "studio", excess_of(one_p, "camera", "studio")),
    ("camera", "phone", excess_of(raw_p, "camera", "phone")),
    ("camera", "phone", -excess_of(one_p, "camera", "phone")),
    ("camera", "phone", 100 * excess_of(one_p, "camera", "phone")),
    ("phone", "camera", 0.035),
]

# %% tags=["check"]
if first_fault is not None:
    column, group, excess = first_fault
    assert column in columns, "the first entry is the name of a column"
    assert group in set(test[column]), "this column has no such group"
    i = test[column] == group
    p = scaler(test["logits"][i]).softmax(-1)
    own = p.max(-1).values.mean() - calibkit.accuracy(p, test["labels"][i])
    assert abs(float(excess) - own) < 0.005, (
        "mean confidence minus accuracy, as a fraction, with one temperature"
    )
    assert seal(column, group) == "53e32f37cfdf", (
        "the excess is right, but can chance explain it, or is it negative? "
        "Look at every group of every column, and count your tests"
    )
    print("Right: one temperature for unlike groups, with opposite errors.")

# %% [markdown] tags=["solution"]
# The column is the camera. On photographs of the studio camera, the network is right more often
# than it claims, and on those of the phone less often. In the bins of the whole test set, the two
# errors largely cancel.
#
# In 15 bins, the p-value of the phone is above 0.05 after you multiply it by the ten groups that
# you tested, so it does not settle the question. If the gaps of most bins point in the same
# direction, one bin is the better test, as lesson 20 showed. Then look at all ten groups in one
# bin, and not only at those that you suspect, and count twenty tests. The p-values of both cameras
# stay below 0.05 after you multiply them by twenty. Those of the days do not.
#
# Ana's p-value also stays below 0.05, but only just, and Ben's does not. For both of these people
# the network claims less than it achieves, and for Cleo it does not. Write this down, because the
# cameras do not explain it: everybody labelled photographs of both. Exercise 4 comes back to it.
#
# A common mistake is to compare accuracies. It is no fault that the phone's photographs are harder,
# as long as the confidence falls with the accuracy.

# %% [markdown]
# 2. Repair this fault without looking at the test set. Enter a dictionary with the name of each
#    group and its temperature. Use all calibration pieces of the group.

# %% tags=["answer"]
temperatures = None  # for example {"Mon": 1.5, "Tue": 1.6}


# %% tags=["solution"]
def fit_each_camera(samples):
    own = {}
    for camera in ("studio", "phone"):
        part = part_of(samples, samples["camera"] == camera)
        own[camera] = calibkit.TemperatureScaler()
        own[camera].fit_logits(part["logits"], part["labels"])
        low, high = own[camera].summary.temperature_interval
        print(f"{camera}: T = {own[camera].temperature:.2f}, ", end="")
        print(f"95% interval {low:.2f} to {high:.2f}")
    return own


def scale_each_camera(own, samples):
    z = samples["logits"].clone()
    for camera, fitted in own.items():
        i = samples["camera"] == camera
        z[i] = fitted(z[i])
    return z


# %% tags=["solution"]
own = fit_each_camera(calibration)
temperatures = {camera: fitted.temperature for camera, fitted in own.items()}
repaired = scale_each_camera(own, test)
report = calibkit.evaluate(repaired, test["labels"], groups=test["camera"])
print(report)
print(report.by_group())
change = calibkit.paired_difference(
    calibkit.negative_log_likelihood,
    scaler(test["logits"]).softmax(-1),
    repaired.softmax(-1),
    test["labels"],
)
print(f"change of the NLL {change.value:.3f}, ", end="")
print(f"95% interval {change.low:.3f} to {change.high:.3f}")


# %% tags=["wrong"]
def fits_of(samples, column):
    found = {}
    for group in np.unique(samples[column]):
        part = part_of(samples, samples[column] == group)
        fitted = calibkit.TemperatureScaler()
        fitted.fit_logits(part["logits"], part["labels"])
        found[str(group)] = fitted.temperature
    return found


wrong = [
    {"studio": scaler.temperature, "phone": scaler.temperature},
    fits_of(test, "camera"),
    fits_of(calibration, "day"),
    fits_of(calibration, "labelled_by"),
    {group: 1 / t for group, t in fits_of(calibration, "camera").items()},
    {"phone": fits_of(calibration, "camera")["phone"]},
]

# %% tags=["check"]
if temperatures is not None:
    groups = {str(group).strip() for group in temperatures}
    found = [c for c in columns if set(calibration[c].tolist()) == groups]
    assert found, "enter one temperature for each group of one column"
    for group, t in temperatures.items():
        i = calibration[found[0]] == str(group).strip()
        best = calibkit.TemperatureScaler().fit_logits(
            calibration["logits"][i], calibration["labels"][i]
        )
        assert abs(float(t) / best.temperature - 1) < 0.005, (
            f"{group}: fit on all calibration pieces of the group, and on "
            "no other pieces"
        )
    assert seal(found[0]) == "89e8b9518d92", (
        "one temperature for each group, but is this the right column?"
    )
    print("Right: the repair knows the group before it knows the label.")

# %% [markdown] tags=["solution"]
# The two intervals of T do not overlap. On the test set, neither camera now has a p-value below
# 0.05, and the NLL has fallen by more than chance explains. The repair is possible because the
# camera of a piece is known before its label.
#
# A common mistake is to fit the two temperatures on the test set. Then no other pieces are left on
# which they can be judged. But look at the classwise ECE: it has hardly changed, and its p-value is
# still small. Something else is wrong.

# %% [markdown]
# 3. Now look at the drawers. For which drawer are the labels too rare, compared with its mean
#    probability, and for which are they too frequent? Enter the two with the largest gaps.

# %% tags=["answer"]
two_drawers = None  # (too rare, too frequent)

# %% tags=["solution"]
report = calibkit.evaluate(test["logits"], test["labels"], scaler=scaler)
print(report.by_class())
two_drawers = (3, 8)

# %% tags=["wrong"]
wrong = [(8, 3), (2, 6), (3, 6), (1, 8), (3, 3)]

# %% tags=["check"]
if two_drawers is not None:
    rare, frequent = map(int, two_drawers)
    p = scaler(test["logits"]).softmax(-1).mean(0)
    gap = test["labels"].bincount(minlength=10) / len(test["labels"]) - p
    assert gap[rare] < 0, "the first drawer is not too rare"
    assert gap[frequent] > 0, "the second drawer is not too frequent"
    largest = set(gap.abs().topk(2).indices.tolist())
    assert {rare, frequent} == largest, (
        "other drawers have larger gaps: compare frequency and mean "
        "probability, and not the ECE of each drawer"
    )
    print("Right: and the ECE of the answers did not show it.")

# %% [markdown] tags=["solution"]
# The labels name drawer 3 in 6.7% of all test pieces, where the network expects 9.4%. They name
# drawer 8 in 13.7%, where it expects 11.2%. The intervals of these two errors lie far above zero,
# and the gaps have similar sizes and opposite signs, as if pieces had moved from one drawer to the
# other. The temperatures of exercise 2 do not change this picture.
#
# The row of the classwise ECE in the first report pointed here. The ECE of the answers did not,
# because the fault affects so few pieces that the accuracy hardly falls, and because the
# temperature was fitted to labels with the same fault.

# %% [markdown]
# 4. There are at least three explanations. The network may be biased towards one of the two
#    drawers. The shares of the drawers may have changed since the calibration. Or some labels may
#    be wrong. Decide which explanation the data support. Then enter an array with a boolean for
#    each test piece: True if you would base your report on this piece.

# %% tags=["answer"]
trusted = None

# %% tags=["solution"]
source = scaler(calibration["logits"]).softmax(-1).mean(0)
for person in ("Ana", "Ben", "Cleo"):
    sets = (calibration, test)
    first, second = (part_of(s, s["labelled_by"] == person) for s in sets)
    z = scaler(second["logits"])
    estimate = calibkit.estimate_prior(z, source)
    print(f"{person}, n = {len(first['labels'])} and {len(z)}")
    for drawer in (3, 8):
        for name, part in (("calibration", first), ("test", second)):
            share = (part["labels"] == drawer).double().mean()
            print(f"  drawer {drawer}: {share:.1%} of labels, {name}")
        mean = z.softmax(-1)[:, drawer].mean()
        print(f"    mean probability in the test set {mean:.1%}, ", end="")
        print(f"estimate {estimate.proportions[drawer]:.1%}", end="")
        print(f" +- {estimate.standard_errors[drawer]:.1%}")
trusted = test["labelled_by"] != "Cleo"

# %% tags=["solution"]
tempting = calibkit.VectorScaler()
tempting.fit_logits(calibration["logits"], calibration["labels"])
for name, i in (
    ("all pieces", np.full(6000, True)),
    ("without Cleo's", trusted),
):
    change = calibkit.paired_difference(
        calibkit.negative_log_likelihood,
        scaler(test["logits"][i]).softmax(-1),
        tempting(test["logits"][i]).softmax(-1),
        test["labels"][i],
    )
    print(f"vector scaling, {name}, n = {i.sum()}: ", end="")
    print(f"change of the NLL {change.value:+.3f}, ", end="")
    print(f"95% interval {change.low:+.3f} to {change.high:+.3f}")

# %% tags=["wrong"]
agrees = test["logits"].argmax(-1) == test["labels"]
wrong = [
    np.full(6000, True),
    test["labelled_by"] == "Cleo",
    test["labelled_by"] != "Ana",
    test["camera"] == "studio",
    (test["labels"] != 3) & (test["labels"] != 8),
    agrees,
    trusted & agrees.numpy(),
    trusted | (test["labels"] != 8).numpy(),
    (test["labelled_by"] != "Cleo")[:4000],
]

# %% tags=["check"]
if trusted is not None:
    chosen = np.asarray(trusted, dtype=bool)
    assert chosen.shape == (6000,), "enter one boolean for each test piece"
    assert 0 < chosen.mean() < 1, "which pieces do you leave out?"
    parts = list(zip(*(test[column] for column in columns)))
    assert len(set(zip(parts, chosen))) == len(set(parts)), (
        "you divide pieces that are alike in all three columns: a choice by "
        "answer or label changes the accuracy itself"
    )
    assert seal(chosen.astype(int).tolist()) == "666b15fe5251", (
        "does the error of the two drawers vanish from the pieces that you "
        "keep, and does it fill the pieces that you leave out?"
    )
    print("Right: what you keep can be judged. What does the rest need?")

# %% [markdown] tags=["solution"]
# Some labels are wrong. If the network were biased, Ana's and Ben's labels would show it too, but
# theirs agree with the network in both drawers. If the shares had changed since the calibration,
# the labels of the calibration set would not show the same fault. If Cleo had received other
# pieces, the network would see it: it does not use her labels, and the estimates from the logits
# are alike for all three people. Only Cleo's labels differ. She seems to write 8 on nearly all
# pieces of drawer 3.
#
# This also explains the question that exercise 1 left open. Cleo's wrong labels count right answers
# as wrong. They raised the temperature, which became too high for the pieces of Ana and Ben. In
# exercise 5, both temperatures fall when her pieces are left out.
#
# You cannot correct this by changing all her labels from 8 to 3, because more than half of them are
# right. Choosing the pieces where label and answer agree would make every accuracy look perfect. So
# leave out all of Cleo's pieces, whatever their labels are. Because the pieces were shuffled, the
# others are a fair sample.
#
# The tempting repair is vector scaling, which has a factor and a bias for each drawer. On all test
# pieces it lowers the NLL by more than chance explains, because it has learned Cleo's mistake and
# is judged by it. By the labels of Ana and Ben, it makes the network worse. A test set that shares
# the fault of the calibration set rewards the wrong repair.

# %% [markdown]
# 5. Write the report for the museum, on one page. Refit what needs to be fitted again. Then mark
#    your page with this rubric of 20 points, or exchange pages with somebody else:
#
#    - Two points: It says what was examined: the network, the two sets, n, and the number of bins.
#    - Three points: It gives accuracy, NLL and ECE with noise floor or intervals, and it says what
#      the ECE cannot show.
#    - Three points: It names the first fault with its evidence, and how many groups were tested.
#    - Three points: It describes the first repair, where it was fitted, and its effect on other
#      pieces.
#    - Three points: It names the second fault, and the evidence against the other explanations.
#    - Two points: It says what cannot be repaired with these data, and which new data would help.
#    - Two points: It lists what was examined without finding anything.
#    - Two points: A curator without statistics can read it and knows what to do next.

# %% tags=["solution"]
kept = part_of(calibration, calibration["labelled_by"] != "Cleo")
judged = part_of(test, trusted)
own = fit_each_camera(kept)
z = scale_each_camera(own, judged)
report = calibkit.evaluate(z, judged["labels"], groups=judged["camera"])
print(report)
print(report.by_group())
print(report.by_class())

# %% tags=["solution"]
one = calibkit.TemperatureScaler()
_ = one.fit_logits(kept["logits"], kept["labels"])
change = calibkit.paired_difference(
    calibkit.negative_log_likelihood,
    one(judged["logits"]).softmax(-1),
    z.softmax(-1),
    judged["labels"],
)
print(f"change of the NLL {change.value:.3f}, ", end="")
print(f"95% interval {change.low:.3f} to {change.high:.3f}")
rows = torch.cat([calibration["logits"], test["logits"]])
print(f"{len(rows)} rows of logits, {len(rows.unique(dim=0))} different")

# %% tags=["solution"]
days = calibkit.evaluate(z, judged["labels"], groups=judged["day"])
print(days.by_group())
for name, samples in (("calibration", kept), ("test", judged)):
    shares = samples["labels"].bincount(minlength=10) / len(samples["labels"])
    print(f"{name}, shares of the drawers:", *(f"{x:.1%}" for x in shares))

# %% [markdown] tags=["solution"]
# A model report:
#
# **What was examined.** A network that sorts photographs of metal type into ten drawers: the logits
# of 4000 pieces for calibration and 6000 for the test. All ECEs are in 15 bins. No two pieces have
# the same logits, so the sets do not seem to share any. We measured ten groups (two cameras, three
# people, five days), in 15 bins and in one, and ten drawers.
#
# **First fault: one temperature for two cameras.** With one temperature for all, the ECE of 2.0%
# lay within the range of its noise floor, which hid two opposite errors. Accuracy and mean
# confidence were 61.5% and 54.4% for the studio camera, and 47.7% and 51.2% for the phone. In one
# bin, both p-values are at most 0.001, and they stay below 0.05 when we multiply them by the twenty
# tests of groups.
#
# **Second fault: wrong labels.** Cleo, who labelled a third of the pieces, seems to write drawer 8
# on nearly all pieces of drawer 3, in both sets. By her labels, 0.9% of the test pieces belong in
# drawer 3. The network, which does not see labels, estimates 9.1% with a standard error of 1.1%.
# Ana's and Ben's labels agree with the network, so neither a biased network nor changed shares
# explain it.
#
# **What was repaired.** We left out Cleo's pieces and fitted T = 1.58 for the studio and T = 2.27
# for the phone on the other calibration pieces. On 3990 other test pieces the accuracy is 55.8%,
# the NLL 1.307, and the ECE 1.7%, where a calibrated network would show 1.2% to 2.8%. Neither
# camera has a p-value below 0.05. On these test pieces, a single temperature from the same
# calibration pieces has an NLL that is higher by 0.016 (interval 0.011 to 0.021).
#
# **What cannot be repaired.** These data do not tell us for certain which of Cleo's labels are
# wrong. We ask for new labels of the pieces on which she wrote 8 and, because we do not know of her
# other mistakes, of 100 others. A correction with parameters for each drawer must wait for these
# new labels, because vector scaling has learned her mistake.
#
# **Where we found nothing.** No day showed an error, before or after the repair. By the labels of
# Ana and Ben, the shares of the drawers are similar in both sets. The logits are not probabilities
# passed as logits.
#
# **What remains open.** The classwise ECE lies near the upper end of the range of its noise floor,
# so the probabilities of single drawers may still have small errors. We do not know whether the
# network ran in eval mode, because that needs the network itself. We know nothing about a third
# camera.
#
# **For the curator.** For both cameras you may rely on the new confidences, as far as 3990 pieces
# can tell. More than four in ten answers are wrong, so let a person check those with a low
# confidence. Have Cleo's pieces labelled again.
#
# What usually goes wrong in such reports is that a number is given without n, that a repair is
# judged on the pieces that it was fitted to, or that the report does not list the checks that found
# nothing.

# %% [markdown]
# References
# ----------
#
# - Guo, Pleiss, Sun and Weinberger (2017). On Calibration of Modern Neural Networks. ICML.
#   https://arxiv.org/abs/1706.04599
# - Mitchell, Wu, Zaldivar, Barnes, Vasserman, Hutchinson, Spitzer, Raji and Gebru (2019). Model
#   Cards for Model Reporting. FAT*. https://arxiv.org/abs/1810.03993
# - Northcutt, Athalye and Mueller (2021). Pervasive Label Errors in Test Sets Destabilize Machine
#   Learning Benchmarks. NeurIPS Datasets and Benchmarks. https://arxiv.org/abs/2103.14749
# - Hébert-Johnson, Kim, Reingold and Rothblum (2018). Multicalibration: Calibration for the
#   (Computationally-Identifiable) Masses. ICML. https://arxiv.org/abs/1711.08513
