"""A calibration set that several processes share, each of which has a part of it."""

from dataclasses import replace
from functools import reduce
from zlib import crc32

import torch

from calibkit._distributed import gather_from_processes
from calibkit._rows import Rows

_PRECISIONS = torch.float16, torch.bfloat16, torch.float32, torch.float64


def agree_with_other_processes(rows: Rows, scaler: str) -> Rows:
    """Return the rows in the precision that holds the logits of every process.

    The scaler is given as its class with its options, which are the same in every process.

    A part without a sample gets the number of classes of the others. All processes know the same
    facts, so either all of them go on or all of them raise the same error.
    """
    precision, number = _PRECISIONS.index(rows.scores.dtype), crc32(scaler.encode())
    parts = gather_from_processes([len(rows), rows.n_classes, precision, number])
    if len({part[3] for part in parts}) > 1:
        raise ValueError(
            f"all processes must fit the same scaler with the same options, got {scaler} in this "
            "one; make the same scaler in every process"
        )
    with_samples = [part for part in parts if part[0] > 0]
    if not with_samples:
        raise ValueError(
            f"the calibration set holds no sample in any of {len(parts)} processes; pass one "
            "sample or more"
        )
    classes = sorted({n_classes for _, n_classes, _, _ in with_samples})
    if len(classes) > 1:
        raise ValueError(
            f"all processes must pass logits of the same classes, got {classes} classes in "
            "different processes; run the same model in every process"
        )
    dtype = reduce(torch.promote_types, [_PRECISIONS[index] for _, _, index, _ in with_samples])
    if len(rows) == 0:
        no_labels = rows.labels.new_empty(0)
        return Rows(rows.scores.new_empty(0, classes[0], dtype=dtype), no_labels)
    return replace(rows, scores=rows.scores.to(dtype))
