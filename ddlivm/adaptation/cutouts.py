"""Source defects as they are pasted: their heat, their look where they have one, and their shape."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.sample import Sample
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import VISIBLE_RATIO, Outline, load_taxonomy

MARGIN = 4
"""Width of the surroundings that a defect's heat is measured above, working pixels."""

SURROUNDINGS = 60
"""Percentile of the surroundings that stands for healthy panels: ground beside them is colder more often than not."""

COLDEST = 0.4
"""How far below its surroundings a part of a defect may be, in units of the highest excess: cool leaves, say."""

FINE = 4
"""Parts that a pixel's side is divided into where outlines are drawn."""

SMALLEST = 3
"""Sides of the smallest box that is a source of pastes, working pixels."""


@dataclass(frozen=True)
class Cutout:
    """One source defect.

    Attributes:
        kind: Its class index.
        heat: (h, w) float32, the excess over its surroundings; the largest is about 1, cold parts are below 0.
        cover: (h, w) float32 in [0, 1], its shape.
        look: (7h/4, 7w/4, 3) uint8 RGB, its visible appearance; None for a type that cannot be seen.
        around: (3,) float32, the mean RGB of what surrounds it.
    """

    kind: int
    heat: npt.NDArray[np.float32]
    cover: npt.NDArray[np.float32]
    look: npt.NDArray[np.uint8] | None
    around: npt.NDArray[np.float32]


def cutouts_of(tiles: SourceTiles) -> tuple[Cutout, ...]:
    """Cut the defects that lie whole in their tiles, in the order of tiles and labels."""
    return tuple(
        cutout
        for sample in tiles.samples
        for box, kind, outline in zip(sample.boxes, sample.classes.tolist(), sample.outlines, strict=True)
        if (cutout := _cut(sample, box, kind, outline)) is not None
    )


def _cut(sample: Sample, box: npt.NDArray[np.float32], kind: int, outline: Outline) -> Cutout | None:
    low, high = np.floor(box[:2]).astype(int) - MARGIN, np.ceil(box[2:]).astype(int) + MARGIN
    low -= low % 4  # visible cut-outs begin at whole pixels too (7/4)
    high += -high % 4
    if (low < 0).any() or (high > sample.size).any() or (box[2:] - box[:2]).min() < SMALLEST:
        return None
    (x0, y0), (x1, y1) = low, high
    fine = np.zeros((FINE * (y1 - y0), FINE * (x1 - x0)), np.float32)
    cv2.fillPoly(fine, [np.rint(FINE * (outline - low) - 0.5).astype(np.int32)], 1.0)
    cover = np.asarray(cv2.resize(fine, (x1 - x0, y1 - y0), interpolation=cv2.INTER_AREA), np.float32)
    shape = (cover > 0.5).astype(np.uint8)
    around = (cv2.dilate(shape, np.ones((2 * MARGIN - 1,) * 2, np.uint8)) > 0) & (shape == 0)
    values = sample.infrared[y0:y1, x0:x1]
    if not shape.any() or not around.any():
        return None
    heat = values - np.percentile(values[around], SURROUNDINGS)
    peak = float(np.percentile(heat[shape > 0], 95))
    if peak <= 0:
        return None
    vx0, vy0, vx1, vy1 = (int(side * VISIBLE_RATIO) for side in (x0, y0, x1, y1))
    visible = sample.visible[vy0:vy1, vx0:vx1]
    beside = cv2.resize(around.astype(np.uint8), visible.shape[1::-1], interpolation=cv2.INTER_NEAREST) > 0
    external = load_taxonomy().types[kind].external
    return Cutout(
        kind,
        np.asarray(np.clip(heat / peak, -COLDEST, 1.5), np.float32),
        np.asarray(cv2.GaussianBlur(cover, (0, 0), 0.5), np.float32),
        visible if external else None,
        np.asarray(visible[beside].mean(axis=0), np.float32),
    )
