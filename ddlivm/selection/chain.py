"""The one chain from an aligned pair to its detections: what is judged is what ships.

Both encoders, one head, one detection per place, its heat, the panel filter, the calibrated scores. `head_selection`
writes what the chain gives, evaluation and gate judge that, and the served model and `ddlivm predict` run the same
chain.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from ddlivm.data import AlignedPair, Detections
from ddlivm.data.calibration import Calibration
from ddlivm.data.panels import on_panels
from ddlivm.detector.architecture import CONFIDENCE_FLOOR, UNTRAINED
from ddlivm.detector.duplicates import resolve_duplicates
from ddlivm.parameters import HeadSelection
from ddlivm.thermography import Excess, heats, pair_excess

Features = Sequence[Any]
"""A pyramid: four maps whose first axis is the batch."""

Panels = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]
"""Panel probability (h, w), at any size, over a raw visible image (H, W, 3)."""


class HeadBank(Protocol):
    """What the chain needs of `ddlivm.detector.load.Detector`."""

    @property
    def references(self) -> tuple[str, ...]:
        """The heads to compare with, never to choose."""

    @property
    def heads(self) -> tuple[str, ...]:
        """The heads to choose from."""

    @property
    def working_size(self) -> tuple[int, int]:
        """(width, height) of the working infrared image."""

    def encode_infrared(self, values: npt.NDArray[np.float32], radiometric: bool) -> Any:
        """Encode (B, h, w) working infrared images to four maps."""

    def encode_visible(self, images: npt.NDArray[np.uint8]) -> Any:
        """Encode (B, 7h/4, 7w/4, 3) working visible images to four maps."""

    def detect(self, head: str, infrared: Any, visible: Any, minimum_score: float = ...) -> list[Detections]:
        """Detect with one head, in the working frame."""

    def detect_untrained(
        self, values: npt.NDArray[np.float32], radiometric: bool, images: npt.NDArray[np.uint8]
    ) -> list[Detections]:
        """Detect with fresh weights, in the working frame."""


@dataclass(frozen=True)
class View:
    """A pair as the heads see it.

    Attributes:
        pair: The pair.
        values: (h, w) float32, the working infrared image, °C or grey levels.
        image: (7h/4, 7w/4, 3) uint8 RGB, the working visible image.
        infrared: The infrared encoder's maps.
        visible: The visible encoder's maps.
        panels: Panel probability over the raw visible image; None where nothing is filtered.
        excess: How much hotter the raw infrared image's panels are than healthy ones; None without `panels`.
    """

    pair: AlignedPair
    values: npt.NDArray[np.float32]
    image: npt.NDArray[np.uint8]
    infrared: Features
    visible: Features
    panels: npt.NDArray[np.float32] | None
    excess: Excess | None


@dataclass(frozen=True)
class Found:
    """One head's detections on one pair, in the working frame, best first, with calibrated scores.

    Attributes:
        on_panels: The detections that lie on panels.
        beside: The ones that do not, which are left out of everything else.
    """

    on_panels: Detections
    beside: Detections


@dataclass(frozen=True)
class Chain:
    """The chain with a loaded model.

    Attributes:
        detector: Encoders and heads.
        panels: Finds the panels of a visible image.
        parameters: `head_selection`'s section, which says how detections are treated.
        calibrations: Each head's calibration; heads without one keep their raw scores.
    """

    detector: HeadBank
    panels: Panels
    parameters: HeadSelection
    calibrations: Mapping[str, Calibration] = field(default_factory=dict)

    def calibration(self, head: str) -> Calibration:
        """Return a head's calibration, or what stands for one where nothing was set aside.

        Everything that the untrained reference detects is reported: its scores cannot be calibrated.
        """
        if head == UNTRAINED:
            return Calibration(0.0)
        return self.calibrations.get(head, Calibration(self.parameters.score_threshold))

    def see(self, pair: AlignedPair) -> View:
        """Read and encode a pair; its raw images stay in memory as long as the pair does."""
        values, image = pair.infrared(), pair.visible()
        panels = self.panels(pair.raw_visible) if self.parameters.panel_share else None
        return View(
            pair,
            values,
            image,
            self.detector.encode_infrared(values[None], pair.raw_infrared.radiometric),
            self.detector.encode_visible(image[None]),
            panels,
            None if panels is None else pair_excess(pair, panels),
        )

    def detect(self, head: str, view: View, infrared: Features | None = None) -> Found:
        """Detect with one head.

        Args:
            head: One of the detector's heads or references.
            view: What `see` gave.
            infrared: Maps to detect in instead of the view's own, those of a perturbed image; the heat stays that of
                the image itself.
        """
        if head == UNTRAINED:
            radiometric = view.pair.raw_infrared.radiometric
            found = self.detector.detect_untrained(view.values[None], radiometric, view.image[None])[0]
        else:
            maps = view.infrared if infrared is None else infrared
            found = self.detector.detect(head, maps, view.visible, CONFIDENCE_FLOOR)[0]
        if self.parameters.duplicate_overlap is not None:
            found = resolve_duplicates(found, self.parameters.duplicate_overlap)
        kept = self._on_panels(found, view)
        beside = found[~kept]
        found = found[kept]
        if view.excess is not None:
            found = replace(found, heats=heats(view.excess, view.pair.frame.to_raw(found.boxes)))
        return Found(self._calibrated(head, found), self._calibrated(head, beside))

    def _calibrated(self, head: str, found: Detections) -> Detections:
        calibration, others = self.calibration(head), found.alternatives
        if others is not None:
            known = None if found.heats is None else found.heats[:, None]
            others = np.where(others > 0, calibration.probabilities(others, known), 0).astype(np.float32)
        answer = replace(found, scores=found.calibrated(calibration), alternatives=others)
        # Heat and other types change the order; one type's curve does not.
        reordered = calibration.any_type or calibration.heat
        return answer[np.argsort(-answer.scores, kind="stable")] if reordered else answer

    def _on_panels(self, found: Detections, view: View) -> npt.NDArray[np.bool_]:
        if view.panels is None:
            return np.ones(len(found), dtype=bool)
        height, width = view.pair.raw_visible.shape[:2]
        boxes = view.pair.frame.to_raw(found.boxes)
        share = self.parameters.panel_share
        return on_panels(boxes, view.panels, (width, height), view.pair.transform, share)
