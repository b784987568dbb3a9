"""The image encoders: four feature maps at strides 4, 8, 16 and 32 of the infrared working frame."""

from collections.abc import Callable
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from ddlivm.detector.architecture import EncoderSpec
from ddlivm.detector.residual import ResidualEncoder
from ddlivm.errors import InputError

STRIDES = (4, 8, 16, 32)
"""Infrared working pixels for one cell of each level."""

Modality = Literal["infrared", "visible"]
Pyramid = tuple[Tensor, ...]


class Encoder(Protocol):
    """What every encoder offers: `channels` of its four levels, and a forward from an image to them."""

    channels: tuple[int, int, int, int]

    def __call__(self, image: Tensor) -> Pyramid:
        """Encode (B, 1 or 3, H, W) into four maps (B, channels[i], h / STRIDES[i], w / STRIDES[i])."""


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of (B, C, H, W)."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise each position; channels-last memory makes both permutations free."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


class Mlp(nn.Module):
    """Two 1x1 convolutions with a GELU between."""

    def __init__(self, dim: int, ratio: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv2d(dim, dim * ratio, 1)
        self.act = nn.GELU()
        self.fc2 = nn.Conv2d(dim * ratio, dim, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        return self.fc2(self.act(self.fc1(x)))


class ConvolutionBlock(nn.Module):
    """InfMAE's convolutional block: a depthwise 5x5 between two 1x1 convolutions, then an MLP, both residual."""

    def __init__(self, dim: int, ratio: int = 4) -> None:
        super().__init__()
        self.norm1 = ChannelNorm(dim)
        self.conv1 = nn.Conv2d(dim, dim, 1)
        self.attn = nn.Conv2d(dim, dim, 5, padding=2, groups=dim)
        self.conv2 = nn.Conv2d(dim, dim, 1)
        self.norm2 = ChannelNorm(dim)
        self.mlp = Mlp(dim, ratio)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, dim, H, W) to the same shape."""
        x = x + self.conv2(self.attn(self.conv1(self.norm1(x))))
        return x + self.mlp(self.norm2(x))


class PatchEmbedding(nn.Module):
    """A convolution of equal kernel and stride, layer normalisation and GELU: how InfMAE enters each level."""

    def __init__(self, inputs: int, dim: int, patch: int) -> None:
        super().__init__()
        self.proj = nn.Conv2d(inputs, dim, patch, stride=patch)
        self.norm = ChannelNorm(dim)
        self.act = nn.GELU()
        _initialise(self.proj)
        # The norm behind it would make a patch and one twice as hot the same, were there no offset between them.
        self.proj.bias = nn.Parameter(torch.randn(dim))

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, inputs, H, W) to (B, dim, H / patch, W / patch)."""
        return self.act(self.norm(self.proj(x)))


class PyramidEncoder(nn.Module):
    """A pyramid of convolutional blocks, for either modality.

    The visible image is 7/4 as large as the infrared one, so a first patch of 7 instead of 4 pixels puts both
    pyramids on one grid.

    Args:
        inputs: channels of the image, 1 for infrared, 3 for visible.
        patch: side of the first patch, image pixels.
        channels: of the four levels.
        depths: blocks at each level.
    """

    def __init__(
        self, inputs: int, patch: int, channels: tuple[int, int, int, int], depths: tuple[int, int, int, int]
    ) -> None:
        super().__init__()
        self.channels = channels
        patches = (patch, 2, 2, 2)
        widths = (inputs, *channels)
        self.embeddings = nn.ModuleList(
            PatchEmbedding(widths[level], widths[level + 1], patches[level]) for level in range(4)
        )
        self.stages = nn.ModuleList(
            nn.Sequential(*(ConvolutionBlock(dim) for _ in range(depth)))
            for dim, depth in zip(channels, depths, strict=True)
        )
        self.stages.apply(_initialise)
        self.to(memory_format=torch.channels_last)

    def forward(self, image: Tensor) -> Pyramid:
        """Encode (B, inputs, H, W) into four maps of `channels` at strides `patch` times 1, 2, 4 and 8."""
        levels = []
        x = image
        for embedding, stage in zip(self.embeddings, self.stages, strict=True):
            x = stage(embedding(x))
            levels.append(x)
        return tuple(levels)


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        fan_in = module.weight[0].numel()
        nn.init.normal_(module.weight, std=fan_in**-0.5)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _pyramid(spec: EncoderSpec, modality: Modality) -> nn.Module:
    inputs, patch = (1, 4) if modality == "infrared" else (3, 7)
    return PyramidEncoder(inputs, patch, spec.channels, spec.depths)


def _residual(spec: EncoderSpec, modality: Modality) -> nn.Module:
    inputs, patch = (1, 4) if modality == "infrared" else (3, 7)
    return ResidualEncoder(inputs, patch, spec)


ENCODERS: dict[str, Callable[[EncoderSpec, Modality], nn.Module]] = {"pyramid": _pyramid, "residual": _residual}
"""Encoder kinds; each builder returns a module that follows `Encoder`."""


def build_encoder(spec: EncoderSpec, modality: Modality) -> nn.Module:
    """Build an encoder with fresh weights.

    Raises:
        InputError: no such kind.
    """
    if spec.kind not in ENCODERS:
        raise InputError(f"encoder kind {spec.kind!r} is unknown; there are {', '.join(ENCODERS)}")
    return ENCODERS[spec.kind](spec, modality)


def fuse(infrared: Pyramid, visible: Pyramid) -> Pyramid:
    """Concatenate both streams level by level (3.2): (B, C_ir + C_vis, h, w) each."""
    return tuple(torch.cat(levels, dim=1) for levels in zip(infrared, visible, strict=True))
