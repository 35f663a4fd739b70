# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Problem set 3: calibrate a digit classifier
#
# In the lessons the network was trained already. Here you go the whole way with real data: split,
# train, collect logits, calibrate, report, decide. Most mistakes in calibration are made on this
# way, not in the formula, and most of them do not crash.
#
# **What you will learn**
#
# - to split data into a training, a calibration and a test part that share no image
# - to train a network, and to collect its logits in eval mode
# - to fit a temperature on the right part, and to report on the right part
# - to put an interval around a change, by drawing pairs
# - to decide by a rule whether calibration helped, and to write it down for others
#
# **How it works**
#
# | question | points | graded by | minutes |
# | --- | --- | --- | --- |
# | 1 split | 3 | machine | 15 |
# | 2 standardise | 2 | machine | 10 |
# | 3 train | 4 | machine | 30 |
# | 4 collect logits | 3 | machine | 15 |
# | 5 calibrate and report | 2 | machine | 10 |
# | 6 interval of a change | 3 | machine | 20 |
# | 7 decide | 3 | machine | 10 |
# | 8 model card | 5 | teacher | 20 |
#
# That makes 25 points in about 130 minutes. The data are the digits of scikit-learn: real
# handwriting, and nothing is downloaded. Training takes a few seconds. The problem set builds on
# three lessons: 10 (*How do I correct an overconfident network?*), 30 (*Why did calibration fail on
# my model?*) and 80 (*How do I calibrate my own model?*).
#
# Each question asks for one function, and is graded by itself: a mistake in one question does not
# cost points in another. You may call numpy, torch, scikit-learn and calibkit as you like, except
# where a question says "write it yourself". Below the checks of each question a cell uses your
# function on the digits, so that the results for Question 8 grow step by step.
#
# Check your work with *Kernel > Restart and Run All*, then in a terminal with
# `nbgrader validate ps3_calibrate_a_digit_classifier.ipynb`. When the notebook is graded, further
# checks run that you do not see here. Everything they look at stands in the text.
#
# By handing in you confirm that you worked alone, and that you name what helped you.

# %% [markdown]
# ## Set up
#
# Data, sizes and seeds are constants, all in one place.

# %%
import copy
import dataclasses

import numpy as np
import scipy
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import cross_entropy

import calibkit

SEED = 0  # of noise, split, first weights and training
NOISE = 4.0  # standard deviation; a clean pixel lies between 0 and 16
N_TRAIN, N_CALIB = 300, 500  # the rest, 997 images, is the test part
N_EPOCHS, BATCH_SIZE, LEARNING_RATE = 100, 50, 1e-3

# %% [markdown]
# There are 1797 images of 8 x 8 pixels. The network gets the 64 pixels as one row. A cheap camera
# makes the task harder: we add noise to every pixel, once and for all.

# %%
clean, labels = load_digits(return_X_y=True)
images = clean + NOISE * np.random.default_rng(SEED).normal(size=clean.shape)

fig, axes = plt.subplots(2, 8, figsize=(9.6, 2.9), layout="constrained")
fig.suptitle("Eight digits: as they were scanned, and as our camera sees them")
for column in range(8):
    axes[0, column].imshow(clean[column].reshape(8, 8), cmap="gray_r")
    axes[1, column].imshow(images[column].reshape(8, 8), cmap="gray_r")
for ax in axes.flat:
    ax.axis("off")
print(f"images {images.shape}, labels {labels.shape}, {len(np.unique(labels))} classes")

# %% [markdown]
# The network is given. It has two hidden layers with *dropout*: in training mode every hidden
# number is set to 0 with probability 0.2, at random; in eval mode none is.


# %%
def make_network(seed):
    torch.manual_seed(seed)
    return torch.nn.Sequential(
        torch.nn.Linear(64, 256),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(256, 256),
        torch.nn.ReLU(),
        torch.nn.Dropout(0.2),
        torch.nn.Linear(256, 10),
    )


# %% [markdown]
# ## Question 1: split the data (3 points)
#
# The network learns from the *training part*, the temperature from the *calibration part*, and all
# that we report comes from the *test part*. If two parts share an image, the numbers look too
# good.
#
# Write `split(labels, n_train, n_calib, seed)`. It returns three arrays of row numbers, `train`,
# `calib` and `test`, so that
#
# - each row number from 0 to `len(labels) - 1` is in exactly one of the three
# - `train` holds `n_train` of them, `calib` holds `n_calib`, and `test` the rest
# - the split is *stratified*: a class that makes up 10 % of all labels makes up 10 % of every part,
#   up to 3 images
# - which images of a class go where is drawn at random from `seed`: the same seed always gives the
#   same three parts, another seed gives others
#
# The classes may be of unequal size, and the labels may come sorted. The order within a part does
# not matter. `sklearn.model_selection.train_test_split` cuts in two, and so does
# `calibkit.split_calibration`.


# %% solution="split"
def split(labels, n_train, n_calib, seed):
    """Split row numbers into three stratified parts.

    Parameters
    ----------
    labels : array of int, shape (n,)
    n_train, n_calib, seed : int

    Returns
    -------
    train, calib, test : arrays of int
    """
    ### BEGIN SOLUTION
    rows = np.arange(len(labels))
    options = {"random_state": seed}
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=labels[rest], **options)
    return train, calib, test
    ### END SOLUTION


# %% tests="split" points=3
few_labels = np.random.default_rng(1).integers(0, 3, 90)
found = [np.asarray(part) for part in split(few_labels, 30, 20, 0)]
assert len(found) == 3, "return three arrays: train, calib, test"
assert [len(part) for part in found] == [30, 20, 40], "n_train, n_calib, and the rest to test"
together = np.sort(np.concatenate(found))
assert together.min() >= 0, "row numbers begin with 0"
assert len(np.unique(together)) == 90, "a row is in two parts, or in none: they must be disjoint"
assert (together == np.arange(90)).all(), "return row numbers, from 0 to len(labels) - 1"
again = [np.asarray(part) for part in split(few_labels, 30, 20, 0)]
same = [set(a) == set(b) for a, b in zip(found, again)]
assert all(same), "the same seed must give the same parts"
### BEGIN HIDDEN TESTS
class_sizes = np.array([300, 150, 90, 60, 50])
sorted_labels = np.repeat(np.arange(5), class_sizes)
drawn = {}
for seed in (0, 1, 2):
    # what a global generator did before must not matter
    np.random.seed(100 + seed)  # noqa: NPY002
    torch.manual_seed(100 + seed)
    drawn[seed] = [np.asarray(part) for part in split(sorted_labels, 200, 150, seed)]
    sizes = [len(part) for part in drawn[seed]]
    assert sizes == [200, 150, 300], f"with 650 labels, n_train=200, n_calib=150: sizes {sizes}"
    in_some = np.concatenate(drawn[seed])
    assert set(in_some) == set(range(650)), "the parts overlap, or rows are missing"
    for part, name in zip(drawn[seed], ("train", "calib", "test")):
        counted = np.bincount(sorted_labels[part], minlength=5)
        off = np.abs(counted - len(part) * class_sizes / 650).max()
        assert off <= 3, f"{name} is not stratified: a class is off by {off:.0f} images"
for k, name in enumerate(("train", "calib", "test")):
    different = set(drawn[0][k]) != set(drawn[1][k])
    assert different, f"{name} does not depend on the seed"
    shared = len(set(drawn[1][k]) & set(drawn[2][k])) / len(drawn[1][k])
    assert shared < 0.75, f"{name} is hardly random: {shared:.0%} of it is the same for two seeds"
repeated = [np.asarray(part) for part in split(sorted_labels, 200, 150, 1)]
assert all(set(a) == set(b) for a, b in zip(repeated, drawn[1])), "seed 1 gave two splits"
### END HIDDEN TESTS

# %% [markdown]
# Your parts of the digits:

# %%
names = ("train", "calib", "test")
rows = dict(zip(names, split(labels, N_TRAIN, N_CALIB, SEED)))
for name in names:
    print(f"{name:6}{len(rows[name]):4} images, of each digit {np.bincount(labels[rows[name]])}")

# %% [markdown]
# ## Question 2: standardise the pixels (2 points)
#
# Training is easier if every pixel has mean 0 and standard deviation 1. But mean and standard
# deviation are learned from data, as the weights are, so they may come from the training part
# only. In use, too, they are known before the first new image comes.
#
# For pixel $j$ and the training images $x_{1j}, \dots, x_{nj}$ let
#
# $$m_j = \frac{1}{n}\sum_{i=1}^n x_{ij}, \qquad
#   s_j = \sqrt{\frac{1}{n}\sum_{i=1}^n (x_{ij} - m_j)^2}.$$
#
# Write `standardise(train, calib, test)`. It returns the three parts with each value $x_{ij}$
# replaced by $(x_{ij} - m_j) / s_j$, all with the $m_j$ and $s_j$ of `train`. A pixel may have the
# same value in all training images; then $s_j = 0$, and we divide by 1 instead. Leave the arrays
# that you were given unchanged.


# %% solution="standardise"
def standardise(train, calib, test):
    """Give every pixel mean 0 and standard deviation 1 in the training part.

    Parameters
    ----------
    train, calib, test : arrays of float, shapes (n_train, d), (n_calib, d), (n_test, d)

    Returns
    -------
    train, calib, test : arrays of float, of the same shapes
    """
    ### BEGIN SOLUTION
    mean, std = train.mean(0), train.std(0)
    std = np.where(std > 0, std, 1.0)
    return tuple((part - mean) / std for part in (train, calib, test))
    ### END SOLUTION


# %% tests="standardise" points=2
tiny = [np.array([[0.0, 5.0], [2.0, 9.0]]), np.array([[3.0, 7.0]]), np.array([[-1.0, 11.0]])]
a, b, c = standardise(*tiny)
assert np.shape(a) == (2, 2), "the parts keep their shapes"
assert np.allclose(a, [[-1, -1], [1, 1]]), "each pixel of train: mean 0, standard deviation 1"
assert np.allclose(b, [[2, 0]]), "calib: pixel 0 has m = 1 and s = 1, pixel 1 m = 7 and s = 2"
### BEGIN HIDDEN TESTS
generator = np.random.default_rng(3)
centres = np.array([0.0, 5.0, -2.0, 40.0, 3.0, 8.0])
spreads = np.array([1.0, 3.0, 0.1, 20.0, 0.0, 0.0])
raw = [centres + spreads * generator.normal(size=(n, 6)) for n in (40, 30, 50)]
raw[1] += 2.0
raw[2][:, 4] += generator.normal(size=50)
kept = copy.deepcopy(raw)
got = [np.asarray(part, dtype=float) for part in standardise(*raw)]
untouched = all(np.array_equal(x, y) for x, y in zip(raw, kept))
assert untouched, "the arrays that came in were changed: make new ones"
assert all(np.isfinite(part).all() for part in got), "NaN or infinity where a pixel is constant"
assert np.abs(got[0].mean(0)).max() < 1e-6, "the mean of a training pixel must be 0, pixel by pixel"
for part, name, given in zip(got, ("train", "calib", "test"), kept):
    for j in range(6):
        deviation = (sum((v - kept[0][:, j].mean()) ** 2 for v in kept[0][:, j]) / 40) ** 0.5
        expected = (given[:, j] - kept[0][:, j].mean()) / (deviation if j < 4 else 1)
        assert np.allclose(part[:, j], expected, rtol=1e-4, atol=1e-5), (
            f"{name}, pixel {j}: use mean and standard deviation of that pixel in train, "
            "for all three parts, and 1 where the standard deviation is 0"
        )
### END HIDDEN TESTS

# %% [markdown]
# Your digits, ready for the network. The mean of the training pixels is 0, that of the others only
# nearly so, because they had no say in it.

# %%
standardised = standardise(*(images[rows[name]] for name in names))
x = {n: torch.as_tensor(part, dtype=torch.float32) for n, part in zip(names, standardised)}
y = {name: torch.as_tensor(labels[rows[name]]) for name in names}
for name in names:
    largest = x[name].mean(0).abs().max()
    print(f"{name:6}{len(x[name]):4} images, the mean of a pixel is at most {largest:.3f} from 0")

# %% [markdown]
# ## Question 3: train the network (4 points)
#
# Write the training loop yourself: `train(network, images, labels, optimizer, n_epochs,
# batch_size, seed)`.
#
# 1. Put the network in training mode.
# 2. In each of `n_epochs` epochs take the images in a new random order, so that each image is seen
#    exactly once, in batches of `batch_size`. The last batch is smaller if the numbers do not
#    divide; it counts too. The orders are drawn from `seed`: the same seed gives the same orders.
# 3. For each batch: set the gradients to zero, take the mean cross-entropy of the batch, go
#    backward, let the optimizer step.
# 4. Return a list with one number (a float) for each epoch: the cross-entropy that was seen in that
#    epoch, averaged over all images. A smaller batch has a smaller weight.
#
# For $B$ images with logits $z_i$ and labels $y_i$ the mean cross-entropy is
#
# $$\frac{1}{B} \sum_{i=1}^B -\log \operatorname{softmax}(z_i)_{y_i}$$
#
# in nats: the NLL of the lessons. `cross_entropy` from torch takes logits, it applies the softmax
# itself. `torch.randperm(n, generator=...)` draws an order, and a `torch.Generator` holds a seed.
# All settings of the optimizer, such as the learning rate, are made where it is created.


# %% solution="train"
def train(network, images, labels, optimizer, n_epochs, batch_size, seed):
    """Train a network in place.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits, shape (batch, classes).
    images : tensor, shape (n, d)
    labels : tensor of int, shape (n,)
    optimizer : torch.optim.Optimizer
        Holds the parameters of the network.
    n_epochs, batch_size, seed : int

    Returns
    -------
    losses : list of n_epochs floats
    """
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    network.train()
    losses = []
    for _ in range(n_epochs):
        total = 0.0
        for batch in torch.randperm(len(images), generator=generator).split(batch_size):
            loss = cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
    ### END SOLUTION


# %% tests="train" points=4
class Recorder(torch.nn.Linear):
    """A tiny network that notes in which mode it is called, and with which images."""

    def forward(self, x):
        if torch.is_grad_enabled():
            self.calls.append((self.training, x[:, 0].tolist()))
        return super().forward(x)


def recorded(n_epochs, batch_size, seed, lr=0.1):
    """Train a Recorder that begins with all weights 0 on 23 images; their pixel 0 numbers them."""
    network, numbers = Recorder(2, 3), torch.arange(23.0)
    network.calls = []
    torch.nn.init.zeros_(network.weight)
    torch.nn.init.zeros_(network.bias)
    optimizer = torch.optim.SGD(network.parameters(), lr=lr)
    pixels = torch.stack([numbers, (numbers % 3) - 1], 1)
    args = (pixels, (numbers % 3).long(), optimizer, n_epochs, batch_size, seed)
    return train(network.eval(), *args), network.calls


seen_losses, calls = recorded(n_epochs=4, batch_size=10, seed=0, lr=0.0)
assert len(seen_losses) == 4, "return one number for each epoch"
assert abs(seen_losses[0] - np.log(3)) < 1e-5, "all logits 0, three classes: the loss is log 3"
assert all(mode for mode, _ in calls), "the network must be in training mode"
batch_sizes = [len(batch) for _, batch in calls]
assert batch_sizes == [10, 10, 3] * 4, f"23 images in batches of 10, four times: got {batch_sizes}"
### BEGIN HIDDEN TESTS
epochs = [[i for _, batch in calls[k : k + 3] for i in batch] for k in (0, 3, 6, 9)]
for order in epochs:
    assert sorted(order) == list(range(23)), "in an epoch each image must be seen exactly once"
    assert order != sorted(order), "the images must come in random order"
assert epochs[0] != epochs[1], "draw a new order in every epoch"
assert epochs[1] != epochs[2], "draw a new order in every epoch"
torch.manual_seed(99)
assert recorded(4, 10, 0, 0.0)[1] == calls, "the same seed must give the same orders"
assert recorded(4, 10, 1, 0.0)[1] != calls, "another seed must give other orders"

torch.manual_seed(5)
some_images, some_labels = torch.randn(23, 4).double(), torch.arange(23) % 3
start = torch.nn.Linear(4, 3).double()
theirs, by_hand = copy.deepcopy(start), copy.deepcopy(start)
optimizer = torch.optim.SGD(theirs.parameters(), lr=0.5)
their_losses = train(theirs, some_images, some_labels, optimizer, 5, 23, 0)
# one batch of all images: the order does not matter, so we can follow by hand
for epoch in range(5):
    log_p = by_hand(some_images).log_softmax(1)
    value = -log_p[torch.arange(23), some_labels].mean()
    assert abs(float(their_losses[epoch]) - value.item()) < 1e-4, (
        f"with one batch the loss of epoch {epoch} must be the mean cross-entropy before its step; "
        "are the gradients set to zero, the softmax taken once, the batch averaged?"
    )
    slopes = torch.autograd.grad(value, list(by_hand.parameters()))
    with torch.no_grad():
        for parameter, slope in zip(by_hand.parameters(), slopes):
            parameter -= 0.5 * slope
for a, b in zip(theirs.parameters(), by_hand.parameters()):
    assert torch.allclose(a, b, atol=1e-4), "the weights after five steps are not as they should be"

# without steps the loss of an epoch is that of all images, however they are cut into batches
frozen = torch.optim.SGD(start.parameters(), lr=0.0)
of_all = cross_entropy(start(some_images), some_labels).item()
means = [float(mean) for mean in train(start, some_images, some_labels, frozen, 3, 10, 0)]
assert np.allclose(means, of_all, atol=1e-5), "weigh each batch by the number of its images"

X_some, X_other, y_some, y_other = train_test_split(
    torch.tensor(load_digits().data / 8 - 1).float(),
    torch.tensor(load_digits().target),
    train_size=300,
    random_state=0,
)
learner = make_network(0)
adam = torch.optim.Adam(learner.parameters(), lr=1e-3)
curve = train(learner, X_some, y_some, adam, 30, 50, 0)
assert curve[-1] < 0.5 * curve[0], "on the digits the loss must fall"
accuracy = (learner.eval()(X_other).argmax(1) == y_other).float().mean()
assert accuracy > 0.8, f"accuracy on other digits is {accuracy:.0%}, and should be above 80 %"
### END HIDDEN TESTS

# %% [markdown]
# Now train on the digits, few images for many epochs and without weight decay.

# %%
network = make_network(SEED)
optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
losses = train(network, x["train"], y["train"], optimizer, N_EPOCHS, BATCH_SIZE, SEED)

fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
ax.semilogy(range(1, N_EPOCHS + 1), losses, color="#0072B2")
_ = ax.set(title="Cross-entropy on the training images", xlabel="epoch", ylabel="nats")

# %% [markdown]
# ## Question 4: collect the logits (3 points)
#
# Write `collect(network, images, batch_size)` yourself, without `calibkit.collect_logits`. It
# returns the logits of all images, in the order of the images.
#
# - The network runs in eval mode. In training mode dropout would make the logits random, and batch
#   normalisation, where a network has it, would change for good.
# - It gets at most `batch_size` images at a time, so that a large data set fits into memory. The
#   last batch may be smaller.
# - No gradients are kept: the result has `requires_grad == False`.
# - Afterwards the network is in the mode, training or eval, in which it came.
# - What comes back are logits, no probabilities.


# %% solution="collect"
def collect(network, images, batch_size):
    """Give the logits of all images.

    Parameters
    ----------
    network : torch.nn.Module
        Gives logits, shape (batch, classes).
    images : tensor, shape (n, d)
    batch_size : int

    Returns
    -------
    logits : tensor, shape (n, classes)
    """
    ### BEGIN SOLUTION
    came_in_training = network.training
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    network.train(came_in_training)
    return logits
    ### END SOLUTION


# %% tests="collect" points=3
torch.manual_seed(7)
plain, pictures = torch.nn.Linear(4, 3), torch.randn(25, 4)
z = collect(plain, pictures, 10)
assert tuple(z.shape) == (25, 3), "one row of logits for each of the 25 images, in batches of 10"
assert not z.requires_grad, "switch gradients off, with torch.no_grad()"
assert torch.allclose(z, plain(pictures), atol=1e-5), "logits, in the order of the images"
### BEGIN HIDDEN TESTS
tricky = torch.nn.Sequential(
    torch.nn.Linear(4, 16),
    torch.nn.BatchNorm1d(16),
    torch.nn.ReLU(),
    torch.nn.Dropout(0.5),
    torch.nn.Linear(16, 3),
)
tricky(5 + pictures)  # so that the running statistics of the batch normalisation are not 0 and 1
state = copy.deepcopy(tricky.state_dict())
expected = copy.deepcopy(tricky).eval()(pictures).detach()
fed = []
tricky.register_forward_pre_hook(lambda module, args: fed.append(len(args[0])))
for mode in (True, False):
    tricky.train(mode)
    for n_at_once in (8, 25, 100):
        fed.clear()
        z = torch.as_tensor(collect(tricky, pictures, n_at_once))
        assert z.shape == (25, 3), f"25 images in batches of {n_at_once}: shape {tuple(z.shape)}"
        assert not torch.allclose(z.sum(1), torch.ones(25), atol=1e-3), "logits, no probabilities"
        close = torch.allclose(z, expected, atol=1e-4)
        assert close, "not the logits of eval mode: dropout or batch normalisation was active"
        assert tricky.training == mode, "give the network back in the mode in which it came"
        assert max(fed) <= n_at_once, f"{max(fed)} images at a time, batch_size is {n_at_once}"
for name, value in tricky.state_dict().items():
    assert torch.equal(value, state[name]), f"{name} of the network was changed"
assert all(p.requires_grad for p in tricky.parameters()), "the parameters were frozen for good"
### END HIDDEN TESTS

# %% [markdown]
# What does your network know, and what does it claim to know?

# %%
logits = {name: collect(network, x[name], 100) for name in names}
for name in names:
    accuracy = (logits[name].argmax(1) == y[name]).double().mean()
    confidence = logits[name].softmax(1).amax(1).mean()
    print(f"{name:6}accuracy {accuracy:.1%}, mean confidence {confidence:.1%}")

# %% [markdown]
# ## Question 5: calibrate and report (2 points)
#
# Write `calibrate(logits, labels)`. Both arguments are dictionaries with the keys `"train"`,
# `"calib"` and `"test"`: tensors of logits, shape (n, classes), and of labels, shape (n,). The
# function fits a `calibkit.TemperatureScaler` on the logits of the right part and measures with
# `calibkit.evaluate` on the right part, before and after scaling, with the default number of bins.
# It returns the fitted scaler and the report, in this order. Lesson 80 (*How do I calibrate my own
# model?*) shows both calls.


# %% solution="calibrate"
def calibrate(logits, labels):
    """Fit a temperature and report what it does.

    Parameters
    ----------
    logits, labels : dict of tensors, with keys "train", "calib" and "test"

    Returns
    -------
    scaler : calibkit.TemperatureScaler
    report : calibkit.Report
        With the measures before and after scaling.
    """
    ### BEGIN SOLUTION
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
    ### END SOLUTION


# %% tests="calibrate" points=2
def made_up(**parts):
    """Logits and labels of three parts; each has its size and its best temperature."""
    generator, z, labels_of = torch.Generator().manual_seed(4), {}, {}
    for part, (n, t) in parts.items():
        z[part] = 4 * torch.randn(n, 5, generator=generator)
        p = (z[part] / t).softmax(1)
        labels_of[part] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return z, labels_of


some_logits, some_answers = made_up(train=(300, 0.5), calib=(400, 2.0), test=(500, 2.0))
fitted, measured = calibrate(some_logits, some_answers)
assert isinstance(fitted, calibkit.TemperatureScaler), "return the scaler first"
assert isinstance(measured, calibkit.Report), "then the report"
assert measured.after is not None, "pass the scaler to evaluate: it then measures before and after"
assert fitted.summary.n_samples == 400, "fitted on the wrong part, or on too many"
### BEGIN HIDDEN TESTS
three = {"train": (400, 0.6), "calib": (600, 2.0), "test": (800, 4.0)}
for order in (("train", "calib", "test"), ("test", "train", "calib")):
    z, t = made_up(**{part: three[part] for part in order})
    fitted, measured = calibrate({part: z[part] for part in order}, t)

    def nll_at(log_temperature, part="calib", z=z, t=t):
        return cross_entropy(z[part].double() / np.exp(log_temperature), t[part]).item()

    best = scipy.optimize.minimize_scalar(nll_at, bounds=(-3, 3), method="bounded").x
    assert abs(np.log(float(fitted.temperature)) - best) < 1e-3, (
        f"T = {float(fitted.temperature):.2f}, and {np.exp(best):.2f} is best on the "
        "calibration part: fit on its logits, and on nothing else"
    )
    assert measured.n_samples == 800, "report on the test part, and on nothing else"
    right = (z["test"].argmax(1) == t["test"]).double().mean().item()
    assert abs(measured.before.accuracy.value - right) < 1e-6, "not the accuracy of the test part"
    assert abs(measured.before.nll.value - nll_at(0, "test")) < 1e-4, "before: logits as they came"
    assert abs(measured.after.nll.value - nll_at(best, "test")) < 1e-3, "after: scaled once, by T"
    assert measured.n_bins == 15, "the default number of bins is 15"
### END HIDDEN TESTS

# %% [markdown]
# The report of your network:

# %%
scaler, report = calibrate(logits, y)
low, high = scaler.summary.temperature_interval
print(f"T = {scaler.temperature:.2f} ({low:.2f} to {high:.2f})")
print(report)

# %%
axes = report.plot()
_ = axes[0].figure.suptitle("Your network on the test part")

# %% [markdown]
# ## Question 6: put an interval around the change (3 points)
#
# Would the NLL fall on another test part too? The intervals of "before" and "after" do not answer
# that. An image that is hard before scaling is hard after it, so that the two NLLs rise and fall
# together, and their difference is known much better than if they did not. So we look at *pairs*:
# each image is compared with itself.
#
# Let $\ell_i = -\log \operatorname{softmax}(z_i)_{y_i}$ be the NLL of image $i$ before scaling and
# $\ell_i'$ the same after it. The change is the mean of $d_i = \ell_i' - \ell_i$; below 0 is
# better. For its interval we use the *bootstrap*: draw $n$ of the $n$ images at random with
# replacement, so that some come twice and some not at all, and take the mean of their $d_i$. Do so
# `n_resamples` times. The 95 % interval reaches from the 2.5 % quantile of these means to the
# 97.5 % quantile.
#
# Write `nll_change(before, after, labels, n_resamples, seed)` yourself, without calibkit. It
# returns three floats in nats: the change (not the mean of the resamples), the lower and the upper
# end of its interval. The images are drawn from `seed`: the same seed gives the same interval,
# another seed a slightly different one. If logits are large, a softmax can be so close to 0 that
# its logarithm is lost: use `log_softmax` or `cross_entropy`, which take care of that.


# %% solution="nll_change"
def nll_change(before, after, labels, n_resamples, seed):
    """Give the change of the NLL with its 95 % bootstrap interval.

    Parameters
    ----------
    before, after : tensors of logits, shape (n, classes)
        Of the same images, in the same order.
    labels : tensor of int, shape (n,)
    n_resamples, seed : int

    Returns
    -------
    change, low, high : float
    """
    ### BEGIN SOLUTION
    old = cross_entropy(before.double(), labels, reduction="none")
    new = cross_entropy(after.double(), labels, reduction="none")
    difference = (new - old).numpy()
    generator, n = np.random.default_rng(seed), len(difference)
    means = [difference[generator.integers(n, size=n)].mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(difference.mean()), float(low), float(high)
    ### END SOLUTION


# %% tests="nll_change" points=3
sure, truth = torch.tensor([[2.0, 0.0]] * 40), torch.tensor([0, 1] * 20)
change, low_end, high_end = nll_change(sure, sure / 2, truth, 200, 0)
old, new = cross_entropy(sure, truth).item(), cross_entropy(sure / 2, truth).item()
assert abs(change - (new - old)) < 1e-5, "after minus before, averaged over the images"
assert low_end < change < high_end, "the interval lies around the change"
same = nll_change(sure, sure, truth, 200, 0)
assert np.allclose(same, 0, atol=1e-6), "nothing changes, for no image: draw pairs"
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(6)
first = 3 * torch.randn(400, 6, generator=generator)
second = first / 1.5 + 0.2 * torch.randn(400, 6, generator=generator)
truth = torch.multinomial((first / 1.6).softmax(1), 1, generator=generator)[:, 0]
value, low_end, high_end = (float(v) for v in nll_change(first, second, truth, 8000, 1))
log_first, log_second = first.double().log_softmax(1), second.double().log_softmax(1)
reference = calibkit.paired_difference(
    calibkit.negative_log_likelihood, log_first.exp(), log_second.exp(), truth, n_resamples=8000
)
width = reference.high - reference.low
assert abs(value - reference.value) < 1e-4, "not the mean of the differences, after minus before"
for end, wanted in ((low_end, reference.low), (high_end, reference.high)):
    assert abs(end - wanted) < 0.055 * width, (
        f"the interval ({low_end:.3f} to {high_end:.3f}) should be about ({reference.low:.3f} to "
        f"{reference.high:.3f}): pairs, n of n with replacement, 2.5 % and 97.5 %"
    )
shifted = nll_change(first + 5, second - 3, truth, 100, 1)
again = nll_change(first, second, truth, 100, 1)
assert np.allclose(shifted, again, atol=1e-4), "a number added to all logits must not matter"
assert np.allclose(nll_change(first, second, truth, 100, 1), again), "the same seed, another result"
other_seed = nll_change(first, second, truth, 100, 2)
assert not np.allclose(other_seed[1:], again[1:], atol=1e-7), "the seed has no effect"
assert abs(other_seed[0] - value) < 1e-4, "the change itself must not depend on the draws"
_, low_end, high_end = nll_change(first, second, truth, 1, 1)
assert abs(low_end - high_end) < 1e-7, "with one resample both ends are its mean: use n_resamples"
huge = torch.tensor([[0.0, 2000.0]] * 20)
value, low_end, high_end = nll_change(huge, huge / 2, torch.tensor([0] * 20), 10, 0)
assert abs(value + 1000) < 0.01, "large logits: use log_softmax or cross_entropy, not log(softmax)"
### END HIDDEN TESTS

# %% [markdown]
# Is your interval that of the report, and how wide would it be without pairs? For the latter we
# draw images for "before" and, once more, others for "after".

# %%
scaled = scaler(logits["test"])
change, low, high = nll_change(logits["test"], scaled, y["test"], 1000, SEED)
print(f"your interval {low:.3f} to {high:.3f}")
print(f"in the report {report.change.nll.low:.3f} to {report.change.nll.high:.3f}")
draw = np.random.default_rng(SEED)
nll = [cross_entropy(z, y["test"], reduction="none").numpy() for z in (logits["test"], scaled)]
means = [[draw.choice(part, len(part)).mean() for _ in range(1000)] for part in nll]
separate = np.quantile(np.subtract(means[1], means[0]), [0.025, 0.975])
print(f"without pairs {separate[0]:.3f} to {separate[1]:.3f}")

# %%
fig, ax = plt.subplots(figsize=(6.4, 2.2), layout="constrained")
for place, (a, b) in enumerate([separate, (low, high)]):
    ax.plot([a, b], [place, place], color="#0072B2", linewidth=3)
    ax.plot(change, place, "o", color="#D55E00")
ax.axvline(0, color="0.5", linestyle="--")
ax.set_yticks([0, 1], ["without pairs", "in pairs"])
ax.set(ylim=(-0.6, 1.6), xlabel="change of the NLL, after minus before, in nats")
_ = ax.set_title("In pairs the change is known better")

# %% [markdown]
# ## Question 7: decide whether it helped (3 points)
#
# A rule that is written down before we see the numbers keeps us from reading into them what we
# hope for. Ours looks at intervals, not at values: a value below 0 can be chance.
#
# Write `decide(report)` for a report with the measures before and after scaling. It returns two
# things. The first is one of three words:
#
# - `"helped"` if the 95 % intervals of the changes of **both** NLL and ECE lie wholly below 0
# - `"harmed"` if **at least one** of the two lies wholly above 0
# - `"unclear"` in all other cases
#
# An interval that touches 0 with one end lies neither wholly below nor wholly above. The changes
# are in `report.change`, see the docstrings of `calibkit.Report`, `calibkit.Change` and
# `calibkit.Interval`.
#
# The second is `True` if chance alone may explain the ECE that is left, that is, if the p-value
# after scaling is above 0.05, and `False` if not.


# %% solution="decide"
def decide(report):
    """Say whether scaling helped, and whether the rest may be chance.

    Parameters
    ----------
    report : calibkit.Report

    Returns
    -------
    word : str
        "helped", "harmed" or "unclear".
    may_be_chance : bool
    """
    ### BEGIN SOLUTION
    changes = (report.change.nll, report.change.ece)
    if all(interval.high < 0 for interval in changes):
        word = "helped"
    elif any(interval.low > 0 for interval in changes):
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
    ### END SOLUTION


# %% tests="decide" points=3
def report_with(nll, ece, p_value=0.5, p_value_before=0.5):
    """A report whose changes of NLL and ECE are (value, low, high) as we like."""
    z, t = torch.tensor([[2.0, 0.0]] * 40), torch.tensor([0, 0, 0, 1] * 10)
    halved = calibkit.TemperatureScaler().fit_logits(2 * z, t)
    made = calibkit.evaluate(z, t, scaler=halved, n_resamples=20, progress=False)
    nll, ece = calibkit.Interval(*nll), calibkit.Interval(*ece)
    return dataclasses.replace(
        made,
        before=made.before._replace(p_value=p_value_before),
        after=made.after._replace(p_value=p_value),
        change=made.change._replace(nll=nll, ece=ece),
    )


below, around, above = (-0.2, -0.3, -0.1), (-0.1, -0.3, 0.1), (0.2, 0.1, 0.3)
word, may_be_chance = decide(report_with(below, below))
assert word == "helped", "both intervals lie below 0"
assert may_be_chance, "the p-value after scaling is 0.5"
assert decide(report_with(below, around))[0] == "unclear", "the interval of the ECE holds 0"
assert decide(report_with(above, above))[0] == "harmed", "both intervals lie above 0"
### BEGIN HIDDEN TESTS
around_too = (0.1, -0.1, 0.3)
for nll, ece, wanted in (
    (around, below, "unclear"),
    (around, around, "unclear"),
    (around_too, around_too, "unclear"),
    (below, around_too, "unclear"),
    (below, above, "harmed"),
    (above, below, "harmed"),
    (around, above, "harmed"),
    (above, around, "harmed"),
    (below, (-0.1, -0.2, 0.0), "unclear"),
    ((-0.1, -0.2, 0.0), below, "unclear"),
    (around, (0.1, 0.0, 0.2), "unclear"),
    ((-1e-4, -2e-4, -1e-5), (-1e-4, -2e-4, -1e-5), "helped"),
):
    word = decide(report_with(nll, ece))[0]
    assert word == wanted, (
        f"intervals of NLL ({nll[1]:g} to {nll[2]:g}) and ECE ({ece[1]:g} to {ece[2]:g}) mean "
        f"{wanted!r}, got {word!r}"
    )
for p_before, p_after, wanted in ((0.9, 0.001, False), (0.001, 0.9, True), (0.001, 0.06, True)):
    for nll in (below, around, above):
        answer = decide(report_with(nll, nll, p_after, p_before))[1]
        assert bool(answer) == wanted and answer is not None, (  # noqa: PT018
            f"p = {p_after} after scaling must give {wanted}, whatever it was before, {p_before}"
        )
assert not decide(report_with(below, below, 0.04))[1], "0.04 is not above 0.05"
### END HIDDEN TESTS

# %% [markdown]
# And your network? Below, what becomes of the images whose confidence is above 90 %; we come back
# to them in the last question.

# %%
word, may_be_chance = decide(report)
print(f"scaling: {word}; may the ECE that is left be chance? {may_be_chance}")
for name, z in (("before", logits["test"]), ("after", scaled)):
    confidence, answers = z.softmax(1).max(1)
    above_90 = confidence > 0.9
    right = (answers == y["test"])[above_90].double().mean()
    print(f"{name:7}{above_90.sum()} of {len(z)} images above 90 %", end=", ")
    print(f"mean confidence {confidence[above_90].mean():.1%}, right {right:.1%}")

# %% [markdown]
# ## Question 8: write the model card (5 points)
#
# A colleague wants to use your network: digits whose confidence is above 90 % are to be entered
# without a human looking at them. Write the section *Calibration* of its model card: 150 to 250
# words, full sentences, with the numbers of your notebook. Say
#
# - how many images were used for what, and whether any was used for two things
# - what the temperature is, with its interval, and what it did to the confidences and the accuracy
# - how NLL and ECE changed, with the intervals of the change
# - what the ECE that is left must be compared with, and whether scaling helped, by our rule
# - what it means for digits above 90 %, for which images all this holds, and one thing that your
#   numbers do not show

# %% [markdown] essay="model_card" points=5
# ### BEGIN SOLUTION
# **A model answer** (the numbers of one machine, others differ a little)
#
# The network was trained on 300 digits. The temperature was fitted on 500 others, and everything
# below was measured on 997 more, which were used for nothing else; the parts are stratified and
# share no image. The temperature is 1.89 (95 % interval 1.69 to 2.10). It is above 1, so all
# confidences went down: the network had been too sure. The accuracy stayed at 82.2 %, because no
# temperature changes which logit is the largest. The NLL changed by -0.171 (-0.219 to -0.124) to
# 0.523, and the ECE by -7.2 points (-9.2 to -5.4) to 2.9 %. A perfectly calibrated model would
# show 2.6 % (1.5 % to 3.9 %) on as many images, and p = 0.32: what is left may be chance, which
# does not prove that it is. Both intervals lie below 0, so by our rule scaling helped.
#
# Above 90 % there were 767 of the 997 images before, 91.9 % of them right. Now there are 588, and
# 96.3 % are right: fewer digits pass, and fewer of those are wrong. This holds for digits scanned
# in the same way, with the same noise. It was measured on one split and one trained network, and
# does not show whether the confidences are right for each digit by itself.
#
# **Rubric**, 1 point each
#
# - *data*: three parts with their sizes; the test part was used for nothing but measuring
# - *temperature*: the number with its interval; above 1 means less sure; accuracy and answers stay,
#   with the reason or without
# - *change*: NLL and ECE with the intervals of the change, not only the two values
# - *judgement*: the ECE that is left is compared with the noise floor or judged by its p-value;
#   the verdict follows from the rule and agrees with the intervals
# - *scope*: what it means for the 90 % rule; images drawn like these, same noise; and one honest
#   limit (one split or one training run, no other noise or writers, single digits, few images
#   above some confidence, only the top class)
#
# Take off 1 point, not below 0, for each of: numbers that are not in the notebook, "it is proven
# to be calibrated", "the accuracy got better". A verdict of "unclear" or "harmed" gets full points
# where it follows from the student's numbers.
# ### END SOLUTION
