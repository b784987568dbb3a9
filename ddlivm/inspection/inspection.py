"""What an inspection found."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self

from ddlivm.data import Detections, Pair, PairAlignment
from ddlivm.inspection.folder import Rejected
from ddlivm.inspection.place import Place
from ddlivm.selection.choice import Candidate

How = Literal["default", "selected", "named"]


@dataclass(frozen=True)
class HeadChoice:
    """The head that detected.

    Attributes:
        head: its name.
        how: the model's default, selected on these pairs, or named by the user.
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
        return self.how == "selected"


@dataclass(frozen=True)
class InspectedPair:
    """One pair.

    Attributes:
        pair: its files.
        size: (width, height) of the raw infrared image.
        common: xyxy raw infrared pixels that both cameras show; nothing outside was looked at.
        alignment: where the infrared image lies in the visible one.
        detections: in raw infrared pixels, best first.
        place: where it was taken; None where the files do not say.
        off_panels: how many detections were left out as they lie beside the panels.
    """

    pair: Pair
    size: tuple[int, int]
    common: tuple[float, float, float, float]
    alignment: PairAlignment
    detections: Detections
    place: Place | None
    off_panels: int = 0


@dataclass(frozen=True)
class Inspection:
    """One plant.

    Attributes:
        pairs: what was inspected, by name.
        rejected: what was not, and why.
        alignment: the plant's consensus.
        choice: the head.
        score_threshold: detections below it are left out.
    """

    pairs: tuple[InspectedPair, ...]
    rejected: tuple[Rejected, ...]
    alignment: PairAlignment
    choice: HeadChoice
    score_threshold: float

    @property
    def unsure(self) -> int:
        """On how many pairs the aligner was not sure that it is right."""
        return sum("low_confidence" in entry.alignment.flags for entry in self.pairs)

    def with_rejected(self, more: Sequence[Rejected]) -> Self:
        """Return this inspection with what was left out before it began."""
        return replace(self, rejected=(*more, *self.rejected))
