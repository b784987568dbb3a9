"""A hotspot's contour inside its box, and the two numbers that describe its shape (3.3).

S/(WH) and C/(2W+2H): the contour's area and perimeter over those of its box. A hotspot that fills its box has 1 and
1, a disc π/4 and π/4, an L 1 for the perimeter and less for the area.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
import numpy.typing as npt

PixelBox = tuple[int, int, int, int]


@dataclass(frozen=True)
class Contour:
    """The region that a hotspot covers inside its box.

    Attributes:
        box: (x0, y0, x1, y1) pixels of the image, whole numbers.
        mask: (y1 - y0, x1 - x0) bool, one region without holes.
    """

    box: PixelBox
    mask: npt.NDArray[np.bool_]

    @property
    def area(self) -> float:
        """S, square pixels."""
        return float(np.count_nonzero(self.mask))

    @property
    def perimeter(self) -> float:
        """C, pixels: the outline along the pixels' outer edges, diagonals taken straight."""
        return outline_length(self.mask)

    @property
    def area_share(self) -> float:
        """S/(WH), 0 to 1."""
        return self.area / self.mask.size

    @property
    def perimeter_share(self) -> float:
        """C/(2W+2H); above 1 for ragged shapes."""
        height, width = self.mask.shape
        return self.perimeter / (2 * width + 2 * height)


class ContourFinder(Protocol):
    """Finds the contour in each box: by threshold, or by SAM with the user's checkpoint."""

    def find(self, values: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> list[Contour]:
        """Return a contour for each of the (n, 4) xyxy pixel boxes of the (H, W) infrared image."""
        ...


class ThresholdContours:
    """Otsu's threshold inside the box, then the largest connected region: what stands in where there is no SAM."""

    def find(self, values: npt.NDArray[np.float32], boxes: npt.NDArray[np.float32]) -> list[Contour]:
        """Return a contour for each of the (n, 4) xyxy pixel boxes of the (H, W) infrared image."""
        return [_threshold(values, pixel_box(box, values.shape)) for box in boxes]


def contour_finder(sam_checkpoint: str | None) -> ContourFinder:
    """Return the finder that parameters ask for: SAM with the user's checkpoint, or the threshold.

    Raises:
        InputError: the checkpoint cannot be used.
    """
    if sam_checkpoint is None:
        return ThresholdContours()
    from ddlivm.augmentation.sam import SamContours  # torch and torchvision: 12 s that the threshold need not pay

    return SamContours.load(Path(sam_checkpoint))


def pixel_box(box: npt.ArrayLike, shape: tuple[int, ...]) -> PixelBox:
    """Return the whole pixels that a box touches, inside an image of (height, width), at least one pixel."""
    height, width = shape[:2]
    x0, y0, x1, y1 = (float(value) for value in np.asarray(box))
    left, top = int(np.clip(np.floor(x0), 0, width - 1)), int(np.clip(np.floor(y0), 0, height - 1))
    right, bottom = int(np.clip(np.ceil(x1), left + 1, width)), int(np.clip(np.ceil(y1), top + 1, height))
    return left, top, right, bottom


def solid_region(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the largest connected region with its holes filled; the whole box if there is none."""
    count, labels, statistics, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    if count < 2:
        return np.ones_like(mask, dtype=bool)
    largest = (labels == 1 + int(np.argmax(statistics[1:, cv2.CC_STAT_AREA]))).astype(np.uint8)
    outlines, _ = cv2.findContours(largest, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    return cv2.drawContours(largest, outlines, -1, 1, cv2.FILLED).astype(bool)


def outline_length(mask: npt.NDArray[np.bool_]) -> float:
    """Return the perimeter of the largest region, along the outer edges of its pixels.

    OpenCV's outline runs through pixel centres. Staircases are straightened, then the polygon is moved out by half a
    pixel, which lengthens it by tan(θ/2) at a corner that turns by θ: exact for rectangles, half a pixel short at an
    inner corner, and within 6 % for discs from 8 pixels on (2 % from 40). Sharper corners than right ones are a
    pixel's square end.
    """
    outlines, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    if not outlines:
        return 0.0
    outline = cv2.approxPolyDP(max(outlines, key=len), STAIRCASE, closed=True)
    points = outline.reshape(-1, 2).astype(np.float64)
    if len(points) == 1:
        return 4.0
    sides = np.roll(points, -1, axis=0) - points
    before = np.roll(sides, 1, axis=0)
    turn = np.arctan2(before[:, 0] * sides[:, 1] - before[:, 1] * sides[:, 0], (before * sides).sum(axis=1))
    turn = turn if cv2.contourArea(outline, oriented=True) >= 0 else -turn
    turn[turn < -HALF_TURN] = np.pi
    corners = np.select([turn > SHARP, turn < -SHARP], [SQUARE_END, -1.0], np.tan(turn / 2))
    return float(np.linalg.norm(sides, axis=1).sum() + corners.sum())


STAIRCASE = 0.7
"""How far (pixels) a straight line may leave the outline: steps of a digitised slope, but no corner."""

SHARP = np.pi / 2 + 1e-6
"""A corner (radians) that turns further would be lengthened without limit by tan(θ/2)."""

SQUARE_END = 2.0
"""What the end of a line of single pixels adds: two sides of half a pixel and one of a whole."""

HALF_TURN = np.pi - 1e-6
"""The turn (radians) at such an end; whether it is to the left or to the right is an accident of rounding."""


def _threshold(values: npt.NDArray[np.float32], box: PixelBox) -> Contour:
    x0, y0, x1, y1 = box
    inside = values[y0:y1, x0:x1]
    low, high = float(inside.min()), float(inside.max())
    if high <= low:
        return Contour(box, np.ones(inside.shape, dtype=bool))
    grey = np.rint((inside - low) * (255 / (high - low))).astype(np.uint8)
    _, hot = cv2.threshold(grey, 0, 1, cv2.THRESH_BINARY | cv2.THRESH_OTSU)
    return Contour(box, solid_region(hot.astype(bool)))
