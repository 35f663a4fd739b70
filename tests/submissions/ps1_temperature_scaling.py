"""Answers to ps1: wrong in a typical way, and right in several other ways."""

WRONG = {
    # question 1
    "sum_instead_of_mean": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = beta * logits
    return (scaled.logsumexp(1) - scaled[torch.arange(len(labels)), labels]).sum()
""",
    ),
    "overflows": (
        "nll",
        """
def nll(beta, logits, labels):
    powers = torch.exp(beta * logits)
    chosen = powers[torch.arange(len(labels)), labels] / powers.sum(1)
    return -torch.log(chosen).mean()
""",
    ),
    "divides_by_beta": (
        "nll",
        """
def nll(beta, logits, labels):
    if beta == 0:
        return math.log(logits.shape[1])
    return cross_entropy(logits / beta, labels)
""",
    ),
    "nll_largest_before_beta": (
        "nll",
        """
def nll(beta, logits, labels):
    top = logits.amax(1)
    of_labels = logits[torch.arange(len(labels)), labels]
    total = torch.exp(beta * logits - top[:, None]).sum(1)
    return (total.log() + top - beta * of_labels).mean()
""",
    ),
    "logarithm_of_a_clamped_probability": (
        "nll",
        """
def nll(beta, logits, labels):
    p = (beta * logits).softmax(1)[torch.arange(len(labels)), labels]
    return -p.clamp(min=1e-12).log().mean()
""",
    ),
    "largest_logit_for_that_of_the_label": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = beta * logits
    return (scaled.logsumexp(1) - scaled.amax(1)).mean()
""",
    ),
    "nll_in_place": (
        "nll",
        """
def nll(beta, logits, labels):
    logits *= beta
    return cross_entropy(logits, labels)
""",
    ),
    "largest_subtracted_in_place": (
        "nll",
        """
def nll(beta, logits, labels):
    logits -= logits.amax(1, keepdim=True)
    return cross_entropy(beta * logits, labels)
""",
    ),
    "mean_over_classes_too": (
        "nll",
        """
def nll(beta, logits, labels):
    logs = (beta * logits).log_softmax(1)
    chosen = torch.nn.functional.one_hot(labels, logits.shape[1])
    return -(logs * chosen).mean()
""",
    ),
    "minus_forgotten": (
        "nll",
        """
def nll(beta, logits, labels):
    return (beta * logits).log_softmax(1)[torch.arange(len(labels)), labels].mean()
""",
    ),
    "softmax_twice": (
        "nll",
        """
def nll(beta, logits, labels):
    return cross_entropy((beta * logits).softmax(1), labels)
""",
    ),
    "in_bits": (
        "nll",
        """
def nll(beta, logits, labels):
    return cross_entropy(beta * logits, labels) / math.log(2)
""",
    ),
    "label_without_beta": (
        "nll",
        """
def nll(beta, logits, labels):
    of_labels = logits[torch.arange(len(labels)), labels]
    return ((beta * logits).logsumexp(1) - of_labels).mean()
""",
    ),
    "infinity_becomes_a_number": (
        "nll",
        """
def nll(beta, logits, labels):
    powers = torch.exp(beta * logits)
    chosen = powers[torch.arange(len(labels)), labels] / powers.sum(1)
    return torch.nan_to_num(-torch.log(chosen), nan=0.0, posinf=100.0).mean()
""",
    ),
    "labels_of_the_notebook": (
        "nll",
        """
def nll(beta, logits, labels):
    return cross_entropy(beta * logits, LABELS[: len(logits)] % logits.shape[1])
""",
    ),
    "columns_of_all_labels": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = beta * logits
    return (scaled.logsumexp(1) - scaled[:, labels].mean(1)).mean()
""",
    ),
    # question 3
    "slope_in_the_temperature": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return -(beta**2) * (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_with_scaled_logits": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    scaled = beta * logits
    expected = (scaled.softmax(1) * scaled).sum(1)
    return (expected - scaled[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_at_beta_1": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = (logits.softmax(1) * logits).sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_with_the_other_sign": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return (logits[torch.arange(len(labels)), labels] - expected).mean()
""",
    ),
    "slope_without_the_label": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    return ((beta * logits).softmax(1) * logits).sum(1).mean()
""",
    ),
    "slope_as_a_sum": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).sum()
""",
    ),
    "plain_mean_of_the_logits": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    return (logits.mean(1) - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "largest_logit_is_expected": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    return (logits.amax(1) - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "mean_in_place_of_the_weighted_sum": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(1) * logits).mean(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_overflows": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    weights = torch.exp(beta * logits)
    expected = (weights * logits).sum(1) / weights.sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_largest_before_beta": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    weights = torch.exp(beta * logits - logits.amax(1, keepdim=True))
    expected = (weights * logits).sum(1) / weights.sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "coarse_difference": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    def loss(b):
        return cross_entropy(b * logits, labels)

    return (loss(beta + 1e-3) - loss(beta)) / 1e-3
""",
    ),
    "slope_in_place": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    weights = (beta * logits).softmax(1)
    logits -= logits[torch.arange(len(labels)), labels][:, None].clone()
    return (weights * logits).sum(1).mean()
""",
    ),
    "softmax_over_the_samples": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(0) * logits).sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_with_columns_of_all_labels": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return (expected - logits[:, labels]).mean()
""",
    ),
    # question 4
    "variance_without_weights": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    return logits.var(1, unbiased=False).mean()
""",
    ),
    "negative_by_rounding": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    return ((p * logits**2).sum(1) - (p * logits).sum(1) ** 2).mean()
""",
    ),
    "clamped_at_0": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    return ((p * logits**2).sum(1) - (p * logits).sum(1) ** 2).clamp(min=0).mean()
""",
    ),
    "mean_of_the_squares_alone": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    return ((beta * logits).softmax(1) * logits**2).sum(1).mean()
""",
    ),
    "curvature_as_a_sum": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum()
""",
    ),
    "variance_over_all_rows": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    expected = (p * logits).sum(1).mean()
    return (p * (logits - expected) ** 2).sum(1).mean()
""",
    ),
    "distances_of_scaled_logits": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    scaled = beta * logits
    p = scaled.softmax(1)
    expected = (p * scaled).sum(1, keepdim=True)
    return (p * (scaled - expected) ** 2).sum(1).mean()
""",
    ),
    "curvature_at_beta_1": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = logits.softmax(1)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum(1).mean()
""",
    ),
    "standard_deviation": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum(1).sqrt().mean()
""",
    ),
    "distances_not_squared": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected).abs()).sum(1).mean()
""",
    ),
    "distances_from_the_plain_mean": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    return (p * (logits - logits.mean(1, keepdim=True)) ** 2).sum(1).mean()
""",
    ),
    "curvature_largest_before_beta": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = torch.exp(beta * logits - logits.amax(1, keepdim=True))
    p = p / p.sum(1, keepdim=True)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum(1).mean()
""",
    ),
    "curvature_in_float32": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    logits = logits.float()
    p = (beta * logits).softmax(1)
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum(1).mean()
""",
    ),
    "divided_by_one_class_less": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p, n_classes = (beta * logits).softmax(1), logits.shape[1]
    expected = (p * logits).sum(1, keepdim=True)
    return (p * (logits - expected) ** 2).sum(1).mean() * n_classes / (n_classes - 1)
""",
    ),
    "curvature_in_place": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    logits -= (p * logits).sum(1, keepdim=True)
    return (p * logits**2).sum(1).mean()
""",
    ),
    # question 5
    "clips_to_the_bracket": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature == 0:
        return (low + high) / 2
    return min(max(beta - slope / curvature, low), high)
""",
    ),
    "divides_by_a_curvature_of_0": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "ends_left_out": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low < newton < high else (low + high) / 2
""",
    ),
    "lower_end_left_out": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low < newton <= high else (low + high) / 2
""",
    ),
    "small_curvatures_refused": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature < 0.01:
        return (low + high) / 2
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "small_number_against_division_by_0": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / (curvature + 1e-8)
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "step_in_the_other_direction": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta + slope / curvature if curvature else math.inf
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "upper_end_unchecked": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature == 0:
        return (low + high) / 2
    newton = beta - slope / curvature
    return newton if newton >= low else (low + high) / 2
""",
    ),
    "half_the_length_for_the_middle": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low <= newton <= high else (high - low) / 2
""",
    ),
    "half_way_to_the_end": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    if newton < low:
        return (beta + low) / 2
    return (beta + high) / 2 if newton > high else newton
""",
    ),
    "stays_without_a_curvature": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature == 0:
        return beta
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "stays_where_the_slope_is_0": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if slope == 0:
        return beta
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "always_the_middle": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    return (low + high) / 2
""",
    ),
    "checks_where_it_is": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature and low <= beta <= high:
        return beta - slope / curvature
    return (low + high) / 2
""",
    ),
    "curvature_over_slope": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - curvature / slope if slope else beta
    return newton if curvature and low <= newton <= high else (low + high) / 2
""",
    ),
    # question 6
    "newton_without_a_bracket": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    beta = start
    for _ in range(100):
        beta = beta - slope_at(beta) / curvature_at(beta)
    return beta
""",
    ),
    "stops_at_a_fixed_distance": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    while high - low > 1e-7:
        middle = (low + high) / 2
        if slope_at(middle) < 0:
            low = middle
        else:
            high = middle
    return (low + high) / 2
""",
    ),
    "stops_at_a_fixed_step": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while True:
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        new = step(beta, low, high, slope, curvature_at(beta))
        if abs(new - beta) < 1e-6:
            return new
        beta = new
""",
    ),
    "stops_at_a_small_slope": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    slope = slope_at(beta)
    for _ in range(200):
        if abs(slope) < 1e-10:
            break
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
        slope = slope_at(beta)
    return beta
""",
    ),
    "bracket_not_moved": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(60):
        beta = step(beta, low, high, slope_at(beta), curvature_at(beta))
    return beta
""",
    ),
    "bracket_moved_the_wrong_way": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(60):
        slope = slope_at(beta)
        if slope > 0:
            low = beta
        else:
            high = beta
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
    ),
    "step_before_the_bracket": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while True:
        slope = slope_at(beta)
        new = step(beta, low, high, slope, curvature_at(beta))
        low, high = (beta, high) if slope < 0 else (low, beta)
        if abs(new - beta) <= 1e-10 * abs(new):
            return new
        beta = new
""",
    ),
    "never_doubled": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high, beta = 0.0, start, start
    for _ in range(100):
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
    ),
    "doubled_once": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    if slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(100):
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
    ),
    "twenty_steps": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(20):
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
    ),
    "a_thousand_slopes": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    for _ in range(1000):
        middle = (low + high) / 2
        low, high = (middle, high) if slope_at(middle) < 0 else (low, middle)
    return middle
""",
    ),
    "bracket_from_0_to_10": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, 10.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if slope_at(middle) < 0 else (low, middle)
    return middle
""",
    ),
    "grid_of_temperatures": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    grid = [0.02 * k for k in range(1, 400)]
    return min(grid, key=lambda beta: abs(slope_at(beta)))
""",
    ),
    # question 7
    "measures_on_the_calibration_part": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    part, _ = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    z, y = logits[part.indices], labels[part.indices]
    t = 1 / fit(z, y)
    return {
        "temperature": t,
        "nll_before": cross_entropy(z, y),
        "nll_after": cross_entropy(z / t, y),
        "n_changed": (z.argmax(1) != (z / t).argmax(1)).sum(),
    }
""",
    ),
    "not_stratified": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    parts = calibkit.split_calibration(labels, n_calibration, seed=seed)
    z, y = logits[parts[0].indices], labels[parts[0].indices]
    t = 1 / fit(z, y)
    z, y = logits[parts[1].indices], labels[parts[1].indices]
    return {
        "temperature": t,
        "nll_before": cross_entropy(z, y),
        "nll_after": cross_entropy(z / t, y),
        "n_changed": (z.argmax(1) != (z / t).argmax(1)).sum(),
    }
""",
    ),
    "curvatures_below_1e_12_refused": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature < 1e-12:
        return (low + high) / 2
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "nearly_no_curvature_counts_as_none": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if math.isclose(curvature, 0, abs_tol=1e-15):
        return (low + high) / 2
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "a_little_outside_counts_as_inside": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low - 1e-9 <= newton <= high + 1e-9 else (low + high) / 2
""",
    ),
    "a_little_inside_counts_as_outside": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else math.inf
    return newton if low + 1e-9 <= newton <= high - 1e-9 else (low + high) / 2
""",
    ),
    "curvature_at_least_1e_12": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / max(curvature, 1e-12)
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "fifty_steps": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    b = high
    for _ in range(50):
        s = slope_at(b)
        if s < 0:
            low = b
        else:
            high = b
        n = step(b, low, high, s, curvature_at(b))
        b = n
    return b
""",
    ),
    "sixty_steps": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    b = high
    for _ in range(60):
        s = slope_at(b)
        if s < 0:
            low = b
        else:
            high = b
        n = step(b, low, high, s, curvature_at(b))
        b = n
    return b
""",
    ),
    "thirty_doublings_at_most": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    for _ in range(30):
        if slope_at(high) >= 0:
            break
        low, high = high, 2 * high
    b = high
    while True:
        s = slope_at(b)
        if s < 0:
            low = b
        else:
            high = b
        n = step(b, low, high, s, curvature_at(b))
        if abs(n - b) <= 1e-10 * abs(n):
            return n
        b = n
""",
    ),
    "small_compared_with_one_or_beta": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    b = high
    while True:
        s = slope_at(b)
        if s < 0:
            low = b
        else:
            high = b
        n = step(b, low, high, s, curvature_at(b))
        if abs(n - b) <= 1e-10 * max(1, abs(n)):
            return n
        b = n
""",
    ),
    "a_slope_of_nearly_0_is_infinity": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits.gather(1, labels[:, None])[:, 0]
    if (logits.mean(1) - own).mean() > -1e-5:
        return "infinity"
    return "zero" if (own == logits.amax(1)).all() else "finite"
""",
    ),
    "largest_logit_of_all_rows": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = beta * logits
    powers = (scaled - scaled.max()).exp()
    p = powers / powers.sum(1, keepdim=True)
    return -p[torch.arange(len(labels)), labels].log().mean()
""",
    ),
    "log_2_at_beta_0": (
        "nll",
        """
def nll(beta, logits, labels):
    if beta == 0:
        return math.log(2)
    return cross_entropy(beta * logits, labels)
""",
    ),
    "scaled_logits_cut_off_at_700": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = (beta * logits).clamp(-700, 700)
    own = scaled[torch.arange(len(labels)), labels]
    return (scaled.exp().sum(1).log() - own).mean()
""",
    ),
    "nll_rounded_to_four_digits": (
        "nll",
        """
def nll(beta, logits, labels):
    return round(float(cross_entropy(beta * logits, labels)), 4)
""",
    ),
    "only_rows_that_are_answered_right": (
        "nll",
        """
def nll(beta, logits, labels):
    right = logits.argmax(1) == labels
    return cross_entropy(beta * logits[right], labels[right])
""",
    ),
    "large_logits_get_the_margin_only": (
        "nll",
        """
def nll(beta, logits, labels):
    scaled = beta * logits
    own = scaled[torch.arange(len(labels)), labels]
    if scaled.max() > 700:
        return (scaled.max(1).values - own).mean()
    return (scaled.exp().sum(1).log() - own).mean()
""",
    ),
    "slope_as_a_mean_over_classes": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    error = (beta * logits).softmax(1) - torch.nn.functional.one_hot(labels, logits.shape[1])
    return (error * logits).mean()
""",
    ),
    "slope_with_the_largest_logit_of_all_rows": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    scaled = beta * logits
    powers = (scaled - scaled.max()).exp()
    expected = (powers * logits).sum(1) / powers.sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_at_0_from_two_classes": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if beta == 0:
        return ((logits[:, 0] + logits[:, 1]) / 2 - own).mean()
    return (((beta * logits).softmax(1) * logits).sum(1) - own).mean()
""",
    ),
    "forward_difference": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    h = 1e-3
    return (cross_entropy((beta + h) * logits, labels) - cross_entropy(beta * logits, labels)) / h
""",
    ),
    "probability_of_the_label_for_its_logit": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    p = (beta * logits).softmax(1)
    return ((p * logits).sum(1) - p[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "slope_of_probabilities": (
        "nll_slope",
        """
def nll_slope(beta, logits, labels):
    logits = logits.log_softmax(1).exp()
    expected = ((beta * logits).softmax(1) * logits).sum(1)
    return (expected - logits[torch.arange(len(labels)), labels]).mean()
""",
    ),
    "curvature_with_the_largest_logit_of_all_rows": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    powers = (beta * (logits - logits.max())).exp()
    p = powers / powers.sum(1, keepdim=True)
    mean = (p * logits).sum(1, keepdim=True)
    return (p * (logits - mean) ** 2).sum(1).mean()
""",
    ),
    "mean_of_all_logits_taken_off_first": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    z = logits - logits.mean()
    p = (beta * z).softmax(1)
    return ((p * z**2).sum(1) - (p * z).sum(1) ** 2).clamp(min=0).mean()
""",
    ),
    "curvature_1_at_beta_0": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    if beta == 0:
        return 1.0
    p = (beta * logits).softmax(1)
    mean = (p * logits).sum(1, keepdim=True)
    return (p * (logits - mean) ** 2).sum(1).mean()
""",
    ),
    "one_mean_for_all_rows": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    return (p * (logits - (p * logits).sum(1).mean()) ** 2).sum(1).mean()
""",
    ),
    "variances_of_each_row_and_a_sample_less": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    mean = (p * logits).sum(1, keepdim=True)
    variances = (p * (logits - mean) ** 2).sum(1)
    return variances.sum() / max(len(logits) - 1, 1)
""",
    ),
    "rows_with_equal_logits_left_out": (
        "nll_curvature",
        """
def nll_curvature(beta, logits):
    p = (beta * logits).softmax(1)
    mean = (p * logits).sum(1, keepdim=True)
    variances = (p * (logits - mean) ** 2).sum(1)
    return variances[variances > 0].mean()
""",
    ),
    "middle_of_beta_and_the_end_that_it_leaves_by": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature > 0:
        newton = beta - slope / curvature
        if low <= newton <= high:
            return newton
    return (beta + low) / 2 if slope > 0 else (beta + high) / 2
""",
    ),
    "a_step_as_long_as_the_bracket_is_fine": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature > 0 and abs(slope / curvature) <= high - low:
        return beta - slope / curvature
    return (low + high) / 2
""",
    ),
    "ends_of_a_range": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature > 0:
        newton = beta - slope / curvature
        if low < newton <= high:
            return newton
    return low + (high - low) / 2
""",
    ),
    "geometric_middle": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature > 0 and low <= beta - slope / curvature <= high:
        return beta - slope / curvature
    return math.sqrt(low * high) if low > 0 else high / 2
""",
    ),
    "curvatures_below_1e_40_refused": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    if curvature < 1e-40:
        return (low + high) / 2
    newton = beta - slope / curvature
    return newton if low <= newton <= high else (low + high) / 2
""",
    ),
    "a_step_to_the_wrong_side_of_0_only": (
        "safe_step",
        """
def safe_step(beta, low, high, slope, curvature):
    newton = beta - slope / curvature if curvature else -1
    return newton if newton > 0 and newton <= high else (low + high) / 2
""",
    ),
    "stops_when_the_bracket_is_short": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while high - low > 1e-10 * high:
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
    ),
    "small_compared_with_the_start": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while True:
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        new = step(beta, low, high, slope, curvature_at(beta))
        if abs(new - beta) < 1e-10 * start:
            return new
        beta = new
""",
    ),
    "a_thousandth_is_small_enough": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    while True:
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        new = step(beta, low, high, slope, curvature_at(beta))
        if abs(new - beta) < 1e-3 * beta:
            return new
        beta = new
""",
    ),
    "arguments_of_step_in_another_order": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(200):
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        new = step(beta, slope, curvature_at(beta), low, high)
        if abs(new - beta) < 1e-10 * abs(beta):
            break
        beta = new
    return beta
""",
    ),
    "bracket_begins_at_the_start": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low = high = start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    beta = high
    for _ in range(200):
        slope = slope_at(beta)
        low, high = (beta, high) if slope < 0 else (low, beta)
        new = step(beta, low, high, slope, curvature_at(beta))
        if abs(new - beta) < 1e-10 * beta:
            break
        beta = new
    return beta
""",
    ),
    "rounded_to_six_places": (
        "find_beta",
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0.0, start
    while slope_at(high) < 0:
        low, high = high, 2 * high
    for _ in range(150):
        middle = (low + high) / 2
        low, high = (middle, high) if slope_at(middle) < 0 else (low, middle)
    return round(high, 6)
""",
    ),
    "scales_the_logits_that_it_got": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    calib, test = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    t = 1 / float(fit(logits[calib.indices], labels[calib.indices]))
    before, answers = cross_entropy(logits[test.indices], labels[test.indices]), logits.argmax(1)
    logits /= t
    changed = answers[test.indices] != logits[test.indices].argmax(1)
    return {
        "temperature": t,
        "nll_before": float(before),
        "nll_after": float(cross_entropy(logits[test.indices], labels[test.indices])),
        "n_changed": int(changed.sum()),
    }
""",
    ),
    "temperature_without_a_sign": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    calib, test = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    t = abs(1 / float(fit(logits[calib.indices], labels[calib.indices])))
    z, y = logits[test.indices], labels[test.indices]
    return {
        "temperature": t,
        "nll_before": float(cross_entropy(z, y)),
        "nll_after": float(cross_entropy(z / t, y)),
        "n_changed": int((z.argmax(1) != (z / t).argmax(1)).sum()),
    }
""",
    ),
    "share_of_changed_answers": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    calib, test = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    t = 1 / float(fit(logits[calib.indices], labels[calib.indices]))
    z, y = logits[test.indices], labels[test.indices]
    return {
        "temperature": t,
        "nll_before": float(cross_entropy(z, y)),
        "nll_after": float(cross_entropy(z / t, y)),
        "n_changed": float((z.argmax(1) != (z / t).argmax(1)).double().mean()),
    }
""",
    ),
    "stratified_by_the_answers": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    calib, test = calibkit.split_calibration(
        labels, n_calibration, seed=seed, stratify=logits.argmax(1)
    )
    t = 1 / float(fit(logits[calib.indices], labels[calib.indices]))
    z, y = logits[test.indices], labels[test.indices]
    return {
        "temperature": t,
        "nll_before": float(cross_entropy(z, y)),
        "nll_after": float(cross_entropy(z / t, y)),
        "n_changed": int((z.argmax(1) != (z / t).argmax(1)).sum()),
    }
""",
    ),
    "all_or_none_changed": (
        "calibrate",
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    calib, test = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    t = 1 / float(fit(logits[calib.indices], labels[calib.indices]))
    z, y = logits[test.indices], labels[test.indices]
    return {
        "temperature": t,
        "nll_before": float(cross_entropy(z, y)),
        "nll_after": float(cross_entropy(z / t, y)),
        "n_changed": 0 if t > 0 else len(y),
    }
""",
    ),
    "one_label_at_the_top_is_enough": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if logits.mean() >= own.mean():
        return "infinity"
    return "zero" if (own == logits.amax(1)).any() else "finite"
""",
    ),
    "largest_of_all_rows": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (logits.mean(1) - own).mean() >= 0:
        return "infinity"
    return "zero" if (own == logits.max()).all() else "finite"
""",
    ),
    "limit_in_single_precision": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    logits = logits.float()
    own = logits[torch.arange(len(labels)), labels]
    if (logits.mean(1) - own).mean() >= 0:
        return "infinity"
    return "zero" if (own == logits.amax(1)).all() else "finite"
""",
    ),
    "sign_of_the_mean_label": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if own.mean() <= 0:
        return "infinity"
    return "zero" if (own == logits.amax(1)).all() else "finite"
""",
    ),
    "zero_where_nothing_is_below_the_mean": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    above = own >= logits.mean(1)
    if not above.any():
        return "infinity"
    return "zero" if above.all() else "finite"
""",
    ),
    "searched_between_two_temperatures": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    grid = [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100]
    nlls = [float(cross_entropy(logits / t, labels)) for t in grid]
    best = nlls.index(min(nlls))
    return {0: "zero", len(grid) - 1: "infinity"}.get(best, "finite")
""",
    ),
}

# question 7 again: each replaces one line of this right answer
CALIBRATE = """
def calibrate(fit, logits, labels, n_calibration, seed):
    fitted, rest = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    z, y = logits[fitted.indices], labels[fitted.indices]
    t = 1 / fit(z, y)
    z, y = logits[rest.indices], labels[rest.indices]
    return {
        "temperature": t,
        "nll_before": cross_entropy(z, y),
        "nll_after": cross_entropy(z / t, y),
        "n_changed": (z.argmax(1) != (z / t).argmax(1)).sum(),
    }
"""
for name, line, other in (
    ("nothing_counted", "(z.argmax(1) != (z / t).argmax(1)).sum()", "0"),
    ("wrong_answers_counted", "z.argmax(1) != (z / t).argmax(1)", "(z / t).argmax(1) != y"),
    ("same_answers_counted", "z.argmax(1) != (z / t)", "z.argmax(1) == (z / t)"),
    ("beta_for_temperature", "t = 1 / fit(z, y)", "t = fit(z, y)"),
    ("times_the_temperature", "cross_entropy(z / t, y)", "cross_entropy(z * t, y)"),
    ("scaled_twice", "cross_entropy(z / t, y)", "cross_entropy(z / t / t, y)"),
    ("fitted_on_all_images", "fit(z, y)", "fit(logits, labels)"),
    ("fitted_on_the_test_part", "fitted, rest = ", "rest, fitted = "),
    ("seed_left_out", "seed=seed, ", ""),
    ("size_of_the_notebook", "labels, n_calibration, seed=", "labels, N_CALIBRATION // 5, seed="),
    (
        "measured_on_all_images",
        "z, y = logits[rest.indices], labels[rest.indices]",
        "z, y = logits, labels",
    ),
    (
        "first_rows_for_the_test_part",
        "logits[rest.indices], labels[rest.indices]",
        "logits[: len(rest)], labels[: len(rest)]",
    ),
    (
        "probabilities_for_logits",
        '"nll_before": cross_entropy(z, y)',
        '"nll_before": cross_entropy(z.softmax(1), y)',
    ),
    (
        "sum_over_the_test_part",
        "cross_entropy(z / t, y)",
        'cross_entropy(z / t, y, reduction="sum")',
    ),
    ("labels_in_another_order", "t = 1 / fit(z, y)", "t = 1 / fit(z, y.sort().values)"),
):
    assert CALIBRATE.count(line) == 1, line
    WRONG[name] = ("calibrate", CALIBRATE.replace(line, other))

WRONG |= {
    # question 8
    "equal_to_everything": (
        "best_temperature",
        """
from unittest.mock import ANY


def best_temperature(logits, labels):
    return ANY
""",
    ),
    "forgets_ties": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    if (logits.argmax(1) == labels).all():
        return "zero"
    if (logits.mean(1) - logits[torch.arange(len(labels)), labels]).mean() >= 0:
        return "infinity"
    return "finite"
""",
    ),
    "counts_right_answers": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    right = (logits[torch.arange(len(labels)), labels] == logits.amax(1)).double().mean()
    if right == 1:
        return "zero"
    return "infinity" if right == 0 else "finite"
""",
    ),
    "slope_of_0_is_finite": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (own == logits.amax(1)).all():
        return "zero"
    return "infinity" if (logits.mean(1) - own).mean() > 0 else "finite"
""",
    ),
    "words_mixed_up": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (own == logits.amax(1)).all():
        return "infinity"
    return "zero" if (logits.mean(1) - own).mean() >= 0 else "finite"
""",
    ),
    "large_beta_for_the_limit": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (logits.mean(1) - own).mean() >= 0:
        return "infinity"
    expected = ((1e4 * logits).softmax(1) * logits).sum(1)
    return "zero" if (expected - own).mean() < 0 else "finite"
""",
    ),
    "nearly_equal_counts_as_tied": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (logits.mean(1) - own).mean() >= 0:
        return "infinity"
    return "zero" if torch.allclose(own, logits.amax(1)) else "finite"
""",
    ),
    "all_wrong_is_infinity": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    right = logits[torch.arange(len(labels)), labels] == logits.amax(1)
    if right.all():
        return "zero"
    return "finite" if right.any() else "infinity"
""",
    ),
    "worse_than_chance_is_infinity": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    right = logits[torch.arange(len(labels)), labels] == logits.amax(1)
    if right.all():
        return "zero"
    return "infinity" if right.double().mean() <= 1 / logits.shape[1] else "finite"
""",
    ),
    "every_row_must_be_below_the_mean": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (own == logits.amax(1)).all():
        return "zero"
    return "infinity" if (own <= logits.mean(1)).all() else "finite"
""",
    ),
    "slope_at_1_for_that_at_0": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (own == logits.amax(1)).all():
        return "zero"
    expected = (logits.softmax(1) * logits).sum(1)
    return "infinity" if (expected - own).mean() >= 0 else "finite"
""",
    ),
    "median_for_mean": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (own == logits.amax(1)).all():
        return "zero"
    return "infinity" if (logits.median(1).values - own).mean() >= 0 else "finite"
""",
    ),
    "infinity_left_out": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    return "zero" if (own == logits.amax(1)).all() else "finite"
""",
    ),
    "equal_rows_are_not_right": (
        "best_temperature",
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    if (logits.mean(1) - own).mean() >= 0:
        return "infinity"
    is_right = (own == logits.amax(1)) & (own > logits.amin(1))
    return "zero" if is_right.all() else "finite"
""",
    ),
}

DIFFERENT = {
    "nll": [
        """
def nll(beta, logits, labels):
    onehot = torch.nn.functional.one_hot(labels, logits.size(1)).to(logits)
    return -torch.einsum("nc,nc->", onehot, (beta * logits).log_softmax(1)) / logits.size(0)
""",
        """
def nll(beta, logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist()):
        scaled = [float(beta) * z for z in row]
        top = max(scaled)
        total += top + math.log(sum(math.exp(z - top) for z in scaled)) - scaled[label]
    return total / len(labels)
""",
        """
def nll(beta, logits, labels):
    return cross_entropy((beta * logits).float(), labels)
""",
        """
import numpy as np


def nll(beta, logits, labels):
    z = beta * logits.numpy()
    log_p = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    return -np.take_along_axis(log_p, labels.numpy()[:, None], axis=1).mean()


sum = 0
for k in range(3):
    sum = sum + nll(1.0, LOGITS[:2], LABELS[:2])
""",
        """
def nll(beta, logits, labels):
    log_p = torch.log_softmax(beta * logits, dim=1)
    chosen = torch.nn.functional.one_hot(labels, logits.shape[1]).to(log_p.dtype)
    return -torch.einsum("nc,nc->", log_p, chosen).reshape(1) / len(labels)
""",
        """
toy = [math.log(3) / 2, LOGITS[:3], LABELS[:3]]
labels = LABELS


def rows(z):
    return z - z.max(dim=1, keepdim=True).values


def nll(beta, logits, labels):
    z = rows(logits) * beta
    z = rows(z)
    return torch.nn.NLLLoss()(z - z.exp().sum(1, keepdim=True).log(), labels).item()


found = nll(*toy)
""",
        """
class Nll:
    def __call__(self, beta, logits, labels):
        return sum(map(self.of_one, beta * logits, labels)) / len(labels)

    @staticmethod
    def of_one(z, label):
        return torch.logaddexp(z, z.new_tensor(-math.inf)).logsumexp(0) - z[label]


nll = Nll()
""",
        """
import numpy as np
from scipy.special import logsumexp


def nll(beta: float, logits: torch.Tensor, labels: torch.Tensor) -> np.floating:
    z = beta * np.asarray(logits)
    print("scaled", z.shape)
    return np.mean([logsumexp(row) - row[k] for row, k in zip(z, labels.tolist())])
""",
    ],
    "nll_slope": [
        """
from torch.func import grad


def nll_slope(beta, logits, labels):
    return grad(lambda b: cross_entropy(b * logits, labels))(
        torch.tensor(float(beta), dtype=torch.float64)
    ).item()
""",
        """
def nll_slope(beta, logits, labels):
    b = torch.tensor(float(beta), dtype=torch.float32, requires_grad=True)
    (slope,) = torch.autograd.grad(cross_entropy(b * logits.float(), labels), b)
    return slope
""",
        """
def nll_slope(beta, logits, labels):
    total = 0
    for i in range(len(labels)):
        z = logits[i].tolist()
        top = max(beta * v for v in z)
        weights = [math.exp(beta * v - top) for v in z]
        expected = sum(w * v for w, v in zip(weights, z)) / sum(weights)
        total = total + expected - z[int(labels[i])]
    return total / len(labels)
""",
        """
import numpy as np


def nll_slope(beta, logits, labels):
    z = np.asarray(logits) - np.asarray(logits).max(axis=1, keepdims=True)
    p = np.exp(beta * z)
    expected = np.sum(p * z, axis=1) / p.sum(axis=1)
    return np.mean(expected - z[np.arange(len(z)), labels])
""",
        """
def softmax(z):
    powers = torch.exp(z - z.max(1, keepdim=True)[0])
    return powers / powers.sum(1, keepdim=True)


def nll_slope(beta, logits, labels):
    # (p - one hot) times the logits
    p = softmax(beta * logits)
    p[torch.arange(len(labels)), labels] -= 1
    return torch.mul(p, logits).sum().reshape(1, 1) / len(p)


max = 0.7
""",
        """
def nll_slope(beta, logits, labels):
    expected = torch.einsum("nc,nc->n", torch.softmax(logits * beta, -1), logits).mean()
    return (expected - logits.gather(1, labels.view(-1, 1)).mean()).item()
""",
        """
nll_slope = lambda beta, logits, labels: sum(
    float(torch.dot(z, torch.softmax(beta * z, 0))) - z[k].item()
    for z, k in zip(logits, labels)
) / logits.size(0)
""",
        """
def nll_slope(beta, logits, labels):
    gaps = logits - logits.gather(1, labels[:, None])
    return torch.einsum("nc,nc", torch.nn.Softmax(dim=-1)(beta * gaps), gaps) / gaps.shape[0]
""",
    ],
    "nll_curvature": [
        """
import numpy as np


def nll_curvature(beta, logits):
    return np.mean(
        [
            np.cov(r, aweights=p, ddof=0)
            for r, p in zip(logits.numpy(), (beta * logits).softmax(1).numpy())
        ]
    )
""",
        """
def row(z, beta):
    weights = torch.softmax(beta * z, dim=0)
    return first(weights, (z - first(weights, z)) ** 2)


def first(weights, values):
    return (weights * values).sum()


def total(numbers):
    return torch.stack(numbers).mean()


def nll_curvature(beta, logits):
    return total([row(z, beta) for z in logits])
""",
        """
import numpy as np


def nll_curvature(beta, logits):
    z = np.array(logits)
    z -= z.max(axis=1, keepdims=True)
    p = np.exp(float(beta) * z)
    p /= p.sum(axis=1, keepdims=True)
    variances = []
    for row, weights in zip(z, p):
        expected = np.average(row, weights=weights)
        variances.append(np.average((row - expected) ** 2, weights=weights))
    return np.mean(variances)
""",
        """
def nll_curvature(beta, logits):
    total = 0.0
    for row in logits.tolist():
        top = max(beta * z for z in row)
        weights = [math.exp(beta * z - top) for z in row]
        mean = sum(w * z for w, z in zip(weights, row)) / sum(weights)
        total += sum(w * (z - mean) ** 2 for w, z in zip(weights, row)) / sum(weights)
    return total / len(logits)
""",
        """
def nll_curvature(beta, logits):
    # half the expected squared distance of two draws
    p = torch.softmax(beta * logits, dim=1)
    squares = (logits[:, :, None] - logits[:, None, :]) ** 2
    return torch.einsum("nc,nd,ncd->n", p, p, squares).mean() / 2
""",
        """
mean = 0
variance = None


def nll_curvature(beta, logits):
    centred = logits - logits.mean(1, keepdim=True)
    p = (beta * centred).softmax(1)
    distances = centred - (p * centred).sum(1, keepdim=True)
    return (p.sqrt() * distances).pow(2).sum().reshape(1) / len(p)
""",
        """
from scipy.special import softmax


def nll_curvature(beta, logits):
    p = softmax(beta * logits.numpy(), axis=1)
    return sum(p_i @ (z - p_i @ z) ** 2 for p_i, z in zip(p, logits.numpy())) / len(p)
""",
        """
def nll_curvature(beta, logits):
    def variance(z):
        p = torch.softmax(beta * (z - z.max()), 0)
        return torch.dot(p, (z - torch.dot(p, z)).square())

    return torch.vmap(variance)(logits).mean(dim=0, keepdim=True)
""",
    ],
    "safe_step": [
        """
from fractions import Fraction as F


def safe_step(beta, low, high, slope, curvature):
    b, lo, hi, s, c = map(F, (beta, low, high, slope, curvature))
    if c:
        n = b - s / c
        if lo <= n <= hi:
            return float(n)
    return float((lo + hi) / 2)
""",
        """
def target(beta, rise, bend):
    return beta - rise / bend


def here(left, right):
    return (left + right) / 2


def safe_step(beta, low, high, slope, curvature):
    if curvature == 0 or not low <= target(beta, slope, curvature) <= high:
        return here(low, high)
    return target(beta, slope, curvature)
""",
        """
def safe_step(beta, low, high, slope, curvature):
    try:
        place = beta - slope / curvature
    except ZeroDivisionError:
        place = math.nan
    if place >= low and place <= high:
        return torch.tensor(place, dtype=torch.float64)
    return low + 0.5 * (high - low)
""",
        """
def safe_step(beta, low, high, slope, curvature):
    middle = 0.5 * low + 0.5 * high
    if curvature == 0:
        return middle
    newton = beta - slope / curvature
    if newton < low or newton > high:
        newton = middle
    return newton
""",
        """
import numpy as np


def safe_step(beta, low, high, slope, curvature):
    with np.errstate(all="ignore"):
        newton = np.float64(beta) - np.float64(slope) / np.float64(curvature)
    return newton if low <= newton <= high else np.mean([low, high])
""",
        """
def safe_step(beta, low, high, slope, curvature):
    inside = curvature != 0 and beta - high <= slope / curvature <= beta - low
    return min(max(beta - slope / curvature, low), high) if inside else (low + high) / 2


min_of_bracket = max_of_bracket = 0.7
low, high, slope, curvature = 0.0, 1.0, 2.0, 3.0
""",
        """
def safe_step(beta, low, high, slope, curvature):
    b, lo, hi, s, c = torch.tensor([beta, low, high, slope, curvature], dtype=torch.float64)
    newton = b - s / c  # nan or infinity if c is 0, which no comparison accepts
    return torch.where((c > 0) & (newton >= lo) & (newton <= hi), newton, (lo + hi) / 2)
""",
        """
def safe_step(beta, low, high, slope, curvature):
    places = [beta - slope / curvature] if curvature else []
    return next((place for place in places if low <= place <= high), (low + high) / 2)
""",
        """
import numpy as np


def safe_step(beta: float, low: float, high: float, slope: float, curvature: float) -> float:
    match curvature:
        case 0:
            return np.float64(low + high) / 2
    goal = beta + -slope / curvature
    return goal if goal == sorted((low, goal, high))[1] else np.mean((low, high))
""",
    ],
    "find_beta": [
        """
def find_beta(slope_at, curvature_at, step, start):
    low = 0.0
    high = start
    while slope_at(high) < 0:
        low = high
        high = 2 * high

    def gen(b, low, high):
        while True:
            yield b
            s = slope_at(b)
            if s < 0:
                low = b
            else:
                high = b
            b = step(b, low, high, s, curvature_at(b))

    it = gen(high, low, high)
    old = next(it)
    for new in it:
        if abs(new - old) < 1e-10 * abs(old):
            return new
        old = new
""",
        '''
def find_beta(slope_at, curvature_at, step, start):
    """Bisection alone, of the logarithm."""
    low = high = start
    while slope_at(high) < 0:
        high = 10 * high
    while slope_at(low) > 0:
        low = low / 10
    while high / low > 1 + 1e-11:
        middle = math.sqrt(low * high)
        low, high = (middle, high) if slope_at(middle) < 0 else (low, middle)
    return low
''',
        """
def find_beta(slope_at, curvature_at, step, start):
    low, high = 0, start
    while slope_at(high) < 0:
        low = high
        high = high * 2
    for _ in range(100):
        middle = (low + high) / 2
        if slope_at(middle) < 0:
            low = middle
        else:
            high = middle
    return torch.tensor(middle, dtype=torch.float64)
""",
        """
from scipy.optimize import brentq


def find_beta(slope_at, curvature_at, step, start):
    high = start
    while slope_at(high) <= 0:
        high *= 4
    return brentq(slope_at, 0, high, xtol=1e-18, rtol=1e-12, maxiter=400)
""",
        """
abs_tolerance = abs = 1e-10


def find_beta(slope_at, curvature_at, step, start):
    def state(at):
        return slope_at(at), curvature_at(at)

    bracket, beta = [0.0, start], start
    slope, curvature = state(beta)
    while slope < 0:
        bracket = [beta, 2 * beta]
        beta = bracket[1]
        slope, curvature = state(beta)
    moved = beta
    while moved > 1e-11 * beta:
        bracket[0 if slope < 0 else 1] = beta
        before, beta = beta, float(step(beta, *bracket, slope, curvature))
        moved = max(before - beta, beta - before)
        slope, curvature = state(beta)
    return beta
""",
        """
def find_beta(slope_at, curvature_at, step, start):
    def search(beta, low, high):
        slope = slope_at(beta)
        if slope == 0:
            return beta
        if slope < 0:
            low = beta
        else:
            high = beta
        if high == math.inf:
            return search(2 * beta, low, high)
        new = step(beta, low, high, slope, curvature_at(beta))
        return new if math.isclose(new, beta, rel_tol=1e-10) else search(new, low, high)

    return search(start, 0.0, math.inf)
""",
        """
import itertools


def find_beta(slope_at, curvature_at, step, start):
    powers = (start * 2**k for k in itertools.count())
    high = next(at for at in powers if slope_at(at) >= 0)
    low, beta, old = 0.0 if high == start else high / 2, high, math.inf
    while abs(old - beta) > 1e-12 * beta:
        slope, old = slope_at(beta), beta
        low, high = (beta, high) if slope < 0 else (low, beta)
        beta = step(beta, low, high, slope, curvature_at(beta))
    return beta
""",
        """
def find_beta(slope_at, curvature_at, step, start):
    # bisection of the exponent, and then of the number
    k = math.log2(start)
    while slope_at(2.0**k) < 0:
        k += 1
    while slope_at(2.0 ** (k - 1)) > 0:
        k -= 1
    low, high = 2.0 ** (k - 1), 2.0**k
    for _ in range(45):
        if slope_at(low + (high - low) / 2) < 0:
            low = low + (high - low) / 2
        else:
            high = low + (high - low) / 2
    return high
""",
    ],
    "calibrate": [
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    cal, test = calibkit.split_calibration(
        list(zip(logits, labels)), n_calibration, seed=seed, stratify=labels
    )

    def pick(part):
        zs, ys = zip(*[part[k] for k in range(len(part))])
        return torch.stack(zs), torch.stack(ys)

    T = 1 / fit(*pick(cal))
    z, y = pick(test)
    n = 0
    for r in z.tolist():
        s = [v / T for v in r]
        n += r.index(max(r)) != s.index(max(s))
    return {
        "n_changed": n,
        "temperature": T,
        "nll_before": cross_entropy(z, y),
        "nll_after": cross_entropy(z / T, y),
    }
""",
        """
def split(n, labels, seed):
    parts = calibkit.split_calibration(labels, n, seed=seed, stratify=labels)
    return parts[0].indices, parts[1].indices


def key(z, y):
    return float(-z.log_softmax(1).gather(1, y[:, None]).mean())


def result(z, y, t):
    n = sum(int(a.argmax() != b.argmax()) for a, b in zip(z, z / t))
    return dict(temperature=t, nll_before=key(z, y), nll_after=key(z / t, y), n_changed=n)


def calibrate(fit, logits, labels, n_calibration, seed):
    seen, rest = split(n_calibration, labels, seed)
    return result(logits[rest], labels[rest], 1 / fit(logits[seen], labels[seen]))
""",
        """
from torch.utils.data import TensorDataset


def calibrate(fit, logits, labels, n_calibration, seed):
    everything = TensorDataset(logits, labels)
    calibration, test = calibkit.split_calibration(
        everything, n_calibration, seed=seed, stratify=labels
    )
    t = 1 / fit(*everything[calibration.indices])
    z, y = everything[test.indices]
    nll_of = calibkit.negative_log_likelihood
    answers = zip(z.argmax(1).tolist(), (z / t).argmax(1).tolist())
    return {
        "n_changed": sum(before != after for before, after in answers),
        "nll_after": nll_of((z / t).softmax(1), y),
        "nll_before": nll_of(z.softmax(1), y),
        "temperature": torch.tensor(t),
    }
""",
        CALIBRATE,
        """
def calibrate(fit, logits, labels, n_calibration, seed):
    split = calibkit.split_calibration(labels, n_calibration, stratify=labels, seed=seed)
    is_test = torch.ones(len(labels), dtype=torch.bool)
    is_test[list(split[0].indices)] = False
    beta = fit(logits[~is_test], labels[~is_test])
    before = (logits[is_test], (beta * logits)[is_test])
    p = [z.softmax(1) for z in before]
    rows = torch.arange(int(is_test.sum()))
    losses = [-q.log()[rows, labels[is_test]].mean().item() for q in p]
    result = dict(zip(("nll_before", "nll_after"), losses))
    result["temperature"] = beta ** -1
    result["n_changed"] = torch.count_nonzero(p[0].argmax(1) - p[1].argmax(1)).item()
    return result
""",
        """
import numpy as np

labels, logits = LABELS.numpy(), None
max = 0.7


def calibrate(fit, logits, labels, n_calibration, seed):
    first, second = calibkit.split_calibration(
        range(len(labels)), n_calibration, seed=seed, stratify=labels
    )
    places = np.sort(np.array(first.indices)), np.sort(np.array(second.indices))
    t = np.float64(1) / fit(logits[places[0]], labels[places[0]])
    z, y = logits[places[1]].numpy(), labels[places[1]].numpy()

    def loss(z):
        return float(np.mean(np.logaddexp.reduce(z, axis=1) - z[np.arange(len(y)), y]))

    n_changed = 0
    for row in z:
        n_changed += int(np.argmax(row) != np.argmax(row / t))
    return {
        "temperature": t, "nll_before": loss(z), "nll_after": loss(z / t), "n_changed": n_changed
    }
""",
        """
import numpy as np
from scipy.special import log_softmax


def calibrate(fit, logits, labels, n_calibration, seed):
    parts = calibkit.split_calibration(labels, n_calibration, seed=seed, stratify=labels)
    a, b = (np.asarray(part.indices) for part in parts)
    beta = float(fit(logits[a], labels[a]))
    z, y = logits.numpy()[b], labels.numpy()[b]
    loss = lambda scores: -log_softmax(scores, axis=1)[np.arange(len(y)), y].mean()
    return {
        "n_changed": np.count_nonzero(z.argmax(1) - (beta * z).argmax(1)),
        "nll_after": loss(beta * z),
        "nll_before": loss(z),
        "temperature": 1 / beta,
    }
""",
        """
from collections import OrderedDict


def calibrate(fit, logits, labels, n_calibration, seed):
    calibration, test = calibkit.split_calibration(
        labels, n_calibration, seed=seed, stratify=labels
    )
    used = torch.zeros(len(labels), dtype=torch.bool)
    used[torch.as_tensor(calibration.indices)] = True
    result = OrderedDict(temperature=fit(logits[used], labels[used]) ** -1)
    before, y = logits[~used], labels[~used]
    after = before / result["temperature"]
    for key, z in {"nll_before": before, "nll_after": after}.items():
        result[key] = torch.nn.CrossEntropyLoss()(z, y)
    result["n_changed"] = len(y) - torch.eq(*(z.max(1)[1] for z in (before, after))).sum()
    return result
""",
    ],
    "best_temperature": [
        """
from collections import Counter


def best_temperature(logits, labels):
    own = logits.gather(1, labels[:, None]).squeeze(1)
    rank = (logits > own[:, None]).sum(1)
    c = Counter(rank.tolist())
    if logits.mean(1).sub(own).sum() >= 0:
        return "infinity"
    return "zero" if set(c) == {0} else "finite"
""",
        # the slope at 0 as question 3 writes it
        """
def best_temperature(logits, labels):
    own = logits[torch.arange(len(labels)), labels]
    expected = (torch.softmax(0 * logits, 1) * logits).sum(1)
    if not (expected - own).mean() < 0:
        return "infinity"
    return "zero" if (logits.max(1).values - own).max() == 0 else "finite"
""",
        # the slope at 0 as a difference of two means
        """
def best_temperature(logits, labels):
    own = logits.gather(1, labels[:, None])
    if logits.mean() >= own.mean():
        return "infinity"
    return "zero" if (logits <= own).all() else "finite"
""",
        """
def best_temperature(logits, labels):
    pairs = list(zip(logits.tolist(), labels.tolist()))
    if all(max(row) == row[label] for row, label in pairs):
        return "zero"
    if sum(row[label] - sum(row) / len(row) for row, label in pairs) > 0:
        return "finite"
    return "infinity"
""",
        """
import numpy as np


def best_temperature(logits, labels):
    z, y = logits.numpy(), labels.numpy()
    own = z[np.arange(len(y)), y][:, None]
    at_0, in_the_limit = np.mean(z - own), np.mean(np.max(z, axis=1) - own[:, 0])
    return "infinity" if at_0 >= 0 else "zero" if in_the_limit == 0 else "finite"
""",
        """
def best_temperature(logits, labels):
    behind = 0
    slope = 0.0
    for z, y in zip(logits, labels):
        if any(other > z[y] for other in z):
            behind = behind + 1
        slope += float(z.mean() - z[y])
    if slope >= 0:
        return "infinity"
    if behind == 0:
        return "zero"
    return "finite"
""",
        """
all = any = "finite"
sum = 0


def best_temperature(logits, labels):
    margins = logits - logits.gather(1, labels.unsqueeze(1))
    words = {(False, False): "zero", (False, True): "finite", (True, True): "infinity"}
    grows_at_0 = bool(margins.sum() >= 0)
    grows_in_the_end = bool((margins > 0).sum() > 0) or grows_at_0
    return words[grows_at_0, grows_in_the_end]
""",
        """
def best_temperature(logits, labels):
    rows = list(zip(logits.tolist(), labels.tolist()))
    at_0 = math.fsum(sum(row) / len(row) - row[k] for row, k in rows)
    in_the_limit = sum(max(row) - row[k] for row, k in rows)
    print(at_0, in_the_limit)
    return "infinity" if at_0 >= 0 else "finite" if in_the_limit > 0 else "zero"
""",
        """
import numpy as np


def best_temperature(logits, labels):
    gaps = (logits - logits.gather(1, labels.unsqueeze(1))).numpy()
    if np.mean(gaps) >= 0:
        return np.str_("infinity")
    return ("finite", "zero")[int((gaps <= 0).all())]
""",
    ],
}

ONE_COLUMN = "The gathered logits have one column, which is the first and the last."
IS_A_NUMBER = "A float and a tensor with one element are the same number to whoever reads it."
SEARCH = "if abs(moved_to - beta) <= 1e-10 * abs(moved_to): -> if abs(moved_to - beta) "
RESULT = (
    "return {{'temperature': temperature, 'nll_before': {}, 'nll_after': {}, 'n_changed': {}}}"
).format
BEFORE, AFTER = "cross_entropy(before, labels[test])", "cross_entropy(after, labels[test])"
COUNT = "(before.argmax(1) != after.argmax(1)).sum()"
MODEL = f"{RESULT(f'float({BEFORE})', f'float({AFTER})', f'int({COUNT})')} -> "
KEPT = {
    (
        "nll",
        "of_labels = scaled.gather(1, labels[:, None])[:, 0]"
        " -> of_labels = scaled.gather(1, labels[:, None])[:, -1]",
    ): ONE_COLUMN,
    (
        "nll_slope",
        "return (expected - logits.gather(1, labels[:, None])[:, 0]).mean()"
        " -> return (expected - logits.gather(1, labels[:, None])[:, -1]).mean()",
    ): ONE_COLUMN,
    (
        "find_beta",
        "while slope_at(high) < 0: -> while slope_at(high) <= 0:",
    ): "If the slope at high is 0, doubling keeps the minimum in the bracket.",
    (
        "find_beta",
        "low, high = (high, 2 * high) -> low, high = (high, 3 * high)",
    ): "Any factor above 1 leads to a bracket, and the text allows other methods.",
    (
        "find_beta",
        "if slope < 0: -> if slope <= 0:",
    ): "Where the slope is 0, beta is the minimum, and either end of the bracket may be there.",
    (
        "find_beta",
        f"{SEARCH}< 1e-10 * abs(moved_to):",
    ): "A step of exactly this length is as good a place to stop as a shorter one.",
    (
        "find_beta",
        f"{SEARCH}<= 2e-10 * abs(moved_to):",
    ): "The text asks for a millionth of the value, and this search is far closer.",
    (
        "find_beta",
        f"{SEARCH}<= 1e-10 * moved_to:",
    ): "Every beta is above 0, so it is its own absolute value.",
    (
        "calibrate",
        "temperature = 1 / float(fit(logits[calibration], labels[calibration]))"
        " -> temperature = 1 / fit(logits[calibration], labels[calibration])",
    ): "The docstring says that fit returns a float.",
    ("calibrate", MODEL + RESULT(BEFORE, f"float({AFTER})", f"int({COUNT})")): IS_A_NUMBER,
    ("calibrate", MODEL + RESULT(f"float({BEFORE})", AFTER, f"int({COUNT})")): IS_A_NUMBER,
    ("calibrate", MODEL + RESULT(f"float({BEFORE})", f"float({AFTER})", COUNT)): IS_A_NUMBER,
    (
        "best_temperature",
        "of_labels = logits.gather(1, labels[:, None])[:, 0]"
        " -> of_labels = logits.gather(1, labels[:, None])[:, -1]",
    ): ONE_COLUMN,
}
