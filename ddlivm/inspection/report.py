"""An inspection's report: one page that needs nothing else."""

import base64
from collections import Counter
from pathlib import Path
from typing import Any

from ddlivm.data import load_taxonomy
from ddlivm.inspection.inspection import InspectedPair, Inspection
from ddlivm.inspection.map import site_map
from ddlivm.inspection.model import ShippedModel

MOST_PICTURES = 80
"""More pictures than these, 100 kB each, and a page becomes slow to open; the others lie beside it."""


def write_report(folder: Path, inspection: Inspection, model: ShippedModel) -> None:
    """Write `report.html` from an inspection and the pictures in `folder/annotated`."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("ddlivm.inspection", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    ordered = sorted(inspection.pairs, key=lambda entry: (-_surest(entry), entry.pair.name))
    shown = [entry for entry in ordered if len(entry.detections)] or ordered
    page = environment.get_template("report.html").render(
        inspection=inspection,
        card=model.card,
        identity=model.card.content_hash,
        detections=sum(len(entry.detections) for entry in inspection.pairs),
        off_panels=sum(entry.off_panels for entry in inspection.pairs),
        with_detections=sum(len(entry.detections) > 0 for entry in inspection.pairs),
        types=_types(inspection),
        map=site_map(inspection.pairs),
        candidates=sorted(inspection.choice.candidates, key=lambda entry: (-(entry.score or -1.0), entry.head)),
        rows=[_row(entry) for entry in inspection.pairs],
        shots=[_shot(folder, entry) for entry in shown[:MOST_PICTURES]],
        unshown=len(inspection.pairs) - len(shown[:MOST_PICTURES]),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _surest(entry: InspectedPair) -> float:
    return float(entry.detections.scores.max()) if len(entry.detections) else 0.0


def _types(inspection: Inspection) -> list[tuple[str, str, int, int]]:
    """Return each type that was found: its label, how it can be seen, detections, and on how many pairs."""
    kinds = [entry.detections.classes.tolist() for entry in inspection.pairs]
    counts = Counter(kind for found in kinds for kind in found)
    on = Counter(kind for found in kinds for kind in set(found))
    types = load_taxonomy().types
    return [
        (types[kind].label, "visible" if types[kind].external else "infrared only", count, on[kind])
        for kind, count in counts.most_common()
    ]


def _row(entry: InspectedPair) -> dict[str, Any]:
    labels = Counter(load_taxonomy().types[int(kind)].label for kind in entry.detections.classes)
    return {
        "name": entry.pair.name,
        "found": ", ".join(f"{label} {count}" if count > 1 else label for label, count in labels.items()),
        "surest": _surest(entry),
        "place": f"{entry.place.latitude:.6f}, {entry.place.longitude:.6f}" if entry.place else "",
        "confidence": entry.alignment.confidence,
        "flags": ", ".join(flag.replace("_", " ") for flag in entry.alignment.flags),
    }


def _shot(folder: Path, entry: InspectedPair) -> dict[str, str]:
    data = (folder / "annotated" / f"{entry.pair.name}.jpg").read_bytes()
    count = len(entry.detections)
    return {
        "name": entry.pair.name,
        "caption": f"{entry.pair.name}: {count} detection{'' if count == 1 else 's'}",
        "uri": f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}",
    }
