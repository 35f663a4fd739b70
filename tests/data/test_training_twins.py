"""The twins of the embedded network: what the file holds, and how the script trains and resumes."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from calibkit import (
    Glyphs100,
    ResNet20,
    TemperatureScaler,
    evaluate,
    negative_log_likelihood,
    training_twins,
)
from calibkit.data import training_twins as reading
from calibkit.data.assets import train_twins as training

SMALL = training.Size(
    n_train=64, n_epochs=3, batch_size=24, n_validation=50, n_calibration=60, n_test=40
)
METHODS = [*training.RECIPES, *training.STOPPED]


@pytest.fixture(scope="module")
def data():
    return training_twins()


@pytest.fixture(scope="module")
def recipes():
    n_seeds = {"plain": 2, "mixup": 1}
    return {name: replace(training.RECIPES[name], n_seeds=n) for name, n in n_seeds.items()}


@pytest.fixture(scope="module")
def work(tmp_path_factory, recipes):
    folder = tmp_path_factory.mktemp("twins")
    training.train_all(folder, recipes, SMALL, progress=False)
    return folder


def state_of(folder, method, seed):
    return torch.load(training.finished(folder, method, seed), weights_only=True)


def fit(samples, method, seed):
    return TemperatureScaler().fit_logits(samples["logits"][method][seed], samples["labels"])


def nll(logits, labels):
    return negative_log_likelihood(logits.softmax(1), labels)


# What the file holds.


def test_file_and_shapes(data):
    assert reading.TWINS_FILE.stat().st_size < 5_000_000
    size = training.Size()
    for samples, n in zip(data[:2], (size.n_calibration, size.n_test), strict=True):
        assert list(samples["logits"]) == METHODS
        assert samples["labels"].shape == (n,)
        assert samples["labels"].dtype == torch.int64
        for method, logits in samples["logits"].items():
            assert logits.shape == (5 if method == "plain" else 3, n, 100)
            assert logits.dtype == torch.float32
    assert list(data[2]) == ["nll", "scaled_nll"]
    for losses in data[2].values():
        assert losses.shape == (3, size.n_epochs)


def test_the_labels_are_those_of_the_first_images_of_the_test_set(data):
    labels = torch.cat([samples["labels"] for samples in data[:2]])
    assert torch.equal(labels, Glyphs100(len(labels), seed=2).targets)


def test_no_two_networks_are_the_same_and_the_sets_share_no_image(data):
    calibration, test, _ = data
    trained = torch.cat([test["logits"][method] for method in training.RECIPES])
    assert len(trained) == 17
    assert len(torch.unique(trained.flatten(1), dim=0)) == 17
    scaler = fit(calibration, "plain", 0)
    report = evaluate(test["logits"]["plain"][0], test["labels"], scaler=scaler)
    assert report.leak_check is None


@pytest.mark.parametrize("seed", range(5))
def test_plain_networks_are_overconfident_and_a_temperature_repairs_it(data, seed):
    calibration, test, _ = data
    logits, labels = test["logits"]["plain"][seed], test["labels"]
    accuracy = (logits.argmax(1) == labels).double().mean()
    scaler = fit(calibration, "plain", seed)
    assert logits.softmax(1).amax(1).mean() - accuracy > 0.02
    assert scaler.temperature > 1.1
    assert nll(scaler(logits), labels) < nll(logits, labels) - 0.004


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("method", ["label_smoothing", "weight_decay", "more_data", "mixup"])
def test_all_other_trainings_make_underconfident_networks(data, method, seed):
    calibration, test, _ = data
    logits, labels = test["logits"][method][seed], test["labels"]
    accuracy = (logits.argmax(1) == labels).double().mean()
    assert accuracy - logits.softmax(1).amax(1).mean() > 0.02
    assert fit(calibration, method, seed).temperature < 0.92


def test_a_temperature_never_makes_the_validation_loss_larger(data):
    assert (data[2]["scaled_nll"] <= data[2]["nll"] + 1e-6).all()


def test_a_network_that_is_stopped_after_its_last_epoch_is_the_plain_one(data):
    for method, loss in training.STOPPED.items():
        for seed, losses in enumerate(data[2][loss]):
            stopped, plain = (data[1]["logits"][name][seed] for name in (method, "plain"))
            assert torch.equal(stopped, plain) == (losses.argmin() == len(losses) - 1)


def test_the_table_shows_all_methods_and_the_ensemble(data, capsys):
    training.print_table()
    table = capsys.readouterr().out
    assert all(f"{method:18}3" in table for method in METHODS[1:])
    assert "ensemble of 5     1" in table


# How the script trains.


def test_an_interrupted_training_ends_with_the_same_weights(work, recipes, tmp_path, monkeypatch):
    write, n_written = training.write_complete_file, 0

    def write_and_interrupt(state, path):
        nonlocal n_written
        write(state, path)
        n_written += 1
        if n_written % 2 == 0:
            raise KeyboardInterrupt

    monkeypatch.setattr(training, "write_complete_file", write_and_interrupt)
    n_interrupted = 0
    while True:
        try:
            training.train_all(tmp_path, recipes, SMALL, progress=False)
            break
        except KeyboardInterrupt:
            n_interrupted += 1
    assert n_interrupted == 6  # Each of the three twins writes four files.
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(p.name for p in work.iterdir())
    for method, seed in training.twins(recipes):
        one, other = (state_of(folder, method, seed) for folder in (work, tmp_path))
        assert one["history"] == other["history"]
        for weights, others in (
            (one["model"], other["model"]),
            *((one["stopped"][k], other["stopped"][k]) for k in one["stopped"]),
        ):
            assert all(torch.equal(weights[k], others[k]) for k in weights)


def test_finished_twins_are_not_trained_again(work, recipes, monkeypatch):
    monkeypatch.delattr(training, "train_twin")
    training.train_all(work, recipes, SMALL, progress=False)


def test_the_file_has_the_same_bytes_each_time_and_can_be_made_of_some_twins(
    work, recipes, tmp_path, monkeypatch
):
    files = [tmp_path / name for name in ("one.npz", "two.npz")]
    for file in files:
        training.write_asset(work, file, recipes, SMALL, progress=False)
    assert files[0].read_bytes() == files[1].read_bytes()
    monkeypatch.setattr(reading, "TWINS_FILE", files[0])
    calibration, test, history = training_twins()
    assert {name: len(logits) for name, logits in test["logits"].items()} == {
        "plain": 2,
        "mixup": 1,
        "early_stopping": 2,
        "refined_stopping": 2,
    }
    assert calibration["logits"]["plain"].shape == (2, 60, 100)
    assert history["nll"].shape == (2, 3)


def test_the_file_rounds_the_logits_but_little(work, recipes, tmp_path, monkeypatch):
    monkeypatch.setattr(reading, "TWINS_FILE", tmp_path / "twins.npz")
    training.write_asset(work, reading.TWINS_FILE, recipes, SMALL, progress=False)
    model = ResNet20().eval()
    model.load_state_dict(state_of(work, "mixup", 0)["model"])
    images = Glyphs100(100, seed=2).images
    with torch.inference_mode():
        logits = model(images)
    found = torch.cat([samples["logits"]["mixup"][0] for samples in training_twins()[:2]])
    assert (found - logits).abs().max() < 0.02 * logits.std()


def test_the_stopped_weights_are_those_of_the_best_epoch(work):
    state = state_of(work, "plain", 0)
    validation = Glyphs100(SMALL.n_validation, seed=training.VALIDATION_SEED)
    model = ResNet20().eval()
    model.load_state_dict(state["stopped"]["nll"])
    with torch.inference_mode():
        loss = nll(model(validation.images), validation.targets)
    assert loss == pytest.approx(min(state["history"]["nll"]), abs=1e-4)


def test_all_methods_take_the_same_number_of_steps_and_mixup_mixes_the_same_images():
    train = Glyphs100(3 * SMALL.n_train, seed=1)
    n = SMALL.n_train
    plain, mixed, more = (
        [
            batch
            for epoch in range(SMALL.n_epochs)
            for batch in training.batches(
                train.images[: n * recipe.data_factor],
                train.targets[: n * recipe.data_factor],
                seed=0,
                epoch=epoch,
                recipe=recipe,
                size=SMALL,
            )
        ]
        for recipe in (training.RECIPES[name] for name in ("plain", "mixup", "more_data"))
    )
    assert len(plain) == len(mixed) == len(more) == SMALL.n_epochs * SMALL.n_batches
    # Three epochs of more data are a single pass, in which no image comes twice.
    seen = torch.cat([images for images, _ in more])
    assert len(torch.unique(seen.flatten(1), dim=0)) == len(seen)
    for (images, labels), (mixed_images, targets) in zip(plain, mixed, strict=True):
        torch.testing.assert_close(mixed_images.mean(0), images.mean(0))
        torch.testing.assert_close(targets.sum(1), torch.ones(len(labels)))
        assert set(targets.sum(0).nonzero()[:, 0].tolist()) == set(labels.tolist())


def test_each_epoch_has_its_own_order():
    recipe, train = training.RECIPES["plain"], Glyphs100(SMALL.n_train, seed=1)
    orders = [
        torch.cat(
            [
                labels
                for _, labels in training.batches(
                    train.images, train.targets, seed, epoch, recipe, SMALL
                )
            ]
        ).tolist()
        for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 0))
    ]
    assert orders[0] == orders[3]
    assert len(np.unique(orders, axis=0)) == 3
