"""An inspection as files for machines: COCO JSON, CSV, and a summary."""

import csv
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ddlivm.data import load_taxonomy
from ddlivm.data.calibration import DECIMALS
from ddlivm.files import write_json
from ddlivm.inspection.inspection import Inspection
from ddlivm.inspection.model import ShippedModel

COLUMNS = ("pair", "type", "score", "x0", "y0", "x1", "y1", "latitude", "longitude")


def detection_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """Return a row a detection: its pair, type, score, xyxy raw infrared pixels, and where the picture was taken."""
    names = load_taxonomy().names
    rows = []
    for entry in inspection.pairs:
        found = entry.detections
        for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
            corners = dict(zip(("x0", "y0", "x1", "y1"), (round(float(value), 2) for value in box), strict=True))
            place = {
                "latitude": entry.place.latitude if entry.place else None,
                "longitude": entry.place.longitude if entry.place else None,
            }
            row = {"pair": entry.pair.name, "type": names[int(kind)], "score": round(float(score), DECIMALS)}
            rows.append(row | corners | place)
    return rows


def write_csv(path: Path, inspection: Inspection) -> None:
    """Write `detection_rows`; a position that is not known is left empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(detection_rows(inspection))


def write_coco(path: Path, inspection: Inspection) -> None:
    """Write a COCO data set whose annotations carry scores; boxes are xywh raw infrared pixels."""
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for image_id, entry in enumerate(inspection.pairs, start=1):
        image: dict[str, Any] = {
            "id": image_id,
            "file_name": entry.pair.infrared_path.name,
            "visible": entry.pair.visible_path.name,
            "width": entry.size[0],
            "height": entry.size[1],
        }
        if entry.place:
            image |= {"latitude": entry.place.latitude, "longitude": entry.place.longitude}
        images.append(image)
        for row in entry.detections.to_coco(image_id):
            area = round(row["bbox"][2] * row["bbox"][3], 2)
            annotations.append({**row, "id": len(annotations) + 1, "area": area, "iscrowd": 0})
    categories = [{"id": index, "name": name} for index, name in enumerate(load_taxonomy().names, start=1)]
    content = {
        "info": {"description": "DD-LIVM detections; boxes are raw infrared pixels"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_json(path, content)


def summary(inspection: Inspection, model: ShippedModel) -> dict[str, Any]:
    """Return the inspection in figures."""
    rows = detection_rows(inspection)
    transform = inspection.alignment.transform
    return {
        "pairs": len(inspection.pairs),
        "pairs_with_detections": sum(len(entry.detections) > 0 for entry in inspection.pairs),
        "detections": len(rows),
        "off_panels": sum(entry.off_panels for entry in inspection.pairs),
        "by_type": dict(sorted(Counter(row["type"] for row in rows).items())),
        "score_threshold": inspection.score_threshold,
        "rejected": [{"file": entry.path.name, "reason": entry.reason} for entry in inspection.rejected],
        "head": inspection.choice.head,
        "head_choice": inspection.choice.how,
        "transductive": inspection.choice.transductive,
        "notes": list(inspection.choice.notes),
        "heads": [asdict(candidate) for candidate in inspection.choice.candidates],
        "alignment": {
            "scale": round(transform.scale, 5),
            "offset": [round(transform.offset_x, 2), round(transform.offset_y, 2)],
            "rotation_deg": round(transform.rotation_deg, 3),
            "confidence": round(inspection.alignment.confidence, 3),
            "unsure_pairs": inspection.unsure,
            "flags": list(inspection.alignment.flags),
            "pair_flags": dict(
                sorted(Counter(flag for entry in inspection.pairs for flag in entry.alignment.flags).items())
            ),
        },
        "model": {"content_hash": model.card.content_hash, "default_head": model.card.default},
    }
