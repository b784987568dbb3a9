"""How far the heads of a bank agree with each other: a score that needs neither labels nor a perturbation."""

from collections.abc import Mapping

import numpy as np

from ddlivm.data import Detections
from ddlivm.selection.choice import Held
from ddlivm.selection.robustness import held


def agreements(detections: Mapping[str, Detections]) -> dict[str, Held]:
    """Return, of each head's detections on one pair, how far the other heads find the same.

    Heads that were trained differently are seldom wrong in the same place and of the same type, so a detection that
    most of them share is likely right.

    Args:
        detections: of every head of the bank, from their thresholds on; all heads, those without detections too.

    Returns:
        Head to (n,), the highest IoU with a detection of the same class by another head, 0 where there is none,
        averaged over the other heads. Heads without detections are absent, and so is a head that is alone.
    """
    return {
        head: np.mean([held(found, other) for name, other in detections.items() if name != head], axis=0)
        for head, found in detections.items()
        if len(found) and len(detections) > 1
    }
