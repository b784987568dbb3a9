"""Drawn plants seen by two cameras whose transform is known."""

from dataclasses import dataclass

import cv2
import numpy as np

from ddlivm.alignment import PairEvidence, gather
from ddlivm.data import Transform
from ddlivm.parameters.alignment import Alignment

INFRARED, VISIBLE = (160, 128), (320, 256)
MARGIN = 60
CORNERS = np.array([(0, 0), (INFRARED[0], 0), (0, INFRARED[1]), INFRARED], np.float64)

SECTION = Alignment(
    method="structure",
    erosion=5,
    minimum_area=0.01,
    candidate_widths=3,
    evidence_pairs=6,
    minimum_confidence=0.5,
    tolerance=8.0,
    threads=1,
)


@dataclass(frozen=True)
class Drawn:
    """A drawn pair: what both cameras see, and where the panels are.

    Attributes:
        infrared: (128, 160) float32 °C.
        visible: (256, 320, 3) uint8 RGB.
        infrared_mask: (128, 160) float32 in [0, 1].
        visible_mask: (256, 320) float32 in [0, 1].
    """

    infrared: np.ndarray
    visible: np.ndarray
    infrared_mask: np.ndarray
    visible_mask: np.ndarray

    def evidence(self, name: str = "pair") -> PairEvidence:
        return gather(name, self.infrared, self.visible, self.infrared_mask, self.visible_mask)


def draw(transform: Transform, seed: int = 0) -> Drawn:
    """Draw rows of modules, some missing, and let both cameras look at them.

    Args:
        transform: raw infrared to raw visible pixels.
        seed: of the modules, the ground and both cameras' noise.
    """
    rng = np.random.default_rng(seed)
    width, height = VISIBLE[0] + 2 * MARGIN, VISIBLE[1] + 2 * MARGIN
    celsius = np.full((height, width), 20, np.float32)
    colours = np.tile(np.array((110, 130, 80), np.float32), (height, width, 1))
    grain = cv2.resize(rng.standard_normal((height // 6, width // 6)).astype(np.float32), (width, height))
    celsius += grain
    colours += 12 * grain[..., None]
    mask = np.zeros((height, width), np.float32)
    top = int(rng.integers(0, 40))
    for y0 in range(top, height - 60, 104):
        x0 = -int(rng.integers(0, 26))
        for x in range(x0, width, 26):
            for y in (y0, y0 + 30):
                if rng.random() < 0.12:
                    continue
                place = (slice(y, y + 30), slice(max(x, 0), max(x + 26, 0)))
                inner = (slice(y + 2, y + 28), slice(max(x + 2, 0), max(x + 24, 0)))
                mask[place] = 1
                celsius[place], colours[place] = 27, (200, 200, 200)
                celsius[inner], colours[inner] = 34 + rng.normal(0, 1), (30, 40, 80 + rng.normal(0, 5))
    # Infrared pixel centre -> canvas pixel centre; the canvas is the visible image with a margin.
    half = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
    matrix = np.vstack([transform.matrix, [0, 0, 1]])
    matrix[:2, 2] += MARGIN
    matrix = (np.linalg.inv(half) @ matrix @ half)[:2]

    def seen(image: np.ndarray) -> np.ndarray:
        blurred = cv2.GaussianBlur(image, (0, 0), 0.4 * transform.scale)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        warped = cv2.warpAffine(blurred, matrix, INFRARED, flags=flags, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(warped, np.float32)

    window = (slice(MARGIN, MARGIN + VISIBLE[1]), slice(MARGIN, MARGIN + VISIBLE[0]))
    visible = colours[window] + rng.normal(0, 4, (VISIBLE[1], VISIBLE[0], 1))
    infrared = (seen(celsius) + rng.normal(0, 0.1, INFRARED[::-1])).astype(np.float32)
    return Drawn(infrared, visible.clip(0, 255).astype(np.uint8), seen(mask), mask[window].copy())


def corner_error(found: Transform, truth: Transform) -> float:
    """Return how far a corner of the infrared image is off at most, raw infrared pixels."""
    return float(np.linalg.norm(truth.to_infrared(found.to_visible(CORNERS)) - CORNERS, axis=1).max())
