"""Defect-specific three-step fine-tuning: Algorithm 1's updates of one batch (3.2)."""

from collections.abc import Callable, Iterator, Sequence

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm.data.taxonomy import SHAPES, load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture
from ddlivm.detector.contrast import Rules, contrast
from ddlivm.detector.encoders import Pyramid, fuse
from ddlivm.detector.heads import OneStage, Truth
from ddlivm.detector.pretrained import begin
from ddlivm.parameters.dtft_training import DtftTraining
from ddlivm.training.batches import Batch
from ddlivm.training.devices import synchronised
from ddlivm.training.optimisation import Optimiser
from ddlivm.training.statistics import measure_statistics, norms

STEPS = ("infrared", "visible", "joint")
"""Algorithm 1's steps: one modality, the other, both."""

UPDATES: dict[str, dict[str, tuple[str, ...]]] = {
    "literal": {step: (step,) for step in STEPS},
    "fused": {"fused": STEPS},
    "joint": {"joint": ("joint",)},
}
"""For each schedule its optimizer updates of a batch, and the steps whose losses each takes."""

Images = Callable[[], Iterator[tuple[Tensor, Tensor]]]
"""Gives whole source images, infrared and visible, as the encoders take them."""


class ThreeSteps(nn.Module):
    """Both encoders, and a neck with an FCOS head for each of the three steps.

    Args:
        architecture: of the detector; its heads are those of step 3.
        parameters: of the training.
    """

    def __init__(self, architecture: Architecture, parameters: DtftTraining) -> None:
        super().__init__()
        taxonomy = load_taxonomy()
        self.taxonomy = taxonomy
        self.weights = parameters.loss_weights[1:]
        told = parameters.contrast
        plain = Rules(told.soft_everywhere, told.distance, told.margin)
        soft = Rules(True, told.distance, told.margin)
        apart = None if told.internal_positives else taxonomy.external_count
        grouped = Rules(told.soft_everywhere, told.distance, told.margin, apart)
        self.rules = {"infrared": soft, "visible": grouped, "joint": plain}
        self.infrared, self.visible = build.encoders(architecture)
        begin(self.infrared, parameters.infrared_encoder)
        begin(self.visible, parameters.visible_encoder)
        self.infrared_head = build.infrared_head(architecture, len(SHAPES))
        self.visible_head = build.visible_head(architecture, taxonomy.external_count)
        self.joint_head = build.joint_head(architecture)

    def forward(self, steps: Sequence[str], infrared: Tensor, visible: Tensor, truth: Truth) -> dict[str, Tensor]:
        """Take some steps' losses, and run no encoder twice, nor one that all of these steps mask.

        Args:
            steps: some of `STEPS`.
            infrared: (B, 1, h, w) normalised.
            visible: (B, 3, 7h/4, 7w/4) normalised, of the same ground.
            truth: the tiles' boxes and taxonomy classes.

        Returns:
            For each step its detection loss and its weighted contrastive loss (Eq. 2), scalars each.
        """
        maps: dict[str, Pyramid] = {}
        if "infrared" in steps or "joint" in steps:
            maps["infrared"] = self.infrared(infrared)
        if "visible" in steps or "joint" in steps:
            maps["visible"] = self.visible(visible)
        losses: dict[str, Tensor] = {}
        if "infrared" in steps:
            shapes = truth.relabelled(self.taxonomy.shape_of_class)
            losses |= self._losses("infrared", self.infrared_head, maps["infrared"], shapes, shapes)
        if "visible" in steps:
            external = truth.relabelled(self.taxonomy.external_of_class)
            grouped = truth.relabelled(self.taxonomy.contrast_of_class)
            losses |= self._losses("visible", self.visible_head, maps["visible"], external, grouped)
        if "joint" in steps:
            fused = fuse(maps["infrared"], maps["visible"])
            losses |= self._losses("joint", self.joint_head, fused, truth, truth)
        return losses

    def _losses(
        self, step: str, head: OneStage, pyramid: Pyramid, truth: Truth, categories: Truth
    ) -> dict[str, Tensor]:
        return {
            f"{step}_detection": torch.stack(list(head.losses(pyramid, truth).values())).sum(),
            f"{step}_contrast": contrast(pyramid, categories, self.rules[step]).loss(*self.weights),
        }


class Dtft:
    """The model, and an optimizer for each of its updates of a batch.

    In the literal schedule each step has its own optimizer, as moments of one loss would mislead another's; the
    encoders belong to two of them each. The fused schedule is one update by all three losses, and the joint one, which
    is no DTFT, one by step 3's alone.

    Args:
        fabric: where training runs.
        architecture: of the detector; its heads are those of step 3.
        parameters: of the training.
        fold: the fold's name, for messages.
        images: what batch normalisation's statistics are measured on when they settle.
    """

    def __init__(
        self,
        fabric: Fabric,
        architecture: Architecture,
        parameters: DtftTraining,
        fold: str,
        images: Images = lambda: iter(()),
    ) -> None:
        self.name = f"dtft_training {fold}"
        self.images = images
        torch.manual_seed(parameters.seed)
        self.detection_weight = parameters.loss_weights[0]
        self.settled_after = parameters.settling * parameters.epochs
        model = synchronised(fabric, ThreeSteps(architecture, parameters))
        self.model = fabric.setup_module(model)
        self.device = fabric.device
        self.modules: dict[str, nn.Module] = dict(model.named_children())
        self.encoders = (model.infrared, model.visible)
        self.updates = UPDATES[parameters.schedule]
        parts = {
            "infrared": (model.infrared, model.infrared_head),
            "visible": (model.visible, model.visible_head),
            "joint": (*self.encoders, model.joint_head),
        }
        shares = dict.fromkeys(self.encoders, parameters.encoder_rate)
        self.optimisers = {
            name: Optimiser(
                fabric,
                {module: shares.get(module, 1.0) for step in steps for module in parts[step]},
                parameters,
                f"{self.name} {name}",
            )
            for name, steps in self.updates.items()
        }

    def epoch_begins(self, epoch: int, resumed: bool) -> None:
        """Once settled, let batch normalisation keep its statistics, those of whole images where there are any.

        A batch of a few tiles has others than the whole images that are detected on; the weights must get used to
        those that will be in force then.
        """
        settled = epoch > self.settled_after
        if settled and not resumed and epoch - 1 <= self.settled_after:
            for index, encoder in enumerate(self.encoders):
                batches = (images[index].to(self.device) for images in self.images())
                measure_statistics(encoder, batches)
        for encoder in self.encoders:
            for module in norms(encoder):
                module.train(not settled)

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Take a batch's updates; the encoder that an update masks is not executed in it."""
        rows: dict[str, Tensor] = {}
        for name, steps in self.updates.items():
            losses = self.model(steps, batch.infrared, batch.visible, batch.truth)
            total = [self.detection_weight * losses[f"{step}_detection"] + losses[f"{step}_contrast"] for step in steps]
            self.optimisers[name].step(torch.stack(total).sum(), factor)
            rows |= {row: loss.detach() for row, loss in losses.items()}
        return rows

    def epoch_done(self, epoch: int) -> None:
        """Nothing is kept of an epoch but its checkpoint."""
