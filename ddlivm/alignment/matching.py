"""Align by structure: search over scale and offset, then Gauss-Newton steps, on one pair or on a site's at once."""

from collections.abc import Sequence

import numpy as np

from ddlivm.alignment.confidence import confidence
from ddlivm.alignment.correlation import Spectrum, peaks
from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Estimate, Match, corner_distance, in_raw_pixels
from ddlivm.alignment.refinement import Level, refine, visible_structure
from ddlivm.alignment.search import candidates, score_maps
from ddlivm.alignment.structure import Field
from ddlivm.data.transforms import Transform
from ddlivm.parameters.alignment import Alignment

CANDIDATES = 4
"""Peaks of the search whose scales are measured."""

SCALES = 2
"""The best of these scales at which every offset is tried again."""

ALIKE = 0.02
"""Scales that differ by a smaller share are one."""

PLACES = 4
"""Offsets at each of them that are looked at more closely."""

ROUGH_WIDTH, FINAL_WIDTH = 160, 320
"""The visible picture is so wide while scales are measured, and when a place is chosen."""

SAME = 12.0
"""Places that end within so many raw infrared pixels of a 640-pixel-wide image are one."""


def align_by_structure(
    pairs: Sequence[PairEvidence], parameters: Alignment, likely: Transform | None = None
) -> Estimate:
    """Find the one transform of pairs that share a rig.

    Rows of panels give the scale even in small pictures, wherever they are slid along themselves. The modules of a row
    differ in their details alone: which of them is which is decided in larger pictures, at two scales only.

    Args:
        pairs: at least one, of equal image sizes.
        parameters: what is sure, and what agrees.
        likely: a known rig's transform. Other scales than its own are searched only where that gives a doubtful match
            that does not agree with it either.
    """
    seen = [visible_structure(pair, FINAL_WIDTH) for pair in pairs]
    if likely is not None:
        found = _at_scales(pairs, seen, [likely.scale])
        near = in_raw_pixels(parameters.tolerance, pairs[0].infrared_size)
        agrees = corner_distance(found.transform, likely, pairs[0].infrared_size) < near
        if agrees or found.confidence >= parameters.minimum_confidence:
            return found
    first = candidates(_mean([score_maps(pair) for pair in pairs]), pairs[0], CANDIDATES)
    return _at_scales(pairs, seen, _scales(pairs, first))


def _at_scales(pairs: Sequence[PairEvidence], seen: Sequence[Field], scales: Sequence[float]) -> Estimate:
    """Try every offset at some scales, and climb from the best places."""
    closer: list[tuple[Match, list[Level]]] = []
    for scale in scales:
        levels = [Level.of(*each, scale) for each in zip(pairs, seen, strict=True)]
        closer += [(refine(levels, guess, steps=3), levels) for guess in _places(pairs[0], levels, scale)]
    best, levels = max(closer, key=lambda each: each[0].score)
    same = in_raw_pixels(SAME, pairs[0].infrared_size)
    others = [match.score for match, _ in closer if match.apart(best, pairs[0]) > same]
    # A mask's border is good to a pixel or two of its own: it helps to choose, and the edges alone say where exactly.
    transform = refine([level.without_panels() for level in levels], best.transform, steps=5).transform
    return Estimate(transform, confidence(best.score, best.score - max(others, default=0.0)))


def _mean(maps: Sequence[Sequence[Field]]) -> list[Field]:
    return [np.mean(each, axis=0) for each in zip(*maps, strict=True)] if len(maps) > 1 else list(maps[0])


def _scales(pairs: Sequence[PairEvidence], found: Sequence[Match]) -> list[float]:
    """Return the best few scales of the candidates, measured by a few steps in a small picture."""
    seen = [visible_structure(pair, ROUGH_WIDTH) for pair in pairs]
    levels: dict[float, list[Level]] = {}
    measured = []
    for match in found:
        scale = match.transform.scale
        if scale not in levels:
            levels[scale] = [Level.of(*each, scale) for each in zip(pairs, seen, strict=True)]
        measured.append(refine(levels[scale], match.transform, steps=2))
    kept: list[float] = []
    for match in sorted(measured, key=lambda match: -match.score):
        if all(abs(match.transform.scale / other - 1) > ALIKE for other in kept):
            kept.append(match.transform.scale)
    return kept[:SCALES]


def _places(pair: PairEvidence, levels: Sequence[Level], scale: float) -> list[Transform]:
    """Return the best offsets at a scale, of all that there are."""
    spectra = [Spectrum.of(level.seen, level.template.shape[:2]) for level in levels]
    scores = np.mean([one.correlate(level.template) for one, level in zip(spectra, levels, strict=True)], axis=0)
    down, across = spectra[0].margins
    factor = pair.visible_size[0] / FINAL_WIDTH
    found = peaks(scores, PLACES, apart=6)
    return [Transform(scale, (x - across) * factor, (y - down) * factor) for x, y, _ in found]
