"""Answers to ps5: wrong in a typical way, and right in several other ways."""

WRONG = {
    # question 1
    "softmax_over_the_questions": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return (log_sums / length).softmax(0)
""",
    ),
    "characters_for_bytes": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_characters = torch.tensor([[len(t) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_characters}[by]
    return (log_sums / length).softmax(1)
""",
    ),
    "exp_of_a_large_negative_number": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    p = torch.exp(log_sums / length)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "not_normalised": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return torch.exp(log_sums / length)
""",
    ),
    "probabilities_divided_by_the_length": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    p = log_sums.softmax(1) / length
    return p / p.sum(1, keepdim=True)
""",
    ),
    "times_the_length": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return (log_sums * length).softmax(1)
""",
    ),
    "softmax_twice": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return (log_sums / length).softmax(1).softmax(1)
""",
    ),
    "total_length_of_the_question": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens.sum(1, True), "byte": n_bytes.sum(1, True)}[by]
    return (log_sums / length).softmax(1)
""",
    ),
    "bytes_by_tokens": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    return (log_sums if by == "sum" else log_sums / n_tokens).softmax(1)
""",
    ),
    "bytes_with_the_space_in_front": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(f" {t}".encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return (log_sums / length).softmax(1)
""",
    ),
    "divides_in_place": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    log_sums /= {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    return log_sums.softmax(1)
""",
    ),
    "a_small_number_against_division_by_zero": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    p = torch.exp(log_sums / length) + 1e-12
    return p / p.sum(1, keepdim=True)
""",
    ),
    "lengths_of_the_data_in_the_notebook": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n = len(log_sums)
    length = {"sum": 1, "token": answers.n_tokens[:n], "byte": answers.n_bytes[:n]}[by]
    return (log_sums / length).softmax(1)
""",
    ),
    "nan_becomes_a_quarter": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n_bytes = torch.tensor([[len(t.encode()) for t in row] for row in options.tolist()])
    length = {"sum": 1, "token": n_tokens, "byte": n_bytes}[by]
    p = torch.exp(log_sums / length)
    return torch.nan_to_num(p / p.sum(1, keepdim=True), 0.25)
""",
    ),
    # question 2
    "orders_not_undone": (
        "average_orders",
        """
def average_orders(logits):
    return logits.softmax(2).mean(1)
""",
    ),
    "shift_in_the_other_direction": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(-k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "softmax_over_the_orders": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(1)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "orders_and_letters_mixed_up": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.transpose(1, 2).softmax(2)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "mean_of_logits": (
        "average_orders",
        """
def average_orders(logits):
    z = [logits[:, k].roll(k, 1) for k in range(logits.shape[1])]
    return torch.stack(z).mean(0).softmax(1)
""",
    ),
    "sum_over_the_orders": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return sum(p[:, k].roll(k, 1) for k in range(p.shape[1]))
""",
    ),
    "shift_off_by_one": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(k + 1, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "rolls_over_the_questions": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(k, 0) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "always_four_options": (
        "average_orders",
        """
def average_orders(logits):
    p, result = logits.softmax(2), torch.zeros(len(logits), 4, dtype=logits.dtype)
    for k in range(4):
        for j in range(4):
            result[:, (j + k) % 4] += p[:, k, j] / 4
    return result
""",
    ),
    "order_0_left_out": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(k, 1) for k in range(1, p.shape[1])]).mean(0)
""",
    ),
    "softmax_without_the_largest_logit": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.exp()
    p = torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "softmax_of_the_mean_probability": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0).softmax(1)
""",
    ),
    "largest_over_the_orders": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    m = torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).amax(0)
    return m / m.sum(1, keepdim=True)
""",
    ),
    "largest_logit_subtracted_in_place": (
        "average_orders",
        """
def average_orders(logits):
    logits -= logits.amax(2, keepdim=True)
    p = logits.softmax(2)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    # question 3
    "preference_of_the_same_questions": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1)
    p = p / p.mean(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "preference_not_renormalised": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    return logits.softmax(1) / other_logits.softmax(1).mean(0)
""",
    ),
    "logits_divided": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    return (logits / other_logits.softmax(1).mean(0)).softmax(1)
""",
    ),
    "times_the_preference": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1) * other_logits.softmax(1).mean(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "softmax_of_the_mean_logits": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1) / other_logits.mean(0).softmax(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "mean_over_the_letters": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1) / other_logits.softmax(1).mean(1, keepdim=True)[: len(logits)]
    return p / p.sum(1, keepdim=True)
""",
    ),
    "normalised_over_the_questions": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1) / other_logits.softmax(1).mean(0)
    return p / p.sum(0)
""",
    ),
    "preference_subtracted": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = (logits.softmax(1) - other_logits.softmax(1).mean(0)).clamp(min=0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "softmax_in_place_of_the_sum": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    return (logits.softmax(1) / other_logits.softmax(1).mean(0)).softmax(1)
""",
    ),
    "share_of_the_answers": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    chosen = torch.bincount(other_logits.argmax(1), minlength=logits.shape[1]) + 1e-9
    p = logits.softmax(1) / (chosen / chosen.sum())
    return p / p.sum(1, keepdim=True)
""",
    ),
    "all_questions_for_the_preference": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    p = logits.softmax(1) / torch.cat([logits, other_logits]).softmax(1).mean(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    "mean_of_the_log_probabilities": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    return (logits.log_softmax(1) - other_logits.log_softmax(1).mean(0)).softmax(1)
""",
    ),
    "other_logits_changed_in_place": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    other_logits -= other_logits.amax(1, keepdim=True)
    weights = other_logits.exp()
    p = logits.softmax(1) / (weights / weights.sum(1, keepdim=True)).mean(0)
    return p / p.sum(1, keepdim=True)
""",
    ),
    # question 4
    "a_missing_letter_is_zero": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    kept = [
        i
        for i, r in enumerate(records)
        if missing == "floor" or all(" " + c in r["top_logprobs"] for c in "ABCD")
    ]
    z = [[records[i]["top_logprobs"].get(" " + c, 0.0) for c in "ABCD"] for i in kept]
    return torch.tensor(z), torch.tensor(["ABCD".index(records[i]["answer"]) for i in kept]), kept
""",
    ),
    "floor_of_the_letters": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = {t: v for t, v in r["top_logprobs"].items() if t in (" A", " B", " C", " D")}
        if missing == "drop" and len(stored) < 4:
            continue
        floor = min(stored.values(), default=min(r["top_logprobs"].values()))
        z.append([stored.get(" " + c, floor) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "floor_of_all_records": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    floor = min(v for r in records for v in r["top_logprobs"].values())
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        row = [r["top_logprobs"].get(" " + c) for c in "ABCD"]
        if missing == "drop" and None in row:
            continue
        z.append([floor if v is None else v for v in row])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "the_last_stored_is_taken_for_the_lowest": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        floor = list(r["top_logprobs"].values())[0 if missing == "drop" else -1]
        row = [r["top_logprobs"].get(" " + c) for c in "ABCD"]
        if missing == "drop" and None in row:
            continue
        ordered = sorted(r["top_logprobs"], reverse=True)
        z.append([r["top_logprobs"][ordered[0]] if v is None else v for v in row])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "dropped_if_the_right_letter_is_missing": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if missing == "drop" and " " + r["answer"] not in stored:
            continue
        z.append([stored.get(" " + c, min(stored.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "spaces_and_capitals_ignored": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = {t.strip().upper(): v for t, v in r["top_logprobs"].items()}
        if missing == "drop" and not set("ABCD") <= stored.keys():
            continue
        z.append([stored.get(c, min(stored.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "any_other_word_means_floor": (
        "read_records",
        """
def read_records(records, missing):
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if missing == "drop" and any(" " + c not in stored for c in "ABCD"):
            continue
        z.append([stored.get(" " + c, min(stored.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "zero_counts_as_missing": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        row = [r["top_logprobs"].get(" " + c) for c in "ABCD"]
        if missing == "drop" and not all(row):
            continue
        z.append([v or min(r["top_logprobs"].values()) for v in row])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "labels_of_all_records": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, kept = [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if missing == "drop" and any(" " + c not in stored for c in "ABCD"):
            continue
        z.append([stored.get(" " + c, min(stored.values())) for c in "ABCD"])
        kept.append(i)
    y = ["ABCD".index(r["answer"]) for r in records][: len(kept)]
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "columns_in_the_order_of_the_record": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        row = [v for t, v in r["top_logprobs"].items() if t in (" A", " B", " C", " D")]
        if missing == "drop" and len(row) < 4:
            continue
        z.append(row + [min(r["top_logprobs"].values())] * (4 - len(row)))
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "the_records_are_filled_up": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        lost = [" " + c for c in "ABCD" if " " + c not in stored]
        if missing == "drop" and lost:
            continue
        floor = min(stored.values())
        for token in lost:
            stored[token] = floor
        z.append([stored[" " + c] for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "probabilities_in_place_of_logits": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if missing == "drop" and any(" " + c not in stored for c in "ABCD"):
            continue
        z.append([math.exp(stored.get(" " + c, min(stored.values()))) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "refused_only_if_a_letter_is_missing": (
        "read_records",
        """
def read_records(records, missing):
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if any(" " + c not in stored for c in "ABCD"):
            if missing == "drop":
                continue
            if missing != "floor":
                raise ValueError(missing)
        z.append([stored.get(" " + c, min(stored.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    "part_of_a_word_is_accepted": (
        "read_records",
        """
def read_records(records, missing):
    if str(missing) not in "drop, floor":
        raise ValueError(missing)
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        stored = r["top_logprobs"]
        if missing == "drop" and any(" " + c not in stored for c in "ABCD"):
            continue
        z.append([stored.get(" " + c, min(stored.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return torch.tensor(z), torch.tensor(y), kept
""",
    ),
    # question 5
    "fitted_on_the_subject_itself": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in set(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[m], labels[m]).temperature
        temperatures[s], scaled[m] = t, logits[m] / t
    return temperatures, scaled
""",
    ),
    "fitted_on_all_subjects": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    t = calibkit.TemperatureScaler().fit_logits(logits, labels).temperature
    return {s: t for s in set(subject.tolist())}, logits / t
""",
    ),
    "logits_times_temperature": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in set(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s], scaled[m] = t, logits[m] * t
    return temperatures, scaled
""",
    ),
    "subject_by_subject": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, []
    for s in dict.fromkeys(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s] = t
        scaled.append(logits[m] / t)
    return temperatures, torch.cat(scaled)
""",
    ),
    "mean_of_the_other_temperatures": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    names, own = list(dict.fromkeys(subject.tolist())), {}
    for s in names:
        m = torch.from_numpy(subject == s)
        own[s] = calibkit.TemperatureScaler().fit_logits(logits[m], labels[m]).temperature
    temperatures = {s: np.mean([own[o] for o in names if o != s]) for s in names}
    t = torch.tensor([float(temperatures[s]) for s in subject.tolist()]).double()
    return temperatures, logits / t[:, None]
""",
    ),
    "scaled_again_and_again": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in set(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s], scaled = t, scaled / t
    return temperatures, scaled
""",
    ),
    "the_others_are_divided": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in set(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s], scaled[~m] = t, logits[~m] / t
    return temperatures, scaled
""",
    ),
    "divided_in_place": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, masks = {}, {}
    for s in set(subject.tolist()):
        masks[s] = m = torch.from_numpy(subject == s)
        fitted = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m])
        temperatures[s] = fitted.temperature
    for s, m in masks.items():
        logits[m] /= temperatures[s]
    return temperatures, logits
""",
    ),
    "later_fits_see_scaled_logits": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in sorted(set(subject.tolist())):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(scaled[~m], labels[~m]).temperature
        temperatures[s] = t
        scaled[m] = scaled[m] / t
    return temperatures, scaled
""",
    ),
    "only_the_next_subject": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    names = list(dict.fromkeys(subject.tolist()))
    temperatures, scaled = {}, logits.clone()
    for i, s in enumerate(names):
        m, n = (torch.from_numpy(subject == v) for v in (s, names[(i + 1) % len(names)]))
        t = calibkit.TemperatureScaler().fit_logits(logits[n], labels[n]).temperature
        temperatures[s], scaled[m] = t, logits[m] / t
    return temperatures, scaled
""",
    ),
    "probabilities_returned": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in set(subject.tolist()):
        m = torch.from_numpy(subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s], scaled[m] = t, (logits[m] / t).softmax(1)
    return temperatures, scaled
""",
    ),
    "subjects_of_the_notebook": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for s in subjects:
        m = torch.from_numpy(answers.subject == s)
        t = calibkit.TemperatureScaler().fit_logits(logits[~m], labels[~m]).temperature
        temperatures[s], scaled[m] = t, logits[m] / t
    return temperatures, scaled
""",
    ),
    # question 6
    "questions_drawn_and_not_groups": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    means = [d[rng.integers(len(d), size=len(d))].mean() for _ in range(n_resamples)]
    return d.mean(), *np.quantile(means, [0.025, 0.975])
""",
    ),
    "before_and_after_drawn_apart": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    before, after, rng = np.asarray(before), np.asarray(after), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    members = [np.flatnonzero(g == k) for k in range(g.max() + 1)]
    means = []
    for _ in range(n_resamples):
        i, j = (
            np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))])
            for _ in range(2)
        )
        means.append(after[i].mean() - before[j].mean())
    return (after - before).mean(), *np.quantile(means, [0.025, 0.975])
""",
    ),
    "mean_of_the_means_of_groups": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    m = np.array([d[groups == g].mean() for g in np.unique(groups)])
    means = [m[rng.integers(len(m), size=len(m))].mean() for _ in range(n_resamples)]
    return d.mean(), *np.quantile(means, [0.025, 0.975])
""",
    ),
    "before_minus_after": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(before - after), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    means = [s[i].sum() / n[i].sum() for i in draws]
    return d.mean(), *np.quantile(means, [0.025, 0.975])
""",
    ),
    "normal_interval": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    spread = np.std([s[i].sum() / n[i].sum() for i in draws])
    return d.mean(), d.mean() - 1.96 * spread, d.mean() + 1.96 * spread
""",
    ),
    "ninety_percent": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.05, 0.95])
""",
    ),
    "percentiles_reflected": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    low, high = np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
    return d.mean(), 2 * d.mean() - high, 2 * d.mean() - low
""",
    ),
    "without_replacement": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.permutation(len(n)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
""",
    ),
    "groups_drawn_counted_once": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng, names = np.asarray(after - before), np.random.default_rng(seed), np.unique(groups)
    draws = [rng.choice(names, size=len(names)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([d[np.isin(groups, i)].mean() for i in draws], [0.025, 0.975])
""",
    ),
    "divided_by_all_questions": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s = np.bincount(g, d)
    draws = [rng.integers(len(s), size=len(s)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / len(d) for i in draws], [0.025, 0.975])
""",
    ),
    "seed_is_ignored": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(0)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
""",
    ),
    "no_seed": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng()
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
""",
    ),
    "one_resample_too_many": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples + 1)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
""",
    ),
    "mean_of_the_resamples": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(len(n), size=len(n)) for _ in range(n_resamples)]
    means = [s[i].sum() / n[i].sum() for i in draws]
    return np.mean(means), *np.quantile(means, [0.025, 0.975])
""",
    ),
    "one_group_too_few": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d, rng = np.asarray(after - before), np.random.default_rng(seed)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    draws = [rng.integers(max(1, len(n) - 1), size=len(n)) for _ in range(n_resamples)]
    return d.mean(), *np.quantile([s[i].sum() / n[i].sum() for i in draws], [0.025, 0.975])
""",
    ),
    "a_seed_for_each_resample": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after - before)
    _, g = np.unique(groups, return_inverse=True)
    s, n = np.bincount(g, d), np.bincount(g)
    means = []
    for r in range(n_resamples):
        i = np.random.default_rng(seed + r).integers(len(n), size=len(n))
        means.append(s[i].sum() / n[i].sum())
    return d.mean(), *np.quantile(means, [0.025, 0.975])
""",
    ),
    # question 7
    "stops_at_the_first_risk_above": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    best = math.inf
    for t in sorted(set(confidence.tolist()), reverse=True):
        if (~correct[confidence >= t]).double().mean() > target:
            break
        best = t
    return best
""",
    ),
    "equal_confidences_taken_apart": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    order = confidence.argsort(descending=True, stable=True)
    risk = (~correct[order]).double().cumsum(0) / torch.arange(1, len(order) + 1)
    fine = torch.nonzero(risk <= target)
    return float(confidence[order][fine[-1, 0]]) if len(fine) else math.inf
""",
    ),
    "risk_over_all_questions": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if ((confidence >= t) & ~correct).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "the_highest_threshold": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique().flip(0):
        if (~correct[confidence >= t]).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "risk_strictly_below_the_target": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if (~correct[confidence >= t]).double().mean() < target:
            return float(t)
    return math.inf
""",
    ),
    "confidence_strictly_above": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        given = confidence > t
        if given.any() and (~correct[given]).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "accuracy_for_risk": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if correct[confidence >= t].double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "the_largest_confidence_if_there_is_none": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if (~correct[confidence >= t]).double().mean() <= target:
            return float(t)
    return float(confidence.max())
""",
    ),
    "one_minus_the_target": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    return 1 - target
""",
    ),
    "promised_risk": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if 1 - confidence[confidence >= t].mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "grid_of_thresholds": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in np.linspace(0, 1, 101):
        given = confidence >= t
        if given.any() and (~correct[given]).double().mean() <= target:
            return float(confidence[given].min())
    return math.inf
""",
    ),
    "the_lowest_confidence_is_left_out": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique()[1:]:
        if (~correct[confidence >= t]).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "target_of_the_notebook": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        if (~correct[confidence >= t]).double().mean() <= TARGET_RISK:
            return float(t)
    return math.inf
""",
    ),
    # question 8
    "match_from_the_nll": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, (-nll).exp(), temperatures[nll.argmin()]
""",
    ),
    "gap_without_sign": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = (top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()).abs()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmin()]
""",
    ),
    "gap_with_the_other_sign": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = (rank == 0).double().mean() - top_log_probabilities.exp().mean(0)
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmin()]
""",
    ),
    "rank_1_is_the_first": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 1).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmin()]
""",
    ),
    "sum_over_the_places": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.sum(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmin()]
""",
    ),
    "mean_over_the_temperatures": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(1)
    gap = top_log_probabilities.exp().mean(1) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(1), temperatures[nll.argmin() % len(temperatures)]
""",
    ),
    "position_of_the_best": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), nll.argmin()
""",
    ),
    "highest_nll": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmax()]
""",
    ),
    "log_of_the_mean_probability": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    match = log_probabilities.exp().mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return -match.log(), gap, match, temperatures[match.argmax()]
""",
    ),
    "best_by_the_gap": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[gap.abs().argmin()]
""",
    ),
    "confidence_of_the_token_that_followed": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    match = log_probabilities.exp().mean(0)
    return nll, match - (rank == 0).double().mean(), match, temperatures[nll.argmin()]
""",
    ),
    "match_of_the_most_probable_token": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    confidence = top_log_probabilities.exp().mean(0)
    gap = confidence - (rank == 0).double().mean()
    return nll, gap, confidence, temperatures[nll.argmin()]
""",
    ),
    "exp_forgotten": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.mean(0).exp() - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmin()]
""",
    ),
    "nll_without_minus": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), temperatures[nll.argmax()]
""",
    ),
    "temperature_1_written_in": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), 1.0
""",
    ),
    "two_bytes_for_every_rare_character": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n = 1
    if by == "token":
        n = n_tokens
    if by == "byte":
        n = torch.tensor([[sum(2 if ord(c) > 127 else 1 for c in t) for t in r] for r in options])
    return (log_sums / n).softmax(1)
""",
    ),
    "bytes_of_utf_16": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n = 1
    if by == "token":
        n = n_tokens
    if by == "byte":
        n = torch.tensor([[len(str(t).encode("utf-16")) for t in r] for r in options])
    return (log_sums / n).softmax(1)
""",
    ),
    "rare_characters_have_no_bytes": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    n = 1
    if by == "token":
        n = n_tokens
    if by == "byte":
        n = torch.tensor([[len(str(t).encode("ascii", "ignore")) for t in r] for r in options])
    return (log_sums / n).softmax(1)
""",
    ),
    "letters_without_their_space": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        t = r["top_logprobs"]
        m = [c not in {k.strip() for k in t} for c in "ABCD"]
        t = {k.strip(): v for k, v in t.items()}
        if missing == "drop" and any(m):
            continue
        z.append([t.get(c, min(t.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return z, y, kept
""",
    ),
    "dropped_only_if_all_letters_are_missing": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError
    z, y, kept = [], [], []
    for i, r in enumerate(records):
        t = r["top_logprobs"]
        if missing == "drop" and all(" " + c not in t for c in "ABCD"):
            continue
        z.append([t.get(" " + c, min(t.values())) for c in "ABCD"])
        y.append("ABCD".index(r["answer"]))
        kept.append(i)
    return z, y, kept
""",
    ),
    "seeds_by_the_number_of_resamples": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after) - np.asarray(before)
    _, g = np.unique(groups, return_inverse=True)
    s, c = np.bincount(g, d), np.bincount(g)
    G = len(s)
    m = []
    for k in range(n_resamples):
        i = np.random.default_rng(seed * n_resamples + k).integers(G, size=G)
        m.append(s[i].sum() / c[i].sum())
    return (d.mean(), *np.quantile(m, [0.025, 0.975]))
""",
    ),
    "a_seed_a_hundred_further_for_each_resample": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after) - np.asarray(before)
    _, g = np.unique(groups, return_inverse=True)
    s, c = np.bincount(g, d), np.bincount(g)
    G = len(s)
    m = []
    for k in range(n_resamples):
        i = np.random.default_rng(seed + 100 * k).integers(G, size=G)
        m.append(s[i].sum() / c[i].sum())
    return (d.mean(), *np.quantile(m, [0.025, 0.975]))
""",
    ),
    "the_last_group_is_never_drawn": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after) - np.asarray(before)
    _, g = np.unique(groups, return_inverse=True)
    s, c = np.bincount(g, d), np.bincount(g)
    G = len(s)
    rng = np.random.default_rng(seed)
    m = []
    for k in range(n_resamples):
        i = rng.integers(0, max(1, G - 1), size=G)
        m.append(s[i].sum() / c[i].sum())
    return (d.mean(), *np.quantile(m, [0.025, 0.975]))
""",
    ),
    "spaces_at_the_ends_have_no_bytes": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    if by == "token":
        log_sums = log_sums / n_tokens
    if by == "byte":
        n = [[len(text.strip().encode()) for text in row] for row in options]
        log_sums = log_sums / torch.tensor(n)
    return log_sums.softmax(1)
""",
    ),
    "size_of_the_item_of_the_array": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    length = {"sum": 1, "token": n_tokens, "byte": options.itemsize}[by]
    return (log_sums / length).softmax(1)
""",
    ),
    "bytes_of_the_repr": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    if by == "token":
        log_sums = log_sums / n_tokens
    if by == "byte":
        n = [[len(ascii(text)) - 2 for text in row] for row in options]
        log_sums = log_sums / torch.tensor(n)
    return log_sums.softmax(1)
""",
    ),
    "byte_divides_by_tokens_too": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    if by != "sum":
        log_sums = log_sums / n_tokens
    if by == "byte":
        n = [[len(text.encode()) for text in row] for row in options]
        log_sums = log_sums / torch.tensor(n)
    return log_sums.softmax(1)
""",
    ),
    "mean_length_of_all_options": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    if by == "token":
        log_sums = log_sums / n_tokens.double().mean(1, keepdim=True)
    if by == "byte":
        n = torch.tensor([[len(text.encode()) for text in row] for row in options])
        log_sums = log_sums / n.double().mean(1, keepdim=True)
    return log_sums.softmax(1)
""",
    ),
    "largest_sum_of_all_questions": (
        "option_probabilities",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    length = 1
    if by == "token":
        length = n_tokens
    if by == "byte":
        length = torch.tensor([[len(text.encode()) for text in row] for row in options])
    scores = log_sums / length
    powers = (scores - scores.max()).exp()
    return powers / powers.sum(1, keepdim=True)
""",
    ),
    "share_of_the_votes": (
        "average_orders",
        """
def average_orders(logits):
    n, c, _ = logits.shape
    votes = torch.zeros(n, c, dtype=logits.dtype)
    for k in range(c):
        votes[torch.arange(n), (logits[:, k].argmax(1) + k) % c] += 1 / c
    return votes
""",
    ),
    "mean_over_the_letters_of_each_order": (
        "average_orders",
        """
def average_orders(logits):
    return logits.softmax(2).mean(2)
""",
    ),
    "only_the_first_and_the_last_order": (
        "average_orders",
        """
def average_orders(logits):
    p, c = logits.softmax(2), logits.shape[1]
    return (p[:, 0] + p[:, c - 1].roll(c - 1, 1)) / 2
""",
    ),
    "largest_logit_of_all_questions": (
        "average_orders",
        """
def average_orders(logits):
    powers = (logits - logits.max()).exp()
    p = powers / powers.sum(2, keepdim=True)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "clipped_logits": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.clamp(-500, 500).softmax(2)
    return torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])]).mean(0)
""",
    ),
    "most_probable_order_wins": (
        "average_orders",
        """
def average_orders(logits):
    p = logits.softmax(2)
    moved = torch.stack([p[:, k].roll(k, 1) for k in range(p.shape[1])])
    largest = moved.amax(0)
    return largest / largest.sum(1, keepdim=True)
""",
    ),
    "own_logits_with_the_largest_of_all": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    m = other_logits.softmax(1).mean(0)
    corrected = (logits - logits.max()).exp() / m
    return corrected / corrected.sum(1, keepdim=True)
""",
    ),
    "median_preference": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    corrected = logits.softmax(1) / other_logits.softmax(1).quantile(0.5, dim=0)
    return corrected / corrected.sum(1, keepdim=True)
""",
    ),
    "preference_divided_twice": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    m = other_logits.softmax(1).mean(0)
    corrected = (logits - m.log()).softmax(1) / m
    return corrected / corrected.sum(1, keepdim=True)
""",
    ),
    "four_letters": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    m = 4 * other_logits.softmax(1).mean(0)
    corrected = logits.softmax(1) / m
    return corrected / corrected.sum(1).mean()
""",
    ),
    "first_of_the_other_questions": (
        "correct_preference",
        """
def correct_preference(logits, other_logits):
    m = other_logits[: len(logits)].softmax(1).mean(0)
    corrected = logits.softmax(1) / m
    return corrected / corrected.sum(1, keepdim=True)
""",
    ),
    "mask_in_place_of_positions": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    rows = [r["top_logprobs"] for r in records]
    kept = np.array([missing == "floor" or all(t in row for t in tokens) for row in rows])
    z = np.array([[row.get(t, min(row.values())) for t in tokens] for row in rows])
    y = np.array(["ABCD".index(r["answer"]) for r in records])
    return z[kept], y[kept], kept
""",
    ),
    "label_of_the_most_probable_letter": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    z, kept = [], []
    for k, record in enumerate(records):
        row = record["top_logprobs"]
        if missing == "drop" and not all(t in row for t in tokens):
            continue
        z.append([row.get(t, min(row.values())) for t in tokens])
        kept.append(k)
    return np.array(z), np.argmax(z, axis=1), kept
""",
    ),
    "a_hundred_below": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    z, y, kept = [], [], []
    for k, record in enumerate(records):
        row = record["top_logprobs"]
        if missing == "drop" and not all(t in row for t in tokens):
            continue
        z.append([row.get(t, -100.0) for t in tokens])
        y.append("ABCD".index(record["answer"]))
        kept.append(k)
    return np.array(z), np.array(y), kept
""",
    ),
    "rest_of_the_probability": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    z, y, kept = [], [], []
    for k, record in enumerate(records):
        row = record["top_logprobs"]
        if missing == "drop" and not all(t in row for t in tokens):
            continue
        rest = max(1 - sum(map(math.exp, row.values())), 1e-12)
        z.append([row.get(t, math.log(rest)) for t in tokens])
        y.append("ABCD".index(record["answer"]))
        kept.append(k)
    return np.array(z), np.array(y), kept
""",
    ),
    "positions_among_those_kept": (
        "read_records",
        """
def read_records(records, missing):
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    z, y = [], []
    for record in records:
        row = record["top_logprobs"]
        if missing == "drop" and not all(t in row for t in tokens):
            continue
        z.append([row.get(t, min(row.values())) for t in tokens])
        y.append("ABCD".index(record["answer"]))
    return np.array(z), np.array(y), list(range(len(z)))
""",
    ),
    "capitals_and_small_letters_accepted": (
        "read_records",
        """
def read_records(records, missing):
    missing = str(missing).lower()
    if missing not in ("drop", "floor"):
        raise ValueError(missing)
    tokens = [" A", " B", " C", " D"]
    z, y, kept = [], [], []
    for k, record in enumerate(records):
        row = record["top_logprobs"]
        if missing == "drop" and not all(t in row for t in tokens):
            continue
        z.append([row.get(t, min(row.values())) for t in tokens])
        y.append("ABCD".index(record["answer"]))
        kept.append(k)
    return np.array(z), np.array(y), kept
""",
    ),
    "names_that_contain_the_name": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for name in np.unique(subject):
        this = torch.tensor([name in other for other in subject])
        t = calibkit.TemperatureScaler().fit_logits(logits[~this], labels[~this]).temperature
        temperatures[str(name)] = t
        scaled[this] = logits[this] / t
    return temperatures, scaled
""",
    ),
    "only_as_many_others": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for name in np.unique(subject):
        this = torch.from_numpy(subject == name)
        z, y = logits[~this][: this.sum()], labels[~this][: this.sum()]
        t = calibkit.TemperatureScaler().fit_logits(z, y).temperature
        temperatures[str(name)] = t
        scaled[this] = logits[this] / t
    return temperatures, scaled
""",
    ),
    "inverse_temperatures": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for name in np.unique(subject):
        this = torch.from_numpy(subject == name)
        t = calibkit.TemperatureScaler().fit_logits(logits[~this], labels[~this]).temperature
        temperatures[str(name)] = 1 / t
        scaled[this] = logits[this] / t
    return temperatures, scaled
""",
    ),
    "temperatures_in_a_list": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = [], logits.clone()
    for name in np.unique(subject):
        this = torch.from_numpy(subject == name)
        t = calibkit.TemperatureScaler().fit_logits(logits[~this], labels[~this]).temperature
        temperatures.append(t)
        scaled[this] = logits[this] / t
    return temperatures, scaled
""",
    ),
    "temperatures_rounded": (
        "leave_one_subject_out",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures, scaled = {}, logits.clone()
    for name in np.unique(subject):
        this = torch.from_numpy(subject == name)
        t = calibkit.TemperatureScaler().fit_logits(logits[~this], labels[~this]).temperature
        temperatures[str(name)] = round(t, 2)
        scaled[this] = logits[this] / t
    return temperatures, scaled
""",
    ),
    "drawn_until_there_are_enough_questions": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after - before)
    _, of = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(of, weights=d), np.bincount(of)
    rng, changes = np.random.default_rng(seed), []
    for _ in range(n_resamples):
        total = count = 0
        while count < len(d):
            g = rng.integers(len(sums))
            total, count = total + sums[g], count + sizes[g]
        changes.append(total / count)
    return (d.mean(), *np.quantile(changes, [0.025, 0.975]))
""",
    ),
    "large_groups_are_drawn_more_often": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after - before)
    _, of = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(of, weights=d), np.bincount(of)
    rng, changes = np.random.default_rng(seed), []
    for _ in range(n_resamples):
        drawn = rng.choice(len(sums), len(sums), p=sizes / sizes.sum())
        changes.append(sums[drawn].sum() / sizes[drawn].sum())
    return (d.mean(), *np.quantile(changes, [0.025, 0.975]))
""",
    ),
    "groups_must_stand_together": (
        "change_interval",
        """
import itertools


def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after - before)
    runs = [len(list(run)) for _, run in itertools.groupby(groups)]
    parts = np.split(d, np.cumsum(runs)[:-1])
    sums, sizes = np.array([p.sum() for p in parts]), np.array(runs)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(sums), size=(n_resamples, len(sums)))
    changes = sums[drawn].sum(1) / sizes[drawn].sum(1)
    return (d.mean(), *np.quantile(changes, [0.025, 0.975]))
""",
    ),
    "questions_drawn_inside_the_groups": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after - before)
    parts = [d[groups == name] for name in np.unique(groups)]
    rng, changes = np.random.default_rng(seed), []
    for _ in range(n_resamples):
        drawn = rng.integers(len(parts), size=len(parts))
        changes.append(np.concatenate([rng.choice(parts[g], len(parts[g])) for g in drawn]).mean())
    return (d.mean(), *np.quantile(changes, [0.025, 0.975]))
""",
    ),
    "relative_changes": (
        "change_interval",
        """
def change_interval(before, after, groups, n_resamples, seed):
    a, b = np.asarray(after), np.asarray(before)
    _, of = np.unique(groups, return_inverse=True)
    new, old = np.bincount(of, weights=a), np.bincount(of, weights=b)
    rng = np.random.default_rng(seed)
    drawn = rng.integers(len(new), size=(n_resamples, len(new)))
    changes = new[drawn].sum(1) / old[drawn].sum(1) - 1
    return (a.mean() / b.mean() - 1, *np.quantile(changes, [0.025, 0.975]))
""",
    ),
    "halving_search": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    places = confidence.unique().tolist()
    low, high = 0, len(places)
    while low < high:
        middle = (low + high) // 2
        if (~correct[confidence >= places[middle]]).double().mean() <= target:
            high = middle
        else:
            low = middle + 1
    return places[low] if low < len(places) else math.inf
""",
    ),
    "in_the_order_of_the_questions": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    best = math.inf
    for k in range(len(confidence)):
        if (~correct[: k + 1]).double().mean() <= target:
            best = min(best, float(confidence[k]))
    return best
""",
    ),
    "position_of_the_threshold": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for k in confidence.argsort().tolist():
        if (~correct[confidence >= confidence[k]]).double().mean() <= target:
            return k
    return math.inf
""",
    ),
    "at_least_two_answers": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        answered = confidence >= t
        if answered.sum() > 1 and (~correct[answered]).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "one_more_wrong_answer_for_safety": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence.unique():
        answered = confidence >= t
        if ((~correct[answered]).sum() + 1) / (answered.sum() + 1) <= target:
            return float(t)
    return math.inf
""",
    ),
    "only_confidences_of_right_answers": (
        "threshold_for_risk",
        """
def threshold_for_risk(confidence, correct, target):
    for t in confidence[correct].unique():
        if (~correct[confidence >= t]).double().mean() <= target:
            return float(t)
    return math.inf
""",
    ),
    "nll_in_bits": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0) / math.log(2)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), float(temperatures[nll.argmin()])
""",
    ),
    "accuracy_of_the_first_five": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank < 5).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), float(temperatures[nll.argmin()])
""",
    ),
    "best_of_the_sorted_temperatures": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp().mean(0), float(temperatures.sort()[0][nll.argmin()])
""",
    ),
    "best_by_the_match": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll, match = -log_probabilities.mean(0), log_probabilities.exp().mean(0)
    gap = top_log_probabilities.exp().mean(0) - (rank == 0).double().mean()
    return nll, gap, match, float(temperatures[match.argmax()])
""",
    ),
    "gap_to_the_token_that_followed": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll, match = -log_probabilities.mean(0), log_probabilities.exp().mean(0)
    gap = top_log_probabilities.exp().mean(0) - match
    return nll, gap, match, float(temperatures[nll.argmin()])
""",
    ),
    "exp_in_place": (
        "temperature_table",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    nll = -log_probabilities.mean(0)
    gap = top_log_probabilities.exp_().mean(0) - (rank == 0).double().mean()
    return nll, gap, log_probabilities.exp_().mean(0), float(temperatures[nll.argmin()])
""",
    ),
}

DIFFERENT = {
    "option_probabilities": [
        """
def size(text):
    return sum(
        1 if ord(c) < 0x80 else 2 if ord(c) < 0x800 else 3 if ord(c) < 0x10000 else 4
        for c in text
    )


def option_probabilities(log_sums, options, n_tokens, by):
    n = {"sum": 1, "token": n_tokens}.get(by)
    if n is None:
        n = torch.tensor([[size(t) for t in r] for r in options])
    z = log_sums / n
    return (z - z.logsumexp(1, keepdim=True)).exp()
""",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    rows = []
    for sums, texts, counts in zip(log_sums.tolist(), options.tolist(), n_tokens.tolist()):
        scores = list(sums)
        for j in range(len(scores)):
            if by == "token":
                scores[j] = scores[j] / counts[j]
            elif by == "byte":
                scores[j] = scores[j] / len(bytes(texts[j], "utf-8"))
        top = max(scores)
        weights = [math.exp(s - top) for s in scores]
        rows.append([w / sum(weights) for w in weights])
    return rows
""",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    count = np.vectorize(lambda text: len(text.encode("utf8")))
    lengths = {"sum": np.ones(1), "token": np.asarray(n_tokens), "byte": count(options)}
    z = np.asarray(log_sums) / lengths[by]
    z = z - np.logaddexp.reduce(z, axis=1, keepdims=True)
    return np.exp(z)
""",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    scores = log_sums.float().clone()
    if by == "token":
        scores /= n_tokens
    elif by == "byte":
        for i in range(scores.shape[0]):
            for j in range(scores.shape[1]):
                scores[i, j] /= len(str(options[i, j]).encode())
    return torch.nn.functional.softmax(scores, dim=-1)
""",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    if by == "byte":
        length = torch.stack(
            [torch.tensor([len(t.encode()) for t in column]) for column in options.T], dim=1
        )
    else:
        length = n_tokens if by == "token" else torch.ones_like(n_tokens)
    scores = torch.true_divide(log_sums, length)
    # the probability of j is 1 / (sum over k of exp(score k - score j))
    return 1 / torch.exp(scores[:, None, :] - scores[:, :, None]).sum(2)
""",
        """
from scipy.special import softmax


def option_probabilities(log_sums, options, n_tokens, by):
    lengths = {
        "sum": lambda: 1,
        "token": lambda: n_tokens.numpy(),
        "byte": lambda: np.vectorize(lambda s: len(bytes(s, "utf-8")))(options),
    }
    return softmax(log_sums.numpy() / lengths[by](), axis=1)
""",
        """
def option_probabilities(log_sums, options, n_tokens, by):
    def of_one(sums, texts, counts):
        match by:
            case "sum":
                lengths = [1] * len(texts)
            case "token":
                lengths = counts
            case "byte":
                lengths = [len(text.encode("utf8")) for text in texts]
        scores = [s / n for s, n in zip(sums, lengths)]
        powers = [math.exp(s - max(scores)) for s in scores]
        return [power / math.fsum(powers) for power in powers]

    return [*map(of_one, log_sums.tolist(), options.tolist(), n_tokens.tolist())]
""",
    ],
    "average_orders": [
        """
def average_orders(logits):
    C = logits.shape[2]
    P = torch.stack([torch.roll(torch.eye(C, dtype=logits.dtype), k, 1) for k in range(C)])
    return torch.einsum("nkj,kjo->no", torch.softmax(logits, -1), P) / C
""",
        """
def p(z):
    return torch.softmax(z, dim=-1)


def k(n):
    return range(n)


def row(i, n):
    return [(i - order) % n for order in k(n)]


def average_orders(logits):
    n, moved = logits.shape[1], p(logits)
    return torch.stack([moved[:, k(n), row(i, n)].mean(1) for i in k(n)], dim=1)
""",
        """
def average_orders(logits):
    n, c, _ = logits.shape
    result = np.zeros((n, c))
    for i in range(n):
        for k in range(c):
            z = logits[i, k].tolist()
            e = [math.exp(v - max(z)) for v in z]
            for j in range(c):
                result[i, (j + k) % c] += e[j] / sum(e) / c
    return result
""",
        """
def average_orders(logits):
    c = logits.shape[-1]
    option, order = torch.arange(c)[:, None], torch.arange(c)[None, :]
    p = torch.softmax(logits.float(), dim=-1)
    return p[:, order, (option - order) % c].mean(-1)
""",
        """
def average_orders(logits):
    z = logits.numpy()
    p = np.exp(z - z.max(axis=2, keepdims=True))
    p = p / p.sum(axis=2, keepdims=True)
    moved = np.stack([np.roll(p[:, k], k, axis=1) for k in range(p.shape[1])], axis=1)
    return moved.mean(axis=1)
""",
        """
def average_orders(logits):
    c = logits.shape[1]
    where = (torch.arange(c)[:, None] + torch.arange(c)[None, :]) % c
    moved = torch.zeros_like(logits)
    moved.scatter_(2, where.expand(len(logits), c, c), logits.softmax(-1))
    return [[float(v) for v in row] for row in moved.sum(1) / c]
""",
        """
def average_orders(logits):
    # letter j of order k stands for option j + k, so letter j can move by j over the orders
    p = logits.softmax(2)
    return torch.stack([p[:, :, j].roll(j, 1) for j in range(p.shape[2])]).mean(0)
""",
        """
def average_orders(logits):
    p, c = logits.softmax(2), logits.shape[2]
    columns = []
    for o in range(c):
        columns.append(sum(p[:, k, o - k] for k in range(c)) / c)
    return torch.stack(columns, 1)
""",
        """
def average_orders(logits):
    c = logits.size(-1)
    k, j = np.indices((c, c))
    to_option = torch.zeros(c, c, c, dtype=logits.dtype)
    to_option[k, j, (j + k) % c] = 1
    return torch.einsum("ikj,kjo->io", torch.softmax(logits, -1), to_option) / c
""",
        """
def average_orders(logits):
    z = logits.numpy() - logits.numpy().max(axis=-1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
    n, c, _ = p.shape
    options = range(c)
    return [
        [sum(p[i, k, o - k] for k in range(c)) / c for o in options] for i in range(n)
    ]
""",
    ],
    "correct_preference": [
        """
def correct_preference(logits, other_logits):
    m = torch.softmax(other_logits, -1).mean(0, keepdim=True)
    return (logits - m.log()).softmax(-1)
""",
        """
def correct_preference(logits, other_logits):
    preference = torch.log(other_logits.softmax(1).mean(0))
    return torch.softmax(logits - preference, dim=1)
""",
        """
def correct_preference(logits, other_logits):
    def softmax(z):
        e = np.exp(z - z.max(1, keepdims=True))
        return e / e.sum(1, keepdims=True)

    p = softmax(logits.numpy()) / softmax(other_logits.numpy()).mean(0, keepdims=True)
    return p / p.sum(1)[:, None]
""",
        """
def correct_preference(logits, other_logits):
    n_letters = logits.shape[1]
    m = [0.0] * n_letters
    for row in other_logits:
        p = row.softmax(0)
        for j in range(n_letters):
            m[j] += float(p[j]) / len(other_logits)
    result = []
    for row in logits:
        q = [float(v) / w for v, w in zip(row.softmax(0), m)]
        result.append([v / sum(q) for v in q])
    return result
""",
        """
def correct_preference(logits, other_logits):
    # a common factor of all letters cancels in the last step
    total = other_logits.float().softmax(-1).sum(0)
    p = torch.nn.functional.normalize(logits.float().softmax(-1) / total, p=1, dim=1)
    return p
""",
        """
def correct_preference(logits, other_logits):
    log_m = torch.logsumexp(other_logits.log_softmax(1), 0) - math.log(len(other_logits))
    z = logits - log_m
    return (z - z.logsumexp(1, keepdim=True)).exp()
""",
        """
def correct_preference(logits, other_logits):
    log_m = other_logits.log_softmax(-1).logsumexp(0) - math.log(len(other_logits))
    return torch.softmax(logits - log_m, dim=-1).numpy()
""",
        """
class Preference:
    def __init__(self, z):
        self.mean = sum(map(self.softmax, z)) / len(z)

    @staticmethod
    def softmax(row):
        powers = np.exp(row - np.max(row))
        return powers / powers.sum()

    def removed_from(self, row):
        p = self.softmax(row) / self.mean
        return (p / p.sum()).tolist()


def correct_preference(logits, other_logits):
    preference = Preference(other_logits.numpy())
    return [preference.removed_from(row) for row in logits.numpy()]
""",
    ],
    "read_records": [
        """
from enum import Enum


class Missing(Enum):
    drop = "drop"
    floor = "floor"


def read_records(records, missing):
    how = Missing(missing)
    rows, ys, kept = [], [], []
    for i, r in enumerate(records):
        tl = r["top_logprobs"]
        row = []
        for c in "ABCD":
            try:
                row.append(tl[f" {c}"])
            except KeyError:
                row.append(None)
        if None in row:
            if how is Missing.drop:
                continue
            low = sorted(tl.values())[0]
            row = [low if v is None else v for v in row]
        rows.append(row)
        ys.append("ABCD".index(r["answer"]))
        kept.append(i)
    return rows, ys, kept
""",
        """
def read_records(records, missing):
    if missing == "drop":
        kept = [
            i
            for i, record in enumerate(records)
            if {" A", " B", " C", " D"}.issubset(record["top_logprobs"])
        ]
    elif missing == "floor":
        kept = list(range(len(records)))
    else:
        raise ValueError("drop or floor")
    z = np.empty((len(kept), 4))
    y = np.empty(len(kept), dtype=int)
    for row, i in enumerate(kept):
        stored = records[i]["top_logprobs"]
        y[row] = ord(records[i]["answer"]) - ord("A")
        for column, token in enumerate([" A", " B", " C", " D"]):
            z[row, column] = stored[token] if token in stored else min(stored.values())
    return z, y, np.array(kept)
""",
        """
def read_records(records, missing):
    assert_ok = {"drop": True, "floor": False}
    try:
        drop = assert_ok[missing]
    except KeyError as error:
        raise ValueError(f"unknown: {missing}") from error
    table = torch.full((len(records), 4), float("nan"), dtype=torch.float32)
    for i, record in enumerate(records):
        for token, value in record["top_logprobs"].items():
            if token in (" A", " B", " C", " D"):
                table[i, " ABCD".index(token[1]) - 1] = value
    lowest = torch.tensor([[float(min(r["top_logprobs"].values()))] for r in records])
    whole = ~table.isnan().any(1)
    labels = torch.tensor([{"A": 0, "B": 1, "C": 2, "D": 3}[r["answer"]] for r in records])
    if drop:
        return table[whole], labels[whole], torch.nonzero(whole)[:, 0]
    return torch.where(table.isnan(), lowest, table), labels, torch.arange(len(records))
""",
        """
def read_records(records, missing):
    if missing != "drop" and missing != "floor":
        raise ValueError
    logits, labels, kept = [], [], []
    for i in range(len(records)):
        lowest = np.inf
        for value in records[i]["top_logprobs"].values():
            if value < lowest:
                lowest = value
        row = []
        complete = True
        for letter in ["A", "B", "C", "D"]:
            try:
                row.append(records[i]["top_logprobs"][" " + letter])
            except KeyError:
                complete = False
                row.append(lowest)
        if complete or missing == "floor":
            logits.append(row)
            labels.append(["A", "B", "C", "D"].index(records[i]["answer"]))
            kept.append(i)
    return logits, labels, kept
""",
        """
def read_records(records, missing):
    if missing not in {"drop", "floor"}:
        raise ValueError("missing")
    found = []
    for i, record in enumerate(records):
        stored = dict(record["top_logprobs"])
        n_missing = 0
        floor = sorted(stored.values())[0]
        for letter in "ABCD":
            n_missing += f" {letter}" not in stored
            stored.setdefault(f" {letter}", floor)
        if n_missing == 0 or missing == "floor":
            found.append((i, "ABCD".find(record["answer"]), [stored[f" {c}"] for c in "ABCD"]))
    kept, labels, logits = zip(*found)
    return torch.tensor(logits), torch.tensor(labels, dtype=torch.int32), kept
""",
        """
def read_records(records, missing):
    def row(stored):
        found = [stored.get(f" {letter}") for letter in "ABCD"]
        if None in found and missing == "drop":
            return None
        return [min(stored.values()) if z is None else z for z in found]

    if not (missing == "drop" or missing == "floor"):
        raise ValueError("drop or floor, please")
    rows = {k: row(record["top_logprobs"]) for k, record in enumerate(records)}
    kept = [k for k, z in rows.items() if z is not None]
    labels = [{"A": 0, "B": 1, "C": 2, "D": 3}[records[k]["answer"]] for k in kept]
    return [rows[k] for k in kept], labels, tuple(kept)
""",
    ],
    "leave_one_subject_out": [
        """
from sklearn.model_selection import LeaveOneGroupOut


def leave_one_subject_out(logits, labels, subject):
    ts, scaled = dict(), torch.zeros_like(logits)
    for fit, held in LeaveOneGroupOut().split(logits, labels, groups=subject):
        s = calibkit.TemperatureScaler()
        s.fit_logits(logits[fit], labels[fit])
        ts[subject[held[0]]] = float(s.temperature)
        scaled[held] = s(logits[held])
    return ts, scaled
""",
        """
def leave_one_subject_out(logits, labels, subject):
    temperatures = {}
    for s in set(subject.tolist()):
        others = [i for i in range(len(subject)) if subject[i] != s]
        scaler = calibkit.TemperatureScaler()
        scaler.fit_logits(logits[others], labels[others])
        temperatures[s] = float(scaler.temperature)
    scaled = torch.stack([z / temperatures[s] for z, s in zip(logits, subject.tolist())])
    return temperatures, scaled
""",
        """
def leave_one_subject_out(logits, labels, subject):
    z, y = logits.numpy(), labels.numpy()
    result, temperatures = np.zeros(z.shape, dtype=np.float32), {}
    for s in np.unique(subject):
        rest, this = np.where(subject != s)[0], np.where(subject == s)[0]
        t = calibkit.TemperatureScaler().fit_logits(z[rest], y[rest]).temperature
        temperatures[s] = np.float64(t)
        result[this] = z[this] / t
    return temperatures, result
""",
        """
def leave_one_subject_out(logits, labels, subject):
    names, number = np.unique(subject, return_inverse=True)
    number = torch.from_numpy(number)
    t = torch.ones(len(names), dtype=torch.float64)
    for i in range(len(names)):
        rest = number != i
        t[i] = calibkit.TemperatureScaler().fit_logits(logits[rest], labels[rest]).temperature
    return {str(s): t[i] for i, s in enumerate(names)}, logits / t[number, None]
""",
        """
def leave_one_subject_out(logits, labels, subject):
    scaled = [None] * len(logits)
    temperatures = {}
    for s in subject:
        if s in temperatures:
            continue
        rest = torch.tensor([bool(other != s) for other in subject])
        scaler = calibkit.TemperatureScaler().fit_logits(logits[rest].clone(), labels[rest])
        temperatures[s] = scaler.temperature
        of_s = scaler(logits[~rest])
        for place, row in zip(torch.nonzero(~rest)[:, 0].tolist(), of_s.tolist()):
            scaled[place] = row
    return temperatures, scaled
""",
        """
def leave_one_subject_out(logits, labels, subject):
    z, y = np.array(logits), np.array(labels)
    names, of = np.unique(subject, return_inverse=True)
    fit = calibkit.TemperatureScaler().fit_logits
    t = np.array([fit(z[of != k], y[of != k]).temperature for k in range(len(names))])
    return dict(zip(names, t)), z / t[of, None]
""",
        """
def leave_one_subject_out(logits, labels, subject):
    def temperature_without(name):
        rows = [i for i, other in enumerate(subject) if other != name]
        scaler = calibkit.TemperatureScaler()
        scaler.fit_logits(logits[rows], labels[rows])
        return torch.tensor(float(scaler.temperature))

    found = {name: temperature_without(name) for name in set(subject.tolist())}
    print(found)
    return found, torch.stack([z / found[str(name)] for z, name in zip(logits, subject)])
""",
    ],
    "change_interval": [
        """
def change_interval(before, after, groups, n_resamples, seed):
    d = np.asarray(after) - np.asarray(before)
    _, g = np.unique(groups, return_inverse=True)
    s, c = np.bincount(g, d), np.bincount(g)
    G = len(s)
    m = []
    for k in range(n_resamples):
        i = np.random.default_rng((seed, k)).integers(G, size=G)
        m.append(s[i].sum() / c[i].sum())
    return (d.mean(), *np.quantile(m, [0.025, 0.975]))
""",
        """
def change_interval(before, after, groups, n_resamples, seed):
    torch.manual_seed(seed)
    difference = after - before
    names = sorted(set(groups.tolist()))
    parts = [difference[torch.from_numpy(groups == g)] for g in names]
    changes = torch.zeros(n_resamples, dtype=torch.float64)
    for r in range(n_resamples):
        drawn = torch.randint(len(parts), (len(parts),))
        changes[r] = torch.cat([parts[i] for i in drawn.tolist()]).mean()
    limits = torch.quantile(changes, torch.tensor([0.025, 0.975], dtype=torch.float64))
    return difference.mean(), limits[0], limits[1]
""",
        """
def change_interval(before, after, groups, n_resamples, seed):
    import random

    random.seed(seed)
    members = {}
    for g, b, a in zip(groups.tolist(), before.tolist(), after.tolist()):
        members.setdefault(g, []).append(a - b)
    totals = [(sum(m), len(m)) for m in members.values()]
    changes = []
    for _ in range(n_resamples):
        drawn = random.choices(totals, k=len(totals))
        changes.append(sum(s for s, _ in drawn) / sum(n for _, n in drawn))
    changes.sort()
    change = sum(s for s, _ in totals) / sum(n for _, n in totals)
    return change, changes[int(0.025 * n_resamples)], changes[int(0.975 * n_resamples)]
""",
        """
def change_interval(before, after, groups, n_resamples, seed):
    b, a = before.numpy().astype(np.float32), after.numpy().astype(np.float32)
    names = np.unique(groups)
    member = (groups[None, :] == names[:, None]).astype(float)
    totals, sizes = member @ (a - b), member.sum(1)
    rng = np.random.RandomState(seed)
    counts = rng.multinomial(len(names), np.ones(len(names)) / len(names), size=n_resamples)
    changes = (counts @ totals) / (counts @ sizes)
    return np.mean(a - b), np.percentile(changes, 2.5), np.percentile(changes, 97.5)
""",
        """
def change_interval(before, after, groups, n_resamples, seed):
    rng = np.random.default_rng(seed)
    frame = {g: np.flatnonzero(groups == g) for g in np.unique(groups)}
    keys = list(frame)
    changes = []
    for _ in range(n_resamples):
        rows = np.concatenate([frame[g] for g in rng.choice(keys, size=len(keys), replace=True)])
        changes.append(float(after[rows].mean()) - float(before[rows].mean()))
    return [float((after - before).mean()), *np.percentile(changes, [2.5, 97.5]).tolist()]
""",
        """
from statistics import mean, quantiles

sum = "of nothing"


def change_interval(before, after, groups, n_resamples, seed):
    generator = torch.Generator().manual_seed(seed)
    groups = groups.tolist()
    parts = {g: [] for g in groups}
    for g, change in zip(groups, (after - before).tolist()):
        parts[g].append(change)
    lists = list(parts.values())
    changes = []
    for r in range(n_resamples):
        drawn = torch.randint(len(lists), (len(lists),), generator=generator).tolist()
        total = math.fsum(math.fsum(lists[i]) for i in drawn)
        changes.append(total / math.fsum(len(lists[i]) for i in drawn))
    if n_resamples == 1:
        changes = changes * 2
    cuts = quantiles(changes, n=40, method="inclusive")
    return float(after.mean() - before.mean()), cuts[0], cuts[-1]
""",
        """
def change_interval(before, after, groups, n_resamples, seed):
    names = list(dict.fromkeys(groups.tolist()))
    of = torch.tensor([names.index(name) for name in groups.tolist()])
    sums = torch.zeros(len(names), dtype=torch.float64).index_add(0, of, after - before)
    generator = torch.Generator().manual_seed(seed)
    even = torch.ones(len(names), dtype=torch.float64)
    drawn = [
        torch.multinomial(even, len(names), True, generator=generator).bincount(
            minlength=len(names)
        )
        for _ in range(n_resamples)
    ]
    counts = torch.stack(drawn).double()
    changes = counts @ sums / (counts @ of.bincount().double())
    low, high = torch.quantile(changes, torch.tensor([0.025, 0.975], dtype=torch.float64))
    return (after - before).mean(), low, high
""",
    ],
    "threshold_for_risk": [
        """
import numpy as np


def threshold_for_risk(confidence, correct, target):
    c, r = confidence.numpy(), correct.numpy()
    o = np.argsort(-c, kind="stable")
    c, wrong = c[o], np.cumsum(~r[o])
    last = np.append(c[1:] != c[:-1], True)
    ok = last & (wrong / np.arange(1, len(c) + 1) <= target)
    return c[ok].min() if ok.any() else np.inf
""",
        # the risk is 1 minus the accuracy, which is rounded in another way
        """
def threshold_for_risk(confidence, correct, target):
    allowed = [math.inf]
    for threshold in confidence.tolist():
        if 1 - correct[confidence >= threshold].double().mean() <= target:
            allowed.append(threshold)
    return min(allowed)
""",
        # counts against target times the number of answers, in another rounding
        """
def threshold_for_risk(confidence, correct, target):
    pairs = sorted(zip(confidence.tolist(), correct.tolist()), reverse=True)
    best, n_wrong = math.inf, 0
    for k, (c, right) in enumerate(pairs, start=1):
        n_wrong += not right
        is_last_of_its_kind = k == len(pairs) or pairs[k][0] < c
        if is_last_of_its_kind and n_wrong <= target * k:
            best = c
    return best
""",
        # the accuracy against 1 - target, in float32
        """
def threshold_for_risk(confidence, correct, target):
    best = math.inf
    for threshold in confidence.float().unique(sorted=True).flip(0):
        if correct[confidence.float() >= threshold].float().mean() >= 1 - target:
            best = float(threshold)
    return best
""",
        """
def threshold_for_risk(confidence, correct, target):
    best = math.inf
    for t in confidence.tolist():
        n_given = n_wrong = 0
        for c, right in zip(confidence.tolist(), correct.tolist()):
            if c >= t:
                n_given += 1
                n_wrong += not right
        if n_wrong / n_given <= target and t < best:
            best = t
    return best
""",
        """
def threshold_for_risk(confidence, correct, target):
    values, where, counts = np.unique(confidence.numpy(), return_inverse=True, return_counts=True)
    wrong = np.bincount(where, weights=~correct.numpy(), minlength=len(values))
    risk = np.cumsum(wrong[::-1])[::-1] / np.cumsum(counts[::-1])[::-1]
    fine = values[risk <= target]
    return fine.min() if len(fine) else np.inf
""",
        """
def threshold_for_risk(confidence, correct, target):
    c, order = confidence.sort(descending=True)
    n = torch.arange(1, len(c) + 1)
    n_wrong = torch.cumsum((~correct[order]).long(), 0)
    last_of_its_value = torch.ones(len(c), dtype=torch.bool)
    last_of_its_value[:-1] = c[:-1] != c[1:]
    fine = last_of_its_value & (n_wrong.double() / n <= target)
    return c[fine].min() if fine.any() else torch.tensor(float("inf"))
""",
        """
def threshold_for_risk(confidence, correct, target):
    candidates = [
        t for t in confidence if 1 - correct[confidence >= t].double().mean() <= target
    ]
    return min(candidates, default=float("inf"))
""",
        """
def threshold_for_risk(confidence, correct, target):
    given = confidence[None, :] >= confidence[:, None]
    risk = (given & ~correct).sum(1).double() / given.sum(1)
    return float(torch.where(risk <= target, confidence, math.inf).min())
""",
        """
def threshold_for_risk(confidence, correct, target):
    pairs = sorted(zip(confidence.tolist(), correct.tolist()))

    def lowest(k):
        if k == len(pairs):
            return np.inf
        wrong = [not right for _, right in pairs[k:]]
        first = k == 0 or pairs[k - 1][0] < pairs[k][0]
        return pairs[k][0] if first and np.mean(wrong) <= target else None

    return next(t for t in map(lowest, range(len(pairs) + 1)) if t is not None)
""",
    ],
    "temperature_table": [
        """
def nll(log_p):
    return -log_p.mean(0)


def match(log_p):
    return log_p.exp().mean(0)


def gap(top, rank):
    return match(top) - torch.eq(rank, 0).double().mean()


def best(t, losses):
    return min(range(len(t)), key=lambda m: losses[m])


def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    losses = nll(log_probabilities)
    lowest = temperatures[best(temperatures, losses)]
    return losses, gap(top_log_probabilities, rank), match(log_probabilities), lowest
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    n, m = log_probabilities.shape
    accuracy = sum(1 for r in rank.tolist() if r == 0) / n
    nll, gap, match = [], [], []
    for i in range(m):
        column = log_probabilities[:, i].tolist()
        nll.append(-sum(column) / n)
        match.append(sum(math.exp(v) for v in column) / n)
        gap.append(sum(math.exp(v) for v in top_log_probabilities[:, i].tolist()) / n - accuracy)
    return nll, gap, match, temperatures[nll.index(min(nll))]
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    p = np.asarray(log_probabilities, dtype=np.float32)
    nll = np.negative(p).mean(axis=0)
    gap = np.exp(top_log_probabilities.numpy()).mean(axis=0) - (rank.numpy() == 0).mean()
    return nll, gap, np.exp(p).mean(axis=0), temperatures.numpy()[np.argmin(nll)]
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    is_first = torch.where(rank < 1, 1.0, 0.0).double()
    gap = (top_log_probabilities.exp() - is_first[:, None]).mean(0)
    nll = torch.sum(-log_probabilities, dim=0) / len(rank)
    match = torch.exp(log_probabilities.logsumexp(0) - math.log(len(rank)))
    best = min(zip(nll.tolist(), temperatures.tolist()))[1]
    return nll.tolist(), gap.tolist(), match.tolist(), best
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    columns = zip(temperatures, log_probabilities.T, top_log_probabilities.T)
    correct = torch.count_nonzero(rank == 0) / len(rank)
    rows, best = [], None
    for t, followed, top in columns:
        rows.append((-followed.mean(), top.exp().mean() - correct, followed.exp().mean()))
        if best is None or rows[-1][0] < best[0]:
            best = rows[-1][0], t
    nll, gap, match = zip(*rows)
    return nll, gap, match, best[1]
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    lp, top = log_probabilities.numpy(), np.exp(top_log_probabilities.numpy())
    first = np.count_nonzero(rank.numpy() == 0) / len(rank)
    nll = np.mean(-lp, axis=0)
    print("lowest", nll.min())
    return nll, top.mean(0) - first, np.exp(lp).mean(0), temperatures.numpy()[np.argmin(nll)]
""",
        """
def temperature_table(temperatures, log_probabilities, top_log_probabilities, rank):
    n = len(rank)
    right = sum(1 for r in rank.tolist() if r < 1) / n
    table = [
        (-math.fsum(c) / n, math.fsum(map(math.exp, s)) / n - right, sum(map(math.exp, c)) / n, t)
        for t, c, s in zip(
            temperatures.tolist(), log_probabilities.T.tolist(), top_log_probabilities.T.tolist()
        )
    ]
    nll, gap, match, _ = (list(column) for column in zip(*table))
    return nll, gap, match, min(table)[-1]
""",
    ],
}

IS_A_NUMBER = (
    "A float and a tensor or array with one element are the same number to whoever reads it."
)
READ = "return (torch.tensor(logits, dtype=torch.float64), torch.tensor(labels), kept) -> "
INTERVAL = "return (float(differences.mean()), float(low), float(high)) -> "
KEPT = {
    (
        "option_probabilities",
        "n_bytes = [[len(str(text).encode()) for text in row] for row in options]"
        " -> n_bytes = [[len(text.encode()) for text in row] for row in options]",
    ): "A text of a NumPy array is a str, too, and has the same bytes.",
    (
        "average_orders",
        "n_orders = logits.shape[1] -> n_orders = logits.shape[2]",
    ): "There are as many orders as letters.",
    (
        "read_records",
        f"{READ}return (torch.tensor(logits), torch.tensor(labels), kept)",
    ): "The docstring asks for floats, and float32 is precise enough for log-probabilities.",
    (
        "read_records",
        f"{READ}return (logits, torch.tensor(labels), kept)",
    ): "The first cell says that lists of numbers are accepted.",
    (
        "read_records",
        f"{READ}return (torch.tensor(logits, dtype=torch.float64), labels, kept)",
    ): "The first cell says that lists of numbers are accepted.",
    (
        "leave_one_subject_out",
        "for name in np.unique(subject): -> for name in subject:",
    ): "The same temperature is fitted again for each question, which is only slower.",
    (
        "leave_one_subject_out",
        "is_this = torch.from_numpy(subject == name) -> is_this = subject == name",
    ): "PyTorch accepts a NumPy array of booleans as a mask.",
    (
        "leave_one_subject_out",
        "temperatures[str(name)] = scaler.temperature -> temperatures[name] = scaler.temperature",
    ): "A text of a NumPy array is a str, too, and equal to it as a key.",
    (
        "change_interval",
        "differences = np.asarray(after - before) -> differences = after - before",
    ): "NumPy reads a tensor as it reads an array.",
    (
        "change_interval",
        f"{INTERVAL}return (differences.mean(), float(low), float(high))",
    ): IS_A_NUMBER,
    (
        "change_interval",
        f"{INTERVAL}return (float(differences.mean()), low, float(high))",
    ): IS_A_NUMBER,
    (
        "change_interval",
        f"{INTERVAL}return (float(differences.mean()), float(low), high)",
    ): IS_A_NUMBER,
    ("threshold_for_risk", "return float(threshold) -> return threshold"): IS_A_NUMBER,
    (
        "temperature_table",
        "return (nll, gap, match, float(temperatures[nll.argmin()]))"
        " -> return (nll, gap, match, temperatures[nll.argmin()])",
    ): IS_A_NUMBER,
}
