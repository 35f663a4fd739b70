import torch
from torch.nn.functional import cross_entropy

import calibkit


def ece_of_temperature(lesson, fitted_on, measured_on):
    scaler = calibkit.TemperatureScaler().fit_logits(fitted_on[:500], lesson.labels[:500])
    after = scaler(measured_on[500:3000]).softmax(-1)
    return calibkit.calibration_error(after, lesson.labels[500:3000])


def temperature(lesson, labels):
    return calibkit.TemperatureScaler().fit_logits(lesson.calib_logits, labels).temperature


def lbfgs(logits, labels):
    log_t = torch.nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.LBFGS([log_t], max_iter=50, line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy(logits / log_t.exp(), labels)
        loss.backward()
        return loss

    optimizer.step(closure)
    return log_t.exp().item()


def right(lesson):
    return {
        "ece_of_the_wrong_temperature": ece_of_temperature(
            lesson, lesson.train_mode, lesson.logits
        ),
        "temperature_of_shifted_labels": temperature(lesson, (lesson.calib_labels + 1) % 100),
        "mended_fit": lbfgs,
    }


def wrong(lesson):
    ece = ece_of_temperature(lesson, lesson.train_mode, lesson.logits)
    before = lesson.logits[500:3000].softmax(-1)
    return {
        "ece_of_the_wrong_temperature": [
            100 * ece,
            ece_of_temperature(lesson, lesson.logits, lesson.logits),
            ece_of_temperature(lesson, lesson.train_mode, lesson.train_mode),
            calibkit.calibration_error(before, lesson.labels[500:3000]),
        ],
        "temperature_of_shifted_labels": [
            lesson.scaler.temperature,
            temperature(lesson, (lesson.calib_labels - 1) % 100),
            temperature(lesson, (lesson.calib_labels + 1).clamp(max=99)),
        ],
        "mended_fit": [
            lambda logits, labels: lesson.web_fit(logits, labels)[-1],
            lambda logits, labels: lesson.web_fit(logits, labels, lr=1)[-1],
            lambda logits, labels: lesson.scaler.temperature,
        ],
    }
