"""The excess of an aligned pair, whose panels are known from its visible image."""

import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair
from ddlivm.data.panels import panels_in_infrared
from ddlivm.thermography.excess import Excess, excess


def pair_excess(pair: AlignedPair, panels: npt.NDArray[np.float32]) -> Excess:
    """Return how much hotter than healthy ones the panels of a pair's raw infrared image are.

    Args:
        pair: The pair; its raw images stay in memory as long as it does.
        panels: Panel probability over the raw visible image, at any size.
    """
    raw = pair.raw_infrared
    (height, width), (rows, columns) = pair.raw_visible.shape[:2], raw.values.shape
    shown = panels_in_infrared(panels, (width, height), pair.transform, (columns, rows))
    return excess(raw.values, shown, raw.radiometric)
