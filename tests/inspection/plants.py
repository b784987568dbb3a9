"""Raw pairs with known hot spots, and an inspector whose parts are plain functions."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import Detections, PairAlignment, Transform, load_taxonomy
from ddlivm.inspection.inspector import Inspector, Masks
from tests.selection.fakes import FakeDetector, bank

SIZE, VISIBLE_SIZE = (320, 256), (560, 400)
TRANSFORM = Transform(1.75, 14.0, -21.0)
"""The visible camera looks a little up and to the left: infrared rows 12 to 240 and columns up to 312 are common."""
SPOT = (100.0, 80.0, 120.0, 96.0)
DUST = load_taxonomy().index("dust")


def write_pair(infrared: Path, visible: Path, spots: int = 1, gps: bool = False) -> None:
    """Write a pair with 0, 1 or 2 hot spots, as 8-bit JPEGs."""
    grey = np.full((SIZE[1], SIZE[0]), 90, np.uint8)
    for index in range(spots):
        x0, y0, x1, y1 = (int(value) for value in SPOT)
        grey[y0 + 60 * index : y1 + 60 * index, x0:x1] = 230
    for path in (infrared, visible):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(infrared, "JPEG", quality=95, **({"exif": _position()} if gps else {}))
    colour = np.full((VISIBLE_SIZE[1], VISIBLE_SIZE[0], 3), (70, 110, 90), np.uint8)
    cv2.rectangle(colour, (100, 60), (400, 300), (40, 50, 110), -1)
    Image.fromarray(colour).save(visible, "JPEG", quality=90)


def _position() -> Image.Exif:
    """37° 14' 46.2" N, 93° 10' 1.2" W."""
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (37.0, 14.0, 46.2), 3: "W", 4: (93.0, 10.0, 1.2)}
    return exif


class Brightness:
    """Takes brightness for the panels' probability."""

    def panel_probability(self, image: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        grey = image if image.ndim == 2 else image.mean(axis=2)
        return np.asarray(grey / 255, dtype=np.float32)


def known_transform(masks: Iterable[Masks]) -> tuple[PairAlignment, Mapping[str, PairAlignment]]:
    pairs: dict[str, PairAlignment] = {}
    for name, infrared, visible in masks:
        assert infrared.shape == SIZE[::-1]
        assert visible.shape == VISIBLE_SIZE[::-1]
        pairs[name] = PairAlignment(TRANSFORM, 0.8, ("site_fallback",) if len(pairs) == 0 else ())
    return PairAlignment(TRANSFORM, 0.9), pairs


def bright_spots(values: npt.NDArray[np.float32]) -> Detections:
    """Bound everything that is bright; the larger the sum, the surer."""
    count, _, rows, _ = cv2.connectedComponentsWithStats((values > 180).astype(np.uint8))
    boxes = [(x, y, x + w, y + h) for x, y, w, h, area in rows[1:count].tolist() if area > 20]
    return Detections.of(boxes, [0.5 + 0.1 * index for index in range(len(boxes))], [DUST] * len(boxes))


def unsure(values: npt.NDArray[np.float32]) -> Detections:
    found = bright_spots(values)
    return Detections(found.boxes, np.full(len(found), 0.2, np.float32), found.classes)


def make_inspector(source_defects: SourceDefects | None = None) -> Inspector:
    return Inspector(
        segmenter=Brightness(),
        align=known_transform,
        detector=FakeDetector({"fcos-002": bright_spots, "fcos-004": bright_spots, "mask_rcnn-004": unsure}),
        default="fcos-004",
        source_defects=lambda: source_defects or bank(),
    )
