"""Answers to ps3: wrong in a typical way, and right in another way."""

# name: (question, the cell's source)
WRONG = {
    "no_stratification": (
        "split",
        """def split(labels, n_train, n_calib, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.split(order, [n_train, n_train + n_calib])
""",
    ),
    "calibration_images_are_test_images": (
        "split",
        """def split(labels, n_train, n_calib, seed):
    everything = np.arange(len(labels))
    train, test = train_test_split(
        everything, train_size=n_train, stratify=labels, random_state=seed
    )
    calib, _ = train_test_split(
        test, train_size=n_calib, stratify=labels[test], random_state=seed
    )
    return train, calib, test
""",
    ),
    "statistics_of_all_images": (
        "standardise",
        """def standardise(train, calib, test):
    everything = np.concatenate([train, calib, test])
    mean, std = everything.mean(0), everything.std(0)
    std[std == 0] = 1
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "constant_pixels_divided_by_zero": (
        "standardise",
        """def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    return (train - mean) / std, (calib - mean) / std, (test - mean) / std
""",
    ),
    "softmax_before_the_loss": (
        "train",
        """def train(network, images, labels, optimizer, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    network.train()
    losses = []
    for epoch in range(n_epochs):
        seen = []
        for batch in torch.randperm(len(images), generator=generator).split(batch_size):
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]).softmax(1), labels[batch])
            loss.backward()
            optimizer.step()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "gradients_add_up": (
        "train",
        """def train(network, images, labels, optimizer, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    network.train()
    losses = []
    for epoch in range(n_epochs):
        seen = []
        for batch in torch.randperm(len(images), generator=generator).split(batch_size):
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "logits_in_training_mode": (
        "collect",
        """def collect(network, images, batch_size):
    with torch.no_grad():
        return torch.cat([network(batch) for batch in images.split(batch_size)])
""",
    ),
    "probabilities_in_place_of_logits": (
        "collect",
        """def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        p = torch.cat([network(batch).softmax(1) for batch in images.split(batch_size)])
    network.train(before)
    return p
""",
    ),
    "fitted_on_training_images": (
        "calibrate",
        """def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["train"], labels["train"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "fitted_on_test_images": (
        "calibrate",
        """def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["test"], labels["test"])
    report = calibkit.evaluate(logits["calib"], labels["calib"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "drawn_without_pairs": (
        "nll_change",
        """def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before.double(), labels, reduction="none").numpy()
    new = cross_entropy(after.double(), labels, reduction="none").numpy()
    rng = np.random.default_rng(seed)
    means = [
        rng.choice(new, len(new)).mean() - rng.choice(old, len(old)).mean()
        for _ in range(n_resamples)
    ]
    low, high = np.quantile(means, [0.025, 0.975])
    return new.mean() - old.mean(), low, high
""",
    ),
    "quantiles_of_the_images": (
        "nll_change",
        """def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before.double(), labels, reduction="none")
    new = cross_entropy(after.double(), labels, reduction="none")
    low, high = np.quantile((new - old).numpy(), [0.025, 0.975])
    return (new - old).mean().item(), low, high
""",
    ),
    "values_without_their_intervals": (
        "decide",
        """def decide(report):
    change = report.change
    if change.nll.value < 0 and change.ece.value < 0:
        word = "helped"
    elif change.nll.value > 0 or change.ece.value > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "p_value_the_wrong_way_round": (
        "decide",
        """def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value < 0.05
""",
    ),
}

# question: a right answer written differently
DIFFERENT = {
    "split": """def split(labels, n_train, n_calib, seed):
    rest, train = (
        part.indices
        for part in calibkit.split_calibration(
            labels, len(labels) - n_train, seed=seed, stratify=labels
        )
    )
    calib, test = calibkit.split_calibration(rest, n_calib, seed=seed, stratify=labels[rest])
    return train, list(calib), list(test)
""",
    "standardise": """def standardise(train, calib, test):
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler().fit(train)
    return [scaler.transform(part) for part in (train, calib, test)]
""",
    "train": """def train(network, images, labels, optimizer, n_epochs, batch_size, seed):
    from torch.utils.data import DataLoader, TensorDataset

    g = torch.Generator()
    g.manual_seed(seed)
    loader = DataLoader(TensorDataset(images, labels), batch_size, shuffle=True, generator=g)
    sum_of_losses, history = torch.nn.CrossEntropyLoss(reduction="sum"), []
    for _ in range(n_epochs):
        network.train()
        seen = 0.0
        for some_images, some_labels in loader:
            optimizer.zero_grad()
            summed = sum_of_losses(network(some_images), some_labels)
            (summed / len(some_labels)).backward()
            optimizer.step()
            seen += float(summed)
        history.append(seen / len(labels))
    return history
""",
    "collect": """def collect(network, images, batch_size):
    mode = network.training
    network.train(False)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            parts.append(network(images[start : start + batch_size]))
    if mode:
        network.train()
    return torch.vstack(parts)
""",
    "calibrate": """def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler()
    identity = torch.nn.Identity()
    scaler.fit(identity, [(logits["calib"], labels["calib"])], progress=False)
    return scaler, calibkit.evaluate(
        identity, [(logits["test"], labels["test"])], scaler=scaler, progress=False
    )
""",
    "nll_change": """def nll_change(before, after, labels, n_resamples, seed):
    import random

    def losses(logits):
        logits = logits.double().numpy()
        logits = logits - logits.max(1, keepdims=True)
        picked = logits[np.arange(len(logits)), labels.numpy()]
        return np.log(np.exp(logits).sum(1)) - picked

    d = (losses(after) - losses(before)).tolist()
    rng = random.Random(seed)
    means = sorted(sum(rng.choices(d, k=len(d))) / len(d) for _ in range(n_resamples))
    low, high = means[int(0.025 * n_resamples)], means[int(0.975 * n_resamples)]
    return sum(d) / len(d), low, high
""",
    "decide": """def decide(report):
    numbers = report.to_dict()
    ends = [(c["low"], c["high"]) for c in (numbers["change"]["nll"], numbers["change"]["ece"])]
    word = "unclear"
    if max(high for _, high in ends) < 0:
        word = "helped"
    if max(low for low, _ in ends) > 0:
        word = "harmed"
    return [word, not numbers["after"]["p_value"] <= 0.05]
""",
}
