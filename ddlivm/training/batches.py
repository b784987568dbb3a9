"""Tiles as batches of tensors."""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from lightning.fabric import Fabric
from torch import Tensor

from ddlivm.detector.heads import Truth
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.parameters.dtft_training import Training
from ddlivm.training import working_set
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

    def to(self, device: torch.device) -> "Batch":
        """Return the batch on a device; copies to a GPU go on while the processor does."""
        if device.type == "cpu":
            return self
        infrared, visible = (
            image.pin_memory().to(device, non_blocking=True) for image in (self.infrared, self.visible)
        )
        return Batch(infrared, visible, self.truth.to(device))


@dataclass(frozen=True)
class Share:
    """Which tiles of a batch are a process's own: every `processes`-th from its `rank` on."""

    rank: int = 0
    processes: int = 1


WHOLE = Share()
Numbered = list[tuple[int, Place]]
"""Places with their index in the epoch."""

PROCESSOR = torch.device("cpu")


class Batches:
    """An epoch's batches, in process: two cores have none to spare for workers.

    Args:
        sampler: draws the tiles.
        size: tiles in a process's batch; of whole images a batch has so many fewer that its area stays.
        share: of each batch, which all processes plan alike.
        device: where the tensors go.
    """

    def __init__(self, sampler: TileSampler, size: int, share: Share = WHOLE, device: torch.device = PROCESSOR) -> None:
        self.sampler = sampler
        self.size = size
        self.share = share
        self.device = device

    def plan(self, epoch: int, apart: Callable[[Place], bool] = lambda place: False) -> list[Numbered]:
        """Return an epoch's batches, each of tiles or of whole images.

        Only this process's places are in it. Several processes have equally many of each batch: what is left over is
        left out, and so is a batch too small to be shared.

        Args:
            epoch: which.
            apart: says which places share no batch with others.
        """
        base = self.sampler.tiles.size
        processes = self.share.processes
        waiting: dict[tuple[tuple[int, int], bool], Numbered] = {}
        batches = []
        for index, place in enumerate(self.sampler.epoch(epoch)):
            kind = place.size, apart(place)
            row = waiting.setdefault(kind, [])
            row.append((index, place))
            own = max(1, self.size * base[0] * base[1] // (place.size[0] * place.size[1]))
            if len(row) == own * processes:
                batches.append(waiting.pop(kind))
        shared = (row[: len(row) // processes * processes] for row in [*batches, *waiting.values()])
        return [row[self.share.rank :: processes] for row in shared if row]

    def epoch(self, epoch: int, first: int = 0) -> Generator[tuple[float, Batch], None, None]:
        """Yield an epoch's batches from one on, each with the share of the epoch that lies before it."""
        plan = self.plan(epoch)
        for done in range(first, len(plan)):
            yield done / len(plan), self.batch(plan[done], epoch)

    def whole(self, count: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield at most `count` whole images, infrared and visible, one after the other, evenly out of all pairs."""
        pairs = len(self.sampler.working_set)
        count = min(count, pairs)
        for pair in (index * pairs // count for index in range(count)):
            sample = self.sampler.whole(pair, 0)
            yield infrared_tensor(sample.infrared[None]), visible_tensor(sample.visible[None])

    def batch(self, places: Numbered, epoch: int) -> Batch:
        """Cut and change the tiles of one batch."""
        samples = [self.sampler.tile(place, epoch, index) for index, place in places]
        infrared, visible = stack(samples)
        truth = Truth(
            tuple(torch.from_numpy(sample.boxes) for sample in samples),
            tuple(torch.from_numpy(sample.classes) for sample in samples),
            tuple(sample.outlines for sample in samples),
            samples[0].size,
        )
        return Batch(infrared_tensor(infrared), visible_tensor(visible), truth).to(self.device)


def batches_of(images: Path, parameters: Training, fabric: Fabric) -> Batches:
    """Return a process's batches of a stage's images.

    Args:
        images: the folder that `working_set.build` completed.
        parameters: the stage's section.
        fabric: where training runs.
    """
    sampler = TileSampler(working_set.load(images), parameters.tiles, parameters.augmentation, parameters.seed)
    share = Share(fabric.global_rank, fabric.world_size)
    return Batches(sampler, parameters.batch_size, share, fabric.device)
