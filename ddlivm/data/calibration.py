"""A head's calibration: the probability that each score stands for, and the threshold of reported detections."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

DECIMALS = 5
"""Scores are rounded to these, so that a file holds what was compared with the threshold."""


@dataclass(frozen=True)
class Calibration:
    """A head's calibration: a logistic curve over the logit of its scores and the heat, and the shipped threshold.

    A head is less sure of its detections on a plant that it has never seen. The heat of a place, its excess over
    healthy panels up to `HOT`, is measured and means the same on every plant.

    With `any_type` a place's score is how likely any defect is there, whatever its type: a head that is sure of a
    defect and unsure of its type splits its score between the types.

    Attributes:
        threshold: The calibrated score from which on a detection is reported, 0 to 1.
        slope: Factor of the score's logit; with a slope of 1 and an offset of 0 scores stay as they are.
        offset: What is added to it.
        detections: How many detections on the sites that were set aside it was fitted on.
        accuracy: Share of these at or above the threshold that are right; None where nothing was set aside.
        recall40: Share of the defects of these sites that they find; None where nothing was set aside.
        any_type: Whether the curve is over the score of any type instead of the best one's.
        heat: Factor of log(1 + heat), with the heat in deviations of healthy panels, at most `HOT`; 0 where it does
            not count.
        usual_heat: The mean log(1 + heat) of right detections, which stands in where no heat was measured.
    """

    threshold: float
    slope: float = 1.0
    offset: float = 0.0
    detections: int = 0
    accuracy: float | None = None
    recall40: float | None = None
    any_type: bool = False
    heat: float = 0.0
    usual_heat: float = 0.0

    def probabilities(
        self, scores: npt.NDArray[np.float32], heats: npt.NDArray[np.float32] | None = None
    ) -> npt.NDArray[np.float32]:
        """Return the calibrated scores of raw ones, rounded.

        Args:
            scores: Of any shape.
            heats: The heat of each, of a shape that broadcasts; None where it was not measured.
        """
        values = scores.astype(np.float64)
        if (self.slope, self.offset, self.heat) != (1.0, 0.0, 0.0):
            evidence = self.slope * logit(values) + self.offset
            if heats is not None:
                evidence = evidence + self.heat * (logarithmic(heats) - self.usual_heat)
            values = 1 / (1 + np.exp(-evidence))
        return np.round(values, DECIMALS).astype(np.float32)


HOT = 10.0
"""Deviations from which on a place is hot. A larger excess depends more on the camera's noise than on the defect."""


def logarithmic(heats: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """Return log(1 + heat), with heats held between 0 and `HOT`."""
    return np.asarray(np.log1p(np.clip(heats.astype(np.float64), 0, HOT)))


def logit(scores: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the log of the odds of probabilities, which are kept off 0 and 1."""
    clipped = np.clip(scores, 1e-6, 1 - 1e-6)
    return np.asarray(np.log(clipped / (1 - clipped)))
