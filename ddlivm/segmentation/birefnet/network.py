"""The whole network: both scales through the backbone, context, decoder."""

from dataclasses import asdict
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ddlivm.segmentation.birefnet.decoder import Decoder, resize
from ddlivm.segmentation.birefnet.deformable import DecoderBlock
from ddlivm.segmentation.birefnet.sizes import Size
from ddlivm.segmentation.birefnet.swin import Swin
from ddlivm.segmentation.images import imagenet
from ddlivm.segmentation.network import Decoded, Network


class BiRefNet(Network):
    """Bilateral reference network with a Swin backbone; parameters and their names are the public files'.

    Args:
        size: the backbone's.
    """

    multiple: ClassVar[int] = 32
    normalise = staticmethod(imagenet)

    def __init__(self, size: Size) -> None:
        super().__init__()
        self.size = size
        # Each map has both scales' channels.
        finest, fine, coarse, coarsest = (2 * channels for channels in size.channels)
        self.bb = Swin(size)
        self.squeeze_module = nn.Sequential(DecoderBlock(finest + fine + coarse + coarsest, coarsest))
        self.decoder = Decoder((finest, fine, coarse, coarsest))

    @property
    def description(self) -> dict[str, Any]:
        """Its kind and its backbone's size."""
        return {"kind": "birefnet", **asdict(self.size)}

    def decode(self, image: Tensor) -> Decoded:
        """Return the logits, and in training mode the side maps and gradients, of an image (B, 3, H, W).

        Sides are multiples of 32, the coarsest stride.
        """
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
