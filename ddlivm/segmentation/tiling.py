"""Images that are too large for one look: overlapping tiles, blended where they overlap."""

from collections.abc import Callable, Iterator

import numpy as np

from ddlivm.segmentation.images import Field, Image


def tiled(predict: Callable[[Image], Field], image: Image, tile: tuple[int, int], overlap: int) -> Field:
    """Predict over an image tile by tile; beside the image and the answer only one tile is in memory.

    A tile's word counts less the nearer its own edge is, over the overlap, so that no seam is left.

    Args:
        predict: from (h, w) or (h, w, 3) to (h, w).
        image: (H, W) or (H, W, 3).
        tile: (width, height) of a tile, pixels; an image that is smaller is one.
        overlap: pixels that neighbours share at least.

    Returns:
        (H, W) float32.
    """
    height, width = image.shape[:2]
    total, weights = np.zeros((height, width), np.float32), np.zeros((height, width), np.float32)
    for rows in _spans(height, tile[1], overlap):
        for columns in _spans(width, tile[0], overlap):
            weight = _ramp(rows, overlap)[:, None] * _ramp(columns, overlap)[None, :]
            total[rows, columns] += weight * predict(image[rows, columns])
            weights[rows, columns] += weight
    return total / weights


def _spans(length: int, side: int, overlap: int) -> Iterator[slice]:
    """Yield evenly spread slices of `side` that cover `length`."""
    count = max(1, -(-(length - overlap) // (side - overlap)))
    for start in np.linspace(0, max(length - side, 0), count).round().astype(int):
        yield slice(int(start), int(start) + min(side, length))


def _ramp(span: slice, overlap: int) -> Field:
    """Return a tile's weights along one axis: rising from its ends over the overlap, 1 between."""
    places = np.arange(span.stop - span.start, dtype=np.float32) + 0.5
    return np.minimum(1, np.minimum(places, places[::-1]) / np.float32(max(overlap, 1))).astype(np.float32)
