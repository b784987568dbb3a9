"""A pair in the working frame, the one that models see."""

from dataclasses import dataclass, replace
from functools import cached_property

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data.dataset import Pair
from ddlivm.data.detections import Detections
from ddlivm.data.readers import Infrared
from ddlivm.data.transforms import Box, Transform

VISIBLE_RATIO = 7 / 4
"""Visible working pixels for one infrared one: patch 14 over stride 8, so that both pyramids meet."""


@dataclass(frozen=True)
class WorkingFrame:
    """The map between raw infrared pixels and the working frame of one pair.

    Attributes:
        crop: xyxy raw infrared pixels that both cameras show.
        size: (width, height) of the working infrared image; multiples of 32.
    """

    crop: Box
    size: tuple[int, int]

    @property
    def factors(self) -> tuple[float, float]:
        """Working pixels for one raw infrared pixel, (x, y)."""
        x0, y0, x1, y1 = self.crop
        return self.size[0] / (x1 - x0), self.size[1] / (y1 - y0)

    def to_working(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map (n, 4) xyxy raw infrared boxes to the working frame, unclipped."""
        origin, factors = np.tile(self.crop[:2], 2), np.tile(self.factors, 2)
        return ((boxes - origin) * factors).astype(np.float32)

    def to_raw(self, boxes: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        """Map (n, 4) xyxy working boxes to raw infrared pixels."""
        origin, factors = np.tile(self.crop[:2], 2), np.tile(self.factors, 2)
        return (boxes / factors + origin).astype(np.float32)

    def detections_to_raw(self, detections: Detections) -> Detections:
        """Map detections from the working frame to raw infrared pixels."""
        return replace(detections, boxes=self.to_raw(detections.boxes))


@dataclass(frozen=True)
class AlignedPair:
    """A pair with its transform; pixels are read, cropped and resized only when asked for.

    Attributes:
        pair: the raw pair.
        transform: raw infrared to raw visible pixels.
        working_size: (width, height) of the working infrared image; multiples of 32.
    """

    pair: Pair
    transform: Transform
    working_size: tuple[int, int]

    @cached_property
    def raw_infrared(self) -> Infrared:
        """The raw infrared image."""
        return self.pair.read_infrared()

    @cached_property
    def raw_visible(self) -> npt.NDArray[np.uint8]:
        """The raw visible image, (H, W, 3) uint8 RGB."""
        return self.pair.read_visible()

    @cached_property
    def frame(self) -> WorkingFrame:
        """The working frame: the ground that both cameras show, at `working_size`."""
        infrared, visible = self.raw_infrared.values, self.raw_visible
        crop = self.transform.common_ground(
            (infrared.shape[1], infrared.shape[0]), (visible.shape[1], visible.shape[0])
        )
        return WorkingFrame(crop, self.working_size)

    def infrared(self) -> npt.NDArray[np.float32]:
        """Return the working infrared image: (h, w) float32, °C or grey levels as in the raw image."""
        x0, y0, x1, y1 = map(int, self.frame.crop)
        values = self.raw_infrared.values[y0:y1, x0:x1]
        if (values.shape[1], values.shape[0]) == self.working_size:
            return values.copy()
        shrinks = self.working_size[0] < values.shape[1]
        resized = cv2.resize(values, self.working_size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR)
        return np.asarray(resized, dtype=np.float32)

    def visible(self) -> npt.NDArray[np.uint8]:
        """Return the working visible image: (7h/4, 7w/4, 3) uint8 RGB of the same ground."""
        size = visible_size(self.working_size)
        x0, y0, _, _ = self.frame.crop
        factor_x, factor_y = self.frame.factors
        # Working visible pixel -> raw infrared -> raw visible, then corner to pixel-centre coordinates for OpenCV.
        to_infrared = np.array(
            [[1 / (factor_x * VISIBLE_RATIO), 0, x0], [0, 1 / (factor_y * VISIBLE_RATIO), y0], [0, 0, 1]]
        )
        half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
        matrix = np.vstack([self.transform.matrix, [0, 0, 1]]) @ to_infrared
        centred = np.linalg.inv(half) @ matrix @ half
        source = self.raw_visible
        shrink = float(np.sqrt(abs(np.linalg.det(centred[:2, :2]))))
        if shrink > 2:  # plain bilinear sampling would skip pixels and alias cell lines
            source = np.asarray(cv2.GaussianBlur(source, (0, 0), shrink / 3), dtype=np.uint8)
        warped = cv2.warpAffine(
            source,
            centred[:2],
            size,
            flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
            borderMode=cv2.BORDER_REPLICATE,
        )
        return np.asarray(warped, dtype=np.uint8)


def visible_size(working_size: tuple[int, int]) -> tuple[int, int]:
    """Return the working visible image's (width, height) for an infrared one."""
    return round(working_size[0] * VISIBLE_RATIO), round(working_size[1] * VISIBLE_RATIO)
