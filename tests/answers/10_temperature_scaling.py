import copy

import torch
from torch.utils.data import DataLoader

import calibkit


def temperatures(lesson, n, model=None, seeds=range(5)):
    found = []
    for seed in seeds:
        calib_set, _ = calibkit.split_calibration(
            lesson.dm.test, n, seed=seed, stratify=lesson.dm.test.targets
        )
        loader = DataLoader(calib_set, batch_size=100)
        scaler = calibkit.TemperatureScaler().fit(model or lesson.model, loader, progress=False)
        found.append(scaler.temperature)
    return found


def accuracy_in_training_mode(lesson, batch_size):
    model = copy.deepcopy(lesson.model).train()
    with torch.no_grad():
        right = [
            (model(images).argmax(-1) == labels).sum()
            for images, labels in DataLoader(lesson.test_set, batch_size=batch_size)
        ]
    return sum(right) / len(lesson.test_set)


def temperature_under_shift(lesson, model):
    calib_set, _ = calibkit.split_calibration(lesson.shifted.test, 1000)
    loader = DataLoader(calib_set, batch_size=100)
    return calibkit.TemperatureScaler().fit(model, loader, progress=False).temperature


def right(lesson):
    return {
        "temperatures_from_100": temperatures(lesson, 100),
        "accuracy_in_training_mode": accuracy_in_training_mode(lesson, 16),
        "temperature_under_shift": temperature_under_shift(lesson, lesson.model),
    }


def wrong(lesson):
    return {
        "temperatures_from_100": [
            temperatures(lesson, 100, lesson.calibrated_model),
            temperatures(lesson, 100, seeds=[0] * 5),
            temperatures(lesson, 100, seeds=[0]),
        ],
        "accuracy_in_training_mode": [
            52.5,
            accuracy_in_training_mode(lesson, 1000),
            float(lesson.accuracy),
        ],
        "temperature_under_shift": [
            lesson.scaler.temperature,
            temperature_under_shift(lesson, lesson.calibrated_model),
        ],
    }
