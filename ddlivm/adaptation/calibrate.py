"""Calibrate an adapted head on pictures of the flight, without labels.

Pastes are easier to find than what a flight really has, so that scores that are calibrated on them promise too much.
What thermography reports on the same pictures is as hard as real defects are. It does not tell types apart well, so
that a score is how likely any defect is there.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddlivm.adaptation.judgement import Known, matches
from ddlivm.data import Detections
from ddlivm.data.calibration import DECIMALS, Calibration
from ddlivm.parameters import Adaptation
from ddlivm.selection.calibration import fit_curve

Flags = npt.NDArray[np.bool_]

RULE_OF_THREE = 3
"""Added to a small number of events, it gives their upper limit at a confidence of 95 %; zero events may be three."""

NEVER = 1.0
"""The threshold where no score is enough."""


def calibrated(
    detections: Sequence[Detections], known: Sequence[Known], shipped: Calibration, settings: Adaptation
) -> tuple[Calibration, float]:
    """Fit the adapted head's calibration.

    Args:
        detections: What it detects on each picture, with raw scores.
        known: The pictures.
        shipped: The shipped head's calibration, whose word on the heat stands: thermography, which is what is known
            here, would have it decide alone.
        settings: The section.

    Returns:
        The calibration, and the false alarms per picture at its threshold: detections where nothing is known.
    """
    pairs = [matches(found, picture.labels) for found, picture in zip(detections, known, strict=True)]
    right = np.concatenate([np.zeros(0, bool), *(match.any(axis=1) for match in pairs)])
    curve = fit_curve(detections, right, any_type=True, shipped=shipped)
    scores = [found.calibrated(curve) for found in detections]
    threshold = _threshold(scores, pairs, settings)
    reported = [own >= threshold for own in scores]
    hits = sum(int(match[kept].any(axis=0).sum()) for match, kept in zip(pairs, reported, strict=True))
    total, defects = sum(int(kept.sum()) for kept in reported), sum(match.shape[1] for match in pairs)
    strays = sum(int((kept & ~match.any(axis=1)).sum()) for match, kept in zip(pairs, reported, strict=True))
    calibration = replace(
        curve,
        threshold=threshold,
        accuracy=(total - strays) / total if total else 0.0,
        recall40=hits / defects if defects else 0.0,
    )
    return calibration, round(strays / len(known), 3)


def _threshold(scores: Sequence[npt.NDArray[np.float32]], pairs: Sequence[Flags], settings: Adaptation) -> float:
    """Return the threshold with the best F measure of those that keep to the false alarms that are allowed.

    It keeps to them with a confidence of 95 %: no false alarm on three pictures may be one per picture on the others.
    Where there are too few pictures for that, nothing is reported by its score alone.
    """
    defects = sum(match.shape[1] for match in pairs)
    best, measure = NEVER, 0.0
    for candidate in np.unique(np.concatenate([np.zeros(0, np.float32), *scores])):
        kept = [own >= candidate for own in scores]
        reported = sum(int(own.sum()) for own in kept)
        strays = sum(int((own & ~match.any(axis=1)).sum()) for own, match in zip(kept, pairs, strict=True))
        if strays + RULE_OF_THREE > settings.false_alarms * len(pairs) or not defects:
            continue
        accuracy = 1 - strays / reported
        recall = sum(int(match[own].any(axis=0).sum()) for own, match in zip(kept, pairs, strict=True)) / defects
        weighted = settings.beta**2 * accuracy + recall
        value = (1 + settings.beta**2) * accuracy * recall / weighted if weighted else 0.0
        if value > measure:
            best, measure = float(candidate), value
    return round(best, DECIMALS)
