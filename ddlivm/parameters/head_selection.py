"""Head selection's section (3.3)."""

from typing import Literal

from pydantic import Field

from ddlivm.parameters.base import Section


class HeadSelection(Section):
    """Which head of the bank to use on a plant without labels.

    Attributes:
        score: how heads are judged; `paper`: mean IoU of their detections before and after source defects are pasted
            beside them, `agreement`: mean IoU of their detections with those of the other heads, nothing pasted.
        window: side of the neighbourhood that a defect is pasted into, raw infrared pixels of a 640-pixel-wide image.
        score_threshold: The threshold of reported detections where no site was set aside to calibrate on, 0 to 1.
        duplicate_overlap: IoU above which two detections of different types are at the same place, of which the better
            is reported and the other becomes its alternative; null reports both, as mmdet's heads do.
        panel_share: Share of a detection's box that panels must cover, 0 to 1; what lies beside them is left out. A
            weed that hangs over a row's edge is half beside it. 0 filters nothing.
        maximum_pairs: How many target pairs with detections are perturbed, out of at most twice as many that are looked
            at; null perturbs all. Agreement uses all pairs.
        resamples: bootstrap resamples of the pairs, for the scores' spread.
        sam_checkpoint: a SAM checkpoint for the detections' contours; null takes a threshold inside the box.
        threads: of the processor.
        seed: of the pastes and the resamples.
    """

    score: Literal["paper", "agreement"]
    window: int = Field(ge=4, le=512)
    score_threshold: float = Field(ge=0, le=1)
    duplicate_overlap: float | None = Field(ge=0, le=1)
    panel_share: float = Field(ge=0, le=1)
    maximum_pairs: int | None = Field(ge=1)
    resamples: int = Field(ge=10, le=100_000)
    sam_checkpoint: str | None
    threads: int = Field(ge=1)
    seed: int = Field(ge=0)
