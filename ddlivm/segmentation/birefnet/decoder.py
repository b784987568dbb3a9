"""BiRefNet's decoder: from coarse to fine, with the image itself given back at every stride."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.segmentation.birefnet.deformable import INNER, DecoderBlock
from ddlivm.segmentation.network import Decoded

GATE = 16
"""Channels of a gradient gate."""


class Decoder(nn.Module):
    """Four decoder blocks at strides 32, 16, 8 and 4.

    Args:
        channels: of the maps at strides 4, 8, 16 and 32.
    """

    def __init__(self, channels: tuple[int, int, int, int]) -> None:
        super().__init__()
        finest, fine, coarse, coarsest = channels
        patches = [3 * stride**2 for stride in (32, 16, 8, 4, 1)]
        given_back = [coarsest // 8, coarsest // 8, coarse // 8, fine // 8, finest // 8]
        for level, inputs, outputs in zip((5, 4, 3, 2, 1), patches, given_back, strict=True):
            self.add_module(f"ipt_blk{level}", ImagePatches(inputs, outputs))
        inputs_of = (coarsest, coarse, fine, finest)
        outputs_of = (coarse, fine, finest, finest // 2)
        for level, inputs, image, outputs in zip((4, 3, 2, 1), inputs_of, given_back, outputs_of, strict=False):
            self.add_module(f"decoder_block{level}", DecoderBlock(inputs + image, outputs))
        for level, width in zip((4, 3, 2), outputs_of, strict=False):
            self.add_module(f"lateral_block{level}", Lateral(width))
            self.add_module(f"conv_ms_spvn_{level}", nn.Conv2d(width, 1, 1))
            self.add_module(
                f"gdt_convs_{level}",
                nn.Sequential(nn.Conv2d(width, GATE, 3, padding=1), nn.BatchNorm2d(GATE), nn.ReLU()),
            )
            self.add_module(f"gdt_convs_pred_{level}", nn.Sequential(nn.Conv2d(GATE, 1, 1)))
            self.add_module(f"gdt_convs_attn_{level}", nn.Sequential(nn.Conv2d(GATE, 1, 1)))
        self.conv_out1 = nn.Sequential(nn.Conv2d(finest // 2 + given_back[-1], 1, 1))

    def forward(self, image: Tensor, maps: list[Tensor]) -> Decoded:
        """Decode.

        Args:
            image: (B, 3, H, W), normalised; sides are multiples of 32.
            maps: (B, C, H/s, W/s) at strides 4, 8, 16 and 32.
        """
        sides, gradients = [], []
        x = maps[3]
        for level in (4, 3, 2):
            x = self._part("decoder_block", level)(self._with_image(x, image, level + 1))
            gate = self._part("gdt_convs_", level)(x)
            if self.training:
                sides.append(self._part("conv_ms_spvn_", level)(x))
                gradients.append(self._part("gdt_convs_pred_", level)(gate))
            x = x * torch.sigmoid(self._part("gdt_convs_attn_", level)(gate))
            finer = maps[level - 2]
            x = resize(x, finer.shape[-2:]) + self._part("lateral_block", level)(finer)
        x = self._part("decoder_block", 1)(self._with_image(x, image, 2))
        x = self._with_image(resize(x, image.shape[-2:]), image, 1)
        return Decoded(self.conv_out1(x), tuple(sides), tuple(gradients))

    def _part(self, name: str, level: int) -> nn.Module:
        return self.get_submodule(f"{name}{level}")

    def _with_image(self, x: Tensor, image: Tensor, level: int) -> Tensor:
        return torch.cat([x, self._part("ipt_blk", level)(to_patches(image, x.shape[-2:]))], dim=1)


class ImagePatches(nn.Module):
    """Two convolutions over the image's patches."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, INNER, 3, padding=1)
        self.conv_out = nn.Conv2d(INNER, outputs, 3, padding=1)

    def forward(self, patches: Tensor) -> Tensor:
        """Return (B, outputs, h, w) of (B, inputs, h, w)."""
        return self.conv_out(self.conv1(patches))


class Lateral(nn.Module):
    """One convolution of a single tap, on the way from the backbone."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, h, w) of the same."""
        return self.conv(x)


def to_patches(image: Tensor, size: torch.Size) -> Tensor:
    """Cut (B, C, H, W) into a grid of patches of `size` (h, w) and stack them: (B, C·H/h·W/w, h, w).

    Channels are in the order colour, row of the grid, column of the grid.
    """
    height, width = size
    batch, colours = image.shape[:2]
    grid = image.reshape(batch, colours, image.shape[2] // height, height, image.shape[3] // width, width)
    return grid.transpose(3, 4).reshape(batch, -1, height, width)


def resize(x: Tensor, size: torch.Size) -> Tensor:
    """Resize (B, C, h, w) maps to `size` (H, W) bilinearly, corner on corner, as the public weights expect."""
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=True)
