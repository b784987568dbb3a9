"""Alignment's section (3.1)."""

from typing import Literal

from pydantic import Field

from ddlivm.parameters.base import Section


class Alignment(Section):
    """How pairs are aligned, and what a site makes of it.

    Attributes:
        method: `structure` (edges by direction, and panel masks), or `paper` (panel widths and masks alone).
        erosion: the paper's method: kernel side of the mask's erosion, pixels of a 640-pixel-wide image.
        minimum_area: the paper's method: contours below this share of the largest are outliers, 0 to 1.
        candidate_widths: the paper's method: how many of the widest panels of each image give candidate scales.
        evidence_pairs: pairs of a rig whose evidence is added up.
        minimum_confidence: below it a pair falls back to the site's transform, 0 to 1.
        tolerance: a pair that lies further from the site's transform gets its own, pixels of a 640-pixel-wide infrared
            image.
        threads: of the CPU.
    """

    method: Literal["structure", "paper"]
    erosion: int = Field(ge=1, le=31)
    minimum_area: float = Field(ge=0, le=1)
    candidate_widths: int = Field(ge=1, le=10)
    evidence_pairs: int = Field(ge=2, le=100)
    minimum_confidence: float = Field(ge=0, le=1)
    tolerance: float = Field(ge=0)
    threads: int = Field(ge=1)


STRUCTURE = Alignment(
    method="structure",
    erosion=5,
    minimum_area=0.01,
    candidate_widths=3,
    evidence_pairs=12,
    minimum_confidence=0.5,
    tolerance=4.0,
    threads=2,
)
"""The settings of `ddlivm align`, which has no model that would bring its own."""
