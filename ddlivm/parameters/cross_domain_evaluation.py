"""Cross-domain evaluation's section (4.1.4)."""

from pydantic import Field

from ddlivm.parameters.base import Section


class CrossDomainEvaluation(Section):
    """Accuracy, recall and mAP at IoU 0.4.

    Attributes:
        score_threshold: the one threshold at which accuracy and recall are quoted, 0 to 1.
        iou_threshold: of recall and mAP, 0 to 1.
    """

    score_threshold: float = Field(ge=0, le=1)
    iou_threshold: float = Field(gt=0, le=1)
