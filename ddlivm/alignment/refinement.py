"""Refine a transform on structure: Gauss-Newton steps on the correlation of many pairs at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Match
from ddlivm.alignment.structure import Field, resize, structure
from ddlivm.data.transforms import Transform

Matrix = npt.NDArray[np.float64]
HALF = np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1.0]])
"""From pixel centres at whole numbers, as OpenCV counts, to pixels that cover [i, i + 1)."""


@dataclass(frozen=True)
class Level:
    """A pair at one size, ready for Gauss-Newton steps around one scale.

    Attributes:
        template: (h, w, channels) float32, the infrared structure, at the scale at which it lies in `seen`.
        seen: (h', w', channels) float32, the visible structure.
        steepest: (4, h * w * channels) float32, how the template changes with each of x, y, growth and turn about its
            centre.
        curvature: (4, 4), the products of `steepest`.
        energy: the sum of the squared template.
        from_infrared: (3, 3), raw infrared pixels to the template's.
        from_visible: (3, 3), raw visible pixels to `seen`'s.
    """

    template: Field
    seen: Field
    steepest: Field
    curvature: Matrix
    energy: float
    from_infrared: Matrix
    from_visible: Matrix

    @classmethod
    def of(cls, pair: PairEvidence, seen: Field, scale: float) -> Self:
        """Prepare a pair.

        Args:
            pair: the pair.
            seen: `visible_structure` of it.
            scale: visible raw pixels for one infrared raw pixel, roughly.
        """
        to_seen = (seen.shape[1] / pair.visible_size[0], seen.shape[0] / pair.visible_size[1])
        width, height = (max(round(side * scale * to_seen[0]), 8) for side in pair.infrared_size)
        template = structure(resize(pair.infrared, (width, height)), pair.infrared_mask)
        to_template = (width / pair.infrared_size[0], height / pair.infrared_size[1])
        return cls._between(template, seen, np.diag([*to_template, 1.0]), np.diag([*to_seen, 1.0]))

    def without_panels(self) -> Self:
        """Return the same pair's edges alone."""
        template, seen = (np.ascontiguousarray(one[..., :2]) for one in (self.template, self.seen))
        return self._between(template, seen, self.from_infrared, self.from_visible)

    @classmethod
    def _between(cls, template: Field, seen: Field, from_infrared: Matrix, from_visible: Matrix) -> Self:
        along = cv2.Sobel(template, cv2.CV_32F, 1, 0, scale=1 / 8)
        down = cv2.Sobel(template, cv2.CV_32F, 0, 1, scale=1 / 8)
        height, width = template.shape[:2]
        x = (np.arange(width, dtype=np.float32) + 0.5 - width / 2)[None, :, None]
        y = (np.arange(height, dtype=np.float32) + 0.5 - height / 2)[:, None, None]
        steepest = np.stack([along, down, along * x + down * y, down * x - along * y]).reshape(4, -1)
        curvature = np.asarray(steepest @ steepest.T, np.float64)
        energy = max(float(np.square(template).sum()), 1e-9)
        return cls(template, seen, steepest, curvature, energy, from_infrared, from_visible)

    @cached_property
    def least(self) -> float:
        """The least energy that what lies under the template counts for: frames that hardly overlap correlate less."""
        return 0.3 * float(np.square(self.seen).mean()) * self.template.size + 1e-9

    @cached_property
    def ends(self) -> tuple[Matrix, Matrix]:
        """(3, 3) each, as OpenCV counts pixels: raw visible pixels to `seen`'s, the template's to raw infrared ones."""
        return np.linalg.inv(HALF) @ self.from_visible, np.linalg.inv(self.from_infrared) @ HALF

    def compare(self, transform: Transform) -> tuple[float, Matrix]:
        """Return the correlation coefficient at a transform, and the right side of its normal equations (4)."""
        whole = np.vstack([transform.matrix, [0, 0, 1]])
        into, out_of = self.ends
        matrix = into @ whole @ out_of
        height, width = self.template.shape[:2]
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        brought = np.asarray(cv2.warpAffine(self.seen, matrix[:2], (width, height), flags=flags), np.float32).ravel()
        own = self.template.ravel()
        shared, energy = float(own @ brought), float(brought @ brought)
        score = shared / np.sqrt(max(energy, self.least) * self.energy)
        # What both do not share flattens the curvature's guess of the distance; the gain makes up for it.
        gain = self.energy / max(shared, 0.1 * self.energy)
        return score, np.asarray(self.steepest @ (np.float32(gain) * brought - own), np.float64)


def visible_structure(pair: PairEvidence, width: int) -> Field:
    """Return the visible image's structure at a width."""
    height = max(round(width * pair.visible_size[1] / pair.visible_size[0]), 8)
    return structure(resize(pair.visible, (width, height)), pair.visible_mask)


def refine(levels: Sequence[Level], guess: Transform, steps: int) -> Match:
    """Climb from a guess in offset, scale and rotation, on the added evidence of a site's pairs.

    Args:
        levels: at least one pair's, of equal sizes.
        guess: right within a few pixels of the levels.
        steps: at most.
    """
    curvature = sum(level.curvature for level in levels)
    damped = curvature + 1e-6 * np.trace(curvature) * np.eye(4) + 1e-12 * np.eye(4)
    best, transform = None, guess
    for _ in range(steps + 1):
        compared = [level.compare(transform) for level in levels]
        score = float(np.mean([one for one, _ in compared]))
        if best is not None and score < best.score + 1e-5:
            break
        best = Match(transform, score)
        change = np.linalg.solve(damped, sum(right for _, right in compared))
        transform = _composed(transform, change, levels[0])
    assert best is not None
    return best


def _composed(transform: Transform, change: Matrix, level: Level) -> Transform:
    """Move the infrared frame by what moves the template back."""
    across, down, growth, turn = change
    height, width = level.template.shape[:2]
    centre = np.array([[1, 0, width / 2], [0, 1, height / 2], [0, 0, 1.0]])
    moved = np.array([[1 + growth, -turn, across], [turn, 1 + growth, down], [0, 0, 1]])
    into = np.linalg.inv(centre) @ level.from_infrared
    matrix = (np.vstack([transform.matrix, [0, 0, 1]]) @ np.linalg.inv(into) @ np.linalg.inv(moved) @ into)[:2]
    scale = float(np.hypot(matrix[0, 0], matrix[1, 0]))
    angle = float(np.rad2deg(np.arctan2(matrix[1, 0], matrix[0, 0])))
    return Transform(scale, float(matrix[0, 2]), float(matrix[1, 2]), angle)
