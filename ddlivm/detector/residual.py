"""The encoder of the profiles that start from fresh weights: convolutions, which are quick to learn from nothing."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.detector.architecture import Modality, ResidualSpec


def _convolution(inputs: int, outputs: int, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    padding = 0 if stride == kernel else kernel // 2
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU(inplace=True),
    )


class ResidualBlock(nn.Module):
    """Two 3x3 convolutions beside an identity."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.conv1 = _convolution(dim, dim)
        self.conv2 = nn.Sequential(nn.Conv2d(dim, dim, 3, padding=1, bias=False), nn.BatchNorm2d(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        return F.relu(x + self.conv2(self.conv1(x)))


class ResidualEncoder(nn.Module):
    """A pyramid of residual blocks, for either modality.

    Batch normalisation keeps a patch and one twice as hot apart, where normalising each place over its channels, as
    transformers do, makes them one; pretraining overcomes that, minutes of training do not.

    The visible image is 7/4 as large as the infrared one, so a first patch of 7 instead of twice 2 pixels puts both
    pyramids on one grid.

    Args:
        spec: channels and depths of the four levels.
        modality: whose images it takes.
    """

    def __init__(self, spec: ResidualSpec, modality: Modality) -> None:
        super().__init__()
        self.channels = spec.channels
        first = spec.channels[0]
        self.stem = (
            nn.Sequential(_convolution(1, first // 2, stride=2), _convolution(first // 2, first, stride=2))
            if modality == "infrared"
            else nn.Sequential(_convolution(3, first, kernel=7, stride=7), _convolution(first, first))
        )
        widths = (first, *spec.channels)
        self.descents = nn.ModuleList(
            nn.Identity() if level == 0 else _convolution(widths[level], widths[level + 1], stride=2)
            for level in range(4)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ResidualBlock(dim) for _ in range(depth)))
            for dim, depth in zip(spec.channels, spec.depths, strict=True)
        )
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 1 or 3, H, W) into four maps of `channels`, the finest at stride 4 (infrared) or 7 (visible)."""
        levels = []
        x = self.stem(image)
        for descent, stage in zip(self.descents, self.stages, strict=True):
            x = stage(descent(x))
            levels.append(x)
        return tuple(levels)
