"""Losses over the tiles of all processes: what is counted and compared in one is counted and compared in all."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, distributed


def count() -> int:
    """Return how many processes train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def total(value: Tensor) -> Tensor:
    """Return the sum of a detached value over all processes."""
    if count() == 1:
        return value
    summed = value.clone()
    distributed.all_reduce(summed)
    return summed


def gathered(levels: Sequence[Tensor], labels: Tensor, boxes: Tensor) -> tuple[list[Tensor], Tensor, Tensor]:
    """Return the boxes of all processes in place of this one's; in a single process the same.

    Args:
        levels: (n, C) float32 features of each level.
        labels: (n,) int64 categories.
        boxes: (n, 4) float32 xyxy pixels.
    """
    if count() == 1:
        return list(levels), labels, boxes
    widths = [level.shape[1] for level in levels]
    # Labels are small whole numbers, which float32 holds exactly.
    rows = _Gather.apply(torch.cat([*levels, labels[:, None].float(), boxes], dim=1))
    *features, label, box = rows.split([*widths, 1, 4], dim=1)
    return features, label[:, 0].long(), box


class _Gather(torch.autograd.Function):
    """Stacks all processes' rows, however many each has.

    All processes take the same loss from the same rows, and DDP takes the mean of their gradients. So that this mean
    is the gradient of that one loss, each process's own rows pass theirs on times the number of processes; the other
    processes see to the others.
    """

    @staticmethod
    def forward(context: Any, rows: Tensor) -> Tensor:
        processes, rank = count(), distributed.get_rank()
        counts = [torch.zeros(1, dtype=torch.int64, device=rows.device) for _ in range(processes)]
        distributed.all_gather(counts, torch.tensor([len(rows)], device=rows.device))
        lengths = [int(count) for count in counts]
        padded = rows.new_zeros(max(lengths), rows.shape[1])
        padded[: len(rows)] = rows
        parts = [torch.empty_like(padded) for _ in range(processes)]
        distributed.all_gather(parts, padded)
        context.own = slice(sum(lengths[:rank]), sum(lengths[: rank + 1]))
        return torch.cat([part[:length] for part, length in zip(parts, lengths, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return gradients[0][context.own] * count()
