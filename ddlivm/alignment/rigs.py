"""The rigs of a flight: pairs whose own transforms agree, and the evidence of a few of them."""

from dataclasses import astuple, dataclass, field

import numpy as np

from ddlivm.alignment.evidence import PairEvidence
from ddlivm.alignment.match import Estimate, corner_distance, in_raw_pixels
from ddlivm.data.transforms import Transform
from ddlivm.parameters.alignment import Alignment

APART = 20.0
"""Sure transforms that put a corner so many raw infrared pixels apart, of a 640-pixel-wide image, are of two rigs."""

KNOWN = 3
"""A rig of so many sure pairs is known: two may be wrong alike."""

REMEMBERED = 31
"""A rig is known by the median of so many of its latest transforms."""


@dataclass
class Rig:
    """Pairs that share a transform.

    Attributes:
        sizes: the infrared and the visible (width, height).
        latest: the pairs' own estimates, the last of them.
        evidence: of a few pairs, spread over the flight.
        count: pairs that are surely of this rig.
        stride: evidence is taken of every so many pairs, doubled whenever there is too much.
    """

    sizes: tuple[tuple[int, int], tuple[int, int]]
    latest: list[Estimate] = field(default_factory=list)
    evidence: list[PairEvidence] = field(default_factory=list)
    count: int = 0
    stride: int = 1

    @property
    def transform(self) -> Transform:
        """The median of the latest transforms."""
        return Transform(*map(float, np.median([astuple(each.transform) for each in self.latest], axis=0)))

    def is_known(self, minimum_confidence: float) -> bool:
        """Return whether enough pairs are sure of it."""
        return sum(each.confidence >= minimum_confidence for each in self.latest) >= KNOWN

    def holds(self, pair: PairEvidence, transform: Transform) -> bool:
        """Return whether a sure transform is this rig's."""
        apart = in_raw_pixels(APART, self.sizes[0])
        return self.sizes == pair.sizes and corner_distance(self.transform, transform, self.sizes[0]) < apart

    def add(self, pair: PairEvidence, own: Estimate, most: int) -> None:
        """Count a pair in, and keep its evidence if it is its turn."""
        self.latest = [*self.latest[1 - REMEMBERED :], own]
        if self.count % self.stride == 0:
            if len(self.evidence) == most:
                self.evidence, self.stride = self.evidence[::2], 2 * self.stride
            if self.count % self.stride == 0:
                self.evidence.append(pair)
        self.count += 1


class Rigs:
    """The rigs that were met so far, and the doubtful pairs' evidence in case that no pair is sure."""

    def __init__(self, parameters: Alignment) -> None:
        """Begin a flight."""
        self.parameters = parameters
        self.found: list[Rig] = []
        self.latest: Rig | None = None
        self.doubtful: dict[tuple[tuple[int, int], tuple[int, int]], Rig] = {}

    def add(self, pair: PairEvidence, own: Estimate) -> None:
        """Count a pair that shows panels to the rig that its own estimate belongs to, or to a new one."""
        most = self.parameters.evidence_pairs
        if own.confidence < self.parameters.minimum_confidence:
            self.doubtful.setdefault(pair.sizes, Rig(pair.sizes)).add(pair, own, most)
            return
        rig = next((rig for rig in self.found if rig.holds(pair, own.transform)), None)
        if rig is None:
            rig = Rig(pair.sizes)
            self.found.append(rig)
        rig.add(pair, own, most)
        self.latest = rig

    def likely(self, pair: PairEvidence) -> Transform | None:
        """Return the transform of the rig that the last sure pair was of, once it is known and if the sizes are its."""
        rig = self.latest
        known = rig is not None and rig.sizes == pair.sizes and rig.is_known(self.parameters.minimum_confidence)
        return rig.transform if rig and known else None

    def settled(self) -> list[Rig]:
        """Return the rigs, most pairs first.

        A rig of fewer than `KNOWN` pairs, when another has more, is a pair's mistake. Where no pair is sure, those of
        one size are believed to share a rig.
        """
        most = max((rig.count for rig in self.found), default=0)
        real = [rig for rig in self.found if rig.count >= min(most, KNOWN)]
        return sorted(real or self.doubtful.values(), key=lambda rig: -rig.count)
