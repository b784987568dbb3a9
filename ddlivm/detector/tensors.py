"""Working images as the tensors that encoders take."""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ddlivm.detector.normalisation import VISIBLE_DEVIATION, VISIBLE_MEAN


def infrared_tensor(images: npt.NDArray[np.float32]) -> Tensor:
    """Return (B, h, w) normalised images as (B, 1, h, w) in channels-last memory."""
    return torch.from_numpy(np.ascontiguousarray(images))[:, None].contiguous(memory_format=torch.channels_last)


def visible_tensor(images: npt.NDArray[np.uint8]) -> Tensor:
    """Normalise (B, H, W, 3) uint8 RGB by ImageNet's statistics to (B, 3, H, W) float32, channels-last in memory."""
    mean, deviation = torch.tensor(VISIBLE_MEAN) * 255, torch.tensor(VISIBLE_DEVIATION) * 255
    pixels = torch.from_numpy(np.ascontiguousarray(images)).float()
    return pixels.sub_(mean).div_(deviation).permute(0, 3, 1, 2)
