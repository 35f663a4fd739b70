import numpy as np
import torch
from sklearn.linear_model import RidgeClassifier

import calibkit


def ridge_temperature(lesson, images, labels):
    ridge = RidgeClassifier().fit(lesson.X_train, lesson.y_train % 2)
    scaler = calibkit.TemperatureScaler()
    return scaler.fit_logits(ridge.decision_function(images), labels % 2).temperature


def accuracy_interval(lesson, n_pictures=100, ignored=False):
    logits, masks = calibkit.collect_logits(lesson.net, lesson.test_loader, progress=False)
    counts = torch.ones_like(masks, dtype=torch.bool) if ignored else masks != 255
    right = (logits.argmax(1) == masks) & counts
    right, n = right.flatten(1).sum(1).double(), counts.flatten(1).sum(1)
    rng = np.random.default_rng(0)
    found = []
    for _ in range(1000):
        drawn = torch.from_numpy(rng.integers(0, len(n), n_pictures))
        found.append(float(right[drawn].sum() / n[drawn].sum()))
    return tuple(np.quantile(found, [0.025, 0.975]))


def export(lesson, *layers):
    model = torch.nn.Sequential(*layers).eval()
    batch = torch.export.Dim("batch")
    images = (lesson.some_images[:2],)
    return torch.export.export(model, images, dynamic_shapes=({0: batch},))


def right(lesson):
    return {
        "ridge_temperature": ridge_temperature(lesson, lesson.X_calib, lesson.y_calib),
        "accuracy_interval": accuracy_interval(lesson),
        "probability_program": export(lesson, lesson.model, lesson.scaler, torch.nn.Softmax(1)),
    }


def wrong(lesson):
    temperature = ridge_temperature(lesson, lesson.X_calib, lesson.y_calib)
    low, high = accuracy_interval(lesson)
    before = lesson.dense_report.before.accuracy
    return {
        "ridge_temperature": [
            1 / temperature,
            ridge_temperature(lesson, lesson.X_train, lesson.y_train),
            ridge_temperature(lesson, lesson.X_test, lesson.y_test),
        ],
        "accuracy_interval": [
            (before.low, before.high),
            (100 * low, 100 * high),
            (high, low),
            accuracy_interval(lesson, n_pictures=10),
            accuracy_interval(lesson, ignored=True),
        ],
        "probability_program": [
            lesson.program,
            export(lesson, lesson.model, torch.nn.Softmax(1), lesson.scaler),
            export(lesson, lesson.model, torch.nn.Softmax(1)),
        ],
    }
