"""The training images of background removal: both modalities of the source sites, with where their panels are."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import Pair, Site, read_panel_mask
from ddlivm.errors import InputError
from ddlivm.segmentation.images import Image, stretch

Pixels = npt.NDArray[np.uint8]
Mask = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Examples:
    """Images at the network's size, with their masks.

    Attributes:
        pixels: (m, h, w, 4) uint8: three channels of grey levels, and the share of each pixel that is panel, 255 for 1;
            may lie in a file.
        rows: (n,) int64, which of them the examples are.
        infrared: (n,) bool, the modality.
        groups: (n,) int64, numbers of what is drawn equally often: a site's images of one modality.
    """

    pixels: Pixels
    rows: npt.NDArray[np.int64]
    infrared: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.rows)

    def image(self, index: int) -> Mask:
        """Return an image, (h, w, 3) float32 in 0 to 255."""
        return self.pixels[self.rows[index], ..., :3].astype(np.float32)

    def mask(self, index: int) -> Mask:
        """Return where its panels are, (h, w) float32 in 0 to 1."""
        return self.pixels[self.rows[index], ..., 3].astype(np.float32) / np.float32(255)

    def select(self, chosen: npt.NDArray[np.int64]) -> Self:
        """Return those at (k,) indices; the pixels stay where they are."""
        return type(self)(self.pixels, self.rows[chosen], self.infrared[chosen], self.groups[chosen])


@dataclass(frozen=True)
class Source:
    """Where an example comes from.

    Attributes:
        pair: whose image it is.
        modality: `infrared` or `visible`.
        label: the panels' outlines in raw pixels, or the path of a mask.
        group: what is drawn equally often.
    """

    pair: Pair
    modality: str
    label: Sequence[npt.NDArray[np.float32]] | Path
    group: int

    def load(self, size: tuple[int, int]) -> Pixels:
        """Read it, (h, w, 4)."""
        infrared = self.modality == "infrared"
        image = self.pair.read_infrared().values if infrared else self.pair.read_visible()
        raw = (image.shape[1], image.shape[0])
        if isinstance(self.label, Path):
            return prepare(image, read_panel_mask(self.label, raw), size)
        return prepare(image, rasterise(self.label, raw, size), size)


def load_examples(sites: Iterable[Site], size: tuple[int, int], threads: int, store: Path | None = None) -> Examples:
    """Read every labelled image once, small.

    Args:
        sites: whose labels may be used.
        size: (width, height) of the network's input.
        threads: that decode.
        store: a file to keep the pixels in, so that memory holds only what is in use; by default they are in memory.

    Raises:
        InputError: no image has labelled panels.
    """
    sources = [source for number, site in enumerate(sites) for source in _sources(site, number)]
    if not sources:
        raise InputError(
            "no labelled panels: the source sites need `panels` or category `panel` in annotations.json, or masks in "
            "panels/<modality>/"
        )
    shape = (len(sources), size[1], size[0], 4)
    pixels: Pixels = (
        np.empty(shape, np.uint8) if store is None else np.lib.format.open_memmap(store, "w+", np.uint8, shape)
    )

    def fill(index: int) -> None:
        pixels[index] = sources[index].load(size)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(fill, range(len(sources))))
    infrared = np.array([source.modality == "infrared" for source in sources])
    return Examples(pixels, np.arange(len(sources)), infrared, np.array([source.group for source in sources]))


def _sources(site: Site, number: int) -> Iterable[Source]:
    for pair in site.pairs:
        labels: dict[str, Sequence[npt.NDArray[np.float32]] | Path] = {**site.labels[pair.name].panels}
        labels.update(site.panel_masks(pair.name))  # pixels say more than outlines
        for modality, label in sorted(labels.items()):
            yield Source(pair, modality, label, 2 * number + (modality == "infrared"))


def prepare(image: Image, mask: Mask, size: tuple[int, int]) -> Pixels:
    """Return an image and its mask, raw (H, W) or at `size` already, as (h, w, 4) uint8 at `size` (width, height)."""
    if mask.shape != (size[1], size[0]):
        mask = np.asarray(cv2.resize(mask, size, interpolation=cv2.INTER_AREA), np.float32)
    levels = np.dstack([stretch(image, size), mask * np.float32(255)])
    return np.asarray(np.round(levels), np.uint8)


def rasterise(outlines: Sequence[npt.NDArray[np.float32]], raw: tuple[int, int], size: tuple[int, int]) -> Mask:
    """Fill outlines in raw pixels into a mask of `size` (width, height): the share of each pixel that is inside."""
    over = 4  # subpixels a side
    canvas = np.zeros((size[1] * over, size[0] * over), np.uint8)
    factors = np.array([size[0] * over / raw[0], size[1] * over / raw[1]])
    # OpenCV fills up to and including the outline, whose coordinates are pixel centres.
    polygons = [np.round(outline * factors - 0.5).astype(np.int32) for outline in outlines]
    if polygons:
        cv2.fillPoly(canvas, polygons, 255)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
