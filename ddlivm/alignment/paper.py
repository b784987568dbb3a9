"""The paper's algorithm to the letter (3.1): panel widths give the scale, a template match on masks the offset."""

from collections.abc import Sequence
from dataclasses import astuple

import cv2
import numpy as np

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Estimate
from ddlivm.alignment.structure import Field, resize
from ddlivm.alignment.widths import candidate_scales
from ddlivm.data.transforms import Transform
from ddlivm.parameters.alignment import Alignment

WIDTH = 320
"""The visible mask is so wide in the template match."""


def align_by_masks(pairs: Sequence[PairEvidence], parameters: Alignment, likely: Transform | None = None) -> Estimate:
    """Align each pair by its panels alone, and take the median of what they say (Section 6).

    A row that leaves the frame on both sides looks the same wherever it is slid along itself: the confidence, the
    masks' correlation, does not know about that.

    Args:
        pairs: at least one, of equal image sizes.
        parameters: erosion, outliers, widths.
        likely: not needed: widths give the scale.
    """
    found = [_align(pair, parameters) for pair in pairs]
    measured = [each for each in found if each.confidence > 0] or found
    medians = np.median([astuple(each.transform) for each in measured], axis=0)
    return Estimate(Transform(*map(float, medians)), float(np.median([each.confidence for each in measured])))


def _align(pair: PairEvidence, parameters: Alignment) -> Estimate:
    ratio = pair.visible_size[0] / pair.infrared_size[0]
    best = Estimate(Transform(ratio, 0.0, 0.0), 0.0)
    if pair.infrared_mask is None or pair.visible_mask is None:
        return best
    size = (WIDTH, max(round(WIDTH * pair.visible_size[1] / pair.visible_size[0]), 1))
    visible = _binary(pair.visible_mask, size)
    for scale in candidate_scales(pair, parameters):
        factor = WIDTH / pair.visible_size[0]
        wide, high = (max(round(side * scale * factor), 2) for side in pair.infrared_size)
        infrared = _binary(pair.infrared_mask, (wide, high))
        inside, around = wide <= size[0] and high <= size[1], wide >= size[0] and high >= size[1]
        if not inside and not around:
            continue  # neither frame holds the other
        image, template, sign = (visible, infrared, 1) if inside else (infrared, visible, -1)
        scores = cv2.matchTemplate(image, template, cv2.TM_CCOEFF_NORMED)
        _, score, _, (x, y) = cv2.minMaxLoc(np.nan_to_num(scores, posinf=0.0, neginf=0.0))
        if score > best.confidence:
            best = Estimate(Transform(scale, sign * x / factor, sign * y / factor), min(float(score), 1.0))
    return best


def _binary(mask: Field, size: tuple[int, int]) -> Field:
    return (resize(mask, size) > 0.5).astype(np.float32)
