"""A small U-Net: the demo's segmenter, light enough for a laptop."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.segmentation.images import standardise
from ddlivm.segmentation.network import Decoded, Network


def _block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(8, outputs),
        nn.ReLU(inplace=True),
    )


class UNet(Network):
    """An encoder at strides 2, 4, 8 and 16, and a decoder back to stride 2, whose logits are then enlarged.

    Args:
        channels: of the four strides, multiples of 8.
    """

    multiple: ClassVar[int] = 16
    normalise = staticmethod(standardise)

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.channels = channels
        widths = (3, *channels)
        self.encoder = nn.ModuleList(
            nn.Sequential(_block(widths[i], widths[i + 1], stride=2), _block(widths[i + 1], widths[i + 1]))
            for i in range(4)
        )
        self.decoder = nn.ModuleList(_block(channels[i] + channels[i - 1], channels[i - 1]) for i in (3, 2, 1))
        self.head = nn.Conv2d(channels[0], 1, 1)

    @property
    def description(self) -> dict[str, Any]:
        """Its kind and channels."""
        return {"kind": "unet", "channels": list(self.channels)}

    def decode(self, image: Tensor) -> Decoded:
        """Return the logits alone, for a standardised image (B, 3, H, W); sides are multiples of 16."""
        levels = []
        x = image
        for stage in self.encoder:
            x = stage(x)
            levels.append(x)
        for stage, skip in zip(self.decoder, levels[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return Decoded(F.interpolate(self.head(x), scale_factor=2.0, mode="bilinear", align_corners=False))
