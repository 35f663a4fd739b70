"""Answers to ps1: wrong in a typical way, and right in another way."""

WRONG = {  # name: (question, the cell's source); costs exactly the points of that question
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
}

DIFFERENT = {  # question: a right answer written differently; all together: full automatic points
    "nll": """
def nll(beta, logits, labels):
    total = 0.0
    for row, label in zip(logits.tolist(), labels.tolist()):
        scaled = [float(beta) * z for z in row]
        top = max(scaled)
        total += top + math.log(sum(math.exp(z - top) for z in scaled)) - scaled[label]
    return total / len(labels)
""",
    "nll_slope": """
def nll_slope(beta, logits, labels):
    b = torch.tensor(float(beta), dtype=torch.float32, requires_grad=True)
    (slope,) = torch.autograd.grad(cross_entropy(b * logits.float(), labels), b)
    return slope
""",
    "nll_curvature": """
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
    "safe_step": """
def safe_step(beta, low, high, slope, curvature):
    try:
        place = beta - slope / curvature
    except ZeroDivisionError:
        place = math.nan
    if place >= low and place <= high:
        return torch.tensor(place, dtype=torch.float64)
    return low + 0.5 * (high - low)
""",
    "find_beta": '''
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
    "calibrate": """
from torch.utils.data import TensorDataset


def calibrate(fit, logits, labels, n_calibration, seed):
    everything = TensorDataset(logits, labels)
    calibration, test = calibkit.split_calibration(
        everything, n_calibration, seed=seed, stratify=labels
    )
    scaler = calibkit.TemperatureScaler(1 / fit(*everything[calibration.indices]))
    z, y = everything[test.indices]
    nll_of = calibkit.negative_log_likelihood
    answers = zip(z.argmax(1).tolist(), scaler(z).argmax(1).tolist())
    return {
        "n_changed": sum(before != after for before, after in answers),
        "nll_after": nll_of(scaler(z).softmax(1), y),
        "nll_before": nll_of(z.softmax(1), y),
        "temperature": torch.tensor(scaler.temperature),
    }
""",
    "best_temperature": """
def best_temperature(logits, labels):
    pairs = list(zip(logits.tolist(), labels.tolist()))
    if all(max(row) == row[label] for row, label in pairs):
        return "zero"
    if sum(row[label] - sum(row) / len(row) for row, label in pairs) > 0:
        return "finite"
    return "infinity"
""",
}
