"""Tune a trained detector: step 3's detection loss on trained encoders, neck and FCOS head."""

from collections.abc import Mapping

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm.detector.encoders import fuse
from ddlivm.detector.heads import OneStage, Truth
from ddlivm.detector.pretrained import Freezing
from ddlivm.parameters.dtft_training import Schedule
from ddlivm.training.batches import Batch
from ddlivm.training.optimisation import Optimiser
from ddlivm.training.statistics import norms


class JointStep(nn.Module):
    """Both encoders, and neck and FCOS head on their fused pyramid.

    Args:
        infrared: The infrared encoder.
        visible: The visible encoder.
        head: Neck and FCOS head.
    """

    def __init__(self, infrared: nn.Module, visible: nn.Module, head: OneStage) -> None:
        super().__init__()
        self.infrared = infrared
        self.visible = visible
        self.head = head

    def forward(self, infrared: Tensor, visible: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Return FCOS' losses, scalars each.

        Args:
            infrared: (B, 1, h, w) normalised.
            visible: (B, 3, 7h/4, 7w/4) normalised, of the same ground.
            truth: The tiles' boxes and taxonomy classes.
        """
        return self.head.losses(fuse(self.infrared(infrared), self.visible(visible)), truth)


class Tuning:
    """What is tuned, with its optimizer; batch normalisation keeps the statistics that it has.

    Args:
        fabric: Where training runs.
        parts: The modules; they are changed.
        frozen_stages: How many of a convolutional encoder's first stages stay as they are.
        encoder_rate: The encoders' share of the learning rate.
        schedule: The optimizer's course.
        seed: Of what mmdet's heads draw.
        name: For messages.
    """

    def __init__(
        self,
        fabric: Fabric,
        parts: JointStep,
        frozen_stages: int,
        encoder_rate: float,
        schedule: Schedule,
        seed: int,
        name: str,
    ) -> None:
        self.name = name
        torch.manual_seed(seed)
        for encoder in (parts.infrared, parts.visible):
            if isinstance(encoder, Freezing):
                encoder.freeze(frozen_stages)
        self.model = fabric.setup_module(parts)
        self.modules: dict[str, nn.Module] = dict(parts.named_children())
        shares: Mapping[nn.Module, float] = {
            parts.infrared: encoder_rate,
            parts.visible: encoder_rate,
            parts.head: 1.0,
        }
        self.optimisers = {"joint": Optimiser(fabric, shares, schedule, name)}

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Update once."""
        losses = self.model(batch.infrared, batch.visible, batch.truth)
        self.optimisers["joint"].step(torch.stack(list(losses.values())).sum(), factor)
        return {name: loss.detach() for name, loss in losses.items()}

    def epoch_begins(self, epoch: int, resumed: bool) -> None:
        """Let everything learn but the statistics of batch normalisation."""
        for module in self.modules.values():
            module.train()
            for norm in norms(module):
                norm.eval()

    def epoch_done(self, epoch: int) -> None:
        """Nothing is kept of an epoch but its checkpoint."""
