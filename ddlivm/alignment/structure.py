"""What both modalities share: the direction of edges, and where the panels are."""

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]

NEIGHBOURHOOD = 31
"""Side of the square over which strong and faint edges are evened out, pixels of the small picture."""

PANELS = 0.2
"""Weight of the panel mask against both direction channels."""


def structure(grey: Field, mask: Field | None) -> Field:
    """Return a picture's edges by direction, and its panels.

    A module's frame is a cold line in infrared and a bright one in visible light: the sign of the gradient says
    nothing, its direction does. Doubling the angle makes opposite gradients equal. The square root keeps a glaring edge
    from outweighing a grid of faint ones, and each neighbourhood is brought to the same strength.

    Args:
        grey: (h, w) float32, any units.
        mask: (h', w') panel probability in [0, 1] over the same picture; None where nobody knows.

    Returns:
        (h, w, 3) float32: strength * cos 2θ, strength * sin 2θ, and the panels as ±`PANELS`**0.5, 0 if unknown.
    """
    smooth = cv2.GaussianBlur(grey, (0, 0), 1.0)
    gx, gy = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    square = gx * gx + gy * gy
    strength = np.sqrt(np.sqrt(square))
    local = cv2.blur(strength, (NEIGHBOURHOOD, NEIGHBOURHOOD)) + (0.05 * float(strength.mean()) + 1e-3)
    gain = strength / (local * (square + 1e-6))
    edges = cv2.merge([(gx * gx - gy * gy) * gain, 2 * gx * gy * gain])
    edges = cv2.GaussianBlur(edges, (0, 0), 0.7)
    panels = np.zeros_like(grey)
    if mask is not None:
        panels = (2 * resize(mask, (grey.shape[1], grey.shape[0])) - 1) * np.float32(PANELS**0.5)
    return np.dstack([edges, panels]).astype(np.float32, copy=False)


def resize(image: Field, size: tuple[int, int]) -> Field:
    """Return (h, w) or (h, w, channels) float32 at another (width, height), averaged where it shrinks."""
    if (image.shape[1], image.shape[0]) == size:
        return image
    shrinks = size[0] < image.shape[1]
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.float32
    )
