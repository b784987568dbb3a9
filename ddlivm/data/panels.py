"""Where the panels are in the infrared image, and which detections lie on them: hot ground is no defect."""

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.outlines import box_outlines
from ddlivm.data.transforms import Transform


def on_panels(
    boxes: npt.NDArray[np.float32],
    panels: npt.NDArray[np.float32],
    size: tuple[int, int],
    transform: Transform,
    share: float,
) -> npt.NDArray[np.bool_]:
    """Return which of (n, 4) xyxy boxes, raw infrared pixels, lie on panels, (n,).

    Args:
        boxes: the detections'.
        panels: (h, w) panel probability over the whole visible image, at any size.
        size: (width, height) of the raw visible image.
        transform: raw infrared to raw visible pixels.
        share: of a box that panels must cover, 0 to 1.
    """
    height, width = panels.shape
    covered = cv2.integral((panels > 0.5).astype(np.uint8))
    corners = transform.to_visible(np.reshape(box_outlines(boxes), (-1, 2))).reshape(-1, 4, 2)
    scaled = corners * np.array([width / size[0], height / size[1]])
    low = np.clip(np.floor(scaled.min(axis=1)), 0, [width - 1, height - 1]).astype(int)
    high = np.clip(np.ceil(scaled.max(axis=1)), low + 1, [width, height]).astype(int)
    (x0, y0), (x1, y1) = low.T, high.T
    inside = covered[y1, x1] - covered[y0, x1] - covered[y1, x0] + covered[y0, x0]
    return np.asarray(inside >= share * (x1 - x0) * (y1 - y0))


def panels_in_infrared(
    panels: npt.NDArray[np.float32], visible_size: tuple[int, int], transform: Transform, size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Return the panel probability in the raw infrared frame, (H, W) float32; 0 where the visible image shows nothing.

    Args:
        panels: (h, w) panel probability over the whole visible image, at any size.
        visible_size: (width, height) of the raw visible image.
        transform: raw infrared to raw visible pixels.
        size: (width, height) of the raw infrared image.
    """
    height, width = panels.shape
    shrink = np.diag([width / visible_size[0], height / visible_size[1], 1.0])
    # OpenCV counts from pixel centres, transforms from corners.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = np.linalg.inv(half) @ shrink @ np.vstack([transform.matrix, [0, 0, 1]]) @ half
    flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
    return np.asarray(cv2.warpAffine(panels, matrix[:2], size, flags=flags, borderValue=0), np.float32)
