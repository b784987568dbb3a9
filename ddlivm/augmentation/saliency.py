"""What stands out of an image: the spectral residual (Hou and Zhang, 2007)."""

import cv2
import numpy as np
import numpy.typing as npt

SIDE = 64
"""The image is looked at from afar: this many pixels along each side."""


def saliency(image: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return how far each place stands out, (h, w) from 0 to 255; 0 everywhere for a constant image.

    Args:
        image: (h, w), any unit.
    """
    height, width = image.shape
    if image.max() <= image.min():
        return np.zeros(image.shape, dtype=np.float32)
    small = cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    spectrum = np.fft.fft2(small)
    amplitude = np.log(np.abs(spectrum) + 1e-9)
    residual = amplitude - cv2.blur(amplitude, (3, 3), borderType=cv2.BORDER_REPLICATE)
    energy = np.abs(np.fft.ifft2(np.exp(residual + 1j * np.angle(spectrum)))) ** 2
    smooth = cv2.GaussianBlur(energy.astype(np.float32), (0, 0), 2.5)
    scaled = (smooth - smooth.min()) * (255 / max(float(smooth.max() - smooth.min()), 1e-12))
    return np.asarray(cv2.resize(scaled, (width, height), interpolation=cv2.INTER_LINEAR), dtype=np.float32)
