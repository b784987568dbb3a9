"""The batches that adaptation learns from: pasted pictures of the flight, and the source tiles beside them."""

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from ddlivm.adaptation.backgrounds import Background
from ddlivm.adaptation.cutouts import Cutout
from ddlivm.adaptation.pastes import paste
from ddlivm.augmentation.sample import Sample
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import VISIBLE_RATIO, move
from ddlivm.detector.heads import Truth
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.parameters import Adaptation
from ddlivm.training.batches import Batch
from ddlivm.training.tiles import stack
from ddlivm.training.working_set import clip

GRID = 4
"""Working pixels that tiles are placed on, so that visible tiles begin at whole pixels too (7/4)."""


@dataclass(frozen=True)
class Views:
    """What is learnt from; a batch depends on the seed, the epoch and its index alone.

    Attributes:
        backgrounds: The flight's pictures.
        cutouts: What is pasted on them.
        tiles: The source plants' labelled tiles.
        settings: The section.
        steps: Batches in an epoch.
        device: Where the tensors go.
    """

    backgrounds: Sequence[Background]
    cutouts: Sequence[Cutout]
    tiles: SourceTiles
    settings: Adaptation
    steps: int
    device: torch.device

    def epoch(self, epoch: int, first: int) -> Generator[tuple[float, Batch], None, None]:
        """Yield an epoch's batches from the `first` on, each with the share of the epoch that lies before it."""
        for index in range(first, self.steps):
            rng = np.random.default_rng([self.settings.seed, epoch, index])
            share = self.settings.memory_share
            remembers = int((index + 1) * share) > int(index * share)
            draw = self._remembered if remembers else self._pasted
            yield index / self.steps, batch_of(draw(rng)).to(self.device)

    def _pasted(self, rng: np.random.Generator) -> list[Sample]:
        samples = []
        for _ in range(self.settings.batch_size):
            background = self.backgrounds[int(rng.integers(len(self.backgrounds)))]
            sample = paste(background, self.cutouts, self.settings.pastes, rng)
            samples.append(normalised(cut(sample, self.settings.tile_size, rng), background.span))
        return samples

    def _remembered(self, rng: np.random.Generator) -> list[Sample]:
        samples = []
        for _ in range(self.settings.batch_size):
            index = int(rng.integers(len(self.tiles)))
            samples.append(normalised(self.tiles.samples[index], self.tiles.spans[index]))
        return samples


def normalised(sample: Sample, span: float) -> Sample:
    """Return a sample with its infrared values, which count from the median, as the encoder takes them."""
    infrared = InfraredRange(0.0, span).normalise(sample.infrared)
    return Sample(infrared, sample.visible, sample.boxes, sample.classes, sample.outlines)


def cut(sample: Sample, size: tuple[int, int], rng: np.random.Generator) -> Sample:
    """Cut a tile of (width, height) at a random place; a smaller picture stays whole."""
    width, height = (min(side, limit) for side, limit in zip(size, sample.size, strict=True))
    x, y = (
        GRID * int(rng.integers((limit - side) // GRID + 1))
        for side, limit in zip((width, height), sample.size, strict=True)
    )
    left, top, right, bottom = (int(side * VISIBLE_RATIO) for side in (x, y, x + width, y + height))
    moved = (sample.boxes - np.array([x, y, x, y])).astype(np.float32)
    boxes, kept = clip(moved, (width, height))
    outlines = move(sample.outlines, (x, y), (1.0, 1.0))
    tile = Sample(
        sample.infrared[y : y + height, x : x + width],
        sample.visible[top:bottom, left:right],
        boxes,
        sample.classes,
        outlines,
    )
    return tile.keep(kept)


def batch_of(samples: list[Sample]) -> Batch:
    """Return samples of one size, normalised, as a batch."""
    infrared, visible = stack(samples)
    truth = Truth(
        tuple(torch.from_numpy(sample.boxes) for sample in samples),
        tuple(torch.from_numpy(sample.classes) for sample in samples),
        tuple(sample.outlines for sample in samples),
        samples[0].size,
    )
    return Batch(infrared_tensor(infrared), visible_tensor(visible), truth)
