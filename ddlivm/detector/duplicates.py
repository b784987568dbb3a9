"""One box per place: of several types that were detected there, the best stays and the others become alternatives."""

from dataclasses import replace

import numpy as np

from ddlivm.data.boxes import iou_matrix
from ddlivm.data.detections import Detections
from ddlivm.data.taxonomy import load_taxonomy


def resolve_duplicates(detections: Detections, overlap: float) -> Detections:
    """Keep one detection per place, whatever its type.

    A head suppresses duplicates within each type only, so one hotspot may be detected as several types. Each copy
    would be reported to the inspector as a defect of its own.

    Args:
        detections: Of one image, in any frame.
        overlap: IoU above which two detections are at the same place, 0 to 1. A detection that is near two
            kept ones becomes an alternative of the better one.

    Returns:
        The detections that stay, best first, with the scores of the other types in `alternatives`.
    """
    order = np.argsort(-detections.scores, kind="stable")
    ordered = detections[order]
    near = iou_matrix(ordered.boxes, ordered.boxes) > overlap
    others = np.zeros((len(ordered), len(load_taxonomy())), dtype=np.float32)
    kept: list[int] = []
    for index in range(len(ordered)):
        place = next((earlier for earlier in kept if near[earlier, index]), None)
        if place is None:
            kept.append(index)
        elif (kind := ordered.classes[index]) != ordered.classes[place]:
            others[place, kind] = max(others[place, kind], ordered.scores[index])
    return replace(ordered, alternatives=others)[np.array(kept, dtype=np.int64)]
