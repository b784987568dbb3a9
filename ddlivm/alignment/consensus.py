"""A site has one rig: find it from many pairs, then say how well each pair keeps to it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from ddlivm.alignment.evidence import PairEvidence, choose
from ddlivm.alignment.refinement import refine, residual, shifted
from ddlivm.alignment.search import Match, search
from ddlivm.alignment.widths import candidate_scales
from ddlivm.data.transforms import PairAlignment, Transform
from ddlivm.errors import InputError
from ddlivm.parameters.alignment import Alignment

NO_PANELS = "no_panels"
LOW_CONFIDENCE = "low_confidence"
SITE_FALLBACK = "site_fallback"
REGISTERED = "registered"
SINGLE_PAIR = "single_pair"
"""Along a row one module looks like the next: two pairs outvote a slip by a module, one cannot."""

COVERED = (0.45, 1.2)
"""Share of the visible frame's width that the infrared frame covers, with cameras that fly together."""


def align_pairs(pairs: Sequence[PairEvidence], parameters: Alignment) -> tuple[PairAlignment, dict[str, PairAlignment]]:
    """Align the pairs of one site.

    Args:
        pairs: all of one site; pairs of other image sizes than most keep to the site's transform.
        parameters: the section.

    Returns:
        The site's transform, and each pair's by name. Confidence is the correlation coefficient of the structure
        that both images show, 0 to 1. Flags: `no_panels` (a mask is empty or full), `low_confidence`, `site_fallback`
        (the site's transform stands in for the pair's own), `registered` (the images came aligned), `single_pair`
        (only one pair shows panels, so the transform may be off by a module along the rows).

    Raises:
        InputError: no pair shows panels and ground in both images.
    """
    usable = choose(_alike(pairs), parameters.evidence_pairs)
    if not usable:
        raise InputError(
            f"alignment: none of {len(pairs)} pairs shows panels and ground in both images; "
            "check that the folder holds pairs of a PV plant"
        )
    site = _site(usable, parameters)
    aligned = {pair.name: _pair(pair, site, parameters) for pair in pairs}
    return site, aligned


def align_pair(pair: PairEvidence, parameters: Alignment) -> PairAlignment:
    """Align one pair on its own."""
    return align_pairs([pair], parameters)[1][pair.name]


def _alike(pairs: Sequence[PairEvidence]) -> list[PairEvidence]:
    """Return the pairs that show panels and have the image sizes that most of them have: one rig's."""
    usable = [pair for pair in pairs if pair.shows_panels]
    sizes = Counter((pair.infrared_size, pair.visible_size) for pair in usable).most_common(1)
    return [pair for pair in usable if (pair.infrared_size, pair.visible_size) == sizes[0][0]]


def _site(pairs: list[PairEvidence], parameters: Alignment) -> PairAlignment:
    """Try the scales that panel widths allow; where the structure does not confirm any, try all."""
    ratio = pairs[0].visible_size[0] / pairs[0].infrared_size[0]
    measured = [s for s in candidate_scales(pairs, parameters) if COVERED[0] <= s / ratio <= COVERED[1]]
    best = _best(pairs, [s * step for s in measured for step in (0.98, 1.0, 1.02)], parameters)
    if best is None or best.score < parameters.accepted_score:
        steps = np.arange(np.log(COVERED[0]), np.log(COVERED[1]), 0.02)
        other = _best(pairs, [float(ratio * np.exp(step)) for step in steps], parameters)
        best = max((match for match in (best, other) if match is not None), key=lambda match: match.score)
    if _is_registered(best.transform, pairs[0]):
        flags: tuple[str, ...] = (REGISTERED,)
    else:
        flags = (SINGLE_PAIR,) if len(pairs) == 1 else ()
    return PairAlignment(_rounded(best.transform), _confidence(best.score), flags)


def _best(pairs: list[PairEvidence], scales: list[float], parameters: Alignment) -> Match | None:
    """Search coarsely, then let the structure choose between what was found; None without scales."""
    found = search(pairs, scales, parameters.structure_weight)
    if not found or parameters.structure_weight == 0:
        return found[0] if found else None
    closer = sorted((refine(pairs, match.transform, rounds=0) for match in found), key=lambda match: -match.score)
    return refine(pairs, closer[0].transform)


def _pair(pair: PairEvidence, site: PairAlignment, parameters: Alignment) -> PairAlignment:
    own = residual(pair, site.transform)
    confidence = _confidence(own.moved)
    flags = list(site.flags)
    transform = site.transform
    if not pair.shows_panels:
        flags.append(NO_PANELS)
    if confidence < parameters.minimum_confidence:
        flags += [LOW_CONFIDENCE, SITE_FALLBACK]
    elif np.hypot(*own.offset) > parameters.tolerance and own.moved - own.here > parameters.gain:
        transform = _rounded(shifted(site.transform, own.offset))
    return PairAlignment(transform, confidence, tuple(flags))


def _confidence(score: float) -> float:
    return round(float(np.clip(score, 0, 1)), 4)


def _is_registered(transform: Transform, pair: PairEvidence) -> bool:
    """Whether one frame is the other, up to the resolution: every corner within 2 % of the width."""
    width, height = pair.infrared_size
    corners = np.array([(0, 0), (width, 0), (0, height), (width, height)], np.float64)
    factors = np.array(pair.visible_size) / np.array(pair.infrared_size)
    return bool(np.abs(transform.to_visible(corners) - corners * factors).max() < 0.02 * pair.visible_size[0])


def _rounded(transform: Transform) -> Transform:
    """Drop digits that say nothing, so that rounding differences of a processor seldom show."""
    return replace(
        transform,
        scale=round(transform.scale, 5),
        offset_x=round(transform.offset_x, 2),
        offset_y=round(transform.offset_y, 2),
        rotation_deg=round(transform.rotation_deg, 3),
    )
