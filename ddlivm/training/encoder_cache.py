"""What frozen encoders say of images that are shown as they are, again in every epoch: kept on disk, or not (3.3)."""

import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ddlivm.detector.encoders import Pyramid
from ddlivm.training.image_file import ImageFile
from ddlivm.training.pyramid_file import PyramidFile, record_bytes

PROGRESS_SECONDS = 10.0
"""Time between two progress lines, and between two times of making sure that the disk has what was written."""

Encode = Callable[[int], tuple[Pyramid, Pyramid]]
"""From a pair to the infrared pyramids of all its variants and the visible one of the pair alone."""


@dataclass(frozen=True)
class Outputs:
    """A batch of encoder outputs.

    Attributes:
        infrared: (B, C, h, w) bfloat16 a level.
        visible: the same of the visible stream.
    """

    infrared: Pyramid
    visible: Pyramid


class EncoderCache:
    """Encoder outputs of the first pairs, as many as fit.

    An infrared image has variants, as taken and with diffused hotspots; the visible one is the same for all of them.

    Args:
        folder: scratch, made when missing.
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
        self.first, self.pairs = _fitting(variants, *(record_bytes(each, size) for each in channels), most_bytes)
        folder.mkdir(parents=True, exist_ok=True)
        self.written = ImageFile.opened(folder / "written.npy", np.uint8, (max(self.pairs, 1),))
        self.infrared = PyramidFile(folder / "infrared.npy", max(self.first[-1], 1), channels[0], size)
        self.visible = PyramidFile(folder / "visible.npy", max(self.pairs, 1), channels[1], size)

    def holds(self, pair: int) -> bool:
        """Whether a pair's outputs are kept."""
        return pair < self.pairs

    def read(self, images: Sequence[tuple[int, int]]) -> Outputs:
        """Read the outputs of (pair, variant) images that are held."""
        infrared = self.infrared.read([self.first[pair] + variant for pair, variant in images])
        return Outputs(infrared, self.visible.read([pair for pair, _ in images]))

    def write(self, pair: int, infrared: Pyramid, visible: Pyramid) -> None:
        """Write a pair: one infrared pyramid a variant, and one visible pyramid."""
        self.infrared.write(range(self.first[pair], self.first[pair + 1]), infrared)
        self.visible.write([pair], visible)

    def settle(self) -> None:
        """Wait until the disk has what was written, and let the system's memory forget it."""
        self.infrared.settle()
        self.visible.settle()

    def fill(self, encode: Encode, name: str, share: slice = slice(None)) -> None:
        """Write every pair that an earlier run has not written.

        Args:
            encode: computes a pair's outputs.
            name: for progress lines.
            share: which of the held pairs, where several processes fill side by side.
        """
        waiting: list[int] = []
        missing = [pair for pair in range(self.pairs)[share] if not self.written[pair]]
        started = shown = time.monotonic()
        for index, pair in enumerate(missing):
            self.write(pair, *encode(pair))
            waiting.append(pair)
            now = time.monotonic()
            if now - shown >= PROGRESS_SECONDS:
                shown = now
                waiting = self._confirm(waiting)
                left = (now - started) / (index + 1) * (len(missing) - index - 1)
                line = f"{name}: encoder outputs of {index + 1}/{len(missing)} pairs written, {left:.0f} s left"
                print(line, file=sys.stderr, flush=True)
        self._confirm(waiting)

    def _confirm(self, pairs: list[int]) -> list[int]:
        """Mark pairs as written once the disk has them; nothing waits afterwards."""
        self.settle()
        for pair in pairs:
            self.written[pair] = 1
        return []


@dataclass(frozen=True)
class Trial:
    """Seconds for a pair as it was taken.

    Attributes:
        reading: its outputs from the disk.
        computing: them anew.
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
        cache: gets those pairs.
        encode: computes a pair's outputs for the cache.
        compute: what a training step would do instead of reading these pairs, as they were taken.
        batch: how many.
    """
    pairs = range(min(batch, cache.pairs))
    for pair in pairs:
        cache.write(pair, *encode(pair))
    cache.settle()
    compute(pairs)  # warms up
    read = _seconds(lambda: cache.read([(pair, 0) for pair in pairs]))
    return Trial(read / len(pairs), _seconds(lambda: compute(pairs)) / len(pairs))


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _fitting(
    variants: Sequence[int], infrared_bytes: int, visible_bytes: int, most_bytes: float
) -> tuple[list[int], int]:
    """Return where each held pair's infrared records begin, with the end of the last, and how many pairs are held."""
    first, used = [0], 0
    for count in variants:
        used += count * infrared_bytes + visible_bytes
        if used > most_bytes:
            break
        first.append(first[-1] + count)
    return first, len(first) - 1
