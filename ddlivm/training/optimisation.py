"""AdamW, its learning rate's course, and the step that both stages take."""

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn

from ddlivm.errors import InputError
from ddlivm.parameters.dtft_training import Schedule

FIRST_RATE = 0.02
"""Share of the peak learning rate that the rise starts from."""


def rate_factor(progress: float, warm_up: float) -> float:
    """Return the share of the peak learning rate: a linear rise, then half a cosine to zero.

    Args:
        progress: share of the training that is done, 0 to 1.
        warm_up: share of the training that rises.
    """
    if progress < warm_up:
        return FIRST_RATE + (1 - FIRST_RATE) * progress / warm_up
    return 0.5 * (1 + math.cos(math.pi * (progress - warm_up) / (1 - warm_up)))


class Optimiser:
    """One AdamW over some modules.

    Weight decay spares biases, norms and scales, which have one dimension: pulling them to zero silences them.

    Args:
        modules: what it updates.
        schedule: its course.
        name: for messages.
    """

    def __init__(self, modules: Iterable[nn.Module], schedule: Schedule, name: str) -> None:
        parameters = [parameter for module in modules for parameter in module.parameters()]
        self.name = name
        self.schedule = schedule
        self.parameters = parameters
        self.adamw = torch.optim.AdamW(
            [
                {"params": [p for p in parameters if p.ndim > 1], "weight_decay": schedule.weight_decay},
                {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
            ],
            lr=schedule.learning_rate,
            betas=(0.9, schedule.second_moment),
            fused=True,
        )

    def step(self, loss: Tensor, factor: float) -> None:
        """Update once.

        Args:
            loss: a scalar to go down.
            factor: share of the peak learning rate.

        Raises:
            InputError: the loss is not a number any more.
        """
        if not torch.isfinite(loss):
            raise InputError(f"{self.name}: the loss is {loss.item()}; lower learning_rate (the last epoch is kept)")
        self.adamw.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.parameters, self.schedule.maximum_gradient)
        for group in self.adamw.param_groups:
            group["lr"] = self.schedule.learning_rate * factor
        self.adamw.step()
