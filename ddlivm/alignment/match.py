"""A transform that the evidence speaks for."""

from dataclasses import dataclass

import numpy as np

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.data.transforms import Transform

REFERENCE_WIDTH = 640
"""The parameters' and the constants' pixels are those of an infrared image so wide."""


@dataclass(frozen=True)
class Match:
    """A transform and how well the evidence agrees with it: a correlation coefficient, -1 to 1."""

    transform: Transform
    score: float

    def apart(self, other: "Match", pair: PairEvidence) -> float:
        """Return how far both put a corner of the infrared frame apart at most, raw infrared pixels."""
        return corner_distance(self.transform, other.transform, pair.infrared_size)


def in_raw_pixels(pixels: float, infrared_size: tuple[int, int]) -> float:
    """Return what pixels of a `REFERENCE_WIDTH` wide image are in raw pixels of an image of another size."""
    return pixels * infrared_size[0] / REFERENCE_WIDTH


def corner_distance(transform: Transform, other: Transform, infrared_size: tuple[int, int]) -> float:
    """Return how far two transforms put a corner of the infrared frame apart at most, raw infrared pixels."""
    width, height = infrared_size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    apart = np.linalg.norm(transform.to_visible(corners) - other.to_visible(corners), axis=1)
    return float(apart.max() / transform.scale)


@dataclass(frozen=True)
class Estimate:
    """A method's answer: a transform and how likely it is right, 0 to 1."""

    transform: Transform
    confidence: float
