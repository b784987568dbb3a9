"""A defect's outline: a polygon in the frame of its box."""

from collections.abc import Iterable
from math import isfinite
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.errors import InputError

Outline = npt.NDArray[np.float32]
"""(k, 2) float32 points x, y of a closed polygon, k at least 3; coordinates are continuous: pixel i covers [i, i+1)."""


def outline(flat: Any, what: str) -> Outline:
    """Return COCO's flat list x, y, x, y, ... as an outline.

    Args:
        flat: the list.
        what: the file and the entry that it is of, for the message.

    Raises:
        InputError: it is no list of numbers, has an odd number of them, or fewer than three points.
    """
    if not isinstance(flat, list) or not all(isinstance(value, int | float) and isfinite(value) for value in flat):
        raise InputError(f"{what}: an outline is no list of numbers; write it as [x, y, x, y, ...]")
    if len(flat) < 6 or len(flat) % 2:
        raise InputError(f"{what}: an outline has {len(flat)} numbers; write x and y of at least three points")
    return np.asarray(flat, dtype=np.float32).reshape(-1, 2)


def segmentation_outline(segmentation: Any, what: str) -> Outline | None:
    """Return the first polygon of an annotation's `segmentation`, or None where it has none.

    Args:
        segmentation: the value, None where the key is missing.
        what: the file and the annotation, for the message.

    Raises:
        InputError: it is no list of polygons, or its first one is bad.
    """
    if not segmentation:
        return None
    if not isinstance(segmentation, list):
        raise InputError(f"{what}: its segmentation is no list of polygons; write [[x, y, x, y, ...]] or leave it out")
    return outline(segmentation[0], what)


def box_outlines(boxes: npt.NDArray[np.float32]) -> tuple[Outline, ...]:
    """Return the four corners of each of the (n, 4) xyxy boxes."""
    return tuple(boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 4, 2))


def move(outlines: Iterable[Outline], origin: npt.ArrayLike, factors: npt.ArrayLike) -> tuple[Outline, ...]:
    """Map outlines to the frame that begins at `origin` and has `factors` of its pixels for one of theirs.

    Args:
        outlines: in the old frame.
        origin: (x, y) of the new frame's origin, old pixels.
        factors: (x, y) new pixels for an old one; -1 mirrors.
    """
    return tuple(((points - np.asarray(origin)) * np.asarray(factors)).astype(np.float32) for points in outlines)
