"""What alignment needs of a pair: small pictures and where the panels are."""

from dataclasses import dataclass, replace
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.alignment.structure import Field

WIDTH = 320
"""Pictures are kept so wide: the last step is right to a tenth of such a pixel."""

BLANK = 0.9
"""An image of which one level covers so much shows nothing: black, burnt out, or a lens cap."""

STRIP = 4
"""An image whose one side is so many times the other is no camera's frame."""

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
        infrared: (h, w) float32, the infrared image at a small size.
        visible: (h', w') float32, the visible image's grey levels at a small size.
        infrared_mask: panel probability over the whole infrared image, any small size, in [0, 1]; None if unknown.
        visible_mask: panel probability over the whole visible image, any small size, in [0, 1]; None if unknown.
        width_share: share of the visible picture's width that the infrared one shows, by the lenses; None if unknown.
    """

    name: str
    infrared_size: tuple[int, int]
    visible_size: tuple[int, int]
    infrared: Field
    visible: Field
    infrared_mask: Field | None
    visible_mask: Field | None
    width_share: float | None = None

    @property
    def sizes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Both raw images' (width, height); they tell cameras apart."""
        return self.infrared_size, self.visible_size

    @property
    def faults(self) -> tuple[str, ...]:
        """What is wrong with the images themselves: `blank_` or `strip_`, and `infrared` or `visible`."""
        images = {"infrared": (self.infrared, self.infrared_size), "visible": (self.visible, self.visible_size)}
        blank = (f"blank_{name}" for name, (image, _) in images.items() if _is_blank(image))
        strip = (f"strip_{name}" for name, (_, size) in images.items() if max(size) > STRIP * min(size))
        return (*blank, *strip)

    def without_masks(self) -> Self:
        """Return the same pair as if nobody knew its panels."""
        return replace(self, infrared_mask=None, visible_mask=None)

    @property
    def shows_panels(self) -> bool:
        """Whether both images show panels and something else, as far as anybody knows."""
        masks = (self.infrared_mask, self.visible_mask)
        return all(mask is None or EMPTY < float((mask > 0.5).mean()) < FULL for mask in masks)


def gather(
    name: str,
    infrared: Field,
    visible: npt.NDArray[np.uint8],
    infrared_mask: Field | None = None,
    visible_mask: Field | None = None,
    width_share: float | None = None,
) -> PairEvidence:
    """Make a pair's evidence.

    Args:
        name: the pair's.
        infrared: raw (H, W) float32, °C or grey levels; pixels that are no numbers count as the image's median.
        visible: raw (H, W, 3) uint8 RGB.
        infrared_mask: panel probability over the whole infrared image, at any size.
        visible_mask: panel probability over the whole visible image, at any size.
        width_share: share of the visible picture's width that the infrared one shows, if the lenses are known.
    """
    known = np.isfinite(infrared)
    if not known.all():
        infrared = np.where(known, infrared, np.median(infrared[known]) if known.any() else 0).astype(np.float32)
    colours = _shrink(visible)
    grey = np.asarray(cv2.cvtColor(colours, cv2.COLOR_RGB2GRAY), np.float32)
    return PairEvidence(
        name,
        (infrared.shape[1], infrared.shape[0]),
        (visible.shape[1], visible.shape[0]),
        np.asarray(_shrink(infrared), np.float32),
        grey,
        infrared_mask,
        visible_mask,
        width_share,
    )


def _shrink(image: npt.NDArray[np.float32] | npt.NDArray[np.uint8]) -> npt.NDArray[np.float32] | npt.NDArray[np.uint8]:
    """Return the picture at `WIDTH`; a strip is brought to the shape of the longest frame."""
    height = round(image.shape[0] * WIDTH / image.shape[1])
    size = (WIDTH, min(max(height, WIDTH // STRIP), WIDTH * STRIP))
    return cv2.resize(image, size, interpolation=cv2.INTER_AREA)  # type: ignore[return-value]


def _is_blank(image: Field) -> bool:
    low, middle, high = np.percentile(image, [0.5, 50, 99.5])
    return float((np.abs(image - middle) <= 0.02 * (high - low) + 1e-6).mean()) > BLANK or high - low < 1e-3
