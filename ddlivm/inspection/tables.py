"""An inspection as files for machines: COCO JSON, CSV, and a summary."""

import csv
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.data import load_taxonomy
from ddlivm.data.calibration import DECIMALS
from ddlivm.files import write_json
from ddlivm.inspection.anomalies import UNCLASSIFIED
from ddlivm.inspection.basis import basis
from ddlivm.inspection.inspection import InspectedPair, Inspection
from ddlivm.inspection.model import ShippedModel

COLUMNS = (
    *("pair", "type", "score", "x0", "y0", "x1", "y1", "latitude", "longitude"),
    *("source", "shape", "size", "peak", "unit"),
)
DETECTOR, ANOMALY = "detector", "anomaly"
"""The sources of a finding: the trained detector, or the comparison with healthy panels."""
UNCLASSIFIED_ID = len(load_taxonomy()) + 1
"""The COCO category of unclassified anomalies, after the defect types."""


def finding_rows(inspection: Inspection) -> list[dict[str, Any]]:
    """Return a row per finding, pair by pair: the detections, then the anomalies that none of them explains.

    Each row holds its pair, type, xyxy raw infrared pixels, where the picture was taken, and its source. Detections
    have a score; anomalies have none, but a shape group, a size in pixels and a peak with its unit.
    """
    return [row for entry in inspection.pairs for row in (*_detection_rows(entry), *_anomaly_rows(entry))]


def _detection_rows(entry: InspectedPair) -> Iterator[dict[str, Any]]:
    names, found = load_taxonomy().names, entry.detections
    for box, score, kind in zip(found.boxes, found.scores, found.classes, strict=True):
        own = {"type": names[int(kind)], "score": round(float(score), DECIMALS), "source": DETECTOR}
        yield dict.fromkeys(COLUMNS) | _where(entry, box) | own


def _anomaly_rows(entry: InspectedPair) -> Iterator[dict[str, Any]]:
    found = entry.anomalies
    for box, size, peak, shape in zip(found.boxes, found.sizes, found.peaks, found.shape_names, strict=True):
        own = {"type": UNCLASSIFIED, "source": ANOMALY, "shape": shape, "size": int(size)}
        yield dict.fromkeys(COLUMNS) | _where(entry, box) | own | {"peak": round(float(peak), 2), "unit": found.unit}


def _where(entry: InspectedPair, box: npt.NDArray[np.float32]) -> dict[str, Any]:
    place = {"latitude": entry.place.latitude, "longitude": entry.place.longitude} if entry.place else {}
    corners = (round(float(value), 2) for value in box)
    return {"pair": entry.pair.name, **dict(zip(("x0", "y0", "x1", "y1"), corners, strict=True)), **place}


def write_csv(path: Path, inspection: Inspection) -> None:
    """Write `finding_rows`; what is not known, or does not apply, is left empty."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        writer.writeheader()
        writer.writerows(finding_rows(inspection))


def write_coco(path: Path, inspection: Inspection) -> None:
    """Write a COCO data set; boxes are xywh raw infrared pixels.

    Annotations of the detector carry scores. Those with `source: anomaly` have none: they are hot regions that no
    detection explains, with their shape group, peak and unit.
    """
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
            annotations.append({**row, "id": len(annotations) + 1, "area": area, "iscrowd": 0, "source": DETECTOR})
        for row in _anomaly_rows(entry):
            x0, y0, x1, y1 = (row[side] for side in ("x0", "y0", "x1", "y1"))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image_id,
                    "category_id": UNCLASSIFIED_ID,
                    "bbox": [x0, y0, round(x1 - x0, 2), round(y1 - y0, 2)],
                    "area": row["size"],
                    "iscrowd": 0,
                    **{key: row[key] for key in ("source", "shape", "peak", "unit")},
                }
            )
    names = (*load_taxonomy().names, UNCLASSIFIED)
    categories = [{"id": index, "name": name} for index, name in enumerate(names, start=1)]
    content = {
        "info": {"description": "DD-LIVM detections and unclassified anomalies; boxes are raw infrared pixels"},
        "images": images,
        "annotations": annotations,
        "categories": categories,
    }
    write_json(path, content)


def summary(inspection: Inspection, model: ShippedModel) -> dict[str, Any]:
    """Return the inspection in figures."""
    found = Counter(str(row["type"]) for row in finding_rows(inspection))
    anomalies = found.pop(UNCLASSIFIED, 0)
    transform = inspection.alignment.transform
    return {
        "pairs": len(inspection.pairs),
        "pairs_with_detections": sum(len(entry.detections) > 0 for entry in inspection.pairs),
        "pairs_with_findings": sum(entry.findings > 0 for entry in inspection.pairs),
        "detections": found.total(),
        "anomalies": anomalies,
        "off_panels": sum(entry.off_panels for entry in inspection.pairs),
        "by_type": dict(sorted(found.items())),
        "score_threshold": inspection.thresholds.everywhere,
        "score_threshold_at_anomalies": inspection.thresholds.at_anomalies,
        "rests_on": basis(inspection, model.card),
        "rejected": [{"file": entry.path.name, "reason": entry.reason} for entry in inspection.rejected],
        "head": inspection.choice.head,
        "head_choice": inspection.choice.how,
        "transductive": inspection.choice.transductive,
        "adaptation": None if inspection.adaptation is None else inspection.adaptation.content(),
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
