"""The one class that detections and labels travel in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True)
class Detections:
    """Boxes of one image.

    Attributes:
        boxes: (n, 4) float32 xyxy pixels; the frame is the raw infrared image unless a docstring says otherwise.
        scores: (n,) float32 in [0, 1]; ones for labels.
        classes: (n,) int64 class indices into the taxonomy.
    """

    boxes: npt.NDArray[np.float32]
    scores: npt.NDArray[np.float32]
    classes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.boxes)

    def __getitem__(self, index: Any) -> Self:
        """Select by a mask, a slice or an index array."""
        return type(self)(self.boxes[index], self.scores[index], self.classes[index])

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
        """Return COCO results: `category_id` is the class index + 1, `bbox` is xywh."""
        return [
            {
                "image_id": image_id,
                "category_id": int(kind) + 1,
                "bbox": [round(float(value), 2) for value in (x0, y0, x1 - x0, y1 - y0)],
                "score": round(float(score), 5),
            }
            for (x0, y0, x1, y1), score, kind in zip(self.boxes, self.scores, self.classes, strict=True)
        ]

    @classmethod
    def from_coco(cls, entries: Iterable[dict[str, Any]]) -> Self:
        """Read the entries of one image; labels without `score` get 1."""
        rows = list(entries)
        boxes = np.array([row["bbox"] for row in rows], dtype=np.float32).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        return cls.of(boxes, [row.get("score", 1.0) for row in rows], [row["category_id"] - 1 for row in rows])
