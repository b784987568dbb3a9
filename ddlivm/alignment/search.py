"""Find the scales and offsets that a rig may have: score maps, which the pairs of a site add up."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np

from ddlivm.alignment.correlation import BEYOND, Spectrum, peaks
from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Match
from ddlivm.alignment.structure import Field, resize, structure
from ddlivm.data.transforms import Transform

WIDTH = 160
"""The visible picture is so wide during the search."""

STEP = 0.05
"""Between scales, as a logarithm: half a step moves the frame's edge by less than two small pixels."""

SCALES = tuple(float(scale) for scale in np.exp(np.arange(np.log(0.45), np.log(1.2), STEP)))
"""Shares of the visible frame's width that the infrared frame covers, with cameras that fly together."""

OCTAVE = 5
"""So many scales share one infrared structure, which is shrunk by up to a fifth for each."""

PEAKS = 4
"""Offsets that are kept of each scale."""


def score_maps(pair: PairEvidence) -> list[Field]:
    """Return a map a scale of `SCALES`: the correlation coefficient of both structures over offsets.

    The visible spectrum is computed once; each scale costs one transform there and one back. Pairs of equal shapes
    give maps of equal sizes: one pair's has many peaks along a row, a site's pairs share one rig, and their sum has
    few.
    """
    seen = structure(resize(pair.visible, (WIDTH, _height(pair.visible))), pair.visible_mask)
    templates = list(_templates(pair))
    largest = (max(each.shape[0] for each in templates), max(each.shape[1] for each in templates))
    spectrum = Spectrum.of(seen, largest)
    return [spectrum.correlate(template) for template in templates]


def candidates(maps: Sequence[Field], pair: PairEvidence, most: int) -> list[Match]:
    """Return the highest peaks of the maps, best first, no two of them at nearly the same place.

    Args:
        maps: `score_maps` of one pair, or the mean over several.
        pair: gives the sizes.
        most: matches to return.
    """
    down, across = round(BEYOND * _height(pair.visible)), round(BEYOND * WIDTH)
    factor = pair.visible_size[0] / WIDTH
    ratio = pair.visible_size[0] / pair.infrared_size[0]
    found = []
    for scale, scores in zip(SCALES, maps, strict=True):
        for x, y, score in peaks(scores, PEAKS, apart=3):
            found.append(Match(Transform(scale * ratio, (x - across) * factor, (y - down) * factor), score))
    kept: list[Match] = []
    for match in sorted(found, key=lambda match: -match.score):
        if all(match.apart(other, pair) > 5 * factor / ratio for other in kept):
            kept.append(match)
        if len(kept) == most:
            break
    return kept


def _templates(pair: PairEvidence) -> Iterator[Field]:
    for index, scale in enumerate(SCALES):
        if index % OCTAVE == 0:
            largest = SCALES[min(index + OCTAVE, len(SCALES)) - 1]
            shared = structure(resize(pair.infrared, _template_size(pair, largest)), pair.infrared_mask)
        width, height = _template_size(pair, scale)
        yield np.asarray(cv2.resize(shared, (width, height), interpolation=cv2.INTER_LINEAR), np.float32)


def _template_size(pair: PairEvidence, scale: float) -> tuple[int, int]:
    width = scale * WIDTH
    return round(width), max(round(width * pair.infrared_size[1] / pair.infrared_size[0]), 2)


def _height(picture: Field) -> int:
    return max(round(WIDTH * picture.shape[0] / picture.shape[1]), 2)
