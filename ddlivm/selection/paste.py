"""Paste a defect's cut-out near a detection, without covering a detection."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Spot:
    """Where to paste.

    Attributes:
        box: the detection, (x0, y0, x1, y1) pixels, whole numbers.
        window: (width, height), pixels, of the neighbourhood around the box's centre that the cut-out's centre is in.
    """

    box: tuple[int, int, int, int]
    window: tuple[float, float]

    def neighbourhood(self, size: tuple[int, int]) -> tuple[float, float]:
        """Return the window, as wide as it must be for a cut-out of `size` (width, height) to have a place beside."""
        x0, y0, x1, y1 = self.box
        beside = (x1 - x0 + size[0], y1 - y0 + size[1])
        if beside[0] <= self.window[0] or beside[1] <= self.window[1]:
            return self.window
        return max(beside[0], self.window[0]), max(beside[1], self.window[1])


def paste(
    values: npt.NDArray[np.float32],
    excess: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    spot: Spot,
    taken: npt.NDArray[np.bool_],
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Add a cut-out's excess to an image, in place, at a random place beside a detection.

    Of the places in the neighbourhood, one where the least of the cut-out is lost is drawn: nothing where there is
    room. What would cover a detection or lie beyond the image's border is left out.

    Args:
        values: (H, W) float32; changed.
        excess: (h, w) float32, in the unit of `values`.
        mask: (h, w) bool: what of the cut-out is pasted.
        spot: where.
        taken: (H, W) bool: the image's detections, in which nothing is changed.
        rng: draws the place.

    Returns:
        The cut-out's left upper corner, pixels; may be negative.
    """
    height, width = mask.shape
    window = spot.neighbourhood((width, height))
    left, columns = _starts(spot.box[0] + spot.box[2], window[0], width)
    top, rows = _starts(spot.box[1] + spot.box[3], window[1], height)
    closed = _closed(taken, (left, top), (columns + width - 1, rows + height - 1))
    sums = cv2.integral(closed)
    lost = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    best = np.flatnonzero(lost == lost.min())
    row, column = divmod(int(best[rng.integers(len(best))]), columns)
    x, y = left + column, top + row
    free = mask & (closed[row : row + height, column : column + width] == 0)
    inside = values[max(y, 0) : max(y + height, 0), max(x, 0) : max(x + width, 0)]
    inside += np.where(free, excess, 0)[max(-y, 0) :, max(-x, 0) :][: inside.shape[0], : inside.shape[1]]
    return x, y


def _starts(ends: int, window: float, length: int) -> tuple[int, int]:
    """Along one axis: the first start whose centre is in the window, and how many there are; `ends` is x0 + x1."""
    low, high = (ends - window - length) / 2, (ends + window - length) / 2
    first = int(np.ceil(low))
    return first, max(int(np.floor(high)) - first, 0) + 1


def _closed(taken: npt.NDArray[np.bool_], corner: tuple[int, int], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return a part of the image, (height, width): 1 where nothing may be pasted, so beyond the border too."""
    (left, top), (width, height) = corner, size
    closed = np.ones((height, width), dtype=np.uint8)
    x0, y0 = max(left, 0), max(top, 0)
    inside = taken[y0 : max(top + height, 0), x0 : max(left + width, 0)]
    closed[y0 - top : y0 - top + inside.shape[0], x0 - left : x0 - left + inside.shape[1]] = inside
    return closed
