"""The head bank: one neck with both heads, and the infrared-only reference, on frozen encoders (3.2, 3.3)."""

from pathlib import Path

import torch
from torch import Tensor, nn

from ddlivm.data.taxonomy import SHAPES, load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import Architecture, MaskRcnnSpec
from ddlivm.detector.encoders import fuse
from ddlivm.detector.heads import OneStage
from ddlivm.detector.weights import load_weights, save_weights
from ddlivm.parameters.head_checkpointing import HeadCheckpointing
from ddlivm.training.batches import Batch
from ddlivm.training.optimisation import Optimiser


class Bank:
    """What phase 2 trains.

    Args:
        encoders: the encoders' stage's folder; its step 3 is what the shared neck and FCOS start from.
        parameters: of the stage.
        fold: the fold's name, for messages.
        work: where entries wait until the stage ends.
    """

    def __init__(self, encoders: Path, parameters: HeadCheckpointing, fold: str, work: Path) -> None:
        self.name = f"head_checkpointing {fold}"
        torch.manual_seed(parameters.seed)
        self.parameters = parameters
        self.work = work
        self.architecture = Architecture.load(encoders).with_mask_rcnn(MaskRcnnSpec.of(parameters.mask_rcnn))
        self.infrared, self.visible = build.encoders(self.architecture)
        load_weights(encoders / "encoders.safetensors", {"infrared": self.infrared, "visible": self.visible})
        for encoder in (self.infrared, self.visible):
            encoder.requires_grad_(False).eval()
        self.entry = build.bank_entry(self.architecture)
        load_weights(encoders / "step3.safetensors", {"neck": self.entry.neck, "bbox_head": self.entry.bbox_head})
        self.reference = widened(encoders, self.architecture)
        self.modules: dict[str, nn.Module] = {"entry": self.entry, "reference": self.reference}
        self.optimisers = {
            name: Optimiser([module], parameters, f"{self.name} {name}") for name, module in self.modules.items()
        }

    def step(self, batch: Batch, factor: float) -> dict[str, Tensor]:
        """Update the entry and the infrared-only reference once each."""
        with torch.no_grad():
            infrared, visible = self.infrared(batch.infrared), self.visible(batch.visible)
            fused = fuse(infrared, visible)
        losses = self.entry.losses(fused, batch.truth)
        self.optimisers["entry"].step(torch.stack(list(losses.values())).sum(), factor)
        alone = torch.stack(list(self.reference.losses(infrared, batch.truth).values())).sum()
        self.optimisers["reference"].step(alone, factor)
        return {name: loss.detach() for name, loss in losses.items()} | {"infrared_only": alone.detach()}

    def epoch_begins(self, epoch: int) -> None:
        """Nothing changes between epochs."""

    def epoch_done(self, epoch: int) -> None:
        """Keep an entry where one is due; the last epoch always gives one."""
        if epoch % self.parameters.save_every == 0 or epoch == self.parameters.epochs:
            save_weights(self.work / entry_file(epoch), {"": self.entry})


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
