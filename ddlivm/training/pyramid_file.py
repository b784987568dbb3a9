"""Many feature pyramids of one shape in one file, in bfloat16."""

import os
from collections.abc import Sequence
from math import prod
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ddlivm.detector.encoders import STRIDES, Pyramid
from ddlivm.training.image_file import ImageFile

ELEMENT_BYTES = 2
"""Of a bfloat16."""


class PyramidFile:
    """One record a pyramid, its levels one after the other, so that reading one is one pass over the disk.

    Args:
        path: the file; made when it is missing, of no size on disk until it is written to.
        count: how many records it has room for.
        channels: of the four levels.
        size: (width, height) of the working infrared image, pixels.
    """

    def __init__(self, path: Path, count: int, channels: Sequence[int], size: tuple[int, int]) -> None:
        self.shapes = shapes(channels, size)
        shape = (count, record_bytes(channels, size) // ELEMENT_BYTES)
        self.path = path
        self.file = ImageFile.opened(path, np.int16, shape)

    def write(self, indices: Sequence[int], pyramid: Pyramid) -> None:
        """Write pyramids, (B, C, h, w) a level, one to each index; they are rounded to bfloat16."""
        levels = [level.detach().to(torch.bfloat16).permute(0, 2, 3, 1).reshape(len(level), -1) for level in pyramid]
        records = torch.cat(levels, dim=1).cpu().view(torch.int16).numpy()
        for index, record in zip(indices, records, strict=True):
            self.file[index] = record

    def read(self, indices: Sequence[int]) -> Pyramid:
        """Read pyramids: (B, C, h, w) bfloat16 a level, channels-last in memory."""
        records = torch.from_numpy(np.stack([self.file[index] for index in indices])).view(torch.bfloat16)
        ends = np.cumsum([prod(shape) for shape in self.shapes]).tolist()
        return tuple(
            _level(records[:, end - prod(shape) : end], shape) for shape, end in zip(self.shapes, ends, strict=True)
        )

    def settle(self) -> None:
        """Wait until the disk has everything, and let the system forget it: the next read is the disk's."""
        with self.path.open("rb") as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def shapes(channels: Sequence[int], size: tuple[int, int]) -> list[tuple[int, int, int]]:
    """Return the levels' (h, w, C)."""
    return [(size[1] // stride, size[0] // stride, count) for stride, count in zip(STRIDES, channels, strict=True)]


def record_bytes(channels: Sequence[int], size: tuple[int, int]) -> int:
    """Return what one pyramid takes."""
    return ELEMENT_BYTES * sum(prod(shape) for shape in shapes(channels, size))


def _level(records: Tensor, shape: tuple[int, int, int]) -> Tensor:
    return records.reshape(len(records), *shape).permute(0, 3, 1, 2)
