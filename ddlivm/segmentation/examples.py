"""The training images of background removal: both modalities of the source sites, with their panel outlines."""

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import Pair, Site
from ddlivm.errors import InputError
from ddlivm.segmentation.images import network_input


@dataclass(frozen=True)
class Example:
    """One image at the network's size.

    Attributes:
        image: (h, w, 3) float32, standardised.
        mask: (h, w) float32, the share of each pixel that is panel.
        infrared: its modality.
    """

    image: npt.NDArray[np.float32]
    mask: npt.NDArray[np.float32]
    infrared: bool


def load_examples(sites: Iterable[Site], size: tuple[int, int], threads: int) -> list[Example]:
    """Read every labelled image once, small.

    Args:
        sites: whose labels may be used.
        size: (width, height) of the network's input.
        threads: that decode.

    Raises:
        InputError: no image has panel outlines.
    """
    jobs = [
        (pair, modality, outlines)
        for site in sites
        for pair in site.pairs
        for modality, outlines in sorted(site.labels[pair.name].panels.items())
    ]
    if not jobs:
        raise InputError("no panel outlines: the source sites' annotations.json need `panels` to learn from")
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda job: _load(job[0], job[1], job[2], size), jobs))


def _load(pair: Pair, modality: str, outlines: Sequence[npt.NDArray[np.float32]], size: tuple[int, int]) -> Example:
    infrared = modality == "infrared"
    image = pair.read_infrared().values if infrared else pair.read_visible()
    mask = rasterise(outlines, (image.shape[1], image.shape[0]), size)
    return Example(np.ascontiguousarray(network_input(image, size).transpose(1, 2, 0)), mask, infrared)


def rasterise(
    outlines: Sequence[npt.NDArray[np.float32]], raw: tuple[int, int], size: tuple[int, int]
) -> npt.NDArray[np.float32]:
    """Fill outlines in raw pixels into a mask of `size` (width, height): the share of each pixel that is inside."""
    over = 4  # subpixels a side
    canvas = np.zeros((size[1] * over, size[0] * over), np.uint8)
    factors = np.array([size[0] * over / raw[0], size[1] * over / raw[1]])
    # OpenCV fills up to and including the outline, whose coordinates are pixel centres.
    polygons = [np.round(outline * factors - 0.5).astype(np.int32) for outline in outlines]
    if polygons:
        cv2.fillPoly(canvas, polygons, 255)
    return np.asarray(cv2.resize(canvas, size, interpolation=cv2.INTER_AREA), np.float32) / np.float32(255)
