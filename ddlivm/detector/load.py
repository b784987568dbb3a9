"""A trained detector: encode once, detect with any head of the bank."""

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from ddlivm.data.detections import Detections
from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.detector import build
from ddlivm.detector.architecture import CONFIDENCE_FLOOR, UNTRAINED, Architecture
from ddlivm.detector.encoders import Pyramid, fuse
from ddlivm.detector.heads import BankEntry, OneStage
from ddlivm.detector.normalisation import normalise_infrared
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.detector.weights import load_weights
from ddlivm.errors import InputError
from ddlivm.files import read_json

FCOS, MASK_RCNN = "fcos", "mask_rcnn"
INFRARED_ONLY = "infrared_only"
UNTRAINED_SEED = 0


class Detector:
    """Frozen encoders and the bank's heads on them. All boxes are in the working frame.

    Args:
        architecture: what it is built from.
        infrared: the infrared encoder.
        visible: the visible encoder.
        entries: the bank's entries by epoch; those without a two-stage head are of one stage.
        infrared_only: the reference that sees one modality.
    """

    references = (UNTRAINED, INFRARED_ONLY)
    """Heads to compare with, never to choose."""

    def __init__(
        self,
        architecture: Architecture,
        infrared: nn.Module,
        visible: nn.Module,
        entries: Mapping[str, OneStage],
        infrared_only: OneStage,
    ) -> None:
        self.architecture = architecture
        self.infrared = infrared.eval()
        self.visible = visible.eval()
        self.entries = {epoch: entry.eval() for epoch, entry in entries.items()}
        self.infrared_only = infrared_only.eval()

    @property
    def working_size(self) -> tuple[int, int]:
        """(width, height) of the working infrared image."""
        return self.architecture.working_size

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads to choose from: `fcos-<epoch>` and `mask_rcnn-<epoch>`, in the order they were trained."""
        both = [epoch for epoch in sorted(self.entries) if isinstance(self.entries[epoch], BankEntry)]
        return (*(f"{FCOS}-{epoch}" for epoch in sorted(self.entries)), *(f"{MASK_RCNN}-{epoch}" for epoch in both))

    def to(self, device: torch.device) -> Self:
        """Move everything to a device, where images follow; detections come back from it."""
        for module in (self.infrared, self.visible, *self.entries.values(), self.infrared_only):
            module.to(device)
        return self

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return next(self.infrared.parameters()).device

    @cached_property
    def _fresh(self) -> "Detector":
        return untrained(self.architecture).to(self.device)

    @torch.no_grad()
    def encode_infrared(self, values: npt.NDArray[np.float32], radiometric: bool) -> Pyramid:
        """Encode working infrared images.

        Args:
            values: (B, h, w) °C or grey levels.
            radiometric: whether they are temperatures.

        Returns:
            Four maps (B, C, h / s, w / s) for s in 4, 8, 16, 32.
        """
        normalised = np.stack([normalise_infrared(image, radiometric) for image in values])
        # A processor takes twice as long for ten large images at once as for one after the other: the maps leave its
        # caches, and their memory has to be asked for anew.
        size = 1 if self.device.type == "cpu" else len(normalised)
        parts: list[Pyramid] = [
            self.infrared(infrared_tensor(normalised[first : first + size]).to(self.device))
            for first in range(0, len(normalised), size)
        ]
        return parts[0] if len(parts) == 1 else tuple(torch.cat(levels) for levels in zip(*parts, strict=True))

    @torch.no_grad()
    def encode_visible(self, images: npt.NDArray[np.uint8]) -> Pyramid:
        """Encode working visible images, (B, 7h/4, 7w/4, 3) uint8 RGB, to maps on the grid of the infrared ones."""
        pyramid: Pyramid = self.visible(visible_tensor(images).to(self.device))
        return pyramid

    @torch.no_grad()
    def detect(
        self, head: str, infrared: Pyramid, visible: Pyramid, minimum_score: float = CONFIDENCE_FLOOR
    ) -> list[Detections]:
        """Detect with one head.

        Args:
            head: one of `heads`, or `infrared_only`.
            infrared: what `encode_infrared` gave.
            visible: what `encode_visible` gave; the infrared-only head does not look at it.
            minimum_score: detections below it are left out.

        Returns:
            For each image its detections in the working frame, best first.

        Raises:
            InputError: no such head.
        """
        if head == INFRARED_ONLY:
            return self.infrared_only.detect(infrared, self.working_size, minimum_score)
        kind, _, epoch = head.rpartition("-")
        if head not in self.heads:
            raise InputError(f"head {head!r} is not in the bank; it has {', '.join((*self.heads, INFRARED_ONLY))}")
        entry, fused = self.entries[epoch], fuse(infrared, visible)
        if kind == MASK_RCNN and isinstance(entry, BankEntry):
            return entry.detect_in_two_stages(fused, self.working_size, minimum_score)
        return entry.detect(fused, self.working_size, minimum_score)

    @torch.no_grad()
    def detect_untrained(
        self, values: npt.NDArray[np.float32], radiometric: bool, images: npt.NDArray[np.uint8]
    ) -> list[Detections]:
        """Detect with fresh weights, FCOS: what the architecture does that has learnt nothing.

        Args:
            values: (B, h, w) working infrared images, °C or grey levels.
            radiometric: whether they are temperatures.
            images: (B, 7h/4, 7w/4, 3) uint8 RGB working visible images.
        """
        pyramids = self._fresh.encode_infrared(values, radiometric), self._fresh.encode_visible(images)
        return self._fresh.entries["000"].detect(fuse(*pyramids), self.working_size, 0.0)


def untrained(architecture: Architecture) -> Detector:
    """Build a detector with seeded fresh weights; its one entry is `000`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(UNTRAINED_SEED)
        infrared, visible = build.encoders(architecture)
        entry = build.bank_entry(architecture)
        reference = build.infrared_head(architecture, len(load_taxonomy()))
    # Fresh heads give every place a score of about 0.01: under the heads' own floor they would detect nothing.
    entry.bbox_head.test_cfg["score_thr"] = 0.0
    return Detector(architecture, infrared, visible, {"000": entry}, reference)


def load_detector(encoders: Path, bank: Path) -> Detector:
    """Load the folders that the stages `dtft_training` and `head_checkpointing` wrote, onto a GPU if there is one.

    Raises:
        InputError: a file is missing or damaged, or the two folders do not belong together.
    """
    architecture = Architecture.load(bank)
    if Architecture.load(encoders) != architecture.without_mask_rcnn():
        raise InputError(f"{bank}: its heads were not trained on the encoders in {encoders}; train the heads again")
    content = read_json(bank / "bank.json")
    try:
        files = {
            str(epoch): (str(entry["file"]), MASK_RCNN in entry["heads"]) for epoch, entry in content["entries"].items()
        }
    except (KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{bank / 'bank.json'}: does not list a bank's entries; train the heads again") from error
    infrared, visible = build.encoders(architecture)
    load_weights(encoders / "encoders.safetensors", {"infrared": infrared, "visible": visible})
    entries = {}
    for epoch, (name, two_stages) in files.items():
        entries[epoch] = build.bank_entry(architecture) if two_stages else build.joint_head(architecture)
        load_weights(bank / name, {"": entries[epoch]})
    reference = build.infrared_head(architecture, len(load_taxonomy()))
    load_weights(bank / "infrared_only.safetensors", {"": reference})
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return Detector(architecture, infrared, visible, entries, reference).to(device)
