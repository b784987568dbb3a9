"""How hot a box is: the measurement that stands beside a head's score."""

import numpy as np
import numpy.typing as npt

from ddlivm.thermography.excess import Excess
from ddlivm.thermography.modules import WIDTH, Field

HOTTEST = 10
"""Pixels of a 640-pixel-wide image that a box's heat is the mean of: about half a cell."""


def heats(found: Excess, boxes: npt.NDArray[np.float32]) -> Field:
    """Return how much hotter boxes are than healthy panels would be there.

    Args:
        found: The picture's excess.
        boxes: (n, 4) xyxy raw infrared pixels.

    Returns:
        (n,) float32, the mean over each box's hottest panel pixels, deviations of healthy panels; 0 without any.
    """
    height, width = found.values.shape
    count = max(1, round(HOTTEST * (width / WIDTH) ** 2))
    low = np.clip(np.floor(boxes[:, :2]), 0, [width, height]).astype(int)
    high = np.clip(np.ceil(boxes[:, 2:]), 0, [width, height]).astype(int)
    answer = np.zeros(len(boxes), np.float32)
    for index, ((x0, y0), (x1, y1)) in enumerate(zip(low.tolist(), high.tolist(), strict=True)):
        shown = found.values[y0:y1, x0:x1][found.panels[y0:y1, x0:x1]]
        if len(shown):
            answer[index] = np.partition(shown, -min(count, len(shown)))[-count:].mean()
    return answer / np.float32(found.deviation if found.unit == "K" else 1.0)
