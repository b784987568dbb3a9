"""Head selection's section (3.3)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class HeadSelection(Section):
    """Robustness of every head to pasted source defects.

    Attributes:
        window: side of the neighbourhood that a defect is pasted into, raw infrared pixels of a 640-pixel-wide image.
        score_threshold: detections below it are not perturbed, 0 to 1.
        seed: of the pastes.
    """

    window: int = Field(ge=4, le=512)
    score_threshold: float = Field(ge=0, le=1)
    seed: int = Field(ge=0)
