"""Answers to ps2: wrong in a typical way, and right in several other ways."""

WRONG = {  # name: (question, the cell's source); costs exactly the points of that question
    # question 1
    "confidence_of_the_true_class": (
        "top_label",
        """
def top_label(probabilities, labels):
    confidence = probabilities[np.arange(len(labels)), labels]
    return confidence, probabilities.argmax(1) == labels
""",
    ),
    "right_only_above_one_half": (
        "top_label",
        """
def top_label(probabilities, labels):
    confidence = probabilities.max(1)
    return confidence, (probabilities.argmax(1) == labels) & (confidence >= 0.5)
""",
    ),
    "maximum_over_the_samples": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.max(0), probabilities.argmax(0) == labels[: probabilities.shape[1]]
""",
    ),
    "answer_in_place_of_its_correctness": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.max(1), probabilities.argmax(1)
""",
    ),
    "one_and_zero_for_correctness": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.max(1), (probabilities.argmax(1) == labels).astype(float)
""",
    ),
    "correctness_comes_first": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.argmax(1) == labels, probabilities.max(1)
""",
    ),
    "only_two_classes": (
        "top_label",
        """
def top_label(probabilities, labels):
    p = probabilities[:, 1]
    return np.maximum(p, 1 - p), (p > 0.5) == labels
""",
    ),
    "sorts_the_probabilities_it_got": (
        "top_label",
        """
def top_label(probabilities, labels):
    correct = probabilities.argmax(1) == labels
    probabilities.sort(1)
    return probabilities[:, -1], correct
""",
    ),
    "margin_to_the_second_class": (
        "top_label",
        """
def top_label(probabilities, labels):
    ordered = np.sort(probabilities, 1)
    return ordered[:, -1] - ordered[:, -2], probabilities.argmax(1) == labels
""",
    ),
    "wrong_answers_get_the_rest": (
        "top_label",
        """
def top_label(probabilities, labels):
    correct = probabilities.argmax(1) == labels
    return np.where(correct, probabilities.max(1), 1 - probabilities.max(1)), correct
""",
    ),
    "labels_of_the_notebook": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.max(1), probabilities.argmax(1) == test_labels[: len(probabilities)]
""",
    ),
    # question 2
    "a_bin_of_its_own_for_one": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.floor(confidence * n_bins).astype(int)
""",
    ),
    "one_is_lost": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    bins = np.full(len(confidence), -1)
    for b in range(n_bins):
        bins[(confidence >= b / n_bins) & (confidence < (b + 1) / n_bins)] = b
    return bins
""",
    ),
    "one_goes_to_the_first_bin": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return (confidence * n_bins).astype(int) % n_bins
""",
    ),
    "numbers_from_one": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.ceil(confidence * n_bins).astype(int)
""",
    ),
    "rounded_to_the_nearest_edge": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum(np.round(confidence * n_bins), n_bins - 1).astype(int)
""",
    ),
    "scaled_to_the_last_number": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return (confidence * (n_bins - 1)).astype(int)
""",
    ),
    "between_smallest_and_largest_confidence": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.linspace(confidence.min(), confidence.max(), n_bins + 1)
    return np.clip(np.digitize(confidence, edges) - 1, 0, n_bins - 1)
""",
    ),
    "always_fifteen_bins": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum((confidence * 15).astype(int), 14)
""",
    ),
    "ten_bins_unless_told": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=10):
    return np.minimum((confidence * n_bins).astype(int), n_bins - 1)
""",
    ),
    "bin_numbers_as_floats": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum(np.floor(confidence * n_bins), n_bins - 1)
""",
    ),
    "empty_bins_get_no_number": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    return np.unique(bins, return_inverse=True)[1]
""",
    ),
    "equally_many_in_place_of_equally_wide": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.argsort(np.argsort(confidence)) * n_bins // len(confidence)
""",
    ),
    "edges_up_and_down": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    bins = np.ceil(confidence * n_bins).astype(int) - 1
    return np.where(confidence > 0.6, np.floor(confidence * n_bins - 1e-12 * confidence), bins + (
        confidence * n_bins == bins + 1
    )).astype(int)
""",
    ),
    "writes_bin_numbers_into_the_confidences": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    confidence *= n_bins
    return np.minimum(confidence.astype(int), n_bins - 1)
""",
    ),
    "percentages": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.clip((100 * confidence / n_bins).astype(int), 0, n_bins - 1)
""",
    ),
    # question 3
    "bins_weigh_the_same": (
        "ece",
        """
def ece(confidence, correct, bins):
    gaps = [
        abs(correct[bins == b].mean() - confidence[bins == b].mean()) for b in np.unique(bins)
    ]
    return np.mean(gaps)
""",
    ),
    "gaps_cancel": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0
    for b in np.unique(bins):
        inside = bins == b
        total += inside.mean() * (correct[inside].mean() - confidence[inside].mean())
    return abs(total)
""",
    ),
    "distance_of_each_sample": (
        "ece",
        """
def ece(confidence, correct, bins):
    return np.abs(correct - confidence).mean()
""",
    ),
    "squares": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0
    for b in np.unique(bins):
        inside = bins == b
        total += inside.mean() * (correct[inside].mean() - confidence[inside].mean()) ** 2
    return np.sqrt(total)
""",
    ),
    "largest_gap": (
        "ece",
        """
def ece(confidence, correct, bins):
    return max(
        abs(correct[bins == b].mean() - confidence[bins == b].mean()) for b in np.unique(bins)
    )
""",
    ),
    "centre_of_the_bin": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0
    for b in np.unique(bins):
        inside = bins == b
        centre = (confidence[inside].min() + confidence[inside].max()) / 2
        total += inside.mean() * abs(correct[inside].mean() - centre)
    return total
""",
    ),
    "mean_of_an_empty_bin": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0
    for b in range(bins.max() + 1):
        inside = bins == b
        total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
""",
    ),
    "stops_at_an_empty_bin": (
        "ece",
        """
def ece(confidence, correct, bins):
    total, b = 0, 0
    while (bins == b).any():
        total += abs((correct - confidence)[bins == b].sum())
        b += 1
    return total / len(bins)
""",
    ),
    "last_bin_left_out": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0
    for b in range(bins.max()):
        total += abs((correct - confidence)[bins == b].sum())
    return total / len(bins)
""",
    ),
    "not_divided_by_the_samples": (
        "ece",
        """
def ece(confidence, correct, bins):
    return np.abs(np.bincount(bins, correct - confidence)).sum()
""",
    ),
    "only_fifteen_bins": (
        "ece",
        """
def ece(confidence, correct, bins):
    return sum(abs((correct - confidence)[bins == b].sum()) for b in range(15)) / len(bins)
""",
    ),
    "neighbours_of_the_same_bin": (
        "ece",
        """
def ece(confidence, correct, bins):
    starts = np.flatnonzero(np.diff(bins, prepend=-1))
    return np.abs(np.add.reduceat(correct - confidence, starts)).sum() / len(bins)
""",
    ),
    "changes_the_confidences": (
        "ece",
        """
def ece(confidence, correct, bins):
    confidence -= correct
    return np.abs(np.bincount(bins, confidence)).sum() / len(bins)
""",
    ),
    # question 4
    "the_rest_goes_into_the_last_bin": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = np.argsort(np.argsort(confidence))
    return np.minimum(rank // (len(confidence) // n_bins), n_bins - 1)
""",
    ),
    "a_bin_more_for_the_rest": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = np.argsort(np.argsort(confidence))
    return rank // (len(confidence) // n_bins)
""",
    ),
    "sizes_rounded_up": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = np.argsort(np.argsort(confidence))
    return rank // -(-len(confidence) // n_bins)
""",
    ),
    "the_rest_is_left_out": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    size = len(confidence) // n_bins
    rank = np.argsort(np.argsort(confidence))
    return (rank // size)[rank < size * n_bins]
""",
    ),
    "in_the_order_of_the_confidences": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.arange(len(confidence)) * n_bins // len(confidence)
""",
    ),
    "order_taken_for_the_ranks": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.argsort(confidence) * n_bins // len(confidence)
""",
    ),
    "bins_of_equal_width": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.minimum((confidence * n_bins).astype(int), n_bins - 1)
""",
    ),
    "equal_width_between_the_extremes": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    low, high = confidence.min(), confidence.max()
    return np.minimum((confidence - low) / (high - low) * n_bins, n_bins - 1).astype(int)
""",
    ),
    "highest_confidences_first": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.argsort(np.argsort(-confidence)) * n_bins // len(confidence)
""",
    ),
    "mass_bins_from_one": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.argsort(np.argsort(confidence)) * n_bins // len(confidence) + 1
""",
    ),
    "dealt_out_like_cards": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.argsort(np.argsort(confidence)) % n_bins
""",
    ),
    "largest_sample_beyond_the_last_edge": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    edges = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))
    return np.digitize(confidence, edges) - 1
""",
    ),
    "sorts_the_confidences_it_got": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = np.argsort(np.argsort(confidence))
    confidence.sort()
    return rank * n_bins // len(confidence)
""",
    ),
    "rank_divided_without_floor": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.argsort(np.argsort(confidence)) * n_bins / len(confidence)
""",
    ),
    "twenty_bins_unless_told": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=20):
    return np.argsort(np.argsort(confidence)) * n_bins // len(confidence)
""",
    ),
    # question 5
    "seeded_in_the_loop": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    draws = []
    for _ in range(n_draws):
        rng = np.random.default_rng(seed)
        draws.append(rng.random(len(confidence)) < confidence)
    return np.array(draws)
""",
    ),
    "a_seed_for_each_draw": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.array([
        np.random.default_rng(seed + i).random(len(confidence)) < confidence
        for i in range(n_draws)
    ])
""",
    ),
    "all_samples_of_one_probability": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n_draws, len(confidence))) < confidence.mean()
""",
    ),
    "a_number_for_each_draw": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n_draws, 1)) < confidence
""",
    ),
    "a_number_for_each_sample": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return np.tile(rng.random(len(confidence)) < confidence, (n_draws, 1))
""",
    ),
    "one_row_shuffled": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    numbers = rng.random(len(confidence))
    return np.array([np.roll(numbers, k) < confidence for k in range(n_draws)])
""",
    ),
    "wrong_with_the_probability_of_the_confidence": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n_draws, len(confidence))) > confidence
""",
    ),
    "confident_answers_are_right": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.tile(confidence > 0.5, (n_draws, 1))
""",
    ),
    "a_fair_coin": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2, (n_draws, len(confidence))).astype(bool) | (confidence == 1)
""",
    ),
    "normal_numbers": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(0.5, 0.3, (n_draws, len(confidence))) < confidence
""",
    ),
    "draws_in_the_columns": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((len(confidence), n_draws)) < confidence[:, None]
""",
    ),
    "seed_forgotten": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng()
    return rng.random((n_draws, len(confidence))) < confidence
""",
    ),
    "always_the_seed_0": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(0)
    return rng.random((n_draws, len(confidence))) < confidence
""",
    ),
    "always_200_draws": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((200, len(confidence))) < confidence
""",
    ),
    "one_draw_too_many": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return np.array([rng.random(len(confidence)) < confidence for _ in range(n_draws + 1)])
""",
    ),
    "numbers_for_booleans": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.random.default_rng(seed).binomial(1, confidence, (n_draws, len(confidence)))
""",
    ),
    "exactly_as_many_as_expected": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng, draws = np.random.default_rng(seed), np.zeros((n_draws, len(confidence)), dtype=bool)
    for level in np.unique(confidence):
        where = np.flatnonzero(confidence == level)
        for k in range(n_draws):
            draws[k, rng.permutation(where)[: round(level * len(where))]] = True
    return draws
""",
    ),
    # question 6
    "two_standard_deviations": (
        "sum_up",
        """
def sum_up(measured, draws):
    mean, std = draws.mean(), draws.std()
    k = (draws >= measured).sum()
    return mean, mean - 1.96 * std, mean + 1.96 * std, (1 + k) / (1 + len(draws))
""",
    ),
    "interval_of_the_mean": (
        "sum_up",
        """
def sum_up(measured, draws):
    mean, error = draws.mean(), draws.std() / np.sqrt(len(draws))
    k = (draws >= measured).sum()
    return mean, mean - 1.96 * error, mean + 1.96 * error, (1 + k) / (1 + len(draws))
""",
    ),
    "p_counts_the_smaller": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (1 + (draws < measured).sum()) / (1 + len(draws))
""",
    ),
    "equal_draws_do_not_count": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (1 + (draws > measured).sum()) / (1 + len(draws))
""",
    ),
    "p_can_be_0": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (draws >= measured).mean()
""",
    ),
    "one_more_only_below_the_line": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (draws >= measured).sum() / (1 + len(draws))
""",
    ),
    "one_more_only_above_the_line": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, min((1 + (draws >= measured).sum()) / len(draws), 1)
""",
    ),
    "p_of_both_sides": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    k = min((draws >= measured).sum(), (draws <= measured).sum())
    return draws.mean(), low, high, min(2 * (1 + k) / (1 + len(draws)), 1)
""",
    ),
    "median_for_the_mean": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, middle, high = np.quantile(draws, [0.025, 0.5, 0.975])
    return middle, low, high, (1 + (draws >= measured).sum()) / (1 + len(draws))
""",
    ),
    "ninety_per_cent": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.05, 0.95])
    return draws.mean(), low, high, (1 + (draws >= measured).sum()) / (1 + len(draws))
""",
    ),
    "percentages_for_quantiles": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.percentile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (1 + (draws >= measured).sum()) / (1 + len(draws))
""",
    ),
    "high_before_low": (
        "sum_up",
        """
def sum_up(measured, draws):
    high, low = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (1 + (draws >= measured).sum()) / (1 + len(draws))
""",
    ),
    "draws_not_sorted": (
        "sum_up",
        """
def sum_up(measured, draws):
    m = len(draws)
    p = (1 + (draws >= measured).sum()) / (1 + m)
    return draws.mean(), draws[int(0.025 * m)], draws[int(0.975 * m)], p
""",
    ),
    "sorts_the_draws_it_got": (
        "sum_up",
        """
def sum_up(measured, draws):
    draws.sort()
    m = len(draws)
    p = (1 + (draws >= measured).sum()) / (1 + m)
    return draws.mean(), draws[int(0.025 * m)], draws[int(0.975 * m)], p
""",
    ),
    "three_numbers": (
        "sum_up",
        """
def sum_up(measured, draws):
    p = (1 + (draws >= measured).sum()) / (1 + len(draws))
    return draws.mean(), tuple(np.quantile(draws, [0.025, 0.975])), p
""",
    ),
    # question 7
    "right_in_three_of_four": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    draws = [(rng.uniform(0.5, 1, n), rng.random(n) < 0.75) for _ in range(n_repeats)]
    return np.mean([error(c, y, n_bins) for c, y in draws])
""",
    ),
    "confidences_drawn_once": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n)
    return np.mean(
        [error(confidence, rng.random(n) < confidence, n_bins) for _ in range(n_repeats)]
    )
""",
    ),
    "a_repeat_too_many": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats + 1):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "a_repeat_too_few": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(1, n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "the_repeats_are_one_large_sample": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, n * n_repeats)
    return error(confidence, rng.random(n * n_repeats) < confidence, n_bins)
""",
    ),
    "the_same_generator_anew": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    errors = []
    for _ in range(n_repeats):
        rng = np.random.default_rng(seed)
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "a_seed_for_each_repeat": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    errors = []
    for i in range(n_repeats):
        rng = np.random.default_rng(seed + i)
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "confidences_from_0_to_1": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.random(n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "confidences_on_a_grid": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.permutation(np.linspace(0.5, 1, n))
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "confidences_near_their_mean": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = np.clip(rng.normal(0.75, 0.1, n), 0.5, 1)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "a_random_number_for_all_samples": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random() < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    "sum_of_the_repeats": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    total = 0
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        total += error(confidence, rng.random(n) < confidence, n_bins)
    return total
""",
    ),
    "error_of_the_last_repeat": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        found = error(confidence, rng.random(n) < confidence, n_bins)
    return found
""",
    ),
    "fifteen_bins_whatever_is_asked": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n))
    return np.mean(errors)
""",
    ),
    "median_of_the_repeats": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.median(errors)
""",
    ),
    "mean_of_the_samples_of_a_repeat": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    total = 0
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        total += error(confidence, rng.random(n) < confidence, n_bins)
    return total / n
""",
    ),
    "a_perfect_classifier": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, np.ones(n, dtype=bool), n_bins))
    return np.mean(errors)
""",
    ),
    "lists_in_place_of_arrays": (
        "mean_error",
        """
import random


def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng, total = random.Random(seed), 0
    for _ in range(n_repeats):
        confidence = [rng.uniform(0.5, 1) for _ in range(n)]
        total += error(confidence, [rng.random() < c for c in confidence], n_bins)
    return total / n_repeats
""",
    ),
    "numbers_of_0_and_1_for_error": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    errors = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        errors.append(error(confidence, rng.binomial(1, confidence), n_bins))
    return np.mean(errors)
""",
    ),
    "no_seed_at_all": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    errors = []
    for _ in range(n_repeats):
        confidence = np.random.uniform(0.5, 1, n)
        errors.append(error(confidence, np.random.random(n) < confidence, n_bins))
    return np.mean(errors)
""",
    ),
    # question 8
    "the_logarithm_of_the_factor": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return factor, exponent
""",
    ),
    "exponent_first": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, log_factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return exponent, np.exp(log_factor)
""",
    ),
    "first_and_last_point": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    b = np.log(errors[-1] / errors[0]) / np.log(sizes[-1] / sizes[0])
    return errors[0] / sizes[0] ** b, b
""",
    ),
    "line_without_logarithms": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, factor = np.polyfit(sizes, errors, 1)
    return factor, exponent
""",
    ),
    "logarithm_of_the_errors_only": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, log_factor = np.polyfit(sizes, np.log(errors), 1)
    return np.exp(log_factor), exponent
""",
    ),
    "two_kinds_of_logarithm": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, log_factor = np.polyfit(np.log10(sizes), np.log10(errors), 1)
    return np.exp(log_factor), exponent
""",
    ),
    "always_one_over_the_root": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    return np.exp(np.mean(np.log(errors) + 0.5 * np.log(sizes))), -0.5
""",
    ),
    "exponent_without_its_sign": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, log_factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return np.exp(log_factor), abs(exponent)
""",
    ),
    "distances_of_the_errors_themselves": (
        "fit_power_law",
        """
from scipy.optimize import curve_fit


def fit_power_law(sizes, errors):
    start = np.polyfit(np.log(sizes), np.log(errors), 1)
    found, _ = curve_fit(
        lambda n, a, b: a * n**b, sizes, errors, p0=(np.exp(start[1]), start[0])
    )
    return found
""",
    ),
    "sizes_as_a_function_of_errors": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    slope, intercept = np.polyfit(np.log(errors), np.log(sizes), 1)
    return np.exp(-intercept / slope), 1 / slope
""",
    ),
    "mean_of_the_slopes_between_neighbours": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    x, y = np.log(sizes), np.log(errors)
    b = np.mean(np.diff(y) / np.diff(x))
    return np.exp(np.mean(y - b * x)), b
""",
    ),
    "through_the_first_point": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    b, _ = np.polyfit(np.log(sizes), np.log(errors), 1)
    return errors[0] / sizes[0] ** b, b
""",
    ),
    "takes_logarithms_in_place": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    sizes = np.log(sizes)
    exponent, log_factor = np.polyfit(sizes, np.log(errors, out=errors), 1)
    return np.exp(log_factor), exponent
""",
    ),
    "the_random_numbers_of_the_confidences": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for k in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        numbers = np.random.default_rng(seed).random((k + 1, n))[k]  # as draw_correct has them
        found.append(error(confidence, numbers < confidence, n_bins))
    return np.mean(found)
""",
    ),
    "one_sample_loses_its_axis": (
        "top_label",
        """
def top_label(probabilities, labels):
    return np.squeeze(probabilities.max(1)), np.squeeze(probabilities.argmax(1) == labels)
""",
    ),
    "seeds_by_the_number_of_draws": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.array(
        [
            np.random.default_rng(seed * n_draws + k).random(len(confidence)) < confidence
            for k in range(n_draws)
        ]
    )
""",
    ),
    "a_thousand_seeds_for_each_seed": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.array(
        [
            np.random.default_rng(1000 * seed + k).random(len(confidence)) < confidence
            for k in range(n_draws)
        ]
    )
""",
    ),
    "a_seed_a_hundred_further_for_each_draw": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.array(
        [
            np.random.default_rng(seed + 100 * k).random(len(confidence)) < confidence
            for k in range(n_draws)
        ]
    )
""",
    ),
    "half_of_the_draws_turned_round": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.random((-(-n_draws // 2), len(confidence)))
    return np.concatenate([u, 1 - u])[:n_draws] < confidence
""",
    ),
    "draws_moved_along": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    u = np.random.default_rng(seed).random(len(confidence))
    return np.array([np.roll(u, k) < confidence for k in range(n_draws)])
""",
    ),
    "correctness_from_the_next_seed": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng, r2 = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    t = 0.0
    for _ in range(n_repeats):
        c = rng.uniform(0.5, 1, n)
        t += error(c, r2.random(n) < c, n_bins)
    return t / n_repeats
""",
    ),
    "correctness_from_one_seed_for_all": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng, r2 = np.random.default_rng(seed), np.random.default_rng(12345)
    t = 0.0
    for _ in range(n_repeats):
        c = rng.uniform(0.5, 1, n)
        t += error(c, r2.random(n) < c, n_bins)
    return t / n_repeats
""",
    ),
    "seeds_by_the_number_of_repeats": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    t = 0.0
    for k in range(n_repeats):
        rng = np.random.default_rng(seed * n_repeats + k)
        c = rng.uniform(0.5, 1, n)
        t += error(c, rng.random(n) < c, n_bins)
    return t / n_repeats
""",
    ),
    "a_seed_a_thousand_further_for_each_repeat": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    t = 0.0
    for k in range(n_repeats):
        rng = np.random.default_rng(seed + 1000 * k)
        c = rng.uniform(0.5, 1, n)
        t += error(c, rng.random(n) < c, n_bins)
    return t / n_repeats
""",
    ),
    "random_numbers_of_the_correctness_used_again": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    u = rng.random(n)
    t = 0.0
    for _ in range(n_repeats):
        c = rng.uniform(0.5, 1, n)
        t += error(c, u < c, n_bins)
    return t / n_repeats
""",
    ),
    "confidence_in_two_digits": (
        "top_label",
        """
def top_label(probabilities, labels):
    return probabilities.max(1).round(2), probabilities.argmax(1) == labels
""",
    ),
    "both_in_one_array": (
        "top_label",
        """
def top_label(probabilities, labels):
    return np.array([probabilities.max(1), probabilities.argmax(1) == labels])
""",
    ),
    "a_column_for_each": (
        "top_label",
        """
def top_label(probabilities, labels):
    confidence = probabilities.max(1, keepdims=True)
    return confidence, probabilities.argmax(1)[:, None] == labels[:, None]
""",
    ),
    "softmax_of_probabilities": (
        "top_label",
        """
def top_label(probabilities, labels):
    powers = np.exp(probabilities)
    p = powers / powers.sum(1, keepdims=True)
    return p.max(1), p.argmax(1) == labels
""",
    ),
    "confidence_0_where_wrong": (
        "top_label",
        """
def top_label(probabilities, labels):
    correct = probabilities.argmax(1) == labels
    return probabilities.max(1) * correct, correct
""",
    ),
    "one_of_the_two_top_classes": (
        "top_label",
        """
def top_label(probabilities, labels):
    order = probabilities.argsort(1)
    return probabilities.max(1), (order[:, -1] == labels) | (order[:, -2] == labels)
""",
    ),
    "shortened_confidences": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return (np.minimum(confidence, 0.9999) * n_bins).astype(int)
""",
    ),
    "numbers_in_a_byte": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum(np.asarray(confidence) * n_bins, n_bins - 1).astype(np.int8)
""",
    ),
    "half_to_the_even_bin": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.clip(np.round(confidence * n_bins - 0.5), 0, n_bins - 1).astype(int)
""",
    ),
    "histogram_counts": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.histogram(confidence, bins=n_bins, range=(0, 1))[0]
""",
    ),
    "sorted_bins": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.sort(np.minimum((confidence * n_bins).astype(int), n_bins - 1))
""",
    ),
    "edges_without_the_last": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.linspace(0, 1, n_bins)
    return np.minimum(np.digitize(confidence, edges) - 1, n_bins - 1)
""",
    ),
    "edges_by_steps": (
        "equal_width_bins",
        """
def equal_width_bins(confidence, n_bins=15):
    width = round(1 / n_bins, 2)
    return np.minimum((confidence / width).astype(int), n_bins - 1)
""",
    ),
    "a_thousand_bins_at_most": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in range(1000):
        inside = bins == b
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
""",
    ),
    "as_many_bins_as_samples": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in range(len(confidence)):
        inside = bins == b
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
""",
    ),
    "bins_of_one_sample_skipped": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in np.unique(bins):
        inside = bins == b
        if inside.sum() > 1:
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
""",
    ),
    "only_overconfident_bins": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in np.unique(bins):
        inside = bins == b
        total += inside.mean() * max(confidence[inside].mean() - correct[inside].mean(), 0)
    return total
""",
    ),
    "accuracy_by_a_vote": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in np.unique(bins):
        inside = bins == b
        total += inside.mean() * abs((correct[inside].mean() > 0.5) - confidence[inside].mean())
    return total
""",
    ),
    "median_confidence": (
        "ece",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in np.unique(bins):
        inside = bins == b
        total += inside.mean() * abs(correct[inside].mean() - np.median(confidence[inside]))
    return total
""",
    ),
    "bin_0_left_out": (
        "ece",
        """
def ece(confidence, correct, bins):
    gaps = np.bincount(bins, correct - confidence)
    return np.abs(gaps[1:]).sum() / len(confidence)
""",
    ),
    "size_rounded_to_the_nearest": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = confidence.argsort().argsort()
    return np.minimum(rank // round(len(confidence) / n_bins), n_bins - 1)
""",
    ),
    "only_for_sorted_samples": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.arange(len(confidence)) * n_bins // len(confidence)
""",
    ),
    "rest_in_the_first_bin": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    n = len(confidence)
    sizes = [n // n_bins] * n_bins
    sizes[0] += n % n_bins
    bins = np.empty(n, dtype=int)
    bins[np.argsort(confidence)] = np.repeat(np.arange(n_bins), sizes)
    return bins
""",
    ),
    "rounded_edges_of_quantiles": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    edges = np.quantile(confidence, np.arange(1, n_bins) / n_bins).round(2)
    return np.digitize(confidence, edges)
""",
    ),
    "empty_last_bin": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = confidence.argsort().argsort()
    return rank // (len(confidence) // n_bins + 1)
""",
    ),
    "numbers_only_up_to_the_last_but_one": (
        "equal_mass_bins",
        """
def equal_mass_bins(confidence, n_bins=15):
    rank = confidence.argsort().argsort()
    return np.round(rank * (n_bins - 1) / max(len(confidence) - 1, 1)).astype(int)
""",
    ),
    "reshaped_in_place_of_transposed": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    drawn = rng.random((len(confidence), n_draws)) < confidence[:, None]
    return drawn.reshape(n_draws, len(confidence))
""",
    ),
    "a_hundred_seeds": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed % 100)
    return rng.random((n_draws, len(confidence))) < confidence
""",
    ),
    "ten_draws_repeated": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    few = rng.random((10, len(confidence))) < confidence
    return few[rng.integers(10, size=n_draws)]
""",
    ),
    "per_cent_drawn": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.integers(0, 10, (n_draws, len(confidence))) < np.round(10 * confidence)
""",
    ),
    "a_normal_number_around_the_confidence": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(confidence, 0.3, (n_draws, len(confidence))) > 0.5
""",
    ),
    "neighbours_share_a_number": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    n = len(confidence)
    numbers = np.repeat(rng.random((n_draws, (n + 1) // 2)), 2, axis=1)[:, :n]
    return numbers < confidence
""",
    ),
    "each_draw_begins_with_the_one_before": (
        "draw_correct",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    rows = [rng.random(len(confidence)) < confidence]
    for _ in range(n_draws - 1):
        row = rows[-1].copy()
        new = rng.random(len(confidence)) < 0.5
        row[new] = rng.random(new.sum()) < confidence[new]
        rows.append(row)
    return np.array(rows)
""",
    ),
    "quantiles_with_the_measured_error": (
        "sum_up",
        """
def sum_up(measured, draws):
    everything = np.append(draws, measured)
    low, high = np.quantile(everything, [0.025, 0.975])
    return draws.mean(), low, high, np.mean(everything >= measured)
""",
    ),
    "mean_with_the_measured_error": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    p = (1 + (draws >= measured).sum()) / (1 + len(draws))
    return np.append(draws, measured).mean(), low, high, p
""",
    ),
    "smallest_and_largest": (
        "sum_up",
        """
def sum_up(measured, draws):
    p = (1 + (draws >= measured).sum()) / (1 + len(draws))
    return draws.mean(), draws.min(), draws.max(), p
""",
    ),
    "two_hundred_draws": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    return draws.mean(), low, high, (1 + (draws >= measured).sum()) / 201
""",
    ),
    "p_of_the_distance_from_the_mean": (
        "sum_up",
        """
def sum_up(measured, draws):
    low, high = np.quantile(draws, [0.025, 0.975])
    far = abs(draws - draws.mean()) >= abs(measured - draws.mean())
    return draws.mean(), low, high, (1 + far.sum()) / (1 + len(draws))
""",
    ),
    "range_around_the_mean": (
        "sum_up",
        """
def sum_up(measured, draws):
    half = np.quantile(abs(draws - draws.mean()), 0.95)
    p = (1 + (draws >= measured).sum()) / (1 + len(draws))
    return draws.mean(), draws.mean() - half, draws.mean() + half, p
""",
    ),
    "whole_per_cent": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_repeats):
        confidence = rng.integers(50, 101, n) / 100
        found.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(found)
""",
    ),
    "never_sure": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 0.99, n)
        found.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(found)
""",
    ),
    "sorted_before_the_correctness": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        correct = rng.random(n) < confidence
        found.append(error(np.sort(confidence), correct, n_bins))
    return np.mean(found)
""",
    ),
    "the_range_moved_and_not_scaled": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_repeats):
        confidence = np.minimum(0.5 + rng.random(n), 1)
        found.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(found)
""",
    ),
    "error_called_once_to_see_whether_it_works": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    error(np.full(n, 0.75), np.full(n, True), n_bins)
    found = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        found.append(error(confidence, rng.random(n) < confidence, n_bins))
    return np.mean(found)
""",
    ),
    "rounded_mean": (
        "mean_error",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n_repeats):
        confidence = rng.uniform(0.5, 1, n)
        found.append(round(error(confidence, rng.random(n) < confidence, n_bins), 3))
    return round(np.mean(found), 3)
""",
    ),
    "only_for_sizes_in_equal_steps": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    step = np.log(sizes[1] / sizes[0])
    x = np.log(sizes[0]) + step * np.arange(len(sizes))
    b, log_a = np.polyfit(x, np.log(errors), 1)
    return np.exp(log_a), b
""",
    ),
    "only_a_few_hundred_samples": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    few = sizes <= 2000
    b, log_a = np.polyfit(np.log(sizes[few]), np.log(errors[few]), 1)
    return np.exp(log_a), b
""",
    ),
    "larger_sizes_weigh_more": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    b, log_a = np.polyfit(np.log(sizes), np.log(errors), 1, w=np.sqrt(sizes))
    return np.exp(log_a), b
""",
    ),
    "a_bend_in_the_line": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    _, b, log_a = np.polyfit(np.log(sizes), np.log(errors), 2)
    return np.exp(log_a), b
""",
    ),
    "ten_to_a_natural_logarithm": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    b, log_a = np.polyfit(np.log(sizes), np.log(errors), 1)
    return 10**log_a, b
""",
    ),
    "the_error_at_the_first_size": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    b = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    return errors[0], b
""",
    ),
}

DIFFERENT = {  # question: right answers written differently; each gets all automatic points
    "top_label": [
        """
def top_label(probabilities, labels):
    conf, ok = [], []
    for row, y in zip(probabilities.tolist(), labels.tolist()):
        k = max(range(len(row)), key=row.__getitem__)
        conf.append(row[k])
        ok.append(k == y)
    return conf, ok
""",
        """
def top_label(probabilities, labels):
    confidence = probabilities.max(axis=1)
    correct = probabilities[np.arange(len(labels)), labels] == confidence
    return confidence, correct
""",
        """
import torch


def top_label(probabilities, labels):
    confidence, answer = torch.as_tensor(probabilities, dtype=torch.float32).max(dim=1)
    return confidence.numpy(), (answer == torch.as_tensor(labels)).numpy()
""",
        """
def top_label(probabilities, labels):
    confidence, correct = [], []
    for row, label in zip(probabilities.tolist(), labels.tolist()):
        best = 0
        for k in range(len(row)):
            if row[k] > row[best]:
                best = k
        confidence.append(row[best])
        correct.append(best == label)
    return confidence, correct


sum, max = 0, 0.7
labels = test_labels
""",
        """
def top_label(probabilities, labels):
    top = np.argsort(probabilities, axis=1)[:, -1]
    confidence = np.take_along_axis(probabilities, top[:, None], axis=1)[:, 0]
    return [confidence.astype(np.float32), np.equal(top, labels)]


found = kept = given = small = None
""",
        """
def top_label(probabilities, labels):
    p = torch.from_numpy(probabilities)
    top = p.topk(1, dim=1)
    return top.values.squeeze(1), top.indices.squeeze(1) == torch.from_numpy(labels)


import torch

round = len([1, 2])
""",
        """
def top_label(p, y):
    confidence = np.amax(p, axis=-1)
    return confidence, p[np.arange(len(y)), y] == confidence
""",
        """
import torch


def top_label(probabilities, labels):
    confidence, answer = torch.tensor(probabilities).topk(1)
    return confidence.squeeze(1), answer.squeeze(1).eq(torch.tensor(labels))
""",
        """
from typing import NamedTuple


class Answer(NamedTuple):
    confidence: float
    label: int


def top_label(probabilities, labels):
    best = [Answer(*max((float(p), k) for k, p in enumerate(row))) for row in probabilities]
    print(len(best), "answers")
    return [b.confidence for b in best], [b.label == int(y) for b, y in zip(best, labels)]
""",
    ],
    "equal_width_bins": [
        """
import bisect


def equal_width_bins(confidence, n_bins=15):
    edges = [k / n_bins for k in range(1, n_bins)]
    return [bisect.bisect_right(edges, c) for c in confidence.tolist()]
""",
        # rounded edges: linspace, and the upper bin
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.linspace(0, 1, n_bins + 1)
    return np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, n_bins - 1)
""",
        # rounded edges: linspace, and the lower bin
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.linspace(0, 1, n_bins + 1)
    return np.searchsorted(edges[1:-1], confidence, side="left")
""",
        # rounded edges: multiples of a rounded width
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.arange(0, 1, 1 / n_bins)[:n_bins]
    return np.digitize(confidence, edges) - 1
""",
        # rounded edges: divided by a rounded width
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum(confidence // (1 / n_bins), n_bins - 1).astype(int)
""",
        # rounded edges: float32
        """
import torch


def equal_width_bins(confidence, n_bins=15):
    edges = torch.linspace(0, 1, n_bins + 1)
    numbers = torch.bucketize(torch.tensor(confidence, dtype=torch.float32), edges, right=True)
    return (numbers - 1).clamp(max=n_bins - 1)
""",
        # rounded edges: summed up
        """
def equal_width_bins(confidence, n_bins=15):
    bins = np.zeros(len(confidence), dtype=int)
    low, width = 0.0, 1 / n_bins
    for b in range(n_bins):
        bins[confidence >= low] = b
        low += width
    return bins
""",
        '''
def equal_width_bins(confidence, n_bins=15):
    """Every bin holds its upper edge, as in Guo et al."""
    return [max(int(np.ceil(p * n_bins)) - 1, 0) for p in confidence.tolist()]
''',
        """
def equal_width_bins(confidence, n_bins=15):
    return np.minimum((confidence * n_bins).astype(int), n_bins - 1)


min, abs = 0.3, 1.0
np_edges = edges = np.linspace(0, 1, 16)
""",
        """
def equal_width_bins(confidence, n_bins=15):
    bins = np.zeros(len(confidence), dtype=np.int64)
    for b in range(n_bins):
        low, high = b / n_bins, (b + 1) / n_bins
        last = b == n_bins - 1
        bins[(confidence >= low) & ((confidence <= high) if last else (confidence < high))] = b
    return bins


range = (0.5, 1)
""",
        """
import torch


def equal_width_bins(confidence, n_bins=15):
    edges = torch.linspace(0, 1, n_bins + 1)[1:-1]
    return torch.bucketize(torch.as_tensor(confidence, dtype=torch.float32), edges)
""",
        """
def equal_width_bins(confidence, n_bins=15):
    edges = np.linspace(0, 1, n_bins + 1)
    return np.searchsorted(edges[1:], confidence, side="left").astype(np.int32)
""",
        """
def equal_width_bins(confidence, n_bins=15):
    bins = []
    for p in confidence:
        b = 0
        while b < n_bins - 1 and p >= (b + 1) / n_bins:
            b += 1
        bins.append(b)
    return np.array(bins)
""",
        """
def equal_width_bins(confidence, n_bins=15):
    return np.sum([confidence > b / n_bins for b in range(1, n_bins)], axis=0, dtype=int) * (
        np.ones(len(confidence), dtype=int)
    )
""",
        """
import bisect


def equal_width_bins(confidence: np.ndarray, n_bins: int = 15) -> list[int]:
    edges = [k / n_bins for k in range(1, n_bins)]
    return [bisect.bisect_left(edges, p) for p in confidence.tolist()]
""",
    ],
    "ece": [
        """
def ece(confidence, correct, bins):
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(bins[order]) > 0])
    return (
        np.abs(np.add.reduceat((correct.astype(float) - confidence)[order], starts)).sum()
        / bins.size
    )
""",
        """
def ece(confidence, correct, bins):
    total = 0.0
    for b in range(bins.max() + 1):
        inside = bins == b
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total


sum = total = 0
""",
        """
def ece(confidence, correct, bins):
    hits, sums, counts = {}, {}, {}
    for p, hit, b in zip(confidence.tolist(), correct.tolist(), bins.tolist()):
        hits[b] = hits.get(b, 0) + hit
        sums[b] = sums.get(b, 0.0) + p
        counts[b] = counts.get(b, 0) + 1
    total = 0.0
    for b in counts:
        gap = abs(hits[b] / counts[b] - sums[b] / counts[b])
        total += counts[b] / len(confidence) * gap
    return total
""",
        """
import torch


def ece(confidence, correct, bins):
    gap = torch.as_tensor(correct).float() - torch.as_tensor(confidence, dtype=torch.float32)
    sums = torch.zeros(int(bins.max()) + 1).index_add(0, torch.as_tensor(bins), gap)
    return sums.abs().sum() / len(gap)
""",
        """
def ece(confidence, correct, bins):
    member = bins == np.unique(bins)[:, None]
    n_b = member.sum(1)
    accuracy, mean = member @ correct.astype(float) / n_b, member @ confidence / n_b
    return np.average(np.abs(accuracy - mean), weights=n_b)


opposite = three = np.array([1.0])
abs = max = 0.2
""",
        """
def ece(confidence, correct, bins):
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    gaps = np.add.reduceat((confidence - correct)[order], starts)
    return np.linalg.norm(gaps, 1) / bins.size
""",
        """
def ece(confidence, correct, bins):
    order = np.argsort(bins, kind="stable")
    starts = np.flatnonzero(np.diff(bins[order], prepend=-1))
    return np.abs(np.add.reduceat((1.0 * correct - confidence)[order], starts)).sum() / bins.size
""",
    ],
    "equal_mass_bins": [
        """
def equal_mass_bins(confidence, n_bins=15):
    n = len(confidence)
    cuts = np.rint(np.linspace(0, n, n_bins + 1)).astype(int)
    idx = np.argsort(confidence)
    bins = np.zeros(n, int)
    bins[idx] = np.repeat(np.arange(n_bins), np.diff(cuts))
    return bins
""",
        # quantiles, which fall between two samples or on one
        """
def equal_mass_bins(confidence, n_bins=15):
    return np.digitize(confidence, np.quantile(confidence, np.arange(1, n_bins) / n_bins))
""",
        # float32, which is precise enough
        """
def equal_mass_bins(confidence, n_bins=15):
    bins = np.empty(len(confidence), dtype=int)
    pieces = np.array_split(np.argsort(confidence.astype(np.float32)), n_bins)
    for b, piece in enumerate(pieces):
        bins[piece] = b
    return bins
""",
        """
def equal_mass_bins(confidence, n_bins=15):
    edges = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))
    return np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, n_bins - 1)
""",
        """
def equal_mass_bins(confidence, n_bins=15):
    bins = np.empty(len(confidence), dtype=int)
    for b, piece in enumerate(np.array_split(np.argsort(confidence), n_bins)):
        bins[piece] = b
    return bins


sorted = np.sort(scaled.max(1))
sum = 0
""",
        """
def equal_mass_bins(confidence, n_bins=15):
    n = len(confidence)
    rows = sorted(range(n), key=lambda i: confidence[i])
    size, longer = divmod(n, n_bins)
    bins, start = [None] * n, 0
    for b in range(n_bins):
        stop = start + size + (b < longer)
        for i in rows[start:stop]:
            bins[i] = b
        start = stop
    return bins
""",
        """
import torch


def equal_mass_bins(confidence, n_bins=15):
    rank = torch.as_tensor(confidence).argsort().argsort()
    return torch.div((rank + 1) * n_bins - 1, len(rank), rounding_mode="floor")
""",
        """
from scipy.stats import rankdata


def equal_mass_bins(confidence, n_bins=15):
    rank = rankdata(confidence, method="ordinal")
    return np.ceil(rank * n_bins / len(rank) - 1e-9).astype(np.int16) - 1


range = max = None
""",
        """
import torch


def equal_mass_bins(confidence, n_bins=15):
    bins = torch.empty(len(confidence), dtype=torch.long)
    for b, part in enumerate(torch.tensor(confidence).argsort().tensor_split(n_bins)):
        bins[part] = b
    return bins
""",
        """
def equal_mass_bins(confidence, n_bins=15):
    def cut(rows, first, n):
        if n == 1:
            return {row: first for row in rows}
        left = n // 2
        k = len(rows) * left // n
        return cut(rows[:k], first, left) | cut(rows[k:], first + left, n - left)

    of_row = cut(sorted(range(len(confidence)), key=lambda i: confidence[i]), 0, n_bins)
    return [of_row[i] for i in range(len(confidence))]
""",
    ],
    "draw_correct": [
        """
def draw_correct(confidence, n_draws=200, seed=0):
    return np.stack(
        [
            np.random.default_rng([seed, k]).random(len(confidence)) < confidence
            for k in range(n_draws)
        ]
    )
""",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    streams = np.random.SeedSequence(seed).spawn(n_draws)
    return np.stack(
        [np.random.default_rng(s).random(len(confidence)) < confidence for s in streams]
    )
""",
        """
import torch


def draw_correct(confidence, n_draws=200, seed=0):
    generator = torch.Generator().manual_seed(seed)
    probability = torch.as_tensor(confidence).expand(n_draws, -1)
    return torch.bernoulli(probability, generator=generator).bool()
""",
        """
import random


def draw_correct(confidence, n_draws=200, seed=0):
    rng = random.Random(seed)
    return [[rng.random() < p for p in confidence.tolist()] for _ in range(n_draws)]


sum, all, any = 0, [], []
""",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    rng = np.random.RandomState(seed)
    return rng.binomial(1, confidence, size=(n_draws, len(confidence))).astype(bool)
""",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    np.random.seed(seed)
    draws = np.zeros((n_draws, len(confidence)), dtype=bool)
    for k in range(n_draws):
        draws[k] = 1 - np.random.rand(len(confidence)) <= confidence
    return draws


levels = found = seed = 3
""",
        """
def draw_correct(confidence, n_draws=200, seed=0):
    children = np.random.SeedSequence(seed).spawn(n_draws)
    rows = [np.random.default_rng(child).random(len(confidence)) for child in children]
    return np.stack(rows) < np.asarray(confidence, dtype=np.float32)
""",
        """
import random


def draw_correct(confidence, n_draws=200, seed=0):
    dice = random.Random(seed)
    return [[dice.random() < p for p in confidence.tolist()] for _ in range(n_draws)]
""",
        """
import torch


def draw_correct(confidence, n_draws=200, seed=0):
    p = torch.tensor(confidence).expand(n_draws, -1)
    return torch.bernoulli(p, generator=torch.Generator().manual_seed(seed)).to(torch.bool)
""",
    ],
    "sum_up": [
        """
import bisect


def sum_up(measured, draws):
    d = np.sort(draws)
    k = len(d) - bisect.bisect_left(d, measured)
    return (d.mean(), *np.quantile(d, [0.025, 0.975], method="higher"), (k + 1) / (len(d) + 1))
""",
        # float32, and another kind of quantile
        """
def sum_up(measured, draws):
    errors = np.sort(draws.astype(np.float32))
    low, high = np.quantile(errors, [0.025, 0.975], method="nearest")
    k = sum(1 for error in errors if error >= np.float32(measured))
    return errors.mean(), low, high, (k + 1) / (len(errors) + 1)
""",
        """
def sum_up(measured, draws):
    ordered = sorted(float(x) for x in draws)
    m = len(ordered)
    low, high = ordered[int(0.025 * m)], ordered[min(int(0.975 * m), m - 1)]
    as_large = 0
    for x in ordered:
        if x >= measured:
            as_large += 1
    return sum(ordered) / m, low, high, (as_large + 1) / (m + 1)
""",
        """
import torch


def sum_up(measured, draws):
    draws = torch.as_tensor(draws, dtype=torch.float64)
    low, high = draws.quantile(torch.tensor([0.025, 0.975], dtype=torch.float64))
    everything = torch.cat([draws, torch.tensor([measured], dtype=torch.float64)])
    return torch.stack([draws.mean(), low, high, (everything >= measured).double().mean()])
""",
        """
def sum_up(measured, draws):
    m = draws.size
    p = 1 - np.count_nonzero(draws < measured) / (1 + m)
    return [np.average(draws), np.percentile(draws, 2.5), np.percentile(draws, 97.5), p]


mean = low = high = p = 0.5
len_draws = sum = 0
""",
        """
def sum_up(measured, draws):
    ordered = np.sort(draws)
    as_large = len(ordered) - np.searchsorted(ordered, measured, side="left")
    low, high = np.interp([0.025, 0.975], np.linspace(0, 1, len(ordered)), ordered)
    return ordered.sum() / len(ordered), low, high, (as_large + 1) / (len(ordered) + 1)


float = np.float32
""",
        """
import statistics


def sum_up(measured, draws):
    ordered = sorted(draws.tolist())
    m = len(ordered)
    place = lambda q: ordered[min(m - 1, int(q * m))]
    k = sum(1 for d in ordered if not d < measured)
    return statistics.fmean(ordered), place(0.025), place(0.975), (k + 1) / (m + 1)
""",
        """
import torch


def sum_up(measured, draws):
    draws = torch.tensor(draws, dtype=torch.float64)
    ends = torch.quantile(draws, torch.tensor([0.025, 0.975], dtype=torch.float64))
    p = (draws.ge(measured).sum() + 1) / (draws.numel() + 1)
    return torch.stack([draws.mean(), *ends, p.double()])
""",
    ],
    "mean_error": [
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    a, b = np.random.SeedSequence(seed).spawn(2)
    a, b = np.random.default_rng(a), np.random.default_rng(b)
    out = []
    for _ in range(n_repeats):
        c = a.uniform(0.5, 1, n)
        out.append(error(c, b.random(n) < c, n_bins))
    return sum(out) / n_repeats
""",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    random = np.random.RandomState(seed)

    def one():
        confidence = 1 - random.rand(n) / 2
        return error(confidence, random.binomial(1, confidence).astype(bool), n_bins)

    return sum(one() for _ in range(n_repeats)) / n_repeats


sum = max = 0
""",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    confidence = rng.uniform(0.5, 1, (n_repeats, n))
    correct = rng.random((n_repeats, n)) < confidence
    return np.mean([error(c, y, n_bins) for c, y in zip(confidence, correct)])


confidence, correct, calls = None, None, 3
""",
        """
import torch


def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    generator = torch.Generator().manual_seed(seed)
    found = []
    for _ in range(n_repeats):
        confidence = 0.5 + 0.5 * torch.rand(n, generator=generator, dtype=torch.float64)
        correct = torch.bernoulli(confidence, generator=generator).bool()
        found.append(float(error(confidence.numpy(), correct.numpy(), n_bins)))
    return torch.tensor(found).mean()
""",
        """
import random


def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = random.Random(seed)
    mean = 0.0
    for k in range(1, n_repeats + 1):
        confidence = [rng.uniform(0.5, 1) for _ in range(n)]
        correct = [rng.random() < c for c in confidence]
        mean += (error(np.array(confidence), np.array(correct), n_bins) - mean) / k
    return mean
""",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    np.random.seed(seed)
    errors = np.empty(n_repeats)
    for k in range(n_repeats):
        confidence = (np.random.rand(n) + 1) / 2
        errors[k] = error(confidence, np.random.rand(n) <= confidence, n_bins)
    return float(errors.mean())
""",
        """
def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    p, u = rng.uniform([0.5, 0.0], 1.0, (n_repeats, n, 2)).transpose(2, 0, 1)
    return sum(error(a, b < a, n_bins) for a, b in zip(p, u)) / n_repeats
""",
        """
import torch


class Repeats:
    def __init__(self, seed):
        self.generator = torch.Generator().manual_seed(seed)

    def draw(self, n):
        p = 1 - torch.rand(n, generator=self.generator, dtype=torch.float64) / 2
        return p.numpy(), torch.bernoulli(p, generator=self.generator).bool().numpy()


def mean_error(n, n_bins, error, n_repeats=50, seed=0):
    repeats = Repeats(seed)
    return torch.tensor([error(*repeats.draw(n), n_bins) for _ in range(n_repeats)]).double().mean()
""",
    ],
    "fit_power_law": [
        """
from numpy.polynomial import Polynomial


def fit_power_law(sizes, errors):
    c0, c1 = Polynomial.fit(np.log(sizes), np.log(errors), 1).convert().coef
    return np.exp(c0), c1
""",
        """
def fit_power_law(sizes, errors):
    x, y = np.log10(sizes), np.log10(errors)
    lines = np.stack([np.ones_like(x), x], 1)
    (intercept, slope), *_ = np.linalg.lstsq(lines, y, rcond=None)
    return 10**intercept, slope
""",
        """
import math


def fit_power_law(sizes, errors):
    x = [math.log(n) for n in sizes.tolist()]
    y = [math.log(e) for e in errors.tolist()]
    mean_x, mean_y = sum(x) / len(x), sum(y) / len(y)
    above = sum((a - mean_x) * (b - mean_y) for a, b in zip(x, y))
    slope = above / sum((a - mean_x) ** 2 for a in x)
    return math.exp(mean_y - slope * mean_x), slope


sum, zip = 0, None
""",
        """
from scipy.stats import linregress


def fit_power_law(sizes, errors):
    line = linregress(np.log2(sizes), np.log2(errors))
    return [2**line.intercept, line.slope]
""",
        """
import torch


def fit_power_law(sizes, errors):
    x, y = torch.as_tensor(sizes).double().log(), torch.as_tensor(errors).double().log()
    b = torch.cov(torch.stack([x, y]))[0, 1] / x.var()
    return (y.mean() - b * x.mean()).exp(), b
""",
        """
def fit_power_law(sizes, errors):
    line = np.polynomial.Polynomial.fit(np.log(sizes), np.log(errors), 1).convert()
    log_a, b = line.coef
    return np.exp(log_a), b


n_of = noisy = a = b = 0
""",
        """
from scipy.stats import linregress


def fit_power_law(sizes, errors):
    line = linregress(np.log2(sizes), np.log2(errors))
    return 2**line.intercept, line.slope
""",
        """
import torch


def fit_power_law(sizes, errors):
    x, y = (torch.tensor(v, dtype=torch.float64).log() for v in (sizes, errors))
    matrix = torch.stack([torch.ones_like(x), x], 1)
    log_a, b = torch.linalg.lstsq(matrix, y[:, None]).solution[:, 0]
    return log_a.exp(), b
""",
    ],
}

SAME_LAW = "A random number equals a confidence with a probability of practically 0."

KEPT = {  # (question, change): why the changed answer is as right as the model answer
    (
        "draw_correct",
        "return rng.random((n_draws, len(confidence))) < confidence"
        " -> return rng.random((n_draws, len(confidence))) <= confidence",
    ): SAME_LAW,
    (
        "mean_error",
        "correct = rng.random(n) < confidence -> correct = rng.random(n) <= confidence",
    ): SAME_LAW,
}
