"""What alignment needs of a pair: small pictures and where the panels are."""

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

Field = npt.NDArray[np.float32]

INFRARED_WIDTH = 320
VISIBLE_WIDTH = 640
"""Pictures are kept at most so wide: a third of a pixel of the consensus is still below a raw pixel."""

EMPTY = 0.02
FULL = 0.98
"""A mask that covers less or more of its image says nothing about where panels end."""


@dataclass(frozen=True)
class PairEvidence:
    """A pair as alignment sees it.

    Attributes:
        name: the pair's.
        infrared_size: (width, height) of the raw infrared image.
        visible_size: (width, height) of the raw visible image.
        infrared: (h, w) float32, the infrared image's structure (gradient magnitude) at a small size.
        visible: (h', w') float32, the visible image's structure at a small size.
        infrared_mask: panel probability over the whole infrared image, any small size, in [0, 1].
        visible_mask: panel probability over the whole visible image, any small size, in [0, 1].
    """

    name: str
    infrared_size: tuple[int, int]
    visible_size: tuple[int, int]
    infrared: Field
    visible: Field
    infrared_mask: Field
    visible_mask: Field

    @property
    def shows_panels(self) -> bool:
        """Whether both images show panels and something else."""
        return all(EMPTY < float((mask > 0.5).mean()) < FULL for mask in (self.infrared_mask, self.visible_mask))


def gather(
    name: str, infrared: Field, visible: npt.NDArray[np.uint8], infrared_mask: Field, visible_mask: Field
) -> PairEvidence:
    """Make a pair's evidence.

    Args:
        name: the pair's.
        infrared: raw (H, W) float32, °C or grey levels.
        visible: raw (H, W, 3) uint8 RGB.
        infrared_mask: panel probability over the whole infrared image, at any size.
        visible_mask: panel probability over the whole visible image, at any size.
    """
    grey = np.asarray(cv2.cvtColor(visible, cv2.COLOR_RGB2GRAY), np.float32)
    return PairEvidence(
        name,
        (infrared.shape[1], infrared.shape[0]),
        (visible.shape[1], visible.shape[0]),
        structure(_shrink(infrared, INFRARED_WIDTH)),
        structure(_shrink(grey, VISIBLE_WIDTH)),
        infrared_mask,
        visible_mask,
    )


def structure(image: Field) -> Field:
    """Return what both modalities share: where grey changes, whichever way, evened out over the picture.

    Module frames are cold lines in infrared and bright ones in visible light; both are strong gradients. The square
    root keeps one glaring edge from outweighing a grid of faint ones.
    """
    smooth = cv2.GaussianBlur(image, (0, 0), 1.0)
    magnitude = np.sqrt(cv2.magnitude(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)))
    local = cv2.blur(magnitude, (61, 61)) + 1e-3 + 0.05 * float(magnitude.mean())
    return np.asarray(cv2.GaussianBlur(magnitude / local, (0, 0), 1.0), np.float32)


def choose(pairs: Sequence[PairEvidence], most: int) -> list[PairEvidence]:
    """Return at most `most` pairs, spread over the flight."""
    if len(pairs) <= most:
        return list(pairs)
    return [pairs[int(index)] for index in np.linspace(0, len(pairs) - 1, most).round()]


def _shrink(image: Field, width: int) -> Field:
    if image.shape[1] <= width:
        return image
    size = (width, max(round(image.shape[0] * width / image.shape[1]), 1))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)
