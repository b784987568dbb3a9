"""Changes of what cameras report for the same ground: gain and offset, brightness and colour."""

from dataclasses import replace

import cv2
import numpy as np

from ddlivm.augmentation.sample import Sample

INFRARED_GAIN = (0.7, 1.4)
"""Contrast of all temperatures: irradiance and wind change a hotspot's excess about as much between two days."""

INFRARED_OFFSET = 0.08
"""Largest shift, in units of the span: how far an image's median moves with what else it shows."""

VISIBLE_CONTRAST = (0.75, 1.3)
VISIBLE_COLOUR = (0.9, 1.1)
VISIBLE_BRIGHTNESS = 25.0


def jitter(sample: Sample, span: float, rng: np.random.Generator) -> Sample:
    """Change gain and offset of the infrared values, and contrast, brightness and colour balance of the visible ones.

    Args:
        sample: a tile whose infrared values count from its image's median.
        span: the values that normalisation makes a step of 1.
        rng: draws the changes.
    """
    gain = np.exp(rng.uniform(*np.log(INFRARED_GAIN)))
    offset = rng.uniform(-INFRARED_OFFSET, INFRARED_OFFSET) * span
    contrast = np.exp(rng.uniform(*np.log(VISIBLE_CONTRAST)))
    brightness = rng.uniform(-VISIBLE_BRIGHTNESS, VISIBLE_BRIGHTNESS)
    colour = rng.uniform(*VISIBLE_COLOUR, size=3)
    levels = np.arange(256)[:, None]
    table = np.clip(((levels - 128) * contrast + 128 + brightness) * colour, 0, 255).astype(np.uint8)
    return replace(
        sample,
        infrared=(sample.infrared * np.float32(gain) + np.float32(offset)),
        visible=np.asarray(cv2.LUT(sample.visible, table[None]), dtype=np.uint8),
    )
