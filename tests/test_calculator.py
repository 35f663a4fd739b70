"""The calculator of the site computes what calibkit computes, refuses what it refuses, in a tab."""

import base64
import html
import importlib.util
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator
from itertools import count
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch

from calibkit import (
    Interval,
    NoOptimumError,
    Report,
    TemperatureScaler,
    _result_sentences,
    _sentences,
    calibration_error,
    classwise_calibration_error,
    evaluate,
    glyphs100_logits,
    negative_log_likelihood,
)
from calibkit.__main__ import main as command_line
from calibkit._command_line.card import (
    LIMITS,
    MEANINGS,
    MEANINGS_OF_TWO_CLASSES,
    OF_ANOTHER_MODEL,
    Card,
)
from calibkit._command_line.samples import Choice, read_samples
from calibkit._command_line.verdicts import direction_of_event, verdicts
from calibkit._command_line.verdicts import warnings as warnings_of
from calibkit.reports.values import _change_text
from tests.browser import pages_alone
from tests.command_line import tables_of_users
from tests.command_line.conftest import CommandLine
from tests.command_line.test_card import rare_event, shifted
from tests.helpers import calibrated_problem
from tests.reports.test_confident_errors import two_kinds
from tests.reports.test_copies import drawn_again
from tests.reports.test_doubts import few_samples, good_model
from tests.reports.test_exchanged_classes import unable
from tests.uncertainty.test_lucky_labels import luckiest

pytest_plugins = ("tests.browser",)
DOCS = Path(__file__).resolve().parents[1] / "docs"
SCRIPTS = DOCS / "_static" / "calculator"
# What needs no page of its own, in the order in which one script needs the other.
PARTS = [
    "words", "statistics", "temperature", "intervals", "exchanged", "confident", "groups",
    "measure",
]  # fmt: skip
READING = [
    "refusals", "numpyFiles", "files", "disguises", "strays", "names", "checking", "labels",
    "pythonCode", "tables", "arrays", "samples",
]  # fmt: skip
FIELDS = {
    "accuracy": "accuracy",
    "nll": "nll",
    "brier": "brier",
    "ece": "ece",
    "top_label_ece": "topLabelEce",
    "classwise_ece": "classwiseEce",
}
# The library reads pixels of images, and tables in parquet files.
ON_PURPOSE = {"deep.npz", "a_picture.png", "a_table.parquet"}
RUN = """
const numbers = (text, Type) =>
  new Type(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer);
const [fit, test] = arguments.map(([logits, labels, n, C]) =>
  ({ logits: numbers(logits, Float64Array), labels: numbers(labels, Int32Array), n, C }));
const found = temperature.fit(fit);
return { found, report: test && measure.evaluate(test, found.temperature) };
"""
READ_AND_FIT = """
const { files } = document.getElementById("cc-fit-files");
return samples.read([...files]).then((rows) => temperature.fit(rows));
"""
DROP = """
const [name, text] = arguments;
const dataTransfer = new DataTransfer();
const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
dataTransfer.items.add(new File([bytes], name));
const dropped = new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true });
document.getElementById("cc-fit-zone").dispatchEvent(dropped);
"""
CUT = """
return [...document.querySelectorAll("#cc-results pre, #cc-table")]
  .filter((place) => place.scrollWidth > place.clientWidth + 1).map(({ id }) => id);
"""
LINES_OF_RANGES = """
const ranges = [...document.querySelectorAll("#cc-table .cc-range:not(:empty)")];
const lines = ranges.map((range) => {
  const text = document.createRange();
  text.selectNodeContents(range);
  return new Set([...text.getClientRects()].map(({ top }) => Math.round(top))).size;
});
return [...new Set(lines)];
"""
PRESS_UNLESS_AT_FAULT = """
const fault = ["fit", "test"].map((zone) => document.getElementById(`cc-${zone}-fault`).innerText);
if (fault.join("") === "") document.getElementById("cc-start").click();
return fault.join("");
"""
SAID = """
const refusal = document.getElementById("cc-refusal");
return (refusal.hidden ? document.getElementById("cc-temperature") : refusal).innerText;
"""
LINES_OF_FORMULAS = """
const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
const found = {};
while (texts.nextNode()) {
  const { data, parentElement } = texts.currentNode;
  const others = "pre, code, svg, script, style, [hidden], select";
  if (parentElement.closest(others) || !parentElement.checkVisibility()) continue;
  for (const match of data.matchAll(/\\w\\(?\\w? [=≤] \\d/g)) {
    const formula = document.createRange();
    formula.setStart(texts.currentNode, match.index);
    formula.setEnd(texts.currentNode, match.index + match[0].length);
    const tops = [...formula.getClientRects()].map(({ top }) => Math.round(top));
    found[Object.keys(found).length + match.input.slice(0, 30)] = new Set(tops).size;
  }
}
return found;
"""
# It ends when so many pictures have been shown, and tells whether the worker still computed.
FRAMES = """
return new Promise((resolve) => {
  const count = (left) =>
    left ? requestAnimationFrame(() => count(left - 1))
      : resolve(!document.getElementById("cc-progress-row").hidden);
  count(arguments[0]);
});
"""


def test_the_words_are_those_of_the_library():
    spec = importlib.util.spec_from_file_location("script", DOCS / "make_calculator_words.py")
    script = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(script)
    written = (SCRIPTS / "words.js").read_text(encoding="utf-8")
    assert written == script.make_script(), "run python docs/make_calculator_words.py"


def test_the_page_loads_every_script_and_uses_every_part():
    """So a page that was saved has all of them, and a worker is made from what the page has."""
    loaded = re.findall(r"_static/calculator/(\w+\.js)", (DOCS / "calculator.rst").read_text())
    assert sorted(loaded) == sorted(path.name for path in SCRIPTS.glob("*.js"))
    texts = {path.stem: path.read_text(encoding="utf-8") for path in SCRIPTS.glob("*.js")}
    parts = {part for text in texts.values() for part in re.findall(r"arts[^.\n]*\.(\w+) = ", text)}
    assert len(parts) == len(texts) - 1  # calculator.js starts them.
    used = set(re.findall(r'"(\w+)"', texts["calculator"].partition("parts[name]()")[0]))
    assert parts - used == {"columns"}
    assert "parts.columns(" in texts["calculator"]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The page alone, in the theme of the site."""
    linked = "command_line", "glossary", "auto_lessons/20_reading_reliability_diagrams"
    return pages_alone(["calculator"], linked, tmp_path_factory.mktemp("calculator"))


@pytest.fixture
def fresh_page(browser, serve, site):
    browser.open(f"{serve(site)}/calculator.html")
    return browser


@pytest.fixture(scope="module")
def open_page(browser_for_module, serve_for_module, site):
    browser_for_module.open(f"{serve_for_module(site)}/calculator.html")
    return browser_for_module


@pytest.fixture
def page(open_page):
    """A page where other files were tried before, as those of users often are."""
    yield open_page
    if open_page.page.is_visible("#cc-remove"):
        open_page.page.click("#cc-remove")
    faults, open_page.faults = open_page.faults, []
    assert not faults, faults


Samples = tuple[torch.Tensor, torch.Tensor]


def sent(logits: torch.Tensor, labels: torch.Tensor) -> list[object]:
    scores = logits.double().numpy()
    if scores.ndim == 1:
        scores = np.stack([0 * scores, scores], 1)
    arrays = np.ascontiguousarray(scores), labels.numpy().astype(np.int32)
    return [*(base64.b64encode(array.tobytes()).decode() for array in arrays), *scores.shape]


@pytest.fixture
def compute(fresh_page) -> Callable[..., dict]:
    """Fit on some samples and measure others, in the page itself."""
    fresh_page.run(f"for (const part of {json.dumps(PARTS)}) calculatorParts[part]();")
    return lambda *sets: fresh_page.run(RUN, *(sent(*one) for one in sets))


def problem(n: int, n_classes: int, temperature: float, seed: int) -> Samples:
    generator = torch.Generator().manual_seed(seed)
    logits = 2 * torch.randn(n, n_classes, generator=generator, dtype=torch.float64)
    labels = torch.multinomial(logits.softmax(1), 1, generator=generator)[:, 0]
    return temperature * logits, labels


@pytest.fixture
def benchmark(monkeypatch) -> ModuleType:
    """The script that defines the problems, whose imports change the number of threads."""
    monkeypatch.syspath_prepend(Path(__file__).parent / "benchmarks")
    monkeypatch.setenv("OMP_NUM_THREADS", os.environ.get("OMP_NUM_THREADS", ""))
    threads = torch.get_num_threads()
    module = importlib.import_module("temperature")
    torch.set_num_threads(threads)
    return module


def problems_with_an_optimum(benchmark) -> Iterator[tuple[str, Samples, TemperatureScaler]]:
    """Yield the 96 problems, each of the first seed that has a best temperature, with its fit."""
    for cell in benchmark.GRID:
        for seed in count():
            size = cell.n, cell.n_classes, cell.temperature
            samples = benchmark.calibrated_problem(*size, seed)
            try:
                yield str(cell), samples, TemperatureScaler().fit_logits(*samples)
                break
            except NoOptimumError:
                continue


@pytest.mark.slow
def test_the_temperature_is_that_of_the_library(compute, fresh_page, benchmark, tmp_path):
    """On all problems of the benchmark, which the page reads from files, and on the model's own."""
    fresh_page.run(f"for (const part of {json.dumps(READING)}) calculatorParts[part]();")
    path = tmp_path / "problem.npz"
    n_fits = 0
    for name, (logits, labels), expected in problems_with_an_optimum(benchmark):
        np.savez(path, logits=logits.numpy(), labels=labels.numpy())
        drop(fresh_page, "fit", path)
        found = fresh_page.run(READ_AND_FIT)
        assert found["temperature"] == pytest.approx(expected.temperature, rel=1e-6), name
        interval = expected.summary.temperature_interval
        assert found["interval"] == pytest.approx(list(interval), rel=1e-4), name
        n_fits += 1
    assert n_fits == 96
    logits, labels = glyphs100_logits(5000, progress=False)
    expected = TemperatureScaler().fit_logits(logits, labels).temperature
    found = compute((logits, labels))["found"]["temperature"]
    assert found == pytest.approx(expected, rel=1e-6)


def assert_same(found: dict, expected: Report) -> None:
    for when in ("before", "after", "change"):
        values = expected.to_dict()[when]
        for name, value in values.items():
            if name in FIELDS:
                mine = found[when][FIELDS[name]]
                assert mine["value"] == pytest.approx(value["value"], abs=1e-9)
                # Both draw 1000 resamples, so their ends differ by chance.
                tolerance = 0.15 * (value["high"] - value["low"]) + 2e-3
                assert mine["low"] == pytest.approx(value["low"], abs=tolerance)
                assert mine["high"] == pytest.approx(value["high"], abs=tolerance)
        if when == "change":
            continue
        tests = [("noise_floor", "noiseFloor", "p_value", "pValue")]
        if "classwise_noise_floor" in values:
            kinds = ("noise_floor", "NoiseFloor", "p_value", "PValue")
            tests.append(tuple(f"classwise{'_' * ('_' in k)}{k}" for k in kinds))
        for floor, my_floor, p_value, my_p_value in tests:
            mine, theirs = found[when][my_floor], values[floor]
            assert mine["value"] == pytest.approx(theirs["mean"], rel=0.06)
            assert mine["low"] == pytest.approx(theirs["low"], rel=0.15, abs=2e-3)
            assert mine["high"] == pytest.approx(theirs["high"], rel=0.15, abs=2e-3)
            p, my_p = values[p_value], found[when][my_p_value]
            # Four standard errors of the difference of two simulated shares.
            chance = 4 * np.sqrt(2 * max(p * (1 - p), 1e-3) / 1000)
            assert my_p == pytest.approx(p, abs=chance)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "n_classes", "temperature"), [(400, 2, 2.0), (2000, 2, 1.0), (1500, 5, 0.6), (800, 30, 3)]
)
def test_the_report_is_that_of_the_library(compute, n, n_classes, temperature):
    logits, labels = problem(2 * n, n_classes, temperature, seed=7)
    fit, test = (logits[:n], labels[:n]), (logits[n:], labels[n:])
    scaler = TemperatureScaler().fit_logits(*fit)
    expected = evaluate(*test, scaler=scaler, progress=False)
    assert_same(compute(fit, test)["report"], expected)


@pytest.mark.slow
def test_probabilities_on_the_edges_of_bins_have_the_ece_that_the_library_gives_them(compute):
    """The page computes with their logarithms, and the library with the probabilities as well."""
    rng = np.random.default_rng(5)
    edge, is_on_it = rng.choice([0.4, 0.6, 0.8], 1500), rng.random(1500) < 0.5
    top = np.where(is_on_it, edge, edge - 0.01)
    others = rng.multinomial((1000 * (1 - top)).round().astype(int) - 9, np.full(9, 1 / 9)) + 1
    p = torch.from_numpy(np.column_stack([top, others / 1000]))
    accuracy = np.where(is_on_it, edge - 0.1, edge + 0.1)  # Else both bins have a gap of one sign.
    labels = torch.from_numpy((rng.random(1500) > accuracy).astype(int))
    test = p[500:].log(), labels[500:]
    found = compute((p[:500].log(), labels[:500]), test)["report"]["before"]["ece"]["value"]
    assert found == pytest.approx(calibration_error(p[500:], labels[500:]), abs=1e-9)
    assert found == pytest.approx(evaluate(*test, progress=False).before.ece.value, abs=1e-9)


@pytest.mark.slow
def test_the_report_of_lucky_labels_is_that_of_the_library(compute):
    """The error before scaling is lower than chance allows."""
    test = luckiest(classwise_calibration_error, 300, 100)
    fit = luckiest(negative_log_likelihood, 300, 100, seed=1)
    scaler = TemperatureScaler().fit_logits(*fit)
    expected = evaluate(*test, scaler=scaler, progress=False)
    assert expected.to_dict()["before"]["classwise_p_value"] > 0.99
    assert_same(compute(fit, test)["report"], expected)


@pytest.mark.slow
def test_a_single_column_of_logits_is_a_binary_model(compute):
    logits, labels = problem(1000, 2, 2.0, seed=3)
    z = logits[:, 1] - logits[:, 0]
    fit, test = (z[:500], labels[:500]), (z[500:], labels[500:])
    expected = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit), progress=False)
    assert_same(compute(fit, test)["report"], expected)


def drop(page, zone: str, *files: Path) -> None:
    page.page.set_input_files(f"#cc-{zone}-files", [str(file) for file in files])


def drop_sets(page, folder: Path, **sets: Samples) -> None:
    """Write the samples of each zone into a file of their own, and drop it there."""
    for zone, (logits, labels) in sets.items():
        np.savez(folder / f"{zone}.npz", logits=logits, labels=labels)
        drop(page, zone, folder / f"{zone}.npz")


def calibrate(page) -> str:
    """Press the button, and return what the page says: the temperature or a refusal.

    A file that is refused at once cannot be calibrated. A press by script takes a tenth of the time
    that the mouse takes, which other tests use.
    """
    page.page.wait_for_selector("#cc-start:enabled, .cc-fault:not(:empty)")
    if fault := page.run(PRESS_UNLESS_AT_FAULT):
        assert page.page.is_disabled("#cc-start")
        return fault
    page.page.wait_for_selector(
        "#cc-results:not([hidden]), #cc-refusal:not([hidden])", timeout=90_000
    )
    return page.run(SAID)


def temperature_of(*samples: Samples) -> str:
    """The temperature as the page shows it, of every second sample."""
    (logits, labels) = samples[0]
    return f"{TemperatureScaler().fit_logits(logits[::2], labels[::2]).temperature:.5g}"


def pairs_alike() -> tuple[np.ndarray, np.ndarray]:
    """Ten classes, of which a model cannot tell any from the next one."""
    logits, labels = unable(2000, 10, torch.Generator().manual_seed(0))
    return logits.numpy(), labels.numpy()


@pytest.fixture(scope="module")
def saved(tmp_path_factory) -> tuple[Path, Samples]:
    """The same samples in every kind of file."""
    folder = tmp_path_factory.mktemp("files")
    logits, labels = problem(600, 4, 2.0, seed=1)
    z, y = logits.numpy(), labels.numpy()
    np.savez(folder / "plain.npz", logits=z, labels=y)
    np.savez_compressed(folder / "small.npz", logits=z, labels=y.astype(np.uint8), extra=y)
    np.savez(folder / "swapped.npz", logits=z.astype(">f8"), labels=y.astype(">i4"))
    np.save(folder / "scores.npy", np.asfortranarray(z))
    np.save(folder / "truth.npy", y)
    log_p = logits.log_softmax(1).numpy()
    np.savez(folder / "log_probabilities.npz", logits=log_p, labels=y)
    names = ["cat", "dog", "fox", "owl"]
    rows = [[*row, names[label]] for row, label in zip(z, y, strict=True)]
    head = ",".join([f"logit_{name}" for name in names] + ["label"])
    lines = [head, *(",".join(map(str, row)) for row in rows)]
    (folder / "names.csv").write_text("\n".join(lines) + "\n")
    lines = [
        ";".join(map(str, [i, *row, label]))
        for i, (row, label) in enumerate(zip(z, y, strict=True))
    ]
    text = "\ufeff;a;b;c;d;label\r\n" + "\r\n".join(lines)
    (folder / "excel.csv").write_text(text, encoding="utf-8", newline="")
    lines = [",".join(map(str, [*row, label])) for row, label in zip(z, y, strict=True)]
    (folder / "no_head.csv").write_text("\n".join(lines))
    (folder / "blanks.tsv").write_text(
        "logit 0\t logit 1\tlogit 2 \tlogit 3\ty \n" + "\n".join(lines).replace(",", "\t")
    )
    wide = [[*row, *row[:2] - 9, label] for row, label in zip(z, y, strict=True)]
    head = ",".join([*(f"logit_{k}" for k in range(6)), "label"])
    (folder / "wide.csv").write_text("\n".join([head, *(",".join(map(str, row)) for row in wide)]))
    probabilities = logits.softmax(1).numpy()
    np.savez(folder / "probabilities.npz", probabilities=probabilities, labels=y)
    return folder, (logits, labels)


@pytest.mark.slow
def test_every_kind_of_file_gives_the_same_temperature(page, saved):
    folder, samples = saved
    expected = temperature_of(samples)
    names = ["plain.npz", "small.npz", "swapped.npz", "log_probabilities.npz", "names.csv"]
    for name in [*names, "excel.csv", "probabilities.npz"]:
        drop(page, "fit", folder / name)
        assert calibrate(page).startswith(f"T = {expected} "), name
    for pair in (("scores.npy", "truth.npy"), ("truth.npy", "scores.npy")):
        drop(page, "fit", *(folder / name for name in pair))
        assert calibrate(page).startswith(f"T = {expected} "), pair


@pytest.mark.slow
@pytest.mark.parametrize(
    "names",
    [
        ("plain.npz",),
        ("probabilities.npz",),
        ("scores.npy", "truth.npy"),
        ("names.csv",),
        ("excel.csv",),
        ("no_head.csv",),
        ("blanks.tsv",),
        ("wide.csv",),
    ],
)
def test_the_python_that_it_shows_does_the_same(page, saved, names, monkeypatch):
    folder, _ = saved
    drop(page, "fit", *(folder / name for name in names))
    shown = calibrate(page)
    space = run_python(page, folder, monkeypatch)
    assert shown.startswith(f"T = {space['scaler'].temperature:.5g} ")
    assert space["report"].n_samples == 300
    with_pandas = "pandas " if names[0].endswith("sv") else ""
    install = page.page.inner_text("#cc-install")
    assert install.startswith(f'python -m pip install {with_pandas}"calibkit @ git+')


def run_python(page, folder: Path, monkeypatch) -> dict[str, object]:
    """Run the lines that the page shows, and return their variables."""
    code = page.page.inner_text("#cc-python")
    assert "iloc" not in code
    if "import pandas" in code:
        pytest.importorskip("pandas", reason="pandas is not installed")
    monkeypatch.chdir(folder)
    space: dict[str, object] = {}
    exec(code.replace("print(", "report = ("), space)
    return space


@pytest.mark.slow
def test_the_python_of_two_tables_keeps_both(page, tmp_path, monkeypatch):
    logits, labels = problem(400, 3, 2.0, seed=8)
    halves = {"fit": slice(0, 300), "test": slice(300, 400)}
    for zone, rows in halves.items():
        p = logits[rows].softmax(1)
        columns = {f"p_{name}": p[:, c].tolist() for c, name in enumerate(ANIMALS)}
        table = columns | {"label": ANIMALS[labels[rows]].tolist()}
        drop(page, zone, write_table(tmp_path / f"{zone}.csv", table))
    assert calibrate(page).startswith("T = ")
    space = run_python(page, tmp_path, monkeypatch)
    assert [len(space[name]) for name in ("table", "test_table")] == [300, 100]
    assert space["classes"] == space["test_classes"] == list(ANIMALS)
    assert space["report"].n_samples == 100


# Names of two and of three classes that pandas changes if nobody tells it not to, or with blanks.
CHANGED_BY_PANDAS = [
    "NA EU AS", "True False None", "01 02 10", " bird ant cow", "None Cancer", " dog cat", "null x",
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "is_single"),
    [(names, False) for names in CHANGED_BY_PANDAS]
    + [(names, True) for names in CHANGED_BY_PANDAS if len(names.split()) == 2],
)
def test_the_python_reads_every_name_of_a_class(page, tmp_path, names, is_single, monkeypatch):
    bare = names.split()
    logits, labels = problem(400, len(bare), 2.0, seed=8)
    # Only some of the labels begin with a blank, as they do after typing.
    written = [f"{' ' * (names[0] == ' ' and i % 7 == 0)}{bare[y]}" for i, y in enumerate(labels)]
    columns = {f"logit_{name}": z.tolist() for name, z in zip(bare, logits.T, strict=True)}
    if is_single:
        columns = {f"logit_{bare[1]}": (logits[:, 1] - logits[:, 0]).tolist()}
    drop(page, "fit", write_table(tmp_path / "x.csv", columns | {"label": written}))
    assert calibrate(page).startswith(f"T = {temperature_of((logits, labels))} ")
    scaler = run_python(page, tmp_path, monkeypatch)["scaler"]
    assert f"{scaler.temperature:.5g}" == temperature_of((logits, labels))
    assert scaler.summary.n_samples == 200


@pytest.mark.slow
def test_the_python_reads_digits_as_words_in_an_array(page, tmp_path, monkeypatch):
    logits, labels = problem(400, 3, 2.0, seed=8)
    for kind in (str, lambda number: f"{number}.0"):
        words = np.array([kind(int(label)) for label in labels])
        np.savez(tmp_path / "x.npz", logits=logits.numpy(), labels=words)
        drop(page, "fit", tmp_path / "x.npz")
        assert calibrate(page).startswith(f"T = {temperature_of((logits, labels))} ")
        scaler = run_python(page, tmp_path, monkeypatch)["scaler"]
        assert f"{scaler.temperature:.5g}" == temperature_of((logits, labels))


@pytest.mark.slow
def test_halves_are_rounded_as_in_python(page):
    numbers = [0.125, 0.375, 2.5, -0.125, 72.25, 1.15, 0.285, 1e-9, 0.0, 73.35, 0.5]
    given = page.run(
        "const parts = calculatorParts; parts.words(); parts.measures();"
        "return arguments.map((x) => self.measures.format(x, 'plain', 2))", *numbers
    )  # fmt: skip
    assert given == [f"{number:.2f}" for number in numbers]
    given = page.run("return arguments.map((x) => self.measures.percent(x))", *numbers)
    assert given == [f"{number:.1%}" for number in numbers]


@pytest.mark.slow
def test_several_columns_of_labels_or_of_one_class_are_refused(page, tmp_path):
    logits, labels = problem(400, 3, 2.0, seed=8)
    scores = {f"logit_{name}": z.tolist() for name, z in zip(ANIMALS, logits.T, strict=True)}
    single = {name: (labels == k).int().tolist() for k, name in enumerate(ANIMALS)}
    several = {name: (z > 0).int().tolist() for name, z in zip(ANIMALS, logits.T, strict=True)}
    for outcomes, said in (
        (single, "holds the labels one-hot: in each row, one of the columns cat, dog, car is 1"),
        (several, "the labels called dog are 1 for the class dog and 0 for the 2 others; if every"),
    ):
        drop(page, "fit", write_table(tmp_path / "x.csv", scores | outcomes))
        calibrate(page)
        column(page, "labels").select_option("dog")
        assert said in calibrate(page)
    probabilities = {f"prob_{c}": z.tolist() for c, z in zip(ANIMALS, logits.T, strict=True)}
    both = scores | probabilities | {"label": ANIMALS[labels].tolist()}
    drop(page, "fit", write_table(tmp_path / "x.csv", both))
    tick(page, "prob_cat").check()
    assert calibrate(page) == (
        "In x.csv, the columns logit_cat and prob_cat name the same class, cat; choose one column "
        "for each class."
    )
    tick(page, "prob_cat").uncheck()
    assert calibrate(page).startswith(f"T = {temperature_of((logits, labels))} ")


@pytest.mark.slow
def test_what_is_wrong_is_said_of_the_right_rows_and_of_the_right_file(page, tmp_path):
    logits, labels = problem(40, 10, 2.0, seed=8)
    np.save(tmp_path / "z.npy", logits.numpy())
    np.save(tmp_path / "one.npy", labels.numpy() % 9 + 1)
    drop(page, "fit", tmp_path / "z.npy", tmp_path / "one.npy")
    np.save(tmp_path / "y.npy", labels.numpy()[:, None])
    drop(page, "fit", tmp_path / "z.npy", tmp_path / "y.npy")
    assert calibrate(page).startswith("In y.npy, labels must have shape (samples,), got (40, 1)")
    np.save(tmp_path / "y.npy", labels.numpy())
    drop(page, "fit", tmp_path / "z.npy", tmp_path / "y.npy")
    calibrate(page)
    assert "logits of 10 classes from its array, labels from y.npy" in (
        page.page.inner_text("#cc-from")
    )
    p = [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.95, 0.1, 0.55]
    table = {"p": p, "y": [1, 1, 1, 0, 0, 1, 0, 1, 0, 1]}
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    assert calibrate(page).startswith(
        "In every second row, which T is found on, no temperature is best: all 5 labels are the "
    )
    z = (logits[:, 1] - logits[:, 0]) / 4
    yes = (z > 0).int().tolist()
    table = {"logit_yes": z.tolist(), "logit_no": (-z).tolist(), "churn": yes}
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    calibrate(page)
    column(page, "labels").select_option("churn")
    assert calibrate(page).startswith(
        "The label 0 was read as logit_yes, and 1 as logit_no; if 1 means logit_yes, tick only "
        "logit_yes; otherwise no temperature is best, because"
    )


@pytest.mark.slow
def test_a_tick_shows_at_once_what_will_be_read(page, tmp_path):
    logits, labels = problem(400, 3, 2.0, seed=8)
    scores = {f"logit_{name}": z.tolist() for name, z in zip(ANIMALS, logits.T, strict=True)}
    p = logits.softmax(1).T
    scores |= {f"prob_{name}": row.tolist() for name, row in zip(ANIMALS, p, strict=True)}
    table = scores | {"label": ANIMALS[labels].tolist()}
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    page.page.wait_for_selector("#cc-start:enabled")
    assert ticked(page) == [f"logit_{name}" for name in ANIMALS]
    page.page.check("#cc-probabilities")
    page.page.wait_for_selector("#cc-start:enabled")
    assert ticked(page) == [f"prob_{name}" for name in ANIMALS]
    page.page.uncheck("#cc-probabilities")
    page.page.wait_for_selector("#cc-start:enabled")
    assert ticked(page) == [f"logit_{name}" for name in ANIMALS]


@pytest.mark.slow
def test_another_method_is_a_link_and_formulas_are_not_broken(fresh_page, tmp_path):
    few, many = problem(20, 2, 1.0, seed=3), problem(500, 2, 3.0, seed=1)
    drop_sets(fresh_page, tmp_path, fit=few, test=many)
    calibrate(fresh_page)
    links = fresh_page.page.locator("#cc-verdicts a")
    assert links.all_inner_texts() == ["Which method do I need?"]
    assert links.evaluate("(link) => link.href").endswith("/choose.html")
    text = save_results(fresh_page, tmp_path, ["html"])["html"]
    card = (tmp_path / "html").read_text(encoding="utf-8")
    for formula in ("T = 1 ", "P(y = 1)"):
        assert 0 < card.count(f'<span class="cc-whole">{formula.strip()}') <= text.count(formula)
    fresh_page.page.set_content(card)
    fresh_page.page.set_viewport_size({"width": 380, "height": 800})
    lines = fresh_page.run(LINES_OF_FORMULAS)
    assert len(lines) > 5
    assert set(lines.values()) == {1}


@pytest.fixture(scope="module")
def animals(tmp_path_factory) -> tuple[Path, Samples]:
    """Samples with two columns of labels, and two columns of numbers that are no scores."""
    logits, labels = problem(400, 3, 2.0, seed=8)
    names = ["cat", "dog", "fox"]
    rows = ["id,a,b,c,year,truth,first_guess"]
    for i, (row, label) in enumerate(zip(logits.tolist(), labels.tolist(), strict=True)):
        rows.append(",".join(map(str, [i, *row, 2000 + i % 7, label, names[label]])))
    path = tmp_path_factory.mktemp("animals") / "animals.csv"
    path.write_text("\n".join(rows))
    return path, (logits, labels)


def column(page, part: str):
    return page.page.locator(f"#cc-fit-columns [data-part={part}]")


def tick(page, name: str):
    """The box of a column of scores."""
    return column(page, "chosen").locator(f"input[name='{name}']")


def ticked(page) -> list[str]:
    boxes = column(page, "chosen").locator("input:checked")
    return boxes.evaluate_all("(boxes) => boxes.map(({ name }) => name)")


@pytest.mark.slow
def test_the_columns_can_be_chosen_by_keyboard(fresh_page, animals, monkeypatch):
    path, samples = animals
    drop(fresh_page, "fit", path)
    column(fresh_page, "labels").wait_for()
    assert column(fresh_page, "labels").input_value() == "truth"
    assert ticked(fresh_page) == ["a", "b", "c", "year"]
    tick(fresh_page, "id").focus()
    assert [tick(fresh_page, name).is_disabled() for name in ("truth", "first_guess")] == [
        True,
        True,
    ]
    fresh_page.press("Tab", "Tab", "Tab", "Tab", "Space")
    assert ticked(fresh_page) == ["a", "b", "c"]
    assert fresh_page.run("return document.getElementById('cc-refusal').hidden")
    expected = temperature_of(samples)
    assert calibrate(fresh_page).startswith(f"T = {expected} ")
    assert "columns a, b, c, labels from the column truth; not used: id, year, first_guess" in (
        fresh_page.page.inner_text("#cc-from")
    )
    assert ticked(fresh_page) == ["a", "b", "c"]
    assert column(fresh_page, "read").inner_text() == "Read as logits: a, b, c."
    scaler = run_python(fresh_page, path.parent, monkeypatch)["scaler"]
    assert f"{scaler.temperature:.5g}" == expected


@pytest.mark.slow
def test_all_columns_none_of_them_and_other_labels(page, animals):
    path, _ = animals
    drop(page, "fit", path)
    calibrate(page)
    column(page, "all").click()
    assert ticked(page) == ["id", "a", "b", "c", "year"]
    column(page, "none").click()
    said = calibrate(page)
    assert said.startswith("No column of animals.csv is ticked; tick one column of scores for each")
    assert page.run("return document.activeElement.name") == "id"
    for name in ("a", "b", "c"):
        tick(page, name).check()
    column(page, "labels").select_option("year")
    assert tick(page, "year").is_disabled()
    said = calibrate(page)
    place = "row 2 (as a spreadsheet counts)"
    assert f"labels must lie between 0 and 2 for 3 classes, got 2000 at {place}" in said
    assert page.run("return document.getElementById('cc-results').hidden")


@pytest.mark.slow
def test_labels_without_a_name_are_asked_for(page, tmp_path):
    logits, labels = problem(400, 3, 2.0, seed=8)
    rows = [[*row, label] for row, label in zip(logits.tolist(), labels.tolist(), strict=True)]
    text = "\n".join(["u,v,w,kind", *(",".join(map(str, row)) for row in rows)])
    (tmp_path / "unnamed.csv").write_text(text)
    drop(page, "fit", tmp_path / "unnamed.csv")
    assert "choose which of them holds the true labels" in calibrate(page)
    assert page.run("return document.activeElement.dataset.part") == "labels"
    column(page, "labels").select_option("kind")
    assert calibrate(page).startswith(f"T = {temperature_of((logits, labels))} ")


@pytest.mark.slow
def test_an_array_can_be_chosen_where_there_is_a_choice(page, saved, tmp_path):
    folder, (logits, labels) = saved
    drop(page, "fit", folder / "plain.npz")
    calibrate(page)
    assert page.page.is_hidden("#cc-fit-columns")
    arrays = {"logits": logits.numpy(), "logits_of_teacher": 3 * logits.numpy()}
    np.savez(tmp_path / "two.npz", **arrays, labels=labels, y=labels)
    drop(page, "fit", tmp_path / "two.npz")
    assert "More than one name" in calibrate(page)
    assert page.run("return document.activeElement.dataset.part") == "labels"
    column(page, "labels").select_option("y")
    column(page, "scores").select_option("logits_of_teacher")
    assert calibrate(page).startswith(f"T = {temperature_of((3 * logits, labels))} ")
    assert "not used: logits, labels" in page.page.inner_text("#cc-from")
    np.savez(tmp_path / "scores.npz", **arrays, labels=labels)
    drop(page, "fit", tmp_path / "scores.npz")
    column(page, "then").wait_for()
    assert column(page, "then").inner_text() == "Choose here, then press Calibrate."
    assert column(page, "read").inner_text() == "Nothing is read yet."
    assert column(page, "scores").input_value() == ""
    assert calibrate(page) == (
        "The file scores.npz has 2 arrays that may hold the scores (logits, logits_of_teacher); "
        "choose one of them above, then press Calibrate again."
    )
    assert page.run("return document.activeElement.dataset.part") == "scores"
    column(page, "scores").select_option("logits_of_teacher")
    assert calibrate(page).startswith(f"T = {temperature_of((3 * logits, labels))} ")
    np.savez(tmp_path / "whole.npz", logits=logits.numpy(), a=labels, b=labels)
    drop(page, "fit", tmp_path / "whole.npz")
    assert "More than one in whole.npz may hold them, and no name says it" in calibrate(page)
    for name in "cd":
        np.save(tmp_path / f"{name}.npy", logits.numpy())
    drop(page, "fit", tmp_path / "c.npy", tmp_path / "d.npy")
    assert calibrate(page).startswith("The files c.npy and d.npy hold no labels, which would be")


@pytest.mark.slow
@pytest.mark.parametrize(("positive", "names"), [("dog", "cat dog"), ("-1", "1 -1")])
def test_the_positive_class_is_asked_for(page, tmp_path, positive, names, monkeypatch):
    logits, labels = problem(400, 2, 2.0, seed=10)
    z = logits[:, 1] - logits[:, 0]
    rows = [f"{a},{names.split()[b]}" for a, b in zip(z.tolist(), labels.tolist(), strict=True)]
    (tmp_path / "two.csv").write_text("\n".join(["score,label", *rows]))
    drop(page, "fit", tmp_path / "two.csv")
    assert "names its two classes" in calibrate(page)
    assert page.run("return document.activeElement.dataset.part") == "positive"
    column(page, "positive").select_option(positive)
    assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")
    assert f"where {positive} is the positive class" in page.page.inner_text("#cc-from")
    scaler = run_python(page, tmp_path, monkeypatch)["scaler"]
    assert f"{scaler.temperature:.5g}" == temperature_of((z, labels))


def write_table(path: Path, columns: dict[str, Iterable[object]]) -> Path:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]))
    return path


ANIMALS = np.array(["cat", "dog", "car"])


def with_strays(kind: str) -> tuple[dict[str, Iterable[object]], Samples]:
    """A table with a column that is no class, and the samples that it holds beside this one."""
    logits, labels = problem(400, 3, 2.0, seed=8)
    a, b, c = logits.T.tolist()
    stray = [40 + 0.5 * (i % 37) for i in range(400)]
    words, numbers = ANIMALS[labels.numpy()].tolist(), labels.tolist()
    tables = {
        "numbered": {"age": stray, "class_0": a, "class_1": b, "class_2": c, "target": numbers},
        "unsorted": {"class_2": c, "class_0": a, "class_1": b, "target": numbers},
        "words": {"weight": stray, "cat": a, "dog": b, "car": c, "label": words},
        "text": {"cat": a, "dog": b, "car": c, "breed": ["x"] * 400, "label": words},
        "identifier": {"id": range(400), "u": a, "v": b, "w": c, "label": numbers},
    }
    return tables[kind], (logits, labels)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numbered", "unsorted", "words", "text", "identifier"])
def test_a_stray_column_is_left_out_as_in_the_library(page, tmp_path, kind, capsys, monkeypatch):
    table, samples = with_strays(kind)
    drop(page, "fit", write_table(tmp_path / "stray.csv", table))
    assert calibrate(page).startswith(f"T = {temperature_of(samples)} ")
    monkeypatch.chdir(tmp_path)
    assert command_line(["fit", "stray.csv", "--output", "scaler.pt"]) == 0
    said = capsys.readouterr().out.splitlines()[0]
    assert page.page.inner_text("#cc-from li:first-child") == f"Read {said}."
    scaler = run_python(page, tmp_path, monkeypatch)["scaler"]
    assert f"{scaler.temperature:.5g}" == temperature_of(samples)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["prefix", "suffix", "between"])
def test_a_column_that_may_be_no_class_is_asked_for(page, tmp_path, kind, capsys, monkeypatch):
    table, samples = with_strays("words")
    weight, a, b, c, words = table.values()
    numbers = samples[1].tolist()
    tables = {
        "prefix": {"weight": weight, "s_cat": a, "s_dog": b, "s_car": c, "label": numbers},
        "suffix": {"weight": weight, "cat_s": a, "dog_s": b, "car_s": c, "label": numbers},
        "between": {"cat": a, "weight": weight, "dog": b, "car": c, "label": words},
    }
    drop(page, "fit", write_table(tmp_path / "stray.csv", tables[kind]))
    said = calibrate(page)
    assert said.startswith(
        "In stray.csv, no label names the column weight, so it may be no class; choose"
    )
    monkeypatch.chdir(tmp_path)
    library = said_by_the_library(("stray.csv",), capsys)
    assert as_shown(library, "stray.csv") == said.partition(";")[0]
    assert page.run("return document.activeElement.type") == "checkbox"
    tick(page, "weight").uncheck()
    assert calibrate(page).startswith(f"T = {temperature_of(samples)} ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("names", "other"), [("a b c year", "year"), ("cat dog age", "age"), ("age score", "age")]
)
def test_columns_that_nothing_calls_scores_are_asked_about_once(
    page, tmp_path, names, other, capsys, monkeypatch
):
    """The library asks in the same words. Whoever presses again means all of them."""
    scores = [name for name in names.split() if name != other]
    logits, labels = problem(400, max(2, len(scores)), 2.0, seed=8)
    z = logits if len(scores) > 1 else (logits[:, 1] - logits[:, 0])[:, None]
    stray = torch.arange(400)[:, None] % 7 / 2
    both = torch.cat([z, stray] if names.endswith(other) else [stray, z], 1)
    table = dict(zip(names.split(), both.T.tolist(), strict=True))
    drop(page, "fit", write_table(tmp_path / "x.csv", {**table, "label": labels.tolist()}))
    column(page, "labels").wait_for()
    assert ticked(page) == names.split()
    said = calibrate(page)
    assert said.endswith("; untick those that hold none, then press Calibrate again.")
    monkeypatch.chdir(tmp_path)
    library = said_by_the_library(("x.csv",), capsys)
    assert as_shown(library, "x.csv") == said.partition(";")[0]
    assert page.run("return document.activeElement.type") == "checkbox"
    assert calibrate(page).startswith(f"T = {temperature_of((both, labels))} ")
    assert calibrate(page).startswith(f"T = {temperature_of((both, labels))} ")
    tick(page, other).uncheck()
    assert calibrate(page).startswith(f"T = {temperature_of((z.squeeze(1), labels))} ")


@pytest.mark.slow
def test_where_no_temperature_is_best_what_was_read_is_said(page, tmp_path):
    table, _ = with_strays("words")
    weight, a, b, c, _ = table.values()
    worst = np.argmin([weight, a, b, c], 0).tolist()
    table = {"weight": weight, "cat": a, "dog": b, "car": c, "label": worst}
    drop(page, "fit", write_table(tmp_path / "stray.csv", table))
    assert "has 4 columns that may hold scores" in calibrate(page)
    begin = "Read 4 columns (weight, cat, dog, car), but the labels name 3 classes. No temperature"
    assert calibrate(page).startswith(begin)


@pytest.mark.slow
def test_a_wrong_positive_class_is_suspected_and_a_named_one_is_taken(
    page, tmp_path, capsys, monkeypatch
):
    logits, labels = problem(400, 2, 2.0, seed=10)
    z = logits[:, 1] - logits[:, 0]
    names = np.array(["cat", "dog"])[labels.numpy()]
    for head in ("p_dog", "score_dog"):
        scores = z.sigmoid() if head == "p_dog" else z
        table = {head: scores.tolist(), "label": names}
        drop(page, "fit", write_table(tmp_path / f"{head}.csv", table))
        assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")
        assert column(page, "positive").input_value() == "dog"
        assert "where dog is the positive class" in page.page.inner_text("#cc-from")
        card = save_results(page, tmp_path, ["markdown"])["markdown"]
        for name, text in MEANINGS_OF_TWO_CLASSES.items():
            kept = text.removesuffix(OF_ANOTHER_MODEL)
            named = kept.replace("P(y = 1)", "P(dog)").replace("y = 1", "dog")
            assert f"- **{name}**: {named}." in card
        asked = page.page.get_by_label("Which label does a high score mean?")
        asked.locator("visible=true").select_option("cat")
        assert calibrate(page).startswith(
            "Does a high score mean 'dog' and not 'cat'? On average, the scores are no higher "
            "where the label is 'cat'; if so, choose it as the label of a high score"
        )
    monkeypatch.chdir(tmp_path)
    table = {"score_cat": z.tolist(), "label": names}
    write_table(tmp_path / "wrong.csv", table)
    asked = said_by_the_library(("wrong.csv",), capsys)
    assert asked.endswith("the scores are no higher where the label is 'cat'")


@pytest.mark.slow
def test_all_open_questions_are_asked_at_once(page, tmp_path):
    logits, labels = problem(400, 2, 2.0, seed=10)
    z = logits[:, 1] - logits[:, 0]
    words = np.array(["cat", "dog"])[labels.numpy()]
    ages = [40 + 0.5 * (i % 37) for i in range(400)]
    table = {"id": range(400), "age": ages, "score": z.tolist(), "answer": words}
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    column(page, "labels").wait_for()
    assert column(page, "labels").input_value() == "answer"
    assert ticked(page) == ["age", "score"]
    assert "has 2 columns that may hold scores (age, score)" in calibrate(page)
    assert page.run("return document.activeElement.name") == "id"
    assert page.page.is_hidden("#cc-fit-columns [data-part=positive-row]")
    tick(page, "age").uncheck()
    column(page, "positive").select_option("dog")
    assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")
    # Without the age, only one question is open, and the number of the sample is left out.
    del table["age"]
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    assert "names its two classes cat and dog" in calibrate(page)
    assert page.run("return document.activeElement.dataset.part") == "positive"
    column(page, "positive").select_option("dog")
    assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")
    # Where nothing is open, nothing is asked.
    drop(
        page,
        "fit",
        write_table(tmp_path / "y.csv", {"score": z.tolist(), "label": labels.tolist()}),
    )
    assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")
    assert page.page.is_hidden("#cc-fit-columns")


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [1, 3])
def test_the_box_that_a_refusal_names_gets_the_focus(fresh_page, tmp_path, n_classes):
    logits, labels = problem(400, max(n_classes, 2), 1.0, seed=8)
    p = logits.softmax(1).numpy()
    np.savez(tmp_path / "x.npz", logits=p if n_classes == 3 else p[:, 1], labels=labels)
    drop(fresh_page, "fit", tmp_path / "x.npz")
    name = fresh_page.page.locator("label:has(#cc-probabilities)").inner_text().strip()
    are_probabilities = "if they are probabilities, " if n_classes == 1 else ""
    assert f'; {are_probabilities}tick "{name}"' in calibrate(fresh_page)
    assert fresh_page.run("return document.activeElement.id") == "cc-probabilities"
    fresh_page.press("Space")
    assert calibrate(fresh_page).startswith("T = ")
    np.savez(tmp_path / "y.npz", logits=3 * logits, labels=labels)
    drop(fresh_page, "fit", tmp_path / "y.npz")
    fresh_page.page.check("#cc-probabilities")
    assert f'do not tick "{name}"' in calibrate(fresh_page)
    assert fresh_page.run("return document.activeElement.id") == "cc-probabilities"


@pytest.mark.slow
def test_the_tick_belongs_to_the_files_of_the_fit(fresh_page, saved, tmp_path):
    logits, labels = problem(400, 3, 1.0, seed=8)
    p = logits.softmax(1).numpy()
    for name, rows in (("fit", p[:200]), ("test", p[200:])):
        np.savez(
            tmp_path / f"{name}.npz", logits=rows, labels=labels[200 * (name == "test") :][:200]
        )
    # It may be set before a file is chosen, and holds for both.
    fresh_page.page.check("#cc-probabilities")
    drop(fresh_page, "fit", tmp_path / "fit.npz")
    drop(fresh_page, "test", tmp_path / "test.npz")
    assert calibrate(fresh_page).startswith("T = ")
    assert fresh_page.page.is_checked("#cc-probabilities")
    drop(fresh_page, "test")
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    assert not fresh_page.page.is_checked("#cc-probabilities")
    assert calibrate(fresh_page).startswith(f"T = {temperature_of(saved[1])} ")
    fresh_page.page.check("#cc-probabilities")
    fresh_page.page.click("#cc-example")
    fresh_page.page.wait_for_selector("#cc-results:not([hidden])")
    assert not fresh_page.page.is_checked("#cc-probabilities")


@pytest.mark.slow
def test_the_rows_are_explained_with_links_to_the_glossary(page, saved):
    drop(page, "fit", saved[0] / "plain.npz")
    calibrate(page)
    page.page.click("#cc-results summary")
    shown = page.page.inner_text("#cc-meanings")
    assert all(f"{name}: {text}." in shown for name, text in MEANINGS.items())
    terms = set(re.findall(r"^   (\S.*)$", (DOCS / "glossary.rst").read_text(), re.MULTILINE))
    links = page.page.locator("#cc-meanings a")
    for address in links.evaluate_all("(links) => links.map(({ href }) => href)"):
        # A saved page keeps the whole address of the glossary.
        start, term = address.split("#term-")
        assert start == page.run("return document.getElementById('cc-glossary').href")
        assert term.replace("-", " ").replace("p value", "p-value") in terms
    assert "Python draws other random numbers" in page.page.inner_text("#cc-differs")


@pytest.mark.slow
def test_the_card_follows_a_dark_theme(fresh_page, saved, tmp_path):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason='the extra "browser" has axe'
    ).Axe()
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    calibrate(fresh_page)
    card = save_results(fresh_page, tmp_path, ["html"])["html"]
    fresh_page.set_media(color_scheme="dark")
    fresh_page.page.set_content(card)
    colour = fresh_page.run("return getComputedStyle(document.body).backgroundColor")
    assert colour == "rgb(20, 24, 30)"
    assert [fault["id"] for fault in axe.run(fresh_page.page).response["violations"]] == []


@pytest.mark.slow
def test_an_error_is_seen_on_a_phone(fresh_page, tmp_path):
    fresh_page.resize(380, 600)
    np.savez(tmp_path / "nan.npz", logits=np.full((9, 3), np.nan), labels=np.arange(9) % 3)
    drop(fresh_page, "fit", tmp_path / "nan.npz")
    assert calibrate(fresh_page).startswith("In nan.npz, logits must be finite")
    assert fresh_page.run("return document.activeElement.id") == "cc-refusal"
    place = "const place = document.getElementById('cc-refusal').getBoundingClientRect();"
    fresh_page.wait(f"{place} return place.top >= 0 && place.bottom <= innerHeight;")


@pytest.mark.slow
def test_a_dropped_file_is_named_once(fresh_page, saved):
    fresh_page.run(
        DROP, "plain.npz", base64.b64encode((saved[0] / "plain.npz").read_bytes()).decode()
    )
    assert "T = " in calibrate(fresh_page)
    field = "document.getElementById('cc-fit-files')"
    assert fresh_page.run(f"return {field}.files[0].name") == "plain.npz"
    assert fresh_page.run(f"return getComputedStyle({field}).fontSize") == "0px"
    assert fresh_page.page.inner_text("#cc-fit-zone").count("plain.npz") == 1


def strange(kind: str) -> Samples:
    """Samples whose temperature is strange, in one of the ways that have a sentence."""
    logits, labels = problem(1200, 10, 2.0, 4)
    if kind == "UNRELATED":
        return logits, labels.roll(1)
    if kind == "UNCERTAIN_TEMPERATURE":
        return few_samples()
    scale = {"LARGE_TEMPERATURE": 30, "SMALL_TEMPERATURE": 1 / 30}.get(kind, 1)
    # Below 0, no logit looks like a probability.
    return scale * (logits - 20), labels


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["UNRELATED", "LARGE_TEMPERATURE", "SMALL_TEMPERATURE", "UNCERTAIN_TEMPERATURE", None],
)
def test_a_strange_temperature_is_doubted_as_in_the_library(page, tmp_path, kind):
    logits, labels = strange(kind)
    np.savez(tmp_path / "strange.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "strange.npz")
    assert "T = " in calibrate(page)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    notes = evaluate(logits[1::2], labels[1::2], scaler=scaler, progress=False).notes
    cards = save_results(page, tmp_path)
    warnings = json.loads(cards.pop("json"))["warnings"]
    if kind is None:
        assert notes == warnings == []
        assert page.page.inner_text("#cc-doubts") == ""
        assert "Warning" not in "".join(cards.values())
        return
    assert warnings == notes
    begin = getattr(_result_sentences, kind).partition("{")[0]
    assert notes[0].startswith(begin)
    shown = page.page.locator("#cc-doubts p").all_inner_texts()
    on_1 = {_result_sentences.NEED_NOT_SCALE, _result_sentences.NO_DIRECTION}
    assert shown == [f"Warning: {note}" for note in notes if note not in on_1]
    assert all(notes[0][:60] in card for card in cards.values())
    is_withheld = _result_sentences.NO_VERDICT in page.page.inner_text("#cc-verdicts")
    assert is_withheld == (kind == "UNRELATED")
    for card in (page.page.inner_text("#cc-verdicts"), *cards.values()):
        verdict = r"(?i)(before|after) scaling, (the model|no calibration error|there is)"
        assert (re.search(verdict, card) is None) == is_withheld
    for card in cards.values():
        assert ("Do not use this T." in card) == is_withheld
        assert (LIMITS[-1] in card) != is_withheld
        assert not (is_withheld and "Divide" in card)


@pytest.mark.slow
def test_a_very_small_file_is_warned_of_and_has_no_direction(page, tmp_path):
    """Its temperature may be 1, although its test set alone looks overconfident."""
    few, many = problem(20, 2, 1.0, seed=3), problem(500, 2, 3.0, seed=1)
    for zone, (logits, labels) in (("fit", few), ("test", many)):
        np.savez(tmp_path / f"{zone}.npz", logits=logits, labels=labels)
        drop(page, zone, tmp_path / f"{zone}.npz")
    assert "T = " in calibrate(page)
    texts = save_results(page, tmp_path)
    assert "20 samples are very few" in page.page.inner_text("#cc-doubts")
    first, _, last = page.page.inner_text("#cc-verdicts").split("\n\n")
    assert first == _result_sentences.NO_DIRECTION
    assert last.endswith(f"{_result_sentences.CHOOSE} {_result_sentences.OTHER_DATA}")
    assert page.page.inner_text("#cc-results").count("T = 1") == 1
    assert "the model is not calibrated: its ECE" in page.page.inner_text("#cc-verdicts")
    for text in texts.values():
        assert _result_sentences.NO_DIRECTION in text
        assert "need not scale" not in text
        assert "overconfident:" not in text
        assert "Divide the logits" not in text
    assert "(p ≤ 0.001)" in texts["markdown"]
    assert "| p-value | ≤ 0.001 |" in texts["markdown"]


@pytest.mark.slow
@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("temperature", [3, 1, 0.4])
def test_the_verdicts_are_those_of_the_library(page, tmp_path, n_classes, temperature):
    logits, labels = problem(1000, n_classes, temperature, seed=6)
    np.savez(tmp_path / "model.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "model.npz")
    calibrate(page)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    report = evaluate(logits[1::2], labels[1::2], scaler=scaler, progress=False)
    card = Card(report, "", 0, separate=True).to_markdown()
    shown = page.page.inner_text("#cc-verdicts").replace("≤", "<=").split("\n\n")
    explained = page.page.locator("#cc-explanations p").all_text_contents()
    shown += [text.replace("≤", "<=") for text in explained]
    word = {3: "is overconfident", 1: "no calibration error", 0.4: "is underconfident"}
    of_temperature = _result_sentences.NEED_NOT_SCALE if temperature == 1 else "T = 1 lies outside"
    assert shown[0].startswith(of_temperature)
    assert word[temperature] in shown[1]
    good = "Before and after scaling" if temperature == 1 else "After scaling"
    assert shown[1 if temperature == 1 else 2].startswith(f"{good}, no calibration error was found")
    # What is drawn by chance: the p-values, and the end of the interval.
    drawn = re.compile(r"(p = |p <= |up to | in )\d[\d.]*\d%?")
    *without, card = [drawn.sub("drawn", text) for text in [*shown, card]]
    assert len(without) == (4 if temperature == 1 else 5)
    assert all(text in card for text in without)
    said = " ".join(shown)
    high = float(re.search(r"up to ([\d.]+)% could still hide in 500 samples", said)[1])
    values = [report.after, *([report.before] if temperature == 1 else [])]
    expected = max(end for one in values for end in (one.ece.high, one.noise_floor.high))
    assert high == pytest.approx(100 * expected, abs=1.5)
    level = "A share below 5%" if n_classes == 2 else "only a share below 2.5%"
    assert level in said


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n_classes", "temperature", "seed"),
    [(3, 1.35, 0), (3, 0.75, 1), (2, 1.35, 2), (2, 1.35, 5), (3, 1.3, 11), (3, 1.3, 25)],
)
def test_one_voice_says_what_follows_from_the_interval_of_t(
    page, tmp_path, n_classes, temperature, seed
):
    """Beside the verdicts stands one sentence about T = 1, the same everywhere."""
    n = 400 if temperature == 1.3 else 1000
    logits, labels = problem(n, n_classes, temperature, seed)
    np.savez(tmp_path / "model.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "model.npz")
    calibrate(page)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    report = evaluate(logits[1::2], labels[1::2], scaler=scaler, progress=False)
    expected, *said = verdicts(report)
    shown = page.page.inner_text("#cc-verdicts").split("\n\n")
    assert shown[0] == expected
    assert page.page.inner_text("#cc-results").count("T = 1 ") == 1
    for words in ("shows neither this nor another error", "no calibration error was found"):
        # The p-values are drawn by chance, so the evidence may be called weak in one of the two.
        assert [words in text for text in shown[1:]] == [words in text for text in said]
    cards = save_results(page, tmp_path)
    warnings = json.loads(cards.pop("json"))["warnings"]
    assert warnings == ([report.doubts.on_1] if report.doubts.on_1 else [])
    for card in map(html.unescape, cards.values()):
        assert expected in card
        assert ("Divide the logits by T." in card) == expected.startswith("T = 1 lies outside")
        assert ("need not scale" in card) == (
            report.doubts.on_1 == _result_sentences.NEED_NOT_SCALE
        )


@pytest.mark.slow
def test_a_close_call_is_told_as_in_the_library(page, tmp_path):
    """The draws differ, and so may the verdicts, but both say that they are close."""
    logits, labels = calibrated_problem(400, 2, 1.0, seed=38)
    np.savez(tmp_path / "model.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "model.npz")
    calibrate(page)
    scaler = TemperatureScaler().fit_logits(logits[::2], labels[::2])
    report = evaluate(logits[1::2], labels[1::2], scaler=scaler, progress=False)
    texts = "".join(save_results(page, tmp_path, ["html", "markdown"]).values())
    for text in (page.page.inner_text("#cc-verdicts"), texts, " ".join(verdicts(report))):
        assert re.search(
            r"\. The p-value of the ECE before scaling is a close call: 0\.0[3-6]\d comes from "
            r"1000 random draws, and other draws could put it on the other side of 0\.05 and so ",
            text,
        )


@pytest.mark.slow
def test_a_temperature_that_makes_the_model_worse_is_warned_of(page, tmp_path):
    """As in the library; the card does not tell to divide by T."""
    fit, test = calibrated_problem(2000, 4, 0.5, seed=1), calibrated_problem(500, 4, 3.0)
    drop_sets(page, tmp_path, fit=fit, test=test)
    calibrate(page)
    report = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit), progress=False)
    begin = "Scaling makes the model worse on the test set: its negative log-likelihood (NLL) rises"
    said = f"{begin} by {report.change.nll.value:.3f} ("
    shown = page.page.inner_text("#cc-doubts")
    assert f"Warning: {said}" in shown
    assert shown.endswith(warnings_of(report)[-1].partition("). ")[2])
    texts = save_results(page, tmp_path, ["html", "markdown", "json"])
    for text in texts.values():
        assert said in text
        assert "Divide the logits by T." not in text
        assert _result_sentences.ALREADY_BEST not in text


@pytest.mark.slow
def test_a_p_value_between_the_limits_of_one_and_of_two_tests_is_explained(page, tmp_path):
    drop_sets(page, tmp_path, fit=calibrated_problem(300, 3, 1.0, seed=446))
    calibrate(page)
    said = (
        r"The p-value of the (classwise )?ECE before scaling is 0\.04\d, which is not below 0\.025 "
    )
    assert re.search(said, page.page.inner_text("#cc-verdicts"))


@pytest.mark.slow
@pytest.mark.parametrize(("shift", "mean"), [(1.1, -4.5), (-1.1, -4.5), (1.1, 0), (-1.1, 4.5)])
def test_a_shift_of_the_risk_is_told_as_in_the_library(page, tmp_path, shift, mean):
    z, labels = shifted(shift, mean=mean)
    table = {"p": (1 / (1 + np.exp(-z))).tolist(), "label": labels.tolist()}
    drop(page, "fit", write_table(tmp_path / "shifted.csv", table))
    calibrate(page)
    scaler = TemperatureScaler().fit_logits(z[::2], labels[::2])
    report = evaluate(z[1::2], labels[1::2], scaler=scaler, progress=False)
    ways = [direction_of_event(bins) for bins in report.bins]
    assert ways[0] == ("OVERESTIMATES" if shift > 0 else "UNDERESTIMATES")
    of_temperature, *shown = page.page.inner_text("#cc-verdicts").split("\n\n")
    assert of_temperature == verdicts(report)[0]
    for text, way, bins in zip(shown, ways, report.bins, strict=True):
        mean_p, rate = (
            f"{part.sum() / len(z[1::2]):.1%}" for part in (bins.confidence_sum, bins.n_correct)
        )
        assert f"is {mean_p} on average, while the frequency of y = 1 is {rate}" in text or (
            way == "MISCALIBRATED"
        )
    texts = save_results(page, tmp_path)
    warned = page.page.inner_text("#cc-doubts"), *json.loads(texts.pop("json"))["warnings"]
    remains = ways[1].endswith("ESTIMATES")
    assert (_result_sentences.SHIFT_REMAINS in " ".join(warned[1:])) == remains
    assert (_result_sentences.SHIFT_REMAINS in warned[0]) == remains
    for text in texts.values():
        # Once as a warning, and once beside what to do with T.
        assert text.count(_result_sentences.SHIFT_REMAINS) == 2 * remains
        use = re.search(r"Replace each probability p by sigmoid\(.*\)\.(.*)", text)[1]
        assert use.startswith(f" {_result_sentences.SHIFT_REMAINS}") == remains
    rows = page.page.locator("#cc-table tr").all_inner_texts()
    claims = [bins.confidence_sum.sum() / len(z[1::2]) for bins in report.bins]
    assert " ".join(rows[1].split()) == f"mean P(y = 1) {claims[0]:.1%} {claims[1]:.1%}"
    rate = f"{labels[1::2].mean():.1%}"
    assert " ".join(rows[2].split()) == f"frequency of y = 1 {rate} {rate}"


@pytest.mark.slow
def test_exchanged_columns_are_suspected_as_in_the_library(page, tmp_path):
    logits, labels = good_model(2000)
    logits = logits[:, [0, 1, 2, 6, 3, 5, 4, 7, 9, 8]]
    np.savez(tmp_path / "exchanged.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "exchanged.npz")
    calibrate(page)
    expected = [
        _result_sentences.OTHER_ORDER.format(n=3, names="3, 4, 6"),
        _result_sentences.EXCHANGED.format(a=8, b=9),
    ]
    shown = page.page.locator("#cc-doubts p").all_inner_texts()
    assert shown == [f"Warning: {text}" for text in expected]
    report = evaluate(logits[1::2], labels[1::2], progress=False)
    assert report.doubts.warnings == expected
    assert page.page.inner_text("#cc-verdicts") == report.doubts.no_verdict


@pytest.mark.slow
def test_classes_that_a_model_cannot_tell_apart_are_not_suspected(page, tmp_path):
    np.savez(tmp_path / "pairs.npz", **dict(zip(("logits", "labels"), pairs_alike(), strict=True)))
    drop(page, "fit", tmp_path / "pairs.npz")
    assert calibrate(page).startswith("T = ")
    assert "exchanged" not in page.page.inner_text("#cc-doubts")
    assert "is overconfident: its ECE" in page.page.inner_text("#cc-verdicts")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [10, 52])
def test_an_error_that_only_scaling_shows_is_told_as_in_the_library(page, tmp_path, seed):
    z, labels = rare_event(seed)
    table = {"logit": z.tolist(), "label": labels.tolist()}
    drop(page, "fit", write_table(tmp_path / "rare.csv", table))
    calibrate(page)
    scaler = TemperatureScaler().fit_logits(z[::2], labels[::2])
    report = evaluate(z[1::2], labels[1::2], scaler=scaler, progress=False)
    *told, last = page.page.inner_text("#cc-verdicts").split("\n\n")
    *expected, of_worse = verdicts(report)
    assert told[0] == expected[0]
    told, expected = (re.sub(r"p = 0\.\d+", "p", text) for text in (last, of_worse))
    blamed = "Before scaling, the test found no error (p), so T may have caused this one"
    assert told.partition(blamed)[1:] == expected.partition(blamed)[1:]
    for card in save_results(page, tmp_path).values():
        assert _result_sentences.SHIFT_REMAINS not in card
        assert "Divide the logits by T." not in card


def rounded_rows(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of independent samples, of which some are equal because they are rounded."""
    rng = np.random.default_rng(0)
    if kind == "ten classes":
        z = 2 * rng.standard_normal((2000, 10))
        labels = (z + rng.gumbel(size=z.shape)).argmax(1)
        return np.exp(2.5 * z - np.logaddexp.reduce(2.5 * z, 1, keepdims=True)).round(3), labels
    spread, mean, decimals, n = {
        "a probability": (2, 0, 4, 4000),
        "five decimals": (2, 0, 5, 20_000),
        "a rare event": (1.3, -6.2, 8, 20_000),
    }[kind]
    p = 1 / (1 + np.exp(-spread * rng.standard_normal(n) - mean))
    return p.round(decimals)[:, None], (rng.random(n) < p).astype(int)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["a probability", "five decimals", "a rare event", "ten classes"])
def test_rows_that_are_equal_by_chance_are_no_shared_samples(page, tmp_path, kind):
    """As often as on both sides, such rows are on the same side."""
    p, labels = rounded_rows(kind)
    names = ["prob"] if p.shape[1] == 1 else [f"prob_{k}" for k in range(p.shape[1])]
    half = len(p) // 2
    fit, test = ([tuple(row) for row in p[part]] for part in (slice(half), slice(half, None)))
    assert len(set(fit) & set(test)) > 0
    for zone, part in (("fit", slice(half)), ("test", slice(half, None))):
        columns = dict(zip(names, p[part].T.tolist(), strict=True))
        table = {**columns, "label": labels[part].tolist()}
        drop(page, zone, write_table(tmp_path / f"{zone}.csv", table))
    assert "T = " in calibrate(page)
    assert "used to find T" not in page.page.inner_text("#cc-doubts")
    assert "It was not checked whether single samples of the test were also used" in (
        page.page.inner_text("#cc-results")
    )


def doubtful_sets(kind: str) -> tuple[Samples, Samples]:
    """Samples for the fit and for the test, of which the page must warn in one way."""
    if kind == "sure":
        logits, labels = problem(1200, 2, 1.0, 4)
        surer, outcomes = two_kinds(1000)
        return (logits, labels), (torch.stack([-surer / 2, surer / 2], 1), outcomes)
    n_classes = 2 if kind == "back" else 10
    logits, labels = problem(2400, n_classes, 2.0, 4)
    if kind == "exchanged":
        logits, labels = (part[:2400] for part in good_model(2400))
    fit, test = (logits[:1200], labels[:1200]), (logits[1200:], labels[1200:])
    if kind == "exchanged":
        order = [1, 0, *range(2, 10)]
        return tuple((z[:, order], y) for z, y in (fit, test))
    changed = {
        "back": (fit, (test[0].flip(1), test[1])),
        "shuffled": ((fit[0], fit[1].roll(4)), (test[0], test[1].roll(4))),
        "shared": (fit, (logits[1100:], labels[1100:])),
        "few": (fit, (test[0][:60], test[1][:60])),
        "large": tuple((30 * z, y) for z, y in (fit, test)),
        "zeros": (fit, test),
        "lost": tuple((6 * z, y) for z, y in (fit, test)),
    }
    return changed[kind]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "begin"),
    [
        ("exchanged", "Are the columns of the classes 0 and 1 (counted from 0) exchanged?"),
        ("back", _result_sentences.WRONG_WAY_ROUND),
        ("shuffled", "The labels do not seem to belong to the logits"),
        ("shared", "100 of the 1300 test samples were also used to find T"),
        ("few", "60 samples are very few"),
        ("sure", "Before scaling, 3 of the 500 answers with a confidence above 99% are wrong."),
        ("large", "T = 6"),
        ("zeros", "985 of the 1200 samples have a probability of 0 or 1"),
        ("lost", "385 of the 1200 samples have a label to which the file gives a probability of 0"),
    ],
)
def test_every_warning_of_the_page_is_in_the_cards_and_in_the_json(page, tmp_path, kind, begin):
    """It stands before the verdict, and there is none on samples that do not belong together."""
    for zone, (logits, labels) in zip(("fit", "test"), doubtful_sets(kind), strict=True):
        scores = {"logits": logits}
        if kind in {"zeros", "lost"}:
            p = logits.softmax(1).numpy().round(3 if kind == "lost" else 4)
            scores = {"probabilities": p / p.sum(1, keepdims=True)}
        np.savez(tmp_path / f"{zone}.npz", **scores, labels=labels)
        drop(page, zone, tmp_path / f"{zone}.npz")
    assert "T = " in calibrate(page)
    shown = page.page.locator("#cc-doubts p").all_inner_texts()
    warnings = [text.removeprefix("Warning: ") for text in shown]
    assert any(text.startswith(begin) for text in warnings), warnings
    cards = save_results(page, tmp_path)
    assert json.loads(cards.pop("json"))["warnings"][: len(warnings)] == warnings
    verdict = page.page.inner_text("#cc-verdicts").split("\n\n")[0]
    is_withheld = kind in {"exchanged", "back", "shuffled", "lost"}
    assert verdict.startswith("There is no verdict") == is_withheld
    for card in map(html.unescape, cards.values()):
        places = [card.index(text) for text in warnings]
        assert places == sorted(places)
        assert places[-1] < card.index(verdict)
        assert ("Do not use this T." in card.partition("Limits")[0]) == is_withheld
        assert not (is_withheld and "Divide" in card)


@pytest.mark.slow
def test_wrong_answers_at_a_high_confidence_are_said_as_in_the_library(page, tmp_path):
    for zone, (logits, labels) in zip(("fit", "test"), doubtful_sets("sure"), strict=True):
        np.savez(tmp_path / f"{zone}.npz", logits=logits, labels=labels)
        drop(page, zone, tmp_path / f"{zone}.npz")
    assert "T = " in calibrate(page)
    fit, test = doubtful_sets("sure")
    report = evaluate(*test, scaler=TemperatureScaler().fit_logits(*fit), progress=False)
    assert report.doubts.confident_errors == ("Before scaling", "After scaling")
    shown = page.page.locator("#cc-doubts p").all_inner_texts()
    assert shown == [f"Warning: {text}" for text in report.doubts.warnings]
    on_page = page.page.inner_text("#cc-verdicts")
    assert all(verdict in on_page for verdict in verdicts(report))
    assert "no calibration error was found" not in on_page


@pytest.mark.slow
@pytest.mark.parametrize(("n_columns", "digits"), [(1, 2), (3, 2), (3, 12)])
def test_zeros_of_rounding_are_warned_of_as_in_the_library(page, here, n_columns, digits):
    logits, labels = problem(1000, max(n_columns, 2), 2.0, seed=2)
    p = logits.softmax(1).numpy().round(digits)
    if n_columns == 1:
        p, table = p[:, 1:], {"p": p[:, 1].tolist()}
        n_zero = int(((p == 0) | (p == 1)).sum())
    else:
        # Every row sums to 1.
        p[:, 2] = np.abs(1 - p[:, 0] - p[:, 1]).round(digits)
        table = {f"p_{k}": p[:, k].tolist() for k in range(n_columns)}
        n_zero = int((p == 0).any(1).sum())
    file = write_table(here.folder / "rounded.csv", {**table, "label": labels.tolist()})
    drop(page, "fit", file)
    calibrate(page)
    zeros = read_samples(file, Choice(), labels_needed=True).zeros
    assert (zeros.n, zeros.n_zero) == (1000, n_zero)
    is_lost = zeros.n_of_label >= 10
    name = "ZEROS_OF_LABELS" if is_lost else "ZEROS"
    expected = getattr(_result_sentences, name).format(**zeros._asdict())
    assert (n_zero >= 10) == (digits == 2)
    n_values = int(((p == 0) | ((p == 1) & (n_columns == 1))).sum())
    counted = (
        f"({n_values} of {p.size} probabilities are 0, or 1 in a single column, and were moved by "
        "0.0001)"
    )
    assert (counted in page.page.inner_text("#cc-from")) == (n_values > 0)
    shown = page.page.inner_text("#cc-doubts")
    assert (f"Warning: {expected}" in shown) == (digits == 2)
    assert here.run("fit", "rounded.csv", "--output", "t.pt") == 0
    assert (expected in here.out) == (digits == 2)
    assert (counted in here.out) == (n_values > 0)
    assert here.run("report", "rounded.csv", "--scaler-file", "t.pt", "--markdown", "c.md") == 0
    assert (expected in (here.folder / "c.md").read_text()) == (digits == 2)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_columns", [1, 3])
def test_small_probabilities_count_as_in_the_library(page, here, monkeypatch, n_columns, dtype):
    """Those that a file holds count as what they are, and a smaller one stands for 0."""
    logits, labels = problem(1200, max(n_columns, 2), 6.0, seed=3)
    p = logits.softmax(1).numpy().astype(dtype)
    p = p[:, 1] if n_columns == 1 else p
    p[7] = (0, 1, 0)[:n_columns] if n_columns > 1 else 1
    np.savez(here.folder / "p.npz", probs=p, labels=labels.numpy())
    drop(page, "fit", here.folder / "p.npz")
    shown = calibrate(page)
    np.savez(here.folder / "half.npz", probs=p[::2], labels=labels.numpy()[::2])
    samples = read_samples(here.folder / "p.npz", Choice(), labels_needed=True)
    half = TemperatureScaler().fit_logits(samples.logits[::2], samples.labels[::2])
    assert shown.startswith(f"T = {half.temperature:.5g} ")
    assert (
        page.page.inner_text("#cc-from").partition(" (")[2].partition(")")[0]
        == (samples.said.partition(" (")[2].partition(")")[0])
    )
    space = run_python(page, here.folder, monkeypatch)
    assert space["scaler"].temperature == pytest.approx(half.temperature, rel=1e-6)


@pytest.mark.slow
def test_the_python_that_it_shows_has_short_numbers(page, here, monkeypatch):
    """The smallest distance of a probability from 1 is 0.010000000000000009 here."""
    logits, labels = problem(1000, 2, 2.0, seed=2)
    p = logits.softmax(1)[:, 1].numpy().round(2).tolist()
    write_table(here.folder / "x.csv", {"p": p, "label": labels.tolist()})
    drop(page, "fit", here.folder / "x.csv")
    shown = calibrate(page)
    space = run_python(page, here.folder, monkeypatch)
    assert shown.startswith(f"T = {space['scaler'].temperature:.5g} ")
    assert page.page.inner_text("#cc-python").count(", 0.0001, 1)") == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("scores", "label", "is_noted"),
    [
        ("confidence", "correct", True),
        ("p", "is_correct", True),
        ("conf", "label", True),
        ("p", "outcome", False),
        ("logit", "correct", False),
    ],
)
@pytest.mark.parametrize("kind", ["csv", "npz"])
def test_the_temperature_of_a_confidence_is_not_that_of_the_model(
    page, tmp_path, kind, scores, label, is_noted
):
    logits, labels = problem(400, 2, 3.0, seed=10)
    z = logits[:, 1] - logits[:, 0]
    held = {scores: (z if scores == "logit" else z.sigmoid()).numpy(), label: labels.numpy()}
    file = tmp_path / f"x.{kind}"
    if kind == "npz":
        np.savez(file, **held)
    else:
        write_table(file, {name: column.tolist() for name, column in held.items()})
    drop(page, "fit", file)
    assert calibrate(page).startswith("T = ")
    note = _sentences.OF_CONFIDENCE
    assert (f"; {note}" in page.page.inner_text("#cc-from")) == is_noted
    said = read_samples(file, Choice(), labels_needed=True).said
    assert (f"; {note}" in said) == is_noted
    cards = save_results(page, tmp_path)
    assert json.loads(cards.pop("json")).get("note") == (note if is_noted else None)
    for card in map(html.unescape, cards.values()):
        advice = card.partition("Temperature\n" if "## T" in card else "<h2>Temperature")[2]
        assert (f"{note[0].upper()}{note[1:]}." in advice) == is_noted


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["one probability", "probabilities", "logits"])
def test_what_to_do_with_the_temperature_fits_what_the_file_holds(page, tmp_path, kind):
    logits, labels = problem(400, 2, 3.0, seed=10)
    p = logits.softmax(1).T.tolist()
    names = np.array(["cat", "dog"])[labels.numpy()]
    scores = {
        "one probability": {"p_dog": p[1]},
        "probabilities": {"p_cat": p[0], "p_dog": p[1]},
        "logits": {
            f"logit_{name}": z for name, z in zip(("cat", "dog"), logits.T.tolist(), strict=True)
        },
    }[kind]
    drop(page, "fit", write_table(tmp_path / "two.csv", {**scores, "label": names}))
    calibrate(page)
    texts = save_results(page, tmp_path)
    found = json.loads(texts["json"])
    assert found["input"] == ("logits" if kind == "logits" else "probabilities")
    assert found["positive"] == "dog"
    assert found.get("classes") == (None if kind == "one probability" else ["cat", "dog"])
    t = f"{found['temperature']:.5g}"
    said = {
        "one probability": f"Replace each probability p by sigmoid(log(p / (1 - p)) / {t}).",
        "probabilities": f"Replace each row of probabilities p by softmax(log(p) / {t}).",
        "logits": "Divide the logits by T.",
    }[kind]
    assert all(said in texts[kind] for kind in ("html", "markdown"))


def as_written(kind: str, folder: Path) -> Path:
    """The samples of one problem as different programs write them; returns the file."""
    logits, labels = problem(200, 3, 2.0, seed=9)
    z, y = logits.numpy().round(4), labels.numpy()
    arrays = {
        "float16": {"logits": z.astype(np.float16), "labels": y},
        "fortran": {"logits": np.asfortranarray(z), "labels": y.astype(np.int8)},
        "float labels": {"logits": z, "labels": y.astype(float)},
        "big endian": {"logits": z.astype(">f4"), "labels": y.astype(">u2")},
        "one hot": {"logits": z, "labels": np.eye(3, dtype=int)[y]},
        "one column": {"logits": z, "labels": y[:, None]},
        "several labels": {"logits": z, "labels": z > 0},
        "two opinions": {"logits": z, "labels": np.stack([y, y], 1)},
        "transposed": {"logits": z.T, "labels": y},
        "one score": {"logits": z[:, 0], "labels": y},
        "from 1": {"logits": z, "labels": y + 1},
        "words": {"logits": z, "labels": ANIMALS[y]},
        "objects": {"logits": z, "labels": ANIMALS[y].astype(object)},
        "bool": {"logits": z[:, 0], "labels": y == 0},
    }
    if kind in arrays:
        np.savez(folder / "x.npz", **arrays[kind])
        return folder / "x.npz"
    p = logits.softmax(1).numpy().round(6)
    head = "logit_a,logit_b,logit_c,label"
    rows = [",".join(map(str, [*row, label])) for row, label in zip(z, y, strict=True)]
    plain = "\n".join([head, *rows]) + "\n"
    european = plain.replace(",", ";").replace(".", ",")
    quoted = '"' + plain.strip().replace(",", '","').replace("\n", '"\n"') + '"\n'

    def of_one(head: str, no: str, yes: str) -> str:
        lines = [f"{row[0]},{no if label else yes}" for row, label in zip(z, y, strict=True)]
        return "\n".join([head, *lines])

    one_each = of_one("", ",no", ",yes").replace(",,", ",").split("\n")[1:]
    one_each = [f",{line}" for line in one_each]
    texts = {
        "plain": plain,
        "mark": "\ufeff" + plain,
        "european": european,
        "european without a head": european.partition("\n")[2],
        "european labels": european.replace("\n", ",0\n").replace("label,0", "label"),
        "thousands": european + "1.234,5;0,1;0,2;1\n",
        "points and commas": european + "1.234;0,1;0,2;1\n",
        "two points": european + "1,5;0,1;2.5;1\n1.5;0,1;0,2;1\n",
        "tabs": plain.replace(",", "\t"),
        "quoted": quoted,
        "quoted commas": quoted.replace(".", ","),
        "thousands in quotes": plain + '"1,234.5",0.1,0.2,1\n',
        "a quote in a cell": plain.replace("logit_a", 'logit_a"x'),
        "a name of two lines": plain.replace("logit_a", '"logit_\na"'),
        "an open quote": plain + '"1.5,2.5,0.1,1\n',
        "two heads": plain.replace("\n", "\nraw,raw,raw,int\n", 1),
        "empty columns": plain.replace("\n", ",,\n"),
        "empty rows": plain + ",,,\n\n,\n",
        "a cell too many": plain + "1.5,2.5,0.5,1,7\n",
        "probabilities": "\n".join(
            ["p_a,p_b,p_c,label", *(",".join(map(str, [*r, k])) for r, k in zip(p, y, strict=True))]
        ),
        "percentages": "\n".join(
            [head, *(",".join(map(str, [*r * 100, k])) for r, k in zip(p, y, strict=True))]
        ),
        "probabilities as logits": "\n".join(
            [head, *(",".join(map(str, [*r, k])) for r, k in zip(p, y, strict=True))]
        ),
        "two names": of_one("score,label", "no", "yes"),
        "a line of Excel": "sep=;\n" + european,
        "tabs and commas": plain.replace(",", "\t").replace(".", ","),
        "underscores": plain + "1_0.5,-2,0.1,0\n-1_000,2,1_2e1,2\n",
        "counted samples": "\n".join(
            ["sample,score_yes,answer", *(f"{i}{r}" for i, r in enumerate(one_each, 5))]
        ),
        "rising numbers": "\n".join(
            ["when,score_yes,answer", *(f"{i * i}{r}" for i, r in enumerate(one_each))]
        ),
        "a sample as names": plain.partition("\n")[2]
        .replace("\n", ",cat\n")
        .replace(plain.split("\n")[1], "1,2,3,1"),
        "no names, two words": of_one("", "no", "yes").strip(),
        "a named score": of_one("score_yes,kind", "no", "yes"),
        "signs": of_one("score_1,kind", "-1", "1"),
        "patients": "\n".join(
            ["patient,s_yes,befund", *(f"p{i}{r}" for i, r in enumerate(one_each))]
        ),
        "rounded": "\n".join(
            ["p_a,p_b,p_c,label"]
            + [",".join(map(str, [*r.round(2), k])) for r, k in zip(p, y, strict=True)]
        ),
        "a row with a wrong sum": "\n".join(
            ["p_a,p_b,p_c,label", "0.5,0.8,0,1"]
            + [",".join(map(str, [*r, k])) for r, k in zip(p, y, strict=True)]
        ),
        "around": "\n".join(
            ["age,out_car,out_cat,out_dog,y"]
            + [
                f"{40 + i % 7},{r[2]},{r[0]},{r[1]},{ANIMALS[k]}"
                for i, (r, k) in enumerate(zip(z, y, strict=True))
            ]
        ),
        "answers": "\n".join(
            ["mrn,y_true,y_score,y_pred"]
            + [
                f"{7 * i},{int(k == 0)},{r[0]},{int(r[0] > 0.5)}"
                for i, (r, k) in enumerate(zip(p, y, strict=True))
            ]
        ),
        "an event": "\n".join(
            ["uuid,split,is_spam,score"]
            + [f"x{i},val,{k == 0},{r[0]}" for i, (r, k) in enumerate(zip(z, y, strict=True))]
        ),
        "two odd names": "\n".join(
            ["logit_no,logit_yes,label"]
            + [f"{r[1]},{r[0] + r[1]},{int(k == 0)}" for r, k in zip(z, y, strict=True)]
        ),
        "no label": plain + "1.5,2.5,0.5,\n",
        "no name": plain.replace("label", "e").replace("logit_", ""),
        **tables_of_users.READ,
        **tables_of_users.WITHOUT_SAMPLES,
        **{name: text for name, (text, *_) in tables_of_users.READ_OF_OTHERS.items()},
        **{name: text for name, (text, _) in tables_of_users.REFUSED.items()},
    }
    if kind in texts:
        (folder / "x.csv").write_text(texts[kind], encoding="utf-8")
    elif kind == "latin-1":
        (folder / "x.csv").write_text(plain.replace("logit_a", "logit_ä"), encoding="latin-1")
    else:
        (folder / "x.csv").write_text(plain.replace(",", "\t"), encoding=kind)
    return folder / "x.csv"


@pytest.fixture
def here(tmp_path, monkeypatch, capsys) -> CommandLine:
    monkeypatch.chdir(tmp_path)
    return CommandLine(tmp_path, capsys)


READ = [
    "float16", "fortran", "float labels", "big endian", "bool", "plain", "mark", "european",
    "european without a head", "european labels", "tabs", "quoted", "a quote in a cell",
    "a name of two lines", "empty columns", "empty rows", "probabilities", "utf-16",
    "a named score", "signs", "a line of Excel", "tabs and commas", "underscores",
    "counted samples", "rising numbers", "patients", "rounded", "around", "answers",
    "an event", "two odd names",
    *tables_of_users.READ, *tables_of_users.WITHOUT_SAMPLES, *tables_of_users.READ_OF_OTHERS,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("names", tables_of_users.WITHOUT_LAST)
def test_probabilities_that_sum_to_1_show_a_class_without_samples(fresh_page, tmp_path, names):
    (tmp_path / "x.csv").write_text(tables_of_users.WITHOUT_LAST[names])
    fresh_page.page.check("#cc-probabilities")
    drop(fresh_page, "fit", tmp_path / "x.csv")
    samples = read_samples(tmp_path / "x.csv", Choice(probabilities=True), labels_needed=True)
    assert calibrate(fresh_page).startswith(
        f"T = {temperature_of((samples.logits, samples.labels))} "
    )
    assert f"classes without samples: {names.split()[4]}" in fresh_page.page.inner_text("#cc-from")


@pytest.mark.slow
def test_scores_that_look_like_probabilities_are_doubted_at_once(page, tmp_path):
    p, y = (part.numpy() for part in problem(300, 3, 1.0, seed=1))
    p = np.exp(p) / np.exp(p).sum(1, keepdims=True)
    names = np.array(["ant", "bee", "cat"])
    columns = {name: p[:, k].tolist() for k, name in enumerate(names)}
    table = write_table(tmp_path / "x.csv", {**columns, "label": names[y].tolist()})
    drop(page, "fit", table)
    page.page.wait_for_selector("#cc-start:enabled")
    doubt = 'They look like probabilities. If they are, tick "These are probabilities" above.'
    assert column(page, "read").inner_text() == f"Read as logits: ant, bee, cat. {doubt}"
    page.page.check("#cc-probabilities")
    assert doubt not in column(page, "read").inner_text()
    assert calibrate(page).startswith("T = ")


@pytest.mark.slow
def test_a_test_alone_asks_for_the_samples_of_the_fit(fresh_page, saved):
    drop(fresh_page, "test", saved[0] / "plain.npz")
    asked = fresh_page.page.locator(
        "#cc-fit-names", has_text="First choose the samples to which T is fi"
    )
    asked.wait_for()
    assert fresh_page.page.is_disabled("#cc-start")
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    fresh_page.page.wait_for_selector("#cc-start:enabled")
    assert fresh_page.page.inner_text("#cc-fit-names") == "plain.npz"


SHAPES = ["several labels", "two opinions", "transposed", "one score"]
REFUSED = [
    "one hot", "one column", *SHAPES, "words", "objects", "thousands", "points and commas",
    "two points", "quoted commas", "thousands in quotes", "an open quote", "two heads",
    "a cell too many", "percentages", "probabilities as logits", "two names", "latin-1",
    "a sample as names", "no names, two words", "from 1", "a row with a wrong sum", "no label",
    "no name", *tables_of_users.REFUSED,
]  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("kind", READ)
def test_a_file_as_programs_write_it_is_read_as_in_the_library(
    page, tmp_path, kind, here, monkeypatch
):
    path = as_written(kind, tmp_path)
    drop(page, "fit", path)
    shown = calibrate(page)
    assert shown.startswith("T = "), shown
    assert here.run("fit", path.name, "--output", "scaler.pt") == 0, here.err
    first_line = page.page.inner_text("#cc-from li:first-child")
    assert first_line == f"Read {here.out.splitlines()[0]}."
    samples = read_samples(path, Choice(), labels_needed=True)
    assert shown.startswith(f"T = {temperature_of((samples.logits, samples.labels))} ")
    scaler = run_python(page, tmp_path, monkeypatch)["scaler"]
    assert shown.startswith(f"T = {scaler.temperature:.5g} ")


@pytest.mark.slow
@pytest.mark.parametrize("kind", REFUSED)
def test_a_file_as_programs_write_it_is_refused_as_in_the_library(page, tmp_path, kind, here):
    path = as_written(kind, tmp_path)
    drop(page, "fit", path)
    drop(page, "test", path)  # No row is kept from the fit.
    said = calibrate(page)
    expected = here.refusal("fit", path.name, "--output", "scaler.pt").partition(";")[0]
    assert said.partition(";")[0].removesuffix(".") == as_shown(expected, path.name)


@pytest.mark.slow
@pytest.mark.parametrize(
    "kind",
    ["one hot", *SHAPES, "an ensemble", "sigmoids", "one row for each class", "an answer and its "
     "confidence", "one-hot labels, label_{}", "a cell with 93 %", "a cell with 1,000.5",
     "a cell with n.a.", "a cell with #DIV/0!", "a cell with #WERT!", "a cell with 1 000.5",
     "soft labels", "a submission", "objects",
     "a cell with <0.01", "a cell with \u22121.5", "a cell with about 2",
     "a cell with 1 000,5 beside decimal commas",
     "a cell with 1.000,5 beside decimal commas", "a cell with 2.5 beside decimal commas",
     "decimal commas between commas", "a row that ends early",
     "classes with a number in their names"],
)  # fmt: skip
def test_the_advice_is_that_of_the_library(page, tmp_path, kind, here):
    path = as_written(kind, tmp_path)
    drop(page, "fit", path)
    said = here.refusal("fit", path.name, "--output", "scaler.pt")
    choose = "name the columns of scores with --score-names", "choose the columns of scores"
    assert calibrate(page).removesuffix(".") == as_shown(said.replace(*choose), path.name)


@pytest.mark.slow
def test_a_class_that_is_taken_for_an_absent_background_does_not_count_from_1(page, tmp_path):
    z, labels = tables_of_users.FOREGROUND, tables_of_users.OF_FOREGROUND
    text = tables_of_users.table("c0 c1 c2 c3 label", *z.T, labels)
    (tmp_path / "x.csv").write_text(text)
    drop(page, "fit", tmp_path / "x.csv")
    assert "count from 1" not in calibrate(page)


@pytest.mark.slow
def test_several_models_are_asked_about_once(page, tmp_path):
    drop(page, "fit", as_written("models, logit_lr logit_xgb", tmp_path))
    column(page, "labels").wait_for()
    assert "; untick all but one of them, or press Calibrate again if" in calibrate(page)
    assert page.run("return document.activeElement.type") == "checkbox"
    samples = read_samples(
        tmp_path / "x.csv", Choice(score_names=["logit_lr", "logit_xgb"]), labels_needed=True
    )
    assert calibrate(page).startswith(f"T = {temperature_of((samples.logits, samples.labels))} ")
    tick(page, "logit_xgb").uncheck()
    one = tables_of_users.ONE
    labels = torch.from_numpy(tables_of_users.YES)
    assert calibrate(page).startswith(f"T = {temperature_of((torch.from_numpy(one), labels))} ")


@pytest.mark.slow
def test_logits_that_are_called_probabilities_are_not_told_to_untick_an_empty_box(page, tmp_path):
    logits, labels = problem(400, 3, 1.0, seed=8)
    np.savez(tmp_path / "x.npz", probabilities=logits, labels=labels)
    drop(page, "fit", tmp_path / "x.npz")
    assert calibrate(page).endswith("; if these are logits, call them logits.")


@pytest.mark.slow
def test_images_and_two_tables_at_once_are_told_where_they_belong(page, saved, tmp_path):
    logits, labels = problem(60, 3, 1.0, seed=8)
    np.savez(tmp_path / "x.npz", logits=logits.reshape(15, 3, 2, 2), labels=labels)
    drop(page, "fit", tmp_path / "x.npz")
    said = calibrate(page)
    assert "(samples, classes) or, for two classes, (samples,), got (15, 3, 2, 2); use the" in said
    np.savez(
        tmp_path / "x.npz", predictions=logits.reshape(15, 4, 3), label_ids=labels.reshape(15, 4)
    )
    drop(page, "fit", tmp_path / "x.npz")
    assert calibrate(page).endswith(f"; {_sentences.OF_TOKENS.format(n_classes=3)}.")
    drop(page, "fit", saved[0] / "names.csv", saved[0] / "excel.csv")
    field = page.page.inner_text("#cc-test-zone strong").removesuffix(" (optional)")
    assert f'choose a second set in the field "{field}"' in calibrate(page)


@pytest.mark.slow
def test_a_file_of_two_sets_is_fitted_on_one_and_tested_on_the_other(page, tmp_path, monkeypatch):
    logits, labels = (part.numpy() for part in problem(500, 3, 2.0, seed=11))
    arrays = {
        "val_logits": logits[:300], "val_labels": labels[:300],
        "logits_test": logits[300:], "labels_test": labels[300:],
    }  # fmt: skip
    np.savez(tmp_path / "sets.npz", **arrays)
    drop(page, "fit", tmp_path / "sets.npz")
    expected = TemperatureScaler().fit_logits(logits[:300], labels[:300]).temperature
    assert calibrate(page).startswith(f"T = {expected:.5g} ")
    fitted, tested, unchecked = page.page.inner_text("#cc-from").split("\n")
    assert unchecked == "No sample of the test was also used to find T."
    assert fitted == (
        "Fitted to sets.npz: n = 300, logits of 3 classes from the array val_logits, labels from "
        "the array val_labels."
    )
    assert "Tested on sets.npz: n = 200, logits of 3 classes from the array logits_test" in tested
    assert "n = 200, 3 classes" in page.page.inner_text("#cc-table")
    space = run_python(page, tmp_path, monkeypatch)
    assert f"{space['scaler'].temperature:.5g}" == f"{expected:.5g}"
    assert space["report"].n_samples == 200
    # Both choices are shown, and can be changed.
    assert column(page, "labels").input_value() == "val_labels"
    of_test = page.page.locator("#cc-test-columns [data-part=labels]")
    assert of_test.input_value() == "labels_test"
    legend = page.page.locator("#cc-test-columns [data-part=legend]")
    assert legend.inner_text() == "The arrays of sets.npz, for the test"
    column(page, "labels").select_option("labels_test")
    column(page, "scores").select_option("logits_test")
    expected = temperature_of((logits[300:], labels[300:]))
    assert calibrate(page).startswith(f"T = {expected} ")


@pytest.mark.slow
@pytest.mark.parametrize("n_columns", [1, 2])
def test_the_positive_class_has_its_name_everywhere(page, tmp_path, n_columns):
    logits, labels = problem(400, 2, 2.0, seed=10)
    words = np.array(["cat", "<b>dog"])[labels.numpy()]
    z = logits.T.tolist()
    if n_columns == 1:
        table = {"score": (logits[:, 1] - logits[:, 0]).tolist(), "label": words}
    else:
        table = {"logit_cat": z[0], "logit_<b>dog": z[1], "label": words}
    drop(page, "fit", write_table(tmp_path / "two.csv", table))
    if n_columns == 1:
        assert "names its two classes" in calibrate(page)
        column(page, "positive").select_option("<b>dog")
    assert calibrate(page).startswith(f"T = {temperature_of((logits, labels))} ")
    cards = save_results(page, tmp_path, ["html", "markdown"])
    shown = page.page.inner_text("#cc-results")
    differs = page.page.inner_text("#cc-differs")
    assert differs.endswith("What is P(<b>dog) here is P(y = 1) there.")
    shown = shown.replace(differs, "")
    for text in (shown, page.page.inner_html("#cc-diagrams"), *cards.values()):
        assert "y = 1" not in text
    assert "ECE of P(<b>dog) in 15 bins" in shown
    assert "orange dot: mean P(<b>dog)" in shown
    assert "the frequency of <b>dog of the samples in a bin" in shown
    titles = page.page.locator("#cc-diagrams title").all_text_contents()
    assert all("the frequency of <b>dog is below the mean P(<b>dog)" in title for title in titles)
    assert "- **ECE**: the expected calibration error of P(<b>dog)" in cards["markdown"].replace(
        "\\", ""
    )
    assert "<b>" not in cards["html"]
    # The test must be of the same class.
    if n_columns == 1:
        drop(page, "test", write_table(tmp_path / "test.csv", {"score_cat": z[0], "label": words}))
        assert "both files must have the same positive class, got <b>dog" in calibrate(page).lower()


@pytest.mark.slow
def test_two_arrays_that_are_alike_are_told_apart_by_name_or_by_the_user(page, tmp_path):
    logits, labels = problem(400, 2, 2.0, seed=10)
    z = logits[:, 1] - logits[:, 0]
    expected = f"T = {temperature_of((z, labels))} "
    for name, array in {"a": labels.double(), "b": z, "y": labels.double()}.items():
        np.save(tmp_path / f"{name}.npy", array.numpy())
    drop(page, "fit", tmp_path / "b.npy", tmp_path / "y.npy")
    assert calibrate(page).startswith(expected)
    assert page.page.is_hidden("#cc-fit-columns")
    drop(page, "fit", tmp_path / "a.npy", tmp_path / "b.npy")
    assert calibrate(page) == (
        "The files a.npy and b.npy are alike, so either of them may hold the labels; choose which "
        "of them holds the true labels, or add the labels if none does."
    )
    assert page.run("return document.activeElement.dataset.part") == "labels"
    legend = page.page.locator("#cc-fit-columns [data-part=legend]")
    assert legend.inner_text() == "The files a.npy and b.npy"
    column(page, "labels").select_option("a.npy")
    assert calibrate(page).startswith(expected)
    assert column(page, "scores").input_value() == "b.npy"
    column(page, "labels").select_option("b.npy")
    column(page, "scores").select_option("a.npy")
    assert "must hold labels that are class indices" in calibrate(page)


@pytest.mark.slow
def test_a_file_that_has_changed_is_asked_for_again(fresh_page, saved, tmp_path):
    path = tmp_path / "changed.csv"
    path.write_bytes((saved[0] / "names.csv").read_bytes())
    drop(fresh_page, "fit", path)
    fresh_page.page.wait_for_selector("#cc-start:enabled")
    path.write_bytes((saved[0] / "wide.csv").read_bytes())
    os.utime(path, (1, 1))
    assert calibrate(fresh_page) == (
        "The file changed.csv has changed or was moved since you chose it, so the browser no "
        "longer reads it; choose it once more."
    )
    # The browser tells of the same file only if the field was empty when it is chosen.
    with fresh_page.page.expect_file_chooser() as chooser:
        fresh_page.page.click("#cc-fit-files")
    assert fresh_page.run("return document.getElementById('cc-fit-files').files.length") == 0
    chooser.value.set_files(path)
    assert calibrate(fresh_page).startswith("T = ")
    with fresh_page.page.expect_file_chooser():
        fresh_page.page.click("#cc-fit-files")
    fresh_page.run("document.getElementById('cc-fit-files').dispatchEvent(new Event('cancel'))")
    assert (
        fresh_page.run("return document.getElementById('cc-fit-files').files[0].name") == path.name
    )


@pytest.mark.slow
def test_a_long_name_of_a_class_stands_beside_no_number_of_a_diagram(page, tmp_path):
    z, labels = (part.numpy() for part in problem(400, 2, 2.0, seed=1))
    name = "Hospitalisierungswahrscheinlichkeit in Tagen"
    words = np.array(["none", name])[labels]
    text = tables_of_users.table([f"score_{name}", "label"], z[:, 1] - z[:, 0], words)
    (tmp_path / "x.csv").write_text(text)
    drop(page, "fit", tmp_path / "x.csv")
    assert calibrate(page).startswith("T = ")
    assert f"blue bar: frequency of {name}" in page.page.inner_text("#cc-key")
    room = """
    return [...document.querySelectorAll("#cc-diagrams svg")].flatMap((svg) => {
      const texts = [...svg.querySelectorAll("text")];
      const boxOf = (test) => texts.find(test).getBoundingClientRect();
      const beside = boxOf((text) => text.hasAttribute("transform"));
      const top = boxOf(({ textContent }) => textContent === "100%");
      const below = boxOf(({ textContent }) => textContent.startsWith("P("));
      const whole = svg.getBoundingClientRect();
      return [beside.top - top.bottom, whole.right - below.right, below.left - whole.left];
    });
    """
    assert min(page.run(room)) > 0


@pytest.mark.slow
@pytest.mark.parametrize("place", [10, 11])
def test_a_single_sample_of_an_event_cannot_be_split(page, tmp_path, place):
    """No order of the rows would put it on both sides."""
    z = np.random.default_rng(0).standard_normal(200) - 4
    labels = (np.arange(200) == place).astype(int)
    z[place] += 3
    (tmp_path / "x.csv").write_text(tables_of_users.table("logit label", z, labels))
    drop(page, "fit", tmp_path / "x.csv")
    said = calibrate(page)
    if place % 2 == 0:
        assert said.startswith("T = ")
        assert "All 100 samples of the test have the label 0" in page.page.inner_text("#cc-doubts")
        return
    assert said.startswith("The file holds a single sample of the class 1, which cannot serve both")
    drop(page, "test", tmp_path / "x.csv")
    assert "is a single sample" not in calibrate(page)


@pytest.mark.slow
def test_it_says_how_the_numbers_of_samples_belong_together(page, saved, tmp_path):
    drop(page, "fit", saved[0] / "names.csv")
    calibrate(page)
    read, split, unchecked = page.page.inner_text("#cc-from").split("\n")
    assert "No sample of the test was also used to find T. It was not checked whether" in unchecked
    assert unchecked.endswith(
        "whether rows belong together, such as two pictures of one thing. They "
        "may stand on both sides."
    )
    assert read.startswith("Read names.csv: n = 600, ")
    assert split == (
        "Of these 600 samples, 300 were used to find T: the first, the third, the fifth and so on. "
        "The other 300 are the test set. The verdicts, the table and the diagrams show these 300 "
        "samples alone."
    )
    for card in save_results(page, tmp_path, ["html", "markdown"]).values():
        assert split in card
        assert card.count(unchecked) == 1


@pytest.mark.slow
def test_the_choice_says_what_the_page_assumes(page, tmp_path):
    logits, labels = problem(400, 3, 2.0, seed=8)
    u, v, w = logits.T.tolist()
    table = {"u": u, "v": v, "w": w, "kind": labels.tolist()}
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    assert "choose which of them holds the true labels" in calibrate(page)
    read = column(page, "read")
    assert read.inner_text() == "Nothing is read yet."
    assert ticked(page) == ["u", "v", "w", "kind"]
    changed = "The choice has changed. Press Calibrate to read the file in this way."
    column(page, "labels").select_option("kind")
    assert read.inner_text() == changed
    as_read = (
        "Read as logits: u, v, w. This page assumes that the labels count these columns: 0 means "
        "u, 1 means v, 2 means w."
    )
    assert "T = " in calibrate(page)
    assert read.inner_text() == as_read
    for change in (
        lambda: page.page.click("#cc-probabilities"),
        lambda: page.page.click("#cc-probabilities"),
        lambda: tick(page, "u").uncheck(),
        lambda: tick(page, "u").check(),
    ):
        change()
        assert read.inner_text() == changed
        assert column(page, "then").inner_text() == ""  # It would say the same once more.
        assert calibrate(page)
        assert read.inner_text() != changed
        assert column(page, "then").inner_text() != ""


@pytest.mark.slow
def test_a_score_that_is_chosen_as_the_labels_is_refused_as_labels(page, tmp_path):
    logits, _ = problem(400, 3, 2.0, seed=8)
    table = dict(zip(["logit_0", "logit_1", "logit_2"], logits.T.tolist(), strict=True))
    drop(page, "fit", write_table(tmp_path / "x.csv", table))
    assert "or add the labels if none does" in calibrate(page)
    column(page, "labels").select_option("logit_0")
    assert "must hold labels that are class indices from 0, or among" in calibrate(page)


@pytest.mark.slow
def test_a_class_without_samples_can_be_kept_by_pressing_again(page, tmp_path):
    names, words = "dog cow ant bee elk", tables_of_users.ANT_TO_ELK
    z = tables_of_users.OF_FIVE[:, [3, 2, 0, 1, 4]]
    text = tables_of_users.table(f"{names} y", *z.T, words[tables_of_users.WITHOUT_2])
    (tmp_path / "x.csv").write_text(text)
    drop(page, "fit", tmp_path / "x.csv")
    assert (
        "no label names the column cow, so it may be no class; choose the columns that hold sco"
        in calibrate(page)
    )
    assert ticked(page) == names.split()
    assert calibrate(page).startswith("T = ")
    assert "; classes without samples: cow." in page.page.inner_text("#cc-from")


@pytest.mark.slow
def test_a_score_that_was_overlooked_can_be_ticked_or_left(page, tmp_path):
    z, labels = torch.from_numpy(tables_of_users.OF_TWO), torch.from_numpy(tables_of_users.YES)
    text, said = tables_of_users.REFUSED["a name without its word"]
    (tmp_path / "x.csv").write_text(text)
    drop(page, "fit", tmp_path / "x.csv")
    assert said in calibrate(page)
    assert ticked(page) == ["logit_1"]
    assert calibrate(page).startswith(f"T = {temperature_of((z[:, 1], labels))} ")
    tick(page, "no").check()
    assert calibrate(page).startswith(f"T = {temperature_of((z, labels))} ")


@pytest.mark.slow
def test_columns_that_labels_name_may_stand_in_any_order(page, tmp_path):
    """The report is about the second class of the test, as in the library."""
    logits, labels = problem(400, 2, 2.0, seed=10)
    words = np.array(["Cat", "Dog"])[labels.numpy()]
    cat, dog = logits.T.tolist()
    columns = {"logit_cat": cat[:200], "logit_dog": dog[:200], "label": words[:200]}
    drop(page, "fit", write_table(tmp_path / "fit.csv", columns))
    columns = {"logit_dog": dog[200:], "logit_cat": cat[200:], "label": words[200:]}
    drop(page, "test", write_table(tmp_path / "test.csv", columns))
    expected = TemperatureScaler().fit_logits(logits[:200], labels[:200])
    assert calibrate(page).startswith(f"T = {expected.temperature:.5g} ")
    report = evaluate(logits[200:].flip(1), 1 - labels[200:], scaler=expected, progress=False)
    rows = page.page.locator("#cc-table tr").all_inner_texts()
    claims = [f"{bins.mean_confidence:.1%}" for bins in report.bins]
    assert " ".join(rows[1].split()) == f"mean P(Cat) {' '.join(claims)}"


@pytest.mark.slow
def test_a_test_on_other_classes_is_refused(page, tmp_path):
    logits, labels = problem(400, 4, 2.0, seed=10)
    for zone, names in (
        ("fit", ["ant", "bee", "cat", "dog"]),
        ("test", ["Dog", "bee", "cow", "Ant"]),
    ):
        columns = {f"logit_{name}": row for name, row in zip(names, logits.T.tolist(), strict=True)}
        columns["label"] = np.array(names)[labels.numpy()].tolist()
        drop(page, zone, write_table(tmp_path / f"{zone}.csv", columns))
    assert calibrate(page) == (
        "Both files must have the same classes, got cat only for the fit and cow only for the "
        "test; drop files of one model."
    )


@pytest.mark.slow
def test_a_second_file_is_used_for_the_test_only(page, saved):
    folder, (logits, labels) = saved
    np.savez(folder / "other.npz", logits=3 * logits[:100].numpy(), labels=labels[:100].numpy())
    drop(page, "fit", folder / "plain.npz")
    drop(page, "test", folder / "other.npz")
    expected = TemperatureScaler().fit_logits(logits, labels)
    assert calibrate(page).startswith(f"T = {expected.temperature:.5g} ")
    assert "n = 100, 4 classes" in page.page.inner_text("#cc-table")
    report = evaluate(3 * logits[:100], labels[:100], progress=False)
    assert f"{report.before.nll.value:.3f}" in page.page.inner_text("#cc-table")


@pytest.mark.slow
def test_a_test_on_the_samples_of_the_fit_is_refused(page, saved, tmp_path):
    folder, (logits, labels) = saved
    for name, kept in (("same.npz", slice(None)), ("some.npz", slice(0, 300))):
        np.savez(tmp_path / name, logits=logits[kept], labels=labels[kept])
        drop(page, "fit", folder / "plain.npz")
        drop(page, "test", tmp_path / name)
        n = len(labels[kept])
        assert f"{n} of the {n} samples for the test are also among those" in calibrate(page)
    page.page.get_by_role("button", name="Remove the samples for the test").click()
    assert page.run("return document.getElementById('cc-test-names').textContent") == ""
    assert "T = " in calibrate(page)


@pytest.mark.slow
def test_samples_of_the_fit_are_counted_in_the_test(page, tmp_path):
    logits, labels = (part.numpy() for part in problem(700, 3, 2.0, seed=8))
    parts = {"fit": slice(0, 400), "test": slice(380, 700), "apart": slice(400, 700)}
    for name, part in parts.items():
        np.savez(tmp_path / f"{name}.npz", logits=logits[part], labels=labels[part])
    drop(page, "fit", tmp_path / "fit.npz")
    drop(page, "test", tmp_path / "test.npz")
    assert calibrate(page).startswith("T = ")
    said = "20 of the 320 test samples were also used to find T"
    assert f"Warning: {said}" in page.page.inner_text("#cc-doubts")
    for card in save_results(page, tmp_path, ["html", "markdown"]).values():
        assert said in card
    drop(page, "test", tmp_path / "apart.npz")
    calibrate(page)
    assert page.page.inner_text("#cc-doubts") == ""
    assert "No sample of the test was also used" in page.page.inner_text("#cc-from")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["npz", "csv", "npy"])
def test_labels_that_count_from_1_need_a_tick(fresh_page, tmp_path, form, monkeypatch):
    logits, labels = problem(400, 3, 2.0, seed=8)
    a, b, c = logits.T.tolist()
    files = [tmp_path / f"x.{form}"]
    if form == "csv":
        table = {"class_0": a, "class_1": b, "class_2": c, "label": (labels + 1).tolist()}
        write_table(files[0], table)
    elif form == "npz":
        np.savez(files[0], logits=logits.numpy(), labels=labels.numpy() + 1)
    else:
        files.append(tmp_path / "y.npy")
        np.save(files[0], logits.numpy())
        np.save(files[1], labels.numpy() + 1)
    drop(fresh_page, "fit", *files)
    assert "labels run from 1 to 3; if they count from 1, tick" in calibrate(fresh_page)
    assert fresh_page.run("return document.activeElement.dataset.part") == "count"
    fresh_page.press("Space")
    assert calibrate(fresh_page).startswith(f"T = {temperature_of((logits, labels))} ")
    assert column(fresh_page, "count").is_checked()
    if form == "npy":
        assert "labels from y.npy" in fresh_page.page.inner_text("#cc-from")
    scaler = run_python(fresh_page, tmp_path, monkeypatch)["scaler"]
    assert f"{scaler.temperature:.5g}" == temperature_of((logits, labels))


@pytest.mark.slow
def test_the_choice_is_shown_before_the_first_press(fresh_page, tmp_path):
    table, samples = with_strays("words")
    drop(fresh_page, "fit", write_table(tmp_path / "x.csv", table))
    then = column(fresh_page, "then")
    then.wait_for()
    assert then.inner_text() == "If the columns are wrong, change them here."
    assert ticked(fresh_page) == ["cat", "dog", "car"]
    assert fresh_page.page.is_hidden("#cc-refusal")
    assert calibrate(fresh_page).startswith(f"T = {temperature_of(samples)} ")
    assert then.inner_text() == "Something else? Change it and press Calibrate again."
    # A table that cannot be read has nothing to choose.
    (tmp_path / "short.csv").write_text("logit_0,logit_1,label\n1,2,0\n1,2\n")
    drop(fresh_page, "fit", tmp_path / "short.csv")
    assert "must have 3 columns in every row" in calibrate(fresh_page)
    assert fresh_page.page.is_hidden("#cc-fit-columns")


@pytest.mark.slow
@pytest.mark.parametrize("order", [[0, 1], [1, 0], [0, 1, 2, 3], [0, 1, 0, 2]])
def test_an_order_that_puts_a_class_in_one_half_is_refused(page, tmp_path, order):
    """A pattern of the labels that repeats, of which every second row sees only a part."""
    n_classes = max(order) + 1
    logits, labels = (part.numpy() for part in problem(2000, n_classes, 2.0, seed=3))
    rows = [np.flatnonzero(labels == label)[:60] for label in order]
    both = np.stack(rows, 1).ravel()
    np.savez(tmp_path / "x.npz", logits=logits[both], labels=labels[both])
    drop(page, "fit", tmp_path / "x.npz")
    said = calibrate(page)
    assert "only one of these halves would hold samples of the class 0, because" in said
    assert said.endswith("; shuffle the rows, or drop a second file for the test.")
    shuffled = np.random.default_rng(0).permutation(both)
    np.savez(tmp_path / "y.npz", logits=logits[shuffled], labels=labels[shuffled])
    drop(page, "fit", tmp_path / "y.npz")
    assert calibrate(page).startswith("T = ")


@pytest.mark.slow
def test_rows_that_stand_in_one_file_twice_are_found(page, tmp_path):
    logits, labels = (part.numpy() for part in problem(400, 3, 2.0, seed=8))
    orders = {
        "both": np.arange(400).repeat(2),
        "most": np.r_[np.arange(300).repeat(2), 300:400],
        "some": np.r_[np.arange(20).repeat(2), 20:400],
        "one": np.tile(np.arange(400), 2),
    }
    said = {}
    for kind, order in orders.items():
        np.savez(tmp_path / f"{kind}.npz", logits=logits[order], labels=labels[order])
        drop(page, "fit", tmp_path / f"{kind}.npz")
        said[kind] = calibrate(page)
        if kind == "some":
            warning = "Warning: 20 of the 210 test samples were also used to find T, so the test"
            assert warning in page.page.inner_text("#cc-doubts")
    assert "400 of the 400 samples for the test are also among those" in said["both"]
    assert "300 of the 350 samples for the test are also among those" in said["most"]
    assert said["most"].endswith(
        "; keep every row of the file once, or drop a second file for the test."
    )
    assert said["one"].startswith("T = ")
    warning = _result_sentences.COPIES.format(n_copies=400, n=800)
    assert f"Warning: {warning}" in page.page.inner_text("#cc-doubts")
    unchecked = page.page.inner_text("#cc-from li:last-child")
    assert "It was not checked whether copies stand on both sides, or whether rows" in unchecked
    for card in save_results(page, tmp_path, ["html", "markdown"]).values():
        assert warning in card


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["with replacement", "a class four times", "every sample twice"])
def test_copies_are_warned_of_as_in_the_library(page, tmp_path, kind):
    (fit_logits, fit_labels), (logits, labels) = (problem(600, 3, 1.0, seed=k) for k in (8, 9))
    at = drawn_again(labels, kind)
    drop_sets(page, tmp_path, fit=(fit_logits, fit_labels), test=(logits[at], labels[at]))
    calibrate(page)
    [said] = evaluate(logits[at], labels[at], progress=False).doubts.warnings
    assert said.startswith(
        f"{len(at) - len(at.unique())} of the {len(at)} samples seem to be copies"
    )
    shown = page.page.locator("#cc-doubts p").all_inner_texts()
    assert shown == [f"Warning: {said}"]


@pytest.mark.slow
def test_a_test_of_one_class_is_warned_of_as_in_the_library(page, tmp_path):
    (fit_logits, fit_labels), (logits, labels) = (problem(600, 3, 1.0, seed=k) for k in (8, 9))
    own = labels == 1
    drop_sets(page, tmp_path, fit=(fit_logits, fit_labels), test=(logits[own], labels[own]))
    calibrate(page)
    [said] = evaluate(logits[own], labels[own], progress=False).doubts.warnings
    assert said == _result_sentences.ONE_CLASS_IN_TEST.format(n=int(own.sum()), label=1)
    assert page.page.locator("#cc-doubts p").all_inner_texts() == [f"Warning: {said}"]


@pytest.mark.slow
def test_labels_that_seem_to_count_from_1_can_be_ticked(page, tmp_path):
    logits, labels = problem(600, 4, 2.0, seed=8)
    kept = labels < 3
    np.savez(tmp_path / "x.npz", logits=logits[kept], labels=labels[kept] + 1)
    drop(page, "fit", tmp_path / "x.npz")
    said = calibrate(page)
    assert "labels seem to count from 1: they run from 1 to 3, and the model would be" in said
    assert said.endswith('; if they count from 1, tick "The labels count from 1".')
    page.page.locator("#cc-fit-columns").get_by_label("The labels count from 1").check()
    assert calibrate(page).startswith("T = ")


@pytest.mark.slow
def test_two_files_of_one_hot_labels_and_of_confidences_are_understood(page, tmp_path):
    z, y = tables_of_users.Z, tables_of_users.Y
    np.save(tmp_path / "a.npy", np.eye(3)[y])
    np.save(tmp_path / "b.npy", z)
    drop(page, "fit", tmp_path / "a.npy", tmp_path / "b.npy")
    assert "; as they are one-hot, save labels.argmax(1)" in calibrate(page)
    one = tables_of_users.ONE
    np.save(tmp_path / "confidences.npy", 1 / (1 + np.exp(-np.abs(one))))
    np.save(tmp_path / "correct.npy", ((one > 0) == tables_of_users.YES).astype(int))
    drop(page, "fit", tmp_path / "confidences.npy", tmp_path / "correct.npy")
    assert calibrate(page).startswith("T = ")
    assert _sentences.OF_CONFIDENCE in page.page.inner_text("main")


@pytest.mark.slow
def test_rows_that_repeat_are_not_taken_for_the_same_samples(page, tmp_path):
    """A model of a few values, such as a tree, gives the same logits to many samples."""
    draws = np.random.default_rng(0)
    for zone in ("fit", "test"):
        logits = draws.integers(-2, 3, 400) + 0.5
        labels = draws.random(400) < 1 / (1 + np.exp(-logits / 2))
        np.savez(tmp_path / f"{zone}.npz", logits=logits, labels=labels)
        drop(page, zone, tmp_path / f"{zone}.npz")
    assert "T = " in calibrate(page)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["another file", "the tick"])
def test_results_of_an_earlier_choice_do_not_stay(page, saved, change):
    folder, _ = saved
    drop(page, "fit", folder / "plain.npz")
    assert "T = " in calibrate(page)
    if change == "the tick":
        page.page.get_by_label("These are probabilities").check()
    else:
        drop(page, "fit", folder / "names.csv")
    assert page.run("return document.getElementById('cc-results').hidden")


KINDS = {"html": "model_card.html", "markdown": "model_card.md", "json": "temperature.json"}


def save_results(
    page, folder: Path, kinds: Iterable[str] = KINDS, name: str = ""
) -> dict[str, str]:
    """Press the buttons that save files, and return the texts of the files.

    They are without what keeps the formulas whole.
    """
    texts = {}
    for kind in kinds:
        with page.page.expect_download() as download:
            page.page.click(f"#cc-save-{kind}")
        if name:
            assert download.value.suggested_filename == f"{name}_{KINDS[kind]}"
        download.value.save_as(folder / kind)
        text = (folder / kind).read_text(encoding="utf-8")
        texts[kind] = re.sub(r'<span class="cc-whole">(.*?)</span>', r"\1", text)
    return texts


@pytest.mark.slow
@pytest.mark.parametrize(
    ("typed", "name", "html", "markdown"),
    [
        ("", "plain", "plain", "plain"),
        ("  My ResNet, v2.1 ", "My_ResNet_v2_1", "My ResNet, v2.1", "My ResNet, v2.1"),
        ("../../Gerät", "Gerät", "../../Gerät", "../../Gerät"),
        ("<img src=x>_a_ [b](c)`", "img_src_x_a_b_c", "&lt;img src=x&gt;_a_ [b](c)`",
         r"\<img src=x\>\_a\_ \[b\](c)\`"),
        ("...", "model", "...", "..."),
    ],
)  # fmt: skip
def test_the_name_of_the_model_is_in_the_card_and_in_the_names_of_the_files(
    fresh_page, saved, tmp_path, typed, name, html, markdown
):
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    calibrate(fresh_page)
    fresh_page.page.get_by_label("Name of the model").fill(typed)
    texts = save_results(fresh_page, tmp_path, name=name)
    assert f"<h1>Model card: {html}</h1>" in texts["html"]
    assert "<img" not in texts["html"]
    assert texts["markdown"].startswith(f"# Model card: {markdown}\n")
    assert json.loads(texts["json"])["model"] == (typed.strip() or "plain")


@pytest.mark.slow
def test_what_is_saved_holds_the_results(fresh_page, saved, tmp_path):
    folder, samples = saved
    drop(fresh_page, "fit", folder / "plain.npz")
    calibrate(fresh_page)
    texts = save_results(fresh_page, tmp_path)
    expected = temperature_of(samples)
    assert f"{json.loads(texts['json'])['temperature']:.5g}" == expected
    assert f"T = {expected} " in texts["markdown"]
    assert f"T = {expected} " in texts["html"]
    assert texts["html"].count('role="img"') == 2
    marks = "blue bar: accuracy", "orange dot: mean confidence", "grey band", "dashed line"
    for text in (texts["html"], fresh_page.page.inner_text("#cc-key")):
        assert all(mark in text for mark in marks)
    assert "<script" not in texts["html"]
    scaler = TemperatureScaler().fit_logits(*(part[::2] for part in samples))
    report = evaluate(*(part[1::2] for part in samples), scaler=scaler, progress=False)
    for values in (report.before, report.after):
        assert f"| {values.brier.value:.3f} (" in re.sub(r" +", " ", texts["markdown"])


@pytest.mark.slow
def test_nothing_leaves_the_browser(fresh_page, saved):
    asked: list[str] = []
    fresh_page.page.on("request", lambda request: asked.append(request.url))
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    assert calibrate(fresh_page).startswith("T = ")
    # The browser itself asks for the icon of the page, at some time after loading it.
    assert [url for url in asked if not url.startswith("blob:") and "icon.svg" not in url] == []
    refused = fresh_page.run(
        "return fetch(location.href).then(() => 'sent', () => 'refused')",
    )
    assert refused == "refused"
    fresh_page.faults.clear()  # The console tells that the request was refused.


@pytest.mark.slow
def test_it_works_from_a_saved_page_without_a_network(browser, site, saved):
    browser.page.context.set_offline(True)
    browser.open((site / "calculator.html").as_uri())
    drop(browser, "fit", saved[0] / "plain.npz")
    assert calibrate(browser).startswith("T = ")


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        (0, 0, 0),
        (1e-4, -2e-4, 4e-4),
        (-1e-3, -2e-3, -2e-4),
        (5e-4, -4e-6, 4e-5),
        (1e-3, 0, 2e-3),
    ],
)
def test_a_change_that_would_be_shown_as_0_is_written_as_in_the_library(fresh_page, change):
    value, low, high = change
    shown = fresh_page.run(
        """
        for (const part of ["words", "measures"]) calculatorParts[part]();
        const [nll, moved] = [{ value: 1, low: 1, high: 1 }, arguments[0]];
        const report = { C: 3, before: { nll }, after: { nll }, change: { nll: moved } };
        return measures.tableOf(report)[0][3].join(" ").trim();
        """,
        {"value": value, "low": low, "high": high},
    )
    assert shown == _change_text(Interval(*change), "+.3f")


@pytest.mark.slow
def test_the_frame_around_the_results_keeps_away_from_their_text(fresh_page, saved):
    fresh_page.page.focus("#cc-fit-files")
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    fresh_page.page.wait_for_selector("#cc-start:enabled")
    fresh_page.page.focus("#cc-start")
    fresh_page.press("Enter")
    fresh_page.page.wait_for_selector("#cc-results:not([hidden])")
    assert fresh_page.run("return document.activeElement.matches('#cc-results:focus-visible')")
    assert fresh_page.run("return getComputedStyle(document.activeElement).outlineOffset") == "8px"


@pytest.mark.slow
def test_it_is_used_by_keyboard_and_can_be_cancelled(fresh_page, tmp_path):
    logits, labels = problem(20_000, 60, 2.0, seed=2)
    np.savez(tmp_path / "large.npz", logits=logits.float().numpy(), labels=labels.numpy())
    fresh_page.page.focus("#cc-fit-files")
    drop(fresh_page, "fit", tmp_path / "large.npz")
    fresh_page.page.wait_for_selector(
        "#cc-start:enabled"
    )  # The beginning of the file is read first.
    fresh_page.page.focus("#cc-start")
    fresh_page.press("Enter")
    fresh_page.page.wait_for_selector("#cc-progress-row:not([hidden])")
    assert fresh_page.run("return document.activeElement.id") == "cc-cancel"
    fresh_page.press("Enter")
    assert fresh_page.page.is_hidden("#cc-progress-row")
    assert fresh_page.page.is_hidden("#cc-results")
    assert fresh_page.run("return document.activeElement.id") == "cc-start"
    assert fresh_page.page.is_enabled("#cc-start")


@pytest.mark.slow
def test_the_page_answers_while_it_computes(fresh_page, tmp_path):
    logits, labels = problem(20_000, 200, 2.0, seed=2)
    np.savez(tmp_path / "large.npz", logits=logits.float().numpy(), labels=labels.numpy())
    drop(fresh_page, "fit", tmp_path / "large.npz")
    fresh_page.page.click("#cc-start")
    fresh_page.page.wait_for_selector("#cc-progress-row:not([hidden])")
    assert fresh_page.run(FRAMES, 40)
    fresh_page.page.click("#cc-cancel")
    assert fresh_page.page.is_hidden("#cc-progress-row")


def table_of_ten_classes(path: Path) -> Path:
    """A table that takes a moment to read, and seconds to measure."""
    logits, labels = problem(20_000, 10, 2.0, seed=2)
    scores = {f"logit_{k}": column.tolist() for k, column in enumerate(logits.T)}
    return write_table(path, {**scores, "label": labels.tolist()})


CHOICES_WHILE_IT_COMPUTES = {
    "probabilities": lambda page, _: page.page.check("#cc-probabilities"),
    "a column": lambda page, _: column(page, "none").click(),
    "another file": lambda page, small: drop(page, "fit", small),
    "another test": lambda page, small: drop(page, "test", small),
}


@pytest.mark.slow
@pytest.mark.parametrize("choice", CHOICES_WHILE_IT_COMPUTES)
def test_no_result_of_an_earlier_choice_is_shown(page, saved, tmp_path, choice):
    """Before, that of an earlier file was shown and saved under the name of the later one."""
    drop(page, "fit", table_of_ten_classes(tmp_path / "large.csv"))
    page.page.click("#cc-start")
    page.page.wait_for_selector("#cc-progress-row:not([hidden])")
    CHOICES_WHILE_IT_COMPUTES[choice](page, saved[0] / "plain.npz")
    page.page.wait_for_selector("#cc-start:enabled")
    assert page.page.is_hidden("#cc-progress-row")
    assert page.page.is_hidden("#cc-results")
    for _ in range(100):  # A worker takes a moment to end.
        if page.page.workers:
            page.page.wait_for_timeout(100)
    assert page.page.workers == []


WATCH_START = """
const [start, box] = ["start", "fit-columns"].map((id) => document.getElementById(`cc-${id}`));
window.hidden = [];
new MutationObserver(() => start.disabled || window.hidden.push(box.hidden)).observe(
  start, { attributes: true }
);
"""


@pytest.mark.slow
def test_the_button_is_pressed_where_it_stays(fresh_page, tmp_path):
    """Before, the columns pushed it away, and a press during which they were shown was lost."""
    table = table_of_ten_classes(tmp_path / "wide.csv")
    fresh_page.run(WATCH_START)
    drop(fresh_page, "fit", table)
    assert fresh_page.page.inner_text("#cc-fit-names") == "Reading wide.csv ..."
    drop(fresh_page, "test", table)
    fresh_page.page.wait_for_selector("#cc-start:enabled")
    assert [fresh_page.page.inner_text(f"#cc-{zone}-names") for zone in ("fit", "test")] == 2 * [
        "wide.csv"
    ]
    assert fresh_page.run("return window.hidden") == [False]


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_a_phone(fresh_page, saved, theme):
    fresh_page.set_theme(theme)
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    calibrate(fresh_page)
    fresh_page.resize(380, 800)
    assert fresh_page.run("return document.documentElement.scrollWidth") <= 380
    assert fresh_page.run(CUT) == []
    assert fresh_page.run(LINES_OF_RANGES) == [1]


@pytest.mark.slow
def test_no_line_ends_within_a_formula(fresh_page, tmp_path):
    """The text itself stays as it is, so that what is copied has ordinary blanks."""
    logits, labels = problem(400, 2, 2.0, seed=10)
    np.savez(tmp_path / "two.npz", logits=logits, labels=labels)
    drop(fresh_page, "fit", tmp_path / "two.npz")
    calibrate(fresh_page)
    fresh_page.run("for (const all of document.querySelectorAll('details')) all.open = true")
    for width in range(300, 420, 10):
        fresh_page.resize(width, 800)
        found = fresh_page.run(LINES_OF_FORMULAS)
        assert len(found) > 20
        assert set(found.values()) == {1}, found
    assert "P(y = 1)" in fresh_page.page.inner_text("#cc-verdicts") + fresh_page.page.inner_text(
        "#cc-table"
    )


@pytest.mark.slow
def test_a_telephone_shows_the_table_before_the_lines_about_the_samples(fresh_page, saved):
    fresh_page.resize(380, 800)
    drop(fresh_page, "fit", saved[0] / "plain.npz")
    calibrate(fresh_page)
    tops = [
        fresh_page.page.locator(f"#cc-{name}").bounding_box()["y"]
        for name in ("verdicts", "table", "from", "diagrams")
    ]
    assert tops == sorted(tops)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "shown"), [(380, False), (599, False), (1200, True)])
def test_the_way_back_to_the_top_covers_no_text_of_a_telephone(fresh_page, width, shown):
    """The theme shows it as soon as one scrolls upwards."""
    fresh_page.resize(width, 800)
    for place in (1500, 1000):
        fresh_page.run("scrollTo({ top: arguments[0], behavior: 'instant' })", place)
        fresh_page.page.wait_for_timeout(300)
    assert fresh_page.page.is_visible("#pst-back-to-top") == shown


def event_of(mean: float, spread: float, n: int = 4000) -> dict[str, list[float]]:
    """A table of a model that overestimates an event; the mean logit says how rare it is."""
    rng = np.random.default_rng(0)
    z = mean + spread * rng.standard_normal(n)
    labels = (rng.random(n) < 1 / (1 + np.exp(-z))).astype(int)
    return {"p_1": (1 / (1 + np.exp(-z - 0.7))).tolist(), "label": labels.tolist()}


TICKS = """
const texts = [...document.querySelectorAll("#cc-diagrams svg:first-of-type text")];
return texts.filter((text) => text.getAttribute("text-anchor") === "end")
  .map(({ textContent }) => textContent);
"""
HEIGHTS = """
const bars = document.querySelectorAll('#cc-diagrams figure:first-child rect[fill="#0072b2"]');
return [...bars].map((bar) => Number(bar.getAttribute("height")));
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("mean", "spread", "said"),
    [
        (-5, 1, "ends near the largest of these values, not at 100%"),
        (5, 1, "does not begin at 0, so compare where the bars end"),
        (0.15, 0.1, "does not begin at 0, so compare where the bars end"),
        (-1, 2, None),
    ],
)
def test_a_diagram_shows_an_event_whose_probabilities_are_alike(
    fresh_page, tmp_path, mean, spread, said
):
    table = event_of(mean, spread)
    drop(fresh_page, "fit", write_table(tmp_path / "event.csv", table))
    calibrate(fresh_page)
    legend = fresh_page.page.inner_text("#cc-legend")
    ends = [float(tick.rstrip("%")) for tick in dict.fromkeys(fresh_page.run(TICKS))]
    heights = fresh_page.run(HEIGHTS)
    cards = save_results(fresh_page, tmp_path, ["html", "markdown"])
    assert all(legend in card for card in cards.values())
    if said is None:
        assert "in a bin" in legend
        assert (min(ends), max(ends)) == (0, 100)
        assert "dashed line" in fresh_page.page.inner_text("#cc-key")
        return
    assert said in legend
    assert "dashed line" not in fresh_page.page.inner_text("#cc-key")
    # The bars are the frequencies of ten groups of equal size, on the axis that is shown.
    p, labels = (np.array(table[name][1::2]) for name in ("p_1", "label"))
    groups = np.split(labels[np.argsort(p, kind="stable")], 10)
    expected = np.array([100 * group.mean() for group in groups])
    assert len(heights) == 10
    unit = 270 / (max(ends) - min(ends))
    assert heights == pytest.approx((unit * (expected - min(ends))).tolist(), abs=0.1)
    assert max(heights) > 40  # Of 270, where a bar of 1% would be 2.7 high on a whole axis.
    assert (min(ends) == 0) == (mean < 0)


@pytest.mark.slow
def test_samples_of_one_probability_share_a_group(fresh_page, tmp_path):
    """The order of the rows would tell them apart, and here it is that of the labels."""
    p = np.repeat([0.002, 0.01, 0.03], [600, 600, 200])
    labels = np.concatenate([np.arange(size) < size * share for size, share in
                             ((600, 0.005), (600, 0.02), (200, 0.05))]).astype(int)  # fmt: skip
    twice = {"p": np.repeat(p, 2).tolist(), "label": np.repeat(labels, 2).tolist()}
    drop(fresh_page, "fit", write_table(tmp_path / "steps.csv", twice))
    calibrate(fresh_page)
    heights = fresh_page.run(HEIGHTS)
    assert len(heights) == 3
    assert np.array(heights) / heights[-1] == pytest.approx([0.1, 0.4, 1], abs=0.01)


@pytest.mark.slow
def test_two_steps_of_the_keyboard_lead_to_the_files(fresh_page):
    fresh_page.press("Tab", "Tab")
    assert fresh_page.run("return document.activeElement.textContent") == "Skip to the calculator"
    fresh_page.press("Enter")
    assert fresh_page.run("return document.activeElement.id") == "cc-fit-files"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("photo.png", b"\x89PNG", "photo.png cannot be read: the name of the file must end in"),
        ("photo.csv", b"\x89PNG\r\n\x1a\n\0\0", "photo.csv is not a valid csv file"),
        ("photo.npz", b"\x89PNG\r\n\x1a\n\0\0", "photo.npz is not a valid npz file"),
        ("empty.csv", b"", "empty.csv is empty"),
        ("empty.npy", b"", "empty.npy is not a valid npy file"),
    ],
)
def test_an_unusable_file_is_refused_at_once(page, saved, tmp_path, name, content, said):
    drop(page, "fit", saved[0] / "plain.npz")
    (tmp_path / name).write_bytes(content)
    drop(page, "fit", tmp_path / name)
    fault = page.page.locator("#cc-fit-fault[role=alert]:not(:empty)")
    fault.wait_for()
    assert said in fault.inner_text()
    described = page.page.locator("#cc-fit-files[aria-invalid=true]")
    assert described.get_attribute("aria-describedby") == "cc-fit-fault"
    assert page.page.is_disabled("#cc-start")
    drop(page, "fit", saved[0] / "plain.npz")
    page.page.wait_for_selector("#cc-start:enabled")
    assert page.page.inner_text("#cc-fit-fault") == ""
    assert page.page.get_attribute("#cc-fit-files", "aria-invalid") == "false"


@pytest.mark.slow
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_state_of_the_page_has_a_fault_for_a_screen_reader(fresh_page, animals, tmp_path, theme):
    axe = pytest.importorskip(
        "axe_playwright_python.sync_playwright", reason='the extra "browser" has axe'
    ).Axe()
    fresh_page.set_theme(theme)
    fresh_page.set_media(reduced_motion="reduce")
    drop(fresh_page, "fit", animals[0])
    calibrate(fresh_page)
    tick(fresh_page, "year").uncheck()
    calibrate(fresh_page)
    fresh_page.page.click("#cc-results summary")
    (tmp_path / "empty.csv").write_text("")
    drop(fresh_page, "test", tmp_path / "empty.csv")
    fresh_page.page.wait_for_selector(".cc-fault:not(:empty)")
    fresh_page.run("document.getElementById('cc-results').hidden = false")
    found = axe.run(fresh_page.page, context="#cc-results, .calculator", options={"preload": False})
    assert [fault["id"] for fault in found.response["violations"]] == []


def bad_files(folder: Path) -> list[tuple[str, ...]]:
    """Write files that hold what cannot be meant; returns their names."""
    logits, labels = problem(60, 3, 1.0, seed=5)
    z, y = logits.numpy(), labels.numpy()
    nan, masked = z.copy(), z.copy()
    nan[4, 1], masked[7, 2] = np.nan, -np.inf
    p = logits.softmax(1).numpy()
    arrays = {
        "no_labels": {"logits": z},
        "two_labels": {"logits": z, "labels": y, "y": y},
        "no_logits": {"labels": y},
        "objects": {"logits": np.array([{}], dtype=object), "labels": y},
        "whole_logits": {"logits": y, "labels": y},
        "nan": {"logits": nan, "labels": y},
        "masked": {"logits": masked, "labels": y},
        "infinite": {"logits": np.where(z > 3, np.inf, z), "labels": y},
        "huge": {"logits": z * 1e200, "labels": y},
        "probabilities_as_logits": {"logits": p, "labels": y},
        "rounded": {"logits": p.round(2), "labels": y},
        "percentages": {"logits": 100 * p, "labels": y},
        "bytes": {"logits": (255 * p).round(), "labels": y},
        "per_mille": {"logits": (1000 * p).round(), "labels": y},
        "half": {"logits": p.astype(np.float16), "labels": y},
        "sigmoids": {"logits": 1 / (1 + np.exp(-2 * z)), "labels": y},
        "single_sigmoids": {"logits": 1 / (1 + np.exp(-z[:, 0])), "labels": y % 2},
        "logits_as_probabilities": {"probabilities": z, "labels": y},
        "percent_probabilities": {"probabilities": 100 * p, "labels": y},
        "percent_events": {"p": 100 * p[:, 0], "labels": y % 2},
        "short_labels": {"logits": z, "labels": y[:-1]},
        "labels_from_1": {"logits": z, "labels": y + 1},
        "negative_labels": {"logits": z, "labels": np.where(y == 0, -100, y)},
        "fractions": {"logits": z, "labels": y + 0.5},
        "empty": {"logits": z[:0], "labels": y[:0]},
        "one_class": {"logits": z, "labels": 0 * y},
        "same_logits": {"logits": 0 * z + 2, "labels": y},
        "all_right": {"logits": z, "labels": z.argmax(1)},
        "all_wrong": {"logits": z, "labels": z.argmin(1)},
        "deep": {"logits": z.reshape(20, 3, 3, 1), "labels": y},
    }
    for name, held in arrays.items():
        np.savez(folder / f"{name}.npz", **held)
    rows = "\n".join(f"{a},{b},{c},{k}" for (a, b, c), k in zip(z, y, strict=True))
    whole = (folder / "one_class.npz").read_bytes()
    texts = {
        "empty.csv": "",
        "only_a_head.csv": "logit_0,logit_1,label\n",
        "text.csv": "logit_0,logit_1,label\n1.5,high,0\n2.5,1,1\n",
        "missing.csv": "logit_0,logit_1,label\n1.5,,0\n2.5,1,1\n",
        "ragged.csv": "logit_0,logit_1,label\n1.5,2,0\n2.5,1\n",
        "twice.csv": "logit_0,logit_0,label\n1.5,2,0\n2.5,1,1\n",
        "no_label.csv": "logit_0,logit_1,id\n1.5,2,7\n2.5,1,8\n",
        "identifier.csv": "\n".join(
            ["txn,score,label", *(f"{i * 7 % 41},{(i % 7) - 2.5},{i % 2}" for i in range(40))]
        ),
        "unknown_class.csv": "logit_cat,logit_dog,label\n1.5,2,cat\n2.5,1,cow\n",
        "no_head.csv": rows + "\n1.5,2.5,3.5,4.5\n",
        "a_picture.png": "no numbers",
        "a_table.parquet": "PAR1",
        "no_archive.npz": "no archive",
        "no_array.npy": "no array",
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
    (folder / "torn.npz").write_bytes(whole[: len(whole) // 2])
    np.save(folder / "alone.npy", z)
    np.save(folder / "both_scores.npy", z)
    return [
        *((f"{name}.npz",) for name in arrays),
        *((name,) for name in texts),
        ("torn.npz",),
        ("alone.npy",),
        ("alone.npy", "both_scores.npy"),
    ]


def as_shown(sentence: str, path: str) -> str:
    """A sentence of the library as the page shows it, without its advice."""
    said = sentence.replace(f"{path}: ", f"In {path}, ", 1)
    if said.startswith(path):
        said = f"The file {said}"
    return said[0].upper() + said[1:]


def said_by_the_library(names: tuple[str, ...], capsys) -> str | None:
    """What the command line says about a file, without its advice, or None if it fits it."""
    try:
        status = command_line(["fit", names[0], "--output", "scaler.pt"])
    except SystemExit as stop:
        status = stop.code
    said = capsys.readouterr().err.strip()
    if not status:
        return None
    return said.splitlines()[-1].removeprefix("calibkit: ").partition(";")[0]


@pytest.mark.slow
def test_bad_files_are_refused_with_the_sentences_of_the_library(
    page, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    files = bad_files(tmp_path)
    assert len(files) >= 40
    different = []
    for names in files:
        drop(page, "fit", *(tmp_path / name for name in names))
        drop(page, "test", *(tmp_path / name for name in names))  # No row is kept from the fit.
        said = calibrate(page)
        assert not said.startswith("T = "), f"{names} was not refused"
        assert "fault of ours" not in said, f"{names}: {said}"
        assert said.endswith("."), said
        library = said_by_the_library(names, capsys)
        if names[0] in ON_PURPOSE or len(names) > 1:
            continue
        expected = library and as_shown(library, names[0]).removesuffix(".")
        if said.partition(";")[0].removesuffix(".") != expected:
            different.append((names, said, library))
    assert different == []


@pytest.mark.slow
def test_logits_are_accepted_whose_rows_sum_to_about_100_by_chance(page, tmp_path):
    logits = np.random.default_rng(0).uniform(0, 2, (400, 100))
    labels = logits.argmax(1)
    labels[::3] = 0
    np.savez(tmp_path / "model.npz", logits=logits, labels=labels)
    drop(page, "fit", tmp_path / "model.npz")
    assert calibrate(page).startswith("T = ")
    TemperatureScaler().fit_logits(logits, labels)
