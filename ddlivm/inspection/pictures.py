"""A pair with what was found on it: infrared left, the visible image of the same ground right."""

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Transform, load_taxonomy
from ddlivm.evaluation.pictures import (
    BLACK,
    WHITE,
    Colour,
    Image,
    beside,
    checkerboard,
    draw_boxes,
    paint,
    to_infrared_frame,
)
from ddlivm.inspection.inspection import InspectedPair
from ddlivm.thermography import Anomalies

EXTERNAL: Colour = (0, 200, 60)
INTERNAL: Colour = (40, 110, 255)
UNEXPLAINED: Colour = (0, 225, 225)
EDGE: Colour = (255, 60, 40)


def annotate(found: InspectedPair, pixels: AlignedPair) -> Image:
    """Draw a pair's detections and unclassified anomalies in the raw infrared frame, on both images.

    Returns:
        (H, 2W + gap, 3) uint8 RGB; types that can be seen in visible light are green, internal ones blue, anomalies
        cyan with their peak. What the visible camera does not show is white on the right, and has a thin frame around
        the common ground on the left.
    """
    infrared = paint(pixels.raw_infrared.values)
    visible = to_infrared_frame(pixels.raw_visible, pixels.transform, found.size)
    infrared = _frame(infrared, np.asarray(found.common, dtype=np.float32))
    taxonomy, detections = load_taxonomy(), found.detections
    sides = []
    for picture in (infrared, visible):
        drawn = picture
        for colour, external in ((EXTERNAL, True), (INTERNAL, False)):
            mask = np.array([taxonomy.types[int(kind)].external == external for kind in detections.classes], dtype=bool)
            own = detections[mask]
            labels = [
                f"{taxonomy.types[int(kind)].label} {score:.2f}"
                for kind, score in zip(own.classes, own.scores, strict=True)
            ]
            drawn = draw_boxes(drawn, own.boxes, labels, colour)
        peaks = [peak_of(found.anomalies, index) for index in range(len(found.anomalies))]
        drawn = draw_boxes(drawn, found.anomalies.boxes, peaks, UNEXPLAINED)
        sides.append(drawn)
    return beside(sides)


def peak_of(anomalies: Anomalies, index: int) -> str:
    """Say how high an anomaly rises above healthy panels."""
    unit = "K" if anomalies.unit == "K" else "dev."
    return f"+{anomalies.peaks[index]:.1f} {unit}"


def compare(infrared: npt.NDArray[np.float32], visible: Image, transform: Transform) -> Image:
    """Draw an alignment so that an eye can judge it, in the raw infrared frame.

    Returns:
        (H, 2W + gap, 3) uint8 RGB: left, squares of both images in turn, in which rows and frames run on where the
        alignment is right; right, the infrared image's edges in red on the visible image.
    """
    size = (infrared.shape[1], infrared.shape[0])
    seen = to_infrared_frame(visible, transform, size)
    low, high = np.percentile(infrared, [1, 99])
    levels = (np.clip((infrared - low) / max(float(high - low), 1e-6), 0, 1) * 255).astype(np.uint8)
    smooth = cv2.GaussianBlur(levels, (0, 0), 2.0)
    along, down = cv2.Sobel(smooth, cv2.CV_16S, 1, 0), cv2.Sobel(smooth, cv2.CV_16S, 0, 1)
    strong = float(np.percentile(np.abs(along.astype(np.int32)) + np.abs(down), 92))
    edges = cv2.Canny(along, down, strong / 2, strong) > 0
    overlay = (seen // 2 + 100).astype(np.uint8)
    overlay[edges] = EDGE
    return beside([checkerboard(paint(infrared), seen), overlay])


def _frame(picture: Image, common: npt.NDArray[np.float32]) -> Image:
    height, width = picture.shape[:2]
    if tuple(common) == (0, 0, width, height):
        return picture
    framed = picture.copy()
    x0, y0, x1, y1 = (round(float(value)) for value in common)
    for ink, inset in ((BLACK, 1), (WHITE, 0)):
        cv2.rectangle(framed, (x0 + inset, y0 + inset), (x1 - 1 - inset, y1 - 1 - inset), ink, 1)
    return framed
