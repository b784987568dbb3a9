"""What stands behind the figures: curves, confusion, other thresholds, and what limits the selected head."""

from collections.abc import Sequence

import numpy as np

from ddlivm.data import load_taxonomy
from ddlivm.data.boxes import Boxes, correct, found
from ddlivm.evaluation.figures import Curves, Limits, Matched, Operating, Side
from ddlivm.evaluation.metrics import precision_curves

SIDES = (0.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0)
THRESHOLDS = tuple(round(0.05 * step, 2) for step in range(1, 20))


def curves(rows: dict[str, Boxes], truth: Boxes, iou_threshold: float) -> Curves:
    """Return the precision curves of each table row, and of each type for the row `selected`."""
    names = load_taxonomy().names
    by_row = {row: precision_curves(boxes, truth, iou_threshold) for row, boxes in rows.items()}
    return Curves(
        rows={row: _rounded(np.mean(list(by_type.values()), axis=0)) for row, by_type in by_row.items()},
        types={names[kind]: _rounded(curve) for kind, curve in by_row["selected"].items()},
    )


def thresholds(predictions: Boxes, truth: Boxes, iou_threshold: float) -> tuple[Operating, ...]:
    """Return accuracy, recall and the number of predictions over the score threshold."""
    answer = []
    for threshold in THRESHOLDS:
        above = predictions.above(threshold).canonical()
        right, matched = correct(above, truth), found(above, truth, iou_threshold)
        answer.append(
            Operating(
                threshold,
                float(right.mean()) if len(above) else 0.0,
                float((matched >= 0).sum() / len(truth)),
                len(above),
            )
        )
    return tuple(answer)


def matched(predictions: Boxes, truth: Boxes, recall40: float, iou_threshold: float) -> Matched:
    """Return a head's accuracy at the highest threshold that reaches a recall.

    Args:
        predictions: all of them.
        truth: the labels.
        recall40: the recall to reach, 0 to 1.
        iou_threshold: the least IoU of a match.
    """
    ordered, truth = predictions.canonical(), truth.canonical()
    recalled = np.cumsum(found(ordered, truth, iou_threshold) >= 0) / len(truth)
    first = int(np.searchsorted(recalled, recall40 - 1e-9))
    if first == len(recalled):
        return Matched(recall40, None, None)
    threshold = float(ordered.scores[first])
    above = ordered.above(threshold)
    return Matched(recall40, round(float(correct(above, truth).mean()), 5), threshold)


def confusion(predictions: Boxes, truth: Boxes, iou_threshold: float) -> tuple[tuple[int, ...], ...]:
    """Count [true class][predicted class] of boxes that match whatever their class; the last is the background.

    Args:
        predictions: those at or above the score threshold.
        truth: the labels.
        iou_threshold: the least IoU of a match.
    """
    background = len(load_taxonomy())
    predictions, truth = predictions.canonical(), truth.canonical()
    matched = found(predictions, truth, iou_threshold, same_class=False)
    hit = matched >= 0
    missed = np.setdiff1d(np.arange(len(truth)), matched)
    counts = np.zeros((background + 1, background + 1), dtype=np.int64)
    for row, column in (
        (truth.classes[matched[hit]], predictions.classes[hit]),
        (np.full(int((~hit).sum()), background), predictions.classes[~hit]),
        (truth.classes[missed], np.full(len(missed), background)),
    ):
        np.add.at(counts, (row, column), 1)
    return tuple(tuple(int(value) for value in row) for row in counts)


def limits(predictions: Boxes, truth: Boxes, iou_threshold: float, outside: int) -> Limits:
    """Return recall without diagnosis and by size.

    Args:
        predictions: those at or above the score threshold.
        truth: the labels.
        iou_threshold: the least IoU of a match.
        outside: defects that only the infrared camera shows.
    """
    predictions, truth = predictions.canonical(), truth.canonical()
    matched = found(predictions, truth, iou_threshold)
    anyway = found(predictions, truth, iou_threshold, same_class=False)
    sides = np.sqrt(np.prod(truth.boxes[:, 2:] - truth.boxes[:, :2], axis=1))
    place = np.digitize(sides, SIDES) - 1
    all_defects = np.bincount(place, minlength=len(SIDES))
    recalled = np.bincount(place[matched[matched >= 0]], minlength=len(SIDES))
    return Limits(
        recall40_any_class=float((anyway >= 0).sum() / len(truth)),
        median_side=round(float(np.median(sides)), 2),
        sides=tuple(Side(side, int(all_defects[index]), int(recalled[index])) for index, side in enumerate(SIDES)),
        outside=outside,
    )


def _rounded(values: Sequence[float] | np.ndarray) -> tuple[float, ...]:
    return tuple(round(float(value), 5) for value in values)
