"""Accuracy, recall and mean average precision of one site's predictions (4.1.4)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ddlivm.data import load_taxonomy
from ddlivm.data.boxes import Boxes, correct, found

RECALL_LEVELS = np.linspace(0, 1, 101)
"""Where the interpolated precision-recall curve is read, as COCO's evaluation does."""


@dataclass(frozen=True)
class TypeMeasures:
    """Figures of one defect type.

    Attributes:
        accuracy: share of the predictions of this type that are correct (Table 4's grouping: by predicted type).
        recall40: share of the defects of this type that are found; None when there are none.
        ap40: average precision; None when there are no defects of this type.
        predictions: predictions of this type at or above the score threshold.
        defects: labelled defects of this type.
        correct: the correct ones among `predictions`.
        recalled: the found ones among `defects`.
    """

    accuracy: float
    recall40: float | None
    ap40: float | None
    predictions: int
    defects: int
    correct: int
    recalled: int


@dataclass(frozen=True)
class Measures:
    """Figures of one head on one site, or their mean over sites.

    Attributes:
        accuracy: share of the predictions that are correct (4.1.4); 0 when there are none.
        recall40: share of the defects that a prediction of their type finds.
        map40: average precision, mean over the types that are present.
        predictions: predictions at or above the score threshold.
        defects: labelled defects, the ones outside the common ground of both cameras included.
        types: the figures of each type, by its key.
    """

    accuracy: float
    recall40: float
    map40: float
    predictions: int
    defects: int
    types: dict[str, TypeMeasures]


def interpolated_precision(
    scores: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_], defects: int
) -> npt.NDArray[np.float64]:
    """Return the interpolated precision at each of `RECALL_LEVELS`.

    Predictions of equal score count together, so that their order cannot matter.

    Args:
        scores: (n,) sorted, falling.
        hits: (n,) whether each prediction finds a defect.
        defects: how many there are to find, at least one.
    """
    last = np.flatnonzero(np.append(np.diff(scores) != 0, True)) if len(scores) else np.zeros(0, dtype=np.int64)
    true = np.cumsum(hits)[last]
    precision = np.maximum.accumulate((true / (last + 1))[::-1])[::-1]
    place = np.searchsorted(true / defects, RECALL_LEVELS, side="left")
    return np.append(precision, 0.0)[np.minimum(place, len(precision))]


def precision_curves(predictions: Boxes, truth: Boxes, iou_threshold: float) -> dict[int, npt.NDArray[np.float64]]:
    """Return the interpolated precision at each of `RECALL_LEVELS`, by class, for the classes that are present.

    Args:
        predictions: all of them, whatever their score.
        truth: the labels.
        iou_threshold: the least IoU of a match.
    """
    predictions = predictions.canonical()
    hits = found(predictions, truth.canonical(), iou_threshold) >= 0
    curves = {}
    for kind, defects in zip(*np.unique(truth.classes, return_counts=True), strict=True):
        own = predictions.classes == kind
        curves[int(kind)] = interpolated_precision(predictions.scores[own], hits[own], int(defects))
    return curves


def measure(predictions: Boxes, truth: Boxes, score_threshold: float, iou_threshold: float) -> Measures:
    """Return the figures of one head on one site.

    Args:
        predictions: all of them; accuracy and recall use those at or above `score_threshold`, mAP uses all.
        truth: the labels.
        score_threshold: 0 to 1.
        iou_threshold: the least IoU of recall and mAP, 0 to 1.
    """
    truth = truth.canonical()
    above = predictions.above(score_threshold).canonical()
    right = correct(above, truth)
    matched = found(above, truth, iou_threshold)
    recalled = matched[matched >= 0]
    precision = {
        kind: float(curve.mean()) for kind, curve in precision_curves(predictions, truth, iou_threshold).items()
    }
    types = {}
    for kind, name in enumerate(load_taxonomy().names):
        of_type, defects = above.classes == kind, int((truth.classes == kind).sum())
        types[name] = _type_measures(
            int(of_type.sum()),
            int(right[of_type].sum()),
            defects,
            int((truth.classes[recalled] == kind).sum()),
            precision.get(kind),
        )
    return Measures(
        accuracy=_share(int(right.sum()), len(above)),
        recall40=_share(len(recalled), len(truth)),
        map40=float(np.mean(list(precision.values()))) if precision else 0.0,
        predictions=len(above),
        defects=len(truth),
        types=types,
    )


def mean_over_sites(sites: Sequence[Measures]) -> Measures:
    """Average as the paper does: each site weighs the same; counts add up.

    The types' accuracy and recall are taken over all sites' boxes together (a type may be rare on one site); their
    average precision is the mean over the sites that have the type.
    """
    types = {}
    for name in sites[0].types:
        rows = [site.types[name] for site in sites]
        precisions = [row.ap40 for row in rows if row.ap40 is not None]
        types[name] = _type_measures(
            sum(row.predictions for row in rows),
            sum(row.correct for row in rows),
            sum(row.defects for row in rows),
            sum(row.recalled for row in rows),
            float(np.mean(precisions)) if precisions else None,
        )
    return Measures(
        accuracy=float(np.mean([site.accuracy for site in sites])),
        recall40=float(np.mean([site.recall40 for site in sites])),
        map40=float(np.mean([site.map40 for site in sites])),
        predictions=sum(site.predictions for site in sites),
        defects=sum(site.defects for site in sites),
        types=types,
    )


def _type_measures(predictions: int, right: int, defects: int, recalled: int, ap40: float | None) -> TypeMeasures:
    return TypeMeasures(
        accuracy=_share(right, predictions),
        recall40=recalled / defects if defects else None,
        ap40=ap40,
        predictions=predictions,
        defects=defects,
        correct=right,
        recalled=recalled,
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
