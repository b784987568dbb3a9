"""The correlation of a small structure with a larger one over all offsets, by their spectra."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt
from scipy import fft

from ddlivm.alignment.structure import Field

BEYOND = 0.06
"""The infrared frame may leave the visible one by this share on each side."""

SHARED = 0.3
"""Frames that overlap less than so, by energy, correlate less for it."""


@dataclass(frozen=True)
class Spectrum:
    """A visible structure with a margin around it, ready for templates up to a size.

    Attributes:
        bins: (channels, H, W // 2 + 1) complex64, the structure's spectrum at `size`.
        size: (H, W) of the transform.
        margins: rows and columns that are added on each side.
        inner: (h, w) with the margins.
        energy: (H + 1, W + 1) float64, the integral of the squared structure.
        mean: energy of a pixel inside.
    """

    bins: npt.NDArray[np.complex64]
    size: tuple[int, int]
    margins: tuple[int, int]
    inner: tuple[int, int]
    energy: npt.NDArray[np.float64]
    mean: float

    @classmethod
    def of(cls, seen: Field, largest: tuple[int, int]) -> Self:
        """Prepare a (h, w, channels) structure for templates of at most (rows, columns)."""
        height, width, channels = seen.shape
        down, across = round(BEYOND * height), round(BEYOND * width)
        inner = (height + 2 * down, width + 2 * across)
        size = tuple(fft.next_fast_len(max(sides), True) for sides in zip(inner, largest, strict=True))
        padded = np.zeros((channels, *size), np.float32)
        padded[:, down : down + height, across : across + width] = np.moveaxis(seen, 2, 0)
        energy = np.asarray(cv2.integral(np.square(padded).sum(axis=0), sdepth=cv2.CV_64F))
        mean = float(energy[-1, -1]) / (height * width)
        return cls(fft.rfft2(padded), size, (down, across), inner, energy, mean)

    def correlate(self, template: Field) -> Field:
        """Return the correlation coefficient at each offset of a template's corner, the first one `margins` outside."""
        high, wide = template.shape[:2]
        rows, columns = (max(side - own, 0) + 1 for side, own in zip(self.inner, (high, wide), strict=True))
        there = fft.rfft2(np.ascontiguousarray(np.moveaxis(template, 2, 0)), s=self.size)
        product = fft.irfft2((self.bins * there.conj()).sum(axis=0), s=self.size)[:rows, :columns]
        energy = self.energy
        under = energy[high:, wide:] - energy[:-high, wide:] - energy[high:, :-wide] + energy[:-high, :-wide]
        least = SHARED * self.mean * high * wide + 1e-6
        own = float(np.square(template).sum()) + 1e-6
        return (product / np.sqrt(np.maximum(under[:rows, :columns], least) * own)).astype(np.float32)


def peaks(scores: Field, most: int, apart: int) -> Iterator[tuple[int, int, float]]:
    """Yield the x, y and value of the highest places that are more than `apart` pixels from each other."""
    left = scores.copy()
    for _ in range(most):
        y, x = divmod(int(left.argmax()), left.shape[1])
        if left[y, x] == -np.inf:
            return
        yield x, y, float(left[y, x])
        left[max(y - apart, 0) : y + apart + 1, max(x - apart, 0) : x + apart + 1] = -np.inf
