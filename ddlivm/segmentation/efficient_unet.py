"""A U-Net over an EfficientNet's pretrained features, light enough for a laptop."""

from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.detector.convolutional import efficientnet
from ddlivm.segmentation.network import Decoded, Network
from ddlivm.segmentation.unet import block

STRIDES = (2, 4, 8, 16, 32)


class EfficientUNet(Network):
    """An EfficientNet at strides 2 to 32, and a decoder back to stride 2, whose cells have 2x2 logits each.

    Args:
        model: The name of the encoder in timm.
        features: Channels of the encoder at its five strides.
        channels: Channels of the decoder at strides 16, 8, 4 and 2, multiples of 8.
    """

    multiple: ClassVar[int] = 32

    def __init__(
        self, model: str, features: tuple[int, int, int, int, int], channels: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.model = model
        self.features = features
        self.channels = channels
        self.pyramid = efficientnet(model, STRIDES, features)
        inputs = (features[-1], *channels)
        self.decoder = nn.ModuleList(
            block(inputs[level] + features[3 - level], inputs[level + 1]) for level in range(4)
        )
        self.head = nn.Sequential(nn.Conv2d(channels[-1], 4, 3, padding=1), nn.PixelShuffle(2))

    @property
    def description(self) -> dict[str, Any]:
        """Its kind, its encoder and its channels."""
        return {
            "kind": "efficient_unet",
            "model": self.model,
            "features": list(self.features),
            "channels": list(self.channels),
        }

    @staticmethod
    def normalise(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Bring grey levels to -1 to 1, between which the encoder's weights were trained."""
        return (image / np.float32(127.5) - np.float32(1)).astype(np.float32)

    def decode(self, image: Tensor) -> Decoded:
        """Return logits (B, 1, H, W) for a normalised image (B, 3, H, W); sides are multiples of 32."""
        *skips, x = self.pyramid(image)
        for stage, skip in zip(self.decoder, skips[::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return Decoded(self.head(x))
