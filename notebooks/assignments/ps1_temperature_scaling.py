# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Find the temperature yourself
#
# In lesson 10, `calibkit.TemperatureScaler` found the best temperature in one call. In this
# assignment you write what happens inside: a loss, its first two derivatives, and a search that
# always ends at the minimum. Then you calibrate a network with your functions and compare the
# result with that of calibkit.
#
# **What you will learn**
#
# - why the inverse temperature $\beta = 1/T$ is easier to work with than $T$
# - how to derive the slope and the curvature of the NLL, and why it has at most one minimum
# - how to compute them so that large logits cause no overflow
# - how a bracket makes Newton's method safe, wherever it starts
# - when no best temperature exists, and how to see that before the search
#
# **How it works**
#
# | Question | Points | Graded by | Minutes |
# |---|---|---|---|
# | Read this introduction | | | 5 |
# | 1. Write the NLL | 2 | machine | 10 |
# | 2. Derive the slope and the curvature | 5 | teacher | 30 |
# | 3. Write the slope | 2 | machine | 10 |
# | 4. Write the curvature | 2 | machine | 15 |
# | 5. Write a safe step | 3 | machine | 10 |
# | 6. Write the search | 3 | machine | 25 |
# | 7. Calibrate the network | 3 | machine | 25 |
# | 8. Say whether a best temperature exists | 2 | machine | 20 |
# | 9. Read the result | 3 | teacher | 20 |
#
# All questions together give 25 points and take about 170 minutes. A question that a machine grades
# gives either all of its points or none.
#
# *Data*: the logits that a small network, which comes with calibkit, gives to 10 000 images of
# Glyphs-100. You need no GPU and no internet.
#
# *Builds on*: lesson 10, "How do I correct an overconfident network?". Lesson 30, "Why did
# calibration fail on my model?", shows how to split logits that you already have.
#
# *How to check*: each question has a cell of tests below your answer, and their messages say what
# is probably wrong. Before you hand in, choose *Kernel > Restart and Run All*, then run
# `nbgrader validate ps1_temperature_scaling.ipynb` in a terminal. Further tests, which you do not
# see, run when the notebook is graded. They test what the text asks for, on other numbers.
#
# No test uses your answers to other questions. Where a function needs another one, it gets it as an
# argument, and the tests pass in a correct one. If you are stuck, go on with the next question.
# *Run All* stops at the first error, so run the cells below an unsolved question one by one. Only
# the pictures and the table use several of your functions.
#
# *Honesty*: by handing in this notebook you declare that you worked alone and that the answers are
# your own.

# %% [markdown]
# ## Data and seeds
#
# The first cell holds everything that you might want to change. `LOGITS` has the shape
# (10 000, 100), with one row for each image and one column for each class. `LABELS` has the shape
# (10 000,) and holds the true classes. The logits are in float64, which keeps 16 digits where
# float32 keeps 7. Do your calculations in float64, too. The first time, the cell takes about twenty
# seconds, because the network has to run once.

# %%
import math
import warnings

import numpy as np
import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy

import calibkit

# `nbgrader validate` counts anything on stderr as a failure, so warnings go to stdout
warnings.showwarning = lambda text, kind, *_, **__: print(f"{kind.__name__}: {text}")

N_IMAGES, IMAGES_SEED = 10_000, 2
N_CALIBRATION, SPLIT_SEED = 1000, 0

raw_logits, LABELS = calibkit.glyphs100_logits(N_IMAGES, seed=IMAGES_SEED)
LOGITS = raw_logits.double()
print(f"{len(LOGITS)} images, {LOGITS.shape[1]} classes, {LOGITS.dtype}")

# %% [markdown]
# ## Question 1: Write the NLL (2 points)
#
# Temperature scaling divides the logits by $T$. We write $\beta = 1/T$, call it the *inverse
# temperature*, and multiply: the scaled logits are $\beta z$. $\beta = 1$ leaves them as they are,
# and a smaller $\beta$ makes the model less sure.
#
# The negative log-likelihood (NLL) of a sample is minus the logarithm of the probability that the
# scaled model gives to the true class $y$. If we insert the softmax, the logarithm splits into two
# parts:
#
# $$-\log \frac{e^{\beta z_y}}{\sum_c e^{\beta z_c}} = \log \sum_c e^{\beta z_c} - \beta z_y .$$
#
# The first part is the *logsumexp* of $\beta z$. The NLL of a data set is the **mean** over its $n$
# samples:
#
# $$L(\beta) = \frac{1}{n} \sum_{i=1}^{n}
# \left[ \mathrm{logsumexp}(\beta z_i) - \beta z_{i, y_i} \right] .$$
#
# **Write** `nll(beta, logits, labels)`. It gets one number, logits of shape (n, C) and labels of
# shape (n,), and returns one number, in nats (the unit of the natural logarithm).
#
# **Mind large numbers.** In float64, $e^{710}$ is already infinite, but your function must also
# work for logits of 10 000 and more, at any $\beta$ from 0 on. Their NLL is an ordinary number.
# Subtract the largest of the *scaled* logits of each row before you exponentiate, or use a function
# that does so. Then adding 10 000 to all logits changes nothing, as it should.
#
# Leave the tensors that you are given as they are, because the later questions need them.


# %% solution="nll"
def nll(beta, logits, labels):
    """Mean negative log-likelihood of the labels under softmax(beta * logits).

    Parameters
    ----------
    beta : float
        Inverse temperature.
    logits : Tensor, shape (n, C)
    labels : Tensor, shape (n,)
        True classes, from 0 to C - 1.

    Returns
    -------
    float, or a tensor with one element
    """
    ### BEGIN SOLUTION
    scaled = beta * logits
    of_labels = scaled.gather(1, labels[:, None])[:, 0]
    return (scaled.logsumexp(1) - of_labels).mean()
    ### END SOLUTION


# %% tests="nll" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, torch
from torch.nn.functional import cross_entropy

toy_logits = torch.tensor([[0.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
toy_labels = torch.tensor([1, 0, 1, 0])
beta_3 = math.log(3) / 2  # 2 * beta_3 = log 3: the larger logit gets 3/4, the smaller one 1/4

found = float(nll(beta_3, toy_logits[:1], toy_labels[:1]))
assert abs(found + math.log(3 / 4)) < 1e-5, (
    "for one sample whose true class has the probability 3/4, the NLL is -log(3/4) = 0.2877, "
    f"not {found}"
)
assert float(toy_logits.sum()) == 8, "the logits have changed: do not write into your arguments"
found = float(nll(beta_3, toy_logits[3:], toy_labels[3:]))
assert abs(found + math.log(1 / 4)) < 1e-5, (
    f"the true class is now the first, with the probability 1/4: the NLL is 1.3863, not {found}; "
    "use the logit of the label, which need not be the largest one"
)
found = float(nll(beta_3, toy_logits, toy_labels))
assert abs(found - 0.562335) < 1e-5, (
    f"three samples have an NLL of 0.2877 and one has 1.3863: the mean is 0.5623, not {found}; "
    "take one logit from each row, that of its own label (logits[:, labels] takes more)"
)
found = float(nll(0.0, toy_logits, toy_labels))
assert abs(found - math.log(2)) < 1e-5, (
    f"with beta = 0 both classes are equally probable, so the NLL is log 2 = 0.6931, not {found}"
)
found = float(nll(beta_3, toy_logits + 10_000, toy_labels))
assert abs(found - 0.562335) < 1e-2, (
    f"adding 10 000 to all logits must change nothing, but the NLL becomes {found}: first multiply "
    "by beta, then subtract the largest value of each row, and only then exponentiate"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(61)
given_logits = 3 * torch.randn(60, 5, generator=generator, dtype=torch.float64)
given_labels = torch.randint(5, (60,), generator=generator)
kept_logits, kept_labels = given_logits.clone(), given_labels.clone()
for beta in (0.0, 0.01, 0.5, 1.0, 3.0):
    wanted = float(cross_entropy(beta * kept_logits, kept_labels))
    found = float(nll(beta, given_logits, given_labels))
    assert abs(found - wanted) < 1e-5 * (1 + wanted), (
        f"at beta = {beta} the NLL of a made-up data set is {wanted:.6f}, not {found:.6f}: "
        "multiply the logits by beta, and take the mean over the samples that you are given"
    )
    assert torch.equal(given_logits, kept_logits), "nll must leave the logits as they are"
    assert torch.equal(given_labels, kept_labels), "nll must leave the labels as they are"
    for constant in (10_000.0, -10_000.0):
        found = float(nll(beta, kept_logits + constant, kept_labels))
        assert abs(found - wanted) < 1e-2, (
            f"adding {constant:g} to all logits must change nothing: at beta = {beta} the NLL is "
            f"{wanted:.4f}, not {found}; first multiply by beta, then subtract the largest value "
            "of each row, and only then exponentiate"
        )
    wanted = float(cross_entropy(5000 * beta * kept_logits, kept_labels))
    found = float(nll(beta, 5000 * kept_logits, kept_labels))
    assert abs(found - wanted) < 1e-4 * wanted, (
        f"logits of 10 000 and more must work: at beta = {beta} the NLL is {wanted:.1f}, not "
        f"{found}; first multiply by beta, then subtract the largest value of each row, and only "
        "then exponentiate"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Question 2: Derive the slope and the curvature (5 points)
#
# To find the minimum of $L$ we need its first derivative, the *slope*, and its second, the
# *curvature*. Write $p_c = e^{\beta z_c} / \sum_k e^{\beta z_k}$ for the probabilities at $\beta$.
# For one row of logits, $\mathrm{E}_p[z] = \sum_c p_c z_c$ is the mean of its logits weighted by
# these probabilities, and $\mathrm{Var}_p[z] = \sum_c p_c (z_c - \mathrm{E}_p[z])^2$ is their
# variance.
#
# **Show**, with the steps that lead there,
#
# 1. that the slope is
#    $L'(\beta) = \frac{1}{n} \sum_i \left( \mathrm{E}_{p}[z_i] - z_{i, y_i} \right)$,
# 2. that the curvature is $L''(\beta) = \frac{1}{n} \sum_i \mathrm{Var}_{p}[z_i]$
#    (hint: first find $\mathrm{d} p_c / \mathrm{d} \beta$),
# 3. that $L$ is therefore *convex*, that is, its slope never falls as $\beta$ grows. Assume that at
#    least one row holds two different logits. What follows for the number of minima?
#
# The first two parts give 2 points each, and the third gives 1. It is enough to derive the result
# for one sample and to say why it also holds for the mean. You may write formulas in LaTeX between
# dollar signs, or in plain text such as `dp_c/dbeta`.

# %% [markdown] essay="derivation" points=5
# *Write your derivation here, in place of this text: 1. the slope, 2. the curvature, 3. convexity.*
#
# ### BEGIN SOLUTION
# **Slope.** For one sample, $\ell(\beta) = \log \sum_c e^{\beta z_c} - \beta z_y$. The chain rule
# gives the derivative of the first part:
# $\frac{\sum_c z_c e^{\beta z_c}}{\sum_k e^{\beta z_k}} = \sum_c p_c z_c = \mathrm{E}_p[z]$.
# The second part has the derivative $-z_y$. So $\ell'(\beta) = \mathrm{E}_p[z] - z_y$. The
# derivative of a mean is the mean of the derivatives.
#
# **Curvature.** $z_y$ does not depend on $\beta$, only $p$ does. From
# $\log p_c = \beta z_c - \log \sum_k e^{\beta z_k}$ follows
# $\mathrm{d} p_c / \mathrm{d} \beta = p_c (z_c - \mathrm{E}_p[z])$. Hence
# $\ell''(\beta) = \sum_c z_c \, p_c (z_c - \mathrm{E}_p[z])
# = \mathrm{E}_p[z^2] - \mathrm{E}_p[z]^2 = \mathrm{Var}_p[z]$,
# and the curvature of the mean is again the mean.
#
# **Convexity.** A variance is a sum of squares with weights that are not negative, so
# $L'' \ge 0$ for every $\beta$: the slope never falls, $L$ is convex. A local minimum is a global
# one. If at least one row holds two different logits, all its $p_c$ are positive and its variance
# is above 0, so $L'' > 0$: the slope grows strictly, is 0 at one place at most, and there is at
# most one minimum. (There may be none: Question 8.)
#
# **Points (5)**
#
# - 1: the derivative of logsumexp by the chain rule, and it is named as $\mathrm{E}_p[z]$
# - 1: the slope of the whole: $-z_y$ is there, and the mean over the samples is argued
# - 1: $\mathrm{d} p_c / \mathrm{d} \beta = p_c (z_c - \mathrm{E}_p[z])$ (or the quotient rule,
#   carried through)
# - 1: this leads to the variance, with the step to $\mathrm{E}_p[z^2] - \mathrm{E}_p[z]^2$ or to
#   the sum of squares
# - 1: $\mathrm{Var} \ge 0$, so the slope never falls, so one minimum at most (or: every local
#   minimum is global); the case that all logits of every row are equal need not be named
# - A result that is only restated, without steps, gives nothing. A slip of a sign that is carried
#   on costs 1 once.
# ### END SOLUTION

# %% [markdown]
# ## Question 3: Write the slope (2 points)
#
# The slope tells us in which direction to go. Where it is negative, the NLL still falls and $\beta$
# must grow. Where it is positive, we have gone too far. At the minimum it is 0:
#
# $$L'(\beta) = \frac{1}{n} \sum_{i=1}^{n} \left( \mathrm{E}_{p}[z_i] - z_{i, y_i} \right) .$$
#
# In words: at the minimum, the logit that the model *expects* the true class to have equals, on
# average, the logit that the true class *has*.
#
# **Write** `nll_slope(beta, logits, labels)`. The probabilities are those at $\beta$. The logits in
# the mean are those that you are given, not multiplied by $\beta$. As in Question 1, large logits
# must work at any $\beta$ from 0 on, adding 10 000 to all logits must change nothing, and the
# tensors must stay as they are.


# %% solution="nll_slope"
def nll_slope(beta, logits, labels):
    """First derivative of the NLL with respect to beta.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    logits : Tensor, shape (n, C)
    labels : Tensor, shape (n,)
        True classes, from 0 to C - 1.

    Returns
    -------
    float, or a tensor with one element
    """
    ### BEGIN SOLUTION
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return (expected - logits.gather(1, labels[:, None])[:, 0]).mean()
    ### END SOLUTION


# %% tests="nll_slope" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, torch
from torch.nn.functional import cross_entropy

toy_logits = torch.tensor([[0.0, 2.0], [2.0, 0.0], [0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
toy_labels = torch.tensor([1, 0, 1, 0])
beta_3 = math.log(3) / 2  # the larger logit gets the probability 3/4, the smaller one 1/4

found = float(nll_slope(beta_3, toy_logits[3:], toy_labels[3:]))
assert abs(found - 1.5) < 1e-5, (
    "the expected logit is 1/4 * 0 + 3/4 * 2 = 1.5, and that of the label is 0: the slope is 1.5, "
    f"not {found}"
)
found = float(nll_slope(beta_3, toy_logits[:1], toy_labels[:1]))
assert abs(found + 0.5) < 1e-5, (
    f"the expected logit is 1.5, and that of the label is 2: the slope is -0.5, not {found}"
)
found = float(nll_slope(beta_3, toy_logits, toy_labels))
assert abs(found) < 1e-5, (
    f"three slopes are -0.5 and one is 1.5: their mean is 0, not {found}; take one logit from each "
    "row, that of its own label (logits[:, labels] takes more)"
)
found = float(nll_slope(0.0, toy_logits, toy_labels))
assert abs(found + 0.5) < 1e-5, (
    "at beta = 0 the expected logit is the plain mean, 1, so the slope is "
    f"1 - (2 + 2 + 2 + 0) / 4 = -0.5, not {found}"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(62)
given_logits = 3 * torch.randn(60, 5, generator=generator, dtype=torch.float64)
given_labels = torch.multinomial((given_logits / 1.5).softmax(1), 1, generator=generator)[:, 0]
kept_logits, kept_labels = given_logits.clone(), given_labels.clone()
for beta in (0.0, 0.01, 0.5, 1.0, 3.0):
    at_beta = torch.tensor(beta, dtype=torch.float64, requires_grad=True)
    cross_entropy(at_beta * kept_logits, kept_labels).backward()
    wanted = float(at_beta.grad)
    found = float(nll_slope(beta, given_logits, given_labels))
    assert abs(found - wanted) < 1e-4, (
        f"at beta = {beta} the slope of a made-up data set is {wanted:.6f}, not {found:.6f}: "
        "average the logits, not multiplied by beta, with the probabilities at beta as weights; "
        "and differentiate by beta, not by T"
    )
    assert torch.equal(given_logits, kept_logits), "nll_slope must leave the logits as they are"
    assert torch.equal(given_labels, kept_labels), "nll_slope must leave the labels as they are"
    for constant in (10_000.0, -10_000.0):
        found = float(nll_slope(beta, kept_logits + constant, kept_labels))
        assert abs(found - wanted) < 1e-2, (
            f"adding {constant:g} to all logits must not change the slope: at beta = {beta} it is "
            f"{wanted:.4f}, not {found}; first multiply by beta, then subtract the largest value "
            "of each row, or use softmax, which does so"
        )
    found = float(nll_slope(beta / 5000, 5000 * kept_logits, kept_labels))
    assert abs(found / 5000 - wanted) < 1e-4, (
        f"logits of 10 000 and more must work: with 5000 times the logits and a 5000th of beta, "
        f"the slope is 5000 times {wanted:.4f}, not {found}"
    )
    at_beta = torch.tensor(beta, dtype=torch.float64, requires_grad=True)
    cross_entropy(5000 * at_beta * kept_logits, kept_labels).backward()
    wanted = float(at_beta.grad)
    found = float(nll_slope(beta, 5000 * kept_logits, kept_labels))
    assert abs(found - wanted) < 1e-4 * (1 + abs(wanted)), (
        f"logits of 10 000 and more must work: at beta = {beta} the slope is {wanted:.1f}, not "
        f"{found}; first multiply by beta, then subtract the largest value of each row, or use "
        "softmax, which does so"
    )
fitted_scaler = calibkit.TemperatureScaler().fit_logits(kept_logits, kept_labels)
found = float(nll_slope(1 / fitted_scaler.temperature, kept_logits, kept_labels))
assert abs(found) < 1e-4, f"at the best inverse temperature the slope must be 0, not {found}"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 4: Write the curvature (2 points)
#
# The curvature tells us how fast the slope changes, and so how far away the minimum may be:
#
# $$L''(\beta) = \frac{1}{n} \sum_{i=1}^{n} \mathrm{Var}_{p}[z_i], \qquad
# \mathrm{Var}_{p}[z] = \sum_c p_c \, (z_c - \mathrm{E}_p[z])^2 .$$
#
# We take the variance **within each row**, with the probabilities at $\beta$ as weights, and then
# the mean over the rows. The labels play no part in it.
#
# **Write** `nll_curvature(beta, logits)`. The result must never be negative, not even by rounding,
# because a negative curvature would send the search the wrong way. The other formula for a
# variance, the mean of the squares minus the square of the mean, subtracts two large numbers that
# are nearly equal. So it loses digits and can even come out below 0. Average the squares of the
# distances from the mean instead. Then you can add a hundred million to all logits, and the
# curvature changes by less than 0.01. The tests check this too, so stay in float64. As before,
# large logits must work at any $\beta$ from 0 on, and the tensor must stay as it is.


# %% solution="nll_curvature"
def nll_curvature(beta, logits):
    """Second derivative of the NLL with respect to beta; it is never negative.

    Parameters
    ----------
    beta : float
        Inverse temperature.
    logits : Tensor, shape (n, C)

    Returns
    -------
    float, or a tensor with one element
    """
    ### BEGIN SOLUTION
    probabilities = (beta * logits).softmax(1)
    expected = (probabilities * logits).sum(1, keepdim=True)
    return (probabilities * (logits - expected) ** 2).sum(1).mean()
    ### END SOLUTION


# %% tests="nll_curvature" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, torch

toy_logits = torch.tensor([[0.0, 2.0], [5.0, 5.0]], dtype=torch.float64)
beta_3 = math.log(3) / 2  # in the first row the second class gets 3/4, the first 1/4

found = float(nll_curvature(beta_3, toy_logits[:1]))
assert abs(found - 0.75) < 1e-5, (
    "0 with the probability 1/4 and 2 with 3/4 have the mean 1.5 and the variance "
    f"1/4 * 1.5^2 + 3/4 * 0.5^2 = 0.75, not {found}"
)
found = float(nll_curvature(beta_3, toy_logits))
assert abs(found - 0.375) < 1e-5, (
    f"a row of equal logits has the variance 0, so the mean of both rows is 0.375, not {found}; "
    "take the variance within each row, and then the mean over the rows"
)
found = float(nll_curvature(0.0, toy_logits[:1]))
assert abs(found - 1.0) < 1e-5, (
    f"at beta = 0 both probabilities are 1/2, and the variance of 0 and 2 is 1, not {found}; "
    "the weights are the probabilities, so do not divide by C - 1"
)
found = float(nll_curvature(beta_3, toy_logits[:1] + 1e8))
assert abs(found - 0.75) < 1e-2, (
    f"adding a hundred million to all logits must not change the variance, 0.75, but it becomes "
    f"{found}: average the squares of the distances from the mean, in float64"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(63)
given_logits = 3 * torch.randn(60, 5, generator=generator, dtype=torch.float64)
kept_logits = given_logits.clone()
for beta in (0.0, 0.01, 0.5, 1.0, 3.0):
    at_beta = torch.tensor(beta, dtype=torch.float64, requires_grad=True)
    mean_logsumexp = torch.logsumexp(at_beta * kept_logits, dim=1).mean()
    (first_derivative,) = torch.autograd.grad(mean_logsumexp, at_beta, create_graph=True)
    wanted = float(torch.autograd.grad(first_derivative, at_beta)[0])
    found = float(nll_curvature(beta, given_logits))
    assert abs(found - wanted) < 1e-4 * (1 + wanted), (
        f"at beta = {beta} the curvature of a made-up data set is {wanted:.6f}, not {found:.6f}: "
        "weight with the probabilities at beta, and square the distances of the logits, which are "
        "not multiplied by beta"
    )
    assert torch.equal(given_logits, kept_logits), "nll_curvature must leave the logits as they are"
    for constant in (1e8, -1e8):
        found = float(nll_curvature(beta, kept_logits + constant))
        assert abs(found - wanted) < 1e-2, (
            f"adding {constant:g} to all logits must not change the curvature: at beta = {beta} it "
            f"is {wanted:.4f}, not {found}; average the squares of the distances from the mean, in "
            "float64, and use a softmax that does not overflow"
        )
    for constant in (1e8, -1e8):
        of_each_row = constant * (torch.arange(60, dtype=torch.float64)[:, None] % 3)
        found = float(nll_curvature(beta, kept_logits + of_each_row))
        assert abs(found - wanted) < 1e-2, (
            f"{constant:g} is added to the logits of some rows, and twice as much to those of "
            f"others: at beta = {beta} the curvature stays {wanted:.4f}, but yours is {found}; "
            "average the squares of the distances from the mean of the same row, and use a softmax "
            "that does not overflow"
        )
    found = float(nll_curvature(beta / 5000, 5000 * kept_logits))
    assert abs(found / 5000**2 - wanted) < 1e-3 * (1 + wanted), (
        "logits of 10 000 and more must work: with 5000 times the logits and a 5000th of beta, the "
        f"curvature is 5000^2 times {wanted:.4f}, not {found}; first multiply by beta, then "
        "subtract the largest value of each row, or use softmax, which does so"
    )
    weights = torch.softmax(5000 * beta * kept_logits, dim=1)
    distances = kept_logits - (weights * kept_logits).sum(dim=1, keepdim=True)
    wanted = float((weights * distances**2).sum(dim=1).mean())
    found = float(nll_curvature(beta, 5000 * kept_logits))
    assert abs(found / 5000**2 - wanted) < 1e-3 * (1 + wanted), (
        f"logits of 10 000 and more must work: at beta = {beta} the curvature is 5000^2 times "
        f"{wanted:.4f}, not {found}; first multiply by beta, then subtract the largest value of "
        "each row (not that of all rows), or use softmax, which does so"
    )
for given_row in kept_logits:
    found = float(nll_curvature(40.0, given_row[None] + 1000))
    assert found >= 0, (
        f"a variance is never negative, but you return {found}: average the squares of the "
        "distances from the mean"
    )
### END HIDDEN TESTS

# %% [markdown]
# The picture shows your slope over $\beta$ for 400 images, and at two places the straight line that
# touches it. *Newton's method* follows this line to 0 and goes on from there. From the left, this
# helps. From the right, it leads to a negative $\beta$, which would reverse the order of the
# classes. There the slope is nearly level, and a level line meets 0 only far away.

# %%
grid = np.linspace(0, 2, 21).tolist()
some_logits, some_labels = LOGITS[:400], LABELS[:400]

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.axhline(0, color="0.6", linewidth=1)
ax.plot(grid, [float(nll_slope(b, some_logits, some_labels)) for b in grid], color="#0072B2")
for start, color in ((0.3, "#009E73"), (1.5, "#D55E00")):
    height = float(nll_slope(start, some_logits, some_labels))
    lands = start - height / float(nll_curvature(start, some_logits))
    ax.plot([start, lands], [height, 0], color=color, linestyle="--", marker="o")
    ax.annotate(
        f"from {start} to {lands:.2f}", (start, height), (8, -18), textcoords="offset points"
    )
ax.set_xlim(right=3.2)  # room for the words
_ = ax.set(title="Newton's step helps from the left and leads astray from the right")
_ = ax.set(xlabel="inverse temperature", ylabel="slope of the NLL")

# %% [markdown]
# ## Question 5: Write a safe step (3 points)
#
# The remedy is a *bracket*: two numbers, `low` and `high`, such that the minimum lies between them.
# We are at `beta`, with `low <= beta <= high`, and look for the next place:
#
# - Newton's step goes to $\beta - L'(\beta) / L''(\beta)$. If this place lies in the bracket,
#   **including its ends**, go there, however small the curvature is.
# - Otherwise, go to the middle of the bracket, $(\mathrm{low} + \mathrm{high}) / 2$. This step is
#   called *bisection*. It is slow, but it always halves the bracket.
# - If the curvature is 0, Newton's step does not exist. Go to the middle then, whatever the slope.
#
# The ends belong to the bracket for a reason. If the slope is 0 and the curvature is not, we have
# arrived. Newton's step then stays at `beta`, which may be an end of the bracket.
#
# **Write** `safe_step(beta, low, high, slope, curvature)`. All five arguments are floats. `slope`
# and `curvature` are the values at `beta`. The slope may have either sign, and the curvature is at
# least 0. Brackets can be short or long, from thousandths to thousands. Return one number, the next
# `beta`. Do not move the bracket: this is the task of Question 6.


# %% solution="safe_step"
def safe_step(beta, low, high, slope, curvature):
    """Newton's step if it stays in the bracket, otherwise the middle of the bracket.

    Parameters
    ----------
    beta : float
        Where we are.
    low, high : float
        The bracket, low < high.
    slope, curvature : float
        First and second derivative at beta.

    Returns
    -------
    float
        The next beta, from low to high.
    """
    ### BEGIN SOLUTION
    if curvature > 0:
        newton = beta - slope / curvature
        if low <= newton <= high:
            return newton
    return (low + high) / 2
    ### END SOLUTION


# %% tests="safe_step" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, torch

found = float(safe_step(2.0, 0.0, 2.0, slope=3.0, curvature=4.0))
assert abs(found - 1.25) < 1e-6, (
    f"Newton's step goes to 2 - 3/4 = 1.25, which lies in the bracket: go there, not to {found}"
)
found = float(safe_step(1.0, 1.0, 4.0, slope=-3.0, curvature=2.0))
assert abs(found - 2.5) < 1e-6, (
    f"the slope is negative, so Newton's step goes to the right, to 1 + 3/2 = 2.5, not to {found}"
)
found = float(safe_step(2.0, 0.5, 2.0, slope=3.0, curvature=1.0))
assert abs(found - 1.25) < 1e-6, (
    "Newton's step goes to -1, outside of the bracket from 0.5 to 2: go to its middle, 1.25, not "
    f"to {found}"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(64)
n_newton = n_middle = 0
for draws in torch.rand(400, 6, generator=generator, dtype=torch.float64).tolist():
    bracket_size = 10 ** (6 * draws[5] - 3)  # brackets from a thousandth to a thousand
    left_end, right_end = bracket_size * draws[0], bracket_size * (draws[0] + 0.1 + draws[1])
    given_beta = (left_end, right_end, left_end + draws[2] * (right_end - left_end))[
        (n_newton + n_middle) % 3
    ]
    given_curvature = 10 ** (16 * draws[4] - 10)
    given_slope = (3 * draws[3] - 1.5) * (right_end - left_end) * given_curvature
    newton_target = given_beta - given_slope / given_curvature
    if left_end < newton_target < right_end:
        n_newton += 1
        wanted, why = newton_target, "which lies in the bracket: go there"
    else:
        n_middle += 1
        wanted, why = (
            (left_end + right_end) / 2,
            "which lies outside: go to the middle of the bracket",
        )
    found = float(safe_step(given_beta, left_end, right_end, given_slope, given_curvature))
    assert abs(found - wanted) < 1e-5 * (right_end - left_end), (
        f"from {given_beta:.6g} with the slope {given_slope:.3g} and the curvature "
        f"{given_curvature:.3g}, Newton's step goes to {newton_target:.6g}. The bracket is "
        f"[{left_end:.6g}, {right_end:.6g}], {why}, to {wanted:.6g} and not to {found:.6g}"
    )
assert min(n_newton, n_middle) > 100
for given_slope in (1.5, -1.5, 0.0):
    try:
        found = float(safe_step(3.0, 1.0, 4.0, given_slope, 0.0))
    except ZeroDivisionError:
        found = math.nan
    assert abs(found - 2.5) < 1e-6, (
        f"where the curvature is 0, Newton's step does not exist: do not divide, and go to the "
        f"middle of the bracket, 2.5, whatever the slope; for the slope {given_slope} you return "
        f"{found}"
    )
for tiny in (1e-13, 1e-18, 1e-30, 1e-100):
    found = float(safe_step(3.0, 1.0, 4.0, -0.5 * tiny, tiny))
    assert abs(found - 3.5) < 1e-6, (
        f"with the slope {-0.5 * tiny} and the curvature {tiny}, Newton's step goes from 3 to 3.5, "
        f"which lies in the bracket [1, 4]: go there, however small the curvature is, and not to "
        f"{found}"
    )
for given_slope in (1 + 2**-30, -2 - 2**-30):
    found = float(safe_step(2.0, 1.0, 4.0, given_slope, 1.0))
    assert abs(found - 2.5) < 1e-6, (
        f"Newton's step goes to {2 - given_slope!r}, which lies outside of the bracket [1, 4], "
        f"though by a little only: go to its middle, 2.5, and not to {found!r}"
    )
for given_beta, given_slope, given_curvature, wanted in (
    (1.0, 0.0, 2.0, 1.0),
    (4.0, 0.0, 2.0, 4.0),
    (2.0, 1.0, 1.0, 1.0),
    (2.0, -1.0, 0.5, 4.0),
):
    found = float(safe_step(given_beta, 1.0, 4.0, given_slope, given_curvature))
    assert abs(found - wanted) < 1e-6, (
        f"Newton's step from {given_beta} leads to {wanted}, which is an end of the bracket [1, "
        f"4]. The ends belong to the bracket, so go there, and not to {found}"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Question 6: Write the search (3 points)
#
# Now repeat the step until `beta` hardly moves. The search gets everything it needs as arguments:
#
# - `slope_at(beta)` and `curvature_at(beta)` return floats. The slope grows with `beta`, and it is
#   0 at one place above 0, which is the place that we look for.
# - `step(beta, low, high, slope, curvature)` returns the next `beta`, as in Question 5. It takes
#   Newton's step or goes to the middle of the bracket, so it always stays in the bracket that it is
#   given. Some of the tests pass in a step that always goes to the middle.
# - `start`, above 0, is the first guess. It may be far too small or far too large.
#
# **Write** `find_beta(slope_at, curvature_at, step, start)`:
#
# 1. *Make a bracket.* Begin with `low = 0` and `high = start`. While the slope at `high` is
#    negative, set `low` to `high`, and then double `high`.
# 2. *Repeat*, beginning at `beta = high`. If the slope at `beta` is negative, `beta` becomes the
#    new `low`, otherwise it becomes the new `high`. Only then call `step`, with the new bracket.
# 3. *Stop* when a step moves `beta` by less than $10^{-10}$ **of its value**, and return the last
#    `beta`. A fixed distance will not do, because the best `beta` can be 0.000 007 as well as 7000.
#    A small slope will not do either, because some slopes are small everywhere.
#
# The number of steps is not known beforehand. With Newton's steps it is about ten, and with
# bisection alone it is forty to eighty. You may use another method if it finds `beta` to a
# millionth of its value and asks for the slope fewer than 500 times.


# %% solution="find_beta"
def find_beta(slope_at, curvature_at, step, start):
    """Find where a growing slope is 0.

    Parameters
    ----------
    slope_at, curvature_at : function of one number
        First and second derivative at a beta.
    step : function
        Called as step(beta, low, high, slope, curvature), gives the next beta.
    start : float
        First guess, above 0.

    Returns
    -------
    float
        Where the slope is 0.
    """
    ### BEGIN SOLUTION
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while True:
        slope = slope_at(beta)
        if slope < 0:
            low = beta
        else:
            high = beta
        moved_to = step(beta, low, high, slope, curvature_at(beta))
        if abs(moved_to - beta) <= 1e-10 * abs(moved_to):
            return moved_to
        beta = moved_to
    ### END SOLUTION


# %% tests="find_beta" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, torch

asked_at = []


def arctangent_slope(at):  # 0 at the minimum, and so level further away that plain Newton flies off
    asked_at.append(at)
    assert abs(at) < 1e9, f"the search went to {at:.3g}: it must never leave its bracket"
    assert len(asked_at) < 500, (
        "the search has asked for 500 slopes: does one end of the bracket move at every step, to "
        "the side where the slope has the other sign? does the search stop when beta hardly moves?"
    )
    return math.atan(at / true_minimum - 1)


def arctangent_curvature(at):
    return 1 / true_minimum / (1 + (at / true_minimum - 1) ** 2)


def middle_only(at, low, high, slope, curvature):
    assert low * (1 - 1e-9) <= true_minimum <= high * (1 + 1e-9), (
        f"the minimum, {true_minimum}, is not in the bracket [{low}, {high}]: first double high as "
        "long as the slope there is negative; after that, where the slope at beta is negative, "
        "beta becomes the new low, otherwise the new high"
    )
    return 0.5 * (low + high)


for true_minimum, start in ((3.0, 1.0), (3.0, 3.0), (3.0, 0.001), (3.0, 5000.0), (7e-6, 1.0)):
    asked_at.clear()
    found = float(find_beta(arctangent_slope, arctangent_curvature, middle_only, start))
    assert abs(found / true_minimum - 1) < 1e-6, (
        f"the slope is 0 at {true_minimum:g}, but a search from {start:g} ends at {found:.9g}: "
        "move an end of the bracket to beta before you call step, and stop when a step is small "
        "compared with beta, not when it is smaller than a fixed distance"
    )
### BEGIN HIDDEN TESTS
for true_minimum in (7e-6, 0.007, 70.0, 7000.0):
    for start in (1.0, 1e-8, 1e-4, 200.0, 1e8):
        asked_at.clear()
        found = float(find_beta(arctangent_slope, arctangent_curvature, middle_only, start))
        assert abs(found / true_minimum - 1) < 1e-6, (
            f"the slope is 0 at {true_minimum:g}, but with bisection alone a search from {start:g} "
            f"ends at {found:.9g}: stop when a step is small compared with beta, not when it is "
            "smaller than a fixed distance or after a fixed number of steps"
        )
asked_at.clear()
found = float(
    find_beta(lambda at: 1e-12 * arctangent_slope(at), lambda at: 1e-12, middle_only, start=1.0)
)
assert abs(found / true_minimum - 1) < 1e-6, (
    f"the slope is below 1e-11 everywhere, and 0 at {true_minimum:g}, but a search from 1 ends at "
    f"{found:.9g}: stop when a step is small compared with beta, and not when the slope is small"
)
generator = torch.Generator().manual_seed(65)
hidden_logits = 3 * torch.randn(200, 5, generator=generator, dtype=torch.float64)
hidden_labels = torch.multinomial((hidden_logits / 1.5).softmax(1), 1, generator=generator)[:, 0]
best_beta = 1 / calibkit.TemperatureScaler().fit_logits(hidden_logits, hidden_labels).temperature


def slope_of_logits(at):
    asked_at.append(at)
    assert len(asked_at) < 500, "the search asks for 500 slopes and has not ended"
    weights = torch.softmax(at * logit_factor * hidden_logits, dim=1)
    expected_logits = (weights * hidden_logits).sum(dim=1)
    own = hidden_logits[torch.arange(200), hidden_labels]
    return logit_factor * float((expected_logits - own).mean())


def curvature_of_logits(at):
    weights = torch.softmax(at * logit_factor * hidden_logits, dim=1)
    means = (weights * hidden_logits).sum(dim=1, keepdim=True)
    return logit_factor**2 * float((weights * (hidden_logits - means) ** 2).sum(dim=1).mean())


def newton_or_middle(at, low, high, slope, curvature):
    place = best_beta / logit_factor
    assert low * (1 - 1e-6) <= place <= high * (1 + 1e-6), (
        f"the minimum, {place:.9g}, is not in the bracket [{low}, {high}]: where the slope at beta "
        "is negative, beta becomes the new low, otherwise the new high"
    )
    target = at - slope / curvature if curvature else math.inf
    return target if low <= target <= high else low + (high - low) / 2


for logit_factor, start in (
    (1, 1.0),
    (1, 200.0),
    (1, 1e-3),
    (100, 1.0),
    (0.01, 1.0),
    (0.01, 1e-4),
    (1e5, 1.0),
    (1e-4, 1.0),
):
    asked_at.clear()
    found = float(find_beta(slope_of_logits, curvature_of_logits, newton_or_middle, start))
    assert abs(found * logit_factor / best_beta - 1) < 1e-6, (
        f"for made-up logits times {logit_factor:g} the best beta is "
        f"{best_beta / logit_factor:.9g}, as calibkit finds it, but a search from {start:g} ends "
        f"at {found:.9g}: stop when a step is small compared with beta"
    )
best_beta, logit_factor = 2.5, 1
found = float(
    find_beta(
        lambda at: math.tanh(at - 2.5), lambda at: math.cosh(at - 2.5) ** -2, newton_or_middle, 2.5
    )
)
assert abs(found - 2.5) < 1e-5, f"a search that starts at the minimum stays there, not at {found}"
### END HIDDEN TESTS

# %% [markdown]
# Let us watch your search where plain Newton fails. We multiply the logits by a hundred, so that
# the best $\beta$ is a hundredth of what it was, and start the search at 1.

# %%
path = []  # every beta at which a search asks for the slope


def search(logits, labels):
    path.clear()

    def slope_at(b):
        path.append(float(b))
        assert len(path) < 500, "the search asks for 500 slopes and has not ended"
        return float(nll_slope(float(b), logits, labels))

    def curvature_at(b):
        return float(nll_curvature(float(b), logits))

    def step(*numbers):
        return float(safe_step(*(float(number) for number in numbers)))

    return float(find_beta(slope_at, curvature_at, step, 1.0))


found = search(100 * some_logits, some_labels)
print(f"beta = {found:.7f} after {len(path)} slopes")

fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.semilogy(range(1, len(path) + 1), path, marker="o", color="#0072B2")
ax.axhline(found, color="#D55E00", linestyle="--")
_ = ax.set(title="The search closes in on the best inverse temperature", xlabel="slope number")
_ = ax.set(ylabel="inverse temperature, log scale")

# %% [markdown]
# If the first place comes twice, the search asked for its slope once for the bracket, and once more
# at the beginning of the repetition.
#
# ## Question 7: Calibrate the network (3 points)
#
# Now we calibrate the network. We split the images, fit the temperature on one part, and measure on
# the other:
#
# 1. `calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)` returns two
#    parts, calibration and test. It needs only something that has a length, so the labels are
#    enough. The attribute `indices` of each part holds the positions of its samples.
# 2. `fit(logits, labels)` returns an inverse temperature $\beta$ for the logits and labels that it
#    gets. It may see the **calibration part only**, because on images that a temperature was fitted
#    to, the numbers look too good.
# 3. Measure all other numbers on the **test part**.
#
# **Write** `calibrate(fit, logits, labels, n_calibration, seed)`. It returns a dictionary with four
# numbers:
#
# - `"temperature"`: $T$, not $\beta$
# - `"nll_before"`: the NLL on the test part, with the logits as they are
# - `"nll_after"`: the NLL on the test part, with logits divided by $T$
# - `"n_changed"`: how many test images get another answer (another top class) after scaling
#
# You can compute the NLL with `cross_entropy` from torch. A temperature above 0 never changes an
# answer, but count the answers all the same. In one of the tests, `fit` returns a *negative*
# $\beta$, which reverses the order of the classes and so changes nearly all answers. Divide the
# logits by $T$ yourself, because `calibkit.TemperatureScaler` refuses a negative temperature.
# Leave the logits and labels that you are given as they are.


# %% solution="calibrate"
def calibrate(fit, logits, labels, n_calibration, seed):
    """Fit a temperature on one part of the data, and measure on the other.

    Parameters
    ----------
    fit : function
        Called as fit(logits, labels); returns an inverse temperature, a float that is not 0.
    logits : Tensor, shape (n, C)
    labels : Tensor, shape (n,)
    n_calibration : int
        Size of the calibration part; the rest is the test part.
    seed : int
        Seed of the split.

    Returns
    -------
    dict
        With the keys "temperature", "nll_before", "nll_after" and "n_changed".
    """
    ### BEGIN SOLUTION
    parts = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    calibration, test = (part.indices for part in parts)
    temperature = 1 / float(fit(logits[calibration], labels[calibration]))
    before, after = logits[test], logits[test] / temperature
    return {
        "temperature": temperature,
        "nll_before": float(cross_entropy(before, labels[test])),
        "nll_after": float(cross_entropy(after, labels[test])),
        "n_changed": int((before.argmax(1) != after.argmax(1)).sum()),
    }
    ### END SOLUTION


# %% tests="calibrate" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, torch
from torch.nn.functional import cross_entropy

generator = torch.Generator().manual_seed(66)
given_logits = 3 * torch.randn(900, 6, generator=generator, dtype=torch.float64)
given_labels = torch.multinomial((given_logits / 1.5).softmax(1), 1, generator=generator)[:, 0]
first_logit, sizes_seen = float(given_logits[0, 0]), []


def always_half(some_logits, some_labels):
    sizes_seen.append((len(some_logits), len(some_labels)))
    return 0.5


found_result = calibrate(always_half, given_logits, given_labels, 200, 0)
wanted = ["n_changed", "nll_after", "nll_before", "temperature"]
assert sorted(found_result) == wanted, f"the keys must be {wanted}, not {sorted(found_result)}"
assert float(given_logits[0, 0]) == first_logit, (
    "the logits have changed: do not write into your arguments, so do not divide by T in place"
)
assert sizes_seen, "call fit to get the inverse temperature"
assert set(sizes_seen) == {(200, 200)}, (
    f"fit must get the 200 logits and labels of the calibration part, not {sizes_seen}"
)
assert abs(float(found_result["temperature"]) - 2) < 1e-5, (
    f"fit gave beta = 0.5, so the temperature is 2, not {found_result['temperature']}"
)
assert float(found_result["n_changed"]) == 0, (
    "dividing by a temperature of 2 changes no answer: count the test images whose top class is "
    f"another one after scaling; you counted {found_result['n_changed']}"
)
test_rows = calibkit.split_calibration(given_labels, 200, seed=0, stratify=given_labels)[1].indices
for result_key, given_beta in (("nll_before", 1.0), ("nll_after", 0.5)):
    wanted = float(cross_entropy(given_beta * given_logits[test_rows], given_labels[test_rows]))
    assert abs(float(found_result[result_key]) - wanted) < 1e-4, (
        f"{result_key} must be the NLL of the 700 images of the test part, {wanted:.4f}, not "
        f"{float(found_result[result_key]):.4f}: divide the logits by T, and not by beta"
    )
found = float(calibrate(lambda *_: -0.5, given_logits, given_labels, 200, 0)["n_changed"])
assert found == 700, (
    f"beta = -0.5 reverses the order of the classes, so all 700 answers change, not {found:g}"
)
### BEGIN HIDDEN TESTS
rows_fitted = []


def watched_fit(some_logits, some_labels):
    rows_fitted.append((torch.as_tensor(some_logits).double(), torch.as_tensor(some_labels)))
    return 0.6


for n_fit, split_seed in ((200, 0), (350, 3)):
    rows_fitted.clear()
    found_result = calibrate(watched_fit, given_logits, given_labels, n_fit, split_seed)
    right_split = calibkit.split_calibration(
        given_labels, n_fit, seed=split_seed, stratify=given_labels
    )
    fit_rows, test_rows = (torch.as_tensor(part.indices) for part in right_split)
    fit_rows = fit_rows[given_logits[fit_rows, 0].argsort()]
    for logits_seen, labels_seen in rows_fitted:
        assert len(logits_seen) == n_fit, "fit may see the calibration part only"
        in_order = logits_seen[:, 0].argsort()
        assert torch.allclose(logits_seen[in_order], given_logits[fit_rows], atol=1e-5), (
            "fit must get the calibration part of the split with the given n_calibration and seed, "
            "stratified by the labels"
        )
        assert torch.equal(labels_seen[in_order], given_labels[fit_rows]), (
            "fit must get the labels in the order of the logits"
        )
    test_logits, test_labels = given_logits[test_rows], given_labels[test_rows]
    assert abs(float(found_result["temperature"]) - 1 / 0.6) < 1e-4, (
        f"fit gave beta = 0.6, so the temperature is 1.6667, not {found_result['temperature']}"
    )
    for result_key, logits_used in (("nll_before", test_logits), ("nll_after", 0.6 * test_logits)):
        wanted = float(cross_entropy(logits_used, test_labels))
        assert abs(float(found_result[result_key]) - wanted) < 1e-4, (
            f"{result_key} must be the NLL of the test part, {wanted:.5f}, not "
            f"{float(found_result[result_key]):.5f}: divide the logits by T (and not by beta), and "
            "take the mean over all images of the test part, none of which was used for the fit"
        )
    assert float(found_result["n_changed"]) == 0, "no temperature above 0 changes an answer"
given_logits[::7] = 1.0  # whatever the temperature, the answers to these rows do not change
right_split = calibkit.split_calibration(given_labels, 150, seed=1, stratify=given_labels)
test_rows = torch.as_tensor(right_split[1].indices)
wanted = int((test_rows % 7 != 0).sum())
try:
    found = float(calibrate(lambda *_: -0.5, given_logits, given_labels, 150, 1)["n_changed"])
except ValueError:  # from calibkit
    found = math.nan
assert found == wanted, (
    f"if fit gives beta = -0.5, the order of the classes is reversed, and the answers to {wanted} "
    f"test images change, not {found:g}: compare the top class of each test image before and after "
    "the division by T, which you write yourself, because calibkit refuses a negative temperature"
)
### END HIDDEN TESTS

# %% [markdown]
# Now we put everything together. The first column of numbers shows the results of your functions,
# and the second those of `calibkit.TemperatureScaler`. The temperatures should differ by less than
# a millionth of their value.


# %%
def fit_of_calibkit(logits, labels):
    return 1 / calibkit.TemperatureScaler().fit_logits(logits, labels).temperature


mine = calibrate(search, LOGITS, LABELS, N_CALIBRATION, SPLIT_SEED)
theirs = calibrate(fit_of_calibkit, LOGITS, LABELS, N_CALIBRATION, SPLIT_SEED)
for key in mine:
    print(f"{key:12} {float(mine[key]):.6f}   {float(theirs[key]):.6f}")
off = abs(float(mine["temperature"]) / float(theirs["temperature"]) - 1)
print(f"the two temperatures differ by {off:.0e} of their value")

# %% [markdown]
# ## Question 8: Say whether a best temperature exists (2 points)
#
# The search of Question 6 assumes that the slope is 0 somewhere above $\beta = 0$. This is not
# always true. There are three cases:
#
# - `"finite"`: some $\beta$ above 0 is best, and so a finite temperature $T$ is best.
# - `"zero"`: the NLL keeps falling as $\beta$ grows. The best temperature would be 0, and the model
#   would claim to be absolutely sure (or would hesitate only between tied classes).
# - `"infinity"`: the NLL grows with $\beta$ from $\beta = 0$ on, so no $\beta$ above 0 is better
#   than $\beta = 0$ itself. The best temperature would be infinite, and the model would give the
#   same probability to all classes.
#
# Because $L$ is convex, its slope never falls. So it is enough to look at the slope at both ends:
# at $\beta = 0$, and in the limit of ever larger $\beta$. Ask yourself what the probabilities
# become there, and what $\mathrm{E}_p[z]$ becomes with them. You need no search. A very large
# $\beta$ cannot replace the limit, because there the slope can round to 0.
#
# **Write** `best_temperature(logits, labels)`, which returns one of the three words. Two edge cases
# matter. In a row, the logit of the label may be *tied* with another one for the largest, which
# means that both are equal. A logit that is smaller is not tied, however small the difference is.
# And the slope at $\beta = 0$ may be exactly 0, which is `"infinity"`. With three classes, rounding
# can turn such a slope into -1e-17. So the tests have this case with two classes only, where
# nothing is rounded. You may assume that at least one row holds two different logits.


# %% solution="best_temperature"
def best_temperature(logits, labels):
    """Say which temperature is best: "finite", "zero" or "infinity".

    Parameters
    ----------
    logits : Tensor, shape (n, C)
    labels : Tensor, shape (n,)
        True classes, from 0 to C - 1.

    Returns
    -------
    str
        "finite", "zero" or "infinity".
    """
    ### BEGIN SOLUTION
    of_labels = logits.gather(1, labels[:, None])[:, 0]
    if (logits.mean(1) - of_labels).mean() >= 0:
        return "infinity"
    if (of_labels == logits.amax(1)).all():
        return "zero"
    return "finite"
    ### END SOLUTION


# %% tests="best_temperature" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, torch

toy_logits = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [0.0, 1.0, 4.0]], dtype=torch.float64)
for toy_labels, wanted, why in (
    ([1, 0, 2], "zero", "all three answers are right, so more confidence always helps"),
    ([0, 1, 0], "infinity", "every label has the smallest logit, so any confidence harms"),
    ([1, 0, 1], "finite", "two answers are right, and one is wrong"),
):
    found = str(best_temperature(toy_logits, torch.tensor(toy_labels)))
    assert found == wanted, f"labels {toy_labels}: {why}, so return {wanted!r}, not {found!r}"
### BEGIN HIDDEN TESTS
edge_cases = {
    "in the second row two logits tie for the largest, and one of them is the label's": (
        [[0.0, 2.0, 1.0], [3.0, 0.0, 3.0]],
        [1, 2],
        "zero",
    ),
    "all answers are right, although by a little only": (
        [[0.0, 1e-3], [1e-3, 0.0]],
        [1, 0],
        "zero",
    ),
    "one answer is wrong, although by a little only": (
        [[0.0, 1.0], [1.0, 0.0], [1.0, 1.0 + 2**-36]],
        [1, 0, 0],
        "finite",
    ),
    "the slope at 0 is exactly 0": ([[-1.0, 1.0], [-1.0, 1.0]], [0, 1], "infinity"),
    "all answers are wrong, and still the logits of the labels are above the mean": (
        [[-9.0, 1.0, 2.0], [2.0, 1.0, -9.0]],
        [1, 1],
        "finite",
    ),
    "two of three answers are right, but the wrong one outweighs them": (
        [[0.0, 1.0], [1.0, 0.0], [0.0, 9.0]],
        [1, 0, 0],
        "infinity",
    ),
    "one row of equal logits changes nothing, and all other answers are right": (
        [[1.0, 1.0], [0.0, 1.0]],
        [0, 1],
        "zero",
    ),
}
for why, (edge_rows, edge_truth, wanted) in edge_cases.items():
    edge_logits, edge_labels = (
        torch.tensor(edge_rows, dtype=torch.float64),
        torch.tensor(edge_truth),
    )
    for edge_factor in (1.0, 4096.0, 1 / 1024, 2**-20):
        found = str(best_temperature(edge_factor * edge_logits, edge_labels))
        assert found == wanted, (
            f"{why}, so return {wanted!r}, not {found!r} (logits {edge_rows}, times "
            f"{edge_factor:g})"
        )
    found = str(best_temperature(edge_logits + 64, edge_labels))
    assert found == wanted, (
        f"{why}, so return {wanted!r}, not {found!r}, also where a constant is added to all logits"
    )
generator = torch.Generator().manual_seed(67)
for sharpness in (0.0, 0.05, 1.0, 30.0) * 6:
    edge_logits = 2 * torch.randn(12, 3, generator=generator, dtype=torch.float64)
    label_weights = (sharpness * edge_logits).softmax(1)
    edge_labels = torch.multinomial(label_weights, 1, generator=generator)[:, 0]
    try:
        calibkit.TemperatureScaler().fit_logits(edge_logits, edge_labels)
        wanted = "finite"
    except calibkit.NoOptimumError as error:
        wanted = "zero" if error.limit == 0 else "infinity"
    found = str(best_temperature(edge_logits, edge_labels))
    assert found == wanted, (
        f"the best temperature of a made-up problem is {wanted!r}, not {found!r}: compare the "
        "slope at beta = 0, and in the limit of ever larger beta, with 0"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Question 9: Read the result (3 points)
#
# The picture shows the NLL of 400 images twice, once over $\beta$ and once over $T = 1 / \beta$.
# Each point of one curve has its counterpart of the same height in the other. The dashed lines mark
# the minimum.

# %%
inverse = 1 / np.concatenate([np.linspace(0.5, 3, 21), np.linspace(3.5, 10, 14)])
curve = [float(cross_entropy(b * some_logits, some_labels)) for b in inverse.tolist()]
best_t = calibkit.TemperatureScaler().fit_logits(some_logits, some_labels).temperature

fig, axes = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained", sharey=True)
fig.suptitle("The same NLL over the inverse temperature, and over the temperature")
axes[0].plot(inverse, curve, color="#0072B2")
axes[0].axvline(1 / best_t, color="#D55E00", linestyle="--")
_ = axes[0].set(xlabel="inverse temperature", ylabel="NLL")
axes[1].plot(1 / inverse, curve, color="#0072B2")
axes[1].axvline(best_t, color="#D55E00", linestyle="--")
_ = axes[1].set(xlabel="temperature")

# %% [markdown]
# **Answer** each question in one or two sentences, for 1 point each:
#
# 1. A curve is convex if it never bends downwards. Which of the two is not convex, and how do you
#    see it in the picture?
# 2. Suppose that somebody runs plain Newton, without a bracket, over $T$, and starts at $T = 8$.
#    What can go wrong, and why can this not happen to your search?
# 3. What does $T$ in the table below Question 7 say about the network before scaling? Why does the
#    NLL fall, although no answer has changed? If your table is missing, use $T = 1.465$ and NLLs of
#    1.552 before and 1.397 after scaling.

# %% [markdown] essay="reading" points=3
# *Write your answers here, in place of this text.*
#
# ### BEGIN SOLUTION
# 1. The curve over $T$ (right) is not convex. To the right of the minimum it rises and then
#    flattens, so it bends downwards there.
# 2. At $T = 8$ the second derivative is negative, so Newton's step goes the wrong way, and $T$
#    grows and grows. My search works over $\beta$, where the curvature is never negative, and it
#    never leaves its bracket.
# 3. $T$ is above 1 (1.465 with the seeds as they are), so the network was overconfident. The NLL
#    asks how probable the true class is: wrong answers of which the network was too sure now cost
#    far less, and right answers only a little more.
#
# **Points (3)**
#
# - 1: the curve over $T$ is named, with a sign of it that the picture shows (it flattens, levels
#   off, or bends downwards on the right)
# - 1: a step the wrong way, or out of the valid range, because of a negative (or tiny) second
#   derivative (1/2), and what protects the own search: convexity in $\beta$ or the bracket (1/2)
# - 1: $T > 1$ means overconfident (1/2); the NLL depends on the probability of the true class, and
#   being sure and wrong has become cheaper (1/2). With changed seeds, go by the table in the
#   student's notebook.
# ### END SOLUTION
