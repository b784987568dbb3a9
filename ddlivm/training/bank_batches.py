"""What phase 2 learns from: tiles, and encoder outputs of whole images that an earlier epoch has seen already."""

from collections.abc import Generator
from dataclasses import dataclass

import torch

from ddlivm.detector.heads import Truth
from ddlivm.training.batches import Batch, Batches, Numbered
from ddlivm.training.encoder_cache import EncoderCache, Outputs
from ddlivm.training.tiles import Place, TileSampler


@dataclass(frozen=True)
class Encoded:
    """Whole images that need no encoder any more.

    Attributes:
        outputs: of both encoders.
        truth: the images' boxes, taxonomy classes and outlines.
    """

    outputs: Outputs
    truth: Truth

    def to(self, device: torch.device) -> "Encoded":
        """Return the batch on a device."""
        return Encoded(self.outputs.to(device), self.truth.to(device))


class BankBatches:
    """An epoch's batches; those of images that the cache has room for share none with others.

    They do not whether it is read or not: that it is quicker must not change what is learnt.

    Args:
        batches: plans and cuts.
        cache: of encoder outputs, if there is to be one.
        reads: whether its outputs are read; if not, they are computed anew.
    """

    def __init__(self, batches: Batches, cache: EncoderCache | None, reads: bool) -> None:
        self.batches = batches
        self.cache = cache
        self.reads = reads

    def epoch(self, epoch: int, first: int = 0) -> Generator[tuple[float, Batch | Encoded], None, None]:
        """Yield an epoch's batches from one on, each with the share of the epoch that lies before it."""
        plan = self.batches.plan(epoch, self._held)
        for done in range(first, len(plan)):
            yield done / len(plan), self._batch(plan[done], epoch)

    def _batch(self, places: Numbered, epoch: int) -> Batch | Encoded:
        if self.cache is None or not self.reads or not self._held(places[0][1]):
            return self.batches.batch(places, epoch)
        images = [(place.pair, place.plain or 0) for _, place in places]
        truth = truth_of(self.batches.sampler, [pair for pair, _ in images])
        return Encoded(self.cache.read(images), truth).to(self.batches.device)

    def _held(self, place: Place) -> bool:
        return self.cache is not None and place.plain is not None and self.cache.holds(place.pair)


def truth_of(sampler: TileSampler, pairs: list[int]) -> Truth:
    """Return the labels of whole working images."""
    data = sampler.working_set
    return Truth(
        tuple(torch.from_numpy(data.boxes[pair]) for pair in pairs),
        tuple(torch.from_numpy(data.classes[pair]) for pair in pairs),
        tuple(data.outlines[pair] for pair in pairs),
        data.size,
    )
