"""Defect-specific three-step fine-tuning: Algorithm 1's updates of one batch (3.2)."""

import torch
from torch import Tensor, nn

from ddlivm.data.taxonomy import SHAPES, load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.contrast import contrast
from ddlivm.detector.encoders import Pyramid, fuse
from ddlivm.detector.heads import OneStage, Truth
from ddlivm.detector.pretrained import begin
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.training.batches import Batch
from ddlivm.training.optimisation import Optimiser


class Dtft:
    """Both encoders, and a neck with an FCOS head and an optimizer for each of the three steps.

    Each step has its own optimizer, as moments of one loss would mislead another's; the encoders belong to two of
    them each.

    Args:
        architecture: of the detector; its heads are those of step 3.
        parameters: of the training.
        fold: the fold's name, for messages.
    """

    def __init__(self, architecture: Architecture, parameters: DtftTraining, fold: str) -> None:
        self.name = f"dtft_training {fold}"
        taxonomy = load_taxonomy()
        torch.manual_seed(parameters.seed)
        self.detection_weight, *self.contrast_weights = parameters.loss_weights
        self.settled_after = parameters.settling * parameters.epochs
        self.infrared, self.visible = build.encoders(architecture)
        begin(self.infrared, parameters.infrared_encoder)
        begin(self.visible, parameters.visible_encoder)
        self.infrared_head = build.infrared_head(architecture, len(SHAPES))
        self.visible_head = build.visible_head(architecture, taxonomy.external_count)
        self.joint_head = build.joint_head(architecture)
        self.shape_of_class = taxonomy.shape_of_class
        self.external_of_class = taxonomy.external_of_class
        self.contrast_of_class = taxonomy.contrast_of_class
        self.modules: dict[str, nn.Module] = {
            "infrared": self.infrared,
            "visible": self.visible,
            "infrared_head": self.infrared_head,
            "visible_head": self.visible_head,
            "joint_head": self.joint_head,
        }
        groups = {
            "infrared": (self.infrared, self.infrared_head),
            "visible": (self.visible, self.visible_head),
            "joint": (self.infrared, self.visible, self.joint_head),
        }
        self.optimisers = {name: Optimiser(group, parameters, f"{self.name} {name}") for name, group in groups.items()}

    def epoch_begins(self, epoch: int) -> None:
        """Once settled, let batch normalisation keep its statistics.

        A batch of a few tiles has others than the whole images that are detected on; the weights must get used to
        those that will be in force then.
        """
        for encoder in (self.infrared, self.visible):
            for module in encoder.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.train(epoch <= self.settled_after)

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Take the three updates; the encoder that a step masks is not executed in it."""
        rows: dict[str, Tensor] = {}
        shapes = batch.truth.relabelled(self.shape_of_class)
        rows |= self._update(
            "infrared", self.infrared_head, self.infrared(batch.infrared), shapes, shapes, factor, soft=True
        )
        external = batch.truth.relabelled(self.external_of_class)
        grouped = batch.truth.relabelled(self.contrast_of_class)
        rows |= self._update("visible", self.visible_head, self.visible(batch.visible), external, grouped, factor)
        fused = fuse(self.infrared(batch.infrared), self.visible(batch.visible))
        return rows | self._update("joint", self.joint_head, fused, batch.truth, batch.truth, factor)

    def _update(
        self,
        name: str,
        head: OneStage,
        pyramid: Pyramid,
        truth: Truth,
        categories: Truth,
        factor: float,
        soft: bool = False,
    ) -> dict[str, Tensor]:
        detection = torch.stack(list(head.losses(pyramid, truth).values())).sum()
        distance = contrast(pyramid, categories, soft).loss(*self.contrast_weights)
        self.optimisers[name].step(self.detection_weight * detection + distance, factor)
        return {f"{name}_detection": detection.detach(), f"{name}_contrast": distance.detach()}

    def epoch_done(self, epoch: int) -> None:
        """Nothing is kept of an epoch but its checkpoint."""
