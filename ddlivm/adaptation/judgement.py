"""What a detector is worth on pictures whose defects are known: source tiles, and pasted pictures of the flight."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import numpy.typing as npt
import torch

from ddlivm.adaptation.backgrounds import Background
from ddlivm.adaptation.record import Worth
from ddlivm.augmentation.sample import Sample
from ddlivm.augmentation.source_tiles import SourceTiles
from ddlivm.data import Detections, Transform, box_outlines
from ddlivm.data.boxes import Boxes, centres_inside, correct, found, iou_matrix, near
from ddlivm.data.calibration import Calibration
from ddlivm.data.panels import on_panels
from ddlivm.detector.architecture import CONFIDENCE_FLOOR
from ddlivm.detector.duplicates import resolve_duplicates
from ddlivm.detector.encoders import fuse
from ddlivm.detector.normalisation import InfraredRange
from ddlivm.detector.tensors import infrared_tensor, visible_tensor
from ddlivm.parameters import HeadSelection
from ddlivm.selection.calibration import IOU
from ddlivm.thermography import excess, heats
from ddlivm.training.tuning import JointStep

RANKS = (0.7, 0.8, 0.87, 0.92, 0.95, 0.97, 0.98, 0.99)
"""Shares of the detections that lie below the thresholds that are tried to find the best: most detections are none."""

SAME = 0.3
"""IoU from which a detection finds a defect, whose centre it may also hold."""


@dataclass(frozen=True)
class Known:
    """A picture whose defects are known.

    Attributes:
        sample: Its images, its infrared values above the median, and its defects.
        span: The values that `InfraredRange` makes a step of 1.
        radiometric: Whether the infrared values are kelvin.
        panels: (h, w) bool, beside which detections are left out and whose heat is measured; None where neither is.
    """

    sample: Sample
    span: float
    radiometric: bool = True
    panels: npt.NDArray[np.bool_] | None = None

    @classmethod
    def bare(cls, infrared: npt.NDArray[np.float32], visible: npt.NDArray[np.uint8], span: float) -> Self:
        """Return a picture without known defects, beside whose panels nothing is left out."""
        nothing = Detections.empty()
        return cls(Sample(infrared, visible, nothing.boxes, nothing.classes, ()), span)

    @classmethod
    def own(cls, background: Background) -> Self:
        """Return a picture of the flight without pastes: what is known are the anomalies that thermography reports."""
        known = background.known
        sample = Sample(background.infrared, background.visible, known.boxes, known.classes, box_outlines(known.boxes))
        return cls(sample, background.span, background.radiometric, background.panels)

    @property
    def labels(self) -> Detections:
        """The defects."""
        return Detections(self.sample.boxes, np.ones(len(self.sample.boxes), np.float32), self.sample.classes)


def known_tiles(tiles: SourceTiles) -> tuple[Known, ...]:
    """Return the source tiles as known pictures."""
    return tuple(Known(sample, span) for sample, span in zip(tiles.samples, tiles.spans, strict=True))


@torch.no_grad()
def detect(parts: JointStep, known: Sequence[Known], parameters: HeadSelection) -> list[Detections]:
    """Return what the parts detect on each picture, best first, by the chain's rules and with raw scores.

    Args:
        parts: Encoders and head; batch normalisation takes its running statistics.
        known: The pictures.
        parameters: How detections are treated.
    """
    parts.eval()
    device = next(parts.parameters()).device
    return [_detect(parts, picture, parameters, device) for picture in known]


def _detect(parts: JointStep, picture: Known, parameters: HeadSelection, device: torch.device) -> Detections:
    sample = picture.sample
    values = InfraredRange(0.0, picture.span).normalise(sample.infrared)
    infrared = parts.infrared(infrared_tensor(values[None]).to(device))
    visible = parts.visible(visible_tensor(sample.visible[None]).to(device))
    detections = parts.head.detect(fuse(infrared, visible), sample.size, CONFIDENCE_FLOOR)[0]
    if parameters.duplicate_overlap is not None:
        detections = resolve_duplicates(detections, parameters.duplicate_overlap)
    if picture.panels is None or not parameters.panel_share:
        return detections
    mask = picture.panels.astype(np.float32)
    kept = on_panels(detections.boxes, mask, sample.size, Transform(1.0, 0.0, 0.0), parameters.panel_share)
    detections = detections[kept]
    measured = heats(excess(sample.infrared, picture.panels, picture.radiometric), detections.boxes)
    return replace(detections, heats=measured)


def worth(detections: Sequence[Detections], known: Sequence[Known], calibration: Calibration) -> Worth:
    """Judge what is reported from a calibration's threshold on.

    Args:
        detections: With raw scores, on each picture.
        known: The pictures.
        calibration: The head's.
    """
    reported = [entry[entry.calibrated(calibration) >= calibration.threshold] for entry in detections]
    boxes = Boxes.of(enumerate(reported)).canonical()
    truth = Boxes.of((number, picture.labels) for number, picture in enumerate(known))
    if not len(boxes) or not len(truth):
        return Worth(0.0, 0.0)
    hits = found(boxes, truth, IOU) >= 0
    return Worth(float(correct(boxes, truth).mean()), float(hits.sum() / len(truth)))


def best_worth(detections: Sequence[Detections], known: Sequence[Known], beta: float) -> Worth:
    """Judge what a detector can do, at the threshold with the best F measure: thresholds are for one plant.

    Args:
        detections: With raw scores, on each picture.
        known: The pictures.
        beta: How many times as much recall counts as accuracy.
    """
    scores = np.concatenate([np.zeros(0, np.float32), *(entry.scores for entry in detections)])
    steps = np.unique(np.quantile(scores, RANKS)) if len(scores) else scores
    worths = [worth(detections, known, Calibration(float(step))) for step in steps]
    return max(worths, key=lambda entry: entry.measure(beta), default=Worth(0.0, 0.0))


def agreement(detections: Sequence[Detections], known: Sequence[Known], calibration: Calibration) -> Worth:
    """Judge what is reported by place alone: on the flight's own pictures, whether thermography reports it too.

    Args:
        detections: With raw scores, on each picture.
        known: The pictures.
        calibration: The head's.
    """
    reported = [entry[entry.calibrated(calibration) >= calibration.threshold] for entry in detections]
    pairs = [near(found.boxes, picture.sample.boxes, SAME) for found, picture in zip(reported, known, strict=True)]
    right, hits = (sum(int(pair.any(axis=axis).sum()) for pair in pairs) for axis in (1, 0))
    total, defects = (sum(pair.shape[axis] for pair in pairs) for axis in (0, 1))
    return Worth(right / total if total else 0.0, hits / defects if defects else 0.0)


def matches(found: Detections, labels: Detections) -> npt.NDArray[np.bool_]:
    """Return which detections find which defects, whatever the type, (n, defects)."""
    inside = centres_inside(found.boxes, labels.boxes)
    return np.asarray(inside | (iou_matrix(found.boxes, labels.boxes) >= SAME))
