"""Write a simulated data set: images in parallel processes, labels and truth beside them."""

import multiprocessing
from collections.abc import Generator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import yaml

from ddlivm.data.taxonomy import load_taxonomy
from ddlivm.errors import InputError
from ddlivm.files import replacing, write_json
from ddlivm.simulation.camera import INFRARED_SIZE
from ddlivm.simulation.pair import simulate_pair
from ddlivm.simulation.plan import PairPlan, plan
from ddlivm.simulation.plants import PLANTS, Plant

JPEG_QUALITY = 90


@dataclass(frozen=True)
class _Written:
    """A written pair's labels and truth, ready for JSON."""

    annotations: list[dict[str, Any]]
    panels: dict[str, list[list[float]]]
    truth: dict[str, float]


def write_data_set(out: Path, sites: int, pairs: int, seed: int, workers: int) -> Generator[int]:
    """Write `out` and yield the number of finished pairs as it goes; `out` appears only when it is whole.

    Raises:
        InputError: `out` exists with something else in it, or cannot be written, or the numbers make no sense.
    """
    plans = plan(sites, pairs, seed)
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out}: is there already; remove it, or give another --out")
    with replacing(out) as folder:
        for site in plans:
            for part in ("infrared", "visible"):
                (folder / site / part).mkdir(parents=True)
        jobs = [(each, folder / site) for site, listed in plans.items() for each in listed]
        written: dict[str, list[_Written]] = {site: [] for site in plans}
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=cv2.setNumThreads, initargs=(1,)) as pool:
            for done, ((each, _), result) in enumerate(zip(jobs, pool.map(_write_pair, jobs), strict=True), 1):
                written[each.plant.id].append(result)
                yield done
        for site, listed in plans.items():
            _write_labels(folder / site, listed, written[site])
        _write_sites(folder / "sites.yaml", list(plans))


def _write_pair(job: tuple[PairPlan, Path]) -> _Written:
    each, folder = job
    pair = simulate_pair(each.plant, each.kinds, each.seed, each.texture_seed)
    options = [cv2.IMWRITE_PNG_COMPRESSION, 1] if _radiometric(each.plant) else [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY]
    _encode(folder / "infrared" / _infrared_name(each), pair.infrared, options)
    bgr = np.asarray(cv2.cvtColor(pair.visible, cv2.COLOR_RGB2BGR), np.uint8)
    _encode(folder / "visible" / f"{each.name}.jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    taxonomy = load_taxonomy()
    annotations = []
    for label in pair.labels:
        (x0, y0), (x1, y1) = label.polygon.min(axis=0), label.polygon.max(axis=0)
        annotations.append(
            {
                "category_id": taxonomy.index(label.kind) + 1,
                "bbox": [round(float(value), 2) for value in (x0, y0, x1 - x0, y1 - y0)],
                "area": round(float((x1 - x0) * (y1 - y0)), 2),
                "iscrowd": 0,
                "segmentation": [_flat(label.polygon)],
            }
        )
    panels = {modality: [_flat(outline) for outline in outlines] for modality, outlines in pair.panels.items()}
    truth = {key: round(value, 6) for key, value in asdict(pair.transform).items()}
    return _Written(annotations, panels, truth)


def _radiometric(plant: Plant) -> bool:
    return plant.rig.gain == "radiometric"


def _infrared_name(each: PairPlan) -> str:
    return f"{each.name}.{'png' if _radiometric(each.plant) else 'jpg'}"


def _encode(path: Path, image: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], options: list[int]) -> None:
    if not cv2.imwrite(str(path), image, options):
        raise InputError(f"{path}: cannot be written; is the disk full?")


def _flat(points: npt.NDArray[np.float64]) -> list[float]:
    return [round(float(value), 2) for value in points.ravel()]


def _write_labels(folder: Path, plans: tuple[PairPlan, ...], written: list[_Written]) -> None:
    images = [
        {
            "id": index + 1,
            "file_name": f"infrared/{_infrared_name(each)}",
            "visible": f"visible/{each.name}.jpg",
            "width": INFRARED_SIZE[0],
            "height": INFRARED_SIZE[1],
        }
        for index, each in enumerate(plans)
    ]
    rows = [{"image_id": index + 1, **row} for index, result in enumerate(written) for row in result.annotations]
    content = {
        "info": {"description": "simulated", "site": folder.name},
        "images": images,
        "categories": [{"id": index + 1, "name": name} for index, name in enumerate(load_taxonomy().names)],
        "annotations": [{"id": index + 1, **row} for index, row in enumerate(rows)],
        "panels": [
            {"image_id": index + 1, "modality": modality, "polygons": polygons}
            for index, result in enumerate(written)
            for modality, polygons in result.panels.items()
        ],
    }
    write_json(folder / "annotations.json", content)
    truth = {each.name: result.truth for each, result in zip(plans, written, strict=True)}
    write_json(folder / "truth.json", {"pairs": truth})


def _write_sites(path: Path, sites: list[str]) -> None:
    entries = [
        {
            "id": plant.id,
            "name": f"#{index + 1}",
            "station": plant.station,
            "camera": plant.rig.name,
            "altitude_m": plant.altitude,
            "terrain": plant.terrain,
            "day": asdict(plant.day),
            **({"temperature_scale": {"gain": 0.01, "offset": -273.15}} if _radiometric(plant) else {}),
            "simulated": True,
        }
        for index, plant in enumerate(PLANTS)
        if plant.id in sites
    ]
    path.write_text(yaml.safe_dump(entries, sort_keys=False), encoding="utf-8")
