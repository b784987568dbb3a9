"""Transformations of what pixels show: noise and cutout, on both modalities (3.3)."""

from dataclasses import replace

import numpy as np

from ddlivm.augmentation.sample import Sample

HIDDEN = 0.7
"""A defect of which more is cut out (share of its box's area) is no longer one to learn from."""


def add_noise(
    sample: Sample, rng: np.random.Generator, infrared_sigma: float = 0.3, visible_sigma: float = 4.0
) -> Sample:
    """Add Gaussian noise, independent between pixels and modalities.

    Args:
        sample: the tile.
        rng: draws the noise.
        infrared_sigma: standard deviation in the unit of the infrared values (K where radiometric).
        visible_sigma: standard deviation in grey levels of 255.
    """
    infrared = rng.standard_normal(sample.infrared.shape, dtype=np.float32)
    visible = rng.standard_normal(sample.visible.shape, dtype=np.float32)
    visible *= np.float32(visible_sigma)
    visible += sample.visible
    return replace(
        sample,
        infrared=sample.infrared + np.float32(infrared_sigma) * infrared,
        visible=np.clip(np.rint(visible), 0, 255).astype(np.uint8),
    )


def cutout(sample: Sample, rng: np.random.Generator, maximum_side: float = 0.25) -> Sample:
    """Hide one rectangle, the same ground in both modalities, behind each image's mean.

    Args:
        sample: the tile.
        rng: draws the rectangle: each side uniform up to `maximum_side`, the place uniform.
        maximum_side: share of the tile's side, 0 to 1.

    Returns:
        The tile; boxes of which more than `HIDDEN` is covered are dropped, others keep their full extent.
    """
    width, height = sample.size
    # Whole multiples of 4 infrared pixels are whole visible pixels too (7/4), so that both hide the same ground.
    cut_width, cut_height = (
        4 * int(rng.integers(1, max(2, int(side * maximum_side) // 4 + 1))) for side in (width, height)
    )
    x0, y0 = (
        4 * int(rng.integers(0, max(1, (side - cut) // 4 + 1)))
        for side, cut in ((width, cut_width), (height, cut_height))
    )
    hole = np.array([x0, y0, x0 + cut_width, y0 + cut_height], dtype=np.float32)
    infrared, visible = sample.infrared.copy(), sample.visible.copy()
    infrared[y0 : y0 + cut_height, x0 : x0 + cut_width] = infrared.mean()
    left, top, right, bottom = (int(value) * 7 // 4 for value in hole)
    visible[top:bottom, left:right] = np.rint(sample.visible.mean(axis=(0, 1))).astype(np.uint8)
    boxes = sample.boxes
    covered = np.maximum(np.minimum(boxes[:, 2:], hole[2:]) - np.maximum(boxes[:, :2], hole[:2]), 0).prod(axis=1)
    areas = (boxes[:, 2:] - boxes[:, :2]).prod(axis=1)
    return replace(sample, infrared=infrared, visible=visible).keep(covered <= HIDDEN * areas)
