"""One input for both modalities: three channels, whatever the camera, the units and the exposure."""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32] | npt.NDArray[np.uint8]
Field = npt.NDArray[np.float32]

IMAGENET_MEAN = np.array([0.485, 0.456, 0.406], np.float32)
IMAGENET_DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)

FLAT = np.float32(0.05)
"""An infrared image of a smaller range, °C or grey levels, is flat: no camera tells such differences from noise."""


def stretch(image: Image, size: tuple[int, int]) -> Field:
    """Resize a raw image, and bring its values to grey levels.

    Infrared values are stretched between their own percentiles, so that °C and a camera's automatic gain look alike,
    and repeated to three channels.

    Args:
        image: infrared (H, W) float32, °C or grey levels, or visible (H, W, 3) uint8 RGB.
        size: (width, height) of the network's input.

    Returns:
        (height, width, 3) float32 in 0 to 255.
    """
    shrinks = size[0] < image.shape[1]
    resized = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.float32
    )
    if resized.ndim == 3:
        return resized
    low, high = (np.float32(level) for level in np.percentile(resized, [1, 99]))
    levels = np.clip((resized - low) / max(high - low, FLAT), 0, 1) * np.float32(255)
    return np.repeat(levels[..., None], 3, axis=2)


def standardise(image: Field) -> Field:
    """Take the mean off and divide by the deviation, over all pixels and channels; colours stay what they are.

    Args:
        image: (h, w, 3) float32 in 0 to 255.

    Returns:
        The same of zero mean and unit deviation, clipped to ±3.
    """
    deviation = max(float(image.std()), 1.0)  # less than a grey level is rounding
    return np.clip((image - image.mean()) / deviation, -3, 3).astype(np.float32)


def imagenet(image: Field) -> Field:
    """Take ImageNet's mean off and divide by its deviation, as public backbones were trained.

    Args:
        image: (h, w, 3) float32 RGB in 0 to 255.
    """
    return ((image / np.float32(255) - IMAGENET_MEAN) / IMAGENET_DEVIATION).astype(np.float32)
