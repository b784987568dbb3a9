"""The whole network: both scales through the backbone, context, decoder."""

import torch
from torch import Tensor, nn

from ddlivm.segmentation.birefnet.decoder import Decoded, Decoder, resize
from ddlivm.segmentation.birefnet.deformable import DecoderBlock
from ddlivm.segmentation.birefnet.sizes import Size
from ddlivm.segmentation.birefnet.swin import Swin

MULTIPLE = 32
"""Sides of the input are multiples of the coarsest stride."""


class BiRefNet(nn.Module):
    """Bilateral reference network with a Swin backbone; parameters and their names are the public files'.

    Args:
        size: the backbone's.
    """

    def __init__(self, size: Size) -> None:
        super().__init__()
        # Each map has both scales' channels.
        finest, fine, coarse, coarsest = (2 * channels for channels in size.channels)
        self.bb = Swin(size)
        self.squeeze_module = nn.Sequential(DecoderBlock(finest + fine + coarse + coarsest, coarsest))
        self.decoder = Decoder((finest, fine, coarse, coarsest))

    def forward(self, image: Tensor) -> Tensor:
        """Return panel logits (B, 1, H, W) of a normalised image (B, 3, H, W), sides multiples of 32."""
        return self.decode(image).logits

    def decode(self, image: Tensor) -> Decoded:
        """Return the logits, and in training mode the side maps and gradients that are supervised too."""
        return self.decoder(image, self._encode(image))

    def _encode(self, image: Tensor) -> list[Tensor]:
        """Return the maps at strides 4, 8, 16 and 32, the last with the others' context squeezed into it."""
        half = torch.Size((image.shape[2] // 2, image.shape[3] // 2))
        maps = [
            torch.cat([whole, resize(halved, whole.shape[-2:])], dim=1)
            for whole, halved in zip(self.bb(image), self.bb(resize(image, half)), strict=True)
        ]
        coarsest = maps[-1]
        context = [resize(x, coarsest.shape[-2:]) for x in maps[:-1]]
        return [*maps[:-1], self.squeeze_module(torch.cat([*context, coarsest], dim=1))]
