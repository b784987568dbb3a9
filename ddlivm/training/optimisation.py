"""AdamW, its learning rate's course, and the step that both stages take."""

import math
from collections.abc import Mapping

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm.parameters.dtft_training import Schedule
from ddlivm.training.devices import fail, mean

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
        fabric: where training runs.
        modules: what it updates, and each module's share of the learning rate.
        schedule: its course.
        name: for messages.
    """

    def __init__(self, fabric: Fabric, modules: Mapping[nn.Module, float], schedule: Schedule, name: str) -> None:
        shares = [
            (parameter, share)
            for module, share in modules.items()
            for parameter in module.parameters()
            if parameter.requires_grad
        ]
        self.fabric = fabric
        self.name = name
        self.schedule = schedule
        self.parameters = [parameter for parameter, _ in shares]
        self.adamw = torch.optim.AdamW(
            [
                {
                    "params": [p for p, its in shares if its == share and (p.ndim > 1) == decays],
                    "weight_decay": schedule.weight_decay if decays else 0.0,
                    "share": share,
                }
                for share in sorted(set(modules.values()))
                for decays in (True, False)
            ],
            lr=schedule.learning_rate,
            betas=(0.9, schedule.second_moment),
            fused=True,
        )

    def step(self, loss: Tensor, factor: float) -> None:
        """Update once, by the mean of all processes' gradients.

        Args:
            loss: a scalar to go down; this process's.
            factor: share of the peak learning rate.

        Raises:
            InputError: the loss is not a number any more, in any process.
        """
        value = mean(self.fabric, loss.detach())
        if not torch.isfinite(value):
            line = f"{self.name}: the loss is {value.item()}; lower learning_rate (the last checkpoint is kept)"
            fail(self.fabric, line)
        self.adamw.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        nn.utils.clip_grad_norm_(self.parameters, self.schedule.maximum_gradient)
        for group in self.adamw.param_groups:
            group["lr"] = self.schedule.learning_rate * factor * group["share"]
        self.adamw.step()
