"""Alignment's section (3.1)."""

from typing import Literal

from pydantic import Field

from ddlivm.parameters.base import Section


class Alignment(Section):
    """Contour widths, template match and the site's consensus.

    Attributes:
        method: how a pair is aligned.
        erosion: kernel side of the mask's erosion, pixels of a 640-pixel-wide image.
        minimum_area: contours below this share of the largest are outliers, 0 to 1.
        candidate_widths: how many of the widest panels of each image give candidate scales.
    """

    method: Literal["paper"]
    erosion: int = Field(ge=1, le=31)
    minimum_area: float = Field(ge=0, le=1)
    candidate_widths: int = Field(ge=1, le=10)
