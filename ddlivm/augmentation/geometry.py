"""Transformations of where things are: the same on both modalities, the boxes and the outlines (3.3).

Pure functions: the given sample is never changed. Which to use, and how often, is the loader's choice.
"""

from dataclasses import replace

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.augmentation.sample import Sample
from ddlivm.data import move

MINIMUM_LEFT = 0.3
"""A defect of which less is left (share of its box's area) is no longer one to learn from."""


def flip_horizontal(sample: Sample) -> Sample:
    """Mirror left and right."""
    width, _ = sample.size
    boxes = sample.boxes.copy()
    boxes[:, [0, 2]] = width - sample.boxes[:, [2, 0]]
    return replace(
        sample,
        infrared=np.ascontiguousarray(sample.infrared[:, ::-1]),
        visible=np.ascontiguousarray(sample.visible[:, ::-1]),
        boxes=boxes,
        outlines=move(sample.outlines, (width, 0), (-1, 1)),
    )


def flip_vertical(sample: Sample) -> Sample:
    """Mirror top and bottom."""
    _, height = sample.size
    boxes = sample.boxes.copy()
    boxes[:, [1, 3]] = height - sample.boxes[:, [3, 1]]
    return replace(
        sample,
        infrared=np.ascontiguousarray(sample.infrared[::-1]),
        visible=np.ascontiguousarray(sample.visible[::-1]),
        boxes=boxes,
        outlines=move(sample.outlines, (0, height), (1, -1)),
    )


def rotate(sample: Sample, degrees: float) -> Sample:
    """Turn about the tile's centre; the corners that come into view show each image's mean.

    A box becomes the bounds of its turned outline, as far as the outline lay in the box: of the turned box where no
    outline was labelled. Boxes are clipped to the tile; those with less than `MINIMUM_LEFT` of their area in it are
    dropped.

    Args:
        sample: the tile.
        degrees: clockwise as seen, y pointing down; any angle, though more than a few inflate the boxes of strips.
    """
    angle, centre = np.deg2rad(degrees), np.array(sample.size) / 2
    matrix = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    turned = [(points - centre) @ matrix.T + centre for points in sample.outlines]
    bounds = np.zeros_like(sample.boxes)
    for index, (points, box) in enumerate(zip(sample.outlines, sample.boxes, strict=True)):
        shown = (np.clip(points, box[:2], box[2:]) - centre) @ matrix.T + centre
        bounds[index] = [*shown.min(axis=0), *shown.max(axis=0)]
    clipped = np.clip(bounds, 0, np.tile(sample.size, 2)).astype(np.float32)
    left = (_areas(clipped) > 0) & (_areas(clipped) >= MINIMUM_LEFT * _areas(bounds))
    return Sample(
        infrared=_turn(sample.infrared, matrix).astype(np.float32, copy=False),
        visible=_turn(sample.visible, matrix).astype(np.uint8, copy=False),
        boxes=clipped,
        classes=sample.classes,
        outlines=tuple(points.astype(np.float32) for points in turned),
    ).keep(left)


def altitude_crop(sample: Sample, tiles: int, column: int, row: int) -> Sample:
    """Fly lower: enlarge one of `tiles` x `tiles` parts back to the tile's size (1/4 and 1/9 in the paper).

    Args:
        sample: the tile.
        tiles: parts along each side; 2 or 3 in the paper.
        column: which part, from the left, 0 to `tiles` - 1.
        row: which part, from the top.

    Returns:
        The part. Boxes are clipped to it; those with less than `MINIMUM_LEFT` of their area in it are dropped.
    """
    if not (tiles >= 1 and 0 <= column < tiles and 0 <= row < tiles):
        raise ValueError(f"part ({column}, {row}) is not one of {tiles}x{tiles}")
    width, height = sample.size
    x0, y0 = column * width / tiles, row * height / tiles
    part = np.array([x0, y0, x0 + width / tiles, y0 + height / tiles], dtype=np.float32)
    clipped = np.concatenate(
        [np.maximum(sample.boxes[:, :2], part[:2]), np.minimum(sample.boxes[:, 2:], part[2:])], axis=1
    )
    left = _areas(clipped) >= MINIMUM_LEFT * np.maximum(_areas(sample.boxes), np.finfo(np.float32).tiny)
    visible_height, visible_width = sample.visible.shape[:2]
    return Sample(
        infrared=_enlarge(sample.infrared, tiles, x0, y0).astype(np.float32, copy=False),
        visible=_enlarge(sample.visible, tiles, column * visible_width / tiles, row * visible_height / tiles).astype(
            np.uint8, copy=False
        ),
        boxes=((clipped - np.tile(part[:2], 2)) * tiles).astype(np.float32),
        classes=sample.classes,
        outlines=move(sample.outlines, part[:2], (tiles, tiles)),
    ).keep(left)


def _areas(boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    sides = np.maximum(boxes[:, 2:] - boxes[:, :2], 0)
    return np.asarray(sides[:, 0] * sides[:, 1], dtype=np.float32)


def _turn(
    image: npt.NDArray[np.float32] | npt.NDArray[np.uint8], matrix: npt.NDArray[np.float64]
) -> npt.NDArray[np.generic]:
    """Turn an image about its centre by a (2, 2) matrix."""
    size = (image.shape[1], image.shape[0])
    centre = np.array(size) / 2 - 0.5  # OpenCV's integers are pixel centres
    mean = np.atleast_1d(image.mean(axis=(0, 1))).tolist()
    shifted = np.column_stack([matrix, centre - matrix @ centre])
    return np.asarray(
        cv2.warpAffine(image, shifted, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=mean)
    )


def _enlarge(
    image: npt.NDArray[np.float32] | npt.NDArray[np.uint8], tiles: int, x0: float, y0: float
) -> npt.NDArray[np.generic]:
    """Resample from the continuous point (x0, y0) at `tiles` times the size, so that thirds need no rounding."""
    scale, half = 1 / tiles, 0.5 / tiles - 0.5  # OpenCV's integers are pixel centres
    matrix = np.array([[scale, 0, x0 + half], [0, scale, y0 + half]])
    return np.asarray(
        cv2.warpAffine(
            image,
            matrix,
            (image.shape[1], image.shape[0]),
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
    )
