"""The flight's own pictures as backgrounds.

The anomalies that thermography reports stay, with their boxes, and are learnt from. What is hot but too weak to be
reported is painted over: it must be learnt neither as a defect nor as healthy.
"""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import SHAPES, AlignedPair, Detections, load_taxonomy
from ddlivm.data.boxes import iou_matrix
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.parameters import Thermography
from ddlivm.thermography import Anomalies, Excess, excess, find_anomalies, infrared_panels

PAINTED = 2.0
"""Excess from which a pixel of a region is painted over, deviations of healthy panels; some pixel of it must have
`PAINTED_PEAK`."""

PAINTED_PEAK = 3.0

WIDENED = 2
"""Working pixels around a region that are painted over too: its warm rim."""

TRIES = 24
"""Places that are looked at for panel noise to paint with."""

EDGE = 10
"""Working pixels above a table's lower edge in which a streak is taken for vegetation."""

STAND_IN = {"point": "internal_damage", "strip": "diode_failure", "bar": "short_circuit", "region": "open_circuit"}
"""The type that an anomaly of each shape is learnt as where the head has no opinion: the one that is not visible."""

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Look = Callable[[Field, npt.NDArray[np.uint8], float], Detections]
"""From a working infrared image above its median, the visible one and the span to what the head detects."""


@dataclass(frozen=True)
class Background:
    """One picture of the flight.

    Attributes:
        infrared: (h, w) float32, K or grey levels above the picture's median, weaker hot regions painted over.
        visible: (7h/4, 7w/4, 3) uint8 RGB, as it was taken.
        panels: (h, w) bool.
        deviation: Robust standard deviation of healthy panels, K or grey levels.
        span: The values that `InfraredRange` makes a step of 1.
        radiometric: Whether the values are kelvin.
        ceiling: The highest value that the camera gave, above the median; grey levels saturate there.
        angle: How far the rows of panels are turned, degrees, from x towards y, -45 to 45.
        known: The anomalies that thermography reports, each with the type that it is learnt as; working pixels.
    """

    infrared: Field
    visible: npt.NDArray[np.uint8]
    panels: Mask
    deviation: float
    span: float
    radiometric: bool
    ceiling: float
    angle: float
    known: Detections


def background_of(pair: AlignedPair, panels: Field, look: Look, thermography: Thermography, seed: int) -> Background:
    """Make a background of a pair.

    Args:
        pair: The pair; its raw images stay in memory as long as it does.
        panels: Panel probability over the raw visible image, at any size.
        look: The head that is adapted; its opinion of an anomaly's type is asked for.
        thermography: When a region counts as an anomaly.
        seed: Of the noise that is painted.
    """
    values, visible, shown = pair.infrared(), pair.visible(), working_panels(pair, panels)
    radiometric = pair.raw_infrared.radiometric
    measured = InfraredRange.of(values, radiometric)
    found = excess(values, shown, radiometric)
    anomalies = find_anomalies(found, thermography)
    above = values - np.float32(measured.centre)
    kinds = types_of(anomalies, look(above, visible, measured.span), shown)
    infrared = painted(above, found, _boxes_mask(anomalies.boxes, values.shape), seed)
    return Background(
        infrared,
        visible,
        shown,
        found.deviation,
        measured.span,
        radiometric,
        float(above.max()),
        row_angle(shown),
        Detections.of(anomalies.boxes, np.ones(len(anomalies)), kinds),
    )


def working_panels(pair: AlignedPair, panels: Field) -> Mask:
    """Return where panels are in the working infrared image, (h, w).

    Args:
        pair: The pair.
        panels: Panel probability over the raw visible image, at any size.
    """
    raw = infrared_panels(pair, panels)
    x0, y0, x1, y1 = map(int, pair.frame.crop)
    return np.asarray(cv2.resize(raw[y0:y1, x0:x1], pair.working_size, interpolation=cv2.INTER_LINEAR) > 0.5)


def types_of(anomalies: Anomalies, seen: Detections, panels: Mask) -> list[int]:
    """Return the class that each anomaly is learnt as: the head's best there, else one for its shape and place.

    Args:
        anomalies: In working pixels.
        seen: What the head detects.
        panels: (h, w).
    """
    taxonomy = load_taxonomy()
    overlap = iou_matrix(anomalies.boxes, seen.boxes)
    kinds = []
    for index, (box, shape) in enumerate(zip(anomalies.boxes.astype(int), anomalies.shapes.tolist(), strict=True)):
        near = np.flatnonzero(overlap[index] >= 0.3)
        if len(near):
            kinds.append(int(seen.classes[near[np.argmax(seen.scores[near])]]))
            continue
        x0, _, x1, y1 = box
        below = panels[y1 : y1 + EDGE, x0:x1]
        at_edge = below.size > 0 and below.mean() < 0.5 and SHAPES[shape] in ("point", "strip")
        kinds.append(taxonomy.index("grass_tree" if at_edge else STAND_IN[SHAPES[shape]]))
    return kinds


def painted(values: Field, found: Excess, kept: Mask, seed: int) -> Field:
    """Return an infrared image whose hot regions show the healthy reference with the panels' own noise.

    The noise is copied from another place on healthy panels, so that it has their texture; where none is found, it is
    drawn.

    Args:
        values: (h, w), the image.
        found: Its excess over the healthy reference.
        kept: (h, w), what is not painted over.
        seed: Of the places.
    """
    rng = np.random.default_rng(seed)
    residual = found.values * np.float32(1.0 if found.unit == "K" else found.deviation)
    hot = _hot_regions(residual / np.float32(found.deviation), found.panels & ~kept)
    wide = cv2.dilate(hot.astype(np.uint8), np.ones((2 * WIDENED + 1,) * 2, np.uint8)) > 0
    wide &= found.panels & ~kept
    healthy = found.panels & ~wide & ~kept
    noise = np.zeros_like(residual)
    count, labels, rows, _ = cv2.connectedComponentsWithStats(wide.astype(np.uint8), connectivity=8)
    for index in range(1, count):
        x, y, width, height = (int(side) for side in rows[index, :4])
        own = labels[y : y + height, x : x + width] == index
        noise[y : y + height, x : x + width][own] = _noise(own, residual, healthy, found.deviation, rng)
    limit = np.float32(PAINTED_PEAK * found.deviation)
    soft = cv2.GaussianBlur(wide.astype(np.float32), (0, 0), 0.7) * wide
    return np.asarray(values + soft * (np.clip(noise, -limit, limit) - residual), np.float32)


def _hot_regions(excess_: Field, where: Mask) -> Mask:
    hot = (excess_ > PAINTED) & where
    count, labels = cv2.connectedComponents(hot.astype(np.uint8), connectivity=8)
    peaks = np.zeros(count, np.float32)
    np.maximum.at(peaks, np.asarray(labels[hot], np.int64), excess_[hot])
    return np.asarray(hot & (peaks >= PAINTED_PEAK)[labels])


def _noise(own: Mask, residual: Field, healthy: Mask, deviation: float, rng: np.random.Generator) -> Field:
    """Return the noise of healthy panels for the pixels of a region, (k,)."""
    height, width = own.shape
    drawn = rng.normal(0, deviation, own.shape).astype(np.float32)
    best: tuple[int, int] | None = None
    lost = 0.3
    for _ in range(TRIES):
        left = int(rng.integers(residual.shape[1] - width + 1))
        top = int(rng.integers(residual.shape[0] - height + 1))
        share = float((own & ~healthy[top : top + height, left : left + width]).sum() / own.sum())
        if share < lost:
            best, lost = (left, top), share
    if best is None:
        return drawn[own]
    part = np.s_[best[1] : best[1] + height, best[0] : best[0] + width]
    return np.asarray(np.where(healthy[part], residual[part], drawn)[own], np.float32)


def _boxes_mask(boxes: npt.NDArray[np.float32], shape: tuple[int, ...]) -> Mask:
    mask = np.zeros(shape, dtype=bool)
    for x0, y0, x1, y1 in boxes.astype(int).tolist():
        mask[max(y0 - WIDENED, 0) : y1 + WIDENED, max(x0 - WIDENED, 0) : x1 + WIDENED] = True
    return mask


def row_angle(panels: Mask) -> float:
    """Return how far rows of panels are turned, degrees, from x towards y, -45 to 45: what edges have in common."""
    image = cv2.GaussianBlur(panels.astype(np.float32), (0, 0), 2)
    gradient = cv2.Sobel(image, cv2.CV_32F, 1, 0) + 1j * cv2.Sobel(image, cv2.CV_32F, 0, 1)
    # Rows and columns are the same grid: four times the angle is averaged.
    size = np.abs(gradient)
    total = complex((gradient**4 / np.maximum(size, 1e-9) ** 2).sum())
    return float(np.degrees(np.angle(total)) / 4) if abs(total) > 0 else 0.0
