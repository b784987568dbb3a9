"""An inspection's report: one page that needs nothing else."""

import base64
from collections import Counter
from pathlib import Path
from typing import Any

from ddlivm.data import load_taxonomy
from ddlivm.inspection.adaptation import told
from ddlivm.inspection.anomalies import UNCLASSIFIED
from ddlivm.inspection.basis import basis, sentences
from ddlivm.inspection.inspection import InspectedPair, Inspection
from ddlivm.inspection.map import counted, site_map
from ddlivm.inspection.model import ShippedModel
from ddlivm.inspection.pictures import peak_of

MOST_ANOMALIES = 40
"""The rows of the report's table of anomalies; `detections.csv` has them all."""
MOST_PICTURES = 80
"""More pictures than these, 100 kB each, and a page becomes slow to open; the others lie beside it."""


def write_report(folder: Path, inspection: Inspection, model: ShippedModel) -> None:
    """Write `report.html` from an inspection and the pictures in `folder/annotated`."""
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("ddlivm.inspection", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    ordered = sorted(inspection.pairs, key=_urgency)
    shown = [entry for entry in ordered if entry.findings] or ordered
    page = environment.get_template("report.html").render(
        inspection=inspection,
        card=model.card,
        adaptation=told(inspection.adaptation.content() if inspection.adaptation else model.card.adaptation),
        identity=model.card.content_hash,
        detections=sum(len(entry.detections) for entry in inspection.pairs),
        off_panels=sum(entry.off_panels for entry in inspection.pairs),
        with_detections=sum(len(entry.detections) > 0 for entry in inspection.pairs),
        anomalies=sum(len(entry.anomalies) for entry in inspection.pairs),
        with_anomalies=sum(len(entry.anomalies) > 0 for entry in inspection.pairs),
        rests_on=sentences(basis(inspection, model.card)),
        types=_types(inspection),
        peaks=_peaks(inspection),
        map=site_map(inspection.pairs),
        candidates=sorted(inspection.choice.candidates, key=lambda entry: (-(entry.score or -1.0), entry.head)),
        rows=[_row(entry) for entry in inspection.pairs],
        shots=[_shot(folder, entry) for entry in shown[:MOST_PICTURES]],
        unshown=len(inspection.pairs) - len(shown[:MOST_PICTURES]),
    )
    (folder / "report.html").write_text(page, encoding="utf-8")


def _urgency(entry: InspectedPair) -> tuple[bool, float, float, str]:
    """Return what pairs are ordered by: those with findings first, by their surest detection or strongest anomaly.

    Anomalies have no score. A pair that has nothing else stands among the detections as if by one of 0.5: whoever
    reads from the top must not meet it last.
    """
    strongest = float(entry.anomalies.strengths.max()) if len(entry.anomalies) else 0.0
    surest = max(_surest(entry), 0.5 if len(entry.anomalies) else 0.0)
    return entry.findings == 0, -surest, -strongest, entry.pair.name


def _peaks(inspection: Inspection) -> list[tuple[str, str, str, str, int]]:
    """Return the strongest anomalies: pair, shape group, place, peak and size."""
    rows = [
        (float(entry.anomalies.strengths[index]), entry, index)
        for entry in inspection.pairs
        for index in range(len(entry.anomalies))
    ]
    rows.sort(key=lambda row: (-row[0], row[1].pair.name, row[2]))
    return [
        (
            entry.pair.name,
            entry.anomalies.shape_names[index],
            ", ".join(f"{value:.0f}" for value in entry.anomalies.boxes[index]),
            peak_of(entry.anomalies, index),
            int(entry.anomalies.sizes[index]),
        )
        for _, entry, index in rows[:MOST_ANOMALIES]
    ]


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
    if len(entry.anomalies):
        labels[UNCLASSIFIED] = len(entry.anomalies)
    return {
        "name": entry.pair.name,
        "found": ", ".join(f"{label} {count}" if count > 1 else label for label, count in labels.items()),
        "surest": f"{_surest(entry):.2f}" if len(entry.detections) else "",
        "place": f"{entry.place.latitude:.6f}, {entry.place.longitude:.6f}" if entry.place else "",
        "confidence": entry.alignment.confidence,
        "flags": ", ".join(flag.replace("_", " ") for flag in entry.alignment.flags),
    }


def _shot(folder: Path, entry: InspectedPair) -> dict[str, str]:
    data = (folder / "annotated" / f"{entry.pair.name}.jpg").read_bytes()
    return {
        "name": entry.pair.name,
        "caption": f"{entry.pair.name}: {counted(entry)}",
        "uri": f"data:image/jpeg;base64,{base64.b64encode(data).decode('ascii')}",
    }
