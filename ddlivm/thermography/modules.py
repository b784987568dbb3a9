"""The modules of a picture: the surfaces that dark frames part."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.thermography.robust import Floats, deviation

Field = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]

WIDTH = 640
"""The width that the lengths below are pixels of; they grow with the image."""

FRAME = 9
"""More than the widest gap between modules: a dark line narrower than this is a frame."""

CELL = 5
"""Side of a cell: what happens in a module is no finer, and fragments closer together are one."""

BACKGROUND = 40
"""Standard deviation of the smooth level that frames are looked for beneath: about a module."""

THINNEST = 5
"""What is narrower is not a module but a sliver of ground between a frame and the mask's border."""

SLENDER = 0.4
"""Share of the typical module's thickness below which a surface is no module but a strip of ground along a table."""

NOISE = 1.5
"""Standard deviation of the filter that evens out noise: a cell is some 5 pixels wide and stays visible."""


@dataclass(frozen=True)
class Modules:
    """The surfaces of a picture; where no frames are visible, one of them is a whole table.

    Attributes:
        labels: (H, W) int32, 0 beside every surface, else 1 + the index into what follows.
        inner: (H, W) bool, the surfaces without the pixels that touch a frame or the mask's border.
        areas: (n,) pixels.
        boxes: (n, 4) int64 xyxy.
        centres: (n, 2) x and y of each centre of gravity.
    """

    labels: npt.NDArray[np.int32]
    inner: Mask
    areas: Floats
    boxes: npt.NDArray[np.int64]
    centres: Floats

    def __len__(self) -> int:
        return len(self.areas)

    def spread(self, values: npt.NDArray[np.floating]) -> Field:
        """Return (H, W) float32: each surface's own of (n,) values, 0 beside them."""
        return np.concatenate([[0.0], values]).astype(np.float32)[self.labels]


def find_modules(values: Field, panels: Mask) -> Modules:
    """Part the panels at their frames.

    A module's frame is cold, a line of two or three pixels. Hot regions are levelled first, lest a cool cell between
    hot ones look like a frame. What is beyond a table's last frame, ground inside an inaccurate mask, becomes a surface
    of its own: too thin to stay, or the reference leaves it out for its level. A streak that has no frame in front of
    it stays with its module.

    Args:
        values: (H, W) float32, any units.
        panels: (H, W) bool.
    """
    unit = values.shape[1] / WIDTH
    level = _background(values, panels, BACKGROUND * unit)
    flat = np.where(panels, np.minimum(values, level), level)  # a table's last frame has panels on one side only
    depth = cv2.morphologyEx(flat, cv2.MORPH_CLOSE, ellipse(FRAME * unit)) - flat
    inside = depth[panels]
    top = max(float(np.percentile(inside, 99)), 1e-6) if inside.size else 1.0
    shades = np.clip(inside / top * 255, 0, 255).astype(np.uint8)
    frames = cv2.threshold(shades, 0, 255, cv2.THRESH_BINARY + cv2.THRESH_OTSU)[0] / 255 * top if inside.size else top
    # Half of what parts frames from surfaces: their borders belong to them. Less than the panels' own spread is noise.
    dark = depth > max(0.5 * frames, 0.8 * deviation((values - level)[panels]))
    surface = (panels & ~dark).astype(np.uint8)
    opened = cv2.morphologyEx(surface, cv2.MORPH_OPEN, np.ones((odd(THINNEST * unit),) * 2, np.uint8))
    _, found, statistics, centres = cv2.connectedComponentsWithStats(opened, connectivity=4)
    labels = np.asarray(found, np.int32)
    areas = statistics[1:, cv2.CC_STAT_AREA].astype(np.float64)
    depths = np.zeros(len(statistics), np.float32)
    # The image's border cuts modules; it is no edge of theirs, and no surface is thinner for it.
    np.maximum.at(depths, labels, cv2.distanceTransform(opened, cv2.DIST_L2, 3))
    keep = depths[1:] >= SLENDER * _typical(depths[1:], areas)
    labels = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)[labels]
    left, upper, width, height = statistics[1:, :4][keep].astype(np.int64).T
    inner = cv2.erode((labels > 0).astype(np.uint8), np.ones((3, 3), np.uint8)) > 0
    return Modules(
        labels,
        inner,
        areas[keep],
        np.stack([left, upper, left + width, upper + height], axis=1),
        np.asarray(centres[1:][keep], np.float64),
    )


def smooth(values: Field, where: Mask, sigma: float) -> Field:
    """Average (H, W) values over a neighbourhood, of which only what is `where` counts."""
    weights = where.astype(np.float32)
    total = cv2.GaussianBlur(values * weights, (0, 0), sigma)
    return np.asarray(total / np.maximum(cv2.GaussianBlur(weights, (0, 0), sigma), 1e-3), np.float32)


def odd(length: float) -> int:
    """Return the odd number of pixels that is next to a length."""
    return 2 * round((length - 1) / 2) + 1


def ellipse(length: float) -> npt.NDArray[np.uint8]:
    """Return a round structuring element of about this diameter, pixels."""
    return np.asarray(cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (odd(length),) * 2), np.uint8)


def _background(values: Field, panels: Mask, sigma: float) -> Field:
    """Return the panels' smooth level, without what stands out of it; smooth, so a quarter of the pixels tells it."""
    height, width = values.shape
    size = (max(1, width // 4), max(1, height // 4))
    small = cv2.resize(values, size, interpolation=cv2.INTER_AREA)
    whole = cv2.resize(panels.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    if not whole.any():
        return np.full_like(values, np.median(values[panels]) if panels.any() else 0)
    keep, level = whole, np.full_like(small, np.median(small[whole]))
    for _ in range(3):
        weights = keep.astype(np.float32)
        total = cv2.GaussianBlur(small * weights, (0, 0), sigma / 4) + 1e-3 * level
        level = total / (cv2.GaussianBlur(weights, (0, 0), sigma / 4) + 1e-3)
        keep = whole & (np.abs(small - level) < 2.5 * deviation((small - level)[whole]))
    return np.asarray(cv2.resize(level, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _typical(values: npt.NDArray[np.floating], areas: Floats) -> float:
    """Return the value of the surface that the median pixel lies in: many slivers do not change it."""
    if not len(values):
        return 0.0
    order = np.argsort(values)
    return float(values[order][np.searchsorted(np.cumsum(areas[order]), areas.sum() / 2)])
