"""The one class that detections and labels travel in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from ddlivm.data.calibration import DECIMALS, Calibration


@dataclass(frozen=True)
class Detections:
    """Boxes of one image.

    Attributes:
        boxes: (n, 4) float32 xyxy pixels; the frame is the raw infrared image unless a docstring says otherwise.
        scores: (n,) float32 in [0, 1]; ones for labels.
        classes: (n,) int64 class indices into the taxonomy.
        alternatives: (n, types) float32, the scores of the other types that were detected at the same place, 0 for
            those that were not; None where duplicates have not been resolved.
        heats: (n,) float32, how much hotter the hottest panel pixels of each box are than healthy panels would be
            there, deviations of healthy panels; None where it was not measured.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]
    alternatives: npt.NDArray[np.float32] | None = None
    heats: npt.NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Self:
        """Select by a mask, a slice or an index array."""
        others = None if self.alternatives is None else self.alternatives[index]
        heats = None if self.heats is None else self.heats[index]
        return type(self)(self.boxes[index], self.scores[index], self.classes[index], others, heats)

    @property
    def any_type(self) -> npt.NDArray[np.float32]:
        """(n,) the score of a defect of any type at each place; that of the best one without alternatives."""
        if self.alternatives is None:
            return self.scores
        return np.asarray(1 - (1 - self.scores) * np.prod(1 - self.alternatives, axis=1), np.float32)

    def calibrated(self, calibration: Calibration) -> npt.NDArray[np.float32]:
        """Return the (n,) calibrated scores of detections with raw ones."""
        return calibration.probabilities(self.any_type if calibration.any_type else self.scores, self.heats)

    @classmethod
    def of(cls, boxes: npt.ArrayLike, scores: npt.ArrayLike, classes: npt.ArrayLike) -> Self:
        """Build from anything array-like; empty lists are fine."""
        return cls(
            np.asarray(boxes, dtype=np.float32).reshape(-1, 4),
            np.asarray(scores, dtype=np.float32).reshape(-1),
            np.asarray(classes, dtype=np.int64).reshape(-1),
        )

    @classmethod
    def empty(cls) -> Self:
        """No boxes."""
        return cls.of([], [], [])

    def to_coco(self, image_id: int) -> list[dict[str, Any]]:
        """Return COCO results: `category_id` is the class index + 1, `bbox` is xywh.

        Where duplicates have been resolved, `alternatives` lists the other types that were detected at the same place,
        each with its `category_id` and `score`, best first.
        """
        rows: list[dict[str, Any]] = [
            {
                "image_id": image_id,
                "category_id": int(kind) + 1,
                "bbox": [round(float(value), 2) for value in (x0, y0, x1 - x0, y1 - y0)],
                "score": round(float(score), DECIMALS),
            }
            for (x0, y0, x1, y1), score, kind in zip(self.boxes, self.scores, self.classes, strict=True)
        ]
        for row, others in zip(rows, self.alternatives if self.alternatives is not None else (), strict=False):
            row["alternatives"] = [
                {"category_id": int(kind) + 1, "score": round(float(others[kind]), DECIMALS)}
                for kind in np.argsort(-others, kind="stable")
                if others[kind] > 0
            ]
        return rows

    @classmethod
    def from_coco(cls, entries: Iterable[dict[str, Any]]) -> Self:
        """Read the entries of one image; labels without `score` get 1."""
        rows = list(entries)
        boxes = np.array([row["bbox"] for row in rows], dtype=np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return cls.of(boxes, [row.get("score", 1.0) for row in rows], [row["category_id"] - 1 for row in rows])
