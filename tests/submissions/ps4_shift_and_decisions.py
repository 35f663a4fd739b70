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
    "percentages": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    ece = 0.0
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        if inside.any():
            ece += inside.double().mean() * abs(right[inside].mean() - confidence[inside].mean())
    return 100 * right.mean(), 100 * confidence.mean(), 100 * ece
""",
    ),
    "always_fifteen_bins": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    ece = 0.0
    for b in range(15):
        inside = (confidence > b / 15) & (confidence <= (b + 1) / 15)
        if inside.any():
            ece += inside.double().mean() * abs(right[inside].mean() - confidence[inside].mean())
    return right.mean(), confidence.mean(), ece
""",
    ),
    "ten_bins_by_default": (
        "measure",
        """
def measure(probabilities, labels, n_bins=10):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    ece = 0.0
    for b in range(n_bins):
        inside = (confidence > b / n_bins) & (confidence <= (b + 1) / n_bins)
        if inside.any():
            ece += inside.double().mean() * abs(right[inside].mean() - confidence[inside].mean())
    return right.mean(), confidence.mean(), ece
""",
    ),
    "a_confidence_of_one_is_in_no_bin": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    ece = 0.0
    for b in range(n_bins):
        inside = (confidence >= b / n_bins) & (confidence < (b + 1) / n_bins)
        if inside.any():
            ece += inside.double().mean() * abs(right[inside].mean() - confidence[inside].mean())
    return right.mean(), confidence.mean(), ece
""",
    ),
    "a_bin_more_for_a_confidence_of_one": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.numpy().max(1), probabilities.numpy().argmax(1)
    right = answer == labels.numpy()
    bin_of = np.floor(confidence * n_bins).astype(int)
    gaps = np.bincount(bin_of, weights=right - confidence)
    return right.mean(), confidence.mean(), np.abs(gaps).sum() / len(labels)
""",
    ),
    "probability_of_the_label_as_confidence": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence = probabilities[torch.arange(len(labels)), labels]
    right = (probabilities.argmax(1) == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins).double().index_add(0, bin_of, right - confidence)
    return right.mean(), confidence.mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "right_if_the_label_has_half": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence = probabilities.amax(1)
    right = (probabilities[torch.arange(len(labels)), labels] > 0.5).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins).double().index_add(0, bin_of, right - confidence)
    return right.mean(), confidence.mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "one_gap_for_all_images": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    accuracy = (answer == labels).double().mean()
    return accuracy, confidence.mean(), abs(accuracy - confidence.mean())
""",
    ),
    "the_largest_gap": (
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
    return right.mean(), confidence.mean(), max(gaps)
""",
    ),
    "bins_from_one_over_the_number_of_classes": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    lowest = 1 / probabilities.shape[1]
    bin_of = ((confidence - lowest) / (1 - lowest) * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins).double().index_add(0, bin_of, right - confidence)
    return right.mean(), confidence.mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "bins_of_equal_mass": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, order = probabilities.amax(1).sort()
    right = (probabilities.argmax(1) == labels).double()[order]
    parts = zip(right.tensor_split(n_bins), confidence.tensor_split(n_bins))
    ece = sum(abs((r - c).sum()) for r, c in parts) / len(labels)
    return right.mean(), confidence.mean(), ece
""",
    ),
    "the_ece_of_the_library": (
        "measure",
        """
from calibkit import calibration_error


def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    ece = calibration_error(probabilities, labels, n_bins=n_bins, of="top")
    return (answer == labels).double().mean(), confidence.mean(), ece
""",
    ),
    "the_last_two_bins_are_one": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 2)
    gaps = torch.zeros(n_bins).double().index_add(0, bin_of, right - confidence)
    return right.mean(), confidence.mean(), gaps.abs().sum() / len(labels)
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
    "the_logits_of_the_notebook": (
        "measure_under_shift",
        """
everything = at


def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1)[:, :4], labels) for z in everything]
    after = [measure((z / temperature).softmax(1)[:, :4], labels) for z in everything]
    return before, after
""",
    ),
    "the_temperature_of_the_notebook": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1), labels) for z in at]
    t = 1.0 if temperature == 1 else old.temperature
    return before, [measure((z / t).softmax(1), labels) for z in at]
""",
    ),
    "the_measure_of_question_1": (
        "measure_under_shift",
        """
my_measure = measure


def measure_under_shift(at, labels, temperature, measure):
    before = [my_measure(z.softmax(1), labels) for z in at]
    after = [my_measure((z / temperature).softmax(1), labels) for z in at]
    return before, after
""",
    ),
    "divided_in_place": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before, after = [], []
    for z in at:
        before.append(measure(z.softmax(1), labels))
        z /= temperature
        after.append(measure(z.softmax(1), labels))
    return before, after
""",
    ),
    "scaled_in_both_tables": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    scaled = [(z / temperature).softmax(1) for z in at]
    table = [measure(p, labels) for p in scaled]
    return table, table
""",
    ),
    "after_before_before": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1), labels) for z in at]
    after = [measure((z / temperature).softmax(1), labels) for z in at]
    return after, before
""",
    ),
    "logits_without_a_softmax": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z, labels) for z in at]
    return before, [measure(z / temperature, labels) for z in at]
""",
    ),
    "scaled_once_more_at_each_severity": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before, after = [], []
    t = 1
    for z in at:
        t *= temperature
        before.append(measure(z.softmax(1), labels))
        after.append(measure((z / t).softmax(1), labels))
    return before, after
""",
    ),
    "without_severity_0": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(at[s].softmax(1), labels) for s in range(1, len(at))]
    after = [measure((at[s] / temperature).softmax(1), labels) for s in range(1, len(at))]
    return before, after
""",
    ),
    "six_severities_always": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before, after = np.zeros((6, 3)), np.zeros((6, 3))
    for s, z in enumerate(at):
        before[s] = measure(z.softmax(1), labels)
        after[s] = measure((z / temperature).softmax(1), labels)
    return before, after
""",
    ),
    "softmax_over_the_images": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(0), labels) for z in at]
    return before, [measure((z / temperature).softmax(0), labels) for z in at]
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
    "below_zero": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return 1 - human / wrong - human_error
""",
    ),
    "an_error_of_a_human_costs_one": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - (human + human_error) / wrong)
""",
    ),
    "an_error_of_a_human_costs_what_a_human_costs": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - human * (1 + human_error) / wrong)
""",
    ),
    "the_error_of_a_human_is_added": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - human / wrong + human_error)
""",
    ),
    "zero_before_the_error_of_a_human": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - human / wrong) - human_error
""",
    ),
    "whole_numbers": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0, 1 - (human + human_error * wrong) // wrong)
""",
    ),
    "one_where_handing_over_never_pays": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    price = human + human_error * wrong
    return 1 - price / wrong if price < wrong else 1.0
""",
    ),
    "at_least_one_half": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0.5, 1 - (human + human_error * wrong) / wrong)
""",
    ),
    "without_a_sign": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return abs(1 - (human + human_error * wrong) / wrong)
""",
    ),
    "the_answer_of_the_visible_test": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return 0.7
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
    "the_most_probable_class_where_an_answer_pays": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected = (probabilities @ cost).amin(1)
    return torch.where(expected > human, -1, probabilities.argmax(1))
""",
    ),
    "handed_over_at_equal_costs": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected >= human, -1, best)
""",
    ),
    "never_handed_over": (
        "decide",
        """
def decide(probabilities, cost, human):
    return (probabilities @ cost).argmin(1)
""",
    ),
    "the_dearest_answer": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).max(1)
    return torch.where(expected > human, -1, best)
""",
    ),
    "the_price_of_the_notebook": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected > COST_HUMAN, HAND_OVER, best)
""",
    ),
    "handing_over_is_one_more_class": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected > human, probabilities.shape[1], best)
""",
    ),
    "handing_over_is_nan": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected > human, float("nan"), best.double())
""",
    ),
    "decisions_with_a_point": (
        "decide",
        """
def decide(probabilities, cost, human):
    decisions = np.zeros(len(probabilities))
    for i, e in enumerate((probabilities @ cost).tolist()):
        decisions[i] = -1 if min(e) > human else e.index(min(e))
    return decisions
""",
    ),
    "one_column_of_decisions": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1, keepdim=True)
    return torch.where(expected > human, -1, best)
""",
    ),
    "a_human_costs_each_image_its_share": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected > expected.mean(), -1, best)
""",
    ),
    "right_answers_cost_nothing_more": (
        "decide",
        """
def decide(probabilities, cost, human):
    cost.fill_diagonal_(human)
    expected, best = (probabilities @ cost).min(1)
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
    "minus_one_is_an_index_of_the_promise": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    n = torch.arange(len(labels))
    expected = (probabilities @ cost)[n, decisions]
    realised = torch.where(decisions == -1, human, cost[labels, decisions])
    return expected.mean(), realised.mean()
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
    "handed_over_for_nothing": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    answered = decisions >= 0
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    return (expected * answered).mean(), (cost[labels, k] * answered).mean()
""",
    ),
    "the_promise_of_the_best_decisions": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    promised = (probabilities @ cost).amin(1).clamp(max=human)
    realised = torch.where(decisions < 0, human, cost[labels, decisions])
    return promised.mean(), realised.mean()
""",
    ),
    "rows_and_columns_mixed_up": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost.T)[torch.arange(len(k)), k]
    promised = torch.where(decisions < 0, human, expected)
    realised = torch.where(decisions < 0, human, cost[k, labels])
    return promised.mean(), realised.mean()
""",
    ),
    "sums": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    promised = torch.where(decisions < 0, human, expected)
    realised = torch.where(decisions < 0, human, cost[labels, k])
    return promised.sum(), realised.sum()
""",
    ),
    "the_bill_first": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    promised = torch.where(decisions < 0, human, expected)
    realised = torch.where(decisions < 0, human, cost[labels, k])
    return realised.mean(), promised.mean()
""",
    ),
    "the_price_of_the_notebook_on_the_bill": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    price = 2.5
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    promised = torch.where(decisions < 0, price, expected)
    realised = torch.where(decisions < 0, price, cost[labels, k])
    return promised.mean(), realised.mean()
""",
    ),
    "minus_one_becomes_class_0": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    k = decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    return expected.mean(), cost[labels, k].mean()
""",
    ),
    "the_decisions_are_changed": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    handed_over = decisions == -1
    decisions[handed_over] = 0
    expected = (probabilities @ cost)[torch.arange(len(labels)), decisions]
    promised = torch.where(handed_over, human, expected)
    realised = torch.where(handed_over, human, cost[labels, decisions])
    return promised.mean(), realised.mean()
""",
    ),
    "the_higher_quantile_of_published_code": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels].numpy()
    level = np.ceil((n + 1) * coverage) / n
    return float(np.quantile(scores, level, method="higher")) if level <= 1 else math.inf
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
    "rounded_to_the_nearest": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = round((n + 1) * coverage)
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
    "one_place_too_far": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * coverage)
    return scores.sort().values[k] if k < n else math.inf
""",
    ),
    "interpolated_quantile": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = 1 - probabilities[torch.arange(len(labels)), labels]
    return torch.quantile(scores, coverage)
""",
    ),
    "counted_from_the_largest": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * coverage)
    return scores.sort(descending=True).values[k - 1] if k <= n else math.inf
""",
    ),
    "equal_scores_count_once": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = (1 - probabilities[torch.arange(len(labels)), labels]).unique()
    k = math.ceil((len(scores) + 1) * coverage)
    return scores[k - 1] if k <= len(scores) else math.inf
""",
    ),
    "the_largest_score_where_there_are_too_few": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = min(n, math.ceil((n + 1) * coverage))
    return scores.sort().values[k - 1]
""",
    ),
    "one_where_there_are_too_few": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * coverage)
    return scores.sort().values[k - 1] if k <= n else 1.0
""",
    ),
    "infinity_at_the_last_score_too": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * coverage)
    return scores.sort().values[k - 1] if k < n else math.inf
""",
    ),
    "a_probability_and_not_a_score": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    k = math.ceil((n + 1) * coverage)
    return probabilities[torch.arange(n), labels].sort().values[k - 1] if k <= n else math.inf
""",
    ),
    "score_of_the_most_probable_class": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = 1 - probabilities.amax(1)
    k = math.ceil((len(scores) + 1) * coverage)
    return scores.sort().values[k - 1] if k <= len(scores) else math.inf
""",
    ),
    "the_coverage_of_the_notebook": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * COVERAGE)
    return scores.sort().values[k - 1] if k <= n else math.inf
""",
    ),
    "the_threshold_of_the_library": (
        "conformal_threshold",
        """
from calibkit import ConformalSets


def conformal_threshold(probabilities, labels, coverage):
    if math.ceil((len(labels) + 1) * coverage) > len(labels):
        return math.inf
    return ConformalSets(coverage).fit(probabilities, labels).threshold
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
    "probability_below_the_threshold": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "no_set_is_empty": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    sets[torch.arange(len(labels)), probabilities.argmax(1)] = True
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "size_of_the_sets_that_are_not_empty": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    sizes = sets.sum(1).double()
    return held.double().mean(), sizes[sizes > 0].mean()
""",
    ),
    "coverage_of_the_sets_that_are_not_empty": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    sizes = sets.sum(1).double()
    return held[sizes > 0].double().mean(), sizes.mean()
""",
    ),
    "size_of_the_sets_that_hold_the_label": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1)[held].double().mean()
""",
    ),
    "the_answer_is_in_the_set": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), probabilities.argmax(1)]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "median_size": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().median()
""",
    ),
    "size_as_a_share_of_the_classes": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.double().mean()
""",
    ),
    "size_before_coverage": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return sets.sum(1).double().mean(), held.double().mean()
""",
    ),
    "infinity_means_one_class": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    if threshold == math.inf:
        threshold = 1 - probabilities.amax(1, keepdim=True)
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels]
    return held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "fitted_on_scaled_logits": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    scaled = logits / 1.5
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(scaled[i], labels[i])
    p = new(scaled[j]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "one_part_for_both_fits": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i = order[: n_temperature + n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[i]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[i]).threshold
""",
    ),
    "threshold_from_the_images_of_the_temperature": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i = order[:n_temperature]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[i]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[i]).threshold
""",
    ),
    "threshold_from_all_other_images": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[j]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "second_part_ends_at_n_conformal": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[min(n_temperature, n_conformal - 1) : n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[j]).softmax(1)
    scores = (1 - p[torch.arange(len(j)), labels[j]]).sort().values
    return new.temperature, scores[min(len(j), math.ceil((len(j) + 1) * coverage)) - 1]
""",
    ),
    "threshold_without_the_temperature": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = logits[j].softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "threshold_with_the_old_temperature": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = old(logits[j]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "the_order_is_forgotten": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    z, y = logits[:n_temperature], labels[:n_temperature]
    new = calibkit.TemperatureScaler().fit_logits(z, y)
    z, y = logits[n_temperature:][:n_conformal], labels[n_temperature:][:n_conformal]
    p = new(z).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, y).threshold
""",
    ),
    "the_order_backwards": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    order = order.argsort()
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[j]).softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "the_coverage_of_the_notebook_in_the_repair": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[j]).softmax(1)
    return new.temperature, calibkit.ConformalSets(COVERAGE).fit(p, labels[j]).threshold
""",
    ),
    "temperature_turned_over": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    p = new(logits[j]).softmax(1)
    return 1 / new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "the_logits_are_scaled_in_place": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    i, j = order[:n_temperature], order[n_temperature:][:n_conformal]
    new = calibkit.TemperatureScaler().fit_logits(logits[i], labels[i])
    logits /= new.temperature
    p = logits[j].softmax(1)
    return new.temperature, calibkit.ConformalSets(coverage).fit(p, labels[j]).threshold
""",
    ),
    "measured_on_all_images": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p = (logits / temperature).softmax(1)
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), labels].double().mean()
    return calibkit.calibration_error(p, labels), held, sets.sum(1).double().mean()
""",
    ),
    "measured_on_the_images_of_the_repair": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits / temperature).softmax(1)[order[:n_used]], labels[order[:n_used]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "one_image_too_many": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used - 1 :]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "measured_without_the_order": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits[n_used:] / temperature).softmax(1), labels[n_used:]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "measured_without_the_temperature": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = logits[m].softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "ece_without_the_temperature": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    ece = calibkit.calibration_error(logits[m].softmax(1), y)
    return ece, held, sets.sum(1).double().mean()
""",
    ),
    "ten_bins": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y, n_bins=10), held, sets.sum(1).double().mean()
""",
    ),
    "twenty_bins": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y, n_bins=20), held, sets.sum(1).double().mean()
""",
    ),
    "measured_strictly_below_the_threshold": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p < threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "sets_of_classes_above_the_threshold": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = p >= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "a_threshold_of_its_own": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    scores = 1 - p[torch.arange(len(p)), y]
    sets = 1 - p <= scores.quantile(0.9)
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "mean_size_without_empty_sets": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[m]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    sizes = sets.sum(1).double()
    return calibkit.calibration_error(p, y), held, sizes[sizes > 0].mean()
""",
    ),
    "labels_of_other_images": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    m = order[n_used:]
    p, y = (logits[m] / temperature).softmax(1), labels[n_used:]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(p)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "the_first_bin_is_left_out": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    conf, top = probabilities.max(1)
    ok = (top == labels).double()
    b = (conf * n_bins).long().clamp(max=n_bins - 1)
    g = torch.zeros(n_bins).double().index_add(0, b, ok - conf)
    return ok.mean(), conf.mean(), g[1:].abs().sum() / len(labels)
""",
    ),
    "bins_of_one_image_are_left_out": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    conf, top = probabilities.max(1)
    ok = (top == labels).double()
    b = (conf * n_bins).long().clamp(max=n_bins - 1)
    g = [
        (b == k).double().mean() * (ok[b == k].mean() - conf[b == k].mean()).abs()
        for k in range(n_bins)
        if (b == k).sum() > 1
    ]
    return ok.mean(), conf.mean(), sum(g)
""",
    ),
    "centre_of_the_bin_for_its_confidence": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    conf, top = probabilities.max(1)
    ok = (top == labels).double()
    b = (conf * n_bins).long().clamp(max=n_bins - 1)
    g = [
        (b == k).double().mean() * abs(ok[b == k].mean() - (k + 0.5) / n_bins)
        for k in range(n_bins)
        if (b == k).any()
    ]
    return ok.mean(), conf.mean(), sum(g)
""",
    ),
    "confidence_before_accuracy": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins, dtype=torch.float64).index_add(0, bin_of, right - confidence)
    return confidence.mean(), right.mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "squares_of_the_gaps": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    ece = 0.0
    for b in bin_of.unique():
        inside = bin_of == b
        ece += inside.double().mean() * (right[inside].mean() - confidence[inside].mean()) ** 2
    return right.mean(), confidence.mean(), ece**0.5
""",
    ),
    "nan_of_empty_bins": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    ece = 0.0
    for b in range(n_bins):
        inside = bin_of == b
        ece += inside.double().mean() * (right[inside].mean() - confidence[inside].mean()).abs()
    return right.mean(), confidence.mean(), ece
""",
    ),
    "confidence_of_right_answers_only": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence, answer = probabilities.max(1)
    right = (answer == labels).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins, dtype=torch.float64).index_add(0, bin_of, right - confidence)
    return right.mean(), confidence[right > 0].mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "one_class_of_two": (
        "measure",
        """
def measure(probabilities, labels, n_bins=15):
    confidence = probabilities[:, 1]
    right = (labels == 1).double()
    bin_of = (confidence * n_bins).long().clamp(max=n_bins - 1)
    gaps = torch.zeros(n_bins, dtype=torch.float64).index_add(0, bin_of, right - confidence)
    return right.mean(), confidence.mean(), gaps.abs().sum() / len(labels)
""",
    ),
    "the_labels_of_the_notebook": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1), truth) for z in at]
    return before, [measure((z / temperature).softmax(1), truth) for z in at]
""",
    ),
    "scaled_at_severity_0_only": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = [measure(z.softmax(1), labels) for z in at]
    after = [measure((at[0] / temperature).softmax(1), labels), *before[1:]]
    return before, after
""",
    ),
    "columns_and_rows_turned": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = np.array([measure(z.softmax(1), labels) for z in at]).T
    after = np.array([measure((z / temperature).softmax(1), labels) for z in at]).T
    return before, after
""",
    ),
    "one_row_for_all_severities": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    z = torch.cat(list(at))
    y = labels.repeat(len(at))
    return [measure(z.softmax(1), y)], [measure((z / temperature).softmax(1), y)]
""",
    ),
    "change_for_after": (
        "measure_under_shift",
        """
def measure_under_shift(at, labels, temperature, measure):
    before = np.array([measure(z.softmax(1), labels) for z in at])
    after = np.array([measure((z / temperature).softmax(1), labels) for z in at])
    return before, after - before
""",
    ),
    "human_error_of_the_price": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0.0, 1 - human * (1 + human_error) / wrong)
""",
    ),
    "two_digits": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return round(max(0.0, 1 - human / wrong - human_error), 2)
""",
    ),
    "human_is_right_in_the_rest": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0.0, (1 - human / wrong) * (1 - human_error))
""",
    ),
    "right_answers_of_humans_are_paid": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0.0, 1 - (human * (1 - human_error) + human_error * wrong) / wrong)
""",
    ),
    "whole_sum_in_the_denominator": (
        "rejection_threshold",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return max(0.0, 1 - (human + human_error * wrong) / (wrong + human))
""",
    ),
    "handed_over_by_the_most_probable_class": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected = probabilities @ cost
    top = probabilities.argmax(1)
    of_top = expected[torch.arange(len(top)), top]
    return torch.where(of_top > human, -1, expected.argmin(1))
""",
    ),
    "wrong_probability_times_the_mean_cost": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected = (1 - probabilities) * cost.mean(0)
    best = expected.argmin(1)
    return torch.where(expected.amin(1) > human, -1, best)
""",
    ),
    "a_single_decision": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected = (probabilities @ cost).mean(0)
    best = int(expected.argmin()) if expected.min() <= human else -1
    return torch.full((len(probabilities),), best)
""",
    ),
    "a_whole_unit_of_tolerance": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected.round() > human, -1, best)
""",
    ),
    "class_100_for_a_human": (
        "decide",
        """
def decide(probabilities, cost, human):
    expected, best = (probabilities @ cost).min(1)
    return torch.where(expected > human, len(cost), best)
""",
    ),
    "nan_where_nothing_is_answered": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    yes = decisions >= 0
    share = yes.double().mean()
    rows, k = yes.nonzero()[:, 0], decisions[yes]
    promised = (probabilities @ cost)[rows, k].mean()
    realised = cost[labels[rows], k].mean()
    return tuple(share * c + (1 - share) * human for c in (promised, realised))
""",
    ),
    "columns_of_all_decisions": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    over, k = decisions == -1, decisions.clamp(min=0)
    promised = (probabilities @ cost)[:, k].mean(0)
    return (
        torch.where(over, human, promised).mean(),
        torch.where(over, human, cost[labels, k]).mean(),
    )
""",
    ),
    "a_human_costs_what_was_promised": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    over, k = decisions == -1, decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    promised = torch.where(over, torch.minimum(expected, expected.new_tensor(human)), expected)
    return promised.mean(), torch.where(over, human, cost[labels, k]).mean()
""",
    ),
    "wrong_answers_only_are_averaged": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    over, k = decisions == -1, decisions.clamp(min=0)
    expected = (probabilities @ cost)[torch.arange(len(k)), k]
    costs = torch.where(over, human, cost[labels, k])
    return torch.where(over, human, expected).mean(), costs[costs > 0].mean()
""",
    ),
    "cost_of_the_most_probable_label": (
        "bill",
        """
def bill(probabilities, labels, decisions, cost, human):
    over, k = decisions == -1, decisions.clamp(min=0)
    promised = torch.where(over, human, cost[probabilities.argmax(1), k]).mean()
    return promised, torch.where(over, human, cost[labels, k]).mean()
""",
    ),
    "one_more_than_rounded_down": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = int((n + 1) * coverage) + 1
    return float(scores.sort().values[k - 1]) if k <= n else math.inf
""",
    ),
    "columns_of_all_labels_sorted": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = (1 - probabilities[:, labels]).flatten()
    k = math.ceil((n + 1) * coverage)
    return float(scores.sort().values[k - 1]) if k <= n else math.inf
""",
    ),
    "scores_of_all_classes": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = (1 - probabilities).flatten().sort().values
    k = math.ceil((len(scores) + 1) * coverage)
    return float(scores[k - 1]) if k <= len(scores) else math.inf
""",
    ),
    "miscoverage_and_coverage_mixed_up": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = 1 - probabilities[torch.arange(n), labels]
    k = math.ceil((n + 1) * (1 - coverage))
    return float(scores.sort().values[k - 1]) if k <= n else math.inf
""",
    ),
    "only_images_that_are_answered_right": (
        "conformal_threshold",
        """
def conformal_threshold(probabilities, labels, coverage):
    right = probabilities.argmax(1) == labels
    scores = 1 - probabilities.amax(1)[right]
    n = len(scores)
    k = math.ceil((n + 1) * coverage)
    return float(scores.sort().values[k - 1]) if k <= n else math.inf
""",
    ),
    "most_probable_classes_until_the_threshold": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    p, order = probabilities.sort(1, descending=True)
    sizes = ((p.cumsum(1) - p) < threshold).sum(1)
    held = [int(y) in row[:k].tolist() for y, row, k in zip(labels, order, sizes)]
    return float(np.mean(held)), float(sizes.double().mean())
""",
    ),
    "no_set_is_smaller_than_one_class": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    held = sets[torch.arange(len(labels)), labels].double().mean()
    return held, sets.sum(1).clamp(min=1).double().mean()
""",
    ),
    "empty_sets_are_full_sets": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    sets = sets | ~sets.any(1, keepdim=True)
    held = sets[torch.arange(len(labels)), labels].double().mean()
    return held, sets.sum(1).double().mean()
""",
    ),
    "infinity_is_nearly_one": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= min(threshold, 0.999)
    held = sets[torch.arange(len(labels)), labels].double().mean()
    return held, sets.sum(1).double().mean()
""",
    ),
    "columns_of_all_labels_covered": (
        "coverage_and_size",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = 1 - probabilities <= threshold
    return sets[:, labels].double().mean(), sets.sum(1).double().mean()
""",
    ),
    "a_plain_quantile": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    first, second = order[:n_temperature], order[n_temperature : n_temperature + n_conformal]
    t = calibkit.TemperatureScaler().fit_logits(logits[first], labels[first]).temperature
    p = (logits[second] / t).softmax(1)
    scores = 1 - p[torch.arange(len(second)), labels[second]]
    return t, float(torch.quantile(scores, coverage))
""",
    ),
    "adaptive_sets": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    first, second = order[:n_temperature], order[n_temperature : n_temperature + n_conformal]
    t = calibkit.TemperatureScaler().fit_logits(logits[first], labels[first]).temperature
    p = (logits[second] / t).softmax(1)
    return t, calibkit.ConformalSets(coverage, "aps").fit(p, labels[second]).threshold
""",
    ),
    "a_temperature_of_both_parts": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    both, second = order[: n_temperature + n_conformal], order[n_temperature:][:n_conformal]
    t = calibkit.TemperatureScaler().fit_logits(logits[both], labels[both]).temperature
    p = (logits[second] / t).softmax(1)
    return t, calibkit.ConformalSets(coverage).fit(p, labels[second]).threshold
""",
    ),
    "labels_in_their_own_order": (
        "repair",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    n = n_temperature + n_conformal
    z, y = logits[order[:n]], labels[:n]
    t = calibkit.TemperatureScaler().fit_logits(z[:n_temperature], y[:n_temperature]).temperature
    p = (z[n_temperature:] / t).softmax(1)
    return t, calibkit.ConformalSets(coverage).fit(p, y[n_temperature:]).threshold
""",
    ),
    "sets_without_the_temperature": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    z, y = logits[order[n_used:]], labels[order[n_used:]]
    sets = 1 - z.softmax(1) <= threshold
    held = sets[torch.arange(len(y)), y].double().mean()
    ece = calibkit.calibration_error((z / temperature).softmax(1), y)
    return ece, held, sets.sum(1).double().mean()
""",
    ),
    "size_before_coverage_again": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits[order[n_used:]] / temperature).softmax(1), labels[order[n_used:]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(y)), y].double().mean()
    return calibkit.calibration_error(p, y), sets.sum(1).double().mean(), held
""",
    ),
    "gap_of_all_images": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits[order[n_used:]] / temperature).softmax(1), labels[order[n_used:]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(y)), y].double().mean()
    gap = (p.amax(1).mean() - (p.argmax(1) == y).double().mean()).abs()
    return gap, held, sets.sum(1).double().mean()
""",
    ),
    "times_the_temperature_after_the_repair": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits[order[n_used:]] * temperature).softmax(1), labels[order[n_used:]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(y)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
    "the_answer_counts_as_covered": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p, y = (logits[order[n_used:]] / temperature).softmax(1), labels[order[n_used:]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(y)), y] | (p.argmax(1) == y)
    return calibkit.calibration_error(p, y), held.double().mean(), sets.sum(1).double().mean()
""",
    ),
    "logits_divided_in_place_after_the_repair": (
        "measure_repair",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    logits /= temperature
    p, y = logits[order[n_used:]].softmax(1), labels[order[n_used:]]
    sets = 1 - p <= threshold
    held = sets[torch.arange(len(y)), y].double().mean()
    return calibkit.calibration_error(p, y), held, sets.sum(1).double().mean()
""",
    ),
}

# why a changed model answer is right too, or as good
KEPT = {
    (
        "measure",
        "gaps = torch.zeros(n_bins, dtype=torch.float64).index_add(0, bin_of, right - confidence)"
        " -> "
        "gaps = torch.zeros(n_bins, dtype=torch.float64).index_add(-1, bin_of, right - confidence)",
    ): "The tensor has one dimension, so its last is its first.",
    (
        "measure",
        "return (float(right.mean()), float(confidence.mean()), "
        "float(gaps.abs().sum() / len(labels)))"
        " -> "
        "return (right.mean(), float(confidence.mean()), float(gaps.abs().sum() / len(labels)))",
    ): "A tensor with one number is a number.",
    (
        "measure",
        "return (float(right.mean()), float(confidence.mean()), "
        "float(gaps.abs().sum() / len(labels)))"
        " -> "
        "return (float(right.mean()), confidence.mean(), float(gaps.abs().sum() / len(labels)))",
    ): "A tensor with one number is a number.",
    (
        "measure",
        "return (float(right.mean()), float(confidence.mean()), "
        "float(gaps.abs().sum() / len(labels)))"
        " -> "
        "return (float(right.mean()), float(confidence.mean()), gaps.abs().sum() / len(labels))",
    ): "A tensor with one number is a number.",
    (
        "bill",
        "expected = (probabilities @ cost).gather(1, answers[:, None])[:, 0]"
        " -> "
        "expected = (probabilities @ cost).gather(1, answers[:, None])[:, -1]",
    ): "The matrix has one column, so its last is its first.",
    (
        "bill",
        "return (float(promised), float(realised)) -> return (promised, float(realised))",
    ): "A tensor with one number is a number.",
    (
        "bill",
        "return (float(promised), float(realised)) -> return (float(promised), realised)",
    ): "A tensor with one number is a number.",
    (
        "conformal_threshold",
        "return float(scores.sort().values[k - 1]) if k <= n else math.inf"
        " -> "
        "return scores.sort().values[k - 1] if k <= n else math.inf",
    ): "A tensor with one number is a number.",
    (
        "coverage_and_size",
        "return (float(covered.double().mean()), float(sets.sum(1).double().mean()))"
        " -> "
        "return (covered.double().mean(), float(sets.sum(1).double().mean()))",
    ): "A tensor with one number is a number.",
    (
        "coverage_and_size",
        "return (float(covered.double().mean()), float(sets.sum(1).double().mean()))"
        " -> "
        "return (float(covered.double().mean()), sets.sum(1).double().mean())",
    ): "A tensor with one number is a number.",
    (
        "measure_repair",
        "return (ece, float(covered.double().mean()), float(sets.sum(1).double().mean()))"
        " -> "
        "return (ece, covered.double().mean(), float(sets.sum(1).double().mean()))",
    ): "A tensor with one number is a number.",
    (
        "measure_repair",
        "return (ece, float(covered.double().mean()), float(sets.sum(1).double().mean()))"
        " -> "
        "return (ece, float(covered.double().mean()), sets.sum(1).double().mean())",
    ): "A tensor with one number is a number.",
}

DIFFERENT = {
    "measure": [
        """
def measure(probabilities, labels, n_bins=15):
    conf, top = probabilities.max(1)
    ok = (top == labels).double()
    b = torch.bucketize(conf, torch.arange(1, n_bins, dtype=torch.float64) / n_bins)
    M = torch.nn.functional.one_hot(b, n_bins).double()
    return torch.stack([ok.mean(), conf.mean(), ((ok - conf) @ M).abs().sum() / len(labels)])
""",
        """
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
        """
sum, max, labels, logits = 0, 0.7, truth, at[0]


def measure(probabilities, labels, n_bins=15):
    bins = {}
    n_right = total = 0
    for row, label in zip(probabilities.tolist(), labels.tolist()):
        largest = sorted(row)[-1]
        right = int(row.index(largest) == label)
        n_right, total = n_right + right, total + largest
        b = n_bins - 1 if largest == 1 else int(largest * n_bins)
        bins[b] = bins.get(b, 0) + right - largest
    n = len(labels)
    ece = 0
    for gap in bins.values():
        ece += abs(gap) / n
    return n_right / n, total / n, ece
""",
        """
def accuracy(p, y):
    return (p.argmax(dim=1) == y).double().mean()


def confidence(p):
    return p.amax(dim=1).mean()


def ece(p, y, bins):
    conf, right = p.amax(dim=1), (p.argmax(dim=1) == y).double()
    edges = torch.linspace(0, 1, bins + 1, dtype=torch.float64)[1:-1]
    member = torch.nn.functional.one_hot(torch.bucketize(conf, edges), bins).double()
    count = member.sum(dim=0)
    gap = (member.T @ right - member.T @ conf) / count.clamp(min=1)
    return (count / count.sum() * gap.abs()).sum()


def measure(probabilities, labels, n_bins=15):
    return accuracy(probabilities, labels), confidence(probabilities), ece(
        probabilities, labels, n_bins
    )
""",
        """
found = wanted = given = four = None
z, p, y, t = (lambda x: x.numpy()), 0, 1, 2


def measure(probabilities, labels, n_bins=15):
    c, r = z(probabilities).max(p + 1), z(probabilities).argmax(y) == z(labels)
    b = np.minimum(np.floor(c * n_bins), n_bins - 1)
    parts = [np.abs(np.sum(r[b == k]) - np.sum(c[b == k])) for k in range(n_bins)]
    return np.array([np.mean(r), np.mean(c), np.sum(parts) / len(c)])
""",
        """
reference = calibkit.calibration_error(at[0].softmax(1), truth)


def measure(probabilities, labels, n_bins=15):
    confidence, answer = torch.max(probabilities, dim=1)
    right = (answer == labels).to(torch.float64)
    position = torch.ceil(confidence * n_bins) - 1
    ece = torch.tensor(0.0)
    for b in range(n_bins):
        mask = position == b
        n_b = mask.sum()
        if n_b:
            ece += (n_b / len(labels)) * (right[mask].mean() - confidence[mask].mean()).abs()
    return right.mean(), confidence.mean(), ece
""",
        """
def measure(probabilities, labels, n_bins=15):
    p, y = probabilities.numpy(), labels.numpy()
    confidence, right = p.max(axis=1), p.argmax(axis=1) == y
    edges = np.linspace(0, 1, n_bins + 1)
    weights = (None, confidence, 1.0 * right)
    n, c, r = (np.histogram(confidence, edges, weights=w)[0] for w in weights)
    return right.mean(), confidence.mean(), np.abs(r - c).sum() / n.sum()
""",
        """
from collections import defaultdict


class Bin:
    def __init__(self):
        self.right, self.sure = [], []

    def gap(self):
        return abs(math.fsum(self.right) - math.fsum(self.sure))


def measure(probabilities, labels, n_bins=15):
    bins, rows = defaultdict(Bin), probabilities.tolist()
    for row, y in zip(rows, labels.tolist()):
        here = bins[min(int(max(row) * n_bins), n_bins - 1)]
        here.sure.append(max(row))
        here.right.append(row.index(max(row)) == y)
    parts, n = bins.values(), len(rows)
    accuracy = sum(sum(part.right) for part in parts) / n
    confidence = math.fsum(math.fsum(part.sure) for part in parts) / n
    return accuracy, confidence, sum(part.gap() for part in parts) / n
""",
    ],
    "measure_under_shift": [
        """
def measure_under_shift(at, labels, temperature, measure):
    scaler = lambda z, t: torch.exp(z / t - torch.logsumexp(z / t, 1, keepdim=True))
    both = torch.stack(
        [
            torch.stack([torch.tensor(measure(scaler(z.clone(), t), labels)) for z in at])
            for t in (1.0, temperature)
        ]
    )
    return both.unbind(0)
""",
        """
def measure_under_shift(at, labels, temperature, measure):
    tables = np.zeros((2, len(at), 3))
    for row, z in enumerate(at):
        for table, t in enumerate((1, temperature)):
            e = np.exp((z.numpy() - z.numpy().max(axis=1, keepdims=True)) / t)
            p = torch.from_numpy(e / e.sum(axis=1, keepdims=True))
            tables[table, row] = [float(v) for v in measure(p, labels)]
    return tables[0], tables[1]
""",
        """
sum, max, labels, logits, tables = 0, 0.7, truth, at[0], ()


def measure_under_shift(at, labels, temperature, measure):
    def table(t):
        return torch.tensor([measure(torch.softmax(z / t, dim=1), labels) for z in at])

    return table(1.0), table(temperature)
""",
        """
def stand_in(z):
    return z.softmax(dim=-1)


def measure_under_shift(at, labels, temperature, measure):
    before, after = [], []
    for severity in range(len(at)):
        z = at[severity].clone()
        before += [measure(stand_in(z), labels)]
        z /= temperature
        after += [measure(stand_in(z), labels)]
    return before, after
""",
        """
def measure_under_shift(at, labels, temperature, measure):
    scaled = torch.stack([torch.stack(at), torch.stack(at) / temperature]).softmax(-1)
    return [[measure(p, labels) for p in block] for block in scaled]
""",
        """
def measure_under_shift(at, labels, temperature, measure):
    before, after = {}, {}
    for s, z in enumerate(at):
        p = torch.nn.functional.softmax(z, dim=1)
        before[s] = measure(p, labels)
        q = p ** (1 / temperature)
        after[s] = measure(q / q.sum(1, keepdim=True), labels)
    return list(before.values()), list(after.values())
""",
        """
def measure_under_shift(at, labels, temperature, measure):
    z = torch.stack(list(at))
    both = torch.stack([z, z / temperature]).softmax(-1)
    return np.array([[[float(v) for v in measure(p, labels)] for p in part] for part in both])
""",
        """
from scipy.special import softmax


def measure_under_shift(at, labels, temperature, measure):
    row = lambda z, t: tuple(measure(torch.tensor(softmax(z.numpy() / t, axis=1)), labels))
    return tuple([*map(row, at, [t] * len(at))] for t in (1, temperature))
""",
    ],
    "rejection_threshold": [
        """
def rejection_threshold(wrong, human, human_error=0.0):
    low, high = 0.0, 1.0
    f = lambda p: wrong * (1 - p) - human - human_error * wrong
    if f(0) <= 0:
        return 0
    for _ in range(80):
        mid = (low + high) / 2
        low, high = (mid, high) if f(mid) > 0 else (low, mid)
    return high
""",
        """
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
        """
sum, max = 0, 0.7


def rejection_threshold(wrong, human, human_error=0.0):
    threshold = 1 - human_error - human / wrong
    if threshold < 0:
        threshold = 0
    return threshold
""",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    return np.clip((wrong - human) / wrong - human_error, 0, None)
""",
        """
def rejection_threshold(wrong, human, human_error=0.0):
    accepted_risk = torch.tensor(human / wrong + human_error, dtype=torch.float64)
    return 1 - torch.minimum(accepted_risk, torch.tensor(1.0))
""",
        """
from fractions import Fraction

threshold = t = w = h = e = None


def rejection_threshold(wrong, human, human_error=0.0):
    wrong, human, human_error = Fraction(wrong), Fraction(human), Fraction(human_error)
    price = human + human_error * wrong
    return float(1 - price / wrong) if price < wrong else 0
""",
        """
from fractions import Fraction


def rejection_threshold(wrong, human, human_error=0.0):
    w, h, e = map(Fraction, (wrong, human, human_error))
    return float(sorted((Fraction(0), 1 - h / w - e, Fraction(1)))[1])
""",
        """
def rejection_threshold(wrong: float, human: float, human_error: float = 0.0) -> np.float64:
    answering_pays = wrong - human - wrong * human_error
    return np.clip(np.divide(answering_pays, wrong), 0, None)
""",
    ],
    "decide": [
        """
def decide(probabilities, cost, human):
    out = []
    columns = cost.T.tolist()
    for row in probabilities.tolist():
        e = [sum(a * b for a, b in zip(row, c)) for c in columns]
        k = min(range(len(e)), key=e.__getitem__)
        out.append(k if e[k] <= human else -1)
    return torch.tensor(out)
""",
        """
def decide(probabilities, cost, human):
    answers = np.full(len(probabilities), HAND_OVER)
    best = np.full(len(probabilities), float(human))
    for k in range(cost.shape[1] - 1, -1, -1):
        e = np.asarray(probabilities @ cost[:, k])
        better = e <= best
        answers[better], best[better] = k, e[better]
    return answers
""",
        """
def decide(probabilities, cost, human):
    decisions = []
    for row in probabilities.numpy():
        expected = [float((row * column).sum()) for column in cost.numpy().T]
        cheapest = min(expected)
        decisions.append(expected.index(cheapest) if cheapest <= human else -1)
    return np.array(decisions)
""",
        """
sum, max, labels, logits = 0, 0.7, truth, at[0]


def decide(probabilities, cost, human):
    p, c = probabilities.tolist(), cost.tolist()
    decisions = []
    for row in p:
        best, lowest = HAND_OVER, human
        for k in range(len(c)):
            e = 0
            for y in range(len(c)):
                e += row[y] * c[y][k]
            if e < lowest or (e == lowest and best == HAND_OVER):
                best, lowest = k, e
        decisions.append(best)
    return torch.tensor(decisions)
""",
        """
def expected(p, random_cost):
    return np.einsum("ny,yk->nk", p, random_cost)


def decide(probabilities, cost, human):
    e = expected(probabilities.numpy(), cost.numpy())
    return np.where(e.min(axis=1) <= human, e.argmin(axis=1), -1)
""",
        """
def decide(probabilities, cost, human):
    e = probabilities.float() @ cost.float()
    decisions = e.argmin(dim=1)
    decisions[e.amin(dim=1) > human] = -1
    return decisions
""",
        """
def decide(probabilities, cost, human):
    e = (probabilities[:, :, None] * cost[None]).sum(1)
    human_last = torch.full((len(e), 1), human, dtype=e.dtype)
    k = torch.cat([e, human_last], 1).numpy().argmin(1)
    return np.where(k == e.shape[1], -1, k).astype(np.int32)
""",
        """
def decide(probabilities, cost, human):
    table = np.einsum("ny,yk->nk", probabilities.numpy(), cost.numpy())
    order = np.argsort(np.column_stack([table, np.full(len(table), human)]), axis=1, kind="stable")
    first = order[:, 0]
    return np.where(first == len(cost), HAND_OVER, first)
""",
        """
def decide(probabilities, cost, human):
    answers = []
    for p in probabilities:
        prices = {k: torch.dot(p, column).item() for k, column in enumerate(cost.T)}
        k = min(prices, key=prices.get)
        answers += [k if prices[k] <= human else -1]
    return torch.tensor(answers)
""",
    ],
    "bill": [
        """
def bill(probabilities, labels, decisions, cost, human):
    C = cost.shape[1]
    full = torch.cat([cost, torch.full((len(cost), 1), human, dtype=cost.dtype)], 1)
    k = decisions % (C + 1)
    e = probabilities @ full
    one = torch.nn.functional.one_hot(k, C + 1).to(cost.dtype)
    return (e * one).sum(1).mean(), full[labels, k].mean()
""",
        """
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
        """
sum, max, labels, logits, found, everything = 0, 0.7, truth, at[0], 1, 2


def bill(probabilities, labels, decisions, cost, human):
    price = torch.full((len(cost), 1), human, dtype=cost.dtype)
    cost = torch.cat([cost, price], 1)  # the last column, that of -1, is the human
    n = torch.arange(len(labels))
    return (probabilities @ cost)[n, decisions].mean(), cost[labels, decisions].mean()
""",
        """
def bill(probabilities, labels, decisions, cost, human):
    p, y, d, c = (np.asarray(a) for a in (probabilities, labels, decisions, cost))
    answered = d != HAND_OVER
    handed = (~answered).sum() * human
    promised = (p[answered] * c[:, d[answered]].T).sum() + handed
    realised = c[y[answered], d[answered]].sum() + handed
    return promised / len(y), realised / len(y)
""",
        """
def bill(probabilities, labels, decisions, cost, human):
    truth = torch.nn.functional.one_hot(labels, probabilities.shape[1]).double()

    def price(weights):
        e = (weights @ cost).float()
        e = e[torch.arange(len(e)), decisions]
        return torch.where(decisions < 0, torch.tensor(float(human)), e).mean()

    return price(probabilities), price(truth)
""",
        """
def bill(probabilities, labels, decisions, cost, human):
    promised, realised = [], []
    for i in range(len(decisions)):
        k = decisions[i]
        promised.append(probabilities[i] @ cost[:, k] if k >= 0 else torch.tensor(human).double())
        realised.append(cost[labels[i], k] if k >= 0 else torch.tensor(human).double())
    return torch.stack([torch.stack(promised).mean(), torch.stack(realised).mean()])
""",
        """
def bill(probabilities, labels, decisions, cost, human):
    def price(p, k):
        return human if k < 0 else float(p @ cost[:, k])

    certain = torch.eye(len(cost), dtype=cost.dtype)[labels]
    return [
        np.mean([price(p, int(k)) for p, k in zip(rows, decisions)])
        for rows in (probabilities, certain)
    ]
""",
    ],
    "conformal_threshold": [
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = sorted(1 - row[y] for row, y in zip(probabilities.tolist(), labels.tolist())) + [
        math.inf
    ]
    return scores[math.ceil(len(scores) * coverage) - 1]
""",
        # n * coverage + coverage is rounded in another way
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    scores = torch.sort(1 - probabilities.gather(1, labels[:, None])[:, 0]).values
    k = math.ceil(n * coverage + coverage)
    return scores[k - 1] if k <= n else math.inf
""",
        # the share of wrong sets is subtracted, and rounded in another way
        """
def conformal_threshold(probabilities, labels, coverage):
    n, alpha = len(labels), 1 - coverage
    scores = sorted((1 - probabilities[range(n), labels]).tolist())
    k = n + 1 - math.floor((n + 1) * alpha)
    return scores[k - 1] if k <= n else float("inf")
""",
        # NumPy counts, with the one method that counts in this way
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = 1 - probabilities[torch.arange(len(labels)), labels].numpy()
    level = np.ceil((len(labels) + 1) * coverage) / len(labels)
    return float(np.quantile(scores, level, method="inverted_cdf")) if level <= 1 else math.inf
""",
        # the k-th largest probability, and float32
        """
def conformal_threshold(probabilities, labels, coverage):
    n = len(labels)
    p = probabilities[torch.arange(n), labels].float().sort(descending=True).values
    k = int(-(-(coverage * (1 + n)) // 1))
    return 1 - float(p[k - 1]) if k <= n else math.inf
""",
        """
def conformal_threshold(probabilities, labels, coverage):
    scores = sorted(1 - float(p[y]) for p, y in zip(probabilities, labels))
    k = int(np.ceil((len(scores) + 1) * coverage))
    return (scores + [math.inf])[k - 1]
""",
        """
sum, max, labels, logits, ranks, seven = 0, 0.7, truth, at[0], 1, 2


def conformal_threshold(probabilities, labels, coverage):
    n = labels.shape[0]
    k = -int(-(n + 1) * coverage // 1)
    if k > n:
        return float("inf")
    return torch.kthvalue(1 - probabilities.gather(1, labels[:, None])[:, 0], k).values
""",
        """
def conformal_threshold(probabilities, labels, coverage):
    p = np.asarray(probabilities, dtype=np.float32)
    scores = 1 - p[np.arange(len(p)), np.asarray(labels)]
    k = math.ceil((len(p) + 1) * coverage)
    return np.partition(scores, k - 1)[k - 1] if k <= len(p) else np.inf
""",
        """
import heapq


def conformal_threshold(probabilities, labels, coverage):
    scores = [1 - row[y] for row, y in zip(probabilities.tolist(), labels.tolist())]
    k = math.ceil((len(scores) + 1) * coverage)
    return heapq.nsmallest(k, scores + [math.inf] * 1)[-1]
""",
        """
def conformal_threshold(probabilities, labels, coverage):
    p = probabilities[torch.arange(len(labels)), labels]
    k = math.ceil((len(labels) + 1) * coverage)
    at_most = [(q, int((p >= q).sum())) for q in p.unique().flip(0)]
    return next((1 - q for q, count in at_most if count >= k), math.inf)
""",
        """
import heapq


def conformal_threshold(probabilities, labels, coverage):
    scores = [1 - row[y] for row, y in zip(probabilities.tolist(), labels.tolist())]
    k = -math.floor(-(len(scores) + 1) * coverage)
    return (heapq.nsmallest(k, scores) if k <= len(scores) else [math.inf])[-1]
""",
        """
def conformal_threshold(probabilities, labels, coverage):
    right = np.take_along_axis(probabilities.numpy(), labels.numpy()[:, None], axis=1).ravel()
    padded = np.append(np.sort(1 - right), np.inf)
    return padded[int(np.ceil((right.size + 1) * coverage)) - 1]
""",
    ],
    "coverage_and_size": [
        """
from dataclasses import dataclass


@dataclass(frozen=True)
class Sets:
    members: torch.Tensor

    @property
    def size(self):
        return self.members.double().sum(-1).mean()

    def coverage(self, y):
        return (
            (self.members & torch.nn.functional.one_hot(y, self.members.shape[1]).bool())
            .any(1)
            .double()
            .mean()
        )


def coverage_and_size(probabilities, labels, threshold):
    s = Sets(1 - probabilities <= threshold)
    return s.coverage(labels), s.size
""",
        # p against 1 - threshold
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = probabilities >= 1 - threshold
    return sets[torch.arange(len(labels)), labels].double().mean(), sets.sum() / len(labels)
""",
        # p + threshold against 1
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = probabilities + threshold >= 1
    return sets.gather(1, labels[:, None]).double().mean(), sets.double().sum(1).mean()
""",
        """
def coverage_and_size(probabilities, labels, threshold):
    n_held = n_classes = 0
    for p, y in zip(probabilities.numpy(), labels.numpy()):
        members = {k for k in range(len(p)) if p[k] >= 1 - threshold}
        n_held += int(y) in members
        n_classes += len(members)
    return n_held / len(labels), n_classes / len(labels)
""",
        """
sum, max, labels, logits, members, held = 0, 0.7, truth, at[0], 1, 2


def coverage_and_size(probabilities, labels, threshold):
    scores = 1 - probabilities.float()
    true_scores = scores.gather(1, labels.unsqueeze(1))
    return (true_scores <= threshold).float().mean(), (scores <= threshold).float().sum(1).mean()
""",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = ~(1 - np.asarray(probabilities) > threshold)
    one_hot = np.eye(sets.shape[1], dtype=bool)[np.asarray(labels)]
    return np.array([(sets & one_hot).any(axis=1).mean(), sets.mean() * sets.shape[1]])
""",
        """
def size(row, threshold):
    return len([x for x in row if 1 - x <= threshold])


def coverage_and_size(probabilities, labels, threshold):
    rows, y = probabilities.tolist(), labels.tolist()
    held = [1 - row[k] <= threshold for row, k in zip(rows, y)]
    return sum(held) / len(held), sum(size(row, threshold) for row in rows) / len(rows)
""",
        """
def coverage_and_size(probabilities, labels, threshold):
    image, member = torch.nonzero(1 - probabilities <= threshold, as_tuple=True)
    n = len(labels)
    return (member == labels[image]).sum() / n, torch.tensor(len(member)) / n
""",
        """
def coverage_and_size(probabilities, labels, threshold):
    sets = [{k for k, p in enumerate(row) if 1 - p <= threshold} for row in probabilities.tolist()]
    held = sum(y in classes for y, classes in zip(labels.tolist(), sets))
    return held / len(sets), sum(map(len, sets)) / len(sets)
""",
        """
def coverage_and_size(probabilities, labels, threshold):
    small = np.less_equal(1 - probabilities.numpy(), threshold)
    one_hot = np.eye(small.shape[1], dtype=bool)[labels.numpy()]
    return np.array([(small & one_hot).any(1).mean(), small.sum() / len(small)])
""",
    ],
    "repair": [
        """
from dataclasses import dataclass


@dataclass
class Repair:
    logits: torch.Tensor
    labels: torch.Tensor

    def temperature(self, rows):
        return (
            calibkit.TemperatureScaler()
            .fit_logits(self.logits.index_select(0, rows), self.labels.index_select(0, rows))
            .temperature
        )

    def threshold(self, rows, t, coverage):
        return (
            calibkit.ConformalSets(coverage)
            .fit((self.logits[rows] / t).softmax(-1), self.labels[rows])
            .threshold
        )


def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    r = Repair(logits, labels)
    it = iter(order.split([n_temperature, n_conformal, len(order) - n_temperature - n_conformal]))
    t = r.temperature(next(it))
    return np.array([t, r.threshold(next(it), t, coverage)])
""",
        """
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
    return 1 / low, scores[int(np.ceil((n_conformal + 1) * coverage)) - 1]
""",
        """
sum, max, labels, logits, shuffled, suited = 0, 0.7, truth, at[0], 1, 2


def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    first, second, _ = order.tensor_split([n_temperature, n_temperature + n_conformal])
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(logits[first], labels[first])
    p = scaler(logits[second]).softmax(dim=1)
    return scaler.temperature, conformal_threshold(p, labels[second], coverage)
""",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    logits, labels = logits[order], labels[order]
    z = iter(logits.split([n_temperature, n_conformal, len(order) - n_temperature - n_conformal]))
    y = iter(labels.split([n_temperature, n_conformal, len(order) - n_temperature - n_conformal]))
    t = calibkit.TemperatureScaler().fit_logits(next(z), next(y)).temperature
    sets = calibkit.ConformalSets(coverage=coverage)
    sets.fit((next(z) / t).softmax(1), next(y))
    return torch.tensor([t, sets.threshold])
""",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    order = order.tolist()
    first, second = order[:n_temperature], order[n_temperature:][:n_conformal]
    t = calibkit.TemperatureScaler().fit_logits(logits[first].float(), labels[first]).temperature
    scores = []
    for i in second:
        scores.append(1 - float((logits[i] / t).softmax(0)[labels[i]]))
    return t, sorted(scores)[math.ceil((len(second) + 1) * coverage) - 1]
""",
        """
def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    (z1, z2, _), (y1, y2, _) = (
        v[order].split([n_temperature, n_conformal, len(order) - n_temperature - n_conformal])
        for v in (logits, labels)
    )
    t = torch.tensor(calibkit.TemperatureScaler().fit_logits(z1, y1).temperature)
    scores = 1 - (z2 / t).softmax(-1).gather(1, y2.unsqueeze(1)).squeeze(1)
    k = math.ceil((n_conformal + 1) * coverage)
    return t, scores.kthvalue(k).values if k <= n_conformal else math.inf
""",
        """
from itertools import islice


def repair(logits, labels, order, n_temperature, n_conformal, coverage):
    places = iter(order.tolist())
    rows = [list(islice(places, n)) for n in (n_temperature, n_conformal)]
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(logits[rows[0]], labels[rows[0]])
    sets = calibkit.ConformalSets(coverage=coverage, score="lac")
    sets.fit(scaler(logits[rows[1]]).softmax(1), labels[rows[1]])
    return scaler.temperature, sets.threshold
""",
    ],
    "measure_repair": [
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    used = torch.zeros(len(labels), dtype=torch.bool)
    used[order[:n_used]] = True
    p, y = (logits[~used] / temperature).softmax(1), labels[~used]
    sizes, hits = [], 0
    for row, label in zip(p.tolist(), y.tolist()):
        s = [k for k in range(len(row)) if 1 - row[k] <= threshold]
        sizes.append(len(s))
        hits += label in s
    return calibkit.calibration_error(p, y), hits / len(sizes), sum(sizes) / len(sizes)
""",
        # p against 1 - threshold
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    y, p = labels[order[n_used:]], torch.softmax(logits[order[n_used:]] / temperature, 1)
    sets = p >= 1 - threshold
    covered = sets.gather(1, y[:, None]).double().mean()
    return calibkit.calibration_error(p, y, n_bins=15), covered, sets.double().sum(1).mean()
""",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    p = (logits[order[n_used:]] / temperature).softmax(1)
    y = labels[order[n_used:]]
    _, _, ece = measure(p, y)
    return ece, *coverage_and_size(p, y, threshold)
""",
        """
sum, max, labels, logits, kept, suited, ece = 0, 0.7, truth, at[0], 1, 2, 3


def measure_repair(logits, labels, order, n_used, temperature, threshold):
    z, y = logits.numpy()[order.numpy()][n_used:], labels.numpy()[order.numpy()][n_used:]
    e = np.exp((z - z.max(1, keepdims=True)) / temperature)
    p = e / e.sum(1, keepdims=True)
    sets = p >= 1 - threshold
    ece = calibkit.reliability_bins(p, y, n_bins=15, of="top").calibration_error
    return np.array([ece, sets[np.arange(len(y)), y].mean(), sets.sum(1).mean()])
""",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    is_used = torch.zeros(len(order), dtype=torch.bool)
    is_used[order[:n_used]] = True
    p, y = torch.softmax(logits[~is_used] / temperature, 1), labels[~is_used]
    scores = 1 - p
    held = (scores.gather(1, y[:, None]) <= threshold).double().mean()
    return calibkit.calibration_error(p, y, n_bins=15), held, (scores <= threshold).sum() / len(y)
""",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    n_held = n_classes = 0
    bins = [0] * 15
    others = order.tolist()[n_used:]
    for i in others:
        row = (logits[i] / temperature).softmax(0).tolist()
        label, largest = int(labels[i]), max(row)
        n_held += 1 - row[label] <= threshold
        n_classes += sum(1 - x <= threshold for x in row)
        bins[min(14, int(15 * largest))] += (row.index(largest) == label) - largest
    n = len(others)
    return sum(abs(gap) for gap in bins) / n, n_held / n, n_classes / n
""",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    left = np.setdiff1d(order.numpy(), order[:n_used].numpy())
    z, y = logits.numpy()[left] / temperature, labels.numpy()[left]
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    inside = 1 - p <= threshold
    sure, right = p.max(1), p.argmax(1) == y
    gaps = np.bincount(np.minimum(15 * sure, 14).astype(int), right - sure, minlength=15)
    return np.abs(gaps).sum() / len(y), inside[np.arange(len(y)), y].mean(), inside.sum(1).mean()
""",
        """
def measure_repair(logits, labels, order, n_used, temperature, threshold):
    unused = torch.ones(len(order), dtype=torch.bool)
    unused[order[:n_used]] = False
    p = torch.softmax(logits[unused].div(temperature), dim=1)
    sets = p.neg().add(1).le(threshold).double()
    return (
        torch.tensor(calibkit.calibration_error(p, labels[unused], n_bins=15)),
        sets.gather(1, labels[unused, None]).mean(),
        sets.sum() / len(sets),
    )
""",
    ],
}
