"""Raw pairs with known hot spots, and an inspector whose parts are plain functions."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from ddlivm.augmentation.source_defects import SourceDefects
from ddlivm.data import Detections, PairAlignment, Transform, load_taxonomy
from ddlivm.data.calibration import Calibration
from ddlivm.inspection.inspector import Images, Inspector
from ddlivm.parameters import Thermography
from ddlivm.selection.chain import Panels
from tests.selection.fakes import FakeDetector, bank, chain_of

SIZE, VISIBLE_SIZE = (320, 256), (560, 400)
TRANSFORM = Transform(1.75, 14.0, -21.0)
"""The visible camera looks a little up and to the left: infrared rows 12 to 240 and columns up to 312 are common."""
SPOT = (100.0, 80.0, 120.0, 96.0)
DUST = load_taxonomy().index("dust")


THERMOGRAPHY = Thermography(grow=3.0, strength=8.0, module=3.5, minimum_kelvin=1.0, minimum_area=10.0, familiar=0.5)


def write_pair(infrared: Path, visible: Path, spots: int = 1, gps: bool = False) -> None:
    """Write a pair of two rows of modules with 0, 1 or 2 hot spots, as 8-bit JPEGs."""
    grey = np.full((SIZE[1], SIZE[0]), 70, np.uint8)
    colour = np.full((VISIBLE_SIZE[1], VISIBLE_SIZE[0], 3), (90, 130, 70), np.uint8)
    for x in range(30, 270, 48):
        for y in (60, 150):
            grey[y : y + 62, x : x + 44] = 120
            corners = TRANSFORM.to_visible([(x, y), (x + 44, y + 62)]).round().astype(int)
            cv2.rectangle(colour, corners[0].tolist(), corners[1].tolist(), (40, 50, 110), -1)
    for index in range(spots):
        x0, y0, x1, y1 = (int(value) for value in SPOT)
        grey[y0 + 80 * index : y1 + 80 * index, x0:x1] = 230
    for path in (infrared, visible):
        path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(grey).save(infrared, "JPEG", quality=95, **({"exif": _position()} if gps else {}))
    Image.fromarray(colour).save(visible, "JPEG", quality=90)


def panels_by_colour(image: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """Return where `write_pair` drew modules, in either image."""
    panels = image > 95 if image.ndim == 2 else image[..., 2] > image[..., 1]
    return panels.astype(np.float32)


def _position() -> Image.Exif:
    """37° 14' 46.2" N, 93° 10' 1.2" W."""
    exif = Image.Exif()
    exif[0x8825] = {1: "N", 2: (37.0, 14.0, 46.2), 3: "W", 4: (93.0, 10.0, 1.2)}
    return exif


def known_transform(images: Iterable[Images]) -> tuple[PairAlignment, Mapping[str, PairAlignment]]:
    pairs: dict[str, PairAlignment] = {}
    for pair, infrared, visible in images:
        assert infrared.shape == SIZE[::-1]
        assert visible.shape == (*VISIBLE_SIZE[::-1], 3)
        pairs[pair.name] = PairAlignment(TRANSFORM, 0.8, ("site_fallback",) if len(pairs) == 0 else ())
    return PairAlignment(TRANSFORM, 0.9), pairs


def bright_spots(values: npt.NDArray[np.float32]) -> Detections:
    """Bound everything that is bright; the larger the sum, the surer."""
    count, _, rows, _ = cv2.connectedComponentsWithStats((values > 180).astype(np.uint8))
    boxes = [(x, y, x + w, y + h) for x, y, w, h, area in rows[1:count].tolist() if area > 20]
    return Detections.of(boxes, [0.5 + 0.1 * index for index in range(len(boxes))], [DUST] * len(boxes))


def unsure(values: npt.NDArray[np.float32]) -> Detections:
    found = bright_spots(values)
    return Detections(found.boxes, np.full(len(found), 0.2, np.float32), found.classes)


def make_inspector(
    source_defects: SourceDefects | None = None,
    panels: Panels = panels_by_colour,
    calibrations: Mapping[str, Calibration] | None = None,
) -> Inspector:
    detector = FakeDetector({"fcos-002": bright_spots, "fcos-004": bright_spots, "mask_rcnn-004": unsure})
    return Inspector(
        align=known_transform,
        chain=chain_of(detector, panels, calibrations),
        default="fcos-004",
        source_defects=lambda: source_defects or bank(),
        thermography=THERMOGRAPHY,
    )
