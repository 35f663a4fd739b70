import torch
from torchmetrics.functional.classification import binary_auroc

import calibkit


def temperatures(lesson, n, seeds=range(10)):
    order = torch.tensor([*lesson.calib_set.indices, *lesson.test_set.indices]).argsort()
    logits = torch.cat([lesson.calib_logits, lesson.logits])[order]
    labels = torch.cat([lesson.calib_labels, lesson.labels])[order]
    found = []
    for seed in seeds:
        calib_set, _ = calibkit.split_calibration(lesson.dm.test, n, seed=seed, stratify=labels)
        calib = calib_set.indices
        fitted = calibkit.TemperatureScaler().fit_logits(logits[calib], labels[calib])
        found.append(fitted.temperature)
    return found


def auroc(lesson, sign):
    energy = torch.cat([lesson.logits, lesson.ood_logits]).logsumexp(-1)
    return binary_auroc(sign * energy, lesson.is_cifar).item()


def right(lesson):
    return {"ten_temperatures": temperatures(lesson, 1000), "auroc_of_energy": auroc(lesson, 1)}


def wrong(lesson):
    return {
        "ten_temperatures": [
            temperatures(lesson, 1000, seeds=range(1, 11)),
            temperatures(lesson, 1000, seeds=[0] * 10),
            temperatures(lesson, 500),
            temperatures(lesson, 1000, seeds=[0]),
        ],
        "auroc_of_energy": [auroc(lesson, -1), 0.5],
    }
