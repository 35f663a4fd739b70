# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Calibrate a digit classifier
#
# In most lessons the network is already trained. In this assignment you go the whole way with real
# data: you split them, train a network, collect its logits, calibrate it, report the result and
# decide whether it helped. Most mistakes in calibration happen along this way and not in the
# formula, and most of them raise no error.
#
# ## What you will learn
#
# - to split data into a training, a calibration and a test part that share no image
# - to train a network, and to collect its logits in eval mode
# - to fit a temperature on the right part, and to report on the right part
# - to put an interval around a change, by resampling pairs
# - to decide by a rule whether calibration helped, and to write it down for others
#
# ## How it works
#
# 25 points, about 150 minutes.
#
# | question | points | graded by | minutes |
# |---|---|---|---|
# | read this introduction | | | 10 |
# | 1 split the data | 3 | machine | 10 |
# | 2 standardise the pixels | 2 | machine | 10 |
# | 3 make batches | 2 | machine | 15 |
# | 4 train the network | 2 | machine | 20 |
# | 5 collect the logits | 3 | machine | 10 |
# | 6 calibrate and report | 2 | machine | 10 |
# | 7 put an interval around the change | 3 | machine | 15 |
# | 8 decide whether it helped | 3 | machine | 20 |
# | 9 write the model card | 5 | teacher | 30 |
#
# *Data*: the digits that come with scikit-learn, which are real handwriting. You need no network
# connection and no GPU. Training takes a few seconds.
#
# *Builds on*: lessons 10 (temperature scaling), 30 (pitfalls) and 80 (your own model).
#
# *How to check*: each question asks for one function and has a cell of tests below your answer,
# whose messages say what is probably wrong. After the tests, a cell uses your function on the
# digits, so that the results for question 9 grow step by step. When you are done, choose *Kernel >
# Restart and Run All*, then run `nbgrader validate ps3_calibrate_a_digit_classifier.ipynb` in a
# terminal. Further tests, which you do not see, run when the notebook is graded. They test what the
# text asks for, on other data. A question gives its points if all its tests pass. The tests of a
# question never use your answers to other questions, so if you are stuck, go on with the next.
#
# *Honesty*: by handing in this notebook you declare that you worked alone and that the answers are
# your own.

# %% [markdown]
# ## Set up
#
# These rules hold for every function that you write here:
#
# - It leaves the arrays and tensors that it gets unchanged, except for the weights of a network
#   that it trains.
# - You may use NumPy, PyTorch, scikit-learn and calibkit as you like, except where a question says
#   "write it yourself".
# - Where the text asks for an array or a tensor, you may return either of them, or a list. A number
#   may differ from the exact one by 0.00001, so float32 is precise enough.
#
# The first cell holds everything that you might want to change.

# %%
import copy
import dataclasses

import numpy as np
import torch
from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch.nn.functional import cross_entropy

import calibkit

SEED = 0  # of the noise, the split, the first weights and the batches
NOISE = 4.0  # the standard deviation; a clean pixel lies between 0 and 16
N_TRAIN, N_CALIB = 300, 500  # the other 997 images are the test part
N_EPOCHS, BATCH_SIZE, LEARNING_RATE = 100, 50, 1e-3

# %% [markdown]
# There are 1797 images of 8 x 8 pixels. The network gets the 64 pixels of an image as one row. To
# make the task harder, we imitate a cheap camera and add noise to every pixel.

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
# The network is given. It has two hidden layers with *dropout*: in training mode, each value of a
# hidden layer is set to 0 with a probability of 0.2. In eval mode, none is.


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
# The network learns from the *training part* and the temperature from the *calibration part*.
# Everything that we report comes from the *test part*. If two parts share an image, the results
# look better than they are.
#
# Write `split`. It returns three arrays of row numbers, `train`, `calib` and `test`:
#
# - Each row number from 0 to `len(labels) - 1` is in exactly one of the three.
# - `train` holds `n_train` of them, `calib` holds `n_calib`, and `test` holds all others.
# - The split is *stratified*: a class that makes up 10% of all labels also makes up 10% of each
#   part, give or take 3 images.
# - Chance decides which images of a class go where. The same `seed` always gives the same three
#   parts, and another seed gives other parts.
#
# Each class has at least ten images, the classes may have different sizes, and the labels may come
# sorted. The test part is never empty. The order within a part does not matter. Both
# `sklearn.model_selection.train_test_split` and `calibkit.split_calibration` cut data into two
# parts.


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
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, numpy as np, torch
from sklearn.model_selection import train_test_split

few_labels = np.random.default_rng(1).integers(0, 3, 90)
found = [np.asarray(part) for part in split(few_labels.copy(), 30, 20, 0)]
assert len(found) == 3, "return three arrays: train, calib, test"
assert [len(part) for part in found] == [30, 20, 40], (
    "train must hold n_train = 30 rows, calib n_calib = 20, and test the other 40; yours hold "
    f"{[len(part) for part in found]}"
)
together = np.sort(np.concatenate(found))
assert len(np.unique(together)) == 90, (
    "each row must be in exactly one part, and some are in two; if you cut twice, the second cut "
    "gives positions among the rows that the first cut left, so look up which rows these are"
)
assert (together == np.arange(90)).all(), "return row numbers, from 0 to len(labels) - 1"
again = [np.asarray(part) for part in split(few_labels.copy(), 30, 20, 0)]
assert all(set(a) == set(b) for a, b in zip(found, again)), "the same seed must give the same parts"
many_labels = np.repeat([0, 1, 2], 1000)
for part in split(many_labels.copy(), 1500, 600, 0):
    counted = np.bincount(many_labels[np.asarray(part)], minlength=3)
    assert np.ptp(counted) <= 3, (
        f"all classes have equally many labels, but a part holds {counted} of them: stratify both "
        "cuts"
    )
### BEGIN HIDDEN TESTS
class_sizes = np.array([300, 150, 90, 60, 50])
sorted_labels = np.repeat(np.arange(5), class_sizes)
drawn = {}
for seed in (0, 1, 2):
    # what a global generator did before must not matter
    np.random.seed(100 + seed)  # noqa: NPY002
    torch.manual_seed(100 + seed)
    drawn[seed] = [np.asarray(part) for part in split(sorted_labels, 200, 150, seed)]
    assert (sorted_labels == np.repeat(np.arange(5), class_sizes)).all(), "the labels have changed"
    sizes = [len(part) for part in drawn[seed]]
    assert sizes == [200, 150, 300], (
        f"650 labels, n_train = 200 and n_calib = 150: the parts hold {sizes} rows, not "
        "[200, 150, 300]"
    )
    assert set(np.concatenate(drawn[seed])) == set(range(650)), (
        "the parts overlap, or rows are lost"
    )
    for part, name in zip(drawn[seed], ("train", "calib", "test")):
        counted = np.bincount(sorted_labels[part], minlength=5)
        off = np.abs(counted - len(part) * class_sizes / 650).max()
        assert off <= 3, (
            f"{name} is not stratified: the number of images of one class is off by {off:.0f}"
        )
for k, name in enumerate(("train", "calib", "test")):
    assert set(drawn[0][k]) != set(drawn[1][k]), f"{name} does not depend on the seed"
    shared = len(set(drawn[1][k]) & set(drawn[2][k])) / len(drawn[1][k])
    assert shared < 0.75, f"{name} is hardly random: two seeds have {shared:.0%} of it in common"
for label in range(5):
    rows_of_label = [row for row in drawn[1][0] if sorted_labels[row] == label]
    assert np.ptp(rows_of_label) > len(rows_of_label), (
        "draw the images of a class at random, not those that stand beside each other"
    )
twelve_classes = np.random.default_rng(8).permutation(np.repeat(np.arange(12), 30))
found = [np.asarray(part) for part in split(twelve_classes.copy(), 126, 91, 0)]
sizes = [len(part) for part in found]
assert sizes == [126, 91, 143], (
    f"360 labels, n_train = 126 and n_calib = 91: the parts hold {sizes} rows, not [126, 91, 143]; "
    "pass the sizes as whole numbers, because a share such as 126 / 360 is rounded"
)
for part in found:
    counted = np.bincount(twelve_classes[part], minlength=12)
    assert np.ptp(counted) <= 3, (
        f"all of the twelve classes have equally many labels, but a part holds {counted} of them; "
        "there may be more than ten classes"
    )
repeated = [np.asarray(part) for part in split(sorted_labels, 200, 150, 1)]
assert all(set(a) == set(b) for a, b in zip(repeated, drawn[1])), (
    "seed 1 gave two different splits; does yours use a global random generator?"
)
### END HIDDEN TESTS

# %% [markdown]
# These are your parts of the digits:

# %%
names = ("train", "calib", "test")
rows = {name: np.asarray(part) for name, part in zip(names, split(labels, N_TRAIN, N_CALIB, SEED))}
for name in names:
    print(f"{name:6}{len(rows[name]):4} images, of each digit {np.bincount(labels[rows[name]])}")

# %% [markdown]
# ## Question 2: standardise the pixels (2 points)
#
# Training is easier if every pixel has mean 0 and standard deviation 1. The mean and the standard
# deviation are learned from data, just like the weights, so they may come from the training part
# only. When the network is in use, they must be known before the first new image arrives.
#
# For pixel $j$ and the training images $x_{1j}, \dots, x_{nj}$ let
#
# $$m_j = \frac{1}{n}\sum_{i=1}^n x_{ij}, \qquad
#   s_j = \sqrt{\frac{1}{n}\sum_{i=1}^n (x_{ij} - m_j)^2}.$$
#
# Write `standardise`. It returns the three parts with each value $x_{ij}$ replaced by
# $(x_{ij} - m_j) / s_j$. All three parts use the $m_j$ and the $s_j$ of `train`. If a pixel has the
# same value in all training images, then $s_j = 0$, and we divide by 1 instead, in all three parts.
# Rounding can make such an $s_j$ tiny instead of 0. In the tests it is exactly 0, because these
# pixels hold whole numbers.


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
    return [(part - mean) / std for part in (train, calib, test)]
    ### END SOLUTION


# %% tests="standardise" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, numpy as np, torch

tiny = [np.array(part) for part in ([[0.0, 5, 4], [2, 9, 4]], [[3.0, 7, 4]], [[-1.0, 11, 6]])]
found = [np.asarray(part, dtype=float) for part in standardise(*tiny)]
assert len(found) == 3, "return three arrays: train, calib, test"
assert [part.shape for part in found] == [(2, 3), (1, 3), (1, 3)], "the parts keep their shapes"
assert np.allclose(found[0][:, :2], [[-1, -1], [1, 1]], atol=1e-4), (
    "each pixel of train gets mean 0 and standard deviation 1; the sum of squares is divided by n"
)
assert np.allclose(found[1][:, :2], [[2, 0]], atol=1e-4), (
    "calib: pixel 0 has m = 1 and s = 1 in train, and pixel 1 has m = 7 and s = 2"
)
assert np.allclose([part[0, 2] for part in found], [0, 0, 2], atol=1e-4), (
    "pixel 2 is 4 in all training images: subtract 4 and divide by 1, in all three parts"
)
### BEGIN HIDDEN TESTS
generator = np.random.default_rng(3)
centres = np.array([0.0, 5.0, -2.0, 40.0, 3.0, 8.0, 0.0])
spreads = np.array([1.0, 3.0, 0.1, 20.0, 0.0, 0.0, 1e-4])
raw = [centres + spreads * generator.normal(size=(n, 7)) for n in (40, 30, 50)]
raw[1][:, :6] += 2.0
raw[2][:, 4] += generator.normal(size=50)
kept = [part.copy() for part in raw]
found = [np.asarray(part, dtype=float) for part in standardise(*raw)]
assert all(map(np.array_equal, raw, kept)), "the arrays that were given have changed: make new ones"
assert all(np.isfinite(part).all() for part in found), (
    "there are NaN or infinite values where a pixel is constant in train: divide by 1 there"
)
for part, name, given in zip(found, ("train", "calib", "test"), kept):
    assert part.shape == given.shape, f"{name}: the shape must be {given.shape}, not {part.shape}"
    for j in range(7):
        mean = sum(kept[0][:, j]) / 40
        deviation = (sum((v - mean) ** 2 for v in kept[0][:, j]) / 40) ** 0.5
        expected = (given[:, j] - mean) / (1 if j in (4, 5) else deviation)
        assert np.allclose(part[:, j], expected, rtol=1e-4, atol=1e-4), (
            f"{name}, pixel {j}: use the mean and the standard deviation of this pixel in train "
            "for all three parts, and divide by 1 where the standard deviation is 0, and only there"
        )
### END HIDDEN TESTS

# %% [markdown]
# Your digits are ready for the network. The mean of each training pixel is 0. In the other parts it
# is only close to 0, because the mean was not computed from them.

# %%
standardised = standardise(*(images[rows[name]] for name in names))
x = {
    name: torch.as_tensor(np.asarray(part), dtype=torch.float32)
    for name, part in zip(names, standardised)
}
y = {name: torch.as_tensor(labels[rows[name]]) for name in names}
for name in names:
    largest = x[name].mean(0).abs().max()
    print(f"{name:6}{len(x[name]):4} images, the mean of a pixel is at most {largest:.3f} from 0")

# %% [markdown]
# ## Question 3: make batches (2 points)
#
# We train on small groups of images, the *batches*. One pass over all images is an *epoch*. Write
# `make_batches` for a training part of `n` images, which have the numbers 0 to `n - 1`. It returns
# a list with `n_epochs` entries. Each entry is one epoch: a list of batches. Each batch is a tensor
# (or an array or a list) of image numbers.
#
# - In each epoch, every image comes exactly once, in a random order. Draw a new order for each
#   epoch.
# - A batch holds `batch_size` images. If `n` is not a multiple of `batch_size`, the last batch of
#   each epoch is smaller. It is not left out. No batch is empty.
# - The orders depend on `seed` alone: the same seed always gives the same orders, and two different
#   seeds have no order in common. For this, make *one* random generator from the seed and use it
#   for all epochs. Do not use `seed + epoch`.
#
# `torch.randperm(n, generator=...)` draws an order, and a `torch.Generator` holds a seed.


# %% solution="make_batches"
def make_batches(n, n_epochs, batch_size, seed):
    """Draw the order in which a network sees the images.

    Parameters
    ----------
    n : int
        The number of images.
    n_epochs, batch_size, seed : int

    Returns
    -------
    epochs : list of n_epochs lists of batches, which are tensors of int
    """
    ### BEGIN SOLUTION
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(n, generator=generator).split(batch_size) for _ in range(n_epochs)]
    ### END SOLUTION


# %% tests="make_batches" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, numpy as np, torch


def batches_found(*arguments):
    """Return what make_batches gives, as lists of lists of image numbers."""
    return [[np.asarray(batch).tolist() for batch in epoch] for epoch in make_batches(*arguments)]


def orders_found(*arguments):
    """Return the image numbers of each epoch, whatever batches they are in."""
    return [tuple(k for batch in epoch for k in batch) for epoch in batches_found(*arguments)]


assert hasattr(make_batches(23, 4, 10, 0), "__len__"), "return a list, and not a generator"
found = batches_found(23, 4, 10, 0)
assert len(found) == 4, f"n_epochs is 4, and you return {len(found)} epochs"
assert [len(batch) for batch in found[0]] == [10, 10, 3], (
    "23 images in batches of 10 are 10, 10 and 3; yours have the sizes "
    f"{[len(batch) for batch in found[0]]}"
)
first, second, *_ = orders_found(23, 4, 10, 0)
assert sorted(first) == list(range(23)), (
    "every image must come exactly once in an epoch, with its number from 0 to n - 1"
)
assert first != tuple(range(23)), "the images must come in random order"
assert first != second, "draw a new order for each epoch"
### BEGIN HIDDEN TESTS
for n, batch_size, sizes in (
    (23, 10, [10, 10, 3]),
    (20, 10, [10, 10]),
    (7, 10, [7]),
    (3, 1, [1] * 3),
):
    for epoch in batches_found(n, 5, batch_size, 1):
        assert [len(batch) for batch in epoch] == sizes, (
            f"{n} images in batches of {batch_size} have the sizes {sizes}; yours have "
            f"{[len(batch) for batch in epoch]}"
        )
        assert sorted(number for batch in epoch for number in batch) == list(range(n)), (
            "every image must come exactly once in each epoch, with its number from 0 to n - 1"
        )
assert all(isinstance(k, int) for k in first), "image numbers must be integers"
by_seed = {}
# The first seed has so many epochs that k of seed + k, or of 1000 * seed + k, meets other seeds.
sizes = {0: 1200, 1: 6, 2: 6, 30: 6, 100: 6, 1000: 6}
for seed, n_epochs in sizes.items():
    torch.manual_seed(99 + seed)  # what a global generator did before must not matter
    by_seed[seed] = orders_found(23, n_epochs, 10, seed)
    assert len(set(by_seed[seed])) == n_epochs, "draw a new order for each epoch"
torch.manual_seed(5)
assert orders_found(23, 6, 10, 1) == by_seed[1], (
    "the same seed must give the same orders; does yours use a global random generator?"
)
assert by_seed[0] != by_seed[1], "another seed must give other orders"
assert len({order for orders in by_seed.values() for order in orders}) == sum(sizes.values()), (
    "two seeds have an order in common: make one generator from the seed, and not a new one for "
    "each epoch from a sum such as seed + i"
)
whole_orders = np.array(orders_found(30, 300, 10, 3))
assert np.abs(whole_orders.mean(0) - 14.5).max() < 3, (
    "in each epoch all orders must be equally probable: shuffle the images, and not only the "
    "batches or the images within a batch"
)
in_first_batch = {frozenset(order[:10]) for order in whole_orders.tolist()}
assert len(in_first_batch) > 250, "draw anew in each epoch which images share a batch"
### END HIDDEN TESTS

# %% [markdown]
# Here are the first batches of two epochs, for seven images and batches of three:

# %%
for epoch in make_batches(7, 2, 3, SEED):
    print([np.asarray(batch).tolist() for batch in epoch])

# %% [markdown]
# ## Question 4: train the network (2 points)
#
# Write the training loop yourself. `train` takes a network, images and labels, an optimizer, and
# `epochs`, which are batches of image numbers as in question 3. The tests pass in correct batches.
#
# 1. Put the network in training mode.
# 2. Go through the epochs, and in each epoch through its batches, in the given order. For each
#    batch, set the gradients to zero, compute the mean cross-entropy of the batch, compute its
#    gradients, and let the optimizer make one step.
# 3. Return a list with one number for each epoch: the cross-entropy that you computed in this
#    epoch, before each step, averaged over all images. A smaller batch has a smaller weight. Return
#    plain numbers, for example with `.item()`: a tensor would keep its gradients in memory.
#
# For $B$ images with logits $z_i$ and labels $y_i$, the mean cross-entropy is
#
# $$\frac{1}{B} \sum_{i=1}^B -\log \operatorname{softmax}(z_i)_{y_i}$$
#
# which is the NLL of the lessons, in *nats*, the unit of the natural logarithm. `cross_entropy`
# from PyTorch takes logits, because it applies the softmax itself. The settings of the optimizer,
# such as the learning rate, are made where it is created.


# %% solution="train"
def train(network, images, labels, optimizer, epochs):
    """Train a network in place.

    Parameters
    ----------
    network : torch.nn.Module
        It returns logits, shape (batch, classes).
    images : tensor of float, shape (n, d)
    labels : tensor of int, shape (n,)
    optimizer : torch.optim.Optimizer
        It holds the parameters of the network.
    epochs : list of lists of tensors of int
        The image numbers of each batch of each epoch.

    Returns
    -------
    losses : list of float, one for each epoch
    """
    ### BEGIN SOLUTION
    network.train()
    losses = []
    for batches in epochs:
        total = 0.0
        for batch in batches:
            loss = cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
    ### END SOLUTION


# %% tests="train" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, math, numpy as np, torch
from torch.nn.functional import cross_entropy


class Recorder(torch.nn.Linear):
    """A tiny network that notes in which mode it is called, and with which images."""

    def forward(self, x):
        if torch.is_grad_enabled():
            self.calls.append((self.training, x[:, 0].tolist()))
        return super().forward(x)


recorder = Recorder(2, 3)
recorder.calls = []
torch.nn.init.zeros_(recorder.weight)
recorder.bias.data = torch.tensor([0.0, 1.0, 2.0])
numbers = torch.arange(7)
pixels = torch.stack([numbers.float(), numbers % 3 - 1.0], 1)  # pixel 0 is the number of the image
two_epochs = [
    [torch.tensor([4, 0, 2]), torch.tensor([6, 1, 3]), torch.tensor([5])],
    [torch.tensor([1, 5, 6]), torch.tensor([0, 4, 3]), torch.tensor([2])],
]
frozen = torch.optim.SGD(recorder.parameters(), lr=0.0)
seen_losses = train(recorder.eval(), pixels, numbers % 3, frozen, two_epochs)
assert len(seen_losses) == 2, "return one number for each epoch"
assert not any(isinstance(loss, torch.Tensor) for loss in seen_losses), (
    "return numbers and not tensors: loss.item() is a number"
)
assert abs(float(seen_losses[0]) - 1.5505) < 1e-4, (
    "the logits are 0, 1 and 2 for each image, and the learning rate is 0: the mean over the seven "
    f"images is 1.5505, not {seen_losses[0]:.4f}; cross_entropy takes logits, not probabilities, "
    "and the mean over the batches gives the last image too much weight"
)
assert all(mode for mode, _ in recorder.calls), "the network must be in training mode"
assert [order for _, order in recorder.calls] == [
    batch.tolist() for epoch in two_epochs for batch in epoch
], "pass the network the images of one batch after the other, in the given order, once each"
with torch.no_grad():
    recorder.bias.zero_()
twice = torch.optim.SGD(recorder.parameters(), lr=1.0)
train(recorder, torch.zeros(1, 2), torch.tensor([0]), twice, [[torch.tensor([0])]] * 2)
assert abs(recorder.bias[0].item() - 1.0906) < 1e-3, (
    "two steps on one image of class 0 move the first bias from 0 to 1.0906, and yours is "
    f"{recorder.bias[0].item():.4f}: make one step for each batch, with gradients that were set to "
    "zero before"
)
### BEGIN HIDDEN TESTS
torch.manual_seed(5)
some_images, some_labels = torch.randn(23, 4).double(), torch.arange(23) % 3
first_weights = torch.nn.Linear(4, 3).double().state_dict()


def trained(epochs, lr, momentum=0.0, by_hand=False):
    """Return the losses and the weights of a network after training."""
    network = torch.nn.Linear(4, 3).double()
    network.load_state_dict(first_weights)
    network(some_images).sum().backward()  # gradients that must not be added to those of train
    optimizer = torch.optim.SGD(network.parameters(), lr=lr, momentum=momentum)
    epochs = [[torch.tensor(batch) for batch in epoch] for epoch in epochs]
    if not by_hand:
        losses = train(network, some_images, some_labels, optimizer, epochs)
        return [float(loss) for loss in losses], torch.cat(
            [p.data.ravel() for p in network.parameters()]
        )
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            log_p = network(some_images[batch]).log_softmax(1)
            each = -log_p[torch.arange(len(batch)), some_labels[batch]]
            slopes = torch.autograd.grad(each.mean(), list(network.parameters()))
            for parameter, slope in zip(network.parameters(), slopes):
                parameter.grad = slope
            optimizer.step()
            seen += each.tolist()
        losses.append(sum(seen) / len(seen))
    return losses, torch.cat([p.data.ravel() for p in network.parameters()])


everything, pieces = [list(range(23))], [[*range(10)], [*range(10, 20)], [20, 21, 22]]
mixed = [[*range(22, 12, -1)], [*range(2, 12)], [0, 12, 1]]
for epochs, lr, momentum, hint in (
    (
        [pieces],
        0.0,
        0.0,
        "without steps, the loss of an epoch is that of all images: weigh each batch by the number "
        "of its images, and take the softmax only once",
    ),
    (
        [everything],
        0.5,
        0.0,
        "one batch: set the gradients from before to zero, compute those of the mean cross-entropy "
        "of the batch, and make one step",
    ),
    (
        [everything] * 3,
        0.5,
        0.0,
        "three epochs of one batch: set the gradients to zero before each step, and return the "
        "loss from before the step",
    ),
    (
        [pieces],
        0.5,
        0.0,
        "one epoch of three batches: set the gradients to zero and make one step for each batch",
    ),
    (
        [pieces, mixed, pieces],
        0.3,
        0.9,
        "several epochs with momentum: use the optimizer that was given, and make one step for "
        "each batch",
    ),
):
    kept = some_images.clone()
    losses, weights = trained(epochs, lr, momentum)
    assert torch.equal(some_images, kept), "the images have changed"
    wanted_losses, wanted_weights = trained(epochs, lr, momentum, by_hand=True)
    assert torch.allclose(weights, wanted_weights, atol=1e-4), f"the weights are wrong; {hint}"
    assert np.allclose(losses, wanted_losses, atol=1e-4), f"the losses are wrong; {hint}"
some_images *= 30
_, weights = trained([everything], 0.5)
assert torch.allclose(weights, trained([everything], 0.5, by_hand=True)[1], atol=1e-4), (
    "the weights are wrong where the gradients are large: let the optimizer use them as they are, "
    "without clipping them"
)
### END HIDDEN TESTS

# %% [markdown]
# Now we train on the digits: few images, many epochs and no weight decay.

# %%
network = make_network(SEED)
optimizer = torch.optim.Adam(network.parameters(), lr=LEARNING_RATE)
epochs = [
    [torch.as_tensor(np.asarray(batch)) for batch in epoch]
    for epoch in make_batches(N_TRAIN, N_EPOCHS, BATCH_SIZE, SEED)
]
losses = train(network, x["train"], y["train"], optimizer, epochs)

fig, ax = plt.subplots(figsize=(5.6, 3), layout="constrained")
ax.semilogy(range(1, N_EPOCHS + 1), losses, color="#0072B2")
_ = ax.set(title="Cross-entropy on the training images", xlabel="epoch", ylabel="nats")

# %% [markdown]
# ## Question 5: collect the logits (3 points)
#
# Write `collect` yourself, without `calibkit.collect_logits`. It returns the logits of all images,
# in the order of the images.
#
# - The network runs in eval mode. In training mode, dropout would make the logits random. A network
#   with batch normalisation would even be changed.
# - The network gets at most `batch_size` images at a time, so that a large data set fits into
#   memory. The last batch may be smaller.
# - No gradients are kept: the result has `requires_grad == False`.
# - Afterwards, `network.training` has the value that it had before, `True` or `False`, and
#   gradients can be computed again.
# - The function returns logits, not probabilities, in one tensor.


# %% solution="collect"
def collect(network, images, batch_size):
    """Return the logits of all images.

    Parameters
    ----------
    network : torch.nn.Module
        It returns logits, shape (batch, classes).
    images : tensor of float, shape (n, d)
    batch_size : int

    Returns
    -------
    logits : tensor of float, shape (n, classes)
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
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, copy, numpy as np, pathlib, sys, torch

torch.manual_seed(7)
pictures = torch.randn(26, 4)
with_dropout = torch.nn.Sequential(
    torch.nn.Linear(4, 16), torch.nn.Dropout(0.5), torch.nn.Linear(16, 3)
)
expected = copy.deepcopy(with_dropout).eval()(pictures).detach()
found = collect(with_dropout, pictures, 8)
gradients_are_on = torch.is_grad_enabled()
torch.set_grad_enabled(True)  # for the next questions, whatever this answer does
assert gradients_are_on, "gradients are switched off for good; use `with torch.no_grad():`"
assert not getattr(found, "requires_grad", False), "switch gradients off, with torch.no_grad()"
assert len(found) == 26, "return one tensor of 26 rows, not a list of batches: use torch.cat"
found = torch.as_tensor(np.asarray(found))
assert found.shape == (26, 3), (
    f"return one row of logits for each of the 26 images; your shape is {tuple(found.shape)}"
)
assert not torch.allclose(found.sum(1).float(), torch.ones(26), atol=1e-3), (
    "each row sums to 1: return logits, and not probabilities"
)
assert not torch.allclose(found.double().exp().sum(1), torch.ones(26).double(), atol=1e-3), (
    "each row sums to 1 after exp: return logits, and not log-probabilities"
)
assert torch.allclose(found.float(), expected, atol=1e-4), (
    "these are not the logits of eval mode, in the order of the images; is dropout active?"
)
assert with_dropout.training, "the network came in training mode, and it must be so afterwards"
collect(with_dropout.eval(), pictures, 8)
assert not with_dropout.training, "the network came in eval mode, and it must be so afterwards"
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
    for batch_size in (3, 8, 26, 100, 1):
        fed.clear()
        given = pictures.clone()
        found = torch.as_tensor(np.asarray(collect(tricky, given, batch_size))).float()
        assert torch.equal(given, pictures), "the images have changed"
        assert found.shape == (26, 3), (
            f"26 images in batches of {batch_size}: your shape is {tuple(found.shape)}"
        )
        assert torch.allclose(found, expected, atol=1e-4), (
            "these are not the logits of eval mode; is dropout or batch normalisation active?"
        )
        assert tricky.training == mode, (
            "afterwards, the network must be in the mode in which it came, training or eval"
        )
        assert max(fed) <= batch_size, (
            f"the network got {max(fed)} images at a time, and batch_size is {batch_size}"
        )
for name, value in tricky.state_dict().items():
    assert torch.equal(value, state[name]), f"{name} of the network has changed"
assert all(p.requires_grad for p in tricky.parameters()), (
    "the parameters of the network no longer require gradients; use torch.no_grad() instead"
)
package, ran = str(pathlib.Path(calibkit.__file__).parent), []
sys.setprofile(lambda frame, *_: ran.append(frame.f_code.co_filename))
collect(tricky, pictures, 10)
sys.setprofile(None)
assert not any(file.startswith(package) for file in ran), (
    "write collect yourself, without calibkit.collect_logits or another function of calibkit"
)
### END HIDDEN TESTS

# %% [markdown]
# What does your network know, and how sure is it?

# %%
logits = {
    name: torch.as_tensor(np.asarray(collect(network, x[name], 100))).float() for name in names
}
for name in names:
    accuracy = (logits[name].argmax(1) == y[name]).double().mean()
    confidence = logits[name].softmax(1).amax(1).mean()
    print(f"{name:6}accuracy {accuracy:.1%}, mean confidence {confidence:.1%}")

# %% [markdown]
# ## Question 6: calibrate and report (2 points)
#
# Write `calibrate`. Its two arguments are dictionaries with the keys `"train"`, `"calib"` and
# `"test"`, in any order: tensors of logits, shape (n, classes), and of labels, shape (n,). The
# function fits a `calibkit.TemperatureScaler` on the logits of the right part. Then it measures
# with `calibkit.evaluate`, before and after scaling, on the right part, in the default number of
# bins. It returns the fitted scaler and the report, in this order. Lesson 80 shows both calls.


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
        It holds the metrics before and after scaling.
    """
    ### BEGIN SOLUTION
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
    ### END SOLUTION


# %% tests="calibrate" points=2
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, math, numpy as np, scipy, torch
from torch.nn.functional import cross_entropy


def made_up(**parts):
    """Return logits and labels of three parts; each has its size and its best temperature."""
    generator, z, t = torch.Generator().manual_seed(4), {}, {}
    for part, (n, temperature) in parts.items():
        z[part] = 4 * torch.randn(n, 5, generator=generator)
        p = (z[part] / temperature).softmax(1)
        t[part] = torch.multinomial(p, 1, generator=generator)[:, 0]
    return z, t


try:
    found = calibrate(*made_up(train=(300, 0.5), calib=(400, 2.0), test=(500, 2.0)))
except ValueError as error:
    raise AssertionError(f"calibkit refuses what your function passes to it: {error}") from error
assert len(found) == 2, "return two things: the scaler and the report"
fitted, measured = found
assert isinstance(fitted, calibkit.TemperatureScaler), "return the TemperatureScaler first"
assert isinstance(measured, calibkit.Report), "return the report of calibkit.evaluate second"
assert measured.after is not None, (
    "pass the scaler to calibkit.evaluate, so that it measures before and after scaling"
)
assert fitted.summary.n_samples == 400, (
    f"the scaler was fitted on {fitted.summary.n_samples} samples, and the calibration part has 400"
)
### BEGIN HIDDEN TESTS
three = {"train": (400, 0.6), "calib": (600, 2.0), "test": (800, 4.0)}
for order in (("train", "calib", "test"), ("test", "train", "calib")):
    z, t = made_up(**{part: three[part] for part in order})
    kept = {part: z[part].clone() for part in order}
    fitted, measured = calibrate(z, t)
    assert all(torch.equal(z[part], kept[part]) for part in order), "the logits have changed"

    def nll_at(log_temperature, part="calib", z=z, t=t):
        return cross_entropy(z[part].double() / math.exp(log_temperature), t[part]).item()

    best = scipy.optimize.minimize_scalar(nll_at, bounds=(-3, 3), method="bounded").x
    assert abs(math.log(float(fitted.temperature)) - best) < 1e-3, (
        f"T = {float(fitted.temperature):.2f}, but {math.exp(best):.2f} is best on the calibration "
        "part: fit on its logits, and on nothing else"
    )
    assert measured.n_samples == 800, "report on the test part, and on nothing else"
    right = (z["test"].argmax(1) == t["test"]).double().mean().item()
    assert abs(measured.before.accuracy.value - right) < 1e-6, (
        "report the accuracy on the test part"
    )
    assert abs(measured.before.nll.value - nll_at(0, "test")) < 1e-4, (
        "before scaling: pass calibkit.evaluate the logits as they came"
    )
    assert abs(measured.after.nll.value - nll_at(best, "test")) < 1e-3, (
        "after scaling: the logits must be divided by the temperature once"
    )
    assert measured.n_bins == 15, "use the default number of bins, which is 15"
### END HIDDEN TESTS

# %% [markdown]
# This is the report on your network:

# %%
scaler, report = calibrate(logits, y)
low, high = scaler.summary.temperature_interval
print(f"T = {scaler.temperature:.2f} ({low:.2f} to {high:.2f})")
print(report)

# %%
axes = report.plot()
_ = axes[0].figure.suptitle("Your network on the test part")

# %% [markdown]
# ## Question 7: put an interval around the change (3 points)
#
# Would the NLL also fall on another test part? The intervals of "before" and "after" do not answer
# this question. An image that is hard before scaling is still hard after scaling, so the two NLLs
# rise and fall together, and we know their difference much better than each of them. For this
# reason we look at *pairs*: we compare each image with itself.
#
# Let $\ell_i = -\log \operatorname{softmax}(z_i)_{y_i}$ be the NLL of image $i$ before scaling, and
# $\ell_i'$ its NLL after scaling. The change is the mean of $d_i = \ell_i' - \ell_i$ over the $n$
# images; a change below 0 is an improvement. We find its interval with the *bootstrap*:
#
# 1. Draw $n$ of the $n$ images at random with replacement, so that some come twice and others not
#    at all. This is a *resample*. Take the mean of its $d_i$.
# 2. Repeat this `n_resamples` times.
# 3. The 95% interval reaches from the 2.5% quantile of these means to their 97.5% quantile.
#
# Write `nll_change` yourself, without calibkit. It returns three numbers in nats: the change itself
# (not the mean of the resamples), the lower end and the upper end of its interval.
#
# As in question 3, make one random generator from `seed`, and do not use `seed + k` for resample
# $k$: the same seed gives the same interval, and two seeds have no resample in common. If logits
# are large, a softmax can be so close to 0 that its logarithm is infinite. `log_softmax` and
# `cross_entropy` avoid this.


# %% solution="nll_change"
def nll_change(before, after, labels, n_resamples, seed):
    """Return the change of the NLL with its 95% bootstrap interval.

    Parameters
    ----------
    before, after : tensors of float, shape (n, classes)
        Logits of the same images, in the same order.
    labels : tensor of int, shape (n,)
    n_resamples, seed : int

    Returns
    -------
    change, low, high : float
    """
    ### BEGIN SOLUTION
    old = cross_entropy(before, labels, reduction="none")
    new = cross_entropy(after, labels, reduction="none")
    difference = (new - old).numpy()
    generator, n = np.random.default_rng(seed), len(difference)
    means = [difference[generator.integers(n, size=n)].mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return difference.mean(), low, high
    ### END SOLUTION


# %% tests="nll_change" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, numpy as np, pathlib, sys, torch
from torch.nn.functional import cross_entropy

sure, truth = torch.tensor([[2.0, 0.0]] * 40), torch.tensor([0, 1] * 20)
found = nll_change(sure, sure / 2, truth, 200, 0)
assert len(found) == 3, "return three numbers: the change, the lower end, the upper end"
value, low_end, high_end = (float(number) for number in found)
old, new = cross_entropy(sure, truth).item(), cross_entropy(sure / 2, truth).item()
assert abs(value - (new - old)) < 1e-5, (
    f"the NLL is {old:.3f} before and {new:.3f} after, so the change, after minus before and "
    f"averaged over the images, is {new - old:.3f}; you found {value:.3f}"
)
assert low_end < value < high_end, "the change must lie between the ends of the interval"
_, low_end, high_end = (float(number) for number in nll_change(sure, sure / 2, truth, 4000, 0))
assert 0.28 < high_end - low_end < 0.34, (
    f"a 95% interval is about 0.30 wide here, and yours {high_end - low_end:.2f}: draw 40 of the "
    "40 images with replacement, and take the 2.5% and the 97.5% quantile of the means"
)
assert np.allclose([float(v) for v in nll_change(sure, sure, truth, 200, 0)], 0, atol=1e-6), (
    "if nothing changes for any image, the interval is 0 to 0: resample pairs, the same images "
    "before and after"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(6)
first = 3 * torch.randn(400, 6, generator=generator)
second = first / 1.5 + 0.2 * torch.randn(400, 6, generator=generator)
truth = torch.multinomial((first / 1.6).softmax(1), 1, generator=generator)[:, 0]
kept = first.clone(), second.clone(), truth.clone()
value, low_end, high_end = (float(v) for v in nll_change(first, second, truth, 4000, 1))
assert all(map(torch.equal, (first, second, truth), kept)), "the tensors have changed"
log_first, log_second = first.double().log_softmax(1), second.double().log_softmax(1)
reference = calibkit.paired_difference(
    calibkit.negative_log_likelihood, log_first.exp(), log_second.exp(), truth, n_resamples=4000
)
width = reference.high - reference.low
assert abs(value - reference.value) < 1e-4, (
    "the change is the mean of the differences over the images, not over the resamples"
)
for end, wanted in ((low_end, reference.low), (high_end, reference.high)):
    assert abs(end - wanted) < 0.07 * width, (
        f"the interval ({low_end:.3f} to {high_end:.3f}) should be about ({reference.low:.3f} to "
        f"{reference.high:.3f}): draw n of the n images with replacement, in pairs, and take the "
        "2.5% and the 97.5% quantile of the means"
    )
# one of two images gets worse: a resample holds it twice, once or not at all
for changed in (0, 1):
    flat, worse = torch.zeros(2, 2), torch.zeros(2, 2)
    worse[changed, 1] = float(np.log(2 * np.e - 1))
    ends = [float(v) for v in nll_change(flat, worse, torch.zeros(2).long(), 400, 0)][1:]
    assert np.allclose(ends, [0, 1], atol=1e-4), (
        "one of two images changes by 1 nat, so the interval is 0 to 1, and yours is "
        f"{ends[0]:.3f} to {ends[1]:.3f}: each of the n images, also the first and the last, must "
        "be drawn with the same probability"
    )
# two of 20 images get worse by 1 nat: most resamples hold none to five of them
flat, worse = torch.zeros(20, 2), torch.zeros(20, 2)
worse[:2, 1] = float(np.log(2 * np.e - 1))
value, low_end, high_end = (
    float(v) for v in nll_change(flat, worse, torch.zeros(20).long(), 4000, 2)
)
assert abs(value - 0.1) < 1e-4, f"if two of 20 images change by 1 nat, the change is 0.1: {value}"
assert np.allclose([low_end, high_end], [0, 0.25], atol=1e-4), (
    f"your interval is {low_end:.3f} to {high_end:.3f}, and it should be 0 to 0.25: its ends are "
    "the quantiles of the means themselves, not the change plus and minus 1.96 standard "
    "deviations, and they are not mirrored at the change"
)
worse[2, 1] = worse[0, 1]  # of three such images, a resample holds none with a probability of 3.9%
_, low_end, _ = (float(v) for v in nll_change(flat, worse, torch.zeros(20).long(), 4000, 3))
_, _, high_end = (float(v) for v in nll_change(worse, flat, torch.zeros(20).long(), 4000, 3))
assert max(abs(low_end), abs(high_end)) < 1e-4, (
    "the ends of a 95% interval are the 2.5% and the 97.5% quantile, not those of 5% and 95%"
)
by_seed = {s: [float(v) for v in nll_change(first, second, truth, 2, s)] for s in (0, 1, 2, 30)}
assert np.allclose([float(v) for v in nll_change(first, second, truth, 2, 1)], by_seed[1]), (
    "the same seed must give the same result"
)
assert np.abs(np.subtract(by_seed[1], by_seed[2])[1:]).max() > 1e-7, "the seed has no effect"
assert by_seed[1][2] - by_seed[1][1] > 1e-7, (
    "two resamples have the same mean: make the generator once, and not in the loop"
)
assert all(abs(of_seed[0] - reference.value) < 1e-4 for of_seed in by_seed.values()), (
    "the change itself must not depend on the resamples"
)
single = [[float(v) for v in nll_change(first, second, truth, 1, s)][1:] for s in (1, 2, 3, 31)]
assert np.allclose(np.ptp(single, axis=1), 0, atol=1e-7), (
    "with one resample, both ends are its mean: draw n_resamples of them"
)
for seed, (_, low_end, high_end) in by_seed.items():
    # both means of two resamples, for quantiles that are interpolated or not
    step = (high_end - low_end) / 0.95 * 0.025
    means = [low_end, high_end, low_end - step, high_end + step]
    for other in (seed + 1, seed + 10, seed + 100, seed + 1000, 10 * seed + 1, 1000 * seed + 1):
        if other != seed:
            mean_of_one = float(nll_change(first, second, truth, 1, other)[1])
            assert np.abs(np.subtract(means, mean_of_one)).min() > 1e-9, (
                "two seeds have a resample in common: make one generator from the seed, and not a "
                "new one for each resample from a sum such as seed + i"
            )
shifted = [float(v) for v in nll_change(first + 5, second - 3, truth, 2, 1)]
assert np.allclose(shifted, by_seed[1], atol=1e-4), (
    "a number that is added to all logits must not change the NLL; did you apply the softmax?"
)
huge = torch.tensor([[0.0, 2000.0]] * 20)
value, *_ = (float(v) for v in nll_change(huge, huge / 2, torch.tensor([0] * 20), 10, 0))
assert abs(value + 1000) < 0.01, (
    "large logits: use log_softmax or cross_entropy, and not the logarithm of a softmax"
)
package, ran = str(pathlib.Path(calibkit.__file__).parent), []
sys.setprofile(lambda frame, *_: ran.append(frame.f_code.co_filename))
nll_change(first, second, truth, 2, 1)
sys.setprofile(None)
assert not any(file.startswith(package) for file in ran), (
    "write nll_change yourself, without a function of calibkit"
)
### END HIDDEN TESTS

# %% [markdown]
# Does your interval agree with that of the report? And how wide would it be without pairs? For the
# second question we resample the images for "before" and, independently, those for "after".

# %%
scaled = scaler(logits["test"])
change, low, high = (float(v) for v in nll_change(logits["test"], scaled, y["test"], 500, SEED))
print(f"your interval {low:.3f} to {high:.3f}")
print(f"in the report {report.change.nll.low:.3f} to {report.change.nll.high:.3f}")
draw = np.random.default_rng(SEED)
nll = [cross_entropy(z, y["test"], reduction="none").numpy() for z in (logits["test"], scaled)]
means = [[draw.choice(part, len(part)).mean() for _ in range(500)] for part in nll]
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
# ## Question 8: decide whether it helped (3 points)
#
# If we write down a rule before we see the numbers, we cannot read into them what we hope for. Our
# rule looks at intervals, not at values, because a value below 0 can be chance.
#
# Write `decide` for a report with the metrics before and after scaling. It returns two things. The
# first is one of three words:
#
# - `"helped"` if the 95% intervals of the changes of **both** NLL and ECE lie entirely below 0
# - `"harmed"` if **at least one** of the two lies entirely above 0
# - `"unclear"` in all other cases
#
# An interval that touches 0 with one end lies neither entirely below nor entirely above 0. The
# changes are in `report.change`; see the docstrings of `calibkit.Change` and `calibkit.Interval`.
#
# The second is `True` if chance alone may explain the ECE after scaling, and `False` if not. Our
# rule says that chance may explain it if the p-value of this ECE is above 0.05. You find it in
# `report.after`; see the docstring of `calibkit.MetricValues`.


# %% solution="decide"
def decide(report):
    """Say whether scaling helped, and whether chance may explain the ECE that remains.

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
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import calibkit, dataclasses, numpy as np, torch

two_classes, truth = torch.tensor([[2.0, 0.0]] * 40), torch.tensor([0, 0, 0, 1] * 10)
halved = calibkit.TemperatureScaler().fit_logits(2 * two_classes, truth)
made = calibkit.evaluate(two_classes, truth, scaler=halved, n_resamples=40, progress=False)


def decision(nll, ece, p_value=0.5, p_value_before=0.5):
    """Decide on a report whose changes of NLL and ECE are (value, low, high) as we like."""
    given = dataclasses.replace(
        made,
        before=made.before._replace(p_value=p_value_before),
        after=made.after._replace(p_value=p_value, classwise_p_value=p_value_before),
        change=made.change._replace(nll=calibkit.Interval(*nll), ece=calibkit.Interval(*ece)),
    )
    found = decide(given)
    assert len(found) == 2, "return two things: the word, and True or False"
    assert isinstance(found[0], str), f"the first thing must be a word, not {type(found[0])}"
    return found


below, around, above = (-0.2, -0.3, -0.1), (-0.1, -0.3, 0.1), (0.2, 0.1, 0.3)
word, may_be_chance = decision(below, below)
assert word == "helped", f"both intervals lie entirely below 0: 'helped', not {word!r}"
assert np.asarray(may_be_chance).dtype == bool, "the second thing is True or False, not a number"
assert may_be_chance, "the p-value after scaling is 0.5, so chance may explain the ECE"
word, _ = decision(below, around)
assert word == "unclear", f"the interval of the ECE contains 0: 'unclear', not {word!r}"
word, _ = decision(above, above)
assert word == "harmed", f"both intervals lie entirely above 0: 'harmed', not {word!r}"
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
    ((0.1, 0.0, 0.2), around, "unclear"),
    ((-1e-4, -2e-4, -1e-5), (-1e-4, -2e-4, -1e-5), "helped"),
    ((1e-4, 1e-5, 2e-4), below, "harmed"),
):
    word, _ = decision(nll, ece)
    assert word == wanted, (
        f"the intervals {nll[1]:g} to {nll[2]:g} of the NLL and {ece[1]:g} to {ece[2]:g} of the "
        f"ECE mean {wanted!r}, and you return {word!r}"
    )
for p_before, p_after, wanted in (
    (0.9, 0.001, False),
    (0.001, 0.9, True),
    (0.001, 0.06, True),
    (0.9, 0.04, False),
    (0.9, 0.05, False),
):
    for nll in (below, around, above):
        _, may_be_chance = decision(nll, nll, p_after, p_before)
        assert np.asarray(may_be_chance).dtype == bool, "the second thing is True or False"
        assert bool(may_be_chance) == wanted, (
            f"p = {p_after} after scaling {'is' if wanted else 'is not'} above 0.05, so return "
            f"{wanted}; take report.after.p_value, because neither the p-value before scaling nor "
            f"that of the classes, {p_before} each, matters"
        )
### END HIDDEN TESTS

# %% [markdown]
# And your network? The cell also shows the confidences on the test part, and what happens to the
# images above 90%, which we need in the last question.

# %%
word, may_be_chance = decide(report)
print(f"scaling: {word}; may chance explain the ECE that remains? {bool(may_be_chance)}")
for name, z in (("before", logits["test"]), ("after", scaled)):
    confidence, answers = z.softmax(1).max(1)
    above_90 = confidence > 0.9
    right = (answers == y["test"])[above_90].double().mean()
    print(f"{name}: mean confidence {confidence.mean():.1%}", end=", ")
    print(f"{above_90.sum()} of {len(z)} images above 90%, of which {right:.1%} are right")

# %% [markdown]
# ## Question 9: write the model card (5 points)
#
# A colleague wants to use your network: digits whose confidence is above 90% are to be entered
# into a database without a human looking at them. Write the section *Calibration* of its model
# card: 120 to 180 words in whole sentences, with the numbers of your notebook. You get 1 point for
# each of these:
#
# - how many images were used for what
# - the temperature with its interval, and what it did to the mean confidence and the accuracy
# - how the NLL and the ECE changed, with the intervals of the changes
# - whether scaling helped by our rule, and whether chance may explain the ECE that remains. Take
#   the p-value of the ECE. The report prints others too, which our rule does not use.
# - what scaling did to the digits above 90%, and one thing that your numbers do not show

# %% [markdown] essay="model_card" points=5
# ### BEGIN SOLUTION
# **A model answer** (the numbers are those of one machine; others differ a little)
#
# The network was trained on 300 digits. The temperature was fitted on 500 others, and everything
# below was measured on 997 more. The temperature is 1.89 (95% interval 1.69 to 2.10). The mean
# confidence fell from 92.3% to 84.2%: the network had been too sure. The accuracy stayed at 82.2%,
# because no temperature changes which logit is the largest. The NLL changed by -0.171 (-0.219 to
# -0.124), and the ECE by -7.2 points (-12.3 to -3.4). Both intervals lie below 0, so by our rule
# scaling helped. The ECE that remains is 2.9%, with p = 0.32: chance may explain it, which does not
# prove that it does.
#
# Before scaling, 767 digits were above 90%, and 91.9% of them were right. Now there are 588, and
# 96.3% of them are right: fewer pass, and fewer of those are wrong. All of this was measured on one
# split, and does not show what happens with another camera.
#
# **Rubric**, 1 point each
#
# - *data*: three parts with their sizes and their purposes
# - *temperature*: the number with its interval; the mean confidence fell, and the accuracy stayed
#   the same, with or without the reason
# - *change*: NLL and ECE with the intervals of the changes, not only the two values
# - *judgement*: the ECE after scaling is judged by its p-value (or compared with the noise floor);
#   the verdict follows from the rule and agrees with the intervals
# - *scope*: what scaling did to the digits above 90%; and one honest limit (one split or one
#   training run, no other noise or writers, single digits, few images above some confidence, only
#   the top class)
#
# Take off 1 point, not below 0, for each of: numbers that are not in the notebook, "it is proven to
# be calibrated", "the accuracy got better". A verdict of "unclear" or "harmed" gets full points if
# it follows from the student's numbers.
# ### END SOLUTION
