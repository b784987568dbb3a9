"""The head bank: one neck with both heads, and the infrared-only reference, on frozen encoders (3.2, 3.3)."""

from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from ddlivm.data.taxonomy import SHAPES, load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture, MaskRcnnSpec
from ddlivm.detector.encoders import Pyramid, fuse
from ddlivm.detector.heads import BankEntry, Losses, OneStage, Truth
from ddlivm.detector.weights import load_weights, save_weights
from ddlivm.parameters.head_checkpointing import HeadCheckpointing
from ddlivm.training.bank_batches import Encoded
from ddlivm.training.batches import Batch
from ddlivm.training.encoder_cache import Outputs
from ddlivm.training.optimisation import Optimiser


class Heads(nn.Module):
    """A bank's entry and the infrared-only reference, as one module, which processes keep in step.

    Args:
        entry: on the fused pyramid.
        reference: on the infrared one.
    """

    def __init__(self, entry: BankEntry, reference: OneStage) -> None:
        super().__init__()
        self.entry = entry
        self.reference = reference

    def forward(self, name: str, pyramid: Pyramid, truth: Truth) -> Losses:
        """Return the losses of the part `name`, scalars each."""
        part: OneStage = getattr(self, name)
        return part.losses(pyramid, truth)


class Bank:
    """What phase 2 trains.

    Args:
        fabric: where training runs.
        encoders: the encoders' stage's folder; its step 3 is what the shared neck and FCOS start from.
        parameters: of the stage.
        fold: the fold's name, for messages.
        work: where entries wait until the stage ends.
    """

    def __init__(self, fabric: Fabric, encoders: Path, parameters: HeadCheckpointing, fold: str, work: Path) -> None:
        self.name = f"head_checkpointing {fold}"
        torch.manual_seed(parameters.seed)
        self.fabric = fabric
        self.parameters = parameters
        self.work = work
        self.architecture = Architecture.load(encoders).with_mask_rcnn(MaskRcnnSpec.of(parameters.mask_rcnn))
        self.infrared, self.visible = build.encoders(self.architecture)
        load_weights(encoders / "encoders.safetensors", {"infrared": self.infrared, "visible": self.visible})
        for encoder in (self.infrared, self.visible):
            encoder.requires_grad_(False).eval().to(fabric.device)
        entry = build.bank_entry(self.architecture)
        load_weights(encoders / "step3.safetensors", {"neck": entry.neck, "bbox_head": entry.bbox_head})
        heads = Heads(entry, widened(encoders, self.architecture))
        self.heads = fabric.setup_module(heads)
        self.modules: dict[str, nn.Module] = dict(heads.named_children())
        # What starts from phase 1's weights is tuned; at the full rate it would forget them.
        tuned = {entry.neck: parameters.tuned_rate, entry.bbox_head: parameters.tuned_rate}
        fresh = {entry.rpn_head: 1.0, entry.roi_head: 1.0}
        rates = {"entry": tuned | fresh, "reference": {heads.reference: 1.0}}
        self.optimisers = {
            name: Optimiser(fabric, shares, parameters, f"{self.name} {name}") for name, shares in rates.items()
        }

    def step(self, batch: Batch | Encoded, factor: float) -> dict[str, Tensor]:
        """Update the entry and the infrared-only reference once each."""
        outputs = batch.outputs if isinstance(batch, Encoded) else self.encode(batch.infrared, batch.visible)
        infrared, visible = (
            tuple(level.float() for level in pyramid) for pyramid in (outputs.infrared, outputs.visible)
        )
        losses: Losses = self.heads("entry", fuse(infrared, visible), batch.truth)
        self.optimisers["entry"].step(torch.stack(list(losses.values())).sum(), factor)
        alone = torch.stack(list(self.heads("reference", infrared, batch.truth).values())).sum()
        self.optimisers["reference"].step(alone, factor)
        return {name: loss.detach() for name, loss in losses.items()} | {"infrared_only": alone.detach()}

    @torch.no_grad()
    def encode(self, infrared: Tensor, visible: Tensor) -> Outputs:
        """Return the frozen encoders' outputs, rounded as the disk would keep them where it keeps any.

        Args:
            infrared: (B, 1, h, w) normalised.
            visible: (B', 3, 7h/4, 7w/4) normalised.
        """
        with self.fabric.autocast():
            pyramids: list[Pyramid] = [self.infrared(infrared), self.visible(visible)]
        if self.parameters.cache_gigabytes and self.parameters.tiles.plain:
            pyramids = [tuple(level.bfloat16() for level in pyramid) for pyramid in pyramids]
        return Outputs(*pyramids)

    def epoch_begins(self, epoch: int, resumed: bool) -> None:
        """Nothing changes between epochs."""

    def epoch_done(self, epoch: int) -> None:
        """Keep an entry where one is due; the last epoch always gives one."""
        if epoch % self.parameters.save_every == 0 or epoch == self.parameters.epochs:
            save_weights(self.work / entry_file(epoch), {"": self.modules["entry"]})


def entry_file(epoch: int) -> str:
    """Return the name of an epoch's entry."""
    return f"entry_{epoch:03d}.safetensors"


def widened(encoders: Path, architecture: Architecture) -> OneStage:
    """Return step 1's neck and head with its class layer widened from shapes to types: each type starts as its shape.

    Args:
        encoders: the encoders' stage's folder.
        architecture: of the detector.
    """
    taxonomy = load_taxonomy()
    narrow = build.infrared_head(architecture, len(SHAPES))
    load_weights(encoders / "infrared_step.safetensors", {"": narrow})
    wide = build.infrared_head(architecture, len(taxonomy))
    shapes = torch.tensor(taxonomy.shape_of_class)
    state = narrow.state_dict()
    for key in ("bbox_head.conv_cls.weight", "bbox_head.conv_cls.bias"):
        state[key] = state[key][shapes]
    wide.load_state_dict(state)
    return wide
