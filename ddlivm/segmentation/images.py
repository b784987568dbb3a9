"""One input for both modalities: three channels, whatever the camera, the units and the exposure."""

import cv2
import numpy as np
import numpy.typing as npt

Image = npt.NDArray[np.float32] | npt.NDArray[np.uint8]


def network_input(image: Image, size: tuple[int, int]) -> npt.NDArray[np.float32]:
    """Resize and standardise a raw image.

    Infrared values are stretched between their own percentiles first, so that °C and a camera's automatic gain look
    alike, and repeated to three channels.

    Args:
        image: infrared (H, W) float32, °C or grey levels, or visible (H, W, 3) uint8 RGB.
        size: (width, height) of the network's input.

    Returns:
        (3, height, width) float32 of zero mean and unit deviation, clipped to ±3.
    """
    shrinks = size[0] < image.shape[1]
    resized = np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.float32
    )
    if resized.ndim == 2:
        low, high = np.percentile(resized, [1, 99])
        resized = np.repeat(np.clip(resized, low, high)[..., None], 3, axis=2)
    return standardise(resized).transpose(2, 0, 1)


def standardise(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Take the mean off and divide by the deviation, over all pixels and channels; colours stay what they are."""
    deviation = max(float(image.std()), 1e-3)
    return np.clip((image - image.mean()) / deviation, -3, 3).astype(np.float32)
