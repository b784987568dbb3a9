"""What every segmenter's network is."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Decoded:
    """What a network gives.

    Attributes:
        logits: (B, 1, h, w), the answer, at the image's size or a simple fraction of it.
        sides: (B, 1, h, w) logits of coarser answers that are supervised too; empty unless training.
        gradients: (B, 1, h, w) logits of where the image changes inside the panels, one for each side map.
    """

    logits: Tensor
    sides: tuple[Tensor, ...] = ()
    gradients: tuple[Tensor, ...] = ()


class Network(nn.Module, ABC):
    """A network from images to panel logits.

    Attributes:
        multiple: sides of its input are multiples of it.
    """

    multiple: ClassVar[int]

    @property
    @abstractmethod
    def description(self) -> dict[str, Any]:
        """What it is built from again: `kind`, a key of `NETWORKS`, and its sizes; goes to JSON."""

    @staticmethod
    @abstractmethod
    def normalise(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Return (h, w, 3) float32 as the network wants it, of an image whose grey levels are 0 to 255."""

    @abstractmethod
    def decode(self, image: Tensor) -> Decoded:
        """Return all that is supervised, for a normalised image (B, 3, H, W)."""

    def forward(self, image: Tensor) -> Tensor:
        """Return panel logits (B, 1, H, W) for a normalised image (B, 3, H, W)."""
        logits, size = self.decode(image).logits, image.shape[-2:]
        if logits.shape[-2:] == size:
            return logits
        return F.interpolate(logits, size=tuple(size), mode="bilinear", align_corners=False)
