"""How far detections hold when the image is perturbed (3.3)."""

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections
from ddlivm.data.boxes import iou_matrix


def held(before: Detections, after: Detections) -> npt.NDArray[np.float64]:
    """Return, of each detection before, the highest IoU with a detection of its class after; 0 where there is none."""
    if not len(after):
        return np.zeros(len(before))
    same = before.classes[:, None] == after.classes[None]
    return np.asarray(np.where(same, iou_matrix(before.boxes, after.boxes), 0).max(axis=1), dtype=np.float64)
