import statistics

import calibkit


def maxima(lesson, n_draws=100, norm="max", **options):
    return [
        calibkit.calibration_error(lesson.scaled, labels, norm=norm, **options)
        for labels in lesson.draws[:n_draws]
    ]


def p_value(lesson, *, use_scaler=True, n_bins=15, parts=("test", "new")):
    logits, labels = calibkit.glyphs100_logits(20_000, progress=False)
    index = {"calib": lesson.calib, "test": lesson.test, "new": range(10_000, 20_000)}
    rows = [i for part in parts for i in index[part]]
    scaled = lesson.scaler(logits[rows]) if use_scaler else logits[rows]
    return calibkit.calibration_test(scaled.softmax(1), labels[rows], n_bins=n_bins).p_value


def right(lesson):
    return {
        "n_needed": 9000 * (1.3 / 0.5) ** 2,
        "mean_maximum_if_perfect": statistics.mean(maxima(lesson)),
        "p_value_of_19000": p_value(lesson),
    }


def wrong(lesson):
    single = maxima(lesson)
    return {
        "n_needed": [9000 * 1.3 / 0.5, 9000 * (0.5 / 1.3) ** 2, 9000 * (1.3 / 0.5) ** 4],
        "mean_maximum_if_perfect": [
            single[0],
            single[-1],
            statistics.median(single),
            100 * statistics.mean(single),
            calibkit.calibration_error(lesson.scaled, lesson.test_labels, norm="max"),
            statistics.mean(maxima(lesson, norm="l1")),
            statistics.mean(maxima(lesson, n_draws=10, n_bins=120)),
        ],
        "p_value_of_19000": [
            lesson.test_after.p_value,
            p_value(lesson, use_scaler=False),
            p_value(lesson, parts=("new",)),
            p_value(lesson, parts=("calib", "test", "new")),
            p_value(lesson, n_bins=1),
        ],
    }
