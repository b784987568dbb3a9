"""Calibrate heads on source sites that no training has seen: what their scores are worth, and which to report."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections
from ddlivm.data.boxes import Boxes, correct, found
from ddlivm.data.calibration import DECIMALS, Calibration, logarithmic, logit

IOU = 0.4
"""IoU from which on a detection finds a defect (4.1.4)."""

STEPS = 50
"""Newton steps at most; it settles after about ten."""

UNKNOWN = 0.5
"""The threshold of a head that finds no defect there: what it detects must be likelier right than wrong."""

WEIGHT = 1e-2
"""Pull of the score's factor towards 1 and of the heat's towards 0, in units of one detection. A handful of detections
changes little."""


def calibrate(detections: Sequence[Detections], labels: Sequence[Detections], beta: float) -> Calibration:
    """Fit one head's calibration.

    The threshold is the one with the best F measure of accuracy and recall@0.4. The accuracy is the one that the
    calibrated scores promise: on a few dozen detections it is smoother than the share of those that are right.

    Args:
        detections: The head's detections on each image that was set aside, with raw scores and, where panels are known,
            heats.
        labels: The labelled defects of each of these images.
        beta: How many times as much recall counts as accuracy, above 0.
    """
    truth = Boxes.of(enumerate(labels)).canonical()
    curve = fit_curve(detections, correct(Boxes.of(enumerate(detections)), truth))
    calibrated = (replace(entry, scores=entry.calibrated(curve)) for entry in detections)
    boxes = Boxes.of(enumerate(calibrated)).canonical()
    scores, right, hits = boxes.scores.round(DECIMALS), correct(boxes, truth), found(boxes, truth, IOU) >= 0
    threshold = _threshold(scores, hits, len(truth), beta)
    reported = scores >= threshold
    return replace(
        curve,
        threshold=threshold,
        accuracy=float(right[reported].mean()) if reported.any() else 0.0,
        recall40=float(hits[reported].sum() / len(truth)) if len(truth) else 0.0,
    )


def fit_curve(
    detections: Sequence[Detections],
    right: npt.NDArray[np.bool_],
    any_type: bool = False,
    shipped: Calibration | None = None,
) -> Calibration:
    """Fit the curve of a calibration, whose threshold is 0 and whose accuracy and recall are not known yet.

    The heat counts where it was measured, and where it makes a defect likelier.

    Args:
        detections: On each image, with raw scores.
        right: (n,) which of them, one image after the other, are right.
        any_type: Whether the score of any type counts instead of the best one's.
        shipped: A calibration whose word on the heat stands; None fits that too.
    """
    scores = [entry.any_type if any_type else entry.scores for entry in detections]
    values = logit(np.concatenate([np.zeros(0), *scores]))
    curve = Calibration(0.0, detections=len(values), any_type=any_type)
    heats = [entry.heats for entry in detections if entry.heats is not None]
    if len(heats) == len(detections) and right.any():
        heat = logarithmic(np.concatenate(heats))
        if shipped is None:
            usual = round(float(heat[right].mean()), 6)
            slope, factor, offset = _likeliest(np.stack([values, heat - usual], axis=1), right)
            if slope > 0 and factor > 0:
                return replace(curve, slope=slope, offset=offset, heat=factor, usual_heat=usual)
        else:
            known = shipped.heat * (heat - shipped.usual_heat)
            slope, offset = fit_logistic(values, right, known)
            return replace(curve, slope=slope, offset=offset, heat=shipped.heat, usual_heat=shipped.usual_heat)
    slope, offset = fit_logistic(values, right)
    return replace(curve, slope=slope, offset=offset)


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


def fit_logistic(
    values: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], known: npt.NDArray[np.float64] | float = 0.0
) -> tuple[float, float]:
    """Return slope and offset of the logistic curve that makes (n,) outcomes likeliest.

    A slope that is not positive would turn the scores' order round; then scores stay.

    Args:
        values: (n,) logits of scores.
        right: (n,) the outcomes.
        known: (n,) evidence that is added to the curve as it is.
    """
    slope, offset = _likeliest(values[:, None], right, known)
    return (slope, offset) if slope > 0 else (1.0, 0.0)


def _likeliest(
    features: npt.NDArray[np.float64], right: npt.NDArray[np.bool_], known: npt.NDArray[np.float64] | float = 0.0
) -> list[float]:
    """Return the logistic weights of (n, k) features and the offset, by Newton's method.

    Outcomes are drawn in a little, as Platt does it: otherwise the curve would be infinitely steep where all of the
    surest detections are right. The first weight is drawn to 1, the others to 0.
    """
    count = features.shape[1]
    rest = np.append(1.0, np.zeros(count))
    if not len(features):
        return list(rest)
    positive, negative = int(right.sum()), int((~right).sum())
    aim = np.where(right, (positive + 1) / (positive + 2), 1 / (negative + 2))
    inputs = np.append(features, np.ones((len(features), 1)), axis=1)
    pull = np.append(np.full(count, WEIGHT), 1e-9)
    weights = rest.copy()

    def surprise(these: npt.NDArray[np.float64]) -> float:
        evidence = inputs @ these + known
        return float((np.logaddexp(0, evidence) - aim * evidence).sum() + (pull * (these - rest) ** 2).sum() / 2)

    for _ in range(STEPS):
        guess = 1 / (1 + np.exp(-inputs @ weights - known))
        gradient = inputs.T @ (guess - aim) + pull * (weights - rest)
        curvature = (inputs * (guess * (1 - guess))[:, None]).T @ inputs + np.diag(pull)
        step = np.linalg.solve(curvature, gradient)
        while surprise(weights - step) > surprise(weights) + 1e-12 and np.abs(step).max() > 1e-9:
            step /= 2
        weights = weights - step
        if np.abs(step).max() < 1e-9:
            break
    return [round(float(value), 6) for value in weights]
