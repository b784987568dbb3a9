"""What an inspection found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal, Self

from ddlivm.adaptation.record import AdaptationRecord
from ddlivm.data import Detections, Pair, PairAlignment
from ddlivm.inspection.folder import Rejected
from ddlivm.inspection.place import Place
from ddlivm.parameters import Thermography
from ddlivm.selection.choice import Candidate
from ddlivm.thermography import Anomalies

if TYPE_CHECKING:
    from ddlivm.inspection.thresholds import Thresholds

How = Literal["default", "selected", "named", "adapted"]


@dataclass(frozen=True)
class HeadChoice:
    """The head that detected.

    Attributes:
        head: its name.
        how: the model's default, selected on these pairs, named by the user, or adapted to these pairs.
        candidates: every head and how it held, where it was selected.
        notes: what a reader of the choice must know.
    """

    head: str
    how: How
    candidates: tuple[Candidate, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def transductive(self) -> bool:
        """Whether the pairs that were inspected took part in the choice."""
        return self.how in ("selected", "adapted")


@dataclass(frozen=True)
class InspectedPair:
    """One pair.

    Attributes:
        pair: its files.
        size: (width, height) of the raw infrared image.
        common: xyxy raw infrared pixels that both cameras show; nothing outside was looked at.
        alignment: where the infrared image lies in the visible one.
        detections: in raw infrared pixels, best first.
        anomalies: Hot regions of panels that no detection explains, strongest first.
        panel_share: Share of the infrared image where panels were found, on which anomalies were looked for, 0 to 1.
        place: where it was taken; None where the files do not say.
        off_panels: how many detections were left out as they lie beside the panels.
    """

    pair: Pair
    size: tuple[int, int]
    common: tuple[float, float, float, float]
    alignment: PairAlignment
    detections: Detections
    anomalies: Anomalies
    panel_share: float
    place: Place | None
    off_panels: int = 0

    @property
    def findings(self) -> int:
        """How many detections and unexplained anomalies there are."""
        return len(self.detections) + len(self.anomalies)

    @property
    def common_share(self) -> float:
        """Share of the infrared image that the visible camera shows too, 0 to 1."""
        x0, y0, x1, y1 = self.common
        return (x1 - x0) * (y1 - y0) / (self.size[0] * self.size[1])


@dataclass(frozen=True)
class Inspection:
    """One plant.

    Attributes:
        pairs: what was inspected, by name.
        rejected: what was not, and why.
        alignment: the plant's consensus.
        choice: the head.
        thresholds: The scores from which on detections are reported.
        thermography: When a hot region counted as an anomaly.
        adaptation: What adapting the model to these pairs cost and changed; None where it was not asked for.
    """

    pairs: tuple[InspectedPair, ...]
    rejected: tuple[Rejected, ...]
    alignment: PairAlignment
    choice: HeadChoice
    thresholds: "Thresholds"
    thermography: Thermography
    adaptation: AdaptationRecord | None = None

    @property
    def unsure(self) -> int:
        """On how many pairs the aligner was not sure that it is right."""
        return sum("low_confidence" in entry.alignment.flags for entry in self.pairs)

    def with_rejected(self, more: Sequence[Rejected]) -> Self:
        """Return this inspection with what was left out before it began."""
        return replace(self, rejected=(*more, *self.rejected))
