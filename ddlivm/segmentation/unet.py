"""A small U-Net: the demo's segmenter, light enough for a laptop."""

from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.segmentation.images import standardise
from ddlivm.segmentation.network import Decoded, Network

REDUCTION = 2
"""The first convolution sees the image so much smaller; its texture is taken from the whole."""
NEIGHBOURHOOD = 9
"""Side of what a pixel's wider texture is the mean of, at that size."""
SMOOTH = 0.02
"""Deviations; weaker texture is none."""


def block(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    """Return a convolution of 3x3, normalised in eight groups, and its activation."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, 3, stride=stride, padding=1, bias=False),
        nn.GroupNorm(8, outputs),
        nn.ReLU(inplace=True),
    )


class UNet(Network):
    """An encoder at strides 4, 8, 16 and 32, and a decoder back to stride 4, whose cells have 2x2 logits each.

    Beside the colours it is told how rough the image is: panels and ground are often of one temperature, but ground
    is grainy and panels are smooth between their frames, which is lost where the image is made small.

    Args:
        channels: of the four strides, multiples of 8.
    """

    multiple: ClassVar[int] = 32
    normalise = staticmethod(standardise)

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        self.channels = channels
        widths = (5, *channels)
        self.encoder = nn.ModuleList(
            nn.Sequential(block(widths[i], widths[i + 1], stride=2), block(widths[i + 1], widths[i + 1]))
            for i in range(4)
        )
        self.decoder = nn.ModuleList(block(channels[i] + channels[i - 1], channels[i - 1]) for i in (3, 2, 1))
        self.head = nn.Sequential(nn.Conv2d(channels[0], 4, 1), nn.PixelShuffle(2))

    @property
    def description(self) -> dict[str, Any]:
        """Its kind and channels."""
        return {"kind": "unet", "channels": list(self.channels)}

    def decode(self, image: Tensor) -> Decoded:
        """Return logits (B, 1, H/2, W/2) for a standardised image (B, 3, H, W); sides are multiples of 32."""
        x = torch.cat([F.avg_pool2d(image, REDUCTION), texture(image)], dim=1)
        levels = []
        for stage in self.encoder:
            x = stage(x)
            levels.append(x)
        for stage, skip in zip(self.decoder, levels[-2::-1], strict=True):
            x = stage(torch.cat([F.interpolate(x, scale_factor=2.0), skip], dim=1))
        return Decoded(self.head(x))


def texture(image: Tensor) -> Tensor:
    """Return how rough an image is near each pixel and around it, against its mean: (B, 2, H/2, W/2), logarithms.

    Args:
        image: (B, 3, H, W), standardised.
    """
    grey = F.pad(image.mean(dim=1, keepdim=True), (1, 1, 1, 1), mode="reflect")
    middle = grey[..., 1:-1, 1:-1]
    beside = grey[..., 1:-1, :-2] + grey[..., 1:-1, 2:] + grey[..., :-2, 1:-1] + grey[..., 2:, 1:-1]
    near = F.avg_pool2d((4 * middle - beside).abs(), REDUCTION)
    around = F.avg_pool2d(near, NEIGHBOURHOOD, stride=1, padding=NEIGHBOURHOOD // 2, count_include_pad=False)
    rough = torch.log(torch.cat([near, around], dim=1) + SMOOTH)
    return rough - rough.mean(dim=(2, 3), keepdim=True)
