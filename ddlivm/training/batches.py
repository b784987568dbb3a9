"""Tiles as batches of tensors."""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from ddlivm.detector.heads import Truth
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.training.tiles import TileSampler, stack


@dataclass(frozen=True)
class Batch:
    """Tiles of one step.

    Attributes:
        infrared: (B, 1, h, w) normalised.
        visible: (B, 3, 7h/4, 7w/4) normalised, of the same ground.
        truth: the tiles' boxes and taxonomy classes.
    """

    infrared: Tensor
    visible: Tensor
    truth: Truth


class Batches:
    """An epoch's batches, in process: two cores have none to spare for workers.

    Args:
        sampler: draws the tiles.
        size: tiles in a batch; an epoch's last tiles that do not fill one are left out.
    """

    def __init__(self, sampler: TileSampler, size: int) -> None:
        self.sampler = sampler
        self.size = min(size, len(sampler))

    def __len__(self) -> int:
        return len(self.sampler) // self.size

    def epoch(self, epoch: int) -> Iterator[Batch]:
        """Yield an epoch's batches."""
        places = self.sampler.epoch(epoch)
        for start in range(0, len(self) * self.size, self.size):
            samples = [
                self.sampler.tile(place, epoch, start + offset)
                for offset, place in enumerate(places[start : start + self.size])
            ]
            infrared, visible = stack(samples)
            truth = Truth(
                tuple(torch.from_numpy(sample.boxes) for sample in samples),
                tuple(torch.from_numpy(sample.classes) for sample in samples),
                self.sampler.tiles.size,
            )
            yield Batch(infrared_tensor(infrared), visible_tensor(visible), truth)
