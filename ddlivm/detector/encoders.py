"""The image encoders: four feature maps at strides 4, 8, 16 and 32 of the infrared working frame."""

from typing import Protocol

import torch
from torch import Tensor, nn

from ddlivm.detector.architecture import Dinov2Spec, EncoderSpec, InfmaeSpec, Modality, ResidualSpec, TimmSpec
from ddlivm.detector.infmae import InfmaeEncoder
from ddlivm.detector.residual import ResidualEncoder

STRIDES = (4, 8, 16, 32)
"""Infrared working pixels for one cell of each level."""

Pyramid = tuple[Tensor, ...]


class Encoder(Protocol):
    """What every encoder offers: `channels` of its four levels, and a forward from an image to them."""

    channels: tuple[int, int, int, int]

    def __call__(self, image: Tensor) -> Pyramid:
        """Encode (B, 1 or 3, H, W) into four maps (B, channels[i], h / STRIDES[i], w / STRIDES[i])."""


def build_encoder(spec: EncoderSpec, modality: Modality) -> nn.Module:
    """Build an encoder with fresh weights; it follows `Encoder`."""
    match spec:
        case InfmaeSpec():
            return InfmaeEncoder(spec)
        case Dinov2Spec():
            from ddlivm.detector.dinov2 import Dinov2Encoder  # timm takes seconds, which no other kind need pay

            return Dinov2Encoder(spec)
        case ResidualSpec():
            return ResidualEncoder(spec, modality)
        case TimmSpec():
            from ddlivm.detector.convolutional import TimmEncoder  # as above

            return TimmEncoder(spec, modality)


def fuse(infrared: Pyramid, visible: Pyramid) -> Pyramid:
    """Concatenate both streams level by level (3.2): (B, C_ir + C_vis, h, w) each."""
    return tuple(torch.cat(levels, dim=1) for levels in zip(infrared, visible, strict=True))
