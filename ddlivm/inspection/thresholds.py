"""From which score on detections are reported, on a flight that may be new to the head."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt

from ddlivm.data.boxes import iou_matrix, near
from ddlivm.inspection.anomalies import SAME, unexplained
from ddlivm.inspection.inspection import InspectedPair

FEWEST_ANOMALIES = 20
"""Anomalies of a flight from which on its threshold may be lowered: fewer say little about the head."""

SIMILAR = 0.2
"""IoU from which a detection with little score and an anomaly are the same thing. What is far larger, and unsure, must
not hide what was measured."""

LEAST = 0.05
"""The threshold at anomalies of a flight that is new to the head. Thermography says that something is there; the head
only says what, and below this score it does not."""


@dataclass(frozen=True)
class Thresholds:
    """The scores from which on detections are reported.

    A head is less sure on a plant that is unlike those it has learnt from, and its shipped threshold would silence it.
    Thermography is not: where it reports an anomaly, a detection needs less score.

    Attributes:
        everywhere: The head's threshold.
        at_anomalies: The threshold where thermography reports an anomaly; as `everywhere` on a familiar flight.
        detected: Share of the flight's anomalies that the head detects at `everywhere`; None where there are too few.
    """

    everywhere: float
    at_anomalies: float
    detected: float | None = None

    def __str__(self) -> str:
        if self.at_anomalies == self.everywhere:
            return f"{self.everywhere:.3g}"
        return f"{self.everywhere:.3g} ({self.at_anomalies:.3g} at anomalies)"

    @classmethod
    def of(cls, seen: Sequence[InspectedPair], shipped: float, familiar: float | None) -> Self:
        """Choose the thresholds of a flight.

        Args:
            seen: Its pairs with all detections and all anomalies.
            shipped: The head's threshold.
            familiar: The share of the anomalies that the head must detect for the flight to be familiar to it. None
                where it is new to the head in any case.
        """
        found = np.concatenate([np.zeros(0, bool), *(_detected(pair, shipped) for pair in seen)])
        if len(found) < FEWEST_ANOMALIES:
            return cls(shipped, shipped)
        share = round(float(found.mean()), 4)
        known = familiar is not None and share >= familiar
        return cls(shipped, shipped if known else min(LEAST, shipped), share)

    def reported(self, seen: InspectedPair) -> InspectedPair:
        """Return a pair with the detections that are reported, and the anomalies that none of them explains.

        Args:
            seen: The pair with all detections and all anomalies.
        """
        found = seen.detections
        kept = found.scores >= self.everywhere
        left = unexplained(seen.anomalies, found[kept])
        if self.at_anomalies < self.everywhere and len(found):
            scores = np.where(iou_matrix(left.boxes, found.boxes) >= SIMILAR, found.scores, 0)
            enough = scores.max(axis=1) >= self.at_anomalies
            kept[scores.argmax(axis=1)[enough]] = True  # the best one per anomaly
            left = unexplained(left[~enough], found[kept])
        return replace(seen, detections=found[kept], anomalies=left)


def _detected(seen: InspectedPair, threshold: float) -> npt.NDArray[np.bool_]:
    """Return at which anomalies of a pair there is a detection from a threshold on."""
    found = seen.detections[seen.detections.scores >= threshold]
    return np.asarray(near(seen.anomalies.boxes, found.boxes, SAME).any(axis=1))
