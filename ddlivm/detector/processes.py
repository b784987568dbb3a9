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


def of_all(value: Tensor) -> Tensor:
    """Return (processes, ...) of the processes' detached tensors, all of one shape."""
    if count() == 1:
        return value[None]
    values = [torch.empty_like(value) for _ in range(count())]
    distributed.all_gather(values, value.contiguous())
    return torch.stack(values)


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
        rank = distributed.get_rank()
        lengths = of_all(torch.tensor(len(rows), device=rows.device)).tolist()
        padded = rows.new_zeros(max(lengths), rows.shape[1])
        padded[: len(rows)] = rows
        context.own = slice(sum(lengths[:rank]), sum(lengths[: rank + 1]))
        return torch.cat([part[:length] for part, length in zip(of_all(padded), lengths, strict=True)])

    @staticmethod
    def backward(context: Any, *gradients: Tensor) -> Tensor:
        return gradients[0][context.own] * count()
