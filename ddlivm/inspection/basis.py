"""What an inspection's statements rest on: without it, nothing found would read as a clean plant."""

from typing import Any

import numpy as np

from ddlivm.data import load_taxonomy
from ddlivm.inspection.inspection import Inspection
from ddlivm.inspection.model import ModelCard


def basis(inspection: Inspection, card: ModelCard) -> dict[str, Any]:
    """Return what was looked for, with which model, where, and what was left out.

    Shares are of the infrared images' area: `common_ground` is what both cameras show, all that was looked at;
    `panels` is where panels were found, on which anomalies were looked for.
    """
    return {
        "trained_on": list(card.sources),
        "calibrated_on": list(card.set_aside),
        "types": list(card.classes),
        "score_threshold": inspection.thresholds.everywhere,
        "score_threshold_at_anomalies": inspection.thresholds.at_anomalies,
        "anomalies_detected": inspection.thresholds.detected,
        "anomalies": inspection.thermography.model_dump(mode="json"),
        "common_ground": round(float(np.mean([entry.common_share for entry in inspection.pairs])), 4),
        "panels": round(float(np.mean([entry.panel_share for entry in inspection.pairs])), 4),
        "pairs_without_panels": [entry.pair.name for entry in inspection.pairs if not entry.panel_share],
        "files_left_out": len(inspection.rejected),
    }


def sentences(rests_on: dict[str, Any]) -> list[str]:
    """Say what `basis` holds, for a reader who might take an empty list for a clean plant."""
    labels = {kind.name: kind.label for kind in load_taxonomy().types}
    rule = rests_on["anomalies"]
    said = [
        f"The model learnt from {_listed(rests_on['trained_on'])}; on other plants and cameras it may miss defects.",
        f"Detections are of {len(rests_on['types'])} types with score >= {rests_on['score_threshold']:.3g}: "
        f"{', '.join(labels.get(name, name) for name in rests_on['types'])}.",
        f"Anomalies are regions of panels that stand out of healthy ones by a strength of {rule['strength']:g} robust "
        f"deviations, and modules hotter than those around by {rule['module']:g}; in radiometric images they peak at "
        f"{rule['minimum_kelvin']:g} K or more. What is colder, smaller or fainter is not among them.",
        f"Looked at: {rests_on['common_ground']:.0%} of the infrared images' area, the ground that both cameras show. "
        f"Panels were found on {rests_on['panels']:.0%} of it all, and anomalies looked for there alone.",
    ]
    if rests_on["score_threshold_at_anomalies"] < rests_on["score_threshold"]:
        said.insert(
            2,
            f"With that score the head detects {rests_on['anomalies_detected']:.0%} of the anomalies: the plant is new "
            "to it. Where there is an anomaly, detections count from a score of "
            f"{rests_on['score_threshold_at_anomalies']:.3g} on; the lower the score, the less their type says.",
        )
    if rests_on["pairs_without_panels"]:
        said.append(f"No panels were found on {_listed(rests_on['pairs_without_panels'])}: no anomaly could be either.")
    if rests_on["files_left_out"]:
        one = rests_on["files_left_out"] == 1
        said.append(f"{rests_on['files_left_out']} file{' was' if one else 's were'} left out and not looked at.")
    return said


def _listed(names: list[str], most: int = 12) -> str:
    """Join names, the first of them where there are many."""
    shown = ", ".join(names[:most]) or "no site"
    return f"{shown} and {len(names) - most} more" if len(names) > most else shown
