"""A tiny data set on disk: one site, three pairs, two of them with defects."""

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ddlivm.data import load_taxonomy

WIDTH, HEIGHT = 80, 64
GAIN, OFFSET = 0.01, -273.15
BOXES = {"a": [(10, 12, 18, 20, "dirty"), (40, 30, 60, 36, "diode_failure")], "b": [(0, 0, 12, 9, "dust")], "c": []}


def write_site(folder: Path, site: str = "site1") -> Path:
    """Write the data set and return its folder."""
    types = load_taxonomy().names
    for part in ("infrared", "visible"):
        (folder / site / part).mkdir(parents=True)
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for number, (name, boxes) in enumerate(BOXES.items(), start=1):
        celsius = np.full((HEIGHT, WIDTH), 30.0)
        for x0, y0, x1, y1, _ in boxes:
            celsius[y0:y1, x0:x1] = 50
        counts = np.rint((celsius - OFFSET) / GAIN).astype(np.uint16)
        cv2.imwrite(str(folder / site / "infrared" / f"{name}.png"), counts)
        cv2.imwrite(str(folder / site / "visible" / f"{name}.jpg"), np.full((2 * HEIGHT, 2 * WIDTH, 3), 90, np.uint8))
        images.append({"id": number, "file_name": f"infrared/{name}.png", "width": WIDTH, "height": HEIGHT})
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
