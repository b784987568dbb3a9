"""Hotspots through the iterations of Eq. 3 (Figure 9), read from the files that the augmentation stage documents."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import DataSet, Site, load_taxonomy, series_by_site
from ddlivm.data.taxonomy import SHAPES
from ddlivm.errors import InputError
from ddlivm.evaluation.figures import Picture
from ddlivm.evaluation.pictures import Image, beside, paint, write_jpeg
from ddlivm.files import read_json

WIDTH, MOST = 160, 160
MARGIN = 10
SITES = 2


@dataclass(frozen=True)
class Diffusion:
    """One hotspot's diffusion.

    Attributes:
        pair: the pair's name.
        annotation: the COCO id of the hotspot's label.
        box: (x0, y0, x1, y1) raw infrared pixels.
        diffusivity: σ of Eq. 3.
        changes: (iterations, y1 - y0, x1 - x0) float32, what each iteration adds to the image.
    """

    pair: str
    annotation: int
    box: tuple[int, int, int, int]
    diffusivity: float
    changes: npt.NDArray[np.float32]


def write_series_pictures(
    dataset: DataSet, series: Sequence[Path], sources: Sequence[str], out: Path
) -> tuple[Picture, ...]:
    """Write a sheet for each of the first source sites that have a series: a row for a hotspot of each shape.

    Args:
        dataset: the data that the series were made from.
        series: the sites' augmentation folders.
        sources: the sites that the fold learns from.
        out: the folder to write to.

    Raises:
        InputError: a folder is no augmentation output.
    """
    pictures = []
    types = load_taxonomy().types
    for name, folder in sorted(series_by_site(series).items()):
        if name not in sources:
            continue
        classes = _classes(folder)
        rows = strongest(folder, {key: SHAPES.index(types[kind].shape) for key, kind in classes.items()})
        if not rows:
            continue
        file = f"augmentation_{name}.jpg"
        site = dataset.site(name)
        write_jpeg(out / file, _stack([_strip(site, row) for row in rows]))
        told = "; ".join(
            f"{types[classes[row.annotation]].label}, pair {row.pair}, diffusivity σ = {row.diffusivity:.2f}"
            for row in rows
        )
        caption = f"{site.name}: as recorded, then iterations 1 to {len(rows[0].changes)}. From above: {told}"
        pictures.append(Picture("augmentation", file, caption))
        if len(pictures) == SITES:
            break
    return tuple(pictures)


def _classes(folder: Path) -> dict[int, int]:
    """Return annotation id to class index, as the site's source defects have them: no labels are opened here."""
    path = folder / "defects.json"
    try:
        return {int(row["annotation"]): int(row["kind"]) for row in read_json(path)["defects"]}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not the augmentation stage's output ({error!r}); run it again") from error


def strongest(folder: Path, shapes: Mapping[int, int]) -> list[Diffusion]:
    """Return of each hotspot shape the single hotspot that the last iteration changes most, in the shapes' order.

    Args:
        folder: a site's augmentation output.
        shapes: annotation id to the index of its hotspot's shape.

    Raises:
        InputError: the folder is no augmentation output.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / "series.json"
    content = read_json(path)
    best: dict[int, Diffusion] = {}
    try:
        flat = load_file(folder / "series.safetensors")["changes"]
        for row in content["patches"]:
            if len(row["annotations"]) != 1 or row["annotations"][0] not in shapes:
                continue
            x0, y0, x1, y1 = (int(value) for value in row["box"])
            form = (int(content["iterations"]), y1 - y0, x1 - x0)
            changes = flat[row["start"] : row["start"] + math.prod(form)].reshape(form) * np.float32(content["step"])
            annotation = int(row["annotations"][0])
            known = best.get(shapes[annotation])
            if known is None or np.abs(changes[-1]).max() > np.abs(known.changes[-1]).max():
                best[shapes[annotation]] = Diffusion(
                    str(row["pair"]), annotation, (x0, y0, x1, y1), float(row["diffusivity"]), changes
                )
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: is not the augmentation stage's output ({error!r}); run it again") from error
    return [best[shape] for shape in range(len(SHAPES)) if shape in best]


def _strip(site: Site, diffusion: Diffusion) -> Image:
    """Draw a hotspot's surroundings as recorded and after each iteration, in one scale of colours and of one width."""
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
    factor = min(WIDTH / width, MOST / height)
    size = (max(round(width * factor), 1), max(round(height * factor), 1))
    tiles = []
    for crop in crops:
        tile = np.asarray(cv2.resize(paint(crop, limits), size, interpolation=cv2.INTER_NEAREST), dtype=np.uint8)
        spare = WIDTH - size[0]
        tiles.append(np.pad(tile, ((0, 0), (spare // 2, spare - spare // 2), (0, 0)), constant_values=255))
    return beside(tiles)


def _stack(strips: Sequence[Image], gap: int = 8) -> Image:
    white = np.full((gap, strips[0].shape[1], 3), 255, dtype=np.uint8)
    return np.concatenate([part for strip in strips for part in (white, strip)][1:])
