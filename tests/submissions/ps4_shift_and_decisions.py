"""Answers to ps4: wrong in a typical way, and right in another way."""

WRONG = {
    "signed_gaps": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    ece = 0.0
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        if inside.any():
            ece += inside.double().mean() * (right[inside].mean() - confidence[inside].mean())
    return right.mean(), confidence.mean(), abs(ece)
""",
    ),
    "every_bin_weighs_the_same": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    gaps = []
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        if inside.any():
            gaps.append(abs(right[inside].mean() - confidence[inside].mean()))
    return right.mean(), confidence.mean(), sum(gaps) / len(gaps)
""",
    ),
    "temperature_on_probabilities": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before, after = [], []
    for z in at:
        p = z.softmax(1)
        before.append(measure(p, labels))
        after.append(measure((p / temperature).softmax(1) if temperature != 1 else p, labels))
    return before, after
""",
    ),
    "times_temperature": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1), labels) for z in at]
    return before, [measure((z * temperature).softmax(1), labels) for z in at]
""",
    ),
    "human_over_wrong": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return human / wrong
""",
    ),
    "humans_never_err": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - human / wrong)
""",
    ),
    "labels_and_answers_mixed_up": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost.T).min(1)
    return torch.where(expected > human, -1, best)
""",
    ),
    "only_the_most_probable_class": (
        "decide",
        """
def decide(probabilities, cost, human):
    best = probabilities.argmax(1)
    expected = (probabilities @ cost)[torch.arange(len(best)), best]
    return torch.where(expected > human, -1, best)
""",
    ),
    "minus_one_is_an_index": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    n = torch.arange(len(labels))
    expected = (probabilities @ cost)[n, decisions]
    promised = torch.where(decisions == -1, human, expected)
    return promised.mean(), cost[labels, decisions].mean()
""",
    ),
    "mean_over_the_answered": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    answered = decisions >= 0
    p, y, k = probabilities[answered], labels[answered], decisions[answered]
    return (p @ cost)[torch.arange(len(k)), k].mean(), cost[y, k].mean()
""",
    ),
    "floor": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.floor((n + 1) * coverage)
    return scores.sort().values[k - 1] if k <= n else math.inf
""",
    ),
    "n_without_plus_one": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    return scores.sort().values[math.ceil(n * coverage) - 1]
""",
    ),
    "strictly_below_the_threshold": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities < threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "probability_against_the_threshold": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = probabilities >= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "fitted_on_scaled_logits": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    scaled = old(logits)
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    m = order[n_temperature + n_conformal :]
    new = calibkit.TemperatureScaler().fit_logits(scaled[i], labels[i])
    p = new(scaled).softmax(1)
    sets = calibkit.ConformalSets(coverage).fit(p[j], labels[j]).predict(p[m])
    held = sets[range(len(m)), labels[m]].double().mean()
    ece = calibkit.calibration_error(p[m], labels[m])
    return new.temperature, ece, held, sets.sum(1).double().mean()
""",
    ),
    "coverage_on_the_calibration_images": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    m = order[n_temperature + n_conformal :]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits).softmax(1)
    sets = calibkit.ConformalSets(coverage).fit(p[j], labels[j]).predict(p[j])
    held = sets[range(len(j)), labels[j]].double().mean()
    ece = calibkit.calibration_error(p[m], labels[m])
    return new.temperature, ece, held, sets.sum(1).double().mean()
""",
    ),
    "one_part_for_both_fits": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, m = order[: n_temperature + n_conformal], order[n_temperature + n_conformal :]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits).softmax(1)
    sets = calibkit.ConformalSets(coverage).fit(p[i], labels[i]).predict(p[m])
    held = sets[range(len(m)), labels[m]].double().mean()
    ece = calibkit.calibration_error(p[m], labels[m])
    return new.temperature, ece, held, sets.sum(1).double().mean()
""",
    ),
}

DIFFERENT = {
    "measure": """
def measure(probabilities, labels, n_bins=15):
    p, y = np.asarray(probabilities, dtype=np.float32), np.asarray(labels)
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    edges = np.linspace(0, 1, n_bins + 1)
    ece = 0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (low < confidence) & (confidence <= high)
        if inside.sum() > 0:
            ece += inside.mean() * abs(right[inside].mean() - confidence[inside].mean())
    return right.mean(), confidence.mean(), ece
""",
    "measure_under_shift": """
def measure_under_shift(at, labels, temperature, measure):
    tables = np.zeros((2, len(at), 3))
    for row, z in enumerate(at):
        for table, t in enumerate((1, temperature)):
            e = np.exp((z.numpy() - z.numpy().max(axis=1, keepdims=True)) / t)
            p = torch.from_numpy(e / e.sum(axis=1, keepdims=True))
            tables[table, row] = [float(v) for v in measure(p, labels)]
    return tables[0], tables[1]
""",
    "rejection_threshold": """
def rejection_threshold(wrong, human, human_error=0.0):
    price = human + human_error * wrong
    low, high = 0.0, 1.0
    for _ in range(60):
        p = (low + high) / 2
        if wrong * (1 - p) > price:
            low = p
        else:
            high = p
    return round(high, 12)
""",
    "decide": """
def decide(probabilities, cost, human):
    decisions = []
    for row in probabilities.numpy():
        expected = [float((row * column).sum()) for column in cost.numpy().T]
        cheapest = min(expected)
        decisions.append(expected.index(cheapest) if cheapest <= human else -1)
    return np.array(decisions)
""",
    "bill": """
def bill(probabilities, labels, decisions, cost, human):
    promised = realised = 0.0
    for p, y, k in zip(probabilities, labels.tolist(), decisions.tolist()):
        if k == -1:
            promised, realised = promised + human, realised + human
        else:
            promised += sum(p[j] * cost[j, k] for j in range(len(p)))
            realised += cost[y, k]
    return promised / len(labels), realised / len(labels)
""",
    "conformal_threshold": """
def conformal_threshold(probabilities, labels, coverage):
    scores = sorted(1 - float(p[y]) for p, y in zip(probabilities, labels))
    k = int(np.ceil((len(scores) + 1) * coverage))
    return (scores + [math.inf])[k - 1]
""",
    "coverage_and_size": """
def coverage_and_size(probabilities, labels, threshold):
    n_held = n_classes = 0
    for p, y in zip(probabilities.numpy(), labels.numpy()):
        members = {k for k in range(len(p)) if p[k] >= 1 - threshold}
        n_held += int(y) in members
        n_classes += len(members)
    return n_held / len(labels), n_classes / len(labels)
""",
    "repair": """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    z, y = logits.numpy()[order.numpy()], labels.numpy()[order.numpy()]
    cut = n_temperature + n_conformal

    def probabilities_at(b):
        e = np.exp(b * (z - z.max(1, keepdims=True)))
        return e / e.sum(1, keepdims=True)

    def slope(b):  # of the NLL in the inverse temperature, on the first part
        p = probabilities_at(b)
        return ((p * z).sum(1) - z[np.arange(len(y)), y])[:n_temperature].mean()

    low, high = 0.01, 10.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    p = probabilities_at(low)
    scores = np.sort(1 - p[np.arange(len(y)), y][n_temperature:cut])
    threshold = scores[int(np.ceil((n_conformal + 1) * coverage)) - 1]
    p, y = p[cut:], y[cut:]
    sets = p >= 1 - threshold
    ece = calibkit.calibration_error(p, y)
    return 1 / low, ece, sets[np.arange(len(y)), y].mean(), sets.sum(1).mean()
""",
}
