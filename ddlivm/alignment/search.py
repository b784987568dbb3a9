"""Find the scales and offsets that a rig may have: score maps, which the pairs of a site add up."""

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
from scipy import fft

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

BEYOND = 0.06
"""The infrared frame may leave the visible one by this share on each side."""

SHARED = 0.3
"""Frames that overlap less than so, by energy, correlate less for it."""

PEAKS = 4
"""Offsets that are kept of each scale."""


def score_maps(pair: PairEvidence) -> list[Field]:
    """Return a map a scale of `SCALES`: the correlation coefficient of both structures over offsets.

    The visible spectrum is computed once; each scale costs one transform there and one back. Pairs of equal shapes
    give maps of equal sizes: one pair's has many peaks along a row, a site's pairs share one rig, and their sum has
    few.
    """
    height, width = _height(pair.visible), WIDTH
    seen = structure(resize(pair.visible, (width, height)), pair.visible_mask)
    down, across = _margins(height)
    templates = list(_templates(pair))
    rows = max(height + 2 * down, *(template.shape[0] for template in templates))
    columns = max(width + 2 * across, *(template.shape[1] for template in templates))
    size = (fft.next_fast_len(rows, True), fft.next_fast_len(columns, True))
    padded = np.zeros((seen.shape[2], *size), np.float32)
    padded[:, down : down + height, across : across + width] = np.moveaxis(seen, 2, 0)
    spectrum = fft.rfft2(padded)
    energy = cv2.integral(np.square(padded).sum(axis=0), sdepth=cv2.CV_64F)
    maps = []
    for template in templates:
        high, wide = template.shape[:2]
        places = (max(height + 2 * down - high, 0) + 1, max(width + 2 * across - wide, 0) + 1)
        there = fft.rfft2(np.ascontiguousarray(np.moveaxis(template, 2, 0)), s=size)
        product = fft.irfft2((spectrum * there.conj()).sum(axis=0), s=size)[: places[0], : places[1]]
        under = energy[high:, wide:] - energy[:-high, wide:] - energy[high:, :-wide] + energy[:-high, :-wide]
        least = SHARED * energy[-1, -1] * high * wide / (height * width) + 1e-6
        own = float(np.square(template).sum()) + 1e-6
        maps.append((product / np.sqrt(np.maximum(under[: places[0], : places[1]], least) * own)).astype(np.float32))
    return maps


def candidates(maps: Sequence[Field], pair: PairEvidence, most: int) -> list[Match]:
    """Return the highest peaks of the maps, best first, no two of them at nearly the same place.

    Args:
        maps: `score_maps` of one pair, or the mean over several.
        pair: gives the sizes.
        most: matches to return.
    """
    down, across = _margins(_height(pair.visible))
    factor = pair.visible_size[0] / WIDTH
    ratio = pair.visible_size[0] / pair.infrared_size[0]
    found = []
    for scale, scores in zip(SCALES, maps, strict=True):
        for x, y, score in _peaks(scores):
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


def _peaks(scores: Field) -> Iterator[tuple[int, int, float]]:
    """Yield the highest places that are not beside each other."""
    left = scores.copy()
    for _ in range(PEAKS):
        y, x = divmod(int(left.argmax()), left.shape[1])
        if left[y, x] == -np.inf:
            return
        yield x, y, float(left[y, x])
        left[max(y - 3, 0) : y + 4, max(x - 3, 0) : x + 4] = -np.inf


def _height(picture: Field) -> int:
    return max(round(WIDTH * picture.shape[0] / picture.shape[1]), 2)


def _margins(height: int) -> tuple[int, int]:
    """Return the rows and columns that are added on each side of the visible picture."""
    return round(BEYOND * height), round(BEYOND * WIDTH)
