"""A picture of the scene from straight above, rows level, before any camera."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddlivm.simulation.scene import Rect


@dataclass(frozen=True)
class Grid:
    """Pixels over a stretch of ground.

    Attributes:
        extent: metres.
        density: pixels a metre.
    """

    extent: Rect
    density: float

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        x0, y0, x1, y1 = self.extent
        return int(np.ceil((y1 - y0) * self.density)), int(np.ceil((x1 - x0) * self.density))

    def pixels(self, points: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map (n, 2) metres to continuous pixels."""
        return (np.asarray(points, np.float64) - self.extent[:2]) * self.density

    def slices(self, rect: Rect) -> tuple[slice, slice]:
        """Return the (row, column) slices of a rectangle, clipped; an edge belongs to one side only."""
        height, width = self.shape
        left, top = self.extent[:2]
        x0, x1 = (min(max(round((x - left) * self.density), 0), width) for x in (rect[0], rect[2]))
        y0, y1 = (min(max(round((y - top) * self.density), 0), height) for y in (rect[1], rect[3]))
        return slice(y0, y1), slice(x0, x1)
