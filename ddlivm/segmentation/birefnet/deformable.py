"""BiRefNet's decoder block: a bottleneck that looks around through deformable convolutions."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.ops import deform_conv2d

INNER = 64
"""Channels inside a decoder block."""
BRANCH = 256
"""Channels of each of the pyramid's branches."""


class DeformableConvolution(nn.Module):
    """A convolution whose taps are moved and weighted by what lies there (modulated, second version)."""

    def __init__(self, inputs: int, outputs: int, side: int) -> None:
        super().__init__()
        self.padding = side // 2
        self.offset_conv = nn.Conv2d(inputs, 2 * side * side, side, padding=self.padding)
        self.modulator_conv = nn.Conv2d(inputs, side * side, side, padding=self.padding)
        self.regular_conv = nn.Conv2d(inputs, outputs, side, padding=self.padding, bias=False)
        # It begins as a plain convolution: no tap is moved, and each weighs one.
        for parameter in (*self.offset_conv.parameters(), *self.modulator_conv.parameters()):
            nn.init.zeros_(parameter)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H, W) of (B, inputs, H, W)."""
        offsets, modulation = self.offset_conv(x), 2 * torch.sigmoid(self.modulator_conv(x))
        weight = self.regular_conv.weight
        # The operator wants one type of all that it is given, which mixed precision does not see to.
        x, offsets, modulation = (part.to(weight.dtype) for part in (x, offsets, modulation))
        return deform_conv2d(x, offsets, weight, padding=self.padding, mask=modulation)


class Branch(nn.Module):
    """One deformable convolution with its normalisation."""

    def __init__(self, side: int) -> None:
        super().__init__()
        self.atrous_conv = DeformableConvolution(INNER, BRANCH, side)
        self.bn = nn.BatchNorm2d(BRANCH)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 256, H, W) of (B, 64, H, W)."""
        return F.relu(self.bn(self.atrous_conv(x)))


class DeformablePyramid(nn.Module):
    """Four deformable branches of sides 1, 1, 3 and 7, and the mean of the whole map."""

    def __init__(self) -> None:
        super().__init__()
        self.aspp1 = Branch(1)
        self.aspp_deforms = nn.ModuleList(Branch(side) for side in (1, 3, 7))
        self.global_avg_pool = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(INNER, BRANCH, 1, bias=False), nn.BatchNorm2d(BRANCH), nn.ReLU()
        )
        self.conv1 = nn.Conv2d(5 * BRANCH, INNER, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(INNER)
        self.dropout = nn.Dropout(0.5)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, 64, H, W) of the same."""
        everywhere = self.global_avg_pool(x).expand(-1, -1, *x.shape[-2:])
        parts = [self.aspp1(x), *(branch(x) for branch in self.aspp_deforms), everywhere]
        return self.dropout(F.relu(self.bn1(self.conv1(torch.cat(parts, dim=1)))))


class DecoderBlock(nn.Module):
    """Convolution to 64 channels, the deformable pyramid, convolution to the outputs.

    Args:
        inputs: channels.
        outputs: channels.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(inputs, INNER, 3, padding=1)
        self.bn_in = nn.BatchNorm2d(INNER)
        self.dec_att = DeformablePyramid()
        self.conv_out = nn.Conv2d(INNER, outputs, 3, padding=1)
        self.bn_out = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, outputs, H, W) of (B, inputs, H, W)."""
        x = self.dec_att(F.relu(self.bn_in(self.conv_in(x))))
        return self.bn_out(self.conv_out(x))
