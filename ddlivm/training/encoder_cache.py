"""What frozen encoders say of images that are shown as they are, again in every epoch: kept on disk (3.3)."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from ddlivm.detector.encoders import Pyramid
from ddlivm.errors import InputError
from ddlivm.progress import SECONDS
from ddlivm.training.image_file import ImageFile
from ddlivm.training.pyramid_file import PyramidFile, record_bytes

Encode = Callable[[int], "Outputs"]
"""From a pair to the infrared outputs of all its variants and the visible ones of the pair alone."""


@dataclass(frozen=True)
class Outputs:
    """A batch of encoder outputs.

    Attributes:
        infrared: (B, C, h, w) a level.
        visible: the same of the visible stream.
    """

    infrared: Pyramid
    visible: Pyramid

    def to(self, device: torch.device) -> "Outputs":
        """Return the outputs on a device; copies to a GPU go on while the processor does."""
        if device.type == "cpu":
            return self
        infrared, visible = (
            tuple(level.pin_memory().to(device, non_blocking=True) for level in pyramid)
            for pyramid in (self.infrared, self.visible)
        )
        return Outputs(infrared, visible)


class EncoderCache:
    """Encoder outputs of the first pairs, as many as fit, in bfloat16.

    An infrared image has variants, as taken and with diffused hotspots; the visible one is the same for all of them.

    Args:
        folder: scratch; files come into being when they are needed.
        variants: of each pair, 1 or more.
        channels: of the infrared and the visible encoder's levels.
        size: (width, height) of the working infrared image, pixels.
        most_bytes: on disk.
    """

    def __init__(
        self,
        folder: Path,
        variants: Sequence[int],
        channels: tuple[Sequence[int], Sequence[int]],
        size: tuple[int, int],
        most_bytes: float,
    ) -> None:
        self.folder = folder
        self.channels = channels
        self.size = size
        self.pair_bytes = [record_bytes(each, size) for each in channels]
        self.first = _fitting(variants, self.pair_bytes[0], self.pair_bytes[1], most_bytes)

    @property
    def pairs(self) -> int:
        """How many pairs are held."""
        return len(self.first) - 1

    @property
    def bytes(self) -> int:
        """What they take on disk."""
        return self.first[-1] * self.pair_bytes[0] + self.pairs * self.pair_bytes[1]

    def holds(self, pair: int) -> bool:
        """Whether there is room for a pair's outputs."""
        return pair < self.pairs

    @cached_property
    def infrared(self) -> PyramidFile:
        """A record a variant, pair by pair."""
        return PyramidFile(self.folder / "infrared.npy", self.first[-1], self.channels[0], self.size)

    @cached_property
    def visible(self) -> PyramidFile:
        """A record a pair."""
        return PyramidFile(self.folder / "visible.npy", self.pairs, self.channels[1], self.size)

    @cached_property
    def written(self) -> ImageFile:
        """Which pairs the disk has for certain, 0 or 1 each."""
        return ImageFile.opened(self.folder / "written.npy", np.uint8, (self.pairs,))

    def open(self) -> None:
        """Take the room on the disk, before several processes use the files.

        Raises:
            InputError: there is not so much.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        try:
            _ = self.infrared, self.visible, self.written
        except OSError as error:
            raise InputError(
                f"{self.folder}: has no room for {self.bytes / 1e9:.1f} GB of encoder outputs ({error.strerror});"
                " free some or lower head_checkpointing.cache_gigabytes"
            ) from error

    def remove(self) -> None:
        """Give the room on the disk back."""
        for name in ("infrared", "visible", "written"):
            self.__dict__.pop(name, None)
            (self.folder / f"{name}.npy").unlink(missing_ok=True)

    def read(self, images: Sequence[tuple[int, int]]) -> Outputs:
        """Read the outputs of (pair, variant) images that are held."""
        infrared = self.infrared.read([self.first[pair] + variant for pair, variant in images])
        return Outputs(infrared, self.visible.read([pair for pair, _ in images]))

    def write(self, pair: int, outputs: Outputs) -> None:
        """Write a pair: one infrared pyramid a variant, and one visible pyramid."""
        self.infrared.write(range(self.first[pair], self.first[pair + 1]), outputs.infrared)
        self.visible.write([pair], outputs.visible)

    def settle(self) -> None:
        """Wait until the disk has what was written, and let the system's memory forget it."""
        self.infrared.settle()
        self.visible.settle()

    def fill(self, encode: Encode, say: Callable[[str], None], share: slice = slice(None)) -> None:
        """Write every pair that an earlier run has not written.

        Args:
            encode: computes a pair's outputs.
            say: takes a line about progress now and then.
            share: which of the held pairs, where several processes fill side by side.
        """
        missing = [pair for pair in range(self.pairs)[share] if not self.written[pair]]
        waiting: list[int] = []
        started = shown = time.monotonic()
        for count, pair in enumerate(missing, 1):
            self.write(pair, encode(pair))
            waiting.append(pair)
            now = time.monotonic()
            if now - shown >= SECONDS or count == len(missing):
                shown = now
                self.settle()
                for each in waiting:
                    self.written[each] = 1
                waiting = []
                left = (now - started) / count * (len(missing) - count)
                say(f"encoder outputs of {count}/{len(missing)} pairs written, {left:.0f} s left")


@dataclass(frozen=True)
class Trial:
    """Seconds for a pair as it was taken.

    Attributes:
        reading: its outputs from the disk.
        computing: them anew, from its working images.
    """

    reading: float
    computing: float

    @property
    def pays(self) -> bool:
        """Whether reading is the quicker way."""
        return self.reading < self.computing


def trial(cache: EncoderCache, encode: Encode, compute: Callable[[Sequence[int]], object], batch: int) -> Trial:
    """Time both ways on a batch of the first pairs; what is read comes from the disk, not from the system's memory.

    Args:
        cache: gets those pairs; it holds one at least.
        encode: computes a pair's outputs for the cache.
        compute: what a training step would do instead of reading these pairs, as they were taken.
        batch: how many.
    """
    pairs = range(min(batch, cache.pairs))
    for pair in pairs:
        cache.write(pair, encode(pair))
    cache.settle()
    compute(pairs)  # warms up
    read = _seconds(lambda: cache.read([(pair, 0) for pair in pairs]))
    return Trial(read / len(pairs), _seconds(lambda: compute(pairs)) / len(pairs))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _fitting(variants: Sequence[int], infrared_bytes: int, visible_bytes: int, most_bytes: float) -> list[int]:
    """Return where the infrared records of each pair that fits begin, and where the last one's end."""
    first, used = [0], 0
    for count in variants:
        used += count * infrared_bytes + visible_bytes
        if used > most_bytes:
            break
        first.append(first[-1] + count)
    return first
