"""How far detections hold when the image is perturbed (3.3)."""

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections


def held(before: Detections, after: Detections) -> npt.NDArray[np.float64]:
    """Return, of each detection before, the highest IoU with a detection of its class after; 0 where there is none."""
    if not len(after):
        return np.zeros(len(before))
    same = before.classes[:, None] == after.classes[None]
    return np.asarray(np.where(same, iou(before.boxes, after.boxes), 0).max(axis=1), dtype=np.float64)


def iou(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the (n, m) IoU of (n, 4) and (m, 4) xyxy boxes; 0 where both are empty."""
    rows, columns = first.astype(np.float64)[:, None], second.astype(np.float64)[None]
    sides = np.minimum(rows[..., 2:], columns[..., 2:]) - np.maximum(rows[..., :2], columns[..., :2])
    common = np.clip(sides, 0, None).prod(axis=-1)
    areas = [np.clip(boxes[..., 2:] - boxes[..., :2], 0, None).prod(axis=-1) for boxes in (rows, columns)]
    union = areas[0] + areas[1] - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)
