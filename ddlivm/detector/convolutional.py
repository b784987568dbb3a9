"""A convolutional pyramid of timm's as an encoder for either modality; importing it takes timm's seconds."""

from collections.abc import Sequence
from typing import Any, cast

import timm
import torch
from timm.layers import BatchNormAct2d, Conv2dSame, pad_same
from torch import Tensor, nn
from torch.nn import functional as F

from ddlivm.detector.architecture import Modality, TimmSpec
from ddlivm.detector.normalisation import (
    INFRARED_DEVIATION,
    INFRARED_MEAN,
    VISIBLE_DEVIATION,
    VISIBLE_MEAN,
)
from ddlivm.errors import InputError

REDUCTIONS = (4, 8, 16, 32)
"""Strides of the four levels."""

SURROUNDINGS = (15, 61)
"""Sides, pixels, of what a pixel is compared with: about a module, and about a table."""

STEEPNESS = 4.0
"""How soon an excess over the surroundings counts less than in proportion: cameras differ most in the hottest spots."""


class ConvNorm(nn.Module):
    """A convolution and its batch normalisation, which become one convolution once the statistics rest.

    Args:
        conv: The convolution, without a bias.
        norm: Its normalisation.
    """

    def __init__(self, conv: nn.Conv2d, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(norm.num_features, norm.eps, norm.momentum)
        self.pads_as_tensorflow = isinstance(conv, Conv2dSame)

    def forward(self, x: Tensor) -> Tensor:
        """Map (B, C, H, W) to (B, C', H', W')."""
        mean, variance = self.norm.running_mean, self.norm.running_var
        if self.norm.training or mean is None or variance is None:
            y: Tensor = self.norm(self.conv(x))
            return y
        scale = self.norm.weight * torch.rsqrt(variance + self.norm.eps)
        bias = self.norm.bias - mean * scale
        weight = self.conv.weight * scale[:, None, None, None]
        if self.pads_as_tensorflow:
            x = pad_same(x, self.conv.kernel_size, self.conv.stride, self.conv.dilation)
        return F.conv2d(x, weight, bias, self.conv.stride, self.conv.padding, self.conv.dilation, self.conv.groups)


class TimmEncoder(nn.Module):
    """An EfficientNet of timm's, which may start from weights that were trained on ordinary pictures.

    The infrared image becomes three channels: its levels, and what exceeds the surroundings at two scales, which looks
    alike whether a camera writes temperatures or grey levels. The visible image is shrunk to the infrared one's size,
    which puts both pyramids on one grid and costs a third of its full size.

    Args:
        spec: The model's name in timm and the channels of its levels.
        modality: The modality whose images it takes.

    Raises:
        InputError: timm has no such model, or its levels are not the specified ones.
    """

    gain: Tensor
    offset: Tensor

    def __init__(self, spec: TimmSpec, modality: Modality) -> None:
        super().__init__()
        self.channels = spec.channels
        self.modality = modality
        self.pyramid = efficientnet(spec.model, REDUCTIONS, spec.channels)
        # Weights were trained on images whose values lie between -1 and 1.
        if modality == "infrared":
            mean, deviation = torch.tensor([INFRARED_MEAN]), torch.tensor([INFRARED_DEVIATION])
        else:
            mean, deviation = torch.tensor(VISIBLE_MEAN), torch.tensor(VISIBLE_DEVIATION)
        self.register_buffer("gain", (2 * deviation).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("offset", (2 * mean - 1).view(1, -1, 1, 1), persistent=False)
        self.to(memory_format=torch.channels_last)

    def freeze(self, count: int) -> None:
        """Take the first stages out of training."""
        freeze(self.pyramid, count)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        """Encode (B, 1, h, w), or (B, 3, 7h/4, 7w/4), into four maps of `channels`, the finest (h / 4, w / 4)."""
        if self.modality == "visible":
            rows, columns = (side * 4 // 7 for side in image.shape[2:])
            image = F.interpolate(image, size=(rows, columns), mode="bilinear", antialias=True)
        levels = image * self.gain + self.offset
        if self.modality == "infrared":
            levels = torch.cat([levels, *(_above_surroundings(image, side) for side in SURROUNDINGS)], dim=1)
        image = levels.contiguous(memory_format=torch.channels_last)
        return tuple(self.pyramid(image))


def efficientnet(model: str, strides: Sequence[int], channels: tuple[int, ...]) -> nn.Module:
    """Return an EfficientNet of timm's that maps (B, 3, H, W) to its features at some strides, with fresh weights.

    Args:
        model: The name of the model in timm.
        strides: The last of 2, 4, 8, 16 and 32.
        channels: What the model is expected to have at these strides.

    Raises:
        InputError: timm has no such model, or its levels are not the expected ones.
    """
    indices = tuple(range(5 - len(strides), 5))
    try:
        pyramid = timm.create_model(model, features_only=True, out_indices=indices)
        levels, found = pyramid.feature_info.reduction(), tuple(pyramid.feature_info.channels())
        stem = isinstance(pyramid.conv_stem, nn.Conv2d)
    except (RuntimeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(f"encoder model {model!r}: is not an EfficientNet of timm's ({error})") from error
    if not stem or levels != list(strides) or found != channels:
        raise InputError(
            f"encoder model {model!r}: has the strides {levels} and the channels {list(found)};"
            f" expected the strides {list(strides)} and the channels {list(channels)}"
        )
    _join_norms(pyramid)
    return cast(nn.Module, pyramid)


def freeze(pyramid: Any, count: int) -> None:
    """Take the first stages of an EfficientNet out of training; the first is the stem and the first block."""
    for module in ([pyramid.conv_stem] if count else []) + list(pyramid.blocks[:count]):
        module.requires_grad_(False)


def _above_surroundings(image: Tensor, side: int) -> Tensor:
    """Return how far each pixel of (B, 1, h, w) is above the mean around it, strong excesses compressed."""
    mean = image
    for kernel in ((1, side), (side, 1)):
        padding = (kernel[0] // 2, kernel[1] // 2)
        mean = F.avg_pool2d(mean, kernel, 1, padding, count_include_pad=False)
    return torch.asinh(STEEPNESS * (image - mean)) / 2


def _join_norms(module: nn.Module) -> None:
    """Join each convolution with the normalisation that follows it, of which the activation is left."""
    names = [name for name, _ in module.named_children()]
    for name, following in zip(names, [*names[1:], ""], strict=False):
        child, norm = getattr(module, name), getattr(module, following, None) if following else None
        if isinstance(child, nn.Conv2d) and isinstance(norm, BatchNormAct2d):
            setattr(module, name, ConvNorm(child, norm))
            setattr(module, following, norm.act)
        else:
            _join_norms(child)
