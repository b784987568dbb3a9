"""A training tile: both modalities of the same ground, with its boxes."""

from dataclasses import dataclass, replace
from itertools import compress
from typing import Self

import numpy as np
import numpy.typing as npt

from ddlivm.data import Outline


@dataclass(frozen=True)
class Sample:
    """A tile in the working frame. Coordinates are continuous: pixel i covers [i, i+1).

    Attributes:
        infrared: (h, w) float32, °C or grey levels.
        visible: (7h/4, 7w/4, 3) uint8 RGB of the same ground.
        boxes: (n, 4) float32 xyxy working infrared pixels.
        classes: (n,) int64 class indices.
        outlines: n polygons in the frame of the boxes; they may leave the tile.
    """

    infrared: npt.NDArray[np.float32]
    visible: npt.NDArray[np.uint8]
    boxes: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    outlines: tuple[Outline, ...]

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the infrared tile."""
        return self.infrared.shape[1], self.infrared.shape[0]

    def keep(self, kept: npt.NDArray[np.bool_]) -> Self:
        """Return the sample with only the boxes that a (n,) mask keeps."""
        outlines = tuple(compress(self.outlines, kept))
        return replace(self, boxes=self.boxes[kept], classes=self.classes[kept], outlines=outlines)
