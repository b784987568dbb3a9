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
    return excess(raw.values, infrared_panels(pair, panels), raw.radiometric)


def infrared_panels(pair: AlignedPair, panels: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the panel probability in a pair's raw infrared frame, (H, W).

    Args:
        pair: The pair; its raw images stay in memory as long as it does.
        panels: Panel probability over the raw visible image, at any size.
    """
    (height, width), (rows, columns) = pair.raw_visible.shape[:2], pair.raw_infrared.values.shape
    return panels_in_infrared(panels, (width, height), pair.transform, (columns, rows))
