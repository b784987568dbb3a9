"""The encoders' sections (3.2): what each kind is built from, and how its training starts."""

from typing import Literal, Self

from pydantic import Field, model_validator

from ddlivm.parameters.base import Section

PACKAGE = "package:"
"""Beginning of `weights` where an installed package carries them."""


class Pretrained(Section):
    """What an encoder that brings weights has beside its sizes.

    Attributes:
        weights: a file to start from, .safetensors or .pth; null starts from fresh weights.
        allowed_differences: names, or beginnings of names, of keys that the file may lack, have beyond the encoder's,
            or have in another shape; any other difference is an error.
        gradient_checkpointing: keep only each block's input for the backward pass and run the block again: less
            memory, a third more time.
        antialias: whether the position table is resized by torch's smoothing cubic kernel; DINOv2's own code does so
            for the `reg4` files only.
    """

    weights: str | None
    allowed_differences: tuple[str, ...]
    gradient_checkpointing: bool
    antialias: bool


class InfmaeEncoder(Pretrained):
    """InfMAE's encoder, for infrared images.

    Attributes:
        kind: `infmae`.
        dims: of the stages at strides 4, 8 and 16.
        depths: blocks of each stage.
        heads: of attention, in the last stage.
        grid: side of the position table as it was trained, 14 for images of 224 pixels.
    """

    kind: Literal["infmae"]
    dims: tuple[int, int, int]
    depths: tuple[int, int, int]
    heads: int = Field(ge=1)
    grid: int = Field(ge=1, le=128)

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        if self.dims[2] % (4 * self.heads):
            raise ValueError("dims: the third must be a multiple of 4 times heads")
        return self


class Dinov2Encoder(Pretrained):
    """DINOv2's vision transformer of patch 14, for visible images.

    Attributes:
        kind: `dinov2`.
        dim: of the tokens: 384, 768 and 1024 for ViT-S, B and L.
        depth: blocks: 12, 12 and 24.
        heads: of attention: 6, 12 and 16.
        registers: tokens beside the class token, 4 in the `reg4` files.
        grid: side of the position table as it was trained, 37 in the public files.
        position_offset: What is added to the grid's sides before they are divided by the table's; 0.1 in DINOv2's own
            code for files without registers, 0 for those with them.
        taps: three blocks, counted from 1, whose maps are added to the last one's; null for those at a sixth, a third
            and a half of the depth.
        norm_taps: whether the tapped maps pass the last norm, as DINOv2 does it.
        summed: add all three to every level, instead of the shallowest to the finest and so on.
        compact: shrink the visible image to the infrared one's size before encoding; a third of the tokens.
    """

    kind: Literal["dinov2"]
    dim: int = Field(ge=4)
    depth: int = Field(ge=1, le=64)
    heads: int = Field(ge=1)
    registers: int = Field(ge=0, le=16)
    grid: int = Field(ge=1, le=128)
    position_offset: float = Field(ge=0, lt=1)
    taps: tuple[int, int, int] | None
    norm_taps: bool
    summed: bool
    compact: bool

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.dim % self.heads:
            raise ValueError("dim must be a multiple of heads")
        if self.taps is not None and not all(1 <= block <= self.depth for block in self.taps):
            raise ValueError(f"taps must be blocks from 1 to {self.depth}")
        if self.registers and (self.position_offset or not self.antialias):
            raise ValueError("files with registers want antialias true and position_offset 0, as DINOv2 resizes them")
        return self


class TimmEncoder(Section):
    """A convolutional pyramid of timm's, for either modality.

    Attributes:
        kind: `timm`.
        model: Name of the model in timm; it must offer features at strides 4, 8, 16 and 32.
        channels: Channels of these four levels.
        weights: A file to start from, .safetensors or .pth; `package:NAME` for the weights that an installed package
            carries (`ddlivm/detector/packaged.py` lists them); null starts from fresh weights.
        frozen_stages: How many of the leading stages keep the weights that they start from. Stage 1 is the stem and
            the first block.
    """

    kind: Literal["timm"]
    model: str = Field(pattern=r"^[a-z0-9_]+$")
    channels: tuple[int, int, int, int]
    weights: str | None
    frozen_stages: int = Field(ge=0, le=7)


class ResidualEncoder(Section):
    """A convolutional encoder for either modality, which learns from fresh weights.

    Attributes:
        kind: `residual`.
        channels: of the levels at strides 4, 8, 16 and 32.
        depths: blocks at each level.
    """

    kind: Literal["residual"]
    channels: tuple[int, int, int, int]
    depths: tuple[int, int, int, int]
