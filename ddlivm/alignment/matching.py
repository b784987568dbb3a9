"""Align by structure: search over scale and offset, then Gauss-Newton steps, on one pair or on a site's at once."""

from collections.abc import Sequence

import numpy as np

from ddlivm.alignment.confidence import confidence
from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Estimate, corner_distance
from ddlivm.alignment.refinement import Level, refine, visible_structure
from ddlivm.alignment.search import candidates, score_maps
from ddlivm.alignment.structure import Field
from ddlivm.parameters.alignment import Alignment

CANDIDATES = 6
"""Peaks of the search that are looked at more closely."""

CHOICE_WIDTH, FINAL_WIDTH = 200, 320
"""The visible picture is so wide when candidates are compared, and at the end."""

SAME = 12.0
"""Candidates that end within so many raw infrared pixels of a 640-pixel-wide image are one."""


def align_by_structure(pairs: Sequence[PairEvidence], parameters: Alignment) -> Estimate:
    """Find the one transform of pairs that share a rig.

    Args:
        pairs: at least one, of equal image sizes.
        parameters: not needed: structure has no settings.
    """
    maps: list[Field] = [np.zeros(1, np.float32)] * 0
    for pair in pairs:
        own = score_maps(pair)
        maps = [one + other for one, other in zip(maps, own, strict=True)] if maps else own
    found = candidates([one / len(pairs) for one in maps], pairs[0], CANDIDATES)
    structures = [visible_structure(pair, CHOICE_WIDTH) for pair in pairs]
    closer = []
    for match in found:
        levels = [Level.of(*each, match.transform.scale) for each in zip(pairs, structures, strict=True)]
        closer.append(refine(levels, match.transform, steps=4))
    closer.sort(key=lambda match: -match.score)
    best = closer[0]
    size = pairs[0].infrared_size
    same = SAME * size[0] / 640
    others = [each.score for each in closer if corner_distance(best.transform, each.transform, size) > same]
    # A mask's border is good to a pixel or two of its own: it helps to choose, and the edges alone say where exactly.
    bare = [pair.without_masks() for pair in pairs]
    levels = [Level.of(pair, visible_structure(pair, FINAL_WIDTH), best.transform.scale) for pair in bare]
    transform = refine(levels, best.transform, steps=5).transform
    margin = best.score - max(others, default=0.0)
    return Estimate(transform, confidence(best.score, margin))
