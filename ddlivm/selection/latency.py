"""How long the chain takes to detect in one pair, measured while the heads are examined."""

import time
from collections.abc import Callable
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt

from ddlivm.data import Detections
from ddlivm.detector.architecture import CONFIDENCE_FLOOR
from ddlivm.selection.chain import HeadBank, Panels


class TimedBank:
    """A head bank that measures its own calls and changes nothing else.

    Attributes:
        references: the heads to compare with.
        heads: the heads to choose from.
        working_size: (width, height) of the working infrared image.
    """

    def __init__(self, bank: HeadBank, finish: Callable[[], None] = lambda: None) -> None:
        """Wrap a bank; `finish` waits for work that a call only began, as calls to a GPU do."""
        self._bank = bank
        self._finish = finish
        self._seconds: dict[str, list[float]] = {}
        self.references = bank.references
        self.heads = bank.heads
        self.working_size = bank.working_size

    def seconds_per_pair(self, head: str) -> float | None:
        """Return the median time of one pair by one head, both encoders and panels included; None before any pair."""
        parts = [self._seconds.get(name) for name in ("infrared", "visible", head)]
        panels = self._seconds.get("panels", [0.0])
        return sum(median(part) for part in (*parts, panels) if part) if all(parts) else None

    def timed(self, panels: Panels) -> Panels:
        """Return what finds panels, its calls measured too."""
        return lambda visible: self._timed("panels", 1, lambda: panels(visible))

    def encode_infrared(self, values: npt.NDArray[np.float32], radiometric: bool) -> Any:
        """Encode (B, h, w) working infrared images to four maps."""
        return self._timed("infrared", len(values), lambda: self._bank.encode_infrared(values, radiometric))

    def encode_visible(self, images: npt.NDArray[np.uint8]) -> Any:
        """Encode (B, 7h/4, 7w/4, 3) working visible images to four maps."""
        return self._timed("visible", len(images), lambda: self._bank.encode_visible(images))

    def detect(
        self, head: str, infrared: Any, visible: Any, minimum_score: float = CONFIDENCE_FLOOR
    ) -> list[Detections]:
        """Detect with one head, in the working frame."""
        return self._timed(head, len(infrared[0]), lambda: self._bank.detect(head, infrared, visible, minimum_score))

    def detect_untrained(
        self, values: npt.NDArray[np.float32], radiometric: bool, images: npt.NDArray[np.uint8]
    ) -> list[Detections]:
        """Detect with fresh weights, in the working frame."""
        return self._bank.detect_untrained(values, radiometric, images)

    def _timed(self, name: str, pairs: int, call: Callable[[], Any]) -> Any:
        started = time.perf_counter()
        result = call()
        self._finish()
        self._seconds.setdefault(name, []).append((time.perf_counter() - started) / max(pairs, 1))
        return result
