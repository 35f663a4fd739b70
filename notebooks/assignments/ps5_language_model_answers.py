# ---
# jupyter:
#   kernelspec:
#     display_name: Python 3 (ipykernel)
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Language models' answers
#
# A language model answers four-choice questions, and says how sure it is of each answer. In this
# assignment you find out how much that percentage is worth. You turn the log-probabilities of texts
# and letters into probabilities, remove what depends only on the order of the options, calibrate on
# some subjects and check on another, and decide which questions the model should leave unanswered.
#
# ## What you will learn
#
# - to turn log-probabilities of texts into the probabilities of options
# - to average over the orders of the options, and to correct a preference for some letters
# - to read the log-probabilities that an evaluation harness stores, even if some are missing
# - to check whether a temperature transfers to a new subject, with an interval that is honest
# - to choose which questions a model answers, so that few of its answers are wrong
# - to tell the two uses of a temperature apart, which are calibration and sampling
#
# ## How it works
#
# All questions together give 30 points and take about 185 minutes.
#
# | question | points | graded by | minutes |
# |---|---|---|---|
# | read this introduction | | | 10 |
# | 1 probabilities from texts | 3 | machine | 15 |
# | 2 average over the orders | 3 | machine | 20 |
# | 3 correct a preference for letters | 3 | machine | 10 |
# | 4 read the records of a harness | 3 | machine | 20 |
# | 5 leave one subject out | 3 | machine | 15 |
# | 6 interval of a change | 3 | machine | 25 |
# | 7 threshold for a risk | 3 | machine | 15 |
# | 8 two uses of a temperature | 3 | machine | 15 |
# | 9 advise a product manager | 6 | teacher | 40 |
#
# *Data*: the log-probabilities that SmolLM2-135M-Instruct, a small language model, gave to the
# options of 2400 questions and to the tokens of a text. They come with calibkit. You need no
# network, no GPU and no language model.
#
# *Builds on*: lessons 10 (temperature scaling), 20 (reliability diagrams), 30 (pitfalls) and 100
# (language models). Keep 100 open beside this notebook.
#
# *How to check*: each question has a cell of tests below your answer. When you are done, restart
# the kernel and run all cells, then run `nbgrader validate ps5_language_model_answers.ipynb` in a
# terminal. Further tests, which you do not see, run when the notebook is graded. A question gives
# its points if all its tests pass. The tests of a question never use your answers to other
# questions, so if you are stuck, go on with the next. You may return tensors, arrays or lists of
# numbers. The tests accept all of them.
#
# *Honesty*: by handing in this notebook you declare that you worked alone and that the answers are
# your own.

# %% [markdown]
# ## Set up
#
# The first cell holds everything that you might want to change: seeds, sizes and targets.

# %%
import math

import numpy as np
import torch
from matplotlib import pyplot as plt

import calibkit

TOP_K = 5  # log-probabilities that the made-up harness stores for each question
N_RESAMPLES = 300
RESAMPLING_SEED = 0
TARGET_RISK = 0.1  # share of wrong answers that we accept among those that the model gives
N_FOR_THRESHOLD = 300  # questions on which we choose a threshold
N_DIVISIONS = 20
DIVISIONS_SEED = 0

# %% [markdown]
# The model was asked 2400 questions, 300 in each of eight subjects. Each question has four options,
# and one of them is right. The array `answers.subject` holds the subject of each question, and the
# tensor `answers.labels` holds the number of the right option, from 0 to 3.

# %%
answers = calibkit.language_model_answers()
subjects = list(dict.fromkeys(answers.subject.tolist()))
for i in range(1, 2400, 600):
    print(f"{answers.subject[i]}: {answers.question[i]}", end="  ")
    print(*answers.options[i], sep=", ", end="  ")
    print(f"(right: {answers.labels[i]})")

# %% [markdown]
# ## Question 1: turn the log-probabilities of texts into probabilities (3 points)
#
# A language model gives each token of a text a log-probability. The sum over the tokens is the
# log-probability of the text. For each option of a question we have this sum. An option of many
# tokens often has a low sum only because it is long. For this reason many people divide the sum by
# the length of the option.
#
# Write `option_probabilities`. First compute a score for each option. The argument `by` says how:
#
# - `"sum"`: the score is the sum as it is
# - `"token"`: the score is the sum divided by the number of tokens of the option
# - `"byte"`: the score is the sum divided by the number of bytes of the option. This is the length
#   of its text in UTF-8, in which some characters have two bytes or more.
#
# Then turn the scores of each question into probabilities, with a softmax over its options. The
# sums of long texts can lie below -1000, where `exp` returns 0. Your function must return the right
# probabilities for them too. The tensors that you are given must stay as they are, so do not divide
# in place.


# %% solution="option_probabilities"
def option_probabilities(log_sums, options, n_tokens, by):
    """Return the probability of each option, from the log-probabilities of the options as texts.

    Parameters
    ----------
    log_sums : Tensor of float64, shape (n, C)
        The sum of the log-probabilities of the tokens of each option.
    options : array of str, shape (n, C)
        The text of each option.
    n_tokens : Tensor of int64, shape (n, C)
        The number of tokens of each option.
    by : "sum", "token" or "byte"

    Returns
    -------
    probabilities, shape (n, C), whose rows sum to 1
    """
    ### BEGIN SOLUTION
    if by == "token":
        log_sums = log_sums / n_tokens
    if by == "byte":
        n_bytes = [[len(str(text).encode()) for text in row] for row in options]
        log_sums = log_sums / torch.tensor(n_bytes)
    return log_sums.softmax(1)
    ### END SOLUTION


# %% tests="option_probabilities" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

given_sums = torch.tensor([[-2.0, -2.0], [-6.0, -2.0], [-4.0, -3.0]], dtype=torch.float64)
given_texts = np.array([["ten", "one"], ["eleven", "two"], ["four", "six"]])
given_counts = torch.tensor([[1, 1], [3, 1], [2, 1]])
found = option_probabilities(given_sums.clone(), given_texts, given_counts, "sum")
found = np.asarray(found, dtype=float)
assert found.shape == (3, 2), f"the probabilities need the shape (3, 2), not {found.shape}"
assert np.allclose(found.sum(1), 1, atol=1e-5), "the probabilities of one question must sum to 1"
assert abs(found[1, 1] - 1 / (1 + math.exp(-4))) < 1e-5, (
    "by sum: the scores -6 and -2 give the second option the probability 1 / (1 + exp(-4)) = 0.982"
)
found = option_probabilities(given_sums.clone(), given_texts, given_counts, "token")
assert np.allclose(np.asarray(found, dtype=float)[1], 0.5, atol=1e-5), (
    "by token: -6 / 3 tokens and -2 / 1 token are the same score, so both options have 0.5"
)
### BEGIN HIDDEN TESTS
found = option_probabilities(given_sums.clone(), given_texts, given_counts, "byte")
assert abs(np.asarray(found, dtype=float)[1, 1] - 1 / (1 + math.exp(-1 + 2 / 3))) < 1e-5, (
    'by byte: "eleven" has six bytes and "two" has three, so the scores are -6 / 6 and -2 / 3'
)
accented_texts = np.array([["Orléans", "Limoges"], ["Ωmega", "alpha"], ["Åre", "Öre"]])
given_sums = torch.tensor([[-16.0, -7.0], [-9.0, -5.0], [-3.0, -4.0]], dtype=torch.float64)
found = option_probabilities(given_sums.clone(), accented_texts, torch.ones(3, 2).long(), "byte")
given_bytes = torch.tensor([[8, 7], [6, 5], [4, 4]])
assert np.allclose(found, (given_sums / given_bytes).softmax(1), atol=1e-5), (
    "by byte: é, Ω, Å and Ö have two bytes each in UTF-8, so count bytes and not characters"
)
rare_texts = np.array([["5 €", "5 £"], ["東京", "Rome"], ["🎵🎵", "song"]])
found = option_probabilities(given_sums.clone(), rare_texts, torch.ones(3, 2).long(), "byte")
given_bytes = torch.tensor([[5, 4], [6, 4], [8, 4]])
assert np.allclose(found, (given_sums / given_bytes).softmax(1), atol=1e-5), (
    "by byte: in UTF-8, £ has two bytes, € and 東 have three, and 🎵 has four"
)
spaced_texts = np.array([[" un", "deux "], ["a b", " "], ["one", "two"]])
found = option_probabilities(given_sums.clone(), spaced_texts, torch.ones(3, 2).long(), "byte")
given_bytes = torch.tensor([[3, 5], [3, 1], [3, 3]])
assert np.allclose(found, (given_sums / given_bytes).softmax(1), atol=1e-5), (
    "by byte: a space is a byte, also at the beginning or the end of a text"
)
long_sums = torch.tensor(
    [[-1500.0, -1501.0, -1503.0], [-3000.0, -2600.0, -2601.0]], dtype=torch.float64
)
long_texts = np.array([["a" * 500, "b" * 500, "c" * 500]] * 2)
for by, right_length in (("sum", 1), ("token", 100), ("byte", 500)):
    found = option_probabilities(long_sums.clone(), long_texts, torch.full((2, 3), 100), by)
    found = np.asarray(found, dtype=float)
    assert np.isfinite(found).all(), (
        f"by {by}: sums below -1000 give nan or infinity, because exp of them is 0; subtract the "
        "largest score of each question first, or use softmax"
    )
    assert np.allclose(found, (long_sums / right_length).softmax(1), atol=1e-5), (
        f"by {by}: the probabilities of long options are wrong"
    )
fresh = calibkit.language_model_answers()
some_questions = torch.arange(0, 2400, 7)
for by, right_length in (
    ("sum", 1),
    ("token", fresh.n_tokens[some_questions]),
    ("byte", fresh.n_bytes[some_questions]),
):
    given = (
        fresh.text_logits[some_questions].double(),
        fresh.options[some_questions.numpy()],
        fresh.n_tokens[some_questions],
    )
    kept = given[0].clone(), given[2].clone()
    found = np.asarray(option_probabilities(*given, by), dtype=float)
    wanted = (kept[0] / right_length).softmax(1).numpy()
    assert found.shape == wanted.shape, f"by {by}: one row for each question, one column an option"
    assert np.abs(found - wanted).max() < 1e-5, (
        f"by {by}: the probabilities of the 343 questions differ from the softmax over the options "
        "of the sum, divided by the length; is the length that of the same option?"
    )
    assert all(torch.equal(*pair) for pair in zip(given[::2], kept)), (
        "the tensors that were given have changed: do not divide in place"
    )
### END HIDDEN TESTS

# %% [markdown]
# With your function, we compare the accuracies of the three scores in each subject. Each accuracy
# comes from 300 questions, so chance alone can move it by five or six percentage points.

# %%
p_texts = {
    by: torch.as_tensor(
        np.asarray(
            option_probabilities(
                answers.text_logits.double(), answers.options, answers.n_tokens, by
            ),
            dtype=float,
        )
    )
    for by in ("sum", "token", "byte")
}
print(f"{'':14} {'sum':>6} {'token':>6} {'byte':>6}")
for s in subjects:
    of_subject = torch.from_numpy(answers.subject == s)
    row = [calibkit.accuracy(p[of_subject], answers.labels[of_subject]) for p in p_texts.values()]
    print(f"{s:14} {row[0]:6.1%} {row[1]:6.1%} {row[2]:6.1%}")
for by, p in p_texts.items():
    print(f"by {by}: accuracy {calibkit.accuracy(p, answers.labels):.1%}", end=", ")
    print(f"mean confidence {p.amax(1).mean():.1%}")

# %% [markdown]
# The score by tokens fails in spelling. In capitals, both scores that divide by a length give six
# to eight percentage points fewer right answers than the sum, and in opposites the score by bytes
# gives about five fewer. In the other subjects the three differ by at most three points. From here
# on we use the sum, because it is the simplest of the three. We do not search for the score that
# looks best on the questions on which we measure.
#
# ## Question 2: average over the orders of the options (3 points)
#
# We can also list the options in the prompt, each behind a letter. But then the answer depends on
# the order in which they are listed. So the model was asked the same question in several orders. In
# order $k$, the letter number $j$ stands for option $(j + k) \bmod C$, where $C$ is the number of
# options, and letters, options and orders are counted from 0. With the options 0 = Lima, 1 = Oslo,
# 2 = Rome and 3 = Cairo, the orders are:
#
# | order | A | B | C | D |
# |---|---|---|---|---|
# | 0 | Lima | Oslo | Rome | Cairo |
# | 1 | Oslo | Rome | Cairo | Lima |
# | 2 | Rome | Cairo | Lima | Oslo |
# | 3 | Cairo | Lima | Oslo | Rome |
#
# Write `average_orders`. It takes `logits` of shape (n, C, C), where `logits[i, k, j]` is the logit
# of letter `j` in order `k` of question `i`:
#
# 1. Turn the logits of each order into probabilities, with a softmax over its letters.
# 2. For each order, find out which option each probability belongs to.
# 3. Return the mean over the orders of the probability of each option, in the order of the options,
#    not of the letters.
#
# The number of options C can be any number, not only 4. As in question 1, logits can lie far from
# 0, where `exp` returns 0 or infinity, and the logits that you are given must stay as they are.


# %% solution="average_orders"
def average_orders(logits):
    """Return the probability of each option, averaged over the orders of the options.

    Parameters
    ----------
    logits : Tensor of float64, shape (n, C, C)
        The logit of each letter, for each question and each order. In order k, letter j stands for
        option (j + k) % C.

    Returns
    -------
    probabilities, shape (n, C)
        One row for each question, one column for each option.
    """
    ### BEGIN SOLUTION
    probabilities = logits.softmax(2)
    n_orders = logits.shape[1]
    # Order k begins with option k, so we move its probabilities k places to the right.
    of_options = [probabilities[:, k].roll(k, 1) for k in range(n_orders)]
    return torch.stack(of_options).mean(0)
    ### END SOLUTION


# %% tests="average_orders" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

sure_of_rome = torch.zeros(1, 4, 4, dtype=torch.float64)
for order_k, letter_j in enumerate((2, 1, 0, 3)):
    sure_of_rome[0, order_k, letter_j] = 50.0
found = np.asarray(average_orders(sure_of_rome.clone()), dtype=float)
assert found.shape == (1, 4), f"one row for each question, one column an option: not {found.shape}"
assert np.allclose(found, [[0, 0, 1, 0]], atol=1e-5), (
    "the model names the letter of Rome in each of the four orders, so option 2 must have a "
    f"probability of 1; you found {np.round(found[0], 3)}"
)
always_c = torch.zeros(2, 4, 4, dtype=torch.float64)
always_c[:, :, 2] = 50.0
found = np.asarray(average_orders(always_c.clone()), dtype=float)
assert np.allclose(found, 0.25, atol=1e-5), (
    "a model that always names the letter C knows nothing: each option must have 0.25"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(52)
for n_options in (4, 3, 5):
    random_logits = 3 * torch.randn(
        7, n_options, n_options, generator=generator, dtype=torch.float64
    )
    wanted = np.zeros((7, n_options))
    mean_of_logs = np.zeros((7, n_options))
    for question_i in range(7):
        for order_k in range(n_options):
            right_row = random_logits[question_i, order_k].softmax(0)
            for letter_j in range(n_options):
                wanted[question_i, (letter_j + order_k) % n_options] += (
                    float(right_row[letter_j]) / n_options
                )
                mean_of_logs[question_i, (letter_j + order_k) % n_options] += (
                    float(right_row[letter_j].log()) / n_options
                )
    mean_of_logs = np.exp(mean_of_logs)
    mean_of_logs /= mean_of_logs.sum(1, keepdims=True)
    kept = random_logits.clone()
    found = np.asarray(average_orders(random_logits), dtype=float)
    assert found.shape == wanted.shape, f"{n_options} options: return {n_options} columns"
    assert not np.allclose(found, mean_of_logs, atol=1e-3), (
        "this is the mean of the logits or of the log-probabilities; take the softmax of each "
        "order first, and then the mean of the probabilities"
    )
    assert np.allclose(found, wanted, atol=1e-5), (
        f"{n_options} options: the probabilities are wrong; in order k, letter j stands for option "
        "(j + k) % C, and the softmax goes over the letters of one order"
    )
    assert torch.equal(random_logits, kept), "the logits that were given have changed"
    moved_logits = kept + 1500 * (torch.arange(n_options, dtype=torch.float64)[None, :, None] - 1)
    assert np.allclose(np.asarray(average_orders(moved_logits), dtype=float), wanted, atol=1e-3), (
        "a constant added to all logits of one order must change nothing, even if it is 1500 or "
        "-1500: subtract the largest logit of each order before exp, or use softmax"
    )
found = np.asarray(average_orders(40 * always_c), dtype=float)
assert np.allclose(found, 0.25, atol=1e-5), (
    "a logit of 2000 beside logits of 0 is a probability of 1"
)
fresh = calibkit.language_model_answers()
fresh_logits = fresh.listed_logits.double()[::5]
found = np.asarray(average_orders(fresh_logits.clone()), dtype=float)
right_p = fresh_logits.softmax(2)
wanted = np.mean(
    [
        [np.roll(right_p[question_i, order_k], order_k) for order_k in range(4)]
        for question_i in range(len(right_p))
    ],
    axis=1,
)
assert np.allclose(found, wanted, atol=1e-5), "the probabilities of the listed questions are wrong"
### END HIDDEN TESTS

# %% [markdown]
# Does the average help? The questions of two subjects, capitals and opposites, were asked with a
# list of the options, in four orders. The model answered with the text of an option, so the logit
# of a letter is here the log-probability of the option that the list has at this letter. The figure
# shows how much probability the model gives to each letter, on average. As the right option stands
# once at each letter, a model without a preference gives a quarter to each.

# %%
is_listed = answers.is_listed
listed = answers.listed_logits.double()
listed_labels = answers.labels[is_listed]
p_one_order = listed[:, 0].softmax(1)
p_average = torch.as_tensor(np.asarray(average_orders(listed), dtype=float))
for name, p in (("one order", p_one_order), ("mean over four orders", p_average)):
    interval = calibkit.bootstrap_interval(
        calibkit.accuracy, p, listed_labels, n_resamples=200, seed=0
    )
    print(f"{name}: accuracy {interval.value:.1%}", end=" ")
    print(f"[{interval.low:.1%}, {interval.high:.1%}]", end=", ")
    print(f"mean confidence {p.amax(1).mean():.1%}", end=", ")
    print(f"ECE {calibkit.calibration_error(p, listed_labels):.1%}")

fig, ax = plt.subplots(figsize=(5.2, 3.4), layout="constrained")
ax.bar(list("ABCD"), listed.softmax(2).mean((0, 1)), color="#0072B2")
ax.axhline(0.25, color="0.5", linestyle="--", label="no preference")
ax.set(title="The model prefers the options that are listed last", xlabel="letter of the option")
ax.set(ylabel="mean probability")
_ = ax.legend()

# %% [markdown]
# ## Question 3: correct a preference for letters (3 points)
#
# Four orders cost four times as much. If we have one order only, we can still correct a preference
# that is the same for all questions. This is called a *prior correction*. Write
# `correct_preference`:
#
# 1. On *other* questions, compute the mean probability $m_j$ of each letter $j$. It is the mean of
#    the softmax of their logits.
# 2. For each question that you correct, divide the probability of each letter $j$ by $m_j$.
# 3. Divide the results of each question by their sum, so that they are probabilities again.
#
# We use other questions so that no question takes part in its own correction. The method assumes
# that the right option stands equally often at each letter. Again, logits can lie far from 0, and
# the logits that you are given must stay as they are.


# %% solution="correct_preference"
def correct_preference(logits, other_logits):
    """Return probabilities from which a constant preference for some letters is removed.

    Parameters
    ----------
    logits : Tensor of float64, shape (n, C)
        The logits of the letters, for the questions to correct.
    other_logits : Tensor of float64, shape (m, C)
        The logits of the letters, for the questions that show the preference.

    Returns
    -------
    probabilities, shape (n, C), whose rows sum to 1
    """
    ### BEGIN SOLUTION
    preference = other_logits.softmax(1).mean(0)
    corrected = logits.softmax(1) / preference
    return corrected / corrected.sum(1, keepdim=True)
    ### END SOLUTION


# %% tests="correct_preference" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

other_questions = torch.tensor([[0.9, 0.1], [0.7, 0.3]], dtype=torch.float64).log()
our_questions = torch.tensor([[0.8, 0.2], [0.5, 0.5], [0.9, 0.1]], dtype=torch.float64).log()
found = np.asarray(correct_preference(our_questions.clone(), other_questions.clone()), dtype=float)
assert found.shape == (3, 2), "return one row for each question of `logits`"
assert np.allclose(found.sum(1), 1, atol=1e-5), "the probabilities of one question must sum to 1"
assert np.allclose(found[0], 0.5, atol=1e-5), (
    "on the other questions the letters have the mean probabilities 0.8 and 0.2; a question with "
    f"just these probabilities must end at 0.5 and 0.5, not at {np.round(found[0], 3)}"
)
assert np.allclose(found[1], [0.2, 0.8], atol=1e-5), (
    "the probabilities 0.5 and 0.5 are 0.625 and 2.5 after the division, so 0.2 and 0.8"
)
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(53)
for n_ours, n_others, n_letters in ((6, 9, 4), (9, 5, 3), (4, 4, 4)):
    our_questions = 2 * torch.randn(n_ours, n_letters, generator=generator, dtype=torch.float64)
    other_questions = 2 * torch.randn(n_others, n_letters, generator=generator, dtype=torch.float64)
    other_questions[:, 0] += 2
    given_offset = torch.arange(n_others, dtype=torch.float64)[:, None]
    our_offset = 1000 * torch.arange(1, n_ours + 1, dtype=torch.float64)[:, None]
    our_questions = our_questions + our_offset
    other_questions = other_questions - 1000 * given_offset
    kept = our_questions.clone(), other_questions.clone()
    found = np.asarray(correct_preference(our_questions, other_questions), dtype=float)
    assert found.shape == (n_ours, n_letters), "return one row for each question of `logits`"
    assert np.isfinite(found).all(), (
        "logits of 1000 or -1000 give nan or infinity: subtract the largest logit of each question "
        "before exp, or use softmax"
    )
    right_p, right_q = (
        np.exp(np.asarray(our_questions - our_offset)),
        np.exp(np.asarray(other_questions + 1000 * given_offset)),
    )
    right_q = (right_q / right_q.sum(1, keepdims=True)).mean(0)
    wanted = right_p / right_q
    wanted /= wanted.sum(1, keepdims=True)
    assert np.allclose(found, wanted, atol=1e-3), (
        "the corrected probabilities are wrong; m_j is the mean over the other questions of the "
        "softmax of their logits, which is not the softmax of a mean, and we divide "
        "probabilities, not logits"
    )
    assert all(torch.equal(*pair) for pair in zip((our_questions, other_questions), kept)), (
        "the logits that were given have changed"
    )
    last_question = np.asarray(
        correct_preference(our_questions[-1:].clone(), other_questions.clone()), dtype=float
    )
    assert np.allclose(last_question, wanted[-1:], atol=1e-3), (
        "the result for one question must not depend on the questions that are corrected with it"
    )
### END HIDDEN TESTS

# %% [markdown]
# Here we correct each of the two subjects with the preference that the model shows on the other.

# %%
listed_subject = answers.subject[is_listed.numpy()]
for s, other in (("capitals", "opposites"), ("opposites", "capitals")):
    of_s, of_other = (torch.from_numpy(listed_subject == name) for name in (s, other))
    y = listed_labels[of_s]
    p_before = listed[of_s, 0].softmax(1)
    p_after = correct_preference(listed[of_s, 0], listed[of_other, 0])
    for name, p in (("before", p_before), ("after", torch.as_tensor(np.asarray(p_after, float)))):
        print(f"{s}, {name}: accuracy {calibkit.accuracy(p, y):.1%}", end=", ")
        print(f"mean confidence {p.amax(1).mean():.1%}", end=", ")
        print(f"ECE {calibkit.calibration_error(p, y):.1%}")

# %% [markdown]
# The correction lowers the confidence a little, and the model stays far too sure of itself.
#
# ## Question 4: read the records of an evaluation harness (3 points)
#
# An evaluation harness is a program that asks a model many questions and stores what it answers.
# Such programs often store the log-probabilities of the few most probable tokens only. We make up
# the records of one: it stores the five most probable tokens of 2400 answers. The option with the
# letter A belongs to the token `" A"`, with a space in front, and so on to `" D"`. The other tokens
# do not stand for options.

# %%
OTHER_TOKENS = {" The": 0.45, " I": 0.25, "\n": 0.15, " a": 0.1, " And": 0.05}
records = []
for i, four in enumerate((0.95 * answers.text_logits.double().softmax(1)).tolist()):
    of_tokens = dict(zip((" A", " B", " C", " D"), four))
    of_tokens |= {token: 0.05 * share for token, share in OTHER_TOKENS.items()}
    top = sorted(of_tokens, key=of_tokens.get, reverse=True)[:TOP_K]
    logprobs = {token: math.log(of_tokens[token]) for token in top}
    right = "ABCD"[int(answers.labels[i])]
    records.append({"question": i, "answer": right, "top_logprobs": logprobs})
for token, value in records[1]["top_logprobs"].items():
    print(f"{token!r}: {value:.2f}", end=", ")
print("right:", records[1]["answer"])

# %% [markdown]
# Write `read_records`. It turns such records into logits, a table with one row for each record and
# the letters A to D as columns, and into labels, the numbers 0 to 3 of the right letters. The
# logits are the log-probabilities of the letters. No softmax is needed, and the probabilities of
# the letters need not sum to 1.
#
# Some letters are missing in some records. The log-probability of such a letter is unknown. It is
# not 0, because a log-probability of 0 is a probability of 1. The argument `missing` says what to
# do:
#
# - `"drop"`: leave out each record in which at least one of the four letters is missing
# - `"floor"`: give each missing letter the lowest log-probability that its record stores, for any
#   token. The letter cannot have more, because then the harness would have stored it.
# - For any other value, raise a `ValueError`, so that a typing error does not pass unnoticed.
#
# Also return `kept`, the positions in `records` of the records that are not left out, in
# increasing order. The records and their dictionaries must stay as they are.


# %% solution="read_records"
def read_records(records, missing):
    """Return logits and labels from the records of an evaluation harness.

    Parameters
    ----------
    records : list of dict
        Each has "answer", one of the letters "A" to "D", and "top_logprobs", a dict from tokens to
        log-probabilities, in any order. A record may have further keys.
    missing : "drop" or "floor"

    Returns
    -------
    logits : Tensor or array of floats, shape (m, 4)
    labels : Tensor or array of int, shape (m,)
    kept : m positions in `records`
    """
    ### BEGIN SOLUTION
    if missing not in ("drop", "floor"):
        raise ValueError(f'missing must be "drop" or "floor", got {missing!r}')
    logits, labels, kept = [], [], []
    for position, record in enumerate(records):
        stored = record["top_logprobs"]
        tokens = [f" {letter}" for letter in "ABCD"]
        if missing == "drop" and any(token not in stored for token in tokens):
            continue
        lowest = min(stored.values())
        logits.append([stored.get(token, lowest) for token in tokens])
        labels.append("ABCD".index(record["answer"]))
        kept.append(position)
    return torch.tensor(logits, dtype=torch.float64), torch.tensor(labels), kept
    ### END SOLUTION


# %% tests="read_records" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import copy, math, calibkit, numpy as np, torch

three_records = [
    {"answer": "B", "top_logprobs": {" B": -0.5, " A": -2.0, " D": -3.0, " C": -4.0}},
    {"answer": "D", "top_logprobs": {" C": -0.5, " A": -1.5, " The": -2.5, " D": -3.5}},
    {"answer": "A", "top_logprobs": {" D": -0.25, " C": -3.0, " B": -4.0, " A": -5.0}},
]
found_z, found_y, found_kept = read_records(copy.deepcopy(three_records), "drop")
found_z, found_y, found_kept = (
    np.asarray(found_z, dtype=float),
    np.asarray(found_y),
    np.asarray(found_kept).tolist(),
)
assert found_kept == [0, 2], (
    f"a letter is missing in record 1 only, so keep [0, 2], not {found_kept}"
)
assert found_z.shape == (2, 4), (
    f"two records are left: the logits need the shape (2, 4), not {found_z.shape}"
)
assert np.allclose(found_z[0], [-2, -0.5, -4, -3], atol=1e-5), "the columns are the letters A to D"
assert found_y.tolist() == [1, 0], "the right letters B and A are the labels 1 and 0"
found_z, found_y, found_kept = read_records(copy.deepcopy(three_records), "floor")
found_z, found_y, found_kept = (
    np.asarray(found_z, dtype=float),
    np.asarray(found_y),
    np.asarray(found_kept).tolist(),
)
assert found_kept == [0, 1, 2], f'"floor" keeps all records, so [0, 1, 2] and not {found_kept}'
assert found_y.tolist() == [1, 3, 0], "the right letters B, D and A are the labels 1, 3 and 0"
assert np.allclose(found_z[1], [-1.5, -3.5, -0.5, -3.5], atol=1e-5), (
    "the letter B of record 1 is missing; the lowest log-probability of this record is -3.5"
)
### BEGIN HIDDEN TESTS
assert np.issubdtype(found_y.dtype, np.integer), "the labels must be whole numbers"
odd_records = [
    {"answer": "C", "top_logprobs": {" The": -4.75, "B": -0.1, " C": -3.0, " a": -4.5}},
    {"id": 7, "answer": "A", "top_logprobs": {" b": -1, " A": -2, " D": -2.5, " B": -3, " C": -4}},
    {"answer": "D", "top_logprobs": {" And": -6.0, " A": -0.5, " B": -2.0, " C": -3.0}},
    {"answer": "B", "top_logprobs": {" D": -7.0, " C": -1.0, " A": -0.75, " B": -900.0}},
    {"answer": "C", "top_logprobs": {"\n": -0.5, " The": -1.0, " I": -2.0}},
    {"answer": "B", "top_logprobs": {" A": -1.5, " B": 0.0, " C": -2.0, " D": -3.0}},
    {"answer": "D", "top_logprobs": {"A": -1.5, " B": -0.5, " C": -2.0, " D": -3.0, " A.": -1.0}},
]
untouched = copy.deepcopy(odd_records)
found_z, found_y, found_kept = read_records(odd_records, "floor")
found_z, found_y, found_kept = (
    np.asarray(found_z, dtype=float),
    np.asarray(found_y),
    np.asarray(found_kept).tolist(),
)
assert found_kept == list(range(7)), f'"floor" keeps all seven records, not only {found_kept}'
assert found_z.shape == (7, 4), "one row for each record and one column for each letter"
assert np.allclose(found_z[[0, 6]], [[-4.75, -4.75, -3, -4.75], [-3, -0.5, -2, -3]], atol=1e-5), (
    'the token of an option is " B", with a space: "B", " a" and " b" are other tokens; every '
    "missing letter gets the lowest log-probability of its record"
)
assert np.allclose(found_z[2], [-0.5, -2, -3, -6], atol=1e-5), (
    "a missing letter gets the lowest log-probability of its own record, of any token: here that "
    'of " And"'
)
assert np.allclose(found_z[4], -2, atol=1e-5), (
    "no letter is in record 4, so all four have -2, the lowest log-probability that it stores"
)
assert np.allclose(
    found_z[[1, 3, 5]], [[-2, -3, -4, -2.5], [-0.75, -900, -1, -7], [-1.5, 0, -2, -3]]
), "log-probabilities that are stored must stay as they are, even -900 and 0"
assert found_y.tolist() == [2, 0, 3, 1, 2, 1, 3], "the label is the number of the right letter"
found_z, found_y, found_kept = read_records(odd_records, "drop")
found_z, found_y, found_kept = (
    np.asarray(found_z, dtype=float),
    np.asarray(found_y),
    np.asarray(found_kept).tolist(),
)
assert found_kept == [1, 3, 5], (
    "all four letters are in the records 1, 3 and 5; leave out a record if any letter is missing, "
    f"right or wrong; you kept {found_kept}"
)
assert np.allclose(found_z, [[-2, -3, -4, -2.5], [-0.75, -900, -1, -7], [-1.5, 0, -2, -3]]), (
    "the logits of the records that are kept are wrong"
)
assert found_y.tolist() == [0, 1, 1], "the labels must belong to the records that are kept"
assert odd_records == untouched, "the records that were given have changed"
for typing_error in ("Drop", "floors", "", "op", None):
    for some_records in (three_records, three_records[:1]):
        try:
            read_records(copy.deepcopy(some_records), typing_error)
            was_refused = False
        except ValueError:
            was_refused = True
        assert was_refused, (
            f"missing={typing_error!r} must raise a ValueError, even if no letter is missing"
        )
### END HIDDEN TESTS

# %% [markdown]
# We made up the records, so we know what they left out. This cell compares both ways with all four
# log-probabilities.

# %%
full = (0.95 * answers.text_logits.double().softmax(1)).log()
for name, (z, y, _) in {
    "all stored": (full, answers.labels, range(len(full))),
    "drop": read_records(records, "drop"),
    "floor": read_records(records, "floor"),
}.items():
    z, y = torch.as_tensor(np.asarray(z, dtype=float)), torch.as_tensor(np.asarray(y))
    p = z.softmax(1)
    print(f"{name}: n = {len(y)}, accuracy {calibkit.accuracy(p, y):.1%}", end=", ")
    print(f"mean confidence {p.amax(1).mean():.1%}", end=", ")
    print(f"NLL {-z.log_softmax(1)[range(len(y)), y].mean():.3f}")

# %% [markdown]
# Dropping keeps just those questions on which the model hesitates, and so it gives a wrong picture
# of the others. The floor keeps all questions, but it makes the NLL look better than it is, because
# a right option that is missing gets too much probability.
#
# ## Question 5: leave one subject out (3 points)
#
# A product meets subjects that we have no labels for. Does a temperature that we fitted on other
# subjects help there? To find out, we treat each subject once as the new one. Write
# `leave_one_subject_out`. For each subject:
#
# 1. Fit a temperature on the questions of *all other* subjects, with
#    `calibkit.TemperatureScaler().fit_logits(logits, labels)`.
# 2. Divide the logits of the questions of *this* subject by that temperature.
#
# Return the temperatures as a dictionary, with the subjects as its keys. Also return all logits
# after the division, in the order in which the questions came. The questions of one subject need
# not stand together, and there can be any number of subjects above one. The logits that you are
# given must stay as they are.


# %% solution="leave_one_subject_out"
def leave_one_subject_out(logits, labels, subject):
    """Return temperatures fitted without one subject each, and the logits divided by them.

    Parameters
    ----------
    logits : Tensor of float64, shape (n, C)
    labels : Tensor of int64, shape (n,)
    subject : array of str, shape (n,)

    Returns
    -------
    temperatures : dict of str to float
        For each subject, the temperature fitted on all other subjects.
    scaled : logits, shape (n, C)
        The logits of each question, divided by the temperature of its subject.
    """
    ### BEGIN SOLUTION
    temperatures, scaled = {}, torch.empty_like(logits)
    for name in np.unique(subject):
        is_this = torch.from_numpy(subject == name)
        scaler = calibkit.TemperatureScaler().fit_logits(logits[~is_this], labels[~is_this])
        temperatures[str(name)] = scaler.temperature
        scaled[is_this] = logits[is_this] / scaler.temperature
    return temperatures, scaled
    ### END SOLUTION


# %% tests="leave_one_subject_out" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

generator = torch.Generator().manual_seed(55)
given_z = 2 * torch.randn(400, 4, generator=generator, dtype=torch.float64)
given_y = torch.multinomial(given_z.softmax(1), 1, generator=generator)[:, 0]
art, law = torch.arange(300), torch.arange(300, 400)
given_z[law] *= 3
subject_names = np.array(["art"] * 300 + ["law"] * 100)
found_temperatures, found_scaled = leave_one_subject_out(
    given_z.clone(), given_y.clone(), subject_names.copy()
)
assert sorted(found_temperatures) == ["art", "law"], "the keys of the dictionary are the subjects"
of_art = calibkit.TemperatureScaler().fit_logits(given_z[art], given_y[art]).temperature
assert abs(float(found_temperatures["law"]) / of_art - 1) < 1e-4, (
    f"with two subjects, the temperature for law comes from art alone: {of_art:.4f}, not "
    f"{float(found_temperatures['law']):.4f}"
)
found_scaled = np.asarray(found_scaled, dtype=float)
assert found_scaled.shape == (400, 4), "return the logits of all questions after the division"
assert np.allclose(
    found_scaled[300:], given_z[law] / float(found_temperatures["law"]), rtol=1e-3
), "divide the logits of law by the temperature that the dictionary has for law"
### BEGIN HIDDEN TESTS
given_z = 2 * torch.randn(900, 5, generator=generator, dtype=torch.float64)
given_y = torch.multinomial(given_z.softmax(1), 1, generator=generator)[:, 0]
subject_names = np.array(["zoo"] * 200 + ["zoology"] * 450 + ["music"] * 250)
for this_name, logit_factor in (("zoo", 1.0), ("zoology", 2.5), ("music", 0.5)):
    given_z[torch.from_numpy(subject_names == this_name)] *= logit_factor
for row_order in (torch.arange(900), torch.randperm(900, generator=generator)):
    given = given_z[row_order], given_y[row_order], subject_names[row_order.numpy()]
    untouched = given[0].clone()
    found_temperatures, found_scaled = leave_one_subject_out(*given)
    assert torch.equal(given[0], untouched), (
        "the logits that were given have changed: do not divide in place"
    )
    assert sorted(found_temperatures) == ["music", "zoo", "zoology"], (
        "one temperature for each subject"
    )
    found_scaled = np.asarray(found_scaled, dtype=float)
    assert found_scaled.shape == (900, 5), "return the logits of all questions, in their order"
    for this_name in ("zoo", "zoology", "music"):
        of_this = torch.from_numpy(given[2] == this_name)
        wanted = calibkit.TemperatureScaler().fit_logits(given[0][~of_this], given[1][~of_this])
        found_t = float(found_temperatures[this_name])
        assert abs(found_t / wanted.temperature - 1) < 1e-4, (
            f"the questions of the other two subjects together ask for T = "
            f"{wanted.temperature:.3f}, not {found_t:.3f}; no question of {this_name} may take part"
        )
        assert np.allclose(
            found_scaled[of_this.numpy()], untouched[of_this] / wanted.temperature, rtol=1e-3
        ), (
            f"the logits of {this_name} must be divided by the temperature for {this_name}, and "
            "stand where the questions stood"
        )
### END HIDDEN TESTS

# %% [markdown]
# The next question needs the NLL of each question before and after the division. `nll_before` and
# `nll_after` hold one number for each question. Beside each ECE after the division, the cell prints
# the ECE that even a perfectly calibrated model exceeds in 2.5% of samples of this size.

# %%
z_texts = answers.text_logits.double()
temperatures, scaled = leave_one_subject_out(z_texts, answers.labels, answers.subject)
scaled = torch.as_tensor(np.asarray(scaled, dtype=float))
rows = torch.arange(len(scaled))
nll_before = -z_texts.log_softmax(1)[rows, answers.labels]
nll_after = -scaled.log_softmax(1)[rows, answers.labels]
for s in subjects:
    of_subject = torch.from_numpy(answers.subject == s)
    change = float((nll_after - nll_before)[of_subject].mean())
    y = answers.labels[of_subject]
    errors = [calibkit.calibration_error(z[of_subject].softmax(1), y) for z in (z_texts, scaled)]
    floor = calibkit.noise_floor(scaled[of_subject].softmax(1), n_resamples=200)
    print(f"{s:14} T of the others {float(temperatures[s]):.2f}: NLL {change:+.3f}", end=", ")
    print(f"ECE {errors[0]:.1%} -> {errors[1]:.1%} (noise up to {floor.high:.1%})")

# %% [markdown]
# ## Question 6: give the change an interval (3 points)
#
# On average over the 2400 questions the NLL has fallen. How far can we trust this? It depends on
# what we want to know. For *other questions of the same subjects*, the questions are our sample.
# For *another subject*, our sample is the subjects, of which we have eight only. One function can
# answer both, if it resamples groups of questions. Write `change_interval`:
#
# 1. The change is the mean over all questions of `after` minus `before`.
# 2. Draw as many groups as there are different groups, with replacement. Take all questions of each
#    group that was drawn, as many times as the group was drawn. Keep `before` and `after` of one
#    question together. Compute the change of the questions that you have drawn, as in step 1.
# 3. Repeat step 2 `n_resamples` times. The limits of the interval are the 2.5th and the 97.5th
#    percentile of the changes.
#
# Return three numbers: the change of step 1, the lower limit and the upper limit. Groups can have
# different sizes, and a large group counts for more, because it has more questions. If each
# question is a group of its own, this is the usual bootstrap over questions. To be fast, compute
# the sum and the number of questions of each group once, before you draw.
#
# The same seed must give the same interval, and another seed must draw other groups in all of its
# resamples. So make one generator with the seed, and draw all resamples from it. `n_resamples` can
# be any number from 1 on. With `n_resamples=1`, both limits are the change of the only resample.
# The losses that you are given must stay as they are.


# %% solution="change_interval"
def change_interval(before, after, groups, n_resamples, seed):
    """Return the mean change of a loss, with a 95% interval from a bootstrap over groups.

    Parameters
    ----------
    before, after : Tensor of float64, shape (n,)
        The loss of each question, before and after.
    groups : array of int or str, shape (n,)
        The group of each question. The questions of a group need not stand together.
    n_resamples : int, at least 1
    seed : int, at least 0

    Returns
    -------
    change, low, high : three numbers
    """
    ### BEGIN SOLUTION
    differences = np.asarray(after - before)
    _, group_of = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(group_of, weights=differences), np.bincount(group_of)
    generator = np.random.default_rng(seed)
    changes = []
    for _ in range(n_resamples):
        drawn = generator.integers(len(sums), size=len(sums))
        changes.append(sums[drawn].sum() / sizes[drawn].sum())
    low, high = np.quantile(changes, [0.025, 0.975])
    return float(differences.mean()), float(low), float(high)
    ### END SOLUTION


# %% tests="change_interval" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

loss_before = torch.tensor([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], dtype=torch.float64)
loss_after = loss_before + torch.tensor([-1.0, -1.0, -1.0, -1.0, 2.0, 2.0], dtype=torch.float64)
two_groups = np.array(["a", "a", "a", "a", "b", "b"])
found = change_interval(loss_before.clone(), loss_after.clone(), two_groups.copy(), 400, 0)
found = [float(v) for v in found]
assert len(found) == 3, "return three numbers: the change, the lower and the upper limit"
assert abs(found[0]) < 1e-6, "the changes are -1 four times and 2 twice: their mean is 0"
assert np.allclose(found[1:], [-1, 2], atol=1e-6), (
    "with two groups, a quarter of the resamples holds only group a, with a change of -1, and a "
    f"quarter only group b, with 2: the interval is [-1, 2], not [{found[1]:.3f}, {found[2]:.3f}]"
)
found_again = change_interval(loss_before.clone(), loss_after.clone(), two_groups.copy(), 400, 0)
assert found == [float(v) for v in found_again], "the same seed must give the same interval"
### BEGIN HIDDEN TESTS
one_group = change_interval(loss_before.clone(), loss_after.clone(), np.array(["a"] * 6), 20, 3)
assert np.allclose([float(v) for v in one_group], 0, atol=1e-6), (
    "with one group, every resample holds the same questions, so both limits are the change itself"
)
for seed in range(40):
    found_low = float(change_interval(loss_before, loss_after, two_groups, 1, seed)[1])
    assert min(abs(found_low - v) for v in (-1, 0, 2)) < 1e-6, (
        "from two groups we draw two: a twice, b twice, or both once, with the changes -1, 2 and "
        f"0; one resample of yours has a change of {found_low:.3f}"
    )
case_noise = np.random.default_rng(56)
sizes_given = [60, 2, 3, 4, 5, 8, 2, 3, 30, 4, 6, 2, 3, 5, 2, 3]
group_effects = np.array(
    [-0.9, 0.3, 0.2, 0.4, -0.1, 0.2, 2.5, 0.1, -0.6, 0.2, 0, 0.3, 0.1, 0.2, 3, 0.1]
)
group_given = np.repeat(np.arange(len(sizes_given)), sizes_given)
loss_before = 5 * case_noise.random(len(group_given))
loss_after = (
    loss_before + group_effects[group_given] + 0.05 * case_noise.standard_normal(len(group_given))
)
shuffled = case_noise.permutation(len(group_given))
given_cases = {
    "with 16 groups of different sizes": (loss_before, loss_after, group_given),
    "with groups that do not stand together": (
        loss_before[shuffled],
        loss_after[shuffled],
        np.char.add("g", group_given[shuffled].astype(str)),
    ),
    "with each question as a group of its own": (
        loss_before[60:102],
        1.5 * loss_before[60:102] ** 2,
        np.arange(42) + 100,
    ),
}
for given_case, (case_before, case_after, case_groups) in given_cases.items():
    _, right_numbers = np.unique(case_groups, return_inverse=True)
    right_sums, right_sizes = (
        np.bincount(right_numbers, weights=case_after - case_before),
        np.bincount(right_numbers),
    )
    right_draws = np.random.default_rng(0).integers(len(right_sums), size=(100000, len(right_sums)))
    right_changes = right_sums[right_draws].sum(1) / right_sizes[right_draws].sum(1)
    wanted = np.quantile(right_changes, [0.025, 0.975])
    given = torch.tensor(case_before), torch.tensor(case_after), case_groups.copy()
    found = [float(v) for v in change_interval(*given, 8000, 1)]
    assert abs(found[0] - (case_after - case_before).mean()) < 1e-5, (
        f"{given_case} the change is {(case_after - case_before).mean():.4f}, not {found[0]:.4f}: "
        "it is the mean of after minus before over all questions, and not the mean of the "
        "resamples or of the groups"
    )
    assert np.abs(found[1:] - wanted).max() < 0.14 * right_changes.std(), (
        f"{given_case} the interval is about [{wanted[0]:.3f}, {wanted[1]:.3f}], not "
        f"[{found[1]:.3f}, {found[2]:.3f}]: draw whole groups, keep before and after together, "
        "divide by the number of questions drawn, and take the 2.5th and the 97.5th percentile"
    )
    assert all(torch.equal(v, torch.tensor(w)) for v, w in zip(given, (case_before, case_after))), (
        "the losses that were given have changed"
    )
given = torch.tensor(loss_before), torch.tensor(loss_after), group_given
singles = [[float(v) for v in change_interval(*given, 1, seed)] for seed in range(40)]
for seed in range(3):
    _, found_low, found_high = (float(v) for v in change_interval(*given, 2, seed))
    # both changes of two resamples, for percentiles that are interpolated or not
    step = (found_high - found_low) / 0.95 * 0.025
    changes = [found_low, found_high, found_low - step, found_high + step]
    for other in (seed + 1, seed + 10, seed + 100, seed + 1000, 2 * seed + 1, 1000 * seed + 1):
        of_other = float(change_interval(*given, 1, other)[1])
        assert other == seed or np.abs(np.subtract(changes, of_other)).min() > 1e-9, (
            "two seeds have a resample in common: make one generator with the seed, and draw all "
            "resamples from it"
        )
assert all(abs(found_low - high) < 1e-9 for _, found_low, high in singles), (
    "with n_resamples=1 there is one resample, so both limits are its change"
)
found_once, found_again = ([float(v) for v in change_interval(*given, 1, 7)] for _ in range(2))
assert found_once == found_again == singles[7], (
    "the same seed must give the same interval, at every call"
)
assert len({round(found_low, 9) for _, found_low, _ in singles}) > 30, (
    "another seed must give other resamples, and a resample is not the sample itself"
)
middles = [sum(float(v) for v in change_interval(*given, 10, seed)[1:]) for seed in range(120)]
assert abs(np.corrcoef(middles[1:], middles[:-1])[0, 1]) < 0.5, (
    "the seeds 0 and 1 share most of their resamples, and so do 1 and 2: make one generator with "
    "the seed, and draw all resamples from it"
)
right_sums, right_sizes = (
    np.bincount(group_given, weights=w) for w in (loss_after - loss_before, None)
)
right_draws = np.random.default_rng(0).integers(len(right_sums), size=(20000, len(right_sums)))
right_spread = np.std(right_sums[right_draws].sum(1) / right_sizes[right_draws].sum(1))
assert 0.5 < np.std([found_low for _, found_low, _ in singles]) / right_spread < 2, (
    "each resample draws as many groups as there are different groups, with replacement"
)
### END HIDDEN TESTS

# %% [markdown]
# Now ask both questions of the same losses.

# %%
for name, groups in (
    ("other questions of the same subjects", np.arange(len(nll_before))),
    ("another subject", answers.subject),
):
    interval = change_interval(nll_before, nll_after, groups, N_RESAMPLES, RESAMPLING_SEED)
    change, low, high = (float(v) for v in interval)
    print(f"{name}: NLL {change:+.3f} [{low:+.3f}, {high:+.3f}]")

# %% [markdown]
# The change is the same in both lines, but the second interval is much wider. Even this interval is
# optimistic. With only eight groups, a bootstrap interval tends to be too narrow, and nothing says
# that the next subject resembles these eight.
#
# ## Question 7: find the threshold for a risk (3 points)
#
# A model need not answer every question. If it answers only where its confidence is at or above a
# threshold, the share of wrong answers among those that it gives is called the *risk*. The share of
# questions that it answers is called the *coverage*. We want a low risk, and then as much coverage
# as possible.
#
# Write `threshold_for_risk`. On labelled questions it finds the threshold: of all confidences in
# `confidence`, return the lowest one at which the risk is at most `target`. If there is none,
# return infinity, `math.inf`, so that the model answers nothing.
#
# Two cases need care. Questions with the same confidence are all answered or all left out. And the
# risk can rise and fall again as the threshold falls, so do not stop at the first threshold at
# which the risk is too high. If the risk equals the target in a test, rounding changes neither of
# them. The confidences that you are given must stay as they are.


# %% solution="threshold_for_risk"
def threshold_for_risk(confidence, correct, target):
    """Return the lowest confidence from which on the answers have at most a given risk.

    Parameters
    ----------
    confidence : Tensor of float64, shape (n,)
    correct : Tensor of bool, shape (n,)
        Whether the model's answer to each question is right.
    target : float from 0 to 1
        The share of wrong answers that we accept among the answers given.

    Returns
    -------
    float
        One of the confidences, or infinity.
    """
    ### BEGIN SOLUTION
    for threshold in confidence.unique():  # in increasing order
        answered = confidence >= threshold
        if (~correct[answered]).double().mean() <= target:
            return float(threshold)
    return math.inf
    ### END SOLUTION


# %% tests="threshold_for_risk" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

toy_confidence = torch.tensor([0.5, 0.9, 0.7, 0.8, 0.6], dtype=torch.float64)
toy_right = torch.tensor([False, True, True, False, True])
found = float(threshold_for_risk(toy_confidence.clone(), toy_right.clone(), 0.25))
assert abs(found - 0.6) < 1e-6, (
    "from 0.6 on the model answers four questions, and one of the answers is wrong: a risk of "
    f"0.25, which is not above the target; at 0.5 the risk is 2 / 5; you found {found}"
)
found = float(threshold_for_risk(toy_confidence.clone(), toy_right.clone(), 0.1))
assert abs(found - 0.9) < 1e-6, "only from 0.9 on, where one answer is given, no answer is wrong"
### BEGIN HIDDEN TESTS
found = float(threshold_for_risk(toy_confidence.clone(), toy_right.clone(), 0.5))
assert abs(found - 0.5) < 1e-6, "at a target of 0.5 all questions can be answered, from 0.5 on"
first_wrong = torch.tensor([False, True, True, True], dtype=torch.bool)
falling_confidence = torch.tensor([0.9, 0.8, 0.7, 0.6], dtype=torch.float64)
found = float(threshold_for_risk(falling_confidence.clone(), first_wrong.clone(), 0.25))
assert abs(found - 0.6) < 1e-6, (
    "the most confident answer is wrong, but from 0.6 on the risk is 1 / 4: look at all thresholds"
)
found_none = float(threshold_for_risk(falling_confidence.clone(), first_wrong.clone(), 0.125))
assert found_none == math.inf, "no threshold has a risk of 0.125 or less: return infinity"
equal_confidence = torch.tensor([0.9, 0.75, 0.75, 0.75, 0.5], dtype=torch.float64)
for equal_right in ((True, True, False, False, False), (True, False, False, True, False)):
    found = float(threshold_for_risk(equal_confidence.clone(), torch.tensor(equal_right), 0.25))
    assert abs(found - 0.9) < 1e-6, (
        "three questions have the confidence 0.75, and two of these answers are wrong: the risk "
        "from 0.75 on is 2 / 4, in whichever order the three stand"
    )
found = float(threshold_for_risk(equal_confidence.clone(), torch.tensor([True] * 5), 0.0))
assert abs(found - 0.5) < 1e-6, "no answer is wrong, so even a target of 0 allows all of them"
dice = np.random.default_rng(57)
for n_given, given_target in ((50, 0.23), (200, 0.115), (333, 0.07), (1000, 0.301), (400, 0.502)):
    given_c = np.round(0.25 + 0.75 * dice.random(n_given), 2 if n_given > 300 else 6)
    given_r = dice.random(n_given) < given_c
    wanted = min(
        (t for t in given_c if (~given_r[given_c >= t]).mean() <= given_target), default=math.inf
    )
    kept = torch.tensor(given_c)
    given = kept.clone(), torch.tensor(given_r)
    found = float(threshold_for_risk(*given, given_target))
    assert found == wanted or abs(found - wanted) < 1e-6, (
        f"n = {n_given}, target {given_target}: the lowest threshold with a risk of at most the "
        f"target is {wanted:.4f}, not {found:.4f}; the risk is the share of wrong answers among "
        "those given, not among all questions"
    )
    assert torch.equal(given[0], kept), "the confidences that were given have changed"
### END HIDDEN TESTS

# %% [markdown]
# We divide the questions at random into 300, on which we choose the threshold, and 2100, on which
# we check it. We try twenty such divisions. The last lines show how many questions of each subject
# the model answers in the last of them.

# %%
p = z_texts.softmax(1)
sure = p.amax(1)
is_right = p.argmax(1) == answers.labels
results = []
for seed in range(DIVISIONS_SEED, DIVISIONS_SEED + N_DIVISIONS):
    order = torch.randperm(len(p), generator=torch.Generator().manual_seed(seed))
    chosen, others = order[:N_FOR_THRESHOLD], order[N_FOR_THRESHOLD:]
    threshold = float(threshold_for_risk(sure[chosen], is_right[chosen], TARGET_RISK))
    given = others[sure[others] >= threshold]
    risk = float((~is_right[given]).double().mean())
    results.append((threshold, len(given) / len(others), risk))
thresholds, coverages, risks = np.array(results).T
print(f"threshold {thresholds.mean():.3f} +- {thresholds.std():.3f}", end=", ")
print(f"coverage {coverages.mean():.1%}, risk {risks.mean():.1%} +- {risks.std():.1%}")
print(f"risk above {TARGET_RISK:.0%} in {(risks > TARGET_RISK).sum()} of {N_DIVISIONS} divisions")
for s in subjects:
    of_subject = others[torch.from_numpy(answers.subject[others.numpy()] == s)]
    given = of_subject[sure[of_subject] >= threshold]
    wrong = int((~is_right[given]).sum())
    print(f"{s:14} answers {len(given)} of {len(of_subject)}, {wrong} of them wrong")

# %% [markdown]
# ## Question 8: tell two uses of a temperature apart (3 points)
#
# The same model read 17 queries from Isaac Newton's *Opticks*. At each place of this text it gave a
# probability to each of its 49 152 tokens, and it did so at several temperatures: the logits were
# divided by the temperature before the softmax. People use a temperature for two purposes. If you
# *sample* a text from the model, you choose a low temperature to get probable words. If you
# *calibrate* the model, you choose the temperature at which the probabilities are right.
#
# Write `temperature_table`. It returns four results. The first three have one number for each
# temperature:
#
# - `nll`: the mean over the places of minus the log-probability of the token that followed
# - `gap`: the mean confidence minus the accuracy. The confidence is the probability of the most
#   probable token, and the accuracy is the share of places at which the most probable token was the
#   one that followed. Keep the sign.
# - `match`: if we *sample* one token at each place, the share of places at which we expect to get
#   the token that followed. This is the mean over the places of its probability.
# - `best`: the temperature with the lowest NLL
#
# The temperatures can come in any order. The tensors that you are given must stay as they are.


# %% solution="temperature_table"
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    """Return how good the probabilities of tokens are at each temperature.

    Parameters
    ----------
    temperatures : Tensor of float64, shape (m,)
        In any order.
    log_probabilities : Tensor of float64, shape (n, m)
        The log-probability of the token that followed, at each place and each temperature.
    top_log_probabilities : Tensor of float64, shape (n, m)
        The log-probability of the most probable token.
    rank : Tensor of int64, shape (n,)
        How many tokens were more probable than the one that followed, at each place.

    Returns
    -------
    nll, gap, match : three lists of m numbers
    best : float
    """
    ### BEGIN SOLUTION
    nll = -log_probabilities.mean(0)
    accuracy = (rank == 0).double().mean()
    gap = top_log_probabilities.exp().mean(0) - accuracy
    match = log_probabilities.exp().mean(0)
    return nll, gap, match, float(temperatures[nll.argmin()])
    ### END SOLUTION


# %% tests="temperature_table" points=3
# You can ignore these imports. They are here in case an answer has used one of these names.
from builtins import *
import math, calibkit, numpy as np, torch

toy_followed = torch.tensor([[0.5, 0.4], [0.1, 0.2], [0.6, 0.3]], dtype=torch.float64)
toy_most = torch.tensor([[0.5, 0.4], [0.7, 0.5], [0.6, 0.3]], dtype=torch.float64)
given = (
    torch.tensor([1.0, 2.0]).double(),
    toy_followed.log(),
    toy_most.log(),
    torch.tensor([0, 3, 0]),
)
found_nll, found_gap, found_match, found_best = temperature_table(*(v.clone() for v in given))
found_nll, found_gap, found_match = (
    np.asarray(v, dtype=float) for v in (found_nll, found_gap, found_match)
)
assert found_nll.shape == found_gap.shape == found_match.shape == (2,), (
    "one number for each of the two temperatures"
)
assert np.allclose(found_nll, [1.169, 1.243], atol=1e-3), (
    "the NLL is the mean of minus the log-probabilities: at the first temperature it is "
    "-(log 0.5 + log 0.1 + log 0.6) / 3 = 1.169"
)
assert np.allclose(found_match, [0.4, 0.3], atol=1e-5), (
    "the token that followed has the probabilities 0.5, 0.1 and 0.6, so a mean of 0.4"
)
assert np.allclose(found_gap, [0.6 - 2 / 3, 0.4 - 2 / 3], atol=1e-5), (
    "the mean confidence is 0.6 at the first temperature, and the most probable token followed at "
    "two of three places: the gap is 0.6 - 2 / 3, with its sign"
)
assert float(found_best) == 1.0, "the NLL is lower at temperature 1"
### BEGIN HIDDEN TESTS
generator = torch.Generator().manual_seed(58)
for n_places, n_temperatures in ((40, 5), (6, 9), (5, 5)):
    given_z = 2 * torch.randn(n_places, 11, generator=generator, dtype=torch.float64)
    given_y = torch.multinomial((given_z / 1.4).softmax(1), 1, generator=generator)[:, 0]
    given_t = torch.linspace(0.4, 3, n_temperatures, dtype=torch.float64).flip(0)
    given_log_p = torch.stack([(given_z / v).log_softmax(1) for v in given_t], 2)
    given = (
        given_t,
        given_log_p[torch.arange(n_places), given_y],
        given_log_p.amax(1),
        (given_z > given_z[torch.arange(n_places), given_y, None]).sum(1),
    )
    kept = [v.clone() for v in given]
    found_nll, found_gap, found_match, found_best = temperature_table(*given)
    found_nll, found_gap, found_match = (
        np.asarray(v, dtype=float) for v in (found_nll, found_gap, found_match)
    )
    assert found_nll.shape == found_gap.shape == found_match.shape == (n_temperatures,), (
        f"n = {n_places} places, m = {n_temperatures} temperatures: return one number for each "
        "temperature"
    )
    wanted = [-float(kept[1][:, i].sum()) / n_places for i in range(n_temperatures)]
    assert np.allclose(found_nll, wanted, atol=1e-5), "the NLL is the mean over the places"
    right_p = np.exp(kept[1].numpy())
    assert np.allclose(found_match, right_p.sum(0) / n_places, atol=1e-5), (
        "match is the mean over the places of the probability of the token that followed, which "
        "is not exp(-NLL)"
    )
    right_share = sum(int(v) == 0 for v in kept[3]) / n_places
    wanted = [
        float(kept[2][:, i].exp().sum()) / n_places - right_share for i in range(n_temperatures)
    ]
    assert np.allclose(found_gap, wanted, atol=1e-5), (
        "the gap is the mean confidence minus the accuracy; the first choice was right where the "
        "rank is 0, and no temperature changes that"
    )
    wanted = float(
        given_t[int(np.argmin([-float(kept[1][:, i].sum()) for i in range(n_temperatures)]))]
    )
    assert abs(float(found_best) - wanted) < 1e-6, (
        f"the lowest NLL is at the temperature {wanted:.3f}; return the temperature itself, not "
        "its position"
    )
    assert all(torch.equal(a, b) for a, b in zip(given, kept)), "what was given has changed"
### END HIDDEN TESTS

# %% [markdown]
# And this is what it gives for Newton's text.

# %%
newton = calibkit.next_token_predictions("newton")
nll, gap, match, best = temperature_table(
    newton.temperatures, newton.log_probabilities, newton.top_log_probabilities, newton.rank
)
nll, gap, match = (np.asarray(v, dtype=float) for v in (nll, gap, match))
print(f"n = {len(newton.rank)} places, lowest NLL at T = {float(best):.2f}")
for i in range(0, len(nll), 3):
    print(f"T = {newton.temperatures[i]:.2f}: NLL {nll[i]:.2f}", end=", ")
    print(f"confidence - accuracy {gap[i]:+.1%}, sampled token matches {match[i]:.1%}")

fig, (left, right) = plt.subplots(1, 2, figsize=(9.6, 3.4), layout="constrained")
fig.suptitle("A low temperature finds more of the words, and is far too sure of them")
left.plot(newton.temperatures, nll, "o-", color="#0072B2")
left.set(xlabel="temperature", ylabel="NLL, nats")
right.plot(newton.temperatures, match, "o-", color="#0072B2", label="sampled token matches")
right.plot(newton.temperatures, gap, "o--", color="#D55E00", label="confidence - accuracy")
right.axhline(0, color="0.5", linewidth=1)
right.set(xlabel="temperature", ylabel="fraction")
_ = right.legend()

# %% [markdown]
# ## Question 9: advise a product manager (6 points)
#
# A company builds a quiz app with this model. The app scores the four options as texts, by sum, and
# shows "I am 87% sure" beside its answer. The product manager, who knows the app but no
# statistics, asks you: "May we show our customers this percentage?" The app will also get subjects
# that you have no data for.
#
# Write 150 to 200 words for the product manager.
#
# 1. Answer the question: yes, no, or under which conditions (1 point)? Support it with at least
#    three numbers of *your* notebook, and say with each how many questions it comes from (1 point).
# 2. How much do the subjects differ (1 point)? What follows for a subject that nobody has tested?
#    Use one of the intervals of question 6, and say which one and why (1 point).
# 3. What should the team do before it shows any percentage, and what should the app do with
#    questions on which the model is unsure (1 point)?
# 4. Name one honest limit of your analysis (1 point).

# %% [markdown] essay="product_manager" points=6
# Your answer to question 9, 150 to 200 words:
#
# ### BEGIN SOLUTION
# **A model answer.** *Not yet, and not in this form.* On our 2400 questions the model claims 76%
# on average, but only 66% of its answers are right. Its percentages promise too much.
#
# *The subjects differ.* With 300 questions each, it is right on 100% of the spelling questions, but
# on 32% of the calendar questions, where guessing gives 25%. A correction that we fitted on the
# other subjects lowers our measure of wrong percentages by 0.09. For a new subject I use the
# interval that resamples the eight subjects, from -0.17 to nearly 0, because there the subjects are
# our sample. So the correction will probably help, but it can also do harm.
#
# *What to do.* Collect a few hundred questions from your app in each subject. Fit a correction on
# one part and check the percentages on the other. Show a percentage only in subjects where they
# pass. Where the model is unsure, let the app say "I do not know". Choose a stricter threshold than
# you need: one that we chose on 300 questions for at most 10% of wrong answers missed this target
# in 13 of 20 divisions.
#
# *A limit.* Rules made our questions, and your customers will ask others.
#
# **Rubric, 6 points.**
#
# - *Verdict* (1 point): a clear answer with conditions, in words that a product manager
#   understands. A verdict without a reason, or terms that are not explained: half a point.
# - *Numbers* (1 point): at least three numbers of the notebook, each with the number of questions
#   behind it and each supporting a claim. Other numbers than those above are fine if the notebook
#   shows them. Two numbers, or no numbers of questions: half a point.
# - *Subjects* (2 points): the spread over the subjects, with an example at each end (1 point). The
#   interval over subjects for the untested subject, with the reason: there the subjects are the
#   sample (1 point). The right interval without a reason: half a point.
# - *Action* (1 point): labelled questions of the app's own, a fit on one part and a check on
#   another part, and a threshold below which the model does not answer. One of these missing: half
#   a point.
# - *Limit* (1 point): one limit that is true of this analysis, such as rules that made the
#   questions, only eight subjects, one small model, one wording of the prompts, a temperature that
#   the intervals treat as fixed, or a threshold that misses its target in most of the divisions.
# - Take 1 point off, but not below 0 in all, for a false claim, such as "temperature scaling makes
#   the model more accurate", "a low ECE over all subjects holds for each of them" or "at most 10%
#   of the answers will be wrong".
# ### END SOLUTION
