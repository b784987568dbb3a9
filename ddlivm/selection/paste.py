"""Paste a defect's cut-out near a detection, without covering the detection."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Spot:
    """Where to paste.

    Attributes:
        box: the detection, (x0, y0, x1, y1) pixels, whole numbers: nothing in it is changed.
        window: (width, height), pixels, of the neighbourhood around the box's centre that the cut-out's centre is in.
    """

    box: tuple[int, int, int, int]
    window: tuple[float, float]


def paste(
    values: npt.NDArray[np.float32],
    excess: npt.NDArray[np.float32],
    mask: npt.NDArray[np.bool_],
    spot: Spot,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Add a cut-out's excess to an image, in place, at a random place beside a detection.

    Of the places in the window, one that covers the least of the detection and loses the least beyond the image's
    border is drawn: none of either where the window has room. A cut-out larger than the window cannot but reach over
    the detection: there it is left out.

    Args:
        values: (H, W) float32; changed.
        excess: (h, w) float32, in the unit of `values`.
        mask: (h, w) bool: what of the cut-out is pasted.
        spot: where.
        rng: draws the place.

    Returns:
        The cut-out's left upper corner, pixels; may be negative.
    """
    height, width = mask.shape
    x0, y0, x1, y1 = spot.box
    lefts, lost_x, over_x = _places((x0, x1), spot.window[0], width, values.shape[1])
    tops, lost_y, over_y = _places((y0, y1), spot.window[1], height, values.shape[0])
    outside = lost_x[None] * height + lost_y[:, None] * width - lost_x[None] * lost_y[:, None]
    cost = outside + over_x[None] * over_y[:, None]
    best = np.flatnonzero(cost == cost.min())
    place = int(best[rng.integers(len(best))])
    left, top = int(lefts[place % len(lefts)]), int(tops[place // len(lefts)])
    allowed = mask.copy()
    allowed[max(y0 - top, 0) : max(y1 - top, 0), max(x0 - left, 0) : max(x1 - left, 0)] = False
    inside = np.s_[max(-top, 0) : values.shape[0] - top, max(-left, 0) : values.shape[1] - left]
    allowed, excess = allowed[inside], excess[inside]
    row, column = max(top, 0), max(left, 0)
    region = values[row : row + allowed.shape[0], column : column + allowed.shape[1]]
    region[allowed] += excess[allowed]
    return left, top


def _places(
    side: tuple[int, int], window: float, length: int, limit: int
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Along one axis: each start whose centre is in the window, its pixels beyond the image, and those over the box."""
    centre = (side[0] + side[1]) / 2
    low, high = np.ceil(centre - window / 2 - length / 2), np.floor(centre + window / 2 - length / 2)
    starts = np.arange(low, max(high, low) + 1).astype(np.int64)
    lost = np.maximum(-starts, 0) + np.maximum(starts + length - limit, 0)
    over = np.maximum(np.minimum(starts + length, side[1]) - np.maximum(starts, side[0]), 0)
    return starts, np.minimum(lost, length), over
