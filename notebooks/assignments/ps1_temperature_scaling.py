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
# In the lesson on temperature scaling, `calibkit.TemperatureScaler` went to the best temperature
# directly. Here you write what it does inside: a loss, its first two derivatives, and a search
# that cannot fail. Then you run it on the embedded network and compare.
#
# **What you will learn**
#
# - why the inverse temperature $\beta = 1/T$ is easier to work with than $T$
# - how to derive the slope and the curvature of the NLL, and why it has one minimum only
# - how to compute them so that large logits do no harm
# - how a bracket makes Newton's method safe, wherever it starts
# - when no best temperature exists, and how to see that before the search
#
# **How it works**
#
# | Question | Points | Graded by |
# |---|---|---|
# | 1. Write the NLL | 2 | machine |
# | 2. Derive the slope and the curvature | 5 | teacher |
# | 3. Write the slope | 2 | machine |
# | 4. Write the curvature | 2 | machine |
# | 5. Write a safe step | 3 | machine |
# | 6. Write the search | 3 | machine |
# | 7. Calibrate the network | 3 | machine |
# | 8. Say whether a best temperature exists | 2 | machine |
# | 9. Read the result | 3 | teacher |
#
# Together 25 points, in about 120 minutes. A machine-graded question gives all of its points or
# none.
#
# *Data:* the logits of the embedded network on 10 000 Glyphs-100 images, and small made-up
# problems. No GPU, no network.
#
# *Builds on:* lesson 10, "How do I correct an overconfident network?". Lesson 30, "Why did
# calibration fail on my model?", shows how to split logits that you already have.
#
# *How to check:* each question has a cell of checks below it, and their messages say what is
# probably wrong. Before you hand in, choose *Kernel > Restart and Run All*, then run
# `nbgrader validate ps1_temperature_scaling.ipynb` in a terminal. When the notebook is graded,
# further checks run that you do not see. They test what the text asks for, on other numbers.
#
# Questions do not hang on each other: where a function needs another one, it gets it as an
# argument, and the grading passes in a right one. If you are stuck, go on with the next question.
#
# *Honour line:* I wrote these answers myself, and I name below what helped me.

# %% [markdown]
# ## Data and seeds
#
# Everything that can be changed stands in this cell. `LOGITS` has the shape (10 000, 100): one row
# for each image, one column for each class. `LABELS` has the shape (10 000,) and holds the true
# classes. The logits are in float64, 16 digits instead of the 7 of float32: keep them so. The very
# first call takes about twenty seconds, because the network has to run once.

# %%
import math
import warnings

import torch
from matplotlib import pyplot as plt
from torch.nn.functional import cross_entropy

import calibkit

# nbgrader takes whatever a check writes to stderr for a failure: let warnings go to stdout
warnings.showwarning = lambda text, kind, *_, **__: print(f"{kind.__name__}: {text}")

N_IMAGES, IMAGES_SEED = 10_000, 2
N_CALIBRATION, SPLIT_SEED = 1000, 0
MADE_UP_SEED = 5

raw_logits, LABELS = calibkit.glyphs100_logits(N_IMAGES, seed=IMAGES_SEED)
LOGITS = raw_logits.double()
print(f"{len(LOGITS)} images, {LOGITS.shape[1]} classes, {LOGITS.dtype}")

# %% [markdown]
# The made-up problems come from this function. It draws calibrated logits, draws each label with
# the probabilities that they state, and then multiplies the logits by `temperature`. So the best
# temperature lies near this number, and not exactly on it, because the labels are drawn by chance.


# %%
def make_up(n, n_classes, temperature, seed):
    """Draw logits (n, n_classes), in float64, and labels (n,); the best T is near temperature."""
    generator = torch.Generator().manual_seed(seed)
    calibrated = 2 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    drawn = torch.multinomial(calibrated.softmax(1), 1, generator=generator)[:, 0]
    return temperature * calibrated, drawn


print(make_up(3, 4, 1.0, MADE_UP_SEED))

# %% [markdown]
# ## Question 1: Write the NLL (2 points)
#
# Temperature scaling divides the logits by $T$. We write $\beta = 1/T$, call it the *inverse
# temperature*, and multiply: the scaled logits are $\beta z$. $\beta = 1$ leaves them as they are,
# a smaller $\beta$ makes the model less sure.
#
# The negative log-likelihood (NLL) of a sample is minus the logarithm of the probability that the
# scaled model gives to the true class $y$. Put the softmax in, and the logarithm splits in two:
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
# shape (n,), and gives back one number, in nats (the unit of the natural logarithm).
#
# **Mind large numbers.** In float64, $e^{710}$ is already infinite, but logits of 10 000 must work:
# their NLL is an ordinary number. Take away the largest logit of a row before you exponentiate, or
# use a function that does. Adding a constant to a row then changes nothing, as it should.
#
# Leave the tensors that you are given as they are: the later questions need them.


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
toy = torch.tensor([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
toy_labels = torch.tensor([1, 1, 1, 0])
beta_3 = math.log(3) / 2  # 2 * beta_3 = log 3: the second class gets 3/4, the first 1/4

found = float(nll(beta_3, toy[:1], toy_labels[:1]))
assert abs(found + math.log(3 / 4)) < 1e-5, (
    f"one sample, whose true class has probability 3/4: the NLL is -log(3/4) = 0.2877, got {found}"
)
assert float(toy.sum()) == 8, "the logits have changed: leave those that you are given as they are"
found = float(nll(beta_3, toy[3:], toy_labels[3:]))
assert abs(found + math.log(1 / 4)) < 1e-5, (
    f"the true class is the first, with probability 1/4: the NLL is 1.3863, got {found}; "
    "take the logit of the label, not the largest one"
)
found = float(nll(beta_3, toy, toy_labels))
assert abs(found - 0.562335) < 1e-5, (
    f"three samples of 0.2877 and one of 1.3863: their mean is 0.5623, got {found}"
)
found = float(nll(0.0, LOGITS[:50], LABELS[:50]))
assert abs(found - math.log(LOGITS.shape[1])) < 1e-5, (
    f"beta = 0 makes all classes equally probable: the NLL is the log of their number, got {found}"
)
### BEGIN HIDDEN TESTS
hidden_z, hidden_y = make_up(60, 5, 1.5, MADE_UP_SEED + 1)
kept_z, kept_y = hidden_z.clone(), hidden_y.clone()
for hidden_beta in (0.01, 0.5, 1.0, 3.0):
    right = float(cross_entropy(hidden_beta * kept_z, kept_y))
    found = float(nll(hidden_beta, hidden_z, hidden_y))
    assert abs(found - right) < 1e-5 * (1 + right), (
        f"at beta = {hidden_beta} the NLL is {right:.6f}, got {found:.6f}: the logits are "
        "multiplied by beta, and the mean is taken over the samples"
    )
assert torch.equal(hidden_z, kept_z), "nll must leave the logits that it is given as they are"
assert torch.equal(hidden_y, kept_y), "nll must leave the labels that it is given as they are"
twice = float(nll(0.7, torch.cat([kept_z, kept_z]), torch.cat([kept_y, kept_y])))
assert abs(twice - float(cross_entropy(0.7 * kept_z, kept_y))) < 1e-5, (
    "the same samples twice have the same NLL: it is a mean, not a sum"
)
for constant in (1000.0, -1000.0):
    shifted = float(nll(0.9, kept_z + constant, kept_y))
    assert abs(shifted - float(cross_entropy(0.9 * kept_z, kept_y))) < 1e-3, (
        f"adding {constant:g} to all logits must change nothing, got an NLL of {shifted}: "
        "exponentiate only after taking away the largest logit of a row"
    )
right = float(cross_entropy(5000 * kept_z, kept_y))
huge = float(nll(1.0, 5000 * kept_z, kept_y))
assert abs(huge - right) < 1e-4 * right, (
    f"logits of the size of 10 000 must work: the NLL is {right:.1f}, got {huge}"
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
# 3. that $L$ is therefore *convex*, that is, its slope never falls as $\beta$ grows. What follows
#    for the number of its minima?
#
# It is enough to derive for one sample, and to say why the result holds for the mean. You may write
# formulas in LaTeX between dollar signs, or in plain text such as `dp_c/dbeta`.

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
# The slope tells the direction: where it is negative, the NLL still falls and $\beta$ must grow;
# where it is positive, we have gone too far. At the minimum it is 0:
#
# $$L'(\beta) = \frac{1}{n} \sum_{i=1}^{n} \left( \mathrm{E}_{p}[z_i] - z_{i, y_i} \right) .$$
#
# It can be read as a sentence: at the minimum, the logit that the model *expects* of the true class
# equals, on average, the logit that the true class *has*.
#
# **Write** `nll_slope(beta, logits, labels)`. The probabilities are those at $\beta$; the logits in
# the mean are those that you are given, not multiplied by $\beta$. Large logits must work, as in
# Question 1.


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
toy = torch.tensor([[0.0, 2.0], [0.0, 2.0], [0.0, 2.0], [0.0, 2.0]], dtype=torch.float64)
toy_labels = torch.tensor([1, 1, 1, 0])
beta_3 = math.log(3) / 2  # the second class gets probability 3/4, the first 1/4

found = float(nll_slope(beta_3, toy[3:], toy_labels[3:]))
assert abs(found - 1.5) < 1e-5, (
    f"the expected logit is 1/4 * 0 + 3/4 * 2 = 1.5, that of the label is 0: 1.5, got {found}"
)
found = float(nll_slope(beta_3, toy[:1], toy_labels[:1]))
assert abs(found + 0.5) < 1e-5, (
    f"the expected logit is 1.5, that of the label is 2: the slope is -0.5, got {found}"
)
found = float(nll_slope(beta_3, toy, toy_labels))
assert abs(found) < 1e-5, (
    f"three slopes of -0.5 and one of 1.5: their mean is 0, got {found}; "
    "the model claims 3/4 and is right in 3 of 4 cases, so this is the minimum"
)
found = float(nll_slope(0.0, toy, toy_labels))
assert abs(found + 0.5) < 1e-5, (
    f"at beta = 0 the expected logit is the plain mean, 1, and 1 - (2 + 2 + 2 + 0) / 4 = -0.5, "
    f"got {found}"
)
### BEGIN HIDDEN TESTS
hidden_z, hidden_y = make_up(60, 5, 1.5, MADE_UP_SEED + 2)
kept_z = hidden_z.clone()


def slope_by_autograd(at, z, y):
    b = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    cross_entropy(b * z, y).backward()
    return float(b.grad)


for hidden_beta in (0.01, 0.5, 1.0, 3.0):
    right = slope_by_autograd(hidden_beta, kept_z, hidden_y)
    found = float(nll_slope(hidden_beta, hidden_z, hidden_y))
    assert abs(found - right) < 1e-4, (
        f"at beta = {hidden_beta} the slope is {right:.6f}, got {found:.6f}: weight the logits, "
        "not multiplied by beta, with the probabilities at beta, and differentiate by beta, not T"
    )
assert torch.equal(hidden_z, kept_z), "nll_slope must leave the logits as they are"
scaler = calibkit.TemperatureScaler().fit_logits(kept_z, hidden_y)
at_minimum = float(nll_slope(1 / scaler.temperature, kept_z, hidden_y))
assert abs(at_minimum) < 1e-4, f"at the best temperature the slope must be 0, got {at_minimum}"
for constant in (1000.0, -1000.0):
    shifted = float(nll_slope(0.9, kept_z + constant, hidden_y))
    assert abs(shifted - slope_by_autograd(0.9, kept_z, hidden_y)) < 1e-3, (
        f"adding {constant:g} to all logits must not change the slope, got {shifted}: a softmax "
        "that first takes away the largest logit of a row does not overflow"
    )
right = slope_by_autograd(1.0, 5000 * kept_z, hidden_y)
huge = float(nll_slope(1.0, 5000 * kept_z, hidden_y))
assert abs(huge - right) < 1e-4 * abs(right), (
    f"logits of the size of 10 000 must work: the slope is {right:.1f}, got {huge}"
)
### END HIDDEN TESTS

# %% [markdown]
# ## Question 4: Write the curvature (2 points)
#
# The curvature tells how fast the slope changes, and so how far the minimum may be:
#
# $$L''(\beta) = \frac{1}{n} \sum_{i=1}^{n} \mathrm{Var}_{p}[z_i], \qquad
# \mathrm{Var}_{p}[z] = \sum_c p_c \, (z_c - \mathrm{E}_p[z])^2 .$$
#
# The variance is taken **within each row**, with the probabilities at $\beta$ as weights. Then
# comes the mean over the rows. The labels play no part in it.
#
# **Write** `nll_curvature(beta, logits)`. It must never be negative, not even by rounding: a
# negative curvature would send the search the wrong way. The other formula for a variance, the mean
# of the squares minus the square of the mean, subtracts two large numbers that are nearly equal. So
# it loses digits and can come out below 0. Average squares of distances from the mean instead.


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
toy = torch.tensor([[0.0, 2.0], [5.0, 5.0]], dtype=torch.float64)
beta_3 = math.log(3) / 2  # in the first row the second class gets probability 3/4, the first 1/4

found = float(nll_curvature(beta_3, toy[:1]))
assert abs(found - 0.75) < 1e-5, (
    f"0 with probability 1/4 and 2 with 3/4 have the mean 1.5 and the variance "
    f"1/4 * 1.5^2 + 3/4 * 0.5^2 = 0.75, got {found}"
)
found = float(nll_curvature(beta_3, toy))
assert abs(found - 0.375) < 1e-5, (
    f"a row of equal logits has variance 0, so the mean of both rows is 0.375, got {found}; "
    "take the variance in each row, then the mean over the rows"
)
found = float(nll_curvature(0.0, toy[:1]))
assert abs(found - 1.0) < 1e-5, (
    f"at beta = 0 all probabilities are 1/C, and the variance of 0 and 2 is 1, got {found}; "
    "divide by C, not by C - 1"
)
### BEGIN HIDDEN TESTS
hidden_z, hidden_y = make_up(60, 5, 1.5, MADE_UP_SEED + 3)
kept_z = hidden_z.clone()


def curvature_by_autograd(at, z, y):
    b = torch.tensor(at, dtype=torch.float64, requires_grad=True)
    (first,) = torch.autograd.grad(cross_entropy(b * z, y), b, create_graph=True)
    return float(torch.autograd.grad(first, b)[0])


for hidden_beta in (0.01, 0.5, 1.0, 3.0):
    right = curvature_by_autograd(hidden_beta, kept_z, hidden_y)
    found = float(nll_curvature(hidden_beta, hidden_z))
    assert abs(found - right) < 1e-4 * (1 + right), (
        f"at beta = {hidden_beta} the curvature is {right:.6f}, got {found:.6f}: weight with the "
        "probabilities at beta, and take the distances of the logits without beta"
    )
assert torch.equal(hidden_z, kept_z), "nll_curvature must leave the logits as they are"
for constant in (1000.0, -1000.0):
    shifted = float(nll_curvature(0.9, kept_z + constant))
    assert abs(shifted - curvature_by_autograd(0.9, kept_z, hidden_y)) < 1e-3, (
        f"adding {constant:g} to all logits must not change the curvature, got {shifted}"
    )
for row in kept_z:
    alone = float(nll_curvature(40.0, row[None] + 1000))
    assert alone >= 0, f"a variance is never negative, got {alone}: average squared distances"
huge = float(nll_curvature(1e-4, 1e4 * kept_z))
assert abs(huge / 1e8 - curvature_by_autograd(1.0, kept_z, hidden_y)) < 1e-3, (
    "logits of the size of 10 000 must work: 10 000 times the logits, at 1 / 10 000 of beta, have "
    f"10 000^2 times the curvature, got {huge}"
)
### END HIDDEN TESTS

# %% [markdown]
# The picture draws your slope over $\beta$, and at two places the straight line that touches it.
# *Newton's method* follows this line down to 0 and goes on from there. From the left that helps.
# From the right it leads to a negative $\beta$, which would turn every answer of the model upside
# down: the slope is nearly level there, and a level line meets 0 far away.

# %%
grid = torch.linspace(0, 2, 81)
some_logits, some_labels = LOGITS[:1000], LABELS[:1000]

fig, ax = plt.subplots(figsize=(6.4, 3.6), layout="constrained")
ax.axhline(0, color="0.6", linewidth=1)
ax.plot(grid, [float(nll_slope(b, some_logits, some_labels)) for b in grid], color="#0072B2")
for start, color in ((0.3, "#009E73"), (1.5, "#D55E00")):
    height = float(nll_slope(start, some_logits, some_labels))
    lands = start - height / float(nll_curvature(start, some_logits))
    ax.plot([start, lands], [height, 0], color=color, linestyle="--", marker="o")
    ax.annotate(
        f"from {start} to {lands:.2f}", (start, height), (8, -12), textcoords="offset points"
    )
_ = ax.set(title="Newton's step helps from the left and leads astray from the right")
_ = ax.set(xlabel="inverse temperature", ylabel="slope of the NLL")

# %% [markdown]
# ## Question 5: Write a safe step (3 points)
#
# The cure is a *bracket*: two numbers, `low` and `high`, of which we know that the minimum lies
# between them. We are at `beta`, with `low <= beta <= high`, and look for the next place:
#
# - Newton's step goes to $\beta - L'(\beta) / L''(\beta)$. If this place lies in the bracket,
#   **ends included**, go there.
# - Otherwise, go to the middle of the bracket, $(\mathrm{low} + \mathrm{high}) / 2$. This is
#   *bisection*: slow, but it always halves the bracket.
# - If the curvature is 0, Newton's step does not exist: go to the middle, too.
#
# The ends are included for a reason: where the slope is 0 we have arrived, and Newton's step stays
# at `beta`, which may be an end of the bracket.
#
# **Write** `safe_step(beta, low, high, slope, curvature)`. All five are plain numbers: `slope` and
# `curvature` are the values at `beta`. The slope may have either sign, the curvature is at least 0.
# It gives back one number, the next `beta`. The bracket itself is moved elsewhere, in Question 6.


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
found = float(safe_step(2.0, 0.0, 2.0, slope=3.0, curvature=4.0))
assert abs(found - 1.25) < 1e-9, (
    f"Newton's step goes to 2 - 3/4 = 1.25, inside the bracket: go there, got {found}"
)
found = float(safe_step(1.0, 1.0, 4.0, slope=-3.0, curvature=2.0))
assert abs(found - 2.5) < 1e-9, (
    f"the slope is negative: Newton's step goes to the right, to 1 + 3/2 = 2.5, got {found}"
)
found = float(safe_step(2.0, 0.5, 2.0, slope=3.0, curvature=1.0))
assert abs(found - 1.25) < 1e-9, (
    f"Newton's step goes to -1, outside of the bracket from 0.5 to 2: take its middle, got {found}"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(MADE_UP_SEED)
n_newton = n_middle = 0
for draw in torch.rand(300, 5, generator=generator, dtype=torch.float64).tolist():
    left, right = 10 * draw[0], 10 * draw[0] + 0.1 + 5 * draw[1]
    here = (left, right, left + draw[2] * (right - left))[(n_newton + n_middle) % 3]
    rise, bend = 4 * draw[3] - 2, 0.05 + draw[4]
    target = here - rise / bend
    inside = left < target < right
    n_newton, n_middle = n_newton + inside, n_middle + (not inside)
    found = float(safe_step(here, left, right, rise, bend))
    if inside:
        assert abs(found - target) < 1e-6, (
            f"from {here:.3f} with slope {rise:.3f} and curvature {bend:.3f} Newton's step goes to "
            f"{target:.3f}, inside the bracket [{left:.3f}, {right:.3f}]; got {found:.3f}"
        )
    else:
        assert abs(found - (left + right) / 2) < 1e-6, (
            f"Newton's step to {target:.3f} leaves the bracket [{left:.3f}, {right:.3f}]: go to "
            f"its middle, not to one of its ends; got {found:.3f}"
        )
assert min(n_newton, n_middle) > 20
for rise in (1.5, -1.5):  # without a curvature there is no step of Newton's: no division by it
    found = float(safe_step(3.0, 1.0, 4.0, rise, 0.0))
    assert abs(found - 2.5) < 1e-9, f"where the curvature is 0, take the middle, got {found}"
    found = float(safe_step(3.0, 1.0, 4.0, rise, 1e-300))
    assert abs(found - 2.5) < 1e-9, f"a tiny curvature leads far outside: the middle, got {found}"
for end in (1.0, 4.0):
    found = float(safe_step(end, 1.0, 4.0, 0.0, 2.0))
    assert abs(found - end) < 1e-9, (
        f"the slope is 0 at {end}, an end of the bracket: ends are included, so the step stays "
        f"there, got {found}"
    )
### END HIDDEN TESTS

# %% [markdown]
# ## Question 6: Write the search (3 points)
#
# Now repeat the step until nothing moves any more. The search gets all it needs as arguments:
#
# - `slope_at(beta)` and `curvature_at(beta)` give numbers. The slope grows with `beta`, and it is 0
#   at one place, somewhere above 0. That is the place we look for.
# - `step(beta, low, high, slope, curvature)` gives the next `beta`, as in Question 5. It takes
#   Newton's step or the middle of the bracket, so it always stays in the bracket that it is given.
# - `start`, above 0, is the first guess. It may be far too small or far too large.
#
# **Write** `find_beta(slope_at, curvature_at, step, start)`:
#
# 1. *Make a bracket.* Begin with `low = 0` and `high = start`. As long as the slope at `high` is
#    negative, the minimum lies further right: `high` becomes the new `low`, and `high` is doubled.
# 2. *Repeat*, beginning at `beta = high`: where the slope at `beta` is negative, `beta` becomes the
#    new `low`, otherwise the new `high`. Only then call `step`, with the new bracket.
# 3. *Stop* when a step moves `beta` by less than $10^{-10}$ **of its value**, and give back the
#    last `beta`. A fixed distance will not do: the best `beta` can be 0.007 as well as 70.
#
# Nobody knows beforehand how many steps it takes: with Newton's steps about ten, with bisection
# alone about forty. Another method is fine, if it finds `beta` to a millionth of its value and asks
# for the slope less than 500 times.


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
asked = []


def arctangent(b):
    asked.append(b)
    assert abs(b) < 1e9, f"the search went to {b:.3g}: it must never leave its bracket"
    assert len(asked) < 500, (
        "500 slopes and no end: does the bracket move at every step, to the side where the slope "
        "has another sign? and does the search stop when beta hardly moves?"
    )
    return math.atan(b - 3)  # 0 at 3, and so level further away that plain Newton flies off


def middle_only(beta, low, high, slope, curvature):
    assert low <= 3 <= high, (
        f"the minimum, 3, is not in the bracket [{low}, {high}]: a negative slope makes beta the "
        "new low, any other the new high"
    )
    return 0.5 * (low + high)


for start in (1.0, 3.0, 0.001, 5000.0):
    asked.clear()
    found = float(find_beta(arctangent, lambda b: 1 / (1 + (b - 3) ** 2), middle_only, start))
    assert abs(found - 3) < 3e-6, f"the slope arctan(beta - 3) is 0 at 3; from {start} got {found}"
### BEGIN HIDDEN TESTS
z_1000, y_1000 = LOGITS[:1000], LABELS[:1000]
best = 1 / calibkit.TemperatureScaler().fit_logits(z_1000, y_1000).temperature


def two_derivatives(b, z, y):
    weights = torch.softmax(b * z, dim=1)
    means = (weights * z).sum(dim=1)
    spread = (weights * (z - means[:, None]).square()).sum(dim=1)
    return float((means - z[torch.arange(len(y)), y]).mean()), float(spread.mean())


def newton_or_middle(beta, low, high, slope, curvature):
    target = beta - slope / curvature if curvature else math.inf
    return target if low <= target <= high else low + (high - low) / 2


def counted(b):
    asked.append(b)
    assert len(asked) < 500, "the search does not come to an end within 500 slopes"
    return two_derivatives(b, factor * z_1000, y_1000)[0]


def not_counted(b):
    return two_derivatives(b, factor * z_1000, y_1000)[1]


for factor, begin in ((1, 1.0), (1, 200.0), (1, 1e-3), (100, 1.0), (0.01, 1.0), (0.01, 1e-4)):
    asked.clear()
    found = float(find_beta(counted, not_counted, newton_or_middle, begin))
    assert abs(found * factor / best - 1) < 1e-6, (
        f"Glyphs-100 logits times {factor}, started at {begin}: the best beta is "
        f"{best / factor:.9g}, as calibkit finds it, got {found:.9g}; stop when a step is small "
        "compared with beta, and begin with a bracket that holds the minimum"
    )
found = float(
    find_beta(
        lambda b: math.tanh(b - 2.5), lambda b: math.cosh(b - 2.5) ** -2, newton_or_middle, 2.5
    )
)
assert abs(found - 2.5) < 1e-5, f"where the search starts at the minimum it stays, got {found}"
### END HIDDEN TESTS

# %% [markdown]
# Let us watch your search at work where plain Newton fails. The logits are made a hundred times as
# large, so that the best $\beta$ is a hundredth of what it was, and the search starts at 1.

# %%
path = []


def watched_slope(b):
    path.append(float(b))
    return float(nll_slope(b, 100 * some_logits, some_labels))


def watched_curvature(b):
    return float(nll_curvature(b, 100 * some_logits))


found = find_beta(watched_slope, watched_curvature, safe_step, start=1.0)
print(f"beta = {found:.7f} after {len(path)} slopes")

fig, ax = plt.subplots(figsize=(6.4, 3.2), layout="constrained")
ax.semilogy(range(1, len(path) + 1), path, marker="o", color="#0072B2")
ax.axhline(found, color="#D55E00", linestyle="--")
_ = ax.set(title="The search closes in on the best inverse temperature", xlabel="slope number")
_ = ax.set(ylabel="inverse temperature, log scale")

# %% [markdown]
# ## Question 7: Calibrate the network (3 points)
#
# Now to the network. Split the images, fit on the one part, measure on the other:
#
# 1. `calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)` gives two
#    parts, calibration and test. It needs only something that has a length, so the labels will do;
#    the places of the samples stand in the attribute `indices` of each part.
# 2. `fit(logits, labels)` gives the best inverse temperature $\beta$ for the logits and labels that
#    it is given. It may see the **calibration part only**: on images that a temperature was fitted
#    to, the numbers look too good.
# 3. All other numbers are measured on the **test part**.
#
# **Write** `calibrate(fit, logits, labels, n_calibration, seed)`. It gives back a dictionary with
# four numbers:
#
# - `"temperature"`: $T$, not $\beta$
# - `"nll_before"`: the NLL on the test part, with the logits as they are
# - `"nll_after"`: the NLL on the test part, with logits divided by $T$
# - `"n_changed"`: how many test images get another answer (another top class) after scaling
#
# For the NLL take `cross_entropy` from torch, or your own function.


# %% solution="calibrate"
def calibrate(fit, logits, labels, n_calibration, seed):
    """Fit a temperature on one part of the data, and measure on the other.

    Parameters
    ----------
    fit : function
        Called as fit(logits, labels), gives the best inverse temperature for them.
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
seen = []


def always_half(logits, labels):
    seen.append((len(logits), len(labels)))
    return 0.5


result = calibrate(always_half, LOGITS, LABELS, N_CALIBRATION, SPLIT_SEED)
wanted = {"temperature", "nll_before", "nll_after", "n_changed"}
assert set(result) == wanted, f"the keys must be {sorted(wanted)}, got {sorted(result)}"
assert seen, "call fit to get the inverse temperature"
assert set(seen) == {(N_CALIBRATION, N_CALIBRATION)}, (
    f"fit must get the {N_CALIBRATION} logits and labels of the calibration part, got {seen}"
)
assert abs(float(result["temperature"]) - 2) < 1e-5, (
    f"fit gave beta = 0.5, so the temperature is 2, got {result['temperature']}"
)
assert float(result["n_changed"]) < 0.001 * len(LABELS), (
    f"dividing by a temperature changes no answer: count answers that differ, "
    f"got {result['n_changed']}"
)
### BEGIN HIDDEN TESTS
rows_seen = []


def fit_by_calibkit(logits, labels):
    rows_seen.append((torch.as_tensor(logits).double(), torch.as_tensor(labels)))
    return 1 / calibkit.TemperatureScaler().fit_logits(*rows_seen[-1]).temperature


for n_fit, split_seed in ((N_CALIBRATION, SPLIT_SEED), (700, SPLIT_SEED + 3)):
    rows_seen.clear()
    result = calibrate(fit_by_calibkit, LOGITS, LABELS, n_fit, split_seed)
    split = calibkit.split_calibration(LABELS, n_fit, seed=split_seed, stratify=LABELS)
    z_fit, y_fit = LOGITS[split[0].indices], LABELS[split[0].indices]
    z_test, y_test = LOGITS[split[1].indices], LABELS[split[1].indices]
    scaler = calibkit.TemperatureScaler().fit_logits(z_fit, y_fit)
    for z_seen, y_seen in rows_seen:
        assert len(z_seen) == n_fit, "fit may see the calibration part only"
        same_rows = abs(float(z_seen.sum() / z_fit.sum()) - 1) < 1e-5
        same_classes = torch.equal(y_seen.sort().values, y_fit.sort().values)
        assert (same_rows, same_classes) == (True, True), (
            "fit must get the calibration part of the split with the given n_calibration and seed, "
            "stratified by the labels"
        )
    assert abs(float(result["temperature"]) / scaler.temperature - 1) < 1e-5, (
        f"T must be that of calibkit, {scaler.temperature:.6f}, got {result['temperature']}"
    )
    for key, z in (("nll_before", z_test), ("nll_after", scaler(z_test))):
        right = calibkit.negative_log_likelihood(z.softmax(1), y_test)
        assert abs(float(result[key]) - right) < 1e-4, (
            f"{key} must be the NLL of the test part, {right:.5f}, got {float(result[key]):.5f}: "
            "logits are divided by T, the mean is over all test images, none of them fitted on"
        )
    assert float(result["n_changed"]) <= 2, "no temperature above 0 changes an answer"
### END HIDDEN TESTS

# %% [markdown]
# Here everything comes together: your functions on the left, `calibkit.TemperatureScaler` on the
# right.


# %%
def my_fit(logits, labels):
    return find_beta(
        lambda b: float(nll_slope(b, logits, labels)),
        lambda b: float(nll_curvature(b, logits)),
        safe_step,
        start=1.0,
    )


def fit_of_calibkit(logits, labels):
    return 1 / calibkit.TemperatureScaler().fit_logits(logits, labels).temperature


mine = calibrate(my_fit, LOGITS, LABELS, N_CALIBRATION, SPLIT_SEED)
theirs = calibrate(fit_of_calibkit, LOGITS, LABELS, N_CALIBRATION, SPLIT_SEED)
for key in mine:
    print(f"{key:12} {float(mine[key]):.6f}   {float(theirs[key]):.6f}")
off = abs(mine["temperature"] / theirs["temperature"] - 1)
print(f"your T and that of calibkit differ by {off:.0e} of it")

# %% [markdown]
# ## Question 8: Say whether a best temperature exists (2 points)
#
# The search of Question 6 takes for granted that the slope is 0 somewhere above $\beta = 0$. That
# need not be so. There are three cases:
#
# - `"finite"`: some $\beta$ above 0 is best, and with it a finite temperature $T$.
# - `"zero"`: the NLL falls for ever as $\beta$ grows. The best temperature would be 0, and the
#   model would claim to be absolutely sure.
# - `"infinity"`: the NLL grows with $\beta$ from $\beta = 0$ on, so no $\beta$ above 0 is better
#   than $\beta = 0$ itself. The best temperature would be infinite, and the model would know
#   nothing.
#
# Because $L$ is convex, its slope never falls. So it is enough to look at the slope at both ends:
# at $\beta = 0$, and in the limit of ever larger $\beta$. Ask yourself what the probabilities
# become there, and with them $\mathrm{E}_p[z]$. No search is needed, and a very large $\beta$ is
# no replacement for the limit: there the slope can round to 0.
#
# **Write** `best_temperature(logits, labels)`, which gives back one of the three words. Two edge
# cases count: in a row, the logit of the label may be *tied* with another one for the largest; and
# the slope at $\beta = 0$ may be exactly 0, which is `"infinity"`. You may take for granted that at
# least one row holds two different logits.


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
toy = torch.tensor([[0.0, 2.0, 1.0], [3.0, 0.0, 1.0], [0.0, 1.0, 4.0]], dtype=torch.float64)
for toy_labels, right, why in (
    ([1, 0, 2], "zero", "all three are right, so more confidence always helps"),
    ([0, 1, 0], "infinity", "every label has the smallest logit, so any confidence harms"),
    ([1, 0, 1], "finite", "two are right, and one is wrong"),
):
    found = best_temperature(toy, torch.tensor(toy_labels))
    assert found == right, f"labels {toy_labels}: {why}, so {right!r}, got {found!r}"
### BEGIN HIDDEN TESTS
edge_cases = {
    "in the second row two logits tie for the largest, one of them the label's: zero": (
        [[0.0, 2.0, 1.0], [3.0, 0.0, 3.0]],
        [1, 2],
        "zero",
    ),
    "all right, however little: zero": ([[0.0, 1e-3], [1e-3, 0.0]], [1, 0], "zero"),
    "the slope at 0 is exactly 0: infinity": ([[-1.0, 1.0], [-1.0, 1.0]], [0, 1], "infinity"),
    "all answers are wrong, and still the labels' logits are above the mean: finite": (
        [[-9.0, 1.0, 2.0], [2.0, 1.0, -9.0]],
        [1, 1],
        "finite",
    ),
    "two of three are right, but the wrong one outweighs them: infinity": (
        [[0.0, 1.0], [1.0, 0.0], [0.0, 9.0]],
        [1, 0, 0],
        "infinity",
    ),
    "one row of equal logits changes nothing, all others are right: zero": (
        [[1.0, 1.0], [0.0, 1.0]],
        [0, 1],
        "zero",
    ),
}
for why, (rows, truth, right) in edge_cases.items():
    edge_z, edge_y = torch.tensor(rows, dtype=torch.float64), torch.tensor(truth)
    for factor in (1.0, 4096.0, 1 / 1024):
        found = best_temperature(factor * edge_z, edge_y)
        assert found == right, f"{why}, got {found!r} (logits times {factor:g})"
    found = best_temperature(edge_z + 64, edge_y)
    assert found == right, f"{why}, also where a constant is added to all logits, got {found!r}"
for number, sharpness in enumerate((0.0, 0.05, 1.0, 30.0) * 6):
    edge_z, edge_y = make_up(12, 3, 1.0, MADE_UP_SEED + number)
    if sharpness != 1:
        noise = torch.Generator().manual_seed(number)
        edge_y = torch.multinomial((sharpness * edge_z).softmax(1), 1, generator=noise)[:, 0]
    try:
        calibkit.TemperatureScaler().fit_logits(edge_z, edge_y)
        right = "finite"
    except calibkit.NoOptimumError as error:
        right = "zero" if error.limit == 0 else "infinity"
    found = best_temperature(edge_z, edge_y)
    assert found == right, f"a made-up problem whose best temperature is {right}, got {found!r}"
### END HIDDEN TESTS

# %% [markdown]
# ## Question 9: Read the result (3 points)
#
# The picture shows your NLL of 1000 images twice: once over $\beta$, once over $T = 1 / \beta$. It
# is the same number in both, at the same places. The dashed lines mark the best one.

# %%
inverse = torch.linspace(0.1, 2, 96, dtype=torch.float64)
curve = [float(nll(b, some_logits, some_labels)) for b in inverse]
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
# **Answer** in two or three sentences each:
#
# 1. One of the two curves is not convex. Which one, and by what do you see it in the picture?
# 2. Suppose that somebody runs plain Newton, without a bracket, over $T$, and starts at $T = 8$.
#    What can go wrong, and why can it not happen to your search?
# 3. The table above shows $T$, the NLL on the test part before and after, and the number of changed
#    answers. What does $T$ say about the network as it was before scaling? Why does the NLL fall,
#    although not one answer has become better?

# %% [markdown] essay="reading" points=3
# *Write your answers here, in place of this text.*
#
# ### BEGIN SOLUTION
# 1. The curve over $T$ (right) is not convex: right of the minimum it first bends upwards and then
#    bends over and levels off, towards the logarithm of the number of classes. A convex curve that
#    has begun to rise may never flatten. The curve over $\beta$ bends upwards everywhere, and far
#    right it is a straight line at most.
# 2. At $T = 8$ the curve is bent downwards, its second derivative is negative. Newton's step then
#    goes the wrong way, to where the slope is 0 at a maximum or at infinity: $T$ grows and grows.
#    My search works over $\beta$, where the curvature is never negative, and a step that leaves the
#    bracket is replaced by bisection, so it cannot get away from the minimum.
# 3. $T$ is above 1 (1.465 with the seeds as they are), so the logits were too large and the network
#    was overconfident: surer than it was right. The NLL does not ask which class is on top but how
#    probable the true class is. Scaling takes probability from the top class; wrong answers, which
#    cost much when the network is sure, now cost far less, and the right ones only a little more.
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
