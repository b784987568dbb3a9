"""Changes of an image's tones that OA-Mix draws from: on any scalar image or colour channels in [0, 1]."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

Unit = npt.NDArray[np.float32]
"""(h, w, c) float32 in [0, 1]."""

BINS = 256


def autocontrast(image: Unit, level: float) -> Unit:
    """Stretch each channel to [0, 1]; a constant channel stays, and the level has no meaning."""
    low, high = image.min(axis=0).min(axis=0), image.max(axis=0).max(axis=0)  # four times as fast as both at once
    stretched = (image - low) / np.maximum(high - low, np.finfo(np.float32).tiny)
    return np.where(high > low, stretched, image).astype(np.float32)


def equalize(image: Unit, level: float) -> Unit:
    """Give each channel's values equal shares of [0, 1]; a constant channel stays, and the level has no meaning."""
    ranks = np.rint(autocontrast(image, level) * (BINS - 1)).astype(np.uint8)
    equal = image.copy()
    for channel in range(image.shape[2]):
        counts = np.bincount(ranks[..., channel].ravel(), minlength=BINS)
        if counts.max() < ranks[..., channel].size:
            share = np.cumsum(counts) - counts[0]
            equal[..., channel] = (share / share[-1]).astype(np.float32)[ranks[..., channel]]
    return equal


def posterize(image: Unit, level: float) -> Unit:
    """Keep so many bits of eight: 4 at level 0, down to 1 at level 1."""
    steps = 2 ** (4 - round(3 * level))
    return np.asarray(np.floor(np.minimum(image, 1 - 1e-6) * steps) / steps, dtype=np.float32)


def solarize(image: Unit, level: float) -> Unit:
    """Invert what is brighter than 1 - `level`."""
    return np.where(image > 1 - level, 1 - image, image).astype(np.float32)


TONES: dict[str, Callable[[Unit, float], Unit]] = {
    "autocontrast": autocontrast,
    "equalize": equalize,
    "posterize": posterize,
    "solarize": solarize,
}
"""Each takes an image and a level from 0 to 1."""
