"""A hotspot through the iterations of Eq. 3 (Figure 9), read from the files that the augmentation stage documents."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import DataSet, Site
from ddlivm.errors import InputError
from ddlivm.evaluation.figures import Picture
from ddlivm.evaluation.pictures import Image, beside, paint, write_jpeg
from ddlivm.files import read_json

TILE = 200
MARGIN = 10
SITES = 2


@dataclass(frozen=True)
class Diffusion:
    """One hotspot's diffusion.

    Attributes:
        pair: the pair's name.
        box: (x0, y0, x1, y1) raw infrared pixels.
        diffusivity: σ of Eq. 3.
        changes: (iterations, y1 - y0, x1 - x0) float32, what each iteration adds to the image.
    """

    pair: str
    box: tuple[int, int, int, int]
    diffusivity: float
    changes: npt.NDArray[np.float32]


def write_series_pictures(
    dataset: DataSet, series: Sequence[Path], sources: Sequence[str], out: Path
) -> tuple[Picture, ...]:
    """Write one hotspot's diffusion of each of the first source sites that have one.

    Args:
        dataset: the data that the series were made from.
        series: the sites' augmentation folders.
        sources: the sites that the fold learns from.
        out: the folder to write to.

    Raises:
        InputError: a folder is no augmentation output.
    """
    pictures = []
    for folder in sorted(series, key=lambda path: path.name):
        name = str(read_json(folder / "series.json").get("site"))
        diffusion = strongest(folder) if name in sources else None
        if diffusion is None:
            continue
        site = dataset.site(name)
        file = f"augmentation_{name}.jpg"
        write_jpeg(out / file, _strip(site, diffusion))
        caption = f"{site.name}, pair {diffusion.pair}: as recorded, then iterations 1 to {len(diffusion.changes)}"
        pictures.append(Picture("augmentation", file, f"{caption} at diffusivity σ = {diffusion.diffusivity:.2f}"))
        if len(pictures) == SITES:
            break
    return tuple(pictures)


def strongest(folder: Path) -> Diffusion | None:
    """Return the patch of a single hotspot that the last iteration changes most; None where there is none.

    Raises:
        InputError: the folder is no augmentation output.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "series.json"
    content = read_json(path)
    try:
        flat = load_file(folder / "series.safetensors")["changes"]
        best: Diffusion | None = None
        for row in content["patches"]:
            if len(row["annotations"]) != 1:
                continue
            x0, y0, x1, y1 = (int(value) for value in row["box"])
            shape = (int(content["iterations"]), y1 - y0, x1 - x0)
            changes = flat[row["start"] : row["start"] + math.prod(shape)].reshape(shape) * np.float32(content["step"])
            if best is None or np.abs(changes[-1]).max() > np.abs(best.changes[-1]).max():
                best = Diffusion(str(row["pair"]), (x0, y0, x1, y1), float(row["diffusivity"]), changes)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not the augmentation stage's output ({error!r}); run it again") from error
    return best


def _strip(site: Site, diffusion: Diffusion) -> Image:
    """Draw the surroundings of the hotspot as recorded and after each iteration, all in one scale of colours."""
    pair = next(pair for pair in site.pairs if pair.name == diffusion.pair)
    values = pair.read_infrared().values
    x0, y0, x1, y1 = diffusion.box
    steps = [values]
    for change in diffusion.changes:
        heated = values.copy()
        heated[y0:y1, x0:x1] += change
        steps.append(heated)
    top, left = max(y0 - MARGIN, 0), max(x0 - MARGIN, 0)
    crops = [step[top : y1 + MARGIN, left : x1 + MARGIN] for step in steps]
    limits = (float(min(crop.min() for crop in crops)), float(max(crop.max() for crop in crops)))
    height, width = crops[0].shape
    factor = TILE / max(height, width)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    tiles = [
        np.asarray(cv2.resize(paint(crop, limits), size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
        for crop in crops
    ]
    return beside(tiles)
