# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Assignment 2: measure calibration, and know what is noise
#
# An expected calibration error, an ECE, is one number. In this assignment you build it with your
# own hands, find out how large it is when nothing is wrong, and read three reliability diagrams.
#
# ## What you will learn
#
# - to compute top-label confidence, correctness, and the ECE in bins of equal width and of equal
#   mass, right at the edges too
# - to simulate the noise floor: the ECE that a perfectly calibrated model would show
# - to read a 95 % range and a p-value off such a simulation
# - to show by experiment that the ECE is biased, and how the bias depends on the number of samples
#   and on the number of bins
# - to say what is wrong with a model from its reliability diagram, and what is only chance
#
# ## How it works
#
# There are 30 points. Plan about 120 minutes.
#
# | question | points | graded by |
# |---|---|---|
# | 1 take confidence and correctness | 2 | machine |
# | 2 compute the ECE | 4 | machine |
# | 3 compute the equal-mass ECE | 4 | machine |
# | 4 simulate a perfect model | 4 | machine |
# | 5 sum up the draws | 3 | machine |
# | 6 show the bias by experiment | 4 | machine |
# | 7 fit the power law | 2 | machine |
# | 8 read three diagrams | 7 | teacher |
#
# **Data.** The logits of the embedded ResNet-20 on 10 000 Glyphs-100 images, split as in the first
# lesson, and simulated predictions. No network and no GPU. The very first run may take half a
# minute, to compute the logits.
#
# **Lessons.** It builds on *Calibrate a network with one number*, *Is this ECE good?* and *Find out
# why calibration failed*.
#
# **Check.** Below each answer stand tests whose messages tell what is probably wrong. At the end,
# choose *Kernel > Restart and Run All*, then run in a terminal
# `nbgrader validate ps2_measuring_calibration.ipynb`. When the notebook is graded, further hidden
# checks run: other data, and the special cases that the text names. Each question is graded by
# itself: a mistake in one costs no points in another.
#
# **Honour.** By handing in this notebook you say that you have worked alone, and that you name
# whatever helped you.

# %% [markdown]
# ## Setup
#
# All functions of this assignment get and give NumPy arrays. Inside you may use NumPy, PyTorch or
# plain loops. Errors and confidences are fractions between 0 and 1, not percentages.

# %%
import numpy as np
from matplotlib import pyplot as plt

import calibkit

N_IMAGES = 10_000  # Glyphs-100 images
N_CALIBRATION = 1000  # of these, to fit the temperature on
SPLIT_SEED = 0
N_DRAWS = 100  # the picture after question 5
SIZES = (250, 500, 1000, 2000, 4000)  # the experiment after question 7
BIN_COUNTS = (5, 15, 50)
N_REPEATS = 40
EXPERIMENT_SEED = 1
MODELS = {  # question 8: samples, two numbers that make the model what it is, and a seed
    "A": (5000, 0.0, 1.45, 3),
    "B": (120, 0.0, 1.0, 4),
    "C": (5000, 1.0, 1.0, 5),
}

# %%
logits, labels = calibkit.glyphs100_logits(N_IMAGES, progress=False)
calib_set, test_set = calibkit.split_calibration(
    labels, N_CALIBRATION, seed=SPLIT_SEED, stratify=labels
)
calib, test = calib_set.indices, test_set.indices
scaler = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])
plain = logits[test].double().softmax(1).numpy()  # probabilities before scaling
scaled = scaler(logits[test]).double().softmax(1).numpy()  # and after
test_labels = labels[test].numpy()
print(f"T = {scaler.temperature:.3f}, probabilities of shape {plain.shape}")

# %% [markdown]
# ## Question 1: take confidence and correctness (2 points)
#
# The ECE looks at the top class only: the class with the largest probability, which is the model's
# answer. Write `top_label`. From `probabilities` of shape (N, C), rows that sum to 1, and `labels`
# of shape (N,), class indices from 0 to C - 1, it gives two arrays of shape (N,):
#
# - `confidence`: the probability of the top class
# - `correct`: whether the top class is the label, `True` or `False`
#
# From here on an ECE needs nothing else. The function has to work for any number of classes from 2
# on.


# %% solution="top_label"
def top_label(probabilities, labels):
    """Confidence of the answer, and whether the answer is right.

    Parameters
    ----------
    probabilities : array, shape (N, C)
    labels : array of integers, shape (N,)

    Returns
    -------
    confidence : array, shape (N,)
    correct : array of booleans, shape (N,)
    """
    ### BEGIN SOLUTION
    return probabilities.max(1), probabilities.argmax(1) == labels
    ### END SOLUTION


# %% tests="top_label" points=2
small = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.1, 0.6], [0.8, 0.1, 0.1]])
found = top_label(small, np.array([0, 2, 2, 0]))
assert len(found) == 2, "give two arrays: confidence and correct"
confidence_found, correct_found = (np.asarray(x) for x in found)
assert confidence_found.shape == (4,), "one confidence for each row: take the maximum along axis 1"
assert correct_found.shape == (4,), "one True or False for each row"
assert np.allclose(confidence_found, [0.7, 0.5, 0.6, 0.8]), (
    "the confidence is the largest probability of each row, whether the answer is right or not"
)
assert correct_found.astype(int).tolist() == [1, 0, 1, 1], (
    "an answer is right where the class of the largest probability is the label"
)
### BEGIN HIDDEN TESTS
for p, y in ((plain[:1500], test_labels[:1500]), (scaled[-300:], test_labels[-300:])):
    confidence_found, correct_found = (np.asarray(x) for x in top_label(p.copy(), y.copy()))
    for row, label, c, hit in zip(p.tolist(), y.tolist(), confidence_found, correct_found):
        assert abs(c - max(row)) < 1e-5, "the confidence is the largest probability of each row"
        assert bool(hit) == (row.index(max(row)) == label), (
            "an answer is right where the class of the largest probability is the label, "
            "also with a confidence below one half"
        )
two = np.array([[0.4, 0.6], [0.9, 0.1], [0.45, 0.55]])
confidence_found, correct_found = (np.asarray(x) for x in top_label(two, np.array([0, 0, 1])))
assert np.allclose(confidence_found, [0.6, 0.9, 0.55]), (
    "with two classes too the confidence is the larger of the two probabilities"
)
assert correct_found.astype(int).tolist() == [0, 1, 1], "two classes: the larger one is the answer"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 2: compute the ECE (4 points)
#
# Cut the line from 0 to 1 into `n_bins` pieces of equal width, the bins. Each sample falls into the
# bin of its confidence. Bin $b$ then holds $n_b$ of the $n$ samples. Its accuracy
# $\mathrm{acc}_b$ is the share of them that are correct, and $\mathrm{conf}_b$ is the mean of their
# confidences. The ECE is the mean of the gaps, weighted by the share of the samples:
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n} \, \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert$$
#
# Write `ece`. It gives one number. Mind three things that go wrong in published code:
#
# - A confidence of exactly 1.0 belongs to the last bin, together with 0.99. It must neither be lost
#   nor get a bin of its own.
# - Each sample is counted in exactly one bin. Where a confidence lies on the edge between two bins,
#   you choose: calibkit puts all such samples into the upper bin, some papers into the lower one.
#   Both count as right here. To lose it, or to count it twice, does not.
# - An empty bin adds 0.
#
# Later on `ece` is called nearly a thousand times. A loop over the bins is fast enough, one over
# the samples just about.


# %% solution="ece"
def ece(confidence, correct, n_bins=15):
    """Expected calibration error in bins of equal width.

    Parameters
    ----------
    confidence : array, shape (N,)
        Above 0 and at most 1.
    correct : array of booleans, shape (N,)
    n_bins : int

    Returns
    -------
    float
    """
    ### BEGIN SOLUTION
    edges = np.arange(1, n_bins) / n_bins
    bin_of = np.digitize(confidence, edges)
    gap = np.bincount(bin_of, correct - confidence, n_bins)  # n_b times the gap of bin b
    return np.abs(gap).sum() / len(confidence)
    ### END SOLUTION


# %% tests="ece" points=4
three = np.array([0.75, 0.75, 0.85]), np.array([True, False, True])
assert abs(float(ece(*three, n_bins=5)) - (2 / 3 * 0.25 + 1 / 3 * 0.15)) < 1e-5, (
    "two samples share a bin with gap 0.75 - 0.5, one is alone with gap 1 - 0.85; "
    "the first bin weighs 2/3, the other 1/3"
)
assert abs(float(ece(*three, n_bins=1)) - abs(2 / 3 - 2.35 / 3)) < 1e-5, (
    "in one bin the ECE is the distance between accuracy and mean confidence"
)
opposite = np.array([0.55, 0.95]), np.array([True, False])
assert abs(float(ece(*opposite, n_bins=10)) - (0.45 + 0.95) / 2) < 1e-5, (
    "a gap up and a gap down in two bins do not cancel: take absolute values bin by bin"
)
### BEGIN HIDDEN TESTS
sure = np.array([0.95, 1.0]), np.array([True, False])
assert abs(float(ece(*sure, n_bins=15)) - 0.475) < 1e-5, (
    "confidence 1.0 belongs to the last bin, together with 0.95: not lost, not alone"
)


def by_loop(confidence, correct, n_bins, upper=True):
    sums = {}
    for p, hit in zip(confidence.tolist(), correct.tolist()):
        k = min(int(p * n_bins), n_bins - 1) if upper else int(np.ceil(p * n_bins)) - 1
        sums[k] = sums.get(k, 0) + hit - p
    return sum(abs(x) for x in sums.values()) / len(confidence)


edges = np.array([0.25, 0.3, 0.4, 0.5, 0.6, 0.75, 0.75, 0.9])
hits = np.array([True, False, False, True, False, True, False, False])
either = [by_loop(edges, hits, 4, upper) for upper in (True, False)]
assert min(abs(float(ece(edges, hits, n_bins=4)) - x) for x in either) < 1e-5, (
    "a confidence on an edge belongs to one of the two bins, and to the same side at every edge"
)
rng_hidden = np.random.default_rng(20)
for n, k in ((3, 15), (400, 7), (3000, 15), (3000, 40)):
    p = rng_hidden.uniform(0.1, 1, n) ** 0.5
    y = rng_hidden.random(n) < p**2
    value = float(ece(p.copy(), y.copy(), n_bins=k))
    assert np.isfinite(value), "an empty bin adds 0: do not divide by its count of 0"
    assert abs(value - by_loop(p, y, k)) < 2e-5, (
        "the ECE weights each bin by its share of the samples, and takes the gap between its "
        f"accuracy and its mean confidence, not its centre (n = {n}, {k} bins)"
    )
value = float(ece(scaled.max(1), scaled.argmax(1) == test_labels))
assert abs(value - calibkit.calibration_error(scaled, test_labels)) < 5e-4, (
    "on the 9000 Glyphs-100 images calibkit finds another ECE, in 15 bins (the default)"
)
### END HIDDEN TESTS

# %% [markdown]
# Your numbers on Glyphs-100. The first lesson found 14.0 % and 1.7 %.

# %%
for name, probabilities in (("before", plain), ("after", scaled)):
    print(f"{name} scaling: ECE {ece(*top_label(probabilities, test_labels)):.1%} in 15 bins")

# %% [markdown]
# ## Question 3: compute the equal-mass ECE (4 points)
#
# Bins of equal width are filled unevenly: some hold thousands of samples, some a handful. Bins of
# *equal mass* hold equally many samples. Sort the samples by confidence and cut the row into
# `n_bins` pieces of the same length: the lowest confidences, the next ones, and so on. The error is
# the same weighted mean of gaps as in question 2, only with these bins.
#
# Write `equal_mass_ece`, for any number of samples from `n_bins` on.
#
# - Where the number of samples cannot be divided by `n_bins`, lengths differ by one. Which pieces
#   are the longer ones is up to you. No sample is left out, and each piece weighs by its samples.
# - Equal confidences on both sides of a cut would make the result depend on the order of the
#   samples. calibkit keeps them together. You need not: no test has such a case.


# %% solution="equal_mass_ece"
def equal_mass_ece(confidence, correct, n_bins=15):
    """Expected calibration error in bins of equally many samples.

    Parameters
    ----------
    confidence : array, shape (N,)
        Above 0 and at most 1, in any order.
    correct : array of booleans, shape (N,)
    n_bins : int
        At most N.

    Returns
    -------
    float
    """
    ### BEGIN SOLUTION
    gaps = (correct - confidence)[np.argsort(confidence)]
    return sum(abs(piece.sum()) for piece in np.array_split(gaps, n_bins)) / len(gaps)
    ### END SOLUTION


# %% tests="equal_mass_ece" points=4
four = np.array([0.9, 0.6, 0.8, 0.7]), np.array([False, True, True, True])
assert abs(float(equal_mass_ece(*four, n_bins=2)) - (0.35 + 0.35) / 2) < 1e-5, (
    "sorted, 0.6 and 0.7 make the first bin, both right: gap 1 - 0.65; "
    "0.8 and 0.9 the second, one right: gap 0.85 - 0.5"
)
assert abs(float(equal_mass_ece(*four, n_bins=1)) - 0.0) < 1e-5, (
    "in one bin the error is the distance between accuracy and mean confidence, here 0.75 and 0.75"
)
assert abs(float(equal_mass_ece(*four, n_bins=4)) - (0.4 + 0.3 + 0.2 + 0.9) / 4) < 1e-5, (
    "with as many bins as samples each sample is a bin"
)
### BEGIN HIDDEN TESTS
rng_hidden = np.random.default_rng(30)
for n, k in ((1000, 10), (3000, 15), (60, 20)):
    u = rng_hidden.random(n)
    p = 0.6 + 0.1 * u  # few bins of equal width hold all of them
    y = rng_hidden.random(n) < p + 0.3 * np.sin(12 * u)
    data = np.stack([p, 1 - p], 1), 1 - y.astype(int)
    value = float(equal_mass_ece(p.copy(), y.copy(), n_bins=k))
    assert abs(value - calibkit.calibration_error(*data, n_bins=k)) > 1e-3, (
        "these bins have equal width, not equal mass"
    )
    expected = calibkit.calibration_error(*data, n_bins=k, binning="quantile")
    assert abs(value - expected) < 2e-5, (
        "sort by confidence, carry correctness along, cut into pieces of equal length, "
        f"and take the weighted mean of the gaps (n = {n}, {k} bins)"
    )
five = np.array([0.95, 0.55, 0.65, 0.85, 0.75]), np.array([False, True, False, True, False])
gap_of_five = np.array([1 - 0.55, -0.65, -0.75, 1 - 0.85, -0.95])  # sorted
either = [(abs(gap_of_five[:k].sum()) + abs(gap_of_five[k:].sum())) / 5 for k in (2, 3)]
assert min(abs(float(equal_mass_ece(*five, n_bins=2)) - x) for x in either) < 1e-5, (
    "5 samples in 2 bins are 2 and 3: no sample may be left out, and the bins weigh 2/5 and 3/5"
)
expected = calibkit.calibration_error(scaled, test_labels, binning="quantile")
value = float(equal_mass_ece(scaled.max(1), scaled.argmax(1) == test_labels))
assert abs(value - expected) < 5e-4, (
    "on the 9000 Glyphs-100 images calibkit finds another equal-mass ECE, in 15 bins (the default)"
)
### END HIDDEN TESTS

# %% [markdown]
# Both errors of the scaled model, against the number of bins:

# %%
confidence, correct = top_label(scaled, test_labels)
numbers = (1, 2, 5, 10, 15, 20, 30, 50, 80, 120)
fig, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
kinds = (("width", ece, "o-", "#0072B2"), ("mass", equal_mass_ece, "s--", "#D55E00"))
for name, error, style, color in kinds:
    values = [100 * error(confidence, correct, n_bins=k) for k in numbers]
    ax.plot(numbers, values, style, color=color, label=f"bins of equal {name}")
ax.set(xlabel="number of bins", ylabel="ECE, %", ylim=0)
ax.set_title("One model, one test set, many different ECEs")
_ = ax.legend()

# %% [markdown]
# The model has not changed from left to right, only the ruler has. Questions 4 to 7 find out how
# much of this climb a perfect model would show too.
#
# ## Question 4: simulate a perfect model (4 points)
#
# Keep the confidences of a model, and draw anew which answers are right: sample $i$ is correct with
# probability $\mathrm{confidence}_i$, independently of all others. Such a model is perfectly
# calibrated, for it is right exactly as often as it claims. What it shows is chance.
#
# Write `simulate_errors`. It repeats this `n_draws` times: draw the correctness of all samples,
# then take the error of this draw with `error(confidence, correct)`, which gives one number. It
# returns the `n_draws` numbers in an array.
#
# `error` is a function that is passed in, for example your `ece`, or a short one that a test makes.
# It gets two NumPy arrays of shape (N,): the confidences of all samples as they are, and booleans.
#
# `seed` is an integer: the same seed gives the same array, another seed another one. Make one
# random generator from it, for example with `np.random.default_rng(seed)`.


# %% solution="simulate_errors"
def simulate_errors(confidence, error, n_draws=200, seed=0):
    """Errors that a perfectly calibrated model with these confidences shows.

    Parameters
    ----------
    confidence : array, shape (N,)
    error : function
        Called as ``error(confidence, correct)``, gives a number.
    n_draws : int
    seed : int

    Returns
    -------
    array, shape (n_draws,)
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    return np.array(
        [error(confidence, rng.random(len(confidence)) < confidence) for _ in range(n_draws)]
    )
    ### END SOLUTION


# %% tests="simulate_errors" points=4
def gap_in_one_bin(confidence, correct):
    return abs(np.mean(np.asarray(correct, dtype=float)) - np.mean(np.asarray(confidence)))


draws = np.asarray(simulate_errors(np.full(100, 0.7), gap_in_one_bin, n_draws=50, seed=1))
assert draws.shape == (50,), "one error for each of the n_draws draws"
again = np.asarray(simulate_errors(np.full(100, 0.7), gap_in_one_bin, n_draws=50, seed=1))
assert (draws == again).all(), "the same seed gives the same draws"
assert draws.max() > draws.min(), "all draws are equal: make the generator once, before the loop"
certain = np.asarray(simulate_errors(np.ones(100), gap_in_one_bin, n_draws=5, seed=1))
assert np.allclose(certain, 0), "a sample of confidence 1 is always correct"
### BEGIN HIDDEN TESTS
other = np.asarray(simulate_errors(np.full(100, 0.7), gap_in_one_bin, n_draws=50, seed=2))
assert not np.array_equal(draws, other), "another seed gives other draws"
seen = []


def keep(confidence, correct):
    seen.append((np.array(confidence, dtype=float), np.array(correct, dtype=float)))
    return len(seen)


def error_in_bins(confidence, correct):
    rows = np.stack([confidence, 1 - np.asarray(confidence)], 1)
    return calibkit.calibration_error(rows, 1 - np.asarray(correct, dtype=int))


levels = np.repeat([0.05, 0.4, 0.6, 0.9], 50)
simulate_errors(levels.copy(), keep, n_draws=400, seed=3)
assert len(seen) >= 400, "call error once in each draw"
assert all(np.allclose(np.sort(c), levels) for c, _ in seen), (
    "the confidences stay as they are: only the correctness is drawn"
)
for level in (0.05, 0.4, 0.6, 0.9):
    share = np.array([y[np.isclose(c, level)].mean() for c, y in seen])
    assert abs(share.mean() - level) < 0.02, (
        f"samples of confidence {level} must be correct with probability {level}"
    )
    assert 0.75 < share.std() / (level * (1 - level) / 50) ** 0.5 < 1.25, (
        "draw every sample of every draw by itself, with a random number of its own"
    )
p = np.random.default_rng(40).uniform(0.5, 1, 800)
perfect = calibkit.noise_floor(np.stack([p, 1 - p], 1)).mean
found = simulate_errors(p, error_in_bins, n_draws=400, seed=4)
assert abs(np.mean(np.asarray(found)) / perfect - 1) < 0.1, (
    f"a perfect model with these confidences shows an ECE of {perfect:.1%} on average"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Question 5: sum up the draws (3 points)
#
# The draws tell what chance alone does. Write `sum_up`. From an error `measured`, one number, and
# `draws`, an array of errors of a perfect model, it gives four numbers:
#
# - `mean`: the mean of the draws, the noise floor
# - `low` and `high`: the range that holds the middle 95 % of the draws, so that 2.5 % of them are
#   below `low` and 2.5 % above `high` (the 2.5 % and the 97.5 % quantile)
# - `p_value`: how often a perfect model shows an error as large as `measured`, or larger. With $k$
#   such draws among $m$,
#
# $$p = \frac{1 + k}{1 + m}$$
#
# The two ones count the measured error itself as a draw. So $p$ is never 0: from 200 draws we
# cannot know that something never happens.


# %% solution="sum_up"
def sum_up(measured, draws):
    """Noise floor, its 95 % range, and the p-value of a measured error.

    Parameters
    ----------
    measured : float
    draws : array, shape (M,)

    Returns
    -------
    mean, low, high, p_value : float
    """
    ### BEGIN SOLUTION
    low, high = np.quantile(draws, [0.025, 0.975])
    return np.mean(draws), low, high, (1 + np.sum(draws >= measured)) / (1 + len(draws))
    ### END SOLUTION


# %% tests="sum_up" points=3
hundredths = np.arange(1, 100) / 100  # 0.01, 0.02, ..., 0.99
mean, low, high, p = (float(x) for x in sum_up(0.9, hundredths))
assert abs(mean - 0.5) < 1e-5, "the mean of the draws is 0.5 here"
assert abs(low - 0.03) < 0.011, "2.5 % of the draws lie below the lower end, near 0.03 here"
assert abs(high - 0.97) < 0.011, "2.5 % of the draws lie above the upper end, near 0.97 here"
assert abs(p - 11 / 100) < 1e-5, (
    "ten of 99 draws are 0.9 or larger, 0.9 itself among them: p = (1 + 10) / (1 + 99)"
)
### BEGIN HIDDEN TESTS
skewed = np.random.default_rng(50).permutation(np.linspace(0, 1, 4001) ** 4)
mean, low, high, p = (float(x) for x in sum_up(0.5, skewed))
assert abs(mean - skewed.sum() / 4001) < 1e-5, "the floor is the mean of the draws, not the median"
assert abs(low - 0.025**4) < 1e-4, (
    "the lower end is the 2.5 % quantile of the draws; mean less two standard deviations is not it"
)
assert abs(high - 0.975**4) < 0.005, "the upper end is the 97.5 % quantile of the draws"
k = sum(x >= 0.5 for x in skewed.tolist())
assert abs(p - (1 + k) / 4002) < 1e-5, "p counts the draws that are as large as measured, or larger"
assert abs(float(sum_up(2.0, skewed)[3]) - 1 / 4002) < 1e-7, (
    "p is never 0: the measured error counts as a draw, above and below the line"
)
assert abs(float(sum_up(-1.0, skewed)[3]) - 1) < 1e-6, "p is 1 where all draws are larger"
assert abs(float(sum_up(0.0, np.zeros(9))[3]) - 1) < 1e-6, "a draw as large as measured counts"
### END HIDDEN TESTS

# %% [markdown]
# Put together: the scaled model on the first 1000 and on all 9000 test images.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
fig.suptitle("The ECE after scaling, among the ECEs of perfect models")
for ax, n in zip(axes, (1000, len(scaled))):
    confidence, correct = top_label(scaled[:n], test_labels[:n])
    measured, draws = ece(confidence, correct), simulate_errors(confidence, ece, N_DRAWS)
    mean, low, high, p = sum_up(measured, draws)
    ax.hist(100 * draws, 15, color="0.6")
    ax.axvspan(100 * low, 100 * high, color="0.5", alpha=0.25, label="95 % of draws")
    ax.axvline(100 * measured, color="#D55E00", label=f"our ECE, {measured:.1%}")
    ax.set(title=f"n = {n}, floor {mean:.1%}, p = {p:.2f}", xlabel="ECE, %", ylabel="draws")
    ax.legend()

# %% [markdown]
# On 1000 images our ECE lies in the middle of the draws, on 9000 near the upper end.
#
# ## Question 6: show the bias by experiment (4 points)
#
# The true calibration error of a perfect model is 0, and its mean ECE is above 0. An estimate that
# is wrong on average is called *biased*. You show how the bias depends on the number of samples and
# on the number of bins.
#
# Write `bias_table`. For one number of samples $n$ and one number of bins, do `n_repeats` times:
#
# 1. draw $n$ new confidences, evenly (uniformly) between 0.5 and 1
# 2. draw for each sample whether it is correct, with the probability of its confidence
# 3. take `error(confidence, correct, n_bins)`, which gives one number
#
# The mean of the `n_repeats` errors is one entry of the table. The table has a row for each of
# `sizes` and a column for each of `bin_counts`. As in question 4, `error` is passed in, gets NumPy
# arrays of shape (n,), and `seed` makes the result repeatable: one generator for the whole table.


# %% solution="bias_table"
def bias_table(sizes, bin_counts, error, n_repeats=50, seed=0):
    """Mean error of a perfectly calibrated model.

    Parameters
    ----------
    sizes : sequence of int
        Numbers of samples.
    bin_counts : sequence of int
        Numbers of bins.
    error : function
        Called as ``error(confidence, correct, n_bins)``, gives a number.
    n_repeats : int
    seed : int

    Returns
    -------
    array, shape (len(sizes), len(bin_counts))
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    table = np.zeros((len(sizes), len(bin_counts)))
    for i, n in enumerate(sizes):
        for _ in range(n_repeats):
            confidence = rng.uniform(0.5, 1, n)
            correct = rng.random(n) < confidence
            table[i] += [error(confidence, correct, n_bins) for n_bins in bin_counts]
    return table / n_repeats
    ### END SOLUTION


# %% tests="bias_table" points=4
def size_and_bins(confidence, correct, n_bins):
    return 1000 * len(confidence) + n_bins


def mean_confidence(confidence, correct, n_bins):
    return np.mean(np.asarray(confidence))


table = np.asarray(bias_table((10, 20, 30), (5, 15), size_and_bins, n_repeats=3, seed=1))
assert table.shape == (3, 2), "a row for each number of samples, a column for each number of bins"
expected = [[1000 * n + n_bins for n_bins in (5, 15)] for n in (10, 20, 30)]
assert np.allclose(table, expected), (
    "pass n confidences and the number of bins to error, and take the mean over the repeats"
)
table = np.asarray(bias_table((2000,), (1,), mean_confidence, n_repeats=20, seed=1))
assert abs(table[0, 0] - 0.75) < 0.01, "confidences between 0.5 and 1 are 0.75 on average"
### BEGIN HIDDEN TESTS
seen = []


def keep_draw(confidence, correct, n_bins):
    seen.append((np.array(confidence, dtype=float), np.array(correct, dtype=float)))
    return float(len(seen))


def error_in_bins(confidence, correct, n_bins):
    rows = np.stack([confidence, 1 - np.asarray(confidence)], 1)
    return calibkit.calibration_error(rows, 1 - np.asarray(correct, dtype=int), n_bins=n_bins)


bias_table((200,), (5,), keep_draw, n_repeats=60, seed=2)
assert len({(c.tobytes(), y.tobytes()) for c, y in seen}) >= 60, (
    "call error in each of the n_repeats repeats, with a new draw: make the generator once"
)
p, y = np.concatenate([c for c, _ in seen]), np.concatenate([y for _, y in seen])
assert 0.5 <= p.min() <= p.max() <= 1, "the confidences lie between 0.5 and 1"
assert abs(p.std() - 0.5 / 12**0.5) < 0.01, "the confidences are spread evenly from 0.5 to 1"
for start in (0.5, 0.7, 0.9):
    inside = (p >= start) & (p <= start + 0.1)
    assert abs(y[inside].mean() - p[inside].mean()) < 0.05, (
        "a sample is correct with the probability of its confidence"
    )
table = np.asarray(bias_table((400, 1600), (10, 40), error_in_bins, n_repeats=200, seed=3))
rng_hidden = np.random.default_rng(60)
for i, n in enumerate((400, 1600)):
    for j, k in enumerate((10, 40)):
        draws = [(c, rng_hidden.random(n) < c) for c in rng_hidden.uniform(0.5, 1, (300, n))]
        expected = np.mean([error_in_bins(c, hit, k) for c, hit in draws])
        assert abs(table[i, j] / expected - 1) < 0.15, (
            f"with n = {n} and {k} bins the mean ECE is {expected:.2%}, yours is {table[i, j]:.2%}"
        )
first, again, other = (bias_table((50,), (10,), error_in_bins, 5, seed) for seed in (4, 4, 5))
assert np.array_equal(first, again), "the same seed gives the same table"
assert not np.allclose(first, other), "another seed gives another table"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 7: fit the power law (2 points)
#
# How fast does the bias fall? A *power law* says $\mathrm{ECE} \approx a \, n^b$. With logarithms
# on both sides it is a straight line:
#
# $$\log \mathrm{ECE} \approx \log a + b \log n$$
#
# Write `fit_power_law`. From `sizes`, an array of $n$, and `errors`, an array of ECEs of the same
# length, all above 0, it gives the two numbers $a$, the factor, and $b$, the exponent. Take the
# line through all points that has the smallest sum of squared distances between the logarithms
# (`np.polyfit` finds it). Mind that the line gives $\log a$, and we want $a$.


# %% solution="fit_power_law"
def fit_power_law(sizes, errors):
    """Factor a and exponent b of errors that are about ``a * sizes**b``.

    Parameters
    ----------
    sizes, errors : array, shape (K,)
        Above 0.

    Returns
    -------
    a, b : float
    """
    ### BEGIN SOLUTION
    exponent, log_factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return np.exp(log_factor), exponent
    ### END SOLUTION


# %% tests="fit_power_law" points=2
a, b = fit_power_law(np.array([100, 400, 1600]), np.array([0.2, 0.1, 0.05]))
assert abs(float(b) + 0.5) < 1e-3, "four times the samples, half the error: the exponent is -0.5"
assert abs(float(a) - 2) < 1e-2, "0.2 = a * 100 ** -0.5 gives a = 2; did you undo the logarithm?"
### BEGIN HIDDEN TESTS
n = np.array([30.0, 100, 250, 1000, 5000, 20_000])
for factor, exponent in ((3.0, -1.0), (0.07, -0.3), (1.0, 0.5)):
    a, b = (float(x) for x in fit_power_law(n, factor * n**exponent))
    assert abs(b - exponent) < 1e-3, (
        f"an exact power law with exponent {exponent} gives b = {b:.3f}"
    )
    assert abs(a / factor - 1) < 1e-2, f"an exact power law with factor {factor} gives a = {a:.3f}"
noisy = 2 * n**-0.5 * np.array([1.3, 0.8, 1.1, 0.9, 1.4, 0.7])
x, z = np.log(n), np.log(noisy)
slope = ((x - x.mean()) * (z - z.mean())).sum() / ((x - x.mean()) ** 2).sum()
a, b = (float(v) for v in fit_power_law(n, noisy))
assert abs(b - slope) < 2e-3, (
    "take all points, not two of them, and the least squares of the logarithms of the errors"
)
assert abs(a / np.exp(z.mean() - slope * x.mean()) - 1) < 2e-2, (
    "the factor belongs to the line with the smallest sum of squared distances"
)
twice_a, same_b = (float(v) for v in fit_power_law(n, 2 * noisy))
assert np.allclose([same_b, twice_a], [b, 2 * a], rtol=5e-3), (
    "twice the errors give twice the factor and the same exponent"
)
### END HIDDEN TESTS

# %% [markdown]
# Now the experiment itself, with your functions.

# %%
table = bias_table(SIZES, BIN_COUNTS, ece, n_repeats=N_REPEATS, seed=EXPERIMENT_SEED)
fig, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
for means, n_bins, color in zip(table.T, BIN_COUNTS, ("#0072B2", "#D55E00", "0.3")):
    a, b = fit_power_law(np.array(SIZES), means)
    ax.plot(SIZES, 100 * means, "o", color=color)
    line = 100 * a * np.array(SIZES) ** b
    ax.plot(
        SIZES, line, color=color, label=f"{n_bins} bins: {100 * a:.0f} % times n to the {b:.2f}"
    )
ax.set(xscale="log", yscale="log", xlabel="n, samples", ylabel="mean ECE of a perfect model, %")
ax.set_xticks(SIZES, SIZES)
ax.set_yticks([0.5, 1, 2, 5, 10], [0.5, 1, 2, 5, 10])
ax.minorticks_off()
ax.set_title("The bias falls with n, and grows with the number of bins")
_ = ax.legend()

# %% [markdown]
# The exponents are near -0.5: the bias falls like $1 / \sqrt{n}$, and half the bias takes four
# times the samples. From 5 to 50 bins it grows, because each bin holds fewer samples and so has a
# noisier gap.
#
# ## Three models
#
# Three models with 10 classes were measured on test sets of their own. How they came about is
# hidden in the numbers of `MODELS`: read the pictures, not the code.


# %%
def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def predictions(n, bend, stretch, seed):
    """Probabilities of a simulated model of 10 classes, and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 10))
    z[np.arange(n), rng.integers(10, size=n)] += rng.uniform(0, 7, n)
    p = softmax(z)
    y = (rng.random((n, 1)) > p.cumsum(1)[:, :-1]).sum(1)
    return softmax(stretch * ((p**bend - 1) / bend if bend else np.log(p))), y


# %%
fig, axes = plt.subplots(1, 3, figsize=(13.2, 5), layout="constrained")
fig.suptitle("Three models: what is wrong in each?")
predicted = {name: predictions(*numbers) for name, numbers in MODELS.items()}
for ax, (name, (p, y)) in zip(axes, predicted.items()):
    calibkit.reliability_diagram(p, y, title=f"Model {name}", ax=ax)
    ax.get_legend().set_visible(name == "A")  # it holds for all three
    print(f"{name}: accuracy {calibkit.accuracy(p, y):.1%}, n = {len(y)}")

# %% [markdown]
# `predicted["A"]` holds the probabilities and the labels of model A, and so on. Measure what you
# like, with your own functions or with calibkit's (`calibkit.noise_floor`,
# `calibkit.calibration_test`), in this cell or in new ones:

# %%
probabilities_a, labels_a = predicted["A"]

# %% [markdown]
# ## Question 8: read three diagrams (7 points)
#
# A and B have nearly the same ECE. That does not mean that the same is wrong with both. What is
# wrong with each of the three models, or with the way it was measured or used? One of them is the
# victim of a bug in the code around the model.
#
# Write about A, B and C, three to five sentences each:
#
# 1. what the diagram shows: where bars and dots lie, how the bars end beside the grey bands, and
#    how many samples there are
# 2. at least one number that you have measured and that backs it. For A and B that is the ECE
#    beside its noise floor, or a p-value. For C compare the largest confidence with the accuracy
# 3. the likely cause, and what you would do next

# %% [markdown] essay="three_diagrams" points=7
# ### BEGIN SOLUTION
# **Model A is overconfident.** All bars end below their dots and below the grey bands, but for the
# first, of 12 samples: at a confidence of 90 % about 72 % are right. The ECE is 10.8 %, a perfect
# model with 5000 samples shows 1.3 % (0.8 % to 2.0 %), and p is as small as the number of draws
# allows. So it is no chance.
# The logits are too large, as with a network that has learned its training images by heart, or that
# now meets harder images. Next: fit a temperature on a held-out calibration set, it will be above
# 1, and measure again on other images.
#
# **Model B has too few samples to tell.** The bars jump up and down around the dots, and all
# end within the grey bands, which are huge: a bin holds a handful of the 120 samples. The ECE is
# 10.9 %, and a perfect model would show 9.7 % (5.9 % to 13.8 %), p is 0.3. So chance explains the
# ECE. That does not show that B is calibrated. Next: get more test samples (a hundred times as many
# bring the floor to 1 %), or take fewer bins, chosen before looking. Do not "repair" the model.
#
# **Model C went through the softmax twice.** The dots stand at 10 % to 23 %, and the bars far above
# them and their bands: it looks underconfident, with an ECE of 48 %. But 65 % of the answers are
# right, and no confidence of 5000 is above 0.232. That is what the softmax makes of probabilities
# with 10 classes: at most e / (e + 9) = 0.232, at least 0.1. The bars rise, so the model still
# knows which answers are safe. Next: find the place where probabilities are passed as logits, pass
# what comes before the softmax, and draw the diagram again. A temperature fitted to these numbers
# would hide the bug.
#
# **Rubric, 7 points.** The numbers hold for the seeds as they are.
#
# - A, 2 points: overconfident, bars below dots and bands, with the ECE beside the floor or p (1);
#   a cause that makes logits too large, and a temperature or another scaler on held-out data (1).
# - B, 2 points: chance explains the ECE, few samples, with floor or p (1); more samples, and no
#   claim that B *is* calibrated (1). "Miscalibrated", or "scale it", gives 0 for B.
# - C, 3 points: bars far above dots, and confidences that end at 0.23 while accuracy is 65 %,
#   which no honest model would show (1); softmax twice, or probabilities taken for logits (1); mend
#   the code, not the output (1). "Underconfident, fit a temperature" alone gives 1 for C.
# - Take off 1 point where no number of the student's own measuring stands in the whole answer.
# ### END SOLUTION
