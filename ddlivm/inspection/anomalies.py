"""Anomalies that no detection explains: what the detector has not learnt must not be lost."""

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections
from ddlivm.data.boxes import centres_inside, iou_matrix
from ddlivm.thermography import Anomalies

UNCLASSIFIED = "unclassified anomaly"
"""The type that an anomaly is reported with."""

SAME = 0.3
"""IoU from which a detection and an anomaly are the same thing."""

LARGEST = 8.0
"""How many times its area a detection may have to explain an anomaly inside it: one of a row of modules says nothing of
a hot cell in one of them."""

COVERED = 0.5
"""Share of an anomaly from which detections that cover it explain it."""


def unexplained(anomalies: Anomalies, detections: Detections) -> Anomalies:
    """Return the anomalies that no detection explains.

    A detection explains an anomaly that it overlaps enough, or whose centre it holds without being far larger; several
    that are not far larger explain one that they cover for the most part.

    Args:
        anomalies: Of one image.
        detections: Of the same image, in raw infrared pixels.
    """
    if not len(anomalies) or not len(detections):
        return anomalies
    comparable = _areas(detections.boxes) <= LARGEST * _areas(anomalies.boxes)[:, None]
    holds = centres_inside(anomalies.boxes, detections.boxes) & comparable
    explained = (holds | (iou_matrix(anomalies.boxes, detections.boxes) >= SAME)).any(axis=1)
    rows = zip(anomalies.boxes, comparable, strict=True)
    covered = np.array([_covered(box, detections.boxes[own]) for box, own in rows])
    return anomalies[~explained & (covered < COVERED)]


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return np.asarray(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1), np.float32)


def _covered(box: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> float:
    """Return the share of a box's pixels whose centres lie in another box."""
    x = np.arange(box[0], box[2]) + 0.5
    y = np.arange(box[1], box[3]) + 0.5
    across = (x >= others[:, 0:1]) & (x <= others[:, 2:3])
    down = (y >= others[:, 1:2]) & (y <= others[:, 3:4])
    return float((down[:, :, None] & across[:, None, :]).any(axis=0).mean())
