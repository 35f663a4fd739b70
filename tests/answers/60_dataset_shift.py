import torch

import calibkit


def ece(lesson, scaler, severity, images):
    p = scaler(lesson.at[severity][images]).softmax(-1)
    return calibkit.calibration_error(p, lesson.truth[images])


def draws_won(lesson, severity=1):
    won = 0
    for seed in range(30):
        order = torch.randperm(len(lesson.truth), generator=torch.Generator().manual_seed(seed))
        few, rest = order[:50], order[500:]
        new = calibkit.TemperatureScaler().fit_logits(lesson.at[severity][few], lesson.truth[few])
        won += ece(lesson, new, severity, rest) < ece(lesson, lesson.old, severity, rest)
    return won


def easy(lesson, images):
    labels = torch.tensor([lesson.glyphs.classes.index(glyph) for glyph in "=L2λ&"])
    return images[torch.isin(lesson.labels[images], labels)]


def check(lesson, scaler, images, *, scaled=False):
    logits = lesson.logits[images]
    return calibkit.check_shift(scaler, scaler(logits) if scaled else logits, lesson.labels[images])


def answered(lesson, pair, quantile):
    of_seen, of_unseen = lesson.confidence[pair]
    return (of_unseen >= of_seen.quantile(quantile)).float().mean()


def right(lesson):
    test = torch.tensor(lesson.test.indices)
    return {
        "draws_won": draws_won(lesson),
        "check_on_easy_glyphs": check(lesson, lesson.old, easy(lesson, test)),
        "unseen_answered": answered(lesson, "old T", 0.05),
    }


def wrong(lesson):
    won = draws_won(lesson)
    test = torch.tensor(lesson.test.indices)
    return {
        "draws_won": [draws_won(lesson, severity=3), 30 - won, won / 30],
        "check_on_easy_glyphs": [
            check(lesson, lesson.old, test),
            check(lesson, lesson.old, easy(lesson, test[test < 5000])),
            check(lesson, lesson.too_high, easy(lesson, test)),
            check(lesson, lesson.old, easy(lesson, test), scaled=True),
        ],
        "unseen_answered": [
            100 * answered(lesson, "old T", 0.05),
            answered(lesson, "old T", 0.95),
            answered(lesson, "no scaling", 0.05),
        ],
    }
