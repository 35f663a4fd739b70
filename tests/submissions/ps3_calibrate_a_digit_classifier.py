"""Answers to ps3: wrong in a typical way, and right in several other ways."""

WRONG = {  # name: (question, the cell's source); costs exactly the points of that question
    # question 1
    "no_stratification": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    order = np.random.default_rng(seed).permutation(len(labels))
    return np.split(order, [n_train, n_train + n_calib])
""",
    ),
    "calibration_images_are_test_images": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
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
    "rows_of_the_rest": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(
        np.arange(len(rest)), train_size=n_calib, stratify=labels[rest], **options
    )
    return train, calib, test
""",
    ),
    "seed_0_whatever_is_asked": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": 0}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=labels[rest], **options)
    return train, calib, test
""",
    ),
    "no_seed": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=labels[rest])
    return train, calib, test
""",
    ),
    "second_cut_without_stratification": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, random_state=seed)
    calib, test = train_test_split(rest, train_size=n_calib, random_state=seed)
    return train, calib, test
""",
    ),
    "not_shuffled": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    n, order = len(labels), np.argsort(labels, kind="stable")
    by_turns = np.concatenate([order[k::7] for k in range(7)])
    return np.split(np.roll(by_turns, seed), [n_train, n_train + n_calib])
""",
    ),
    "as_many_of_each_class": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rng, k = np.random.default_rng(seed), labels.max() + 1
    by_class = [rng.permutation(np.flatnonzero(labels == c)) for c in range(k)]
    ordered = [c[i] for i in range(len(labels)) for c in by_class if i < len(c)]
    return np.split(np.array(ordered), [n_train, n_train + n_calib])
""",
    ),
    "calibration_and_training_swapped": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_calib, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_train, stratify=labels[rest], **options)
    return train, calib, test
""",
    ),
    "drawn_with_replacement": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rng, n = np.random.default_rng(seed), len(labels)
    return rng.choice(n, n_train), rng.choice(n, n_calib), rng.choice(n, n - n_train - n_calib)
""",
    ),
    "masks_in_place_of_row_numbers": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=labels[rest], **options)
    return [np.isin(rows, part) for part in (train, calib, test)]
""",
    ),
    "labels_in_place_of_row_numbers": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    train, rest = train_test_split(labels, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=rest, **options)
    return train, calib, test
""",
    ),
    "test_part_as_large_as_the_calibration_part": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(
        rest, train_size=n_calib, test_size=n_calib, stratify=labels[rest], **options
    )
    return train, calib, test
""",
    ),
    "changes_the_labels_it_got": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    options = {"random_state": seed}
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, **options)
    calib, test = train_test_split(rest, train_size=n_calib, stratify=labels[rest], **options)
    labels -= 1
    return train, calib, test
""",
    ),
    # question 2
    "statistics_of_all_images": (
        "standardise",
        """
def standardise(train, calib, test):
    everything = np.concatenate([train, calib, test])
    mean, std = everything.mean(0), everything.std(0)
    std[std == 0] = 1
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "constant_pixels_divided_by_zero": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    return (train - mean) / std, (calib - mean) / std, (test - mean) / std
""",
    ),
    "each_part_by_itself": (
        "standardise",
        """
def standardise(train, calib, test):
    def own(part):
        std = part.std(0)
        return (part - part.mean(0)) / np.where(std > 0, std, 1)

    return own(train), own(calib), own(test)
""",
    ),
    "one_mean_for_all_pixels": (
        "standardise",
        """
def standardise(train, calib, test):
    return [(part - train.mean()) / train.std() for part in (train, calib, test)]
""",
    ),
    "mean_of_an_image": (
        "standardise",
        """
def standardise(train, calib, test):
    return [
        (part - part.mean(1, keepdims=True)) / part.std(1, keepdims=True)
        for part in (train, calib, test)
    ]
""",
    ),
    "divided_by_n_minus_one": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0, ddof=1)
    std = np.where(std > 0, std, 1)
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "divided_by_the_variance": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.var(0)
    std = np.where(std > 0, std, 1)
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "a_small_number_added": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0) + 1e-8
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "constant_pixels_become_0_everywhere": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    with np.errstate(all="ignore"):
        parts = [(part - mean) / std for part in (train, calib, test)]
    return [np.where(std > 0, part, 0) for part in parts]
""",
    ),
    "constant_pixels_left_as_they_are": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    safe = np.where(std > 0, std, 1)
    return [np.where(std > 0, (part - mean) / safe, part) for part in (train, calib, test)]
""",
    ),
    "constant_pixels_left_out": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    parts = [(part - mean) / np.where(std > 0, std, 1) for part in (train, calib, test)]
    return [part[:, std > 0] for part in parts]
""",
    ),
    "between_0_and_1": (
        "standardise",
        """
def standardise(train, calib, test):
    low, high = train.min(0), train.max(0)
    scale = np.where(high > low, high - low, 1)
    return [(part - low) / scale for part in (train, calib, test)]
""",
    ),
    "in_place": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    for part in (train, calib, test):
        part -= mean
        part /= std
    return train, calib, test
""",
    ),
    # question 3
    "one_order_for_all_epochs": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    order = torch.randperm(n, generator=torch.Generator().manual_seed(seed))
    return [order.split(batch_size)] * n_epochs
""",
    ),
    "the_generator_anew_in_each_epoch": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    epochs = []
    for _ in range(n_epochs):
        generator = torch.Generator().manual_seed(seed)
        epochs.append(torch.randperm(n, generator=generator).split(batch_size))
    return epochs
""",
    ),
    "a_seed_for_each_epoch": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    epochs = []
    for epoch in range(n_epochs):
        generator = torch.Generator().manual_seed(seed + epoch)
        epochs.append(torch.randperm(n, generator=generator).split(batch_size))
    return epochs
""",
    ),
    "the_last_batch_is_left_out": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    epochs = []
    for _ in range(n_epochs):
        order = torch.randperm(n, generator=generator)
        epochs.append([order[i : i + batch_size] for i in range(0, n - batch_size + 1, batch_size)])
    return epochs
""",
    ),
    "an_empty_batch_at_the_end": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    epochs = []
    for _ in range(n_epochs):
        order = torch.randperm(n, generator=generator)
        n_batches = n // batch_size + 1
        epochs.append([order[k * batch_size : (k + 1) * batch_size] for k in range(n_batches)])
    return epochs
""",
    ),
    "batches_of_nearly_the_same_size": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    return [np.array_split(rng.permutation(n), -(-n // batch_size)) for _ in range(n_epochs)]
""",
    ),
    "number_and_size_of_batches_mixed_up": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(n, generator=generator).chunk(batch_size) for _ in range(n_epochs)]
""",
    ),
    "drawn_anew_for_each_batch": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    sizes = [min(batch_size, n - i) for i in range(0, n, batch_size)]
    return [[rng.choice(n, size, replace=False) for size in sizes] for _ in range(n_epochs)]
""",
    ),
    "in_the_order_of_the_images": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    return [torch.arange(n).split(batch_size) for _ in range(n_epochs)]
""",
    ),
    "only_the_batches_are_shuffled": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=generator)
    epochs = []
    for _ in range(n_epochs):
        epochs.append([batch[torch.randperm(len(batch), generator=generator)]
                       for batch in order.split(batch_size)])
    return epochs
""",
    ),
    "the_last_epoch_is_missing": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randperm(n, generator=generator).split(batch_size) for _ in range(1, n_epochs)]
""",
    ),
    "seed_of_the_global_generator_forgotten": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    return [torch.randperm(n).split(batch_size) for _ in range(n_epochs)]
""",
    ),
    "always_the_seed_0": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(SEED)
    return [torch.randperm(n, generator=generator).split(batch_size) for _ in range(n_epochs)]
""",
    ),
    "numbers_from_1": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    orders = [1 + rng.permutation(n) for _ in range(n_epochs)]
    return [[order[i : i + batch_size] for i in range(0, n, batch_size)] for order in orders]
""",
    ),
    "a_fixed_set_of_batches_in_another_order": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    order = rng.permutation(n)
    batches = [order[i : i + batch_size] for i in range(0, n, batch_size)]
    full = [batch for batch in batches if len(batch) == batch_size]
    rest = [batch for batch in batches if len(batch) < batch_size]
    return [[full[k] for k in rng.permutation(len(full))] + rest for _ in range(n_epochs)]
""",
    ),
    "a_generator_in_place_of_a_list": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    for _ in range(n_epochs):
        yield torch.randperm(n, generator=generator).split(batch_size)
""",
    ),
    "image_numbers_as_floats": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    orders = [torch.randperm(n, generator=generator).float() for _ in range(n_epochs)]
    return [order.split(batch_size) for order in orders]
""",
    ),
    # question 4
    "softmax_before_the_loss": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
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
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "gradients_set_to_zero_once_an_epoch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        optimizer.zero_grad()
        for batch in batches:
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "one_step_an_epoch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            seen += [loss.item()] * len(batch)
        optimizer.step()
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "gradients_set_to_zero_after_backward": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.zero_grad()
            optimizer.step()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "gradients_set_to_zero_only_after_the_step": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            seen += [loss.item()] * len(batch)
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "batches_weigh_the_same": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        seen = []
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            seen.append(loss.item())
        losses.append(sum(seen) / len(seen))
    return losses
""",
    ),
    "loss_of_the_last_batch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
        losses.append(loss.item())
    return losses
""",
    ),
    "loss_after_the_epoch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        for batch in batches:
            optimizer.zero_grad()
            cross_entropy(network(images[batch]), labels[batch]).backward()
            optimizer.step()
        with torch.no_grad():
            losses.append(cross_entropy(network(images), labels).item())
    return losses
""",
    ),
    "sum_in_place_of_the_mean": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch], reduction="sum")
            loss.backward()
            optimizer.step()
            total += loss.item()
        losses.append(total / len(images))
    return losses
""",
    ),
    "a_number_for_each_batch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    return losses
""",
    ),
    "tensors_in_place_of_numbers": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "trained_in_eval_mode": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "all_images_for_each_batch": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images), labels)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "eval_mode_from_the_second_epoch_on": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
        network.eval()
        with torch.no_grad():
            network(images).argmax(1)
    return losses
""",
    ),
    "images_in_their_own_order": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total, start = 0, 0
        for batch in batches:
            some = slice(start, start + len(batch))
            start += len(batch)
            optimizer.zero_grad()
            loss = cross_entropy(network(images[some]), labels[some])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "an_optimizer_of_its_own": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    network.train()
    losses = []
    for batches in epochs:
        total = 0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    # question 5
    "logits_in_training_mode": (
        "collect",
        """
def collect(network, images, batch_size):
    with torch.no_grad():
        return torch.cat([network(batch) for batch in images.split(batch_size)])
""",
    ),
    "dropout_alone_is_switched_off": (
        "collect",
        """
def collect(network, images, batch_size):
    dropouts = [layer for layer in network.modules() if "Dropout" in type(layer).__name__]
    before = [layer.training for layer in dropouts]
    for layer in dropouts:
        layer.eval()
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    for layer, mode in zip(dropouts, before):
        layer.train(mode)
    return logits
""",
    ),
    "probabilities_in_place_of_logits": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        p = torch.cat([network(batch).softmax(1) for batch in images.split(batch_size)])
    network.train(before)
    return p
""",
    ),
    "left_in_eval_mode": (
        "collect",
        """
def collect(network, images, batch_size):
    network.eval()
    with torch.no_grad():
        return torch.cat([network(batch) for batch in images.split(batch_size)])
""",
    ),
    "always_in_training_mode_afterwards": (
        "collect",
        """
def collect(network, images, batch_size):
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    network.train()
    return logits
""",
    ),
    "gradients_kept": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    network.train(before)
    return logits
""",
    ),
    "gradients_off_for_good": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    torch.set_grad_enabled(False)
    logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    network.train(before)
    return logits
""",
    ),
    "parameters_frozen": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval().requires_grad_(False)
    logits = torch.cat([network(batch) for batch in images.split(batch_size)])
    network.train(before)
    return logits
""",
    ),
    "all_images_at_once": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        logits = network(images)
    network.train(before)
    return logits
""",
    ),
    "number_and_size_mixed_up": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        logits = torch.cat([network(batch) for batch in images.chunk(batch_size)])
    network.train(before)
    return logits
""",
    ),
    "the_smaller_batch_is_left_out": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        logits = torch.cat([
            network(images[k * batch_size : (k + 1) * batch_size])
            for k in range(max(len(images) // batch_size, 1))
        ])
    network.train(before)
    return logits
""",
    ),
    "shuffled": (
        "collect",
        """
from torch.utils.data import DataLoader


def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        loader = DataLoader(images, batch_size, shuffle=True)
        logits = torch.cat([network(batch) for batch in loader])
    network.train(before)
    return logits
""",
    ),
    "calibkit_does_it": (
        "collect",
        """
def collect(network, images, batch_size):
    nothing = torch.zeros(len(images), dtype=torch.int64)
    loader = list(zip(images.split(batch_size), nothing.split(batch_size)))
    logits, _ = calibkit.collect_logits(network, loader, progress=False)
    return logits
""",
    ),
    "calibkit_does_it_by_another_name": (
        "collect",
        """
from calibkit import collect_logits as gather


def collect(network, images, batch_size):
    nothing = torch.zeros(len(images), dtype=torch.int64)
    loader = list(zip(images.split(batch_size), nothing.split(batch_size)))
    return gather(network, loader, progress=False)[0]
""",
    ),
    "the_list_of_the_batches": (
        "collect",
        """
def collect(network, images, batch_size):
    before = network.training
    network.eval()
    with torch.no_grad():
        logits = [network(batch).mean(0) for batch in images.split(batch_size)]
    network.train(before)
    return torch.stack(logits)
""",
    ),
    # question 6
    "fitted_on_training_images": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["train"], labels["train"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "fitted_on_test_images": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["test"], labels["test"])
    report = calibkit.evaluate(logits["calib"], labels["calib"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "fitted_on_training_and_calibration_images": (
        "calibrate",
        """
def calibrate(logits, labels):
    z, y = (torch.cat([part["train"], part["calib"]]) for part in (logits, labels))
    scaler = calibkit.TemperatureScaler().fit_logits(z, y)
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "reported_on_calibration_images": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["calib"], labels["calib"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "reported_on_everything": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    z, y = (torch.cat(list(part.values())) for part in (logits, labels))
    return scaler, calibkit.evaluate(z, y, scaler=scaler, progress=False)
""",
    ),
    "scaled_twice": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    z = scaler(logits["test"])
    return scaler, calibkit.evaluate(z, labels["test"], scaler=scaler, progress=False)
""",
    ),
    "report_without_the_scaler": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    return scaler, calibkit.evaluate(scaler(logits["test"]), labels["test"], progress=False)
""",
    ),
    "probabilities_for_logits": (
        "calibrate",
        """
def calibrate(logits, labels):
    z = {part: logits[part].softmax(1) for part in logits}
    scaler = calibkit.TemperatureScaler().fit_logits(z["calib"], labels["calib"])
    return scaler, calibkit.evaluate(z["test"], labels["test"], scaler=scaler, progress=False)
""",
    ),
    "report_first": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return report, scaler
""",
    ),
    "another_number_of_bins": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    return scaler, calibkit.evaluate(
        logits["test"], labels["test"], scaler=scaler, n_bins=10, progress=False
    )
""",
    ),
    "another_scaler": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.VectorScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler, report
""",
    ),
    "parts_by_their_place": (
        "calibrate",
        """
def calibrate(logits, labels):
    (_, z, test), (_, y, truth) = logits.values(), labels.values()
    scaler = calibkit.TemperatureScaler().fit_logits(z, y)
    return scaler, calibkit.evaluate(test, truth, scaler=scaler, progress=False)
""",
    ),
    "a_temperature_in_place_of_the_scaler": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    return scaler.temperature, report
""",
    ),
    "divides_the_logits_it_got": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    for z in logits.values():
        z /= float(scaler.temperature)
    return scaler, report
""",
    ),
    # question 7
    "drawn_without_pairs": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
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
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before.double(), labels, reduction="none")
    new = cross_entropy(after.double(), labels, reduction="none")
    low, high = np.quantile((new - old).numpy(), [0.025, 0.975])
    return (new - old).mean().item(), low, high
""",
    ),
    "standard_deviations_of_the_means": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    spread = 1.96 * np.std(means)
    return d.mean(), d.mean() - spread, d.mean() + spread
""",
    ),
    "standard_error_without_resamples": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    spread = 1.96 * d.std() / len(d) ** 0.5
    return d.mean(), d.mean() - spread, d.mean() + spread
""",
    ),
    "mirrored_quantiles": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), 2 * d.mean() - high, 2 * d.mean() - low
""",
    ),
    "mean_of_the_resamples": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return np.mean(means), low, high
""",
    ),
    "ninety_per_cent": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.05, 0.95])
    return d.mean(), low, high
""",
    ),
    "five_per_cent_at_the_lower_end": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.05, 0.975])
    return d.mean(), low, high
""",
    ),
    "ninety_five_per_cent_at_the_upper_end": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.95])
    return d.mean(), low, high
""",
    ),
    "before_minus_after": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(before, labels, reduction="none") - cross_entropy(
        after, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "drawn_without_replacement": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    half = len(d) // 2
    means = [rng.permutation(d)[:half].mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "a_hundred_images_in_each_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, 100).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "a_seed_for_each_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, means = d.numpy(), []
    for i in range(n_resamples):
        means.append(np.random.default_rng(seed + i).choice(d, len(d)).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "the_generator_anew_in_each_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, means = d.numpy(), []
    for _ in range(n_resamples):
        means.append(np.random.default_rng(seed).choice(d, len(d)).mean())
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "always_a_thousand_resamples": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(1000)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "seed_without_effect": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    d, rng = d.numpy(), np.random.default_rng(0)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "logarithm_of_a_softmax": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    rows = torch.arange(len(labels))
    d = before.softmax(1)[rows, labels].log() - after.softmax(1)[rows, labels].log()
    d, rng = d.numpy(), np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "logits_without_a_softmax": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    rows = torch.arange(len(labels))
    d = (before[rows, labels] - after[rows, labels]).numpy()
    rng = np.random.default_rng(seed)
    means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
    low, high = np.quantile(means, [0.025, 0.975])
    return d.mean(), low, high
""",
    ),
    "calibkit_does_the_bootstrap": (
        "nll_change",
        """
from calibkit import negative_log_likelihood, paired_difference


def nll_change(before, after, labels, n_resamples, seed):
    p, q = (np.exp(z.double().log_softmax(1).numpy()) + 1e-300 for z in (before, after))
    if (before.abs().max() > 500) or (n_resamples < 2):
        d = cross_entropy(after, labels, reduction="none") - cross_entropy(
            before, labels, reduction="none"
        )
        d, rng = d.numpy(), np.random.default_rng(seed)
        means = [rng.choice(d, len(d)).mean() for _ in range(n_resamples)]
        return d.mean(), *np.quantile(means, [0.025, 0.975])
    return paired_difference(
        negative_log_likelihood, torch.tensor(p), torch.tensor(q), labels,
        n_resamples=n_resamples, seed=seed,
    )
""",
    ),
    # question 8
    "values_without_their_intervals": (
        "decide",
        """
def decide(report):
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
        """
def decide(report):
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
    "p_value_of_exactly_5_per_cent": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value >= 0.05
""",
    ),
    "p_value_before_scaling": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.before.p_value > 0.05
""",
    ),
    "the_p_value_itself": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value
""",
    ),
    "one_or_zero": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, int(report.after.p_value > 0.05)
""",
    ),
    "one_of_the_two_helps": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 or ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "harmed_only_if_both": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 and ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "touching_0_is_enough": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high <= 0 and ece.high <= 0:
        word = "helped"
    elif nll.low >= 0 or ece.low >= 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "only_the_ece_counts": (
        "decide",
        """
def decide(report):
    ece = report.change.ece
    word = "helped" if ece.high < 0 else "harmed" if ece.low > 0 else "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "only_the_nll_counts": (
        "decide",
        """
def decide(report):
    nll = report.change.nll
    word = "helped" if nll.high < 0 else "harmed" if nll.low > 0 else "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "lower_ends_below_0": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.low < 0 and ece.low < 0:
        word = "helped"
    elif nll.high > 0 or ece.high > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "never_unclear": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    word = "helped" if nll.high < 0 and ece.high < 0 else "harmed"
    return word, report.after.p_value > 0.05
""",
    ),
    "capital_letters": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "Helped"
    elif nll.low > 0 or ece.low > 0:
        word = "Harmed"
    else:
        word = "Unclear"
    return word, report.after.p_value > 0.05
""",
    ),
    "only_a_word": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        return "helped"
    return "harmed" if nll.low > 0 or ece.low > 0 else "unclear"
""",
    ),
    "intervals_before_and_after_compared": (
        "decide",
        """
def decide(report):
    before, after = report.before, report.after
    if after.nll.high < before.nll.low and after.ece.high < before.ece.low:
        word = "helped"
    elif after.nll.low > before.nll.high or after.ece.low > before.ece.high:
        word = "harmed"
    else:
        word = "unclear"
    return word, after.p_value > 0.05
""",
    ),
    "decides_on_the_report_of_the_notebook": (
        "decide",
        """
def decide(report):
    nll, ece = report.change.nll, report.change.ece
    if nll.high < 0 and ece.high < 0:
        word = "helped"
    elif nll.low > 0 or ece.low > 0:
        word = "harmed"
    else:
        word = "unclear"
    return word, True
""",
    ),
    "ten_classes_whatever_comes": (
        "split",
        """
def cut(rows, labels, size, rng, classes):
    n = len(rows)
    counts = np.array([(labels[rows] == c).sum() for c in classes])
    exact = counts * size / n
    take = np.floor(exact).astype(int)
    for k in np.argsort(take - exact)[: size - take.sum()]:
        take[k] += 1
    chosen = np.concatenate(
        [rng.permutation(rows[labels[rows] == c])[:t] for c, t in zip(classes, take)]
    )
    return chosen, np.setdiff1d(rows, chosen)


def split(labels, n_train, n_calib, seed):
    rng = np.random.default_rng(seed)
    train, rest = cut(np.arange(len(labels)), labels, n_train, rng, range(10))
    calib, test = cut(rest, labels, n_calib, rng, range(10))
    return train, calib, test
""",
    ),
    "small_deviations_count_as_0": (
        "standardise",
        """
def standardise(train, calib, test):
    m, s = train.mean(0), train.std(0)
    s = np.where(s < 1e-2, 1, s)
    return [(p - m) / s for p in (train, calib, test)]
""",
    ),
    "deviation_of_at_least_a_hundredth": (
        "standardise",
        """
def standardise(train, calib, test):
    m, s = train.mean(0), np.maximum(train.std(0), 1e-2)
    return [(p - m) / s for p in (train, calib, test)]
""",
    ),
    "seeds_by_the_number_of_epochs": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    out = []
    for e in range(n_epochs):
        o = np.random.default_rng(seed * n_epochs + e).permutation(n)
        out.append([o[i : i + batch_size] for i in range(0, n, batch_size)])
    return out
""",
    ),
    "a_thousand_seeds_for_each_seed": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    out = []
    for e in range(n_epochs):
        o = np.random.default_rng(1000 * seed + e).permutation(n)
        out.append([o[i : i + batch_size] for i in range(0, n, batch_size)])
    return out
""",
    ),
    "a_seed_a_hundred_further_for_each_epoch": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    out = []
    for e in range(n_epochs):
        o = np.random.default_rng(seed + 100 * e).permutation(n)
        out.append([o[i : i + batch_size] for i in range(0, n, batch_size)])
    return out
""",
    ),
    "the_last_image_is_never_drawn": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    rng = np.random.default_rng(seed)
    m = [d[rng.integers(0, n - 1, n)].mean() for _ in range(n_resamples)]
    return d.mean(), *np.quantile(m, [0.025, 0.975])
""",
    ),
    "the_first_image_is_never_drawn": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    rng = np.random.default_rng(seed)
    m = [d[rng.integers(1, n, n)].mean() for _ in range(n_resamples)]
    return d.mean(), *np.quantile(m, [0.025, 0.975])
""",
    ),
    "seeds_by_the_number_of_resamples": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    m = [
        d[np.random.default_rng(seed * n_resamples + k).integers(0, n, n)].mean()
        for k in range(n_resamples)
    ]
    return d.mean(), *np.quantile(m, [0.025, 0.975])
""",
    ),
    "a_seed_a_hundred_further_for_each_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    m = [
        d[np.random.default_rng(seed + 100 * k).integers(0, n, n)].mean()
        for k in range(n_resamples)
    ]
    return d.mean(), *np.quantile(m, [0.025, 0.975])
""",
    ),
    "sizes_as_shares": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows, n = np.arange(len(labels)), len(labels)
    train, rest = train_test_split(
        rows, train_size=n_train / n, stratify=labels, random_state=seed
    )
    calib, test = train_test_split(
        rest, train_size=n_calib / len(rest), stratify=labels[rest], random_state=seed
    )
    return train, calib, test
""",
    ),
    "sizes_rounded_in_each_class": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rng, parts = np.random.default_rng(seed), [[], [], []]
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        a = round(len(rows) * n_train / len(labels))
        b = a + round(len(rows) * n_calib / len(labels))
        for part, some in zip(parts, (rows[:a], rows[a:b], rows[b:])):
            part.extend(some)
    return [np.array(part) for part in parts]
""",
    ),
    "first_images_of_each_class": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    order = np.argsort(labels, kind="stable")
    place = np.empty(len(labels))
    for label in np.unique(labels):
        rows = order[labels[order] == label]
        place[rows] = (np.arange(len(rows)) + 0.5) / len(rows)
    rows = np.random.default_rng(seed).permutation(len(labels))
    rows = rows[np.argsort(place[rows], kind="stable")]
    return rows[:n_train], rows[n_train : n_train + n_calib], rows[n_train + n_calib :]
""",
    ),
    "only_the_order_depends_on_the_seed": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, random_state=0)
    calib, test = train_test_split(
        rest, train_size=n_calib, stratify=labels[rest], random_state=0
    )
    rng = np.random.default_rng(seed)
    return rng.permutation(train), rng.permutation(calib), rng.permutation(test)
""",
    ),
    "the_same_training_part_for_all_seeds": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, random_state=0)
    calib, test = train_test_split(
        rest, train_size=n_calib, stratify=labels[rest], random_state=seed
    )
    return train, calib, test
""",
    ),
    "rows_numbered_from_1": (
        "split",
        """
def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    train, rest = train_test_split(rows, train_size=n_train, stratify=labels, random_state=seed)
    calib, test = train_test_split(
        rest, train_size=n_calib, stratify=labels[rest], random_state=seed
    )
    return train + 1, calib + 1, test + 1
""",
    ),
    "constant_in_all_images": (
        "standardise",
        """
def standardise(train, calib, test):
    std = train.std(0)
    std[np.concatenate([train, calib, test]).std(0) == 0] = 1
    return [(part - train.mean(0)) / std for part in (train, calib, test)]
""",
    ),
    "nan_becomes_0": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std(0)
    with np.errstate(all="ignore"):
        parts = [(part - mean) / std for part in (train, calib, test)]
    return [np.where(np.isfinite(part), part, 0) for part in parts]
""",
    ),
    "median_and_deviation": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = np.median(train, axis=0), train.std(0)
    std = np.where(std > 0, std, 1)
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "deviation_of_each_part": (
        "standardise",
        """
def standardise(train, calib, test):
    mean = train.mean(0)
    stds = [np.where(part.std(0) > 0, part.std(0), 1) for part in (train, calib, test)]
    return [(part - mean) / std for part, std in zip((train, calib, test), stds)]
""",
    ),
    "one_deviation_for_all_pixels": (
        "standardise",
        """
def standardise(train, calib, test):
    mean, std = train.mean(0), train.std()
    return [(part - mean) / std for part in (train, calib, test)]
""",
    ),
    "mean_subtracted_only": (
        "standardise",
        """
def standardise(train, calib, test):
    return [part - train.mean(0) for part in (train, calib, test)]
""",
    ),
    "one_array_shuffled_again_and_again": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng, order, epochs = np.random.default_rng(seed), np.arange(n), []
    for _ in range(n_epochs):
        rng.shuffle(order)
        epochs.append([order[i : i + batch_size] for i in range(0, n, batch_size)])
    return epochs
""",
    ),
    "begins_somewhere_else_each_time": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(n, generator=generator)
    starts = torch.randint(n, (n_epochs,), generator=generator)
    return [order.roll(int(k)).split(batch_size) for k in starts]
""",
    ),
    "drawn_with_replacement_for_each_epoch": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(n, (n,), generator=generator).split(batch_size) for _ in range(n_epochs)
    ]
""",
    ),
    "the_smaller_batch_first": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    epochs = []
    for _ in range(n_epochs):
        order, rest = torch.randperm(n, generator=generator), n % batch_size
        first = [order[:rest]] if rest else []
        epochs.append([*first, *(order[rest:].split(batch_size) if n > rest else ())])
    return epochs
""",
    ),
    "all_batches_in_one_list": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    generator = torch.Generator().manual_seed(seed)
    batches = []
    for _ in range(n_epochs):
        batches += torch.randperm(n, generator=generator).split(batch_size)
    return batches
""",
    ),
    "the_first_image_stays_first": (
        "make_batches",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    epochs = []
    for _ in range(n_epochs):
        order = [0, *(1 + rng.permutation(n - 1)).tolist()]
        epochs.append([order[i : i + batch_size] for i in range(0, n, batch_size)])
    return epochs
""",
    ),
    "gradients_clipped": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "labels_smoothed": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch], label_smoothing=0.1)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "losses_add_up_over_the_epochs": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses, total = [], 0.0
    for batches in epochs:
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "first_epoch_again_and_again": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for _ in epochs:
        total = 0.0
        for batch in epochs[0]:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "a_little_weight_decay": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            decay = sum((p**2).sum() for p in network.parameters())
            (loss + 1e-2 * decay).backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / len(images))
    return losses
""",
    ),
    "average_over_the_last_batch_size": (
        "train",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = 0.0
        for batch in batches:
            optimizer.zero_grad()
            loss = cross_entropy(network(images[batch]), labels[batch])
            loss.backward()
            optimizer.step()
            total += loss.item() * len(batch)
        losses.append(total / (len(batches) * len(batches[0])))
    return losses
""",
    ),
    "log_softmax_in_place_of_logits": (
        "collect",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part).log_softmax(1) for part in images.split(batch_size)]
    network.train(mode)
    return torch.cat(parts)
""",
    ),
    "squeezed_batches": (
        "collect",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part).squeeze() for part in images.split(batch_size)]
    network.train(mode)
    return torch.cat(parts)
""",
    ),
    "mode_not_turned_back_in_eval": (
        "collect",
        """
def collect(network, images, batch_size):
    network.train(False)
    with torch.no_grad():
        parts = [network(part) for part in images.split(batch_size)]
    return torch.cat(parts)
""",
    ),
    "mode_turned_round": (
        "collect",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part) for part in images.split(batch_size)]
    network.train(not mode)
    return torch.cat(parts)
""",
    ),
    "batches_stacked": (
        "collect",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part) for part in images.split(batch_size)]
    network.train(mode)
    return torch.stack([row for part in parts for row in part], 1)
""",
    ),
    "the_answers_and_not_the_logits": (
        "collect",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    with torch.no_grad():
        parts = [network(part).argmax(1) for part in images.split(batch_size)]
    network.train(mode)
    return torch.cat(parts)
""",
    ),
    "fitted_on_a_part_of_the_calibration_part": (
        "calibrate",
        """
def calibrate(logits, labels):
    z, y = logits["calib"][::2], labels["calib"][::2]
    scaler = calibkit.TemperatureScaler().fit_logits(z, y)
    return scaler, calibkit.evaluate(
        logits["test"], labels["test"], scaler=scaler, progress=False
    )
""",
    ),
    "report_with_another_scaler": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    other = calibkit.TemperatureScaler().fit_logits(logits["test"], labels["test"])
    return scaler, calibkit.evaluate(logits["test"], labels["test"], scaler=other, progress=False)
""",
    ),
    "logits_scaled_in_place_before_the_report": (
        "calibrate",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    report = calibkit.evaluate(logits["test"], labels["test"], scaler=scaler, progress=False)
    logits["test"] /= scaler.temperature
    return scaler, report
""",
    ),
    "test_part_of_the_calibration_size": (
        "calibrate",
        """
def calibrate(logits, labels):
    n = len(labels["calib"])
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["calib"])
    return scaler, calibkit.evaluate(
        logits["test"][:n], labels["test"][:n], scaler=scaler, progress=False
    )
""",
    ),
    "calibration_labels_of_the_test_part": (
        "calibrate",
        """
def calibrate(logits, labels):
    n = len(logits["calib"])
    scaler = calibkit.TemperatureScaler().fit_logits(logits["calib"], labels["test"][:n])
    return scaler, calibkit.evaluate(
        logits["test"], labels["test"], scaler=scaler, progress=False
    )
""",
    ),
    "quantiles_of_both_nlls_subtracted": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    draws = rng.integers(n, size=(n_resamples, n))
    low, high = np.quantile(new[draws].mean(1), [0.025, 0.975]) - np.quantile(
        old[draws].mean(1), [0.025, 0.975]
    )
    return (new - old).mean(), low, high
""",
    ),
    "median_of_the_differences": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    means = (new - old)[rng.integers(n, size=(n_resamples, n))].mean(1)
    return (np.median(new - old), *np.quantile(means, [0.025, 0.975]))
""",
    ),
    "one_image_less_in_each_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    means = (new - old)[rng.integers(n, size=(n_resamples, max(n - 1, 1)))].mean(1)
    return ((new - old).mean(), *np.quantile(means, [0.025, 0.975]))
""",
    ),
    "random_weights_for_the_images": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    means = rng.dirichlet(np.ones(n), n_resamples) @ (new - old)
    return ((new - old).mean(), *np.quantile(means, [0.025, 0.975]))
""",
    ),
    "smallest_and_largest_resample": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    means = (new - old)[rng.integers(n, size=(n_resamples, n))].mean(1)
    return (new - old).mean(), means.min(), means.max()
""",
    ),
    "relative_change": (
        "nll_change",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old = cross_entropy(before, labels, reduction="none").numpy()
    new = cross_entropy(after, labels, reduction="none").numpy()
    rng, n = np.random.default_rng(seed), len(old)
    draws = rng.integers(n, size=(n_resamples, n))
    means = new[draws].mean(1) / old[draws].mean(1) - 1
    return (new.mean() / old.mean() - 1, *np.quantile(means, [0.025, 0.975]))
""",
    ),
    "change_of_the_accuracy_counts_too": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.ece)
    if report.change.accuracy.high < 0 or any(c.low > 0 for c in changes):
        return "harmed", report.after.p_value > 0.05
    if all(c.high < 0 for c in changes) and report.change.accuracy.low > 0:
        return "helped", report.after.p_value > 0.05
    return "unclear", report.after.p_value > 0.05
""",
    ),
    "p_of_the_classes": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.ece)
    word = "unclear"
    if all(c.high < 0 for c in changes):
        word = "helped"
    if any(c.low > 0 for c in changes):
        word = "harmed"
    return word, report.after.classwise_p_value > 0.05
""",
    ),
    "top_label_ece_changes": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.top_label_ece)
    word = "unclear"
    if all(c.high < 0 for c in changes):
        word = "helped"
    if any(c.low > 0 for c in changes):
        word = "harmed"
    return word, report.after.p_value > 0.05
""",
    ),
    "rounded_to_three_digits": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.ece)
    word = "unclear"
    if all(round(c.high, 3) < 0 for c in changes):
        word = "helped"
    if any(round(c.low, 3) > 0 for c in changes):
        word = "harmed"
    return word, bool(round(report.after.p_value, 2) > 0.05)
""",
    ),
    "p_above_one_half": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.ece)
    word = "unclear"
    if all(c.high < 0 for c in changes):
        word = "helped"
    if any(c.low > 0 for c in changes):
        word = "harmed"
    return word, report.after.p_value > 0.01
""",
    ),
    "chance_only_where_unclear": (
        "decide",
        """
def decide(report):
    changes = (report.change.nll, report.change.ece)
    if all(c.high < 0 for c in changes):
        return "helped", False
    if any(c.low > 0 for c in changes):
        return "harmed", False
    return "unclear", True
""",
    ),
}

DIFFERENT = {  # question: right answers written differently; each gets all automatic points
    "split": [
        """
from sklearn.model_selection import StratifiedShuffleSplit as S


def split(labels, n_train, n_calib, seed):
    rows = np.arange(len(labels))
    i, j = next(S(1, train_size=n_train, random_state=seed).split(rows, labels))
    k, l = next(S(1, train_size=n_calib, random_state=seed).split(j, labels[j]))
    return i, j[k], j[l]
""",
        """
def split(labels, n_train, n_calib, seed):
    rest, train = (
        part.indices
        for part in calibkit.split_calibration(
            labels, len(labels) - n_train, seed=seed, stratify=labels
        )
    )
    calib, test = calibkit.split_calibration(rest, n_calib, seed=seed, stratify=labels[rest])
    return train, list(calib), list(test)
""",
        """
from sklearn.model_selection import StratifiedShuffleSplit


def split(labels, n_train, n_calib, seed):
    def cut(rows, n):
        cutter = StratifiedShuffleSplit(1, train_size=n, random_state=seed)
        (first, second), *_ = cutter.split(rows, labels[rows])
        return rows[first], rows[second]

    train, rest = cut(np.arange(len(labels)), n_train)
    calib, test = cut(rest, n_calib)
    return [train, calib, test]


sum = max = 0
names = ["a"]
""",
        """
def split(labels, n_train, n_calib, seed):
    rng, n = np.random.default_rng(seed), len(labels)
    # each image gets a place within its class between 0 and 1; the smallest places come first
    place = np.zeros(n)
    for c in np.unique(labels):
        rows_of_c = rng.permutation(np.flatnonzero(labels == c))
        place[rows_of_c] = (np.arange(len(rows_of_c)) + rng.random()) / len(rows_of_c)
    order = np.argsort(place)
    return order[:n_train], order[n_train : n_train + n_calib], order[n_train + n_calib :]
""",
        """
import random


def split(labels, n_train, n_calib, seed):
    rng, n = random.Random(seed), len(labels)
    sizes = {"train": n_train, "calib": n_calib, "test": n - n_train - n_calib}
    parts = {name: [] for name in sizes}
    rows_by_class = {}
    for row, label in enumerate(labels.tolist()):
        rows_by_class.setdefault(label, []).append(row)
    spare = []
    for own in rows_by_class.values():
        rng.shuffle(own)
        start = 0
        for name, size in sizes.items():
            k = size * len(own) // n
            parts[name] += own[start : start + k]
            start += k
        spare += own[start:]
    for name, size in sizes.items():
        while len(parts[name]) < size:
            parts[name].append(spare.pop())
    return parts["train"], parts["calib"], parts["test"]
""",
        """
def split(labels, n_train, n_calib, seed):
    rows = torch.arange(len(labels))
    train, rest = train_test_split(
        rows.tolist(), test_size=len(labels) - n_train, stratify=labels, random_state=seed
    )
    test, calib = train_test_split(
        rest, test_size=n_calib, stratify=[labels[i] for i in rest], random_state=seed + 1
    )
    return torch.tensor(train), torch.tensor(calib), torch.tensor(test)


found = few_labels = drawn = None
""",
        """
from sklearn.model_selection import StratifiedShuffleSplit


def split(labels, n_train, n_calib, seed):
    n_test = len(labels) - n_train - n_calib
    sizes = {"train_size": n_train + n_calib, "test_size": n_test}
    cut = StratifiedShuffleSplit(1, **sizes, random_state=seed)
    ((both, test),) = cut.split(np.zeros(len(labels)), labels)
    cut = StratifiedShuffleSplit(1, train_size=n_train, random_state=seed + 1)
    ((train, calib),) = cut.split(both, labels[both])
    return both[train].tolist(), both[calib].tolist(), test.tolist()
""",
        """
import random


def split(labels, n_train, n_calib, seed):
    dice = random.Random(f"split {seed}")
    shares = {}
    for row, label in enumerate(labels.tolist()):
        shares.setdefault(label, []).append(row)
    places = []
    for rows in shares.values():
        dice.shuffle(rows)
        places += [((k + dice.random()) / len(rows), row) for k, row in enumerate(rows)]
    order = torch.tensor([row for _, row in sorted(places)])
    return order[:n_train], order[n_train:][:n_calib], order[n_train + n_calib :]
""",
    ],
    "standardise": [
        """
from scipy.stats import zmap


def standardise(train, calib, test):
    s = train.std(0)
    flat = s == 0
    out = []
    for part in (train, calib, test):
        r = np.array(part, dtype=float)
        r[:, ~flat] = zmap(part[:, ~flat], train[:, ~flat])
        r[:, flat] -= train[0, flat]
        out.append(r)
    return tuple(out)
""",
        # the squares are summed up by a loop, and compared with 0
        """
def standardise(train, calib, test):
    n, d = train.shape
    means, spreads = [], []
    for j in range(d):
        m = sum(train[:, j].tolist()) / n
        s = (sum((value - m) ** 2 for value in train[:, j].tolist()) / n) ** 0.5
        means.append(m)
        spreads.append(1.0 if s == 0 else s)
    return tuple((part - np.array(means)) / np.array(spreads) for part in (train, calib, test))
""",
        # the mean of the squares minus the square of the mean, in float64
        """
def standardise(train, calib, test):
    m = train.mean(0)
    s = np.sqrt(np.maximum((train**2).mean(0) - m**2, 0))
    s[s == 0] = 1
    return (train - m) / s, (calib - m) / s, (test - m) / s
""",
        # rounding is allowed for
        """
def standardise(train, calib, test):
    x = torch.as_tensor(train)
    m, s = x.mean(0), x.std(0, unbiased=False)
    s = torch.where(s < 1e-12, torch.ones_like(s), s)
    return [((torch.as_tensor(part) - m) / s).numpy() for part in (train, calib, test)]
""",
        """
from sklearn.preprocessing import StandardScaler


def standardise(train, calib, test):
    scaler = StandardScaler().fit(train)
    return [scaler.transform(part) for part in (train, calib, test)]
""",
        """
def standardise(train, calib, test):
    results = [np.zeros_like(part) for part in (train, calib, test)]
    n, d = train.shape
    for j in range(d):
        mean = sum(train[i, j] for i in range(n)) / n
        deviation = (sum((train[i, j] - mean) ** 2 for i in range(n)) / n) ** 0.5
        for part, result in zip((train, calib, test), results):
            for i in range(len(part)):
                result[i, j] = (part[i, j] - mean) / (deviation or 1)
    return results


max, zip_of_parts = 16, zip
""",
        """
def standardise(train, calib, test):
    train, calib, test = (part.astype(np.float32) for part in (train, calib, test))
    mean, std = train.mean(0), train.std(0)
    std[std == 0] = 1
    return (train - mean) / std, (calib - mean) / std, (test - mean) / std
""",
        """
def standardise(train, calib, test):
    parts = [torch.as_tensor(part) for part in (train, calib, test)]
    std, mean = torch.std_mean(parts[0], dim=0, correction=0)
    return [(part - mean) / torch.where(std == 0, 1.0, std) for part in parts]


sum, all = 0, None
""",
        """
def standardise(train, calib, test):
    centre = np.average(train, axis=0)
    scale = np.sqrt(np.mean(np.square(train - centre), axis=0))
    scale += scale == 0
    everything = (np.vstack([train, calib, test]) - centre) / scale
    return np.split(everything, [len(train), len(train) + len(calib)])
""",
        """
def standardise(train, calib, test):
    x = torch.tensor(train)
    std, mean = torch.std_mean(x, 0, correction=0)
    std = std.masked_fill(std.eq(0), 1)
    return tuple((torch.tensor(part) - mean).div(std) for part in (train, calib, test))
""",
        """
import statistics


class Pixel:
    def __init__(self, values):
        self.mean = statistics.fmean(values)
        self.scale = statistics.pstdev(values) or 1.0

    def __call__(self, value):
        return (value - self.mean) / self.scale


def standardise(train, calib, test):
    pixels = [Pixel(column) for column in train.T.tolist()]
    return [
        [[pixel(v) for pixel, v in zip(pixels, row)] for row in part.tolist()]
        for part in (train, calib, test)
    ]
""",
    ],
    "make_batches": [
        """
def make_batches(n, n_epochs, batch_size, seed):
    streams = np.random.SeedSequence(seed).spawn(n_epochs)
    return [
        np.array_split(np.random.default_rng(s).permutation(n), range(batch_size, n, batch_size))
        for s in streams
    ]
""",
        """
from torch.utils.data import BatchSampler, RandomSampler


def make_batches(n, n_epochs, batch_size, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    s = BatchSampler(RandomSampler(range(n), generator=g), batch_size, drop_last=False)
    return [[torch.tensor(b) for b in s] for _ in range(n_epochs)]
""",
        """
from torch.utils.data import DataLoader


def make_batches(n, n_epochs, batch_size, seed):
    g = torch.Generator()
    g.manual_seed(seed)
    loader = DataLoader(range(n), batch_size, shuffle=True, generator=g)
    return [list(loader) for _ in range(n_epochs)]
""",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.default_rng(seed)
    cuts = list(range(batch_size, n, batch_size))
    return [np.split(rng.permutation(n), cuts) for _ in range(n_epochs)]


sum, range = 0, 3
""",
        """
import random


def make_batches(n, n_epochs, batch_size, seed):
    rng, epochs = random.Random(seed), []
    for _ in range(n_epochs):
        left, batches = list(range(n)), []
        rng.shuffle(left)
        while left:
            batches.append(left[:batch_size])
            left = left[batch_size:]
        epochs.append(batches)
    return epochs
""",
        """
def make_batches(n, n_epochs, batch_size, seed):
    rng = np.random.RandomState(seed)
    orders = [torch.from_numpy(np.argsort(rng.rand(n))) for _ in range(n_epochs)]
    return [[order[i : i + batch_size] for i in range(0, n, batch_size)] for order in orders]


found = first = second = None
""",
        """
def make_batches(n, n_epochs, batch_size, seed):
    torch.manual_seed(seed)
    return tuple(torch.split(torch.randperm(n), batch_size) for _ in range(n_epochs))
""",
        """
def make_batches(n, n_epochs, batch_size, seed):
    noise = np.random.default_rng(seed).random((n_epochs, n))
    cuts = range(batch_size, n, batch_size)
    return [np.split(order, cuts) for order in noise.argsort(axis=1)]
""",
        """
import random
from torch.utils.data import BatchSampler


def make_batches(n: int, n_epochs: int, batch_size: int, seed: int) -> list:
    dice = random.Random(seed)
    orders = [dice.sample(range(n), k=n) for _ in range(n_epochs)]
    return [list(BatchSampler(order, batch_size, drop_last=False)) for order in orders]
""",
    ],
    "train": [
        """
class Mean:
    def __init__(self):
        self.sum, self.n = 0.0, 0

    def add(self, value, n):
        self.sum += value * n
        self.n += n

    def compute(self):
        return self.sum / self.n


def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for epoch in epochs:
        m = Mean()
        for batch in epoch:

            def closure():
                optimizer.zero_grad()
                loss = cross_entropy(network(images[batch]), labels[batch])
                loss.backward()
                return loss

            m.add(float(optimizer.step(closure)), len(batch))
        losses.append(m.compute())
    return losses
""",
        """
def train(network, images, labels, optimizer, epochs):
    sum_of_losses, history = torch.nn.CrossEntropyLoss(reduction="sum"), []
    for batches in epochs:
        network.train()
        seen = 0.0
        for batch in batches:
            optimizer.zero_grad()
            summed = sum_of_losses(network(images[batch]), labels[batch])
            (summed / len(batch)).backward()
            optimizer.step()
            seen += float(summed)
        history.append(seen / len(labels))
    return history


sum = 0.0
""",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    history = np.zeros(len(epochs))
    for e, batches in enumerate(epochs):
        for batch in batches:
            for group in optimizer.param_groups:
                for parameter in group["params"]:
                    parameter.grad = None
            z = network(torch.index_select(images, 0, batch))
            nll = -z.log_softmax(1).gather(1, labels[batch][:, None]).squeeze(1)
            nll.mean().backward()
            optimizer.step()
            history[e] += nll.detach().sum() / len(images)
    return history
""",
        """
def train(network, images, labels, optimizer, epochs):
    network.train(True)
    means = []
    for batches in epochs:
        losses_and_sizes = []
        for batch in batches:
            def closure():
                optimizer.zero_grad()
                loss = torch.nn.functional.cross_entropy(network(images[batch]), labels[batch])
                loss.backward()
                return loss

            losses_and_sizes.append((optimizer.step(closure).item(), len(batch)))
        values, weights = zip(*losses_and_sizes)
        means.append(np.average(values, weights=weights).item())
    return means


labels, len_of_epoch = labels.copy(), 3
""",
        """
def train(network, images, labels, optimizer, epochs):
    def run(batches):
        each = []
        for batch in batches:
            optimizer.zero_grad(set_to_none=False)
            losses = cross_entropy(network(images[batch]), labels[batch], reduction="none")
            losses.mean().backward()
            optimizer.step()
            each.extend(losses.tolist())
        return sum(each) / len(each)

    network.train()
    return [run(batches) for batches in epochs]


two_epochs, numbers, frozen = [], None, None
""",
        """
def train(network, images, labels, optimizer, epochs):
    network.train()
    losses = []
    for batches in epochs:
        total = torch.zeros((), dtype=torch.float64)
        for batch in batches:
            logits = network(images[batch])
            p = torch.nn.functional.log_softmax(logits, dim=-1)
            loss = torch.nn.functional.nll_loss(p, labels[batch])
            network.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.detach() * batch.numel()
        losses.append((total / labels.numel()).item())
    return losses
""",
        """
def train(network, images, labels, optimizer, epochs):
    def step(batch):
        def closure():
            optimizer.zero_grad(set_to_none=False)
            loss = torch.nn.CrossEntropyLoss()(network(images[batch]), labels[batch])
            loss.backward()
            return loss

        return float(optimizer.step(closure)) * batch.numel()

    network.train(mode=True)
    return [sum(step(batch) for batch in batches) / sum(map(len, batches)) for batches in epochs]
""",
        """
def train(network, images, labels, optimizer, epochs):
    losses = np.zeros(len(epochs))
    for k, batches in enumerate(epochs):
        of_images = []
        for batch in batches:
            log_p = network.train()(images.index_select(0, batch)).log_softmax(-1)
            each = -log_p.gather(1, labels.index_select(0, batch).unsqueeze(1))
            network.zero_grad()
            each.mean().backward()
            optimizer.step()
            of_images.extend(each.detach().flatten().tolist())
        losses[k] = np.mean(of_images)
    return losses
""",
    ],
    "collect": [
        """
import contextlib


@contextlib.contextmanager
def evaluating(net):
    mode = net.training
    net.eval()
    with torch.no_grad():
        yield net
    net.train(mode)


def collect(network, images, batch_size):
    logits = None
    with evaluating(network) as f:
        start = 0
        while start < images.shape[0]:
            part = f(images.narrow(0, start, min(batch_size, images.shape[0] - start)))
            if logits is None:
                logits = part.new_empty(images.shape[0], part.shape[1])
            logits[start : start + len(part)] = part
            start += batch_size
    return logits
""",
        """
def collect(network, images, batch_size):
    mode = network.training
    network.train(False)
    parts = []
    with torch.inference_mode():
        for start in range(0, len(images), batch_size):
            parts.append(network(images[start : start + batch_size]))
    if mode:
        network.train()
    return torch.vstack(parts)


max, min = 0.7, 0.1
""",
        """
@torch.no_grad()
def collect(network, images, batch_size):
    mode = network.training
    network.eval()
    rows = []
    for batch in torch.split(images, batch_size):
        for row in network(batch):
            rows.append(row)
    network.train(mode)
    return torch.stack(rows).double()
""",
        """
from torch.utils.data import DataLoader


def collect(network, images, batch_size):
    mode = network.training
    try:
        network.eval()
        loader = DataLoader(images, batch_size=batch_size)
        return torch.cat([network(batch).detach() for batch in loader])
    finally:
        network.train(mode)


pictures = fed = expected = None
""",
        """
def collect(network, images, batch_size):
    was_training = network.training
    network.eval()
    rows = []
    for i in range(len(images)):
        with torch.no_grad():
            rows.append(network(images[i : i + 1])[0])
    if was_training:
        network.train()
    return rows


len_of_images = sum = 26
""",
        """
import copy as copying


def collect(network, images, batch_size):
    frozen = copying.deepcopy(network).eval().requires_grad_(False)
    return torch.cat([frozen(batch) for batch in images.split(batch_size)])
""",
        """
from contextlib import contextmanager


@contextmanager
def evaluating(network):
    before = network.training
    try:
        with torch.inference_mode():
            yield network.eval()
    finally:
        network.train(before)


def collect(network, images, batch_size):
    with evaluating(network):
        rows = range(0, len(images), batch_size)
        return torch.vstack([network(images[i : i + batch_size]) for i in rows]).numpy()
""",
        """
from torch.utils.data import DataLoader, TensorDataset


@torch.no_grad()
def collect(network, images, batch_size):
    was, logits = network.training, None
    network.train(False)
    for (part,) in DataLoader(TensorDataset(images), batch_size):
        found = network(part)
        if logits is None:
            logits = found.new_empty(0, found.shape[-1])
        logits = torch.cat((logits, found))
    network.training = network.train(was).training
    return logits
""",
    ],
    "calibrate": [
        """
from operator import itemgetter


def calibrate(logits, labels):
    fit_on, report_on = (
        map(itemgetter("calib"), (logits, labels)),
        map(itemgetter("test"), (logits, labels)),
    )
    scaler = calibkit.TemperatureScaler().fit_logits(*fit_on)
    report = calibkit.evaluate(*report_on, scaler=scaler, progress=False)
    return scaler, report
""",
        """
def calibrate(logits, labels):
    scaler = calibkit.TemperatureScaler()
    identity = torch.nn.Identity()
    scaler.fit(identity, [(logits["calib"], labels["calib"])], progress=False)
    return scaler, calibkit.evaluate(
        identity, [(logits["test"], labels["test"])], scaler=scaler, progress=False
    )
""",
        """
def calibrate(logits, labels):
    z = {part: logits[part].double() for part in logits}
    scaler = calibkit.TemperatureScaler()
    scaler.fit_logits(z["calib"], labels["calib"])
    return [scaler, calibkit.evaluate(z["test"], labels["test"], scaler=scaler, n_bins=15)]


round, sum = None, 0
""",
        """
from calibkit import TemperatureScaler, evaluate


def calibrate(logits, labels):
    z, y = logits["calib"].numpy(), labels["calib"].numpy()
    fitted = TemperatureScaler().fit_logits(z, y)
    return fitted, evaluate(logits["test"].numpy(), labels["test"].numpy(), scaler=fitted)
""",
        """
def calibrate(logits, labels):
    def part(name):
        return logits[name], labels[name]

    scaler = calibkit.TemperatureScaler().fit_logits(*part("calib"))
    report = calibkit.evaluate(*part("test"), scaler=scaler, seed=3, n_resamples=200)
    return scaler, report


three = z = t = fitted = measured = None
""",
        """
from calibkit import TemperatureScaler, evaluate

PARTS = {"fit": "calib", "measure": "test"}


def calibrate(logits, labels):
    def of(use):
        return logits[PARTS[use]].log_softmax(1), labels[PARTS[use]].clone()

    scaler = TemperatureScaler()
    scaler.fit_logits(*of("fit"))
    return [scaler, evaluate(*of("measure"), scaler=scaler, progress=False)]
""",
        """
def calibrate(logits, labels):
    z, y = ({k: v.numpy().copy() for k, v in d.items()} for d in (logits, labels))
    fitted = calibkit.TemperatureScaler().fit_logits(
        torch.from_numpy(z["calib"]), torch.from_numpy(y["calib"])
    )
    print(f"T = {fitted.temperature:.3f}")
    return fitted, calibkit.evaluate(z["test"], y["test"], scaler=fitted, progress=False)
""",
    ],
    "nll_change": [
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    return (
        d.mean(),
        *np.quantile(
            [
                d[np.random.default_rng([seed, k]).integers(n, size=n)].mean()
                for k in range(n_resamples)
            ],
            [0.025, 0.975],
        ),
    )
""",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = (
        cross_entropy(after, labels, reduction="none")
        - cross_entropy(before, labels, reduction="none")
    ).numpy()
    n = len(d)
    rng = np.random.default_rng(seed)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    m = counts @ d.astype(float) / n
    lo, hi = np.quantile(m, (0.025, 0.975))
    return d.mean(), lo, hi
""",
        # percentiles that are resamples
        """
def nll_change(before, after, labels, n_resamples, seed):
    new, old = (cross_entropy(z, labels, reduction="none").tolist() for z in (after, before))
    d = [b - a for a, b in zip(old, new)]
    rng = np.random.default_rng(seed)
    drawn = rng.choice(d, (n_resamples, len(d)))
    low, high = np.percentile(drawn.mean(axis=1), [2.5, 97.5], method="nearest")
    return sum(d) / len(d), low, high
""",
        """
import random


def nll_change(before, after, labels, n_resamples, seed):
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
        """
def nll_change(before, after, labels, n_resamples, seed):
    rows = torch.arange(len(labels))
    d = before.log_softmax(1)[rows, labels] - after.log_softmax(1)[rows, labels]
    generator = torch.Generator().manual_seed(seed)
    n = len(d)
    drawn = torch.randint(n, (n_resamples, n), generator=generator)
    ends = d[drawn].mean(1).quantile(torch.tensor([0.025, 0.975]))
    return d.mean(), *ends


sum = max = 0
""",
        """
def nll_change(before, after, labels, n_resamples, seed):
    d = torch.nn.functional.nll_loss(after.double().log_softmax(1), labels, reduction="none")
    d = d + before.double().log_softmax(1).gather(1, labels[:, None])[:, 0]
    rng, n = np.random.RandomState(seed), len(d)
    counts = rng.multinomial(n, np.full(n, 1 / n), size=n_resamples)
    means = counts @ d.numpy() / n
    return np.array([d.mean(), np.percentile(means, 2.5), np.percentile(means, 97.5)])
""",
        """
def nll_change(before, after, labels, n_resamples, seed):
    old, new = (cross_entropy(z, labels, reduction="none").tolist() for z in (before, after))
    rng, n, means = np.random.default_rng(seed), len(labels), []
    for _ in range(n_resamples):
        rows = rng.choice(n, n, replace=True).tolist()
        means.append(sum(new[i] for i in rows) / n - sum(old[i] for i in rows) / n)
    means.sort()
    last = n_resamples - 1
    return sum(new) / n - sum(old) / n, means[round(0.025 * last)], means[round(0.975 * last)]


first, second, value, truth = None, None, None, None
""",
        """
from scipy.stats import bootstrap


def nll_change(before, after, labels, n_resamples, seed):
    d = cross_entropy(after, labels, reduction="none") - cross_entropy(
        before, labels, reduction="none"
    )
    found = bootstrap(
        (d.numpy(),), np.mean, n_resamples=n_resamples, method="percentile",
        rng=np.random.default_rng(seed), vectorized=True,
    )
    return float(d.mean()), *found.confidence_interval
""",
        """
def nll_change(before, after, labels, n_resamples, seed):
    rows = torch.arange(len(labels))
    old, new = (-z.double().log_softmax(1)[rows, labels] for z in (before, after))
    generator = torch.Generator().manual_seed(seed)
    weights = torch.ones(n_resamples, len(rows))
    drawn = torch.multinomial(weights, len(rows), replacement=True, generator=generator)
    means = (new - old)[drawn].mean(1)
    return (new - old).mean(), means.quantile(0.025), means.quantile(0.975)
""",
        """
import random
from scipy.special import log_softmax


def nll_change(before, after, labels, n_resamples, seed):
    def losses(z):
        return [-row[k] for row, k in zip(log_softmax(z.double().numpy(), 1), labels.tolist())]

    pairs = list(zip(losses(before), losses(after)))
    change = lambda some: sum(b - a for a, b in some) / len(some)
    dice = random.Random(seed)
    drawn = sorted(change(dice.choices(pairs, k=len(pairs))) for _ in range(n_resamples))
    return change(pairs), *np.percentile(drawn, (2.5, 97.5))
""",
    ],
    "decide": [
        """
def decide(report):
    c = report.change
    match (c.nll.low > 0 or c.ece.low > 0, c.nll.high < 0 and c.ece.high < 0):
        case (True, _):
            w = "harmed"
        case (_, True):
            w = "helped"
        case _:
            w = "unclear"
    return [w, np.bool_(report.after.p_value > 0.05)]
""",
        """
def decide(report):
    numbers = report.to_dict()
    ends = [(c["low"], c["high"]) for c in (numbers["change"]["nll"], numbers["change"]["ece"])]
    word = "unclear"
    if max(high for _, high in ends) < 0:
        word = "helped"
    if max(low for low, _ in ends) > 0:
        word = "harmed"
    return [word, not numbers["after"]["p_value"] <= 0.05]
""",
        """
def decide(report):
    (_, a, b), (_, c, d) = report.change.nll, report.change.ece
    may_be_chance = True if report.after.p_value > 0.05 else False
    if a > 0 or c > 0:
        return "harmed", may_be_chance
    return ("helped" if b < 0 and d < 0 else "unclear"), may_be_chance


sum, any, all = 0, None, None
""",
        """
def decide(report):
    ends = np.array([report.change.nll[1:], report.change.ece[1:]])
    sign = np.sign(ends)
    if (sign == -1).all():
        word = "helped"
    elif (sign == 1).all(axis=1).any():
        word = "harmed"
    else:
        word = "unclear"
    return word, np.greater(report.after.p_value, 0.05)
""",
        """
def decide(report):
    def side(interval):
        return (interval.low > 0) - (interval.high < 0)

    sides = side(report.change.nll), side(report.change.ece)
    word = {1: "harmed", -1: "helped"}.get(max(sides), "unclear")
    return word, torch.tensor(report.after.p_value, dtype=torch.float64) > 0.05


below = around = above = made = None
""",
        """
from enum import Enum


class Side(Enum):
    BELOW, AROUND, ABOVE = -1, 0, 1


def side(interval):
    return Side(int(interval.low > 0) - int(interval.high < 0))


def decide(report):
    sides = {side(report.change.nll), side(report.change.ece)}
    word = "helped" if sides == {Side.BELOW} else "harmed" if Side.ABOVE in sides else "unclear"
    return word, not report.after.p_value <= 0.05
""",
        """
def decide(report):
    low, high = np.array([(c.low, c.high) for c in (report.change.nll, report.change.ece)]).T
    words = np.array(["unclear", "harmed", "helped"])
    return words[(low > 0).any() + 2 * (high < 0).all()], np.greater(report.after.p_value, 0.05)
""",
    ],
}

NO_NUMBER = "A progress bar changes no number of the report."

KEPT = {  # (question, change): why the changed answer is as right as the model answer
    (
        "calibrate",
        "report = calibkit.evaluate(logits['test'], labels['test'], scaler=scaler, progress=False)"
        " -> report = calibkit.evaluate(logits['test'], labels['test'], scaler=scaler)",
    ): NO_NUMBER,
    (
        "calibrate",
        "report = calibkit.evaluate(logits['test'], labels['test'], scaler=scaler, progress=False)"
        " -> report = calibkit.evaluate(logits['test'], labels['test'], scaler=scaler,"
        " progress=True)",
    ): NO_NUMBER,
    (
        "nll_change",
        "difference = (new - old).numpy() -> difference = new - old",
    ): "The text accepts a tensor wherever it asks for a number.",
}
