"""Find a site's rig: the scale and offset that most pairs agree on."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.alignment.evidence import Field, PairEvidence
from ddlivm.data.transforms import Transform

COARSE_WIDTH = 240
"""The visible image is so wide during the search."""

PEAKS = 4
"""Offsets that are kept of each scale: the summed map still repeats with the modules."""

BEYOND = 0.15
"""The infrared frame may leave the visible one by this share on each side, and more if it is the larger."""


@dataclass(frozen=True)
class Match:
    """A transform and how well the evidence agrees with it, -1 to 1."""

    transform: Transform
    score: float


def search(pairs: list[PairEvidence], scales: list[float], structure_weight: float, most: int = 12) -> list[Match]:
    """Return the best scales and offsets, the pairs' evidence added up, best first.

    Each pair votes with a map of correlation coefficients over offsets: of the masks, which say where the panels are,
    and of the structure, which says where along a row. One pair's map has many peaks along a row; a site's pairs share
    one rig, so the sum has few.

    Args:
        pairs: at least one, all of one site and of equal sizes.
        scales: visible pixels for one infrared pixel.
        structure_weight: 0 for the masks alone, 1 for the structure alone.
        most: matches to return.
    """
    matches = []
    for scale in scales:
        total, pad, factor = _votes(pairs, scale, structure_weight)
        for x, y in _peaks(total, PEAKS):
            along, down = peak(total, x, y)
            transform = Transform(scale, (along - pad[0]) / factor, (down - pad[1]) / factor)
            matches.append(Match(transform, float(total[y, x]) / len(pairs)))
    return sorted(matches, key=lambda match: -match.score)[:most]


def _peaks(score: npt.NDArray[np.float32], most: int) -> list[tuple[int, int]]:
    """Return the highest places that are not beside each other."""
    left = score.copy()
    found = []
    for _ in range(most):
        _, value, _, (x, y) = cv2.minMaxLoc(left)
        if value == -np.inf:
            break
        found.append((x, y))
        left[max(y - 4, 0) : y + 5, max(x - 4, 0) : x + 5] = -np.inf
    return found


def peak(score: npt.NDArray[np.float32], x: int, y: int) -> tuple[float, float]:
    """Return a maximum's place between the pixels, by a parabola along each axis."""

    def between(before: float, here: float, after: float) -> float:
        bend = before - 2 * here + after
        return 0.0 if bend >= 0 else float(np.clip(0.5 * (before - after) / bend, -0.5, 0.5))

    height, width = score.shape
    dx = between(*map(float, score[y, x - 1 : x + 2])) if 0 < x < width - 1 else 0.0
    dy = between(*map(float, score[y - 1 : y + 2, x])) if 0 < y < height - 1 else 0.0
    return x + dx, y + dy


def _votes(
    pairs: list[PairEvidence], scale: float, structure_weight: float
) -> tuple[npt.NDArray[np.float32], tuple[int, int], float]:
    """Return the summed map, the padding in it, and its pixels for one raw visible pixel."""
    total: npt.NDArray[np.float32] | None = None
    for pair in pairs:
        factor = COARSE_WIDTH / pair.visible_size[0]
        visible_size = (COARSE_WIDTH, round(pair.visible_size[1] * factor))
        infrared_size = tuple(max(round(side * scale * factor), 8) for side in pair.infrared_size)
        pad = tuple(
            round(BEYOND * large + max(small - large, 0))
            for small, large in zip(infrared_size, visible_size, strict=True)
        )
        score = np.zeros(1, np.float32)
        for infrared, visible, weight in (
            (pair.infrared_mask, pair.visible_mask, 1 - structure_weight),
            (pair.infrared, pair.visible, structure_weight),
        ):
            if weight > 0:
                template = _resize(infrared, (infrared_size[0], infrared_size[1]))
                image = _resize(visible, visible_size)
                border = (pad[1], pad[1], pad[0], pad[0])
                padded = cv2.copyMakeBorder(image, *border, cv2.BORDER_CONSTANT, value=float(image.mean()))
                found = np.asarray(cv2.matchTemplate(padded, template, cv2.TM_CCOEFF_NORMED), np.float32)
                score = score + np.float32(weight) * np.nan_to_num(found, posinf=0.0, neginf=0.0)
        if total is None:
            total = score
        elif total.shape == score.shape:
            total = total + score
    assert total is not None
    return total, (pad[0], pad[1]), factor


def _resize(image: Field, size: tuple[int, int]) -> Field:
    shrinks = size[0] < image.shape[1]
    return np.asarray(
        cv2.resize(image, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR), np.float32
    )
