"""Answers to ps2: wrong in a typical way, and right in another way."""

WRONG = {  # name: (question, the cell's source); costs exactly the points of that question
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
    "a_bin_of_its_own_for_one": (
        "ece",
        """
def ece(confidence, correct, n_bins=15):
    bin_of = np.floor(confidence * n_bins).astype(int)
    gap = np.bincount(bin_of, correct - confidence)
    return np.abs(gap).sum() / len(confidence)
""",
    ),
    "bins_weigh_the_same": (
        "ece",
        """
def ece(confidence, correct, n_bins=15):
    bin_of = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = [
        abs(correct[bin_of == b].mean() - confidence[bin_of == b].mean())
        for b in range(n_bins)
        if (bin_of == b).any()
    ]
    return np.mean(gaps)
""",
    ),
    "the_rest_is_left_out": (
        "equal_mass_ece",
        """
def equal_mass_ece(confidence, correct, n_bins=15):
    order = np.argsort(confidence)
    size = len(order) // n_bins
    gaps = (correct - confidence)[order][: size * n_bins]
    return np.abs(gaps.reshape(n_bins, size).mean(1)).mean()
""",
    ),
    "correctness_is_not_sorted_along": (
        "equal_mass_ece",
        """
def equal_mass_ece(confidence, correct, n_bins=15):
    gaps = correct - np.sort(confidence)
    return sum(abs(piece.sum()) for piece in np.array_split(gaps, n_bins)) / len(gaps)
""",
    ),
    "seeded_in_the_loop": (
        "simulate_errors",
        """
def simulate_errors(confidence, error, n_draws=200, seed=0):
    draws = []
    for _ in range(n_draws):
        rng = np.random.default_rng(seed)
        draws.append(error(confidence, rng.random(len(confidence)) < confidence))
    return np.array(draws)
""",
    ),
    "all_samples_of_one_probability": (
        "simulate_errors",
        """
def simulate_errors(confidence, error, n_draws=200, seed=0):
    rng = np.random.default_rng(seed)
    correct = rng.random((n_draws, len(confidence))) < confidence.mean()
    return np.array([error(confidence, drawn) for drawn in correct])
""",
    ),
    "two_standard_deviations": (
        "sum_up",
        """
def sum_up(measured, draws):
    mean, std = draws.mean(), draws.std()
    k = (draws >= measured).sum()
    return mean, mean - 1.96 * std, mean + 1.96 * std, (1 + k) / (1 + len(draws))
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
    "right_in_three_of_four": (
        "bias_table",
        """
def bias_table(sizes, bin_counts, error, n_repeats=50, seed=0):
    rng = np.random.default_rng(seed)
    table = np.zeros((len(sizes), len(bin_counts)))
    for i, n in enumerate(sizes):
        for j, n_bins in enumerate(bin_counts):
            draws = [(rng.uniform(0.5, 1, n), rng.random(n) < 0.75) for _ in range(n_repeats)]
            table[i, j] = np.mean([error(c, y, n_bins) for c, y in draws])
    return table
""",
    ),
    "the_logarithm_of_the_factor": (
        "fit_power_law",
        """
def fit_power_law(sizes, errors):
    exponent, factor = np.polyfit(np.log(sizes), np.log(errors), 1)
    return factor, exponent
""",
    ),
}

DIFFERENT = {  # question: a right answer written differently; all together get all automatic points
    "top_label": """
import torch


def top_label(probabilities, labels):
    confidence, answer = torch.as_tensor(probabilities, dtype=torch.float32).max(dim=1)
    return confidence.numpy(), (answer == torch.as_tensor(labels)).numpy()
""",
    "ece": '''
def ece(confidence, correct, n_bins=15):
    """Every bin holds its upper edge, as in Guo et al."""
    hits, sums, counts = [0] * n_bins, [0.0] * n_bins, [0] * n_bins
    for p, hit in zip(confidence.tolist(), correct.tolist()):
        b = max(int(np.ceil(p * n_bins)) - 1, 0)
        hits[b] += hit
        sums[b] += p
        counts[b] += 1
    total = 0.0
    for b in range(n_bins):
        if counts[b]:
            gap = abs(hits[b] / counts[b] - sums[b] / counts[b])
            total += counts[b] / len(confidence) * gap
    return total
''',
    "equal_mass_ece": """
def equal_mass_ece(confidence, correct, n_bins=15):
    edges = np.quantile(confidence, np.linspace(0, 1, n_bins + 1))
    bin_of = np.clip(np.searchsorted(edges, confidence, side="right") - 1, 0, n_bins - 1)
    total = 0
    for b in range(n_bins):
        inside = bin_of == b
        if inside.any():
            total += inside.mean() * abs(correct[inside].mean() - confidence[inside].mean())
    return total
""",
    "simulate_errors": """
import torch


def simulate_errors(confidence, error, n_draws=200, seed=0):
    generator = torch.Generator().manual_seed(seed)
    probability = torch.as_tensor(confidence).expand(n_draws, -1)
    drawn = torch.bernoulli(probability, generator=generator).bool().numpy()
    return np.array([float(error(confidence, correct)) for correct in drawn])
""",
    "sum_up": """
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
    "bias_table": """
def bias_table(sizes, bin_counts, error, n_repeats=50, seed=0):
    random = np.random.RandomState(seed)

    def one(n, n_bins):
        confidence = 1 - random.rand(n) / 2
        return error(confidence, random.binomial(1, confidence).astype(bool), n_bins)

    rows = []
    for n in sizes:
        rows.append([sum(one(n, k) for _ in range(n_repeats)) / n_repeats for k in bin_counts])
    return np.array(rows)
""",
    "fit_power_law": """
def fit_power_law(sizes, errors):
    x, y = np.log10(sizes), np.log10(errors)
    lines = np.stack([np.ones_like(x), x], 1)
    (intercept, slope), *_ = np.linalg.lstsq(lines, y, rcond=None)
    return 10**intercept, slope
""",
}
