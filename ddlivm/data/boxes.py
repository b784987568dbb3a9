"""Boxes of many images in flat arrays, which of them overlap, and which predictions are right (4.1.4)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ddlivm.data.detections import Detections


@dataclass(frozen=True)
class Boxes:
    """Predictions or labels of many images, in raw infrared pixels.

    Attributes:
        images: (n,) int64, which image each box is in.
        boxes: (n, 4) float64 xyxy.
        scores: (n,) float64 in [0, 1]; ones for labels.
        classes: (n,) int64 class indices into the taxonomy.
    """

    images: npt.NDArray[np.int64]
    boxes: npt.NDArray[np.float64]
    scores: npt.NDArray[np.float64]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, index: Any) -> Self:
        """Select by a mask, a slice or an index array."""
        return type(self)(self.images[index], self.boxes[index], self.scores[index], self.classes[index])

    @classmethod
    def of(cls, images: Iterable[tuple[int, Detections]]) -> Self:
        """Flatten the detections of many images, given with their image ids."""
        rows = list(images)
        return cls(
            np.repeat(np.array([image for image, _ in rows], dtype=np.int64), [len(boxes) for _, boxes in rows]),
            np.concatenate([np.zeros((0, 4)), *(boxes.boxes for _, boxes in rows)]).astype(np.float64),
            np.concatenate([np.zeros(0), *(boxes.scores for _, boxes in rows)]).astype(np.float64),
            np.concatenate([np.zeros(0), *(boxes.classes for _, boxes in rows)]).astype(np.int64),
        )

    @classmethod
    def from_coco(cls, results: Sequence[dict[str, Any]]) -> Self:
        """Read COCO results: `category_id` is the class index + 1, `bbox` is xywh."""
        boxes = np.array([row["bbox"] for row in results], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return cls(
            np.array([row["image_id"] for row in results], dtype=np.int64),
            boxes,
            np.array([row["score"] for row in results], dtype=np.float64),
            np.array([row["category_id"] for row in results], dtype=np.int64) - 1,
        )

    def above(self, threshold: float) -> Self:
        """Return the boxes whose score is at least `threshold`."""
        return self[self.scores >= threshold]

    def canonical(self) -> Self:
        """Sort by falling score, then by place and class, so that the order in which boxes came cannot matter."""
        return self[np.lexsort((self.classes, *self.boxes.T[::-1], self.images, -self.scores))]

    def detections(self, image: int) -> Detections:
        """Return the boxes of one image."""
        chosen = self[self.images == image]
        return Detections.of(chosen.boxes, chosen.scores, chosen.classes)


@dataclass(frozen=True)
class Overlaps:
    """Every (prediction, truth) pair of the same image whose IoU is above 0.

    Attributes:
        prediction: (k,) int64 indices into the predictions.
        truth: (k,) int64 indices into the truth.
        iou: (k,) float64 in (0, 1].
    """

    prediction: npt.NDArray[np.int64]
    truth: npt.NDArray[np.int64]
    iou: npt.NDArray[np.float64]

    def __getitem__(self, index: Any) -> "Overlaps":
        """Select by a mask or an index array."""
        return Overlaps(self.prediction[index], self.truth[index], self.iou[index])


def overlaps(predictions: Boxes, truth: Boxes) -> Overlaps:
    """Join predictions and truth by image and keep the pairs that overlap."""
    order = np.argsort(truth.images, kind="stable")
    images = truth.images[order]
    first = np.searchsorted(images, predictions.images, side="left")
    counts = np.searchsorted(images, predictions.images, side="right") - first
    prediction = np.repeat(np.arange(len(predictions)), counts)
    # The k-th pair of a prediction points at the k-th truth of its image.
    place = np.arange(counts.sum()) - np.repeat(np.cumsum(counts) - counts, counts)
    pair_truth = order[np.repeat(first, counts) + place]
    values = iou(predictions.boxes[prediction], truth.boxes[pair_truth])
    keep = values > 0
    return Overlaps(prediction[keep], pair_truth[keep], values[keep])


def iou(first: npt.NDArray[np.float64], second: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the IoU of (n, 4) xyxy boxes with (n, 4) others, row by row; 0 where both are empty."""
    sides = np.minimum(first[:, 2:], second[:, 2:]) - np.maximum(first[:, :2], second[:, :2])
    common = np.prod(np.clip(sides, 0, None), axis=1)
    union = np.prod(first[:, 2:] - first[:, :2], axis=1) + np.prod(second[:, 2:] - second[:, :2], axis=1) - common
    return np.divide(common, union, out=np.zeros_like(common), where=union > 0)


def centres_inside(boxes: npt.NDArray[np.float32], others: npt.NDArray[np.float32]) -> npt.NDArray[np.bool_]:
    """Return which of (n, 4) xyxy boxes have their centre in which of (m, 4) others, (n, m)."""
    centres = (boxes[:, None, :2] + boxes[:, None, 2:]) / 2
    return np.asarray(((centres >= others[:, :2]) & (centres <= others[:, 2:])).all(axis=2))


def near(boxes: npt.NDArray[np.float32], others: npt.NDArray[np.float32], overlap: float) -> npt.NDArray[np.bool_]:
    """Return which of (n, 4) xyxy boxes are at the place of which of (m, 4) others, whatever their sizes, (n, m).

    Args:
        boxes: The boxes.
        others: The others.
        overlap: The IoU that is enough; the centre of one in the other is enough too.
    """
    centres = centres_inside(boxes, others) | centres_inside(others, boxes).T
    return np.asarray(centres | (iou_matrix(boxes, others) >= overlap))


def iou_matrix(first: npt.NDArray[np.float32], second: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the (n, m) IoU of (n, 4) and (m, 4) xyxy boxes; 0 where both are empty."""
    rows, columns = (boxes.astype(np.float64) for boxes in (first, second))
    pairs = np.repeat(rows, len(columns), axis=0), np.tile(columns, (len(rows), 1))
    return iou(*pairs).reshape(len(rows), len(columns))


def match(candidates: Overlaps, predictions: int) -> npt.NDArray[np.int64]:
    """Give each prediction, in order, the free truth box that it overlaps most, as COCO's evaluation does.

    Args:
        candidates: the overlaps that are good enough to match.
        predictions: how many predictions there are, sorted by falling score.

    Returns:
        (predictions,) int64: the index of the matched truth box, or -1.
    """
    order = np.lexsort((candidates.truth, -candidates.iou, candidates.prediction))
    matched = np.full(predictions, -1, dtype=np.int64)
    taken: set[int] = set()
    for prediction, truth in zip(candidates.prediction[order].tolist(), candidates.truth[order].tolist(), strict=True):
        if matched[prediction] < 0 and truth not in taken:
            matched[prediction] = truth
            taken.add(truth)
    return matched


def correct(predictions: Boxes, truth: Boxes) -> npt.NDArray[np.bool_]:
    """Return which predictions are correct (4.1.4): the truth box of highest IoU, above 0, has the same class.

    Where several truth boxes share the highest IoU, one of the same class is enough.

    Returns:
        (n,) bool, parallel to `predictions`.
    """
    pairs = overlaps(predictions, truth)
    best = np.zeros(len(predictions))
    np.maximum.at(best, pairs.prediction, pairs.iou)
    right = (pairs.iou == best[pairs.prediction]) & (
        predictions.classes[pairs.prediction] == truth.classes[pairs.truth]
    )
    answer = np.zeros(len(predictions), dtype=bool)
    answer[pairs.prediction[right]] = True
    return answer


def found(predictions: Boxes, truth: Boxes, iou_threshold: float, same_class: bool = True) -> npt.NDArray[np.int64]:
    """Match predictions to truth boxes one to one, in the order of falling score.

    Args:
        predictions: sorted by `Boxes.canonical`.
        truth: the labels.
        iou_threshold: the least IoU of a match.
        same_class: whether both must have the same class.

    Returns:
        (n,) int64: the truth box that each prediction finds, or -1.
    """
    pairs = overlaps(predictions, truth)
    good = pairs.iou >= iou_threshold
    if same_class:
        good &= predictions.classes[pairs.prediction] == truth.classes[pairs.truth]
    return match(pairs[good], len(predictions))
