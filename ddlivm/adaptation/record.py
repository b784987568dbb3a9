"""What an adaptation cost and what it changed; needs no torch."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Worth:
    """How good reported detections are on pictures whose defects are known.

    Attributes:
        accuracy: Share of the reported detections that are right, place and type; 0 where nothing is reported.
        recall40: Share of the defects that they find at an IoU of 0.4 or more; 0 where there are none.
    """

    accuracy: float
    recall40: float

    def measure(self, beta: float) -> float:
        """Return the F measure in which recall counts `beta` times as much as accuracy."""
        weighted = beta**2 * self.accuracy + self.recall40
        return (1 + beta**2) * self.accuracy * self.recall40 / weighted if weighted else 0.0


@dataclass(frozen=True)
class Change:
    """What a model was worth before and after.

    Attributes:
        before: The shipped head.
        after: The adapted head.
    """

    before: Worth
    after: Worth


@dataclass(frozen=True)
class AdaptationRecord:
    """One adaptation.

    Attributes:
        kept: Whether the adapted head is used; otherwise the shipped one stands.
        familiar: Whether nothing was tuned, as the shipped head finds what thermography reports on the flight.
        agreement: The shipped head judged by what thermography reports on the flight's own pictures, by place alone.
        adapted_from: The shipped head.
        minutes: The time that was allowed.
        seconds: The time that it took, evaluation included.
        steps: How many updates were made.
        pairs: How many pictures of the flight were learnt from.
        set_aside: How many were not, so that the scores are calibrated on them; 0 where there were too few, so that
            the calibration has seen its pictures, though not what is pasted on them.
        anomalies: How many anomalies that thermography reports were learnt from.
        seed: Of all draws.
        losses: The mean loss over the first and the last tenth of the steps; None without any.
        flight: What the head is worth on the pictures that were set aside, with defects pasted on them.
        sources: What it is worth on the source plants' tiles. Both are at the threshold that is best there.
        threshold: The calibrated score from which on the adapted head reports.
        false_alarms: Detections per picture at this threshold where thermography reports nothing; None where nothing
            was tuned.
    """

    kept: bool
    familiar: bool
    agreement: Worth
    adapted_from: str
    minutes: float
    seconds: float
    steps: int
    pairs: int
    set_aside: int
    anomalies: int
    seed: int
    losses: tuple[float, float] | None
    flight: Change
    sources: Change
    threshold: float
    false_alarms: float | None

    def content(self) -> dict[str, Any]:
        """Return the record for JSON; it says that the flight itself was learnt from."""
        return asdict(self) | {"transductive": True}
