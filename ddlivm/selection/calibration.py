"""Calibrate heads on source sites that no training has seen: what their scores are worth, and which to report."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections
from ddlivm.data.boxes import Boxes, correct, found
from ddlivm.data.calibration import DECIMALS, Calibration, logit

IOU = 0.4
"""IoU from which on a detection finds a defect (4.1.4)."""

STEPS = 50
"""Newton steps at most; it settles after about ten."""

UNKNOWN = 0.5
"""The threshold of a head that finds no defect there: what it detects must be likelier right than wrong."""

WEIGHT = 1e-2
"""Pull of the slope towards 1, in units of one detection: what a handful of detections cannot tell stays as it is."""


def calibrate(detections: Sequence[Detections], labels: Sequence[Detections], beta: float) -> Calibration:
    """Fit one head's calibration.

    The threshold is the one with the best F measure of accuracy and recall@0.4. The accuracy is the one that the
    calibrated scores promise: on a few dozen detections it is smoother than the share of those that are right.

    Args:
        detections: The head's detections on each image that was set aside, with raw scores.
        labels: The labelled defects of each of these images.
        beta: How many times as much recall counts as accuracy, above 0.
    """
    boxes = Boxes.of(enumerate(detections)).canonical()
    truth = Boxes.of(enumerate(labels)).canonical()
    right = correct(boxes, truth)
    slope, offset = fit_logistic(logit(boxes.scores), right)
    whole = Calibration(0.0, slope, offset)
    scores = whole.probabilities(boxes.scores.astype(np.float32)).astype(np.float64).round(DECIMALS)
    hits = found(boxes, truth, IOU) >= 0
    threshold = _threshold(scores, hits, len(truth), beta)
    reported = scores >= threshold
    return Calibration(
        threshold,
        slope,
        offset,
        len(boxes),
        float(right[reported].mean()) if reported.any() else 0.0,
        float(hits[reported].sum() / len(truth)) if len(truth) else 0.0,
    )


def _threshold(scores: npt.NDArray[np.float64], hits: npt.NDArray[np.bool_], defects: int, beta: float) -> float:
    """Return the threshold for (n,) falling calibrated scores."""
    if not len(scores) or not hits.any():
        return UNKNOWN
    accuracy = np.cumsum(scores) / np.arange(1, len(scores) + 1)
    recall = np.cumsum(hits) / defects
    measure = (1 + beta**2) * accuracy * recall / (beta**2 * accuracy + recall)
    last = int(np.argmax(measure * np.append(scores[:-1] > scores[1:], True)))  # equal scores stand on one side
    below = scores[last + 1] if last + 1 < len(scores) else 0.0
    return round(float(scores[last] + below) / 2, DECIMALS)


def fit_logistic(values: npt.NDArray[np.float64], right: npt.NDArray[np.bool_]) -> tuple[float, float]:
    """Return slope and offset of the logistic curve that makes (n,) outcomes likeliest, by Newton's method.

    Outcomes are drawn in a little, as Platt does it: otherwise the curve would be infinitely steep where all of the
    surest detections are right. A slope that is not positive would turn the scores' order round; then scores stay.
    """
    if not len(values):
        return 1.0, 0.0
    positive, negative = int(right.sum()), int((~right).sum())
    aim = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))
    inputs = np.stack([values, np.ones(len(values))], axis=1)
    pull = np.array([WEIGHT, 1e-9])
    weights = np.array([1.0, 0.0])
    for _ in range(STEPS):
        guess = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (guess - aim) + pull * (weights - [1.0, 0.0])
        curvature = (inputs * (guess * (1 - guess))[:, None]).T @ inputs + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    slope, offset = (round(float(value), 6) for value in weights)
    return (slope, offset) if slope > 0 else (1.0, 0.0)
