# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Measure calibration, and know what is noise
#
# The expected calibration error (ECE) is a single number. In this assignment you build it yourself,
# find out how large it is for a model with nothing wrong, and read three reliability diagrams.
#
# ## What you will learn
#
# - to compute the top-label confidence, the correctness, and the ECE in bins of equal width and of
#   equal mass, including the cases at the edges
# - to simulate the noise floor, which is the ECE that a perfectly calibrated model would show
# - to read a 95% range and a p-value from such a simulation
# - to show by experiment that the ECE is biased, and how the bias depends on the number of samples
#   and on the number of bins
# - to say what a reliability diagram shows about a model, and what may be only chance
#
# ## How it works
#
# 30 points, about 135 minutes.
#
# | question | points | graded by | minutes |
# |---|---|---|---|
# | read this introduction | | | 5 |
# | 1 confidence and correctness | 2 | machine | 5 |
# | 2 bins of equal width | 3 | machine | 15 |
# | 3 the ECE of given bins | 3 | machine | 10 |
# | 4 bins of equal mass | 3 | machine | 15 |
# | 5 simulate a perfect model | 3 | machine | 10 |
# | 6 summarise the draws | 3 | machine | 10 |
# | 7 show the bias by experiment | 3 | machine | 10 |
# | 8 fit a power law | 3 | machine | 10 |
# | 9 read three diagrams | 7 | teacher | 45 |
#
# *Data*: the logits that a small network, which comes with calibkit, gives to 10 000 images of
# Glyphs-100, split as in lesson 10, and simulated predictions. You need no network connection and
# no GPU. The first run on a machine takes about half a minute longer, because it computes the
# logits.
#
# *Builds on*: lessons 10 (temperature scaling), 20 (reliability diagrams) and 30 (pitfalls).
#
# *How to check*: each question has a cell of tests below your answer, whose messages say what is
# probably wrong. When you are done, choose *Kernel > Restart and Run All*, then run
# `nbgrader validate ps2_measuring_calibration.ipynb` in a terminal. Further tests, which you do not
# see, run when the notebook is graded. They test what the text asks for, on other numbers. A
# question gives its points if all its tests pass. The tests of a question never use your answers to
# other questions, so if you are stuck, go on with the next.
#
# *Honesty*: by handing in this notebook you declare that you worked alone and that the answers are
# your own.

# %% [markdown]
# ## Set up
#
# These rules hold for every function that you write here:
#
# - It gets NumPy arrays and leaves them unchanged. Inside, you may use NumPy, PyTorch or plain
#   loops.
# - Where the text asks for an array, you may also return a tensor or a list.
# - Errors and confidences are fractions between 0 and 1, not percentages. A result may differ from
#   the exact one by 0.00001, so float32 is precise enough.

# %%
import numpy as np
from matplotlib import pyplot as plt

import calibkit

N_IMAGES = 10_000  # of Glyphs-100
N_CALIBRATION = 1000  # of these images, we fit the temperature on so many
SPLIT_SEED = 0
N_DRAWS = 100  # for the figure after question 6
SIZES = (250, 500, 1000, 2000, 4000)  # for the experiment after question 8
BIN_COUNTS = (5, 15, 50)
N_REPEATS = 40
EXPERIMENT_SEED = 1
MODELS = {  # for question 9: samples, two numbers that make the model what it is, and a seed
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
plain = logits[test].double().softmax(1).numpy()  # the probabilities before scaling
scaled = scaler(logits[test]).double().softmax(1).numpy()  # and after scaling
test_labels = labels[test].numpy()
print(f"T = {scaler.temperature:.3f}, probabilities of shape {plain.shape}")

# %% [markdown]
# ## Question 1: compute confidence and correctness (2 points)
#
# The ECE looks only at the top class. This is the class with the largest probability, which is the
# model's answer. Write `top_label`. It takes `probabilities` of shape (N, C), whose rows sum to 1,
# and `labels` of shape (N,), which are class numbers from 0 to C - 1. It returns two arrays of
# shape (N,):
#
# - `confidence`: the probability of the top class
# - `correct`: `True` where the top class is the label, and `False` where it is not
#
# Your function must work for any number of classes C from 2 on. No test has two classes that share
# the largest probability.


# %% solution="top_label"
def top_label(probabilities, labels):
    """Return the confidence of each answer, and whether the answer is right.

    Parameters
    ----------
    probabilities : array of float, shape (N, C)
    labels : array of int, shape (N,)

    Returns
    -------
    confidence : array of float, shape (N,)
    correct : array of bool, shape (N,)
    """
    ### BEGIN SOLUTION
    return probabilities.max(1), probabilities.argmax(1) == labels
    ### END SOLUTION


# %% tests="top_label" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

small = np.array([[0.7, 0.2, 0.1], [0.1, 0.5, 0.4], [0.3, 0.1, 0.6], [0.8, 0.1, 0.1]])
found = top_label(small.copy(), np.array([0, 2, 2, 0]))
assert len(found) == 2, "return two arrays, confidence and correct"
found_confidence, found_correct = (np.asarray(part) for part in found)
assert found_confidence.shape == (4,), "each row has one confidence: take the maximum along axis 1"
assert found_correct.shape == (4,), "each row needs one True or False"
assert np.allclose(found_confidence, [0.7, 0.5, 0.6, 0.8], atol=1e-5), (
    "the confidence is the largest probability of each row, whether the answer is right or wrong"
)
assert found_correct.astype(int).tolist() == [1, 0, 1, 1], (
    "an answer is right where the class of the largest probability is the label"
)
assert found_correct.dtype == bool, "correct must hold True and False, not numbers"
### BEGIN HIDDEN TESTS
generator = np.random.default_rng(21)
for n_samples, n_classes in ((400, 2), (300, 3), (500, 30), (1, 4)):
    given = generator.dirichlet(np.full(n_classes, 0.7), n_samples)
    given_labels = generator.integers(0, n_classes, n_samples)
    kept, kept_labels = given.copy(), given_labels.copy()
    found_confidence, found_correct = (np.asarray(part) for part in top_label(given, given_labels))
    assert all(map(np.array_equal, (given, given_labels), (kept, kept_labels))), (
        "the arrays that were given have changed; work on a copy"
    )
    assert found_confidence.shape == found_correct.shape == (n_samples,), (
        f"{n_classes} classes: return one confidence and one True or False for each row"
    )
    assert np.allclose(found_confidence, kept.max(1), atol=1e-5), (
        f"{n_classes} classes: the confidence is the largest probability of each row"
    )
    assert np.array_equal(found_correct.astype(bool), kept.argmax(1) == kept_labels), (
        f"{n_classes} classes: an answer is right where the class of the largest probability is "
        "the label, even if this probability lies below one half"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Question 2: sort the samples into bins of equal width (3 points)
#
# To compare confidence with accuracy, we group samples of similar confidence. Cut the range from 0
# to 1 into `n_bins` intervals of the same width, the *bins*, and number them from 0 to
# `n_bins - 1`. For example, five bins have the edges 0, 0.2, 0.4, 0.6, 0.8 and 1.
#
# Write `equal_width_bins`. It returns the number of the bin in which each confidence lies. Mind
# three mistakes that occur in published code:
#
# - A confidence of exactly 1.0 belongs to the last bin, together with 0.99. It does not get a bin
#   of its own, and it is not lost.
# - A confidence that lies exactly on the edge between two bins belongs to one of the two. You
#   choose which: calibkit takes the upper bin, and some papers take the lower one. Make the same
#   choice at every edge. Rounding can move an edge: in floating point, `3 * 0.2` is a little more
#   than `0.6`. So the tests put confidences on edges only in four bins, where nothing is rounded.
# - The bins cover the whole range from 0 to 1, whatever the smallest and the largest confidence
#   are. Some bins may therefore be empty.


# %% solution="equal_width_bins"
def equal_width_bins(confidence, n_bins=15):
    """Return the number of the bin of each confidence, in bins of equal width.

    Parameters
    ----------
    confidence : array of float, shape (N,)
        Above 0 and at most 1.
    n_bins : int

    Returns
    -------
    array of int, shape (N,), with numbers from 0 to n_bins - 1
    """
    ### BEGIN SOLUTION
    inner_edges = np.arange(1, n_bins) / n_bins
    return np.digitize(confidence, inner_edges)
    ### END SOLUTION


# %% tests="equal_width_bins" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, numpy as np

found = np.asarray(equal_width_bins(np.array([0.05, 0.85, 0.27, 0.99, 0.81]), n_bins=5))
assert found.shape == (5,), "return one bin number for each confidence"
assert found.tolist() == [0, 4, 1, 4, 4], (
    "the edges are 0, 0.2, 0.4, 0.6, 0.8 and 1, so 0.05 lies in bin 0, 0.27 in bin 1, and 0.85, "
    f"0.99 and 0.81 in bin 4; you found {found.tolist()}"
)
found = np.asarray(equal_width_bins(np.array([0.25, 0.5, 0.75, 0.99, 1.0]), n_bins=4)).tolist()
assert found[-2:] == [3, 3], (
    f"1.0 belongs to the last of four bins, bin 3, together with 0.99; you found {found[-2:]}"
)
assert found[:3] in ([1, 2, 3], [0, 1, 2]), (
    "in four bins 0.25, 0.5 and 0.75 lie on edges: put all of them into the upper bins 1, 2 and 3 "
    f"or all into the lower bins 0, 1 and 2; you found {found[:3]}"
)
found = np.asarray(equal_width_bins(np.array([0.05, 0.95]), n_bins=1))
assert found.tolist() == [0, 0], "if there is one bin, all samples are in bin 0"
assert np.issubdtype(found.dtype, np.integer), "bin numbers are integers; convert them to int"
### BEGIN HIDDEN TESTS
for n_bins in (1, 4, 15):
    found = np.asarray(equal_width_bins(np.array([0.99, 1.0]), n_bins))
    assert found.tolist() == [n_bins - 1] * 2, (
        f"n_bins = {n_bins}: the confidence 1.0 belongs to the last bin, together with 0.99; "
        f"you found {found.tolist()}"
    )
generator = np.random.default_rng(22)
for n_samples, n_bins in ((300, 7), (2000, 15), (2000, 40), (6, 100)):
    wanted = generator.integers(0, n_bins, n_samples)
    if n_samples == 300:
        wanted = 2 + wanted % 3  # the other bins are empty
    given = (wanted + generator.uniform(0.01, 0.99, n_samples)) / n_bins
    kept = given.copy()
    found = np.asarray(equal_width_bins(given, n_bins))
    assert np.array_equal(given, kept), "the confidences that were given have changed"
    assert found.shape == (n_samples,), "return one bin number for each confidence"
    assert np.array_equal(found, wanted), (
        f"{n_samples} samples, {n_bins} bins: a confidence between b / n_bins and (b + 1) / n_bins "
        "lies in bin b, also if other bins are empty"
    )
found = np.asarray(equal_width_bins(np.array([0.999995, 0.499995]), 100_000)).tolist()
assert found == [99_999, 49_999], (
    f"100 000 bins: 0.999995 lies in bin 99999 and 0.499995 in bin 49999; you found {found}; use "
    "the confidences as they are, and integers that can hold such numbers"
)
found = np.asarray(equal_width_bins(np.array([0.01, 0.51, 0.7, 0.93])))
assert found.tolist() == [0, 7, 10, 13], "without n_bins there are 15 bins"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 3: compute the ECE of given bins (3 points)
#
# Now the number of the bin of each sample is given. Bin $b$ holds $n_b$ of the $n$ samples. Its
# accuracy $\mathrm{acc}_b$ is the fraction of them that are correct, and $\mathrm{conf}_b$ is the
# mean of their confidences. The ECE is the mean of the gaps between the two, weighted by the
# fraction of the samples in each bin:
#
# $$\mathrm{ECE} = \sum_b \frac{n_b}{n} \, \lvert \mathrm{acc}_b - \mathrm{conf}_b \rvert$$
#
# Write `ece`, which returns this number. The samples come in any order. Some bins may be
# empty, which means that their number does not occur in `bins`. An empty bin adds 0.


# %% solution="ece"
def ece(confidence, correct, bins):
    """Return the expected calibration error of samples that are sorted into bins.

    Parameters
    ----------
    confidence : array of float, shape (N,)
    correct : array of bool, shape (N,)
    bins : array of int, shape (N,)
        The number of the bin of each sample, which is 0 or larger.

    Returns
    -------
    float
    """
    ### BEGIN SOLUTION
    gaps = np.bincount(bins, correct - confidence)  # the gap of each bin, times its n_b
    return np.abs(gaps).sum() / len(confidence)
    ### END SOLUTION


# %% tests="ece" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, numpy as np

three = np.array([0.75, 0.75, 0.85]), np.array([True, False, True])
found = float(ece(*three, np.array([0, 0, 1])))
assert abs(found - (2 / 3 * 0.25 + 1 / 3 * 0.15)) < 1e-5, (
    "two samples share bin 0, whose gap is 0.75 - 0.5; one is alone in bin 1, whose gap is "
    f"1 - 0.85; bin 0 weighs 2/3 and bin 1 weighs 1/3; you found {found:.4f}"
)
assert three[0].tolist() == [0.75, 0.75, 0.85], "the confidences that were given have changed"
found = float(ece(*three, np.array([0, 0, 0])))
assert abs(found - (2.35 / 3 - 2 / 3)) < 1e-5, (
    "if all samples are in one bin, the ECE is the distance between accuracy and mean confidence"
)
opposite = np.array([0.55, 0.95]), np.array([True, False])
assert abs(float(ece(*opposite, np.array([1, 0]))) - (0.45 + 0.95) / 2) < 1e-5, (
    "a gap up in one bin and a gap down in another do not cancel: take absolute values bin by bin"
)
found = float(ece(*three, np.array([2, 7, 2])))
assert math.isfinite(found), "an empty bin adds 0: do not divide by its count of 0"
assert abs(found - (2 / 3 * 0.2 + 1 / 3 * 0.75)) < 1e-5, (
    "only bins 2 and 7 hold samples here, so the empty bins 0, 1, 3, 4, 5 and 6 add 0"
)
### BEGIN HIDDEN TESTS
found = float(ece(*three, np.array([5000, 0, 5000])))
assert abs(found - (2 / 3 * 0.2 + 1 / 3 * 0.75)) < 1e-5, (
    f"a bin can have any number from 0 on, here 5000: the ECE is 0.3833, and you found {found:.4f}"
)
generator = np.random.default_rng(23)
for n_samples, n_bins in ((3, 15), (400, 7), (3000, 15), (3000, 120)):
    given = generator.uniform(0.1, 1, n_samples) ** 0.5
    given_correct = generator.random(n_samples) < given**2
    given_bins = np.minimum((given * n_bins).astype(int), n_bins - 1)
    if n_bins == 7:  # the bins have no order in this case
        given_bins = generator.permutation(given_bins)
    sums = {}
    for b, p, hit in zip(given_bins.tolist(), given.tolist(), given_correct.tolist()):
        sums[b] = sums.get(b, 0) + hit - p
    wanted = sum(abs(total) for total in sums.values()) / n_samples
    kept = [given.copy(), given_correct.copy(), given_bins.copy()]
    found = float(ece(given, given_correct, given_bins))
    assert all(map(np.array_equal, kept, (given, given_correct, given_bins))), (
        "the arrays that were given have changed; work on copies"
    )
    assert math.isfinite(found), "an empty bin adds 0: do not divide by its count of 0"
    assert abs(found - wanted) < 2e-5, (
        f"{n_samples} samples, {n_bins} bins: the ECE is {wanted:.4f}, and you found {found:.4f}; "
        "weight the gap of each bin by its fraction of the samples, and take the mean confidence "
        "of the bin, not its centre"
    )
### END HIDDEN TESTS

# %% [markdown]
# Together, your three functions give the ECE of Glyphs-100. Lesson 10 found 14.0% before scaling
# and 1.7% after it.


# %%
def equal_width_ece(confidence, correct, n_bins=15):
    """Return the ECE in bins of equal width."""
    bins = np.asarray(equal_width_bins(confidence, n_bins))
    return float(ece(confidence, correct, bins))


for name, probabilities in (("before", plain), ("after", scaled)):
    confidence, correct = (np.asarray(part) for part in top_label(probabilities, test_labels))
    print(f"{name} scaling: ECE {equal_width_ece(confidence, correct):.1%} in 15 bins")

# %% [markdown]
# ## Question 4: sort the samples into bins of equal mass (3 points)
#
# Some bins of equal width hold thousands of samples, and others hold a handful. Bins of *equal
# mass* hold equally many samples. To make them, sort the samples by confidence and cut the sorted
# row into `n_bins` pieces of the same length. Bin 0 gets the lowest confidences, bin 1 the next
# ones, and bin `n_bins - 1` the highest.
#
# Write `equal_mass_bins`. It returns the number of the bin of each sample, in the order in which
# the samples came. The number of samples is at least `n_bins`.
#
# - If the number of samples is not a multiple of `n_bins`, the pieces cannot all have the same
#   length. Then their lengths differ by one at most: 11 samples in 4 bins are 3, 3, 3 and 2, in any
#   order, but not 2, 2, 2 and 5. No sample is left out.
# - If equal confidences lie on both sides of a cut, the result depends on the order of the samples.
#   calibkit keeps such samples together. You need not: no test has such a case.


# %% solution="equal_mass_bins"
def equal_mass_bins(confidence, n_bins=15):
    """Return the number of the bin of each confidence, in bins of equally many samples.

    Parameters
    ----------
    confidence : array of float, shape (N,)
        Above 0 and at most 1, in any order.
    n_bins : int
        At most N.

    Returns
    -------
    array of int, shape (N,), with numbers from 0 to n_bins - 1
    """
    ### BEGIN SOLUTION
    rank = np.argsort(np.argsort(confidence))  # 0 for the lowest confidence
    return rank * n_bins // len(confidence)
    ### END SOLUTION


# %% tests="equal_mass_bins" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

four = np.array([0.9, 0.6, 0.8, 0.7])
found = np.asarray(equal_mass_bins(four.copy(), n_bins=2))
assert found.shape == (4,), "return one bin number for each confidence"
assert found.tolist() == [1, 0, 1, 0], (
    "0.6 and 0.7 are the lower half and belong to bin 0, and 0.8 and 0.9 belong to bin 1; the bin "
    f"numbers must come in the order of the samples; you found {found.tolist()}"
)
found = np.asarray(equal_mass_bins(four.copy(), n_bins=4))
assert found.tolist() == [3, 0, 2, 1], "four samples in four bins: each sample has a bin of its own"
found = np.asarray(equal_mass_bins(four.copy(), n_bins=1))
assert found.tolist() == [0, 0, 0, 0], "if there is one bin, all samples are in bin 0"
assert np.issubdtype(found.dtype, np.integer), "bin numbers are integers; convert them to int"
### BEGIN HIDDEN TESTS
generator = np.random.default_rng(24)
for n_samples, n_bins in ((11, 4), (5, 2), (14, 5), (60, 20), (1000, 15), (37, 37), (29, 15)):
    # all of them lie in one or two bins of equal width
    given = 0.6 + 0.1 * generator.permutation(np.linspace(0, 1, n_samples) ** 2)
    kept = given.copy()
    found = np.asarray(equal_mass_bins(given, n_bins))
    assert np.array_equal(given, kept), "the confidences that were given have changed"
    assert found.shape == (n_samples,), "no sample may be left out, and none may come twice"
    assert found.min() >= 0, "bin numbers begin with 0"
    assert found.max() < n_bins, f"{n_bins} bins have the numbers 0 to {n_bins - 1}, and no more"
    in_order = found[np.argsort(kept)]
    assert (np.diff(in_order) >= 0).all(), (
        "bin 0 must hold the lowest confidences, bin 1 the next ones, and so on; carry the bin "
        "numbers back to the order in which the samples came"
    )
    sizes = np.bincount(found, minlength=n_bins)
    assert sizes.max() - sizes.min() <= 1, (
        f"{n_samples} samples in {n_bins} bins: the sizes must differ by one at most, and yours "
        f"are {sizes.tolist()}"
    )
found = np.asarray(equal_mass_bins(generator.uniform(0.5, 1, 150)))
assert np.bincount(found).tolist() == [10] * 15, "without n_bins there are 15 bins"
### END HIDDEN TESTS

# %% [markdown]
# The figure shows both errors of the scaled model on the first 2000 test images, against the number
# of bins:


# %%
def equal_mass_ece(confidence, correct, n_bins=15):
    """Return the ECE in bins of equal mass."""
    bins = np.asarray(equal_mass_bins(confidence, n_bins))
    return float(ece(confidence, correct, bins))


confidence, correct = (np.asarray(part) for part in top_label(scaled[:2000], test_labels[:2000]))
bin_counts = (1, 2, 5, 10, 15, 30, 60, 120)
fig, ax = plt.subplots(figsize=(7.2, 3.6), layout="constrained")
kinds = (("width", equal_width_ece, "o-", "#0072B2"), ("mass", equal_mass_ece, "s--", "#D55E00"))
for name, error, style, color in kinds:
    values = [100 * error(confidence, correct, n_bins) for n_bins in bin_counts]
    ax.plot(bin_counts, values, style, color=color, label=f"bins of equal {name}")
ax.set(xlabel="number of bins", ylabel="ECE, %", ylim=0)
ax.set_title("One model, one test set, many different ECEs")
_ = ax.legend()

# %% [markdown]
# From left to right only the number of bins changes, and the model stays the same. In questions 5
# to 8 you find out whether the ECE of a perfect model rises too.
#
# ## Question 5: simulate a perfect model (3 points)
#
# We keep the confidences of a model, and draw at random which of its answers are right: sample $i$
# is correct with the probability $\mathrm{confidence}_i$, independently of all other samples. A
# model whose answers are drawn in this way is perfectly calibrated, because it is right exactly as
# often as it claims. If its ECE is above 0, the reason is chance alone.
#
# Write `draw_correct`. It draws the correctness of all samples `n_draws` times. Row $k$ of its
# result is draw number $k$. All draws are independent of each other.
#
# `seed` is an integer. The same seed always gives the same result. Results from different seeds are
# independent, so they have no draw in common. For this, make *one* random generator from the seed,
# for example with `np.random.default_rng(seed)`, and use it for all draws. Do not use `seed + k`
# for row $k$, because then row 1 of seed 0 would be row 0 of seed 1.


# %% solution="draw_correct"
def draw_correct(confidence, n_draws=200, seed=0):
    """Draw which answers are right, for a perfectly calibrated model with these confidences.

    Parameters
    ----------
    confidence : array of float, shape (N,)
    n_draws : int
    seed : int

    Returns
    -------
    array of bool, shape (n_draws, N)
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    return rng.random((n_draws, len(confidence))) < confidence
    ### END SOLUTION


# %% tests="draw_correct" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

given = np.full(100, 0.7)
found = np.asarray(draw_correct(given.copy(), n_draws=50, seed=1))
assert found.shape == (50, 100), f"the shape must be (n_draws, N) = (50, 100), not {found.shape}"
assert (found == np.asarray(draw_correct(given.copy(), n_draws=50, seed=1))).all(), (
    "the same seed must give the same result"
)
assert (found != found[0]).any(), (
    "all draws are the same: make the generator once, before you draw, and draw anew for each row"
)
assert 0.65 < found.mean() < 0.75, (
    "samples of confidence 0.7 must be correct with the probability 0.7, and "
    f"{found.mean():.0%} of yours are"
)
certain = np.asarray(draw_correct(np.ones(100), n_draws=5, seed=1))
assert certain.all(), "a sample of confidence 1 is always correct"
assert certain.dtype == bool, "the result must hold True and False, not numbers"
### BEGIN HIDDEN TESTS
sixty = np.full(60, 0.5)
# The first seed gets so many draws that k of seed + k, or of 1000 * seed + k, meets other seeds.
sizes = {0: 1200, 1: 40, 2: 40, 30: 40, 100: 40, 1000: 40}
by_seed = {seed: np.asarray(draw_correct(sixty, n, seed)) for seed, n in sizes.items()}
assert (sixty == 0.5).all(), "the confidences that were given have changed"
assert not np.array_equal(by_seed[1], by_seed[2]), "another seed must give another result"
assert len({row.tobytes() for row in by_seed[1]}) == 40, "two draws of one seed are the same"
assert len({row.tobytes() for rows in by_seed.values() for row in rows}) == sum(sizes.values()), (
    "two seeds have a draw in common: make one generator from the seed, not a new one for each "
    "draw from a sum such as seed + i"
)
assert not {row.tobytes() for row in by_seed[1]} & {(~row).tobytes() for row in by_seed[1]}, (
    "one draw is another one turned round: draws must be independent"
)
levels = np.repeat([0.05, 0.4, 0.6, 0.9], 50)
found = np.asarray(draw_correct(levels.copy(), n_draws=400, seed=3)).astype(float)
for k, level in enumerate((0.05, 0.4, 0.6, 0.9)):
    drawn = found[:, 50 * k : 50 * k + 50]
    assert abs(drawn.mean() - level) < 0.02, (
        f"samples of confidence {level} must be correct with the probability {level}, and "
        f"{drawn.mean():.0%} of yours are"
    )
    spread = (level * (1 - level) / 50) ** 0.5
    assert 0.75 < drawn.mean(1).std() / spread < 1.25, (
        "every sample needs a random number of its own in each draw: the number of correct samples "
        "varies too much or too little from draw to draw"
    )
    assert 0.5 < drawn.mean(0).std() / (level * (1 - level) / 400) ** 0.5 < 1.5, (
        "every draw needs random numbers of its own, and yours depend on those of other draws"
    )
found = np.asarray(draw_correct(levels.copy()))
assert found.shape == (200, 200), "without n_draws there are 200 draws"
assert np.array_equal(draw_correct(levels.copy(), 200, 0), found), "without seed the seed is 0"
### END HIDDEN TESTS

# %% [markdown]
# With an `error` such as the ECE, each draw gives one error of a perfect model. Here are the errors
# of five draws for the first 1000 test images:


# %%
def errors_of_draws(confidence, draws, error):
    """Return the error of each draw, from ``error(confidence, correct)``."""
    return np.array([error(confidence, correct) for correct in np.asarray(draws)])


confidence, _ = top_label(scaled[:1000], test_labels[:1000])
confidence = np.asarray(confidence)
for error in errors_of_draws(confidence, draw_correct(confidence, 5, seed=1), equal_width_ece):
    print(f"{error:.1%}", end="  ")

# %% [markdown]
# ## Question 6: summarise the draws (3 points)
#
# The errors of many draws show what chance alone does. Write `sum_up`. It takes an error
# `measured`, which is one number, and `draws`, an array with the errors of a perfect model. It
# returns four numbers:
#
# - `mean`: the mean of the draws, which is the noise floor
# - `low` and `high`: the range that holds the middle 95% of the draws. 2.5% of the draws lie
#   below `low` and 2.5% lie above `high`, so these are the 2.5% and the 97.5% quantile.
# - `p_value`: how often a perfect model shows an error that is as large as `measured` or larger. If
#   this holds for $k$ of the $m$ draws,
#
# $$p = \frac{1 + k}{1 + m}$$
#
# Adding 1 above and below the line counts the measured error itself as one more draw. For this
# reason $p$ is never 0: 200 draws cannot tell us that something never happens.


# %% solution="sum_up"
def sum_up(measured, draws):
    """Return the noise floor, its 95% range, and the p-value of a measured error.

    Parameters
    ----------
    measured : float
    draws : array of float, shape (M,)

    Returns
    -------
    mean, low, high, p_value : float
    """
    ### BEGIN SOLUTION
    low, high = np.quantile(draws, [0.025, 0.975])
    return np.mean(draws), low, high, (1 + np.sum(draws >= measured)) / (1 + len(draws))
    ### END SOLUTION


# %% tests="sum_up" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

hundredths = np.arange(1, 100) / 100  # 0.01, 0.02, ..., 0.99
found = sum_up(0.9, hundredths.copy())
assert len(found) == 4, "return four numbers: mean, low, high and p_value"
found_mean, found_low, found_high, found_p = (float(number) for number in found)
assert abs(found_mean - 0.5) < 1e-5, f"the mean of the draws is 0.5 here, not {found_mean:.3f}"
assert abs(found_low - 0.03) < 0.011, (
    f"2.5% of the draws lie below low, which is about 0.03 here, and not {found_low:.3f}"
)
assert abs(found_high - 0.97) < 0.011, (
    f"2.5% of the draws lie above high, which is about 0.97 here, and not {found_high:.3f}"
)
assert abs(found_p - 11 / 100) < 1e-5, (
    "ten of the 99 draws are 0.9 or larger, 0.9 itself among them, so p = (1 + 10) / (1 + 99); "
    f"you found {found_p:.4f}"
)
### BEGIN HIDDEN TESTS
skewed = np.random.default_rng(26).permutation(np.linspace(0, 1, 4001) ** 4)
kept = skewed.copy()
found_mean, found_low, found_high, found_p = (float(number) for number in sum_up(0.5, skewed))
assert np.array_equal(skewed, kept), "the draws that were given have changed: sort a copy"
assert abs(found_mean - kept.sum() / 4001) < 1e-5, (
    "the noise floor is the mean of the draws, not their median"
)
assert abs(found_low - 0.025**4) < 1e-4, (
    "low is the 2.5% quantile of the draws, which come in any order; it is not the mean minus two "
    "standard deviations"
)
assert abs(found_high - 0.975**4) < 0.005, (
    "high is the 97.5% quantile of the draws, not the mean plus two standard deviations"
)
_, found_low, found_high, _ = (float(number) for number in sum_up(0.5, 1 - kept))
assert abs(found_low - (1 - 0.975**4)) < 0.005, "low is the 2.5% quantile of the draws"
assert abs(found_high - (1 - 0.025**4)) < 1e-4, "high is the 97.5% quantile of the draws"
k = int((kept >= 0.5).sum())
assert abs(found_p - (1 + k) / 4002) < 1e-5, (
    f"{k} of 4001 draws are as large as measured or larger, so p = (1 + {k}) / (1 + 4001)"
)
assert abs(float(sum_up(2.0, kept.copy())[3]) - 1 / 4002) < 1e-7, (
    "p is never 0: the measured error counts as one more draw, above and below the line"
)
assert abs(float(sum_up(-1.0, kept.copy())[3]) - 1) < 1e-6, "p is 1 if all draws are larger"
assert abs(float(sum_up(0.25, np.full(9, 0.25))[3]) - 1) < 1e-6, (
    "a draw that is exactly as large as measured counts too"
)
for far_away in (-100.0, 100.0):
    ends = [float(number) for number in sum_up(far_away, np.arange(1, 10) / 10)][1:3]
    assert 0.1 - 1e-6 < ends[0] < ends[1] < 0.9 + 1e-6, (
        "nine draws lie between 0.1 and 0.9, and so do their quantiles, whatever measured is: it "
        f"counts as one more draw for p only; you found {ends[0]:.3f} to {ends[1]:.3f}"
    )
### END HIDDEN TESTS

# %% [markdown]
# Now we can judge the scaled model, on the first 1000 and on all 9000 test images.

# %%
fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
fig.suptitle("The ECE after scaling, among the ECEs of perfect models")
for ax, n in zip(axes, (1000, len(scaled))):
    confidence, correct = (np.asarray(part) for part in top_label(scaled[:n], test_labels[:n]))
    measured = equal_width_ece(confidence, correct)
    errors = errors_of_draws(confidence, draw_correct(confidence, N_DRAWS), equal_width_ece)
    mean, low, high, p = (float(number) for number in sum_up(measured, errors))
    ax.hist(100 * errors, 15, color="0.6")
    ax.axvspan(100 * low, 100 * high, color="0.5", alpha=0.25, label="95% of draws")
    ax.axvline(100 * measured, color="#D55E00", label=f"our ECE, {measured:.1%}")
    ax.set(title=f"n = {n}, noise floor {mean:.1%}, p = {p:.2f}", xlabel="ECE, %", ylabel="draws")
    ax.legend()

# %% [markdown]
# On 1000 images our ECE lies among the draws. On 9000 images it lies near their upper end or above
# it.
#
# ## Question 7: show the bias by experiment (3 points)
#
# The true calibration error of a perfect model is 0, but its mean ECE is above 0. An estimate that
# is wrong on average is called *biased*. How does the bias depend on the number of samples and on
# the number of bins? We find out by experiment.
#
# Write `mean_error`, which measures the bias for one number of samples `n` and one number of bins
# `n_bins`. It repeats the following `n_repeats` times:
#
# 1. Draw `n` new confidences, uniformly between 0.5 and 1.
# 2. Draw whether each sample is correct, with the probability of its confidence.
# 3. Call `error(confidence, correct, n_bins)`, which returns one number.
#
# It returns the mean of the `n_repeats` numbers. `error` is a function that is passed in, for
# example `equal_width_ece`, or a short function that a test defines. Pass it NumPy arrays of shape
# (n,), one of numbers and one of booleans, and call it exactly once in each repeat.
#
# As in question 5, make one generator from `seed`, and draw the confidences and the correctness
# from it. Do not call `draw_correct`: its generator would begin anew, with the same random numbers.
# The same seed gives the same result, and results from different seeds are independent.


# %% solution="mean_error"
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    """Return the mean error of a perfectly calibrated model.

    Parameters
    ----------
    n : int
        The number of samples in each repeat.
    n_bins : int
    error : function
        It is called as ``error(confidence, correct, n_bins)`` and returns a number.
    n_repeats : int
    seed : int

    Returns
    -------
    float
    """
    ### BEGIN SOLUTION
    rng = np.random.default_rng(seed)
    total = 0.0
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        correct = rng.random(n) < confidence
        total += error(confidence, correct, n_bins)
    return total / n_repeats
    ### END SOLUTION


# %% tests="mean_error" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

calls = []


def keep_call(confidence, correct, n_bins):
    """Note what error was called with, and return 1, then 4, then 9, and so on."""
    calls.append((confidence, correct, n_bins))
    return float(len(calls) ** 2)


found = mean_error(20, 15, keep_call, n_repeats=3, seed=1)
assert len(calls) == 3, f"call error once in each of the 3 repeats, not {len(calls)} times in all"
assert abs(float(found) - 14 / 3) < 1e-5, (
    f"the three errors are 1, 4 and 9 here, so their mean is 14/3; you found {float(found):.3f}"
)
assert [n_bins for *_, n_bins in calls] == [15, 15, 15], "pass n_bins to error"
assert [np.shape(array) for array in calls[0][:2]] == [(20,), (20,)], (
    "pass error n confidences, and whether each of the n samples is correct"
)
assert all(isinstance(array, np.ndarray) for array in calls[0][:2]), "pass NumPy arrays to error"
assert calls[0][1].dtype == bool, "pass whether the samples are correct as booleans"
calls.clear()
mean_error(1000, 15, keep_call, n_repeats=3, seed=1)
found = np.mean([correct for _, correct, _ in calls])
assert 0.7 < found < 0.8, (
    f"about 75% of the samples must be correct, and {found:.0%} of yours are: make one generator, "
    "and take both from it; if you call draw_correct with the same seed, its random numbers are "
    "those of the confidences"
)
### BEGIN HIDDEN TESTS


def draws_of(n, n_repeats, seed):
    calls.clear()
    mean_error(n, 5, keep_call, n_repeats, seed)
    return [(np.array(c, dtype=float), np.array(y, dtype=float)) for c, y, _ in calls]


# The first seed has so many repeats that i of seed + i, or of 1000 * seed + i, meets other seeds.
sizes = {0: 2500, 2: 60, 3: 60, 40: 60, 1000: 60}
by_seed = {seed: draws_of(200, n_repeats, seed) for seed, n_repeats in sizes.items()}
drawn = by_seed[2]
assert len(drawn) == 60, f"call error once in each of the 60 repeats, not {len(drawn)} times in all"
assert len({c.tobytes() for c, _ in drawn}) == 60, (
    "draw new confidences in every repeat, and make the generator once, before the loop"
)
confidences = {c.tobytes() for draws in by_seed.values() for c, _ in draws}
assert len(confidences) == sum(sizes.values()), (
    "two seeds have confidences in common: make one generator from the seed, and not a new one for "
    "each repeat from a sum such as seed + i"
)
p = np.concatenate([c for c, _ in drawn])
hit = np.concatenate([y for _, y in drawn])
assert 0.5 <= p.min() <= p.max() <= 1, "the confidences lie between 0.5 and 1"
assert p.min() < 0.501 < 0.999 < p.max(), (
    f"the confidences cover the whole range from 0.5 to 1, and yours end at {p.min():.3f} and "
    f"{p.max():.3f}"
)
assert len(np.unique(p)) > 0.9 * len(p), (
    f"only {len(np.unique(p))} of your {len(p)} confidences differ: draw any number between 0.5 "
    "and 1, and not whole percentages"
)
assert abs(p.mean() - 0.75) < 0.01, "confidences between 0.5 and 1 are 0.75 on average"
assert abs(p.std() - 0.5 / 12**0.5) < 0.01, "the confidences are spread uniformly from 0.5 to 1"
assert np.std([c.mean() for c, _ in drawn]) > 0.005, (
    "draw the confidences at random, and not on a grid that is the same in every repeat"
)
for start in (0.5, 0.6, 0.7, 0.8, 0.9):
    inside = (p >= start) & (p <= start + 0.1)
    assert abs(hit[inside].mean() - p[inside].mean()) < 0.05, (
        "a sample must be correct with the probability of its confidence: of your samples between "
        f"{start:.1f} and {start + 0.1:.1f}, {hit[inside].mean():.0%} are correct"
    )
gaps = [(y - c).sum() / (c * (1 - c)).sum() ** 0.5 for c, y in drawn]
assert np.std(gaps) < 3, "every sample needs a random number of its own in each repeat"


def surprises(draws):
    return np.concatenate([y - c for c, y in draws])


assert abs(np.corrcoef(surprises(drawn[1:]), surprises(drawn[:-1]))[0, 1]) < 0.1, (
    "draw anew in each repeat whether the samples are correct"
)
for others in (surprises(by_seed[3]), np.concatenate([c for c, _ in by_seed[3]])):
    assert abs(np.corrcoef(surprises(drawn), others)[0, 1]) < 0.1, (
        "two seeds share random numbers: make one generator from the seed, and draw both the "
        "confidences and the correctness from it"
    )


def gap_in_one_bin(confidence, correct, n_bins):
    return abs(np.mean(correct) - np.mean(confidence))


first, again, other = (float(mean_error(50, 10, gap_in_one_bin, 5, s)) for s in (4, 4, 5))
assert first == again, "the same seed must give the same result"
assert first != other, "another seed must give another result"
calls.clear()
mean_error(50, 10, keep_call)
assert len(calls) == 50, "without n_repeats there are 50 repeats"
assert mean_error(50, 10, gap_in_one_bin) == mean_error(50, 10, gap_in_one_bin, 50, 0), (
    "without n_repeats and seed there are 50 repeats, and the seed is 0"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Question 8: fit a power law (3 points)
#
# How fast does the bias fall as the number of samples $n$ grows? A *power law* says
# $\mathrm{ECE} \approx a \, n^b$. After taking logarithms on both sides, it is a straight line:
#
# $$\log \mathrm{ECE} \approx \log a + b \log n$$
#
# Write `fit_power_law`. It takes `sizes`, an array of several $n$, and `errors`, an array with the
# ECE for each of them. All these numbers are above 0. It returns two numbers: $a$, the factor, and
# $b$, the exponent. Use the line with the smallest sum of squared vertical distances to the points
# $(\log n, \log \mathrm{ECE})$. `np.polyfit(x, y, 1)` finds it, and returns its slope first. Note
# that the line gives $\log a$, and we want $a$.


# %% solution="fit_power_law"
def fit_power_law(sizes, errors):
    """Return factor a and exponent b of errors that are about ``a * sizes**b``.

    Parameters
    ----------
    sizes : array of int or float, shape (K,)
        Above 0.
    errors : array of float, shape (K,)
        Above 0.

    Returns
    -------
    a, b : float
    """
    ### BEGIN SOLUTION
    exponent, log_factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return np.exp(log_factor), exponent
    ### END SOLUTION


# %% tests="fit_power_law" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import numpy as np

found = fit_power_law(np.array([100, 400, 1600]), np.array([0.2, 0.1, 0.05]))
assert len(found) == 2, "return two numbers, a and b"
found_a, found_b = (float(number) for number in found)
assert abs(found_b + 0.5) < 1e-3, (
    f"four times the samples, half the error: the exponent b is -0.5, and you found {found_b:.3f}"
)
assert abs(found_a - 2) < 1e-2, (
    f"0.2 = a * 100 ** -0.5 gives a = 2, and you found {found_a:.3f}; did you undo the logarithm?"
)
### BEGIN HIDDEN TESTS
n_of = np.array([30.0, 100, 250, 1000, 5000, 20_000])
for factor, exponent in ((3.0, -1.0), (0.07, -0.3), (1.0, 0.5)):
    found_a, found_b = (float(v) for v in fit_power_law(n_of.copy(), factor * n_of**exponent))
    assert abs(found_b - exponent) < 1e-3, (
        f"an exact power law with the exponent {exponent} gives b = {found_b:.3f}"
    )
    assert abs(found_a / factor - 1) < 1e-2, (
        f"an exact power law with the factor {factor} gives a = {found_a:.3f}"
    )
noisy = 2 * n_of**-0.5 * np.array([1.3, 0.8, 1.1, 0.9, 1.4, 0.7])
log_n, log_e = np.log(n_of), np.log(noisy)
slope = ((log_n - log_n.mean()) * (log_e - log_e.mean())).sum()
slope /= ((log_n - log_n.mean()) ** 2).sum()
given = n_of.copy(), noisy.copy()
found_a, found_b = (float(v) for v in fit_power_law(*given))
assert all(map(np.array_equal, given, (n_of, noisy))), "the arrays that were given have changed"
assert abs(found_b - slope) < 2e-3, (
    f"b should be {slope:.3f}, and you found {found_b:.3f}: use all points, not two of them, and "
    "the smallest squared distances between the logarithms of the errors and the line"
)
assert abs(found_a / np.exp(log_e.mean() - slope * log_n.mean()) - 1) < 2e-2, (
    "the factor belongs to the line with the smallest sum of squared distances over all points"
)
### END HIDDEN TESTS

# %% [markdown]
# Now we run the experiment itself, with your functions.

# %%
table = np.array(
    [
        [
            float(mean_error(n, n_bins, equal_width_ece, n_repeats=N_REPEATS, seed=EXPERIMENT_SEED))
            for n_bins in BIN_COUNTS
        ]
        for n in SIZES
    ]
)
fig, ax = plt.subplots(figsize=(7.2, 4), layout="constrained")
for means, n_bins, color in zip(table.T, BIN_COUNTS, ("#0072B2", "#D55E00", "0.3")):
    a, b = (float(number) for number in fit_power_law(np.array(SIZES), means))
    ax.plot(SIZES, 100 * means, "o", color=color)
    line = 100 * a * np.array(SIZES) ** b
    ax.plot(SIZES, line, color=color, label=f"{n_bins} bins: {100 * a:.0f}% times n to the {b:.2f}")
ax.set(xscale="log", yscale="log", xlabel="n, samples", ylabel="mean ECE of a perfect model, %")
ax.set_xticks(SIZES, SIZES)
ax.set_yticks([0.5, 1, 2, 5, 10], [0.5, 1, 2, 5, 10])
ax.minorticks_off()
ax.set_title("The bias falls with n, and grows with the number of bins")
_ = ax.legend()

# %% [markdown]
# The exponents are close to -0.5, so the bias falls like $1 / \sqrt{n}$: to halve it, we need four
# times the samples. From 5 to 50 bins the bias grows, because each bin holds fewer samples, and its
# gap is noisier.
#
# ## Three models
#
# Three models with 10 classes were measured, each on a test set of its own. The next cell simulates
# them with the numbers in `MODELS`. You need not understand it: the figures show all that matters.


# %%
def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def predictions(n, bend, stretch, seed):
    """Return the probabilities of a simulated model of 10 classes, and labels."""
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, 10))
    z[np.arange(n), rng.integers(10, size=n)] += rng.uniform(0, 7, n)
    p = softmax(z)
    y = (rng.random((n, 1)) > p.cumsum(1)[:, :-1]).sum(1)
    return softmax(stretch * ((p**bend - 1) / bend if bend else np.log(p))), y


# %%
fig, axes = plt.subplots(1, 3, figsize=(13.2, 5), layout="constrained")
fig.suptitle("Three models: what does each diagram show?")
predicted = {name: predictions(*numbers) for name, numbers in MODELS.items()}
for ax, (name, (p, y)) in zip(axes, predicted.items()):
    calibkit.reliability_diagram(p, y, title=f"Model {name}", ax=ax)
    ax.get_legend().set_visible(name == "A")  # the legend of A holds for all three
    print(f"{name}: accuracy {calibkit.accuracy(p, y):.1%}, n = {len(y)}")

# %% [markdown]
# The grey bands stand behind the bars and are a little wider. Where no bar is visible, the accuracy
# is 0% or the bin is empty.
#
# `predicted["A"]` holds the probabilities and the labels of model A, and likewise for B and C.
# Measure what you like, with your own functions or with those of calibkit (`calibkit.noise_floor`,
# `calibkit.calibration_test`), in this cell or in new ones:

# %%
probabilities_a, labels_a = predicted["A"]

# %% [markdown]
# ## Question 9: read three diagrams (7 points)
#
# Models A and B have nearly the same ECE, but this does not mean that the cause is the same. For
# one of the three models, the cause is a bug in the code around the model.
#
# Write two or three sentences, at most 60 words, about each of A (2 points), B (2 points) and C
# (3 points):
#
# 1. Say what the diagram shows: where the bars end relative to the dots and the grey bands.
# 2. Give one number that you measured. For A and B, this is the ECE beside its noise floor, or a
#    p-value. For C, compare the largest confidence with the accuracy.
# 3. Name the likely cause of the ECE, which need not be the model, and say what you would do next.

# %% [markdown] essay="three_diagrams" points=7
# ### BEGIN SOLUTION
# **Model A is overconfident.** All bars except the first, of 12 samples, end below their dots and
# bands. The ECE is 10.8%, and a perfect model shows 1.3% (0.8% to 2.0%), so chance does not explain
# it. The logits are too large, as for a network that has memorised its training images: fit a
# temperature on held-out images.
#
# **Model B has too few samples to tell.** All bars end within the bands, which are wide, because a
# bin holds a handful of the 120 samples. The ECE is 10.9%, and a perfect model would show 9.7%
# (5.9% to 13.8%), so chance can explain it. This does not show that B is calibrated: collect more
# test samples.
#
# **Model C went through the softmax twice.** The bars end far above the dots and bands. 65% of the
# answers are right, but no confidence is above 0.232, which is e / (e + 9), the most that the
# softmax makes of 10 probabilities. Pass the output from before the softmax instead. A temperature
# would hide the bug.
#
# **Rubric, 7 points.** The numbers hold for the seeds as they are.
#
# - A, 2 points: overconfident, with bars below dots and bands, and the ECE beside the floor or p
#   (1); a cause that makes logits too large, and a temperature or another scaler on held-out data
#   (1).
# - B, 2 points: chance explains the ECE, because there are few samples, with the floor or p (1);
#   more samples, and no claim that B *is* calibrated (1). "Miscalibrated" or "scale it" gives 0 for
#   B.
# - C, 3 points: bars far above the dots, and confidences that end at 0.23 while the accuracy is
#   65%, which no honest model would show (1); the softmax was applied twice, or probabilities were
#   passed as logits (1); correct the code, not the output (1). "Underconfident, fit a temperature"
#   alone gives 1 for C.
# - Take off 1 point if the whole answer contains no number that the student measured.
# ### END SOLUTION
