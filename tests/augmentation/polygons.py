"""Polygons drawn by the rule that a pixel is inside where its centre is."""

import cv2
import numpy as np

TRIANGLES = [
    np.array([[20.3, 12.6], [71.1, 20.2], [40.7, 55.4]], np.float32),
    np.array([[60.2, 50.7], [15.4, 40.1], [45.8, 5.3], [50.1, 30.9]], np.float32),
]
"""A triangle, and a quadrilateral that is not convex; no pixel's centre is on a side."""


def filled(points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Return the (height, width) mask of the pixels whose centres an odd number of sides lies left of."""
    xs, ys = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    inside = np.zeros(xs.shape, dtype=bool)
    for (x0, y0), (x1, y1) in zip(points.astype(float), np.roll(points, -1, axis=0).astype(float), strict=True):
        if y0 != y1:
            inside ^= ((y0 <= ys) != (y1 <= ys)) & (xs > x0 + (ys - y0) * (x1 - x0) / (y1 - y0))
    return inside


def near_the_edge(mask: np.ndarray, pixels: int) -> np.ndarray:
    """Return where the mask's edge is at most so many pixels away, which resampling may blur."""
    square = np.ones((2 * pixels + 1, 2 * pixels + 1), np.uint8)
    plain = mask.astype(np.uint8)
    return cv2.dilate(plain, square) != cv2.erode(plain, square)
