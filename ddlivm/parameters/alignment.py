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
        structure_weight: of the module grid against the masks, 0 to 1; 0 is the paper's algorithm to the letter.
        evidence_pairs: pairs of a site whose evidence is added up.
        accepted_score: correlation of a site's structure that confirms a scale from panel widths, 0 to 1.
        minimum_confidence: below it a pair falls back to the site's transform, 0 to 1.
        tolerance: a pair that lies further from the site's transform gets its own, raw infrared pixels.
        gain: how much better its own must correlate, 0 to 1.
        threads: of the CPU.
    """

    method: Literal["paper"]
    erosion: int = Field(ge=1, le=31)
    minimum_area: float = Field(ge=0, le=1)
    candidate_widths: int = Field(ge=1, le=10)
    structure_weight: float = Field(ge=0, le=1)
    evidence_pairs: int = Field(ge=1, le=100)
    accepted_score: float = Field(ge=0, le=1)
    minimum_confidence: float = Field(ge=0, le=1)
    tolerance: float = Field(ge=0)
    gain: float = Field(ge=0, le=1)
    threads: int = Field(ge=1)
