"""Tiles as batches of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ddlivm.detector.heads import Truth
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.training.tiles import Place, TileSampler, stack


@dataclass(frozen=True)
class Batch:
    """Tiles of one step.

    Attributes:
        infrared: (B, 1, h, w) normalised.
        visible: (B, 3, 7h/4, 7w/4) normalised, of the same ground.
        truth: the tiles' boxes, taxonomy classes and outlines.
    """

    infrared: Tensor
    visible: Tensor
    truth: Truth


class Batches:
    """An epoch's batches, in process: two cores have none to spare for workers.

    Args:
        sampler: draws the tiles.
        size: smallest tiles in a batch; of larger ones a batch has so many fewer that its area stays.
    """

    def __init__(self, sampler: TileSampler, size: int) -> None:
        self.sampler = sampler
        self.size = size

    def plan(self, epoch: int) -> list[list[tuple[int, Place]]]:
        """Return an epoch's batches as places with their index in the epoch, each batch of one tile size."""
        base = self.sampler.tiles.sizes[0]
        waiting: dict[tuple[int, int], list[tuple[int, Place]]] = {}
        batches = []
        for index, place in enumerate(self.sampler.epoch(epoch)):
            row = waiting.setdefault(place.size, [])
            row.append((index, place))
            if len(row) == max(1, self.size * base[0] * base[1] // (place.size[0] * place.size[1])):
                batches.append(waiting.pop(place.size))
        return batches + list(waiting.values())

    def epoch(self, epoch: int) -> Iterator[tuple[float, Batch]]:
        """Yield an epoch's batches, each with the share of the epoch that lies before it."""
        plan = self.plan(epoch)
        for done, places in enumerate(plan):
            samples = [self.sampler.tile(place, epoch, index) for index, place in places]
            infrared, visible = stack(samples)
            truth = Truth(
                tuple(torch.from_numpy(sample.boxes) for sample in samples),
                tuple(torch.from_numpy(sample.classes) for sample in samples),
                tuple(sample.outlines for sample in samples),
                samples[0].size,
            )
            yield done / len(plan), Batch(infrared_tensor(infrared), visible_tensor(visible), truth)
