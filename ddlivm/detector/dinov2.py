"""DINOv2's vision transformer and the pyramid that DD-LIVM makes of it (3.2); importing it takes timm's seconds."""

import torch
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor
from torch.nn import functional as F

from ddlivm.detector.architecture import Dinov2Spec
from ddlivm.detector.positions import resized
from ddlivm.detector.recomputation import Recomputing

PATCH = 14
TAP_WEIGHTS = (0.5, 0.2, 0.1)
"""Of the shallow blocks' maps that are added to the last one's: 4, 8 and 12 of 24 (3.2)."""


class Dinov2Encoder(Recomputing):
    """A ViT of patch 14 on the visible image, which is 7/4 of the infrared one: a patch covers stride 8.

    The paper adds three shallow blocks' maps to the last one's, but not which sum goes to which level. Reading: the
    shallowest to the finest level, and the last map alone where it need not be resized. `summed` adds all three at
    every level.

    Args:
        spec: dim, depth, heads, registers, the position table's side, and how the pyramid is made.
    """

    def __init__(self, spec: Dinov2Spec) -> None:
        super().__init__()
        self.spec = spec
        self.channels = spec.channels
        self.vit = VisionTransformer(
            img_size=PATCH * spec.grid,
            patch_size=PATCH,
            embed_dim=spec.dim,
            depth=spec.depth,
            num_heads=spec.heads,
            init_values=1e-5,
            reg_tokens=spec.registers,
            no_embed_class=spec.registers > 0,  # as timm and its files have it: the class token's share is in the token
            num_classes=0,
            global_pool="",
            dynamic_img_size=True,
        )

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 3, H, W), sides multiples of 56, into four maps (B, dim, h, w) at strides 7, 14, 28 and 56."""
        rows, columns = image.shape[2] // PATCH, image.shape[3] // PATCH
        if self.spec.compact:
            image = F.interpolate(image, size=compact_size((rows, columns)), mode="bilinear", antialias=True)
        last, *taps = (_on_grid(each, (rows, columns)) for each in self._maps(image))
        added = [weight * tap for weight, tap in zip(TAP_WEIGHTS, taps, strict=True)]
        if self.spec.summed:
            second = last + torch.stack(added).sum(dim=0)
            finest, third, fourth = second, second, second
        else:
            second = last
            finest, third, fourth = (last + each for each in added)
        finest = F.interpolate(finest, scale_factor=2.0, mode="nearest")
        return finest, second, F.avg_pool2d(third, 2), F.avg_pool2d(fourth, 4)

    def _maps(self, image: Tensor) -> list[Tensor]:
        """Return the maps (B, dim, h, w) of the last block and of the tapped ones, without class and registers."""
        patches = self.vit.patch_embed(image)
        grid = patches.shape[1], patches.shape[2]
        tokens = self._with_positions(patches.flatten(1, 2), grid)
        tapped = {}
        for number, block in enumerate(self.vit.blocks, start=1):
            tokens = self.run(block, tokens)
            if number in self.spec.tapped:
                tapped[number] = self.vit.norm(tokens) if self.spec.norm_taps else tokens
        states = (self.vit.norm(tokens), *(tapped[number] for number in self.spec.tapped))
        prefix = 1 + self.spec.registers
        return [state[:, prefix:].unflatten(1, grid).permute(0, 3, 1, 2) for state in states]

    def _with_positions(self, tokens: Tensor, grid: tuple[int, int]) -> Tensor:
        """Add positions to (B, N, dim) patches and put the class token and the registers, if any, before them."""
        count = len(tokens)
        table, first = self.vit.pos_embed, self.vit.cls_token
        if not self.spec.registers:
            first, table = first + table[:, :1], table[:, 1:]
        tokens = tokens + resized(table, grid, self.spec.antialias, self.spec.position_offset)
        before = [first] if not self.spec.registers else [first, self.vit.reg_token]
        return torch.cat([*(token.expand(count, -1, -1) for token in before), tokens], dim=1)


def _on_grid(x: Tensor, grid: tuple[int, int]) -> Tensor:
    return x if x.shape[2:] == grid else F.interpolate(x, size=grid, mode="bilinear", align_corners=False)


def compact_size(grid: tuple[int, int]) -> tuple[int, int]:
    """Return the (height, width) that `compact` shrinks the visible image to: the infrared one's, in whole patches.

    Args:
        grid: patches of the visible image in full, of 8 infrared pixels each, (rows, columns).
    """
    rows, columns = (PATCH * max(1, round(8 * count / PATCH)) for count in grid)
    return rows, columns
