"""Tiny data sets on disk: one site, in °C and with labels."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from ddlivm.data import load_taxonomy

WIDTH, HEIGHT = 80, 64
GAIN, OFFSET = 0.01, -273.15
Labelled = tuple[npt.NDArray[Any], list[tuple[int, int, int, int, str]]]
"""(H, W) °C, and (x0, y0, x1, y1, type) for each defect."""
BOXES = {"a": [(10, 12, 18, 20, "dirty"), (40, 30, 60, 36, "diode_failure")], "b": [(0, 0, 12, 9, "dust")], "c": []}


def write_site(folder: Path, site: str = "site1") -> Path:
    """Write a data set of three pairs, two of them with defects, and return its folder."""
    images: dict[str, Labelled] = {}
    for name, boxes in BOXES.items():
        celsius = np.full((HEIGHT, WIDTH), 30.0)
        for x0, y0, x1, y1, _ in boxes:
            celsius[y0:y1, x0:x1] = 50
        images[name] = celsius, boxes
    return write_images(folder, images, site)


def write_images(folder: Path, labelled: Mapping[str, Labelled], site: str = "site1") -> Path:
    """Write a data set of one site, with grey visible images, and return its folder."""
    types = load_taxonomy().names
    for part in ("infrared", "visible"):
        (folder / site / part).mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, (celsius, boxes)) in enumerate(labelled.items(), start=1):
        height, width = celsius.shape
        counts = np.rint((celsius - OFFSET) / GAIN).astype(np.uint16)
        cv2.imwrite(str(folder / site / "infrared" / f"{name}.png"), counts)
        cv2.imwrite(str(folder / site / "visible" / f"{name}.jpg"), np.full((2 * height, 2 * width, 3), 90, np.uint8))
        images.append({"id": number, "file_name": f"infrared/{name}.png", "width": width, "height": height})
        for x0, y0, x1, y1, kind in boxes:
            annotations.append(
                {
                    "id": 100 + len(annotations),
                    "image_id": number,
                    "category_id": types.index(kind) + 1,
                    "bbox": [x0, y0, x1 - x0, y1 - y0],
                    "area": (x1 - x0) * (y1 - y0),
                    "iscrowd": 0,
                }
            )
    categories = [{"id": index + 1, "name": name} for index, name in enumerate(types)]
    content = {"info": {}, "images": images, "categories": categories, "annotations": annotations, "panels": []}
    (folder / site / "annotations.json").write_text(json.dumps(content))
    scale = f"{{gain: {GAIN}, offset: {OFFSET}}}"
    (folder / "sites.yaml").write_text(
        f"- {{id: {site}, name: {site}, station: one, temperature_scale: {scale}, simulated: true}}\n"
    )
    return folder
