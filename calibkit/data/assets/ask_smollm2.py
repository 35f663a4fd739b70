"""Ask SmolLM2-135M-Instruct 2400 questions, and let it read two texts.

``python calibkit/data/assets/ask_smollm2.py`` writes ``smollm2_answers.npz`` into its own folder,
which takes about half an hour on one quiet core. `smollm2` says what to install first. A run that
was interrupted continues with the parts that it did not complete.

In front of each question stand four examples of its subject, which are always the same. Each
question is put in three ways:

- *Letters.* The prompt lists four options and ends with "Answer:". The file keeps the
  log-probabilities of the four tokens " A" to " D". There is one prompt for each of the four cyclic
  shifts of the options, so that the right answer stands once at each letter.
- *Listed.* The prompts are the same, except that the examples are answered by a text. Each option
  is scored as the text that follows "Answer:". Only two subjects are asked in this way, because
  it takes the most time.
- *Texts.* The prompt lists no options, so that their order plays no role, and each option is scored
  as a text. Each option is also scored after the examples and "Answer:", without a question.

The model was trained for chats, but the prompts have no marks of a chat. In a trial without
examples, on ten questions of each of four subjects, it named the same letter in nearly all prompts,
with these marks and without them.

The model reads the queries 1 to 17 of Newton's Opticks, and prose of the lessons 10 and 20. The
queries come from the fourth edition (1730), which is in the public domain. Project Gutenberg typed
them, and the Debian package golang-1.19-src carries the book as test data. Line breaks, footnote
marks and the marks of italics were left out.
"""

import shutil
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F  # noqa: N812
from torch.nn.utils.rnn import pad_sequence
from tqdm import tqdm

from calibkit.data.assets.smollm2 import (
    MODEL_SHA256,
    Cache,
    SmolLM2,
    following,
    load,
    model_file,
)
from calibkit.data.assets.smollm2_questions import LETTERS, Question, all_questions
from calibkit.data.language_model import ANSWERS_FILE, TEMPERATURES, TEXTS

WAYS = ("texts", "letters", "listed")
LISTED = ("capitals", "opposites")
N_PER_BATCH = 20
N_ORDERS = 4
N_PER_CHUNK = 200
N_TOP = 20
GAP = "\n\n"  # It begins a part, because its tokens depend on what follows.
N_SHOWN = 1000  # at so many positions of each text the most probable tokens are kept
ASSETS = Path(__file__).parent
DONE = ASSETS / "smollm2.checkpoint"
Arrays = dict[str, NDArray[Any]]
AsText = Callable[[Question], str]


class Node(NamedTuple):
    """Some tokens of a prompt. They follow those of another node, and see only its branch."""

    parent: int | None
    tokens: list[int]


class Batch(NamedTuple):
    """Questions of one subject that the model answers together."""

    name: str
    examples: list[Question]
    questions: list[Question]
    places: NDArray[np.int64]  # where they stand among all questions


class Asker:
    """The model with its tokenizer, and the cache of the examples that it read last."""

    def __init__(self) -> None:
        self.model, self.tokenizer = load(model_file())
        self.letters = [self.encode(f" {letter}")[0] for letter in LETTERS]
        self.start: tuple[str, Cache] = ("", [])

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text."""
        return list(self.tokenizer.encode(text).ids)

    def letters_part(self, examples: list[Question], questions: list[Question]) -> Arrays:
        """Return the log-probabilities of the letters, of shape (questions, orders, letters)."""
        trees = [self.listings(q) for q in questions]
        past = self.after(GAP.join(map(with_letter, examples)))
        last = [states[-1] for nodes in run(self.model, past, trees) for states in nodes[1:]]
        scores = self.model.logits(torch.stack(last)).log_softmax(1)[:, self.letters]
        return {"letters": scores.unflatten(0, (-1, N_ORDERS)).numpy()}

    def listed_part(self, examples: list[Question], questions: list[Question]) -> Arrays:
        """Return the log-probabilities of the options in the order in which a prompt lists them."""
        trees = [
            self.listings(q)
            + [
                Node(1 + k, self.encode(f" {text}"))
                for k in range(N_ORDERS)
                for text in in_order(q, k)
            ]
            for q in questions
        ]
        past = self.after(GAP.join(map(with_listed_text, examples)))
        sums = self.sums(past, trees, first=1 + N_ORDERS)
        return {"listed": sums.unflatten(1, (N_ORDERS, -1)).numpy()}

    def texts_part(self, examples: list[Question], questions: list[Question]) -> Arrays:
        """Return the log-probabilities and the lengths of the options, (questions, options)."""
        past = self.after(GAP.join(map(with_text, examples)))
        options = [[self.encode(f" {text}") for text in q.options] for q in questions]
        asked, unasked = (
            [
                [Node(None, self.encode(start)), *(Node(0, tokens) for tokens in four)]
                for start, four in zip(starts, options, strict=True)
            ]
            for starts in (
                [GAP + without_list(q) for q in questions],
                [f"{GAP}Answer:"] * len(questions),
            )
        )
        return {
            "texts": self.sums(past, asked, first=1).numpy(),
            "unasked": self.sums(past, unasked, first=1).numpy(),
            "n_tokens": np.array([[len(ids) for ids in four] for four in options], np.uint8),
        }

    def batches(self, subjects: dict[str, tuple[list[Question], list[Question]]]) -> list[Batch]:
        """Divide the questions of each subject into batches of similar length."""
        made: list[Batch] = []
        for subject, (examples, questions) in subjects.items():
            lengths = [len(self.encode(with_list(q))) for q in questions]
            begin = N_PER_BATCH * len(made)
            for places in np.argsort(lengths, stable=True).reshape(-1, N_PER_BATCH):
                batch = [questions[i] for i in places]
                made.append(Batch(f"{subject} {len(made):03d}", examples, batch, begin + places))
        return made

    def listings(self, question: Question) -> list[Node]:
        """Return a question, and its list of options in each order."""
        lists = [Node(0, self.encode(list_of(question, k))) for k in range(N_ORDERS)]
        return [Node(None, self.encode(GAP + line(question))), *lists]

    def sums(self, past: Cache, trees: list[list[Node]], first: int) -> Tensor:
        """Return the summed log-probability of the tokens of each node from the first on."""
        states = [found[:-1] for nodes in run(self.model, past, trees) for found in nodes[first:]]
        tokens = [node.tokens for nodes in trees for node in nodes[first:]]
        scores = self.model.logits(torch.cat(states)).log_softmax(1)
        scores = scores.gather(
            1, torch.tensor([token for ids in tokens for token in ids])[:, None]
        )[:, 0]
        summed = [part.sum() for part in scores.split([len(ids) for ids in tokens])]
        return torch.stack(summed).reshape(len(trees), -1)

    def after(self, text: str) -> Cache:
        """Return the cache after a text."""
        if text != self.start[0]:
            ids = torch.tensor([self.encode(text)])
            self.start = text, self.model.hidden(ids, *following(0, ids.shape[1]))[1]
        return self.start[1]

    def reading(self, text: str) -> Arrays:
        """Return what the file keeps of every token that follows another in a text."""
        ids = torch.tensor(self.encode(text))
        past: Cache | None = None
        parts = []
        chunks = zip(ids[:-1].split(N_PER_CHUNK), ids[1:].split(N_PER_CHUNK), strict=True)
        for i, (read, expected) in enumerate(chunks):
            places = following(i * N_PER_CHUNK, len(read))
            hidden, past = self.model.hidden(read[None], *places, past)
            parts.append(reading_columns(self.model.logits(hidden[0]), expected))
        columns = {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}
        columns["tokens"] = self.strings(ids[1:].numpy())
        columns["top"] = columns["top"][:N_SHOWN].astype(np.float16)
        columns["top_tokens"] = self.strings(columns["top_tokens"][:N_SHOWN])
        return columns

    def strings(self, ids: NDArray[np.int64]) -> NDArray[np.str_]:
        """Return each token as a string."""
        distinct, place = np.unique(ids, return_inverse=True)
        return np.array([self.tokenizer.decode([token]) for token in distinct])[place]


def reading_columns(logits: Tensor, expected: Tensor) -> dict[str, Tensor]:
    """Return what the file keeps of the logits at some places, in the order of the places."""
    of_expected = logits.gather(1, expected[:, None])
    best = logits.amax(1, keepdim=True)
    log_probabilities = logits.log_softmax(1)
    top = log_probabilities.topk(N_TOP, 1)
    sums = [((logits - best) / t).logsumexp(1) for t in TEMPERATURES.tolist()]
    return {
        "log_sums": torch.stack(sums, 1),
        "below_top": (best - of_expected)[:, 0],
        "rank": (logits > of_expected).sum(1).to(torch.uint16),
        "entropy": -(log_probabilities.exp() * log_probabilities).sum(1),
        "top": top.values,
        "top_tokens": top.indices,
    }


def run(model: SmolLM2, past: Cache, trees: list[list[Node]]) -> Iterator[list[Tensor]]:
    """Return the hidden states of each node, after the last one of its parent.

    The first node of each tree continues `past`, which has one sequence.
    """
    n_past = past[0][0].shape[2]
    ids, places, masks = [], [], []
    for nodes in trees:
        lengths = [len(node.tokens) for node in nodes]
        ends: list[int] = []
        sees = torch.eye(len(nodes), dtype=torch.bool)
        for i, node in enumerate(nodes):
            begin = n_past
            if node.parent is not None:
                begin = ends[node.parent]
                sees[i] |= sees[node.parent]
            ends.append(begin + lengths[i])
        node_of = torch.repeat_interleave(torch.tensor(lengths))
        ids.append(torch.tensor([token for node in nodes for token in node.tokens]))
        places.append(
            torch.cat([torch.arange(e - n, e) for e, n in zip(ends, lengths, strict=True)])
        )
        masks.append(sees[node_of][:, node_of].tril())
    tokens, positions = (pad_sequence(column, batch_first=True) for column in (ids, places))
    longest = tokens.shape[1]
    mask = torch.eye(longest, dtype=torch.bool).repeat(len(trees), 1, 1)
    for own, of_tree in zip(mask, masks, strict=True):
        own[: len(of_tree), : len(of_tree)] = of_tree
    hidden, _ = model.hidden(tokens, positions, F.pad(mask, (n_past, 0), value=True), past)
    for nodes, states in zip(trees, hidden, strict=True):
        lengths = [len(node.tokens) for node in nodes]
        pieces = states[: sum(lengths)].split(lengths)
        yield [
            piece if node.parent is None else torch.cat([pieces[node.parent][-1:], piece])
            for node, piece in zip(nodes, pieces, strict=True)
        ]


def line(question: Question) -> str:
    """Return the first line of a prompt."""
    return f"Question: {question.text}\n"


def in_order(question: Question, shift: int) -> tuple[str, ...]:
    """Return the options in one of the orders."""
    return question.options[shift:] + question.options[:shift]


def list_of(question: Question, shift: int) -> str:
    """Return the options in one of the orders, and the line that the answer completes."""
    options = zip(LETTERS, in_order(question, shift), strict=True)
    return "".join(f"{letter}. {option}\n" for letter, option in options) + "Answer:"


def with_list(question: Question) -> str:
    """Return a question with the list of its options in their first order."""
    return line(question) + list_of(question, 0)


def without_list(question: Question) -> str:
    """Return a question that lists no options."""
    return f"{line(question)}Answer:"


def with_letter(example: Question) -> str:
    """Return an example that the letter of its right option answers."""
    return f"{with_list(example)} {LETTERS[example.answer]}"


def with_listed_text(example: Question) -> str:
    """Return an example that lists its options and is answered by the text of the right one."""
    return f"{with_list(example)} {example.options[example.answer]}"


def with_text(example: Question) -> str:
    """Return an example that lists no options and is answered by the text of the right one."""
    return f"{without_list(example)} {example.options[example.answer]}"


def part(name: str, compute: Callable[[], Arrays]) -> Arrays:
    """Return the arrays of a part, which are computed unless an earlier run stored them."""
    path = DONE / f"{name}.npz"
    if not path.exists():
        incomplete = path.with_suffix(".incomplete.npz")
        np.savez(incomplete, **compute())  # type: ignore[arg-type]
        incomplete.replace(path)
    with np.load(path, allow_pickle=False) as stored:
        return dict(stored)


def answers(asker: Asker) -> Arrays:
    """Return the columns of all questions, with those of the model's answers."""
    subjects = all_questions()
    found: Arrays = {}
    of_all = asker.batches(subjects)
    of_listed = [batch for batch in of_all if batch.name.startswith(LISTED)]
    for way in WAYS:
        batches = of_listed if way == "listed" else of_all
        order = np.argsort(np.concatenate([batch.places for batch in batches]))
        compute = getattr(asker, f"{way}_part")
        parts = [
            part(f"{way} {batch.name}", partial(compute, batch.examples, batch.questions))
            for batch in tqdm(batches, desc=way, unit="batch")
        ]
        found |= {name: np.concatenate([p[name] for p in parts])[order] for name in parts[0]}
    lengths = [len(questions) for _, questions in subjects.values()]
    asked = [question for _, questions in subjects.values() for question in questions]

    def prompts(names: Iterable[str], example: AsText, question: AsText) -> NDArray[np.str_]:
        firsts = [
            (examples, questions[0]) for examples, questions in map(subjects.__getitem__, names)
        ]
        return np.array([GAP.join([*map(example, few), question(q)]) for few, q in firsts])

    return {
        "subjects": np.array(list(subjects)),
        "subject": np.repeat(np.arange(len(subjects), dtype=np.uint8), lengths),
        "question": np.array([question.text for question in asked]),
        "options": np.array([question.options for question in asked]),
        "labels": np.array([question.answer for question in asked], np.uint8),
        **found,
        "letters": found["letters"].astype(np.float16),
        "is_listed": np.repeat([name in LISTED for name in subjects], lengths),
        "letter_prompts": prompts(subjects, with_letter, with_list),
        "listed_prompts": prompts(LISTED, with_listed_text, with_list),
        "text_prompts": prompts(subjects, with_text, without_list),
    }


def main() -> None:
    """Compute all parts and write the file."""
    DONE.mkdir(exist_ok=True)
    asker = Asker()
    print(f"The file of the model has the SHA-256 {MODEL_SHA256}.")
    arrays = {"temperatures": TEMPERATURES} | answers(asker)
    for name in tqdm(TEXTS, unit="text"):
        text = (ASSETS / f"smollm2_{name}.txt").read_text(encoding="utf-8")
        columns = part(name, partial(asker.reading, text))
        arrays |= {f"{name}_{column}": values for column, values in columns.items()}
    np.savez_compressed(ANSWERS_FILE, **arrays)  # type: ignore[arg-type]
    shutil.rmtree(DONE)
    print(f"wrote {ANSWERS_FILE.name}, {ANSWERS_FILE.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
